"""Batches: `jax.vmap` in any nesting, order and size gives what single points give."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import problems
import pytest

import nujax as nj

HERE = Path(__file__).resolve().parent
PLASMA = nj.Plasma.constant(10.75)
STANDARD_MODEL = nj.StandardModel(convention="paper")
METHOD = nj.BoltzmannQuadrature(back_reaction=False)

# (m₄, sin²2θ, m, λ) in MeV: from 1 keV to 100 GeV, without, with wide and with narrow resonances.
POINTS = np.array(
    [
        (7.1e-3, 7e-11, 1e-3, 1e-8),
        (7.1e-3, 7e-11, 1e5, 1.0),
        (7.1e-3, 7e-11, 1.0, 1e-6),
        (7.1e-3, 7e-11, 1e3, 0.1),
        (7.1e-3, 7e-11, 0.1, 1e-3),  # half-width 4e-6 in ln T
        (2e-3, 1e-9, 50.0, 1e-2),
        (1e-4, 1e-16, 1e-3, 1e-12),
        (1.0, 1e-2, 1e5, 12.0),
        (0.5, 1e-16, 227.0, 1.1e-3),
        (7.1e-3, 7e-11, 1e-3, 1e-4),  # half-width 4e-6, a fold
        (5e-2, 1e-15, 3.0, 1e-3),
    ]
)
HARD = [3, 4, 5, 7, 8, 9, 10]  # resonant, or λ so large that the width is not small


def theory_of(point: jax.Array) -> tuple[Any, Any]:
    sterile = nj.SterileNeutrino(point[0], point[1])
    return sterile, STANDARD_MODEL + nj.ScalarMediator(point[2], point[3])


def relic_density(point: jax.Array) -> jax.Array:
    return nj.relic_density(*theory_of(point), plasma=PLASMA, method=METHOD)


def all_moments(point: jax.Array) -> tuple[jax.Array, ...]:
    """number, momentum, error estimate and status code."""
    moments = METHOD.moments(*theory_of(point), PLASMA)
    return moments.number, moments.momentum, moments.error_estimate, moments.status_code


def log_slopes(point: jax.Array) -> jax.Array:
    """d ln Ω h²/d ln(m₄, s², m, λ)."""
    return jax.grad(lambda logs: jnp.log(relic_density(jnp.exp(logs))))(jnp.log(point))


single = jax.jit(all_moments)
batched = jax.jit(jax.vmap(all_moments))


@pytest.fixture(scope="module")
def together() -> list[np.ndarray]:
    """All points in one batch."""
    return [np.asarray(column) for column in batched(jnp.asarray(POINTS))]


def assert_same(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.all(np.abs(found - expected) <= rtol * np.abs(expected)), found / expected - 1.0


def test_batch_is_single_points(together):
    """The same rule to rounding, but for resonances that a batch serves on a coarser lattice.

    A batch tries two lattices in turn, a single point goes straight to the finer one. The code of
    the status is the same, and the numbers are within the promised 1e-4 of a resonance.
    """
    number, momentum, error, code = together
    assert np.any(error > 1e-7)  # a lattice was needed
    assert np.any(error < 1e-10)
    for index, point in enumerate(POINTS):
        alone = single(jnp.asarray(point))
        rtol = 1e-4 if index in HARD else 1e-12
        assert_same(number[index], alone[0], rtol)
        assert_same(momentum[index], alone[1], rtol)
        assert int(code[index]) == int(alone[3])


def test_order_does_not_matter(together):
    """A point must not depend on its neighbours: light and heavy, flagged and not, in one batch."""
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(POINTS))
        found = batched(jnp.asarray(POINTS[order]))
        assert_same(found[0], together[0][order])
        assert_same(found[1], together[1][order])
        assert np.array_equal(found[3], together[3][order])


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 17])
def test_odd_sizes(together, size):
    """Sizes below, at and above the chunk of 16, with repeated points."""
    index = np.arange(size) * 7 % len(POINTS)
    found = batched(jnp.asarray(POINTS[index]))
    assert_same(found[0], together[0][index])
    assert np.array_equal(found[3], together[3][index])


def test_only_flagged_and_only_unflagged(together):
    """The queue of the second stage is empty, or holds the whole batch."""
    others = [index for index in range(len(POINTS)) if index not in HARD]
    for index in (HARD, others):
        index = np.resize(index, len(POINTS))  # one compilation for both
        assert_same(batched(jnp.asarray(POINTS[index]))[0], together[0][index])


@pytest.mark.slow
def test_nested_vmap(together):
    """vmap of vmap, with axes in any place, is one flat batch."""
    index = np.array([[0, 3, 9], [4, 1, 2]])
    grid = jnp.moveaxis(jnp.asarray(POINTS[index]), (0, 1, 2), (1, 2, 0))
    nested = jax.jit(jax.vmap(jax.vmap(all_moments, in_axes=-1), in_axes=1, out_axes=1))
    assert_same(nested(grid)[0], together[0][index].T)


@pytest.mark.slow
def test_batched_modules(together):
    """`eqx.filter_vmap` over objects whose numbers are arrays; plasma and method are shared."""
    sterile = nj.SterileNeutrino(jnp.asarray(POINTS[:5, 0]), jnp.asarray(POINTS[:5, 1]))
    forces = STANDARD_MODEL + nj.ScalarMediator(
        jnp.asarray(POINTS[:5, 2]), jnp.asarray(POINTS[:5, 3]), rate_factor=jnp.ones(5)
    )

    @eqx.filter_jit
    def solve(sterile, forces, plasma):
        def one(sterile, forces):
            return nj.solve_production(sterile, forces, plasma=plasma, method=METHOD)

        return eqx.filter_vmap(one)(sterile, forces)

    result = solve(sterile, forces, PLASMA)
    assert result.f.shape == (5, result.x.shape[1])
    assert np.array_equal(result.status, together[3][:5])
    assert str(result) == "ProductionResult(batch of shape (5,))"
    number = result.comoving_yield * (2.0 * np.pi**4 / 45.0) * 10.75
    assert_same(number, together[0][:5])


@pytest.mark.slow
def test_partly_batched_modules(together):
    """Batched in the coupling alone: what is not batched is shared, as in a scan of one number."""
    sterile, forces = theory_of(jnp.asarray(POINTS[3]))
    couplings = jnp.asarray([1e-3, 1e-6, POINTS[3, 3]])

    @eqx.filter_jit
    @eqx.filter_vmap
    def number(coupling):
        changed = eqx.tree_at(lambda forces: forces.terms[1].coupling, forces, coupling)
        return METHOD.moments(sterile, changed, PLASMA).number

    found = number(couplings)
    assert_same(found[2], together[0][3])
    points = [[*POINTS[3, :3], coupling] for coupling in couplings]
    assert_same(found, batched(jnp.asarray(points))[0])


@pytest.mark.slow
def test_batched_gradients():
    """vmap(grad) and the gradient of a sum over the batch are grad of each; all finite."""
    points = jnp.asarray(POINTS)
    expected = np.asarray(jax.jit(jax.vmap(log_slopes))(points))
    assert np.all(np.isfinite(expected))
    of_sum = jax.grad(lambda logs: jnp.sum(jnp.log(jax.vmap(relic_density)(jnp.exp(logs)))))
    for found in (jax.vmap(log_slopes)(points), of_sum(jnp.log(points))):
        assert np.max(np.abs(np.asarray(found) - expected)) < 1e-12
    alone = jax.jit(log_slopes)
    for index in (0, 2, 3):
        assert np.max(np.abs(np.asarray(alone(points[index])) - expected[index])) < 1e-12


@pytest.mark.slow
def test_large_batch_keeps_its_order(together):
    """300 points scattered over the domain come back where they were, chunk by chunk."""
    index = np.random.default_rng(5).integers(0, len(POINTS), 300)
    found = jax.jit(jax.vmap(all_moments))(jnp.asarray(POINTS[index]))
    assert_same(found[0], together[0][index])
    assert_same(found[1], together[1][index])


# --- Compilations and memory --------------------------------------------------------------------


def compilations(caplog: pytest.LogCaptureFixture, function: Any, *arguments: Any) -> list[str]:
    """Names of the functions that JAX compiles during one call."""
    caplog.clear()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        jax.block_until_ready(function(*arguments))
    return [m for m in map(logging.LogRecord.getMessage, caplog.records) if "Compiling" in m]


def solve(mass: float, coupling: float) -> jax.Array:
    forces = STANDARD_MODEL + nj.ScalarMediator(mass, coupling)
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11)
    return nj.solve_production(sterile, forces, plasma=PLASMA, method=METHOD).relic_density


@pytest.mark.parametrize(
    "function",
    [
        lambda m, lam: relic_density(jnp.array([7.1e-3, 7e-11, m, lam])),
        solve,
        lambda m, lam: batched(jnp.array([[7.1e-3, 7e-11, m, lam], [1e-2, 1e-9, lam, m]])),
        lambda m, lam: jax.grad(lambda x: relic_density(jnp.array([7.1e-3, 7e-11, m, x])))(lam),
    ],
    ids=["relic_density", "solve_production", "batch", "grad"],
)
def test_new_numbers_compile_nothing(caplog, function):
    """Compilation takes seconds: objects made anew with other numbers must find the old code."""
    assert compilations(caplog, lambda: jax.jit(lambda x: jnp.sin(x) + 2.0)(1.0))  # it counts
    function(10.0, 1e-5)
    assert compilations(caplog, function, 20.0, 0.5) == []
    assert compilations(caplog, function, 1e3, 1e-3) == []  # also in the other stage


class Counting(nj.AbstractInteraction):
    """A force of the user's own that counts how often Python runs it."""

    strength: jax.Array = eqx.field(converter=jnp.asarray)
    calls = 0

    def interaction_rate(self, E, T, flavour):
        type(self).calls += 1
        return self.strength * 1e-22 * E * T**4

    def thermal_potential(self, E, T, flavour):
        return -self.strength * 1e-20 * E * T**4


