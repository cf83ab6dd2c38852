"""QuantumKinetic: the quadrature, Landau and Zener, eV masses, derivatives, and what it refuses."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pytest
from scipy.integrate import solve_ivp

import nujax as nj
from nujax.abundance import relic_density_and_status
from nujax.production._along import momenta_of, track_of
from nujax.production._bloch import quasi_static, rate_of_change
from nujax.production._boltzmann import lattice_of
from nujax.production._kinetic_field import TheoryField
from nujax.statistics import fermi_dirac
from nujax.units import GeV, MeV, eV, keV

CONSTANT = nj.Plasma.constant(10.75)
PAPER = nj.StandardModel("paper")
EV = {"T_initial": 40 * MeV, "T_final": 1 * MeV}
LONG = {"T_initial": 10 * GeV, "T_final": 0.1 * MeV}


class Level(nj.AbstractInteraction):
    """V = Δ at T = 100 MeV for 7.1 keV, at every momentum: one crossing; Γ = `rate` · Δ there."""

    rate: jax.Array

    def __init__(self, rate):
        self.rate = jnp.asarray(rate, float)

    def interaction_rate(self, E, T, flavour):
        return self.rate * (7.1 * keV) ** 2 / (2.0 * E)

    def thermal_potential(self, E, T, flavour):
        return (T / (100 * MeV)) ** 6 * (7.1 * keV) ** 2 / (2.0 * E)


def level(sin2_2theta, rate, keep_history=True, **options):
    """Result and resonances of `Level`, from 150 to 70 MeV."""
    nu = nj.SterileNeutrino(7.1 * keV, sin2_2theta)
    options |= {"keep_history": keep_history, "T_initial": 150 * MeV, "T_final": 70 * MeV}
    method = nj.QuantumKinetic(**options)
    forces = Level(rate)
    result = nj.solve_production(nu, forces, plasma=CONSTANT, method=method)
    return result, nj.find_resonances(nu, forces, plasma=CONSTANT, method=method)


def scalar(mass, sin2_2theta, coupling, mediator_mass):
    """ν_μ, the sources' Standard Model and a scalar with exact rates."""
    return nj.SterileNeutrino(mass, sin2_2theta), PAPER + nj.ScalarMediator(mediator_mass, coupling)


# --- values -----------------------------------------------------------------------------------


def test_agrees_with_the_quadrature_for_keV_masses():
    """Dodelson–Widrow production is quasi-static: 1e-5 in Ω h², ⟨x⟩ and the spectrum."""
    nu = nj.SterileNeutrino(7.1 * keV, 7e-11, "e")
    kinetic, quadrature = (
        nj.solve_production(nu, PAPER, plasma=CONSTANT, method=method(**LONG))
        for method in (nj.QuantumKinetic, nj.BoltzmannQuadrature)
    )
    assert kinetic.status is nj.Status.ok
    for field in ("relic_density", "mean_momentum", "comoving_yield"):
        expected = float(getattr(quadrature, field))
        np.testing.assert_allclose(float(getattr(kinetic, field)), expected, rtol=1e-5)
    x = jnp.asarray([0.1, 1.0, 3.0, 10.0])
    np.testing.assert_allclose(kinetic.distribution(x), quadrature.distribution(x), rtol=1e-5)
    np.testing.assert_allclose(kinetic.f_active, fermi_dirac(kinetic.x), rtol=1e-9)
    assert kinetic.regime.name == "DW"


def test_effective_neutrinos_of_eV_masses():
    """ΔN_eff = 0.123 and 0.732 of an independent solution, for 1 eV, from 40 to 1 MeV."""
    for sin2_2theta, expected in ((1e-3, 0.123), (1e-2, 0.732)):
        nu = nj.SterileNeutrino(1 * eV, sin2_2theta, "e")
        result = nj.solve_production(nu, PAPER, plasma=CONSTANT, method=nj.QuantumKinetic(**EV))
        assert result.status is nj.Status.ok
        assert abs(float(result.delta_n_eff) - expected) < 6e-4  # as far as it is printed
        # What ν_s gains is not missing in ν_a: collisions refill it, but for the last bit.
        assert bool(jnp.all(result.f_active <= fermi_dirac(result.x) * (1 + 1e-9)))


