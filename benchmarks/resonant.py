"""Resonant production: `nujax.Resonant` against SciPy on the same equations, and its convergence.

    python benchmarks/resonant.py [--quick] [--json FILE]

One process on one core in float64. The peer is the adaptive Runge–Kutta solution in ln T of
tests/resonant_oracle.py (RK23, rtol 1e-5, 100 cells), with the same rates and potentials. For
scale: a public Fortran code takes 35 CPU s a point (1000 momenta, whose sampled Lorentzian is then
not converged), on another machine of this class.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import measuring
from table import Report

PUBLIC_CODE_S = 35.0


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer points and repeats")
    parser.add_argument("--json", type=Path, help="numbers as JSON")
    options = parser.parse_args()
    cores = measuring.use_cores("one")
    import jax
    import jax.numpy as jnp

    import nujax as nj

    jax.config.update("jax_enable_x64", True)
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    import resonant_oracle

    report = Report("cpu")
    environment = measuring.environment()
    report.say(", ".join(f"{name} {text}" for name, text in environment.items()))
    report.say(f"{len(cores)} core(s); µs by CPU time; 7.115 keV, 4e-11, ν_μ, η = 0.0122")
    report.heading()

    forces = nj.StandardModel(potential="energy-density")

    def density(theta, bins):
        mass, sin2_2theta, eta = jnp.exp(theta)
        method = nj.Resonant(eta, bins=bins)
        return jnp.log(
            nj.relic_density(nj.SterileNeutrino(mass, sin2_2theta), forces, method=method)
        )

    eta = 0.012197239233083745
    theta = jnp.log(jnp.array([7.115e-3, 4e-11, eta]))
    repeats = 3 if options.quick else 10
    found = {}
    for bins in (256,) if options.quick else (256, 64, 128, 512):
        call = jax.jit(lambda at, bins=bins: density(at, bins))
        times = measuring.measure(lambda call=call: call(theta).block_until_ready(), repeats)
        key = "value" if bins == 256 else f"value_{bins}"
        report.row(key, f"Ω h², {bins} cells", 1, times)
        found[bins] = float(jnp.exp(call(theta)))
    if not options.quick:
        slopes = jax.jit(jax.grad(lambda at: density(at, 256)))
        times = measuring.measure(lambda: slopes(theta).block_until_ready(), repeats)
        report.row("gradient", "with three derivatives, 256", 1, times)
    sterile = nj.SterileNeutrino(7.115e-3, 4e-11)
    peer = {}
    times = measuring.measure(lambda: peer.update(resonant_oracle.solve(sterile, eta)), 1)
    report.row("scipy", "SciPy RK23, 100 cells", 1, times)
    report.check("difference", "relative difference", abs(peer["relic_density"] / found[256] - 1))
    for bins, value in sorted(found.items()):
        report.check(f"converged_{bins}", f"{bins} cells, from 0.136075", value / 0.13607459 - 1)
    ratio = PUBLIC_CODE_S * 1e6 / report.rows["value"]["cpu_min_us"]
    report.check("public_code", "35 s of the public code, over this", ratio)
    if options.json:
        numbers = {"environment": environment, "rows": report.rows, "checks": report.checks}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
