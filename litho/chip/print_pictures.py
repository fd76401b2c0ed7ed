"""Pictures of what a mask prints over a whole layout: a map of all tiles, and mask and prints in one window of it.

The map has numbers of tiles only, and no more is drawn of the shapes than what one window shows: neither grows with the
layout. A small layout fits into the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litho.cells import Floats
from litho.chip.chip_map import BAND_COLORS, Panel, tile_maps
from litho.chip.mask_loops import touches
from litho.chip.store import DamagedTile, TileStore
from litho.chip.tiles import Tile
from litho.chip.whole_mask import joined_over_seams
from litho.chip.whole_prints import PrintNumbers, PrintPass
from litho.grid import Grid
from litho.plot_style import (
    DASHES,
    box_ring,
    fill_rings,
    legend,
    map_axes,
    new_figure,
    outline_rings,
    stroke,
    swatch,
    write_figure,
)
from litho.polygons import Box
from litho.printability import band_between
from litho.raster import coverage
from litho.scene import COLORS, fullest_square, rings_of

AREA_COLORS = "viridis"

WHOLE_NM = 2000.0
"""A layout up to this wide and high is shown whole."""

DETAIL_NM = 600.0
"""Width and height of what is shown of a larger one: a band of 5 nm is some 7 pixels of the picture."""

_MARGIN_NM = 100.0
_PIXEL_NM = 16.0  # of the search for the place that is shown


@dataclass(frozen=True, eq=False)
class PrintWindow:
    """Mask and prints in a window, as rings (n, 2) in layout nm.

    Parameters
    ----------
    box_nm
        x0, y0, x1, y1 of the window; what is drawn may reach beyond it
    mask
        what is imaged
    prints
        of every corner, the nominal one first
    band
        where some but not all of the other corners print
    """

    box_nm: Box
    mask: list[Floats]
    prints: list[list[Floats]]
    band: list[Floats]


def write_print_pictures(passes: PrintPass, store: TileStore, numbers: PrintNumbers, folder: Path) -> Box:
    """Write `chip_map.png` and `prints.png` into a folder.

    Parameters
    ----------
    passes, store
        tiles and what they print
    numbers
        of all tiles
    folder
        that is there

    Returns
    -------
    box_nm
        x0, y0, x1, y1 of what `prints.png` shows
    """
    box = shown_box(passes, store, numbers)
    write_figure(print_map(passes, numbers, box), folder / "chip_map.png")
    figure = new_figure(6.3, 5.9)
    whole = box == whole_box(passes)
    draw_print_window(figure.add_subplot(), print_window(passes, store, box), "Print" if whole else "Print, detail")
    write_figure(figure, folder / "prints.png")
    return box


def print_map(passes: PrintPass, numbers: PrintNumbers, box_nm: Box) -> Figure:
    """Return maps of printed area and band of every tile; the box that is shown enlarged is framed in them."""
    width, height = passes.tiles.core_nm
    share = 100 / (width * height / 1e6)
    panels: list[Panel] = [
        (share * numbers.printed_um2[0], AREA_COLORS, "Nominal print", "share of the tile / %"),
        (share * numbers.band_um2, BAND_COLORS, "PV band", "share of the tile / %"),
    ]
    figure, drawn = tile_maps(passes.tiles, numbers.origin, panels)
    for axes in drawn.values():
        outline_rings(axes, [box_ring(box_nm) / 1000], COLORS["violation"], 1.6)
    return figure


def whole_box(passes: PrintPass) -> Box:
    """Return x0, y0, x1, y1 of the layout, with a margin."""
    x0, y0, x1, y1 = passes.tiles.layout_box_nm
    return x0 - _MARGIN_NM, y0 - _MARGIN_NM, x1 + _MARGIN_NM, y1 + _MARGIN_NM


def shown_box(passes: PrintPass, store: TileStore, numbers: PrintNumbers) -> Box:
    """Return the part of a layout to be shown: all of a small one, else where the band is largest.

    Where there is no band, it is where most is printed.
    """
    x0, y0, x1, y1 = box = whole_box(passes)
    if max(x1 - x0, y1 - y0) <= WHOLE_NM:
        return box
    banded = bool(np.nansum(numbers.band_um2) > 0)
    worth = np.nan_to_num(numbers.band_um2 if banded else numbers.printed_um2[0], nan=-math.inf)
    row, column = np.unravel_index(int(worth.argmax()), worth.shape)
    tile = passes.tiles.tile(int(column), int(row))
    prints = _printed(passes, store, [tile])
    (left, bottom, right, top) = tile.core_nm
    ny, nx = (math.ceil(side / _PIXEL_NM) for side in (top - bottom, right - left))
    grid = Grid((ny, nx), ((top - bottom) / ny, (right - left) / nx), (left, bottom))
    covered = coverage(band_between(prints[1:]) if banded else prints[0], grid)
    x0, y0, x1, y1 = fullest_square(covered, grid, DETAIL_NM)
    x, y, half = (x0 + x1) / 2, (y0 + y1) / 2, DETAIL_NM / 2  # a core may be smaller
    return x - half, y - half, x + half, y + half


def print_window(passes: PrintPass, store: TileStore, box_nm: Box) -> PrintWindow:
    """Return mask and prints in a window; only the tiles that it meets are read."""
    x0, y0, x1, y1 = box_nm
    plan = passes.tiles
    first, last = (
        [
            math.floor((at - origin) / step)
            for at, origin, step in zip(corner, plan.origin_nm, plan.core_nm, strict=True)
        ]
        for corner in ((x0, y0), (x1, y1))
    )
    columns, rows = (range(max(0, a), min(n, b + 1)) for a, b, n in zip(first, last, plan.counts, strict=True))
    tiles = [plan.tile(column, row) for row in rows for column in columns]
    dbu = passes.setup.recipe.output.dbu_nm
    prints = [
        joined_over_seams([p for p in polygons if touches(p, box_nm)], plan.origin_nm, plan.core_nm, dbu)
        for polygons in _printed(passes, store, tiles)
    ]
    wider = (x0 - _MARGIN_NM, y0 - _MARGIN_NM, x1 + _MARGIN_NM, y1 + _MARGIN_NM)
    return PrintWindow(
        box_nm, _rings(passes.mask.polygons(wider)), [_rings(p) for p in prints], _rings(band_between(prints[1:]))
    )


def draw_print_window(axes: Axes, shown: PrintWindow, title: str) -> None:
    """Draw the mask, the nominal print, and the other corners' prints with the band between them."""
    map_axes(axes, shown.box_nm, title)
    fill_rings(axes, shown.mask, COLORS["mask"], alpha=0.14)
    fill_rings(axes, shown.band, COLORS["band"], alpha=0.9)
    outline_rings(axes, shown.mask, COLORS["mask"], 0.9, DASHES)
    for rings in shown.prints[1:]:
        outline_rings(axes, rings, COLORS["band"], 0.5)
    outline_rings(axes, shown.prints[0], COLORS["print"], 0.8)
    handles: list[Artist] = [stroke(COLORS["mask"], "mask", DASHES), stroke(COLORS["print"], "nominal print")]
    if len(shown.prints) == 2:
        handles.append(stroke(COLORS["band"], "other corner"))
    if len(shown.prints) > 2:
        handles.append(swatch("band", "PV band", 0.8))
    legend(axes, handles)


def _printed(passes: PrintPass, store: TileStore, tiles: list[Tile]) -> list[list[Floats]]:
    """Return what tiles print at every corner, polygons in layout nm; nothing of those that were set aside."""
    found: list[list[Floats]] = [[] for _ in passes.setup.process.corners]
    for tile in tiles:
        key = passes.keys.get((tile.column, tile.row))
        try:
            corners = [] if key is None else passes.polygons_nm(store, key)
        except DamagedTile:
            continue
        for polygons, printed in zip(found, corners, strict=False):
            polygons += [p + tile.core_nm[:2] for p in printed]
    return found


def _rings(polygons: list[Floats]) -> list[Floats]:
    return [ring for polygon in polygons for ring in rings_of(polygon)]
