"""Sterile-neutrino dark matter in JAX: relic density, momentum spectrum and every derivative.

    import nujax as nj
    from nujax.units import GeV, keV

    nu = nj.SterileNeutrino(mass=7.1 * keV, sin2_2theta=7e-11, flavour="mu")
    forces = nj.StandardModel() + nj.ScalarMediator(mass=1 * GeV, coupling=0.3)
    result = nj.solve_production(nu, forces)

Importing the package changes no setting and does not load JAX: each public name is loaded from
its module when it is first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import abundance as abundance
    from . import constants as constants
    from . import export as export
    from . import inference as inference
    from . import limits as limits
    from . import plot as plot
    from . import portal as portal
    from . import presets as presets
    from . import units as units
    from .abundance import relic_density as relic_density
    from .abundance import relic_density_and_status as relic_density_and_status
    from .inference import find_relic_couplings as find_relic_couplings
    from .inference import relic_asymmetry as relic_asymmetry
    from .inference import relic_coupling as relic_coupling
    from .inference import trace_relic_curve as trace_relic_curve
    from .inference.fit import fit as fit
    from .inference.likelihood import log_likelihood as log_likelihood
    from .inference.scan import Range as Range
    from .inference.scan import Scan as Scan
    from .inference.scan import open_scan as open_scan
    from .inference.scan import scan as scan
    from .interactions import AbstractInteraction as AbstractInteraction
    from .interactions import BMinusL as BMinusL
    from .interactions import HiddenForce as HiddenForce
    from .interactions import InteractionSum as InteractionSum
    from .interactions import LMuMinusLTau as LMuMinusLTau
    from .interactions import ScalarMediator as ScalarMediator
    from .interactions import StandardModel as StandardModel
    from .interactions import VectorMediator as VectorMediator
    from .plasma import Plasma as Plasma
    from .portal import NeutrinoPortal as NeutrinoPortal
    from .portal import solve_freeze_out as solve_freeze_out
    from .production import BMinusLBoson as BMinusLBoson
    from .production import BoltzmannODE as BoltzmannODE
    from .production import BoltzmannQuadrature as BoltzmannQuadrature
    from .production import DecoupledScalar as DecoupledScalar
    from .production import FreezeIn as FreezeIn
    from .production import ProductionResult as ProductionResult
    from .production import QuantumKinetic as QuantumKinetic
    from .production import Regime as Regime
    from .production import Resonances as Resonances
    from .production import Resonant as Resonant
    from .production import SelfInteracting as SelfInteracting
    from .production import Status as Status
    from .production import SterileScalar as SterileScalar
    from .production import ThermalScalar as ThermalScalar
    from .production import find_resonances as find_resonances
    from .production import production_regime as production_regime
    from .production import solve_production as solve_production
    from .sterile import SterileNeutrino as SterileNeutrino
    from .transition import GivenField as GivenField
    from .transition import SmoothField as SmoothField
    from .transition import StepField as StepField
    from .transition import Transition as Transition

__version__ = "0.1.0"

# Public name -> module that holds it.
_HOME = {
    "SterileNeutrino": "sterile",
    "Transition": "transition",
    "StepField": "transition",
    "SmoothField": "transition",
    "GivenField": "transition",
    "AbstractInteraction": "interactions",
    "InteractionSum": "interactions",
    "HiddenForce": "interactions",
    "StandardModel": "interactions",
    "ScalarMediator": "interactions",
    "VectorMediator": "interactions",
    "LMuMinusLTau": "interactions",
    "BMinusL": "interactions",
    "Plasma": "plasma",
    "BoltzmannQuadrature": "production",
    "BoltzmannODE": "production",
    "QuantumKinetic": "production",
    "FreezeIn": "production",
    "ThermalScalar": "production",
    "DecoupledScalar": "production",
    "BMinusLBoson": "production",
    "SelfInteracting": "production",
    "SterileScalar": "production",
    "Resonant": "production",
    "solve_production": "production",
    "production_regime": "production",
    "find_resonances": "production",
    "Resonances": "production",
    "ProductionResult": "production",
    "Regime": "production",
    "Status": "production",
    "NeutrinoPortal": "portal",
    "solve_freeze_out": "portal",
    "relic_density": "abundance",
    "relic_density_and_status": "abundance",
    "find_relic_couplings": "inference",
    "relic_asymmetry": "inference",
    "relic_coupling": "inference",
    "trace_relic_curve": "inference",
    "fit": "inference.fit",
    "log_likelihood": "inference.likelihood",
    "Scan": "inference.scan",
    "Range": "inference.scan",
    "scan": "inference.scan",
    "open_scan": "inference.scan",
}
_MODULES = ("abundance", "constants", "inference", "limits", "plot", "portal", "presets", "units",
            "export")  # fmt: skip

__all__ = ["__version__", *_HOME, *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load the public name, or public module, at its first use."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next use finds it directly
    return value


def __dir__() -> list[str]:
    """The public names, so that completion in a notebook shows them before their first use."""
    return sorted(__all__)
