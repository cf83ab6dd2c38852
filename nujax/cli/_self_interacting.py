"""`nujax relic --method self-interacting`: input and computation."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._inputs import BadInput, Inputs, choose, read_energy, read_inputs, read_number

METHOD = "self-interacting"
FIELDS = ("real", "complex")


@dataclass(frozen=True)
class SelfInteractingInputs(Inputs):
    """`Inputs` with the sterile scalar (MeV) and, if it is given, the seed."""

    sterile_coupling: float = math.nan
    sterile_mediator_mass: float = math.nan
    sterile_mediator: str = "real"
    seed_relic_density: float | None = None
    seed_mean_momentum: float | None = None

    def parameters(self) -> dict[str, float]:
        """As `Inputs.parameters`, with the scalar's; the seed's where it is given."""
        numbers = super().parameters() | {
            "sterile_mediator_mass": self.sterile_mediator_mass,
            "sterile_coupling": self.sterile_coupling,
        }
        if self.seed_relic_density is not None and self.seed_mean_momentum is not None:
            numbers["seed_relic_density"] = self.seed_relic_density
            numbers["seed_mean_momentum"] = self.seed_mean_momentum
        return numbers


def read_any(method: str, dark: dict[str, str | None], **others: Any) -> Inputs:
    """Inputs of one point of any method; `dark` are the options of this one, None if left out.

    Raises `BadInput` with a sentence for the user.
    """
    if method != METHOD:
        for name, text in dark.items():
            if text is not None:
                raise BadInput(
                    f"Argument `{name}` must come with --method {METHOD}, but is {text} without it."
                )
        return read_inputs(method=method, **others)
    for name in ("sterile-coupling", "sterile-mediator-mass"):
        if dark[name] is None:
            raise BadInput(f"Argument `{name}` must be given with --method {METHOD}.")
    for name in ("t_initial", "t_final"):
        if others.get(name) is not None:
            option = name.replace("_", "-")
            raise BadInput(
                f"Argument `{option}` must be left out with --method {METHOD}, "
                f"but is {others[name]}."
            )
    if others.get("ordering", "normal") != "normal":
        raise BadInput(
            f"Argument `ordering` must be normal with --method {METHOD}, "
            f"but is {others['ordering']}."
        )
    base: dict[str, Any] = vars(read_inputs(**others)) | {"method": METHOD}
    field = dark["sterile-mediator"] or FIELDS[0]
    choose("sterile-mediator", field, FIELDS)
    mass = read_energy("sterile-mediator-mass", str(dark["sterile-mediator-mass"]), example="36keV")
    coupling = _positive("sterile-coupling", dark["sterile-coupling"])
    if not coupling < 4.0 * math.pi:
        raise BadInput(
            f"Argument `sterile-coupling` must lie between 0 and 4π, but is {coupling:g}."
        )
    if not mass > 2.0 * base["mass"]:
        raise BadInput(
            "Argument `sterile-mediator-mass` must exceed twice the sterile neutrino's mass "
            f"({2e3 * base['mass']:g} keV), but is {dark['sterile-mediator-mass']}."
        )
    seed = [dark["seed-relic-density"], dark["seed-mean-momentum"]]
    if (seed[0] is None) != (seed[1] is None):
        missing = "seed-relic-density" if seed[0] is None else "seed-mean-momentum"
        raise BadInput(
            f"Argument `{missing}` must be given too: a seed has a number and a momentum."
        )
    numbers = [
        None if text is None else _positive(name, text)
        for name, text in zip(("seed-relic-density", "seed-mean-momentum"), seed, strict=True)
    ]
    return SelfInteractingInputs(
        **base,
        sterile_coupling=coupling,
        sterile_mediator_mass=mass,
        sterile_mediator=field,
        seed_relic_density=numbers[0],
        seed_mean_momentum=numbers[1],
    )


def theory_of(inputs: SelfInteractingInputs) -> Callable[[Any], tuple[Any, ...]]:
    """Parameters → (sterile, interaction, plasma, method). Loads JAX.

    --convention is that of the matrix element; --inputs paper leaves ν_s and φ out of the expansion
    and makes the seed of the paper's rates.
    """
    from dataclasses import replace

    import nujax as nj
    from nujax.production import GivenSeed, OscillationSeed

    from . import _compute

    plasma = _compute.plasma_of(inputs)
    oscillations = _compute.method_of(replace(inputs, method="boltzmann"))

    def theory(values):
        sterile, interaction = _compute.theory_of(inputs, values)
        seed = OscillationSeed(oscillations)
        if "seed_relic_density" in values:
            seed = GivenSeed(values["seed_relic_density"], values["seed_mean_momentum"])
        scalar = nj.SterileScalar(
            values["sterile_mediator_mass"],
            values["sterile_coupling"],
            real=inputs.sterile_mediator == "real",
        )
        method = nj.SelfInteracting(
            scalar,
            seed,
            matrix_element=inputs.convention,
            expansion="plasma" if inputs.inputs == "paper" else "total",
        )
        return sterile, interaction, plasma, method

    return theory


def compute(inputs: SelfInteractingInputs, gradient: bool) -> tuple[Any, dict[str, float] | None]:
    """The result, and d ln Ω h²/d ln(parameter) if asked for."""
    from ._runtime import prepare_jax

    prepare_jax()
    import jax
    import jax.numpy as jnp

    import nujax as nj

    theory, values = theory_of(inputs), inputs.parameters()
    try:
        sterile, interaction, plasma, method = theory(values)
        result = nj.solve_production(sterile, interaction, plasma=plasma, method=method)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if not gradient:
        return result, None

    def log_density(shifts):
        shifted = {name: values[name] * jnp.exp(shift) for name, shift in shifts.items()}
        sterile, interaction, plasma, method = theory(shifted)
        return jnp.log(nj.relic_density(sterile, interaction, plasma=plasma, method=method))

    slopes = jax.jacfwd(log_density)({name: jnp.zeros(()) for name in values})
    return result, {name: float(slopes[name]) for name in values}


def _positive(name: str, text: str | None) -> float:
    value = read_number(name, str(text))
    if not value > 0.0:
        raise BadInput(f"Argument `{name}` must be positive, but is {text}.")
    return value
