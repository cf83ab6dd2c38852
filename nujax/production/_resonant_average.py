r"""The mean of a Lorentzian over a small cell of momentum and time, however narrow it is.

A resonance may be 1e-5 of a cell wide. With g = h/N, where N > 0 is the size of the terms that
cancel in h, and ω = W/N,
    W/(W² + h²) = (1/N) ω/(ω² + g²),
and g is next to linear in the logarithms of momentum and temperature where it is small: for
h = A − B and N = A + B it is tanh(½ ln(A/B)). For a plane with Δ_y g = b and Δ_t g = c over a cell
    ⟨ω/(ω² + g²)⟩ = [G(g₁₁) − G(g₁₀) − G(g₀₁) + G(g₀₀)]/(bc),
    G(g) = g arctan(g/ω) − (ω/2) ln(1 + g²/ω²),
since G'' = ω/(ω² + g²). For ω → 0 the sum over cells is ∫∫ π δ(g), to second order in their size.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

# Cells across which |h + iW| changes by less than this have two Gauss points in each direction
# (relative error 3e-2 of its fourth power), where differences of G would cancel.
_FAR = 0.25
_GAUSS = 0.5 - 0.5 / 3.0**0.5
# Slopes are no smaller than this, relative to |g| + ω: as good as a constant.
_FLAT = 1e-5


class Edges(NamedTuple):
    """h and N at the edges of all cells [cells + 1], at one time."""

    h: jax.Array
    size: jax.Array


def mean_lorentzian(
    early: Edges, late: Edges, width: jax.Array, resonant: bool = True
) -> jax.Array:
    """⟨W/(W² + h²)⟩ [cells] over each cell and a step, W [cells] that of the middle.

    With resonant=False, for h that stays away from 0, by Gauss points alone.
    """
    plain = _gauss(early.h, late.h, width)
    if not resonant:
        return plain
    size = 0.25 * (early.size[:-1] + early.size[1:] + late.size[:-1] + late.size[1:])
    omega = width / size
    g, g_late = early.h / early.size, late.h / late.size
    middle = 0.25 * (g[:-1] + g[1:] + g_late[:-1] + g_late[1:])
    in_y = 0.5 * (g[1:] - g[:-1] + g_late[1:] - g_late[:-1])
    in_t = 0.5 * (g_late[:-1] - g[:-1] + g_late[1:] - g[1:])
    change = jnp.abs(in_y) + jnp.abs(in_t)
    floor = _FLAT * (jnp.abs(middle) + change + omega)
    in_y = jnp.where(jnp.abs(in_y) < floor, jnp.where(in_y < 0.0, -floor, floor), in_y)
    in_t = jnp.where(jnp.abs(in_t) < floor, jnp.where(in_t < 0.0, -floor, floor), in_t)
    half, rest = 0.5 * (in_y + in_t), 0.5 * (in_y - in_t)
    second = _primitive(middle + half, omega) + _primitive(middle - half, omega)
    second = second - _primitive(middle + rest, omega) - _primitive(middle - rest, omega)
    far = change**2 < _FAR**2 * (middle**2 + omega**2)
    return jnp.where(far, plain, second / (in_y * in_t * size))


def _primitive(g: jax.Array, omega: jax.Array) -> jax.Array:
    """G(g), even in g."""
    z = g / omega
    return g * jnp.arctan(z) - 0.5 * omega * jnp.log1p(z * z)


def _gauss(early: jax.Array, late: jax.Array, width: jax.Array) -> jax.Array:
    total = jnp.zeros_like(width)
    for at in (_GAUSS, 1.0 - _GAUSS):
        h = early + at * (late - early)
        low, rise = h[:-1], h[1:] - h[:-1]
        for across in (_GAUSS, 1.0 - _GAUSS):
            total = total + 1.0 / (width**2 + (low + across * rise) ** 2)
    return 0.25 * width * total
