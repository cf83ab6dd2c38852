"""The thermal target: the coupling, or the cross-section, that gives the relic density."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_double_precision, check_non_negative, check_positive
from ..constants import RELIC_DENSITY_TARGET
from ..plasma import Plasma
from ..production import Status
from ._freeze_out import density_of
from ._method import AbstractFreezeOutMethod, RiccatiFreezeOut
from ._riccati import Rates, rates_of
from ._theory import check_mass_order

_TOLERANCE = 1e-10  # of ln ⟨σv⟩
_MOST_STEPS = 30
_LONGEST_STEP = 10.0
# d ln Ω h²/d ln ⟨σv⟩ is near −0.94: the search starts from Ω h² ⟨σv⟩ of this many MeV⁻².
_USUAL = 0.12 * 4.0e-15


class ThermalTarget(NamedTuple):
    """The root of Ω h² = target.

    coupling     G = y_L √Σ|U_ℓ4|²
    sigma_v      ⟨σv⟩ at zero velocity [MeV⁻²]
    y_parameter  Y = G⁴ (m_χ/m_φ)⁴
    status_code  code of `Status`
    """

    coupling: jax.Array
    sigma_v: jax.Array
    y_parameter: jax.Array
    status_code: jax.Array


def thermal_target(
    dm_mass: Any,
    scalar_mass: Any,
    *,
    target: Any = RELIC_DENSITY_TARGET,
    asymmetry: Any = 0.0,
    plasma: Plasma | None = None,
    method: AbstractFreezeOutMethod | None = None,
) -> ThermalTarget:
    r"""The coupling with Ω h² = target for masses [MeV], scalars; batches by `jax.vmap`.

    Ω h² falls with the coupling, so that there is one root. Newton's method finds it, and its
    derivatives are those of the implicit function, with respect to every number of the arguments:
        d ln G = [d ln target − (∂ ln Ω h²/∂p) dp]/(∂ ln Ω h²/∂ ln G).
    The status is that of the freeze-out at the root; NaN with `max_steps` where there is no root,
    as when the asymmetry alone exceeds the target.

    Raises `ValueError` for arguments that are not positive (the asymmetry: negative), m_χ ≥ m_φ,
    and in single precision.
    """
    check_double_precision("A root")
    check_positive("dm_mass", dm_mass)
    check_positive("scalar_mass", scalar_mass)
    check_mass_order(dm_mass, scalar_mass)
    check_positive("target", target)
    check_non_negative("asymmetry", asymmetry)
    plasma = Plasma.standard() if plasma is None else plasma
    method = RiccatiFreezeOut() if method is None else method
    numbers = [jnp.asarray(value, float) for value in (dm_mass, scalar_mass, target, asymmetry)]
    return _target(method, plasma, *numbers)


def thermal_cross_section(
    dm_mass: Any,
    *,
    target: Any = RELIC_DENSITY_TARGET,
    self_conjugate: bool = True,
    plasma: Plasma | None = None,
    method: AbstractFreezeOutMethod | None = None,
) -> jax.Array:
    """The constant ⟨σv⟩ [MeV⁻²] with Ω h² = target at a mass [MeV]; NaN where there is none.

    self_conjugate  Majorana (default) or Dirac, as in `relic_density_of_cross_section`

    Differentiable as `thermal_target`; the same errors.
    """
    check_double_precision("A root")
    check_positive("dm_mass", dm_mass)
    check_positive("target", target)
    plasma = Plasma.standard() if plasma is None else plasma
    method = RiccatiFreezeOut() if method is None else method
    thermal = jnp.array([1.0, 0.0, 0.0])
    rates = Rates(jnp.asarray(dm_mass, float), jnp.ones(()), thermal)
    wanted = jnp.asarray(target, float) * (2.0 if self_conjugate else 1.0)
    sigma_v, status = _cross_section(method, plasma, rates, wanted, jnp.zeros(()))
    return sigma_v * jnp.where(status == int(Status.ok), 1.0, jnp.nan)


@eqx.filter_jit
def _target(method, plasma, dm_mass, scalar_mass, target, asymmetry) -> ThermalTarget:
    rates = rates_of(jnp.ones(()), dm_mass, scalar_mass)
    unit = rates.s_wave
    sigma_v, status = _cross_section(method, plasma, rates, target, asymmetry)
    strength = sigma_v / unit  # G⁴
    y_parameter = strength * (dm_mass / scalar_mass) ** 4
    return ThermalTarget(strength**0.25, sigma_v, y_parameter, status)


@eqx.filter_jit
def _cross_section(method, plasma, rates, target, asymmetry):
    """⟨σv⟩ with Ω h² = target, in the place of `rates.s_wave`, and the code of `Status`."""

    def miss(log_sigma, plasma, rates, target, asymmetry):
        rates = rates._replace(s_wave=jnp.exp(log_sigma))
        frozen = method.solve(rates, plasma, asymmetry)
        symmetric = target - density_of(asymmetry, rates.dm_mass, plasma)
        # Of the symmetric part, which can become any positive number: concave in ln ⟨σv⟩, so that
        # Newton's method arrives from everywhere.
        have = jnp.log(density_of(2.0 * frozen.final, rates.dm_mass, plasma))
        possible = symmetric > 0.0
        want = jnp.log(jnp.where(possible, symmetric, 1.0))
        return have - want, (frozen.status_code, possible)

    arguments = (plasma, rates, target, asymmetry)
    fixed = jax.lax.stop_gradient(arguments)

    def unfinished(state):
        count, _, _, move = state
        return (count < _MOST_STEPS) & (jnp.abs(move) > _TOLERANCE)

    def newton(state):
        # One copy of the freeze-out here and one below: a library's root finder compiles five.
        count, log_sigma, _, _ = state
        (left, _), (slope, _) = jax.jvp(
            lambda at: miss(at, *fixed), (log_sigma,), (jnp.ones_like(log_sigma),)
        )
        move = jnp.clip(-left / slope, -_LONGEST_STEP, _LONGEST_STEP)
        return count + 1, log_sigma + move, slope, move

    start = np.log(_USUAL) - jnp.log(fixed[2]) + 0.0 * fixed[1].dm_mass
    one = jnp.ones_like(start)
    _, root, slope, _ = jax.lax.while_loop(unfinished, newton, (0, start, one, one))
    root, slope = jax.lax.stop_gradient((root, slope))
    left, (status, possible) = miss(root, *arguments)
    arrived = (jnp.abs(left) < 1e-7) & possible
    # The last Newton step, with the arguments alive, has the derivatives of the implicit function.
    # A factor, not a choice: a wrong root must not have the derivative zero either.
    sigma_v = jnp.exp(root - left / slope) * jnp.where(arrived, 1.0, jnp.nan)
    status = jnp.where(arrived, status, int(Status.max_steps))
    return sigma_v, jax.lax.stop_gradient(status)
