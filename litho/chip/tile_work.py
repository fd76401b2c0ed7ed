"""The optimisation of one tile's field, as if it were alone.

All lengths count from the field's lower left corner, so that equal tiles are computed from equal numbers wherever they
lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.backend import Array, array_module, to_device, to_host
from litho.chip.keys import TileGeometry
from litho.chip.tile_setup import TileSetup
from litho.chip.tiles import Tile, TilePlan
from litho.flow import probe_costs
from litho.grid import Grid
from litho.job import Clip, Job
from litho.level_set_ilt import LevelSetSettings, level_set_ilt
from litho.pixel_ilt import ilt
from litho.polygons import Box
from litho.raster import coverage


def box_of_plan(tile: Tile, plan: TilePlan) -> Box:
    """Return x0, y0, x1, y1 of all cores, from the corner of a tile's field and cut at it: no mask lies beyond."""
    (x, y), (x0, y0, x1, y1), (width, height) = tile.field_nm[:2], plan.box_nm, plan.field_nm
    return max(x0 - x, 0.0), max(y0 - y, 0.0), min(x1 - x, width), min(y1 - y, height)


def is_empty(geometry: TileGeometry, plan: TilePlan, reach_nm: float) -> bool:
    """Return whether no target lies so near to the core that its mask could reach it."""
    low = plan.halo_nm - reach_nm
    high = plan.halo_nm + plan.core_nm[0] + reach_nm, plan.halo_nm + plan.core_nm[1] + reach_nm
    for outline in geometry.outlines_nm():
        (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
        if x1 > low and y1 > low and x0 < high[0] and y0 < high[1]:
            return False
    return True


@dataclass(frozen=True, eq=False)
class TileProblem:
    """The arrays of one field, or of several as a batch, on the grid of levels: (fields, ny, nx) each.

    Parameters
    ----------
    grid
        of levels, its origin the field's corner
    target
        wanted coverage
    probes
        cost of a wrong print at each pixel, None if edge placement has no weight
    free
        where the mask may have shapes, None if everywhere
    """

    grid: Grid
    target: Array
    probes: Array | None
    free: Array | None


def tile_problem(geometry: TileGeometry, box_nm: Box, setup: TileSetup, device: str = "cpu") -> TileProblem:
    """Return the arrays of a field.

    Parameters
    ----------
    geometry
        target of the field
    box_nm
        where the mask may have shapes, see `box_of_plan`
    setup
        what all tiles share
    device
        "cpu" or "gpu"
    """
    (width, height), polygons = setup.field_nm, geometry.polygons_nm()
    grid = Grid.over((height, width), setup.pixel_nm)
    job = one_clip_job(geometry, setup)
    target = coverage(polygons, grid, np.float32)[None]
    probes = None
    if setup.inverse.weights.epe > 0:
        probes = to_device(_costs(job, grid)[None], device)
    free = _free(box_nm, grid, target[0], setup.margin_nm)
    on_device = None if free is None else to_device(free[None], device)
    return TileProblem(grid, to_device(target, device), probes, on_device)


def one_clip_job(geometry: TileGeometry, setup: TileSetup) -> Job:
    """Return a job of one clip, the field with its corner at the origin."""
    grid = Grid.over((setup.field_nm[1], setup.field_nm[0]), setup.recipe.field.pixel_nm)
    return Job(
        setup.recipe, (Clip("tile", tuple(geometry.polygons_nm()), grid),), setup.process, setup.mask, setup.kernels
    )


def together(problems: Sequence[TileProblem]) -> TileProblem:
    """Return one batch of the fields of several problems."""
    first, free = problems[0], None
    xp = array_module(first.target)
    if any(problem.free is not None for problem in problems):
        free = xp.concat([xp.ones_like(p.target) if p.free is None else p.free for p in problems])
    probes = None if first.probes is None else xp.concat([p.probes for p in problems])
    return TileProblem(first.grid, xp.concat([p.target for p in problems]), probes, free)


def corrected_level(geometry: TileGeometry, box_nm: Box, setup: TileSetup, device: str = "cpu") -> NDArray[np.float32]:
    """Return the level of a field that is optimised for itself, (ny, nx): the mask is where it is positive."""
    levels = corrected_levels(tile_problem(geometry, box_nm, setup, device), setup)
    return levels.reshape(levels.shape[1:])


def corrected_levels(problem: TileProblem, setup: TileSetup) -> NDArray[np.float32]:
    """Return the levels of fields that are optimised at once, each for itself, (fields, ny, nx)."""
    settings = setup.inverse
    given = problem.target, problem.grid, setup.process, setup.kernels
    if isinstance(settings, LevelSetSettings):
        result = level_set_ilt(*given, settings, mask=setup.mask, probes=problem.probes, free=problem.free)
    else:
        result = ilt(*given, settings, mask=setup.mask, probes=problem.probes, free=problem.free)
    levels: NDArray[np.float32] = np.ascontiguousarray(to_host(result.level), dtype=np.float32)
    return levels


def kept_part(level: NDArray[Any], plan: TilePlan, pixel_nm: float) -> NDArray[Any]:
    """Return the part of a field's array (ny, nx) that takes part in the blend: the core and its overlap."""
    cut = round((plan.halo_nm - plan.overlap_nm) / pixel_nm)
    return np.ascontiguousarray(level[cut : level.shape[0] - cut, cut : level.shape[1] - cut])


def _costs(job: Job, grid: Grid) -> NDArray[np.float32]:
    """Return the costs of wrong prints on the grid of levels: those of the scoring pixels in each, added up."""
    costs: NDArray[np.float32] = probe_costs(job.clips[0].coverage() >= 0.5, job)
    (ny, nx), (my, mx) = costs.shape, grid.shape
    summed: NDArray[np.float32] = costs.reshape(my, ny // my, mx, nx // mx).sum(axis=(1, 3), dtype=np.float32)
    return summed


def _free(box_nm: Box, grid: Grid, target: NDArray[np.float32], margin_nm: float) -> NDArray[np.float32] | None:
    """Return where the mask may have shapes, (ny, nx): in a box, within a margin of the target; None if everywhere."""
    (py, px), (x0, y0, x1, y1) = grid.pixel_nm, box_nm
    free = np.zeros(grid.shape, np.float32)
    free[round(y0 / py) : round(y1 / py), round(x0 / px) : round(x1 / px)] = 1
    distance = np.full(grid.shape, np.inf)
    if target.any():
        distance = scipy.ndimage.distance_transform_edt(target <= 0, sampling=grid.pixel_nm)
    free[distance > margin_nm] = 0
    return None if free.all() else free


def start_level(problem: TileProblem, setup: TileSetup) -> NDArray[np.float32]:
    """Return a level whose mask is the target as it is drawn, (ny, nx)."""
    inside = -setup.background
    drawn: NDArray[np.float32] = setup.background + (inside - setup.background) * to_host(problem.target)[0]
    return np.asarray(drawn, dtype=np.float32)
