"""Limits on new forces of the neutrino: computed widths, cited tables, bands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import spence

import nujax as nj
from nujax.constants import FERMI_CONSTANT, HIGGS_MASS, KAON_MASS, MUON_MASS, W_MASS, Z_MASS
from nujax.limits import NotConstrained, all_limits, effective_neutrinos_of_boson, read_data
from nujax.limits import _widths as widths
from nujax.units import MeV, keV

_BY_NAME = {limit.name: limit for limit in all_limits() if "L_mu" not in limit.name}
_SM = nj.StandardModel()


def _nu(flavour="mu"):
    return nj.SterileNeutrino(7.1 * keV, 7e-11, flavour)


def _coupling(name, force, mass, flavour="mu"):
    return float(_BY_NAME[name].bound((_nu(flavour), force(mass, 1e-5))).bound)


def _gauged(name, force):
    return next(x for x in all_limits() if x.name == name and getattr(x, "force", None) is force)


def test_every_datum_has_its_paper():
    for name in ("l_mu_minus_l_tau.toml", "b_minus_l.toml"):
        for entry in read_data(name):
            assert entry["source"]
            assert (entry["grade"] == "C") == ("approximate" in entry["name"])
            assert (entry["grade"] == "C") <= (entry["kind"] != "limit")


def test_kaon_limits():
    """The listed couplings to their three digits: Br(K → μνX) < 1.0e-6."""
    listed = {
        nj.VectorMediator: {1: 3.32e-5, 10: 3.32e-4, 100: 3.59e-3, 200: 1.07e-2, 300: 4.83e-2},
        nj.ScalarMediator: {1: 5.48e-3, 10: 6.43e-3, 100: 1.06e-2, 200: 2.26e-2, 300: 8.91e-2},
    }
    for force, points in listed.items():
        for mass, coupling in points.items():
            found = _coupling("K -> mu nu X, NA62", force, float(mass))
            assert found == pytest.approx(coupling, rel=5e-3)


def test_the_kaon_width_in_the_massless_limit():
    """Γ(K → μνV) → G_F²V_us²f_K²g²M_K⁵/(3072π³m²) for m, m_μ → 0, to 1e-4."""
    lepton, mass = 1e-3, 0.05
    ratio = float(
        widths.emission_ratio(mass, KAON_MASS - lepton, widths.meson_spectrum(KAON_MASS, lepton), 1)
    )
    # Γ(K → ℓν) = G²V²f² M m_ℓ²(1 − m_ℓ²/M²)²/8π cancels all but these.
    expected = KAON_MASS**5 / (3072 * np.pi**3 * mass**2) * 8 * np.pi / (KAON_MASS * lepton**2)
    assert ratio == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("vector", [True, False])
@pytest.mark.parametrize("mass", [1.0, 100.0, 380.0])
def test_the_rule_against_scipy(mass, vector):
    """64 nodes against adaptive quadrature of the three-body spectrum, to 1e-6."""
    a = (MUON_MASS / KAON_MASS) ** 2

    def integrand(s):
        b = s / KAON_MASS**2
        phase = np.sqrt((1 - a - b) ** 2 - 4 * a * b)
        shape = (a + b - (a - b) ** 2) * phase / (a * (1 - a) ** 2)
        weight = (s + 2 * mass**2) / mass**2 if vector else 1.0
        return shape * weight * (1 - mass**2 / s) ** 2 / s / (32 * np.pi**2)

    top = (KAON_MASS - MUON_MASS) ** 2
    middle = np.sqrt(mass**2 * top)
    expected = sum(
        quad(integrand, *ends, limit=200, epsabs=0)[0]
        for ends in ((mass**2, middle), (middle, top))
    )
    spectrum = widths.meson_spectrum(KAON_MASS, MUON_MASS)
    found = widths.emission_ratio(mass, KAON_MASS - MUON_MASS, spectrum, vector)
    assert float(found) == pytest.approx(expected, rel=1e-6, abs=0)


def test_other_decays_as_listed():
    """Couplings computed independently, listed with two digits: π, K → e, τ, W, Z, h."""
    scalar, vector = nj.ScalarMediator, nj.VectorMediator
    listed = [
        ("pi -> mu nu X, PIENU", "mu", vector, {1: 1.7e-3, 20: 0.076, 30: 0.81}),
        ("pi -> mu nu X, PIENU", "mu", scalar, {1: 0.023, 10: 0.055, 30: 1.4}),
        ("pi -> e nu X, PIENU", "e", vector, {1: 5.8e-5, 60: 5.1e-3, 120: 0.18}),
        ("K -> e nu X in R_K", "e", vector, {1: 1.4e-5, 150: 2.4e-3, 450: 0.48}),
        ("K -> e nu X in R_K", "e", scalar, {1: 3.4e-3, 200: 8.6e-3, 450: 0.84}),
        ("tau -> l nu nu X", "tau", scalar, {1: 0.38, 100: 0.92, 600: 5.9}),
        ("tau -> l nu nu X", "tau", vector, {1: 1.9e-3, 100: 0.20, 600: 2.8}),
        ("W -> l nu X", "mu", scalar, {1: 1.7, 1e3: 3.1, 1e4: 6.1}),
        ("W -> l nu X", "mu", vector, {1: 1.6e-4, 1e4: 1.7}),
        ("Z -> nu nu X", "mu", scalar, {1: 0.31, 1e3: 0.55, 4e4: 4.2}),
        ("Z -> nu nu X", "mu", vector, {1e3: 0.13, 1e4: 0.33, 3e4: 1.0}),
        ("h -> nu nu X", "mu", scalar, {1: 0.42, 1e4: 0.46, 3e4: 0.63, 6e4: 1.4}),
        ("h -> nu nu X", "mu", vector, {1: 6.8e-6, 4e4: 0.32}),
        ("h -> nu nu X, high luminosity", "mu", vector, {1: 3.1e-6, 4e4: 0.15}),
    ]
    for name, flavour, force, points in listed:
        for mass, coupling in points.items():
            found = _coupling(name, force, float(mass), flavour)
            assert found == pytest.approx(coupling, rel=0.04), (name, mass)


def test_the_w_closed_form():
    """512 in the closed form, with G_F for the source's G_F²: equal at m → 0 to 1e-4."""
    closed = float(widths.w_to_vector(100.0, 1.0))
    expected = FERMI_CONSTANT * W_MASS**5 / (512 * np.sqrt(2) * np.pi**3 * 100.0**2)
    assert closed == pytest.approx(expected, rel=1e-4)
    ratio = widths.emission_ratio(100.0, W_MASS, widths.boson_spectrum(W_MASS), True)
    assert float(ratio) * widths.w_width() == pytest.approx(closed, rel=1e-4)


