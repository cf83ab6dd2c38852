r"""What a fit minimises and a sampler explores: residuals r_i(θ), with χ² = Σ r_i².

Ω h²      ln(Ω h²/target)/(σ/target), to first order (Ω h² − target)/σ and better behaved
⟨x⟩       (⟨x⟩ − value)/σ, where asked for
penalties whatever the user adds, functions of the parameters
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_positive
from ..abundance import comoving_yield, relic_density_of_yield
from ._problem import Theory, check_names, values_of, with_values

# {name: value} → one residual, a scalar whose square is added to χ².
Penalty = Callable[[dict[str, jax.Array]], jax.Array]


class Data(NamedTuple):
    """The numbers that a theory is compared with; traced, so that others cost no compilation."""

    target: Any  # Ω h²
    sigma: Any  # its standard deviation
    momentum: Any  # (⟨x⟩, its standard deviation), read only where asked for


class Point(NamedTuple):
    """What is known at one θ."""

    residuals: jax.Array  # [M]
    log_density: jax.Array  # ln Ω h²
    mean_momentum: jax.Array  # ⟨x⟩, NaN unless asked for
    status: jax.Array  # code of `Status`


def one_sided(log_ratio: Any, width: Any = 0.1) -> jax.Array:
    r"""A residual that is 0 below a limit and grows above it: the building block of penalties.

    With u = log_ratio/width it is h(u) = 0 for u ≤ 0, u²/2 up to u = 1 and u − ½ beyond: once
    continuously differentiable, so that χ² = h² is twice.

    log_ratio   ln(value/limit), or any number that is positive where the theory is excluded
    width       what of it costs χ² = ¼, > 0

        fit(…, penalties=[lambda p: one_sided(jnp.log(p["coupling"] / 0.1))])   # λ ≲ 0.1
    """
    u = jnp.asarray(log_ratio) / width
    inside = jnp.clip(u, 0.0, 1.0)
    return 0.5 * inside**2 + jnp.maximum(u - 1.0, 0.0)


def check_free(theory: Theory, free: Sequence[str]) -> tuple[str, ...]:
    """The names of the free parameters. Raises `TypeError` for a bare text, `ValueError` for bad
    names or none."""
    if isinstance(free, str):
        raise TypeError(f"Argument `free` must be a sequence of names, but is the text {free!r}.")
    if not free:
        raise ValueError("Argument `free` must name at least one parameter, but is empty.")
    check_names(theory, free)
    return tuple(free)


def check_data(target: Any, sigma: Any, mean_momentum: Any) -> None:
    """Raise `ValueError` unless all data and their errors are positive."""
    check_positive("target", target)
    check_positive("sigma", sigma)
    if mean_momentum is None:
        return
    if np.shape(mean_momentum) != (2,):
        raise ValueError(
            f"Argument `mean_momentum` must be a pair (value, error), but is {mean_momentum!r}."
        )
    check_positive("mean_momentum", mean_momentum)


def evaluate(
    theta: jax.Array,
    theory: Theory,
    names: tuple[str, ...],
    data: Data,
    momentum: bool,
    penalties: tuple[Penalty, ...],
) -> Point:
    """Residuals and status at the log-parameters θ [K], traceable and differentiable."""
    values = {name: jnp.exp(theta[i]) for i, name in enumerate(names)}
    changed = with_values(theory, values)
    outputs = 2 if momentum else 1
    m = changed.method.moments(
        changed.sterile, changed.interaction, changed.plasma, outputs=outputs
    )
    yield_ = comoving_yield(m.number, changed.plasma.entropy_degrees(m.T_final))
    log_density = jnp.log(relic_density_of_yield(changed.sterile.mass, yield_, changed.plasma))
    residuals = [(log_density - jnp.log(data.target)) * data.target / data.sigma]
    mean = jnp.asarray(jnp.nan, theta.dtype)
    if momentum:
        mean = m.momentum / m.number  # pyright: ignore[reportOptionalOperand]
        residuals.append((mean - data.momentum[0]) / data.momentum[1])
    everything = values_of(theory) | values
    residuals += [jnp.asarray(p(everything), theta.dtype) for p in penalties]
    return Point(jnp.stack(residuals), log_density, mean, m.status_code)
