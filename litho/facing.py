"""Where two stretches of outline face each other over less than a length: local thickness, exact on segments.

The measure is the diameter of the disc that lies on the inner side of both, touches both, and whose radii to the two
points of contact enclose more than 180 degrees less the angle of a taper. Between parallel edges it is their distance;
two edges that enclose an angle a touch a disc at equal distances s from the point where they meet, of diameter
2 s tan(a / 2). Along straight edges it is smallest where one of them ends, or where the two points of contact are as
near to each other as any: all of these are looked at, so that the smallest diameter is exact, not sampled. On smooth
outlines, given by vertices on them, discs touch the middles of pieces, and are exact to the deviation of the polygon.

On the inner side of an outline a disc touches either the inside of a piece, or a vertex that bends away from it; such
a vertex has all directions between the normals of its two pieces. Two points of contact have to see each other: no
other outline may be between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import scipy.spatial

from litho.cells import Floats
from litho.outline_pieces import Flags, Numbers, Pieces, crossing

ROUNDING = 1e-7
"""Lengths in nm, and angles, less than this are zero: coordinates of a millimetre are known to 1e-10."""

_CONE = 1e-12  # of a cosine: directions are known to 1.4e-6

CORNER_TURN = math.radians(30)
"""A vertex that turns by more is a corner; by less, a part of a smooth outline."""


@dataclass(frozen=True, eq=False)
class Facing:
    """Pairs of points that face each other.

    Parameters
    ----------
    first, second : (n, 2)
        points of contact, nm
    diameter : (n,)
        of the disc that touches there, nm
    first_piece, second_piece : (n,) int
        piece on which each lies, or which starts there
    corners : (n,) bool
        whether both are corners, and neither of their edges faces the other
    """

    first: Floats
    second: Floats
    diameter: Floats
    first_piece: Numbers
    second_piece: Numbers
    corners: Flags

    def __len__(self) -> int:
        return len(self.diameter)

    def chosen(self, which: Flags | Numbers) -> Facing:
        """Return some of the pairs."""
        return Facing(*(getattr(self, f.name)[which] for f in fields(self)))


@dataclass(frozen=True, eq=False)
class _Side:
    """Pieces as seen from one side: normals and bisectors point there.

    Vertices, at the starts of pieces, are `reflex` where they bend away from it, and a `corner` where they point away
    from it and are sharp.
    """

    pieces: Pieces
    normal: Floats
    bisector: Floats
    reflex: Flags
    corner: Flags
    following: Numbers
    half_turn: Floats
    taper: float

    def in_cone(self, vertex: Numbers, direction: Floats) -> Flags:
        """Return whether unit vectors lie between the normals at vertices, the starts of pieces."""
        return np.asarray(_dot(self.bisector[vertex], direction) >= np.cos(self.half_turn[vertex]) - _CONE)


def may_face(pieces: Pieces, pairs: tuple[Numbers, Numbers], taper_deg: float) -> tuple[Numbers, Numbers]:
    """Return, both ways round, those pairs of pieces whose normals, or those at their starts, may be opposite."""
    first, second = pairs
    turn = np.abs(pieces.turn)
    spread = np.minimum(math.radians(taper_deg) + turn[first] + turn[second] + ROUNDING, math.pi)
    keep = _dot(pieces.normal[first], pieces.normal[second]) <= -np.cos(spread)
    return np.concatenate([first[keep], second[keep]]), np.concatenate([second[keep], first[keep]])


def facing_pairs(
    pieces: Pieces, near: tuple[Numbers, Numbers], limit_nm: float, taper_deg: float, *, outside: bool
) -> Facing:
    """Return where outlines face each other over less than a length.

    Parameters
    ----------
    pieces
        of all outlines
    near
        pairs of pieces that `may_face`, both ways round, with all that have points within `limit_nm` of each other
    limit_nm
        diameters below this are returned
    taper_deg
        edges that enclose less than this angle face each other, up to the point where they meet
    outside
        over the surroundings, rather than over the region
    """
    sign = -1.0 if outside else 1.0
    following = np.empty_like(pieces.previous)
    following[pieces.previous] = np.arange(len(pieces))
    side = _Side(
        pieces=pieces,
        normal=sign * pieces.normal,
        bisector=sign * pieces.bisector,
        reflex=(sign * pieces.turn < -ROUNDING) & ~pieces.cut_off,
        corner=sign * pieces.turn > CORNER_TURN,
        following=following,
        half_turn=np.abs(pieces.turn) / 2,
        taper=math.radians(taper_deg),
    )
    first, second = near
    at_vertex = side.reflex[second]
    vertex_pairs = first[at_vertex], second[at_vertex]
    found = [
        *_edge_to_edge(side, first, second, limit_nm),
        *_edge_to_vertex(side, *vertex_pairs, limit_nm),
        _vertex_to_vertex(side, *vertex_pairs, limit_nm),
    ]
    return _in_sight(pieces, _joined(found))


def _edge_to_edge(side: _Side, first: Numbers, second: Numbers, limit_nm: float) -> list[Facing]:
    """Return discs that touch a piece at one of its `_sources`, and another one at any point of it."""
    cosine = _dot(side.normal[first], side.normal[second])
    keep = cosine < -math.cos(side.taper) - ROUNDING
    first, second, cosine = first[keep], second[keep], cosine[keep]
    pieces, found = side.pieces, []
    for point, usable in _sources(side, first):
        own, other = side.normal[first], side.normal[second]
        height = _dot(point - pieces.start[second], other)
        diameter = 2 * height / (1 - cosine)
        foot = point + (own - other) * (diameter / 2)[:, None]
        share = _dot(foot - pieces.start[second], pieces.along[second])
        # neighbours meet at the tip of a wedge, where they face each other across it
        tip = (pieces.previous[second] == first) | (pieces.previous[first] == second)
        good = usable & ((height > ROUNDING) | tip) & (height > -ROUNDING)
        good &= (diameter < limit_nm) & _within(share, pieces.length[second])
        found.append(_facing(good, point, foot, np.maximum(diameter, 0.0), first, second))
    return found


def _sources(side: _Side, edge: Numbers) -> list[tuple[Floats, Flags]]:
    """Return points of pieces that discs are made to touch, (n, 2), and where that is of use.

    The middles: on a smooth outline the normal is known there. And the ends, where they are corners that point away:
    there the outline ends as far as a disc can tell.
    """
    pieces = side.pieces
    after = side.following[edge]
    everywhere = np.ones(len(edge), np.bool_)
    return [
        (pieces.start[edge], side.corner[edge]),
        ((pieces.start[edge] + pieces.end[edge]) / 2, everywhere),
        (pieces.end[edge], side.corner[after]),
    ]


def _edge_to_vertex(side: _Side, edge: Numbers, vertex: Numbers, limit_nm: float) -> list[Facing]:
    """Return discs that touch a vertex and a piece: right below it, or at one of the piece's `_sources`."""
    spread = np.minimum(side.taper + side.half_turn[vertex], math.pi)
    keep = _dot(side.normal[edge], side.bisector[vertex]) <= -np.cos(spread)
    edge, vertex = edge[keep], vertex[keep]
    pieces, normal = side.pieces, side.normal[edge]
    corner = pieces.start[vertex]
    height = _dot(corner - pieces.start[edge], normal)
    share = _dot(corner - pieces.start[edge], pieces.along[edge])
    good = (height > -ROUNDING) & (height < limit_nm) & _within(share, pieces.length[edge])
    good &= side.in_cone(vertex, -normal)
    # a vertex on a vertex is left to `_vertex_to_vertex`
    ends = (share <= ROUNDING) & side.reflex[edge]
    ends |= (share >= pieces.length[edge] - ROUNDING) & side.reflex[side.following[edge]]
    good &= ~(ends & (height <= ROUNDING))
    foot = corner - height[:, None] * normal
    found = [_facing(good, foot, corner, np.maximum(height, 0.0), edge, vertex)]
    sharp = 2 * side.half_turn[vertex] > CORNER_TURN
    for number, (point, usable) in enumerate(_sources(side, edge)):
        if number == 1:  # beyond the end of an edge, it is the end that a corner is near to
            usable = ~sharp
        to = corner - point
        height, distance = _dot(to, normal), np.hypot(*to.T)
        keep = usable & (height > ROUNDING) & (height > math.cos(side.taper / 2) * distance)
        diameter = distance**2 / np.where(keep, height, np.inf)
        centre = normal * (diameter / 2)[:, None] - to
        good = keep & (diameter < limit_nm)
        good &= side.in_cone(vertex, centre / np.maximum(np.hypot(*centre.T), ROUNDING)[:, None])
        found.append(_facing(good, point, corner, diameter, edge, vertex))
    return found