def test_the_higgs_closed_forms():
    """g/m < 6.8e-6/MeV at 10.7 % with the vertex 2λ/v; the source's vertex is weaker by 2; phase
    space closes at m = M_h as (1 − h)^k with k ≥ 4.
    """
    assert _coupling("h -> nu nu X", nj.VectorMediator, 1.0) == pytest.approx(6.76e-6, rel=2e-3)
    once, twice = (float(widths.higgs_to_vector(1e3, 1.0, v)) for v in (1.0, 2.0))
    assert twice == pytest.approx(4 * once, rel=1e-12)
    expected = FERMI_CONSTANT * HIGGS_MASS**5 / (3072 * np.sqrt(2) * np.pi**3 * 1e6)
    assert once == pytest.approx(expected, rel=1e-2)  # h ln h corrections
    assert float(widths.higgs_to_vector(1.0, 1.0, 1.0)) == pytest.approx(expected * 1e6, rel=1e-6)
    near = float(widths.higgs_to_vector(0.97 * HIGGS_MASS, 1.0)) * 0.97**2
    assert abs(near / (twice * (1e3 / HIGGS_MASS) ** 2)) < 1e-4
    scalar = float(widths.higgs_to_scalar(1.0, 1.0))
    vacuum2 = 1 / (np.sqrt(2) * FERMI_CONSTANT)
    assert scalar == pytest.approx(HIGGS_MASS**3 / (384 * np.pi**3 * vacuum2), rel=1e-4)


