"""Resonant production against an independent implementation, SciPy and closed forms."""

import json
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import resonant_oracle
from scipy.integrate import dblquad

import nujax as nj
from nujax.production._resonant_average import Edges, mean_lorentzian
from nujax.production._resonant_plasma import charge_susceptibility, response, susceptibility
from nujax.units import keV

DATA = json.loads((Path(__file__).parent / "data" / "resonant.json").read_text(encoding="utf-8"))
POINTS = DATA["points"]
# The potential of the reference weighs massive charged leptons by their energy density.
FORCES = nj.StandardModel(potential="energy-density")


def sterile_of(point, flavour=None):
    return nj.SterileNeutrino(point["m_keV"] * keV, point["s2"], flavour or point["flavour"])


@cache
def solve(mass_keV, sin2_2theta, flavour, eta, redistribution="charge-neutrality", bins=256):
    sterile = nj.SterileNeutrino(mass_keV * keV, sin2_2theta, flavour)
    method = nj.Resonant(eta, redistribution=redistribution, bins=bins)
    return nj.solve_production(sterile, FORCES, method=method)


def solve_point(point, **more):
    return solve(point["m_keV"], point["s2"], point["flavour"], point["eta_10GeV"], **more)


def check_point(point):
    result = solve_point(point)
    assert result.status is nj.Status.ok
    # Errors of the reference are 2 to 3e-4, ours 2e-4 (Ω h²) and 4e-4 (⟨x⟩).
    assert float(result.relic_density) == pytest.approx(point["omega_h2"], rel=6e-4)
    assert float(result.mean_momentum) == pytest.approx(point["mean_p_over_T"], rel=6e-4)
    found = result.asymmetry
    assert float(found.residual) == pytest.approx(point["eta_final"], rel=2e-3)
    assert float(found.antineutrino_share) == pytest.approx(point["nubar_share"], rel=2e-3)
    assert float(found.violation) < 1e-13  # rounding
    # Exact law: what the asymmetry lost is the difference of ν_s and ν̄_s.
    q = np.array(point["spectrum"]["q"])
    log_x, inside = np.log(np.asarray(result.x)), q >= 0.01
    for name, f in (("f_nu", found.f_neutrino), ("f_nubar", found.f_antineutrino)):
        values = np.exp(np.interp(np.log(q), log_x, np.log(np.asarray(f))))
        # Linear interpolation between 400 cells there and 256 here; steep in places.
        np.testing.assert_allclose(values[inside], np.array(point["spectrum"][name])[inside], 1e-2)


@pytest.mark.parametrize(
    "point", [p for p in POINTS if p["flavour"] == "mu"], ids=lambda p: f"{p['m_keV']}-{p['s2']}"
)
def test_reference(point):
    """Ω h², ⟨x⟩, spectra, residual asymmetry and share of ν̄_s of a converged solution for ν_μ."""
    check_point(point)


@pytest.mark.slow
@pytest.mark.parametrize("point", [p for p in POINTS if p["flavour"] == "tau"], ids=["tau"])
def test_reference_tau(point):
    """The same for ν_τ, whose charged lepton is absent from the plasma."""
    check_point(point)


@pytest.mark.slow
def test_electron_flavour():
    """ν_e, and the default potential, against SciPy on 200 cells (its error: 3e-4)."""
    sterile = nj.SterileNeutrino(7.115 * keV, 4e-11, "e")
    expected = resonant_oracle.solve(sterile, 0.0122, potential="exact", bins=200)
    result = nj.solve_production(sterile, nj.StandardModel(), method=nj.Resonant(0.0122))
    assert float(result.relic_density) == pytest.approx(expected["relic_density"], rel=6e-4)
    assert float(result.mean_momentum) == pytest.approx(expected["mean_momentum"], rel=6e-4)
    assert float(result.asymmetry.residual) == pytest.approx(expected["residual"], rel=2e-3)


@pytest.mark.slow
def test_without_redistribution():
    """c_V = 2 and ξ = 6L: Ω h² of the reference, and all of SciPy's numbers."""
    given = DATA["no_redistribution"]
    result = solve_point(given, redistribution="none")
    assert float(result.relic_density) == pytest.approx(given["omega_h2"], rel=5e-4)
    expected = resonant_oracle.solve(
        sterile_of(given), given["eta_10GeV"], redistribution="none", bins=200
    )
    assert float(result.mean_momentum) == pytest.approx(expected["mean_momentum"], rel=6e-4)
    assert float(result.asymmetry.residual) == pytest.approx(expected["residual"], rel=2e-3)


