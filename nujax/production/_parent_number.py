r"""How many parents there are: n/n_eq along t = ln(m/T), by exact steps of a Riccati equation.

With Y = n/s, in units of Ỹ, which is Y_eq as long as parents may be in equilibrium, r = Y/Ỹ:
    dr/dt = (κ/H) {sỸ⟨σv⟩ (e² − r²) + Γ_other⟨m/E⟩(e − r) − Γ⟨m/E⟩ r} − r dln Ỹ/dt,
e = Y_eq/Ỹ, κ = −H dt/dln T. A step multiplies by the exponential of a 2 × 2 matrix in closed form:
any stiffness, both modes of differentiation, and no step is chosen at run time. Where it is stiff
r = e = 1 does not change, so that no step lags behind.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._riccati import tanh_over
from ..plasma import Plasma

_NODES = 33  # of the integrals for Bessel functions: errors below 1e-10 for 1e-3 < z < 1e6
_ROUNDING = 1e-14
# Above this m/T nothing is in equilibrium: e^(−60) of parents is none.
_COLD = 60.0


class Kinetics(NamedTuple):
    """⟨σv⟩ [MeV⁻²] of pairs, Γ [MeV] of decays with an inverse, and whether n starts at n_eq."""

    cross_section: jax.Array
    other_width: jax.Array
    from_equilibrium: bool


def bessel_functions(z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(eᶻK₁(z), eᶻK₂(z)), elementwise for z > 0.

    ∫₀^∞ cosh(νu) e^(−z(cosh u − 1)) du by the trapezoidal rule, which converges exponentially.
    """
    shape = (*(1,) * jnp.ndim(z), _NODES)
    reach = jax.lax.stop_gradient(jnp.arccosh(1.0 + 40.0 / z))[..., None]
    u = reach * jnp.asarray(np.linspace(0.0, 1.0, _NODES).reshape(shape), z.dtype)
    weights = np.full(shape, 1.0 / (_NODES - 1))
    weights[..., 0] *= 0.5
    half = jnp.exp(0.5 * u)
    sinh2 = (0.5 * (half - 1.0 / half)) ** 2  # (cosh u − 1)/2
    common = jnp.exp(-2.0 * z[..., None] * sinh2) * reach * jnp.asarray(weights, z.dtype)
    cosh = 1.0 + 2.0 * sinh2
    return jnp.sum(common * cosh, axis=-1), jnp.sum(common * (2.0 * cosh**2 - 1.0), axis=-1)


class ParentNumber(NamedTuple):
    """On the nodes in t: ln(n/n_eq) − m/T, finite where n_eq is not, ⟨m/E⟩, and Y = n/s."""

    log_ratio: jax.Array
    time_dilation: jax.Array
    per_entropy: jax.Array


def equilibrium_per_entropy(z: jax.Array, bessel2: jax.Array, degrees: jax.Array, states: int):
    """eᶻ n_eq/s of Maxwell and Boltzmann; elementwise."""
    return states * 45.0 / (4.0 * np.pi**4) * z**2 * bessel2 / degrees


def parent_number(
    kinetics: Kinetics,
    width: jax.Array,
    mass: jax.Array,
    states: int,
    plasma: Plasma,
    t: jax.Array,
) -> ParentNumber:
    """Solve for the number on the uniform nodes t = ln(m/T)."""
    h = t[1] - t[0]
    pair = np.array([0.5 - np.sqrt(3.0) / 6.0, 0.5 + np.sqrt(3.0) / 6.0])
    between = t[:-1, None] + h * jnp.asarray(pair, t.dtype)[None, :]

    def scaled_equilibrium(t):
        z = jnp.exp(t)
        bessel1, bessel2 = bessel_functions(z)
        degrees = plasma.entropy_degrees(mass / z)
        return z, bessel1 / bessel2, equilibrium_per_entropy(z, bessel2, degrees, states)

    z, dilation, level = scaled_equilibrium(between)
    T = mass / z
    equal = jnp.exp(_softened(z) - z)  # e
    unit = level * jnp.exp(-_softened(z))  # Ỹ
    # Through the logarithm: in derivatives the square of 1/H leaves the range of float32.
    per_t = plasma.clock_factor(T) * jnp.exp(-plasma.log_hubble_rate(T))
    pairs = per_t * plasma.entropy_density(T) * kinetics.cross_section * unit
    decays = per_t * dilation
    z_edge, dilation_edge, level_edge = scaled_equilibrium(t)
    growth = jnp.diff(jnp.log(level_edge) - _softened(z_edge)) / h
    # dr/dt = a + 2αr − br²
    a = pairs * equal**2 + decays * kinetics.other_width * equal
    b = pairs
    alpha = -0.5 * (decays * (width + kinetics.other_width) + growth[:, None])

    # Fourth-order Magnus step where that is small; the fixed point takes over where it is stiff.
    stiff = h**2 * (alpha**2 + a * b).mean(1)
    # (A logarithm, since squares of `stiff` leave the range of float32.)
    swing = np.sqrt(3.0) / 12.0 * h**2 * jnp.exp(-2.0 * jnp.log1p(stiff))
    diagonal = 0.5 * h * alpha.sum(1) - swing * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    upper = 0.5 * h * a.sum(1) - 2.0 * swing * (alpha[:, 0] * a[:, 1] - alpha[:, 1] * a[:, 0])
    lower = 0.5 * h * b.sum(1) + 2.0 * swing * (alpha[:, 0] * b[:, 1] - alpha[:, 1] * b[:, 0])
    size = tanh_over(diagonal**2 + upper * lower)

    def step(r, row):
        diagonal, upper, lower, size = row
        top = r * (1.0 + size * diagonal) + size * upper
        bottom = r * size * lower + jnp.maximum(1.0 - size * diagonal, _ROUNDING)
        r = jnp.maximum(top / bottom, 0.0)
        return r, r

    first = jnp.asarray(1.0 if kinetics.from_equilibrium else 0.0, t.dtype)
    later = jax.lax.scan(step, first, (diagonal, upper, lower, size))[1]
    r = jnp.concatenate([first[None], later])
    tiny = jnp.finfo(t.dtype).tiny
    soft = _softened(z_edge)
    # (An empty start has no logarithm.)
    log_ratio = jnp.where(r > tiny, jnp.log(jnp.maximum(r, tiny)) - soft, -jnp.inf)
    return ParentNumber(log_ratio, dilation_edge, r * level_edge * jnp.exp(-soft))


def _softened(z: jax.Array) -> jax.Array:
    """z while parents may be in equilibrium, then a constant: Ỹ must not underflow."""
    return z / (1.0 + (z / _COLD) ** 4) ** 0.25
