r"""Slow, independent truth for the production of sterile neutrinos: NumPy, SciPy and mpmath only.

Nothing here imports nujax. Three layers, each checked against the one before it:

1. kernels of the scalar mediator: the original logarithmic integral of the potential and its
   dispersive principal value (mpmath), the two integrals of the rate (SciPy `quad`), and fast
   vectorised versions of the same (trapezoid in ln u, Gauss–Legendre around the pole);
2. `spectrum_by_quad`: f_s(x) by SciPy `quad` in ln T with the direct kernels, cut at the roots of
   c − V/Δ; minutes for a full spectrum, but hardly anything that could go wrong;
3. `spectrum`, `relic_density`: the same with tabulated kernels and vectorised adaptive
   Gauss–Kronrod rules, in T and in x, for resonances down to half-widths of 1e-8 in ln T.

`comoving_relic_density` integrates the linear Boltzmann equation momentum by momentum with an
implicit solver for temperature-dependent g*(T) and any rate and potential.

Units: MeV, natural units; x = p/T. w = m²/(4ET), Δ = m₄²/2E, c = cos 2θ, U = V/Δ, γ = Γ/Δ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
from numpy.polynomial import chebyshev, legendre
from scipy import integrate, optimize, special
from scipy.interpolate import CubicSpline

# The values of physics constants that the sources and the data of tests/data use.
FERMI_CONSTANT = 1.1663787e-11  # [MeV^-2]
PLANCK_MASS = 1.22091e22  # [MeV]
W_MASS, Z_MASS = 80379.0, 91187.6  # [MeV]
ELECTRON_MASS, MUON_MASS, TAU_MASS = 0.51099895, 105.6583755, 1776.86  # [MeV]
ENTROPY_DENSITY_TODAY = 2891.2  # [cm^-3]
CRITICAL_DENSITY_OVER_H2 = 1.05e-2  # [MeV cm^-3]

PAPER_RATE = {"e": 1.27, "mu": 0.92, "tau": 0.92}  # Γ/(G_F² E T⁴)
PAPER_POTENTIAL = 3.72 * FERMI_CONSTANT * (2.0 / W_MASS**2 + 1.0 / Z_MASS**2)  # −V/(E T⁴)
X_RANGE = (2e-4, 60.0)


@dataclass(frozen=True)
class Case:
    """Inputs of one production problem in a plasma of constant g*, with paper Standard Model.

    Masses and temperatures in MeV; `mediator_mass=None` means no mediator. `convention` ("exact"
    or "paper") and `bose` (adds the self-energy's Bose term) and `rate_factor` concern the rate of
    the mediator alone; its potential is always the exact one. `mixing`: "averaged" keeps Δ²s² in
    the denominator of the effective mixing, "quasi-static" drops it.
    """

    mass: float
    sin2_2theta: float
    mediator_mass: float | None = None
    coupling: float = 0.0
    flavour: str = "mu"
    convention: str = "exact"
    bose: bool = False
    rate_factor: float = 1.0
    T_initial: float = 1e4
    T_final: float = 0.1
    degrees: float = 10.75
    mixing: str = "averaged"
    back_reaction: bool = False


# --- 1. Kernels of the scalar mediator ----------------------------------------------------------
# V = λ² T v(x, m/T); S ≡ x v. Γ = λ² m² T/(16π²E²) g, g ≡ γ_φ [B(w, γ_φ) + 2U(w)], γ_φ = λ²/32π.


def potential_logarithmic(x: float, mu: float, digits: int = 40) -> float:
    r"""v(x, μ) from the one-loop integral with logarithms (1910.04901 eq. 8, sign reversed).

    v = (1/16π²x²) ∫₀^∞ dp {[4xp²/ω − (μ²p/2ω) L₂] n_B(ω) + [4xp − (μ²/2) L₁] n_F(p)} with p and
    ω = √(p²+μ²) in units of T, L₁ = ln|(4px+μ²)/(4px−μ²)| and
    L₂ = ln|(2px+2xω+μ²)(2px−2xω+μ²)/((−2px+2xω+μ²)(−2px−2xω+μ²))|.
    The printed sign contradicts the limits −7π²x/(90μ⁴) and 1/(16x) that are given with it.
    """
    with mp.workdps(digits):
        xx, m2 = mp.mpf(x), mp.mpf(mu) ** 2
        tiny = m2 * mp.eps  # nodes that round onto a logarithmic singularity

        def fermion(p: Any) -> Any:
            log = mp.log((4 * p * xx + m2) / max(abs(4 * p * xx - m2), tiny))
            return (4 * xx * p - m2 / 2 * log) / (mp.exp(p) + 1)

        def boson(p: Any) -> Any:
            omega = mp.sqrt(p * p + m2)
            above = (2 * p * xx + 2 * xx * omega + m2) * (2 * p * xx - 2 * xx * omega + m2)
            below = (-2 * p * xx + 2 * xx * omega + m2) * (-2 * p * xx - 2 * xx * omega + m2)
            log = mp.log(max(abs(above), tiny) / max(abs(below), tiny))
            weight = 4 * xx * p * p - m2 * p / 2 * log
            return weight / omega / mp.expm1(omega)

        w = m2 / (4 * xx)
        total = mp.mpf(0)
        for integrand, pole in ((fermion, w), (boson, abs(xx - w))):
            scales = {mp.mpf(0), mp.mpf(mu) / 3, mp.mpf(mu), mp.mpf(1), mp.mpf(8), mp.mpf(30)}
            scales |= {pole, pole / 3, 3 * pole}
            points = sorted(s for s in scales if s < 100) + [mp.mpf(100)]
            total += mp.quad(integrand, points)
        return float(total / (16 * mp.pi**2 * xx**2))


def potential_principal_value(x: float, mu: float, digits: int = 25) -> float:
    r"""v(x, μ) from the dispersive form, folded at the pole u = 1 and integrated by mpmath.

    v = (μ²/16π²x²) PV∫₀^∞ du u²/(u²−1) F(u), F = ln(1+e^(−wu)) − ln(1−e^(−wu−x/u)); with
    u = e^(±τ) this is ∫₀^∞ dτ [e^(2τ)F(e^τ) − e^(−2τ)F(e^(−τ))]/(2 sinh τ), which is regular.
    """
    with mp.workdps(digits):
        xx, m2 = mp.mpf(x), mp.mpf(mu) ** 2
        w = m2 / (4 * xx)

        def bracket(u: Any) -> Any:
            return mp.log1p(mp.exp(-w * u)) - mp.log(-mp.expm1(-w * u - xx / u))

        value = _folded(bracket, [w, xx, mp.sqrt(xx / w)])
        return float(m2 / (16 * mp.pi**2 * xx**2) * value)


def fermion_principal_value(w: float, digits: int = 25) -> float:
    """h_F(w) = PV∫₀^∞ du u²/(u²−1) ln(1+e^(−wu)), the fermion part of the potential."""
    with mp.workdps(digits):
        ww = mp.mpf(w)
        return float(_folded(lambda u: mp.log1p(mp.exp(-ww * u)), [ww]))


def _folded(function: Callable[[Any], Any], scales: list[Any]) -> Any:
    """∫₀^∞ dτ of the folded form, cut every 3 and at |ln s| for each scale s (the first is w)."""
    norm = 1 + scales[0] ** 3  # mpmath's accuracy goal is absolute; the integral falls as w^-3

    def integrand(tau: Any) -> Any:
        up, down = mp.exp(tau), mp.exp(-tau)
        return norm * (up * up * function(up) - down * down * function(down)) / (up - down)

    logs = [abs(mp.log(s)) for s in scales]
    end = max(logs) + 25
    points = {mp.mpf(0), *logs, *(mp.mpf(3 * k) for k in range(int(end / 3) + 1)), end}
    return mp.quad(integrand, sorted(points)) / norm


def potential(x: Any, mu: Any, step: float = 0.2) -> np.ndarray:
    """S = x v(x, μ) elementwise, by the trapezoid in ln u on nodes that straddle the pole."""
    x, mu = np.broadcast_arrays(np.asarray(x, float), np.asarray(mu, float))
    w = mu**2 / (4.0 * x)
    if w.size == 0:
        return np.zeros_like(w)
    first = min(0.0, -np.log(w.max())) - 14.0
    last = np.log(60.0 / w.min())
    index = np.arange(np.floor(first / step), np.ceil(last / step) + 1.0)
    total = np.zeros_like(w)
    for u in np.exp((index + 0.5) * step):
        z = w * u
        log = np.log1p(np.exp(-z)) - np.log(-np.expm1(-z - x / u))
        total += z * u * (u / (u * u - 1.0)) * log
    return step / (4.0 * np.pi**2) * total


def rate_by_quad(w: float, width: float) -> tuple[float, float]:
    r"""(B, U) by SciPy `quad`, the first split at the pole with r = 1 + γ sinh s.

    B = ∫₀^∞ r² ln(1+e^(−wr))/((r−1)²+γ²) dr, U = ∫₀^∞ [1 + 1/(1+r) − 2 ln(1+r)/r] ln(1+e^(−wr)) dr.
    """

    def log1p_exp(z: float) -> float:
        return float(np.log1p(np.exp(-z)))

    def core(s: float) -> float:
        r = 1.0 + width * np.sinh(s)
        return r * r * log1p_exp(w * r) / (width * np.cosh(s))

    def tail(t: float) -> float:
        r = np.exp(t)
        return r**3 * log1p_exp(w * r) / ((r - 1.0) ** 2 + width**2)

    def scatter(t: float) -> float:
        r = np.exp(t)
        return r * float(_scatter_weight(np.array([r]))[0]) * log1p_exp(w * r)

    def integral(function: Callable[[float], float], points: list[float]) -> float:
        edges = np.unique(points)
        pairs = zip(edges[:-1], edges[1:], strict=True)
        return sum(
            integrate.quad(function, a, b, epsabs=0.0, epsrel=1e-12, limit=400)[0] for a, b in pairs
        )

    top = np.log(60.0 / w)  # beyond r = 60/w nothing is left
    low = np.log(0.5)
    bottom = min(low, top) - 14.0
    ends = [np.arcsinh(-0.5 / width), *np.linspace(-12.0, 12.0, 9), np.arcsinh(1.0 / width)]
    inside = integral(core, [s for s in ends if ends[0] <= s <= ends[-1]])
    below = integral(tail, [*np.arange(bottom, low, 2.0), low])
    above = integral(tail, [*np.arange(np.log(2.0), top, 2.0), top]) if top > np.log(2.0) else 0.0
    return inside + below + above, integral(scatter, [*np.arange(bottom, top, 2.0), top])


def _scatter_weight(r: np.ndarray) -> np.ndarray:
    """1 + 1/(1+r) − 2 ln(1+r)/r; below 0.05 its series Σ (−r)ᵏ (1 − 2/(k+1)), k ≥ 2."""
    series = sum((-1) ** k * (1.0 - 2.0 / (k + 1)) * r**k for k in range(2, 16))
    safe = np.where(r > 0.0, r, 1.0)
    return np.where(r < 0.05, series, 1.0 + 1.0 / (1.0 + r) - 2.0 * np.log1p(r) / safe)


def rate(w: Any, width: float) -> np.ndarray:
    """g = γ_φ [B + 2U] elementwise in w: Gauss–Legendre panels in ln r and s = asinh((r−1)/γ)."""
    w = np.asarray(w, float)
    nodes, weights = legendre.leggauss(16)

    def panels(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = np.diff(edges)[:, None] / 2.0
        return (edges[:-1, None] + half * (1.0 + nodes)).ravel(), (half * weights).ravel()

    def even(start: float, stop: float, width: float) -> np.ndarray:
        return np.linspace(start, stop, max(1, int((stop - start) / width)) + 1)

    total = np.zeros_like(w)
    s, ds = panels(even(np.arcsinh(-0.5 / width), np.arcsinh(1.0 / width), 1.5))
    r = 1.0 + width * np.sinh(s)
    for rj, sj, dj in zip(r, s, ds, strict=True):
        total += dj * rj * rj / np.cosh(sj) * np.log1p(np.exp(-w * rj))
    low, high = np.log(0.5), np.log(2.0)
    first, last = min(low, -np.log(w.max())) - 14.0, max(high, np.log(60.0 / w.min()))
    for t, dt in (panels(even(first, low, 1.0)), panels(even(high, last, 1.0))):
        for tj, dj in zip(t, dt, strict=True):
            rj = np.exp(tj)
            total += (
                width
                * dj
                * rj
                * np.log1p(np.exp(-w * rj))
                / ((1.0 - 1.0 / rj) ** 2 + (width / rj) ** 2)
            )
    t, dt = panels(even(first, last, 1.0))
    r = np.exp(t)
    for rj, weight in zip(r, 2.0 * width * dt * r * _scatter_weight(r), strict=True):
        total += weight * np.log1p(np.exp(-w * rj))
    return total


def rate_shape(case: Case, w: Any, x: Any, g: Any = None) -> np.ndarray:
    """Γ_mediator/(λ²m²T/16π²E²) with rate_factor; `g` is γ_φ[B + 2U] at w, computed when not given.

    "exact": g. "paper" (Boltzmann target and |v₁−v₂|): λ²T²/(8πE)[2we^(−w) + √(πw) erfc √w] plus
    7πλ⁴ET⁴/[1440 (m²+aET)²], a = π√(56/45) = 3.5046, whose hot limit is λ⁴T²/(256πE). `bose`
    adds λ²m²T/(16πE²)[−ln(1−e^(−x−w))].
    """
    if case.convention == "paper":
        on_shell = 2.0 * w * np.exp(-w) + np.sqrt(np.pi * w) * special.erfc(np.sqrt(w))
        q = 0.25 / w  # ET/m²
        heavy = (
            7.0
            * np.pi**3
            / 90.0
            * case.coupling**2
            * q**3
            / (1.0 + np.pi * np.sqrt(56.0 / 45.0) * q) ** 2
        )
        shape = 2.0 * np.pi * q * on_shell + heavy
    else:
        shape = rate(w, case.coupling**2 / (32.0 * np.pi)) if g is None else g
    if case.bose:
        shape = shape - np.pi * np.log(-np.expm1(-x - w))
    return case.rate_factor * shape


# --- 2. One momentum with SciPy quad ------------------------------------------------------------
# f_s = f_a I, I = ∫ dlnT A/(a² + W²), A = s²Γ/4H, a = c − U, W² = γ²/4 (+ s² when "averaged").


def dimensionless(case: Case, x: Any, T: Any) -> tuple[np.ndarray, np.ndarray]:
    """(U, γ) = (V/Δ, Γ/Δ) at x and T [MeV] elementwise, from the direct kernels."""
    x, T = np.broadcast_arrays(np.asarray(x, float), np.asarray(T, float))
    over = 2.0 * x * T / case.mass**2  # 1/Δ
    U = -PAPER_POTENTIAL * x * T**5 * over
    gamma = PAPER_RATE[case.flavour] * FERMI_CONSTANT**2 * x * T**5 * over
    if case.mediator_mass is not None:
        mu = case.mediator_mass / T
        lam2 = case.coupling**2
        U = U + lam2 * T * potential(x, mu) / x * over
        shape = rate_shape(case, mu**2 / (4.0 * x), x)
        gamma = gamma + lam2 * mu**2 * T / (16.0 * np.pi**2 * x**2) * shape * over
    return U, gamma


def _source(case: Case, x: Any, T: Any, gamma: Any) -> Any:
    """A = s²Γ/4H."""
    hubble = 1.66 * np.sqrt(case.degrees) * T**2 / PLANCK_MASS
    return case.sin2_2theta * gamma * case.mass**2 / (8.0 * x * T * hubble)


def _distribution(case: Case, x: Any, integral: Any) -> Any:
    fermi = 1.0 / (np.exp(x) + 1.0)
    return fermi * (-np.expm1(-integral) if case.back_reaction else integral)


def spectrum_by_quad(case: Case, x: float, points: int = 1201, rtol: float = 1e-10) -> float:
    """f_s(x) by SciPy `quad` in t = −ln T with the direct kernels; one momentum, seconds.

    Crossings of a = c − U are bracketed on a grid of `points`, polished by Brent's method, and the
    integral is cut there and half-way between them; beside a crossing t = t₀ ± w sinh s, with w its
    half-width. Crossings that are closer than the grid are seen as a minimum of |a| and cut there.
    """
    floor = case.sin2_2theta if case.mixing == "averaged" else 0.0
    cosine = np.sqrt(1.0 - case.sin2_2theta)

    def terms(t: float) -> tuple[float, float, float]:
        T = np.exp(-t)
        U, gamma = (float(q) for q in dimensionless(case, x, T))
        return cosine - U, 0.25 * gamma**2 + floor, float(_source(case, x, T, gamma))

    def integrand(t: float) -> float:
        a, w2, source = terms(t)
        return source / (a * a + w2)

    def value(t: float) -> float:
        return terms(t)[0]

    start, stop = -np.log(case.T_initial), -np.log(case.T_final)
    grid = np.linspace(start, stop, points)
    a = cosine - dimensionless(case, x, np.exp(-grid))[0]
    brentq: Any = optimize.brentq
    lowest: Any = optimize.minimize_scalar
    brackets = [(grid[i], grid[i + 1]) for i in np.flatnonzero(a[:-1] * a[1:] < 0.0)]
    centres: list[float] = []
    size = np.abs(a)
    for i in np.flatnonzero((size[1:-1] < size[:-2]) & (size[1:-1] < size[2:])) + 1:
        if a[i - 1] * a[i] > 0.0 and a[i] * a[i + 1] > 0.0:
            sign, low, high = np.sign(a[i]), grid[i - 1], grid[i + 1]
            bottom = lowest(lambda t, s=sign: s * value(t), bounds=(low, high), method="bounded")
            if bottom.fun < 0.0:
                brackets += [(low, bottom.x), (bottom.x, high)]
            else:
                centres.append(float(bottom.x))
    centres = sorted(centres + [brentq(value, p, q, xtol=1e-15) for p, q in brackets])
    if not centres:
        return float(_distribution(case, x, _quad(integrand, np.linspace(start, stop, 9), rtol)))
    middles = [0.5 * (p + q) for p, q in zip(centres[:-1], centres[1:], strict=True)]
    total = 0.0
    for centre, left, right in zip(centres, [start, *middles], [*middles, stop], strict=True):
        w = _half_width(terms, centre)
        edges = [-np.arcsinh((centre - left) / w), 0.0, np.arcsinh((right - centre) / w)]

        def stretched(s: float, t0: float = centre, w: float = w) -> float:
            return integrand(t0 + w * np.sinh(s)) * w * np.cosh(s)

        for p, q in zip(edges[:-1], edges[1:], strict=True):
            total += _quad(stretched, np.linspace(p, q, 2 + int((q - p) / 2.0)), rtol)
    return float(_distribution(case, x, total))


def _half_width(terms: Callable[[float], tuple[float, float, float]], t: float) -> float:
    """The distance over which a grows by W around a crossing (or a minimum of |a|) at t."""
    h = 1e-4
    (a0, w2, _), (up, _, _), (down, _, _) = terms(t), terms(t + h), terms(t - h)
    slope, curve = abs(up - down) / (2.0 * h), abs(up - 2.0 * a0 + down) / h**2
    width = np.hypot(np.sqrt(w2), a0)
    return float(2.0 * width / (slope + np.sqrt(slope**2 + 2.0 * curve * width) + 1e-300))


def _quad(function: Callable[[float], float], edges: Any, rtol: float) -> float:
    pairs = zip(edges[:-1], edges[1:], strict=True)
    rough = [integrate.fixed_quad(np.vectorize(function), p, q, n=8)[0] for p, q in pairs]
    goal = rtol * abs(sum(rough)) / len(rough)
    pairs = zip(edges[:-1], edges[1:], strict=True)
    return sum(
        integrate.quad(function, p, q, epsabs=goal, epsrel=rtol, limit=300)[0] for p, q in pairs
    )


# --- 3. Vectorised spectrum and relic density ---------------------------------------------------

_H, _NT, _NX, _NW = 0.4, 14, 18, 16  # panel of t = ln(m/T), Chebyshev nodes in t, ln x, ln w
_X_EDGES = np.linspace(np.log(1e-4), np.log(100.0), 13)
_W_EDGES = np.unique(
    [*np.arange(-45.0, 0.0, 0.5), *np.log(np.arange(1.0, 81.0)), *np.arange(4.5, 45.0, 0.5)]
)
_KRONROD = np.array(
    [0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
     0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
     0.586087235467691130294144691693200, 0.405845151377397166906606412076961,
     0.207784955007898467600689403773245, 0.0]
)  # fmt: skip
_KRONROD_WEIGHTS = np.array(
    [0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
     0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
     0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
     0.204432940075298892414161999234649, 0.209482141084727828012999174891714]
)  # fmt: skip
_GAUSS_WEIGHTS = np.array(
    [0.0, 0.129484966168869693270611432679082, 0.0, 0.279705391489276667901467771423780,
     0.0, 0.381830050505118944950369775488975, 0.0, 0.417959183673469387755102040816327]
)  # fmt: skip


def _mirror(half: np.ndarray, sign: float = 1.0) -> np.ndarray:
    return np.concatenate([sign * half, half[-2::-1]])


def _nodes(n: int) -> np.ndarray:
    return chebyshev.chebpts1(n)


def _to_coefficients(n: int) -> np.ndarray:
    """Matrix from values at Chebyshev nodes to Chebyshev coefficients."""
    return np.linalg.inv(chebyshev.chebvander(_nodes(n), n - 1))


def _clenshaw(coefficients: np.ndarray, xi: np.ndarray) -> np.ndarray:
    """Chebyshev series along the last axis of `coefficients` at xi of the leading shape."""
    b1, b2 = np.zeros_like(xi), np.zeros_like(xi)
    for k in range(coefficients.shape[-1] - 1, 0, -1):
        b1, b2 = coefficients[..., k] + 2.0 * xi * b1 - b2, b1
    return coefficients[..., 0] + xi * b1 - b2


@lru_cache(maxsize=400)
def _potential_panel(k: int) -> np.ndarray:
    """S at the nodes [x panel, x node, t node] of panel k, ln μ in [k, k+1]·H."""
    mu = np.exp(_H * (k + 0.5 + 0.5 * _nodes(_NT)))
    half = 0.5 * np.diff(_X_EDGES)[:, None]
    x = np.exp(_X_EDGES[:-1, None] + half * (1.0 + _nodes(_NX)))
    return potential(x[:, :, None], mu[None, None, :])


def adaptive(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    owner: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    count: int,
    rtol: float,
    levels: int = 60,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of many integrals by vectorised bisection of Gauss–Kronrod (7, 15) rules.

    Piece i covers [low_i, high_i] and adds to the sum number owner_i. `function(i, s)` returns the
    integrands [channel, piece, node] at s [piece, node]; the first channel controls the error.
    Returns sums and error estimates [channel, count]. Warns when `levels` bisections do not do.
    """
    nodes = _mirror(_KRONROD, -1.0)
    kronrod, gauss = _mirror(_KRONROD_WEIGHTS), _mirror(_GAUSS_WEIGHTS)
    index = np.arange(len(low))
    sums = errors = np.zeros((0, count))
    for level in range(levels + 1):
        half = 0.5 * (high - low)
        values = function(index, 0.5 * (low + high)[:, None] + half[:, None] * nodes)
        if level == 0:
            sums, errors = np.zeros((len(values), count)), np.zeros((len(values), count))
        k15 = half * (values @ kronrod)
        rough = np.abs(k15 - half * (values @ gauss))
        spread = half * (np.abs(values - 0.5 * (k15 / half)[..., None]) @ kronrod)
        ratio = np.divide(200.0 * rough, spread, out=np.zeros_like(rough), where=spread > 0.0)
        error = spread * np.minimum(1.0, ratio**1.5)
        total = sums.copy()
        for channel in range(len(values)):
            np.add.at(total[channel], owner, k15[channel])
        goal = 0.02 * rtol * np.abs(total[0, owner])
        done = (error[0] <= goal) | (error[0] <= 1e-300)
        if level == levels and not done.all():
            raise ArithmeticError(f"{np.sum(~done)} pieces have not converged")
        for channel in range(len(values)):
            np.add.at(sums[channel], owner[done], k15[channel, done])
            np.add.at(errors[channel], owner[done], error[channel, done])
        keep = ~done
        if not keep.any():
            break
        middle = 0.5 * (low + high)[keep]
        owner, index = np.tile(owner[keep], 2), np.tile(index[keep], 2)
        low, high = np.r_[low[keep], middle], np.r_[middle, high[keep]]
    return sums, errors


class Anchors(NamedTuple):
    """Crossings a = 0 and near misses: row of x, t, half-width, local series of a, crossing?"""

    row: np.ndarray
    t: np.ndarray
    width: np.ndarray
    series: np.ndarray
    crossing: np.ndarray


class Spectrum:
    """f_s(x) of one `Case` for many x at once; `spectrum` and `relic_density` are the front doors.

    a = c − U is a piecewise Chebyshev series in t = ln(m/T) for each x (m = 1 MeV without
    mediator), γ_φ[B + 2U] one in ln w.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        m = case.mediator_mass or 1.0
        self.scale = m
        self.start, self.stop = np.log(m / case.T_initial), np.log(m / case.T_final)
        self.first = int(np.floor(self.start / _H))
        self.panels = int(np.ceil(self.stop / _H)) - self.first
        self.t_nodes = _H * (
            self.first + np.arange(self.panels)[:, None] + 0.5 + 0.5 * _nodes(_NT)[None, :]
        )
        self.table = None
        if case.mediator_mass is not None and case.coupling != 0.0:
            panels = [_potential_panel(self.first + k) for k in range(self.panels)]
            self.table = np.stack(panels, axis=2)  # [x panel, x node, t panel, t node]
            self._make_rate_table()
        self.floor = case.sin2_2theta if case.mixing == "averaged" else 0.0

    def _make_rate_table(self) -> None:
        low = 2.0 * self.start - np.log(4.0) - _X_EDGES[-1]
        high = 2.0 * self.stop - np.log(4.0) - _X_EDGES[0]
        i, j = np.searchsorted(_W_EDGES, [low, high])
        self.w_edges = _W_EDGES[max(i - 1, 0) : j + 1]
        half = 0.5 * np.diff(self.w_edges)[:, None]
        w = np.exp(self.w_edges[:-1, None] + half * (1.0 + _nodes(_NW)))
        width = self.case.coupling**2 / (32.0 * np.pi)
        # in blocks of similar w, so that each needs few nodes
        blocks = np.array_split(w, max(1, len(w) // 12))
        values = np.concatenate([rate(block, width) for block in blocks])
        self.rate_table = values @ _to_coefficients(_NW).T

    def _rate_kernel(self, w: np.ndarray) -> np.ndarray:
        log = np.log(w)
        k = np.clip(np.searchsorted(self.w_edges, log) - 1, 0, len(self.rate_table) - 1)
        left, right = self.w_edges[k], self.w_edges[k + 1]
        return _clenshaw(self.rate_table[k], (2.0 * log - left - right) / (right - left))

    def rows(self, x: np.ndarray) -> np.ndarray:
        """Chebyshev coefficients of a [x, t panel, order]."""
        case = self.case
        T = self.scale * np.exp(-self.t_nodes)
        bare = 2.0 * PAPER_POTENTIAL * x[:, None, None] ** 2 * T**6 / case.mass**2
        a = np.sqrt(1.0 - case.sin2_2theta) + bare
        if self.table is not None:
            log = np.log(x)
            if log.min() < _X_EDGES[0] or log.max() > _X_EDGES[-1]:
                raise ValueError("x is outside of the table")
            panel = np.clip(np.searchsorted(_X_EDGES, log) - 1, 0, len(_X_EDGES) - 2)
            for p in np.unique(panel):
                mine = panel == p
                xi = 2.0 * (log[mine] - _X_EDGES[p]) / (_X_EDGES[p + 1] - _X_EDGES[p]) - 1.0
                weights = chebyshev.chebvander(xi, _NX - 1) @ _to_coefficients(_NX)
                shape = np.tensordot(weights, self.table[p], axes=1)
                a[mine] -= 2.0 * (case.coupling * T / case.mass) ** 2 * shape
        return a @ _to_coefficients(_NT).T

    def _panel(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = np.clip(np.floor(t / _H).astype(int) - self.first, 0, self.panels - 1)
        return k, 2.0 * (t / _H - self.first - k) - 1.0

    def _value(self, coefficients: np.ndarray, row: np.ndarray, t: np.ndarray) -> np.ndarray:
        k, xi = self._panel(t)
        return _clenshaw(coefficients[row, k], xi)

    def gamma(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        """γ = Γ/Δ elementwise."""
        case, T = self.case, self.scale * np.exp(-t)
        bare = PAPER_RATE[case.flavour] * (FERMI_CONSTANT * x * T**3 / case.mass) ** 2 * 2.0
        if self.table is None:
            return bare
        w = np.exp(2.0 * t) / (4.0 * x)
        kernel = self._rate_kernel(w) if case.convention != "paper" else None
        over = (case.coupling * self.scale / case.mass) ** 2 / (8.0 * np.pi**2 * x)
        return bare + over * rate_shape(case, w, x, kernel)

    def anchors(self, x: np.ndarray, a: np.ndarray) -> Anchors:
        """All crossings in the window (and a little around it) and all minima of |a| below ½."""
        per = 24
        sub = np.linspace(-1.0, 1.0, per + 1)
        values = a @ chebyshev.chebvander(sub, _NT - 1).T
        joined = np.concatenate([values[:, :, :-1].reshape(len(x), -1), values[:, -1:, -1]], axis=1)
        t = _H * (self.first + np.arange(joined.shape[1]) / per)
        slope = chebyshev.chebder(a, axis=-1) * (2.0 / _H)

        row, i = np.nonzero(joined[:, :-1] * joined[:, 1:] < 0.0)
        low, high = t[i], t[i + 1]
        left, mid, right = joined[:, :-2], joined[:, 1:-1], joined[:, 2:]
        same = (left * mid > 0.0) & (mid * right > 0.0)
        dip = same & (abs(mid) <= abs(left)) & (abs(mid) <= abs(right)) & (abs(mid) < 0.5)
        dip_row, i = np.nonzero(dip)
        bottom = self._solve(slope, None, dip_row, t[i], t[i + 2])
        at_bottom = self._value(a, dip_row, bottom)
        hidden = at_bottom * mid[dip_row, i] < 0.0
        row = np.r_[row, dip_row[hidden], dip_row[hidden]]
        low, high = (
            np.r_[low, t[i][hidden], bottom[hidden]],
            np.r_[high, bottom[hidden], t[i + 2][hidden]],
        )
        roots = self._solve(a, slope, row, low, high)
        crossing = np.r_[np.ones(len(row), bool), np.zeros(int(np.sum(~hidden)), bool)]
        row, roots = np.r_[row, dip_row[~hidden]], np.r_[roots, bottom[~hidden]]
        order = np.lexsort((roots, row))
        row, roots, crossing = row[order], roots[order], crossing[order]
        series = self._series(a, row, roots)
        size = np.hypot(np.sqrt(0.25 * self.gamma(x[row], roots) ** 2 + self.floor), series[:, 0])
        c1, c2 = abs(series[:, 1]), abs(series[:, 2])
        width = 2.0 * size / (c1 + np.sqrt(c1**2 + 4.0 * c2 * size) + 1e-300)
        return Anchors(row, roots, np.minimum(width, 1.0), series, crossing)

    def _solve(self, f: Any, df: Any, row: Any, low: Any, high: Any) -> np.ndarray:
        """Zeros of the series f in [low, high], Newton steps kept inside a bisection."""
        low, high = low.copy(), high.copy()
        if len(row) == 0:
            return low
        sign = np.sign(self._value(f, row, low))
        point = 0.5 * (low + high)
        for _ in range(60):
            value = self._value(f, row, point)
            below = value * sign > 0.0
            low, high = np.where(below, point, low), np.where(below, high, point)
            middle = 0.5 * (low + high)
            if df is None:
                new = middle
            else:
                gradient = self._value(df, row, point)
                step = np.divide(value, gradient, out=np.zeros_like(value), where=gradient != 0.0)
                new = np.where((point - step >= low) & (point - step <= high), point - step, middle)
            moved, point = np.abs(new - point).max(), new
            if moved < 1e-15:
                break
        return point

    def _series(self, a: np.ndarray, row: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Taylor coefficients of a around t, in powers of the distance: exact down to any width."""
        k, xi = self._panel(t)
        power = np.array(
            [np.r_[chebyshev.cheb2poly(np.eye(_NT)[n]), np.zeros(_NT)][:_NT] for n in range(_NT)]
        )
        monomials = a[row, k] @ power
        shifted = np.zeros_like(monomials)
        for j in range(_NT):
            for i in range(j, _NT):
                shifted[:, j] += monomials[:, i] * special.comb(i, j) * xi ** (i - j)
        return shifted * (2.0 / _H) ** np.arange(_NT)

    def integral(self, x: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """I(x) = ∫ dlnT A/(a² + W²), f_s = f_a I without back-reaction."""
        x = np.atleast_1d(np.asarray(x, float))
        a = self.rows(x)
        anchors = self.anchors(x, a)
        pieces = self._pieces(len(x), anchors)
        row, anchor, centre, sign, width = pieces[:5]

        def integrand(i: np.ndarray, s: np.ndarray) -> np.ndarray:
            delta = (sign[i] * width[i])[:, None] * np.sinh(s)
            t = centre[i][:, None] + delta
            value = self._value(a, np.broadcast_to(row[i][:, None], t.shape), t)
            near = (anchor[i] >= 0)[:, None] & (np.abs(delta) < 0.05 * _H)
            if near.any():
                p, _ = np.nonzero(near)
                close = anchors.series[anchor[i][p]]
                total = np.zeros(len(p))
                for order in range(_NT - 1, -1, -1):
                    total = total * delta[near] + close[:, order]
                value[near] = total
            xx = x[row[i]][:, None]
            gamma = self.gamma(xx, t)
            source = _source(self.case, xx, self.scale * np.exp(-t), gamma)
            return (
                source / (value**2 + 0.25 * gamma**2 + self.floor) * width[i][:, None] * np.cosh(s)
            )[None]

        sums, _ = adaptive(integrand, row, pieces[5], pieces[6], len(x), rtol)
        return sums[0]

    def _pieces(self, count: int, anchors: Anchors) -> tuple[np.ndarray, ...]:
        """(row, anchor or −1, centre, sign, width, s_low, s_high): t = centre ± width sinh s.

        Up to 0.3 from an anchor in s, the rest in plain t (a huge width makes sinh linear).
        """
        pieces: list[tuple[float, ...]] = []

        def plain(row: int, left: float, right: float) -> None:
            n = max(1, int(np.ceil((right - left) / _H)))
            edges = np.linspace(left, right, n + 1)
            for p, q in zip(edges[:-1], edges[1:], strict=True):
                pieces.append((row, -1, p, 1.0, 1e3, 0.0, np.arcsinh((q - p) / 1e3)))

        starts = np.searchsorted(anchors.row, np.arange(count + 1))
        for row in range(count):
            mine = range(starts[row], starts[row + 1])
            if not len(mine):
                plain(row, self.start, self.stop)
                continue
            t = anchors.t[mine.start : mine.stop]
            edges = np.clip(np.r_[-1e9, 0.5 * (t[:-1] + t[1:]), 1e9], self.start, self.stop)
            for j in mine:
                centre, width = anchors.t[j], anchors.width[j]
                left, right = edges[j - mine.start], edges[j - mine.start + 1]
                for sign, near, far in (
                    (-1.0, max(centre - right, 0.0), centre - left),
                    (1.0, max(left - centre, 0.0), right - centre),
                ):
                    if far <= near:
                        continue
                    turn = np.clip(0.3, near, far)
                    if turn > near:
                        s = np.arcsinh(np.array([near, turn]) / width)
                        s = np.linspace(s[0], s[1], max(1, int((s[1] - s[0]) / 2.0)) + 1)
                        for p, q in zip(s[:-1], s[1:], strict=True):
                            pieces.append((row, j, centre, sign, width, p, q))
                    if far > turn:
                        plain(row, *sorted((centre + sign * turn, centre + sign * far)))
        table = np.array(pieces).T
        return (table[0].astype(int), table[1].astype(int), *table[2:])

    def crossings(self, x: np.ndarray) -> np.ndarray:
        """How many resonances inside the temperature window each x meets."""
        x = np.atleast_1d(x)
        found = self.anchors(x, self.rows(x))
        inside = found.crossing & (found.t >= self.start) & (found.t <= self.stop)
        return np.bincount(found.row[inside], minlength=len(x))

    def narrowest_width(self, x_range: tuple[float, float] = (0.1, 15.0)) -> float:
        """The smallest half-width in ln T of any crossing at 60 momenta of x_range; inf if none."""
        x = np.geomspace(*x_range, 60)
        found = self.anchors(x, self.rows(x))
        inside = found.crossing & (found.t >= self.start) & (found.t <= self.stop)
        return float(found.width[inside].min(initial=np.inf))

    def caustics(self, points: int = 321, x_range: tuple[float, float] = X_RANGE) -> np.ndarray:
        """ln x at which the number of crossings changes: folds and edges of the window."""
        y = np.linspace(np.log(x_range[0]), np.log(x_range[1]), points)
        n = self.crossings(np.exp(y))
        change = np.flatnonzero(n[:-1] != n[1:])
        low, high, at_low = y[change], y[change + 1], n[change]
        for _ in range(48):
            if not len(low):
                break
            middle = 0.5 * (low + high)
            same = self.crossings(np.exp(middle)) == at_low
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return 0.5 * (low + high)


def spectrum(case: Case, x: Any, rtol: float = 1e-10) -> np.ndarray:
    """f_s at momenta x [n] (one helicity state), vectorised."""
    x = np.asarray(x, float)
    return np.asarray(_distribution(case, x, Spectrum(case).integral(x, rtol)))


class Relic(NamedTuple):
    """Ω h², ⟨x⟩, estimated relative error of Ω h², ln x of the folds and window edges."""

    relic_density: float
    mean_momentum: float
    error: float
    caustics: np.ndarray


def relic_density(case: Case, rtol: float = 1e-8, x_range: tuple[float, float] = X_RANGE) -> Relic:
    """Ω h² and ⟨x⟩ by adaptive integration over ln x, cut at folds and window edges.

    Beside a cut y_c = ln x_c the variable is ξ = √|y − y_c|, which removes |x − x_c|^(−1/2).
    """
    engine = Spectrum(case)
    caustics = engine.caustics(x_range=x_range) if engine.table is not None else np.zeros(0)
    ends = np.log(x_range)
    pieces: list[tuple[float, float, float, float]] = []  # centre, sign, ξ_low, ξ_high
    marks = [ends[0], *caustics, ends[1]]
    for left, right in zip(marks[:-1], marks[1:], strict=True):
        near_left, near_right = left != ends[0], right != ends[1]
        reach = 0.5 * min(0.5, right - left)
        low, high = left + reach * near_left, right - reach * near_right
        if near_left:
            pieces.append((left, 1.0, 0.0, np.sqrt(reach)))
        if near_right:
            pieces.append((right, -1.0, 0.0, np.sqrt(reach)))
        if high > low:
            edges = np.linspace(low, high, int(np.ceil((high - low) / 0.8)) + 1)
            pieces += [(0.0, 0.0, p, q) for p, q in zip(edges[:-1], edges[1:], strict=True)]
    centre, sign, first, last = np.array(pieces).T

    def integrand(i: np.ndarray, xi: np.ndarray) -> np.ndarray:
        c, s = centre[i][:, None], sign[i][:, None]
        y = np.where(s == 0.0, xi, c + s * xi**2)
        x = np.exp(y)
        f = _distribution(case, x, engine.integral(x.ravel(), 0.02 * rtol).reshape(x.shape))
        weight = x**3 * f * np.where(s == 0.0, 1.0, 2.0 * xi)
        return np.stack([weight, x * weight])

    owner = np.zeros(len(pieces), int)
    sums, errors = adaptive(integrand, owner, first, last, 1, rtol, levels=30)
    number, momentum = sums[:, 0]
    omega = _omega(case.mass, number, case.degrees)
    return Relic(omega, float(momentum / number), float(errors[0, 0] / number), caustics)


# --- 4. Temperature-dependent degrees of freedom ------------------------------------------------

_HIGH_RHO = (
    [1, 1.11724, 3.12672e-1, -4.68049e-2, -2.65004e-2, -1.19760e-3, 1.82812e-4, 1.36436e-4,
     8.55051e-5, 1.22840e-5, 3.82259e-7, -6.87035e-9],
    [1.43382e-2, 1.37559e-2, 2.92108e-3, -5.38533e-4, -1.62496e-4, -2.87906e-5, -3.84278e-6,
     2.78776e-6, 7.40342e-7, 1.17210e-7, 3.72499e-9, -6.74107e-11],
)  # fmt: skip
_HIGH_RATIO = (
    [1, 6.07869e-1, -1.54485e-1, -2.24034e-1, -2.82147e-2, 2.90620e-2, 6.86778e-3, -1.00005e-3,
     -1.69104e-4, 1.06301e-5, 1.69528e-6, -9.33311e-8],
    [7.07388e1, 9.18011e1, 3.31892e1, -1.39779, -1.52558, -1.97857e-2, -1.60146e-1, 8.22615e-5,
     2.02651e-2, -1.82134e-5, 7.83943e-5, 7.13518e-5],
)  # fmt: skip
# mass [GeV], weights of g_ρ and g_s, fermion?
_LOW_STATES = [
    (0.1056, 3.446, 3.468, True), (0.135, 1.05, 1.034, False), (0.140, 2.08, 2.068, False),
    (0.5, 4.165, 4.16, False), (0.77, 30.55, 30.55, False), (1.2, 89.4, 90.0, False),
    (2.0, 8209.0, 6209.0, False),
]  # fmt: skip
_SHAPES = {
    ("rho", True): (1.04855, [1, 1.03757, 0.508630, 0.0893988]),
    ("rho", False): (1.03149, [1, 1.03317, 0.398264, 0.0648056]),
    ("s", True): (1.04190, [1, 1.03400, 0.456426, 0.0595249]),
    ("s", False): (1.03365, [1, 1.03397, 0.342548, 0.0506182]),
}
FIT_JOINT = 120.0  # [MeV] where the two pieces of the fit meet, with a small jump


def saikawa_shirai(T: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(g*, g*s, dln g*s/dlnT) at T [MeV]: 1803.01038 appendix C as printed, piece by piece."""
    T = np.asarray(T, float)
    step = 1e-30
    rho, entropy = _fit(T * 1e-3 * np.exp(1j * step), T >= FIT_JOINT)
    return np.real(rho), np.real(entropy), np.imag(entropy) / np.real(entropy) / step


def _fit(T: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    poly = np.polynomial.polynomial.polyval
    t = np.log(T)
    rho_high = poly(t, _HIGH_RHO[0]) / poly(t, _HIGH_RHO[1])
    s_high = rho_high / (1.0 + poly(t, _HIGH_RATIO[0]) / poly(t, _HIGH_RATIO[1]))

    def shape(kind: str, fermion: bool, mass: float) -> np.ndarray:
        decay, series = _SHAPES[kind, fermion]
        ratio = mass / T
        ratio = np.where(ratio.real > 700.0, 700.0, ratio)
        return np.exp(-decay * ratio) * poly(ratio, series)

    electron = 1.0 + 1.75 * shape("s", True, 511e-6)
    rho = 2.030 + 1.353 * electron ** (4.0 / 3.0) + 3.495 * shape("rho", True, 511e-6)
    entropy = 2.008 + 1.923 * electron + 3.442 * shape("s", True, 511e-6)
    for mass, weight, weight_s, fermion in _LOW_STATES:
        rho = rho + weight * shape("rho", fermion, mass)
        entropy = entropy + weight_s * shape("s", fermion, mass)
    return np.where(high, rho_high, rho), np.where(high, s_high, entropy)


def constant_degrees(value: float = 10.75) -> Callable[[Any], tuple[Any, Any, Any]]:
    """The same triple as `saikawa_shirai` for a plasma of constant g* = g*s."""

    def degrees(T: Any) -> tuple[Any, Any, Any]:
        one = np.ones_like(np.asarray(T, float))
        return value * one, value * one, 0.0 * one

    return degrees


def lepton_weight(mass: float, T: float, convention: str = "density") -> float:
    """r_ℓ of the W-exchange potential: 1 for a massless charged lepton, 0 for a heavy one.

    "density": ρ_ℓ/ρ_massless. "exact": thermal weight (4p²/3 + m²)/E per state (1506.06752
    eq. 3.10) over its massless value.
    """
    z = mass / T
    extra = 0.75 if convention == "exact" else 1.0

    def integrand(p: float) -> float:
        E = np.sqrt(p * p + z * z)
        return p * p * (p * p + extra * z * z) / E / (np.exp(E) + 1.0)

    return (
        integrate.quad(integrand, 0.0, 60.0, epsabs=0.0, epsrel=1e-11)[0] * 120.0 / (7.0 * np.pi**4)
    )


def constant_rate(flavour: str) -> Callable[[Any, Any], Any]:
    """Γ(x, T) = 1.27 (ν_e) or 0.92 (ν_μ, ν_τ) G_F² E T⁴ [MeV]."""
    return lambda x, T: PAPER_RATE[flavour] * FERMI_CONSTANT**2 * x * T**5


def noetzold_raffelt(flavour: str | None, convention: str = "density") -> Callable[[Any, Any], Any]:
    """V(x, T) = −(7√2π²/45) G_F E T⁴ [1/m_Z² + 2r_ℓ(T)/m_W²] [MeV].

    r_ℓ is a cubic spline in ln T through values of `lepton_weight`; 1 for flavour "massless", 0
    (no W part) for None.
    """
    masses = {"e": ELECTRON_MASS, "mu": MUON_MASS, "tau": TAU_MASS}
    constant = {None: 0.0, "massless": 1.0}

    def weight(T: Any) -> Any:
        return constant[flavour]

    if flavour in masses:
        mass = masses[flavour]
        grid = np.linspace(np.log(mass / 60.0), np.log(1e3 * mass), 300)
        table = CubicSpline(grid, [lepton_weight(mass, np.exp(q), convention) for q in grid])

        def weight(T: Any) -> Any:
            return table(np.clip(np.log(T), grid[0], grid[-1]))

    def potential_of(x: Any, T: Any) -> Any:
        factor = 7.0 * np.sqrt(2.0) * np.pi**2 / 45.0 * FERMI_CONSTANT
        return -factor * x * T**5 * (1.0 / Z_MASS**2 + 2.0 * weight(T) / W_MASS**2)

    return potential_of


def paper_potential(x: Any, T: Any) -> Any:
    """V(x, T) = −3.72 G_F E T⁴ (2/m_W² + 1/m_Z²) [MeV]."""
    return -PAPER_POTENTIAL * x * T**5


def gauged_rate(
    mass: float, coupling: float, width: float, leptons: tuple[float, ...]
) -> Callable[[Any, Any], Any]:
    """Γ(x, T) [MeV] of a vector on as many flavours of neutrinos as there are charged `leptons`.

    From the squared matrix elements: ∫dt by Gauss–Legendre, the thermal average over the target's
    mass M as T/(16π²E²) ∫da a σ(a + M²) ln(1 + exp[−(a/4ET + EM²/(Ta))]), a = s − M², on panels
    that close in on the pole s = m². `width` is Γ_V/m.
    """
    nodes, weights = legendre.leggauss(24)
    fraction, share = 0.5 * (nodes + 1.0), 0.5 * weights
    m2, g4 = mass**2, coupling**4

    def panels(low: float, high: float, at: float) -> tuple[np.ndarray, np.ndarray]:
        closer = width * 3.0 ** np.arange(0, 30)
        closer = np.concatenate([-closer, [0.0], closer])
        edges = np.concatenate([np.arange(np.log(low), np.log(high), 0.5), [np.log(high)]])
        close = np.log(at * (1.0 + closer[np.abs(closer) < 0.5])) if at > low else []
        edges = np.unique(np.concatenate([edges, close]))
        edges = edges[(edges >= np.log(low)) & (edges <= np.log(high))]
        step = np.diff(edges)[:, None]
        a = np.exp(edges[:-1, None] + step * fraction)
        return a.ravel(), (step * share * a).ravel()

    def over_t(squared: Callable[[Any], Any], low: np.ndarray, high: np.ndarray) -> Any:
        """∫dt |M|² on panels in ln(m² − t)."""
        top, bottom = np.log(m2 - low), np.log(m2 - high)
        total = 0.0
        for piece in range(6):
            y = bottom + (top - bottom) * (piece + fraction[:, None]) / 6.0
            total = total + (share[:, None] * squared(m2 - np.exp(y)) * np.exp(y)).sum(axis=0)
        return total * (top - bottom) / 6.0

    terms = []  # (a, weight a σ, M)

    def add(a, da, integral, target, factor=1.0):
        terms.append((a, factor * da * integral / (16.0 * np.pi * a), target))

    # Neutrinos: their own flavour, then n − 1 others.
    s, ds = panels(1e-10 * m2, 1e5 * m2, m2)
    pole = s - m2 + 1j * m2 * width
    zero, others = np.zeros_like(s), len(leptons) - 1

    def neutrinos(t):
        same = s**2 * (1 / (t - m2) + 1 / (-s - t - m2)) ** 2 / 2
        both = (s + t) ** 2 * abs(1 / (t - m2) + 1 / pole) ** 2
        other = (s**2 + (s + t) ** 2) / (t - m2) ** 2 + (s + t) ** 2 / abs(pole) ** 2
        return 4 * g4 * (same + both + others * other)

    add(s, ds, over_t(neutrinos, -s, zero), 0.0)
    for M in leptons:
        a, da = panels(1e-10 * m2, 1e5 * m2, m2)
        s_ = a + M**2

        def scattering(t, a=a, s_=s_, M=M):
            return 4 * g4 * (a**2 + (-a - t) ** 2 + 2 * M**2 * t) / (t - m2) ** 2

        # Σ over spins of the target, for ℓ and ℓ̄
        add(a, da, over_t(scattering, -(a**2) / s_, zero), M, 2.0)
        # νν̄ → ℓℓ̄ above threshold, s − 4M² as the variable
        y, dy = panels(1e-10 * m2, 1e5 * m2, m2 - 4 * M**2)
        s_ = y + 4 * M**2
        velocity = np.sqrt(y / s_)
        total = _over_cosine(s_, velocity, M, nodes, weights) * 4 * g4
        total = total / ((s_ - m2) ** 2 + (m2 * width) ** 2)
        add(s_, dy, total, 0.0)

    def rate(x: Any, T: Any) -> Any:
        E = np.asarray(x * T)[..., None]
        result = 0.0
        for a, weight, M in terms:
            exponent = a / (4.0 * E * T) + E * M**2 / (T * a)
            result = result + np.log1p(np.exp(-exponent)) @ weight
        return result * T / (16.0 * np.pi**2 * E[..., 0] ** 2)

    return rate


def _over_cosine(s, velocity, M: float, nodes, weights) -> Any:
    """∫dt [(t−M²)² + (u−M²)² + 2M²s] over the angle of νν̄ → ℓℓ̄, polynomial in it."""
    t_minus = -0.5 * s * (1.0 - velocity * nodes[:, None])  # t − M²
    squared = t_minus**2 + (-s - t_minus) ** 2 + 2.0 * M**2 * s
    return (weights[:, None] * squared).sum(axis=0) * 0.5 * s * velocity


def comoving_relic_density(
    mass: float,
    sin2_2theta: float,
    rate_of: Callable[[Any, Any], Any],
    potential_of: Callable[[Any, Any], Any],
    degrees: Callable[[Any], tuple[Any, Any, Any]] = saikawa_shirai,
    T_initial: float = 1e4,
    T_final: float = 1.0,
    mixing: str = "quasi-static",
    back_reaction: bool = True,
    momenta: int = 64,
    rtol: float = 1e-10,
) -> Relic:
    """Ω h² and ⟨p/T⟩ at T_final for g*(T), by stepping the Boltzmann equation in ln T.

    df/dlnT = −(1 + ⅓ dln g*s/dlnT)(Γ/4H) sin²2θ_eff (f_a − f), without −f if not `back_reaction`.
    Each momentum q = p/T_final redshifts as x(T) = q (g*s(T)/g*s(T_final))^(1/3); the equations of
    all momenta are integrated together by LSODA (diagonal Jacobian), restarted at the joint of the
    g* fit. Meant for smooth coefficients: no resonance is searched for.
    """
    nodes, weights = legendre.leggauss(momenta)
    low, high = np.log(1e-3), np.log(45.0)
    q = np.exp(low + 0.5 * (high - low) * (nodes + 1.0))
    weights = 0.5 * (high - low) * weights * q**3
    entropy_final = degrees(T_final)[1]
    floor = sin2_2theta if mixing == "averaged" else 0.0

    def coefficients(t: float) -> tuple[np.ndarray, np.ndarray]:
        T = np.exp(-t)
        rho, entropy, slope = degrees(T)
        x = q * (entropy / entropy_final) ** (1.0 / 3.0)
        frequency = mass**2 / (2.0 * x * T)
        gamma, U = rate_of(x, T) / frequency, potential_of(x, T) / frequency
        a = np.sqrt(1.0 - sin2_2theta) - U
        mixing_angle = sin2_2theta / (a * a + 0.25 * gamma**2 + floor)
        hubble = 1.66 * np.sqrt(rho) * T**2 / PLANCK_MASS
        speed = (1.0 + slope / 3.0) * gamma * frequency / (4.0 * hubble) * mixing_angle
        # in units of the distribution that the momentum would have if it stayed thermal
        return speed, (np.exp(q) + 1.0) / (np.exp(x) + 1.0)

    def derivative(t: float, f: np.ndarray) -> np.ndarray:
        speed, thermal = coefficients(t)
        return speed * (thermal - (f if back_reaction else 0.0))

    def jacobian(t: float, f: np.ndarray) -> np.ndarray:
        return (-coefficients(t)[0] if back_reaction else 0.0 * f)[None, :]

    f = np.zeros_like(q)
    stops = [T_initial, *([FIT_JOINT] if T_final < FIT_JOINT < T_initial else []), T_final]
    for begin, end in zip(stops[:-1], stops[1:], strict=True):
        edge = 1e-12
        solution = integrate.solve_ivp(
            derivative, (-np.log(begin) + edge, -np.log(end) - edge), f, method="LSODA",
            rtol=rtol, atol=1e-6 * rtol * sin2_2theta, jac=jacobian, lband=0, uband=0, max_step=0.1,
        )  # fmt: skip
        if not solution.success:
            raise ArithmeticError(solution.message)
        f = solution.y[:, -1]
    f = f / (np.exp(q) + 1.0)
    number, momentum = weights @ f, weights @ (q * f)
    omega = _omega(mass, number, float(entropy_final))
    return Relic(omega, float(momentum / number), float("nan"), np.zeros(0))


# --- Random points ------------------------------------------------------------------------------

DOMAIN = {
    "sin2_2theta": (1e-16, 1e-2),
    "mass": (1e-4, 1.0),  # [MeV]
    "mediator_mass": (1e-3, 1e5),  # [MeV]
    "coupling": (1e-12, 4.0 * np.pi),
}


def random_cases(count: int, seed: int = 0, **ranges: tuple[float, float]) -> list[Case]:
    """`count` cases, log-uniform in DOMAIN (or in the ranges given), anywhere in Ω h²."""
    if not set(ranges) <= set(DOMAIN):
        raise ValueError(f"ranges must be among {sorted(DOMAIN)}, but are {sorted(ranges)}")
    rng = np.random.default_rng(seed)
    box = np.log([ranges.get(name, DOMAIN[name]) for name in DOMAIN])
    draws = np.exp(box[:, 0] + (box[:, 1] - box[:, 0]) * rng.random((count, len(DOMAIN))))
    return [
        Case(mass=m4, sin2_2theta=s2, mediator_mass=m, coupling=lam, T_final=min(0.1, m / 60.0))
        for s2, m4, m, lam in draws.tolist()
    ]


def random_points(
    count: int,
    seed: int = 0,
    window: tuple[float, float] = (0.01, 10.0),
    **ranges: tuple[float, float],
) -> list[Case]:
    """`count` random cases of the domain whose Ω h² (without back-reaction) lies in `window`.

    Rejection with a coarse estimate of Ω h² (24 momenta), then with `relic_density` where the
    estimate is near an edge of the window. One in ten candidates passes, at 0.1 s a candidate.
    """
    points: list[Case] = []
    batch = 0
    while len(points) < count:
        for case in random_cases(16, seed=1_000_003 * seed + batch, **ranges):
            estimate = coarse_relic_density(case)
            if 0.7 * window[0] < estimate < 1.4 * window[1]:
                if not 1.4 * window[0] < estimate < 0.7 * window[1]:
                    estimate = relic_density(case, rtol=1e-5).relic_density
                if window[0] < estimate < window[1]:
                    points.append(case)
        batch += 1
    return points[:count]


def coarse_relic_density(case: Case) -> float:
    """Ω h² from 24 fixed momenta: 1e-4 typically, some per cent beside a fold."""
    nodes, weights = legendre.leggauss(24)
    half = 0.5 * np.log(30.0 / 0.02)
    x = 0.02 * np.exp(half * (nodes + 1.0))
    number = half * np.sum(weights * x**3 * spectrum(case, x, 1e-4))
    return _omega(case.mass, number, case.degrees)


def _omega(mass: float, number: float, entropy_degrees: float) -> float:
    """Ω h² = m₄ Y s₀/(ρ_c/h²), Y = 2·(1/2π²)∫x²f dx/(2π²g*s/45) with `number` = ∫x²f dx."""
    comoving = number / np.pi**2 / (2.0 * np.pi**2 / 45.0 * entropy_degrees)
    return float(mass * comoving * ENTROPY_DENSITY_TODAY / CRITICAL_DENSITY_OVER_H2)
