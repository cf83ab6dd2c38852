"""Parents of freeze-in: bosons whose decays make sterile neutrinos, and how many of them there are.

A parent says its partial width into sterile neutrinos and how its number departs from equilibrium;
`FreezeIn` does the rest. The daughters are taken massless, m_N ≪ m_S: relative corrections of
2m_N²/m_S² and more in the width, 1e-12 for keV and GeV.
"""

from __future__ import annotations

import abc
from typing import Any, final

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from .._checks import check_choice, check_non_negative, check_positive
from ..constants import CHARGED_LEPTON_MASSES
from ..plasma import Plasma
from ._parent_number import Kinetics

STATISTICS = ("bose-einstein", "maxwell-boltzmann")
STARTS = ("empty", "equilibrium")
# Current masses of u, d, s and c, b, t [MeV]; PDG 2022.
QUARK_MASSES = (2.16, 4.67, 93.4, 1270.0, 4180.0, 172690.0)
_CHARGED_LEPTONS = tuple(CHARGED_LEPTON_MASSES.values())


class AbstractParent(eqx.Module):
    """A boson that decays into sterile neutrinos.

    Fields `mass` [MeV] and properties of the same kind: what `FreezeIn` reads.
    """

    mass: eqx.AbstractVar[jax.Array]

    @property
    @abc.abstractmethod
    def width(self) -> jax.Array:
        """Γ [MeV] at rest into sterile neutrinos."""

    @property
    def spin_states(self) -> int:
        """Number of spin states, 1 for a scalar."""
        return 1

    @property
    def daughters(self) -> int:
        """Sterile neutrinos made by one such decay."""
        return 2

    @property
    def statistics(self) -> str:
        """Of the equilibrium, "bose-einstein" or "maxwell-boltzmann"."""
        return "maxwell-boltzmann"

    def kinetics(self, plasma: Plasma) -> Kinetics | None:
        """What changes the number of parents, None for equilibrium throughout."""
        return None


def _width_of(width: Any, yukawa: Any, mass: Any) -> jax.Array:
    if (width is None) == (yukawa is None):
        raise ValueError("Argument `width` must be given, or else `yukawa`, but not both.")
    if width is not None:
        check_positive("width", width)
        return _float(width)
    check_positive("yukawa", yukawa)
    return width_of_yukawa(_float(yukawa), mass)


def width_of_yukawa(yukawa: ArrayLike, mass: ArrayLike) -> jax.Array:
    """Γ(S → NN) = y² m_S/(16π) [MeV] of L = −(y/2) S N̄ᶜN, Majorana N, m_N ≪ m_S; elementwise.

    m_S [MeV]. A vacuum value of S gives N the mass yS (compare hep-ph/0609081).
    """
    return jnp.asarray(yukawa) ** 2 * mass / (16.0 * np.pi)


@final
class ThermalScalar(AbstractParent):
    """A scalar S in equilibrium with the plasma until it is gone: S → NN.

    mass        m_S [MeV]
    width       Γ(S → NN) [MeV], or `yukawa`, y of L = −(y/2) S N̄ᶜN, for Γ = y² m_S/(16π)
    statistics  "bose-einstein" (default) or "maxwell-boltzmann" of f_S
    daughters   N per decay: 2, or 1 for S → N + anything massless (static)

    Valid while decays into N are slow against what keeps S in equilibrium, and f_N ≪ 1.
    Raises `ValueError` for numbers that are not positive, or both or neither of width and yukawa.
    """

    mass: jax.Array
    _width: jax.Array
    _statistics: str = eqx.field(static=True)
    _daughters: int = eqx.field(static=True)

    def __init__(
        self,
        mass: ArrayLike,
        width: ArrayLike | None = None,
        yukawa: ArrayLike | None = None,
        statistics: str = "bose-einstein",
        daughters: int = 2,
    ):
        check_positive("mass", mass)
        check_choice("statistics", statistics, STATISTICS)
        _check_daughters(daughters)
        self.mass = _float(mass)
        self._width = _width_of(width, yukawa, self.mass)
        self._statistics = statistics
        self._daughters = int(daughters)

    @property
    def width(self) -> jax.Array:
        """See `AbstractParent.width`."""
        return self._width

    @property
    def statistics(self) -> str:
        """See `AbstractParent.statistics`."""
        return self._statistics

    @property
    def daughters(self) -> int:
        """See `AbstractParent.daughters`."""
        return self._daughters


