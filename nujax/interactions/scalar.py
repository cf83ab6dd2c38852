"""A scalar that mediates a force among active neutrinos."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jax.typing import ArrayLike

from .._checks import check_choice
from ._kernels import SCALAR_RATE, narrow_rate_shape, scalar_rate_shape
from ._mediator import AbstractMediator, check_mediator
from ._width_expansion import NARROW, WidthExpansion

_LARGEST_COUPLING = 4.0 * np.pi
_CONVENTIONS = ("exact", "paper")
# Of the "paper" rate: makes its hot limit λ⁴T²/(256πE), as the source intends with 3.5046.
_HEAVY_CUT = float(np.pi * np.sqrt(56.0 / 45.0))


class ScalarMediator(AbstractMediator):
    r"""Complex scalar φ with L = (λ/2) ν_a ν_a φ + h.c. (1910.04901 eq. 4).

    Fields:
      mass         m [MeV]
      coupling     λ, 0 ≤ λ ≤ 4π
      convention   "exact" (default) or "paper", the collision rate; static
      bose         add the Bose-enhanced inverse decay of the self-energy; static, default False
      rate_factor  multiplies Γ; default 1. Counting ν and ν̄ in the abundance *and* doubling Γ,
                   as may be done in 1910.04901, double-counts: `rate_factor=2` reproduces it.

    Thermal potential (both conventions): the dispersive one-loop form, V_T = −7π²λ²ET⁴/(90m⁴)
    for m ≫ T and +λ²T²/(16E) for m ≪ T. ⚠ 1910.04901 eq. 8 prints the opposite overall sign,
    which contradicts these limits (its own).

    Rate, "exact": Γ = ∫d³q/(2π)³ f_a σ v with Fermi–Dirac target, Møller velocity and
    |M(νν→νν)|² = λ⁴s²/((s−m²)²+m²Γ_φ²), |M(νν̄→νν̄)|² = λ⁴u²/(u−m²)², Γ_φ = λ²m/32π:
        Γ = λ⁴T(m/T)²/(512π³x²) [B(w, γ_φ) + 2U(w)]
    with limits 7πλ⁴ET⁴/(1728m⁴) and, on shell, λ²m²T/(16πE²) ln(1+e^(−w)), w = m²/4ET. The
    Breit–Wigner contains the inverse decay. ⚠ The |M|² ∝ (p·q)(p₁·q₁) of 1910.04901 is 4 too
    small for this Lagrangian.
    Rate, "paper": v = |v₁−v₂|, Boltzmann target on shell, as in 1910.04901:
        Γ = λ²T²/(8πE) [2we^(−w) + √(πw) erfc√w] + 7πλ⁴ET⁴/(1440(m² + π√(56/45)ET)²).
    Bose term: λ²m²T/(16πE²)[−ln(1−e^(−x−w))], +18 % on Ω h² for light mediators.

    Neglected: pair production φφ*, which matters at T ≳ 4m/λ only.

    Raises `ValueError` for a mass below 1 keV, λ < 0, λ > 4π or a matrix of couplings, or an
    unknown convention.
    """

    mass: jax.Array
    coupling: jax.Array
    rate_factor: jax.Array
    convention: str = eqx.field(static=True)
    bose: bool = eqx.field(static=True)

    def __init__(
        self,
        mass: ArrayLike,
        coupling: ArrayLike,
        convention: str = "exact",
        bose: bool = False,
        rate_factor: ArrayLike = 1.0,
    ):
        check_mediator(mass, coupling, rate_factor, _LARGEST_COUPLING, "4π")
        check_choice("convention", convention, _CONVENTIONS)
        self.mass = jnp.asarray(mass, dtype=jnp.result_type(float, mass))
        self.coupling = jnp.asarray(coupling, dtype=jnp.result_type(float, coupling))
        self.rate_factor = jnp.asarray(rate_factor, dtype=jnp.result_type(float, rate_factor))
        self.convention = convention
        self.bose = bool(bose)

    @property
    def relative_width(self) -> jax.Array:
        """γ_φ = Γ_φ/m = λ²/32π [1]."""
        return self.coupling**2 / (32.0 * np.pi)

    def potential_coefficient(self) -> jax.Array:
        """c_V = λ² [1]."""
        return self.coupling**2

    def rate_shape(self, w: jax.Array, x: jax.Array) -> jax.Array:
        """(x/T)Γ [1] at w = m²/4ET and x = E/T of equal shapes; broadcasts nothing else."""
        coupling2 = self.coupling**2
        if self.convention == "exact":
            width = jnp.broadcast_to(self.relative_width, jnp.shape(w)).astype(w.dtype)
            shape = coupling2 / (4.0 * np.pi**2) * w * scalar_rate_shape(w, width)
        else:
            light, heavy = _paper_functions(w, jnp, jax.scipy.special.erfc)
            shape = coupling2 * light + coupling2**2 * heavy
        if self.bose:
            shape = shape + coupling2 * _bose_function(w, x, jnp)
        return self.rate_factor * shape

    def rate_coefficients(self, widths: WidthExpansion = NARROW) -> jax.Array:
        """Of the closed functions, then of the tabulated ones: (λ²/4π²)(1, γℓ₁, …) or (λ², λ⁴)."""
        coupling2 = self.coupling**2
        exact = coupling2 / (4.0 * np.pi**2) * widths.coefficients(self.relative_width)
        closed = [exact[0]] if self.convention == "exact" else [coupling2, coupling2**2]
        closed = closed + [coupling2] * self.bose
        tabulated = exact[1:] if self.convention == "exact" else exact[:0]
        return self.rate_factor * jnp.concatenate([jnp.stack(closed), tabulated])

    def on_shell_shape(self, w: jax.Array, x: jax.Array) -> jax.Array:
        """The part of (x/T)Γ [1] whose boson is on shell, Bose's included."""
        shape = super().on_shell_shape(w, x)
        if self.bose:
            shape = shape + self.rate_factor * self.coupling**2 * _bose_function(w, x, jnp)
        return shape

    @property
    def kind(self) -> tuple:
        """(class, convention, bose)."""
        return (ScalarMediator, self.convention, self.bose)

    @staticmethod
    def closed_rate_functions(w, x, xp, convention: str, bose: bool) -> list:
        """Functions of w and x in closed form: narrow resonance or the paper's, then Bose."""
        if convention == "exact":
            functions = [w * narrow_rate_shape(w, xp)]
        else:
            erfc = jax.scipy.special.erfc if xp is jnp else scipy.special.erfc
            functions = list(_paper_functions(w, xp, erfc))
        return functions + [_bose_function(w, x, xp)] * bose

    @staticmethod
    def closed_functions_of_w(convention: str, bose: bool) -> int:
        """All but Bose's."""
        return 1 if convention == "exact" else 2

    @staticmethod
    def tabulated_rate_functions(
        w: np.ndarray, widths: WidthExpansion, convention: str, bose: bool
    ) -> np.ndarray:
        """[K, …] functions of w that take an integral: what the width adds."""
        if convention == "exact":
            return w * widths.functions(*SCALAR_RATE, w)[1:]
        return np.zeros((0, *w.shape))

    @property
    def largest_tabulated_width(self) -> float:
        """γ_φ up to which `rate_coefficients` are right to 1e-6 (λ = 3.2)."""
        return NARROW.largest if self.convention == "exact" else np.inf


def _paper_functions(w, xp, erfc):
    light = (2.0 * w * xp.exp(-w) + xp.sqrt(np.pi * w) * erfc(xp.sqrt(w))) / (8.0 * np.pi)
    heavy = 7.0 * np.pi / 1440.0 / (4.0 * w + _HEAVY_CUT) ** 2
    return light, heavy


def _bose_function(w, x, xp):
    return -w * xp.log(-xp.expm1(-x - w)) / (4.0 * np.pi)
