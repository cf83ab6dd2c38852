"""Standard Model rate and potential: the listed numbers, SciPy's splines, factorised tables."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline, RectBivariateSpline

from nujax import _degrees
from nujax._spline import evaluate
from nujax.constants import FERMI_CONSTANT, FLAVOURS, W_MASS, Z_MASS
from nujax.interactions import StandardModel
from nujax.interactions._rate_table import RATE_AT_REFERENCE_Y, RATIO, RATIO_Y
from nujax.interactions._rates import rate_coefficient, rate_factors, rate_table
from nujax.plasma import lepton_energy_ratio, lepton_potential_ratio

MODELS = {
    "exact": StandardModel(),
    "energy-density": StandardModel(potential="energy-density"),
    "paper": StandardModel("paper"),
}
WEIGHTS = {"exact": lepton_potential_ratio, "energy-density": lepton_energy_ratio}


def _scipy_coefficient(log_t, log_y, flavour):
    """C [n_T, n_y] of SciPy's splines on a product grid, held constant outside the table."""
    log_t = np.clip(log_t, 0.0, np.log(1e4))
    log_y = np.clip(log_y, np.log(0.25), np.log(12.5))
    column = 1 + FLAVOURS.index(flavour)
    rate = CubicSpline(np.log(RATE_AT_REFERENCE_Y[:, 0]), np.log(RATE_AT_REFERENCE_Y[:, column]))
    rows = RATIO[flavour]
    ratio = RectBivariateSpline(
        np.log(rows[:, 0]), np.log(RATIO_Y), np.log(rows[:, 1:]), kx=3, ky=3, s=0
    )
    return np.exp(rate(log_t)[:, None] + ratio(log_t, log_y))


@partial(jax.jit, static_argnums=(0, 1, 2))
def _value_and_slopes(model, method, flavour, E, T):
    """Elementwise value, and derivatives in E and T in forward and in reverse mode."""
    function = partial(getattr(MODELS[model], method), flavour=flavour)
    forward = jax.vmap(jax.jacfwd(function, argnums=(0, 1)))(E, T)
    reverse = jax.vmap(jax.grad(function, argnums=(0, 1)))(E, T)
    return function(E, T), jnp.stack(forward), jnp.stack(reverse)


# --- rate ---------------------------------------------------------------------------------------


def test_table_is_complete():
    assert RATE_AT_REFERENCE_Y.shape == (28, 4)
    for flavour in FLAVOURS:
        assert RATIO[flavour].shape == (14, 11)
        assert np.isin(RATIO[flavour][:, 0], RATE_AT_REFERENCE_Y[:, 0]).all()
        assert (RATIO[flavour][:, 1 + list(RATIO_Y).index(3.0)] == 1.0).all()


@pytest.mark.parametrize(
    ("flavour", "T", "expected"),
    [
        ("e", [1, 20, 100, 180, 1000, 10000], [1.197, 1.350, 2.203, 3.242, 8.080, 9.192]),
        ("mu", [1, 20, 100, 180, 1000, 10000], [0.855, 0.989, 2.147, 3.210, 8.076, 9.192]),
        ("tau", [1, 20, 100, 180, 1000, 10000], [0.855, 0.867, 1.006, 1.351, 7.062, 9.181]),
    ],
)
def test_listed_rates(flavour, T, expected):
    T = np.asarray(T, float)
    found = rate_coefficient(T, np.full_like(T, 3.0), flavour, np)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    low = rate_coefficient(T, np.full_like(T, 0.25), flavour, np) / found
    rows = RATIO[flavour]
    ratio = [rows[list(rows[:, 0]).index(t), 1] for t in T]
    np.testing.assert_allclose(low, ratio, rtol=1e-13)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_interpolation_against_scipy(flavour):
    log_t = np.linspace(-0.5, 9.7, 151)  # beyond both ends
    log_y = np.linspace(-2.0, 3.0, 61)
    exact = _scipy_coefficient(log_t, log_y, flavour)
    T = np.broadcast_to(np.exp(log_t)[:, None], exact.shape)
    y = np.broadcast_to(np.exp(log_y)[None, :], exact.shape)
    np.testing.assert_allclose(rate_coefficient(T, y, flavour, np), exact, rtol=1e-13)
    # A column of temperatures against a row of momenta, without copies.
    in_jax = jax.jit(partial(rate_coefficient, flavour=flavour))
    product = in_jax(np.exp(log_t)[:, None], np.exp(log_y)[None, :])
    np.testing.assert_allclose(product, exact, rtol=1e-13)


