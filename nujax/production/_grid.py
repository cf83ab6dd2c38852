r"""The two-dimensional lattice (ln q, t = ln(m/T)) and the kernels tabulated on it.

t is anchored at the mediator's mass: the kernels at the nodes are then constants, and every
parameter enters through T = m e^(−t) and a few coefficients. Without a tabulated mediator the
anchor is 1 MeV and nothing is tabulated.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ..interactions._kernels import potential_shape
from ..interactions._width_expansion import ANY_WIDTH
from ..quadrature import WINDOW_REACH

# Masses over temperatures that the tables cover: 1 keV at 16 GeV to 100 GeV at 80 keV.
LOG_RATIO_MIN, LOG_RATIO_MAX = -16.6, 14.1
# Momenta of the lattice: outside, x²f_a is below 1e-9 of its integral (x^2.5 at the low end).
LOG_MOMENTUM_MIN, LOG_MOMENTUM_MAX = -8.5, 4.2
# The comoving momentum slides by ln x/q = ⅓ ln(g*s/g*s(T_final)) ≤ 1.13.
MAX_SLIDE = 1.25


def check_tabulated(T_initial, T_final, mass) -> None:
    """Raise `ValueError` if concrete limits lie beyond the m/T of the tables."""
    if any(isinstance(value, jax.core.Tracer) for value in (T_initial, T_final, mass)):
        return
    first, last = np.log(np.asarray(mass) / T_initial), np.log(np.asarray(mass) / T_final)
    if np.any(first < LOG_RATIO_MIN):
        raise ValueError(
            f"Argument `T_initial` must be at most {np.exp(-LOG_RATIO_MIN):.3g} mediator masses, "
            f"but is {np.max(T_initial):.6g} MeV."
        )
    if np.any(last > LOG_RATIO_MAX):
        raise ValueError(
            "Argument `T_final` must be at least a mediator mass divided by "
            f"{np.exp(LOG_RATIO_MAX):.3g}, but is {np.min(T_final):.6g} MeV."
        )


class Lattice(NamedTuple):
    """Spacings 1/steps_t in t and 1/steps_y in ln q; `span` is the longest window in t.

    `low` and `high` are the ends in ln q; the defaults leave nothing that a spectrum may show.
    """

    steps_t: int = 24
    steps_y: int = 8
    span: float = 20.7
    low: float = LOG_MOMENTUM_MIN
    high: float = LOG_MOMENTUM_MAX

    @property
    def h_t(self) -> float:
        """Spacing in t = ln(m/T)."""
        return 1.0 / self.steps_t

    @property
    def h_y(self) -> float:
        """Spacing in ln q."""
        return 1.0 / self.steps_y

    @property
    def first_t(self) -> int:
        """Index of the first tabulated t."""
        return int(np.floor(LOG_RATIO_MIN * self.steps_t)) - 2 * WINDOW_REACH

    @property
    def tabulated_t(self) -> int:
        """Number of tabulated t."""
        last = int(np.ceil(LOG_RATIO_MAX * self.steps_t)) + 2 * WINDOW_REACH
        return last - self.first_t + 1

    @property
    def window(self) -> int:
        """Number of t nodes of one point: the span and the reach of both sharp limits."""
        return int(np.ceil(self.span * self.steps_t)) + 2 * WINDOW_REACH + 2

    @property
    def log_q(self) -> np.ndarray:
        """ln q [rows]."""
        first = int(np.ceil(self.low * self.steps_y))
        last = int(np.floor(self.high * self.steps_y))
        return np.arange(first, last + 1) * self.h_y

    @property
    def taps(self) -> int:
        """Neighbours along ln q that the slide of the comoving momentum can reach."""
        return int(np.ceil(MAX_SLIDE * self.steps_y)) + 8

    @property
    def log_x_padded(self) -> np.ndarray:
        """ln x [rows + taps − 1] that the slide needs around ln q (8-point interpolation)."""
        y = self.log_q
        left = 3
        return y[0] + (np.arange(len(y) + self.taps - 1) - left) * self.h_y


class PotentialTable(NamedTuple):
    """Of S(x, m/T) on the nodes, [tabulated_t, padded rows] each (float64)."""

    shape: np.ndarray  # S
    size: np.ndarray  # of the terms that cancel where S changes sign
    change_t: np.ndarray  # of T²S from node to node in t, in units of T²
    change_y: np.ndarray  # of S from node to node in ln x


def potential_table(lattice: Lattice) -> PotentialTable:
    """The mediators' potential kernel on the lattice, computed once per spacing."""
    return _potential_table(lattice._replace(span=0.0))  # one table for windows of any length


