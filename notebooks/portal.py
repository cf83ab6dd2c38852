# %% [markdown]
# # Thermal dark matter through the Dirac neutrino portal
#
# 1709.07001: a dark fermion χ annihilates into neutrinos through a heavier scalar φ, because a
# heavy Dirac neutrino ν₄, which couples to both, mixes with the active ones. Freeze-out fixes
# G = y_L √Σ|U_ℓ4|² for given masses, and experiments limit the mixing, the scattering off
# nuclei and kaon decays. All numbers below are differentiable.

# %%
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import nujax as nj
from nujax import portal
from nujax.portal import figures
from nujax.units import GeV, TeV

jax.config.update("jax_enable_x64", True)

# %% [markdown]
# ## One point
# The benchmark of eq. 7: m_χ = 10 GeV, m_φ = 3m_χ, G = 0.2. The paper prints 1 pb for ⟨σv⟩; its own
# equation gives 0.62 pb (times c), and a Dirac particle needs more than that.

# %%
theory = portal.NeutrinoPortal.from_coupling(10 * GeV, 30 * GeV, 0.2)
result = nj.solve_freeze_out(theory)
print(result)
target = portal.thermal_target(10 * GeV, 30 * GeV)
print(f"Ω h² = 0.12 needs G = {float(target.coupling):.5f}")
assert abs(float(result.sigma_v_cm3_s) / (0.62 * 3e-26) - 1) < 0.01
assert abs(float(target.coupling) / 0.25667 - 1) < 1e-4

# %% [markdown]
# ## The thermal cross-section
# With a constant ⟨σv⟩: a self-conjugate particle, and a Dirac one, which needs twice as much
# because χ and χ̄ share the density. The bump is the QCD transition. The other source of g*(T)
# is the dotted line. Dark: the portal, whose ⟨σv⟩ falls or rises with temperature.

# %%
plasmas = {"-": nj.Plasma.standard(), ":": nj.Plasma.standard("borsanyi")}
masses = jnp.geomspace(10.0, 1 * TeV, 200)
figure = Figure(figsize=(7.0, 4.0), layout="constrained")
axes = figure.subplots()
for style, plasma in plasmas.items():
    for majorana, colour, name in ((True, "C0", "self-conjugate"), (False, "C1", "Dirac")):

        @jax.jit
        @jax.vmap
        def needed(m, plasma=plasma, majorana=majorana):
            return portal.thermal_cross_section(m, self_conjugate=majorana, plasma=plasma)

        label = name if style == "-" else None
        axes.plot(masses / GeV, needed(masses) * portal.CM3_PER_S, colour + style, label=label)
for ratio, style in ((1.2, "--"), (10.0, "-.")):
    found = jax.jit(jax.vmap(lambda m, r=ratio: portal.thermal_target(m, r * m)))(masses)
    axes.plot(masses / GeV, found.sigma_v * portal.CM3_PER_S, "0.3", ls=style, lw=1,
              label=rf"portal, $m_\phi = {ratio:g} m_\chi$")  # fmt: skip
axes.set(xscale="log", ylim=(0, 1.2e-25), xlabel=r"$m$ [GeV]")
axes.set_ylabel(r"$\langle\sigma v\rangle$ for $\Omega h^2 = 0.12$ [cm³/s]")
axes.legend()
figure

# %% [markdown]
# ## From equilibrium to no freeze-out
# Ω h² against the coupling over ten decades. Below G ≈ 3e-3 annihilation is too slow to keep χ in
# equilibrium until it is non-relativistic: the status says so (crosses). With an asymmetry η the
# abundance cannot fall below m_χ η.

# %%
couplings = jnp.geomspace(1e-9, 10.0, 121)
figure = Figure(figsize=(7.0, 3.6), layout="constrained")
axes = figure.subplots()
for eta, colour in ((0.0, "C0"), (4.3e-11, "C3")):

    @jax.jit
    @jax.vmap
    def solve(G, eta=eta):
        point = portal.NeutrinoPortal.from_coupling(10 * GeV, 30 * GeV, G)
        return nj.solve_freeze_out(point, asymmetry=eta)

    solved = solve(couplings)
    ok = np.asarray(solved.status) == nj.Status.ok
    assert np.isfinite(solved.relic_density).all()
    axes.plot(couplings[ok], solved.relic_density[ok], colour, label=rf"$\eta = {eta:g}$")
    axes.plot(couplings[~ok], solved.relic_density[~ok], "x", color="0.6", ms=3)
axes.axhline(0.12, color="k", lw=0.6)
axes.set(xscale="log", yscale="log", xlabel="$G$", ylabel=r"$\Omega h^2$")
axes.legend()
figure

# %% [markdown]
# ## Figure 2: the mixing of an invisible heavy neutrino

# %%
figure2 = Figure(figsize=(13.0, 4.2), layout="constrained")
for flavour, axes in zip(("e", "mu", "tau"), figure2.subplots(1, 3), strict=True):
    figures.mixing_limits(flavour, axes)
figure2

# %% [markdown]
# ## Figure 1: the plane of mass and strength
# Left m₄ = 10 m_χ, right m₄ = 400 GeV; from top to bottom mixing with e, μ, τ. Above the grey
# region χ is not overabundant. Beside the figure of the paper direct detection has become a
# hundred times
# stronger, and the muon's mixing is limited ten times better by the electroweak fit.

# %%
figure1 = Figure(figsize=(11.0, 13.0), layout="constrained")
for flavour, row in zip(("e", "mu", "tau"), figure1.subplots(3, 2), strict=True):
    for heavy, axes in zip((None, 400 * GeV), row, strict=True):
        figures.portal_plane(flavour, heavy, axes)
figure1

# %% [markdown]
# ## All limits on one theory

# %%
candidate = portal.NeutrinoPortal(
    dm_mass=1 * GeV, scalar_mass=3 * GeV, heavy_neutrino_mass=20 * GeV, y_L=8.0,
    mixing=(0.0, 0.0, float((0.0941639 / 8.0) ** 2)),
)  # fmt: skip
result = nj.solve_freeze_out(candidate)
table = nj.limits.check(candidate, result)
print(result)
print(*str(table).splitlines()[:10], sep="\n")
assert abs(float(result.relic_density) / 0.12 - 1) < 1e-3
assert not table.excluded
