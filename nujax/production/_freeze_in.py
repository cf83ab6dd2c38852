"""Freeze-in: sterile neutrinos from decays of a heavier boson, besides those of oscillations."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._checks import check_positive
from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..sterile import SterileNeutrino
from ._boltzmann import BoltzmannQuadrature, integration_limits
from ._method import AbstractMethod, Moments
from ._parent_number import ParentNumber, parent_number
from ._parents import AbstractParent
from ._result import ProductionResult
from ._status import Status

STEPS_Q = 10  # rows per unit of ln q
_LOW = -8.5  # of ln q
# Highest ln q and number of nodes in t: decays in equilibrium, which are over at T ~ m/10, and
# those of parents with a number of their own, whose daughters at T ≪ m have p = m/2 up to √(T/m).
_THERMAL, _LATE = (4.2, 768), (11.0, 4096)
# Hottest T in units of the parent's mass: what is made earlier is (m/2T)³/x^1.5 of f(x).
_HOTTEST_THERMAL, _HOTTEST = 1e5, 1e3
# Of the number from every second node.
_TOLERANCE = 1e-4
_SPECTRUM_TOLERANCE = 1e-3  # of what the rows of a spectrum miss


@final
class FreezeIn(AbstractMethod):
    r"""Decays of a parent into sterile neutrinos, S → NN, added to production by oscillations.

    df_N/dt = g (Γ m_S/p²) ∫_{p + m_S²/4p}^∞ dE f_S(E)   at constant comoving momentum,

    exact for massless daughters and any f_S(E), N of two helicities, f_N ≪ 1; g = 1 for a scalar,
    3 for a vector, half of it with one N per decay. For a scalar in equilibrium with Maxwell and
    Boltzmann and constant g*, f = 2√π Γ M_Pl/(1.66 √g* m_S²) x^(−1/2) e^(−x), ⟨x⟩ = 5/2; with
    Bose and Einstein ⟨x⟩ = 2.45 (hep-ph/0609081, 0711.4646).

    parent        an `AbstractParent`: `ThermalScalar`, `DecoupledScalar`, `BMinusLBoson`
    oscillations  a `BoltzmannQuadrature` that makes the rest, and says T_final
    T_start       [MeV] hottest temperature of decays; default 1e5 parent masses in equilibrium,
                  1e3 otherwise

    Spectra add up: f_N is small in both, so that neither hinders the other. The result's `regime`
    and `history` are those of the oscillations; `decay_share` is what the decays made.

    status   under_resolved where nodes in ln T do not resolve the decays, and for the spectrum
             (not for Ω h² and ⟨x⟩) of parents that live until T < m_S/3e4
    Raises `ValueError` for a parent lighter than its daughters and T_start below T_final.
    """

    parent: AbstractParent
    oscillations: BoltzmannQuadrature
    T_start: jax.Array | None

    def __init__(
        self,
        parent: AbstractParent,
        oscillations: BoltzmannQuadrature | None = None,
        T_start: Any = None,
    ):
        if not isinstance(parent, AbstractParent):
            raise TypeError(
                f"Argument `parent` must be an AbstractParent, but is {type(parent).__name__}."
            )
        if T_start is not None:
            check_positive("T_start", T_start)
            T_start = jnp.asarray(T_start, dtype=jnp.result_type(float, T_start))
        self.parent = parent
        self.oscillations = BoltzmannQuadrature() if oscillations is None else oscillations
        self.T_start = T_start

    @property
    def T_initial(self) -> jax.Array | None:
        """[MeV] of the oscillations, None for their default."""
        return self.oscillations.T_initial

    @property
    def T_final(self) -> jax.Array | None:
        """[MeV] of oscillations and decays, None for the default."""
        return self.oscillations.T_final

    @property
    def follows_transitions(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the oscillations do. Decays make N of today's mass, or of another: f is the same."""
        return self.oscillations.follows_transitions

    def check(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> None:
        """See `AbstractMethod.check`."""
        self.oscillations.check(sterile, interaction, plasma)
        count, masses = self.parent.daughters, (self.parent.mass, sterile.mass)
        if any(isinstance(number, jax.core.Tracer) for number in masses):
            return
        if np.any(np.asarray(masses[0]) <= count * np.asarray(masses[1])):
            raise ValueError(
                f"Argument `parent` must be heavier than {count} sterile neutrino(s) of "
                f"{float(np.max(masses[1])):.4g} MeV, but has {float(np.min(masses[0])):.4g} MeV."
            )
        _, T_final = integration_limits(self, interaction, plasma, jnp.result_type(float))
        start = self._start()
        if not isinstance(start, jax.core.Tracer) and np.any(start <= T_final):
            raise ValueError(
                f"Argument `T_start` must lie above T_final ({float(np.max(T_final)):.4g} MeV), "
                f"but is {float(np.min(start)):.4g} MeV."
            )

    def moments(
        self,
        sterile: SterileNeutrino,
        interaction: AbstractInteraction,
        plasma: Plasma,
        outputs: int = 2,
    ) -> Moments:
        """See `AbstractMethod.moments`."""
        other = self.oscillations.moments(sterile, interaction, plasma, outputs)
        return self._sum(other, self.decays(plasma, other.T_final))

    def _sum(self, other: Moments, decays: Decays) -> Moments:
        number = other.number + decays.number
        momentum = None if other.momentum is None else other.momentum + decays.momentum
        share = jax.lax.stop_gradient(decays.number / number)
        error = other.error_estimate * (1.0 - share) + decays.error_estimate * share
        # Each part is judged by its share of the sum.
        tolerable = decays.error_estimate * share <= _TOLERANCE
        code = jnp.where(
            (other.status_code == Status.ok) & ~tolerable, Status.under_resolved, other.status_code
        )
        code = jnp.where(jnp.isfinite(number), code, Status.non_finite)
        return Moments(number, momentum, error, code, other.T_final)

    def solve(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> ProductionResult:
        """See `AbstractMethod.solve`."""
        from ..abundance import comoving_yield, relic_density_of_yield

        other = self.oscillations.solve(sterile, interaction, plasma)
        decays = self.decays(plasma, other.T_final)
        degrees = plasma.entropy_degrees(other.T_final)
        number = other.comoving_yield / comoving_yield(1.0, degrees)
        m = self._sum(
            Moments(
                number,
                number * other.mean_momentum,
                other.error_estimate,
                other.status_code,
                other.T_final,
            ),
            decays,
        )
        assert m.momentum is not None
        share = decays.number / m.number
        rough = decays.spectrum_error * jax.lax.stop_gradient(share) > _SPECTRUM_TOLERANCE
        code = jnp.where((m.status_code == Status.ok) & rough, Status.under_resolved, m.status_code)
        yield_ = comoving_yield(m.number, degrees)
        return ProductionResult(
            relic_density=relic_density_of_yield(sterile.mass, yield_, plasma),
            mean_momentum=m.momentum / m.number,
            comoving_yield=yield_,
            x=decays.q,
            f=decays.f + other.distribution(decays.q),
            error_estimate=m.error_estimate,
            status_code=code,
            T_initial=other.T_initial,
            T_final=other.T_final,
            started=other.started * (1.0 - share) + decays.at_limits[0] * share,
            finished=other.finished * (1.0 - share) + decays.at_limits[1] * share,
            lightest_mediator=other.lightest_mediator,
            regime=other.regime,
            history=other.history,
            decay_share=share,
            scale=max(1.0, float(np.exp(decays.highest)) / 60.0),
        )

    def _start(self) -> jax.Array:
        if self.T_start is not None:
            return self.T_start
        thermal = self.parent.kinetics(Plasma.constant()) is None
        return self.parent.mass * (_HOTTEST_THERMAL if thermal else _HOTTEST)

    def decays(self, plasma: Plasma, T_final: jax.Array) -> Decays:
        """What the decays alone leave at T_final [MeV], differentiable: see `Decays`."""
        from ..abundance import comoving_yield

        parent = self.parent
        kinetics = parent.kinetics(plasma)
        highest, count = _THERMAL if kinetics is None else _LATE
        log_q = np.arange(np.ceil(_LOW * STEPS_Q), np.floor(highest * STEPS_Q) + 1) / STEPS_Q
        mass, start = parent.mass, self._start()
        dtype = jnp.result_type(mass)
        first, last = jnp.log(mass / start), jnp.log(mass / T_final)
        share = np.linspace(0.0, 1.0, count)
        t = first + (last - first) * jnp.asarray(share, dtype)
        T = mass * jnp.exp(-t)
        z = jnp.exp(t)[:, None]
        q = jnp.exp(jnp.asarray(log_q, dtype))
        x = q[None, :] * plasma.redshift(T, T_final)[:, None]

        # ∫ f_S dE/T from E = p + m²/4p on
        if kinetics is None:
            energy = x + z**2 / (4.0 * x)
            integral = jnp.exp(-energy)
            if parent.statistics == "bose-einstein":
                # −ln(1 − e^(−E)), by the form that keeps its digits
                low = energy < 0.7
                soft = -jnp.log(-jnp.expm1(-jnp.where(low, energy, 1.0)))
                integral = jnp.where(low, soft, -jnp.log1p(-jnp.where(low, 0.5, integral)))
            number = None
        else:
            width, states = parent.width, parent.spin_states
            number = parent_number(kinetics, width, mass, states, plasma, t)
            # E − m = (p − m/2)²/p
            exponent = number.log_ratio[:, None] - (x - 0.5 * z) ** 2 / x
            integral = jnp.exp(jnp.minimum(exponent, 80.0))
        strength = parent.width * parent.spin_states * (0.5 * parent.daughters)
        # Through logarithms: in derivatives the square of 1/H leaves the range of float32.
        per_width = plasma.clock_factor(T) * jnp.exp(-plasma.log_hubble_rate(T))
        per_t = strength * per_width * z[:, 0]
        rate = per_t[:, None] * integral / x**2
        # The trapezoidal rule, with all nodes and with every second one (where count is even the
        # last interval of the latter is left to the former).
        spacing = (last - first) / (count - 1)
        ends = np.ones(count)
        ends[[0, -1]] = 0.5
        even = np.where(np.arange(count) % 2 == 0, 2.0, 0.0)
        even[0] = 1.0
        even[-2] = 1.5
        even[-1] = 0.5
        both = spacing * jnp.asarray(np.stack([ends, even]), dtype)
        f = jnp.dot(both[0], rate)
        measure, tiny = q**3 / STEPS_Q, jnp.finfo(dtype).tiny
        on_rows = jnp.dot(measure, f)
        if number is None:
            per_node, energy = jnp.dot(rate, measure), jnp.dot(rate, measure * q)
        else:
            # Every decay makes its number, and shares its energy E_S, whatever the rows resolve.
            per_number = comoving_yield(1.0, plasma.entropy_degrees(T_final))
            made = parent.width * per_width * number.per_entropy / per_number
            per_node = parent.daughters * made * number.time_dilation
            energy = 0.5 * parent.daughters * made * z[:, 0] / plasma.redshift(T, T_final)
        total, coarse = jnp.dot(both, per_node)
        return Decays(
            q=q,
            f=f,
            number=total,
            momentum=jnp.dot(both[0], energy),
            error_estimate=_apart(coarse, total),
            spectrum_error=_apart(on_rows, total),
            at_limits=per_node[jnp.array([0, -1])] / (total + tiny),
            T=T,
            parents=number,
            highest=highest,
        )


def _apart(value: jax.Array, of: jax.Array) -> jax.Array:
    """Relative difference, which is not differentiated."""
    tiny = jnp.finfo(of.dtype).tiny
    return jax.lax.stop_gradient(jnp.abs(value - of) / (jnp.abs(of) + tiny))


class Decays(NamedTuple):
    """Freeze-in alone: f_N [rows] at comoving q = p/T_final, and integrals of it.

    number, momentum ∫q²f dq and ∫q³f dq, of parents with a number of their own from that number;
    error_estimate of these; spectrum_error what the rows of f miss of the number; at_limits [2]
    fractions made per unit of ln T at T_start and T_final; T [nodes, MeV] and there the number of
    parents, None in equilibrium.
    """

    q: jax.Array
    f: jax.Array
    number: jax.Array
    momentum: jax.Array
    error_estimate: jax.Array
    spectrum_error: jax.Array
    at_limits: jax.Array
    T: jax.Array
    parents: ParentNumber | None
    highest: float
