"""Outlines of smooth fields as polygons, to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import contourpy
import gdstk
import numpy as np
from numpy.typing import NDArray

from litho.grid import Grid
from litho.polygons import RESOLUTION
from litho.raster import polygon_area_nm2

Floats = NDArray[np.float64]


def contours(field: NDArray[np.floating], grid: Grid, level: float = 0.0) -> list[Floats]:
    """Return the outlines of the region where a field exceeds a level.

    Parameters
    ----------
    field : (ny, nx) real
        samples at pixel centres, smooth over a pixel; outside the field nothing exceeds the level, so that a region
        that reaches the border ends on it (with its corners cut by half a pixel)
    grid
        of the samples
    level
        value on the outlines

    Returns
    -------
    outlines
        closed polygons (n, 2), points (x, y) in nm of the layout, the first not repeated; counter-clockwise around
        the region and clockwise around its holes. Outlines do not cross. Vertices are where the field, linear
        between neighbouring samples, takes the level
    """
    if field.shape != grid.shape:
        raise ValueError(f"`field` must have the shape of `grid`, {grid.shape}, but got {field.shape}.")
    if not np.isfinite(field).all():
        raise ValueError("`field` must be finite, but got NaN or infinity.")
    samples = _with_dark_border(np.asarray(field, dtype=np.float64), level)
    above = samples > level
    rows, columns = (_reach(np.asarray(above.any(axis=axis))) for axis in (1, 0))
    x, y = ((np.arange(n + 2) - 0.5) * p for n, p in zip(grid.shape[::-1], grid.pixel_nm[::-1], strict=True))
    generator = contourpy.contour_generator(
        x[columns] + grid.origin_nm[0],
        y[rows] + grid.origin_nm[1],
        samples[rows, columns],
        line_type=contourpy.LineType.Separate,
    )
    outlines = (_without_repeats(np.asarray(line)) for line in generator.lines(level))
    return [outline for outline in outlines if len(outline) >= 3]


def drop_specks(outlines: Sequence[Floats], min_area_nm2: float) -> list[Floats]:
    """Return the outlines whose own area, of an island or of a hole, is at least `min_area_nm2`."""
    return [outline for outline in outlines if abs(polygon_area_nm2(outline)) >= min_area_nm2]


def simplify(polygon: Floats, tolerance_nm: float) -> Floats:
    """Return a polygon with fewer of the same vertices, at least three.

    No vertex left out is farther than `tolerance_nm` from the new outline (Douglas and Peucker, starting from a
    triangle: the first vertex, the one farthest from it, and the one farthest from the line between them).

    Parameters
    ----------
    polygon : (n, 2)
        points (x, y) in nm, the first not repeated
    tolerance_nm
        largest distance
    """
    if not tolerance_nm >= 0:
        raise ValueError(f"`tolerance_nm` must be at least 0, but got {tolerance_nm}.")
    closed = np.concatenate([polygon, polygon[:1]])
    farthest = int(np.argmax(np.hypot(*(polygon - polygon[0]).T)))
    third = int(np.argmax(_distances(polygon, polygon[0], polygon[farthest])))
    kept = np.unique([0, farthest, third, len(polygon)])
    while True:
        chain = np.repeat(np.arange(len(kept) - 1), np.diff(kept))  # of each vertex: between which kept ones it stands
        distance = _distances(polygon, closed[kept[chain]], closed[kept[chain + 1]])
        largest = np.maximum.reduceat(distance, kept[:-1])[chain]
        worst = np.flatnonzero((distance == largest) & (largest > tolerance_nm))
        if len(worst) == 0:
            return np.asarray(polygon[kept[:-1]])
        _, first = np.unique(chain[worst], return_index=True)
        kept = np.unique(np.concatenate([kept, worst[first]]))


def join_holes(outlines: Sequence[Floats]) -> list[Floats]:
    """Return polygons as layout files have them: each hole is joined to the outline around it by a cut of no width.

    Parameters
    ----------
    outlines
        counter-clockwise around islands, clockwise around holes, as `contours` gives them
    """
    return [
        polygon
        for island, holes in nested(outlines)
        for polygon in cut_holes(outlines[island], [outlines[k] for k in holes])
    ]


def nested(outlines: Sequence[Floats]) -> list[tuple[int, list[int]]]:
    """Return the place of each island, and the places of the holes in it."""
    areas = [polygon_area_nm2(outline) for outline in outlines]
    shapes = {k: gdstk.Polygon(outlines[k].tolist()) for k, area in enumerate(areas) if area > 0}
    holes: dict[int, list[int]] = {k: [] for k in shapes}
    for hole in (k for k, area in enumerate(areas) if area < 0):
        x, y = outlines[hole][0]
        around = [k for k in shapes if areas[k] > -areas[hole] and shapes[k].contain((x, y))]
        if around:
            holes[min(around, key=lambda k: areas[k])].append(hole)
    return list(holes.items())


def cut_holes(outline: Floats, holes: Sequence[Floats]) -> list[Floats]:
    """Return an outline without its holes; more than one polygon only where a hole touches it."""
    if not holes:
        return [outline]
    cut = gdstk.boolean(gdstk.Polygon(outline.tolist()), [gdstk.Polygon(h.tolist()) for h in holes], "not", RESOLUTION)
    return [np.asarray(part.points) for part in cut]


def _with_dark_border(field: Floats, level: float) -> Floats:
    """Return the field with one more sample on each side, mirrored at the level, so that outlines close there."""
    padded = np.pad(field, 1, mode="edge")
    for edge in (padded[0], padded[-1], padded[1:-1, 0], padded[1:-1, -1]):
        edge[...] = level - np.abs(edge - level)
    return padded


def _reach(lines: NDArray[np.bool_]) -> slice:
    """Return the lines of samples that outlines lie between: from before the first that is set to after the last.

    The first and the last line are never set; without any, two lines are left, between which there is nothing.
    """
    found = np.flatnonzero(lines)
    return slice(found[0] - 1, found[-1] + 2) if len(found) else slice(0, 2)


def _without_repeats(line: Floats) -> Floats:
    """Return a line without points that repeat the one before; the first counts as following the last."""
    return line[np.any(line != np.roll(line, 1, axis=0), axis=1)]


def _distances(points: Floats, start: Floats, end: Floats) -> Floats:
    """Return the distance of each point (n, 2) from a segment, the same for all (2,) or one each (n, 2)."""
    along = end - start
    length = np.maximum((along * along).sum(axis=-1), 1e-300)
    share = np.clip(((points - start) * along).sum(axis=-1) / length, 0.0, 1.0)
    return np.asarray(np.hypot(*(points - start - share[:, None] * along).T))
