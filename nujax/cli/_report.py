"""What the commands print: one JSON object, tables for people, CSV. Knows nothing of JAX."""

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nujax import __version__
from nujax._files import is_special
from nujax.constants import RELIC_DENSITY_TARGET

from ._inputs import BadInput, Inputs
from ._resonant import asymmetry_rows

# Below [MeV] a sterile neutrino is radiation when its energy counts.
_RELATIVISTIC_MASS = 1e-4
_ADVICE = {
    "boltzmann": "the Boltzmann equation",
    "quasi-static": "the Boltzmann equation, not averaged",
    "qke": "the density matrix",
}
# One sentence for each status that is not ok.
_STATUS_TEXT = {
    "under_resolved": "the estimated error is too large for the numbers to be trusted",
    "max_steps": "the integrator stopped before the end",
    "non_finite": "a number came out that is not finite",
    "runaway": "ν_s became half as many as ν_a, whose loss is not followed",
}


def message(text: str) -> None:
    """One line for the user, on stderr so that stdout holds nothing but the answer."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"nujax: {text}")


def number(value: Any) -> float | None:
    """A float, or None where it is missing or not finite: JSON has neither NaN nor infinity."""
    if value is None:
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def answer(
    inputs: Inputs,
    result: Any,
    gradient: Mapping[str, float] | None,
    columns: Mapping[str, Iterable[float]] | None = None,
) -> dict[str, Any]:
    """Everything there is to say about one point, with its spectrum if given, ready for JSON.

    The status is that of the production, or "non_finite" if a number that was asked for is not
    finite although the production itself was fine.
    """
    values: dict[str, Any] = {
        "relic_density": number(result.relic_density),
        "mean_momentum": number(result.mean_momentum),
        "comoving_yield": number(result.comoving_yield),
        "delta_n_eff": number(result.delta_n_eff),
    }
    slopes = {name: number(slope) for name, slope in (gradient or {}).items()}
    spectrum = {name: [number(v) for v in column] for name, column in (columns or {}).items()}
    status = str(result.status.name)
    if status == "ok" and any(
        None in numbers for numbers in (values.values(), slopes.values(), *spectrum.values())
    ):
        status = "non_finite"
    values |= {
        "status": status,
        "error_estimate": number(result.error_estimate),
        "regime": _regime(result.regime),
        "warnings": [*(str(text) for text in result.warnings()), *_ignored_options(inputs)],
    }
    if gradient is not None:
        values["gradient"] = slopes
    return values | {
        **spectrum,
        "inputs": inputs.echo(),
        "convention": inputs.convention,
        "version": __version__,
    }


def finish(report: Mapping[str, Any]) -> int:
    """Tells warnings and failures on stderr and returns the exit code, 0 or 1."""
    for text in report["warnings"]:
        message(f"warning: {text}")
    status = report["status"]
    if status == "ok":
        return 0
    message(f"numerical failure: status {status}, {_STATUS_TEXT.get(status, 'see the README')}.")
    return 1


def print_json(report: Mapping[str, Any]) -> None:
    """The report as one JSON object on stdout."""
    sys.stdout.write(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def print_tables(inputs: Inputs, report: Mapping[str, Any], *, stderr: bool = False) -> None:
    """The report for people: the numbers, then the logarithmic derivatives where asked for."""
    console = Console(highlight=False, stderr=stderr)
    console.print(_title(inputs), style="bold")
    table = Table(show_header=False, box=None, padding=(0, 2))
    omega = report["relic_density"]
    share = "" if omega is None else f"{omega / RELIC_DENSITY_TARGET:.3g} of all dark matter"
    table.add_row("Ω h²", _digits(omega), share)
    table.add_row("⟨p/T⟩", _digits(report["mean_momentum"]), "mean momentum, 3.151 if thermal")
    table.add_row("n/s", _digits(report["comoving_yield"]), "comoving yield, ν and antiν together")
    if inputs.mass < _RELATIVISTIC_MASS:
        energy = "energy of ν_s in units of one neutrino flavour"
        table.add_row("ΔN_eff", _digits(report["delta_n_eff"]), energy)
    table.add_row("regime", *_regime_words(report["regime"]))
    error = report["error_estimate"]
    table.add_row(
        "status", report["status"], "" if error is None else f"relative error about {error:.1e}"
    )
    for row in asymmetry_rows(report):
        table.add_row(*row)
    if "decay_share" in report:
        table.add_row("decays", f"{report['decay_share']:.3%}", "share of what was made")
    if "boltzmann" in report:
        other = f"Ω h² = {_digits(report['boltzmann']['relic_density'])} there"
        table.add_row("ratio", f"{report['ratio']:.6f}", f"to the Boltzmann equation, {other}")
    if "recommendation" in report:
        advice = report["recommendation"]
        table.add_row("enough", _ADVICE[advice["method"]], " ".join(advice["reasons"]))
    console.print(table)
    if "gradient" in report:
        console.print("d ln Ω h² / d ln", style="bold")
        slopes = Table(show_header=False, box=None, padding=(0, 2))
        for name, slope in report["gradient"].items():
            slopes.add_row(name, _digits(slope))
        console.print(slopes)


def check_output(path: Path) -> None:
    """Checks before any work that the file can be written. Raises `BadInput` otherwise."""
    folder = path.resolve().parent
    if path.is_dir() or not folder.is_dir():
        raise BadInput(f"Argument `output` must be a file in an existing folder, but is {path}.")
    if not os.access(path if is_special(path) else folder, os.W_OK):
        raise BadInput(f"Argument `output` must be in a folder you may write to, but is {path}.")


def csv_text(columns: Mapping[str, Iterable[float]]) -> str:
    """Columns as CSV with one header line; every number with all its digits, NaN left empty."""
    rows = zip(*([number(v) for v in column] for column in columns.values()), strict=True)
    lines = [",".join("" if v is None else repr(v) for v in row) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


def _regime(regime: Any) -> dict[str, Any]:
    """What made the sterile neutrinos; z = 1 MeV/T, None where there is no such temperature."""
    shares = dict(zip(regime.names, (number(share) for share in regime.shares), strict=True))
    times = {name: number(getattr(regime, name)) for name in ("z_0", "z_1", "z_2")}
    return {"name": regime.name, "description": str(regime), "shares": shares, **times}


def _regime_words(regime: Mapping[str, Any]) -> tuple[str, str]:
    """Name, and where: the temperatures that end collisions and suppression of the mixing."""
    ends = {"z_0": "Γ = H", "z_1": "Δ = max(|V|, Γ)", "z_2": "T = m"}
    places = [f"{ends[name]} at {1.0 / regime[name]:.3g} MeV" for name in ends if regime[name]]
    _, _, words = regime["description"].partition(" ")
    return regime["name"], "; ".join([words.strip("()"), *places])


def _ignored_options(inputs: Inputs) -> list[str]:
    alone = inputs.mediator is None and inputs.method != "self-interacting"
    if alone and inputs.convention != "exact":
        return ["--convention concerns the mediator alone and changes nothing without one"]
    return []


def _title(inputs: Inputs) -> str:
    flavour = {"e": "ν_e", "mu": "ν_μ", "tau": "ν_τ"}[inputs.flavour]
    force = f" with a {inputs.mediator} mediator" if inputs.mediator else ""
    schemes = {
        "boltzmann": "",
        "self-interacting": ", sterile self-interactions",
        "resonant": ", lepton asymmetry",
        "freeze-in": " and decays",
    }
    scheme = schemes.get(inputs.method, ", density matrix")
    kind = "Resonant" if inputs.method == "resonant" else "Dodelson–Widrow"
    return f"{kind} production through {flavour}{force}, {inputs.inputs} inputs{scheme}"


def _digits(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.7g}"
