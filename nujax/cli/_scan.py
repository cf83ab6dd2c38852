"""The command `nujax scan`: from a checked file to a full store. Loads JAX when it runs."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nujax import __version__

from ._inputs import BadInput
from ._report import message
from ._scan_config import ScanSetup

_EVERY = 10.0  # seconds between two plain lines
INTERRUPTED = 130  # exit code: 128 + SIGINT, as shells have it


class Failed(Exception):
    """A scan that could not go on although its input is fine; the message is for the user."""


def run_scan(setup: ScanSetup, store: Path, *, resume: bool, dask: str | None) -> dict[str, Any]:
    """Compute what is missing; the report, ready for JSON. Raises `BadInput`, `Failed`."""
    from nujax.inference.scan import DaskEngine, EngineError, LocalEngine, scan

    try:
        engine = LocalEngine() if dask is None else DaskEngine(dask)
        with _progress() as show:
            report = scan(_scan_of(setup), store, resume=resume, engine=engine, progress=show)
    except (ValueError, ImportError) as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise BadInput(f"{error.strerror or error}.") from error
    except EngineError as error:
        raise Failed(str(error)) from error
    return report_of(report) | {
        "inputs": setup.inputs.echo(),
        "convention": setup.inputs.convention,
    }


def run_status(store: Path) -> dict[str, Any]:
    """The report of a store, ready for JSON. Raises `BadInput`."""
    from nujax.inference.scan import Store, scan_status

    try:
        report, kept = scan_status(store), Store(store)
    except (ValueError, ImportError) as error:
        raise BadInput(str(error)) from error
    return report_of(report) | {
        "configuration": kept.configuration,
        "computed_with": list(kept.whereabouts().values()),
    }


def report_of(report: Any) -> dict[str, Any]:
    """Everything there is to say about a scan."""
    done = report.points_done
    return {
        "store": report.store,
        "complete": report.complete,
        "points": report.points,
        "points_done": done,
        "chunks": report.chunks,
        "chunks_done": report.chunks_done,
        "chunks_computed": report.chunks_computed,
        "statuses": report.statuses,
        "flagged_share": report.flagged / done if done else 0.0,
        "allowed_flagged": report.allowed_flagged,
        "failed": report.failed,
        "damaged": [{"chunk": chunk, "reason": why} for chunk, why in report.damaged.items()],
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
        "version": __version__,
    }


def print_scan(report: dict[str, Any]) -> None:
    """The report for people."""
    console = Console(highlight=False)
    words = "complete" if report["complete"] else "not complete"
    console.print(f"Scan {report['store']}: {words}", style="bold", soft_wrap=True)
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("points", f"{report['points_done']} of {report['points']}")
    table.add_row("chunks", f"{report['chunks_done']} of {report['chunks']}")
    for name, count in report["statuses"].items():
        table.add_row(name, f"{count}", f"{count / report['points_done']:.3%}")
    for each in report.get("computed_with", []):
        table.add_row("on", each["device"], f"nujax {each['nujax']}, jax {each['jax']}")
    console.print(table)


def finish_scan(report: dict[str, Any], *, status: bool = False) -> int:
    """Tells on stderr what needs attention and returns the exit code."""
    again = "a resume computes it again" if status else "computed again"
    for each in report["damaged"]:
        message(f"warning: chunk {each['chunk']}: {each['reason']}; {again}")
    if report["interrupted"]:
        message("interrupted; --resume goes on from here.")
        return INTERRUPTED
    if not report["complete"]:
        message("the scan is not complete; --resume goes on from here.")
        return 1
    if report["failed"]:
        message(
            f"numerical failure: {report['flagged_share']:.2%} of the points carry a status other "
            f"than ok, more than the allowed {report['allowed_flagged']:.2%}."
        )
        return 1
    return 0


def _scan_of(setup: ScanSetup) -> Any:
    """The `nujax.Scan` of a configuration."""
    from nujax.inference.scan import Range, Scan, Solve

    from ._compute import theory

    sterile, interaction, plasma, method = theory(setup.inputs)
    parameters = {
        name: [Range(**part) if isinstance(part, dict) else part for part in parts]
        for name, parts in setup.parameters.items()
    }
    solve = None if setup.solve is None else Solve(**setup.solve)
    return Scan(
        sterile, interaction, parameters, plasma=plasma, method=method, solve=solve,
        **setup.options,
    )  # fmt: skip


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Any], None]]:
    """Shows reports as they come: a bar on a terminal, a line now and then otherwise."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (
        BarColumn(),
        TextColumn("{task.completed} of {task.total} points"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[flagged]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rate="", flagged="")
        first: list[Any] = []

        def show(report: Any) -> None:
            first[:] = first or [report]
            bar.update(
                task, total=report.points, completed=report.points_done,
                rate=_rate(first[0], report), flagged=_flagged(report),
            )  # fmt: skip

        yield show


class _Lines:
    """A line on stderr at the beginning, every ten seconds, and at the end."""

    def __init__(self):
        self.first, self.last = None, time.monotonic()

    def __call__(self, report: Any) -> None:
        now = time.monotonic()
        end = report.complete and report.chunks_computed
        if self.first is not None and not end and now - self.last < _EVERY:
            return
        self.first, self.last = self.first or report, now
        parts = [f"{report.points_done} of {report.points} points"]
        parts += [text for text in (_rate(self.first, report), _flagged(report)) if text]
        message(", ".join(parts))


def _rate(first: Any, report: Any) -> str:
    done, seconds = report.points_done - first.points_done, report.seconds - first.seconds
    if not (done and seconds > 0):
        return ""
    left = (report.points - report.points_done) * seconds / done
    ahead = "" if sys.stderr.isatty() or not left else f", {left:.0f} s left"
    return f"{done / seconds:.3g} points/s{ahead}"


def _flagged(report: Any) -> str:
    return f"{report.flagged / report.points_done:.2%} flagged" if report.points_done else ""
