"""Sums of interactions, a user's own mediator, and every public object as a pytree."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax import abundance
from nujax.production._theory import parts_of

STERILE = nj.SterileNeutrino(7.1e-3, 7e-11)
PAPER, CONSTANT = nj.StandardModel("paper"), nj.Plasma.constant(10.75)
ENERGY, TEMPERATURE = jnp.asarray([3.0, 60.0, 900.0]), jnp.asarray([4.0, 20.0, 300.0])


class Constant(nj.AbstractInteraction):
    """Γ = aT, V = bE: the least that an interaction can be."""

    a: float
    b: float

    def interaction_rate(self, E, T, flavour):
        return self.a * T

    def thermal_potential(self, E, T, flavour):
        return self.b * E


class OwnMediator(nj.AbstractInteraction):
    """What a user writes who knows the formulas of `ScalarMediator`: two methods, no tables."""

    mass: jax.Array
    coupling: jax.Array

    def interaction_rate(self, E, T, flavour):
        return nj.ScalarMediator(self.mass, self.coupling).interaction_rate(E, T, flavour)

    def thermal_potential(self, E, T, flavour):
        return nj.ScalarMediator(self.mass, self.coupling).thermal_potential(E, T, flavour)


def own(mass, coupling):
    return OwnMediator(jnp.asarray(mass), jnp.asarray(coupling))


# --- Sums ---------------------------------------------------------------------------------------


def test_sum_adds_rates_and_potentials():
    """Γ = ΣΓ_i and V = ΣV_i, in any order, whatever the terms are."""
    a, b, c = PAPER, nj.ScalarMediator(10.0, 0.1), Constant(1e-3, -2e-3)
    for interaction in (a + b + c, c + (b + a), nj.InteractionSum((b, c, a))):
        for method in ("interaction_rate", "thermal_potential"):
            of_terms = [getattr(t, method)(ENERGY, TEMPERATURE, "mu") for t in (a, b, c)]
            found = getattr(interaction, method)(ENERGY, TEMPERATURE, "mu")
            np.testing.assert_allclose(found, sum(of_terms), rtol=1e-14)


def test_sums_are_flat():
    """(a + b) + (c + d) has four terms: production sorts terms and must see all of them."""
    a, b, c, d = PAPER, nj.ScalarMediator(10.0, 0.1), Constant(1.0, 2.0), Constant(3.0, 4.0)
    for interaction in ((a + b) + (c + d), a + (b + (c + d)), ((a + b) + c) + d):
        assert interaction.terms == (a, b, c, d)
        assert isinstance(interaction, nj.InteractionSum)
    parts = parts_of((c + a) + (b + d))
    assert (parts.mediator, parts.standard, parts.others) == (b, a, (c, d))
    assert float(parts.anchor) == 10.0


def test_flavour_reaches_every_term():
    """The name of the mixing neutrino is passed on: ν_e feels more than ν_μ."""
    both = PAPER + nj.ScalarMediator(1e3, 1e-6)
    e, mu = (both.interaction_rate(ENERGY, TEMPERATURE, flavour) for flavour in ("e", "mu"))
    np.testing.assert_allclose(e / mu, 1.27 / 0.92, rtol=1e-3)


def test_sum_keeps_single_precision():
    """No integer zero and no float64 sneaks in where single numbers are added."""
    single = nj.ScalarMediator(*(jnp.float32(v) for v in (10.0, 0.1)), rate_factor=jnp.float32(1))
    both = nj.InteractionSum((single, PAPER))
    E, T = ENERGY.astype(jnp.float32), TEMPERATURE.astype(jnp.float32)
    for method in (both.interaction_rate, both.thermal_potential):
        assert jax.eval_shape(partial(method, flavour="mu"), E, T).dtype == jnp.float32


def test_an_interaction_needs_both_methods():
    """A class with one of the two methods cannot be made, so it cannot fail later under jit."""

    class OnlyRate(nj.AbstractInteraction):
        def interaction_rate(self, E, T, flavour):
            return T

    kinds: list[Any] = [OnlyRate, nj.AbstractInteraction]
    for kind in kinds:
        with pytest.raises(TypeError, match="abstract"):
            kind()


def test_what_is_no_interaction():
    """The entry functions name the argument that is of a wrong kind."""
    for arguments, name in (((STERILE, 3.0), "interaction"), ((PAPER, PAPER), "sterile")):
        with pytest.raises(TypeError, match=f"Argument `{name}` must be of type"):
            nj.solve_production(*arguments)  # pyright: ignore[reportArgumentType]


# --- A user's own mediator ----------------------------------------------------------------------

# λ and m [MeV] in the regimes A, B and C; the fourth and fifth have resonances, the last one is
# broad (γ_φ = 0.25): beyond the tables of the fast path.
OWN_POINTS = [
    (7.1e-3, 7e-11, 1e3, 0.1),
    (7.1e-3, 7e-11, 1e3, 1e-2),
    (7.1e-3, 7e-11, 1.0, 1e-6),
    (7.1e-3, 7e-11, 1e4, 1.0),
    (5e-2, 1e-15, 300.0, 0.3),
    (3e-2, 1e-14, 3e4, 5.0),
]


@pytest.mark.parametrize(("mass", "s2", "mediator_mass", "coupling"), OWN_POINTS)
def test_own_mediator_equals_the_tabulated_one(mass, s2, mediator_mass, coupling):
    """Two methods are all that production needs: the generic path gives what the tables give.

    1e-6, the promise of smooth points; measured 7e-9. The anchors of the two time grids differ,
    so that this also checks that results do not depend on where the nodes lie.
    """
    sterile = nj.SterileNeutrino(mass, s2)
    method = nj.BoltzmannQuadrature(T_final=min(0.1, mediator_mass / 60.0))
    found, expected = (
        abundance.relic_density_and_status(
            sterile, PAPER + mediator, plasma=CONSTANT, method=method
        )
        for mediator in (
            own(mediator_mass, coupling),
            nj.ScalarMediator(mediator_mass, coupling),
        )
    )
    assert int(found[1]) == int(expected[1]) == nj.Status.ok
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-6)


# Mediator alone with g*(T): Ω h² by stepping the equation of 64 momenta with LSODA, 1e-7
# (oracles.comoving_relic_density). Conversion is slow in the first two; in the others it is as
# fast as the expansion or much faster, up to equilibrium (77.1909, 120.2629, 207.1302).
STEPPED = [
    (5e-2, 1e-15, 300.0, 0.3, 0.019480175863),
    (7.1e-3, 7e-11, 300.0, 0.1, 0.90415427),
    (7.1e-3, 7e-11, 60.0, 2.0, 77.189252),
    (7.1e-3, 7e-11, 10.0, 0.5, 119.292432),
    (7.1e-3, 7e-11, 10.0, 2.0, 120.258872),
    (7.1e-3, 7e-11, 1.0, 1.0, 207.130214),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["own", "tabulated"])
@pytest.mark.parametrize(("mass", "s2", "mediator_mass", "coupling", "stepped"), STEPPED)
def test_mediators_in_a_realistic_plasma(mass, s2, mediator_mass, coupling, stepped, kind):
    """Right or flagged, with g*(T): momenta slide against T, and conversion may be fast.

    The tables are interpolated in the slide, where a rate that falls as e^(−m²/4ET) is hard; the
    generic path is not. 1e-5 where conversion is slow, which must not be flagged; 1e-4 elsewhere.
    """
    sterile = nj.SterileNeutrino(mass, s2)
    mediator = (own if kind == "own" else nj.ScalarMediator)(mediator_mass, coupling)
    method = nj.BoltzmannQuadrature(T_final=min(1.0, mediator_mass / 60.0))
    found, status = abundance.relic_density_and_status(sterile, mediator, method=method)
    if stepped < 1.0:
        assert int(status) == nj.Status.ok
        assert float(found) == pytest.approx(stepped, rel=1e-5)
    elif int(status) == nj.Status.ok:
        assert float(found) == pytest.approx(stepped, rel=1e-4)


@pytest.mark.slow
def test_own_mediator_in_full():
    """`solve_production` gives the same spectrum, mean momentum and status for a user's class."""
    method = nj.BoltzmannQuadrature(T_final=0.1)
    found, expected = (
        nj.solve_production(STERILE, PAPER + mediator, plasma=CONSTANT, method=method)
        for mediator in (own(1e3, 0.1), nj.ScalarMediator(1e3, 0.1))
    )
    assert found.status == expected.status == nj.Status.ok
    assert float(found.mean_momentum) == pytest.approx(float(expected.mean_momentum), rel=1e-6)
    assert float(found.relic_density) == pytest.approx(float(expected.relic_density), rel=1e-6)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-14)
    np.testing.assert_allclose(found.f, expected.f, rtol=1e-6)


