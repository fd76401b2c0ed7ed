"""Edges of a target cut into fragments that move along their normals, and the mask that moved fragments make.

    fragments = fragmented(polygons, FragmentSettings(), grid)
    mask = moved_outlines(fragments, moves_nm)

Every piece of an edge moves parallel to itself. At a corner the moved lines meet; elsewhere a jog along the bisector
joins them. Each vertex is then linear in the moves, each edge of the mask is a moved piece or a jog along which its
ends slide, and moving a piece changes the mask's area by the strip along that piece alone: derivatives are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.edge_placement import BORDER_NM, TargetSites, on_border
from litho.grid import Grid
from litho.outlines import outlines, tiled, united

Numbers = NDArray[np.int64]
Bits = NDArray[np.bool_]

RUN, CONVEX, CONCAVE, LINE_END = range(4)
"""Kinds of fragments: along an edge, beside a corner that points out or in, across the end of a line."""

SHARP_DEG = 30.0
"""Vertices that turn by less are no corners: fragments beside them move as neighbours on one edge do."""


@dataclass(frozen=True)
class FragmentSettings:
    """How edges are cut.

    Parameters
    ----------
    corner_nm
        length of the fragments beside a corner
    run_nm
        largest length of the others
    single_nm
        edges up to this length are one fragment; those between two outward corners are line ends
    shortest_nm
        fragments are not shorter than this unless their edge is
    cut_nm
        edges are cut at multiples of this from their nearer end: symmetric but for a cut at the very middle
    """

    corner_nm: float = 35.0
    run_nm: float = 45.0
    single_nm: float = 80.0
    shortest_nm: float = 25.0
    cut_nm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("corner_nm", "run_nm", "single_nm", "shortest_nm", "cut_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {value}.")


@dataclass(frozen=True)
class CutLines:
    """Lines along the axes that cut long edges, so that windows which see different parts of an edge cut it alike.

    Parameters
    ----------
    x_nm, y_nm
        rising; edges nearer to the x axis are cut where they cross lines of constant x, others by those of constant y
    longest_nm
        edges up to this length are cut in equal parts, unless the field cuts them
    """

    x_nm: tuple[float, ...]
    y_nm: tuple[float, ...]
    longest_nm: float

    def cell(self, points_nm: Floats) -> Numbers:
        """Return between which lines points (n, 2) lie, (n, 2)."""
        rounded = np.round(points_nm, 6)  # what is on a line stays on one side of it, whatever the window
        sides = [np.searchsorted(at, rounded[:, axis], side="right") for axis, at in enumerate((self.x_nm, self.y_nm))]
        return np.stack(sides, axis=1)


@dataclass(frozen=True, eq=False)
class Fragments:
    """Pieces of the outlines of a target, loop by loop; made by `fragmented`.

    Parameters
    ----------
    starts, ends : (n, 2) real
        of each piece, (x, y) in layout nm; the shape lies to its left
    mover : (n,) int
        number of the fragment that each piece belongs to: short edges of a curve move as one
    counts
        pieces of each loop
    corner : (n,) bool
        whether the vertex at a piece's start is a corner
    kinds : (m,) int
        of each fragment: RUN, CONVEX, CONCAVE or LINE_END
    fixed : (m,) bool
        fragments on the border of the field, which do not move
    sites
        one control site per fragment
    """

    starts: Floats
    ends: Floats
    mover: Numbers
    counts: tuple[int, ...]
    corner: Bits
    kinds: Numbers
    fixed: Bits
    sites: TargetSites

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def normals(self) -> Floats:
        """Unit vectors out of the shape, one per piece (n, 2)."""
        side = self.ends - self.starts
        return np.asarray(np.stack([side[:, 1], -side[:, 0]], axis=1) / np.hypot(*side.T)[:, None])

    @property
    def lengths_nm(self) -> Floats:
        """Length of each fragment, (m,)."""
        return np.asarray(np.bincount(self.mover, np.hypot(*(self.ends - self.starts).T), len(self)), np.float64)

    @property
    def before(self) -> Numbers:
        """The piece before each one, around its loop."""
        stops = np.cumsum(self.counts)
        result = np.arange(-1, len(self.starts) - 1)
        result[np.concatenate([[0], stops[:-1]])] = stops - 1
        return result

    @property
    def jogs(self) -> Numbers:
        """Pairs of fragments (k, 2) that are neighbours without a corner between them."""
        pairs = np.stack([self.mover[self.before], self.mover], axis=1)
        return np.asarray(pairs[~self.corner & (pairs[:, 0] != pairs[:, 1])])


def fragmented(
    polygons: Sequence[Floats],
    settings: FragmentSettings = FragmentSettings(),
    grid: Grid | None = None,
    lines: CutLines | None = None,
) -> Fragments:
    """Cut the outlines of a target into fragments.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise, holes clockwise; they may overlap or abut
    settings
        see `FragmentSettings`
    grid
        a periodic field: shapes that meet across its border are one, and edges on the border do not move
    lines
        of a field that is a window of a layout; needs `grid`
    """
    region = united(polygons) if grid is None else tiled(polygons, grid, 0.0)
    loops = outlines(region)
    if not loops:
        raise ValueError("`polygons` must hold at least one shape, but got none.")
    return joined_fragments([_of_loop(loop, settings, grid, lines) for loop in loops])


def joined_fragments(parts: Sequence[Fragments]) -> Fragments:
    """Return the fragments of several sets as one, those of the first set first."""
    firsts = np.cumsum([0, *(len(part) for part in parts)])
    sites = [part.sites for part in parts]
    return Fragments(
        starts=np.concatenate([part.starts for part in parts]),
        ends=np.concatenate([part.ends for part in parts]),
        mover=np.concatenate([part.mover + first for part, first in zip(parts, firsts, strict=False)]),
        counts=tuple(count for part in parts for count in part.counts),
        corner=np.concatenate([part.corner for part in parts]),
        kinds=np.concatenate([part.kinds for part in parts]),
        fixed=np.concatenate([part.fixed for part in parts]),
        sites=TargetSites(np.concatenate([s.points_nm for s in sites]), np.concatenate([s.normals for s in sites])),
    )


def _of_loop(loop: Floats, settings: FragmentSettings, grid: Grid | None, lines: CutLines | None = None) -> Fragments:
    """Return the fragments of one closed line."""
    turn = _turns(loop)
    first = int(np.argmax(np.abs(turn)))  # a loop starts at its sharpest vertex, so that no chain runs across its seam
    if lines is not None:
        first = _sharpest_vertex(loop, turn)
    loop, turn = np.roll(loop, -first, axis=0), np.roll(turn, -first)
    sharp = np.abs(turn) > math.radians(SHARP_DEG)
    edges = _edges(loop, sharp)
    cuts = [_cuts(a, settings) if lines is None else _cuts_at_lines(a, settings, grid, lines) for a in edges]
    following = np.roll(loop, -1, axis=0)
    starts, ends = [], []
    for here, there, cut in zip(loop, following, cuts, strict=True):
        points = here + np.array(cut)[:, None] * ((there - here) / math.hypot(*(there - here)))
        points[0], points[-1] = here, there
        starts.append(points[:-1])
        ends.append(points[1:])
    pieces = np.concatenate(starts), np.concatenate(ends)
    natural = np.zeros(len(pieces[0]), bool)
    natural[np.cumsum([0, *(len(part) for part in starts[:-1])])] = True
    turns = np.zeros(len(natural))
    turns[natural] = np.where(sharp, turn, 0.0)
    chained = natural & (turns == 0)
    joins = None if lines is None else _joined_in_cells(pieces, chained, lines)
    if joins is None:
        return _described(pieces, _movers(pieces, chained, settings), turns, settings, grid)
    first = int(np.argmin(joins))  # where a fragment begins
    pieces = np.roll(pieces[0], -first, axis=0), np.roll(pieces[1], -first, axis=0)
    turns, joins = np.roll(turns, -first), np.roll(joins, -first)
    return _described(pieces, np.cumsum(~joins) - 1, turns, settings, grid)


def _sharpest_vertex(loop: Floats, turn: Floats) -> int:
    """Return the sharpest vertex of a loop; of several the one at the smallest coordinates."""
    sharpest = np.round(np.abs(turn), 9)
    among = np.flatnonzero(sharpest == sharpest.max())
    return int(among[np.lexsort(np.round(loop[among], 6).T[::-1])[0]])


def _joined_in_cells(pieces: tuple[Floats, Floats], chained: Bits, lines: CutLines) -> Bits | None:
    """Return which pieces move with the one before: in a blunt vertex, and in one cell; None for the smallest loops.

    What is joined depends on nothing farther away, unlike lengths that add up along a chain.
    """
    cell = lines.cell((pieces[0] + pieces[1]) / 2)
    joins = chained & (cell == np.roll(cell, 1, axis=0)).all(axis=1)
    return None if np.count_nonzero(~joins) < 3 else joins


def _turns(loop: Floats) -> Floats:
    """Return by how much a closed line turns to the left at each vertex, rad."""
    out = np.roll(loop, -1, axis=0) - loop
    into = np.roll(out, 1, axis=0)
    return np.asarray(np.arctan2(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0], (into * out).sum(axis=1)))


@dataclass(frozen=True, eq=False)
class _Edge:
    start: Floats
    end: Floats
    sharp: tuple[bool, bool]

    @property
    def length(self) -> float:
        """In nm; rounding errors of where the edge lies are left out."""
        return round(math.hypot(*(self.end - self.start)), 6)


def _edges(loop: Floats, sharp: Bits) -> list[_Edge]:
    following, ends = np.roll(loop, -1, axis=0), np.roll(sharp, -1)
    return [_Edge(a, b, (bool(c), bool(d))) for a, b, c, d in zip(loop, following, sharp, ends, strict=True)]


def _cuts(edge: _Edge, settings: FragmentSettings) -> list[float]:
    """Return where an edge is cut, in nm from its start: 0, ..., its length."""
    if edge.length <= settings.single_nm:
        return [0.0, edge.length]
    left, right = (settings.corner_nm if is_sharp else 0.0 for is_sharp in edge.sharp)
    middle = edge.length - left - right
    if middle < settings.shortest_nm and left + right > 0:  # shorter pieces beside corners, or one in all
        share = (edge.length - settings.shortest_nm) / (left + right)
        if share * settings.corner_nm < settings.shortest_nm:
            return [0.0, edge.length]
        left, right = share * left, share * right
        middle = edge.length - left - right
    count = max(1, math.ceil(middle / settings.run_nm - 1e-9))
    inner = left + middle / count * np.arange(count + 1)
    inner = inner[(inner > 0) & (inner < edge.length)]
    nearer = np.round(np.minimum(inner, edge.length - inner) / settings.cut_nm) * settings.cut_nm
    inner = np.where(inner <= edge.length / 2, nearer, edge.length - nearer)
    return [0.0, *inner.tolist(), edge.length]


def _cuts_at_lines(edge: _Edge, settings: FragmentSettings, grid: Grid | None, lines: CutLines) -> list[float]:
    """Return where an edge of a window is cut: beside its corners, and between them at lines if it is long."""
    length = edge.length
    seen = grid is None or not _reaches_border(edge, grid)
    if length <= settings.single_nm or (seen and length <= lines.longest_nm):
        return _cuts(edge, settings)
    left, right = (settings.corner_nm if is_sharp else 0.0 for is_sharp in edge.sharp)
    side = edge.end - edge.start
    axis = int(abs(side[1]) > abs(side[0]))
    at = (np.array((lines.x_nm, lines.y_nm)[axis]) - edge.start[axis]) / side[axis] * length
    inner = np.sort(np.round(at, 6))
    low, high = left + settings.shortest_nm, length - right - settings.shortest_nm
    inner = inner[(inner >= low) & (inner <= high)]
    before, behind = [left] * (0 < left < length), [length - right] * (0 < right < length - left)
    return [0.0, *before, *inner.tolist(), *behind, length]


def _reaches_border(edge: _Edge, grid: Grid) -> bool:
    x0, y0, x1, y1 = grid.bounds_nm
    points = np.stack([edge.start, edge.end])
    return bool((np.abs(points - (x0, y0)) < BORDER_NM).any() or (np.abs(points - (x1, y1)) < BORDER_NM).any())


def _movers(pieces: tuple[Floats, Floats], chained: Bits, settings: FragmentSettings) -> Numbers:
    """Return which fragment each piece belongs to: pieces that meet in a blunt vertex join up to the run's length."""
    lengths = np.hypot(*(pieces[1] - pieces[0]).T)
    result, number, total = [], -1, 0.0
    for length, joins in zip(lengths.tolist(), chained.tolist(), strict=True):
        if number >= 0 and joins and total + length <= settings.run_nm:
            total += length
        else:
            number, total = number + 1, length
        result.append(number)
    return np.array(result, dtype=np.int64)


