"""Weak interactions of the active neutrino with the Standard Model plasma."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from .._checks import check_choice
from ..constants import FERMI_CONSTANT, FLAVOURS, W_MASS, Z_MASS
from ..plasma import lepton_energy_ratio, lepton_potential_ratio
from ._base import AbstractInteraction
from ._rates import rate_coefficient

CONVENTIONS = ("exact", "paper")
POTENTIALS = ("exact", "energy-density", "paper")

# Γ/(G_F² E T⁴) of the sources.
PAPER_RATE = {"e": 1.27, "mu": 0.92, "tau": 0.92}
# |V|/(G_F E T⁴ [mass⁻²]): the exact thermal average, and the number that the sources print.
EXACT_POTENTIAL = 7.0 * np.sqrt(2.0) * np.pi**2 / 45.0  # 2.17120
PAPER_POTENTIAL = 3.72


@final
class StandardModel(AbstractInteraction):
    r"""Rate and thermal potential of one active neutrino in a plasma without lepton asymmetry.

    Arguments (all static):
      convention  "exact" or "paper", for both of the following
      rate        "exact" or "paper", overrides `convention` for the rate
      potential   "exact", "energy-density" or "paper", overrides `convention` for the potential

    "exact": Γ = C_α(T, E/T) G_F² E T⁴ with the rates of hep-ph/0612182 and 1506.06752
    (uncertain by 10 to 20 % from hadrons around 150 to 300 MeV), and the potential of Nötzold
    and Raffelt (1988) with the thermal weight of massive charged leptons, 1506.06752 eq. 3.10.
    "energy-density": the potential with ρ_ℓ for that weight, an approximation that several codes
    make; equal for massless leptons.
    "paper": Γ = 1.27 (e) or 0.92 (μ, τ) times G_F² E T⁴ and V = −3.72 G_F E T⁴ (2/m_W² + 1/m_Z²)
    for every flavour, as in 1910.04901 eqs. 5 and 6; 3.72 is 12/7 times the thermal average.

    The paper's rate, potential and constant g* compensate each other in part: use all three, or
    none. The overrides serve comparisons.

    Raises `ValueError` for an unknown word, and the methods for an unknown flavour.
    """

    convention: str = eqx.field(static=True)
    rate: str = eqx.field(static=True)
    potential: str = eqx.field(static=True)

    def __init__(
        self,
        convention: str = "exact",
        rate: str | None = None,
        potential: str | None = None,
    ):
        check_choice("convention", convention, CONVENTIONS)
        self.convention = convention
        self.rate = convention if rate is None else rate
        self.potential = convention if potential is None else potential
        check_choice("rate", self.rate, CONVENTIONS)
        check_choice("potential", self.potential, POTENTIALS)

    def interaction_rate(self, E: ArrayLike, T: ArrayLike, flavour: str) -> jax.Array:
        """Γ = C_α(T, E/T) G_F² E T⁴ [MeV], elementwise in E and T [MeV]."""
        check_choice("flavour", flavour, FLAVOURS)
        E, T = _pair(E, T)
        weak = FERMI_CONSTANT * T * T  # small factors first: T⁴ G_F² stays in range of float32
        C = PAPER_RATE[flavour] if self.rate == "paper" else rate_coefficient(T, E / T, flavour)
        return C * (weak * weak * E)

    def thermal_potential(self, E: ArrayLike, T: ArrayLike, flavour: str) -> jax.Array:
        """V = −(7√2π²/45) G_F E T⁴ [1/m_Z² + 2 r_ℓ(T)/m_W²] [MeV], elementwise in E and T [MeV].

        r_ℓ belongs to the charged lepton of the flavour, 1 for T ≫ m_ℓ and 0 for T ≪ m_ℓ:
          "exact"           thermal weight (4p²/3 + m²)/E per state over that of a massless lepton,
                            4p/3 (1506.06752 eq. 3.10), see `lepton_potential_ratio`
          "energy-density"  ρ_ℓ/ρ_massless, larger: 4E/3 per state, see `lepton_energy_ratio`
          "paper"           r_ℓ = 1, and 3.72 in place of 7√2π²/45 = 2.17120
        """
        check_choice("flavour", flavour, FLAVOURS)
        E, T = _pair(E, T)
        neutral, charged = (T / Z_MASS) ** 2, 2.0 * (T / W_MASS) ** 2
        if self.potential == "exact":
            charged = charged * lepton_potential_ratio(T, flavour)
        elif self.potential == "energy-density":
            charged = charged * lepton_energy_ratio(T, flavour)
        factor = PAPER_POTENTIAL if self.potential == "paper" else EXACT_POTENTIAL
        return -float(factor) * (FERMI_CONSTANT * T * T) * (neutral + charged) * E


def _pair(E: ArrayLike, T: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """E and T as arrays of one floating-point type."""
    dtype = jnp.result_type(E, T)
    if not jnp.issubdtype(dtype, jnp.inexact):
        dtype = jnp.result_type(float)
    return jnp.asarray(E, dtype=dtype), jnp.asarray(T, dtype=dtype)
