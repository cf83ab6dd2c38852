"""Freeze-out: a second solver, closed forms, every regime of the coupling, derivatives, batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax.portal import (
    FreezeOutODE,
    NeutrinoPortal,
    estimate_freeze_out,
    solve_freeze_out,
    thermal_relic_density,
    thermal_target,
)
from nujax.units import GeV

_PER_YIELD = 2891.2 / 1.05e-2  # Ω h² of a yield and 1 MeV


def _theory(mass, ratio, coupling):
    return NeutrinoPortal.from_coupling(mass, mass * ratio, coupling)


@jax.jit
@jax.vmap
def _solve_rows(mass, ratio, coupling, asymmetry):
    return solve_freeze_out(_theory(mass, ratio, coupling), asymmetry=asymmetry)


def _solve(*columns):
    """Always as many rows, so that there is one compiled function."""
    n = len(columns[0])
    padded = (np.resize(np.asarray(column), 104) for column in columns)
    return jax.tree.map(lambda leaf: leaf[:n], _solve_rows(*padded))


@jax.jit
@jax.vmap
def _by_ode(mass, ratio, coupling, asymmetry):
    return solve_freeze_out(
        _theory(mass, ratio, coupling), asymmetry=asymmetry, method=FreezeOutODE()
    )


def _logs(logs):
    """ln Ω h² and ln x_f of (ln G, ln m_χ, ln m_φ, ln η)."""
    coupling, mass, scalar, asymmetry = jnp.exp(logs)
    theory = NeutrinoPortal.from_coupling(mass, scalar, coupling)
    result = solve_freeze_out(theory, asymmetry=asymmetry)
    return jnp.stack([jnp.log(result.relic_density), jnp.log(result.x_freeze_out)])


_slopes = jax.jit(jax.jacrev(_logs))
_POINT = np.log([0.27, 1e4, 2.3e4, 5e-12])


def _columns(*rows):
    return (jnp.array(column, float) for column in zip(*rows, strict=True))


@pytest.mark.slow
def test_the_ode_agrees():
    """A solver whose errors are elsewhere: 1e-5, and 3e-5 at the joint of g*s and for large G."""
    points = list(
        _columns(
            (10.0, 3.0, 6e-3, 0.0),
            (3e3, 1.2, 0.05, 0.0),
            (1e4, 3.0, 0.25, 0.0),
            (1e4, 3.0, 0.30, 1e-11),
            (1e6, 10.0, 6.0, 0.0),
            (1e4, 3.0, 10.0, 0.0),
        )
    )
    mine, other = _solve(*points), _by_ode(*points)
    assert (other.status_code == nj.Status.ok).all()
    np.testing.assert_allclose(mine.relic_density, other.relic_density, rtol=2e-5)
    np.testing.assert_allclose(mine.antiparticles, other.antiparticles, rtol=2e-5)
    np.testing.assert_allclose(mine.x_freeze_out, other.x_freeze_out, rtol=1e-4)


def test_ten_decades_of_couplings():
    """Finite, falling, with the status that says where there is no freeze-out."""
    coupling = jnp.geomspace(1e-9, 10.0, 101)
    one = jnp.ones_like(coupling)
    result = _solve(1e4 * one, 3.0 * one, coupling, 0.0 * one)
    density, status = np.asarray(result.relic_density), np.asarray(result.status)
    assert np.isfinite(density).all()
    assert (np.diff(density) < 1e-9 * density[:-1]).all()
    ok = status == nj.Status.ok
    assert set(status[~ok]) == {nj.Status.no_freeze_out}
    assert not ok[coupling < 1e-3].any()
    assert ok[coupling > 1e-2].all()
    assert (np.asarray(result.x_freeze_out)[ok] > 4.0).all()


@pytest.mark.slow
def test_no_freeze_out_is_no_number():
    """The scalar that fits and gradients use is NaN there, and so is its derivative."""

    def density(log_coupling):
        return thermal_relic_density(_theory(1e4, 2.3, jnp.exp(log_coupling)))

    value, slope = jax.jit(lambda at: jax.jvp(density, (at,), (1.0,)))(np.log(1e-5))
    assert np.isnan(value)
    assert np.isnan(slope)


def test_asymmetric_limits():
    """Without annihilation partners η remains: Ω h² = m η s₀/(ρ_c/h²); small η changes nothing."""
    m, eta = 1e4, 3e-11
    result = _solve(*_columns((m, 3.0, 2.0, eta), (m, 3.0, 0.25, 1e-18), (m, 3.0, 0.25, 0.0)))
    assert float(result.relic_density[0]) == pytest.approx(m * eta * _PER_YIELD, rel=1e-9)
    assert 0.0 <= float(result.antiparticles[0]) < 1e-20
    much = _solve(*_columns((m, 3.0, 8.0, eta), (m, 3.0, 0.6, 30 * eta)))
    assert (much.status_code == nj.Status.ok).all()
    assert ((much.x_freeze_out > 10.0) & (much.x_freeze_out < 50.0)).all()
    assert float(result.relic_density[1]) == pytest.approx(float(result.relic_density[2]), rel=1e-7)


def test_late_annihilation_law():
    """Y_χ/Y_χ̄ = (1 + ηu)e^(ηJ)/… gives Y_χ̄ → Y(Y + η)-law: both sides of dY/dη at η = 0 agree.

    For small η, Y_χ̄ = Y₀ − η/2 + O(η²): the sum of both yields has no term linear in η.
    """
    eta = 1e-14
    result = _solve(*_columns((1e4, 3.0, 0.25, 0.0), (1e4, 3.0, 0.25, eta)))
    drop = float(result.antiparticles[0] - result.antiparticles[1])
    assert drop == pytest.approx(eta / 2, rel=2e-3)


def test_semi_analytic():
    """Kolb and Turner's estimate: 10 % for x_f > 10, and its x_f a bit before Y = 2.5 Y_eq."""
    rows = list(_columns((10.0, 3.0, 6e-3, 0.0), (1e4, 1.2, 0.1, 0.0), (1e6, 10.0, 8.0, 0.0)))
    full = _solve(*rows)
    mass, ratio, coupling, _ = rows
    estimate = jax.jit(jax.vmap(lambda m, r, g: estimate_freeze_out(_theory(m, r, g))))
    rough = estimate(mass, ratio, coupling)
    np.testing.assert_allclose(rough.relic_density, full.relic_density, rtol=0.1)
    assert ((full.x_freeze_out - rough.x_freeze_out > 0) & (rough.x_freeze_out > 10)).all()


