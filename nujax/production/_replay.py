"""Derivatives of the density matrix: the steps that were taken, replayed backwards.

Steps of `ExactKvaerno5` are smooth functions of the state, the coefficients and both ends of the
step, so the derivative of a solve is the product of theirs along the accepted steps, which the
solver has kept. Going backwards, one sweep gives the derivatives of one output of every momentum
with respect to all parameters; rejected steps cost nothing, and nothing is recomputed twice. The
kernels of the mediator enter a step by their values at its stages, and what the sweep finds there
is put back on the kernels' nodes.

The positions of the inner steps are held fixed: a solution does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._along import Momentum, NearMomentum, stencil
from ._bloch import rate_of_change
from ._exact_kvaerno import exact_step, stage_times
from ._kinetic_field import TheoryField


class Path(NamedTuple):
    """The accepted steps of all momenta: times [rows, n + 1], states there, and their number."""

    t: jax.Array
    y: jax.Array  # [rows, n + 1, 4]
    steps: jax.Array  # [rows] integer, at most n


class Sensitivity(NamedTuple):
    """Derivatives of each output [rows, outputs, …] with respect to parameters and kernels."""

    numbers: Any
    kernels: jax.Array | None  # [rows, outputs, nodes, columns]


def replay(
    path: Path,
    seeds: jax.Array,
    numbers: Any,
    momenta: Momentum,
    track_for: Callable,
    ends_for: Callable,
    initial: Callable,
) -> Sensitivity:
    """Sensitivity of the outputs seeds [outputs, 4] · y(T_final).

    track_for(numbers) and ends_for(numbers) are the `Track` and (start, stop) of the parameters,
    initial(field, start, momentum) the first state.
    """
    rows, outputs = len(path.steps), len(seeds)
    steps_t, first = track_for(numbers).steps_t, track_for(numbers).first

    def one_step(back, q, kernels, t, y, last, y_bar, k_bar):
        """The sweep across the step that lies `back` steps before the last one, of one row."""
        index = last - 1 - back
        live = index >= 0
        at = jnp.maximum(index, 0)
        t0, t1, y0 = t[at], t[at + 1], y[at]
        times = stage_times(t0, t1)
        values, slopes, where = _kernel_values(kernels, times * steps_t - first, steps_t)
        # Linear steps: this slope multiplies derivatives of coefficients only, and its rounding
        # errors, which the stages divide away, do not matter.
        k0 = rate_of_change(
            y0, TheoryField(track_for(numbers)).coefficients(t0, Momentum(q, kernels))
        )

        def step(numbers, values, y0, k0, t0, t1):
            field = TheoryField(track_for(numbers))
            near = NearMomentum(q, times, values, slopes)
            every = jax.vmap(field.coefficients)(
                stage_times(t0, t1), near._replace(q=jnp.broadcast_to(q, times.shape))
            )
            y1, all_slopes = exact_step(y0, k0, t1 - t0, every)
            return y1, all_slopes[-1]

        _, pullback = jax.vjp(step, numbers, values, y0, k0, t0, t1)
        bars = jax.vmap(pullback)((y_bar, k_bar))
        bars = jax.tree.map(lambda leaf: jnp.where(live, leaf, 0.0), bars)
        numbers_bar, values_bar, y0_bar, k0_bar, t0_bar, t1_bar = bars
        y_bar, k_bar = (
            jnp.where(live, new, old) for new, old in ((y0_bar, y_bar), (k0_bar, k_bar))
        )
        t_bars = jnp.where(index == 0, t0_bar, 0.0), jnp.where(back == 0, t1_bar, 0.0)
        return numbers_bar, values_bar, where, y_bar, k_bar, t_bars

    in_axes = (None, *momenta.axes, 0, 0, 0, 0, 0)
    sweep = jax.vmap(one_step, in_axes=in_axes)

    def body(back, state):
        total, kernels_bar, y_bar, k_bar, t_bars = state
        found = sweep(back, momenta.q, momenta.kernels, path.t, path.y, path.steps, y_bar, k_bar)
        numbers_bar, values_bar, where, y_bar, k_bar, more = found
        total = jax.tree.map(jnp.add, total, numbers_bar)
        t_bars = jax.tree.map(jnp.add, t_bars, more)
        if where is not None:
            kernels_bar = _put_back(kernels_bar, values_bar, *where)
        return total, kernels_bar, y_bar, k_bar, t_bars

    dtype = path.y.dtype
    zeros = jax.tree.map(lambda leaf: jnp.zeros((rows, outputs, *jnp.shape(leaf)), dtype), numbers)
    kernels_bar = None
    if momenta.kernels is not None:
        nodes, _, columns = momenta.kernels.shape
        kernels_bar = jnp.zeros((rows, nodes, outputs, columns), dtype)
    y_bar = jnp.broadcast_to(seeds, (rows, outputs, 4)).astype(dtype)
    none = jnp.zeros((rows, outputs), dtype)
    state = (zeros, kernels_bar, y_bar, jnp.zeros_like(y_bar), (none, none))
    total, kernels_bar, y_bar, k_bar, t_bars = jax.lax.fori_loop(
        0, jnp.max(path.steps), body, state
    )

    def begin(numbers, at: Momentum):
        field = TheoryField(track_for(numbers))
        start, _ = ends_for(numbers)
        y0 = initial(field, start, at)
        return y0, rate_of_change(y0, field.coefficients(start, at))

    def first_state(at, y_bar, k_bar):
        _, pullback = jax.vjp(begin, numbers, at)
        return jax.vmap(pullback)((y_bar, k_bar))

    early, early_at = jax.vmap(first_state, in_axes=(momenta.axes, 0, 0))(momenta, y_bar, k_bar)
    _, pullback = jax.vjp(ends_for, numbers)
    of_ends = jax.vmap(jax.vmap(lambda *bars: pullback(bars)[0]))(*t_bars)
    total = jax.tree.map(lambda *parts: sum(parts), total, early, of_ends)
    if kernels_bar is not None:
        kernels_bar = jnp.moveaxis(kernels_bar, 2, 1) + early_at.kernels
    return Sensitivity(total, kernels_bar)


def _kernel_values(kernels, position, steps_t):
    """(values, slopes in t [stages, columns], (first nodes [stages], weights [stages, 12]))."""
    if kernels is None:
        return None, None, None
    left, weights = jax.vmap(lambda p: stencil(p, len(kernels)))(position)
    slope = jax.vmap(jax.jacfwd(lambda p: stencil(p, len(kernels))[1]))(position)
    order = weights.shape[1]
    near = jax.vmap(lambda k: jax.lax.dynamic_slice_in_dim(kernels, k, order))(left)
    values = jnp.einsum("sw,swc->sc", weights, near)
    return values, jnp.einsum("sw,swc->sc", slope, near) * steps_t, (left, weights)


def _put_back(kernels_bar, values_bar, left, weights):
    """Add what stages [rows, stages] feel to the nodes that their kernels came from."""
    rows, stages, order = weights.shape
    row = jnp.arange(rows)[:, None, None]
    node = left[..., None] + jnp.arange(order)[None, None, :]
    # [rows, stages, order, outputs, columns]
    parts = weights[..., None, None] * jnp.moveaxis(values_bar, 1, 2)[:, :, None]
    return kernels_bar.at[row, node].add(parts)