@pytest.mark.slow
def test_gradient_through_own_mediator():
    """Derivatives flow through a user's class into every number that it holds."""
    method = nj.BoltzmannQuadrature(T_final=0.1)

    @jax.jit
    @partial(jax.grad, argnums=(0, 1))
    def slopes(mass, coupling, kind=own):
        return jnp.log(
            nj.relic_density(STERILE, PAPER + kind(mass, coupling), plasma=CONSTANT, method=method)
        )

    tabulated = jax.jit(
        jax.grad(
            lambda m, c: jnp.log(
                nj.relic_density(
                    STERILE, PAPER + nj.ScalarMediator(m, c), plasma=CONSTANT, method=method
                )
            ),
            argnums=(0, 1),
        )
    )
    np.testing.assert_allclose(slopes(1e3, 0.1), tabulated(1e3, 0.1), rtol=1e-6)


@pytest.mark.slow
def test_two_mediators():
    """Two mediators of couplings λ/√2 are one of coupling λ as long as they are narrow.

    One is tabulated, the other is not; the lighter one sets the default T_final.
    """
    one = PAPER + nj.ScalarMediator(1.0, 1e-6)
    half = nj.ScalarMediator(1.0, 1e-6 / np.sqrt(2.0))
    two = PAPER + half + half
    found, expected = (nj.relic_density(STERILE, i, plasma=CONSTANT) for i in (two, one))
    assert float(found) == pytest.approx(float(expected), rel=1e-8)
    lightest = parts_of(nj.ScalarMediator(5.0, 0.1) + nj.ScalarMediator(2.0, 0.1)).lightest()
    assert lightest is not None
    assert float(lightest) == 2.0


