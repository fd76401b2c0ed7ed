"""Outlines in whole database units: where they cross a line, where they are cut, which vertices they can spare.

Neighbouring tiles have the same outlines up to a shift by whole units. Every vertex that is made here comes from whole
numbers by one rounding that does not depend on the shift, so that both tiles make the same one, and areas that are cut
along a line abut exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.contour import simplify
from litho.outlines import with_holes
from litho.polygons import merge, subtract
from litho.raster import polygon_area_nm2

Whole = NDArray[np.int64]

Rectangle = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole units"""


@dataclass(frozen=True)
class Segment:
    """A stretch of a line along an axis: `axis` 0 is the line x = `at`, from y = `low` to `high`; 1 is y = `at`."""

    axis: int
    at: int
    low: int
    high: int


def whole_loops(loops: Sequence[Floats], dbu_nm: float) -> list[Whole]:
    """Return outlines rounded to whole units, without vertices that fall together and outlines without area."""
    return proper([np.rint(loop / dbu_nm).astype(np.int64) for loop in loops])


def as_floats(loops: Sequence[Whole], unit: float = 1.0) -> list[Floats]:
    """Return outlines as numbers of another unit."""
    return [loop.astype(np.float64) * unit for loop in loops]


def sides_of(box: Rectangle) -> list[Segment]:
    """Return the four sides of a box."""
    x0, y0, x1, y1 = box
    return [Segment(0, x, y0, y1) for x in (x0, x1)] + [Segment(1, y, x0, x1) for y in (y0, y1)]


def with_crossings(loops: Sequence[Whole], frames: Sequence[Sequence[Segment]]) -> list[Whole]:
    """Return outlines with a vertex wherever an edge crosses a segment, rounded to whole units along the segment.

    Parameters
    ----------
    loops
        outlines
    frames
        segments, those together that lie together
    """
    if not loops or not frames:
        return list(loops)
    ends = np.cumsum([len(loop) for loop in loops])
    starts = np.concatenate(loops)
    stops = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
    low, high = np.minimum(starts, stops), np.maximum(starts, stops)
    edges, points = [np.empty(0, np.int64)], [np.empty((0, 2), np.int64)]
    for frame in frames:
        x0, y0, x1, y1 = bounds_of(frame)
        near = np.flatnonzero(((low <= (x1, y1)) & (high >= (x0, y0))).all(axis=1))
        for segment in frame:
            found, crossing = _crossings(starts[near], stops[near], segment)
            edges.append(near[found])
            points.append(crossing)
    edge, point = np.concatenate(edges), np.concatenate(points)
    along = ((point - starts[edge]) * (stops - starts)[edge]).sum(axis=1)
    order = np.lexsort((point[:, 1], point[:, 0], along, edge))
    edge, point = edge[order], point[order]
    longer = np.insert(starts, edge + 1, point, axis=0)
    grown = ends + np.searchsorted(edge, ends, side="left")
    return proper(np.split(longer, grown[:-1]))


def bounds_of(frame: Sequence[Segment]) -> Rectangle:
    """Return the box around segments."""
    corners = [(s.at, s.low) if s.axis == 0 else (s.low, s.at) for s in frame]
    corners += [(s.at, s.high) if s.axis == 0 else (s.high, s.at) for s in frame]
    x, y = zip(*corners, strict=True)
    return min(x), min(y), max(x), max(y)


def _crossings(starts: Whole, stops: Whole, segment: Segment) -> tuple[Whole, Whole]:
    """Return which edges cross a segment between their ends, and where."""
    axis, other = segment.axis, 1 - segment.axis
    first, second = starts[:, axis] - segment.at, stops[:, axis] - segment.at
    edge = np.flatnonzero(first * second < 0)
    # from the end with the smaller coordinate, so that the rounding does not depend on the way an edge is walked
    a, b = (np.where((first[edge] < 0)[:, None], *pair) for pair in _both_ways(starts[edge], stops[edge]))
    run, rise, ahead = b[:, axis] - a[:, axis], b[:, other] - a[:, other], segment.at - a[:, axis]
    place = a[:, other] + (2 * rise * ahead + run) // (2 * run)
    within = (place >= segment.low) & (place <= segment.high)
    point = np.empty((len(edge), 2), np.int64)
    point[:, axis], point[:, other] = segment.at, place
    return edge[within], point[within]


def _both_ways(a: Whole, b: Whole) -> tuple[tuple[Whole, Whole], tuple[Whole, Whole]]:
    return (a, b), (b, a)


def cut_at(loops: Sequence[Whole], box: Rectangle) -> list[Whole]:
    """Return the polygons of a mask in a box, holes joined by cuts of no width.

    Parameters
    ----------
    loops
        outlines, in any order
    box
        what is kept; both sides of each of its lines get the same vertices on it
    """
    x0, y0, x1, y1 = box
    inside = with_crossings([loop for loop in loops if touches(loop, box)], [sides_of(box)])
    if not inside:
        return []
    frame = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)
    solid = with_holes(as_floats(inside))
    return proper([np.rint(p).astype(np.int64) for p in merge(subtract(solid, subtract(solid, [frame])))])


