"""`nujax limits` and `nujax plot`: JSON contract, table, exit codes and messages."""

import json

import pytest

_POINT = ["--mass", "7.1keV", "--sin2-2theta", "7e-11", "--inputs", "paper"]
_VECTOR = ["--mediator", "vector", "--mediator-mass", "100MeV", "--coupling", "7.08498e-6"]


@pytest.mark.slow
def test_a_point_as_json(nujax):
    """Ω h² = 0.12 at 100 MeV: X-rays exclude it, laboratories do not; every row has a source."""
    done = nujax("limits", *_POINT, *_VECTOR, "--json")
    assert done.code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["relic_density"] == pytest.approx(0.12, rel=1e-4)
    assert answer["share"] == pytest.approx(1.0, rel=1e-4)
    assert answer["excluded"] is True
    assert "X-ray composite" in answer["excluded_by"]
    rows = {row["name"]: row for row in answer["limits"]}
    assert rows["X-ray composite"]["ratio"] == pytest.approx(7e-11 / 3.5e-11, rel=0.02)
    assert rows["K -> mu nu X, NA62"]["verdict"] == "allowed"
    assert rows["h -> nu nu X, high luminosity"]["verdict"] == "beyond reach"
    assert all(row["source"] for row in rows.values())
    keys = {"name", "kind", "quantity", "bound", "ceiling", "value", "ratio", "verdict", "source"}
    assert all(set(row) == keys for row in rows.values())
    assert answer["status"] == "ok"
    assert answer["inputs"]["mediator"] == "vector"
    assert answer["convention"] == "exact"
    assert answer["version"]


def test_a_table_without_production(nujax):
    """Of a neutrino alone; the DW map in place of the spectrum."""
    done = nujax("limits", *_POINT[:4], "--no-production")
    assert done.code == 0, done.stderr
    for text in ("XMM-Newton", "Dessert et al., 1812.06976", "DW map", "excluded by"):
        assert text in done.stdout
    assert "Ω h² =" not in done.stdout


def test_bad_input_and_failed_production(nujax):
    missing = nujax("limits", *_POINT, "--mediator", "scalar", "--mediator-mass", "1GeV")
    assert missing.code == 2
    assert "Argument `coupling` must be given" in missing.stderr
    window = nujax("limits", *_POINT, "--t-initial", "1MeV", "--t-final", "2MeV")
    assert window.code == 2


def test_plot_refuses_before_any_work(nujax, tmp_path):
    for figure, name, words in (
        ("scalar-curv", "a.png", "did you mean scalar-curve?"),
        ("scalar-curve", "a.gif", "must end in .png, .pdf, .svg"),
        ("scalar-curve", "no/a.png", "existing folder"),
    ):
        done = nujax("plot", figure, "--output", str(tmp_path / name))
        assert done.code == 2
        assert words in done.stderr


def test_plot_names_are_those_of_the_library():
    from nujax.cli._plot import FIGURES as NAMES
    from nujax.plot.figures import FIGURES

    assert list(NAMES) == list(FIGURES)


@pytest.mark.slow
def test_plot_draws(nujax, tmp_path):
    done = nujax("plot", "scalar-spectra", "--output", str(tmp_path / "f.pdf"))
    assert done.code == 0, done.stderr
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
