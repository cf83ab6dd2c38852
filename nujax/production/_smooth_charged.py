"""Charged leptons that a gauged vector couples to, on the fixed nodes of `_smooth`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ..interactions._base import sum_of
from ..interactions._charged_table import node_tables, off_shell_on_nodes, resonance_of
from ..interactions.gauged import ChargedLeptons


def charged_gamma(
    charged: ChargedLeptons, mass2, x: tuple, first: int, nodes: int, steps: int,
    *, offset, window: int, dtype, count: int | None,
) -> jax.Array:  # fmt: skip
    """Γ/Δ [window, count] at the first `count` momenta x, on nodes of t from `offset` on.

    `first` and `nodes` are the range of t that is tabulated, in units of 1/steps.
    """
    vector = charged.vector
    tables = node_tables(vector.convention, first, nodes, steps, x)
    width, ratios = vector.relative_width, vector.ratios()
    on, off = (2.0 * (vector.mass**2 / mass2) * each for each in charged.strengths())

    def sliced(table):
        constant = jnp.asarray(np.ascontiguousarray(table[:, :count]), dtype)
        return jax.lax.dynamic_slice_in_dim(constant, offset, window)

    parts = (on * resonance_of(width, ratios)).astype(dtype)
    resonant = (part * sliced(table) for part, table in zip(parts, tables.resonant, strict=True))
    rest = off_shell_on_nodes(tables, width, ratios, offset, window, count, dtype)
    return sum_of([*resonant, off.astype(dtype) * rest])
