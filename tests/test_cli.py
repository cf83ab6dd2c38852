"""The command line as a contract: JSON keys, exit codes, messages, files."""

import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from nujax._files import write_whole
from nujax.cli import _report as report
from nujax.cli._inputs import BadInput, read_inputs
from nujax.cli._runtime import cache_folder

_DODELSON_WIDROW = ["--mass", "7.1keV", "--sin2-2theta", "7e-11"]
_SCALAR = ["--mediator", "scalar", "--mediator-mass", "1GeV", "--coupling", "0.1"]
_VECTOR = ["--mediator-mass", "1GeV", "--coupling", "0.03", "--mediator"]
# The set-up of the reference numbers: constant g*, rates and potential of 1910.04901.
_PAPER = ["--inputs", "paper", "--t-initial", "10GeV", "--t-final", "0.1MeV"]


# Values of an independent high-accuracy implementation.
@pytest.mark.parametrize(
    ("options", "relic_density"),
    [
        ([], 0.00358170876),
        (["--flavour", "e"], 0.00494431),
        (_SCALAR, 0.05812486961935355),
        ([*_SCALAR, "--bose"], 0.05814559060187259),
        ([*_SCALAR, "--convention", "paper"], 0.06815642877860013),
        ([*_VECTOR, "vector"], 0.021140923808697875),
    ],
)
def test_relic_density(nujax, options, relic_density):
    done = nujax("relic", *_DODELSON_WIDROW, *options, *_PAPER, "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "ok"
    assert answer["relic_density"] == pytest.approx(relic_density, rel=1e-6)


def test_json_is_one_complete_object(nujax):
    done = nujax("relic", *_DODELSON_WIDROW, *_SCALAR, *_PAPER, "--gradient", "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["convention"] == "exact"
    assert answer["version"]
    assert isinstance(answer["warnings"], list)
    assert 0 <= answer["error_estimate"] < 1e-3
    assert answer["mean_momentum"] == pytest.approx(3.173086237188688, rel=1e-6)
    assert answer["comoving_yield"] > 0
    assert answer["inputs"] == {
        "mass": pytest.approx(0.0071, rel=1e-15),
        "sin2_2theta": 7e-11,
        "flavour": "mu",
        "mediator": "scalar",
        "mediator_mass": 1000.0,
        "coupling": 0.1,
        "bose": False,
        "inputs": "paper",
        "convention": "exact",
        "plasma": "constant",
        "t_initial": 1e4,
        "t_final": 0.1,
        "method": "boltzmann",
        "ordering": "normal",
        "energy_unit": "MeV",
    }
    regime = answer["regime"]
    assert regime["name"] == "A"
    assert regime["z_2"] < regime["z_1"] < regime["z_0"]
    assert sum(regime["shares"].values()) == pytest.approx(1.0, abs=1e-9)
    assert answer["gradient"] == {
        "mass": pytest.approx(2.0447971905614635, rel=1e-5),
        "sin2_2theta": pytest.approx(1.0, rel=1e-5),
        "mediator_mass": pytest.approx(-2.044418073089378, rel=1e-5),
        "coupling": pytest.approx(2.9302242812576282, rel=1e-5),
    }


@pytest.mark.slow
def test_gradient_without_mediator_and_only_when_asked(nujax):
    asked = json.loads(nujax("relic", *_DODELSON_WIDROW, "--gradient", "--json").stdout)
    assert set(asked["gradient"]) == {"mass", "sin2_2theta"}
    assert asked["inputs"]["mediator"] is None
    plain = json.loads(nujax("relic", *_DODELSON_WIDROW, "--json").stdout)
    assert "gradient" not in plain
    assert plain["relic_density"] == asked["relic_density"]


@pytest.mark.slow
def test_systematic_of_the_plasma_is_small_but_seen(nujax):
    default = json.loads(nujax("relic", *_DODELSON_WIDROW, "--json").stdout)
    other = json.loads(nujax("relic", *_DODELSON_WIDROW, "--plasma", "borsanyi", "--json").stdout)
    assert default["inputs"]["plasma"] == "saikawa-shirai"
    assert 1e-4 < abs(other["relic_density"] / default["relic_density"] - 1) < 0.15


def test_tables_for_people(nujax):
    done = nujax("relic", *_DODELSON_WIDROW, *_SCALAR, *_PAPER, "--gradient")
    assert done.code == 0
    for text in ("Ω h²", "0.0581248", "⟨p/T⟩", "status", "ok", "mediator_mass", "-2.0444"):
        assert text in done.stdout


def test_unfinished_production_is_a_warning(nujax):
    done = nujax("relic", *_DODELSON_WIDROW, "--t-final", "150MeV", "--json")
    assert done.code == 0
    assert json.loads(done.stdout)["warnings"]
    assert "warning: " in done.stderr


def test_convention_without_mediator_is_a_warning(nujax):
    done = nujax("relic", *_DODELSON_WIDROW, "--convention", "paper", "--json")
    assert done.code == 0
    assert any("--convention" in text for text in json.loads(done.stdout)["warnings"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--mass", "7.1"],
            "Argument `mass` must carry a unit (for example 7.1keV), but is 7.1.",
        ),
        (["--mass", "7.1furlong"], "Argument `mass` must be a number with a unit of energy"),
        (["--mass", "7.1kev"], "did you mean keV?"),
        (["--mass", "keV"], "Argument `mass` must be a number with a unit of energy"),
        (["--mass", "-7.1keV"], "Argument `mass` must be positive and finite, but is -7.1keV."),
        (["--mass", "0keV"], "Argument `mass` must be positive and finite, but is 0keV."),
        (["--mass", "1e-400keV"], "Argument `mass` must be positive and finite"),
        (["--mass", "1e400keV"], "Argument `mass` must be a number with a unit of energy"),
        (["--mass", "nan keV"], "Argument `mass` must be a number with a unit of energy"),
        (["--sin2-2theta", "nan"], "Argument `sin2-2theta` must be finite, but is nan."),
        (["--sin2-2theta", "tiny"], "Argument `sin2-2theta` must be a plain number"),
        (["--sin2-2theta", "0"], "Argument `sin2-2theta` must lie between 0 and 1"),
        (["--sin2-2theta", "1"], "Argument `sin2-2theta` must lie between 0 and 1"),
        (["--sin2-2theta", "-1e-9"], "Argument `sin2-2theta` must lie between 0 and 1"),
        (
            ["--flavour", "muon"],
            "Argument `flavour` must be e, mu or tau, but is muon (did you mean mu?).",
        ),
        (
            ["--mediator", "scalr"],
            "Argument `mediator` must be scalar, vector, lmu-ltau or b-l, but is scalr (did you",
        ),
        (["--mediator", "scalar"], "Argument `mediator-mass` must be given with --mediator"),
        (["--mediator-mass", "1GeV"], "Argument `mediator-mass` must come with a mediator"),
        (["--coupling", "0.1"], "Argument `coupling` must come with a mediator"),
        (["--bose"], "Argument `bose` must come with a mediator"),
        ([*_VECTOR, "vector", "--bose"], "Argument `bose` must be left out with --mediator vector"),
        ([*_VECTOR, "b-l", "--coupling", "3.6"], "Argument `coupling` must lie between 0 and √4π"),
        (
            [*_VECTOR, "lmu-ltau", "--flavour", "e"],
            "Argument `flavour` must be mu or tau, which feel the force L_μ − L_τ, but is e.",
        ),
        ([*_SCALAR, "--mediator-mass", "0.5keV"], "Argument `mediator-mass` must be at least 1keV"),
        (
            [*_SCALAR, "--mediator-mass", "1000TeV"],
            "Argument `T_final` must be at least a mediator mass divided by",
        ),
        ([*_SCALAR, "--mediator-mass", "1"], "Argument `mediator-mass` must carry a unit"),
        ([*_SCALAR, "--coupling", "12.6"], "Argument `coupling` must lie between 0 and 4π"),
        ([*_SCALAR, "--coupling", "0"], "Argument `coupling` must lie between 0 and 4π"),
        ([*_SCALAR, "--coupling", "inf"], "Argument `coupling` must be finite, but is inf."),
        (["--inputs", "exact"], "Argument `inputs` must be precise or paper, but is exact."),
        (["--convention", "papr"], "(did you mean paper?)"),
        (["--plasma", "laine"], "Argument `plasma` must be saikawa-shirai or borsanyi"),
        (["--plasma", "borsanyi", "--inputs", "paper"], "Argument `plasma` must be left out"),
        (["--t-final", "1"], "Argument `t-final` must carry a unit (for example 10GeV)"),
        (
            ["--t-initial", "1MeV", "--t-final", "1GeV"],
            "Argument `t-final` must lie below `t-initial` (1MeV), but is 1GeV.",
        ),
        (
            ["--t-final", "20GeV"],
            "Argument `t-final` must lie below `t-initial` (10000 MeV), but is 20000 MeV.",
        ),
        (["--t-initial", "0.5MeV"], "must lie below `t-initial` (0.5 MeV), but is 1 MeV."),
    ],
)
def test_bad_input(nujax, options, sentence):
    """One sentence on stderr, exit code 2, nothing on stdout."""
    done = nujax("relic", *_DODELSON_WIDROW, *options, "--json")
    assert done.code == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["relic"], ["relic", "--mass", "1keV"], ["relc"], []])
