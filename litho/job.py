"""A job: layouts, a recipe and kernels, made ready to be corrected or simulated.

    job = prepare(["masks/elbows.gds"], load_recipe("default"))
    for result in correct(job):                                     # litho.flow
        write_result(result, "out")                                 # litho.outputs

Whatever is wrong with the input shows here, before anything is computed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.config import Recipe
from litho.fourier import fast_length
from litho.grid import Grid
from litho.kernel_files import read_kernels
from litho.layout import check_inside, read_layout
from litho.mask import Mask
from litho.model import check_kernels
from litho.polygons import Box
from litho.process import Process
from litho.raster import coverage
from litho.recipe_tables import FieldTable
from litho.socs import Kernels
from litho.tcc import socs_kernels

LARGEST_PIXELS = 8192**2
"""A field with more pixels than this is refused."""


class JobError(ValueError):
    """Input that cannot become a job, said in one sentence."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One layout on its field.

    Parameters
    ----------
    name
        of the layout file without its ending; unique in a job
    polygons
        wanted shapes, each (n, 2) vertices (x, y) in layout nm, without overlap
    grid
        scoring grid
    """

    name: str
    polygons: tuple[Floats, ...]
    grid: Grid

    def coverage(self) -> NDArray[np.float32]:
        """Return the covered share of each pixel, (ny, nx)."""
        return coverage(self.polygons, self.grid, np.float32)


@dataclass(frozen=True, eq=False)
class Job:
    """Clips that share one recipe, one size of field and one set of kernels.

    Parameters
    ----------
    recipe
        resolved
    clips
        each on a grid of the same shape
    process
        corners, their doses in intensity
    mask
        transmission
    kernels
        one set per focus of `process`
    """

    recipe: Recipe
    clips: tuple[Clip, ...]
    process: Process
    mask: Mask
    kernels: tuple[Kernels, ...]

    def shapes_seen(self, polygons: Sequence[Floats], grid: Grid) -> tuple[Floats, ...]:
        """Return drawn shapes of a mask as they are written, and as light meets them."""
        optics = self.recipe.optics
        reduction = optics.build().reduction if optics is not None else (4.0, 4.0)
        assert isinstance(reduction, tuple)
        return self.recipe.mask.seen(polygons, grid, reduction)


def prepare(
    layouts: Sequence[str | os.PathLike[str]],
    recipe: Recipe,
    *,
    kernels: str | os.PathLike[str] | None = None,
    layer: str | None = None,
    window_nm: Box | None = None,
    repair: bool = False,
) -> Job:
    """Read everything that a job needs.

    Parameters
    ----------
    layouts
        GDS, OASIS or GLP files, one clip each
    recipe
        see `litho.config`
    kernels
        file with kernels, for a recipe that takes them from one
    layer
        such as "1/0"; may be left out for files with one layer
    window_nm
        x0, y0, x1, y1 that the layouts are cut at; else they are taken whole
    repair
        fill polygons that cross themselves, see `litho.layout.read_layout`

    Raises
    ------
    ValueError
        `JobError`, `LayoutError` or the refusal of a part, in one sentence that names what to change
    """
    if not layouts:
        raise JobError("`layouts` must name at least one file, but got none.")
    _check_source_of_kernels(recipe, kernels)
    drawn = [_polygons(layout, layer, window_nm, repair, recipe) for layout in layouts]
    boxes = [window_nm or _bounds(polygons) for polygons in drawn]
    grids = field_grids(boxes, recipe, anchored=window_nm is not None)
    names = _unique([_stem(layout) for layout in layouts])
    clips = tuple(Clip(n, tuple(p), g) for n, p, g in zip(names, drawn, grids, strict=True))
    for clip in clips:
        check_inside(clip.polygons, clip.grid)
    process = recipe.process.build(recipe.mask.printed_tone)
    return Job(recipe, clips, process, recipe.mask.build(), _kernels(recipe, process, grids[0], kernels))


def field_grids(boxes: Sequence[Box], recipe: Recipe, anchored: bool = False) -> list[Grid]:
    """Return the scoring grid around each of several clips; all have the same shape.

    Parameters
    ----------
    boxes
        x0, y0, x1, y1 of each clip, nm
    recipe
        its `field` gives the size, or the halo around the largest clip. The latter is rounded up to a number of the
        coarsest pixels that Fourier transforms are fast for
    anchored
        `field.offset_nm` is where the clip's lower left corner lies, not the layout's (0, 0)
    """
    rule = recipe.field
    if rule.size_nm is not None:
        width, height = rule.size_nm
        _check_count(width, height, rule.pixel_nm)
    else:
        width, height = _fitted_size(boxes, recipe)
    origins = [_origin(box, (width, height), rule, anchored) for box in boxes]
    return [Grid.over((height, width), rule.pixel_nm, origin) for origin in origins]


def _fitted_size(boxes: Sequence[Box], recipe: Recipe) -> tuple[float, float]:
    """Return width and height of the field that holds each clip with its halo."""
    pixel, halo = recipe.field.pixel_nm, recipe.field.halo_nm or 0.0
    unit = math.lcm(*(round(stage.pixel_nm / pixel) for stage in recipe.inverse.stages)) * pixel
    sides = [max(box[axis + 2] - box[axis] for box in boxes) + 2 * halo for axis in (0, 1)]
    _check_count(sides[0], sides[1], pixel)
    # one more pixel, because the field starts on a whole one
    width, height = (fast_length(max(1, math.ceil((side + pixel) / unit - 1e-9))) * unit for side in sides)
    return width, height


def _check_count(width_nm: float, height_nm: float, pixel_nm: float) -> None:
    """Refuse a field that has too many pixels."""
    if not width_nm / pixel_nm * height_nm / pixel_nm <= LARGEST_PIXELS:
        raise JobError(
            f"`window` must leave a field of at most {LARGEST_PIXELS} pixels, "
            f"but {width_nm:g} x {height_nm:g} nm at {pixel_nm:g} nm has more; litho chip takes layouts of any size."
        )


def _origin(box: Box, size: tuple[float, float], rule: FieldTable, anchored: bool) -> tuple[float, float]:
    """Return the layout coordinates of a field's lower left corner."""
    if rule.offset_nm is not None:
        anchor = box[:2] if anchored else (0.0, 0.0)
        return anchor[0] - rule.offset_nm[0], anchor[1] - rule.offset_nm[1]
    x, y = ((box[axis] + box[axis + 2] - size[axis]) / 2 for axis in (0, 1))
    # on whole pixels, so that edges at whole pixels of the layout stay sharp
    return math.ceil(x / rule.pixel_nm) * rule.pixel_nm, math.ceil(y / rule.pixel_nm) * rule.pixel_nm


