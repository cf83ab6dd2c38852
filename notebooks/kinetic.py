# %% [markdown]
# # When is Boltzmann enough?
#
# The Boltzmann equation of sterile-neutrino production assumes that the coherence between ν_a and
# ν_s has settled: many collisions between oscillations, slow changes. The density matrix assumes
# neither. `QuantumKinetic` solves it for every momentum, so the assumption can be tested where it
# matters: at resonances, for coherent crossings, and for eV masses.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import nujax as nj
from nujax.statistics import fermi_dirac
from nujax.units import GeV, MeV, eV, keV

jax.config.update("jax_enable_x64", True)

plasma = nj.Plasma.constant(10.75)
standard = nj.StandardModel("paper")

# %% [markdown]
# ## Through a resonance
#
# A scalar of 1 GeV with λ = 0.1 makes V = Δ cos 2θ twice. The density matrix and the Boltzmann
# equation agree to better than 1e-5, since collisions are fast: Γ/2Δs ≫ 1.

# %%
nu = nj.SterileNeutrino(7.1 * keV, 7e-11)
forces = standard + nj.ScalarMediator(1 * GeV, 0.1)
kinetic = nj.solve_production(
    nu, forces, plasma=plasma, method=nj.QuantumKinetic(keep_history=True)
)
boltzmann = nj.relic_density(nu, forces, plasma=plasma)
found = nj.find_resonances(nu, forces, plasma=plasma)
ratio = float(kinetic.relic_density / boltzmann)
print(f"Ω h² = {float(kinetic.relic_density):.6f}, over that of Boltzmann {ratio:.6f}")
print(f"smallest Γ/2Δs at a resonance: {float(jnp.min(found.damping[found.valid])):.3g}")
print("recommended:", found.recommendation)
assert abs(ratio - 1) < 1e-5

# %%
figure = Figure(figsize=(6.0, 5.5), layout="constrained")
top, bottom = figure.subplots(2, 1, sharex=True)
row = int(jnp.argmin(jnp.abs(kinetic.x - 3.0)))
history, f_eq = kinetic.history, float(fermi_dirac(kinetic.x[row]))
top.loglog(history.T, history.f_s[:, row] / f_eq, color="C0", label="$f_s/f_{eq}$")
size = np.hypot(history.coherence_real[:, row], history.coherence_imaginary[:, row])
bottom.loglog(history.T, size / f_eq, color="C1", label=r"$|\rho_{as}|/f_{eq}$")
bottom.loglog(
    history.T, history.coherence_imaginary[:, row] / f_eq, color="C2", ls="--",
    label=r"Im $\rho_{as}/f_{eq}$: the flow",
)  # fmt: skip
for axes in (top, bottom):
    for T, valid in zip(found.T[row], found.valid[row], strict=True):
        if valid:
            axes.axvline(float(T), color="0.7", lw=0.8)
    axes.legend(frameon=False)
top.set(title=f"m = 1 GeV, λ = 0.1, p/T = {float(kinetic.x[row]):.2f}; resonances in grey")
bottom.set(xlabel="T [MeV]", xlim=(1e4, 5), ylim=(1e-13, 1e-3))
figure.savefig("kinetic_resonance.png", dpi=150)

# %% [markdown]
# ## Coherent crossings: Landau and Zener
#
# Without collisions a crossing converts 1 − e^(−κ), κ = (π/2)(Δs)²/|d(Δc − V)/dt|. The same
# exponent stands in the Boltzmann equation without Δ²s² in its denominator, mixing="quasi-static";
# with it, mixing="averaged", the equation undercounts by (Γ/2)/√(Δ²s² + Γ²/4).


# %%
class Level(nj.AbstractInteraction):
    """V = Δ at T = 100 MeV, at every momentum; Γ = `rate` · Δ."""

    rate: jax.Array

    def interaction_rate(self, E, T, flavour):
        return self.rate * (7.1 * keV) ** 2 / (2 * E)

    def thermal_potential(self, E, T, flavour):
        return (T / (100 * MeV)) ** 6 * (7.1 * keV) ** 2 / (2 * E)


limits = {"T_initial": 150 * MeV, "T_final": 70 * MeV}


def crossing(s2, rate):
    """Share converted at each momentum, and the resonances."""
    neutrino, force = nj.SterileNeutrino(7.1 * keV, s2), Level(jnp.asarray(rate))
    method = nj.QuantumKinetic(**limits)
    result = nj.solve_production(neutrino, force, plasma=plasma, method=method)
    assert result.status is nj.Status.ok
    found = nj.find_resonances(neutrino, force, plasma=plasma, method=method)
    return np.asarray(result.f / fermi_dirac(result.x)), found


share, found = crossing(1e-11, 0.0)
exponent = np.asarray(found.adiabaticity[:, 0])
inside = (exponent > 1e-2) & (exponent < 10)
worst = np.max(np.abs(share[inside] / -np.expm1(-exponent[inside]) - 1))
print(f"largest deviation from Landau-Zener for 1e-2 < κ < 10: {worst:.1e}")
assert worst < 1e-3

figure = Figure(figsize=(5.0, 3.6), layout="constrained")
axes = figure.subplots()
line = np.geomspace(1e-3, 30, 200)
axes.loglog(line, -np.expm1(-line), color="0.5", label=r"$1 - e^{-\kappa}$")
axes.loglog(exponent, share, "o", color="C0", ms=4, label="density matrix, Γ = 0")
axes.set(xlabel="adiabaticity κ", ylabel="share converted", xlim=(1e-3, 30), ylim=(1e-3, 2))
axes.legend(frameon=False)
figure.savefig("kinetic_landau_zener.png", dpi=150)

