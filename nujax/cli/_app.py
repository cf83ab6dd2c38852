"""The commands. Everything heavy is imported inside them, so that `nujax --help` is quick."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from nujax import __version__
from nujax._files import write_whole

from . import _options as options
from . import _self_interacting as self_interacting
from ._births import decay_report
from ._config import read_fit
from ._inputs import BadInput, Inputs, read_grid, read_inputs
from ._report import (
    answer,
    check_output,
    csv_text,
    finish,
    message,
    print_json,
    print_tables,
)
from ._resonant import asymmetry_report
from ._scan_config import read_scan

app = typer.Typer(
    name="nujax",
    help=(
        "Sterile-neutrino dark matter: relic density, momentum spectrum and derivatives for "
        "Dodelson-Widrow production, with or without a new force of the active neutrino.\n\n"
        "Energies carry their unit (7.1keV, 1GeV). Results go to stdout, everything else to "
        "stderr. Exit code: 0 fine, 1 numerical failure, 2 bad input."
    ),
    epilog=(
        "Start with: nujax relic --mass 7.1keV --sin2-2theta 7e-11 --mediator scalar "
        "--mediator-mass 1GeV --coupling 0.3 --gradient"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without Ω must not turn an answer into an error.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    app()


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"nujax {__version__}")
        raise typer.Exit


@app.callback()
def _nujax(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Holds the options that come before the command."""


@app.command(
    epilog="Example: nujax relic --mass 7.1keV --sin2-2theta 7e-11 --flavour mu --gradient --json"
)
def relic(
    mass: options.Mass,
    sin2_2theta: options.Mixing,
    flavour: options.Flavour = "mu",
    ordering: options.Ordering = "normal",
    mediator: options.Mediator = None,
    mediator_mass: options.MediatorMass = None,
    coupling: options.Coupling = None,
    bose: options.Bose = False,
    convention: options.Convention = "exact",
    inputs: options.InputSet = "precise",
    method: options.Method = "boltzmann",
    lepton_asymmetry: options.LeptonAsymmetry = None,
    redistribution: options.Redistribution = None,
    plasma: options.Degrees = None,
    t_initial: options.InitialTemperature = None,
    t_final: options.FinalTemperature = None,
    sterile_coupling: options.SterileCoupling = None,
    sterile_mediator_mass: options.SterileMediatorMass = None,
    sterile_mediator: options.SterileMediator = None,
    seed_relic_density: options.SeedRelicDensity = None,
    seed_mean_momentum: options.SeedMeanMomentum = None,
    parent: options.Parent = None,
    parent_mass: options.ParentMass = None,
    width: options.Width = None,
    yukawa: options.ParentYukawa = None,
    parent_coupling: options.ParentCoupling = None,
    cross_section: options.CrossSection = None,
    transition: options.TransitionOption = None,
    mass_before: options.MassBefore = None,
    gradient: options.Gradient = False,
    as_json: options.Json = False,
) -> None:
    """Relic density Ω h², mean momentum and logarithmic derivatives of one point."""
    try:
        point = self_interacting.read_any(
            dark={
                "sterile-coupling": sterile_coupling,
                "sterile-mediator-mass": sterile_mediator_mass,
                "sterile-mediator": sterile_mediator,
                "seed-relic-density": seed_relic_density,
                "seed-mean-momentum": seed_mean_momentum,
            },
            mass=mass,
            sin2_2theta=sin2_2theta,
            flavour=flavour,
            mediator=mediator,
            mediator_mass=mediator_mass,
            coupling=coupling,
            bose=bose,
            convention=convention,
            inputs=inputs,
            plasma=plasma,
            t_initial=t_initial,
            t_final=t_final,
            method=method,
            ordering=ordering,
            lepton_asymmetry=lepton_asymmetry,
            redistribution=redistribution,
            transition=transition,
            mass_before=mass_before,
            decay={
                "parent": parent,
                "parent-mass": parent_mass,
                "width": width,
                "yukawa": yukawa,
                "parent-coupling": parent_coupling,
                "cross-section": cross_section,
            },
        )
    except BadInput as error:
        _refuse(error)
    if isinstance(point, self_interacting.SelfInteractingInputs):
        try:
            result, slopes = self_interacting.compute(point, gradient)
        except BadInput as error:
            _refuse(error)
        report = answer(point, result, slopes)
    else:
        compute = _load_compute(point)

        result = compute.solve(point)
        slopes = compute.log_gradient(point) if gradient else None
        report = answer(point, result, slopes)
        if method == "resonant":
            report |= asymmetry_report(result)
        elif method == "freeze-in":
            report |= decay_report(result)
        elif method != "boltzmann":
            report |= compute.comparison(point, result)
    if as_json:
        print_json(report)
    else:
        print_tables(point, report)
    raise typer.Exit(finish(report))


