"""Speed of sterile self-interactions: nujax against SciPy's Radau on the same equations.

    python benchmarks/self_interacting.py [--quick] [--json FILE]

One process on one core in float64. The peer integrates the field of nujax itself (compiled) with
its exact Jacobian (compiled), at the tolerance that gives the same accuracy, so that what is
compared is the solver and its overhead. The scan is 21 masses of φ by 81 couplings, with the seed
of oscillations at every point. A public script for 2206.10630 takes 17 minutes a point.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import measuring

SCRIPT_SECONDS = 17 * 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--json", type=Path, help="write all numbers")
    options = parser.parse_args()
    cores = measuring.use_cores("one")

    import equinox as eqx
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np
    from scipy.integrate import solve_ivp

    import nujax as nj
    from nujax.production import GivenSeed
    from nujax.production.self_interacting import _integrated, _run
    from nujax.units import keV

    print(f"cores {cores}")
    for name, word in measuring.environment().items():
        print(f"{name} {word}")
    repeats = 2 if options.quick else 5
    sterile, forces = nj.SterileNeutrino(12 * keV, 2.5e-13, "e"), nj.StandardModel()
    plasma = nj.Plasma.standard()
    scalar = nj.SterileScalar(36 * keV, 1.905e-4)
    seed = GivenSeed(4.42926e-5, 2.4076)

    def density(point, method):
        moved = eqx.tree_at(lambda m: (m.scalar.mass, m.scalar.coupling), method, tuple(point))
        m = moved.moments(sterile, forces, plasma)
        yield_ = nj.abundance.comoving_yield(m.number, plasma.entropy_degrees(m.T_final))
        density = nj.abundance.relic_density_of_yield(sterile.mass, yield_, plasma)
        return density, m.status_code

    given, own = nj.SelfInteracting(scalar, seed), nj.SelfInteracting(scalar)
    point = jnp.asarray([scalar.mass, scalar.coupling])
    single = jax.jit(lambda point: density(point, given)[0])
    slopes = jax.jit(jax.value_and_grad(single))
    alone = measuring.measure(lambda: single(point).block_until_ready(), repeats)
    graded = measuring.measure(lambda: jax.block_until_ready(slopes(point)), repeats)

    count = 64
    batched = jax.jit(jax.vmap(lambda point: density(point, own)))
    masses, couplings = np.geomspace(2.2, 10.0, 21) * 12 * keV, np.geomspace(1e-5, 1e-3, 81)
    grid = np.stack(np.meshgrid(masses, couplings, indexing="ij"), axis=-1).reshape(-1, 2)
    # Neighbours in a batch take about as many steps.
    grid = grid[np.lexsort((grid[:, 0], grid[:, 1]))]
    if options.quick:
        grid = grid[:: len(grid) // count]
    padded = np.concatenate([grid, np.repeat(grid[-1:], -len(grid) % count, axis=0)])
    codes: list[np.ndarray] = []

    def scan():
        done = [batched(jnp.asarray(chunk)) for chunk in padded.reshape(-1, count, 2)]
        codes[:] = [np.asarray(code) for _, code in done]

    scanned = measuring.measure(scan, 2)
    status = np.concatenate(codes)[: len(grid)]

    def path(point):
        moved = eqx.tree_at(lambda m: (m.scalar.mass, m.scalar.coupling), given, tuple(point))
        run = _run.run(moved, sterile, forces, plasma)
        return run.system, run.start, run.limits, run.final

    system, start, limits, final = jax.jit(path)(point)
    field = jax.jit(_integrated.field)
    jacobian = jax.jit(jax.jacfwd(_integrated.field, argnums=1))
    span = tuple(-float(np.log(limit)) for limit in limits)
    found: list[np.ndarray] = []

    def by_radau():
        done = solve_ivp(
            lambda t, y: np.asarray(field(t, y, system)),
            span,
            np.asarray(start),
            method="Radau",
            jac=lambda t, y: np.asarray(jacobian(t, y, system)),
            rtol=1e-6,
            atol=1e-6,
        )
        found[:] = [done.y[:, -1]]

    peer = measuring.measure(by_radau, 2)

    def number(state):
        return float(_integrated.dark_gas(system, jnp.exp(state[0]), state[1]).number)

    difference = abs(number(found[0]) / number(final) - 1.0)
    rows = {
        "single": ("nujax, one point in a jit", alone.per(1)),
        "gradient": ("nujax, value and derivatives", graded.per(1)),
        "scan": (f"nujax, {len(grid)} points by vmap, seeds included", scanned.per(len(grid))),
        "radau": ("SciPy Radau, compiled field", peer.per(1)),
    }
    unit = rows["single"][1]["cpu_min_us"]
    print(f"\n{'':50} {'CPU ms a point':>14} {'ratio':>8} {'first call s':>12}")
    for label, times in rows.values():
        cost = times["cpu_min_us"]
        print(f"{label:50} {cost / 1e3:14.2f} {cost / unit:8.2f} {times['first_wall_s']:12.1f}")
    print(f"public script, 17 minutes a point: ratio {SCRIPT_SECONDS * 1e6 / unit:.1e}")
    kinds = {
        nj.Status(int(k)).name: int(n)
        for k, n in zip(*np.unique(status, return_counts=True), strict=True)
    }
    print(f"status of the scan {kinds}; difference to Radau {difference:.1e}")
    if options.json:
        report = {name: {"label": label} | times for name, (label, times) in rows.items()}
        checks = {"radau_difference": difference, "status": kinds}
        options.json.write_text(json.dumps({"rows": report, "checks": checks}), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
