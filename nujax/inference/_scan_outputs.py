r"""What a scan can compute of a point: a table of named outputs, and the batched function.

A later capability adds an entry to `OUTPUTS`; the store, the engines and the command line know
only the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..abundance import comoving_yield, relic_density_of_yield
from ..production import ProductionResult, Status
from ..production._regime import REGIMES
from ._problem import PARAMETERS, Theory, values_of, with_values

NOT_COMPUTED = 255  # of integers; floats have NaN


class Computed(NamedTuple):
    """All there is to know of one point; what no output needs is None."""

    theory: Theory
    relic_density: jax.Array
    mean_momentum: jax.Array | None
    error_estimate: jax.Array
    status_code: jax.Array
    slopes: dict[str, jax.Array] | None = None
    result: ProductionResult | None = None
    x: np.ndarray | None = None


class Variable(NamedTuple):
    """How the store holds an array: its dimensions beside the point, and attributes."""

    dims: tuple[str, ...]
    dtype: str | None  # None: the precision of the scan
    attributes: dict[str, Any]


class Output(NamedTuple):
    """One output: a function of what is computed, of one point.

    needs  "moments"  Ω h², its error and status; microseconds a point
           "momentum" ⟨x⟩; hardly longer, but for derivatives
           "slopes"   d ln Ω h²/d ln of every parameter; ten times as long
           "result"   the `ProductionResult` with its spectrum; a millisecond a point
    """

    function: Callable[[Computed], Any]
    needs: str
    variable: Variable


def codes(names: tuple[str, ...]) -> dict[str, Any]:
    """Attributes of an integer that stands for a word (CF conventions)."""
    return {"flag_values": [*range(len(names)), NOT_COMPUTED],
            "flag_meanings": " ".join([*names, "not_computed"])}  # fmt: skip


STATUS = Variable(
    (), "uint8", {"long_name": "numerical status", **codes(tuple(s.name for s in Status))}
)


def _number(name: str, units: str = "1") -> Variable:
    return Variable((), None, {"long_name": name, "units": units})


def _slope(parameter: str) -> Output:
    def function(computed: Computed):
        assert computed.slopes is not None
        return computed.slopes[parameter]

    return Output(function, "slopes", _number(f"d ln(Omega h^2) / d ln({parameter})"))


def _spectrum(computed: Computed):
    assert computed.result is not None
    return computed.result.distribution(jnp.asarray(computed.x))


def _regime(computed: Computed):
    assert computed.result is not None
    return computed.result.regime.code


OUTPUTS: dict[str, Output] = {
    "relic_density": Output(
        lambda c: c.relic_density, "moments", _number("relic density Omega h^2")
    ),
    "mean_momentum": Output(
        lambda c: c.mean_momentum, "momentum", _number("mean comoving momentum <p/T> at T_final")
    ),
    "error_estimate": Output(
        lambda c: c.error_estimate, "moments", _number("relative error estimate of Omega h^2")
    ),
    **{f"gradient_{name}": _slope(name) for name in PARAMETERS},
    "spectrum": Output(
        _spectrum,
        "result",
        Variable(
            ("x",),
            None,
            {"long_name": "f(x = p/T at T_final) of one helicity state", "units": "1"},
        ),
    ),
    "regime": Output(
        _regime, "result", Variable((), "uint8", {"long_name": "regime", **codes(REGIMES)})
    ),
}
# One word for several outputs.
GROUPS = {"gradients": tuple(f"gradient_{name}" for name in PARAMETERS)}
DEFAULT_OUTPUTS = ("relic_density", "mean_momentum", "error_estimate")


def needs_of(outputs: tuple[str, ...]) -> set[str]:
    """Kinds of computation that these outputs need."""
    return {OUTPUTS[name].needs for name in outputs}


@eqx.filter_jit
def evaluate_block(
    theory: Theory,
    values: jax.Array | np.ndarray,
    names: tuple[str, ...],
    outputs: tuple[str, ...],
    x: tuple[float, ...],
) -> dict[str, jax.Array]:
    """Outputs by name [B, …], "status" among them, at `values` [B, K] of the parameters `names`.

    Points of a block share nodes, so that a number depends on its block in the last digits: the
    same block always gives the same numbers.
    """
    needs = needs_of(outputs)
    grid = np.asarray(x)

    def quick(row):
        point = with_values(theory, {name: row[i] for i, name in enumerate(names)})
        return _computed(point, "momentum" in needs, "slopes" in needs)

    computed = jax.vmap(quick)(values)
    status, found = computed.status_code, {}
    for name in outputs:
        if OUTPUTS[name].needs != "result":
            found[name] = jax.vmap(OUTPUTS[name].function)(computed)
    if "result" in needs:

        def slow(arguments):
            row, point = arguments
            theory_here = with_values(theory, {name: row[i] for i, name in enumerate(names)})
            result = theory_here.method.solve(
                theory_here.sterile, theory_here.interaction, theory_here.plasma
            )
            point = point._replace(theory=theory_here, result=result, x=grid)
            return {
                name: OUTPUTS[name].function(point)
                for name in outputs
                if OUTPUTS[name].needs == "result"
            }

        # One after the other: lattices of a whole block would not fit into any cache.
        found |= jax.lax.map(slow, (values, computed))
    for value in found.values():
        if jnp.issubdtype(value.dtype, jnp.floating):
            sound = jnp.all(jnp.isfinite(value.reshape(len(value), -1)), axis=1)
            worse = (status == Status.ok) & ~sound
            status = jnp.where(worse, int(Status.non_finite), status)
    return found | {"status": status}


def _computed(theory: Theory, momentum: bool, slopes: bool) -> Computed:
    """The moments of one point, and the logarithmic derivatives of Ω h² where asked for."""

    def solved(shifts):
        # Parameter = value e^shift: at shift 0 the derivative is the logarithmic one.
        present = values_of(theory)
        shifted = with_values(theory, {n: present[n] * jnp.exp(s) for n, s in shifts.items()})
        physics = shifted.sterile, shifted.interaction, shifted.plasma
        m = shifted.method.moments(*physics, outputs=2 if momentum else 1)
        mean = m.momentum / m.number if momentum and m.momentum is not None else None
        yield_ = comoving_yield(m.number, shifted.plasma.entropy_degrees(m.T_final))
        density = relic_density_of_yield(shifted.sterile.mass, yield_, shifted.plasma)
        rest = {
            "relic_density": density,
            "mean_momentum": mean,
            "error_estimate": m.error_estimate,
            "status_code": m.status_code,
        }
        return jnp.log(density), rest

    if not slopes:
        rest, gradient = solved({})[1], None
    else:
        zeros = {name: jnp.zeros_like(value) for name, value in values_of(theory).items()}
        gradient, rest = jax.grad(solved, has_aux=True)(zeros)
    return Computed(theory, slopes=gradient, **rest)
