# %% [markdown]
# # Conventions: symbols, units, and what each function means by them
#
# nujax computes in powers of MeV with ħ = c = k_B = 1. A name in the first column of the tables is
# what the papers write, the second is what nujax calls it, and each line below is executed: if a
# convention changed, this page would fail.

# %%
import inspect

import jax
import jax.numpy as jnp
import numpy as np

import nujax as nj
from nujax import constants, units
from nujax.limits import SterileTheory
from nujax.statistics import fermi_dirac
from nujax.units import GeV, MeV, cm, keV, s

jax.config.update("jax_enable_x64", True)

# %% [markdown]
# ## Units
#
# A unit is a number: `7.1 * keV` is 0.0071, and dividing by the unit gives the number back. Lengths
# and times are 1/MeV. The command line wants the unit written out: `--mass 7.1keV`.

# %%
assert np.isclose(7.1 * keV, 0.0071 * MeV, rtol=1e-15)
assert np.isclose(constants.HBAR_C * cm, 1.0, rtol=1e-15)  # ħc = 1.97e-11 MeV cm
print(f"1 cm = {cm:.4e}/MeV, 1 s = {s:.4e}/MeV, 1 pb = {units.pb:.4e}/MeV²")
print(f"G_F = {constants.FERMI_CONSTANT:.7e}/MeV² = {constants.FERMI_CONSTANT * GeV**2:.7e}/GeV²")

# %% [markdown]
# ## Symbols

# %%
nu = nj.SterileNeutrino(mass=7.1 * keV, sin2_2theta=7e-11, flavour="mu")
forces = nj.StandardModel() + nj.ScalarMediator(1 * GeV, 0.1)
plasma = nj.Plasma.standard()
T = jnp.asarray(100.0 * MeV)
E = 3.0 * T
rate = forces.interaction_rate(E, T, "mu")
level = forces.thermal_potential(E, T, "mu")
delta = nu.vacuum_frequency(E)
effective = delta**2 * nu.sin2_2theta / (rate**2 / 4 + (delta * nu.cos_2theta - level) ** 2)

glossary = [
    ("T", "temperature of the plasma", "T", T, "MeV"),
    ("z", "clock, 1 MeV/T", "1/T", 1 / T, ""),
    ("E, p", "energy ≈ momentum of the active neutrino", "E", E, "MeV"),
    ("x", "comoving momentum p/T at T_final", "result.x", E / T, ""),
    ("m₄", "mass of the sterile neutrino", "nu.mass", nu.mass, "MeV"),
    ("sin²2θ, s²", "mixing in vacuum", "nu.sin2_2theta", nu.sin2_2theta, ""),
    ("cos 2θ, c", "positive if ν_s is the heavier", "nu.cos_2theta", nu.cos_2theta, ""),
    ("Δ", "m₄²/(2E), vacuum frequency", "nu.vacuum_frequency(E)", delta, "MeV"),
    ("Γ", "rate of ONE active neutrino", "forces.interaction_rate(E, T, …)", rate, "MeV"),
    ("V_T", "potential of ν_a over that of ν_s", "forces.thermal_potential(…)", level, "MeV"),
    ("sin²2θ_eff", "Δ²s²/(Γ²/4 + (Δc − V_T)²)", "(this page)", effective, ""),
    ("g*s", "degrees of freedom", "plasma.entropy_degrees(T)", plasma.entropy_degrees(T), ""),
    ("H", "1.66 √g* T²/M_Pl", "plasma.hubble_rate(T)", plasma.hubble_rate(T), "MeV"),
    ("s", "entropy density", "plasma.entropy_density(T)", plasma.entropy_density(T), "MeV³"),
]  # fmt: skip
for symbol, meaning, name, value, unit in glossary:
    print(f"{symbol:11} {meaning:42} {name:33} {float(value):.5g} {unit}")

# %% [markdown]
# * Γ counts the collisions of one neutrino; the damping of coherence is D = Γ/2. Antineutrinos do
#   the same, and are counted in n_s, not in Γ.
# * The sign of V_T: negative from the Standard Model (no crossing for a heavier ν_s), and negative
#   from a heavy mediator, positive from a light one.

# %%
assert float(nj.StandardModel().thermal_potential(E, T, "mu")) < 0
light = nj.ScalarMediator(1 * MeV, 0.1).thermal_potential(E, T, "mu")
assert abs(float(light / (0.01 * T**2 / (16 * E))) - 1) < 1e-2  # +λ²T²/16E, m ≪ T

# %% [markdown]
# ## From the spectrum to the relic density
#
# f_s is the occupation of one helicity state; ν_s and ν̄_s are counted together.
# n_s = 2 ∫d³p/(2π)³ f_s, Y = n_s/s at T_final, and Ω h² = m₄ Y s₀/(ρ_c/h²).

# %%
result = nj.solve_production(nu, forces, plasma=plasma)
step = float(jnp.log(result.x[1] / result.x[0]))
number = 2 * step * jnp.sum(result.x**3 * result.f) / (2 * np.pi**2)  # in units of T_final³
degrees = plasma.entropy_degrees(result.T_final)
yield_ = number / (2 * np.pi**2 / 45 * degrees)
density = nu.mass * yield_ * constants.ENTROPY_DENSITY_TODAY / constants.CRITICAL_DENSITY_OVER_H2
print(result)
assert abs(float(yield_ / result.comoving_yield) - 1) < 1e-4
assert abs(float(density / result.relic_density) - 1) < 1e-4

# %% [markdown]
# The two constants are those of the papers, s₀ = 2891.2 cm⁻³ and ρ_c/h² = 1.05e-5 GeV/cm³; current
# ones differ by 0.4 % (`nujax.constants` has them by name, `nj.Plasma.standard` takes them).
#
# ## Couplings
#
# | force | Lagrangian | width |
# |---|---|---|
# | `ScalarMediator` | (λ/2) ν_a ν_a φ + h.c., φ complex | λ²m/32π |
# | `VectorMediator` | g ν̄_a γ^μ P_L ν_a V_μ | g²m/24π |
# | `LMuMinusLTau`, `BMinusL` | g q V_μ J^μ | N g²m/24π |

# %%
for force, width in ((nj.ScalarMediator(100.0, 0.1), 32), (nj.VectorMediator(100.0, 0.1), 24)):
    assert abs(float(force.relative_width) / (0.01 / (width * np.pi)) - 1) < 1e-12

# %% [markdown]
# ## Conventions that papers choose
#
# `convention="exact"` (default) and `"paper"` on a force, `inputs` on the command line. What the
# choices mean stands in the docstrings; the first lines of one of them:

# %%
print("\n".join(inspect.getdoc(nj.ScalarMediator).splitlines()[:12]))
ratio = float(fermi_dirac(1.0) * (np.exp(1.0) + 1.0))
assert abs(ratio - 1) < 1e-15
assert SterileTheory(nu, forces).new_forces()[0].coupling == 0.1
