"""Limits on the mixing of a heavy neutrino that leaves nothing in a detector."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..constants import FLAVOURS, HIGGS_MASS, Z_MASS
from ..portal import NeutrinoPortal
from ._base import AbstractLimit, Bound, log_bound
from ._tables import Table, read_data

_VACUUM = 246219.65  # Higgs field v [MeV]; (√2 G_F)^(−1/2)
_HIGGS_WIDTH = 4.07  # [MeV]; SM at 125 GeV, 1610.07922
LIGHTEST_HEAVY = 10.0  # m₄ [MeV]; N_eff in nucleosynthesis, 1709.07001 section III D
_QUANTITY = {name: f"|U_{name}4|^2" for name in FLAVOURS}


@final
class MixingLimit(AbstractLimit):
    """|U_ℓ4|² of one flavour below a table in m₄ [MeV]: peak searches, universality, precision
    fits.

    For neutrinos that decay invisibly (or whatever their decay): a `NeutrinoPortal` with
    m₄ > m_χ + m_φ, whose weak decays are rare. Where ν₄ is lighter it decays weakly, and the
    limit is out of range.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    flavour: str = eqx.field(static=True)
    confidence: float = eqx.field(static=True)
    table: Table

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """|U_ℓ4|² against the table at m₄."""
        bound, inside = self.table(theory.heavy_neutrino_mass)
        return _mixing_bound(theory, bound, inside, self.flavour)


@final
class HiggsInvisible(AbstractLimit):
    """Σ|U_ℓ4|² from h → ν ν₄ (all of it invisible), with a limit on the branching ratio.

    Γ = Σ|U|² M_h m₄² (1 − m₄²/M_h²)²/(8πv²), v = 246 GeV, below Γ_SM B/(1 − B); 1 MeV < m₄ < M_h.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    branching: float = eqx.field(static=True)

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """Σ|U_ℓ4|² against the closed form."""
        m4 = theory.heavy_neutrino_mass
        new = _HIGGS_WIDTH * self.branching / (1.0 - self.branching)
        inside = (m4 > 1.0) & (m4 < 0.999 * HIGGS_MASS)
        safe = jnp.where(inside, m4, 1e4)
        phase = (1.0 - (safe / HIGGS_MASS) ** 2) ** 2
        bound = 8.0 * np.pi * new * _VACUUM**2 / (HIGGS_MASS * safe**2 * phase)
        return _mixing_bound(theory, bound, inside & (bound < 1.0), None)


@final
class ZInvisible(AbstractLimit):
    """Σ|U_ℓ4|² from the invisible width of the Z, 499.0 ± 1.5 MeV against 501.4 MeV (90 %).

    2Σ|U|²[1 − (1 − x)²(1 + x/2)] < 0.029, x = m₄²/m_Z² (x = 1 above m_Z): a mixed neutrino
    couples less, and a heavy one is not made. To first order in the mixing.
    """

    source: str = eqx.field(static=True, default="PDG 2016, Chin. Phys. C 40 (2016) 100001")
    name: str = eqx.field(static=True, default="invisible Z width")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """Σ|U_ℓ4|² against the closed form."""
        x = jnp.minimum((theory.heavy_neutrino_mass / Z_MASS) ** 2, 1.0)
        missing = 2.0 * (1.0 - (1.0 - x) ** 2 * (1.0 + 0.5 * x))
        inside = (missing > 0.029) & (theory.heavy_neutrino_mass < 1e7)
        bound = 0.029 / jnp.where(inside, missing, 1.0)
        return _mixing_bound(theory, bound, inside, None)


@final
class HeavyNeutrinoMass(AbstractLimit):
    """m₄ above 10 MeV, so that ν₄ is gone before nucleosynthesis (for any mixing of interest)."""

    source: str = eqx.field(static=True, default="Boehm, Dolan and McCabe, 1303.6270")
    name: str = eqx.field(static=True, default="N_eff (heavy neutrino)")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`NeutrinoPortal`."""
        return (NeutrinoPortal,)

    def compare(self, theory: NeutrinoPortal, result: Any) -> Bound:
        """m₄ [MeV] against 10."""
        m4 = theory.heavy_neutrino_mass
        return log_bound(LIGHTEST_HEAVY, m4, jnp.isfinite(m4), "m_4 [MeV]", lower=True)


def heavy_neutrino_limits() -> list[AbstractLimit]:
    """All of them: tables by flavour, Higgs, Z and N_eff."""
    tables: list[AbstractLimit] = [
        MixingLimit(
            name=entry["name"],
            source=entry["source"],
            kind="limit",
            flavour=entry["flavour"],
            confidence=entry["confidence"],
            table=entry["table"],
        )
        for entry in read_data("invisible_heavy_neutrino.toml")
    ]
    return [
        *tables,
        HiggsInvisible("invisible Higgs decays", "ATLAS, 2301.10731", "limit", 0.107),
        ZInvisible(),
        HeavyNeutrinoMass(),
    ]


def _mixing_bound(theory: NeutrinoPortal, bound: Any, inside: Any, flavour: str | None) -> Bound:
    if flavour is None:
        value, quantity = theory.total_mixing, "sum |U_l4|^2"
    else:
        value, quantity = theory.mixing[..., FLAVOURS.index(flavour)], _QUANTITY[flavour]
    dark: jax.Array = theory.heavy_neutrino_mass > theory.dm_mass + theory.scalar_mass
    return log_bound(bound, value, inside & dark, quantity)
