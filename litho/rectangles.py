"""The fewest rectangles that a Manhattan shape can be cut into.

Every concave corner needs a cut. A chord, a straight cut between two concave corners, serves both at once; chords
that cross or share a corner cannot all be drawn. The largest set of chords that can, an independent set in a bipartite
graph of horizontal and vertical chords, leaves one cut for each other corner, and the number of rectangles is

    concave corners - chords drawn - holes + connected parts.

No partition has fewer. Which way the other cuts go is free: they go where they stay farthest from parallel edges, so
that few slivers come about. Coordinates are whole database units, and nothing is rounded.

References
----------
W. Lipski, E. Lodi, F. Luccio, C. Mugnai, L. Pagli, "On two-dimensional data organization II", 1979.
T. Ohtsuki, "Minimum dissection of rectilinear regions", ISCAS 1982.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import maximum_bipartite_matching

from litho.cells import Floats
from litho.grid import Grid
from litho.outlines import united
from litho.raster import coverage

Bits = NDArray[np.bool_]
Numbers = NDArray[np.int64]

FARTHEST = 2**40
"""Largest coordinate."""

_RIGHT, _LEFT, _UP, _DOWN = (0, 1), (0, -1), (1, 0), (-1, 0)
_Step = tuple[int, int]


def minimum_rectangles(polygons: Sequence[Floats], min_side: float = 0.0) -> Numbers:
    """Return a partition of Manhattan polygons into the fewest rectangles.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y), whole numbers of any unit, edges along the axes only; counter-clockwise, holes
        clockwise or joined by a cut. They may overlap: their union is cut
    min_side
        cuts avoid to leave sides shorter than this. It never costs a rectangle

    Returns
    -------
    rectangles
        (n, 4) x0, y0, x1, y1; disjoint, their union is that of `polygons`
    """
    for polygon in polygons:
        _check_manhattan(np.asarray(polygon))
    found = [_cut(part, min_side) for part in united(polygons)]
    return np.concatenate([np.zeros((0, 4), np.int64), *found])


def slivers(rectangles: NDArray[np.number], min_side: float) -> int:
    """Return how many rectangles (n, 4) have a side shorter than `min_side`."""
    sides = np.minimum(rectangles[:, 2] - rectangles[:, 0], rectangles[:, 3] - rectangles[:, 1])
    return int(np.count_nonzero(sides < min_side))


def is_manhattan(polygon: Floats) -> bool:
    """Return whether all edges of a polygon run along the axes."""
    return not bool(np.all(polygon != np.roll(polygon, -1, axis=0), axis=1).any())


def minimum_count(inside: Bits) -> int:
    """Return the fewest rectangles that the True cells of a grid (ny, nx) can be cut into."""
    lines = _Lines(inside, np.arange(inside.shape[1] + 1), np.arange(inside.shape[0] + 1))
    lines.draw_cuts(0.0)
    return len(lines.rectangles())


def _check_manhattan(polygon: Floats) -> None:
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3 or not is_manhattan(polygon):
        raise ValueError("`polygons` must be arrays (n, 2) with edges along the axes, but one is not.")
    if not np.array_equal(polygon, np.rint(polygon)) or not np.abs(polygon).max() <= FARTHEST:
        raise ValueError(f"`polygons` must have whole coordinates within +-{FARTHEST}, but one has others.")


def _cut(polygon: Floats, min_side: float) -> Numbers:
    """Return the rectangles of one connected shape."""
    x, columns = np.unique(polygon[:, 0].astype(np.int64), return_inverse=True)
    y, rows = np.unique(polygon[:, 1].astype(np.int64), return_inverse=True)
    grid = Grid((len(y) - 1, len(x) - 1), (1.0, 1.0))
    inside = coverage([np.stack([columns, rows], axis=1).astype(np.float64)], grid) > 0.5
    lines = _Lines(inside, x, y)
    lines.draw_cuts(min_side)
    return lines.rectangles()


class _Lines:
    """Edges and cuts on the grid of all coordinates of a shape; nodes are (row, column) of its lines.

    `vertical[j, i]` tells whether column line i is drawn beside cell row j, `horizontal[j, i]` whether row line j is
    below cell column i.
    """

    def __init__(self, inside: Bits, x: NDArray[np.int64], y: NDArray[np.int64]) -> None:
        self.x, self.y = x, y
        self.cells = np.pad(inside, 1)
        self.vertical = self.cells[1:-1, 1:] != self.cells[1:-1, :-1]
        self.horizontal = self.cells[1:, 1:-1] != self.cells[:-1, 1:-1]

    def draw_cuts(self, min_side: float) -> None:
        """Draw the chords that can all be drawn, then one cut from each other concave corner."""
        corners = self._concave_corners()
        done: set[_Step] = set()
        for start, end in self._chords(corners):
            self._draw(start, end)
            done |= {start, end}
        waiting = [(node, steps) for node, steps in corners.items() if node not in done]
        gain = [abs(self._room(n, s[0], min_side) - self._room(n, s[1], min_side)) for n, s in waiting]
        for k in np.argsort(-np.array(gain), kind="stable"):
            node, steps = waiting[k]
            rooms = [self._room(node, step, min_side) for step in steps]
            step = steps[int(np.argmax(rooms))]
            self._draw(node, self._end(node, step))

    def rectangles(self) -> Numbers:
        """Return (n, 4) x0, y0, x1, y1 of the parts that the lines cut the shape into."""
        corner = self.vertical[:, :-1] & self.horizontal[:-1] & self.cells[1:-1, 1:-1]
        rows, columns = np.nonzero(corner)
        right = _next_after(self.vertical)[rows, columns]
        top = _next_after(self.horizontal.T)[columns, rows]
        found = np.stack([self.x[columns], self.y[rows], self.x[right], self.y[top]], axis=1)
        return np.asarray(found, dtype=np.int64)

    def _concave_corners(self) -> dict[_Step, tuple[_Step, _Step]]:
        """Return for each node with three cells inside the two steps that go on along its edges, into the shape."""
        cells = self.cells
        around = np.stack([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]])
        missing = np.argmin(around, axis=0)
        concave = np.argwhere(around.sum(axis=0) == 3)
        steps = ((_RIGHT, _UP), (_LEFT, _UP), (_RIGHT, _DOWN), (_LEFT, _DOWN))
        return {(j, i): steps[missing[j, i]] for j, i in concave.tolist()}

    def _chords(self, corners: dict[_Step, tuple[_Step, _Step]]) -> list[tuple[_Step, _Step]]:
        """Return as many chords as can be drawn without two that touch."""
        across, along = (
            [
                (node, end)
                for node, steps in corners.items()
                if step in steps and (end := self._end(node, step)) in corners
            ]
            for step in (_RIGHT, _UP)
        )
        if not across or not along:
            return across or along
        j, (i0, i1) = np.array([a[0] for a, _ in across]), np.array([(a[1], b[1]) for a, b in across]).T
        i, (j0, j1) = np.array([a[1] for a, _ in along]), np.array([(a[0], b[0]) for a, b in along]).T
        touch = (i0[:, None] <= i) & (i <= i1[:, None]) & (j0 <= j[:, None]) & (j[:, None] <= j1)
        kept_across, kept_along = _independent(touch)
        return [c for c, kept in zip(across + along, [*kept_across, *kept_along], strict=True) if kept]

    def _end(self, node: _Step, step: _Step) -> _Step:
        """Return the node where a cut from `node` meets the next line across."""
        j, i = node
        if step[0]:
            left = self.horizontal[:, i - 1] | self.horizontal[:, i]
            met = left[j + 1 :] if step[0] > 0 else left[:j][::-1]
            return j + step[0] * (1 + int(np.argmax(met))), i
        below = self.vertical[j - 1] | self.vertical[j]
        met = below[i + 1 :] if step[1] > 0 else below[:i][::-1]
        return j, i + step[1] * (1 + int(np.argmax(met)))

    def _room(self, node: _Step, step: _Step, min_side: float) -> float:
        """Return how far a cut would be from the next lines beside it; all beyond `min_side` counts the same."""
        (j, i), end = node, self._end(node, step)
        if step[0]:
            low, high = sorted((j, end[0]))
            lines, place, at = self.vertical[low:high].any(axis=0), self.x, i
        else:
            low, high = sorted((i, end[1]))
            lines, place, at = self.horizontal[:, low:high].any(axis=1), self.y, j
        drawn = np.flatnonzero(lines)
        after = np.searchsorted(drawn, at, side="right")
        before = np.searchsorted(drawn, at) - 1
        return min(min_side, float(place[drawn[after]] - place[at]), float(place[at] - place[drawn[before]]))

    def _draw(self, start: _Step, end: _Step) -> None:
        (j0, j1), (i0, i1) = sorted((start[0], end[0])), sorted((start[1], end[1]))
        if j0 == j1:
            self.horizontal[j0, i0:i1] = True
        else:
            self.vertical[j0:j1, i0] = True


def _independent(touch: Bits) -> tuple[Bits, Bits]:
    """Return a largest set of rows and columns of which none touch, as yes/no for each row and each column (Koenig)."""
    partner = maximum_bipartite_matching(scipy.sparse.csr_array(touch), perm_type="column")
    matched = np.zeros(touch.shape[1], np.bool_)
    matched[partner[partner >= 0]] = True
    row_of = np.full(touch.shape[1], -1)
    row_of[partner[partner >= 0]] = np.flatnonzero(partner >= 0)
    rows, columns = partner < 0, np.zeros(touch.shape[1], np.bool_)
    while True:  # all that alternating paths from free rows reach
        reached = touch[rows].any(axis=0) & ~columns
        if not reached.any():
            return rows, ~columns
        columns |= reached
        rows[row_of[reached & matched]] = True


def _next_after(lines: Bits) -> Numbers:
    """Return for each place (n, m) the number of the next drawn line after it along the second axis."""
    number = np.where(lines, np.arange(lines.shape[1]), lines.shape[1])
    following = np.minimum.accumulate(number[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(following[:, 1:], dtype=np.int64)