@app.command(
    epilog="Example: nujax spectrum --mass 7.1keV --sin2-2theta 7e-11 --output spectrum.csv"
)
def spectrum(
    mass: options.Mass,
    sin2_2theta: options.Mixing,
    flavour: options.Flavour = "mu",
    mediator: options.Mediator = None,
    mediator_mass: options.MediatorMass = None,
    coupling: options.Coupling = None,
    bose: options.Bose = False,
    convention: options.Convention = "exact",
    inputs: options.InputSet = "precise",
    plasma: options.Degrees = None,
    t_initial: options.InitialTemperature = None,
    t_final: options.FinalTemperature = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV file, replaced if it exists.",
            show_default="stdout",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    points: Annotated[
        str,
        typer.Option(
            metavar="NUMBER",
            help="Number of momenta, evenly spaced in ln x.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "200",
    x_min: Annotated[
        str,
        typer.Option(
            metavar="NUMBER",
            help="Smallest x = p/T at the final temperature.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "0.01",
    x_max: Annotated[
        str,
        typer.Option(metavar="NUMBER", help="Largest x.", rich_help_panel=options.OUTPUT),
    ] = "25",
    class_output: options.ClassFolder = None,
    gradient: options.Gradient = False,
    as_json: options.Json = False,
) -> None:
    """Momentum spectrum f(x) of one helicity state, as CSV: x, f, f_over_fermi_dirac."""
    try:
        point = read_inputs(
            mass=mass,
            sin2_2theta=sin2_2theta,
            flavour=flavour,
            mediator=mediator,
            mediator_mass=mediator_mass,
            coupling=coupling,
            bose=bose,
            convention=convention,
            inputs=inputs,
            plasma=plasma,
            t_initial=t_initial,
            t_final=t_final,
        )
        grid = read_grid(x_min, x_max, points)
        if output is not None:
            check_output(output)
        if class_output is not None:
            from ._class import check_folder

            check_folder(class_output)
    except BadInput as error:
        _refuse(error)
    compute = _load_compute(point)

    result = compute.solve(point)
    slopes = compute.log_gradient(point) if gradient else None
    columns = compute.sample_spectrum(result, *grid)
    report = answer(point, result, slopes, columns)
    finite = report["status"] != "non_finite"
    if output is not None and finite:
        write_whole(output, csv_text(columns))
    if class_output is not None and report["status"] == "ok":
        from ._class import write

        try:
            report |= write(point, result, class_output)
        except BadInput as error:
            _refuse(error)
    if as_json:
        print_json(report)
    elif output is not None or class_output is not None:
        print_tables(point, report)
    elif finite:
        sys.stdout.write(csv_text(columns))
        print_tables(point, report, stderr=True)
    raise typer.Exit(finish(report))


@app.command(
    epilog=(
        "Example: nujax curve --mediator scalar --mass 7.1keV --sin2-2theta 7e-11 "
        "--mediator-mass 1MeV:10GeV --plot s.png"
    )
)
def curve(
    mass: options.MassOrRange = None,
    sin2_2theta: options.MixingOrRange = None,
    flavour: options.Flavour = "mu",
    mediator: options.Mediator = None,
    mediator_mass: options.MediatorMassOrRange = None,
    coupling: options.CouplingOrRange = None,
    bose: options.Bose = False,
    convention: options.Convention = "exact",
    inputs: options.InputSet = "precise",
    plasma: options.Degrees = None,
    t_initial: options.InitialTemperature = None,
    t_final: options.FinalTemperature = None,
    vary: options.Vary = "coupling",
    at_mass: options.AtMass = None,
    target: options.Target = None,
    plot: options.PlotFile = None,
    as_json: options.Json = False,
) -> None:
    """All points of a plane with the relic density Ω h² = 0.12: branches, folds, roots.

    One parameter is a range low:high, the other one of the plane is named by --vary (default: the
    coupling) and left out, or a range that bounds it.
    """
    from . import _curve

    try:
        request = _curve.read_curve_inputs(
            {
                "mass": mass,
                "sin2-2theta": sin2_2theta,
                "mediator-mass": mediator_mass,
                "coupling": coupling,
            },
            vary=vary,
            at=at_mass,
            target=target,
            plot=plot,
            flavour=flavour,
            mediator=mediator,
            bose=bose,
            convention=convention,
            inputs=inputs,
            plasma=plasma,
            t_initial=t_initial,
            t_final=t_final,
        )
        _load_compute(request.point)
        report = _curve.compute(request)
    except BadInput as error:
        _refuse(error)
    raise typer.Exit(_curve.show(request, report, as_json))


@app.command(epilog="Example: nujax fit fit.toml --json")
def fit(config: options.Config, as_json: options.Json = False) -> None:
    """Parameters that give the observed Ω h², from many starts; the README shows a file."""
    try:
        setup = read_fit(config)
    except BadInput as error:
        _refuse(error)
    _load_compute(setup.inputs)
    from ._fit import finish_fit, print_fit, run_fit

    try:
        report = run_fit(setup)
    except BadInput as error:
        _refuse(error)
    if as_json:
        print_json(report)
    else:
        print_fit(report)
    raise typer.Exit(finish_fit(report))


@app.command(
    name="freeze-out",
    epilog="Example: nujax freeze-out --dm-mass 10GeV --mediator-mass 30GeV --coupling 0.25 --json",
)
def freeze_out(
    dm_mass: options.DarkMass,
    mediator_mass: options.DarkScalarMass,
    coupling: options.DarkCoupling = None,
    asymmetry: options.Asymmetry = "0",
    target: options.DarkTarget = None,
    heavy_neutrino_mass: options.HeavyMass = None,
    y_l: options.Yukawa = None,
    flavour: options.Flavour = "mu",
    plasma: options.Degrees = None,
    gradient: options.Gradient = False,
    as_json: options.Json = False,
) -> None:
    """Thermal dark matter through the neutrino portal: Ω h², or the coupling that gives it.

    Without --coupling the coupling is solved for. With --heavy-neutrino-mass or --y-l the point is
    compared with the limits of experiments.
    """
    from . import _freeze_out

    try:
        request = _freeze_out.read_request(
            dm_mass=dm_mass,
            mediator_mass=mediator_mass,
            coupling=coupling,
            asymmetry=asymmetry,
            target=target,
            plasma=plasma,
            heavy_neutrino_mass=heavy_neutrino_mass,
            flavour=flavour,
            y_l=y_l,
        )
    except BadInput as error:
        _refuse(error)
    report = _freeze_out.compute(request, gradient)
    raise typer.Exit(_freeze_out.show(report, as_json))


@app.command(
    epilog="Example: nujax scan scan.toml --store out.zarr; later nujax scan --status out.zarr"
)
def scan(
    config: options.ScanConfig = None,
    store: options.StoreFolder = None,
    resume: options.Resume = False,
    dask: options.Dask = None,
    status: options.StatusOf = None,
    as_json: options.Json = False,
) -> None:
    """Many points into a Zarr store that can be killed at any moment and resumed.

    Exit code: 0 complete; 1 more points flagged than `scan.allowed_flagged` (5 %), or, with
    --status, not complete; 2 bad input or disk; 130 interrupted by Ctrl-C.
    """
    try:
        if status is not None:
            if config is not None or store is not None or resume or dask is not None:
                raise BadInput("Argument `status` must be given alone.")
            if not status.exists():
                raise BadInput(f"Argument `status` must be a store, but {status} does not exist.")
            setup = None
        else:
            for name, value in (("config", config), ("store", store)):
                if value is None:
                    raise BadInput(f"Argument `{name}` must be given, but is missing.")
            assert config is not None
            setup = read_scan(config)
    except BadInput as error:
        _refuse(error)
    from . import _scan

    try:
        if setup is None:
            assert status is not None
            report = _scan.run_status(status)
        else:
            assert store is not None
            _load_compute(setup.inputs)
            report = _scan.run_scan(setup, store, resume=resume, dask=dask)
    except BadInput as error:
        _refuse(error)
    except _scan.Failed as error:
        message(str(error))
        raise typer.Exit(1) from None
    if as_json:
        print_json(report)
    else:
        _scan.print_scan(report)
    raise typer.Exit(_scan.finish_scan(report, status=setup is None))


@app.command(
    epilog=(
        "Example: nujax limits --mass 7.1keV --sin2-2theta 7e-11 --mediator vector "
        "--mediator-mass 100MeV --coupling 1e-5"
    )
)
def limits(
    mass: options.Mass,
    sin2_2theta: options.Mixing,
    flavour: options.Flavour = "mu",
    mediator: options.Mediator = None,
    mediator_mass: options.MediatorMass = None,
    coupling: options.Coupling = None,
    bose: options.Bose = False,
    convention: options.Convention = "exact",
    inputs: options.InputSet = "precise",
    plasma: options.Degrees = None,
    t_initial: options.InitialTemperature = None,
    t_final: options.FinalTemperature = None,
    no_production: options.Alone = False,
    as_json: options.Json = False,
) -> None:
    """Is it still allowed? One point against X-rays, structure, decays and searches.

    Exit code 0 whatever the verdict; 1 if production failed, 2 for bad input.
    """
    from . import _limits

    try:
        point = read_inputs(
            mass=mass,
            sin2_2theta=sin2_2theta,
            flavour=flavour,
            mediator=mediator,
            mediator_mass=mediator_mass,
            coupling=coupling,
            bose=bose,
            convention=convention,
            inputs=inputs,
            plasma=plasma,
            t_initial=t_initial,
            t_final=t_final,
        )
    except BadInput as error:
        _refuse(error)
    _load_compute(point)
    report = _limits.compute(point, production=not no_production)
    raise typer.Exit(_limits.show(report, as_json))


@app.command(epilog="Example: nujax plot scalar-spectra --output spectra.png")
def plot(figure: options.Figure, output: options.FigureFile) -> None:
    """Draws a figure of 1910.04901 or 2005.03681; seconds to minutes."""
    from . import _plot

    try:
        _plot.check(figure, output)
    except BadInput as error:
        _refuse(error)
    _plot.draw(figure, output)


def _load_compute(point: Inputs):
    """JAX and the physics, loaded only after the input has been checked without them."""
    from ._runtime import prepare_jax

    prepare_jax()
    from . import _compute

    try:
        _compute.check_limits(point)
    except BadInput as error:
        _refuse(error)
    return _compute


def _refuse(error: BadInput) -> NoReturn:
    message(str(error))
    raise typer.Exit(2)
