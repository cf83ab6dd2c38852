# %% [markdown]
# # Spectra for CLASS: how warm is each regime?
#
# A new force of the active neutrino changes not only how many sterile neutrinos there are, but also
# their momenta. Structure sees the difference. nujax writes the spectrum as a non-cold species of
# CLASS, with the ini file, so that the densities agree without any rescaling; where `classy` is
# installed (`pip install 'nujax[class]'`), this page runs it.

# %%
import importlib.util
import tempfile
from pathlib import Path

import jax
import numpy as np

import nujax as nj
from nujax import export
from nujax.limits import ThermalRelic
from nujax.plot.figures import scalar_results, sterile
from nujax.units import keV

jax.config.update("jax_enable_x64", True)

# %% [markdown]
# Three points with Ω h² = 0.12, one in each regime of the scalar mediator (1910.04901), and plain
# Dodelson–Widrow production (DW) with 3 % of it. C is colder, B is warmer.

# %%
nu = sterile()
results = scalar_results()
for name, result in results.items():
    print(f"{name:2} {result}")
nj.plot.spectra(results).figure

# %% [markdown]
# ## The files

# %%
folder = Path(tempfile.mkdtemp())
files = export.write_class(nu, results["C"], folder)
print(files.ini.read_text())
q, f0 = np.loadtxt(files.psd).T
print(f"{len(q)} momenta from {q[0]:.3g} to {q[-1]:.3g}")

# %% [markdown]
# `deg_ncdm` is not 1, because the papers' ρ_c/h² = 1.05e-5 GeV/cm³ is rounded by 0.35 %; with it,
# CLASS finds the Ω h² of the result from the file itself. The budget by hand:

# %%
settings = files.parameters
T = settings["T_ncdm"] * 2.7255 * 8.617333262e-11 / 1.973269804e-11  # [1/cm]
number = 4 * np.pi * np.trapezoid(q**3 * f0, np.log(q)) * T**3
density = settings["deg_ncdm"] * number * settings["m_ncdm"] * 1e-6 / 1.053672e-2
print(f"Ω h² = {density:.6f} of the file, {settings['omega_ncdm']:.6f} of nujax")
assert abs(density / settings["omega_ncdm"] - 1) < 1e-3

# %% [markdown]
# A spectrum with Ω h² above 0.12 is refused: CLASS would take the excess from dark energy. Below,
# the rest is cold: `omega_cdm` of DW is

# %%
print(export.class_parameters(nu, results["DW"])["omega_cdm"])

# %% [markdown]
# ## The equivalent thermal relic, without CLASS
#
# Free streaming damps a mode by the Fourier transform of the velocities. Where it is ½ defines a
# thermal relic; the mean momentum defines another.

# %%
mapped = {}
for name in ("C", "A", "B"):
    values = [
        float(ThermalRelic("m", "-", "limit", 3.3, mapping).bound(nu, results[name]).value)
        for mapping in ("mean", "half-mode")
    ]
    mapped[name] = values[1]
    print(f"{name}: thermal relic of {values[0]:.3f} keV by ⟨x⟩, {values[1]:.3f} keV by half-mode")
assert mapped["B"] < mapped["A"] < mapped["C"]

# %% [markdown]
# ## With CLASS
#
# The transfer function of each as all dark matter. Dots: half-modes. Dotted: thermal relics of 3.3
# and 5.3 keV, the bounds of the Lyman-α forest; for m₄ = 7.1 keV all four are too warm.

# %%
axes = None
if importlib.util.find_spec("classy") is None:
    print("classy is not installed: pip install 'nujax[class]'")
else:
    powers = {
        name: export.matter_power(nu, result, density=0.12, k_max=30.0)
        for name, result in results.items()
    }
    for name, power in powers.items():
        print(f"{name:2} k_hm = {power.half_mode:.2f} h/Mpc, relic of {power.relic_mass:.3f} keV")
    modes = [powers[name].half_mode for name in ("B", "DW", "C")]
    assert modes == sorted(modes)
    for name, value in mapped.items():
        assert abs(value / powers[name].relic_mass - 1) < 0.04
    axes = nj.plot.matter_suppression(powers)
axes and axes.figure

# %% [markdown]
# The mass that would do: velocities scale as 1/m₄, so that a bound of 5.3 keV on thermal relics
# asks for m₄ = 7.1 keV × (5.3/1.4)^(4/3) for a thermal shape, and for less in regime C.

# %%
for name, value in mapped.items():
    print(f"{name}: m₄ > {float(nu.mass) / keV * (5.3 / value) ** (4 / 3):.0f} keV")
