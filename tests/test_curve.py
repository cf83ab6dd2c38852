"""Allowed curves: every branch, folds where they are, ends in words.

Truth: circles and lines whose curves are known, reference folds and roots, closed forms.
"""

import subprocess
import sys

import matplotlib
import numpy as np
import problems
import pytest

import nujax as nj
from nujax.inference import RelicCurve, trace_relic_curve
from nujax.inference._columns import find_in_columns
from nujax.inference._continuation import Tracer
from nujax.inference._problem import Evaluation
from nujax.plot import relic_curve
from nujax.units import GeV, MeV, keV

STANDARD, PLASMA, METHOD = nj.presets.paper()
SETUP = {"plasma": PLASMA, "method": METHOD}
NU = nj.SterileNeutrino(7.1 * keV, 7e-11, "mu")
SCALAR = STANDARD + nj.ScalarMediator(1 * GeV, 0.1)
BOUNDS = {"mediator_mass": (1 * MeV, 10 * GeV)}


class Known:
    """A problem whose ln Ω h² is a given function of θ; NaN where `hole` says so."""

    names = ("mediator_mass", "coupling")

    def __init__(self, function, slopes, hole=lambda theta: False):
        self.function, self.of_slopes, self.hole = function, slopes, hole

    def values(self, theta):
        y = np.array([np.nan if self.hole(t) else self.function(t) for t in theta])
        status = np.where(np.isnan(y), int(nj.Status.non_finite), int(nj.Status.ok))
        return Evaluation(y, status, np.zeros(len(y)), np.array([self.of_slopes(t) for t in theta]))

    quick = values

    def value_and_slope(self, theta, trusted):
        return self.values(theta[None])


def _circle(radius=1.0, **more):
    return Known(lambda t: t @ t - radius**2, lambda t: 2.0 * t, **more)


def test_a_circle_closes_and_folds_at_its_sides():
    path = Tracer(_circle(), np.full(2, -3.0), np.full(2, 3.0), 0.0, 0.15).trace(
        np.array([0.6, 0.8])
    )
    assert path.closed
    np.testing.assert_allclose(path.theta[0], path.theta[-1])
    # Newton leaves half the square of its last step: below 1e-4, here mostly far below.
    np.testing.assert_allclose(np.linalg.norm(path.theta, axis=1), 1.0, atol=2e-9)
    np.testing.assert_allclose(sorted(path.folds[:, 0]), [-1.0, 1.0], atol=1e-8)
    np.testing.assert_allclose(path.folds[:, 1], 0.0, atol=1e-6)
    angle = np.unwrap(np.arctan2(path.theta[:, 1], path.theta[:, 0]))
    assert abs(angle[-1] - angle[0]) == pytest.approx(2 * np.pi, abs=1e-6)  # once, not twice
    assert np.all(np.abs(np.sum(path.theta * path.tangent, axis=1)) < 1e-4)


def test_a_curve_ends_exactly_on_the_bounds():
    path = Tracer(_circle(), np.array([-3.0, -0.5]), np.array([0.5, 3.0]), 0.0, 0.15).trace(
        np.array([0.0, 1.0])
    )
    assert not path.closed
    assert path.theta[-1] == pytest.approx([0.5, np.sqrt(0.75)], abs=1e-9)
    assert path.theta[0] == pytest.approx([-np.sqrt(0.75), -0.5], abs=1e-9)
    assert path.ends == ("leaves the bounds at coupling = 0.606531",
                         "leaves the bounds at mediator_mass = 1.64872")  # fmt: skip


def test_what_was_traced_before_a_hole_is_kept():
    problem = _circle(hole=lambda t: t[1] < 0.0)
    path = Tracer(problem, np.full(2, -3.0), np.full(2, 3.0), 0.0, 0.15).trace(np.array([0.0, 1.0]))
    assert len(path.theta) > 15
    assert all(end.startswith("stopped at mediator_mass = ") for end in path.ends)
    assert path.theta[0] == pytest.approx([-1.0, 0.0], abs=1e-3)
    assert path.theta[-1] == pytest.approx([1.0, 0.0], abs=1e-3)


def test_a_fold_that_cannot_be_located_is_told():
    tracer = Tracer(_circle(), np.full(2, -3.0), np.full(2, 3.0), 0.0, 0.15)
    tracer.exact_fold = lambda point, bend: None
    path = tracer.trace(np.array([0.6, 0.8]))
    assert len(path.folds) == 0
    assert len(path.lost) == 2
    assert all("could not be located" in words for words in path.lost)


def test_columns_find_roots_and_turning_points_of_known_functions():
    across = np.linspace(-2.0, 2.0, 41)
    roots = find_in_columns(_circle(), across, -6.0, 9.0, 0.0)
    expected = np.concatenate(
        [np.sqrt(1 - u**2) * np.array([-1, 1]) for u in across if abs(u) < 1 - 1e-9]
    )
    inner = np.abs(np.abs(roots.theta[:, 0]) - 1.0) > 1e-9  # at ±1 the circle only touches
    np.testing.assert_allclose(roots.theta[inner, 1], expected, atol=1e-8)


@pytest.fixture(scope="module")
def curve():
    return trace_relic_curve(NU, SCALAR, bounds=BOUNDS, **SETUP)


def test_the_s_curve_is_one_branch_with_the_reference_folds(curve):
    assert curve.complete
    assert curve.problems == ()
    assert len(curve.branches) == 1
    assert len(curve.points) >= 100
    folds = problems.curve_folds("exact")
    assert len(curve.folds) == 2
    for found, name in zip(curve.folds, ("fold_BC", "fold_AB"), strict=True):
        # The mass is stationary at a fold, the coupling feels the error of a derivative.
        assert found[0] == pytest.approx(folds[name][0], rel=1e-6)
        assert found[1] == pytest.approx(folds[name][1], rel=1e-4)


