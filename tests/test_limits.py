"""Limits: the interface, the tables, and what they say of the neutrino portal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nujax as nj
from nujax.constants import HIGGS_MASS, Z_MASS
from nujax.limits import (
    DirectDetection,
    HiggsInvisible,
    KaonInclusive,
    MixingLimit,
    NotConstrained,
    Table,
    ZInvisible,
    all_limits,
    check,
    read_data,
)
from nujax.portal import NeutrinoPortal, nucleon_cross_section, three_body_branching
from nujax.units import GeV

_FILES = ("invisible_heavy_neutrino.toml", "direct_detection.toml")
_PORTAL = NeutrinoPortal(10 * GeV, 30 * GeV, 100 * GeV, 2.0, (0, 1e-3, 0))


def _named(name, kind=object):
    return next(limit for limit in all_limits() if limit.name == name and isinstance(limit, kind))


@pytest.mark.parametrize("name", _FILES)
def test_every_datum_has_its_paper(name):
    """And positive numbers in a rising first column, a confidence and a known grade."""
    for entry in read_data(name):
        assert entry["source"]
        assert entry["grade"] in ("A", "B", "C")
        assert 0.5 < entry["confidence"] < 1.0
        points = np.array(entry["table"].points)
        assert (points > 0.0).all()
        assert (np.diff(points[:, 0]) > 0.0).all()


def test_listed_points_are_returned():
    """Two numbers of each file by hand: PIENU at 67.5 MeV, XENON1T at 30.8 GeV."""
    peak, inside = _named("pi -> e nu peak, PIENU").table(67.5)
    assert bool(inside)
    assert float(peak) == pytest.approx(8.4e-9, rel=1e-12)
    assert float(_named("XENON1T 2018").table(30.8)[0]) == pytest.approx(4.1e-47, rel=1e-12)


def test_tables_are_smooth_monotone_and_bounded():
    """Between points no overshoot; the slope is continuous through a point; flags beyond the
    ends.
    """
    table = Table(((1.0, 1e-3), (2.0, 1e-5), (10.0, 1e-4), (100.0, 1e-4)))
    x = np.geomspace(1.0, 100.0, 1001)
    y, inside = table(x)
    assert bool(inside.all())
    assert float(y.min()) >= 1e-5 * (1 - 1e-12)
    assert float(y.max()) <= 1e-3 * (1 + 1e-12)
    slope = jax.vmap(jax.grad(lambda v: jnp.log(table(jnp.exp(v))[0])))
    near = np.log(10.0) + np.array([-1e-7, 1e-7])
    assert np.abs(np.diff(slope(near))).max() < 1e-5
    assert list(np.asarray(table(np.array([0.99, 100.1]))[1])) == [False, False]


def test_power_laws_are_exact():
    """Log-log: a straight line through two points."""
    y, _ = Table(((1.0, 2.0), (100.0, 0.02)))(np.array([3.0, 30.0]))
    np.testing.assert_allclose(y, [2 / 3, 2 / 30], rtol=1e-12)


def test_another_model_is_not_constrained():
    sterile = nj.SterileNeutrino(7.1e-3, 1e-10)
    with pytest.raises(NotConstrained, match="does not constrain a SterileNeutrino"):
        all_limits()[0].bound(sterile)
    table = check(sterile, limits=all_limits()[:30])
    assert {row.verdict for row in table.entries} == {"does not constrain this model"}
    assert "does not constrain" in str(table)


def test_nothing_is_extrapolated():
    """Beyond a table: the flag, no number, no derivative."""
    limit = _named("K -> mu nu peak, E949", MixingLimit)

    def ratio(m4):
        theory = NeutrinoPortal(20.0, 60.0, m4, 2.0, (0, 1e-6, 0))
        return jnp.log(limit.bound(theory).ratio)

    value, slope = jax.value_and_grad(ratio)(300.0)
    assert np.isnan(value)
    assert np.isnan(slope)
    theory = NeutrinoPortal(20.0, 60.0, 300.0, 2.0, (0, 1e-6, 0))
    assert limit.bound(theory).verdict == "out of range"


def test_visible_heavy_neutrinos_are_out_of_range():
    """Limits for invisible decays do not apply to a ν₄ too light for χφ."""
    light = NeutrinoPortal(100.0, 300.0, 250.0, 2.0, (0, 1e-6, 0))
    assert _named("K -> mu nu peak, E949").bound(light).verdict == "out of range"


def test_ratio_and_verdict():
    """|U_μ4|² = 1e-3 at 100 GeV against 1.7e-4; ratio of a lower bound is the other way up."""
    bound = _named("electroweak precision 2023").bound(_PORTAL)  # the first: e
    assert bound.verdict == "allowed"
    muon = next(
        limit
        for limit in all_limits()
        if isinstance(limit, MixingLimit)
        and (limit.flavour, limit.name) == ("mu", "electroweak precision 2023")
    )
    bound = muon.bound(_PORTAL)
    assert float(bound.ratio) == pytest.approx(1e-3 / 1.7e-4)
    assert bound.verdict == "excluded"
    mass = _named("N_eff (heavy neutrino)").bound(_PORTAL)
    assert float(mass.ratio) == pytest.approx(10 / 1e5)


def test_limits_have_derivatives():
    """A fit may use ln(ratio): d/d ln|U|² = 1 (mixing), 2 (direct detection, up to 1 − |U|²)."""

    def log_ratio(limit):
        def function(log_mixing):
            theory = NeutrinoPortal(1e4, 3e4, 1e5, 2.0, (0, jnp.exp(log_mixing), 0))
            return jnp.log(limit.bound(theory).ratio)

        return float(jax.grad(function)(np.log(1e-3)))

    assert log_ratio(_named("lepton universality")) == pytest.approx(1.0, rel=1e-12)
    assert log_ratio(_named("LZ 2024")) == pytest.approx(2.0, rel=3e-3)


def test_direct_detection_counts_the_share():
    """With a result σ_n is scaled by Ω h²/0.12; without it all dark matter is χ."""
    limit = _named("LZ 2024", DirectDetection)
    result = nj.solve_freeze_out(_PORTAL)
    alone, shared = limit.bound(_PORTAL), limit.bound(_PORTAL, result)
    assert float(alone.value) == pytest.approx(float(nucleon_cross_section(_PORTAL)))
    share = float(result.relic_density) / 0.12
    assert float(shared.ratio / alone.ratio) == pytest.approx(share, rel=1e-12)


def test_higgs_closed_form():
    """Listed for a branching ratio of 0.107 (0.24): |U|² < 0.06 (0.16) at 10 GeV, 2.6e-3 at 80
    GeV.
    """
    for branching, m4, listed in ((0.107, 10, 0.06), (0.24, 10, 0.16), (0.107, 80, 2.6e-3)):
        limit = HiggsInvisible("h", "computed", "limit", branching)
        theory = NeutrinoPortal(1 * GeV, 3 * GeV, m4 * GeV, 1.0, (1e-4, 0, 0))
        assert float(limit.bound(theory).bound) == pytest.approx(listed, rel=0.05)
    above = NeutrinoPortal(1 * GeV, 3 * GeV, 1.1 * HIGGS_MASS, 1.0, (1e-4, 0, 0))
    assert limit.bound(above).verdict == "out of range"


def test_z_closed_form():
    """Listed: |U|² < 0.20 at 20 GeV, 0.024 at 60 GeV, 0.015 above m_Z."""
    for m4, listed in ((20 * GeV, 0.20), (60 * GeV, 0.024), (1.5 * Z_MASS, 0.0145)):
        theory = NeutrinoPortal(1 * GeV, 3 * GeV, m4, 1.0, (1e-4, 0, 0))
        assert float(ZInvisible().bound(theory).bound) == pytest.approx(listed, rel=0.03)


def test_kaon_decays():
    """The inclusive limit is the branching ratio; the folded one is stronger and needs m₄ > m_K
    − m_μ.
    """
    theory = NeutrinoPortal(30.0, 90.0, 4e5, 2.0, (0, 1e-4, 0))
    inclusive = KaonInclusive().bound(theory)
    expected = 0.6356 * float(three_body_branching(theory))
    assert float(inclusive.value) == pytest.approx(expected, rel=1e-12)
    folded = _named("K -> mu chi phi in E949").bound(theory)
    assert float(folded.ratio) > float(inclusive.ratio)
    on_shell = NeutrinoPortal(30.0, 90.0, 200.0, 2.0, (0, 1e-4, 0))
    assert KaonInclusive().bound(on_shell).verdict == "out of range"


def test_check():
    """Strongest first; projections and theory are listed, but exclude nothing."""
    table = check(_PORTAL, nj.solve_freeze_out(_PORTAL))
    ratios = [row["ratio"] for row in table.rows() if row["ratio"] is not None]
    assert ratios == sorted(ratios, reverse=True)
    names = [row.limit.name for row in table.excluded]
    assert "electroweak precision 2023" in names
    assert "natural scalar mass" not in names
    assert {row.limit.kind for row in table.excluded} == {"limit"}
    assert len(table.entries) == len(all_limits())
    assert "2306.01040" in str(table)


def test_data_are_in_the_package():
    from importlib.resources import files

    for name in _FILES:
        assert files("nujax.limits").joinpath("data", name).is_file()
