"""Production from the Boltzmann equation, as a quadrature."""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from .._checks import check_choice, check_positive, check_window
from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..sterile import SterileNeutrino
from ..transition import pieces_of
from . import _smooth
from ._grid import Lattice, check_tabulated
from ._lattice import (
    LatticeSolution,
    as_one_window,
    lattice_rates,
    moments,
    solve_on_lattice,
)
from ._method import AbstractMethod, Moments
from ._points import Stages, in_stages
from ._regime import Regime, regime_of
from ._result import History, ProductionResult
from ._status import Status
from ._theory import parts_of

MIXINGS = ("quasi-static", "averaged")
# The fast nodes are trusted when what they may miss of a resonance is below this, …
_SMOOTH_TOLERANCE = 3e-6
# … the coarse lattice when its estimate is below this, without and with resonances that are
# narrow: measured errors reach 10 and 2.5 times it, …
_COARSE_TOLERANCE, _NARROW_TOLERANCE = 1e-7, 2e-5
# … and the fine one up to here: its measured errors there are below 1e-4, a tenth of it.
_RESONANT_TOLERANCE = 1e-3
_THIN_WINDOW = 4  # nodes
# Measured errors of the fast nodes reach 5.5 times what they are said to miss: enough for a flag,
# but bounds need the factor.
_SAFETY = 6.0
# Up to λ = 4π the fast nodes' expansion in the width is up to three times too high.
_WIDE_SHARE = 0.125
_UNKNOWN = 1.0  # error of what the fast nodes cannot know


def lattices_of(plasma: Plasma) -> tuple[Lattice, Lattice]:
    """A coarse and a fine lattice; with g*(T) the spacing in t divides that of its splines.

    The coarse one has 64 rows and a multiple of 8 is fast: remainders are not vectorised.
    """
    coarse_t, fine_t = (16, 30) if plasma.degrees == "constant" else (20, 40)
    return Lattice(coarse_t, 6, low=-7.3, high=3.4), Lattice(fine_t, 10)


def lattice_of(plasma: Plasma) -> Lattice:
    """A lattice of middling spacing, for comparisons and for steppers in t."""
    return Lattice(steps_t=24 if plasma.degrees == "constant" else 20, steps_y=8)


