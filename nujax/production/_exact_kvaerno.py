"""Kværnø's L-stable ESDIRK method with stages that are solved exactly, as a solver of diffrax."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._bloch import BlochCoefficients, implicit_stage, rate_of_change, slow_part

_TABLEAU = diffrax.Kvaerno5.tableau
_DIAGONAL = float(np.asarray(_TABLEAU.a_diagonal)[1])
_STAGES = len(_TABLEAU.b_sol)
_LOWER = np.stack([np.pad(row, (0, _STAGES - len(row))) for row in _TABLEAU.a_lower])


class AbstractBlochField(eqx.Module):
    """Right-hand side y' of `nujax.production._bloch`, for `diffrax.ODETerm` and any solver."""

    @abc.abstractmethod
    def coefficients(self, t: Any, args: Any) -> BlochCoefficients:
        """Scalars at the scalar t."""

    def __call__(self, t: Any, y: Any, args: Any) -> jax.Array:
        """dy/dt [4]."""
        return rate_of_change(y, self.coefficients(t, args))


class ExactKvaerno5(diffrax.AbstractAdaptiveSolver):
    """`diffrax.Kvaerno5` for an `AbstractBlochField`: the linear stages in closed form.

    5th order, L-stable, embedded 4th order, FSAL (Kværnø, BIT 44 (2004) 489). A root finder that
    stops when the population has converged but the coherence has not gives right values with wrong
    derivatives; exact stages leave nothing to stop.

    The error of a step, in the first component, is that of the slow part of the state, or, to
    `follow_precession`, of f_s.
    """

    follow_precession: bool = eqx.field(default=False, static=True)

    term_structure: ClassVar = diffrax.AbstractTerm
    interpolation_cls: ClassVar = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms: Any) -> int:
        """Of the solution."""
        return 5

    def error_order(self, terms: Any) -> int:
        """Of the error estimate."""
        return 5

    def init(self, terms, t0, t1, y0, args):
        """The first slope."""
        return terms.vf(t0, y0, args)

    def func(self, terms, t0, y0, args):
        """dy/dt."""
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from t0 to t1."""
        h = t1 - t0
        field = _field(terms)
        every = jax.vmap(lambda t: field.coefficients(t, args))(stage_times(t0, t1))
        y, slopes = exact_step(y0, solver_state, h, every, unroll=_STAGES - 1)
        error = h * jnp.dot(jnp.asarray(_TABLEAU.b_error, y.dtype), slopes)
        if self.follow_precession:
            size = error[0]
        else:
            size = slow_part(jnp.asarray(error), jax.tree.map(lambda leaf: leaf[-1], every))
        measured = jnp.zeros_like(y).at[0].set(size)
        dense = {"y0": y0, "y1": y, "k": h * slopes[jnp.array([0, -1])]}
        return y, measured, dense, slopes[-1], diffrax.RESULTS.successful


def stage_times(t0: Any, t1: Any) -> jax.Array:
    """Where a step from t0 to t1 needs coefficients [5]; the last two stages share t1."""
    return t0 + (t1 - t0) * jnp.asarray(_TABLEAU.c[:-1], jnp.result_type(t0))


def exact_step(
    y0: Any, slope0: Any, h: Any, every: BlochCoefficients, unroll: int = 1
) -> tuple[jax.Array, jax.Array]:
    """State [4] after a step h, and all slopes [7, 4], the given one first.

    Coefficients at `stage_times`. The stages are a loop, which compiles six times faster than six
    stages in a row (`unroll`), and runs somewhat slower.
    """
    stages = jax.tree.map(lambda leaf: jnp.append(leaf, leaf[-1:], axis=0), every)

    def stage(state, inputs):
        slopes, _ = state
        k, weights, c = inputs
        # (A sum: a dot product of vectors this short, batched, is slower.)
        before = y0 + h * jnp.sum(weights[:, None] * slopes, axis=0)
        y, slope = implicit_stage(before, h * _DIAGONAL, c)
        return (jax.lax.dynamic_update_index_in_dim(slopes, slope, k, 0), y), None

    slopes = jnp.zeros((_STAGES, *y0.shape), y0.dtype).at[0].set(slope0)
    inputs = (jnp.arange(1, _STAGES), jnp.asarray(_LOWER, y0.dtype), stages)
    (slopes, y), _ = jax.lax.scan(stage, (slopes, y0), inputs, unroll=unroll)
    return y, slopes


def _field(terms: Any) -> AbstractBlochField:
    # diffrax wraps the term for integration in either direction; ours is always forward.
    term = getattr(terms, "term", terms)
    field = term.vector_field
    if not isinstance(field, AbstractBlochField):
        raise TypeError(f"ExactKvaerno5 solves the density matrix only, not {field!r}.")
    return field


def size_of_first(scaled: jax.Array) -> jax.Array:
    """Norm of a step's error: its first component."""
    return jnp.abs(scaled[0])
