"""Exact area coverage of pixels by polygons.

Every edge adds to the pixels it crosses the signed area between itself and their right side, and to the pixel
behind them its signed height; a running sum along the rows then gives the covered area (signed-area scan
conversion). Between two edges the sum is constant, so only pixels on outlines are computed, the rest is filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litho.cells import Floats
from litho.grid import Grid

Indices = npt.NDArray[np.int64]

_ROUNDING = 1e-11  # a sum nearer than this to a whole number is that number


def coverage(
    polygons: Sequence[Floats],
    grid: Grid,
    dtype: npt.DTypeLike = np.float64,
) -> npt.NDArray[np.floating[Any]]:
    """Return the covered share of each pixel, exact for any angle and any pixel.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm. Counter-clockwise outlines add area and clockwise ones take it away: a
        hole is a clockwise polygon, or joined to its outline by a cut. Polygons may abut but not overlap: `merge`
        them first
    grid
        the pixels; what lies outside the field is cut off, not wrapped around
    dtype
        of the result; the computation is in float64

    Returns
    -------
    coverage
        (ny, nx) in 0..1, averaged over each pixel
    """
    ny, nx = grid.shape
    edges = _clipped(pixel_edges(polygons, grid), nx)
    pieces = _split_at_columns(_split_at_rows(edges, grid.shape))
    index, area = _contributions(pieces, grid.shape)
    order = np.argsort(index)
    index, total = index[order], np.cumsum(area[order])
    last = np.flatnonzero(np.append(index[1:] != index[:-1], True)) if len(index) else np.empty(0, np.int64)
    whole = np.rint(total[last]) + 0.0  # no negative zero
    values = np.where(np.abs(total[last] - whole) < _ROUNDING, whole, total[last])
    runs = np.diff(index[last], prepend=0, append=ny * nx)
    return np.repeat(np.append(0.0, values).astype(dtype), runs).reshape(ny, nx)


def polygon_area_nm2(polygon: Floats) -> float:
    """Return the area of a polygon (n, 2), nm; positive where it runs counter-clockwise."""
    x, y = (polygon - polygon[0]).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def pixel_edges(polygons: Sequence[Floats], grid: Grid) -> Floats:
    """Return (4, m) x0, y0, x1, y1 of all edges that are not horizontal, in pixels from the field's corner."""
    if not polygons:
        return np.empty((4, 0))
    starts = np.concatenate(polygons)
    if starts.ndim != 2 or starts.shape[1] != 2 or not np.isfinite(starts).all():
        raise ValueError("`polygons` must be arrays (n, 2) of finite coordinates, but one is not.")
    scaled = (starts - grid.origin_nm) / np.array(grid.pixel_nm)[::-1]
    following = np.arange(1, len(scaled) + 1)
    ends = np.cumsum([len(p) for p in polygons])
    following[ends[ends > 0] - 1] = np.concatenate([[0], ends[:-1]])[ends > 0]
    edges = np.concatenate([scaled.T, scaled[following].T])
    return edges[:, edges[1] != edges[3]]


def _clipped(edges: Floats, nx: int) -> Floats:
    """Move what lies left or right of the field onto its border, where it covers the same pixels."""
    outside = (np.minimum(edges[0], edges[2]) < 0) | (np.maximum(edges[0], edges[2]) > nx)
    if not outside.any():
        return edges
    x0, y0, x1, y1 = edges[:, outside]
    slope = np.divide(y1 - y0, x1 - x0, out=np.zeros_like(x0), where=x1 != x0)
    near, far = np.where(x0 <= x1, 0, nx), np.where(x0 <= x1, nx, 0)  # the borders, as the edge meets them
    corners = [np.clip(border, np.minimum(x0, x1), np.maximum(x0, x1)) for border in (near, far)]
    x = np.clip([x0, *corners, x1], 0, nx)
    y = [y0, *(np.where(corner == x1, y1, y0 + (corner - x0) * slope) for corner in corners), y1]
    parts = [np.stack([x[k], y[k], x[k + 1], y[k + 1]]) for k in range(3)]
    moved = np.concatenate([edges[:, ~outside], *parts], axis=1)
    return moved[:, moved[1] != moved[3]]


def _split_at_rows(edges: Floats, grid_shape: tuple[int, int]) -> Floats:
    """Cut edges at the pixel rows and return (4, k) row, left x, right x, rise of the parts in the field."""
    ny, nx = grid_shape
    x0, y0, x1, y1 = edges
    down = y1 < y0
    x0, x1 = np.where(down, x1, x0), np.where(down, x0, x1)
    y0, y1 = np.where(down, y1, y0), np.where(down, y0, y1)
    first = np.clip(np.floor(y0), 0, ny)
    counts = np.maximum(np.clip(np.ceil(y1), 0, ny) - first, 0).astype(np.int64)
    edge, step = _expand(counts)
    row = first[edge] + step
    low, high = np.maximum(y0[edge], row), np.minimum(y1[edge], row + 1)
    slope = ((x1 - x0) / (y1 - y0))[edge]
    start = np.where(low == y0[edge], x0[edge], x0[edge] + (low - y0[edge]) * slope)
    end = np.where(high == y1[edge], x1[edge], x0[edge] + (high - y0[edge]) * slope)
    rise = np.where(down[edge], low - high, high - low)
    parts = np.stack([row, np.minimum(start, end), np.maximum(start, end), rise])
    np.clip(parts[1:3], 0, nx, out=parts[1:3])  # rounding may have left the field
    return parts


def _split_at_columns(parts: Floats) -> Floats:
    """Cut parts at the pixel columns and return (4, k) row, column, mean x within it (0..1), rise."""
    row, left, right, rise = parts
    first = np.floor(left)
    counts = np.maximum(np.ceil(right) - first, 1).astype(np.int64)
    part, step = _expand(counts)
    column = first[part] + step
    low = np.maximum(left[part] - column, 0.0)
    high = np.minimum(right[part] - column, 1.0)
    several = counts[part] > 1
    share = np.divide(high - low, (right - left)[part], out=np.ones_like(low), where=several)
    return np.stack([row[part], column, (low + high) / 2, rise[part] * share])


def _expand(counts: Indices) -> tuple[Indices, Indices]:
    """Return, for items that occur `counts` times, which item each is and how many of it came before."""
    item = np.repeat(np.arange(len(counts)), counts)
    return item, np.arange(len(item)) - (np.cumsum(counts) - counts)[item]


def _contributions(pieces: Floats, grid_shape: tuple[int, int]) -> tuple[Indices, Floats]:
    """Return pixel numbers and what each adds to the running sum from there on.

    The pixel behind the last of a row is the first of the next one: there the row's sum has come back to zero.
    """
    ny, nx = grid_shape
    row, column, mean, rise = pieces
    index = (row * nx + column).astype(np.int64)
    index = np.minimum(np.concatenate([index, index + 1]), ny * nx)
    return index, np.concatenate([rise * (mean - 1), -rise * mean])