def test_interaction_rate():
    E, T = jnp.asarray([30.0, 600.0]), jnp.asarray([10.0, 200.0])
    scale = FERMI_CONSTANT**2 * E * T**4
    exact = StandardModel().interaction_rate(E, T, "mu")
    np.testing.assert_allclose(exact, jnp.asarray([0.859, 3.753]) * scale, rtol=1e-13)
    for flavour, number in {"e": 1.27, "mu": 0.92, "tau": 0.92}.items():
        paper = StandardModel("paper").interaction_rate(E, T, flavour)
        np.testing.assert_allclose(paper, number * scale, rtol=1e-14)


# --- potential ----------------------------------------------------------------------------------


def test_thermal_potential():
    E, T = jnp.asarray([30.0, 600.0]), jnp.asarray([10.0, 200.0])
    scale = FERMI_CONSTANT * E * T**4
    paper = StandardModel("paper").thermal_potential(E, T, "tau")
    np.testing.assert_allclose(paper, -3.72 * scale * (2 / W_MASS**2 + 1 / Z_MASS**2), rtol=1e-14)
    # 1.864966924e-20 MeV⁻⁴: value of an independent implementation.
    np.testing.assert_allclose(paper, -1.864966924045183e-20 * E * T**4, rtol=1e-14)
    for flavour in FLAVOURS:
        for word, weight in WEIGHTS.items():
            found = MODELS[word].thermal_potential(E, T, flavour)
            bracket = 1 / Z_MASS**2 + 2 * weight(T, flavour) / W_MASS**2
            np.testing.assert_allclose(found, -2.1712022 * scale * bracket, rtol=1e-7)


def test_potentials_agree_far_above_the_lepton_mass():
    """r_ℓ → 1 for both weights; around T ~ m_ℓ the energy density gives the larger potential."""
    E, T = 3e3, 1e3
    massless = -2.1712022 * FERMI_CONSTANT * E * T**4 * (1 / Z_MASS**2 + 2 / W_MASS**2)
    exact, density = (MODELS[word].thermal_potential for word in WEIGHTS)
    for potential in (exact, density):
        assert float(potential(E, T, "e")) == pytest.approx(massless, rel=1e-6)
    ratio = exact(300.0, 100.0, "mu") / density(300.0, 100.0, "mu")
    assert float(ratio) == pytest.approx(0.9802, abs=1e-4)  # r_ℓ = 0.888 instead of 0.914


def test_conventions_are_independent():
    E, T = 300.0, 100.0
    exact, paper = StandardModel(), StandardModel("paper")
    mixed = StandardModel("paper", potential="exact")
    assert mixed.rate == "paper"
    assert mixed.interaction_rate(E, T, "mu") == paper.interaction_rate(E, T, "mu")
    assert mixed.thermal_potential(E, T, "mu") == exact.thermal_potential(E, T, "mu")
    assert StandardModel(rate="paper") == mixed or StandardModel(rate="paper").potential == "exact"
    density = MODELS["energy-density"]
    assert (density.convention, density.rate) == ("exact", "exact")
    hash(mixed)  # has no leaves: may be a static argument


# --- tables for fast use ------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_rate_factors(flavour):
    """C = Σ A_k(ln T) B_k(y) to 1e-6, at momenta and temperatures that are nodes of nothing."""
    factors = rate_factors(flavour)
    assert factors.table.shape[1:] == (4, 16)
    log_t, log_y = np.linspace(-0.2, 9.4, 1777), np.linspace(-1.6, 2.8, 77)
    in_t = evaluate(factors.table, factors.start, factors.step, log_t, np)
    found = in_t @ factors.momentum_factors(np.exp(log_y))
    np.testing.assert_allclose(found, _scipy_coefficient(log_t, log_y, flavour), rtol=1e-6)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_rate_table_keeps_integrals(flavour):
    """∫ C(T, y(T)) × a peak like that of production, along momenta that redshift."""
    q = np.array([0.3, 1.0, 3.0, 8.0])

    def momenta(log_t):
        return q[None, :] * _degrees.redshift_since("saikawa-shirai", log_t)[:, None]

    table, start, step = rate_table(flavour, momenta)
    log_t = (np.arange(6000) + 0.5) * np.log(1e4) / 6000
    y = momenta(log_t)
    exact = rate_coefficient(np.exp(log_t)[:, None], y, flavour, np)
    found = evaluate(table, start, step, log_t, np)
    for centre in (3.0, 4.5, 5.5):
        peak = 1.0 / np.cosh(2.0 * (log_t - centre))[:, None] ** 2
        np.testing.assert_allclose((peak * found).sum(0), (peak * exact).sum(0), rtol=1e-7)
    inside = log_t < 9.0
    np.testing.assert_allclose(found[inside], exact[inside], rtol=3e-4)


