"""What a lepton asymmetry adds to the result of production."""

from __future__ import annotations

from typing import NamedTuple

import jax

# |ξ| of neutrinos at nucleosynthesis, at two standard deviations: 0.001 ± 0.016 (1801.08023).
_BBN_XI = 0.033
_PHOTONS = 0.2435878  # n_γ/T³ = 2ζ(3)/π²


class Asymmetry(NamedTuple):
    """Both kinds of sterile neutrinos, and the lepton asymmetry before and after.

    initial             η = n_L/n_γ at T_initial
    residual            η at T_final, n_L as it is then and n_γ = 2ζ(3)T³/π²
    antineutrino_share  n_ν̄s/(n_νs + n_ν̄s)
    f_neutrino, f_antineutrino   occupations of ν_s and ν̄_s at T_final [rows]
    violation           relative violation of lepton number, rounding
    """

    initial: jax.Array
    residual: jax.Array
    antineutrino_share: jax.Array
    f_neutrino: jax.Array
    f_antineutrino: jax.Array
    violation: jax.Array

    def warnings(self) -> list[str]:
        """Sentences about a single, concrete point.

        Oscillations at some MeV share the asymmetry among the three flavours (hep-ph/0201287), so
        that ξ = 2 n_L/T³ of each; helium bounds it (1801.08023).
        """
        xi = 2.0 * _PHOTONS * abs(float(self.residual))
        if xi <= _BBN_XI:
            return []
        return [
            f"The residual asymmetry {float(self.residual):.3g}, shared by three flavours, is "
            f"|ξ| = {xi:.3g} at nucleosynthesis, beyond the bound {_BBN_XI} (1801.08023)."
        ]


class AsymmetryHistory(NamedTuple):
    """Along the path [nodes]: T [MeV], residual η (n_γ at T_final), ∫q²(f_ν + f_ν̄)/2 dq."""

    T: jax.Array
    asymmetry: jax.Array
    number: jax.Array