@final
class DecoupledScalar(AbstractParent):
    """A scalar S that freezes in or out before it decays: its number has an equation of its own.

    dn/dt + 3Hn = ⟨σv⟩(n_eq² − n²) − Γ⟨m/E⟩ n − Γ_other⟨m/E⟩(n − n_eq)

    mass           m_S [MeV]
    width, yukawa  as of `ThermalScalar`
    cross_section  ⟨σv⟩ [MeV⁻²] of SS ↔ plasma, constant (s-wave), ≥ 0
    other_width    Γ_other [MeV] of decays into the plasma, with their inverse, ≥ 0
    start          "equilibrium" (freezes out) or "empty" (freezes in) at T_start (static)
    daughters      as of `ThermalScalar`

    Approximation: S shares the temperature of the plasma, f_S = (n/n_eq) e^(−E/T), also after it
    has frozen out. The number of N is right in any case as far as ⟨m/E⟩ is (non-relativistic S:
    exactly); momenta are then spread by √(T/m_S) about m_S/2 where cold S would give a line.
    Raises `ValueError` as `ThermalScalar`, and for a negative cross section or other width.
    """

    mass: jax.Array
    _width: jax.Array
    cross_section: jax.Array
    other_width: jax.Array
    start: str = eqx.field(static=True)
    _daughters: int = eqx.field(static=True)

    def __init__(
        self,
        mass: ArrayLike,
        width: ArrayLike | None = None,
        yukawa: ArrayLike | None = None,
        cross_section: ArrayLike = 0.0,
        other_width: ArrayLike = 0.0,
        start: str = "equilibrium",
        daughters: int = 2,
    ):
        check_positive("mass", mass)
        check_non_negative("cross_section", cross_section)
        check_non_negative("other_width", other_width)
        check_choice("start", start, STARTS)
        _check_daughters(daughters)
        self.mass = _float(mass)
        self._width = _width_of(width, yukawa, self.mass)
        self.cross_section, self.other_width = _float(cross_section), _float(other_width)
        self.start = start
        self._daughters = int(daughters)

    @property
    def width(self) -> jax.Array:
        """See `AbstractParent.width`."""
        return self._width

    @property
    def daughters(self) -> int:
        """See `AbstractParent.daughters`."""
        return self._daughters

    def kinetics(self, plasma: Plasma) -> Kinetics:
        """See `AbstractParent.kinetics`."""
        return Kinetics(self.cross_section, self.other_width, self.start == "equilibrium")


@final
class BMinusLBoson(AbstractParent):
    r"""The gauge boson V of U(1)_{B−L}, coupling g: V → NN, made by fermions of the plasma.

    Γ(V → NN) = g² m_V/(24π) for one Majorana N of charge −1,
    Γ(V → ff̄) = N_c Q² g² m_V/(12π) (1 + 2r) √(1 − 4r), r = m_f²/m_V², and half of that massless
    for each of three left-handed neutrinos (Q = 1/3 for quarks, N_c = 3; compare 1403.2727).

    mass     m_V [MeV]; above some GeV, where quarks are free
    coupling g
    thermal  True: V is in equilibrium throughout. False (default): it starts empty and is made by
             inverse decays, dn/dt + 3Hn = Γ_SM⟨m/E⟩(n_eq − n) − Γ_N⟨m/E⟩ n (static)

    Fermions alone make V here: scattering such as ff̄ → Vγ is left out, a correction of α/π and
    more only where V is relativistic. Raises `ValueError` for numbers that are not positive.
    """

    mass: jax.Array
    coupling: jax.Array
    thermal: bool = eqx.field(static=True)

    def __init__(self, mass: ArrayLike, coupling: ArrayLike, thermal: bool = False):
        check_positive("mass", mass)
        check_positive("coupling", coupling)
        self.mass, self.coupling = _float(mass), _float(coupling)
        self.thermal = bool(thermal)

    @property
    def width(self) -> jax.Array:
        """See `AbstractParent.width`."""
        return self.coupling**2 * self.mass / (24.0 * np.pi)

    @property
    def spin_states(self) -> int:
        """See `AbstractParent.spin_states`."""
        return 3

    @property
    def fermion_width(self) -> jax.Array:
        """Γ(V → fermions of the Standard Model) [MeV]."""
        masses = np.array([*QUARK_MASSES, *_CHARGED_LEPTONS])
        weights = np.array([1.0 / 3.0] * len(QUARK_MASSES) + [1.0] * len(_CHARGED_LEPTONS))
        ratio = jnp.asarray(masses, self.mass.dtype) ** 2 / self.mass**2
        open_ = 4.0 * ratio < 1.0
        speed = jnp.sqrt(jnp.where(open_, 1.0 - 4.0 * ratio, 1.0))
        each = jnp.where(open_, speed * (1.0 + 2.0 * ratio), 0.0)
        total = jnp.dot(jnp.asarray(weights, each.dtype), each) + 1.5  # three neutrinos
        return self.coupling**2 * self.mass / (12.0 * np.pi) * total

    def kinetics(self, plasma: Plasma) -> Kinetics | None:
        """See `AbstractParent.kinetics`."""
        if self.thermal:
            return None
        return Kinetics(jnp.zeros_like(self.mass), self.fermion_width, False)


def _check_daughters(daughters: int) -> None:
    if daughters not in (1, 2):
        raise ValueError(f"Argument `daughters` must be 1 or 2, but is {daughters}.")


def _float(value: Any) -> jax.Array:
    return jnp.asarray(value, dtype=jnp.result_type(float, value))
