"""`nujax freeze-out`: JSON contract, roots, limits, exit codes and messages."""

import json

import pytest

_POINT = ["freeze-out", "--dm-mass", "10GeV", "--mediator-mass", "30GeV"]


def test_point_as_json(nujax):
    """The thermal coupling of this ratio of masses is 0.25667: Ω h² is 0.12 there."""
    done = nujax(*_POINT, "--coupling", "0.25667", "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["relic_density"] == pytest.approx(0.12, rel=1e-4)
    assert answer["x_freeze_out"] == pytest.approx(22.58, abs=0.01)
    assert answer["sigma_v_cm3_s"] == pytest.approx(5.039e-26, rel=1e-3)
    assert answer["status"] == "ok"
    assert answer["warnings"] == []
    assert answer["version"]
    assert answer["inputs"]["dm_mass"] == 1e4
    assert "gradient" not in answer


@pytest.mark.slow
def test_gradient(nujax):
    done = nujax(*_POINT, "--coupling", "0.25", "--json", "--gradient")
    gradient = json.loads(done.stdout)["gradient"]
    assert set(gradient) == {"dm_mass", "mediator_mass", "coupling"}
    assert gradient["coupling"] == pytest.approx(-3.8, abs=0.1)


@pytest.mark.slow
def test_root_with_limits(nujax):
    """Without --coupling it is solved for; with the heavy neutrino come the limits."""
    done = nujax(*_POINT, "--heavy-neutrino-mass", "100GeV", "--y-l", "2")
    assert done.code == 0, done.stderr
    assert "0.2566" in done.stdout
    assert "LZ 2024" in done.stdout
    assert "limits do not reach this point" in done.stdout


def test_no_freeze_out_is_a_failure(nujax):
    done = nujax(*_POINT, "--coupling", "1e-5", "--json")
    assert done.code == 1
    assert json.loads(done.stdout)["status"] == "no_freeze_out"
    assert "too slow" in done.stderr


def test_no_root_is_a_failure(nujax):
    done = nujax(*_POINT, "--asymmetry", "1e-10", "--json")
    assert done.code == 1
    answer = json.loads(done.stdout)
    assert answer["status"] == "no_root"
    assert answer["relic_density"] is None
    assert "asymmetry" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--coupling", "0.25", "--target", "0.1"], "`target` must be left out"),
        (["--coupling", "13"], "`coupling` must lie between 0 and 4π"),
        (["--coupling", "2", "--y-l", "1"], "`coupling` must lie between 0 and y-l"),
        (["--coupling", "x"], "`coupling` must be a plain number"),
        (["--mediator-mass", "9GeV"], "the scalar would be the stable particle"),
        (["--dm-mass", "10"], "`dm-mass` must carry a unit"),
        (["--asymmetry", "-1"], "`asymmetry` must be zero or positive"),
        (["--target", "0"], "`target` must be positive"),
        (["--flavour", "muon"], "did you mean mu"),
        (["--plasma", "none"], "`plasma` must be"),
    ],
)
def test_bad_input(nujax, change, message):
    done = nujax(*_POINT, *change)
    assert done.code == 2
    assert message in done.stderr
    assert not done.stdout