def _polygons(
    layout: str | os.PathLike[str], layer: str | None, window_nm: Box | None, repair: bool, recipe: Recipe
) -> Sequence[Floats]:
    """Return the shapes of a layout that is no larger than a field can be: a small file may stand for a chip."""
    read, halo = read_layout(layout, repair=repair), recipe.field.halo_nm or 0.0
    x0, y0, x1, y1 = read.bounds_nm(layer) if window_nm is None else window_nm
    _check_count(x1 - x0 + 2 * halo, y1 - y0 + 2 * halo, recipe.field.pixel_nm)
    polygons = read.polygons(layer, window_nm)
    if not polygons:
        raise JobError(f"`window` must hold part of a shape, but {os.fspath(layout)} has none in {window_nm} nm.")
    return polygons


def _bounds(polygons: Sequence[Floats]) -> Box:
    low = np.min([p.min(axis=0) for p in polygons], axis=0)
    high = np.max([p.max(axis=0) for p in polygons], axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _stem(layout: str | os.PathLike[str]) -> str:
    """Return a file's name without its endings: "chip" for "chip.gds.gz"."""
    name = Path(layout).name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def _unique(names: Sequence[str]) -> list[str]:
    """Return names with _2, _3, ... added to those that occurred before."""
    result: list[str] = []
    for name in names:
        number, new = 1, name
        while new in result:
            number += 1
            new = f"{name}_{number}"
        result.append(new)
    return result


def _check_source_of_kernels(recipe: Recipe, kernels: str | os.PathLike[str] | None) -> None:
    if recipe.kernels is not None and kernels is None:
        raise JobError("`kernels` must name a file for this recipe, such as optical_kernels.npz, but none was given.")
    if recipe.kernels is None and kernels is not None:
        raise JobError(
            f"`kernels` must be left out for a recipe with its own optics, but got {os.fspath(kernels)}; "
            "the recipe iccad13 takes them from a file."
        )


def _kernels(recipe: Recipe, process: Process, grid: Grid, file: str | os.PathLike[str] | None) -> tuple[Kernels, ...]:
    """Return the kernels of every focus."""
    if recipe.optics is not None:
        optics, error = recipe.optics.build(), recipe.optics.max_error
        return tuple(socs_kernels(optics, grid.period_nm, focus, max_error=error) for focus in process.foci_nm)
    assert file is not None and recipe.kernels is not None
    found = {k.defocus_nm: k for k in read_kernels(file, grid.period_nm).values()}
    missing = [focus for focus in process.foci_nm if focus not in found]
    if missing:
        raise JobError(
            f"`process.corners` must have a defocus that the kernel file has, {sorted(found)} nm, but got {missing}."
        )
    count = recipe.kernels.count
    chosen = tuple(found[f] if count is None else found[f].truncated(count) for f in process.foci_nm)
    check_kernels(chosen, process, grid)
    return chosen
