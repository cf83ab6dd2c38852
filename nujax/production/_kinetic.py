"""Production from the density matrix: quantum kinetic equations, one momentum at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from .._checks import check_choice, check_double_precision, check_positive
from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ._along import Momentum, tracks_of
from ._boltzmann import _limit, integration_limits, lattice_of
from ._method import AbstractMethod, Moments
from ._result import ProductionResult
from ._status import Status

if TYPE_CHECKING:
    import diffrax


@final
class QuantumKinetic(AbstractMethod):
    solver: diffrax.AbstractSolver
    rtol: float = eqx.field(static=True)
    atol: float | None = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    max_step: float = eqx.field(static=True)
    start: str = eqx.field(static=True)
    T_initial: jax.Array | None
    T_final: jax.Array | None
    adjoint: diffrax.AbstractAdjoint

    def __init__(
        self,
        solver=None,
        rtol: float = 1e-6,
        atol: float | None = None,
        max_steps: int = 4096,
        max_step: float = 0.5,
        start: str = "quasi-static",
        T_initial: Any = None,
        T_final: Any = None,
        adjoint=None,
    ):
        import diffrax

        from ._exact_kvaerno import ExactKvaerno5

        check_choice("start", start, ("quasi-static", "active"))
        check_double_precision("QuantumKinetic")
        self.solver = ExactKvaerno5() if solver is None else solver
        self.rtol = float(rtol)
        self.atol = None if atol is None else float(atol)
        self.max_steps = int(max_steps)
        self.max_step = float(max_step)
        self.start = start
        self.T_initial = _limit("T_initial", T_initial)
        self.T_final = _limit("T_final", T_final)
        self.adjoint = diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint

    def moments(self, sterile, interaction, plasma, outputs=2):
        return _run(self, sterile, interaction, plasma)[0]

    def solve(self, sterile, interaction, plasma):
        raise NotImplementedError


def _run(method, sterile, interaction, plasma):
    import diffrax

    from ._exact_kvaerno import size_of_first
    from ._kinetic_field import TheoryField
    from ._crossings import find_crossings, landing_times

    dtype = jnp.result_type(sterile.mass)
    limits = integration_limits(method, interaction, plasma, dtype)
    lattice = lattice_of(plasma)
    track, momenta = tracks_of(sterile, interaction, plasma, limits, lattice, slice(None, None, 2))
    anchor = track.parts.anchor.astype(dtype)
    start, stop = jnp.log(anchor / limits[0]), jnp.log(anchor / limits[1])
    field = TheoryField(track)
    s2 = jax.lax.stop_gradient(sterile.sin2_2theta)
    pid = diffrax.PIDController(
        rtol=method.rtol,
        atol=method.rtol * s2 if method.atol is None else method.atol,
        dtmax=method.max_step,
        norm=size_of_first,
    )
    crossings = jax.vmap(
        lambda at: find_crossings(field, at, start, stop, lattice.window), in_axes=(momenta.axes,)
    )(momenta)
    ts = jax.vmap(lambda c: landing_times(c, start, stop))(crossings)

    def solve(at, ts):
        y0 = field.start(start, at)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            method.solver,
            start,
            stop,
            dt0=None,
            y0=y0,
            args=at,
            saveat=diffrax.SaveAt(t1=True),
            stepsize_controller=pid if ts is None else diffrax.ClipStepSizeController(pid, step_ts=ts),
            adjoint=method.adjoint,
            max_steps=method.max_steps,
            throw=False,
        )
        return solution.ys[0], solution.result == diffrax.RESULTS.successful, solution.stats["num_steps"]

    y, success, steps = jax.vmap(solve, in_axes=(momenta.axes, 0))(momenta, ts)
    q = momenta.q
    f = y[:, 0] * fermi_dirac(q)
    cube = 0.25 * q**3 * f
    code = jnp.where(jnp.all(success), Status.ok, Status.max_steps)
    m = Moments(jnp.sum(cube), jnp.sum(cube * q), jnp.zeros(()), code, limits[1])
    return m, q, f, y, steps, crossings
