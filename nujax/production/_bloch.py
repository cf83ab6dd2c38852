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
    """y = b + h y'(y) and y' [4 each], solved exactly, for any hK ≥ 0.

    y' is written with b where y'(y) would be a difference of large terms, or (y − b)/h a 0/0.
    """
    K = c.frequency
    theta = h * K
    a, s = c.detuning, c.mixing
    damped, refilled = 1.0 + theta * c.damping, 1.0 + theta * c.refilling
    driven = 0.5 * s * (c.equilibrium - (b[3] + h * c.equilibrium_slope) / refilled - b[0])
    # I (1 + θD + θ²a²/damped + …) = b_I + θ(…); everything divided by (1 + θ(|a| + s))², so that
    # nothing exceeds θ.
    scale = 1.0 + theta * (jnp.abs(a) + s)
    turn, leak = theta * a / scale, theta * s / scale
    of_turn = turn * a / damped + 0.5 * leak * s * (1.0 + 1.0 / refilled)
    level = damped / scale**2 + (turn * turn / damped + 0.5 * leak * leak * (1.0 + 1.0 / refilled))
    push = (a * b[1] / damped + driven) / scale
    I = (b[2] / scale + theta * push) / (scale * level)  # noqa: E741
    flow = s * I
    y = jnp.stack(
        [
            b[0] + theta * flow,
            (b[1] - theta * a * I) / damped,
            I,
            (b[3] + h * c.equilibrium_slope + theta * flow) / refilled,
        ]
    )
    slope = jnp.stack(
        [
            K * flow,
            -K * (a * I + c.damping * b[1]) / damped,
            K * (push - b[2] * (c.damping / scale + of_turn)) / (scale * level),
            (c.equilibrium_slope + K * (flow - c.refilling * b[3])) / refilled,
        ]
    )
    return y, slope


def quasi_static(r: jax.Array, c: BlochCoefficients) -> jax.Array:
    """The state [4] that collisions settle to about f_s = r f_ref: R' = I' = 0.

    R = −½s(F − r) a/(a² + D²), I = ½s(F − r) D/(a² + D²): Stodolsky's limit, where f_s grows with
    KsI = (Γ/4H) sin²2θ_eff (f_a − f_s). With the |ρ_as|²/f_a of ν_s that belongs to a dressed ν_a:
    without it the density matrix is not positive.
    """
    size = c.detuning**2 + c.damping**2
    size = jnp.where(size == 0.0, 1.0, size)
    half = 0.5 * c.mixing * (c.equilibrium - r)
    R, I = -half * c.detuning / size, half * c.damping / size  # noqa: E741
    K = c.frequency
    deficit = (c.equilibrium_slope + K * c.mixing * I) / (1.0 + K * c.refilling)
    dressed = (R * R + I * I) / c.equilibrium
    return jnp.stack([r + dressed, R, I, deficit])


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
