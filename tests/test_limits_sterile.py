"""Limits on sterile-neutrino dark matter: decays, lines, structure, and the interface."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from spectra import made_up_result

import nujax as nj
from nujax.constants import HBAR
from nujax.limits import (
    Lifetime,
    LineRate,
    NeedsResult,
    NotConstrained,
    PhaseSpace,
    RelicDensity,
    SterileTheory,
    ThermalRelic,
    all_limits,
    check,
    read_data,
    relic_mass,
)
from nujax.limits import _structure as structure
from nujax.limits import _widths as widths
from nujax.statistics import fermi_dirac
from nujax.units import MeV, eV, keV

_NU = nj.SterileNeutrino(7.1 * keV, 7e-11, "mu")
_VECTOR = nj.StandardModel() + nj.VectorMediator(10 * MeV, 1e-4)
_BY_NAME = {limit.name: limit for limit in all_limits()}


def _thermal(mass, shape=fermi_dirac, density=0.12):
    return made_up_result(shape, density, mass)


def test_every_datum_has_its_paper():
    for name in ("x_ray.toml", "structure.toml"):
        for entry in read_data(name):
            assert entry["source"]
            assert entry["grade"] in ("A", "B", "C")
            # What is recalled, not read, says so in its name and is not counted as a limit.
            assert (entry["grade"] == "C") == ("approximate" in entry["name"])
            assert (entry["grade"] == "C") <= (entry["kind"] != "limit")


def test_radiative_and_weak_widths():
    """1.3609e-29 and 1.736e-27 per second at sin²2θ = 1e-7 and 1 keV, Majorana."""
    photon = float(widths.radiative_width(1 * keV, 1e-7)) / HBAR
    neutrinos = float(widths.weak_width(1 * keV, 1e-7)) / HBAR
    assert photon == pytest.approx(1.3609e-29, rel=1e-4)
    assert neutrinos == pytest.approx(1.736e-27, rel=5e-4)  # listed with four digits


def test_heavy_boson_widths():
    """Vector: the listed form. Scalar: Γ₃ = ∫dq²/π Γ(ν_s → ν̄φ*) q Γ_φ(q)/m⁴, by SciPy."""
    m4, mass, g, sine = 0.01, 3.0, 1e-3, 0.25e-8
    vector = float(widths.mediator_width(m4, 1e-8, mass, g, vector=True))
    assert vector == pytest.approx(g**4 * sine * m4**5 / (384 * np.pi**3 * mass**4), rel=1e-12)

    def spectral(q2):
        emission = g**2 * sine * m4 / (32 * np.pi) * (1 - q2 / m4**2) ** 2
        return emission * q2 * g**2 / (32 * np.pi) / mass**4 / np.pi

    scalar = float(widths.mediator_width(m4, 1e-8, mass, g, vector=False))
    assert scalar == pytest.approx(2 * quad(spectral, 0, m4**2)[0], rel=1e-8)  # 2: Majorana


def test_light_boson_widths():
    """On shell a vector is (s + 2m²)/m² of a scalar at s = m₄², and both close at m = m₄."""
    m4 = 0.01
    for r in (0.1, 0.5):
        both = [float(widths.mediator_width(m4, 1e-8, r * m4, 1e-6, vector=v)) for v in (1, 0)]
        assert both[0] / both[1] == pytest.approx(1 / r**2 + 2, rel=1e-12)
    closed = float(widths.mediator_width(m4, 1e-8, 0.9999999 * m4, 1e-6, vector=False))
    assert closed < 1e-10 * both[1]


def test_lifetime_with_and_without_a_boson():
    """The boson shortens it; for a light vector the limit on sin²2θ is the closed form."""
    alone = Lifetime().bound(_NU)
    total = widths.radiative_width(7.1 * keV, 7e-11) + widths.weak_width(7.1 * keV, 7e-11)
    assert float(alone.value) == pytest.approx(float(total) / HBAR, rel=1e-12)
    light = Lifetime().bound((_NU, nj.StandardModel() + nj.VectorMediator(1.1 * keV, 1e-12)))
    r = (1.1 / 7.1) ** 2
    on_shell = 1e-24 * 0.25 * 7e-11 * 0.0071 / (16 * np.pi) * (1 - r) ** 2 * (1 / r + 2)
    assert float(light.value - alone.value) == pytest.approx(on_shell / HBAR, rel=1e-9)


def test_listed_x_ray_points():
    """7.11 keV: 3.51e-11; XMM 7.07: 1.2e-12; NuSTAR 20.9: 8.3e-14, by hand from the tables."""
    for name, mass, listed in (
        ("X-ray composite", 7.11, 3.51e-11),
        ("XMM-Newton blank sky 2018", 7.07, 1.2e-12),
        ("NuSTAR halo 2022", 20.9, 8.3e-14),
    ):
        bound = _BY_NAME[name].bound(nj.SterileNeutrino(mass * keV, 1e-11))
        assert float(bound.bound) == pytest.approx(listed, rel=1e-9)


def test_gaps_and_ends_are_refused():
    """No number where a line of the sky hides one, nor beyond the ends, nor a derivative."""
    limit = _BY_NAME["XMM-Newton blank sky 2021"]
    for mass in (7.80, 5.0, 16.0):
        bound = limit.bound(nj.SterileNeutrino(mass * keV, 1e-11))
        assert bound.verdict == "out of range"
        assert np.isnan(float(bound.ratio))
    assert limit.bound(nj.SterileNeutrino(7.7 * keV, 1e-11)).verdict == "excluded"


def test_xrism():
    """Γ < 1.0e-27/s at 7.1 keV is sin²2θ < 4.1e-10, as listed; 7.3 keV is another line."""
    bound = LineRate().bound(_NU)
    assert 7e-11 / float(bound.ratio) == pytest.approx(4.1e-10, rel=0.01)
    assert LineRate().bound(nj.SterileNeutrino(7.3 * keV, 1e-9)).verdict == "out of range"


def test_the_line_is_preferred_not_excluded():
    """A band: 4e-11 is below it, 7e-11 inside, 2e-10 above."""
    words = []
    for mixing in (4e-11, 7e-11, 2e-10):
        table = check(nj.SterileNeutrino(7.1 * keV, mixing), limits=[_BY_NAME["line at 3.5 keV"]])
        words.append(table.entries[0].verdict)
        assert not table.excluded
    assert words == ["not preferred", "preferred", "not preferred"]


def test_share_of_the_dark_matter():
    """X-ray limits count Ω h²/0.12; structure wants nearly all dark matter."""
    result = _thermal(7.1 * keV, density=0.012)
    line = _BY_NAME["X-ray composite"]
    whole, part = line.bound(_NU), line.bound(_NU, result)
    assert float(part.ratio / whole.ratio) == pytest.approx(0.1, rel=1e-12)
    assert PhaseSpace().bound(_NU, result).verdict == "out of range"
    assert RelicDensity().bound(_NU, result).verdict == "allowed"


def test_what_is_not_constrained_says_so():
    """A force the map does not know, a result that is missing, a pair that is none."""
    map_ = ThermalRelic("m", "s", "limit", 5.3, "dodelson-widrow")
    with pytest.raises(NotConstrained, match="SterileNeutrino of flavour mu with VectorMediator"):
        map_.bound((_NU, _VECTOR))
    mean = ThermalRelic("m", "s", "limit", 5.3, "mean")
    with pytest.raises(NeedsResult, match="needs the result"):
        mean.bound((_NU, _VECTOR))
    with pytest.raises(NotConstrained, match="float"):
        mean.bound(3.0)
    with pytest.raises(TypeError, match="`sterile` must be of type SterileNeutrino"):
        mean.bound((_VECTOR, _NU))
    row = check((_NU, _VECTOR), limits=[mean]).rows()[0]
    assert row["verdict"] == "needs the result of production"
    assert SterileTheory(_NU).new_forces() == ()


def test_thermal_relics():
    """Listed m_DW of 3.3, 5.3, 6.5, 9.7 keV: 22, 41, 54, 92 keV; 4.43 keV at 1 keV."""
    for relic, listed in ((1.0, 4.43), (3.3, 22), (5.3, 41), (6.5, 54), (9.7, 92)):
        found = brentq(lambda m, r=relic: float(relic_mass(m, 1.0, 0.1225)) - r * keV, 1e-3, 1.0)
        assert found / keV == pytest.approx(listed, rel=0.012)  # two digits, and 94.1 eV for 93


def test_the_maps_agree_where_they_must():
    """A Fermi–Dirac spectrum of T_ν: all three give one mass, but for g*s,0 = 3.909 (0.1 %)."""
    result = _thermal(7.1 * keV)
    values = [
        float(ThermalRelic("m", "s", "limit", 3.3, name).bound(_NU, result).value)
        for name in ("dodelson-widrow", "mean", "half-mode")
    ]
    assert values[1:] == pytest.approx([values[0]] * 2, rel=2e-3)
    phase = PhaseSpace().bound(_NU, result)
    assert float(phase.value) == pytest.approx(7.1, rel=2e-3)


def test_a_cold_spectrum_is_colder_in_every_map():
    """Half the momenta: half the warmth, exactly, and the relic heavier by 2^(3/4)."""
    warm, cold = _thermal(7.1 * keV), _thermal(7.1 * keV, shape=lambda x: fermi_dirac(2 * x))
    for name in ("mean", "half-mode"):
        limit = ThermalRelic("m", "s", "limit", 3.3, name)
        ratio = float(limit.bound(_NU, cold).value / limit.bound(_NU, warm).value)
        # ∫q²f is smaller by 8, but the temperature is that of the yield: unchanged.
        assert ratio == pytest.approx(2**0.75, rel=1e-4)


def test_the_half_mode_of_a_spectrum():
    """⟨sin(xy)/(xy)⟩ = ½ by SciPy for f = f_FD/√x, the spectrum of light mediators."""

    def transform(y):
        top = quad(lambda x: x**1.5 / (np.exp(x) + 1) * np.sin(x * y) / (x * y), 0, 60, limit=300)
        return top[0] / quad(lambda x: x**1.5 / (np.exp(x) + 1), 0, 60)[0]

    half = brentq(lambda y: transform(y) - 0.5, 0.1, 3.0)
    result = _thermal(7.1 * keV, shape=lambda x: fermi_dirac(x) / jnp.sqrt(x))
    plain = _thermal(7.1 * keV)
    found = structure.half_mode_warmth(result) / structure.half_mode_warmth(plain)
    assert float(found) == pytest.approx(structure._HALF / half, rel=1e-5)


@pytest.mark.slow
def test_limits_have_derivatives():
    """Forward = reverse = central differences, of every limit in range, in every parameter."""

    def theory_at(logs):
        m4, mixing, mass, coupling = jnp.exp(logs)
        force = nj.ScalarMediator(mass, coupling)
        return SterileTheory(nj.SterileNeutrino(m4, mixing, "mu"), nj.StandardModel() + force)

    at = jnp.log(jnp.asarray([7.2 * keV, 7e-11, 12.0, 1e-3]))
    rows = check(theory_at(at)).entries
    reaching = [r.limit for r in rows if r.bound is not None and bool(r.bound.in_range)]
    assert len(reaching) >= 15

    def ratios(logs):
        theory = theory_at(logs)
        return jnp.log(jnp.stack([limit.bound(theory).ratio for limit in reaching]))

    function = jax.jit(ratios)
    forward, reverse = jax.jit(jax.jacfwd(ratios))(at), jax.jit(jax.jacrev(ratios))(at)
    h = 1e-5
    differences = jnp.stack(
        [(function(at + h * e) - function(at - h * e)) / (2 * h) for e in jnp.eye(4)], axis=1
    )
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(forward, differences, rtol=1e-6, atol=1e-6)


def test_the_spectrum_limits_have_derivatives():
    """The half-mode's Newton steps carry the derivative of the spectrum and of the mass."""

    def value(log_cold):
        scale = jnp.exp(log_cold)
        result = _thermal(7.1 * keV, shape=lambda x: fermi_dirac(scale * x))
        limit = ThermalRelic("m", "s", "limit", 3.3, "half-mode")
        return jnp.log(limit.bound(_NU, result).value)

    # Warmth ∝ 1/scale, mass of the relic ∝ warmth^(−3/4).
    assert float(jax.grad(value)(0.3)) == pytest.approx(0.75, rel=1e-4)


@pytest.mark.slow
def test_real_spectra_end_to_end():
    """A point of regime C is colder than plain Dodelson–Widrow, and check prints every row."""
    inputs = nj.presets.paper()
    forces = inputs.standard_model + nj.ScalarMediator(1 * MeV, 1e-6)
    kwargs = {"plasma": inputs.plasma, "method": inputs.method}
    light = nj.solve_production(_NU, forces, **kwargs)
    plain = nj.solve_production(_NU, inputs.standard_model, **kwargs)
    limit = ThermalRelic("m", "s", "limit", 3.3, "half-mode")
    warmth = [float(structure.half_mode_warmth(r)) for r in (light, plain)]
    assert warmth[0] < warmth[1]
    table = check((_NU, forces), light)
    assert "Omega h^2" in {row["quantity"] for row in table.rows()}
    assert limit.bound((_NU, forces), light).verdict in ("allowed", "excluded")
    assert len(str(table).splitlines()) == len(all_limits())
    assert float(structure.temperature_today(plain)) == pytest.approx(
        (3.909 / 10.75) ** (1 / 3), rel=1e-3
    )
    assert 1 * eV < 1 * keV
