r"""A spectrum as a non-cold species of CLASS: the file of its phase space, and an ini file.

CLASS (1104.2935) takes f₀(q), q = p/T_ncdm, with number density n = deg · 4π T³ ∫q² f₀ dq, so that
f₀ = (f_ν + f_ν̄)/(2π)³ = 2f/(2π)³, T_ncdm = T_s/T_γ = (g*s,0/g*s(T_final))^(1/3) and m_ncdm in eV.
CLASS multiplies f₀ until the density is `omega_ncdm`; here it must not need to: `deg_ncdm` holds
the one factor that is left, CLASS's ρ_c/h² = 1.05367e-5 GeV/cm³ over that of the result
(1.0035 with the default 1.05e-5). Both give the Ω h² of the result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from .._checks import check_positive
from .._files import write_whole
from ..constants import (
    BOLTZMANN_CONSTANT,
    CMB_TEMPERATURE_TODAY,
    CRITICAL_DENSITY_OVER_H2_PDG2022,
    HBAR_C,
    RELIC_DENSITY_TARGET,
)
from ..limits._structure import temperature_today
from ..production import ProductionResult, Status
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ..units import eV

# Planck 2018 (1807.06209), TT,TE,EE+lowE+lensing; massless neutrinos.
PLANCK_2018 = {"h": 0.6736, "omega_b": 0.02237, "A_s": 2.1e-9, "n_s": 0.9649, "tau_reio": 0.0544,
               "N_ur": 3.044, "T_cmb": CMB_TEMPERATURE_TODAY}  # fmt: skip
MOST_POINTS = 250  # of CLASS's own quadrature; more in the file only slow it down
_FINE = 16  # momenta in each cell of the file
_TAIL = 1e-7  # of the number density may lie beyond either end
# Of CLASS's momentum integrals: its own 1e-3 shifts P(k) of regimes B and C by 0.5 % at small k,
# this by less than 0.1 %, for half as much time again.
_TOLERANCE = 3e-4
_OVER = 1.02  # times the density of dark matter, and no more


class ClassFiles(NamedTuple):
    """What `write_class` wrote.

    psd         two columns q, f₀(q), increasing q, no header
    ini         for `class ini`; it names the first by its full path
    parameters  the same settings, for `classy`
    """

    psd: Path
    ini: Path
    parameters: dict[str, Any]


def class_spectrum(result: ProductionResult, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """q and f₀(q) = 2f/(2π)³ [points] of a single, concrete result.

    Evenly spaced in ln q where all but 2e-7 of the sterile neutrinos are; each value is the mean
    of f over its cell, weighted by q², so that the edges of resonances are kept as areas; scaled
    (by less than 1e-3) so that the cubic spline through the points has the number density of the
    result.

    Raises `ValueError` for a batch, a status that is not ok, or `points` outside 50 … 250.
    """
    _check(result)
    if not 50 <= points <= MOST_POINTS:
        raise ValueError(
            f"Argument `points` must be from 50 to {MOST_POINTS}, the most that CLASS integrates "
            f"with, but is {points}."
        )
    x, f = np.asarray(result.x, float), np.asarray(result.f, float)
    step = np.log(x[1] / x[0])
    made = np.cumsum(x**3 * f)
    number = step * made[-1]
    low = x[np.searchsorted(made, _TAIL * made[-1])]
    high = x[min(np.searchsorted(made, (1.0 - _TAIL) * made[-1]), len(x) - 1)]
    width = np.log(high / low) / (points - 1)
    q = np.geomspace(low, high, points)
    inside = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    cells = q[:, None] * np.exp(width * inside)[None, :]
    # The mean of f/f_FD: the exponential itself needs no averaging.
    share = np.asarray(result.distribution(cells)) / np.asarray(fermi_dirac(cells))
    weight = cells**3 * np.asarray(fermi_dirac(cells))
    mean = np.sum(share * weight, axis=1) / np.sum(weight, axis=1)
    values = np.maximum(mean, 0.0) * np.asarray(fermi_dirac(q))
    fine = np.geomspace(q[0], q[-1], _FINE * points + 1)
    splined = CubicSpline(q, values)(fine)
    rows = fine**3 * splined
    total = np.log(fine[1] / fine[0]) * (np.sum(rows) - 0.5 * (rows[0] + rows[-1]))
    total += values[0] * q[0] ** 3 / 3.0
    return q, values * (number / total) * 2.0 / (2.0 * np.pi) ** 3


def class_parameters(
    sterile: SterileNeutrino,
    result: ProductionResult,
    *,
    density: float | None = None,
    total: float = RELIC_DENSITY_TARGET,
    cosmology: dict[str, Any] | None = None,
    k_max: float = 100.0,
) -> dict[str, Any]:
    """Settings of CLASS but for the name of the spectrum's file; see `write_class`."""
    _check(result)
    check_positive("total", total)
    check_positive("k_max", k_max)
    own = float(result.relic_density)
    if density is not None:
        check_positive("density", density)
    density = own if density is None else float(density)
    if density > _OVER * total:
        raise ValueError(
            f"Argument `result` must not exceed all dark matter, {total:g}, but has Ω h² = "
            f"{density:.4g}: CLASS would take the rest from dark energy. Solve for Ω h² = {total:g}"
            " first, or give `density` for a spectrum of this shape."
        )
    temperature = float(temperature_today(result))
    # n today [cm⁻³] of both helicities, and the degeneracy that makes of it the density.
    step = float(np.log(result.x[1] / result.x[0]))
    number = step * float(np.sum(np.asarray(result.x) ** 3 * np.asarray(result.f))) / np.pi**2
    kelvin = CMB_TEMPERATURE_TODAY * BOLTZMANN_CONSTANT / HBAR_C
    mass = float(sterile.mass)
    made = mass * number * (temperature * kelvin) ** 3 / CRITICAL_DENSITY_OVER_H2_PDG2022
    return (PLANCK_2018 if cosmology is None else PLANCK_2018 | cosmology) | {
        "omega_cdm": max(total - density, 0.0),
        "N_ncdm": 1,
        "use_ncdm_psd_files": 1,
        "m_ncdm": mass / eV,
        "T_ncdm": temperature,
        "deg_ncdm": density / made,
        "omega_ncdm": density,
        "ncdm_fluid_approximation": 3,
        "tol_ncdm_synchronous": _TOLERANCE,
        "output": "mPk",
        "P_k_max_h/Mpc": k_max,
    }


