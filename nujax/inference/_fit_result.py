"""What a fit returns: numbers of every start, and in words how each one ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..production import Status
from ..units import MeV, keV
from ._fit_loop import FitStatus
from ._gauss_newton import RANK
from ._problem import Theory, with_values

_ENERGIES = {"mass": (keV, "keV"), "mediator_mass": (MeV, "MeV")}


@dataclass(frozen=True)
class FitResult:
    """All starts of a fit: S starts, K free parameters, M residuals (NumPy).

    free           names of the free parameters
    parameters     value of each at the end of every start, {name: [S]}; energies in MeV. The
                   point of smallest χ² met: an answer only where `status` is `converged`
    relic_density  Ω h² there [S]
    residual       ln(Ω h²/target) [S]
    mean_momentum  ⟨x⟩ [S], NaN unless it was a datum
    chi2           χ² of all terms [S]
    status         code of `FitStatus` [S];  messages: the same in a sentence [S]
    steps          steps taken [S]
    history        ln(Ω h²/target) of each evaluation [longest, S], NaN after the end and where
                   the point was not `Status.ok`
    best           the converged start of smallest χ² (else the compromise of smallest χ²), or
                   None if every start failed
    covariance     of the logarithms of the free parameters at `best` [K, K], (JᵀJ)⁻¹ with
                   J = ∂r/∂ln p (Gauss–Newton); NaN without a `best`. Directions that the data do
                   not determine are left out of it (pseudo-inverse) and stand in `undetermined`
    undetermined   those directions in ln p: unit vectors, tuple of {name: component}
    """

    free: tuple[str, ...]
    parameters: dict[str, np.ndarray]
    relic_density: np.ndarray
    residual: np.ndarray
    mean_momentum: np.ndarray
    chi2: np.ndarray
    status: np.ndarray
    messages: tuple[str, ...]
    steps: np.ndarray
    history: np.ndarray
    best: int | None
    covariance: np.ndarray
    undetermined: tuple[dict[str, float], ...]
    theory: Theory  # as given to the fit

    @property
    def converged(self) -> bool:
        """Whether a start reached the target."""
        return self.best is not None and self.status[self.best] == FitStatus.converged

    @property
    def best_parameters(self) -> dict[str, float]:
        """The free parameters of the best start. Raises `ValueError` if every start failed."""
        if self.best is None:
            words = "\n  ".join(dict.fromkeys(self.messages))
            raise ValueError(f"No start of the fit reached the target:\n  {words}")
        return {name: float(values[self.best]) for name, values in self.parameters.items()}

    @property
    def best_theory(self) -> Theory:
        """The theory at the best fit: `.sterile`, `.interaction`, `.plasma`, `.method`.

        Raises `ValueError` if every start failed.
        """
        return with_values(self.theory, self.best_parameters)

    def undetermined_words(self) -> str:
        """One sentence on the directions without a constraint, empty if there is none."""
        if not self.undetermined:
            return ""
        combinations = [
            " · ".join(f"{name}^{power:+.3g}" for name, power in direction.items())
            for direction in self.undetermined
        ]
        return (
            f"The data do not determine {' nor '.join(combinations)}: "
            "the covariance leaves these directions out."
        )

    def __str__(self) -> str:
        lines = [f"start {i}: {text}" for i, text in enumerate(self.messages)]
        return "\n".join([*lines, self.undetermined_words()]).rstrip()


def covariance_of(jacobian: np.ndarray, names: tuple[str, ...]):
    """(JᵀJ)⁺ [K, K] and the undetermined directions of J [M, K], weighted by 1/σ."""
    values, vectors = np.linalg.eigh(jacobian.T @ jacobian)
    known = values > RANK * values[-1]
    inverse = np.where(known, 1.0 / np.where(known, values, 1.0), 0.0)
    directions = []
    for vector in vectors.T[~known]:
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        directions.append({name: float(v) for name, v in zip(names, vector, strict=True)})
    return (vectors * inverse) @ vectors.T, tuple(directions)


def write_value(name: str, value: float) -> str:
    """A parameter with its unit."""
    unit, word = _ENERGIES.get(name, (1.0, ""))
    return f"{name} = {value / unit:.6g} {word}".rstrip()


def write_message(
    status: FitStatus,
    point: Status,
    values: dict[str, float],
    held: dict[str, float],
    relic_density: float,
    target: float,
    chi2: float | None,
    steps: int,
) -> str:
    """One sentence on how a start ended.

    `values` are the free parameters where it ended, `held` those at a bound that downhill is
    beyond, `point` the status of the last evaluation; `chi2` belongs to several terms.
    """
    where = ", ".join(write_value(name, value) for name, value in values.items())
    there = f"where Ω h² = {relic_density:.6g} (target {target:.6g})"
    if chi2 is not None:
        there += f" and χ² = {chi2:.4g}"
    if status == FitStatus.converged:
        return f"converged in {steps} steps: at {where}, {there}"
    if status == FitStatus.compromise:
        return f"compromise: minimum of χ² where not all terms are met, at {where}, {there}"
    if status == FitStatus.local_minimum:
        what = "|ln(Ω h²/target)|" if chi2 is None else "χ²"
        return f"no root downhill: local minimum of {what} at {where}, {there}"
    if status == FitStatus.plateau:
        return (
            f"no root downhill: plateau (every d ln Ω h²/d ln p is below 1e-5) at {where}, {there}"
        )
    if status == FitStatus.at_bound:
        bounds = " and ".join(write_value(name, value) for name, value in held.items())
        return f"left the domain at the bound {bounds}: at {where}, {there}, downhill is beyond it"
    if status == FitStatus.numerical_failure:
        if not np.isfinite(relic_density):
            return f"numerical failure: {point.name} at the start, {where}"
        return f"numerical failure: {point.name} next to {where}, {there}"
    return f"max_steps: still going down after {steps} steps, at {where}, {there}"
