"""Gauged L_μ − L_τ and B − L: charged leptons, widths, production, flavours, derivatives."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import problems
import pytest
from scipy import integrate

import nujax as nj
from nujax.constants import ELECTRON_MASS, FERMI_CONSTANT, MUON_MASS, TAU_MASS
from nujax.interactions._charged import annihilation, decay_channels, scattering

MODELS = {"LmuLtau": nj.LMuMinusLTau, "BL": nj.BMinusL}


@eqx.filter_jit
def _rate(mediator, E, T):
    return mediator.interaction_rate(E, T, "mu")


def _quad(function, edges):
    return sum(
        integrate.quad(function, low, high, epsabs=0.0, epsrel=1e-10, limit=500)[0]
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    )


# --- Charged leptons ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("w", "width", "r"),
    [
        (0.5, 1e-8, 1e-3),
        (0.5, 0.05, 0.1),
        (2.0, 0.01, 0.3),
        (0.01, 0.3, 0.25),
        (1e-4, 0.01, 0.24),
        (10.0, 1e-3, 0.01),
    ],
)
def test_annihilation_into_leptons(w, width, r):
    """γ∫du u S ln(1+e^(−wu)) of νν̄ → ℓℓ̄ by `quad` through the pole, on both sides of 4r = 1.

    2e-7: the step of the trapezoid, e^(−π²/h) with h = ½, and its lower end. Measured 7e-8.
    """

    def integrand(s):
        u = 1.0 + width * np.sinh(s)
        phase_space = (1.0 + 2.0 * r / u) * np.sqrt(max(1.0 - 4.0 * r / u, 0.0))
        return u * (2.0 * u / 3.0) * phase_space * np.log1p(np.exp(-w * u)) / np.cosh(s)

    low, high = np.arcsinh((4.0 * r - 1.0) / width), np.arcsinh(60.0 / w / width)
    exact = _quad(integrand, np.linspace(low, high, 40))
    found = annihilation(jnp.asarray(w), jnp.asarray(width), jnp.asarray(r), "exact")
    assert float(found) == pytest.approx(exact, rel=2e-7)


def test_no_annihilation_into_leptons_too_heavy():
    """Nothing is left of the quadrature where the plasma has no such pairs, e^(−4rw) = 0."""
    w = jnp.asarray([1.0, 10.0])
    for r in (1e3, 1e10):
        found = annihilation(w, jnp.full(2, 1e-3), jnp.full(2, r), "exact")
        np.testing.assert_array_equal(found, 0.0)


@pytest.mark.parametrize(
    ("w", "x", "r"), [(0.5, 1.0, 1e-9), (0.5, 1.0, 0.1), (1e-3, 3.0, 10.0), (5.0, 2.0, 0.01)]
)
def test_scattering_on_massive_leptons(w, x, r):
    """Both charges and spins, from |M|² = 4g⁴[(s−M²)²+(u−M²)²+2M²t]/(t−m²)² over t.

    σ = ∫dt |M|²/16π(s−M²)² = g⁴S/4πm² by `quad`, and the thermal average by `quad` outside; the
    closed form of the code, rearranged against cancellation, enters nowhere. 2e-5 is what the lower
    end of the outer integral leaves.
    """

    def cross_section(v):  # in units of m: s − M² = v
        s = v + r

        def squared(t):
            u_minus = -v - t  # u − M² = M² − s − t
            return 4.0 * (v**2 + u_minus**2 + 2.0 * r * t) / (t - 1.0) ** 2

        total = _quad(lambda q: np.exp(q) * squared(-np.exp(q)), np.log(v * v / s) - [40, 8, 2, 0])
        return 0.25 * total / v**2  # 4πσ/g⁴ with σ = total/16πv²

    def integrand(q):
        v = np.exp(q)
        return v * v * cross_section(v) * np.log1p(np.exp(-w * v - x * r / v))

    exact = 2.0 * _quad(integrand, np.log(1.0 / w) + np.array([-5.5, -2.0, 0.0, 2.0, 4.0]))
    found = scattering(jnp.asarray(w), jnp.asarray(x), jnp.asarray(r))
    assert float(found) == pytest.approx(exact, rel=2e-5)


def test_widths():
    """Γ_V = N g²m/24π with thresholds: the listed values, all channels open, and none."""
    for problem in problems.gauged():
        listed = next(
            c["Gamma_over_m"]
            for c in problems.load("gauged")["cases"]
            if c["g"] == problem.case.coupling
            and c["mV_MeV"] == problem.case.mediator_mass
            and c["m4_MeV"] == problem.case.mass
            and c["model"].startswith(problem.model)
            and not c["model"].endswith("nuonly")
        )
        mediator = problem.build()[1].terms[1]
        # The listed B − L has a massless electron: 6r² of 2 at m = 10 MeV.
        assert float(mediator.relative_width) == pytest.approx(listed, rel=3e-5)
    # Of B − L with 2/3 of each of six quarks
    for model, closed, opened in ((nj.LMuMinusLTau, 2.0, 6.0), (nj.BMinusL, 3.0, 13.0)):
        assert float(model(0.5, 0.1).channels()) == closed
        assert float(model(1e8, 0.1).channels()) == pytest.approx(opened, rel=1e-6)
    r = (MUON_MASS / 300.0) ** 2
    expected = 2.0 * (1.0 + 2.0 * r) * np.sqrt(1.0 - 4.0 * r)
    assert float(decay_channels(jnp.asarray(r))) == pytest.approx(expected, rel=1e-14)
    # 6r² below all but the electron's threshold
    light = 3.0 + 2.0 * (1.0 - 6.0 * (ELECTRON_MASS / 100.0) ** 4)
    assert float(nj.BMinusL(100.0, 0.1).channels()) == pytest.approx(light, rel=1e-9)
    assert TAU_MASS > 1e3


def test_limits_of_the_rates():
    """On shell all three vectors agree; cold without charged leptons, n flavours of neutrinos.

    Each other flavour adds u (νν_x) + u/3 (νν̄_x) + u/3 (annihilation) to the 2u + 4u/3 of its own:
    a half of it.
    """
    E, T = jnp.asarray([1.0, 5.0, 60.0, 500.0]), jnp.asarray([5.0, 5.0, 20.0, 100.0])
    own = _rate(nj.VectorMediator(10.0, 1e-8), E, T)
    for model in MODELS.values():
        np.testing.assert_allclose(_rate(model(10.0, 1e-8), E, T), own, rtol=1e-6)
    E, T = jnp.asarray([0.01, 0.05]), jnp.asarray([0.01, 0.01])
    own = _rate(nj.VectorMediator(1e3, 0.01), E, T)
    # 10 keV ≪ m_e: charged leptons are gone; the wider resonance changes 1/(1 + γ²) by 1e-11
    for model, factor in ((nj.LMuMinusLTau, 1.5), (nj.BMinusL, 2.0)):
        np.testing.assert_allclose(_rate(model(1e3, 0.01), E, T), factor * own, rtol=1e-5)


def test_hadrons_of_b_minus_l():
    """None below ω; with them the on-shell rate stays the one that knows no channels.

    2 GeV lies between: u, d and s are open, N_had = ⅓ Σ 2(1+2r)√(1−4r). Measured values of
    R = σ(hadrons)/σ(μμ) ≈ 2 there mean Σ Q² = 2/3 per colour, so ⅓ Σ 2 = 2 for B − L.
    """
    assert float(nj.BMinusL(780.0, 0.1).hadronic_channels()) == 0.0
    at_2_GeV = float(nj.BMinusL(2e3, 0.1).hadronic_channels())
    r = (np.array([391.3, 391.3, 509.7]) / 2e3) ** 2
    expected = np.sum(2.0 / 3.0 * (1.0 + 2.0 * r) * np.sqrt(1.0 - 4.0 * r))
    assert at_2_GeV == pytest.approx(expected, rel=1e-12)
    assert at_2_GeV == pytest.approx(2.0, rel=0.05)
    E, T = jnp.asarray([100.0, 500.0, 3e3]), jnp.asarray([500.0, 500.0, 1e3])
    for convention in ("exact", "paper"):
        own = _rate(nj.VectorMediator(2e3, 1e-8, convention), E, T)
        gauged = nj.BMinusL(2e3, 1e-8, convention)
        np.testing.assert_allclose(_rate(gauged, E, T), own, rtol=1e-6)
        on_shell = eqx.filter_jit(gauged.on_shell_rate)(E, T)
        np.testing.assert_allclose(on_shell, own, rtol=1e-6)


def test_weak_rate_from_the_same_machinery():
    """Γ = 0.917 G_F²ET⁴ of ν_μ between e and μ thresholds: literature has 0.92.

    The Z boson is a vector of g/m = (√2 G_F)^½ on neutrinos; e± couple with 2(g_L² + g_R²) = 0.2514
    of the square of a vector-like charge, g_L = s_w² − ½, g_R = s_w² = 0.23122.
    """
    mass = 1e4
    coupling = mass * np.sqrt(np.sqrt(2.0) * FERMI_CONSTANT)
    E = T = jnp.asarray([10.0])  # m_e²/T² = 3e-3; muons are rarer than e^(−10)
    own = _rate(nj.VectorMediator(mass, coupling), E, T)
    electron = _rate(nj.BMinusL(mass, coupling), E, T) / own - 2.0  # massless: 1
    np.testing.assert_allclose(electron, 1.0, rtol=0.01)
    share = 2.0 * ((0.23122 - 0.5) ** 2 + 0.23122**2)
    total = own * (2.0 + share * electron) / (FERMI_CONSTANT**2 * E * T**4)
    np.testing.assert_allclose(total, 0.917, rtol=1e-3)


def test_potential_is_that_of_the_neutrinophilic_vector():
    """Only ν and V are in the loop."""
    E, T = jnp.asarray([1.0, 5.0]), jnp.asarray([5.0, 50.0])
    expected = nj.VectorMediator(10.0, 0.1).thermal_potential(E, T, "mu")
    for model in MODELS.values():
        np.testing.assert_array_equal(model(10.0, 0.1).thermal_potential(E, T, "mu"), expected)


# --- Production ---------------------------------------------------------------------------------


def _log_omega(logs, theory):
    sterile, interaction, plasma, method = theory
    standard, mediator = interaction.terms
    new = (jnp.exp(logs[0]), jnp.exp(logs[1]))
    mediator = eqx.tree_at(lambda m: (m.mass, m.coupling), mediator, new)
    result = nj.solve_production(sterile, standard + mediator, plasma=plasma, method=method)
    return jnp.log(result.relic_density), (result.mean_momentum, result.status_code)


@eqx.filter_jit
def _solve(logs, theories):
    return eqx.filter_vmap(_log_omega)(logs, theories)


@cache
def solved(model):
    """(Ω h², ⟨x⟩, status) by id, in one batch."""
    chosen = [p for p in problems.gauged() if p.model == model]
    theories = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(p.build() for p in chosen))
    logs = jnp.log(jnp.array([[p.case.mediator_mass, p.case.coupling] for p in chosen]))
    log_omega, (mean, code) = _solve(logs, theories)
    found = {}
    for index, problem in enumerate(chosen):
        numbers = float(np.exp(log_omega[index])), float(mean[index])
        found[problem.id] = (*numbers, nj.Status(int(code[index])))
    return found


# One batch of each model is compiled: that of the other one is for longer runs.
CASES = [
    pytest.param(p, id=p.id, marks=[pytest.mark.slow] if p.model == "BL" else [])
    for p in problems.gauged()
]


@pytest.mark.parametrize("problem", CASES)
def test_relic_density_and_mean_momentum(problem):
    """Ω h² and ⟨x⟩ to 1e-6: measured 9e-7. Folds of the resonance spoil one listed value by 2 %.

    There (100 MeV, g = 1e-4, on shell) the oracle of a scalar with λ = √2 g decides; the point is
    flagged, and 2e-4 off.
    """
    omega, mean, status = solved(problem.model)[problem.id]
    expected, expected_mean, goal = problem.relic_density, problem.mean_momentum, 1e-6
    if problem.case.mediator_mass == 100.0 and problem.case.coupling == 1e-4:
        case = replace(problem.case, coupling=np.sqrt(2.0) * problem.case.coupling)
        exact = oracles.relic_density(case)
        expected, expected_mean, goal = exact.relic_density, exact.mean_momentum, 1e-4
        if status is nj.Status.under_resolved:
            goal = 3e-4
    else:
        assert status is nj.Status.ok
    assert omega == pytest.approx(expected, rel=goal)
    assert mean == pytest.approx(expected_mean, rel=goal)


STRONG = (
    # Only below m/10: no resonance is left then, and the oracle may step.
    ("LmuLtau", oracles.Case(7.1e-3, 7e-11, 1e3, 0.05, T_initial=100.0)),
    ("LmuLtau", oracles.Case(7.1e-3, 7e-11, 300.0, 0.3, T_initial=30.0)),
    ("LmuLtau", oracles.Case(7.1e-3, 7e-11, 1e4, 1.0, T_initial=1e3)),
    # Hadrons, above 780 MeV, are not in the oracle.
    ("BL", oracles.Case(5e-2, 1e-12, 700.0, 0.5, T_initial=70.0)),
)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "case"), STRONG)
def test_strong_coupling_against_brute_force(model, case):
    """Regime A, from |M|² alone: cross sections by quadrature over t, thermal averages over s,
    and the Boltzmann equation stepped by LSODA. 1e-6 is the goal of all smooth points.
    """
    case = replace(case, mixing="averaged", back_reaction=False)
    problem = problems.VectorProblem("strong", "smooth", case, np.nan, None, model=model)
    sterile, interaction, plasma, method = problem.build()
    result = nj.solve_production(sterile, interaction, plasma=plasma, method=method)
    assert result.status is nj.Status.ok
    assert result.regime.name == "A"
    masses = {"LmuLtau": (MUON_MASS, TAU_MASS), "BL": (ELECTRON_MASS, MUON_MASS, TAU_MASS)}[model]
    width = float(interaction.terms[1].relative_width)
    rate = oracles.gauged_rate(case.mediator_mass, case.coupling, width, masses)
    weak = oracles.constant_rate(case.flavour)

    def level(x, T):
        of_vector = 2.0 * case.coupling**2 * T * oracles.potential(x, case.mediator_mass / T) / x
        return oracles.paper_potential(x, T) + of_vector

    expected = oracles.comoving_relic_density(
        case.mass,
        case.sin2_2theta,
        lambda x, T: weak(x, T) + rate(x, T),
        level,
        degrees=oracles.constant_degrees(case.degrees),
        T_initial=case.T_initial,
        T_final=case.T_final,
        mixing="averaged",
        back_reaction=False,
    )
    assert float(result.relic_density) == pytest.approx(expected.relic_density, rel=1e-6)
    assert float(result.mean_momentum) == pytest.approx(expected.mean_momentum, rel=1e-6)


@pytest.mark.slow
def test_wide_resonances_are_flagged():
    """g = 3, Γ_V = 0.7 m: beyond the tables, so the number is not vouched for."""
    standard, plasma, method = nj.presets.paper()
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")
    forces = standard + nj.BMinusL(100.0, 3.0)
    status = nj.relic_density_and_status(sterile, forces, plasma=plasma, method=method)[1]
    assert nj.Status(int(status)) is nj.Status.under_resolved


@pytest.mark.slow
@pytest.mark.parametrize("inputs", ["paper", "precise"])
def test_all_paths_agree(inputs):
    """Fixed nodes, lattice (the spectrum) and diffrax's steps: 1e-5, the tolerance of the last."""
    standard, plasma, method = getattr(nj.presets, inputs)()
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")
    forces = standard + nj.BMinusL(300.0, 0.2)
    quadrature = nj.solve_production(sterile, forces, plasma=plasma, method=method)
    stepper = nj.BoltzmannODE(back_reaction=method.back_reaction, mixing=method.mixing)
    stepped = nj.solve_production(sterile, forces, plasma=plasma, method=stepper)
    assert quadrature.status is stepped.status is nj.Status.ok
    assert float(stepped.relic_density) == pytest.approx(float(quadrature.relic_density), rel=1e-5)
    x = np.log(np.asarray(quadrature.x))
    cube = np.exp(3.0 * x) * (x[1] - x[0]) * np.asarray(quadrature.f)
    mean = np.sum(cube * np.exp(x)) / np.sum(cube)
    assert mean == pytest.approx(float(quadrature.mean_momentum), rel=1e-5)


