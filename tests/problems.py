"""Table of physics problems with known answers, loaded from tests/data (see its README).

    for problem in problems.scalar():
        sterile, interaction, plasma, method = problem.build()

`problem.case` holds the plain inputs (an `oracles.Case`, MeV), the other fields the values of an
independent high-accuracy implementation. Objects of nujax are made only by `build`. Tags:

  smooth    Δ cos 2θ = V_T is crossed nowhere: 1e-6 is expected of every method
  resonant  crossed at some momenta with half-widths above 3e-4 in ln T, or only below x = 0.02;
            folds in x and crossings at the window's edge occur
  narrow    the same with half-widths down to 5e-8 in ln T: 1e-4, or flagged
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from oracles import Case

DATA = Path(__file__).resolve().parent / "data"
# Names of the parameters in the logarithmic derivatives of the data and in nujax.
PARAMETERS = {"s2": "sin2_2theta", "m4": "mass", "lam": "coupling", "m": "mediator_mass"}


@dataclass(frozen=True)
class Problem:
    """One production problem and its answer; `repr` is the id, which pytest shows."""

    id: str
    tag: str
    case: Case
    relic_density: float
    mean_momentum: float
    relative_error: float  # of the expected relic density
    x: tuple[float, ...] = ()
    f: tuple[float, ...] = ()  # f_s at x, one helicity state
    derivatives: dict[str, float] = field(default_factory=dict, hash=False)  # d ln Ω h²/d ln p
    width: float | None = None  # smallest half-width in ln T of a crossing, where it is listed

    def __repr__(self) -> str:
        return self.id

    def build(self, mixing: str | None = None) -> tuple[Any, Any, Any, Any]:
        """(SterileNeutrino, interaction, Plasma, BoltzmannQuadrature) of nujax, "paper" inputs."""
        return build(self.case if mixing is None else replace(self.case, mixing=mixing))


def build(case: Case) -> tuple[Any, Any, Any, Any]:
    """The objects of nujax that describe a `Case`: pass them on as (sterile, interaction, …)."""
    import nujax as nj

    api: Any = nj
    sterile = api.SterileNeutrino(
        mass=case.mass, sin2_2theta=case.sin2_2theta, flavour=case.flavour
    )
    interaction = api.StandardModel(convention="paper")
    if case.mediator_mass is not None:
        interaction = interaction + api.ScalarMediator(
            mass=case.mediator_mass,
            coupling=case.coupling,
            convention=case.convention,
            bose=case.bose,
            rate_factor=case.rate_factor,
        )
    return sterile, interaction, *_setup(case)


def _setup(case: Case) -> tuple[Any, Any]:
    import nujax as nj

    api: Any = nj
    method = api.BoltzmannQuadrature(
        back_reaction=case.back_reaction,
        mixing=case.mixing,
        T_initial=case.T_initial,
        T_final=case.T_final,
    )
    return api.Plasma.constant(case.degrees), method


@lru_cache
def load(name: str) -> Any:
    """The content of tests/data/NAME.json."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


@lru_cache
def dodelson_widrow() -> tuple[Problem, ...]:
    """Standard Model production, constant g*, paper inputs (18, smooth)."""
    entries = load("standard_model")["cases"]
    return tuple(_problem(f"dw-{index:02d}", entry) for index, entry in enumerate(entries))


@lru_cache
def scalar() -> tuple[Problem, ...]:
    """Scalar mediator, paper Standard Model, constant g*; exact and paper mediator rates (112)."""
    entries = load("scalar")["cases"]
    return tuple(_problem(f"scalar-{index:03d}", entry) for index, entry in enumerate(entries))


@lru_cache
def narrow() -> tuple[Problem, ...]:
    """Scalar mediator, sin²2θ from 1e-16 to 6e-10, most of them resonant; both mixings (2 × 63)."""
    return tuple(
        _narrow_problem(index, point, mixing)
        for mixing in ("quasi-static", "averaged")
        for index, point in enumerate(load("narrow")["points"])
    )


def production(*tags: str) -> tuple[Problem, ...]:
    """All of the above, or those with one of the tags."""
    problems = (*dodelson_widrow(), *scalar(), *narrow())
    return tuple(p for p in problems if not tags or p.tag in tags)


class Root(NamedTuple):
    """A point of the curve Ω h² = 0.12 of a scalar mediator at `case` (λ is case.coupling)."""

    id: str
    case: Case
    mean_momentum: float
    derivatives: dict[str, float]  # d ln Ω h²/d ln λ ("coupling") and d ln m ("mediator_mass")


