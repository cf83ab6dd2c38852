r"""The integrated equations of 2206.10630: number and energy of a gas in kinetic equilibrium."""

from __future__ import annotations

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...constants import PLANCK_MASS
from ...plasma import Plasma
from ...sterile import SterileNeutrino
from ._clock import expansion
from ._conversion import conversion
from ._gas import gas
from ._pairs import log_pair_rate, pair_rate_coefficients
from ._rosenbrock import Rodas4
from ._theory import SterileScalar


class Choices(NamedTuple):
    """Of the physics; `SelfInteracting` says what they mean."""

    matrix_element: str
    expansion: str


class DarkGas(NamedTuple):
    """Totals of ν_s and φ, with their slopes in (ln T_d, ξ); scalars in powers of MeV.

    number is n_s + 2n_φ, kinetic the energy density ρ less m_s times it.
    """

    number: jax.Array
    kinetic: jax.Array
    pressure: jax.Array
    number_slopes: tuple[jax.Array, jax.Array]
    kinetic_slopes: tuple[jax.Array, jax.Array]


class System(eqx.Module):
    """What the equations need: masses [MeV], couplings, expansion; `system_of` makes it."""

    mass: jax.Array
    scalar_mass: jax.Array
    conversion_strength: jax.Array  # B = y² (s²/4)(m² − m_s²)/8π [MeV²]
    log_pair_strength: jax.Array  # ln 2y⁴m⁴
    pair_coefficients: jax.Array
    plasma: Plasma
    scalar_states: float = eqx.field(static=True)
    total_expansion: bool = eqx.field(static=True)


def system_of(
    sterile: SterileNeutrino, scalar: SterileScalar, plasma: Plasma, choices: Choices
) -> System:
    """The equations for one theory."""
    mass, m, y = sterile.mass, scalar.mass, scalar.coupling
    strength = y**2 * sterile.sin2_2theta / 4.0 * (m - mass) * (m + mass) / (8.0 * np.pi)
    pairs = pair_rate_coefficients((mass / m) ** 2, choices.matrix_element, scalar.real)
    log_strength = np.log(2.0) + 4.0 * jnp.log(y * m)
    total = choices.expansion == "total"
    return System(mass, m, strength, log_strength, pairs, plasma, scalar.states, total)


def dark_gas(system: System, T: jax.Array, xi: jax.Array) -> DarkGas:
    """Both gases at T_d [MeV] and ξ = μ_s/T_d, with μ_φ = 2μ_s; scalars."""
    both = jax.vmap(gas)(
        jnp.stack([system.mass, system.scalar_mass]),
        jnp.stack([T, T]),
        jnp.stack([xi, 2.0 * xi]),
        jnp.asarray([2.0, system.scalar_states], T.dtype),
        jnp.asarray([1.0, -1.0], T.dtype),
    )
    bound = system.scalar_mass - 2.0 * system.mass
    charge = jnp.asarray([1.0, 2.0], T.dtype)  # of n, and dμ/dμ_s
    extra = jnp.stack([jnp.zeros_like(bound), bound])
    kinetic = both.kinetic + extra * both.number
    n_T, n_xi = both.number_slopes
    k_T, k_xi = both.kinetic_slopes
    return DarkGas(
        jnp.sum(charge * both.number),
        jnp.sum(kinetic),
        jnp.sum(both.pressure),
        (jnp.sum(charge * n_T), jnp.sum(charge**2 * n_xi)),
        (jnp.sum(k_T + extra * n_T), jnp.sum(charge * (k_xi + extra * n_xi))),
    )


class Rates(NamedTuple):
    """Changes of n and of ρ − m_s n per unit of N = ln a, dilution included, and C_as, C_pairs.

    The last two are what conversion and pairs make of n per unit of N.
    """

    number: jax.Array
    kinetic: jax.Array
    converted: jax.Array
    paired: jax.Array


