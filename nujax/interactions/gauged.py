"""Vectors of gauged lepton numbers: the forces L_μ − L_τ and B − L."""

from __future__ import annotations

from typing import final

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_choice
from ..constants import ELECTRON_MASS, FLAVOURS, MUON_MASS, TAU_MASS
from ._base import AbstractInteraction, sum_of
from ._charged import charged_rate_shape, decay_channels
from ._charged_table import LARGEST, LARGEST_NARROW, shape_on_lattice
from .vector import AbstractVector

_LEPTON_MASS = {"e": ELECTRON_MASS, "mu": MUON_MASS, "tau": TAU_MASS}
# Lepton flavours that feel the force. The charges are ±1: only their squares enter rates.
COUPLED = {"LMuMinusLTau": ("mu", "tau"), "BMinusL": ("e", "mu", "tau")}


# Quarks by the lightest mesons that they make, half of their masses [MeV]: ω, φ, D, B; and t.
_QUARKS = {"u": 391.3, "d": 391.3, "s": 509.7, "c": 1869.7, "b": 5279.3, "t": 172570.0}  # PDG 2024
_QUARK_WEIGHT = 1.0 / 3.0  # three colours, charge ⅓


class AbstractGauged(AbstractVector):
    """What the gauged vectors share: widths with thresholds, and charged leptons as targets."""

    @classmethod
    def coupled(cls) -> tuple[str, ...]:
        """Names of the lepton flavours that feel the force."""
        return COUPLED[cls.__name__]

    @classmethod
    def neutrino_flavours(cls) -> int:
        """See `AbstractVector`."""
        return len(cls.coupled())

    def ratios(self) -> list[jax.Array]:
        """r = m_ℓ²/m² of the charged leptons."""
        return [(_LEPTON_MASS[name] / self.mass) ** 2 for name in self.coupled()]

    def channels(self) -> jax.Array:
        """N = n + 2 Σ_ℓ (1+2r)√(1−4r) + hadrons, r = m_ℓ²/m², over the open channels."""
        total = jnp.full_like(self.mass, float(self.neutrino_flavours()))
        for ratio in self.ratios():
            total = total + decay_channels(ratio)
        return total + self.hadronic_channels()

    @property
    def largest_tabulated_width(self) -> float:
        """γ_V up to which the tables of charged leptons are right to 1e-6."""
        return LARGEST_NARROW

    @property
    def largest_width(self) -> float:
        """γ_V at which the tables of charged leptons end."""
        return LARGEST

    def check_flavour(self, flavour: str) -> None:
        """Raise `ValueError` if the force does not act on this neutrino."""
        check_choice("flavour", flavour, FLAVOURS)
        if flavour not in self.coupled():
            names = " and ".join(f'"{name}"' for name in self.coupled())
            raise ValueError(
                f"Argument `flavour` must be among {names}, which feel the force of "
                f"{type(self).__name__}, but is {flavour!r}."
            )

    def interaction_rate(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """Γ [MeV] of one neutrino at E, T [MeV] of equal shapes, on neutrinos and leptons."""
        charged = self.charged_leptons().interaction_rate(E, T, flavour)
        return super().interaction_rate(E, T, flavour) + charged

    def charged_leptons(self) -> ChargedLeptons:
        """The part of Γ that depends on the masses of charged leptons, with tables of its own."""
        return ChargedLeptons(self)


class ChargedLeptons(AbstractInteraction):
    """The part of a gauged vector's rate that involves charged leptons. Field: the vector."""

    vector: AbstractGauged

    def interaction_rate(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """Γ [MeV]: annihilation, with the inverse decay ν's share leaves out, and scattering."""
        E, T = jnp.asarray(E), jnp.asarray(T)
        v, x = self.vector, E / T
        w = v.mass**2 / (4.0 * E * T)
        coupling2, channels = v.coupling**2, v.channels()
        shape = charged_rate_shape(
            w, x, v.relative_width, channels, coupling2, v.ratios(), v.convention
        )
        return v.rate_factor * (T / x) * shape

    def strengths(self) -> tuple[jax.Array, jax.Array]:
        """Of the resonance and of the rest, in units in which (x/T)Γ ∝ w."""
        v = self.vector
        on = v.rate_factor * v.coupling**2 / (2.0 * np.pi**2) * (3.0 / v.channels())
        return on, v.rate_factor * v.coupling**2 * (v.coupling**2 / (16.0 * np.pi**3))

    def shape_on_lattice(self, T: jax.Array, x: jax.Array) -> jax.Array:
        """(x/T)Γ [window, rows] at T [window] and x of a lattice, from tables."""
        v = self.vector
        w = ((v.mass / T) ** 2)[:, None] / (4.0 * x)
        t, strengths = jnp.log(v.mass / T), self.strengths()
        return shape_on_lattice(v.convention, *strengths, v.relative_width, v.ratios(), t, w, x)

    def thermal_potential(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """0: lepton tadpoles vanish without asymmetry."""
        return jnp.zeros_like(jnp.asarray(E) * jnp.asarray(T))


_SHARED = """

    Fields:
      mass         m [MeV]
      coupling     g, 0 ≤ g ≤ √4π
      convention   "exact" (default) or "paper", the collision rate; static
      rate_factor  multiplies Γ; default 1

    Potential and on-shell rate are those of `VectorMediator`. Off shell each other flavour of
    neutrino adds νν_x, νν̄_x and νν̄ → ν_xν̄_x (2005.03681 section 3), and each charged lepton
    scattering on a massive Fermi–Dirac target and νν̄ → ℓℓ̄, all leptons in equilibrium without
    asymmetry. The width is Γ_V = N g²m/24π, N = n + 2 Σ_ℓ (1+2r)√(1−4r), r = m_ℓ²/m². It is not
    differentiable in m at the thresholds m = 2m_ℓ, where √(1−4r) has an infinite slope.
    Production with Γ_V > m/10 (g ≳ 1) is flagged `under_resolved`.
    "paper": as `VectorMediator`, but scattering on charged leptons keeps the Møller velocity.

    Raises `ValueError` for a mass below 1 keV, g < 0, g² > 4π or a matrix of couplings, an unknown
    convention, and where it is used with a flavour that does not feel it.
    """


@final
class LMuMinusLTau(AbstractGauged):
    __doc__ = "Vector of gauged L_μ − L_τ: ν_μ, ν_τ, μ and τ feel it (2005.03681)." + _SHARED


@final
class BMinusL(AbstractGauged):
    __doc__ = (
        """Vector of gauged B − L: all leptons and quarks feel it (2005.03681).

    Hadrons enter by their decay width and its inverse alone, N_had = ⅓ Σ_q 2(1+2r)√(1−4r) with
    r = M_q²/m² and M_q half the mass of ω, φ or the lightest meson with c or b: quarks on average
    over resonances, nothing below 0.78 GeV. It is known to a factor 2 up to 1.5 GeV and to 20 %
    above. ⚠ Collisions with hadrons or quarks off shell are left out: trust regime A below some
    100 MeV of temperature only, where hadrons are rare."""
        + _SHARED
    )

    def hadronic_channels(self) -> jax.Array:
        """N_had = ⅓ Σ_q 2(1+2r)√(1−4r) over the quarks whose mesons are light enough."""
        each = [decay_channels((mass / self.mass) ** 2) for mass in _QUARKS.values()]
        return _QUARK_WEIGHT * sum_of(each)
