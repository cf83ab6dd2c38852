"""A force among sterile neutrinos, which keep a temperature of their own."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .._checks import check_positive
from ..constants import FLAVOURS
from ._mediator import AbstractMediator


class HiddenForce(eqx.Module):
    r"""What ν_s feels in a secluded bath of sterile neutrinos, for `QuantumKinetic(hidden=…)`.

    mediator           `ScalarMediator` or `VectorMediator` with its coupling to ν_s: the same
                       Lagrangian, and so the same kernels, with ν_s in the place of ν_a
    temperature_ratio  ξ = T_h/T at T_final (with T_ν = T); both baths conserve their entropy, so
                       T_h/T = ξ (g*s(T)/g*s(T_final))^(-1/3)

    The potential V_s and the rate Γ_s of ν_s are those of a bath of temperature T_h. They enter
    the density matrix as V_a − V_s and (Γ_a + Γ_s)/2: at early times V_s suppresses the mixing
    (1310.5926, 1310.6337), and the damping brings ν_s into contact when the suppression ends.

    Approximations: the bath stays thermal with T_h, so nothing that is converted reacts back on
    V_s and Γ_s; collisions among ν_s destroy coherence, but do not move f_s between momenta. Valid
    until conversion adds as many ν_s as the bath has; f_s beyond that is a lower bound, as Γ_s
    would refill what is left empty.

    Raises `TypeError` unless `mediator` is one that couples to a neutrino alone, `ValueError` for
    a ratio that is not positive.
    """

    mediator: AbstractMediator
    temperature_ratio: jax.Array

    def __init__(self, mediator: AbstractMediator, temperature_ratio: Any):
        if not isinstance(mediator, AbstractMediator) or mediator.charged_leptons() is not None:
            raise TypeError(
                "Argument `mediator` must be a ScalarMediator or a VectorMediator, "
                f"but is {type(mediator).__name__}."
            )
        check_positive("temperature_ratio", temperature_ratio)
        self.mediator = mediator
        dtype = jnp.result_type(float, temperature_ratio)
        self.temperature_ratio = jnp.asarray(temperature_ratio, dtype)

    def of_sterile(self, E: jax.Array, T: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(Γ_s, V_s) [MeV] of a ν_s of energy E [MeV] in a bath of T_h = ξT, T [MeV]."""
        bath = self.temperature_ratio * T
        anything = FLAVOURS[0]  # these mediators ignore it
        rate = self.mediator.interaction_rate(E, bath, anything)
        return rate, self.mediator.thermal_potential(E, bath, anything)
