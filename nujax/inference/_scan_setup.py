r"""A scan as the user writes it, checked, and as chunks of points.

A scan of N points is a list of chunks, a chunk a few blocks, a block what one call of a compiled
function takes. Blocks begin at multiples of their size, counted over the whole scan, so that every
number is the same whatever the chunks and the order they are done in.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import jax
import numpy as np

from .. import __version__
from .._checks import check_choice, check_double_precision, check_positive
from ..constants import RELIC_DENSITY_TARGET
from ..interactions import AbstractInteraction
from ..plasma import Plasma
from ..production import AbstractMethod
from ..sterile import SterileNeutrino
from ._problem import PARAMETERS, Theory, check_names, theory_of, values_of, with_values
from ._sampling import MOST_SOBOL, SAMPLINGS, SCALES, Axis, Range, sampler
from ._scan_outputs import DEFAULT_OUTPUTS, GROUPS, OUTPUTS, needs_of
from ._search import check_target, check_within, log_bounds

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
    _check_whole("seed", scan.seed, 0)
    axes = tuple(_axis(name, what, scan.sampling) for name, what in scan.parameters.items())
    if not axes:
        raise ValueError("Argument `parameters` must name at least one parameter, but is empty.")
    points = _points(scan, axes)
    theory = theory_of(scan.sterile, scan.interaction, scan.plasma, scan.method)
    check_names(theory, tuple(axis.name for axis in axes))
    _check_corners(theory, axes)
    outputs, bounds = _outputs(scan, theory), (0.0, 0.0)
    if scan.solve is not None:
        bounds = _check_solve(scan, theory, axes)
    x = _momenta(scan, outputs)
    theory = _canonical(theory, axes, scan)
    block = _block_size(theory, outputs, scan.solve, points)
    if scan.chunk is not None:
        _check_whole("chunk", scan.chunk, 1)
    chunk = _BLOCKS_A_CHUNK * block if scan.chunk is None else block * -(-scan.chunk // block)
    if layout is not None:
        block = layout[0]
        chunk = layout[1] if scan.chunk is None else block * -(-scan.chunk // block)
    return Plan(
        theory=theory, axes=axes, sampling=scan.sampling, points=points, seed=scan.seed,
        outputs=outputs, solve=scan.solve, log_bounds=bounds, x=x, precision=scan.precision,
        block=block, chunk=min(chunk, block * -(-points // block)),
        configuration=_configuration(scan, theory, axes, points, outputs, x),
    )  # fmt: skip


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Sentences on what differs between two configurations."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            inner = f"{place}.{key}" if place else key
            found += differences(ours.get(key), theirs.get(key), inner)
        return found
    return [] if ours == theirs else [f"{place} is {_words(theirs)} there and {_words(ours)} here"]


# --- checks -------------------------------------------------------------------------------------


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(
            f"Argument `{name}` must be a whole number from {least} on, but is {value!r}."
        )


def _axis(name: str, what: Any, sampling: str) -> Axis:
    check_choice("parameter", name, PARAMETERS)
    where = f"parameters[{name}]"
    given = [what] if isinstance(what, Range) else list(np.atleast_1d(np.asarray(what, object)))
    if not given:
        raise ValueError(f"Argument `{where}` must be a range or a list of values, but is empty.")
    if not all(isinstance(each, Range) for each in given):
        return _axis_of_values(name, where, given, sampling)
    for each in given:
        check_choice(f"{where}.scale", each.scale, SCALES)
        if not (math.isfinite(each.low) and math.isfinite(each.high) and each.low < each.high):
            raise ValueError(
                f"Argument `{where}` must rise from low to high, "
                f"but goes from {each.low:g} to {each.high:g}."
            )
        if each.low <= 0.0:
            kind = "logarithmic range" if each.scale == "log" else "range"
            raise ValueError(
                f"Argument `{where}` must be positive throughout, but is a {kind} "
                f"from {each.low:g} to {each.high:g}."
            )
        if sampling == "grid":
            _check_whole(f"{where}.points", each.points, 2)
        elif each.points is not None:
            raise ValueError(
                f"Argument `{where}` must go without points unless the sampling is grid, "
                f"but has {each.points}."
            )
    if len({each.scale for each in given}) > 1:
        raise ValueError(f"Argument `{where}` must have ranges of one scale.")
    given.sort(key=lambda each: each.low)
    for left, right in zip(given, given[1:], strict=False):
        if right.low < left.high or (sampling == "grid" and right.low == left.high):
            raise ValueError(
                f"Argument `{where}` must have ranges that do not overlap, but {left.low:g} … "
                f"{left.high:g} and {right.low:g} … {right.high:g} do."
            )
    return Axis(name, ranges=tuple(given))


def _axis_of_values(name: str, where: str, given: list, sampling: str) -> Axis:
    if any(isinstance(each, Range) for each in given):
        raise ValueError(f"Argument `{where}` must be ranges or values, but mixes them.")
    check_positive(where, given)
    values = tuple(float(each) for each in given)
    if sampling != "grid":
        raise ValueError(
            f"Argument `{where}` must be a range unless the sampling is grid, but is a list."
        )
    if any(right <= left for left, right in zip(values, values[1:], strict=False)):
        raise ValueError(f"Argument `{where}` must rise from value to value, but is {given}.")
    return Axis(name, values=values)


def _points(scan: Scan, axes) -> int:
    if scan.sampling == "grid":
        if scan.points is not None:
            raise ValueError(
                "Argument `points` must be left out on a grid, whose parameters have points of "
                f"their own, but is {scan.points!r}."
            )
        return math.prod(len(axis.nodes()) for axis in axes)
    _check_whole("points", scan.points, 1)
    assert scan.points is not None
    if scan.sampling == "sobol" and scan.points > MOST_SOBOL:
        raise ValueError(
            f"Argument `points` must be at most {MOST_SOBOL} with Sobol's sequence, "
            f"but is {scan.points}."
        )
    return int(scan.points)


def _check_corners(theory: Theory, axes) -> None:
    """Every parameter within the domain; the limits of the method hold at either end."""
    for axis in axes:
        ends = axis.values or (axis.ranges[0].low, axis.ranges[-1].high)
        check_within(theory, axis.name, np.array(ends))
        for end in ends:
            corner = with_values(theory, {axis.name: np.asarray(end)})
            theory_of(corner.sterile, corner.interaction, corner.plasma, corner.method)


def _outputs(scan: Scan, theory: Theory) -> tuple[str, ...]:
    if scan.solve is not None:
        if tuple(scan.outputs) != DEFAULT_OUTPUTS:
            raise ValueError("Argument `outputs` must be left out where `solve` is given.")
        return ()
    if isinstance(scan.outputs, str):
        raise ValueError(f"Argument `outputs` must be a list of names, but is {scan.outputs!r}.")
    missing = {f"gradient_{name}" for name in PARAMETERS if name not in values_of(theory)}
    found: list[str] = []
    for name in scan.outputs:
        group = GROUPS.get(name)
        if group is None and name != "status" and name not in OUTPUTS:
            known = (*OUTPUTS, *GROUPS, "status")
            near = get_close_matches(str(name), known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(
                f"Argument `outputs` must name some of {', '.join(known)}, but has {name!r}{hint}."
            )
        if name in missing:
            raise ValueError(f"Argument `outputs` must go without {name} without a mediator.")
        found += [each for each in group or (name,) if each not in (*found, *missing, "status")]
    return tuple(found)


def _check_solve(scan: Scan, theory: Theory, axes) -> tuple[float, float]:
    solve = scan.solve
    assert solve is not None
    if scan.precision != "float64":
        raise ValueError("Argument `precision` must be float64 where roots are searched for.")
    names = [axis.name for axis in axes]
    check_choice("solve.parameter", solve.parameter, PARAMETERS)
    if solve.parameter in names:
        raise ValueError(
            f"Argument `solve.parameter` must not be scanned as well, but {solve.parameter} is."
        )
    check_names(theory, (*names, solve.parameter))
    check_target(solve.target)
    bounds = None if solve.bounds is None else {solve.parameter: solve.bounds}
    low, high = log_bounds(theory, (solve.parameter,), bounds)
    return float(low[0]), float(high[0])


def _momenta(scan: Scan, outputs) -> tuple[float, ...]:
    if ("spectrum" in outputs) != (len(scan.x) > 0):
        raise ValueError("Argument `x` must be given with the output spectrum, and only with it.")
    check_positive("x", scan.x)
    x = tuple(float(each) for each in scan.x)
    if any(right <= left for left, right in zip(x, x[1:], strict=False)):
        raise ValueError("Argument `x` must rise from value to value.")
    return x


# --- sizes --------------------------------------------------------------------------------------


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


# --- what identifies a scan ---------------------------------------------------------------------


def _canonical(theory: Theory, axes, scan: Scan) -> Theory:
    """Plain NumPy numbers, at the middle of every parameter that is scanned or solved for."""
    middle = {axis.name: float(axis.nodes()[0]) if axis.values else axis.ranges[0].low
              for axis in axes}  # fmt: skip
    if scan.solve is not None:
        bounds = scan.solve.bounds or (values_of(theory)[scan.solve.parameter],)
        middle[scan.solve.parameter] = float(bounds[0])
    theory = with_values(theory, {name: np.asarray(value) for name, value in middle.items()})
    return jax.tree.map(lambda leaf: np.asarray(leaf, scan.precision), theory)


def _configuration(scan: Scan, theory, axes, points, outputs, x) -> dict[str, Any]:
    """All that the numbers depend on, as plain JSON; energies in MeV."""
    free = {axis.name for axis in axes} | ({scan.solve.parameter} if scan.solve else set())
    without = with_values(theory, {name: None for name in free})
    parts = {
        name: _described(getattr(without, name))
        for name in ("sterile", "interaction", "plasma", "method")
    }
    parameters = {
        axis.name: list(axis.values)
        or [
            {k: v for k, v in dataclasses.asdict(each).items() if v is not None}
            for each in axis.ranges
        ]
        for axis in axes
    }
    solve = None if scan.solve is None else dataclasses.asdict(scan.solve)
    if solve is not None and solve["bounds"] is not None:
        solve["bounds"] = [float(each) for each in solve["bounds"]]
    return {
        **parts,
        "parameters": parameters,
        "sampling": scan.sampling,
        "points": points,
        "outputs": list(outputs),
        "solve": solve,
        "x": list(x),
        "seed": int(scan.seed),
        "precision": scan.precision,
        "nujax": __version__,
    }


def _described(part: Any) -> Any:
    """A module as names and numbers, whatever its class."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        kind = type(part)
        name = kind.__name__ if kind.__module__.startswith("nujax.") else (
            f"{kind.__module__}.{kind.__qualname__}"
        )  # fmt: skip
        return {"type": name} | {
            f.name: _described(getattr(part, f.name)) for f in dataclasses.fields(part)
        }
    if isinstance(part, np.ndarray | jax.Array):
        array = np.asarray(part)
        if array.ndim == 0:
            return float(array)
        return {"shape": list(array.shape), "sha256": hashlib.sha256(array.tobytes()).hexdigest()}
    if isinstance(part, Mapping):
        return {str(key): _described(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return {str(k): _described(value) for k, value in enumerate(part)}
    if part is None or isinstance(part, bool | int | float | str):
        return part
    return repr(part)


def _words(value: Any) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=False)
