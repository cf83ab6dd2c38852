"""Steps of a Riccati equation dy/dt = a + 2αy − by² by exponentials of 2 × 2 matrices."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def tanh_over(z2: jax.Array) -> jax.Array:
    """tanh(z)/z from z², which may be slightly negative."""
    small = z2 < 1e-2
    z = jnp.sqrt(jnp.where(small, 1.0, z2))
    # The series of large numbers would overflow in float32, and reverse mode make NaN of it.
    low = jnp.where(small, z2, 0.0)
    series = 1.0 - low / 3.0 + low**2 * (2.0 / 15.0) - low**3 * (17.0 / 315.0)
    return jnp.where(small, series, jnp.tanh(z) / z)
