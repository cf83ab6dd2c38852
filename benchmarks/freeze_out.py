"""Speed of freeze-out through the neutrino portal: nujax against SciPy's Radau.

    python benchmarks/freeze_out.py [--quick] [--json FILE]

One process on one core in float64. The peer solves the same equation in ln Y with the analytic
Jacobian, from x = 5 to 1e7 at rtol 1e-6, with g*(T) and ⟨σv⟩ as cubic splines made beforehand (not
timed), and so is as accurate as the fast rule; the difference is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import measuring


def radau_solver(np, plasma):
    """A function (mass, ratio, coupling, table of ⟨σv⟩) → Ω h² in plain SciPy."""
    from scipy.integrate import solve_ivp
    from scipy.interpolate import CubicSpline
    from scipy.special import kve

    log_t = np.linspace(np.log(1e-6), np.log(1e6), 3000)
    t = np.exp(log_t)
    columns = (plasma.energy_degrees(t), plasma.entropy_degrees(t), plasma.clock_factor(t))
    degrees = CubicSpline(log_t, np.stack([np.asarray(c) for c in columns], axis=1))

    def solve(mass, coupling, average):
        def rates(log_x):
            x = np.exp(log_x)
            energy, entropy, clock = degrees(np.log(mass) - log_x)
            s = 2 * np.pi**2 / 45 * entropy * (mass / x) ** 3
            hubble = np.sqrt(4 * np.pi**3 / 45 * energy) * (mass / x) ** 2 / 1.220910e22
            density = mass**3 / np.pi**2 / x * kve(2, x)
            depletion = clock * s * average(1 / x) * coupling**4 / mass**2 / hubble
            return depletion, np.log(density / s) - x

        def field(log_x, log_y):
            depletion, equal = rates(log_x)
            return [-depletion * (np.exp(log_y[0]) - np.exp(2 * equal - log_y[0]))]

        def jacobian(log_x, log_y):
            depletion, equal = rates(log_x)
            return [[-depletion * (np.exp(log_y[0]) + np.exp(2 * equal - log_y[0]))]]

        span = (np.log(5.0), np.log(1e7))
        start = [rates(span[0])[1]]
        done = solve_ivp(field, span, start, method="Radau", jac=jacobian, rtol=1e-6, atol=1e-8)
        return 2 * np.exp(done.y[0, -1]) * mass * 2891.2 / 1.05e-2

    return solve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--json", type=Path, help="write all numbers")
    options = parser.parse_args()
    cores = measuring.use_cores("one")

    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np
    from scipy.interpolate import CubicSpline

    import nujax as nj
    from nujax.portal import NeutrinoPortal, thermal_average, thermal_relic_density, thermal_target

    print(f"cores {cores}")
    for name, word in measuring.environment().items():
        print(f"{name} {word}")
    n, peers, repeats = (1000, 2, 2) if options.quick else (100_000, 12, 5)
    generator = np.random.default_rng(7)
    mass = 10 ** generator.uniform(1.5, 6.0, n)
    ratio = generator.uniform(1.1, 10.0, n)
    # About Ω h² = 0.12: the root at m_φ = 3m_χ scales as the s-wave at other ratios.
    roots = jax.jit(jax.vmap(lambda m: thermal_target(m, 3 * m).coupling))
    knots = np.geomspace(mass.min(), mass.max(), 64)
    coupling = np.interp(np.log(mass), np.log(knots), roots(jnp.asarray(knots)))
    coupling *= np.sqrt((1 + ratio**2) / 10) * generator.uniform(0.8, 1.25, n)

    def value(m, r, g):
        return thermal_relic_density(NeutrinoPortal.from_coupling(m, m * r, g))

    batch = [jnp.asarray(column) for column in (mass, ratio, coupling)]
    batched = jax.jit(jax.vmap(value))
    slopes = jax.jit(jax.vmap(jax.value_and_grad(value, (0, 1, 2))))
    fewer = [column[: max(100, n // 50)] for column in batch]
    timed = measuring.measure(lambda: jax.block_until_ready(batched(*batch)), repeats)
    graded = measuring.measure(lambda: jax.block_until_ready(slopes(*fewer)), repeats)
    single = jax.jit(value)
    alone = measuring.measure(lambda: single(*(c[0] for c in batch)).block_until_ready(), repeats)
    densities = np.asarray(batched(*batch))

    solve = radau_solver(np, nj.Plasma.standard())
    inverse = np.linspace(1e-5, 0.2, 200)

    def table(k):
        theory = NeutrinoPortal.from_coupling(mass[k], mass[k] * ratio[k], 1.0)
        average = np.asarray(thermal_average(theory, 1 / inverse)) * mass[k] ** 2
        return CubicSpline(inverse, average)

    tables = [table(k) for k in range(peers)]
    found: list[float] = []

    def by_radau():
        found[:] = [solve(mass[k], coupling[k], tables[k]) for k in range(peers)]

    peer = measuring.measure(by_radau, 2)
    difference = float(np.abs(np.array(found) / densities[:peers] - 1).max())
    rows = {
        "batch": (f"nujax, {n} points by vmap", timed.per(n)),
        "gradient": ("nujax, value and three derivatives", graded.per(len(fewer[0]))),
        "single": ("nujax, one point in a jit", alone.per(1)),
        "radau": ("SciPy Radau, tables given", peer.per(peers)),
    }
    unit = rows["batch"][1]["cpu_min_us"]
    print(f"\n{'':38} {'CPU µs a point':>14} {'ratio':>8} {'first call s':>12}")
    for label, times in rows.values():
        cost = times["cpu_min_us"]
        print(f"{label:38} {cost:14.1f} {cost / unit:8.1f} {times['first_wall_s']:12.1f}")
    good = float(np.isfinite(densities).mean())
    print(f"points with status ok {good:.4f}; largest difference to Radau {difference:.1e}")
    if options.json:
        report = {name: {"label": label} | times for name, (label, times) in rows.items()}
        checks = {"radau_difference": difference, "ok": good}
        options.json.write_text(json.dumps({"rows": report, "checks": checks}), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
