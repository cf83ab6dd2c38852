"""From the spectrum to Ω h², and the closed forms: listed numbers, quadratures and identities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import nujax as nj
from nujax import presets
from nujax.abundance import (
    comoving_yield,
    dodelson_widrow_ratio,
    equilibrium_relic_density,
    light_mediator_ratio,
    relic_density_and_status,
    relic_density_of_yield,
)
from nujax.statistics import fermi_dirac
from nujax.units import GeV, MeV, keV

PAPER = presets.paper()
CONSTANT = PAPER.plasma


def paper_density(sterile, interaction=PAPER.standard_model):
    """Ω h² with the sources' inputs."""
    return nj.relic_density(sterile, interaction, plasma=CONSTANT, method=PAPER.method)


def no_standard_model(parameters):
    """ln Ω h² of a scalar alone, no Standard Model, against ln(m₄, sin²2θ, λ, m)."""
    mass, sin2_2theta, coupling, mediator_mass = jnp.exp(parameters)
    sterile = nj.SterileNeutrino(mass, sin2_2theta)
    mediator = nj.ScalarMediator(mediator_mass, coupling)
    method = nj.BoltzmannQuadrature(back_reaction=False)
    return jnp.log(nj.relic_density(sterile, mediator, plasma=CONSTANT, method=method))


# --- yield and density --------------------------------------------------------------------------


def test_yield_counts_both_helicities():
    """Y = n/s with n = 2 ∫d³p/(2π)³ f and s = (2π²/45) g*s T³; here f = e^(−x), ∫x²f dx = 2."""
    T = 3.0
    n = 2.0 * quad(lambda p: p**2 * np.exp(-p / T) / (2 * np.pi**2), 0, np.inf)[0]
    expected = n / float(CONSTANT.entropy_density(T))
    np.testing.assert_allclose(float(comoving_yield(2.0, jnp.asarray(10.75))), expected, rtol=1e-12)


def test_density_of_a_yield():
    """Ω h² = m Y s₀/(ρ_c/h²), with s₀ = 2891.2 cm⁻³ and ρ_c/h² = 1.05e-5 GeV cm⁻³."""
    expected = 7.1e-6 * 1e-4 * 2891.2 / 1.05e-5  # GeV
    assert float(relic_density_of_yield(7.1 * keV, 1e-4, CONSTANT)) == pytest.approx(
        expected, 1e-12
    )


def test_density_is_that_of_the_full_result():
    sterile, interaction = nj.SterileNeutrino(7.1 * keV, 7e-11), PAPER.standard_model
    result = nj.solve_production(sterile, interaction, plasma=CONSTANT, method=PAPER.method)
    density, code = relic_density_and_status(
        sterile, interaction, plasma=CONSTANT, method=PAPER.method
    )
    assert float(density) == pytest.approx(float(result.relic_density), rel=1e-13)
    assert nj.Status(int(code)) is nj.Status.ok
    by_yield = relic_density_of_yield(sterile.mass, result.comoving_yield, CONSTANT)
    assert float(by_yield) == pytest.approx(float(density), rel=1e-13)
    step = jnp.log(result.x[1] / result.x[0])
    number = jnp.sum(result.x**3 * result.f) * step
    assert float(comoving_yield(number, jnp.asarray(10.75))) == pytest.approx(
        float(result.comoving_yield), rel=1e-6
    )


def test_equilibrium():
    """f_s = f_a gives 75.7 at 7.1 keV: the closed form, its integral, and large mixing."""
    omega = float(equilibrium_relic_density(7.1 * keV, CONSTANT))
    np.testing.assert_allclose(omega, 75.74, rtol=1e-4)
    number = quad(lambda q: q**2 / (np.exp(q) + 1), 0, 100)[0]
    by_integral = relic_density_of_yield(
        7.1 * keV, comoving_yield(number, jnp.asarray(10.75)), CONSTANT
    )
    np.testing.assert_allclose(omega, float(by_integral), rtol=1e-10)
    sterile = nj.SterileNeutrino(7.1 * keV, 1e-3)
    produced = nj.relic_density(sterile, PAPER.standard_model, plasma=CONSTANT)
    np.testing.assert_allclose(float(produced), omega, rtol=1e-7)


# --- Dodelson–Widrow ------------------------------------------------------------------------------


def test_dodelson_widrow_number():
    """4.7285e-5 is listed; with all digits of the constants it is 4.72882e-5."""
    ratio = dodelson_widrow_ratio(nj.SterileNeutrino(7.1 * keV, 7e-11, "mu"))
    np.testing.assert_allclose(float(ratio), 4.7285e-5, rtol=1e-4)
    C, K = 0.92 * 1.1663787e-11**2, 3.72 * 1.1663787e-11 * (2 / 80379.0**2 + 1 / 91187.6**2)
    by_hand = np.pi / 48 * C * 1.22091e22 * 7e-11 * 7.1e-3 / (1.66 * np.sqrt(10.75 * 2 * K))
    np.testing.assert_allclose(float(ratio), by_hand, rtol=1e-12)


