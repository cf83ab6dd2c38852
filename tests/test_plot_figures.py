"""Figures: every one is drawn again, and what stands in it is what it says."""

from functools import cache
from types import SimpleNamespace

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from spectra import made_up_result

import nujax as nj
from nujax import plot
from nujax.export import MatterPower, relic_half_mode
from nujax.plot import figures
from nujax.production._result import History
from nujax.statistics import fermi_dirac
from nujax.units import keV

matplotlib.use("Agg")
_NU = nj.SterileNeutrino(7.1 * keV, 7e-11, "mu")


def _labels(axes):
    return [text.get_text() for legend in _legends(axes) for text in legend.get_texts()]


def _legends(axes):
    found = [child for child in axes.get_children() if hasattr(child, "get_texts")]
    return dict.fromkeys([*found, axes.get_legend()])


def _line(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label().startswith(label)]
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


@cache
def _results():
    return figures.scalar_results(keep_history=True)


def test_made_up_spectra_and_history():
    """Normalised, at their maxima; a history ∝ z² e^(−z) integrates to what it must."""
    T = jnp.geomspace(1e4, 0.1, 400)
    base = made_up_result()
    rate = jnp.outer((1 / T) ** 2 * jnp.exp(-1 / T), base.f)
    result = made_up_result(history=History(T, rate))
    cold = made_up_result(lambda x: fermi_dirac(2 * x))
    axes = plot.spectra({"DW": result, "C": cold})
    for name, peak in (("DW", 2.218), ("C", 1.109)):
        x, y = _line(axes, name)
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=2e-3)
        assert x[np.argmax(y)] == pytest.approx(peak, rel=0.015)  # of x²/(e^x + 1)
    axes = plot.production_history({"DW": result})
    z, drawn = _line(axes, "DW")
    total = np.trapezoid(drawn, np.log(z)) / float(result.distribution(1.0))
    assert total == pytest.approx(1.0, rel=0.01)  # ∫z e^(−z) dz, and interpolation to x = 1
    axes.figure.canvas.draw()
    with pytest.raises(ValueError, match="keep_history=True"):
        plot.production_history({"C": cold})


@pytest.mark.slow
def test_points_have_the_relic_density():
    """A, B and C: 0.12 to 0.5 %, made by their regimes; DW 0.0035817."""
    for name, result in _results().items():
        expected = 0.00358171 if name == "DW" else 0.12
        assert float(result.relic_density) == pytest.approx(expected, rel=6e-3)
        assert result.regime.name == name


@pytest.mark.slow
def test_spectra():
    """Normalised; C colder than DW, B warmer; drawn at their maxima."""
    axes = plot.spectra(_results())
    peaks = {}
    for name in ("DW", "A", "B", "C"):
        x, y = _line(axes, name)
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=2e-3)
        peaks[name] = x[np.argmax(y)]
    assert peaks["C"] < peaks["DW"] < peaks["B"]
    assert peaks["DW"] == pytest.approx(2.218, abs=0.03)  # of x²/(e^x + 1)
    axes.figure.canvas.draw()


@pytest.mark.slow
def test_production_history():
    """Its integral over ln z is f_s at x = 1; A is made last, the resonance of B is there."""
    results = _results()
    axes = plot.production_history(results)
    when = {}
    for name, result in results.items():
        z, rate = _line(axes, name)
        total = np.trapezoid(rate, np.log(z))
        # 1 %: the nodes of the narrow resonance, and linear interpolation to x = 1.
        assert total == pytest.approx(float(result.distribution(1.0)), rel=0.02)
        when[name] = z[np.argmax(rate)]
    assert when["DW"] < when["C"] < when["A"]
    axes.figure.canvas.draw()


@pytest.mark.slow
def test_evolution():
    """Γ/H falls through 1 near 1 MeV in the Standard Model; mixing is that of the vacuum at the
    end; the product is that of the panels above.
    """
    axes = figures.vector_evolution()
    assert len(axes) == 3
    z, ratio = _line(axes[0], "DW")
    assert np.exp(np.interp(0.0, -np.log(ratio), np.log(z))) == pytest.approx(0.6, rel=0.5)
    for name in ("A", "B", "C", "DW"):
        _, mixing = _line(axes[1], name)
        assert mixing[-1] == pytest.approx(1.0, rel=1e-3)
        product = _line(axes[0], name)[1] * mixing
        np.testing.assert_allclose(_line(axes[2], name)[1], product, rtol=1e-12)
    axes[0].figure.canvas.draw()


