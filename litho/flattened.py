"""One layer of a cell and of all below it, without hierarchy, and without expanding what no one looks at.

What a cell looks like after a rotation is worked out once: boxes of its shapes and of what it places, in an index
each. A window then visits only what reaches into it. Files may be made to be expensive: each visit has a limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from litho.box_index import BoxIndex
from litho.cells import Floats, Layer, LayoutError, Library, Placement, Shapes

MOST_ORIENTATIONS = 10_000
"""Cells, each with its distinct rotations and magnifications: chips have at most eight times their cells."""

FEW = 16
"""Origins of a placement that are looked at one by one."""

LARGEST_MAGNIFICATION = 1e12
"""Of all levels together."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A placement as it lies in a turned cell.

    Parameters
    ----------
    cell
        what is placed, turned
    starts
        (k, 2) origins, relative to that of the cell around
    counts, steps
        see `Placement`
    index
        of the boxes around the whole lattice at each origin
    """

    cell: Turned
    starts: Floats
    counts: tuple[int, int]
    steps: Floats
    index: BoxIndex

    def visible(self, origins: Floats, box: Floats, limit: Limit) -> Floats:
        """Return the (k, 2) places, for copies of the cell around at `origins`, whose bounds touch a box."""
        inner = self.cell.bounds
        room = np.hstack([box[:2] - inner[2:], box[2:] - inner[:2]])  # a copy placed in here is seen
        if self.counts == (1, 1) and len(self.starts) <= FEW:
            places = (origins[:, None, :] + self.starts).reshape(-1, 2)
            places = places[_within(places, room)]
            limit.take(len(places))
            return places
        found = [np.empty((0, 2))]
        for origin in origins:
            starts = self.starts[self.index.touching(box - np.tile(origin, 2))] + origin
            if self.counts != (1, 1):
                steps = [_lattice(self.counts, self.steps, room - np.tile(start, 2), limit.most) for start in starts]
                starts = np.concatenate(
                    [np.empty((0, 2)), *(s + start for s, start in zip(steps, starts, strict=True))]
                )
                starts = starts[_within(starts, room)]
            limit.take(len(starts))
            found.append(starts)
        return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Turned:
    """A cell after rotation, mirror and magnification: its shapes and placements on one layer, and their bounds."""

    shapes: Shapes | None
    index: BoxIndex | None
    placed: tuple[Placed, ...]
    bounds: Floats


@dataclass(frozen=True, eq=False)
class Flattened:
    """The shapes of one layer in and below one cell, without its hierarchy."""

    hierarchy: Library
    top: int
    layer: Layer
    _turned: dict[tuple[int, bytes], Turned | None] = field(init=False, default_factory=dict)

    @property
    def bounds(self) -> Floats:
        """x0, y0, x1, y1 of all shapes, exact for any rotation, in database units."""
        return self.root.bounds

    def polygons(self, box: Floats, most: int = 20_000_000) -> Iterator[Floats]:
        """Yield the (k, 2) vertices of each shape whose bounds reach into `box` (x0, y0, x1, y1).

        Raises
        ------
        LayoutError
            when `box` shows more than `most` shapes, or takes as many steps
        """
        yield from _visit(self.root, np.zeros((1, 2)), box, Limit(most))

    @property
    def root(self) -> Turned:
        """The cell, with all below it worked out."""
        root = self._turn(self.top, np.eye(2))
        assert root is not None
        return root

    def _turn(self, number: int, matrix: Floats) -> Turned | None:
        """Return a cell after `matrix`, or None if nothing is in it; one call for each level of cells."""
        key = number, matrix.tobytes()
        if key not in self._turned:
            self._check_orientation(matrix)
            cell = self.hierarchy.cells[number]
            shapes = cell.shapes.get(self.layer)
            placed = []
            for placement in cell.placements:  # -0.0 would make an orientation of its own
                inner = self._turn(placement.cell, matrix @ placement.matrix + 0.0)
                if inner is not None and placement.copies:
                    placed.append(_placed(placement, matrix, inner))
            self._turned[key] = _turned(matrix, shapes, tuple(placed))
        return self._turned[key]

    def _check_orientation(self, matrix: Floats) -> None:
        most = max(MOST_ORIENTATIONS, 8 * len(self.hierarchy.cells))
        if len(self._turned) >= most:
            raise LayoutError(f"Cells must be placed in at most {most} orientations, but got more.")
        if not np.abs(matrix).max() <= LARGEST_MAGNIFICATION:
            raise LayoutError(f"Cells must be magnified at most {LARGEST_MAGNIFICATION:g} times, but one is more.")


class Limit:
    """How many steps a visit may still take."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def take(self, steps: int) -> None:
        """Note that so many were taken."""
        self.taken += steps
        if self.taken > self.most:
            raise LayoutError(f"A window must show at most {self.most} shapes, but got one that shows more.")


