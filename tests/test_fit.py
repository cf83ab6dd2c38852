"""Fits reach the target where it can be reached, and say why where it cannot.

The truth of most tests is a method in closed form (toy.py), which compiles at once; the physics is
compared with the reference roots and, slowly, with a gradient flow that SciPy integrates.
"""

import math

import jax.numpy as jnp
import numpy as np
import optax
import problems
import pytest
import toy
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

import nujax as nj
from nujax.inference import FitStatus, fit, one_sided
from nujax.inference._problem import Problem, theory_of

_PLANE = ("mediator_mass", "coupling")
_BOUNDS = {"mediator_mass": (1.0, 1e4), "coupling": (1e-9, 4 * math.pi)}
_STANDARD, _PLASMA, _METHOD = nj.presets.paper()
_NU = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")
_FORCES = _STANDARD + nj.ScalarMediator(1e3, 0.3)


def _fit(**options):
    """A fit of the exact scalar with the inputs of the papers: one kind, compiled once."""
    return fit(_NU, _FORCES, plasma=_PLASMA, method=_METHOD, **options)


def _toy(at=None, **options):
    parts, rest = toy.theory(**(at or {}))
    return fit(*parts, **rest, **options)


def _plane(n, seed):
    """Random starts, uniform in the logarithm of the plane."""
    low, high = np.log([_BOUNDS[name] for name in _PLANE]).T
    drawn = np.exp(np.random.default_rng(seed).uniform(low, high, (n, 2)))
    return dict(zip(_PLANE, drawn.T, strict=True))


# --- the physics ------------------------------------------------------------------------------


@pytest.mark.slow
def test_thirty_starts_in_the_plane():
    """Verdicts as of the gradient flow (the slow test below): all but one have a root downhill."""
    starts = _plane(30, seed=0)
    result = _fit(free=_PLANE, starts=starts, bounds=_BOUNDS)
    done = result.status == FitStatus.converged
    np.testing.assert_array_equal(np.flatnonzero(~done), [19])
    assert np.all(np.abs(result.residual[done]) <= 1e-6)
    assert np.all(result.steps[done] <= 20)  # 15 is the longest of 150 that were tried
    # A heavy mediator suppresses the mixing before it produces: downhill is no mediator at all.
    assert result.status[19] == FitStatus.plateau
    assert "no root downhill: plateau" in result.messages[19]
    assert result.relic_density[19] == pytest.approx(0.00358171, rel=1e-5)
    # The loop's own Ω h² is that of the public function; 2e-6 joins tolerance and quadrature.
    for i in (0, 3, 16):
        mediator = nj.ScalarMediator(*(result.parameters[name][i] for name in _PLANE))
        forces = _STANDARD + mediator
        relic = nj.relic_density(_NU, forces, plasma=_PLASMA, method=_METHOD)
        assert float(relic) == pytest.approx(0.12, rel=2e-6)


@pytest.mark.slow
def test_history_goes_down_to_the_root():
    starts = {name: values[:4] for name, values in _plane(30, seed=0).items()}
    result = _fit(free=_PLANE, starts=starts, bounds=_BOUNDS)
    assert result.history.shape == (result.steps.max() + 1, 4)
    for i, steps in enumerate(result.steps):
        column = np.abs(result.history[:, i])
        assert np.all(np.isnan(column[steps + 1 :]))
        assert column[steps] == abs(result.residual[i])
        assert column[steps] == np.nanmin(column)


@pytest.mark.parametrize(
    "root", [r for r in problems.curve_roots() if r.case.convention == "exact"], ids=repr
)
def test_reference_roots(root):
    """λ and its error at the roots of an independent implementation, from 20 % beside them.

    λ: the tolerance of 1e-6 in Ω h² over its slope, and 1e-6 of the quadrature. The covariance of
    ln λ is (σ/target)²/slope²; 1e-4 is what gradients promise.
    """
    case = root.case
    if case.mediator_mass < 10.0:
        pytest.skip("T_final of the reference is not the default")
    result = _fit(
        free=["coupling"],
        fixed={"mediator_mass": case.mediator_mass},
        starts={"coupling": [case.coupling * 1.2, case.coupling / 1.2]},
        sigma=0.0024,
    )
    assert result.converged
    slope = root.derivatives["coupling"]
    np.testing.assert_allclose(
        result.parameters["coupling"], case.coupling, rtol=2e-6 / abs(slope) + 1e-9
    )
    assert result.covariance[0, 0] == pytest.approx((0.02 / slope) ** 2, rel=2e-4)
    assert result.undetermined == ()