# --- Derivatives and arguments ------------------------------------------------------------------


@pytest.mark.slow
def test_gradients_are_finite_and_agree():
    """No NaN below, at and above thresholds, hot and cold; forward = reverse = differences.

    Differences of fourth order: 1e-5, away from the thresholds of the width themselves.
    """
    corners = np.array(
        [
            (mass, coupling, x * temperature, temperature)
            for mass in (1e-2, 1.0, 2.0 * MUON_MASS, 250.0, 1e4)
            for coupling in (1e-9, 1e-3, 3.5)
            for x in (1e-2, 1.0, 30.0)
            for temperature in (1e4, mass, mass / 60.0)
        ]
    ).T

    def rate(mass, coupling, energy, temperature):
        mediator = nj.BMinusL(mass, coupling, rate_factor=jnp.ones_like(mass))
        return mediator.interaction_rate(energy, temperature, "mu")

    every = (0, 1, 2, 3)

    @jax.jit
    def slopes(*arguments):
        return (
            jax.vmap(rate)(*arguments),
            jnp.stack(jax.vmap(jax.grad(rate, argnums=every))(*arguments)),
            jnp.stack(jax.vmap(jax.jacfwd(rate, argnums=every))(*arguments)),
        )

    arguments = [jnp.asarray(corner) for corner in corners]
    values, reverse, forward = (np.asarray(a) for a in slopes(*arguments))
    assert np.isfinite(values).all()
    assert (values >= 0.0).all()
    assert np.isfinite(reverse).all()
    sizes = np.abs(reverse * corners).max(axis=0) + 1e-300
    assert np.max(np.abs(reverse - forward) * corners / sizes) < 1e-8
    total = (reverse * corners)[[0, 1]]
    regular = corners[0] != 2.0 * MUON_MASS
    step = 1e-3
    for index in (0, 1):
        moved = []
        for k in (-2.0, -1.0, 1.0, 2.0):
            scaled = [a * np.exp(k * step) if i == index else a for i, a in enumerate(corners)]
            scaled[1] = np.minimum(scaled[1], 3.54)
            moved.append(np.asarray(jax.jit(jax.vmap(rate))(*(jnp.asarray(a) for a in scaled))))
        found = (moved[0] - 8.0 * moved[1] + 8.0 * moved[2] - moved[3]) / (12.0 * step)
        error = np.abs(found - total[index]) / (np.abs(total[index]) + values)
        assert np.max(error[regular]) < 1e-5


def test_flavours():
    """A flavour without charge is refused in a sentence, by the methods and by production alike."""
    sentence = (
        'Argument `flavour` must be among "mu" and "tau", which feel the force of LMuMinusLTau, '
        "but is 'e'."
    )
    mediator = nj.LMuMinusLTau(10.0, 0.1)
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11, "e")
    for call in (
        lambda: mediator.interaction_rate(jnp.asarray(1.0), jnp.asarray(1.0), "e"),
        lambda: mediator.thermal_potential(jnp.asarray(1.0), jnp.asarray(1.0), "e"),
        lambda: nj.solve_production(sterile, nj.StandardModel() + mediator),
        lambda: nj.relic_density(sterile, nj.StandardModel() + mediator),
    ):
        with pytest.raises(ValueError, match="Argument") as caught:
            call()
        assert str(caught.value) == sentence
    for flavour in ("e", "mu", "tau"):
        nj.BMinusL(10.0, 0.1).check_flavour(flavour)
