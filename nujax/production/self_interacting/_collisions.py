r"""φ ↔ ν_sν_s and ν_aν_s → φ → ν_sν_s on a momentum grid, exact in number and energy.

Unknowns are numbers of ν_s at nodes, n_i, not values of f. Two at nodes i and j meet as particles
with their own energies; the φ they make has E_i + E_j, and its decay, flat in energy between
    E∓ = (E_φ ∓ p_φ β)/2,   β = √(1 − 4r),
is shared among nodes by hat functions of energy, Σ_k hat_k = 1 and Σ_k E_k hat_k = E. So each
collision keeps number and energy to rounding errors, on any grid; its kernel, the part of a cell in
the kinematic window, and the hats make errors O(h²).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

_SMEAR = 0.45  # of windows' ends, in cells


class Nodes(NamedTuple):
    """Energies and cells of momenta p [n, MeV], the first of which is zero.

    `effective` is a momentum within each cell, pE with it the `measure` of f dE = π² dn/(pE);
    `ends` and `edges` [n + 1] are momenta and energies at which cells end.
    """

    momentum: jax.Array
    energy: jax.Array
    ends: jax.Array
    edges: jax.Array
    effective: jax.Array
    measure: jax.Array


def nodes_of(mass: jax.Array, momentum: jax.Array) -> Nodes:
    """Cells end half-way between momenta."""
    middle = 0.5 * (momentum[1:] + momentum[:-1])
    ends = jnp.concatenate([momentum[:1], middle, momentum[-1:]])
    energy = jnp.sqrt(momentum**2 + mass**2)
    edges = jnp.sqrt(ends**2 + mass**2)
    # At rest, the middle of the half cell.
    effective = momentum.at[0].set(0.5 * middle[0])
    measure = effective * jnp.sqrt(effective**2 + mass**2)
    return Nodes(momentum, energy, ends, edges, effective, measure)


def part_of_cells(low: jax.Array, high: jax.Array, at: jax.Array, edges: jax.Array) -> jax.Array:
    """Part [i, j] of cell j, whose node is `at`, in the window from low to high [i].

    The ends are smeared by a Gaussian of standard deviation 0.45h: sharp ones would give rates
    kinks in time, one for each pair of cells, and an adaptive solver a step for each.
    """
    scale = 1.0 / (np.sqrt(2.0) * _SMEAR * jnp.diff(edges)[None, :])
    at = at[None, :]
    above = jax.scipy.special.erf(scale * (at - low[:, None]))
    below = jax.scipy.special.erf(scale * (at - high[:, None]))
    return 0.5 * (above - below)


def sterile_window(mass: jax.Array, scalar_mass: jax.Array, nodes: Nodes) -> jax.Array:
    """[i, j]: ν_s at node i with those of cell j can make φ; symmetric.

    q± = [E(m² − 2m_s²) ± p m² β]/2m_s².
    """
    r = (mass / scalar_mass) ** 2
    energy = nodes.measure / nodes.effective
    upper = (energy * (1.0 - 2.0 * r) + nodes.effective * jnp.sqrt(1.0 - 4.0 * r)) / (2.0 * r)
    lower = (energy**2 + (1.0 - 4.0 * r) * scalar_mass**2 / (4.0 * r)) / upper
    part = part_of_cells(lower, upper, nodes.energy, nodes.edges)
    return 0.5 * (part + part.T)


def active_window(mass: jax.Array, scalar_mass: jax.Array, nodes: Nodes) -> jax.Array:
    """[i, a]: ν_s at node i with massless ν_a of cell a can make φ.

    E_a from (m² − m_s²)(E − p)/2m_s² to (m² − m_s²)(E + p)/2m_s².
    """
    gap = (scalar_mass - mass) * (scalar_mass + mass)
    total = nodes.measure / nodes.effective + nodes.effective
    low, high = gap / (2.0 * total), gap * total / (2.0 * mass**2)
    return part_of_cells(low, high, nodes.momentum, nodes.ends)


def daughters(
    mass: jax.Array, scalar_mass: jax.Array, nodes: Nodes, energy: jax.Array, spread: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What φ of `energy` [...] [MeV] leaves at nodes [k, ...], two in all, and whether it can be.

    It cannot where a daughter would leave the grid; these pairs are then not to meet. `spread`
    [...] is that of `energy` within cells: it smooths p_φ = √(E_φ² − m²) at rest.
    """
    r = (mass / scalar_mass) ** 2
    square = (energy - scalar_mass) * (energy + scalar_mass)
    square = 0.5 * (square + jnp.sqrt(square**2 + (energy * spread) ** 2))
    half = 0.5 * jnp.sqrt((1.0 - 4.0 * r) * square)
    half = jnp.minimum(half, 0.5 * energy - mass)
    allowed = (0.5 * energy + half <= nodes.energy[-1]) & (half > 0.0)
    half = jnp.where(allowed, half, mass)
    centre = jnp.where(allowed, 0.5 * energy, 2.0 * mass)
    shape = (-1,) + (1,) * energy.ndim
    left, right = nodes.energy[:-1].reshape(shape), nodes.energy[1:].reshape(shape)
    centre, half = centre[None], half[None]
    bottom = jnp.clip(centre - half, left, right)
    top = jnp.clip(centre + half, left, right)
    inside = (top - bottom) / half
    # Hats widen what they share out, by (E_k+1 − E)(E − E_k) on the average: so begin narrower.
    excess = jnp.sum(inside * (right - left) ** 2, axis=0, keepdims=True) / 12.0
    half = jnp.sqrt(jnp.maximum(half**2 - 3.0 * excess, 0.25 * half**2))
    bottom = jnp.clip(centre - half, left, right)
    top = jnp.clip(centre + half, left, right)
    inside = (top - bottom) / half
    upper = inside * (0.5 * (top + bottom) - left) / (right - left)
    none = jnp.zeros((1, *energy.shape), energy.dtype)
    hats = jnp.concatenate([inside - upper, none]) + jnp.concatenate([none, upper])
    return hats, allowed
