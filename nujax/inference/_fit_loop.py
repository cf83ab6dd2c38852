r"""The loop of a fit: all starts at once, compiled once per kind of theory.

Which parameters are free, their bounds, target, tolerance and the largest number of steps are
traced; fixed parameters have slope zero and stay where they are.
"""

from __future__ import annotations

import enum
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..production import Status
from ._gauss_newton import RANK, Model, points_out
from ._problem import Theory, with_values
from ._targets import Data, Penalty, evaluate


class FitStatus(enum.IntEnum):
    """How a start of a fit ended.

    converged          |ln(Ω h²/target)| is within tolerance; of several terms, χ² is also at a
                       minimum and every other residual within 1
    compromise         of several terms: χ² is at a minimum where not all are met
    local_minimum      no root downhill: |ln(Ω h²/target)|, or χ², is at a minimum that is not zero
    plateau            no root downhill: Ω h² hardly depends on the free parameters
    at_bound           left the domain: downhill is beyond a bound
    numerical_failure  points in a row are not `Status.ok`
    max_steps          still on its way down
    """

    converged = 0
    compromise = 1
    local_minimum = 2
    plateau = 3
    at_bound = 4
    numerical_failure = 5
    max_steps = 6


_RUNNING = -1
# Slopes d ln Ω h²/d ln p below the first are a plateau as far as anyone cares; a fit may cross it
# all the same. Below the second it stops.
_PLATEAU, _FLAT = 1e-5, 1e-12
# The nodes of the quadrature move with the mediator's mass, which leaves slopes of 6e-9 (constant
# g*) to some 1e-5 (g*(T)) where it means nothing any more. The slope of the coupling is right to
# the last: it shows the way alone.
_NOISE = {"mediator_mass": 1e-5}


class Setup(NamedTuple):
    """What the compiled loop depends on."""

    names: tuple[str, ...]  # all parameters of the theory
    momentum: bool  # whether ⟨x⟩ is a datum
    penalties: tuple[Penalty, ...]
    optimiser: optax.GradientTransformationExtraArgs
    sequential: bool  # one start after the other, for a line search of its own in each
    patience: int  # evaluations in a row that may fail
    capacity: int  # rows of the history


class Limits(NamedTuple):
    """Numbers that steer the loop."""

    free: Any  # [K] 1 or 0
    lower: Any  # [K] log-parameters
    upper: Any  # [K]
    tolerance: Any  # of |ln(Ω h²/target)|
    max_steps: Any


class Best(NamedTuple):
    """Of each start, the point of smallest χ² so far."""

    theta: jax.Array  # [K]
    loss: jax.Array  # χ²/2 (σ/target)²
    residuals: jax.Array  # [M]
    jacobian: jax.Array  # [M, K]
    log_density: jax.Array
    mean_momentum: jax.Array


class Outcome(NamedTuple):
    """The end of every start; leading axis [S]."""

    best: Best
    code: jax.Array  # of `FitStatus`
    point_status: jax.Array  # of `Status`, last evaluation
    steps: jax.Array  # evaluations after the first
    out: jax.Array  # [K] parameters held at a bound
    history: jax.Array  # [capacity] ln(Ω h²/target) of each evaluation, NaN after the last


class _Carry(NamedTuple):
    theta: jax.Array
    optimiser: Any
    failures: jax.Array
    steepest: jax.Array  # largest slope of late
    outcome: Outcome