def test_fold_is_a_local_minimum():
    """At 100 MeV and strong coupling the curve has no root: Ω h² is larger on either side."""
    result = _fit(
        free=["coupling"], fixed={"mediator_mass": 100.0}, starts={"coupling": [0.3, 0.05]}
    )
    assert list(result.status) == [FitStatus.local_minimum] * 2
    assert result.best is None
    assert not result.converged
    assert np.all(np.isnan(result.covariance))
    with pytest.raises(ValueError, match="No start of the fit reached the target"):
        _ = result.best_parameters
    found = result.parameters["coupling"][0]
    assert f"local minimum of |ln(Ω h²/target)| at coupling = {found:.6g}" in result.messages[0]

    def relic(coupling):
        forces = _STANDARD + nj.ScalarMediator(100.0, coupling)
        return float(nj.relic_density(_NU, forces, plasma=_PLASMA, method=_METHOD))

    # 1 % on either side of a minimum of curvature 6 raises Ω h² by 3e-4 of itself.
    assert relic(found) < min(relic(0.99 * found), relic(1.01 * found))


def test_present_values_are_the_first_start():
    first = _fit(free=["coupling"], starts=3, seed=5)
    assert first.parameters["coupling"][0] == pytest.approx(0.127782251445069, rel=1e-6)
    again = _fit(free=["coupling"], starts=3, seed=5)
    np.testing.assert_array_equal(first.parameters["coupling"], again.parameters["coupling"])
    other = _fit(free=["coupling"], starts=3, seed=6)
    assert not np.array_equal(first.history[0, 1:], other.history[0, 1:])
    assert first.best_theory.interaction.terms[1].coupling == first.best_parameters["coupling"]


_LOW, _HIGH = np.log([_BOUNDS[name] for name in _PLANE]).T


def _flow_reaches_the_target(problem, start):
    """Whether steepest descent of |ln(Ω h²/target)|, projected on the bounds, gets to 0.

    Also the largest slope where it ended. Arc length is time; at most 3000 evaluations, which only
    the noise of a plateau uses up.
    """
    budget = [3000]

    def value_and_slope(theta):
        budget[0] -= 1
        e = problem.gradients(np.clip(theta, _LOW, _HIGH)[None])
        return e.log_density[0] - math.log(0.12), e.slopes[0]

    sign = -np.sign(value_and_slope(start)[0])

    def velocity(_, theta):
        direction = sign * value_and_slope(theta)[1]
        out = ((theta <= _LOW) & (direction < 0)) | ((theta >= _HIGH) & (direction > 0))
        direction = np.where(out, 0.0, direction)
        length = np.linalg.norm(direction)
        return direction / length if length > 0 and budget[0] > 0 else 0 * direction

    def target(_, theta):
        return value_and_slope(theta)[0]

    target.terminal = True
    options = {"rtol": 1e-4, "atol": 1e-5, "max_step": 0.5, "events": target}
    flow = solve_ivp(velocity, (0.0, 60.0), start, **options)
    return flow.status == 1, np.max(np.abs(value_and_slope(flow.y[:, -1])[1]))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "seed"), [(30, 0), (60, 1)])
def test_verdicts_are_those_of_the_gradient_flow(n, seed):
    """The fit says "converged" exactly where SciPy's flow has a root downhill.

    One exception is allowed: on a plateau, where the slopes are the noise of the quadrature and
    the flow goes astray, longer steps may find their way down.
    """
    starts = _plane(n, seed)
    result = _fit(free=_PLANE, starts=starts, bounds=_BOUNDS)
    problem = Problem(theory_of(_NU, _FORCES, _PLASMA, _METHOD), _PLANE)
    for i, start in enumerate(np.log(np.stack(list(starts.values()), axis=1))):
        root, slope = _flow_reaches_the_target(problem, start)
        converged = result.status[i] == FitStatus.converged
        assert root == converged or (converged and slope < 1e-5), (i, result.messages[i])
        if not converged:
            assert result.messages[i].startswith("no root downhill: plateau")


