"""Polygons as regions of a periodic field: overlaps, holes and borders resolved, so that what is an edge is one.

A polygon of a layout may carry a cut of no width to a hole, abut another one, or end at the border of a field that
repeats, where it goes on: none of these is an edge of the mask. `tiled` joins what belongs together, `outlines` leaves
the cuts out.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import gdstk
import numpy as np
import numpy.typing as npt

from litho.cells import Floats
from litho.grid import Grid
from litho.polygons import RESOLUTION, Box, merge

Point = tuple[float, float]
Numbers = npt.NDArray[np.int64]

MOST_COPIES = 10_000
"""Fields that a polygon may reach over: more are taken for a layout that was not cut at a window."""


def disjoint(polygons: Sequence[Floats], grid: Grid) -> list[Floats]:
    """Return polygons that cover every point of a periodic field once or not at all.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise; a clockwise one is a hole in the polygon around it. They
        may overlap, and reach beyond the field: that part comes back on its other side
    grid
        the field

    Returns
    -------
    polygons
        the same arrays if nothing overlaps, so that no vertex moves; else their union, cut at the field's border,
        with vertices rounded as by `litho.polygons.merge`
    """
    solid = with_holes(polygons)
    if not solid:
        return []
    merged = merge(copies(solid, grid, grid.bounds_nm), grid.bounds_nm)
    rounding = RESOLUTION * (length_nm(solid) + length_nm(merged))
    return list(polygons) if abs(area_nm2(solid) - area_nm2(merged)) <= rounding else merged


def tiled(polygons: Sequence[Floats], grid: Grid, margin_nm: float) -> list[Floats]:
    """Return the union of polygons in a periodic field and in `margin_nm` around it, cut there."""
    x0, y0, x1, y1 = grid.bounds_nm
    window = (x0 - margin_nm, y0 - margin_nm, x1 + margin_nm, y1 + margin_nm)
    return merge(merge(copies(with_holes(polygons), grid, window)), window)


def united(polygons: Sequence[Floats]) -> list[Floats]:
    """Return the union of polygons; those that abut are joined, which one pass of `litho.polygons.merge` may not do."""
    parts = merge(with_holes(polygons))
    if not parts:
        return []
    low, high = np.min([p.min(0) for p in parts], 0) - 1, np.max([p.max(0) for p in parts], 0) + 1
    return merge(parts, np.concatenate([low, high]))


def copies(polygons: Sequence[Floats], grid: Grid, window: Box) -> list[Floats]:
    """Return every copy of polygons of a periodic field that reaches into a window x0, y0, x1, y1."""
    if not polygons:
        return []
    period = np.array(grid.period_nm[::-1])
    points, firsts, _ = joined(polygons)
    low, high = np.minimum.reduceat(points, firsts), np.maximum.reduceat(points, firsts)
    first = np.floor((np.array(window[:2]) - high) / period).astype(int) + 1
    last = np.ceil((np.array(window[2:]) - low) / period).astype(int) - 1
    counts = np.maximum(last - first + 1, 0).prod(axis=1)
    if counts.max() > MOST_COPIES:
        raise ValueError(f"`polygons` must not reach over {counts.max()} fields of {grid.period_nm} nm; cut them.")
    found: list[Floats] = []
    for polygon, a, b, count in zip(polygons, first.tolist(), last.tolist(), counts, strict=True):
        if a == b == [0, 0]:
            found.append(polygon)
        elif count:
            shifts = itertools.product(*(range(start, stop + 1) for start, stop in zip(a, b, strict=True)))
            found += [polygon + shift * period for shift in shifts]
    return found


def outlines(polygons: Sequence[Floats], outside: bool = False) -> list[Floats]:
    """Return the outlines of merged polygons without cuts: counter-clockwise around, clockwise around holes.

    Vertices on a straight edge, to the rounding of `litho.polygons.merge`, are left out. Where corners touch, a line
    keeps to the shape on its left, or, if `outside`, to the surroundings on its right.
    """
    vertices = Counter((x, y) for polygon in polygons for x, y in polygon.tolist())
    plain: list[Floats] = []
    linked: list[Floats] = []
    for polygon in polygons:
        alone = all(vertices[x, y] == 1 for x, y in polygon.tolist())
        (plain if alone else linked).append(polygon)
    loops = plain + _loops(linked, outside)
    return [loop for loop in _corners_only(loops) if len(loop) >= 3] if loops else []


def with_holes(polygons: Sequence[Floats]) -> list[Floats]:
    """Return counter-clockwise polygons, from which clockwise ones are cut out: each from the one around it."""
    checked = [_checked(p) for p in polygons]
    areas = areas_nm2(checked).tolist()
    for flat in (checked[k] for k, area in enumerate(areas) if area == 0):
        if merge([flat]):
            raise ValueError(f"`polygons` must not cross themselves, but one of area 0 at {flat[0].tolist()} does.")
    around: dict[int, list[int]] = {k: [] for k, area in enumerate(areas) if area > 0}
    shapes = {k: gdstk.Polygon(checked[k].tolist()) for k in around} if len(around) < len(areas) else {}
    for hole in (k for k, area in enumerate(areas) if area < 0):
        middles = ((checked[hole] + np.roll(checked[hole], 1, axis=0)) / 2).tolist()
        holders = [k for k in around if areas[k] > -areas[hole] and _mostly_inside(shapes[k], middles)]
        if not holders:
            x, y = checked[hole][0]
            raise ValueError(
                f"`polygons` must have clockwise outlines as holes only, but the one at ({x:g}, {y:g}) is in none."
            )
        around[min(holders, key=lambda k: areas[k])].append(hole)
    return [part for k, holes in around.items() for part in _without(checked[k], [checked[h] for h in holes])]


def area_nm2(polygons: Sequence[Floats]) -> float:
    """Return the area of polygons, nm^2: of clockwise ones negative."""
    return float(areas_nm2(polygons).sum())


def areas_nm2(polygons: Sequence[Floats]) -> Floats:
    """Return the area of each polygon, nm^2: of clockwise ones negative."""
    if not polygons:
        return np.zeros(0)
    points, firsts, following = joined(polygons)
    x, y = (points - np.repeat(points[firsts], np.diff(firsts, append=len(points)), axis=0)).T
    return np.asarray(np.add.reduceat(x * y[following] - x[following] * y, firsts) / 2)


def length_nm(polygons: Sequence[Floats]) -> float:
    """Return the length of all outlines, nm."""
    if not polygons:
        return 0.0
    points, _, following = joined(polygons)
    return float(np.hypot(*(points[following] - points).T).sum())


def joined(polygons: Sequence[Floats]) -> tuple[Floats, Numbers, Numbers]:
    """Return all vertices (n, 2), the number of each polygon's first one, and of the one that follows each."""
    stops = np.cumsum([len(polygon) for polygon in polygons])
    firsts = np.concatenate([[0], stops[:-1]])
    following = np.arange(1, stops[-1] + 1)
    following[stops - 1] = firsts
    return np.concatenate(polygons), firsts, following


