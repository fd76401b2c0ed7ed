"""How far fragments may move so that a mask keeps its rules of width and space, and what is done where it does not.

Two edges that face each other share the room between them: each takes half of what the rule leaves. Corners that come
near each other across a diagonal, and notches that fragments leave beside each other, are found on the moved mask, by
an opening and a closing with a square, and moved back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import gdstk
import numpy as np
import scipy.spatial

from litho.cells import Floats
from litho.edge_moves import moved_outlines, moved_vertices, moving_edges, plain
from litho.fragments import Bits, Fragments, Numbers
from litho.outlines import united, with_holes
from litho.polygons import RESOLUTION
from litho.raster import polygon_area_nm2

SAMPLE_NM = 8.0
"""Largest distance of the points of a fragment from which room is measured."""

ALONG = 1e-3
"""How far from its ends a piece is looked at, as a share of its length; and the smallest turn of an outward corner."""

PAIRS = 2**21
"""Pairs of points and pieces that are looked at at a time."""

SLACK_NM = 1e-3
"""A width that misses its rule by less keeps it."""

ROUNDS = 60
"""Attempts to move fragments back; each moves them by one unit of the mask's grid."""


@dataclass(frozen=True)
class MoveRules:
    """What moves have to keep.

    Parameters
    ----------
    min_width_nm, min_space_nm
        of the mask
    inwards_nm, outwards_nm
        largest moves
    dbu_nm
        moves are multiples of this
    least_jog_nm
        jogs up to this are taken away: the fragments beside them move as one
    """

    min_width_nm: float = 20.0
    min_space_nm: float = 20.0
    inwards_nm: float = 30.0
    outwards_nm: float = 45.0
    dbu_nm: float = 1.0
    least_jog_nm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("min_width_nm", "min_space_nm", "inwards_nm", "outwards_nm", "dbu_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {value}.")
        if not (math.isfinite(self.least_jog_nm) and self.least_jog_nm >= 0):
            raise ValueError(f"`least_jog_nm` must be at least 0, but got {self.least_jog_nm}.")


def move_limits(fragments: Fragments, rules: MoveRules = MoveRules(), refuse: bool = True) -> tuple[Floats, Floats]:
    """Return the smallest and the largest move of each fragment, (m,) each.

    Parameters
    ----------
    fragments
        of the target, and of assist features if there are any
    rules
        see `MoveRules`
    refuse
        whether what breaks a rule by itself is refused; if not, its edges keep from where it would be broken further

    Raises
    ------
    ValueError
        if `refuse`, where what they are fragments of itself breaks a rule, with the place
    """
    widths, spaces = _rooms(fragments, rules)
    for name, rooms, least in (("width", widths, rules.min_width_nm), ("space", spaces, rules.min_space_nm)):
        worst = int(np.argmin(rooms))
        if refuse and rooms[worst] < least - SLACK_NM:
            x, y = fragments.sites.points_nm[worst]
            raise ValueError(
                f"`polygons` must keep a {name} of {least:g} nm, but it is {rooms[worst]:g} nm at ({x:g}, {y:g}) nm."
            )
    low = -np.minimum(rules.inwards_nm, np.maximum(widths - rules.min_width_nm, 0.0) / 2)
    high = np.minimum(rules.outwards_nm, np.maximum(spaces - rules.min_space_nm, 0.0) / 2)
    unit = rules.dbu_nm
    low, high = np.ceil(low / unit - 1e-9) * unit, np.floor(high / unit + 1e-9) * unit
    return np.where(fragments.fixed, 0.0, low), np.where(fragments.fixed, 0.0, high)


def snapped(moves_nm: Floats, fragments: Fragments, limits: tuple[Floats, Floats], rules: MoveRules) -> Floats:
    """Return moves as multiples of `rules.dbu_nm`, within limits, without jogs up to `rules.least_jog_nm`."""
    moves = np.clip(moves_nm, *limits)
    group = np.arange(len(moves))
    jogs = fragments.jogs
    for a, b in jogs[np.argsort(np.abs(moves[jogs[:, 0]] - moves[jogs[:, 1]]), kind="stable")].tolist():
        both = (group == group[a]) | (group == group[b])
        if np.ptp(moves_nm[both]) <= rules.least_jog_nm:
            group[both] = group[a]
    lengths = fragments.lengths_nm
    for number in np.unique(group):
        chosen = group == number
        moves[chosen] = np.average(moves[chosen], weights=lengths[chosen])
    # equal moves that rounding errors tell apart become equal multiples
    unit = rules.dbu_nm
    return np.asarray(np.clip(np.round(np.round(moves / unit, 6)) * unit, *limits))


