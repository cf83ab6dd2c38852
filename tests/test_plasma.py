"""The plasma: degrees of freedom against the printed forms, clock, redshift, charged leptons."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

from nujax import _degrees
from nujax._spline import (
    evaluate,
    evaluate_at_knots,
    hermite_table,
    projected_table,
    spline_slopes,
    spline_table,
)
from nujax.constants import CHARGED_LEPTON_MASSES, PLANCK_MASS
from nujax.plasma import Plasma, lepton_energy_ratio, lepton_potential_ratio

RATIOS = {"energy": lepton_energy_ratio, "potential": lepton_potential_ratio}
METHODS = ("energy_degrees", "entropy_degrees", "hubble_rate", "entropy_density", "clock_factor")
PLASMAS = {
    "constant": Plasma.constant(10.75),
    "saikawa-shirai": Plasma.standard(),
    "borsanyi": Plasma.standard("borsanyi"),
}


@partial(jax.jit, static_argnums=0)
def _value_and_slopes(name, plasma, T):
    """Elementwise value of a method, and derivative in forward and in reverse mode."""
    function = getattr(plasma, name)
    value, forward = jax.jvp(function, (T,), (jnp.ones_like(T),))
    return value, forward, jax.vmap(jax.grad(function))(T)


# --- splines ------------------------------------------------------------------------------------


def test_not_a_knot_spline_against_scipy():
    rng = np.random.default_rng(1)
    knots = np.sort(rng.uniform(0, 5, 12))
    values = rng.normal(size=(12, 3))
    peer = CubicSpline(knots, values)
    np.testing.assert_allclose(spline_slopes(knots, values), peer(knots, 1), rtol=1e-10)
    x = np.linspace(knots[0], knots[-1], 101)
    value, slope = evaluate_at_knots(knots, spline_table(knots, values), x)
    np.testing.assert_allclose(value, peer(x), atol=1e-9)
    np.testing.assert_allclose(slope, peer(x, 1), atol=1e-8)


def test_uniform_evaluation_in_both_libraries():
    knots = np.linspace(-1.0, 3.0, 17)
    table = spline_table(knots, np.stack((np.sin(knots), np.cos(knots)), axis=-1))
    assert table.shape == (16, 4, 2)
    x = np.linspace(-2.0, 4.0, 61)
    in_jax = evaluate(table, -1.0, 0.25, jnp.asarray(x))
    np.testing.assert_allclose(in_jax, evaluate(table, -1.0, 0.25, x, np), atol=1e-15)
    held = np.clip(x, -1.0, 3.0)
    np.testing.assert_allclose(in_jax, np.stack((np.sin(held), np.cos(held)), -1), atol=2e-4)
    assert np.isnan(evaluate(table, -1.0, 0.25, jnp.asarray(jnp.nan))).all()


def test_hermite_table_is_the_cubic():
    knots = np.array([0.0, 1.0, 2.0])
    table = hermite_table(knots, knots**3, 3 * knots**2)
    np.testing.assert_allclose(table[1], [1, 3, 3, 1])  # (1 + w)³


def test_projection_keeps_integrals_of_a_jump():
    """A step and a kink become smooth without a shift of their smooth moments."""

    def function(x):
        jump = 1.0 + 0.5 * (x > 0.3137)
        return np.stack((jump, np.abs(x - 0.3137)), axis=-1)

    table = projected_table(function, -2.0, 0.1, 40, [0.3137])
    node, weight = np.polynomial.legendre.leggauss(200)
    node, weight = 2.0 * node, 2.0 * weight
    smooth = np.exp(-(node**2) + np.sin(2 * node))[:, None]
    exact = [
        quad(lambda x, k=k: np.exp(-(x**2) + np.sin(2 * x)) * function(x)[k], -2, 2,
             points=[0.3137], epsabs=1e-12)[0]
        for k in range(2)
    ]  # fmt: skip
    found = (weight[:, None] * smooth * evaluate(table, -2.0, 0.1, node, np)).sum(axis=0)
    np.testing.assert_allclose(found, exact, rtol=2e-6)


# --- degrees of freedom -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("T", "energy", "entropy", "digits"),
    [
        (1e-6, 3.383, 3.931, 3),
        (1.0, 10.545, 10.548, 3),
        (10.0, 10.74, 10.74, 2),
        (100.0, 17.75, 17.33, 2),
        (1000.0, 69.74, 68.77, 2),
    ],
)
def test_saikawa_shirai_published_values(T, energy, entropy, digits):
    plasma = PLASMAS["saikawa-shirai"]
    assert round(float(plasma.energy_degrees(T)), digits) == energy
    assert round(float(plasma.entropy_degrees(T)), digits) == entropy


def test_saikawa_shirai_independent_values():
    """Values of an independent high-accuracy implementation, which uses another spline."""
    plasma = PLASMAS["saikawa-shirai"]
    assert float(plasma.entropy_degrees(1e4)) == pytest.approx(80.43270429759588, rel=1e-7)
    assert float(plasma.entropy_degrees(10.0)) == pytest.approx(10.742174850616324, rel=1e-7)


@pytest.mark.parametrize(
    ("source", "form", "joints"),
    [
        ("saikawa-shirai", _degrees.saikawa_shirai, [120.0]),
        ("borsanyi", _degrees.borsanyi, [1.0, 10**5.45]),
    ],
)
def test_splines_against_the_printed_forms(source, form, joints):
    log_t = np.linspace(np.log(1e-5), np.log(1e6), 20001)
    T = jnp.exp(log_t)
    plasma = PLASMAS[source]
    energy, entropy, slope = form(log_t).T
    distance = np.min([np.abs(log_t - np.log(joint)) for joint in joints], axis=0)
    far = distance > 0.25
    # Rows of the table of 1606.07494 lie as close as 0.115 in ln T: their splines bend more.
    tolerance = 2e-5 if source == "saikawa-shirai" else 6e-5
    np.testing.assert_allclose(plasma.energy_degrees(T)[far], energy[far], rtol=tolerance)
    np.testing.assert_allclose(plasma.entropy_degrees(T)[far], entropy[far], rtol=tolerance)
    np.testing.assert_allclose(plasma.clock_factor(T)[far], 1 + slope[far] / 3, atol=40 * tolerance)
    np.testing.assert_allclose(plasma.energy_degrees(T), energy, rtol=4e-4)
    np.testing.assert_allclose(plasma.entropy_degrees(T), entropy, rtol=4e-4)


@pytest.mark.parametrize("log10_t", [0.5, 1.0, 1.25, 1.6, 2.0, 2.15, 2.4, 3.0, 4.0, 5.0])
def test_borsanyi_rows(log10_t):
    row = _degrees._BORSANYI[np.searchsorted(_degrees._BORSANYI[:, 0], log10_t)]
    plasma = PLASMAS["borsanyi"]
    energy = float(plasma.energy_degrees(10**log10_t))
    ratio = energy / float(plasma.entropy_degrees(10**log10_t))
    assert energy == pytest.approx(row[1], rel=1e-4)
    assert ratio == pytest.approx(row[2], rel=1e-4)


def test_sources_agree_where_they_should():
    T = jnp.asarray([1e-4, 5.0, 20.0, 100.0, 1e3, 1e5])
    ratio = PLASMAS["borsanyi"].entropy_degrees(T) / PLASMAS["saikawa-shirai"].entropy_degrees(T)
    assert ratio[0] == pytest.approx(1.0, abs=1e-9)  # the same late-time value
    np.testing.assert_allclose(ratio, 1.0, atol=0.055)


# --- expansion ----------------------------------------------------------------------------------


def test_hubble_rate_and_entropy_density():
    T, plasma = 10.0, PLASMAS["constant"]
    assert plasma.hubble_rate(T) == pytest.approx(1.66 * 10.75**0.5 * T**2 / PLANCK_MASS)
    assert plasma.entropy_density(T) == pytest.approx(2 * np.pi**2 / 45 * 10.75 * T**3)
    assert plasma.clock_factor(T) == 1.0
    assert plasma.redshift(T, 1.0) == 1.0


@pytest.mark.parametrize("source", ["saikawa-shirai", "borsanyi"])
def test_clock_is_the_derivative_of_the_entropy(source):
    """Away from the joints, by central differences of g*s; and s a³ = const along the clock."""
    plasma = PLASMAS[source]
    log_t = np.linspace(np.log(1e-4), np.log(2e5), 4001)
    joints = [120.0] if source == "saikawa-shirai" else [1.0, 10**5.45]
    far = np.min([np.abs(log_t - np.log(joint)) for joint in joints], axis=0) > 0.3

    def log_entropy(shift):
        return jnp.log(plasma.entropy_degrees(jnp.exp(log_t + shift)))

    difference = jax.jit(lambda h: (log_entropy(h) - log_entropy(-h)) / (2 * h))(1e-4)
    np.testing.assert_allclose(
        plasma.clock_factor(jnp.exp(log_t))[far], 1 + difference[far] / 3, atol=2e-3
    )
    # ln of the scale factor from 1 MeV to 10 GeV. The joint's own jump, 4e-4 in g*s, is left out.
    log_t = (np.arange(4000) + 0.5) * np.log(1e4) / 4000
    expansion = np.log(1e4) * plasma.clock_factor(jnp.exp(log_t)).mean()
    entropy = np.log(1e4) + float(jnp.log(plasma.redshift(1e4, 1.0)))
    assert expansion == pytest.approx(entropy, abs=2e-4)


def test_clock_is_smooth_across_the_joint():
    log_t = jnp.linspace(jnp.log(100.0), jnp.log(145.0), 2001)
    T = jnp.exp(log_t)
    slope = T * _value_and_slopes("clock_factor", PLASMAS["saikawa-shirai"], T)[2]
    assert (slope > 0).all()  # rises into the QCD transition, without the bump of the jump
    assert slope.max() < 3.0


def test_redshift():
    plasma = PLASMAS["saikawa-shirai"]
    assert plasma.redshift(1e4, 1.0) == pytest.approx((80.432704 / 10.548249) ** (1 / 3), rel=1e-6)
    log_t = np.linspace(-5, 9, 15)
    expected = plasma.redshift(jnp.exp(log_t), jnp.full(15, np.exp(-9.0)))
    found = _degrees.redshift_since("saikawa-shirai", log_t)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_array_equal(_degrees.redshift_since("constant", log_t), 1.0)


# --- charged leptons ----------------------------------------------------------------------------


def _ratio_oracle(kind, z):
    """r(z) e^z by adaptive quadrature in the kinetic energy k = v²; independent of the table."""

    def integrand(v):
        k = v * v
        p, energy = v * np.sqrt(k + 2 * z), k + z  # per T
        per_state = 4 * energy / 3 if kind == "energy" else (4 * p**2 / 3 + z**2) / energy
        occupation = np.exp(-k) / (1 + np.exp(-energy))  # times e^z
        return p * energy * per_state * occupation * 2 * v  # p² dp = p E dE

    massless = 4 / 3 * 7 * np.pi**4 / 120  # ∫p²dp (4p/3) f_FD
    return quad(integrand, 0, 9.0, epsabs=0, epsrel=1e-13, limit=400)[0] / massless


@pytest.mark.parametrize("kind", RATIOS)
@pytest.mark.parametrize("flavour", ["e", "mu", "tau"])
def test_lepton_ratios_against_quadrature(flavour, kind):
    mass = CHARGED_LEPTON_MASSES[flavour]
    z = np.array([1e-7, 1e-4, 0.01, 0.1, 0.5, 1.0, 1.6, 2.0, 5.0, 10.0, 30.0, 100.0, 300.0, 600.0])
    exact = np.array([_ratio_oracle(kind, v) for v in z]) * np.exp(-z)
    found = jax.jit(partial(RATIOS[kind], flavour=flavour))(mass / z)
    np.testing.assert_allclose(found, exact, rtol=1e-9)
    np.testing.assert_allclose(RATIOS[kind](mass / z, flavour, np), exact, rtol=1e-9)


@pytest.mark.parametrize(
    ("flavour", "T", "ratio"),
    [("mu", [20, 30, 50, 100, 150], [0.133, 0.370, 0.688, 0.914, 0.962]),
     ("tau", [150, 200, 300, 500, 1000], [0.0010, 0.0104, 0.0876, 0.364, 0.769])],
)  # fmt: skip
def test_lepton_energy_ratio_listed(flavour, T, ratio):
    """ρ_ℓ/ρ_massless as listed in reviews of the potential; its exact weight is smaller."""
    found = lepton_energy_ratio(T, flavour, np)
    np.testing.assert_allclose(found, ratio, atol=5.1e-4)


def test_lepton_potential_ratio_between_its_limits():
    """(4p²/3 + m²)/E = 4E/3 − m²/(3E): from 1 to 3/4 of the energy density, as T falls."""
    T = np.array([1e-2, 0.1, 1.0, 10.0, 1e3])
    weight = lepton_potential_ratio(T, "e", np) / lepton_energy_ratio(T, "e", np)
    assert (np.diff(weight) > 0).all()
    assert weight[0] == pytest.approx(0.75, abs=0.02)  # 3/4 (1 + O(T/m))
    assert weight[-1] == pytest.approx(1.0, abs=1e-7)
    z = 1e-3  # 1 − r = (5/7π²) z² and (15/14π²) z² to leading order in z = m/T
    T = CHARGED_LEPTON_MASSES["e"] / z
    expansion = {"energy": 5 / 7, "potential": 15 / 14}
    for kind, ratio in RATIOS.items():
        assert (1 - ratio(T, "e", np)) / z**2 == pytest.approx(expansion[kind] / np.pi**2, rel=1e-3)


@pytest.mark.parametrize("kind", RATIOS)
def test_lepton_ratios_derivative_and_limits(kind):
    ratio = jax.jit(jax.vmap(jax.value_and_grad(partial(RATIOS[kind], flavour="mu"))))
    T, step = jnp.asarray([5.0, 20.0, 100.0, 1e3, 1e4, 1e5]), 1e-4
    difference = (ratio(T * (1 + step))[0] - ratio(T * (1 - step))[0]) / (2 * step * T)
    np.testing.assert_allclose(ratio(T)[1], difference, rtol=1e-5)
    extreme = jnp.asarray([0.0, 1e-30, 1e-3, 0.1, 1e8, 1e30])
    value, slope = ratio(extreme)
    np.testing.assert_allclose(value, [0, 0, 0, 0, 1, 1], atol=1e-10)
    assert jnp.isfinite(slope).all()


# --- transformations, types, errors -------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source", PLASMAS)
def test_gradients_are_finite_and_agree(source, method):
    """Forward equals reverse, everywhere: knots, ends of the tables, joints and beyond."""
    knots = np.exp(0.05 * np.array([-277, -276, -100, 0, 95, 96, 185, 276, 277]))
    T = jnp.asarray([0.0, 1e-30, 1e-7, 1e-3, 1.0, 119.9, 120.0, 120.1, 1e4, 1e7, *knots])
    value, forward, reverse = _value_and_slopes(method, PLASMAS[source], T)
    assert jnp.isfinite(value).all()
    assert jnp.isfinite(forward).all()
    np.testing.assert_allclose(forward, reverse, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source", ["saikawa-shirai", "borsanyi"])
def test_derivative_against_differences(source, method):
    T = jnp.asarray([0.3, 3.0, 70.0, 117.0, 126.0, 150.0, 400.0, 3e3, 1e5])
    step = 1e-5
    nodes = jnp.concatenate([T, T * (1 + step), T * (1 - step)])
    value, _, slope = _value_and_slopes(method, PLASMAS[source], nodes)
    difference = (value[9:18] - value[18:]) / (2 * step)
    slope = (slope * nodes)[:9]
    np.testing.assert_allclose(slope, difference, rtol=1e-5, atol=1e-8 * float(difference.max()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source", PLASMAS)
def test_float32(source, method):
    T = jnp.exp(jnp.linspace(-7, 11, 301))
    single, _, slope = _value_and_slopes(method, PLASMAS[source], T.astype(jnp.float32))
    assert single.dtype == jnp.float32
    double = _value_and_slopes(method, PLASMAS[source], T)[0]
    np.testing.assert_allclose(single, double, rtol=3e-5)
    assert jnp.isfinite(slope).all()


@pytest.mark.parametrize("kind", RATIOS)
def test_lepton_ratios_float32(kind):
    T = np.exp(np.linspace(0, 11, 301))
    single = jax.jit(partial(RATIOS[kind], flavour="mu"))(T.astype(np.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, RATIOS[kind](T, "mu", np), rtol=2e-5, atol=1e-36)


def test_shapes_batches_and_leaves():
    plasma = PLASMAS["saikawa-shirai"]
    T = jnp.ones((2, 3)) * 50.0
    for kind, ratio in RATIOS.items():
        method = getattr(plasma, f"lepton_{kind}_ratio")
        np.testing.assert_array_equal(method(T, "tau"), ratio(T, "tau"))
    for method in METHODS:
        assert getattr(plasma, method)(T).shape == (2, 3)
        assert getattr(plasma, method)(50.0).shape == ()
    rates = eqx.filter_vmap(lambda g: Plasma.constant(g).hubble_rate(1.0))(jnp.asarray([4.0, 16.0]))
    assert rates[1] == pytest.approx(2 * float(rates[0]))
    slope = eqx.filter_grad(lambda p: p.hubble_rate(1.0))(Plasma.constant(10.75))
    expected = Plasma.constant(10.75).hubble_rate(1.0) / (2 * 10.75)
    assert float(slope.constant_degrees) == pytest.approx(float(expected))
    jitted = eqx.filter_jit(lambda p, T: p.clock_factor(T))
    np.testing.assert_allclose(jitted(plasma, T), plasma.clock_factor(T))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"Argument `degrees` must be one of .* but is 'laine'"):
        Plasma.standard("laine")
    with pytest.raises(ValueError, match="Argument `degrees` must be one of"):
        Plasma.standard("constant")
    with pytest.raises(ValueError, match="Argument `constant_degrees` must be positive"):
        Plasma.constant(-1.0)
    with pytest.raises(ValueError, match="Argument `entropy_density_today` must be positive"):
        Plasma.standard(entropy_density_today=0.0)
    for name in ("lepton_energy_ratio", "lepton_potential_ratio"):
        with pytest.raises(ValueError, match="Argument `flavour` must be one of"):
            getattr(PLASMAS["constant"], name)(1.0, "muon")
