r"""Couplings that give the relic density: all of them, and how they change with everything else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from .._checks import check_double_precision, check_positive
from ..constants import RELIC_DENSITY_TARGET
from ..interactions import AbstractInteraction
from ..plasma import Plasma
from ..production import AbstractMethod, Status
from ..sterile import SterileNeutrino
from ._columns import find_in_columns
from ._problem import (
    PARAMETERS,
    Problem,
    Theory,
    check_names,
    domain_of,
    log_density_and_status,
    regimes_at,
    theory_of,
    values_of,
    with_values,
)
from ._search import check_target, check_within, log_bounds

_TOLERANCE = 1e-9  # of ln λ
_MOST_STEPS = 30


@dataclass(frozen=True)
class RelicCouplings:
    """All roots of Ω h²(coupling) = target at each mediator mass (NumPy).

    mediator_mass  [N] MeV
    couplings      [N, R] in rising order; NaN behind the last one of a mass, see `count`
    count          [N] number of roots
    status         [N, R] codes of `Status` of the production at the root (ok behind the last one)
    complete       [N] False where a value near the target is in doubt: roots may be missing there
    """

    mediator_mass: np.ndarray
    couplings: np.ndarray
    count: np.ndarray
    status: np.ndarray
    complete: np.ndarray
    theory: Theory = field(repr=False)

    def at(self, index: int) -> np.ndarray:
        """The roots at mediator mass number `index`, without padding."""
        return self.couplings[index, : self.count[index]]

    def derivatives(self) -> dict[str, np.ndarray]:
        r"""d ln λ*/d ln p [N, R] for p = mass (m₄), sin2_2theta and mediator_mass.

        Of the implicit function: −(∂ ln Ω h²/∂ ln p)/(∂ ln Ω h²/∂ ln λ), infinite at a fold.
        """
        slopes = self._slopes()
        return {name: -slopes[..., k] / slopes[..., -1] for k, name in enumerate(PARAMETERS[:-1])}

    def density_slope(self) -> np.ndarray:
        """∂ ln Ω h²/∂ ln λ [N, R] at the roots: positive in regimes A and C, negative in B."""
        return self._slopes()[..., -1]

    def regimes(self) -> list[list[str]]:
        """What made the sterile neutrinos at each root of each mass: "DW", "A", "B" or "C"."""
        where = np.isfinite(self.couplings)
        theta = np.stack([self._log_masses()[where], np.log(self.couplings[where])], axis=1)
        found = iter(regimes_at(self.theory, ("mediator_mass", "coupling"), theta))
        return [[next(found) for _ in range(n)] for n in self.count]

    def _log_masses(self) -> np.ndarray:
        return np.broadcast_to(np.log(self.mediator_mass)[:, None], self.couplings.shape)

    def _slopes(self) -> np.ndarray:
        where = np.isfinite(self.couplings)
        values = {name: float(value) for name, value in values_of(self.theory).items()}
        fixed = [np.log(values["mass"]), np.log(values["sin2_2theta"])]
        pairs = np.stack([self._log_masses()[where], np.log(self.couplings[where])], axis=1)
        theta = np.concatenate([np.broadcast_to(fixed, (len(pairs), 2)), pairs], axis=1)
        slopes = np.full((*self.couplings.shape, len(PARAMETERS)), np.nan)
        if len(theta):
            slopes[where] = Problem(self.theory, PARAMETERS).gradients(theta).slopes
        return slopes


def find_relic_couplings(
    mediator_mass: Any,
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    target: float = RELIC_DENSITY_TARGET,
    bounds: tuple[float, float] | None = None,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> RelicCouplings:
    r"""All couplings λ with Ω h²(λ) = target, for one mediator mass or many at once.

    Heavy mediators have one, those between the folds of the S-curve three (1910.04901 fig. 2).

    mediator_mass  [N] or a number [MeV]; mass and coupling of the mediator in `interaction` are
                   replaced
    target         Ω h², default 0.120 (Planck 2018)
    bounds         (low, high) of the coupling; default 1e-12 to its largest, 4π or √4π

    The roots are bracketed on a grid in ln λ, refined where ln Ω h² may come to the target, turning
    points included, and polished by secants to 1e-8 or better; where the fast rule does not
    resolve a resonance, the status of the root says what the lattice made of it.

    Raises `ValueError` for a mass, target or bounds that are not positive, an empty range, or a
    theory without mediator, and in single precision; `TypeError` as `solve_production`.
    """
    check_double_precision("A search for roots")
    check_positive("mediator_mass", mediator_mass)
    masses = np.atleast_1d(np.asarray(mediator_mass, float))
    if masses.ndim != 1:
        raise ValueError(f"Argument `mediator_mass` must be [N], but has shape {masses.shape}.")
    theory = theory_of(sterile, interaction, plasma, method)
    check_target(target)
    names = ("mediator_mass", "coupling")
    check_names(theory, names)
    check_within(theory, "mediator_mass", masses)
    low, high = log_bounds(theory, ("coupling",), None if bounds is None else {"coupling": bounds})

    order = np.argsort(masses)  # neighbours share nodes
    roots = find_in_columns(
        Problem(theory, names), np.log(masses[order]), low[0], high[0], float(np.log(target))
    )
    column = order[roots.column]
    count = np.bincount(column, minlength=len(masses))
    couplings = np.full((len(masses), max(1, count.max(initial=0))), np.nan)
    status = np.full(couplings.shape, int(Status.ok))
    for mass in range(len(masses)):
        mine = column == mass
        couplings[mass, : count[mass]] = np.exp(roots.theta[mine, 1])
        status[mass, : count[mass]] = roots.status[mine]
    complete = np.ones(len(masses), bool)
    complete[order] = ~roots.uncertain
    return RelicCouplings(masses, couplings, count, status, complete, theory)


class Roots(NamedTuple):
    """All values of one parameter with Ω h² = target: `values` [R] in rising order (NumPy).

    status [R] holds codes of `Status`; `complete` is False where roots may be missing.
    """

    values: np.ndarray
    status: np.ndarray
    complete: bool


def find_roots(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    parameters: tuple[str, str],
    at: float,
    target: float = RELIC_DENSITY_TARGET,
    bounds: tuple[float, float] | None = None,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> Roots:
    """All roots of Ω h² = target in the second of two `parameters`, the first being `at`.

    As `find_relic_couplings`, for any pair of "mass", "sin2_2theta", "mediator_mass", "coupling";
    energies in MeV. Raises `ValueError` for the same mistakes.
    """
    check_double_precision("A search for roots")
    theory = theory_of(sterile, interaction, plasma, method)
    check_target(target)
    check_positive("at", at)
    check_names(theory, parameters)
    first, second = parameters
    check_within(theory, first, np.atleast_1d(at))
    low, high = log_bounds(theory, (second,), None if bounds is None else {second: bounds})
    roots = find_in_columns(
        Problem(theory, parameters), np.log([at]), low[0], high[0], float(np.log(target))
    )
    return Roots(np.exp(roots.theta[:, 1]), roots.status, not roots.uncertain[0])


class RelicCoupling(NamedTuple):
    """A root λ* of Ω h²(λ) = target, and the code of its `Status`; scalars."""

    coupling: jax.Array
    status_code: jax.Array


def relic_coupling(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    target: Any = RELIC_DENSITY_TARGET,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> RelicCoupling:
    r"""The root of Ω h²(λ) = target next to the mediator's own coupling, differentiable.

    A pure JAX function: `jax.grad`, `jit` and `vmap` run over every number of the arguments,
    `target` included. Newton's method in ln λ starts at the coupling of the mediator in
    `interaction`, for example one that `find_relic_couplings` found; the derivatives are those of
    the implicit function,
        d ln λ* = [d ln target − (∂ ln Ω h²/∂p) dp]/(∂ ln Ω h²/∂ ln λ),
    at the root whatever the way there (the start has none). The status is `max_steps`, and the
    coupling NaN, if Newton's method did not arrive: a wrong root has no derivative.

    Raises `ValueError` for a theory without mediator, a target that is not positive, and in single
    precision.
    """
    check_double_precision("A root")
    check_positive("target", target)
    theory = theory_of(sterile, interaction, plasma, method)
    check_names(theory, ("coupling",))
    return _relic_coupling(theory, jnp.asarray(target, float))


@eqx.filter_jit
def _relic_coupling(theory: Theory, target: jax.Array) -> RelicCoupling:
    def miss(log_coupling, theory, target):
        theory = with_values(theory, {"coupling": jnp.exp(log_coupling)})
        log_density, status, _ = log_density_and_status(theory)
        return log_density - jnp.log(target), status

    fixed, goal = jax.lax.stop_gradient((theory, target))
    low, high = (np.log(value) for value in domain_of(theory, "coupling"))
    solution = optx.root_find(
        lambda log_coupling, _: miss(log_coupling, fixed, goal)[0],
        optx.Newton(rtol=_TOLERANCE, atol=_TOLERANCE),
        jnp.log(values_of(fixed)["coupling"]),
        options={"lower": low, "upper": high},
        max_steps=_MOST_STEPS,
        throw=False,
    )
    root = jax.lax.stop_gradient(solution.value)
    (left, status), slope = jax.value_and_grad(miss, has_aux=True)(root, fixed, goal)
    arrived = (solution.result == optx.RESULTS.successful) & (jnp.abs(left) < 1e-6)
    status = jnp.where(arrived, status, int(Status.max_steps))
    # The last Newton step, with the arguments alive, has the derivatives of the implicit function.
    # (A solver that differentiates itself raises from within compiled code where it has failed.)
    root = root - miss(root, theory, target)[0] / jax.lax.stop_gradient(slope)
    # A factor, not a choice: a wrong root must not have the derivative zero either.
    coupling = jnp.exp(root) * jnp.where(arrived, 1.0, jnp.nan)
    return RelicCoupling(coupling, jax.lax.stop_gradient(status))
