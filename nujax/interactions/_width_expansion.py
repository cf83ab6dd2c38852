r"""Rates with a resonance of any width as a short sum of constant functions of w = m²/(4ET).

The rate kernel R(w, γ) of a mediator (γ = Γ_φ/m) is entire enough in γ that
    R(w, γ) = R₀(w) + γ Σ_k ℓ_k(γ) D_k(w),   D_k = [R(w, γ_k) − R₀(w)]/γ_k,
with R₀ the narrow-width limit and Lagrange polynomials ℓ_k on Chebyshev nodes γ_k in (0, γ_max]
is right to 1e-6 with four nodes up to γ_max = 0.1. The functions of w are computed once, in
NumPy; a coupling only sets the few coefficients. Both limits γ → 0 stay exact.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline


class WidthExpansion(NamedTuple):
    """Expansion with `nodes` widths between 0 and `largest`."""

    largest: float
    nodes: int

    @property
    def widths(self) -> np.ndarray:
        """Chebyshev nodes γ_k [nodes] in (0, largest)."""
        k = np.arange(self.nodes)
        return 0.5 * self.largest * (1.0 - np.cos(np.pi * (k + 0.5) / self.nodes))

    def coefficients(self, width: jax.Array) -> jax.Array:
        """[1 + nodes] coefficients of (R₀, D_1, …) at γ = `width`, a scalar."""
        points = [float(p) for p in self.widths]
        result = [jnp.ones_like(width)]
        for k, at in enumerate(points):
            product = width
            for m, other in enumerate(points):
                if m != k:
                    product = product * ((width - other) / (at - other))
            result.append(product)
        return jnp.stack(result)

    def functions(self, shape: Callable, narrow: Callable, w: np.ndarray) -> np.ndarray:
        """(R₀, D_1, …) [1 + nodes, …] at w; R = shape(w, γ, np), R₀ = narrow(w, np).

        The D_k come from a cubic spline in ln w that is computed once: 1e-7 of their size.
        """
        spline = _spline_of(self, shape, narrow)
        rest = np.moveaxis(spline(np.clip(np.log(w), *_LOG_W)), -1, 0) / w
        return np.concatenate([narrow(w, np)[None], rest])


_LOG_W = (-44.0, 44.0)


@functools.lru_cache(maxsize=16)
def _spline_of(expansion: WidthExpansion, shape: Callable, narrow: Callable) -> CubicSpline:
    """w·D_k [n, nodes] as a function of ln w; flat beyond the range, where w ≷ 1 rules."""
    log_w = np.linspace(*_LOG_W, 4401)
    w = np.exp(log_w)
    base = narrow(w, np)
    columns = [w * (shape(w, np.full_like(w, at), np) - base) / at for at in expansion.widths]
    return CubicSpline(log_w, np.stack(columns, axis=-1))


# Weak couplings on the fast path; all widths up to Γ = 1.6 m (λ = 4π for the scalar) elsewhere.
NARROW = WidthExpansion(largest=0.1, nodes=5)
ANY_WIDTH = WidthExpansion(largest=1.6, nodes=14)
