"""Effective degrees of freedom of the Standard Model plasma, as spline tables (NumPy, float64).

Energy density ρ = (π²/30) g* T⁴ and entropy density s = (2π²/45) g*s T³. Each source is
projected once on cubic splines with knots uniform in ln T, and used through these from then on.

The published forms are pieces with small jumps and kinks where they meet. The projection makes
them smooth and keeps their integrals against smooth weights; a jump is never differentiated,
because dln g*s/dln T is the projection of the pieces' own derivatives.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ._spline import evaluate, evaluate_at_knots, projected_table, spline_table

SOURCES = ("saikawa-shirai", "borsanyi")

# Knots at ln(T/MeV) = 0.05 j. A trapezoid sum in ln T with this step (or one divided by an
# integer) integrates the splines without aliasing, whatever its offset; larger steps see the
# structure of the QCD transition as noise, 2e-5 of the result at 0.06 and 1e-3 at 0.17.
KNOT_SPACING = 0.05
_LOWEST = -277  # knots from 9.7e-7 MeV to 1.03e6 MeV

# --- Saikawa & Shirai 1803.01038, appendix C. T in GeV, t = ln T. --------------------------------
# Equations C.1 and C.2, T ≥ 120 MeV: numerator and denominator of g_ρ, then of g_ρ/g_s − 1.
_RHO_TOP = (1.0, 1.11724, 3.12672e-1, -4.68049e-2, -2.65004e-2, -1.19760e-3, 1.82812e-4,
            1.36436e-4, 8.55051e-5, 1.22840e-5, 3.82259e-7, -6.87035e-9)  # fmt: skip
_RHO_BOTTOM = (1.43382e-2, 1.37559e-2, 2.92108e-3, -5.38533e-4, -1.62496e-4, -2.87906e-5,
               -3.84278e-6, 2.78776e-6, 7.40342e-7, 1.17210e-7, 3.72499e-9,
               -6.74107e-11)  # fmt: skip
_RATIO_TOP = (1.0, 6.07869e-1, -1.54485e-1, -2.24034e-1, -2.82147e-2, 2.90620e-2, 6.86778e-3,
              -1.00005e-3, -1.69104e-4, 1.06301e-5, 1.69528e-6, -9.33311e-8)  # fmt: skip
_RATIO_BOTTOM = (7.07388e1, 9.18011e1, 3.31892e1, -1.39779, -1.52558, -1.97857e-2, -1.60146e-1,
                 8.22615e-5, 2.02651e-2, -1.82134e-5, 7.83943e-5, 7.13518e-5)  # fmt: skip
# T < 120 MeV: g = constant + electron term + Σ weight · shape(mass/T). Masses in GeV: muon,
# neutral pion, charged pions, and four effective hadrons; then weights for g_ρ and for g_s.
_M_ELECTRON = 511e-6
_HEAVY = (
    (0.1056, 3.446, 3.468),
    (0.135, 1.05, 1.034),
    (0.140, 2.08, 2.068),
    (0.5, 4.165, 4.16),
    (0.77, 30.55, 30.55),
    (1.2, 89.4, 90.0),
    (2.0, 8209.0, 6209.0),
)
# Shape e^(−k x)(1 + a x + b x² + c x³): fermions and bosons in ρ, fermions and bosons in s.
_F_RHO = (1.04855, 1.03757, 0.508630, 0.0893988)
_B_RHO = (1.03149, 1.03317, 0.398264, 0.0648056)
_F_S = (1.04190, 1.03400, 0.456426, 0.0595249)
_B_S = (1.03365, 1.03397, 0.342548, 0.0506182)

# [MeV] where the two forms meet, with jumps of 2e-4 in g*, 4e-4 in g*s and 0.017 in its slope.
_JOINT = 120.0
_COMPLEX_STEP = 1e-30  # of ln T, for derivatives exact to rounding

# --- Borsanyi et al. 1606.07494, table S2: log10(T/MeV), g_ρ, g_ρ/g_s. ---------------------------
_BORSANYI = np.array(
    [
        (0.00, 10.71, 1.00228),
        (0.50, 10.74, 1.00029),
        (1.00, 10.76, 1.00048),
        (1.25, 11.09, 1.00505),
        (1.60, 13.68, 1.02159),
        (2.00, 17.61, 1.02324),
        (2.15, 24.07, 1.05423),
        (2.20, 29.84, 1.07578),
        (2.40, 47.83, 1.06118),
        (2.50, 53.04, 1.04690),
        (3.00, 73.48, 1.01778),
        (4.00, 83.10, 1.00123),
        (4.30, 85.56, 1.00389),
        (4.60, 91.97, 1.00887),
        (5.00, 102.17, 1.00750),
        (5.45, 104.98, 1.00023),
    ]
)
_BORSANYI_FADE = np.log(10.0)  # in ln T; below 0.1 MeV the continuation is 1803.01038 itself


def _shape(parameters: tuple[float, float, float, float], x: np.ndarray) -> np.ndarray:
    k, a, b, c = parameters
    return np.exp(-k * x) * (1.0 + x * (a + x * (b + x * c)))


def _saikawa_shirai_low(T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(g*, g*s) for T [GeV] below 120 MeV, real or complex."""
    x = _M_ELECTRON / T
    neutrinos = 1.0 + 1.75 * _shape(_F_S, x)
    rho = 2.030 + 1.353 * neutrinos ** (4 / 3) + 3.495 * _shape(_F_RHO, x)
    s = 2.008 + 1.923 * neutrinos + 3.442 * _shape(_F_S, x)
    for i, (mass, weight_rho, weight_s) in enumerate(_HEAVY):
        fermion = i == 0
        rho = rho + weight_rho * _shape(_F_RHO if fermion else _B_RHO, mass / T)
        s = s + weight_s * _shape(_F_S if fermion else _B_S, mass / T)
    return rho, s


