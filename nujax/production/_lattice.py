r"""Production on the two-dimensional lattice: right for any theory and any width of resonance.

The conversion of comoving momentum q obeys (1910.04901 eq. 2 with the back-reaction kept)
    df_s/dt = R (f_a − f_s),   R = (clock/4H) Γ sin²2θ_eff,   t = ln(anchor/T),
    sin²2θ_eff = Δ²s²/([Δ²s²] + Γ²/4 + (Δc − V)²),
with x = p/T = q (g*s(T)/g*s(T_final))^⅓. In ratios U = V/Δ, γ = Γ/Δ
    R = (clock Δ/4H) γ s² / ([s²] + γ²/4 + (c − U)²).
The last factor may be a Lorentzian far narrower than the lattice; `resonance_weight` integrates
it without looking for it, in both directions at once, so that folds of the resonance in q are
harmless for the abundance. f_s(q) itself is smoothed over one lattice spacing near a fold.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..interactions._base import sum_of
from ..interactions._width_expansion import ANY_WIDTH
from ..plasma import Plasma
from ..quadrature import (
    RESONANCE_ORDER,
    lagrange_weights,
    resonance_weight,
    shift_weights,
    window_weights,
)
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ..transition import Vacuum, pieces_of
from ._grid import (
    Lattice,
    any_width_rate_table,
    central_change,
    potential_table,
    window_start,
)
from ._theory import Parts

# Ratios to Δ are capped here: nodes beyond contribute nothing, and squares fit in float32.
_CAP = 1e18
NARROW = 1e-3  # half-width in ln T of what counts as a narrow resonance


class LatticeRates(NamedTuple):
    """Everything the equation needs, on the nodes [window, rows] of one point."""

    T: jax.Array  # [window] MeV
    q: jax.Array  # [rows]
    x: jax.Array  # [window, rows]
    weights: jax.Array  # [window] of the integral over t, spacing included
    column: jax.Array  # [window] s² clock·xΔ/4H
    gamma: jax.Array  # Γ/Δ
    detuning: jax.Array  # a = c − V/Δ
    sweep: jax.Array  # Q ≥ |a|, the size of the terms that cancel at a resonance
    change2: jax.Array  # squared change of a from node to node, both directions added
    vacuum: Vacuum  # m_s² [MeV²], sin²2θ and cos 2θ, scalars or [window, 1]
    unseen: jax.Array | None  # [window] what changes of ln m_s² from node to node may hide
    steps_t: int  # nodes per unit of t


class LatticeSolution(NamedTuple):
    """f(q) at T_final, and what the error estimate needs (without back-reaction)."""

    q: jax.Array  # [rows]
    f: jax.Array  # [rows]
    alternate: jax.Array  # [rows] sum with alternating signs over the lattice
    thin: tuple[jax.Array, ...]  # four of [rows/4]: f with the resonance weight, with the one of
    # lower order, with the bare Lorentzian, and what narrow resonances add to the first
    lag: jax.Array  # [rows] bound of what the limits, sharp for linear sums, leave of f where f_s
    # follows f_a as it changes, and of what a history of the neutrino hides between nodes
    rate: jax.Array  # [window, rows] df/dt without back-reaction, for the history


def lattice_rates(
    sterile: SterileNeutrino,
    parts: Parts,
    plasma: Plasma,
    T_initial: jax.Array,
    T_final: jax.Array,
    lattice: Lattice,
) -> LatticeRates:
    """Evaluate the theory on the lattice; T_initial and T_final [MeV] scalars.

    Where the history of the neutrino jumps, every piece of it has a window of nodes of its own,
    one after the other.
    """
    pieces = pieces_of(sterile.transition, T_initial, T_final)
    found = [
        _rates_of_piece(sterile, parts, plasma, (T_initial, T_final), lattice, number, limits)
        for number, limits in enumerate(pieces)
    ]
    if len(found) == 1:
        return found[0]
    vacua = [Vacuum(*(jnp.broadcast_to(v, (lattice.window, 1)) for v in r.vacuum)) for r in found]
    found = [rates._replace(vacuum=vacuum) for rates, vacuum in zip(found, vacua, strict=True)]
    same = found[0]
    joined = jax.tree.map(
        lambda *parts: jnp.concatenate(parts) if jnp.ndim(parts[0]) else parts[0], *found
    )
    return joined._replace(q=same.q, steps_t=same.steps_t)


# Order of the difference that tells what nodes do not see. With a transition of a width of w nodes
# it is some w^(−12)/4096, the error of the sum e^(−2π²w): both are harmless for w > 1.
_UNSEEN_ORDER = 12


def _between_nodes(values: jax.Array) -> jax.Array:
    """Amplitude [window] of what alternates from node to node, of values that are smooth."""
    pascal = [math.comb(_UNSEEN_ORDER, k) * (-1) ** k for k in range(_UNSEEN_ORDER + 1)]
    half = _UNSEEN_ORDER // 2
    padded = jnp.pad(values, (half, half), mode="edge")
    weights = jnp.asarray(pascal, values.dtype) / 2.0**_UNSEEN_ORDER
    found = jnp.abs(jnp.convolve(padded, weights, mode="valid"))
    return jax.lax.stop_gradient(jnp.minimum(found, 1.0))


def as_one_window(rates: LatticeRates, values: jax.Array, pieces) -> tuple[LatticeRates, jax.Array]:
    """Rates and `values` [nodes, rows] of all pieces, each where it applies, on one window."""
    if len(pieces) == 1:
        return rates, values
    count = len(pieces)
    window = len(rates.T) // count
    T = rates.T[:window]

    def merged(array: jax.Array) -> jax.Array:
        each = array.reshape(count, window, *array.shape[1:])
        found = each[-1]
        for number in range(count - 2, -1, -1):
            hot = (pieces[number][1] < T).reshape(window, *(1,) * (array.ndim - 1))
            found = jnp.where(hot, each[number], found)
        return found

    total = jnp.sum(rates.weights.reshape(count, window), axis=0)
    fields = jax.tree.map(
        lambda a: merged(a) if jnp.ndim(a) else a, rates._replace(q=jnp.zeros(()))
    )
    return fields._replace(T=T, q=rates.q, weights=total), merged(values)


def _rates_of_piece(
    sterile: SterileNeutrino,
    parts: Parts,
    plasma: Plasma,
    limits: tuple[jax.Array, jax.Array],
    lattice: Lattice,
    number: int,
    ends: tuple[jax.Array, jax.Array],
) -> LatticeRates:
    """The same of one smooth piece of the history, which lasts between the temperatures `ends`."""
    T_initial, T_final = limits
    dtype = jnp.result_type(sterile.mass)
    anchor = parts.anchor.astype(dtype)
    first = window_start(lattice, jnp.log(anchor / T_initial))
    start, stop = (jnp.log(anchor / end) for end in ends)
    t = (first + jnp.arange(lattice.window)) * jnp.asarray(lattice.h_t, dtype)
    T = anchor * jnp.exp(-t)
    weights = window_weights(
        start * lattice.steps_t - first, stop * lattice.steps_t - first, lattice.window
    )

    slide = jnp.log(plasma.redshift(T, jnp.broadcast_to(T_final, T.shape).astype(dtype)))
    constant = plasma.degrees == "constant"
    log_q = jnp.asarray(lattice.log_q, dtype)
    q = jnp.exp(log_q)
    x = jnp.exp(log_q[None, :] + slide[:, None])
    # A long window may begin far above T_initial: no weights there, but V/Δ ∝ T⁶ would overflow.
    T2 = jnp.broadcast_to(jnp.minimum(T, 4.0 * T_initial)[:, None], x.shape)
    E = x * T2

    if constant:

        def on_rows(table: jax.Array) -> jax.Array:
            return table[:, 3 : 3 + len(lattice.log_q)]
    else:
        taps = shift_weights(slide * lattice.steps_y, lattice.taps)

        def on_rows(table: jax.Array) -> jax.Array:
            n = len(lattice.log_q)
            total = taps[:, 0:1] * table[:, 0:n]
            for k in range(1, lattice.taps):
                total = total + taps[:, k : k + 1] * table[:, k : k + n]
            return total

    changing = sterile.transition is not None
    vacuum = sterile.vacuum(T2[:, :1], number)
    mass2, cos_2theta = vacuum.mass2, vacuum.cos_2theta
    per_energy = 2.0 * (E / mass2)  # 1/Δ
    gamma = jnp.zeros_like(x)
    potential = jnp.zeros_like(x)
    sweep = jnp.broadcast_to(jnp.abs(cos_2theta), x.shape).astype(dtype)
    change_t, change_y = jnp.zeros_like(x), jnp.zeros_like(x)
    terms = (() if parts.standard is None else (parts.standard,)) + parts.others
    for term in terms:
        gamma = gamma + term.interaction_rate(E, T2, sterile.flavour) * per_energy
        extra = term.thermal_potential(E, T2, sterile.flavour) * per_energy
        potential = potential + extra
        sweep = sweep + jnp.abs(extra)
        if term is parts.standard and constant:
            # V/Δ ∝ x²T⁶ but for the mass of the charged lepton
            change_t = change_t - 6.0 * lattice.h_t * extra
            change_y = change_y + 2.0 * lattice.h_y * extra
        elif constant:
            change_t, change_y = (
                change_t + central_change(extra, 0),
                change_y + central_change(extra, 1),
            )
    if parts.mediator is not None:
        mediator = parts.mediator
        scale = 2.0 * (T2**2 / mass2)
        w = (anchor / T2) ** 2 / (4.0 * x)
        gamma = gamma + scale * _mediator_rate(mediator, lattice, first, w, x, not constant)
        if parts.charged is not None:
            gamma = gamma + scale * parts.charged.shape_on_lattice(T2[:, 0], x)
        tables = potential_table(lattice)

        def sliced(table):
            rows = jnp.asarray(table, dtype)
            return jax.lax.dynamic_slice_in_dim(rows, first - lattice.first_t, lattice.window)

        strength = scale * mediator.potential_coefficient()
        potential = potential + strength * on_rows(sliced(tables.shape))
        sweep = sweep + strength * on_rows(sliced(tables.size))
        if constant:
            change_t = change_t + strength * on_rows(sliced(tables.change_t))
            change_y = change_y + strength * on_rows(sliced(tables.change_y))

    detuning = cos_2theta - potential
    if changing or not constant:
        change_t, change_y = central_change(detuning, 0), central_change(detuning, 1)
    limit = jnp.asarray(_CAP, dtype)
    change_t, change_y = jnp.clip(change_t, -limit, limit), jnp.clip(change_y, -limit, limit)
    # s²·clock·xΔ/4H through logarithms: in float32 the square of 1/H, in derivatives, overflows.
    clock = jnp.log(0.125 * plasma.clock_factor(T)) - plasma.log_hubble_rate(T) - jnp.log(T)
    strength = jnp.log(mass2) + jnp.log(vacuum.sin2_2theta)
    strength = strength[:, 0] if changing else strength
    return LatticeRates(
        T=T,
        q=q,
        x=x,
        weights=weights * lattice.h_t,
        column=jnp.exp(jnp.minimum(clock + strength, 85.0)),
        gamma=gamma,
        detuning=detuning,
        sweep=sweep,
        change2=change_t**2 + change_y**2,
        vacuum=vacuum,
        unseen=_between_nodes(jnp.log(mass2)[:, 0]) if changing else None,
        steps_t=lattice.steps_t,
    )


def _mediator_rate(mediator, lattice, first, w, x, sliding):
    """(x/T)Γ of the mediator on the nodes, exact for every width."""
    kind, *choices = mediator.kind
    coefficients = mediator.rate_coefficients(ANY_WIDTH)
    of_w = kind.closed_functions_of_w(*choices)
    closed = kind.closed_rate_functions(w, x, jnp, *choices)
    # Functions of ln w are tabulated on a fine line, combined once, before the nodes are filled.
    table = any_width_rate_table(lattice, mediator.kind)
    if sliding:
        # Off the nodes of the line: closed forms, which fall like e^(−w), are evaluated.
        on_line, evaluated = np.arange(of_w, len(table.values)), np.arange(len(closed))
    else:
        on_line, evaluated = np.arange(len(table.values)), np.arange(of_w, len(closed))
    rates = [coefficients[k] * closed[k] for k in evaluated]
    if len(on_line):
        # Coefficients: closed of w, closed of w and x, tabulated. Lines: without the second.
        which = np.where(on_line < of_w, on_line, on_line + len(closed) - of_w)
        line = jnp.dot(coefficients[which], jnp.asarray(table.values[on_line], w.dtype))
        rates.insert(0, _on_nodes(line, table, lattice, first, w, sliding))
    return sum_of(rates)


def _on_nodes(line, table, lattice, first, w, sliding):
    """A function on the line of ln w, at the nodes."""
    if sliding:
        position = (jnp.log(4.0 * w) * table.steps - table.first).ravel()
        left = jax.lax.stop_gradient(jnp.floor(position)) - 2.0
        weights = lagrange_weights(position - left, 6)
        index = left.astype(int)[:, None] + jnp.arange(6)[None, :]
        return jnp.sum(weights * line[index], axis=1).reshape(w.shape)
    per_t = 2 * table.steps // lattice.steps_t
    y_index = np.round(lattice.log_q * table.steps).astype(int)
    nodes = per_t * (jnp.arange(lattice.window) + first) - table.first
    return line[nodes[:, None] - jnp.asarray(y_index)[None, :]]


def solve_on_lattice(
    rates: LatticeRates,
    plasma: Plasma,
    *,
    mixing: str,
    back_reaction: bool,
) -> LatticeSolution:
    """f_s(q) from the rates on the lattice; see the module's docstring."""
    steps_t = rates.steps_t
    q, x = rates.q, rates.x
    a = jnp.clip(rates.detuning, -_CAP, _CAP)
    gamma = jnp.clip(rates.gamma, float(jnp.finfo(a.dtype).tiny) ** 0.5, _CAP)
    width = 0.5 * gamma
    if mixing == "averaged":
        width = jnp.sqrt(width**2 + rates.vacuum.sin2_2theta)
    rho2 = (a / jnp.maximum(rates.sweep, jnp.abs(a))) ** 2
    spread2 = rates.change2 * (1.0 - rho2) ** 2 / (1.0 + 2.0 / 3.0 * rho2)
    fine = gamma * resonance_weight(a, width, spread2)

    # Sums over nodes are dot products of stored arrays: XLA vectorises those.
    column = rates.weights * rates.column
    fermi = fermi_dirac(q if plasma.degrees == "constant" else x)
    ones = jnp.ones_like(column)

    def linear(ratio: jax.Array, rows: slice, columns: jax.Array) -> jax.Array:
        if plasma.degrees == "constant":
            return jnp.dot(columns, ratio) / q[rows] * fermi[rows]
        return jnp.dot(columns, ratio / x[:, rows] * fermi[:, rows])

    every = slice(None)
    signs = [jnp.asarray(np.where(np.arange(n) % 2, -1.0, 1.0), a.dtype) for n in a.shape]
    plain_sum, alternate = (linear(fine, every, c) for c in (column, column * signs[0]))
    lag = jnp.zeros_like(q)
    if not back_reaction:
        f = plain_sum
    elif plasma.degrees == "constant":
        f = fermi * -jnp.expm1(-jnp.dot(column, fine) / q)
    else:
        increment = column[:, None] * fine / x
        # What a node adds survives the conversion back at all later nodes.
        inclusive = jnp.maximum(jnp.cumsum(increment[::-1], axis=0)[::-1], 0.0)
        level = fermi_dirac(jnp.maximum(x, q[None, :]))
        change = jnp.concatenate([level[:1], jnp.diff(level, axis=0)])
        f = jnp.dot(ones, change * -jnp.expm1(-inclusive))
        # The weights of a sharp limit oscillate about a step: fast conversion sees each of them.
        inside = jnp.clip(rates.weights * steps_t, 0.0, 1.0)
        uneven = jnp.abs(rates.weights * steps_t - jnp.round(inside))
        follows = -jnp.expm1(-jnp.abs(increment))
        lag = jnp.dot(uneven, jnp.abs(change) * follows)

    if rates.unseen is not None:
        lag = lag + jnp.abs(linear(fine, every, jnp.abs(column) * rates.unseen))
    rows = slice(None, None, 4)
    thin_fine, thin_gamma, thin_a, thin_width, thin_spread2 = jax.lax.stop_gradient(
        tuple(part[:, rows] for part in (fine, gamma, a, width, spread2))
    )
    plain = thin_gamma / (thin_a**2 + thin_width**2)
    lower = resonance_weight(thin_a, thin_width, thin_spread2, order=RESONANCE_ORDER - 1)
    coarse = thin_gamma * lower
    # Half-width in ln T below NARROW and a node at the resonance. (G counts both directions.)
    limit = (NARROW * steps_t) ** 2 * thin_spread2
    narrow = jnp.where((thin_a**2 < thin_spread2) & (thin_width**2 < limit), thin_fine, 0.0)
    by_weight = tuple(linear(ratio, rows, column) for ratio in (thin_fine, coarse, plain, narrow))
    rate = rates.column[:, None] * fine / x * fermi_dirac(x)
    return LatticeSolution(q, f, alternate * signs[1], by_weight, jax.lax.stop_gradient(lag), rate)


def moments(lattice: Lattice, q: jax.Array, f: jax.Array) -> tuple[jax.Array, jax.Array]:
    """∫q²f dq and ∫q³f dq on the lattice's rows."""
    cube = q**3 * lattice.h_y
    return jnp.dot(cube, f), jnp.dot(cube * q, f)
