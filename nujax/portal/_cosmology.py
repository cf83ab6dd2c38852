"""Structure formation and the number of neutrinos."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_positive
from ._theory import NeutrinoPortal

STANDARD_NEUTRINOS = 3.044  # N_eff of the Standard Model; 2008.01074
DECOUPLING = 2.3  # T_D [MeV], where neutrinos leave the electrons


def cutoff_mass(theory: NeutrinoPortal, degrees: Any = 3.36) -> jax.Array:
    """Smallest halo [solar masses] that scattering off neutrinos leaves, for m_φ ≫ m_χ (eq. 17).

    M_cut ≃ 1e8 (g*/3.36)^(−7/8) (0.1 GeV/m_χ)^(+15/4) Y^(3/4). The source prints −14/4 for the
    power of the mass, of the wrong sign: heavier dark matter decouples earlier. 1e7 to 1e9 is
    the band of interest, more is excluded.
    """
    mass = (100.0 / theory.dm_mass) ** 3.75
    return 1e8 * (degrees / 3.36) ** -0.875 * mass * theory.y_parameter**0.75


def effective_neutrinos(dm_mass: Any, degrees: float = 4.0) -> jax.Array:
    """N_eff when a fermion coupled to neutrinos alone becomes non-relativistic; mass [MeV], any
    shape.

    N_eff = 3.044 (1 + g_s(m_χ/T_D)/5.25)^(4/3): all entropy of χ left at the decoupling of the
    neutrinos (T_D = 2.3 MeV, instantaneous) heats these. g_s = 45(ρ + P)/(2π²T⁴); `degrees` is
    4 for a Dirac particle, 2 for Majorana. The scalar is heavier and left out, and so is ν₄.
    Published
    limits with the full decoupling are 10 % off (2202.03515). Raises `ValueError` for masses ≤ 0.
    """
    check_positive("dm_mass", dm_mass)
    z = jnp.asarray(dm_mass, float)[..., None] / DECOUPLING
    row = (1,) * (z.ndim - 1) + (-1,)
    node, weight = (jnp.asarray(v).reshape(row) for v in _half_line())
    energy = jnp.sqrt(node**2 + z**2)
    # exp(−ε)/(1 + exp(−ε)) does not overflow for heavy particles.
    filling = jnp.exp(-energy) / (1.0 + jnp.exp(-energy))
    entropy = jnp.sum(weight * node**2 * (energy + node**2 / (3.0 * energy)) * filling, axis=-1)
    carried = degrees / (2.0 * np.pi**2) * entropy * 45.0 / (2.0 * np.pi**2)
    return STANDARD_NEUTRINOS * (1.0 + carried / 5.25) ** (4.0 / 3.0)


def _half_line() -> tuple[np.ndarray, np.ndarray]:
    """Momenta in units of T and weights, by the double-exponential rule u = exp(y − e^(−y))."""
    h = 0.1
    y = np.arange(-3.0, 4.5, h)
    u = np.exp(y - np.exp(-y))
    return u, h * u * (1.0 + np.exp(-y))
