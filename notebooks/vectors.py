# %% [markdown]
# # Vector mediators: neutrinophilic, L_μ − L_τ and B − L
#
# Figures 6 to 8 of 2005.03681 show the couplings that give Ω h² = 0.12 for two sterile neutrinos
# each, 7.1 keV with sin²2θ = 7e-11 and 50 keV with 1e-15. At the second mixing resonances are so
# narrow that most points are solved on the lattice.

# %%
import jax
import numpy as np
from matplotlib.figure import Figure

import nujax as nj
from nujax.inference import trace_relic_curve
from nujax.plot import relic_curve
from nujax.units import GeV, MeV, keV

jax.config.update("jax_enable_x64", True)

standard, plasma, method = nj.presets.paper()
setup = {"plasma": plasma, "method": method}
nu = nj.SterileNeutrino(mass=7.1 * keV, sin2_2theta=7e-11, flavour="mu")
neutrinos = {
    "7.1 keV, 7e-11": nu,
    "50 keV, 1e-15": nj.SterileNeutrino(50 * keV, 1e-15, "mu"),
}
boson = nj.VectorMediator(1 * GeV, 1e-3)
traced = {
    label: trace_relic_curve(
        neutrino,
        standard + boson,
        bounds={"mediator_mass": (3 * MeV, 3 * GeV)},
        max_step=0.3,
        **setup,
    )
    for label, neutrino in neutrinos.items()
}
for label, curve in traced.items():
    folds = ", ".join(f"({m:.0f} MeV, {g:.2g})" for m, g in curve.folds)
    print(f"{label:15} {len(curve.points):4d} points, folds {folds or 'none'}")
    assert curve.complete, curve.problems
    flagged = np.concatenate([branch.status != 0 for branch in curve.branches])
    if flagged.any():
        where = curve.points[flagged, 0]
        print(f"    under-resolved (1e-3 or more): {flagged.sum()} points, "
              f"{where.min():.0f} to {where.max():.0f} MeV")  # fmt: skip

# %% [markdown]
# At some masses: the rates of the paper, which count every target twice and take |v₁ − v₂| for the
# relative velocity (crosses), and the two gauged vectors, which scatter on charged leptons too.

# %%
masses = np.geomspace(3 * MeV, 3 * GeV, 13)


def roots(neutrino, vector):
    """(masses, couplings) of all roots, and the couplings at each mass."""
    found = nj.find_relic_couplings(masses, neutrino, standard + vector, bounds=(1e-8, 1), **setup)
    return np.repeat(masses, found.count), found.couplings[np.isfinite(found.couplings)], found


printed = roots(nu, nj.VectorMediator(1 * GeV, 1e-3, convention="paper"))
gauged = {
    (name, label): roots(neutrino, force(1 * GeV, 1e-3))
    for name, force in (("L_μ − L_τ", nj.LMuMinusLTau), ("B − L", nj.BMinusL))
    for label, neutrino in neutrinos.items()
}

# %% [markdown]
# The neutrinophilic curve (lines) is drawn in each panel for comparison; dotted, the powers
# g ∝ m^(1/2), m^(−5/2), m^(2/3) of the three regimes, as for the scalar.

# %%
figure = Figure(figsize=(12.0, 4.2), layout="constrained")
panels = ("neutrinophilic", "L_μ − L_τ", "B − L")
for axes, force in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
    for (style, marker), label in zip((("-", "o"), ("--", "s")), neutrinos, strict=True):
        relic_curve(traced[label], axes, linestyle=style)
        if (force, label) in gauged:
            axes.plot(*gauged[force, label][:2], "k" + marker, ms=4, mfc="none", label=label)
    if force == "neutrinophilic":
        axes.plot(*printed[:2], "kx", markersize=4, label="paper")
    for mass, coupling, power in ((30.0, 4e-6, 1 / 2), (1e3, 0.005, -5 / 2), (2e3, 0.085, 2 / 3)):
        line = np.array([mass / 3, 3 * mass])
        axes.plot(line, coupling * (line / mass) ** power, "k:", lw=0.8)
    axes.legend(fontsize="small")
    axes.set_title(force)
    axes.set_xlabel(r"$m_V$ [MeV]")
    axes.set_ylabel("$g$")
figure

# %% [markdown]
# Heavier and less mixed (dashed): the whole curve moves to stronger coupling and lighter bosons.
# The gauged vectors differ from the neutrinophilic one in regime A alone, where the boson is off
# shell and each kind of target counts. On shell, in C, the forces are one:

# %%
at = 2  # of `masses`: 9.5 MeV
weakest = {name: gauged[name, "7.1 keV, 7e-11"][2].at(at)[0] for name in panels[1:]}
print({name: f"{g:.5g}" for name, g in weakest.items()})
assert np.isclose(*weakest.values(), rtol=1e-3)
