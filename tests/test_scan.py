"""Scans: the same numbers whatever the chunks, right numbers, and clear words for bad ones."""

import json
import warnings
from dataclasses import replace

import numpy as np
import oracles
import problems
import pytest
import toy
import xarray as xr

import nujax as nj
from nujax.inference import LocalEngine, Solve, StoreError, scan_status
from nujax.inference._scan_setup import plan_of
from nujax.inference._scan_task import compute

_POINTS = 1000


def _toy_scan(**changes):
    """A scan of `toy.Toy`: microseconds a point, and every number in closed form."""
    theory, options = toy.theory()
    parameters = {
        "sin2_2theta": nj.Range(1e-10, 1e-8),
        "mediator_mass": nj.Range(1e2, 1e4),
        "coupling": nj.Range(1e-4, 0.2),
    }
    given = {"parameters": parameters, "points": _POINTS, "seed": 3} | options | changes
    return nj.Scan(*theory, **given)


def _expected(data):
    """Ω h² in closed form at the parameters that the store says."""
    names = ("sin2_2theta", "mediator_mass", "coupling")
    return 0.12 * np.exp(toy.log_ratio(*(data[name].values for name in names)))


def test_store_opens_in_xarray(tmp_path):
    """Labelled, with units, provenance and what codes mean; plain xarray reads it in silence."""
    report = nj.scan(_toy_scan(), tmp_path / "out.zarr")
    assert report.complete
    assert report.points_done == _POINTS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = xr.open_zarr(tmp_path / "out.zarr", chunks=None)
    assert set(data.data_vars) == {"relic_density", "mean_momentum", "error_estimate", "status"}
    assert set(data.coords) == {"sin2_2theta", "mediator_mass", "coupling"}
    assert data.sizes == {"point": _POINTS}
    assert data.mediator_mass.attrs["units"] == "MeV"
    assert data.relic_density.attrs["units"] == "1"
    np.testing.assert_allclose(data.relic_density, _expected(data), rtol=1e-12)
    flagged = data.coupling.values > 0.1
    np.testing.assert_array_equal(data.status, np.where(flagged, 1, 0))
    assert data.status.attrs["flag_meanings"].split()[:2] == ["ok", "under_resolved"]
    assert report.statuses == {"ok": _POINTS - flagged.sum(), "under_resolved": flagged.sum()}
    configuration = json.loads(data.attrs["configuration"])
    assert configuration["sterile"]["mass"] == pytest.approx(7.1e-3)
    assert configuration["parameters"]["coupling"] == [{"low": 1e-4, "high": 0.2, "scale": "log"}]
    environment = json.loads(data.attrs["environment"])
    assert {"device", "nujax", "jax", "zarr", "Python"} <= set(environment)
    xr.testing.assert_identical(nj.open_scan(tmp_path / "out.zarr").load(), data.load())


def test_numbers_do_not_depend_on_chunks_and_threads(tmp_path):
    """To the last bit, for any chunk size, order and number of threads."""
    plain = nj.scan(_toy_scan(), tmp_path / "plain.zarr", engine=LocalEngine(1))
    other = nj.scan(_toy_scan(chunk=150), tmp_path / "other.zarr", engine=LocalEngine(3))
    assert plain.chunks != other.chunks
    one, two = (nj.open_scan(tmp_path / name).load() for name in ("plain.zarr", "other.zarr"))
    for name in [*one.data_vars, *one.coords]:
        np.testing.assert_array_equal(one[name].values, two[name].values)


def _scalar_scan(parameters, **changes):
    """A scan of the real method, with the inputs of the reference."""
    inputs = nj.presets.paper()
    return nj.Scan(
        nj.SterileNeutrino(7.1e-3, 7e-11, "mu"),
        inputs.standard_model + nj.ScalarMediator(1e3, 0.1),
        parameters, plasma=inputs.plasma, method=inputs.method, **changes,
    )  # fmt: skip


