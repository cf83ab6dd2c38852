r"""Production on fixed nodes: microseconds a point, where no resonance is narrow.

The same equation and the same coordinate t = ln(m/T) as on the full lattice (`_lattice`), with
few nodes: a double-exponential rule in q and a uniform rule in t. At the nodes
the kernels of the mediator are constant matrices; a point costs one fused pass over them. With
g*(T) the comoving momentum slides by ln x/q = ⅓ ln(g*s/g*s(T_final)), and the matrices are
Chebyshev series in that slide.

Sums over nodes are written as dot products of a stored array: XLA vectorises the elementwise pass
and the dot, but not a reduction that it fuses with the pass.

The rule converges exponentially as long as Γ/2Δ is not small against the change of V/Δ from node
to node where Δ cos2θ = V. `SmoothSums.unresolved` bounds the error where it is: such points
belong on the lattice.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._degrees import redshift_since
from .._spline import evaluate
from ..constants import FERMI_CONSTANT
from ..interactions._base import sum_of
from ..interactions._kernels import potential_shape
from ..interactions._mediator import rate_functions_of
from ..interactions._rates import rate_table
from ..plasma import Plasma
from ..quadrature import WINDOW_REACH, MomentumRule, exponential_momenta, window_weights
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ._grid import LOG_RATIO_MAX, LOG_RATIO_MIN, MAX_SLIDE, central_change
from ._smooth_charged import Nodes, charged_gamma
from ._smooth_error import (
    aliased,
    beyond_the_limits,
    least_conversion,
    unresolved_resonances,
)
from ._theory import Parts

# Nodes per unit of t. Constant g*: exponential convergence. With g*(T) the integrand has the
# structure of the QCD transition, tabulated as splines with knots every 0.05 in ln T: the same
# spacing integrates them without aliasing, wherever the nodes fall between the knots.
CONSTANT_STEPS = 8
SLIDING_STEPS = 20
# Window lengths: T from 10 GeV to 0.1 or 1 MeV, and down to 1/60 of a mediator of 1 keV.
_SHORT_SPAN = {CONSTANT_STEPS: 11.6, SLIDING_STEPS: 9.3}
_LONG_SPAN = 20.7


def steps_of(plasma: Plasma) -> int:
    """Nodes per unit of t that this plasma needs."""
    return CONSTANT_STEPS if plasma.degrees == "constant" else SLIDING_STEPS


def short_window(steps: int) -> int:
    """Number of nodes for the usual range of temperatures."""
    return int(np.ceil(_SHORT_SPAN[steps] * steps)) + 2 * WINDOW_REACH + 2


def long_window(steps: int) -> int:
    """Number of nodes for any range of temperatures."""
    return int(np.ceil(_LONG_SPAN * steps)) + 2 * WINDOW_REACH + 2


def _first_tabulated(steps: int) -> int:
    return int(np.floor(LOG_RATIO_MIN * steps)) - 2 * WINDOW_REACH


def _tabulated(steps: int) -> int:
    last = int(np.ceil(LOG_RATIO_MAX * steps)) + 2 * WINDOW_REACH
    return last - _first_tabulated(steps) + 1


_SLIDES = 12  # Chebyshev terms of the slide
# Ratios to Δ are capped here: nodes beyond contribute nothing, and squares fit in float32.
_CAP = 1e18


# Comoving momenta are labelled by p/T at this temperature, below all thresholds: independent of
# T_final, so that functions of (T, x) along a comoving momentum are functions of T alone.
_T_REFERENCE = float(np.exp(-9.0))
# Every third momentum serves the estimate of unresolved resonances; those come first, so that they
# are contiguous.
_THIN = slice(1, None, 3)
_TYPICAL_SLIDE = 0.5


@functools.lru_cache(maxsize=1)
def _order() -> np.ndarray:
    index = np.arange(len(exponential_momenta().x))
    return np.concatenate([index[_THIN], np.delete(index, index[_THIN])])


def _thin_count() -> int:
    return len(range(*_THIN.indices(len(_order()))))


def _across(values, xp):
    """Change from momentum to momentum [..., thin] of values [..., momenta] in our order."""
    natural = values[..., np.argsort(_order())]
    change = np.gradient(natural, axis=-1) if xp is np else central_change(natural, 1)
    return change[..., _THIN]


class Tables(NamedTuple):
    """Kernels on the nodes (NumPy float64), from `_first_tabulated` on."""

    potential: np.ndarray  # [count, momenta] or [count, slides, momenta] e^(−2t) S
    rates: tuple[np.ndarray, ...]  # the same of e^(−2t) R_k, for every k
    changes: tuple[np.ndarray, ...]  # [count, thin]: change of the potential from node to node in
    # t, the change of that, and the change from momentum to momentum


@functools.lru_cache(maxsize=1)
def momenta() -> MomentumRule:
    """The momentum rule of this path, every third momentum first."""
    rule = exponential_momenta()
    return MomentumRule(rule.x[_order()], rule.weights[_order()])


@functools.lru_cache(maxsize=16)
def _tables(kind: tuple, sliding: bool) -> Tables:
    """Tables for one kind of mediator, `kind` = (class, its static choices)."""
    steps = SLIDING_STEPS if sliding else CONSTANT_STEPS
    t = (_first_tabulated(steps) + np.arange(_tabulated(steps))) / steps
    scale = np.exp(-2.0 * t)[:, None]

    def kernels(x):
        grid = np.broadcast_to(x, (len(t), len(x)))
        level = np.stack([potential_shape(x, np.full_like(x, np.exp(t_)), np) for t_ in t])
        w = np.exp(2.0 * t)[:, None] / (4.0 * grid)
        return level * scale, [rate * scale for rate in rate_functions_of(kind, w, grid)]

    q = momenta().x
    slides = np.exp(_slide_points()) if sliding else np.ones(1)
    level, rates = kernels((q[:, None] * slides[None, :]).ravel())
    # A bound needs no better than a typical slide.
    shift = np.exp(_TYPICAL_SLIDE) if sliding else 1.0
    typical = kernels(q * shift)[0]
    thin = typical[:, : _thin_count()]
    changes = (np.gradient(thin, axis=0), _second(thin), _across(typical, np))
    return Tables(
        _slide_series(level, sliding),
        tuple(_slide_series(rate, sliding) for rate in rates),
        tuple(np.ascontiguousarray(change) for change in changes),
    )


def _second(values):
    """Second difference along the first axis, none at the ends."""
    inner = values[2:] - 2.0 * values[1:-1] + values[:-2]
    return np.pad(inner, ((1, 1), (0, 0)))


def _slide_points() -> np.ndarray:
    z = np.cos(np.pi * (np.arange(_SLIDES) + 0.5) / _SLIDES)
    return 0.5 * MAX_SLIDE * (1.0 + z)


def _slide_series(values: np.ndarray, sliding: bool) -> np.ndarray:
    """Chebyshev coefficients in the slide [count, slides, momenta] of values at its points."""
    if not sliding:
        return values
    n = _SLIDES
    samples = values.reshape(len(values), -1, n)
    angle = np.pi * (np.arange(n) + 0.5) / n
    transform = 2.0 / n * np.cos(np.arange(n)[:, None] * angle)
    transform[0] *= 0.5
    return np.ascontiguousarray(np.einsum("ls,jis->jli", transform, samples))


def _slide_basis(slide: jax.Array) -> jax.Array:
    """Chebyshev polynomials [window, slides] of the slide [window]."""
    z = 2.0 * slide / MAX_SLIDE - 1.0
    basis = [jnp.ones_like(z), z]
    for _ in range(_SLIDES - 2):
        basis.append(2.0 * z * basis[-1] - basis[-2])
    return jnp.stack(basis, axis=-1)


# --- elementwise passes with backward passes that are dot products -----------------------------


@jax.custom_vjp
def _lorentzian_ratio(gamma, potential, c, extra) -> jax.Array:
    """γ/(extra + γ²/4 + (c − U)²) [window, momenta], differentiable without overflow.

    Ratios beyond 1e18 are capped: such nodes contribute nothing, and squares fit in float32.
    """
    value, _, _, _ = _ratio_pieces(gamma, potential, c, extra)
    return value


def _ratio_pieces(gamma, potential, c, extra):
    gamma = jnp.minimum(gamma, _CAP)
    detuning = jnp.clip(c - potential, -_CAP, _CAP)
    inverse = 1.0 / (extra + 0.25 * gamma * gamma + detuning * detuning + 1e-37)
    return gamma * inverse, inverse, gamma, detuning


def _ratio_backward(residuals, cotangent):
    value, inverse, gamma, detuning = _ratio_pieces(*residuals)
    scaled = cotangent * inverse
    d_gamma = scaled * (1.0 - 0.5 * gamma * value)
    d_potential = 2.0 * scaled * (detuning * value)
    ones = jnp.ones(d_potential.shape[1], d_potential.dtype)
    d_c = -jnp.sum(jnp.dot(d_potential, ones))
    d_extra = -jnp.sum(jnp.dot(scaled * value, ones))
    return d_gamma, d_potential, d_c, d_extra


_lorentzian_ratio.defvjp(lambda *inputs: (_lorentzian_ratio(*inputs), inputs), _ratio_backward)


@jax.custom_vjp
def _combine(coefficients: jax.Array, tables: tuple[jax.Array, ...]) -> jax.Array:
    """Σ_k c_k tables_k of constant tables [window, momenta], in one pass."""
    return sum_of(c * table for c, table in zip(coefficients, tables, strict=True))


def _combine_backward(tables, cotangent):
    flat = cotangent.ravel()
    d = jnp.stack([jnp.dot(table.ravel(), flat) for table in tables])
    return d, tuple(jnp.zeros_like(table) for table in tables)


_combine.defvjp(lambda c, tables: (_combine(c, tables), tables), _combine_backward)


@jax.custom_vjp
def _outer(column: jax.Array, row: jax.Array) -> jax.Array:
    """column_j row_i [window, momenta]; the row is a constant."""
    return column[:, None] * row[None, :]


_outer.defvjp(
    lambda column, row: (_outer(column, row), row),
    lambda row, cotangent: (jnp.dot(cotangent, row), jnp.zeros_like(row)),
)


class SmoothSums(NamedTuple):
    """What the fixed nodes give; scalars."""

    number: jax.Array  # ∫q²f dq at T_final
    momentum: jax.Array  # ∫q³f dq
    unresolved: jax.Array  # what narrow resonances may change of `number`, relative
    least: jax.Array  # lower bound of `number`, whatever is resolved


def extent(anchor, T_initial, T_final, steps: int) -> jax.Array:
    """Indices [2] of the first and the last node that the window T_initial … T_final needs."""
    first = jnp.floor(jnp.log(anchor / T_initial) * steps).astype(int) - WINDOW_REACH
    last = jnp.ceil(jnp.log(anchor / T_final) * steps).astype(int) + WINDOW_REACH
    return jax.lax.stop_gradient(jnp.stack([first, last]))


def solve_on_nodes(
    sterile: SterileNeutrino,
    parts: Parts,
    plasma: Plasma,
    T_initial: jax.Array,
    T_final: jax.Array,
    *,
    mixing: str,
    back_reaction: bool,
    first: jax.Array,
    window: int,
) -> SmoothSums:
    """Moments of f_s for one point. `first` and `window` (static) place the nodes in t."""
    dtype = jnp.result_type(sterile.mass)
    anchor = parts.anchor.astype(dtype)
    steps = steps_of(plasma)
    lowest = _first_tabulated(steps)
    first = jnp.clip(first, lowest, lowest + _tabulated(steps) - window)
    # Powers of T from those of constants about the middle: exponentials of every node would cost
    # as much as a tenth of the pass.
    middle = anchor * jnp.exp(-(first + window // 2).astype(dtype) / steps)
    ratio_to_middle = np.exp((window // 2 - np.arange(window)) / steps)
    T = middle * jnp.asarray(ratio_to_middle, dtype)
    start, stop = (jnp.log(anchor / limit) * steps - first for limit in (T_initial, T_final))
    weights = window_weights(start, stop, window)

    rule, thin = momenta(), _thin_count()
    q = jnp.asarray(rule.x, dtype)
    if plasma.degrees == "constant":
        growth, basis, x, final = None, None, None, jnp.ones((), dtype)
    else:
        reference = jnp.asarray(_T_REFERENCE, dtype)
        growth = plasma.redshift(T, reference)
        basis = _slide_basis(jnp.log(growth))
        x = growth[:, None] * q[None, :]
        final = plasma.redshift(T_final, reference)

    other = None
    if parts.others:
        at = _outer(jnp.ones_like(T), q) if x is None else x
        other = _other_terms(parts.others, sterile, T, at)
    charged = None
    if parts.charged is not None:
        if x is None:
            nodes = Nodes(tuple(rule.x), lowest, _tabulated(steps), steps)
            charged = charged_gamma(parts.charged, sterile, nodes, first - lowest, window)
        else:
            scale = 2.0 * (T**2 / sterile.mass**2)
            charged = scale[:, None] * parts.charged.shape_on_lattice(T, x)
    terms = functools.partial(
        _terms, sterile, parts, other, charged, plasma, offset=first - lowest, x=x, basis=basis
    )
    gamma, potential, changes = terms(T)
    thinned = gamma[:, :thin], potential[:, :thin], changes
    if x is None:
        # Single precision is enough for a bound, and takes half the time.
        thinned = terms(T.astype(jnp.float32), count=thin)

    c, s2 = sterile.cos_2theta, sterile.sin2_2theta
    extra = s2 if mixing == "averaged" else jnp.zeros_like(s2)
    ratio = _lorentzian_ratio(gamma, potential, c, extra)
    # (clock·Δ/4H) s² h without the 1/x of Δ, through logarithms: in float32 the square of 1/H, in
    # derivatives, overflows.
    strength = 2.0 * jnp.log(sterile.mass) + jnp.log(s2) - jnp.log(8.0 * steps)
    if x is None:
        relative = jnp.asarray(ratio_to_middle**-3.0, dtype)
        largest = 85.0 - 3.0 * (window // 2) / steps
        clock = -plasma.log_hubble_rate(middle) - jnp.log(middle)
        unit = jnp.exp(jnp.minimum(clock + strength, largest))
    else:
        clock = jnp.log(plasma.clock_factor(T)) - plasma.log_hubble_rate(T) - jnp.log(T)
        relative = jnp.exp(jnp.minimum(clock + strength, 85.0))
        unit = jnp.ones((), dtype)
    rate_scale = unit * relative
    column = weights * rate_scale
    too_fast = jnp.zeros((), bool)
    if x is None:
        conversion = jnp.dot(column, ratio) / q
        f = fermi_dirac(q) * (-jnp.expm1(-conversion) if back_reaction else conversion)
    else:
        increment = column[:, None] * ratio / x
        source = fermi_dirac(x) * increment
        if back_reaction:
            f, too_fast = _with_back_reaction(source, increment)
        else:
            f = jnp.dot(jnp.ones_like(column), source)
    measure = jnp.asarray(rule.weights * rule.x**2, dtype)
    number, momentum = jnp.dot(measure, f), jnp.dot(measure * q, f)
    per_conversion = measure * fermi_dirac(q) / q
    missed = unit * unresolved_resonances(c, *thinned, weights * relative, per_conversion[:thin])
    missed = missed + beyond_the_limits(start, stop, column, ratio, per_conversion)
    missed = missed + aliased(start, stop, rate_scale, ratio, per_conversion, number)
    tiny = jnp.finfo(dtype).tiny
    # Sums with weights of both signs may even be negative where nothing is resolved.
    unresolved = jnp.where(too_fast, 1.0, missed / (jnp.abs(number) + tiny))
    # (Costs nothing where it is not asked for.)
    node = jnp.arange(window)
    inside = jnp.where((node >= start) & (node <= stop), relative, 0.0)
    hottest = q[:thin] if growth is None else q[:thin] * jnp.max(growth)
    low = unit * least_conversion(c, extra, *thinned, inside).astype(dtype) / hottest
    made = -jnp.expm1(-low) if back_reaction else low
    least = _LEAST_SHARE * jnp.dot(measure[:thin] * fermi_dirac(hottest), made)
    number, momentum, least = number * final**3, momentum * final**4, least * final**3
    return SmoothSums(number, momentum, *jax.lax.stop_gradient((unresolved, least)))


# Of the sum over every third momentum (weight 3), allowing a factor 2 for what that leaves out.
_LEAST_SHARE = 1.5
# Nodes in a block of the running sum, and the largest conversion in one for which the series is
# right to 1e-7.
_BLOCK = 16
_FAST = 0.5


def _with_back_reaction(source, increment):
    """Σ_j source_j e^(−what is converted back after j) [momenta], and whether that was too fast.

    The conversion I_j after node j is a running sum, by blocks: exact within a block through a
    triangular product, e^(−I) as a product of the exponential of the blocks and a series of what
    is left, which is small. A node's own conversion counts half, with sinh(I/2)/(I/2) ≈ 1 + I²/24.
    """
    window, n = increment.shape
    padding = ((0, -window % _BLOCK), (0, 0))
    blocks = jnp.pad(increment, padding).reshape(-1, _BLOCK, n)
    source = jnp.pad(source * (1.0 + increment * increment / 24.0), padding)
    count = len(blocks)
    after = jnp.asarray(np.triu(np.ones((_BLOCK, _BLOCK))) - 0.5 * np.eye(_BLOCK), blocks.dtype)
    within = jnp.einsum("kl,blm->bkm", after, blocks)
    total = jnp.einsum("l,blm->bm", jnp.ones(_BLOCK, blocks.dtype), blocks)
    later = jnp.dot(jnp.asarray(np.triu(np.ones((count, count)), 1), blocks.dtype), total)
    series = 1.0 - within / 8.0
    for k in range(7, 0, -1):
        series = 1.0 - within / k * series
    kept = jnp.einsum(
        "l,blm->bm", jnp.ones(_BLOCK, blocks.dtype), source.reshape(blocks.shape) * series
    )
    return jnp.sum(jnp.exp(-later) * kept, axis=0), jnp.max(total) > _FAST


def _terms(sterile, parts, other, charged, plasma, T, *, offset, x, basis, count=None):
    """γ and U at the first `count` momenta and the changes of U at the thin ones, as T in type."""
    thin, steps = _thin_count(), steps_of(plasma)
    mass2 = sterile.mass**2
    gamma, potential, changes = [], [], []
    if parts.standard is not None:
        rate, level = _standard_terms(
            parts.standard, sterile.flavour, T, mass2.astype(T.dtype), x, plasma, count
        )
        gamma.append(rate)
        potential.append(level)
        # V/Δ ∝ x²T⁶ but for the mass of the charged lepton
        at_thin, fall = level[:, :thin], -6.0 / steps
        spacing = jnp.asarray(2.0 * _across(np.log(momenta().x), np)[None, :], T.dtype)
        changes.append((fall * at_thin, fall**2 * at_thin, spacing * at_thin))
    if other is not None:
        rate, level = other
        gamma.append(rate[:, :count].astype(T.dtype))
        potential.append(level[:, :count].astype(T.dtype))
        change = central_change(level, 0)
        curve, across = central_change(change, 0), _across(level, jnp)
        of_others = change[:, :thin], curve[:, :thin], across
        changes.append(tuple(each.astype(T.dtype) for each in of_others))
    if parts.mediator is not None:
        rate, level, change = _mediator_terms(
            parts.mediator, mass2, offset, len(T), T, x, basis, count
        )
        gamma.append(rate)
        potential.append(level)
        changes.append(change)
    if charged is not None:
        gamma.append(charged[:, :count].astype(T.dtype))
    added = tuple(sum_of(parts) for parts in zip(*changes, strict=True))
    return sum_of(gamma), sum_of(potential), added


def _standard_terms(standard, flavour, T, mass2, x, plasma, count):
    """γ and U of the Standard Model: V ∝ E and Γ ∝ C(T, x) E make both ∝ x²."""
    at_unit_x = 2.0 * (T / mass2)  # 1/Δ at E = T
    level = standard.thermal_potential(T, T, flavour) * at_unit_x
    if standard.rate == "paper":
        rate = standard.interaction_rate(T, T, flavour) * at_unit_x
    else:
        weak = FERMI_CONSTANT * T * T
        rate = weak * weak * T * at_unit_x
    if x is None:
        x2 = jnp.asarray(momenta().x[:count] ** 2, T.dtype)
        rate, level = _outer(rate, x2), _outer(level, x2)
    else:
        x2 = x * x
        rate, level = rate[:, None] * x2, level[:, None] * x2
    if standard.rate != "paper":
        table, start, step = _rate_table(flavour, plasma.degrees)
        rate = rate * evaluate(table[..., :count], start, step, jnp.log(T))
    return rate, level


@functools.lru_cache(maxsize=16)
def _rate_table(flavour: str, degrees: str):
    """C_α along the comoving momentum nodes, splines in ln T."""
    q = momenta().x[None, :]
    return rate_table(flavour, lambda log_t: q * redshift_since(degrees, log_t)[:, None])


def _other_terms(others, sterile, T, x):
    """γ and U of interactions that are known by their two methods only."""
    T = jnp.broadcast_to(T[:, None], x.shape)
    per_energy = 2.0 * (T / sterile.mass**2) * x
    E = x * T
    rate = sum_of(term.interaction_rate(E, T, sterile.flavour) for term in others)
    level = sum_of(term.thermal_potential(E, T, sterile.flavour) for term in others)
    return rate * per_energy, level * per_energy


def _mediator_terms(mediator, mass2, offset, window, T, x, basis, count):
    """γ and U of the tabulated mediator on the nodes, and the changes of U [window, thin]."""
    tables = _tables(mediator.kind, basis is not None)

    def sliced(table):
        constant = jnp.asarray(np.ascontiguousarray(table[..., :count]), T.dtype)
        return jax.lax.dynamic_slice_in_dim(constant, offset, window)

    scale = 2.0 * (mediator.mass**2 / mass2)
    of_rates = (scale * mediator.rate_coefficients()).astype(T.dtype)
    of_level = (scale * mediator.potential_coefficient()).astype(T.dtype)
    changes = tuple(of_level * sliced(table) for table in tables.changes)
    rates, level = tuple(sliced(table) for table in tables.rates), sliced(tables.potential)
    if basis is None:
        return _combine(of_rates, rates), _combine(of_level[None], (level,)), changes
    # Closed forms, which fall like e^(−w), are evaluated; the others are series in the slide.
    ratio2 = ((mediator.mass / T) ** 2)[:, None]
    kind, *choices = mediator.kind
    closed = kind.closed_rate_functions(ratio2 / (4.0 * x), x, jnp, *choices)
    rate = sum_of(c * function for c, function in zip(of_rates, closed, strict=False)) / ratio2
    for c, table in zip(of_rates[len(closed) :], rates[len(closed) :], strict=True):
        rate = rate + jnp.einsum("js,jsm->jm", c * basis, table)
    return rate, jnp.einsum("js,jsm->jm", of_level * basis, level), changes
