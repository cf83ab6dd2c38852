"""One chunk of a scan: sample, compute, write, mark. What an engine hands out is its number."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import __version__
from ..production import Status
from ._columns import find_in_columns
from ._problem import Problem
from ._scan_engine import usable_cores
from ._scan_layout import MOST_ROOTS
from ._scan_outputs import evaluate_block
from ._scan_setup import Plan
from ._scan_store import Mark, Store

_compiling = threading.Lock()


@dataclass(frozen=True)
class ChunkTask:
    """A function of the number of a chunk; pickles, so that any process can do any chunk."""

    plan: Plan
    path: str

    def __call__(self, chunk: int) -> Mark:
        """Compute a chunk and write it."""
        if self.plan.precision == "float64" and not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            jax.config.update("jax_enable_x64", True)  # in a process that serves the scan
        sample, store = _resources(self.path, self.plan.fingerprint, self)
        first, last = self.plan.span(chunk)
        data = compute(self.plan, sample, first, last)
        statuses = np.bincount(data["status"], minlength=len(Status))
        counts = {s.name: int(statuses[s]) for s in Status if statuses[s]}
        return store.write(chunk, data, counts, environment())


class _Resources:
    """What a process keeps between the chunks of one store."""

    def __init__(self):
        self.lock, self.kept = threading.Lock(), {}

    def __call__(self, path: str, fingerprint: str, task: ChunkTask):
        with self.lock:
            if (path, fingerprint) not in self.kept:
                self.kept = {(path, fingerprint): (task.plan.sampler(), Store(Path(path)))}
            return self.kept[path, fingerprint]


_resources = _Resources()


def compute(
    plan: Plan, sample: Callable[[int, int], np.ndarray], first: int, last: int
) -> dict[str, np.ndarray]:
    """All arrays of the points first … last − 1, block by block; `first` begins a block."""
    values = sample(first, last).astype(plan.precision)
    parts = []
    for start in range(0, last - first, plan.block):
        rows = values[start : start + plan.block]
        # The last block of a scan is filled up with its own points again.
        parts.append((len(rows), _block(plan, np.resize(rows, (plan.block, rows.shape[1])))))
    data = {
        name: np.concatenate([np.asarray(part[name])[:n] for n, part in parts])
        for name in parts[0][1]
    }
    data["status"] = data["status"].astype("uint8")
    return {name: values[:, k] for k, name in enumerate(plan.names)} | data


def _block(plan: Plan, rows: np.ndarray) -> dict[str, Any]:
    if plan.solve is not None:
        return _roots(plan, rows)
    arguments = plan.theory, rows, plan.names, plan.outputs, plan.x
    key = plan.fingerprint, _device()
    if key in _compiled:
        return evaluate_block(*arguments)
    with _compiling:  # one thread compiles, the others wait
        found = jax.block_until_ready(evaluate_block(*arguments))
    _compiled.add(key)
    return found


_compiled: set[tuple[str, str]] = set()


def _device() -> str:
    return str(jax.config.jax_default_device)  # type: ignore[attr-defined]


def _roots(plan: Plan, rows: np.ndarray) -> dict[str, np.ndarray]:
    """All values of a parameter with Ω h² = target, at the points of a block."""
    assert plan.solve is not None
    problem = Problem(plan.theory, (*plan.names, plan.solve.parameter))
    log_target = float(np.log(plan.solve.target))
    roots = find_in_columns(problem, np.log(rows), *plan.log_bounds, log_target)
    n = len(rows)
    count = np.bincount(roots.column, minlength=n)
    values = np.full((n, MOST_ROOTS), np.nan)
    status = np.full(n, int(Status.ok))
    np.maximum.at(status, roots.column, roots.status)
    place = np.arange(len(roots.column)) - np.searchsorted(roots.column, roots.column)
    kept = place < MOST_ROOTS
    values[roots.column[kept], place[kept]] = np.exp(roots.theta[kept, -1])
    complete = ~roots.uncertain & (count <= MOST_ROOTS)
    status = np.where(complete, status, np.maximum(status, int(Status.under_resolved)))
    return {
        plan.solve.parameter: values,
        "root_count": np.minimum(count, MOST_ROOTS).astype("uint8"),
        "complete": complete.astype("uint8"),
        "status": status,
    }


@functools.lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """Versions and device of this process, for the record.

    On a CPU the compiler arranges sums by the number of threads, so that the last digits may depend
    on it: Dask gives its workers one by `OMP_NUM_THREADS`, which XLA heeds.
    """
    device = jax.local_devices()[0]
    packages = ("jax", "jaxlib", "equinox", "numpy", "scipy", "zarr")
    return {
        "device": f"{device.platform} ({device.device_kind})",
        "threads": os.environ.get("OMP_NUM_THREADS") or str(usable_cores()),
        "machine": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "nujax": __version__,
        **{name: importlib.metadata.version(name) for name in packages},
    }
