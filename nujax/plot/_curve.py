"""Curves of Ω h² = 0.12 in the plane of two parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import REGIME_COLOURS, new_axes

if TYPE_CHECKING:
    from ..inference import Band, RelicCurve

_SHADES = ("#d9d9d9", "#f0e442", "#cc79a7")
_LABELS = {
    "mass": r"$m_4$ [MeV]",
    "sin2_2theta": r"$\sin^2 2\theta$",
    "mediator_mass": r"$m$ [MeV]",
    "coupling": "coupling",
}


def relic_curve(
    curve: RelicCurve, axes: Any = None, bands: Mapping[str, Band] | None = None, **style: Any
) -> Any:
    """Draw a relic curve, coloured by regime, with its folds; returns the matplotlib axes.

    curve   of `nujax.inference.trace_relic_curve`; energies in MeV, both axes logarithmic
    axes    drawn on if given, otherwise those of a new figure
    bands   of `nujax.inference.uncertainty_bands`, shaded behind the curve
    style   of every line, passed on to `Axes.plot`

    Raises `ImportError` with the line to paste if matplotlib is missing.
    """
    axes = new_axes(axes)
    for shade, (name, band) in zip(_SHADES, (bands or {}).items(), strict=False):
        for k, (low, high) in enumerate(zip(*band, strict=True)):
            outline = np.concatenate([low, high[::-1]])
            outline = outline[np.isfinite(outline[:, 0])]
            label = name.replace("_", " ") if k == 0 else None
            axes.fill(*outline.T, color=shade, linewidth=0, label=label)
    labelled: set[str] = set(axes.get_legend_handles_labels()[1])
    for branch, regimes in zip(curve.branches, curve.regimes(), strict=True):
        for start, stop, regime in _runs(regimes):
            # One point more, so that neighbouring pieces meet.
            piece = branch.points[start : stop + 1]
            label = None if regime in labelled else regime
            labelled.add(regime)
            line = {"color": REGIME_COLOURS[regime], "label": label} | style
            axes.plot(piece[:, 0], piece[:, 1], **line)
    if len(curve.folds):
        label = None if "fold" in labelled else "fold"
        axes.plot(*curve.folds.T, "o", color="black", markersize=3.5, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(_LABELS[curve.parameters[0]])
    axes.set_ylabel(_LABELS[curve.parameters[1]])
    if labelled:
        axes.legend(title=rf"$\Omega h^2 = {curve.target:g}$")
    return axes


def _runs(names: list[str]) -> list[tuple[int, int, str]]:
    """(first, behind the last, name) of neighbours with the same name."""
    edges = np.flatnonzero([a != b for a, b in zip(names[:-1], names[1:], strict=True)]) + 1
    bounds = [0, *edges, len(names)]
    return [(a, b, names[a]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
