r"""A sterile neutrino whose mass and mixing change with temperature: the field behind its mass.

A singlet scalar φ that gets its vacuum value in a phase transition gives ν_s part of its mass,
    m_s(T) = m_M + yφ(T) = m₄ + y[φ(T) − φ₀],   θ(T) = m_D/m_s(T) = θ m₄/m_s(T),
with today's φ₀, mass m₄ and angle θ (the relation of a seesaw; compare 1705.02184).
Lighter then means more mixed then: production takes place at a larger angle than X-ray telescopes
see, and, because Δ = m_s²/2E was smaller, in a cooler plasma.
"""

from __future__ import annotations

import abc
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ._checks import check_positive


class AbstractField(eqx.Module):
    """Vacuum value φ(T) [MeV] of the field that gives ν_s mass; elementwise and differentiable.

    A field that jumps says where, hot to cold, by `jumps`; between two of them it is smooth, and
    `value` is asked for one such piece (0 is the hottest), at temperatures outside it too.
    """

    @abc.abstractmethod
    def value(self, T: jax.Array, piece: int) -> jax.Array:
        """φ(T) [MeV] of the smooth piece with this number, at T [MeV]."""

    @abc.abstractmethod
    def today(self) -> jax.Array:
        """φ₀ [MeV]."""

    def jumps(self) -> tuple[jax.Array, ...]:
        """Temperatures [MeV] at which φ jumps, hottest first."""
        return ()

    def scales(self) -> tuple[jax.Array, ...]:
        """Temperatures [MeV] that the window of integration should contain."""
        return self.jumps()


@final
class StepField(AbstractField):
    """φ = `before` above T_c and `after` below: a first-order transition, over in no time.

    T_c [MeV] > 0; after, before [MeV], the second 0 by default. Raises `ValueError` for T_c ≤ 0.
    """

    T_c: jax.Array
    after: jax.Array
    before: jax.Array

    def __init__(self, T_c: ArrayLike, after: ArrayLike, before: ArrayLike = 0.0):
        check_positive("T_c", T_c)
        self.T_c, self.after, self.before = _floats(T_c, after, before)

    def value(self, T: jax.Array, piece: int) -> jax.Array:
        """See `AbstractField.value`."""
        return jnp.broadcast_to(self.before if piece == 0 else self.after, jnp.shape(T))

    def today(self) -> jax.Array:
        """See `AbstractField.today`."""
        return self.after

    def jumps(self) -> tuple[jax.Array, ...]:
        """See `AbstractField.jumps`."""
        return (self.T_c,)


@final
class SmoothField(AbstractField):
    r"""φ(T) = before + (after − before)/(1 + (T/T_c)^(1/width)): a crossover.

    T_c [MeV] > 0; width in ln T, > 0 (0.1: three quarters of the change within ±20 % of T_c; the
    limit width → 0 is `StepField`). Below 0.02 the integration asks for a step: the status says
    `under_resolved`. Raises `ValueError` for T_c ≤ 0 or width ≤ 0.
    """

    T_c: jax.Array
    after: jax.Array
    before: jax.Array
    width: jax.Array

    def __init__(
        self, T_c: ArrayLike, after: ArrayLike, before: ArrayLike = 0.0, width: ArrayLike = 0.1
    ):
        check_positive("T_c", T_c)
        check_positive("width", width)
        self.T_c, self.after, self.before, self.width = _floats(T_c, after, before, width)

    def value(self, T: jax.Array, piece: int) -> jax.Array:
        """See `AbstractField.value`."""
        done = jax.nn.sigmoid(jnp.log(self.T_c / T) / self.width)
        return self.before + (self.after - self.before) * done

    def today(self) -> jax.Array:
        """See `AbstractField.today`."""
        return self.after

    def scales(self) -> tuple[jax.Array, ...]:
        """See `AbstractField.scales`."""
        return (self.T_c,)


class _Plain(eqx.Module):
    function: Callable[[jax.Array], jax.Array] = eqx.field(static=True)

    def __call__(self, T: jax.Array) -> jax.Array:
        return self.function(T)


@final
class GivenField(AbstractField):
    """φ(T) = function(T) [MeV], smooth, of T [MeV]; elementwise and traceable by JAX.

    function     any pytree that can be called, for example an `equinox.Module` with parameters to
                 differentiate
    cold         temperature [MeV] at and below which φ has today's value, default 1e-4 MeV
    """

    function: Callable[[jax.Array], jax.Array]
    cold: jax.Array

    def __init__(self, function: Callable[[jax.Array], jax.Array], cold: ArrayLike = 1e-4):
        check_positive("cold", cold)
        # A plain function is no array: part of the structure then.
        module: Any = function if isinstance(function, eqx.Module) else _Plain(function)
        self.function = module
        (self.cold,) = _floats(cold)

    def value(self, T: jax.Array, piece: int) -> jax.Array:
        """See `AbstractField.value`."""
        return jnp.broadcast_to(self.function(jnp.maximum(T, self.cold)), jnp.shape(T))

    def today(self) -> jax.Array:
        """See `AbstractField.today`."""
        return self.function(self.cold)


