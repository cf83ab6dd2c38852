"""The plasma of the early Universe: degrees of freedom, expansion, entropy and charged leptons."""

from __future__ import annotations

from functools import cache
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from . import _degrees
from ._checks import check_choice, check_positive
from ._spline import evaluate, spline_table
from .constants import (
    CHARGED_LEPTON_MASSES,
    CRITICAL_DENSITY_OVER_H2,
    ENTROPY_DENSITY_TODAY,
    FLAVOURS,
    PLANCK_MASS,
)

# ln T is taken of T no smaller than this [MeV], so that T = 0 gives no infinite gradient.
_TINY = 1e-30
_HUBBLE_FACTOR = 1.66  # √(4π³/45) = 1.6602 rounded as in the sources


@final
class Plasma(eqx.Module):
    r"""Energy and entropy of the plasma at temperature T, all methods elementwise in T [MeV].

    Make one with `Plasma.standard()` (degrees of freedom that follow the Standard Model) or
    `Plasma.constant(10.75)`. Fields:
      degrees                   source of g*: "constant", "saikawa-shirai" or "borsanyi" (static)
      constant_degrees          g* = g*s of "constant"; ignored by the other sources
      entropy_density_today     s₀ [cm⁻³]
      critical_density_over_h2  ρ_c/h² [MeV cm⁻³]

    Results have the type of T; T may have any shape. Below 1e-6 MeV and above 1e6 MeV (282 GeV
    for "borsanyi") the degrees of freedom are constant. Values come from cubic splines in ln T
    that are smooth across the joints of the published forms; T is taken of no less than 1e-30.
    """

    degrees: str = eqx.field(static=True)
    constant_degrees: jax.Array
    entropy_density_today: jax.Array
    critical_density_over_h2: jax.Array

    def __init__(
        self,
        degrees: str = "saikawa-shirai",
        constant_degrees: Any = 10.75,
        entropy_density_today: Any = ENTROPY_DENSITY_TODAY,
        critical_density_over_h2: Any = CRITICAL_DENSITY_OVER_H2,
    ):
        check_choice("degrees", degrees, ("constant", *_degrees.SOURCES))
        check_positive("constant_degrees", constant_degrees)
        check_positive("entropy_density_today", entropy_density_today)
        check_positive("critical_density_over_h2", critical_density_over_h2)
        self.degrees = degrees
        self.constant_degrees = _leaf(constant_degrees)
        self.entropy_density_today = _leaf(entropy_density_today)
        self.critical_density_over_h2 = _leaf(critical_density_over_h2)

    @classmethod
    def standard(
        cls,
        degrees: str = "saikawa-shirai",
        *,
        entropy_density_today: Any = ENTROPY_DENSITY_TODAY,
        critical_density_over_h2: Any = CRITICAL_DENSITY_OVER_H2,
    ) -> Plasma:
        """The Standard Model plasma, with g*(T) and g*s(T) from one of two sources.

        degrees:
          "saikawa-shirai"  1803.01038 appendix C (lattice results and decoupled neutrinos)
          "borsanyi"        1606.07494 table S2 (lattice), below 1 MeV continued with the form
                            of 1803.01038; up to 5 % more near 1 GeV: use it for the systematic
        s₀ [cm⁻³] and ρ_c/h² [MeV cm⁻³] convert a yield into Ω h²; the defaults are the values
        of the sources (g*s = 3.909 today), see `nujax.constants` for recent ones.

        Raises `ValueError` for an unknown source and for densities that are not positive.
        """
        check_choice("degrees", degrees, _degrees.SOURCES)
        return cls(degrees, 10.75, entropy_density_today, critical_density_over_h2)

    @classmethod
    def constant(
        cls,
        constant_degrees: Any = 10.75,
        *,
        entropy_density_today: Any = ENTROPY_DENSITY_TODAY,
        critical_density_over_h2: Any = CRITICAL_DENSITY_OVER_H2,
    ) -> Plasma:
        """A plasma with g* = g*s = `constant_degrees` at all T, as in 1910.04901 (10.75).

        Raises `ValueError` for arguments that are not positive.
        """
        return cls("constant", constant_degrees, entropy_density_today, critical_density_over_h2)

    def energy_degrees(self, T: ArrayLike) -> jax.Array:
        """g*(T), with energy density ρ = (π²/30) g* T⁴; T [MeV]."""
        return self._values(T, 0)

    def entropy_degrees(self, T: ArrayLike) -> jax.Array:
        """g*s(T), with entropy density s = (2π²/45) g*s T³; T [MeV]."""
        return self._values(T, 1)

    def hubble_rate(self, T: ArrayLike) -> jax.Array:
        """H(T) = 1.66 √g* T²/M_Pl [MeV]; T [MeV] (1910.04901 eq. 12).

        The factor is √(4π³/45) = 1.6602 rounded to 1.66, which lowers H by 9e-5.
        """
        T = _floating(T)
        return _HUBBLE_FACTOR * jnp.sqrt(self.energy_degrees(T)) * T * (T / PLANCK_MASS)

    def log_hubble_rate(self, T: ArrayLike) -> jax.Array:
        """ln(H/MeV), for ratios whose factors leave the range of float32; T [MeV]."""
        T = _floating(T)
        constant = float(np.log(_HUBBLE_FACTOR / PLANCK_MASS))
        return constant + 0.5 * jnp.log(self.energy_degrees(T)) + 2.0 * jnp.log(T)

    def entropy_density(self, T: ArrayLike) -> jax.Array:
        """s(T) = (2π²/45) g*s T³ [MeV³]; T [MeV]."""
        T = _floating(T)
        return (2.0 * np.pi**2 / 45.0) * self.entropy_degrees(T) * T**3

    def clock_factor(self, T: ArrayLike) -> jax.Array:
        """−H dt/dln T = 1 + (1/3) dln g*s/dln T, dimensionless; T [MeV].

        Between 1.0 and 1.54 (in the QCD transition). From entropy conservation, s a³ = const.
        The derivative is a smooth function of its own, made from those of the published forms:
        where two of them meet with a jump, the jump is not part of it.
        """
        if self.degrees == "constant":
            return jnp.ones_like(_floating(T))
        return 1.0 + self._values(T, 2) / 3.0

    def redshift(self, T: ArrayLike, T_ref: ArrayLike) -> jax.Array:
        """(g*s(T)/g*s(T_ref))^(1/3), elementwise; T, T_ref [MeV].

        A comoving momentum with p/T_ref = x at T_ref has p/T = x · redshift(T, T_ref) at T.
        """
        return jnp.cbrt(self.entropy_degrees(T) / self.entropy_degrees(T_ref))

    def lepton_energy_ratio(self, T: ArrayLike, flavour: str) -> jax.Array:
        """ρ_ℓ(T)/ρ_massless of a charged lepton, see `lepton_energy_ratio`; T [MeV]."""
        return lepton_energy_ratio(T, flavour)

    def lepton_potential_ratio(self, T: ArrayLike, flavour: str) -> jax.Array:
        """Thermal weight of a charged lepton, see `lepton_potential_ratio`; T [MeV]."""
        return lepton_potential_ratio(T, flavour)

    def _values(self, T: ArrayLike, column: int) -> jax.Array:
        T = _floating(T)
        if self.degrees == "constant":
            return jnp.broadcast_to(self.constant_degrees.astype(T.dtype), T.shape)
        table, start, step = _degrees.degrees_table(self.degrees)
        return evaluate(table[..., column], start, step, _log(T))


