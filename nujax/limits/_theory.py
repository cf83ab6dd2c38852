"""What the limits of sterile-neutrino dark matter look at: the neutrino and what its partner feels.

A `SterileNeutrino` alone, or the pair (sterile, interaction) that `solve_production` takes.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx

from ..interactions import AbstractInteraction, StandardModel
from ..interactions._base import terms_of
from ..sterile import SterileNeutrino


class SterileTheory(eqx.Module):
    """A sterile neutrino and everything its active partner feels (default: `StandardModel()`)."""

    sterile: SterileNeutrino
    interaction: AbstractInteraction

    def __init__(self, sterile: SterileNeutrino, interaction: AbstractInteraction | None = None):
        if not isinstance(sterile, SterileNeutrino):
            raise TypeError(
                "Argument `sterile` must be of type SterileNeutrino, "
                f"but is {type(sterile).__name__}."
            )
        if interaction is not None and not isinstance(interaction, AbstractInteraction):
            raise TypeError(
                "Argument `interaction` must be of type AbstractInteraction, "
                f"but is {type(interaction).__name__}."
            )
        self.sterile = sterile
        self.interaction = StandardModel() if interaction is None else interaction

    def new_forces(self) -> tuple[AbstractInteraction, ...]:
        """The terms of the interaction without those of the Standard Model."""
        return tuple(t for t in terms_of(self.interaction) if not isinstance(t, StandardModel))

    def find(self, kinds: tuple[type, ...]) -> Any:
        """The first new force of one of the `kinds`, or None."""
        return next((term for term in self.new_forces() if isinstance(term, kinds)), None)

    def describe(self) -> str:
        """Classes and flavour, for messages."""
        forces = " and ".join(type(term).__name__ for term in self.new_forces())
        flavour = f"SterileNeutrino of flavour {self.sterile.flavour}"
        return f"{flavour} with {forces}" if forces else flavour


def as_theory(theory: Any) -> Any:
    """A `SterileTheory` of a neutrino, or of a pair with its interaction; anything else as it is.

    Raises `TypeError` for a pair of other things.
    """
    if isinstance(theory, SterileNeutrino):
        return SterileTheory(theory)
    if type(theory) in (tuple, list) and len(theory) == 2:
        return SterileTheory(*theory)
    return theory


def name_of(theory: Any) -> str:
    """Of a theory, for messages."""
    return theory.describe() if isinstance(theory, SterileTheory) else type(theory).__name__