def test_landau_zener_at_every_momentum():
    """Without collisions 1 − e^(−adiabaticity), to 1e-3 of it, from 1e-2 to 10."""
    result, found = level(1e-11, 0.0)
    assert result.status is nj.Status.ok
    exponent = np.asarray(found.adiabaticity[:, 0])
    compared = (exponent > 1e-2) & (exponent < 10.0)
    assert compared.sum() > 15
    assert np.all(np.asarray(found.valid)[:, 0])
    assert not np.any(np.asarray(found.valid)[:, 1:])
    np.testing.assert_allclose(found.T[:, 0], 100.0, rtol=1e-9)
    share = np.asarray(result.f / fermi_dirac(result.x))
    np.testing.assert_allclose(share[compared], -np.expm1(-exponent[compared]), rtol=1e-3)
    # Trace and positivity of the density matrix wherever it was kept. The tolerance is that of
    # interpolation between steps, across precession that they average.
    history = result.history
    fermi = np.asarray(fermi_dirac(result.x))[None, :]
    trace = (history.f_s + history.f_active) / fermi
    np.testing.assert_allclose(trace, np.ones_like(trace) * np.asarray(trace)[:1], rtol=1e-9)
    size = (history.coherence_real**2 + history.coherence_imaginary**2) / fermi**2
    assert float(jnp.min(history.f_s / fermi)) > -1e-3
    assert float(jnp.min(history.f_s * history.f_active / fermi**2 - size)) > -1e-3


def test_collisions_against_coherence():
    """From Γ/2Δs = 1e-2 to 1e2: the quasi-static equation is right throughout, "averaged" is not.

    A crossing that converts little: both give the integral over a Lorentzian, "averaged" with
    Δ²s² in its width.
    """
    s2, limits = 1e-11, {"T_initial": 150 * MeV, "T_final": 70 * MeV}
    nu = nj.SterileNeutrino(7.1 * keV, s2)
    for damping in (1e-2, 1.0, 1e2):
        rate = 2.0 * damping * np.sqrt(s2)
        result, found = level(s2, rate)
        assert result.status is nj.Status.ok
        row = int(np.argmin(np.abs(np.asarray(found.adiabaticity[:, 0]) - 0.02)))
        np.testing.assert_allclose(float(found.damping[row, 0]), damping, rtol=1e-6)
        x = result.x[row]
        kinetic = float(result.f[row] / fermi_dirac(x))
        # The crossing is 1e-6 to 1e-4 wide, and the rest of the way adds K γ s²/4a².
        expected = _boltzmann_integral(nu, Level(rate), float(x), 0.0, limits)
        averaged = _boltzmann_integral(nu, Level(rate), float(x), s2, limits)
        np.testing.assert_allclose(kinetic, -np.expm1(-expected), rtol=5e-4)
        ratio = damping / np.sqrt(1.0 + damping**2)
        np.testing.assert_allclose(averaged / expected, ratio, rtol=2e-2)


def _boltzmann_integral(nu, forces, x, extra, limits):
    """∫(Γ/4H) sin²2θ_eff dN of one momentum, on a mesh that is uniform in arcsinh of a."""
    s2, a_max = float(nu.sin2_2theta), (150.0 / 100.0) ** 6 - 1.0
    width = np.sqrt(0.25 * float(forces.rate) ** 2 + extra)
    total = 0.0
    for sign, end in ((1.0, a_max), (-1.0, 1.0 - 0.7**6)):
        u = np.linspace(0.0, np.arcsinh(end / width), 20001)
        v = sign * width * np.sinh(u)  # V/Δ − 1 ≈ −a
        T = 100.0 * (1.0 + v) ** (1.0 / 6.0)
        K = (7.1e-3) ** 2 / (2.0 * x * T) / np.asarray(CONSTANT.hubble_rate(T))
        dlnT = width * np.cosh(u) / (6.0 * (1.0 + v))
        rate = K * float(forces.rate) * s2 / 4.0 / (width**2 + v**2)
        total += np.trapezoid(rate * dlnT, u)
    return total


