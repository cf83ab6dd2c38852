"""A theory as the integrators see it: one tabulated mediator at most, and everything else."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..interactions._base import AbstractInteraction, terms_of
from ..interactions._mediator import AbstractMediator
from ..interactions.gauged import ChargedLeptons
from ..interactions.standard_model import StandardModel

# Without a tabulated mediator t = ln(1 MeV/T).
_ANCHOR = 1.0


class Parts(NamedTuple):
    """Terms of an interaction: the anchored `mediator`, the `standard` model, all `others`.

    `charged` is the part of the mediator that has tables of its own.
    """

    mediator: AbstractMediator | None
    standard: StandardModel | None
    others: tuple[AbstractInteraction, ...]
    charged: ChargedLeptons | None = None

    @property
    def anchor(self) -> jax.Array:
        """Mass [MeV] that t = ln(anchor/T) refers to."""
        return jnp.asarray(_ANCHOR) if self.mediator is None else self.mediator.mass

    def lightest(self) -> jax.Array | None:
        """Smallest mediator mass [MeV], or None."""
        masses = [self.mediator.mass] if self.mediator is not None else []
        masses += [other.mass for other in self.others if isinstance(other, AbstractMediator)]
        smallest = None
        for mass in masses:
            smallest = mass if smallest is None else jnp.minimum(smallest, mass)
        return smallest


def parts_of(interaction: AbstractInteraction) -> Parts:
    """Sort the terms of `interaction`; the first mediator is the one that gets tabulated."""
    terms = terms_of(interaction)
    mediator = standard = None
    others = []
    for term in terms:
        if mediator is None and isinstance(term, AbstractMediator):
            mediator = term
        elif standard is None and isinstance(term, StandardModel):
            standard = term
        else:
            others.append(term)
    charged = None if mediator is None else mediator.charged_leptons()
    return Parts(mediator, standard, tuple(others), charged)
