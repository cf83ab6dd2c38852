r"""Limits from structure: how warm sterile-neutrino dark matter may be.

Bounds on thermal relics (one helicity pair, Fermi–Dirac, all dark matter) reach a spectrum by one
of three maps, each named by `mapping`:

  "dodelson-widrow"  m₄ = 4.43 keV (m/keV)^(4/3) (0.25/Ω)^(1/3), h = 0.7: a Fermi–Dirac spectrum of
                     the neutrinos' temperature (Viel et al., astro-ph/0501562); without a new
                     force alone, and without a result of production
  "mean"             the thermal relic with the same mean velocity, ⟨x⟩T_s/m₄
  "half-mode"        the thermal relic whose velocities have the same Fourier transform where it
                     is ½: ⟨sin(xy)/(xy)⟩ = ½ at y ∝ k/m; free streaming damps a mode by it

The three agree for Fermi–Dirac spectra to 1 %. With the temperature ratio of the relic,
T = T_ν (94.1 eV Ω h²/m)^(1/3), an equal velocity means m^(4/3) ∝ m₄/(⟨x⟩T_s). Linear spectra of
CLASS (`nujax.export.half_mode`) test the maps: see there.
"""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..constants import (
    BOLTZMANN_CONSTANT,
    CMB_TEMPERATURE_TODAY,
    ENTROPY_DENSITY_TODAY,
    HBAR_C,
    RELIC_DENSITY_TARGET,
)
from ..production import ProductionResult
from ..units import keV
from ._base import AbstractLimit, Bound, NeedsResult, log_bound
from ._tables import read_data
from ._theory import SterileTheory

MEAN, MEAN_SQUARE = 3.1513743, 12.9394  # ⟨x⟩ and ⟨x²⟩ of a Fermi–Dirac spectrum
_HALF = 0.6099534342528781  # y with ⟨sin(xy)/(xy)⟩ = ½ for a Fermi–Dirac spectrum
_NEUTRINO = (4.0 / 11.0) ** (1.0 / 3.0)  # T_ν/T_γ
_EV_PER_DENSITY = 94.1e-6  # m/(Ω h²) of a relic with T = T_ν [MeV]
_LEAST_SHARE = 0.9
_MAPPINGS = ("dodelson-widrow", "mean", "half-mode")


def temperature_today(result: ProductionResult) -> jax.Array:
    """T_s/T_γ today of the temperature that x = p/T refers to: (g*s,0/g*s(T_final))^(1/3).

    g*s(T_final) is that of the yield, 45 ∫q²f dq/(2π⁴Y), and g*s,0 = 3.909 of s₀ = 2891.2 cm⁻³.
    """
    degrees = 45.0 / (2.0 * np.pi**4) * spectrum_moment(result, 2) / result.comoving_yield
    today = (CMB_TEMPERATURE_TODAY * BOLTZMANN_CONSTANT / HBAR_C) ** 3 * 2.0 * np.pi**2 / 45.0
    return jnp.cbrt(ENTROPY_DENSITY_TODAY / today / degrees)


def spectrum_moment(result: ProductionResult, power: int) -> jax.Array:
    """∫ x^power f dx over the rows (uniform in ln x)."""
    step = jnp.log(result.x[..., 1] / result.x[..., 0])
    return jnp.sum(step * result.x ** (power + 1) * result.f, axis=-1)


def relic_mass(mass: Any, warmth: Any, density: Any = RELIC_DENSITY_TARGET) -> jax.Array:
    """Mass [MeV] of the thermal relic as fast as ν_s of `mass` [MeV] and density Ω h².

    warmth  of ν_s relative to a Fermi–Dirac spectrum of the neutrinos' temperature
    """
    return ((_EV_PER_DENSITY * density) ** (1.0 / 3.0) * mass / warmth) ** 0.75


def mean_warmth(result: ProductionResult) -> jax.Array:
    """⟨x⟩T_s/(3.151 T_ν)."""
    return result.mean_momentum / MEAN * temperature_today(result) / _NEUTRINO


def half_mode_warmth(result: ProductionResult) -> jax.Array:
    """Ratio of the y with ⟨sin(xy)/(xy)⟩ = ½, of Fermi–Dirac neutrinos to that of the spectrum."""
    step = jnp.log(result.x[..., 1] / result.x[..., 0])
    weights = step * result.x**3 * result.f
    weights = weights / jnp.sum(weights)

    def excess(log_y: jax.Array) -> jax.Array:
        return jnp.log(2.0 * jnp.sum(weights * jnp.sinc(jnp.exp(log_y) * result.x / np.pi)))

    # Newton from below, where the logarithm bends little; the last step carries the derivative.
    log_y = jnp.log(_HALF * MEAN / jax.lax.stop_gradient(result.mean_momentum))
    for _ in range(8):
        value, slope = jax.value_and_grad(excess)(jax.lax.stop_gradient(log_y))
        log_y = jax.lax.stop_gradient(log_y) - value / jax.lax.stop_gradient(slope)
    return _HALF / jnp.exp(log_y) * temperature_today(result) / _NEUTRINO


