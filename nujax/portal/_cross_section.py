r"""χχ̄ → νν̄ by exchange of the scalar in the t channel: cross-section and thermal average.

Everything is a function of ŝ = s/m_χ², ρ = (m_χ/m_φ)² and x = m_χ/T only, once the s-wave
    (σv)₀ = G⁴ m_χ²/(32π (m_χ² + m_φ²)²),   G = y_L √Σ|U_ℓ4|²
(1709.07001 eq. 7) is taken out, so that all that is computed here is of order one.

The average over a fixed rule is three products with constant matrices. The reduced cross-section
over s is interpolated at 32 Chebyshev nodes of z = 1 − 2m_χ/√s, integrated against the thermal
weight at 16 values of x, and these are interpolated by a polynomial in t = (x − 2)/(x + 2):
smooth in x and ρ, error below 5e-8 from x = 1 on (tests/test_portal_cross_section.py).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_NODES = 32  # of the cross-section
_TERMS = 16  # of the polynomial in x
_ANGLES = 16
# Ends of the thermal average: at x = 1, where it reaches furthest, e^(−y²) is 1e-16 there.
_Y_END = 6.1
_Z_END = 1.0 - 2.0 / (2.0 + _Y_END**2)
# Below this (m_φ² − m_χ²)/s the closed form does not cancel, and the angular rule would not do.
_CLOSED_BELOW = 0.3


def s_wave(coupling: Any, dm_mass: Any, scalar_mass: Any) -> jax.Array:
    """(σv)₀ = G⁴ m_χ²/(32π(m_χ² + m_φ²)²) [MeV⁻²], elementwise; masses in MeV (eq. 7)."""
    ratio2 = (dm_mass / scalar_mass) ** 2
    # In this order nothing overflows for couplings over ten decades.
    return (coupling**2 * ratio2 / (1.0 + ratio2) / dm_mass) ** 2 / (32.0 * np.pi)


def reduced_cross_section(s_hat: Any, ratio2: Any) -> jax.Array:
    r"""F(ŝ, ρ) = σ·2b/(σv)₀, dimensionless; ŝ = s/m_χ² ≥ 4 and ρ = (m_χ/m_φ)² broadcast.

    F = (1/2ŝ) ∫₋₁¹ dc [q(1 + ρ)/(1 − ρ + ρq)]², q = (m_χ² − t)/m_χ² = ŝ(1 − bc)/2, b = √(1 − 4/ŝ):
    the spin-averaged |M|² = (G⁴/4)(m_χ² − t)²/(t − m_φ²)². F(4, ρ) = 1. Where the mediator is heavy
    the angular integral is done by a Gauss rule, because the closed form
        σ = (G⁴/64πs²b²){sb[1 + D²/(D² + s m_φ²)] − 2D ln(B/A)}, D = m_φ² − m_χ²
    cancels as (m_χ/m_φ)⁴ there. Error below 1e-12 from the threshold to ŝ = 1e12.
    """
    s_hat, ratio2 = jnp.broadcast_arrays(*(jnp.asarray(v, float) for v in (s_hat, ratio2)))
    b = jnp.sqrt(jnp.maximum(1.0 - 4.0 / s_hat, 1e-300))
    gap = (1.0 - ratio2) / ratio2  # D/m_χ²
    closed = gap < _CLOSED_BELOW * s_hat

    cosine, weight = np.polynomial.legendre.leggauss(_ANGLES)
    rho = jnp.where(closed, 0.0, ratio2)
    by_rule = jnp.zeros_like(b)
    for c, w in zip(cosine, weight, strict=True):
        q = 0.5 * s_hat * (1.0 - b * c)
        by_rule += w * (q * (1.0 + rho) / (1.0 - rho + rho * q)) ** 2

    gap = jnp.where(closed, gap, 0.0)
    scalar2 = gap + 1.0  # m_φ²/m_χ²
    log_ratio = 2.0 * jnp.arctanh(s_hat * b / (2.0 * gap + s_hat))  # ln(B/A)
    forward = gap**2 / (gap**2 + s_hat * scalar2)
    by_form = 2.0 * (1.0 + forward) - 4.0 * gap / (s_hat * b) * log_ratio
    return jnp.where(closed, (1.0 + scalar2) ** 2 * by_form, by_rule) / (2.0 * s_hat)


def cross_section(s: Any, coupling: Any, dm_mass: Any, scalar_mass: Any) -> jax.Array:
    """σ(χχ̄ → νν̄) [MeV⁻²] at s > 4m_χ² [MeV²], elementwise; spin-averaged, masses in MeV."""
    s_hat = s / dm_mass**2
    b = jnp.sqrt(1.0 - 4.0 / s_hat)
    ratio2 = (dm_mass / scalar_mass) ** 2
    reduced = reduced_cross_section(s_hat, ratio2)
    return s_wave(coupling, dm_mass, scalar_mass) * reduced / (2.0 * b)


def thermal_coefficients(ratio2: Any) -> jax.Array:
    """Coefficients [16] of R(x) = ⟨σv⟩/(σv)₀ in Chebyshev polynomials of t(x), for a scalar ρ."""
    s_hat, matrix = _thermal_rule()
    return jnp.asarray(matrix) @ reduced_cross_section(s_hat, ratio2)


def evaluate_thermal(coefficients: jax.Array, x: jax.Array) -> jax.Array:
    """R(x) from its coefficients [16], elementwise in x ≥ 1."""
    return chebyshev(coefficients, thermal_variable(x))


def thermal_variable(x: Any) -> Any:
    """t(x) ∈ (−1, 1), rising."""
    return (x - 2.0) / (x + 2.0)


def chebyshev(coefficients: Any, t: Any) -> Any:
    """Σ c_k T_k(u), u ∈ [−1, 1] the place of t in the range of x from 1 to ∞, by Clenshaw's
    rule.
    """
    low, high = thermal_variable(1.0), 1.0
    u = (2.0 * t - low - high) / (high - low)
    ahead, behind = coefficients[-1] * jnp.ones_like(u), jnp.zeros_like(u)
    for k in range(len(coefficients) - 2, 0, -1):
        ahead, behind = coefficients[k] + 2.0 * u * ahead - behind, ahead
    return coefficients[0] + u * ahead - behind


def bessel_factor(x: jax.Array) -> jax.Array:
    """√(2x/π) eˣ K₂(x), elementwise for x ≥ 1: 1 + 15/(8x) + … ; error 1e-8."""
    return chebyshev(_bessel_tables()[0], thermal_variable(x))


def bessel_ratio(x: jax.Array) -> jax.Array:
    """K₁(x)/K₂(x), elementwise for x ≥ 1; error 1e-8."""
    return chebyshev(_bessel_tables()[1], thermal_variable(x))


def _x_nodes(terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev nodes of t as x [terms], and the matrix from values there to coefficients."""
    angle = np.pi * (np.arange(terms) + 0.5) / terms
    low, high = thermal_variable(1.0), 1.0
    t = 0.5 * (low + high) + 0.5 * (high - low) * np.cos(angle)
    matrix = 2.0 / terms * np.cos(np.arange(terms)[:, None] * angle)
    matrix[0] *= 0.5
    return 2.0 * (1.0 + t) / (1.0 - t), matrix


