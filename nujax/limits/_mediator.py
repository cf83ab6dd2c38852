"""Limits on a neutrinophilic boson from decays: K, π, τ, W, Z and h with one more boson."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp

from ..constants import (
    CHARGED_LEPTON_MASSES,
    FLAVOURS,
    HIGGS_MASS,
    KAON_MASS,
    PION_MASS,
    TAU_MASS,
    W_MASS,
    Z_MASS,
)
from ..interactions import ScalarMediator, VectorMediator
from ._base import AbstractLimit, Bound, log_bound
from ._theory import SterileTheory
from ._widths import (
    boson_spectrum,
    emission_ratio,
    higgs_to_scalar,
    higgs_to_vector,
    meson_spectrum,
    tau_spectrum,
    w_width,
    z_to_vector,
    z_width,
)

NEUTRINOPHILIC = (ScalarMediator, VectorMediator)
_MESONS = {"K": KAON_MASS, "pi": PION_MASS}
_HIGGS_WIDTH = 4.07  # [MeV]; SM at 125 GeV, 1610.07922
_LIGHTEST_Z_VECTOR = 1e3  # [MeV]; below, virtual terms cancel the logarithms
# Br(K⁺ → μν) at tree level, G_F²V_us²f_K²M_K m_μ²(1 − m_μ²/M_K²)²τ_K/8π with f_K = 155.7 MeV,
# V_us = 0.2243 (PDG 2022), as the sources do; measured 0.6356, 1 % less in a coupling.
_KAON_TO_MUON = 0.6231
_KAON_TO_ELECTRON = 1.582e-5  # Br(K+ → e+ ν); PDG 2022
_PION_TO_ELECTRON = 1.230e-4  # Br(π+ → e+ ν)/Br(π+ → μ+ ν); PDG 2022


@final
class MesonDecay(AbstractLimit):
    """λ or g from P⁺ → ℓ⁺ν̄X, X a neutrinophilic scalar or vector that is not seen.

    Γ(P → ℓν̄X)/Γ(P → ℓν) below `largest`, computed with the lepton's mass (`emission_ratio`), with
    the same acceptance for all spectra of ℓ. The boson couples to the flavour ν_ℓ that mixes.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    meson: str = eqx.field(static=True)
    flavour: str = eqx.field(static=True)
    largest: float = eqx.field(static=True)

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against the limit on the width."""
        boson = neutrinophilic(self, theory, (self.flavour,))
        parent, lepton = _MESONS[self.meson], CHARGED_LEPTON_MASSES[self.flavour]
        ratio = emission_ratio(
            boson.mass, parent - lepton, meson_spectrum(parent, lepton), is_vector(boson)
        )
        return coupling_bound(self.largest, ratio, boson)


@final
class TauDecay(AbstractLimit):
    """λ or g from τ → ℓν̄νX: Γ/Γ(τ → ℓν̄ν) below 5e-3, 2σ of Br(τ → μν̄ν) = 17.39 ± 0.04 %.

    Of the boson of ν_τ, massless ℓ; real emission alone, hence an estimate.
    """

    largest: float = eqx.field(static=True, default=5e-3)
    source: str = eqx.field(static=True, default="PDG 2022, Br(tau -> mu nu nu)")
    name: str = eqx.field(static=True, default="tau -> l nu nu X")
    kind: str = eqx.field(static=True, default="estimate")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against the limit on the width."""
        boson = neutrinophilic(self, theory, ("tau",))
        ratio = emission_ratio(boson.mass, TAU_MASS, tau_spectrum(TAU_MASS), is_vector(boson))
        return coupling_bound(self.largest, ratio, boson)


