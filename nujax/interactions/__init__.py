"""What the active neutrino feels: interaction rates Γ and thermal potentials V_T that add up."""

from ._base import AbstractInteraction as AbstractInteraction
from ._base import InteractionSum as InteractionSum
from .gauged import BMinusL as BMinusL
from .gauged import LMuMinusLTau as LMuMinusLTau
from .hidden import HiddenForce as HiddenForce
from .scalar import ScalarMediator as ScalarMediator
from .standard_model import StandardModel as StandardModel
from .vector import VectorMediator as VectorMediator
