"""A production method that costs nothing, with a relic density in closed form: for inference.

ln(Ω h²/0.12) = ln(s²/1e-9) + S(u) − v with u = ln(coupling/1e-3), v = ln(mediator mass/GeV) and the
S-shaped S(u) = u³/3 − u; ⟨x⟩ = 3 + v + u/2. For v = 0 there are roots at u = 0, ±√3, for v = 1 one
at u = 2.1038, and |ln(Ω h²/0.12)| has a local minimum of 1/3 at u = −1. Couplings above 0.1 and the
sterile masses above 0.5 MeV are `under_resolved`, where Ω h² is a NaN above 0.9 MeV.
"""

import jax.numpy as jnp
import numpy as np

import nujax as nj
from nujax.abundance import comoving_yield, relic_density_of_yield
from nujax.production import AbstractMethod
from nujax.production._method import Moments

TRACES = []  # one entry each time that the method is traced


class Toy(AbstractMethod):
    """The method of the module's docstring."""

    def moments(self, sterile, interaction, plasma, outputs=2):
        TRACES.append(outputs)
        mediator = interaction.terms[1]
        u, v = jnp.log(mediator.coupling / 1e-3), jnp.log(mediator.mass / 1e3)
        log_ratio = jnp.log(sterile.sin2_2theta / 1e-9) + u**3 / 3.0 - u - v
        per_number = comoving_yield(1.0, 10.75)
        number = (
            0.12 * jnp.exp(log_ratio) / relic_density_of_yield(sterile.mass, per_number, plasma)
        )
        number = jnp.where(sterile.mass > 0.9, jnp.nan, number)
        bad = (mediator.coupling > 0.1) | (sterile.mass > 0.5)
        return Moments(
            number=number,
            momentum=number * (3.0 + v + 0.5 * u) if outputs > 1 else None,
            error_estimate=jnp.where(bad, 1.0, 0.0),
            status_code=jnp.where(bad, int(nj.Status.under_resolved), int(nj.Status.ok)),
            T_final=jnp.asarray(0.1),
        )

    def solve(self, sterile, interaction, plasma):
        raise NotImplementedError


def theory(mass=7.1e-3, sin2_2theta=1e-9, mediator_mass=1e3, coupling=1e-3):
    """(sterile, interaction) and {plasma, method} for `fit` and `log_likelihood`."""
    sterile = nj.SterileNeutrino(mass, sin2_2theta, "mu")
    forces = nj.StandardModel(convention="paper") + nj.ScalarMediator(mediator_mass, coupling)
    return (sterile, forces), {"plasma": nj.Plasma.constant(10.75), "method": Toy()}


def log_ratio(sin2_2theta=1e-9, mediator_mass=1e3, coupling=1e-3):
    """ln(Ω h²/0.12), in NumPy."""
    u = np.log(np.asarray(coupling) / 1e-3)
    return np.log(np.asarray(sin2_2theta) / 1e-9) + u**3 / 3 - u - np.log(mediator_mass / 1e3)
