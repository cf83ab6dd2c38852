"""Limits on a neutrinophilic boson from N_eff, free streaming, SN1987A, and DUNE's reach."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..constants import HBAR_C, PLANCK_MASS
from ..portal._cosmology import DECOUPLING, STANDARD_NEUTRINOS
from ._base import AbstractLimit, Bound, log_bound
from ._mediator import is_vector, neutrinophilic
from ._tables import Table
from ._theory import SterileTheory

_CORE = 1e6 / HBAR_C  # radius of the core of SN1987A, 10 km [1/MeV]
_CORE_ENERGY = 100.0  # of what escapes from it [MeV]


def effective_neutrinos_of_boson(mass: Any, degrees: float) -> jax.Array:
    """N_eff when a boson coupled to neutrinos alone becomes non-relativistic; mass [MeV].

    N_eff = 3.044 (1 + g_s(m/T_D)/5.25)^(4/3), T_D = 2.3 MeV, instantaneous decoupling as in
    `nujax.portal.effective_neutrinos`; degrees 1 of a real, 2 of a complex scalar, 3 of a vector.
    3.33 at 7.1, 9.9 and 11.4 MeV. Limits with the full decoupling are 10 % off (2202.03515).
    """
    h = 0.1
    y = np.arange(-3.0, 4.5, h)
    node = np.exp(y - np.exp(-y))
    weight = h * node * (1.0 + np.exp(-y))
    z = jnp.asarray(mass, float)[..., None] / DECOUPLING
    row = (1,) * (z.ndim - 1) + (-1,)
    u, w = jnp.asarray(node).reshape(row), jnp.asarray(weight).reshape(row)
    energy = jnp.sqrt(u**2 + z**2)
    filling = jnp.exp(-energy) / -jnp.expm1(-energy)
    entropy = jnp.sum(w * u**2 * (energy + u**2 / (3.0 * energy)) * filling, axis=-1)
    carried = degrees / (2.0 * np.pi**2) * entropy * 45.0 / (2.0 * np.pi**2)
    return STANDARD_NEUTRINOS * (1.0 + carried / 5.25) ** (4.0 / 3.0)


@final
class EffectiveNeutrinosOfBoson(AbstractLimit):
    """N_eff at most 3.33 with a boson in equilibrium with neutrinos: 9.9 (scalar), 11.4 MeV.

    In range where the boson comes into equilibrium before T = m/3: inverse decays of neutrinos
    of energy m faster than H. The sources quote m ≳ 5 MeV from nucleosynthesis.
    """

    largest: float = eqx.field(static=True, default=3.33)
    source: str = eqx.field(static=True, default="Planck, 1807.06209")
    name: str = eqx.field(static=True, default="N_eff (boson)")
    kind: str = eqx.field(static=True, default="limit")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """N_eff − 3.044 against that of the datum."""
        boson = neutrinophilic(self, theory)
        extra = effective_neutrinos_of_boson(boson.mass, 3.0 if is_vector(boson) else 2.0)
        T = boson.mass / 3.0
        hubble = 1.66 * np.sqrt(10.75) * T * (T / PLANCK_MASS)
        inside = boson.on_shell_rate(boson.mass, T) > hubble
        return log_bound(
            self.largest - STANDARD_NEUTRINOS, extra - STANDARD_NEUTRINOS, inside, "Delta N_eff"
        )


@final
class BoundOnMass(AbstractLimit):
    """m above a bound [MeV] from nucleosynthesis with a complex scalar in equilibrium."""

    name: str = eqx.field(static=True, default="nucleosynthesis (approximate)")
    source: str = eqx.field(static=True, default="Blinov et al., 1905.02727")
    kind: str = eqx.field(static=True, default="estimate")
    smallest: float = eqx.field(static=True, default=5.2)

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """m [MeV] against the bound."""
        boson = neutrinophilic(self, theory)
        if is_vector(boson):
            raise self.refusal(theory)
        inside = jnp.isfinite(boson.mass)
        return log_bound(self.smallest, boson.mass, inside, "m [MeV]", lower=True)


@final
class FreeStreaming(AbstractLimit):
    """Neutrinos stream freely at recombination: the coupling below m/30 MeV (CMB). An estimate."""

    scale: float = eqx.field(static=True, default=30.0)
    source: str = eqx.field(static=True, default="1910.04901; Berryman et al., 1802.00009")
    name: str = eqx.field(static=True, default="free streaming (CMB)")
    kind: str = eqx.field(static=True, default="estimate")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against m/30 MeV."""
        boson = neutrinophilic(self, theory)
        bound = boson.mass / self.scale
        inside = bound < boson.largest_coupling
        return log_bound(bound, boson.coupling, inside, "coupling")


@final
class Supernova(AbstractLimit):
    r"""SN1987A: neutrinos of 100 MeV were not seen, which νν → X in the core would make.

    Excluded between coupling × m = 1e-9 MeV (2209.11773, approximate) and trapping, where X of
    100 MeV decays within the core of 10 km: γ/Γ_X = (E/m)/Γ_X below it, Γ_X = λ²m/32π or
    g²m/24π. The upper edge is an estimate of ours; 100 eV < m < 100 MeV.
    """

    product: float = eqx.field(static=True, default=1e-9)
    source: str = eqx.field(static=True, default="Fiorillo et al., 2209.11773")
    name: str = eqx.field(static=True, default="SN1987A (approximate)")
    kind: str = eqx.field(static=True, default="estimate")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against the band between emission and trapping."""
        boson = neutrinophilic(self, theory)
        numbers = 24.0 if is_vector(boson) else 32.0
        trapped = jnp.sqrt(numbers * np.pi * _CORE_ENERGY / _CORE) / boson.mass
        inside = (boson.mass > 1e-4) & (boson.mass < 100.0)
        bound = self.product / boson.mass
        return log_bound(bound, boson.coupling, inside, "coupling", ceiling=trapped)


@final
class MonoNeutrino(AbstractLimit):
    """Reach of DUNE in νn → μpX, for the boson of ν_μ: 1e-2 below 100 MeV. A projection."""

    table: Table = Table(((1.0, 1e-2), (100.0, 1e-2), (500.0, 3e-2), (1500.0, 0.1)))
    source: str = eqx.field(static=True, default="Kelly and Zhang, 1901.01259")
    name: str = eqx.field(static=True, default="mono-neutrinos, DUNE (approximate)")
    kind: str = eqx.field(static=True, default="projection")

    def models(self) -> tuple[type, ...]:
        """`SterileTheory`."""
        return (SterileTheory,)

    def compare(self, theory: SterileTheory, result: Any) -> Bound:
        """The coupling against the reach."""
        boson = neutrinophilic(self, theory, ("mu",))
        bound, inside = self.table(boson.mass)
        return log_bound(bound, boson.coupling, inside, "coupling")


def early_limits() -> list[AbstractLimit]:
    """All of them, and DUNE's reach."""
    return [
        EffectiveNeutrinosOfBoson(),
        BoundOnMass(),
        FreeStreaming(),
        Supernova(),
        MonoNeutrino(),
    ]