def test_own_interactions_are_traced_once():
    """A user's class runs a few times while it is traced, and never again for other numbers."""

    def omega(strength):
        sterile = nj.SterileNeutrino(7.1e-3, 7e-11 * strength)
        return nj.relic_density(
            sterile, STANDARD_MODEL + Counting(strength), plasma=PLASMA, method=METHOD
        )

    first = omega(1.0)
    assert 0 < Counting.calls < 10
    traced = Counting.calls
    assert float(omega(0.5)) != float(first)
    assert Counting.calls == traced


_MEMORY = """
import json, re, sys
sys.path[:0] = {paths!r}
from pathlib import Path
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np, nujax as nj, oracles
import test_production_batches as batches

def peak():
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", text)[1]) / 1e3

cases = oracles.random_cases({count}, seed=1)
points = np.array([(c.mass, c.sin2_2theta, c.mediator_mass, c.coupling) for c in cases])
jax.block_until_ready(jax.jit(jnp.sin)(jnp.asarray(points)))
del cases
before = peak()
number, _, error, code = jax.jit(jax.vmap(batches.all_moments))(jnp.asarray(points))
jax.block_until_ready(number)
print(json.dumps([before, peak(), int(np.sum(np.isfinite(number))), float(np.mean(error > 1e-5))]))
"""


def memory(count: int) -> float:
    """Megabytes that a fresh process needs for `count` random points, compilation included."""
    paths = [str(HERE), str(Path(nj.__file__).resolve().parents[1])]
    code = _MEMORY.format(paths=paths, count=count)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True
    )
    before, after, finite, _ = json.loads(done.stdout.splitlines()[-1])
    assert finite == count
    return after - before


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize(
    ("count", "limit"), [(2000, 600.0), pytest.param(100_000, 500.0, marks=pytest.mark.long)]
)
def test_memory_of_a_batch(count, limit):
    """Work in chunks: 1e5 points fit in 500 MB, although the lattice of one point takes some MB.

    Measured: 433 and 445 MB for 1e5 points, but 459 to 518 MB for 2000, mostly for compilation.
    """
    assert memory(count) < limit


def test_problems_of_all_kinds_in_one_call():
    """A list of dissimilar theories is a list of batches: their structures differ, and say so."""
    kinds = {jax.tree.structure(p.build()) for p in problems.scalar()}
    assert len(kinds) == 3  # exact, paper, exact with the Bose term
