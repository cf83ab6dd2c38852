"""What every limit is: theory and datum in; bound, the theory's value and their ratio out."""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._theory import as_theory, name_of


class NotConstrained(TypeError):
    """A limit was asked for a model that it says nothing about; the message says which."""


class NeedsResult(NotConstrained):
    """A limit was asked for a theory alone, but compares what production made of it."""


class Bound(eqx.Module):
    """What a limit says of one theory (or of a batch, under `vmap`).

    quantity   what is compared, with its unit
    bound      the largest (or, if `lower`, smallest) value that the datum allows
    value      that of the theory
    ratio      value/bound, or bound/value of a lower bound: above 1 is excluded
    in_range   False where the datum does not reach: bound and ratio are NaN, not extrapolated
    ceiling    of an excluded (or preferred) band its upper end, where the ratio falls through 1
               again; None if all beyond the bound is excluded

    All but `quantity` and `lower` are differentiable; the tables are C¹ in log-log.
    """

    bound: jax.Array
    value: jax.Array
    in_range: jax.Array
    quantity: str = eqx.field(static=True)
    lower: bool = eqx.field(static=True, default=False)
    ceiling: jax.Array | None = None

    @property
    def ratio(self) -> jax.Array:
        """Above 1 where the theory is excluded; its logarithm is a term for a fit."""
        if self.ceiling is not None:
            return jnp.minimum(self.value / self.bound, self.ceiling / self.value)
        return self.bound / self.value if self.lower else self.value / self.bound

    @property
    def verdict(self) -> str:
        """ "excluded", "allowed" or "out of range"; of a single concrete point."""
        if not bool(np.asarray(self.in_range)):
            return "out of range"
        return "excluded" if float(self.ratio) > 1.0 else "allowed"


class AbstractLimit(eqx.Module):
    """One datum: what it constrains, and by how much. Everything about it is static."""

    name: eqx.AbstractVar[str]
    source: eqx.AbstractVar[str]
    kind: eqx.AbstractVar[str]

    @abc.abstractmethod
    def models(self) -> tuple[type, ...]:
        """Classes of theories that the limit constrains."""

    @abc.abstractmethod
    def compare(self, theory: Any, result: Any) -> Bound:
        """The bound for a theory of one of `models`; pure JAX. `result` may be None."""

    def bound(self, theory: Any, result: Any = None) -> Bound:
        """What the limit says of the theory, and of the production's `result` if it matters.

        theory   for example a `NeutrinoPortal`, a `SterileNeutrino`, or a pair of one and its
                 interaction as in `solve_production`

        Raises `NotConstrained` for a model that the limit says nothing about.
        """
        theory = as_theory(theory)
        if not isinstance(theory, self.models()):
            raise self.refusal(theory)
        return self.compare(theory, result)

    def refusal(self, theory: Any) -> NotConstrained:
        """The error to raise for this theory."""
        return NotConstrained(f"The limit {self.name!r} does not constrain a {name_of(theory)}.")


def log_bound(
    bound: Any,
    value: Any,
    in_range: Any,
    quantity: str,
    *,
    lower: bool = False,
    ceiling: Any = None,
) -> Bound:
    """A `Bound` whose bound, and its derivative, is NaN out of range and untouched inside it."""
    in_range = jnp.asarray(in_range)
    # A factor, not a choice: the derivative must not be zero where there is no number.
    factor = jnp.where(in_range, 1.0, jnp.nan)
    top = None if ceiling is None else ceiling * factor
    return Bound(bound * factor, jnp.asarray(value), in_range, quantity, lower, top)
