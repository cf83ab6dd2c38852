"""Spectra for other codes: files for CLASS, and the matter power spectrum if `classy` is there."""

from ._matter_power import MatterPower as MatterPower
from ._matter_power import half_mode as half_mode
from ._matter_power import half_mode_mass as half_mode_mass
from ._matter_power import matter_power as matter_power
from ._matter_power import relic_half_mode as relic_half_mode
from ._matter_power import relic_mass_of_half_mode as relic_mass_of_half_mode
from .class_ import ClassFiles as ClassFiles
from .class_ import class_parameters as class_parameters
from .class_ import class_spectrum as class_spectrum
from .class_ import write_class as write_class