def _saikawa_shirai_high(T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(g*, g*s) for T [GeV] above 120 MeV, real or complex."""
    t = np.log(T)
    polynomial = np.polynomial.polynomial.polyval
    rho = polynomial(t, _RHO_TOP) / polynomial(t, _RHO_BOTTOM)
    return rho, rho / (1.0 + polynomial(t, _RATIO_TOP) / polynomial(t, _RATIO_BOTTOM))


def saikawa_shirai(log_t: np.ndarray) -> np.ndarray:
    """(g*, g*s, dln g*s/dln T) [n, 3] at ln(T/MeV) [n]: the printed forms of 1803.01038."""
    T = np.exp(log_t + 1j * _COMPLEX_STEP) * 1e-3
    result = np.empty((len(T), 3))
    low = T.real < _JOINT * 1e-3
    for side, form in ((low, _saikawa_shirai_low), (~low, _saikawa_shirai_high)):
        rho, s = form(T[side])
        slope = np.imag(s) / (np.real(s) * _COMPLEX_STEP)
        result[side] = np.stack((np.real(rho), np.real(s), slope), axis=-1)
    return result


def borsanyi(log_t: np.ndarray) -> np.ndarray:
    """(g*, g*s, dln g*s/dln T) [n, 3] at ln(T/MeV) [n]: table S2 of 1606.07494, continued.

    1 MeV to 282 GeV: cubic splines of g_ρ and of g_ρ/g_s in log10 T; constant above. Below
    1 MeV, where the table begins, the form of 1803.01038 times a factor that meets the table
    (1.016 for g*, 1.013 for g*s) and fades to one at 0.1 MeV, so that the late-time values
    remain 3.383 and 3.931.
    """
    knots = _BORSANYI[:, 0] * np.log(10.0)
    table = spline_table(knots, _BORSANYI[:, 1:])
    value, slope = evaluate_at_knots(knots, table, np.clip(log_t, knots[0], knots[-1]))
    relative_slope = np.where(log_t < knots[-1], (slope / value).T, 0.0)
    rho, ratio = value.T
    upper = np.stack((rho, rho / ratio, relative_slope[0] - relative_slope[1]), axis=-1)

    lower = saikawa_shirai(log_t)
    wanted = _BORSANYI[0, 1] / np.array([1.0, _BORSANYI[0, 2]])
    mismatch = wanted / saikawa_shirai(knots[:1])[0, :2] - 1.0
    u = np.clip(1.0 + (log_t - knots[0]) / _BORSANYI_FADE, 0.0, 1.0)
    fade = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)  # smooth step, C² at both ends
    fade_slope = 30.0 * (u * (1.0 - u)) ** 2 / _BORSANYI_FADE
    lower[:, :2] *= 1.0 + mismatch * fade[:, None]
    lower[:, 2] += mismatch[1] * fade_slope / (1.0 + mismatch[1] * fade)
    return np.where((log_t < knots[0])[:, None], lower, upper)


@cache
def degrees_table(source: str) -> tuple[np.ndarray, float, float]:
    """Spline table [n, 4, 3] of (g*, g*s, dln g*s/dln T) in ln(T/MeV), first knot, spacing.

    `source` is "saikawa-shirai" or "borsanyi". Against the printed forms the splines agree to
    2e-5 (3e-4 within 0.15 of the joint in ln T); integrals over them agree to 1e-7.
    """
    forms = {
        "saikawa-shirai": (saikawa_shirai, [np.log(_JOINT)]),
        "borsanyi": (borsanyi, list(_BORSANYI[[0, -1], 0] * np.log(10.0))),
    }
    form, breaks = forms[source]
    start = KNOT_SPACING * _LOWEST
    return projected_table(form, start, KNOT_SPACING, -2 * _LOWEST, breaks), start, KNOT_SPACING


def redshift_since(source: str, log_t: np.ndarray, log_t_ref: float = -9.0) -> np.ndarray:
    """(g*s(T)/g*s(T_ref))^(1/3) [n] at ln(T/MeV) [n] in NumPy, for tables along comoving momenta.

    "constant" gives one. The default T_ref, 0.1 keV, lies far below all thresholds.
    """
    if source == "constant":
        return np.ones_like(log_t)
    table, start, step = degrees_table(source)
    now = evaluate(table[..., 1], start, step, np.asarray(log_t, dtype=float), np)
    return np.cbrt(now / evaluate(table[..., 1], start, step, np.asarray(log_t_ref), np))
