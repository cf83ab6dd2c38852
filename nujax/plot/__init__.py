"""Figures: every function draws on matplotlib axes, which it returns (extra `plot`).

`nujax.plot.figures` draws the figures of the sources, one function or `nujax plot NAME` each.
"""

from ._base import REGIME_COLOURS as REGIME_COLOURS
from ._base import new_axes as _axes  # noqa: F401  (of the portal's figures)
from ._curve import relic_curve as relic_curve
from ._limits import coupling_limits as coupling_limits
from ._limits import mixing_limits as mixing_limits
from ._production import evolution as evolution
from ._production import production_history as production_history
from ._production import spectra as spectra
from ._structure import matter_suppression as matter_suppression
