"""Freeze-in and transitions on the command line: their options, and what they are made into."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ._inputs import BadInput, choose, read_energy, read_number, read_temperature

PARENTS = ("scalar", "frozen-out-scalar", "frozen-in-scalar", "b-l", "thermal-b-l")
FIELDS = ("step", "smooth")
WIDTH = 0.1  # of a smooth transition, in ln T
# Which numbers a parent may have besides its mass; exactly one of the first group is needed.
_STRENGTHS = {
    **dict.fromkeys(PARENTS[:3], ("width", "yukawa")),
    **dict.fromkeys(PARENTS[3:], ("parent-coupling",)),
}
_CROSS_SECTION = ("frozen-out-scalar", "frozen-in-scalar")
_PER_SQUARE_GEV = 1e-6  # in MeV⁻²


@dataclass(frozen=True)
class TransitionInputs:
    """A checked transition of the mass; MeV."""

    transition: str
    transition_temperature: float
    mass_before: float
    transition_width: float | None

    def parameters(self) -> dict[str, float]:
        """Those that a gradient runs over."""
        named = asdict(self)
        names = ("transition_temperature", "mass_before", "transition_width")
        return {name: named[name] for name in names if named[name] is not None}

    def build(self, mass: Any, values: Mapping[str, Any]) -> Any:
        """The `Transition` of a neutrino of today's mass; loads JAX."""
        import nujax as nj

        T_c, change = values["transition_temperature"], mass - values["mass_before"]
        if self.transition == "step":
            return nj.Transition(1.0, nj.StepField(T_c, change))
        return nj.Transition(1.0, nj.SmoothField(T_c, change, width=values["transition_width"]))


@dataclass(frozen=True)
class DecayInputs:
    """A checked parent; MeV, the cross section in MeV⁻²."""

    parent: str
    parent_mass: float
    width: float | None = None
    yukawa: float | None = None
    parent_coupling: float | None = None
    cross_section: float | None = None

    def parameters(self) -> dict[str, float]:
        """Those that a gradient runs over."""
        return {name: value for name, value in asdict(self).items() if value and name != "parent"}

    def build(self, values: Mapping[str, Any]) -> Any:
        """The parent; loads JAX."""
        import nujax as nj

        mass = values["parent_mass"]
        if self.parent_coupling is not None:
            return nj.BMinusLBoson(mass, values["parent_coupling"], self.parent == "thermal-b-l")
        strength = {name: values[name] for name in ("width", "yukawa") if name in values}
        if self.parent == "scalar":
            return nj.ThermalScalar(mass, **strength)
        start = "empty" if self.parent == "frozen-in-scalar" else "equilibrium"
        cross_section = values.get("cross_section", 0.0)
        return nj.DecoupledScalar(mass, **strength, cross_section=cross_section, start=start)


def read_transition(
    transition: str | None, mass_before: str | None, mass: float, method: str
) -> TransitionInputs | None:
    """The checked transition, None without one. Raises `BadInput`."""
    if transition is None:
        if mass_before is not None:
            raise BadInput(
                f"Argument `mass-before` must come with --transition, but is {mass_before}."
            )
        return None
    kind, _, rest = transition.partition(":")
    choose("transition", kind, FIELDS)
    temperature, _, width = rest.partition(":")
    if not temperature or (width and kind == "step"):
        raise BadInput(
            "Argument `transition` must be step:TEMPERATURE or smooth:TEMPERATURE[:WIDTH], "
            f"but is {transition}."
        )
    if mass_before is None:
        raise BadInput(
            "Argument `mass-before` must be given with --transition, but is missing: the mass of "
            "the sterile neutrino above it."
        )
    if method not in ("boltzmann", "freeze-in"):
        raise BadInput(
            f"Argument `transition` must come with --method boltzmann or freeze-in, not {method}."
        )
    number = None
    if kind == "smooth":
        number = read_number("transition", width) if width else WIDTH
        if not number > 0.0:
            raise BadInput(f"Argument `transition` must have a positive width, but is {width}.")
    before = read_energy("mass-before", mass_before, example="2keV")
    return TransitionInputs(kind, read_temperature("transition", temperature), before, number)


def read_decay(method: str, options: Mapping[str, str | None], mass: float) -> DecayInputs | None:
    """The checked parent, None for other methods than freeze-in. Raises `BadInput`."""
    given = {name: text for name, text in options.items() if text is not None}
    if method != "freeze-in":
        for name, text in given.items():
            raise BadInput(
                f"Argument `{name}` must come with --method freeze-in, but is {text} without it."
            )
        return None
    for name in ("parent", "parent-mass"):
        if name not in given:
            raise BadInput(f"Argument `{name}` must be given with --method freeze-in.")
    parent = given["parent"]
    choose("parent", parent, PARENTS)
    strengths = _STRENGTHS[parent]
    found = [name for name in ("width", "yukawa", "parent-coupling") if name in given]
    if len(found) != 1 or found[0] not in strengths:
        raise BadInput(
            f"Argument `{strengths[0]}` must be given with --parent {parent}"
            + (f", or else `{strengths[1]}`" if strengths[1:] else "")
            + f", but {' and '.join(found) or 'nothing'} is."
        )
    if "cross-section" in given and parent not in _CROSS_SECTION:
        raise BadInput(
            f"Argument `cross-section` must be left out with --parent {parent}, which is in "
            f"equilibrium or made by decays, but is {given['cross-section']}."
        )
    numbers: dict[str, float] = {}
    for name in ("yukawa", "parent-coupling", "cross-section"):
        if name in given:
            value = read_number(name, given[name])
            if not value > 0.0:
                raise BadInput(f"Argument `{name}` must be positive, but is {given[name]}.")
            unit = _PER_SQUARE_GEV if name == "cross-section" else 1.0
            numbers[name.replace("-", "_")] = value * unit
    if "width" in given:
        numbers["width"] = read_energy("width", given["width"], example="1e-12eV")
    parent_mass = read_energy("parent-mass", given["parent-mass"], example="100GeV")
    if not parent_mass > 2.0 * mass:
        raise BadInput(
            f"Argument `parent-mass` must exceed twice the sterile neutrino's mass, but is "
            f"{given['parent-mass']}."
        )
    return DecayInputs(parent, parent_mass, **numbers)


def decay_report(result: Any) -> dict[str, Any]:
    """Which fraction of the number decays made."""
    return {"decay_share": float(result.decay_share)}
