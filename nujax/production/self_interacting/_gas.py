r"""Ideal gases in kinetic equilibrium: f = 1/(e^{E/T − ξ} ± 1) with ξ = μ/T, of any mass.

Energies are counted from the rest mass, t = (E − m)/T, so that a cold gas, whose ξ grows like m/T,
loses no digits: f depends on t and η = ξ − m/T alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# t = exp(u − e^(−u)): √t at the origin of a cold gas and e^(−t) both decay doubly exponentially in
# u. These nodes give densities to 1e-12 for all m/T and η ≤ 0.
_NODES, _LOW, _HIGH = 44, -2.7, 3.85


def _nodes() -> tuple[np.ndarray, np.ndarray]:
    u = np.linspace(_LOW, _HIGH, _NODES)
    t = np.exp(u - np.exp(-u))
    return t, (u[1] - u[0]) * (1.0 + np.exp(-u)) * t


KINETIC, WEIGHT = _nodes()


class Gas(NamedTuple):
    """Density n, kinetic energy density ρ − mn and pressure P, and their slopes in (ln T, ξ)."""

    number: jax.Array
    kinetic: jax.Array
    pressure: jax.Array
    number_slopes: tuple[jax.Array, jax.Array]
    kinetic_slopes: tuple[jax.Array, jax.Array]


def gas(mass: jax.Array, T: jax.Array, xi: jax.Array, degrees: Any, sign: Any) -> Gas:
    r"""The gas of `degrees` states with f = 1/(e^{E/T − ξ} + sign); scalars, in powers of MeV.

    n = (g/2π²)∫p²dp f, ρ − mn with E − m, P with p²/3E; slopes at fixed mass by
    ∂f/∂ξ = f(1 − sign f), ∂f/∂ln T = (E/T) ∂f/∂ξ.
    """
    z = mass / T
    t = jnp.asarray(KINETIC, T.dtype)
    energy = z + t
    p2 = t * (t + 2.0 * z)
    small = jnp.exp(jnp.minimum(xi - z, 0.0) - t)
    f = small / (1.0 + sign * small)
    measure = jnp.asarray(WEIGHT, T.dtype) * jnp.sqrt(p2)
    of_f = measure * f
    of_slope = of_f * energy * (1.0 - sign * f)
    unit = degrees / (2.0 * np.pi**2) * T**3
    number = unit * jnp.sum(of_f * energy)
    kinetic = unit * T * jnp.sum(of_f * energy * t)
    pressure = unit * T * jnp.sum(of_f * p2) / 3.0
    steep, steep_t = jnp.sum(of_slope), jnp.sum(of_slope * t)
    steep_tt = jnp.sum(of_slope * t * t)
    return Gas(
        number,
        kinetic,
        pressure,
        (unit * (z * steep + steep_t), unit * steep),
        (unit * T * (z * steep_t + steep_tt), unit * T * steep_t),
    )
