"""The array that most of a layout is made of, and tiles that fit it.

Tiles are computed once where they see the same. Over an array they do if a core is a whole number of its pitches;
with any other core every tile sees another phase. So the pitch that most of the layout's area repeats with is looked
for among its placements, and a plan is made whose cores are a multiple of it, with corners on the array's own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from litho.cells import Floats
from litho.chip.tiles import TilePlan, fitted_core
from litho.chip.windows import LayoutWindows
from litho.flattened import Placed, Turned

FEWEST = 8
"""Repeats in a row that make an array."""

LEAST_SHARE = 0.1
"""Of a layout's area that an array must cover to be worth tiles of its own."""

NEARLY = 0.8
"""Of the heaviest: a step that weighs so much is as good, as those of arrays of arrays are."""

_FINEST_NM = 1e-4  # pitches and pixels are whole numbers of this


@dataclass(frozen=True)
class ArrayPitch:
    """How the largest array of a layout repeats.

    Parameters
    ----------
    pitch_nm
        along x and y; None where nothing much repeats
    corner_nm
        x, y of the lower left corner of what repeats
    share
        part of the layout's bounding box that it covers, along the axis where that is more
    """

    pitch_nm: tuple[float | None, float | None]
    corner_nm: tuple[float, float]
    share: float


def array_pitch(source: LayoutWindows, longest_nm: float) -> ArrayPitch:
    """Return the pitch that most of a layout repeats with.

    Placements are weighed by the area of their copies' boxes, copies of the cells around them counted. Along each axis
    the heaviest step wins; of several that weigh nearly the same, as in arrays of arrays, the longest.

    Parameters
    ----------
    source
        the layout
    longest_nm
        the largest core: longer steps are of no use
    """
    dbu, (x0, y0, x1, y1) = source.dbu_nm, source.bounds_nm
    whole, corner = (x1 - x0) * (y1 - y0) / dbu**2, [x0, y0]
    pitch: list[float | None] = [None, None]
    heaviest = 0.0
    for axis, found in enumerate(_weights(source.layout.flattened(source.layer).root)):
        fits = {step: entry for step, entry in found.items() if step * dbu <= longest_nm}
        most = max((weight for weight, _ in fits.values()), default=0.0)
        if most >= LEAST_SHARE * whole:
            step = max(step for step, (weight, _) in fits.items() if weight >= NEARLY * most)
            pitch[axis], corner[axis] = step * dbu, fits[step][1] * dbu
            heaviest = max(heaviest, most)
    return ArrayPitch((pitch[0], pitch[1]), (corner[0], corner[1]), min(1.0, float(heaviest / whole)))


def array_plan(
    source: LayoutWindows,
    longest_nm: float,
    halo_nm: float,
    *,
    overlap_nm: float = 0.0,
    margin_nm: float = 0.0,
    unit_nm: float = 1.0,
) -> TilePlan | None:
    """Return tiles whose cores are whole numbers of the array's pitch, or None if there is no such array.

    Parameters
    ----------
    source
        the layout
    longest_nm
        largest width and height of a core
    halo_nm, overlap_nm, margin_nm, unit_nm
        see `litho.chip.tiles.tile_plan`; a pitch that is no whole number of units takes as many as make one
    """
    box, found = source.bounds_nm, array_pitch(source, longest_nm)
    spans = [
        _span(box[axis] - margin_nm, box[axis + 2] + margin_nm, pitch, corner, longest_nm, unit_nm)
        for axis, (pitch, corner) in enumerate(zip(found.pitch_nm, found.corner_nm, strict=True))
    ]
    if not any(fits for *_, fits in spans):
        return None
    (width, x, columns, _), (height, y, rows, _) = spans
    return TilePlan(box, (width, height), halo_nm, overlap_nm, (x, y), (columns, rows))