def rates(
    system: System, log_T: jax.Array, state: jax.Array, dark: DarkGas, hubble: jax.Array
) -> Rates:
    r"""dn/dN = −3n + (C_as + C_pairs)/H, dρ/dN = −3(ρ + P) + C_as^E/H at ln(T_ν/MeV).

    `hubble` [MeV] is that of the plasma. C_pairs = 2γ(T_d) e^{2ξ}(1 − e^{2ξ}); a cold gas has
    ξ ~ m_s/T_d and γ ∝ e^{−2m/T_d}.
    """
    T_dark, xi = jnp.exp(state[0]), state[1]
    if system.total_expansion:
        energy = dark.kinetic + system.mass * dark.number
        hubble = jnp.sqrt(hubble**2 + (8.0 * np.pi / 3.0) * energy / PLANCK_MASS**2)
    made = conversion(system.mass, system.scalar_mass, jnp.exp(log_T), T_dark, xi)
    log_rate = log_pair_rate(system.pair_coefficients, state[0] - jnp.log(system.scalar_mass))
    forward = jnp.exp(log_rate + system.log_pair_strength + 2.0 * xi)
    # expm1 where ξ is near zero; the other form where e^{2ξ} alone would overflow.
    near = jnp.abs(xi) < 1.0
    balance = -forward * jnp.expm1(2.0 * jnp.where(near, xi, 0.0))
    far = forward - jnp.exp(log_rate + system.log_pair_strength + 4.0 * xi)
    pairs = jnp.where(near, balance, far) / hubble
    strength = system.conversion_strength / hubble
    converted = strength * made.number
    number = -3.0 * dark.number + converted + pairs
    energy = strength * made.energy - system.mass * (converted + pairs)
    return Rates(number, -3.0 * (dark.kinetic + dark.pressure) + energy, converted, pairs)


def field(t: Any, state: Any, system: Any) -> jax.Array:
    """d(ln T_d, ξ)/dt with t = −ln(T_ν/MeV)."""
    dark = dark_gas(system, jnp.exp(state[0]), state[1])
    background = expansion(system.plasma, -t)
    change = rates(system, -t, state, dark, background.hubble)
    (n_T, n_xi), (k_T, k_xi) = dark.number_slopes, dark.kinetic_slopes
    determinant = n_T * k_xi - n_xi * k_T
    return (background.clock_factor / determinant) * jnp.stack(
        [
            change.number * k_xi - n_xi * change.kinetic,
            n_T * change.kinetic - k_T * change.number,
        ]
    )


def start_state(system: System, number: jax.Array, mean_momentum: jax.Array) -> jax.Array:
    """(ln T_d, ξ) of a gas with n [MeV³] and ρ/n = ⟨p⟩ [MeV]; Newton's method, implicit slopes.

    The start is that of massless Boltzmann particles, which a dilute hot gas is nearly.
    """
    goal = jnp.stack([jnp.log(number), jnp.log(mean_momentum)])

    def both(state, system):
        dark = dark_gas(system, jnp.exp(state[0]), state[1])
        per = dark.kinetic / dark.number + system.mass
        return jnp.stack([jnp.log(dark.number), jnp.log(per)])

    def newton(_, state):
        # The slopes of the massless dilute gas: (3, 1; 1, 0).
        left = both(state, fixed) - wanted
        return state - jnp.stack([left[1], left[0] - 3.0 * left[1]])

    fixed, wanted = jax.lax.stop_gradient((system, goal))
    T = wanted[1] - np.log(3.0)
    state = jnp.stack([T, wanted[0] + np.log(0.5 * np.pi**2) - 3.0 * T])
    state = jax.lax.stop_gradient(jax.lax.fori_loop(0, 40, newton, state))
    slopes = jax.jacfwd(lambda at: both(at, fixed))(state)
    left = both(state, system) - goal
    determinant = slopes[0, 0] * slopes[1, 1] - slopes[0, 1] * slopes[1, 0]
    return state - jnp.stack(
        [
            (slopes[1, 1] * left[0] - slopes[0, 1] * left[1]) / determinant,
            (slopes[0, 0] * left[1] - slopes[1, 0] * left[0]) / determinant,
        ]
    )


def evolve(system: System, start, limits, *, solver, rtol, max_steps, adjoint, saved, stops=None):
    """diffrax's solution in t = −ln T_ν between `limits` (T_initial, T_final) [MeV].

    `stops` are times that steps end at.
    """
    controller = diffrax.PIDController(rtol=rtol, atol=rtol)
    if stops is not None:
        controller = diffrax.ClipStepSizeController(controller, step_ts=stops)
        max_steps = max_steps + len(stops)
    return diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        Rodas4() if solver is None else solver,
        t0=-jnp.log(limits[0]),
        t1=-jnp.log(limits[1]),
        dt0=0.01,
        y0=start,
        args=system,
        saveat=saved,
        stepsize_controller=controller,
        max_steps=max_steps,
        adjoint=adjoint,
        throw=False,
    )
