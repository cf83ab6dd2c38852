"""The method `MomentumResolved`: growth of ν_s, momentum by momentum."""

from __future__ import annotations

from typing import Any, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._checks import (
    check_at_most,
    check_choice,
    check_double_precision,
    check_positive,
    check_window,
)
from ...statistics import fermi_dirac
from .._boltzmann import _limit
from .._method import AbstractMethod, Moments
from .._result import ProductionResult
from .._status import Status
from .._theory import parts_of
from ._clock import DECOUPLING, expansion
from ._method import _COLD, _SMALLEST_TOLERANCE, EXPANSIONS
from ._momentum_field import MomentumSystem, change, collisions, momentum_field
from ._rosenbrock import Rodas4
from ._run import _ACTIVE, _RUNAWAY, _by_sensitivities
from ._seed import AbstractSeed, OscillationSeed
from ._theory import SterileScalar, check_on_shell

_T_INITIAL = 0.3  # [MeV]
_FEWEST, _MOST = 8, 256
# Nodes x = _LARGEST (k/(n − 1))^_POWER: near together where ν_s are cold.
_LARGEST, _POWER = 22.0, 1.5
_SECOND_ORDER = 13.0
_FERMI_MEAN = 3.1513745  # ⟨x⟩ of 1/(eˣ + 1)


