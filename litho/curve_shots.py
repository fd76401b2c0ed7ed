"""Overlapping rectangles that write a curved shape to a stated tolerance, as few as possible.

A rectangle may lie anywhere within the tolerance around the shape, and together they must cover the shape but for what
is thinner than the tolerance. Only rectangles that cannot grow come into question, and the fewest of them that cover
is a set cover: most of it falls to rules that lose nothing (a pixel whose rectangles all cover another pixel's need
asks for nothing; a rectangle whose needs another one covers is left out), the rest to an integer program for each
connected part. `litho.shot_fit` then moves the edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.optimize
import scipy.sparse
from numpy.typing import NDArray
from skimage.morphology import skeletonize

Bits = NDArray[np.bool_]
Numbers = NDArray[np.int64]

MOST_NODES = 200
"""Branches of the integer program for one connected part; the best cover so far is taken then."""

_BLOCK = 512
_REACHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_OFFSETS = [(d * down, d * right) for d in _REACHES for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))]
"""How far down and right the pixel may be that speaks for one."""

_CORNER = 1.5
"""What is left of a shape beside its eroded part, by this many tolerances, is a thin place and not a corner."""


@dataclass(frozen=True, eq=False)
class Cover:
    """Rectangles of pixels that cover a shape.

    Parameters
    ----------
    shots
        (n, 4) x0, y0, x1, y1 in pixels, as large as they may be
    cores
        (n, 4) what each has to cover at least: with edges anywhere between shot and core, what cores cover stays so
    """

    shots: Numbers
    cores: Numbers


def cover(inside: Bits, tolerance: float, slack: float = 0.0) -> Cover:
    """Return the fewest overlapping rectangles of pixels that keep to a shape.

    Parameters
    ----------
    inside : (ny, nx) bool
        pixels of the shape
    tolerance
        in pixels: no pixel of a shot is farther than this from the shape, and none of the shape that is farther than
        this from its surroundings is left out. A place of the shape, or between two, that is thinner than twice the
        tolerance keeps its middle line
    slack
        in pixels: cores cover what is farther than `tolerance + slack` from the surroundings

    Returns
    -------
    cover
        ordered by its place
    """
    needed, allowed = _bands(inside, tolerance)
    labels, _ = scipy.ndimage.label(allowed)
    found = [np.zeros((0, 4), np.int64)]
    for number, box in enumerate(scipy.ndimage.find_objects(labels), 1):
        here = labels[box] == number
        needs = needed[box] & here
        if needs.any():
            rows, columns = box
            found.append(_cover_of_part(needs, here) + [columns.start, rows.start] * 2)
    shots = np.concatenate(found)
    deep = needed & _core(np.pad(inside, 1), tolerance + slack)[1:-1, 1:-1] if slack else needed
    return Cover(shots, _cores(deep, shots))


def maximal_rectangles(allowed: Bits) -> Numbers:
    """Return every rectangle of True pixels that cannot grow, (n, 4) x0, y0, x1, y1."""
    ny, nx = allowed.shape
    found: list[tuple[int, int, int, int]] = []
    heights = np.zeros(nx, np.int64)
    for y in range(ny):
        heights = np.where(allowed[y], heights + 1, 0)
        if not heights.any():
            continue
        following = allowed[y + 1] if y + 1 < ny else np.zeros(nx, np.bool_)
        free = np.concatenate([[0], np.cumsum(following)]).tolist()
        found += _ending_on(heights.tolist(), free, y)
    return np.array(found, np.int64).reshape(-1, 4)


def _ending_on(heights: list[int], free: list[int], y: int) -> list[tuple[int, int, int, int]]:
    """Return the rectangles that cannot grow whose last row is `y`; `free` counts free pixels of the next row."""
    found = []
    bars: list[tuple[int, int]] = []
    for x, height in enumerate([*heights, 0]):
        left = x
        while bars and bars[-1][1] >= height:
            left, bar = bars.pop()
            if bar > height and free[x] - free[left] < x - left:
                found.append((left, y - bar + 1, x, y + 1))
        if height:
            bars.append((left, height))
    return found


def _bands(inside: Bits, tolerance: float) -> tuple[Bits, Bits]:
    """Return the pixels that must be covered and those that may be."""
    padded = np.pad(inside, 1)
    needed = _core(padded, tolerance)
    kept_out = _core(~padded, tolerance)
    trim = np.s_[1:-1, 1:-1]
    return needed[trim], ~kept_out[trim]


def _core(inside: Bits, tolerance: float) -> Bits:
    """Return what is farther than a tolerance from a shape's edge, and the middle line of its thin places."""
    core: Bits = scipy.ndimage.distance_transform_edt(inside) - 0.5 > tolerance
    if not core.any():
        return _middle_line(inside)
    thin = inside & (scipy.ndimage.distance_transform_edt(~core) > _CORNER * tolerance + 1)
    if thin.any():
        core |= _middle_line(inside) & thin
    return core


def _middle_line(inside: Bits) -> Bits:
    return np.asarray(skeletonize(inside), dtype=np.bool_)  # type: ignore[no-untyped-call]


def _cover_of_part(needed: Bits, allowed: Bits) -> Numbers:
    """Return the fewest of the rectangles that cannot grow which cover one connected part."""
    rectangles = maximal_rectangles(allowed)
    table = _needs_table(needed, rectangles)
    chosen, table = _without_dominated(table)
    return rectangles[chosen[_fewest(table)]]