# --- the method in closed form ----------------------------------------------------------------


def test_one_trace_for_a_kind_of_theory():
    """Free parameters, numbers of the theory, data, bounds and number of starts are traced."""
    _toy(free=["coupling"])
    before = len(toy.TRACES)
    _toy(
        at={"mass": 0.01, "mediator_mass": 2e3},
        free=["sin2_2theta", "mediator_mass"],
        fixed={"coupling": 2e-3},
        target=np.float64(0.1),
        sigma=0.01,
        starts=40,
        bounds={"sin2_2theta": (1e-12, 1e-6)},
        tolerance=1e-4,
        max_steps=50,
        seed=3,
    )
    assert len(toy.TRACES) == before


def test_every_root_of_the_s_and_every_end():
    """Starts on each branch go to its root, others end as they must; every word is checked."""
    start = np.array([0.3, 1.4, -1.5, -5.0])
    result = _toy(free=["coupling"], starts={"coupling": 1e-3 * np.exp(start)})
    assert list(result.status) == [FitStatus.converged] * 4
    # Slopes are 2 at ±√3 and −1 at 0: 1e-6 in ln Ω h² is at most 1e-6 in u.
    u = np.log(result.parameters["coupling"] / 1e-3)
    np.testing.assert_allclose(u, [0, 3**0.5, -(3**0.5), -(3**0.5)], atol=2e-6)
    assert "converged in" in result.messages[0]
    assert "coupling = 0.001" in result.messages[0]

    lost = _toy(at={"mediator_mass": 1e3 * math.e}, free=["coupling"], starts={"coupling": [4e-4]})
    assert lost.status[0] == FitStatus.local_minimum
    assert lost.parameters["coupling"][0] == pytest.approx(1e-3 / math.e, rel=1e-3)
    assert lost.residual[0] == pytest.approx(2 / 3 - 1, rel=1e-4)

    held = _toy(free=["coupling"], starts={"coupling": [0.04]}, bounds={"coupling": (0.02, 0.09)})
    assert held.status[0] == FitStatus.at_bound
    assert held.parameters["coupling"][0] == pytest.approx(0.02, rel=1e-12)
    assert held.messages[0].startswith("left the domain at the bound coupling = 0.02: ")

    short = _toy(free=["coupling"], starts={"coupling": [1e-9]}, max_steps=2)
    assert short.status[0] == FitStatus.max_steps
    assert short.steps[0] == 2
    assert short.messages[0].startswith("max_steps: still going down after 2 steps")


def test_slides_along_a_bound():
    """Downhill is a heavier mediator, which the bound forbids, and a weaker coupling: u = √3."""
    bounds = {"mediator_mass": (500.0, 1e3)}
    starts = {"mediator_mass": [1e3], "coupling": [1e-3 * math.exp(2.2)]}
    result = _toy(free=_PLANE, starts=starts, bounds=bounds)
    assert result.status[0] == FitStatus.converged
    assert result.parameters["mediator_mass"][0] == pytest.approx(1e3, rel=1e-12)
    assert math.log(result.parameters["coupling"][0] / 1e-3) == pytest.approx(3**0.5, abs=2e-6)


def test_bad_points_stop_their_start_only():
    """The start among points that all fail stops, its neighbours and those that can get out go on.

    At 0.2 the point is under-resolved, but downhill are good ones; a NaN leads nowhere.
    """
    result = _toy(
        free=["mass", "coupling"],
        starts={"mass": [0.95, 7e-3, 7e-3, 0.7], "coupling": [1e-3, 4e-3, 0.2, 4e-3]},
    )
    assert list(result.status) == [
        FitStatus.numerical_failure,
        FitStatus.converged,
        FitStatus.converged,
        FitStatus.numerical_failure,
    ]
    assert result.messages[0].startswith("numerical failure: non_finite at the start")
    assert result.messages[3].startswith("numerical failure: under_resolved at the start")
    assert np.isnan(result.residual[0])
    assert np.isnan(result.chi2[0])
    assert result.best == 1


