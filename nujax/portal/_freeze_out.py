"""The entry function of freeze-out, what it returns, and the relic density alone."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._checks import check_double_precision, check_non_negative, check_positive
from ..constants import HBAR_C
from ..plasma import Plasma
from ..production import Status
from ._chunks import in_chunks
from ._cross_section import evaluate_thermal, s_wave, thermal_coefficients
from ._method import AbstractFreezeOutMethod, RiccatiFreezeOut
from ._riccati import Rates, rates_of
from ._theory import NeutrinoPortal

SPEED_OF_LIGHT = 2.99792458e10  # [cm/s]; exact
# ⟨σv⟩ [cm³/s] of ⟨σv⟩ [MeV⁻²].
CM3_PER_S = HBAR_C**2 * SPEED_OF_LIGHT
# Below this m_χ freeze-out comes after neutrinos leave the electrons at about 2.3 MeV.
_COUPLED_MASS = 45.0


class FreezeOutResult(eqx.Module):
    """Relic density and freeze-out of one point (or of a batch, under `vmap`).

    relic_density   Ω h² of χ and χ̄ together
    comoving_yield  (n_χ + n_χ̄)/s today
    antiparticles   Y_χ̄ = n_χ̄/s today: half of the yield without asymmetry
    x_freeze_out    m_χ/T where the (rarer) yield is 2.5 times its equilibrium; with a large
                    asymmetry that may last longer, and this is then m_χ/T at the end of the mesh
    sigma_v         ⟨σv⟩ at zero velocity [MeV⁻²], that of halos today; `sigma_v_cm3_s` in cm³/s
    sigma_v_freeze_out  ⟨σv⟩ at x_freeze_out [MeV⁻²]
    status_code     integer of `status`
    """

    relic_density: jax.Array
    comoving_yield: jax.Array
    antiparticles: jax.Array
    x_freeze_out: jax.Array
    sigma_v: jax.Array
    sigma_v_freeze_out: jax.Array
    status_code: jax.Array
    theory: NeutrinoPortal

    @property
    def sigma_v_cm3_s(self) -> jax.Array:
        """⟨σv⟩ at zero velocity [cm³/s]."""
        return self.sigma_v * CM3_PER_S

    @property
    def status(self) -> Status | np.ndarray | jax.Array:
        """`Status` of a single point; an array of its integers for a batch or under jit."""
        if isinstance(self.status_code, jax.core.Tracer):
            return self.status_code
        codes = np.asarray(self.status_code)
        return Status(int(codes)) if codes.ndim == 0 else codes

    def warnings(self) -> list[str]:
        """Plain sentences about the physics of a single, concrete point; empty if none."""
        theory, messages = self.theory, []
        if float(theory.dm_mass) < _COUPLED_MASS:
            messages.append(
                "Freeze-out is not before neutrinos decouple from electrons at about 2.3 MeV; "
                "T_ν = T is an approximation for a dark matter mass below 45 MeV."
            )
        if float(theory.y_L) > 4.0 * np.pi:
            messages.append(f"y_L = {float(theory.y_L):.4g} is above 4π: not perturbative.")
        if 2.0 * float(theory.dm_mass) > float(theory.heavy_neutrino_mass):
            messages.append(
                "Annihilation into the heavy neutrino is possible (m₄ < 2m_χ) and not counted."
            )
        return messages

    def __str__(self) -> str:
        if isinstance(self.relic_density, jax.core.Tracer) or jnp.ndim(self.relic_density):
            return f"FreezeOutResult(batch of shape {jnp.shape(self.relic_density)})"
        return (
            f"Ω h² = {float(self.relic_density):.6g}   x_f = {float(self.x_freeze_out):.4g}   "
            f"⟨σv⟩ = {float(self.sigma_v_cm3_s):.4g} cm³/s   status: {self.status.name}"  # type: ignore[union-attr]
        )


def solve_freeze_out(
    theory: NeutrinoPortal,
    *,
    asymmetry: Any = 0.0,
    plasma: Plasma | None = None,
    method: AbstractFreezeOutMethod | None = None,
) -> FreezeOutResult:
    r"""Thermal relic density of χ through χχ̄ → νν̄.

    ṅ_χ + 3Hn_χ = −⟨σv⟩(n_χ n_χ̄ − n_eq²), exact Gondolo–Gelmini average with Maxwell–Boltzmann
    statistics, g = 2 for each of χ and χ̄, T_ν = T, H = √(4π³g*/45) T²/M_Pl.

    theory     the portal
    asymmetry  η_χ = |n_χ − n_χ̄|/s, conserved; 0 is symmetric. Ω h² = m_χ η s₀/(ρ_c/h²) at least
    plasma     default `Plasma.standard()`
    method     `RiccatiFreezeOut()` (default) or `FreezeOutODE()`

    A pure JAX function of the numbers of all arguments. The status is `no_freeze_out`, and the
    numbers those of equilibrium at T = m_χ, where annihilation is too slow to keep χ in equilibrium
    until it is non-relativistic (x* < 3, about x_f < 4.5).

    Error of Ω h² 1e-5, besides the inputs. Where freeze-out meets the joint of the published g*s at
    120 MeV (m_χ about 2 to 4 GeV), the smooth splines of `Plasma` differ from the printed forms by
    up to 3e-5 of Ω h²; the sources of g*(T) differ by some per cent there.

    Against 1709.07001: it takes 1 pb for the target of ⟨σv⟩ and prints 1 pb in its eq. 7 where that
    equation gives 0.62 pb.

    Raises `TypeError` for arguments of a wrong kind, `ValueError` for a negative asymmetry and in
    single precision.
    """
    check_double_precision("Freeze-out")
    plasma = Plasma.standard() if plasma is None else plasma
    method = RiccatiFreezeOut() if method is None else method
    for name, value, kind in (
        ("theory", theory, NeutrinoPortal),
        ("plasma", plasma, Plasma),
        ("method", method, AbstractFreezeOutMethod),
    ):
        if not isinstance(value, kind):
            raise TypeError(
                f"Argument `{name}` must be of type {kind.__name__}, but is {type(value).__name__}."
            )
    check_non_negative("asymmetry", asymmetry)
    return _solve(method, theory, plasma, jnp.asarray(asymmetry, float))


def thermal_relic_density(
    theory: NeutrinoPortal,
    *,
    asymmetry: Any = 0.0,
    plasma: Plasma | None = None,
    method: AbstractFreezeOutMethod | None = None,
) -> jax.Array:
    """Ω h² of χ and χ̄, the scalar for `jax.grad`, `jit` and `vmap`; NaN where the status is not ok.

    Arguments and errors as `solve_freeze_out`.
    """
    result = solve_freeze_out(theory, asymmetry=asymmetry, plasma=plasma, method=method)
    return result.relic_density * jnp.where(result.status_code == int(Status.ok), 1.0, jnp.nan)


def thermal_average(theory: NeutrinoPortal, x: Any) -> jax.Array:
    """⟨σv⟩ [MeV⁻²] at x = m_χ/T ≥ 1, any shape; the Møller velocity, Maxwell–Boltzmann statistics.

    Relative error 5e-8 or less for all x ≥ 1. Raises `ValueError` for x that is not positive.
    """
    check_positive("x", x)
    ratio2 = (theory.dm_mass / theory.scalar_mass) ** 2
    average = evaluate_thermal(thermal_coefficients(ratio2), jnp.asarray(x, float))
    return s_wave(theory.coupling, theory.dm_mass, theory.scalar_mass) * average


def relic_density_of_cross_section(
    dm_mass: Any,
    sigma_v: Any,
    *,
    self_conjugate: bool = False,
    plasma: Plasma | None = None,
    method: AbstractFreezeOutMethod | None = None,
) -> jax.Array:
    """Ω h² of any spin-½ particle of mass [MeV] with a constant ⟨σv⟩ [MeV⁻²], scalars.

    self_conjugate  Majorana (ṅ + 3Hn = −⟨σv⟩(n² − n_eq²), one species) instead of Dirac (χ and χ̄)

    The textbook case, for comparison. NaN where the status is not ok. Raises `ValueError` for
    numbers that are not positive and in single precision.
    """
    check_double_precision("Freeze-out")
    check_positive("dm_mass", dm_mass)
    check_positive("sigma_v", sigma_v)
    plasma = Plasma.standard() if plasma is None else plasma
    method = RiccatiFreezeOut() if method is None else method
    numbers = jnp.asarray(dm_mass, float), jnp.asarray(sigma_v, float)
    return (1.0 if self_conjugate else 2.0) * _of_one_species(method, plasma, *numbers)


@eqx.filter_jit
def _of_one_species(method, plasma, dm_mass, sigma_v):
    rates = Rates(dm_mass, sigma_v, jnp.array([1.0, 0.0, 0.0]))
    frozen = method.solve(rates, plasma, jnp.zeros(()))
    density = density_of(frozen.final, dm_mass, plasma)
    return density * jnp.where(frozen.status_code == int(Status.ok), 1.0, jnp.nan)


def density_of(comoving_yield: Any, dm_mass: Any, plasma: Plasma) -> jax.Array:
    """Ω h² = m Y s₀/(ρ_c/h²); mass in MeV."""
    per_mass = plasma.entropy_density_today / plasma.critical_density_over_h2
    return comoving_yield * dm_mass * per_mass


@eqx.filter_jit
def _solve(method, theory, plasma, asymmetry):
    return solve_point(method, theory, plasma, asymmetry)


def solve_point(
    method: AbstractFreezeOutMethod, theory: NeutrinoPortal, plasma: Plasma, asymmetry: jax.Array
) -> FreezeOutResult:
    """The pure function behind `solve_freeze_out`."""
    numbers, rest = eqx.partition((plasma, method), eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(numbers)

    def solve(coupling, dm_mass, scalar_mass, asymmetry, *leaves):
        plasma, method = eqx.combine(jax.tree.unflatten(structure, leaves), rest)
        rates = rates_of(coupling, dm_mass, scalar_mass)
        frozen = method.solve(rates, plasma, asymmetry)
        x = jnp.maximum(frozen.x_freeze_out, 1.0)
        return rates.s_wave, evaluate_thermal(rates.thermal, x), frozen

    unit, average, frozen = in_chunks(solve)(
        theory.coupling, theory.dm_mass, theory.scalar_mass, asymmetry, *leaves
    )
    comoving_yield = 2.0 * frozen.final + asymmetry
    good = theory.valid() & (asymmetry >= 0.0)
    density = density_of(comoving_yield, theory.dm_mass, plasma) * jnp.where(good, 1.0, jnp.nan)
    numbers = (density, frozen.x_freeze_out)
    finite = jnp.isfinite(numbers[0]) & jnp.isfinite(numbers[1])
    status = jnp.where(finite, frozen.status_code, _worst(frozen.status_code))
    return FreezeOutResult(
        relic_density=density,
        comoving_yield=comoving_yield,
        antiparticles=frozen.final,
        x_freeze_out=frozen.x_freeze_out,
        sigma_v=unit,
        sigma_v_freeze_out=unit * average,
        status_code=jax.lax.stop_gradient(status),
        theory=theory,
    )


def _worst(code: jax.Array) -> jax.Array:
    """`non_finite`, unless a solver that stopped early is the reason."""
    return jnp.where(code == int(Status.max_steps), code, int(Status.non_finite))
