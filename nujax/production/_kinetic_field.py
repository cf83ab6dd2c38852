"""The density matrix's equations for a theory: what a momentum meets, as Bloch coefficients."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ..statistics import fermi_dirac
from ._along import Momentum, NearMomentum, Track, local
from ._bloch import BlochCoefficients
from ._exact_kvaerno import AbstractBlochField


class TheoryField(AbstractBlochField):
    """Of one theory; `args` is the `Momentum`, and f_ref = f_FD(q)."""

    track: Track

    def coefficients(self, t: Any, args: Momentum | NearMomentum) -> BlochCoefficients:
        """See `BlochCoefficients`."""
        here = local(t, args, self.track)
        plasma = self.track.plasma
        clock = plasma.clock_factor(here.T)
        equilibrium = fermi_dirac(here.x) / fermi_dirac(args.q)
        # x = p/T falls as g*s does: dx/dt = −x (clock − 1), and f_FD' = −f_FD (1 − f_FD).
        slope = equilibrium * (1.0 - fermi_dirac(here.x)) * here.x * (clock - 1.0)
        return BlochCoefficients(
            frequency=clock / (here.per_energy * plasma.hubble_rate(here.T)),
            mixing=jnp.sqrt(here.sin2_2theta),
            detuning=here.detuning,
            damping=0.5 * (here.gamma + here.hidden_gamma),
            refilling=here.gamma,
            equilibrium=equilibrium,
            equilibrium_slope=slope,
        )