def write_class(
    sterile: SterileNeutrino,
    result: ProductionResult,
    directory: str | Path,
    *,
    density: float | None = None,
    total: float = RELIC_DENSITY_TARGET,
    cosmology: dict[str, Any] | None = None,
    k_max: float = 100.0,
    points: int = 200,
    name: str = "nujax",
) -> ClassFiles:
    """Write name_psd.dat and name.ini into a folder (made if missing): `class name.ini` runs.

    sterile, result  of `solve_production`, one concrete point
    density          Ω h² that this spectrum has in CLASS, default that of the result; the shape
                     and the temperature stay
    total            Ω h² of all dark matter: the rest is cold
    cosmology        settings that replace those of Planck 2018, as CLASS names them
    k_max            [h/Mpc] of the power spectrum
    points           of the spectrum, at most 250

    Raises `ValueError` for more dark matter than `total` (by 2 %), for a batch, or for a result
    whose status is not ok.
    """
    folder = Path(directory).resolve()
    parameters = class_parameters(
        sterile, result, density=density, total=total, cosmology=cosmology, k_max=k_max
    )
    q, f0 = class_spectrum(result, points)
    folder.mkdir(parents=True, exist_ok=True)
    psd, ini = folder / f"{name}_psd.dat", folder / f"{name}.ini"
    parameters["ncdm_psd_filenames"] = str(psd)
    rows = (f"{a:.10e} {b:.10e}\n" for a, b in zip(q, f0, strict=True))
    write_whole(psd, "".join(rows))
    write_whole(ini, _ini_text(parameters))
    return ClassFiles(psd, ini, parameters)


def _ini_text(parameters: dict[str, Any]) -> str:
    from .. import __version__

    lines = [
        f"# Sterile-neutrino dark matter, written by nujax {__version__}",
        "# spectrum: q = p/T_ncdm and f0(q) of both helicities, per (2 pi)^3",
        "# m_ncdm in eV, T_ncdm in units of the photon temperature today",
        "# deg_ncdm makes the density of the spectrum that of omega_ncdm: nothing is rescaled",
        "",
    ]
    lines += [f"{key} = {value}" for key, value in parameters.items()]
    return "\n".join(lines) + "\n"


def _check(result: Any) -> None:
    if not isinstance(result, ProductionResult):
        raise TypeError(
            f"Argument `result` must be of type ProductionResult, but is {type(result).__name__}."
        )
    if np.ndim(result.relic_density):
        raise ValueError("Argument `result` must be a single point, but is a batch.")
    if result.status != Status.ok:
        name = Status(int(result.status_code)).name
        raise ValueError(f"Argument `result` must have the status ok, but has {name}.")
