"""Vectors that mediate a force among active neutrinos."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from .._checks import check_choice
from ._kernels import vector_rate
from ._mediator import AbstractMediator, check_mediator
from ._width_expansion import NARROW, WidthExpansion

_CONVENTIONS = ("exact", "paper")
_LARGEST_COUPLING = float(np.sqrt(4.0 * np.pi))


class AbstractVector(AbstractMediator):
    """What the vectors share: fields, potential, and the rate on `neutrino_flavours`.

    Raises `ValueError` for a mass below 1 keV, g < 0, g² > 4π or a matrix of couplings,
    rate_factor ≤ 0, or an unknown convention.
    """

    mass: jax.Array
    coupling: jax.Array
    rate_factor: jax.Array
    convention: str = eqx.field(static=True)

    def __init__(
        self,
        mass: ArrayLike,
        coupling: ArrayLike,
        convention: str = "exact",
        rate_factor: ArrayLike = 1.0,
    ):
        check_mediator(mass, coupling, rate_factor, _LARGEST_COUPLING, "√4π")
        check_choice("convention", convention, _CONVENTIONS)
        self.mass = jnp.asarray(mass, dtype=jnp.result_type(float, mass))
        self.coupling = jnp.asarray(coupling, dtype=jnp.result_type(float, coupling))
        self.rate_factor = jnp.asarray(rate_factor, dtype=jnp.result_type(float, rate_factor))
        self.convention = convention

    @staticmethod
    def neutrino_flavours() -> int:
        """Number n of flavours of neutrinos that the vector decays to and scatters on."""
        return 1

    def channels(self) -> jax.Array | float:
        """N: total width in units of g²m/24π, that of one flavour of neutrinos."""
        return 1.0

    def hadronic_channels(self) -> jax.Array | float:
        """The part of N that is hadrons, which enter by decay and inverse decay alone."""
        return 0.0

    @property
    def largest_coupling(self) -> float:
        """√4π."""
        return _LARGEST_COUPLING

    @property
    def relative_width(self) -> jax.Array:
        """γ_V = Γ_V/m = N g²/24π [1]."""
        return self.coupling**2 * self.channels() / (24.0 * np.pi)

    def potential_coefficient(self) -> jax.Array:
        """c_V = 2g² [1]: twice a scalar's of λ = g."""
        return 2.0 * self.coupling**2

    def _strength(self) -> jax.Array:
        on_shell = self.coupling**2 / (2.0 * np.pi**2)
        return self.rate_factor * on_shell * (self.neutrino_flavours() / self.channels())

    def rate_shape(self, w: jax.Array, x: jax.Array) -> jax.Array:
        """(x/T)Γ [1] at w = m²/4ET and x = E/T of equal shapes."""
        width = jnp.broadcast_to(self.relative_width, jnp.shape(w)).astype(w.dtype)
        rate = vector_rate(self.convention, self.neutrino_flavours())
        hadrons = self._hadrons_per_neutrino() * rate.narrow(w, jnp)
        return self._strength() * w * (rate.shape(w, width, jnp) + hadrons)

    def _hadrons_per_neutrino(self) -> jax.Array | float:
        return self.hadronic_channels() / self.neutrino_flavours()

    def rate_coefficients(self, widths: WidthExpansion = NARROW) -> jax.Array:
        """(g²n/2π²N)(1, γℓ₁, …), of the narrow resonance and of what the width adds."""
        coefficients = widths.coefficients(self.relative_width)
        narrow = coefficients[:1] * (1.0 + self._hadrons_per_neutrino())
        return self._strength() * jnp.concatenate([narrow, coefficients[1:]])

    def on_shell_shape(self, w: jax.Array, x: jax.Array) -> jax.Array:
        """The part of (x/T)Γ [1] whose boson is on shell, whatever it decays to."""
        narrow = vector_rate(self.convention, self.neutrino_flavours()).narrow(w, jnp)
        return self._strength() * w * narrow * (self.channels() / self.neutrino_flavours())

    @property
    def kind(self) -> tuple:
        """(class, convention, n)."""
        return (AbstractVector, self.convention, self.neutrino_flavours())

    @staticmethod
    def closed_rate_functions(w, x, xp, convention: str, flavours: int) -> list:
        """The narrow resonance."""
        return [w * vector_rate(convention, flavours).narrow(w, xp)]

    @staticmethod
    def closed_functions_of_w(convention: str, flavours: int) -> int:
        """All."""
        return 1

    @staticmethod
    def tabulated_rate_functions(
        w: np.ndarray, widths: WidthExpansion, convention: str, flavours: int
    ) -> np.ndarray:
        """What the width adds."""
        return w * widths.functions(*vector_rate(convention, flavours), w)[1:]

    @property
    def largest_tabulated_width(self) -> float:
        """γ_V up to which the default `rate_coefficients` are right to 1e-6."""
        return NARROW.largest


@final
class VectorMediator(AbstractVector):
    r"""Neutrinophilic vector V with L = g ν̄_a γ^μ P_L ν_a V_μ (2005.03681).

    Fields:
      mass         m [MeV]
      coupling     g, 0 ≤ g ≤ √4π
      convention   "exact" (default) or "paper", the collision rate; static
      rate_factor  multiplies Γ; default 1

    It couples to the flavour that mixes, whichever that is. Couplings between flavours are left
    out: they turn one flavour into another, which needs the coherent evolution of several.

    Thermal potential (both conventions): twice that of a scalar with λ = g,
    V_T = −7π²g²ET⁴/(45m⁴) for m ≫ T and +g²T²/(8E) for m ≪ T.

    Rate, "exact": Γ = ∫d³q/(2π)³ f_a σ v with Fermi–Dirac target and Møller velocity,
        Γ = g⁴Tm²/(64π³E²) ∫du u S(u) ln(1+e^(−wu)), u = s/m², w = m²/4ET,
    with the cross sections g⁴S/(4πm²) of νν → νν and νν̄ → νν̄ (2005.03681 eq. 3.5) and the
    width Γ_V = g²m/24π in the s-channel alone. Limits: 7πg⁴ET⁴/(108m⁴) for m ≫ T,
    3ζ(3)g⁴T³/(8π³m²) for m ≪ T and, on shell, g²m²T/(8πE²) ln(1+e^(−w)). The Breit–Wigner
    contains the inverse decay.
    Rate, "paper": as in 2005.03681, with |v₁−v₂| for the velocity and twice the targets:
    7πg⁴ET⁴/(45m⁴), ζ(3)g⁴T³/(π³m²). ⚠ The factor 2 counts ν and ν̄, which the abundance counts
    already; |v₁−v₂| = √(2(1−cosϑ)) is no relative velocity of fluxes. Together they make 12/5
    (m ≫ T) to 8/3 (m ≪ T) of the exact rate.

    Neglected: pair production VV, which matters at T ≫ m/g only.

    Raises `ValueError` for a mass below 1 keV, g < 0, g² > 4π or a matrix of couplings, or an
    unknown convention.
    """
