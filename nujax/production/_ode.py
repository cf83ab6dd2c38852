"""Production from the Boltzmann equation, stepped in time by a solver of diffrax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from .._checks import check_choice, check_positive
from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ._along import Momentum, Track, local, momenta_of, track_of
from ._boltzmann import MIXINGS, _at_limits, _limit, integration_limits, lattice_of
from ._grid import Lattice
from ._lattice import LatticeRates, LatticeSolution, lattice_rates, moments, solve_on_lattice
from ._method import AbstractMethod, Moments
from ._regime import regime_of
from ._result import History, ProductionResult
from ._status import Status
from ._theory import parts_of

if TYPE_CHECKING:
    import diffrax

# Every second row of the lattice: the sum over ln q converges exponentially at this spacing 1/4.
_STRIDE = 2
_HISTORY_NODES = 257
# Below some 1000 ε the error of a step is rounding, and what a reverse sweep recomputes no longer
# takes the same steps: derivatives in float32 were wrong by 5 %.
_ROUNDING = 1000.0
# The abundance is trusted when it agrees with the lattice's to this much, or to 10 × rtol.
_TOLERANCE = 1e-4
# Derivatives are trusted when Σ rtol/(half-width of a resonance) × its share is below this.
_DERIVATIVE_TOLERANCE = 0.01


@final
class BoltzmannODE(AbstractMethod):
    r"""f_s(q) of the linear Boltzmann equation, stepped by an ODE solver of diffrax.

    df_s/dt = R (f_a − f_s), t = ln(m/T), R = (clock/4H) Γ sin²2θ_eff: the equation of
    `BoltzmannQuadrature` (1910.04901 eqs. 2, 3), from f_s = 0 at T_initial to T_final, one solve
    per comoving momentum q with steps of its own. It is an independent check of the quadrature,
    and the place where terms that are not linear in f_s can enter (`_rate_of_change`).

    solver         an adaptive solver of diffrax, used as it is; default `diffrax.Dopri8()`
    rtol, atol     tolerances of one step, on f_s(q)/f_a(q); atol defaults to rtol · sin²2θ, and
                   rtol is taken no smaller than 1000 times the rounding of the type
    max_steps      of one momentum; a solve that needs more ends early with `Status.max_steps`
    max_step       longest step in t
    back_reaction, mixing, T_initial, T_final   as in `BoltzmannQuadrature`
    keep_history   store df_s/d ln z at 257 temperatures, uniform in ln T, in the result
    adjoint        how diffrax differentiates; default `diffrax.RecursiveCheckpointAdjoint()`,
                   reverse mode only. `diffrax.ForwardMode()` serves `jax.jvp`, and
                   `diffrax.DirectAdjoint()` both.

    Status. Steps are chosen at run time, so nothing is guaranteed beforehand. `error_estimate` is
    the relative difference of ∫q²f_s dq from the quadrature on the lattice, which integrates
    resonances that a solver could step over:
      max_steps       a solve did not reach T_final. Its f_s *and its derivatives* are those of
                      the truncated solve: check the status before using a gradient
      under_resolved  the difference exceeds 1e-4 (or 10 rtol), typically because 51 momenta do
                      not resolve a fold of the resonance in q; or a resonance with a noticeable
                      share of the abundance is narrower than some 100 rtol in ln T, where the
                      value may be right and the derivatives are not. A smaller rtol resolves it.
    Where no resonance is narrow, the default rtol gives values and derivatives to 1e-7 for
    constant g*, and to 1e-6 with g*(T). Near equilibrium, f_s ≈ f_a, the equation is stiff and
    takes thousands of steps with g*(T): raise max_steps, or take the quadrature.

    Raises `ValueError` for tolerances and limits that are not positive, or an unknown mixing.
    """

    solver: diffrax.AbstractSolver
    rtol: float = eqx.field(static=True)
    atol: float | None = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    max_step: float = eqx.field(static=True)
    back_reaction: bool = eqx.field(static=True)
    mixing: str = eqx.field(static=True)
    T_initial: jax.Array | None
    T_final: jax.Array | None
    keep_history: bool = eqx.field(static=True)
    adjoint: diffrax.AbstractAdjoint

    def __init__(
        self,
        solver: diffrax.AbstractSolver | None = None,
        rtol: float = 1e-6,
        atol: float | None = None,
        max_steps: int = 1024,
        max_step: float = 0.25,
        back_reaction: bool = True,
        mixing: str = "quasi-static",
        T_initial: Any = None,
        T_final: Any = None,
        keep_history: bool = False,
        adjoint: diffrax.AbstractAdjoint | None = None,
    ):
        import diffrax  # half a second, which other methods need not spend

        check_choice("mixing", mixing, MIXINGS)
        check_positive("rtol", rtol)
        check_positive("max_steps", max_steps)
        check_positive("max_step", max_step)
        if atol is not None:
            check_positive("atol", atol)
        self.solver = diffrax.Dopri8() if solver is None else solver
        self.rtol = float(rtol)
        self.atol = None if atol is None else float(atol)
        self.max_steps = int(max_steps)
        self.max_step = float(max_step)
        self.back_reaction = bool(back_reaction)
        self.mixing = mixing
        self.T_initial = _limit("T_initial", T_initial)
        self.T_final = _limit("T_final", T_final)
        self.keep_history = bool(keep_history)
        self.adjoint = diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint

    def moments(
        self,
        sterile: SterileNeutrino,
        interaction: AbstractInteraction,
        plasma: Plasma,
        outputs: int = 2,
    ) -> Moments:
        """See `AbstractMethod.moments`; both moments come at the price of one."""
        return _run(self, sterile, interaction, plasma).moments

    def solve(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> ProductionResult:
        """See `AbstractMethod.solve`."""
        from ..abundance import comoving_yield, relic_density_of_yield

        run = _run(self, sterile, interaction, plasma)
        m, momentum = run.moments, run.moments.momentum
        assert momentum is not None
        T_initial, T_final = run.limits
        yield_ = comoving_yield(m.number, plasma.entropy_degrees(T_final))
        parts = parts_of(interaction)
        started, finished = _at_limits(run.check, run.check_rates, T_initial, T_final)
        return ProductionResult(
            relic_density=relic_density_of_yield(sterile.mass, yield_, plasma),
            mean_momentum=momentum / m.number,
            comoving_yield=yield_,
            x=run.q,
            f=run.f,
            error_estimate=m.error_estimate,
            status_code=m.status_code,
            T_initial=T_initial,
            T_final=T_final,
            started=started,
            finished=finished,
            lightest_mediator=parts.lightest(),
            regime=regime_of(run.check_rates, run.check, sterile, parts, plasma, T_initial),
            history=run.history,
        )


class _Run(NamedTuple):
    """The solution on all momenta, and the lattice's that it is compared with."""

    q: jax.Array
    f: jax.Array
    moments: Moments
    limits: tuple[jax.Array, jax.Array]
    history: History | None
    check: LatticeSolution
    check_rates: LatticeRates


