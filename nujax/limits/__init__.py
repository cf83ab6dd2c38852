"""Limits of experiments and observations, each with its paper.

    table = nj.limits.check(theory, result)     # all of them
    bound = limit.bound(theory, result)         # one: bound, value, ratio (above 1: excluded)

A theory is a `NeutrinoPortal`, a `SterileNeutrino`, or a pair of one and its interaction.

A limit is one class with `models` and `compare`; tables are files in `data/`.
"""

from ._base import AbstractLimit as AbstractLimit
from ._base import Bound as Bound
from ._base import NeedsResult as NeedsResult
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
from ._early_universe import EffectiveNeutrinosOfBoson as EffectiveNeutrinosOfBoson
from ._early_universe import FreeStreaming as FreeStreaming
from ._early_universe import MonoNeutrino as MonoNeutrino
from ._early_universe import Supernova as Supernova
from ._early_universe import effective_neutrinos_of_boson as effective_neutrinos_of_boson
from ._gauged import GaugedLimit as GaugedLimit
from ._gauged import MuonMoment as MuonMoment
from ._heavy_neutrino import HeavyNeutrinoMass as HeavyNeutrinoMass
from ._heavy_neutrino import HiggsInvisible as HiggsInvisible
from ._heavy_neutrino import MixingLimit as MixingLimit
from ._heavy_neutrino import ZInvisible as ZInvisible
from ._heavy_neutrino import heavy_neutrino_limits as heavy_neutrino_limits
from ._mediator import HiggsToBoson as HiggsToBoson
from ._mediator import MesonDecay as MesonDecay
from ._mediator import TauDecay as TauDecay
from ._mediator import WWidth as WWidth
from ._mediator import ZWidth as ZWidth
from ._structure import Pauli as Pauli
from ._structure import PhaseSpace as PhaseSpace
from ._structure import RelicDensity as RelicDensity
from ._structure import ThermalRelic as ThermalRelic
from ._structure import half_mode_warmth as half_mode_warmth
from ._structure import mean_warmth as mean_warmth
from ._structure import relic_mass as relic_mass
from ._tables import Table as Table
from ._tables import read_data as read_data
from ._theory import SterileTheory as SterileTheory
from ._x_ray import Lifetime as Lifetime
from ._x_ray import LineAt35 as LineAt35
from ._x_ray import LineRate as LineRate
from ._x_ray import XrayLine as XrayLine
from ._x_ray import total_width as total_width