@final
class ThermalRelic(AbstractLimit):
    """The mass of the equivalent thermal relic above a bound [keV], by one of the `mapping`s.

    Without a result of production "dodelson-widrow" alone says something, of a neutrino without
    a new force. Bounds hold for all dark matter: a share below 0.9 is out of range.
    """

    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    smallest: float = eqx.field(static=True)
    mapping: str = eqx.field(static=True)

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The equivalent mass [keV] against the bound."""
        mass = theory.sterile.mass
        if self.mapping == "dodelson-widrow":
            if theory.new_forces():
                raise self.refusal(theory)
            share = jnp.asarray(1.0)
            warmth = jnp.ones_like(mass)
        else:
            result = _need(result, self)
            share = result.relic_density / RELIC_DENSITY_TARGET
            warmth = mean_warmth(result) if self.mapping == "mean" else half_mode_warmth(result)
        value = relic_mass(mass, warmth) / keV
        inside = share >= _LEAST_SHARE
        return log_bound(self.smallest, value, inside, "thermal relic mass [keV]", lower=True)


@final
class PhaseSpace(AbstractLimit):
    """Phase-space density of dwarf galaxies: ρ/⟨v²⟩^(3/2) never grows (Tremaine and Gunn).

    1.7 keV for a Fermi–Dirac spectrum of the neutrinos' temperature that is all dark matter; any
    other spectrum by its √⟨x²⟩, m₄ √12.94 T_ν/(√⟨x²⟩ T_s), in the same halo. Without a result
    ν_s is that spectrum, of a neutrino without a new force.
    """

    smallest: float = eqx.field(static=True, default=1.7)
    source: str = eqx.field(static=True, default="Boyarsky et al., 0808.3902")
    name: str = eqx.field(static=True, default="phase space of dwarf galaxies")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The equivalent mass [keV] against the bound."""
        mass, share = theory.sterile.mass / keV, jnp.asarray(1.0)
        if result is not None or theory.new_forces():
            made = _need(result, self)
            share = made.relic_density / RELIC_DENSITY_TARGET
            square = spectrum_moment(made, 4) / spectrum_moment(made, 2)
            warmth = jnp.sqrt(square / MEAN_SQUARE) * temperature_today(made) / _NEUTRINO
            mass = mass / warmth
        inside = share >= _LEAST_SHARE
        return log_bound(self.smallest, mass, inside, "equivalent mass [keV]", lower=True)


@final
class Pauli(AbstractLimit):
    """Fermions fill at most one state each: m₄ above 0.41 keV in dwarf galaxies, any spectrum."""

    smallest: float = eqx.field(static=True, default=0.41)
    source: str = eqx.field(static=True, default="Boyarsky et al., 0808.3902")
    name: str = eqx.field(static=True, default="Pauli exclusion (Tremaine-Gunn)")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """m₄ [keV] against the bound, if ν_s is all dark matter."""
        share = 1.0
        if isinstance(result, ProductionResult):
            share = result.relic_density / RELIC_DENSITY_TARGET
        inside = jnp.asarray(share) >= _LEAST_SHARE
        return log_bound(self.smallest, theory.sterile.mass / keV, inside, "m_4 [keV]", lower=True)


@final
class RelicDensity(AbstractLimit):
    """Ω h² at most that of all dark matter, 0.1224 (Planck, 95 %).

    The hadronic uncertainty of the rates, 10 to 20 % of Ω h², is larger than the datum's.
    """

    largest: float = eqx.field(static=True, default=RELIC_DENSITY_TARGET + 2 * 0.0012)
    source: str = eqx.field(static=True, default="Planck, 1807.06209")
    name: str = eqx.field(static=True, default="relic density")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """Ω h² of the result of production."""
        density = _need(result, self).relic_density
        return log_bound(self.largest, density, jnp.isfinite(density), "Omega h^2")


def structure_limits() -> list[AbstractLimit]:
    """All of them: every bound on thermal relics by every map, phase space, Ω h²."""
    relics: list[AbstractLimit] = [
        ThermalRelic(
            name=f"{entry['name']} ({words})",
            source=entry["source"],
            kind=entry["kind"],
            smallest=entry["mass"],
            mapping=mapping,
        )
        for entry in read_data("structure.toml")
        for mapping, words in zip(_MAPPINGS, ("DW map", "mean", "half-mode"), strict=True)
    ]
    return [RelicDensity(), *relics, PhaseSpace(), Pauli()]


def _need(result: Any, limit: AbstractLimit) -> ProductionResult:
    if not isinstance(result, ProductionResult):
        raise NeedsResult(f"The limit {limit.name!r} needs the result of `solve_production`.")
    return result