def _rate_of_change(
    method: BoltzmannODE, t: jax.Array, ratio: jax.Array, at: Momentum, track: Track
) -> jax.Array:
    """d/dt of ratio = f_s(q)/f_a(q): the vector field, a scalar for one momentum."""
    rate, x = _conversion_rate(method.mixing, t, at, track)
    # With g*(T) the momentum slides, p/T = x ≠ q, and with it what f_s tends to.
    target = fermi_dirac(x) / fermi_dirac(at.q)
    return rate * (target - ratio if method.back_reaction else target)


def _conversion_rate(
    mixing: str, t: jax.Array, at: Momentum, track: Track
) -> tuple[jax.Array, jax.Array]:
    """(R, x): R = (clock Δ/4H) γ s²/([s²] + γ²/4 + a²) per unit of t, and x = p/T; scalars."""
    here = local(t, at, track)
    s2 = track.sterile.sin2_2theta
    width2 = 0.25 * here.gamma**2 + (s2 if mixing == "averaged" else 0.0)
    plasma, T = track.plasma, here.T
    clock = plasma.clock_factor(T) / (4.0 * plasma.hubble_rate(T))
    return clock / here.per_energy * (here.gamma * s2 / (width2 + here.detuning**2)), here.x


def _run(
    method: BoltzmannODE,
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    plasma: Plasma,
) -> _Run:
    """Solve on every second row of the lattice, and compare with the lattice's quadrature."""
    parts = parts_of(interaction)
    dtype = jnp.result_type(sterile.mass)
    limits = integration_limits(method, interaction, plasma, dtype)
    lattice = lattice_of(plasma)
    h_q = _STRIDE * lattice.h_y
    rows = slice(None, None, _STRIDE)
    track = track_of(sterile, interaction, plasma, limits, lattice)
    momenta = momenta_of(track, limits[0], lattice, rows)
    q = momenta.q

    anchor = parts.anchor.astype(dtype)
    start, stop = jnp.log(anchor / limits[0]), jnp.log(anchor / limits[1])
    ratio, success, rate = _integrate(method, start, stop, momenta, track)
    fermi = fermi_dirac(q)
    f = ratio * fermi
    cube = h_q * q**3 * f
    number, momentum = jnp.sum(cube), jnp.sum(cube * q)

    history = None
    if rate is not None:
        T = anchor * jnp.exp(-_history_times(start, stop))
        history = History(T, rate * fermi[None, :])

    # The check is no part of the result, and nothing is differentiated through it.
    fixed, of_plasma = _constant(sterile), _constant(plasma)
    T_initial, T_final = _constant(limits)
    rates = lattice_rates(fixed, _constant(parts), of_plasma, T_initial, T_final, lattice)
    solution = solve_on_lattice(
        rates, of_plasma, mixing=method.mixing, back_reaction=method.back_reaction
    )
    expected, _ = moments(lattice, solution.q, solution.f)
    tiny = jnp.finfo(dtype).tiny
    error = jax.lax.stop_gradient(jnp.abs(number - expected) / (jnp.abs(expected) + tiny))
    sharpness = _sharpness(method, rates, fixed, lattice) / (jnp.abs(expected) + tiny)
    resolved = (error <= max(_TOLERANCE, 10.0 * method.rtol)) & (
        sharpness * _rtol(method, dtype) <= _DERIVATIVE_TOLERANCE
    )
    code = jnp.where(resolved, Status.ok, Status.under_resolved)
    code = jnp.where(jnp.all(success), code, Status.max_steps)
    finite = jnp.isfinite(number) & jnp.isfinite(momentum)
    code = jnp.where(finite, code, Status.non_finite)
    found = Moments(number, momentum, error, code, limits[1])
    return _Run(q, f, found, limits, history, solution, rates)


