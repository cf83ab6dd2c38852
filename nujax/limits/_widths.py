r"""Decay widths behind the limits, each with its source, and where we differ from it.

All widths in MeV, masses in MeV, elementwise and differentiable.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..constants import FERMI_CONSTANT, FINE_STRUCTURE, HIGGS_MASS, MUON_MASS, W_MASS, Z_MASS

NODES = 64


def radiative_width(mass: Any, sin2_2theta: Any) -> jax.Array:
    """Γ(ν_s → νγ) = 9αG_F² sin²2θ m₄⁵/(1024π⁴) [MeV] of a Majorana ν_s; half of it if Dirac.

    1.3609e-29 s⁻¹ (sin²2θ/1e-7)(m₄/keV)⁵; Pal and Wolfenstein, Phys. Rev. D 25 (1982) 766. The
    photon has the energy m₄/2.
    """
    strength = 9.0 * FINE_STRUCTURE * FERMI_CONSTANT**2 / (1024.0 * np.pi**4)
    return strength * sin2_2theta * mass**5


def weak_width(mass: Any, sin2_2theta: Any) -> jax.Array:
    """Γ(ν_s → 3ν) = G_F² sin²2θ m₄⁵/(384π³) [MeV] of a Majorana ν_s, by the Z.

    1.736e-27 s⁻¹ (sin²2θ/1e-7)(m₄/keV)⁵, all flavours; Pal and Wolfenstein, as above.
    """
    return FERMI_CONSTANT**2 / (384.0 * np.pi**3) * sin2_2theta * mass**5


def mediator_width(
    mass: Any, sin2_2theta: Any, boson_mass: Any, coupling: Any, vector: bool, flavours: int = 1
) -> jax.Array:
    """Width [MeV] of a Majorana ν_s by a boson of the active neutrino, sin²θ = sin²2θ/4.

    Heavy boson, ν_s → ννν̄: g⁴ sin²θ m₄⁵/(384π³m⁴) (1 + (n−1)/2) of a vector that couples to n
    flavours, λ⁴ sin²θ m₄⁵/(6144π³m⁴) of a scalar; leading order in (m₄/m)².
    Light boson, ν_s → νV: g² sin²θ m₄³/(16πm²)(1−r)²(1+2r), and ν_s → ν̄φ:
    λ² sin²θ m₄(1−r)²/(16π), r = (m/m₄)².
    2005.03681 section III quotes the scaling of the first. Boundary at r = 1: there neither is
    a good description, and the sum of both is given below.
    """
    sine = 0.25 * sin2_2theta
    ratio = (boson_mass / mass) ** 2
    light = jnp.where(ratio < 1.0, 1.0 - ratio, 0.0) ** 2
    heavy = coupling**4 * sine * mass * jnp.where(ratio > 1.0, 1.0 / ratio, 0.0) ** 2
    if vector:
        two = coupling**2 * sine * mass / (16.0 * np.pi) * light * (1.0 / ratio + 2.0)
        return two + heavy / (384.0 * np.pi**3) * (1.0 + 0.5 * (flavours - 1))
    return coupling**2 * sine * mass / (16.0 * np.pi) * light + heavy / (6144.0 * np.pi**3)


def emission_ratio(boson_mass: Any, largest: float, spectrum: Any, vector: bool) -> jax.Array:
    r"""Γ(P → ℓν̄X)/(Γ(P → ℓν) × coupling²) of a boson X radiated by the neutrino, a scalar.

    (1/32π²) ∫ ds/s R(s) (1 − m²/s)² [vector: × (s + 2m²)/m²], s from m² to `largest`² [MeV²] and
    R(s) = Γ(P → ℓN)/Γ(P → ℓν) of a neutrino N of mass √s and mixing 1: the off-shell neutrino
    keeps its chirality, so that the spin sum is that of a massive one. Exact in the lepton's mass;
    real emission only. For m → 0 a vector gives
    Γ(K → μνV) = G_F²V_us²f_K²g²M_K⁵/(3072π³m²), as 2005.03681 section III E without the muon's
    mass. Beyond the threshold it is 0.
    """
    boson_mass = jnp.asarray(boson_mass, float)
    inside = boson_mass < largest
    mass = jnp.where(inside, boson_mass, 0.5 * largest)
    node, weight = np.polynomial.legendre.leggauss(NODES)
    angle = 0.25 * np.pi * (node + 1.0)
    span = jnp.log(largest / mass)
    # s = m² e^(2 span sin²): both ends are flat, so that the rule sees no square root.
    y = 2.0 * span * jnp.asarray(np.sin(angle) ** 2)
    measure = 2.0 * span * jnp.asarray(0.25 * np.pi * weight * np.sin(2.0 * angle))
    grown = jnp.exp(y)
    shape = (1.0 - 1.0 / grown) ** 2
    if vector:
        shape = shape * (grown + 2.0)
    total = jnp.sum(measure * shape * spectrum(mass**2 * grown)) / (32.0 * np.pi**2)
    return jnp.where(inside, total, 0.0)


def meson_spectrum(meson: float, lepton: float) -> Any:
    """R(s) of P → ℓN: [(a + b − (a−b)²)/(a(1−a)²)] λ^½(1, a, b), a = m_ℓ²/M², b = s/M²."""
    a = (lepton / meson) ** 2

    def spectrum(s: jax.Array) -> jax.Array:
        b = s / meson**2
        square = (1.0 - a - b) ** 2 - 4.0 * a * b
        phase = jnp.sqrt(jnp.maximum(square, 1e-300))
        return (a + b - (a - b) ** 2) * phase / (a * (1.0 - a) ** 2)

    return spectrum


def boson_spectrum(mass: float) -> Any:
    """R(s) of W → ℓN and Z → νN: (1 − y)²(1 + y/2), y = s/M²."""
    return lambda s: (1.0 - s / mass**2) ** 2 * (1.0 + 0.5 * s / mass**2)


def tau_spectrum(mass: float) -> Any:
    """R(s) of τ → ℓν̄N, massless ℓ: 1 − 8y + 8y³ − y⁴ − 12y² ln y, y = s/m_τ²."""

    def spectrum(s: jax.Array) -> jax.Array:
        y = s / mass**2
        return 1.0 - 8.0 * y + 8.0 * y**3 - y**4 - 12.0 * y**2 * jnp.log(y)

    return spectrum


def w_width() -> float:
    """Γ(W → ℓν) = G_F M_W³/(6√2π) [MeV]."""
    return FERMI_CONSTANT * W_MASS**3 / (6.0 * np.sqrt(2.0) * np.pi)


def z_width() -> float:
    """Γ(Z → νν̄) = G_F M_Z³/(12√2π) [MeV] of one flavour."""
    return FERMI_CONSTANT * Z_MASS**3 / (12.0 * np.sqrt(2.0) * np.pi)


def w_to_vector(boson_mass: Any, coupling: Any) -> jax.Array:
    """Γ(W → ℓνV) = g²G_F M_W⁵/(512√2π³m²) (1 − 8w − 12w² ln w + 8w³ − w⁴) [MeV], w = (m/M_W)².

    ⚠ 2005.03681 section III prints G_F² for G_F; leading in 1/m², where the longitudinal V is all.
    `emission_ratio` with `boson_spectrum` is exact in m.
    """
    w = (boson_mass / W_MASS) ** 2
    phase = 1.0 - 8.0 * w - 12.0 * w**2 * jnp.log(w) + 8.0 * w**3 - w**4
    strength = FERMI_CONSTANT * W_MASS**5 / (512.0 * np.sqrt(2.0) * np.pi**3)
    return coupling**2 * strength * phase / boson_mass**2


def higgs_to_vector(boson_mass: Any, coupling: Any, vertex: float = 2.0) -> jax.Array:
    r"""Γ(h → νν̄V) [MeV] by the vertex (`vertex` · g h/v) ν̄γ^μP_Lν V_μ.

    vertex² g²G_F M_h⁵/(3072√2π³m²) [1 + 12h²(6 + (3 + 4h) ln h) − 64h³ − 9h⁴], h = (m/M_h)².
    ⚠ 2005.03681 eq. 3.19 prints G_F² for G_F, and 3072 for a vertex g/v. The operator
    (1 + h/v)² of its eq. 3.1 gives 2g/v, hence 768: the default.
    """
    h = (boson_mass / HIGGS_MASS) ** 2
    phase = 1.0 + 12.0 * h**2 * (6.0 + (3.0 + 4.0 * h) * jnp.log(h)) - 64.0 * h**3 - 9.0 * h**4
    strength = FERMI_CONSTANT * HIGGS_MASS**5 / (3072.0 * np.sqrt(2.0) * np.pi**3)
    return vertex**2 * coupling**2 * strength * phase / boson_mass**2


def higgs_to_scalar(boson_mass: Any, coupling: Any, vertex: float = 2.0) -> jax.Array:
    """Γ(h → ννφ, ν̄ν̄φ*) [MeV] by the vertex (`vertex` · λ h/2v) ννφ + h.c.

    vertex² λ²M_h³/(1536π³v²) · 6∫dy y √λ(1, y, h), h = (m/M_h)² and y from 0 to (1−√h)²: with
    the vertex 2λ/v, λ²M_h³/(384π³v²) for m → 0.
    """
    root = boson_mass / HIGGS_MASS
    node, weight = np.polynomial.legendre.leggauss(NODES)
    angle = 0.25 * np.pi * (node + 1.0)
    top = (1.0 - root) ** 2
    y = top * jnp.asarray(np.sin(angle) ** 2)
    measure = top * jnp.asarray(0.25 * np.pi * weight * np.sin(2.0 * angle))
    square = (1.0 - y - root**2) ** 2 - 4.0 * y * root**2
    phase = 6.0 * jnp.sum(measure * y * jnp.sqrt(jnp.maximum(square, 1e-300)))
    vacuum2 = 1.0 / (np.sqrt(2.0) * FERMI_CONSTANT)
    return vertex**2 * coupling**2 * HIGGS_MASS**3 / (1536.0 * np.pi**3 * vacuum2) * phase


def z_to_vector(boson_mass: Any, coupling: Any) -> jax.Array:
    r"""Γ(Z → νν̄V) [MeV] of real emission by a conserved current, r = (m/M_Z)².

    Γ(Z → νν̄) (α/2π) {(1+r)²[3 ln r + ln² r] + 5(1−r²) − 2r ln r − 2(1+r)²[ln(1+r) ln r
    + Li₂(1/(1+r)) − Li₂(r/(1+r))]}, α = g²/4π (hep-ph/9411256, a heavy gluon of colour factor 1).
    There is no 1/m²; the logarithms of small m are cancelled by virtual V (2407.12738).
    """
    r = (boson_mass / Z_MASS) ** 2
    node, weight = np.polynomial.legendre.leggauss(NODES)
    log_r = jnp.log(r)
    # Li₂(1/(1+r)) − Li₂(r/(1+r)) = −∫_r^1 dt [ln(t/(1+t))/(1+t) − ln(1+t)/(t(1+t))], t = e^u.
    u = 0.5 * log_r * jnp.asarray(1.0 - node)
    t = jnp.exp(u)
    slope = (t * jnp.log(t / (1.0 + t)) - jnp.log1p(t)) / (1.0 + t)
    dilogarithms = 0.5 * log_r * jnp.sum(jnp.asarray(weight) * slope)
    square = (1.0 + r) ** 2
    brackets = jnp.log1p(r) * log_r + dilogarithms
    total = square * (3.0 * log_r + log_r**2) + 5.0 * (1.0 - r**2) - 2.0 * r * log_r
    total = total - 2.0 * square * brackets
    return z_width() * coupling**2 / (8.0 * np.pi**2) * total


def muon_moment(boson_mass: Any, coupling: Any) -> jax.Array:
    """a_μ = (g²/4π²) ∫₀¹ dz z²(1−z)/(z² + r(1−z)), r = (m/m_μ)²: a vector of coupling g to muons.

    Leveille, Nucl. Phys. B 137 (1978) 63.
    """
    r = (boson_mass / MUON_MASS) ** 2
    node, weight = np.polynomial.legendre.leggauss(2 * NODES)
    root = 0.5 * (node + 1.0)
    z = jnp.asarray(root**4)  # near z ~ √r the integrand varies
    measure = jnp.asarray(0.5 * weight * 4.0 * root**3)
    integral = jnp.sum(measure * z**2 * (1.0 - z) / (z**2 + r * (1.0 - z)))
    return coupling**2 / (4.0 * np.pi**2) * integral
