"""Speed of the density matrix: `QuantumKinetic` against SciPy's Radau on the same equations.

    python benchmarks/kinetic.py [--quick] [--json FILE]

One process on one core in float64, the sources' inputs. A row is one solve of all 51 momenta; the
peer solves one momentum after the other, of which some are timed. README.md beside this file
tells how to read the table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import measuring
from table import Report

ROWS = {True: (30,), False: (26, 30, 34, 38)}  # momenta of the peer, by --quick


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer theories and repeats")
    parser.add_argument("--json", type=Path, help="numbers as JSON")
    options = parser.parse_args()
    cores = measuring.use_cores("one")
    import jax
    import jax.numpy as jnp
    import numpy as np

    import nujax as nj

    jax.config.update("jax_enable_x64", True)
    report = Report("cpu")
    environment = measuring.environment()
    report.say(", ".join(f"{name} {text}" for name, text in environment.items()))
    report.say(f"{len(cores)} core(s); µs by CPU time; a point is all 51 momenta")
    report.heading()

    plasma, standard = nj.Plasma.constant(10.75), nj.StandardModel("paper")
    repeats = 3 if options.quick else 15
    ev = {"T_initial": 60.0, "T_final": 1.0}
    theories = {
        "dw": ("keV, Standard Model", (7.1e-3, 7e-11), None, {}),
        "ev": ("1 eV, inverted", (1e-6, 1e-4, "e", "inverted"), None, ev),
        "smooth": ("keV, scalar, smooth", (7.1e-3, 7e-11), (1000.0, 1e-4), {}),
        "resonant": ("keV, scalar, resonant", (7.1e-3, 7e-11), (1000.0, 0.1), {}),
    }
    for name, (label, particle, mediator, limits) in theories.items():
        if options.quick and mediator is not None:
            continue
        forces = standard if mediator is None else standard + nj.ScalarMediator(*mediator)
        nu, method = nj.SterileNeutrino(*particle), nj.QuantumKinetic(**limits)

        def density(log_s2, nu=nu, forces=forces, method=method):
            import equinox as eqx

            nu = eqx.tree_at(lambda n: n.sin2_2theta, nu, jnp.exp(log_s2))
            return nj.relic_density(nu, forces, plasma=plasma, method=method)

        at = jnp.log(nu.sin2_2theta)
        for kind, call in (("value", jax.jit(density)), ("gradient", jax.jit(jax.grad(density)))):
            run = lambda call=call, at=at: call(at).block_until_ready()  # noqa: E731
            times = measuring.measure(run, repeats)
            base = "" if kind == "value" else f"{name}_value"
            report.row(f"{name}_{kind}", f"{label}, {kind}", 1, times, base=base)
        result = nj.solve_production(nu, forces, plasma=plasma, method=method)
        quadrature = nj.BoltzmannQuadrature(**limits)
        boltzmann = nj.relic_density(nu, forces, plasma=plasma, method=quadrature)
        difference = abs(float(result.relic_density / boltzmann) - 1.0)
        report.check(f"{name}_boltzmann", "relative difference from the quadrature", difference)
        if mediator is not None:
            continue

        rows = ROWS[options.quick]
        peer = _radau(nu, forces, plasma, method)
        shares = np.array([peer(row) for row in rows])
        from nujax.statistics import fermi_dirac

        found = np.asarray(result.f / fermi_dirac(result.x))[list(rows)]
        times = measuring.measure(lambda peer=peer, rows=rows: [peer(row) for row in rows], 1)
        scaled = measuring.Times(
            times.first_wall,
            times.first_cpu,
            [each * 51 / len(rows) for each in times.wall],
            [each * 51 / len(rows) for each in times.cpu],
        )
        report.row(f"{name}_radau", f"{label}, SciPy Radau", 1, scaled, base=f"{name}_value")
        worst = np.max(np.abs(shares / found - 1.0))
        report.check(f"{name}_radau_difference", "largest difference of f_s from Radau", worst)
    if options.json:
        numbers = {"environment": environment, "rows": report.rows, "checks": report.checks}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def _radau(nu, forces, plasma, method):
    """row → f_s/f_FD at T_final by SciPy, at the same tolerance, with an exact Jacobian."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from scipy.integrate import solve_ivp

    from nujax.production._along import momenta_of, track_of
    from nujax.production._bloch import quasi_static, rate_of_change
    from nujax.production._boltzmann import integration_limits, lattice_of
    from nujax.production._kinetic_field import TheoryField

    lattice = lattice_of(plasma)
    limits = integration_limits(method, forces, plasma, jnp.float64)
    track = track_of(nu, forces, plasma, limits, lattice)
    momenta = momenta_of(track, limits[0], lattice, slice(None, None, 2))
    field = TheoryField(track)
    start, stop = (float(-np.log(limit)) for limit in limits)

    @jax.jit
    def slope(t, y, q):
        return rate_of_change(y, field.coefficients(t, momenta._replace(q=q)))

    jacobian = jax.jit(jax.jacfwd(slope, argnums=1))

    def solve(row):
        q = momenta.q[row]
        at = momenta._replace(q=q)
        y0 = quasi_static(jnp.zeros(()), field.coefficients(jnp.asarray(start), at))
        atol = method.rtol * float(nu.sin2_2theta) * np.array([1.0, 1e-3, 1e-9, 1e-6])
        return solve_ivp(
            lambda t, y: np.asarray(slope(t, y, q)), (start, stop), np.asarray(y0),
            method="Radau", jac=lambda t, y: np.asarray(jacobian(t, y, q)),
            rtol=method.rtol, atol=atol, max_step=0.5,
        ).y[0, -1]  # fmt: skip

    return solve


if __name__ == "__main__":
    main()
