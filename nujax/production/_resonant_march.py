r"""Lepton asymmetry and spectra together, step by step in a clock that the resonance itself keeps.

In cells of ln q (`_resonant_tables`), per unit of |ln T|,
    df/d|ln T| = (k/q) s² ⟨W/(W² + h²)⟩ (f_a − f),   W = Γ/2Δ,   f_a = 1/(e^(x∓ξ) + 1),
    h = c − V_T/Δ ∓ q l e^(−κ) 2√2 G_F/m₄²   (ν, ν̄),
    l + (1/2π²)∫q²(f − f̄)dq = const,
with l = L_α/T³ at T_final. The mean is over the cell and the step (`mean_lorentzian`); f_a, W and
k are those of the middle.

The clock is s = κ − ln(l + ε). Where V_T is small the resonance is at ln q = s + const, so that a
step as long as a cell moves it from edge to edge. As the asymmetry is eaten T hardly changes and
the resonance runs: boundlessly fast in ln T, at unit speed in s. Towards the fold where its two
roots merge, c + Aq² = Blq with ψ = ln(B²l²/4Ac) → 0, it runs in s too, and steps get shorter.

Each step is implicit in one number, l at its end: T and the resonance then follow. Newton's method
starts from an extrapolation, and l is what lepton number leaves, exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..constants import FERMI_CONSTANT
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ._resonant_average import Edges, mean_lorentzian
from ._resonant_tables import Cells, Row, Tables, cells_of

_STRENGTH = 2.0 * np.sqrt(2.0) * FERMI_CONSTANT
_EPSILON = 1e-2  # of the initial asymmetry: when less is left, the clock is one of T alone
_NEGLIGIBLE = 1e-8  # an asymmetry l whose potential does nothing to anything
# Above this T [MeV], where next to nothing is made, steps are longer.
_HOT, _STRIDE = 2e3, 4.0
# What the clock covers from 10 GeV to 10 MeV at most, and what the fold adds (2 ln 2, and slack).
_SPAN, _FOLD_SPAN = 37.5, 2.0
_NEWTON_STEPS = 2
_TINY = 1e-100


class Outcome(NamedTuple):
    """f of ν_s and ν̄_s [bins] for an asymmetry that is positive, and what is left of it, l.

    unsettled  largest relative change of l that the last Newton step of a time step made
    remaining  κ that is left to T_final: 0 unless the steps did not suffice
    path       (ln T, l, ∫q²(f + f̄)dq/2) at the end of each step [steps]
    """

    f: jax.Array
    f_bar: jax.Array
    asymmetry: jax.Array
    unsettled: jax.Array
    remaining: jax.Array
    path: tuple[jax.Array, jax.Array, jax.Array]


class _Moment(NamedTuple):
    """One time: both kinds of edges, and how far the fold of the resonance is."""

    log_T: jax.Array
    edges: Edges
    edges_bar: Edges
    psi: jax.Array


class _State(NamedTuple):
    s: jax.Array
    kappa: jax.Array
    asymmetry: jax.Array
    now: _Moment
    f: jax.Array
    f_bar: jax.Array
    pace: jax.Array  # dl/ds of the last two steps [2]
    share: jax.Array  # dκ/ds of the last step
    unsettled: jax.Array


def steps_for(bins: int) -> int:
    """Steps that span the clock between 10 GeV and 10 MeV, each as long as a cell."""
    return int(np.ceil(_SPAN / cells_of(bins).width))


def march(
    sterile: SterileNeutrino,
    tables: Tables,
    asymmetry: jax.Array,
    cells: Cells,
    steps: int,
    both: bool,
) -> Outcome:
    """From T_initial to T_final, with l = `asymmetry` ≥ 0 at T_initial.

    `both`: antineutrinos may meet a resonance too, as they may with forces beyond the Standard
    Model.
    """
    q, q_edges, weights = cells.centres, cells.edges, cells.weights
    per_l = weights / (2.0 * np.pi**2)
    c, s2 = sterile.cos_2theta, sterile.sin2_2theta
    strength = _STRENGTH / sterile.mass**2
    first, last = tables.limits
    epsilon = _EPSILON * asymmetry + _NEGLIGIBLE
    middle = len(q) // 4

    start = first - jnp.log(asymmetry + epsilon)
    stop = last - jnp.log(epsilon)
    length = jnp.maximum(cells.width, (stop - start + _FOLD_SPAN) / (steps - 1))
    # The first step ends, as do all others, where the resonance is at an edge of a cell.
    begun = (start - jnp.log(q_edges[0]) - jnp.log(strength / jnp.abs(c))) / length
    first_length = length * (1.0 - (begun - jnp.floor(begun)))

    def moment(kappa, l) -> _Moment:  # noqa: E741
        row = tables.at(kappa)
        per_q = strength * (l * jnp.exp(-kappa))
        shift = per_q * q_edges
        size = jnp.abs(c) + jnp.abs(row.thermal) + shift
        curvature = jnp.maximum(row.thermal[middle] / q_edges[middle] ** 2, _TINY)
        psi = jnp.log((per_q + _TINY) ** 2 / (4.0 * curvature * jnp.abs(c)))
        plain = c + row.thermal
        return _Moment(row.log_T, Edges(plain - shift, size), Edges(plain + shift, size), psi)

    def kappa_at(s, l):  # noqa: E741
        return jnp.minimum(s + jnp.log(jnp.maximum(l, 0.0) + epsilon), last)

    def change(state: _State, s, l):  # noqa: E741
        """Changes of f and f̄ in a step that ends at clock s with asymmetry l."""
        kappa = kappa_at(s, l)
        then = moment(kappa, l)
        row: Row = tables.at(0.5 * (state.kappa + kappa))
        x, xi = q * row.redshift, row.xi_per_l * (0.5 * (state.asymmetry + l))
        depth = s2 * jnp.exp(row.log_k) * (state.now.log_T - then.log_T) / q
        mean = mean_lorentzian(state.now.edges, then.edges, row.width)
        mean_bar = mean_lorentzian(state.now.edges_bar, then.edges_bar, row.width, both)
        df = -jnp.expm1(-depth * mean) * (fermi_dirac(x - xi) - state.f)
        df_bar = -jnp.expm1(-depth * mean_bar) * (fermi_dirac(x + xi) - state.f_bar)
        return df, df_bar

    def step(state: _State, index):
        runs = 1.0 + _fold_speed(state.now.psi, 0.25 * length**2) * (2.0 - 1.5 * state.share)
        runs = jnp.where(state.now.log_T > np.log(_HOT), 1.0 / _STRIDE, runs)
        ds = jnp.where(index == 0, first_length, length / runs)
        s, before = state.s + ds, state.asymmetry

        def newton(found, _):
            """One step of Newton's method: l, then its correction, and Δf, Δf̄ after it.

            With everything alive but l, the last one has the derivatives of the implicit function.
            """
            l = jax.lax.stop_gradient(jnp.clip(found[0], least, before))  # noqa: E741
            one = jnp.ones_like(l)
            (df, df_bar), rises = jax.jvp(lambda at: change(state, s, at), (l,), (one,))
            rise, rise_bar = jax.lax.stop_gradient(rises)
            miss = before - l - jnp.dot(per_l, df - df_bar)
            correction = miss / (1.0 + jnp.dot(per_l, rise - rise_bar))
            df, df_bar = df + rise * correction, df_bar + rise_bar * correction
            return (l + correction, correction, df, df_bar), None

        # T does not rise, and what was made is not unmade.
        least = (before + epsilon) * jnp.exp(-ds) - epsilon
        guess = before + ds * (2.0 * state.pace[0] - state.pace[1])
        found = (guess, guess, state.f, state.f_bar)
        (_, correction, df, df_bar), _ = jax.lax.scan(newton, found, length=_NEWTON_STEPS)
        after = before - jnp.dot(per_l, df - df_bar)
        kappa = kappa_at(s, after)
        unsettled = jnp.abs(correction) / (before + epsilon)
        return _State(
            s=s,
            kappa=kappa,
            asymmetry=after,
            now=moment(kappa, after),
            f=state.f + df,
            f_bar=state.f_bar + df_bar,
            pace=jnp.stack([(after - before) / ds, state.pace[0]]),
            share=jnp.clip((kappa - state.kappa) / ds, 0.0, 1.0),
            unsettled=jnp.maximum(state.unsettled, unsettled),
        )

    def unless_done(state: _State, index):
        state = jax.lax.cond(state.kappa < last, step, lambda s, _: s, state, index)
        number = 0.5 * jnp.dot(weights, state.f + state.f_bar)
        return state, (state.now.log_T, state.asymmetry, number)

    zero, empty = jnp.zeros_like(asymmetry), jnp.zeros_like(q)
    begin = _State(
        s=start,
        kappa=first,
        asymmetry=asymmetry,
        now=moment(first, asymmetry),
        f=empty,
        f_bar=empty,
        pace=jnp.stack([zero, zero]),
        share=zero + 1.0,
        unsettled=zero,
    )
    end, path = jax.lax.scan(unless_done, begin, jnp.arange(steps))
    return Outcome(end.f, end.f_bar, end.asymmetry, end.unsettled, last - end.kappa, path)


def _fold_speed(psi: jax.Array, rounding: jax.Array) -> jax.Array:
    """−dΘ/dψ of the resonance at ln q = s + Θ(ψ), rounded where |ψ| < `rounding`.

    Θ = ln 2 − ln(1 + S), S = √(1 − e^(−ψ)), before the fold, and its mirror image after it.
    """
    decay = jnp.exp(-jnp.abs(psi))
    root = jnp.sqrt(jnp.sqrt((1.0 - decay) ** 2 + rounding**2))
    return 0.5 * decay / (root * (1.0 + root))
