"""The cells of a layout file as they were drawn: shapes and placements, in database units.

Nothing is expanded: counting goes once through the cells, so a file of a few bytes which stands for 10^12 shapes
costs no more than its bytes. What a window shows of them is found by `litho.flattened`.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def printable(text: str, most: int = 100) -> str:
    """Return the start of a text that a file chose, for messages: terminals obey what cannot be printed."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])


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

    def boxes(self) -> Floats:
        """Return (m, 4) x0, y0, x1, y1 of each polygon."""
        low = np.minimum.reduceat(self.points, self.starts[:-1])
        high = np.maximum.reduceat(self.points, self.starts[:-1])
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
    def filled(self) -> list[bool]:
        """Whether there is a shape in or below each cell."""
        found = [any(len(shapes) for shapes in cell.shapes.values()) for cell in self.cells]
        for i in self._bottom_up:
            found[i] = found[i] or any(found[p.cell] and p.copies > 0 for p in self.cells[i].placements)
        return found

    def counts(self, top: int) -> dict[Layer, int]:
        """Return how many shapes there are in and below a cell, layer by layer, all copies counted."""
        copies = {top: 1}
        for i in reversed(self._bottom_up):
            for placement in self.cells[i].placements if copies.get(i) else ():
                copies[placement.cell] = copies.get(placement.cell, 0) + copies[i] * placement.copies
        counts: dict[Layer, int] = {}
        for i, number in copies.items():
            for layer, shapes in self.cells[i].shapes.items():
                counts[layer] = counts.get(layer, 0) + number * len(shapes)
        return {layer: n for layer, n in counts.items() if n}
