"""Axes and colours that all figures share."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's colours, told apart by colour-blind readers and in grey print.
REGIME_COLOURS = {"DW": "#999999", "A": "#0072B2", "B": "#D55E00", "C": "#009E73"}
# Of curves beside each other, with a line style each for print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = {"DW": "-", "A": "--", "B": "-.", "C": (0, (4, 1, 1, 1, 1, 1))}


def new_axes(axes: Any, rows: int = 1, size: tuple[float, float] = (6.0, 4.2)) -> Any:
    """The axes given, or those of a new figure: one, or an array of `rows` above each other.

    Raises `ImportError` with the line to paste if matplotlib is missing.
    """
    if axes is not None:
        return axes
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "Figures need matplotlib: pip install 'nujax[plot]' (or pip install matplotlib)."
        ) from None
    # No pyplot: it would choose a window system and keep every figure alive.
    figure = Figure(figsize=size, layout="constrained")
    return figure.subplots(rows, sharex=True) if rows > 1 else figure.subplots()


def regime_style(name: str, index: int) -> dict[str, Any]:
    """Colour and line of a curve called after a regime, or of the curve number `index`."""
    if name in REGIME_COLOURS:
        return {"color": REGIME_COLOURS[name], "ls": LINES[name]}
    return {"color": COLOURS[index % len(COLOURS)], "ls": "-"}
