r"""A scan as the user writes it, checked, and as chunks of points.

A scan of N points is a list of chunks, a chunk a few blocks, a block what one call of a compiled
function takes. Blocks begin at multiples of their size, counted over the whole scan, so that every
number is the same to the last bit, whatever the chunks, the order they are done in and who does
them, on machines of one kind: same processor, versions and number of threads. Between others the
last digits may differ, by 1e-14 or so; the store keeps who computed what.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from .._checks import check_choice, check_double_precision
from ..constants import RELIC_DENSITY_TARGET
from ..interactions import AbstractInteraction
from ..plasma import Plasma
from ..production import AbstractMethod
from ..sterile import SterileNeutrino
from ._problem import Theory, check_names, theory_of, values_of, with_values
from ._sampling import SAMPLINGS, Axis, sampler
from ._scan_checks import (
    axis_of,
    check_corners,
    check_solve,
    check_whole,
    momenta_of,
    outputs_of,
    points_of,
)
from ._scan_identity import configuration_of
from ._scan_outputs import DEFAULT_OUTPUTS, needs_of

PRECISIONS = ("float64", "float32")
# Microseconds a point, roughly, and of a block, which sets its size.
_SMOOTH, _WITH_PLASMA, _SLOPES, _RESULT, _ROOTS = 6.0, 250.0, 10.0, 1500.0, 2000.0
_BLOCK_TIME = 4e5
_SMALLEST_BLOCK, _LARGEST_BLOCK = 16, 16384
_BLOCKS_A_CHUNK = 4
# On accelerators: bytes of one point's nodes, and the part of the memory that a block may take.
_POINT_BYTES, _MEMORY_SHARE, _LARGEST_ON_DEVICE = 60_000, 0.25, 2**18


@dataclass(frozen=True)
class Solve:
    """A conditioned scan: which values of `parameter` give Ω h² = `target` at each point?

    bounds  (low, high), energies in MeV; default: all that nujax is made for
    """

    parameter: str
    target: float = RELIC_DENSITY_TARGET
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Scan:
    """Everything that determines the numbers of a scan; the same names as in its TOML file.

    sterile, interaction, plasma, method   as for `solve_production`; the values of the parameters
                   that are scanned do not matter
    parameters     by name ("mass", "sin2_2theta", "mediator_mass", "coupling", energies in MeV): a
                   `Range`, a list of ranges that do not overlap, or (on a grid) a list of values
    sampling       "sobol" (default), "latin-hypercube", "random", or "grid": all combinations, the
                   last parameter running fastest
    points         number of points, except on a grid
    outputs        names of `nujax.inference.OUTPUTS`, or "gradients" for all of them
    solve          a `Solve` in place of outputs
    x              momenta p/T of the output "spectrum"
    seed           of the sampling
    chunk          points that are written and marked done together, rounded up to whole blocks;
                   default: about two seconds
    precision      "float64" or "float32"
    allowed_flagged  share of points with a status other than ok from which the report, and the
                   command's exit code, say that the scan has failed; changes no number
    """

    sterile: SterileNeutrino
    interaction: AbstractInteraction
    parameters: Mapping[str, Any]
    sampling: str = "sobol"
    points: int | None = None
    outputs: Sequence[str] = DEFAULT_OUTPUTS
    solve: Solve | None = None
    x: Sequence[float] = ()
    seed: int = 0
    chunk: int | None = None
    precision: str = "float64"
    plasma: Plasma | None = None
    method: AbstractMethod | None = None
    allowed_flagged: float = 0.05


@dataclass(frozen=True)
class Plan:
    """A checked scan; pickles, so that it can travel to other machines."""

    theory: Theory
    axes: tuple[Axis, ...]
    sampling: str
    points: int
    seed: int
    outputs: tuple[str, ...]
    solve: Solve | None
    log_bounds: tuple[float, float]
    x: tuple[float, ...]
    precision: str
    block: int
    chunk: int
    allowed_flagged: float
    configuration: dict[str, Any] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters that are scanned."""
        return tuple(axis.name for axis in self.axes)

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.points // self.chunk)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid; (points,) otherwise."""
        if self.sampling != "grid":
            return (self.points,)
        return tuple(len(axis.nodes()) for axis in self.axes)

    @property
    def fingerprint(self) -> str:
        """A short name of the configuration, the same for the same numbers."""
        text = json.dumps([self.configuration, self.block], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def span(self, chunk: int) -> tuple[int, int]:
        """First point of a chunk, and the first one behind it."""
        return chunk * self.chunk, min((chunk + 1) * self.chunk, self.points)

    def sampler(self) -> Callable[[int, int], np.ndarray]:
        """See `_sampling.sampler`."""
        return sampler(self.sampling, self.axes, self.points, self.seed)


def plan_of(scan: Scan, layout: tuple[int, int] | None = None) -> Plan:
    """Check a scan and cut it into chunks; `layout` (block, chunk) is that of a store, if any.

    Raises `ValueError` or `TypeError` with a sentence that names the argument.
    """
    check_choice("precision", scan.precision, PRECISIONS)
    if scan.precision == "float64":
        check_double_precision('A scan with precision "float64"')
    check_choice("sampling", scan.sampling, SAMPLINGS)
    check_whole("seed", scan.seed, 0)
    axes = tuple(axis_of(name, what, scan.sampling) for name, what in scan.parameters.items())
    if not axes:
        raise ValueError("Argument `parameters` must name at least one parameter, but is empty.")
    points = points_of(scan, axes)
    theory = theory_of(scan.sterile, scan.interaction, scan.plasma, scan.method)
    check_names(theory, tuple(axis.name for axis in axes))
    check_corners(theory, axes)
    outputs, bounds = outputs_of(scan, theory), (0.0, 0.0)
    if scan.solve is not None:
        bounds = check_solve(scan, theory, axes)
    x = momenta_of(scan, outputs)
    if not 0.0 <= scan.allowed_flagged <= 1.0:
        raise ValueError(
            f"Argument `allowed_flagged` must lie between 0 and 1, but is {scan.allowed_flagged:g}."
        )
    theory = _canonical(theory, axes, scan)
    block = _block_size(theory, outputs, scan.solve, points)
    if scan.chunk is not None:
        check_whole("chunk", scan.chunk, 1)
    chunk = _BLOCKS_A_CHUNK * block if scan.chunk is None else block * -(-scan.chunk // block)
    if layout is not None:
        block = layout[0]
        chunk = layout[1] if scan.chunk is None else block * -(-scan.chunk // block)
    return Plan(
        theory=theory, axes=axes, sampling=scan.sampling, points=points, seed=scan.seed,
        outputs=outputs, solve=scan.solve, log_bounds=bounds, x=x, precision=scan.precision,
        block=block, chunk=min(chunk, block * -(-points // block)),
        allowed_flagged=float(scan.allowed_flagged),
        configuration=configuration_of(scan, theory, axes, points, outputs, x),
    )  # fmt: skip


def _block_size(theory: Theory, outputs, solve, points: int) -> int:
    """A power of two; smaller for scans of few points, so that these have chunks, too."""
    each = _ROOTS
    if solve is None:
        needs = needs_of(outputs)
        each = _SMOOTH if theory.plasma.degrees == "constant" else _WITH_PLASMA
        each *= _SLOPES if "slopes" in needs else 1.0
        each += _RESULT if "result" in needs else 0.0
    largest = min(_BLOCK_TIME / each, _LARGEST_BLOCK)
    memory = _device_memory()
    if memory is not None and solve is None:
        largest = min(memory * _MEMORY_SHARE / _POINT_BYTES, _LARGEST_ON_DEVICE)
    largest = max(_SMALLEST_BLOCK, min(largest, points / 16))
    return 2 ** int(math.log2(largest))


def _device_memory() -> float | None:
    """Bytes of an accelerator, None on a CPU."""
    device = jax.local_devices()[0]
    statistics = None if device.platform == "cpu" else device.memory_stats()
    return (statistics or {}).get("bytes_limit")


def _canonical(theory: Theory, axes, scan: Scan) -> Theory:
    """Plain NumPy numbers, at the middle of every parameter that is scanned or solved for."""
    middle = {axis.name: float(axis.nodes()[0]) if axis.values else axis.ranges[0].low
              for axis in axes}  # fmt: skip
    if scan.solve is not None:
        bounds = scan.solve.bounds or (values_of(theory)[scan.solve.parameter],)
        middle[scan.solve.parameter] = float(bounds[0])
    theory = with_values(theory, {name: np.asarray(value) for name, value in middle.items()})
    return jax.tree.map(lambda leaf: np.asarray(leaf, scan.precision), theory)
