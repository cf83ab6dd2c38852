"""Sharp limits of integration, back-reaction, the two mixings, and warnings."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import problems
import pytest

import nujax as nj
from nujax import _degrees
from nujax.abundance import equilibrium_relic_density
from nujax.statistics import fermi_dirac
from nujax.units import MeV, keV

NU = nj.SterileNeutrino(7.1 * keV, 7e-11)
STANDARD, PLASMA, PAPER = nj.presets.paper()
LIGHT = STANDARD + nj.ScalarMediator(10 * MeV, 1e-6)


def _omega(forces, plasma=PLASMA, sterile=NU, **options):
    options = {"back_reaction": False, "mixing": "quasi-static"} | options
    method = nj.BoltzmannQuadrature(**options)
    return float(nj.relic_density(sterile, forces, plasma=plasma, method=method))


@pytest.mark.parametrize("cut", [300.0, 30.0, 4.0, 1.0])
def test_windows_add_up(cut):
    """T_initial and T_final are sharp: two adjacent windows give the whole.

    1e-6: the cut lies between nodes, where the rule is right to the resolution of the grid.
    """
    whole = _omega(LIGHT, T_initial=1e4, T_final=0.1)
    hot, cold = _omega(LIGHT, T_final=cut), _omega(LIGHT, T_initial=cut, T_final=0.1)
    assert hot + cold == pytest.approx(whole, rel=1e-6)
    assert 0 <= hot <= whole


def test_window_of_no_extent_is_refused():
    """An inverted window would give a negative abundance: refused before anything is computed."""
    with pytest.raises(ValueError, match="`T_final` must be below `T_initial`"):
        _omega(STANDARD, T_initial=1.0, T_final=2.0)
    with pytest.raises(ValueError, match="`T_final` must be below `T_initial`"):
        nj.solve_production(NU, STANDARD, method=nj.BoltzmannQuadrature(T_final=2e4))


def test_back_reaction_is_the_closed_form():
    """f = f_a(1 − e^(−I)) with I = f/f_a without back-reaction (constant g*)."""
    sterile = nj.SterileNeutrino(1 * keV, 1e-5)
    linear = nj.solve_production(sterile, STANDARD, plasma=PLASMA, method=PAPER)
    full = nj.solve_production(
        sterile, STANDARD, plasma=PLASMA, method=nj.BoltzmannQuadrature(mixing="averaged")
    )
    equilibrium = fermi_dirac(linear.x)
    expected = -jnp.expm1(-linear.f / equilibrium)
    np.testing.assert_allclose(full.f / equilibrium, expected, rtol=1e-12)
    assert float(full.relic_density) < float(linear.relic_density)


def test_strong_mixing_reaches_equilibrium():
    """With back-reaction Ω never exceeds that of a species in equilibrium, and tends to it."""
    sterile = nj.SterileNeutrino(1 * keV, 1e-2)
    omega = _omega(STANDARD, sterile=sterile, back_reaction=True, mixing="averaged")
    limit = float(equilibrium_relic_density(sterile.mass, PLASMA))
    assert omega < limit
    assert omega == pytest.approx(limit, rel=1e-3)


@pytest.mark.slow
def test_back_reaction_with_sliding_momenta():
    """The running sum along the comoving momentum: its size, against ½I for small production.

    1 − full/linear = ½⟨I²⟩/⟨I⟩. Were I the same at all momenta this would be half of the share of
    equilibrium; the spectrum is colder than thermal, I falls with x, and it is up to twice that.
    """
    plasma = nj.Plasma.standard()
    sterile = nj.SterileNeutrino(1 * keV, 3e-8)
    forces = nj.StandardModel()
    linear = _omega(forces, plasma, sterile)
    full = _omega(forces, plasma, sterile, back_reaction=True)
    share = linear / float(equilibrium_relic_density(sterile.mass, plasma))
    assert 0.5 * share < 1 - full / linear < share


def test_mixings_agree_without_resonance():
    """Δ²s² in the denominator is a correction of O(sin²2θ) where nothing resonates."""
    sterile = nj.SterileNeutrino(7.1 * keV, 1e-4)
    quasi, averaged = (
        _omega(STANDARD, sterile=sterile, mixing=word) for word in ("quasi-static", "averaged")
    )
    assert abs(averaged / quasi - 1) < 2e-4


@pytest.mark.slow
def test_spectrum_and_abundance_agree():
    """The sum over the returned spectrum is the relic density: fast nodes against the lattice.

    Constant g*: both converge exponentially. g*(T): 1e-4, the kinks of C(T, y) where its table
    ends are integrated by 24 momenta on one side and by 126 on the other.
    """
    for plasma, forces, bound in (
        (PLASMA, LIGHT, 1e-6),
        (nj.Plasma.standard(), nj.StandardModel() + nj.ScalarMediator(1e3, 1e-3), 1e-4),
    ):
        result = nj.solve_production(NU, forces, plasma=plasma)
        step = float(jnp.log(result.x[1] / result.x[0]))
        number = float(jnp.sum(result.x**3 * result.f)) * step
        degrees = float(plasma.entropy_degrees(result.T_final))
        expected = float(result.comoving_yield) * degrees * 2 * np.pi**4 / 45
        assert number == pytest.approx(expected, rel=bound)


def test_unfinished_production_warns():
    """A T_final inside the production is allowed, and said."""
    method = nj.BoltzmannQuadrature(T_final=50.0)
    result = nj.solve_production(NU, STANDARD, plasma=PLASMA, method=method)
    assert any("unfinished at T_final = 50" in message for message in result.warnings())
    complete = nj.solve_production(NU, STANDARD, plasma=PLASMA)
    assert complete.warnings() == []


@pytest.mark.slow
def test_derivative_with_respect_to_a_limit():
    """dΩ/dT_final is minus the integrand at the limit: the cut is differentiable."""

    def omega(T_final):
        method = nj.BoltzmannQuadrature(back_reaction=False, T_final=T_final)
        return nj.relic_density(NU, LIGHT, plasma=PLASMA, method=method)

    step = 1e-3
    difference = (omega(5.0 + step) - omega(5.0 - step)) / (2 * step)
    assert float(jax.grad(omega)(5.0)) == pytest.approx(float(difference), rel=1e-5)
    assert float(difference) < 0


def test_history_integrates_to_the_spectrum():
    """The kept history df/d ln z sums to f."""
    method = nj.BoltzmannQuadrature(back_reaction=False, keep_history=True)
    result = nj.solve_production(NU, LIGHT, plasma=PLASMA, method=method)
    history = result.history
    assert history is not None
    inside = (history.T < 1e4) & (float(result.T_final) < history.T)
    step = float(jnp.log(history.T[0] / history.T[1]))
    total = jnp.sum(jnp.where(inside[:, None], history.rate, 0.0), axis=0) * step
    # A rectangle at either limit, where next to nothing is made.
    np.testing.assert_allclose(total, result.f, rtol=1e-4)


# --- Cuts, back-reaction and plasmas against independent values ---------------------------------

_MOMENTUM = oracles.Case(7.1e-3, 7e-11, 10.0, 1e-6)  # light mediator: produced from 10 to 1 MeV
_WEAK = oracles.Case(7.1e-3, 7e-11)  # Standard Model: around 150 MeV
_WINDOWS = {
    "light-hot": (_MOMENTUM, 1e4, 5.0),
    "light-middle": (_MOMENTUM, 17.3, 2.1),
    "light-thin": (_MOMENTUM, 4.0, 3.7),
    "light-cold": (_MOMENTUM, 1.9, 0.1),
    "weak-hot": (_WEAK, 1e4, 180.0),
    "weak-middle": (_WEAK, 260.0, 70.0),
    "weak-thin": (_WEAK, 150.0, 140.0),
    "weak-cold": (_WEAK, 123.4, 0.1),
}


@pytest.mark.parametrize("name", _WINDOWS)
def test_cuts_inside_the_support(name):
    """Sharp limits are sharp to 1e-6 wherever they cut; 5e-6 of a window thinner than one node.

    Measured: below 1e-7, but 1.7e-6 of the window from 150 to 140 MeV, 1/14 in ln T (nodes: 1/8).
    """
    case, T_initial, T_final = _WINDOWS[name]
    case = replace(case, T_initial=T_initial, T_final=T_final)
    sterile, interaction, plasma, method = problems.build(case)
    result = nj.solve_production(sterile, interaction, plasma=plasma, method=method)
    expected = oracles.relic_density(case, rtol=1e-9)
    assert result.status is nj.Status.ok
    goal = 5e-6 if name.endswith("thin") else 1e-6
    assert float(result.relic_density) == pytest.approx(expected.relic_density, rel=goal)
    assert float(result.mean_momentum) == pytest.approx(expected.mean_momentum, rel=goal)


def test_windows_add_up_with_resonances_and_sliding_momenta():
    """Numbers that are comoving add up when g*(T) makes the momenta slide, resonance included."""
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11)
    forces = nj.StandardModel() + nj.ScalarMediator(1e3, 0.1)
    cut = 47.0

    @jax.jit
    def number(T_initial, T_final):
        method = nj.BoltzmannQuadrature(False, T_initial=T_initial, T_final=T_final)
        return nj.relic_density(sterile, forces, method=method)

    whole, hot, cold = number(1e4, 1.0), number(1e4, cut), number(cut, 1.0)
    assert float(cold) > 1e-3 * float(whole)
    assert float(hot + cold) == pytest.approx(float(whole), rel=1e-5)


# Ω h² far above, near and far below that of equilibrium; with and without resonances.
_STRONG = (
    (7.1e-3, 1e-7, 1e3, 0.1),
    (7.1e-3, 1e-9, 1.0, 1e-4),
    (1e-3, 1e-6, 10.0, 1e-2),
    (1e-2, 1e-14, 10.0, 1e-3),
)


@pytest.mark.slow
@pytest.mark.parametrize("plasma", [PLASMA, nj.Plasma.standard()], ids=lambda p: p.degrees)
def test_never_more_than_in_equilibrium(plasma):
    """0 ≤ f_s ≤ f_a at every momentum, and Ω h² below that of equilibrium, however strong."""

    @eqx.filter_jit
    @jax.vmap
    def solve(point):
        sterile = nj.SterileNeutrino(point[0], point[1])
        forces = nj.StandardModel() + nj.ScalarMediator(point[2], point[3])
        result = nj.solve_production(sterile, forces, plasma=plasma)
        limit = equilibrium_relic_density(point[0], plasma, result.T_final)
        return result.f / fermi_dirac(result.x), result.relic_density / limit

    ratio, share = solve(jnp.asarray(_STRONG))
    assert float(jnp.min(ratio)) >= 0.0
    assert float(jnp.max(ratio)) <= 1.0 + 1e-12
    assert 0.5 < float(jnp.max(share)) <= 1.0 + 1e-6
    assert float(jnp.min(share)) < 0.1


def test_back_reaction_of_a_resonance():
    """f = f_a(1 − e^(−I)) row by row on the lattice, and its integral is Ω h²."""
    sterile = nj.SterileNeutrino(7.1e-3, 1e-8)
    forces = STANDARD + nj.ScalarMediator(1e3, 0.1)
    linear, full = (
        nj.solve_production(
            sterile, forces, plasma=PLASMA, method=nj.BoltzmannQuadrature(back_reaction=word)
        )
        for word in (False, True)
    )
    expected = -np.expm1(-linear.f / fermi_dirac(linear.x))
    assert 0.1 < float(np.max(expected)) < 1.0
    np.testing.assert_allclose(full.f / fermi_dirac(full.x), expected, rtol=1e-11)
    weight = linear.x**3 * fermi_dirac(linear.x)
    share = float(jnp.sum(weight * expected) / jnp.sum(linear.x**3 * linear.f))
    assert float(full.relic_density / linear.relic_density) == pytest.approx(share, rel=1e-4)


def test_little_back_reaction():
    """1 − Ω/Ω_linear = I/2 for small I, the same at all momenta in the closed form."""
    for sin2_2theta in (7e-11, 7e-9):
        sterile = nj.SterileNeutrino(7.1e-3, sin2_2theta)
        missing = 1.0 - _omega(STANDARD, sterile=sterile, back_reaction=True) / _omega(
            STANDARD, sterile=sterile
        )
        ratio = float(nj.abundance.dodelson_widrow_ratio(sterile))
        assert missing == pytest.approx(ratio / 2.0, rel=2.0 * ratio + 1e-4)


def test_mixings_differ_by_their_mixing():
    """Without a resonance the two forms of the mixing differ in proportion to sin²2θ."""

    def difference(sin2_2theta):
        sterile = nj.SterileNeutrino(7.1e-3, sin2_2theta)
        quasi = _omega(LIGHT, sterile=sterile)
        return 1.0 - _omega(LIGHT, sterile=sterile, mixing="averaged") / quasi

    large, small = difference(1e-3), difference(1e-4)
    assert 0.0 < small < 1e-4
    assert large / small == pytest.approx(10.0, rel=1e-2)


@pytest.mark.slow
def test_constant_degrees_through_the_general_path(monkeypatch):
    """The code for g*(T) given a table of a constant is the code for a constant g*."""
    start, spacing = _degrees.KNOT_SPACING * _degrees._LOWEST, _degrees.KNOT_SPACING

    def flat(log_t):
        return np.tile([10.75, 10.75, 0.0], (len(log_t), 1))

    table = _degrees.projected_table(flat, start, spacing, -2 * _degrees._LOWEST, [])
    original = _degrees.degrees_table
    monkeypatch.setattr(_degrees, "SOURCES", (*_degrees.SOURCES, "flat"))
    monkeypatch.setattr(
        _degrees,
        "degrees_table",
        lambda source: (table, start, spacing) if source == "flat" else original(source),
    )
    sterile = nj.SterileNeutrino(7.1e-3, 1e-6)
    forces = nj.StandardModel() + nj.ScalarMediator(1.0, 1e-6)
    method = nj.BoltzmannQuadrature(T_final=0.1)
    general, constant = (
        nj.solve_production(sterile, forces, plasma=plasma, method=method)
        for plasma in (nj.Plasma("flat"), PLASMA)
    )
    assert float(general.relic_density) == pytest.approx(float(constant.relic_density), rel=1e-6)
    assert float(general.mean_momentum) == pytest.approx(float(constant.mean_momentum), rel=1e-6)
    at = jnp.array([0.3, 2.0, 8.0])
    np.testing.assert_allclose(general.distribution(at), constant.distribution(at), rtol=1e-6)


def test_late_start_and_light_mediators_warn():
    """What the other warnings say: production before T_initial, mediators active below 2 MeV."""
    method = nj.BoltzmannQuadrature(T_initial=200.0)
    late = nj.solve_production(NU, STANDARD, plasma=PLASMA, method=method)
    assert any("begun before T_initial = 200" in message for message in late.warnings())
    forces = STANDARD + nj.ScalarMediator(1.0, 1e-6)
    light = nj.solve_production(NU, forces, plasma=PLASMA)
    assert any("T_ν = T is then an approximation" in message for message in light.warnings())
    assert float(light.T_final) == pytest.approx(1.0 / 60.0)
