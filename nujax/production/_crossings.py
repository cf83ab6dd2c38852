"""Where a momentum crosses the resonance Δ cos 2θ = V, so that no stepper runs across unseen."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ._along import Momentum, on_nodes

SLOTS = 4  # crossings of one momentum that can be kept
_STRIDE = 2  # of the kernels' nodes, 1/12 or 1/10 in ln T apart
_NEWTON_STEPS = 4  # from a bracket of two nodes: to rounding, for functions as smooth as these


class Crossings(NamedTuple):
    """Of one momentum, first to last [SLOTS]; those that are not `valid` are none.

    t              where a = cos 2θ − V/Δ changes sign from node to node
    slope          da/dt
    coherent       half-width in t of the crossing without collisions, √(s² + 2|a'|/K)/|a'|
    width          the same with collisions, where they are broader: max(D/|a'|, coherent)
    adiabaticity   π K s²/(2|a'|): without collisions the chance to be converted is
                   1 − e^(−adiabaticity)
    damping        Γ/2Δs
    refilling      Γ/H of the collisions that refill f_a
    count          of all crossings, more than SLOTS if some are missing
    """

    t: jax.Array
    valid: jax.Array
    slope: jax.Array
    coherent: jax.Array
    width: jax.Array
    adiabaticity: jax.Array
    damping: jax.Array
    refilling: jax.Array
    count: jax.Array


def find_crossings(field, at: Momentum, start: jax.Array, stop: jax.Array, nodes: int) -> Crossings:
    """All crossings of one momentum between t = start and stop; nothing is differentiated."""
    field, at = jax.tree.map(_fixed, (field, at))
    t, here = on_nodes(at, field.track, nodes, _STRIDE)
    # The ends replace the first nodes beyond them.
    t, detuning = jnp.clip(t, start, stop), here.detuning
    inside = t[1:] > t[:-1]

    changed = inside & (detuning[:-1] * detuning[1:] <= 0.0)
    (where,) = jnp.nonzero(changed, size=SLOTS, fill_value=len(t) - 2)
    count = jnp.sum(changed)
    valid = jnp.arange(SLOTS) < count
    low, high = t[where], t[where + 1]
    rise = detuning[where + 1] - detuning[where]
    root = low - detuning[where] * (high - low) / jnp.where(rise == 0.0, 1.0, rise)

    def improve(_, state):
        root, *_ = state
        c, slope = jax.vmap(lambda each: _value_and_slope(field, each, at))(root)
        slope = jnp.where(slope == 0.0, 1.0, slope)
        return jnp.clip(root - c.detuning / slope, low, high), c, slope

    shape = jax.eval_shape(lambda: improve(0, (root,)))
    first = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
    state = (root, *first[1:])
    root, c, slope = jax.lax.fori_loop(0, _NEWTON_STEPS, improve, state)
    # A change of sign across one of the limits may belong to a crossing beyond it.
    valid = valid & (root > start) & (root < stop)
    size = jnp.abs(slope)
    coherent = jnp.sqrt(c.mixing**2 + 2.0 * size / c.frequency) / size
    width = jnp.maximum(c.damping / size, coherent)
    return Crossings(
        t=jnp.where(valid, root, stop),
        valid=valid,
        slope=slope,
        coherent=coherent,
        width=width,
        adiabaticity=0.5 * jnp.pi * c.frequency * c.mixing**2 / size,
        damping=c.damping / c.mixing,
        refilling=c.frequency * c.refilling,
        count=count,
    )


def _value_and_slope(field, t, at):
    """Coefficients at t, and da/dt."""

    def detuning(each):
        c = field.coefficients(each, at)
        return c.detuning, c

    slope, c = jax.jacfwd(detuning, has_aux=True)(t)
    return c, slope


def landing_times(crossings: Crossings, start: jax.Array, stop: jax.Array) -> jax.Array:
    """Times [3 SLOTS] that steps must end at: the crossings and either side of them."""
    t, w = crossings.t, crossings.width
    times = jnp.where(crossings.valid, jnp.stack([t - w, t, t + w]), stop)
    return jnp.sort(jnp.clip(times, start, stop).ravel())


# Nodes of a mesh for every one per unit of ln T: all of a window, and on either side of a crossing.
_WINDOW, _SIDE = 16, 6


def mesh_times(crossings: Crossings, start: jax.Array, stop: jax.Array, mesh: int) -> jax.Array:
    """Increasing times [odd number] from start to stop, denser about the crossings.

    Uniform ones, and on either side of a crossing those at t ± w sinh u with uniform u: fixed
    relative to the width w that precession or damping gives it.
    """
    low, high = jax.lax.stop_gradient((start, stop))
    span = high - low
    uniform = low + span * jnp.linspace(0.0, 1.0, _WINDOW * mesh + 1)
    u = jnp.linspace(0.0, 1.0, _SIDE * mesh + 1)[1:]
    w = jnp.minimum(crossings.width, span)[:, None]
    away = w * jnp.sinh(u[None, :] * jnp.arcsinh(span / w))
    t = crossings.t[:, None]
    near = jnp.concatenate([t - away, t, t + away], axis=1)
    # What is not needed there goes between the uniform nodes.
    spare = low + span * (jnp.arange(near.size).reshape(near.shape) + 0.5) / near.size
    used = crossings.valid[:, None] & (near > low) & (near < high)
    times = jnp.sort(jnp.append(uniform, jnp.where(used, near, spare).ravel()))
    # Strictly increasing: coinciding nodes are moved apart by some rounding errors.
    apart = 64.0 * jnp.finfo(times.dtype).eps * (1.0 + jnp.abs(low) + jnp.abs(high))
    index = jnp.arange(len(times))
    times = jax.lax.cummax(times - apart * index) + apart * index
    times = jnp.minimum(times, high - apart * (len(times) - 1 - index))
    return times.at[0].set(start).at[-1].set(stop)


def _fixed(leaf):
    return jax.lax.stop_gradient(leaf) if isinstance(leaf, jax.Array) else leaf
