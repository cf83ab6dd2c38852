r"""Freeze-out as a product of matrices: the method `RiccatiFreezeOut`.

With Y the yield n/s of χ̄, the rarer one, and Y + η that of χ,
    dY/dL = −λ [Y(Y + η) − Y_eq²],   L = ln x,   λ = (−H dt/dln T) s⟨σv⟩/H,
is a Riccati equation: Ỹ/Y = p/q with a linear equation for (p, q). A step multiplies by the
exponential of a 2 × 2 matrix in closed form, whatever the stiffness, so that a fixed mesh
through the few
units of x in which χ leaves equilibrium is enough. Before it Y = Y_eq is forgotten like e^(−20),
behind it Y_eq² is negligible (e^(−17)) and only ∫λ dL is left.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._riccati import tanh_over
from ..constants import PLANCK_MASS
from ..plasma import Plasma
from ._cross_section import (
    bessel_factor,
    bessel_ratio,
    evaluate_thermal,
    s_wave,
    thermal_coefficients,
)

DEGREES = 2.0  # spin states of χ, and of χ̄
LOWEST = 1.0  # of x: the thermal average is that of Maxwell and Boltzmann
_HIGHEST = 600.0
# Y_eq = _YIELD · x² K₂(x)/g*s, λ = _RATE · clock · (g*s/√g*) · (m/x) ⟨σv⟩.
_YIELD = DEGREES * 45.0 / (4.0 * np.pi**4)
# H = √(4π³g*/45) T²/M_Pl: the 1.66 to which `Plasma` rounds the root as its sources do would lower
# Ω h² by 9e-5.
_RATE = 2.0 * np.pi**2 / 45.0 * PLANCK_MASS / np.sqrt(4.0 * np.pi**3 / 45.0)

# The mesh in x − x*, where Γ = n_eq⟨σv⟩ = x H at x*: so many steps between these ends.
STEPS = 48
_BEFORE, _BEHIND = 3.0, 8.5
_ROUNDING, _VANISHED = 1e-14, 1e100
_TAIL_PANELS, _TAIL_NODES = 40, 4


class Rates(NamedTuple):
    """What the Boltzmann equation needs of a theory: m_χ [MeV], s-wave [MeV⁻²], R(x)."""

    dm_mass: jax.Array
    s_wave: jax.Array
    thermal: jax.Array


def rates_of(coupling: Any, dm_mass: Any, scalar_mass: Any) -> Rates:
    """`Rates` of a point, scalars."""
    return Rates(
        dm_mass,
        s_wave(coupling, dm_mass, scalar_mass),
        thermal_coefficients((dm_mass / scalar_mass) ** 2),
    )


def depletion(rates: Rates, plasma: Plasma, x: jax.Array) -> jax.Array:
    """λ(x) = (−H dt/dln T) s⟨σv⟩/H, dimensionless; elementwise in x ≥ 1."""
    T = rates.dm_mass / x
    degrees = plasma.entropy_degrees(T) / jnp.sqrt(plasma.energy_degrees(T))
    sigma_v = rates.s_wave * evaluate_thermal(rates.thermal, x)
    return _RATE * plasma.clock_factor(T) * degrees * T * sigma_v


def scaled_yield(x: jax.Array) -> jax.Array:
    """eˣ x² K₂(x) · 45 g/4π⁴, elementwise: Y_eq = e^(−x) scaled_yield/g*s."""
    return _YIELD * np.sqrt(np.pi / 2.0) * x**1.5 * bessel_factor(x)


def log_equilibrium(dm_mass: jax.Array, plasma: Plasma, x: jax.Array) -> jax.Array:
    """ln Y_eq(x) of χ, elementwise in x ≥ 1."""
    return jnp.log(scaled_yield(x) / plasma.entropy_degrees(dm_mass / x)) - x


def departure(rates: Rates, plasma: Plasma) -> jax.Array:
    """x* with n_eq⟨σv⟩ = x H, to 0.05 or better, at least 1; it only places the mesh."""

    def improved(x, rates, plasma):
        equal = log_equilibrium(rates.dm_mass, plasma, x)
        log_ratio = jnp.log(depletion(rates, plasma, x)) + equal
        return jnp.clip(x + (log_ratio - jnp.log(x)) / (1.0 + 0.5 / x), LOWEST, _HIGHEST)

    fixed = jax.lax.stop_gradient((rates, plasma))
    start = jnp.full_like(fixed[0].s_wave, 20.0)
    x = jax.lax.fori_loop(0, 4, lambda _, x: improved(x, *fixed), start)
    # The last step with the arguments alive: derivatives know that the mesh moves with them, and so
    # agree with differences of the result better than the result with the exact one.
    return improved(jax.lax.stop_gradient(x), rates, plasma)


class Yields(NamedTuple):
    """Y of χ̄ today, and x where it is 2.5 times its equilibrium, within the mesh."""

    final: jax.Array
    x_freeze_out: jax.Array


def solve_riccati(rates: Rates, plasma: Plasma, asymmetry: jax.Array, star: jax.Array) -> Yields:
    """The yields of a point; `asymmetry` is η = Y_χ − Y_χ̄ ≥ 0, `star` that of `departure`."""
    start = jnp.maximum(star - _BEFORE, LOWEST)
    h = (_BEFORE + _BEHIND) / STEPS
    # Everything is relative to Ỹ = e^(−x) · scaled_yield/g*s(T*): no jump of g*s is differentiated.
    reference = plasma.entropy_degrees(rates.dm_mass / star)

    offset, _, _ = _mesh()
    x = start + jnp.asarray(offset)
    T = rates.dm_mass / x
    lam = depletion(rates, plasma, x) / x  # per unit of x
    frozen = jnp.exp(-x) * scaled_yield(x) / reference
    ratio2 = (reference / plasma.entropy_degrees(T)) ** 2  # (Y_eq/Ỹ)²
    # d(Ỹ/Y)/dx = a + 2α(Ỹ/Y) − b (Ỹ/Y)²
    a = (lam * frozen).reshape(STEPS, 2)
    b = (lam * frozen * ratio2).reshape(STEPS, 2)
    alpha = 0.5 * (lam * asymmetry - bessel_ratio(x)).reshape(STEPS, 2)

    # Fourth-order Magnus step; the commutator would take over, and change signs, where a large
    # asymmetry makes α stiff.
    swing = np.sqrt(3.0) / 12.0 * h**2 / (1.0 + (h * alpha.mean(1)) ** 4)
    diagonal = 0.5 * h * alpha.sum(1) - swing * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    upper = 0.5 * h * a.sum(1) - 2.0 * swing * (alpha[:, 0] * a[:, 1] - alpha[:, 1] * a[:, 0])
    lower = 0.5 * h * b.sum(1) + 2.0 * swing * (alpha[:, 0] * b[:, 1] - alpha[:, 1] * b[:, 0])
    size = tanh_over(diagonal**2 + upper * lower)

    edges = start + h * np.arange(STEPS + 1)
    skew = asymmetry * jnp.exp(_log_frozen_inverse(edges[0], reference))  # η/Ỹ at the start
    first = 0.5 * skew + jnp.sqrt(0.25 * skew**2 + 1.0)  # Ỹ/Y in equilibrium, but for g*s(T*)

    def step(v, row):
        diagonal, upper, lower, size = row
        top = v * (1.0 + size * diagonal) + size * upper
        # Asymmetric χ̄ may vanish altogether: then the rounding of the difference must not matter.
        bottom = v * size * lower + jnp.maximum(1.0 - size * diagonal, _ROUNDING)
        v = jnp.minimum(top / bottom, _VANISHED)
        return v, v

    last, inner = jax.lax.scan(step, first, (diagonal, upper, lower, size))
    log_v = jnp.log(jnp.concatenate([first[None], inner]))
    x_freeze_out = _crossing(rates, plasma, asymmetry, edges, log_v, reference)

    u = last * jnp.exp(_log_frozen_inverse(edges[-1], reference))  # 1/Y at the end of the mesh
    depleted = tail(rates, plasma, edges[-1])
    exponent = asymmetry * depleted
    final = jnp.exp(-exponent) / (u + depleted * _one_minus_exp_over(exponent))
    return Yields(final, x_freeze_out)


def _log_frozen_inverse(x: jax.Array, reference: jax.Array) -> jax.Array:
    return x - jnp.log(scaled_yield(x) / reference)


def _one_minus_exp_over(y: jax.Array) -> jax.Array:
    """(1 − e^(−y))/y for y ≥ 0, one at y = 0."""
    small = y < 1e-4
    safe = jnp.where(small, 1.0, y)
    return jnp.where(small, 1.0 - 0.5 * y + y**2 / 6.0, -jnp.expm1(-safe) / safe)


@cache
def _mesh() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss nodes [2 STEPS] of the steps in x − x_start; nodes and weights of the tail in u ∈
    (0, 1).
    """
    h = (_BEFORE + _BEHIND) / STEPS
    pair = 0.5 + np.array([-1.0, 1.0]) / np.sqrt(12.0)
    offset = (h * (np.arange(STEPS)[:, None] + pair)).ravel()
    node, weight = np.polynomial.legendre.leggauss(_TAIL_NODES)
    u = ((np.arange(_TAIL_PANELS)[:, None] + 0.5 * (node + 1.0)) / _TAIL_PANELS).ravel()
    return offset, u, np.tile(0.5 * weight / _TAIL_PANELS, _TAIL_PANELS)


