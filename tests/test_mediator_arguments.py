"""Arguments of all mediators: nonsense is refused where it enters, by name and value."""

import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax.units import GeV, MeV, TeV, keV

LARGEST = {
    nj.ScalarMediator: "12.5664 (4π, perturbativity)",
    nj.VectorMediator: "3.54491 (√4π, perturbativity)",
    nj.LMuMinusLTau: "3.54491 (√4π, perturbativity)",
    nj.BMinusL: "3.54491 (√4π, perturbativity)",
}
SENTENCES = [
    ({"mass": -1.0}, "Argument `mass` must be positive, but is -1.0."),
    ({"mass": 0}, "Argument `mass` must be positive, but is 0.0."),
    ({"mass": np.inf}, "Argument `mass` must be positive, but is inf."),
    ({"mass": np.array([1.0, np.nan])}, "Argument `mass` must be positive, but is nan."),
    (
        {"mass": 0.5 * keV},
        "Argument `mass` must be at least 0.001 (1 keV, the lightest that the kernels cover), "
        "but is 0.0005.",
    ),
    ({"coupling": -1e-3}, "Argument `coupling` must be zero or positive, but is -0.001."),
    ({"coupling": np.nan}, "Argument `coupling` must be zero or positive, but is nan."),
    ({"coupling": 12.57}, "Argument `coupling` must be at most LARGEST, but is 12.57."),
    (
        {"coupling": jnp.asarray([0.1, 13.0])},
        "Argument `coupling` must be at most LARGEST, but is 13.0.",
    ),
    (
        {"convention": "moeller"},
        'Argument `convention` must be one of "exact", "paper", but is \'moeller\'.',
    ),
    ({"rate_factor": 0.0}, "Argument `rate_factor` must be positive, but is 0.0."),
]


@pytest.mark.parametrize("kind", LARGEST)
@pytest.mark.parametrize(("arguments", "sentence"), SENTENCES)
def test_bad_arguments(kind, arguments, sentence):
    with pytest.raises(ValueError, match="Argument") as caught:
        kind(**{"mass": 1.0, "coupling": 0.1, **arguments})
    assert str(caught.value) == sentence.replace("LARGEST", LARGEST[kind])


@pytest.mark.parametrize("kind", LARGEST)
@pytest.mark.parametrize(
    "coupling", [np.diag([0.0, 0.1, 0.1]), [[0.0, 0.1], [0.1, 0.0]], {("mu", "tau"): 0.1}]
)
def test_couplings_between_flavours_are_refused(kind, coupling):
    """With the reason."""
    with pytest.raises(ValueError, match="Off-diagonal couplings are left out: they turn one"):
        kind(1.0, coupling)
    assert kind(np.ones((2, 3)), np.full((2, 3), 0.1)).coupling.shape == (2, 3)


@pytest.mark.parametrize(
    ("mass", "limits", "sentence"),
    [
        (
            1 * keV,
            {"T_initial": 17 * GeV, "T_final": 1e-3},
            "Argument `T_initial` must be at most 1.62e+07 mediator masses, but is 17000 MeV.",
        ),
        (
            2 * TeV,
            {"T_final": 1 * MeV},
            "Argument `T_final` must be at least a mediator mass divided by 1.33e+06, "
            "but is 1 MeV.",
        ),
    ],
)
def test_temperatures_without_kernels(mass, limits, sentence):
    """Production would be cut where the tables end: refused, not shortened."""
    sterile = nj.SterileNeutrino(7.1 * keV, 7e-11)
    forces = nj.StandardModel() + nj.ScalarMediator(mass, 0.1)
    with pytest.raises(ValueError, match="Argument") as caught:
        nj.relic_density(sterile, forces, method=nj.BoltzmannQuadrature(**limits))
    assert str(caught.value) == sentence
