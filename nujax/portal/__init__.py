"""Thermal dark matter through the Dirac neutrino portal (1709.07001)."""

from ._cross_section import cross_section as cross_section
from ._freeze_out import FreezeOutResult as FreezeOutResult
from ._freeze_out import relic_density_of_cross_section as relic_density_of_cross_section
from ._freeze_out import solve_freeze_out as solve_freeze_out
from ._freeze_out import thermal_average as thermal_average
from ._freeze_out import thermal_relic_density as thermal_relic_density
from ._method import AbstractFreezeOutMethod as AbstractFreezeOutMethod
from ._method import RiccatiFreezeOut as RiccatiFreezeOut
from ._ode import FreezeOutODE as FreezeOutODE
from ._theory import NeutrinoPortal as NeutrinoPortal
from ._estimate import Estimate as Estimate
from ._estimate import estimate_freeze_out as estimate_freeze_out
from ._target import ThermalTarget as ThermalTarget
from ._target import thermal_cross_section as thermal_cross_section
from ._target import thermal_target as thermal_target
