"""Cited tables: read once, interpolated smoothly in log-log, refused beyond their ends."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._spline import hermite_table


class Table(eqx.Module):
    """y(x) by monotone cubics in ln y against ln x through the points: C¹, no overshoot."""

    points: tuple[tuple[float, float], ...] = eqx.field(static=True)

    @property
    def range(self) -> tuple[float, float]:
        """First and last x."""
        return self.points[0][0], self.points[-1][0]

    def __call__(self, x: Any) -> tuple[jax.Array, jax.Array]:
        """y and whether x is in the range; elementwise. Beyond the ends y is that of the end."""
        x = jnp.asarray(x, float)
        low, high = self.range
        inside = (x >= low) & (x <= high)
        knots, coefficients = _cubics(self.points)
        position = jnp.log(jnp.clip(x, low, high))
        last = len(knots) - 2
        index = jnp.clip(jnp.searchsorted(jnp.asarray(knots), position, side="right") - 1, 0, last)
        rows = jnp.asarray(coefficients)[index]
        step = jnp.asarray(np.diff(knots))[index]
        w = (position - jnp.asarray(knots)[index]) / step
        log_y = rows[..., 0] + w * (rows[..., 1] + w * (rows[..., 2] + w * rows[..., 3]))
        return jnp.exp(log_y), inside


@cache
def _cubics(points: tuple[tuple[float, float], ...]) -> tuple[np.ndarray, np.ndarray]:
    from scipy.interpolate import PchipInterpolator

    x, y = np.log(np.asarray(points)).T
    if len(x) == 2:
        slopes = np.full(2, (y[1] - y[0]) / (x[1] - x[0]))
    else:
        slopes = PchipInterpolator(x, y).derivative()(x)
    return x, hermite_table(x, y, slopes)


@cache
def read_data(name: str) -> tuple[dict[str, Any], ...]:
    """The entries of a file in `data/`, each with its `Table` of points.

    An entry may have no table, or two: with `upper` it excludes what lies between them.
    Raises `ValueError` if a table does not rise in x or an entry has no source.
    """
    text = files("nujax.limits").joinpath("data", name).read_text(encoding="utf-8")
    entries = []
    for entry in tomllib.loads(text)["limit"]:
        if not entry.get("source"):
            raise ValueError(f"{name}: entry {entry.get('name')!r} needs a source.")
        for key in ("table", "upper"):
            if key in entry:
                points = tuple((float(x), float(y)) for x, y in entry[key])
                rising = all(a[0] < b[0] for a, b in zip(points, points[1:], strict=False))
                if not (len(points) > 1 and rising):
                    raise ValueError(f"{name}: entry {entry['name']!r} needs rising x.")
                entry[key] = Table(points)
        entries.append(entry)
    return tuple(entries)
