"""Resonant production by SciPy: the same equations in ln T, one adaptive Runge–Kutta for all cells.

Rates and potentials are those of nujax; what is independent is all that is done with them. The
Lorentzian is averaged over each cell in closed form at one time, or sampled at its centre.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import nujax as nj
from nujax.constants import FERMI_CONSTANT
from nujax.production._resonant_plasma import response

PHOTONS = 0.24358784098
_STEP = 0.004  # of the tables in ln T


def solve(
    sterile: nj.SterileNeutrino,
    eta: float,
    *,
    potential: str = "energy-density",
    redistribution: str = "charge-neutrality",
    bins: int = 100,
    sampled: bool = False,
    rtol: float = 1e-5,
    T_start: float = 2e3,
) -> dict[str, float]:
    """Ω h², ⟨x⟩, residual η and share of ν̄_s at 10 MeV for η at 10 GeV; made below T_start."""
    plasma, T_final = nj.Plasma.standard(), 10.0
    model = nj.StandardModel(potential=potential)
    mass, s2 = float(sterile.mass), float(sterile.sin2_2theta)
    c = float(sterile.cos_2theta)
    log_edges = np.linspace(np.log(1e-3), np.log(20.0), bins + 1)
    dy = log_edges[1] - log_edges[0]
    edges, q = np.exp(log_edges), np.exp(log_edges[:-1] + 0.5 * dy)

    log_T = np.arange(np.log(T_final) - 2 * _STEP, np.log(T_start) + 2 * _STEP, _STEP)
    T = jnp.exp(jnp.asarray(log_T))
    degrees = np.asarray(plasma.entropy_degrees(jnp.asarray([1e4, T_final])))
    r = plasma.redshift(T, jnp.full_like(T, T_final))
    p = jnp.asarray(q)[None, :] * (r * T)[:, None]
    T_all = jnp.broadcast_to(T[:, None], p.shape)
    rate = np.asarray(model.interaction_rate(p, T_all, sterile.flavour))
    log_width = np.log(rate * np.asarray(p) / mass**2)  # Γ/2Δ
    over_q2 = -model.thermal_potential(r * T, T, sterile.flavour) * 2 * r * T / mass**2
    of_l = response(T, sterile.flavour, redistribution)
    per_ql = 2 * np.sqrt(2) * FERMI_CONSTANT * of_l.potential * (T * r) ** 4 / mass**2
    k = plasma.clock_factor(T) / plasma.hubble_rate(T) * mass**2 / (4 * r * T)
    scalars = np.stack([np.log(over_q2), np.log(per_ql), np.log(k), np.log(r)], axis=1)
    xi_per_l = np.asarray(of_l.chemical * r**3)

    def lorentzian(A, B, width, sign):
        if sampled:
            h = c + A * q**2 - sign * B * q
            return width / (width**2 + h**2)
        h = c + A * edges**2 - sign * B * edges
        left, right = h[:-1], h[1:]
        dh = np.where(np.abs(right - left) < 1e-12, 1e-12, right - left)
        return np.arctan2(width * dh, width**2 + left * right) / dh

    def slope(t, y):  # t = −ln T
        at = (-t - log_T[0]) / _STEP
        i = min(int(at), len(log_T) - 2)
        w = at - i
        A, B, factor, redshift = np.exp((1 - w) * scalars[i] + w * scalars[i + 1])
        width = np.exp((1 - w) * log_width[i] + w * log_width[i + 1])
        l = y[-1]  # noqa: E741
        xi = ((1 - w) * xi_per_l[i] + w * xi_per_l[i + 1]) * l
        x = q * redshift
        df = (
            factor / q * s2 * lorentzian(A, B * l, width, 1) * (1 / (np.exp(x - xi) + 1) - y[:bins])
        )
        df_bar = factor / q * s2 * lorentzian(A, B * l, width, -1)
        df_bar = df_bar * (1 / (np.exp(x + xi) + 1) - y[bins:-1])
        lost = np.dot(q**3 * dy, df - df_bar) / (2 * np.pi**2)
        return np.concatenate([df, df_bar, [-lost]])

    start = eta * PHOTONS * degrees[1] / degrees[0]
    atol = rtol * 1e-3 * np.append(np.ones(2 * bins), start)
    solution = solve_ivp(
        slope, (-np.log(T_start), -np.log(T_final)), np.append(np.zeros(2 * bins), start),
        method="RK23", rtol=rtol, atol=atol, first_step=1e-3,
    )  # fmt: skip
    f, f_bar = solution.y[:bins, -1], solution.y[bins:-1, -1]
    number, number_bar = np.dot(q**3 * dy, f), np.dot(q**3 * dy, f_bar)
    per_entropy = 1 / (2 * np.pi**2) / (2 * np.pi**2 / 45 * degrees[1])
    omega = mass * (number + number_bar) * per_entropy * 2891.2 / 1.05e-2
    return {
        "relic_density": omega,
        "mean_momentum": np.dot(q**4 * dy, f + f_bar) / (number + number_bar),
        "residual": solution.y[-1, -1] / PHOTONS,
        "antineutrino_share": number_bar / (number + number_bar),
        "evaluations": solution.nfev,
    }
