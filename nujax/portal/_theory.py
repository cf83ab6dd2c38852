"""The model: dark fermion χ, dark scalar φ and a Dirac heavy neutrino that mixes with the
active.
"""

from __future__ import annotations

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import _concrete, check_choice, check_positive
from ..constants import FLAVOURS


@final
class NeutrinoPortal(eqx.Module):
    r"""Thermal dark matter through the Dirac neutrino portal (1709.07001).

    −L ⊃ φ χ̄ y_L N_L + λ_ℓ L̄_ℓ Ĥ N_R + h.c.: χ (Dirac) is the dark matter, φ (complex scalar) is
    heavier, and ν₄, mostly N, has the share |U_ℓ4|² of the active flavour ℓ.

    Fields (all traced, so `jax.grad`, `jax.jit` and batching work):
      dm_mass              m_χ [MeV]
      scalar_mass          m_φ [MeV], above m_χ
      heavy_neutrino_mass  m₄ [MeV]
      y_L                  Yukawa coupling of N_L, dimensionless
      mixing               (|U_e4|², |U_μ4|², |U_τ4|²) [..., 3], each ≥ 0, sum below 1

    Freeze-out depends on m_χ, m_φ and G = y_L √Σ|U_ℓ4|² (`coupling`) alone.

    Raises `ValueError` for masses or couplings that are not positive, for m_χ ≥ m_φ (φ would be the
    dark matter) and for mixing outside unitarity. Values that JAX traces are not checked; such
    points end with status `non_finite`.
    """

    dm_mass: jax.Array
    scalar_mass: jax.Array
    heavy_neutrino_mass: jax.Array
    y_L: jax.Array
    mixing: jax.Array

    def __init__(
        self, dm_mass: Any, scalar_mass: Any, heavy_neutrino_mass: Any, y_L: Any, mixing: Any
    ):
        for name, value in (
            ("dm_mass", dm_mass),
            ("scalar_mass", scalar_mass),
            ("heavy_neutrino_mass", heavy_neutrino_mass),
            ("y_L", y_L),
        ):
            check_positive(name, value)
        check_mass_order(dm_mass, scalar_mass)
        if isinstance(mixing, (tuple, list)):
            mixing = jnp.stack(jnp.broadcast_arrays(*(_leaf(value) for value in mixing)), axis=-1)
        _check_mixing(mixing)
        self.dm_mass = _leaf(dm_mass)
        self.scalar_mass = _leaf(scalar_mass)
        self.heavy_neutrino_mass = _leaf(heavy_neutrino_mass)
        self.y_L = _leaf(y_L)
        self.mixing = _leaf(mixing)

    @classmethod
    def from_coupling(
        cls,
        dm_mass: Any,
        scalar_mass: Any,
        coupling: Any,
        *,
        heavy_neutrino_mass: Any = None,
        flavour: str = "mu",
        y_L: Any = 4.0 * np.pi,
    ) -> NeutrinoPortal:
        """A portal with G = `coupling`, mixing with one flavour and, unless given, m₄ = 10 m_χ.

        The default y_L = 4π, where perturbation theory ends, asks for the least mixing, (G/4π)².
        Freeze-out knows neither m₄ nor how G divides into y_L and the mixing.

        Raises `ValueError` for a coupling that is not positive or not below y_L, an unknown
        flavour, and as `NeutrinoPortal`.
        """
        check_positive("coupling", coupling)
        check_choice("flavour", flavour, FLAVOURS)
        share = (_leaf(coupling) / y_L) ** 2
        total = _concrete("coupling", share)
        if total is not None and not (total < 1.0).all():
            raise ValueError(
                "Argument `coupling` must be below y_L, because the mixing is below 1, but is "
                f"{np.max(np.asarray(coupling)):.6g} with y_L = {np.max(np.asarray(y_L)):.6g}."
            )
        m4 = 10.0 * _leaf(dm_mass) if heavy_neutrino_mass is None else heavy_neutrino_mass
        mixing = [share if name == flavour else jnp.zeros_like(share) for name in FLAVOURS]
        return cls(dm_mass, scalar_mass, m4, y_L, mixing)

    @property
    def total_mixing(self) -> jax.Array:
        """Σ|U_ℓ4|² = 1 − |U_N4|²."""
        return self.mixing.sum(-1)

    @property
    def coupling(self) -> jax.Array:
        """G = y_L √Σ|U_ℓ4|², the coupling of χ and φ to the light neutrinos (eq. 5)."""
        return self.y_L * jnp.sqrt(self.total_mixing)

    @property
    def y_parameter(self) -> jax.Array:
        """Y = G⁴ (m_χ/m_φ)⁴ (eq. 8); ⟨σv⟩ ≈ Y/(32π m_χ²) for m_φ ≫ m_χ."""
        return (self.coupling * self.dm_mass / self.scalar_mass) ** 4

    def valid(self) -> jax.Array:
        """Whether the numbers obey what `__init__` asks of concrete ones."""
        numbers = jnp.stack([self.dm_mass, self.scalar_mass, self.heavy_neutrino_mass, self.y_L])
        return (
            jnp.all(jnp.isfinite(numbers) & (numbers > 0.0))
            & (self.dm_mass < self.scalar_mass)
            & jnp.all(self.mixing >= 0.0)
            & (self.total_mixing > 0.0)
            & (self.total_mixing < 1.0)
        )


def check_mass_order(dm_mass: Any, scalar_mass: Any) -> None:
    """Raise `ValueError` unless m_χ < m_φ for all concrete values."""
    dark, scalar = _concrete("dm_mass", dm_mass), _concrete("scalar_mass", scalar_mass)
    if dark is None or scalar is None:
        return
    dark, scalar = np.broadcast_arrays(dark, scalar)
    bad = ~(dark < scalar)
    if bad.any():
        raise ValueError(
            f"Argument `scalar_mass` must exceed `dm_mass`, but they are {scalar[bad].flat[0]:.6g} "
            f"and {dark[bad].flat[0]:.6g} MeV: the scalar would be stable and the dark matter, "
            "with an annihilation that is not the one computed here."
        )


def _check_mixing(mixing: Any) -> None:
    array = _concrete("mixing", mixing)
    if array is None:
        return
    if array.ndim == 0 or array.shape[-1] != 3:
        raise ValueError(
            f"Argument `mixing` must be (|U_e4|², |U_μ4|², |U_τ4|²), but has shape {array.shape}."
        )
    total = array.sum(-1)
    good = np.isfinite(total) & (total > 0.0) & (total < 1.0) & (array >= 0.0).all(-1)
    if not good.all():
        shown = ", ".join(f"{value:g}" for value in array[~good].reshape(-1, 3)[0])
        raise ValueError(
            "Argument `mixing` must have elements of at least 0 with a sum above 0 and below 1 "
            f"(unitarity), but is ({shown})."
        )


def _leaf(value: Any) -> jax.Array:
    return jnp.asarray(value, dtype=jnp.result_type(float, value))
