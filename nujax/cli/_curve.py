"""What `nujax curve` does once its options are text: check, compute, report."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nujax import __version__
from nujax.constants import RELIC_DENSITY_TARGET

from ._inputs import BadInput, Inputs, choose, read_energy, read_inputs, read_number, split_range
from ._report import check_output, message, number, print_json

# Command-line name of a parameter -> name in Python.
VARIED = {"mass": "mass", "sin2-2theta": "sin2_2theta", "mediator-mass": "mediator_mass",
          "coupling": "coupling"}  # fmt: skip
_PLACEHOLDER = {"mass": "7.1keV", "sin2-2theta": "1e-10", "mediator-mass": "1GeV",
                "coupling": "1e-3"}  # fmt: skip
_FIGURES = (".png", ".pdf", ".svg")
_ENERGIES = ("mass", "mediator-mass")


@dataclass(frozen=True)
class CurveInputs:
    """A checked request: the theory, the plane, its bounds, and where roots are wanted."""

    point: Inputs  # with placeholders for the two parameters of the plane
    parameters: tuple[str, str]
    bounds: dict[str, tuple[float, float]]
    trace: bool
    at: float | None
    target: float
    plot: Path | None

    def echo(self) -> dict[str, Any]:
        """Every input for the output, energies in MeV."""
        echo = self.point.echo()
        for name in self.parameters:
            echo[name] = list(self.bounds[name]) if name in self.bounds else None
        return echo | {"target": self.target, "parameters": list(self.parameters)}


def read_curve_inputs(
    texts: dict[str, str | None],
    *,
    vary: str,
    at: str | None,
    target: str | None,
    plot: Path | None,
    **others: Any,
) -> CurveInputs:
    """The checked inputs; `texts` are those of the four parameters by command-line name.

    Raises `BadInput` with a sentence for the user.
    """
    choose("vary", vary, tuple(VARIED))
    ranges = {name: split_range(text) for name, text in texts.items() if text is not None}
    spans = {name: ends for name, ends in ranges.items() if ends is not None}
    others_with_range = [name for name in spans if name != vary]
    if len(others_with_range) > 1:
        raise BadInput(
            "Exactly one parameter beside --vary must be a range low:high, but "
            f"{' and '.join(others_with_range)} are."
        )
    if others_with_range:
        first = others_with_range[0]
    elif at is not None:
        first = "mass" if vary == "mediator-mass" or others["mediator"] is None else "mediator-mass"
    else:
        raise BadInput(
            "Argument `mediator-mass` must be a range such as 1MeV:10GeV (or another parameter "
            "beside --vary must be one; or --at-mass asks for the roots at one mass)."
        )
    if first == vary:
        raise BadInput(
            f"Argument `vary` must differ from the parameter with the range, but is {vary}."
        )
    given = texts.get(vary)
    if given is not None and vary not in spans:
        raise BadInput(
            f"Argument `{vary}` must be left out or be a range low:high, because it is solved for, "
            f"but is {given}."
        )
    if {first, vary} & {"mediator-mass", "coupling"} and others["mediator"] is None:
        raise BadInput("Argument `mediator` must be given, but is missing.")

    def read(ends: int) -> Inputs:
        values = dict(texts)
        for name in (first, vary):
            span = spans.get(name)
            values[name] = _PLACEHOLDER[name] if span is None else span[ends]
        for name in ("mass", "sin2-2theta"):
            if values[name] is None:
                raise BadInput(f"Argument `{name}` must be given, but is missing.")
        return read_inputs(
            mass=str(values["mass"]),
            sin2_2theta=str(values["sin2-2theta"]),
            mediator_mass=values["mediator-mass"],
            coupling=values["coupling"],
            **others,
        )

    low, high = read(0), read(1)
    bounds = {}
    for name in spans:
        field = VARIED[name]
        pair = getattr(low, field), getattr(high, field)
        if not pair[0] < pair[1]:
            raise BadInput(
                f"Argument `{name}` must be a range low:high with low < high, but is {texts[name]}."
            )
        bounds[field] = pair
    goal = RELIC_DENSITY_TARGET if target is None else read_number("target", target)
    if not goal > 0:
        raise BadInput(f"Argument `target` must be positive, but is {target}.")
    place = None
    if at is not None:
        example = "1GeV" if first == "mediator-mass" else "7.1keV"
        if first in _ENERGIES:
            place = read_energy("at-mass", at, example=example)
        else:
            place = read_number("at-mass", at)
    if plot is not None:
        check_output(plot)
        if plot.suffix not in _FIGURES:
            raise BadInput(f"Argument `plot` must end in {', '.join(_FIGURES)}, but is {plot}.")
        if importlib.util.find_spec("matplotlib") is None:
            raise BadInput("Argument `plot` needs matplotlib: pip install 'nujax[plot]'.")
        if not others_with_range:
            raise BadInput("Argument `plot` must come with a range low:high, but there is none.")
    return CurveInputs(
        point=low,
        parameters=(VARIED[first], VARIED[vary]),
        bounds=bounds,
        trace=bool(others_with_range),
        at=place,
        target=goal,
        plot=plot,
    )


def compute(inputs: CurveInputs) -> dict[str, Any]:
    """The report, ready for JSON: branches, folds and roots. Loads JAX.

    Raises `BadInput` for bounds that nujax is not made for.
    """
    from nujax.inference import trace_relic_curve
    from nujax.inference.roots import find_roots

    from ._compute import theory

    arguments = theory(inputs.point)
    report: dict[str, Any] = {"status": "ok", "problems": []}
    try:
        if inputs.trace:
            curve = trace_relic_curve(
                *arguments[:2], plasma=arguments[2], method=arguments[3],
                parameters=inputs.parameters, bounds=inputs.bounds, target=inputs.target,
            )  # fmt: skip
            report |= curve.as_dict()
            codes = [code for branch in curve.branches for code in branch.status]
            if any(codes):
                flagged = sum(1 for code in codes if code)
                report["problems"] = [
                    *report["problems"],
                    f"{flagged} of {len(codes)} points carry a status other than ok",
                ]
            if inputs.plot is not None:
                from nujax.plot import relic_curve

                axes = relic_curve(curve)
                axes.figure.savefig(inputs.plot, dpi=160)
        if inputs.at is not None:
            second = inputs.parameters[1]
            roots = find_roots(
                *arguments[:2], plasma=arguments[2], method=arguments[3],
                parameters=inputs.parameters, at=inputs.at, target=inputs.target,
                bounds=inputs.bounds.get(second),
            )  # fmt: skip
            report |= {"at": inputs.at, "roots": [number(root) for root in roots.values]}
            if any(roots.status):
                report["problems"] = [*report["problems"], "a root carries a status other than ok"]
            if not roots.complete:
                report["problems"] = [*report["problems"], "values near the target are in doubt"]
    except ValueError as error:
        raise BadInput(str(error)) from error
    if report["problems"]:
        report["status"] = "under_resolved"
    return report | {
        "parameters": list(inputs.parameters),
        "target": inputs.target,
        "inputs": inputs.echo(),
        "convention": inputs.point.convention,
        "version": __version__,
    }


def show(inputs: CurveInputs, report: dict[str, Any], as_json: bool) -> int:
    """Print the report; the exit code."""
    if as_json:
        print_json(report)
    else:
        _print_tables(inputs, report)
    for text in report["problems"]:
        message(f"warning: {text}")
    if not (report.get("branches") or report.get("roots")):
        message(f"no point within the bounds has Ω h² = {inputs.target:g}.")
    return 1 if report["problems"] else 0


def _print_tables(inputs: CurveInputs, report: dict[str, Any]) -> None:
    console = Console(highlight=False)
    first, second = (_label(name) for name in inputs.parameters)
    if "branches" in report:
        table = Table(first, second, "regime", box=None, padding=(0, 2))
        for branch in report["branches"]:
            for (a, b), regime in zip(branch["points"], branch["regime"], strict=True):
                table.add_row(f"{a:.6g}", f"{b:.7g}", regime)
            table.add_section()
        console.print(table)
        for a, b in report["folds"]:
            console.print(f"fold at {first} {a:.7g}, {second} {b:.6g}")
    if "roots" in report:
        listed = ", ".join(f"{root:.8g}" for root in report["roots"]) or "none"
        console.print(f"roots at {first} {report['at']:.7g}: {second} = {listed}")


def _label(name: str) -> str:
    words = {"mass": "m₄ [MeV]", "sin2_2theta": "sin²2θ", "mediator_mass": "m [MeV]"}
    return words.get(name, name)
