"""Masks that come with their targets: read from `mask.npz` or from a layout, one for each clip of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.grid import Grid
from litho.io.npz import read_npz_array
from litho.job import Clip, Job, JobError
from litho.layout import read_layout
from litho.outputs import MASK_LAYER
from litho.polygons import check_inside
from litho.raster import coverage as raster


@dataclass(frozen=True, eq=False)
class GivenMask:
    """A mask as it is.

    Parameters
    ----------
    drawn
        polygons, each (n, 2) vertices (x, y) in nm, if it came as such; else coverage (ny, nx) on the clip's grid
    grid
        of the clip
    handed_over
        its polygons as they came, before bias, round corners and shadows: what mask rules hold for; None for pixels
    """

    drawn: NDArray[np.float32] | tuple[Floats, ...]
    grid: Grid
    handed_over: tuple[Floats, ...] | None = None

    @property
    def coverage(self) -> NDArray[np.float32]:
        """Covered share of each pixel, (ny, nx)."""
        if isinstance(self.drawn, tuple):
            return raster(self.drawn, self.grid, np.float32).astype(np.float32)
        return self.drawn


def given_masks(paths: Sequence[Path], job: Job, layer: str | None) -> list[GivenMask]:
    """Return the mask of each clip, as light meets it: of the clips themselves if no file is named.

    Parameters
    ----------
    paths
        one per clip, in order, or none
    job
        its clips are the targets
    layer
        of masks that are layouts; the one that `litho ilt` writes to if the file has it
    """
    if not paths:
        return [GivenMask(job.shapes_seen(c.polygons, c.grid), c.grid, c.polygons) for c in job.clips]
    if len(paths) != len(job.clips):
        raise JobError(
            f"`mask` must come with one layout each, its target, but got {len(paths)} for {len(job.clips)} layouts."
        )
    return [_read(path, clip, layer, job) for path, clip in zip(paths, job.clips, strict=True)]


def _read(path: Path, clip: Clip, layer: str | None, job: Job) -> GivenMask:
    if path.suffix == ".npz":
        if not job.recipe.mask.seen_as_drawn:
            raise JobError(f"`mask` must have no bias, round corners and shadows if it comes as pixels, as in {path}.")
        return GivenMask(_coverage_of_npz(path, clip), clip.grid)
    layout = read_layout(path)
    if layer is None and MASK_LAYER in layout.layers:
        layer = f"{MASK_LAYER[0]}/{MASK_LAYER[1]}"
    polygons = tuple(layout.polygons(layer))
    check_inside(polygons, clip.grid)
    return GivenMask(job.shapes_seen(polygons, clip.grid), clip.grid, polygons)


def _coverage_of_npz(path: Path, clip: Clip) -> NDArray[Any]:
    try:
        mask = read_npz_array(path, "mask", clip.grid.shape)
    except OSError as error:
        raise JobError(f"`mask` must be a readable file, but {path}: {error.strerror or error}.") from error
    if not (np.isfinite(mask).all() and mask.min() >= 0 and mask.max() <= 1):
        raise JobError(f"`mask` must hold coverages in 0..1, but {path} holds others.")
    coverage: NDArray[np.float32] = mask.astype(np.float32)
    return coverage
