"""The table of the benchmark: rows of times and single numbers, printed as they come."""

from __future__ import annotations

from typing import Any

from measuring import Times

_SHOWN = {"cpu_min_us": "CPU min", "wall_min_us": "wall min", "wall_median_us": "wall med"}


class Report:
    """Collects rows of times and checks; ratios and first calls are by `clock`, "cpu" or "wall"."""

    def __init__(self, clock: str):
        self.clock = clock
        self.rows: dict[str, dict[str, Any]] = {}
        self.checks: dict[str, float] = {}

    def say(self, text: str) -> None:
        """Print at once, also into a pipe."""
        print(text, flush=True)

    def heading(self) -> None:
        """Heads of the columns."""
        heads = ("points", *_SHOWN.values(), "first call", "ratio")
        self.say(f"{'µs a point':36}" + "".join(f"{head:>11}" for head in heads))

    def row(self, key: str, label: str, points: int, times: Times, base: str = "value") -> None:
        """One measurement, and its cost a point relative to row `base` if there is one yet."""
        row: dict[str, Any] = {"label": label, "points": points}
        row |= times.per(points)
        text = f"{label:36}{points:11d}" + "".join(f"{row[name]:11.4g}" for name in _SHOWN)
        text += f"{row[f'first_{self.clock}_s']:9.2f} s"
        unit = f"{self.clock}_min_us"
        if base in self.rows:
            row["ratio"] = row[unit] / self.rows[base][unit]
            text += f"{row['ratio']:9.4g} ×"
        self.rows[key] = row
        self.say(text)

    def check(self, key: str, text: str, value: float) -> None:
        """A number that is not a time."""
        self.checks[key] = float(value)
        self.say(f"    {text}: {value:.3g}")