@pytest.mark.parametrize(
    ("mass", "sin2_2theta", "flavour", "omega"),
    [
        (7.1 * keV, 7e-11, "mu", 0.00358171),
        (7.1 * keV, 7e-11, "tau", 0.00358171),
        (7.1 * keV, 7e-11, "e", 0.00494431),
        (1 * keV, 1e-8, "mu", 0.01015022),
        (50 * keV, 7e-11, "mu", 0.17762885),
    ],
)
def test_dodelson_widrow(mass, sin2_2theta, flavour, omega):
    """Listed densities; the closed form lacks the ends of the integral and Γ²: 3e-5."""
    sterile = nj.SterileNeutrino(mass, sin2_2theta, flavour)
    result = nj.solve_production(
        sterile, PAPER.standard_model, plasma=CONSTANT, method=PAPER.method
    )
    np.testing.assert_allclose(float(result.relic_density), omega, rtol=2e-6)
    closed = float(dodelson_widrow_ratio(sterile))
    density = closed * float(equilibrium_relic_density(mass, CONSTANT))
    np.testing.assert_allclose(float(result.relic_density), density, rtol=5e-5)
    x = jnp.asarray([0.3, 1.0, 3.0, 10.0])
    np.testing.assert_allclose(result.distribution(x) / fermi_dirac(x), closed, rtol=2e-4)


def test_dodelson_widrow_is_linear_in_the_mixing():
    def log_density(log_mixing):
        sterile = nj.SterileNeutrino(7.1 * keV, jnp.exp(log_mixing))
        return jnp.log(paper_density(sterile))

    for mixing in (1e-16, 7e-11, 1e-8):
        slope = jax.grad(log_density)(jnp.log(mixing))
        np.testing.assert_allclose(float(slope), 1.0, atol=10 * mixing + 1e-12)


# --- light mediator, on shell (regime C) ----------------------------------------------------------


def test_the_constant_of_the_light_mediator():
    integral = quad(lambda u: u**2 * np.log1p(np.exp(-(u**2) / 4)) / 4, 0, 40)[0]
    np.testing.assert_allclose(integral, 0.768536, rtol=1e-6)


def test_light_mediator():
    """λ = 1e-6, m = 1 MeV, after subtracting what the Standard Model makes: 3e-5."""
    sterile, mediator = nj.SterileNeutrino(7.1 * keV, 7e-11), nj.ScalarMediator(1 * MeV, 1e-6)
    method = nj.BoltzmannQuadrature(back_reaction=False, mixing="averaged", T_final=1e-3)
    x = jnp.asarray([0.3, 1.0, 3.0, 10.0])
    both, alone = (
        nj.solve_production(sterile, interaction, plasma=CONSTANT, method=method).distribution(x)
        for interaction in (PAPER.standard_model + mediator, PAPER.standard_model)
    )
    ratio = (both - alone) / fermi_dirac(x)
    closed = light_mediator_ratio(sterile, mediator, x)
    np.testing.assert_allclose(ratio, closed, rtol=5e-5)


# --- identities without the Standard Model ------------------------------------------------------


@pytest.mark.parametrize(
    ("coupling", "mediator_mass"),
    [(1e-7, 1 * MeV), (1e-6, 1 * MeV), (1e-5, 100 * MeV), (1e-4, 1 * GeV)],
)
def test_identities_on_shell(coupling, mediator_mass):
    """Ω ∝ s² m₄ (m₄²M_Pl/m³) F(λm/m₄): three slopes follow from one (no width)."""
    at = jnp.log(jnp.asarray([7.1 * keV, 7e-11, coupling, mediator_mass]))
    mass, sin2_2theta, of_coupling, of_mediator_mass = jax.grad(no_standard_model)(at)
    np.testing.assert_allclose(float(of_coupling + mass), 3.0, atol=2e-6)
    np.testing.assert_allclose(float(of_mediator_mass + mass), 0.0, atol=2e-6)
    np.testing.assert_allclose(float(sin2_2theta), 1.0, atol=2e-6)


def test_slopes_of_regime_c():
    """Weak coupling: Ω ∝ λ²s²m₄/m (the sources drop one power of m₄)."""
    at = jnp.log(jnp.asarray([7.1 * keV, 7e-11, 1e-9, 1 * MeV]))
    np.testing.assert_allclose(jax.grad(no_standard_model)(at), [1.0, 1.0, 2.0, -1.0], atol=1e-4)
