"""Freeze-out in plain SciPy: adaptive quadrature of the thermal average, Radau in ln Y."""

import mpmath as mp
import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.interpolate import CubicSpline
from scipy.special import kve

from nujax._degrees import saikawa_shirai

PLANCK_MASS, S_0, RHO_C = 1.220910e22, 2891.2, 1.05e-2  # [MeV], [cm⁻³], [MeV cm⁻³]


def sigma(s, scalar_mass):
    """The closed form of physics with 40 digits; G = m_χ = 1."""
    with mp.workdps(40):
        s, scalar2 = mp.mpf(s), mp.mpf(scalar_mass) ** 2
        b, gap = mp.sqrt(1 - 4 / s), scalar2 - 1
        ratio = (gap + s * (1 + b) / 2) / (gap + s * (1 - b) / 2)
        bracket = s * b * (1 + gap**2 / (gap**2 + s * scalar2)) - 2 * gap * mp.log(ratio)
        return float(bracket / (64 * mp.pi * s**2 * b**2))


def _sigma_by_angle(s, scalar_mass):
    """The same by quadrature over the angle: no cancellation, and fast enough to be averaged."""
    b, gap = np.sqrt(1 - 4 / s), scalar_mass**2 - 1

    def squared(cosine):
        q = s * (1 - b * cosine) / 2
        return (q / (gap + q)) ** 2

    return quad(squared, -1, 1, epsrel=1e-11)[0] / (128 * np.pi * s * b)


def thermal_average(x, scalar_mass):
    """⟨σv⟩ of Gondolo and Gelmini; G = m_χ = 1."""

    def integrand(y):
        root = 2 + y**2 / x
        s = root**2
        weight = (s - 4) * root * kve(1, x * root) * np.exp(-(y**2)) * 2 * root * 2 * y
        return _sigma_by_angle(s, scalar_mass) * weight

    ends = (1e-9, 1.0, 3.0, 7.0)
    pieces = zip(ends[:-1], ends[1:], strict=True)
    total = sum(quad(integrand, a, b, epsrel=1e-10)[0] for a, b in pieces)
    return total / (8 * kve(2, x) ** 2)


def relic_density(dm_mass, ratio, coupling, *, rtol=1e-10, last=1e8):
    """Ω h² of χ and χ̄ with the printed g*(T) of 1803.01038, from x = 5 to `last`."""
    nodes = np.linspace(np.log(5.0), np.log(3000.0), 60)
    table = CubicSpline(nodes, [thermal_average(x, ratio) for x in np.exp(nodes)])

    def rates(log_x):
        x = np.exp(log_x)
        T = dm_mass / x
        energy, entropy, slope = saikawa_shirai(np.array([np.log(T)]))[0]
        s = 2 * np.pi**2 / 45 * entropy * T**3
        hubble = np.sqrt(4 * np.pi**3 / 45 * energy) * T**2 / PLANCK_MASS
        average = table(min(log_x, nodes[-1])) * coupling**4 / dm_mass**2
        density = dm_mass**3 / np.pi**2 / x * kve(2, x)  # without e^(−x)
        return (1 + slope / 3) * s * average / hubble, np.log(density / s) - x

    def field(log_x, log_y):
        depletion, equal = rates(log_x)
        return [-depletion * (np.exp(log_y[0]) - np.exp(2 * equal - log_y[0]))]

    def jacobian(log_x, log_y):
        depletion, equal = rates(log_x)
        return [[-depletion * (np.exp(log_y[0]) + np.exp(2 * equal - log_y[0]))]]

    span = (np.log(5.0), np.log(last))
    start = [rates(span[0])[1]]
    done = solve_ivp(field, span, start, method="Radau", jac=jacobian, rtol=rtol, atol=1e-12)
    assert done.success
    return 2 * np.exp(done.y[0, -1]) * dm_mass * S_0 / RHO_C
