"""The options that several commands share, each written once with its help text.

Quantities and numbers arrive as text: `_inputs.py` reads them, so that every mistake gets the
same kind of sentence.
"""

from pathlib import Path
from typing import Annotated

import typer

_STERILE = "Sterile neutrino"
_MEDIATOR = "Mediator (leave out for Dodelson-Widrow production alone)"
_SETUP = "Set-up of the calculation"
OUTPUT = "Output"

Mass = Annotated[
    str,
    typer.Option(
        "--mass",
        metavar="QUANTITY",
        help="Mass with its unit: 7.1keV, 50 keV, 0.0071MeV.",
        rich_help_panel=_STERILE,
    ),
]
Mixing = Annotated[
    str,
    typer.Option(
        "--sin2-2theta",
        metavar="NUMBER",
        help="Vacuum mixing sin²2θ with the active flavour, between 0 and 1.",
        rich_help_panel=_STERILE,
    ),
]
Flavour = Annotated[
    str,
    typer.Option(
        "--flavour",
        metavar="e|mu|tau",
        help="Active flavour that mixes.",
        rich_help_panel=_STERILE,
    ),
]
Ordering = Annotated[
    str,
    typer.Option(
        "--ordering",
        metavar="normal|inverted",
        help="inverted: the sterile state is the lighter one, and --mass is √|Δm²|.",
        rich_help_panel=_STERILE,
    ),
]
Mediator = Annotated[
    str | None,
    typer.Option(
        "--mediator",
        metavar="scalar|vector|lmu-ltau|b-l",
        help=(
            "New force of the active neutrino: neutrinophilic scalar or vector, or the vector "
            "of gauged L_μ − L_τ or B − L; needs --mediator-mass and --coupling."
        ),
        rich_help_panel=_MEDIATOR,
    ),
]
MediatorMass = Annotated[
    str | None,
    typer.Option(
        "--mediator-mass",
        metavar="QUANTITY",
        help="Mediator mass with its unit: 1GeV, 10MeV.",
        rich_help_panel=_MEDIATOR,
    ),
]
Coupling = Annotated[
    str | None,
    typer.Option(
        "--coupling",
        metavar="NUMBER",
        help="Coupling of the mediator: λ of a scalar, up to 4π, or g of a vector, up to √4π.",
        rich_help_panel=_MEDIATOR,
    ),
]
Bose = Annotated[
    bool,
    typer.Option(
        "--bose",
        help="Add the Bose enhancement of the on-shell scalar to the rate.",
        rich_help_panel=_MEDIATOR,
    ),
]
Convention = Annotated[
    str,
    typer.Option(
        "--convention",
        metavar="exact|paper",
        help="Rate of the mediator: exact, or as printed in the source paper.",
        rich_help_panel=_MEDIATOR,
    ),
]
InputSet = Annotated[
    str,
    typer.Option(
        "--inputs",
        metavar="precise|paper",
        help=(
            "precise: g*(T), massive leptons, hadronic rates, back-reaction. "
            "paper: constant g* = 10.75, constant rates, averaged mixing, no back-reaction."
        ),
        rich_help_panel=_SETUP,
    ),
]
Method = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="boltzmann|qke|both|self-interacting|resonant|freeze-in",
        help=(
            "boltzmann: the fast quadrature. qke: the density matrix, momentum by momentum. "
            "both: the density matrix, and its ratio to the other. self-interacting: growth by a "
            "scalar among sterile neutrinos, from what the quadrature makes. "
            "resonant: driven by --lepton-asymmetry (Shi-Fuller). "
            "freeze-in: decays of a --parent besides oscillations."
        ),
        rich_help_panel=_SETUP,
    ),
]
LeptonAsymmetry = Annotated[
    str | None,
    typer.Option(
        "--lepton-asymmetry",
        metavar="NUMBER",
        help="n_L/n_γ of the flavour at the start, 10 GeV; needs --method resonant.",
        rich_help_panel=_SETUP,
    ),
]
Redistribution = Annotated[
    str | None,
    typer.Option(
        "--redistribution",
        metavar="charge-neutrality|none",
        help="How other leptons and quarks share a lepton asymmetry.",
        show_default="charge-neutrality",
        rich_help_panel=_SETUP,
    ),
]
Degrees = Annotated[
    str | None,
    typer.Option(
        "--plasma",
        metavar="saikawa-shirai|borsanyi",
        help="g*(T) of the precise inputs; the second estimates the systematic.",
        show_default="saikawa-shirai",
        rich_help_panel=_SETUP,
    ),
]
InitialTemperature = Annotated[
    str | None,
    typer.Option(
        "--t-initial",
        metavar="QUANTITY",
        help="Sharp start of production.",
        show_default="before all production",
        rich_help_panel=_SETUP,
    ),
]
FinalTemperature = Annotated[
    str | None,
    typer.Option(
        "--t-final",
        metavar="QUANTITY",
        help="Sharp end of production.",
        show_default="after all production",
        rich_help_panel=_SETUP,
    ),
]
_SELF = "Self-interactions (with --method self-interacting)"
SterileCoupling = Annotated[
    str | None,
    typer.Option(
        "--sterile-coupling",
        metavar="NUMBER",
        help="Coupling y of the scalar to sterile neutrinos, up to 4π.",
        rich_help_panel=_SELF,
    ),
]
SterileMediatorMass = Annotated[
    str | None,
    typer.Option(
        "--sterile-mediator-mass",
        metavar="QUANTITY",
        help="Mass of that scalar with its unit, above twice --mass: 36keV.",
        rich_help_panel=_SELF,
    ),
]
SterileMediator = Annotated[
    str | None,
    typer.Option(
        "--sterile-mediator",
        metavar="real|complex",
        help="The scalar's field; a complex one has lepton number 2.",
        show_default="real",
        rich_help_panel=_SELF,
    ),
]
SeedRelicDensity = Annotated[
    str | None,
    typer.Option(
        "--seed-relic-density",
        metavar="NUMBER",
        help="Ω h² without self-interactions.",
        show_default="computed",
        rich_help_panel=_SELF,
    ),
]
SeedMeanMomentum = Annotated[
    str | None,
    typer.Option(
        "--seed-mean-momentum",
        metavar="NUMBER",
        help="⟨p⟩/T_ν without self-interactions.",
        show_default="computed",
        rich_help_panel=_SELF,
    ),
]
_DARK = "Dark matter"
DarkMass = Annotated[
    str,
    typer.Option(
        "--dm-mass",
        metavar="QUANTITY",
        help="Mass of the dark fermion χ with its unit: 10GeV.",
        rich_help_panel=_DARK,
    ),
]
DarkScalarMass = Annotated[
    str,
    typer.Option(
        "--mediator-mass",
        metavar="QUANTITY",
        help="Mass of the dark scalar φ, above that of χ.",
        rich_help_panel=_DARK,
    ),
]
DarkCoupling = Annotated[
    str | None,
    typer.Option(
        "--coupling",
        metavar="NUMBER",
        help="G = y_L √Σ|U_ℓ4|², the coupling of χ and φ to light neutrinos.",
        show_default="solved for",
        rich_help_panel=_DARK,
    ),
]
Asymmetry = Annotated[
    str,
    typer.Option(
        "--asymmetry",
        metavar="NUMBER",
        help="η = |n_χ − n_χ̄|/s, conserved.",
        rich_help_panel=_DARK,
    ),
]
DarkTarget = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NUMBER",
        help="Relic density Ω h² wanted, without --coupling.",
        show_default="0.12",
        rich_help_panel=_DARK,
    ),
]
HeavyMass = Annotated[
    str | None,
    typer.Option(
        "--heavy-neutrino-mass",
        metavar="QUANTITY",
        help="Mass m₄ of the heavy neutrino; asks for the limits.",
        show_default="10 m_χ",
        rich_help_panel=_DARK,
    ),
]
Yukawa = Annotated[
    str | None,
    typer.Option(
        "--y-l",
        metavar="NUMBER",
        help="y_L; the mixing is then (G/y_L)². Asks for the limits.",
        show_default="4π",
        rich_help_panel=_DARK,
    ),
]
_PLANE = "Plane of the curve"
MassOrRange = Annotated[
    str | None,
    typer.Option(
        "--mass",
        metavar="QUANTITY",
        help="Mass m₄ with its unit, or a range: 7.1keV, 1keV:50keV.",
        rich_help_panel=_STERILE,
    ),
]
MixingOrRange = Annotated[
    str | None,
    typer.Option(
        "--sin2-2theta",
        metavar="NUMBER",
        help="Vacuum mixing sin²2θ, or a range: 7e-11, 1e-12:1e-8.",
        rich_help_panel=_STERILE,
    ),
]
MediatorMassOrRange = Annotated[
    str | None,
    typer.Option(
        "--mediator-mass",
        metavar="QUANTITY",
        help="Mediator mass with its unit, or a range: 1GeV, 1MeV:10GeV.",
        rich_help_panel=_MEDIATOR,
    ),
]
CouplingOrRange = Annotated[
    str | None,
    typer.Option(
        "--coupling",
        metavar="NUMBER",
        help="Coupling of the mediator, or a range: 0.3, 1e-8:1.",
        show_default="solved for, up to 4π or √4π",
        rich_help_panel=_MEDIATOR,
    ),
]
Vary = Annotated[
    str,
    typer.Option(
        "--vary",
        metavar="coupling|sin2-2theta|mass|mediator-mass",
        help="Parameter that is solved for, beside the one given as a range.",
        rich_help_panel=_PLANE,
    ),
]
AtMass = Annotated[
    str | None,
    typer.Option(
        "--at-mass",
        metavar="QUANTITY",
        help="All roots at this value of the parameter with the range (the mediator's mass).",
        rich_help_panel=_PLANE,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NUMBER",
        help="Relic density Ω h² wanted.",
        show_default="0.12",
        rich_help_panel=_PLANE,
    ),
]
PlotFile = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw the curve (png, pdf, svg); needs matplotlib.",
        rich_help_panel=OUTPUT,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object to stdout, with energies in MeV.",
        rich_help_panel=OUTPUT,
    ),
]
ClassFolder = Annotated[
    Path | None,
    typer.Option(
        "--class-output",
        metavar="DIR",
        help="Folder for nujax_psd.dat and nujax.ini, which CLASS reads as they are.",
        rich_help_panel=OUTPUT,
    ),
]
Gradient = Annotated[
    bool,
    typer.Option(
        "--gradient",
        help="Add d ln Ω h²/d ln of every parameter.",
        rich_help_panel=OUTPUT,
    ),
]
Config = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG.toml",
        help="Tables [sterile], [mediator], [inputs] and [fit], keys as the Python fields.",
        show_default=False,
    ),
]
_SCAN = "Scan"
ScanConfig = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG.toml",
        help="Tables [sterile], [mediator], [inputs], [scan] and [scan.parameters].",
        show_default=False,
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FOLDER",
        help="Zarr store to make, out.zarr for example.",
        rich_help_panel=_SCAN,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a store of the same scan, if it exists.",
        rich_help_panel=_SCAN,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Scheduler of a Dask cluster, tcp://host:8786 for example.",
        show_default="this machine",
        rich_help_panel=_SCAN,
    ),
]
StatusOf = Annotated[
    Path | None,
    typer.Option(
        "--status",
        metavar="STORE",
        help="Only say how far a store is, and check all its files.",
        rich_help_panel=_SCAN,
    ),
]
Alone = Annotated[
    bool,
    typer.Option(
        "--no-production",
        help="Do not compute Ω h² and the spectrum: take ν_s to be all dark matter.",
        rich_help_panel=_SETUP,
    ),
]
Figure = Annotated[
    str,
    typer.Argument(
        metavar="FIGURE",
        help=(
            "scalar-curve, scalar-production, scalar-spectra, mixing-plane, vector-evolution, "
            "vector-curve, lmu-ltau-curve, b-l-curve or matter-power."
        ),
        show_default=False,
    ),
]
FigureFile = Annotated[
    Path,
    typer.Option(
        "--output",
        metavar="FILE",
        help="File to draw (png, pdf, svg); needs matplotlib.",
        rich_help_panel=OUTPUT,
    ),
]

