"""Which outline lies in which: islands, their holes, islands in these, and what area each has for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gdstk
import numpy as np

from litho.cells import Floats
from litho.outline_pieces import Flags, Numbers, inside
from litho.outlines import areas_nm2
from litho.polygons import Box

PROBES = 5
"""So many points of an outline are asked where they lie, for some may be on the other outline."""


@dataclass(frozen=True, eq=False)
class Regions:
    """The region inside each outline, up to the outlines in it.

    Parameters
    ----------
    area_nm2 : (n,)
        without what is inside of the outlines in it
    hole : (n,) bool
        whether it is a hole
    island : (n,) int
        the outline around the island that the outline bounds: of a hole, the one around it
    cut_off : (n,) bool
        whether it touches the border of the field, or has an outline in it that does
    """

    area_nm2: Floats
    hole: Flags
    island: Numbers
    cut_off: Flags


def regions_of(polygons: Sequence[Floats], bounds_nm: Box | None = None) -> Regions:
    """Return the regions of outlines that do not cross.

    Parameters
    ----------
    polygons
        counter-clockwise around islands, clockwise around holes, each (n, 2) in nm
    bounds_nm
        x0, y0, x1, y1 of the field, if outlines are cut off at its border
    """
    signed = areas_nm2(polygons)
    around = _around(polygons, np.abs(signed))
    hole = signed < 0
    for k, holder in enumerate(around.tolist()):
        if (holder < 0 and hole[k]) or (holder >= 0 and hole[k] == hole[holder]):
            x, y = polygons[k][0]
            kind = "clockwise, but it is no hole" if hole[k] else "counter-clockwise, but it is in an island"
            raise ValueError(
                "`outlines` must run counter-clockwise around islands and clockwise around holes, "
                f"but the one at ({x:g}, {y:g}) runs {kind}."
            )
    area = np.abs(signed)
    inner = np.flatnonzero(around >= 0)
    np.subtract.at(area, around[inner], np.abs(signed)[inner])
    cut_off = np.zeros(len(polygons), np.bool_)
    if bounds_nm is not None:
        cut_off[:] = [not inside(polygon, bounds_nm).all() for polygon in polygons]
    np.logical_or.at(cut_off, around[inner], cut_off[inner])
    return Regions(area, hole, np.where(hole, around, np.arange(len(polygons))), cut_off)


def main_features(polygons: Sequence[Floats], regions: Regions, targets: Sequence[Floats]) -> Flags:
    """Return which outlines bound an island that overlaps a target, (n,)."""
    boxes = np.array([[*p.min(axis=0), *p.max(axis=0)] for p in targets]).reshape(-1, 4)
    shapes = [gdstk.Polygon(p.tolist()) for p in targets]
    main = np.zeros(len(polygons), np.bool_)
    for k in np.unique(regions.island).tolist():
        near = np.flatnonzero(_overlapping(polygons[k], boxes))
        island = [gdstk.Polygon(polygons[k].tolist())]
        holes = [
            gdstk.Polygon(polygons[h].tolist()) for h in np.flatnonzero((regions.island == k) & regions.hole).tolist()
        ]
        if len(near) and holes:
            island = gdstk.boolean(island, holes, "not", 1e-6)
        main[k] = len(near) > 0 and bool(gdstk.boolean(island, [shapes[n] for n in near], "and", 1e-6))
    return np.asarray(main[regions.island])


def _around(polygons: Sequence[Floats], areas: Floats) -> Numbers:
    """Return the smallest outline around each, or -1."""
    boxes = np.array([[*p.min(axis=0), *p.max(axis=0)] for p in polygons])
    shapes: dict[int, gdstk.Polygon] = {}
    around = np.full(len(polygons), -1)
    for k, polygon in enumerate(polygons):
        holds = np.all(boxes[:, :2] <= boxes[k, :2], axis=1) & np.all(boxes[:, 2:] >= boxes[k, 2:], axis=1)
        for other in sorted(np.flatnonzero(holds & (areas > areas[k])).tolist(), key=lambda o: float(areas[o])):
            shape = shapes.setdefault(other, gdstk.Polygon(polygons[other].tolist()))
            if _mostly_in(shape, polygon):
                around[k] = other
                break
    return around


def _mostly_in(shape: gdstk.Polygon, polygon: Floats) -> bool:
    chosen = np.linspace(0, len(polygon), PROBES, endpoint=False).astype(int)
    middles = (polygon[chosen] + polygon[(chosen + 1) % len(polygon)]) / 2
    return sum(bool(shape.contain((x, y))) for x, y in middles.tolist()) > PROBES / 2


def _overlapping(polygon: Floats, boxes: Floats) -> Flags:
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    return np.asarray(np.all(boxes[:, :2] < high, axis=1) & np.all(boxes[:, 2:] > low, axis=1))
