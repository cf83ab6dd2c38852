r"""The likelihood of a theory as a function that samplers can call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..constants import RELIC_DENSITY_PLANCK2018_ERROR, RELIC_DENSITY_TARGET
from ..interactions import AbstractInteraction
from ..plasma import Plasma
from ..production import AbstractMethod, Status
from ..sterile import SterileNeutrino
from ._problem import theory_of
from ._targets import Data, Penalty, check_data, check_free, evaluate


def log_likelihood(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    free: Sequence[str],
    target: float = RELIC_DENSITY_TARGET,
    sigma: float = RELIC_DENSITY_PLANCK2018_ERROR,
    mean_momentum: tuple[float, float] | None = None,
    penalties: Sequence[Penalty] = (),
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> Callable[[Any], jax.Array]:
    r"""A pure JAX function of log-parameters: ln L, for NumPyro, BlackJAX or your own sampler.

    ln L = −½ {[(Ω h² − target)/σ]² + [(⟨x⟩ − value)/σ_x]² + Σ penalty²}, without its constants.

    free    names of the free ones of "mass", "sin2_2theta", "mediator_mass", "coupling"; the
            others stay as they are in the theory
    others  as in `fit`

    The function takes {name: ln p} of all free parameters, or a vector of ln p [K] in their order
    (energies in MeV), and returns a scalar. It works with `jax.jit`, `jax.grad` and `jax.vmap`
    (chains are a batch: NumPyro's chain_method="vectorized"). It has no prior and no bounds: keep
    the sampler within the domain of nujax (`fit`) by its priors.

    A point that is not `Status.ok` has ln L = −inf and gradient 0: a sampler rejects it (NUTS
    counts it as a divergence) and its state stays finite.

    Raises `ValueError` for unknown, repeated or no free parameters, those of a missing mediator,
    and target or sigma ≤ 0; `TypeError` for arguments of a wrong kind. The function raises
    `ValueError` for other names or another shape.
    """
    theory = theory_of(sterile, interaction, plasma, method)
    names = check_free(theory, free)
    check_data(target, sigma, mean_momentum)
    data = Data(target, sigma, mean_momentum or (1.0, 1.0))
    terms = tuple(penalties)

    def value_of(theta):
        point = evaluate(theta, theory, names, data, mean_momentum is not None, terms)
        off = (jnp.exp(point.log_density) - target) / sigma
        value = -0.5 * (off**2 + jnp.sum(point.residuals[1:] ** 2))
        return value, (point.status == Status.ok) & jnp.isfinite(value)

    @jax.custom_jvp
    def guarded(theta):
        value, good = value_of(theta)
        return jnp.where(good, value, -jnp.inf)

    @guarded.defjvp
    def _(primals, tangents):
        # The gradient beside the value, so that nothing of a bad point reaches a product with it.
        (value, good), slope = jax.value_and_grad(value_of, has_aux=True)(*primals)
        good = good & jnp.all(jnp.isfinite(slope))
        slope = jnp.where(good, slope, 0.0)
        return jnp.where(good, value, -jnp.inf), jnp.dot(slope, tangents[0])

    compiled = jax.jit(guarded)
    return lambda parameters: compiled(_vector(parameters, names))


def _vector(parameters: Any, names: tuple[str, ...]) -> jax.Array:
    """ln p [K] in the order of the names."""
    if isinstance(parameters, Mapping):
        if set(parameters) != set(names):
            raise ValueError(
                f"Argument `parameters` must have {', '.join(names)}, but has "
                f"{', '.join(parameters) or 'none'}."
            )
        parameters = jnp.stack([jnp.asarray(parameters[name]) for name in names])
    theta = jnp.asarray(parameters, dtype=jnp.result_type(float))
    if theta.shape != (len(names),):
        raise ValueError(
            f"Argument `parameters` must have shape ({len(names)},), but has {theta.shape}."
        )
    return theta
