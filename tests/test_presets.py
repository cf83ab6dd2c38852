"""One line sets up what the sources computed."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax import presets
from nujax.units import GeV, MeV, keV

# Ω h² of 7.1 keV, sin²2θ = 7e-11, ν_μ by an independent high-accuracy implementation, down to
# 0.1 MeV: (m, λ) → (paper, exact rate of the mediator).
SCALAR = {
    (1 * MeV, 1e-6): (0.2038277, 0.1190683661),
    (10 * MeV, 1e-6): (0.02368832, 0.01520837),
    (100 * MeV, 1e-5): (0.2010640, 0.1195429),
    (1 * GeV, 1e-4): (0.3506896, 0.2869586),
    (1 * GeV, 1e-2): (0.06738915, 0.06489846),
    (1 * GeV, 0.1): (0.06815643, 0.05812487),
    (10 * GeV, 1.0): (0.6808410, 0.5678795),
}


def until(T_final, preset):
    """The preset with another T_final [MeV]."""
    method = nj.BoltzmannQuadrature(
        back_reaction=preset.method.back_reaction, mixing=preset.method.mixing, T_final=T_final
    )
    return preset._replace(method=method)


def density(preset):
    """Ω h² of a preset, whose status is fine."""
    result = nj.solve_production(
        preset.sterile, preset.interaction, plasma=preset.plasma, method=preset.method
    )
    assert result.status is nj.Status.ok
    return float(result.relic_density)


def test_the_scalar_of_2019_by_default():
    """λ = 0.1, m = 1 GeV: production is over long before T_final, whatever it is."""
    np.testing.assert_allclose(density(presets.scalar_2019()), 0.06815643, rtol=1e-6)


@pytest.mark.parametrize("convention", ["paper", "exact"])
@pytest.mark.parametrize(("mass", "coupling"), SCALAR)
def test_the_scalar_of_2019(mass, coupling, convention):
    preset = until(0.1, presets.scalar_2019(mass, coupling, convention))
    expected = SCALAR[mass, coupling][convention == "exact"]
    np.testing.assert_allclose(density(preset), expected, rtol=1e-6)


def test_light_mediators_produce_below_the_sources_final_temperature():
    """1 MeV: the default T_final = m/60 is complete and gives more than 0.1 MeV does."""
    preset = presets.scalar_2019(1 * MeV, 1e-6)
    result = nj.solve_production(*preset[:2], plasma=preset.plasma, method=preset.method)
    np.testing.assert_allclose(float(result.T_final), 1 / 60, rtol=1e-12)
    assert float(result.finished) < 1e-6
    complete = float(result.relic_density)
    assert 1.0 < complete / density(until(0.1, preset)) < 1.02


def test_paper_inputs_switch_together():
    inputs = presets.paper()
    assert inputs.standard_model.convention == "paper"
    assert inputs.plasma.degrees == "constant"
    assert float(inputs.plasma.constant_degrees) == 10.75
    assert (inputs.method.back_reaction, inputs.method.mixing) == (False, "averaged")
    sterile = nj.SterileNeutrino(7.1 * keV, 7e-11)
    omega = nj.relic_density(
        sterile, inputs.standard_model, plasma=inputs.plasma, method=inputs.method
    )
    np.testing.assert_allclose(float(omega), 0.00358171, rtol=2e-6)


def test_precise_inputs_are_the_defaults():
    inputs = presets.precise()
    sterile = nj.SterileNeutrino(7.1 * keV, 1.939e-9)
    omega = nj.relic_density(
        sterile, inputs.standard_model, plasma=inputs.plasma, method=inputs.method
    )
    assert float(omega) == float(nj.relic_density(sterile, nj.StandardModel()))
    np.testing.assert_allclose(float(omega), 0.12, rtol=0.02)  # tabulated rates: good to 1 %


def test_presets_are_plain_values():
    """No state is shared: two presets are equal, and a field is replaced without a trace."""
    first, second = presets.scalar_2019(), presets.scalar_2019()
    assert first is not second
    changed = dataclasses.replace(first.plasma, constant_degrees=jnp.asarray(20.0))
    assert float(changed.constant_degrees) == 20.0
    assert float(presets.scalar_2019().plasma.constant_degrees) == 10.75
    assert first.sterile.flavour == "mu"
    assert isinstance(first.interaction, nj.InteractionSum)
    mediator = first.interaction.terms[1]
    assert isinstance(mediator, nj.ScalarMediator)
    np.testing.assert_allclose(float(mediator.mass), 1 * GeV)