@lru_cache
def curve_roots() -> tuple[Root, ...]:
    """Roots λ of Ω h² = 0.12 at m₄ = 7.1 keV, sin²2θ = 7e-11, ν_μ, by convention and mass."""
    roots = []
    for convention, masses in load("scalar_curve")["curve"].items():
        for entry in masses:
            mass = entry["mediator_mass_MeV"]
            for number, root in enumerate(entry["roots"]):
                case = Case(7.1e-3, 7e-11, mass, root["lam"], convention=convention)
                slopes = {
                    "coupling": root["dlnOmega_dlnlam"],
                    "mediator_mass": root["dlnOmega_dlnm"],
                }
                name = f"root-{convention}-{mass:g}MeV-{number}"
                roots.append(Root(name, case, root["xmean"], slopes))
    return tuple(roots)


def curve_folds(convention: str) -> dict[str, tuple[float, float]]:
    """Folds (m [MeV], λ) of that curve: "fold_AB" at strong and "fold_BC" at weak coupling."""
    folds = load("scalar_curve")["folds"][convention]
    return {name: (fold["mphi_MeV"], fold["lam"]) for name, fold in folds.items()}


class PlasmaProblem(NamedTuple):
    """Standard Model production with constant rates and a choice of potential and plasma."""

    id: str
    mass: float  # [MeV]
    sin2_2theta: float
    flavour: str
    potential: str  # "paper", "NR", "NRmassless" or "NRZ"
    plasma: str  # "const" or "ss"
    relic_density: float
    mean_momentum: float
    sin2_2theta_for_target: float  # sin²2θ that gives Ω h² = 0.12


@lru_cache
def realistic_plasma() -> tuple[PlasmaProblem, ...]:
    """Temperature-dependent g*: from 1e4 to 1 MeV, no back-reaction, mixing "averaged" (54)."""
    problems = []
    for row in load("realistic_plasma")["rows"]:
        for key, entry in row.items():
            if key == "m4_keV":
                continue
            flavour, potential, plasma = key.split("_")
            problems.append(
                PlasmaProblem(
                    f"{key}-{row['m4_keV']}keV",
                    row["m4_keV"] * 1e-3,
                    7e-11,
                    flavour,
                    potential,
                    plasma,
                    entry["omega_at_s2_7e11"],
                    entry["xmean"],
                    entry["s2_for_0p12"],
                )
            )
    return tuple(problems)


class PreciseProblem(NamedTuple):
    """Dodelson–Widrow production with all precise inputs, at Ω h² = 0.12 (good to some 1 %)."""

    id: str
    mass: float  # [MeV]
    sin2_2theta: float
    flavour: str
    relic_density: float
    mean_momentum: float


@lru_cache
def precise_dodelson_widrow() -> tuple[PreciseProblem, ...]:
    """Rates C_α(T, y), massive-lepton potential, g*(T), back-reaction; from 1e4 to 1 MeV (12)."""
    return tuple(
        PreciseProblem(
            f"precise-{c['flavour']}-{c['mass_keV']}keV",
            c["mass_keV"] * 1e-3,
            c["sin2_2theta"],
            c["flavour"],
            c["relic_density"],
            c["mean_momentum"],
        )
        for c in load("precise_dodelson_widrow")["cases"]
    )


class PotentialValue(NamedTuple):
    """v(x, m/T) of the potential V = λ² T v of a scalar mediator."""

    x: float
    mu: float
    v: float


@lru_cache
def scalar_potential() -> tuple[PotentialValue, ...]:
    """Values of the potential kernel; the data list those of a vector, which are twice as large."""
    return tuple(PotentialValue(k["x"], k["mu"], k["v"] / 2.0) for k in load("kernels")["v"])


