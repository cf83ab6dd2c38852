"""Files for CLASS: units, density budget, sampling; and, where `classy` is there, what it makes."""

import json
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from spectra import made_up_result

import nujax as nj
from nujax import export
from nujax.limits import _structure as structure
from nujax.statistics import fermi_dirac
from nujax.units import GeV, MeV, keV

_NU = nj.SterileNeutrino(7.1 * keV, 7e-11, "mu")
# Shapes like those of A and DW (thermal), B (warm) and C (∝ 1/√x).
_SHAPES = {
    "DW": fermi_dirac,
    "B": lambda x: x**1.5 * fermi_dirac(x),
    "C": lambda x: fermi_dirac(x) / jnp.sqrt(x),
}
_POINTS = {"A": (1 * GeV, 0.128), "B": (1 * GeV, 7.07e-3), "C": (1 * MeV, 1e-6), "DW": None}


@cache
def _solved(name):
    """A point of Ω h² = 0.12 (DW: less) with the sources' inputs."""
    inputs, numbers = nj.presets.paper(), _POINTS[name]
    # Dodelson–Widrow by a coupling of zero: one compiled function serves all points.
    force = nj.ScalarMediator(*(numbers or (1 * GeV, 1e-12)))
    return nj.solve_production(
        _NU, inputs.standard_model + force, plasma=inputs.plasma, method=inputs.method
    )


def _made_up(name, density=0.12):
    return made_up_result(_SHAPES[name], density)


def _number(q, f0):
    """4π∫q²f₀ dq by the spline that CLASS takes, finely."""
    fine = np.geomspace(q[0], q[-1], 20001)
    return 4 * np.pi * np.trapezoid(fine**3 * CubicSpline(q, f0)(fine), np.log(fine))


def test_units_of_the_spectrum():
    """f₀ = 2f/(2π)³ and q = p/T: a Fermi–Dirac spectrum comes out as one."""
    result = _made_up("DW", 0.01)
    q, f0 = export.class_spectrum(result)
    ratio = float(result.distribution(3.0) / fermi_dirac(3.0))
    expected = 2 * ratio * np.asarray(fermi_dirac(q)) / (2 * np.pi) ** 3
    np.testing.assert_allclose(f0, expected, rtol=1e-3)
    assert (np.diff(q) > 0).all()
    assert len(q) <= 250


@pytest.mark.parametrize("name", ["B", "C", "DW"])
@pytest.mark.parametrize(
    "result_of", [_made_up, pytest.param(_solved, marks=pytest.mark.slow)], ids=["shape", "solved"]
)
def test_the_density_budget(name, result_of):
    """m n/ρ_c of the file, with CLASS's constants, is Ω h² of the result to 1e-4; ⟨q⟩ is ⟨x⟩."""
    result = result_of(name)
    q, f0 = export.class_spectrum(result)
    settings = export.class_parameters(_NU, result, density=float(result.relic_density))
    T = settings["T_ncdm"] * 2.7255 * 8.617333262e-11 / 1.973269804e-11  # [1/cm]
    density = settings["deg_ncdm"] * _number(q, f0) * T**3 * settings["m_ncdm"] * 1e-6
    assert density / 1.053672e-2 == pytest.approx(settings["omega_ncdm"], rel=1e-4)
    # The sources' ρ_c/h² of 1.05e-5 is rounded: that is all that the degeneracy corrects.
    assert settings["deg_ncdm"] == pytest.approx(1.0035, rel=3e-3)
    momentum = _number(q, f0 * q) / _number(q, f0)
    assert momentum == pytest.approx(float(result.mean_momentum), rel=1e-3)
    assert settings["T_ncdm"] == pytest.approx((3.909 / 10.75) ** (1 / 3), rel=1e-3)
    assert settings["omega_cdm"] + settings["omega_ncdm"] == pytest.approx(0.12, abs=1e-3)


