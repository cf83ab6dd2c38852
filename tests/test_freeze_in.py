"""Freeze-in: closed forms, number conservation, sudden decays, sums, derivatives, bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.special import kve

import nujax as nj
from nujax.abundance import comoving_yield
from nujax.constants import PLANCK_MASS
from nujax.production._parent_number import bessel_functions
from nujax.units import GeV, keV

MASS = 100 * GeV
CONSTANT, STANDARD = nj.Plasma.constant(100.0), nj.Plasma.standard()
NU = nj.SterileNeutrino(7.1 * keV, 7e-11, "mu")


def decays(parent, plasma=CONSTANT, T_final=0.1):
    return nj.FreezeIn(parent).decays(plasma, jnp.asarray(T_final))


def per_entropy(found, plasma=CONSTANT, T_final=0.1):
    """n_N/s."""
    return float(comoving_yield(found.number, plasma.entropy_degrees(jnp.asarray(T_final))))


def test_maxwell_boltzmann():
    """f = 2√π Γ M_Pl/(1.66 √g* m²) x^(−1/2) e^(−x) to 1e-8, and ⟨x⟩ = 5/2."""
    width = 1e-15
    found = decays(nj.ThermalScalar(MASS, width=width, statistics="maxwell-boltzmann"))
    x = np.asarray(found.q)
    exact = 2.0 * np.sqrt(np.pi) * width * PLANCK_MASS / (1.66 * 10.0 * MASS**2)
    exact = exact * x**-0.5 * np.exp(-x)
    np.testing.assert_allclose(found.f, exact, rtol=1e-8)
    assert float(found.momentum / found.number) == pytest.approx(2.5, rel=1e-8)


def test_bose_einstein():
    """⟨x⟩ = 2.45 (5/2 ζ(7/2)/ζ(5/2)·… as a double integral here), within 1e-6 of SciPy."""
    found = decays(nj.ThermalScalar(MASS, yukawa=1e-8))

    def f(x):  # up to a factor: ∫ dz z²/x² (−ln(1 − e^(−x − z²/4x)))
        return quad(lambda z: -(z**2) / x**2 * np.log(-np.expm1(-x - z**2 / (4 * x))), 0, 60)[0]

    moments = [quad(lambda x, k=k: x**k * f(x), 1e-9, 60, epsrel=1e-8)[0] for k in (2, 3)]
    mean = float(found.momentum / found.number)
    assert mean == pytest.approx(moments[1] / moments[0], rel=1e-6)
    assert mean == pytest.approx(2.45, abs=0.01)


def test_width_of_a_yukawa():
    """y² m/16π."""
    assert float(nj.ThermalScalar(MASS, yukawa=1e-8).width) == pytest.approx(
        1e-16 * MASS / (16.0 * np.pi), rel=1e-12
    )


def test_dilution():
    """With g*(T): f_N(q) by SciPy along one comoving momentum, to 1e-6; today's ⟨p/T⟩ is lower.

    By (g*s(T_final)/g*s(m/4))^(1/3), to the 3 % that decays are spread in temperature.
    """
    parent = nj.ThermalScalar(MASS, width=1e-15, statistics="maxwell-boltzmann")
    found = decays(parent, STANDARD, 1.0)
    row = int(np.argmin(np.abs(np.asarray(found.q) - 1.0)))
    q = float(found.q[row])

    def integrand(t):
        T = MASS * np.exp(-t)
        x = q * float(STANDARD.redshift(T, 1.0))
        z = np.exp(t)
        speed = float(STANDARD.clock_factor(T) / STANDARD.hubble_rate(T))
        return 1e-15 * speed * z / x**2 * np.exp(-x - z**2 / (4 * x))

    expected = quad(integrand, -8.0, 4.0, epsrel=1e-8, limit=200)[0]
    assert float(found.f[row]) == pytest.approx(expected, rel=1e-6)
    ratio = float(STANDARD.redshift(MASS / 4.0, 1.0))
    assert float(found.momentum / found.number) == pytest.approx(2.5 / ratio, rel=0.03)


def test_bessel_functions():
    z = np.geomspace(1e-3, 1e6, 60)
    one, two = bessel_functions(jnp.asarray(z))
    np.testing.assert_allclose(one, kve(1, z), rtol=1e-10)
    np.testing.assert_allclose(two, kve(2, z), rtol=1e-10)


@pytest.mark.parametrize("plasma", [CONSTANT, STANDARD], ids=["constant", "standard"])
def test_two_neutrinos_per_parent(plasma):
    """Parents that nothing else makes or destroys: n_N = 2 n_S(start) to 1e-6; 1 for S → N X."""
    # ⟨σv⟩ = 0: frozen out from the start, n_S = n_eq(T_start).
    for daughters in (1, 2):
        parent = nj.DecoupledScalar(MASS, width=1e-17, daughters=daughters)
        found = decays(parent, plasma)
        start = float(found.parents.per_entropy[0])
        assert per_entropy(found, plasma) == pytest.approx(daughters * start, rel=1e-6)
        assert float(found.parents.per_entropy[-1]) < 1e-12 * start


def test_sudden_decay():
    """Cold parents that decay late have Γ/2H as their clock: ⟨p⟩ = (m/2)⟨1/T_decay⟩, closed form.

    Constant g*: with u = Γ/(2H) ∝ T^(−2), dN ∝ e^(−u) du and q = (m/2T) = (m/2)√(2Hu/ΓT²), so
    ⟨q⟩ = (m/2T₁) Γ(3/2), T₁ where Γ = 2H. Of E ≠ m: some T₁/m = 3e-4.
    """
    hubble_at_one = float(CONSTANT.hubble_rate(jnp.asarray(1.0)))
    T_1 = 3e-4 * MASS
    found = decays(nj.DecoupledScalar(MASS, width=2.0 * hubble_at_one * T_1**2))
    mean = float(found.momentum / found.number)
    assert mean == pytest.approx(MASS / (2.0 * T_1) * 0.5 * np.sqrt(np.pi), rel=2e-3)
    # The spectrum of the rows is that of the closed form, broadened by √(T/m) = 2 %.
    q = np.asarray(found.q)
    u = (2.0 * T_1 * q / MASS) ** 2
    shape = q**-3 * 2.0 * u * np.exp(-u)
    shape = shape * float(found.number) * 10.0 / np.sum(q**3 * shape)
    near = (u > 0.1) & (u < 3.0)
    np.testing.assert_allclose(np.asarray(found.f)[near], shape[near], rtol=0.02)


def brute_force(parent, plasma, T_start, T_end):
    """n_S/s at T_end by SciPy's Radau in ln Y, and n_N/s from it."""
    mass, width = float(parent.mass), float(parent.width)
    sigma, other = float(parent.cross_section), float(parent.other_width)

    def level(z, T):
        return 45.0 / (4 * np.pi**4) * z**2 * kve(2, z) * np.exp(-z) / float(
            plasma.entropy_degrees(T)
        )  # fmt: skip

    def slope(t, y):
        T = mass * np.exp(-t)
        z = np.exp(t)
        speed = float(plasma.clock_factor(T) / plasma.hubble_rate(T))
        s = float(plasma.entropy_density(T))
        equal, dilation = level(z, T), kve(1, z) / kve(2, z)
        gain = s * sigma * (equal**2 - y[0] ** 2) - other * dilation * (y[0] - equal)
        return [speed * (gain - width * dilation * y[0]), speed * 2.0 * width * dilation * y[0]]

    span = np.log(mass / np.array([T_start, T_end]))
    first = level(mass / T_start, T_start) if parent.start == "equilibrium" else 0.0
    # Radau's trial steps may overshoot.
    with np.errstate(over="ignore", invalid="ignore"):
        done = solve_ivp(slope, span, [first, 0.0], method="Radau", rtol=1e-8, atol=1e-20)
    return done.y[:, -1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "parent",
    [
        nj.DecoupledScalar(MASS, width=1e-16, cross_section=1e-16),
        nj.DecoupledScalar(MASS, width=1e-16, cross_section=1e-25, start="empty"),
        nj.DecoupledScalar(MASS, width=1e-14, other_width=1e-12, start="empty"),
    ],
    ids=["freeze-out", "freeze-in", "decays"],
)
def test_number_against_brute_force(parent):
    """An adaptive stiff solver agrees with the exact steps on fixed nodes, to 1e-5."""
    found = decays(parent)
    _, made = brute_force(parent, CONSTANT, 1e3 * MASS, 1e-4 * MASS)
    assert per_entropy(found) == pytest.approx(made, rel=1e-5)


