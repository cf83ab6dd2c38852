"""Resonant production: a lepton asymmetry drives resonances and is eaten by them (Shi–Fuller)."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import (
    check_at_least,
    check_choice,
    check_double_precision,
    check_in_range,
    check_positive,
)
from ..interactions._base import AbstractInteraction, terms_of
from ..interactions.standard_model import StandardModel
from ..plasma import Plasma
from ..sterile import SterileNeutrino
from ._boltzmann import BoltzmannQuadrature
from ._method import AbstractMethod, Moments
from ._resonant_grids import Theory, solve_on_grids
from ._resonant_march import Outcome, march, steps_for
from ._resonant_plasma import REDISTRIBUTIONS
from ._resonant_result import Asymmetry, AsymmetryHistory
from ._resonant_tables import Cells, tables_of
from ._result import ProductionResult
from ._status import Status
from ._theory import parts_of

PHOTONS = 2.0 * 1.2020569031595942 / np.pi**2  # n_γ/T³ = 2ζ(3)/π²
_FEWEST_BINS = 32
_LARGEST = 1.0  # |η|; everything here is linear in ξ
_TOLERANCE = 1e-3  # of the error estimate
_UNSETTLED = 1e-4  # relative error of l, from one step of Newton's method, that is noticed
_RECENT = 0.1  # of ln T, over which production at the limits is judged


@final
class Resonant(AbstractMethod):
    r"""f_s(q) of ν_s and ν̄_s in a plasma with a lepton asymmetry (astro-ph/9810076).

    The quasi-static Boltzmann equation of `BoltzmannQuadrature`, for neutrinos with the potential
    V_T + V_L and for antineutrinos with V_T − V_L, together with the asymmetry
    L_α = [(n_ν − n_ν̄) + (n_ℓ⁻ − n_ℓ⁺)]/T³ of the flavour α that mixes:
        df/dN = (Γ/4H) sin²2θ_eff (f_a − f),   sin²2θ_eff = Δ²s²/(Γ²/4 + (Δc − V)²),
        f_a = 1/(e^(x∓ξ) + 1),   V_L = √2 G_F T³ c_V L_α,
        (L_α + (n_νs − n_ν̄s)/T³)·(T³/s) = const.
    For L_α > 0 neutrinos are resonant, first those of small momentum, until the asymmetry is eaten
    or the resonance folds; for L_α < 0 the roles are exchanged.

    lepton_asymmetry  η = n_L/n_γ at T_initial, n_γ = 2ζ(3)T³/π², of the flavour that mixes; those
                      of the other flavours are zero. |η| < 1: everything is linear in ξ
    redistribution    "charge-neutrality" (default): other leptons and quarks share the charge
                      that weak interactions move, c_V = 2 … 1.754, ξ/L = 6 … 2.35, with χ_Q(T)
                      of hadrons and quarks within 13 % of the lattice (6e-4 of Ω h²). "none":
                      c_V = 2, ξ = 6L, right for T ≪ m_ℓ, otherwise 2 % high in Ω h². See
                      `nujax.production._resonant_plasma`
    bins              cells in ln q between q = 1e-3 and 20; default 256, at least 32. Steps follow
    T_initial         [MeV], default 10 GeV, where η is given
    T_final           [MeV], default 10 MeV, where x = p/T is given
    keep_history      `AsymmetryHistory`: the asymmetry and what has been made, against T

    Returns a `ProductionResult` whose `f` is the mean of ν_s and ν̄_s, and whose `asymmetry` holds
    both, the residual asymmetry and the share of ν̄_s. Lepton number is conserved to rounding.

    The resonance may be 1e-5 of a cell wide: its Lorentzian is averaged over cell and step in
    closed form. Errors of Ω h² are 2e-4 with 256 bins and 7e-4 with 128; points sampled at
    momenta, as in a public code, converge so slowly that its published 0.1188 (7.115 keV,
    4e-11, η = 0.0122) becomes 0.1289 with its own inputs.

    Range of validity. Coherence is quasi-static: right for every resonance that is crossed once,
    Γ/2 < Δ sin 2θ included. Other interactions of `interaction` may have resonances of their own.
    The energy of ν_s, and asymmetries of other flavours, are neglected.

    Status. `error_estimate` is half the change of Ω h² or ⟨x⟩ from half the bins, the larger one.
      under_resolved  it exceeds 1e-3: more bins are needed
      max_steps       steps ended before T_final; derivatives are NaN then

    Derivatives are those of the discretised equations in both modes: smooth in all parameters, and
    right to 1e-3 (d ln Ω h²/d ln parameter) of those of the equations, except for |η| at 0, where
    Ω h² is even in η. Raises `ValueError` for single precision, an unknown word, fewer than 32
    bins, |η| ≥ 1 and temperatures that are not positive.
    """

    lepton_asymmetry: jax.Array
    T_initial: jax.Array
    T_final: jax.Array
    redistribution: str = eqx.field(static=True)
    bins: int = eqx.field(static=True)
    keep_history: bool = eqx.field(static=True)

    def __init__(
        self,
        lepton_asymmetry: Any,
        redistribution: str = "charge-neutrality",
        bins: int = 256,
        T_initial: Any = 1e4,
        T_final: Any = 10.0,
        keep_history: bool = False,
    ):
        check_double_precision("Resonant")
        check_in_range("lepton_asymmetry", lepton_asymmetry, -_LARGEST, _LARGEST)
        check_choice("redistribution", redistribution, REDISTRIBUTIONS)
        check_at_least("bins", bins, _FEWEST_BINS, "a resonance needs more momenta")
        dtype = jnp.result_type(float, lepton_asymmetry)
        self.lepton_asymmetry = jnp.asarray(lepton_asymmetry, dtype=dtype)
        for name, value in (("T_initial", T_initial), ("T_final", T_final)):
            check_positive(name, value)
        self.T_initial = jnp.asarray(T_initial, jnp.result_type(float, T_initial))
        self.T_final = jnp.asarray(T_final, jnp.result_type(float, T_final))
        self.redistribution = redistribution
        self.bins = int(bins)
        self.keep_history = bool(keep_history)

    def moments(
        self,
        sterile: SterileNeutrino,
        interaction: AbstractInteraction,
        plasma: Plasma,
        outputs: int = 2,
    ) -> Moments:
        """See `AbstractMethod.moments`; both moments come at the price of one."""
        return self._run(sterile, interaction, plasma)[0]

    def solve(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> ProductionResult:
        """See `AbstractMethod.solve`; the regime is that without asymmetry."""
        from ..abundance import comoving_yield, relic_density_of_yield

        m, outcome, cells = self._run(sterile, interaction, plasma)
        momentum = m.momentum
        assert momentum is not None
        dtype = m.number.dtype
        T_initial, T_final = self.T_initial.astype(dtype), m.T_final
        yield_ = comoving_yield(m.number, plasma.entropy_degrees(T_final))
        started, finished = _at_limits(outcome)
        boltzmann = BoltzmannQuadrature(T_initial=T_initial, T_final=T_final)
        around = boltzmann.surroundings(*jax.lax.stop_gradient((sterile, interaction, plasma)))
        return ProductionResult(
            relic_density=relic_density_of_yield(sterile.mass, yield_, plasma),
            mean_momentum=momentum / m.number,
            comoving_yield=yield_,
            x=cells.centres,
            f=0.5 * (outcome.f + outcome.f_bar),
            error_estimate=m.error_estimate,
            status_code=m.status_code,
            T_initial=T_initial,
            T_final=T_final,
            started=started,
            finished=finished,
            lightest_mediator=parts_of(interaction).lightest(),
            regime=around.regime,
            history=_history(outcome, self.lepton_asymmetry) if self.keep_history else None,
            asymmetry=self._asymmetry(outcome, cells, plasma),
        )

    def _run(self, sterile, interaction, plasma) -> tuple[Moments, Outcome, Cells]:
        """The moments, with the error estimate of a coarser solution, and the solution."""
        (outcome, cells), (coarse_outcome, coarse_cells) = solve_on_grids(
            _march, (self, sterile, interaction, plasma), self.bins
        )
        number, momentum = _moments(outcome, cells)
        coarse, coarse_momentum = _moments(coarse_outcome, coarse_cells)
        tiny = jnp.finfo(number.dtype).tiny
        change = coarse / (number + tiny)
        of_mean = coarse_momentum / (momentum + tiny) / change
        error = 0.5 * jnp.maximum(jnp.abs(change - 1.0), jnp.abs(of_mean - 1.0))
        error = jax.lax.stop_gradient(error)
        resolved = (error <= _TOLERANCE) & (outcome.unsettled <= _UNSETTLED)
        arrived = outcome.remaining <= 0.0
        code = jnp.where(resolved, Status.ok, Status.under_resolved)
        code = jnp.where(arrived, code, Status.max_steps)
        code = jnp.where(jnp.isfinite(number + momentum + error), code, Status.non_finite)
        return Moments(number, momentum, error, code, self.T_final), outcome, cells

    def _asymmetry(self, outcome: Outcome, cells: Cells, plasma: Plasma) -> Asymmetry:
        sign = jnp.where(self.lepton_asymmetry < 0.0, -1.0, 1.0)
        weights = cells.weights
        number, number_bar = jnp.dot(weights, outcome.f), jnp.dot(weights, outcome.f_bar)
        start = jnp.abs(self.lepton_asymmetry) * _per_eta(plasma, (self.T_initial, self.T_final))
        total = outcome.asymmetry + (number - number_bar) / (2.0 * np.pi**2)
        positive = sign > 0.0
        f = jnp.where(positive, outcome.f, outcome.f_bar)
        f_bar = jnp.where(positive, outcome.f_bar, outcome.f)
        part = jnp.where(positive, number_bar, number)
        tiny = jnp.finfo(number.dtype).tiny
        return Asymmetry(
            initial=self.lepton_asymmetry,
            residual=sign * outcome.asymmetry / PHOTONS,
            antineutrino_share=part / (number + number_bar + tiny),
            f_neutrino=f,
            f_antineutrino=f_bar,
            violation=jnp.abs(total - start) / (start + tiny),
        )


def _march(theory: Theory, cells: Cells) -> Outcome:
    method, sterile, interaction, plasma = theory
    limits = (method.T_initial, method.T_final)
    tables = tables_of(sterile, interaction, plasma, limits, cells, method.redistribution)
    both = not all(isinstance(term, StandardModel) for term in terms_of(interaction))
    both = both or sterile.ordering == "inverted"
    # |η| with derivative 0 at 0, since Ω h² is even in η.
    eta = jnp.sign(method.lepton_asymmetry) * method.lepton_asymmetry
    start = eta * _per_eta(plasma, limits)
    return march(sterile, tables, start, cells, steps_for(method.bins), both)


def _per_eta(plasma: Plasma, limits) -> jax.Array:
    """l/η: L_α/T³ at T_final, the entropy conserved, per n_L/n_γ at T_initial."""
    return PHOTONS * plasma.entropy_degrees(limits[1]) / plasma.entropy_degrees(limits[0])


def _moments(outcome: Outcome, cells: Cells) -> tuple[jax.Array, jax.Array]:
    """∫q²f dq and ∫q³f dq of the mean of ν_s and ν̄_s; NaN if the steps did not suffice."""
    made = cells.weights * (0.5 * (outcome.f + outcome.f_bar))
    # A factor, not a choice: a truncated solve must not have derivatives either.
    made = made * jnp.where(outcome.remaining <= 0.0, 1.0, jnp.nan)
    return jnp.sum(made), jnp.dot(made, cells.centres)


def _at_limits(outcome: Outcome) -> tuple[jax.Array, jax.Array]:
    """Fraction of the number density made per unit of ln T at either limit."""
    log_T, _, number = outcome.path
    end = log_T[-1]

    def at(where):
        # Increasing abscissae: the path runs down in ln T, and stands still when it is done.
        return jnp.interp(-where, -log_T, number)

    total = number[-1] + jnp.finfo(number.dtype).tiny
    started = at(log_T[0] - _RECENT) / _RECENT / total
    finished = (number[-1] - at(end + _RECENT)) / _RECENT / total
    return started, finished


def _history(outcome: Outcome, eta: jax.Array) -> AsymmetryHistory:
    log_T, left, number = outcome.path
    sign = jnp.where(eta < 0.0, -1.0, 1.0)
    return AsymmetryHistory(jnp.exp(log_T), sign * left / PHOTONS, number)
