"""Regimes A, B, C and their temperatures, against slopes of Ω h² and closed forms."""

from __future__ import annotations

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import problems
import pytest

import nujax as nj

STANDARD, PLASMA, METHOD = nj.presets.paper()
NU = nj.SterileNeutrino(mass=7.1e-3, sin2_2theta=7e-11, flavour="mu")


@eqx.filter_jit
def regimes(kind, masses, couplings, sterile=NU):
    """Of mediators of the class with the name `kind`, one for each mass and coupling."""

    def one(mass, coupling):
        forces = STANDARD + getattr(nj, kind)(mass, coupling)
        return nj.production_regime(sterile, forces, plasma=PLASMA, method=METHOD)

    return jax.vmap(one)(jnp.asarray(masses), jnp.asarray(couplings))


@cache
def roots(kind):
    """(mass, coupling, d ln Ω h²/d ln coupling, name) of listed roots at 7.1 keV, exact rates."""
    if kind == "ScalarMediator":
        listed = [(r.case, r.derivatives["coupling"]) for r in problems.curve_roots()]
    else:
        some = [p for p in problems.vector_roots() if "coupling" in p.derivatives]
        listed = [(p.case, p.derivatives["coupling"][0]) for p in some]
    listed = [r for r in listed if r[0].convention == "exact" and r[0].mass == 7.1e-3]
    masses = [case.mediator_mass for case, _ in listed]
    couplings = [case.coupling for case, _ in listed]
    found = regimes(kind, masses, couplings)
    names = [found.names[int(code)] for code in found.code]
    return list(zip(masses, couplings, [slope for _, slope in listed], names, strict=True))


@pytest.mark.parametrize("kind", ["ScalarMediator", "VectorMediator"])
def test_three_roots_of_one_mass_are_the_three_regimes(kind):
    """1 GeV: C, B and A by coupling, as along the S-shaped curve of 1910.04901 figure 2."""
    at_1_GeV = sorted((coupling, name) for mass, coupling, _, name in roots(kind) if mass == 1e3)
    assert [name for _, name in at_1_GeV] == ["C", "B", "A"]


@pytest.mark.parametrize(("kind", "number"), [("ScalarMediator", 8), ("VectorMediator", 6)])
def test_regime_goes_with_the_slope(kind, number):
    """Ω h² ∝ g³ in A, g² in C, g^(−2) in B: the listed slopes tell A and C from B."""
    assert len(roots(kind)) >= number
    for mass, coupling, slope, name in roots(kind):
        assert (slope < 0.0) == (name == "B"), (mass, coupling, slope, name)


@pytest.mark.parametrize(
    ("kind", "factor"), [("ScalarMediator", 1.0), ("VectorMediator", 0.5**0.5)]
)
def test_folds_separate_regimes(kind, factor):
    """On the scalar's curve B ends at the listed folds: to 10 % in the coupling at the one to A,
    to a factor 2 at the one to C, where the shares change slowly.

    The vector of g = λ/√2 has the same potential and on-shell rate, so its weak fold is the same.
    """
    for name, (mass, coupling) in problems.curve_folds("exact").items():
        if kind == "VectorMediator" and name == "fold_AB":
            continue
        outer, beyond = (1.1, "A") if name == "fold_AB" else (0.5, "C")
        inner = 1.0 / outer if name == "fold_AB" else 2.0
        found = regimes(kind, [mass, mass], [coupling * factor * outer, coupling * factor * inner])
        assert [found.names[int(c)] for c in found.code] == [beyond, "B"]