def test_boson_of_b_minus_l():
    """Thermal: three spin states of a scalar of the same width; else slower, then the same.

    Strong inverse decays keep V in equilibrium: n_N within 10 % of thermal, below it.
    """
    thermal = decays(nj.BMinusLBoson(MASS, 1e-7, thermal=True))
    width = float(nj.BMinusLBoson(MASS, 1e-7).width)
    scalar = decays(nj.ThermalScalar(MASS, width=width, statistics="maxwell-boltzmann"))
    assert float(thermal.number) == pytest.approx(3.0 * float(scalar.number), rel=1e-12)
    strong = decays(nj.BMinusLBoson(MASS, 1e-7))
    assert 0.9 < float(strong.number / thermal.number) < 1.0
    # Weak: every V that is made decays, into N at the share of its width. n_V made by fermions
    # alone is what a thermal scalar of that width makes of one neutrino each, times three.
    boson = nj.BMinusLBoson(MASS, 1e-11)
    made = decays(
        nj.ThermalScalar(
            MASS, width=boson.fermion_width, statistics="maxwell-boltzmann", daughters=1
        )
    )
    share = float(boson.width / (boson.width + boson.fermion_width))
    assert per_entropy(decays(boson)) == pytest.approx(2 * 3 * share * per_entropy(made), rel=1e-5)


