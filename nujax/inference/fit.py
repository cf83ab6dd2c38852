r"""Parameters that give the observed relic density: `fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._checks import check_double_precision, check_positive
from ..constants import RELIC_DENSITY_PLANCK2018_ERROR, RELIC_DENSITY_TARGET
from ..interactions import AbstractInteraction
from ..plasma import Plasma
from ..production import AbstractMethod, Status
from ..sterile import SterileNeutrino
from ._fit_loop import FitStatus, Limits, Setup, run, searches_along_lines
from ._fit_result import FitResult, covariance_of, write_message
from ._gauss_newton import gauss_newton
from ._problem import PARAMETERS, Theory, check_names, domain_of, theory_of, values_of, with_values
from ._targets import Data, Penalty, check_data, check_free

# Starts of one compiled call: enough to share nodes, few enough that one does not wait for many.
_LANES = 16
# Points in a row that may fail on the way: the default takes back bad steps, others cannot.
_PATIENCE = 8
_SINGLE = 1e-4  # what single precision can reach


def fit(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    free: Sequence[str],
    target: float = RELIC_DENSITY_TARGET,
    sigma: float = RELIC_DENSITY_PLANCK2018_ERROR,
    mean_momentum: tuple[float, float] | None = None,
    penalties: Sequence[Penalty] = (),
    fixed: Mapping[str, float] | None = None,
    starts: int | Mapping[str, Any] = 16,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    tolerance: float = 1e-6,
    max_steps: int = 100,
    optimiser: optax.GradientTransformation | None = None,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
    seed: int = 0,
) -> FitResult:
    r"""Parameters of a theory for which Ω h² is the target, from many starts at once.

    χ² = [ln(Ω h²/target) target/σ]² + [(⟨x⟩ − value)/σ_x]² + Σ penalty² is minimised over the
    logarithms of the free parameters, downhill from every start: one datum has a curve or a
    surface of solutions, and which one is found depends on the start.

    sterile, interaction, plasma, method   the theory, as in `solve_production`
    free           names of the free ones of "mass", "sin2_2theta", "mediator_mass", "coupling";
                   the others stay as they are in the theory
    target, sigma  Ω h² and its standard deviation [1]; σ matters beside other terms and for the
                   covariance. Default: Planck 2018 (1807.06209)
    mean_momentum  (⟨x⟩, σ_x), to be met too
    penalties      functions {name: value} → residual, squared in χ², of all parameters (energies
                   in MeV); `one_sided` helps. The same function object is not compiled again
    fixed          {name: value}: values that replace those of the theory
    starts         number of starts, or their values {name: [S]} of every free parameter. Of a
                   number the first is the theory as it stands, if within the bounds, and the
                   others are random, uniform in the logarithm within the bounds
    bounds         {name: (low, high)} of free parameters (energies in MeV), where they differ
                   from the domain of nujax (mass 0.1 keV … 1 MeV, sin²2θ 1e-16 … 1e-2,
                   mediator 1 keV … 100 GeV, coupling 1e-12 … perturbativity). A fit slides along
                   a bound while it still goes down
    tolerance      converged means |ln(Ω h²/target)| ≤ tolerance
    max_steps      of one start
    optimiser      any of optax, also with a line search; its steps are cut at the bounds and its
                   loss is ½ ln²(Ω h²/target) [+ …]. Default: Gauss–Newton with a trust region,
                   which `benchmarks/fit.py` compares with others
    seed           of the random starts

    Compiled once per kind of theory (and optimiser, and set of data). A start ends in one of the
    ways of `FitStatus`, and `FitResult.messages` says how; only `converged` is an answer.

    Raises `ValueError` for unknown, repeated or no free parameters, those of a missing mediator,
    one that is fixed too, target, sigma or tolerance ≤ 0, bounds that are inverted or outside the
    domain, starts outside the bounds, and tolerances below 1e-4 in single precision; `TypeError`
    for arguments of a wrong kind.
    """
    if isinstance(tolerance, (int, float)) and tolerance < _SINGLE:
        check_double_precision(f"A fit to {tolerance:g}")
    theory = theory_of(sterile, interaction, plasma, method)
    free = check_free(theory, free)
    theory = _with_fixed(theory, free, fixed or {})
    check_data(target, sigma, mean_momentum)
    check_positive("tolerance", tolerance)
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1:
        raise ValueError(
            f"Argument `max_steps` must be a positive whole number, but is {max_steps!r}."
        )
    box = bounds_of(theory, free, bounds or {})
    values = _starts_of(theory, free, starts, box, seed)

    names = tuple(name for name in PARAMETERS if name in values_of(theory))
    dtype = jnp.result_type(float)
    now = {name: float(value) for name, value in values_of(theory).items()}
    start = np.stack([values.get(n, np.full(len(values[free[0]]), now[n])) for n in names], axis=1)
    edges = np.array([box.get(name, (now[name], now[name])) for name in names])
    residuals = 1 + (mean_momentum is not None) + len(penalties)
    chosen = gauss_newton(residuals) if optimiser is None else optimiser
    chosen = optax.with_extra_args_support(chosen)
    setup = Setup(
        names=names,
        momentum=mean_momentum is not None,
        penalties=tuple(penalties),
        optimiser=chosen,
        sequential=optimiser is not None and searches_along_lines(chosen),
        patience=_PATIENCE if optimiser is None else 1,
        capacity=max(128, 1 << int(max_steps).bit_length()),
    )
    # Plain floats: a NumPy number would be another trace.
    value, error = mean_momentum or (1.0, 1.0)
    data = Data(float(target), float(sigma), (float(value), float(error)))
    limits = Limits(
        free=np.array([name in free for name in names]).astype(dtype),
        lower=np.log(edges[:, 0]).astype(dtype),
        upper=np.log(edges[:, 1]).astype(dtype),
        tolerance=float(tolerance),
        max_steps=max_steps,
    )
    outcome = _run_all(setup, theory, np.log(start).astype(dtype), data, limits)
    return _result(outcome, theory, names, free, limits, target)


def bounds_of(
    theory: Theory, free: tuple[str, ...], bounds: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Checked bounds of every free parameter, the domain of nujax filled in."""
    for name in bounds:
        if name not in free:
            raise ValueError(
                f"Argument `bounds` must name free parameters ({', '.join(free)}), but has {name}."
            )
    box = {}
    for name in free:
        domain = domain_of(theory, name)
        try:
            low, high = (float(edge) for edge in bounds.get(name, domain))
        except (TypeError, ValueError):
            raise ValueError(
                f"Argument `bounds[{name}]` must be two numbers (low, high), "
                f"but is {bounds[name]!r}."
            ) from None
        # The domain's own ends may be written with a rounding error, as 4π in decimals.
        inside = domain[0] * (1 - 1e-9) <= low and high <= domain[1] * (1 + 1e-9)
        if not (inside and low < high):
            raise ValueError(
                f"Argument `bounds[{name}]` must rise and lie within {domain[0]:g} to "
                f"{domain[1]:g}, but is ({low:g}, {high:g})."
            )
        box[name] = max(low, domain[0]), min(high, domain[1])
    return box