def _needs_table(needed: Bits, rectangles: Numbers) -> Bits:
    """Return which rectangle (row) covers which need (column), for pixels that no pixel near them speaks for."""
    alone = _counts(rectangles, needed.shape, 0, 0)
    asks = needed.copy()
    for down, right in _OFFSETS:
        if down >= needed.shape[0] or abs(right) >= needed.shape[1]:
            continue
        both = _counts(rectangles, needed.shape, down, right)
        here = np.s_[: len(needed) - down, max(-right, 0) : needed.shape[1] - max(right, 0)]
        there = np.s_[down:, max(right, 0) : needed.shape[1] - max(-right, 0)]
        shared = both[here]
        first, second = alone[here], alone[there]
        speaks = needed[here] & needed[there]
        spare_here, spare_there = (
            speaks & (shared == few) & (few < many) for few, many in ((second, first), (first, second))
        )
        asks[here] &= ~spare_here
        asks[there] &= ~spare_there
    y, x = np.nonzero(asks)
    x0, y0, x1, y1 = rectangles.T[:, :, None]
    table = (x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)
    _, first_of = np.unique(np.packbits(table, axis=0), axis=1, return_index=True)
    return np.asarray(table[:, np.sort(first_of)])


def _counts(rectangles: Numbers, shape: tuple[int, int], down: int, right: int) -> Numbers:
    """Return how many rectangles cover both a pixel and the one `down` and `right` (or, negative, left) of it."""
    x0, y0, x1, y1 = rectangles.T
    x0, x1, y1 = x0 - min(right, 0), x1 - max(right, 0), y1 - down
    full = (x1 > x0) & (y1 > y0)
    x0, y0, x1, y1 = x0[full], y0[full], x1[full], y1[full]
    steps = np.zeros((shape[0] + 1, shape[1] + 1), np.int64)
    for rows, columns, sign in ((y0, x0, 1), (y1, x1, 1), (y0, x1, -1), (y1, x0, -1)):
        np.add.at(steps, (rows, columns), sign)
    return np.asarray(steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1])


def _without_dominated(table: Bits) -> tuple[Numbers, Bits]:
    """Return rows and their table, without needs that others imply and rows that others replace, until none is left."""
    rows = np.arange(len(table))
    while True:
        before = table.shape
        table = table[:, _extreme(table, largest=False)]
        kept = _extreme(table.T, largest=True)
        rows, table = rows[kept], table[kept]
        if table.shape == before:
            return rows, table


def _extreme(table: Bits, largest: bool) -> Numbers:
    """Return the columns (n, m) that hold no other column, or that none holds; of equal ones the first."""
    _, first = np.unique(np.packbits(table, axis=0), axis=1, return_index=True)
    places = np.sort(first)
    numbers = np.ascontiguousarray(table[:, places].T, dtype=np.float32)  # sums are whole numbers, exact below 2^24
    counts = numbers.sum(axis=1)
    spare = np.zeros(len(places), np.bool_)
    for start in range(0, len(places), _BLOCK):
        block = np.s_[start : start + _BLOCK]
        within = (numbers[block] @ numbers.T == counts[block, None]) & (counts > counts[block, None])
        if largest:
            spare[block] = within.any(axis=1)
        else:
            spare |= within.any(axis=0)
    return np.asarray(places[~spare])


def _fewest(table: Bits) -> Numbers:
    """Return the fewest rows that cover every column."""
    greedy = _greedy(table)
    if table.shape[1] <= 1:
        return greedy
    ones = np.ones(len(table))
    solved = scipy.optimize.milp(
        ones,
        integrality=ones,
        bounds=scipy.optimize.Bounds(0, 1),
        constraints=scipy.optimize.LinearConstraint(scipy.sparse.csr_array(table.T.astype(np.float64)), 1, np.inf),
        options={"node_limit": MOST_NODES},
    )
    if solved.x is None:
        return greedy
    chosen = np.flatnonzero(solved.x > 0.5)
    return chosen if len(chosen) < len(greedy) and table[chosen].any(axis=0).all() else greedy


def _greedy(table: Bits) -> Numbers:
    """Return rows that cover every column, each the one that covers most of what is left."""
    left = np.ones(table.shape[1], np.bool_)
    chosen = []
    while left.any():
        best = int(np.argmax(table[:, left].sum(axis=1)))
        chosen.append(best)
        left &= ~table[best]
    return np.sort(np.array(chosen, np.int64))


def _cores(needed: Bits, shots: Numbers) -> Numbers:
    """Return the box of the needs of each shot; a pixel that several cover is left to the one it lies deepest in."""
    deepest = np.full(needed.shape, -1.0)
    owner = np.zeros(needed.shape, np.int64)
    for number, (x0, y0, x1, y1) in enumerate(shots.tolist(), 1):
        rows, columns = np.arange(y0, y1) + 0.5, np.arange(x0, x1) + 0.5
        depth = np.minimum(np.minimum(rows - y0, y1 - rows)[:, None], np.minimum(columns - x0, x1 - columns))
        place = np.s_[y0:y1, x0:x1]
        better = depth > deepest[place]
        deepest[place] = np.where(better, depth, deepest[place])
        owner[place] = np.where(better, number, owner[place])
    owner[~needed] = 0
    boxes = scipy.ndimage.find_objects(owner, len(shots))
    cores = [
        ((x0 + x1) // 2, (y0 + y1) // 2, (x0 + x1 + 1) // 2, (y0 + y1 + 1) // 2)
        if box is None
        else (box[1].start, box[0].start, box[1].stop, box[0].stop)
        for (x0, y0, x1, y1), box in zip(shots.tolist(), boxes, strict=True)
    ]
    return np.array(cores, np.int64).reshape(-1, 4)
