"""The contract of an interaction of the active neutrino, and the sum of several."""

from __future__ import annotations

import abc

import equinox as eqx
import jax


class AbstractInteraction(eqx.Module):
    """What ONE active neutrino of energy E feels in a plasma of temperature T.

    A new force is one class with the two methods below. Both are elementwise in E [MeV] and
    T [MeV], which arrive with equal shapes, and return [MeV]. `flavour` is the name ("e", "mu",
    "tau") of the active neutrino that mixes with the sterile one; an interaction that couples to
    it alone may ignore the name. Use `jax.numpy` inside and no Python `if` on E, T or fields.

    `a + b` adds rates and potentials, see `InteractionSum`.
    """

    @abc.abstractmethod
    def interaction_rate(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """Γ [MeV]: rate of all interactions of one neutrino; the damping is D = Γ/2."""

    @abc.abstractmethod
    def thermal_potential(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """V_T [MeV]: thermal potential of the active neutrino relative to the sterile one."""

    def __add__(self, other: AbstractInteraction) -> InteractionSum:
        if not isinstance(other, AbstractInteraction):
            return NotImplemented
        return InteractionSum((*terms_of(self), *terms_of(other)))


class InteractionSum(AbstractInteraction):
    """Sum of interactions: Γ = Σ Γ_i, V_T = Σ V_i (rates of different processes add up).

    Field `terms`: tuple of interactions.
    """

    terms: tuple[AbstractInteraction, ...]

    def interaction_rate(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """Γ(E, T) = Σ Γ_i [MeV]."""
        return sum_of(term.interaction_rate(E, T, flavour) for term in self.terms)

    def thermal_potential(self, E: jax.Array, T: jax.Array, flavour: str) -> jax.Array:
        """V_T(E, T) = Σ V_i [MeV]."""
        return sum_of(term.thermal_potential(E, T, flavour) for term in self.terms)


def terms_of(interaction: AbstractInteraction) -> tuple[AbstractInteraction, ...]:
    """The terms of a sum, of sums within it too; an interaction that is no sum is its own term."""
    if not isinstance(interaction, InteractionSum):
        return (interaction,)
    return tuple(term for inner in interaction.terms for term in terms_of(inner))


def sum_of(values) -> jax.Array:
    """Sum without an integer zero in front, so that dtypes stay as they are."""
    first, *rest = values
    for value in rest:
        first = first + value
    return first
