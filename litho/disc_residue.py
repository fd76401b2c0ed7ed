"""What an opening or a closing by a disc would take from a mask or fill in, measured on its outlines, without pixels.

A region opened by a disc is the union of all such discs in it. Each of them that is as far as it can go touches the
outline; so the discs that touch the outline at one of its points, and lie in the region, bound the opened region. How
far a point of the outline is from the nearest of them is the depth of what is taken away there: nothing along a smooth
outline, (sqrt(2) - 1) r at a right angle, the whole width where a line is thinner than the disc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.spatial

from litho.cells import Floats
from litho.outline_pieces import Flags, Numbers, Pieces

FAN = np.radians(10)
"""A vertex that bends away has a disc for each of its directions; they are looked at so far apart."""

_HALVINGS = 16


@dataclass(frozen=True, eq=False)
class Residue:
    """Points of outlines that no disc in the region touches.

    Parameters
    ----------
    points : (n, 2)
        on outlines, nm
    depth : (n,)
        distance from the nearest disc, nm; the diameter where it is more
    centres : (n, 2)
        of the nearest disc; not a number if there is none
    """

    points: Floats
    depth: Floats
    centres: Floats


@dataclass(frozen=True, eq=False)
class _Outline:
    """Outlines along which a touching disc is led, and what it may not cover.

    A place is a piece, and how far behind its middle: 0 there, 1 at its end, 1 to 2 while the normal turns at a vertex
    that bends away, 3 at the middle of the following piece.
    """

    pieces: Pieces
    normal: Floats
    bend: Floats
    following: Numbers
    tree: scipy.spatial.cKDTree
    obstacles: Numbers
    radius: float
    deviation: float

    def centres(self, piece: Numbers, place: Floats) -> Floats:
        """Return centres of the discs that touch outlines at places, (n, 2)."""
        pieces, after = self.pieces, self.following[piece]
        on_next = place > 2
        along = np.where(on_next, (place - 2) / 2, 0.5 + np.minimum(place, 1) / 2)
        owner = np.where(on_next, after, piece)
        point = pieces.start[owner] + (along * pieces.length[owner])[:, None] * pieces.along[owner]
        angle = np.where(on_next, 0.0, np.clip(place - 1, 0, 1) * self.bend[after])
        cos, sin = np.cos(angle), np.sin(angle)
        nx, ny = self.normal[owner].T
        turned = np.stack([cos * nx - sin * ny, sin * nx + cos * ny], axis=1)
        return np.asarray(point + self.radius * turned)

    def fits(self, centres: Floats) -> Flags:
        """Return whether discs cover no outline by more than the deviation, (n,)."""
        pieces = self.pieces
        reach = self.radius + float(pieces.length.max()) / 2
        met = scipy.spatial.cKDTree(centres).sparse_distance_matrix(self.tree, reach, output_type="ndarray")
        disc, piece = met["i"], self.obstacles[met["j"]]
        to = centres[disc] - pieces.start[piece]
        (ux, uy), (tx, ty) = pieces.along[piece].T, to.T
        along = np.clip(tx * ux + ty * uy, 0, pieces.length[piece])
        square = (tx - along * ux) ** 2 + (ty - along * uy) ** 2
        covered = square < (self.radius - self.deviation) ** 2
        good = np.ones(len(centres), np.bool_)
        good[disc[covered]] = False
        return good


def residue(pieces: Pieces, diameter_nm: float, deviation_nm: float, *, outside: bool) -> Residue:
    """Return where an opening by a disc, or outside a closing, would move an outline.

    Parameters
    ----------
    pieces
        of all outlines
    diameter_nm
        of the disc
    deviation_nm
        a disc may cover outlines by as much as this: polygons that stand for smooth outlines are off by so much
    outside
        of the surroundings: a closing of the region
    """
    sign = -1.0 if outside else 1.0
    following = np.empty_like(pieces.previous)
    following[pieces.previous] = np.arange(len(pieces))
    obstacles = np.flatnonzero(~pieces.border)
    if len(obstacles) == 0:
        return Residue(np.empty((0, 2)), np.empty(0), np.empty((0, 2)))
    tree = scipy.spatial.cKDTree(pieces.middle[obstacles])
    # from either side, a vertex bends away where normals spread
    bend = np.where(sign * pieces.turn < 0, pieces.turn, 0.0)
    outline = _Outline(pieces, sign * pieces.normal, bend, following, tree, obstacles, diameter_nm / 2, deviation_nm)
    piece, place = _sources(outline)
    centres = outline.centres(piece, place)
    fits = outline.fits(centres)
    last = _last_that_fit(outline, piece, place, fits)
    return _depths(outline, np.concatenate([centres[fits], last]), piece, fits)


def _sources(outline: _Outline) -> tuple[Numbers, Floats]:
    """Return the places where discs are tried: the middles of pieces, and the directions of sharp vertices."""
    chosen = outline.obstacles
    bend = np.abs(outline.bend[outline.following[chosen]])
    count = np.where(bend > FAN, np.ceil(bend / FAN), 0).astype(np.intp) + 1
    piece = np.repeat(chosen, count)
    number = np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count)
    share = number / np.maximum(np.repeat(count, count), 1)
    return piece, np.where(number > 0, 1 + share, 0.0)


def _last_that_fit(outline: _Outline, piece: Numbers, place: Floats, fits: Flags) -> Floats:
    """Return centres of the last discs that fit, where the outline goes from ones that do to ones that do not."""
    after = _next_source(outline, piece, place)
    change = np.flatnonzero((fits != fits[after]) & (after >= 0))
    end = np.where(piece[after] == piece, place[after], 3.0)
    good = np.where(fits, place, end)[change]
    bad = np.where(fits, end, place)[change]
    owner = piece[change]
    if len(owner) == 0:
        return np.empty((0, 2))
    for _ in range(_HALVINGS):
        middle = (good + bad) / 2
        fit = outline.fits(outline.centres(owner, middle))
        good, bad = np.where(fit, middle, good), np.where(fit, bad, middle)
    return outline.centres(owner, good)


def _next_source(outline: _Outline, piece: Numbers, place: Floats) -> Numbers:
    """Return the number of the source that follows each along the outline, or -1 at the border of the field."""
    first = np.full(len(outline.pieces), -1)
    middles = np.flatnonzero(place == 0)
    first[piece[middles]] = middles
    same = np.append(piece[1:] == piece[:-1], False)
    return np.where(same, np.arange(1, len(piece) + 1), first[outline.following[piece]])


def _depths(outline: _Outline, centres: Floats, piece: Numbers, fits: Flags) -> Residue:
    """Return how far the outline is from the discs, at vertices and middles of pieces whose own disc does not fit."""
    pieces, diameter = outline.pieces, 2 * outline.radius
    off = np.unique(piece[~fits])
    points = np.concatenate([pieces.start[off], pieces.middle[off], pieces.end[off]])
    if len(centres) == 0 or len(points) == 0:
        return Residue(points, np.full(len(points), diameter), np.full(points.shape, np.nan))
    distance, nearest = scipy.spatial.cKDTree(centres).query(points)
    depth = np.clip(distance - outline.radius, 0.0, diameter)
    return Residue(points, depth, centres[nearest])
