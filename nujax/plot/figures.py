"""The figures of the sources, each by one function: `nujax plot NAME --output f.png`.

Set-ups are those of 1910.04901 (scalar: figures 2 to 5) and 2005.03681 (vectors: 5 to 8), with the
inputs of the papers (constant g*, their rates of the Standard Model) and the exact rates of the
mediators. The points A, B, C have Ω h² = 0.12 for m₄ = 7.1 keV, sin²2θ = 7e-11, ν_μ; they lie on
the papers' curves, where the papers do not give their coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..inference import trace_relic_curve
from ..interactions import (
    BMinusL,
    LMuMinusLTau,
    ScalarMediator,
    StandardModel,
    VectorMediator,
)
from ..presets import paper
from ..production import BoltzmannQuadrature, ProductionResult, solve_production
from ..sterile import SterileNeutrino
from ..units import GeV, MeV, keV
from ._base import REGIME_COLOURS, new_axes
from ._curve import relic_curve
from ._limits import coupling_limits, mixing_limits
from ._production import evolution, production_history, spectra
from ._structure import matter_suppression

# (mass [MeV], coupling) with Ω h² = 0.12 (exact rates, to 0.5 %).
SCALAR_POINTS = {"A": (1e3, 0.1277), "B": (1e3, 7.07e-3), "C": (1e2, 1.002e-5)}
VECTOR_POINTS = {"A": (1e3, 0.0571096), "B": (1e3, 5.00028e-3), "C": (1e2, 7.08498e-6)}
_MASSES = (1 * MeV, 10 * GeV)
_COUPLINGS = (1e-7, 3.0)
_CONTOURS = 12  # mediator masses of the search for the largest Ω h²


def sterile() -> SterileNeutrino:
    """m₄ = 7.1 keV, sin²2θ = 7e-11, ν_μ."""
    return SterileNeutrino(mass=7.1 * keV, sin2_2theta=7e-11, flavour="mu")


def heavier_sterile() -> SterileNeutrino:
    """m₄ = 50 keV, sin²2θ = 1e-15, ν_μ."""
    return SterileNeutrino(mass=50 * keV, sin2_2theta=1e-15, flavour="mu")


def scalar_results(keep_history: bool = False) -> dict[str, ProductionResult]:
    """The points A, B, C of the scalar, and Dodelson–Widrow production (DW) without it."""
    inputs = paper()
    method = BoltzmannQuadrature(back_reaction=False, mixing="averaged", keep_history=keep_history)
    # A vanishing coupling is Dodelson–Widrow's, by the same compiled function.
    points = {"DW": (1 * GeV, 1e-12), **SCALAR_POINTS}
    return {
        name: solve_production(
            sterile(), inputs.standard_model + ScalarMediator(*point),
            plasma=inputs.plasma, method=method,
        )
        for name, point in points.items()
    }  # fmt: skip


def scalar_curve() -> Any:
    """1910.04901 fig. 2: the S-shaped curve, with limits on the scalar."""
    return _curve_with_limits(ScalarMediator, (sterile(),), SCALAR_POINTS, r"$\lambda$")


def scalar_production() -> Any:
    """1910.04901 fig. 3: df_s/d ln z at x = 1 of A, B, C and DW."""
    return production_history(scalar_results(keep_history=True))


def scalar_spectra() -> Any:
    """1910.04901 fig. 4: spectra of A, B, C and DW."""
    return spectra(scalar_results())


def mixing_plane() -> Any:
    """1910.04901 fig. 5: where a scalar can make all dark matter, with X-rays and structure.

    Black: Dodelson–Widrow production makes Ω h² = 0.12; above it there is more. Hatched below: no
    scalar of m > 9.9 MeV (N_eff) that K → μνφ and the Higgs allow makes enough.
    """
    axes = mixing_limits(mixing=(1e-19, 1e-6))
    masses = np.geomspace(2.0, 50.0, 9)
    line, least = reachable_mixing(masses)
    fine = np.geomspace(masses[0], masses[-1], 200)
    line, least = (
        np.exp(np.interp(np.log(fine), np.log(masses), np.log(v))) for v in (line, least)
    )
    low, high = axes.get_ylim()
    axes.plot(fine, line, color="black", lw=2.0, label="Dodelson–Widrow, Ω h² = 0.12")
    for edges, label in (((line, high), "no scalar makes all dark matter"), ((low, least), None)):
        axes.fill_between(fine, *edges, facecolor="none", edgecolor="#B00020", hatch="xxx",
                          alpha=0.45, lw=0.0, label=label)  # fmt: skip
    axes.plot(fine, least, color="#B00020", lw=1.2)
    axes.set_ylim(low, high)
    axes.legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return axes


def reachable_mixing(masses: Any) -> tuple[np.ndarray, np.ndarray]:
    """(sin²2θ of Dodelson–Widrow, least sin²2θ with any allowed scalar) for Ω h² = 0.12.

    masses  m₄ [keV], [n]; with the papers' inputs Ω h² ∝ sin²2θ, so that one mixing serves. The
    least is over a grid of m from 10 MeV to 10 GeV and λ up to its limits, good to some 10 %.
    """
    import jax
    import jax.numpy as jnp

    from ..abundance import relic_density
    from ..limits import HiggsToBoson, MesonDecay, SterileTheory, all_limits

    inputs, reference = paper(), 1e-11
    wanted = [
        limit for limit in all_limits()
        if limit.kind == "limit" and (
            isinstance(limit, HiggsToBoson)
            or (isinstance(limit, MesonDecay) and limit.flavour == "mu")
        )
    ]  # fmt: skip
    boson = jnp.asarray(np.geomspace(10 * MeV, 10 * GeV, _CONTOURS))

    def largest(m: jax.Array) -> jax.Array:
        theory = SterileTheory(sterile(), ScalarMediator(m, 1e-3))
        bounds = [limit.compare(theory, None) for limit in wanted]
        return jnp.min(jnp.stack([jnp.where(b.in_range, b.bound, 3.0) for b in bounds]))

    top = jax.vmap(largest)(boson)
    share = np.linspace(0.0, 1.0, 3 * _CONTOURS)
    m, part = (x.ravel() for x in np.meshgrid(np.asarray(boson), share, indexing="ij"))
    ends = np.repeat(np.asarray(top), len(share))
    g = np.exp(np.log(1e-7) + part * np.log(ends / 1e-7))
    m4 = np.asarray(masses) * keV
    grid = [np.concatenate([np.repeat(m4, len(x_)), m4]) for x_ in (m,)]
    boson_masses = np.concatenate([np.tile(m, len(m4)), np.full(len(m4), 1e3)])
    couplings = np.concatenate([np.tile(g, len(m4)), np.full(len(m4), 1e-12)])

    @jax.jit
    @jax.vmap
    def density(m4: jax.Array, mass: jax.Array, coupling: jax.Array) -> jax.Array:
        nu = SterileNeutrino(m4, reference, "mu")
        force = inputs.standard_model + ScalarMediator(mass, coupling)
        return relic_density(nu, force, plasma=inputs.plasma, method=inputs.method)

    found = np.asarray(density(*(jnp.asarray(v) for v in (grid[0], boson_masses, couplings))))
    of_forces = found[: -len(m4)].reshape(len(m4), -1)
    best = np.nanmax(of_forces, axis=1)
    return 0.12 / found[-len(m4) :] * reference, 0.12 / best * reference


def vector_evolution() -> Any:
    """2005.03681 fig. 5: Γ/H, the effective mixing, and the rate of A, B, C and DW."""
    inputs = paper()
    force: Any = VectorMediator
    points = {name: force(*point) for name, point in VECTOR_POINTS.items()}
    theories = {"DW": (sterile(), inputs.standard_model)} | {
        name: (sterile(), inputs.standard_model + vector) for name, vector in points.items()
    }
    return evolution(theories, inputs.plasma)


def vector_curve() -> Any:
    """2005.03681 fig. 6: curves of two sterile neutrinos, with limits on the vector."""
    return _curve_with_limits(
        VectorMediator, (sterile(), heavier_sterile()), VECTOR_POINTS, r"$\lambda_{\mu\mu}$"
    )


def l_mu_minus_l_tau_curve() -> Any:
    """2005.03681 fig. 7: the same for gauged L_μ − L_τ."""
    return _curve_with_limits(LMuMinusLTau, (sterile(), heavier_sterile()), {}, "$g'$")


def b_minus_l_curve() -> Any:
    """2005.03681 fig. 8: the same for gauged B − L."""
    both = (sterile(), heavier_sterile())
    return _curve_with_limits(BMinusL, both, {}, "$g_{B-L}$", (1e-8, 0.3))


def matter_power() -> Any:
    """Suppression of the matter power spectrum by A, B, C and DW as all dark matter; runs CLASS."""
    from ..export import matter_power as run

    nu = sterile()
    powers = {
        name: run(nu, result, density=0.12, k_max=50.0) for name, result in scalar_results().items()
    }
    return matter_suppression(powers)


FIGURES: Mapping[str, Callable[[], Any]] = {
    "scalar-curve": scalar_curve,
    "scalar-production": scalar_production,
    "scalar-spectra": scalar_spectra,
    "mixing-plane": mixing_plane,
    "vector-evolution": vector_evolution,
    "vector-curve": vector_curve,
    "lmu-ltau-curve": l_mu_minus_l_tau_curve,
    "b-l-curve": b_minus_l_curve,
    "matter-power": matter_power,
}


def _curve_with_limits(
    force: Callable[..., Any],
    neutrinos: tuple[SterileNeutrino, ...],
    points: Mapping[str, tuple[float, float]],
    name: str,
    couplings: tuple[float, float] = _COUPLINGS,
) -> Any:
    inputs = paper()
    standard: StandardModel = inputs.standard_model
    axes = new_axes(None, size=(7.6, 5.0))
    coupling_limits(force, neutrinos[0], axes, mass=_MASSES, coupling=couplings)
    handles, labels = axes.get_legend_handles_labels()
    for nu in neutrinos:
        curve = trace_relic_curve(
            nu, standard + force(1 * GeV, 0.1), plasma=inputs.plasma, method=inputs.method,
            bounds={"mediator_mass": _MASSES},
        )  # fmt: skip
        if len(neutrinos) == 1:
            relic_curve(curve, axes, lw=2.2)
            continue
        shade = "0.55" if nu is neutrinos[0] else "black"
        label = rf"{float(nu.mass) / keV:.3g} keV, $\sin^2 2\theta$ = {float(nu.sin2_2theta):.0e}"
        for branch in curve.branches:
            axes.plot(*branch.points.T, color=shade, lw=2.2, label=label)
            label = None
    for regime, point in points.items():
        axes.plot(*point, "o", color=REGIME_COLOURS[regime], mec="black", ms=6, zorder=5)
        axes.annotate(regime, point, textcoords="offset points", xytext=(6, -10), fontsize=9)
    new = [pair for pair in zip(*axes.get_legend_handles_labels(), strict=True)
           if pair[1] not in labels]  # fmt: skip
    own = axes.legend(*zip(*new, strict=True), title=r"$\Omega h^2 = 0.12$", fontsize=7,
                      loc="lower right")  # fmt: skip
    axes.add_artist(own)
    axes.legend(handles, labels, fontsize=6, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    axes.set(xlim=_MASSES, ylim=couplings, ylabel=name)
    return axes
