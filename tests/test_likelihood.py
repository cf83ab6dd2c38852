"""The likelihood is a Gaussian in Ω h², and samplers survive the points that fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy

import nujax as nj
from nujax.inference import log_likelihood, one_sided

_FREE = ("mass", "sin2_2theta", "mediator_mass", "coupling")


def _toy(at=None, **options):
    parts, rest = toy.theory(**(at or {}))
    return log_likelihood(*parts, **rest, **options)


@pytest.mark.slow
def test_value_and_gradient_at_the_reference():
    """Ω h² and its derivatives of an independent implementation, at 1 GeV and λ = 0.1.

    With χ = (Ω h² − 0.12)/0.0012 the relative error of ln L = −χ²/2 is 2Ω/(Ω − 0.12) = 1.9 times
    that of Ω h², 1e-6; 1e-5 is what gradients promise, of d ln L = −χ Ω/σ d ln Ω.
    """
    standard, plasma, method = nj.presets.paper()
    log_l = log_likelihood(
        nj.SterileNeutrino(7.1e-3, 7e-11, "mu"),
        standard + nj.ScalarMediator(1e3, 0.3),
        free=_FREE,
        plasma=plasma,
        method=method,
    )
    theta = jnp.log(jnp.array([7.1e-3, 7e-11, 1e3, 0.1]))
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(log_l)))(jnp.stack([theta, theta + 0.01]))
    relic, sigma = 0.05812486961935355, 0.0012
    off = (relic - 0.12) / sigma
    assert float(value[0]) == pytest.approx(-0.5 * off**2, rel=3e-6)
    derivatives = [2.0447971905614635, 1.0, -2.044418073089378, 2.9302242812576282]
    np.testing.assert_allclose(slope[0], -off * relic / sigma * np.array(derivatives), rtol=2e-5)
    assert value[1] > value[0]


def test_names_and_vectors_are_the_same():
    """{name: ln p} and a vector in the order of the names; fixed parameters are the theory's."""
    log_l = _toy(at={"sin2_2theta": 2e-9}, free=["mediator_mass", "coupling"], sigma=0.012)
    point = {"coupling": jnp.log(2e-3), "mediator_mass": jnp.log(900.0)}
    expected = 0.12 * np.exp(toy.log_ratio(2e-9, 900.0, 2e-3))
    value = -0.5 * ((expected - 0.12) / 0.012) ** 2
    assert float(log_l(point)) == pytest.approx(value, rel=1e-12)
    vector = jnp.array([point["mediator_mass"], point["coupling"]])
    assert float(log_l(vector)) == float(log_l(point))
    slope = jax.grad(log_l)(point)
    assert float(slope["mediator_mass"]) == pytest.approx(
        (expected - 0.12) / 0.012**2 * expected, rel=1e-10
    )
    with pytest.raises(ValueError, match="must have mediator_mass, coupling, but has coupling"):
        log_l({"coupling": 0.0})
    with pytest.raises(ValueError, match="must have shape"):
        log_l(jnp.zeros(3))


def test_further_terms():
    """⟨x⟩ and a penalty add their squares."""

    def limit(p):
        return one_sided(jnp.log(p["mass"] / 5e-3), 0.1)

    log_l = _toy(free=["coupling"], mean_momentum=(3.0, 0.5), penalties=[limit])
    off = (np.exp(toy.log_ratio(coupling=2e-3)) - 1) * 100
    mean = 0.5 * np.log(2.0) / 0.5
    over = np.log(7.1 / 5) / 0.1 - 0.5
    expected = -0.5 * (off**2 + mean**2 + over**2)
    assert float(log_l({"coupling": jnp.log(2e-3)})) == pytest.approx(expected, rel=1e-12)


def test_points_that_fail_have_no_likelihood_and_no_slope():
    """−inf and exactly 0, under-resolved (0.2) and NaN (0.95 MeV); neighbours are untouched."""
    log_l = _toy(free=["mass", "coupling"])
    points = jnp.log(jnp.array([[7e-3, 2e-3], [7e-3, 0.2], [0.95, 2e-3]]))
    value, slope = jax.vmap(jax.value_and_grad(log_l))(points)
    assert np.isfinite(value[0])
    assert np.all(np.isneginf(value[1:]))
    np.testing.assert_array_equal(slope[1:], 0.0)
    assert slope[0, 1] != 0.0
    _, tangent = jax.jvp(log_l, (points[2],), (jnp.ones(2),))
    assert tangent == 0.0


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (
            {"free": []},
            ValueError,
            "Argument `free` must name at least one parameter, but is empty",
        ),
        ({"free": "mass"}, TypeError, "Argument `free` must be a sequence of names"),
        ({"free": ["g"]}, ValueError, "Argument `parameter` must be one of"),
        ({"target": 0.0}, ValueError, "Argument `target` must be positive, but is 0.0."),
        ({"sigma": -1.0}, ValueError, "Argument `sigma` must be positive, but is -1.0."),
    ],
)
def test_bad_input(options, error, sentence):
    with pytest.raises(error) as raised:
        _toy(**({"free": ["mass"]} | options))
    assert sentence in str(raised.value)


def test_nuts_next_to_points_that_fail():
    """NumPyro's NUTS, half of whose prior fails, finds the posterior: one half of a Gaussian.

    ln Ω h² is ln sin²2θ − ln m + const, so that this is known to 10 %; it does not depend on the
    sterile mass, whose prior is centred on the edge beyond which every point is under-resolved.
    2000 draws in 4 chains have errors of a few per cent of a deviation; 0.1 and 10 % are 3 of them.
    """
    numpyro = pytest.importorskip("numpyro")
    from numpyro import distributions as dist
    from numpyro.diagnostics import split_gelman_rubin
    from numpyro.infer import MCMC, NUTS

    log_l = _toy(free=["mass", "sin2_2theta", "mediator_mass"], sigma=0.012)

    def model():
        z = numpyro.sample("z", dist.Normal(0.0, 1.0).expand([3]).to_event(1))
        at = {
            "mass": jnp.log(0.5) + 0.3 * z[0],
            "sin2_2theta": jnp.log(1e-9) + 0.3 * z[1],
            "mediator_mass": jnp.log(1e3) + 0.3 * z[2],
        }
        numpyro.factor("relic density", log_l(at))

    sampler = MCMC(
        NUTS(model), num_warmup=500, num_samples=1000, num_chains=4,
        chain_method="vectorized", progress_bar=False,
    )  # fmt: skip
    sampler.run(jax.random.PRNGKey(0))
    chains = np.asarray(sampler.get_samples(group_by_chain=True)["z"])
    assert np.max(split_gelman_rubin(chains)) < 1.02
    mass, s2, m = np.moveaxis(chains, -1, 0)
    assert np.max(mass) <= 0.0
    assert np.mean(mass) == pytest.approx(-((2 / np.pi) ** 0.5), abs=0.1)
    # Prior deviation √2 · 0.3 of the sum; of the difference the likelihood's 10 % and the prior.
    assert np.std(0.3 * (s2 + m)) == pytest.approx(0.3 * 2**0.5, rel=0.1)
    assert np.std(0.3 * (s2 - m)) == pytest.approx((0.1**-2 + 0.18**-1) ** -0.5, rel=0.1)
