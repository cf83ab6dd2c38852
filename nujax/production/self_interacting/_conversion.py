r"""ν_aν_s ↔ φ between a thermal ν_a and the dark gas: what it makes, and the energy it brings."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_NODES = 64
_CUT = 40.0  # e^(−40) is nothing


class Conversion(NamedTuple):
    """Reactions per volume and time, ν_aν_s → φ less the inverse, and the energy of their ν_a."""

    number: jax.Array
    energy: jax.Array


def conversion(
    mass: jax.Array,
    scalar_mass: jax.Array,
    T_active: jax.Array,
    T_dark: jax.Array,
    xi: jax.Array,
) -> Conversion:
    r"""(1/2π²)∬dE_s dE_a [f_af_s(1 + f_φ) − f_φ(1 − f_a)(1 − f_s)] and with E_a; scalars.

    In units of MeV² (MeV³); B = y²(s²/4)(m² − m_s²)/8π makes rates of it. Kinematics: at a given
    E_a all E_s ≥ ½(k + m_s²/k) with k = (m² − m_s²)/2E_a. With g(E_a) the dark gas's own occupation
    at μ/T = ξ, detailed balance makes the bracket (f_a − g)(f_s + f_φ), and
        ∫dE_s (f_s + f_φ) = T_d {ln(1 + e^{ξ−E/T_d}) − ln(1 − e^{2ξ−(E+E_a)/T_d})}
    at the least E: one smooth integral in ln E_a is left.
    """
    gap = scalar_mass**2 - mass**2
    # Below, E_s is too large for both gases; above, f_a and g are empty.
    least = gap / (4.0 * T_dark * (_CUT + jnp.maximum(xi, 0.0)))
    most = _CUT * jnp.maximum(T_active, T_dark * (1.0 + jnp.maximum(xi, 0.0) / _CUT)) + 2.0 * least
    low, high = jnp.log(least), jnp.log(most)
    # No weights at the ends: the integrand vanishes there.
    step = (high - low) / _NODES
    log_E = low + step * (np.arange(_NODES) + 0.5)
    E = jnp.exp(log_E)
    k = gap / (2.0 * E)
    least_sterile = 0.5 * (k + mass**2 / k)
    small = jnp.exp(jnp.minimum(xi - least_sterile / T_dark, 600.0))
    pair = jnp.exp(jnp.minimum(2.0 * xi - (least_sterile + E) / T_dark, -1e-12))
    f_active = jax.nn.sigmoid(-E / T_active)
    own = jax.nn.sigmoid(xi - E / T_dark)
    inner = T_dark * (jnp.log1p(small) - jnp.log1p(-pair))
    integrand = step / (2.0 * np.pi**2) * E * (f_active - own) * inner
    return Conversion(jnp.sum(integrand), jnp.dot(integrand, E))