def test_own_interaction_without_the_standard_model():
    """Γ = aT⁵E-like laws of a user reproduce the closed form of Dodelson–Widrow production.

    f_s/f_a = (π/48) C M_Pl s² m₄/(1.66 √g* √(2K)), 1e-4: the window is not infinite.
    """

    class Weak(nj.AbstractInteraction):
        def interaction_rate(self, E, T, flavour):
            return PAPER.interaction_rate(E, T, flavour)

        def thermal_potential(self, E, T, flavour):
            return PAPER.thermal_potential(E, T, flavour)

    method = nj.BoltzmannQuadrature(back_reaction=False, T_final=0.1)
    found = nj.relic_density(STERILE, Weak(), plasma=CONSTANT, method=method)
    ratio = abundance.dodelson_widrow_ratio(STERILE)
    expected = ratio * abundance.equilibrium_relic_density(STERILE.mass, CONSTANT)
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


# --- Every public object is a pytree ------------------------------------------------------------

PUBLIC = {
    "SterileNeutrino": STERILE,
    "StandardModel": nj.StandardModel(),
    "ScalarMediator": nj.ScalarMediator(1e3, 0.1, bose=True),
    "InteractionSum": PAPER + nj.ScalarMediator(1e3, 0.1),
    "Plasma": nj.Plasma.standard(),
    "BoltzmannQuadrature": nj.BoltzmannQuadrature(T_initial=1e4),
    "BoltzmannODE": nj.BoltzmannODE(),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_objects_are_pytrees(name):
    """Flattened and rebuilt, passed through jit, mapped and printed; numbers are its leaves."""
    value = PUBLIC[name]
    leaves, structure = jax.tree.flatten(value)
    assert eqx.tree_equal(jax.tree.unflatten(structure, leaves), value)
    assert all(eqx.is_inexact_array(leaf) for leaf in leaves)
    assert eqx.tree_equal(eqx.filter_jit(lambda v: v)(value), value)
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, 2.0 * leaf]), value)
    doubled = eqx.filter_vmap(lambda v: v, in_axes=eqx.if_array(0))(stacked)
    if leaves:
        assert eqx.tree_equal(doubled, stacked)
    assert name in repr(value)