@final
class WWidth(AbstractLimit):
    """λ or g from W → ℓνX, below the error of the width of the W, 42 MeV. Real emission alone.

    A vector: g = 1.6e-4 m/MeV, as 2005.03681 with G_F for its G_F²; see `w_to_vector`.
    """

    largest: float = eqx.field(static=True, default=42.0)
    source: str = eqx.field(static=True, default="PDG 2018, width of the W")
    name: str = eqx.field(static=True, default="W -> l nu X")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against the limit on the width."""
        boson = neutrinophilic(self, theory)
        ratio = emission_ratio(boson.mass, W_MASS, boson_spectrum(W_MASS), is_vector(boson))
        return coupling_bound(self.largest / w_width(), ratio, boson)


@final
class ZWidth(AbstractLimit):
    """λ or g from Z → νν̄X below 2.0 MeV of invisible width (95 %). Real emission alone.

    A scalar: from ν or ν̄, without their interference. A vector: a conserved current, without
    1/m² (`z_to_vector`); out of range below 1 GeV, where virtual terms matter.
    """

    largest: float = eqx.field(static=True, default=2.0)
    source: str = eqx.field(static=True, default="LEP, hep-ex/0509008")
    name: str = eqx.field(static=True, default="Z -> nu nu X")
    kind: str = eqx.field(static=True, default="estimate")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against the limit on the width."""
        boson = neutrinophilic(self, theory)
        if not is_vector(boson):
            ratio = emission_ratio(boson.mass, Z_MASS, boson_spectrum(Z_MASS), False)
            return coupling_bound(self.largest / (2.0 * z_width()), ratio, boson)
        inside = (boson.mass >= _LIGHTEST_Z_VECTOR) & (boson.mass < Z_MASS)
        width = z_to_vector(jnp.where(inside, boson.mass, 1e4), 1.0)
        return coupling_bound(self.largest, jnp.where(inside, width, 0.0), boson)


@final
class HiggsToBoson(AbstractLimit):
    """λ or g from h → ννX, all of it invisible: Γ below Γ_SM B/(1 − B), Γ_SM = 4.07 MeV.

    vertex  v times that of h over the coupling: 2 for an operator ∝ (1 + h/v)² (default). The
            source's width is that of 1, see `higgs_to_vector`.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    branching: float = eqx.field(static=True)
    vertex: float = eqx.field(static=True, default=2.0)

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against the limit on the branching ratio."""
        boson = neutrinophilic(self, theory)
        largest = _HIGGS_WIDTH * self.branching / (1.0 - self.branching)
        inside = boson.mass < 0.99 * HIGGS_MASS
        width = higgs_to_vector if is_vector(boson) else higgs_to_scalar
        found = width(jnp.where(inside, boson.mass, 1e4), 1.0, self.vertex)
        return coupling_bound(largest, jnp.where(inside, found, 0.0), boson)


def mediator_decay_limits() -> list[AbstractLimit]:
    """All of them."""
    kaon, pion = "NA62, 2101.12304", "PIENU, 2006.00389"
    universality = "NA62, 1212.4012"
    return [
        MesonDecay("K -> mu nu X, NA62", kaon, "limit", "K", "mu", 1.0e-6 / _KAON_TO_MUON),
        MesonDecay("pi -> mu nu X, PIENU", pion, "estimate", "pi", "mu", 8.6e-6),
        MesonDecay("pi -> e nu X, PIENU", pion, "estimate", "pi", "e", 1.6e-7 / _PION_TO_ELECTRON),
        MesonDecay("K -> e nu X in R_K", universality, "estimate", "K", "e",
                   1.84e-7 / _KAON_TO_ELECTRON),
        TauDecay(),
        WWidth(),
        ZWidth(),
        HiggsToBoson("h -> nu nu X", "ATLAS, 2301.10731", "limit", 0.107),
        HiggsToBoson("h -> nu nu X, high luminosity", "1902.00134", "projection", 0.025),
    ]  # fmt: skip


def neutrinophilic(
    limit: AbstractLimit, theory: SterileTheory, flavours: tuple[str, ...] = FLAVOURS
) -> Any:
    """The theory's neutrinophilic boson, of one of the flavours. Raises `NotConstrained`."""
    boson = theory.find(NEUTRINOPHILIC)
    if boson is None or theory.sterile.flavour not in flavours:
        raise limit.refusal(theory)
    return boson


def is_vector(boson: Any) -> bool:
    """Of a neutrinophilic boson."""
    return isinstance(boson, VectorMediator)


def coupling_bound(largest: Any, ratio: jax.Array, boson: Any) -> Bound:
    """The coupling at which ratio × coupling² is `largest`; out of range where the ratio is 0."""
    open_ = ratio > 0.0
    bound = jnp.sqrt(largest / jnp.where(open_, ratio, 1.0))
    # Where the channel is closed there is no derivative either.
    bound = bound + jnp.where(open_, 0.0, jnp.nan) * boson.mass
    inside = open_ & (bound <= boson.largest_coupling)
    return log_bound(bound, boson.coupling, inside, "coupling")