def test_paper_target():
    """Eq. 7 of 1709.07001 at its benchmark is 0.62 pb c, not the printed 1 pb c ≈ 3e-26 cm³/s."""
    result = solve_freeze_out(_theory(10 * GeV, 3.0, 0.2))
    assert float(result.sigma_v_cm3_s) == pytest.approx(0.62 * 3e-26, rel=0.01)
    assert result.status is nj.Status.ok
    assert "Ω h²" in str(result)
    assert result.warnings() == []


@pytest.mark.slow
def test_gradients():
    """Against differences of eighth order in every parameter, to 1e-6 (promised: 1e-5)."""
    slopes = np.asarray(_slopes(_POINT))
    h, weights = 1e-3, np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
    shifts = np.concatenate([np.arange(1, 5), -np.arange(1, 5)])
    for k, name in enumerate(("coupling", "dm_mass", "scalar_mass", "asymmetry")):
        logs = _POINT + h * np.eye(4)[k] * shifts[:, None]
        coupling, mass, scalar, asymmetry = np.exp(logs).T
        result = _solve(mass, scalar / mass, coupling, asymmetry)
        for row, values, tolerance in (
            (0, result.relic_density, 1e-6),
            (1, result.x_freeze_out, 2e-6),
        ):
            difference = np.log(np.asarray(values)) @ np.concatenate([weights, -weights]) / h
            np.testing.assert_allclose(
                slopes[row, k], difference, rtol=tolerance, atol=tolerance, err_msg=name
            )