@dataclass(frozen=True, eq=False)
class Kept:
    """Moves (m,) nm that keep the rules, and places (n, 2) nm where they still do not."""

    moves_nm: Floats
    broken_nm: Floats


def kept(moves_nm: Floats, fragments: Fragments, limits: tuple[Floats, Floats], rules: MoveRules) -> Kept:
    """Return moves after what breaks a rule was moved back, step by step.

    Parameters
    ----------
    moves_nm : (m,) real
        see `snapped`
    fragments, limits, rules
        as given to `move_limits` and by it
    """
    moves = np.array(moves_nm, dtype=np.float64)
    broken: list[tuple[int, Floats]] = []
    for _ in range(ROUNDS):
        broken = broken_rules(moved_outlines(fragments, moves), rules)
        change = np.zeros(len(moves))
        for sign, residue in broken:
            change[_beside(residue, moves, fragments)] = sign * rules.dbu_nm
        trial = np.clip(moves + change, *limits)
        if not broken or np.array_equal(trial, moves):
            break
        moves = trial
    places = [residue.mean(axis=0) for _, residue in broken]
    return Kept(moves, np.array(places).reshape(-1, 2))


def broken_rules(outlines: Sequence[Floats], rules: MoveRules) -> list[tuple[int, Floats]]:
    """Return where outlines break the rules of width (1) and space (-1): that sign and a polygon each.

    A right-angled width or space is told from one in the rule to `SLACK_NM`; corners of other angles count as broken
    only where they are narrow for longer than the rule.
    """
    mask = [gdstk.Polygon(p.tolist()) for p in united(outlines)]
    found = []
    for sign, least in ((1, rules.min_width_nm), (-1, rules.min_space_nm)):
        half = sign * (least / 2 - SLACK_NM)
        inner = gdstk.offset(mask, -half, "miter", 4, RESOLUTION, use_union=True)
        again = gdstk.offset(inner, half, "miter", 4, RESOLUTION, use_union=True)
        a, b = (mask, again) if sign > 0 else (again, mask)
        for part in gdstk.boolean(a, b, "not", RESOLUTION):
            if part.area() > SLACK_NM * least:
                found.append((sign, np.asarray(part.points)))
    found += [(-1, shape) for shape in _overlaps(outlines)]
    return found + _near_corners([plain(loop) for loop in outlines], rules)


def _near_corners(loops: Sequence[Floats], rules: MoveRules) -> list[tuple[int, Floats]]:
    """Return where corners come too near each other across a diagonal: outward ones a space, inward ones a width.

    A square passes between them; that their edges do not face each other is what makes it a diagonal.
    """
    if not loops:
        return []
    corner = np.concatenate(loops)
    out = np.concatenate([np.roll(loop, -1, axis=0) - loop for loop in loops])
    into = np.concatenate([loop - np.roll(loop, 1, axis=0) for loop in loops])
    turn = into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0]
    sides = np.stack([into, out], axis=1) / np.hypot(*np.stack([into, out], axis=1).T).T[..., None]
    normals = np.stack([sides[..., 1], -sides[..., 0]], axis=-1)  # (corners, 2 edges, 2)
    tree = scipy.spatial.cKDTree(corner)
    found = []
    for sign, least in ((-1, rules.min_space_nm), (1, rules.min_width_nm)):
        for a, b in sorted(tree.query_pairs(least - SLACK_NM)):
            way = -sign * (corner[b] - corner[a])
            if (np.sign(turn[[a, b]]) == -sign).all() and min((normals[a] @ way).min(), (normals[b] @ -way).min()) > 0:
                low, high = np.minimum(corner[a], corner[b]), np.maximum(corner[a], corner[b])
                found.append((sign, np.array([low, (high[0], low[1]), high, (low[0], high[1])])))
    return found


def _overlaps(outlines: Sequence[Floats]) -> list[Floats]:
    """Return where shapes that were apart lie over each other."""
    parts = with_holes(outlines)
    shapes = [gdstk.Polygon(p.tolist()) for p in parts]
    low, high = (np.array([f(p, axis=0) for p in parts]).reshape(-1, 2) for f in (np.min, np.max))
    meets = np.all((low[:, None] < high[None]) & (low[None] < high[:, None]), axis=2)
    found: list[Floats] = []
    for a, b in np.argwhere(np.triu(meets, 1)).tolist():
        found += [np.asarray(p.points) for p in gdstk.boolean(shapes[a], shapes[b], "and", RESOLUTION)]
    return [shape for shape in found if abs(polygon_area_nm2(shape)) > SLACK_NM]