@final
class MomentumResolved(AbstractMethod):
    r"""Exponential growth without the assumption of kinetic equilibrium.

    f_s on a comoving grid of momenta, by φ on shell, made and decaying:
        ν_sν_s ↔ φ    (A/2π²)∬dE₁dE₂ f_s f_s events,     A = y²m²(1 − 4r)/16π,
        ν_aν_s → φ    (B/2π²)∬dE_a dE_s f_a f_s events,  B = y²(s²/4)(m² − m_s²)/8π,
    each φ to ν_sν_s, flat in energy. φ are in balance with what makes them, Γ_φ/H ~ 1e15. The
    second line is the conversion of ν_a, in the basis of mass states; at T ≫ m it is Γ_s(s²/4)f_a,
    which is the same process and not added. Number and energy are kept to rounding errors in each
    collision. A check of `SelfInteracting`, and of how soon a gas comes into kinetic equilibrium.

    scalar       `SterileScalar`, with m > 2m_s
    seed         as of `SelfInteracting`; its spectrum at T_initial is f ∝ 1/(e^{p/T} + 1)
    nodes        of momentum, 8 to 256, default 40. Errors of ln Ω h² are second order in their
                 distance and grow with the growth: at the first benchmark, Ω h² × 2500, they are
                 0.14 with 28 nodes, 0.06 with 40; extrapolated in 1/(nodes − 1)², below 0.02
    slowness     factor in (0, 1] on the rate of ν_sν_s ↔ φ alone, default 1e-3. The true rate is
                 1e9 H, of which the solver needs thousands of steps; kinetic equilibrium is kept
                 to 2 % of Ω h² with 1e-4 (first benchmark), to less than 1 % with 1e-3
    expansion    "total" or "plasma", as of `SelfInteracting`
    T_initial    [MeV], default 0.3
    T_final      [MeV], default m_s/20
    rtol         of each step
    max_steps    of the solver, `Rodas4` of this package

    Approximations. Dilute: f_s, f_φ ≪ f_a ~ 1, that is Boltzmann statistics of ν_s and φ, no
    φ → ν_sν_a, and n_φ ≪ n_s; errors are of relative order n_s/n_a (part of the error estimate,
    `runaway` above 0.5). No ν_sν_s ↔ φφ: 10 % of the first benchmark, all of the second. Mixing is
    that of the vacuum: V_a is small below some 10 MeV, and V_s and Γ_s are where y² n_s/n_a ≪ r.

    Times and x are those of `SelfInteracting`. Derivatives in both modes, by sensitivities.
    Status `max_steps`: derivatives and numbers are NaN. Raises `ValueError` as `SelfInteracting`.
    """

    scalar: SterileScalar
    seed: AbstractSeed
    nodes: int = eqx.field(static=True)
    slowness: jax.Array
    expansion: str = eqx.field(static=True)
    T_initial: jax.Array
    T_final: jax.Array | None
    rtol: float = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)

    def __init__(
        self,
        scalar: SterileScalar,
        seed: AbstractSeed | None = None,
        nodes: int = 40,
        slowness: Any = 1e-3,
        expansion: str = "total",
        T_initial: Any = None,
        T_final: Any = None,
        rtol: float = 1e-3,
        max_steps: int = 4096,
    ):
        check_double_precision("MomentumResolved")
        seed = OscillationSeed() if seed is None else seed
        for name, value, kind in (
            ("scalar", scalar, SterileScalar),
            ("seed", seed, AbstractSeed),
        ):
            if not isinstance(value, kind):
                raise TypeError(
                    f"Argument `{name}` must be of type {kind.__name__}, "
                    f"but is {type(value).__name__}."
                )
        check_choice("expansion", expansion, EXPANSIONS)
        check_positive("max_steps", max_steps)
        check_positive("slowness", slowness)
        check_at_most("slowness", slowness, 1.0, "the true rate")
        if not _FEWEST <= nodes <= _MOST:
            raise ValueError(
                f"Argument `nodes` must lie between {_FEWEST} and {_MOST}, but is {nodes}."
            )
        if not _SMALLEST_TOLERANCE <= rtol <= 1e-2:
            raise ValueError(f"Argument `rtol` must lie between 1e-12 and 0.01, but is {rtol}.")
        self.scalar = scalar
        self.seed = seed
        self.nodes = int(nodes)
        self.slowness = jnp.asarray(slowness, jnp.result_type(float, slowness))
        self.expansion = expansion
        initial = _limit("T_initial", _T_INITIAL if T_initial is None else T_initial)
        assert initial is not None
        self.T_initial = initial
        self.T_final = _limit("T_final", T_final)
        self.rtol = float(rtol)
        self.max_steps = int(max_steps)

    def check(self, sterile, interaction, plasma) -> None:
        """Raise `ValueError` for m ≤ 2m_s, or limits that are inverted or out of range."""
        check_on_shell(sterile, self.scalar)
        final = self.last_temperature(sterile)
        check_window(self.T_initial, final)
        check_at_most("T_initial", self.T_initial, 300.0, "ν_s are made by oscillations above")
        check_at_most("T_final", final, 1.0, "n_s is final only where neutrinos have decoupled")

    def last_temperature(self, sterile) -> jax.Array:
        """T_final [MeV], the default filled in."""
        return sterile.mass / _COLD if self.T_final is None else self.T_final

    def moments(self, sterile, interaction, plasma, outputs: int = 2) -> Moments:
        """See `AbstractMethod.moments`; both moments come at the price of one."""
        return self._run(sterile, interaction, plasma)[0]

    def solve(self, sterile, interaction, plasma) -> ProductionResult:
        """See `AbstractMethod.solve`; the regime is that of the theory without φ."""
        from ...abundance import comoving_yield, relic_density_of_yield

        m, system, states = self._run(sterile, interaction, plasma)
        assert m.momentum is not None
        yield_ = comoving_yield(m.number, plasma.entropy_degrees(m.T_final))
        final = self.last_temperature(sterile)

        def growth(T, state):
            made = change(collisions(system, jnp.log(T), state), state)[1]
            return jnp.sum(made) / jnp.sum(state)

        # (The first node, at rest, has no f of its own.)
        per = 2.0 * np.pi**4 / 45.0 * plasma.entropy_degrees(m.T_final) * system.unit_yield
        f = per * states[1] / (system.x**2 * _cells(system.x)).at[0].set(1.0)
        return ProductionResult(
            relic_density=relic_density_of_yield(sterile.mass, yield_, plasma),
            mean_momentum=m.momentum / m.number,
            comoving_yield=yield_,
            x=system.x[1:],
            f=f[1:],
            error_estimate=m.error_estimate,
            status_code=m.status_code,
            T_initial=self.T_initial,
            T_final=m.T_final,
            started=jnp.abs(growth(self.T_initial, states[0])),
            finished=jnp.abs(growth(final, states[1])),
            lightest_mediator=parts_of(interaction).lightest(),
            regime=self.seed.regime(*jax.lax.stop_gradient((sterile, interaction, plasma))),
        )

    def _run(self, sterile, interaction, plasma):
        """Moments, system, and states at T_initial and T_final [2, nodes]."""
        seed = self.seed.abundance(sterile, interaction, plasma)
        limits = self.T_initial, self.last_temperature(sterile)
        # (As NumPy's: `last` may close over no traced array.)
        nodes = _LARGEST * (np.arange(self.nodes) / (self.nodes - 1)) ** _POWER
        x = jnp.asarray(nodes)
        start = x**2 * _cells(x) * fermi_dirac(x * _FERMI_MEAN / seed.mean_momentum)
        start = start / jnp.sum(start)
        numbers = sterile, self.scalar, plasma, seed.comoving_yield, limits, start, self.slowness

        def system_of(sterile, scalar, plasma, yield_, slowness):
            total = self.expansion == "total"
            grid = jnp.asarray(nodes)
            return MomentumSystem(sterile, scalar, plasma, yield_, slowness, grid, total)

        def last(numbers):
            sterile, scalar, plasma, yield_, limits, start, slowness = numbers
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(momentum_field),
                Rodas4(),
                t0=-jnp.log(limits[0]),
                t1=-jnp.log(limits[1]),
                dt0=0.01,
                y0=start,
                args=system_of(sterile, scalar, plasma, yield_, slowness),
                saveat=diffrax.SaveAt(t1=True),
                # Of the tail of the spectrum an absolute accuracy is enough.
                stepsize_controller=diffrax.PIDController(rtol=self.rtol, atol=1e-2 * self.rtol),
                max_steps=self.max_steps,
                adjoint=diffrax.ForwardMode(),
                throw=False,
            )
            done = solution.result == diffrax.RESULTS.successful
            ys: Any = solution.ys
            return ys[-1] * jnp.where(done, 1.0, jnp.nan)

        final = _by_sensitivities(last)(numbers)
        system = system_of(sterile, self.scalar, plasma, seed.comoving_yield, self.slowness)
        growth = jnp.sum(final)
        yield_ = seed.comoving_yield * growth
        entropy = expansion(plasma, jnp.log(limits[1])).entropy
        dilute = yield_ * entropy / limits[1] ** 3 / _ACTIVE
        code = jnp.where(dilute > _RUNAWAY, Status.runaway, Status.ok)
        code = jnp.where(jnp.all(jnp.isfinite(final)), code, Status.max_steps)
        fine = jnp.all(jnp.isfinite(start)) & (limits[0] > limits[1])
        fine = fine & (self.scalar.mass > 2.0 * sterile.mass)
        code = jnp.where(fine, code, Status.non_finite)
        code = jnp.where(seed.status_code == int(Status.ok), code, seed.status_code)
        decoupling = jnp.full_like(yield_, DECOUPLING)
        number = 2.0 * np.pi**4 / 45.0 * plasma.entropy_degrees(decoupling) * yield_
        grid = _SECOND_ORDER * jnp.log(jnp.maximum(growth, np.e)) / self.nodes**2
        moments = Moments(
            number,
            number * jnp.dot(x, final) / growth,
            jax.lax.stop_gradient(grid + dilute + 10.0 * self.rtol),
            jax.lax.stop_gradient(code),
            decoupling,
        )
        return moments, system, jnp.stack([start, final])


def _cells(x: jax.Array) -> jax.Array:
    """Lengths [n] of cells around nodes."""
    middle = 0.5 * (x[1:] + x[:-1])
    return jnp.diff(jnp.concatenate([x[:1], middle, x[-1:]]))