def test_sum_with_oscillations():
    """One spectrum and one Ω h²: number and spectrum are the sums of both."""
    method = nj.FreezeIn(nj.ThermalScalar(MASS, yukawa=1e-9))
    forces = nj.StandardModel()
    both = nj.solve_production(NU, forces, method=method)
    alone = nj.solve_production(NU, forces)
    made = decays(method.parent, STANDARD, 1.0)
    total = float(alone.comoving_yield) + per_entropy(made, STANDARD, 1.0)
    assert float(both.comoving_yield) == pytest.approx(total, rel=1e-10)
    assert both.status is nj.Status.ok
    x = jnp.array([0.01, 0.3, 2.0, 9.0])
    some = slice(0, 120)  # up to x = 30: above 66 f underflows
    parts = np.interp(np.log(x), np.log(made.q[some]), np.log(made.f[some]))
    # (the linear interpolation of ln f is good to 1e-3)
    np.testing.assert_allclose(
        both.distribution(x), np.exp(parts) + alone.distribution(x), rtol=2e-3
    )
    fast = nj.relic_density(NU, forces, method=method)
    assert float(fast) == pytest.approx(float(both.relic_density), rel=1e-8)
    assert float(both.decay_share) == pytest.approx(1.0 - float(alone.comoving_yield) / total)


def log_density(parameters, parent):
    method = nj.FreezeIn(parent(*parameters))
    return jnp.log(nj.relic_density(NU, nj.StandardModel(), method=method))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parent", "at"),
    [
        (lambda m, y: nj.ThermalScalar(m, yukawa=y), (MASS, 1e-8)),
        (lambda m, w, s: nj.DecoupledScalar(m, width=w, cross_section=s), (MASS, 1e-17, 1e-18)),
        (lambda m, g: nj.BMinusLBoson(m, g), (MASS, 1e-9)),
    ],
    ids=["thermal", "decoupled", "b-l"],
)
def test_derivatives(parent, at):
    """Forward = reverse = differences to 1e-5, for masses, widths, y, ⟨σv⟩ and g."""
    at = jnp.asarray(at)
    value = jax.jit(partial(log_density, parent=parent))
    reverse, forward = jax.grad(value)(at) * at, jax.jacfwd(value)(at) * at
    np.testing.assert_allclose(forward, reverse, rtol=1e-8)
    h = 1e-3
    for k in range(len(at)):
        shifted = [float(value(at.at[k].multiply(1.0 + s * h))) for s in (1, -1, 2, -2)]
        slope = (8 * (shifted[0] - shifted[1]) - (shifted[2] - shifted[3])) / (12 * h)
        # Differences in the mass feel the knots of g*(T).
        assert float(reverse[k]) == pytest.approx(slope, rel=1e-4 if k == 0 else 1e-5)


