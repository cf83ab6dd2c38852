"""Tables of the rates on charged leptons: the same as the sums they replace, on every grid."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

import nujax as nj
from nujax.constants import ELECTRON_MASS, MUON_MASS, TAU_MASS
from nujax.interactions import _charged_table as tables
from nujax.interactions._charged import annihilation, charged_rate_shape
from nujax.interactions._kernels import vector_rate_shape

# Off the nodes of every table.
T_LEVELS = np.linspace(-15.9, 8.7, 83)
X = np.array([0.013, 0.11, 0.53, 1.1, 2.3, 3.7, 5.9, 9.1, 16.0, 27.0])
# Far from the thresholds, on either side of them, at one and where the table changes its kind.
MASSES = (1e-3, 0.3, 2.0, 60.0, 64.0, 120.0, 211.0, 2.0 * MUON_MASS, 212.0, 300.0, 1e3, 1e5, 1.3e6)
CHANNELS = 6.0


@cache
def _direct():
    def function(w, x, width, r, coupling, convention):
        return charged_rate_shape(w, x, width, CHANNELS, coupling**2, [r], convention)

    return jax.jit(function, static_argnums=5)


@pytest.mark.slow
@pytest.mark.parametrize("convention", ["exact", "paper"])
@pytest.mark.parametrize("coupling", [1e-8, 1e-3, 0.05, 0.3])
def test_tables_on_a_lattice(convention, coupling):
    """(x/T)Γ of electrons and muons, relative to that of neutrinos and leptons together.

    3e-6 below g = 0.1: measured 2e-6, where e^(−4rw) ends the annihilation. 3e-5 at g = 0.3, where
    the series in γw of the resonance is poorest, w ~ 10; abundances at strong coupling are compared
    with brute force elsewhere.
    """
    width = CHANNELS * coupling**2 / (24.0 * np.pi)
    on = coupling**2 / (2.0 * np.pi**2) * 3.0 / CHANNELS
    off = coupling**4 / (16.0 * np.pi**3)
    w = np.exp(2.0 * T_LEVELS)[:, None] / (4.0 * X)
    x = np.broadcast_to(X, w.shape)
    neutrinos = 2.0 / 3.0 * on * w * vector_rate_shape(w, np.full_like(w, width), np, convention, 2)
    tabulated = jax.jit(tables.shape_on_lattice, static_argnums=0)
    for lepton in (ELECTRON_MASS, MUON_MASS):
        for mass in MASSES:
            r = jnp.asarray((lepton / mass) ** 2)
            exact = np.asarray(_direct()(w, x, width, r, coupling, convention))
            found = tabulated(convention, on, off, jnp.asarray(width), [r], T_LEVELS, w, x)
            # Hotter than 16 GeV the production never is.
            hot = T_LEVELS + np.log(lepton / mass) < np.log(lepton / 1.6e4)
            error = np.abs(found - exact) / (exact + neutrinos)
            assert error[~hot].max() < (3e-6 if coupling < 0.1 else 3e-5), (lepton, mass)


def test_tables_on_nodes_are_those_of_the_lattice():
    """Same functions, tabulated at the nodes: to the seven digits that are stored."""
    first, count, steps = -60, 80, 8
    t = (first + np.arange(count)) / steps
    w = np.exp(2.0 * t)[:, None] / (4.0 * X)
    nodes = tables.node_tables("exact", first, count, steps, tuple(X))
    width, ratios = (
        jnp.asarray(1e-3),
        [jnp.asarray((m / 250.0) ** 2) for m in (MUON_MASS, TAU_MASS)],
    )
    window, offset = 40, 17
    rest = tables.off_shell_on_nodes(nodes, width, ratios, offset, window)
    parts = tables.resonance_of(width, ratios)
    here = slice(offset, offset + window)
    resonant = sum(float(p) * table[here] for p, table in zip(parts, nodes.resonant, strict=True))
    expected = tables.shape_on_lattice(
        "exact", 1.0, 1e-3, width, ratios, t[here], w[here], np.broadcast_to(X, w[here].shape)
    )
    found = (resonant + 1e-3 * rest) * np.exp(2.0 * t[here])[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("mass", [2.0 * MUON_MASS * (1.0 + delta) for delta in (-1e-6, 0.0, 1e-6)])
@pytest.mark.parametrize("width", [1e-12, 1e-6, 1e-3])
def test_resonance_at_the_threshold(mass, width):
    """What is left of annihilation without the resonance is smooth there: 1e-6 of the whole at
    1 GeV, by a spline through neighbours that are far from the threshold.
    """
    w = np.array([0.01, 0.5, 3.0])

    def rest(d):
        r = np.exp(2.0 * d)
        total = annihilation(w, np.full(3, width), np.full(3, r), "exact", np, step=0.25)
        closed = np.array(tables.resonance(np.float64(width), np.float64(r), np))
        return total - closed @ np.stack(tables.resonant_targets("exact", w, np))

    d = np.log(MUON_MASS / mass)
    around = d + np.array([-0.4, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4])
    smooth = make_interp_spline(around, [rest(each) for each in around], k=7)(d)
    whole = annihilation(w, np.full(3, width), np.full(3, 1e-2), "exact", np)
    np.testing.assert_array_less(np.abs(rest(d) - smooth), 1e-6 * whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "mass", "coupling"),
    [
        ("LMuMinusLTau", 230.0, 0.05),
        ("LMuMinusLTau", 1e3, 1e-4),
        pytest.param("BMinusL", 30.0, 0.3, marks=pytest.mark.long),
    ],
)
def test_derivatives_of_production(model, mass, coupling):
    """d ln Ω h²/d ln(m, g), through width, threshold and tables: differences, to 1e-5."""
    standard, plasma, method = nj.presets.paper()
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")

    def log_omega(logs):
        vector = getattr(nj, model)(jnp.exp(logs[0]), jnp.exp(logs[1]))
        omega = nj.relic_density(sterile, standard + vector, plasma=plasma, method=method)
        return jnp.log(omega)

    at, step = jnp.log(jnp.asarray([mass, coupling])), 5e-3
    value = jax.jit(log_omega)
    for index, slope in enumerate(jax.jit(jax.jacfwd(log_omega))(at)):
        moved = [float(value(at.at[index].add(k * step))) for k in (-2, -1, 1, 2)]
        expected = (moved[0] - 8.0 * moved[1] + 8.0 * moved[2] - moved[3]) / (12.0 * step)
        assert float(slope) == pytest.approx(expected, rel=1e-5, abs=1e-5)