def _integrate(method, start, stop, momenta: Momentum, track: Track):
    """(ratio [rows], success [rows], its rate of change at the history's nodes [nodes, rows])."""
    import diffrax

    rtol = _rtol(method, start.dtype)
    sin2_2theta = jax.lax.stop_gradient(track.sterile.sin2_2theta)
    controller = diffrax.PIDController(
        rtol=rtol,
        atol=rtol * sin2_2theta if method.atol is None else method.atol,
        dtmax=method.max_step,
    )

    def vector_field(t, ratio, at):
        return _rate_of_change(method, t, ratio, at, track)

    final = diffrax.SubSaveAt(t1=True)
    wanted = [final]
    if method.keep_history:
        wanted.append(diffrax.SubSaveAt(ts=_history_times(start, stop), fn=vector_field))

    def solve(at: Momentum):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(vector_field),
            method.solver,
            start,
            stop,
            dt0=None,
            y0=jnp.zeros_like(at.q),
            args=at,
            saveat=diffrax.SaveAt(subs=wanted),
            stepsize_controller=controller,
            adjoint=method.adjoint,
            max_steps=method.max_steps,
            throw=False,
        )
        final, *rest = solution.ys  # pyright: ignore[reportGeneralTypeIssues, reportOptionalIterable]
        success = solution.result == diffrax.RESULTS.successful
        return final[0], success, rest[0] if rest else None

    return jax.vmap(solve, in_axes=(momenta.axes,), out_axes=(0, 0, 1))(momenta)


def _sharpness(method, rates: LatticeRates, sterile, lattice: Lattice) -> jax.Array:
    """Σ over resonances of their part of ∫q²f dq divided by their half-width in t."""
    s2 = sterile.sin2_2theta
    before, after = rates.detuning[:-1], rates.detuning[1:]
    crossed = before * after < 0
    gamma = 0.5 * (rates.gamma[:-1] + rates.gamma[1:])
    width = jnp.sqrt(0.25 * gamma**2 + (s2 if method.mixing == "averaged" else 0.0))
    width = jnp.where(crossed, width, 1.0)
    slope = jnp.where(crossed, jnp.abs(after - before) * lattice.steps_t, 1.0)
    # ∫ dt/(width² + (slope·t)²) = π/(width·slope); the half-width is width/slope
    x = rates.x[:-1]
    depth = rates.column[:-1, None] / x * gamma * (jnp.pi / (width * slope))
    made = -jnp.expm1(-depth) if method.back_reaction else depth
    inside = jnp.clip(rates.weights[:-1] * lattice.steps_t, 0.0, 1.0)[:, None]
    share = jnp.where(crossed, inside * fermi_dirac(x) * made, 0.0)
    return jnp.sum(jnp.sum(share * slope / width, axis=0) * rates.q**3) * lattice.h_y


def _rtol(method: BoltzmannODE, dtype: Any) -> float:
    """The tolerance that is used: no smaller than what the type can show."""
    return max(method.rtol, _ROUNDING * float(jnp.finfo(dtype).eps))


def _history_times(start: jax.Array, stop: jax.Array) -> jax.Array:
    return jnp.linspace(start, stop, _HISTORY_NODES)


def _constant(tree: Any) -> Any:
    """The same pytree, without derivatives."""
    return jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, tree
    )
