"""χχ̄ → νν̄: the reduced cross-section and its thermal average, against closed forms and
quadrature.
"""

import jax
import jax.numpy as jnp
import numpy as np
import portal_oracle
import pytest

from nujax.portal import NeutrinoPortal, cross_section, thermal_average
from nujax.portal._cross_section import (
    evaluate_thermal,
    reduced_cross_section,
    s_wave,
    thermal_coefficients,
)


@pytest.mark.parametrize("ratio", [1.0001, 1.2, 3.0, 30.0, 1e4])
def test_cross_section(ratio):
    """From the threshold to far beyond the mediator; 1/b of the threshold is lost to rounding
    of s.
    """
    s = np.array([4.0001, 4.1, 5.0, 30.0, 1e3, 1e8, 1e12])
    expected = [portal_oracle.sigma(value, ratio) for value in s]
    np.testing.assert_allclose(cross_section(s, 1.0, 1.0, ratio), expected, rtol=2e-12)


def test_threshold_is_the_s_wave():
    """σv of eq. 7 of 1709.07001: G⁴ m²/(32π m_φ⁴)(1 + m²/m_φ²)⁻²."""
    G, m, M = 0.2, 1e4, 3e4
    printed = G**4 / (32 * np.pi) * m**2 / M**4 / (1 + m**2 / M**2) ** 2
    assert float(s_wave(G, m, M)) == pytest.approx(printed, rel=1e-14)
    assert float(reduced_cross_section(4.0, m**2 / M**2)) == pytest.approx(1.0, abs=1e-14)


def test_heavy_mediator():
    """Contact interaction: F = (ŝ/8)(1 + b²/3) up to (m_χ/m_φ)²; an independent closed form."""
    s = jnp.array([4.0, 6.0, 40.0])
    contact = s / 8 * (1 + (1 - 4 / s) / 3) * 2
    np.testing.assert_allclose(reduced_cross_section(s, 1e-8), contact, rtol=1e-6)


@pytest.mark.parametrize("ratio", [1.0001, 1.2, 3.0, 10.0, 300.0])
def test_thermal_average(ratio):
    coefficients = thermal_coefficients(1 / ratio**2)
    unit = 1 / (32 * np.pi * (1 + ratio**2) ** 2)
    for x in (1.0, 3.0, 20.0, 300.0, 1000.0):
        mine = float(evaluate_thermal(coefficients, jnp.asarray(x)))
        assert mine == pytest.approx(portal_oracle.thermal_average(x, ratio) / unit, rel=5e-8), x


def test_average_is_smooth_and_of_order_one():
    """No kink from x = 1 to 1000: third differences in ln x fall as the cube of the step."""
    theory = NeutrinoPortal.from_coupling(1e4, 3e4, 0.25)
    unit = s_wave(theory.coupling, theory.dm_mass, theory.scalar_mass)
    ratio = np.asarray(thermal_average(theory, np.geomspace(1.0, 1000.0, 2001)) / unit)
    assert 0.5 < ratio.min() < ratio.max() < 2.0
    assert np.abs(np.diff(ratio, 3)).max() < 1e-6


def test_average_has_derivatives():
    """d ln⟨σv⟩/d ln G = 4, and scaling all masses and T leaves ⟨σv⟩ m²."""

    def log_average(log_coupling, log_mass):
        m = jnp.exp(log_mass)
        theory = NeutrinoPortal.from_coupling(m, 3 * m, jnp.exp(log_coupling))
        return jnp.log(thermal_average(theory, 20.0))

    slopes = jax.grad(log_average, (0, 1))(jnp.log(0.25), jnp.log(1e4))
    np.testing.assert_allclose(slopes, (4.0, -2.0), rtol=1e-12)
