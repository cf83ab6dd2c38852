r"""Rates on charged leptons from constant tables: what `_charged` evaluates, for the integrators.

With d = ln(m_ℓ/m), r = e^(2d), γ = Γ_V/m and t(z) the targets, (x/T)Γ of one lepton is
    w { on [π Re ν(1+iγ) + γR(w)] + off S(w, x) },   ν(u) = (2/3)√u (u+2r)√(u−4r) t(wu),
the resonance with its threshold, what is left of annihilation, and scattering; on·γ = off ∝ g⁴.
    Re ν(1+iγ) ≈ (2/3)[Re s (n − γ²n″/2) − γ Im s n′],   s = √(1−4r+iγ),   n = √u (u+2r) t(wu)
holds the branch point at the threshold, where R is smooth. It is left out for r > e, far above
which it would cancel against R. R is tabulated in d and ln w at some γ, to be interpolated in
γ̂ = γ²/(1+γ²) (linear for m ≫ T: two are enough for narrow vectors); S in d, ln(m/T) and ln x.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import make_interp_spline

from ..quadrature import lagrange_weights
from ._base import sum_of
from ._charged import annihilation, scattering
from ._kernels import vector_targets

_D_STEP, _TAPS, _FEW_TAPS = 0.125, 8, 4
_NO_RESONANCE = 0.5  # d from which on the resonance is not taken apart
# Two overlapping pieces of d, with the resonance taken apart and without: from the electron and a
# boson of 7 TeV to the τ and 1 keV.
_WITH, _WITHOUT = np.arange(-132, 10), np.arange(0, 132)
_D = np.concatenate([_WITH, _WITHOUT]) * _D_STEP
# Grids of t = ln(m/T) and of ln w.
T_STEPS, T_FIRST, T_COUNT = 8, -168, 312
W_STEPS, W_FIRST, W_COUNT = 10, -420, 820
# Chebyshev nodes in ln x; below, where few neutrinos are, S over its size is held constant.
_X_NODES, _LOG_X = 28, (-6.5, 5.0)
# Widths at which R is tabulated; the first two serve up to the second.
_WIDTHS = (1e-4, 0.03, 0.1)
LARGEST_NARROW, LARGEST = _WIDTHS[1:]


def _momentum_variable(x, xp):
    low, high = _LOG_X
    return xp.clip((2.0 * xp.log(x) - (low + high)) / (high - low), -1.0, 1.0)


def momentum_basis(x, xp=jnp):
    """Chebyshev polynomials [..., n] at x = p/T of the tables' momenta."""
    z = _momentum_variable(x, xp)
    basis = [xp.ones_like(z), z]
    for _ in range(_X_NODES - 2):
        basis.append(2.0 * z * basis[-1] - basis[-2])
    return xp.stack(basis, axis=-1)


def scattering_size(w):
    """What S is divided by: its size, hot and cold."""
    return 1.0 / (w * w * (1.0 + w))


def annihilation_size(w):
    """What R is divided by: its size, hot and cold."""
    return 1.0 / (w * (1.0 + w * w))


def _is_near(r):
    return r < float(np.exp(2.0 * _NO_RESONANCE))


def resonance(width, r, xp=jnp):
    """Coefficients of πt, πwt′ and πw²t″ at w, in units of `on`, scalars; see above."""
    gap = 1.0 - 4.0 * r
    size = xp.sqrt(gap**2 + width**2) + float(np.finfo(r.dtype).tiny) ** 0.5
    # The larger of Re s and Im s from a sum, the other from Re s · Im s = γ/2.
    one = xp.sqrt(0.5 * (size + xp.abs(gap)))
    other = 0.5 * width / one
    re, im = xp.where(gap > 0.0, one, other), xp.where(gap > 0.0, other, one)
    # n = a t, a = √u (u + 2r) and its derivatives at u = 1
    a, first, second = 1.0 + 2.0 * r, 1.5 + r, 0.75 - 0.5 * r
    half = 0.5 * width**2 * re
    level = re * a - width * im * first - half * second
    slope = -width * im * a - 2.0 * half * first
    return 2.0 / 3.0 * level, 2.0 / 3.0 * slope, -2.0 / 3.0 * half * a


def resonance_of(width, ratios):
    """The same of all leptons, `ratios` = their r."""
    total = jnp.zeros(3, width.dtype)
    for r in ratios:
        near = _is_near(r)
        parts = jnp.stack(resonance(width, jnp.where(near, r, 0.0)))
        total = total + jnp.where(near, parts, 0.0)
    return total


class ChargedTables(NamedTuple):
    """Of one convention, NumPy float64."""

    scattering: np.ndarray  # [d, t, n] Chebyshev coefficients of S over its size
    annihilation: np.ndarray  # [widths, d, line] of R over its size


