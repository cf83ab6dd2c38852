"""Reads a configuration file of a fit: TOML, checked before JAX is loaded.

Tables and keys have the names of the Python fields: [sterile], [mediator], [inputs], [fit].
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nujax.constants import RELIC_DENSITY_PLANCK2018_ERROR, RELIC_DENSITY_TARGET

from ._inputs import BadInput, Inputs, choose, read_energy, read_inputs

PARAMETERS = ("mass", "sin2_2theta", "mediator_mass", "coupling")
_ENERGIES = {"mass": "7.1keV", "mediator_mass": "1GeV"}
# Where each key goes among the arguments of a point; None is a table of its own.
_KEYS: dict[str, dict[str, str]] = {
    "sterile": {"mass": "mass", "sin2_2theta": "sin2_2theta", "flavour": "flavour"},
    "mediator": {
        "kind": "mediator",
        "mass": "mediator_mass",
        "coupling": "coupling",
        "convention": "convention",
        "bose": "bose",
    },
    "inputs": {
        "set": "inputs",
        "plasma": "plasma",
        "T_initial": "t_initial",
        "T_final": "t_final",
    },
}
_FIT_KEYS = (
    *("free", "target", "sigma", "mean_momentum", "fixed", "starts", "bounds"),
    *("tolerance", "max_steps", "seed"),
)
# A free parameter may be left out of its table: a start in the middle of things.
_MIDDLE = {"mass": "7.1keV", "sin2_2theta": 1e-10, "mediator_mass": "1GeV", "coupling": 1e-3}


@dataclass(frozen=True)
class FitSetup:
    """A checked configuration; energies in MeV."""

    inputs: Inputs
    options: dict[str, Any]  # the arguments of `nujax.inference.fit`


def read_fit(path: Path) -> FitSetup:
    """The checked set-up of a fit.

    Raises `BadInput` with a sentence that names the key, as in "Argument `fit.target` must …".
    """
    content = _load(path)
    _check_keys("", content, (*_KEYS, "fit"))
    for table, keys in _KEYS.items():
        _check_keys(table, content.get(table, {}), tuple(keys))
    options = content.get("fit")
    if options is None:
        raise BadInput("Argument `fit` must be a table with the key `free`, but is missing.")
    _check_keys("fit", options, _FIT_KEYS)
    free = _read_free(options, "mediator" in content)
    read = _read_options(options, free)
    return FitSetup(_read_point(content, free), read)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(
            f"Argument `config` must be a file that can be read, but is {path} ({why})."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"Argument `config` must be TOML, but {path} is not: {error}.") from None


def _check_keys(table: str, content: Any, known: tuple[str, ...]) -> None:
    """Unknown keys are refused, with the nearest known one."""
    if not isinstance(content, Mapping):
        raise BadInput(f"Argument `{table}` must be a table, but is {_words(content)}.")
    for key in content:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            place = f"Table `{table}`" if table else "The configuration"
            raise BadInput(f"{place} must have keys of {', '.join(known)}, but has {key}{hint}.")


def _read_point(content: Mapping[str, Any], free: tuple[str, ...]) -> Inputs:
    """The theory, checked as the options of the other commands are."""
    arguments: dict[str, Any] = {}
    for table, keys in _KEYS.items():
        for key, argument in keys.items():
            value = content.get(table, {}).get(key)
            if value is None and argument in free:
                value = _MIDDLE[argument]
            if value is not None:
                arguments[argument] = _as_text(f"{table}.{key}", argument, value)
    for name in ("mass", "sin2_2theta"):
        if name not in arguments:
            raise BadInput(f"Argument `sterile.{name}` must be given, but is missing.")
    if "mediator" in content and "mediator" not in arguments:
        raise BadInput("Argument `mediator.kind` must be given with [mediator], but is missing.")
    try:
        return read_inputs(**arguments)
    except BadInput as error:
        raise BadInput(_in_keys(str(error))) from None


def _as_text(where: str, argument: str, value: Any) -> Any:
    """A value as the command line would have it, of the type that the key needs."""
    if argument == "bose":
        if not isinstance(value, bool):
            raise BadInput(f"Argument `{where}` must be true or false, but is {_words(value)}.")
        return value
    if argument in ("sin2_2theta", "coupling"):
        return repr(_number(where, value))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadInput(f"Argument `{where}` must be text, but is {_words(value)}.")
    return str(value)


def _in_keys(sentence: str) -> str:
    """A sentence on options of the command line in terms of the file."""
    for table, keys in _KEYS.items():
        for key, argument in keys.items():
            option = argument.replace("_", "-")
            sentence = sentence.replace(f"`{option}`", f"`{table}.{key}`")
    for option, key in (("--mediator ", "kind = "), ("--inputs ", "set = ")):
        sentence = sentence.replace(option, key)
    return sentence


def _read_free(options: Mapping[str, Any], mediator: bool) -> tuple[str, ...]:
    free = options.get("free")
    if free is None:
        raise BadInput("Argument `fit.free` must list the free parameters, but is missing.")
    if not isinstance(free, list) or not free:
        raise BadInput(
            f"Argument `fit.free` must be a list of at least one parameter, but is {_words(free)}."
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
        "target": _positive("fit.target", options.get("target", RELIC_DENSITY_TARGET)),
        "sigma": _positive("fit.sigma", options.get("sigma", RELIC_DENSITY_PLANCK2018_ERROR)),
        "tolerance": _positive("fit.tolerance", options.get("tolerance", 1e-6)),
        "max_steps": _whole("fit.max_steps", options.get("max_steps", 100), 1),
        "seed": _whole("fit.seed", options.get("seed", 0), 0),
    }
    moment = options.get("mean_momentum")
    if moment is not None:
        if not isinstance(moment, list) or len(moment) != 2:
            raise BadInput(
                "Argument `fit.mean_momentum` must be a pair [value, error], "
                f"but is {_words(moment)}."
            )
        read["mean_momentum"] = tuple(_positive("fit.mean_momentum", value) for value in moment)
    read["fixed"] = _read_fixed(options.get("fixed", {}), free)
    read["bounds"] = _read_bounds(options.get("bounds", {}), free)
    starts = options.get("starts", 16)
    if isinstance(starts, Mapping):
        read["starts"] = _read_starts(starts, free, read["bounds"])
    else:
        read["starts"] = _whole("fit.starts", starts, 1)
    return read


def _read_fixed(fixed: Any, free: tuple[str, ...]) -> dict[str, float]:
    _check_keys("fit.fixed", fixed, PARAMETERS)
    for name in fixed:
        if name in free:
            raise BadInput(f"Argument `fit.fixed` must not name a free parameter, but has {name}.")
    return {name: _value(f"fit.fixed.{name}", name, value) for name, value in fixed.items()}


def _read_bounds(bounds: Any, free: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    _check_keys("fit.bounds", bounds, free)
    read = {}
    for name, pair in bounds.items():
        where = f"fit.bounds.{name}"
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadInput(f"Argument `{where}` must be a pair [low, high], but is {_words(pair)}.")
        low, high = (_value(where, name, value) for value in pair)
        if not low < high:
            raise BadInput(f"Argument `{where}` must rise from low to high, but is {_words(pair)}.")
        read[name] = (low, high)
    return read


def _read_starts(starts: Any, free: tuple[str, ...], bounds) -> dict[str, list[float]]:
    _check_keys("fit.starts", starts, free)
    read = {}
    for name in free:
        values, where = starts.get(name), f"fit.starts.{name}"
        if not isinstance(values, list) or not values:
            raise BadInput(f"Argument `{where}` must be a list of values, but is {_words(values)}.")
        read[name] = [_value(where, name, value) for value in values]
        low, high = bounds.get(name, (0.0, math.inf))
        for value, number in zip(values, read[name], strict=True):
            if not low <= number <= high:
                raise BadInput(f"Argument `{where}` must lie within its bounds, but is {value}.")
    if len({len(values) for values in read.values()}) > 1:
        raise BadInput("Argument `fit.starts` must have lists of one length.")
    return read


def _value(where: str, name: str, value: Any) -> float:
    """A value of a parameter: a quantity with its unit for energies [MeV], else a number."""
    if name in _ENERGIES:
        return read_energy(where, str(value), example=_ENERGIES[name])
    return _positive(where, value)


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"Argument `{where}` must be a plain number, but is {_words(value)}.")
    return float(value)


def _positive(where: str, value: Any) -> float:
    number = _number(where, value)
    if number <= 0:
        raise BadInput(f"Argument `{where}` must be positive, but is {value}.")
    return number


def _whole(where: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(
            f"Argument `{where}` must be a whole number from {least} on, but is {_words(value)}."
        )
    return value


def _words(value: Any) -> str:
    """A value as it stands in the file, near enough."""
    if value is None:
        return "missing"
    if isinstance(value, list):
        return f"[{', '.join(map(_words, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