def _with_fixed(theory: Theory, free: tuple[str, ...], fixed: Mapping[str, float]) -> Theory:
    check_names(theory, tuple(fixed))
    for name, value in fixed.items():
        if name in free:
            raise ValueError(f"Argument `fixed` must not name a free parameter, but has {name}.")
        low, high = domain_of(theory, name)
        if not low <= value <= high:
            raise ValueError(
                f"Argument `fixed[{name}]` must lie between {low:g} and {high:g}, but is {value}."
            )
    return with_values(theory, {n: jnp.asarray(v, float) for n, v in fixed.items()})


def _starts_of(theory: Theory, free, starts, box, seed: int) -> dict[str, np.ndarray]:
    """Values [S] of every free parameter."""
    if isinstance(starts, Mapping):
        return _check_starts(starts, free, box)
    if isinstance(starts, bool) or not isinstance(starts, int) or starts < 1:
        raise ValueError(
            "Argument `starts` must be a positive whole number or the values of every free "
            f"parameter, but is {starts!r}."
        )
    low, high = np.log([box[name] for name in free]).T
    drawn = np.exp(np.random.default_rng(seed).uniform(low, high, (starts, len(free))))
    now = np.array([float(values_of(theory)[name]) for name in free])
    if np.all((np.log(now) >= low) & (np.log(now) <= high)):
        drawn[0] = now
    return dict(zip(free, drawn.T, strict=True))


