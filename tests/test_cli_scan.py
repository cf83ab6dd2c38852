"""`nujax scan CONFIG.toml --store out.zarr` as a contract: stores, JSON keys, exit codes, words."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import toy

import nujax as nj

_ROOT = Path(__file__).resolve().parent.parent
_CONFIG = """
[sterile]
mass = "7.1keV"
flavour = "mu"
[mediator]
kind = "scalar"
convention = "exact"
[inputs]
set = "paper"
[scan]
sampling = "sobol"
points = 100
seed = 5
chunk = 32
outputs = ["relic_density", "mean_momentum"]
[scan.parameters]
sin2_2theta = { low = 1e-10, high = 1e-8 }
mediator_mass = [{ low = "1MeV", high = "10MeV" }, { low = "1GeV", high = "10GeV" }]
coupling = { low = 1e-4, high = 0.1, scale = "log" }
"""


@pytest.fixture
def cheap(monkeypatch):
    """The physics of `toy` in place of that of the file, with exit codes and files as ever."""
    from nujax.cli import _compute

    def theory(inputs):
        values = inputs.parameters()
        physics, options = toy.theory(
            values["mass"], values["sin2_2theta"], values["mediator_mass"], values["coupling"]
        )
        return *physics, options["plasma"], options["method"]

    monkeypatch.setattr(_compute, "theory", theory)


@pytest.fixture
def nujax_scan(nujax, tmp_path):
    """Runs `nujax scan` on a configuration, with its store in `tmp_path`."""

    def run(config, *arguments, store="out.zarr"):
        (tmp_path / "scan.toml").write_text(config, encoding="utf-8")
        where = ("--store", str(tmp_path / store))
        return nujax("scan", str(tmp_path / "scan.toml"), *where, *arguments)

    return run


def test_store_status_and_json(cheap, nujax_scan, nujax, tmp_path):
    done = nujax_scan(_CONFIG, "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {
        *("store", "complete", "points", "points_done", "chunks", "chunks_done"),
        *("chunks_computed", "statuses", "flagged_share", "allowed_flagged", "failed", "damaged"),
        *("interrupted", "seconds", "version", "inputs", "convention"),
    }
    assert answer["complete"]
    assert answer["points_done"] == 100
    assert answer["chunks"] == answer["chunks_computed"] == 4
    assert answer["statuses"] == {"ok": 100}
    assert done.stderr.splitlines()[0] == "nujax: 0 of 100 points"
    assert "100 of 100 points" in done.stderr
    data = nj.open_scan(tmp_path / "out.zarr")
    mass = data.mediator_mass.values
    assert (((mass >= 1) & (mass <= 10)) | ((mass >= 1e3) & (mass <= 1e4))).all()
    expected = toy.log_ratio(data.sin2_2theta.values, mass, data.coupling.values)
    np.testing.assert_allclose(data.relic_density, 0.12 * np.exp(expected), rtol=1e-12)

    status = nujax("scan", "--status", str(tmp_path / "out.zarr"), "--json")
    assert status.code == 0, status.stderr
    told = json.loads(status.stdout)
    assert told["complete"]
    assert told["configuration"]["sterile"]["mass"] == pytest.approx(7.1e-3)
    assert told["computed_with"][0]["nujax"] == nj.__version__
    assert "complete" in nujax("scan", "--status", str(tmp_path / "out.zarr")).stdout


def test_python_and_file_are_the_same_scan(cheap, nujax_scan, tmp_path):
    """A store that Python has made is one that the command goes on with, and the reverse."""
    (sterile, interaction), options = toy.theory(mass=7.1 * nj.units.keV)
    scan = nj.Scan(
        sterile,
        interaction,
        {
            "sin2_2theta": nj.Range(1e-10, 1e-8),
            "mediator_mass": [nj.Range(1.0, 10.0), nj.Range(1e3, 1e4)],
            "coupling": nj.Range(1e-4, 0.1),
        },
        points=100, seed=5, chunk=32, outputs=("relic_density", "mean_momentum"), **options,
    )  # fmt: skip
    nj.scan(scan, tmp_path / "out.zarr")
    done = nujax_scan(_CONFIG, "--resume", "--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["chunks_computed"] == 0


def test_resume_and_refusals(cheap, nujax_scan, nujax, tmp_path):
    """An existing store needs --resume, and the same file."""
    assert nujax_scan(_CONFIG, "--resume").code == 0  # begins where there is nothing
    again = nujax_scan(_CONFIG)
    assert again.code == 2
    assert "must not exist yet" in again.stderr
    other = nujax_scan(_CONFIG.replace("seed = 5", "seed = 6"), "--resume")
    assert other.code == 2
    assert "is of another scan: seed is 5 there and 6 here." in other.stderr
    next((tmp_path / "out.zarr" / "scan" / "done").iterdir()).unlink()
    victim = tmp_path / "out.zarr" / "relic_density" / "c" / "2"
    victim.write_bytes(victim.read_bytes()[:-1])
    status = nujax("scan", "--status", str(tmp_path / "out.zarr"))
    assert status.code == 1
    assert "2 of 4" in status.stdout
    assert "warning: chunk 2: relic_density/c/2 has changed since" in status.stderr
    mended = nujax_scan(_CONFIG, "--resume", "--json")
    assert mended.code == 0, mended.stderr
    assert json.loads(mended.stdout)["chunks_computed"] == 2


def test_too_many_flagged_points_are_exit_code_1(cheap, nujax_scan, nujax, tmp_path):
    """A quarter of ln λ lies above 0.1, which the toy flags: more than 5 %, fewer than 40 %."""
    config = _CONFIG.replace("high = 0.1,", "high = 1.0,")
    done = nujax_scan(config)
    assert done.code == 1
    assert "of the points carry a status other than ok, more than the allowed 5" in done.stderr
    assert nujax("scan", "--status", str(tmp_path / "out.zarr")).code == 1
    allowed = config.replace("seed = 5", "seed = 5\nallowed_flagged = 0.4")
    assert nujax_scan(allowed, store="other.zarr").code == 0


def test_conditioned_scan(cheap, nujax_scan, tmp_path):
    """The region in the plane in which some coupling gives Ω h² = 0.12, from one command."""
    config = _CONFIG.split("[scan]")[0] + (
        '[scan]\nsampling = "grid"\n[scan.parameters]\n'
        "sin2_2theta = { low = 1e-10, high = 1e-8, points = 5 }\n"
        'mediator_mass = ["300MeV", "1GeV"]\n'
        '[scan.solve]\nparameter = "coupling"\nbounds = [1e-5, 0.09]\n'
    )
    done = nujax_scan(config)
    assert done.code == 0, done.stderr
    data = nj.open_scan(tmp_path / "out.zarr")
    assert data.root_count.dims == ("sin2_2theta", "mediator_mass")
    assert data.root_count.sel(mediator_mass=1e3, sin2_2theta=1e-9, method="nearest") == 3
    roots = data.coupling.sel(mediator_mass=1e3).isel(sin2_2theta=2).values[:3]
    np.testing.assert_allclose(roots, 1e-3 * np.exp([-(3**0.5), 0, 3**0.5]), rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[scan]", "[scna]", "but has scna (did you mean scan?)."),
        ("seed = 5", "sede = 5", "but has sede (did you mean seed?)."),
        ("seed = 5", "seed = -1", "Argument `scan.seed` must be a whole number from 0 on"),
        ("points = 100", "", "Argument `scan.points` must be given, but is missing."),
        ("points = 100", "points = 0", "Argument `scan.points` must be a whole number from 1 on"),
        ("points = 100", "points = 1e6", "Argument `scan.points` must be a whole number from 1"),
        ('"sobol"', '"sobl"', "Argument `scan.sampling` must be sobol, latin-hypercube, random or"),
        ('"sobol"', '"grid"', "Argument `scan.parameters.sin2_2theta.points` must be given on a"),
        ("low = 1e-10", "low = 1e-6", "must rise from low to high, but goes from 1e-06 to 1e-08."),
        ("low = 1e-10", "low = 1e-8", "must rise from low to high, but goes from 1e-08 to 1e-08."),
        ("low = 1e-10", "low = 0.0", "`scan.parameters.sin2_2theta.low` must be positive, but is"),
        ("low = 1e-10", "lo = 1e-10", "but has lo (did you mean low?)."),
        ("low = 1e-10, ", "", "`scan.parameters.sin2_2theta.low` must be given, but is missing."),
        ("high = 1e-8", "high = 0.5", "Argument `sin2_2theta` must lie within 1e-16 and 0.01"),
        ('low = "1GeV"', 'low = "5MeV"', "ranges that do not overlap, but 1MeV … 10MeV and 5MeV"),
        ('low = "1MeV"', "low = 1", "must carry a unit (for example 1GeV), but is 1."),
        ('scale = "log"', 'scale = "lin"', "scale` must be log or linear, but is lin (did you"),
        ("coupling = {", "couplng = {", "but has couplng (did you mean coupling?)."),
        ('"7.1keV"', '"7.1keV"\nsin2_2theta = 1e-9', "`sterile.sin2_2theta` must be left out"),
        ('kind = "scalar"', "", "Argument `mediator.kind` must be given with [mediator]"),
        ('"relic_density", ', '"relic_densty", ', "(did you mean relic_density?)"),
        ('["relic_density", "mean_momentum"]', '"all"', "`scan.outputs` must be a list of names"),
        ("chunk = 32", "chunk = 0", "Argument `scan.chunk` must be a whole number from 1 on"),
        ("seed = 5", 'precision = "half"', "`scan.precision` must be float64 or float32, but is"),
        ("seed = 5", "allowed_flagged = 2", "`scan.allowed_flagged` must lie between 0 and 1"),
        ("seed = 5", 'solve.parameter = "mas"', "`scan.solve.parameter` must be mass, sin2_2theta"),
        ("seed = 5", "solve.target = 0.1", "`scan.solve.parameter` must be given, but is missing"),
        ("seed = 5", "x = [1.0]", "`x` must be given with the output spectrum, and only with it."),
        ("seed = 5", "x = { low = 2, high = 1, points = 5 }", "`scan.x` must rise from low to hig"),
    ],
)
def test_bad_input(nujax_scan, tmp_path, old, new, sentence):
    """One sentence on stderr, exit code 2, nothing on stdout, no store."""
    assert _CONFIG.count(old) >= 1
    done = nujax_scan(_CONFIG.replace(old, new, 1), "--json")
    assert done.code == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.zarr").exists()


def test_arguments_that_do_not_go_together(nujax, tmp_path):
    for arguments, sentence in (
        ((), "Argument `config` must be given, but is missing."),
        (("scan.toml",), "Argument `store` must be given, but is missing."),
        (("--status", str(tmp_path), "--resume"), "Argument `status` must be given alone."),
        (("--status", str(tmp_path / "none")), "must be a store, but"),
        (("--status", str(tmp_path)), "must be the store of a scan, but"),
    ):
        done = nujax("scan", *arguments)
        assert done.code == 2
        assert sentence in done.stderr


def test_a_scheduler_that_does_not_answer(cheap, nujax_scan, monkeypatch):
    from nujax.inference import scan as _  # noqa: F401
    from nujax.inference._scan_engine import DaskEngine

    monkeypatch.setattr(DaskEngine.__init__, "__defaults__", (3, 0.5))
    done = nujax_scan(_CONFIG, "--dask", "tcp://127.0.0.1:1")
    assert done.code == 2
    assert "must be the address of a Dask scheduler, but tcp://127.0.0.1:1 does not" in done.stderr


@pytest.mark.slow
def test_ctrl_c_in_a_process_of_its_own(tmp_path):
    """SIGINT and SIGTERM: exit code 130, nothing lost, and the resume ends the scan."""
    config = _CONFIG.replace("points = 100", "points = 200_000").replace("chunk = 32\n", "")
    # Heavy and strong: no resonance is narrow there.
    config = config.replace('{ low = "1MeV", high = "10MeV" }, ', "")
    config = config.replace("low = 1e-4, high = 0.1", "low = 0.1, high = 1.0")
    (tmp_path / "scan.toml").write_text(config, encoding="utf-8")
    command = [sys.executable, "-m", "nujax.cli", "scan", "scan.toml", "--store", "out.zarr"]
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    marks = tmp_path / "out.zarr" / "scan" / "done"
    for number in (signal.SIGINT, signal.SIGTERM):
        before = len(list(marks.glob("*.json")))
        with subprocess.Popen(
            [*command, "--resume"], cwd=tmp_path, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as run:  # fmt: skip
            while run.poll() is None and len(list(marks.glob("*.json"))) <= before:
                time.sleep(0.01)
            run.send_signal(number)
            _, told = run.communicate()
        assert run.returncode == 130, told
        assert "interrupted; --resume goes on from here." in told
        assert len(list(marks.glob("*.json"))) > before
    done = subprocess.run(
        [*command, "--resume", "--json"], cwd=tmp_path, env=environment, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
