"""Sterile self-interactions: the method `SelfInteracting`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import equinox as eqx
import jax

from ..._checks import (
    check_at_most,
    check_choice,
    check_double_precision,
    check_positive,
    check_window,
)
from ...interactions._base import AbstractInteraction
from ...plasma import Plasma
from ...sterile import SterileNeutrino
from .._boltzmann import _limit
from .._method import AbstractMethod, Moments
from .._result import ProductionResult
from ._pairs import MATRIX_ELEMENTS
from ._seed import AbstractSeed, OscillationSeed
from ._theory import SterileScalar, check_on_shell

if TYPE_CHECKING:
    import diffrax

EXPANSIONS = ("total", "plasma")
_T_INITIAL = 300.0  # [MeV]
_COLD = 20.0  # T_final = m_s/20
_SMALLEST_TOLERANCE = 1e-12


@final
class SelfInteracting(AbstractMethod):
    r"""Exponential growth: sterile neutrinos that make more of themselves (2206.10630).

    A seed of ν_s from oscillations turns active neutrinos into sterile ones, ν_aν_s → φ → ν_sν_s,
    and its own energy into numbers, ν_sν_s → φφ → 4ν_s. Once self-interactions keep ν_s and φ in
    kinetic equilibrium, with T_d and μ_φ = 2μ_s, everything is in n = n_s + 2n_φ and ρ:
        ṅ + 3Hn = C_as + 2γ(T_d) e^{2ξ}(1 − e^{2ξ}),   ρ̇ + 3H(ρ + P) = C_as^E,   ξ = μ_s/T_d.
    C_as is ν_aν_s ↔ φ on shell with quantum statistics, in and out, for a thermal ν_a; γ the rate
    of pairs with Maxwell–Boltzmann statistics. C_as is the conversion of ν_a in the basis of mass
    states: Γ_s sin²θ(f_a − f_s) is the same process in another basis, and is not added to it.

    scalar          `SterileScalar`, with m > 2m_s
    seed            default `OscillationSeed()`, what the theory makes by oscillations alone; or a
                    `GivenSeed`
    matrix_element  of ν_sν_s ↔ φφ: "exact", or "paper" with m_s = 0 in its numerator, which the
                    published numbers have. Same couplings at Ω h² = 0.12 where pairs play no part
                    (first benchmark, 1.9019e-4 against 1.9049e-4); 9 % apart in the second
                    (1.4597e-3 against 1.6032e-3), where they do all the growth
    expansion       "total": H with the energy of ν_s and φ; "plasma": without, as the source
    T_initial       [MeV], default 300: the seed is complete and in kinetic equilibrium from there
    T_final         [MeV], default m_s/20
    rtol            of ln T_d and ξ in each step; Ω h² is right to about 10 times that
    max_steps       of the solver
    solver          of diffrax, default `Rodas4` of this package
    keep_history    T_d, ξ and rates against T_ν in the result
    adjoint         None: derivatives by forward sensitivities of all numbers at once, which serve
                    forward and reverse mode. Or one of diffrax

    Temperatures are those of active neutrinos, T_ν, which decouple from e± at 1.4 MeV at once. The
    x of the result is p/T at 1.4 MeV, redshifted with entropy: (p/T_ν) to 0.2 %.

    Approximations. Kinetic equilibrium from the beginning, as ν_sν_s ↔ φ establishes it at T ~ m;
    `MomentumResolved` does without it, and finds the same Ω h² to 2 % (without pairs). ν_a is not
    depleted: `runaway` where n has been half of that of ν_a at any time. The medium's potential
    does not suppress the mixing: T_ν below some hundred MeV. φ is on shell: no exchange far below
    its mass.

    Status `max_steps`: derivatives and numbers are NaN. Raises `ValueError` in single precision,
    for m ≤ 2m_s, unknown words and numbers that are not positive.
    """

    scalar: SterileScalar
    seed: AbstractSeed
    matrix_element: str = eqx.field(static=True)
    expansion: str = eqx.field(static=True)
    T_initial: jax.Array
    T_final: jax.Array | None
    rtol: float = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    solver: diffrax.AbstractSolver | None
    keep_history: bool = eqx.field(static=True)
    adjoint: diffrax.AbstractAdjoint | None

    def __init__(
        self,
        scalar: SterileScalar,
        seed: AbstractSeed | None = None,
        matrix_element: str = "exact",
        expansion: str = "total",
        T_initial: Any = None,
        T_final: Any = None,
        rtol: float = 1e-6,
        max_steps: int = 4096,
        solver: diffrax.AbstractSolver | None = None,
        keep_history: bool = False,
        adjoint: diffrax.AbstractAdjoint | None = None,
    ):
        check_double_precision("SelfInteracting")
        seed = OscillationSeed() if seed is None else seed
        for name, value, kind in (
            ("scalar", scalar, SterileScalar),
            ("seed", seed, AbstractSeed),
        ):
            if not isinstance(value, kind):
                raise TypeError(
                    f"Argument `{name}` must be of type {kind.__name__}, "
                    f"but is {type(value).__name__}."
                )
        check_choice("matrix_element", matrix_element, MATRIX_ELEMENTS)
        check_choice("expansion", expansion, EXPANSIONS)
        check_positive("max_steps", max_steps)
        if not _SMALLEST_TOLERANCE <= rtol <= 1e-2:
            raise ValueError(f"Argument `rtol` must lie between 1e-12 and 0.01, but is {rtol}.")
        self.scalar = scalar
        self.seed = seed
        self.matrix_element = matrix_element
        self.expansion = expansion
        initial = _limit("T_initial", _T_INITIAL if T_initial is None else T_initial)
        assert initial is not None
        self.T_initial = initial
        self.T_final = _limit("T_final", T_final)
        self.rtol = float(rtol)
        self.max_steps = int(max_steps)
        self.solver = solver
        self.keep_history = bool(keep_history)
        self.adjoint = adjoint

    def check(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> None:
        """Raise `ValueError` for m ≤ 2m_s, or limits that are inverted or out of range."""
        check_on_shell(sterile, self.scalar)
        final = self.last_temperature(sterile)
        check_window(self.T_initial, final)
        check_at_most("T_initial", self.T_initial, 1e6, "the range of g*(T)")
        check_at_most("T_final", final, 1.0, "n_s is final only where neutrinos have decoupled")

    def last_temperature(self, sterile: SterileNeutrino) -> jax.Array:
        """T_final [MeV], the default filled in."""
        return sterile.mass / _COLD if self.T_final is None else self.T_final

    def moments(
        self,
        sterile: SterileNeutrino,
        interaction: AbstractInteraction,
        plasma: Plasma,
        outputs: int = 2,
    ) -> Moments:
        """See `AbstractMethod.moments`; both moments come at the price of one."""
        from ._run import moments_of, run

        return moments_of(run(self, sterile, interaction, plasma), self, plasma)

    def solve(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> ProductionResult:
        """See `AbstractMethod.solve`; the regime is that of the theory without φ."""
        from ._run import result_of, run

        return result_of(
            run(self, sterile, interaction, plasma), self, sterile, interaction, plasma
        )
