"""What solves the Boltzmann equation of freeze-out: the base of the methods, and the default."""

from __future__ import annotations

import abc
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from ..plasma import Plasma
from ..production import Status
from ._riccati import Rates, departure, solve_riccati

# Below this x* freeze-out is relativistic: quantum statistics, and what happened before, matter.
EARLIEST = 3.0


class Frozen(NamedTuple):
    """Yield of χ̄ (the rarer one) today, x where Y = 2.5 Y_eq, code of `Status`; scalars."""

    final: jax.Array
    x_freeze_out: jax.Array
    status_code: jax.Array


class AbstractFreezeOutMethod(eqx.Module):
    """Solves dY/dln x = −λ [Y(Y + η) − Y_eq²] for one set of `Rates`."""

    @abc.abstractmethod
    def solve(self, rates: Rates, plasma: Plasma, asymmetry: jax.Array) -> Frozen:
        """Yield, freeze-out and status; `asymmetry` is η = Y_χ − Y_χ̄ ≥ 0."""


@final
class RiccatiFreezeOut(AbstractFreezeOutMethod):
    """The default: a fixed mesh of exact exponentials of the Riccati equation, then one quadrature.

    Relative error of the yield 1e-5 or better (3e-5 for x_f below 5); the same work for every
    point, so that batches do not wait for one. Of a large asymmetry the sum of both yields is this
    accurate, but not the rarer one below 1e-8 of it.
    """

    def solve(self, rates: Rates, plasma: Plasma, asymmetry: jax.Array) -> Frozen:
        """As `AbstractFreezeOutMethod.solve`."""
        star = departure(rates, plasma)
        yields = solve_riccati(rates, plasma, asymmetry, star)
        return Frozen(*yields, early_status(star))


def early_status(star: jax.Array) -> jax.Array:
    """`no_freeze_out` where χ leaves equilibrium while relativistic, or was never in it."""
    return jnp.where(star > EARLIEST, int(Status.ok), int(Status.no_freeze_out))
