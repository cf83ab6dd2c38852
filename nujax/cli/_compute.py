"""From checked inputs to numbers. Loading this module loads JAX."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nujax as nj
from nujax.production import AbstractMethod
from nujax.production._boltzmann import integration_limits
from nujax.production._solve import check_arguments
from nujax.statistics import fermi_dirac

from ._inputs import BadInput, Inputs


def theory(
    inputs: Inputs,
) -> tuple[nj.SterileNeutrino, nj.AbstractInteraction, nj.Plasma, AbstractMethod]:
    """Sterile neutrino, interaction, plasma and method of the inputs."""
    return (
        *theory_of(inputs, inputs.parameters()),
        plasma_of(inputs),
        method_of(inputs),
    )


def solve(inputs: Inputs) -> nj.ProductionResult:
    """Production at one point."""
    sterile, interaction, plasma, method = theory(inputs)
    return nj.solve_production(sterile, interaction, plasma=plasma, method=method)


def check_limits(inputs: Inputs) -> None:
    """Checks the temperatures against the default of the limit that was left out.

    Raises `BadInput` if production would end before it starts, or where no kernel is tabulated.
    """
    sterile, interaction = theory_of(inputs, inputs.parameters())
    limits = integration_limits(method_of(inputs), interaction, plasma_of(inputs), jnp.float64)
    initial, final = (float(limit) for limit in limits)
    if final >= initial:
        raise BadInput(
            f"Argument `t-final` must lie below `t-initial` ({initial:g} MeV), "
            f"but is {final:g} MeV."
        )
    try:
        check_arguments(sterile, interaction, plasma_of(inputs), method_of(inputs))
    except ValueError as error:
        raise BadInput(str(error)) from error


def log_gradient(inputs: Inputs) -> dict[str, float]:
    """d ln Ω h² / d ln(parameter) for every continuous parameter, in forward mode."""
    values = inputs.parameters()
    plasma = plasma_of(inputs)

    def log_relic_density(shifts: dict[str, jax.Array]) -> jax.Array:
        # Parameter = value e^shift: at shift 0 the derivative is the logarithmic one.
        shifted = {name: values[name] * jnp.exp(shift) for name, shift in shifts.items()}
        sterile, interaction = theory_of(inputs, shifted)
        method = method_of(inputs, shifted)
        return jnp.log(nj.relic_density(sterile, interaction, plasma=plasma, method=method))

    gradient = jax.jacfwd(log_relic_density)({name: jnp.zeros(()) for name in values})
    return {name: float(gradient[name]) for name in values}  # JAX returns them sorted


def comparison(inputs: Inputs, result: nj.ProductionResult) -> dict[str, Any]:
    """What the density matrix is good for here; for "both" the Boltzmann equation beside it."""
    sterile, interaction, plasma, method = theory(inputs)
    found = nj.find_resonances(sterile, interaction, plasma=plasma, method=method)
    report: dict[str, Any] = {
        "recommendation": {"method": found.recommendation, "reasons": found.reasons}
    }
    if inputs.method == "both":
        other = solve(replace(inputs, method="boltzmann"))
        report["boltzmann"] = {
            "relic_density": float(other.relic_density),
            "mean_momentum": float(other.mean_momentum),
            "status": str(other.status.name),  # pyright: ignore[reportAttributeAccessIssue]
        }
        report["ratio"] = float(result.relic_density / other.relic_density)
    return report


def sample_spectrum(
    result: nj.ProductionResult, x_min: float, x_max: float, points: int
) -> dict[str, np.ndarray]:
    """Columns x, f and f/f_FD of the spectrum; x evenly spaced in ln x, ends included."""
    x = np.geomspace(x_min, x_max, points)
    f = np.asarray(result.distribution(jnp.asarray(x)))
    return {"x": x, "f": f, "f_over_fermi_dirac": f / np.asarray(fermi_dirac(jnp.asarray(x)))}


def theory_of(inputs: Inputs, values) -> tuple[nj.SterileNeutrino, nj.AbstractInteraction]:
    """The sterile neutrino and everything its active partner feels."""
    sterile = nj.SterileNeutrino(
        mass=values["mass"],
        sin2_2theta=values["sin2_2theta"],
        flavour=inputs.flavour,
        ordering=inputs.ordering,
        transition=(
            None if inputs.history is None else inputs.history.build(values["mass"], values)
        ),
    )
    standard = nj.StandardModel(convention="paper" if inputs.inputs == "paper" else "exact")
    if inputs.mediator is None:
        return sterile, standard
    numbers = {"mass": values["mediator_mass"], "coupling": values["coupling"]}
    if inputs.mediator == "scalar":
        mediator = nj.ScalarMediator(**numbers, convention=inputs.convention, bose=inputs.bose)
    else:
        vectors = {"vector": nj.VectorMediator, "lmu-ltau": nj.LMuMinusLTau, "b-l": nj.BMinusL}
        mediator = vectors[inputs.mediator](**numbers, convention=inputs.convention)
    return sterile, standard + mediator


def plasma_of(inputs: Inputs) -> nj.Plasma:
    """Constant g* for the paper's inputs, else the chosen g*(T)."""
    if inputs.inputs == "paper":
        return nj.Plasma.constant(10.75)
    return nj.Plasma.standard(degrees=inputs.plasma)


def method_of(inputs: Inputs, values: Any = None) -> AbstractMethod:
    """The method with the choices that belong to the inputs; of "both" the density matrix.

    `values` may replace the inputs' parameters.
    """
    if inputs.method == "resonant":
        given: dict[str, Any] = {"T_initial": inputs.t_initial, "T_final": inputs.t_final}
        return nj.Resonant(
            (values or {}).get("lepton_asymmetry", inputs.lepton_asymmetry),
            redistribution=inputs.redistribution or "charge-neutrality",
            **{name: value for name, value in given.items() if value is not None},
        )
    if inputs.method in ("qke", "both"):
        return nj.QuantumKinetic(T_initial=inputs.t_initial, T_final=inputs.t_final)
    paper = inputs.inputs == "paper"
    quadrature = nj.BoltzmannQuadrature(
        back_reaction=not paper,
        mixing="averaged" if paper else "quasi-static",
        T_initial=inputs.t_initial,
        T_final=inputs.t_final,
    )
    if inputs.decay is None:
        return quadrature
    return nj.FreezeIn(inputs.decay.build(values or inputs.parameters()), quadrature)
