r"""Gauss–Newton with a trust region and bounds, as an optax transformation: the default of `fit`.

A step s from the best point so far minimises |r + J s|² with |s| ≤ Δ: (JᵀJ + μ)s = −Jᵀr. With one
datum that is the gradient of |r|, cut at the length Δ, so that steps follow the gradient flow and
never climb. Parameters at a bound whose step points out are held. Δ grows while the model
predicts well and shrinks where it does not; below the smallest Δ nothing is downhill any more.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

# Relative size of an eigenvalue of JᵀJ below which its direction is undetermined.
RANK = 1e-12


class Model(NamedTuple):
    """What `update` needs to know about the present point beside the loss ½|r|²."""

    residuals: jax.Array  # r [M]
    jacobian: jax.Array  # [M, K]
    lower: jax.Array  # [K] log-parameters
    upper: jax.Array  # [K]


class _State(NamedTuple):
    """The best point so far, and what the model promised for the next."""

    theta: jax.Array  # [K]
    residuals: jax.Array  # [M]
    jacobian: jax.Array  # [M, K]
    loss: jax.Array
    radius: jax.Array
    length: jax.Array  # of the last step
    promised: jax.Array  # decrease of the loss


@functools.lru_cache
def gauss_newton(
    residuals: int = 1, radius: float = 1.0, largest: float = 2.0, smallest: float = 1e-5
) -> optax.GradientTransformationExtraArgs:
    """The transformation for a number of residuals; radii Δ are lengths in log-parameters.

    `update` needs value, the loss ½|r|², and model, a `Model`. A value that is not finite counts
    as worse than any other: the step is taken back and cut.
    """

    def init(params):
        zero = jnp.zeros((), params.dtype)
        return _State(
            theta=params,
            residuals=jnp.zeros(residuals, params.dtype),
            jacobian=jnp.zeros((residuals, params.size), params.dtype),
            loss=zero + jnp.inf,
            radius=zero + radius,
            length=zero + radius,
            promised=zero,
        )

    def update(updates, state, params=None, *, value, model, **extra):
        assert params is not None
        del updates, extra
        better = value < state.loss
        base, r, J, loss = jax.tree.map(
            lambda new, old: jnp.where(better, new, old),
            (params, model.residuals, model.jacobian, value),
            (state.theta, state.residuals, state.jacobian, state.loss),
        )
        delta = jnp.where(
            jnp.isinf(state.loss), state.radius, _next_radius(state, value, better, largest)
        )
        step = jnp.where(delta < smallest, 0.0, bounded_step(r, J, delta, base, *model[2:]))
        promised = loss - 0.5 * jnp.sum((r + jnp.dot(J, step)) ** 2)
        new = _State(base, r, J, loss, delta, jnp.linalg.norm(step), promised)
        return base + step - params, new

    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


def _next_radius(state: _State, value, better, largest: float):
    """Longer after a good step that used all of Δ, shorter after a poor or a bad one."""
    used = jnp.minimum(state.radius, state.length)
    ratio = (state.loss - value) / jnp.maximum(state.promised, jnp.finfo(value.dtype).tiny)
    good = (ratio > 0.75) & (state.length > 0.8 * state.radius)
    longer = jnp.minimum(2.0 * state.radius, largest)
    kept = jnp.where(good, longer, jnp.where(ratio < 0.25, 0.5 * used, state.radius))
    return jnp.where(better, kept, 0.25 * used)


def bounded_step(residuals, jacobian, radius, at, lower, upper) -> jax.Array:
    """The step s [K] from `at`, with |s| ≤ radius and inside the bounds; slides along them."""

    def hold(_, free):
        step = _step(residuals, jacobian * free[None], radius)
        return jnp.where(points_out(at, step, lower, upper), 0.0, free)

    free = jax.lax.fori_loop(0, at.size, hold, jnp.ones_like(at))
    return jnp.clip(at + _step(residuals, jacobian * free[None], radius), lower, upper) - at


def points_out(at, step, lower, upper) -> jax.Array:
    """Which parameters [K] are at a bound that `step` would cross."""
    return ((at <= lower) & (step < 0)) | ((at >= upper) & (step > 0))


def _step(residuals, jacobian, radius) -> jax.Array:
    """argmin |r + J s|² with |s| ≤ radius; nothing along directions that J does not determine."""
    values, vectors = jnp.linalg.eigh(jnp.dot(jacobian.T, jacobian))
    known = values > RANK * values[-1]
    values = jnp.where(known, values, 1.0)
    pull = jnp.where(known, -jnp.dot(vectors.T, jnp.dot(jacobian.T, residuals)), 0.0)

    def length(mu):
        return jnp.linalg.norm(pull / (values + mu))

    # |s| falls with μ: bisection in ln μ, below |pull|/radius.
    high = jnp.log(jnp.linalg.norm(pull) / radius + jnp.finfo(pull.dtype).tiny)

    def halve(_, ends):
        low, high = ends
        middle = 0.5 * (low + high)
        longer = length(jnp.exp(middle)) > radius
        return jnp.where(longer, middle, low), jnp.where(longer, high, middle)

    _, log_mu = jax.lax.fori_loop(0, 40, halve, (high - 60.0, high))
    mu = jnp.where(length(0.0) > radius, jnp.exp(log_mu), 0.0)
    return jnp.dot(vectors, pull / (values + mu))
