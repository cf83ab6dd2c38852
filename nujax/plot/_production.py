"""How sterile neutrinos are made, and with which momenta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import new_axes, regime_style

if TYPE_CHECKING:
    from ..interactions import AbstractInteraction
    from ..plasma import Plasma
    from ..production import ProductionResult
    from ..sterile import SterileNeutrino

_DECADES = 8  # below the highest curve


def production_history(
    results: Mapping[str, ProductionResult], x: float = 1.0, axes: Any = None
) -> Any:
    """df_s/d ln z without back-reaction against z = 1 MeV/T at the momentum x; returns the axes.

    results  by name (regimes have their colours), of methods with `keep_history=True`

    Raises `ValueError` for a result without a history.
    """
    axes = new_axes(axes)
    highest = 0.0
    for index, (name, result) in enumerate(results.items()):
        rates = getattr(result.history, "rate", None)
        if result.history is None or rates is None:
            raise ValueError(
                f"Argument `results` must have histories (keep_history=True), but {name} has none."
            )
        T, rates = np.asarray(result.history.T), np.asarray(rates)
        logs = np.log(np.maximum(rates, 1e-300))
        at = np.log(np.asarray(result.x))
        rate = np.exp([np.interp(np.log(x), at, row) for row in logs])
        first, last = float(result.T_initial), float(result.T_final)
        inside = (first >= T) & (last <= T)
        axes.plot(1.0 / T[inside], rate[inside], label=name, lw=1.5, **regime_style(name, index))
        highest = max(highest, rate[inside].max())
    axes.set(xscale="log", yscale="log", ylim=(highest * 10.0**-_DECADES, 3.0 * highest))
    axes.set_xlabel(r"$z = 1\,\mathrm{MeV}/T$")
    axes.set_ylabel(r"$\mathrm{d}f_s/\mathrm{d}\ln z$" + f" at $x = {x:g}$")
    axes.legend()
    return axes


def spectra(results: Mapping[str, ProductionResult], axes: Any = None) -> Any:
    """x² f_s, normalised to ∫x²f dx = 1, against x = p/T; returns the axes.

    results  by name (regimes have their colours); ⟨x⟩ stands in the legend
    """
    axes = new_axes(axes)
    x = np.geomspace(1e-2, 30.0, 600)
    for index, (name, result) in enumerate(results.items()):
        f = np.asarray(result.distribution(x))
        total = np.trapezoid(x**3 * f, np.log(x))
        label = rf"{name}, $\langle x\rangle = {float(result.mean_momentum):.2f}$"
        axes.plot(x, x**2 * f / total, label=label, lw=1.5, **regime_style(name, index))
    axes.set(xlim=(0.0, 12.0), ylim=(0.0, None))
    axes.set_xlabel(r"$x = p/T$")
    axes.set_ylabel(r"$x^2 f_s / \int x^2 f_s\,\mathrm{d}x$")
    axes.legend()
    return axes


def evolution(
    theories: Mapping[str, tuple[SterileNeutrino, AbstractInteraction]],
    plasma: Plasma,
    x: float = 1.0,
    z: tuple[float, float] = (1e-4, 1.0),
    axes: Any = None,
) -> Any:
    """Γ/H and sin²2θ_eff/sin²2θ and their product against z = 1 MeV/T; returns the three axes.

    theories  (sterile, interaction) by name (regimes have their colours)
    axes      three, one above the other; those of a new figure unless given

    The product, times f_a sin²2θ/4, is df_s/d ln z (2005.03681 fig. 5); Δ²s² is left out of the
    effective mixing, as in `mixing="quasi-static"`.
    """
    import jax.numpy as jnp

    axes = new_axes(axes, rows=3, size=(6.0, 8.0))
    times = np.geomspace(*z, 1500)
    T = jnp.asarray(1.0 / times)
    E = x * T
    hubble = plasma.hubble_rate(T)
    for index, (name, (sterile, interaction)) in enumerate(theories.items()):
        gamma = interaction.interaction_rate(E, T, sterile.flavour)
        level = interaction.thermal_potential(E, T, sterile.flavour)
        delta = sterile.vacuum_frequency(E)
        mixing = delta**2 / (gamma**2 / 4.0 + (delta * sterile.cos_2theta - level) ** 2)
        style = regime_style(name, index)
        for one, values in zip(
            axes, (gamma / hubble, mixing, gamma / hubble * mixing), strict=True
        ):
            one.plot(times, np.asarray(values), label=name, lw=1.4, **style)
    axes[0].axhline(1.0, color="black", lw=0.6)
    axes[1].axhline(1.0, color="black", lw=0.6)
    labels = (
        r"$\Gamma/H$",
        r"$\sin^2 2\theta_\mathrm{eff}/\sin^2 2\theta$",
        r"$(\Gamma/H)\,\sin^2 2\theta_\mathrm{eff}/\sin^2 2\theta$",
    )
    for one, label in zip(axes, labels, strict=True):
        one.set(xscale="log", yscale="log", ylabel=label)
    axes[1].set_ylim(1e-12, 1e4)
    axes[2].set_xlabel(r"$z = 1\,\mathrm{MeV}/T$" + f"   ($x = {x:g}$)")
    axes[0].legend(ncol=2)
    return axes
