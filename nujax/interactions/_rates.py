"""Interpolation of the Standard Model rate coefficient C_α(T, y), and its tables for fast use.

ln C_α is the not-a-knot cubic spline of the values at y = 3 in ln T, plus the bicubic spline of
the logarithm of the ratios in (ln T, ln y): one C² function, a bicubic polynomial in each of
27 × 9 cells. Outside 1 MeV ≤ T ≤ 10 GeV and 0.25 ≤ y ≤ 12.5 it is held constant.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._checks import check_choice
from .._degrees import KNOT_SPACING
from .._spline import evaluate_at_knots, hermite_table, projected_table, spline_table
from ..constants import FLAVOURS
from ._rate_table import RATE_AT_REFERENCE_Y, RATIO, RATIO_Y

LOG_T_KNOTS = np.log(RATE_AT_REFERENCE_Y[:, 0])  # ln(T/MeV), 28 knots from 1 MeV to 10 GeV
LOG_Y_KNOTS = np.log(RATIO_Y)
_TINY = 1e-30  # logarithms are taken of no less, so that a zero gives no infinite gradient


@cache
def _columns(flavour: str) -> np.ndarray:
    """Table [27, 4, 10] of ln C in ln T, for each listed y."""
    check_choice("flavour", flavour, FLAVOURS)
    rates = np.log(RATE_AT_REFERENCE_Y[:, 1 + FLAVOURS.index(flavour)])
    rows = RATIO[flavour]
    # Every knot of the ratios is also a knot of the rates: the sum is exact on the latter.
    ratio_knots = np.log(rows[:, 0])
    ratio_table = spline_table(ratio_knots, np.log(rows[:, 1:]))
    ratio, ratio_slope = evaluate_at_knots(ratio_knots, ratio_table, LOG_T_KNOTS)
    rate, rate_slope = evaluate_at_knots(LOG_T_KNOTS, spline_table(LOG_T_KNOTS, rates), LOG_T_KNOTS)
    return hermite_table(LOG_T_KNOTS, rate[:, None] + ratio, rate_slope[:, None] + ratio_slope)


@cache
def _cells(flavour: str) -> np.ndarray:
    """Bicubic coefficients [27 · 9, 16] of ln C; the last axis is (power in ln T, in ln y)."""
    in_y = spline_table(LOG_Y_KNOTS, np.moveaxis(_columns(flavour), -1, 0))  # [9, 4, 27, 4]
    cells = np.ascontiguousarray(in_y.transpose(2, 0, 3, 1)).reshape(-1, 16)
    cells.setflags(write=False)
    return cells


def rate_coefficient(T: Any, y: Any, flavour: str, xp: Any = jnp) -> Any:
    r"""C_α(T, y) = Γ_α/(G_F² E T⁴), dimensionless; elementwise in T [MeV] and y = E/T.

    Sources: hep-ph/0612182 and 1506.06752, see `_rate_table`. C grows from the leptonic value
    (1.2 for e, 0.86 for μ and τ) to 9.2 through the QCD transition.

    Arrays of equal shapes, or of shapes that broadcast without a change of rank. `xp` is
    `jax.numpy` (differentiable) or `numpy`. Raises `ValueError` for an unknown flavour.
    """
    check_choice("flavour", flavour, FLAVOURS)
    i, w_t = _locate(LOG_T_KNOTS, xp.log(xp.maximum(T, _TINY)), xp)
    j, w_y = _locate(LOG_Y_KNOTS, xp.log(xp.maximum(y, _TINY)), xp)
    cells = _cells(flavour)
    index = i * (len(LOG_Y_KNOTS) - 1) + j
    if xp is np:
        rows = cells[index]
    else:
        rows = jnp.asarray(cells, dtype=w_y.dtype).at[index].get(mode="promise_in_bounds")
    c = [rows[..., k] for k in range(16)]
    in_y = [c[4 * k] + w_y * (c[4 * k + 1] + w_y * (c[4 * k + 2] + w_y * c[4 * k + 3]))
            for k in range(4)]  # fmt: skip
    return xp.exp(in_y[0] + w_t * (in_y[1] + w_t * (in_y[2] + w_t * in_y[3])))


def _locate(knots: np.ndarray, x: Any, xp: Any) -> tuple[Any, Any]:
    """Interval and fraction in it of x, clamped to the knots."""
    x = xp.clip(x, float(knots[0]), float(knots[-1]))
    if xp is np:
        index = np.searchsorted(knots[1:-1], x, side="right")
        left, width = knots[index], np.diff(knots)[index]
    else:
        inner = jnp.asarray(knots[1:-1], dtype=x.dtype)
        index = jnp.searchsorted(inner, x, side="right", method="compare_all")
        left = jnp.asarray(knots[:-1], dtype=x.dtype)[index]
        width = jnp.asarray(np.diff(knots), dtype=x.dtype)[index]
    return index, (x - left) / width


def rate_table(
    flavour: str,
    momenta: Callable[[np.ndarray], np.ndarray],
    step: float = KNOT_SPACING,
    first: int = 0,
    last: int = 185,
) -> tuple[np.ndarray, float, float]:
    """C_α(T, y_j(T)) along given momenta, as cubic splines on uniform knots in ln(T/MeV).

    Arguments:
      momenta      ln(T/MeV) [n] to y [n, n_y] or [1, n_y], in NumPy: momenta that redshift with
                   g*s, or constant ones
      step         spacing of the knots, which are at step · j
      first, last  their range of j; the default covers the rates, 1 MeV to 10.4 GeV
    Returns the table [last − first, 4, n_y] for `nujax._spline.evaluate`, its first knot and its
    spacing. It is a least-squares projection: integrals with smooth weights are those of
    `rate_coefficient` to 1e-8, while single values at the default step differ by up to 2e-4
    where the source's own knots are dense (180 MeV), 1e-3 at the kink at 10 GeV.

    Raises `ValueError` for an unknown flavour.
    """

    def values(log_t: np.ndarray) -> np.ndarray:
        y = np.asarray(momenta(log_t), dtype=float)
        T = np.exp(log_t)[:, None] + np.zeros((1, y.shape[1]))
        return rate_coefficient(T, np.broadcast_to(y, T.shape), flavour, np)

    start = step * first
    ends = [end for end in LOG_T_KNOTS[[0, -1]] if start < end < step * last]
    return projected_table(values, start, step, last - first, ends), start, step


class RateFactors(NamedTuple):
    """C_α(T, y) ≈ Σ_k A_k(ln T) B_k(y), see `rate_factors`."""

    table: np.ndarray
    """Spline coefficients [n_knots − 1, 4, rank] of A_k, for `nujax._spline.evaluate`."""
    start: float
    """First knot, in ln(T/MeV)."""
    step: float
    """Spacing of the knots in ln T."""
    momentum_factors: Callable[[np.ndarray], np.ndarray]
    """y [n_y] to B [rank, n_y], in NumPy."""


@cache
def rate_factors(flavour: str, rank: int = 16, step: float = 0.005) -> RateFactors:
    """Low-rank form of the rate coefficient, C_α(T, y) = Σ_k A_k(ln T) B_k(y).

    The factors come from the singular value decomposition of C_α(T, y)/C_α(T, 3) on a dense
    grid: A_k carries C_α(T, 3), and B_k(y) is the projection on it of the column at y, so that
    B_k is exact at any y. Relative error at the defaults: below 1e-6 for all flavours. The
    logarithm has rank 10, but C itself falls off slowly: rank 12 leaves 2e-5, rank 8 8e-4. At a
    few dozen constant momenta `rate_table` is cheaper.

    Raises `ValueError` for an unknown flavour.
    """
    check_choice("flavour", flavour, FLAVOURS)
    intervals = int(np.ceil((LOG_T_KNOTS[-1] - LOG_T_KNOTS[0]) / step))
    knots = np.linspace(LOG_T_KNOTS[0], LOG_T_KNOTS[-1], intervals + 1)
    grid_y = np.exp(np.linspace(LOG_Y_KNOTS[0], LOG_Y_KNOTS[-1], 301))
    at_reference = evaluate_at_knots(LOG_T_KNOTS, _columns(flavour), knots)[0]
    scale = np.exp(at_reference[:, RATIO_Y == 3.0])
    left = np.linalg.svd(_grid(flavour, knots, grid_y) / scale, full_matrices=False)[0]
    basis = left[:, :rank] * np.sqrt(len(knots))  # entries of order one
    projector = (basis / len(knots)).T

    def momentum_factors(y: np.ndarray) -> np.ndarray:
        return projector @ (_grid(flavour, knots, np.asarray(y, dtype=float)) / scale)

    table = spline_table(knots, basis * scale)
    return RateFactors(table, float(knots[0]), float(knots[1] - knots[0]), momentum_factors)


def _grid(flavour: str, log_t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """C [n_T, n_y] on a product grid."""
    columns = evaluate_at_knots(LOG_T_KNOTS, _columns(flavour), log_t)[0].T
    inside = np.clip(np.log(np.maximum(y, _TINY)), LOG_Y_KNOTS[0], LOG_Y_KNOTS[-1])
    log_c = evaluate_at_knots(LOG_Y_KNOTS, spline_table(LOG_Y_KNOTS, columns), inside)[0]
    return np.exp(log_c.T)
