"""Optimisers of `nujax.inference.fit`, compared: how many starts reach the target, in which time.

    python benchmarks/fit.py [--quick] [--cores all] [--json FILE]

Thirty random starts in the plane of mediator mass (1 MeV to 10 GeV) and coupling (1e-9 to 4π) of a
scalar, for m₄ = 7.1 keV, sin²2θ = 7e-11, ν_μ and the inputs of the papers; 29 of them have a root
downhill (tests/test_fit.py follows the gradient flow). README.md beside this file has the table.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import measuring

_BOUNDS = {"mediator_mass": (1.0, 1e4), "coupling": (1e-9, 4 * math.pi)}


def optimisers() -> dict[str, Any]:
    """By name; None is the default."""
    import optax

    # Of optax 0.2.8, scaling=0.5 is Polyak's step for ½r², which is Newton's for one datum.
    clip = optax.clip_by_global_norm
    return {
        "Gauss-Newton, trust region": None,
        "polyak_sgd(scaling=0.5), clipped": optax.chain(
            optax.polyak_sgd(1e9, scaling=0.5), clip(1.0)
        ),
        "polyak_sgd(scaling=2), clipped": optax.chain(
            optax.polyak_sgd(1e9, scaling=2.0), clip(1.0)
        ),
        "lbfgs": optax.lbfgs(),
        "adam(0.1)": optax.adam(0.1),
        "adam(0.3)": optax.adam(0.3),
    }


def compare(n: int, chosen: dict[str, Any], max_steps: int) -> list[dict[str, Any]]:
    """One row for each optimiser, printed as it comes."""
    import numpy as np

    import nujax as nj
    from nujax.inference import FitStatus, fit

    standard, plasma, method = nj.presets.paper()
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")
    forces = standard + nj.ScalarMediator(1e3, 0.3)
    low, high = np.log(list(_BOUNDS.values())).T
    drawn = np.exp(np.random.default_rng(0).uniform(low, high, (30, 2)))[:n]
    starts = dict(zip(_BOUNDS, drawn.T, strict=True))
    rows = []
    print(f"{'':36}{'reached':>9}{'median':>8}{'longest':>9}{'run':>10}{'first':>9}  the others")
    for name, optimiser in chosen.items():
        clock = []
        for _ in range(2):
            began = time.process_time()
            result = fit(
                sterile, forces, free=tuple(_BOUNDS), bounds=_BOUNDS, starts=starts,
                optimiser=optimiser, max_steps=max_steps, plasma=plasma, method=method,
            )  # fmt: skip
            clock.append(time.process_time() - began)
        done = result.status == FitStatus.converged
        steps = result.steps[done]
        others = {s.name: int(np.sum(result.status == s)) for s in FitStatus if s != 0}
        row = {
            "optimiser": name,
            "starts": n,
            "reached": int(done.sum()),
            "median_steps": float(np.median(steps)) if steps.size else None,
            "longest": int(steps.max()) if steps.size else None,
            "run_s": clock[1],
            "first_s": clock[0],
            "others": {name: count for name, count in others.items() if count},
        }
        rows.append(row)
        middle = "-" if row["median_steps"] is None else f"{row['median_steps']:g}"
        print(
            f"{name:36}{row['reached']:>9}{middle:>8}{row['longest'] or '-':>9}"
            f"{row['run_s']:>8.2f} s{row['first_s']:>7.0f} s  "
            + ", ".join(f"{count} {status}" for status, count in row["others"].items()),
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the default optimiser, few starts")
    parser.add_argument("--cores", choices=("one", "all"), default="one")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    arguments = parser.parse_args()
    measuring.use_cores(arguments.cores)
    import jax

    jax.config.update("jax_enable_x64", True)
    environment = measuring.environment()
    print("\n".join(f"{key} {value}" for key, value in environment.items()))
    chosen = optimisers()
    if arguments.quick:
        chosen = dict(list(chosen.items())[:1])
    rows = compare(4 if arguments.quick else 30, chosen, max_steps=100)
    if arguments.json:
        numbers = {"environment": environment, "rows": rows}
        arguments.json.write_text(json.dumps(numbers, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
