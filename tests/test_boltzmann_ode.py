"""BoltzmannODE: the quadrature and known values, its status, its derivatives, its solver."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax.abundance import equilibrium_relic_density, relic_density_and_status
from nujax.units import GeV, MeV, keV

CONSTANT = nj.Plasma.constant(10.75)
# The set-up of the listed values: no back-reaction, Δ²s² kept, sharp end at 0.1 MeV.
LISTED = {"back_reaction": False, "mixing": "averaged", "T_final": 0.1}


def scalar(mass, sin2_2theta, coupling, mediator_mass):
    """ν_μ, the sources' Standard Model and a scalar with exact rates."""
    return (
        nj.SterileNeutrino(mass, sin2_2theta),
        nj.StandardModel("paper") + nj.ScalarMediator(mediator_mass, coupling),
    )


def weak(mass, sin2_2theta, convention):
    """ν_μ and the Standard Model alone."""
    return nj.SterileNeutrino(mass, sin2_2theta), nj.StandardModel(convention)


class FermiTheory(nj.AbstractInteraction):
    """The sources' Standard Model as somebody else's class with two methods."""

    def interaction_rate(self, E, T, flavour):
        return nj.StandardModel("paper").interaction_rate(E, T, flavour)

    def thermal_potential(self, E, T, flavour):
        return nj.StandardModel("paper").thermal_potential(E, T, flavour)


# --- values -----------------------------------------------------------------------------------

LIST = {
    "weak": (weak(7.1 * keV, 7e-11, "paper"), 0.00358171, 2e-6),
    "1MeV": (scalar(7.1 * keV, 7e-11, 1e-6, 1 * MeV), 0.1190683661, 1e-8),
    "100MeV": (scalar(7.1 * keV, 7e-11, 1e-5, 100 * MeV), 0.1195429, 1e-6),
    "1GeV": (scalar(7.1 * keV, 7e-11, 1e-4, 1 * GeV), 0.2869586, 1e-6),
    # The last two cross Δ cos 2θ = V_T, with half-widths of 1e-3 in ln T.
    "1GeV-strong": (scalar(7.1 * keV, 7e-11, 0.1, 1 * GeV), 0.05812487, 1e-6),
    "10GeV": (scalar(7.1 * keV, 7e-11, 1.0, 10 * GeV), 0.5678795, 1e-6),
}


@pytest.mark.parametrize("name", LIST)
def test_values_of_an_independent_implementation(name):
    (sterile, interaction), expected, tolerance = LIST[name]
    method = nj.BoltzmannODE(**LISTED)
    result = nj.solve_production(sterile, interaction, plasma=CONSTANT, method=method)
    assert result.status is nj.Status.ok
    assert float(result.error_estimate) < 1e-6
    np.testing.assert_allclose(float(result.relic_density), expected, rtol=tolerance)


@pytest.mark.parametrize(
    "theory",
    [weak(7.1 * keV, 1e-7, "paper"), *(LIST[name][0] for name in ("1MeV", "1GeV"))],
    ids=["weak-large-mixing", "1MeV", "1GeV"],
)
def test_agrees_with_the_quadrature(theory):
    ode = nj.solve_production(*theory, plasma=CONSTANT, method=nj.BoltzmannODE())
    quadrature = nj.solve_production(*theory, plasma=CONSTANT, method=nj.BoltzmannQuadrature())
    assert ode.status is nj.Status.ok
    for field in ("relic_density", "mean_momentum", "comoving_yield"):
        expected = float(getattr(quadrature, field))
        np.testing.assert_allclose(float(getattr(ode, field)), expected, rtol=2e-7)
    assert float(ode.T_initial) == float(quadrature.T_initial)
    assert float(ode.T_final) == float(quadrature.T_final)
    x = jnp.asarray([0.03, 0.1, 1.0, 3.0, 10.0, 30.0])
    np.testing.assert_allclose(ode.distribution(x), quadrature.distribution(x), rtol=2e-6)


