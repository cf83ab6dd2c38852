"""Resonant production on the command line: its options, and what it adds to the report."""

from collections.abc import Mapping
from typing import Any

from ._inputs import BadInput, choose, read_number

REDISTRIBUTIONS = ("charge-neutrality", "none")


def read_asymmetry(
    method: str, asymmetry: str | None, redistribution: str | None, inputs: str, ordering: str
) -> tuple[float | None, str | None]:
    """The checked asymmetry and its redistribution; None for other methods than resonant.

    Raises `BadInput` where they are missing, out of place or out of range.
    """
    if method != "resonant":
        given = {"lepton-asymmetry": asymmetry, "redistribution": redistribution}
        for name, value in given.items():
            if value is not None:
                raise BadInput(
                    f"Argument `{name}` must come with --method resonant, but is {value} with "
                    f"--method {method}."
                )
        return None, None
    if asymmetry is None:
        raise BadInput(
            "Argument `lepton-asymmetry` must be given with --method resonant, but is missing."
        )
    if inputs != "precise":
        raise BadInput(
            f"Argument `inputs` must be precise with --method resonant, but is {inputs}."
        )
    if ordering != "normal":
        raise BadInput(
            f"Argument `ordering` must be normal with --method resonant, but is {ordering}."
        )
    choose("redistribution", redistribution or REDISTRIBUTIONS[0], REDISTRIBUTIONS)
    value = read_number("lepton-asymmetry", asymmetry)
    if not -1 < value < 1:
        raise BadInput(
            f"Argument `lepton-asymmetry` must lie between -1 and 1, but is {asymmetry}."
        )
    return value, redistribution or REDISTRIBUTIONS[0]


def asymmetry_report(result: Any) -> dict[str, Any]:
    """What is left of the asymmetry, and how it went into neutrinos and antineutrinos."""
    found = result.asymmetry
    return {
        "residual_asymmetry": float(found.residual),
        "antineutrino_share": float(found.antineutrino_share),
        "lepton_number_violation": float(found.violation),
    }


def asymmetry_rows(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of the table for people."""
    if "residual_asymmetry" not in report:
        return []
    initial = report["inputs"]["lepton_asymmetry"]
    left = report["residual_asymmetry"]
    return [
        ("n_L/n_γ", f"{left:.7g}", f"left of {initial:.7g}"),
        ("antiν", f"{report['antineutrino_share']:.3%}", "share of sterile antineutrinos"),
    ]
