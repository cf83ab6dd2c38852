"""The slow truth of oracles.py against itself, closed forms and the values in tests/data."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracles
import problems
import pytest

HERE = Path(__file__).resolve().parent


def relative(value, expected) -> float:
    return float(np.max(np.abs(np.asarray(value) / np.asarray(expected) - 1.0)))


# --- The table of problems ----------------------------------------------------------------------


def test_table_of_problems_is_complete():
    table = problems.production()
    assert len({p.id for p in table}) == len(table) == 18 + 112 + 2 * 63
    assert Counter(p.tag for p in table) == {"smooth": 84, "resonant": 119, "narrow": 53}
    assert all(p.relic_density > 0.0 and p.relative_error < 4e-8 for p in table)
    assert len(problems.curve_roots()) == 24
    assert len(problems.realistic_plasma()) == 3 * 18
    assert len(problems.precise_dodelson_widrow()) == 12


def test_tables_load_without_nujax():
    check = (
        "import oracles, problems, sys; problems.production(); assert 'nujax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", check], cwd=HERE, check=True)


# --- Kernels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", problems.scalar_potential(), ids=lambda k: f"{k.x:g}-{k.mu:g}")
def test_three_forms_of_the_potential(value):
    """Logarithms, principal value and trapezoid; the listed values are good to 5e-13."""
    fast = float(oracles.potential(value.x, value.mu)) / value.x
    assert relative(fast, value.v) < 1e-12
    assert relative(oracles.potential_logarithmic(value.x, value.mu), fast) < 1e-12
    assert relative(oracles.potential_principal_value(value.x, value.mu), fast) < 1e-12


@pytest.mark.parametrize(
    ("x", "mu"), [(2e-4, 0.03), (2e-4, 1.0), (0.05, 30.0), (60.0, 0.2), (60.0, 40.0)]
)
def test_potential_at_the_ends_of_the_momentum_range(x, mu):
    fast = float(oracles.potential(x, mu)) / x
    assert relative(oracles.potential_logarithmic(x, mu, digits=50), fast) < 1e-11
    assert relative(oracles.potential_principal_value(x, mu), fast) < 1e-11


def test_limits_of_the_potential():
    """−7π²x/(90μ⁴) for heavy and 1/(16x) for light mediators; zeros at T/m = 0.336896, 0.198996."""
    assert relative(oracles.potential(3.0, 1e4), -7.0 * np.pi**2 * 9.0 / 90.0 / 1e16) < 1e-6
    assert relative(oracles.potential(3.0, 1e-6), 1.0 / 16.0) < 1e-5
    for x, zero in ((1.0, 0.336896), (3.0, 0.198996)):
        assert (
            oracles.potential(x, 1.0 / (zero - 1e-6)) * oracles.potential(x, 1.0 / (zero + 1e-6))
            < 0.0
        )


def test_fermion_part_of_the_potential():
    for row in problems.load("kernels")["h_fermion"]:
        assert relative(oracles.fermion_principal_value(row["w"]), row["hF"]) < 1e-12


@pytest.mark.parametrize("coupling", [1e-12, 1e-6, 1e-2, 1.0, 12.0])
def test_rate_integrals_by_two_rules(coupling):
    width = coupling**2 / (32.0 * np.pi)
    w = np.array([1e-12, 1e-4, 0.03, 1.0, 5.0, 40.0, 1e3, 1e8])
    for one, value in zip(w, oracles.rate(w, width), strict=True):
        B, U = oracles.rate_by_quad(one, width)
        assert relative(value, width * (B + 2.0 * U)) < 1e-12


def test_limits_of_the_rate():
    """Heavy: Γ = 7πλ⁴ET⁴/(1728m⁴). On shell: λ²m²T/(16πE²) ln(1+e^(−w)). Paper: its own limits."""
    coupling, width = 1e-3, 1e-6 / (32.0 * np.pi)
    unit = 1.0 / (16.0 * np.pi**2)  # of Γ/(λ²m²T/E²)
    heavy = oracles.rate(np.array([1e7]), width)[0] * unit
    assert relative(heavy, 7.0 * np.pi / 1728.0 * coupling**2 / (4e7) ** 3) < 1e-6
    light = oracles.rate(np.array([1.0]), width)[0] * unit
    assert relative(light, np.log1p(np.exp(-1.0)) / (16.0 * np.pi)) < 1e-5
    case = oracles.Case(1e-2, 1e-10, 1.0, coupling, convention="paper")
    heavy = oracles.rate_shape(case, 1e7, 1.0) * unit
    assert relative(heavy, 7.0 * np.pi / 1440.0 * coupling**2 / (4e7) ** 3) < 1e-6
    hot = oracles.rate_shape(replace(case, coupling=10.0), 1e-12, 1.0) * unit
    assert relative(hot, 100.0 / (256.0 * np.pi) / 4e-12) < 1e-2


# --- Spectrum and relic density -----------------------------------------------------------------

SCALAR = problems.scalar()
NARROW = problems.narrow()
# The hard ones of each kind: folds, merging crossings, both regimes of mediators, all rates.
QUAD = [problems.dodelson_widrow()[8], SCALAR[31], SCALAR[54]]
FAST = [SCALAR[i] for i in (10, 12, 16, 20, 27, 31, 33, 48, 68, 75, 80, 88, 97, 107)]
FAST += [NARROW[i] for i in (2, 8, 10, 14, 19, 26, 38, 63 + 8, 63 + 27, 63 + 38, 63 + 47, 63 + 53)]


def check_production(problem):
    result = oracles.relic_density(problem.case)
    goal = 2e-9 + 2.0 * problem.relative_error
    assert relative(result.relic_density, problem.relic_density) < goal
    assert relative(result.mean_momentum, problem.mean_momentum) < goal
    if problem.x:
        assert relative(oracles.spectrum(problem.case, problem.x), problem.f) < 1e-9


@pytest.mark.parametrize("problem", problems.dodelson_widrow(), ids=repr)
def test_dodelson_widrow(problem):
    check_production(problem)


@pytest.mark.parametrize("problem", FAST, ids=repr)
def test_production_with_a_scalar_mediator(problem):
    check_production(problem)


@pytest.mark.slow
@pytest.mark.parametrize("problem", [p for p in (*SCALAR, *NARROW) if p not in FAST], ids=repr)
def test_production_with_a_scalar_mediator_everywhere(problem):
    check_production(problem)


@pytest.mark.parametrize("problem", QUAD, ids=repr)
def test_spectrum_by_quad(problem):
    value = oracles.spectrum_by_quad(problem.case, problem.x[2])
    assert relative(value, problem.f[2]) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("power", [-16, -14, -12, -9, -6])
def test_spectrum_by_quad_at_random_points(power):
    cases = oracles.random_points(3, seed=1, sin2_2theta=(10.0**power, 10.0 ** (power + 2)))
    for case, x in zip(cases, (0.1, 1.3, 7.0), strict=True):
        value = oracles.spectrum_by_quad(case, x)
        assert relative(oracles.spectrum(case, [x]), value) < 1e-8


def test_folds_and_window_edges_are_where_they_are_listed():
    for problem, point in list(zip(NARROW, problems.load("narrow")["points"], strict=False))[:11:2]:
        found = np.sort(np.exp(oracles.Spectrum(problem.case).caustics()))
        listed = np.sort([c["x"] for c in point["caustics"]])
        assert found.shape == listed.shape
        assert np.allclose(found, listed, rtol=1e-10)


def test_closed_form_of_dodelson_widrow():
    """f_s/f_a = (π/48) C G_F² M_Pl s² m₄/(1.66 √g* √(2K)), whatever x, without damping."""
    case = oracles.Case(7.1e-3, 7e-11)
    strength = oracles.PAPER_RATE["mu"] * oracles.FERMI_CONSTANT**2 * oracles.PLANCK_MASS
    hubble = 1.66 * np.sqrt(case.degrees) * np.sqrt(2.0 * oracles.PAPER_POTENTIAL)
    expected = np.pi / 48.0 * strength * case.sin2_2theta * case.mass / hubble
    x = np.array([0.3, 1.0, 3.0, 8.0])
    assert relative(oracles.spectrum(case, x) * (np.exp(x) + 1.0), expected) < 1e-5


def test_back_reaction_is_the_exact_solution():
    case = SCALAR[13].case
    x = np.array([0.5, 2.0])
    free = oracles.spectrum(case, x) * (np.exp(x) + 1.0)
    closed = oracles.spectrum(replace(case, back_reaction=True), x) * (np.exp(x) + 1.0)
    assert relative(closed, -np.expm1(-free)) < 1e-12


@pytest.mark.parametrize("index", [10, pytest.param(97, marks=pytest.mark.slow)])
def test_derivatives_by_differences(index):
    """The listed d ln Ω h²/d ln p from fourth-order central differences."""
    problem, h = SCALAR[index], 2e-3
    for name, slope in problem.derivatives.items():

        def log_relic(step: float, name: str = name) -> float:
            value = getattr(problem.case, name) * np.exp(step)
            case = replace(problem.case, **{name: value})
            return float(np.log(oracles.relic_density(case, rtol=1e-10).relic_density))

        near, far = (log_relic(k * h) - log_relic(-k * h) for k in (1.0, 2.0))
        assert abs((8.0 * near - far) / (12.0 * h) - slope) < 1e-6


@pytest.mark.parametrize("root", problems.curve_roots()[::5], ids=lambda r: r.id)
def test_roots_of_the_curve(root):
    result = oracles.relic_density(root.case)
    assert relative(result.relic_density, 0.12) < 1e-8
    assert relative(result.mean_momentum, root.mean_momentum) < 1e-8


def test_random_points_stay_in_their_window():
    cases = oracles.random_points(2, seed=3, sin2_2theta=(1e-13, 1e-12))
    assert cases == oracles.random_points(2, seed=3, sin2_2theta=(1e-13, 1e-12))
    for case in cases:
        assert 1e-13 < case.sin2_2theta < 1e-12
        assert 0.01 < oracles.relic_density(case, rtol=1e-6).relic_density < 10.0
    with pytest.raises(ValueError, match="ranges must be among"):
        oracles.random_cases(1, lamda=(1.0, 2.0))


# --- Temperature-dependent degrees of freedom ---------------------------------------------------


def test_saikawa_shirai_fit():
    """Values quoted in 1803.01038 and the jump of the fit at its joint."""
    T = np.array([1e-6, 1.0, 10.0, 100.0, 1000.0])
    rho, entropy, slope = oracles.saikawa_shirai(T)
    assert np.allclose(rho, [3.383, 10.545, 10.743, 17.747, 69.744], atol=1e-3)
    assert np.allclose(entropy, [3.931, 10.548, 10.742, 17.328, 68.772], atol=1e-3)
    h = 1e-5
    up, down = (np.log(oracles.saikawa_shirai(T * np.exp(s))[1]) for s in (h, -h))
    assert np.allclose(slope, (up - down) / (2.0 * h), atol=1e-8)


def realistic(problem, **options):
    potential = {
        "paper": lambda: oracles.paper_potential,
        "NR": lambda: oracles.noetzold_raffelt(problem.flavour),
        "NRmassless": lambda: oracles.noetzold_raffelt("massless"),
        "NRZ": lambda: oracles.noetzold_raffelt(None),
    }[problem.potential]()
    return oracles.comoving_relic_density(
        problem.mass,
        problem.sin2_2theta,
        oracles.constant_rate(problem.flavour),
        potential,
        oracles.saikawa_shirai if problem.plasma == "ss" else oracles.constant_degrees(10.75),
        **options,
    )


REALISTIC = problems.realistic_plasma()
SLOW = [pytest.param(p, marks=pytest.mark.slow) for i, p in enumerate(REALISTIC) if i % 7]


@pytest.mark.parametrize("problem", [*REALISTIC[::7], *SLOW], ids=lambda p: p.id)
def test_realistic_plasma(problem):
    result = realistic(problem, back_reaction=False, mixing="averaged")
    assert relative(result.relic_density, problem.relic_density) < 2e-7
    assert relative(result.mean_momentum, problem.mean_momentum) < 2e-7


def test_comoving_equation_with_constant_degrees_is_the_quadrature():
    """Both solve the same equation, with strong back-reaction (f_s/f_a = 0.38)."""
    case = oracles.Case(1e-3, 1e-5 * 0.5, T_final=1.0, back_reaction=True, mixing="quasi-static")
    x_range = (1e-3, 45.0)
    by_quadrature = oracles.relic_density(case, x_range=x_range)
    by_steps = oracles.comoving_relic_density(
        case.mass,
        case.sin2_2theta,
        oracles.constant_rate(case.flavour),
        oracles.paper_potential,
        oracles.constant_degrees(case.degrees),
    )
    assert relative(by_steps.relic_density, by_quadrature.relic_density) < 1e-7
    assert relative(by_steps.mean_momentum, by_quadrature.mean_momentum) < 1e-7
