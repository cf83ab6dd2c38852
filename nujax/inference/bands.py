"""How wide a relic curve is: from the measured Ω h², from g*(T), from hadronic rates."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_non_negative
from ..constants import RELIC_DENSITY_PLANCK2018_ERROR
from ..interactions import AbstractInteraction, StandardModel
from ..interactions._base import terms_of
from ..plasma import Plasma
from ._problem import Problem, Theory
from .curve import Branch, RelicCurve

# Temperatures between which hadrons make the rates uncertain by 10 to 20 %, and how far out in
# ln T that fades.
_HADRONIC = (150.0, 300.0)
_FADE = 0.3
_STEPS = 6
_CONVERGED = 1e-7


class Band(NamedTuple):
    """Two displaced copies [n, 2] of every branch of a curve; NaN where none was found."""

    low: tuple[np.ndarray, ...]
    high: tuple[np.ndarray, ...]


class HadronicRates(AbstractInteraction):
    """A share of the Standard Model's rate where hadrons make it uncertain.

    ΔΓ = share · w(T) Γ_SM with w = 1 for 150 MeV < T < 300 MeV, fading as a Gaussian of width 0.3
    in ln T outside; no potential. `share` = ±0.2 spans the uncertainty that hep-ph/0612182 and
    1506.06752 quote. A share below −1 would make the rate negative.
    """

    share: jax.Array
    standard: StandardModel

    def __init__(self, share, standard: StandardModel):
        self.share = jnp.asarray(share, dtype=jnp.result_type(float, share))
        self.standard = standard

    def interaction_rate(self, E, T, flavour: str) -> jax.Array:
        """ΔΓ [MeV] at E, T [MeV]."""
        outside = jnp.maximum(
            jnp.maximum(np.log(_HADRONIC[0]) - jnp.log(T), jnp.log(T) - np.log(_HADRONIC[1])), 0.0
        )
        weight = jnp.exp(-0.5 * (outside / _FADE) ** 2)
        return self.share * weight * self.standard.interaction_rate(E, T, flavour)

    def thermal_potential(self, E, T, flavour: str) -> jax.Array:
        """0."""
        return jnp.zeros_like(E)


def uncertainty_bands(
    curve: RelicCurve,
    *,
    sigma: float = RELIC_DENSITY_PLANCK2018_ERROR,
    degrees: str = "borsanyi",
    hadronic: float = 0.2,
) -> dict[str, Band]:
    r"""The band that each uncertainty makes of a relic curve.

    "relic_density"  Ω h² = target ± `sigma` (Planck 2018: 0.0012)
    "degrees"        g*(T) of `Plasma.standard(degrees=…)` on one side, the curve's on the other;
                     left out where the curve's plasma is constant
    "hadronic"       the Standard Model's rates changed by ± `hadronic` around 150 to 300 MeV, see
                     `HadronicRates`; left out without a Standard Model

    Every point of the curve moves along the gradient of ln Ω h² in the logarithms of the two
    parameters, the shortest way, until it has the target under the other assumption:
    δ = −(ln Ω h² − ln target) g/|g|², repeated to 1e-7. That is defined at folds too, where a band
    in the coupling alone would be infinitely wide. A point that finds no place is NaN.

    Raises `ValueError` for a negative `sigma` or `hadronic`, one that exceeds the target or 1, or a
    curve that was loaded without its theory.
    """
    check_non_negative("sigma", sigma)
    check_non_negative("hadronic", hadronic)
    if curve.theory is None:
        raise ValueError("Argument `curve` must have its theory, but was loaded without one.")
    if not sigma < curve.target or not hadronic < 1.0:
        raise ValueError(
            "Arguments `sigma` and `hadronic` must be below the target and 1, but are "
            f"{sigma:g} and {hadronic:g}."
        )
    theory = curve.theory
    bands = {
        "relic_density": Band(
            *(_moved(curve, theory, curve.target + sign * sigma) for sign in (-1.0, 1.0))
        )
    }
    if theory.plasma.degrees != "constant":
        other = _with(theory, plasma=Plasma.standard(degrees=degrees))
        here = tuple(branch.points for branch in curve.branches)
        bands["degrees"] = Band(here, _moved(curve, other, curve.target))
    standard = [term for term in terms_of(theory.interaction) if isinstance(term, StandardModel)]
    if standard:
        changed = (
            _with(theory, interaction=theory.interaction + HadronicRates(share, standard[0]))
            for share in (-hadronic, hadronic)
        )
        bands["hadronic"] = Band(*(_moved(curve, other, curve.target) for other in changed))
    return bands


def _with(theory: Theory, **changes) -> Theory:
    parts = {name: getattr(theory, name) for name in ("sterile", "interaction", "plasma", "method")}
    return Theory(**(parts | changes))


def _moved(curve: RelicCurve, theory: Theory, target: float) -> tuple[np.ndarray, ...]:
    problem = Problem(theory, curve.parameters)
    return tuple(_moved_branch(branch, problem, np.log(target)) for branch in curve.branches)


def _moved_branch(branch: Branch, problem: Problem, log_target: float) -> np.ndarray:
    theta = np.log(branch.points)
    normal = branch.gradients / np.sum(branch.gradients**2, axis=1, keepdims=True)
    rest = np.arange(len(theta))
    for _ in range(_STEPS):
        values = problem.values(theta[rest])
        move = -(values.log_density - log_target)[:, None] * normal[rest]
        theta[rest] += move
        size = np.linalg.norm(move, axis=1)
        # Not a number, or a jump to somewhere else: no place.
        theta[rest[~(size < 1.0) | (values.status != 0)]] = np.nan
        rest = rest[(size > _CONVERGED) & np.isfinite(theta[rest, 0])]
        if not len(rest):
            break
    theta[rest] = np.nan
    return np.exp(theta)