def _reference(mediator_mass):
    """Reference problems at m₄ = 7.1 keV and sin²2θ = 7e-11, by coupling."""
    case = oracles.Case(7.1e-3, 7e-11, mediator_mass, 1.0)
    found = [p for p in problems.scalar() if replace(p.case, coupling=1.0) == case]
    return {p.case.coupling: p for p in sorted(found, key=lambda p: p.case.coupling)}


def test_numbers_are_those_of_the_reference(tmp_path):
    """1e-6 where no resonance is narrow, 1e-4 otherwise: what `solve_production` promises."""
    reference = _reference(1e3)
    assert len(reference) >= 5
    parameters = {"mediator_mass": [1e3], "coupling": list(reference)}
    report = nj.scan(_scalar_scan(parameters, sampling="grid"), tmp_path / "out.zarr")
    assert report.flagged == 0
    data = nj.open_scan(tmp_path / "out.zarr").isel(mediator_mass=0)
    for problem, density, momentum in zip(
        reference.values(), data.relic_density.values, data.mean_momentum.values, strict=True
    ):
        accuracy = 1e-6 if problem.tag == "smooth" else 1e-4
        assert density == pytest.approx(problem.relic_density, rel=accuracy)
        assert momentum == pytest.approx(problem.mean_momentum, rel=accuracy)


def test_physics_does_not_depend_on_chunks():
    """The real method shares nodes between neighbours; whole blocks keep every last bit."""
    parameters = {"mediator_mass": nj.Range(10.0, 1e4), "coupling": nj.Range(1e-5, 1.0)}
    plan = plan_of(_scalar_scan(parameters, points=256))
    assert plan.block == 16
    whole = compute(plan, plan.sampler(), 0, 64)
    parts = [compute(plan, plan.sampler(), k, k + 32) for k in (32, 0)][::-1]
    for name, values in whole.items():
        pieces = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(pieces, values)


@pytest.mark.slow
def test_spectra_regimes_and_slopes_of_the_real_method(tmp_path):
    """Each output is what `solve_production` gives of the same point; slopes as the reference."""
    reference = _reference(1e3)
    scan = _scalar_scan(
        {"coupling": list(reference)}, sampling="grid", x=(0.5, 3.0),
        outputs=("relic_density", "gradients", "regime", "spectrum"),
    )  # fmt: skip
    nj.scan(scan, tmp_path / "out.zarr")
    data = nj.open_scan(tmp_path / "out.zarr").load()
    assert data.spectrum.dims == ("coupling", "x")
    regimes = set()
    for k, problem in enumerate(reference.values()):
        sterile, interaction, plasma, method = problem.build()
        single = nj.solve_production(sterile, interaction, plasma=plasma, method=method)
        # The same lattice in another compiled function.
        expected = single.distribution(np.array([0.5, 3.0]))
        np.testing.assert_allclose(data.spectrum[k], expected, rtol=1e-9)
        assert data.regime[k] == int(single.regime.code)
        regimes.add(single.regime.name)
        for short, value in problem.derivatives.items():
            name = problems.PARAMETERS.get(short, short)
            slope = float(data[f"gradient_{name}"][k])
            # As the gradients of the method: 1e-5, and 1e-3 through narrow resonances.
            assert slope == pytest.approx(value, rel=1e-3, abs=1e-4)
    assert len(regimes) > 1


def test_gradients(tmp_path):
    """d ln Ω h²/d ln p in closed form: 1 for sin²2θ, −1 for the mediator, u² − 1 for λ.

    Of the sterile mass: the toy's Ω h² does not depend on it.
    """
    nj.scan(_toy_scan(outputs=("relic_density", "gradients")), tmp_path / "out.zarr")
    data = nj.open_scan(tmp_path / "out.zarr")
    u = np.log(data.coupling.values / 1e-3)
    slopes = {"mass": 0 * u, "sin2_2theta": 1 + 0 * u, "mediator_mass": -1 + 0 * u,
              "coupling": u**2 - 1}  # fmt: skip
    for name, slope in slopes.items():
        np.testing.assert_allclose(data[f"gradient_{name}"], slope, rtol=1e-11, atol=1e-11)


