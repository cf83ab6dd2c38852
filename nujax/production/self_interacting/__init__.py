"""Sterile neutrinos that interact with one another, and so make more of themselves."""

from ._method import SelfInteracting as SelfInteracting
from ._seed import AbstractSeed as AbstractSeed
from ._seed import GivenSeed as GivenSeed
from ._seed import OscillationSeed as OscillationSeed
from ._theory import SterileScalar as SterileScalar
