"""Speed of scans: the store against the same points in memory, and Dask against the loop.

    python benchmarks/scan.py [--quick] [--points N] [--dask] [--json FILE]

Smooth points of a scalar mediator (m₄ 1 to 50 keV, sin²2θ 1e-12 to 1e-8, 1 to 10 GeV, λ 0.1 to 1,
the sources' inputs), of Sobol's sequence, on all cores or accelerators of this machine. README.md
beside this file tells how to read the table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import measuring
from table import Report


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--points", type=float, default=1e6, help="points (default 1e6)")
    parser.add_argument("--dask", action="store_true", help="four local workers of Dask, too")
    parser.add_argument("--json", type=Path, help="numbers as JSON")
    options = parser.parse_args()
    cores = measuring.use_cores("all")
    import jax

    import nujax as nj
    from nujax.inference import scan_status

    jax.config.update("jax_enable_x64", True)
    report = Report("cpu")
    environment = measuring.environment()
    report.say(", ".join(f"{name} {text}" for name, text in environment.items()))
    points = 20_000 if options.quick else int(options.points)
    repeats = 1 if options.quick else 3
    report.say(f"{len(cores)} core(s); CPU time, and ratios of it, of all threads together")
    report.heading()

    folder = Path(tempfile.mkdtemp())
    try:
        for precision in ("float64", "float32"):
            scan = _scan(points, precision)
            in_memory = measuring.measure(_in_memory(scan), repeats)
            name = f"memory_{precision}"
            report.row(name, f"in memory, {precision}", points, in_memory, base="memory_float64")
            path = folder / precision

            def stored(scan=scan, path=path):
                shutil.rmtree(path, ignore_errors=True)
                assert nj.scan(scan, path).complete

            times = measuring.measure(stored, repeats)
            report.row(f"store_{precision}", f"into a store, {precision}", points, times, base=name)
        report.check("memory_mb", "MB at the most, of the whole process",
                     measuring.peak_memory(stored)["process"])  # fmt: skip
        checked = measuring.measure(lambda: scan_status(path), repeats)
        report.row("status", "checking a store", points, checked, base="memory_float64")
        if options.dask:
            _compare_dask(report, folder, options.quick)
    finally:
        shutil.rmtree(folder)
    if options.json:
        numbers = {"environment": environment, "rows": report.rows, "checks": report.checks}
        options.json.write_text(json.dumps(numbers, indent=2), encoding="utf-8")


def _scan(points: int, precision: str = "float64", chunk: int | None = None):
    import nujax as nj

    inputs = nj.presets.paper()
    return nj.Scan(
        nj.SterileNeutrino(7.1e-3, 7e-11, "mu"),
        inputs.standard_model + nj.ScalarMediator(1e3, 0.3),
        {
            "mass": nj.Range(1e-3, 0.05),
            "sin2_2theta": nj.Range(1e-12, 1e-8),
            "mediator_mass": nj.Range(1e3, 1e4),
            "coupling": nj.Range(0.1, 1.0),
        },
        points=points, precision=precision, chunk=chunk,
        plasma=inputs.plasma, method=inputs.method,
    )  # fmt: skip


def _in_memory(scan):
    """The same blocks by the same threads, without files."""
    from nujax.inference import LocalEngine
    from nujax.inference._scan_setup import plan_of
    from nujax.inference._scan_task import compute

    plan = plan_of(scan)
    sample = plan.sampler()

    def task(chunk):
        return float(compute(plan, sample, *plan.span(chunk))["relic_density"].sum())

    return lambda: sum(LocalEngine().run(task, range(plan.chunks), lambda: False))


def _compare_dask(report: Report, folder: Path, quick: bool) -> None:
    """Four workers of one thread against four threads of this process; chunks of a second."""
    import distributed

    import nujax as nj
    from nujax.inference import DaskEngine, LocalEngine

    points, chunk = (20_000, 1250) if quick else (2**21, 2**17)
    scan, path = _scan(points, chunk=chunk), folder / "dask"

    def run(engine):
        shutil.rmtree(path, ignore_errors=True)
        assert nj.scan(scan, path, engine=engine).complete

    repeats = 1 if quick else 3
    times = measuring.measure(lambda: run(LocalEngine(4)), repeats)
    report.row("loop", "store, 4 threads", points, times, base="")
    cluster = distributed.LocalCluster(
        n_workers=4, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        times = measuring.measure(lambda: run(DaskEngine(client)), repeats)
    report.row("dask", "store, 4 workers of Dask", points, times, base="")  # CPU time elsewhere
    ratio = min(times.wall) / (report.rows["loop"]["wall_min_us"] * points / 1e6)
    report.check("dask_ratio", "wall time of Dask's workers over that of threads", ratio)


if __name__ == "__main__":
    main()
