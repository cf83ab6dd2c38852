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

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._incomplete_fermi import incomplete_fermi_half

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


# --- rates ---------------------------------------------------------------------------------------


class RateKernel(NamedTuple):
    """A collision rate R(w, γ) with a resonance of width γ, and R₀(w) = R(w, 0)."""

    shape: Callable[..., Any]  # (w, γ, xp), w and γ of equal shapes
    narrow: Callable[..., Any]  # (w, xp)


def _relative_targets(z: Any, xp: Any) -> Any:
    """ln(1+e^(−z)): Fermi–Dirac targets that are met with the Møller velocity 1 − cosϑ."""
    return _log1p_exp_minus(z, xp)


def _crossed_targets(z: Any, xp: Any) -> Any:
    """2G(z)/√z, G = ∫_z^∞ √y/(e^y+1) dy: twice the targets, met with |v₁−v₂| = √(2(1−cosϑ))."""
    return 2.0 * incomplete_fermi_half(z, xp) / xp.sqrt(z)


def _rate(w: Any, width: Any, targets: Any, pole: Any, regular: Any, xp: Any, hot: int = 1) -> Any:
    """γ∫₀^∞ du targets(wu) [u² pole(u)/((u−1)² + γ²) + regular(u)] for every γ ≥ 0.

    `pole` must be analytic around u = 1 and take complex u. The integral grows like w^(−hot) for
    w → 0, which continues it below the floor of w.
    """
    given, w = w, xp.maximum(w, float(np.exp(_LOG_W_FLOOR)))
    u = _nodes(w, xp)
    wu = w[..., None] * u
    g = width[..., None]
    lorentzian = u * u / ((u - 1.0) ** 2 + g * g)
    weight = pole(u) * lorentzian + regular(u)
    total = STEP * (weight * wu * targets(wu, xp)).sum(axis=-1) / given
    if hot > 1:
        total = total * (w / given) ** (hot - 1)
    return width * total + _pole_residue(given, width, targets, pole, xp)


def _pole_residue(w: Any, width: Any, targets: Any, pole: Any, xp: Any) -> Any:
    r"""What the trapezoid sum in ln u misses of it because of the poles at u_p = 1 ± iγ.

    −2π Re[ N(u_p) / (e^(−2πi(ln u_p/h − ½)) − 1) ] with N = u²·targets·pole; π N(1)
    at γ = 0.
    Written with u_p = ρ e^(iα), so that it is right for any γ.
    """
    log_rho = 0.5 * xp.log1p(width**2)
    alpha = xp.arctan(width)
    # e^(−2πi(ln u_p/h − ½)) = −e^(2πα/h) e^(−2πi ln ρ/h)
    growth = xp.exp(-2.0 * np.pi / STEP * alpha)
    phase = 2.0 * np.pi / STEP * log_rho
    # 1/(−e^(A−iφ) − 1) = −g e^(iφ)/(1 + g e^(iφ)) with g = e^(−A)
    den_re = 1.0 + growth * xp.cos(phase)
    den_im = growth * xp.sin(phase)
    norm = den_re**2 + den_im**2
    # −g e^(iφ) conj(den)/norm, where e^(iφ) conj(1 + g e^(iφ)) = e^(iφ) + g
    fac_re = -growth * (xp.cos(phase) + growth) / norm
    fac_im = -growth * xp.sin(phase) / norm
    re, im = _targets_at_pole(w, width, targets, xp)
    at_pole = _complex(xp.ones_like(width), width, xp)
    weight = at_pole * at_pole * pole(at_pole)
    prod_re = weight.real * re - weight.imag * im
    prod_im = weight.real * im + weight.imag * re
    return -2.0 * np.pi * (prod_re * fac_re - prod_im * fac_im)


def _complex(re: Any, im: Any, xp: Any) -> Any:
    return jax.lax.complex(re, im) if xp is jnp else re + 1j * im


def _targets_at_pole(w: Any, width: Any, targets: Any, xp: Any) -> tuple[Any, Any]:
    """Real and imaginary part of targets(w u_p)."""
    if targets is not _relative_targets:
        value = targets(_complex(w, w * width, xp), xp)
        return value.real, value.imag
    # ln(1 + e^(−w u_p)): e^(−w(1+iγ)) = ε(cos wγ − i sin wγ)
    eps = xp.exp(-w)
    ure, uim = eps * xp.cos(w * width), -eps * xp.sin(w * width)
    return 0.5 * xp.log1p(2.0 * ure + eps**2), xp.arctan2(uim, 1.0 + ure)


def narrow_rate_shape(w: Any, xp: Any = jnp) -> Any:
    """π ln(1+e^(−w)): the rates of all mediators in the limit of zero width."""
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

    def pole(r):
        return xp.ones_like(r)

    def regular(r):
        return 2.0 * _scatter_weight(r, xp)

    return _rate(w, width, _relative_targets, pole, regular, xp)