@functools.partial(jax.jit, static_argnums=0)
def run(
    setup: Setup, theory: Theory, start: jax.Array, real: jax.Array, data: Data, limits: Limits
) -> Outcome:
    """Fit from log-parameters `start` [S, K], where `real` [S]; the others are padding."""
    scale = (data.sigma / data.target) ** 2  # the loss is ½ ln²(Ω h²/target) for that datum alone

    noise = jnp.array([_NOISE.get(name, 0.0) for name in setup.names]) * data.target / data.sigma

    def residuals(theta):
        point = evaluate(theta, theory, setup.names, data, setup.momentum, setup.penalties)
        return point.residuals, point

    def loss_of(theta: Any, model=None):
        del model  # optax hands every argument of `update` to the function of a line search
        r, point = residuals(jnp.clip(theta, limits.lower, limits.upper))
        return jnp.where(point.status == Status.ok, 0.5 * scale * jnp.dot(r, r), jnp.inf)

    def one(carry: _Carry) -> _Carry:
        theta, past = carry.theta, carry.outcome
        r, pull, point = jax.vjp(residuals, theta, has_aux=True)
        J = jax.vmap(pull)(jnp.eye(r.size, dtype=r.dtype))[0]
        known = (limits.free > 0) & ~(jnp.abs(J[0]) < noise)
        J = jnp.where(known[None], J, 0.0)
        finite = jnp.all(jnp.isfinite(r)) & jnp.all(jnp.isfinite(J))
        good = (point.status == Status.ok) & finite
        status = jnp.where(finite, point.status, Status.non_finite)
        # Bad points are no answers, but with patience a fit goes on through them by their numbers,
        # such as they are.
        usable = good | (finite & (setup.patience > 1))
        r, J = jnp.where(usable, r, 0.0), jnp.where(usable, J, 0.0)
        seen = jnp.where(usable, 0.5 * scale * jnp.dot(r, r), jnp.inf)
        loss = jnp.where(good, seen, jnp.inf)
        slope = scale * jnp.dot(r, J)

        updates, state = setup.optimiser.update(
            slope, carry.optimiser, theta, value=seen, grad=slope, value_fn=loss_of,
            model=Model(jnp.sqrt(scale) * r, jnp.sqrt(scale) * J, limits.lower, limits.upper),
        )  # fmt: skip
        moved: Any = optax.apply_updates(theta, updates)
        new = jnp.clip(moved, limits.lower, limits.upper)

        off = point.log_density - jnp.log(data.target)
        out = points_out(theta, -slope, limits.lower, limits.upper)
        inner = jnp.sqrt(scale) * jnp.where(out[None], 0.0, J)
        near = good & (jnp.abs(off) <= limits.tolerance)
        done = near if r.size == 1 else good & _stationary(jnp.sqrt(scale) * r, inner, limits)
        met = jnp.all(jnp.abs(r[1:]) <= 1.0)
        still = good & jnp.all(new == theta)
        better = good & (loss <= past.best.loss)
        slopes = jnp.max(jnp.abs(J[0])) * data.sigma / data.target
        # Near a minimum slopes are small too, but not those of the longer steps just before.
        steepest = jnp.maximum(slopes, 0.25 * carry.steepest)
        plateau = good & (jnp.where(jnp.any(out), slopes, steepest) < _PLATEAU)
        flat = good & (jnp.max(jnp.abs(inner)) < _FLAT)
        trapped = jnp.where(jnp.any(out), int(FitStatus.at_bound), int(FitStatus.local_minimum))
        last = past.steps >= limits.max_steps
        failures = jnp.where(good, 0, carry.failures + 1)
        ends = (
            (done & near & met, int(FitStatus.converged)),
            (done, int(FitStatus.compromise)),
            ((still | flat) & plateau, int(FitStatus.plateau)),
            (still | flat, trapped),
            (failures >= setup.patience, int(FitStatus.numerical_failure)),
            (last & plateau, int(FitStatus.plateau)),
            (last, int(FitStatus.max_steps)),
        )
        code = jnp.select([end for end, _ in ends], [code for _, code in ends], _RUNNING)

        here = Best(theta, loss, r, J, point.log_density, point.mean_momentum)
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), here, past.best)
        history = past.history.at[past.steps].set(jnp.where(good, off, jnp.nan))
        steps = past.steps + (code == _RUNNING)
        outcome = Outcome(best, code, status, steps, out, history)
        ahead = _Carry(new, state, failures, steepest, outcome)
        return jax.tree.map(lambda a, b: jnp.where(is_running(carry), a, b), ahead, carry)

    def first(theta, is_real) -> _Carry:
        count = 1 + setup.momentum + len(setup.penalties)
        nan, worst = (jnp.full((), v, theta.dtype) for v in (jnp.nan, jnp.inf))
        zeros = jnp.zeros((count, theta.size), theta.dtype)
        best = Best(theta, worst, zeros[:, 0], zeros, nan, nan)
        zero = jnp.zeros((), int)
        history = jnp.full(setup.capacity, jnp.nan, theta.dtype)
        out = jnp.zeros(theta.size, bool)
        code = jnp.where(is_real, _RUNNING, int(FitStatus.max_steps))
        outcome = Outcome(best, code, zero, zero, out, history)
        return _Carry(theta, setup.optimiser.init(theta), zero, jnp.zeros_like(worst), outcome)

    idle = _cheapest(setup.names, theory, start)

    def body(carry: _Carry) -> _Carry:
        # Those that are done wait where the first stage is enough: they cost next to nothing.
        theta = jnp.where(is_running(carry)[:, None], carry.theta, idle[None])
        carry = carry._replace(theta=theta)
        if setup.sequential:  # a batch of branches would evaluate all tables for each start
            return jax.lax.map(lambda c: jax.lax.cond(is_running(c), one, lambda c: c, c), carry)
        return jax.vmap(one)(carry)

    def is_running(carry: _Carry):
        return carry.outcome.code == _RUNNING

    def going(carry: _Carry):
        return jnp.any(is_running(carry))

    return jax.lax.while_loop(going, body, jax.vmap(first)(start, real)).outcome


def _cheapest(names: tuple[str, ...], theory: Theory, start: jax.Array) -> jax.Array:
    """Of the starts, also with a weak or a strong coupling, the one with the least need of care."""

    def error(theta):
        values = {name: jnp.exp(theta[i]) for i, name in enumerate(names)}
        changed = with_values(theory, values)
        m = changed.method.estimate(changed.sterile, changed.interaction, changed.plasma)
        return jnp.where(jnp.isfinite(m.number), m.error_estimate, jnp.inf)

    coupling = jnp.array([name == "coupling" for name in names])[None]
    others = [jnp.where(coupling, jnp.log(value), start) for value in (1e-12, 0.3)]
    candidates = jnp.concatenate([start, *others])
    return candidates[jnp.argmin(jax.vmap(error)(candidates))]


def _stationary(residuals, jacobian, limits: Limits):
    """Whether the linear model promises no more than tolerance²: χ² is at its minimum."""
    values, vectors = jnp.linalg.eigh(jnp.dot(jacobian.T, jacobian))
    pull = jnp.dot(vectors.T, jnp.dot(jacobian.T, residuals))
    known = values > RANK * values[-1]
    promised = jnp.where(known, pull**2 / jnp.where(known, values, 1.0), 0.0)
    return jnp.sum(promised) <= limits.tolerance**2


def searches_along_lines(optimiser: optax.GradientTransformationExtraArgs) -> bool:
    """Whether an optimiser evaluates the loss by itself; tried on a function that costs nothing."""
    called = []

    def value_fn(theta, model=None):
        called.append(model)
        return jnp.sum(theta**2)

    def update(theta):
        value = jnp.sum(theta)
        model = Model(theta[:1], theta[None], theta, theta)
        state = optimiser.init(theta)
        return optimiser.update(
            theta, state, theta, value=value, grad=theta, value_fn=value_fn, model=model
        )

    jax.eval_shape(update, jnp.ones(2))
    return bool(called)
