"""The lepton asymmetry that gives the relic density, and how it changes with everything else."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._checks import check_positive
from ..abundance import relic_density_and_status
from ..constants import RELIC_DENSITY_TARGET
from ..interactions import AbstractInteraction
from ..plasma import Plasma
from ..production import Resonant
from ..sterile import SterileNeutrino
from ._implicit import implicit_root
from ._problem import theory_of

_SMALLEST = 1e-8  # |η|, without effect


class RelicAsymmetry(NamedTuple):
    """A root η* of Ω h²(η) = target, and the code of its `Status`; scalars."""

    asymmetry: jax.Array
    status_code: jax.Array


def relic_asymmetry(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    method: Resonant,
    target: Any = RELIC_DENSITY_TARGET,
    plasma: Plasma | None = None,
) -> RelicAsymmetry:
    r"""The lepton asymmetry η = n_L/n_γ with Ω h²(η) = target, differentiable.

    A pure JAX function of every number in the arguments, `target` included: a search by secants in
    ln |η| starts at `method.lepton_asymmetry`, whose sign it keeps, and has the derivatives of the
    implicit function,
        d ln η* = [d ln target − (∂ ln Ω h²/∂p) dp]/(∂ ln Ω h²/∂ ln η).
    Ω h² rises with |η|; there is no root where Dodelson–Widrow production alone exceeds the target.
    The status is then `max_steps` and the asymmetry NaN.

    Raises `TypeError` unless the method is a `Resonant`; `ValueError` for an asymmetry to start at
    that is zero and a target that is not positive.
    """
    if not isinstance(method, Resonant):
        raise TypeError(f"Argument `method` must be a Resonant, but is {type(method).__name__}.")
    check_positive("target", target)
    theory = theory_of(sterile, interaction, plasma, method)
    start = method.lepton_asymmetry
    if not isinstance(start, jax.core.Tracer) and np.any(np.asarray(start) == 0.0):
        raise ValueError("Argument `lepton_asymmetry` must not be 0 where a search starts.")
    return _relic_asymmetry(theory, jnp.asarray(target, float))


@eqx.filter_jit
def _relic_asymmetry(theory, target) -> RelicAsymmetry:
    def miss(log_eta, arguments):
        theory, target = arguments
        sign = jnp.sign(theory.method.lepton_asymmetry)
        method = eqx.tree_at(lambda m: m.lepton_asymmetry, theory.method, sign * jnp.exp(log_eta))
        density, status = relic_density_and_status(
            theory.sterile, theory.interaction, plasma=theory.plasma, method=method
        )
        return jnp.log(density) - jnp.log(target), status

    bounds = np.log(_SMALLEST), 0.0
    start = theory.method.lepton_asymmetry
    root, status = implicit_root(miss, (theory, target), jnp.log(jnp.abs(start)), bounds)
    return RelicAsymmetry(jnp.sign(start) * jnp.exp(root), status)