def test_no_asymmetry_is_dodelson_widrow():
    """η = 0: ν and ν̄ alike, and the abundance of `BoltzmannQuadrature` in the same window."""
    result = solve(7.115, 4e-11, "mu", 0.0)
    quadrature = nj.BoltzmannQuadrature(T_initial=1e4, T_final=10.0)
    sterile = nj.SterileNeutrino(7.115 * keV, 4e-11, "mu")
    expected = nj.relic_density(sterile, FORCES, method=quadrature)
    # Cells and steps of second order: 3e-4.
    assert float(result.relic_density) == pytest.approx(float(expected), rel=1e-3)
    assert float(result.asymmetry.antineutrino_share) == pytest.approx(0.5, abs=1e-12)
    assert float(result.asymmetry.residual) == 0.0


def test_sign_of_the_asymmetry_exchanges_neutrinos():
    """−η: the same abundance, of antineutrinos, and a residual of the other sign."""
    point = POINTS[0]
    plus = solve_point(point)
    minus = solve(point["m_keV"], point["s2"], "mu", -point["eta_10GeV"])
    assert float(minus.relic_density) == float(plus.relic_density)
    assert float(minus.asymmetry.residual) == -float(plus.asymmetry.residual)
    np.testing.assert_array_equal(minus.asymmetry.f_neutrino, plus.asymmetry.f_antineutrino)
    share = float(plus.asymmetry.antineutrino_share)
    assert float(minus.asymmetry.antineutrino_share) == pytest.approx(1.0 - share, rel=1e-12)


def test_warns_beyond_nucleosynthesis():
    """A small mixing leaves a large asymmetry, which helium excludes; a usual one is fine."""
    assert solve_point(POINTS[0]).warnings() == []
    (warning,) = solve(7.115, 1e-14, "mu", 0.8).warnings()
    assert "1801.08023" in warning


def test_redistribution():
    """c_V, dξ/dL and χ_Q of the closed form, tabulated independently to 1e-6."""
    table = DATA["redistribution_table"]
    T = np.array(table["T_MeV"])
    np.testing.assert_allclose(charge_susceptibility(T), table["chiQ"], rtol=1e-3, atol=1e-6)
    for flavour in ("e", "mu", "tau"):
        found = response(jnp.asarray(T), flavour, "charge-neutrality")
        np.testing.assert_allclose(found.potential, table[flavour]["cV"], atol=3e-6)
        np.testing.assert_allclose(found.chemical, table[flavour]["dxi_dL"], atol=2e-5)
        # Cold: the charged lepton is gone and the rest of the plasma with it.
        cold = response(jnp.asarray(0.02), flavour, "charge-neutrality")
        assert float(cold.potential) == pytest.approx(2.0, abs=1e-9)
        assert float(cold.chemical) == pytest.approx(6.0, abs=1e-6)


def test_susceptibility_of_massless_states():
    """1/6 for fermions; for bosons 1/3 at small mass, with the exact term −z/2π."""
    assert susceptibility(np.array([1e-4]), 1.0)[0] == pytest.approx(1 / 6, rel=1e-6)
    z = 1e-2
    boson = susceptibility(np.array([z]), -1.0)[0]
    assert boson == pytest.approx(1 / 3 - z / (2 * np.pi), abs=2e-5)


@pytest.mark.parametrize("width", [1e-6, 1e-3, 0.3, 10.0])
@pytest.mark.parametrize("middle", [0.0, 0.04, 0.3, -2.0])
def test_mean_of_a_lorentzian(width, middle):
    """A plane over one cell, against a double integral: on, beside and far from the resonance."""
    b, c = 0.06, -0.09

    def over_time(y):  # exact in t, so that the integral left over is smooth enough for SciPy
        left, right = middle + b * y - 0.5 * c, middle + b * y + 0.5 * c
        return (np.arctan(right / width) - np.arctan(left / width)) / c

    expected, _ = dblquad(lambda _, y: over_time(y), -0.5, 0.5, 0.0, 1.0, epsabs=1e-12, epsrel=1e-8)
    edges = [Edges(middle + b * np.array([-0.5, 0.5]) + t * c, np.ones(2)) for t in (-0.5, 0.5)]
    found = mean_lorentzian(*edges, jnp.asarray([width]))
    # The Gauss points' share of the error is 3e-2 · 0.25⁴.
    np.testing.assert_allclose(found, expected, rtol=2e-4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"lepton_asymmetry": 2.0}, "`lepton_asymmetry` must lie between -1 and 1"),
        ({"lepton_asymmetry": float("nan")}, "`lepton_asymmetry` must lie"),
        ({"lepton_asymmetry": 0.01, "bins": 16}, "`bins` must be at least 32"),
        ({"lepton_asymmetry": 0.01, "redistribution": "all"}, "`redistribution` must be one of"),
        ({"lepton_asymmetry": 0.01, "T_final": -1.0}, "`T_final` must be positive"),
    ],
)
def test_bad_input(arguments, sentence):
    """Mistakes are named before anything is computed."""
    with pytest.raises(ValueError, match=sentence):
        nj.Resonant(**arguments)