def test_one_momentum_against_radau():
    """The same equations by SciPy's Radau at rtol 1e-9: eV masses, inverted ordering, 1e-5."""
    nu = nj.SterileNeutrino(1 * eV, 1e-3, "e")
    limits = (jnp.asarray(40.0), jnp.asarray(1.0))
    lattice = lattice_of(CONSTANT)
    track = track_of(nu, PAPER, CONSTANT, limits, lattice)
    momenta = momenta_of(track, limits[0], lattice, slice(None, None, 2))
    field, row = TheoryField(track), 38
    at = momenta._replace(q=momenta.q[row])

    @jax.jit
    def slope(t, y):
        return rate_of_change(y, field.coefficients(t, at))

    jacobian = jax.jit(jax.jacfwd(slope, argnums=1))
    start, stop = -np.log(40.0), 0.0
    y0 = quasi_static(jnp.zeros(()), field.coefficients(jnp.asarray(start), at))
    oracle = solve_ivp(
        lambda t, y: np.asarray(slope(t, y)), (start, stop), np.asarray(y0), method="Radau",
        jac=lambda t, y: np.asarray(jacobian(t, y)), rtol=1e-9, atol=1e-13,
    )  # fmt: skip
    result = nj.solve_production(nu, PAPER, plasma=CONSTANT, method=nj.QuantumKinetic(**EV))
    np.testing.assert_allclose(result.x[row], at.q, rtol=1e-12)
    share = float(result.f[row] / fermi_dirac(at.q))
    np.testing.assert_allclose(share, oracle.y[0, -1], rtol=1e-5)


class Nothing(nj.AbstractInteraction):
    """No force at all."""

    def interaction_rate(self, E, T, flavour):
        return jnp.zeros_like(E)

    def thermal_potential(self, E, T, flavour):
        return jnp.zeros_like(E)


