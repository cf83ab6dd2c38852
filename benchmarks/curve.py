"""Speed of relic curves: nujax against SciPy's `brentq` over nujax's Ω h² and over a plain one.

    python benchmarks/curve.py [--quick] [--json FILE]

One process on one core in float64. The S-curve of 1910.04901 (m₄ = 7.1 keV, sin²2θ = 7e-11, ν_μ,
exact rate, the sources' inputs), Ω h² = 0.12, from 1 MeV to 10 GeV. README.md beside this file
tells how to read the table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import measuring
from table import Report

LOWEST, HIGHEST = 1e-9, 12.0  # couplings
MASSES = 128


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few roots of the peers")
    parser.add_argument("--json", type=Path, help="numbers as JSON")
    options = parser.parse_args()
    cores = measuring.use_cores("one")
    import jax
    import numpy as np
    from peers import NestedQuad, ScipyQuad
    from scipy.optimize import brentq

    import nujax as nj

    jax.config.update("jax_enable_x64", True)
    report = Report("cpu")
    environment = measuring.environment()
    report.say(", ".join(f"{name} {text}" for name, text in environment.items()))
    report.say(f"{len(cores)} core(s); µs by CPU time; 'points' are points of the curve or roots")
    report.heading()

    nu = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")
    standard, plasma, method = nj.presets.paper()
    forces = standard + nj.ScalarMediator(1000.0, 0.1)
    setup = {"plasma": plasma, "method": method}
    repeats = 2 if options.quick else 7

    bounds = {"mediator_mass": (1.0, 1e4), "coupling": (LOWEST, HIGHEST)}
    trace = lambda: nj.trace_relic_curve(nu, forces, bounds=bounds, **setup)  # noqa: E731
    points = len(trace().points)
    report.row("curve", "S-curve by continuation", points, measuring.measure(trace, repeats))
    report.check("curve_points", "points of the curve", points)
    report.check("curve_ms", "ms of the curve", points * report.rows["curve"]["cpu_min_us"] / 1e3)

    masses = np.geomspace(1.0, 1e4, MASSES)
    find = lambda: nj.find_relic_couplings(  # noqa: E731
        masses, nu, forces, bounds=(LOWEST, HIGHEST), **setup
    )
    found = find()
    roots = int(found.count.sum())
    times = measuring.measure(find, repeats)
    report.row("roots", f"all roots at {MASSES} masses", roots, times, base="")
    report.check("roots", "roots", roots)
    report.check("roots_ms", "ms of all roots", roots * report.rows["roots"]["cpu_min_us"] / 1e3)

    # The peers are given what they would have to find first: a bracket of each root.
    of_one = jax.jit(
        lambda mass, coupling: nj.relic_density(
            nu, standard + nj.ScalarMediator(mass, coupling), **setup
        )
    )
    brackets = [
        (mass, root) for mass, row in zip(masses, found.couplings, strict=True)
        for root in row[np.isfinite(row)]
    ]  # fmt: skip
    some = brackets[:: len(brackets) // (2 if options.quick else 24)]

    def brent(density, mass, root, tolerance):
        miss = lambda u: np.log(density(mass, np.exp(u)) / 0.12)  # noqa: E731
        u = np.log(root)
        return np.exp(brentq(miss, u - 0.4, u + 0.35, xtol=tolerance))

    def same_density():
        return [brent(lambda m, c: float(of_one(m, c)), *pair, 1e-8) for pair in some]

    agreement = np.max(np.abs(np.array(same_density()) / [root for _, root in some] - 1.0))
    report.row("brentq", "brentq over the same Ω h²", len(some),
               measuring.measure(same_density, 2), base="roots")  # fmt: skip
    report.check("brentq_difference", "largest difference of a root", agreement)

    smooth = [pair for pair in some if not 10.0 < pair[0] < 3000.0][: 1 if options.quick else 2]

    def over(peer, pairs):
        def density(mass, coupling):
            return peer(np.array([7.1e-3, 7e-11, mass, coupling])).relic_density()

        return lambda: [brent(density, *pair, 1e-6) for pair in pairs]

    # The last one takes most of a minute a root: one light mediator, on shell.
    light = [pair for pair in brackets if pair[0] > 10.0][:1]
    for key, label, peer, pairs in (
        ("quad", "brentq over quad, kernels given", ScipyQuad, smooth),
        ("nested", "brentq over nested quad", NestedQuad, light),
    ):
        call = over(peer, pairs)
        agreement = np.max(np.abs(np.array(call()) / [root for _, root in pairs] - 1.0))
        times = measuring.measure(call, 1)
        report.row(key, label, len(pairs), times, base="roots")
        report.check(f"{key}_difference", "largest difference of a root", agreement)
    if options.json:
        numbers = {"environment": environment, "rows": report.rows, "checks": report.checks}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
