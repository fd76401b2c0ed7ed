"""What a target would have printed without correction, for a comparison beside the result.

for result in with_uncorrected(correct(job), job, device): ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from litho.backend import resolve_device
from litho.cells import Floats
from litho.contour import contours
from litho.finish import Printer
from litho.grid import Grid
from litho.job import Clip, Job
from litho.metrics import evaluate
from litho.raster import coverage
from litho.resist import Resist, prints
from litho.result import ClipResult
from litho.scene import region_of


def with_uncorrected(results: Iterable[ClipResult], job: Job, device: str = "auto") -> Iterator[ClipResult]:
    """Yield results with what their targets print as masks, which costs one more image a clip.

    Parameters
    ----------
    results
        of the job's clips, in order; may end early
    job
        see `litho.job.prepare`
    device
        "cpu", "gpu" or "auto"
    """
    printer = Printer(job, resolve_device(device))
    for result, clip in zip(results, job.clips, strict=False):
        yield replace(result, uncorrected=uncorrected(clip, result, printer))


def uncorrected(clip: Clip, result: ClipResult, printer: Printer) -> ClipResult:
    """Return what a clip prints as its own mask; outlines of prints are those near the target.

    Parameters
    ----------
    clip
        of the printer's job
    result
        of that clip
    printer
        of the job
    """
    job, grid = printer.job, clip.grid
    shapes = job.shapes_seen(clip.polygons, grid)
    mask = coverage(shapes, grid, np.float32)
    images = list(printer.exposed(mask))
    resist = job.process.resist
    printed = np.stack([prints(image, resist) for image in images])
    corners = printed[1:] if len(printed) > 1 else printed
    scores = evaluate(printed[0], corners, result.target >= 0.5, grid, job.recipe.epe)
    return replace(
        result,
        mask_polygons=shapes,
        curves=(None,) * len(shapes),
        mask=(mask >= 0.5).astype(np.uint8),
        intensity=images[0].astype(np.float32),
        prints=printed,
        print_polygons=tuple(_outlines(image, clip, resist) for image in images),
        metrics=scores.as_dict(),
        history=(),
        window=None,
        verification=None,
        violations=None,
    )


def _outlines(image: Floats, clip: Clip, resist: Resist) -> tuple[Floats, ...]:
    """Return the outlines of a print in the part of the field that holds the target."""
    grid = clip.grid
    x0, y0, x1, y1 = region_of(clip.polygons, grid)
    (height, width), (left, bottom) = grid.pixel_nm, grid.origin_nm
    rows = slice(int((y0 - bottom) / height), int(np.ceil((y1 - bottom) / height)))
    columns = slice(int((x0 - left) / width), int(np.ceil((x1 - left) / width)))
    part = resist.sign * image[rows, columns]
    origin = left + columns.start * width, bottom + rows.start * height
    return tuple(contours(part, Grid(part.shape, grid.pixel_nm, origin), resist.sign * resist.threshold))
