"""Outlines as short straight pieces with their normals, and which of them are near each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.spatial

from litho.cells import Floats
from litho.outlines import joined
from litho.polygons import Box

Numbers = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

BORDER_NM = 1e-6
"""What is nearer than this to the border of a field is on it."""


SHORT_NM = 1.0
ROUNDED_NM = 0.03
"""A vertex beside an edge shorter than the one, off the line of its neighbours by less than the other, may be there by
rounding to 0.05 nm alone: such edges point anywhere."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Straight pieces of closed outlines, the region on their left.

    Parameters
    ----------
    start, end : (n, 2)
        of each piece, nm
    along, normal : (n, 2)
        its direction, and the unit vector to its left
    length : (n,)
        nm
    loop : (n,) int
        which outline it belongs to
    previous : (n,) int
        the piece that ends where it starts
    turn : (n,)
        by how much the outline turns to the left at the start, in -pi..pi
    bisector : (n, 2)
        unit vector midway between the normals that meet at the start
    border : (n,) bool
        whether it lies on the border of the field, where the outline was cut off, or beyond
    """

    start: Floats
    end: Floats
    along: Floats
    normal: Floats
    length: Floats
    loop: Numbers
    previous: Numbers
    turn: Floats
    bisector: Floats
    border: Flags

    def __len__(self) -> int:
        return len(self.start)

    @property
    def middle(self) -> Floats:
        """Middles of the pieces, (n, 2)."""
        return (self.start + self.end) / 2

    @property
    def cut_off(self) -> Flags:
        """Whether the vertex at a piece's start is one that the border of the field made, (n,)."""
        return self.border | self.border[self.previous]


def pieces_of(polygons: Sequence[Floats], longest_nm: float, bounds_nm: Box | None = None) -> Pieces:
    """Return outlines as pieces no longer than `longest_nm`.

    Parameters
    ----------
    polygons
        closed outlines (n, 2), nm, the region on their left; vertices that repeat the one before are left out
    longest_nm
        longer edges are cut into equal parts
    bounds_nm
        x0, y0, x1, y1 of the field, if outlines are cut off at its border
    """
    points, loop, following = _without_repeats(polygons)
    edge = points[following] - points
    parts = np.maximum(1, np.ceil(np.hypot(*edge.T) / longest_nm)).astype(np.intp)
    owner = np.repeat(np.arange(len(points)), parts)
    first = np.cumsum(parts) - parts
    share = ((np.arange(len(owner)) - first[owner]) / parts[owner])[:, None]
    start = points[owner] + share * edge[owner]
    after = np.arange(1, len(owner) + 1)
    after[first + parts - 1] = first[following]
    previous = np.empty_like(after)
    previous[after] = np.arange(len(after))
    along = (edge / np.hypot(*edge.T)[:, None])[owner]
    before = along[previous]
    turn = np.arctan2(before[:, 0] * along[:, 1] - before[:, 1] * along[:, 0], np.sum(before * along, axis=1))
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    end = start[after]
    return Pieces(
        start=start,
        end=end,
        along=along,
        normal=normal,
        length=np.hypot(*(end - start).T),
        loop=loop[owner],
        previous=previous,
        turn=turn,
        bisector=_rotated(normal[previous], turn / 2),
        border=_on_border(start, end, bounds_nm),
    )


def steadied(polygon: Floats) -> Floats:
    """Return an outline (n, 2) without vertices beside short edges that rounding explains, never two on end.

    Where tiles of a mask meet, outlines have vertices that are rounded along the seam, next to others by chance.
    """
    before, after = np.roll(polygon, 1, axis=0), np.roll(polygon, -1, axis=0)
    to, on, chord = polygon - before, after - polygon, after - before
    off = np.abs(chord[:, 0] * to[:, 1] - chord[:, 1] * to[:, 0]) / np.maximum(np.hypot(*chord.T), BORDER_NM)
    loose = (np.minimum(np.hypot(*to.T), np.hypot(*on.T)) < SHORT_NM) & (off <= ROUNDED_NM)
    loose &= (np.sum(to * chord, axis=1) > 0) & (np.sum(on * chord, axis=1) > 0)  # neither spikes nor repeats
    off[~loose] = np.inf
    dropped = loose & (off < np.roll(off, 1)) & (off <= np.roll(off, -1))
    return polygon[~dropped] if len(polygon) - dropped.sum() >= 3 else polygon


