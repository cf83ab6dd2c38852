"""Mass and mixing that change with temperature: limits, brute force, derivatives, bad input."""

from __future__ import annotations

import warnings
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import nujax as nj
from nujax.constants import FERMI_CONSTANT, PLANCK_MASS, W_MASS, Z_MASS
from nujax.units import GeV, MeV, keV

MASS, MIXING = 7.1 * keV, 7e-11
STANDARD, PLASMA, _ = nj.presets.paper()
SOURCES = nj.BoltzmannQuadrature(back_reaction=False, mixing="averaged", T_final=1.0)
# ν_s weighs 2.1 keV above T_c and is 3.4 times more mixed.
YUKAWA, AFTER = 1e-3, 5.0


def neutrino(field, yukawa=YUKAWA):
    return nj.SterileNeutrino(MASS, MIXING, "mu", transition=nj.Transition(yukawa, field))


def solve(sterile, method=SOURCES, forces=STANDARD, plasma=PLASMA):
    return nj.solve_production(sterile, forces, plasma=plasma, method=method)


def before():
    """The neutrino above T_c as one without a history, θ = θ₀ m₄/m_s."""
    mass = MASS - YUKAWA * AFTER
    angle = 0.5 * np.arcsin(np.sqrt(MIXING)) * MASS / mass
    return nj.SterileNeutrino(mass, np.sin(2.0 * angle) ** 2, "mu")


@pytest.mark.parametrize("field", [nj.StepField(150.0, 3.0, 3.0), nj.SmoothField(150.0, 3.0, 3.0)])
def test_nothing_changes(field):
    """A field that stays where it is: production as without one, to 1e-8.

    That is the difference of the two rules, fast nodes and lattice, not of the history: the
    spectra, of the lattice in both, agree to 1e-12.
    """
    plain, found = solve(nj.SterileNeutrino(MASS, MIXING, "mu")), solve(neutrino(field))
    assert float(found.relic_density) == pytest.approx(float(plain.relic_density), rel=1e-8)
    assert float(found.mean_momentum) == pytest.approx(float(plain.mean_momentum), rel=1e-8)
    np.testing.assert_allclose(found.f, plain.f, rtol=1e-12)


def test_step_is_two_truncated_integrals():
    """Above and below T_c as separate calculations: 1e-12 on the same rule, 5e-6 on fast nodes.

    The truncated ones on the lattice have a step whose field does not change.
    """
    found = solve(neutrino(nj.StepField(150.0, AFTER)))
    hot = eqx.tree_at(lambda m: (m.T_initial, m.T_final), SOURCES, (1e4, 150.0), is_leaf=_none)
    cold = eqx.tree_at(lambda m: (m.T_initial, m.T_final), SOURCES, (150.0, 1.0), is_leaf=_none)
    fast = solve(before(), hot).comoving_yield + solve(neutrino(nj.StepField(20.0, 1.0, 1.0)), cold
                                                       ).comoving_yield  # fmt: skip
    # The fast nodes are good to 4e-6 where a window ends at 150 MeV, in the middle of production.
    assert float(found.comoving_yield) == pytest.approx(float(fast), rel=5e-6)
    still = nj.Transition(0.0, nj.StepField(1e3, 1.0))
    same = eqx.tree_at(lambda s: s.transition, before(), still, is_leaf=_none)
    total = solve(same, hot).comoving_yield
    total = total + solve(neutrino(nj.StepField(20.0, 1.0, 1.0)), cold).comoving_yield
    assert float(found.comoving_yield) == pytest.approx(float(total), rel=1e-12)


def _none(leaf):
    return leaf is None