def test_inverted_window():
    """Temperatures that do not fall are refused."""
    with pytest.raises(ValueError, match="T_final"):
        nj.solve_production(
            nj.SterileNeutrino(7 * keV, 1e-11), FORCES, method=nj.Resonant(0.01, T_initial=5.0)
        )


# --- slow ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_coarse_grids_are_flagged():
    """32 cells miss the promised 1e-3 and say so; the estimate is no less than the error."""
    point = POINTS[1]
    result = solve_point(point, bins=32)
    assert result.status is nj.Status.under_resolved
    error = abs(float(result.relic_density) / point["omega_h2"] - 1.0)
    assert 1e-3 < error < 3.0 * float(result.error_estimate)


@pytest.mark.slow
def test_converges_with_bins():
    """128 cells: Ω h² within 1e-3 of a converged solution, and within three times the estimate."""
    for point in (POINTS[0], POINTS[1], POINTS[5]):
        result = solve_point(point, bins=128)
        error = abs(float(result.relic_density) / point["omega_h2"] - 1.0)
        assert error < 1e-3
        assert error < 3.0 * float(result.error_estimate) + 2e-4  # the latter the reference's own


@pytest.mark.slow
def test_sampled_points_converge_slowly():
    """Why published numbers are low: a Lorentzian sampled at cell centres misses the resonance.

    The public code's own numbers, relative to cell averages with its inputs, are 0.790, 0.871 and
    0.9215 (as shipped) for 250, 500 and 1000 points; ours scatter by 0.02 with other inputs and
    another grid.
    """
    point = POINTS[0]
    ratios = []
    for bins in (125, 250, 500):
        sampled = resonant_oracle.solve(
            sterile_of(point), point["eta_10GeV"], bins=bins, sampled=True, rtol=1e-4
        )
        ratios.append(sampled["relic_density"] / point["omega_h2"])
        assert sampled["mean_momentum"] > 1.3 * point["mean_p_over_T"]
    assert ratios[0] < ratios[1] < ratios[2] < 0.93
    assert ratios[1] == pytest.approx(0.790, abs=0.03)
    assert ratios[2] == pytest.approx(0.871, abs=0.03)


def log_density(theta, flavour="mu"):
    mass, sin2_2theta, eta = jnp.exp(theta)
    sterile = nj.SterileNeutrino(mass, sin2_2theta, flavour)
    return jnp.log(nj.relic_density(sterile, FORCES, method=nj.Resonant(eta)))


def theta_of(point):
    return jnp.log(jnp.array([point["m_keV"] * keV, point["s2"], point["eta_10GeV"]]))


@pytest.mark.slow
def test_derivatives():
    """Forward = reverse = finite differences, of two step sizes, = the reference's derivatives."""
    value = jax.jit(log_density)
    forward, reverse = jax.jit(jax.jacfwd(log_density)), jax.jit(jax.grad(log_density))
    for entry in DATA["log_gradients"]:
        if entry["flavour"] != "mu":
            continue
        theta = theta_of(entry)
        slopes = np.asarray(forward(theta))
        np.testing.assert_allclose(reverse(theta), slopes, rtol=1e-12)
        # The reference's differences scatter by 1e-3, for 20 keV by 4e-3 between its grids.
        rough = 5e-3 if entry["m_keV"] == 20.0 else 1e-3
        np.testing.assert_allclose(slopes, entry["dlnOmega"], atol=rough)
        for k in range(3):
            for step in (1e-2, 1e-4):
                shift = jnp.zeros(3).at[k].set(step)
                difference = (value(theta + shift) - value(theta - shift)) / (2.0 * step)
                assert float(difference) == pytest.approx(slopes[k], abs=1e-3)


@pytest.mark.slow
def test_batches():
    """vmap gives the numbers of single points."""
    thetas = jnp.stack([theta_of(POINTS[0]), theta_of(POINTS[1])])
    found = np.exp(jax.jit(jax.vmap(log_density))(thetas))
    single = [float(solve_point(point).relic_density) for point in POINTS[:2]]
    np.testing.assert_allclose(found, single, rtol=1e-12)


