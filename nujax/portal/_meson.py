r"""K⁺ → ℓ⁺ χ φ through off-shell neutrinos: a charged lepton and nothing else (section III C)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..constants import CHARGED_LEPTON_MASSES, FLAVOURS, KAON_MASS
from ._theory import NeutrinoPortal

_NODES = 40


def meson_spectrum(
    theory: NeutrinoPortal, x: Any, flavour: str = "mu", meson_mass: float = KAON_MASS
) -> jax.Array:
    r"""dΓ(M → ℓχφ)/dx/Γ(M → ℓν), x = 2E_ℓ/m_M in the meson's rest frame; any shape.

    (y_L²|U_ℓ4|²(1 − Σ|U|²)/32π²) √(x² − 4x_ℓ)/(x_ℓ(1 − x_ℓ)²) · [(1 − x)x + 2x_ℓ]/w³ · (w − x_φ
    + x_χ)
    · λ^½(w, x_φ, x_χ) · [m₄²/(m₄² − w m_M²)]², w = 1 + x_ℓ − x the missing mass² over m_M²,
    x_i = m_i²/m_M²: 1709.07001 eq. 12 (checked against Γ(M → ℓN*) times the width of N*) with
    the propagator of ν₄, which eq. 12 takes at m₄ → ∞. Zero outside the phase space. For m₄
    below m_M − m_ℓ the on-shell ν₄ dominates and this does not describe it.
    """
    lepton = (CHARGED_LEPTON_MASSES[flavour] / meson_mass) ** 2
    scalar, dark = (theory.scalar_mass / meson_mass) ** 2, (theory.dm_mass / meson_mass) ** 2
    x = jnp.asarray(x, float)
    w = 1.0 + lepton - x
    least = (jnp.sqrt(scalar) + jnp.sqrt(dark)) ** 2
    inside = (w > least) & (x * x > 4.0 * lepton)
    w = jnp.where(inside, w, 2.0 * least)
    phase = jnp.sqrt((w - scalar - dark) ** 2 - 4.0 * scalar * dark)
    momentum = jnp.sqrt(jnp.where(inside, x * x - 4.0 * lepton, 1.0))
    heavy = theory.heavy_neutrino_mass**2
    propagator = (heavy / (heavy - w * meson_mass**2)) ** 2
    share = theory.mixing[..., FLAVOURS.index(flavour)] * (1.0 - theory.total_mixing)
    shape = momentum / (lepton * (1.0 - lepton) ** 2) * ((1.0 - x) * x + 2.0 * lepton) / w**3
    rate = theory.y_L**2 * share / (32.0 * np.pi**2) * shape * (w - scalar + dark) * phase
    return jnp.where(inside, rate * propagator, 0.0)


def three_body_branching(
    theory: NeutrinoPortal,
    flavour: str = "mu",
    window: tuple[Any, Any] | None = None,
    meson_mass: float = KAON_MASS,
) -> jax.Array:
    """Γ(M → ℓχφ)/Γ(M → ℓν), a scalar, with the lepton's momentum in `window` [MeV] (default: all).

    Zero where the decay is closed.
    """
    lepton = CHARGED_LEPTON_MASSES[flavour] / meson_mass
    least = (theory.scalar_mass + theory.dm_mass) / meson_mass
    top = jnp.maximum(1.0 + lepton**2 - least**2, 2.0 * lepton)
    low = jnp.asarray(2.0 * lepton)
    if window is not None:
        ends = (2.0 * jnp.sqrt((p / meson_mass) ** 2 + lepton**2) for p in window)
        low, top = (jnp.clip(end, low, top) for end in ends)
    # Square-root ends: both are in the rule's variable squared.
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    angle = 0.25 * np.pi * (node + 1.0)
    x = low + (top - low) * jnp.asarray(np.sin(angle) ** 2)
    jacobian = 0.25 * np.pi * weight * np.sin(2.0 * angle)
    return (top - low) * jnp.sum(jacobian * meson_spectrum(theory, x, flavour, meson_mass))
