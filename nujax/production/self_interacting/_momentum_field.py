r"""The momentum-resolved equation of ν_s that meet one another and ν_a by φ on shell."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...constants import PLANCK_MASS
from ...plasma import Plasma
from ...statistics import fermi_dirac
from ...sterile import SterileNeutrino
from ._clock import DECOUPLING, expansion
from ._collisions import Nodes, active_window, daughters, nodes_of, sterile_window
from ._theory import SterileScalar


class MomentumSystem(eqx.Module):
    """A theory on a grid; `args` of `momentum_field`.

    x [n] are comoving momenta, p/T at the decoupling of neutrinos; `unit_yield` the n/s that a
    state of one stands for; `slowness` a factor on ν_sν_s ↔ φ.
    """

    sterile: SterileNeutrino
    scalar: SterileScalar
    plasma: Plasma
    unit_yield: jax.Array
    slowness: jax.Array
    x: jax.Array
    total_expansion: bool = eqx.field(static=True)


class Collisions(NamedTuple):
    """Per unit of N = ln a: pairs [i, j] of the state's v_i v_j, and conversions [i, a] of v_i.

    `of_pairs` and `of_conversions` [k, i, j] are what each leaves at node k.
    """

    pairs: jax.Array
    conversions: jax.Array
    of_pairs: jax.Array
    of_conversions: jax.Array


def redshift_unit(plasma: Plasma, entropy: jax.Array) -> jax.Array:
    """p/x [MeV]: (2π²/45) g*s(decoupling) [this]³ is the entropy density."""
    degrees = plasma.entropy_degrees(jnp.full_like(entropy, DECOUPLING))
    return jnp.cbrt(entropy * 45.0 / (2.0 * np.pi**2 * degrees))


def nodes_at(system: MomentumSystem, log_T: jax.Array) -> Nodes:
    """The grid at ln(T_ν/MeV)."""
    entropy = expansion(system.plasma, log_T).entropy
    return nodes_of(system.sterile.mass, redshift_unit(system.plasma, entropy) * system.x)


def collisions(system: MomentumSystem, log_T: jax.Array, state: jax.Array) -> Collisions:
    r"""Rates at ln(T_ν/MeV): densities of events over H,
        φ of ν_sν_s:  (A/2π²)∬dE₁dE₂ f_s f_s,  A = Γ_φ m/β = y²m²(1 − 4r)/16π (real φ),
        φ of ν_aν_s:  (B/2π²)∬dE_a dE_s f_a f_s,  B = y²(s²/4)(m² − m_s²)/8π,
    with f dE = π²dn/(pE). `state` [n] enters through H alone.
    """
    sterile, scalar = system.sterile, system.scalar
    mass, m = sterile.mass, scalar.mass
    background = expansion(system.plasma, log_T)
    unit = redshift_unit(system.plasma, background.entropy)
    nodes = nodes_of(mass, unit * system.x)
    density = system.unit_yield * background.entropy
    hubble = background.hubble
    if system.total_expansion:
        energy = density * jnp.dot(state, nodes.energy)
        hubble = jnp.sqrt(hubble**2 + (8.0 * np.pi / 3.0) * energy / PLANCK_MASS**2)

    beta = jnp.sqrt(1.0 - 4.0 * (mass / m) ** 2)
    column = nodes.energy[:, None]
    width, active_width = jnp.diff(nodes.edges), jnp.diff(nodes.ends)
    of_pairs, allowed = daughters(
        mass, m, nodes, column + nodes.energy[None, :], jnp.hypot(width[:, None], width[None, :])
    )
    strength = (
        0.5
        * np.pi**2
        * system.slowness
        * scalar.states
        * scalar.width(mass)
        * m
        / beta
        * density
        / hubble
    )
    per = 1.0 / nodes.measure
    pairs = strength * per[:, None] * per[None, :] * sterile_window(mass, m, nodes) * allowed

    of_active, allowed = daughters(
        mass,
        m,
        nodes,
        column + nodes.momentum[None, :],
        jnp.hypot(width[:, None], active_width[None, :]),
    )
    strength = scalar.coupling**2 * sterile.sin2_2theta / 4.0 * (m - mass) * (m + mass)
    strength = strength / (16.0 * np.pi) / hubble
    f_active = fermi_dirac(nodes.momentum / jnp.exp(log_T)) * active_width
    window = active_window(mass, m, nodes) * allowed
    conversions = strength * per[:, None] * f_active[None, :] * window
    return Collisions(pairs, conversions, of_pairs, of_active)


def change(rates: Collisions, state: jax.Array) -> tuple[jax.Array, jax.Array]:
    """dv/dN [n] by ν_sν_s → φ → ν_sν_s and by ν_aν_s → φ → ν_sν_s."""
    met = rates.pairs * state[:, None] * state[None, :]
    scattered = _gathered(rates.of_pairs, met) - jnp.sum(met, axis=0) - jnp.sum(met, axis=1)
    made = rates.conversions * state[:, None]
    return scattered, _gathered(rates.of_conversions, made) - jnp.sum(made, axis=1)


def _gathered(kernel: jax.Array, events: jax.Array) -> jax.Array:
    return kernel.reshape(len(kernel), -1) @ events.reshape(-1)


def momentum_field(t: Any, state: Any, system: Any) -> jax.Array:
    """dv/dt with t = −ln(T_ν/MeV)."""
    scattered, made = change(collisions(system, -t, state), state)
    return expansion(system.plasma, -t).clock_factor * (scattered + made)
