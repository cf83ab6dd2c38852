"""Figures 1 and 2 of 1709.07001 for one flavour (matplotlib, imported late)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..constants import FLAVOURS
from ..limits import HiggsInvisible, MixingLimit, heavy_neutrino_limits
from ..limits._dark_matter import DirectDetection, KaonSpectrum, SmallestHalo, dark_matter_limits
from ..plot import _axes
from ._decays import LARGEST_YUKAWA, mixing_of_weak_branching, natural_yukawa, strength
from ._target import thermal_target
from ._theory import NeutrinoPortal

_NAMES = {"e": "e", "mu": r"\mu", "tau": r"\tau"}
_TINY_MIXING = 1e-12


def mixing_limits(flavour: str = "mu", axes: Any = None, source: bool = False) -> Any:
    """Figure 2: limits on |U_ℓ4|² of an invisible ν₄ against m₄ [GeV]; returns the axes.

    source  the Higgs limit of 1709.07001, Br < 0.24 with a dotted 0.05, in place of 0.107

    Tables end where their data end.
    """
    axes = _axes(axes)
    m4 = jnp.asarray(np.geomspace(0.3, 1e6, 1500))

    def curve(limit: Any, label: str | None, **style: Any) -> None:
        def one(mass: jax.Array) -> jax.Array:
            # Light enough χ and φ for ν₄ to decay into them.
            theory = NeutrinoPortal(mass / 10.0, 0.3 * mass, mass, 1.0, _shares(flavour, 1e-6))
            return limit.compare(theory, None).bound

        bound = np.asarray(jax.vmap(one)(m4))
        axes.plot(np.asarray(m4) / 1e3, bound, label=label, lw=1.2, **style)

    for limit in heavy_neutrino_limits():
        if isinstance(limit, MixingLimit):
            if limit.flavour == flavour:
                curve(limit, limit.name)
        elif isinstance(limit, HiggsInvisible):
            if source:
                curve(HiggsInvisible("h", "", "", 0.24), "h → inv. < 0.24", color="C0", ls="-")
                curve(HiggsInvisible("h", "", "", 0.05), "h → inv. < 0.05", color="C0", ls=":")
            else:
                curve(limit, "h → inv. < 0.107", color="C0")
        elif limit.name == "invisible Z width":
            curve(limit, limit.name, color="#D55E00")
    axes.axvline(0.01, color="black", ls="-.", lw=0.8)
    axes.set(xscale="log", yscale="log", xlim=(1e-3, 1e3), ylim=(1e-13, 1.0))
    axes.set_xlabel(r"$m_4$ [GeV]")
    axes.set_ylabel(rf"$|U_{{{_NAMES[flavour]}4}}|^2$")
    axes.legend(fontsize=5.5, ncol=2, loc="lower left")
    return axes


def portal_plane(
    flavour: str = "mu", heavy_neutrino_mass: float | None = None, axes: Any = None
) -> Any:
    """Figure 1: Y against m_χ [GeV] at m_φ = 3m_χ, mixing with one flavour; returns the axes.

    heavy_neutrino_mass  m₄ [MeV] (the right column of the figure has 400 GeV), or None for 10 m_χ

    The thermal target is that of the full freeze-out with Ω h² = 0.12 (the source: 1 pb). Blue:
    largest
    Y that the limits on the mixing allow, for y_L = 4π (solid) and 4π m_φ/m₄ (dashed). Orange: weak
    branching ratio 1e-3. Red: direct detection (solid), SuperCDMS (dashed), neutrino floor
    (dotted).
    Green: M_cut = 1e7 and 1e9 solar masses. Grey purple: K → μχφ (μ alone). Dash-dotted: m_χ =
    10 MeV.
    """
    axes = _axes(axes)
    mass = jnp.asarray(np.geomspace(1.0, 1e6, 241))
    gev = np.asarray(mass) / 1e3

    def theory(m: jax.Array, mixing: Any = _TINY_MIXING, y_L: Any = LARGEST_YUKAWA) -> Any:
        m4 = 10.0 * m if heavy_neutrino_mass is None else jnp.asarray(heavy_neutrino_mass)
        return NeutrinoPortal(m, 3.0 * m, m4, y_L, _shares(flavour, mixing))

    def draw(function: Any, **style: Any) -> np.ndarray:
        values = np.asarray(jax.vmap(function)(mass))  # small: not worth a compilation
        axes.plot(gev, values, **style)
        return values

    target = np.asarray(_thermal_curve(mass))
    axes.plot(gev, target, color="0.25", lw=2.0, label=r"$\Omega h^2 = 0.12$")
    axes.fill_between(gev, 1e-20, target, color="0.9", lw=0)

    limits = [
        limit
        for limit in heavy_neutrino_limits()
        if not isinstance(limit, MixingLimit) or limit.flavour == flavour
    ]

    def largest_mixing(m: jax.Array) -> jax.Array:
        point = theory(m)
        found = [limit.compare(point, None) for limit in limits if "N_eff" not in limit.name]
        bounds = jnp.stack([jnp.where(b.in_range, b.bound, 1.0) for b in found])
        # No limit where ν₄ cannot decay invisibly, or where no table reaches.
        some = jnp.any(jnp.stack([b.in_range for b in found]))
        return jnp.where(some, jnp.min(bounds), jnp.nan)

    def allowed(y_L: Any, mixing: Any) -> Any:
        return strength(y_L, mixing, 1.0 / 3.0)

    for natural, style in ((False, "-"), (True, "--")):

        def yukawa(m: jax.Array, natural: bool = natural) -> Any:
            return natural_yukawa(theory(m)) if natural else jnp.asarray(LARGEST_YUKAWA)

        def by_mixing(m: jax.Array, yukawa: Any = yukawa) -> Any:
            return allowed(yukawa(m), largest_mixing(m))

        def by_branching(m: jax.Array, yukawa: Any = yukawa) -> Any:
            mixing = mixing_of_weak_branching(theory(m, y_L=yukawa(m)))
            return jnp.where(mixing < 1.0, allowed(yukawa(m), mixing), jnp.nan)

        words = r"$|U|^2$, natural $y_L$" if natural else r"$|U|^2$, $y_L = 4\pi$"
        draw(by_mixing, color="#0072B2", ls=style, label=words)
        label = None if natural else r"weak branching $10^{-3}$"
        draw(by_branching, color="#E69F00", ls=style, label=label)

    for limit in dark_matter_limits():
        if isinstance(limit, DirectDetection):
            style = {"limit": "-", "projection": "--", "background": ":"}[limit.kind]
            label = {"limit": None, "projection": limit.name, "background": "neutrino floor"}
            name = "direct detection" if limit.name.startswith("LZ") else label[limit.kind]
            draw(lambda m, limit=limit: _scaled(limit, theory(m)), color="#B00020", ls=style,
                 lw=1.0, label=name)  # fmt: skip
        elif isinstance(limit, KaonSpectrum) and flavour == "mu":
            draw(lambda m, limit=limit: _scaled(limit, theory(m), power=2.0), color="#CC79A7",
                 label=r"$K \to \mu\chi\phi$ (estimate)")  # fmt: skip
        elif isinstance(limit, SmallestHalo):
            for cut in (1e7, 1e9):
                part = SmallestHalo(largest=cut)
                draw(lambda m, part=part: _scaled(part, theory(m), power=4.0 / 3.0),
                     color="#009E73", ls="--", lw=1.0,
                     label=r"$M_{cut} = 10^7, 10^9 M_\odot$" if cut == 1e7 else None)  # fmt: skip
    axes.axvline(0.01, color="black", ls="-.", lw=0.8)
    axes.set(xscale="log", yscale="log", xlim=(1e-3, 1e3), ylim=(1e-16, 1e2))
    axes.set_xlabel(r"$m_\chi$ [GeV]")
    axes.set_ylabel(rf"$Y_{{\nu_{_NAMES[flavour]}}} = y_L^4 |U_{{{_NAMES[flavour]}4}}|^4 "
                    r"(m_\chi/m_\phi)^4$")  # fmt: skip
    axes.legend(fontsize=6, loc="lower right")
    return axes


@jax.jit
@jax.vmap
def _thermal_curve(mass: jax.Array) -> jax.Array:
    """Y for Ω h² = 0.12 at m_φ = 3m_χ."""
    return thermal_target(mass, 3.0 * mass).y_parameter


def _shares(flavour: str, mixing: Any) -> list[Any]:
    """The mixing in one flavour. Raises `ValueError` for an unknown one."""
    if flavour not in FLAVOURS:
        raise ValueError(f"Argument `flavour` must be e, mu or tau, but is {flavour!r}.")
    return [mixing if name == flavour else 0.0 for name in FLAVOURS]


def _scaled(limit: Any, theory: NeutrinoPortal, power: float = 1.0) -> jax.Array:
    """Y at which the theory, its tiny mixing scaled up, meets a limit ∝ Y^(1/power)."""
    bound = limit.compare(theory, None)
    # Beyond |U|² = 1, or y_L above 4π, there is no such theory.
    found = theory.y_parameter * bound.ratio**-power
    return jnp.where(bound.in_range, found, jnp.nan)
