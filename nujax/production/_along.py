"""What one comoving momentum meets on its way: the theory along t = ln(anchor/T)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..plasma import Plasma
from ..quadrature import lagrange_weights
from ..sterile import SterileNeutrino
from ._grid import Lattice, window_start
from ._lattice import lattice_rates
from ._theory import Parts, parts_of

# Points of the local interpolation of the mediator's kernels along t. Where two potentials cancel
# at a resonance, 8 points leave 1e-5 of the abundance, 12 points 1e-9.
_ORDER = 12


class Track(NamedTuple):
    """A theory for steppers in t, one momentum at a time; `tracks_of` makes it."""

    sterile: SterileNeutrino
    parts: Parts
    plasma: Plasma
    T_final: jax.Array
    steps_t: int  # nodes of the kernels per unit of t …
    first: jax.Array  # … and the index of the first


class Momentum(NamedTuple):
    """One comoving momentum q, with (Γ/Δ, cos 2θ − V/Δ) [nodes, 2] of the mediator along t."""

    q: jax.Array
    kernels: jax.Array | None

    @property
    def axes(self) -> Momentum:
        """Of all momenta, as `in_axes` of `jax.vmap`."""
        return Momentum(0, None if self.kernels is None else 1)  # pyright: ignore[reportArgumentType]


class Local(NamedTuple):
    """Scalars at one t: T [MeV], x = p/T, 1/Δ [1/MeV], γ = Γ/Δ, a = cos 2θ − V/Δ."""

    T: jax.Array
    x: jax.Array
    per_energy: jax.Array
    gamma: jax.Array
    detuning: jax.Array


def tracks_of(
    sterile: SterileNeutrino,
    interaction,
    plasma: Plasma,
    limits: tuple[jax.Array, jax.Array],
    lattice: Lattice,
    rows: slice,
) -> tuple[Track, Momentum]:
    """The theory, and its momenta: `rows` of the lattice, whose nodes in t carry the kernels.

    limits: T_initial and T_final [MeV].
    """
    parts = parts_of(interaction)
    dtype = jnp.result_type(sterile.mass)
    q = jnp.exp(jnp.asarray(lattice.log_q[rows], dtype))
    start = jnp.log(parts.anchor.astype(dtype) / limits[0])
    first = window_start(lattice, start).astype(dtype)
    kernels = None
    if parts.mediator is not None:
        only = Parts(parts.mediator, None, (), parts.charged)
        alone = lattice_rates(sterile, only, plasma, *limits, lattice)
        kernels = jnp.stack([alone.gamma[:, rows], alone.detuning[:, rows]], axis=-1)
    track = Track(sterile, parts, plasma, limits[1], lattice.steps_t, first)
    return track, Momentum(q, kernels)


def local(t: jax.Array, at: Momentum, track: Track) -> Local:
    """The theory at t for one momentum.

    The mediator's part is interpolated along t at constant q, all other interactions are
    evaluated.
    """
    if at.kernels is None:
        return _local(t, at.q, track, jnp.zeros_like(t), track.sterile.cos_2theta)
    return _local(t, at.q, track, *_interpolate(at.kernels, t * track.steps_t - track.first))


def on_nodes(at: Momentum, track: Track, nodes: int, stride: int) -> tuple[jax.Array, Local]:
    """(t, the theory there) [nodes/stride] for one momentum, on nodes of the kernels."""
    index = jnp.arange(0, nodes, stride)
    t = (track.first + index) / track.steps_t
    if at.kernels is None:
        zero = jnp.zeros_like(t)
        return t, _local(t, at.q, track, zero, zero + track.sterile.cos_2theta)
    return t, _local(t, at.q, track, at.kernels[::stride, 0], at.kernels[::stride, 1])


def _local(t, q, track: Track, gamma, detuning) -> Local:
    """Everything else added to the mediator's γ and cos 2θ − V/Δ."""
    sterile = track.sterile
    T = track.parts.anchor.astype(t.dtype) * jnp.exp(-t)
    x = q * track.plasma.redshift(T, track.T_final)
    E = x * T
    per_energy = 2.0 * (E / sterile.mass**2)
    standard = track.parts.standard
    terms = (() if standard is None else (standard,)) + track.parts.others
    for term in terms:
        gamma = gamma + term.interaction_rate(E, T, sterile.flavour) * per_energy
        potential = term.thermal_potential(E, T, sterile.flavour) * per_energy
        detuning = detuning - potential
    return Local(T, x, per_energy, gamma, detuning)


def _interpolate(kernels: jax.Array, position: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Both columns of `kernels` [nodes, 2] at `position`, in units of their spacing."""
    left = jnp.clip(jnp.floor(position) - (_ORDER // 2 - 1), 0, len(kernels) - _ORDER)
    left = jax.lax.stop_gradient(left)
    near = jax.lax.dynamic_slice_in_dim(kernels, left.astype(int), _ORDER)
    value = jnp.dot(lagrange_weights(position - left, _ORDER), near)
    return value[0], value[1]