# --- transformations, types, errors -------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "model"),
    [
        ("interaction_rate", "exact"),
        ("interaction_rate", "paper"),
        *(("thermal_potential", model) for model in MODELS),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_derivatives(flavour, method, model):
    """Forward equals reverse and is finite everywhere; equals differences inside the cells."""
    T = jnp.asarray([1e-6, 0.1, 1.0, 1.7, 20.0, 120.0, 185.0, 1e4, 2e5, 3.0, 50.0, 50.0])
    E = T * jnp.asarray([1.0, 0.1, 0.25, 3.0, 3.3, 12.5, 2.2, 0.25, 7.0, 1e-6, 1e-9, 1e6])
    evaluate_at = partial(_value_and_slopes, model, method, flavour)
    _, forward, reverse = evaluate_at(E, T)
    assert jnp.isfinite(reverse).all()
    np.testing.assert_allclose(forward, reverse, rtol=1e-12)

    step, inside = 1e-5, jnp.asarray([3, 4, 6])
    for slope, of_energy in zip(reverse, (True, False), strict=True):
        high, low = (
            evaluate_at(E * (1 + h * of_energy), T * (1 + h * (not of_energy)))[0]
            for h in (step, -step)
        )
        difference = (high - low) / (2 * step * (E if of_energy else T))
        np.testing.assert_allclose(slope[inside], difference[inside], rtol=1e-6)


def test_float32():
    T = jnp.exp(jnp.linspace(-4, 10, 201))
    E = T * jnp.exp(jnp.linspace(-2, 3, 201))
    for method in ("interaction_rate", "thermal_potential"):
        single, _, slopes = _value_and_slopes(
            "exact", method, "mu", E.astype(jnp.float32), T.astype(jnp.float32)
        )
        assert single.dtype == jnp.float32
        double = jax.jit(partial(getattr(StandardModel(), method), flavour="mu"))(E, T)
        np.testing.assert_allclose(single, double, rtol=5e-5)
        assert jnp.isfinite(slopes).all()


def test_shapes_and_jit():
    model = StandardModel()
    assert model.interaction_rate(3, 1, "e").shape == ()
    assert model.interaction_rate(jnp.ones((2, 3)), jnp.ones((2, 3)), "e").shape == (2, 3)
    assert model.thermal_potential(jnp.ones((2, 3)), jnp.ones((2, 1)), "e").shape == (2, 3)
    jitted = eqx.filter_jit(lambda m, E, T: m.interaction_rate(E, T, "e"))
    assert jitted(model, 30.0, 10.0) == pytest.approx(
        float(model.interaction_rate(30.0, 10.0, "e"))
    )


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"Argument `convention` must be one of .* but is 'best'"):
        StandardModel("best")
    with pytest.raises(ValueError, match="Argument `rate` must be one of"):
        StandardModel(rate="fast")
    with pytest.raises(ValueError, match="Argument `potential` must be one of"):
        StandardModel(potential="")
    with pytest.raises(ValueError, match="Argument `convention` .* 'energy-density'"):
        StandardModel("energy-density")
    for function in (
        StandardModel().interaction_rate,
        StandardModel("paper").thermal_potential,
        rate_coefficient,
    ):
        with pytest.raises(ValueError, match="Argument `flavour` must be one of"):
            function(1.0, 1.0, "muon")
    with pytest.raises(ValueError, match="Argument `flavour` must be one of"):
        rate_factors("muon")
