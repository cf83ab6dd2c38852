"""Limits of experiments and observations, each with its paper.

    table = nj.limits.check(theory, result)     # all of them
    bound = limit.bound(theory, result)         # one: bound, value, ratio (above 1: excluded)

A limit is one class with `models` and `compare`; tables are files in `data/`.
"""

from ._base import AbstractLimit as AbstractLimit
from ._base import Bound as Bound
from ._base import NotConstrained as NotConstrained
from ._check import LimitTable as LimitTable
from ._check import all_limits as all_limits
from ._check import check as check
from ._dark_matter import DirectDetection as DirectDetection
from ._dark_matter import EffectiveNeutrinos as EffectiveNeutrinos
from ._dark_matter import KaonInclusive as KaonInclusive
from ._dark_matter import KaonSpectrum as KaonSpectrum
from ._dark_matter import Naturalness as Naturalness
from ._dark_matter import Perturbativity as Perturbativity
from ._dark_matter import SmallestHalo as SmallestHalo
from ._dark_matter import dark_matter_limits as dark_matter_limits
from ._heavy_neutrino import HeavyNeutrinoMass as HeavyNeutrinoMass
from ._heavy_neutrino import HiggsInvisible as HiggsInvisible
from ._heavy_neutrino import MixingLimit as MixingLimit
from ._heavy_neutrino import ZInvisible as ZInvisible
from ._heavy_neutrino import heavy_neutrino_limits as heavy_neutrino_limits
from ._tables import Table as Table
from ._tables import read_data as read_data
