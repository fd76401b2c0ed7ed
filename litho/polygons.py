"""Polygons as plain arrays: merged, cut at a window, checked.

A polygon is an (n, 2) float64 array of vertices (x, y), the first not repeated.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import gdstk
import numpy as np

from litho.cells import Floats, LayoutError
from litho.grid import Grid

Box: TypeAlias = tuple[float, float, float, float]

RESOLUTION = 2.0**-20  # of crossings of slanted edges, in the coordinates' unit; a power of 2 keeps whole numbers exact
FARTHEST = 2.0**40  # clipping counts in steps of RESOLUTION, in 62 bits


def merge(polygons: Sequence[Floats], window: Floats | Box | None = None) -> list[Floats]:
    """Return the union of simple polygons, cut at `window` (x0, y0, x1, y1).

    Outlines run counter-clockwise. A hole is joined to its outline by a cut of no width. Vertices that are whole
    numbers stay exact; where slanted edges cross, the new vertex is rounded to `RESOLUTION`.
    """
    checked = [_countable(p) for p in polygons]
    if window is None:
        parts = _boolean(checked, [], "or")
    else:
        x0, y0, x1, y1 = window
        parts = _boolean(checked, [_countable(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))], "and")
    return [np.asarray(part.points) for part in parts]


def subtract(polygons: Sequence[Floats], removed: Sequence[Floats]) -> list[Floats]:
    """Return the union of simple polygons without the area of others, as `merge` does."""
    parts = _boolean([_countable(p) for p in polygons], [_countable(p) for p in removed], "not")
    return [np.asarray(part.points) for part in parts]


def simple_outlines(polygons: Iterable[Floats], unit_nm: float, repair: bool) -> list[Floats]:
    """Return the same area as outlines that do not cross themselves.

    Parameters
    ----------
    polygons
        in units that rounding may have moved vertices by (database units)
    unit_nm
        that unit in nm
    repair
        fill what an outline winds around in either sense, and leave out what has no area

    Raises
    ------
    LayoutError
        unless `repair`, naming the place of a polygon that has no area, or crosses itself by more than the
        rounding of its vertices explains
    """
    outlines: list[Floats] = []
    for points in polygons:
        polygon = _countable(points)
        parts = _boolean([polygon], [], "or")
        if not repair:
            crossing = abs(sum(p.area() for p in parts) - polygon.area())
            _refuse(not parts, "have an area", "has none", points, unit_nm)
            _refuse(crossing > polygon.perimeter() / 2, "not cross themselves", "does", points, unit_nm)
        outlines += [np.asarray(p.points) for p in parts]
    return outlines


def check_inside(polygons: Sequence[Floats], grid: Grid) -> None:
    """Raise `LayoutError` unless every polygon (nm) lies in the field of `grid`."""
    if not polygons:
        return
    low = np.min([p.min(0) for p in polygons], 0)
    high = np.max([p.max(0) for p in polygons], 0)
    x0, y0, x1, y1 = grid.bounds_nm
    if not (low[0] >= x0 and low[1] >= y0 and high[0] <= x1 and high[1] <= y1):
        reach = f"x {low[0]:g} to {high[0]:g}, y {low[1]:g} to {high[1]:g}"
        raise LayoutError(
            f"`polygons` must lie in the field, x {x0:g} to {x1:g}, y {y0:g} to {y1:g} nm, but reach over {reach} nm."
        )


def _countable(points: Any) -> gdstk.Polygon:
    # gdstk ends the whole program on a coordinate that its clipping cannot count
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise LayoutError(f"A polygon must have at least 3 vertices (x, y), but got the shape {points.shape}.")
    if not np.abs(points).max() <= FARTHEST:
        raise LayoutError(f"Coordinates must be numbers within +-{FARTHEST:g}, but got {points.tolist()[:4]}.")
    return gdstk.Polygon(points)


def _boolean(
    a: list[gdstk.Polygon], b: list[gdstk.Polygon], operation: Literal["or", "and", "not"]
) -> list[gdstk.Polygon]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return gdstk.boolean(a, b, operation, RESOLUTION)
        except RuntimeWarning as warning:  # the result would lack a hole
            raise LayoutError(f"Polygons must have holes that gdstk can join to outlines, but: {warning}") from warning


def _refuse(condition: bool, rule: str, instead: str, points: Floats, unit_nm: float) -> None:
    if condition:
        x, y = points[0] * unit_nm
        raise LayoutError(f"Polygons must {rule}, but the one at ({x:g}, {y:g}) nm {instead}; see `repair`.")