def test_incomplete_command_line(nujax, arguments):
    assert nujax(*arguments).code == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--points", "1"], "Argument `points` must be a whole number"),
        (["--points", "3.5"], "Argument `points` must be a whole number"),
        (["--x-min", "0"], "Argument `x-min` must be positive, but is 0."),
        (["--x-min", "30"], "Argument `x-max` must lie above `x-min` (30)"),
        (["--x-max", "1e9"], "Argument `x-max` must lie above `x-min`"),
        (["--output", "missing/f.csv"], "Argument `output` must be a file in an existing folder"),
        (["--output", "."], "Argument `output` must be a file in an existing folder"),
    ],
)
def test_bad_input_of_spectrum(nujax, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    done = nujax("spectrum", *_DODELSON_WIDROW, *options)
    assert done.code == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert not list(tmp_path.iterdir())


def test_spectrum_file(nujax, tmp_path):
    """The columns are consistent, and their moments are the numbers of `nujax relic`."""
    path = tmp_path / "spectrum.csv"
    path.write_text("an older file")
    options = ["--output", str(path), "--points", "400", "--json"]
    done = nujax("spectrum", *_DODELSON_WIDROW, *_PAPER, *options)
    assert done.code == 0, done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["spectrum.csv"]
    assert path.read_text().splitlines()[0] == "x,f,f_over_fermi_dirac"
    x, f, ratio = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
    assert x.size == 400
    assert x[0] == pytest.approx(0.01)
    assert x[-1] == pytest.approx(25)
    np.testing.assert_allclose(ratio, f * (np.exp(x) + 1), rtol=1e-12)
    np.testing.assert_allclose(ratio, 4.7285e-5, rtol=2e-3)

    answer = json.loads(done.stdout)
    np.testing.assert_array_equal(answer["x"], x)
    np.testing.assert_array_equal(answer["f"], f)
    mean = np.trapezoid(x**4 * f, np.log(x)) / np.trapezoid(x**3 * f, np.log(x))
    assert mean == pytest.approx(answer["mean_momentum"], rel=1e-4)


def test_spectrum_to_stdout_is_pure_csv(nujax):
    done = nujax("spectrum", *_DODELSON_WIDROW, "--points", "5", "--x-min", "1", "--x-max", "10")
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "x,f,f_over_fermi_dirac"
    assert len(lines) == 6
    assert all(float(cell) > 0 for line in lines[1:] for cell in line.split(","))
    assert "Ω h²" in done.stderr


def test_new_file_has_the_permissions_of_any_new_file(tmp_path):
    write_whole(tmp_path / "a", "text")
    (tmp_path / "b").write_text("text")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
    (tmp_path / "link").symlink_to(tmp_path / "b")
    write_whole(tmp_path / "link", "other")
    assert (tmp_path / "b").read_text() == "other"


class _Regime:
    """Made by the Standard Model, with one of the three times."""

    names, name = ("DW", "A", "B", "C"), "DW"
    shares = (1.0, 0.0, 0.0, 0.0)
    z_0, z_1, z_2 = 0.0, 0.01, None

    def __str__(self):
        return "DW (100.0%: words)"


def _result(status="ok", relic_density=0.1, error_estimate=1e-9):
    return SimpleNamespace(
        relic_density=relic_density,
        mean_momentum=3.0,
        comoving_yield=1e-5,
        delta_n_eff=1e-5,
        status=SimpleNamespace(name=status),
        error_estimate=error_estimate,
        regime=_Regime(),
        warnings=lambda: [],
    )


@pytest.mark.parametrize("status", ["under_resolved", "max_steps", "non_finite"])
def test_numerical_failure_is_exit_code_1(capsys, status):
    answer = report.answer(_inputs(), _result(status), None)
    assert answer["status"] == status
    assert report.finish(answer) == 1
    assert status in capsys.readouterr().err


def test_no_nan_reaches_json(capsys):
    result = _result("non_finite", relic_density=math.nan, error_estimate=math.inf)
    report.print_json(report.answer(_inputs(), result, {"mass": math.nan}))
    answer = json.loads(capsys.readouterr().out)
    assert answer["relic_density"] is None
    assert answer["error_estimate"] is None
    assert answer["gradient"] == {"mass": None}


@pytest.mark.parametrize(
    ("gradient", "columns"), [({"mass": math.nan}, None), (None, {"f": [1.0, math.nan]})]
)
def test_any_number_that_is_not_finite_is_a_failure(gradient, columns):
    answer = report.answer(_inputs(), _result(), gradient, columns)
    assert answer["status"] == "non_finite"
    assert report.finish(answer) == 1


def test_reader_raises_the_sentence():
    with pytest.raises(BadInput, match="must carry a unit"):
        read_inputs(mass="1", sin2_2theta="1e-9")


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("NUJAX_CACHE_DIR", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("NUJAX_CACHE_DIR")
    assert cache_folder() == tmp_path / "xdg" / "nujax"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "nujax"


@pytest.mark.parametrize("writable", [True, False])
def test_cold_start_with_own_cache(tmp_path, writable):
    """As a user starts it: a new process, whose compiled code is kept if the folder allows."""
    folder = tmp_path / "cache"
    if not writable:
        folder.write_text("a file where the folder should be")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-m", "nujax.cli", "relic", *_DODELSON_WIDROW, "--json"],
        env=environment | {"NUJAX_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ok"
    assert done.stderr == ""
    if writable:
        assert [path for path in folder.rglob("*") if path.is_file()]


def _inputs():
    return read_inputs(mass="7.1keV", sin2_2theta="7e-11")


@pytest.mark.slow
def test_both_methods(nujax):
    """eV masses, inverted: the ratio of the density matrix to Boltzmann, ΔN_eff and advice."""
    done = nujax(
        "relic", "--mass", "1eV", "--sin2-2theta", "1e-4", "--flavour", "e", "--ordering",
        "inverted", "--t-initial", "40MeV", "--t-final", "1MeV", "--inputs", "paper", "--method",
        "both", "--json",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["inputs"]["method"] == "both"
    assert answer["delta_n_eff"] == pytest.approx(0.997, abs=6e-4)
    # The sources' Boltzmann equation drops −f_s, and makes more than two neutrinos of one.
    assert answer["ratio"] < 0.5
    expected = answer["relic_density"] / answer["boltzmann"]["relic_density"]
    assert answer["ratio"] == pytest.approx(expected, rel=1e-12)
    assert answer["recommendation"]["method"] == "quasi-static"
    assert "averaged" in answer["recommendation"]["reasons"][0]


def test_unknown_method_and_ordering(nujax):
    """Two words with their choices."""
    for option, value in (("--method", "qk"), ("--ordering", "invert")):
        done = nujax("relic", *_DODELSON_WIDROW, option, value)
        assert done.code == 2
        assert "did you mean" in done.stderr
