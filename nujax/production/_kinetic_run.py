"""Integration of the density matrix on all momenta, and its derivatives in every mode."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..statistics import fermi_dirac
from ._along import Momentum, Track, momenta_of, track_of
from ._bloch import quasi_static
from ._boltzmann import integration_limits, lattice_of
from ._crossings import Crossings, find_crossings, landing_times, mesh_times
from ._exact_kvaerno import ExactKvaerno5, size_of_first
from ._grid import Lattice
from ._kinetic_field import TheoryField
from ._replay import Path, replay
from ._theory import parts_of

HISTORY_NODES = 257


class Evolution(NamedTuple):
    """All momenta at T_final, and how it went (not differentiated)."""

    q: jax.Array  # [rows]
    outputs: jax.Array  # [rows, 1 or 2]: f_s/f_FD(q), and f_a/f_FD(q) if asked for
    success: jax.Array  # [rows]
    steps: jax.Array  # [rows]
    check: jax.Array  # [rows] f_s/f_FD(q) on half of a mesh, or from the default solver
    crossings: Crossings  # [rows, …]
    history: jax.Array | None  # [rows, times, 4] components of the density matrix


def lattice_for(method: Any, plasma: Any) -> tuple[Lattice, slice]:
    """The lattice that carries the kernels, and the rows of it that are solved."""
    lattice = lattice_of(plasma)
    if method.momenta > lattice.steps_y:
        lattice = lattice._replace(steps_y=method.momenta)
    return lattice, slice(None, None, lattice.steps_y // method.momenta)


def evolve(method, sterile, interaction, plasma, *, active: bool = False) -> Evolution:
    """Solve the density matrix of every momentum from T_initial to T_final.

    With `active` the occupation of the active neutrino is an output too. Without an adjoint of its
    own the method is differentiated by `replay`: the Jacobian of the outputs is computed beside the
    values, and serves forward mode and reverse mode alike.
    """
    limits = integration_limits(method, interaction, plasma, jnp.result_type(sterile.mass))
    theory = (sterile, interaction, plasma, method.hidden, limits)
    numbers, rest = eqx.partition(theory, eqx.is_inexact_array)
    lattice, rows = lattice_for(method, plasma)

    def track_for(numbers) -> Track:
        sterile, interaction, plasma, hidden, limits = eqx.combine(numbers, rest)
        return track_of(sterile, interaction, plasma, limits, lattice, hidden)

    def momenta_for(numbers) -> Momentum:
        T_initial = eqx.combine(numbers, rest)[-1][0]
        return momenta_of(track_for(numbers), T_initial, lattice, rows)

    def ends_for(numbers):
        parts = parts_of(eqx.combine(numbers, rest)[1])
        anchor = parts.anchor.astype(jnp.result_type(sterile.mass))
        return tuple(jnp.log(anchor / limit) for limit in eqx.combine(numbers, rest)[-1])

    def solve(numbers, keep_path: bool):
        track, momenta, ends = track_for(numbers), momenta_for(numbers), ends_for(numbers)
        return _all_momenta(method, track, momenta, ends, lattice.window, active, keep_path)

    def values(numbers):
        return solve(numbers, keep_path=False)[:2]

    if method.replayed:
        values = jax.custom_jvp(values)

        @values.defjvp
        def _(primals, tangents) -> Any:
            (numbers,), (change,) = primals, tangents
            outputs, aux, path = solve(numbers, keep_path=True)
            assert path is not None
            seeds = jnp.asarray([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -1.0]][: outputs.shape[1]])
            momenta = momenta_for(numbers)
            initial = functools.partial(_initial_state, method)
            found = replay(path, seeds, numbers, momenta, track_for, ends_for, initial)
            slope = sum(
                jnp.tensordot(rate, each, axes=each.ndim)
                for rate, each in zip(
                    jax.tree.leaves(found.numbers), jax.tree.leaves(change), strict=True
                )
            )
            if found.kernels is not None:
                _, moved = jax.jvp(lambda n: momenta_for(n).kernels, (numbers,), (change,))
                slope = slope + jnp.einsum("ronc,nrc->ro", found.kernels, moved)
            # A solve that ended early has no derivative. (A factor: reverse mode would make a zero
            # of a choice.)
            slope = slope * jnp.where(aux.success, 1.0, jnp.nan)[:, None]
            return (outputs, aux), (slope, jax.tree.map(_no_tangent, aux))

    outputs, aux = values(numbers)
    q = jnp.exp(jnp.asarray(lattice.log_q[rows], outputs.dtype))
    return Evolution(q, outputs, aux.success, aux.steps, aux.check, aux.crossings, aux.history)


class _Aux(NamedTuple):
    """What `Evolution` says besides the outputs; of all rows."""

    success: jax.Array
    steps: jax.Array
    check: jax.Array
    crossings: Crossings
    history: jax.Array | None


def _no_tangent(leaf):
    if jnp.issubdtype(leaf.dtype, jnp.inexact):
        return jnp.zeros_like(leaf)
    return np.zeros(leaf.shape, jax.dtypes.float0)


def _all_momenta(method, track: Track, momenta: Momentum, ends, nodes: int, active, keep_path):
    """(outputs [rows, 1 or 2], _Aux, Path or None)."""
    fixed = jax.lax.stop_gradient(ends)
    field = TheoryField(track)

    def one(at: Momentum):
        crossings = find_crossings(field, at, fixed[0], fixed[1], nodes)
        return _one_momentum(method, field, at, ends, crossings, active, keep_path)

    return jax.vmap(one, in_axes=(momenta.axes,))(momenta)


def _one_momentum(
    method, field: TheoryField, at: Momentum, ends, crossings: Crossings, active, keep_path
):
    """(outputs [1 or 2], _Aux, Path or None) of one momentum."""
    start, stop = ends
    y0 = _initial_state(method, field, start, at)

    def integrate(controller, wanted, solver=method.solver):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            solver,
            start,
            stop,
            dt0=None,
            y0=y0,
            args=at,
            saveat=diffrax.SaveAt(subs=wanted),
            stepsize_controller=controller,
            adjoint=method.diffrax_adjoint,
            max_steps=method.max_steps,
            throw=False,
        )

    final = diffrax.SubSaveAt(t1=True)
    wanted = [final]
    if method.keep_history:
        wanted.append(diffrax.SubSaveAt(ts=jnp.linspace(start, stop, HISTORY_NODES)))
    if keep_path:
        wanted.append(diffrax.SubSaveAt(t0=True, steps=True))
    if method.mesh is None:
        s2 = jax.lax.stop_gradient(field.track.sterile.sin2_2theta)
        controller = diffrax.PIDController(
            rtol=method.rtol,
            atol=method.rtol * s2 if method.atol is None else method.atol,
            dtmax=method.max_step,
            norm=size_of_first,
        )
        times = landing_times(crossings, *jax.lax.stop_gradient(ends))
        controller = diffrax.ClipStepSizeController(controller, step_ts=times)
        solution = integrate(controller, wanted)
        # Root finders of other solvers may stop where nothing has converged, and call it success.
        own = isinstance(method.solver, ExactKvaerno5)
        check = solution if own else integrate(controller, [final], ExactKvaerno5())
    else:
        times = mesh_times(crossings, start, stop, method.mesh)
        solution = integrate(diffrax.StepTo(times), wanted)
        check = integrate(diffrax.StepTo(times[::2]), [final], ExactKvaerno5())
    ys, ts = list(solution.ys), list(solution.ts)  # pyright: ignore[reportArgumentType]
    y = ys[0][0]
    # F = 1 at T_final, where the momentum is q.
    outputs = jnp.stack([y[0], 1.0 - y[3]] if active else [y[0]])
    steps = solution.stats["num_accepted_steps"]
    path = Path(ts[-1], ys[-1], steps) if keep_path else None
    aux = _Aux(
        success=solution.result == diffrax.RESULTS.successful,
        steps=steps,
        check=check.ys[0][0, 0],  # pyright: ignore[reportOptionalSubscript]
        crossings=crossings,
        history=ys[1] if method.keep_history else None,
    )
    return outputs, *jax.lax.stop_gradient((aux, path))


def _initial_state(method, field: TheoryField, start, at: Momentum) -> jax.Array:
    """State at T_initial: a hidden bath, and coherence as the method says."""
    r = jnp.zeros_like(at.q)
    if field.track.hidden is not None:
        r = fermi_dirac(at.q / field.track.hidden.temperature_ratio) / fermi_dirac(at.q)
    c = field.coefficients(start, at)
    if method.start == "active":
        return jnp.stack([r, jnp.zeros_like(r), jnp.zeros_like(r), jnp.zeros_like(r)])
    return quasi_static(r, c)
