r"""Charged leptons in the plasma that a gauged vector couples to, on and off shell.

Rates of one neutrino in units in which (x/T)Γ = (g⁴w/16π³)∫du u S t(wu), S = 4πm²σ/g⁴, u = s/m²,
w = m²/4ET, x = E/T, r = m_ℓ²/m² and γ = Γ_V/m. Elementwise and differentiable trapezoid sums in
logarithms, to 1e-8; `_charged_table` has the same for whole grids.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ._kernels import _complex, _scatter_weight, _targets_at_pole, vector_targets

_STEP = 0.5
_LOG_TOP = 4.1
_LOG_BOTTOM = -11.0
_LOG_W_FLOOR = -34.0
_SCATTER_STEP = 0.35


def decay_channels(r: jax.Array) -> jax.Array:
    """2(1+2r)√(1−4r) below the threshold r = 1/4, else 0: width in units of one flavour of ν."""
    open_ = r < 0.25
    below = jnp.where(open_, r, 0.0)
    return jnp.where(open_, 2.0 * (1.0 + 2.0 * below) * jnp.sqrt(1.0 - 4.0 * below), 0.0)


def annihilation(w, width, r, convention: str, xp=jnp, step=_STEP):
    r"""γ∫du u S t(wu) for νν̄ → ℓℓ̄, S = (2u/3)(1+2r/u)√(1−4r/u)/((u−1)²+γ²), u > 4r.

    A trapezoid sum in ln(u − 4r) on nodes half a step from |1 − 4r + iγ|, with the residue of the
    pole, which lies at the angle α = arg(1 − 4r + iγ). It is therefore right on both sides of the
    threshold and for every width; π(2/3)(1+2r)√(1−4r) t(w) at γ = 0 and r < 1/4. Equal shapes.
    """
    targets = vector_targets(convention)
    w = xp.maximum(w, float(np.exp(_LOG_W_FLOOR)))
    gap = 1.0 - 4.0 * r
    distance = xp.sqrt(gap**2 + width**2)
    top = xp.ceil((_LOG_TOP - xp.log(w * distance)) / step)
    if xp is jnp:
        top = jax.lax.stop_gradient(top)
    lowest = _LOG_BOTTOM + _LOG_W_FLOOR
    index = top[..., None] - xp.arange(int((_LOG_TOP - lowest) / step), dtype=w.dtype).reshape(
        (1,) * w.ndim + (-1,)
    )
    y = distance[..., None] * xp.exp((index + 0.5) * step)
    r_, w_, width_ = r[..., None], w[..., None], width[..., None]
    u = y + 4.0 * r_
    numerator = (u + 2.0 * r_) * xp.sqrt(u * y) * targets(w_ * u, xp)
    total = step * (numerator * y / ((u - 1.0) ** 2 + width_**2)).sum(axis=-1)

    angle = xp.arctan2(width, gap)
    # Far above the threshold in r the residue is beyond all digits, but not after r^(3/2).
    factor = xp.where(r < 1.0, 1.0 / (xp.exp(2.0 * np.pi / step * angle) + 1.0), 0.0)
    pole = _complex(xp.ones_like(width), width, xp)
    weight = (pole + 2.0 * r) * xp.sqrt(pole)
    # √y at the pole in real numbers: finite derivatives on either side of the threshold
    half = _complex(xp.cos(0.5 * angle), xp.sin(0.5 * angle), xp)
    weight = weight * half * xp.sqrt(distance)
    re, im = _targets_at_pole(w, width, targets, xp)
    residue = 2.0 * np.pi * factor * (weight.real * re - weight.imag * im)
    return 2.0 / 3.0 * (width * total + residue)


def scattering(w, x, r, xp=jnp):
    r"""∫dv v S ln(1 + exp[−(wv + xr/v)]) for νℓ → νℓ and νℓ̄ → νℓ̄, v = (s − m_ℓ²)/m².

    Both spins and both charges: S = 2[τ/(1+τ) + (1+1/s)(1 + 1/(1+τ) − 2 ln(1+τ)/τ)] with
    τ = v²/s, s = v + r in units of m². Fermi–Dirac targets of mass m_ℓ. Equal shapes.
    """
    z = xp.exp(xp.arange(-10.0, _LOG_TOP, _SCATTER_STEP)).astype(w.dtype)
    z = z.reshape((1,) * w.ndim + (-1,))
    v = z / w[..., None]
    s = v + r[..., None]
    tau = v * (v / s)
    cross = tau / (1.0 + tau) + (1.0 + 1.0 / s) * _scatter_weight(tau, xp)
    blocked = xp.log1p(xp.exp(-z - x[..., None] * r[..., None] / v))
    return 2.0 * _SCATTER_STEP * (v * v * cross * blocked).sum(axis=-1)


def charged_rate_shape(w, x, width, channels, coupling2, ratios, convention: str) -> jax.Array:
    """(x/T)Γ of all charged leptons, `ratios` = their r. w and x of equal shapes, else scalars.

    "paper" doubles the targets of the scattering as everywhere, but keeps the Møller velocity.
    """
    width = jnp.broadcast_to(width, w.shape).astype(w.dtype)
    doubled = 2.0 if convention == "paper" else 1.0
    on_shell = coupling2 / (2.0 * np.pi**2) * (3.0 / channels)
    off_shell = doubled * coupling2 * (coupling2 / (16.0 * np.pi**3))
    total = jnp.zeros_like(w)
    for ratio in ratios:
        r = jnp.broadcast_to(ratio, w.shape).astype(w.dtype)
        total = total + on_shell * annihilation(w, width, r, convention)
        total = total + off_shell * scattering(w, x, r)
    return w * total
