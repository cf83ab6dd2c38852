r"""The density matrix of one momentum, in four real components of O(1).

ρ = [[f_a, ρ_as], [ρ_as*, f_s]] in units of a fixed f_ref; with F = f_eq/f_ref, ρ_as = R + iI and
the deficit δ = F − f_a/f_ref the state is y = (r, R, I, δ), r = f_s/f_ref, and in t = ln(anchor/T)

    r' = K s I
    R' = −K (a I + D R)
    I' = K (a R + ½ s (F − δ − r) − D I)
    δ' = F' + K s I − K γ δ

with K = (clock/H) Δ, s = sin 2θ, a = cos 2θ − V/Δ, D = Γ_damping/2Δ and γ = Γ/Δ of the collisions
that refill f_a. For keV masses K is 1e9 to 1e19, and Γ/H may be as large. I couples to all, but the
others only to I and to themselves: a linear implicit step is solved in closed form.

Quantum kinetic equations of hep-ph/0608101 and 1302.1200 in the form without spinor phases; the
term Γ(f_eq − f_a), which refills f_a, is missing in 1910.04901.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class BlochCoefficients(NamedTuple):
    """Of the equations in the module's docstring, at one t (or at several, one axis each)."""

    frequency: jax.Array  # K
    mixing: jax.Array  # s
    detuning: jax.Array  # a
    damping: jax.Array  # D
    refilling: jax.Array  # γ
    equilibrium: jax.Array  # F
    equilibrium_slope: jax.Array  # F'


def rate_of_change(y: jax.Array, c: BlochCoefficients) -> jax.Array:
    """dy/dt [4]."""
    r, R, I, deficit = y  # noqa: E741
    K = c.frequency
    flow = K * c.mixing * I
    driven = 0.5 * c.mixing * (c.equilibrium - deficit - r)
    return jnp.stack(
        [
            flow,
            -K * (c.detuning * I + c.damping * R),
            K * (c.detuning * R + driven - c.damping * I),
            c.equilibrium_slope + flow - K * c.refilling * deficit,
        ]
    )


def implicit_stage(b: jax.Array, h: jax.Array, c: BlochCoefficients) -> tuple[jax.Array, jax.Array]:
    """y = b + h y'(y) and y' [4 each], solved exactly, for any h K.

    y' is (y − b)/h where y'(y) itself would be a difference of large terms.
    """
    theta = h * c.frequency
    a, s = c.detuning, c.mixing
    damped = 1.0 + theta * c.damping
    refilled = 1.0 + theta * c.refilling
    deficit0 = (b[3] + h * c.equilibrium_slope) / refilled
    driven = 0.5 * s * (c.equilibrium - deficit0 - b[0])
    # Both sides divided by 1 + θ(|a| + s), so that nothing exceeds θ.
    scale = 1.0 + theta * (jnp.abs(a) + s)
    turn, leak = theta * a / scale, theta * s / scale
    diagonal = damped / scale**2 + turn**2 / damped + 0.5 * leak**2 * (1.0 + 1.0 / refilled)
    I = (b[2] / scale + turn * b[1] / damped + theta / scale * driven) / (scale * diagonal)  # noqa: E741
    flow = theta * s * I
    y = jnp.stack(
        [b[0] + flow, (b[1] - theta * a * I) / damped, I, deficit0 + flow / refilled]
    )
    slope = (y - b) / h
    return y, slope.at[0].set(c.frequency * s * I)


def quasi_static(c: BlochCoefficients) -> jax.Array:
    """The state [4] that collisions settle to before anything is converted: r = 0, R' = I' = 0.

    R = −½sF a/(a² + D²), I = ½sF D/(a² + D²): Stodolsky's limit, where f_s grows with
    KsI = (Γ/4H) sin²2θ_eff.
    """
    size = c.detuning**2 + c.damping**2
    half = 0.5 * c.mixing * c.equilibrium
    R, I = -half * c.detuning / size, half * c.damping / size  # noqa: E741
    K = c.frequency
    deficit = (c.equilibrium_slope + K * c.mixing * I) / (1.0 + K * c.refilling)
    return jnp.stack([jnp.zeros_like(R), R, I, deficit])


def slow_part(y: jax.Array, c: BlochCoefficients) -> jax.Array:
    """Occupation of the mostly sterile eigenstate in matter, for changes y of the state.

    ½(f_a + f_s) − ½[|a|(f_a − f_s) − 2sR·sign a]/√(a² + s²). The precession about the matter
    eigenstates, which r shows in first order, is absent: errors of a step are measured with it.
    """
    r, R, _, deficit = y
    length = jnp.sqrt(c.detuning**2 + c.mixing**2)
    length = jnp.where(length == 0.0, 1.0, length)
    size, sign = jnp.abs(c.detuning), jnp.where(c.detuning < 0.0, -1.0, 1.0)
    active = -deficit
    along = (size * (active - r) - 2.0 * sign * c.mixing * R) / length
    return 0.5 * (active + r - along)
