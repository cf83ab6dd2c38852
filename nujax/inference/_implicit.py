"""One root by secants, with the derivatives of the implicit function: for functions that cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..production import Status

_TOLERANCE = 1e-9
_MOST_STEPS = 20


class _Search(NamedTuple):
    y: jax.Array
    miss: jax.Array
    before: jax.Array
    miss_before: jax.Array
    status: jax.Array
    steps: jax.Array


def implicit_root(
    miss: Callable[[jax.Array, Any], tuple[jax.Array, jax.Array]],
    arguments: Any,
    start: jax.Array,
    bounds: tuple[float, float],
) -> tuple[jax.Array, jax.Array]:
    """(y, status code) with miss(y, arguments)[0] = 0, next to `start` and within `bounds`.

    `miss` rises about as fast as y, and also gives a status code, which is that of the root. It is
    compiled once for the search, and once more for derivatives if there are any:
    dy = −(∂miss/∂arguments)/(∂miss/∂y), exact at the root whatever the way there; the start has
    none. Where the secants do not arrive the status is `max_steps` and y NaN: a wrong root has no
    derivative. All leaves of `arguments` are arrays of floating-point numbers.
    """
    low, high = bounds

    def search(arguments, start):
        def going(found: _Search):
            return (jnp.abs(found.miss) > _TOLERANCE) & (found.steps < _MOST_STEPS)

        def step(found: _Search) -> _Search:
            run, rise = found.y - found.before, found.miss - found.miss_before
            slope = jnp.where(rise * run > 0.0, rise / jnp.where(run == 0.0, 1.0, run), 1.0)
            y = jnp.clip(found.y - found.miss / slope, low, high)
            value, status = miss(y, arguments)
            return _Search(y, value, found.y, found.miss, status, found.steps + 1)

        # The first "value" makes the first step one of length 0: to the start.
        zero = jnp.zeros_like(start)
        status = jnp.asarray(int(Status.ok))
        begin = _Search(start, zero + 2.0 * _TOLERANCE, start, zero, status, jnp.asarray(0))
        found = jax.lax.while_loop(going, step, begin)
        arrived = jnp.abs(found.miss) <= _TOLERANCE
        root = jnp.where(arrived, found.y, jnp.nan)
        return root, jnp.where(arrived, found.status, int(Status.max_steps))

    find = jax.custom_jvp(search)

    @find.defjvp
    def _(primals, tangents):
        arguments, start = primals
        root, status = find(arguments, start)
        # One linearisation serves both derivatives.
        safe = jnp.where(jnp.isnan(root), start, root)
        _, linear = jax.linearize(lambda y, a: miss(y, a)[0], safe, arguments)
        still = jax.tree.map(jnp.zeros_like, arguments)
        slope = linear(jnp.ones_like(root), still)
        change = -linear(jnp.zeros_like(root), tangents[0]) / slope
        # A factor, not a choice: a wrong root must not have the derivative zero either.
        change = change * jnp.where(jnp.isnan(root), jnp.nan, 1.0)
        return (root, status), (change, jax.custom_derivatives.zero_from_primal(status))

    root, status = find(arguments, jax.lax.stop_gradient(start))
    return root, status
