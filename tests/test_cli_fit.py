"""`nujax fit CONFIG.toml` as a contract: JSON keys, exit codes, messages."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from nujax.cli import main

_CONFIG = """
[sterile]
mass = "7.1keV"
sin2_2theta = 7e-11
flavour = "mu"
[mediator]
kind = "scalar"
mass = "1GeV"
coupling = 0.3
convention = "exact"
[inputs]
set = "paper"
[fit]
free = ["mediator_mass", "coupling"]
target = 0.12
sigma = 0.0012
starts = 8
seed = 0
[fit.bounds]
mediator_mass = ["1MeV", "10GeV"]
coupling = [1e-9, 12.566370614359172]
"""


@pytest.fixture
def nujax_fit(monkeypatch, capsys, tmp_path):
    """Runs `nujax fit` on a configuration; gives its exit code, stdout and stderr."""

    def run(config, *arguments):
        path = tmp_path / "fit.toml"
        path.write_text(config, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["nujax", "fit", str(path), *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code or 0, stdout=printed.out, stderr=printed.err)

    return run


@pytest.mark.slow
def test_json_is_one_complete_object(nujax_fit):
    done = nujax_fit(_CONFIG, "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {
        *("parameters", "relic_density", "mean_momentum", "residual", "chi2", "status", "message"),
        *("free", "covariance", "undetermined", "undetermined_message", "starts", "inputs"),
        *("convention", "version"),
    }
    assert answer["status"] == "converged"
    assert answer["message"].startswith("converged in ")
    assert answer["relic_density"] == pytest.approx(0.12, rel=1e-6)
    assert abs(answer["residual"]) <= 1e-6
    assert answer["mean_momentum"] is None
    assert set(answer["parameters"]) == {"mediator_mass", "coupling"}
    # One datum: a covariance of rank one, and the direction along which Ω h² stays.
    covariance = np.array(answer["covariance"])
    (free,) = answer["undetermined"]
    np.testing.assert_allclose(covariance @ list(free.values()), 0.0, atol=1e-12)
    assert np.trace(covariance) > 0
    assert answer["undetermined_message"].startswith("The data do not determine ")
    assert len(answer["starts"]) == 8
    for start in answer["starts"]:
        assert start["message"].split(":")[0]
        assert 1.0 <= start["parameters"]["mediator_mass"] <= 1e4
    assert answer["inputs"]["mass"] == pytest.approx(0.0071)
    assert answer["inputs"]["energy_unit"] == "MeV"
    assert answer["inputs"]["fit"]["bounds"]["mediator_mass"] == [1.0, 1e4]
    assert answer["inputs"]["fit"]["seed"] == 0
    assert answer["convention"] == "exact"


@pytest.mark.slow
def test_table_for_people(nujax_fit):
    """The root of the reference at 1 GeV, its error σ/target/slope = 0.336 %."""
    done = nujax_fit(_CONFIG.replace('["mediator_mass", "coupling"]', '["coupling"]').replace(
        'mediator_mass = ["1MeV", "10GeV"]', ""
    ))  # fmt: skip
    assert done.code == 0, done.stderr
    for text in ("Best fit", "0.1277823", "± 0.34 %", "converged", "8 starts"):
        assert text in done.stdout
    assert all(line.startswith("nujax: warning: ") for line in done.stderr.splitlines())


def test_target_not_reached_is_exit_code_1(nujax_fit):
    """At 100 MeV strong couplings have no root; the reason is told and no numbers are given."""
    config = _CONFIG.replace('["mediator_mass", "coupling"]', '["coupling"]')
    config = config.replace('mediator_mass = ["1MeV", "10GeV"]\n', "").replace("1e-9, ", "0.01, ")
    config = config.replace(
        "starts = 8", "starts.coupling = [0.1, 0.2]\nfixed.mediator_mass = '0.1GeV'"
    )
    done = nujax_fit(config, "--json")
    assert done.code == 1
    answer = json.loads(done.stdout)
    assert answer["parameters"] is None
    assert answer["covariance"] is None
    assert answer["relic_density"] is None
    assert answer["status"] == "local_minimum"
    assert (
        "target not reached: no root downhill: local minimum of |ln(Ω h²/target)| at "
        in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1
    people = nujax_fit(config)
    assert people.code == 1
    assert "No start reached the target" in people.stdout


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[sterile]", "[sterile", "Argument `config` must be TOML, but "),
        ("[inputs]", "[input]", "but has input (did you mean inputs?)."),
        ("flavour", "flavor", "Table `sterile` must have keys of mass, sin2_2theta, flavour, but"),
        ("sigma", "sigmas", "but has sigmas (did you mean sigma?)."),
        ("coupling = [", "couplng = [", "Table `fit.bounds` must have keys of mediator_mass"),
        ('"7.1keV"', '"7.1"', "Argument `sterile.mass` must carry a unit (for example 7.1keV)"),
        ('"7.1keV"', "7.1", "Argument `sterile.mass` must carry a unit (for example 7.1keV)"),
        ('mass = "7.1keV"', "", "Argument `sterile.mass` must be given, but is missing."),
        ("7e-11", '"7e-11"', "Argument `sterile.sin2_2theta` must be a plain number"),
        ("7e-11", "2.0", "Argument `sterile.sin2_2theta` must lie between 0 and 1"),
        ('"mu"', '"muon"', "Argument `sterile.flavour` must be e, mu or tau, but is muon (did you"),
        ('kind = "scalar"', "", "Argument `mediator.kind` must be given with [mediator]"),
        ('"scalar"', '"scalr"', "Argument `mediator.kind` must be scalar, vector, lmu-ltau or b-l"),
        ("0.3", "13.0", "Argument `mediator.coupling` must lie between 0 and 4π, but is 13.0."),
        ("0.3", "true", "Argument `mediator.coupling` must be a plain number, but is true."),
        ('"paper"', '"papr"', "Argument `inputs.set` must be precise or paper, but is papr"),
        ('set = "paper"', 'plasma = "x"', "Argument `inputs.plasma` must be saikawa-shirai or"),
        ("target = 0.12", "target = -1.0", "Argument `fit.target` must be positive, but is -1.0."),
        ("sigma = 0.0012", "sigma = 0", "Argument `fit.sigma` must be positive, but is 0."),
        ("target = 0.12", 'target = "x"', "Argument `fit.target` must be a plain number, but is x"),
        ('["mediator_mass", "coupling"]', "[]", "Argument `fit.free` must be a list of at least"),
        ('"coupling"]', '"couplin"]', "but is couplin (did you mean coupling?)."),
        ('"coupling"]', '"mediator_mass"]', "Argument `fit.free` must name each parameter once"),
        (
            "seed = 0",
            "fixed.coupling = 0.1",
            "Argument `fit.fixed` must not name a free parameter, but has coupling.",
        ),
        ("starts = 8", "starts = 0", "Argument `fit.starts` must be a whole number from 1 on"),
        ("starts = 8", "starts = 2.5", "Argument `fit.starts` must be a whole number from 1 on"),
        ("starts = 8", "mean_momentum = 3.0", "Argument `fit.mean_momentum` must be a pair"),
        (
            '"1MeV", "10GeV"',
            '"10GeV", "1MeV"',
            "Argument `fit.bounds.mediator_mass` must rise from low to high, but is [10GeV, 1MeV].",
        ),
        ('"1MeV", "10GeV"', "1.0, 2.0", "Argument `fit.bounds.mediator_mass` must carry a unit"),
        ('["1MeV", "10GeV"]', '"1MeV"', "Argument `fit.bounds.mediator_mass` must be a pair"),
        ("12.566370614359172", "13.0", "Argument `bounds[coupling]` must rise and lie within"),
    ],
)  # fmt: skip
def test_bad_input(nujax_fit, old, new, sentence):
    """One sentence on stderr, exit code 2, nothing on stdout."""
    assert _CONFIG.count(old) >= 1
    done = nujax_fit(_CONFIG.replace(old, new, 1), "--json")
    assert done.code == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_missing_tables(nujax_fit):
    assert "Argument `fit` must be a table" in nujax_fit(_CONFIG.split("[fit]")[0]).stderr
    without = _CONFIG.split("[mediator]")[0] + "[fit]" + _CONFIG.split("[fit]")[1]
    done = nujax_fit(without)
    assert done.code == 2
    assert "Argument `fit.free` must go without mediator_mass where there is no" in done.stderr


def test_missing_file_does_not_load_jax(tmp_path):
    code = (
        "import sys\nfrom nujax.cli import main\n"
        "sys.argv = ['nujax', 'fit', 'missing.toml']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert stop.code == 2\n"
        "assert not {'jax', 'equinox', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Argument `config` must be a file that can be read, but is missing.toml" in done.stderr


def test_free_parameters_may_be_left_out(nujax_fit):
    """The coupling is free and has no value in the file; it is one of the reference's roots."""
    config = _CONFIG.replace("coupling = 0.3\n", "").replace(
        '"mediator_mass", "coupling"', '"coupling"'
    )
    done = nujax_fit(config.replace('mediator_mass = ["1MeV", "10GeV"]\n', ""), "--json")
    assert done.code == 0, done.stderr
    found = json.loads(done.stdout)["parameters"]["coupling"]
    roots = np.array([6.359507883495865e-05, 0.007069549025179748, 0.127782251445069])
    # 2e-6 as in tests/test_fit.py: tolerance and quadrature.
    assert np.min(np.abs(np.log(found / roots))) < 2e-6
