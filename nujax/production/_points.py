r"""One point or millions: the same function of a few numbers, batched in stages.

`in_stages` wraps a cheap and some robust functions of a parameter vector. A single point runs the
cheap one, and the last one if that says so. A batch (any nesting of `jax.vmap`) is sorted
by where its nodes lie and cut into chunks; each robust function then runs on the points that
the one before has flagged.

Derivatives do not go through that control flow. The wrapped function has few outputs, so its
Jacobian is computed beside the values in reverse mode, once, and serves forward mode, reverse
mode and every mixture alike: they agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Stages(NamedTuple):
    """Functions of one parameter vector θ [K].

    extent(θ)          integers [2]: first and last node that the point needs
    longest            number of nodes that `shared` has
    shared(θ, first)   (values [n], flags [2]) on nodes from `first` on, which a chunk shares
    single(θ)          (values [n], flags [2]) on nodes of its own, enough for any point
    robust             functions like `single`, each slower and safer than the one before; maybe
                       none, for an estimate
    flags = (error estimate, 1 if the next stage is needed)
    """

    extent: Callable
    longest: int
    shared: Callable
    single: Callable
    robust: tuple[Callable, ...]


def _on_flagged(stage: Callable, thetas: jax.Array, results):
    """Replace the results of the points that are flagged, one after the other."""
    flagged = results[1][:, 1] > 0
    # Flagged points first; sorting them would take as long as a tenth of the first stage.
    place = jnp.cumsum(flagged) - 1
    waiting = place[-1] + 1
    n = len(flagged)
    queue = jnp.zeros(n, int).at[jnp.where(flagged, place, n)].set(jnp.arange(n), mode="drop")

    def step(state):
        done, results = state
        where = queue[done]
        better = stage(thetas[where])
        return done + 1, jax.tree.map(lambda old, new: old.at[where].set(new), results, better)

    return jax.lax.while_loop(lambda state: state[0] < waiting, step, (0, results))[1]


_FARTHEST = 4096  # node


def _order(first: jax.Array) -> jax.Array:
    """Permutation that sorts integers; as one number with its place where there is room for it.

    That is four times faster, and nodes farther away than any table reaches need no order.
    """
    n = len(first)
    if 2 * _FARTHEST * n > jnp.iinfo(first.dtype).max:
        return jnp.argsort(first)
    return jnp.sort(jnp.clip(first, -_FARTHEST, _FARTHEST) * n + jnp.arange(n)) % n


def _chunk_size() -> int:
    # CPU: what fits in the second-level cache. Accelerators want all the parallelism there is.
    return 16 if jax.default_backend() == "cpu" else 8192


def in_stages(stages: Stages) -> Callable:
    """A function θ [K] → (values [n], flags [2]); see the module's docstring."""
    value = _batched(stages, jacobian=False)
    value_and_jacobian = _batched(stages, jacobian=True)

    @jax.custom_jvp
    def evaluate(theta):
        values, flags = value(theta)
        return values, jax.lax.stop_gradient(flags)

    @evaluate.defjvp
    def _(primals, tangents):
        (values, jacobian), flags = value_and_jacobian(primals[0])
        return (values, flags), (jnp.dot(jacobian, tangents[0]), jnp.zeros_like(flags))

    return evaluate


def _with_jacobian(function: Callable) -> Callable:
    """(values, Jacobian [n, K]) in place of values [n]."""

    def both(theta, *rest):
        values, pullback, flags = jax.vjp(lambda t: function(t, *rest), theta, has_aux=True)
        basis = jnp.eye(len(values), dtype=values.dtype)
        return (values, jnp.stack([pullback(row)[0] for row in basis])), flags

    return both


def _batched(stages: Stages, jacobian: bool) -> Callable:
    wrap = _with_jacobian if jacobian else (lambda function: function)
    shared, single = wrap(stages.shared), wrap(stages.single)
    robust = tuple(wrap(stage) for stage in stages.robust)

    def one(theta):
        # Straight to the last stage: a single point has more to lose by compiling than by waiting.
        result = single(theta)
        if not robust:
            return result
        return jax.lax.cond(result[1][1] > 0, robust[-1], lambda _: result, theta)

    def chunk(thetas):
        extents = jax.vmap(stages.extent)(thetas)
        first = jnp.min(extents[:, 0])
        return jax.lax.cond(
            jnp.max(extents[:, 1]) - first < stages.longest,
            lambda t: jax.vmap(shared, in_axes=(0, None))(t, first),
            lambda t: jax.lax.map(single, t),
            thetas,
        )

    def many(thetas):
        n, size = len(thetas), min(_chunk_size(), len(thetas))
        order = _order(jax.vmap(stages.extent)(thetas)[:, 0])
        padding = -n % size
        ordered = thetas[jnp.concatenate([order, jnp.broadcast_to(order[-1:], (padding,))])]
        quick = jax.lax.map(chunk, ordered.reshape(-1, size, thetas.shape[1]))
        quick = jax.tree.map(lambda leaf: leaf.reshape((n + padding,) + leaf.shape[2:])[:n], quick)
        results = quick
        for stage in robust:
            results = _on_flagged(stage, ordered, results)
        return jax.tree.map(lambda leaf: jnp.zeros_like(leaf).at[order].set(leaf), results)

    @jax.custom_batching.custom_vmap
    def of_many(thetas):
        return many(thetas)

    @of_many.def_vmap
    def _(size, _batched_args, thetas):
        flat = of_many(thetas.reshape((-1, thetas.shape[-1])))
        split = jax.tree.map(lambda leaf: leaf.reshape((size, -1) + leaf.shape[1:]), flat)
        return split, jax.tree.map(lambda _: True, split)

    @jax.custom_batching.custom_vmap
    def of_one(theta):
        return one(theta)

    @of_one.def_vmap
    def _(_size, _batched_args, thetas):
        result = of_many(thetas)
        return result, jax.tree.map(lambda _: True, result)

    return of_one
