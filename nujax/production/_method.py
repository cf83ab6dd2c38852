"""The contract of a production method."""

from __future__ import annotations

import abc
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax

from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..sterile import SterileNeutrino
from ._result import ProductionResult


class Moments(NamedTuple):
    """∫q²f dq and ∫q³f dq at T_final, with the error estimate and status code of the point."""

    number: jax.Array
    momentum: jax.Array | None
    error_estimate: jax.Array
    status_code: jax.Array
    T_final: jax.Array


class AbstractMethod(eqx.Module):
    """A physics scheme that turns a theory into a spectrum."""

    # Whether a `Transition` of the sterile neutrino is followed; otherwise it is refused.
    follows_transitions: ClassVar[bool] = False

    @abc.abstractmethod
    def moments(
        self,
        sterile: SterileNeutrino,
        interaction: AbstractInteraction,
        plasma: Plasma,
        outputs: int = 2,
    ) -> Moments:
        """The integrals of the spectrum that the relic density needs; fast and differentiable.

        With `outputs=1` only the first is needed, and the other may be None.
        """

    def estimate(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> Moments:
        """The number density as quickly as it can be had, for searches; `moments` if not faster.

        The number lies between n/(1 + e) and n(1 + e) with e the `error_estimate`, which a search
        relies on. With `Status.ok` it is what `moments` gives.
        """
        return self.moments(sterile, interaction, plasma, outputs=1)

    def check(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> None:
        """Raise `ValueError` for concrete arguments that this method cannot serve."""
        return None

    @abc.abstractmethod
    def solve(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> ProductionResult:
        """The full result, spectrum included."""
