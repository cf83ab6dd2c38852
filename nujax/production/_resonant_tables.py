r"""What the asymmetric equations need of the theory, tabulated along κ = −ln(T⁴r⁴c_V).

κ rises as T falls; the potential of a given asymmetry goes like e^(−κ). With
r = (g*s(T)/g*s(T_final))^⅓ a comoving momentum q = p/T at T_final is p = q r T.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..quadrature import lagrange_weights
from ..sterile import SterileNeutrino
from ._resonant_plasma import response

Q_LOW, Q_HIGH = 1e-3, 20.0  # beyond, ∫q²f dq misses 2e-7
_NODES = 400
_ORDER = 6


class Cells(NamedTuple):
    """Cells of equal `width` in ln q: edges [bins + 1], centres and weights [bins].

    The weights are those of ∫q²dq, q³ Δln q; cells with weight 0 only fill up the shape.
    """

    edges: Any
    centres: Any
    weights: Any
    width: Any


def cells_of(bins: int, shape: int | None = None) -> Cells:
    """`bins` cells from Q_LOW to Q_HIGH, and more beyond, without weight, up to `shape` (NumPy)."""
    width = float(np.log(Q_HIGH / Q_LOW) / bins)
    index = np.arange((bins if shape is None else shape) + 1)
    log_q = np.log(Q_LOW) + width * index
    centres = np.exp(log_q[:-1] + 0.5 * width)
    weights = np.where(index[:-1] < bins, centres**3 * width, 0.0)
    return Cells(np.exp(log_q), centres, weights, width)


class Row(NamedTuple):
    """Everything at one κ.

    log_T      ln(T/MeV)
    redshift   r
    xi_per_l   chemical potential ξ per asymmetry l = L_α/T³ at T_final
    log_k      ln k, k = (−H dt/d ln T)/H · m₄²/(4 r T): (Γ/4) per unit of |ln T| is (k/q) Γ/2Δ
    thermal    −V_T/Δ at the edges
    width      Γ/2Δ at the centres
    """

    log_T: jax.Array
    redshift: jax.Array
    xi_per_l: jax.Array
    log_k: jax.Array
    thermal: jax.Array
    width: jax.Array


class Tables(NamedTuple):
    """Rows [nodes, columns] on nodes uniform in κ, and κ at T_initial and T_final."""

    start: jax.Array
    step: jax.Array
    rows: jax.Array
    limits: tuple[jax.Array, jax.Array]

    def at(self, kappa: jax.Array) -> Row:
        """The row at κ, by interpolation of sixth order."""
        position = (kappa - self.start) / self.step
        left = jnp.clip(jnp.floor(position) - (_ORDER // 2 - 1), 0, len(self.rows) - _ORDER)
        left = jax.lax.stop_gradient(left)
        near = jax.lax.dynamic_slice_in_dim(self.rows, left.astype(int), _ORDER)
        row = jnp.dot(lagrange_weights(position - left, _ORDER), near)
        bins = (row.shape[0] - 5) // 2
        return Row(row[0], row[1], row[2], row[3], row[4 : bins + 5], row[bins + 5 :])


def tables_of(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    plasma: Plasma,
    limits: tuple[jax.Array, jax.Array],
    cells: Cells,
    redistribution: str,
) -> Tables:
    """Tabulate between `limits`, T_initial and T_final [MeV]."""
    flavour = sterile.flavour
    T_final = limits[1]

    def kappa_of(log_T):
        T = jnp.exp(log_T)
        c_V = response(T, flavour, redistribution).potential
        return -4.0 * (log_T + jnp.log(plasma.redshift(T, T_final))) - jnp.log(c_V)

    log_limits = jnp.log(jnp.stack(limits))
    first, last = kappa_of(log_limits)
    step = (last - first) / (_NODES - 1 - 2 * _ORDER)
    kappa = first + step * (jnp.arange(_NODES) - _ORDER)
    # Invert κ(ln T): a table, then Newton's method, whose last step has the derivatives.
    beyond = 0.5 * _ORDER * step
    grid = jnp.linspace(log_limits[1] - beyond, log_limits[0] + beyond, 2 * _NODES)
    grid, nodes = jax.lax.stop_gradient((grid, kappa))
    log_T = jnp.interp(-nodes, -jax.lax.stop_gradient(kappa_of(grid)), grid)
    for _ in range(2):
        log_T = jax.lax.stop_gradient(log_T)
        _, slope = jax.jvp(kappa_of, (log_T,), (jnp.ones_like(log_T),))
        log_T = log_T + (kappa - kappa_of(log_T)) / jax.lax.stop_gradient(slope)

    T = jnp.exp(log_T)
    r = plasma.redshift(T, T_final)
    xi_per_l = response(T, flavour, redistribution).chemical * r**3
    log_k = jnp.log(plasma.clock_factor(T) * sterile.mass**2 / (4.0 * r * T))
    log_k = log_k - plasma.log_hubble_rate(T)

    def over_frequency(function, q):
        p = q[None, :] * (r * T)[:, None]
        values = function(p, jnp.broadcast_to(T[:, None], p.shape), flavour)
        return values * (2.0 * p / sterile.mass**2)

    thermal = -over_frequency(interaction.thermal_potential, cells.edges)
    width = 0.5 * over_frequency(interaction.interaction_rate, cells.centres)
    scalars = jnp.stack([log_T, r, xi_per_l, log_k], axis=-1)
    return Tables(kappa[0], step, jnp.concatenate([scalars, thermal, width], 1), (first, last))
