# %% [markdown]
# # The S-curve: three couplings for one mass
#
# A scalar mediator of the active neutrino opens sterile-neutrino dark matter at mixings far below
# those of Dodelson–Widrow production. The couplings that give Ω h² = 0.12 form a curve that folds
# back twice (1910.04901, fig. 2). On each of its three pieces another mechanism works:
#
# * **A**, strong coupling: collisions with the boson off shell, Ω h² ∝ λ³ s² m₄²/m²
# * **B**: bosons on shell, mixing suppressed by the new force, Ω h² ∝ m₄⁵ s²/(λ² m⁵)
# * **C**, weak coupling: bosons on shell, mixing as in vacuum, Ω h² ∝ λ² s² m₄/m
#
# so that the curve should run as λ ∝ m^(2/3), m^(−5/2) and m^(1/2).

# %%
import jax
import numpy as np
from matplotlib.figure import Figure

import nujax as nj
from nujax.inference import trace_relic_curve
from nujax.plot import REGIME_COLOURS, relic_curve
from nujax.units import GeV, MeV, keV

jax.config.update("jax_enable_x64", True)

standard, plasma, method = nj.presets.paper()
setup = {"plasma": plasma, "method": method}
nu = nj.SterileNeutrino(mass=7.1 * keV, sin2_2theta=7e-11, flavour="mu")
bounds = {"mediator_mass": (1 * MeV, 10 * GeV)}

# %% [markdown]
# ## The scalar: exact rates beside those of the paper
#
# Only the collision rate differs: relative velocity, statistics of the target, and a factor 4 in
# the off-shell matrix element (see the docstring of `ScalarMediator`).

# %%
curves = {
    convention: trace_relic_curve(
        nu,
        standard + nj.ScalarMediator(1 * GeV, 0.1, convention=convention),
        bounds=bounds,
        **setup,
    )
    for convention in ("exact", "paper")
}
for convention, curve in curves.items():
    assert curve.complete, curve.problems
    folds = ", ".join(f"({m:.1f} MeV, {g:.3g})" for m, g in curve.folds)
    print(f"{convention:6} {len(curve.points)} points, folds at {folds}")

# %% [markdown]
# The slopes d ln λ/d ln m along the curve, where each regime is at its purest:

# %%
exact = curves["exact"].branches[0]
(regimes,) = curves["exact"].regimes()
slopes = exact.tangents[:, 1] / exact.tangents[:, 0]
expected = {"A": 2 / 3, "B": -5 / 2, "C": 1 / 2}
pure = {"A": 5 * GeV, "B": 1 * GeV, "C": 30 * MeV}
nearest = {}
for regime, mass in pure.items():
    there = [k for k, name in enumerate(regimes) if name == regime]
    nearest[regime] = min(there, key=lambda k: abs(np.log(exact.points[k, 0] / mass)))
    print(f"{regime}: {slopes[nearest[regime]]:6.3f}, expected {expected[regime]:6.3f}")
assert abs(slopes[nearest["A"]] - 2 / 3) < 0.01
assert abs(slopes[nearest["C"]] - 1 / 2) < 0.01
# B holds between two folds, a decade apart: the power is approached, not reached.
assert -3.5 < slopes[nearest["B"]] < -1.5

# %%
figure = Figure(figsize=(11.0, 4.4), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
for axes, (convention, curve) in zip((left, right), curves.items(), strict=True):
    relic_curve(curve, axes)
    axes.set_title(f"rates: {convention}")
    axes.set_xlabel(r"$m_\phi$ [MeV]")
    axes.set_ylabel(r"$\lambda$")
    for regime, k in nearest.items():
        mass, coupling = exact.points[k]
        line = np.geomspace(mass / 4, 4 * mass, 2)
        axes.plot(line, coupling * (line / mass) ** expected[regime], ":", lw=1.2,
                  color=REGIME_COLOURS[regime])  # fmt: skip
figure
