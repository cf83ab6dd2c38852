"""What identifies a scan: its configuration as plain JSON, and how two of them differ."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .. import __version__
from ._problem import with_values

if TYPE_CHECKING:
    from ._scan_setup import Scan


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Sentences on what differs between two configurations."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            inner = f"{place}.{key}" if place else key
            found += differences(ours.get(key), theirs.get(key), inner)
        return found
    return [] if ours == theirs else [f"{place} is {_words(theirs)} there and {_words(ours)} here"]


def configuration_of(scan: Scan, theory, axes, points, outputs, x) -> dict[str, Any]:
    """All that the numbers depend on, as plain JSON; energies in MeV."""
    free = {axis.name for axis in axes} | ({scan.solve.parameter} if scan.solve else set())
    without = with_values(theory, dict.fromkeys(free))
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
