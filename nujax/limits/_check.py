"""All limits at once, as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from ._base import AbstractLimit, Bound, NeedsResult, NotConstrained
from ._dark_matter import dark_matter_limits
from ._early_universe import early_limits
from ._gauged import gauged_limits
from ._heavy_neutrino import heavy_neutrino_limits
from ._mediator import mediator_decay_limits
from ._structure import structure_limits
from ._x_ray import decay_limits

_WORDS = {
    "preferred": {"excluded": "preferred", "allowed": "not preferred"},
    "projection": {"excluded": "within reach", "allowed": "beyond reach"},
}


class Row(NamedTuple):
    """One limit and what it says; `bound` is None where it does not constrain the model."""

    limit: AbstractLimit
    bound: Bound | None
    reason: str = "does not constrain this model"

    @property
    def verdict(self) -> str:
        """ "excluded", "allowed", "out of range" or "does not constrain this model".

        Of a preferred band "preferred" or "not preferred", of a projection "within reach" or
        "beyond reach"; "needs the result of production" where there is none.
        """
        if self.bound is None:
            return self.reason
        words = self.bound.verdict
        return _WORDS.get(self.limit.kind, {}).get(words, words)


class LimitTable(NamedTuple):
    """What `check` found, one row a limit, strongest first; prints as a table."""

    entries: tuple[Row, ...]

    @property
    def excluded(self) -> tuple[Row, ...]:
        """The rows of data (not projections, backgrounds, theory) that exclude the theory."""
        return tuple(
            row for row in self.entries if row.limit.kind == "limit" and row.verdict == "excluded"
        )

    def rows(self) -> list[dict[str, Any]]:
        """The table as plain numbers and words: name, kind, quantity, bound, value, ratio, …"""
        return [
            {
                "name": row.limit.name,
                "kind": row.limit.kind,
                "quantity": None if row.bound is None else row.bound.quantity,
                "bound": None if row.bound is None else _number(row.bound.bound),
                "value": None if row.bound is None else _number(row.bound.value),
                "ceiling": _ceiling(row.bound),
                "ratio": None if row.bound is None else _number(row.bound.ratio),
                "verdict": row.verdict,
                "source": row.limit.source,
            }
            for row in self.entries
        ]

    def __str__(self) -> str:
        lines = []
        for row in self.rows():
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.3g}"
            kind = "" if row["kind"] == "limit" else f" ({row['kind']})"
            lines.append(f"{row['name'] + kind:52} {ratio:>9}  {row['verdict']:13} {row['source']}")
        return "\n".join(lines)


@cache
def all_limits() -> tuple[AbstractLimit, ...]:
    """Every limit of the library."""
    portal = *heavy_neutrino_limits(), *dark_matter_limits()
    sterile = *decay_limits(), *structure_limits()
    forces = *mediator_decay_limits(), *early_limits(), *gauged_limits()
    return *portal, *sterile, *forces


def check(
    theory: Any, result: Any = None, limits: Sequence[AbstractLimit] | None = None
) -> LimitTable:
    """Compare a single, concrete theory with limits, all of the library unless given.

    theory  for example a `NeutrinoPortal`, a `SterileNeutrino`, or a pair of one and its
            interaction as in `solve_production`
    result  of its production: with it limits count the share of the dark matter, and those on
            warm spectra have one

    Limits that do not constrain the model, or not in this range, say so in their row.
    """
    rows = []
    for limit in all_limits() if limits is None else limits:
        try:
            rows.append(Row(limit, limit.bound(theory, result)))
        except NeedsResult:
            rows.append(Row(limit, None, "needs the result of production"))
        except NotConstrained:
            rows.append(Row(limit, None))

    def strength(row: Row) -> float:
        ratio = None if row.bound is None else _number(row.bound.ratio)
        return -math.inf if ratio is None else ratio

    return LimitTable(tuple(sorted(rows, key=strength, reverse=True)))


def _ceiling(bound: Bound | None) -> float | None:
    return None if bound is None or bound.ceiling is None else _number(bound.ceiling)


def _number(value: Any) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None