def test_covariance_and_what_is_undetermined():
    """One datum, three parameters: pseudo-inverse, and both directions in which Ω h² stays."""
    result = _toy(free=["sin2_2theta", *_PLANE], starts={
        "sin2_2theta": [1e-9], "mediator_mass": [1.1e3], "coupling": [1.2e-3],
    }, sigma=0.006)  # fmt: skip
    u = math.log(result.best_parameters["coupling"] / 1e-3)
    slope = np.array([1.0, -1.0, u**2 - 1.0])
    expected = 0.05**2 * np.outer(slope, slope) / np.dot(slope, slope) ** 2
    np.testing.assert_allclose(result.covariance, expected, rtol=1e-6)
    assert len(result.undetermined) == 2
    for direction in result.undetermined:
        vector = np.array(list(direction.values()))
        assert np.linalg.norm(vector) == pytest.approx(1.0)
        assert np.dot(vector, slope) == pytest.approx(0.0, abs=1e-9)
    assert result.undetermined_words().startswith("The data do not determine ")
    assert "mediator_mass^" in str(result)


def test_mean_momentum_determines_a_second_parameter():
    """⟨x⟩ = 3 + v + u/2 and S(u) = v have one solution; the covariance is that of two data."""
    result = _toy(
        free=_PLANE,
        mean_momentum=(3.5, 0.1),
        starts={"mediator_mass": [900.0, 800.0], "coupling": [6e-3, 3e-3]},
    )
    assert np.all(result.status == FitStatus.converged)
    u, v = (
        np.log(result.parameters[n] / c) for n, c in (("coupling", 1e-3), ("mediator_mass", 1e3))
    )
    np.testing.assert_allclose(u**3 / 3 - u, v, atol=2e-6)
    # χ² ≤ tolerance² (target/σ)² is 1e-8: ⟨x⟩ to 1e-4 of its error.
    np.testing.assert_allclose(3 + v + u / 2, 3.5, atol=2e-5)
    np.testing.assert_allclose(result.mean_momentum, 3.5, atol=2e-5)
    J = np.array([[-1.0, u[result.best] ** 2 - 1.0], [1.0, 0.5]]) / np.array([[0.01], [0.1]])
    np.testing.assert_allclose(result.covariance, np.linalg.inv(J.T @ J), rtol=1e-3)
    assert result.undetermined == ()


def test_penalties_compromise_as_in_scipy():
    """A limit below the root: the minimum of χ² is SciPy's, and is not called an answer."""

    def limit(p):
        return one_sided(jnp.log(p["coupling"] / 4e-3), 0.05)

    options = {"free": ["coupling"], "starts": {"coupling": [7e-3]}, "sigma": 0.012}
    result = _toy(penalties=[limit], **options)
    assert result.status[0] == FitStatus.compromise
    assert result.best == 0
    assert not result.converged
    assert "compromise: minimum of χ²" in result.messages[0]

    def residuals(u):
        over = (u[0] - math.log(4.0)) / 0.05
        penalty = 0.0 if over < 0 else over**2 / 2 if over < 1 else over - 0.5
        return [10 * (u[0] ** 3 / 3 - u[0]), penalty]

    best = least_squares(residuals, [math.log(7.0)], xtol=1e-14, ftol=1e-14, gtol=1e-14)
    assert math.log(result.best_parameters["coupling"] / 1e-3) == pytest.approx(best.x[0], abs=1e-5)
    assert result.chi2[0] == pytest.approx(2 * best.cost, rel=1e-6)
    # A limit that the root respects changes nothing.
    free = _toy(penalties=[lambda p: one_sided(jnp.log(p["coupling"] / 0.09))], **options)
    assert free.status[0] == FitStatus.converged
    assert math.log(free.best_parameters["coupling"] / 1e-3) == pytest.approx(3**0.5, abs=2e-6)


