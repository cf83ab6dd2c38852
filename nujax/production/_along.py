"""What one comoving momentum meets on its way: the theory along t = ln(anchor/T)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..interactions._base import AbstractInteraction
from ..interactions.hidden import HiddenForce
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
    """A theory for steppers in t, one momentum at a time; `track_of` makes it."""

    sterile: SterileNeutrino
    parts: Parts
    plasma: Plasma
    T_final: jax.Array
    steps_t: int  # nodes of the kernels per unit of t …
    first: jax.Array  # … and the index of the first
    hidden: HiddenForce | None = None


class Momentum(NamedTuple):
    """One comoving momentum q, with kernels [nodes, columns] along t.

    The columns are Γ/Δ and cos 2θ − V/Δ of the mediator and of a hidden force, then Γ/Δ of the
    collisions of ν_s. None if there is neither.
    """

    q: jax.Array
    kernels: jax.Array | None

    @property
    def axes(self) -> Momentum:
        """Of all momenta, as `in_axes` of `jax.vmap`."""
        return Momentum(0, None if self.kernels is None else 1)  # pyright: ignore[reportArgumentType]

    def columns(self, t: jax.Array, track: Track) -> list[jax.Array]:
        """The columns of the kernels at t."""
        if self.kernels is None:
            return _vacuum(t, track)
        left, weights = stencil(t * track.steps_t - track.first, len(self.kernels))
        near = jax.lax.dynamic_slice_in_dim(self.kernels, left, _ORDER)
        return list(jnp.dot(weights, near))


class NearMomentum(NamedTuple):
    """A momentum whose kernels are known near one t: value and slope of each column there."""

    q: jax.Array
    t: jax.Array
    values: jax.Array | None
    slopes: jax.Array | None

    def columns(self, t: jax.Array, track: Track) -> list[jax.Array]:
        """The columns of the kernels at t."""
        if self.values is None or self.slopes is None:
            return _vacuum(t, track)
        return list(self.values + self.slopes * (t - self.t))


def _vacuum(t: jax.Array, track: Track) -> list[jax.Array]:
    return [jnp.zeros_like(t), jnp.broadcast_to(track.sterile.cos_2theta, jnp.shape(t))]


class Local(NamedTuple):
    """Scalars at one t: T [MeV], x = p/T, 1/Δ [1/MeV], γ = Γ/Δ, a = cos 2θ − V/Δ, sin²2θ.

    `hidden_gamma` is Γ/Δ of the collisions of ν_s.
    """

    T: jax.Array
    x: jax.Array
    per_energy: jax.Array
    gamma: jax.Array
    detuning: jax.Array
    hidden_gamma: jax.Array
    sin2_2theta: jax.Array


def track_of(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    plasma: Plasma,
    limits: tuple[jax.Array, jax.Array],
    lattice: Lattice,
    hidden: HiddenForce | None = None,
) -> Track:
    """The theory between `limits`, T_initial and T_final [MeV], on the lattice's nodes in t."""
    parts = parts_of(interaction)
    dtype = jnp.result_type(sterile.mass)
    start = jnp.log(parts.anchor.astype(dtype) / limits[0])
    first = window_start(lattice, start).astype(dtype)
    return Track(sterile, parts, plasma, limits[1], lattice.steps_t, first, hidden)


def momenta_of(track: Track, T_initial: jax.Array, lattice: Lattice, rows: slice) -> Momentum:
    """All momenta: `rows` of the lattice, with their kernels."""
    q = jnp.exp(jnp.asarray(lattice.log_q[rows], jnp.result_type(track.sterile.mass)))
    kernels = None
    # With the mass and angle of today: `_local` knows those of the moment.
    parts, sterile = track.parts, track.sterile.without_transition()
    if parts.mediator is not None:
        only = Parts(parts.mediator, None, (), parts.charged)
        rates = lattice_rates(sterile, only, track.plasma, T_initial, track.T_final, lattice)
        kernels = jnp.stack([rates.gamma[:, rows], rates.detuning[:, rows]], axis=-1)
    if track.hidden is not None:
        t = (track.first + jnp.arange(lattice.window)) / track.steps_t
        T = jnp.minimum(parts.anchor * jnp.exp(-t), 4.0 * T_initial)[:, None]
        redshift = track.plasma.redshift(T, track.T_final)
        E = q[None, :] * (redshift * T)
        rate, potential = track.hidden.of_sterile(E, jnp.broadcast_to(T / redshift, E.shape))
        per_energy = 2.0 * (E / sterile.mass**2)
        extra = jnp.stack([jnp.zeros_like(E), potential, rate], axis=-1) * per_energy[..., None]
        if kernels is None:
            alone = [jnp.zeros_like(E), jnp.broadcast_to(sterile.cos_2theta, E.shape)]
            kernels = jnp.stack(alone, axis=-1)
        kernels = jnp.pad(kernels, ((0, 0), (0, 0), (0, 1))) + extra
    return Momentum(q, kernels)


def local(t: jax.Array, at: Momentum | NearMomentum, track: Track) -> Local:
    """The theory at t for one momentum.

    The mediator's part is interpolated along t at constant q, all other interactions are
    evaluated.
    """
    return _local(t, at.q, track, at.columns(t, track))


def on_nodes(at: Momentum, track: Track, nodes: int, stride: int) -> tuple[jax.Array, Local]:
    """(t, the theory there) [nodes/stride] for one momentum, on nodes of the kernels."""
    index = jnp.arange(0, nodes, stride)
    t = (track.first + index) / track.steps_t
    columns = _vacuum(t, track) if at.kernels is None else list(at.kernels[::stride].T)
    return t, _local(t, at.q, track, columns)


def _local(t, q, track: Track, columns) -> Local:
    """Everything else added to the columns of the kernels."""
    sterile = track.sterile
    gamma, detuning = columns[:2]
    hidden_gamma = jnp.zeros_like(t) if track.hidden is None else columns[2]
    T = track.parts.anchor.astype(t.dtype) * jnp.exp(-t)
    x = q * track.plasma.redshift(T, track.T_final)
    E = x * T
    vacuum = sterile.vacuum(T)
    if sterile.transition is not None:
        lighter = sterile.mass**2 / vacuum.mass2
        detuning = vacuum.cos_2theta - (sterile.cos_2theta - detuning) * lighter
        gamma, hidden_gamma = gamma * lighter, hidden_gamma * lighter
    per_energy = 2.0 * (E / vacuum.mass2)
    standard = track.parts.standard
    terms = (() if standard is None else (standard,)) + track.parts.others
    for term in terms:
        gamma = gamma + term.interaction_rate(E, T, sterile.flavour) * per_energy
        potential = term.thermal_potential(E, T, sterile.flavour) * per_energy
        detuning = detuning - potential
    return Local(T, x, per_energy, gamma, detuning, hidden_gamma, vacuum.sin2_2theta)


def stencil(position: jax.Array, nodes: int) -> tuple[jax.Array, jax.Array]:
    """First node (an integer) and weights [12] of the interpolation at `position`, in nodes."""
    left = jnp.clip(jnp.floor(position) - (_ORDER // 2 - 1), 0, nodes - _ORDER)
    left = jax.lax.stop_gradient(left)
    return left.astype(int), lagrange_weights(position - left, _ORDER)
