"""Reads and checks what the user typed, before anything is computed and before JAX is loaded."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from nujax.constants import FLAVOURS, LIGHTEST_MEDIATOR
from nujax.units import parse_quantity

if TYPE_CHECKING:
    from ._births import DecayInputs, TransitionInputs

MEDIATORS = ("scalar", "vector", "lmu-ltau", "b-l")
CONVENTIONS = ("exact", "paper")
INPUT_SETS = ("precise", "paper")
METHODS = ("boltzmann", "qke", "both", "self-interacting", "resonant", "freeze-in")
ORDERINGS = ("normal", "inverted")
DEGREES = ("saikawa-shirai", "borsanyi")

# What people write for a flavour, so that the message can point to the right word.
_FLAVOUR_WORDS = {"electron": "e", "nue": "e", "muon": "mu", "numu": "mu", "µ": "mu", "μ": "mu"}


class BadInput(Exception):
    """An argument that cannot be used; the message is one sentence for the user."""


@dataclass(frozen=True)
class Inputs:
    """The checked parameters of one point; energies in MeV."""

    mass: float
    sin2_2theta: float
    flavour: str
    mediator: str | None
    mediator_mass: float | None
    coupling: float | None
    bose: bool
    inputs: str
    convention: str
    plasma: str
    t_initial: float | None
    t_final: float | None
    method: str = "boltzmann"
    ordering: str = "normal"
    lepton_asymmetry: float | None = None
    redistribution: str | None = None
    history: "TransitionInputs | None" = None
    decay: "DecayInputs | None" = None

    def parameters(self) -> dict[str, float]:
        """The continuous parameters by name, those that a gradient runs over."""
        parameters = {"mass": self.mass, "sin2_2theta": self.sin2_2theta}
        if self.mediator_mass is not None and self.coupling is not None:
            parameters |= {"mediator_mass": self.mediator_mass, "coupling": self.coupling}
        if self.lepton_asymmetry:  # an abundance has no logarithmic derivative at zero
            parameters |= {"lepton_asymmetry": self.lepton_asymmetry}
        for more in (self.history, self.decay):
            parameters |= {} if more is None else more.parameters()
        return parameters

    def echo(self) -> dict[str, Any]:
        """Every input for the output, energies in MeV."""
        given: dict[str, Any] = asdict(self) | {"energy_unit": "MeV"}
        if self.method != "resonant":  # whose options these are
            del given["lepton_asymmetry"], given["redistribution"]
        history, decay = given.pop("history"), given.pop("decay")
        return given | (history or {}) | (decay or {})


def read_inputs(
    *,
    mass: str,
    sin2_2theta: str,
    flavour: str = "mu",
    mediator: str | None = None,
    mediator_mass: str | None = None,
    coupling: str | None = None,
    bose: bool = False,
    inputs: str = "precise",
    convention: str = "exact",
    plasma: str | None = None,
    t_initial: str | None = None,
    t_final: str | None = None,
    method: str = "boltzmann",
    ordering: str = "normal",
    lepton_asymmetry: str | None = None,
    redistribution: str | None = None,
    transition: str | None = None,
    mass_before: str | None = None,
    decay: Mapping[str, str | None] | None = None,
) -> Inputs:
    """The checked inputs of one point.

    Raises `BadInput` with a sentence of the form "Argument `mass` must ..., but is ...".
    """
    choose("flavour", flavour, FLAVOURS, _FLAVOUR_WORDS)
    choose("inputs", inputs, INPUT_SETS)
    choose("method", method, METHODS)
    choose("ordering", ordering, ORDERINGS)
    choose("convention", convention, CONVENTIONS)
    if mediator is not None:
        choose("mediator", mediator, MEDIATORS)
    if mediator == "lmu-ltau" and flavour == "e":
        raise BadInput(
            "Argument `flavour` must be mu or tau, which feel the force L_μ − L_τ, but is e."
        )
    if bose and mediator not in (None, "scalar"):
        raise BadInput(
            f"Argument `bose` must be left out with --mediator {mediator}: scalars alone have it."
        )
    _check_mediator_is_complete(mediator, mediator_mass, coupling, bose)
    if inputs == "paper" and plasma is not None:
        raise BadInput(
            "Argument `plasma` must be left out with --inputs paper, whose g* is constant, "
            f"but is {plasma}."
        )
    choose("plasma", plasma or DEGREES[0], DEGREES)
    # These read with the functions below.
    from ._births import read_decay, read_transition
    from ._resonant import read_asymmetry

    eta, redistribution = read_asymmetry(method, lepton_asymmetry, redistribution, inputs, ordering)

    mass_now = read_energy("mass", mass, example="7.1keV")
    checked = Inputs(
        mass=mass_now,
        sin2_2theta=read_number("sin2-2theta", sin2_2theta),
        flavour=flavour,
        mediator=mediator,
        mediator_mass=(
            None
            if mediator_mass is None
            else read_energy("mediator-mass", mediator_mass, example="1GeV")
        ),
        coupling=None if coupling is None else read_number("coupling", coupling),
        bose=bose,
        inputs=inputs,
        convention=convention,
        plasma="constant" if inputs == "paper" else plasma or DEGREES[0],
        t_initial=None if t_initial is None else read_temperature("t-initial", t_initial),
        t_final=None if t_final is None else read_temperature("t-final", t_final),
        method=method,
        ordering=ordering,
        lepton_asymmetry=eta,
        redistribution=redistribution,
        history=read_transition(transition, mass_before, mass_now, method),
        decay=read_decay(method, decay or {}, mass_now),
    )
    if not 0 < checked.sin2_2theta < 1:
        raise BadInput(
            f"Argument `sin2-2theta` must lie between 0 and 1 (exclusive), but is {sin2_2theta}."
        )
    if checked.mediator_mass is not None and checked.mediator_mass < LIGHTEST_MEDIATOR:
        raise BadInput(f"Argument `mediator-mass` must be at least 1keV, but is {mediator_mass}.")
    largest, name = (4 * math.pi, "4π") if mediator == "scalar" else (2 * math.pi**0.5, "√4π")
    if checked.coupling is not None and not 0 < checked.coupling <= largest:
        raise BadInput(f"Argument `coupling` must lie between 0 and {name}, but is {coupling}.")
    if (
        checked.t_initial is not None
        and checked.t_final is not None
        and checked.t_final >= checked.t_initial
    ):
        raise BadInput(
            f"Argument `t-final` must lie below `t-initial` ({t_initial}), but is {t_final}."
        )
    return checked


def split_range(text: str) -> tuple[str, str] | None:
    """The two ends of "low:high", or None for a single quantity."""
    low, colon, high = text.partition(":")
    return (low.strip(), high.strip()) if colon else None


def read_grid(x_min: str, x_max: str, points: str) -> tuple[float, float, int]:
    """The checked grid of a spectrum: smallest x, largest x, number of points.

    Raises `BadInput` otherwise. Above x = 500 the Fermi-Dirac function leaves the range of
    numbers that f/f_FD can divide by.
    """
    low, high = read_number("x-min", x_min), read_number("x-max", x_max)
    if not low > 0:
        raise BadInput(f"Argument `x-min` must be positive, but is {x_min}.")
    if not low < high <= 500:
        raise BadInput(
            f"Argument `x-max` must lie above `x-min` ({x_min}) and up to 500, but is {x_max}."
        )
    if not (points.isdecimal() and 2 <= int(points) <= 1_000_000):
        raise BadInput(
            f"Argument `points` must be a whole number from 2 to 1000000, but is {points}."
        )
    return low, high, int(points)


def choose(
    name: str, value: str, allowed: tuple[str, ...], words: dict[str, str] | None = None
) -> None:
    """Checks that a word is one of the allowed ones; suggests the nearest.

    Raises `BadInput` otherwise.
    """
    if value in allowed:
        return
    lowered = value.lower()
    near = (words or {}).get(lowered) or next(iter(get_close_matches(lowered, allowed, 1)), None)
    hint = f" (did you mean {near}?)" if near else ""
    options = " or ".join([", ".join(allowed[:-1]), allowed[-1]] if allowed[1:] else allowed)
    raise BadInput(f"Argument `{name}` must be {options}, but is {value}{hint}.")


def read_number(name: str, text: str) -> float:
    """A finite number without a unit. Raises `BadInput` otherwise."""
    try:
        value = float(text)
    except ValueError:
        raise BadInput(f"Argument `{name}` must be a plain number, but is {text}.") from None
    if not math.isfinite(value):
        raise BadInput(f"Argument `{name}` must be finite, but is {text}.")
    return value


def read_energy(name: str, text: str, *, example: str, dimension: str = "energy") -> float:
    """A positive, finite energy, mass or temperature [MeV]. Raises `BadInput` otherwise."""
    with contextlib.suppress(ValueError):
        float(text)
        raise BadInput(
            f"Argument `{name}` must carry a unit (for example {example}), but is {text}."
        )
    try:
        value = parse_quantity(text, dimension)
    except ValueError as error:
        raise BadInput(str(error).replace("A quantity", f"Argument `{name}`", 1)) from None
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f"Argument `{name}` must be positive and finite, but is {text}.")
    return value


def read_temperature(name: str, text: str) -> float:
    """A positive, finite temperature [MeV]. Raises `BadInput` otherwise."""
    return read_energy(name, text, example="10GeV", dimension="temperature")


def _check_mediator_is_complete(
    mediator: str | None,
    mediator_mass: str | None,
    coupling: str | None,
    bose: bool,
) -> None:
    """A mediator needs its mass and coupling; these need a mediator."""
    numbers = {"mediator-mass": mediator_mass, "coupling": coupling}
    if mediator is not None:
        for name, value in numbers.items():
            if value is None:
                raise BadInput(
                    f"Argument `{name}` must be given with --mediator {mediator}, but is missing."
                )
        return
    given = {name: value for name, value in numbers.items() if value is not None}
    if bose:
        given["bose"] = "set"
    for name, value in given.items():
        raise BadInput(
            f"Argument `{name}` must come with a mediator (add --mediator scalar, for example), "
            f"but is {value} without one."
        )