@pytest.mark.slow
def test_precise_inputs_with_back_reaction():
    """g*(T): momenta slide against T, and what f_s tends to moves. Ω h² ≈ 0.12."""
    theory = weak(7.1 * keV, 1.939e-9, "exact")
    ode = nj.solve_production(*theory, method=nj.BoltzmannODE())
    quadrature = nj.solve_production(*theory)
    assert ode.status is nj.Status.ok
    assert float(ode.error_estimate) < 1e-6
    for field in ("relic_density", "mean_momentum"):
        expected = float(getattr(quadrature, field))
        np.testing.assert_allclose(float(getattr(ode, field)), expected, rtol=3e-5)
    # Momenta that both have: the tabulated rates have kinks at p/T = 0.25 and 12.5, across which
    # interpolation in x is good to 5e-4 only.
    x = jnp.exp(jnp.asarray([-4.0, -2.0, 0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(ode.distribution(x), quadrature.distribution(x), rtol=1e-5)


@pytest.mark.slow
def test_sharp_limits_inside_the_production():
    theory = weak(7.1 * keV, 7e-11, "paper")
    limits = {"T_initial": 300 * MeV, "T_final": 50 * MeV}

    def log_density(log_limits, method):
        method = method(T_initial=jnp.exp(log_limits[0]), T_final=jnp.exp(log_limits[1]))
        return jnp.log(nj.relic_density(*theory, plasma=CONSTANT, method=method))

    at = jnp.log(jnp.asarray(list(limits.values())))
    ode, d_ode = jax.value_and_grad(log_density)(at, nj.BoltzmannODE)
    quadrature, d_quadrature = jax.value_and_grad(log_density)(at, nj.BoltzmannQuadrature)
    np.testing.assert_allclose(float(ode), float(quadrature), atol=1e-6)
    np.testing.assert_allclose(d_ode, d_quadrature, atol=1e-5)
    assert float(d_ode[0]) > 0 > float(d_ode[1])


@pytest.mark.slow
def test_a_new_interaction_needs_nothing_but_its_two_methods():
    sterile, interaction = weak(7.1 * keV, 7e-11, "paper")
    method = nj.BoltzmannODE()
    own = nj.relic_density(sterile, FermiTheory(), plasma=CONSTANT, method=method)
    built_in = nj.relic_density(sterile, interaction, plasma=CONSTANT, method=method)
    np.testing.assert_allclose(float(own), float(built_in), rtol=1e-12)


@pytest.mark.slow
def test_near_equilibrium():
    """sin²2θ = 1e-3 brings ν_s into equilibrium, f_s = f_a: a stiff equation."""
    theory = weak(7.1 * keV, 1e-3, "paper")
    expected = float(equilibrium_relic_density(7.1 * keV, CONSTANT))
    for solver in (None, diffrax.Kvaerno5()):
        method = nj.BoltzmannODE(solver)
        result = nj.solve_production(*theory, plasma=CONSTANT, method=method)
        assert result.status is nj.Status.ok
        np.testing.assert_allclose(float(result.relic_density), expected, rtol=1e-8)


# --- derivatives ------------------------------------------------------------------------------


def log_density(log_parameters, method, plasma, build):
    """ln Ω h² against the logarithms of the arguments of `build`."""
    return jnp.log(nj.relic_density(*build(*jnp.exp(log_parameters)), plasma=plasma, method=method))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["1MeV", "1GeV"])
def test_derivatives_agree_with_the_quadrature(name):
    sterile, interaction = LIST[name][0]
    mediator = interaction.terms[1]
    at = jnp.log(jnp.stack([sterile.mass, sterile.sin2_2theta, mediator.coupling, mediator.mass]))
    slopes = [
        jax.grad(log_density)(at, method, CONSTANT, scalar)
        for method in (nj.BoltzmannODE(), nj.BoltzmannQuadrature())
    ]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=3e-7)


@pytest.mark.slow
def test_derivatives_with_precise_inputs():
    at = jnp.log(jnp.asarray([7.1 * keV, 1.939e-9]))

    def build(mass, sin2_2theta):
        return weak(mass, sin2_2theta, "exact")

    slopes = [
        jax.grad(log_density)(at, method, nj.Plasma.standard(), build)
        for method in (nj.BoltzmannODE(), nj.BoltzmannQuadrature())
    ]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=3e-6)