# Below, series of the vector's cross sections: 0.12¹⁷ = 2e-16.
_SMALL = 0.12
_ORDERS = np.arange(3, 20)
_SIGNS = np.where(_ORDERS % 2, -1.0, 1.0)
_EXCHANGE_SERIES = (-2.0 * _SIGNS / (_ORDERS * (_ORDERS - 1.0))).tolist()
_INTERFERENCE_SERIES = (4.0 * _SIGNS / (_ORDERS * (_ORDERS - 1.0) * (_ORDERS - 2.0))).tolist()


def _series_at(coefficients: list[float], u: Any) -> Any:
    """Σ c_k u^(k+1)."""
    total = coefficients[-1] * u
    for coefficient in reversed(coefficients[:-1]):
        total = u * (coefficient + total)
    return total


def _interference_closed(u: Any, xp: Any) -> Any:
    return 3.0 + 2.0 / u - 2.0 * (1.0 + 1.0 / u) ** 2 * xp.log1p(u)


def vector_exchange(u: Any, xp: Any = jnp) -> Any:
    """S_t = [u² + 2u − 2(1+u) ln(1+u)]/u², u = s/m²: σ(νν̄_x → νν̄_x) in units of g⁴/(4πm²)."""
    small = u < _SMALL
    us, ul = xp.where(small, u, 0.01), xp.where(small, 1.0, u)
    inv = 1.0 / ul
    closed = 1.0 + 2.0 * inv * (1.0 - (1.0 + inv) * xp.log1p(ul))
    return xp.where(small, _series_at(_EXCHANGE_SERIES, us), closed)


def vector_interference(u: Any, xp: Any = jnp) -> Any:
    """B = 3 + 2/u − 2(1+u)² ln(1+u)/u², the interference of both channels of νν̄ → νν̄."""
    small = u < _SMALL
    us, ul = xp.where(small, u, 0.01), xp.where(small, 1.0, u)
    return xp.where(small, _series_at(_INTERFERENCE_SERIES, us), _interference_closed(ul, xp))


def vector_same(u: Any, xp: Any = jnp) -> Any:
    """S_νν = u/(1+u) + 2 ln(1+u)/(u+2): σ(νν → νν) in units of g⁴/(4πm²)."""
    return u / (1.0 + u) + 2.0 * xp.log1p(u) / (u + 2.0)


def vector_rate_shape(
    w: Any, width: Any, xp: Any = jnp, convention: str = "exact", flavours: int = 1
) -> Any:
    r"""(3γ_V/n) ∫₀^∞ du u S(u) t(wu): the rate of one active neutrino on vectors and neutrinos.

    S = S_νν + S_t + B(u)(u−1)/BW + (u/3)/BW, BW = (u−1)² + γ_V², are νν → νν and νν̄ → νν̄
    (2005.03681 eq. 3.5, with the width on the s-channel alone), and each of the n − 1 other
    `flavours` of neutrinos that couple alike adds
        u/(1+u) [νν_x] + S_t [νν̄_x] + (u/3)/BW [νν̄ → ν_xν̄_x].
    u = s/m², w = m²/(4ET), γ_V = Γ_V/m, in units of g⁴/(4πm²).

    "exact": t(z) = ln(1+e^(−z)), Fermi–Dirac targets and Møller velocity.
    "paper": t(z) = 2∫_z^∞ √(y/z)/(e^y+1) dy, |v₁−v₂| and twice the targets as in 2005.03681.

    The factor in front keeps the value finite for γ_V → 0, where it is π t(w), for every n.
    For w → 0 it grows like w⁻²; its derivatives overflow in float32 below w = 1e-9.
    `w` and `width` = γ_V have equal shapes; dimensionless.
    """
    share = 3.0 / flavours

    def pole(u):
        on_line = not xp.iscomplexobj(u)
        B = vector_interference(u, xp) if on_line else _interference_closed(u, xp)
        return 1.0 + share * B * (1.0 - 1.0 / u)

    def regular(u):
        cross = vector_same(u, xp) + flavours * vector_exchange(u, xp)
        return share * u * (cross + (flavours - 1) * (u / (1.0 + u)))

    return _rate(w, width, vector_targets(convention), pole, regular, xp, hot=2)


def vector_targets(convention: str) -> Any:
    """t(z, xp), see `vector_rate_shape`."""
    return _relative_targets if convention == "exact" else _crossed_targets


def narrow_vector_rate_shape(w: Any, xp: Any = jnp, convention: str = "exact") -> Any:
    """π t(w), see `vector_rate_shape`, in the limit of zero width."""
    return np.pi * vector_targets(convention)(w, xp)


SCALAR_RATE = RateKernel(scalar_rate_shape, narrow_rate_shape)


@functools.lru_cache(maxsize=16)
def vector_rate(convention: str, flavours: int) -> RateKernel:
    """The kernel of a vector for one convention and number of flavours, the same object always."""
    return RateKernel(
        functools.partial(vector_rate_shape, convention=convention, flavours=flavours),
        functools.partial(narrow_vector_rate_shape, convention=convention),
    )
