"""Speed of the relic density: nujax against the same rule in NumPy and against SciPy's `quad`.

    python benchmarks/relic.py [--quick | --gpu] [--cores all] [--only SECTION …] [--json FILE]

One process on one core in float64; a child process repeats the rows of nujax in float32, since
JAX has one precision per process. README.md beside this file tells how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import measuring
from table import Report

SECTIONS = (
    "single",
    "batch",
    "vectors",
    "precise",
    "gradient",
    "numpy",
    "quad",
    "two-stage",
    "float32",
)
_IN_FLOAT32 = ("single", "batch", "vectors", "precise", "gradient")


class Sizes(NamedTuple):
    """Numbers of points, and of repeats."""

    batch: int  # values
    fewer: int  # gradients, precise inputs, light mediators
    drawn: int  # candidates for smooth points; the batches repeat those that are
    two_stage: int
    numpy: int
    quad: int
    repeats: int


SIZES = {
    "cpu": Sizes(100_000, 16_384, 16_384, 512, 256, 4, 7),
    "gpu": Sizes(10_000_000, 1_000_000, 262_144, 8192, 256, 4, 7),
    "quick": Sizes(256, 64, 256, 32, 32, 2, 2),
}


class Benchmark:
    """The sections, one method each; `value` first, since the others refer to it."""

    def __init__(self, report: Report, sizes: Sizes, smooth_file: Path):
        import jax
        import numpy as np
        import points

        import nujax as nj

        self.jax, self.np, self.nj, self.points = jax, np, nj, points
        self.report, self.sizes = report, sizes
        self.paper = nj.presets.paper()
        self.dtype = np.dtype(jax.numpy.result_type(float))
        if not smooth_file.exists():
            np.save(smooth_file, points.smooth_points(points.USUAL, sizes.drawn, self.paper))
        self.smooth = np.resize(np.load(smooth_file), (sizes.batch, 4))
        self.values = np.zeros(0)

    def timed(self, key: str, label: str, function, batch):
        """Row of `function`, of one point, on `batch`; returns it compiled, and the batch."""
        compiled = self.jax.jit(self.jax.vmap(function))
        return self.timed_compiled(key, label, compiled, batch, self.sizes.repeats)

    def timed_compiled(self, key: str, label: str, compiled, batch, repeats: int):
        """The same of a function of a batch."""
        batch = self.jax.device_put(batch.astype(self.dtype))
        times = measuring.measure(lambda: self.jax.block_until_ready(compiled(batch)), repeats)
        self.report.row(key, label, len(batch), times)
        return compiled, batch

    def single(self) -> None:
        """One point a call, warm: the library's own function, and inside a function of the user."""
        point = self.points.REFERENCE.astype(self.dtype)
        sterile, interaction, plasma, method = self.points.theory(point, self.paper)

        def call():
            nj = self.nj
            relic = nj.relic_density(sterile, interaction, plasma=plasma, method=method)
            relic.block_until_ready()

        self.report.row("single", "one relic_density", 1, measuring.measure(call, 7))
        compiled = self.jax.jit(self.points.value_of(self.paper))
        times = measuring.measure(lambda: compiled(point).block_until_ready(), 7)
        self.report.row("single_jit", "one relic_density in a jit", 1, times)

    def value(self) -> None:
        """Ω h² of smooth points, and the memory that takes."""
        jax, value = self.jax, self.points.value_of(self.paper)
        label = f"batch, {self.dtype}"
        compiled, batch = self.timed("value", label, value, self.smooth)
        self.values = self.np.asarray(compiled(batch))
        plan = compiled.lower(batch).compile().memory_analysis()
        buffers = plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes
        self.report.check("memory_buffers_mb", "memory, all arrays [MB]", 1e-6 * buffers)
        memory = measuring.peak_memory(lambda: jax.block_until_ready(compiled(batch)))
        for part, number in memory.items():
            self.report.check(f"memory_{part}_mb", f"memory, {part} [MB]", number)

    def batch(self) -> None:
        """Other batches of values."""
        both = self.points.value_and_status_of(self.paper)
        self.timed("status", "  with status", both, self.smooth)
        light = self.points.smooth_points(self.points.LIGHT, self.sizes.drawn, self.paper)
        light = self.np.resize(light, (self.sizes.fewer, 4))
        value = self.points.value_of(self.paper)
        self.timed("light", "  mediators of 1 keV to 1 MeV", value, light)

    def vectors(self) -> None:
        """The same with vectors, two of which scatter on charged leptons too."""
        for name in ("VectorMediator", "LMuMinusLTau", "BMinusL"):
            mediator = getattr(self.nj, name)
            some = self.points.smooth_points(
                self.points.USUAL, self.sizes.drawn, self.paper, mediator
            )
            some = self.np.resize(some, (self.sizes.fewer, 4))
            self.timed(name, f"  {name}", self.points.value_of(self.paper, mediator), some)

    def precise(self) -> None:
        """g*(T), measured rates and back-reaction."""
        inputs = self.nj.presets.precise()
        some = self.points.smooth_points(self.points.USUAL, self.sizes.drawn, inputs)
        some = self.np.resize(some, (self.sizes.fewer, 4))
        value = self.points.value_of(inputs)
        self.timed("precise", "  precise inputs, back-reaction", value, some)

    def gradient(self) -> None:
        """Derivatives by the four parameters."""
        jax, value = self.jax, self.points.value_of(self.paper)
        some = self.smooth[: self.sizes.fewer]
        self.timed("jvp", "  one derivative (jvp)", lambda p: jax.jvp(value, (p,), (p,)), some)
        self.timed("jacfwd", "  gradient, forward (jacfwd)", jax.jacfwd(value), some)
        self.timed("grad", "  gradient, reverse (grad)", jax.grad(value), some)

    def numpy(self) -> None:
        """The same rule without JAX."""
        import peers

        rule, some = peers.SameRule(), self.smooth[: self.sizes.numpy]
        times = measuring.measure(lambda: [rule.relic_density(p) for p in some], 3)
        self.report.row("numpy", "same rule in NumPy", len(some), times)
        self.agreement("numpy", [rule.relic_density(p) for p in some])

    def quad(self) -> None:
        """24 adaptive integrals a point."""
        import peers

        some = [peers.ScipyQuad(p) for p in self.smooth[: self.sizes.quad]]
        times = measuring.measure(lambda: [p.relic_density() for p in some], 3)
        self.report.row("quad", "SciPy quad, 24 momenta at 1e-6", len(some), times)
        self.agreement("quad", [p.relic_density() for p in some])

    def agreement(self, key: str, others, than: str = "nujax") -> None:
        """Largest relative difference between `others` and the first of the smooth points."""
        apart = self.np.abs(self.np.array(others) / self.values[: len(others)] - 1.0).max()
        self.report.check(f"{key}_difference", f"largest relative difference from {than}", apart)

    def two_stage(self) -> None:
        """Random points of the whole domain near Ω h² = 0.12, many with narrow resonances."""
        np, n = self.np, self.sizes.two_stage
        both = self.jax.jit(self.jax.vmap(self.points.value_and_status_of(self.paper)))
        for s2 in (1e-9, 1e-13, 1e-16):
            found = self.points.near_target(s2, both, n, batches=8)
            enough = self.points.first_stage(found, self.paper)[1]
            name = f"{s2:.0e}"
            label = f"near 0.12, sin²2θ = {name}"
            _, batch = self.timed_compiled(name, label, both, np.resize(found, (n, 4)), repeats=3)
            status = np.asarray(both(batch)[1])[: len(found)]
            self.report.check(f"{name}_points", "points", len(found))
            self.report.check(f"{name}_flagged", "share of the second stage", 1 - enough.mean())
            self.report.check(f"{name}_not_ok", "share not `ok` after it", (status != 0).mean())


