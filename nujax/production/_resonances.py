"""Where the resonances are, how coherent they are, and whether the Boltzmann equation will do."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ..interactions._base import AbstractInteraction
from ..plasma import Plasma
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ._along import momenta_of, track_of
from ._boltzmann import BoltzmannQuadrature, integration_limits, lattice_of
from ._crossings import find_crossings
from ._kinetic import QuantumKinetic
from ._method import AbstractMethod

# Momenta that carry less than this of ∫q²f_FD do not decide anything.
_IRRELEVANT = 1e-3
# Mixing from which f_s of the flavour and of the mass eigenstate, and f_a, differ visibly.
_LARGE_MIXING = 1e-2
_ADIABATIC = 0.1  # chance of conversion above which a crossing is not perturbative
_EVERY_SECOND = 2  # row of the lattice


class Resonances(eqx.Module):
    """Crossings of Δ cos 2θ = V, for rows of comoving momenta q [rows]; [rows, 4] each.

    valid         whether there is one; everything else is meaningless where not
    T             temperature [MeV]
    half_width    in ln T: max(Γ/2, √((Δs)² + 2|d(Δc − V)/dt|))/|d(Δc − V)/d ln T|
    damping       Γ/2Δs, with s = sin 2θ: above 1 collisions break the coherence within the
                  resonance
    adiabaticity  (π/2)(Δs)²/|d(Δc − V)/dt|: a coherent crossing converts 1 − e^(−adiabaticity)
                  (Landau and Zener; 1910.04901 has Γ/2 ≫ Δs throughout)
    refilling     Γ/H: above 1 collisions keep f_a in equilibrium
    q             comoving momentum [rows]; sin2_2theta as given
    """

    q: jax.Array
    valid: jax.Array
    T: jax.Array
    half_width: jax.Array
    damping: jax.Array
    adiabaticity: jax.Array
    refilling: jax.Array
    sin2_2theta: jax.Array

    @property
    def recommendation(self) -> str:
        """The cheapest method to be trusted at a single concrete point, one of three words.

        "boltzmann"     any form of the Boltzmann equation
        "quasi-static"  `BoltzmannQuadrature(mixing="quasi-static")`, the default: some resonance
                        has Γ/2 < Δs, where mixing="averaged" undercounts by
                        (Γ/2)/√(Δ²s² + Γ²/4), while its own exponent is that of Landau and Zener
        "qke"           `QuantumKinetic`: see `reasons`
        """
        if self._needs_density_matrix():
            return "qke"
        return "quasi-static" if bool(np.any(self._coherent())) else "boltzmann"

    @property
    def reasons(self) -> list[str]:
        """What stands behind the recommendation, in sentences; empty for "boltzmann"."""
        found = self._needs_density_matrix()
        coherent = self._coherent()
        if np.any(coherent):
            least = float(np.min(np.asarray(self.damping)[coherent]))
            found.append(
                f'Γ/2Δs is {least:.2g} at a resonance: mixing="averaged" undercounts there.'
            )
        return found

    def _relevant(self) -> np.ndarray:
        """[rows, 4]: crossings that are there, of momenta that matter."""
        if isinstance(self.q, jax.core.Tracer) or np.ndim(self.q) != 1:
            raise TypeError("A recommendation is made for a single concrete point.")
        weight = np.asarray(self.q**3 * fermi_dirac(self.q))
        return np.asarray(self.valid) & (weight > _IRRELEVANT * weight.sum())[:, None]

    def _coherent(self) -> np.ndarray:
        return self._relevant() & (np.asarray(self.damping) < 1.0)

    def _needs_density_matrix(self) -> list[str]:
        reasons = []
        if float(self.sin2_2theta) > _LARGE_MIXING:
            reasons.append(
                f"sin²2θ = {float(self.sin2_2theta):.2g}: corrections of O(sin²2θ) are left out "
                "of the Boltzmann equation."
            )
        strong = self._relevant() & (np.asarray(self.adiabaticity) > _ADIABATIC)
        if np.any(np.sum(strong & self._coherent(), axis=1) > 1):
            reasons.append(
                "A momentum passes two coherent resonances that are not perturbative: what the "
                "first one converts, the second one converts back."
            )
        starved = strong & (np.asarray(self.refilling) < 1.0)
        if np.any(starved):
            least = float(np.min(np.asarray(self.refilling)[starved]))
            reasons.append(
                f"Γ/H is {least:.2g} at a resonance that converts much: f_a is not refilled."
            )
        return reasons


def find_resonances(
    sterile: SterileNeutrino,
    interaction: AbstractInteraction,
    *,
    plasma: Plasma | None = None,
    method: AbstractMethod | None = None,
) -> Resonances:
    """All resonances between T_initial and T_final of `method`, at 51 momenta; see `Resonances`.

    Arguments and errors as in `solve_production`; of the method only the limits are used, default
    those of `BoltzmannQuadrature`, and the hidden force of a `QuantumKinetic`. Crossings closer
    than 1/12 in ln T may be missed in pairs, and of more than four the latest; nothing here is
    differentiable.
    """
    from ._solve import check_arguments

    plasma = Plasma.standard() if plasma is None else plasma
    method = BoltzmannQuadrature() if method is None else method
    check_arguments(sterile, interaction, plasma, method)
    limits = integration_limits(method, interaction, plasma, jnp.result_type(sterile.mass))
    hidden = method.hidden if isinstance(method, QuantumKinetic) else None
    return _find(sterile, interaction, plasma, limits, hidden)


@eqx.filter_jit
def _find(sterile, interaction, plasma, limits, hidden) -> Resonances:
    from ._kinetic_field import TheoryField

    lattice = lattice_of(plasma)
    track = track_of(sterile, interaction, plasma, limits, lattice, hidden)
    momenta = momenta_of(track, limits[0], lattice, slice(None, None, _EVERY_SECOND))
    anchor = track.parts.anchor
    start, stop = jnp.log(anchor / limits[0]), jnp.log(anchor / limits[1])
    field = TheoryField(track)
    found = jax.vmap(
        lambda at: find_crossings(field, at, start, stop, lattice.window), in_axes=(momenta.axes,)
    )(momenta)
    return Resonances(
        q=momenta.q,
        valid=found.valid,
        T=anchor * jnp.exp(-found.t),
        half_width=found.width,
        damping=found.damping,
        adiabaticity=found.adiabaticity,
        refilling=found.refilling,
        sin2_2theta=sterile.sin2_2theta,
    )
