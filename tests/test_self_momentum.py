"""Growth of self-interacting sterile neutrinos, momentum by momentum."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax.production import GivenSeed, MomentumResolved
from nujax.production.self_interacting import _momentum_field as field
from nujax.production.self_interacting import on_shell_rate
from nujax.units import keV

DATA = json.loads((Path(__file__).parent / "data" / "self_interacting.json").read_text())
ROWS = {row["name"]: row for row in DATA["rows"]}
# Of the data: T₀ = 2.72548 K with g*s = 3.92664, and ρ_c/h² [MeV cm⁻³].
PLASMA = nj.Plasma.constant(
    10.75, entropy_density_today=2904.2003163, critical_density_over_h2=1.053672e-2
)
FORCES = nj.StandardModel()


def point(row, **options):
    """Sterile neutrino and method with the inputs of the data."""
    sterile = nj.SterileNeutrino(row["m_s_keV"] * keV, row["s2"], "e")
    method = MomentumResolved(
        nj.SterileScalar(row["m_phi_keV"] * keV, row["y"]),
        GivenSeed(row["Omega_DW_h2"], row["mean_x_DW_over_FD"] * 3.15137),
        expansion="plasma",
        **options,
    )
    return sterile, method


def gas(nodes, T, scale, row=ROWS["BP1"]):
    """A system on a grid at T_ν = T, with a Boltzmann gas of T_d = `scale` T."""
    sterile, method = point(row)
    x = 22.0 * (np.arange(nodes) / (nodes - 1)) ** 1.5
    one = jnp.ones(())
    system = field.MomentumSystem(
        sterile, method.scalar, PLASMA, 1e-6 * one, one, jnp.asarray(x), False
    )
    at = field.nodes_at(system, jnp.log(T))
    state = at.effective**2 * jnp.exp(-at.energy / (scale * T)) * jnp.diff(at.ends)
    return system, at, state / jnp.sum(state)


@jax.jit
def of_collisions(system, log_T, state):
    rates = field.collisions(system, log_T, state)
    met = rates.pairs * state[:, None] * state[None, :]
    made = rates.conversions * state[:, None]
    return rates, *field.change(rates, state), met, made


@pytest.mark.parametrize("T", [3.0, 0.02, 3e-3])
def test_collisions_keep_number_and_energy(T):
    """φ → ν_sν_s gives back two and all energy; a ν_a brings one and its energy: to 1e-13, for
    any state, from relativistic to cold, with any two of the many terms that one would notice.
    """
    system, at, state = gas(24, T, 0.8)
    state = state * (1.0 + 0.5 * jnp.cos(7.0 * system.x))
    _, scattered, made, met, converted = of_collisions(system, jnp.log(T), state)
    size = 2.0 * jnp.sum(met)
    assert abs(jnp.sum(scattered)) < 1e-13 * size
    assert abs(jnp.dot(scattered, at.energy)) < 1e-13 * size * jnp.dot(state, at.energy)
    events = jnp.sum(converted, axis=0)
    assert jnp.sum(made) == pytest.approx(float(jnp.sum(events)), rel=1e-12)
    brought = jnp.dot(events, at.momentum)
    assert jnp.dot(made, at.energy) == pytest.approx(float(brought), rel=1e-12)


def test_thermal_gas_is_in_balance():
    """A Boltzmann gas is a fixed point but for the grid: 2 % of the rate with 48 nodes, half of
    what 24 leave (the ripple of smeared windows is of first order, all else of second).
    """
    left = []
    for nodes in (24, 48):
        system, _, state = gas(nodes, 0.02, 0.8)
        _, scattered, _, met, _ = of_collisions(system, jnp.log(0.02), state)
        left.append(float(jnp.sum(jnp.abs(scattered)) / jnp.sum(met)))
    assert left[1] < 0.03
    assert left[0] / left[1] > 1.8


def test_rates_far_above_the_mass():
    """At T ≫ m ν_s scatter with Γ_s, and ν_a convert with Γ_s s²/4, of the closed form.

    The two bases of one process, in the limit where both hold: m_s ≪ m ≪ T. 3 % are O(h²) with 48
    nodes.
    """
    T = 0.5
    system, at, state = gas(48, T, 1.0, {**ROWS["BP1"], "m_s_keV": 0.1})
    rates, _, _, met, converted = of_collisions(system, jnp.log(T), state)
    background = field.expansion(PLASMA, jnp.log(T))
    number = 1e-6 * background.entropy
    f = np.pi**2 * number / (2.0 * T**3)  # of e^(−p/T)
    closed = on_shell_rate(system.scalar, at.momentum[8:30], lambda q: f * T * jnp.exp(-q / T))
    ours = jnp.sum(rates.pairs * state[None, :], axis=1) + jnp.sum(
        rates.pairs * state[:, None], axis=0
    )
    np.testing.assert_allclose(ours[8:30] * background.hubble, closed, rtol=0.03)
    active = jnp.sum(converted, axis=0)[8:30] * number
    f_active = jax.nn.sigmoid(-at.momentum / T) * at.momentum**2 * jnp.diff(at.ends) / np.pi**2
    expected = closed * system.sterile.sin2_2theta / 4.0 * f_active[8:30]
    np.testing.assert_allclose(active * background.hubble, expected, rtol=0.03)


@jax.jit
def density(sterile, method):
    m = method.moments(sterile, FORCES, PLASMA)
    yield_ = nj.abundance.comoving_yield(m.number, PLASMA.entropy_degrees(m.T_final))
    value = nj.abundance.relic_density_of_yield(sterile.mass, yield_, PLASMA)
    return value, m.momentum / m.number, m.status_code


def extrapolated(name, **options):
    """ln Ω h² in 1/(nodes − 1)² from 20 and 28 nodes; ⟨x⟩ of the finer."""
    coarse = density(*point(ROWS[name], nodes=20, **options))
    fine = density(*point(ROWS[name], nodes=28, **options))
    assert coarse[2] == fine[2] == nj.Status.ok
    far, near = 1.0 / 19.0**2, 1.0 / 27.0**2
    logs = jnp.log(coarse[0]), jnp.log(fine[0])
    return jnp.exp(logs[1] + (logs[1] - logs[0]) * near / (far - near)), fine[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BP1", "P3"])
def test_agrees_with_kinetic_equilibrium(name):
    """Ω h² of the integrated equations without pairs, from an independent code, to 2 %.

    Growth by 2500 and more, extrapolated in the grid; with rates slowed to 1e-3.
    """
    value, mean = extrapolated(name, slowness=1e-3)
    assert value == pytest.approx(ROWS[name]["Omega_h2_no_pair"], rel=0.02)
    if name == "BP1":
        # Pairs cool the gas of the data a little.
        assert mean == pytest.approx(ROWS[name]["p_over_Tnu_final"], rel=0.02)


@pytest.mark.slow
def test_derivatives():
    """Reverse mode against differences of 1 %, on a coarse grid. Both modes are products with one
    matrix, which takes half a minute to compile.
    """
    sterile, method = point(ROWS["BP1"], nodes=8, T_initial=0.03, T_final=6e-3)

    @jax.jit
    def log_density(shift, method):
        moved = eqx.tree_at(
            lambda m: m.scalar.coupling, method, method.scalar.coupling * jnp.exp(shift)
        )
        value, _, status = density(sterile, moved)
        return jnp.log(value), status

    zero = jnp.zeros(())
    (_, status), slope = jax.value_and_grad(log_density, has_aux=True)(zero, method)
    assert status == nj.Status.ok
    ends = [log_density(jnp.asarray(s), method)[0] for s in (-1e-2, 1e-2)]
    assert (ends[1] - ends[0]) / 2e-2 == pytest.approx(float(slope), rel=1e-2)


@pytest.mark.slow
def test_truncated_solve_is_no_answer():
    """Too few steps: status, and NaN for the value and its derivative."""
    sterile, method = point(ROWS["BP1"], nodes=10, max_steps=20)

    def of_coupling(y):
        moved = eqx.tree_at(lambda m: m.scalar.coupling, method, y)
        value, _, status = density(sterile, moved)
        return value, status

    coupling = method.scalar.coupling
    (value, status), slope = jax.value_and_grad(of_coupling, has_aux=True)(coupling)
    assert status == nj.Status.max_steps
    assert jnp.isnan(value)
    assert jnp.isnan(slope)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nodes": 4}, "`nodes` must lie between 8 and 256, but is 4"),
        ({"slowness": -1.0}, "`slowness` must be positive, but is -1.0"),
        ({"slowness": 2.0}, "`slowness` must be at most 1"),
        ({"rtol": 0.5}, "`rtol` must lie between"),
        ({"T_final": -1.0}, "`T_final` must be positive"),
    ],
)
def test_bad_arguments(options, words):
    """Said at once, with the value."""
    with pytest.raises(ValueError, match=words):
        MomentumResolved(nj.SterileScalar(36 * keV, 1e-4), **options)
