"""Reads the configuration file of a scan: TOML, checked before JAX is loaded.

Tables and keys have the names of the Python fields: [sterile], [mediator], [inputs], [scan],
[scan.parameters], [scan.solve].
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nujax.constants import RELIC_DENSITY_TARGET

from ._inputs import BadInput, Inputs, choose
from ._toml import (
    KEYS,
    PARAMETERS,
    check_keys,
    load,
    number_of,
    positive,
    read_point,
    value_of,
    whole,
    words,
)

SAMPLINGS = ("sobol", "latin-hypercube", "random", "grid")
_SCAN_KEYS = (
    *("parameters", "sampling", "points", "outputs", "solve", "x"),
    *("seed", "chunk", "precision", "allowed_flagged"),
)
_RANGE_KEYS = ("low", "high", "points", "scale")
# Where the value of a parameter would be given if it were not scanned.
_FIXED = {
    "mass": ("sterile", "mass"),
    "sin2_2theta": ("sterile", "sin2_2theta"),
    "mediator_mass": ("mediator", "mass"),
    "coupling": ("mediator", "coupling"),
}


@dataclass(frozen=True)
class ScanSetup:
    """A checked configuration; energies in MeV."""

    inputs: Inputs
    parameters: dict[str, Any]  # by name: a list of dictionaries (ranges), or a list of numbers
    solve: dict[str, Any] | None
    options: dict[str, Any]  # other arguments of `nujax.Scan`


def read_scan(path: Path) -> ScanSetup:
    """The checked set-up of a scan.

    Raises `BadInput` with a sentence that names the key, as in "Argument `scan.seed` must …".
    """
    content = load(path)
    check_keys("", content, (*KEYS, "scan"))
    for table, keys in KEYS.items():
        check_keys(table, content.get(table, {}), tuple(keys))
    options = content.get("scan")
    if options is None:
        raise BadInput("Argument `scan` must be a table with the key `parameters`, but is missing.")
    check_keys("scan", options, _SCAN_KEYS)
    sampling = options.get("sampling", SAMPLINGS[0])
    choose("scan.sampling", str(sampling), SAMPLINGS)
    parameters = _read_parameters(options.get("parameters"), sampling)
    solve = _read_solve(options.get("solve"))
    free = (*parameters, *([solve["parameter"]] if solve else []))
    _check_free(content, free)
    read = _read_options(options, sampling)
    return ScanSetup(read_point(content, free), parameters, solve, read)


def _check_free(content: Mapping[str, Any], free: tuple[str, ...]) -> None:
    """What is scanned has no other value, and its mediator is there."""
    for name in free:
        table, key = _FIXED[name]
        if table not in content and table == "mediator":
            raise BadInput(
                f"Argument `scan` must go without {name} where there is no [mediator] with a kind."
            )
        if key in content.get(table, {}):
            raise BadInput(
                f"Argument `{table}.{key}` must be left out where {name} is scanned or solved for."
            )


def _read_parameters(content: Any, sampling: str) -> dict[str, Any]:
    if not content:
        raise BadInput("Argument `scan.parameters` must name what is scanned, but is missing.")
    check_keys("scan.parameters", content, PARAMETERS)
    read: dict[str, Any] = {}
    for name, what in content.items():
        where = f"scan.parameters.{name}"
        parts = what if isinstance(what, list) else [what]
        if parts and all(isinstance(part, Mapping) for part in parts):
            read[name] = [_read_range(where, name, part, sampling) for part in parts]
            _check_overlap(where, read[name], parts)
        elif isinstance(what, list) and what and not any(isinstance(p, Mapping) for p in parts):
            read[name] = [value_of(where, name, value) for value in what]
        else:
            raise BadInput(
                f"Argument `{where}` must be a range {{ low, high }}, ranges, or a list of values, "
                f"but is {words(what)}."
            )
    return read


def _read_range(where: str, name: str, part: Mapping[str, Any], sampling: str) -> dict[str, Any]:
    check_keys(where, part, _RANGE_KEYS)
    for key in ("low", "high"):
        if key not in part:
            raise BadInput(f"Argument `{where}.{key}` must be given, but is missing.")
    read: dict[str, Any] = {
        key: value_of(f"{where}.{key}", name, part[key]) for key in ("low", "high")
    }
    if not read["low"] < read["high"]:
        raise BadInput(
            f"Argument `{where}` must rise from low to high, "
            f"but goes from {words(part['low'])} to {words(part['high'])}."
        )
    if "points" in part:
        if sampling != "grid":
            raise BadInput(
                f"Argument `{where}.points` must be left out unless sampling is grid; "
                "`scan.points` is the number of all points."
            )
        read["points"] = whole(f"{where}.points", part["points"], 2)
    elif sampling == "grid":
        raise BadInput(f"Argument `{where}.points` must be given on a grid, but is missing.")
    if "scale" in part:
        choose(f"{where}.scale", str(part["scale"]), ("log", "linear"))
        read["scale"] = part["scale"]
    return read


def _check_overlap(where: str, ranges: list[dict[str, Any]], parts: list[Any]) -> None:
    order = sorted(range(len(ranges)), key=lambda k: ranges[k]["low"])
    for left, right in zip(order, order[1:], strict=False):
        if ranges[right]["low"] < ranges[left]["high"]:
            text = [f"{words(parts[k]['low'])} … {words(parts[k]['high'])}" for k in (left, right)]
            raise BadInput(
                f"Argument `{where}` must have ranges that do not overlap, "
                f"but {text[0]} and {text[1]} do."
            )


def _read_solve(content: Any) -> dict[str, Any] | None:
    if content is None:
        return None
    check_keys("scan.solve", content, ("parameter", "target", "bounds"))
    name = content.get("parameter")
    if name is None:
        raise BadInput("Argument `scan.solve.parameter` must be given, but is missing.")
    choose("scan.solve.parameter", str(name), PARAMETERS)
    target = positive("scan.solve.target", content.get("target", RELIC_DENSITY_TARGET))
    bounds = content.get("bounds")
    if bounds is not None:
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise BadInput(
                f"Argument `scan.solve.bounds` must be a pair [low, high], but is {words(bounds)}."
            )
        bounds = tuple(value_of("scan.solve.bounds", name, value) for value in bounds)
    return {"parameter": name, "target": target, "bounds": bounds}


def _read_options(options: Mapping[str, Any], sampling: str) -> dict[str, Any]:
    read: dict[str, Any] = {
        "sampling": sampling,
        "seed": whole("scan.seed", options.get("seed", 0), 0),
    }
    if sampling != "grid":
        if "points" not in options:
            raise BadInput("Argument `scan.points` must be given, but is missing.")
        read["points"] = whole("scan.points", options["points"], 1)
    elif "points" in options:
        raise BadInput(
            "Argument `scan.points` must be left out on a grid, where each range has its own."
        )
    if "chunk" in options:
        read["chunk"] = whole("scan.chunk", options["chunk"], 1)
    if "precision" in options:
        choose("scan.precision", str(options["precision"]), ("float64", "float32"))
        read["precision"] = options["precision"]
    if "outputs" in options:
        outputs = options["outputs"]
        if not isinstance(outputs, list) or not all(isinstance(name, str) for name in outputs):
            raise BadInput(
                f"Argument `scan.outputs` must be a list of names, but is {words(outputs)}."
            )
        read["outputs"] = tuple(outputs)
    if "x" in options:
        read["x"] = _read_momenta(options["x"])
    if "allowed_flagged" in options:
        share = number_of("scan.allowed_flagged", options["allowed_flagged"])
        if not 0 <= share <= 1:
            raise BadInput(
                f"Argument `scan.allowed_flagged` must lie between 0 and 1, but is {share:g}."
            )
        read["allowed_flagged"] = share
    return read


def _read_momenta(content: Any) -> tuple[float, ...]:
    """A list, or { low, high, points } evenly in ln x."""
    if isinstance(content, list):
        return tuple(positive("scan.x", value) for value in content)
    check_keys("scan.x", content, ("low", "high", "points"))
    low, high = (positive(f"scan.x.{key}", content.get(key)) for key in ("low", "high"))
    points = whole("scan.x.points", content.get("points"), 2)
    if not low < high:
        raise BadInput(
            f"Argument `scan.x` must rise from low to high, but goes from {low} to {high}."
        )
    step = math.log(high / low) / (points - 1)
    return (low, *(low * math.exp(step * k) for k in range(1, points - 1)), high)
