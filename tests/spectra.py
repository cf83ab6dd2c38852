"""Results of production with a spectrum of one's choice, without any production."""

import jax.numpy as jnp
import numpy as np

from nujax.production import ProductionResult
from nujax.statistics import fermi_dirac


def made_up_result(shape=fermi_dirac, density=0.12, mass=7.1e-3, degrees=10.75, history=None):
    """f = c · shape(x) with the c that makes Ω h² = density of m₄ [MeV]; g*s(T_final) = degrees."""
    x = jnp.geomspace(2e-4, 66.0, 256)
    f = shape(x)
    step = jnp.log(x[1] / x[0])
    number, momentum = jnp.sum(step * x**3 * f), jnp.sum(step * x**4 * f)
    made = 45 / (2 * np.pi**4 * degrees) * number
    scale = density / (mass * made * 2891.2 / 1.05e-2)
    zero = jnp.zeros(())
    return ProductionResult(
        relic_density=jnp.asarray(density), mean_momentum=momentum / number,
        comoving_yield=made * scale, x=x, f=f * scale, error_estimate=zero,
        status_code=jnp.zeros((), int), T_initial=jnp.asarray(1e4), T_final=jnp.asarray(0.1),
        started=zero, finished=zero, lightest_mediator=None, regime=None, history=history,
    )  # fmt: skip