@functools.lru_cache(maxsize=8)
def _potential_table(lattice: Lattice) -> PotentialTable:
    x = np.exp(lattice.log_x_padded)
    mu = np.exp((lattice.first_t + np.arange(lattice.tabulated_t)) * lattice.h_t)
    shape = np.stack([potential_shape(x, np.full_like(x, each), np) for each in mu])
    # S changes sign near T/m ~ 0.3: there the terms that cancel are not S itself but what
    # it was a step before. Below (w ≫ 1) it has one sign and is small.
    w = mu[:, None] ** 2 / (4.0 * x)
    size = np.sqrt(shape**2 + (0.006 * np.exp(-w / 3.0)) ** 2)
    change_t = np.gradient(shape, axis=0) - 2.0 * lattice.h_t * shape
    return PotentialTable(shape, size, change_t, np.gradient(shape, axis=1))


class RateTable(NamedTuple):
    """R_k(w) [K, n] on ln 4w = (first + i)/steps, for every width (NumPy float64)."""

    values: np.ndarray
    first: int
    steps: int


def any_width_rate_table(lattice: Lattice, kind: tuple) -> RateTable:
    """All rate functions of w alone of a kind of mediator, on the lattice of all ln w = 2t − ln 4x.

    The closed ones first, then those of `ANY_WIDTH`.
    """
    return _any_width_rate_table(lattice._replace(span=0.0), kind)


@functools.lru_cache(maxsize=32)
def _any_width_rate_table(lattice: Lattice, kind: tuple) -> RateTable:
    # ln w + ln 4 = 2t − ln x lies on multiples of 1/steps.
    steps = int(np.lcm(2 * lattice.steps_y, lattice.steps_t)) // 2
    steps = (
        steps
        if (2 * steps) % lattice.steps_t == 0 and steps % lattice.steps_y == 0
        else (2 * steps)
    )
    y = lattice.log_x_padded
    low = 2 * lattice.first_t * lattice.h_t - y[-1]
    high = 2 * (lattice.first_t + lattice.tabulated_t) * lattice.h_t - y[0]
    first, last = int(np.floor(low * steps)) - 1, int(np.ceil(high * steps)) + 1
    w = np.exp(np.arange(first, last + 1) / steps) / 4.0
    mediator, *choices = kind
    # x is not used by the functions that are kept.
    closed = mediator.closed_rate_functions(w, np.ones_like(w), np, *choices)
    closed = closed[: mediator.closed_functions_of_w(*choices)]
    tabulated = mediator.tabulated_rate_functions(w, ANY_WIDTH, *choices)
    return RateTable(np.stack([*closed, *tabulated]), first, steps)


def window_start(lattice: Lattice, start: jax.Array) -> jax.Array:
    """Index of the first node of a window whose integral starts at t = `start`."""
    first = jnp.floor(start * lattice.steps_t).astype(int) - WINDOW_REACH
    low, high = lattice.first_t, lattice.first_t + lattice.tabulated_t - lattice.window
    return jax.lax.stop_gradient(jnp.clip(first, low, high))


def central_change(values: jax.Array, axis: int) -> jax.Array:
    """Change from node to node along `axis`, by central differences (one-sided at the ends)."""
    ahead = jnp.diff(values, axis=axis)
    pad = [(0, 0), (0, 0)]
    pad[axis] = (1, 1)
    both = jnp.pad(ahead, pad, mode="edge")
    n = values.shape[axis]
    lower = jax.lax.slice_in_dim(both, 0, n, axis=axis)
    upper = jax.lax.slice_in_dim(both, 1, n + 1, axis=axis)
    return 0.5 * (lower + upper)