def test_the_edge_of_a_resonance_keeps_its_area():
    """A step at x = 2 and a peak of two rows: number to 1e-3, no negative f₀."""
    base = _made_up("DW")
    log_x = jnp.log(base.x)
    spike = 1.0 + 20.0 * jnp.exp(-0.5 * ((log_x - jnp.log(2.0)) / 0.15) ** 2)
    f = base.f * jnp.where(base.x < 2.0, 0.1, 1.0) * spike
    result = eqx.tree_at(lambda r: r.f, base, f)
    q, f0 = export.class_spectrum(result, points=120)
    assert (f0 > 0).all()
    step = float(jnp.log(base.x[1] / base.x[0]))
    expected = step * float(jnp.sum(base.x**3 * f)) / np.pi**2
    assert _number(q, f0) == pytest.approx(expected, rel=1e-3)


def test_files(tmp_path):
    """Two columns without a header; an ini file with every setting and the path of the first."""
    files = export.write_class(_NU, _made_up("DW"), tmp_path / "new" / "folder")
    columns = np.loadtxt(files.psd)
    assert columns.shape == (200, 2)
    lines = [line for line in files.ini.read_text().splitlines() if "=" in line]
    settings = dict(line.split(" = ") for line in lines if not line.startswith("#"))
    assert settings["ncdm_psd_filenames"] == str(files.psd)
    assert float(settings["m_ncdm"]) == pytest.approx(7100.0)
    assert settings["use_ncdm_psd_files"] == settings["N_ncdm"] == "1"
    assert settings["ncdm_fluid_approximation"] == "3"
    assert set(settings) == set(files.parameters)
    assert not any("#" in line for line in lines if not line.startswith("#"))


def test_the_rest_is_cold_and_too_much_is_refused():
    """A subdominant species leaves cold matter; more than all dark matter is an error that says
    what CLASS would do, unless a density is given.
    """
    small = export.class_parameters(_NU, _made_up("DW", 0.01))
    assert small["omega_cdm"] == pytest.approx(0.12 - small["omega_ncdm"])
    much = eqx.tree_at(lambda r: r.relic_density, _made_up("DW"), jnp.asarray(0.3))
    with pytest.raises(ValueError, match="must not exceed all dark matter, 0.12"):
        export.class_parameters(_NU, much)
    given = export.class_parameters(_NU, much, density=0.12)
    assert given["omega_ncdm"] == 0.12
    assert given["omega_cdm"] == 0.0


def test_bad_results_are_refused():
    result = _made_up("DW")
    broken = eqx.tree_at(lambda r: r.status_code, result, jnp.asarray(1))
    with pytest.raises(ValueError, match="status ok, but has under_resolved"):
        export.class_spectrum(broken)
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), result)
    with pytest.raises(ValueError, match="is a batch"):
        export.class_spectrum(batch)
    with pytest.raises(ValueError, match="50 to 250"):
        export.class_spectrum(result, points=1000)
    with pytest.raises(TypeError, match="ProductionResult"):
        export.class_spectrum(3.0)  # type: ignore[arg-type]


def test_half_modes():
    """Where a known transfer function is ½; the fit inverts; M_hm of 3.3 keV as listed."""
    k = np.geomspace(0.1, 100, 400)
    alpha = 0.049 * 1.5**-1.11 * (0.12 / 0.6736**2 / 0.25) ** 0.11 * (0.6736 / 0.7) ** 1.22
    transfer = (1 + (alpha * k) ** 2.24) ** (-5 / 1.12)
    found = export.half_mode(k, transfer)
    assert found == pytest.approx(export.relic_half_mode(1.5), rel=1e-4)
    assert export.relic_mass_of_half_mode(found) == pytest.approx(1.5, rel=1e-4)
    assert export.half_mode_mass(3.3) == pytest.approx(3.04e8)
    with pytest.raises(ValueError, match="larger `k_max`"):
        export.half_mode(k[:100], transfer[:100])


def test_without_classy(monkeypatch):
    """The message is the line to paste."""
    monkeypatch.setitem(__import__("sys").modules, "classy", None)
    with pytest.raises(ImportError, match=r"pip install 'nujax\[class\]'"):
        export.matter_power(_NU, _made_up("DW"))


