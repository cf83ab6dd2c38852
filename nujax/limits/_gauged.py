"""Limits on the vectors of gauged L_μ − L_τ and B − L: cited tables, and the muon's moment."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp

from ..interactions import BMinusL, LMuMinusLTau
from ._base import AbstractLimit, Bound, log_bound
from ._tables import Table, read_data
from ._theory import SterileTheory
from ._widths import muon_moment

_FORCES = {"l_mu_minus_l_tau.toml": LMuMinusLTau, "b_minus_l.toml": BMinusL}


@final
class GaugedLimit(AbstractLimit):
    """g below a table in m [MeV] of one vector; with `upper`, outside the band up to that.

    Beam dumps have one: above it the vector decays before it reaches the detector. No number in
    `gaps` [MeV], the resonances of hadrons.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    confidence: float = eqx.field(static=True)
    force: type = eqx.field(static=True)
    table: Table
    upper: Table | None = None
    gaps: tuple[tuple[float, float], ...] = eqx.field(static=True, default=())

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """g against the table at m."""
        vector = theory.find((self.force,))
        if vector is None:
            raise self.refusal(theory)
        bound, inside = self.table(vector.mass)
        for low, high in self.gaps:
            inside = inside & ~((vector.mass > low) & (vector.mass < high))
        top = None
        if self.upper is not None:
            top, also = self.upper(vector.mass)
            inside = inside & also
        return log_bound(bound, vector.coupling, inside, "g", ceiling=top)


@final
class MuonMoment(AbstractLimit):
    """The contribution of an L_μ − L_τ vector to a_μ = (g−2)_μ/2, against a band or a largest.

    `highest` alone is a limit; with `lowest` the band between them is preferred, and excludes
    nothing. Of B − L the muon's loop is the same, and other limits are far stronger.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    highest: float = eqx.field(static=True)
    lowest: float | None = eqx.field(static=True, default=None)

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """Δa_μ against the datum."""
        vector = theory.find((LMuMinusLTau,))
        if vector is None:
            raise self.refusal(theory)
        moment = muon_moment(vector.mass, vector.coupling)
        inside = jnp.isfinite(moment)
        if self.lowest is None:
            return log_bound(self.highest, moment, inside, "Delta a_mu")
        return log_bound(self.lowest, moment, inside, "Delta a_mu", ceiling=self.highest)


def gauged_limits() -> list[AbstractLimit]:
    """All of them. The experimental anomaly of a_μ is 249 ± 48, with the theory of 2025 38 ± 63."""
    tables: list[AbstractLimit] = [
        GaugedLimit(
            name=entry["name"],
            source=entry["source"],
            kind=entry["kind"],
            confidence=entry["confidence"],
            force=force,
            table=entry["table"],
            upper=entry.get("upper"),
            gaps=tuple((low, high) for low, high in entry.get("gaps", ())),
        )
        for name, force in _FORCES.items()
        for entry in read_data(name)
    ]
    unit = 1e-11
    return [
        *tables,
        MuonMoment("(g-2)_mu of 2023", "Muon g-2, 2308.06230", "preferred", 345 * unit, 153 * unit),
        MuonMoment("(g-2)_mu of 2025 (approximate)", "2505.21476", "estimate", 164 * unit),
    ]