def brute_force(x, field):
    """f_s(x) of the sources' rates with a field φ(T), by SciPy; written out from scratch."""
    C, K = 0.92, 3.72 * FERMI_CONSTANT * (2.0 / W_MASS**2 + 1.0 / Z_MASS**2)
    angle0 = 0.5 * np.arcsin(np.sqrt(MIXING))

    def integrand(log_T):
        T = np.exp(log_T)
        E = x * T
        mass = MASS + YUKAWA * (field(T) - AFTER)
        sine2 = np.sin(2.0 * angle0 * MASS / mass) ** 2
        delta = mass**2 / (2.0 * E)
        rate = C * FERMI_CONSTANT**2 * E * T**4
        size = delta**2 * sine2
        cosine = np.sqrt(1.0 - sine2)
        mixing = size / (size + 0.25 * rate**2 + (delta * cosine + K * E * T**4) ** 2)
        return 0.25 * rate / (1.66 * np.sqrt(10.75) * T**2 / PLANCK_MASS) * mixing

    edges = np.log([1.0, 10.0, 60.0, 120.0, 150.0, 180.0, 250.0, 400.0, 1e3, 1e4])
    parts = [
        quad(integrand, a, b, epsabs=0, epsrel=1e-10)[0]
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    return sum(parts) / (np.exp(x) + 1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (nj.StepField(150.0, AFTER), lambda T: AFTER * (T < 150.0)),
        (nj.SmoothField(150.0, AFTER), lambda T: AFTER / (1.0 + (T / 150.0) ** 10)),
        (
            nj.GivenField(lambda T: AFTER * jnp.exp(-((T / 300.0) ** 2))),
            lambda T: AFTER * np.exp(-((T / 300.0) ** 2)),
        ),
    ],
    ids=["step", "smooth", "given"],
)
def test_against_brute_force(field, value):
    """f_s at four momenta to 1e-6, by adaptive integration of an independent integrand."""
    sterile = neutrino(field)
    found = solve(sterile).distribution(jnp.array([0.3, 1.0, 3.0, 8.0]))
    expected = [brute_force(x, value) for x in (0.3, 1.0, 3.0, 8.0)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_the_talk_promises():
    """Lighter and more mixed before: more dark matter at the same X-ray line, and colder."""
    plain = solve(nj.SterileNeutrino(MASS, MIXING, "mu"))
    changed = solve(neutrino(nj.StepField(150.0, AFTER)))
    assert float(changed.relic_density) > 1.2 * float(plain.relic_density)
    assert float(changed.mean_momentum) < 0.9 * float(plain.mean_momentum)


def test_width_to_zero():
    """A crossover of width 0.03 is a step to O(width); too narrow ones are flagged.

    First order, since production is no linear function of the mass: measured 2.6 %.
    """
    step = solve(neutrino(nj.StepField(150.0, AFTER)))
    narrow = solve(neutrino(nj.SmoothField(150.0, AFTER, width=0.03)))
    assert narrow.status is nj.Status.ok
    assert float(narrow.relic_density) == pytest.approx(float(step.relic_density), rel=0.03)
    assert (
        solve(neutrino(nj.SmoothField(150.0, AFTER, width=0.01))).status is nj.Status.under_resolved
    )


@eqx.filter_jit
def log_density(parameters, forces, field, method=None):
    T_c, yukawa, after = parameters
    sterile = neutrino(field(T_c, after), yukawa)
    omega, code = nj.relic_density_and_status(sterile, forces, method=method)
    return jnp.where(code == nj.Status.ok, jnp.log(omega), jnp.nan)


@pytest.mark.parametrize(
    ("field", "coupling"),
    [
        pytest.param(nj.StepField, None, marks=pytest.mark.slow),
        pytest.param(nj.SmoothField, 0.1, marks=pytest.mark.long),
        pytest.param(nj.StepField, 0.1, marks=pytest.mark.long),
        pytest.param(nj.SmoothField, None, marks=pytest.mark.long),
    ],
)
def test_derivatives(field, coupling):
    """By T_c, y and φ₀, precise inputs: forward = reverse = differences to 1e-5."""
    forces = nj.StandardModel()
    if coupling is not None:
        forces = forces + nj.ScalarMediator(1 * GeV, coupling)
    at = jnp.array([150.0, YUKAWA, AFTER])
    value = partial(log_density, forces=forces, field=field)
    reverse, forward = jax.grad(value)(at) * at, jax.jacfwd(value)(at) * at
    np.testing.assert_allclose(forward, reverse, rtol=1e-9)
    h = 1e-3
    for k in range(3):
        up, down = (float(value(at.at[k].multiply(1.0 + s))) for s in (h, -h))
        up2, down2 = (float(value(at.at[k].multiply(1.0 + s))) for s in (2 * h, -2 * h))
        slope = (8.0 * (up - down) - (up2 - down2)) / (12.0 * h)
        # In T_c differences feel the splines of g*(T), whose third derivative jumps.
        assert float(reverse[k]) == pytest.approx(slope, rel=1e-4 if k == 0 else 1e-5, abs=1e-9)


@pytest.mark.parametrize(
    "mediator",
    [
        pytest.param(nj.ScalarMediator, marks=pytest.mark.slow),
        pytest.param(nj.VectorMediator, marks=pytest.mark.long),
        pytest.param(nj.LMuMinusLTau, marks=pytest.mark.long),
        pytest.param(nj.BMinusL, marks=pytest.mark.long),
    ],
)
def test_mediators_and_batches(mediator):
    """Works with every mediator, and a batch is its points."""
    temperatures = jnp.array([50.0, 150.0, 500.0])
    forces = STANDARD + mediator(1 * GeV, 1e-3)

    def one(T_c):
        sterile = neutrino(nj.StepField(T_c, AFTER))
        return nj.relic_density_and_status(sterile, forces, plasma=PLASMA, method=SOURCES)

    batch, codes = jax.vmap(one)(temperatures)
    assert np.all(np.asarray(codes) == nj.Status.ok)
    np.testing.assert_allclose(batch[1], one(temperatures[1])[0], rtol=1e-6)


@pytest.mark.slow
def test_density_matrix():
    """The density matrix follows a smooth transition: 1e-5 from the quadrature, slopes 1e-4.

    With a mediator, whose kernels it interpolates; they scale with the mass.
    """
    limits = {"T_initial": 1e3, "T_final": 20.0}

    @eqx.filter_jit
    def density(parameters, forces, method):
        T_c, after = parameters
        sterile = neutrino(nj.SmoothField(T_c, after, width=0.2))
        return jnp.log(nj.relic_density(sterile, forces, plasma=PLASMA, method=method))

    at = jnp.array([150.0, AFTER])
    forces = STANDARD + nj.ScalarMediator(1 * GeV, 0.1)
    found, expected = (
        (float(density(at, forces, method)), jax.jacfwd(density)(at, forces, method) * at)
        for method in (nj.QuantumKinetic(**limits), nj.BoltzmannQuadrature(**limits))
    )
    assert found[0] == pytest.approx(expected[0], abs=1e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="`transition` must be smooth with QuantumKinetic"):
        solve(neutrino(nj.StepField(150.0, AFTER)), nj.QuantumKinetic())


def test_bad_input():
    with pytest.raises(ValueError, match="`T_c` must be positive, but is -1.0"):
        nj.StepField(-1.0, 1.0)
    with pytest.raises(ValueError, match="`width` must be positive"):
        nj.SmoothField(1.0, 1.0, width=0.0)
    with pytest.raises(TypeError, match="`transition` must be a Transition, but is float"):
        nj.SterileNeutrino(MASS, MIXING, transition=3.0)  # pyright: ignore[reportArgumentType]
    # m_s = 7.1 keV - 7.0999999 keV: θ = 4.2e-6 × 7e7
    too_light = neutrino(nj.StepField(150.0, 7.0999999))
    with pytest.raises(ValueError, match=r"must keep θ\(T\) within \[0, π/2\]"):
        solve(too_light)
    with pytest.warns(UserWarning, match="transition at 0.1 MeV lies outside the window"):
        found = solve(neutrino(nj.StepField(0.1 * MeV, AFTER)))
    # … and works: all of the window is above it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        still = solve(neutrino(nj.StepField(0.1 * MeV, AFTER), yukawa=0.0))
    assert float(found.relic_density) > float(still.relic_density)
    with pytest.raises(ValueError, match="`method` must be one that follows a Transition"):
        solve(neutrino(nj.StepField(150.0, AFTER)), nj.BoltzmannODE())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--transition jump:3MeV --mass-before 1keV", "must be step or smooth"),
        ("--transition step --mass-before 1keV", "must be step:TEMPERATURE"),
        ("--transition step:150 --mass-before 1keV", "must carry a unit"),
        ("--transition step:150MeV", "`mass-before` must be given"),
        ("--mass-before 1keV", "must come with --transition"),
        ("--transition step:150MeV --mass-before 1keV --method qke", "--method boltzmann"),
        ("--transition smooth:150MeV:-1 --mass-before 1keV", "positive width"),
    ],
)
def test_bad_command(nujax, arguments, sentence):
    """Exit 2 with a sentence, before anything is computed."""
    done = nujax("relic", "--mass", "7.1keV", "--sin2-2theta", "7e-11", *arguments.split())
    assert done.code == 2
    assert sentence in " ".join(done.stderr.split())
