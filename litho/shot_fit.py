"""Edges of overlapping shots moved until their union images as the shape does.

A cover leaves each edge some room. What a lens sees of a mask is its coverage averaged over the lens's blur, so edges
are moved within that room until the blurred difference between shots and shape is least:

    J = 1/2 sum (G * (union - shape))^2,  G a Gaussian.

The union's coverage is exact on any raster, and its derivative in an edge is the integral of the coverage's gradient
along the part of the edge that no other shot hides. Any other objective of the coverage may stand in for J, such as
the loss of an inverse problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft
import scipy.optimize
from numpy.typing import NDArray

from litho.cells import Floats
from litho.grid import Grid
from litho.outlines import outlines, united
from litho.raster import coverage

Objective = Callable[[Floats], tuple[float, Floats]]
"""Takes a coverage (ny, nx); returns a value and its gradient with respect to it."""

_SAME = 1e-4  # nm; outlines are rounded, see `litho.polygons.RESOLUTION`
_MEMORY = 20


def shot_polygons(shots: NDArray[np.number]) -> list[Floats]:
    """Return the union of rectangles (n, 4) x0, y0, x1, y1 as polygons; those without area count for nothing."""
    solid = shots[(shots[:, 2] > shots[:, 0]) & (shots[:, 3] > shots[:, 1])].astype(np.float64)
    return united([np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) for x0, y0, x1, y1 in solid.tolist()])


def blurred_difference(wanted: Floats, grid: Grid, blur_nm: float) -> Objective:
    """Return the objective that compares blurred coverages, in nm^2.

    Parameters
    ----------
    wanted : (ny, nx)
        coverage of the shape
    grid
        of all coverages; the field is periodic
    blur_nm
        standard deviation of the Gaussian; of the order of 0.2 wavelengths over NA
    """
    fy = scipy.fft.fftfreq(grid.shape[0], grid.pixel_nm[0])[:, None]
    fx = scipy.fft.rfftfreq(grid.shape[1], grid.pixel_nm[1])
    passed = np.exp(-((2 * np.pi * blur_nm) ** 2) * (fy**2 + fx**2))  # the square of the Gaussian's spectrum

    def objective(covered: Floats) -> tuple[float, Floats]:
        difference = covered - wanted
        spectrum = scipy.fft.rfft2(difference) * passed
        covered_bar = scipy.fft.irfft2(spectrum, s=grid.shape) * grid.pixel_area_nm2
        return float(np.sum(difference * covered_bar)) / 2, covered_bar

    return objective


def union_coverage(shots: Floats, grid: Grid) -> tuple[Floats, list[Floats]]:
    """Return the coverage (ny, nx) of the union of shots (n, 4), and its polygons for `union_coverage_adjoint`."""
    polygons = shot_polygons(shots)
    return np.asarray(coverage(polygons, grid), np.float64), polygons


def union_coverage_adjoint(covered_bar: Floats, shots: Floats, polygons: Sequence[Floats], grid: Grid) -> Floats:
    """Gradient with respect to `shots`, from the one with respect to their coverage.

    An edge that two shots share counts for both; one that is hidden counts for none.
    """
    shots_bar = np.zeros_like(shots)
    if not polygons:
        return shots_bar
    lines = outlines(polygons)
    starts, ends = np.concatenate(lines), np.concatenate([np.roll(line, -1, axis=0) for line in lines])
    for axis in (0, 1):  # edges across x, then across y
        flat = starts[:, axis] == ends[:, axis]
        place, along = starts[flat, axis], np.stack([starts[flat, 1 - axis], ends[flat, 1 - axis]])
        rising = along[1] > along[0]
        upper = rising if axis == 0 else ~rising  # with the shape on its lower side
        bar = covered_bar if axis == 0 else covered_bar.T
        pixel, across = grid.pixel_nm[axis], grid.pixel_nm[1 - axis]
        origin = grid.origin_nm[1 - axis], grid.origin_nm[axis]
        sums = np.pad(np.cumsum(bar, axis=0), ((1, 0), (0, 0))) * pixel
        for side, chosen in ((0, ~upper), (1, upper)):
            column = axis + 2 * side
            at, low, high = place[chosen], along[:, chosen].min(axis=0), along[:, chosen].max(axis=0)
            same = np.abs(shots[:, column, None] - at) < _SAME
            same &= (shots[:, 1 - axis, None] < high) & (shots[:, 3 - axis, None] > low)
            shot, edge = np.nonzero(same)
            ends_of = (
                np.maximum(shots[shot, 1 - axis], low[edge]) - origin[0],
                np.minimum(shots[shot, 3 - axis], high[edge]) - origin[0],
            )
            line = np.floor((shots[shot, column] - origin[1]) / across).astype(np.int64)
            inside = (line >= 0) & (line < sums.shape[1])
            line = np.clip(line, 0, sums.shape[1] - 1)
            first, last = (_running(sums, line, end / pixel) for end in ends_of)
            pull = np.where(inside, last - first, 0.0) / grid.pixel_area_nm2
            np.add.at(shots_bar[:, column], shot, pull if side else -pull)
    return shots_bar


def fit_shots(
    shots: Floats,
    room: tuple[Floats, Floats],
    objective: Objective,
    grid: Grid,
    steps: int = 60,
) -> Floats:
    """Return shots whose edges have moved to where an objective of their coverage is least.

    Parameters
    ----------
    shots
        (n, 4) x0, y0, x1, y1 in nm, the start
    room
        least and largest value of each, (n, 4)
    objective
        of the coverage of their union
    grid
        of the coverage
    steps
        of a quasi-Newton descent within bounds
    """
    lowest, highest = room

    def value_and_gradient(x: Floats) -> tuple[float, Floats]:
        moved = x.reshape(-1, 4)
        covered, polygons = union_coverage(moved, grid)
        value, covered_bar = objective(covered)
        return value, union_coverage_adjoint(covered_bar, moved, polygons, grid).ravel()

    if not len(shots):
        return shots
    found = scipy.optimize.minimize(
        value_and_gradient,
        np.clip(shots, lowest, highest).ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=scipy.optimize.Bounds(lowest.ravel(), highest.ravel()),
        options={"maxiter": steps, "maxcor": _MEMORY},
    )
    return np.asarray(found.x.reshape(-1, 4), dtype=np.float64)


def _running(sums: Floats, line: NDArray[np.int64], place: Floats) -> Floats:
    """Return running sums (n + 1, m) of columns `line` at places between their rows; linear between."""
    place = np.clip(place, 0, len(sums) - 1)
    row = np.minimum(place.astype(np.int64), len(sums) - 2)
    low, high = sums[row, line], sums[row + 1, line]
    return np.asarray(low + (high - low) * (place - row))
