r"""The incomplete Fermi–Dirac integral of order one half, which |v₁−v₂| brings into rates."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# F = G e^z/(√z + c) is a series in Chebyshev polynomials of (√z − c)/(√z + c). Its singularities
# z = ±iπ, ±3iπ, … make the terms fall like 1.5^(−n).
_SCALE = float(np.sqrt(np.pi))
_TERMS = 72


@functools.lru_cache(maxsize=1)
def _series() -> tuple[float, ...]:
    """Chebyshev coefficients of F, from a trapezoid sum in a double-exponential variable."""
    angle = np.pi * (np.arange(_TERMS) + 0.5) / _TERMS
    t = np.cos(angle)
    root = _SCALE * (1.0 + t) / (1.0 - t)
    tau = np.arange(-4.5, 5.0, 0.03)
    v, jacobian = np.exp(tau - np.exp(-tau)), 1.0 + np.exp(-tau)
    z = root[:, None] ** 2
    integrand = np.sqrt(z + v) / (np.exp(np.minimum(v, 300.0)) + np.exp(-z)) * v * jacobian
    values = 0.03 * integrand.sum(axis=1) / (root + _SCALE)
    transform = 2.0 / _TERMS * np.cos(np.arange(_TERMS)[:, None] * angle)
    transform[0] *= 0.5
    return tuple((transform @ values).tolist())


def incomplete_fermi_half(z: Any, xp: Any = jnp) -> Any:
    """G(z) = ∫_z^∞ √y/(e^y + 1) dy to 1e-12, z ≥ 0 or complex near the real axis.

    NumPy or JAX by `xp`; G(0) = 0.678094, G → √z e^(−z) for z ≫ 1.
    """
    return _evaluate(z, np) if xp is np else _traced(z)


def _evaluate(z: Any, xp: Any) -> Any:
    root = xp.sqrt(z)
    t2 = 2.0 * (root - _SCALE) / (root + _SCALE)
    first, *rest = _series()
    above, here = 0.0 * t2, 0.0 * t2
    for coefficient in reversed(rest):
        above, here = here, coefficient + t2 * here - above
    return (first + 0.5 * t2 * here - above) * (root + _SCALE) * xp.exp(-z)


@jax.custom_jvp
def _traced(z: jax.Array) -> jax.Array:
    return _evaluate(z, jnp)


@_traced.defjvp
def _(primals, tangents):
    (z,), (dz,) = primals, tangents
    decay = jnp.exp(-z)
    return _traced(z), -jnp.sqrt(z) * decay / (1.0 + decay) * dz
