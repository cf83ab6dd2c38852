"""The sterile neutrino: definitions, refusals, and its life as a pytree."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax.units import keV


def test_definitions():
    """Δ = m₄²/2E and cos 2θ > 0: ν_s is the mostly heavier state, and a factor 2 is a factor 4."""
    nu = nj.SterileNeutrino(mass=7.1 * keV, sin2_2theta=0.36, flavour="tau")
    assert nu.flavour == "tau"
    assert float(nu.mass) == pytest.approx(7.1e-3, rel=1e-15)
    assert float(nu.cos_2theta) == pytest.approx(0.8, rel=1e-15)
    E = jnp.asarray([0.1, 3.0])
    np.testing.assert_allclose(nu.vacuum_frequency(E), 7.1e-3**2 / (2.0 * E), rtol=1e-15)
    assert float(nu.vacuum_frequency(2.0)) == pytest.approx(1.26025e-5, rel=1e-14)


def test_small_angles():
    """cos 2θ = √(1 − sin²2θ) keeps its digits and its slope down to sin²2θ = 1e-16."""
    slope = jax.grad(lambda s2: nj.SterileNeutrino(1.0, s2).cos_2theta)
    for s2 in (1e-16, 1e-9, 1e-2):
        assert float(slope(s2)) == pytest.approx(-0.5 / np.sqrt(1.0 - s2), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"mass": 0.0}, "Argument `mass` must be positive, but is 0.0."),
        ({"mass": -7}, "Argument `mass` must be positive, but is -7.0."),
        ({"mass": np.nan}, "Argument `mass` must be positive, but is nan."),
        ({"mass": np.array([1.0, np.inf])}, "Argument `mass` must be positive, but is inf."),
        ({"sin2_2theta": 0.0}, "Argument `sin2_2theta` must lie between 0 and 1, but is 0.0."),
        ({"sin2_2theta": 1}, "Argument `sin2_2theta` must lie between 0 and 1, but is 1.0."),
        ({"sin2_2theta": -1e-9}, "Argument `sin2_2theta` must lie between 0 and 1, but is -1e-09."),
        (
            {"flavour": "muon"},
            'Argument `flavour` must be one of "e", "mu", "tau", but is \'muon\'.',
        ),
        ({"flavour": 2}, 'Argument `flavour` must be one of "e", "mu", "tau", but is 2.'),
    ],
)
def test_bad_arguments(arguments, sentence):
    """Nonsense is refused where it enters, in a sentence that names argument and value."""
    with pytest.raises(ValueError, match="Argument") as caught:
        nj.SterileNeutrino(**{"mass": 7.1e-3, "sin2_2theta": 7e-11, **arguments})
    assert str(caught.value) == sentence


def test_pytree():
    """Two numbers are leaves, the flavour is not: rebuilding keeps all and checks nothing."""
    nu = nj.SterileNeutrino(1, 0.5, "e")
    leaves, structure = jax.tree.flatten(nu)
    assert [leaf.dtype for leaf in leaves] == [jnp.float64, jnp.float64]
    rebuilt = jax.tree.unflatten(structure, [-leaf for leaf in leaves])
    assert (float(rebuilt.mass), rebuilt.flavour) == (-1.0, "e")
    assert eqx.tree_equal(jax.tree.unflatten(structure, leaves), nu)
    assert jax.tree.structure(nj.SterileNeutrino(1, 0.5, "mu")) != structure


def test_transformations():
    """jit, grad and vmap through the constructor and over a batch of neutrinos."""

    @jax.jit
    def frequency(mass, s2):
        nu = nj.SterileNeutrino(mass, s2)
        return nu.vacuum_frequency(1.0) * nu.cos_2theta

    assert float(jax.grad(frequency)(2.0, 0.36)) == pytest.approx(1.6, rel=1e-14)
    batch = eqx.filter_vmap(nj.SterileNeutrino)(jnp.asarray([1.0, 2.0]), jnp.asarray([0.1, 0.36]))
    assert batch.mass.shape == (2,)
    frequencies = eqx.filter_vmap(lambda nu: nu.vacuum_frequency(1.0) * nu.cos_2theta)(batch)
    np.testing.assert_allclose(frequencies, [0.5 * np.sqrt(0.9), 1.6], rtol=1e-14)


def test_float32():
    """The type of the numbers is kept, so that single precision stays single."""
    nu = nj.SterileNeutrino(jnp.float32(7.1e-3), jnp.float32(7e-11))
    assert nu.mass.dtype == nu.sin2_2theta.dtype == nu.cos_2theta.dtype == jnp.float32
    assert nu.vacuum_frequency(jnp.ones(2, jnp.float32)).dtype == jnp.float32
    assert nj.SterileNeutrino(1, 0.5).mass.dtype == jnp.float64