def thinned(loops: Sequence[Whole], cell: int, core: tuple[int, int], tolerance: float) -> list[Whole]:
    """Return outlines with fewer vertices, by steps that look no farther than a cell.

    The plane is cut into cells; where an outline crosses from one into the next it gets a vertex, which
    stays, and between these Douglas and Peucker choose. So neighbouring tiles choose the same vertices.

    Parameters
    ----------
    loops
        outlines, from a core's corner
    cell
        how wide and high cells may be
    core
        width and height of a core: a whole number of cells
    tolerance
        vertices so near to the new outline are left out
    """
    if not loops:
        return []
    low, high = np.min([p.min(0) for p in loops], 0), np.max([p.max(0) for p in loops], 0)
    frames, lines = [], []
    for axis in (0, 1):
        count = math.ceil(core[axis] / cell)
        first, last = (int(v[axis]) * count // core[axis] for v in (low, high))
        numbers = range(first, last + 2)
        # whole numbers only, so that the lines of all tiles are the same
        at = [(2 * n * core[axis] + count) // (2 * count) for n in numbers]
        lines.append(np.array(at))
        frames += [[Segment(axis, place, int(low[1 - axis]), int(high[1 - axis]))] for place in at]
    pinned = with_crossings(loops, frames)
    return proper([_simplified(p, np.isin(p[:, 0], lines[0]) | np.isin(p[:, 1], lines[1]), tolerance) for p in pinned])


def _simplified(loop: Whole, pinned: NDArray[np.bool_], tolerance: float) -> Whole:
    """Return an outline with fewer vertices; the pinned ones stay, and nothing depends on what lies beyond them."""
    places = np.flatnonzero(pinned)
    if tolerance <= 0 or len(loop) <= 3:
        return loop
    if len(places) < 2:
        start = int(places[0]) if len(places) else int(np.lexsort((loop[:, 1], loop[:, 0]))[0])
        return np.rint(simplify(np.roll(loop, -start, axis=0).astype(np.float64), tolerance)).astype(np.int64)
    turned, places = np.roll(loop, -int(places[0]), axis=0), places - places[0]
    parts = [
        _thinned(np.concatenate([turned, turned[:1]])[a : b + 1], tolerance)
        for a, b in zip(places, [*places[1:], len(loop)], strict=True)
    ]
    return np.concatenate([part[:-1] for part in parts])


def _thinned(chain: Whole, tolerance: float) -> Whole:
    """Return an open line with fewer of its vertices, by Douglas and Peucker; its ends stay."""
    points, kept, waiting = chain.astype(np.float64), {0, len(chain) - 1}, [(0, len(chain) - 1)]
    while waiting:
        a, b = waiting.pop()
        if b - a < 2:
            continue
        side, gap = points[b] - points[a], points[a + 1 : b] - points[a]
        squared = float(side @ side)
        share = np.clip(gap @ side / squared, 0, 1) if squared > 0 else np.zeros(len(gap))
        distance = np.hypot(*(gap - share[:, None] * side).T)
        worst = int(np.argmax(distance))
        if distance[worst] > tolerance:
            kept.add(a + 1 + worst)
            waiting += [(a, a + 1 + worst), (a + 1 + worst, b)]
    return chain[sorted(kept)]


def touches(loop: NDArray[Any], box: tuple[float, float, float, float]) -> bool:
    """Return whether the box around an outline and another box have a point in common."""
    (low_x, low_y), (high_x, high_y) = loop.min(axis=0), loop.max(axis=0)
    return bool(low_x <= box[2] and high_x >= box[0] and low_y <= box[3] and high_y >= box[1])


def proper(loops: Sequence[Whole]) -> list[Whole]:
    """Return outlines without repeated vertices; those without area are left out."""
    result = []
    for loop in loops:
        kept = loop[np.any(loop != np.roll(loop, 1, axis=0), axis=1)]
        if len(kept) >= 3 and polygon_area_nm2(kept.astype(np.float64)) != 0:
            result.append(kept)
    return result


def packed_loops(loops: Sequence[Whole], name: str) -> dict[str, NDArray[Any]]:
    """Return outlines as arrays of a tile file: all vertices, and where each outline ends."""
    points = np.concatenate([np.empty((0, 2), np.int64), *loops])
    ends = np.cumsum([len(loop) for loop in loops], dtype=np.int64)
    return {f"{name}_points": points.astype(np.int32), f"{name}_ends": ends}


def unpacked_loops(arrays: Any, name: str) -> list[Whole]:
    """Return the outlines of `packed_loops`."""
    ends = arrays[f"{name}_ends"]
    points = arrays[f"{name}_points"].astype(np.int64)
    return np.split(points, ends[:-1]) if len(ends) else []
