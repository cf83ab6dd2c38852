r"""Points of a scan by their number: the same whatever the order or the chunks they come in.

Every sampler is a function of (first, last) alone, so that a chunk can be made anywhere:
    grid              all combinations, the last parameter running fastest
    random            Philox, a counter-based generator: number i takes words iK … iK + K − 1
    sobol             the scrambled Sobol sequence of `scipy.stats.qmc`, wound forward
    latin-hypercube   in each parameter one point in each of N strata: a keyed permutation of
                      0 … N − 1 (a Feistel network with cycle walking), so that nothing of length N
                      is ever held; SciPy's, which permutes arrays, would need them whole
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SAMPLINGS = ("grid", "sobol", "latin-hypercube", "random")
SCALES = ("log", "linear")
MOST_SOBOL = 2**30
_RUN = 4096  # points that Sobol's sequence is asked for at a time: a power of two
_ROUNDS = 6


@dataclass(frozen=True)
class Range:
    """Values of one parameter of a scan from `low` to `high`, energies in MeV.

    points  on a grid: number of values, both ends included
    scale   "log" (default): even in the logarithm; or "linear"
    """

    low: float
    high: float
    points: int | None = None
    scale: str = "log"

    def position(self, value):
        """Where a value lies on the scale."""
        return np.log(value) if self.scale == "log" else np.asarray(value, float)

    @property
    def length(self) -> float:
        """Of the range on its scale."""
        return float(self.position(self.high) - self.position(self.low))

    def at(self, share: np.ndarray) -> np.ndarray:
        """Values at shares 0 … 1 of the length; within the range to the last bit."""
        low, high = self.position(self.low), self.position(self.high)
        place = low + share * (high - low)
        values = np.exp(place) if self.scale == "log" else place
        return np.clip(values, self.low, self.high)


@dataclass(frozen=True)
class Axis:
    """What one parameter runs over: ranges that do not overlap, or a list of values."""

    name: str
    ranges: tuple[Range, ...] = ()
    values: tuple[float, ...] = ()

    def nodes(self) -> np.ndarray:
        """The values on a grid, ends exact."""
        if not self.ranges:
            return np.array(self.values)
        parts = []
        for each in self.ranges:
            assert each.points is not None
            part = each.at(np.linspace(0.0, 1.0, each.points))
            part[0], part[-1] = each.low, each.high
            parts.append(part)
        return np.concatenate(parts)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Values at 0 ≤ u < 1, evenly over the lengths of the ranges."""
        if len(self.ranges) == 1:
            return self.ranges[0].at(u)
        ends = np.cumsum([each.length for each in self.ranges])
        place = u * ends[-1]
        values = np.empty_like(u)
        which = np.minimum(np.searchsorted(ends, place, side="right"), len(ends) - 1)
        for k, each in enumerate(self.ranges):
            mine = which == k
            values[mine] = each.at((place[mine] - (ends[k] - each.length)) / each.length)
        return values


def sampler(
    sampling: str, axes: Sequence[Axis], points: int, seed: int
) -> Callable[[int, int], np.ndarray]:
    """A function (first, last) → values [last − first, K] of the points first … last − 1."""
    if sampling == "grid":
        return _grid(axes)
    uniform = {
        "random": _random,
        "sobol": _sobol,
        "latin-hypercube": _latin_hypercube,
    }[sampling](len(axes), points, seed)

    def values(first: int, last: int) -> np.ndarray:
        u = uniform(first, last)
        return np.stack([axis.quantile(u[:, k]) for k, axis in enumerate(axes)], axis=1)

    return values


def _grid(axes):
    nodes = [axis.nodes() for axis in axes]
    shape = tuple(len(each) for each in nodes)

    def values(first: int, last: int) -> np.ndarray:
        places = np.unravel_index(np.arange(first, last), shape)
        return np.stack([n[place] for n, place in zip(nodes, places, strict=True)], axis=1)

    return values


def _words(key: tuple[int, int], first: int, count: int) -> np.ndarray:
    """64-bit words number `first` … `first + count − 1` of a Philox stream."""
    generator = np.random.Philox(key=np.array(key, dtype=np.uint64))
    generator.advance(first // 4)  # each step of its counter makes four words
    return generator.random_raw(first % 4 + count)[first % 4 :]


def _random(dimensions, _points, seed, stream=0):
    def uniform(first: int, last: int) -> np.ndarray:
        words = _words((seed, stream), first * dimensions, (last - first) * dimensions)
        return ((words >> np.uint64(11)) * 2.0**-53).reshape(-1, dimensions)

    return uniform


def _sobol(dimensions, _points, seed):
    from scipy.stats import qmc

    own = threading.local()  # a sequence has a place: each thread winds its own

    def uniform(first: int, last: int) -> np.ndarray:
        place = getattr(own, "place", None)
        if place is None or place > first:
            own.sequence = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
            place = 0
        # Whole runs from a multiple of their length on: SciPy warns of other first lengths.
        start = first - first % _RUN
        if start > place:
            own.sequence.fast_forward(start - place)
        runs = [own.sequence.random(_RUN) for _ in range(-(-(last - start) // _RUN))]
        own.place = start + _RUN * len(runs)
        return np.concatenate(runs)[first - start : last - start]

    return uniform


def _latin_hypercube(dimensions, points, seed):
    jitter = _random(dimensions, points, seed, stream=1)
    half = max(1, math.ceil(math.ceil(math.log2(max(points, 2))) / 2))
    keys = _words((seed, 2), 0, dimensions * _ROUNDS).reshape(dimensions, _ROUNDS)

    def uniform(first: int, last: int) -> np.ndarray:
        number = np.arange(first, last, dtype=np.uint64)
        strata = [_permuted(number, points, half, keys[k]) for k in range(dimensions)]
        u = (np.stack(strata, axis=1).astype(float) + jitter(first, last)) / points
        return np.minimum(u, 1.0 - 2.0**-53)

    return uniform


def _permuted(number, points: int, half: int, keys) -> np.ndarray:
    """A permutation of 0 … points − 1, by one of 0 … 4^half − 1 repeated until it is inside."""
    result = _feistel(number, half, keys)
    outside = result >= points
    while outside.any():
        result[outside] = _feistel(result[outside], half, keys)
        outside = result >= points
    return result


def _feistel(number, half: int, keys) -> np.ndarray:
    bits, mask = np.uint64(half), np.uint64(2**half - 1)
    left, right = number >> bits, number & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right + key) & mask)
    return (left << bits) | right


def _mixed(word: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (public domain constants): every bit depends on every bit."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
