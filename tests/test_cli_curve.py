"""`nujax curve`: JSON contract, roots, planes, figure, exit codes and messages."""

import json

import problems
import pytest

_NU = ["--mass", "7.1keV", "--sin2-2theta", "7e-11"]
_PAPER = ["--inputs", "paper"]
_SCALAR = ["--mediator", "scalar"]
_S_CURVE = [*_NU, *_SCALAR, "--mediator-mass", "1MeV:10GeV", *_PAPER]


def test_the_s_curve_as_json_and_figure(nujax, tmp_path):
    figure = tmp_path / "s.png"
    done = nujax("curve", *_S_CURVE, "--at-mass", "1GeV", "--plot", str(figure), "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    (branch,) = answer["branches"]
    assert len(branch["points"]) == len(branch["regime"]) >= 100
    assert branch["points"][0][0] == pytest.approx(1.0)
    assert branch["points"][-1][0] == pytest.approx(1e4)
    assert sorted(set(branch["regime"])) == ["A", "B", "C"]
    reference = problems.curve_folds("exact")
    listed = [reference["fold_BC"], reference["fold_AB"]]
    for fold, expected in zip(answer["folds"], listed, strict=True):
        assert fold == pytest.approx(expected, rel=1e-4)
    roots = [r.case.coupling for r in problems.curve_roots()
             if (r.case.convention, r.case.mediator_mass) == ("exact", 1000.0)]  # fmt: skip
    assert answer["roots"] == pytest.approx(sorted(roots), rel=1e-6)
    assert answer["status"] == "ok"
    assert answer["complete"] is True
    assert answer["parameters"] == ["mediator_mass", "coupling"]
    assert answer["inputs"]["mediator_mass"] == pytest.approx([1.0, 1e4])
    assert answer["inputs"]["coupling"] is None
    assert answer["inputs"]["mass"] == pytest.approx(7.1e-3)
    assert answer["convention"] == "exact"
    assert answer["version"]
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_roots_alone_for_people(nujax):
    done = nujax("curve", *_NU, *_SCALAR, "--at-mass", "3GeV", *_PAPER)
    assert done.code == 0, done.stderr
    assert "0.26671176" in done.stdout
    assert "fold" not in done.stdout


def test_tables_name_folds_and_regimes(nujax):
    done = nujax("curve", *_NU, *_SCALAR, "--mediator-mass", "400MeV:2GeV", *_PAPER)
    assert done.code == 0, done.stderr
    assert "fold at m [MeV] 1819.62" in done.stdout
    assert all(f" {regime} " in done.stdout for regime in "ABC")


def test_the_plane_of_mass_and_mixing(nujax):
    done = nujax("curve", "--mass", "2keV:20keV", "--vary", "sin2-2theta", *_PAPER, "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["parameters"] == ["mass", "sin2_2theta"]
    (branch,) = answer["branches"]
    assert set(branch["regime"]) == {"DW"}
    strength = [mass**2 * mixing for mass, mixing in branch["points"]]
    assert strength == pytest.approx([strength[0]] * len(strength), rel=1e-3)


def test_bounds_of_the_parameter_that_is_solved_for(nujax):
    done = nujax("curve", *_NU, *_SCALAR, "--at-mass", "1GeV", "--coupling", "1e-3:1", *_PAPER,
                 "--json")  # fmt: skip
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["roots"] == pytest.approx([0.00706954903, 0.12778225], rel=1e-6)


def test_no_root_is_an_answer_with_a_word(nujax):
    done = nujax("curve", *_NU, *_SCALAR, "--at-mass", "1GeV", "--coupling", "1e-9:1e-8", *_PAPER,
                 "--json")  # fmt: skip
    assert done.code == 0
    assert json.loads(done.stdout)["roots"] == []
    assert "no point within the bounds" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*_NU, *_SCALAR], "`mediator-mass` must be a range"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1GeV"], "must be a range"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1GeV:1MeV"], "with low < high"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1:10"], "must carry a unit"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1MeV:"], "with a unit of energy"),
        ([*_NU, "--mediator-mass", "1MeV:1GeV"], "`mediator` must be given"),
        (["--mass", "1keV:10keV", *_SCALAR, "--mediator-mass", "1MeV:1GeV"], "Exactly one"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1MeV:1GeV", "--coupling", "0.1"], "left out or be"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1MeV:1GeV", "--target", "-1"], "must be positive"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1MeV:1GeV", "--vary", "couplin"], "did you mean"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1MeV:1GeV", "--coupling", "1e-9:100"], "4π"),
        ([*_NU, *_SCALAR, "--at-mass", "1", *_PAPER], "must carry a unit"),
        ([*_NU, *_SCALAR, "--at-mass", "1GeV", "--plot", "s.png"], "`plot` must come with a range"),
        ([*_NU, *_SCALAR, "--mediator-mass", "1MeV:1GeV", "--plot", "s.txt"], "must end in .png"),
        (["--sin2-2theta", "7e-11", *_SCALAR, "--at-mass", "1GeV"], "`mass` must be given"),
    ],
)
def test_bad_input_is_refused(nujax, arguments, words):
    done = nujax("curve", *arguments)
    assert done.code == 2
    assert words in done.stderr
    assert done.stdout == ""