# %% [markdown]
# Conversion at one crossing with κ ≈ 0.02, relative to the quasi-static Boltzmann equation
# 1 − e^(−κ): the density matrix does not care about Γ/2Δs, the averaged equation does.

# %%
print("Γ/2Δs     density matrix   averaged")
s2 = 1e-11
for damping in (1e-2, 1e-1, 1.0, 1e1, 1e2):
    share, found = crossing(s2, 2 * damping * np.sqrt(s2))
    row = int(np.argmin(np.abs(np.asarray(found.adiabaticity[:, 0]) - 0.02)))
    quasi_static = -np.expm1(-float(found.adiabaticity[row, 0]))
    averaged = damping / np.hypot(1.0, damping)
    print(f"{damping:7.0e}   {share[row] / quasi_static:14.4f}   {averaged:8.4f}")
    assert abs(share[row] / quasi_static - 1) < 2e-2  # collisions off resonance add a little

# %% [markdown]
# ## eV masses: the effective number of neutrinos
#
# For Δm² ~ 1 eV² production takes place at 1 to 30 MeV, mixings are not small and Γ/H may be.
# ΔN_eff at 1 MeV with C_α(T, p/T), massive electrons and g*(T); with inverted ordering every
# neutrino and antineutrino passes a resonance. Published solutions of these equations (1204.5861,
# made with what became the code LASAGNA; 1905.11290 with three flavours) find complete
# thermalisation without lepton asymmetry in the region of Δm² ~ 1 eV², sin²2θ ~ 0.1 that
# oscillation experiments hint at, and so do we; no other point is compared by number.

# %%
dm2 = np.geomspace(1e-2, 1e2, 9)
mixings = np.geomspace(1e-5, 0.1, 9)


def excess(ordering):
    """ΔN_eff [masses, mixings]."""

    def point(mass, s2):
        neutrino = nj.SterileNeutrino(mass, s2, "e", ordering)
        method = nj.QuantumKinetic(T_initial=60 * MeV, T_final=1 * MeV)
        result = nj.solve_production(neutrino, nj.StandardModel(), method=method)
        return result.delta_n_eff, result.status_code

    grid = jnp.meshgrid(jnp.sqrt(dm2) * eV, jnp.asarray(mixings), indexing="ij")
    values, codes = eqx.filter_jit(eqx.filter_vmap(point))(*(part.ravel() for part in grid))
    assert bool(jnp.all(codes == nj.Status.ok))
    return np.asarray(values).reshape(len(dm2), len(mixings))


figure = Figure(figsize=(7.5, 3.4), layout="constrained")
panels = figure.subplots(1, 2, sharey=True)
for axes, ordering in zip(panels, ("normal", "inverted"), strict=True):
    values = excess(ordering)
    mesh = axes.contourf(mixings, dm2, values, np.linspace(0, 1, 11), cmap="cividis", extend="max")
    axes.contour(mixings, dm2, values, [0.2], colors="w")
    axes.set(xscale="log", yscale="log", xlabel=r"sin²2θ", title=f"{ordering} ordering")
    print(ordering, "ΔN_eff at 1 eV², s² = 1e-3:", round(float(values[4, 4]), 4))
    assert values[4, -1] > 0.97  # 1 eV², s² = 0.1
    assert np.all(np.diff(values, axis=1) > -1e-3)  # more mixing, more neutrinos
panels[0].set(ylabel=r"|Δm²| [eV²]")
figure.colorbar(mesh, ax=panels, label=r"$\Delta N_{\rm eff}$ at 1 MeV (white: 0.2)")
figure.savefig("kinetic_ev.png", dpi=150)

# %% [markdown]
# ## A hidden force among sterile neutrinos
#
# If ν_s have a bath of their own, at a fraction ξ of the temperature, a force among them gives them
# a potential: it suppresses the mixing until the bath is cold (1310.5926, 1310.6337). Then Γ_s and
# Γ_a both damp the coherence, and ν_s recouples if the suppression ends above 1 MeV. `HiddenForce`
# has the kernels of the active mediators; what is converted does not react back on the bath.

# %%
couplings = np.geomspace(1e-5, 1.0, 16)


@eqx.filter_jit
def with_force(mass):
    """ΔN_eff of 1 eV, s² = 1e-2, against the coupling of a vector, and the status; ξ = 0.3."""

    def point(coupling):
        neutrino = nj.SterileNeutrino(1 * eV, 1e-2, "e")
        hidden = nj.HiddenForce(nj.VectorMediator(mass, coupling), temperature_ratio=0.3)
        method = nj.QuantumKinetic(T_initial=60 * MeV, T_final=1 * MeV, hidden=hidden)
        result = nj.solve_production(neutrino, nj.StandardModel(), method=method)
        return result.delta_n_eff, result.status_code

    return jax.lax.map(point, jnp.asarray(couplings))


figure = Figure(figsize=(5.0, 3.6), layout="constrained")
axes = figure.subplots()
for mass in (0.1 * MeV, 1 * MeV, 10 * MeV):
    values, codes = (np.asarray(each) for each in with_force(jnp.asarray(mass)))
    sound = codes == nj.Status.ok
    line = axes.semilogx(couplings[sound], values[sound], "o-", ms=3, label=f"{mass:g} MeV")
    print(f"m = {mass:g} MeV: ", np.round(values[[0, -1]], 4), f"{sound.sum()} of {len(sound)} ok")
    assert sound.sum() >= 14
    assert values[sound][-1] < 0.1 < values[0]
axes.set(xlabel="coupling g of the hidden vector", ylabel=r"$\Delta N_{\rm eff}$ at 1 MeV")
axes.legend(frameon=False, title="mass")
figure.savefig("kinetic_hidden.png", dpi=150)
