r"""Scans of many points into a store that survives everything.

    plan = nj.Scan(sterile, interaction, parameters={"coupling": Range(1e-6, 1.0)}, points=10**6)
    report = nj.scan(plan, "out.zarr")
    data = nj.open_scan("out.zarr")        # an xarray.Dataset

The store alone is the truth: a scan that was killed at any moment goes on where it was with
`resume=True`, and ends with the same bytes as one that was not.
"""

from __future__ import annotations

import contextlib
import errno
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._sampling import Range as Range
from ._scan_engine import AbstractEngine as AbstractEngine
from ._scan_engine import DaskEngine as DaskEngine
from ._scan_engine import EngineError as EngineError
from ._scan_engine import LocalEngine as LocalEngine
from ._scan_identity import differences
from ._scan_layout import columns_of
from ._scan_outputs import OUTPUTS as OUTPUTS
from ._scan_setup import Plan, plan_of
from ._scan_setup import Scan as Scan
from ._scan_setup import Solve as Solve
from ._scan_store import Mark, Store, Survey, create_store
from ._scan_store import StoreError as StoreError
from ._scan_task import ChunkTask, environment

_DISK = {
    code: words
    for code, words in (
        (errno.ENOSPC, "no space is left"),
        (getattr(errno, "EDQUOT", None), "the quota is used up"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "writing is not permitted"),
        (errno.EFBIG, "a file would be too large"),
        (errno.EIO, "the disk reports an error"),
    )
    if code is not None
}


@dataclass(frozen=True)
class ScanReport:
    """How far a scan is.

    points, chunks            of the whole scan
    points_done, chunks_done  finished, now or before
    chunks_computed           of this call
    statuses                  number of finished points by name of `Status`
    damaged                   chunks whose files had changed, and why; computed again by a resume
    interrupted               a signal (Ctrl-C) has ended the call before the scan was complete
    seconds                   of this call
    """

    store: str
    points: int
    chunks: int
    points_done: int
    chunks_done: int
    chunks_computed: int
    statuses: dict[str, int]
    damaged: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False
    seconds: float = 0.0
    allowed_flagged: float = 0.05

    @property
    def complete(self) -> bool:
        """Every point is in the store."""
        return self.chunks_done == self.chunks

    @property
    def flagged(self) -> int:
        """Finished points with a status other than ok."""
        return self.points_done - self.statuses.get("ok", 0)

    @property
    def failed(self) -> bool:
        """More of the finished points are flagged than the scan allows."""
        return self.flagged > self.allowed_flagged * self.points_done


def scan(
    scan: Scan,
    store: Path | str,
    *,
    resume: bool = False,
    engine: AbstractEngine | None = None,
    progress: Callable[[ScanReport], None] | None = None,
) -> ScanReport:
    """Compute all points of a scan and keep them in a Zarr store (`nujax.open_scan` reads it).

    store     a folder that does not exist yet; with `resume` one of the same scan, begun before,
              or none
    engine    default `LocalEngine()`, this process; `DaskEngine(address)` for a cluster
    progress  called after each chunk, and once before the first

    Ctrl-C (and SIGTERM) finishes the chunks that are under way and returns; a second one is felt
    at once. Points that production cannot resolve are no errors: their `status` says so.

    Raises `ValueError` for a scan that makes no sense, `StoreError` (a `ValueError`) for a store
    of another scan, one that another process writes to, or too little room, `OSError` with the
    number of finished chunks where writing fails, `ImportError` where zarr is missing, and
    `EngineError` where a cluster gives up.
    """
    started = time.monotonic()
    path = Path(store).absolute()
    plan, kept = _open(scan, path, resume)
    with kept.locked():
        survey = kept.survey()
        kept.forget(survey.damaged)
        tally = _Tally(plan, str(path), survey, started)
        if progress is not None:
            progress(tally.report())
        task = ChunkTask(plan, str(path))
        missing = (chunk for chunk in range(plan.chunks) if chunk not in survey.done)
        with _interruptible() as stopped:
            engine = LocalEngine() if engine is None else engine
            try:
                for mark in engine.run(task, missing, stopped):
                    tally.add(mark)
                    if progress is not None:
                        progress(tally.report())
            except OSError as error:
                if error.errno not in _DISK:
                    raise
                raise _explained(error, tally.report()) from error
            return tally.report(interrupted=stopped())


def scan_status(store: Path | str) -> ScanReport:
    """How far the scan of a store is; every file is compared with its checksum.

    Raises `StoreError` if it is no store of a scan.
    """
    kept = Store(store)
    survey = kept.survey()
    marks = survey.done.values()
    points = sum(mark.points for mark in marks)
    return ScanReport(
        str(store), survey.points, survey.chunks, points, len(marks), 0, survey.statuses,
        survey.damaged, allowed_flagged=kept.allowed_flagged,
    )  # fmt: skip


