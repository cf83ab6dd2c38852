"""The sterile neutrino: mass, vacuum mixing and the active flavour that it mixes with."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._checks import check_choice, check_in_range, check_positive
from .constants import FLAVOURS


class SterileNeutrino(eqx.Module):
    r"""A sterile neutrino ν_s that mixes with one active flavour.

    Fields (all numbers are traced, so `jax.grad`, `jax.jit` and batching work):
      mass         m₄ [MeV], scalar (or a batch axis under `eqx.filter_vmap`)
      sin2_2theta  sin²2θ in vacuum, dimensionless, in (0, 1)
      flavour      "e", "mu" or "tau" (static)

    Vacuum oscillation frequency Δ = m₄²/(2E) and cos 2θ = √(1 − sin²2θ) ≥ 0, that is ν_s is the
    mostly heavier state (1910.04901 eq. 3).

    Raises `ValueError` for a mass ≤ 0 or not finite, sin²2θ outside (0, 1) or an unknown flavour.
    Values that are being traced by JAX are not checked.
    """

    mass: jax.Array
    sin2_2theta: jax.Array
    flavour: str = eqx.field(static=True)

    def __init__(self, mass: ArrayLike, sin2_2theta: ArrayLike, flavour: str = "mu"):
        check_positive("mass", mass)
        check_in_range("sin2_2theta", sin2_2theta, 0.0, 1.0)
        check_choice("flavour", flavour, FLAVOURS)
        self.mass = jnp.asarray(mass, dtype=jnp.result_type(float, mass))
        self.sin2_2theta = jnp.asarray(sin2_2theta, dtype=jnp.result_type(float, sin2_2theta))
        self.flavour = flavour

    @property
    def cos_2theta(self) -> jax.Array:
        """cos 2θ = √(1 − sin²2θ) [1]."""
        return jnp.sqrt(1.0 - self.sin2_2theta)

    def vacuum_frequency(self, E: ArrayLike) -> jax.Array:
        """Δ(E) = m₄²/(2E) [MeV] at energy E [MeV]; elementwise."""
        return self.mass**2 / (2.0 * E)
