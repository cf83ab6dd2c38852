"""Physical constants in powers of MeV (natural units ħ = c = k_B = 1), one source per line.

The plain names are the values that the papers behind this package use (1910.04901, 2005.03681);
all results are stated for them. More recent values have the year or the choice in their name;
pass them explicitly where a quantity is a parameter, as in `Plasma.standard`.
"""

from __future__ import annotations

import math

# Active flavours, in the order in which tables list them.
FLAVOURS = ("e", "mu", "tau")
# Mediators are tabulated from this mass on [MeV]; here, where JAX is not needed to read it.
LIGHTEST_MEDIATOR = 1e-3

# Particle physics.
FERMI_CONSTANT = 1.1663787e-11  # G_F [MeV^-2]; PDG 2018 (CODATA 2014)
FINE_STRUCTURE = 7.2973525693e-3  # alpha at zero momentum; CODATA 2018
PLANCK_MASS = 1.220910e22  # M_Pl = G^(-1/2) [MeV]; PDG 2018 (CODATA 2014)
W_MASS = 80379.0  # m_W [MeV]; PDG 2018
Z_MASS = 91187.6  # m_Z [MeV]; PDG 2018
HIGGS_MASS = 125250.0  # m_h [MeV]; PDG 2022
ELECTRON_MASS = 0.51099895  # m_e [MeV]; CODATA 2018
MUON_MASS = 105.6583745  # m_mu [MeV]; CODATA 2014
TAU_MASS = 1776.86  # m_tau [MeV]; PDG 2018
CHARGED_LEPTON_MASSES = {"e": ELECTRON_MASS, "mu": MUON_MASS, "tau": TAU_MASS}  # [MeV]

NUCLEON_MASS = 938.91875  # mean of proton and neutron [MeV]; PDG 2022
KAON_MASS = 493.677  # m_K+ [MeV]; PDG 2022
PION_MASS = 139.57039  # m_pi+ [MeV]; PDG 2022
WEAK_MIXING = 0.23122  # sin^2 theta_W, MSbar at m_Z; PDG 2022

# Cosmology.
ENTROPY_DENSITY_TODAY = 2891.2  # s_0 [cm^-3]; PDG 2018, with T_0 = 2.7255 K and g*s = 3.909
CRITICAL_DENSITY_OVER_H2 = 1.05e-2  # rho_c/h^2 [MeV cm^-3]; the rounding of 1910.04901
RELIC_DENSITY_TARGET = 0.120  # Omega_DM h^2; Planck 2018 (1807.06209), TT,TE,EE+lowE+lensing

# Conversion factors.
HBAR_C = 1.973269804e-11  # [MeV cm]; CODATA 2018, exact in SI up to rounding
HBAR = 6.582119569e-22  # [MeV s]; CODATA 2018, exact in SI up to rounding
BOLTZMANN_CONSTANT = 8.617333262e-11  # [MeV/K]; CODATA 2018, exact in SI up to rounding
GRAM = 5.609588603e26  # 1 g c^2 [MeV]; CODATA 2018, exact in SI up to rounding

# Recent values under their own names.
PLANCK_MASS_CODATA2018 = 1.220890e22  # [MeV]; CODATA 2018, relative uncertainty 1.1e-5
CRITICAL_DENSITY_OVER_H2_PDG2022 = 1.053672e-2  # [MeV cm^-3]; PDG 2022, relative error 2.3e-5
RELIC_DENSITY_PLANCK2018_ERROR = 0.0012  # one sigma of Omega_DM h^2; Planck 2018 (1807.06209)
CMB_TEMPERATURE_TODAY = 2.7255  # T_0 [K]; Fixsen 2009 (0911.1955), +- 0.0006
# s_0 [cm^-3] = (2 pi^2/45) g*s (T_0/hbar c)^3 with g*s = 3.931, the late-time value of the
# degrees of freedom of 1803.01038 (three neutrinos that decouple gradually).
ENTROPY_DENSITY_TODAY_GS3931 = (
    2.0 * math.pi**2 / 45.0 * 3.931 * (CMB_TEMPERATURE_TODAY * BOLTZMANN_CONSTANT / HBAR_C) ** 3
)
