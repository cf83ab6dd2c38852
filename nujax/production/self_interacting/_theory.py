"""The scalar φ that sterile neutrinos exchange: mass, coupling and widths."""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._checks import _concrete, check_in_range, check_positive
from ...sterile import SterileNeutrino


@final
class SterileScalar(eqx.Module):
    r"""A scalar with L = (y/2) φ ν_sν_s + h.c., for `SelfInteracting`.

    Fields (traced, so `jax.grad`, `jax.jit` and batching work):
      mass      m [MeV], above 2m_s where φ is to be on shell
      coupling  y, real, in (0, 4π)
      real      True (default): a real field, one state; False: complex with lepton number 2, two
                states (static)

    Widths of physics: 2206.10630 eq. 3 for the real field.

    Raises `ValueError` for a mass that is not positive and a coupling outside (0, 4π).
    """

    mass: jax.Array
    coupling: jax.Array
    real: bool = eqx.field(static=True)

    def __init__(self, mass: Any, coupling: Any, real: bool = True):
        check_positive("mass", mass)
        check_in_range("coupling", coupling, 0.0, 4.0 * np.pi)
        self.mass = jnp.asarray(mass, jnp.result_type(float, mass))
        self.coupling = jnp.asarray(coupling, jnp.result_type(float, coupling))
        self.real = bool(real)

    @property
    def largest_coupling(self) -> float:
        """4π, where perturbation theory ends."""
        return 4.0 * np.pi

    @property
    def states(self) -> float:
        """Of the field: 1 or 2."""
        return 1.0 if self.real else 2.0

    def width(self, sterile_mass: Any) -> jax.Array:
        """Γ(φ → ν_sν_s) [MeV]; `sterile_mass` m_s [MeV], zero where 2m_s ≥ m; elementwise.

        Real: y²mβ³/16π; complex: y²m(1 − 2r)β/32π; r = m_s²/m², β = √(1 − 4r).
        """
        r = jnp.minimum((jnp.asarray(sterile_mass) / self.mass) ** 2, 0.25)
        open_ = r < 0.25
        beta = jnp.where(open_, jnp.sqrt(jnp.where(open_, 1.0 - 4.0 * r, 1.0)), 0.0)
        if self.real:
            return self.coupling**2 * self.mass * beta**3 / (16.0 * np.pi)
        return self.coupling**2 * self.mass * (1.0 - 2.0 * r) * beta / (32.0 * np.pi)

    def width_to_active(self, sterile: SterileNeutrino) -> jax.Array:
        """Γ(φ → ν_sν_a) [MeV] through mixing, sin²θ = s²/4, m > m_s; elementwise.

        Σ|M|² = 2y²(s²/4)(m² − m_s²) for the real field (ν_a and ν̄_a), half of it for each of φ and
        φ* of the complex one.
        """
        r = (sterile.mass / self.mass) ** 2
        strength = self.coupling**2 * sterile.sin2_2theta / 4.0 * self.mass * (1.0 - r) ** 2
        return strength / (8.0 * np.pi) / self.states


def check_on_shell(sterile: SterileNeutrino, scalar: SterileScalar) -> None:
    """Raise `ValueError` unless m > 2m_s for all concrete values."""
    light, heavy = _concrete("mass", sterile.mass), _concrete("mass", scalar.mass)
    if light is None or heavy is None:
        return
    light, heavy = np.broadcast_arrays(light, heavy)
    bad = ~(heavy > 2.0 * light)
    if bad.any():
        raise ValueError(
            "Argument `scalar` must have a mass above 2m_s, so that φ decays to ν_sν_s, but m = "
            f"{heavy[bad].flat[0]:.6g} MeV and m_s = {light[bad].flat[0]:.6g} MeV."
        )
