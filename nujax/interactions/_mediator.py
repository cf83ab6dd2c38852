r"""What all mediators of the active neutrino share.

With x = E/T and w = m²/(4ET), every mediator has
    V_T = (T/x) c_V S(x, m/T),      Γ = (T/x) Σ_k c_k R_k(w, x),
where the couplings sit in the coefficients c alone and S, R_k are fixed functions. The methods
evaluate them directly; the production paths tabulate S and R_k once: the fast one for `NARROW`
resonances, the lattice for those of `ANY_WIDTH`.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_at_least, check_at_most, check_non_negative, check_positive
from ..constants import LIGHTEST_MEDIATOR
from ._base import AbstractInteraction
from ._kernels import potential_shape
from ._width_expansion import ANY_WIDTH, NARROW, WidthExpansion


def rate_functions_of(
    kind: tuple, w: np.ndarray, x: np.ndarray, widths: WidthExpansion = NARROW
) -> list[np.ndarray]:
    """All R_k(w, x) of a kind of mediator (NumPy float64)."""
    mediator, *choices = kind
    closed = mediator.closed_rate_functions(w, x, np, *choices)
    return closed + list(mediator.tabulated_rate_functions(w, widths, *choices))


def check_mediator(mass, coupling, rate_factor, largest: float, name: str) -> None:
    """Raise `ValueError` for numbers that no mediator can have; `name` writes out `largest`.

    A coupling is one number (or a batch of them): that of the flavour that mixes, to itself.
    """
    check_positive("mass", mass)
    check_at_least("mass", mass, LIGHTEST_MEDIATOR, "1 keV, the lightest that the kernels cover")
    if isinstance(coupling, Mapping) or np.shape(coupling) in ((2, 2), (3, 3)):
        raise ValueError(
            "Argument `coupling` must be one number, of the flavour that mixes to itself, but is a "
            "matrix of flavours. Off-diagonal couplings are left out: they turn one active flavour "
            "into another, which needs the coherent evolution of several active flavours."
        )
    check_non_negative("coupling", coupling)
    check_at_most("coupling", coupling, largest, f"{name}, perturbativity")
    check_positive("rate_factor", rate_factor)


class AbstractMediator(AbstractInteraction):
    """A boson of mass `mass` [MeV] that couples to the active neutrino with `coupling`."""

    mass: eqx.AbstractVar[jax.Array]
    coupling: eqx.AbstractVar[jax.Array]

    @property
    @abc.abstractmethod
    def relative_width(self) -> jax.Array:
        """γ = Γ_φ/m, total width over mass."""

    @abc.abstractmethod
    def potential_coefficient(self) -> jax.Array:
        """c_V [1]."""

    @abc.abstractmethod
    def rate_shape(self, w: jax.Array, x: jax.Array) -> jax.Array:
        """(x/T)·Γ [1] at w and x of equal shapes."""

    @abc.abstractmethod
    def rate_coefficients(self, widths: WidthExpansion = NARROW) -> jax.Array:
        """c_k [K] of the closed rate functions, then of those tabulated for these `widths`."""

    @property
    @abc.abstractmethod
    def kind(self) -> tuple:
        """(class, static choices …): what the rate functions depend on, hashable."""

    @staticmethod
    @abc.abstractmethod
    def closed_rate_functions(w, x, xp, *choices) -> list:
        """R_k(w, x) in closed form, NumPy or JAX by `xp`, for the static choices of `kind`.

        The narrow resonance comes first.
        """

    @staticmethod
    @abc.abstractmethod
    def closed_functions_of_w(*choices) -> int:
        """How many of these, from the first one on, do not depend on x."""

    @staticmethod
    @abc.abstractmethod
    def tabulated_rate_functions(w: np.ndarray, widths: WidthExpansion, *choices) -> np.ndarray:
        """R_k(w) [K, …] that take an integral each (NumPy float64)."""

    @property
    @abc.abstractmethod
    def largest_tabulated_width(self) -> float:
        """γ up to which Σ c_k R_k of the default widths equals `rate_shape` to 1e-6."""

    @property
    def largest_coupling(self) -> float:
        """Where perturbation theory ends."""
        return 4.0 * np.pi

    @property
    def largest_width(self) -> float:
        """γ up to which production knows the rate; beyond, a point is flagged."""
        return ANY_WIDTH.largest

    def on_shell_shape(self, w: jax.Array, x: jax.Array) -> jax.Array:
        """The part of (x/T)Γ [1] whose boson is on shell, as of a narrow resonance."""
        kind, *choices = self.kind
        return self.rate_coefficients()[0] * kind.closed_rate_functions(w, x, jnp, *choices)[0]

    def on_shell_rate(self, E: jax.Array, T: jax.Array) -> jax.Array:
        """The part of Γ [MeV] whose boson is on shell, at E, T [MeV] of equal shapes."""
        x = E / T
        return T / x * self.on_shell_shape(self.mass**2 / (4.0 * E * T), x)

    def charged_leptons(self) -> Any:
        """What Σ c_k R_k leaves out of Γ: a `ChargedLeptons` of `gauged`, or None."""
        return None

    def check_flavour(self, flavour: str) -> None:
        """Raise `ValueError` if this mediator does not couple to the neutrino `flavour`."""
        return None

    def interaction_rate(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """Γ [MeV] of one neutrino at E, T [MeV] of equal shapes."""
        self.check_flavour(flavour)
        E, T = jnp.asarray(E), jnp.asarray(T)
        x = E / T
        return T / x * self.rate_shape(self.mass**2 / (4.0 * E * T), x)

    def thermal_potential(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """V_T [MeV] at E, T [MeV] of equal shapes."""
        self.check_flavour(flavour)
        E, T = jnp.asarray(E), jnp.asarray(T)
        x = E / T
        return T / x * self.potential_coefficient() * potential_shape(x, self.mass / T, jnp)
