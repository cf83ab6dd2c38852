"""Which arrays the store of a scan has: parameters, outputs or roots, and coordinates."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ._scan_outputs import NOT_COMPUTED, OUTPUTS, STATUS, Variable, codes
from ._scan_setup import Plan

MOST_ROOTS = 8  # of one column; a scalar's S-curve has three
_UNITS = {"mass": "MeV", "sin2_2theta": "1", "mediator_mass": "MeV", "coupling": "1"}
_NAMES = {
    "mass": "mass of the sterile neutrino",
    "sin2_2theta": "vacuum mixing sin^2(2 theta)",
    "mediator_mass": "mass of the mediator",
    "coupling": "coupling of the mediator",
}


class Column(NamedTuple):
    """One array: `shape` is that of a point where the first dimension is "point".

    values  of a coordinate that is known beforehand, else None: filled chunk by chunk
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    fill: Any
    attributes: dict[str, Any]
    values: np.ndarray | None = None


def columns_of(plan: Plan) -> list[Column]:
    """The arrays of a scan, parameters first."""
    columns = []
    for axis in plan.axes:
        attributes = {"long_name": _NAMES[axis.name], "units": _UNITS[axis.name]}
        columns.append(Column(axis.name, ("point",), (), "float64", np.nan, attributes))
    coordinates = " ".join(plan.names)
    variables: dict[str, Variable] = {"status": STATUS}
    sizes = {"x": len(plan.x), "root": MOST_ROOTS}
    if plan.solve is not None:
        variables |= _roots(plan.solve.parameter, plan.solve.target)
    variables |= {name: OUTPUTS[name].variable for name in plan.outputs}
    for name, variable in variables.items():
        dtype = variable.dtype or plan.precision
        fill = np.nan if np.dtype(dtype).kind == "f" else NOT_COMPUTED
        shape = tuple(sizes[dim] for dim in variable.dims)
        attributes = variable.attributes | {"coordinates": coordinates}
        columns.append(Column(name, ("point", *variable.dims), shape, dtype, fill, attributes))
    if plan.x:
        attributes = {"long_name": "comoving momentum p/T at T_final", "units": "1"}
        x = np.asarray(plan.x)
        columns.append(Column("x", ("x",), x.shape, "float64", np.nan, attributes, x))
    return columns


def _roots(parameter: str, target: float) -> dict[str, Variable]:
    about = f"{_NAMES[parameter]} with Omega h^2 = {target:g}"
    return {
        parameter: Variable(
            ("root",), "float64",
            {"long_name": f"{about}, in rising order", "units": _UNITS[parameter]},
        ),
        "root_count": Variable((), "uint8", {"long_name": f"number of values: {about}"}),
        "complete": Variable(
            (), "uint8", {"long_name": "no root is missing", **codes(("no", "yes"))}
        ),
    }  # fmt: skip
