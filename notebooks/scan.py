# %% [markdown]
# # A scan, and its store read with xarray
#
# A scan writes every point into a Zarr store, which xarray opens as a labelled dataset: parameters
# are coordinates, numbers carry units, and every point says how it went. Two stories: which points
# of a random sample make all of dark matter, and for which (m₄, sin²2θ) there is a scalar mediator
# that does: the hatched region.

# %%
import json
import tempfile
from pathlib import Path

import jax
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

import nujax as nj
from nujax.inference import Solve
from nujax.units import GeV, MeV, keV

jax.config.update("jax_enable_x64", True)

standard, plasma, method = nj.presets.paper()
setup = {"plasma": plasma, "method": method}
nu = nj.SterileNeutrino(mass=7.1 * keV, sin2_2theta=7e-11, flavour="mu")
forces = standard + nj.ScalarMediator(1 * GeV, 0.3)
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## A sample of the plane of mediators
#
# 20 000 points of Sobol's sequence at m₄ = 7.1 keV, sin²2θ = 7e-11. Whatever ends the scan, the
# same call with `resume=True` goes on.

# %%
sample = nj.Scan(
    nu,
    forces,
    {"mediator_mass": nj.Range(10 * MeV, 10 * GeV), "coupling": nj.Range(1e-5, 1.0)},
    points=20_000,
    outputs=("relic_density", "mean_momentum", "error_estimate"),
    **setup,
)
report = nj.scan(sample, folder / "sample.zarr")
assert report.complete
print(report.statuses)

data = nj.open_scan(folder / "sample.zarr")
data

# %% [markdown]
# Units and provenance travel with the numbers:

# %%
print(data.mediator_mass.attrs, data.status.attrs["flag_meanings"])
print(json.loads(data.attrs["environment"]))
print(json.loads(data.attrs["configuration"])["interaction"])

# %% [markdown]
# Points that make all of dark matter within 20 %, those with a narrow resonance that could not be
# resolved left out:

# %%
sound = data.where(data.status == 0, drop=True)
right = sound.where(abs(np.log(sound.relic_density / 0.12)) < 0.2, drop=True)
print(f"{right.sizes['point']} of {sound.sizes['point']} points")
assert right.sizes["point"] > 100

figure = Figure(figsize=(6, 4.5), layout="constrained")
axes = figure.subplots()
points = axes.scatter(
    sound.mediator_mass / GeV, sound.coupling, c=sound.relic_density, s=1.5,
    norm=LogNorm(1e-3, 10.0), cmap="viridis", rasterized=True,
)  # fmt: skip
axes.plot(right.mediator_mass / GeV, right.coupling, "r.", ms=2)
axes.set(xscale="log", yscale="log", xlabel="mediator mass [GeV]", ylabel="coupling λ")
axes.set_title("7.1 keV, sin²2θ = 7e-11; red: Ω h² = 0.12 ± 20 %", fontsize=10)
figure.colorbar(points, label="Ω h²", extend="both")
figure.savefig("scan_sample.png", dpi=160)

# %% [markdown]
# The red points are the S-curve; the mean momentum tells its branches apart:

# %%
for low, high in ((1e-5, 5e-4), (5e-4, 3e-2), (3e-2, 1.0)):
    branch = right.where((right.coupling > low) & (right.coupling < high), drop=True)
    print(f"λ in {low:g} … {high:g}: ⟨p/T⟩ = {float(branch.mean_momentum.median()):.3f}")

# %% [markdown]
# ## Where is there a mediator at all?
#
# A conditioned scan finds at each (m₄, sin²2θ, m) all couplings with Ω h² = 0.12. A grid has a
# dimension for each parameter, so that the region is one line.

# %%
region = nj.Scan(
    nu,
    forces,
    {
        "mass": nj.Range(1 * keV, 50 * keV, points=16),
        "sin2_2theta": nj.Range(1e-13, 1e-7, points=16),
        "mediator_mass": [10 * MeV, 100 * MeV, 1 * GeV, 10 * GeV],
    },
    sampling="grid",
    solve=Solve("coupling", target=0.12),
    **setup,
)
nj.scan(region, folder / "region.zarr")
found = nj.open_scan(folder / "region.zarr").load()
found

# %%
possible = found.root_count.max("mediator_mass") > 0
several = found.root_count.max("mediator_mass")
figure = Figure(figsize=(6, 4.5), layout="constrained")
axes = figure.subplots()
mesh = axes.pcolormesh(
    found.mass / keV, found.sin2_2theta, several.T, cmap="Blues", vmin=0, vmax=4, shading="nearest"
)
axes.contourf(
    found.mass / keV, found.sin2_2theta, possible.T, levels=[0.5, 1.5], colors="none",
    hatches=["///"],
)  # fmt: skip
alone = np.array(
    [
        float(nj.relic_density(nj.SterileNeutrino(float(m), 1e-9, "mu"), standard, **setup))
        for m in found.mass
    ]
)
# Without a mediator Ω h² ∝ sin²2θ.
axes.plot(found.mass / keV, 1e-9 * 0.12 / alone, "k-", label="no mediator (Dodelson–Widrow)")
axes.set(
    xscale="log", yscale="log", xlabel="m₄ [keV]", ylabel="sin²2θ", ylim=(1e-13, 1e-7),
    xlim=(1.0, 50.0),
)  # fmt: skip
axes.set_title("hatched: a scalar of 10 MeV to 10 GeV makes all of dark matter", fontsize=10)
axes.legend(loc="lower left", fontsize=8)
figure.colorbar(mesh, label="most couplings at one mediator mass", ticks=range(5))
figure.savefig("scan_region.png", dpi=160)

# %% [markdown]
# Below the black line a mediator adds what is missing. Above it the Standard Model alone makes too
# much; there only a force strong enough to suppress the mixing helps, and beyond some mixing
# nothing does.

# %%
line = 1e-9 * 0.12 / alone
below = found.sin2_2theta.values[None, :] < 0.5 * line[:, None]
assert possible.values[below].all()
assert not possible.values[-1, -1]
print(f"a mediator at {float(possible.mean()):.0%} of the points of the plane")
assert found.complete.values.all()
