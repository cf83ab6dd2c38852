"""The command `nujax fit`: from a checked configuration to its answer. Loads JAX when it runs."""

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from nujax import __version__

from ._config import FitSetup
from ._inputs import BadInput
from ._report import message, number

_UNITS = {"mass": "MeV", "mediator_mass": "MeV"}


def run_fit(setup: FitSetup) -> dict[str, Any]:
    """The report of a fit, ready for JSON. Raises `BadInput` for values outside the domain."""
    from nujax.inference import fit

    from ._compute import method_of, plasma_of, theory_of

    sterile, interaction = theory_of(setup.inputs, setup.inputs.parameters())
    options = {"plasma": plasma_of(setup.inputs), "method": method_of(setup.inputs)}
    try:
        result = fit(sterile, interaction, **options, **setup.options)
    except ValueError as error:
        raise BadInput(str(error)) from None
    return report_of(setup, result)


def report_of(setup: FitSetup, result: Any) -> dict[str, Any]:
    """Everything there is to say about a fit; without a best start its numbers are None."""
    from nujax.inference import FitStatus

    starts = [
        {
            "parameters": {name: number(values[i]) for name, values in result.parameters.items()},
            "relic_density": number(result.relic_density[i]),
            "mean_momentum": number(result.mean_momentum[i]),
            "residual": number(result.residual[i]),
            "chi2": number(result.chi2[i]),
            "status": FitStatus(int(result.status[i])).name,
            "message": result.messages[i],
            "steps": int(result.steps[i]),
        }
        for i in range(len(result.status))
    ]
    if result.best is None:
        # Not an answer: the end nearest to the target stands for what went wrong.
        nearest = min(starts, key=lambda s: math.inf if s["chi2"] is None else s["chi2"])
        answer = dict.fromkeys(("parameters", "relic_density", "mean_momentum", "residual", "chi2"))
        answer |= {"status": nearest["status"], "message": nearest["message"]}
    else:
        answer = dict(starts[result.best])
        del answer["steps"]
    covariance = [[number(value) for value in row] for row in result.covariance]
    return answer | {
        "free": list(result.free),
        "covariance": None if result.best is None else covariance,
        "undetermined": [dict(direction) for direction in result.undetermined],
        "undetermined_message": result.undetermined_words(),
        "starts": starts,
        "inputs": setup.inputs.echo() | {"fit": _plain(setup.options)},
        "convention": setup.inputs.convention,
        "version": __version__,
    }


def print_fit(report: dict[str, Any]) -> None:
    """The report for people: the answer with its errors, then how every start ended."""
    console = Console(highlight=False)
    reached = report["status"] == "converged"
    console.print(
        "Best fit" if report["parameters"] else "No start reached the target", style="bold"
    )
    if report["parameters"]:
        table = Table(show_header=False, box=None, padding=(0, 2))
        for i, (name, value) in enumerate(report["parameters"].items()):
            # Where a direction is undetermined, no parameter alone has an error.
            percent = 100 * math.sqrt(report["covariance"][i][i])
            error = "" if report["undetermined"] else f"± {percent:.2g} %"
            table.add_row(name, f"{value:.7g} {_UNITS.get(name, '')}".rstrip(), error)
        table.add_row("Ω h²", f"{report['relic_density']:.7g}", f"χ² = {report['chi2']:.3g}")
        if report["mean_momentum"] is not None:
            table.add_row("⟨p/T⟩", f"{report['mean_momentum']:.7g}", "")
        table.add_row("status", report["status"], "" if reached else "not all terms are met")
        console.print(table)
    if report["undetermined_message"]:
        console.print(report["undetermined_message"])
    console.print(f"{len(report['starts'])} starts", style="bold")
    table = Table(box=None, padding=(0, 2))
    for name in report["free"]:
        table.add_column(f"{name} [{_UNITS[name]}]" if name in _UNITS else name, justify="right")
    for title in ("Ω h²", "steps"):
        table.add_column(title, justify="right")
    table.add_column("status")
    for start in report["starts"]:
        values = [_digits(start["parameters"][name]) for name in report["free"]]
        table.add_row(
            *values, _digits(start["relic_density"]), str(start["steps"]), start["status"]
        )
    console.print(table)


def finish_fit(report: dict[str, Any]) -> int:
    """Tells on stderr what failed and returns the exit code, 0 or 1."""
    if report["status"] != "converged":
        message(f"target not reached: {report['message']}")
        return 1
    starts = report["starts"]
    failed = [start["message"] for start in starts if start["status"] != "converged"]
    if failed:
        message(
            f"warning: {len(failed)} of {len(starts)} starts did not reach the target; "
            f"the first: {failed[0]}"
        )
    return 0


def _digits(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.5g}"


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
