"""The one entry function."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp

from ..interactions._base import AbstractInteraction, terms_of
from ..interactions._mediator import AbstractMediator
from ..plasma import Plasma
from ..sterile import SterileNeutrino
from ..transition import check_transition
from ._boltzmann import BoltzmannQuadrature, check_limits, integration_limits
from ._method import AbstractMethod
from ._regime import Regime
from ._result import ProductionResult


def solve_production(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> ProductionResult:
    """Relic density and spectrum of sterile neutrinos made by oscillations in the plasma.

    sterile      the sterile neutrino
    interaction  everything its active partner feels, for example `StandardModel() +
                 ScalarMediator(…)`; without the Standard Model there is no weak damping
    plasma       default `Plasma.standard()`, g*(T) of 1803.01038
    method       default `BoltzmannQuadrature()`

    Returns a `ProductionResult`, whose `status` must be `Status.ok` before its numbers are used.
    Compiled once per kind of theory; differentiable, and batched with `equinox.filter_vmap`.

    Raises `TypeError` for arguments of a wrong kind and `ValueError` if T_final is not below
    T_initial; other numbers are checked where they enter.
    """
    plasma = Plasma.standard() if plasma is None else plasma
    method = BoltzmannQuadrature() if method is None else method
    check_arguments(sterile, interaction, plasma, method)
    return _solve(method, sterile, interaction, plasma)


def production_regime(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> Regime:
    """The `Regime` (DW, A, B or C; z₀, z₁, z₂) of a point: `solve_production(…).regime`.

    Maps of regimes are batches of it, by `equinox.filter_vmap`. Arguments, errors: as there.
    """
    return solve_production(sterile, interaction, plasma=plasma, method=method).regime


def check_arguments(sterile, interaction, plasma, method) -> None:
    """Raise `TypeError` for arguments of a wrong kind, `ValueError` for bad values.

    These are inverted limits, and a mediator that does not couple to the flavour.
    """
    for name, value, kind in (
        ("sterile", sterile, SterileNeutrino),
        ("interaction", interaction, AbstractInteraction),
        ("plasma", plasma, Plasma),
        ("method", method, AbstractMethod),
    ):
        if not isinstance(value, kind):
            raise TypeError(
                f"Argument `{name}` must be of type {kind.__name__}, but is {type(value).__name__}."
            )
    for term in terms_of(interaction):
        if isinstance(term, AbstractMediator):
            term.check_flavour(sterile.flavour)
    check_limits(method, interaction, plasma)
    if sterile.transition is not None:
        if not method.follows_transitions:
            raise ValueError(
                "Argument `method` must be one that follows a Transition of the sterile neutrino, "
                f"but is {type(method).__name__}."
            )
        limits = integration_limits(method, interaction, plasma, jnp.result_type(float))
        check_transition(sterile.transition, sterile.today(), *limits)
    method.check(sterile, interaction, plasma)


@eqx.filter_jit
def _solve(method, sterile, interaction, plasma):
    return method.solve(sterile, interaction, plasma)
