"""The sterile neutrino: mass, vacuum mixing and the active flavour that it mixes with."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ._checks import check_choice, check_in_range, check_positive
from .constants import FLAVOURS
from .transition import Transition, Vacuum

ORDERINGS = ("normal", "inverted")


class SterileNeutrino(eqx.Module):
    r"""A sterile neutrino ν_s that mixes with one active flavour.

    Fields (all numbers are traced, so `jax.grad`, `jax.jit` and batching work):
      mass         m₄ [MeV], scalar (or a batch axis under `eqx.filter_vmap`)
      sin2_2theta  sin²2θ in vacuum, dimensionless, in (0, 1)
      flavour      "e", "mu" or "tau" (static)
      ordering     "normal" (default) or "inverted" (static)
      transition   None, or a `Transition` that makes mass and angle functions of temperature; the
                   other fields are then those of today

    Vacuum oscillation frequency Δ = m₄²/(2E) and cos 2θ = √(1 − sin²2θ) ≥ 0, that is ν_s is the
    mostly heavier state (1910.04901 eq. 3). With "inverted" it is the mostly lighter one, as
    neutrinos of eV masses may have it: `mass` is then √|Δm²|, and cos 2θ < 0. Its resonance with
    the potential of the Standard Model serves neutrinos and antineutrinos alike.

    Raises `ValueError` for a mass ≤ 0 or not finite, sin²2θ outside (0, 1), or an unknown flavour
    or ordering. Values that are being traced by JAX are not checked.
    """

    mass: jax.Array
    sin2_2theta: jax.Array
    flavour: str = eqx.field(static=True)
    ordering: str = eqx.field(static=True)
    transition: Transition | None

    def __init__(
        self,
        mass: ArrayLike,
        sin2_2theta: ArrayLike,
        flavour: str = "mu",
        ordering: str = "normal",
        transition: Transition | None = None,
    ):
        check_positive("mass", mass)
        check_in_range("sin2_2theta", sin2_2theta, 0.0, 1.0)
        check_choice("flavour", flavour, FLAVOURS)
        check_choice("ordering", ordering, ORDERINGS)
        self.mass = jnp.asarray(mass, dtype=jnp.result_type(float, mass))
        self.sin2_2theta = jnp.asarray(sin2_2theta, dtype=jnp.result_type(float, sin2_2theta))
        self.flavour = flavour
        self.ordering = ordering
        if not isinstance(transition, Transition | None):
            raise TypeError(
                f"Argument `transition` must be a Transition, but is {type(transition).__name__}."
            )
        self.transition = transition

    @property
    def cos_2theta(self) -> jax.Array:
        """cos 2θ = ±√(1 − sin²2θ) [1], negative for the inverted ordering."""
        size = jnp.sqrt(1.0 - self.sin2_2theta)
        return size if self.ordering == "normal" else -size

    def today(self) -> Vacuum:
        """m₄² [MeV²], sin²2θ and cos 2θ of today."""
        return Vacuum(self.mass**2, self.sin2_2theta, self.cos_2theta)

    def without_transition(self) -> SterileNeutrino:
        """The same neutrino with the mass and angle of today throughout."""
        if self.transition is None:
            return self
        return eqx.tree_at(lambda s: s.transition, self, None, is_leaf=lambda x: x is None)

    def vacuum(self, T: jax.Array, piece: int = -1) -> Vacuum:
        """m_s²(T) [MeV²], sin²2θ(T) and cos 2θ(T) at T [MeV], elementwise.

        piece   number of the smooth piece of a history that jumps, hottest first; the default is
                the last, that of today. Without a history: `today`, whatever T.
        """
        if self.transition is None:
            return self.today()
        count = len(self.transition.field.jumps()) + 1
        return self.transition.vacuum(T, self.today(), piece % count)

    def vacuum_frequency(self, E: ArrayLike) -> jax.Array:
        """Δ(E) = m₄²/(2E) [MeV] of today at energy E [MeV]; elementwise."""
        return self.mass**2 / (2.0 * E)
