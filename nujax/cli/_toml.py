"""Reads tables of TOML files with the names of the Python fields, before JAX is loaded.

What every kind of file shares: unknown keys, the theory in [sterile], [mediator] and [inputs], and
plain values.
"""

import math
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ._inputs import BadInput, Inputs, read_energy, read_inputs

PARAMETERS = ("mass", "sin2_2theta", "mediator_mass", "coupling")
ENERGIES = {"mass": "7.1keV", "mediator_mass": "1GeV"}
# Where each key goes among the arguments of a point; None is a table of its own.
KEYS: dict[str, dict[str, str]] = {
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
# A free parameter may be left out of its table: a start in the middle of things.
_MIDDLE = {"mass": "7.1keV", "sin2_2theta": 1e-10, "mediator_mass": "1GeV", "coupling": 1e-3}


def load(path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises `BadInput` if there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(
            f"Argument `config` must be a file that can be read, but is {path} ({why})."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"Argument `config` must be TOML, but {path} is not: {error}.") from None


def check_keys(table: str, content: Any, known: tuple[str, ...]) -> None:
    """Unknown keys are refused, with the nearest known one."""
    if not isinstance(content, Mapping):
        raise BadInput(f"Argument `{table}` must be a table, but is {words(content)}.")
    for key in content:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            place = f"Table `{table}`" if table else "The configuration"
            raise BadInput(f"{place} must have keys of {', '.join(known)}, but has {key}{hint}.")


def read_point(content: Mapping[str, Any], free: tuple[str, ...]) -> Inputs:
    """The theory, checked as the options of the other commands are."""
    arguments: dict[str, Any] = {}
    for table, keys in KEYS.items():
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
            raise BadInput(f"Argument `{where}` must be true or false, but is {words(value)}.")
        return value
    if argument in ("sin2_2theta", "coupling"):
        return repr(number_of(where, value))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadInput(f"Argument `{where}` must be text, but is {words(value)}.")
    return str(value)


def _in_keys(sentence: str) -> str:
    """A sentence on options of the command line in terms of the file."""
    for table, keys in KEYS.items():
        for key, argument in keys.items():
            option = argument.replace("_", "-")
            sentence = sentence.replace(f"`{option}`", f"`{table}.{key}`")
    for option, key in (("--mediator ", "kind = "), ("--inputs ", "set = ")):
        sentence = sentence.replace(option, key)
    return sentence


def value_of(where: str, name: str, value: Any) -> float:
    """A value of a parameter: a quantity with its unit for energies [MeV], else a number."""
    if name in ENERGIES:
        return read_energy(where, str(value), example=ENERGIES[name])
    return positive(where, value)


def number_of(where: str, value: Any) -> float:
    """A finite number. Raises `BadInput` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"Argument `{where}` must be a plain number, but is {words(value)}.")
    return float(value)


def positive(where: str, value: Any) -> float:
    """A positive number. Raises `BadInput` otherwise."""
    number = number_of(where, value)
    if number <= 0:
        raise BadInput(f"Argument `{where}` must be positive, but is {value}.")
    return number


def whole(where: str, value: Any, least: int) -> int:
    """A whole number from `least` on. Raises `BadInput` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(
            f"Argument `{where}` must be a whole number from {least} on, but is {words(value)}."
        )
    return value


def words(value: Any) -> str:
    """A value as it stands in the file, near enough."""
    if value is None:
        return "missing"
    if isinstance(value, list):
        return f"[{', '.join(map(words, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
