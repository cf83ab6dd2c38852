r"""All roots of ln Ω h²(θ₀, θ₁) = ln target in θ₁, for many values of θ₀ at once.

Every column θ₀ gets a grid in θ₁ that is halved where a root may hide, from spacing 2 to ¼. The
quick estimate serves for it; where its error bound leaves the sign open, resonances are resolved.
A sign change at the last spacing is a bracket; a turning point that may touch the target is
followed until its sign is known. Ω h² follows powers of its parameters, so that a column is a few
straight lines with bends one unit wide: a grid of ¼ with the search of turning points sees all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..production import Status
from ._problem import Problem

_SPACINGS = 4  # 3, 1½, ¾, ⅜
_COARSEST = 3.0
_MARGIN = 1.0  # cells within this many of their own changes from the target are halved
_STRAIGHT = 0.35  # relative change of y from cell to cell
_TRUSTED = 1e-3  # values this good need no second look for a sign
_MAX_STEPS = 60
_KNOWN = 0.05  # where Ω h² is known to this a root exists; its status tells the rest
_STEEPEST = 10.0  # d ln Ω h²/d ln θ₁ that secants need not doubt


class Roots(NamedTuple):
    """Flat list of roots, ordered by column and then by θ₁ (NumPy)."""

    column: np.ndarray  # [R] index into θ₀
    theta: np.ndarray  # [R, 2], or [R, K + 1]
    status: np.ndarray  # [R] codes of `Status`
    uncertain: np.ndarray  # [columns] True where values near the target could not be computed


def find_in_columns(
    problem: Problem, across: np.ndarray, low: float, high: float, log_target: float
) -> Roots:
    """All roots with `low` ≤ θ₁ ≤ `high` in the columns θ₀ = `across` [columns].

    Where other parameters differ between the columns, too, θ₀ is a vector: `across` [columns, K].
    """
    search = _Search(problem, np.asarray(across, float), low, high, log_target)
    column, theta1, status = search.polish(search.brackets())
    order = np.lexsort((theta1, column))
    theta = np.column_stack([search.across[column], theta1])[order]
    return Roots(column[order], theta, status[order], search.uncertain)


class _Search:
    """One search: y = ln(Ω h²/target) on a grid [columns, nodes], filled where it is needed."""

    def __init__(self, problem, across, low, high, log_target):
        self.problem, self.across, self.log_target = problem, across, log_target
        self.stride = 2 ** (_SPACINGS - 1)
        cells = self.stride * max(2, int(np.ceil((high - low) / _COARSEST)))
        self.grid = np.linspace(low, high, cells + 1)
        shape = len(across), cells + 1
        self.y = np.full(shape, np.nan)
        self.error = np.zeros(shape)  # y is right to ± this
        self.uncertain = np.zeros(len(across), bool)

    def evaluate(self, how, column, theta1):
        """(y, error, status) at points."""
        result = how(np.column_stack([self.across[column], theta1]))
        y = result.log_density - self.log_target
        finite = np.isfinite(y)
        error = np.log1p(np.where(finite, np.abs(result.error), np.inf))
        return np.where(finite, y, 0.0), error, result.status

    def estimate(self, wanted):
        """Fill in estimates at nodes that are wanted and have none."""
        column, node = np.nonzero(wanted & np.isnan(self.y))
        if len(column):
            y, error, _ = self.evaluate(self.problem.quick, column, self.grid[node])
            self.y[column, node], self.error[column, node] = y, error

    def resolve(self, wanted) -> bool:
        """Resolve resonances at nodes that are wanted and whose sign is in doubt, if any."""
        doubtful = (np.abs(self.y) <= self.error) & (self.error > _TRUSTED)
        column, node = np.nonzero(wanted & doubtful)
        if len(column):
            y, error, _ = self.evaluate(self.problem.values, column, self.grid[node])
            unknown = (np.abs(y) <= error) & (error > _KNOWN)
            np.logical_or.at(self.uncertain, column, unknown)
            self.y[column, node], self.error[column, node] = y, 0.0  # the best there is
        return len(column) > 0

    def interesting(self, stride, inherited):
        """Cells of `stride` that may hold a root, and how much y changes there.

        y counts as the end of its interval that is nearer to zero.
        """
        every = slice(None, None, stride)
        y, error = self.y[:, every], self.error[:, every]
        known = ~np.isnan(y)
        both = known[:, :-1] & known[:, 1:]
        distance = np.where(known, np.maximum(np.abs(y) - error, 0.0), 0.0)
        sign = np.where(y >= 0.0, 1.0, -1.0)
        change = np.where(both, np.abs(np.diff(sign * distance, axis=1)), 0.0)
        padded = np.pad(change, ((0, 0), (1, 1)))
        change = np.maximum(np.maximum(padded[:, :-2], padded[:, 2:]), change)
        change = np.maximum(change, 0.5 * inherited)
        crosses = sign[:, :-1] != sign[:, 1:]
        closest = np.minimum(distance[:, :-1], distance[:, 1:])
        return both & (crosses | (closest < _MARGIN * change)), change

    def brackets(self):
        """(column, left, right, y left, y right) of all changes of sign."""
        stride, inherited = self.stride, 0.0
        nodes = np.zeros(self.y.shape, bool)
        nodes[:, ::stride] = True
        self.estimate(nodes)
        found = []
        while True:
            cells, change = self.interesting(stride, inherited)
            ends = np.zeros(self.y.shape, bool)
            ends[:, :-1:stride] |= cells
            ends[:, stride::stride] |= cells
            if self.resolve(ends):
                cells, change = self.interesting(stride, inherited)
            if stride == 1:
                break
            if stride == 2:
                # What runs straight through at the last spacing but one needs no other look.
                straight = cells & self.straight(stride)
                found.append(self.crossed(straight, stride))
                cells &= ~straight
            middle = np.zeros(self.y.shape, bool)
            middle[:, stride // 2 :: stride] = cells
            self.estimate(middle)
            inherited = np.repeat(change, 2, axis=1)
            stride //= 2
        return np.concatenate([*found, self.crossed(cells, 1), *self.turning_points()])

    def straight(self, stride):
        """Cells of `stride` about which y changes steadily: no turning point is near."""
        y = self.y[:, ::stride]
        step = np.diff(y, axis=1)
        left = np.pad(step[:, :-1], ((0, 0), (1, 0)), constant_values=np.nan)
        right = np.pad(step[:, 1:], ((0, 0), (0, 1)), constant_values=np.nan)
        with np.errstate(invalid="ignore"):
            bend = np.maximum(np.abs(step - left), np.abs(right - step))
            sure = self.error[:, ::stride] < _TRUSTED
            return (bend < _STRAIGHT * np.abs(step)) & sure[:, :-1] & sure[:, 1:]

    def crossed(self, cells, stride):
        """Brackets [n, 5] of those cells of `stride` whose ends differ in sign."""
        every = slice(None, None, stride)
        y, grid = self.y[:, every], self.grid[every]
        sign = np.where(y >= 0.0, 1.0, -1.0)  # an exact zero: one bracket, not two
        known = cells & np.isfinite(y[:, :-1]) & np.isfinite(y[:, 1:])
        column, cell = np.nonzero(known & (sign[:, :-1] != sign[:, 1:]))
        ends = grid[cell], grid[cell + 1], y[column, cell], y[column, cell + 1]
        return np.stack([column, *ends], axis=1)

    def turning_points(self):
        """Brackets on either side of a turning point that reaches beyond the target."""
        sign = np.where(self.y >= 0.0, 1.0, -1.0)
        height = np.abs(self.y)
        left, inner, right = height[:, :-2], height[:, 1:-1], height[:, 2:]
        same = (sign[:, :-2] == sign[:, 1:-1]) & (sign[:, 2:] == sign[:, 1:-1])
        with np.errstate(invalid="ignore"):
            near = (inner <= left) & (inner <= right) & (inner < left + right - 2.0 * inner)
        column, node = np.nonzero(same & near)
        triples = [slice(j, j + 3) for j in node]
        return [
            self.follow(c, self.grid[triple], self.y[c, triple])
            for c, triple in zip(column, triples, strict=True)
        ]

    def follow(self, column, u, y):
        """Shrink a triple about a turning point until its sign is clear; brackets [0 or 2, 5]."""
        side = 1.0 if y[1] >= 0.0 else -1.0
        u, y = list(u), list(side * np.asarray(y))
        for _ in range(_MAX_STEPS):
            vertex, lowest, reach = _parabola(u, y)
            # The parabola is trusted to a quarter of its own height over the triple.
            if not lowest < 0.25 * reach or u[2] - u[0] < 1e-6:
                break
            value, error, _ = self.evaluate(
                self.problem.values, np.array([column]), np.array([vertex])
            )
            self.uncertain[column] |= bool(abs(value[0]) <= error[0])
            value = side * value[0]
            if value <= 0.0:
                here = vertex, side * value
                left, right = (u[0], side * y[0]), (u[2], side * y[2])
                pairs = (left, here), (here, right)
                return np.array([[column, a[0], b[0], a[1], b[1]] for a, b in pairs])
            points = sorted(zip([*u, vertex], [*y, value], strict=True))
            best = min((1, 2), key=lambda k: points[k][1])
            u, y = (list(part) for part in zip(*points[best - 1 : best + 2], strict=True))
        return np.zeros((0, 5))

    def polish(self, brackets):
        """(column, θ₁, status) of the root in each bracket.

        Secants on the estimate; then resonances are resolved where the estimate has not done so.
        """
        column, (left, right, y_left, y_right) = brackets[:, 0].astype(int), brackets.T[1:]
        share = np.clip(y_left / (y_left - y_right), 0.02, 0.98)
        guess = left + share * (right - left)
        guess = self.bent(column, left, right, guess)
        secants = _Secants(left, right, y_left, y_right, guess)
        status = self.iterate(secants, column, self.problem.quick, np.arange(len(column)), 1e-5)
        rest = np.flatnonzero(status != Status.ok)
        secants.widen(rest, brackets)
        status[rest] = self.iterate(secants, column, self.problem.values, rest, 1e-5)
        return column, secants.root, status

    def bent(self, column, left, right, guess):
        """Guesses of the roots from the cubics u(y) through four nodes, where these are known."""
        stride = np.round((right - left) / (self.grid[1] - self.grid[0])).astype(int)
        first = np.round((left - self.grid[0]) / (self.grid[1] - self.grid[0])).astype(int)
        node = first[:, None] + stride[:, None] * np.arange(-1, 3)
        inside = (node[:, 0] >= 0) & (node[:, 3] < len(self.grid)) & (stride > 0)
        node = np.clip(node, 0, len(self.grid) - 1)
        y, u = self.y[column[:, None], node], self.grid[node]
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.zeros(len(column))
            for i in range(4):
                term = u[:, i]
                for j in range(4):
                    if j != i:
                        term = term * y[:, j] / (y[:, j] - y[:, i])
                root = root + term
            good = inside & (root > left) & (root < right)
        return np.where(good, root, guess)

    def iterate(self, secants, column, how, active, tolerance):
        """Step until the last step is below `tolerance`; what it leaves is of second order."""
        status = np.zeros(len(column), int)
        which = active
        for step in range(_MAX_STEPS):
            if not len(active):
                break
            y, error, code = self.evaluate(how, column[active], secants.guess[active])
            done = secants.step(active, y, tolerance, halve=step % 4 == 3)
            # A bracket that has shrunk to a jump between two values holds no root.
            jump = done & (np.abs(y) > _STEEPEST * tolerance)
            status[active] = np.where(jump, np.maximum(code, Status.under_resolved), code)
            if how == self.problem.values:
                unknown = column[active[done & (jump | (error > _KNOWN))]]
                self.uncertain[unknown] = True
            active = active[~done]
        status[active] = np.maximum(status[active], Status.under_resolved)
        return status[which]


class _Secants:
    """Secants for many brackets at once, none of which is ever left (arrays [R])."""

    def __init__(self, left, right, y_left, y_right, guess):
        self.left, self.right = left.copy(), right.copy()
        self.y_left = y_left.copy()
        self.guess, self.root = guess, guess.copy()
        self.slope = (y_right - y_left) / (right - left)
        self.last, self.y_last = left.copy(), y_left.copy()

    def widen(self, which, brackets):
        """Back to the first brackets: other values may put the root beyond the last ones."""
        self.left[which], self.right[which], self.y_left[which] = brackets[which, 1:4].T
        self.guess[which] = self.root[which]
        self.last[which] = np.nan  # no secant across two kinds of values

    def step(self, k, y, tolerance, halve):
        """Take values y at the guesses k; True where the root is found."""
        at = self.guess[k]
        same = np.sign(y) == np.sign(self.y_left[k])
        self.left[k] = np.where(same, at, self.left[k])
        self.y_left[k] = np.where(same, y, self.y_left[k])
        self.right[k] = np.where(same, self.right[k], at)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (y - self.y_last[k]) / (at - self.last[k])
            good = np.isfinite(slope) & (slope * self.slope[k] > 0.0)
            self.slope[k] = np.where(good, slope, self.slope[k])
            move = np.where(y == 0.0, 0.0, -y / self.slope[k])
        self.last[k], self.y_last[k] = at, y
        inside = (at + move >= self.left[k]) & (at + move <= self.right[k])
        width = self.right[k] - self.left[k]
        new = np.where(inside & (not halve), at + move, self.left[k] + 0.5 * width)
        self.guess[k] = new
        self.root[k] = np.where(inside, at + move, new)
        # A slope from estimates may be far too steep: y itself must be small as well.
        small = (np.abs(move) < tolerance) & (np.abs(y) < _STEEPEST * tolerance)
        return (inside & small) | (width < 1e-9)


def _parabola(u, y):
    """Vertex of the parabola through three points, its height, and its height over the triple."""
    (a, b, c), (ya, yb, yc) = u, y
    slope_left, slope_right = (yb - ya) / (b - a), (yc - yb) / (c - b)
    curve = (slope_right - slope_left) / (c - a)
    if curve <= 0.0:
        return b, np.inf, 0.0
    vertex = 0.5 * (a + b - slope_left / curve)
    lowest = ya + slope_left * (vertex - a) + curve * (vertex - a) * (vertex - b)
    nearest = 1e-3 * (c - a)
    vertex = min(max(vertex, a + nearest), c - nearest)
    if abs(vertex - b) < nearest:
        vertex = b + (nearest if c - b > b - a else -nearest)
    return vertex, lowest, 0.25 * curve * (c - a) ** 2
