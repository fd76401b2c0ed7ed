"""The mask of a chip as an OASIS file: a cell for each distinct tile, placed wherever that tile occurs.

    write_cells(path, [TileCell("t0", polygons, places), ...])

Places on a lattice are one placement with a repetition, so that the mask of a memory array stays as small as the array.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gdstk
import numpy as np
from gdstk import Library
from numpy.typing import NDArray

from litho.cells import Floats, Layer
from litho.io.atomic import atomic_path
from litho.outputs import MASK_LAYER

_FARTHEST = 2**53


@dataclass(frozen=True, eq=False)
class TileCell:
    """One distinct tile of a mask.

    Parameters
    ----------
    name
        of the cell; unique, ASCII letters, digits and underscores
    polygons
        each (n, 2) vertices (x, y) in nm from the tile's corner
    corner_nm, step_nm
        x, y of the corner of tile (0, 0), and width and height of a core
    places : (m, 2) whole numbers
        columns and rows where the tile occurs
    layer
        of the polygons
    """

    name: str
    polygons: Sequence[Floats]
    corner_nm: tuple[float, float]
    step_nm: tuple[float, float]
    places: NDArray[np.int64]
    layer: Layer = MASK_LAYER

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.replace("_", "a").isalnum()):
            raise ValueError(f"`name` must be ASCII letters, digits and underscores, but got {self.name!r}.")
        if self.places.ndim != 2 or self.places.shape[1] != 2 or len(self.places) == 0:
            raise ValueError(f"`places` must be (m, 2) with m of at least 1, but got the shape {self.places.shape}.")


@dataclass(frozen=True)
class Lattice:
    """Places (first + i step) along both axes: whole numbers, as (x, y)."""

    first: tuple[int, int]
    step: tuple[int, int]
    counts: tuple[int, int]


def write_cells(
    path: str | os.PathLike[str],
    cells: Iterable[TileCell],
    layers: Mapping[Layer, Sequence[Floats]],
    dbu_nm: float,
    top: str = "TOP",
) -> int:
    """Write a mask as OASIS, and return the number of polygons in the file.

    Parameters
    ----------
    path
        of the file; appears whole or not at all
    cells
        tiles that occur more than once
    layers
        polygons of the top cell itself, nm
    dbu_nm
        database unit that vertices are rounded to
    top
        name of the top cell
    """
    unit = float(f"{dbu_nm * 1e-9:.12g}")
    library = Library(unit=unit, precision=unit)
    chip = library.new_cell(top)
    count = 0
    for tile in cells:
        count += _add_tile(library, chip, tile, dbu_nm)
    for where, polygons in layers.items():
        chip.add(*(gdstk.Polygon(_rounded(p, dbu_nm), *where) for p in polygons))
        count += len(polygons)
    with atomic_path(path) as temporary:
        library.write_oas(temporary, validation="crc32")
    return count


def _add_tile(library: Library, chip: gdstk.Cell, tile: TileCell, dbu_nm: float) -> int:
    """Add a cell and its placements; a tile without polygons leaves nothing."""
    if not tile.polygons:
        return 0
    cell = library.new_cell(tile.name)
    cell.add(*(gdstk.Polygon(_rounded(p, dbu_nm), *tile.layer) for p in tile.polygons))
    corner, step = (np.rint(np.array(pair) / dbu_nm) for pair in (tile.corner_nm, tile.step_nm))
    for lattice in lattices(tile.places):
        origin, spacing = corner + step * lattice.first, step * lattice.step
        columns, rows = lattice.counts
        chip.add(gdstk.Reference(cell, tuple(origin), columns=columns, rows=rows, spacing=tuple(spacing)))
    return len(tile.polygons)


def lattices(places: NDArray[np.int64]) -> list[Lattice]:
    """Return a few lattices that hold each of the places (m, 2) exactly once.

    Rows that have the same columns go together, and both are cut into stretches of equal steps.
    """
    ordered = places[np.lexsort((places[:, 0], places[:, 1]))]
    numbered, starts = np.unique(ordered[:, 1], return_index=True)
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, held in zip(numbered.tolist(), np.split(ordered[:, 0], starts[1:]), strict=True):
        rows.setdefault(tuple(held.tolist()), []).append(row)
    found = []
    for columns, numbers in rows.items():
        for y, dy, ny in progressions(numbers):
            found += [Lattice((x, y), (dx, dy), (nx, ny)) for x, dx, nx in progressions(columns)]
    return found


def progressions(numbers: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield first, step and count of the stretches of equal steps that rising numbers fall into."""
    start = 0
    while start < len(numbers):
        stop, step = start + 1, 1
        if stop < len(numbers):
            step = numbers[stop] - numbers[start]
            while stop < len(numbers) and numbers[stop] - numbers[stop - 1] == step:
                stop += 1
        yield numbers[start], step, stop - start
        start = stop


def _rounded(polygon: Floats, dbu_nm: float) -> Any:
    points = np.rint(polygon / dbu_nm)
    if not np.abs(points).max() <= _FARTHEST:
        raise ValueError(f"`polygons` must lie within +-{_FARTHEST * dbu_nm:g} nm, but one does not.")
    return points
