"""Points (m₄, sin²2θ, m, λ) of the benchmark and the functions of nujax that it times.

A batch of points is a NumPy array [n, 4] of m₄ [MeV], sin²2θ, m [MeV] and λ.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nujax as nj
from nujax.abundance import comoving_yield, relic_density_of_yield
from nujax.presets import Inputs
from nujax.production import _boltzmann, _smooth
from nujax.production._theory import parts_of

# 7.1 keV, sin²2θ = 7e-11, a mediator of 1 GeV with λ = 0.1: smooth, regime A of 1910.04901.
REFERENCE = np.array([7.1e-3, 7e-11, 1e3, 0.1])


class Box(NamedTuple):
    """Ranges [MeV, 1, MeV, 1] from which points are drawn, uniform in the logarithm."""

    mass: tuple[float, float]
    sin2_2theta: tuple[float, float]
    mediator_mass: tuple[float, float]
    coupling: tuple[float, float]

    def draw(self, n: int, seed: int = 1) -> np.ndarray:
        """n points [n, 4]."""
        low, high = np.log(np.array(self)).T
        return np.exp(np.random.default_rng(seed).uniform(low, high, (n, 4)))


# Most points of these two are smooth and have Ω h² within a few orders of 0.12.
USUAL = Box((1e-3, 0.1), (1e-11, 1e-7), (10.0, 1e5), (1e-7, 1.0))
LIGHT = USUAL._replace(mediator_mass=(1e-3, 1.0), coupling=(1e-11, 1e-5))


def whole_domain(sin2_2theta: float) -> Box:
    """All that nujax covers, at one mixing angle."""
    return Box((1e-4, 1.0), (sin2_2theta, sin2_2theta), (1e-3, 1e5), (1e-12, 4.0 * np.pi))


def theory(point, inputs: Inputs, mediator: Callable = nj.ScalarMediator):
    """(sterile, interaction, plasma, method) of a point [4] with a `mediator` of its numbers."""
    mass, sin2_2theta, mediator_mass, coupling = point
    interaction = inputs.standard_model + mediator(mediator_mass, coupling)
    return nj.SterileNeutrino(mass, sin2_2theta, "mu"), interaction, inputs.plasma, inputs.method


def value_of(inputs: Inputs, mediator: Callable = nj.ScalarMediator) -> Callable:
    """point [4] → Ω h²."""
    both = value_and_status_of(inputs, mediator)
    return lambda point: both(point)[0]


def value_and_status_of(inputs: Inputs, mediator: Callable = nj.ScalarMediator) -> Callable:
    """point [4] → (Ω h², status)."""

    def both(point):
        sterile, interaction, plasma, method = theory(point, inputs, mediator)
        return nj.relic_density_and_status(sterile, interaction, plasma=plasma, method=method)

    return both


def first_stage(
    points: np.ndarray, inputs: Inputs, mediator: Callable = nj.ScalarMediator
) -> tuple[np.ndarray, np.ndarray]:
    """Ω h² [n] of the fixed nodes alone, and whether they are enough [n]."""
    relic, enough = _first_stage(jnp.asarray(points), inputs, mediator)
    return np.asarray(relic), np.asarray(enough)


@functools.partial(jax.jit, static_argnums=2)
def _first_stage(points, inputs, mediator):
    def one(point):
        sterile, interaction, plasma, method = theory(point, inputs, mediator)
        parts = parts_of(interaction)
        limits = _boltzmann.integration_limits(method, interaction, plasma, point.dtype)
        steps = _smooth.steps_of(plasma)
        sums = _smooth.solve_on_nodes(
            sterile,
            parts,
            plasma,
            *limits,
            mixing=method.mixing,
            back_reaction=method.back_reaction,
            first=_smooth.extent(parts.anchor, *limits, steps)[0],
            window=_smooth.long_window(steps),
        )
        yield_ = comoving_yield(sums.number, plasma.entropy_degrees(limits[1]))
        enough = sums.unresolved < _boltzmann._SMOOTH_TOLERANCE
        if parts.mediator is not None:
            enough &= parts.mediator.relative_width <= parts.mediator.largest_tabulated_width
        return relic_density_of_yield(sterile.mass, yield_, plasma), enough

    return jax.lax.map(one, points, batch_size=16)


def smooth_points(
    box: Box, n: int, inputs: Inputs, mediator: Callable = nj.ScalarMediator
) -> np.ndarray:
    """Those of n drawn points that need the first stage only and have 0.01 < Ω h² < 10."""
    points = box.draw(n)
    relic, enough = first_stage(points, inputs, mediator)
    return points[enough & (relic > 0.01) & (relic < 10.0)]


def near_target(
    sin2_2theta: float, value_and_status: Callable, batch: int, batches: int
) -> np.ndarray:
    """Random points of the domain with Ω h² within a factor 3 of 0.12."""
    found = []
    for seed in range(batches):
        points = whole_domain(sin2_2theta).draw(batch, seed)
        relic = np.asarray(value_and_status(points)[0])
        found.append(points[(relic > 0.04) & (relic < 0.36)])
    return np.concatenate(found)
