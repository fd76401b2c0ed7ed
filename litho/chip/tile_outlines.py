"""Outlines of a blended level, from samples and by steps that look at a few of them only.

Neighbouring tiles share the samples around their seam, so that both find the same outlines there: the level between
samples by cubic convolution, its contours, and of their vertices those that matter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from litho.chip.mask_loops import Whole, thinned, whole_loops
from litho.chip.tile_setup import TileSetup
from litho.contour import contours
from litho.finish import without_specks
from litho.grid import Grid

FINE_NM = 2.0
"""Largest distance of the samples that outlines are taken from."""

CELL_SHARE = 2 / 3
"""Vertices of outlines are thinned out cell by cell; a cell is so wide, as a share of what a tile sees around it, that
both tiles see all of the cells at their seam."""


def fine_level(level: NDArray[np.floating], factor: int) -> NDArray[np.float64]:
    """Return a level between its samples, by cubic convolution: each value from the 4 x 4 samples around it.

    Parameters
    ----------
    level : (ny, nx)
        at pixel centres
    factor
        pixels become so many on either axis

    Returns
    -------
    fine : (factor (ny - 4), factor (nx - 4))
        at the centres of the small pixels, without two large ones on each side

    References
    ----------
    R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29, 1153 (1981).
    """
    rows = _convolved(np.asarray(level, dtype=np.float64), factor)
    return np.ascontiguousarray(_convolved(rows.T, factor).T)


def _convolved(samples: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """Return the first axis between its samples, without two on each side."""
    count = len(samples) - 4
    fine = np.empty((count, factor, *samples.shape[1:]))
    for phase in range(factor):
        place = (phase + 0.5) / factor - 0.5  # from the centre of the large pixel
        start, t = (1, place + 1) if place < 0 else (2, place)
        a, b, c, d = (samples[start - 1 + k : start - 1 + k + count] for k in range(4))
        fine[:, phase] = (_outer(1 + t) * a + _inner(t) * b) + (_inner(1 - t) * c + _outer(2 - t) * d)
    return fine.reshape(count * factor, *samples.shape[1:])


def _inner(distance: float) -> float:
    return (1.5 * distance - 2.5) * distance**2 + 1


def _outer(distance: float) -> float:
    return ((-0.5 * distance + 2.5) * distance - 4) * distance + 2


def outlined(level: NDArray[np.float32], setup: TileSetup, context_nm: float) -> list[Whole]:
    """Return the outlines of a blended level, in whole units from the core's corner.

    Parameters
    ----------
    level : (ny, nx)
        on the core and `context_nm` with two more samples around it
    setup
        what all tiles share
    context_nm
        whole samples
    """
    pixel, rules = setup.pixel_nm, setup.recipe.rules
    factor = max(1, round(np.ceil(pixel / FINE_NM)))
    fine = fine_level(level, factor)
    grid = Grid(
        (fine.shape[0], fine.shape[1]), (pixel / factor, pixel / factor), (-float(context_nm), -float(context_nm))
    )
    smooth = without_specks(fine, grid, min(rules.min_area_nm2, rules.min_hole_nm2))
    output, (height, width) = setup.recipe.output, (n * pixel - 2 * context_nm for n in np.array(level.shape) - 4)
    dbu = output.dbu_nm
    core, cell = (round(width / dbu), round(height / dbu)), math.floor(CELL_SHARE * context_nm / dbu)
    dense = whole_loops(contours(smooth, grid), dbu)
    return thinned(dense, cell, core, output.contour_tolerance_nm / dbu)
