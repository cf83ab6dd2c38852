"""Freeze-out by an adaptive implicit solver in ln Y: the method `FreezeOutODE`."""

from __future__ import annotations

from typing import Any, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from ..plasma import Plasma
from ..production import Status
from ._method import AbstractFreezeOutMethod, Frozen, early_status
from ._riccati import LOWEST, Rates, departure, depletion, log_equilibrium

_BEFORE = 4.0  # starts at x* − 4, where e^4 annihilations fit into the time that Y_eq takes to fall
_NEAR, _SAVED = 12.5, 251  # x is saved so far and so often, to find Y = 2.5 Y_eq to 1e-3
_LAST = 1e8  # of x; ∫λ dln x beyond is 1e-7 of all


@final
class FreezeOutODE(AbstractFreezeOutMethod):
    """dW/dln x = −λ(e^W + η − e^(2 ln Y_eq − W)), W = ln Y, by diffrax from equilibrium on.

    rtol       relative (and absolute) tolerance of ln Y
    max_steps  status `max_steps`, and no number, if they do not suffice
    adjoint    of diffrax; the default serves forward and reverse mode

    Slower than the default method and with its errors made elsewhere: use it as a check. Newton's
    method solves the stages tightly, because derivatives go wrong where they stop half-way.
    """

    rtol: float = eqx.field(static=True, default=1e-8)
    max_steps: int = eqx.field(static=True, default=2048)
    adjoint: Any = eqx.field(default_factory=diffrax.ForwardMode)

    def solve(self, rates: Rates, plasma: Plasma, asymmetry: jax.Array) -> Frozen:
        """As `AbstractFreezeOutMethod.solve`."""
        star = departure(rates, plasma)
        first = jnp.log(jnp.maximum(star - _BEFORE, LOWEST))

        def field(log_x, log_y, _):
            x = jnp.exp(log_x)
            balance = jnp.exp(2.0 * log_equilibrium(rates.dm_mass, plasma, x) - log_y)
            return -depletion(rates, plasma, x) * (jnp.exp(log_y) + asymmetry - balance)

        near = jnp.log(jnp.exp(first) + np.linspace(0.0, _NEAR, _SAVED))
        saved = jnp.append(near, np.log(_LAST))
        equal = jnp.exp(log_equilibrium(rates.dm_mass, plasma, jnp.exp(first)))
        start = jnp.log(equal) - jnp.arcsinh(0.5 * asymmetry / equal)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Kvaerno5(root_finder=optx.Newton(rtol=1e-11, atol=1e-11)),
            t0=first,
            t1=np.log(_LAST),
            dt0=1e-4,
            y0=start,
            saveat=diffrax.SaveAt(ts=saved),
            stepsize_controller=diffrax.PIDController(rtol=self.rtol, atol=self.rtol),
            max_steps=self.max_steps,
            adjoint=self.adjoint,
            throw=False,
        )
        log_y: Any = solution.ys
        done = solution.result == diffrax.RESULTS.successful
        status = jnp.where(done, early_status(star), int(Status.max_steps))
        final = jnp.exp(log_y[-1]) * jnp.where(done, 1.0, jnp.nan)
        log_equal = log_equilibrium(rates.dm_mass, plasma, jnp.exp(saved[:-1]))
        excess = log_y[:-1] - log_equal + jnp.arcsinh(0.5 * asymmetry * jnp.exp(-log_equal))
        x_freeze_out = jnp.exp(jnp.interp(np.log(2.5), excess, saved[:-1]))
        return Frozen(final, x_freeze_out, status)
