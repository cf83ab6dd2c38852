"""Limits on dark matter itself: scattering off nuclei, N_eff, halos, kaon decays, theory."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..constants import CHARGED_LEPTON_MASSES, KAON_MASS, RELIC_DENSITY_TARGET
from ..portal import (
    FreezeOutResult,
    NeutrinoPortal,
    cutoff_mass,
    effective_neutrinos,
    natural_yukawa,
    nucleon_cross_section,
    three_body_branching,
)
from ._base import AbstractLimit, Bound, log_bound
from ._tables import Table, read_data

_KAON_TO_MUON = 0.6356  # Br(K+ → μ+ ν); PDG 2022


@final
class DirectDetection(AbstractLimit):
    """Spin-independent σ_n [cm²] below a table in the mass [GeV].

    χ is taken to be all dark matter, or, with the result of its freeze-out, its share Ω h²/0.12.
    `kind` is "limit", "projection" (future) or "background" (neutrinos): the last two exclude
    nothing.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    table: Table

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """σ_n of the Z loop against the table at m_χ."""
        bound, inside = self.table(theory.dm_mass / 1e3)
        share = (
            result.relic_density / RELIC_DENSITY_TARGET
            if isinstance(result, FreezeOutResult)
            else 1.0
        )
        return log_bound(bound, nucleon_cross_section(theory) * share, inside, "sigma_n [cm^2]")


@final
class EffectiveNeutrinos(AbstractLimit):
    """N_eff with χ coupled to neutrinos alone, at most 3.33: m_χ above 12.4 MeV (Dirac)."""

    largest: float = eqx.field(static=True, default=3.33)
    source: str = eqx.field(static=True, default="Planck, 1807.06209")
    name: str = eqx.field(static=True, default="N_eff (dark matter)")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """N_eff − 3.044 of `effective_neutrinos` against that of the datum."""
        extra = effective_neutrinos(theory.dm_mass) - 3.044
        return log_bound(self.largest - 3.044, extra, jnp.isfinite(extra), "Delta N_eff")


@final
class SmallestHalo(AbstractLimit):
    """The cut-off of structure M_cut at most 1e9 solar masses: satellites, Lyman-α, lensing."""

    largest: float = eqx.field(static=True, default=1e9)
    source: str = eqx.field(static=True, default="1709.07001 section IV B and references there")
    name: str = eqx.field(static=True, default="small-scale structure")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """M_cut of eq. 17 (with the corrected sign), an estimate to an order of magnitude."""
        mass = cutoff_mass(theory)
        return log_bound(self.largest, mass, jnp.isfinite(mass), "M_cut [solar masses]")


@final
class KaonInclusive(AbstractLimit):
    """Br(K⁺ → μ⁺χφ) below 1.0e-6 (90 %), that of K⁺ → μ⁺νν̄ν.

    The search assumes the muon spectrum of the Standard Model process, which also is one of three
    invisible fermions; of χφ it differs, hence `kind` "estimate". Valid for m₄ > m_K − m_μ.
    """

    branching: float = eqx.field(static=True, default=1.0e-6)
    source: str = eqx.field(static=True, default="NA62, 2101.12304")
    name: str = eqx.field(static=True, default="K -> mu + invisible, NA62")
    kind: str = eqx.field(static=True, default="estimate")

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """The branching ratio of all K⁺ decays."""
        value = _KAON_TO_MUON * three_body_branching(theory)
        return log_bound(self.branching, value, _kaon_open(theory), "Br(K -> mu chi phi)")


