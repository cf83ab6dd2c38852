"""The whole domain: finite everywhere, right or flagged, in float64 and float32."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj

_ROOT = Path(__file__).resolve().parent.parent

# Runs in a process of its own, because the precision is a setting of the whole process.
_SCAN = """
import json, sys
import jax
jax.config.update("jax_enable_x64", sys.argv[1] == "float64")
import jax.numpy as jnp
import numpy as np
import nujax as nj

points = int(sys.argv[2])
rng = np.random.default_rng(20)
log10 = rng.uniform([-4, -16, -3, -12], [0, -2, 5, np.log10(4 * np.pi)], (points, 4))
standard, plasma, method = nj.presets.paper()

def relic_density(parameters):
    mass, sin2_2theta, mediator_mass, coupling = parameters
    forces = standard + nj.ScalarMediator(mediator_mass, coupling)
    return nj.relic_density_and_status(
        nj.SterileNeutrino(mass, sin2_2theta), forces, plasma=plasma, method=method
    )

value = jax.jit(jax.vmap(jax.value_and_grad(relic_density, has_aux=True)))
(omega, status), slopes = value(jnp.asarray(10.0**log10))
omega, slopes = np.asarray(omega), np.asarray(slopes)
print(json.dumps({
    "values": int((~np.isfinite(omega)).sum()),
    "slopes": int((~np.isfinite(slopes)).any(axis=1).sum()),
    "negative": int((omega <= 0).sum()),
    "omega": omega.astype(float).tolist() if points <= 3000 else [],
    "status": np.asarray(status).tolist() if points <= 3000 else [],
}))
"""


def _scan(dtype: str, points: int) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", _SCAN, dtype, str(points)],
        capture_output=True, text=True, check=True, cwd=_ROOT,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.slow
def test_finite_and_equal_in_both_precisions():
    """No NaN in value or gradient at random points; float32 serves to 1e-4 where it is resolved.

    The domain: m₄ from 0.1 keV to 1 MeV, sin²2θ from 1e-16 to 1e-2, mediators from 1 keV to
    100 GeV, couplings from 1e-12 to 4π.
    """
    double, single = _scan("float64", 1500), _scan("float32", 1500)
    for scan in (double, single):
        assert scan["values"] == scan["slopes"] == scan["negative"] == 0
    omega, status = np.array(double["omega"]), np.array(double["status"])
    useful = (omega > 1e-3) & (omega < 100) & (status == nj.Status.ok)
    difference = np.abs(np.array(single["omega"]) / omega - 1)[useful]
    assert useful.sum() > 200
    # Rounding of 1e4 terms gives 1e-6; at resonances float32 sees V/Δ − 1 to 1e-7 of V/Δ.
    assert np.quantile(difference, 0.98) < 2e-5
    assert difference.max() < 1e-3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "points",
    [
        pytest.param(10_000, marks=pytest.mark.slow),
        pytest.param(100_000, marks=pytest.mark.long),
    ],
)
def test_finite_at_many_points(dtype, points):
    """The same for more points: 1e5 when run by hand."""
    scan = _scan(dtype, points)
    assert scan["values"] == scan["slopes"] == scan["negative"] == 0


@pytest.mark.slow
def test_few_useful_points_are_flagged():
    """Of the points with 0.01 < Ω h² < 10 at most 2 % have a status other than ok."""
    rng = np.random.default_rng(21)
    log10 = rng.uniform([-4, -16, -3, -8], [0, -2, 5, np.log10(4 * np.pi)], (6000, 4))
    standard, plasma, method = nj.presets.paper()

    def both(parameters):
        mass, sin2_2theta, mediator_mass, coupling = parameters
        forces = standard + nj.ScalarMediator(mediator_mass, coupling)
        return nj.relic_density_and_status(
            nj.SterileNeutrino(mass, sin2_2theta), forces, plasma=plasma, method=method
        )

    omega, status = jax.jit(jax.vmap(both))(jnp.asarray(10.0**log10))
    useful = (np.asarray(omega) > 0.01) & (np.asarray(omega) < 10)
    assert useful.sum() > 500
    assert np.mean(np.asarray(status)[useful] != nj.Status.ok) <= 0.02


# --- Default inputs: g*(T), measured rates, back-reaction, quasi-static mixing ------------------

_DEFAULT_SCAN = """
import json, sys
import jax
jax.config.update("jax_enable_x64", sys.argv[1] == "float64")
import jax.numpy as jnp
import numpy as np
import nujax as nj