def tail(rates: Rates, plasma: Plasma, x: jax.Array) -> jax.Array:
    """∫ λ dln x from x to ∞, by a rule in u = √(T/T_x): fine where the weight is."""
    _, u, weight = _mesh()
    return jnp.sum(2.0 * weight / u * depletion(rates, plasma, x / jnp.asarray(u) ** 2))


def _crossing(
    rates: Rates,
    plasma: Plasma,
    asymmetry: jax.Array,
    edges: jax.Array,
    log_v: jax.Array,
    reference: jax.Array,
) -> jax.Array:
    """x where Y is 2.5 times its equilibrium, by inverse Hermite interpolation on the mesh.

    Y_eq e^(−arsinh(η/2Y_eq)) for χ̄; a large asymmetry may keep it in equilibrium to the end of
    the mesh.
    """
    goal = np.log(2.5)
    degrees = plasma.entropy_degrees(rates.dm_mass / edges) / reference
    skew = 0.5 * asymmetry * degrees * jnp.exp(_log_frozen_inverse(edges, reference))
    log_ratio = jnp.log(degrees) - log_v + jnp.arcsinh(skew)
    left = jnp.clip(jnp.sum(log_ratio < goal) - 1, 0, STEPS - 1)
    index = left + jnp.arange(2)
    x, y, v, w = edges[index], log_ratio[index], jnp.exp(log_v[index]), skew[index]
    # dy/dx from the Boltzmann equation, in units of y1 − y0; dln g*s/dln T is 3 (clock − 1).
    lam = depletion(rates, plasma, x) / x
    frozen = jnp.exp(-_log_frozen_inverse(x, reference))
    growth = lam * (frozen / v - frozen * v / degrees[index] ** 2 + asymmetry)
    fall = bessel_ratio(x) - 3.0 * (plasma.clock_factor(rates.dm_mass / x) - 1.0) / x
    slope = fall * (1.0 + w / jnp.sqrt(1.0 + w**2)) - growth
    rise = jnp.maximum(y[1] - y[0], 1e-3)
    tangent = rise / jnp.maximum(slope, 0.1)  # dx/dt, t = (y − y0)/(y1 − y0)
    t = jnp.clip((goal - y[0]) / rise, 0.0, 1.0)
    step = x[1] - x[0]
    cubic = t * tangent[0] + t**2 * (3.0 * step - 2.0 * tangent[0] - tangent[1])
    return x[0] + cubic + t**3 * (tangent[0] + tangent[1] - 2.0 * step)
