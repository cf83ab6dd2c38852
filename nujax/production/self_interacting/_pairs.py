r"""ν_sν_s ↔ φφ: cross-section and rate of reactions."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

MATRIX_ELEMENTS = ("exact", "paper")

# ln γ is a polynomial in q, ln(T/m) = _CENTRE + _NORM sinh(q), which has most nodes where the
# pair threshold and m_s bend it. Error 1e-10 for m < 4m_s, 1e-6 at m = 10 m_s.
_LOWEST, _HIGHEST, _CENTRE, _BEND = -9.3, 13.9, 0.5, 2.5
_NORM = 0.5 * (_HIGHEST - _LOWEST) / np.sinh(_BEND)
_DEGREE = 48
_NODES, _KINETIC_LOW, _KINETIC_HIGH = 48, -2.7, 3.9


def _position(log_T, xp):
    """In [−1, 1]."""
    low, high = (np.arcsinh((end - _CENTRE) / _NORM) for end in (_LOWEST, _HIGHEST))
    return (2.0 * xp.arcsinh((log_T - _CENTRE) / _NORM) - low - high) / (high - low)


def pair_integral(s: Any, r: Any, matrix_element: str, real: bool = True) -> jax.Array:
    r"""∫ Σ|M|²/y⁴ dt over all angles, with s in units of m² ≥ 4 and r = m_s²/m²; elementwise.

    σ(ν_sν_s → φφ) = y⁴ [this]/(512π s p₁²), p₁² = s/4 − m_s², spins averaged, one half for the
    identical φ. With A ≤ B the propagators m_s² − t at the two ends, B − A = 4p₁p₃,
    AB = 1 + r(s − 4), L = ln(B/A):
      real     4 {P L/(s − 2) − (B − A)[K/(AB) + 2]}, K = (1 − 4r)²,
               P = 6 − 4(4r + s) − 32r² + 16rs + s²
      complex  4 {(s + 2r − 2) L + 4r(1 − r) L/(s − 2) − (B − A)[Q/(AB) + 1]},
               Q = 1 − 4r + 2r² + rs, for ν_sν_s → φφ* (without the half for identical φ)
    `matrix_element="paper"` sets r = 0 in K and P (Q and beside it), that is everywhere but in the
    propagators, as the published numbers of 2206.10630 have it.
    """
    kept = r if matrix_element == "exact" else 0.0 * r
    difference = jnp.sqrt((s - 4.0 * r) * (s - 4.0))
    product = 1.0 + r * (s - 4.0)
    total = s - 2.0
    log_ratio = jnp.log((0.5 * (total + difference)) ** 2 / product)
    if real:
        K = (1.0 - 4.0 * kept) ** 2
        P = 6.0 - 4.0 * (4.0 * kept + s) - 32.0 * kept**2 + 16.0 * kept * s + s**2
        return 4.0 * (P / total * log_ratio - difference * (K / product + 2.0))
    Q = 1.0 - 4.0 * kept + 2.0 * kept**2 + kept * s
    P = s + 2.0 * kept - 2.0 + 4.0 * kept * (1.0 - kept) / total
    return 4.0 * (P * log_ratio - difference * (Q / product + 1.0))


@cache
def _rule():
    """Temperatures [j] (T/m), √s/m − 2 in units of T/m [i], weights K₁ [j, i], and the matrix that
    makes Chebyshev coefficients of values.
    """
    angle = np.pi * (np.arange(_DEGREE) + 0.5) / _DEGREE
    low, high = (np.arcsinh((end - _CENTRE) / _NORM) for end in (_LOWEST, _HIGHEST))
    q = 0.5 * (low + high) + 0.5 * (high - low) * np.cos(angle)
    T = np.exp(_CENTRE + _NORM * np.sinh(q))
    u = np.linspace(_KINETIC_LOW, _KINETIC_HIGH, _NODES)
    k = np.exp(u - np.exp(-u))
    weights = (u[1] - u[0]) * (1.0 + np.exp(-u)) * k
    root = 2.0 + T[:, None] * k
    bessel = weights * np.exp(-k) * scipy.special.k1e(root / T[:, None])
    orders = np.arange(_DEGREE)
    transform = 2.0 / _DEGREE * np.cos(orders[:, None] * angle)
    transform[0] *= 0.5
    return T, root, bessel, transform


def pair_rate_coefficients(r: jax.Array, matrix_element: str, real: bool = True) -> jax.Array:
    """Chebyshev coefficients of `log_pair_rate`, for one ratio r = m_s²/m² < 1/4."""
    T, root, bessel, transform = _rule()
    integrand = pair_integral(jnp.asarray(root**2), r, matrix_element, real)
    sums = jnp.sum(jnp.asarray(bessel) * integrand, axis=1)
    return jnp.asarray(transform) @ jnp.log(jnp.asarray(T**2) * sums)


def log_pair_rate(coefficients: jax.Array, log_T: jax.Array) -> jax.Array:
    r"""ln[γ/(y⁴m⁴)] at ln(T/m); γ = (T/16π⁴)∫ds σ(s − 4m_s²)√s K₁(√s/T), Maxwell–Boltzmann.

    γ e^{2ξ} is the number of reactions per volume and time [MeV⁴].
    """
    # (Not quite to the ends, where the derivative of arccos is infinite.)
    angle = jnp.arccos(jnp.clip(_position(log_T, jnp), -1.0 + 1e-12, 1.0 - 1e-12))
    series = jnp.dot(coefficients, jnp.cos(angle * np.arange(_DEGREE)))
    return series - 2.0 * jnp.exp(-log_T) - np.log(1024.0 * np.pi**5)