def _visit(cell: Turned, origins: Floats, box: Floats, limit: Limit) -> Iterator[Floats]:
    """Yield the polygons of a turned cell at all its origins."""
    if cell.shapes is not None and cell.index is not None:
        yield from _copies(cell.shapes, cell.index, origins, box, limit)
    for placed in cell.placed:
        places = placed.visible(origins, box, limit)
        if len(places):
            yield from _visit(placed.cell, places, box, limit)


def _copies(shapes: Shapes, index: BoxIndex, origins: Floats, box: Floats, limit: Limit) -> Iterator[Floats]:
    """Yield the polygons of a cell at all its origins, looping over the shorter of shapes and origins."""
    if len(origins) < len(shapes):
        for origin in origins:
            seen = index.touching(box - np.tile(origin, 2))
            limit.take(len(seen))
            for number in seen.tolist():
                yield shapes.polygon(number) + origin
        return
    for number, bounds in index.boxes():
        places = origins[_within(origins, np.hstack([box[:2] - bounds[2:], box[2:] - bounds[:2]]))]
        limit.take(len(places))
        polygon = shapes.polygon(number)
        for place in places:
            yield polygon + place


def _within(points: Floats, room: Floats) -> npt.NDArray[np.bool_]:
    """Say which of `points` (k, 2) lie in `room` (x0, y0, x1, y1), border included."""
    return np.asarray((points >= room[:2]).all(1) & (points <= room[2:]).all(1))


def _turned(matrix: Floats, shapes: Shapes | None, placed: tuple[Placed, ...]) -> Turned | None:
    if shapes is not None and (matrix != np.eye(2)).any():
        shapes = Shapes(shapes.points @ matrix.T, shapes.starts)
    index = None if shapes is None else BoxIndex(shapes.boxes())
    inside = [i.bounds for i in (index, *(p.index for p in placed)) if i is not None]
    if not inside:
        return None
    boxes = np.array(inside)
    bounds = np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
    return Turned(shapes, index, placed, bounds)


def _placed(placement: Placement, matrix: Floats, cell: Turned) -> Placed:
    counts, steps = _apart(placement.counts, placement.steps @ matrix.T)
    starts = placement.origins @ matrix.T
    ends = np.array([[i, j] for i in (0, counts[0] - 1) for j in (0, counts[1] - 1)]) @ steps
    around = np.concatenate([ends.min(0) + cell.bounds[:2], ends.max(0) + cell.bounds[2:]])
    return Placed(cell, starts, counts, steps, BoxIndex(np.tile(starts, 2) + around))


def _apart(counts: tuple[int, int], steps: Floats) -> tuple[tuple[int, int], Floats]:
    """Return a lattice whose copies do not lie on each other for want of a step."""
    columns, rows = (count if step.any() else 1 for count, step in zip(counts, steps, strict=True))
    return (columns, rows), steps


def _lattice(counts: tuple[int, int], steps: Floats, room: Floats, most: int) -> Floats:
    """Return the (k, 2) points of a lattice that can lie in `room`, and few others."""
    for n in (0, 1):
        if counts[n] == 1:  # this step is never taken: make the other one invertible
            steps = steps.copy()
            steps[n] = -steps[1 - n, 1], steps[1 - n, 0]
    spans = [(0, counts[0] - 1), (0, counts[1] - 1)]
    if abs(np.linalg.det(steps)) > 1e-9 * np.prod(np.hypot(*steps.T)):
        corners = np.array([[room[i], room[j]] for i in (0, 2) for j in (1, 3)])
        index = corners @ np.linalg.inv(steps)
        spans = [_clamped(index[:, n].min(), index[:, n].max(), counts[n]) for n in (0, 1)]
    if math.prod(max(0, high + 1 - low) for low, high in spans) > most:
        raise LayoutError(f"A window must show at most {most} shapes, but got one that shows more.")
    ranges = [np.arange(low, high + 1) for low, high in spans]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 2) @ steps


def _clamped(low: float, high: float, count: int) -> tuple[int, int]:
    """Return whole indices from just below `low` to just above `high`, within 0..count - 1."""
    return math.floor(min(max(low, 0), count)), math.ceil(min(max(high, -1), count - 1))
