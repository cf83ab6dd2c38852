"""Inference: parameters that give the observed relic density, and how likely others are."""

from ._fit_loop import FitStatus as FitStatus
from ._fit_result import FitResult as FitResult
from ._targets import one_sided as one_sided
from .fit import fit as fit
from .likelihood import log_likelihood as log_likelihood
