"""Checks of a scan: what it runs over, and what is wanted of each point."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_choice, check_positive
from ._problem import PARAMETERS, Theory, check_names, theory_of, values_of, with_values
from ._sampling import MOST_SOBOL, SCALES, Axis, Range
from ._scan_outputs import DEFAULT_OUTPUTS, GROUPS, OUTPUTS
from ._search import check_target, check_within, log_bounds

if TYPE_CHECKING:
    from ._scan_setup import Scan


def check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(
            f"Argument `{name}` must be a whole number from {least} on, but is {value!r}."
        )


def axis_of(name: str, what: Any, sampling: str) -> Axis:
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
            check_whole(f"{where}.points", each.points, 2)
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


def points_of(scan: Scan, axes) -> int:
    if scan.sampling == "grid":
        if scan.points is not None:
            raise ValueError(
                "Argument `points` must be left out on a grid, whose parameters have points of "
                f"their own, but is {scan.points!r}."
            )
        return math.prod(len(axis.nodes()) for axis in axes)
    check_whole("points", scan.points, 1)
    assert scan.points is not None
    if scan.sampling == "sobol" and scan.points > MOST_SOBOL:
        raise ValueError(
            f"Argument `points` must be at most {MOST_SOBOL} with Sobol's sequence, "
            f"but is {scan.points}."
        )
    return int(scan.points)


def check_corners(theory: Theory, axes) -> None:
    """Every parameter within the domain; the limits of the method hold at either end."""
    for axis in axes:
        ends = axis.values or (axis.ranges[0].low, axis.ranges[-1].high)
        check_within(theory, axis.name, np.array(ends))
        for end in ends:
            corner = with_values(theory, {axis.name: np.asarray(end)})
            theory_of(corner.sterile, corner.interaction, corner.plasma, corner.method)


def outputs_of(scan: Scan, theory: Theory) -> tuple[str, ...]:
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


def check_solve(scan: Scan, theory: Theory, axes) -> tuple[float, float]:
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


def momenta_of(scan: Scan, outputs) -> tuple[float, ...]:
    if ("spectrum" in outputs) != (len(scan.x) > 0):
        raise ValueError("Argument `x` must be given with the output spectrum, and only with it.")
    check_positive("x", scan.x)
    x = tuple(float(each) for each in scan.x)
    if any(right <= left for left, right in zip(x, x[1:], strict=False)):
        raise ValueError("Argument `x` must rise from value to value.")
    return x
