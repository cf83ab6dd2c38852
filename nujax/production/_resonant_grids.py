"""One function on a fine and a coarse grid, with its Jacobian in the few numbers of a theory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.custom_batching
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..sterile import SterileNeutrino
from ._resonant_march import Outcome
from ._resonant_tables import Cells, cells_of

# A method, whose fields `solve` knows, and what it is for.
Theory = tuple[Any, SterileNeutrino, AbstractInteraction, Plasma]


def solve_on_grids(
    solve: Callable[[Any, Cells], Outcome], theory: Theory, bins: int
) -> list[tuple[Outcome, Cells]]:
    """(solve(theory, cells), cells) for `bins` cells and for half as many.

    Both grids have one shape, so that they are one compiled function, called twice.

    A theory has few numbers: derivatives are those of the forward Jacobian in all of them, which
    serves forward and reverse mode alike (reverse mode through the steps compiles for 20 s). The
    path has none.
    """
    grids = cells_of(bins), cells_of(bins // 2, bins)
    # NumPy: a function with derivatives of its own may not close over arrays that JAX traces.
    grids = jax.tree.map(lambda *leaves: np.stack(leaves), *grids)
    idle = ["entropy_density_today", "critical_density_over_h2"]  # make Ω h² of a yield
    if theory[3].degrees != "constant":
        idle.append("constant_degrees")
    influential = eqx.tree_at(
        lambda tree: [getattr(tree[3], name) for name in idle],
        jax.tree.map(eqx.is_array, theory),
        [False] * len(idle),
    )
    active, passive = eqx.partition(theory, influential)
    passive, static = eqx.partition(passive, eqx.is_array)
    flat, unravel = jax.flatten_util.ravel_pytree(active)

    def on_grids(flat, passive):
        whole = eqx.combine(unravel(flat), passive, static)
        as_arrays = jax.tree.map(jnp.asarray, grids)
        outcomes = jax.lax.map(lambda cells: solve(whole, cells), as_arrays)
        return outcomes._replace(path=jax.lax.stop_gradient(outcomes.path))

    def with_jacobian(flat, passive):
        def along(direction):
            return jax.jvp(lambda at: on_grids(at, passive), (flat,), (direction,))

        basis = jnp.eye(len(flat), dtype=flat.dtype)
        return jax.vmap(along, out_axes=(None, 0))(basis)

    evaluate = jax.custom_jvp(_one_by_one(on_grids))

    @evaluate.defjvp
    def _(primals, tangents):
        value, jacobian = _one_by_one(with_jacobian)(*primals)
        change = jax.tree.map(lambda rows: jnp.tensordot(tangents[0], rows, axes=1), jacobian)
        return value, change

    outcomes = evaluate(flat, passive)
    return [
        tuple(jax.tree.map(lambda leaf, i=i: leaf[i], each) for each in (outcomes, grids))
        for i in range(2)
    ]  # pyright: ignore[reportReturnType]


def _one_by_one(function: Callable) -> Callable:
    """The function, of which `jax.vmap` takes one point after the other on a CPU.

    There the cells of one point fill the vector units, and a batch would wait for its slowest
    point. Accelerators want all the parallelism there is.
    """
    if jax.default_backend() != "cpu":
        return function
    return jax.custom_batching.sequential_vmap(function)
