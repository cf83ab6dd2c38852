r"""The linear matter power spectrum by `classy` (extra `class`): transfer function and half-mode.

T(k) = √(P/P_cold) against cold dark matter of the same density. The half-mode is where T = ½, and
the thermal relic with the same half-mode has the mass that bounds of structure are quoted for:
α = 0.049 (m/keV)^(−1.11) (Ω/0.25)^0.11 (h/0.7)^1.22 Mpc/h, T = [1 + (αk)^2.24]^(−4.46), a fit to
Boltzmann codes for k < 5 h/Mpc (astro-ph/0501562 eqs. 6, 7), within 5 % beyond.
"""

from __future__ import annotations

import tempfile
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..constants import RELIC_DENSITY_TARGET
from ..production import ProductionResult
from ..sterile import SterileNeutrino
from .class_ import PLANCK_2018, write_class

_NU = 1.12
_SPECTRUM = ("N_ncdm", "use_ncdm_psd_files", "ncdm_psd_filenames", "m_ncdm", "T_ncdm", "deg_ncdm",
             "omega_ncdm", "ncdm_fluid_approximation", "tol_ncdm_synchronous")  # fmt: skip
_FEWEST = 1e-3  # [h/Mpc]


class MatterPower(NamedTuple):
    """Linear power spectra today [n] against k [h/Mpc], in (Mpc/h)³.

    cold is cold dark matter alone, warm has the spectrum; `density` is its Ω h², `hubble` h and
    `omega_ncdm` the density that CLASS reports.
    """

    k: np.ndarray
    cold: np.ndarray
    warm: np.ndarray
    density: float
    hubble: float
    omega_ncdm: float

    @property
    def transfer(self) -> np.ndarray:
        """T(k) = √(P/P_cold)."""
        return np.sqrt(self.warm / self.cold)

    @property
    def half_mode(self) -> float:
        """k [h/Mpc] with T = ½. Raises `ValueError` if it lies beyond the last k."""
        return half_mode(self.k, self.transfer)

    @property
    def relic_mass(self) -> float:
        """Mass [keV] of the thermal relic with the same half-mode."""
        return relic_mass_of_half_mode(self.half_mode, self.density, self.hubble)


def matter_power(
    sterile: SterileNeutrino,
    result: ProductionResult,
    *,
    density: float | None = None,
    total: float = RELIC_DENSITY_TARGET,
    cosmology: dict[str, Any] | None = None,
    k_max: float = 60.0,
    points: int = 200,
) -> MatterPower:
    """Run CLASS with the spectrum and, once, with cold dark matter alone. Some 10 s.

    Arguments and errors: as `write_class`; nothing is left on disk.
    Raises `ImportError` with the line to paste if `classy` is missing.
    """
    _classy()
    with tempfile.TemporaryDirectory() as folder:
        files = write_class(sterile, result, folder, density=density, total=total,
                            cosmology=cosmology, k_max=k_max, points=points)  # fmt: skip
        settings = files.parameters
        cold = {key: value for key, value in settings.items() if key not in _SPECTRUM}
        cold["omega_cdm"] = settings["omega_cdm"] + settings["omega_ncdm"]
        k, warm, density_there = _power(tuple(sorted(settings.items())))
    _, reference, _ = _cold_power(tuple(sorted(cold.items())))
    h = settings["h"]
    return MatterPower(k, reference, warm, settings["omega_ncdm"], h, density_there)


def half_mode(k: Any, transfer: Any) -> float:
    """k where T falls to ½, from a table with increasing k; linear in ln k between its points.

    Raises `ValueError` if T never does.
    """
    k, transfer = np.asarray(k, float), np.asarray(transfer, float)
    below = np.flatnonzero(transfer < 0.5)
    if not len(below) or below[0] == 0:
        raise ValueError(
            f"The transfer function does not fall to ½ between k = {k[0]:.3g} and {k[-1]:.3g} "
            "h/Mpc: give a larger `k_max`."
        )
    i = below[0]
    part = (transfer[i - 1] - 0.5) / (transfer[i - 1] - transfer[i])
    return float(np.exp(np.log(k[i - 1]) + part * np.log(k[i] / k[i - 1])))


def relic_half_mode(
    mass: float, density: float = RELIC_DENSITY_TARGET, hubble: float = PLANCK_2018["h"]
) -> float:
    """k_hm [h/Mpc] of a thermal relic, mass [keV]: (2^(ν/5) − 1)^(1/2ν)/α, ν = 1.12."""
    return float((2.0 ** (_NU / 5.0) - 1.0) ** (0.5 / _NU) / _alpha(mass, density, hubble))


def relic_mass_of_half_mode(
    k: float, density: float = RELIC_DENSITY_TARGET, hubble: float = PLANCK_2018["h"]
) -> float:
    """Mass [keV] of the thermal relic with the half-mode k [h/Mpc]."""
    return float((k / relic_half_mode(1.0, density, hubble)) ** (1.0 / 1.11))


def half_mode_mass(relic_mass: float) -> float:
    """M_hm [solar masses] = 3.04e8 (m/3.3 keV)^(−3.33) of a thermal relic (2205.09777)."""
    return 3.04e8 * (relic_mass / 3.3) ** -3.33


def _alpha(mass: float, density: float, hubble: float) -> float:
    """[Mpc/h]."""
    omega = density / hubble**2
    return 0.049 * mass**-1.11 * (omega / 0.25) ** 0.11 * (hubble / 0.7) ** 1.22


@cache
def _cold_power(settings: tuple[tuple[str, Any], ...]) -> tuple[np.ndarray, np.ndarray, float]:
    return _power(settings)


def _power(settings: tuple[tuple[str, Any], ...]) -> tuple[np.ndarray, np.ndarray, float]:
    """k [h/Mpc], P [(Mpc/h)³] and ω_ncdm of one run."""
    given = dict(settings)
    h = given["h"]
    cosmos = _classy()()
    try:
        cosmos.set(given)
        cosmos.compute()
        k = np.geomspace(_FEWEST, 0.999 * given["P_k_max_h/Mpc"], 400)
        power = np.array([cosmos.pk(each * h, 0.0) for each in k]) * h**3
        density = cosmos.Omega_nu * h**2 if "N_ncdm" in given else 0.0
    finally:
        cosmos.struct_cleanup()
        cosmos.empty()
    return k, power, float(density)


def _classy() -> Any:
    try:
        from classy import Class  # type: ignore[import-not-found]
    except ImportError:
        raise ImportError(
            "The power spectrum needs CLASS: pip install 'nujax[class]' (or pip install classy)."
        ) from None
    return Class
