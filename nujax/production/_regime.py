"""Which mechanism made the sterile neutrinos, and at which temperatures it began and ended."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ..interactions._base import sum_of
from ..interactions._mediator import AbstractMediator
from ..plasma import Plasma
from ..sterile import SterileNeutrino
from ._lattice import LatticeRates, LatticeSolution
from ._theory import Parts

REGIMES = ("DW", "A", "B", "C")
_WORDS = (
    "collisions of the Standard Model",
    "collisions by the new force, its boson off shell",
    "bosons on shell, mixing suppressed by the new force",
    "bosons on shell, mixing as without the new force",
)


class Regime(eqx.Module):
    """How one point (or a batch) was produced, after 1910.04901 sec. 3 and 2005.03681 sec. 3.

    shares        parts of the number density [..., 4], in the order of `names`, sum 1:
                  DW  collisions of the Standard Model (Dodelson–Widrow)
                  A   collisions by the new force with the boson off shell (heavy, strong);
                      Ω h² ∝ λ³s²m₄²/m². Also everything of a force that is known by its two
                      methods only.
                  B   bosons on shell while the new force suppresses the mixing: its max(|V|, Γ)
                      exceeds Δ and the |V| of the Standard Model; Ω h² ∝ m₄⁵s²/(λ²m⁵)
                  C   bosons on shell with the mixing of the vacuum, or of the weak plasma (light,
                      weak); Ω h² ∝ λ²s²m₄/m
                  Back-reaction is left out.
    T_collisions  last T [MeV] with Γ = H, Γ of the new force; ∞ if Γ < H throughout
    T_mixing      last T [MeV] with Δ = max(|V_T|, Γ) of all forces
    T_mass        T = m [MeV], None without a mediator
    The temperatures are those of p = T, good to 1 %, their derivatives to some per cent; in the
    sources' z = 1 MeV/T they are `z_0`, `z_1` and `z_2`. Without a new force Γ is the Standard
    Model's. A temperature below the lattice is 0.

    The sources tell the regimes by the order of z₀, z₁, z₂ (A: z₂ < z₁ < z₀). We count what was
    made, which holds also where they are close: Ω h² rises with the coupling in A and C and falls
    in B.
    """

    shares: jax.Array
    T_collisions: jax.Array
    T_mixing: jax.Array
    T_mass: jax.Array | None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the shares."""
        return REGIMES

    @property
    def code(self) -> jax.Array:
        """Index into `names` of the largest share."""
        return jnp.argmax(self.shares, axis=-1)

    @property
    def name(self) -> str:
        """Of the largest share, for a single concrete point."""
        return REGIMES[int(self.code)]

    @property
    def z_0(self) -> jax.Array:
        """1 MeV/T where the new force falls out of equilibrium, Γ = H."""
        return 1.0 / self.T_collisions

    @property
    def z_1(self) -> jax.Array:
        """1 MeV/T where the medium ceases to suppress the mixing, Δ = max(|V_T|, Γ)."""
        return 1.0 / self.T_mixing

    @property
    def z_2(self) -> jax.Array | None:
        """1 MeV/T at T = m."""
        return None if self.T_mass is None else 1.0 / self.T_mass

    def __str__(self) -> str:
        if isinstance(self.shares, jax.core.Tracer) or jnp.ndim(self.shares) != 1:
            return f"Regime(batch of shape {jnp.shape(self.shares)[:-1]})"
        index = int(self.code)
        return f"{self.name} ({float(self.shares[index]):.1%}: {_WORDS[index]})"