@pytest.mark.slow
def test_the_adjoint_is_the_users_choice():
    at, build = jnp.log(jnp.asarray([7.1 * keV, 7e-11])), lambda m, s: weak(m, s, "paper")
    reverse = jax.grad(log_density)(at, nj.BoltzmannODE(), CONSTANT, build)
    forward_mode = nj.BoltzmannODE(adjoint=diffrax.ForwardMode())
    forward = jax.jacfwd(log_density)(at, forward_mode, CONSTANT, build)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9)
    np.testing.assert_allclose(reverse, [2.0, 1.0], atol=3e-5)


@pytest.mark.slow
def test_batches_equal_single_points():
    method = nj.BoltzmannODE()
    couplings = jnp.asarray([1e-7, 1e-6, 3e-6])

    def density(coupling):
        theory = scalar(7.1 * keV, 7e-11, coupling, 1 * MeV)
        return nj.relic_density(*theory, plasma=CONSTANT, method=method)

    single = [float(density(coupling)) for coupling in couplings]
    np.testing.assert_allclose(jax.vmap(density)(couplings), single, rtol=1e-7)


# --- status -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_truncated_solve_says_so():
    """Its derivative exists and is wrong: only the status tells, so the status must."""
    theory = weak(7.1 * keV, 7e-11, "paper")
    method = nj.BoltzmannODE(max_steps=20)
    result = nj.solve_production(*theory, plasma=CONSTANT, method=method)
    assert result.status is nj.Status.max_steps
    density, code = relic_density_and_status(*theory, plasma=CONSTANT, method=method)
    assert nj.Status(int(code)) is nj.Status.max_steps
    assert abs(float(density) / 0.00358171 - 1.0) > 1e-3

    def of_mass(mass):
        sterile = nj.SterileNeutrino(mass, 7e-11)
        return relic_density_and_status(sterile, theory[1], plasma=CONSTANT, method=method)

    _, code = jax.value_and_grad(of_mass, has_aux=True)(7.1 * keV)[0]
    assert nj.Status(int(code)) is nj.Status.max_steps


@pytest.mark.slow
def test_narrow_resonances_are_resolved_or_flagged():
    """Half-width 4e-6 in ln T: the value is right, derivatives need a smaller tolerance."""
    theory = scalar(7.1 * keV, 7e-11, 1e-2, 1 * keV)
    loose = nj.solve_production(*theory, plasma=CONSTANT, method=nj.BoltzmannODE(**LISTED))
    assert loose.status is nj.Status.under_resolved
    method = nj.BoltzmannODE(rtol=1e-8, **LISTED)
    tight = nj.solve_production(*theory, plasma=CONSTANT, method=method)
    assert tight.status is nj.Status.ok
    np.testing.assert_allclose(float(loose.relic_density), float(tight.relic_density), rtol=1e-6)


def test_a_fold_in_momentum_is_flagged():
    """f_s ∝ |x − x_c|^(−1/2) between two momenta: no step in time resolves that."""
    theory = scalar(7.1 * keV, 7e-11, 1e-4, 10 * MeV)
    result = nj.solve_production(*theory, plasma=CONSTANT, method=nj.BoltzmannODE(**LISTED))
    assert result.status is nj.Status.under_resolved
    assert 1e-4 < float(result.error_estimate) < 0.1


def test_not_a_number_is_flagged():
    class Broken(nj.AbstractInteraction):
        def interaction_rate(self, E, T, flavour):
            return E * jnp.nan

        def thermal_potential(self, E, T, flavour):
            return -E

    sterile = nj.SterileNeutrino(7.1 * keV, 7e-11)
    method = nj.BoltzmannODE(max_steps=64)
    result = nj.solve_production(sterile, Broken(), plasma=CONSTANT, method=method)
    assert result.status is not nj.Status.ok