def _rooms(fragments: Fragments, rules: MoveRules) -> tuple[Floats, Floats]:
    """Return the smallest width behind and space before each fragment, (m,) each; infinite where nothing is near."""
    points, piece, beyond = _samples(fragments, rules.min_space_nm)
    reach = 2 * max(rules.inwards_nm, rules.outwards_nm) + max(rules.min_width_nm, rules.min_space_nm) + 1
    least = np.full((2, len(fragments)), np.inf)
    step = max(1, PAIRS // len(fragments.starts))
    for first in range(0, len(points), step):
        part = slice(first, first + step)
        along = _meetings(points[part], piece[part], fragments)
        along[np.abs(along) > reach] = 0.0
        owner = fragments.mover[piece[part]]
        widths = np.where(along < 0, -along, np.inf).min(axis=1)
        spaces = np.where(along > 0, along, np.inf).min(axis=1)
        np.minimum.at(least[0], owner[~beyond[part]], widths[~beyond[part]])
        np.minimum.at(least[1], owner, spaces)
    return least[0], least[1]


def _meetings(points: Floats, piece: Numbers, fragments: Fragments) -> Floats:
    """Return how far along the normal of its piece each point meets each piece, (points, pieces): 0 where never.

    Edges that meet in a corner do not face each other, whatever its angle.
    """
    ways = fragments.normals[piece]
    sides = fragments.ends - fragments.starts
    gaps = fragments.starts[None] - points[:, None]
    cross = ways[:, None, 0] * sides[None, :, 1] - ways[:, None, 1] * sides[None, :, 0]
    safe = np.where(np.abs(cross) > 1e-9 * np.hypot(*sides.T), cross, np.inf)
    along = (gaps[..., 0] * sides[None, :, 1] - gaps[..., 1] * sides[None, :, 0]) / safe
    share = (gaps[..., 0] * ways[:, None, 1] - gaps[..., 1] * ways[:, None, 0]) / safe
    found = np.where((share >= 0) & (share <= 1), along, 0.0)
    side, before, after = _sides(fragments)
    for neighbour in (side, before, after):
        found[neighbour[piece][:, None] == side[None]] = 0.0
    return found


def _sides(fragments: Fragments) -> tuple[Numbers, Numbers, Numbers]:
    """Return the straight edge that each piece belongs to, and the edges before and after that one."""
    ways = fragments.ends - fragments.starts
    ways = ways / np.hypot(*ways.T)[:, None]
    into = ways[fragments.before]
    turns = np.abs(into[:, 0] * ways[:, 1] - into[:, 1] * ways[:, 0]) > ALONG**2
    turns[np.cumsum(fragments.counts) - fragments.counts] = True  # a loop begins with a corner
    side = np.cumsum(turns) - 1
    first = np.flatnonzero(turns)
    earlier = side[fragments.before[first]]
    later = np.empty(len(first), np.int64)
    later[earlier] = np.arange(len(first))
    return side, earlier[side], later[side]


def _samples(fragments: Fragments, reach_nm: float) -> tuple[Floats, Numbers, Bits]:
    """Return points on pieces, and beyond their ends at outward corners: points, piece, and which are beyond."""
    every, sides = fragments.normals, fragments.ends - fragments.starts
    lengths = np.hypot(*sides.T)
    ways = sides / lengths[:, None]
    before, after = fragments.before, np.empty(len(every), np.int64)
    after[before] = np.arange(len(every))
    convex = fragments.corner & ((every[before] * ways).sum(axis=1) < -ALONG)
    steps = np.linspace(0, reach_nm, math.ceil(reach_nm / SAMPLE_NM) + 1)[1:]
    along = []
    for length, left, right in zip(lengths.tolist(), convex.tolist(), convex[after].tolist(), strict=True):
        on = np.linspace(0, length, max(2, math.ceil(length / SAMPLE_NM) + 1))
        on[0], on[-1] = ALONG * length, (1 - ALONG) * length
        along.append(np.concatenate([-steps if left else steps[:0], on, length + steps if right else steps[:0]]))
    piece = np.repeat(np.arange(len(every)), [len(a) for a in along])
    at = np.concatenate(along)
    points = fragments.starts[piece] + at[:, None] * ways[piece]
    return points, piece, (at < 0) | (at > lengths[piece])


def _beside(residue: Floats, moves: Floats, fragments: Fragments) -> Numbers:
    """Return the fragments that have an edge on the outline of a residue."""
    edges = moving_edges(fragments)
    vertices = moved_vertices(moves, edges)
    start, end = vertices[edges.first], vertices[edges.last]
    low, high = residue.min(axis=0) - 2 * SLACK_NM, residue.max(axis=0) + 2 * SLACK_NM
    near = (np.maximum(start, end) >= low).all(axis=1) & (np.minimum(start, end) <= high).all(axis=1)
    return np.unique(fragments.mover[near])
