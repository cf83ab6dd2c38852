"""The same Ω h² from the tools that one would otherwise take: plain NumPy, and SciPy's `quad`.

Inputs of the sources (`nujax.presets.paper`), ν_μ, a scalar mediator with the exact rate, narrower
than `NARROW.largest`. Both use the kernels, the momentum rule and the constants of nujax.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

from nujax.abundance import comoving_yield, relic_density_of_yield
from nujax.constants import FERMI_CONSTANT, PLANCK_MASS, W_MASS, Z_MASS
from nujax.interactions import ScalarMediator
from nujax.interactions._kernels import potential_shape, scalar_rate_shape
from nujax.interactions._width_expansion import NARROW
from nujax.interactions.standard_model import PAPER_POTENTIAL, PAPER_RATE
from nujax.plasma import Plasma
from nujax.production import _smooth
from nujax.quadrature import _DEGREE, _REACH, _step_coefficients

T_INITIAL = 1e4  # [MeV]
DEGREES = 10.75
RATE = PAPER_RATE["mu"] * FERMI_CONSTANT**2  # Γ/(E T⁴) [MeV⁻⁴]
POTENTIAL = PAPER_POTENTIAL * FERMI_CONSTANT * (2.0 / W_MASS**2 + 1.0 / Z_MASS**2)  # −V/(E T⁴)
HUBBLE = 1.66 * math.sqrt(DEGREES) / PLANCK_MASS  # H/T² [MeV⁻¹]

_RULE = _smooth.momenta()
_FERMI_DIRAC = 1.0 / (np.exp(_RULE.x) + 1.0)


def final_temperature(mediator_mass: float) -> float:
    """Default T_final [MeV] of nujax."""
    return min(0.1, mediator_mass / 60.0)


# Ω h² = this m₄ ∫q²f dq
PER_NUMBER = float(
    relic_density_of_yield(1.0, comoving_yield(1.0, DEGREES), Plasma.constant(DEGREES))
)


class SameRule:
    """nujax's fixed nodes in NumPy, one point after another, without its estimate of the error."""

    def __init__(self):
        kind = ScalarMediator(1.0, 0.1).kind
        tables = _smooth._tables(kind, False)
        self.steps = _smooth.CONSTANT_STEPS
        self.first = _smooth._first_tabulated(self.steps)
        self.potential, self.rates = tables.potential, np.stack(tables.rates)
        self.x2 = _RULE.x**2
        self.measure = _RULE.weights * self.x2 * _FERMI_DIRAC / _RULE.x
        widths = NARROW.widths
        others = ~np.eye(len(widths), dtype=bool)
        self.other_widths = np.stack([widths[row] for row in others])
        self.products = np.prod(widths[:, None] - self.other_widths, axis=1)

    def number(self, mass: float, sin2_2theta: float, mediator_mass: float, coupling: float):
        """∫q²f dq."""
        t_start = math.log(mediator_mass / T_INITIAL) * self.steps
        t_stop = math.log(mediator_mass / final_temperature(mediator_mass)) * self.steps
        first, last = math.floor(t_start) - _REACH, math.ceil(t_stop) + _REACH
        index = np.arange(first, last + 1)
        T = mediator_mass * np.exp(-index / self.steps)
        window = _step_weights(t_start, index) - _step_weights(t_stop, index)
        rows = slice(first - self.first, last + 1 - self.first)

        scale = 2.0 * (mediator_mass / mass) ** 2 * coupling**2
        width = coupling**2 / (32.0 * math.pi)
        expansion = width * np.prod(width - self.other_widths, axis=1) / self.products
        of_rates = scale / (4.0 * math.pi**2) * np.concatenate([[1.0], expansion])
        T6 = 2.0 / mass**2 * T**6
        gamma = np.outer(RATE * T6, self.x2)
        for c, table in zip(of_rates, self.rates, strict=True):
            gamma += c * table[rows]
        level = np.outer(-POTENTIAL * T6, self.x2)
        level += scale * self.potential[rows]

        detuning = math.sqrt(1.0 - sin2_2theta) - level
        ratio = gamma / (sin2_2theta + 0.25 * gamma * gamma + detuning * detuning)
        column = window * (mass**2 * sin2_2theta) / (8.0 * self.steps * HUBBLE * T**3)
        return (column @ ratio) @ self.measure

    def relic_density(self, point: np.ndarray) -> float:
        """Ω h² of a point [4]."""
        return PER_NUMBER * point[0] * self.number(*point.tolist())


