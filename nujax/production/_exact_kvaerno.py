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
_DIAGONAL = float(_TABLEAU.a_diagonal[1])
_STAGES = len(_TABLEAU.b_sol)


class AbstractBlochField(eqx.Module):
    """Right-hand side y' of `nujax.production._bloch`, for `diffrax.ODETerm` and any solver."""

    @abc.abstractmethod
    def coefficients(self, t: jax.Array, args: Any) -> BlochCoefficients:
        """Scalars at the scalar t."""

    def __call__(self, t: jax.Array, y: jax.Array, args: Any) -> jax.Array:
        """dy/dt [4]."""
        return rate_of_change(y, self.coefficients(t, args))


class ExactKvaerno5(diffrax.AbstractAdaptiveSolver):
    """`diffrax.Kvaerno5` for an `AbstractBlochField`: the linear stages in closed form.

    5th order, L-stable, embedded 4th order, FSAL (Kværnø, BIT 44 (2004) 489). A root finder that
    stops when the population has converged but the coherence has not gives right values with wrong
    derivatives; exact stages leave nothing to stop. The error of a step is that of the slow part
    of the state, in the first component.
    """

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
        y, slopes = exact_step(y0, solver_state, h, every)
        error = h * sum(w * slope for w, slope in zip(_TABLEAU.b_error, slopes, strict=True))
        last = jax.tree.map(lambda leaf: leaf[-1], every)
        measured = jnp.zeros_like(y).at[0].set(slow_part(error, last))
        dense = {"y0": y0, "y1": y, "k": h * jnp.stack([slopes[0], slopes[-1]])}
        return y, measured, dense, slopes[-1], diffrax.RESULTS.successful


def stage_times(t0: jax.Array, t1: jax.Array) -> jax.Array:
    """Where a step from t0 to t1 needs coefficients [5]; the last two stages share t1."""
    return t0 + (t1 - t0) * jnp.asarray(_TABLEAU.c[:-1], t0.dtype)


def exact_step(
    y0: jax.Array, slope0: jax.Array, h: jax.Array, every: BlochCoefficients
) -> tuple[jax.Array, list[jax.Array]]:
    """State after a step h, and all slopes, the given one first; coefficients at `stage_times`."""
    at = [jax.tree.map(lambda leaf, k=k: leaf[k], every) for k in range(_STAGES - 2)]
    slopes, y = [slope0], y0
    for k, c in enumerate([*at, at[-1]]):
        before = sum(w * slope for w, slope in zip(_TABLEAU.a_lower[k], slopes, strict=True))
        y, slope = implicit_stage(y0 + h * before, h * _DIAGONAL, c)
        slopes.append(slope)
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


assert np.all(np.asarray(_TABLEAU.a_diagonal[1:]) == _DIAGONAL)
