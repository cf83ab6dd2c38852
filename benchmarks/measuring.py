"""Time and memory on a shared machine: CPU time beside wall time, the best of several repeats."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A sample shorter than this repeats its call, so that the clocks' resolution does not matter.
_SHORTEST_SAMPLE = 0.02  # [s]


def use_cores(which: str) -> list[int]:
    """Pin this process to one core ("one"), or not ("all"); the cores that it may use.

    Before NumPy and JAX are imported: threads that exist already would stay where they are.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS, Windows
        return list(range(os.cpu_count() or 1))
    if which == "one":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return sorted(os.sched_getaffinity(0))


@dataclass
class Times:
    """Seconds of one call: the first one (with tracing and compilation), and repeats of it."""

    first_wall: float
    first_cpu: float
    wall: list[float]
    cpu: list[float]

    def per(self, points: int) -> dict[str, float]:
        """Microseconds a point, min and median of CPU and wall time; seconds of the first call."""
        unit = 1e6 / points
        return {
            "first_cpu_s": self.first_cpu,
            "first_wall_s": self.first_wall,
            "cpu_min_us": unit * min(self.cpu),
            "cpu_median_us": unit * statistics.median(self.cpu),
            "wall_min_us": unit * min(self.wall),
            "wall_median_us": unit * statistics.median(self.wall),
        }


def measure(call: Callable[[], Any], repeats: int) -> Times:
    """Time `call`, which returns only when its work is done, once and then `repeats` times."""
    cpu_start, start = time.process_time(), time.perf_counter()
    call()
    first = time.perf_counter() - start, time.process_time() - cpu_start
    start = time.perf_counter()
    call()
    number = max(1, int(_SHORTEST_SAMPLE / (time.perf_counter() - start)))
    wall, cpu = [], []
    for _ in range(repeats):
        cpu_start, start = time.process_time(), time.perf_counter()
        for _ in range(number):
            call()
        wall.append((time.perf_counter() - start) / number)
        cpu.append((time.process_time() - cpu_start) / number)
    return Times(*first, wall, cpu)


def calibration(repeats: int = 50) -> dict[str, float]:
    """Nanoseconds an element of np.exp on 4096 float64 numbers: how fast the core is just now."""
    import numpy as np

    x = np.linspace(-1.0, 1.0, 4096)
    out = np.empty_like(x)
    times = measure(lambda: np.exp(x, out=out), repeats)
    unit = 1e9 / len(x)
    return {
        "cpu_min_ns": unit * min(times.cpu),
        "wall_median_ns": unit * statistics.median(times.wall),
    }


def peak_memory(call: Callable[[], Any]) -> dict[str, float]:
    """Peak memory [MB] of the process during `call`, all libraries and compiled code included.

    On Linux, which can reset the recorded peak; elsewhere it is that of the run so far. On a GPU
    also the peak of its memory, of the run so far.
    """
    import jax

    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    call()
    peak = _status_mb("VmHWM")
    if peak is None:
        scale = 1e6 if platform.system() == "Darwin" else 1e3
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    result = {"process": peak}
    on_device = jax.devices()[0].memory_stats()  # None on CPU
    if on_device:
        result["device"] = on_device["peak_bytes_in_use"] / 1e6
    return result


def _status_mb(key: str) -> float | None:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{key}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1.024e-3 if found else None


def environment() -> dict[str, str]:
    """What ran where."""
    import jax

    import nujax

    device = jax.devices()[0]
    packages = ("numpy", "scipy", "jax", "jaxlib", "equinox")
    return {
        "device": f"{device.platform} ({device.device_kind})",
        "CPU": _cpu_model(),
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "nujax": nujax.__version__,
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()