def test_late_decays_are_flagged():
    """Rows and nodes end: parents that live too long say so."""
    method = nj.FreezeIn(nj.DecoupledScalar(MASS, width=1e-24, cross_section=1e-16))
    plasma = nj.Plasma.constant(10.75)
    strong = nj.SterileNeutrino(7.1 * keV, 1e-16, "mu")
    found = nj.solve_production(strong, nj.StandardModel(), plasma=plasma, method=method)
    assert found.status is nj.Status.under_resolved


def test_bad_input():
    with pytest.raises(ValueError, match="`mass` must be positive"):
        nj.ThermalScalar(-1.0, width=1.0)
    with pytest.raises(ValueError, match="`width` must be given, or else `yukawa`"):
        nj.ThermalScalar(MASS)
    with pytest.raises(ValueError, match="`start` must be"):
        nj.DecoupledScalar(MASS, width=1.0, start="full")
    with pytest.raises(ValueError, match="`daughters` must be 1 or 2"):
        nj.ThermalScalar(MASS, width=1.0, daughters=3)
    light = nj.FreezeIn(nj.ThermalScalar(1 * keV, width=1e-20))
    with pytest.raises(ValueError, match=r"`parent` must be heavier than 2 sterile neutrino"):
        nj.solve_production(NU, nj.StandardModel(), method=light)
    late = nj.FreezeIn(nj.ThermalScalar(MASS, width=1e-20), T_start=0.5)
    with pytest.raises(ValueError, match="`T_start` must lie above T_final"):
        nj.solve_production(NU, nj.StandardModel(), method=late)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--parent scalar", "`parent-mass` must be given"),
        ("--parent scalar --parent-mass 1GeV", "`width` must be given with --parent scalar"),
        ("--parent b-l --parent-mass 1GeV --width 1eV", "`parent-coupling` must be given"),
        ("--parent scalar --parent-mass 1keV --width 1eV", "exceed twice"),
        ("--parent scalar --parent-mass 1GeV --width 1eV --cross-section 1", "left out"),
    ],
)
def test_bad_command(nujax, arguments, sentence):
    """Exit 2 with a sentence, before anything is computed."""
    done = nujax(
        "relic", "--mass", "7.1keV", "--sin2-2theta", "1e-12", "--method", "freeze-in",
        *arguments.split(),
    )  # fmt: skip
    assert done.code == 2
    assert sentence in " ".join(done.stderr.split())


_SINGLE = """
import json
import jax
import nujax as nj
nu = nj.SterileNeutrino(7.1e-3, 1e-12, "mu")
def density(parent):
    return nj.relic_density(nu, nj.StandardModel(), method=nj.FreezeIn(parent))
found = []
for parent in (
    nj.ThermalScalar(1e5, yukawa=5.4e-9),
    nj.DecoupledScalar(1e5, width=1e-17, cross_section=1e-16),
    nj.BMinusLBoson(1e5, 1e-9),
):
    value, slopes = jax.jit(jax.value_and_grad(density))(parent)
    found.append([float(value), *map(float, jax.tree.leaves(slopes))])
print(json.dumps(found))
"""


@pytest.mark.slow
def test_single_precision():
    """In float32, where 1/H² is no number: values to 1e-4, all derivatives finite and to 1e-3."""
    root = Path(__file__).resolve().parent.parent
    single, double = (
        np.concatenate(json.loads(
            subprocess.run(
                [sys.executable, "-c", _SINGLE],
                env=os.environ | {"PYTHONPATH": str(root), "JAX_ENABLE_X64": flag},
                capture_output=True, text=True, check=True,
            ).stdout
        ))
        for flag in ("0", "1")
    )  # fmt: skip
    assert np.all(np.isfinite(single))
    np.testing.assert_allclose(single, double, rtol=1e-3)
