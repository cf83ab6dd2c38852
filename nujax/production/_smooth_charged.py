"""Charged leptons that a gauged vector couples to, on the fixed nodes of `_smooth`."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..interactions._base import sum_of
from ..interactions._charged_table import node_tables, off_shell_on_nodes, resonance_of
from ..interactions.gauged import ChargedLeptons
from ..sterile import SterileNeutrino


class Nodes(NamedTuple):
    """Momenta x, and t = (first + i)/steps with i < count; static."""

    x: tuple[float, ...]
    first: int
    count: int
    steps: int


def charged_gamma(
    charged: ChargedLeptons, sterile: SterileNeutrino, nodes: Nodes, offset, window: int
) -> jax.Array:
    """Γ/Δ [window, momenta] on the nodes of t from `offset` on."""
    vector, dtype = charged.vector, jnp.result_type(sterile.mass)
    tables = node_tables(vector.convention, nodes.first, nodes.count, nodes.steps, nodes.x)
    width, ratios = vector.relative_width, vector.ratios()
    scale = 2.0 * (vector.mass**2 / sterile.mass**2)
    on, off = (scale * each for each in charged.strengths())

    def sliced(table):
        return jax.lax.dynamic_slice_in_dim(jnp.asarray(table, dtype), offset, window)

    parts = (on * resonance_of(width, ratios)).astype(dtype)
    resonant = (part * sliced(table) for part, table in zip(parts, tables.resonant, strict=True))
    rest = off_shell_on_nodes(tables, width, ratios, offset, window)
    return sum_of([*resonant, off.astype(dtype) * rest.astype(dtype)])