@pytest.mark.slow
def test_vacuum_oscillations():
    """P = sin²2θ sin²(φ/2), φ = ∫(Δ/H) dN = (Δ/3H) from T_initial to T_final, to 1e-8."""
    nu = nj.SterileNeutrino(1e-3 * eV, 0.3)
    limits = {"T_initial": 60 * MeV, "T_final": 20 * MeV}
    method = nj.QuantumKinetic(rtol=1e-11, start="active", max_steps=1 << 15, **limits)
    result = nj.solve_production(nu, Nothing(), plasma=CONSTANT, method=method)
    assert result.status is nj.Status.ok

    def angle(T):
        return nu.vacuum_frequency(result.x * T) / CONSTANT.hubble_rate(T) / 3.0

    phase = angle(20.0) - angle(60.0)
    assert float(jnp.max(phase)) > 100.0
    share = result.f / fermi_dirac(result.x)
    np.testing.assert_allclose(share, 0.3 * np.sin(phase / 2) ** 2, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("mesh", [None, 12])
@pytest.mark.parametrize(
    ("theory", "tolerance"),
    [
        (scalar(7.1 * keV, 7e-11, 1e-6, 1 * MeV), 1e-5),
        (scalar(7.1 * keV, 7e-11, 1e-4, 1 * GeV), 1e-5),
        # Resonances with Γ/2 ≥ Δs: half-widths of 1e-3 and 6e-5 in ln T.
        (scalar(7.1 * keV, 7e-11, 0.1, 1 * GeV), 1e-4),
        (scalar(1.5 * keV, 1e-12, 1e-3, 50 * MeV), 1e-4),
    ],
)
def test_agrees_with_the_quadrature_with_a_mediator(theory, tolerance, mesh):
    """Adaptive steps and the mesh, smooth and resonant."""
    kinetic = nj.solve_production(*theory, plasma=CONSTANT, method=nj.QuantumKinetic(mesh=mesh))
    expected = float(nj.relic_density(*theory, plasma=CONSTANT))
    assert kinetic.status is nj.Status.ok
    assert float(kinetic.error_estimate) < 1e-3
    np.testing.assert_allclose(float(kinetic.relic_density), expected, rtol=tolerance)


@pytest.mark.slow
def test_agrees_with_the_quadrature_with_precise_inputs():
    """g*(T): momenta slide, f_eq changes along them, and ν_a follows. Ω h² ≈ 0.12."""
    theory = nj.SterileNeutrino(7.1 * keV, 1.939e-9), nj.StandardModel()
    kinetic = nj.solve_production(*theory, method=nj.QuantumKinetic())
    assert kinetic.status is nj.Status.ok
    expected = float(nj.relic_density(*theory))
    np.testing.assert_allclose(float(kinetic.relic_density), expected, rtol=3e-5)


@pytest.mark.slow
def test_inverted_ordering():
    """ΔN_eff = 0.997 of an independent solution for 1 eV, s² = 1e-4: one resonance, converged."""
    nu = nj.SterileNeutrino(1 * eV, 1e-4, "e", ordering="inverted")
    base = nj.solve_production(nu, PAPER, plasma=CONSTANT, method=nj.QuantumKinetic(**EV))
    assert base.status is nj.Status.ok
    assert abs(float(base.delta_n_eff) - 0.997) < 6e-4
    for finer in ({"rtol": 1e-8}, {"momenta": 8}, {"mesh": 16}):
        other = nj.QuantumKinetic(**EV, **finer)
        value = nj.solve_production(nu, PAPER, plasma=CONSTANT, method=other).delta_n_eff
        np.testing.assert_allclose(float(value), float(base.delta_n_eff), rtol=1e-4)
    found = nj.find_resonances(nu, PAPER, plasma=CONSTANT, method=nj.QuantumKinetic(**EV))
    assert found.recommendation == "quasi-static"  # Γ/2Δs = 0.46, and Γ/H > 1


@pytest.mark.slow
@pytest.mark.parametrize("ordering", ["normal", "inverted"])
def test_all_mixings_of_eV_masses(ordering):
    """sin²2θ from 1e-6 to 0.5 from 60 to 1 MeV: ok, rising with the mixing, never above one.

    Where oscillation experiments hint at ν_s, Δm² ~ 1 eV² and sin²2θ ~ 0.1, it thermalises
    completely without asymmetry, as 1204.5861 and 1905.11290 find.
    """
    mixings = jnp.asarray([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.089, 0.3, 0.5])
    method = nj.QuantumKinetic(T_initial=60 * MeV, T_final=1 * MeV)

    @eqx.filter_jit
    @eqx.filter_vmap
    def point(s2):
        nu = nj.SterileNeutrino(np.sqrt(0.93) * eV, s2, "e", ordering)
        result = nj.solve_production(nu, nj.StandardModel(), method=method)
        return result.delta_n_eff, result.status_code, result.f, result.x

    excess, codes, f, x = point(mixings)
    assert np.all(np.asarray(codes) == nj.Status.ok)
    assert np.all(np.diff(excess) > -1e-4)
    assert np.all((np.asarray(excess) > 0.0) & (np.asarray(excess) < 1.001))
    # (ν_s does not share what the annihilation of e± has given to T by 1 MeV, 2 % of its energy.)
    plasma = nj.Plasma.standard()
    complete = float((plasma.entropy_degrees(1.0) / plasma.entropy_degrees(10.0)) ** (4 / 3))
    assert abs(float(excess[5]) / complete - 1.0) < 5e-3
    assert np.all((np.asarray(f) >= 0.0) & (np.asarray(f) < np.asarray(fermi_dirac(x)) * 1.01))


@pytest.mark.long
def test_realistic_rates_are_converged():
    """C_α(T, y), massive leptons and g*(T): 1e-3 in momenta and tolerance."""
    for sin2_2theta, ordering in ((1e-3, "normal"), (1e-2, "normal"), (1e-4, "inverted")):
        nu = nj.SterileNeutrino(1 * eV, sin2_2theta, "e", ordering)
        values = [
            float(nj.solve_production(nu, nj.StandardModel(), method=method).delta_n_eff)
            for method in (
                nj.QuantumKinetic(**EV),
                nj.QuantumKinetic(**EV, momenta=8),
                nj.QuantumKinetic(**EV, rtol=1e-8),
            )
        ]
        np.testing.assert_allclose(values[1:], values[0], rtol=1e-3)


# --- derivatives ------------------------------------------------------------------------------


def log_density(log_parameters, method):
    """ln Ω h² against ln(m₄, s², m, λ, T_initial, T_final)."""
    mass, s2, mediator_mass, coupling, high, low = jnp.exp(log_parameters)
    theory = nj.SterileNeutrino(mass, s2), PAPER + nj.ScalarMediator(mediator_mass, coupling)
    method = eqx.tree_at(lambda m: (m.T_initial, m.T_final), method, (high, low))
    return jnp.log(nj.relic_density(*theory, plasma=CONSTANT, method=method))


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        (7.1 * keV, 7e-11, 1 * MeV, 1e-6, 1 * GeV, 0.02 * MeV),
        (7.1 * keV, 7e-11, 1 * GeV, 0.1, 300 * MeV, 50 * MeV),  # resonant, limits inside
        (1.5 * keV, 1e-12, 50 * MeV, 1e-3, 1 * GeV, 0.5 * MeV),
    ],
)
def test_derivatives(point):
    """Forward = reverse, and both the quadrature's, per parameter and limit, to 1e-4."""
    at = jnp.log(jnp.asarray(point))
    limits = {"T_initial": 1.0, "T_final": 0.1}
    method = nj.QuantumKinetic(rtol=1e-7, **limits)
    reverse = jax.jit(jax.grad(log_density))(at, method)
    forward = jax.jit(jax.jacfwd(log_density))(at, method)
    np.testing.assert_allclose(forward, reverse, rtol=1e-10, atol=1e-12)
    expected = jax.grad(log_density)(at, nj.BoltzmannQuadrature(**limits))
    np.testing.assert_allclose(reverse, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.long
def test_other_solvers_and_adjoints_pass_through():
    """diffrax's own Kvaerno5 and adjoints: the same value, and the replayed derivative."""

    def log_number(log_s2, **options):
        nu = nj.SterileNeutrino(7.1 * keV, jnp.exp(log_s2), "e")
        method = nj.QuantumKinetic(**LONG, **options)
        return jnp.log(nj.relic_density(nu, PAPER, plasma=CONSTANT, method=method))

    at = jnp.log(7e-11)
    value, slope = jax.value_and_grad(log_number)(at)
    adjoint = diffrax.RecursiveCheckpointAdjoint()
    np.testing.assert_allclose(jax.grad(log_number)(at, adjoint=adjoint), slope, rtol=1e-9)
    forward = jax.jacfwd(lambda p: log_number(p, adjoint=diffrax.ForwardMode()))(at)
    np.testing.assert_allclose(forward, slope, rtol=1e-9)

    def with_solver(solver):
        nu = nj.SterileNeutrino(7.1 * keV, 7e-11, "e")
        method = nj.QuantumKinetic(solver, **LONG)
        return relic_density_and_status(nu, PAPER, plasma=CONSTANT, method=method)

    # The equations are linear: one Newton step is exact, whatever its size.
    one_step = optimistix.Newton(rtol=1e-3, atol=1e30)
    density, status = with_solver(diffrax.Kvaerno5(root_finder=one_step))
    np.testing.assert_allclose(np.log(density), value, atol=1e-5)
    assert int(status) == nj.Status.ok
    # What diffrax would choose does not converge.
    _, status = with_solver(diffrax.Kvaerno5())
    assert int(status) != nj.Status.ok


@pytest.mark.slow
def test_batches_and_traces():
    """`eqx.filter_vmap` over theories gives the single results, and a second call no trace."""
    s2 = jnp.asarray([1e-11, 7e-11])

    @eqx.filter_jit
    def many(s2):
        return eqx.filter_vmap(
            lambda s: nj.relic_density(
                nj.SterileNeutrino(7.1 * keV, s, "e"), PAPER, plasma=CONSTANT,
                method=nj.QuantumKinetic(**LONG),
            )
        )(s2)  # fmt: skip

    single = [
        float(nj.relic_density(nj.SterileNeutrino(7.1 * keV, float(s), "e"), PAPER,
                               plasma=CONSTANT, method=nj.QuantumKinetic(**LONG)))
        for s in s2
    ]  # fmt: skip
    np.testing.assert_allclose(many(s2), single, rtol=1e-9)


# --- a hidden force ---------------------------------------------------------------------------


@pytest.mark.slow
def test_hidden_force():
    """A bath of ν_s with a strong force keeps ν_a from converting; a weak one changes nothing."""
    nu = nj.SterileNeutrino(1 * eV, 1e-2, "e")

    def excess(coupling, ratio=0.3):
        hidden = nj.HiddenForce(nj.VectorMediator(10 * MeV, coupling), ratio)
        method = nj.QuantumKinetic(hidden=hidden, **EV)
        result = nj.solve_production(nu, PAPER, plasma=CONSTANT, method=method)
        assert result.status is nj.Status.ok
        return float(result.delta_n_eff)

    plain = nj.solve_production(nu, PAPER, plasma=CONSTANT, method=nj.QuantumKinetic(**EV))
    # The bath of temperature ξT has ξ⁴ of a neutrino's energy; it fills what it fills.
    weak = excess(1e-9, ratio=0.1)
    np.testing.assert_allclose(weak, float(plain.delta_n_eff), atol=2e-3)
    assert excess(0.3) < 0.1 * float(plain.delta_n_eff)
    slope = jax.grad(
        lambda ratio: nj.solve_production(
            nu, PAPER, plasma=CONSTANT,
            method=nj.QuantumKinetic(
                hidden=nj.HiddenForce(nj.VectorMediator(10 * MeV, 1e-3), ratio), **EV
            ),
        ).delta_n_eff
    )(0.3)  # fmt: skip
    step = 1e-3
    difference = (excess(1e-3, 0.3 + step) - excess(1e-3, 0.3 - step)) / (2 * step)
    np.testing.assert_allclose(float(slope), difference, rtol=1e-3)


# --- status and refusals ----------------------------------------------------------------------


@pytest.mark.slow
def test_what_cannot_be_resolved_is_told():
    """Too few steps, and a mesh too coarse for its resonance."""
    result, _ = level(1e-11, 0.0, max_steps=40)
    assert result.status is nj.Status.max_steps

    def density(s2):
        nu = nj.SterileNeutrino(7.1 * keV, s2, "e")
        method = nj.QuantumKinetic(max_steps=20, **LONG)
        return nj.relic_density(nu, PAPER, plasma=CONSTANT, method=method)

    assert np.isnan(jax.grad(density)(7e-11))  # no derivative of a truncated solve


@pytest.mark.slow
def test_a_coarse_mesh_is_told():
    """Precession about a coherent crossing wants many nodes: few of them are told, many serve."""
    result, _ = level(1e-11, 0.0, mesh=2)
    assert result.status is nj.Status.under_resolved
    assert float(result.error_estimate) > 1e-3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"rtol": 0.0}, "Argument `rtol` must be positive, but is 0.0."),
        ({"rtol": 1e-14}, "Argument `rtol` must be at least 1e-12"),
        ({"momenta": 5}, "Argument `momenta` must be one of"),
        ({"start": "warm"}, 'Argument `start` must be one of "quasi-static", "active"'),
        ({"mesh": 0}, "Argument `mesh` must be positive, but is 0."),
    ],
)
def test_bad_arguments(arguments, sentence):
    """Refused at the edge, in words."""
    with pytest.raises(ValueError, match="Argument") as caught:
        nj.QuantumKinetic(**arguments)
    assert sentence in str(caught.value)