@dataclass(frozen=True)
class VectorProblem:
    """A production problem with a vector mediator: "neutrinophilic", "LmuLtau" or "BL"."""

    id: str
    tag: str
    case: Case  # coupling is g
    relic_density: float
    mean_momentum: float | None
    derivatives: dict[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    # d ln Ω h²/d ln p and its error
    model: str = "neutrinophilic"

    def __repr__(self) -> str:
        return self.id

    def build(self) -> tuple[Any, Any, Any, Any]:
        """As `Problem.build`."""
        import nujax as nj

        api: Any = nj
        case = self.case
        vectors = {"neutrinophilic": "VectorMediator", "LmuLtau": "LMuMinusLTau", "BL": "BMinusL"}
        vector = getattr(api, vectors[self.model])
        sterile, standard, plasma, method = build(replace(case, mediator_mass=None))
        mediator = vector(case.mediator_mass, case.coupling, convention=case.convention)
        return sterile, standard + mediator, plasma, method


_VECTOR_PARAMETERS = {"sin22th": "sin2_2theta", "mV": "mediator_mass", "g": "coupling"}


@lru_cache
def vector() -> tuple[VectorProblem, ...]:
    """Neutrinophilic vector, paper Standard Model, constant g*; both rates (21 + 20)."""
    problems = []
    for index, entry in enumerate(load("vector")["cases"]):
        for key, convention in (("moeller", "exact"), ("paper", "paper")):
            if key not in entry:
                continue
            listed, slopes = entry[key], entry["dlnOm"]
            width = entry["moeller"]["min_res_width_lnT"]
            crossed = entry["moeller"]["n_resonances"] > 0
            exact = convention == "exact"
            problems.append(
                VectorProblem(
                    f"vector-{index:02d}-{convention}-{entry['mV_MeV']:g}MeV-{entry['g']:.0e}",
                    _tag(crossed, width),
                    _vector_case(entry, entry["g"], convention),
                    listed["Omega_h2"],
                    listed["mean_x"],
                    {
                        name: (slopes[p], slopes[f"{p}_FD3minus5"])
                        for p, name in _VECTOR_PARAMETERS.items()
                        if exact and p in slopes
                    },
                )
            )
    return tuple(problems)


@lru_cache
def vector_roots() -> tuple[VectorProblem, ...]:
    """Roots g of Ω h² = 0.12, exact and paper rates (17 + 17)."""
    problems = []
    for entry in load("vector_curve")["points"]:
        for key, convention in (("roots_moeller", "exact"), ("roots_paper", "paper")):
            for number, root in enumerate(entry[key]):
                slope = root.get("dlnOm_dlng")
                name = f"{1e3 * entry['m4_MeV']:g}keV-{entry['mV_MeV']:g}MeV-{number}"
                problems.append(
                    VectorProblem(
                        f"vector-root-{convention}-{name}",
                        "resonant",
                        _vector_case(entry, root["g"], convention),
                        0.12,
                        root.get("mean_x"),
                        {} if slope is None else {"coupling": (slope, 0.0)},
                    )
                )
    return tuple(problems)


@lru_cache
def gauged() -> tuple[VectorProblem, ...]:
    """L_μ − L_τ and B − L, exact rates (6 + 6)."""
    models = {"LmuLtau": "LmuLtau", "BL_nu_e_massless_e": "BL"}
    return tuple(
        VectorProblem(
            f"gauged-{models[c['model']]}-{c['mV_MeV']:g}MeV-{c['g']:.0e}",
            "resonant",
            _vector_case(c, c["g"], "exact"),
            c["Omega_h2"],
            c["mean_x"],
            model=models[c["model"]],
        )
        for c in load("gauged")["cases"]
        if c["model"] in models
    )


def _vector_case(entry: dict[str, Any], coupling: float, convention: str) -> Case:
    return Case(
        mass=entry["m4_MeV"],
        sin2_2theta=entry["sin22th"],
        mediator_mass=entry["mV_MeV"],
        coupling=coupling,
        convention=convention,
        mixing="averaged",
        back_reaction=False,
    )


def _tag(crossed: bool, width: float | None) -> str:
    if not crossed:
        return "smooth"
    return "narrow" if width is not None and width < 3e-4 else "resonant"


def _problem(name: str, entry: dict[str, Any]) -> Problem:
    given = entry["input"]
    convention = given["conv"]
    case = Case(
        mass=given["m4_MeV"],
        sin2_2theta=given["sin2_2theta"],
        mediator_mass=given["mphi_MeV"],
        coupling=given["lam"] or 0.0,
        flavour=given["flavour"],
        convention="paper" if convention == "paper" else "exact",
        bose=convention == "exact_bose",
        rate_factor=given["Gamma_phi_factor"],
        T_initial=given["T_start_MeV"],
        T_final=given["T_end_MeV"],
        degrees=given["gstar"],
        mixing="averaged",
        back_reaction=False,
    )
    name += f"-{case.flavour}-{1e3 * case.mass:.3g}keV-{case.sin2_2theta:.0e}"
    if case.mediator_mass is not None:
        name += f"-{convention}-{case.mediator_mass:g}MeV-{case.coupling:.0e}"
        name += f"-x{case.rate_factor:g}" if case.rate_factor != 1.0 else ""
    width = entry.get("width_lnT_narrowest")
    return Problem(
        id=name,
        tag=_tag(entry["max_resonances"] > 0, width),
        case=case,
        relic_density=entry["relic_density"],
        mean_momentum=entry["mean_momentum"],
        relative_error=entry["relative_error"],
        x=tuple(float(x) for x in entry["x"]),
        f=tuple(entry["f"]),
        derivatives={PARAMETERS[p]: slope for p, slope in entry["dlnOmega"].items()},
        width=width,
    )


def _narrow_problem(index: int, point: dict[str, Any], mixing: str) -> Problem:
    key = mixing.replace("-", "")
    case = Case(
        mass=point["m4_MeV"],
        sin2_2theta=point["sin2_2theta"],
        mediator_mass=point["m_phi_MeV"],
        coupling=point["lambda"],
        T_final=point["T_final_MeV"],
        mixing=mixing,
    )
    width = point["width_lnT_narrowest"][key]
    return Problem(
        id=f"narrow-{index:02d}-{case.sin2_2theta:.0e}-{mixing}",
        tag=_tag(width is not None or bool(point["caustics"]), width),
        case=case,
        relic_density=point[f"omega_{key}"],
        mean_momentum=point[f"xmean_{key}"],
        relative_error=point["err_quasistatic"],
        width=width,
    )