def test_single_precision(tmp_path):
    """Arrays are of it, and numbers good to its digits (u³ amplifies its rounding)."""
    nj.scan(_toy_scan(precision="float32"), tmp_path / "out.zarr")
    data = nj.open_scan(tmp_path / "out.zarr").load()
    assert data.relic_density.dtype == np.float32
    np.testing.assert_allclose(data.relic_density, _expected(data), rtol=3e-4)


def test_non_finite_numbers_carry_a_status(tmp_path):
    theory, options = toy.theory()
    nj.scan(
        nj.Scan(*theory, {"mass": nj.Range(0.1, 1.0, scale="linear")}, points=200, **options),
        tmp_path / "out.zarr",
    )
    data = nj.open_scan(tmp_path / "out.zarr")
    bad = data.mass.values > 0.9
    assert bad.any()
    assert np.isnan(data.relic_density.values[bad]).all()
    assert (data.status.values[bad] != 0).all()
    assert np.isfinite(data.relic_density.values[~bad]).all()


def test_grid_has_a_dimension_for_each_parameter(tmp_path):
    theory, options = toy.theory()
    parameters = {"sin2_2theta": nj.Range(1e-10, 1e-8, 7), "coupling": [1e-4, 1e-3, 1e-2]}
    nj.scan(nj.Scan(*theory, parameters, sampling="grid", **options), tmp_path / "out.zarr")
    data = nj.open_scan(tmp_path / "out.zarr")
    assert data.relic_density.dims == ("sin2_2theta", "coupling")
    np.testing.assert_allclose(data.sin2_2theta, np.geomspace(1e-10, 1e-8, 7), rtol=1e-14)
    mixing, coupling = np.meshgrid(data.sin2_2theta, data.coupling, indexing="ij")
    expected = 0.12 * np.exp(toy.log_ratio(mixing, 1e3, coupling))
    np.testing.assert_allclose(data.relic_density, expected, rtol=1e-12)
    assert data.sin2_2theta.attrs["units"] == "1"


def test_conditioned_scan_finds_all_roots(tmp_path):
    """u³/3 − u = v − ln(s²/1e-9): three roots within |right side| < 2/3, else one."""
    theory, options = toy.theory()
    scan = nj.Scan(
        *theory, {"sin2_2theta": nj.Range(1e-10, 1e-8), "mediator_mass": nj.Range(3e2, 3e3)},
        points=100, solve=Solve("coupling", bounds=(1e-5, 0.09)), **options,
    )  # fmt: skip
    report = nj.scan(scan, tmp_path / "out.zarr")
    data = nj.open_scan(tmp_path / "out.zarr").load()
    assert report.flagged == 0
    level = np.log(data.mediator_mass / 1e3) - np.log(data.sin2_2theta / 1e-9)
    low, high = np.log(1e-2), np.log(90.0)
    for k in range(100):
        roots = np.roots([1 / 3, 0.0, -1.0, -float(level[k])])
        u = np.sort(roots[np.abs(roots.imag) < 1e-9].real)
        u = u[(u > low) & (u < high)]
        assert data.root_count[k] == len(u)
        # Secants stop after a step of 1e-5, whose rest is small but for the neighbourhood of folds.
        found = data.coupling[k, : len(u)].values
        np.testing.assert_allclose(found, 1e-3 * np.exp(u), rtol=1e-5)
        miss = toy.log_ratio(data.sin2_2theta.values[k], data.mediator_mass.values[k], found)
        np.testing.assert_allclose(miss, 0.0, atol=1e-6)
        assert np.isnan(data.coupling[k, len(u) :]).all()
    assert set(np.unique(data.root_count)) == {1, 3}
    assert data.coupling.dims == ("point", "root")


