"""One point of `SelfInteracting`: from the seed to the spectrum."""

from __future__ import annotations

from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ...plasma import Plasma
from .._method import Moments
from .._result import ProductionResult
from .._status import Status
from .._theory import parts_of
from ._clock import DECOUPLING, expansion
from ._gas import KINETIC, WEIGHT
from ._integrated import Choices, System, dark_gas, evolve, rates, start_state, system_of

# Dark particles over ν_a and ν̄_a, at any of some times from T_ν = 3m on.
_RUNAWAY, _WATCHED = 0.5, 24
_ACTIVE = 1.5 * 1.2020569031595942 / np.pi**2  # n/T³ of ν_a and ν̄_a
_HISTORY = 256
_ROWS, _LOWEST, _HIGHEST = 129, 2e-4, 66.0


class DarkHistory(NamedTuple):
    """The dark gas [nodes] against T, the temperature of active neutrinos [MeV].

    T_dark [MeV], xi = μ_s/T_dark, number (n_s + 2n_φ)/T³, mean_energy ρ/n [MeV], and what makes it
    grow: dln n/dN, N = ln a, by ν_aν_s ↔ φ (`converted`) and by ν_sν_s ↔ φφ (`paired`).
    """

    T: jax.Array
    T_dark: jax.Array
    xi: jax.Array
    number: jax.Array
    mean_energy: jax.Array
    converted: jax.Array
    paired: jax.Array


class Run(NamedTuple):
    """State (ln T_d, ξ) at T_initial and at T_final, and how it went there."""

    system: System
    limits: tuple[jax.Array, jax.Array]
    start: jax.Array
    final: jax.Array
    steps: jax.Array
    status_code: jax.Array
    history: DarkHistory | None


def run(method, sterile, interaction, plasma: Plasma) -> Run:
    """Seed, start and evolution."""
    seed = method.seed.abundance(sterile, interaction, plasma)
    choices = Choices(method.matrix_element, method.expansion)
    limits = method.T_initial, method.last_temperature(sterile)
    early = expansion(plasma, jnp.log(limits[0]))
    late = expansion(plasma, jnp.log(jnp.full_like(limits[0], DECOUPLING)))
    number = seed.comoving_yield * early.entropy
    redshift = jnp.cbrt(early.entropy / late.entropy) * DECOUPLING
    start = start_state(
        system_of(sterile, method.scalar, plasma, choices),
        number,
        seed.mean_momentum * redshift,
    )
    numbers = (sterile, method.scalar, plasma, limits, start)

    def last(numbers):
        sterile, scalar, plasma, limits, start = numbers
        system = system_of(sterile, scalar, plasma, choices)
        first = jnp.clip(3.0 * scalar.mass, limits[1], limits[0])
        watched = jnp.linspace(-jnp.log(first), -jnp.log(limits[1]), _WATCHED)
        watched = jax.lax.stop_gradient(watched)
        solution = _evolve(method, system, start, limits, diffrax.SaveAt(t1=True, ts=watched))
        done = solution.result == diffrax.RESULTS.successful
        truncated = jnp.where(done, 1.0, jnp.nan)
        ys: Any = solution.ys
        states = jax.lax.stop_gradient(ys[:-1])
        numbers = jax.vmap(lambda state: dark_gas(system, jnp.exp(state[0]), state[1]).number)
        peak = jnp.max(numbers(states) * jnp.exp(3.0 * watched)) / _ACTIVE
        rest = jnp.stack([solution.stats["num_steps"] * 1.0, jax.lax.stop_gradient(peak)])
        return jnp.append(ys[-1] * truncated, rest)

    out = _by_sensitivities(last)(numbers) if method.adjoint is None else last(numbers)
    final = out[:2]
    system = system_of(sterile, method.scalar, plasma, choices)
    code = jnp.where(out[3] > _RUNAWAY, Status.runaway, Status.ok)
    code = jnp.where(jnp.all(jnp.isfinite(final)), code, Status.max_steps)
    code = jnp.where(jnp.all(jnp.isfinite(start)), code, Status.non_finite)
    on_shell = (method.scalar.mass > 2.0 * sterile.mass) & (limits[0] > limits[1])
    code = jnp.where(on_shell, code, Status.non_finite)
    code = jnp.where(seed.status_code == int(Status.ok), code, seed.status_code)
    history = None
    if method.keep_history:
        fixed = jax.lax.stop_gradient((system, limits, start))
        history = _history(method, *fixed)
    return Run(
        system,
        limits,
        start,
        final,
        jax.lax.stop_gradient(out[2]),
        jax.lax.stop_gradient(code),
        history,
    )


def _evolve(method, system, start, limits, saved, stops=None):
    adjoint = diffrax.ForwardMode() if method.adjoint is None else method.adjoint
    return evolve(
        system,
        start,
        limits,
        solver=method.solver,
        rtol=method.rtol,
        max_steps=method.max_steps,
        adjoint=adjoint,
        saved=saved,
        stops=stops,
    )


