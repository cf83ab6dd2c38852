# %% [markdown]
# # All births of a 7.1 keV sterile neutrino
#
# The minimal mechanism, oscillations in the plasma of the Standard Model, is excluded: what X-ray
# telescopes allow makes too little, and what is made is too warm. Here are the ways around it at
# the same mass and the same relic density, from the coldest spectrum to the warmest.

# %%
import jax
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

import nujax as nj
from nujax.limits import half_mode_warmth, mean_warmth, relic_mass
from nujax.units import GeV, MeV, keV

jax.config.update("jax_enable_x64", True)

MASS, TARGET = 7.1 * keV, 0.12
standard = nj.StandardModel()


def neutrino(sin2_2theta, transition=None):
    return nj.SterileNeutrino(MASS, sin2_2theta, "mu", transition=transition)


def tuned(solve, start, power=1.0):
    """The result and the parameter with Ω h² = 0.12, where Ω h² goes about like its power."""
    value = start
    for _ in range(12):
        result = solve(value)
        miss = float(result.relic_density) / TARGET
        if abs(miss - 1.0) < 1e-6:
            break
        value *= miss ** (-1.0 / power)
    assert abs(float(result.relic_density) / TARGET - 1.0) < 1e-5
    return result, value


births = {}

# %% [markdown]
# **Dodelson–Widrow**: one parameter. **A field that gives mass**: above 150 MeV ν_s weighed
# 2.1 keV and was 3.4 times more mixed, as θ m_s is constant; today's mixing may be smaller.

# %%
births["Dodelson–Widrow"] = tuned(lambda s2: nj.solve_production(neutrino(s2), standard), 2e-9)
lighter = nj.Transition(yukawa=1e-3, field=nj.StepField(T_c=150 * MeV, after=5 * MeV))
births["transition at 150 MeV"] = tuned(
    lambda s2: nj.solve_production(neutrino(s2, lighter), standard), 1e-9
)
print({name: f"sin²2θ = {s2:.3g}" for name, (_, s2) in births.items()})

# %% [markdown]
# **A new force** of the active neutrino, a scalar of 1 GeV at sin²2θ = 7e-11: three couplings, the
# regimes C, B and A.

# %%
nu = neutrino(7e-11)
roots = nj.find_relic_couplings(1 * GeV, nu, standard + nj.ScalarMediator(1 * GeV, 0.1))
for regime, coupling in zip("CBA", roots.at(0), strict=True):
    forces = standard + nj.ScalarMediator(1 * GeV, coupling)
    births[f"scalar force, {regime}"] = nj.solve_production(nu, forces), coupling

# %% [markdown]
# **A lepton asymmetry** (Shi–Fuller) at the same mixing.

# %%
found = nj.relic_asymmetry(nu, standard, method=nj.Resonant(0.012))
shi_fuller = nj.solve_production(nu, standard, method=nj.Resonant(found.asymmetry))
births["lepton asymmetry"] = shi_fuller, float(found.asymmetry)

# %% [markdown]
# **Decays** of a scalar of 100 GeV: in equilibrium, where p ~ m_S/2 cools with the plasma by
# (g*s)^(1/3), and out of it, after annihilation has frozen out: such neutrinos are as hot as the
# scalar is late. **The boson of B − L** is never in equilibrium at this coupling.

# %%
unmixed = neutrino(1e-14)


def decays(parent):
    return nj.solve_production(unmixed, standard, method=nj.FreezeIn(parent))


births["decays in equilibrium"] = tuned(
    lambda y: decays(nj.ThermalScalar(100 * GeV, yukawa=y)), 5e-9, power=2.0
)
births["boson of B − L"] = tuned(lambda g: decays(nj.BMinusLBoson(100 * GeV, g)), 5e-10, power=2.0)
births["decays after freeze-out"] = tuned(
    lambda sigma: decays(nj.DecoupledScalar(100 * GeV, width=1e-15, cross_section=sigma)),
    1e-20,
    power=-1.0,
)

# %% [markdown]
# **Self-interactions** among sterile neutrinos: a seed of oscillations grows exponentially.


# %%
def growth(y):
    scalar = nj.SterileScalar(mass=3 * MASS, coupling=y)
    return nj.solve_production(neutrino(5e-13), standard, method=nj.SelfInteracting(scalar))


births["self-interactions"] = tuned(growth, 2e-4, power=20.0)

# %% [markdown]
# ## Coldest to warmest
#
# ⟨p⟩ today relative to that of an active neutrino decides; the half-mode scale belongs to the
# thermal relic with the same half-mode, m_TR, from the spectrum itself.

# %%
rows = []
for name, (result, value) in births.items():
    assert result.status == nj.Status.ok, name
    warmth = float(half_mode_warmth(result))
    equivalent = float(relic_mass(MASS, warmth)) / keV
    k_half = nj.export.relic_half_mode(equivalent)
    rows.append((warmth, name, float(result.mean_momentum), equivalent, k_half, value))
rows.sort()
print(f"{'':26} {'⟨p/T⟩':>7} {'warmth':>7} {'m_TR/keV':>9} {'k_hm [h/Mpc]':>13}  parameter")
for warmth, name, mean, equivalent, k_half, value in rows:
    print(f"{name:26} {mean:7.3f} {warmth:7.3f} {equivalent:9.2f} {k_half:13.1f}  {value:.4g}")
order = [name for _, name, *_ in rows]
assert order.index("decays in equilibrium") < order.index("Dodelson–Widrow")
assert order.index("lepton asymmetry") < order.index("Dodelson–Widrow")
assert order.index("transition at 150 MeV") < order.index("Dodelson–Widrow")
assert order[-1] == "decays after freeze-out"

# %%
figure = Figure(figsize=(8.0, 4.6), layout="constrained")
axes = figure.subplots()
x = np.geomspace(1e-2, 300.0, 400)
colours = np.linspace(0.0, 0.92, len(rows))
styles = ("-", "--", "-.")

for number, ((_, name, *_), colour) in enumerate(zip(rows, colours, strict=True)):
    result = births[name][0]
    # In units of the neutrinos' temperature: T_final differs from method to method.
    scale = 3.1514 * float(mean_warmth(result) / result.mean_momentum)
    spectrum = x**3 * np.asarray(result.distribution(x))
    axes.semilogx(
        x * scale, spectrum / spectrum.max(), styles[number % 3],
        color=colormaps["viridis"](colour), label=name,
    )  # fmt: skip
axes.set(xlabel=r"$p/T_\nu$ today", ylabel="$x^3 f$, maximum 1", xlim=(1e-2, 300))
axes.legend(frameon=False, fontsize="small")
figure
