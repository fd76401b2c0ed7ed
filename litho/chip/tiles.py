"""Where tiles lie: cores that cover a layout edge to edge, each inside a field with a halo on every side.

All fields have one shape, so that one set of kernels serves all of them. Lengths are whole multiples of the coarsest
pixel, so that the pixels of neighbouring fields are the same places of the layout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from litho.grid import Grid
from litho.polygons import Box


@dataclass(frozen=True)
class Tile:
    """One part of a layout.

    Parameters
    ----------
    column, row
        from the lower left
    core_nm
        x0, y0, x1, y1 of what this tile answers for; cores abut
    field_nm
        x0, y0, x1, y1 of what is simulated
    """

    column: int
    row: int
    core_nm: Box
    field_nm: Box

    @property
    def name(self) -> str:
        """Such as "c003_r012"."""
        return f"c{self.column:03d}_r{self.row:03d}"

    def grid(self, pixel_nm: float) -> Grid:
        """Return the grid of the field."""
        x0, y0, x1, y1 = self.field_nm
        return Grid.over((y1 - y0, x1 - x0), pixel_nm, (x0, y0))


@dataclass(frozen=True)
class TilePlan:
    """How a layout is cut into tiles; made by `tile_plan`.

    Parameters
    ----------
    layout_box_nm
        x0, y0, x1, y1 of the layout's shapes
    core_nm
        width and height of a core
    halo_nm
        by how much a field is larger than its core on each side
    overlap_nm
        how far beyond its core, on each side, a tile's level has a part in the blend
    origin_nm
        x, y of the lower left core's corner
    counts
        columns and rows
    """

    layout_box_nm: Box
    core_nm: tuple[float, float]
    halo_nm: float
    overlap_nm: float
    origin_nm: tuple[float, float]
    counts: tuple[int, int]

    def __post_init__(self) -> None:
        if not (len(self.counts) == 2 and min(self.counts) >= 1):
            raise ValueError(f"`counts` must be columns and rows of at least 1, but got {self.counts}.")
        if not all(math.isfinite(c) and c > 0 for c in self.core_nm):
            raise ValueError(f"`core_nm` must be a positive width and height, but got {self.core_nm}.")
        if not 0 <= self.overlap_nm <= min(self.halo_nm, min(self.core_nm) / 2):
            raise ValueError(
                f"`overlap_nm` must be at most the halo ({self.halo_nm:g}) and half a core ({min(self.core_nm) / 2:g}),"
                f" but got {self.overlap_nm:g}."
            )

    @property
    def count(self) -> int:
        """Number of tiles."""
        return self.counts[0] * self.counts[1]

    @property
    def field_nm(self) -> tuple[float, float]:
        """Width and height of every field."""
        return self.core_nm[0] + 2 * self.halo_nm, self.core_nm[1] + 2 * self.halo_nm

    @property
    def box_nm(self) -> Box:
        """x0, y0, x1, y1 of all cores together."""
        (x, y), (width, height), (columns, rows) = self.origin_nm, self.core_nm, self.counts
        return x, y, x + columns * width, y + rows * height

    def tile(self, column: int, row: int) -> Tile:
        """Return one tile."""
        if not (0 <= column < self.counts[0] and 0 <= row < self.counts[1]):
            raise ValueError(f"`column`, `row` must lie below {self.counts}, but got {column}, {row}.")
        (x, y), (width, height), halo = self.origin_nm, self.core_nm, self.halo_nm
        # corners by multiplication, so that neighbours share them to the bit
        x0, x1 = x + column * width, x + (column + 1) * width
        y0, y1 = y + row * height, y + (row + 1) * height
        return Tile(column, row, (x0, y0, x1, y1), (x0 - halo, y0 - halo, x1 + halo, y1 + halo))

    def tiles(self) -> Iterator[Tile]:
        """Yield all tiles, row by row from the bottom."""
        for row in range(self.counts[1]):
            for column in range(self.counts[0]):
                yield self.tile(column, row)

    def neighbours(self, tile: Tile) -> Iterator[Tile]:
        """Yield a tile and the up to eight around it, row by row."""
        for row in range(max(0, tile.row - 1), min(self.counts[1], tile.row + 2)):
            for column in range(max(0, tile.column - 1), min(self.counts[0], tile.column + 2)):
                yield self.tile(column, row)


def tile_plan(
    layout_box_nm: Box,
    core_nm: tuple[float, float],
    halo_nm: float,
    *,
    overlap_nm: float = 0.0,
    margin_nm: float = 0.0,
    unit_nm: float = 1.0,
) -> TilePlan:
    """Return a plan of cores that cover a layout.

    Parameters
    ----------
    layout_box_nm
        x0, y0, x1, y1 of the layout's shapes
    core_nm
        width and height of a core
    halo_nm
        see `TilePlan`
    overlap_nm
        see `TilePlan`
    margin_nm
        by how much the cores must reach beyond the layout, where the mask may have assist features
    unit_nm
        the coarsest pixel: cores, halo and overlap must be whole multiples of it, and the cores' corners lie on them
    """
    x0, y0, x1, y1 = layout_box_nm
    if not (all(math.isfinite(v) for v in layout_box_nm) and x0 < x1 and y0 < y1):
        raise ValueError(f"`layout_box_nm` must be x0, y0, x1, y1 with x0 < x1 and y0 < y1, but got {layout_box_nm}.")
    for name, length in (("core_nm", core_nm[0]), ("core_nm", core_nm[1]), ("halo_nm", halo_nm)):
        _check_multiple(name, length, unit_nm)
    _check_multiple("overlap_nm", overlap_nm, unit_nm)
    columns, x = _covered(x0 - margin_nm, x1 + margin_nm, core_nm[0], unit_nm)
    rows, y = _covered(y0 - margin_nm, y1 + margin_nm, core_nm[1], unit_nm)
    return TilePlan(layout_box_nm, core_nm, halo_nm, overlap_nm, (x, y), (columns, rows))


def fitted_core(length_nm: float, largest_nm: float, unit_nm: float) -> float:
    """Return the smallest core that covers a length in as few tiles as the largest would, a multiple of the unit."""
    _check_multiple("largest_nm", largest_nm, unit_nm)
    # the cores start on a whole unit, up to one below the layout
    count = math.ceil((length_nm + unit_nm) / largest_nm - 1e-9)
    return math.ceil((length_nm + unit_nm) / count / unit_nm - 1e-9) * unit_nm


def _check_multiple(name: str, length_nm: float, unit_nm: float) -> None:
    if abs(length_nm / unit_nm - round(length_nm / unit_nm)) > 1e-9:
        raise ValueError(f"`{name}` must be a multiple of `unit_nm` ({unit_nm:g}), but got {length_nm:g}.")


def _covered(low: float, high: float, core: float, unit: float) -> tuple[int, float]:
    """Return how many cores cover a stretch, and where the first begins: in the middle, on a whole unit."""
    count = math.ceil((high - math.floor(low / unit) * unit) / core - 1e-9)
    begin = math.floor(((low + high - count * core) / 2) / unit + 1e-9) * unit
    return count, begin if begin + count * core >= high - 1e-9 else begin + unit