points = int(sys.argv[2])
rng = np.random.default_rng(22)
low, high = [-4, -16, -3, -12], [0, -2, 5, np.log10(4 * np.pi)]
log10 = rng.uniform(low, high, (points, 4))
# the corners of the domain, pushed in by what float32 rounds
corners = np.array(np.meshgrid(*[(0.0, 1.0)] * 4)).reshape(4, -1).T
log10[:16] = np.array(low) + (1e-6 + (1 - 2e-6) * corners) * (np.array(high) - np.array(low))
plasma = nj.Plasma.standard()

def relic_density(parameters):
    mass, sin2_2theta, mediator_mass, coupling = parameters
    forces = nj.StandardModel() + nj.ScalarMediator(mediator_mass, coupling)
    return nj.relic_density_and_status(nj.SterileNeutrino(mass, sin2_2theta), forces)

value = jax.jit(jax.vmap(jax.value_and_grad(relic_density, has_aux=True)))
parameters = jnp.asarray(10.0**log10)
(omega, status), slopes = value(parameters)
T_final = jnp.minimum(1.0, parameters[:, 2] / 60.0)
limit = jax.vmap(lambda m, T: nj.abundance.equilibrium_relic_density(m, plasma, T))
omega, slopes, status = np.asarray(omega), np.asarray(slopes), np.asarray(status)
print(json.dumps({
    "not_finite": np.flatnonzero(~np.isfinite(omega) | ~np.isfinite(slopes).all(1)).tolist(),
    "negative": np.flatnonzero(omega <= 0).tolist(),
    "over": float(np.nanmax(omega / np.asarray(limit(parameters[:, 0], T_final)))),
    "codes": np.bincount(status, minlength=4).tolist(),
    "flagged": float(np.mean(status[(omega > 0.01) & (omega < 10)] != nj.Status.ok)),
}))
"""


@pytest.mark.parametrize(
    ("dtype", "points"),
    [
        pytest.param("float64", 600, marks=pytest.mark.slow),
        pytest.param("float32", 1000, marks=pytest.mark.long),
        pytest.param("float64", 5000, marks=pytest.mark.long),
    ],
)
def test_default_inputs_everywhere(dtype, points):
    """What a user gets without options is finite, positive and below equilibrium everywhere.

    Values and gradients, the corners of the domain included; at most 2 % of the points with
    0.01 < Ω h² < 10 are flagged.
    """
    done = subprocess.run(
        [sys.executable, "-c", _DEFAULT_SCAN, dtype, str(points)],
        capture_output=True, text=True, check=True, cwd=_ROOT,
    )  # fmt: skip
    scan = json.loads(done.stdout)
    assert scan["not_finite"] == []
    assert scan["negative"] == []
    assert scan["over"] <= 1.0 + (1e-4 if dtype == "float64" else 1e-3)
    assert scan["codes"][nj.Status.non_finite] == scan["codes"][nj.Status.max_steps] == 0
    assert scan["flagged"] <= 0.02


def test_spectra_everywhere():
    """f_s is finite and, at points that are not flagged, nowhere negative beyond rounding."""
    rng = np.random.default_rng(23)
    log10 = rng.uniform([-4, -16, -3, -8], [0, -2, 5, np.log10(4 * np.pi)], (200, 4))
    standard, plasma, _ = nj.presets.paper()
    method = nj.BoltzmannQuadrature(back_reaction=False)

    def both(parameters):
        mass, sin2_2theta, mediator_mass, coupling = parameters
        forces = standard + nj.ScalarMediator(mediator_mass, coupling)
        sterile = nj.SterileNeutrino(mass, sin2_2theta)
        result = nj.solve_production(sterile, forces, plasma=plasma, method=method)
        x = result.x
        largest = jnp.max(x**3 * result.f)
        return jnp.min(x**3 * result.f) / largest, jnp.isfinite(result.f).all(), result.status_code

    low, finite, status = (
        np.asarray(column)
        for column in jax.jit(lambda points: jax.lax.map(both, points))(jnp.asarray(10.0**log10))
    )
    assert finite.all()
    assert low[status == nj.Status.ok].min() > -1e-4
