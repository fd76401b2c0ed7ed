"""Parts of a mask that were changed: what stands in a region in place of what stood there.

A region has sides along the axes, in whole database units, so that where it is cut out and where its new content is put
in nothing is rounded but the crossings of outlines with its sides, by one rule for all tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.spatial
from numpy.typing import NDArray

from litho.chip.mask_loops import (
    Rectangle,
    Segment,
    Whole,
    as_floats,
    bounds_of,
    proper,
    touches,
    whole_loops,
    with_crossings,
)
from litho.outlines import areas_nm2, outlines, with_holes
from litho.polygons import merge, subtract

SHORT = 2
"""Edges up to this length, in whole units, are left by rounding where a patch begins."""

SPECK = 400.0
"""Outlines around less, in whole units squared, are left by rounding at the side of a patch."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Parts of a mask that were changed.

    Parameters
    ----------
    region
        outlines with sides along the axes, counter-clockwise, clockwise around holes
    content
        outlines of the mask in it
    """

    region: tuple[Whole, ...]
    content: tuple[Whole, ...]

    def shifted(self, by: tuple[int, int]) -> Patch:
        """Return the patch at another place."""
        return Patch(tuple(p + by for p in self.region), tuple(p + by for p in self.content))

    def near(self, box: Rectangle) -> Patch:
        """Return a patch with all that reaches into a box, and less of what lies beyond."""
        return Patch(*(tuple(p for p in loops if touches(p, box)) for loops in (self.region, self.content)))


def all_patched(loops: Sequence[Whole], patches: Sequence[Patch]) -> list[Whole]:
    """Return a mask with one patch after the other applied; those that lie apart are applied at once."""
    result, waiting = list(loops), Patch((), ())
    for patch in patches:
        if _meet(waiting.region, patch.region):
            result, waiting = patched(result, waiting), patch
        else:
            waiting = Patch((*waiting.region, *patch.region), (*waiting.content, *patch.content))
    return patched(result, waiting)


def _meet(first: Sequence[Whole], second: Sequence[Whole]) -> bool:
    return bool(_boxes_meet(first, second).any())


def _boxes_meet(first: Sequence[Whole], second: Sequence[Whole]) -> NDArray[np.bool_]:
    """Return which boxes around outlines meet which others, (n, m)."""
    a, b = _boxes(first)[:, None], _boxes(second)
    return np.asarray(((a[..., :2] <= b[:, 2:]) & (a[..., 2:] >= b[:, :2])).all(axis=-1))


def _boxes(loops: Sequence[Whole]) -> Whole:
    """Return x0, y0, x1, y1 of each outline, (n, 4)."""
    if not loops:
        return np.empty((0, 4), np.int64)
    points, starts = np.concatenate(loops), np.cumsum([0, *(len(loop) for loop in loops[:-1])])
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    return np.asarray(np.concatenate([low, high], axis=1), np.int64)


def patched(loops: Sequence[Whole], patch: Patch) -> list[Whole]:
    """Return a mask with what a patch has in its region."""
    if not patch.region:
        return list(loops)
    near, far = _beside(loops, patch.region)
    kept = subtract(with_holes(as_floats(_crossed(near, patch.region))), with_holes(as_floats(patch.region)))
    # areas that abut along part of an edge take two passes to become one
    joined = merge(merge([*kept, *with_holes(as_floats(patch.content))]))
    whole = _without_short_edges(whole_loops(outlines(joined), 1.0), patch.region)
    areas = areas_nm2(as_floats(whole)) if whole else ()
    return far + [p for p, area in zip(whole, areas, strict=True) if abs(area) >= SPECK]


def _beside(loops: Sequence[Whole], region: Sequence[Whole]) -> tuple[list[Whole], list[Whole]]:
    """Return the outlines that boxes around a region's meet, and all others: none of these lies around one of those."""
    meets = np.any(_boxes_meet(loops, region), axis=1)
    near, far = ([p for p, met in zip(loops, meets, strict=True) if met == wanted] for wanted in (True, False))
    return near, far


