# %% [markdown]
# # Exponential growth
#
# A scalar φ that sterile neutrinos exchange, L = (y/2) φ ν_sν_s, lets a few of them make many
# (2206.10630): one ν_s turns an active neutrino into another, ν_aν_s → φ → ν_sν_s, at a rate
# proportional to the number there is. Oscillations leave a seed, thousands of times too small to
# be the dark matter; the growth stops when φ become too heavy for what is left of the temperature.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import nujax as nj
from nujax.production import GivenSeed
from nujax.units import keV

jax.config.update("jax_enable_x64", True)

# %% [markdown]
# ## One point
# The first benchmark: m_s = 12 keV, m = 36 keV, sin²2θ = 2.5e-13, with its seed. The exact matrix
# element of ν_sν_s → φφ asks for y = 1.902e-4, the published numerator (m_s = 0) for 1.905e-4.

# %%
nu = nj.SterileNeutrino(mass=12 * keV, sin2_2theta=2.5e-13, flavour="e")
forces = nj.StandardModel()
plasma = nj.Plasma.constant(10.75, critical_density_over_h2=1.053672e-2)
seed = GivenSeed(relic_density=4.429e-5, mean_momentum=2.408)


def method_of(m_over_ms, y, matrix_element="exact", keep_history=False):
    """The method for a scalar of mass m."""
    scalar = nj.SterileScalar(m_over_ms * 12 * keV, y)
    return nj.SelfInteracting(
        scalar, seed, matrix_element, expansion="plasma", keep_history=keep_history
    )


@eqx.filter_jit
def solve(method):
    """All of one point."""
    return method.solve(nu, forces, plasma)


result = solve(method_of(3.0, 1.902e-4, keep_history=True))
print(result)
assert result.status is nj.Status.ok
assert abs(float(result.relic_density) / 0.12 - 1) < 0.01

# %% [markdown]
# ## The story of the gas
# Number (relative to the active neutrinos of one flavour), temperature, and rates of growth (solid:
# from active neutrinos, dotted: by pairs), for three couplings. All is over when T_ν is a tenth of
# m. Twice the coupling ends in equilibrium with the active neutrinos, that is, with too much dark
# matter by a factor of hundreds; its status is `runaway`.

# %%
active = 1.5 * 1.2020569 / np.pi**2  # n/T³ of one flavour
figure = Figure(figsize=(10.0, 3.6), layout="constrained")
left, middle, right = figure.subplots(1, 3)
peaks = []
for y, colour in ((1.7e-4, "C0"), (1.902e-4, "C1"), (4e-4, "C3")):
    point = solve(method_of(3.0, y, keep_history=True))
    h = point.history
    T = np.asarray(h.T) / keV
    label = f"y = {y:.4g} ({point.status.name})"
    left.loglog(T, h.number / active, colour, label=label)
    middle.loglog(T, h.T_dark / h.T, colour)
    right.semilogx(T, h.converted, colour)
    right.semilogx(T, h.paired, colour, ls=":")
    peaks.append(float(jnp.max(h.converted)))
left.legend(fontsize=7, loc="upper left")
left.set(ylabel=r"$(n_s + 2 n_\phi)/n_\nu$", title="number")
middle.set(ylabel=r"$T_d/T_\nu$", title="temperature")
right.set(ylabel=r"$\mathrm{d}\ln n/\mathrm{d}\ln a$", title="growth")
right.set_ylim(-6, 8)
for axes in (left, middle, right):
    axes.set_xlabel(r"$T_\nu$ [keV]")
    axes.invert_xaxis()
    axes.set_xlim(1e3, 0.6)
figure.savefig("growth_history.png", dpi=130)
# The published evolution of this point: fastest at 11 keV, 5.2 e-folds per e-fold of expansion
# (of conversion and pairs together).
assert 4.5 < peaks[1] < 5.5

# %% [markdown]
# ## The dichotomy of growth, and the power of the coupling
# Ω h² against y for some masses of φ. Below the growth the seed remains; in between d ln Ω/d ln y
# is 17 and more, so that models predict couplings well and densities badly; above, the gas comes
# into equilibrium with ν_a, and the longer it stays there the more it loses to its own pairs.
# Dashed: with the published matrix element.

# %%
couplings = jnp.geomspace(2e-5, 2e-3, 64)


@eqx.filter_jit
def densities(method, couplings):
    """Ω h² and status along y."""

    def one(y):
        moved = eqx.tree_at(lambda m: m.scalar.coupling, method, y)
        m = moved.moments(nu, forces, plasma)
        yield_ = nj.abundance.comoving_yield(m.number, plasma.entropy_degrees(m.T_final))
        return nj.abundance.relic_density_of_yield(nu.mass, yield_, plasma), m.status_code

    return jax.vmap(one)(couplings)


figure = Figure(figsize=(6.0, 4.0), layout="constrained")
axes = figure.subplots()
for ratio, colour in ((2.5, "C0"), (3.0, "C1"), (5.0, "C2")):
    for matrix_element, style in (("exact", "-"), ("paper", "--")):
        density, status = densities(method_of(ratio, 1e-4, matrix_element), couplings)
        good = np.asarray(status) == nj.Status.ok
        label = f"$m = {ratio:g}\\,m_s$" if style == "-" else None
        axes.loglog(couplings, density, colour + style, alpha=0.3)
        axes.loglog(couplings, np.where(good, density, np.nan), colour + style, label=label)
axes.axhline(0.12, color="0.5", lw=0.8)
axes.set(xlabel="y", ylabel=r"$\Omega h^2$ (pale: runaway)")
axes.legend()
figure.savefig("growth_couplings.png", dpi=130)

# %% [markdown]
# ## Couplings for all of the dark matter
# The same search as for mediators of active neutrinos, for sterile ones. The second benchmark,
# m_s = 20 keV, m = 60 keV, sin²2θ = 3e-15, grows by ν_sν_s → φφ alone, at T ≫ m; there keeping m_s
# in the matrix element lowers the coupling from 1.603e-3 (published: 1.602e-3) to 1.460e-3.

# %%
nu_2 = nj.SterileNeutrino(20 * keV, 3e-15, "e")
found = {}
for matrix_element, start in (("exact", 1.46e-3), ("paper", 1.6e-3)):
    scalar = nj.SterileScalar(60 * keV, start)
    method = nj.SelfInteracting(
        scalar, GivenSeed(1.29195e-6, 2.2602), matrix_element, expansion="plasma"
    )
    root = nj.relic_coupling(nu_2, forces, plasma=plasma, method=method)
    found[matrix_element] = float(root.coupling)
print(found)
assert abs(found["exact"] / 1.4597e-3 - 1) < 1e-3
assert abs(found["paper"] / 1.6032e-3 - 1) < 1e-3
