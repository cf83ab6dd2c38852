"""From a theory to the spectrum of sterile neutrinos: one entry function, swappable methods."""

from ._boltzmann import BoltzmannQuadrature as BoltzmannQuadrature
from ._freeze_in import FreezeIn as FreezeIn
from ._kinetic import QuantumKinetic as QuantumKinetic
from ._method import AbstractMethod as AbstractMethod
from ._ode import BoltzmannODE as BoltzmannODE
from ._parents import AbstractParent as AbstractParent
from ._parents import BMinusLBoson as BMinusLBoson
from ._parents import DecoupledScalar as DecoupledScalar
from ._parents import ThermalScalar as ThermalScalar
from ._regime import Regime as Regime
from ._resonances import Resonances as Resonances
from ._resonances import find_resonances as find_resonances
from ._resonant import Resonant as Resonant
from ._result import ProductionResult as ProductionResult
from ._solve import production_regime as production_regime
from ._solve import solve_production as solve_production
from ._status import Status as Status
from .self_interacting import GivenSeed as GivenSeed
from .self_interacting import MomentumResolved as MomentumResolved
from .self_interacting import OscillationSeed as OscillationSeed
from .self_interacting import SelfInteracting as SelfInteracting
from .self_interacting import SterileScalar as SterileScalar
