r"""Allowed curves Ω h² = target in the plane of two parameters, through all their folds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import check_double_precision
from .._files import write_whole
from ..constants import RELIC_DENSITY_TARGET
from ..interactions import AbstractInteraction
from ..plasma import Plasma
from ..production import AbstractMethod, Status
from ..sterile import SterileNeutrino
from ._columns import find_in_columns
from ._continuation import Traced, Tracer
from ._problem import Problem, Theory, check_names, regimes_at, theory_of
from ._search import check_target, log_bounds

_COLUMN_SPACING = 0.4  # of the check for completeness, in ln θ₀
_FEWEST_COLUMNS, _MOST_COLUMNS = 5, 65
_SAME = 0.02  # a root this close to a path, in ln θ, lies on it


@dataclass(frozen=True)
class Branch:
    """One connected piece of the curve, from end to end (NumPy).

    points    [n, 2] the two parameters, energies in MeV
    tangents  [n, 2] unit tangents in the plane of their logarithms
    gradients [n, 2] d ln Ω h²/d ln of the two parameters
    status    [n] codes of `Status`
    folds     [k, 2] points where the first parameter turns back
    closed    True for a loop
    ends      what stopped it at either end, in words
    """

    points: np.ndarray
    tangents: np.ndarray
    gradients: np.ndarray
    status: np.ndarray
    folds: np.ndarray
    closed: bool
    ends: tuple[str, str]


@dataclass(frozen=True)
class RelicCurve:
    """All branches of Ω h² = `target` in the plane of `parameters`, within `bounds`.

    complete  every root in the check columns lies on a branch, no value there was in doubt, no
              branch stopped before its end and every fold was located
    problems  what went wrong, in words; empty if nothing did
    theory    what it was made for; its two parameters are those of the caller. None for a curve
              that was loaded, whose regimes are `labels`
    """

    parameters: tuple[str, str]
    target: float
    bounds: dict[str, tuple[float, float]]
    branches: tuple[Branch, ...]
    complete: bool
    problems: tuple[str, ...]
    theory: Theory | None = field(repr=False)
    labels: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @property
    def folds(self) -> np.ndarray:
        """[k, 2] folds of all branches: there the first parameter turns back."""
        return np.concatenate([np.zeros((0, 2)), *(branch.folds for branch in self.branches)])

    @property
    def points(self) -> np.ndarray:
        """[n, 2] points of all branches."""
        return np.concatenate([np.zeros((0, 2)), *(branch.points for branch in self.branches)])

    def regimes(self) -> list[list[str]]:
        """What made the sterile neutrinos at each point of each branch: "DW", "A", "B" or "C"."""
        return self._regimes

    @cached_property
    def _regimes(self) -> list[list[str]]:
        if self.theory is None:
            return [list(labels) for labels in self.labels]
        found = iter(regimes_at(self.theory, self.parameters, np.log(self.points)))
        return [[next(found) for _ in branch.points] for branch in self.branches]

    def as_dict(self) -> dict[str, Any]:
        """Everything as lists and words, ready for JSON; energies in MeV."""
        branches = [
            {
                "points": branch.points.tolist(),
                "regime": regime,
                "tangents": branch.tangents.tolist(),
                "gradients": branch.gradients.tolist(),
                "status": [Status(int(code)).name for code in branch.status],
                "folds": branch.folds.tolist(),
                "closed": branch.closed,
                "ends": list(branch.ends),
            }
            for branch, regime in zip(self.branches, self.regimes(), strict=True)
        ]
        return {
            "parameters": list(self.parameters),
            "target": self.target,
            "bounds": {name: list(pair) for name, pair in self.bounds.items()},
            "branches": branches,
            "folds": self.folds.tolist(),
            "complete": self.complete,
            "problems": list(self.problems),
        }

    def save(self, path: str | Path) -> None:
        """Write `as_dict` to a JSON file, whole or not at all."""
        write_whole(Path(path), json.dumps(self.as_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> RelicCurve:
        """A curve that was saved, without its theory."""
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        branches = tuple(
            Branch(
                points=np.array(b["points"]).reshape(-1, 2),
                tangents=np.array(b["tangents"]).reshape(-1, 2),
                gradients=np.array(b["gradients"]).reshape(-1, 2),
                status=np.array([Status[name] for name in b["status"]], int),
                folds=np.array(b["folds"]).reshape(-1, 2),
                closed=b["closed"],
                ends=tuple(b["ends"]),
            )
            for b in saved["branches"]
        )
        first, second = saved["parameters"]
        return cls(
            parameters=(first, second),
            target=saved["target"],
            bounds={name: (pair[0], pair[1]) for name, pair in saved["bounds"].items()},
            branches=branches,
            complete=saved["complete"],
            problems=tuple(saved["problems"]),
            theory=None,
            labels=tuple(tuple(b["regime"]) for b in saved["branches"]),
        )


def trace_relic_curve(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    parameters: tuple[str, str] = ("mediator_mass", "coupling"),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    target: float = RELIC_DENSITY_TARGET,
    max_step: float = 0.19,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> RelicCurve:
    r"""The curve Ω h²(θ₀, θ₁) = target, with every branch and every fold.

    Pseudo-arclength continuation in the plane of ln θ₀ and ln θ₁: a step along the tangent, which
    is perpendicular to the gradient of ln Ω h², then Newton steps along the gradient. Neither
    knows which parameter depends on which, so that folds (1910.04901 fig. 2: three couplings for
    one mass) are points like all others. They are located where the tangent has no component
    along θ₀: θ₀ to 1e-6, θ₁, which feels the error of a derivative, to 1e-5 of listed folds.

    parameters  names of θ₀ and θ₁, of "mass" (m₄), "sin2_2theta", "mediator_mass", "coupling";
                both are varied, all other numbers are those of `sterile` and `interaction`
    bounds      {name: (low, high)} [MeV or 1]; default: the domain of nujax
    target      Ω h², default 0.120 (Planck 2018)
    max_step    longest step in √((d ln θ₀)² + (d ln θ₁)²)

    Where to begin, and whether something is missing, is known from `find_relic_couplings`' search
    for all roots in θ₁ on columns of θ₀ 0.4 apart (65 columns at most): a closed curve
    that fits between two columns can be missed. A piece that cannot be followed further (a
    resonance that no rule resolves) ends there; it is kept, and `problems` says so.

    Raises `ValueError` for a target that is not positive, bounds that are empty or not positive,
    unknown or equal parameters, if the theory lacks them, and in single precision; `TypeError` as
    `solve_production`.
    """
    check_double_precision("A relic curve")
    theory = theory_of(sterile, interaction, plasma, method)
    check_target(target)
    if len(parameters) != 2:
        raise ValueError(f"Argument `parameters` must name two, but is {tuple(parameters)}.")
    check_names(theory, parameters)
    limits = log_bounds(theory, parameters, bounds)
    problem = Problem(theory, parameters)
    low, high = limits
    count = int(np.ceil((high[0] - low[0]) / _COLUMN_SPACING)) + 1
    across = np.linspace(low[0], high[0], min(max(count, _FEWEST_COLUMNS), _MOST_COLUMNS))
    roots = find_in_columns(problem, across, low[1], high[1], float(np.log(target)))
    problems = [
        f"at {parameters[0]} = {np.exp(across[k]):.6g} values near the target are in doubt"
        for k in np.flatnonzero(roots.uncertain)
    ]

    tracer = Tracer(problem, low, high, float(np.log(target)), max_step)
    paths: list[Traced] = []
    waiting = np.ones(len(roots.theta), bool)
    while waiting.any():
        start = int(np.argmax(waiting))
        path = tracer.trace(roots.theta[start])
        waiting[start] = False
        if len(path.theta) > 1:
            paths.append(path)
            waiting[waiting] = ~_on_path(path, roots.theta[waiting])
        problems += [end for end in path.ends if end.startswith("stopped")]
        problems += path.lost
    names = (parameters[0], parameters[1])
    return RelicCurve(
        parameters=names,
        target=float(target),
        bounds={
            n: (float(np.exp(a)), float(np.exp(b)))
            for n, a, b in zip(names, low, high, strict=True)
        },
        branches=tuple(_branch(path) for path in paths),
        complete=not problems,
        problems=tuple(problems),
        theory=theory,
    )


def _branch(path: Traced) -> Branch:
    return Branch(
        points=np.exp(path.theta),
        tangents=path.tangent,
        gradients=path.gradient,
        status=path.status,
        folds=np.exp(path.folds),
        closed=path.closed,
        ends=path.ends,
    )


def _on_path(path: Traced, theta: np.ndarray) -> np.ndarray:
    """Which of the points θ [n, 2] lie on the path."""
    line = path.densely(8)
    a, b = line[:-1], line[1:]
    along = b - a
    length2 = np.sum(along**2, axis=1) + 1e-300
    share = np.einsum("nsk,sk->ns", theta[:, None, :] - a, along) / length2
    nearest = a + np.clip(share, 0.0, 1.0)[..., None] * along
    distance = np.sqrt(np.min(np.sum((theta[:, None, :] - nearest) ** 2, axis=2), axis=1))
    return distance < _SAME
