"""`nujax plot`: one of the figures of the sources."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from ._inputs import BadInput, choose
from ._report import check_output

# The names of `nujax.plot.figures.FIGURES`, known here without loading JAX.
FIGURES = {
    "scalar-curve": "1910.04901 fig. 2, limits on the scalar",
    "scalar-production": "fig. 3, when A, B, C and DW are made",
    "scalar-spectra": "fig. 4, their spectra",
    "mixing-plane": "fig. 5, m₄ and sin²2θ",
    "vector-evolution": "2005.03681 fig. 5, rates and mixing",
    "vector-curve": "fig. 6",
    "lmu-ltau-curve": "fig. 7",
    "b-l-curve": "fig. 8",
    "matter-power": "suppression of structure, needs classy",
}
_SUFFIXES = (".png", ".pdf", ".svg")


def check(figure: str, output: Path) -> None:
    """Raises `BadInput` for an unknown figure, or a file that cannot be drawn."""
    choose("figure", figure, tuple(FIGURES))
    check_output(output)
    if output.suffix not in _SUFFIXES:
        raise BadInput(f"Argument `output` must end in {', '.join(_SUFFIXES)}, but is {output}.")
    if importlib.util.find_spec("matplotlib") is None:
        raise BadInput("Figures need matplotlib: pip install 'nujax[plot]'.")
    if figure == "matter-power" and importlib.util.find_spec("classy") is None:
        raise BadInput("The figure matter-power needs CLASS: pip install 'nujax[class]'.")


def draw(figure: str, output: Path, dpi: int = 120) -> None:
    """Draws the figure into the file. Loads JAX."""
    from ._runtime import prepare_jax

    prepare_jax()
    from nujax.plot.figures import FIGURES as FUNCTIONS

    axes: Any = FUNCTIONS[figure]()
    one = axes.ravel()[0] if hasattr(axes, "ravel") else axes
    one.figure.savefig(output, dpi=dpi)
    sys.stdout.write(f"{output}\n")
