"""Steps of a mask's outline where two tiles meet, read off the polygons of both.

A polygon that reaches to the side of its core covers a stretch of it. What both tiles cover is inside of the mask; what
one of them covers alone is *bare*: there the outline runs along the seam. Where it came from one tile and goes on into
the other, the distance of the two across them is a step. Where it came from one tile and goes back into it, it was cut
off at the seam: by the height of the smooth arc that leaves both ends as the outline does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from litho.cells import Floats

Place = tuple[int, int]

_NEAR_NM = 1e-6


@dataclass(frozen=True, eq=False)
class Sides:
    """Where outlines meet the sides of a core.

    Parameters
    ----------
    left, right, lower, upper
        ends of the stretches that polygons cover, rising, nm along the side from the core's lower left corner
    steepness
        by the name of a side: the tangent of the angle to the side at which the outline leaves it, for each end
    """

    left: Floats
    right: Floats
    lower: Floats
    upper: Floats
    steepness: Mapping[str, Floats] = field(default_factory=dict)


def sides_of(polygons: Sequence[Floats], core_nm: tuple[float, float]) -> Sides:
    """Return where polygons (n, 2), nm from a core's corner and inside it, meet its sides."""
    corners = [np.stack([np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)], axis=1) for p in polygons]
    chains = np.concatenate([np.empty((0, 4, 2)), *corners])
    width, height = core_nm
    places = {"left": (0, 0.0), "right": (0, width), "lower": (1, 0.0), "upper": (1, height)}
    found = {name: _ends(chains, axis, at) for name, (axis, at) in places.items()}
    ends = {name: pair[0] for name, pair in found.items()}
    return Sides(**ends, steepness={name: pair[1] for name, pair in found.items()})


def _ends(chains: Floats, axis: int, at: float) -> tuple[Floats, Floats]:
    """Return the ends of what edges on a line cover, and how steeply outlines leave it there.

    Parameters
    ----------
    chains : (n, 4, 2)
        each edge from its second to its third point, with the points before and after it
    axis, at
        of the line
    """
    kept = chains[np.all(np.abs(chains[:, 1:3, axis] - at) < _NEAR_NM, axis=1)]
    along = np.concatenate([kept[:, 1, 1 - axis], kept[:, 2, 1 - axis]])
    leaving = np.concatenate([kept[:, 0] - kept[:, 1], kept[:, 3] - kept[:, 2]])
    run, rise = np.abs(leaving[:, 1 - axis]), np.abs(leaving[:, axis])
    steep = np.divide(rise, run, out=np.full(len(run), np.inf), where=run > _NEAR_NM * rise)
    ends, member, counts = np.unique(np.round(along, 6), return_inverse=True, return_counts=True)
    steepest = np.zeros(len(ends))
    np.maximum.at(steepest, member.reshape(-1), steep)
    odd = counts % 2 == 1  # elsewhere one edge ends where the next begins
    return ends[odd], steepest[odd]


def largest_step_nm(sides: Mapping[Place, Sides], counts: tuple[int, int]) -> float | None:
    """Return the largest step over all seams, None if there is no seam; a tile that is not there covers nothing.

    Parameters
    ----------
    sides
        of tiles by column and row
    counts
        columns and rows
    """
    if counts == (1, 1):
        return None
    empty = np.empty(0)
    nothing = Sides(empty, empty, empty, empty, dict.fromkeys(("left", "right", "lower", "upper"), empty))
    largest = 0.0
    for column, row in sides:
        here = sides[column, row]
        for (dx, dy), name, other in (
            ((1, 0), "right", "left"),
            ((0, 1), "upper", "lower"),
            ((-1, 0), "left", "right"),
            ((0, -1), "lower", "upper"),
        ):
            beside = column + dx, row + dy
            inside = 0 <= beside[0] < counts[0] and 0 <= beside[1] < counts[1]
            if inside and (dx + dy > 0 or beside not in sides):
                largest = max(largest, step_nm(here, name, sides.get(beside, nothing), other))
    return largest


def step_nm(first: Sides, side: str, second: Sides, other: str) -> float:
    """Return the largest step where a side of one tile is that of another.

    Parameters
    ----------
    first, side
        one tile and the name of its side
    second, other
        the other one
    """
    owners = []
    for owner, (tile, name) in enumerate(((first, side), (second, other))):
        owners += [
            (float(end), owner, float(steep))
            for end, steep in zip(getattr(tile, name), tile.steepness[name], strict=True)
        ]
    covered, largest = [False, False], 0.0
    for (start, owner, steep), (stop, next_owner, next_steep) in pairwise(sorted(owners)):
        covered[owner] = not covered[owner]
        if covered[0] != covered[1] and stop - start > _NEAR_NM:
            measure = _cut_off if owner == next_owner else _across
            largest = max(largest, measure(stop - start, steep, next_steep))
    return largest


def _across(length: float, steep: float, next_steep: float) -> float:
    """Return the distance of two outlines that meet a line so far apart, across the steeper of them."""
    return length * float(np.sin(np.arctan(max(steep, next_steep))))


def _cut_off(length: float, steep: float, next_steep: float) -> float:
    """Return how high a cubic arc goes that leaves two ends on a line as steeply; at most their distance.

    It is length (s0 + s1) / 8 in its middle, exact for a parabola, which any shallow arc is.
    """
    return min(length, length * (steep + next_steep) / 8)