def _check_starts(starts: Mapping[str, Any], free, box) -> dict[str, np.ndarray]:
    if set(starts) != set(free):
        raise ValueError(
            f"Argument `starts` must have values of {', '.join(free)}, but has "
            f"{', '.join(starts) or 'none'}."
        )
    values = {name: np.atleast_1d(np.asarray(starts[name], float)) for name in free}
    if len({v.shape for v in values.values()}) > 1 or values[free[0]].ndim > 1:
        shapes = ", ".join(f"{name} {v.shape}" for name, v in values.items())
        raise ValueError(f"Argument `starts` must have one length, but has shapes {shapes}.")
    if values[free[0]].size == 0:
        raise ValueError("Argument `starts` must have at least one start, but is empty.")
    for name, value in values.items():
        low, high = box[name]
        bad = value[~((value >= low) & (value <= high))]
        if bad.size:
            raise ValueError(
                f"Argument `starts[{name}]` must lie within its bounds {low:g} to {high:g}, "
                f"but is {bad[0]:g}."
            )
    return values


def _run_all(setup: Setup, theory: Theory, start: np.ndarray, data, limits) -> Any:
    """All starts in chunks of one size, so that their number costs no compilation."""
    n = len(start)
    padded = np.concatenate([start, np.repeat(start[-1:], -n % _LANES, axis=0)])
    is_real = np.arange(len(padded)) < n
    parts = [
        jax.device_get(run(setup, theory, chunk, real, data, limits))
        for chunk, real in zip(
            padded.reshape(-1, _LANES, start.shape[1]), is_real.reshape(-1, _LANES), strict=True
        )
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:n], *parts)


def _result(outcome: Any, theory, names, free, limits: Limits, target) -> FitResult:
    best, code = outcome.best, outcome.code
    columns = [names.index(name) for name in free]
    values = np.exp(best.theta[:, columns])
    parameters = dict(zip(free, values.T, strict=True))
    relic = np.exp(best.log_density)
    chi2 = np.where(np.isfinite(best.loss), np.sum(best.residuals**2, axis=1), np.nan)
    several = best.residuals.shape[1] > 1
    messages = []
    for i, (row, out) in enumerate(zip(values, outcome.out[:, columns], strict=True)):
        here = dict(zip(free, map(float, row), strict=True))
        held = {name: here[name] for name, is_out in zip(free, out, strict=True) if is_out}
        messages.append(
            write_message(
                FitStatus(int(code[i])), Status(int(outcome.point_status[i])), here, held,
                float(relic[i]), float(target), float(chi2[i]) if several else None,
                int(outcome.steps[i]),
            )
        )  # fmt: skip
    chosen = _best_of(best.loss, code, float(limits.tolerance))
    covariance, undetermined = np.full((len(free), len(free)), np.nan), ()
    if chosen is not None:
        covariance, undetermined = covariance_of(best.jacobian[chosen][:, columns], free)
    return FitResult(
        free=free,
        parameters=parameters,
        relic_density=relic,
        residual=best.log_density - np.log(target),
        mean_momentum=best.mean_momentum,
        chi2=chi2,
        status=code,
        messages=tuple(messages),
        steps=outcome.steps,
        history=outcome.history[:, : int(outcome.steps.max()) + 1].T,
        best=chosen,
        covariance=covariance,
        undetermined=undetermined,
        theory=theory,
    )


def _best_of(loss: np.ndarray, code: np.ndarray, tolerance: float) -> int | None:
    """The first start whose loss is the smallest up to the tolerance."""
    for wanted in (FitStatus.converged, FitStatus.compromise):
        at = np.flatnonzero(code == wanted)
        if at.size:
            return int(at[loss[at] <= loss[at].min() + tolerance**2][0])
    return None