def _vertex_to_vertex(side: _Side, first: Numbers, second: Numbers, limit_nm: float) -> Facing:
    """Return discs whose diameter is the line between two vertices."""
    keep = side.reflex[first] & (first < second)
    first, second = first[keep], second[keep]
    pieces = side.pieces
    to = pieces.start[second] - pieces.start[first]
    distance = np.hypot(*to.T)
    keep = distance < limit_nm
    first, second, to, distance = first[keep], second[keep], to[keep], distance[keep]
    way = to / np.maximum(distance, 1e-300)[:, None]
    met = distance <= ROUNDING  # where corners touch there is no direction
    good = met | (side.in_cone(first, way) & side.in_cone(second, -way))
    corners = _is_corner(side, first, way) & _is_corner(side, second, -way)
    found = _facing(good, pieces.start[first], pieces.start[second], distance, first, second)
    return replace(found, corners=(corners | met)[good])


def _is_corner(side: _Side, vertex: Numbers, way: Floats) -> Flags:
    """Return whether vertices are corners that no edge of theirs comes nearer than, in a direction."""
    inside = _dot(side.bisector[vertex], way) > np.cos(side.half_turn[vertex]) + ROUNDING
    return np.asarray(inside & (2 * side.half_turn[vertex] > CORNER_TURN))