def _checked(polygon: Floats) -> Floats:
    points = np.asarray(polygon, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ValueError(
            f"`polygons` must be arrays (n, 2) of at least 3 finite vertices, but got one of shape {points.shape}."
        )
    return points


def _mostly_inside(shape: gdstk.Polygon, points: Sequence[Sequence[float]]) -> bool:
    (x0, y0), (x1, y1) = shape.bounding_box()
    if not any(x0 <= x <= x1 and y0 <= y <= y1 for x, y in points):
        return False
    return bool(np.mean(gdstk.inside([(x, y) for x, y in points], shape)) > 0.5)


def _without(outline: Floats, holes: Sequence[Floats]) -> list[Floats]:
    if not holes:
        return [outline]
    cut = gdstk.boolean(gdstk.Polygon(outline.tolist()), [gdstk.Polygon(h.tolist()) for h in holes], "not", RESOLUTION)
    return [np.asarray(part.points) for part in cut]


def _loops(polygons: Sequence[Floats], outside: bool) -> list[Floats]:
    """Return the closed lines that are left of polygons when edges that run there and back are left out."""
    edges: Counter[tuple[Point, Point]] = Counter()
    for polygon in polygons:
        starts = [(x, y) for x, y in polygon.tolist()]
        edges.update((a, b) for a, b in zip(starts, starts[1:] + starts[:1], strict=True) if a != b)
    leaving: dict[Point, list[Point]] = defaultdict(list)
    for (a, b), count in edges.items():
        leaving[a] += [b] * max(0, count - edges.get((b, a), 0))
    loops = []
    for start in list(leaving):
        while leaving[start]:
            loops.append(np.array(_walk(start, leaving, outside)))
    return loops


def _walk(start: Point, leaving: dict[Point, list[Point]], outside: bool) -> list[Point]:
    """Return the vertices of one closed line, which begins with the first edge from `start`; take its edges away."""
    line, before, here = [start], start, leaving[start][0]
    while True:
        chosen = _sharpest(before, here, leaving[here], outside)
        following = leaving[here].pop(chosen)
        if here == start and chosen == 0:
            return line
        line.append(here)
        before, here = here, following


def _sharpest(before: Point, here: Point, choices: Sequence[Point], outside: bool) -> int:
    """Return which of the points that may follow is reached by the sharpest turn to the left, or to the right."""

    def left_turn(number: int) -> float:
        (ax, ay), (bx, by) = ((to[0] - of[0], to[1] - of[1]) for to, of in ((here, before), (choices[number], here)))
        return math.atan2(ax * by - ay * bx, ax * bx + ay * by)

    return (min if outside else max)(range(len(choices)), key=left_turn)


def _corners_only(loops: Sequence[Floats]) -> list[Floats]:
    """Return closed lines without the vertices that lie on the straight line between their neighbours."""
    points, firsts, following = joined(loops)
    side = points[following] - points
    (ax, ay), (bx, by) = side[np.argsort(following)].T, side.T
    length = np.hypot(bx + ax, by + ay)
    corner = (np.abs(ax * by - ay * bx) > 2 * RESOLUTION * length) | (ax * bx + ay * by <= 0)
    return [part[kept] for part, kept in zip(loops, np.split(corner, firsts[1:]), strict=True)]