def _by_sensitivities(function):
    """`function` [K] of a tree of floats, with derivatives in both modes by its whole Jacobian.

    Solvers in a loop have forward derivatives only. These, of all inputs at once, cost few times
    the value, and a product with their matrix has a transpose.
    """

    @jax.custom_jvp
    def wrapped(numbers):
        return function(numbers)

    @wrapped.defjvp
    def _(primals, tangents):
        (numbers,), (moves,) = primals, tangents
        leaves, structure = jax.tree.flatten(numbers)
        flat = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])

        def of_flat(flat):
            at, parts = 0, []
            for leaf in leaves:
                parts.append(flat[at : at + leaf.size].reshape(leaf.shape))
                at += leaf.size
            value = function(jax.tree.unflatten(structure, parts))
            return value, value

        matrix, value = jax.jacfwd(of_flat, has_aux=True)(flat)
        move = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(moves)])
        return value, matrix @ move

    return wrapped


def _mean_momentum(system: System, T: jax.Array, xi: jax.Array) -> jax.Array:
    """⟨p⟩ [MeV] of ν_s."""
    z = system.mass / T
    p2 = KINETIC * (KINETIC + 2.0 * z)
    f = jax.nn.sigmoid(xi - z - KINETIC)
    measure = WEIGHT * (KINETIC + z) * f
    return T * jnp.sum(measure * p2) / jnp.sum(measure * jnp.sqrt(p2))


def _final(run: Run, plasma: Plasma):
    """Gas at the end, its yield, and T_final in units in which p/T is that at decoupling."""
    T, xi = jnp.exp(run.final[0]), run.final[1]
    dark = dark_gas(run.system, T, xi)
    entropy = expansion(plasma, jnp.log(run.limits[1])).entropy
    degrees = plasma.entropy_degrees(jnp.full_like(T, DECOUPLING))
    # (2π²/45) g*s T³ is this entropy density.
    unit = jnp.cbrt(entropy * 45.0 / (2.0 * np.pi**2 * degrees))
    return dark, dark.number / entropy, unit


def moments_of(run: Run, method, plasma: Plasma) -> Moments:
    """Moments with q = p/T at the decoupling of neutrinos."""
    dark, yield_, unit = _final(run, plasma)
    decoupling = jnp.full_like(yield_, DECOUPLING)
    number = 2.0 * np.pi**4 / 45.0 * plasma.entropy_degrees(decoupling) * yield_
    mean = _mean_momentum(run.system, jnp.exp(run.final[0]), run.final[1]) / unit
    error = method.rtol * run.steps
    return Moments(number, number * mean, error, run.status_code, decoupling)


def result_of(run: Run, method, sterile, interaction, plasma: Plasma) -> ProductionResult:
    """Everything, with the spectrum of the gas at T_final."""
    from ...abundance import relic_density_of_yield

    m = moments_of(run, method, plasma)
    assert m.momentum is not None
    _, yield_, unit = _final(run, plasma)
    T, xi = jnp.exp(run.final[0]), run.final[1]
    x = jnp.exp(jnp.linspace(np.log(_LOWEST), np.log(_HIGHEST), _ROWS))
    energy = jnp.sqrt((x * unit) ** 2 + sterile.mass**2)
    at_start = _growth(run.system, run.limits[0], run.start)
    at_end = _growth(run.system, run.limits[1], run.final)
    return ProductionResult(
        relic_density=relic_density_of_yield(sterile.mass, yield_, plasma),
        mean_momentum=m.momentum / m.number,
        comoving_yield=yield_,
        x=x,
        f=jax.nn.sigmoid(xi - energy / T),
        error_estimate=m.error_estimate,
        status_code=m.status_code,
        T_initial=run.limits[0],
        T_final=m.T_final,
        started=jnp.abs(at_start),
        finished=jnp.abs(at_end),
        lightest_mediator=parts_of(interaction).lightest(),
        regime=method.seed.regime(*jax.lax.stop_gradient((sterile, interaction, plasma))),
        history=run.history,
    )


def _growth(system: System, T, state) -> jax.Array:
    """dln n/dN of the comoving number."""
    dark = dark_gas(system, jnp.exp(state[0]), state[1])
    hubble = expansion(system.plasma, jnp.log(T)).hubble
    change = rates(system, jnp.log(T), state, dark, hubble)
    return (change.converted + change.paired) / dark.number


def _history(method, system: System, limits, start) -> DarkHistory:
    times = jnp.linspace(-jnp.log(limits[0]), -jnp.log(limits[1]), _HISTORY)
    # Steps end there: where pairs are in balance, interpolated states would not be.
    states = _evolve(method, system, start, limits, diffrax.SaveAt(ts=times), times).ys

    def at(t, state):
        T, dark = jnp.exp(-t), dark_gas(system, jnp.exp(state[0]), state[1])
        change = rates(system, -t, state, dark, expansion(system.plasma, -t).hubble)
        energy = dark.kinetic / dark.number + system.mass
        return DarkHistory(
            T,
            jnp.exp(state[0]),
            state[1],
            dark.number / T**3,
            energy,
            change.converted / dark.number,
            change.paired / dark.number,
        )

    return jax.vmap(at)(times, states)
