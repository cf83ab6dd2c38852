"""Quadrature rules without physics: momenta, sharp limits, shifts and narrow resonances."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special

from nujax.quadrature import (
    WINDOW_REACH,
    exponential_momenta,
    lagrange_weights,
    resonance_weight,
    shift_weights,
    step_weights,
    window_weights,
)

# --- Momenta ------------------------------------------------------------------------------------


def test_momentum_rule_on_powers():
    """∫x^(2+p)/(eˣ+1)dx, to which every spectrum of a heavy or light mediator reduces, 1e-9."""
    for nodes, tolerance in ((22, 1e-9), (24, 1e-10)):
        rule = exponential_momenta(nodes)
        assert rule.x.shape == rule.weights.shape == (nodes,)
        assert (np.diff(rule.x) > 0.0).all()
        assert (rule.weights > 0.0).all()
        for p in (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0):
            found = rule.weights @ (rule.x ** (2.0 + p) / (np.exp(rule.x) + 1.0))
            exact = special.gamma(3.0 + p) * special.zeta(3.0 + p) * (1.0 - 2.0 ** (-2.0 - p))
            assert found == pytest.approx(exact, rel=tolerance)


@pytest.mark.parametrize("cut", [0.5, 1.0, 3.0])
def test_momentum_rule_on_distributions_that_are_cut_off(cut):
    """Production on shell stops below x ~ m²/4T²: inside the support, where 4e-7 is promised."""

    def distribution(x):
        return x**1.5 / (np.exp(x) + 1.0) * np.exp(-cut / x)

    exact = integrate.quad(distribution, 0.0, 80.0, epsabs=0.0, epsrel=1e-12, limit=200)[0]
    rule = exponential_momenta()
    assert rule.weights @ distribution(rule.x) == pytest.approx(exact, rel=1e-8)


# --- Sharp limits -------------------------------------------------------------------------------

_step = jax.jit(step_weights, static_argnums=1)

# Unit width, as production has in ln T: F(t), ∫_a^∞ F dt.
PROFILES = {
    "gauss": (lambda t: np.exp(-(t**2)), lambda a: 0.5 * np.sqrt(np.pi) * special.erfc(a)),
    "sech2": (lambda t: 1.0 / np.cosh(t) ** 2, lambda a: 1.0 - np.tanh(a)),
}
LIMITS = np.linspace(-3.0, 3.0, 61) + 0.003


@lru_cache
def _sharp(name, steps):
    """Values and derivatives of the sums that stand for ∫_a^∞ F dt at a = LIMITS."""
    profile, _ = PROFILES[name]
    first, count = -12.0, 24 * steps
    F = jnp.asarray(profile(first + np.arange(count) / steps))

    def integral(a):
        return jnp.dot(step_weights((a - first) * steps, count), F) / steps

    def both(a):
        return *jax.value_and_grad(integral)(a), jax.jacfwd(integral)(a)

    values, slopes, forward = jax.jit(jax.vmap(both))(jnp.asarray(LIMITS))
    np.testing.assert_allclose(forward, slopes, rtol=1e-12, atol=1e-14)
    return values, slopes


@pytest.mark.parametrize("name", PROFILES)
def test_sharp_limits(name):
    """T_initial and T_final may cut anywhere between the nodes, also inside the support.

    Measured: 4.5e-8 of the peak at 8 nodes per unit (the coarsest grid in use), where the grid's
    resolution rules, and 1.1e-8 at 20, where the smoothed step does.
    """
    _, exact = PROFILES[name]
    for steps, tolerance in ((8, 1e-7), (20, 3e-8)):
        values, _ = _sharp(name, steps)
        np.testing.assert_allclose(values, exact(LIMITS), atol=tolerance, rtol=0.0)


@pytest.mark.parametrize("name", PROFILES)
def test_derivative_with_respect_to_a_limit(name):
    """d/da ∫_a^∞ F dt = −F(a): derivatives with respect to a mass move the limits in t.

    Measured: 2.5e-7 of the peak at 8 nodes per unit.
    """
    profile, _ = PROFILES[name]
    for steps, tolerance in ((8, 5e-7), (20, 2e-7)):
        _, slopes = _sharp(name, steps)
        np.testing.assert_allclose(slopes, -profile(LIMITS), atol=tolerance, rtol=0.0)


def test_step_weights_are_local_and_continuous():
    """0 before and 1 behind the reach, the same limit from both sides of a node, in both types."""
    weights = _step(jnp.asarray(30.4), 70)
    assert (weights[: 31 - WINDOW_REACH] == 0.0).all()
    assert (weights[31 + WINDOW_REACH :] == 1.0).all()
    # Both ends differ from 0 and 1 by 1.4e-8: what the cardinal function leaves at zero frequency.
    below, above = (_step(jnp.asarray(p), 70) for p in (31.0 - 1e-12, 31.0))
    np.testing.assert_allclose(below, above, atol=3e-8)
    single = _step(jnp.asarray(30.4, jnp.float32), 70)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, weights, atol=3e-6)  # 14th-degree polynomial in float32


def test_limits_outside_of_the_grid():
    """A limit beyond all nodes counts all or none of them, whatever the distance."""
    for position, value in ((-1e3, 1.0), (-13.0, 1.0), (90.0, 0.0), (1e4, 0.0)):
        assert (_step(jnp.asarray(position), 70) == value).all()


def test_window_weights():
    """A window is the difference of two steps: Σ is its length, and both limits move it."""
    start, stop = jnp.asarray([14.0, 20.3]), jnp.asarray([44.9, 44.9])

    def length(start, stop):
        weights = window_weights(start, stop, 70)
        return jnp.sum(weights), weights

    batch = jax.jit(jax.vmap(jax.value_and_grad(length, argnums=(0, 1), has_aux=True)))
    (lengths, weights), slopes = batch(start, stop)
    np.testing.assert_allclose(weights[1], _step(start[1], 70) - _step(stop[1], 70), atol=1e-14)
    np.testing.assert_allclose(lengths, [30.9, 24.6], atol=1e-6)
    np.testing.assert_allclose(slopes, [[-1.0, -1.0], [1.0, 1.0]], atol=1e-6)


# --- Shifts along a grid ------------------------------------------------------------------------


_CUBES = np.arange(8.0) ** 3


def test_lagrange_weights():
    """Eight points interpolate polynomials of degree 7 exactly, and the nodes themselves."""
    position = jnp.linspace(0.0, 7.0, 29)  # every fourth is a node
    weights = jax.jit(lagrange_weights)(position)
    for power in range(8):
        found = weights @ (jnp.arange(8.0) / 7.0) ** power
        np.testing.assert_allclose(found, (position / 7.0) ** power, atol=1e-14)
    np.testing.assert_allclose(weights[::4], np.eye(8), atol=1e-14)
    shape = jax.eval_shape(lambda p: lagrange_weights(p, order=4), jnp.ones((2, 3))).shape
    assert shape == (2, 3, 4)
    slope = jax.jit(jax.vmap(jax.grad(lambda p: jnp.dot(lagrange_weights(p), _CUBES))))
    np.testing.assert_allclose(slope(position), 3.0 * position**2, atol=1e-10)


def test_shift_weights():
    """F(i + shift) from its neighbours, the slide of a comoving momentum; the caller pads by 3."""
    taps = 18  # ln x slides by up to 1.25 at 8 nodes per unit
    shift = jnp.linspace(0.0, taps - 8.0, 101)
    of_shift = jax.jit(lambda s: shift_weights(s, taps))
    weights = of_shift(shift)
    assert weights.shape == (101, taps)
    node = np.arange(taps) - 3.0
    for power in range(8):
        found = weights @ (node / 10.0) ** power
        np.testing.assert_allclose(found, (shift / 10.0) ** power, atol=1e-13)
    # Eighth order: (0.3 π/…)^8 of a wave of 21 nodes is 7e-8.
    np.testing.assert_allclose(
        weights @ np.cos(0.3 * node + 0.2), np.cos(0.3 * shift + 0.2), atol=1e-7
    )
    slopes = jax.vmap(jax.grad(lambda s: jnp.dot(of_shift(s), (node / 10.0) ** 2)))
    np.testing.assert_allclose(jax.jit(slopes)(shift), shift / 50.0, atol=1e-12)
    single = of_shift(shift.astype(jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, weights, atol=1e-5)


# --- Resonances narrower than the grid ----------------------------------------------------------

_of_order = jax.jit(resonance_weight, static_argnums=3)


def _weight(*arguments):
    """The weights of the orders 3 and 2."""
    return _of_order(*arguments, 3), _of_order(*arguments, 2)


_GAUSS = np.polynomial.legendre.leggauss(20)


def _sinh_panels(low, high, width, panels=60):
    """Nodes and weights of ∫_low^high d(·) with (·) = width sinh s: a pole at 0 is no matter."""
    edges = np.linspace(np.arcsinh(low / width), np.arcsinh(high / width), panels + 1)
    half = np.diff(edges)[:, None] / 2.0
    s = (edges[:-1, None] + half * (1.0 + _GAUSS[0])).ravel()
    return width * np.sinh(s), (half * _GAUSS[1]).ravel() * width * np.cosh(s)


def _detuning(t):
    return np.tanh(t) + 0.3 * np.tanh(t) ** 2


@pytest.mark.parametrize("width", [1e-8, 1e-5, 1e-3, 1e-2, 0.1, 1.0])
def test_resonance_on_a_line(width):
    """One crossing in one dimension, at any offset from the nodes, against SciPy `quad`.

    The rule is of order h⁸: measured 3.8e-4, 3.1e-6, 3.9e-8 at 8, 16 and 32 nodes per unit. The
    bare Lorentzian would be wrong by factors of up to 1e8 between the nodes.
    """

    def source(t):
        return np.exp(-((t - 0.4) ** 2))

    def lorentzian(t):
        return source(t) / (_detuning(t) ** 2 + width**2)

    cuts = [sign * width * 10.0**k for k in range(9) for sign in (1, -1) if width * 10.0**k < 1]
    edges = [-8.0, *sorted({0.0, *cuts}), 8.0]
    exact = sum(
        integrate.quad(lorentzian, a, b, epsabs=0.0, epsrel=1e-11, limit=400)[0]
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    )
    for steps, tolerance in ((8, 6e-4), (16, 6e-6), (32, 1e-7)):
        for offset in (0.0, 0.25, 0.5, 0.7):
            t = -8.0 + (np.arange(16 * steps) + offset) / steps
            a = _detuning(t)
            fine, _ = _weight(a, np.full_like(a, width), np.gradient(a) ** 2)
            assert source(t) @ fine / steps == pytest.approx(exact, rel=tolerance)


@pytest.mark.parametrize("width", [1e-8, 1e-5, 1e-2, 0.1, 1.0])
def test_resonance_with_a_fold_on_a_lattice(width):
    """a = y − t²: crossings merge and vanish at y = 0, where one-dimensional rules fail.

    On the lattice of production with constant g* (24 × 8 nodes) and on coarser and finer ones, at
    any offset. Measured: 4.1e-6, 4.1e-7, 1.5e-8; the lower order, which serves as the estimate,
    is worse by 10 to 60, so that their difference is a bound.
    """
    offsets = ((0.0, 0.0), (0.3, 0.6), (0.5, 0.25), (0.8, 0.5))

    def source(t, y):
        return np.exp(-((t - 0.3) ** 2) - (y - 0.2) ** 2)

    outer = np.linspace(-7.0, 7.0, 141)  # trapezoid: exact to 1e-15 for this width
    exact = 0.0
    for t in outer:
        a, weight = _sinh_panels(-9.0 - t * t, 9.0 - t * t, width)
        exact += np.sum(weight * source(t, a + t * t) / (a**2 + width**2)) * (outer[1] - outer[0])
    for steps_t, steps_y, tolerance in ((8, 8, 1e-5), (24, 8, 1e-6), (16, 16, 5e-8)):
        for offset_t, offset_y in offsets:
            t = (np.arange(-7 * steps_t, 7 * steps_t) + offset_t)[:, None] / steps_t
            y = (np.arange(-7 * steps_y, 7 * steps_y) + offset_y)[None, :] / steps_y
            a = y - t**2
            spread2 = np.gradient(a, axis=0) ** 2 + np.gradient(a, axis=1) ** 2
            fine, coarse = (
                np.sum(source(t, y) * weight) / (steps_t * steps_y)
                for weight in _weight(a, np.full_like(a, width), spread2)
            )
            assert fine == pytest.approx(exact, rel=tolerance)
            assert abs(fine - exact) < abs(fine - coarse) + 1e-9 * exact


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_wide_resonance_is_left_alone(dtype):
    """w ≫ G gives back the Lorentzian itself, so that nothing is lost where nothing is narrow."""
    a = jnp.linspace(-3.0, 3.0, 61, dtype=dtype)
    spread = jnp.full(61, 0.01, dtype)
    for ratio, tolerance in ((6.0, 1e-9), (8.0, 1e-14), (1e3, 1e-14)):
        width = ratio * spread
        exact = 1.0 / (np.asarray(a, float) ** 2 + float(width[0]) ** 2)
        for weight in _weight(a, width, spread**2):
            assert weight.dtype == dtype
            rounding = 1e-14 if dtype == jnp.float64 else 1e-6
            np.testing.assert_allclose(weight, exact, rtol=max(tolerance, rounding))
    # Far from the resonance too, however narrow it is.
    far = _weight(jnp.ones(3, dtype), jnp.full(3, 1e-9, dtype), jnp.full(3, 1e-3, dtype))
    np.testing.assert_allclose(far[0], 1.0, rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_resonance_weight_is_finite(dtype):
    """No NaN and no overflow, in values and derivatives, for what a lattice can hold.

    The smallest width is what production puts for rates that vanish; ratios are capped at 1e18.
    Cold nodes have no width and no spread, a resonance in the dark has a = 0 and no width.
    """
    least = 0.5 * float(jnp.finfo(dtype).tiny) ** 0.5
    a, width, spread = (
        jnp.asarray(v.ravel(), dtype)
        for v in np.meshgrid(
            [0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 1e5, 1e18],
            [least, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1.0, 1e3, 1e18],
            [0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 1e3, 1e18],
        )
    )
    for weight in _weight(a, width, spread**2):
        assert weight.dtype == dtype
        assert jnp.isfinite(weight).all()
    slopes = jax.jit(
        jax.vmap(
            jax.grad(lambda a, w, g: resonance_weight(a, w, g * g), argnums=(0, 1, 2)),
        )
    )(a, width, spread)
    # At a resonance the derivative with respect to w is of order 1/w², beyond float32 for
    # w < 1e-19 (a coupling of 1e-12 gives 1e-15); and no node has a, w and G all far below 1.
    sensible = (width >= 1e-15) | (a >= 30.0 * spread)
    sensible &= (spread >= 1e-3) | (a >= 1e-3) | (width >= 1e-3)
    assert jnp.mean(sensible) > 0.6
    for slope in slopes:
        assert jnp.isfinite(slope[sensible]).all()


def test_resonance_weight_in_float32():
    """Single precision gives the same sums: 2e-6 of the weight's peak at random arguments."""
    rng = np.random.default_rng(0)
    a, width, spread = (10.0 ** rng.uniform(*box, 4000) for box in ((-8, 3), (-9, 2), (-4, 1)))
    double = _weight(a, width, spread**2)[0]
    single = _weight(*(jnp.asarray(v, jnp.float32) for v in (a, width, spread**2)))[0]
    peak = _weight(0.0 * a, width, spread**2)[0]
    assert np.max(np.abs(single - double) / peak) < 5e-6


def test_derivatives_of_resonant_sums():
    """The derivative of a sum over a narrow resonance is that of the integral (π/w) F(s)."""

    def total(width, shift):
        t = -8.0 + jnp.arange(16.0 * 32) / 32.0
        a = jnp.tanh(t - shift) + 0.3 * jnp.tanh(t - shift) ** 2
        change = jnp.concatenate([a[1:2] - a[:1], 0.5 * (a[2:] - a[:-2]), a[-1:] - a[-2:-1]])
        weight = resonance_weight(a, jnp.full_like(a, width), change**2)
        return jnp.dot(jnp.exp(-((t - 0.4) ** 2)), weight) / 32.0

    gradient = jax.jit(jax.grad(lambda p: jnp.log(total(p[0], p[1]))))
    width = 1e-7
    found = gradient(jnp.asarray([width, 0.05]))
    # Narrow: the integral is (π/w) e^(−(s−0.4)²), a' = 1 at the crossing t = s.
    assert float(found[0] * width) == pytest.approx(-1.0, abs=1e-6)
    assert float(found[1]) == pytest.approx(-2.0 * (0.05 - 0.4), rel=1e-5)
