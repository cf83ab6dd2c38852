"""Points of a scan by their number: the same in any chunks, and spread as their name says."""

import numpy as np
import pytest
from scipy.stats import qmc

from nujax.inference._sampling import Axis, Range, sampler

_AXES = (
    Axis("mass", (Range(1e-3, 5e-2),)),
    Axis("sin2_2theta", (Range(1e-12, 1e-11), Range(1e-9, 1e-8))),
    Axis("coupling", (Range(0.1, 0.9, scale="linear"),)),
)


def _in_pieces(sampling, points, size, order=1):
    """All points from a new sampler, `size` at a time, forwards or backwards."""
    take = sampler(sampling, _AXES, points, 7)
    pieces = [take(k, min(k + size, points)) for k in range(0, points, size)[::order]]
    return np.concatenate(pieces[::order])


@pytest.mark.parametrize("sampling", ["sobol", "latin-hypercube", "random"])
@pytest.mark.parametrize("points", [1, 5, 10007])
def test_points_do_not_depend_on_the_pieces(sampling, points):
    """To the last bit: a resumed scan, another chunk size and another order give the same."""
    whole = _in_pieces(sampling, points, points)
    for size, order in ((137, 1), (4096, -1), (1000, -1)):
        np.testing.assert_array_equal(_in_pieces(sampling, points, size, order), whole)


@pytest.mark.parametrize("sampling", ["sobol", "latin-hypercube", "random"])
def test_points_fill_their_ranges(sampling):
    """Uniform in the logarithm (or the value), half of them in each of two ranges of one length.

    5/√N of the mean of N numbers between 0 and 1 is more than 17 of its standard errors.
    """
    points = _in_pieces(sampling, 10007, 10007)
    u = np.log(points[:, 0] / 1e-3) / np.log(50.0)
    v = (points[:, 2] - 0.1) / 0.8
    for share in (u, v):
        assert (share >= 0).all()
        assert (share <= 1).all()
        assert abs(share.mean() - 0.5) < 5 / np.sqrt(10007)
        assert abs((share**2).mean() - 1 / 3) < 5 / np.sqrt(10007)
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.05
    mixing = points[:, 1]
    low = (mixing >= 1e-12) & (mixing <= 1e-11)
    assert (low | ((mixing >= 1e-9) & (mixing <= 1e-8))).all()
    assert abs(low.mean() - 0.5) < 0.025


def test_seeds_differ():
    for sampling in ("sobol", "latin-hypercube", "random"):
        one, other = (sampler(sampling, _AXES, 64, seed)(0, 64) for seed in (0, 1))
        assert not np.any(one == other)


@pytest.mark.parametrize("points", [1, 2, 1000, 4097])
def test_latin_hypercube_has_one_point_in_each_stratum(points):
    """The defining property, in every dimension, whether N is a power of two or not."""
    axes = [Axis("coupling", (Range(1.0, 2.0, scale="linear"),))] * 3
    u = sampler("latin-hypercube", axes, points, 3)(0, points) - 1.0
    for k in range(3):
        strata = np.sort(np.floor(u[:, k] * points + 1e-9))
        np.testing.assert_array_equal(strata, np.arange(points))
    if points > 2:
        assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < 0.1  # a permutation, not the identity


def test_sobol_is_that_of_scipy():
    axes = [Axis("coupling", (Range(1.0, 2.0, scale="linear"),))] * 2
    expected = qmc.Sobol(2, rng=np.random.default_rng(11)).random(8192)
    np.testing.assert_array_equal(sampler("sobol", axes, 8192, 11)(5000, 5100) - 1.0,
                                  (1.0 + expected[5000:5100]) - 1.0)  # fmt: skip


def test_grid_has_all_combinations():
    """In C order, ends exact, ranges one after the other."""
    axes = (
        Axis("mass", (Range(1e-3, 0.1, 3),)),
        Axis("coupling", values=(0.1, 0.4)),
        Axis("sin2_2theta", (Range(1.0, 2.0, 2, "linear"), Range(3.0, 5.0, 3, "linear"))),
    )
    points = np.concatenate([sampler("grid", axes, 30, 0)(k, k + 6) for k in range(0, 30, 6)])
    mesh = np.meshgrid([1e-3, 1e-2, 0.1], [0.1, 0.4], [1.0, 2.0, 3.0, 4.0, 5.0], indexing="ij")
    np.testing.assert_allclose(points, np.stack(mesh, -1).reshape(-1, 3), rtol=1e-14)
    assert points[0, 0] == 1e-3
    assert points[-1, 0] == 0.1
