"""Polygons of any angle cut into trapezoids with horizontal parallel sides.

Through each vertex runs a horizontal cut, as far as the edges beside it: the trapezoidal decomposition. Vertices of
trapezoids inside an edge are rounded as double precision does; areas are conserved to that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.outlines import outlines, united

Numbers = NDArray[np.int64]


def trapezoids(polygons: Sequence[Floats]) -> list[Floats]:
    """Return a partition of the union of polygons into trapezoids and triangles.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y), counter-clockwise, holes clockwise or joined by a cut; they may overlap

    Returns
    -------
    trapezoids
        each (3 or 4, 2), counter-clockwise, two sides horizontal; disjoint
    """
    parts = united(polygons)
    if not parts:
        return []
    lines = outlines(parts)
    starts, ends = np.concatenate(lines), np.concatenate([np.roll(line, -1, axis=0) for line in lines])
    slanted = starts[:, 1] != ends[:, 1]
    starts, ends = starts[slanted], ends[slanted]
    up = (ends[:, 1] > starts[:, 1])[:, None]
    low, high = np.where(up, starts, ends), np.where(up, ends, starts)
    levels = np.unique(low[:, 1].tolist() + high[:, 1].tolist())
    first, last, left, right = _merged(*_slabs(low, high, levels))
    return _shapes(levels[first], levels[last], (low[left], high[left]), (low[right], high[right]))


def _slabs(low: Floats, high: Floats, levels: Floats) -> tuple[Numbers, Numbers, Numbers]:
    """Return slab, left edge and right edge of each piece that the slabs between levels cut the shape into."""
    first, last = np.searchsorted(levels, low[:, 1]), np.searchsorted(levels, high[:, 1])
    counts = last - first
    edge = np.repeat(np.arange(len(low)), counts)
    slab = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    middle = _x_at((levels[slab] + levels[slab + 1]) / 2, low[edge], high[edge])
    order = np.lexsort((middle, slab))
    slab, edge = slab[order], edge[order]
    return slab[::2], edge[::2], edge[1::2]


def _merged(slab: Numbers, left: Numbers, right: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return first and last level, left and right edge of pieces, those joined that lie between the same two edges."""
    order = np.lexsort((slab, right, left))
    slab, left, right = slab[order], left[order], right[order]
    begins = np.ones(len(slab), np.bool_)
    begins[1:] = (np.diff(slab) != 1) | (np.diff(left) != 0) | (np.diff(right) != 0)
    firsts = np.flatnonzero(begins)
    lasts = np.append(firsts[1:], len(slab)) - 1
    return slab[firsts], slab[lasts] + 1, left[firsts], right[firsts]


def _shapes(bottom: Floats, top: Floats, left: tuple[Floats, Floats], right: tuple[Floats, Floats]) -> list[Floats]:
    corners = [
        np.stack([_x_at(y, *edge), y], axis=1)
        for y, edge in ((bottom, left), (bottom, right), (top, right), (top, left))
    ]
    shapes = np.stack(corners, axis=1)
    apart = np.any(shapes != np.roll(shapes, 1, axis=1), axis=2)
    return [shape[kept] for shape, kept in zip(shapes, apart, strict=True)]


def _x_at(y: Floats, low: Floats, high: Floats) -> Floats:
    """Return where edges are at heights; exact at their ends."""
    share = (y - low[:, 1]) / (high[:, 1] - low[:, 1])
    between = low[:, 0] + share * (high[:, 0] - low[:, 0])
    return np.where(y == high[:, 1], high[:, 0], between)