@pytest.mark.slow
def test_gradient_with_respect_to_everything():
    """One reverse pass gives finite derivatives for every leaf of all four arguments.

    Ω h² is proportional to s₀ and 1/(ρ_c/h²), and nearly to sin²2θ (back-reaction, 1e-3).
    """
    arguments = (
        STERILE,
        PAPER + nj.ScalarMediator(1e3, 0.1, bose=True),
        CONSTANT,
        nj.BoltzmannQuadrature(T_initial=1e4, T_final=0.1),
    )

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def relic_density(arguments):
        sterile, interaction, plasma, method = arguments
        return nj.relic_density(sterile, interaction, plasma=plasma, method=method)

    value, slopes = relic_density(arguments)
    logarithmic = jax.tree.map(lambda slope, leaf: float(slope * leaf / value), slopes, arguments)
    assert all(np.isfinite(slope) for slope in jax.tree.leaves(logarithmic))
    assert len(jax.tree.leaves(slopes)) == len(jax.tree.leaves(arguments))
    sterile, interaction, plasma, method = logarithmic
    assert plasma.entropy_density_today == pytest.approx(1.0, rel=1e-12)
    assert plasma.critical_density_over_h2 == pytest.approx(-1.0, rel=1e-12)
    assert sterile.sin2_2theta == pytest.approx(1.0, abs=2e-3)
    # Scaling Γ, H and V alike: what is left of g* is √g* in H and g* in the entropy.
    assert plasma.constant_degrees == pytest.approx(-1.5, abs=2e-3)
    assert interaction.terms[1].mass != 0.0
    # Complete production does not see its limits.
    assert abs(method.T_initial) < 1e-3
    assert abs(method.T_final) < 1e-3


@pytest.mark.slow
def test_results_are_pytrees():
    """A `ProductionResult` leaves jit and vmap whole: scalars, spectrum, status and text."""
    method = nj.BoltzmannQuadrature(T_final=0.1)

    def solve(coupling):
        return nj.solve_production(
            STERILE, PAPER + nj.ScalarMediator(1e3, coupling), plasma=CONSTANT, method=method
        )

    batch = eqx.filter_jit(eqx.filter_vmap(solve))(jnp.asarray([0.1, 0.2]))
    assert batch.relic_density.shape == (2,)
    assert batch.f.shape == batch.x.shape
    assert (np.asarray(batch.status) == nj.Status.ok).all()
    assert "batch" in str(batch)
    single = solve(jnp.asarray(0.1))
    assert float(batch.relic_density[0]) == pytest.approx(float(single.relic_density), rel=1e-12)
    assert single.status is nj.Status.ok
    slope = jax.grad(lambda x: single.distribution(x))(1.3)
    high, low = (float(single.distribution(x)) for x in (1.301, 1.299))
    assert float(slope) == pytest.approx((high - low) / 2e-3, rel=1e-5)


def test_closed_forms_are_differentiable():
    """jit, grad and vmap reach through the closed forms too: they guide scans and fits."""

    def ratio(mass, s2, coupling, x):
        nu = nj.SterileNeutrino(mass, s2)
        light = abundance.light_mediator_ratio(nu, nj.ScalarMediator(1.0, coupling), x)
        equilibrium = abundance.equilibrium_relic_density(mass, CONSTANT)
        return light, abundance.dodelson_widrow_ratio(nu), equilibrium

    point = tuple(jnp.asarray(v) for v in (7.1e-3, 7e-11, 1e-6, 2.0))
    values = jax.jit(ratio)(*point)
    slopes = jax.jit(jax.jacrev(ratio, argnums=(0, 1, 2, 3)))(*point)
    powers = [
        [float(d * p / v) for d, p in zip(row, point, strict=True)]
        for row, v in zip(slopes, values, strict=True)
    ]
    np.testing.assert_allclose(
        powers, [[0, 1, 2, -0.5], [1, 1, 0, 0], [1, 0, 0, 0]], rtol=1e-12, atol=1e-12
    )
    batch = jax.vmap(ratio)(*(jnp.stack([p, p]) for p in point))
    np.testing.assert_allclose(batch[1], values[1], rtol=1e-14)
