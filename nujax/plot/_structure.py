"""How structure is suppressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import new_axes, regime_style

if TYPE_CHECKING:
    from ..export import MatterPower


def matter_suppression(
    powers: Mapping[str, MatterPower], relics: tuple[float, ...] = (3.3, 5.3), axes: Any = None
) -> Any:
    """P/P_cold against k [h/Mpc], with the half-modes (T² = ¼); returns the axes.

    powers  of `nujax.export.matter_power` by name (regimes have their colours)
    relics  masses [keV] of thermal relics for comparison, by the fit of astro-ph/0501562
    """
    from ..export import relic_half_mode

    axes = new_axes(axes)
    last = 10.0
    for index, (name, power) in enumerate(powers.items()):
        style = regime_style(name, index)
        label = rf"{name}, $k_\mathrm{{hm}} = {power.half_mode:.1f}\,h$/Mpc"
        axes.plot(power.k, power.warm / power.cold, label=label, lw=1.5, **style)
        axes.plot(power.half_mode, 0.25, "o", color=style["color"], ms=4)
        last = max(last, power.k[-1])
    k = np.geomspace(0.3, last, 300)
    for mass in relics:
        # (αk)^2ν = (k/k_hm)^2ν (2^(ν/5) − 1), ν = 1.12.
        reach = (k / relic_half_mode(mass)) ** 2.24 * (2.0 ** (1.12 / 5.0) - 1.0)
        axes.plot(k, (1.0 + reach) ** (-10.0 / 1.12), color="0.6", lw=0.9, ls=":")
        at = relic_half_mode(mass)
        if at < last:
            axes.annotate(f"{mass:g} keV", (at, 0.25), color="0.4", fontsize=7,
                          textcoords="offset points", xytext=(3, 3))  # fmt: skip
    axes.axhline(0.25, color="black", lw=0.5)
    axes.set(xscale="log", xlim=(0.3, last), ylim=(0.0, 1.05))
    axes.set_xlabel(r"$k$ [$h$/Mpc]")
    axes.set_ylabel(r"$P/P_\mathrm{cold}$")
    axes.legend(loc="lower left", fontsize=8)
    return axes