def _in_sight(pieces: Pieces, pairs: Facing) -> Facing:
    """Return for each piece and each outline that it faces the least distance without an outline in between."""
    loop = pieces.loop[pairs.second_piece]
    order = np.lexsort((pairs.diameter, pairs.corners, loop, pairs.first_piece))
    key = np.stack([pairs.first_piece, loop, pairs.corners])[:, order]
    first = np.flatnonzero(np.append(True, np.any(key[:, 1:] != key[:, :-1], axis=0)))[: len(order)]
    stop = np.append(first[1:], len(order))
    tree, chosen = scipy.spatial.cKDTree(pieces.middle), []
    while len(first):
        clear = _clear(pieces, tree, pairs.chosen(order[first]))
        chosen.append(order[first[clear]])
        first, stop = first[~clear] + 1, stop[~clear]
        first, stop = first[first < stop], stop[first < stop]
    return pairs.chosen(np.concatenate([*chosen, np.empty(0, np.intp)]))


def _clear(pieces: Pieces, tree: scipy.spatial.cKDTree, pairs: Facing) -> Flags:
    """Return for which pairs no outline is between the two points."""
    to = pairs.second - pairs.first
    start, end = pairs.first + 1e-6 * to, pairs.second - 1e-6 * to  # the ends stand on outlines
    reach = (float(pairs.diameter.max()) + float(pieces.length.max())) / 2 + ROUNDING
    lines = scipy.spatial.cKDTree((pairs.first + pairs.second) / 2)
    met = lines.sparse_distance_matrix(tree, reach, output_type="ndarray")
    pair, piece = met["i"], met["j"]
    near = met["v"] <= (pairs.diameter[pair] + pieces.length[piece]) / 2 + ROUNDING
    pair, piece = pair[near], piece[near]
    blocked = crossing(pieces.start[piece], pieces.end[piece], start[pair], end[pair])
    clear = np.ones(len(pairs), np.bool_)
    clear[pair[blocked]] = False
    return clear


def _facing(good: Flags, first: Floats, second: Floats, diameter: Floats, one: Numbers, other: Numbers) -> Facing:
    return Facing(
        first[good], second[good], diameter[good], one[good], other[good], np.zeros(int(good.sum()), np.bool_)
    )


def _joined(found: list[Facing]) -> Facing:
    return Facing(*(np.concatenate([getattr(one, f.name) for one in found]) for f in fields(Facing)))


def _within(share: Floats, length: Floats) -> Flags:
    return np.asarray((share >= -ROUNDING) & (share <= length + ROUNDING))


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1])
