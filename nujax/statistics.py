"""Quantum statistics, safe in value and gradient over the whole range of float32 and float64.

All functions are elementwise and dimensionless. The argument is E/T.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

_LN2 = 0.6931471805599453


def _floating(x: ArrayLike) -> jax.Array:
    """`x` as an array of floating-point numbers; integers become the default type."""
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))


def fermi_dirac(x: ArrayLike) -> jax.Array:
    """1/(eˣ + 1), any real x: the occupation of a fermion state without chemical potential."""
    x = _floating(x)
    small = jnp.exp(-jnp.where(x < 0, -x, x))  # never overflows; smooth at zero, unlike |x|
    inverse = 1.0 / (1.0 + small)
    return jnp.where(x < 0, inverse, small * inverse)


def bose_einstein(x: ArrayLike) -> jax.Array:
    """1/(eˣ − 1), any real x ≠ 0: the occupation of a boson state; n(−x) = −1 − n(x).

    At the pole x = 0 the value is +∞, with gradient zero, so that a masked pole does no harm.
    """
    x = _floating(x)
    size = jnp.where(x == 0, 1.0, jnp.abs(x))  # keeps the unused branch finite
    occupation = jnp.exp(-size) / -jnp.expm1(-size)
    occupation = jnp.where(x < 0, -1.0 - occupation, occupation)
    return jnp.where(x == 0, jnp.inf, occupation)


def log1p_exp_minus(x: ArrayLike) -> jax.Array:
    """ln(1 + e⁻ˣ), any real x; relative accuracy of the type also where it decays as e⁻ˣ.

    Its derivative is −`fermi_dirac`(x); it is the integral of `fermi_dirac` from x to ∞.
    """
    return jax.nn.softplus(-_floating(x))


def minus_log1m_exp(x: ArrayLike) -> jax.Array:
    """−ln(1 − e⁻ˣ), x > 0; relative accuracy of the type at small and at large x.

    Its derivative is −`bose_einstein`(x); it is the integral of `bose_einstein` from x to ∞.
    At x ≤ 0, outside the domain, the value is +∞ and the gradient zero.
    """
    x = _floating(x)
    inside = x > 0
    small = x < _LN2
    # Each branch sees arguments of its own range only: otherwise the branch that is not chosen
    # would put 0 · ∞ into the gradient.
    near = jnp.where(inside & small, x, 0.5)
    far = jnp.where(small, 1.0, x)
    value = jnp.where(small, -jnp.log(-jnp.expm1(-near)), -jnp.log1p(-jnp.exp(-far)))
    return jnp.where(inside, value, jnp.inf)
