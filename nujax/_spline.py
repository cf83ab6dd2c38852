"""Cubic splines: coefficients in NumPy, once; evaluation in NumPy or JAX.

A table has shape [n_intervals, 4, ...]; `table[i, k]` multiplies w^k, where w ∈ [0, 1] runs
through interval i. On uniform knots an evaluation is one index, one gathered row and a cubic
in w. Outside the knots the spline is held constant (value of the nearest end, slope zero).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

# Power k of w (rows) in the four cubic B-splines that live on one interval (columns).
_B_SPLINE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6.0


def spline_slopes(knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Slopes at the knots of the C² cubic spline through the values, not-a-knot at both ends.

    Shapes: knots [n], increasing, n ≥ 4; values [n, ...]; result [n, ...]. The equations are
    tridiagonal (de Boor, A Practical Guide to Splines, ch. IV) and solved by elimination.
    """
    n = len(knots)
    columns = (slice(None),) + (None,) * (values.ndim - 1)
    h = np.diff(knots)
    secant = np.diff(values, axis=0) / h[columns]
    lower, diagonal, upper = np.empty(n), np.empty(n), np.empty(n)
    right = np.empty(values.shape)
    # Not-a-knot: the third derivative is continuous across the second and the last but one knot.
    diagonal[0], upper[0] = h[1], h[0] + h[1]
    right[0] = ((3 * h[0] + 2 * h[1]) * h[1] * secant[0] + h[0] ** 2 * secant[1]) / upper[0]
    diagonal[-1], lower[-1] = h[-2], h[-1] + h[-2]
    right[-1] = ((3 * h[-1] + 2 * h[-2]) * h[-2] * secant[-1] + h[-1] ** 2 * secant[-2]) / lower[-1]
    lower[1:-1], diagonal[1:-1], upper[1:-1] = h[1:], 2 * (h[:-1] + h[1:]), h[:-1]
    right[1:-1] = 3 * (h[1:][columns] * secant[:-1] + h[:-1][columns] * secant[1:])
    for i in range(1, n):
        factor = lower[i] / diagonal[i - 1]
        diagonal[i] -= factor * upper[i - 1]
        right[i] -= factor * right[i - 1]
    right[-1] /= diagonal[-1]
    for i in range(n - 2, -1, -1):
        right[i] = (right[i] - upper[i] * right[i + 1]) / diagonal[i]
    return right


def hermite_table(knots: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Table [n−1, 4, ...] of the cubics with the given values and slopes [n, ...] at knots [n]."""
    h = np.diff(knots)[(slice(None),) + (None,) * (values.ndim - 1)]
    rise = np.diff(values, axis=0)
    left, right = h * slopes[:-1], h * slopes[1:]
    table = np.stack(
        (values[:-1], left, 3 * rise - 2 * left - right, left + right - 2 * rise), axis=1
    )
    table.setflags(write=False)
    return table


def spline_table(knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Table [n−1, 4, ...] of the not-a-knot C² cubic spline through values [n, ...] at knots."""
    return hermite_table(knots, values, spline_slopes(knots, values))


def evaluate_at_knots(
    knots: np.ndarray, table: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes [n, ...] at x [n] of a table on any increasing knots (NumPy only)."""
    index = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    columns = (slice(None),) + (None,) * (table.ndim - 2)
    h = np.diff(knots)[index][columns]
    w = (x - knots[index])[columns] / h
    value, slope = _cubic_and_slope(np.moveaxis(table[index], 1, 0), w)
    return value, slope / h


def projected_table(
    function: Callable[[np.ndarray], np.ndarray],
    start: float,
    step: float,
    intervals: int,
    breaks: Sequence[float] = (),
) -> np.ndarray:
    """Table [intervals, 4, m] of the least-squares C² cubic spline of `function` ([n] to [n, m]).

    The projection keeps the integrals of the function against every cubic B-spline of the
    knots start + step·i. So a jump or kink of the function at `breaks` is smoothed over a few
    knots without a change of its integrals against smooth weights, to O(step⁴); an
    interpolating spline would shift them by O(step · jump) and O(step² · kink).
    """
    edges = np.unique(np.append(start + step * np.arange(intervals + 1), breaks))
    node, node_weight = np.polynomial.legendre.leggauss(6)
    widths = np.diff(edges)[:, None]
    x = (edges[:-1, None] + 0.5 * widths * (node + 1.0)).ravel()
    weight = (0.5 * widths * node_weight).ravel()
    position = (x - start) / step
    index = np.clip(np.floor(position).astype(int), 0, intervals - 1)
    basis = np.vander(position - index, 4, increasing=True) @ _B_SPLINE
    values = weight[:, None] * function(x)
    normal = np.zeros((intervals + 3, intervals + 3))
    moments = np.zeros((intervals + 3, values.shape[1]))
    for k in range(4):
        np.add.at(moments, index + k, basis[:, k, None] * values)
        for other in range(4):
            np.add.at(normal, (index + k, index + other), weight * basis[:, k] * basis[:, other])
    amplitudes = np.linalg.solve(normal, moments)
    windows = np.stack([amplitudes[k : k + intervals] for k in range(4)], axis=1)
    table = np.einsum("pk,nkm->npm", _B_SPLINE, windows)
    table.setflags(write=False)
    return table


def evaluate(table: np.ndarray, start: float, step: float, x: Any, xp: Any = jnp) -> Any:
    """Spline value(s) at x: result [*x.shape, *table.shape[2:]], in the type of x.

    `start` is the first knot and `step` the spacing. `xp` is `jax.numpy` (differentiable, NaN
    nowhere for finite x) or `numpy`.
    """
    coefficients, w = _gather(table, start, step, x, xp)
    return _cubic(coefficients, w)


def _gather(table: np.ndarray, start: float, step: float, x: Any, xp: Any) -> tuple[list, Any]:
    last = table.shape[0]
    position = xp.clip((x - start) / step, 0.0, float(last))
    # A NaN becomes an arbitrary integer, hence the clip at both ends.
    index = xp.clip(position.astype(np.int32), 0, last - 1)
    if xp is np:
        rows = table[index]
    else:
        rows = jnp.asarray(table, dtype=x.dtype).at[index].get(mode="promise_in_bounds")
    w = position - index.astype(position.dtype)
    extra = table.ndim - 2
    k_axis = rows.ndim - 1 - extra
    return [rows.take(k, axis=k_axis) for k in range(4)], w.reshape(w.shape + (1,) * extra)


def _cubic(c: Any, w: Any) -> Any:
    return c[0] + w * (c[1] + w * (c[2] + w * c[3]))


def _cubic_and_slope(c: Any, w: Any) -> tuple[Any, Any]:
    return _cubic(c, w), c[1] + w * (2 * c[2] + w * (3 * c[3]))
