"""From a theory to the spectrum of sterile neutrinos: one entry function, swappable methods."""

from ._boltzmann import BoltzmannQuadrature as BoltzmannQuadrature
from ._kinetic import QuantumKinetic as QuantumKinetic
from ._method import AbstractMethod as AbstractMethod
from ._ode import BoltzmannODE as BoltzmannODE
from ._regime import Regime as Regime
from ._resonances import Resonances as Resonances
from ._resonances import find_resonances as find_resonances
from ._resonant import Resonant as Resonant
from ._result import ProductionResult as ProductionResult
from ._solve import production_regime as production_regime
from ._solve import solve_production as solve_production
from ._status import Status as Status
