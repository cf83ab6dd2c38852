"""Widths of the new particles, and what perturbation theory and naturalness allow."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..constants import FERMI_CONSTANT, HIGGS_MASS, W_MASS, Z_MASS
from ._theory import NeutrinoPortal

LARGEST_YUKAWA = 4.0 * np.pi


class HeavyNeutrinoWidths(NamedTuple):
    """Partial widths of ν₄ [MeV]: χφ* (invisible), ℓW [..., 3] (e, μ, τ), νZ and νh."""

    dark: jax.Array
    charged_current: jax.Array
    neutral_current: jax.Array
    higgs: jax.Array

    @property
    def weak(self) -> jax.Array:
        """Sum of the weak decays [MeV]."""
        return self.charged_current.sum(-1) + self.neutral_current + self.higgs

    @property
    def weak_branching(self) -> jax.Array:
        """Branching ratio of the weak (visible) decays; NaN if no decay is open."""
        return self.weak / (self.weak + self.dark)


def scalar_width(theory: NeutrinoPortal) -> jax.Array:
    """Γ(φ → χ ν̄) = (G²/16π) m_φ (1 − m_χ²/m_φ²)² [MeV] (1709.07001 eq. 9)."""
    ratio2 = (theory.dm_mass / theory.scalar_mass) ** 2
    return theory.coupling**2 / (16.0 * np.pi) * theory.scalar_mass * (1.0 - ratio2) ** 2


def heavy_neutrino_widths(theory: NeutrinoPortal) -> HeavyNeutrinoWidths:
    r"""Partial widths of ν₄ [MeV] (1709.07001 eqs. 10 and 11).

    Γ(χφ*) = (y_L²/32π)|U_N4|² m₄ (1 − m_φ²/m₄² + m_χ²/m₄²) λ^½(1, m_φ²/m₄², m_χ²/m₄²)
    Γ(ℓW) = (G_F m₄³/8π√2)|U_ℓ4|² (1 − r)²(1 + 2r), r = m_W²/m₄²; νZ half of it with m_Z and
    |U_N4|² Σ|U_ℓ4|², νh half without 1 + 2r; zero below the thresholds. The source has ℓW alone.

    Below m_W the weak decays have three bodies and are left out: they are less than 1e-2
    |U|²/y_L² of the width into χφ*. Charged leptons are massless.
    """
    m4 = theory.heavy_neutrino_mass
    scalar, dark = (theory.scalar_mass / m4) ** 2, (theory.dm_mass / m4) ** 2
    sterile = 1.0 - theory.total_mixing
    open_ = theory.scalar_mass + theory.dm_mass < m4
    phase2 = (1.0 - scalar - dark) ** 2 - 4.0 * scalar * dark
    phase = jnp.where(open_, jnp.sqrt(jnp.where(open_, phase2, 1.0)), 0.0)
    invisible = theory.y_L**2 / (32.0 * np.pi) * sterile * m4 * (1.0 - scalar + dark) * phase
    unit = FERMI_CONSTANT * m4**3 / (8.0 * np.pi * np.sqrt(2.0))
    mixed = sterile * theory.total_mixing
    return HeavyNeutrinoWidths(
        invisible,
        theory.mixing * (unit * _two_body(W_MASS, m4, 2.0))[..., None],
        0.5 * unit * mixed * _two_body(Z_MASS, m4, 2.0),
        0.5 * unit * mixed * _two_body(HIGGS_MASS, m4, 0.0),
    )


def _two_body(mass: float, m4: jax.Array, spin: float) -> jax.Array:
    r = jnp.minimum((mass / m4) ** 2, 1.0)
    return (1.0 - r) ** 2 * (1.0 + spin * r)


def mixing_of_weak_branching(theory: NeutrinoPortal, branching: Any = 1e-3) -> jax.Array:
    """Σ|U_ℓ4|² at which ν₄ decays weakly with this branching ratio, ℓW alone, at its y_L and
    masses.

    Closed form of B = aU²/(aU² + b(1 − U²)) from eqs. 10 and 11; one (no such mixing) below m_W.
    Mixings below it have a smaller visible share.
    """
    widths = heavy_neutrino_widths(theory)
    dark = widths.dark / (1.0 - theory.total_mixing)
    weak = widths.charged_current.sum(-1) / theory.total_mixing
    return branching * dark / (weak * (1.0 - branching) + branching * dark)


def natural_yukawa(theory: NeutrinoPortal) -> jax.Array:
    """y_L = min(4π, 4π m_φ/m₄), where δm_φ² = y_L² m₄²/16π² is m_φ² (section II B): larger is
    tuned.
    """
    return LARGEST_YUKAWA * jnp.minimum(1.0, theory.scalar_mass / theory.heavy_neutrino_mass)


def strength(y_L: Any, total_mixing: Any, mass_ratio: Any) -> jax.Array:
    """Y = y_L⁴ (Σ|U|²)² (m_χ/m_φ)⁴ (eq. 8) of numbers, elementwise; `mass_ratio` is m_χ/m_φ."""
    return (y_L * mass_ratio) ** 4 * total_mixing**2
