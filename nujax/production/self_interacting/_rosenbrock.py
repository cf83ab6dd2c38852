r"""Rodas4, a stiffly stable Rosenbrock method of fourth order, as a solver of diffrax.

Its stages are linear equations with the exact Jacobian: there is no root finder, whose stopping
would put errors into derivatives, and for the two components of the dark gas no linear algebra
either.
"""

from __future__ import annotations

from typing import ClassVar

import diffrax
import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np

# Hairer & Wanner, Solving Ordinary Differential Equations II, sec. VI.4, in the transformed form
# without products with the Jacobian: (1/hγ − J) u_i = f(t + c_i h, y + Σ a_ij u_j) + Σ c_ij u_j/h +
# h d_i ∂f/∂t. The last two stages are embedded: y₅ = y + Σ a_5j u_j, y₆ = y₅ + u₅, y₁ = y₆ + u₆.
_GAMMA = 0.25
_LOWER = np.zeros((5, 6))  # rows of stages 2 to 6
_LOWER[0, :1] = 1.544
_LOWER[1, :2] = 0.9466785280815826, 0.2557011698983284
_LOWER[2, :3] = 3.314825187068521, 2.896124015972201, 0.9986419139977817
_LOWER[3, :4] = 1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950
_LOWER[4] = _LOWER[3]
_LOWER[4, 4] = 1.0
_COUPLED = np.zeros((5, 6))
_COUPLED[0, :1] = -5.6688
_COUPLED[1, :2] = -2.430093356833875, -0.2063599157091915
_COUPLED[2, :3] = -0.1073529058151375, -9.594562251023355, -20.47028614809616
_COUPLED[3, :4] = 7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160
_COUPLED[4, :5] = (
    8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
    -6.058818238834054,
)  # fmt: skip
_TIMES = np.array([0.0, 0.386, 0.21, 0.63, 1.0, 1.0])
_D = np.array([0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0])


def _linear_solver(matrix: jax.Array):
    """right [n] → matrix⁻¹ right; in closed form for n = 2."""
    if len(matrix) == 2:
        (a, b), (c, d) = matrix
        inverse = jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)
        return lambda right: jnp.sum(inverse * right[None, :], axis=1)
    factors = jax.scipy.linalg.lu_factor(matrix)
    return lambda right: jax.scipy.linalg.lu_solve(factors, right)


class Rodas4(diffrax.AbstractAdaptiveSolver):
    """Order 4(3), for a state [n] and a vector field of (t, y, args)."""

    term_structure: ClassVar = diffrax.AbstractTerm
    interpolation_cls: ClassVar = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms):
        """Of the solution."""
        return 4

    def error_order(self, terms):
        """Of the error estimate."""
        return 4

    def init(self, terms, t0, t1, y0, args):
        """Nothing is carried."""
        return None

    def func(self, terms, t0, y0, args):
        """dy/dt."""
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from t0 to t1."""
        h = t1 - t0
        # In time and in the state apart: what depends on time alone is then not pushed n times.
        _, in_time = jax.jvp(lambda t: terms.vf(t, y0, args), (t0,), (jnp.ones_like(t0),))
        slope, push = jax.linearize(lambda y: terms.vf(t0, y, args), y0)
        columns = jax.vmap(push)(jnp.eye(len(y0), dtype=y0.dtype))
        solve = _linear_solver(jnp.eye(len(y0)) / (h * _GAMMA) - columns.T)
        rows = jnp.asarray(_LOWER, y0.dtype), jnp.asarray(_COUPLED, y0.dtype) / h
        inputs = (jnp.arange(1, 6), *rows, t0 + h * _TIMES[1:], h * _D[1:])

        def stage(carry, row):
            stages, _ = carry
            i, lower, coupled, t, d = row
            # (Sums: dot products of vectors this short are slower.)
            f = terms.vf(t, y0 + jnp.sum(lower[:, None] * stages, axis=0), args)
            right = f + jnp.sum(coupled[:, None] * stages, axis=0) + d * in_time
            u = solve(right)
            return (jax.lax.dynamic_update_index_in_dim(stages, u, i, 0), f), None

        first = solve(slope + (h * _D[0]) * in_time)
        stages = jnp.zeros((6, len(y0)), y0.dtype).at[0].set(first)
        # A loop: six copies of the field would compile six times as long.
        (stages, f), _ = jax.lax.scan(stage, (stages, slope), inputs)
        y = y0 + jnp.sum(jnp.asarray(_LOWER[-1], y0.dtype)[:, None] * stages, axis=0) + stages[5]
        dense = {"y0": y0, "y1": y, "k": h * jnp.stack([slope, f])}
        return y, stages[5], dense, None, diffrax.RESULTS.successful
