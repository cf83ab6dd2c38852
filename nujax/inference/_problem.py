r"""ln Ω h² as a function of a few log-parameters of a theory: all that inference knows.

The parameters have names, the same as in the gradients that the command line prints:
    mass           m₄ [MeV] of the sterile neutrino
    sin2_2theta    sin²2θ
    mediator_mass  m [MeV] of the (first) mediator, with `SelfInteracting` of the sterile scalar
    coupling       its coupling, λ, g or y
Every function here takes their natural logarithms θ [N, K]; the other numbers of the theory stay
as they are and are traced, so that another theory of the same kind is not compiled again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_choice
from ..abundance import comoving_yield, relic_density_of_yield
from ..constants import LIGHTEST_MEDIATOR
from ..interactions import AbstractInteraction, InteractionSum
from ..interactions._base import terms_of
from ..interactions._mediator import AbstractMediator
from ..plasma import Plasma
from ..production import AbstractMethod, BoltzmannQuadrature, SelfInteracting, Status
from ..production._regime import REGIMES
from ..production._solve import check_arguments
from ..production.self_interacting import SterileScalar
from ..sterile import SterileNeutrino

PARAMETERS = ("mass", "sin2_2theta", "mediator_mass", "coupling")
# Points in one call: enough to share nodes, few enough that a handful does not wait for many.
BATCH = 32
_FEW = 16  # the same for regimes, a millisecond a point


class Theory(eqx.Module):
    """The four arguments of `solve_production`, defaults filled in."""

    sterile: SterileNeutrino
    interaction: AbstractInteraction
    plasma: Plasma
    method: AbstractMethod


class Evaluation(NamedTuple):
    """ln Ω h² [N] and what belongs to it (NumPy)."""

    log_density: np.ndarray
    status: np.ndarray  # [N] codes of `Status`
    error: np.ndarray  # [N] relative error estimate of Ω h²
    slopes: np.ndarray  # [N, K] d ln Ω h²/dθ, or [N, 0] where not asked for


def theory_of(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> Theory:
    """Check the arguments as `solve_production` does and fill in its defaults."""
    plasma = Plasma.standard() if plasma is None else plasma
    method = BoltzmannQuadrature() if method is None else method
    check_arguments(sterile, interaction, plasma, method)
    return Theory(sterile, interaction, plasma, method)


def mediator_of(interaction: AbstractInteraction) -> AbstractMediator | None:
    """The mediator whose mass and coupling are parameters: the first one."""
    for term in terms_of(interaction):
        if isinstance(term, AbstractMediator):
            return term
    return None


def force_of(theory: Theory) -> AbstractMediator | SterileScalar | None:
    """Whose mass and coupling are parameters: the sterile scalar's, else the mediator's."""
    if isinstance(theory.method, SelfInteracting):
        return theory.method.scalar
    return mediator_of(theory.interaction)


def check_names(theory: Theory, names: Sequence[str]) -> None:
    """Raise `ValueError` for unknown or repeated parameters, or those of a missing mediator."""
    for name in names:
        check_choice("parameter", name, PARAMETERS)
    if len(set(names)) < len(names):
        raise ValueError(f"Argument `parameters` must name each one once, but is {tuple(names)}.")
    if force_of(theory) is None and set(names) & {"mediator_mass", "coupling"}:
        raise ValueError(
            "Argument `interaction` must contain a mediator, whose mass and coupling are "
            "parameters, but has none."
        )


def values_of(theory: Theory) -> dict[str, jax.Array]:
    """The present values of all parameters that this theory has."""
    values = {"mass": theory.sterile.mass, "sin2_2theta": theory.sterile.sin2_2theta}
    mediator = force_of(theory)
    if mediator is not None:
        values |= {"mediator_mass": mediator.mass, "coupling": mediator.coupling}
    return values


def with_values(theory: Theory, values: dict[str, Any]) -> Theory:
    """The theory with some parameters replaced (unchecked, traceable)."""

    def replaced(part, where):
        new = {field: values[name] for field, name in where.items() if name in values}
        if not new:
            return part
        fields = tuple(new)
        return eqx.tree_at(lambda p: [getattr(p, f) for f in fields], part, list(new.values()))

    sterile = replaced(theory.sterile, {"mass": "mass", "sin2_2theta": "sin2_2theta"})
    mediator = force_of(theory)
    interaction, method = theory.interaction, theory.method
    if mediator is None:
        return Theory(sterile, interaction, theory.plasma, method)
    new = replaced(mediator, {"mass": "mediator_mass", "coupling": "coupling"})
    if isinstance(method, SelfInteracting):
        method = eqx.tree_at(lambda whole: whole.scalar, method, new)
    else:
        terms = terms_of(interaction)
        changed: tuple[Any, ...] = tuple(new if term is mediator else term for term in terms)
        interaction = changed[0] if len(changed) == 1 else InteractionSum(changed)
    return Theory(sterile, interaction, theory.plasma, method)


def domain_of(theory: Theory, name: str) -> tuple[float, float]:
    """Smallest and largest value of a parameter that nujax is made for; the default bounds."""
    if name == "mass":
        return 1e-4, 1.0
    if name == "sin2_2theta":
        return 1e-16, 1e-2
    if name == "mediator_mass":
        return LIGHTEST_MEDIATOR, 1e5
    mediator = force_of(theory)
    assert mediator is not None
    # Sterile scalars do nothing below, at keV masses, and above their gas is in equilibrium.
    return 1e-6 if isinstance(mediator, SterileScalar) else 1e-12, mediator.largest_coupling


def log_density_and_status(theory: Theory, quick: bool = False):
    """(ln Ω h², status code, error estimate), traceable; of the first stage alone if `quick`."""
    physics = theory.sterile, theory.interaction, theory.plasma
    method = theory.method
    m = method.estimate(*physics) if quick else method.moments(*physics, outputs=1)
    yield_ = comoving_yield(m.number, theory.plasma.entropy_degrees(m.T_final))
    density = relic_density_of_yield(theory.sterile.mass, yield_, theory.plasma)
    return jnp.log(density), m.status_code, m.error_estimate


@functools.lru_cache(maxsize=64)
def _compiled(structure, shapes, names: tuple[str, ...], quick, gradient, batched):
    """A jitted function (θ, numbers of the theory) → [3 + K] for one kind of theory.

    One array in and one out: handing over thirty takes longer than the physics of a point.
    """

    def density(theta, numbers):
        leaves, at = [], 0
        for shape in shapes:
            size = math.prod(shape)
            leaves.append(numbers[at : at + size].reshape(shape))
            at += size
        theory = jax.tree.unflatten(structure, leaves)
        theory = with_values(theory, {n: jnp.exp(theta[i]) for i, n in enumerate(names)})
        log_density, status, error = log_density_and_status(theory, quick=quick)
        return log_density, jnp.stack([log_density, status.astype(theta.dtype), error])

    def one(theta, numbers):
        if not gradient:
            return density(theta, numbers)[1]
        slopes, values = jax.grad(density, has_aux=True)(theta, numbers)
        return jnp.concatenate([values, slopes])

    return jax.jit(jax.vmap(one, in_axes=(0, None)) if batched else one)


@functools.lru_cache(maxsize=64)
def _regimes(structure, names):
    """A jitted function of (leaves, θ [N, K]) → index of the regime [N]."""

    def one(theta, leaves):
        theory = jax.tree.unflatten(structure, leaves)
        theory = with_values(theory, {n: jnp.exp(theta[i]) for i, n in enumerate(names)})
        result = theory.method.solve(theory.sterile, theory.interaction, theory.plasma)
        return result.regime.code

    return jax.jit(lambda leaves, thetas: jax.lax.map(lambda theta: one(theta, leaves), thetas))


def regimes_at(theory: Theory, names: Sequence[str], theta: np.ndarray) -> list[str]:
    """Names of the regimes at log-parameters θ [N, K]."""
    leaves, structure = jax.tree.flatten(theory)
    n = len(theta)
    if not n:
        return []
    padded = np.concatenate([theta, np.repeat(theta[-1:], -n % _FEW, axis=0)])
    call = _regimes(structure, tuple(names))
    chunks = padded.reshape(-1, _FEW, theta.shape[1])
    codes = np.concatenate([np.asarray(call(leaves, chunk)) for chunk in chunks])[:n]
    return [REGIMES[int(code)] for code in codes]


class Problem:
    """ln Ω h²(θ) of one theory with named log-parameters, evaluated in batches."""

    def __init__(self, theory: Theory, names: Sequence[str]):
        check_names(theory, names)
        self.theory = theory
        self.names = tuple(names)
        leaves, structure = jax.tree.flatten(theory)
        shapes = tuple(np.shape(leaf) for leaf in leaves)
        dtype = jnp.result_type(*leaves)
        self._dtype = np.dtype(dtype)
        self._numbers = jnp.concatenate([jnp.ravel(leaf).astype(dtype) for leaf in leaves])
        self._key = structure, shapes, self.names
        self._easy = None  # a point [1, K] without narrow resonances, to fill up batches

    def quick(self, theta: np.ndarray) -> Evaluation:
        """Values of the first stage alone: microseconds a point, with their error bound."""
        return self._evaluate(theta, quick=True)

    def values(self, theta: np.ndarray) -> Evaluation:
        """Values, resonances resolved."""
        return self._evaluate(theta)

    def gradients(self, theta: np.ndarray) -> Evaluation:
        """Values and derivatives, resonances resolved."""
        return self._evaluate(theta, gradient=True)

    def value_and_slope(self, theta: np.ndarray, trusted: float) -> Evaluation:
        """Value and derivatives at one point [K]: the first stage if its error is `trusted`."""
        first = self._one(theta, quick=True)
        if first.error[0] <= trusted or first.status[0] == Status.ok:
            return first
        return self._one(theta, quick=False)

    def _one(self, theta, quick):
        call = _compiled(*self._key, quick, True, False)
        row = np.asarray(call(theta.astype(self._dtype), self._numbers))
        return Evaluation(row[:1], row[1:2].astype(int), row[2:3], row[None, 3:])

    def _evaluate(self, theta, quick=False, gradient=False) -> Evaluation:
        theta = np.asarray(theta, dtype=self._dtype)
        n = len(theta)
        call = _compiled(*self._key, quick, gradient, n > 1)
        if n == 1:
            rows = np.asarray(call(theta[0], self._numbers))[None]
        else:
            filler = theta[-1:] if self._easy is None else self._easy
            padded = np.concatenate([theta, np.repeat(filler, -n % BATCH, axis=0)])
            chunks = padded.reshape(-1, BATCH, theta.shape[1])
            parts = [call(chunk, self._numbers) for chunk in chunks]  # all are under way at once
            rows = np.concatenate([np.asarray(part) for part in parts])[:n]
        if quick and np.any(rows[:, 1] == Status.ok):
            self._easy = theta[np.argmax(rows[:, 1] == Status.ok)][None]
        return Evaluation(rows[:, 0], rows[:, 1].astype(int), rows[:, 2], rows[:, 3:])