def near_pairs(pieces: Pieces, reach_nm: float) -> tuple[Numbers, Numbers]:
    """Return the pairs of pieces, each once, that may have points within `reach_nm` of each other.

    Pieces on the border of the field are in none.
    """
    chosen = np.flatnonzero(~pieces.border)
    if len(chosen) < 2:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    tree = scipy.spatial.cKDTree(pieces.middle[chosen])
    pairs = tree.query_pairs(reach_nm + float(pieces.length.max()), output_type="ndarray")
    return chosen[pairs[:, 0]], chosen[pairs[:, 1]]


def touching(pieces: Pieces, first: Numbers, second: Numbers) -> bool:
    """Return whether outlines cross, or run along each other with the regions on opposite sides."""
    middle = pieces.middle
    (ax, ay), (bx, by) = middle[first].T, middle[second].T
    reach = (pieces.length[first] + pieces.length[second]) / 2
    close = np.flatnonzero((ax - bx) ** 2 + (ay - by) ** 2 <= reach * reach)
    a, b = first[close], second[close]
    apart = (pieces.previous[a] != b) & (pieces.previous[b] != a)
    a, b = a[apart], b[apart]
    crossed = crossing(pieces.start[a], pieces.end[a], pieces.start[b], pieces.end[b])
    return bool(np.any(crossed | _abutting(pieces, a, b)))


def crossing(start: Floats, end: Floats, other_start: Floats, other_end: Floats) -> Flags:
    """Return which segments (n, 2) cross the other ones, (n,): each has its ends on both sides of the other.

    An end of the first one that is on the other one, to 1e-7 nm, counts as on its left: a line through a vertex crosses
    one of the two segments that meet there, or both or none if they only touch it.
    """
    splits = _side(start, end, other_start) * _side(start, end, other_end) < 0
    rounding = -1e-7 * np.hypot(*(other_end - other_start).T)
    split = (_side(other_start, other_end, start) >= rounding) != (_side(other_start, other_end, end) >= rounding)
    return np.asarray(splits & split)


def _abutting(pieces: Pieces, a: Numbers, b: Numbers) -> Flags:
    """Return which pieces run along each other in opposite directions, over more than a point."""
    opposite = np.sum(pieces.along[a] * pieces.along[b], axis=1) < -1 + 1e-12
    beside = np.abs(np.sum((pieces.start[b] - pieces.start[a]) * pieces.normal[a], axis=1)) < 1e-9
    stop = np.sum((pieces.start[b] - pieces.start[a]) * pieces.along[a], axis=1)
    overlap = np.minimum(stop, pieces.length[a]) - np.maximum(stop - pieces.length[b], 0)
    return np.asarray(opposite & beside & (overlap > BORDER_NM))


def _without_repeats(polygons: Sequence[Floats]) -> tuple[Floats, Numbers, Numbers]:
    """Return vertices, the polygon that each belongs to, and the one that follows each."""
    points, _, following = joined(polygons)
    loop = np.repeat(np.arange(len(polygons)), [len(p) for p in polygons])
    kept = np.any(points != points[following], axis=1)
    if kept.all():
        return points, loop, following
    clean = [points[kept & (loop == k)] for k in range(len(polygons))]
    thin = [k for k, polygon in enumerate(clean) if len(polygon) < 3]
    if thin:
        x, y = polygons[thin[0]][0]
        raise ValueError(f"`outlines` must have at least 3 different vertices, but the one at ({x:g}, {y:g}) has not.")
    return _without_repeats(clean)


def inside(points: Floats, bounds_nm: Box) -> Flags:
    """Return which points (..., 2) are inside of bounds x0, y0, x1, y1, and not on their border."""
    low, high = np.array(bounds_nm[:2]), np.array(bounds_nm[2:])
    return np.asarray(np.all((points > low + BORDER_NM) & (points < high - BORDER_NM), axis=-1))


def _on_border(start: Floats, end: Floats, bounds_nm: Box | None) -> Flags:
    if bounds_nm is None:
        return np.zeros(len(start), np.bool_)
    return ~(inside(start, bounds_nm) | inside(end, bounds_nm))


def _rotated(vectors: Floats, angle: Floats) -> Floats:
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = vectors.T
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)


def _side(start: Floats, end: Floats, point: Floats) -> Floats:
    along, to = end - start, point - start
    return np.asarray(along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0])