def _step_weights(position: float, index: np.ndarray) -> np.ndarray:
    """`nujax.quadrature.step_weights` on the nodes `index`."""
    whole = math.floor(position)
    z = 2.0 * (position - whole) - 1.0
    near = _step_coefficients() @ np.cos(np.arange(_DEGREE + 1) * math.acos(z))
    values = np.concatenate([[0.0], near, [1.0]])
    return values[np.clip(index - whole + _REACH, 0, 2 * _REACH + 1)]


class ScipyQuad:
    """`scipy.integrate.quad` over ln T for each momentum of the same rule.

    The two kernels of a point, which are integrals themselves, are splines in ln(m/T) that are
    made beforehand and not counted.
    """

    def __init__(self, point: np.ndarray, tolerance: float = 1e-6):
        self.point, self.tolerance = point.tolist(), tolerance
        _, _, mediator_mass, coupling = self.point
        stop = math.log(mediator_mass / final_temperature(mediator_mass))
        t = np.arange(math.log(mediator_mass / T_INITIAL) - 0.05, stop + 0.05, 1.0 / 48.0)
        mu = np.exp(t)
        self.kernels = []
        for x in _RULE.x:
            w = mu**2 / (4.0 * x)
            width = np.full_like(w, coupling**2 / (32.0 * math.pi))
            rate = coupling**2 / (4.0 * math.pi**2) * w * scalar_rate_shape(w, width, np)
            level = coupling**2 * potential_shape(np.full_like(mu, x), mu, np)
            self.kernels.append(CubicSpline(t, np.stack([rate, level], axis=-1)))

    def rate_and_level(self, x: float, kernels: CubicSpline, log_ratio: float):
        """(x/T) Γ and (x/T) V of the mediator at ln(m/T)."""
        return kernels(log_ratio)

    def ratio(self, x: float, kernels: CubicSpline | None) -> float:
        """f_s/f_a at momentum x."""
        mass, sin2_2theta, mediator_mass, _ = self.point
        log_mass = math.log(mediator_mass)
        cos_2theta = math.sqrt(1.0 - sin2_2theta)

        def integrand(log_T: float) -> float:
            T = math.exp(log_T)
            E = x * T
            delta = mass**2 / (2.0 * E)
            rate, level = self.rate_and_level(x, kernels, log_mass - log_T)
            gamma = RATE * E * T**4 + T / x * rate
            potential = -POTENTIAL * E * T**4 + T / x * level
            mixed = (delta * delta) * sin2_2theta
            detuning = delta * cos_2theta - potential
            mixing = mixed / (mixed + 0.25 * gamma * gamma + detuning * detuning)
            return gamma * mixing / (4.0 * HUBBLE * T * T)

        limits = math.log(final_temperature(mediator_mass)), math.log(T_INITIAL)
        return quad(integrand, *limits, epsabs=0.0, epsrel=self.tolerance, limit=200)[0]

    def number(self) -> float:
        """∫q²f dq."""
        pairs = zip(_RULE.x.tolist(), self.kernels, strict=True)
        ratios = np.array([self.ratio(x, kernels) for x, kernels in pairs])
        return float(np.sum(_RULE.weights * _RULE.x**2 * _FERMI_DIRAC * ratios))

    def relic_density(self) -> float:
        """Ω h²."""
        return PER_NUMBER * self.point[0] * self.number()


class NestedQuad(ScipyQuad):
    """The same with the potential integrated by `quad` at every step: no kernel of nujax.

    For weak couplings, whose rate is that of a boson on shell, λ²m²T/(16πE²) ln(1+e^(−w)).
    """

    def __init__(self, point: np.ndarray, tolerance: float = 1e-6):
        self.point, self.tolerance = point.tolist(), tolerance
        self.kernels = [None] * len(_RULE.x)

    def rate_and_level(self, x: float, kernels: None, log_ratio: float):
        """As `ScipyQuad`; the principal value is folded at its pole, u = e^(±τ)."""
        coupling2 = self.point[3] ** 2
        mu2 = math.exp(2.0 * log_ratio)
        w = mu2 / (4.0 * x)
        rate = coupling2 * mu2 / (16.0 * math.pi * x) * math.log1p(math.exp(-w))

        def bracket(u: float) -> float:
            return math.log1p(math.exp(-w * u)) - math.log(-math.expm1(-w * u - x / u))

        def folded(tau: float) -> float:
            up, down = math.exp(tau), math.exp(-tau)
            difference = up * up * bracket(up) - down * down * bracket(down)
            return difference / (up - down)

        top = max(math.log(40.0 / w), 2.0)
        edges = (0.0, 0.25 * top, top)
        pairs = zip(edges[:-1], edges[1:], strict=True)
        integral = sum(
            quad(folded, a, b, epsabs=1e-9, epsrel=self.tolerance, limit=100)[0] for a, b in pairs
        )
        return rate, coupling2 * mu2 / (16.0 * math.pi**2 * x) * integral
