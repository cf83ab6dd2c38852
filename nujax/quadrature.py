r"""Fixed quadrature rules: momenta, sharp limits on a uniform grid, and weights for resonances.

Everything here is a pure rule without physics. Uniform grids with constant spacing converge
exponentially for the smooth integrands of this package; the two things that break that, a sharp
limit of integration between two nodes and a Lorentzian narrower than the spacing, have a rule of
their own: `window_weights` and `resonance_weight`.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

# --- momenta -------------------------------------------------------------------------------


class MomentumRule(NamedTuple):
    """Nodes x [n] and weights [n] (both NumPy float64): ∫₀^∞ g(x) dx ≈ Σ weights·g(x)."""

    x: np.ndarray
    weights: np.ndarray


@functools.lru_cache(maxsize=8)
def exponential_momenta(nodes: int = 24, low: float = -2.2, high: float = 3.75) -> MomentumRule:
    r"""Double-exponential rule x = exp(u − e^(−u)) for integrands like x²/(eˣ+1) · smooth(ln x).

    With 22 nodes ∫x²I/(eˣ+1)dx is right to 1e-9 for I ∝ x^p, −1 ≤ p ≤ 2, and to 4e-7 for the
    distributions of light mediators that are cut off inside their support.
    """
    u = np.linspace(low, high, nodes)
    x = np.exp(u - np.exp(-u))
    return MomentumRule(x, (u[1] - u[0]) * (1.0 + np.exp(-u)) * x)


# --- sharp limits on a uniform grid ----------------------------------------------------------

# The step function is smoothed by the cardinal function sinc(s) e^(−(δs/2)²): it passes all
# frequencies that the grid resolves and stops the others.
_DELTA = 0.8
_REACH = 12  # nodes on either side of a limit that get a weight between 0 and 1
_DEGREE = 14


@functools.lru_cache(maxsize=1)
def _step_coefficients() -> np.ndarray:
    """Chebyshev coefficients [2·REACH, DEGREE+1] of the weight of node k−f against f in [0, 1)."""
    frequencies, weights = np.polynomial.legendre.leggauss(120)
    top = np.pi + 6.0 * _DELTA
    omega = 0.5 * top * (frequencies + 1.0)
    response = 0.5 * (
        scipy.special.erf((omega + np.pi) / _DELTA) - scipy.special.erf((omega - np.pi) / _DELTA)
    )
    amplitude = 0.5 * top * weights * response / (np.pi * omega)
    fraction = 0.5 * (1.0 + np.cos(np.pi * (np.arange(40) + 0.5) / 40))
    offsets = np.arange(-_REACH + 1, _REACH + 1)
    s = offsets[:, None] - fraction[None, :]
    step = 0.5 + np.sin(s[..., None] * omega) @ amplitude
    return np.polynomial.chebyshev.chebfit(2.0 * fraction - 1.0, step.T, _DEGREE).T


def step_weights(position: jax.Array, nodes: int) -> jax.Array:
    r"""Weights w_j [nodes] that turn Σ_j into ∫ from `position` (in units of the spacing) on.

    h Σ_j w_j F(jh) = ∫_{position·h}^∞ F dt for every F that the grid resolves well (content at 3/4
    of the Nyquist frequency is 8 % wrong; the error falls like e^(−πd/h) for a function analytic
    in a strip of half-width d). F must be defined, not small, on the 12 nodes beyond the limit.
    Smooth in `position`, so the integral has a derivative with respect to its limit.
    """
    whole = jax.lax.stop_gradient(jnp.floor(position))
    fraction = position - whole
    z = 2.0 * fraction - 1.0
    polynomials = [jnp.ones_like(z), z]
    for _ in range(_DEGREE - 1):
        polynomials.append(2.0 * z * polynomials[-1] - polynomials[-2])
    # Not a stack: XLA would take the product below apart, and do it again for every node.
    unit = np.eye(_DEGREE + 1, dtype=position.dtype)
    basis = sum(unit[k] * polynomial for k, polynomial in enumerate(polynomials))
    values = jnp.dot(jnp.asarray(_step_table(), dtype=position.dtype), basis)
    index = jnp.arange(nodes) - whole.astype(int) + _REACH
    return values[jnp.clip(index, 0, 2 * _REACH + 1)]


def _step_table() -> np.ndarray:
    """`_step_coefficients` between those of the weights 0 and 1 that lie beyond."""
    beyond = np.zeros((2, _DEGREE + 1))
    beyond[1, 0] = 1.0
    return np.concatenate([beyond[:1], _step_coefficients(), beyond[1:]])


def window_weights(start: jax.Array, stop: jax.Array, nodes: int) -> jax.Array:
    """Weights [nodes] of ∫ from `start` to `stop` (units of the spacing), see `step_weights`."""
    return step_weights(start, nodes) - step_weights(stop, nodes)


WINDOW_REACH = _REACH

# --- shifting along a uniform grid -----------------------------------------------------------


def lagrange_weights(position: jax.Array, order: int = 8) -> jax.Array:
    """Interpolation weights [..., order] of the points 0 … order−1 at `position` [...]."""
    columns = []
    for k in range(order):
        others = [m for m in range(order) if m != k]
        product = jnp.full_like(position, 1.0 / np.prod([float(k - m) for m in others]))
        for m in others:
            product = product * (position - m)
        columns.append(product)
    return jnp.stack(columns, axis=-1)


def shift_weights(shift: jax.Array, taps: int, order: int = 8) -> jax.Array:
    """Interpolation weights [..., taps]: F(i + shift) ≈ Σ_k w_k F(i + k), 0 ≤ shift ≤ taps−order.

    Local Lagrange interpolation of `order` points centred on the target, in units of the grid
    spacing; grid index i counts from the first of `taps` neighbours, and the centre of the
    stencil lies `order/2 − 1` points in, so callers pad by that on the left.
    """
    whole = jnp.clip(jnp.floor(shift), 0, taps - order)
    local = lagrange_weights(shift - whole + (order // 2 - 1), order)
    column = jnp.arange(taps).reshape((1,) * shift.ndim + (taps,))
    slot = column - whole[..., None].astype(int)
    picked = jnp.take_along_axis(local, jnp.clip(slot, 0, order - 1), axis=-1)
    return jnp.where((slot >= 0) & (slot < order), picked, 0.0)


# --- resonances narrower than the grid ---------------------------------------------------------

RESONANCE_ORDER = 3
_SIGMA = 1.15


@functools.lru_cache(maxsize=4)
def _moment_inverse(order: int) -> np.ndarray:
    j = np.arange(order + 1)
    return np.linalg.inv(scipy.special.gamma(j[:, None] + j[None, :] + 0.5))


@functools.lru_cache(maxsize=1)
def _erfcx_coefficients() -> np.ndarray:
    """Powers of z in (ν + 4) erfcx(ν), z = (ν − 4)/(ν + 4), for 0 ≤ ν ≤ _NU_MAX: 1e-12 of it."""
    top = (_NU_MAX - 4.0) / (_NU_MAX + 4.0)
    z = -1.0 + 0.5 * (top + 1.0) * (1.0 + np.cos(np.pi * (np.arange(200) + 0.5) / 200))
    nu = 4.0 * (1.0 + z) / (1.0 - z)
    fit = np.polynomial.Chebyshev.fit(z, scipy.special.erfcx(nu) * (nu + 4.0), 12)
    return fit.convert(kind=np.polynomial.Polynomial).coef


_NU_MAX = 5.5  # beyond, e^(−ν²) < 1e-13: the substitute is the Lorentzian itself


def _erfcx_over(nu: jax.Array) -> jax.Array:
    """erfcx(ν)/ν = e^(ν²) erfc(ν)/ν for 0 < ν ≤ _NU_MAX; a third of the time of `erfc`."""
    inverse = 1.0 / (nu + 4.0)
    z = (nu - 4.0) * inverse
    total = jnp.zeros_like(z)
    for coefficient in _erfcx_coefficients()[::-1]:
        total = total * z + float(coefficient)
    return total * inverse / nu


def resonance_weight(
    detuning: jax.Array, width: jax.Array, spread2: jax.Array, order: int = RESONANCE_ORDER
) -> jax.Array:
    r"""Entire substitute for the Lorentzian 1/(a² + w²) on a two-dimensional uniform lattice.

    With ψ² = βa²/G², ν² = βw²/G², β = 1/(2σ²), σ = 1.15 and G² the squared change of a from node
    to node, 1/(a²+w²) is split as
        (1 − e^(−ψ²−ν²))/(a²+w²) + (β/G²) e^(−ψ²−ν²)/(ψ²+ν²),
    where the first term has no pole left and the second is replaced by (β/G²)e^(−ψ²)Σ b_kψ^(2k),
    k = 0…q, which has the same moments ∫ψ^(2j)dψ, j = 0…q:
        b = A⁻¹m, A_jk = Γ(j+k+½), m₀ = (π/ν) erfc ν, m_(j+1) = e^(−ν²)Γ(j+½) − ν²m_j.
    A trapezoid sum of the substitute therefore integrates any number of resonances and their
    folds without locating them, however narrow, to order G^(2q+2) in the variation of the rest.
    Where w ≫ G it is the Lorentzian itself.

    Arguments: a, w > 0, G² of equal shapes (dimensionless), |a| and w below 1e18; `order` is q.
    The difference between q = 3 and q = 2 estimates the error. Float32-safe.
    """
    beta = 0.5 / _SIGMA**2
    tiny = float(jnp.finfo(detuning.dtype).tiny) ** 0.5
    inverse_spread = jnp.sqrt(beta / (spread2 + tiny))
    # The caps keep squares and gradients finite where the Gaussian is zero.
    psi2 = jnp.clip(detuning * inverse_spread, -26.0, 26.0) ** 2
    relative = jnp.clip(width * inverse_spread, tiny, 26.0)
    scale = inverse_spread * inverse_spread
    total = psi2 + relative * relative
    gauss = jnp.exp(-total)
    # (1 − e^(−t))/(a²+w²), which is scale (1 − t/2 + …) where a and w vanish against G.
    near = total < 0.02
    series = jnp.full_like(total, 1.0 / 5040.0)
    for factorial in (720.0, 120.0, 24.0, 6.0, 2.0, 1.0):
        series = 1.0 / factorial - total * series
    size2 = jnp.where(near, 1.0, detuning * detuning + width * width)
    first = jnp.where(near, scale * series, (1.0 - gauss) / size2)

    # e^(ν²) m_j; where they cancel down to rounding, at large ν, the Gaussian is nothing.
    nu = jnp.minimum(relative, _NU_MAX)
    nu2 = nu * nu
    moments = [np.pi * _erfcx_over(nu)]
    for j in range(order):
        moments.append(float(scipy.special.gamma(j + 0.5)) - nu2 * moments[-1])
    inverse = _moment_inverse(order)
    polynomial = jnp.zeros_like(psi2)
    for k in reversed(range(order + 1)):
        b_k = sum(float(inverse[k, j]) * moments[j] for j in range(order + 1))
        polynomial = polynomial * psi2 + b_k
    return first + jnp.where(relative < _NU_MAX, scale * gauss, 0.0) * polynomial
