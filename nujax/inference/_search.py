"""Checks of what is asked of a search: target and bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._checks import check_positive
from ._problem import Theory, domain_of

_DIGIT = 1e-9


def check_target(target: Any) -> None:
    """Raise `ValueError` unless the relic density asked for is one positive number."""
    if np.ndim(target) != 0:
        raise ValueError(f"Argument `target` must be one number, but has {np.size(target)}.")
    check_positive("target", target)


def check_within(theory: Theory, name: str, values: np.ndarray) -> None:
    """Raise `ValueError` for a value [N] of a parameter beyond the domain of nujax."""
    smallest, largest = domain_of(theory, name)
    # The domain itself, reached through a unit, may differ in the last digit.
    outside = values[(values < smallest * (1.0 - _DIGIT)) | (values > largest * (1.0 + _DIGIT))]
    if len(outside):
        raise ValueError(
            f"Argument `{name}` must lie within {smallest:g} and {largest:g}, "
            f"but is {outside[0]:g}."
        )


def log_bounds(
    theory: Theory,
    names: Sequence[str],
    bounds: Mapping[str, tuple[float, float]] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms [K] of the lower and upper bounds, those of the domain where none are given.

    Raises `ValueError` for bounds of other parameters, empty ranges, or beyond the domain.
    """
    given = dict(bounds or {})
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(f"Argument `bounds` must be of {', '.join(names)}, but has {unknown[0]}.")
    low, high = [], []
    for name in names:
        pair = given.get(name, domain_of(theory, name))
        if np.shape(pair) != (2,):
            raise ValueError(f"Argument `bounds` must be pairs (low, high), but has {pair!r}.")
        a, b = (float(value) for value in pair)
        if not 0.0 < a < b < np.inf:
            raise ValueError(
                f"Argument `bounds` of `{name}` must satisfy 0 < low < high, but is ({a:g}, {b:g})."
            )
        check_within(theory, name, np.array([a, b]))
        low.append(np.log(a))
        high.append(np.log(b))
    return np.array(low), np.array(high)