def test_the_z_vector_formula():
    """With SciPy's dilogarithm in place of its integral."""
    for mass in (1e3, 3e4, 8e4):
        r = (mass / Z_MASS) ** 2
        log = np.log(r)
        brackets = np.log1p(r) * log + spence(1 - 1 / (1 + r)) - spence(1 - r / (1 + r))
        total = (1 + r) ** 2 * (3 * log + log**2 - 2 * brackets) + 5 * (1 - r**2) - 2 * r * log
        expected = widths.z_width() / (8 * np.pi**2) * total
        assert float(widths.z_to_vector(mass, 1.0)) == pytest.approx(expected, rel=1e-6)


def test_effective_neutrinos():
    """Listed masses for 3.33: real scalar 7.1, complex 9.9, vector 11.4 MeV."""
    for mass, degrees in ((7.1, 1.0), (9.9, 2.0), (11.4, 3.0)):
        assert float(effective_neutrinos_of_boson(mass, degrees)) == pytest.approx(3.33, abs=5e-3)
    assert float(effective_neutrinos_of_boson(500.0, 3.0)) == pytest.approx(3.044, rel=1e-9)


def test_a_boson_out_of_equilibrium_is_not_bounded():
    limit = _BY_NAME["N_eff (boson)"]
    assert limit.bound((_nu(), nj.VectorMediator(1 * MeV, 1e-3))).verdict == "excluded"
    assert limit.bound((_nu(), nj.VectorMediator(1 * MeV, 1e-13))).verdict == "out of range"


def test_the_muon_moment():
    """Listed g for Δa = 249e-11: 4.5e-4, 5.0e-4, 9.4e-4, 5.4e-3; heavy: g²m_μ²/12π²m²."""
    for mass, listed in ((1, 4.5e-4), (10, 5.0e-4), (100, 9.4e-4), (1000, 5.4e-3)):
        found = np.sqrt(249e-11 / float(widths.muon_moment(mass, 1.0)))
        assert found == pytest.approx(listed, rel=0.012)
    heavy = float(widths.muon_moment(1e5, 1.0))
    assert heavy == pytest.approx((MUON_MASS / 1e5) ** 2 / (12 * np.pi**2), rel=1e-3)

    def integrand(z):
        return z**2 * (1 - z) / (z**2 + (1 - z) * 1e-4)

    mass = MUON_MASS * 1e-2
    expected = quad(integrand, 0, 1, points=[0.01])[0] / (4 * np.pi**2)
    assert float(widths.muon_moment(mass, 1.0)) == pytest.approx(expected, rel=1e-7)


def test_the_moment_of_2023_is_a_band():
    limit = _BY_NAME["(g-2)_mu of 2023"]
    ratios = []
    for coupling in (3.4e-4, 5e-4, 6.5e-4):
        bound = limit.bound((_nu(), nj.LMuMinusLTau(10.0, coupling)))
        ratios.append(float(bound.ratio))
    assert ratios[0] < 1 < ratios[1]
    assert ratios[2] < 1


def test_listed_points_of_gauged_forces():
    """CCFR 9.4e-4 at ~40 MeV between 9.1e-4 and 1.0e-3; TEXONO at 12 MeV; LHCb at 1 GeV."""
    trident = _gauged("neutrino trident, CCFR", nj.LMuMinusLTau)
    assert float(trident.bound((_nu(), nj.LMuMinusLTau(32.0, 1e-4))).bound) == pytest.approx(9.1e-4)
    between = float(trident.bound((_nu(), nj.LMuMinusLTau(45.0, 1e-4))).bound)
    assert 9.1e-4 < between < 1.0e-3
    # Heavy, σ/σ_SM = 1.39: g' = m/550 GeV up to the ratio, 0.19 at 100 GeV.
    assert float(trident.bound((_nu(), nj.LMuMinusLTau(1e5, 0.1))).bound) == pytest.approx(0.188)
    texono = _gauged("neutrino-electron scattering, TEXONO", nj.BMinusL)
    assert float(texono.bound((_nu(), nj.BMinusL(12.0, 1e-4))).bound) == pytest.approx(1.5e-5)
    lhcb = _gauged("dimuons, LHCb", nj.BMinusL)
    assert float(lhcb.bound((_nu(), nj.BMinusL(1000.0, 1e-4))).bound) == pytest.approx(5e-4)
    assert lhcb.bound((_nu(), nj.BMinusL(800.0, 1e-2))).verdict == "out of range"


