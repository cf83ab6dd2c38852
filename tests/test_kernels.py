"""Kernels of a scalar mediator: three independent integrals, limits, both types, derivatives."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import problems
import pytest

import nujax as nj
from nujax.interactions._kernels import narrow_rate_shape, potential_shape, scalar_rate_shape

POTENTIALS = problems.scalar_potential()
# Momenta of the production code and every m/T that mediators of 1 keV to 100 GeV meet.
X, MU = (a.ravel() for a in np.meshgrid(np.geomspace(2e-4, 60.0, 19), np.geomspace(1e-6, 1e6, 25)))
W = np.geomspace(1e-18, 1e8, 53)
# γ = λ²/32π from couplings that do not matter to λ = 4π, where it is π/2.
WIDTHS = (1e-30, 1e-20, 1e-12, 1e-8, 1e-4, 1e-2, 0.1, 0.3, 1.0, np.pi / 2.0)


def _size(x, mu):
    """Envelope of |S|: its hot limit over its cold one; S itself has a zero in between."""
    return 1.0 / (16.0 + 90.0 * mu**4 / (7.0 * np.pi**2 * x**2))


@partial(jax.jit, static_argnums=0)
def _slopes(function, first, second):
    """Derivatives with respect to both arguments, elementwise, in forward and in reverse mode."""
    forward = jax.vmap(jax.jacfwd(function, argnums=(0, 1)))(first, second)
    reverse = jax.vmap(jax.grad(function, argnums=(0, 1)))(first, second)
    return jnp.stack(forward), jnp.stack(reverse)


@eqx.filter_jit
def _rate_of(mediator, E, T):
    return mediator.interaction_rate(E, T, "mu")


def _logarithmic_differences(function, first, second, step=1e-3):
    """∂/∂ln of both arguments by differences of fourth order (error 4 step⁴/120 f⁽⁵⁾)."""

    def along(first_power, second_power):
        def at(k):
            scale = np.exp(k * step)
            return function(first * scale**first_power, second * scale**second_power)

        return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step)

    return np.stack([along(1, 0), along(0, 1)])


# --- Potential ----------------------------------------------------------------------------------


def test_listed_potentials():
    """The potential is that of the reference data, whose vector values are twice a scalar's.

    The data are good to 5e-13, which is also what is left at x = 1, m/T = 5.
    """
    x, mu, v = (np.array(column) for column in zip(*POTENTIALS, strict=True))
    np.testing.assert_allclose(potential_shape(x, mu, np), x * v, rtol=2e-12)
    listed = problems.load("kernels")["v"]
    assert listed[4]["mu"] == 1
    half = float(potential_shape(np.array(1.0), np.array(1.0), np))
    assert half == pytest.approx(0.5 * listed[4]["v"], rel=1e-12)


@pytest.mark.parametrize(
    ("x", "mu"),
    [(1.0, 2.9), (2e-4, 0.03), (2e-4, 1.0), (0.05, 30.0), (0.3, 2.0), (10.0, 4.0), (60.0, 40.0)],
)
def test_potential_against_multiprecision(x, mu):
    """The dispersive trapezoid equals the published integral with logarithms, and its own PV.

    Including the ends of the momentum range and points beside the zero of the potential; both
    integrals by mpmath at 25 and 40 digits, so that only the trapezoid's 1e-13 is left.
    """
    found = float(potential_shape(np.array(x), np.array(mu), np)) / x
    assert found == pytest.approx(oracles.potential_logarithmic(x, mu), rel=1e-11)
    assert found == pytest.approx(oracles.potential_principal_value(x, mu), rel=1e-11)


def test_potential_over_the_whole_range():
    """No corner of (x, m/T) is left out, in NumPy and in JAX alike.

    The second oracle has another step and other cut-offs. 5e-12 of the envelope: rounding of
    1/(u² − 1) at the nodes beside the pole; the two libraries differ by the same. Hotter than
    w = 2e-15 the kernel stands still, where it differs from its limit by 0.64 m/T.
    """
    expected, size = oracles.potential(X, MU), _size(X, MU)
    in_numpy, in_jax = potential_shape(X, MU, np), jax.jit(potential_shape)(X, MU)
    assert in_jax.dtype == jnp.float64
    assert np.max(np.abs(in_numpy - expected) / size) < 5e-12
    assert np.max(np.abs(in_jax - in_numpy) / size) < 5e-12
    hot = np.geomspace(1e-12, 1e-6, 13)
    for x in (2e-4, 1.0, 60.0):
        x = np.full_like(hot, x)
        error = np.abs(potential_shape(x, hot, np) / oracles.potential(x, hot) - 1.0)
        assert np.max(error) < 5e-7


def test_limits_of_the_potential():
    """−7π²x²/(90μ⁴) for heavy and 1/16 for light mediators: the sign that the sources misprint."""
    x = np.array([0.1, 1.0, 3.0, 10.0])
    # Corrections are O(x²/μ⁴·…) = 1e-7 and O(μ ln μ) = 1e-5.
    heavy = potential_shape(x, np.full(4, 3e4), np)
    np.testing.assert_allclose(heavy, -7.0 * np.pi**2 * x**2 / (90.0 * 3e4**4), rtol=1e-6)
    light = potential_shape(x, np.full(4, 1e-7), np)
    np.testing.assert_allclose(light, 1.0 / 16.0, rtol=1e-5)
    zero = potential_shape(x, np.full(4, 1e-30), np)  # beyond the floor of w
    np.testing.assert_allclose(zero, 1.0 / 16.0, rtol=1e-6)


@pytest.mark.parametrize(("x", "zero"), [(1.0, 0.336896), (3.0, 0.198996)])
def test_zeros_of_the_potential(x, zero):
    """V changes sign where it should, T/m = 0.336896 and 0.198996: crossings hang on it."""
    mu = 1.0 / np.array([zero - 6e-7, zero + 6e-7])
    colder, hotter = potential_shape(np.full(2, x), mu, np)
    assert colder < 0.0 < hotter


def test_derivatives_of_the_potential():
    """Exact derivatives equal differences, so that nothing is hidden from JAX by the sliding nodes.

    2e-9: the differences' rounding (1e-13/1e-3) and truncation. Forward equals reverse.
    """
    x, mu = X[::7], 1.01 * MU[::7]  # off the floor of w
    forward, reverse = (slope * np.stack([x, mu]) for slope in _slopes(potential_shape, x, mu))
    differences = _logarithmic_differences(lambda a, b: potential_shape(a, b, np), x, mu)
    size = _size(x, mu)
    assert np.max(np.abs(forward - reverse) / size) < 1e-11
    assert np.max(np.abs(reverse - differences) / size) < 2e-9


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_gradients_of_the_potential_are_finite(dtype):
    """No NaN and no overflow for m/T from 1e-9 to 1e6, which no smooth fit would survive."""
    x, mu = np.meshgrid([2e-4, 1e-2, 1.0, 60.0], np.geomspace(1e-9, 1e6, 46))
    x, mu = jnp.asarray(x.ravel(), dtype), jnp.asarray(mu.ravel(), dtype)
    value, slopes = jax.jit(potential_shape)(x, mu), _slopes(potential_shape, x, mu)
    assert value.dtype == dtype
    assert jnp.isfinite(value).all()
    assert all(jnp.isfinite(slope).all() for slope in slopes)
    # |∂S/∂ln μ| ≤ 0.06 everywhere
    assert jnp.max(jnp.abs(slopes[1][1] * mu)) < 0.1


def test_potential_in_float32():
    """For consumer GPUs: 3e-4 of the envelope at worst (cancellation at the pole), 1e-6 mostly."""
    single = jax.jit(potential_shape)(jnp.asarray(X, jnp.float32), jnp.asarray(MU, jnp.float32))
    assert single.dtype == jnp.float32
    error = np.abs(single - potential_shape(X, MU, np)) / _size(X, MU)
    assert np.max(error) < 3e-4
    assert np.median(error) < 1e-6


# --- Rate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1e-20, 1e-10, 1e-3, 0.1, 1.5])
def test_rate_by_quad(width):
    """Trapezoid and pole residue equal SciPy `quad` split at the pole, however narrow it is.

    1e-11: what the cut at e^(−46) leaves at large w.
    """
    for w in (1e-12, 1e-3, 0.5, 5.0, 50.0, 1e4):
        B, U = oracles.rate_by_quad(w, width)
        found = float(scalar_rate_shape(np.array(w), np.array(width), np))
        assert found == pytest.approx(width * (B + 2.0 * U), rel=1e-11)


@pytest.mark.parametrize("width", WIDTHS)
def test_rate_over_the_whole_range(width):
    """All w and all widths, NumPy and JAX; the oracle is another rule (Gauss–Legendre panels)."""
    expected = oracles.rate(W, width)
    widths = np.full_like(W, width)
    in_numpy = scalar_rate_shape(W, widths, np)
    np.testing.assert_allclose(in_numpy, expected, rtol=1e-11)
    in_jax = jax.jit(scalar_rate_shape)(W, widths)
    np.testing.assert_allclose(in_jax, in_numpy, rtol=1e-12)
    single = jax.jit(scalar_rate_shape)(jnp.asarray(W, jnp.float32), jnp.asarray(widths, "f4"))
    assert single.dtype == jnp.float32
    held = expected > 1e-36  # smaller numbers are not normal in float32
    np.testing.assert_allclose(single[held], expected[held], rtol=1e-5)
    assert jnp.isfinite(single).all()


def test_narrow_limit_of_the_rate():
    """γ[B + 2U] → π ln(1+e^(−w)) with an error of order γ; exactly that at zero coupling."""
    w = np.geomspace(1e-6, 30.0, 40)
    limit = np.pi * np.log1p(np.exp(-w))
    np.testing.assert_allclose(narrow_rate_shape(w, np), limit, rtol=1e-15)
    np.testing.assert_allclose(narrow_rate_shape(jnp.asarray(w)), limit, rtol=1e-13)
    np.testing.assert_allclose(scalar_rate_shape(w, np.zeros_like(w), np), limit, rtol=1e-14)
    np.testing.assert_allclose(jax.jit(scalar_rate_shape)(w, np.zeros_like(w)), limit, rtol=1e-13)
    # The relative correction is (B + 2U)'s regular part over π ln(1+e^(−w)), times γ.
    once, twice = (scalar_rate_shape(w, np.full_like(w, g), np) - limit for g in (1e-7, 2e-7))
    np.testing.assert_allclose(twice, 2.0 * once, rtol=1e-5)


def test_heavy_limit_of_the_rate():
    """Γ → 7πλ⁴ET⁴/(1728m⁴): four-fermion scattering, both channels, through the public method."""
    coupling, mass = 0.3, 1e3
    E, T = jnp.asarray([0.01, 0.1, 1.0]), jnp.asarray([0.1, 0.1, 0.1])
    rate = _rate_of(nj.ScalarMediator(mass, coupling), E, T)
    # Next order is E T/m² = 1e-7 times a number of order 100.
    expected = 7.0 * np.pi * coupling**4 * E * T**4 / (1728.0 * mass**4)
    np.testing.assert_allclose(rate, expected, rtol=1e-5)


def test_on_shell_limit_of_the_rate():
    """Γ → λ²m²T/(16πE²) ln(1+e^(−m²/4ET)): inverse decay, which the Breit–Wigner contains once."""
    coupling, mass = 1e-6, 10.0
    E, T = jnp.asarray([1.0, 5.0, 60.0, 5e2]), jnp.asarray([5.0, 5.0, 20.0, 1e3])
    rate = _rate_of(nj.ScalarMediator(mass, coupling), E, T)
    expected = coupling**2 * mass**2 * T / (16.0 * np.pi * E**2)
    expected = expected * np.log1p(np.exp(-(mass**2) / (4.0 * E * T)))
    # Off shell: γ/w² = 1e-14 × 1e7 at most.
    np.testing.assert_allclose(rate, expected, rtol=1e-6)


@pytest.mark.parametrize("width", [1e-20, 1e-6, 0.05, 1.5])
def test_derivatives_of_the_rate(width):
    """Derivatives in w and in the width: those of the coupling and of every mass pass here.

    2e-9 of the value: rounding and truncation of the differences; a residue's derivative that
    is missing would show at order one.
    """
    w = np.geomspace(1e-9, 50.0, 30)
    widths = np.full_like(w, width)
    forward, reverse = _slopes(scalar_rate_shape, w, widths)
    logarithmic = np.asarray(reverse) * np.stack([w, widths])
    value = scalar_rate_shape(w, widths, np)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-300)
    differences = _logarithmic_differences(lambda a, b: scalar_rate_shape(a, b, np), w, widths)
    # ln(1+e^(−w)) falls by orders of magnitude: its logarithmic derivative is up to w.
    assert np.max(np.abs(logarithmic - differences) / (value * (1.0 + w**3))) < 2e-9


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_gradients_of_the_rate_are_finite(dtype):
    """No NaN at the ends of both ranges, zero coupling included."""
    w, width = np.meshgrid(np.geomspace(1e-16, 1e10, 40), [0.0, 1e-20, 1e-6, 0.1, np.pi / 2.0])
    w, width = jnp.asarray(w.ravel(), dtype), jnp.asarray(width.ravel(), dtype)
    value, slopes = jax.jit(scalar_rate_shape)(w, width), _slopes(scalar_rate_shape, w, width)
    assert value.dtype == dtype
    assert (value >= 0.0).all()
    assert jnp.isfinite(value).all()
    assert all(jnp.isfinite(slope).all() for slope in slopes)


def test_shapes_of_the_kernels():
    """Any equal shapes, scalars included: the methods of a mediator pass what they are given."""
    for shape in ((), (3,), (2, 3)):
        ones = jax.ShapeDtypeStruct(shape, jnp.float32)
        for function in (potential_shape, scalar_rate_shape):
            out = jax.eval_shape(function, ones, ones)
            assert (out.shape, out.dtype) == (shape, jnp.float32)
        assert jax.eval_shape(narrow_rate_shape, ones).shape == shape
        assert potential_shape(np.ones(shape), np.ones(shape), np).shape == shape
        assert scalar_rate_shape(np.ones(shape), np.ones(shape), np).shape == shape