# --- options ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_history_integrates_to_the_spectrum():
    theory = LIST["1MeV"][0]
    method = nj.BoltzmannODE(keep_history=True)
    result = nj.solve_production(*theory, plasma=CONSTANT, method=method)
    assert result.history is not None
    T, rate = result.history.T, result.history.rate
    assert rate.shape == (len(T), len(result.x))
    np.testing.assert_allclose([T[0], T[-1]], [1e4, 1 / 60], rtol=1e-12)
    integral = np.trapezoid(rate, -np.log(T), axis=0)
    below = np.asarray(result.x) < 30.0
    np.testing.assert_allclose(integral[below], result.f[below], rtol=1e-6)
    assert nj.solve_production(*theory, plasma=CONSTANT, method=nj.BoltzmannODE()).history is None


@pytest.mark.slow
def test_the_solver_is_the_users_choice():
    theory = weak(7.1 * keV, 7e-11, "paper")
    solver = diffrax.Tsit5()
    assert nj.BoltzmannODE(solver).solver is solver
    density = {
        name: float(nj.relic_density(*theory, plasma=CONSTANT, method=nj.BoltzmannODE(solver)))
        for name, solver in (("default", None), ("Tsit5", solver), ("Kvaerno5", diffrax.Kvaerno5()))
    }
    assert len(set(density.values())) == 3  # not one of them in disguise
    np.testing.assert_allclose(list(density.values()), density["default"], rtol=3e-6)
    with pytest.raises(RuntimeError, match="error estimates"):  # by diffrax: no adaptive steps
        nj.relic_density(*theory, plasma=CONSTANT, method=nj.BoltzmannODE(diffrax.Euler()))


@pytest.mark.slow
def test_the_tolerance_controls_the_error():
    theory = weak(7.1 * keV, 7e-11, "paper")
    reference = float(
        nj.relic_density(*theory, plasma=CONSTANT, method=nj.BoltzmannODE(rtol=1e-10))
    )
    errors = []
    for rtol in (1e-3, 1e-5):
        method = nj.BoltzmannODE(diffrax.Dopri5(), rtol=rtol, max_step=1.0)
        density = float(nj.relic_density(*theory, plasma=CONSTANT, method=method))
        errors.append(abs(density / reference - 1.0))
    assert errors[1] < 1e-5 < errors[0] < 1e-2


@pytest.mark.slow
def test_single_precision():
    with jax.enable_x64(False):
        sterile, interaction = scalar(7.1 * keV, 7e-11, 1e-6, 1 * MeV)
        method = nj.BoltzmannODE()
        plasma = nj.Plasma.constant(10.75)

        def of_coupling(coupling):
            interaction = scalar(7.1 * keV, 7e-11, coupling, 1 * MeV)[1]
            return nj.relic_density(sterile, interaction, plasma=plasma, method=method)

        density, slope = jax.value_and_grad(of_coupling)(1e-6)
        result = nj.solve_production(sterile, interaction, plasma=plasma, method=method)
    assert density.dtype == result.f.dtype == jnp.float32
    assert result.status is nj.Status.ok
    np.testing.assert_allclose(float(density), 0.11973986627, rtol=2e-5)
    np.testing.assert_allclose(float(slope) * 1e-6 / float(density), 1.9385157, rtol=1e-4)


@pytest.mark.parametrize(
    "arguments",
    [{"rtol": 0.0}, {"atol": -1.0}, {"max_steps": 0}, {"max_step": -0.1}, {"mixing": "none"},
     {"T_final": 0.0}],
)  # fmt: skip
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=f"Argument `{next(iter(arguments))}`"):
        nj.BoltzmannODE(**arguments)


def test_it_is_a_pytree_that_compiles_once():
    """Two equal methods are one compilation: nothing in them defeats the cache of jit."""
    count = 0

    @eqx.filter_jit
    def trace(method):
        nonlocal count
        count += 1
        return method.rtol

    trace(nj.BoltzmannODE())
    trace(nj.BoltzmannODE())
    assert count == 1
