r"""Pseudo-arclength continuation of ln Ω h²(θ) = ln target in a plane θ = (ln p₀, ln p₁).

The tangent τ is perpendicular to the gradient g. A step integrates the parabola through the last
three tangents; the correction goes along g, which is the shortest way back: δ = −y g/|g|².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..production import Status
from ._problem import Problem

_TRUSTED = 1e-2  # estimates this good are followed; what they miss is corrected at the end
_FOLLOWED = 0.05  # resolved values with this error are, too: their status goes with the point
_CONVERGED = 1e-4  # of a Newton step: the next one would be its square
_SHARPEST_TURN = 0.35  # radians from point to point
_SHORTEST = 1e-5
_MOST_POINTS = 20_000
_MOST_SECANTS = 20
_DIFFERENCE = 0.02  # h


class Traced(NamedTuple):
    """A traced curve in logarithms, from end to end."""

    theta: np.ndarray  # [n, 2]
    tangent: np.ndarray  # [n, 2]
    gradient: np.ndarray  # [n, 2]
    status: np.ndarray  # [n]
    folds: np.ndarray  # [k, 2]
    closed: bool
    ends: tuple[str, str]
    lost: tuple[str, ...] = ()  # folds that could not be located, in words

    def densely(self, between: int) -> np.ndarray:
        """Points [.., 2] on the cubic through points and tangents."""
        share = np.arange(between)[:, None, None] / between
        ends = np.stack([self.theta[:-1], self.theta[1:]])
        parts = _hermite(ends, np.stack([self.tangent[:-1], self.tangent[1:]]), share)
        inner = np.swapaxes(parts, 0, 1).reshape(-1, 2)
        return np.concatenate([inner, self.theta[-1:]])


class _Point(NamedTuple):
    theta: np.ndarray
    gradient: np.ndarray
    tangent: np.ndarray


class Tracer:
    """Follows curves of one problem within a box."""

    def __init__(self, problem: Problem, low, high, log_target: float, max_step: float):
        self.problem, self.low, self.high = problem, low, high
        self.log_target, self.max_step = log_target, max_step

    def trace(self, start: np.ndarray) -> Traced:
        """The whole curve through a point θ [2] on it, or close to it."""
        first = self.correct(start, np.zeros(2))
        if first is None:
            end = f"stopped at {self.words(start)}: no value there can be trusted"
            empty = np.zeros((0, 2))
            return Traced(empty, empty, empty, np.zeros(0, int), empty, False, (end, end))
        ahead, end, closed = self.follow(first)
        if closed:
            points, ends = [*ahead, ahead[0]], (end, end)
        else:
            back, other, _ = self.follow(_turned(first))
            points = [_turned(point) for point in back[:0:-1]] + ahead
            ends = (other, end)
            if points[0].theta[0] > points[-1].theta[0]:
                points, ends = [_turned(point) for point in points[::-1]], (end, other)
        folds, lost = self.folds(points)
        theta, status = self.resolved(points)
        return Traced(
            theta,
            np.array([point.tangent for point in points]),
            np.array([point.gradient for point in points]),
            status,
            folds,
            closed,
            ends,
            lost,
        )

    def follow(self, first: _Point) -> tuple[list[_Point], str, bool]:
        """Points from `first` on, what ended it, and whether it came back."""
        points, length = [first], self.max_step
        while len(points) < _MOST_POINTS:
            last = points[-1]
            if not self.inside(last.theta + 1e-9 * last.tangent):
                return points, self.at_the_edge(last.theta), False
            move = _ahead(points[-3:], length)
            guess, hold = self.clipped(last.theta, move)
            found = self.correct(guess, hold)
            if found is not None and found.tangent @ last.tangent < 0.0:
                found = _turned(found)
            if found is None or not self.acceptable(last, found, length):
                length *= 0.5
                if length < _SHORTEST:
                    return points, f"stopped at {self.words(last.theta)}: cannot be followed", False
                continue
            if np.all(found.theta == last.theta):
                return points, self.at_the_edge(last.theta), False
            if len(points) > 2 and _passes(last, found, first):
                return points, "closed", True
            points.append(found)
            if np.any(hold):
                return points, self.at_the_edge(found.theta), False
            turn = np.linalg.norm(found.tangent - last.tangent)
            growth = min(2.0, 0.5 * _SHARPEST_TURN / max(turn, 1e-3))
            length = float(min(self.max_step, length * max(growth, 0.7)))
        return points, f"stopped after {_MOST_POINTS} points", False

    def correct(self, theta, hold) -> _Point | None:
        """Newton steps along the gradient, or along the edge where a coordinate is held."""
        theta = np.array(theta, float)
        for _ in range(8):
            at = self.problem.value_and_slope(theta, _TRUSTED)
            y, gradient = at.log_density[0] - self.log_target, at.slopes[0]
            sound = np.isfinite(y) and np.all(np.isfinite(gradient)) and np.any(gradient)
            if not sound or at.error[0] > _FOLLOWED:
                return None
            free = np.where(hold != 0.0, 0.0, gradient)
            size2 = free @ free
            if size2 == 0.0:
                return None
            move = -y * free / size2
            if np.linalg.norm(move) > 2.0 * self.max_step:
                return None
            theta = theta + move
            if np.linalg.norm(move) < _CONVERGED:
                tangent = np.array([-gradient[1], gradient[0]]) / np.linalg.norm(gradient)
                return _Point(theta, gradient, tangent)
        return None

    def acceptable(self, last, found, length) -> bool:
        turn = np.linalg.norm(found.tangent - last.tangent)
        step = np.linalg.norm(found.theta - last.theta)
        return bool(turn < _SHARPEST_TURN and step < 1.5 * length)

    def clipped(self, theta, move):
        """(guess, which coordinates are held at an edge [2]) of a step that stays in the box."""
        with np.errstate(divide="ignore", invalid="ignore"):
            to_low, to_high = (self.low - theta) / move, (self.high - theta) / move
        shares = np.where(move > 0.0, to_high, np.where(move < 0.0, to_low, np.inf))
        k = int(np.argmin(shares))
        if shares[k] >= 1.0:
            return theta + move, np.zeros(2)
        hold = np.zeros(2)
        hold[k] = 1.0
        guess = theta + max(shares[k], 0.0) * move
        guess[k] = self.high[k] if move[k] > 0.0 else self.low[k]
        return guess, hold

    def inside(self, theta) -> bool:
        return bool(np.all(theta >= self.low) and np.all(theta <= self.high))

    def at_the_edge(self, theta) -> str:
        gap = np.minimum(np.abs(theta - self.low), np.abs(theta - self.high))
        k = int(np.argmin(gap))
        return f"leaves the bounds at {self.problem.names[k]} = {np.exp(theta[k]):.6g}"

    def words(self, theta) -> str:
        pairs = zip(self.problem.names, np.exp(theta), strict=True)
        return ", ".join(f"{name} = {value:.6g}" for name, value in pairs)

    def folds(self, points) -> tuple[np.ndarray, tuple[str, ...]]:
        """[k, 2] where the tangent has no component along θ₀, and in words those not located."""
        found, lost = [], []
        for a, b in zip(points[:-1], points[1:], strict=True):
            if a.tangent[0] * b.tangent[0] < 0.0:
                theta = self.fold(a, b)
                if theta is None:
                    lost.append(f"the fold next to {self.words(a.theta)} could not be located")
                else:
                    found.append(theta)
        return np.array(found).reshape(-1, 2), tuple(lost)

    def fold(self, a: _Point, b: _Point) -> np.ndarray | None:
        """Where τ₀ = 0 between two points, first of the estimate, then with resonances resolved."""
        corners = np.array([a.theta, b.theta]), np.array([a.tangent, b.tangent])
        length = np.linalg.norm(b.theta - a.theta)
        ends, level = [0.0, 1.0], [a.tangent[0], b.tangent[0]]
        point, bend = None, (level[1] - level[0]) / length
        for _ in range(_MOST_SECANTS):
            share = ends[0] - level[0] * (ends[1] - ends[0]) / (level[1] - level[0])
            point = self.correct(_hermite(*corners, share), np.zeros(2))
            if point is None:
                return None
            point = point if point.tangent @ a.tangent > 0.0 else _turned(point)
            side = 0 if point.tangent[0] * level[0] > 0.0 else 1
            moved = length * abs(share - ends[side])
            if moved > 1e-4:
                bend = (point.tangent[0] - level[side]) / (length * (share - ends[side]))
            ends[side], level[side] = share, point.tangent[0]
            if abs(point.tangent[0]) < 1e-5 * abs(bend) or moved < 1e-5:
                break
        return None if point is None else self.exact_fold(point, bend)

    def exact_fold(self, point: _Point, bend: float) -> np.ndarray | None:
        """Newton steps in both directions from a point close to a fold; `bend` = dτ₀/ds."""
        theta, tangent = point.theta, point.tangent
        for _ in range(_MOST_SECANTS):
            y, across = self.value_and_slope_across(theta)
            if not np.isfinite(across):
                return None
            # At the fold g points along θ₀ and τ along θ₁: τ₀ = ∓g₁/g₀.
            level = -np.sign(tangent[1]) * across / point.gradient[0]
            move = np.array([-y / point.gradient[0], 0.0]) - level / bend * tangent
            theta = theta + move
            if np.linalg.norm(move) < 1e-4:  # the slope of τ₀ is good to per cents
                return theta
        return None

    def value_and_slope_across(self, theta) -> tuple[float, float]:
        """y and ∂y/∂θ₁ at a point, resonances resolved; NaN where they cannot be.

        Where the estimate is not exact the slope is a difference over ±h and ±2h, good to 1e-7 and
        several times faster than the derivative of the lattice.
        """
        at = self.problem.value_and_slope(theta, np.inf)
        y, across = at.log_density[0] - self.log_target, at.slopes[0, 1]
        if at.status[0] == Status.ok:
            return float(y), float(across)
        offsets = np.array([0.0, 1.0, -1.0, 2.0, -2.0]) * _DIFFERENCE
        values = self.problem.values(theta + np.stack([np.zeros(5), offsets], axis=1))
        if not np.all(values.error < _FOLLOWED):
            return np.nan, np.nan
        u = values.log_density
        across = (8.0 * (u[1] - u[2]) - (u[3] - u[4])) / (12.0 * _DIFFERENCE)
        return float(u[0] - self.log_target), float(across)

    def resolved(self, points) -> tuple[np.ndarray, np.ndarray]:
        """(θ [n, 2], status [n]) with resonances resolved where the estimate has not done so."""
        theta = np.array([point.theta for point in points])
        gradient = np.array([point.gradient for point in points])
        normal = gradient / np.sum(gradient**2, axis=1, keepdims=True)
        # An end of the curve stays on the edge: corrections go along it.
        for k in (0, -1):
            edge = (theta[k] <= self.low) | (theta[k] >= self.high)
            if edge.sum() == 1:
                normal[k] = np.where(edge, 0.0, 1.0 / np.where(edge, 1.0, gradient[k]))
        status = self.problem.quick(theta).status
        rest = np.flatnonzero(status != Status.ok)
        for _ in range(3):
            if not len(rest):
                break
            values = self.problem.values(theta[rest])
            status[rest] = values.status
            move = -(values.log_density - self.log_target)[:, None] * normal[rest]
            size = np.linalg.norm(np.nan_to_num(move), axis=1)
            good = (values.error < _FOLLOWED) & (size < 0.1)
            theta[rest[good]] += move[good]
            # What a step leaves is its square, and its product with the error of the slope.
            rest = rest[good & (size > 1e-5)]
        return theta, status


def _ahead(points: list[_Point], length: float) -> np.ndarray:
    """∫τ ds over the next `length`, τ(s) through the tangents of the last one to three points."""
    *_, last = points
    move = length * last.tangent
    if len(points) > 1:
        step = np.linalg.norm(last.theta - points[-2].theta)
        bend = (last.tangent - points[-2].tangent) / step
        move = move + 0.5 * length**2 * bend
        if len(points) > 2:
            before = np.linalg.norm(points[-2].theta - points[-3].theta)
            other = (points[-2].tangent - points[-3].tangent) / before
            change = (bend - other) / (step + before)
            move = move + (length**3 / 3.0 + 0.5 * length**2 * step) * change
    return move


def _turned(point: _Point) -> _Point:
    return point._replace(tangent=-point.tangent)


def _passes(last: _Point, found: _Point, first: _Point) -> bool:
    """Whether the step from `last` to `found` goes by `first`, in its direction."""
    way, back = found.theta - last.theta, first.theta - last.theta
    length = np.linalg.norm(way)
    share = (way @ back) / length**2
    aside = np.linalg.norm(back - share * way)
    return bool(0.0 < share <= 1.0 and aside < 0.1 * length and first.tangent @ found.tangent > 0.5)


def _hermite(theta, tangent, share) -> np.ndarray:
    """Cubic between two points [2, …, 2] with unit tangents, at a share of the way."""
    length = np.linalg.norm(theta[1] - theta[0], axis=-1, keepdims=True)
    s2, s3 = share**2, share**3
    return (
        (2 * s3 - 3 * s2 + 1) * theta[0]
        + (s3 - 2 * s2 + share) * length * tangent[0]
        + (3 * s2 - 2 * s3) * theta[1]
        + (s3 - s2) * length * tangent[1]
    )
