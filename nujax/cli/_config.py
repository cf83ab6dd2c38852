"""Reads a configuration file of a fit: TOML, checked before JAX is loaded.

Tables and keys have the names of the Python fields: [sterile], [mediator], [inputs], [fit].
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nujax.constants import RELIC_DENSITY_PLANCK2018_ERROR, RELIC_DENSITY_TARGET

from ._inputs import BadInput, Inputs, choose
from ._toml import KEYS, PARAMETERS, check_keys, load, positive, read_point, value_of, whole, words

_FIT_KEYS = (
    *("free", "target", "sigma", "mean_momentum", "fixed", "starts", "bounds"),
    *("tolerance", "max_steps", "seed"),
)


@dataclass(frozen=True)
class FitSetup:
    """A checked configuration; energies in MeV."""

    inputs: Inputs
    options: dict[str, Any]  # the arguments of `nujax.inference.fit`


def read_fit(path: Path) -> FitSetup:
    """The checked set-up of a fit.

    Raises `BadInput` with a sentence that names the key, as in "Argument `fit.target` must …".
    """
    content = load(path)
    check_keys("", content, (*KEYS, "fit"))
    for table, keys in KEYS.items():
        check_keys(table, content.get(table, {}), tuple(keys))
    options = content.get("fit")
    if options is None:
        raise BadInput("Argument `fit` must be a table with the key `free`, but is missing.")
    check_keys("fit", options, _FIT_KEYS)
    free = _read_free(options, "mediator" in content)
    read = _read_options(options, free)
    return FitSetup(read_point(content, free), read)


def _read_free(options: Mapping[str, Any], mediator: bool) -> tuple[str, ...]:
    free = options.get("free")
    if free is None:
        raise BadInput("Argument `fit.free` must list the free parameters, but is missing.")
    if not isinstance(free, list) or not free:
        raise BadInput(
            f"Argument `fit.free` must be a list of at least one parameter, but is {words(free)}."
        )
    for name in free:
        choose("fit.free", str(name), PARAMETERS)
        if not mediator and name in ("mediator_mass", "coupling"):
            raise BadInput(
                f"Argument `fit.free` must go without {name} where there is no [mediator]."
            )
    if len(set(free)) < len(free):
        raise BadInput(
            f"Argument `fit.free` must name each parameter once, but is {', '.join(free)}."
        )
    return tuple(free)


def _read_options(options: Mapping[str, Any], free: tuple[str, ...]) -> dict[str, Any]:
    read: dict[str, Any] = {
        "free": free,
        "target": positive("fit.target", options.get("target", RELIC_DENSITY_TARGET)),
        "sigma": positive("fit.sigma", options.get("sigma", RELIC_DENSITY_PLANCK2018_ERROR)),
        "tolerance": positive("fit.tolerance", options.get("tolerance", 1e-6)),
        "max_steps": whole("fit.max_steps", options.get("max_steps", 100), 1),
        "seed": whole("fit.seed", options.get("seed", 0), 0),
    }
    moment = options.get("mean_momentum")
    if moment is not None:
        if not isinstance(moment, list) or len(moment) != 2:
            raise BadInput(
                "Argument `fit.mean_momentum` must be a pair [value, error], "
                f"but is {words(moment)}."
            )
        read["mean_momentum"] = tuple(positive("fit.mean_momentum", value) for value in moment)
    read["fixed"] = _read_fixed(options.get("fixed", {}), free)
    read["bounds"] = _read_bounds(options.get("bounds", {}), free)
    starts = options.get("starts", 16)
    if isinstance(starts, Mapping):
        read["starts"] = _read_starts(starts, free, read["bounds"])
    else:
        read["starts"] = whole("fit.starts", starts, 1)
    return read


def _read_fixed(fixed: Any, free: tuple[str, ...]) -> dict[str, float]:
    check_keys("fit.fixed", fixed, PARAMETERS)
    for name in fixed:
        if name in free:
            raise BadInput(f"Argument `fit.fixed` must not name a free parameter, but has {name}.")
    return {name: value_of(f"fit.fixed.{name}", name, value) for name, value in fixed.items()}


def _read_bounds(bounds: Any, free: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    check_keys("fit.bounds", bounds, free)
    read = {}
    for name, pair in bounds.items():
        where = f"fit.bounds.{name}"
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadInput(f"Argument `{where}` must be a pair [low, high], but is {words(pair)}.")
        low, high = (value_of(where, name, value) for value in pair)
        if not low < high:
            raise BadInput(f"Argument `{where}` must rise from low to high, but is {words(pair)}.")
        read[name] = (low, high)
    return read


def _read_starts(starts: Any, free: tuple[str, ...], bounds) -> dict[str, list[float]]:
    check_keys("fit.starts", starts, free)
    read = {}
    for name in free:
        values, where = starts.get(name), f"fit.starts.{name}"
        if not isinstance(values, list) or not values:
            raise BadInput(f"Argument `{where}` must be a list of values, but is {words(values)}.")
        read[name] = [value_of(where, name, value) for value in values]
        low, high = bounds.get(name, (0.0, math.inf))
        for value, number in zip(values, read[name], strict=True):
            if not low <= number <= high:
                raise BadInput(f"Argument `{where}` must lie within its bounds, but is {value}.")
    if len({len(values) for values in read.values()}) > 1:
        raise BadInput("Argument `fit.starts` must have lists of one length.")
    return read
