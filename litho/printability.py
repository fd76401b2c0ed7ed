"""What prints besides or between the edges: process-variation band, side lobes, assist features that print, dimples.

The band lies between what some and what all process corners print. Its area is that of polygons, its width the spread
of the edge placement along a target's edge.

A side lobe is a local maximum of the intensity away from the target that reaches the threshold, or comes near it by a
margin; over an assist feature of the mask it has that name. A dimple is a local minimum inside the target that falls
below the threshold, or comes near. Where the dark prints, the roles are exchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import gdstk
import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.cells import Floats
from litho.contour import join_holes
from litho.cutline import Intensity, check_tone
from litho.edge_placement import EdgePlacement, inside, intensity_at, rim
from litho.grid import Grid
from litho.polygons import RESOLUTION
from litho.raster import polygon_area_nm2

MARGIN = 0.05
"""An extremum this near to the threshold (share of it) is told though it does not print."""

CLEARANCE_NM = 10.0
"""An extremum nearer to the target's edge than this belongs to the edge."""

NEWTON = 8
"""Steps from a pixel to the extremum beside it."""


@dataclass(frozen=True)
class Extremum:
    """A local extremum of the intensity where none should be.

    Parameters
    ----------
    kind
        "side lobe", "assist feature" or "dimple"
    x_nm, y_nm
        place in layout nm
    intensity
        there, dose included
    threshold
        of the resist
    printed
        whether it goes wrong, or only comes near
    """

    kind: str
    x_nm: float
    y_nm: float
    intensity: float
    threshold: float
    printed: bool

    @property
    def excess(self) -> float:
        """How far it is beyond the threshold, a share of it: positive if it goes wrong."""
        return abs(self.intensity / self.threshold - 1) * (1 if self.printed else -1)


def band_polygons(prints: Sequence[Sequence[Floats]]) -> list[Floats]:
    """Return the polygons of what some but not all corners print; holes are joined by cuts.

    Parameters
    ----------
    prints
        per corner: outlines, counter-clockwise around islands, clockwise around holes, as `litho.contours` gives them
    """
    return band_between([join_holes(outlines) for outlines in prints])


def band_between(prints: Sequence[Sequence[Floats]]) -> list[Floats]:
    """Return what `band_polygons` does, of prints whose holes are joined by cuts already."""
    if len(prints) < 2:
        return []
    shapes = [[gdstk.Polygon(p.tolist()) for p in polygons] for polygons in prints]
    some = reduce(lambda a, b: gdstk.boolean(a, b, "or", RESOLUTION), shapes)
    every = reduce(lambda a, b: gdstk.boolean(a, b, "and", RESOLUTION), shapes)
    return [np.asarray(part.points) for part in gdstk.boolean(some, every, "not", RESOLUTION)]


def band_area_nm2(prints: Sequence[Sequence[Floats]]) -> float:
    """Return the area of the band between prints, nm^2; see `band_polygons`."""
    return sum(abs(polygon_area_nm2(polygon)) for polygon in band_polygons(prints))


def band_width_nm(placements: Sequence[EdgePlacement]) -> Floats:
    """Return the width of the band at each site, (n,): spread of the edge over corners; NaN where one lost it.

    Parameters
    ----------
    placements
        one per corner, at the same sites
    """
    if not placements:
        raise ValueError("`placements` must hold at least one corner, but got none.")
    errors = np.stack([placement.error_nm for placement in placements])
    return np.asarray(errors.max(axis=0) - errors.min(axis=0))


def unwanted_extrema(
    intensity: Intensity,
    grid: Grid,
    threshold: float,
    target: Sequence[Floats],
    *,
    mask: Sequence[Floats] = (),
    margin: float = MARGIN,
    clearance_nm: float = CLEARANCE_NM,
    tone: str = "bright",
    samples: NDArray[np.floating] | None = None,
) -> list[Extremum]:
    """Return side lobes, printing assist features and dimples, the worst first.

    Parameters
    ----------
    intensity
        image, or function of x_nm and y_nm, each (n,)
    grid
        where extrema are looked for before their place is found exactly: its pixels resolve the image
    threshold
        the resist's threshold over the dose
    target
        what should print: polygons, each (n, 2) vertices (x, y) in nm
    mask
        drawn shapes of the mask: an extremum over one that does not touch the target is an assist feature's
    margin
        share of the threshold by which an extremum may miss it and still be told
    clearance_nm
        distance from the target's edge within which nothing is told
    tone
        what prints, "bright" or "dark"
    samples : (ny, nx) real
        the intensity at the pixels of `grid`, if it is known
    """
    check_tone(tone)
    if not (math.isfinite(margin) and 0 <= margin < 1):
        raise ValueError(f"`margin` must be a share in [0, 1), but got {margin}.")
    if samples is None:
        samples = intensity_at(intensity, _pixel_centres(grid)).reshape(grid.shape)
    sign = 1.0 if tone == "bright" else -1.0
    found: list[Extremum] = []
    for outside, side in ((True, sign), (False, -sign)):  # too much outside of the target, too little inside
        places = _extrema(side * np.asarray(samples, dtype=np.float64), grid, side * threshold - margin * threshold)
        places, values = _refined(intensity, places, side, grid)
        wrong = side * (values - threshold)
        keep = wrong >= -margin * threshold
        keep[keep] = _away(places[keep], target, clearance_nm, outside)
        for (x, y), value, excess in zip(places[keep].tolist(), values[keep], wrong[keep], strict=True):
            kind = "dimple" if not outside else _kind((x, y), mask, target)
            found.append(Extremum(kind, x, y, float(value), threshold, bool(excess >= 0)))
    return sorted(found, key=lambda e: (-e.excess, e.x_nm, e.y_nm))


