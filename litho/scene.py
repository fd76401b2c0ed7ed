"""What pictures and reports draw of a result: outlines, edge sites, the region worth looking at, the colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.cells import Floats
from litho.contour import simplify
from litho.grid import Grid
from litho.metrics import EpeRule, epe_sites
from litho.polygons import Box
from litho.printability import band_polygons
from litho.result import ClipResult

COLORS = {
    "target": "#5b6675",
    "mask": "#2f6fd0",
    "print": "#00865f",
    "band": "#f0a30a",
    "violation": "#d0105a",
    "assist": "#007a8a",
    "rule": "#7a1fd0",
    "ink": "#1c2430",
    "muted": "#5d6875",
    "grid": "#dfe3e8",
}
"""One colour for one thing, in pictures and reports alike; apart for every common kind of colour blindness."""

INTENSITY_COLORS = "magma"
"""Colour map of aerial images, a name that matplotlib knows."""

_TOLERANCE_NM = 0.05  # of outlines that are drawn
_MARGIN = 0.08  # of the larger side of what is drawn, on each side
_LARGEST_DETAIL_NM = 600.0
_DETAIL_NM = 500.0  # of what is larger: a PV band of 4 nm is some 6 pixels of a picture
_VIOLATION_NM2 = 2000.0  # band that a violation counts as, where the most of both is looked for


@dataclass(frozen=True, eq=False)
class EdgeSites:
    """Where edge placement was checked: three points (x, y) per site, each array (n, 2) in layout nm.

    Parameters
    ----------
    inside, edge, outside
        the point that must print, the one on the target's rim, and the one that must not print
    violated : (n,) bool
        whether one of them goes wrong
    """

    inside: Floats
    edge: Floats
    outside: Floats
    violated: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scene:
    """Outlines of one clip as lists of closed rings, each (n, 2) points (x, y) in layout nm.

    Rings run counter-clockwise around what they fill and clockwise around its holes, so that both common rules of
    filling give the same.

    Parameters
    ----------
    target, mask
        wanted shapes and mask
    nominal
        print at nominal dose and focus
    band
        where some but not all of the other process corners print
    sites
        where edge placement was checked
    region_nm
        x0, y0, x1, y1 of the part of the field that holds target and mask, with a margin
    focus_nm
        likewise of the target alone
    detail_nm
        likewise of a part of that small enough to see a PV band: where most of it is, and of the violations
    """

    target: list[Floats]
    mask: list[Floats]
    nominal: list[Floats]
    band: list[Floats]
    sites: EdgeSites
    region_nm: Box
    focus_nm: Box
    detail_nm: Box


def scene_of(result: ClipResult) -> Scene:
    """Return what there is to draw of a result."""
    target = [ring for polygon in result.target_polygons for ring in rings_of(polygon)]
    mask = [ring for polygon in result.mask_polygons for ring in rings_of(polygon)]
    prints = [[simplify(ring, _TOLERANCE_NM) for ring in outlines] for outlines in result.print_polygons]
    sites, focus = _sites(result), region_of(target, result.grid)
    return Scene(
        target,
        mask,
        prints[0],
        _band(prints[1:]),
        sites,
        region_of([*target, *mask], result.grid),
        focus,
        focus if _side(focus) <= _LARGEST_DETAIL_NM else _detail(result, sites),
    )


def rings_of(polygon: Floats) -> list[Floats]:
    """Take a polygon whose holes are joined to it by cuts of no width apart: its outline, and one ring per hole.

    Parameters
    ----------
    polygon : (n, 2)
        vertices, the first not repeated
    """
    rings: list[list[tuple[float, float]]] = []
    path: list[tuple[float, float]] = []
    seen: dict[tuple[float, float], int] = {}
    for x, y in polygon.tolist():
        start = seen.setdefault((x, y), len(path))
        if start == len(path):
            path.append((x, y))
            continue
        rings.append(path[start:])  # back at an earlier vertex: a ring lies between, or a cut walked twice
        for gone in path[start + 1 :]:
            del seen[gone]
        del path[start + 1 :]
    return [np.array(ring) for ring in (path, *rings) if len(ring) > 2]


def region_of(rings: Sequence[Floats], grid: Grid) -> Box:
    """Return x0, y0, x1, y1 (nm) of the part of a field that holds `rings` with a margin; all of it if there are none.

    The part is a square as far as the field allows, and the whole field when that is hardly larger.
    """
    x0, y0, x1, y1 = grid.bounds_nm
    if not rings:
        return grid.bounds_nm
    low = np.min([r.min(axis=0) for r in rings], axis=0)
    high = np.max([r.max(axis=0) for r in rings], axis=0)
    side = float((high - low).max()) * (1 + 2 * _MARGIN)
    if side > 0.9 * max(x1 - x0, y1 - y0):
        return grid.bounds_nm
    left, right = _within(float(low[0] + high[0]) / 2, side, x0, x1)
    bottom, top = _within(float(low[1] + high[1]) / 2, side, y0, y1)
    return left, bottom, right, top


def _detail(result: ClipResult, sites: EdgeSites) -> Box:
    """Return the square of `_DETAIL_NM` that holds most of the PV band and of the violations."""
    grid = result.grid
    worth = result.pv_band * grid.pixel_area_nm2
    row, column = np.rint((sites.edge[sites.violated] - grid.origin_nm) / grid.pixel_nm[::-1] - 0.5).astype(int).T[::-1]
    np.add.at(worth, (row, column), _VIOLATION_NM2)
    return fullest_square(worth, grid, _DETAIL_NM)


def fullest_square(worth: NDArray[np.floating[Any]], grid: Grid, side_nm: float) -> Box:
    """Return x0, y0, x1, y1 of the square that holds most of `worth` (ny, nx), cut off where the field is smaller."""
    size = [max(1, round(side_nm / p)) for p in grid.pixel_nm]
    sums = scipy.ndimage.uniform_filter(worth, size, mode="constant")
    best = np.argwhere(sums >= (1 - 1e-9) * sums.max())
    middle = best[np.argmin(((best - best.mean(axis=0)) ** 2).sum(axis=1))]
    (left, bottom, right, top), centre = grid.bounds_nm, _centres(middle[None, :], grid)[0]
    x0, x1 = _within(float(centre[0]), side_nm, left, right)
    y0, y1 = _within(float(centre[1]), side_nm, bottom, top)
    return x0, y0, x1, y1


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _within(centre: float, length: float, low: float, high: float) -> tuple[float, float]:
    """Return an interval of `length` in `low` to `high`, as near to `centre` as possible; all if it is too long."""
    start = max(low, min(centre - length / 2, high - length))
    return start, min(start + length, high)


def _band(corners: Sequence[Sequence[Floats]]) -> list[Floats]:
    """Return the rings of what some but not all corners print."""
    return [ring for polygon in band_polygons(corners) for ring in rings_of(polygon)]


def _sites(result: ClipResult) -> EdgeSites:
    printed, grid = result.prints[0], result.grid
    sites = epe_sites(result.target >= 0.5, grid.pixel_nm, EpeRule(**result.recipe.get("epe", {})))
    height, width = grid.shape
    inside, outside = sites.inside % (height, width), sites.outside % (height, width)
    unprinted, spilled = ~printed[inside[:, 0], inside[:, 1]], printed[outside[:, 0], outside[:, 1]]
    return EdgeSites(_centres(inside, grid), _centres(sites.edge, grid), _centres(outside, grid), unprinted | spilled)


def _centres(pixels: NDArray[np.intp], grid: Grid) -> Floats:
    """Return the centres (x, y) in layout nm of pixels (row, column)."""
    centres: Floats = (pixels[:, ::-1] + 0.5) * np.array(grid.pixel_nm[::-1]) + np.array(grid.origin_nm)
    return centres
