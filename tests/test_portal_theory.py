"""The portal's theory object and what follows from it: widths, Z loop, kaons, halos, N_eff."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import nujax as nj
from nujax.constants import CHARGED_LEPTON_MASSES, FERMI_CONSTANT, HBAR_C, KAON_MASS, W_MASS
from nujax.portal import (
    NeutrinoPortal,
    cutoff_mass,
    effective_neutrinos,
    heavy_neutrino_widths,
    loop_function,
    meson_spectrum,
    mixing_of_weak_branching,
    natural_yukawa,
    nucleon_cross_section,
    scalar_width,
    strength,
    three_body_branching,
    z_coupling,
)
from nujax.units import GeV

_POINT = (10 * GeV, 30 * GeV, 400 * GeV, 2.0, (1e-4, 2e-3, 3e-4))


def test_couplings():
    theory = NeutrinoPortal(*_POINT)
    assert float(theory.coupling) == pytest.approx(2.0 * np.sqrt(2.4e-3), rel=1e-14)
    assert float(theory.y_parameter) == pytest.approx(16 * 2.4e-3**2 / 81, rel=1e-14)
    assert float(strength(2.0, 2.4e-3, 1 / 3)) == pytest.approx(float(theory.y_parameter))
    assert bool(theory.valid())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: -1.0}, "Argument `dm_mass` must be positive"),
        ({1: 9 * GeV}, "the scalar would be stable and the dark matter"),
        ({1: 10 * GeV}, "Argument `scalar_mass` must exceed `dm_mass`"),
        ({3: 0.0}, "Argument `y_L` must be positive"),
        ({4: (0.5, 0.5, 0.1)}, "unitarity"),
        ({4: (-1e-3, 1e-2, 0.0)}, "unitarity"),
        ({4: (0.0, 0.0, 0.0)}, "sum above 0"),
        ({4: 1e-3}, r"must be \(\|U_e4\|², \|U_μ4\|², \|U_τ4\|²\)"),
    ],
)
def test_bad_theories(change, message):
    arguments = [change.get(k, value) for k, value in enumerate(_POINT)]
    with pytest.raises(ValueError, match=message):
        NeutrinoPortal(*arguments)


def test_bad_arguments():
    theory = NeutrinoPortal(*_POINT)
    with pytest.raises(ValueError, match="below y_L"):
        NeutrinoPortal.from_coupling(1.0, 3.0, 13.0)
    with pytest.raises(ValueError, match="flavour"):
        NeutrinoPortal.from_coupling(1.0, 3.0, 0.1, flavour="muon")
    with pytest.raises(TypeError, match="`theory` must be of type NeutrinoPortal"):
        nj.solve_freeze_out("theory")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="`asymmetry` must be zero or positive"):
        nj.solve_freeze_out(theory, asymmetry=-1e-12)
    with pytest.raises(ValueError, match="`x` must be positive"):
        nj.portal.thermal_average(theory, 0.0)


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(ValueError, match="double precision"):
        nj.solve_freeze_out(NeutrinoPortal(*_POINT))


def test_widths_of_the_paper():
    """Eqs. 9 to 11, recomputed in plain Python; the second form of eq. 11 for m_W ≪ m₄."""
    theory = NeutrinoPortal(*_POINT)
    m, M, m4, y, mixing = _POINT
    expected = y**2 / (16 * np.pi) * 2.4e-3 * M * (1 - (m / M) ** 2) ** 2
    assert float(scalar_width(theory)) == pytest.approx(expected, rel=1e-13)
    a, b = (M / m4) ** 2, (m / m4) ** 2
    kaellen = 1 + a**2 + b**2 - 2 * (a + b + a * b)
    dark = y**2 / (32 * np.pi) * (1 - 2.4e-3) * m4 * (1 - a + b) * np.sqrt(kaellen)
    widths = heavy_neutrino_widths(theory)
    assert float(widths.dark) == pytest.approx(dark, rel=1e-12)
    r = (W_MASS / m4) ** 2
    unit = FERMI_CONSTANT * m4**3 / (8 * np.pi * np.sqrt(2))
    weak = unit * np.array(mixing) * (1 - r) ** 2 * (1 + 2 * r)
    np.testing.assert_allclose(widths.charged_current, weak, rtol=1e-12)

    heavy = NeutrinoPortal(
        m, M, 1e9, y, mixing
    )  # equivalence theorem: λ²m₄/32π for W, half for Z, h
    wide = heavy_neutrino_widths(heavy)
    yukawa2 = mixing[1] * 1e18 * np.sqrt(2) * FERMI_CONSTANT * 2  # λ = |U| m₄/v, v = 174 GeV
    assert float(wide.charged_current[1]) == pytest.approx(yukawa2 * 1e9 / (32 * np.pi), rel=1e-4)
    # To all three flavours W : Z : h = 2 : 1 : 1, but for |U_N4|².
    assert float(wide.neutral_current / wide.charged_current.sum()) == pytest.approx(0.5, rel=3e-3)
    assert float(wide.higgs / wide.charged_current.sum()) == pytest.approx(0.5, rel=3e-3)


def test_closed_decays():
    """Below the thresholds the widths are zero, with zero derivatives."""

    def dark(m4):
        theory = NeutrinoPortal(10 * GeV, 30 * GeV, m4, 2.0, (0, 1e-3, 0))
        widths = heavy_neutrino_widths(theory)
        return widths.dark + widths.weak

    value, slope = jax.value_and_grad(dark)(39 * GeV)
    assert float(value) == float(slope) == 0.0


def test_mixing_of_weak_branching():
    """At the mixing found, Γ(ℓW)/(Γ(ℓW) + Γ(χφ)) is what was asked for."""
    wanted = mixing_of_weak_branching(NeutrinoPortal(*_POINT), 1e-3)
    again = NeutrinoPortal(*_POINT[:4], (0, wanted, 0))
    widths = heavy_neutrino_widths(again)
    current = widths.charged_current.sum()
    assert float(current / (current + widths.dark)) == pytest.approx(1e-3, rel=1e-10)
    light = NeutrinoPortal(1 * GeV, 3 * GeV, 10 * GeV, 2.0, (0, 1e-3, 0))
    assert float(mixing_of_weak_branching(light)) == 1.0


def test_natural_yukawa():
    assert float(natural_yukawa(NeutrinoPortal(*_POINT))) == pytest.approx(4 * np.pi * 30 / 400)


def test_loop_function():
    """1/8 at x = 1, the limits, and no seam where the series takes over."""
    assert float(loop_function(1.0)) == 0.125
    assert float(loop_function(1e8)) == pytest.approx(0.25e-8, rel=1e-6)
    for x in (0.9901, 0.9899, 1.0099, 1.0101):
        assert float(loop_function(x)) == pytest.approx(
            0.25 * quad(lambda u, x=x: 1 / ((1 + u) ** 2 * (u + x)), 0, np.inf)[0], rel=1e-9
        )


@pytest.mark.parametrize(("dark2", "heavy2"), [(1 / 9, 100 / 9), (0.5, 0.5), (0.98, 3.0)])
def test_full_loop(dark2, heavy2):
    """The Feynman integrals of light–light, heavy–heavy and mixed neutrinos done one by one."""

    def parts(mass2):
        def inner(z):
            delta = z * mass2 + (1 - z) - z * (1 - z) * dark2
            return z * (np.log(delta) - dark2 * (1 - z) ** 2 / delta)

        return quad(inner, 0, 1, epsabs=1e-12)[0]

    mixed = quad(lambda y: parts(y * heavy2), 0, 1, epsabs=1e-11)[0]
    expected = -0.5 * (parts(heavy2) + parts(0.0) - 2 * mixed)
    m4 = 1e4 * np.sqrt(heavy2)
    theory = NeutrinoPortal(1e4 * np.sqrt(dark2), 1e4, m4, 4 * np.pi, (0, 1e-12, 0))
    assert float(z_coupling(theory)) / 1e-12 == pytest.approx(expected, rel=1e-9)


def test_light_dark_matter_has_the_quoted_loop():
    """Eq. 15 is the limit m_χ → 0; at 1:3:10 it is 5 % low."""
    theory = NeutrinoPortal(1.0, 1e4, 3e4, 2.0, (0, 1e-3, 0))
    full, quoted = z_coupling(theory), z_coupling(theory, small_mass=True)
    assert float(full / quoted) == pytest.approx(1.0, abs=1e-7)
    usual = NeutrinoPortal(1e4, 3e4, 1e5, 2.0, (0, 1e-3, 0))
    ratio = z_coupling(usual) / z_coupling(usual, small_mass=True)
    assert float(ratio) == pytest.approx(1.048, abs=0.002)


def test_nucleon_cross_section():
    """Eq. 16 for a nucleus of neutrons alone: μ²G_F²a_Z²/2π."""
    theory = NeutrinoPortal(*_POINT)
    reduced = 1e4 * 938.91875 / (1e4 + 938.91875)
    expected = (reduced * FERMI_CONSTANT * float(z_coupling(theory))) ** 2 / (2 * np.pi)
    found = nucleon_cross_section(theory, protons=0.0, nucleons=1.0)
    assert float(found) == pytest.approx(expected * HBAR_C**2, rel=1e-12)


def test_spectrum_is_decay_of_an_off_shell_neutrino():
    """dΓ/ds = Γ₂(s) Γ_ν*(s)-chain: K → μN* with mass² s, then N* → χφ, each in closed form."""
    m, M, y, U2 = 20.0, 60.0, 1.5, 1e-4
    theory = NeutrinoPortal(m, M, 1e7, y, (0, U2, 0))
    lepton = (CHARGED_LEPTON_MASSES["mu"] / KAON_MASS) ** 2
    x = np.linspace(0.5, 0.95, 5)
    s = 1 + lepton - x
    two_body = (
        (lepton + s - (lepton - s) ** 2)
        * np.sqrt((1 - lepton - s) ** 2 - 4 * lepton * s)
        / (lepton * (1 - lepton) ** 2)
    )
    a, b = (M / KAON_MASS) ** 2 / s, (m / KAON_MASS) ** 2 / s
    phase = np.sqrt((1 - a - b) ** 2 - 4 * a * b)
    chain = two_body * y**2 * U2 * (1 - U2) / (32 * np.pi**2) / s * (1 - a + b) * phase
    np.testing.assert_allclose(meson_spectrum(theory, x), chain, rtol=1e-6)


def test_total_three_body_rate():
    theory = NeutrinoPortal(20.0, 60.0, 1e3, 1.5, (0, 1e-4, 0))
    lepton = CHARGED_LEPTON_MASSES["mu"] / KAON_MASS
    top = 1 + lepton**2 - (80.0 / KAON_MASS) ** 2
    expected = quad(lambda x: float(meson_spectrum(theory, x)), 2 * lepton, top, epsrel=1e-8)[0]
    assert float(three_body_branching(theory)) == pytest.approx(expected, rel=1e-5)
    halves = [
        three_body_branching(theory, window=window) for window in ((0.0, 150.0), (150.0, 300.0))
    ]
    assert float(sum(halves)) == pytest.approx(expected, rel=1e-5)
    closed = NeutrinoPortal(100.0, 300.0, 1e3, 1.5, (0, 1e-4, 0))
    value, slope = jax.value_and_grad(
        lambda y: three_body_branching(NeutrinoPortal(100.0, 300.0, 1e3, y, (0, 1e-4, 0)))
    )(1.5)
    assert float(three_body_branching(closed)) == float(value) == float(slope) == 0.0


def test_cutoff_mass_falls_with_the_mass():
    """Eq. 17 with the corrected sign: 1e8 at its benchmark, power +15/4 of 0.1 GeV/m_χ."""

    def at(mass):
        return NeutrinoPortal(mass, 3 * mass, 10 * mass, 3.0, (0, 0, 1.0 / 3.0 * 0.9))

    light, heavy = at(100.0), at(200.0)
    assert float(cutoff_mass(light)) == pytest.approx(1e8 * float(light.y_parameter) ** 0.75)
    assert float(cutoff_mass(light) / cutoff_mass(heavy)) == pytest.approx(2**3.75, rel=1e-12)


def test_effective_neutrinos():
    """Masses for N_eff = 3.33, 3.17, 3.12: Dirac 12.4, 15.2, 16.8 and Majorana 9.9, 12.9, 14.6
    MeV.
    """
    bounds = [3.33, 3.17, 3.12]
    np.testing.assert_allclose(
        effective_neutrinos(jnp.array([12.4, 15.2, 16.8])), bounds, atol=5e-3
    )
    np.testing.assert_allclose(
        effective_neutrinos(jnp.array([9.9, 12.9, 14.6]), 2.0), bounds, atol=5e-3
    )
    # Massless: four fermionic degrees of freedom more than the three neutrinos' 5.25.
    massless = 3.044 * (1 + 4 * 7 / 8 / 5.25) ** (4 / 3)
    assert float(effective_neutrinos(1e-6)) == pytest.approx(massless, rel=1e-9)
    assert float(effective_neutrinos(1e5)) == pytest.approx(3.044, rel=1e-12)
