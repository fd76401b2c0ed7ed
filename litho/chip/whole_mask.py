"""The mask of a chip, put together from the tiles' polygons and written as one file.

Tiles that are equal become one cell, placed wherever they occur; all others are drawn in the top cell, joined where
they meet. Polygons are whole database units from the cores' corners, and abut exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from litho.cells import Floats
from litho.chip.passes import ChipCorrection
from litho.chip.seam_steps import Sides, sides_of
from litho.chip.store import TileStore
from litho.chip.tile_cells import TileCell, write_cells
from litho.outputs import MASK_LAYER
from litho.polygons import merge

Place = tuple[int, int]


def write_mask(correction: ChipCorrection, store: TileStore, path: Path) -> dict[str, Any]:
    """Write the mask as OASIS, and return what is worth telling of it.

    Parameters
    ----------
    correction
        all of its passes have ended
    store
        with the tiles' polygons
    path
        of the file

    Returns
    -------
    figures
        polygons and cells in the file, its size, and the largest step of an outline where two tiles meet
    """
    plan, dbu = correction.tiles, correction.setup.recipe.output.dbu_nm
    repeated, alone = _grouped(correction)
    sides: dict[Place, Sides] = {}
    cells, loose = [], []
    for number, places in enumerate(repeated):
        polygons = correction.polygons_nm(store, plan.tile(*places[0]))
        sides |= dict.fromkeys(places, sides_of(polygons, plan.core_nm))
        cells.append(TileCell(f"tile_{number}", polygons, plan.origin_nm, plan.core_nm, np.array(places, np.int64)))
    for place in alone:
        tile = plan.tile(*place)
        polygons = correction.polygons_nm(store, tile)
        sides[place] = sides_of(polygons, plan.core_nm)
        loose += [p + tile.core_nm[:2] for p in polygons]
    joined = joined_over_seams(loose, plan.origin_nm, plan.core_nm, dbu)
    count = write_cells(path, cells, {MASK_LAYER: joined}, dbu)
    return {
        "mask_polygons": count,
        "mask_cells": sum(bool(cell.polygons) for cell in cells),
        "mask_bytes": path.stat().st_size,
        "largest_contour_step_nm": correction.largest_step_nm(store, sides),
    }


def joined_over_seams(
    polygons: Sequence[Floats], corner_nm: tuple[float, float], step_nm: tuple[float, float], dbu_nm: float
) -> list[Floats]:
    """Return polygons (n, 2), nm, those that touch a seam joined with those that they abut.

    Parameters
    ----------
    polygons
        of tiles, without overlap
    corner_nm, step_nm
        of the tiles
    dbu_nm
        that vertices are whole multiples of
    """
    low, step = (np.rint(np.array(pair) / dbu_nm) for pair in (corner_nm, step_nm))
    inner: list[Floats] = []
    touching: list[Floats] = []
    for polygon in polygons:
        whole = np.rint(polygon / dbu_nm)
        (touching if np.any((whole - low) % step == 0) else inner).append(whole)
    joined = merge(merge(touching)) if touching else []  # one pass may leave abutting polygons apart
    return [whole * dbu_nm for whole in (*inner, *joined)]


def _grouped(correction: ChipCorrection) -> tuple[list[list[Place]], list[Place]]:
    """Return the places of tiles that occur more than once, group by group, and of all others."""
    lost = correction.lost_places()
    found: dict[str, list[Place]] = {}
    alone: list[Place] = []
    for tile in correction.tiles.tiles():
        key = correction.final_key(tile)
        if key is not None:
            found.setdefault(key, []).append((tile.column, tile.row))
        elif (tile.column, tile.row) in lost:  # its target stands for it
            alone.append((tile.column, tile.row))
    alone += [places[0] for places in found.values() if len(places) == 1]
    return [places for places in found.values() if len(places) > 1], sorted(alone, key=lambda place: place[::-1])
