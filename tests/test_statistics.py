"""Quantum statistics against multiprecision, with derivatives, at the ends of both types."""

from functools import partial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from nujax.statistics import bose_einstein, fermi_dirac, log1p_exp_minus, minus_log1m_exp

mpmath.mp.dps = 90  # 1 − e⁻⁸⁰ must not lose the digits of e⁻⁸⁰

# name: function, oracle, oracle of the derivative, domain includes x ≤ 0
CASES = {
    "fermi_dirac": (
        fermi_dirac,
        lambda x: 1 / (mpmath.exp(x) + 1),
        lambda x: -1 / (4 * mpmath.cosh(x / 2) ** 2),
        True,
    ),
    "bose_einstein": (
        bose_einstein,
        lambda x: 1 / mpmath.expm1(x),
        lambda x: -1 / (4 * mpmath.sinh(x / 2) ** 2),
        True,
    ),
    "log1p_exp_minus": (
        log1p_exp_minus,
        lambda x: mpmath.log1p(mpmath.exp(-x)),
        lambda x: -1 / (mpmath.exp(x) + 1),
        True,
    ),
    "minus_log1m_exp": (
        minus_log1m_exp,
        lambda x: -mpmath.log(-mpmath.expm1(-x)),
        lambda x: -1 / mpmath.expm1(x),
        False,
    ),
}
POSITIVE = np.array([1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.69, 0.7, 1.0, 3.0, 10.0, 30.0, 80.0])


@partial(jax.jit, static_argnums=0)
def _value_and_slopes(function, x):
    """Elementwise value, and derivative in forward and in reverse mode."""
    value, forward = jax.jvp(function, (x,), (jnp.ones_like(x),))
    return value, forward, jax.vmap(jax.grad(function))(x)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name, dtype):
    function, oracle, slope, both_signs = CASES[name]
    x = np.concatenate([-POSITIVE, POSITIVE]) if both_signs else POSITIVE
    x = np.asarray(jnp.asarray(x, dtype), float)  # the numbers that the type can hold
    argument = jnp.asarray(x, dtype)
    value, forward, reverse = _value_and_slopes(function, argument)
    assert value.dtype == dtype
    tolerance = 4e-15 if dtype == jnp.float64 else 2e-6
    expected = np.array([float(oracle(mpmath.mpf(v))) for v in x])
    expected_slope = np.array([float(slope(mpmath.mpf(v))) for v in x])
    np.testing.assert_allclose(value, expected, rtol=tolerance)
    np.testing.assert_allclose(reverse, expected_slope, rtol=4 * tolerance)
    np.testing.assert_allclose(forward, reverse, rtol=4 * tolerance)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("name", CASES)
def test_ends_of_the_range_are_safe(name, dtype):
    function, *_ = CASES[name]
    largest = float(jnp.finfo(dtype).max)
    x = jnp.asarray([-largest, -1e4, -1.0, 0.0, 1e-30, 1e4, largest], dtype)
    value, _, slope = _value_and_slopes(function, x)
    assert not jnp.isnan(value).any()
    assert not jnp.isnan(slope).any()
    assert value[-1] == 0
    assert slope[-1] == 0


def test_poles_and_scalars():
    assert bose_einstein(0.0) == jnp.inf
    assert minus_log1m_exp(0.0) == jnp.inf
    assert minus_log1m_exp(-1.0) == jnp.inf
    assert jax.grad(bose_einstein)(0.0) == 0.0
    assert fermi_dirac(0) == 0.5  # an integer is a number too
    assert fermi_dirac(jnp.zeros((2, 3))).shape == (2, 3)
