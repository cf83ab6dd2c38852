r"""Pure kernels of a mediator of the active neutrino: thermal potential and collision rate.

With x = E/T, μ = m/T and w = m²/(4ET) = μ²/(4x) every coefficient is a coupling times T times
a function of (x, μ) alone. The functions here work on NumPy and on JAX arrays: the same lines
make the constant matrices of the fast path (NumPy, float64 whatever JAX is set to) and serve
the elementwise methods of the mediators (JAX, differentiable).

All integrals over u (or r) from 0 to ∞ are trapezoid sums in ln u on nodes that are offset by
half a step from u = 1, which makes them principal values there, with the exact pole residue
added where the pole has a width. The error is e^(−π²/h), 7e-18 at h = 0.25.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

STEP = 0.25
# Largest and smallest exponents that matter: e^(−DECAY) of the integrand at the far end, and
# u^3 at the near end of the sum.
_DECAY = 46.0
_NEAR = 13.5
# Hot mediators have w → 0, and their sums reach up to u ~ 46/w. Below w = e^(−34) = 2e-15 (that
# is m/T < 1e-7 √x) the kernels' relative change is below 1e-13: w is held there.
_LOG_W_FLOOR = -34.0
_NODES = int(np.ceil((_NEAR + np.log(_DECAY) - _LOG_W_FLOOR) / STEP)) + 2


def _log1p_exp_minus(z: Any, xp: Any) -> Any:
    """ln(1 + e^(−z)) for z ≥ 0."""
    return xp.log1p(xp.exp(-z))


def _minus_log1m_exp(z: Any, xp: Any) -> Any:
    """−ln(1 − e^(−z)) for z > 0."""
    return -xp.log(-xp.expm1(-z))


def _nodes(w: Any, xp: Any) -> Any:
    """Half-offset nodes u_j = e^((j + ½)h) [..., n] that cover the integrand at this w."""
    top = float(np.log(_DECAY)) - xp.log(w)
    last = xp.ceil(top / STEP)
    count = _NODES
    if xp is jnp:
        # The window of nodes slides in whole steps: the sum does not depend on it.
        last = jax.lax.stop_gradient(last)
    else:
        count = int((np.maximum(np.max(top), 0.0) + _NEAR) / STEP) + 2
    index = last[..., None] - xp.arange(count, dtype=w.dtype).reshape((1,) * w.ndim + (-1,))
    return xp.exp((index + 0.5) * STEP)


def potential_shape(x: Any, mu: Any, xp: Any = jnp) -> Any:
    r"""Thermal potential kernel S(x, μ) = x·v(x, μ), with V_T = coupling² · T · v.

    v = (μ²/16π²x²) PV∫₀^∞ du u²/(u²−1) [ln(1+e^(−wu)) − ln(1−e^(−wu−x/u))], w = μ²/4x:
    the dispersive form of the one-loop potential of a complex scalar with (λ/2)ννφ + h.c.,
    without logarithmic singularities (1910.04901 eq. 8, whose printed overall sign contradicts
    its own limits). A vector with gν̄γᵘP_Lν V_μ has twice this.

    Limits: S → −7π²x²/(90 μ⁴) for μ ≫ 1 and S → 1/16 for μ ≪ 1. Elementwise in x > 0 and
    μ > 0 of equal shapes; dimensionless.
    """
    w = mu**2 / (4.0 * x)
    w = xp.maximum(w, float(np.exp(_LOG_W_FLOOR)))
    u = _nodes(w, xp)
    wu = w[..., None] * u
    bracket = _log1p_exp_minus(wu, xp) + _minus_log1m_exp(wu + x[..., None] / u, xp)
    # μ²/(16π²x) du = (w/4π²) u dτ: w·u stays O(1) where u² would overflow in float32.
    inv = 1.0 / u
    return STEP / (4.0 * np.pi**2) * (wu / (1.0 - inv * inv) * bracket).sum(axis=-1)


def narrow_rate_shape(w: Any, xp: Any = jnp) -> Any:
    """π ln(1+e^(−w)): `scalar_rate_shape` in the limit of zero width."""
    return np.pi * _log1p_exp_minus(w, xp)


def _scatter_weight(r: Any, xp: Any) -> Any:
    """1 + 1/(1+r) − 2 ln(1+r)/r, the t-channel weight of νν̄ → νν̄, by its series at small r."""
    small = r < 0.06
    rs = xp.where(small, r, 0.01)
    series = rs**2 * (1 / 3 - rs * (1 / 2 - rs * (3 / 5 - rs * (2 / 3 - rs * (5 / 7 - rs * (
        3 / 4 - rs * (7 / 9 - rs * (4 / 5 - rs * 9 / 11))))))))  # fmt: skip
    rl = xp.where(small, 1.0, r)
    return xp.where(small, series, 1.0 + 1.0 / (1.0 + rl) - 2.0 * xp.log1p(rl) / rl)


def scalar_rate_shape(w: Any, width: Any, xp: Any = jnp) -> Any:
    r"""γ_φ [B(w, γ_φ) + 2U(w)]: the collision rate of one active neutrino on a scalar mediator.

    B = ∫₀^∞ r² ln(1+e^(−wr)) / ((r−1)² + γ_φ²) dr   (νν → νν through the resonance)
    U = ∫₀^∞ [1 + 1/(1+r) − 2 ln(1+r)/r] ln(1+e^(−wr)) dr   (νν̄ → νν̄)
    with r = s/m², w = m²/(4ET), γ_φ = Γ_φ/m = λ²/32π, so that
    Γ = λ⁴T(m/T)²/(512π³x²) (B + 2U): Fermi–Dirac target and Møller velocity (1910.04901 eq. 9
    has |v₁−v₂| and a matrix element that is 4 too small for its Lagrangian).

    The factor γ_φ in front keeps the value finite for γ_φ → 0, where it is π ln(1+e^(−w)).
    `w` and `width` = γ_φ have equal shapes; dimensionless.
    """
    given, w = w, xp.maximum(w, float(np.exp(_LOG_W_FLOOR)))
    r = _nodes(w, xp)
    wr = w[..., None] * r
    g = width[..., None]
    lorentzian = r * r / ((r - 1.0) ** 2 + g * g)
    terms = (lorentzian + 2.0 * _scatter_weight(r, xp)) * wr * _log1p_exp_minus(wr, xp)
    regular = STEP * terms.sum(axis=-1) / given
    return width * regular + _pole_residue(w, width, xp)


def _pole_residue(w: Any, width: Any, xp: Any) -> Any:
    r"""What the trapezoid sum in ln r misses of γB because of the poles at r = 1 ± iγ.

    −2π Re[ r_p² ln(1+e^(−w r_p)) / (e^(−2πi(ln r_p/h − ½)) − 1) ]; π ln(1+e^(−w)) at γ = 0.
    Written in real numbers: r_p = ρ e^(iα).
    """
    log_rho = 0.5 * xp.log1p(width**2)
    alpha = xp.arctan(width)
    # e^(−2πi(ln r_p/h − ½)) = −e^(2πα/h) e^(−2πi ln ρ/h)
    growth = xp.exp(-2.0 * np.pi / STEP * alpha)
    phase = 2.0 * np.pi / STEP * log_rho
    # 1/(−e^(A−iφ) − 1) = −g e^(iφ)/(1 + g e^(iφ)) with g = e^(−A)
    den_re = 1.0 + growth * xp.cos(phase)
    den_im = growth * xp.sin(phase)
    norm = den_re**2 + den_im**2
    # −g e^(iφ) conj(den)/norm, where e^(iφ) conj(1 + g e^(iφ)) = e^(iφ) + g
    fac_re = -growth * (xp.cos(phase) + growth) / norm
    fac_im = -growth * xp.sin(phase) / norm
    # ln(1 + e^(−w r_p)): e^(−w(1+iγ)) = ε(cos wγ − i sin wγ)
    eps = xp.exp(-w)
    ure, uim = eps * xp.cos(w * width), -eps * xp.sin(w * width)
    log_re = 0.5 * xp.log1p(2.0 * ure + eps**2)
    log_im = xp.arctan2(uim, 1.0 + ure)
    # r_p² = (1 − γ²) + 2iγ
    sq_re, sq_im = 1.0 - width**2, 2.0 * width
    prod_re = sq_re * log_re - sq_im * log_im
    prod_im = sq_re * log_im + sq_im * log_re
    return -2.0 * np.pi * (prod_re * fac_re - prod_im * fac_im)
