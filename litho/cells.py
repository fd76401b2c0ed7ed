"""The cells of a layout file as they were drawn: shapes and placements, in database units.

Nothing is expanded here that the caller did not ask for: counting and bounding go once through the cells, and
`Flattened.polygons` visits only the copies that reach into its box, so a file of a few bytes which stands for 10^12
shapes costs no more than its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Layer: TypeAlias = tuple[int, int]
Floats: TypeAlias = npt.NDArray[np.float64]

DEEPEST = 200  # levels of nesting; chips have 10 to 30


class LayoutError(ValueError):
    """A layout that cannot be used as it is, said in one sentence."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """Polygons of one cell on one layer.

    Parameters
    ----------
    points
        (n, 2) vertices (x, y) of all polygons, one after the other, in database units
    starts
        (m + 1,) where in `points` each polygon begins; the last entry is n
    """

    points: Floats
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def polygon(self, index: int) -> Floats:
        """Return the (k, 2) vertices of one polygon."""
        return self.points[self.starts[index] : self.starts[index + 1]]

    def boxes(self, matrix: Floats) -> Floats:
        """Return (m, 4) x0, y0, x1, y1 of each polygon after `matrix` (2, 2)."""
        points = self.points @ matrix.T
        low = np.minimum.reduceat(points, self.starts[:-1])
        high = np.maximum.reduceat(points, self.starts[:-1])
        return np.hstack([low, high])


@dataclass(frozen=True, eq=False)
class Placement:
    """Copies of a cell: at every origin, a lattice of them.

    Parameters
    ----------
    cell
        which cell of the library
    matrix
        (2, 2) rotation, mirror and magnification, applied to column vectors (x, y)
    origins
        (k, 2) where the cell's own origin comes to lie, in database units
    counts
        columns and rows of the lattice
    steps
        (2, 2) from one column to the next and from one row to the next, in database units
    """

    cell: int
    matrix: Floats
    origins: Floats
    counts: tuple[int, int] = (1, 1)
    steps: Floats = field(default_factory=lambda: np.zeros((2, 2)))

    @property
    def copies(self) -> int:
        """How many copies this placement stands for."""
        return len(self.origins) * self.counts[0] * self.counts[1]


@dataclass(frozen=True, eq=False)
class Cell:
    """What one cell of a layout file holds."""

    name: str
    shapes: Mapping[Layer, Shapes]
    placements: tuple[Placement, ...] = ()


@dataclass(frozen=True, eq=False)
class Library:
    """All cells of a layout file.

    Raises
    ------
    LayoutError
        when a cell contains itself, or cells are nested more than `DEEPEST` levels deep
    """

    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        _ = self._bottom_up

    @cached_property
    def tops(self) -> tuple[int, ...]:
        """The cells that no other cell places."""
        placed = {p.cell for c in self.cells for p in c.placements}
        return tuple(i for i in range(len(self.cells)) if i not in placed)

    @cached_property
    def _bottom_up(self) -> list[int]:
        parents: list[list[int]] = [[] for _ in self.cells]
        waiting = [0] * len(self.cells)
        for i, cell in enumerate(self.cells):
            for child in {p.cell for p in cell.placements}:
                parents[child].append(i)
                waiting[i] += 1
        order = [i for i, n in enumerate(waiting) if n == 0]
        level = [1] * len(self.cells)
        for child in order:  # grows while it is read
            for parent in parents[child]:
                level[parent] = max(level[parent], level[child] + 1)
                waiting[parent] -= 1
                if waiting[parent] == 0:
                    order.append(parent)
        if len(order) < len(self.cells):
            name = self.cells[next(i for i, n in enumerate(waiting) if n > 0)].name
            raise LayoutError(f"A layout's cells must not contain themselves, but cell {name!r} does.")
        if max(level, default=0) > DEEPEST:
            raise LayoutError(f"Cells must be nested at most {DEEPEST} levels deep, but got {max(level)}.")
        return order

    @cached_property
    def counts(self) -> list[dict[Layer, int]]:
        """Shapes in and below each cell, layer by layer, all copies counted."""
        counts: list[dict[Layer, int]] = [{} for _ in self.cells]
        for i in self._bottom_up:
            count = counts[i]
            for layer, shapes in self.cells[i].shapes.items():
                count[layer] = len(shapes)
            for placement in self.cells[i].placements:
                for layer, n in counts[placement.cell].items():
                    count[layer] = count.get(layer, 0) + placement.copies * n
        return [{layer: n for layer, n in count.items() if n} for count in counts]


@dataclass(frozen=True, eq=False)
class Flattened:
    """The shapes of one layer in and below one cell, without its hierarchy."""

    hierarchy: Library
    top: int
    layer: Layer
    _shape_boxes: dict[tuple[int, bytes], Floats] = field(init=False, default_factory=dict)
    _bounds: dict[tuple[int, bytes], Floats | None] = field(init=False, default_factory=dict)

    @property
    def bounds(self) -> Floats:
        """x0, y0, x1, y1 of all shapes, exact for any rotation, in database units."""
        bounds = self._bounds_of(self.top, np.eye(2))
        assert bounds is not None
        return bounds

    def polygons(self, box: Floats) -> Iterator[Floats]:
        """Yield the (k, 2) vertices of each shape whose bounds reach into `box` (x0, y0, x1, y1)."""
        yield from self._visit(self.top, np.eye(2), np.zeros((1, 2)), box)

    def _boxes_of(self, cell: int, matrix: Floats) -> Floats:
        key = cell, matrix.tobytes()
        if key not in self._shape_boxes:
            self._shape_boxes[key] = self.hierarchy.cells[cell].shapes[self.layer].boxes(matrix)
        return self._shape_boxes[key]

    def _bounds_of(self, cell: int, matrix: Floats) -> Floats | None:
        key = cell, matrix.tobytes()
        if key in self._bounds:
            return self._bounds[key]
        found = []
        if self.layer in self.hierarchy.cells[cell].shapes:
            found.append(self._boxes_of(cell, matrix))
        for placement in self.hierarchy.cells[cell].placements:
            inner = self._bounds_of(placement.cell, matrix @ placement.matrix)
            if inner is not None:
                reach = _corners(placement) @ matrix.T
                found.append(np.tile(reach, 2) + inner)
        boxes = np.vstack(found) if found else np.empty((0, 4))
        bounds = np.hstack([boxes[:, :2].min(0), boxes[:, 2:].max(0)]) if len(boxes) else None
        self._bounds[key] = bounds
        return bounds

    def _visit(self, cell: int, matrix: Floats, origins: Floats, box: Floats) -> Iterator[Floats]:
        shapes = self.hierarchy.cells[cell].shapes.get(self.layer)
        if shapes is not None:
            yield from _copies(shapes, self._boxes_of(cell, matrix), matrix, origins, box)
        for placement in self.hierarchy.cells[cell].placements:
            inner_matrix = matrix @ placement.matrix
            inner = self._bounds_of(placement.cell, inner_matrix)
            if inner is None:
                continue
            for origin in origins:
                visible = _visible(placement, matrix, origin, inner, box)
                yield from self._visit(placement.cell, inner_matrix, visible, box)


def _meets(boxes: Floats, box: Floats) -> npt.NDArray[np.bool_]:
    """Say which of `boxes` (m, 4) touch `box` (4,)."""
    return np.asarray((boxes[:, :2] <= box[2:]).all(1) & (boxes[:, 2:] >= box[:2]).all(1))


def _copies(shapes: Shapes, boxes: Floats, matrix: Floats, origins: Floats, box: Floats) -> Iterator[Floats]:
    """Yield the polygons of a cell at all its origins, looping over the shorter of shapes and origins."""
    if len(origins) < len(shapes):
        for origin in origins:
            for index in np.flatnonzero(_meets(boxes, box - np.tile(origin, 2))):
                yield shapes.polygon(int(index)) @ matrix.T + origin
        return
    for i, bounds in enumerate(boxes):
        polygon = shapes.polygon(i) @ matrix.T
        for origin in origins[_meets(np.tile(origins, 2) + bounds, box)]:
            yield polygon + origin


def _corners(placement: Placement) -> Floats:
    """Return every origin with the four corners of its lattice: (4 k, 2)."""
    ends = np.array([[i, j] for i in (0, placement.counts[0] - 1) for j in (0, placement.counts[1] - 1)])
    return np.concatenate([placement.origins + end for end in ends @ placement.steps])


def _visible(placement: Placement, matrix: Floats, origin: Floats, inner: Floats, box: Floats) -> Floats:
    """Return the (k, 2) places of those copies whose bounds `inner` touch `box`."""
    steps = placement.steps @ matrix.T
    starts = placement.origins @ matrix.T + origin
    room = np.hstack([box[:2] - inner[2:], box[2:] - inner[:2]])  # a copy placed in here is seen
    if placement.counts == (1, 1):
        return starts[_meets(np.tile(starts, 2), room)]
    found = [start + _lattice(placement.counts, steps, room - np.tile(start, 2)) for start in starts]
    places = np.concatenate(found)
    return places[_meets(np.tile(places, 2), room)]


def _lattice(counts: tuple[int, int], steps: Floats, room: Floats) -> Floats:
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
    ranges = [np.arange(low, high + 1) for low, high in spans]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 2) @ steps


def _clamped(low: float, high: float, count: int) -> tuple[int, int]:
    """Return whole indices from just below `low` to just above `high`, within 0..count - 1."""
    return math.floor(min(max(low, 0), count)), math.ceil(min(max(high, -1), count - 1))
