"""The table of three vectors in three regimes in the README."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import nujax as nj

_README = Path(__file__).resolve().parent.parent / "README.md"
_ROW = re.compile(r"^\| ([ABC]) \| (\S+) \| `(\w+)` \| (\S+) \| (\S+) \|$", re.MULTILINE)
ROWS = _ROW.findall(_README.read_text(encoding="utf-8"))
CONVENTIONS = ("exact", "paper")


@cache
def solve(force, coupling, convention):
    """A boson of 500 MeV, 7.1 keV, 7e-11, ν_μ, inputs of the papers."""
    standard, plasma, method = nj.presets.paper()
    forces = standard + getattr(nj, force)(500.0, coupling, convention)
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")
    return nj.solve_production(sterile, forces, plasma=plasma, method=method)


def test_nine_points():
    """Three forces in three regimes."""
    assert len({(regime, force) for regime, _, force, _, _ in ROWS}) == len(ROWS) == 9


@pytest.mark.slow
@pytest.mark.parametrize(("regime", "coupling", "force", "exact", "paper"), ROWS)
def test_table(regime, coupling, force, exact, paper):
    """All printed digits; the regime of both conventions."""
    for convention, listed in zip(CONVENTIONS, (exact, paper), strict=True):
        result = solve(force, float(coupling), convention)
        assert result.status is nj.Status.ok
        assert result.regime.name == regime
        assert float(f"{float(result.relic_density):.5g}") == float(listed)


@pytest.mark.slow
@pytest.mark.parametrize("regime", ["B", "C"])
def test_on_shell_regimes_coincide(regime):
    """Inverse decays know no channels: the three forces agree to 1e-5.

    Off-shell collisions make less than 1e-6 at these couplings.
    """
    for convention in CONVENTIONS:
        found = [
            float(solve(force, float(coupling), convention).relic_density)
            for name, coupling, force, _, _ in ROWS
            if name == regime
        ]
        np.testing.assert_allclose(found, found[0], rtol=1e-5)
