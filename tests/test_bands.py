"""Bands of a relic curve: every displaced point has the target under the other assumption."""

import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax.inference import HadronicRates, RelicCurve, trace_relic_curve, uncertainty_bands
from nujax.plot import relic_curve
from nujax.units import GeV, MeV, keV

STANDARD, PLASMA, METHOD = nj.presets.paper()
NU = nj.SterileNeutrino(7.1 * keV, 7e-11, "mu")


@pytest.fixture(scope="module")
def curve():
    bounds = {"mediator_mass": (300 * MeV, 3 * GeV)}
    forces = STANDARD + nj.ScalarMediator(1 * GeV, 0.1)
    return trace_relic_curve(NU, forces, bounds=bounds, max_step=0.4, plasma=PLASMA, method=METHOD)


@pytest.fixture(scope="module")
def bands(curve):
    return uncertainty_bands(curve, sigma=0.002)


@pytest.mark.slow
def test_measured_density(curve, bands):
    (points,), branch = bands["relic_density"].high, curve.branches[0]
    assert np.all(np.isfinite(points))  # at the folds too
    for mass, coupling in points[::7]:
        forces = STANDARD + nj.ScalarMediator(mass, coupling)
        omega = nj.relic_density(NU, forces, plasma=PLASMA, method=METHOD)
        assert float(omega) == pytest.approx(0.122, rel=1e-6)
    # To first order δ = (δΩ/Ω)/|g|; the second is 1e-2 of it.
    moved = np.linalg.norm(np.log(points / branch.points), axis=1)
    first = np.log(0.122 / 0.12) / np.linalg.norm(branch.gradients, axis=1)
    np.testing.assert_allclose(moved, first, rtol=0.05)


def test_hadronic_rates(bands, curve):
    (low,), (high,) = bands["hadronic"]
    for share, points in ((-0.2, low), (0.2, high)):
        for mass, coupling in points[::11]:
            forces = STANDARD + nj.ScalarMediator(mass, coupling) + HadronicRates(share, STANDARD)
            omega = nj.relic_density(NU, forces, plasma=PLASMA, method=METHOD)
            assert float(omega) == pytest.approx(0.12, rel=1e-6)
    # More collisions of the Standard Model need fewer of the new force: opposite sides.
    g = curve.branches[0].gradients
    side = [np.sum(np.log(p / curve.points) * g, axis=1) for p in (low, high)]
    # (The points of the curve are themselves good to the square of its last Newton step, 1e-8.)
    assert np.all(side[0] >= -1e-7)
    assert np.all(side[1] <= 1e-7)


def test_hadronic_rates_fade_outside_the_transition():
    rates = HadronicRates(0.2, STANDARD)
    T = jnp.array([10.0, 150.0, 200.0, 300.0, 5000.0])
    share = rates.interaction_rate(3 * T, T, "mu") / STANDARD.interaction_rate(3 * T, T, "mu")
    assert list(share[1:4]) == pytest.approx([0.2] * 3)
    assert np.all(share[jnp.array([0, 4])] < 1e-10)
    assert np.all(rates.thermal_potential(3 * T, T, "mu") == 0)


def test_a_constant_plasma_has_no_other_degrees(bands):
    assert set(bands) == {"relic_density", "hadronic"}


def test_bands_are_shaded_in_the_figure(curve, bands):
    axes = relic_curve(curve, bands=bands)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["relic density", "hadronic", "C", "B", "A", "fold"]
    (low,), (high,) = bands["relic_density"]
    np.testing.assert_allclose(axes.patches[0].get_xy()[:-1], np.concatenate([low, high[::-1]]))


@pytest.mark.long
def test_degrees_of_freedom():
    forces = nj.StandardModel() + nj.ScalarMediator(1 * GeV, 0.1)
    bounds = {"mediator_mass": (300 * MeV, 3 * GeV)}
    curve = trace_relic_curve(NU, forces, bounds=bounds, max_step=0.4)
    (points,) = uncertainty_bands(curve)["degrees"].high
    plasma = nj.Plasma.standard(degrees="borsanyi")
    for mass, coupling in points[::7]:
        forces = nj.StandardModel() + nj.ScalarMediator(mass, coupling)
        omega = nj.relic_density(NU, forces, plasma=plasma)
        # A batch and a single point may stop at different lattices, which agree to 1e-6 or so.
        assert float(omega) == pytest.approx(0.12, rel=5e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sigma": -1.0}, "`sigma` must be zero or positive"),
        ({"sigma": 0.2}, "must be below the target"),
        ({"hadronic": 1.0}, "must be below the target and 1"),
    ],
)
def test_bad_input(curve, change, words):
    with pytest.raises(ValueError, match=words):
        uncertainty_bands(curve, **change)


def test_a_loaded_curve_has_no_theory(curve, tmp_path):
    curve.save(tmp_path / "s.json")
    with pytest.raises(ValueError, match="loaded without one"):
        uncertainty_bands(RelicCurve.load(tmp_path / "s.json"))
