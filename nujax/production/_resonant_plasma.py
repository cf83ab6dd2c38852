r"""What a lepton asymmetry of one flavour does to the plasma: potential and chemical potential.

L_α = [(n_ν − n_ν̄) + (n_ℓ⁻ − n_ℓ⁺)]/T³ is the asymmetry of the flavour α that mixes; those of the
other flavours are zero. All of it, in linear order:
    V_L = √2 G_F T³ c_V L_α   (ν; opposite for ν̄),   ξ_α = μ_ν/T = (dξ/dL) L_α.

Charge neutrality ties the flavours and the quarks together by one charge potential μ_Q
(hep-ph/0112294 and 1507.06655 for the idea; closed form here). With n_β = 2χ_F(m_β/T),
    μ_Q = Σ_β n_β L_β/(n_β + 1/6) / [χ_Q + Σ_β (n_β/6)/(n_β + 1/6)],
    ξ_α = (L_α + n_α μ_Q)/(n_α + 1/6),   c_V L_α = L_α + Σ_β L_β − ½ χ_Q μ_Q,
where χ_F(z) = (1/π²)∫u² e^ε/(e^ε + 1)² du, ε = √(u² + z²): 1/6 for a massless state of one spin.

χ_Q(T), electric charge that hadrons and quarks take up per T² and unit of μ_Q, is a gas of π, K, ρ,
K*, p and Δ(1232) below the QCD transition and 0.85 times an ideal gas of u, d, s and c above,
joined by ½(1 + tanh((T − 168 MeV)/28 MeV)): within 13 % of lattice results (1507.06655 has another
parametrisation of them), which moves Ω h² by 6e-4. Asymmetries of baryon number are neglected.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_choice
from .._spline import evaluate, spline_table
from ..constants import CHARGED_LEPTON_MASSES, FLAVOURS

REDISTRIBUTIONS = ("charge-neutrality", "none")

# Mass [MeV], spin states × Q² of particle and antiparticle counted as one (PDG masses).
_MESONS = ((139.57, 1.0), (493.68, 1.0), (775.26, 3.0), (891.67, 3.0))  # π±, K±, ρ±, K*±
_BARYONS = ((938.27, 2.0), (1232.0, 4.0 * (4.0 + 1.0 + 0.0 + 1.0)))  # p, Δ⁺⁺ Δ⁺ Δ⁰ Δ⁻
_QUARKS = ((2.2, 8.0 / 3.0), (4.7, 2.0 / 3.0), (95.0, 2.0 / 3.0), (1275.0, 8.0 / 3.0))  # 6 Q²
_INTERACTING = 0.85  # ideal gas of quarks to lattice, above the transition
_TRANSITION, _WIDTH = 168.0, 28.0  # [MeV]

_STEP = 0.04  # of the table in ln T
_LOWEST, _HIGHEST = np.log(1e-2), np.log(1e6)  # [MeV]


class Response(NamedTuple):
    """c_V and dξ/dL, elementwise in T."""

    potential: jax.Array
    chemical: jax.Array


def response(T: jax.Array, flavour: str, redistribution: str) -> Response:
    """c_V = V_L/(√2 G_F T³ L) and dξ/dL of an asymmetry L of one flavour; T [MeV].

    "charge-neutrality": see the head of this file. c_V falls from 2 (T ≪ m_ℓ) to 1.754, dξ/dL from
    6 to 2.35. "none": every lepton stays a neutrino, c_V = 2 and ξ = 6L, the limit for T ≪ m_ℓ.
    Linear in ξ: for ξ ≲ 0.3 right to ξ²/π² ~ 1 %.

    Raises `ValueError` for an unknown word.
    """
    check_choice("redistribution", redistribution, REDISTRIBUTIONS)
    check_choice("flavour", flavour, FLAVOURS)
    if redistribution == "none":
        return Response(jnp.full_like(T, 2.0), jnp.full_like(T, 6.0))
    table, start, step = _table()
    columns = evaluate(table, start, step, jnp.log(T))
    leptons, hadrons = columns[..., :3], columns[..., 3]
    share = leptons / (leptons + 1.0 / 6.0)
    own = FLAVOURS.index(flavour)
    charge = share[..., own] / (hadrons + jnp.sum(share, axis=-1) / 6.0)  # μ_Q/L
    chemical = (1.0 + leptons[..., own] * charge) / (leptons[..., own] + 1.0 / 6.0)
    return Response(2.0 - 0.5 * hadrons * charge, chemical)


def susceptibility(z: np.ndarray, sign: float) -> np.ndarray:
    """(1/π²)∫u² e^ε/(e^ε + sign)² du, ε = √(u² + z²): fermions sign = 1, bosons −1; NumPy, z > 0.

    By the double-exponential rule in the kinetic energy k = ε − z.
    """
    h = 0.06
    y = np.arange(-4.0, 6.0, h)
    k = np.exp(y - np.exp(-y))
    weight = h * k * (1.0 + np.exp(-y))
    energy = k + z[..., None]
    momentum = np.sqrt(k * (k + 2.0 * z[..., None]))
    decay = np.exp(-energy)
    return (weight * momentum * energy * decay / (1.0 + sign * decay) ** 2).sum(axis=-1) / np.pi**2


def charge_susceptibility(T: np.ndarray) -> np.ndarray:
    """χ_Q/T² of hadrons and quarks; T [MeV], NumPy."""

    def gas(species, sign):
        return sum(states * susceptibility(mass / T, sign) for mass, states in species)

    quarks = 0.5 * (1.0 + np.tanh((T - _TRANSITION) / _WIDTH))
    hadrons = gas(_MESONS, -1.0) + gas(_BARYONS, 1.0)
    return (1.0 - quarks) * hadrons + quarks * _INTERACTING * gas(_QUARKS, 1.0)


@cache
def _table() -> tuple[np.ndarray, float, float]:
    """Spline table of n_e, n_μ, n_τ and χ_Q in ln(T/MeV), first knot, spacing."""
    knots = np.arange(_LOWEST, _HIGHEST, _STEP)
    T = np.exp(knots)
    leptons = [2.0 * susceptibility(CHARGED_LEPTON_MASSES[each] / T, 1.0) for each in FLAVOURS]
    values = np.stack([*leptons, charge_susceptibility(T)], axis=-1)
    return spline_table(knots, values), float(knots[0]), _STEP