def _span(
    low: float, high: float, pitch: float | None, corner: float, longest: float, unit: float
) -> tuple[float, float, int, bool]:
    """Return a core's length, where the first begins, how many there are, and whether they fit an array."""
    common = None if pitch is None else whole_step(pitch, unit)
    if common is None or common > longest + 1e-9:
        core, begin = fitted_core(high - low, longest, unit), math.floor(low / unit + 1e-9) * unit
        return core, begin, max(1, math.ceil((high - begin) / core - 1e-9)), False
    core = round(math.floor(longest / common + 1e-9) * common, 4)
    begin, count = _in_the_middle(low, high, core, common, math.floor(corner / unit + 1e-9) * unit)
    return core, begin, count, True


def _in_the_middle(low: float, high: float, core: float, step: float, corner: float) -> tuple[float, int]:
    """Return where the first of the fewest cores begins that cover a stretch, whole steps from a corner.

    As near to the middle as steps allow: the ends of an array that is its own mirror image then see the same.
    """
    count = max(1, math.ceil((high - low) / core - 1e-9))
    while True:
        middle = (low + high - count * core) / 2
        begin = round(corner + round((middle - corner) / step) * step, 4)
        if begin <= low + 1e-9 * core and begin + count * core >= high - 1e-9 * core:
            return begin, count
        count += 1


def whole_step(pitch: float, unit: float) -> float:
    """Return the smallest length that is a whole number of pitches and of units."""
    return math.lcm(round(pitch / _FINEST_NM), round(unit / _FINEST_NM)) * _FINEST_NM


def _weights(root: Turned) -> tuple[dict[float, tuple[float, float]], dict[float, tuple[float, float]]]:
    """Return for x and y: step -> area that repeats with it, and where the first of it begins; database units."""
    found: tuple[dict[float, tuple[float, float]], ...] = ({}, {})
    for placed, copies, place in _placements(root):
        width, height = placed.cell.bounds[2:] - placed.cell.bounds[:2]
        low = place + placed.index.bounds[:2]
        for axis, step, count in _steps(placed):
            weight, corner = found[axis].get(step, (0.0, float(low[axis])))
            # a copy is worth at most its step: boxes may overlap
            size = min(width, step) * height if axis == 0 else width * min(height, step)
            found[axis][step] = (weight + copies * count * size, min(corner, float(low[axis])))
    return found[0], found[1]


def _placements(root: Turned) -> Iterator[tuple[Placed, int, Floats]]:
    """Yield every placement in and below a cell once, how many copies of it there are, and where one of them lies."""
    copies: dict[Turned, int] = defaultdict(int, {root: 1})
    places = {root: np.zeros(2)}
    for cell in _top_down(root):
        for placed in cell.placed:
            yield placed, copies[cell], places[cell]
            copies[placed.cell] += copies[cell] * len(placed.starts) * placed.counts[0] * placed.counts[1]
            places.setdefault(placed.cell, places[cell] + placed.starts[0])


def _top_down(root: Turned) -> list[Turned]:
    """Return a cell and all below it, each after every cell that places it."""
    done: dict[Turned, None] = {}
    stack: list[tuple[Turned, bool]] = [(root, False)]
    while stack:
        cell, finished = stack.pop()
        if finished:
            done[cell] = None
        elif cell not in done:
            stack.append((cell, True))
            stack += [(placed.cell, False) for placed in cell.placed if placed.cell not in done]
    return list(reversed(done))


def _steps(placed: Placed) -> Iterator[tuple[int, float, int]]:
    """Yield axis, step and how many copies repeat with it, of a lattice and of origins in rows."""
    copies = len(placed.starts) * placed.counts[0] * placed.counts[1]
    for step, count in zip(np.round(placed.steps, 6), placed.counts, strict=True):
        if count >= FEWEST and np.count_nonzero(step) == 1:
            axis = int(np.flatnonzero(step)[0])
            yield axis, float(abs(step[axis])), copies
    if placed.counts == (1, 1):
        for axis in (0, 1):
            order = np.lexsort((placed.starts[:, axis], placed.starts[:, 1 - axis]))
            sorted_starts = placed.starts[order]
            gaps = np.diff(sorted_starts, axis=0)
            steps, counts = np.unique(np.round(gaps[gaps[:, 1 - axis] == 0, axis], 6), return_counts=True)
            for step, count in zip(steps.tolist(), counts.tolist(), strict=True):
                if step > 0 and count >= FEWEST:
                    yield axis, step, count
