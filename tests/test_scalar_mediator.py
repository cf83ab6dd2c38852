"""The scalar mediator: rates against phase-space integrals, conventions, errors, derivatives."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from scipy import integrate

import nujax as nj
from nujax.interactions._mediator import rate_functions_of

# E and T [MeV] around a mediator of 10 MeV: w from 12.5 to 4e-4.
MASS = 10.0
E = np.array([2.0, 3.0, 5.0, 40.0, 10.0, 300.0])
T = np.array([1.0, 4.0, 5.0, 2.0, 50.0, 200.0])


@eqx.filter_jit
def _rate(mediator, E, T):
    return mediator.interaction_rate(E, T, "mu")


@eqx.filter_jit
def _potential(mediator, E, T):
    return mediator.thermal_potential(E, T, "mu")


def _quad(function, *edges):
    return sum(
        integrate.quad(function, a, b, epsabs=0.0, epsrel=1e-9, limit=200)[0]
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    )


# --- Rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("coupling", [0.3, 3.0, 12.0])
@pytest.mark.parametrize("index", [0, 1, 2, 4])
def test_exact_rate_from_cross_sections(index, coupling):
    """Γ = ∫d³q/(2π)³ f_a σ(1 − cosϑ) with both cross sections of one neutrino, by nested `quad`.

    Starts from |M|², so a factor 2 or 4 in a kernel (identical particles, the sources' matrix
    element) would show; the integrals over q and s are done in the order that nujax does not use.
    """
    energy, temperature, m2 = E[index], T[index], MASS**2
    width2 = (coupling**2 / (32.0 * np.pi)) ** 2

    def s_times_cross_sections(s):
        annihilation = s**2 / (32.0 * np.pi * ((s - m2) ** 2 + m2**2 * width2))
        scattering = (
            s + m2 * s / (s + m2) - 2.0 * m2 * np.log1p(s / m2)
            if s > 1e-3 * m2
            else s**3 / m2**2 * (1.0 / 3.0 - s / (2.0 * m2))
        ) / (16.0 * np.pi * s)
        return coupling**4 * (annihilation + scattering)

    def target(q):
        top = 4.0 * energy * q  # 1 − cosϑ = s/2Eq
        edges = [0.0, *(edge for edge in (0.5 * m2, m2, 2.0 * m2) if edge < top), top]
        inner = _quad(s_times_cross_sections, *edges)
        return q**2 / (np.exp(q / temperature) + 1.0) * inner / (2.0 * energy * q) ** 2

    pole = m2 / (4.0 * energy)
    exact = _quad(target, 0.0, pole, pole + 8.0 * temperature, pole + 40.0 * temperature)
    exact /= 4.0 * np.pi**2
    found = _rate(nj.ScalarMediator(MASS, coupling), jnp.asarray(energy), jnp.asarray(temperature))
    assert float(found) == pytest.approx(exact, rel=1e-6)


def test_paper_rate():
    """|v₁ − v₂|, Boltzmann target on shell, by `quad`, plus the interpolation of the heavy rate.

    Reproduces the sources; limits 7πλ⁴ET⁴/1440m⁴ and λ⁴T²/(256πE) of the second term.
    """
    coupling = 0.3
    exact = []
    for energy, temperature in zip(E, T, strict=True):

        def on_shell(q, energy=energy, temperature=temperature):
            # σ = πλ²δ(s − m²), s = 2Eq(1 − cosϑ), |v₁ − v₂| = √(2(1 − cosϑ)) = m/√(Eq)
            speed = MASS / np.sqrt(energy * q)
            return q**2 * np.exp(-q / temperature) * speed * np.pi / (2.0 * energy * q)

        low = MASS**2 / (4.0 * energy)
        light = _quad(on_shell, low, low + 5.0 * temperature, low + 60.0 * temperature)
        heavy = 7.0 * np.pi * energy * temperature**4 / 1440.0
        heavy /= (MASS**2 + np.pi * np.sqrt(56.0 / 45.0) * energy * temperature) ** 2
        exact.append(coupling**2 * light / (4.0 * np.pi**2) + coupling**4 * heavy)
    found = _rate(nj.ScalarMediator(MASS, coupling, convention="paper"), E, T)
    np.testing.assert_allclose(found, exact, rtol=1e-8)

    strong = nj.ScalarMediator(1.0, 1.0, convention="paper")
    cold, hot = jnp.asarray([1e-4, 1e-4]), jnp.asarray([3e5, 1e5])
    expected = 7.0 * np.pi * 1e-20 / 1440.0
    np.testing.assert_allclose(_rate(strong, cold, cold), expected, rtol=1e-6)
    weaker = nj.ScalarMediator(1.0, 0.1, convention="paper")
    four = 1e8 * (_rate(strong, hot, hot) - 100.0 * _rate(weaker, hot, hot)) / (1e8 - 1e6)
    np.testing.assert_allclose(four, hot / (256.0 * np.pi), rtol=1e-8)


def test_bose_term():
    """λ²m²/(16πE²) ∫n_B(ω)dω over the mediators that a neutrino can meet, ω > E + m²/4E."""
    coupling = 1e-3
    exact = []
    for energy, temperature in zip(E, T, strict=True):
        low = energy + MASS**2 / (4.0 * energy)

        def occupation(omega, temperature=temperature):
            return 1.0 / np.expm1(omega / temperature)

        number = _quad(occupation, low, low + 5.0 * temperature, low + 60.0 * temperature)
        exact.append(coupling**2 * MASS**2 / (16.0 * np.pi * energy**2) * number)
    for convention in ("exact", "paper"):
        with_, without = (
            nj.ScalarMediator(MASS, coupling, convention=convention, bose=bose)
            for bose in (True, False)
        )
        # The term is down to 1e-7 of the whole where x + w ≫ 1: differences lose as much.
        found = _rate(with_, E, T) - _rate(without, E, T)
        np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-14 * _rate(with_, E, T).max())
        np.testing.assert_array_equal(_potential(with_, E, T), _potential(without, E, T))


def test_rates_of_the_oracle():
    """Every combination of conventions equals the oracle that the reference data were checked with.

    Production tests rest on that oracle, from λ = 1e-10 to 4π.
    """
    x, w = E / T, MASS**2 / (4.0 * E * T)
    for convention, bose, factor in (
        ("exact", False, 1.0),
        ("exact", True, 2.0),
        ("paper", False, 2.0),
        ("paper", True, 0.5),
    ):
        for coupling in (1e-10, 1e-3, 1.0, 4.0 * np.pi):
            case = oracles.Case(
                1e-2, 1e-10, MASS, coupling, convention=convention, bose=bose, rate_factor=factor
            )
            expected = coupling**2 * MASS**2 * T / (16.0 * np.pi**2 * E**2)
            expected = expected * oracles.rate_shape(case, w, x)
            mediator = nj.ScalarMediator(
                MASS, coupling, convention=convention, bose=bose, rate_factor=factor
            )
            np.testing.assert_allclose(_rate(mediator, E, T), expected, rtol=1e-11)


def test_rate_factor():
    """`rate_factor` multiplies Γ, all of it, and leaves V alone: it reproduces double counting."""
    for bose in (False, True):
        once, twice = (
            nj.ScalarMediator(MASS, 0.1, bose=bose, rate_factor=factor) for factor in (1.0, 2.0)
        )
        np.testing.assert_allclose(_rate(twice, E, T), 2.0 * _rate(once, E, T), rtol=1e-15)
        np.testing.assert_array_equal(_potential(twice, E, T), _potential(once, E, T))


# --- Potential ----------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["exact", "paper"])
def test_potential(convention):
    """V = λ²T v in either convention; limits −7π²λ²ET⁴/90m⁴ and +λ²T²/16E fix sign and size."""
    coupling = 0.02
    mediator = nj.ScalarMediator(MASS, coupling, convention=convention)
    expected = coupling**2 * T / (E / T) * oracles.potential(E / T, MASS / T)
    np.testing.assert_allclose(_potential(mediator, E, T), expected, rtol=1e-11)
    cold, hot = jnp.asarray([1e-3, 3e-3]), jnp.asarray([1e7, 4e7])
    heavy = _potential(mediator, cold, cold[:1] * jnp.ones(2))
    np.testing.assert_allclose(
        heavy, -7.0 * np.pi**2 * coupling**2 * cold * 1e-16 / 90.0, rtol=1e-6
    )
    light = _potential(mediator, hot, hot[:1] * jnp.ones(2))
    np.testing.assert_allclose(light, coupling**2 * 1e14 / (16.0 * hot), rtol=1e-4)


# --- What the fast path tabulates ---------------------------------------------------------------


@pytest.mark.parametrize("bose", [False, True])
@pytest.mark.parametrize("convention", ["exact", "paper"])
def test_tabulated_functions_equal_the_rate(convention, bose):
    """Σ c_k R_k(w, x) = (x/T)Γ: the fast path and the method are one and the same rate."""
    w = np.exp(np.linspace(-30.0, 12.0, 71) + 0.0137)
    x = np.linspace(0.01, 20.0, 71)
    for coupling in (0.0, 1e-6, 0.5, 3.0):
        mediator = nj.ScalarMediator(MASS, coupling, convention, bose=bose, rate_factor=1.5)
        assert float(mediator.relative_width) <= mediator.largest_tabulated_width
        functions = np.stack(rate_functions_of(mediator.kind, w, x))
        coefficients = np.asarray(eqx.filter_jit(lambda m: m.rate_coefficients())(mediator))
        assert functions.shape == (len(coefficients), 71)
        tabulated = np.tensordot(coefficients, functions, axes=1)
        direct = eqx.filter_jit(lambda m: m.rate_shape(w, x))(mediator)
        np.testing.assert_allclose(tabulated, direct, rtol=3e-7, atol=1e-300)


def test_kind_and_width():
    """Static choices alone decide what is tabulated; γ_φ = λ²/32π decides up to where it serves."""
    mediator = nj.ScalarMediator(MASS, 2.0)
    assert hash(mediator.kind) == hash(nj.ScalarMediator(3.0, 1e-3).kind)
    kinds = {
        nj.ScalarMediator(1.0, 0.1, c, b).kind for c in ("exact", "paper") for b in (False, True)
    }
    assert len(kinds) == 4
    assert float(mediator.relative_width) == pytest.approx(4.0 / (32.0 * np.pi), rel=1e-15)
    strong = nj.ScalarMediator(MASS, 3.3)
    assert float(strong.relative_width) > strong.largest_tabulated_width


# --- Arguments ----------------------------------------------------------------------------------


def test_good_arguments():
    """Both ends of the coupling, integers, arrays and values under trace are all taken."""
    assert nj.ScalarMediator(1, 4.0 * np.pi).coupling == 4.0 * np.pi
    free = nj.ScalarMediator(1, 0)
    assert free.mass.dtype == free.coupling.dtype == jnp.float64
    assert (_rate(free, E, T) == 0.0).all()
    assert (_potential(free, E, T) == 0.0).all()
    assert nj.ScalarMediator(np.ones(3), np.ones(3)).mass.shape == (3,)
    traced = jax.jit(lambda m, c: nj.ScalarMediator(m, c).coupling)
    assert traced(1.0, 13.0) == 13.0  # concrete numbers only
    assert (nj.ScalarMediator(1.0, 0.1).convention, nj.ScalarMediator(1.0, 0.1).bose) == (
        "exact",
        False,
    )


def test_leaves():
    """Numbers are leaves, choices are not: one compilation serves all masses and couplings."""
    traces = []

    @eqx.filter_jit
    def rate(mediator):
        traces.append(mediator)
        return mediator.interaction_rate(jnp.asarray(1.0), jnp.asarray(1.0), "e")

    for mass in (1.0, 2.0, 3.0):
        rate(nj.ScalarMediator(mass, 0.1))
    assert len(traces) == 1
    rate(nj.ScalarMediator(1.0, 0.1, convention="paper"))
    assert len(traces) == 2
    assert len(jax.tree.leaves(nj.ScalarMediator(1.0, 0.1, bose=True))) == 3


def test_flavour_is_ignored():
    """It couples to the flavour that mixes, whichever that is; plain numbers are arguments too."""
    mediator = nj.ScalarMediator(MASS, 0.1)
    for method, reference in (("interaction_rate", _rate), ("thermal_potential", _potential)):
        expected = float(reference(mediator, jnp.asarray(3.0), jnp.asarray(4.0)))
        for flavour in ("e", "tau"):
            found = getattr(mediator, method)(3.0, 4.0, flavour)
            assert float(found) == pytest.approx(expected, rel=1e-14)


# --- Transformations ----------------------------------------------------------------------------

# Corners of the domain: 1 keV to 100 GeV, λ from 0 to 4π, T from 10 GeV to where production ends.
CORNERS = np.array(
    [
        (mass, coupling, x, temperature)
        for mass in (1e-3, 1.0, 1e5)
        for coupling in (0.0, 1e-12, 1e-3, 4.0 * np.pi)
        for x in (2e-4, 1.0, 60.0)
        for temperature in (1e4, mass, min(0.1, mass / 60.0))
    ]
).T


def _both(mass, coupling, energy, temperature, convention="exact", bose=False):
    mediator = nj.ScalarMediator(mass, coupling, convention, bose, jnp.ones_like(mass))
    rate = mediator.interaction_rate(energy, temperature, "mu")
    return jnp.stack([rate, mediator.thermal_potential(energy, temperature, "mu")])


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize(("convention", "bose"), [("exact", True), ("paper", False)])
def test_gradients_are_finite(convention, bose, dtype):
    """No NaN in Γ, V or any of their derivatives at any corner of the domain, in either type."""

    def values_and_slopes(*point):
        values, pullback = jax.vjp(partial(_both, convention=convention, bose=bose), *point)
        return values, jnp.stack([jnp.stack(pullback(row)) for row in jnp.eye(2, dtype=dtype)])

    mass, coupling, x, temperature = (jnp.asarray(corner, dtype) for corner in CORNERS)
    values, slopes = jax.jit(jax.vmap(values_and_slopes))(
        mass, coupling, x * temperature, temperature
    )
    assert slopes.dtype == dtype
    assert jnp.isfinite(values).all()
    assert jnp.isfinite(slopes).all()


def test_derivatives_by_scaling():
    """Exact homogeneity: Γ and V are masses, so (m∂_m + E∂_E + T∂_T) gives back Γ and V.

    And with respect to λ: V ∝ λ² exactly, Γ between λ² and λ⁴. A derivative that is lost on the
    way through w, x or T/m breaks the sum.
    """

    arguments = [jnp.asarray(a) for a in (np.full(6, MASS), np.full(6, 0.7), E, T)]
    mediator = nj.ScalarMediator(MASS, 0.7)
    values = np.stack([_rate(mediator, E, T), _potential(mediator, E, T)], axis=-1)
    slopes = jax.jit(jax.vmap(jax.jacrev(_both, argnums=(0, 1, 2, 3))))(*arguments)
    of_mass, of_coupling, of_energy, of_temperature = (
        slope * argument[:, None] / values
        for slope, argument in zip(slopes, arguments, strict=True)
    )
    # V is small beside its terms where it changes sign: 1e-9.
    np.testing.assert_allclose(of_mass + of_energy + of_temperature, 1.0, rtol=1e-9)
    np.testing.assert_allclose(of_coupling[:, 1], 2.0, rtol=1e-12)
    assert ((of_coupling[:, 0] > 1.9) & (of_coupling[:, 0] < 4.1)).all()


def test_batches_of_mediators():
    """A batch of mediators is one module with longer leaves, as a scan makes them."""
    masses, couplings = jnp.asarray([1.0, 10.0, 100.0]), jnp.asarray([1e-6, 1e-3, 1.0])
    batch = eqx.filter_vmap(nj.ScalarMediator)(masses, couplings)
    assert batch.mass.shape == (3,)
    energy, temperature = jnp.asarray(3.0), jnp.asarray(4.0)
    rates = eqx.filter_jit(eqx.filter_vmap(partial(_rate, E=energy, T=temperature)))(batch)
    single = [
        float(_rate(nj.ScalarMediator(m, c), energy, temperature))
        for m, c in zip(masses, couplings, strict=True)
    ]
    np.testing.assert_allclose(rates, single, rtol=1e-12)
