r"""What one ν_s feels in a bath of ν_s and φ with any distribution: Γ_s[f_s] and V_s[f_s, f_φ].

The bath enters through F(q) = ∫_q^∞ f_s dq′ and B(ω) = ∫_ω^∞ f_φ dω′, functions of the caller,
elementwise in MeV; `thermal_tails` are those of kinetic equilibrium.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...statistics import log1p_exp_minus, minus_log1m_exp
from ._theory import SterileScalar

Tail = Callable[[jax.Array], jax.Array]
# Half-offset nodes of the principal value in ln u: error e^(−π²/h), 1e-21 here.
_STEP = 0.2
_LOG_U = _STEP * (np.arange(-110, 90) + 0.5)


def thermal_tails(T: Any, xi: Any = 0.0) -> tuple[Tail, Tail]:
    """(F, B) of massless ν_s with f = 1/(e^{q/T − ξ} + 1) and φ with μ_φ = 2μ_s; T [MeV]."""
    return (
        lambda q: T * log1p_exp_minus(q / T - xi),
        lambda omega: T * minus_log1m_exp(omega / T - 2.0 * xi),
    )


def on_shell_rate(scalar: SterileScalar, E: Any, F: Tail) -> jax.Array:
    """Γ_s [MeV] of ν_sν_s → φ for massless ν_s of energy E [MeV], elementwise.

    y²m²/(16πE²) F(m²/4E), for the real and the complex field alike.
    """
    E = jnp.asarray(E)
    strength = scalar.coupling**2 / (16.0 * np.pi)
    return strength * (scalar.mass / E) ** 2 * F(scalar.mass**2 / (4.0 * E))


def massive_on_shell_rate(scalar: SterileScalar, mass: Any, E: Any, F: Tail) -> jax.Array:
    r"""The same for a real field and ν_s of mass m_s < m/2, E > m_s [MeV], elementwise.

    y²m²(1 − 4r)/(16πpE) [F(q₋) − F(q₊)], q± = [E(m² − 2m_s²) ± p m²β]/2m_s²; F of energies.
    """
    E, m = jnp.asarray(E), scalar.mass
    r = (mass / m) ** 2
    beta = jnp.sqrt(1.0 - 4.0 * r)
    p = jnp.sqrt((E - mass) * (E + mass))
    upper = (E * (1.0 - 2.0 * r) + p * beta) / (2.0 * r)
    # From q₊q₋ = E² + (1 − 4r)m⁴/4m_s²: the difference would cancel.
    lower = (E**2 + (1.0 - 4.0 * r) * m**2 / (4.0 * r)) / upper
    strength = scalar.coupling**2 * m**2 * (1.0 - 4.0 * r) / (16.0 * np.pi)
    return strength / (p * E) * (F(lower) - F(upper))


def heavy_rate(scalar: SterileScalar, E: Any, third_moment: Any) -> jax.Array:
    """Γ_s [MeV] by exchange of a heavy complex φ, 5y⁴E I₃/(72π³m⁴), I₃ = ∫q³f_s dq [MeV⁴].

    For E q ≪ m²; a thermal f_s gives 7πy⁴ET⁴/(1728m⁴).
    """
    return 5.0 * scalar.coupling**4 * E * third_moment / (72.0 * np.pi**3 * scalar.mass**4)


def heavy_potential(scalar: SterileScalar, E: Any, third_moment: Any) -> jax.Array:
    """V_s [MeV] of a heavy φ, −4y²E I₃/(3π²m⁴); a thermal f_s gives −7π²y²ET⁴/(90m⁴)."""
    return -4.0 * scalar.coupling**2 * E * third_moment / (3.0 * np.pi**2 * scalar.mass**4)


def sterile_potential(scalar: SterileScalar, E: Any, F: Tail, B: Tail) -> jax.Array:
    r"""V_s [MeV] of a massless ν_s of energy E [MeV], elementwise; it enters as V_a − V_s.

    (y²m²/16π²E²) PV∫₀^∞ du u²/(u² − 1) [F(um²/4E) + B(um²/4E + E/u)].
    """
    E = jnp.asarray(E)[..., None]
    u = jnp.asarray(np.exp(_LOG_U)).reshape((1,) * (E.ndim - 1) + (-1,))
    at = u * scalar.mass**2 / (4.0 * E)
    weight = _STEP * u**3 / ((u - 1.0) * (u + 1.0))
    total = jnp.sum(weight * (F(at) + B(at + E / u)), axis=-1)
    strength = scalar.coupling**2 / (16.0 * np.pi**2)
    return strength * (scalar.mass / E[..., 0]) ** 2 * total