class Vacuum(NamedTuple):
    """Δ's mass and the angle at one temperature or today: m_s² [MeV²], sin²2θ, cos 2θ."""

    mass2: jax.Array
    sin2_2theta: jax.Array
    cos_2theta: jax.Array


@final
class Transition(eqx.Module):
    r"""m_s(T) = m₄ + y[φ(T) − φ₀] and θ(T) = θ m₄/m_s(T) of a `SterileNeutrino`.

    yukawa   y, dimensionless, of L ∋ −yφ N̄ᶜN
    field    an `AbstractField`: `StepField`, `SmoothField` or `GivenField`

    The Majorana mass without the field is m_M = m₄ − yφ₀. All numbers are traced.

    `BoltzmannQuadrature` (and `FreezeIn` around it) follows every field, `QuantumKinetic` those
    that do not jump; other methods refuse a transition.

    Approximations: active and sterile states mix with the angle of the moment, which changes
    slowly against their oscillations (Δ/H is 1e6 and more where production takes place); what has
    been made keeps its comoving momentum; latent heat and the field's own quanta are left out.
    """

    yukawa: jax.Array
    field: AbstractField

    def __init__(self, yukawa: ArrayLike, field: AbstractField):
        if not isinstance(field, AbstractField) and not isinstance(field, jax.core.Tracer):
            raise TypeError(
                f"Argument `field` must be an AbstractField, but is {type(field).__name__}."
            )
        (self.yukawa,) = _floats(yukawa)
        self.field = field

    def mass(self, T: ArrayLike, today: jax.Array, piece: int) -> jax.Array:
        """m_s(T) [MeV], signed, at T [MeV] of a neutrino of mass `today` [MeV]; elementwise."""
        T = jnp.asarray(T)
        return today + self.yukawa * (self.field.value(T, piece) - self.field.today())

    def vacuum(self, T: jax.Array, today: Vacuum, piece: int) -> Vacuum:
        """The vacuum at T [MeV]; NaN where θ(T) would be larger than π/2."""
        mass = jnp.sqrt(today.mass2)
        then = self.mass(T, mass, piece)
        doubled = _double_angle(today) * mass / jnp.abs(then)
        doubled = jnp.where(doubled <= np.pi, doubled, jnp.nan)
        return Vacuum(then**2, jnp.sin(doubled) ** 2, jnp.cos(doubled))


def pieces_of(
    transition: Transition | None, T_initial: jax.Array, T_final: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], ...]:
    """Limits (hot, cold) [MeV] of the smooth pieces of a history; maybe empty ones."""
    jumps = () if transition is None else transition.field.jumps()
    edges = [T_initial, *(jnp.clip(T, T_final, T_initial) for T in jumps), T_final]
    return tuple(zip(edges[:-1], edges[1:], strict=True))


def check_transition(
    transition: Transition, today: Vacuum, T_initial: jax.Array, T_final: jax.Array
) -> None:
    """Refuse θ(T) > π/2 by `ValueError`; warn of transitions outside the window.

    Of concrete numbers only.
    """
    numbers = jax.tree.leaves((transition, today, T_initial, T_final))
    if any(isinstance(number, jax.core.Tracer) for number in numbers):
        return
    for number, (hot, cold) in enumerate(pieces_of(transition, T_initial, T_final)):
        # Broadcast to batches: temperatures come first.
        T = jnp.stack([hot * (cold / hot) ** share for share in np.linspace(0.0, 1.0, 200)])
        at = transition.vacuum(T, today, number)
        bad = np.asarray(~jnp.isfinite(at.sin2_2theta)) & (np.asarray(hot > cold))
        if bad.any():
            first = float(np.broadcast_to(np.asarray(T), bad.shape)[bad][0])
            raise ValueError(
                "Argument `transition` must keep θ(T) within [0, π/2], but m_s is too small "
                f"for that at T = {first:.4g} MeV."
            )
    for scale in transition.field.scales():
        if np.any((scale > T_initial) | (scale < T_final)):
            warnings.warn(
                f"The transition at {float(jnp.ravel(scale)[0]):.4g} MeV lies outside the window "
                f"of integration, {float(jnp.min(T_final)):.4g} to "
                f"{float(jnp.max(T_initial)):.4g} MeV.",
                stacklevel=4,
            )


def _double_angle(today: Vacuum) -> jax.Array:
    """2θ from sin²2θ, which keeps its digits where θ is tiny, and the sign of cos 2θ."""
    sine = jnp.arcsin(jnp.sqrt(today.sin2_2theta))
    return jnp.where(today.cos_2theta < 0.0, np.pi - sine, sine)


def _floats(*values: Any) -> tuple[jax.Array, ...]:
    return tuple(jnp.asarray(v, dtype=jnp.result_type(float, v)) for v in values)
