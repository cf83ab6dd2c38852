"""`nujax limits`: one point against every limit that says something about it."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from nujax import __version__
from nujax.constants import RELIC_DENSITY_TARGET

from ._inputs import Inputs
from ._report import message, number, print_json

_SILENT = "does not constrain this model"


def compute(inputs: Inputs, production: bool) -> dict[str, Any]:
    """The report, ready for JSON. Without `production` ν_s is taken to be all dark matter."""
    import nujax as nj

    from ._compute import solve, theory

    sterile, interaction, _, _ = theory(inputs)
    result = solve(inputs) if production else None
    report: dict[str, Any] = {"status": "ok", "warnings": []}
    if result is not None:
        report |= {
            "relic_density": number(result.relic_density),
            "mean_momentum": number(result.mean_momentum),
            "share": number(result.relic_density / RELIC_DENSITY_TARGET),
            "status": str(result.status.name),  # pyright: ignore[reportAttributeAccessIssue]
            "warnings": [str(text) for text in result.warnings()],
        }
    rows: list[dict[str, Any]] = []
    if report["status"] == "ok":
        table = nj.limits.check((sterile, interaction), result)
        rows = [row for row in table.rows() if row["verdict"] != _SILENT]
        report["excluded_by"] = [row.limit.name for row in table.excluded]
        report["excluded"] = bool(report["excluded_by"])
    return report | {
        "limits": rows,
        "inputs": inputs.echo(),
        "convention": inputs.convention,
        "version": __version__,
    }


def show(report: dict[str, Any], as_json: bool) -> int:
    """Prints the report and returns the exit code: that of the numbers, not of the verdict."""
    if as_json:
        print_json(report)
    else:
        _print_table(report)
    for text in report["warnings"]:
        message(f"warning: {text}")
    if report["status"] != "ok":
        message(f"numerical failure: status {report['status']}; limits need a sound production.")
        return 1
    return 0


def _print_table(report: dict[str, Any]) -> None:
    console = Console(highlight=False)
    if report.get("relic_density") is not None:
        share = f"{report['share']:.3g} of all dark matter"
        console.print(f"Ω h² = {report['relic_density']:.6g}, {share}", style="bold")
    console.print("Limits, strongest first (ratio above 1: excluded)", style="bold")
    reaching = [row for row in report["limits"] if row["ratio"] is not None]
    for row in reaching:
        words = row["verdict"]
        if row["kind"] not in ("limit", "projection", "preferred"):
            words += f" ({row['kind']})"
        line = f"  {row['name']:50} {row['ratio']:>9.3g}  {words:20} {row['source']}"
        console.print(line, soft_wrap=True)  # a line is never cut
    rest = len(report["limits"]) - len(reaching)
    console.print(f"{rest} more limits do not reach this point (--json lists them).")
    if "excluded" in report:
        count = len(report["excluded_by"])
        verdict = f"excluded by {count} of them" if count else "not excluded by data"
        console.print(f"This point is {verdict}.", style="bold")