_DECAYS = "Freeze-in (with --method freeze-in)"


def _decay(name: str, metavar: str, text: str):
    return typer.Option(name, metavar=metavar, help=text, rich_help_panel=_DECAYS)


Parent = Annotated[
    str | None,
    _decay(
        "--parent",
        "scalar|frozen-out-scalar|frozen-in-scalar|b-l|thermal-b-l",
        "What decays into sterile neutrinos: a scalar in equilibrium, or with a number of its own; "
        "the boson of B − L, made by fermions or in equilibrium.",
    ),
]
ParentMass = Annotated[str | None, _decay("--parent-mass", "QUANTITY", "Its mass: 100GeV.")]
Width = Annotated[
    str | None, _decay("--width", "QUANTITY", "Γ(S → NN) of a scalar at rest: 1e-12eV.")
]
ParentYukawa = Annotated[
    str | None, _decay("--yukawa", "NUMBER", "y of L = −(y/2) S N̄ᶜN in place of --width.")
]
ParentCoupling = Annotated[
    str | None, _decay("--parent-coupling", "NUMBER", "Gauge coupling g of the boson of B − L.")
]
CrossSection = Annotated[
    str | None,
    _decay(
        "--cross-section",
        "NUMBER",
        "⟨σv⟩ of pairs of decoupled scalars with the plasma, in GeV⁻².",
    ),
]
TransitionOption = Annotated[
    str | None,
    typer.Option(
        "--transition",
        metavar="step:TEMPERATURE|smooth:TEMPERATURE[:WIDTH]",
        help="The mass changes at this temperature, mixing angle × mass stays; see --mass-before.",
        rich_help_panel=_STERILE,
    ),
]
MassBefore = Annotated[
    str | None,
    typer.Option(
        "--mass-before",
        metavar="QUANTITY",
        help="Mass of the sterile neutrino above --transition.",
        rich_help_panel=_STERILE,
    ),
]
