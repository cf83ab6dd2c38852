"""Shaded limits in two planes: mediator mass and coupling, m₄ and sin²2θ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import COLOURS, new_axes

if TYPE_CHECKING:
    from ..limits import AbstractLimit
    from ..sterile import SterileNeutrino

_DIRECT = ("coupling", "g")  # quantities whose bound is one on the coupling itself
_GRID = 60
_SHADES = {"limit": 0.22, "estimate": 0.12, "preferred": 0.3}
_DASHES = ("-", "-.", ":", (0, (5, 1, 1, 1)))
_FAMILIES = {"beam dump": "0.35"}  # drawn alike, with one entry in the legend
_HATCH = {"estimate": "////", "preferred": "...."}


def coupling_limits(
    force: Callable[..., Any],
    sterile: SterileNeutrino,
    axes: Any = None,
    limits: Sequence[AbstractLimit] | None = None,
    mass: tuple[float, float] = (1.0, 1e4),
    coupling: tuple[float, float] = (1e-8, 3.0),
) -> Any:
    """Limits on a new force, shaded in the plane of its mass [MeV] and coupling; returns the axes.

    force    class, or function of (mass, coupling), for example `nujax.ScalarMediator`
    sterile  mass, mixing and flavour that limits on decays of ν_s refer to
    limits   default: all that constrain it. Data are shaded, estimates hatched, projections
             dashed, preferred bands dotted. Each is drawn where it has a number, and nowhere else.
    """
    import jax
    import jax.numpy as jnp

    from ..limits import NotConstrained, ThermalRelic, XrayLine, all_limits
    from ..limits import SterileTheory as Theory

    axes = new_axes(axes, size=(7.2, 5.0))
    masses = np.geomspace(*mass, 240)
    couplings = np.geomspace(*coupling, _GRID)
    probe = Theory(sterile, force(float(np.sqrt(mass[0] * mass[1])), coupling[0]))
    alone = Theory(sterile)
    drawn, seen = 0, set()
    for limit in all_limits() if limits is None else limits:
        if isinstance(limit, (XrayLine, ThermalRelic)) or not _of_the_force(limit, probe, alone):
            continue

        def bound(m: Any, g: Any, limit: Any = limit) -> Any:
            return limit.bound(Theory(sterile, force(m, g)))

        try:
            first = jax.vmap(lambda m, bound=bound: bound(m, jnp.asarray(1e-3)))(masses)
        except NotConstrained:
            continue
        family, _, _ = limit.name.partition(", ")
        shared = family in _FAMILIES and limit.kind == "limit"
        style = _style(drawn) if not shared else {"color": _FAMILIES[family], "ls": "-"}
        label = (f"{family}s" if family not in seen else None) if shared else limit.name
        seen.add(family)
        if first.quantity in _DIRECT:
            low = np.asarray(first.bound)
            high = np.full_like(low, coupling[1])
            if first.ceiling is not None:
                high = np.asarray(first.ceiling)
            if not np.isfinite(low).any():
                continue
            _draw(axes, masses, low, high, limit.kind, label, style)
        else:
            grid = np.geomspace(*mass, _GRID)
            m, g = (part.ravel() for part in np.meshgrid(grid, couplings))
            ratio = np.asarray(jax.vmap(bound)(m, g).ratio).reshape(_GRID, _GRID)
            if not (ratio > 1.0).any():
                continue
            _draw_area(axes, grid, couplings, ratio, limit.kind, label, style)
        drawn += not shared
    axes.set(xscale="log", yscale="log", xlim=mass, ylim=coupling)
    axes.set_xlabel(r"$m$ [MeV]")
    axes.set_ylabel("coupling")
    axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return axes


def mixing_limits(
    axes: Any = None,
    limits: Sequence[AbstractLimit] | None = None,
    mass: tuple[float, float] = (1.0, 50.0),
    mixing: tuple[float, float] = (1e-15, 1e-6),
    relic_mass: float = 5.3,
    flavour: str = "mu",
) -> Any:
    """X-ray limits and structure in the plane of m₄ [keV] and sin²2θ; returns the axes.

    limits      default: the X-ray limits; all dark matter is ν_s
    relic_mass  bound on thermal relics [keV], for a thermal spectrum of the neutrinos' temperature
                (grey, dashed); phase space of dwarf galaxies (grey)

    The line of 3.5 keV is a point with its error.
    """
    import jax

    from ..limits import PhaseSpace, XrayLine, all_limits
    from ..limits._structure import relic_mass as relic_of
    from ..limits._x_ray import LineAt35
    from ..sterile import SterileNeutrino
    from ..units import keV

    axes = new_axes(axes, size=(7.2, 5.0))
    masses = np.geomspace(*mass, 1500)
    chosen = all_limits() if limits is None else limits
    lines = [limit for limit in chosen if isinstance(limit, XrayLine)]
    for index, limit in enumerate(lines):

        def bound(m: Any, limit: Any = limit) -> Any:
            return limit.bound(SterileNeutrino(m * keV, 1e-10, flavour)).bound

        low = np.asarray(jax.vmap(bound)(masses))
        colour = COLOURS[index % (len(COLOURS) - 1)]
        axes.fill_between(masses, low, mixing[1], color=colour, alpha=0.13, lw=0)
        axes.plot(masses, low, color=colour, lw=0.9, label=limit.name)
    axes.axvspan(mass[0], PhaseSpace().smallest, color="0.75", lw=0, label="phase space (dwarfs)")
    grid = np.geomspace(1.0, 300.0, 2000)
    edge = float(np.interp(relic_mass, np.asarray(relic_of(grid * keV, 1.0)) / keV, grid))
    axes.axvline(edge, color="0.35", ls="--", lw=1.0,
                 label=f"thermal relic of {relic_mass:g} keV, if thermal")  # fmt: skip
    line = LineAt35().bound(SterileNeutrino(7.1 * keV, 7e-11, flavour))
    low, high = float(line.bound), float(line.ceiling)  # type: ignore[arg-type]
    middle = 0.5 * (low + high)
    axes.errorbar(7.1, middle, yerr=[[middle - low], [high - middle]], fmt="ks", ms=4, capsize=2,
                  label="line at 3.5 keV")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=mass, ylim=mixing)
    axes.set_xlabel(r"$m_4$ [keV]")
    axes.set_ylabel(r"$\sin^2 2\theta$")
    axes.legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return axes


def _of_the_force(limit: Any, probe: Any, alone: Any) -> bool:
    """Whether it says something about the force, of which a neutrino alone knows nothing."""
    from ..limits import Lifetime, NotConstrained

    try:
        limit.bound(probe)
    except NotConstrained:
        return False
    if isinstance(limit, Lifetime):
        return True
    try:
        limit.bound(alone)
    except NotConstrained:
        return True
    return False


def _style(index: int) -> dict[str, Any]:
    """Colour and line of the limit number `index`: colours repeat with another line."""
    each = len(COLOURS) - 1
    return {"color": COLOURS[index % each], "ls": _DASHES[index // each % len(_DASHES)]}


def _draw(
    axes: Any, masses: Any, low: Any, high: Any, kind: str, label: str | None, style: dict[str, Any]
) -> None:
    colour = style["color"]
    if kind == "projection":
        axes.plot(masses, low, color=colour, ls="--", lw=1.0, label=f"{label} (projection)")
        axes.plot(masses, high, color=colour, ls="--", lw=1.0)
        return
    top = np.maximum(high, low)
    axes.fill_between(masses, low, top, facecolor=colour, alpha=_SHADES.get(kind, 0.12), lw=0)
    if kind in _HATCH:
        axes.fill_between(masses, low, top, facecolor="none", lw=0, edgecolor=colour,
                          hatch=_HATCH[kind], alpha=0.35)  # fmt: skip
    axes.plot(masses, low, lw=1.1, label=label, **style)


def _draw_area(
    axes: Any, masses: Any, couplings: Any, ratio: Any, kind: str, label: str | None,
    style: dict[str, Any],
) -> None:  # fmt: skip
    """Where a ratio on a grid is above 1."""
    filled = np.where(np.isfinite(ratio), ratio, 0.0)
    logs = np.clip(np.log10(np.maximum(filled, 1e-30)), -3.0, 3.0)
    shade = {"alpha": _SHADES.get(kind, 0.12), "colors": [style["color"]]}
    axes.contourf(masses, couplings, logs, levels=[0.0, 10.0], hatches=[_HATCH.get(kind)], **shade)
    axes.contour(masses, couplings, logs, levels=[0.0], colors=[style["color"]], linewidths=1.0)
    axes.plot([], [], lw=1.1, label=label, **style)