def lepton_energy_ratio(T: Any, flavour: str, xp: Any = jnp) -> Any:
    r"""Energy density of the charged lepton `flavour` over that of a massless one; elementwise.

    ρ_ℓ(T)/ρ_massless = (120/7π⁴) ∫₀^∞ du u² ε/(e^ε + 1), ε = √(u² + z²), z = m_ℓ/T, T [MeV]: 1 for
    T ≫ m_ℓ and ∝ z^(7/2) e^(−z) for T ≪ m_ℓ. Relative error below 5e-10 (float64) at all T, also
    in the exponential tail.

    `xp` is `jax.numpy` (differentiable) or `numpy`. Raises `ValueError` for an unknown flavour.
    """
    return _lepton_ratio(T, flavour, 0.0, xp)


def lepton_potential_ratio(T: Any, flavour: str, xp: Any = jnp) -> Any:
    r"""Weight of the charged lepton `flavour` in the thermal potential over that of a massless one.

    r_ℓ(T) = ∫p²dp (4p²/3 + m²)/E f_FD(E) / ∫p²dp (4p/3) f_FD(p), T [MeV] (1506.06752 eq. 3.10);
    in units of T, r_ℓ = (120/7π⁴) ∫₀^∞ du u² (ε − z²/4ε)/(e^ε + 1): 1 for T ≫ m_ℓ, and 3/4 of
    `lepton_energy_ratio` for T ≪ m_ℓ. Arguments, accuracy and errors raised are the same.
    """
    return _lepton_ratio(T, flavour, 0.25, xp)


