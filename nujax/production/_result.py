"""What every production method returns."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ..quadrature import lagrange_weights
from ..statistics import fermi_dirac
from ._regime import Regime
from ._resonant_result import Asymmetry
from ._status import Status

# A warning is due when this much of the number density is made per unit of ln T at a limit.
_UNFINISHED = 1e-3
# Neutrinos decouple from e± at about 2 MeV; on shell, production peaks at T ~ m/3 … m.
_DECOUPLING_MASS = 5.0


class History(NamedTuple):
    """df_s/d ln z without back-reaction [nodes, momenta] at temperatures T [nodes, MeV]."""

    T: jax.Array
    rate: jax.Array


class KineticHistory(NamedTuple):
    """The density matrix [nodes, momenta] at temperatures T [nodes, MeV], at comoving q = x.

    f_s and f_active = f_a are occupations; coherence_real and coherence_imaginary those of
    ρ_as = R + iI.
    """

    T: jax.Array
    f_s: jax.Array
    f_active: jax.Array
    coherence_real: jax.Array
    coherence_imaginary: jax.Array


class ProductionResult(eqx.Module):
    """Relic density, spectrum and status of one point (or of a batch, under `vmap`).

    relic_density    Ω h²; mean_momentum ⟨x⟩ = ⟨p/T⟩ at T_final; comoving_yield Y = n_s/s, both
                     helicities of ν_s (that is ν_s and ν̄_s) counted
    x, f             comoving momentum p/T at T_final [rows], uniform in ln x, and f_νs of one
                     helicity state [rows]
    error_estimate   relative error of Ω h² from the quadrature (resonances)
    status_code      integer of `status`
    T_initial, T_final   limits that were used [MeV]
    started, finished    fraction of the number density made per unit of ln T at T_initial and at
                     T_final: both small when the limits enclose all of the production
    regime           `Regime`: what made the sterile neutrinos, and at which temperatures
    history          `History` (of the density matrix `KineticHistory`, of self-interactions
                     `DarkHistory`, with a lepton asymmetry `AsymmetryHistory`) if the method was
                     asked to keep it, else None
    f_active         f_a at T_final [rows] where the method follows it, else None
    decay_share      fraction of the number density that decays of a parent made, where the method
                     knows one, else None
    scale            typical x of the spectrum's end in units of that of f_FD: `distribution`
                     interpolates f/f_FD(x/scale) (static)
    asymmetry        `Asymmetry`: ν_s and ν̄_s apart, and the residual lepton asymmetry, of
                     `Resonant`, else None
    """

    relic_density: jax.Array
    mean_momentum: jax.Array
    comoving_yield: jax.Array
    x: jax.Array
    f: jax.Array
    error_estimate: jax.Array
    status_code: jax.Array
    T_initial: jax.Array
    T_final: jax.Array
    started: jax.Array
    finished: jax.Array
    lightest_mediator: jax.Array | None
    regime: Regime
    history: Any = None
    f_active: jax.Array | None = None
    decay_share: jax.Array | None = None
    scale: float = eqx.field(static=True, default=1.0)
    asymmetry: Asymmetry | None = None

    @property
    def status(self) -> Status | np.ndarray | jax.Array:
        """`Status` of a single point; an array of its integers for a batch or under jit."""
        if isinstance(self.status_code, jax.core.Tracer):
            return self.status_code
        codes = np.asarray(self.status_code)
        return Status(int(codes)) if codes.ndim == 0 else codes

    @property
    def delta_n_eff(self) -> jax.Array:
        """ΔN_eff = ∫q³f_s dq / ∫q³f_FD dq at T_final, a scalar or of a batch.

        Energy of ν_s and ν̄_s in units of one neutrino flavour with T_ν = T, as long as they are
        relativistic: for eV masses until recombination. What ν_a lacks, where collisions do not
        refill it, is not subtracted: see `f_active`.
        """
        step = jnp.log(self.x[..., 1:2] / self.x[..., 0:1])
        return jnp.sum(step * self.x**4 * self.f, axis=-1) / (7.0 * np.pi**4 / 120.0)

    def distribution(self, x: ArrayLike) -> jax.Array:
        """f_νs(x) at any x > 0, elementwise: eighth-order interpolation of f/f_FD in ln x.

        Outside the tabulated range (2e-4 … 66; `Resonant` 1e-3 … 20; up to 6e4 where a parent's
        decays add to it) f/f_FD is held constant.
        """
        x = jnp.asarray(x, dtype=self.f.dtype)
        log_x = jnp.log(self.x)
        step = log_x[1] - log_x[0]
        ratio = self.f / fermi_dirac(self.x / self.scale)
        last = len(self.x) - 1
        position = jnp.clip((jnp.log(x).ravel() - log_x[0]) / step, 0.0, float(last))
        left = jnp.clip(jnp.floor(position) - 3, 0, last - 7)
        left = jax.lax.stop_gradient(left)
        index = left[:, None].astype(int) + jnp.arange(8)[None, :]
        weights = lagrange_weights(position - left)
        values = jnp.sum(weights * ratio[index], axis=1)
        return values.reshape(x.shape) * fermi_dirac(x / self.scale)

    def warnings(self) -> list[str]:
        """Plain sentences about the physics of a single, concrete point; empty if none."""
        messages = []
        if float(self.finished) > _UNFINISHED:
            messages.append(
                f"Production is unfinished at T_final = {float(self.T_final):.4g} MeV: "
                f"{float(self.finished):.1%} of the abundance is made there per unit of ln T."
            )
        if float(self.started) > _UNFINISHED:
            messages.append(
                f"Production has begun before T_initial = {float(self.T_initial):.4g} MeV: "
                f"{float(self.started):.1%} of the abundance is made there per unit of ln T."
            )
        # ∫q²f dq of equilibrium is 3ζ(3)/2 ≈ 1.8.
        decays = self.decay_share
        if decays is not None and float(jnp.dot(self.x**3, self.f)) * float(decays) > 1.8:
            messages.append(
                "Decays make a tenth of equilibrium or more: Pauli blocking and inverse decays of "
                "sterile neutrinos, which are left out, matter."
            )
        lightest = self.lightest_mediator
        if lightest is not None and float(lightest) < _DECOUPLING_MASS:
            messages.append(
                f"The mediator ({float(lightest):.4g} MeV) is active after neutrinos decouple "
                "from electrons at about 2 MeV; T_ν = T is then an approximation."
            )
        if self.asymmetry is not None:
            messages += self.asymmetry.warnings()
        return messages

    def __str__(self) -> str:
        if isinstance(self.relic_density, jax.core.Tracer) or jnp.ndim(self.relic_density):
            return f"ProductionResult(batch of shape {jnp.shape(self.relic_density)})"
        return (
            f"Ω h² = {float(self.relic_density):.6g}   ⟨p/T⟩ = {float(self.mean_momentum):.4f}   "
            f"Y = {float(self.comoving_yield):.4g}   "
            f"regime: {self.regime.name}   status: {self.status.name}"  # type: ignore[union-attr]
        )
