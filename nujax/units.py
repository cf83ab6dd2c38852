"""Units as powers of MeV (ħ = c = k_B = 1), and quantities written with a unit.

    from nujax.units import GeV, keV
    mass = 7.1 * keV          # in MeV
    mass / keV                # back to keV

An energy, mass, momentum or temperature is MeV; a length or a time is 1/MeV.
"""

from __future__ import annotations

import math
import re

from .constants import BOLTZMANN_CONSTANT, GRAM, HBAR, HBAR_C

# Energy, mass, momentum [MeV].
eV = 1e-6
keV = 1e-3
MeV = 1.0
GeV = 1e3
TeV = 1e6
g = GRAM
kg = 1e3 * GRAM

# Temperature [MeV].
K = BOLTZMANN_CONSTANT

# Length [MeV^-1].
cm = 1.0 / HBAR_C
m = 1e2 * cm
km = 1e5 * cm
fm = 1e-13 * cm

# Time [MeV^-1].
s = 1.0 / HBAR
yr = 365.25 * 86400.0 * s  # Julian year

# Cross-section [MeV^-2].
barn = 1e-24 * cm**2
pb = 1e-36 * cm**2

_ENERGY = {"eV": eV, "keV": keV, "MeV": MeV, "GeV": GeV, "TeV": TeV}
_DIMENSIONS = {
    "energy": _ENERGY,
    "temperature": {"K": K, **_ENERGY},
    "length": {"fm": fm, "cm": cm, "m": m, "km": km},
    "time": {"s": s, "yr": yr},
}
_EXAMPLES = {"energy": "7.1keV", "temperature": "10GeV", "length": "1cm", "time": "1s"}
_QUANTITY = re.compile(
    r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\W\d_]\w*)?\s*"
)


def parse_quantity(text: str, dimension: str = "energy") -> float:
    """The value of a number with a unit, such as "7.1keV" or "1.5e-3 MeV", in powers of MeV.

    Arguments:
      text       a finite number and one unit; blanks between and around them are allowed
      dimension  "energy" (also mass and momentum), "temperature" [MeV], "length" or
                 "time" [1/MeV]: only its units are accepted

    A number without a unit is refused, because a wrong guess would be a silent factor of
    thousands. Units are case-sensitive: "meV" is not "MeV".

    Raises `ValueError` with a sentence for the user if the number or the unit is missing,
    unknown or not finite, and if `dimension` is unknown.
    """
    if dimension not in _DIMENSIONS:
        names = ", ".join(f'"{name}"' for name in _DIMENSIONS)
        raise ValueError(f"Argument `dimension` must be one of {names}, but is {dimension!r}.")
    units = _DIMENSIONS[dimension]
    wanted = (
        f"must be a number with a unit of {dimension} ({', '.join(units)}), "
        f"for example {_EXAMPLES[dimension]}"
    )
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"A quantity {wanted}, but is {text!r}.")
    unit = match["unit"]
    if unit is None:
        raise ValueError(f"A quantity {wanted}, but {text!r} has no unit.")
    if unit not in units:
        near = [name for name in units if name.lower() == unit.lower()]
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"A quantity {wanted}, but {text!r} has the unit {unit!r}{hint}.")
    value = float(match["number"]) * units[unit]
    if not math.isfinite(value):
        raise ValueError(f"A quantity {wanted}, but {text!r} is too large to be represented.")
    return value