def test_one_sided_is_smooth():
    u = np.array([-3.0, -1e-9, 0.0, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(one_sided(0.1 * u, 0.1), [0, 0, 0, 0.125, 0.5, 2.5], atol=1e-15)
    steps = np.diff(one_sided(np.linspace(-1, 3, 4001), 1.0)) / 1e-3
    assert np.all(np.diff(steps) >= -1e-9)  # convex, and …
    assert np.max(np.abs(np.diff(steps))) < 1.1e-3  # … its slope has no jump


@pytest.mark.parametrize(
    "optimiser",
    [
        optax.lbfgs(),
        optax.adam(0.02),
        optax.chain(optax.polyak_sgd(1e9, scaling=0.5), optax.clip_by_global_norm(1.0)),
    ],
    ids=["lbfgs", "adam", "polyak"],
)
def test_optimisers_of_optax(optimiser):
    """Line searches and extra arguments included; Adam needs more steps than the default."""
    result = _toy(
        free=_PLANE,
        optimiser=optimiser,
        starts={"mediator_mass": [1.2e3, 900.0, 1e3], "coupling": [1.2e-3, 5e-3, 0.5]},
        max_steps=900,
    )
    assert list(result.status[:2]) == [FitStatus.converged] * 2
    assert result.status[2] == FitStatus.numerical_failure  # 0.5 is a bad point
    for i in range(2):
        there = {name: result.parameters[name][i] for name in _PLANE}
        assert abs(toy.log_ratio(**there)) <= 1.1e-6


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"target": -1.0}, ValueError, "Argument `target` must be positive, but is -1.0."),
        ({"sigma": 0.0}, ValueError, "Argument `sigma` must be positive, but is 0.0."),
        ({"tolerance": 0}, ValueError, "Argument `tolerance` must be positive, but is 0.0."),
        ({"mean_momentum": (3.0, -1.0)}, ValueError, "Argument `mean_momentum` must be positive"),
        ({"mean_momentum": 3.0}, ValueError, "must be a pair (value, error), but is 3.0."),
        ({"max_steps": 0}, ValueError, "Argument `max_steps` must be a positive whole number"),
        (
            {"free": []},
            ValueError,
            "Argument `free` must name at least one parameter, but is empty",
        ),
        ({"free": "coupling"}, TypeError, "Argument `free` must be a sequence of names"),
        (
            {"free": ["lambda"]},
            ValueError,
            'Argument `parameter` must be one of "mass", "sin2_2the',
        ),
        ({"free": ["mass", "mass"]}, ValueError, "Argument `parameters` must name each one once"),
        (
            {"fixed": {"coupling": 0.1}},
            ValueError,
            "Argument `fixed` must not name a free parameter, but has coupling.",
        ),
        (
            {"fixed": {"mass": 7.1}},
            ValueError,
            "Argument `fixed[mass]` must lie between 0.0001 and",
        ),
        (
            {"bounds": {"coupling": (1.0, 0.1)}},
            ValueError,
            "must rise and lie within 1e-12 to 12.5664, but is (1, 0.1).",
        ),
        ({"bounds": {"coupling": (0.1, 0.1)}}, ValueError, "Argument `bounds[coupling]` must rise"),
        (
            {"bounds": {"coupling": (0.1, 20.0)}},
            ValueError,
            "Argument `bounds[coupling]` must rise",
        ),
        ({"bounds": {"coupling": 1.0}}, ValueError, "must be two numbers (low, high), but is 1.0."),
        ({"bounds": {"mass": (1e-3, 1e-2)}}, ValueError, "Argument `bounds` must name free param"),
        ({"starts": 0}, ValueError, "Argument `starts` must be a positive whole number or the val"),
        ({"starts": {"mass": [1.0]}}, ValueError, "Argument `starts` must have values of coupling"),
        (
            {"starts": {"coupling": []}},
            ValueError,
            "Argument `starts` must have at least one start",
        ),
        (
            {"starts": {"coupling": [0.1, 20.0]}},
            ValueError,
            "Argument `starts[coupling]` must lie within its bounds 1e-12 to 12.5664, but is 20.",
        ),
        ({"starts": {"coupling": [math.nan]}}, ValueError, "but is nan."),
        ({"method": "fast"}, TypeError, "Argument `method` must be of type AbstractMethod"),
    ],
)
def test_bad_input(options, error, sentence):
    parts, rest = toy.theory()
    with pytest.raises(error) as raised:
        fit(*parts, **{"free": ["coupling"], **rest, **options})
    assert sentence in str(raised.value)


def test_mediator_parameters_need_a_mediator():
    with pytest.raises(ValueError, match="Argument `interaction` must contain a mediator"):
        fit(_NU, _STANDARD, free=["coupling"])