def regime_of(
    rates: LatticeRates,
    solution: LatticeSolution,
    sterile: SterileNeutrino,
    parts: Parts,
    plasma: Plasma,
    T_initial: jax.Array,
) -> Regime:
    """The regime of a point that was solved on the lattice from T_initial [MeV] on."""
    # As on the lattice, whose nodes above T_initial have no weight: T⁵ must not overflow there.
    T = jnp.broadcast_to(jnp.minimum(rates.T, 4.0 * T_initial)[:, None], rates.x.shape)
    E = rates.x * T
    per_energy = 2.0 * (E / rates.vacuum.mass2)  # 1/Δ
    gamma = jnp.maximum(rates.gamma, jnp.finfo(E.dtype).tiny ** 0.5)
    level = rates.vacuum.cos_2theta - rates.detuning  # V/Δ
    standard, on_shell, of_weak = (jnp.zeros_like(gamma) for _ in range(3))
    if parts.standard is not None:
        of_standard = parts.standard.interaction_rate(E, T, sterile.flavour) * per_energy
        standard = jnp.minimum(of_standard / gamma, 1.0)
        of_weak = parts.standard.thermal_potential(E, T, sterile.flavour) * per_energy
    every = (parts.mediator, *parts.others)
    mediators = [part for part in every if isinstance(part, AbstractMediator)]
    if mediators:
        resonant = sum_of(part.on_shell_rate(E, T) for part in mediators) * per_energy
        # A broad resonance is lower than the narrow one that has its area.
        on_shell = jnp.minimum(resonant / gamma, 1.0 - standard)
    by_new = jnp.maximum(jnp.abs(level - of_weak), gamma * (1.0 - standard))
    suppressed = by_new > jnp.maximum(1.0, jnp.abs(of_weak))
    made = rates.weights[:, None] * solution.rate * (solution.q**3)[None, :]
    parts_of_gamma = (
        standard,
        1.0 - standard - on_shell,
        jnp.where(suppressed, on_shell, 0.0),
        jnp.where(suppressed, 0.0, on_shell),
    )
    totals = jnp.stack([jnp.sum(made * part) for part in parts_of_gamma])
    shares = totals / (jnp.sum(totals) + jnp.finfo(totals.dtype).tiny)

    new = 1.0 - standard if mediators or parts.others else jnp.ones_like(standard)
    collisions = rates.gamma * new / per_energy / jnp.exp(plasma.log_hubble_rate(rates.T))[:, None]
    return Regime(
        shares,
        _last_crossing(jnp.log(_at_unit_x(collisions, rates) + 1e-30), rates.T),
        _last_crossing(jnp.log(_matter(rates) + 1e-30), rates.T),
        None if parts.mediator is None else parts.mediator.mass,
    )


def _matter(rates) -> jax.Array:
    """max(|V|, Γ)/Δ at x = 1 [window]."""
    level = _at_unit_x(rates.vacuum.cos_2theta - rates.detuning, rates)
    return jnp.maximum(jnp.abs(level), _at_unit_x(rates.gamma, rates))


def _at_unit_x(values, rates) -> jax.Array:
    """Values [window] at x = p/T = 1 of what goes like x² [window, rows], linear in ln x."""
    log_x = jnp.log(rates.x)
    step = log_x[0, 1] - log_x[0, 0]
    position = jnp.clip(-log_x[:, 0] / step, 0.0, rates.x.shape[1] - 1.001)
    left = jax.lax.stop_gradient(jnp.floor(position))
    index = left.astype(int)[:, None] + jnp.arange(2)[None, :]
    scaled = jnp.take_along_axis(values / rates.x**2, index, axis=1)
    return scaled[:, 0] + (position - left) * (scaled[:, 1] - scaled[:, 0])


def _last_crossing(log_ratio, T) -> jax.Array:
    """The lowest T at which `log_ratio` [window] falls through 0; ∞ if it never was above."""
    nodes = np.arange(len(T))
    last = jnp.max(jnp.where(log_ratio >= 0.0, nodes, -1))
    left = jnp.clip(last, 0, len(T) - 2)
    above, below = log_ratio[left], log_ratio[left + 1]
    crossed = (last >= 0) & (last < len(T) - 1)
    fraction = above / jnp.where(crossed, above - below, 1.0)
    at = jnp.exp(jnp.log(T[left]) + fraction * (jnp.log(T[left + 1]) - jnp.log(T[left])))
    beyond = jnp.where(last < 0, jnp.inf, 0.0)
    return jnp.where(crossed, at, beyond)
