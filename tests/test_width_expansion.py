"""A rate of any width as a few constant functions of w: accuracy, limits, derivatives, cost."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from nujax.interactions._kernels import narrow_rate_shape, scalar_rate_shape
from nujax.interactions._width_expansion import ANY_WIDTH, NARROW

EXPANSIONS = {"narrow": NARROW, "any": ANY_WIDTH}
# Nodes of nothing: neither of the spline in ln w nor of the expansion in the width.
W = np.exp(np.linspace(-32.0, 20.0, 241) + 0.0137)


@lru_cache
def _functions(name):
    return EXPANSIONS[name].functions(scalar_rate_shape, narrow_rate_shape, W)


def _rate(name, width):
    coefficients = jax.jit(EXPANSIONS[name].coefficients)(jnp.asarray(width))
    return np.tensordot(np.asarray(coefficients), _functions(name), axes=1)


def test_range_of_the_expansions():
    """NARROW serves the fast path up to λ = 3.2, ANY_WIDTH reaches λ = 4π, where γ_φ = π/2."""
    assert NARROW.largest == 0.1
    assert ANY_WIDTH.largest > (4.0 * np.pi) ** 2 / (32.0 * np.pi)
    for expansion in EXPANSIONS.values():
        assert expansion.widths.shape == (expansion.nodes,)
        assert ((expansion.widths > 0.0) & (expansion.widths < expansion.largest)).all()


@pytest.mark.parametrize("name", EXPANSIONS)
def test_accuracy_of_the_expansion(name):
    """The sum equals the kernel for every width in range, to the 1e-6 that abundances are good to.

    Measured: 9e-8 (the spline in ln w) for NARROW and 3.3e-7 for ANY_WIDTH, relative, at each w,
    down to rates that are 1e-27 of the largest.
    """
    tolerance = 2e-7 if name == "narrow" else 6e-7
    largest = EXPANSIONS[name].largest
    for width in (1e-20, 1e-6, 1e-3, *np.linspace(0.01, 1.0, 12) * largest):
        exact = scalar_rate_shape(W, np.full_like(W, width), np)
        np.testing.assert_allclose(_rate(name, width), exact, rtol=tolerance)


@pytest.mark.parametrize(("name", "coupling"), [("narrow", 3.0), ("any", 3.0), ("any", 12.5)])
def test_expansion_against_an_independent_rule(name, coupling):
    """The same against Gauss–Legendre panels, so that a fault of the kernel cannot cancel."""
    width = coupling**2 / (32.0 * np.pi)
    some = slice(0, None, 12)
    expected = oracles.rate(W[some], width)
    np.testing.assert_allclose(_rate(name, width)[some], expected, rtol=6e-7)


@pytest.mark.parametrize("name", EXPANSIONS)
def test_narrow_limit(name):
    """At zero coupling only R₀ is left, exactly; at the next order the slope is the kernel's."""
    np.testing.assert_array_equal(_rate(name, 0.0), narrow_rate_shape(W, np))
    coefficients = EXPANSIONS[name].coefficients(jnp.asarray(0.0))
    np.testing.assert_array_equal(coefficients, np.eye(1 + EXPANSIONS[name].nodes)[0])
    # Far from the resonance, w ≫ 1, R₀ vanishes and what is linear in γ is all there is.
    cold, step = W > 60.0, 1e-8
    slope = _rate(name, step)[cold] / step
    exact = scalar_rate_shape(W, np.full_like(W, step), np)[cold] / step
    np.testing.assert_allclose(slope, exact, rtol=6e-7)


def test_both_ends_in_w():
    """Hot: R ∝ 1/w; cold: ∝ γ w⁻³ as four-fermion scattering; also beyond the tables' ends."""
    w = np.exp(np.array([-50.0, -46.0, -43.0, -40.0, 22.0, 30.0, 40.0, 43.0]))
    functions = NARROW.functions(scalar_rate_shape, narrow_rate_shape, w)
    rate = np.tensordot(np.asarray(NARROW.coefficients(jnp.asarray(0.05))), functions, axes=1)
    assert np.isfinite(rate).all()
    # Γ = 7πλ⁴ET⁴/1728m⁴ in these units, where Γ = λ²m²T/(16π²E²) R and λ² = 32πγ; three fifths
    # of it are νν → νν, which feels the width.
    cold = 7.0 * np.pi**4 / 216.0 * 0.05 / w[4:] ** 3 * (0.6 / (1.0 + 0.05**2) + 0.4)
    np.testing.assert_allclose(rate[4:], cold, rtol=1e-6)
    exact = scalar_rate_shape(w[:4], np.full(4, 0.05), np)
    np.testing.assert_allclose(rate[:4], exact, rtol=2e-7)
    np.testing.assert_allclose(exact * w[:4], exact[0] * w[0], rtol=1e-9)


@pytest.mark.parametrize("name", EXPANSIONS)
def test_derivative_with_respect_to_the_width(name):
    """Derivatives of coefficients are polynomial, hence those of the kernel to the same order.

    Measured: 1.7e-5 near the largest width of ANY_WIDTH; differentiation costs that much.
    """
    expansion = EXPANSIONS[name]
    slope = jax.jit(jax.jacfwd(expansion.coefficients))
    some = slice(0, None, 8)
    kernel = jax.jit(jax.vmap(jax.grad(scalar_rate_shape, argnums=1)))
    for width in (1e-6, 0.3 * expansion.largest, 0.93 * expansion.largest):
        found = np.tensordot(np.asarray(slope(jnp.asarray(width))), _functions(name), axes=1)[some]
        exact = kernel(jnp.asarray(W[some]), jnp.full(len(W[some]), width))
        value = scalar_rate_shape(W[some], np.full_like(W[some], width), np)
        error = np.abs(found - exact) / np.maximum(np.abs(exact), value / expansion.largest)
        assert np.max(error) < 5e-5


def test_coefficients_in_float32():
    """Lagrange polynomials on Chebyshev nodes are well conditioned: single precision serves."""
    for name, expansion in EXPANSIONS.items():
        coefficients = jax.jit(expansion.coefficients)
        for width in (1e-12, 0.2 * expansion.largest, expansion.largest):
            single = coefficients(jnp.asarray(width, jnp.float32))
            assert single.dtype == jnp.float32
            rate = np.tensordot(np.asarray(single, float), _functions(name), axes=1)
            exact = scalar_rate_shape(W, np.full_like(W, width), np)
            np.testing.assert_allclose(rate, exact, rtol=2e-5)
