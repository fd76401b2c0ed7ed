"""What a mask writer and an etch do to drawn shapes: edges move, corners round.

Both take the polygons of a mask and return polygons; holes keep their size with the sign of the material around them.
With a `grid` the field is periodic: shapes that meet across its border are one, and the result is cut there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import gdstk
import numpy as np

from litho.cells import Floats
from litho.grid import Grid
from litho.outlines import outlines, tiled, united, with_holes
from litho.polygons import RESOLUTION, merge

SHARPEST = 4
"""Distance of a moved corner from the drawn one, in biases, beyond which it is cut off: corners under 29 degrees."""

MARGIN = 8.0
"""Part of the neighbouring fields that is looked at, in biases or radii."""


def biased(polygons: Sequence[Floats], bias_nm: float, grid: Grid | None = None) -> list[Floats]:
    """Move every edge of shapes outwards; corners stay sharp.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise; a clockwise one is a hole. They may overlap or abut
    bias_nm
        how far each edge moves, so that a line grows by twice as much; negative: inwards. Shapes may join or vanish
    grid
        the periodic field; if not given, shapes stand alone

    Returns
    -------
    polygons
        counter-clockwise, holes joined by cuts; vertices are rounded to 2^-20 nm. Shapes of right angles that neither
        join nor vanish gain the area perimeter * bias + 4 bias^2 for each outline, - 4 bias^2 for each hole
    """
    if not math.isfinite(bias_nm):
        raise ValueError(f"`bias_nm` must be finite, but got {bias_nm}.")
    region = _region(polygons, grid, abs(bias_nm))
    shapes = [gdstk.Polygon(p.tolist()) for p in region]
    moved = gdstk.offset(shapes, bias_nm, "miter", SHARPEST, RESOLUTION, use_union=True) if shapes else []
    return _cut([np.asarray(part.points) for part in moved], grid)


def rounded(
    polygons: Sequence[Floats],
    convex_nm: float,
    concave_nm: float | None = None,
    tolerance_nm: float = 0.01,
    grid: Grid | None = None,
) -> list[Floats]:
    """Round the corners of shapes by arcs.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise; a clockwise one is a hole. They may overlap or abut
    convex_nm, concave_nm
        radius of corners that point out of the shape, and of those that point into it (the same if not given). Where
        an edge is too short for the arcs at its ends, both are made smaller by the same factor
    tolerance_nm
        an arc is drawn by chords that leave it by this at most
    grid
        the periodic field; if not given, shapes stand alone

    Returns
    -------
    polygons
        counter-clockwise, holes joined by cuts. A convex right-angled corner loses the area (1 - pi / 4) radius^2, a
        concave one gains it, to 2 / 3 tolerance times the length of the arc
    """
    radii = (convex_nm, convex_nm if concave_nm is None else concave_nm)
    for name, radius in zip(("convex_nm", "concave_nm"), radii, strict=True):
        if not (math.isfinite(radius) and radius >= 0):
            raise ValueError(f"`{name}` must be a length of 0 or more, but got {radius}.")
    if not (math.isfinite(tolerance_nm) and tolerance_nm > 0):
        raise ValueError(f"`tolerance_nm` must be a positive length, but got {tolerance_nm}.")
    loops = outlines(_region(polygons, grid, max(radii)))
    return _cut(with_holes([_rounded_loop(loop, radii, tolerance_nm) for loop in loops]), grid)


def _region(polygons: Sequence[Floats], grid: Grid | None, reach_nm: float) -> list[Floats]:
    return united(polygons) if grid is None else tiled(polygons, grid, MARGIN * reach_nm + 1)


def _cut(polygons: Sequence[Floats], grid: Grid | None) -> list[Floats]:
    return list(polygons) if grid is None else merge(polygons, grid.bounds_nm)


def _rounded_loop(loop: Floats, radii: tuple[float, float], tolerance_nm: float) -> Floats:
    """Return a closed line with its corners replaced by chords of arcs; the shape lies to the left of the line."""
    side = np.roll(loop, -1, axis=0) - loop
    length = np.hypot(*side.T)
    out = side / length[:, None]
    into = np.roll(out, 1, axis=0)
    turn = np.arctan2(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0], np.sum(into * out, axis=1))
    radius = np.where(turn > 0, *radii)
    taken = radius * np.tan(np.abs(turn) / 2)  # of the edge, before and behind the corner
    room = np.minimum(1.0, length / np.maximum(taken + np.roll(taken, -1), 1e-300))
    share = np.minimum(room, np.roll(room, 1))
    radius, taken = radius * share, taken * share
    half_chord = np.arccos(np.clip(1 - tolerance_nm / np.maximum(radius, tolerance_nm), 0, 1))
    chords = np.where(taken > 0, np.maximum(np.ceil(np.abs(turn) / (2 * half_chord)), 1), 0).astype(int)
    corner = np.repeat(np.arange(len(loop)), chords + 1)
    step = np.arange(len(corner)) - np.repeat(np.cumsum(chords + 1) - (chords + 1), chords + 1)
    angle = np.abs(turn)[corner] * step / np.maximum(chords, 1)[corner]
    inwards = np.stack([-into[:, 1], into[:, 0]], axis=1) * np.sign(turn)[:, None]
    start = loop - taken[:, None] * into
    along, across = (radius[corner] * f for f in (np.sin(angle), 1 - np.cos(angle)))
    points = start[corner] + along[:, None] * into[corner] + across[:, None] * inwards[corner]
    return np.asarray(points[np.any(points != np.roll(points, 1, axis=0), axis=1)])
