"""The benchmark runs, prints its rows, and the codes that it compares agree. Nothing is timed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def _run(folder: Path, *arguments: str) -> tuple[str, dict]:
    """Output and numbers of a run with tiny sizes."""
    numbers = folder / "numbers.json"
    done = subprocess.run(
        [
            *(sys.executable, _ROOT / "benchmarks" / "relic.py", "--quick", "--cache"),
            *("--json", numbers, *arguments),
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout, json.loads(numbers.read_text(encoding="utf-8"))


def _check_rows(output: str, rows: dict, expected: set[str]) -> None:
    assert set(rows) == expected
    for row in rows.values():
        assert row["label"] in output
        times = {name: number for name, number in row.items() if name.endswith(("_us", "_s"))}
        assert len(times) == 6
        assert all(number >= 0.0 for number in times.values())
        assert row["wall_min_us"] > 0.0


@pytest.mark.slow
def test_peers_agree(tmp_path):
    """NumPy sums the same terms; `quad` and the fixed nodes are each good to 1e-6."""
    output, numbers = _run(tmp_path, "--only", "numpy", "quad", "float32")
    _check_rows(output, numbers["rows"], {"value", "numpy", "quad"})
    _check_rows(output, numbers["float32"]["rows"], {"value"})
    assert numbers["checks"]["numpy_difference"] < 1e-10
    assert numbers["checks"]["quad_difference"] < 2e-6
    assert numbers["checks"]["float32_difference"] < 1e-4
    for name in ("device", "CPU", "Python", "numpy", "scipy", "jax", "jaxlib", "equinox", "nujax"):
        assert f"{name} {numbers['environment'][name]}" in output


@pytest.mark.slow
def test_values_and_gradients(tmp_path):
    output, numbers = _run(tmp_path, "--only", "single", "batch", "gradient")
    expected = {"single", "single_jit", "value", "status", "light", "jvp", "jacfwd", "grad"}
    _check_rows(output, numbers["rows"], expected)
    checks = numbers["checks"]
    assert checks["memory_process_mb"] > checks["memory_buffers_mb"] > 0.0


@pytest.mark.long
def test_vectors_precise_inputs_and_resonances(tmp_path):
    output, numbers = _run(tmp_path, "--only", "vectors", "precise", "two-stage")
    resonant = {"1e-09", "1e-13", "1e-16"}
    expected = {"value", "precise", "VectorMediator", "LMuMinusLTau", "BMinusL"} | resonant
    _check_rows(output, numbers["rows"], expected)
    checks = numbers["checks"]
    for name in resonant:
        assert checks[f"{name}_points"] > 0
        assert 0.0 <= checks[f"{name}_flagged"] <= 1.0


@pytest.mark.slow
def test_fit(tmp_path):
    """The default optimiser reaches the target from the first starts."""
    numbers = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, _ROOT / "benchmarks" / "fit.py", "--quick", "--json", numbers],
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    (row,) = json.loads(numbers.read_text(encoding="utf-8"))["rows"]
    assert row["reached"] == row["starts"] == 4
    assert "Gauss-Newton" in done.stdout


@pytest.mark.slow
def test_scan(tmp_path):
    """Every row is there, and what was measured was a whole scan."""
    numbers = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, _ROOT / "benchmarks" / "scan.py", "--quick", "--json", numbers],
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    rows = json.loads(numbers.read_text(encoding="utf-8"))["rows"]
    assert set(rows) == {
        *("memory_float64", "store_float64", "memory_float32", "store_float32", "status"),
    }
    assert all(row["points"] == 20_000 for row in rows.values())


@pytest.mark.slow
def test_curve(tmp_path):
    """SciPy's roots of nujax's Ω h², and of its own, are those of nujax."""
    numbers = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, _ROOT / "benchmarks" / "curve.py", "--quick", "--json", numbers],
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    checks = json.loads(numbers.read_text(encoding="utf-8"))["checks"]
    assert checks["curve_points"] >= 100
    assert checks["roots"] > 128
    assert checks["brentq_difference"] < 1e-6
    assert checks["quad_difference"] < 1e-5


@pytest.mark.slow
def test_freeze_out(tmp_path):
    """SciPy's Radau agrees to the 1e-4 that is promised; all points are good."""
    numbers = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, _ROOT / "benchmarks" / "freeze_out.py", "--quick", "--json", numbers],
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    report = json.loads(numbers.read_text(encoding="utf-8"))
    assert set(report["rows"]) == {"batch", "gradient", "single", "radau"}
    assert report["checks"]["radau_difference"] < 1e-4
    assert report["checks"]["ok"] == 1.0


@pytest.mark.slow
def test_self_interacting(tmp_path):
    """SciPy's Radau on the same field ends at the same number, to what both tolerances leave."""
    report = _numbers_of("self_interacting", tmp_path)
    assert set(report["rows"]) == {"single", "gradient", "scan", "radau"}
    assert report["checks"]["radau_difference"] < 1e-4


@pytest.mark.slow
def test_resonant(tmp_path):
    """SciPy on 100 cells agrees to the 3e-4 that these leave."""
    report = _numbers_of("resonant", tmp_path)
    assert set(report["rows"]) == {"value", "scipy"}
    assert report["checks"]["difference"] < 3e-4


@pytest.mark.slow
def test_kinetic(tmp_path):
    """Every row is there, and SciPy's Radau agrees."""
    report = _numbers_of("kinetic", tmp_path)
    apart = [value for name, value in report["checks"].items() if name.endswith("radau_difference")]
    # Both are asked for 1e-6; measured 3e-6.
    assert apart
    assert max(apart) < 2e-5


def _numbers_of(name: str, folder: Path) -> dict:
    """What a benchmark writes with tiny sizes."""
    numbers = folder / "numbers.json"
    done = subprocess.run(
        [sys.executable, _ROOT / "benchmarks" / f"{name}.py", "--quick", "--json", numbers],
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return json.loads(numbers.read_text(encoding="utf-8"))
