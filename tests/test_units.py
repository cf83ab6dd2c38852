"""Constants and units: values, consistency, and quantities that users type."""

import math

import pytest
import scipy.constants as codata

from nujax import constants, units
from nujax.units import parse_quantity

MEV_IN_JOULE = 1e6 * codata.electron_volt


def test_units_against_codata():
    assert pytest.approx(codata.k / MEV_IN_JOULE, rel=1e-9) == units.K
    assert units.s == pytest.approx(MEV_IN_JOULE / codata.hbar, rel=1e-9)
    assert units.m == pytest.approx(MEV_IN_JOULE / (codata.hbar * codata.c), rel=1e-9)
    assert units.kg == pytest.approx(codata.c**2 / MEV_IN_JOULE, rel=1e-9)
    assert units.km == pytest.approx(1e5 * units.cm, rel=1e-15)
    assert units.barn / units.pb == pytest.approx(1e12, rel=1e-12)
    assert units.yr / units.s == pytest.approx(codata.Julian_year, rel=1e-15)
    assert [units.eV, units.keV, units.GeV, units.TeV] == [1e-6, 1e-3, 1e3, 1e6]


def test_constants_are_consistent():
    # The Planck mass and Fermi constant against CODATA (which is newer: a few 1e-5).
    planck = math.sqrt(codata.hbar * codata.c / codata.G) * units.kg
    assert pytest.approx(planck, rel=3e-5) == constants.PLANCK_MASS
    assert pytest.approx(planck, rel=2e-6) == constants.PLANCK_MASS_CODATA2018
    # Entropy density today, g*s = 3.909 in the sources and 3.931 in 1803.01038.
    per_degree = 2 * math.pi**2 / 45 * (2.7255 * units.K * units.cm) ** 3
    assert pytest.approx(3.909 * per_degree, rel=1e-4) == constants.ENTROPY_DENSITY_TODAY
    assert pytest.approx(3.931 * per_degree) == constants.ENTROPY_DENSITY_TODAY_GS3931
    # Critical density for h = 1: 3 (100 km/s/Mpc)² M_Pl²/8π.
    hubble = 100 * units.km / units.s / (1e6 * codata.parsec * units.m)
    critical = 3 * (hubble * constants.PLANCK_MASS_CODATA2018) ** 2 / (8 * math.pi) * units.cm**3
    assert pytest.approx(critical, rel=3e-5) == constants.CRITICAL_DENSITY_OVER_H2_PDG2022
    assert pytest.approx(critical, rel=4e-3) == constants.CRITICAL_DENSITY_OVER_H2
    assert set(constants.CHARGED_LEPTON_MASSES) == set(constants.FLAVOURS)


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("7.1keV", "energy", 7.1e-3),
        (" 7.1 keV ", "energy", 7.1e-3),
        ("1e-3MeV", "energy", 1e-3),
        ("1E3 eV", "energy", 1e-3),
        (".5GeV", "energy", 500.0),
        ("5.TeV", "energy", 5e6),
        ("-2MeV", "energy", -2.0),
        ("+2MeV", "energy", 2.0),
        ("2.7255K", "temperature", 2.7255 * units.K),
        ("10GeV", "temperature", 1e4),
        ("1cm", "length", units.cm),
        ("3 yr", "time", 3 * units.yr),
    ],
)
def test_parse_quantity(text, dimension, value):
    assert parse_quantity(text, dimension) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("7.1", "energy", "has no unit"),
        ("1e3", "energy", "has no unit"),
        ("7.1kev", "energy", r"has the unit 'kev' \(did you mean keV\?\)"),
        ("7.1 parsec", "energy", "has the unit 'parsec'"),
        ("1cm", "energy", "has the unit 'cm'"),
        ("1K", "energy", "has the unit 'K'"),
        ("1keV", "length", "must be a number with a unit of length"),
        ("keV", "energy", "must be a number with a unit of energy"),
        ("", "energy", "for example 7.1keV"),
        ("nan keV", "energy", "must be a number"),
        ("inf keV", "energy", "must be a number"),
        ("1,5keV", "energy", "must be a number"),
        ("1 2keV", "energy", "must be a number"),
        ("1keV2", "energy", "has the unit 'keV2'"),
        ("1e400keV", "energy", "too large"),
        ("1keV", "charge", "Argument `dimension` must be one of"),
    ],
)
def test_parse_quantity_refuses(text, dimension, message):
    with pytest.raises(ValueError, match=message):
        parse_quantity(text, dimension)