@pytest.mark.slow
def test_the_command(nujax, tmp_path):
    folder = tmp_path / "class"
    point = ["--mass", "7.1keV", "--sin2-2theta", "7e-11", "--inputs", "paper"]
    done = nujax("spectrum", *point, "--class-output", str(folder), "--json")
    assert done.code == 0, done.stderr
    report = json.loads(done.stdout)
    assert (folder / "nujax.ini").read_text().count("m_ncdm = 7100.0")
    assert report["class"]["parameters"]["omega_ncdm"] == pytest.approx(report["relic_density"])
    assert "nujax.ini" in done.stderr
    (tmp_path / "file").write_text("")
    bad = nujax("spectrum", *point, "--class-output", str(tmp_path / "file"))
    assert bad.code == 2
    assert "must be a folder" in bad.stderr
    much = [*point[:2], "--sin2-2theta", "1e-8", "--inputs", "paper"]
    refused = nujax("spectrum", *much, "--class-output", str(tmp_path / "much"))
    assert refused.code == 2
    assert "must not exceed all dark matter" in refused.stderr
    assert not (tmp_path / "much").exists()


@cache
def _powers(name):
    return export.matter_power(_NU, _solved(name), density=0.12, k_max=30.0)


@pytest.mark.slow
def test_classy_agrees_with_its_own_thermal_species():
    """Fermi–Dirac at 7.1 keV: k_hm = 14.5 h/Mpc to 2 %; P(k) of CLASS's own species of the same
    temperature to 0.5 % up to 10 h/Mpc; ω_ncdm to 1e-3, also where CLASS is not told it.
    """
    classy = pytest.importorskip("classy", reason="CLASS is not installed (pip install classy)")
    power = _powers("DW")
    assert power.half_mode == pytest.approx(14.5, rel=0.02)
    assert power.omega_ncdm == pytest.approx(0.12, rel=1e-3)
    settings = export.class_parameters(_NU, _solved("DW"), density=0.12, k_max=30.0)
    thermal = {k: v for k, v in settings.items() if k not in ("deg_ncdm", "use_ncdm_psd_files")}
    cosmos = classy.Class()
    cosmos.set(thermal)
    cosmos.compute()
    h = settings["h"]
    own = np.array([cosmos.pk(k * h, 0.0) for k in power.k]) * h**3
    cosmos.struct_cleanup()
    few = power.k <= 10.0
    np.testing.assert_allclose(power.warm[few], own[few], rtol=5e-3)


@pytest.mark.slow
def test_class_finds_the_density_of_the_spectrum(tmp_path):
    """Without omega_ncdm CLASS integrates the file itself: Ω h² of the result to 1e-3."""
    classy = pytest.importorskip("classy", reason="CLASS is not installed (pip install classy)")
    for name in ("A", "B", "C"):
        files = export.write_class(_NU, _solved(name), tmp_path / name)
        lines = files.ini.read_text().splitlines()  # as it stands in the file
        written = dict(line.split(" = ") for line in lines if " = " in line and line[0] != "#")
        left_out = ("omega_ncdm", "output", "P_k_max_h/Mpc")
        settings = {k: v for k, v in written.items() if k not in left_out}
        cosmos = classy.Class()
        cosmos.set(settings)
        cosmos.compute()
        found = cosmos.Omega_nu * float(settings["h"]) ** 2
        cosmos.struct_cleanup()
        assert found == pytest.approx(float(_solved(name).relic_density), rel=1e-3)


@pytest.mark.slow
def test_warm_and_cold_regimes():
    """C colder than DW, B warmer, by ⟨x⟩ and by k_hm; the maps of `nujax.limits` find the thermal
    relic of CLASS's half-mode to 4 %.
    """
    pytest.importorskip("classy", reason="CLASS is not installed (pip install classy)")
    names = ("C", "DW", "B")
    momenta = [float(_solved(name).mean_momentum) for name in names]
    modes = [_powers(name).half_mode for name in names]
    assert momenta == sorted(momenta)
    assert modes == sorted(modes, reverse=True)
    for name in names:
        # On large scales nothing is damped; CLASS's default tolerance would be 5e-3 off here.
        large = _powers(name).k < 0.1
        np.testing.assert_allclose(_powers(name).transfer[large], 1.0, atol=1e-3)
        warmth = structure.half_mode_warmth(_solved(name))
        mapped = float(structure.relic_mass(7.1 * keV, warmth)) / keV
        assert mapped == pytest.approx(_powers(name).relic_mass, rel=0.04)