def test_conditioned_scan_does_not_depend_on_chunks(tmp_path):
    theory, options = toy.theory()
    for chunk in (16, 64):
        nj.scan(
            nj.Scan(
                *theory, {"sin2_2theta": nj.Range(1e-10, 1e-8)}, points=100, chunk=chunk,
                solve=Solve("coupling", bounds=(1e-5, 0.09)), **options,
            ),
            tmp_path / f"{chunk}.zarr",
        )  # fmt: skip
    one, two = (nj.open_scan(tmp_path / f"{chunk}.zarr").load() for chunk in (16, 64))
    np.testing.assert_array_equal(one.coupling, two.coupling)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"parameters": {}}, "`parameters` must name at least one parameter"),
        ({"parameters": {"lambda": nj.Range(0.1, 1.0)}}, "`parameter` must be one of"),
        ({"parameters": {"coupling": nj.Range(0.2, 0.1)}}, r"must rise from low to high"),
        ({"parameters": {"coupling": nj.Range(0.0, 0.1)}}, r"is a logarithmic range from 0"),
        ({"parameters": {"coupling": nj.Range(-1.0, 0.1)}}, r"must be positive throughout"),
        (
            {"parameters": {"coupling": [nj.Range(0.1, 0.3), nj.Range(0.2, 0.5)]}},
            "must have ranges that do not overlap, but 0.1 … 0.3 and 0.2 … 0.5 do",
        ),
        ({"parameters": {"coupling": nj.Range(0.1, 99.0)}}, "`coupling` must lie within"),
        ({"parameters": {"coupling": nj.Range(0.1, 1.0, 5)}}, "must go without points unless"),
        ({"parameters": {"coupling": [0.1, 0.2]}}, "must be a range unless the sampling is grid"),
        ({"sampling": "grid", "points": None}, r"points` must be a whole number from 2 on"),
        ({"sampling": "grid", "parameters": {"coupling": [0.2, 0.1]}}, "must rise from value"),
        ({"sampling": "sobel"}, "`sampling` must be one of"),
        ({"points": 0}, "`points` must be a whole number from 1 on, but is 0"),
        ({"points": None}, "`points` must be a whole number from 1 on"),
        ({"points": 2**31}, "at most 1073741824 with Sobol"),
        ({"outputs": ("relic_densty",)}, r"has 'relic_densty' \(did you mean relic_density\?\)"),
        ({"outputs": "status"}, "`outputs` must be a list of names"),
        ({"outputs": ("spectrum",)}, "`x` must be given with the output spectrum"),
        ({"solve": Solve("coupling")}, "`solve.parameter` must not be scanned as well"),
        ({"solve": Solve("mass", target=-1.0)}, "`target` must be positive"),
        ({"precision": "float16"}, "`precision` must be one of"),
        ({"precision": "float32", "solve": Solve("mass")}, "`precision` must be float64"),
        ({"chunk": 0}, "`chunk` must be a whole number"),
        ({"seed": -1}, "`seed` must be a whole number"),
        ({"allowed_flagged": 2.0}, "`allowed_flagged` must lie between 0 and 1"),
    ],
)
def test_bad_scans_are_refused_before_any_work(tmp_path, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        nj.scan(_toy_scan(**changes), tmp_path / "out.zarr")
    assert not list(tmp_path.iterdir())


def test_mediator_is_needed_for_its_parameters(tmp_path):
    sterile = nj.SterileNeutrino(7.1e-3, 7e-11, "mu")
    scan = nj.Scan(sterile, nj.StandardModel(), {"coupling": nj.Range(0.1, 1.0)}, points=4)
    with pytest.raises(ValueError, match="must contain a mediator"):
        nj.scan(scan, tmp_path / "out.zarr")


def test_unfinished_scans_open_only_when_asked(tmp_path):
    scan = _toy_scan()
    nj.scan(scan, tmp_path / "out.zarr")
    marks = sorted((tmp_path / "out.zarr" / "scan" / "done").iterdir())
    marks[1].unlink()
    with pytest.raises(StoreError, match="is not complete"):
        nj.open_scan(tmp_path / "out.zarr")
    data = nj.open_scan(tmp_path / "out.zarr", partial=True)
    plan = plan_of(scan)
    assert data.sizes["point"] == _POINTS - plan.chunk
    np.testing.assert_allclose(data.relic_density, _expected(data), rtol=1e-12)
    assert not scan_status(tmp_path / "out.zarr").complete