@final
class BoltzmannQuadrature(AbstractMethod):
    r"""f_s(q) of the linear Boltzmann equation, integrated on fixed nodes (the default method).

    df_s/d ln z = (Γ/4H) sin²2θ_eff (f_a − f_s),
    sin²2θ_eff = Δ²s²/([Δ²s²] + Γ²/4 + (Δ cos2θ − V_T)²)   (1910.04901 eqs. 2, 3)

    back_reaction  keep −f_s, in closed form f_s = f_a(1 − e^(−I)) for constant g* and as its
                   equivalent along the comoving momentum otherwise. The sources drop it; then
                   f_s > f_a is possible.
    mixing         "quasi-static" (default) has no Δ²s² in the denominator; "averaged" keeps it
                   as the sources do. The density matrix gives the first, also where
                   Γ/2 < Δ sin 2θ at a resonance; without a resonance they agree to O(s²).
    T_initial      [MeV], default 10 GeV
    T_final        [MeV]; default min(T₀, m/60) with the lightest mediator's mass m, T₀ = 0.1 MeV
                   for constant g* and 1 MeV otherwise (below, e± annihilation heats photons but
                   not neutrinos). Both limits are sharp.
    keep_history   store df/d ln z against T in the result

    Momenta from 2e-4 to 66 in p/T_final are kept: what is made below (1e-5 of Ω h² where T_final
    is 100 times a mediator's mass, nothing otherwise) is left out of the lattice's numbers.

    Fast fixed nodes serve where no resonance is narrow; points they cannot resolve, and neutrinos
    with a `Transition`, go to the lattice of `nujax.production._lattice`. `error_estimate` and
    `status` say how it went.
    """

    back_reaction: bool = eqx.field(static=True)
    mixing: str = eqx.field(static=True)
    T_initial: jax.Array | None
    T_final: jax.Array | None
    keep_history: bool = eqx.field(static=True)
    follows_transitions: ClassVar[bool] = True

    def __init__(
        self,
        back_reaction: bool = True,
        mixing: str = "quasi-static",
        T_initial: Any = None,
        T_final: Any = None,
        keep_history: bool = False,
    ):
        check_choice("mixing", mixing, MIXINGS)
        self.back_reaction = bool(back_reaction)
        self.mixing = mixing
        self.T_initial = _limit("T_initial", T_initial)
        self.T_final = _limit("T_final", T_final)
        self.keep_history = bool(keep_history)

    def moments(
        self,
        sterile: SterileNeutrino,
        interaction: AbstractInteraction,
        plasma: Plasma,
        outputs: int = 2,
    ) -> Moments:
        """See `AbstractMethod.moments`."""
        values, error = self._staged(sterile, interaction, plasma, outputs, robust=True)
        sound = jnp.all(jnp.isfinite(values))
        return self._moments(interaction, plasma, values, error, _RESONANT_TOLERANCE, sound)

    def estimate(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> Moments:
        """The fast nodes alone; where they do not resolve a resonance, between two bounds.

        See `AbstractMethod.estimate`.
        """
        if sterile.transition is not None:
            return self.moments(sterile, interaction, plasma, outputs=1)
        (number, least), error = self._staged(sterile, interaction, plasma, 1, robust=False)
        tiny = jnp.finfo(number.dtype).tiny
        resolved = error < _SMOOTH_TOLERANCE
        error = jnp.where(resolved, error, _SAFETY * error)
        low = jnp.maximum(jnp.maximum(number * (1.0 - error), least), tiny)
        high = jnp.maximum(number * (1.0 + error), low)
        number = jnp.where(resolved, number, jnp.sqrt(low) * jnp.sqrt(high))
        error = jnp.where(resolved, error, jnp.sqrt(high) / jnp.sqrt(low) - 1.0)
        sound = jnp.isfinite(number)
        return self._moments(interaction, plasma, number[None], error, _SMOOTH_TOLERANCE, sound)

    def _moments(self, interaction, plasma, values, error, tolerance, sound) -> Moments:
        T_initial, T_final = integration_limits(self, interaction, plasma, values.dtype)
        code = jnp.where(error <= tolerance, Status.ok, Status.under_resolved)
        code = jnp.where(sound & (T_initial > T_final), code, Status.non_finite)
        return Moments(values[0], values[1] if len(values) > 1 else None, error, code, T_final)

    def _staged(self, sterile, interaction, plasma, outputs: int, robust: bool):
        """(Values, error estimate); without the robust stages the lower bound is a value too."""
        theory = (sterile, interaction, plasma, self)
        leaves, structure = jax.tree.flatten(theory)
        dtype = jnp.result_type(*leaves)
        shapes = tuple(jnp.shape(leaf) for leaf in leaves)
        theta = jnp.concatenate([jnp.ravel(leaf).astype(dtype) for leaf in leaves])
        values, (error, _) = _moments_function(structure, shapes, outputs, robust)(theta)
        return values, error

    def solve(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> ProductionResult:
        """See `AbstractMethod.solve`."""
        from ..abundance import comoving_yield, relic_density_of_yield

        m = self.moments(sterile, interaction, plasma)
        dtype, momentum = m.number.dtype, m.momentum
        assert momentum is not None
        T_initial, T_final = integration_limits(self, interaction, plasma, dtype)
        around = self.surroundings(sterile, interaction, plasma)
        solution = around.solution
        yield_ = comoving_yield(m.number, plasma.entropy_degrees(T_final))
        return ProductionResult(
            relic_density=relic_density_of_yield(sterile.mass, yield_, plasma),
            mean_momentum=momentum / m.number,
            comoving_yield=yield_,
            x=solution.q,
            f=solution.f,
            error_estimate=m.error_estimate,
            status_code=m.status_code,
            T_initial=T_initial,
            T_final=T_final,
            started=around.started,
            finished=around.finished,
            lightest_mediator=parts_of(interaction).lightest(),
            regime=around.regime,
            history=History(around.T, solution.rate) if self.keep_history else None,
        )

    def surroundings(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> Surroundings:
        """The solution on the fine lattice, and what it says about the production."""
        parts, lattice = parts_of(interaction), lattices_of(plasma)[1]
        limits = integration_limits(self, interaction, plasma, jnp.result_type(sterile.mass))
        rates = lattice_rates(sterile, parts, plasma, *limits, lattice)
        solution = self._on_lattice(rates, plasma)
        pieces = pieces_of(sterile.transition, *limits)
        rates, rate = as_one_window(rates, solution.rate, pieces)
        solution = solution._replace(rate=rate)
        regime = regime_of(rates, solution, sterile, parts, plasma, limits[0])
        return Surroundings(rates.T, solution, *_at_limits(solution, rates, *limits), regime)

    def _on_lattice(self, rates, plasma) -> LatticeSolution:
        return solve_on_lattice(rates, plasma, mixing=self.mixing, back_reaction=self.back_reaction)


class Surroundings(NamedTuple):
    """The lattice's T [nodes, MeV] and solution, and fields of `ProductionResult`."""

    T: jax.Array
    solution: LatticeSolution
    started: jax.Array
    finished: jax.Array
    regime: Regime


def integration_limits(method, interaction, plasma, dtype) -> tuple[jax.Array, jax.Array]:
    """T_initial and T_final [MeV] of a method, defaults filled in."""
    initial = 1e4 if method.T_initial is None else method.T_initial
    if method.T_final is None:
        final = jnp.asarray(0.1 if plasma.degrees == "constant" else 1.0, dtype)
        lightest = parts_of(interaction).lightest()
        if lightest is not None:
            final = jnp.minimum(final, lightest / 60.0)
    else:
        final = method.T_final
    return jnp.asarray(initial, dtype), jnp.asarray(final, dtype)


def check_limits(method, interaction, plasma) -> None:
    """Raise `ValueError` if concrete limits of a method are inverted, defaults included.

    Or if they lie beyond the tabulated kernels of a mediator.
    """
    if not hasattr(method, "T_initial"):
        return
    limits = integration_limits(method, interaction, plasma, jnp.result_type(float))
    check_window(*limits)
    mediator = parts_of(interaction).mediator
    if mediator is not None:
        check_tabulated(*limits, mediator.mass)


@functools.lru_cache(maxsize=64)
def _moments_function(structure, shapes, outputs, robust):
    """θ → ((number, momentum)[:outputs], (error, flag)) for one kind of theory; traces once."""

    def theory_of(theta):
        leaves, at = [], 0
        for shape in shapes:
            size = math.prod(shape)
            leaves.append(theta[at : at + size].reshape(shape))
            at += size
        return jax.tree.unflatten(structure, leaves)

    def limits(theta):
        sterile, interaction, plasma, method = theory_of(theta)
        parts = parts_of(interaction)
        initial, final = integration_limits(method, interaction, plasma, theta.dtype)
        return sterile, parts, plasma, method, initial, final

    def extent(theta):
        _, parts, plasma, _, initial, final = limits(theta)
        return _smooth.extent(parts.anchor, initial, final, _smooth.steps_of(plasma))

    plasma_kind = jax.tree.unflatten(structure, [jnp.zeros(shape) for shape in shapes])[2]
    steps = _smooth.steps_of(plasma_kind)
    coarse, fine = lattices_of(plasma_kind)
    # Searches ask for small batches, whose nodes are farther apart, and for mediators of some MeV,
    # whose T_final is lower.
    shared_window = _smooth.short_window(steps) + (0 if robust else 2 * steps)

    def quick(theta, first, window):
        sterile, parts, plasma, method, initial, final = limits(theta)
        sums = _smooth.solve_on_nodes(
            sterile, parts, plasma, initial, final,
            mixing=method.mixing, back_reaction=method.back_reaction, first=first, window=window,
        )  # fmt: skip
        values = jnp.stack([sums.number, sums.momentum][:outputs])
        least = sums.least
        # A window of few nodes is a small difference of two limits: better on finer ones.
        thin = jnp.log(initial / final) * steps < _THIN_WINDOW
        error = sums.unresolved + jnp.where(thin, _UNKNOWN, 0.0)
        if parts.mediator is not None:
            too_wide = parts.mediator.relative_width > parts.mediator.largest_tabulated_width
            error = error + jnp.where(too_wide, _UNKNOWN, 0.0)
            least = least * jnp.where(too_wide, _WIDE_SHARE, 1.0)
        error = _safe(error, values)
        if not robust:
            values = jnp.append(values, least)
        good = error < _SMOOTH_TOLERANCE
        flags = jnp.stack([error, jnp.where(good, 0.0, 1.0).astype(error.dtype)])
        return values, jax.lax.stop_gradient(flags)

    def shared(theta, first):
        return quick(theta, first, shared_window)

    def single(theta):
        return quick(theta, extent(theta)[0], _smooth.long_window(steps))

    def on_lattice(theta, lattice):
        sterile, parts, plasma, method, initial, final = limits(theta)
        rates = lattice_rates(sterile, parts, plasma, initial, final, lattice)
        solution = method._on_lattice(rates, plasma)
        values = jnp.stack(moments(lattice, solution.q, solution.f)[:outputs])
        error, tolerance = _lattice_error(solution)
        if parts.mediator is not None:
            beyond = parts.mediator.relative_width > parts.mediator.largest_width
            error = error + jnp.where(beyond, _UNKNOWN, 0.0)
        error = _safe(error, values)
        poor = jnp.where(error < tolerance, 0.0, 1.0).astype(error.dtype)
        return values, jax.lax.stop_gradient(jnp.stack([error, poor]))

    sterile_kind = jax.tree.unflatten(structure, [jnp.zeros(shape) for shape in shapes])[0]
    if sterile_kind.transition is not None:
        # The fast nodes know one mass and one angle.
        return in_stages(
            Stages(
                extent=extent,
                longest=shared_window,
                shared=lambda theta, first: on_lattice(theta, coarse),
                single=functools.partial(on_lattice, lattice=coarse),
                robust=(functools.partial(on_lattice, lattice=fine),),
            )
        )
    return in_stages(
        Stages(
            extent=extent,
            longest=shared_window,
            shared=shared,
            single=single,
            robust=tuple(
                functools.partial(on_lattice, lattice=each) for each in (coarse, fine) if robust
            ),
        )
    )


def _safe(error: jax.Array, values: jax.Array) -> jax.Array:
    """The error estimate of moments that are no numbers or not positive: all of them."""
    sound = jnp.all(jnp.isfinite(values) & (values >= 0.0))
    return jnp.where(sound, error, jnp.maximum(error, _UNKNOWN))


def _lattice_error(solution: LatticeSolution) -> tuple[jax.Array, jax.Array]:
    """Relative error estimate of ∫q²f dq, and what to tolerate of it on the coarse lattice.

    See `resonance_weight` for the first terms. The others: what the rows leave out at low q, for
    the slowest decrease there is, f ∝ q^(−2), and what fast conversion makes of the limits.
    """
    cube = solution.q**3
    fine, coarse, plain, narrow = (jnp.dot(cube[::4], f) for f in solution.thin)
    alternate = 0.25 * jnp.dot(cube, solution.alternate)
    tiny = jnp.finfo(fine.dtype).tiny
    size = jnp.abs(coarse - fine) + jnp.abs(alternate)
    size = size + jnp.minimum(1e-4 * jnp.abs(plain - fine), fine)
    step = jnp.log(solution.q[4] / solution.q[0])
    size = size + cube[0] * jnp.abs(solution.thin[0][0]) / step
    total = jnp.abs(fine) + tiny
    tolerance = jnp.where(narrow > 0.01 * total, _NARROW_TOLERANCE, _COARSE_TOLERANCE)
    lag = jnp.dot(cube, solution.lag) / (jnp.abs(jnp.dot(cube, solution.f)) + tiny)
    return size / total + lag, tolerance


def _at_limits(solution, rates, T_initial, T_final):
    """Fraction of ∫q²f dq made per unit of ln T at either limit."""
    column = jnp.dot(solution.rate, solution.q**3)
    total = jnp.sum(column * rates.weights)
    tiny = jnp.finfo(total.dtype).tiny

    def at(T):
        nearest = jnp.argmin(jnp.abs(jnp.log(rates.T / T)))
        return jnp.abs(column[nearest]) / (jnp.abs(total) + tiny)

    return at(T_initial), at(T_final)


def _limit(name: str, value: Any) -> jax.Array | None:
    if value is None:
        return None
    check_positive(name, value)
    return jnp.asarray(value, dtype=jnp.result_type(float, value))