def _described(
    pieces: tuple[Floats, Floats], mover: Numbers, turns: Floats, settings: FragmentSettings, grid: Grid | None
) -> Fragments:
    """Return fragments with their kinds and sites; `turns` at the starts of pieces, 0 where no corner is."""
    starts, ends = pieces
    count = int(mover[-1]) + 1
    first = np.searchsorted(mover, np.arange(count))
    last = np.searchsorted(mover, np.arange(count), side="right") - 1
    at_start, at_end = turns[first], np.roll(turns, -1)[last]
    kinds = np.full(count, RUN)
    kinds[(at_start < 0) | (at_end < 0)] = CONCAVE
    kinds[((at_start > 0) & (at_end >= 0)) | ((at_end > 0) & (at_start >= 0))] = CONVEX
    lengths = np.bincount(mover, np.hypot(*(ends - starts).T))
    right = math.radians(60)
    kinds[(at_start > right) & (at_end > right) & (lengths <= settings.single_nm)] = LINE_END
    fixed = np.zeros(count, bool)
    if grid is not None:
        fixed[mover[on_border(starts, ends, grid)]] = True
    return Fragments(
        starts, ends, mover, (len(starts),), turns != 0, kinds, fixed, _sites(pieces, mover, at_start, at_end)
    )


def _sites(pieces: tuple[Floats, Floats], mover: Numbers, at_start: Floats, at_end: Floats) -> TargetSites:
    """Return the control site of each fragment: away from its one corner, else at its middle."""
    starts, ends = pieces
    lengths = np.hypot(*(ends - starts).T)
    share = 0.5 + 0.4 * ((at_start != 0).astype(float) - (at_end != 0))
    ways = np.cumsum(lengths) - lengths
    before = ways[np.searchsorted(mover, np.arange(len(share)))]
    wanted = before + share * np.bincount(mover, lengths)
    piece = np.clip(np.searchsorted(ways, wanted, side="right") - 1, 0, len(starts) - 1)
    along = ((wanted - ways[piece]) / lengths[piece])[:, None]
    side = (ends - starts)[piece]
    normals = np.stack([side[:, 1], -side[:, 0]], axis=1) / lengths[piece][:, None]
    return TargetSites(starts[piece] + along * side, normals)
