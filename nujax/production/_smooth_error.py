r"""Bounds of what the fixed nodes of `_smooth` may have missed, from the nodes themselves.

All are absolute errors of ∫q²f dq (scalars). `column` [window] holds the weights in t with the
strength of conversion, `ratio` [window, momenta] γ/(γ²/4 + a²), `measure` [momenta] the weight of
a momentum in the integral; `start` and `stop` are the limits in nodes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

_FAR = 8  # nodes
_LARGEST = 1e18  # ratios to Δ beyond contribute nothing, and squares fit in float32


def aliased(start, stop, rate_scale, ratio, measure, number):
    """What the trapezoid rule folds back of frequencies that the nodes in t do not resolve.

    The sum with alternating signs is the content at half the frequency that folds to zero; where
    the spectrum falls exponentially its square is a bound. A gentle taper takes the place of the
    sharp limits, which have such frequencies of their own.
    """
    node = jnp.arange(len(rate_scale)).astype(rate_scale.dtype)
    inside = jnp.minimum(node - start, stop - node) - _FAR
    taper = 1.0 / (1.0 + jnp.exp(jnp.clip(-inside / 1.2, -80.0, 80.0)))
    signs = np.where(np.arange(len(rate_scale)) % 2, -1.0, 1.0).astype(rate_scale.dtype)
    alternate = jnp.dot(jnp.abs(jnp.dot(rate_scale * taper * signs, ratio)), measure)
    return alternate * alternate / (jnp.abs(number) + jnp.finfo(number.dtype).tiny)


def beyond_the_limits(start, stop, column, ratio, measure):
    """What the sum takes from nodes far outside of the sharp limits, which ought to be nothing.

    Their weights are small, but a resonance that lies just there may be 1e6 times higher than all
    between the limits. Smooth integrands leave 1e-7 of the result.
    """
    node = jnp.arange(len(column))
    outside = (node < start - _FAR) | (node > stop + _FAR)
    return jnp.dot(jnp.dot(jnp.where(outside, jnp.abs(column), 0.0), ratio), measure)


def unresolved_resonances(c, gamma, potential, changes, column, measure):
    """What the trapezoid rule may miss of ∫q²f dq at resonances, from every third momentum.

    A Lorentzian of half-width w = γ/2 that a crosses in steps Δa is summed with a relative error
    2/(e^z − 1), z = 2πw/|Δa|, of its integral γπ/(w|Δa|). (Δ²s² would only make it wider.) That
    is so along t, where exactly one node per crossing has |a| < |Δa|/2, and along q where the
    resonance folds back or follows t: a hardly changes in t, or has an extremum, near zero against
    its change in q.

    γ, U and its `changes`, ΔU and Δ²U in t and ΔU in q, are [window, thin]; the type of γ is that
    of the bound.
    """
    given = c, gamma, potential, changes, column, measure
    c, gamma, potential, changes, column, measure = jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf).astype(gamma.dtype), given
    )
    change, curve, across = (jnp.abs(part) for part in changes)
    detuning = jnp.abs(c - potential)
    # A little more than half a step: neighbours differ by more than the local slope says.
    crossing = jnp.where(detuning < 0.6 * change, 1.0, 0.0)
    fold = (change < 0.7 * curve) & (detuning < 3.0 * across)
    # The resonance stays near a fold for as many nodes as a takes to leave it.
    nodes = 1.0 + jnp.minimum(jnp.sqrt(across / (curve + 1e-30)), 30.0)
    size = jnp.where(fold, jnp.maximum(across, change), change)
    tail = jnp.where(fold, nodes, crossing) * _missed(gamma, size)
    return 3.0 * jnp.dot(jnp.dot(jnp.abs(column), tail), measure)


def least_conversion(c, extra, gamma, potential, changes, column):
    """A lower bound [thin] of Σ_j column_j γ/(extra + γ²/4 + a²), narrow resonances included.

    The Lorentzian is broadened by its change from node to node: then the rule is good to a per
    cent, and a broader Lorentzian of the same height has less area. Arguments as in
    `unresolved_resonances`; `column` ≥ 0.
    """
    gamma, potential = (jnp.clip(part, -_LARGEST, _LARGEST) for part in (gamma, potential))
    spread = sum(jnp.clip(part, -_LARGEST, _LARGEST) ** 2 for part in changes)
    detuning = c.astype(gamma.dtype) - potential
    width2 = extra.astype(gamma.dtype) + 0.25 * gamma**2 + detuning**2 + spread
    return jnp.dot(column.astype(gamma.dtype), gamma / (width2 + 1e-37))


def _missed(gamma, change):
    """Error of Σ γ/(γ²/4 + a²) over nodes that are `change` > 0 apart in a."""
    size = change + 1e-30
    z = jnp.minimum(np.pi * gamma / size, 60.0)
    # e^z − 1 from below: a truncated series to the eighth power, close up to z ~ 10
    u = z * 0.125
    growth = 1.0 + u * (1.0 + u * (0.5 + u * (1.0 / 6.0)))
    growth = growth * growth
    growth = growth * growth
    growth = growth * growth
    tiny = float(jnp.finfo(gamma.dtype).tiny) ** 0.5
    return (4.0 * np.pi) / (size * (growth - 1.0) + tiny)
