"""Roots, curves and fits of the relic density; knows production only through its one entry."""

from ._fit_loop import FitStatus as FitStatus
from ._fit_result import FitResult as FitResult
from ._targets import one_sided as one_sided
from .bands import Band as Band
from .bands import HadronicRates as HadronicRates
from .bands import uncertainty_bands as uncertainty_bands
from .curve import Branch as Branch
from .curve import RelicCurve as RelicCurve
from .curve import trace_relic_curve as trace_relic_curve
from .fit import fit as fit
from .likelihood import log_likelihood as log_likelihood
from .roots import RelicCoupling as RelicCoupling
from .roots import RelicCouplings as RelicCouplings
from .roots import Roots as Roots
from .roots import find_relic_couplings as find_relic_couplings
from .roots import find_roots as find_roots
from .roots import relic_coupling as relic_coupling