@functools.lru_cache(maxsize=2)
def charged_tables(convention: str) -> ChargedTables:
    """The tables of one convention, computed once: a few seconds."""
    return ChargedTables(_scattering_table(convention), _annihilation_table(convention))


def resonant_targets(convention: str, w, xp) -> tuple:
    """πt, πwt′ and πw²t″ at w."""
    small = xp.exp(-w)
    occupied = small / (1.0 + small)
    steep = w * occupied / (1.0 + small)  # −w df/dw of f = 1/(e^w + 1)
    level = vector_targets(convention)(w, xp)
    if convention == "exact":
        slope, curve = -w * occupied, w * steep
    else:
        slope = -0.5 * level - 2.0 * w * occupied
        curve = 0.5 * (level - slope) + 2.0 * w * steep
    return tuple(np.pi * part for part in (level, slope, curve))


def _scattering_table(convention: str) -> np.ndarray:
    t = (T_FIRST + np.arange(T_COUNT)) / T_STEPS
    angle = np.pi * (np.arange(_X_NODES) + 0.5) / _X_NODES
    low, high = _LOG_X
    x = np.exp(0.5 * (low + high) + 0.5 * (high - low) * np.cos(angle))
    values = np.zeros((len(_D), T_COUNT, _X_NODES))
    for k, d in enumerate(_D):
        # The others are colder than m_ℓ/70, where no lepton is left, or hotter than 16 GeV.
        some = (d + t < 4.3) & (d + t > -15.0)
        w = np.exp(2.0 * t[some])[:, None] / (4.0 * x)
        every = np.broadcast_to(x, w.shape)
        found = scattering(w, every, np.full_like(w, np.exp(2.0 * d)), np)
        values[k, some] = found / scattering_size(w)
    transform = 2.0 / _X_NODES * np.cos(np.arange(_X_NODES)[:, None] * angle)
    transform[0] *= 0.5
    doubled = 2.0 if convention == "paper" else 1.0
    return np.ascontiguousarray(doubled * np.einsum("nx,dtx->dtn", transform, values))


def _annihilation_table(convention: str) -> np.ndarray:
    w = np.exp((W_FIRST + np.arange(W_COUNT)) / W_STEPS)
    closed_forms = np.stack(resonant_targets(convention, w, np))
    table = np.empty((len(_WIDTHS), len(_D), W_COUNT))
    for index in np.ndindex(table.shape[:2]):
        width, r = _WIDTHS[index[0]], np.exp(2.0 * _D[index[1]])
        total = annihilation(
            w, np.full_like(w, width), np.full_like(w, r), convention, np, step=0.25
        )
        parts = np.array(resonance(np.float64(width), np.float64(r), np))
        closed = parts @ closed_forms if index[1] < len(_WITH) else 0.0
        table[index] = (total - closed) / (width * annihilation_size(w))
    return table