def test_single_precision_is_refused():
    """With the line to paste."""
    with jax.enable_x64(False), pytest.raises(ValueError, match="jax_enable_x64"):
        nj.QuantumKinetic()


def test_explicit_solvers_are_refused_for_keV_masses():
    """Δ/H is 1e15: no explicit solver can follow, and the error says what to do."""
    theory = nj.SterileNeutrino(7.1 * keV, 7e-11), PAPER
    method = nj.QuantumKinetic(diffrax.Tsit5())
    with pytest.raises(ValueError, match="Argument `solver` must be implicit"):
        relic_density_and_status(*theory, plasma=CONSTANT, method=method)


def test_recommendation():
    """Collisional, coherent, large mixing: three words, with their reasons."""
    limits = {"method": nj.QuantumKinetic(T_initial=150 * MeV, T_final=70 * MeV)}

    def word(s2, rate):
        nu = nj.SterileNeutrino(7.1 * keV, s2)
        return nj.find_resonances(nu, Level(rate), plasma=CONSTANT, **limits)

    # Γ/2 = 10 Δs, and Γ/H ≫ 1
    assert word(1e-14, 2e-6).recommendation == "boltzmann"
    assert word(1e-14, 2e-6).reasons == []
    coherent = word(1e-14, 2e-8)
    assert coherent.recommendation == "quasi-static"
    assert "0.1" in coherent.reasons[0]
    assert word(0.1, 2e-6).recommendation == "qke"


def test_resonances_beyond_the_limits_are_none():
    """The crossing at 100 MeV belongs to a start just above it, not to one just below."""
    nu = nj.SterileNeutrino(7.1 * keV, 1e-14)
    for start, there in ((100.1, True), (99.9, False)):
        method = nj.QuantumKinetic(T_initial=start * MeV, T_final=70 * MeV)
        found = nj.find_resonances(nu, Level(2e-8), plasma=CONSTANT, method=method)
        assert bool(jnp.any(found.valid)) is there