@cache
def _bessel_tables() -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import kve

    x, matrix = _x_nodes(_TERMS)
    factor = np.sqrt(2.0 * x / np.pi) * kve(2, x)
    return matrix @ factor, matrix @ (kve(1, x) / kve(2, x))


@cache
def _thermal_rule() -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes ŝ [32] and the constant matrix [16, 32] from F there to the coefficients of R.

    R(x) = (x/16K₂²) ∫₄^∞ dŝ ŝ^{3/2} b K₁(x√ŝ) F (Gondolo and Gelmini, Nucl. Phys. B 360 (1991) 145,
    eq. 3.8), done once for the interpolating polynomials of F/ŝ in z = 1 − 2/√ŝ.
    """
    from scipy.special import kve

    angle = np.pi * (np.arange(_NODES) + 0.5) / _NODES
    z_node = 0.5 * _Z_END * (1.0 - np.cos(angle))
    barycentric = np.sin(angle) * (-1.0) ** np.arange(_NODES)

    x, to_coefficients = _x_nodes(_TERMS)
    # Kinetic energy k = √ŝ − 2 = y²/x: smooth in y, and the weight is e^(−y²).
    y, weight = np.polynomial.legendre.leggauss(200)
    y, weight = 0.5 * _Y_END * (y + 1.0), 0.5 * _Y_END * weight
    root = 2.0 + y**2 / x[:, None]
    s_hat = root**2
    b = np.sqrt((root - 2.0) * (root + 2.0)) / root
    scaled = kve(1, x[:, None] * root) / kve(2, x)[:, None] ** 2  # e^(2x − x√ŝ) is e^(−y²)
    density = weight * s_hat**1.5 * b * scaled * np.exp(-(y**2)) * 2.0 * root * 2.0 * y / 16.0
    z = 1.0 - 2.0 / root
    difference = z[..., None] - z_node
    difference[difference == 0.0] = 1e-300
    cardinal = barycentric / difference
    cardinal /= cardinal.sum(axis=-1, keepdims=True)
    s_node = 4.0 / (1.0 - z_node) ** 2
    values = np.einsum("iq,iqk->ik", density * s_hat, cardinal) / s_node
    return s_node, to_coefficients @ values
