"""Benchmark set-ups of the sources by name, so that a figure is reproduced in one line."""

from __future__ import annotations

from typing import NamedTuple

from .interactions import AbstractInteraction, ScalarMediator, StandardModel
from .plasma import Plasma
from .production import BoltzmannQuadrature
from .sterile import SterileNeutrino
from .units import GeV, keV


class Inputs(NamedTuple):
    """The inputs that must switch together."""

    standard_model: StandardModel
    plasma: Plasma
    method: BoltzmannQuadrature


class Preset(NamedTuple):
    """A complete set-up: `solve_production(p.sterile, p.interaction, plasma=…, method=…)`."""

    sterile: SterileNeutrino
    interaction: AbstractInteraction
    plasma: Plasma
    method: BoltzmannQuadrature


def paper() -> Inputs:
    """The sources' inputs: constant rates and g* = 10.75, their potential, no back-reaction."""
    return Inputs(
        StandardModel(convention="paper"),
        Plasma.constant(10.75),
        BoltzmannQuadrature(back_reaction=False, mixing="averaged"),
    )


def precise() -> Inputs:
    """The default inputs: measured rates, massive leptons, g*(T), back-reaction."""
    return Inputs(StandardModel(), Plasma.standard(), BoltzmannQuadrature())


def scalar_2019(mediator_mass=1.0 * GeV, coupling=0.1, convention: str = "paper") -> Preset:
    """1910.04901: m₄ = 7.1 keV, sin²2θ = 7e-11, ν_μ, scalar mediator, with the paper's inputs."""
    inputs = paper()
    return Preset(
        SterileNeutrino(mass=7.1 * keV, sin2_2theta=7e-11, flavour="mu"),
        inputs.standard_model + ScalarMediator(mediator_mass, coupling, convention=convention),
        inputs.plasma,
        inputs.method,
    )
