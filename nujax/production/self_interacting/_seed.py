"""What the exponential growth starts from: the few sterile neutrinos that oscillations made."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from ..._checks import check_positive
from ...interactions._base import AbstractInteraction
from ...plasma import Plasma
from ...sterile import SterileNeutrino
from .._boltzmann import BoltzmannQuadrature
from .._method import AbstractMethod
from .._regime import Regime
from .._status import Status
from ._clock import DECOUPLING


class Seed(NamedTuple):
    """Yield n_s/s, ⟨p⟩/T_ν once neutrinos have decoupled, and code of `Status`; scalars."""

    comoving_yield: jax.Array
    mean_momentum: jax.Array
    status_code: jax.Array


class AbstractSeed(eqx.Module):
    """Says how many ν_s there are when their self-interactions take over."""

    @abc.abstractmethod
    def abundance(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> Seed:
        """The abundance without self-interactions."""

    @abc.abstractmethod
    def regime(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> Regime:
        """What made the seed."""


@final
class OscillationSeed(AbstractSeed):
    """What `method` makes of the theory without self-interactions (default Dodelson–Widrow).

    method  any other production method, default `BoltzmannQuadrature()`
    """

    method: AbstractMethod = eqx.field(default_factory=BoltzmannQuadrature)

    def abundance(self, sterile, interaction, plasma) -> Seed:
        """As `AbstractSeed.abundance`."""
        from ...abundance import comoving_yield

        m = self.method.moments(sterile, interaction, plasma)
        assert m.momentum is not None
        decoupling = jnp.full_like(m.number, DECOUPLING)
        redshift = plasma.redshift(decoupling, m.T_final)
        yield_ = comoving_yield(m.number, plasma.entropy_degrees(m.T_final))
        return Seed(yield_, m.momentum / m.number * redshift, m.status_code)

    def regime(self, sterile, interaction, plasma) -> Regime:
        """That of the Boltzmann equation, without what `method` may add."""
        return BoltzmannQuadrature().surroundings(sterile, interaction, plasma).regime


@final
class GivenSeed(AbstractSeed):
    """A known abundance.

    relic_density  Ω h² it would have without self-interactions
    mean_momentum  ⟨p⟩/T_ν after the decoupling of neutrinos; 3.15 is that of the neutrinos

    Raises `ValueError` for numbers that are not positive.
    """

    relic_density: jax.Array
    mean_momentum: jax.Array

    def __init__(self, relic_density: Any, mean_momentum: Any):
        check_positive("relic_density", relic_density)
        check_positive("mean_momentum", mean_momentum)
        self.relic_density = jnp.asarray(relic_density, jnp.result_type(float, relic_density))
        self.mean_momentum = jnp.asarray(mean_momentum, jnp.result_type(float, mean_momentum))

    def abundance(self, sterile, interaction, plasma) -> Seed:
        """As `AbstractSeed.abundance`."""
        per_mass = plasma.entropy_density_today / plasma.critical_density_over_h2
        yield_ = self.relic_density / (sterile.mass * per_mass)
        return Seed(yield_, self.mean_momentum, jnp.asarray(int(Status.ok)))

    def regime(self, sterile, interaction, plasma) -> Regime:
        """That of collisions, without temperatures."""
        unknown = jnp.full_like(self.relic_density, jnp.nan)
        return Regime(jnp.asarray([1.0, 0.0, 0.0, 0.0]), unknown, unknown, None)