@pytest.mark.slow
def test_relic_asymmetry():
    """η for Ω h² = 0.12, as converged elsewhere, and its implicit derivative by differences."""
    method = nj.Resonant(0.012)

    def log_root(log_s2):
        sterile = nj.SterileNeutrino(7.115 * keV, jnp.exp(log_s2))
        found = nj.relic_asymmetry(sterile, FORCES, method=method)
        return jnp.log(found.asymmetry), found.status_code

    for given in DATA["roots_omega_0p12"]:
        value, status = log_root(jnp.log(given["s2"]))
        assert int(status) == int(nj.Status.ok)
        # The reference's root of 8e-12 is 1e-3 low: SciPy on 400 cells has Ω h² = 0.11985 there.
        assert float(jnp.exp(value)) == pytest.approx(given["eta_10GeV"], rel=1.5e-3)
    at, step = jnp.log(4e-11), 1e-2
    slope = jax.grad(lambda log_s2: log_root(log_s2)[0])(at)
    difference = (log_root(at + step)[0] - log_root(at - step)[0]) / (2.0 * step)
    assert float(slope) == pytest.approx(float(difference), abs=2e-4)
    # Dodelson–Widrow production alone is too much: no root, and no derivative.
    value, status = log_root(jnp.log(1e-8))
    assert np.isnan(value)
    assert int(status) == int(nj.Status.max_steps)


def test_relic_asymmetry_bad_input():
    """A search needs a method with an asymmetry, and a sign to start with."""
    sterile = nj.SterileNeutrino(7.115 * keV, 4e-11)
    with pytest.raises(TypeError, match="`method` must be a Resonant"):
        nj.relic_asymmetry(sterile, FORCES, method=nj.BoltzmannQuadrature())
    with pytest.raises(ValueError, match="`lepton_asymmetry` must not be 0"):
        nj.relic_asymmetry(sterile, FORCES, method=nj.Resonant(0.0))


@pytest.mark.slow
def test_command(nujax):
    """`nujax relic --method resonant --json`: numbers, derivatives, what is left."""
    point = POINTS[0]
    done = nujax(
        "relic", "--method", "resonant", "--lepton-asymmetry", str(point["eta_10GeV"]),
        "--mass", "7.115keV", "--sin2-2theta", "4e-11", "--gradient", "--json",
    )  # fmt: skip
    assert done.code == 0
    report = json.loads(done.stdout)
    # The default potential has the thermal weight of massive muons: 7e-4 in Ω h², 3e-3 in η.
    assert report["relic_density"] == pytest.approx(point["omega_h2"], rel=1.5e-3)
    assert report["residual_asymmetry"] == pytest.approx(point["eta_final"], rel=1e-2)
    assert report["antineutrino_share"] == pytest.approx(point["nubar_share"], rel=1e-2)
    assert report["lepton_number_violation"] < 1e-13
    slopes = [report["gradient"][name] for name in ("mass", "sin2_2theta", "lepton_asymmetry")]
    np.testing.assert_allclose(slopes, DATA["log_gradients"][0]["dlnOmega"], atol=2e-3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--method", "resonant"), "`lepton-asymmetry` must be given"),
        (("--lepton-asymmetry", "0.01"), "must come with --method resonant"),
        (("--method", "resonant", "--lepton-asymmetry", "3"), "must lie between -1 and 1"),
        (
            ("--method", "resonant", "--lepton-asymmetry", "0.01", "--inputs", "paper"),
            "`inputs` must be precise",
        ),
    ],
)
def test_command_bad_input(nujax, arguments, sentence):
    """Exit code 2 and one sentence, before JAX is loaded."""
    done = nujax("relic", "--mass", "7keV", "--sin2-2theta", "4e-11", *arguments)
    assert done.code == 2
    assert sentence in " ".join(done.stderr.split())


@pytest.mark.slow
def test_other_interactions_without_asymmetry():
    """A scalar with two resonances of its own, η = 0: the abundance of the quadrature."""
    sterile = nj.SterileNeutrino(7.1 * keV, 7e-11)
    forces = nj.StandardModel() + nj.ScalarMediator(1000.0, 0.05)
    quadrature = nj.BoltzmannQuadrature(T_initial=1e4, T_final=1.0)
    expected = nj.relic_density(sterile, forces, method=quadrature)
    found = nj.relic_density(sterile, forces, method=nj.Resonant(0.0, T_final=1.0))
    assert float(found) == pytest.approx(float(expected), rel=1e-3)