def _lepton_ratio(T: Any, flavour: str, deficit: float, xp: Any) -> Any:
    """(120/7π⁴) ∫ du u² (ε − deficit · z²/ε)/(e^ε + 1), elementwise in T [MeV]."""
    check_choice("flavour", flavour, FLAVOURS)
    mass = CHARGED_LEPTON_MASSES[flavour]
    T = _floating(T) if xp is jnp else np.asarray(T, dtype=float)
    T = xp.maximum(T, 1e-6 * mass)  # r is zero long before, and z² stays in range
    table, start, step = _lepton_table(deficit)
    z = mass / T
    smooth = evaluate(table, start, step, xp.log(T / mass), xp)
    return xp.exp(smooth - _boltzmann_exponent(z, xp))


def _boltzmann_exponent(z: Any, xp: Any) -> Any:
    """√(1 + z²) − 1 without cancellation: the tail's e^(−z), and harmless at small z."""
    return z * (z / (1.0 + xp.sqrt(1.0 + z * z)))


@cache
def _lepton_table(deficit: float) -> tuple[np.ndarray, float, float]:
    """Spline table [n, 4] of ln r + √(1 + z²) − 1 in ln(T/m_ℓ) = −ln z, first knot, spacing.

    r is the integral of `_lepton_ratio`, with 0 ≤ deficit < 1.

    The integral is done in the kinetic energy k = ε − z by the double-exponential rule
    k = exp(y − e^(−y)), which converges to rounding for every z here.
    """
    step = 0.02
    knots = np.arange(-335, 601) * step  # z from 813, where r is 0 in float64, to 6e-6
    z = np.exp(-knots)[:, None]
    h = 0.06
    y = np.arange(-4.0, 6.0, h)
    k = np.exp(y - np.exp(-y))
    weight = h * k * (1.0 + np.exp(-y))
    energy = k + z
    momentum = np.sqrt(k * (k + 2.0 * z))
    root = np.sqrt(deficit) * z
    level = (energy - root) * (energy + root)  # ε² − deficit · z², without cancellation
    integrand = momentum * level * np.exp(-k) / (1.0 + np.exp(-energy))  # u dε form, × e^z
    z = z[:, 0]
    ratio_over_tail = 120.0 / (7.0 * np.pi**4) * (weight * integrand).sum(axis=1)
    values = np.log(ratio_over_tail) + (_boltzmann_exponent(z, np) - z)
    return spline_table(knots, values), float(knots[0]), step


def _leaf(value: Any) -> jax.Array:
    return jnp.asarray(value, dtype=jnp.result_type(float, value))


def _floating(T: Any) -> jax.Array:
    T = jnp.asarray(T)
    return T if jnp.issubdtype(T.dtype, jnp.inexact) else T.astype(jnp.result_type(float))


def _log(T: jax.Array) -> jax.Array:
    return jnp.log(jnp.maximum(T, _TINY))
