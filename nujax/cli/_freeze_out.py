"""`nujax freeze-out`: input, computation and output of thermal dark matter."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from nujax import __version__
from nujax.constants import FLAVOURS, RELIC_DENSITY_TARGET

from ._inputs import DEGREES, BadInput, choose, read_energy, read_number
from ._report import finish, message, number, print_json

_STATUS_TEXT = {
    "no_freeze_out": (
        "annihilation is too slow to keep the dark matter in equilibrium until it is "
        "non-relativistic, so that there is no freeze-out; the numbers are those of equilibrium at "
        "T = m or of a relativistic freeze-out and must not be used"
    ),
    "no_root": "no coupling gives the relic density wanted",
}


@dataclass(frozen=True)
class Request:
    """The checked arguments; masses in MeV. A coupling of None is to be found for `target`."""

    dm_mass: float
    mediator_mass: float
    coupling: float | None
    asymmetry: float
    target: float
    plasma: str
    heavy_neutrino_mass: float | None
    flavour: str
    y_l: float | None


def read_request(
    *,
    dm_mass: str,
    mediator_mass: str,
    coupling: str | None,
    asymmetry: str,
    target: str | None,
    plasma: str | None,
    heavy_neutrino_mass: str | None,
    flavour: str,
    y_l: str | None,
) -> Request:
    """The checked request. Raises `BadInput` with a sentence for the user."""
    choose("plasma", plasma or DEGREES[0], DEGREES)
    choose("flavour", flavour, FLAVOURS)
    if coupling is not None and target is not None:
        raise BadInput(
            "Argument `target` must be left out with --coupling, whose Ω h² is computed, "
            f"but is {target}."
        )
    request = Request(
        dm_mass=read_energy("dm-mass", dm_mass, example="10GeV"),
        mediator_mass=read_energy("mediator-mass", mediator_mass, example="30GeV"),
        coupling=None if coupling is None else read_number("coupling", coupling),
        asymmetry=read_number("asymmetry", asymmetry),
        target=RELIC_DENSITY_TARGET if target is None else read_number("target", target),
        plasma=plasma or DEGREES[0],
        heavy_neutrino_mass=(
            None
            if heavy_neutrino_mass is None
            else read_energy("heavy-neutrino-mass", heavy_neutrino_mass, example="100GeV")
        ),
        flavour=flavour,
        y_l=None if y_l is None else read_number("y-l", y_l),
    )
    if not request.dm_mass < request.mediator_mass:
        raise BadInput(
            f"Argument `mediator-mass` must exceed `dm-mass` ({dm_mass}), but is {mediator_mass}: "
            "the scalar would be the stable particle and the dark matter."
        )
    if request.y_l is not None and not request.y_l > 0:
        raise BadInput(f"Argument `y-l` must be positive, but is {y_l}.")
    largest = 4 * math.pi if request.y_l is None else request.y_l
    if request.coupling is not None and not 0 < request.coupling < largest:
        name = "4π" if request.y_l is None else f"y-l ({y_l})"
        raise BadInput(f"Argument `coupling` must lie between 0 and {name}, but is {coupling}.")
    if not request.asymmetry >= 0:
        raise BadInput(f"Argument `asymmetry` must be zero or positive, but is {asymmetry}.")
    if not request.target > 0:
        raise BadInput(f"Argument `target` must be positive, but is {target}.")
    return request


def compute(request: Request, gradient: bool) -> dict[str, Any]:
    """Everything there is to say, ready for JSON. Loads JAX."""
    from ._runtime import prepare_jax

    prepare_jax()
    import jax
    import jax.numpy as jnp

    import nujax as nj
    from nujax import portal

    plasma = nj.Plasma.standard(degrees=request.plasma)
    masses = {"dm_mass": request.dm_mass, "mediator_mass": request.mediator_mass}
    status, coupling = None, request.coupling
    if coupling is None:
        found = portal.thermal_target(
            *masses.values(), target=request.target, asymmetry=request.asymmetry, plasma=plasma
        )
        coupling, status = float(found.coupling), nj.Status(int(found.status_code)).name
        if not 0 < coupling < (request.y_l or 4 * math.pi):
            return _without_root(request, coupling, status)
    values = masses | {"coupling": coupling}

    def theory_of(values):
        return portal.NeutrinoPortal.from_coupling(
            values["dm_mass"],
            values["mediator_mass"],
            values["coupling"],
            heavy_neutrino_mass=request.heavy_neutrino_mass,
            flavour=request.flavour,
            y_L=4 * math.pi if request.y_l is None else request.y_l,
        )

    theory = theory_of(values)
    result = portal.solve_freeze_out(theory, asymmetry=request.asymmetry, plasma=plasma)
    report = {
        "relic_density": number(result.relic_density),
        "x_freeze_out": number(result.x_freeze_out),
        "sigma_v_cm3_s": number(result.sigma_v_cm3_s),
        "sigma_v_freeze_out_cm3_s": number(result.sigma_v_freeze_out * portal.CM3_PER_S),
        "comoving_yield": number(result.comoving_yield),
        "antiparticle_yield": number(result.antiparticles),
        "coupling": coupling,
        "y_parameter": number(theory.y_parameter),
        "status": status if status not in (None, "ok") else result.status.name,  # type: ignore[union-attr]
        "warnings": result.warnings(),
    }
    if gradient:

        def log_density(shifts):
            shifted = {name: values[name] * jnp.exp(shift) for name, shift in shifts.items()}
            density = portal.solve_freeze_out(
                theory_of(shifted), asymmetry=request.asymmetry, plasma=plasma
            ).relic_density
            return jnp.log(density)

        slopes = jax.jacfwd(log_density)({name: jnp.zeros(()) for name in values})
        report["gradient"] = {name: number(slopes[name]) for name in values}
    if request.heavy_neutrino_mass is not None or request.y_l is not None:
        report["limits"] = nj.limits.check(theory, result).rows()
    return report | {"inputs": asdict(request) | {"energy_unit": "MeV"}, "version": __version__}


def show(report: dict[str, Any], as_json: bool) -> int:
    """Prints the report and returns the exit code."""
    if as_json:
        print_json(report)
    else:
        _print_table(report)
    status = report["status"]
    if status in _STATUS_TEXT:
        for text in report["warnings"]:
            message(f"warning: {text}")
        message(f"numerical failure: status {status}, {_STATUS_TEXT[status]}.")
        return 1
    return finish(report)


def _without_root(request: Request, coupling: float, status: str) -> dict[str, Any]:
    ceiling = "y_L" if request.y_l else "4π"
    reason = (
        f"Ω h² = {request.target:g} needs the coupling {coupling:.4g}, above {ceiling}."
        if math.isfinite(coupling)
        else f"No coupling gives Ω h² = {request.target:g}: does the asymmetry alone exceed it?"
    )
    empty = dict.fromkeys(("relic_density", "x_freeze_out", "sigma_v_cm3_s"))
    return empty | {
        "coupling": number(coupling),
        "status": "no_root" if status in ("ok", "max_steps") else status,
        "warnings": [reason],
        "inputs": asdict(request) | {"energy_unit": "MeV"},
        "version": __version__,
    }


def _print_table(report: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print("Freeze-out of χχ̄ → νν̄ through the neutrino portal", style="bold")
    table = Table(show_header=False, box=None, padding=(0, 2))
    names = {
        "relic_density": ("Ω h²", "χ and χ̄ together"),
        "x_freeze_out": ("x_f", "m/T where the yield is 2.5 times its equilibrium"),
        "sigma_v_cm3_s": ("⟨σv⟩", "cm³/s, at zero velocity"),
        "sigma_v_freeze_out_cm3_s": ("⟨σv⟩(x_f)", "cm³/s"),
        "coupling": ("G", "y_L √Σ|U|²"),
        "y_parameter": ("Y", "G⁴ (m_χ/m_φ)⁴"),
    }
    for key, (name, words) in names.items():
        value = report.get(key)
        table.add_row(name, "none" if value is None else f"{value:.7g}", words)
    table.add_row("status", report["status"], "")
    console.print(table)
    if "gradient" in report:
        console.print("d ln Ω h² / d ln", style="bold")
        slopes = Table(show_header=False, box=None, padding=(0, 2))
        for name, slope in report["gradient"].items():
            slopes.add_row(name, "not finite" if slope is None else f"{slope:.7g}")
        console.print(slopes)
    if "limits" in report:
        console.print("Limits (ratio above 1: excluded)", style="bold")
        rows = Table(show_header=False, box=None, padding=(0, 2))
        reaching = [row for row in report["limits"] if row["ratio"]]
        for row in reaching:
            words = row["verdict"] if row["kind"] == "limit" else row["kind"]
            rows.add_row(row["name"], f"{row['ratio']:.3g}", words, row["source"])
        console.print(rows)
        rest = len(report["limits"]) - len(reaching)
        console.print(f"{rest} limits do not reach this point or flavour (--json lists them).")