def _taps(r):
    """First row of the interpolation in d, and the position from there on in rows."""
    d = 0.5 * jnp.log(r)
    near = _is_near(r)
    first = jnp.where(near, float(_WITH[0]), float(_WITHOUT[0]))
    last = jnp.where(near, float(_WITH[-1]), float(_WITHOUT[-1]))
    left = jnp.floor(d / _D_STEP) - (_TAPS // 2 - 1)
    left = jax.lax.stop_gradient(jnp.clip(left, first, last - (_TAPS - 1)))
    start = (left - first).astype(int) + jnp.where(near, 0, len(_WITH))
    return start, d / _D_STEP - left


def width_weights(width, number: int):
    """Weights [number] of R at the first widths: Lagrange polynomials in γ̂."""
    at, points = width**2 / (1.0 + width**2), [g**2 / (1.0 + g**2) for g in _WIDTHS[:number]]
    weights = []
    for k, here in enumerate(points):
        others = points[:k] + points[k + 1 :]
        weights.append(math.prod((at - other) / (here - other) for other in others))
    return jnp.stack(weights)


def of_leptons(table: np.ndarray, ratios) -> jax.Array:
    """Σ over leptons [...] of a table [d, ...] at their d."""
    rows = table.shape[0]
    flat = jnp.asarray(table.reshape(rows, -1), ratios[0].dtype)
    total = 0.0
    for r in ratios:
        start, position = _taps(r)
        piece = jax.lax.dynamic_slice_in_dim(flat, start, _TAPS)
        total = total + jnp.dot(lagrange_weights(position, _TAPS), piece)
    return jnp.reshape(total, table.shape[1:])


class NodeTables(NamedTuple):
    """On nodes of t and x [t, n], times w e^(−2t) like the rates of mediators."""

    resonant: tuple[np.ndarray, ...]  # πt, πwt′ and πw²t″ at w
    # [2, d, t, n] S + R at the first width, its change to the second; float32
    off_shell: np.ndarray


@functools.lru_cache(maxsize=16)
def node_tables(convention: str, first: int, count: int, steps: int, x: tuple) -> NodeTables:
    """The tables at t = (first + i)/steps, i < count, and x."""
    tables = charged_tables(convention)
    t, x_ = (first + np.arange(count)) / steps, np.array(x)
    w = np.exp(2.0 * t)[:, None] / (4.0 * x_)
    grid = (T_FIRST + np.arange(T_COUNT)) / T_STEPS
    scattered = make_interp_spline(grid, tables.scattering, k=7, axis=1)(t)
    scattered = scattered @ momentum_basis(x_, np).T * scattering_size(w)
    line = (W_FIRST + np.arange(W_COUNT)) / W_STEPS
    spline = make_interp_spline(line, np.moveaxis(tables.annihilation[:2], -1, 0), k=5)
    values = np.moveaxis(spline(np.clip(np.log(w), line[0], line[-1])), (-2, -1), (0, 1))
    values = values * annihilation_size(w)
    values[1] -= values[0]
    values[0] += scattered
    # w e^(−2t) = 1/4x
    resonant = tuple(part / (4.0 * x_) for part in resonant_targets(convention, w, np))
    # Seven digits are enough, and squares must not overflow.
    return NodeTables(resonant, np.clip(values / (4.0 * x_), -1e30, 1e30).astype(np.float32))


def off_shell_on_nodes(nodes: NodeTables, width, ratios, offset, window: int):
    """w e^(−2t) (S + R) of all leptons [window, n] from node `offset` on."""
    wide = width_weights(width, 2)[1]
    narrow_table, change_table = (jnp.asarray(table) for table in nodes.off_shell)
    count = narrow_table.shape[-1]
    total = jnp.zeros((window, count), width.dtype)
    for r in ratios:
        start, position = _taps(r)
        # What the width changes is small: fewer rows are enough.
        skipped = (_TAPS - _FEW_TAPS) // 2
        for table, first, at, taps, factor in (
            (narrow_table, start, position, _TAPS, jnp.ones_like(wide)),
            (change_table, start + skipped, position - skipped, _FEW_TAPS, wide),
        ):
            piece = jax.lax.dynamic_slice(table, (first, offset, 0), (taps, window, count))
            weights = (factor * lagrange_weights(at, taps)).astype(table.dtype)
            part = jnp.dot(weights, piece.reshape(taps, -1)).reshape(window, count)
            total = total + part.astype(width.dtype)
    return total


def shape_on_lattice(convention: str, on, off, width, ratios, t, w, x):
    """(x/T)Γ [window, rows] at t [window], w and x of one lattice.

    Below w = 1e-9 in single precision, where derivatives would overflow, w is held.
    """
    w = jnp.maximum(w, float(np.finfo(w.dtype).tiny) ** 0.24)
    tables = charged_tables(convention)
    parts = on * resonance_of(width, ratios)
    resonant = resonant_targets(convention, w, jnp)
    total = sum_of(part * function for part, function in zip(parts, resonant, strict=True))
    lines = jnp.stack([of_leptons(table, ratios) for table in tables.annihilation])
    line = jnp.dot(width_weights(width, len(_WIDTHS)), lines)
    total = total + off * annihilation_size(w) * _along(line, jnp.log(w) * W_STEPS - W_FIRST)

    rows = _along(of_leptons(tables.scattering, ratios), t * T_STEPS - T_FIRST)
    z = _momentum_variable(x, jnp)
    before, now = jnp.ones_like(z), z
    sum_ = rows[:, :1] + rows[:, 1:2] * z
    for k in range(2, _X_NODES):
        before, now = now, 2.0 * z * now - before
        sum_ = sum_ + rows[:, k : k + 1] * now
    return w * (total + off * scattering_size(w) * sum_)


def _along(values, position):
    """Values [n, …] at fractional indices [...] of the first axis, by eighth-order Lagrange."""
    flat = jnp.clip(position.ravel(), 0.0, values.shape[0] - 1.0)
    left = jnp.clip(jnp.floor(flat) - 3.0, 0.0, values.shape[0] - 8.0)
    left = jax.lax.stop_gradient(left)
    index = left.astype(int)[:, None] + jnp.arange(8)[None, :]
    weights = lagrange_weights(flat - left, 8)
    if values.ndim == 1:
        return jnp.sum(weights * values[index], axis=1).reshape(position.shape)
    return jnp.einsum("wk,wkn->wn", weights, values[index])
