# %% [markdown]
# # What Ω h² says about four parameters
#
# A sterile neutrino of some keV, and a scalar that couples to ν_μ: mass, mixing, mediator mass and
# coupling are all unknown. They get priors, the relic density gets its likelihood, and NUTS
# (NumPyro) draws from the posterior. One datum cannot fix four parameters: it fixes one
# combination of them, and the posterior shows which.
#
# It takes about a minute on one core, most of it compilation.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from numpyro.infer import MCMC, NUTS

import nujax as nj
from nujax.inference import log_likelihood
from nujax.units import MeV, keV

jax.config.update("jax_enable_x64", True)

# %% [markdown]
# Ω h² is measured to 1 %, but rates in the plasma are uncertain by some 10 %: that is the error
# to put into the likelihood. Mixings of 1e-9 have no narrow resonances, so that points are cheap.
#
# The priors are Gaussians in the logarithms, and what NUTS sees are their standard scores z.

# %%
parameters = ("mass", "sin2_2theta", "mediator_mass", "coupling")
centre = jnp.log(jnp.array([7.1 * keV, 1e-9, 100 * MeV, 2e-6]))
width = jnp.array([0.1, 0.5, 0.3, 0.5])

standard, plasma, method = nj.presets.paper()
log_l = log_likelihood(
    nj.SterileNeutrino(7.1 * keV, 1e-9, "mu"),
    standard + nj.ScalarMediator(100 * MeV, 2e-6),
    free=parameters,
    sigma=0.012,
    plasma=plasma,
    method=method,
)


def model():
    z = numpyro.sample("z", dist.Normal(0.0, 1.0).expand([4]).to_event(1))
    numpyro.factor("relic density", log_l(centre + width * z))


# %% [markdown]
# Four chains side by side are one batch: nujax evaluates them together.

# %%
sampler = MCMC(
    NUTS(model, dense_mass=True),
    num_warmup=400,
    num_samples=600,
    num_chains=4,
    chain_method="vectorized",
    progress_bar=False,
)
sampler.run(jax.random.PRNGKey(0))
z = np.asarray(sampler.get_samples(group_by_chain=True)["z"])

# %% [markdown]
# The chains agree: R̂ is below 1.01 for each parameter.

# %%
r_hat, draws = split_gelman_rubin(z), effective_sample_size(z)
for i, name in enumerate(parameters):
    mean, error = np.mean(z[..., i]), np.std(z[..., i])
    print(f"{name:14s} z = {mean:+.2f} ± {error:.2f}   R̂ = {r_hat[i]:.4f}   draws {draws[i]:.0f}")
assert np.max(r_hat) < 1.01
assert np.min(draws) > 400

# %% [markdown]
# Every parameter keeps most of its prior. What is known is ln Ω h², whose spread shrinks from that
# of the prior to the 10 % of the likelihood.

# %%
flat = z.reshape(-1, 4)


@jax.jit
@jax.vmap
def log_density(theta):
    """ln Ω h² of log-parameters."""
    mass, sin2_2theta, mediator_mass, coupling = jnp.exp(theta)
    sterile = nj.SterileNeutrino(mass, sin2_2theta, "mu")
    forces = standard + nj.ScalarMediator(mediator_mass, coupling)
    return jnp.log(nj.relic_density(sterile, forces, plasma=plasma, method=method))


prior = np.random.default_rng(0).normal(size=flat.shape)
before = np.asarray(log_density(centre + width * prior))
after = np.asarray(log_density(centre + width * flat))
print(f"ln Ω h²: {before.mean():.2f} ± {before.std():.2f} before, ", end="")
print(f"{after.mean():.3f} ± {after.std():.3f} after; ln 0.12 = {np.log(0.12):.3f}")
assert abs(after.std() - 0.1) < 0.015
assert before.std() > 0.5

# %% [markdown]
# In the plane of mixing and coupling the posterior is a band, across which the density changes;
# along it a weaker coupling makes up for more mixing, sin²2θ ∝ λ⁻² where the mediator is on shell.

# %%
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for points, label in ((prior, "prior"), (flat, "posterior")):
    values = np.exp(np.asarray(centre + width * points))
    ax.loglog(values[:, 3], values[:, 1], ".", ms=2, alpha=0.5, label=label)
ax.set(xlabel="coupling λ", ylabel="sin²2θ", title="Ω h² = 0.12 ± 10 %")
ax.legend(markerscale=5)
plt.show()
