"""All limits at once, as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from ._base import AbstractLimit, Bound, NotConstrained
from ._dark_matter import dark_matter_limits
from ._heavy_neutrino import heavy_neutrino_limits


class Row(NamedTuple):
    """One limit and what it says; `bound` is None where it does not constrain the model."""

    limit: AbstractLimit
    bound: Bound | None

    @property
    def verdict(self) -> str:
        """ "excluded", "allowed", "out of range" or "does not constrain this model"."""
        return "does not constrain this model" if self.bound is None else self.bound.verdict


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
            lines.append(f"{row['name'] + kind:44} {ratio:>9}  {row['verdict']:13} {row['source']}")
        return "\n".join(lines)


@cache
def all_limits() -> tuple[AbstractLimit, ...]:
    """Every limit of the library."""
    return (*heavy_neutrino_limits(), *dark_matter_limits())


def check(
    theory: Any, result: Any = None, limits: Sequence[AbstractLimit] | None = None
) -> LimitTable:
    """Compare a single, concrete theory with limits, all of the library unless given.

    theory  for example a `NeutrinoPortal`
    result  of its production: with it direct detection counts the share of the dark matter

    Limits that do not constrain the model, or not in this range, say so in their row.
    """
    rows = []
    for limit in all_limits() if limits is None else limits:
        try:
            rows.append(Row(limit, limit.bound(theory, result)))
        except NotConstrained:
            rows.append(Row(limit, None))

    def strength(row: Row) -> float:
        ratio = None if row.bound is None else _number(row.bound.ratio)
        return -math.inf if ratio is None else ratio

    return LimitTable(tuple(sorted(rows, key=strength, reverse=True)))


def _number(value: Any) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None