def test_limits_on_a_coupling():
    """The drawn line is the limit: K → μνV at 100 MeV 3.59e-3; nothing where it is closed."""
    limits = [limit for limit in nj.limits.all_limits() if limit.name in
              ("K -> mu nu X, NA62", "SN1987A (approximate)")]  # fmt: skip
    axes = plot.coupling_limits(nj.VectorMediator, _NU, limits=limits)
    mass, bound = _line(axes, "K -> mu nu X")
    assert np.interp(100.0, mass, bound) == pytest.approx(3.59e-3, rel=0.01)
    assert np.isnan(bound[mass > 389.0]).all()
    assert "SN1987A (approximate)" in _labels(axes)
    axes.figure.canvas.draw()


def test_mixing_limits():
    """The composite at 7.11 keV, phase space, and the line of 3.5 keV."""
    limits = [x for x in nj.limits.all_limits() if x.name == "X-ray composite"]
    axes = plot.mixing_limits(limits=limits)
    mass, bound = _line(axes, "X-ray composite")
    assert np.interp(7.11, mass, bound) == pytest.approx(3.51e-11, rel=0.01)
    assert {"phase space (dwarfs)", "line at 3.5 keV"} <= set(_labels(axes))
    edges = [line.get_xdata()[0] for line in axes.get_lines() if "relic" in line.get_label()]
    assert edges == [pytest.approx(41.0, rel=0.02)]  # m_DW of 5.3 keV
    axes.figure.canvas.draw()


def test_matter_suppression():
    """Half-modes where P/P_cold is ¼, drawn from made-up spectra of known shape."""
    k = np.geomspace(0.1, 50, 300)
    edge = relic_half_mode(1.5)
    transfer = (1 + (k / edge) ** 2.24 * (2 ** (1.12 / 5) - 1)) ** (-5 / 1.12)
    power = MatterPower(k, np.ones_like(k), transfer**2, 0.12, 0.6736, 0.12)
    axes = plot.matter_suppression({"DW": power})
    assert any("k_\\mathrm{hm}" in label for label in _labels(axes))
    (dot,) = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert dot.get_xdata()[0] == pytest.approx(edge, rel=1e-3)
    axes.figure.canvas.draw()


@pytest.mark.slow
def test_the_scalar_curve():
    """Three regimes and two folds on top of the limits; A, B, C lie on it."""
    axes = figures.scalar_curve()
    labels = _labels(axes)
    assert {"A", "B", "C", "fold", "K -> mu nu X, NA62", "N_eff (boson)"} <= set(labels)
    for name, point in figures.SCALAR_POINTS.items():
        x, y = (np.log(v) for v in _line(axes, name))
        fine = np.linspace(0, len(x) - 1, 50 * len(x))
        away = [np.interp(fine, np.arange(len(v)), v) for v in (x, y)] - np.log(point)[:, None]
        assert np.abs(away).sum(axis=0).min() < 0.02
    axes.figure.canvas.draw()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lmu-ltau-curve", {"neutrino trident, CCFR", "four muons, BaBar", "(g-2)_mu of 2023"}),
        ("b-l-curve", {"neutrino-electron scattering, TEXONO", "beam dumps", "dimuons, LHCb"}),
    ],
)
def test_the_gauged_curves(name, expected, monkeypatch):
    """Limits and both neutrinos in the legend; the curves, minutes of tracing, are stand-ins."""
    points = np.array([[1.0, 1e-6], [1e4, 1e-1]])
    stand_in = SimpleNamespace(branches=[SimpleNamespace(points=points)])
    monkeypatch.setattr(figures, "trace_relic_curve", lambda *_, **__: stand_in)
    axes = figures.FIGURES[name]()
    labels = _labels(axes)
    assert expected <= set(labels)
    assert [label for label in labels if "keV" in label][0].startswith("7.1 keV")
    axes.figure.canvas.draw()


@pytest.mark.slow
def test_the_mixing_plane():
    """Dodelson–Widrow: 0.12/0.00358171 of 7e-11 at 7.1 keV; the least mixing is far below, and a
    known point (1e-15 at 50 keV, all vectors' sibling) is reachable.
    """
    line, least = figures.reachable_mixing([7.1, 50.0])
    assert line[0] == pytest.approx(7e-11 * 0.12 / 0.00358171, rel=1e-3)
    assert least[0] < 1e-15
    assert least[1] < 1e-15 < line[1]
    axes = figures.mixing_plane()
    assert "Dodelson–Widrow, Ω h² = 0.12" in _labels(axes)
    axes.figure.canvas.draw()


@pytest.mark.slow
def test_the_vector_curve():
    """Both sterile neutrinos; folds of the lighter one at 565.9 and 1819.6 MeV."""
    axes = figures.vector_curve()
    mass, _ = _line(axes, "7.1 keV")
    turning = mass[1:-1][np.diff(np.sign(np.diff(mass))) != 0]
    assert np.abs(np.log(turning[:, None] / [565.9, 1819.6])).min(axis=0).max() < 0.02
    assert any(label.startswith("50 keV") for label in _labels(axes))
    axes.figure.canvas.draw()
