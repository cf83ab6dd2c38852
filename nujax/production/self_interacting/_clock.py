r"""The clock of the dark sector: the temperature of the active neutrinos, T_ν.

Above 10 MeV the expansion is that of the plasma's g*(T); below, that of photons, e± (massive) and
three neutrinos, which decouple at once at 1.4 MeV: from there on T_ν ∝ 1/a, while e± heat the
photons. "Constant" degrees are those above 30 MeV, with T_ν ∝ 1/a throughout.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..._degrees import degrees_table
from ..._spline import evaluate, spline_slopes, spline_table
from ...constants import ELECTRON_MASS, PLANCK_MASS
from ...plasma import Plasma

DECOUPLING = 1.4  # [MeV]
_JOINT, _CONSTANT_JOINT = 10.0, 30.0  # [MeV]
_FADE = 0.1  # of ln T, over which the two expansions are joined
_NEUTRINOS = 6.0 * 7.0 / 8.0
_STEP, _FIRST, _KNOTS = 0.04, -345, 690  # knots from 1e-6 MeV to 1e6 MeV


class Expansion(NamedTuple):
    """H [MeV], −dN/dln T_ν (N = ln a) and entropy density [MeV³] at a temperature T_ν."""

    hubble: jax.Array
    clock_factor: jax.Array
    entropy: jax.Array


def expansion(plasma: Plasma, log_T: jax.Array) -> Expansion:
    """At ln(T_ν/MeV), elementwise. H = √(8πρ/3)/M_Pl."""
    values = evaluate(*_table(plasma.degrees), log_T)
    log_energy, clock, log_entropy = (values[..., k] for k in range(3))
    if plasma.degrees == "constant":
        early = log_T > np.log(_CONSTANT_JOINT)
        log_energy = jnp.where(early, jnp.log(plasma.constant_degrees), log_energy)
    hubble = np.sqrt(4.0 * np.pi**3 / 45.0) / PLANCK_MASS * jnp.exp(0.5 * log_energy + 2.0 * log_T)
    entropy = (2.0 * np.pi**2 / 45.0) * jnp.exp(log_entropy + 3.0 * log_T)
    return Expansion(hubble, clock, entropy)


@cache
def _table(degrees: str):
    """Splines in ln T_ν of ln g*, of the clock factor and of ln g*s (in powers of T_ν)."""
    knots = _STEP * (_FIRST + np.arange(_KNOTS))
    T = np.exp(knots)
    coupled = T > DECOUPLING
    photons = np.where(coupled, T, _photon_temperature(T))
    rho, s = _electromagnetic(photons)
    ratio = photons / T
    log_energy = np.log(rho * ratio**4 + _NEUTRINOS)
    # Below decoupling exactly that of T_ν ∝ 1/a.
    late = np.log(_electromagnetic(DECOUPLING)[1] + _NEUTRINOS)
    log_entropy = np.where(coupled, np.log(s + _NEUTRINOS), late)
    if degrees == "constant":
        log_entropy = np.full_like(knots, late[0])
    else:
        early = 1.0 / (1.0 + np.exp(-(knots - np.log(_JOINT)) / _FADE))
        of_plasma = evaluate(*degrees_table(degrees), knots, np)
        log_energy = (1.0 - early) * log_energy + early * np.log(of_plasma[:, 0])
        log_entropy = (1.0 - early) * log_entropy + early * np.log(of_plasma[:, 1])
    # −dN/dln T of s a³ = const, the slope of the spline itself.
    clock = 1.0 + spline_slopes(knots, log_entropy) / 3.0
    values = np.stack([log_energy, clock, log_entropy], axis=1)
    return spline_table(knots, values), float(knots[0]), _STEP


def _electromagnetic(T):
    """g* and g*s of photons and e± [n], in powers of T [n, MeV]."""
    z = (ELECTRON_MASS / np.atleast_1d(T))[:, None]
    u = np.arange(-4.0, 5.0, 0.05)
    t = np.exp(u - np.exp(-u))
    weight = 0.05 * t * (1.0 + np.exp(-u))
    energy = z + t
    p = np.sqrt(t * (t + 2.0 * z))
    f = np.exp(-energy) / (1.0 + np.exp(-energy))
    unit = 4.0 / (2.0 * np.pi**2)
    rho = unit * (weight * p * energy**2 * f).sum(1)
    pressure = unit * (weight * p**3 * f).sum(1) / 3.0
    return 2.0 + 30.0 / np.pi**2 * rho, 2.0 + 45.0 / (2.0 * np.pi**2) * (rho + pressure)


def _photon_temperature(T):
    """T_γ where neutrinos that decoupled at `DECOUPLING` have T_ν = T [n]: s_γe a³ is constant."""
    at = float(_electromagnetic(DECOUPLING)[1][0])
    high, low = 1.5 * T, T.copy()
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = _electromagnetic(middle)[1] * (middle / T) ** 3 > at
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return 0.5 * (low + high)