def _without_short_edges(loops: Sequence[Whole], region: Sequence[Whole]) -> list[Whole]:
    """Return outlines without short edges where they cross a region's sides: edges of a unit or two point anywhere."""
    if not loops:
        return []
    ends = np.cumsum([len(loop) for loop in loops])[:-1]
    kept = []
    for loop, at_side in zip(loops, np.split(_are_on_edges(np.concatenate(loops), region), ends), strict=True):
        short = np.abs(np.roll(loop, -1, axis=0) - loop).max(axis=1) <= SHORT
        kept.append(loop[~(short & (at_side | np.roll(at_side, -1)))])
    return proper([loop for loop in kept if len(loop) >= 3])


def inside_region(loops: Sequence[Whole], region: Sequence[Whole]) -> list[Whole]:
    """Return the part of a mask in a region with sides along the axes."""
    near, _ = _beside(loops, region)
    solid = with_holes(as_floats(_crossed(near, region)))
    return whole_loops(outlines(subtract(solid, subtract(solid, with_holes(as_floats(region))))), 1.0)


def fitted(content: Sequence[Whole], loops: Sequence[Whole], region: Sequence[Whole], within: float) -> list[Whole]:
    """Return what is to stand in a region so that its outlines go on in those around it.

    Parameters
    ----------
    content
        of `inside_region`, from outlines that differ a little from the ones around the region
    loops
        the outlines around the region
    region
        see `Patch`
    within
        where an outline crosses the region's side it moves to where the one outside crosses, if that is so near
    """
    if not content or not loops:
        return list(content)
    corners = np.concatenate(list(region))
    near, _ = _beside(loops, region)
    ends = _on_edges(np.concatenate([np.empty((0, 2), np.int64), *_crossed(near, region)]), region)
    points = np.concatenate(list(content))
    found = np.flatnonzero(_are_on_edges(points, region) & ~_are_among(points, corners))
    if len(ends) and len(found):
        distance, nearest = scipy.spatial.cKDTree(ends).query(points[found])
        points[found[distance <= within]] = ends[nearest[distance <= within]]
    return proper(np.split(points, np.cumsum([len(p) for p in content])[:-1]))


def _on_edges(points: Whole, region: Sequence[Whole]) -> Whole:
    return points[_are_on_edges(points, region)]


def _are_on_edges(points: Whole, region: Sequence[Whole]) -> NDArray[np.bool_]:
    """Return which points lie on an edge of a region with sides along the axes."""
    found = np.zeros(len(points), bool)
    for frame in map(_edges_along_axes, region):
        x0, y0, x1, y1 = bounds_of(frame)
        x, y = points.T
        near = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
        for side in frame:
            across, along = points[near, side.axis], points[near, 1 - side.axis]
            found[near[(across == side.at) & (along >= side.low) & (along <= side.high)]] = True
    return found


def _are_among(points: Whole, others: Whole) -> NDArray[np.bool_]:
    _, number = np.unique(np.concatenate([others, points]), axis=0, return_inverse=True)
    return np.isin(number[len(others) :], number[: len(others)])


def _crossed(loops: Sequence[Whole], region: Sequence[Whole]) -> list[Whole]:
    return with_crossings(loops, [_edges_along_axes(p) for p in region])


def _edges_along_axes(loop: Whole) -> list[Segment]:
    """Return the edges of an outline with sides along the axes."""
    found = []
    for (ax, ay), (bx, by) in zip(loop.tolist(), np.roll(loop, -1, axis=0).tolist(), strict=True):
        if ax == bx:
            found.append(Segment(0, ax, min(ay, by), max(ay, by)))
        else:
            found.append(Segment(1, ay, min(ax, bx), max(ax, bx)))
    return found