def open_scan(store: Path | str, *, partial: bool = False) -> Any:
    """The store of a scan as an `xarray.Dataset`, read where it is used.

    A grid has a dimension for each parameter, other scans the dimension "point" with the
    parameters as coordinates. Chunks are checked by their CRC-32C when they are read.

    partial  also a scan that is not complete: the points that are finished, always along "point"

    Raises `StoreError` for a scan that is not complete, unless `partial`; `ImportError` without
    xarray.
    """
    try:
        import xarray
    except ImportError:
        raise ImportError("open_scan needs xarray: pip install 'nujax[scan]'.") from None
    import numpy as np

    kept = Store(store)
    data = xarray.open_dataset(str(kept.path), engine="zarr", chunks=None)
    done = {int(mark.stem) for mark in (kept.path / "scan" / "done").glob("*.json")}
    if len(done) < kept.chunks:
        if not partial:
            raise StoreError(
                f"The scan in {store} is not complete: {len(done)} of {kept.chunks} chunks are "
                "done. Resume it, or open it with partial=True."
            )
        chunk = np.arange(kept.points) // kept.chunk
        return data.isel(point=np.flatnonzero(np.isin(chunk, sorted(done))))
    if kept.configuration["sampling"] != "grid" or partial:
        return data
    return _gridded(data, kept)


def _gridded(data: Any, kept: Store) -> Any:
    """One dimension for each parameter in place of "point"."""
    import numpy as np

    shape = dict(zip(kept.axes, kept.shape, strict=True))
    strides = np.cumprod([1, *kept.shape[::-1]])[-2::-1]
    axes = {}
    for name, stride in zip(kept.axes, strides, strict=True):
        nodes = data[name].isel(point=np.arange(shape[name]) * int(stride))
        axes[name] = (name, nodes.values, nodes.attrs)
    folded = data.drop_vars(kept.axes).load()
    variables = {
        name: (
            (*kept.axes, *variable.dims[1:]),
            variable.values.reshape((*kept.shape, *variable.shape[1:])),
            variable.attrs,
        )
        for name, variable in folded.data_vars.items()
    }
    import xarray

    others = {name: data[name] for name in data.coords if name not in kept.axes}
    return xarray.Dataset(variables, coords=axes | others, attrs=data.attrs)


# --- inside -------------------------------------------------------------------------------------


def _open(scan: Scan, path: Path, resume: bool) -> tuple[Plan, Store]:
    """The plan and its store, new or old; refuses a store of another scan."""
    if not path.exists():
        plan = plan_of(scan)
        return plan, create_store(path, plan, columns_of(plan), environment())
    if not resume:
        raise StoreError(
            f"Argument `store` must not exist yet, but {path} does; resume it, or choose another."
        )
    kept = Store(path)
    plan = plan_of(scan, (kept.block, kept.chunk))
    different = differences(plan.configuration, kept.configuration)
    if plan.chunk != kept.chunk:
        different.append(f"chunk is {kept.chunk} there and {plan.chunk} here")
    if different:
        raise StoreError(f"The store {path} is of another scan: {'; '.join(different)}.")
    return plan, kept


class _Tally:
    """Counts what is done."""

    def __init__(self, plan: Plan, store: str, survey: Survey, started: float):
        self.plan, self.store, self.started = plan, store, started
        self.statuses, self.damaged = survey.statuses, survey.damaged
        self.points = sum(mark.points for mark in survey.done.values())
        self.chunks, self.computed = len(survey.done), 0

    def add(self, mark: Mark) -> None:
        for name, count in mark.statuses.items():
            self.statuses[name] = self.statuses.get(name, 0) + count
        self.points += mark.points
        self.chunks += 1
        self.computed += 1

    def report(self, interrupted: bool = False) -> ScanReport:
        complete = self.chunks == self.plan.chunks
        return ScanReport(
            store=self.store, points=self.plan.points, chunks=self.plan.chunks,
            points_done=self.points, chunks_done=self.chunks, chunks_computed=self.computed,
            statuses=dict(self.statuses), damaged=dict(self.damaged),
            interrupted=interrupted and not complete, seconds=time.monotonic() - self.started,
            allowed_flagged=self.plan.allowed_flagged,
        )  # fmt: skip


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """A function that says whether Ctrl-C or SIGTERM came; a second one acts as ever."""
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set  # signals are the business of the main thread
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore():
        for number, handler in before.items():
            signal.signal(number, handler)

    def take(_number, _frame):
        came.set()
        restore()

    for number in before:
        signal.signal(number, take)
    try:
        yield came.is_set
    finally:
        restore()


def _explained(error: OSError, report: ScanReport) -> OSError:
    return OSError(
        error.errno,
        f"Writing to {report.store} failed: {_DISK[error.errno or 0]}. {report.chunks_done} of "
        f"{report.chunks} chunks are done; make room and resume",
    )