def test_without_a_new_force():
    """Dodelson–Widrow; Γ = 0.92 G_F²ET⁴ and H = 1.66√g* T²/M_Pl meet at a T in closed form."""
    found = nj.production_regime(NU, STANDARD, plasma=PLASMA, method=METHOD)
    assert found.name == "DW"
    assert found.z_2 is None
    np.testing.assert_allclose(found.shares, [1.0, 0.0, 0.0, 0.0], atol=1e-12)
    rate = float(STANDARD.interaction_rate(jnp.asarray(1.0), jnp.asarray(1.0), "mu"))
    hubble = float(PLASMA.hubble_rate(jnp.asarray(1.0)))
    np.testing.assert_allclose(found.T_collisions, (hubble / rate) ** (1 / 3), rtol=1e-6)
    # V = −K E T⁴ and Γ against m₄²/2E at E = T: |V| is the larger one
    level = -float(STANDARD.thermal_potential(jnp.asarray(1.0), jnp.asarray(1.0), "mu"))
    np.testing.assert_allclose(found.T_mixing, (NU.mass**2 / 2 / level) ** (1 / 6), rtol=1e-6)
    np.testing.assert_allclose(found.z_1, 1.0 / found.T_mixing)


def test_temperatures_of_a_heavy_mediator():
    """Regime A: Γ = 7πλ⁴T⁵/1728m⁴ = H and 7π²λ²T⁵/90m⁴ + K T⁵ = Δ, so z₂ < z₁ < z₀.

    1 %: the next order in T²/m² at T_mixing, and what the weak collisions leave of Γ.
    """
    mass, coupling = 1e4, 1.0
    found = regimes("ScalarMediator", [mass], [coupling])
    assert found.names[int(found.code[0])] == "A"
    strength = 7.0 * np.pi / 1728.0 * (coupling / mass) ** 4
    hubble = float(PLASMA.hubble_rate(jnp.asarray(1.0)))
    np.testing.assert_allclose(found.T_collisions, (hubble / strength) ** (1 / 3), rtol=0.01)
    level = 7.0 * np.pi**2 / 90.0 * coupling**2 / mass**4
    level -= float(STANDARD.thermal_potential(jnp.asarray(1.0), jnp.asarray(1.0), "mu"))
    np.testing.assert_allclose(found.T_mixing, (NU.mass**2 / 2 / level) ** (1 / 6), rtol=0.01)
    np.testing.assert_allclose(found.T_mass, mass)
    assert found.z_2 < found.z_1 < found.z_0


def test_weak_forces_never_reach_equilibrium():
    """λ = 1e-12: Γ < H throughout, z₀ = 0; the Standard Model makes everything."""
    found = regimes("ScalarMediator", [1e3], [1e-12])
    assert found.names[int(found.code[0])] == "DW"
    assert float(found.z_0[0]) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ScalarMediator", "VectorMediator", "LMuMinusLTau"])
def test_shares_are_shares(kind):
    """Finite, within [0, 1] to the ripple of the weights, of sum 1; over the whole domain."""
    grid = np.array([(m, g) for m in (1e-3, 1.0, 1e3, 1e5) for g in (1e-12, 1e-6, 1e-2, 3.5)]).T
    found = regimes(kind, *grid)
    shares = np.asarray(found.shares)
    assert np.isfinite(shares).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-9)
    assert shares.min() > -1e-6
    for temperature in (found.T_collisions, found.T_mixing):
        assert not np.isnan(temperature).any()


@pytest.mark.slow
def test_with_g_star_of_T_and_a_stepped_method():
    """Precise inputs, and the same equation stepped by diffrax, tell the same."""
    forces = nj.StandardModel() + nj.ScalarMediator(1e3, 0.3)
    quadrature = nj.solve_production(NU, forces).regime
    stepped = nj.solve_production(NU, forces, method=nj.BoltzmannODE()).regime
    assert quadrature.name == stepped.name == "A"
    np.testing.assert_allclose(quadrature.shares, stepped.shares, atol=1e-3)
    np.testing.assert_allclose(quadrature.T_mixing, stepped.T_mixing, rtol=1e-3)
    constant = nj.production_regime(NU, forces, plasma=PLASMA, method=METHOD)
    np.testing.assert_allclose(quadrature.T_mixing, constant.T_mixing, rtol=0.01)


def test_words():
    found = nj.production_regime(NU, STANDARD, plasma=PLASMA, method=METHOD)
    assert str(found) == "DW (100.0%: collisions of the Standard Model)"
    assert "regime: DW" in str(nj.solve_production(NU, STANDARD, plasma=PLASMA, method=METHOD))
    assert str(regimes("ScalarMediator", [1e3], [1e-12])) == "Regime(batch of shape (1,))"
