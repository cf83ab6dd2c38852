"""Limits on the decays of sterile-neutrino dark matter: X-ray lines and lifetime."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp

from ..constants import HBAR, RELIC_DENSITY_TARGET
from ..interactions import BMinusL, LMuMinusLTau, ScalarMediator, VectorMediator
from ..production import ProductionResult
from ..units import keV
from ._base import AbstractLimit, Bound, log_bound
from ._tables import Table, read_data
from ._theory import SterileTheory
from ._widths import mediator_width, radiative_width, weak_width

_AGE = 4.35e17  # of the Universe [s]; Planck 2018, 1807.06209
_FLAVOURS = {VectorMediator: 1, LMuMinusLTau: 2, BMinusL: 3}
_LINE, _LINE_ERROR, _LINE_HALF_WIDTH = 7e-11, 2e-11, 0.06  # sin²2θ, and keV in the mass


def share_of(result: Any) -> jax.Array | float:
    """Ω h²/0.12 of a production's result; 1 without one."""
    if isinstance(result, ProductionResult):
        return result.relic_density / RELIC_DENSITY_TARGET
    return 1.0


@final
class XrayLine(AbstractLimit):
    """sin²2θ below a table in m₄ [keV]: no line of ν_s → νγ at m₄/2.

    ν_s is taken to be all dark matter, or, with the result of its production, its share
    Ω h²/0.12. No number in `gaps` [keV], where a line of the instrument or of the sky hides one.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    confidence: float = eqx.field(static=True)
    table: Table
    gaps: tuple[tuple[float, float], ...] = eqx.field(static=True, default=())

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """sin²2θ Ω h²/0.12 against the table at m₄."""
        mass = theory.sterile.mass / keV
        bound, inside = self.table(mass)
        for low, high in self.gaps:
            inside = inside & ~((mass > low) & (mass < high))
        value = theory.sterile.sin2_2theta * share_of(result)
        return log_bound(bound, value, inside, "sin^2(2 theta) x share")


@final
class LineRate(AbstractLimit):
    """Γ(ν_s → νγ) below 1.0e-27 s⁻¹ (3σ) for the line of 3.5 keV: clusters seen with XRISM.

    At 7.1 keV, sin²2θ < 4.1e-10 for a Majorana neutrino that is all dark matter.
    """

    largest: float = eqx.field(static=True, default=1.0e-27)
    source: str = eqx.field(static=True, default="XRISM, 2510.24560")
    name: str = eqx.field(static=True, default="clusters at 3.5 keV, XRISM")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """Γ Ω h²/0.12 [1/s] against the datum, for masses within 0.06 keV of 7.1 keV."""
        mass = theory.sterile.mass
        width = radiative_width(mass, theory.sterile.sin2_2theta) / HBAR * share_of(result)
        inside = jnp.abs(mass / keV - 7.1) <= _LINE_HALF_WIDTH
        return log_bound(self.largest, width, inside, "Gamma(nu_s -> nu gamma) x share [1/s]")


@final
class LineAt35(AbstractLimit):
    """The unexplained line at 3.5 keV: sin²2θ = (7 ± 2)e-11 at m₄ = 7.1 keV. Excludes nothing.

    Ratio above 1: the theory makes the line. Several of the limits exclude it for all dark matter.
    """

    source: str = eqx.field(static=True, default="Bulbul et al., 1402.2301")
    name: str = eqx.field(static=True, default="line at 3.5 keV")
    kind: str = eqx.field(static=True, default="preferred")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """sin²2θ Ω h²/0.12 against the band, for masses within 0.06 keV of 7.1 keV."""
        inside = jnp.abs(theory.sterile.mass / keV - 7.1) <= _LINE_HALF_WIDTH
        value = theory.sterile.sin2_2theta * share_of(result)
        low, high = _LINE - _LINE_ERROR, _LINE + _LINE_ERROR
        return log_bound(low, value, inside, "sin^2(2 theta) x share", ceiling=high)


@final
class Lifetime(AbstractLimit):
    """ν_s lives longer than the Universe is old, 4.35e17 s: by photon, Z and the new boson.

    The boson of a scalar, vector, L_μ − L_τ or B − L, heavy (ν_s → 3ν) or light (on shell); see
    `nujax.limits._widths.mediator_width`. Other forces are left out.
    """

    age: float = eqx.field(static=True, default=_AGE)
    source: str = eqx.field(static=True, default="Planck, 1807.06209")
    name: str = eqx.field(static=True, default="lifetime")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """Total width [1/s] against that of the age."""
        width = total_width(theory)
        return log_bound(1.0 / self.age, width / HBAR, jnp.isfinite(width), "Gamma(nu_s) [1/s]")


def total_width(theory: SterileTheory) -> jax.Array:
    """Γ [MeV] of ν_s → νγ, 3ν, and by the bosons of scalars and vectors."""
    sterile = theory.sterile
    mixing = sterile.mass, sterile.sin2_2theta
    width = radiative_width(*mixing) + weak_width(*mixing)
    for force in theory.new_forces():
        boson = getattr(force, "mass", None), getattr(force, "coupling", None)
        if isinstance(force, ScalarMediator):
            width = width + mediator_width(*mixing, *boson, vector=False)
        elif type(force) in _FLAVOURS:
            flavours = _FLAVOURS[type(force)]
            width = width + mediator_width(*mixing, *boson, vector=True, flavours=flavours)
    return width


def decay_limits() -> list[AbstractLimit]:
    """All of them: tables of X-ray searches, XRISM, the line, the lifetime."""
    tables: list[AbstractLimit] = [
        XrayLine(
            name=entry["name"],
            source=entry["source"],
            kind=entry["kind"],
            confidence=entry["confidence"],
            table=entry["table"],
            gaps=tuple((low, high) for low, high in entry.get("gaps", ())),
        )
        for entry in read_data("x_ray.toml")
    ]
    return [*tables, LineRate(), LineAt35(), Lifetime()]
