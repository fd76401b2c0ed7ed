"""Grey doses for a writer that exposes a mask pixel by pixel.

The dose of a pixel is its covered area, rounded to the writer's levels. What it writes is where the doses, blurred by
the beam, exceed half of the full one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.cells import Floats
from litho.contour import contours
from litho.grid import Grid
from litho.outlines import united
from litho.raster import coverage

MOST_LEVELS = 2**16


@dataclass(frozen=True, eq=False)
class DoseMap:
    """Doses of the pixels of a writer.

    Parameters
    ----------
    steps : (ny, nx) whole numbers
        dose in steps, 0 to `levels` - 1; the last is the full dose
    levels
        number of doses, 0 included
    grid
        the writer's pixels, nm at wafer scale
    """

    steps: NDArray[np.uint16]
    levels: int
    grid: Grid

    @property
    def doses(self) -> Floats:
        """Dose of each pixel relative to the full one, (ny, nx)."""
        return self.steps / (self.levels - 1)

    @property
    def exposed(self) -> int:
        """Number of pixels with any dose."""
        return int(np.count_nonzero(self.steps))


def dose_map(polygons: Sequence[Floats], grid: Grid, levels: int = 16) -> DoseMap:
    """Return the doses that write polygons: exact coverage, rounded to one of `levels` doses from 0 to 1."""
    if not 2 <= levels <= MOST_LEVELS:
        raise ValueError(f"`levels` must be in 2..{MOST_LEVELS}, but got {levels}.")
    return DoseMap(np.rint(coverage(united(polygons), grid) * (levels - 1)).astype(np.uint16), levels, grid)


def written(doses: DoseMap, blur_nm: float, finer: int = 4) -> list[Floats]:
    """Return the outlines that a dose map writes.

    Parameters
    ----------
    doses
        the map
    blur_nm
        standard deviation of beam and resist together, a Gaussian; about the writer's pixel or more, or single pixels
        show
    finer
        each pixel is cut into so many by so many to draw outlines

    Returns
    -------
    outlines
        where the blurred dose is half of the full one, as `litho.contour.contours` gives them
    """
    if not (math.isfinite(blur_nm) and blur_nm > 0):
        raise ValueError(f"`blur_nm` must be a positive length, but got {blur_nm}.")
    if finer < 1:
        raise ValueError(f"`finer` must be at least 1, but got {finer}.")
    old = doses.grid
    height, width = old.pixel_nm[0] / finer, old.pixel_nm[1] / finer
    grid = Grid((old.shape[0] * finer, old.shape[1] * finer), (height, width), old.origin_nm)
    square = np.repeat(np.repeat(doses.doses, finer, axis=0), finer, axis=1)
    blurred = scipy.ndimage.gaussian_filter(square, (blur_nm / height, blur_nm / width), mode="constant")
    return contours(blurred, grid, 0.5)