def test_points_have_the_relic_density_and_tangents_the_slope(curve):
    branch = curve.branches[0]
    for k in range(0, len(branch.points), 9):
        mass, coupling = branch.points[k]
        omega = nj.relic_density(NU, STANDARD + nj.ScalarMediator(mass, coupling), **SETUP)
        assert float(omega) == pytest.approx(0.12, rel=1e-6)
        assert branch.status[k] == nj.Status.ok
    along = np.sum(branch.tangents * branch.gradients, axis=1)
    np.testing.assert_allclose(along, 0.0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(branch.tangents, axis=1), 1.0)
    # Tangents point from one point to the next.
    steps = np.diff(np.log(branch.points), axis=0)
    assert np.all(np.sum(steps * branch.tangents[:-1], axis=1) > 0)


def test_every_reference_root_lies_on_the_curve(curve):
    logs = np.log(curve.points)
    for root in problems.curve_roots():
        case = root.case
        # Below 6 MeV the default T_final is not the one of the reference.
        if case.convention != "exact" or not 6.0 <= case.mediator_mass <= 1e4:
            continue
        here = np.log([case.mediator_mass, case.coupling])
        k = int(np.argmin(np.linalg.norm(logs - here, axis=1)))
        # From the nearest point along its tangent: what is left is curvature × distance²/2.
        normal = curve.branches[0].gradients[k]
        aside = (here - logs[k]) @ normal / np.linalg.norm(normal)
        assert abs(aside) < 0.75 * np.sum((here - logs[k]) ** 2) + 1e-6


def test_regimes_follow_each_other_along_the_s(curve):
    (regimes,) = curve.regimes()
    order = [a for a, b in zip(regimes, regimes[1:] + [""], strict=True) if a != b]
    assert order == ["C", "B", "A"]


def test_a_saved_curve_is_the_same(curve, tmp_path):
    curve.save(tmp_path / "s.json")
    again = RelicCurve.load(tmp_path / "s.json")
    assert again.as_dict() == curve.as_dict()
    np.testing.assert_array_equal(again.points, curve.points)


def test_the_figure_shows_regimes_and_folds(curve):
    axes = relic_curve(curve)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["C", "B", "A", "fold"]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    drawn = np.concatenate([line.get_xydata() for line in axes.lines[:-1]])
    assert set(map(tuple, curve.points)) == set(map(tuple, drawn))
    assert "pyplot" not in vars(matplotlib)  # no window system


def test_narrow_bounds_cut_the_curve_into_branches():
    bounds = {"mediator_mass": (600.0, 1500.0), "coupling": (1e-6, 1.0)}
    curve = trace_relic_curve(NU, SCALAR, bounds=bounds, **SETUP)
    assert curve.complete
    assert len(curve.branches) == 3  # between the folds: three couplings for each mass
    for branch in curve.branches:
        assert branch.points[0, 0] == pytest.approx(600.0, rel=1e-9)
        assert branch.points[-1, 0] == pytest.approx(1500.0, rel=1e-9)
        assert not len(branch.folds)


def test_the_plane_of_mass_and_mixing_without_a_mediator():
    # Closed form: Ω h² ∝ s² m₄² in the sources' inputs (physics of Dodelson–Widrow production).
    bounds = {"mass": (1 * keV, 50 * keV), "sin2_2theta": (1e-13, 1e-6)}
    curve = trace_relic_curve(
        NU, STANDARD, parameters=("mass", "sin2_2theta"), bounds=bounds, **SETUP
    )
    assert curve.complete
    mass, mixing = curve.points.T
    strength = mass**2 * mixing
    np.testing.assert_allclose(strength / strength[0], 1.0, rtol=1e-3)


def test_no_curve_is_an_answer():
    curve = trace_relic_curve(
        NU, SCALAR, bounds={"mediator_mass": (100.0, 200.0), "coupling": (1e-9, 1e-8)}, **SETUP
    )
    assert curve.complete
    assert curve.branches == ()
    assert curve.folds.shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": -0.1}, "`target` must be positive, but is -0.1"),
        ({"bounds": {"mediator_mass": (10.0, 1.0)}}, "must satisfy 0 < low < high"),
        ({"bounds": {"mass": (1e-3, 1e-2)}}, "`bounds` must be of mediator_mass, coupling"),
        ({"bounds": {"coupling": (1e-3, 1e3)}}, "`coupling` must lie within"),
        ({"bounds": {"coupling": 1.0}}, "must be pairs"),
        ({"parameters": ("coupling", "coupling")}, "must name each one once"),
        ({"parameters": ("coupling",)}, "must name two"),
        ({"parameters": ("coupling", "flavour")}, "`parameter` must be one of"),
        ({"interaction": STANDARD}, "must contain a mediator"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(ValueError, match=words):
        trace_relic_curve(**({"sterile": NU, "interaction": SCALAR} | change), **SETUP)


def test_single_precision_is_refused_with_the_line_to_paste():
    code = (
        "import nujax as nj; nu = nj.SterileNeutrino(7.1e-3, 7e-11)\n"
        "forces = nj.StandardModel() + nj.ScalarMediator(1e3, 0.1)\n"
        "for call in (lambda: nj.trace_relic_curve(nu, forces), lambda: nj.fit(nu, forces, "
        "free=['coupling']),\n    lambda: nj.find_relic_couplings(1e3, nu, forces), "
        "lambda: nj.relic_coupling(nu, forces)):\n"
        "    try: call()\n"
        "    except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    line = 'jax.config.update("jax_enable_x64", True)'
    assert [text.endswith(line) for text in done.stdout.splitlines()] == [True] * 4
