"""Closed lines in the one way that they can be written down, whatever drew them and from whichever side one looks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.outlines import joined

Whole = NDArray[np.int64]


def split_where_met(polygons: Sequence[Floats]) -> list[Floats]:
    """Return polygons (n, 2) with a vertex in each edge along an axis wherever an edge that runs back on its line ends.

    Shapes that abut, and cuts to holes, then run there and back by the same edges, which `litho.outlines` leaves out.
    """
    return _split_along(_split_along(polygons, 0), 1)


def _split_along(polygons: Sequence[Floats], axis: int) -> list[Floats]:
    ends: dict[tuple[float, bool], list[float]] = defaultdict(list)
    for polygon in polygons:
        for (here, line), (there, level) in _edges(polygon, axis):
            if line == level:
                ends[line, there < here] += [here, there]
    places = {key: sorted(set(found)) for key, found in ends.items()}
    return [_with_ends(polygon, axis, places) for polygon in polygons]


def _with_ends(polygon: Floats, axis: int, ends: Mapping[tuple[float, bool], Sequence[float]]) -> Floats:
    """Return one polygon with these vertices: along an axis, by line and whether an edge runs down."""
    found = []
    for (here, line), (there, level) in _edges(polygon, axis):
        found.append((here, line))
        if line == level:
            back = ends.get((line, here < there), ())
            low, high = min(here, there), max(here, there)
            between = back[bisect_right(back, low) : bisect_left(back, high)]
            found += [(place, line) for place in (between if here < there else reversed(between))]
    return np.array(found)[:, ::-1] if axis else np.array(found)


def _edges(polygon: Floats, axis: int) -> Iterator[tuple[list[float], list[float]]]:
    """Yield both ends of each edge, the coordinate along an axis first."""
    points = (polygon[:, ::-1] if axis else polygon).tolist()
    yield from zip(points, points[1:] + points[:1], strict=True)


def sorted_rings(rings: Sequence[Whole]) -> tuple[Whole, ...]:
    """Return closed lines, each from its smallest vertex on, in one order."""
    begun = [_begun(ring) for ring in rings]
    return tuple(sorted(begun, key=lambda ring: (len(ring), ring.tobytes())))


def _begun(ring: Whole) -> Whole:
    """Return a closed line that begins where what follows is smallest."""
    places = ring.tolist()
    smallest = min(places)
    starts = [k for k, place in enumerate(places) if place == smallest]
    start = starts[0] if len(starts) == 1 else min(starts, key=lambda k: places[k:] + places[:k])
    return np.concatenate([ring[start:], ring[:start]])


def cornered(rings: Sequence[Whole]) -> list[Whole]:
    """Return closed lines without vertices that repeat, or lie straight between, their neighbours after rounding."""
    if not rings:
        return []
    points, firsts, following = joined(rings)  # type: ignore[arg-type] # whole numbers do as well
    side = points[following] - points
    before = side[np.argsort(following)]
    straight = before[:, 0] * side[:, 1] == before[:, 1] * side[:, 0]
    spoilt = np.add.reduceat(straight, firsts) > 0
    kept = [_corners(ring) if bad else ring for ring, bad in zip(rings, spoilt.tolist(), strict=True)]
    return [ring for ring in kept if len(ring) >= 3]


def _corners(ring: Whole) -> Whole:
    """Return the corners of one closed line."""
    before = -1
    while len(ring) >= 3 and len(ring) != before:
        before = len(ring)
        ring = ring[np.any(ring != np.roll(ring, 1, axis=0), axis=1)]
        a, b = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
        ring = ring[a[:, 0] * b[:, 1] != a[:, 1] * b[:, 0]]
    return ring
