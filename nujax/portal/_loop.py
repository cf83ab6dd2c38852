r"""The coupling of χ to the Z boson at one loop, and scattering off nuclei.

L ⊃ a_Z (g/c_W) Z_μ χ̄γ^μP_Rχ (1709.07001 eq. 14). With s² = Σ|U_ℓ4|² the loop of φ and the
neutrinos is finite, because light and heavy ones cancel at high momentum:
    a_Z = s²(1 − s²) (y_L²/16π²) 𝒢,
    𝒢 → G(m_φ²/m₄²), G(x) = (x − 1 − ln x)/(4(1 − x)²)   for m_χ ≪ m_φ, m₄ (eq. 15).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..constants import FERMI_CONSTANT, HBAR_C, NUCLEON_MASS, WEAK_MIXING
from ._theory import NeutrinoPortal


def loop_function(x: Any) -> jax.Array:
    """G(x) = (x − 1 − ln x)/(4(1 − x)²), elementwise in x > 0; 1/8 at x = 1 (eq. 15)."""
    x = jnp.asarray(x, float)
    d = x - 1.0
    near = jnp.abs(d) < 1e-2
    safe = jnp.where(near, 1.0, d)
    series = jnp.zeros_like(d)
    for k in range(9, 1, -1):
        series = series * d + (-1.0) ** k / k
    far = (safe - jnp.log(jnp.where(near, 2.0, x))) / safe**2
    return 0.25 * jnp.where(near, series, far)


def z_coupling(theory: NeutrinoPortal, *, small_mass: bool = False) -> jax.Array:
    r"""a_Z, dimensionless, at zero momentum transfer.

    The vector part of the full one-loop vertex on the mass shell of χ,
      𝒢 = −½∫₀¹dz z {f(δ) − (m_χ²(1−z)²/E) g(δ)}, E = (1−z)(m_φ² − z m_χ²), δ = z m₄²/E,
      f = 2 − (1 + 2/δ) ln(1+δ), g = 1 + 1/(1+δ) − (2/δ) ln(1+δ),
    or, with `small_mass`, its limit G(m_φ²/m₄²) of eq. 15, which the source prints (it computes the
    full one). The limit is 5 % low at m_φ = 3m_χ = 0.3m₄ and wrong by factors where m_φ → m_χ.
    """
    mixed = theory.total_mixing * (1.0 - theory.total_mixing)
    if small_mass:
        loop = loop_function((theory.scalar_mass / theory.heavy_neutrino_mass) ** 2)
    else:
        loop = _full_loop(
            (theory.dm_mass / theory.scalar_mass) ** 2,
            (theory.heavy_neutrino_mass / theory.scalar_mass) ** 2,
        )
    return mixed * theory.y_L**2 / (16.0 * np.pi**2) * loop


def nucleon_cross_section(
    theory: NeutrinoPortal,
    *,
    protons: float = 54.0,
    nucleons: float = 131.3,
    small_mass: bool = False,
) -> jax.Array:
    r"""Spin-independent σ_n [cm²] per nucleon, in a nucleus (default xenon) (eq. 16).

    σ_n = (μ_n²/π)(Z f_p + (A − Z) f_n)²/A², f_n = G_F a_Z/√2, f_p = −(1 − 4s_W²) f_n.
    """
    f_n = FERMI_CONSTANT * z_coupling(theory, small_mass=small_mass) / np.sqrt(2.0)
    f_p = -(1.0 - 4.0 * WEAK_MIXING) * f_n
    per_nucleon = (protons * f_p + (nucleons - protons) * f_n) / nucleons
    reduced = theory.dm_mass * NUCLEON_MASS / (theory.dm_mass + NUCLEON_MASS)
    return (reduced * per_nucleon) ** 2 / np.pi * HBAR_C**2


def _full_loop(dark2: jax.Array, heavy2: jax.Array) -> jax.Array:
    """𝒢 of m_χ²/m_φ² and m₄²/m_φ², scalars or any one shape."""
    row = (1,) * dark2.ndim + (-1,)
    z, rest, weight = (jnp.asarray(v).reshape(row) for v in _unit_rule())
    dark2, heavy2 = dark2[..., None], heavy2[..., None]
    energy = rest * (1.0 - z * dark2)
    delta = z * heavy2 / energy
    bracket = _f(delta) - dark2 * rest**2 / energy * _g(delta)
    return -0.5 * jnp.sum(weight * z * bracket, axis=-1)


@cache
def _unit_rule() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z, 1 − z and weights of the double-exponential rule on (0, 1): logarithms at the ends are
    fine.
    """
    h = 0.06
    t = np.arange(-3.4, 3.4 + h / 2, h)
    argument = np.pi * np.sinh(t)
    z = 1.0 / (1.0 + np.exp(-argument))
    rest = 1.0 / (1.0 + np.exp(argument))
    return z, rest, h * np.pi * np.cosh(t) * z * rest


def _f(delta: jax.Array) -> jax.Array:
    """2 − (1 + 2/δ) ln(1 + δ)."""
    small = delta < 1e-2
    safe = jnp.where(small, 1.0, delta)
    # Coefficient of δⁿ: (−1)ⁿ [1/n − 2/(n + 1)].
    series = _series(delta, [(-1.0) ** n * (1.0 / n - 2.0 / (n + 1)) for n in range(2, 10)])
    return jnp.where(small, series, 2.0 - (1.0 + 2.0 / safe) * jnp.log1p(safe))


def _g(delta: jax.Array) -> jax.Array:
    """1 + 1/(1 + δ) − (2/δ) ln(1 + δ)."""
    small = delta < 1e-2
    safe = jnp.where(small, 1.0, delta)
    # Coefficient of δⁿ: (−1)ⁿ [1 − 2/(n + 1)].
    series = _series(delta, [(-1.0) ** n * (1.0 - 2.0 / (n + 1)) for n in range(2, 10)])
    return jnp.where(small, series, 1.0 + 1.0 / (1.0 + safe) - 2.0 / safe * jnp.log1p(safe))


def _series(delta: jax.Array, coefficients: list[float]) -> jax.Array:
    """δ² Σ c_n δⁿ where δ is small."""
    safe = jnp.where(delta < 1e-2, delta, 0.0)
    total = jnp.zeros_like(safe)
    for c in reversed(coefficients):
        total = total * safe + c
    return total * safe**2