def float32(benchmark: Benchmark, options: argparse.Namespace, folder: Path) -> dict:
    """Rows of nujax in a child process with single precision, on the same points."""
    report = benchmark.report
    report.say("in float32:")
    numbers = folder / "float32.json"
    size = [] if options.size == "cpu" else [f"--{options.size}"]
    only = ["float32", *(set(options.only) & set(_IN_FLOAT32))]
    cache = ["--cache"] if options.cache else []
    subprocess.run(
        [
            *(sys.executable, __file__, "--float32", "--folder", folder, "--json", numbers),
            *("--cores", options.cores, "--only", *only, *size, *cache),
        ],
        check=True,
    )
    benchmark.agreement("float32", benchmark.np.load(folder / "values.npy"), "float64")
    return json.loads(numbers.read_text())


def arguments() -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_const", const="quick", dest="size", help="a trial")
    size.add_argument("--gpu", action="store_const", const="gpu", dest="size", help="1e7 points")
    parser.set_defaults(size="cpu")
    parser.add_argument("--cores", choices=("one", "all"), default="one")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION")
    parser.add_argument("--float32", action="store_true", help="only float32, in this process")
    parser.add_argument("--cache", action="store_true", help="keep JAX's compilation cache on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # what a child shares
    return parser.parse_args()


def calibrate(report: Report) -> dict[str, float]:
    """Print how fast, and how busy, the core is just now."""
    speed = measuring.calibration()
    best, usual = speed["cpu_min_ns"], speed["wall_median_ns"]
    report.say(f"np.exp: {best:.3g} ns an element by CPU time at best, {usual:.3g} by the clock")
    return speed


def main() -> None:
    """Run the benchmark."""
    options = arguments()
    cores = measuring.use_cores(options.cores)
    # On a GPU, leave memory for the child process, and let the peak be that of the work.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    jax.config.update("jax_enable_x64", not options.float32)
    jax.config.update("jax_enable_compilation_cache", options.cache)
    by_cpu = len(cores) == 1 and jax.default_backend() == "cpu"
    report = Report("cpu" if by_cpu else "wall")
    result: dict[str, Any] = {
        "environment": measuring.environment(),
        "cores": cores,
        "clock": report.clock,
    }
    if options.folder is None:
        report.say(", ".join(f"{name} {text}" for name, text in result["environment"].items()))
        report.say(
            f"{len(cores)} core(s); first calls and ratios by {report.clock} time; compilation "
            f"cache {'on' if options.cache else 'off'}"
        )
    result["np_exp"] = [calibrate(report)]
    report.heading()
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        benchmark = Benchmark(report, SIZES[options.size], folder / "smooth.npy")
        wanted = set(options.only) & set(_IN_FLOAT32 if options.float32 else SECTIONS)
        if "single" in wanted:
            benchmark.single()
        benchmark.value()
        for section in SECTIONS:
            if section in wanted - {"single", "float32"}:
                getattr(benchmark, section.replace("-", "_"))()
        if options.float32:
            benchmark.np.save(folder / "values.npy", benchmark.values)
        elif "float32" in wanted:
            result["float32"] = float32(benchmark, options, folder)
    result["np_exp"].append(calibrate(report))
    result |= {"rows": report.rows, "checks": report.checks}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