@pytest.mark.slow
def test_forward_is_reverse():
    forward = jax.jit(jax.jacfwd(_logs))(_POINT)
    np.testing.assert_allclose(forward, _slopes(_POINT), rtol=1e-9, atol=1e-12)


@jax.jit
def _root(log_mass, log_target, asymmetry):
    """ln G and its slopes in the first two, and the code of the status."""

    def log_root(log_mass, log_target):
        m = jnp.exp(log_mass)
        found = thermal_target(m, 3 * m, target=jnp.exp(log_target), asymmetry=asymmetry)
        return jnp.log(found.coupling), found.status_code

    (root, status), slopes = jax.value_and_grad(log_root, (0, 1), has_aux=True)(
        log_mass, log_target
    )
    return root, slopes, status


@pytest.mark.slow
def test_root_derivatives():
    """Those of the implicit function against differences of the root."""
    at, h = np.log([5e3, 0.12]), 1e-3
    _, slopes, status = _root(*at, 0.0)
    assert int(status) == nj.Status.ok
    for k in range(2):
        step = np.eye(2)[k] * h
        near = _root(*(at + step), 0.0)[0] - _root(*(at - step), 0.0)[0]
        far = _root(*(at + 2 * step), 0.0)[0] - _root(*(at - 2 * step), 0.0)[0]
        assert float(slopes[k]) == pytest.approx(float((8 * near - far) / (12 * h)), rel=1e-5)


@pytest.mark.slow
def test_no_root_is_told():
    """An asymmetry that alone exceeds the target: no number, nor its derivative."""
    root, slopes, status = _root(*np.log([1e4, 0.12]), 1e-10)
    assert int(status) == nj.Status.max_steps
    assert np.isnan([root, slopes[0]]).all()


def test_batch_is_the_single_points():
    """vmap, and a theory whose mass order JAX cannot check: no number for that one."""
    rows = _columns((1e2, 3.0, 0.05, 0.0), (1e4, 3.0, 0.05, 0.0), (1e4, 0.5, 0.05, 0.0))
    batch = _solve(*rows)
    single = float(solve_freeze_out(_theory(1e4, 3.0, 0.05)).relic_density)
    assert float(batch.relic_density[1]) == pytest.approx(single, rel=1e-12)
    assert list(np.asarray(batch.status)) == [
        nj.Status.ok,
        nj.Status.ok,
        nj.Status.non_finite,
    ]
    assert np.isnan(batch.relic_density[2])
    assert "batch of shape" in str(batch)


@pytest.mark.slow
def test_few_steps_are_told():
    theory = _theory(1e4, 3.0, 0.25)
    result = solve_freeze_out(theory, method=FreezeOutODE(max_steps=8))
    assert result.status is nj.Status.max_steps
    assert np.isnan(result.relic_density)


@pytest.mark.slow
def test_another_plasma():
    """The systematic of g*(T): a few per cent where freeze-out meets the QCD transition."""
    theory = _theory(3e3, 3.0, 0.13)
    usual = float(_solve(*_columns((3e3, 3.0, 0.13, 0.0))).relic_density[0])
    other = solve_freeze_out(theory, plasma=nj.Plasma.standard("borsanyi")).relic_density
    assert 1e-3 < abs(float(other / usual) - 1) < 0.1


@pytest.mark.slow
def test_a_hundred_thousand_points():
    """One vmap, all good, and the same as few of them alone."""
    n = 100_000
    generator = np.random.default_rng(3)
    mass = jnp.array(10 ** generator.uniform(1, 6, n))
    ratio = jnp.array(generator.uniform(1.1, 10, n))
    coupling = jnp.array(1.5e-3 * np.sqrt(mass) * ratio**0.8)
    density = _solve_rows(mass, ratio, coupling, jnp.zeros(n))
    assert (density.status_code == nj.Status.ok).all()
    few = _solve(mass[:5], ratio[:5], coupling[:5], jnp.zeros(5))
    np.testing.assert_allclose(density.relic_density[:5], few.relic_density, rtol=1e-12)
