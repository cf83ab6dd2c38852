"""Production from the density matrix: quantum kinetic equations, one momentum at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._checks import check_at_least, check_choice, check_double_precision, check_positive
from ..interactions._base import AbstractInteraction
from ..interactions.hidden import HiddenForce
from ..plasma import Plasma
from ..statistics import fermi_dirac
from ..sterile import SterileNeutrino
from ._boltzmann import BoltzmannQuadrature, _limit, integration_limits
from ._method import AbstractMethod, Moments
from ._result import KineticHistory, ProductionResult
from ._status import Status
from ._theory import parts_of

if TYPE_CHECKING:
    import diffrax

    from ._kinetic_run import Evolution

STARTS = ("quasi-static", "active")
MOMENTA = (4, 8, 16)
# Beyond some 1e4 ε the error of a step is rounding.
_SMALLEST_TOLERANCE = 1e-12
# The abundance is trusted when its error estimate is below this, or 1000 rtol.
_TOLERANCE = 1e-3
_NARROWEST = 1e3  # half-width of a resonance that steps can resolve, in spacings of floats
_EXPLICIT_STEPS = 1e6  # steps, one per radian of precession, that nobody wants to wait for


@final
class QuantumKinetic(AbstractMethod):
    r"""The density matrix of ν_a and ν_s, stepped for each momentum by a stiff solver of diffrax.

    ρ̇_as = −i(V − Δc) ρ_as + (i/2) Δs (f_a − f_s) − (Γ/2) ρ_as,
    ḟ_s = Δs Im ρ_as,   ḟ_a = −Δs Im ρ_as + Γ (f_eq − f_a),
    with s = sin 2θ, c = cos 2θ (hep-ph/0608101, 1302.1200; 1910.04901 without the last term, which
    refills f_a). The Boltzmann equation of `BoltzmannQuadrature` with mixing="quasi-static" is its
    limit for coherence that has settled, Γ/2 ≥ Δs or a crossing that is not adiabatic. Neutrinos
    and antineutrinos alike: no lepton asymmetry.

    solver        default: Kværnø's fifth-order ESDIRK with its linear stages solved exactly. Any
                  other of diffrax is used as it is. It must be implicit unless precession is slow,
                  and take one Newton step, which is exact for linear equations:
                  `diffrax.Kvaerno3(root_finder=optimistix.Newton(rtol=1e-3, atol=1e30))`. The root
                  finders that diffrax chooses never converge here, and the status says so
    rtol, atol    tolerances of a step, on the population of the mostly sterile eigenstate in
                  matter over f_FD (of f_s with start="active"); atol defaults to rtol · sin²2θ
    max_steps     of one momentum; a solve that needs more ends with `Status.max_steps`
    max_step      longest step in ln T
    mesh          None (default): adaptive steps, which also land on every crossing of
                  Δ cos 2θ = V. An integer: fixed steps, denser about the crossings, that many per
                  unit of ln T away from them (12 is plenty for smooth production)
    momenta       rows per unit of ln q: 4 (default), 8 or 16; 51 rows with 4. More where a
                  resonance folds in momentum
    start         "quasi-static": settled coherence at T_initial; "active": none, a pure ν_a whose
                  precession is followed step by step, which takes eV masses or short times
    hidden        `HiddenForce` among sterile neutrinos, which then have a bath of their own;
                  f_s at T_initial is that of the bath
    T_initial, T_final   as in `BoltzmannQuadrature`
    keep_history  keep the density matrix at 257 temperatures in the result, undifferentiated
    adjoint       None (default): the accepted steps are replayed backwards, once per output, which
                  serves forward and reverse mode alike. Or one of diffrax, used as it is; other
                  solvers than the default's have `diffrax.RecursiveCheckpointAdjoint()`

    Precession is averaged where following it changes nothing else: the phase between two coherent
    crossings, and after the last one, is lost, as it is in any average over momenta.

    Status. `error_estimate` adds what the rows may miss of ∫q²f_s dq and, for adaptive steps, rtol
    for each step of the average momentum (a bound: smooth points are right to rtol), for a mesh the
    change from half the nodes, and for another solver the difference from the default's: root
    finders call success what is wrong by orders of magnitude.
      max_steps       a momentum did not reach T_final, as where precession with next to no
                      damping is to be followed to a small rtol; replayed derivatives are NaN then
      under_resolved  the estimate exceeds 1e-3 (or 1000 rtol), or a crossing is narrower than
                      floats can resolve, or a momentum has more than four
    Needs double precision. f_s is that of the flavour, not of the mass eigenstate: they differ
    by O(sin²2θ).

    Raises `ValueError` for single precision, arguments that are not positive, an unknown word, or
    rtol below 1e-12, which no step can reach.
    """

    solver: diffrax.AbstractSolver
    rtol: float = eqx.field(static=True)
    atol: float | None = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    max_step: float = eqx.field(static=True)
    mesh: int | None = eqx.field(static=True)
    momenta: int = eqx.field(static=True)
    start: str = eqx.field(static=True)
    hidden: HiddenForce | None
    T_initial: jax.Array | None
    T_final: jax.Array | None
    keep_history: bool = eqx.field(static=True)
    adjoint: diffrax.AbstractAdjoint | None
    follows_transitions: ClassVar[bool] = True

    def __init__(
        self,
        solver: diffrax.AbstractSolver | None = None,
        rtol: float = 1e-6,
        atol: float | None = None,
        max_steps: int = 2048,
        max_step: float = 0.5,
        mesh: int | None = None,
        momenta: int = 4,
        start: str = "quasi-static",
        hidden: HiddenForce | None = None,
        T_initial: Any = None,
        T_final: Any = None,
        keep_history: bool = False,
        adjoint: diffrax.AbstractAdjoint | None = None,
    ):
        from ._exact_kvaerno import ExactKvaerno5

        check_double_precision("QuantumKinetic")
        check_positive("rtol", rtol)
        why = "steps cannot be more accurate than rounding"
        check_at_least("rtol", rtol, _SMALLEST_TOLERANCE, why)
        for name, value in (("max_steps", max_steps), ("max_step", max_step)):
            check_positive(name, value)
        for name, value in (("atol", atol), ("mesh", mesh)):
            if value is not None:
                check_positive(name, value)
        check_choice("momenta", momenta, MOMENTA)  # pyright: ignore[reportArgumentType]
        check_choice("start", start, STARTS)
        if hidden is not None and not isinstance(hidden, HiddenForce):
            raise TypeError(
                f"Argument `hidden` must be a HiddenForce, but is {type(hidden).__name__}."
            )
        own = ExactKvaerno5(follow_precession=start == "active")
        self.solver = own if solver is None else solver
        self.rtol = float(rtol)
        self.atol = None if atol is None else float(atol)
        self.max_steps = int(max_steps)
        self.max_step = float(max_step)
        self.mesh = None if mesh is None else int(mesh)
        self.momenta = int(momenta)
        self.start = start
        self.hidden = hidden
        self.T_initial = _limit("T_initial", T_initial)
        self.T_final = _limit("T_final", T_final)
        self.keep_history = bool(keep_history)
        self.adjoint = adjoint

    @property
    def replayed(self) -> bool:
        """Whether derivatives come from the accepted steps (`_replay`)."""
        from ._exact_kvaerno import ExactKvaerno5

        return self.adjoint is None and isinstance(self.solver, ExactKvaerno5)

    @property
    def diffrax_adjoint(self) -> diffrax.AbstractAdjoint:
        """How diffrax differentiates, if it does."""
        import diffrax

        return diffrax.RecursiveCheckpointAdjoint() if self.adjoint is None else self.adjoint

    def check(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> None:
        """Raise `ValueError` for an explicit solver where precession is too fast for it.

        And for a vacuum that jumps: the derivative by the time of the jump would be lost.
        """
        import diffrax

        if sterile.transition is not None and sterile.transition.field.jumps():
            raise ValueError(
                "Argument `transition` must be smooth with QuantumKinetic, but its field jumps: "
                "take a SmoothField of small width."
            )

        from ._exact_kvaerno import ExactKvaerno5

        if isinstance(self.solver, diffrax.AbstractImplicitSolver | ExactKvaerno5):
            return
        if isinstance(sterile.mass, jax.core.Tracer):
            return
        _, T = integration_limits(self, interaction, plasma, jnp.result_type(float))
        turns = np.max(np.asarray(sterile.vacuum_frequency(T) / plasma.hubble_rate(T)))
        if turns > _EXPLICIT_STEPS:
            raise ValueError(
                f"Argument `solver` must be implicit, but is {type(self.solver).__name__}: the "
                f"density matrix precesses through {turns:.1e} radians per unit of ln T. Leave it "
                "out: the default is implicit."
            )

    def moments(
        self,
        sterile: SterileNeutrino,
        interaction: AbstractInteraction,
        plasma: Plasma,
        outputs: int = 2,
    ) -> Moments:
        """See `AbstractMethod.moments`; both moments come at the price of one."""
        from ._kinetic_run import evolve

        evolution = evolve(self, sterile, interaction, plasma)
        return _moments(self, evolution, interaction, plasma)

    def solve(
        self, sterile: SterileNeutrino, interaction: AbstractInteraction, plasma: Plasma
    ) -> ProductionResult:
        """See `AbstractMethod.solve`.

        The regime, `started` and `finished` are those of the Boltzmann equation.
        """
        from ..abundance import comoving_yield, relic_density_of_yield
        from ._kinetic_run import evolve

        evolution = evolve(self, sterile, interaction, plasma, active=True)
        m = _moments(self, evolution, interaction, plasma)
        momentum = m.momentum
        assert momentum is not None
        T_initial, T_final = integration_limits(self, interaction, plasma, m.number.dtype)
        yield_ = comoving_yield(m.number, plasma.entropy_degrees(T_final))
        fermi = fermi_dirac(evolution.q)
        boltzmann = BoltzmannQuadrature(T_initial=T_initial, T_final=T_final)
        around = boltzmann.surroundings(*jax.lax.stop_gradient((sterile, interaction, plasma)))
        return ProductionResult(
            relic_density=relic_density_of_yield(sterile.mass, yield_, plasma),
            mean_momentum=momentum / m.number,
            comoving_yield=yield_,
            x=evolution.q,
            f=evolution.outputs[:, 0] * fermi,
            f_active=evolution.outputs[:, 1] * fermi,
            error_estimate=m.error_estimate,
            status_code=m.status_code,
            T_initial=T_initial,
            T_final=T_final,
            started=around.started,
            finished=around.finished,
            lightest_mediator=parts_of(interaction).lightest(),
            regime=around.regime,
            history=_history(evolution, plasma, T_initial, T_final),
        )


def _moments(method: QuantumKinetic, run: Evolution, interaction, plasma) -> Moments:
    """∫q²f dq and ∫q³f dq of the rows, their error and the status."""
    per_row = run.q**3 * fermi_dirac(run.q) / method.momenta
    made = per_row * run.outputs[:, 0]
    number, momentum = jnp.sum(made), jnp.dot(made, run.q)
    fixed, tiny = jax.lax.stop_gradient(made), jnp.finfo(made.dtype).tiny
    total = jnp.abs(jnp.sum(fixed)) + tiny
    error = _missed_between_rows(fixed) / total
    change = jax.lax.stop_gradient(fixed - per_row * run.check)
    error = error + jnp.abs(jnp.sum(change)) / total
    if method.mesh is None:
        error = error + method.rtol * jnp.dot(jnp.abs(fixed), run.steps) / total
    crossings = run.crossings
    spacing = jnp.finfo(made.dtype).eps * jnp.maximum(jnp.abs(crossings.t), 1.0)
    narrow = crossings.valid & (crossings.width < _NARROWEST * spacing)
    many = crossings.count > crossings.t.shape[-1]
    resolved = (error <= max(_TOLERANCE, 1e3 * method.rtol)) & ~(jnp.any(narrow) | jnp.any(many))
    code = jnp.where(resolved, Status.ok, Status.under_resolved)
    code = jnp.where(jnp.all(run.success), code, Status.max_steps)
    T_initial, T_final = integration_limits(method, interaction, plasma, made.dtype)
    finite = jnp.isfinite(number) & jnp.isfinite(momentum) & (T_initial > T_final)
    code = jnp.where(finite, code, Status.non_finite)
    return Moments(number, momentum, error, code, T_final)


def _missed_between_rows(made: jax.Array) -> jax.Array:
    """Error of Σ made, from sums over every second and every fourth row.

    Errors e₂ and e₄ of the coarser sums: where they fall exponentially e₁ ~ e₂², where a fold makes
    them fall slowly e₁ ~ e₂ · e₂/e₄; the second is a bound of both.
    """
    second = jnp.abs(jnp.sum(made[::2]) - jnp.sum(made[1::2]))
    fourth = 2.0 * jnp.abs(jnp.sum(made[::4]) - jnp.sum(made[2::4]))
    tiny = jnp.finfo(made.dtype).tiny
    return second * jnp.minimum(1.0, second / (fourth + tiny))


def _history(run: Evolution, plasma: Plasma, T_initial, T_final) -> KineticHistory | None:
    if run.history is None:
        return None
    states = jnp.moveaxis(run.history, 0, 1)  # [times, rows, 4]
    T = jnp.exp(jnp.linspace(jnp.log(T_initial), jnp.log(T_final), len(states)))
    fermi = fermi_dirac(run.q)
    x = run.q[None, :] * plasma.redshift(T, jnp.broadcast_to(T_final, T.shape))[:, None]
    r, R, I, deficit = jnp.moveaxis(states, -1, 0) * fermi[None, None, :]  # noqa: E741
    return KineticHistory(T, r, fermi_dirac(x) - deficit, R, I)
