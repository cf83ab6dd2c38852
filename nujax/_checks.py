"""Checks of arguments at the edge: concrete numbers only, never values that JAX is tracing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.core
import numpy as np


def _concrete(name: str, value: Any) -> np.ndarray | None:
    """The value as a NumPy array, or None while JAX traces it (then there is nothing to check)."""
    if isinstance(value, jax.core.Tracer):
        return None
    if isinstance(value, str):
        raise TypeError(
            f"Argument `{name}` must be a number, but is {value!r}. "
            "Units are factors: 1.0 * nujax.units.GeV."
        )
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None  # structural placeholders that equinox and jax put into leaves


def check_double_precision(what: str) -> None:
    """Raise `ValueError`, with the line to paste, unless JAX computes in float64."""
    if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise ValueError(
            f"{what} needs double precision. Paste this before anything that uses JAX: "
            'jax.config.update("jax_enable_x64", True)'
        )


def _first_bad(array: np.ndarray, good: np.ndarray) -> float:
    return float(np.ravel(array)[~np.ravel(good)][0])


def check_positive(name: str, value: Any) -> None:
    """Raise `ValueError` unless every concrete element of `value` is finite and positive."""
    array = _concrete(name, value)
    if array is None:
        return
    good = np.isfinite(array) & (array > 0)
    if not good.all():
        raise ValueError(f"Argument `{name}` must be positive, but is {_first_bad(array, good)}.")


def check_non_negative(name: str, value: Any) -> None:
    """Raise `ValueError` unless every concrete element of `value` is finite and not negative."""
    array = _concrete(name, value)
    if array is None:
        return
    good = np.isfinite(array) & (array >= 0)
    if not good.all():
        bad = _first_bad(array, good)
        raise ValueError(f"Argument `{name}` must be zero or positive, but is {bad}.")


def check_in_range(name: str, value: Any, low: float, high: float) -> None:
    """Raise `ValueError` unless every concrete element of `value` lies strictly in (low, high)."""
    array = _concrete(name, value)
    if array is None:
        return
    good = np.isfinite(array) & (array > low) & (array < high)
    if not good.all():
        bad = _first_bad(array, good)
        raise ValueError(f"Argument `{name}` must lie between {low:g} and {high:g}, but is {bad}.")


def check_at_most(name: str, value: Any, high: float, why: str) -> None:
    """Raise `ValueError` if a concrete element of `value` exceeds `high`."""
    array = _concrete(name, value)
    if array is None:
        return
    good = ~(array > high)
    if not good.all():
        bad = _first_bad(array, good)
        raise ValueError(f"Argument `{name}` must be at most {high:.6g} ({why}), but is {bad}.")


def check_at_least(name: str, value: Any, low: float, why: str) -> None:
    """Raise `ValueError` if a concrete element of `value` is below `low`."""
    array = _concrete(name, value)
    if array is None:
        return
    good = ~(array < low)
    if not good.all():
        bad = _first_bad(array, good)
        raise ValueError(f"Argument `{name}` must be at least {low:.6g} ({why}), but is {bad}.")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise `ValueError` unless `value` is one of `choices`."""
    if value not in choices:
        listed = ", ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"Argument `{name}` must be one of {listed}, but is {value!r}.")


def check_window(T_initial: Any, T_final: Any) -> None:
    """Raise `ValueError` if concrete temperatures do not fall from T_initial to T_final."""
    high, low = _concrete("T_initial", T_initial), _concrete("T_final", T_final)
    if high is not None and low is not None and not np.all(high > low):
        raise ValueError(
            "Argument `T_final` must be below `T_initial`, "
            f"but they are {np.max(low):.6g} and {np.min(high):.6g} MeV."
        )
