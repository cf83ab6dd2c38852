"""The pieces of sterile self-interactions, each against a truth of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special

import nujax as nj
from nujax.production import self_interacting as si
from nujax.production.self_interacting import _clock, _gas, _pairs
from nujax.production.self_interacting._conversion import conversion
from nujax.units import keV

PLASMA = nj.Plasma.constant(10.75)


@pytest.mark.parametrize(
    ("z", "xi", "sign"), [(1e-4, -12.0, 1.0), (1.0, 0.5, 1.0), (3.0, 2.9, -1.0), (700.0, 699.0, 1)]
)
def test_densities_of_a_gas(z, xi, sign):
    """n, ρ − mn and P against adaptive quadrature to 1e-10, from hot to very cold; and slopes."""
    gas = _gas.gas(jnp.asarray(z), jnp.ones(()), jnp.asarray(xi), 2.0, sign)

    def integral(weight):
        def integrand(u):
            t = u * u
            p2 = t * (t + 2.0 * z)
            small = np.exp(xi - z - t)
            return 2.0 * u * np.sqrt(p2) * weight(z + t, p2) * small / (1.0 + sign * small)

        value = sum(
            scipy.integrate.quad(integrand, a, b, epsabs=0.0, epsrel=1e-12)[0]
            for a, b in [(0.0, 0.5), (0.5, 2.0), (2.0, 7.0)]
        )
        return value / np.pi**2

    assert gas.number == pytest.approx(integral(lambda e, p2: e), rel=1e-10)
    assert gas.kinetic == pytest.approx(integral(lambda e, p2: e * (e - z)), rel=1e-9)
    assert gas.pressure == pytest.approx(integral(lambda e, p2: p2 / 3.0), rel=1e-10)

    def both(log_T, xi):
        at = _gas.gas(jnp.asarray(z), jnp.exp(log_T), xi, 2.0, sign)
        return jnp.stack([at.number, at.kinetic])

    by_T, by_xi = jax.jacfwd(both, argnums=(0, 1))(jnp.zeros(()), jnp.asarray(xi))
    np.testing.assert_allclose(gas.number_slopes, (by_T[0], by_xi[0]), rtol=1e-9)
    np.testing.assert_allclose(gas.kinetic_slopes, (by_T[1], by_xi[1]), rtol=1e-9)


def dirac_sum(s, t, mass2, real):
    """Σ|M|²/y⁴ over spins of ν_sν_s → φφ from traces of explicit Dirac matrices, m = 1."""
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    zero, one = np.zeros((2, 2)), np.eye(2)
    gamma = [np.block([[zero, one], [one, zero]])]
    gamma += [np.block([[zero, sigma], [-sigma, zero]]) for sigma in pauli]
    left, right = np.diag([1, 1, 0, 0]), np.diag([0, 0, 1, 1])

    def slash(p):
        return p[0] * gamma[0] - sum(p[i] * gamma[i] for i in (1, 2, 3))

    E, mass = np.sqrt(s) / 2.0, np.sqrt(mass2)
    p, k = np.sqrt(E**2 - mass2), np.sqrt(E**2 - 1.0)
    cosine = (t - mass2 - 1.0 + 2.0 * E**2) / (2.0 * p * k)
    p1, p2 = np.array([E, 0, 0, p]), np.array([E, 0, 0, -p])
    k1 = np.array([E, k * np.sqrt(1.0 - cosine**2), 0, k * cosine])
    k2 = np.array([2.0 * E, 0, 0, 0]) - k1
    u = 2.0 * mass2 + 2.0 - s - t
    unit = np.eye(4)
    first = (slash(p1 - k1) + mass * unit) / (t - mass2)
    second = (slash(p1 - k2) + mass * unit) / (u - mass2)
    # φ couples with P_L and φ* with P_R; a real field with both.
    chain = first + second if real else right @ first @ left + left @ second @ right
    barred = gamma[0] @ chain.conj().T @ gamma[0]
    trace = np.trace((slash(p2) - mass * unit) @ chain @ (slash(p1) + mass * unit) @ barred)
    return trace.real


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(("s", "r"), [(4.1, 1 / 9), (7.0, 0.16), (40.0, 0.02)])
def test_pair_matrix_element_against_traces(s, r, real):
    """The closed form of ∫Σ|M|²dt, masses and interference included, from the Lagrangian itself."""
    p, k = np.sqrt(s / 4.0 - r), np.sqrt(s / 4.0 - 1.0)
    ends = -((p + k) ** 2), -((p - k) ** 2)
    wanted, _ = scipy.integrate.quad(lambda t: dirac_sum(s, t, r, real), *ends, epsrel=1e-11)
    # φφ* are distinguishable: the common prefactor has the half of identical φ.
    wanted *= 1.0 if real else 2.0
    value = _pairs.pair_integral(jnp.asarray(s), jnp.asarray(r), "exact", real)
    assert value == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("T", [0.02, 1.0, 30.0, 1e4])
def test_pair_rate_against_quadrature(T):
    """γ(T) from its Chebyshev series, against ∫ds σ(s − 4m_s²)√s K₁(√s/T); 1e-9 promised here."""
    r = 1.0 / 9.0

    def integrand(log_k):
        k = np.exp(log_k)
        value = float(_pairs.pair_integral((2.0 + T * k) ** 2, r, "exact"))
        return k * value * scipy.special.k1e(2.0 / T + k) * np.exp(-k)

    parts = [(-30.0, -9.0), (-9.0, -4.0), (-4.0, -1.0), (-1.0, 2.0), (2.0, 4.5)]
    total = sum(scipy.integrate.quad(integrand, *part, epsrel=1e-11)[0] for part in parts)
    wanted = np.log(T**2 * total / (1024.0 * np.pi**5)) - 2.0 / T
    series = _pairs.pair_rate_coefficients(jnp.asarray(r), "exact")
    # The quadrature's ends cut 1e-9.
    assert _pairs.log_pair_rate(series, jnp.log(T)) == pytest.approx(wanted, abs=3e-9)


@pytest.mark.parametrize(("T_active", "T_dark", "xi"), [(30.0, 25.0, -6.0), (6.0, 5.0, 1.5)])
def test_conversion_against_the_double_integral(T_active, T_dark, xi):
    """Kinematics and detailed balance: the statistical bracket over both energies, brute force.

    Smooth over E_a between (m² − m_s²)(E_s ∓ p)/2m_s²: Gauss–Legendre to 1e-9.
    """
    mass, m = 12.0, 36.0
    node, weight = np.polynomial.legendre.leggauss(200)

    def inner(E):
        p = np.sqrt(E**2 - mass**2)
        low, high = ((m**2 - mass**2) * (E + d * p) / (2.0 * mass**2) for d in (-1, 1))
        low = (m**2 - mass**2) / (2.0 * (E + p))
        high = min(high, low + 45.0 * T_active)
        Ea = low + (high - low) * 0.5 * (node + 1.0)
        fa, fs = 1.0 / (np.exp(Ea / T_active) + 1.0), 1.0 / (np.exp(E / T_dark - xi) + 1.0)
        fb = 1.0 / np.expm1((E + Ea) / T_dark - 2.0 * xi)
        bracket = fa * fs * (1.0 + fb) - fb * (1.0 - fa) * (1.0 - fs)
        return 0.5 * (high - low) * np.array([np.sum(weight * bracket * e) for e in (1.0, Ea)])

    total = np.zeros(2)
    for a, b in [(0.0, 1.0), (1.0, 3.0), (3.0, 9.0)]:
        u = a + (b - a) * 0.5 * (node + 1.0)
        E = mass + T_dark * u**2 / 2.0
        jacobian = T_dark * u * 0.5 * (b - a) * weight
        total += sum(j * inner(e) for j, e in zip(jacobian, E, strict=True))
    made = conversion(*(jnp.asarray(v) for v in (mass, m, T_active, T_dark, xi)))
    np.testing.assert_allclose(np.array(made) * 2.0 * np.pi**2, total, rtol=1e-7)


def test_detailed_balance():
    """No conversion once ν_s and ν_a share temperature and chemical potential."""
    made = conversion(*(jnp.asarray(v) for v in (12.0, 36.0, 7.0, 7.0, 0.0)))
    typical = conversion(*(jnp.asarray(v) for v in (12.0, 36.0, 7.0, 7.0, -1.0)))
    assert abs(made.number) < 1e-13 * abs(typical.number)


def test_clock():
    """T_γ/T_ν and g*s today of an instantaneous decoupling at 1.4 MeV, and the radiation's H.

    g*s = 3.92664 is that of the data; below m_e, H of photons and three neutrinos.
    """
    T = 1e-3
    late = _clock.expansion(PLASMA, jnp.log(T))
    degrees = float(late.entropy) * 45.0 / (2.0 * np.pi**2 * T**3)
    ratio3 = (degrees - 5.25) / 2.0  # (T_γ/T_ν)³
    assert degrees / ratio3 == pytest.approx(3.92664, rel=2e-6)
    energy = 2.0 * ratio3 ** (4.0 / 3.0) + 5.25
    hubble = np.sqrt(4.0 * np.pi**3 * energy / 45.0) * T**2 / nj.constants.PLANCK_MASS
    assert late.hubble == pytest.approx(hubble, rel=1e-8)
    standard = nj.Plasma.standard()
    early = _clock.expansion(standard, jnp.log(300.0))
    assert early.entropy == pytest.approx(float(standard.entropy_density(300.0)), rel=1e-4)


def test_widths():
    """Closed forms of both fields, and BR(ν_sν_a) ≈ (s²/2)(1 − r)²/β³ of the real one."""
    sterile = nj.SterileNeutrino(12 * keV, 2.5e-13)
    r, y, m = 1.0 / 9.0, 1.9e-4, 36 * keV
    beta = np.sqrt(1.0 - 4.0 * r)
    real, complex_ = (nj.SterileScalar(m, y, real=real) for real in (True, False))
    assert real.width(sterile.mass) == pytest.approx(y**2 * m * beta**3 / (16.0 * np.pi))
    wanted = y**2 * m * (1.0 - 2.0 * r) * beta / (32.0 * np.pi)
    assert complex_.width(sterile.mass) == pytest.approx(wanted)
    share = real.width_to_active(sterile) / real.width(sterile.mass)
    assert share == pytest.approx(0.5 * 2.5e-13 * (1.0 - r) ** 2 / beta**3)
    assert real.width(m) == 0.0


def test_rates_in_a_thermal_bath_are_those_of_the_same_force_on_active_neutrinos():
    """Same Lagrangian, same bath: V_s at all T/m, Γ_s on shell, and both heavy limits.

    1e-9 is the accuracy of the active kernels; off shell adds below 1e-6 at y = 1e-4, T = 0.2m.
    """
    y, m = 1e-4, 1.0
    scalar, active = nj.SterileScalar(m, y, real=False), nj.ScalarMediator(m, y)
    for T in (0.05, 0.5, 5.0):
        E = T * jnp.asarray([0.5, 3.0, 8.0])
        tails = si.thermal_tails(T)
        wanted = active.thermal_potential(E, jnp.full_like(E, T), "e")
        np.testing.assert_allclose(si.sterile_potential(scalar, E, *tails), wanted, rtol=1e-8)
    T = jnp.asarray(0.2)
    wanted = active.interaction_rate(3.0 * T, T, "e")
    assert si.on_shell_rate(scalar, 3.0 * T, si.thermal_tails(T)[0]) == pytest.approx(
        float(wanted), rel=1e-6
    )
    T, E = 1e-3, 3e-3
    third = 7.0 * np.pi**4 / 120.0 * T**4
    heavy = si.sterile_potential(scalar, jnp.asarray(E), *si.thermal_tails(T))
    # Corrections are (ET/m²)² ~ 1e-11 times powers of 10, and e^(−m/T).
    assert si.heavy_potential(scalar, E, third) == pytest.approx(float(heavy), rel=1e-6)
    limit = 7.0 * np.pi * y**4 * E * T**4 / 1728.0
    assert si.heavy_rate(scalar, E, third) == pytest.approx(limit, rel=1e-12)


def test_massive_rate():
    """Averaged over a cold dilute bath it is the reactions per ν_s of the decay's inverse.

    Boltzmann statistics: n_s²⟨…⟩/2 reactions are n_φ^eq ⟨m/E⟩Γ = (m²T/2π²)K₁(m/T)Γ e^{2ξ}, and
    the rate per ν_s is twice that over n_s. And q₋ → m²/4E where m_s → 0.
    """
    mass, m, T = 12.0, 36.0, 5.0
    scalar = nj.SterileScalar(m, 1e-3)

    def tail(q):
        return T * jnp.exp(-q / T)

    node, weight = np.polynomial.legendre.leggauss(120)
    u = 0.5 * 8.0 * (node + 1.0)
    E = mass + T * u**2 / 2.0
    p = np.sqrt(E**2 - mass**2)
    rate = np.asarray(si.massive_on_shell_rate(scalar, mass, jnp.asarray(E), tail))
    total = np.sum(4.0 * weight * T * u * p * E * np.exp(-E / T) * rate) / np.pi**2
    decays = m**2 * T / (2.0 * np.pi**2) * scipy.special.k1(m / T) * float(scalar.width(mass))
    assert total == pytest.approx(2.0 * decays, rel=1e-7)
    light = si.massive_on_shell_rate(scalar, 1e-4, jnp.asarray(9.0), tail)
    assert light == pytest.approx(float(si.on_shell_rate(scalar, 9.0, tail)), rel=1e-6)