def _pixel_centres(grid: Grid) -> Floats:
    ny, nx = grid.shape
    x = grid.origin_nm[0] + (np.arange(nx) + 0.5) * grid.pixel_nm[1]
    y = grid.origin_nm[1] + (np.arange(ny) + 0.5) * grid.pixel_nm[0]
    return np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)


def _extrema(values: Floats, grid: Grid, at_least: float) -> Floats:
    """Return the centres of pixels that are local maxima in the periodic field, (n, 2)."""
    # a pixel beside the summit may be lower than the summit by a curvature: the bound is checked again later
    slack = 0.1 * abs(at_least)
    highest = scipy.ndimage.maximum_filter(values, size=3, mode="wrap")
    labels, count = scipy.ndimage.label((values == highest) & (values >= at_least - slack))
    if count == 0:
        return np.empty((0, 2))
    first = scipy.ndimage.maximum_position(values, labels, range(1, count + 1))
    return np.asarray(
        (np.array(first)[:, ::-1] + 0.5) * np.array(grid.pixel_nm[::-1]) + np.array(grid.origin_nm), dtype=np.float64
    )


def _refined(intensity: Intensity, places: Floats, side: float, grid: Grid) -> tuple[Floats, Floats]:
    """Return extrema near pixels, found by Newton's method on differences, and their values."""
    if len(places) == 0:
        return places, np.empty(0)
    step = np.array(grid.pixel_nm[::-1]) / 4
    offsets = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)], dtype=np.float64)
    start = places
    for _ in range(NEWTON):
        around = (places[:, None, :] + offsets * step).reshape(-1, 2)
        f = side * intensity_at(intensity, around).reshape(-1, 3, 3)
        gx, gy = (f[:, 2, 1] - f[:, 0, 1]) / 2, (f[:, 1, 2] - f[:, 1, 0]) / 2
        xx, yy = f[:, 2, 1] + f[:, 0, 1] - 2 * f[:, 1, 1], f[:, 1, 2] + f[:, 1, 0] - 2 * f[:, 1, 1]
        xy = (f[:, 2, 2] + f[:, 0, 0] - f[:, 2, 0] - f[:, 0, 2]) / 4
        determinant = xx * yy - xy**2
        top = (determinant > 1e-12 * (xx + yy) ** 2) & (xx + yy < 0)
        safe = np.where(top, determinant, 1.0)
        move = np.stack([(xy * gy - yy * gx) / safe, (xy * gx - xx * gy) / safe], axis=1)
        move = np.where(top[:, None], move, 0.0) * step
        places = start + np.clip(places + move - start, -4 * step, 4 * step)
    return places, intensity_at(intensity, places)


def _away(places: Floats, target: Sequence[Floats], clearance_nm: float, outside: bool) -> NDArray[np.bool_]:
    """Return which places lie outside (inside) the target, and farther from its edge than the clearance."""
    if len(places) == 0 or not target:
        return np.full(len(places), outside)
    distance = np.min([_distance(places, *edge) for edge in zip(*rim(target), strict=True)], axis=0)
    return np.asarray((inside(places, target) != outside) & (distance >= clearance_nm))


def _distance(places: Floats, start: Floats, end: Floats) -> Floats:
    """Return the distance of places (n, 2) from one edge, (n,)."""
    side, gap = end - start, places - start
    share = np.clip(gap @ side / max(float(side @ side), 1e-300), 0.0, 1.0)
    return np.asarray(np.hypot(*(gap - share[:, None] * side).T))


def _kind(place: tuple[float, float], mask: Sequence[Floats], target: Sequence[Floats]) -> str:
    """Return whether a side lobe stands over a shape of the mask that does not touch the target."""
    under = [polygon for polygon in mask if inside(np.array([place]), [polygon])[0]]
    if not under:
        return "side lobe"
    shapes = [gdstk.Polygon(polygon.tolist()) for polygon in target]
    touching = gdstk.boolean([gdstk.Polygon(under[0].tolist())], shapes, "and", RESOLUTION) if shapes else []
    return "side lobe" if touching else "assist feature"
