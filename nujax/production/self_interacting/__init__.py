"""Sterile neutrinos that interact with one another, and so make more of themselves."""

from ._method import SelfInteracting as SelfInteracting
from ._momentum_resolved import MomentumResolved as MomentumResolved
from ._rates import heavy_potential as heavy_potential
from ._rates import heavy_rate as heavy_rate
from ._rates import massive_on_shell_rate as massive_on_shell_rate
from ._rates import on_shell_rate as on_shell_rate
from ._rates import sterile_potential as sterile_potential
from ._rates import thermal_tails as thermal_tails
from ._seed import AbstractSeed as AbstractSeed
from ._seed import GivenSeed as GivenSeed
from ._seed import OscillationSeed as OscillationSeed
from ._theory import SterileScalar as SterileScalar
