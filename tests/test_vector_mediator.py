"""The neutrinophilic vector: kernels, limits, conventions, production, derivatives, errors."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import oracles
import problems
import pytest
from scipy import integrate, special

import nujax as nj
from nujax.interactions._incomplete_fermi import incomplete_fermi_half
from nujax.interactions._kernels import (
    narrow_vector_rate_shape,
    potential_shape,
    vector_exchange,
    vector_interference,
    vector_rate,
    vector_rate_shape,
    vector_same,
)
from nujax.interactions._mediator import rate_functions_of
from nujax.interactions._width_expansion import ANY_WIDTH, NARROW

KERNELS = problems.load("kernels")
CONVENTIONS = ("exact", "paper")


@eqx.filter_jit
def _rate(mediator, E, T):
    return mediator.interaction_rate(E, T, "mu")


@eqx.filter_jit
def _potential(mediator, E, T):
    return mediator.thermal_potential(E, T, "mu")


def _multiprecision(w, width):
    """3γ∫du u S ln(1+e^(−wu)) for one flavour at 25 digits, u = 1 + γ sinh s around the pole."""
    with mp.workdps(25):
        w, g = mp.mpf(w), mp.mpf(width)

        def targets(z):
            return mp.log1p(mp.exp(-z))

        def times_bw(u):
            log = mp.log1p(u)
            cross = u / (1 + u) + 2 * log / (u + 2) + (u * u + 2 * u - 2 * (1 + u) * log) / u**2
            B = 3 + 2 / u - 2 * (1 + u) ** 2 * log / u**2
            return u * (cross * ((u - 1) ** 2 + g * g) + B * (u - 1) + u / 3) * targets(w * u)

        def core(s):
            return times_bw(1 + g * mp.sinh(s)) / (g * mp.cosh(s))

        def outer(u):
            return times_bw(u) / ((u - 1) ** 2 + g * g)

        s = mp.asinh(mp.mpf("0.5") / g)
        count = int(s / 3) + 1
        inner = mp.quad(core, [s * k / count for k in range(-count, count + 1)])
        scales = [mp.mpf(k) / w for k in (0.1, 0.5, 1, 2, 4, 8, 16, 32, 90)]
        low = [mp.mpf(0), *(k for k in scales if k < 0.5), mp.mpf("0.5")]
        high = [mp.mpf("1.5"), mp.mpf(5), *(k for k in scales if k > 5)]
        return float(3 * g * (inner + mp.quad(outer, low) + mp.quad(outer, sorted(high))))


# --- Kernels ------------------------------------------------------------------------------------


def test_cross_sections():
    """S of every channel as listed, from u = 1e-6 to 1e6: the small-u series meets the closed form.

    1e-12: the closed forms lose three digits where the series takes over.
    """
    u = np.array([row["u"] for row in KERNELS["sigma"]])
    for name, function in (
        ("S_nunu", vector_same),
        ("S_t", vector_exchange),
        ("B_int", vector_interference),
    ):
        listed = np.array([row[name] for row in KERNELS["sigma"]])
        np.testing.assert_allclose(function(u, np), listed, rtol=1e-12)
        edge = np.array([0.12 * (1.0 - 1e-12), 0.12 * (1.0 + 1e-12)])
        below, above = function(edge, np)
        assert above == pytest.approx(below, rel=5e-12)


def test_listed_rates():
    """∫ u S ln(1+e^(−wu)) du as listed, 1e-10, or as integrated here at 30 digits, 1e-12.

    The listed numbers leave out the pole where it is narrow and w ≥ 20, and are good to 3e-9
    only at w = 1000 (see the data's README): there the multiprecision integral decides.
    """
    rows = KERNELS["R"]
    w, g = (np.array([row[name] for row in rows], float) for name in ("w", "g"))
    width = g**2 / (24.0 * np.pi)
    found = vector_rate_shape(w, width, np)
    listed = 3.0 * width * np.array([row["R"] for row in rows])
    doubtful = (w >= 20.0) & (w < 1e6) & ~((w < 100.0) & (g >= 1e-3))
    doubtful |= ((w == 20.0) | (w == 50.0)) & (g <= 1e-3)
    np.testing.assert_allclose(found[~doubtful], listed[~doubtful], rtol=1e-10)
    exact = [_multiprecision(a, b) for a, b in zip(w[doubtful], width[doubtful], strict=True)]
    np.testing.assert_allclose(found[doubtful], exact, rtol=1e-12)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_listed_interaction_rates(convention):
    """Γ [MeV] through the public method, on and off shell: 1e-10.

    One listed case, m/T = 100, is good to 3e-9 only.
    """
    for row in KERNELS["Gamma"]:
        mediator = nj.VectorMediator(row["mV"], row["g"], convention)
        found = float(_rate(mediator, jnp.asarray(row["x"] * row["T"]), jnp.asarray(row["T"])))
        listed = row["Gamma_moeller" if convention == "exact" else "Gamma_paper"]
        rough = row["mV"] / row["T"] >= 100.0 and row["g"] == 0.1
        assert found == pytest.approx(listed, rel=4e-9 if rough else 2e-11)


@pytest.mark.parametrize("width", [1e-20, 1e-6, 1.0 / 6.0])
def test_rates_against_multiprecision(width):
    """Trapezoid and pole residue are exact for any width, up to g² = 4π: 2e-12, by mpmath.

    And "paper", whose residue takes the incomplete Fermi integral at complex arguments, by `quad`
    split at the pole: 1e-10.
    """
    for w in (0.3, 5.0):
        found = vector_rate_shape(np.array(w), np.array(width), np)
        assert float(found) == pytest.approx(_multiprecision(w, width), rel=2e-12)

    w = 0.7

    def times_bw(u):
        cross = vector_same(u, np) + vector_exchange(u, np)
        numerator = cross * ((u - 1.0) ** 2 + width**2) + u / 3.0
        numerator = numerator + vector_interference(u, np) * (u - 1.0)
        targets = 2.0 * incomplete_fermi_half(w * u, np) / np.sqrt(w * u)
        return float(3.0 * width * u * numerator * targets)

    def core(s):
        return times_bw(np.array(1.0 + width * np.sinh(s))) / (width * np.cosh(s))

    def outer(t):
        u = np.exp(np.array(t))
        return float(u) * times_bw(u) / ((u - 1.0) ** 2 + width**2)

    s = np.arcsinh(0.5 / width)
    edges = [(core, np.linspace(-s, s, 1 + int(s) // 2 * 2 + 2))]
    edges += [(outer, [-14.0, -3.0, np.log(0.5)]), (outer, [np.log(1.5), 2.0, np.log(60.0 / w)])]
    exact = sum(
        integrate.quad(f, low, high, epsabs=0.0, epsrel=1e-12, limit=200)[0]
        for f, points in edges
        for low, high in zip(points[:-1], points[1:], strict=True)
    )
    found = vector_rate_shape(np.array(w), np.array(width), np, "paper")
    assert float(found) == pytest.approx(exact, rel=1e-10)


def test_incomplete_fermi_integral():
    """∫_z^∞ √y/(e^y+1) dy by `quad`, its derivative and the Boltzmann limit: 1e-11."""
    z = np.array([0.0, 1e-6, 1e-2, 0.3, 1.0, 3.0, 10.0, 40.0])
    exact = [
        # y = z + p²
        np.exp(-a)
        * sum(
            integrate.quad(
                lambda p, a=a: 2.0 * p * np.sqrt(a + p * p) / (np.exp(p * p) + np.exp(-a)),
                low,
                high,
                epsrel=1e-13,
            )[0]
            for low, high in ((0.0, np.sqrt(a)), (np.sqrt(a), 0.2), (0.2, 8.0))
        )
        for a in z
    ]
    np.testing.assert_allclose(incomplete_fermi_half(z, np), exact, rtol=1e-11)
    np.testing.assert_allclose(incomplete_fermi_half(jnp.asarray(z)), exact, rtol=1e-11)
    slope = jax.vmap(jax.grad(incomplete_fermi_half))(jnp.asarray(z[1:]))
    np.testing.assert_allclose(slope, -np.sqrt(z[1:]) / (np.exp(z[1:]) + 1.0), rtol=1e-12)
    cold = np.array([40.0, 300.0])
    boltzmann = special.gamma(1.5) * special.gammaincc(1.5, cold)
    np.testing.assert_allclose(incomplete_fermi_half(cold, np), boltzmann, rtol=1e-11)
    assert np.isfinite(incomplete_fermi_half(jnp.asarray([0.0, 1e6], jnp.float32))).all()


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_tabulated_functions_equal_the_rate(convention):
    """Σ c_k R_k(w) = (x/T)Γ for both sets of widths: production and method are the same rate.

    Measured: 4e-8 for the fast path, 1.5e-7 for the lattice.
    """
    w = np.exp(np.linspace(-34.0, 20.0, 181) + 0.0137)
    x = np.ones_like(w)
    for coupling in (0.0, 1e-6, 0.3, 2.7, 3.5):
        mediator = nj.VectorMediator(10.0, coupling, convention, rate_factor=1.5)
        direct = eqx.filter_jit(lambda m: m.rate_shape(w, x))(mediator)
        for widths in (NARROW, ANY_WIDTH):
            if float(mediator.relative_width) > widths.largest:
                continue
            functions = np.stack(rate_functions_of(mediator.kind, w, x, widths))
            coefficients = np.asarray(mediator.rate_coefficients(widths))
            tabulated = np.tensordot(coefficients, functions, axes=1)
            np.testing.assert_allclose(tabulated, direct, rtol=4e-7, atol=1e-300)


# --- Limits -------------------------------------------------------------------------------------


def test_limits_of_the_rate():
    """Four-fermion, hot and on-shell limits; paper/exact = 12/5 (cold) and 8/3 (hot)."""
    strong = {c: nj.VectorMediator(1e3, 0.3, c) for c in CONVENTIONS}
    E, T = jnp.asarray([0.01, 0.1, 1.0]), jnp.asarray([0.1, 0.1, 0.1])
    cold = 7.0 * np.pi * 0.3**4 * E * T**4 / (108.0 * 1e12)
    # The next order is ET/m² = 1e-7 times a number of order 100.
    np.testing.assert_allclose(_rate(strong["exact"], E, T), cold, rtol=1e-5)
    np.testing.assert_allclose(_rate(strong["paper"], E, T), 12.0 / 5.0 * cold, rtol=1e-5)

    # Corrections fall like w ln²w = 1e-8 × 300, the on-shell part like w/g².
    E, T = jnp.asarray([1e4, 1e5]), jnp.asarray([1e4, 1e4])
    hot = 3.0 * special.zeta(3.0) * T**3 / (8.0 * np.pi**3)
    np.testing.assert_allclose(_rate(nj.VectorMediator(1.0, 1.0), E, T), hot, rtol=1e-5)
    paper = _rate(nj.VectorMediator(1.0, 1.0, "paper"), E, T)
    np.testing.assert_allclose(paper, 8.0 / 3.0 * hot, rtol=1e-5)

    # On shell: off-shell scattering is smaller by γ/w² = 1e-18 × 4e8 at most.
    E, T = jnp.asarray([1.0, 5.0, 60.0, 5e2]), jnp.asarray([5.0, 5.0, 20.0, 1e3])
    on_shell = 1e-16 * 100.0 * T / (8.0 * np.pi * E**2) * np.log1p(np.exp(-25.0 / (E * T)))
    np.testing.assert_allclose(_rate(nj.VectorMediator(10.0, 1e-8), E, T), on_shell, rtol=1e-6)


def test_narrow_limit():
    """R → π t(w) at zero coupling, exactly; and the paper's target tends to Boltzmann's."""
    w = np.geomspace(1e-6, 30.0, 40)
    for convention in CONVENTIONS:
        limit = narrow_vector_rate_shape(w, np, convention)
        found = vector_rate_shape(w, np.zeros_like(w), np, convention)
        np.testing.assert_allclose(found, limit, rtol=1e-13)
        in_jax = jax.jit(vector_rate(convention, 1).shape)(w, 0.0 * w)
        np.testing.assert_allclose(in_jax, limit, rtol=1e-12)
    w = np.array([20.0, 25.0])
    boltzmann = 2.0 * np.sqrt(w) * np.exp(-w) + np.sqrt(np.pi) * special.erfc(np.sqrt(w))
    paper = narrow_vector_rate_shape(w, np, "paper") * np.sqrt(w) / np.pi
    np.testing.assert_allclose(paper, boltzmann, rtol=2e-9)  # e^(−20)


def test_potential():
    """V is twice that of a scalar with λ = g, in both conventions; listed values and limits."""
    for row in KERNELS["v"]:
        x = np.array(float(row["x"]))
        v = 2.0 * potential_shape(x, np.array(float(row["mu"])), np) / x
        assert float(v) == pytest.approx(row["v"], rel=3e-12)
    E, T = jnp.asarray([2.0, 5.0, 300.0]), jnp.asarray([1.0, 5.0, 200.0])
    scalar = _potential(nj.ScalarMediator(10.0, 0.02), E, T)
    for convention in CONVENTIONS:
        vector = _potential(nj.VectorMediator(10.0, 0.02, convention), E, T)
        np.testing.assert_allclose(vector, 2.0 * scalar, rtol=1e-14)
    cold, hot = jnp.asarray([1e-3, 3e-3]), jnp.asarray([1e7, 4e7])
    mediator = nj.VectorMediator(10.0, 0.02)
    heavy = _potential(mediator, cold, cold[:1] * jnp.ones(2))
    np.testing.assert_allclose(heavy, -7.0 * np.pi**2 * 4e-4 * cold * 1e-16 / 45.0, rtol=1e-6)
    light = _potential(mediator, hot, hot[:1] * jnp.ones(2))
    np.testing.assert_allclose(light, 4e-4 * 1e14 / (8.0 * hot), rtol=1e-4)


# --- Production ---------------------------------------------------------------------------------

NAMES = ("mass", "sin2_2theta", "mediator_mass", "coupling")
PROBLEMS = (*problems.vector(), *problems.vector_roots())


def _log_omega(logs, theory):
    sterile, interaction, plasma, method = theory
    sterile = nj.SterileNeutrino(jnp.exp(logs[0]), jnp.exp(logs[1]), sterile.flavour)
    standard, mediator = interaction.terms
    new = (jnp.exp(logs[2]), jnp.exp(logs[3]))
    mediator = eqx.tree_at(lambda m: (m.mass, m.coupling), mediator, new)
    result = nj.solve_production(sterile, standard + mediator, plasma=plasma, method=method)
    rest = (result.mean_momentum, result.status_code)
    return jnp.log(result.relic_density), rest


@eqx.filter_jit
def _with_gradient(logs, theories):
    return eqx.filter_vmap(jax.value_and_grad(_log_omega, has_aux=True))(logs, theories)


@eqx.filter_jit
def _forward(logs, theories):
    return eqx.filter_vmap(jax.jacfwd(_log_omega, has_aux=True))(logs, theories)[0]


@eqx.filter_jit
def _values(logs, theories):
    return eqx.filter_vmap(_log_omega)(logs, theories)


def _batch(chosen):
    theories = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(p.build() for p in chosen))
    values = [[max(getattr(p.case, name), 1e-30) for name in NAMES] for p in chosen]
    return jnp.log(jnp.array(values)), theories


@cache
def solved():
    """(Ω h², ⟨x⟩, status, derivatives or None) by id; one batch for each convention."""
    found = {}
    for convention in CONVENTIONS:
        chosen = [p for p in PROBLEMS if p.case.convention == convention]
        batch = _batch(chosen)
        if convention == "exact":
            (log_omega, (mean, code)), slopes = _with_gradient(*batch)
        else:
            log_omega, (mean, code) = _values(*batch)
            slopes = [None] * len(chosen)
        for index, problem in enumerate(chosen):
            omega = float(np.exp(log_omega[index]))
            status = nj.Status(int(code[index]))
            found[problem.id] = (omega, float(mean[index]), status, slopes[index])
    return found


# The listed root lies at a fold of the resonance in x, which the fixed momenta behind the listed
# numbers miss by some 1e-3: see `test_root_at_a_fold`.
FOLD = "vector-root-{}-50keV-60MeV-0"


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_relic_density_and_mean_momentum(problem):
    """Ω h² and ⟨x⟩ to 1e-6 without a resonance and with wide ones, 1e-4 with narrow ones.

    Measured: 7e-7, and 1.4e-5 at a flagged point. 1e-5 for the roots at m = 1 keV: T_final = 100 m,
    where 1e-5 of the abundance lies at x < 2e-4, below the rows of the lattice; measured 5e-6.
    """
    omega, mean, status, _ = solved()[problem.id]
    if problem.id in (FOLD.format("exact"), FOLD.format("paper")):
        assert omega == pytest.approx(problem.relic_density, rel=5e-3)
        return
    goal = {"smooth": 1e-6, "resonant": 1e-6, "narrow": 1e-4}[problem.tag]
    if problem.id.endswith("7.1keV-0.001MeV-0"):
        goal = 1e-5
    if status is nj.Status.under_resolved:
        assert problem.tag == "narrow"
        goal = 1e-4
    assert omega == pytest.approx(problem.relic_density, rel=goal)
    if problem.mean_momentum is not None:
        assert mean == pytest.approx(problem.mean_momentum, rel=goal)


def test_root_at_a_fold():
    """Where the listed root is wrong by 2e-3, the oracle of the scalar decides: 1e-4.

    On shell a vector of coupling g is a scalar with λ = √2 g: twice V, and the same Γ.
    """
    problem = next(p for p in PROBLEMS if p.id == FOLD.format("exact"))
    case = replace(problem.case, coupling=np.sqrt(2.0) * problem.case.coupling)
    exact = oracles.relic_density(case)
    omega, mean, status, _ = solved()[problem.id]
    assert status is nj.Status.ok
    assert omega == pytest.approx(exact.relic_density, rel=1e-4)
    assert mean == pytest.approx(exact.mean_momentum, rel=1e-4)


LISTED = [
    p
    for p in PROBLEMS
    if p.derivatives and p.case.convention == "exact" and p.id != FOLD.format("exact")
]


@pytest.mark.parametrize("problem", LISTED, ids=repr)
def test_listed_derivatives(problem):
    """d ln Ω h²/d ln p: 1e-5 without and 1e-3 with resonances, beyond the listed error.

    The listed derivatives are differences, whose own error is up to 2e-4.
    """
    slopes = dict(zip(NAMES, solved()[problem.id][3], strict=True))
    for name, (expected, error) in problem.derivatives.items():
        goal = (1e-5 if problem.tag == "smooth" else 1e-3) + error
        assert abs(float(slopes[name]) - expected) < goal, name


@pytest.mark.long
def test_forward_is_reverse():
    """Both modes agree through the width, weak, strong and resonant: 1e-10."""
    chosen = [p for p in PROBLEMS if p.case.convention == "exact" and p.id.startswith("vector-1")]
    forward = np.asarray(_forward(*_batch(chosen)))
    reverse = np.stack([solved()[p.id][3] for p in chosen])
    np.testing.assert_allclose(forward, reverse, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
def test_scalar_and_vector_coincide_on_shell():
    """λ = √2 g gives the same V and on-shell Γ, hence the same abundance: 1e-5 (measured 1e-7)."""
    chosen = [
        p
        for p in problems.vector()
        if p.case.convention == "exact" and p.case.mediator_mass in (10.0, 100.0)
        if p.case.coupling <= 1e-4 and p.tag == "smooth"
    ]
    logs, theories = _batch(chosen)
    scalars = [
        problems.build(replace(p.case, coupling=np.sqrt(2.0) * p.case.coupling)) for p in chosen
    ]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *scalars)
    as_scalar, _ = _values(logs.at[:, 3].add(0.5 * np.log(2.0)), stacked)
    as_vector = [solved()[p.id][0] for p in chosen]
    np.testing.assert_allclose(np.exp(as_scalar), as_vector, rtol=1e-5)


# --- Derivatives of the methods -----------------------------------------------------------------


def _both(mass, coupling, energy, temperature, convention):
    mediator = nj.VectorMediator(mass, coupling, convention, jnp.ones_like(mass))
    rate = mediator.interaction_rate(energy, temperature, "mu")
    return jnp.stack([rate, mediator.thermal_potential(energy, temperature, "mu")])


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gradients(convention, dtype):
    """No NaN at any corner of the domain; Γ and V are homogeneous; forward equals reverse.

    The slope of R ~ w⁻² overflows in float32 for w < 1e-9, that is T > 1.6e4 m/√x: left out.
    """
    corners = np.array(
        [
            (mass, coupling, x * temperature, temperature)
            for mass in (1e-3, 1.0, 1e5)
            for coupling in (0.0, 1e-12, 1e-3, 3.5)
            for x in (2e-4, 1.0, 60.0)
            for temperature in (1e4, mass, min(0.1, mass / 60.0))
        ]
    ).T
    if dtype == jnp.float32:
        corners = corners[:, corners[0] ** 2 > 4e-9 * corners[2] * corners[3]]
    arguments = tuple(jnp.asarray(corner, dtype) for corner in corners)
    both = partial(_both, convention=convention)
    every = (0, 1, 2, 3)

    @jax.jit
    def slopes(*arguments):
        values = jax.vmap(both)(*arguments)
        reverse = jax.vmap(jax.jacrev(both, argnums=every))(*arguments)
        forward = jax.vmap(jax.jacfwd(both, argnums=every))(*arguments)
        return values, jnp.stack(reverse), jnp.stack(forward)

    values, reverse, forward = slopes(*arguments)
    assert values.dtype == reverse.dtype == dtype
    assert jnp.isfinite(values).all()
    assert jnp.isfinite(reverse).all()
    assert jnp.isfinite(forward).all()
    if dtype == jnp.float64:
        sizes = np.stack([np.abs(a)[:, None] for a in corners])
        scaled, other = np.asarray(reverse) * sizes, np.asarray(forward) * sizes
        assert np.max(np.abs(scaled - other) / (np.abs(scaled).max(axis=0) + 1e-300)) < 1e-9
        # (m∂_m + E∂_E + T∂_T) of a mass is the mass. Below the floor of w (see the kernels) V
        # stands still to 1e-7.
        total = scaled[0] + scaled[2] + scaled[3]
        size = np.abs(scaled[[0, 2, 3]]).max(axis=0)
        np.testing.assert_array_less(np.abs(total - values), 1e-6 * size + 1e-300)


# --- Arguments ----------------------------------------------------------------------------------


def test_leaves_and_kind():
    """Numbers are leaves, choices are not; one set of tables serves all masses and couplings."""
    mediator = nj.VectorMediator(1, 0.1, "paper")
    assert len(jax.tree.leaves(mediator)) == 3
    assert mediator.kind == nj.VectorMediator(5.0, 1.0, "paper").kind
    assert mediator.kind != nj.VectorMediator(5.0, 1.0).kind
    assert float(mediator.relative_width) == pytest.approx(0.01 / (24.0 * np.pi), rel=1e-15)
    assert vector_rate("exact", 1) is vector_rate("exact", 1)
    E = jnp.asarray([1.0, 2.0])
    twice = nj.VectorMediator(1.0, 0.1, rate_factor=2.0)
    np.testing.assert_allclose(_rate(twice, E, E), 2.0 * _rate(nj.VectorMediator(1.0, 0.1), E, E))