@final
class KaonSpectrum(AbstractLimit):
    r"""K⁺ → μ⁺χφ folded into the peak search of E949: an estimate.

    At every ν₄ mass the search excludes a peak of Br = |U|²_table ρ(m₄) Br(K → μν), with ρ the
    ratio to a massless neutrino. A smooth excess is seen where its part in a window of the muon's
    momentum about the peak exceeds that; the bound on the total rate is the smallest over the
    table, by a soft minimum. `kind` is "estimate": the table is thinned, the efficiency is that of
    a peak, and the source fits a power-law background instead.

    window  full width [MeV] of the muon's momentum that counts as one peak (a choice of ours)
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    table: Table
    window: float = eqx.field(static=True, default=8.0)

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """Γ(K → μχφ)/Γ(K → μν) against the largest allowed with this spectrum."""
        total = three_body_branching(theory)
        masses = np.array([x for x, _ in self.table.points])
        limits = np.array([y for _, y in self.table.points]) * _two_body_ratio(masses)
        half = 0.5 * self.window
        momenta = _muon_momentum(masses)
        seen = jax.vmap(lambda p: three_body_branching(theory, window=(p - half, p + half)))(
            jnp.asarray(momenta)
        )
        # A soft maximum of the signal in units of its limit, smooth in the theory.
        inside = _kaon_open(theory) & jnp.any(seen > 0.0)
        sensitivity = jnp.where(inside, jnp.sum((seen / limits) ** 8), 1.0) ** 0.125
        bound = jnp.where(inside, total, 1.0) / sensitivity
        return log_bound(bound, total, inside, "Gamma(K -> mu chi phi)/Gamma(K -> mu nu)")


@final
class Perturbativity(AbstractLimit):
    """y_L at most 4π."""

    name: str = eqx.field(static=True, default="perturbativity")
    source: str = eqx.field(static=True, default="1709.07001 section II B")
    kind: str = eqx.field(static=True, default="theory")

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """y_L against 4π."""
        return log_bound(4.0 * np.pi, theory.y_L, jnp.isfinite(theory.y_L), "y_L")


@final
class Naturalness(AbstractLimit):
    """y_L at most 4π m_φ/m₄: a larger one asks for a tuned scalar mass. A preference, not a
    limit.
    """

    name: str = eqx.field(static=True, default="natural scalar mass")
    source: str = eqx.field(static=True, default="1709.07001 section II B")
    kind: str = eqx.field(static=True, default="theory")

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """y_L against `natural_yukawa`."""
        return log_bound(natural_yukawa(theory), theory.y_L, jnp.isfinite(theory.y_L), "y_L")


def dark_matter_limits() -> list[AbstractLimit]:
    """All of them."""
    (peaks,) = [
        entry
        for entry in read_data("invisible_heavy_neutrino.toml")
        if entry["name"] == "K -> mu nu peak, E949"
    ]
    scattering: list[AbstractLimit] = [
        DirectDetection(
            name=entry["name"], source=entry["source"], kind=entry["kind"], table=entry["table"]
        )
        for entry in read_data("direct_detection.toml")
    ]
    return [
        *scattering,
        EffectiveNeutrinos(),
        SmallestHalo(),
        KaonInclusive(),
        KaonSpectrum("K -> mu chi phi in E949", peaks["source"], "estimate", peaks["table"]),
        Perturbativity(),
        Naturalness(),
    ]


def _kaon_open(theory: NeutrinoPortal) -> jax.Array:
    rest = KAON_MASS - CHARGED_LEPTON_MASSES["mu"]
    return (theory.dm_mass + theory.scalar_mass < rest) & (theory.heavy_neutrino_mass > rest)


def _two_body_ratio(m4: np.ndarray) -> np.ndarray:
    """ρ = Γ(K → μν₄)/Γ(K → μν)/|U|² of a massive neutrino; m₄ [MeV]."""
    a, b = (CHARGED_LEPTON_MASSES["mu"] / KAON_MASS) ** 2, (m4 / KAON_MASS) ** 2
    phase = np.sqrt((1.0 - a - b) ** 2 - 4.0 * a * b)
    return (a + b - (a - b) ** 2) * phase / (a * (1.0 - a) ** 2)


def _muon_momentum(m4: np.ndarray) -> np.ndarray:
    """[MeV] of K → μν₄ at rest."""
    a, b = (CHARGED_LEPTON_MASSES["mu"] / KAON_MASS) ** 2, (m4 / KAON_MASS) ** 2
    return 0.5 * KAON_MASS * np.sqrt((1.0 - a - b) ** 2 - 4.0 * a * b)