def test_beam_dumps_exclude_a_band():
    """E137 at 91 MeV: above 2.4e-8, up to where the vector decays too early."""
    limit = _gauged("beam dump, E137", nj.BMinusL)
    words = [limit.bound((_nu(), nj.BMinusL(91.0, g))).verdict for g in (1e-8, 1e-7, 1e-5)]
    assert words == ["allowed", "excluded", "allowed"]
    bound = limit.bound((_nu(), nj.BMinusL(91.0, 1e-7)))
    assert float(bound.ceiling) > 1e-7 > float(bound.bound)


def test_forces_and_flavours_that_are_not_constrained():
    kaon = _BY_NAME["K -> mu nu X, NA62"]
    for theory, words in (
        (_nu(), "SterileNeutrino of flavour mu"),
        ((_nu("tau"), nj.ScalarMediator(10.0, 1e-3)), "flavour tau with ScalarMediator"),
        ((_nu(), nj.BMinusL(10.0, 1e-3)), "flavour mu with BMinusL"),
    ):
        with pytest.raises(NotConstrained, match=words):
            kaon.bound(theory)
    with pytest.raises(NotConstrained, match="VectorMediator"):
        _gauged("dimuons, LHCb", nj.BMinusL).bound((_nu(), nj.VectorMediator(1e3, 1e-3)))


def test_closed_channels_are_out_of_range():
    """K → μνX at m = 400 MeV: no number and no derivative, not a zero."""
    limit = _BY_NAME["K -> mu nu X, NA62"]

    def ratio(mass):
        return limit.bound((_nu(), _SM + nj.ScalarMediator(mass, 1e-3))).ratio

    value, slope = jax.value_and_grad(ratio)(400.0)
    assert np.isnan(value)
    assert np.isnan(slope)


def test_the_supernova_band():
    """Excluded between emission, 1e-9 MeV/m, and trapping; nothing at 1e-3, nor above 100 MeV."""
    limit = _BY_NAME["SN1987A (approximate)"]

    def words(mass, g):
        return limit.bound((_nu(), nj.ScalarMediator(mass, g))).verdict

    assert words(1.0, 1e-10) == "allowed"
    assert words(1.0, 1e-8) == "excluded"
    assert words(1.0, 1e-3) == "allowed"
    assert words(200.0, 1e-8) == "out of range"


def test_widths_have_derivatives():
    """d ln(width)/d ln m, forward and reverse against central differences."""
    spectrum = widths.meson_spectrum(KAON_MASS, MUON_MASS)
    end = KAON_MASS - MUON_MASS

    def logs(log_mass):
        m = jnp.exp(log_mass)
        return jnp.log(
            jnp.stack([
                widths.emission_ratio(m, end, spectrum, True),
                widths.emission_ratio(m, end, spectrum, False),
                widths.higgs_to_scalar(m, 1.0),
                widths.higgs_to_vector(m, 1.0),
                widths.z_to_vector(m, 1.0),
                widths.muon_moment(m, 1.0),
                effective_neutrinos_of_boson(m, 3.0) - 3.0,
            ])
        )  # fmt: skip

    at = np.log(120.0)
    function = jax.jit(logs)
    forward, reverse = jax.jit(jax.jacfwd(logs))(at), jax.jit(jax.jacrev(logs))(at)
    h = 1e-4
    differences = (function(at + h) - function(at - h)) / (2 * h)
    np.testing.assert_allclose(forward, reverse, rtol=1e-10)
    np.testing.assert_allclose(forward, differences, rtol=1e-6, atol=1e-8)
