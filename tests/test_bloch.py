"""The density matrix's equations and its solver, with coefficients that have closed solutions."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from nujax.production._bloch import (
    BlochCoefficients,
    implicit_stage,
    quasi_static,
    rate_of_change,
    slow_part,
)
from nujax.production._exact_kvaerno import AbstractBlochField, ExactKvaerno5


class Constant(AbstractBlochField):
    """Coefficients that do not change, but for a detuning that may: a + slope · t."""

    at: BlochCoefficients
    slope: jax.Array

    def coefficients(self, t, args):
        return self.at._replace(detuning=self.at.detuning + self.slope * t)


def coefficients(K=40.0, s=0.3, a=0.7, D=0.05, gamma=0.08, F=1.0, slope=0.0):
    """As arrays."""
    return BlochCoefficients(*(jnp.asarray(v, float) for v in (K, s, a, D, gamma, F, slope)))


@jax.jit
def evolve(field, y0, t0, t1, rtol):
    """The state at t1, with errors of all components controlled."""
    return diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        ExactKvaerno5(follow_precession=True),
        t0,
        t1,
        dt0=None,
        y0=y0,
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol),
        max_steps=1 << 16,
    ).ys[0]


@jax.jit
def cross(field, y0, t0, t1):
    """The state at t1 with the error of its slow part controlled, stepping onto the crossing."""
    return diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        ExactKvaerno5(),
        t0,
        t1,
        dt0=None,
        y0=y0,
        stepsize_controller=diffrax.ClipStepSizeController(
            diffrax.PIDController(rtol=1e-6, atol=1e-9, norm=lambda e: jnp.abs(e[0])),
            step_ts=jnp.asarray([-1e-3, 0.0, 1e-3]),
        ),
        max_steps=1 << 14,
    ).ys[0]


def test_constant_coefficients_against_the_matrix_exponential():
    """The linear system y' = A y + b of damped precession, solved by `expm`, to 1e-9."""
    c = coefficients(slope=0.2)
    b = np.asarray(rate_of_change(jnp.zeros(4), c))
    A = np.stack([np.asarray(rate_of_change(e, c)) - b for e in jnp.eye(4)], axis=1)
    y0 = jnp.asarray([0.1, 0.02, -0.03, 0.05])
    whole = expm(np.block([[A, b[:, None]], [np.zeros((1, 5))]]) * 0.8)
    expected = whole[:4, :4] @ np.asarray(y0) + whole[:4, 4]
    field = Constant(c, jnp.zeros(()))
    found = evolve(field, y0, jnp.zeros(()), jnp.asarray(0.8), 1e-12)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_vacuum_oscillation():
    """P = sin²2θ sin²(Δt/2) for sin²2θ = s²/(s² + c²), without collisions, to 1e-8."""
    s = 0.6
    c = coefficients(s=s, a=0.8, D=0.0, gamma=0.0)
    field = Constant(c, jnp.zeros(()))
    for t in (0.05, 0.7):
        y = evolve(field, jnp.zeros(4), jnp.zeros(()), jnp.asarray(t), 1e-12)
        np.testing.assert_allclose(float(y[0]), s**2 * np.sin(40.0 * t / 2) ** 2, atol=1e-8)
        np.testing.assert_allclose(float(y[0]), float(y[3]), atol=1e-12)  # f_a + f_s is conserved


def test_stodolsky_limit():
    """Coherence that has settled converts (K γ/4) s²/(a² + γ²/4) per unit of t, to 1e-8."""
    c = coefficients(K=1e6, s=1e-5, a=0.3, D=0.2, gamma=0.4)
    expected = 1e6 * 0.4 / 4 * 1e-10 / (0.3**2 + 0.2**2)
    assert float(rate_of_change(quasi_static(jnp.zeros(()), c), c)[0]) == pytest.approx(
        expected, rel=1e-8
    )
    # The same from no coherence at all, after many times of damping.
    field = Constant(c, jnp.zeros(()))
    early, late = (
        evolve(field, jnp.zeros(4), jnp.zeros(()), jnp.asarray(t), 1e-13) for t in (1.0, 3.0)
    )
    grown = np.log1p(-float(early[0])) - np.log1p(-float(late[0]))  # f_s tends to f_a
    assert grown / 2.0 == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("adiabaticity", [0.01, 0.1, 1.0, 3.0, 10.0])
def test_landau_zener(adiabaticity):
    """A crossing without collisions converts 1 − e^(−π K s²/2|a'|), to 1e-3 of it."""
    K, slope = 1e6, 6.0
    s = np.sqrt(adiabaticity * 2 * slope / (np.pi * K))
    c = coefficients(K=K, s=s, a=0.0, D=0.0, gamma=0.0)
    field = Constant(c, jnp.asarray(slope))
    start = jnp.asarray(-0.5)
    y0 = quasi_static(jnp.zeros(()), field.coefficients(start, None))
    y = cross(field, y0, start, -start)
    np.testing.assert_allclose(float(y[0]), -np.expm1(-adiabaticity), rtol=1e-3)


def test_a_stage_is_exact_at_any_stiffness():
    """y = b + h y'(y) holds to rounding, also where hK is 1e15 or h is zero."""
    rng = np.random.default_rng(1)
    for K in (0.0, 1.0, 1e5, 1e15):
        c = coefficients(K=K, s=0.1, a=-0.4, D=0.03, gamma=0.05, slope=0.3)
        b, h = jnp.asarray(rng.normal(size=4)), jnp.asarray(0.2)
        y, slope = implicit_stage(b, h, c)
        residual = y - b - h * rate_of_change(y, c)
        assert float(jnp.max(jnp.abs(residual))) < 1e-14 * (1.0 + 0.2 * K)
        np.testing.assert_allclose(slope, (y - b) / h, rtol=1e-9, atol=1e-12)
    jacobian = jax.jacfwd(lambda h: implicit_stage(b, h, c))(jnp.zeros(()))
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jacobian)


def test_slow_part_does_not_precess():
    """In a constant Hamiltonian the populations of its eigenstates stay what they are."""
    c = coefficients(s=0.5, a=-0.2, D=0.0, gamma=0.0)
    field = Constant(c, jnp.zeros(()))
    y0 = jnp.asarray([0.3, 0.1, -0.2, 0.1])
    y1 = evolve(field, y0, jnp.zeros(()), jnp.asarray(0.9), 1e-12)
    assert float(jnp.abs(y1[0] - y0[0])) > 0.05
    np.testing.assert_allclose(float(slow_part(y1, c)), float(slow_part(y0, c)), atol=1e-9)
