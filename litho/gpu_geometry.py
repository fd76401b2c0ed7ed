"""Geometry where the arrays are: raster, outlines and distances by CUDA kernels on a GPU, by libraries on the host.

    covered = area_coverage(polygons, grid, like)       exact area, `litho.raster`
    polygons = field_outlines(field, grid, level)       sub-pixel outlines, `litho.contour`
    away_nm = distance_from_outside(inside, pixel_nm, like)

The kernels, executed on the host, give what the libraries give: coverage to 1e-11, vertices to 1e-10 nm, distances to
1e-11 nm. No real GPU has run them yet. Coverage is summed in whole numbers, and nothing else adds in an order that may
change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho import cuda
from litho.backend import Array, array_module, like, real_dtype, to_host
from litho.cells import Floats
from litho.contour import contours
from litho.grid import Grid
from litho.raster import coverage, pixel_edges

ROW_SHARES = 32
"""Threads that share the rows of one edge."""


def area_coverage(polygons: Sequence[Floats], grid: Grid, x: Array) -> Array:
    """Return the covered share of each pixel, exact for any angle and any pixel.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, as `litho.coverage` takes them
    grid
        the pixels; what lies outside the field is cut off, not wrapped around
    x
        any array of the wanted library, device and precision

    Returns
    -------
    covered : (ny, nx) real
        in 0..1, averaged over each pixel
    """
    xp, dtype = array_module(x), real_dtype(x)
    if not cuda.fused(x):
        return like(coverage(polygons, grid), x, dtype)
    edges = pixel_edges(polygons, grid)
    sums = xp.zeros(grid.shape, dtype=xp.int64)
    covered = cuda.empty(grid.shape, x, dtype)
    kernels, count = cuda.program("raster", x), edges.shape[1]
    on_device = cuda.dense(like(edges, x, xp.float64))
    kernels.launch("raster_edges", (count, ROW_SHARES), on_device, sums, count, *grid.shape, block=(32, 4))
    kernels.launch("raster_rows", (kernels.threads * grid.shape[0],), sums, covered, grid.shape[1])
    return covered


def field_outlines(field: Array, grid: Grid, level: float = 0.0) -> list[Floats]:
    """Return the outlines of the region where a field exceeds a level; arguments and result of `litho.contours`.

    Only the outlines come to the host, not the field.
    """
    if not cuda.fused(field):
        return contours(to_host(field), grid, level)
    if tuple(field.shape) != grid.shape:
        raise ValueError(f"`field` must have the shape of `grid`, {grid.shape}, but got {tuple(field.shape)}.")
    if not bool(array_module(field).isfinite(field).all()):
        raise ValueError("`field` must be finite, but got NaN or infinity.")
    starts, lines = outline_segments(field, level)
    vertices = to_host(starts) * np.array(grid.pixel_nm)[::-1] + grid.origin_nm
    outlines = (vertices[cycle] for cycle in chained(to_host(lines)))
    distinct = (outline[np.any(outline != np.roll(outline, 1, axis=0), axis=1)] for outline in outlines)
    return [outline for outline in distinct if len(outline) >= 3]


def outline_segments(field: Array, level: float) -> tuple[Array, Array]:
    """Return the segments of the outlines of a field on a GPU, in the order of the cells that they cross.

    Parameters
    ----------
    field : (ny, nx) real
        finite
    level
        value on the outlines

    Returns
    -------
    starts : (n, 2) real
        x and y in pixels, sample (0, 0) standing at (1/2, 1/2); the region is on the left of a segment
    lines : (n, 2) int
        numbers of the lines between samples where each segment starts and ends
    """
    xp, (ny, nx) = array_module(field), field.shape
    kernels, samples, cells = cuda.program("marching_squares", field), cuda.dense(field), (nx + 1, ny + 1)
    counts = cuda.empty((ny + 1, nx + 1), field, xp.int32)
    kernels.launch("count_segments", cells, samples, counts, float(level), ny, nx, block=(32, 8))
    stops = xp.cumsum(xp.reshape(counts, (-1,)), dtype=xp.int64)
    total = int(stops[-1])
    starts, lines = cuda.empty((total, 2), field, xp.float64), cuda.empty((total, 2), field, xp.int64)
    if total:
        kernels.launch("write_segments", cells, samples, stops, starts, lines, float(level), ny, nx, block=(32, 8))
    return starts, lines


def chained(lines: NDArray[np.int64]) -> list[list[int]]:
    """Return the closed chains of segments: numbers of the segments of each, in order.

    Parameters
    ----------
    lines : (n, 2)
        numbers of the places where segments start and end: each place once at a start and once at an end
    """
    order = np.argsort(lines[:, 0])
    following = order[np.searchsorted(lines[order, 0], lines[:, 1])].tolist()
    chains, seen = [], bytearray(len(lines))
    for first in range(len(lines)):
        if seen[first]:
            continue
        chain, segment = [], first
        while not seen[segment]:
            seen[segment] = 1
            chain.append(segment)
            segment = following[segment]
        chains.append(chain)
    return chains


def distance_from_outside(inside: Array, pixel_nm: tuple[float, float], x: Array) -> Array:
    """Return how far the centre of each pixel is from the nearest one that is not inside: exact, 0 outside.

    Parameters
    ----------
    inside : (..., ny, nx) bool
        a region; beyond the border nothing is outside
    pixel_nm
        size of a pixel (y, x)
    x
        any array of the library of `inside` and of the wanted precision

    Returns
    -------
    distance : (..., ny, nx) real
        nm; infinite where the whole image is inside
    """
    if not all(math.isfinite(p) and p > 0 for p in pixel_nm):
        raise ValueError(f"`pixel_nm` must be two positive lengths (y, x), but got {pixel_nm}.")
    xp, dtype, (ny, nx) = array_module(inside, x), real_dtype(x), inside.shape[-2:]
    if not cuda.fused(x):
        images = to_host(inside).reshape(-1, ny, nx)
        found = np.stack([_distance(image, pixel_nm) for image in images])
        return like(found.reshape(inside.shape), x, dtype)
    images = math.prod(inside.shape[:-2])
    kernels, bits = cuda.program("distance", x), cuda.dense(xp.astype(inside, xp.uint8))
    reach, distance = cuda.empty(inside.shape, x, xp.int32), cuda.empty(inside.shape, x, dtype)
    kernels.launch("distance_columns", (nx, images), bits, reach, images, ny, nx, block=(32,))
    lengths = float(pixel_nm[0]), float(pixel_nm[1]), math.inf
    kernels.launch("distance_rows", (nx, images * ny), reach, distance, *lengths, images * ny, nx, block=(32, 8))
    return distance


def opened(inside: Array, diameter_nm: float, pixel_nm: tuple[float, float], x: Array) -> Array:
    """Return a region opened by a disc: all discs whose pixels' centres are inside, (..., ny, nx) bool.

    What it takes away is too thin for the disc; the same of the surroundings is too narrow a space. Border and
    arguments are those of `distance_from_outside`.

    Parameters
    ----------
    inside : (..., ny, nx) bool
        a region
    diameter_nm
        of the disc
    pixel_nm
        size of a pixel (y, x)
    x
        any array of the library of `inside` and of the wanted precision
    """
    if not (math.isfinite(diameter_nm) and diameter_nm > 0):
        raise ValueError(f"`diameter_nm` must be a positive length, but got {diameter_nm}.")
    centres = distance_from_outside(inside, pixel_nm, x) > diameter_nm / 2
    return distance_from_outside(~centres, pixel_nm, x) <= diameter_nm / 2


def _distance(inside: NDArray[np.bool_], pixel_nm: tuple[float, float]) -> NDArray[Any]:
    """Return the distances of one image by SciPy, which says nothing of use where all is inside."""
    if inside.all():
        return np.full(inside.shape, np.inf)
    return np.asarray(scipy.ndimage.distance_transform_edt(inside, sampling=pixel_nm))
