r"""From a spectrum to the relic density, and the closed forms that production tends to.

Y = n_s/s with n_s = 2∫d³p/(2π)³ f_s (ν_s and ν̄_s, one helicity each), and
Ω h² = m₄ Y s₀/(ρ_c/h²).
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .constants import FERMI_CONSTANT, PLANCK_MASS, W_MASS, Z_MASS
from .interactions._base import AbstractInteraction
from .interactions.standard_model import PAPER_POTENTIAL, PAPER_RATE
from .plasma import Plasma
from .production import AbstractMethod, BoltzmannQuadrature
from .production._solve import check_arguments
from .sterile import SterileNeutrino


def comoving_yield(number: Any, entropy_degrees: Any) -> jax.Array:
    """Y = n_s/s = 45/(2π⁴ g*s) ∫q²f dq, both helicities; `number` = ∫q²f dq at T_final."""
    return 45.0 / (2.0 * np.pi**4) * (number / entropy_degrees)


def relic_density_of_yield(mass: Any, yield_: Any, plasma: Plasma) -> jax.Array:
    """Ω h² = m₄ Y s₀/(ρ_c/h²); mass [MeV], s₀ and ρ_c from `plasma`."""
    per_mass = plasma.entropy_density_today / plasma.critical_density_over_h2
    return mass * yield_ * per_mass


def relic_density(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> jax.Array:
    """Ω h² as a scalar, for `jax.grad`, `jax.jit` and `jax.vmap`; see `solve_production`.

    Derivatives with respect to every number in the four arguments are exact derivatives of the
    same quadrature, equal in forward and reverse mode. The status of the point is not returned:
    `relic_density_and_status` has both at the same cost.
    """
    return relic_density_and_status(sterile, interaction, plasma=plasma, method=method)[0]


def relic_density_and_status(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> tuple[jax.Array, jax.Array]:
    """(Ω h², integer of `Status`): for scans, where every point must carry how it went."""
    plasma = Plasma.standard() if plasma is None else plasma
    method = BoltzmannQuadrature() if method is None else method
    check_arguments(sterile, interaction, plasma, method)
    return _relic_density(method, sterile, interaction, plasma)


@eqx.filter_jit
def _relic_density(method, sterile, interaction, plasma):
    m = method.moments(sterile, interaction, plasma, outputs=1)
    yield_ = comoving_yield(m.number, plasma.entropy_degrees(m.T_final))
    return relic_density_of_yield(sterile.mass, yield_, plasma), m.status_code


# --- closed forms -----------------------------------------------------------------------------


def equilibrium_relic_density(mass: Any, plasma: Plasma, T_final: Any = 1.0) -> jax.Array:
    """Ω h² of f_s = f_a: a species that was in equilibrium; 75.7 for 7.1 keV, g* = 10.75.

    mass and T_final in MeV; ∫q²/(e^q + 1) dq = 3ζ(3)/2.
    """
    number = 1.5 * 1.2020569031595942
    degrees = plasma.entropy_degrees(jnp.asarray(T_final, dtype=jnp.result_type(float)))
    return relic_density_of_yield(mass, comoving_yield(number, degrees), plasma)


def dodelson_widrow_ratio(sterile: SterileNeutrino, degrees: Any = 10.75) -> jax.Array:
    r"""f_s/f_a of Dodelson–Widrow production with the sources' inputs, independent of momentum.

    f_s/f_a = (π/48) C M_Pl s² m₄/(1.66 √g* √(2K)) for Γ = C E T⁴, V = −K E T⁴, constant g*, no
    back-reaction, from T = ∞ to 0 (hep-ph/9303287; C and K of 1910.04901 eqs. 5, 6):
    4.7285e-5 for ν_μ at 7.1 keV, sin²2θ = 7e-11. Valid while Γ²/4, Δ²s² ≪ (Δ − V)².
    """
    C = PAPER_RATE[sterile.flavour] * FERMI_CONSTANT**2
    K = PAPER_POTENTIAL * FERMI_CONSTANT * (2.0 / W_MASS**2 + 1.0 / Z_MASS**2)
    strength = np.pi / 48.0 * C * PLANCK_MASS / (1.66 * np.sqrt(2.0 * K))
    return strength * sterile.sin2_2theta * sterile.mass / jnp.sqrt(degrees)


def light_mediator_ratio(
    sterile: SterileNeutrino, mediator: Any, x: Any, degrees: Any = 10.75
) -> jax.Array:
    r"""f_s/f_a(x) from a light scalar on shell (regime C), without the Standard Model's part.

    f_s/f_a = 0.768536 λ²s²M_Pl/(16π · 1.66 √g* m √x), from Γ = λ²m²T/(16πE²) ln(1+e^(−w)) with
    |V| and Γ ≪ Δ; 0.768536 = ∫₀^∞ u² ln(1+e^(−u²/4))du/4 after T → u. Right to 3e-5 for
    λ = 1e-6, m = 1 MeV, m₄ = 7.1 keV. From 1910.04901 sec. 3 with the exact rate.
    """
    strength = 0.768536 / (16.0 * np.pi * 1.66) * PLANCK_MASS
    coupling2 = mediator.coupling**2 * sterile.sin2_2theta
    return strength * coupling2 / (jnp.sqrt(degrees * x) * mediator.mass)
