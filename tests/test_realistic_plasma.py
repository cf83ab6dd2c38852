"""Temperature-dependent g*, with constant rates and four potentials, against independent values."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import problems
import pytest

import nujax as nj
from nujax.constants import FERMI_CONSTANT, W_MASS, Z_MASS
from nujax.interactions.standard_model import EXACT_POTENTIAL, PAPER_RATE


class MasslessLeptons(nj.AbstractInteraction):
    """Γ = rate · G_F² E T⁴, and Nötzold–Raffelt with `charged` · 2/m_W² for W exchange."""

    rate: jax.Array = eqx.field(converter=jnp.asarray)
    charged: jax.Array = eqx.field(converter=jnp.asarray)  # 1: massless leptons, 0: Z alone

    def interaction_rate(self, E, T, flavour):
        return self.rate * FERMI_CONSTANT**2 * E * T**4

    def thermal_potential(self, E, T, flavour):
        exchange = 1.0 / Z_MASS**2 + 2.0 * self.charged / W_MASS**2
        return -EXACT_POTENTIAL * FERMI_CONSTANT * exchange * E * T**4


PLASMAS = {"const": nj.Plasma.constant(10.75), "ss": nj.Plasma.standard("saikawa-shirai")}
METHOD = nj.BoltzmannQuadrature(back_reaction=False, mixing="averaged", T_final=1.0)
WORDS = {"paper": "paper", "NR": "energy-density"}  # the data's names of potentials
CHARGED = {"NRmassless": 1.0, "NRZ": 0.0}


@cache
def interaction_of(potential: str, flavour: str) -> nj.AbstractInteraction:
    if potential in WORDS:
        return nj.StandardModel(rate="paper", potential=WORDS[potential])
    return MasslessLeptons(PAPER_RATE[flavour], CHARGED[potential])


@pytest.mark.parametrize("problem", problems.realistic_plasma(), ids=lambda p: p.id)
def test_realistic_plasma(problem):
    """Measured: Ω h² and ⟨p/T⟩ to 1.5e-7 for constant g*, to 4.5e-7 for g*(T) as splines."""
    sterile = nj.SterileNeutrino(problem.mass, problem.sin2_2theta, problem.flavour)
    interaction = interaction_of(problem.potential, problem.flavour)
    plasma = PLASMAS[problem.plasma]
    result = nj.solve_production(sterile, interaction, plasma=plasma, method=METHOD)
    assert result.status is nj.Status.ok
    assert float(result.relic_density) == pytest.approx(problem.relic_density, rel=1e-6)
    assert float(result.mean_momentum) == pytest.approx(problem.mean_momentum, rel=1e-6)
