"""Signed edge placement errors at sites on the target's edges, to a fraction of a nanometre.

An error is the distance from the site to the printed edge along the edge's normal, **positive outwards**: where the
print is larger than the target the error is positive, where it falls short it is negative. The edge is the first one
met from the site, going outwards where the site prints and inwards where it does not.

    sites = target_sites(polygons)
    placement = edge_placement(image, sites, threshold=0.3)
    placement.error_nm, placement.statistics(tolerance_nm=5)

The yes/no count of the ICCAD-2013 contest is in `litho.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import gdstk
import numpy as np
from numpy.typing import NDArray

from litho.backend import to_host
from litho.cells import Floats
from litho.cutline import Intensity, check_tone
from litho.grid import Grid
from litho.line_profile import bracketed_roots
from litho.polygons import merge

STEP_NM = 4.0
"""An edge is looked for in steps of about this much: two edges nearer to each other than a step may be overlooked."""

BORDER_NM = 1e-6
"""An edge this near to the border of the field lies on it."""

POINTS = 2**15
"""Points that the intensity is asked for at a time."""


@dataclass(frozen=True, eq=False)
class TargetSites:
    """Points on the target's edges; made by `target_sites`.

    Parameters
    ----------
    points_nm : (n, 2) real
        (x, y) in layout nm
    normals : (n, 2) real
        unit vectors out of the target
    """

    points_nm: Floats
    normals: Floats

    def __len__(self) -> int:
        return len(self.points_nm)


@dataclass(frozen=True)
class PlacementStatistics:
    """What edge placement errors come to.

    Parameters
    ----------
    sites, lost
        how many sites there are, and how many of these have no printed edge in reach
    mean_nm, std_nm, rms_nm
        mean, standard deviation and root of the mean square of the others
    lowest_nm, highest_nm
        the most negative and the most positive
    beyond
        sites whose error is larger than the tolerance, in either direction; lost ones included
    tolerance_nm
        that tolerance
    """

    sites: int
    lost: int
    mean_nm: float | None
    std_nm: float | None
    rms_nm: float | None
    lowest_nm: float | None
    highest_nm: float | None
    beyond: int
    tolerance_nm: float


@dataclass(frozen=True, eq=False)
class EdgePlacement:
    """Edge placement errors of one print.

    Parameters
    ----------
    sites
        where
    error_nm : (n,) real
        positive outwards; NaN where no edge is in reach
    printed : (n,) bool
        whether the site itself prints: where the error is NaN, it tells a print without end from none
    """

    sites: TargetSites
    error_nm: Floats
    printed: NDArray[np.bool_]

    def statistics(self, tolerance_nm: float) -> PlacementStatistics:
        """Return mean, spread, extremes and the number of errors beyond a tolerance."""
        if not tolerance_nm >= 0:
            raise ValueError(f"`tolerance_nm` must be at least 0, but got {tolerance_nm}.")
        found = self.error_nm[np.isfinite(self.error_nm)]
        lost = len(self.sites) - len(found)
        beyond = lost + int(np.count_nonzero(np.abs(found) > tolerance_nm))
        if len(found) == 0:
            return PlacementStatistics(len(self.sites), lost, None, None, None, None, None, beyond, tolerance_nm)
        rms = math.sqrt(float((found**2).mean()))
        moments = (float(found.mean()), float(found.std()), rms, float(found.min()), float(found.max()))
        return PlacementStatistics(len(self.sites), lost, *moments, beyond, tolerance_nm)


def target_sites(
    polygons: Sequence[Floats],
    interval_nm: float = 40.0,
    corner_nm: float = 40.0,
    shortest_nm: float = 0.0,
    grid: Grid | None = None,
) -> TargetSites:
    """Return sites along the edges of a target, of any angle.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise, without overlap; holes may be joined by cuts
    interval_nm
        largest distance of neighbouring sites on one edge
    corner_nm
        distance of the outermost sites from the ends of their edge; an edge up to twice as long has one, at its centre
    shortest_nm
        edges shorter than this have none
    grid
        a periodic field: edges on its border have none, for the shape goes on behind it

    Returns
    -------
    sites
        on the rim of the union of `polygons`
    """
    for name, value in (("interval_nm", interval_nm), ("corner_nm", corner_nm)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a positive length, but got {value}.")
    points, normals = [np.empty((0, 2))], [np.empty((0, 2))]
    starts, ends = rim(polygons)
    if grid is not None:
        inner = ~on_border(starts, ends, grid)
        starts, ends = starts[inner], ends[inner]
    for start, end in zip(starts, ends, strict=True):
        side = end - start
        length = math.hypot(*side)
        if length < shortest_nm:
            continue
        points.append(start + _shares(length, interval_nm, corner_nm)[:, None] * side)
        normals.append(np.tile([side[1] / length, -side[0] / length], (len(points[-1]), 1)))
    return TargetSites(np.concatenate(points), np.concatenate(normals))


def rim(polygons: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return starts and ends, (n, 2) each, of the edges of a union of polygons, which runs on the left of each.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y); between polygons that abut, and along cuts to holes, there is no edge
    """
    starts, ends = [np.empty((0, 2))], [np.empty((0, 2))]
    for polygon in merge(polygons):
        start, end = polygon, np.roll(polygon, -1, axis=0)
        walked = set(map(tuple, np.concatenate([start, end], axis=1).tolist()))
        real = [(*b, *a) not in walked for a, b in zip(start.tolist(), end.tolist(), strict=True)]
        starts.append(start[real])
        ends.append(end[real])
    return np.concatenate(starts), np.concatenate(ends)


def on_border(starts: Floats, ends: Floats, grid: Grid) -> NDArray[np.bool_]:
    """Return which edges, from `starts` to `ends` (n, 2), lie on the border of a field."""
    x0, y0, x1, y1 = grid.bounds_nm
    result = np.zeros(len(starts), bool)
    for axis, border in ((0, x0), (1, y0), (0, x1), (1, y1)):
        result |= (np.abs(starts[:, axis] - border) < BORDER_NM) & (np.abs(ends[:, axis] - border) < BORDER_NM)
    return result


def edge_placement(
    intensity: Intensity, sites: TargetSites, threshold: float, *, reach_nm: float = 60.0, tone: str = "bright"
) -> EdgePlacement:
    """Return the edge placement error at each site.

    Parameters
    ----------
    intensity
        image, or function of x_nm and y_nm, each (n,); it prints where it is at least the threshold, or at most
    sites
        see `target_sites`
    threshold
        the resist's threshold over the dose
    reach_nm
        an edge farther away than this is lost
    tone
        what prints, "bright" or "dark"
    """
    check_tone(tone)
    sign = 1.0 if tone == "bright" else -1.0
    for name, value in (("threshold", threshold), ("reach_nm", reach_nm)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a positive number, but got {value}.")

    def above(points: Floats) -> Floats:
        return sign * (intensity_at(intensity, points) - threshold)

    printed = above(sites.points_nm) >= 0
    ways = np.where(printed, 1.0, -1.0)[:, None] * sites.normals
    count = max(1, math.ceil(reach_nm / STEP_NM))
    distances = reach_nm / count * np.arange(count + 1)
    levels = above((sites.points_nm[:, None, :] + distances[1:, None] * ways[:, None, :]).reshape(-1, 2))
    other = (levels >= 0).reshape(-1, count) != printed[:, None]
    first = np.argmax(other, axis=1) + 1
    there = np.flatnonzero(other.any(axis=1))
    points, ways = sites.points_nm[there], ways[there]
    found = bracketed_roots(
        lambda distance: above(points + distance[:, None] * ways), distances[first[there] - 1], distances[first[there]]
    )
    errors = np.full(len(sites), np.nan)
    errors[there] = np.where(printed[there], found, -found)
    return EdgePlacement(sites, errors, printed)


def intensity_at(intensity: Intensity, points_nm: Floats) -> Floats:
    """Return the intensity at points (n, 2), asking for so many at a time that memory stays small."""
    function = intensity.at if hasattr(intensity, "at") else intensity
    parts = [points_nm[start : start + POINTS] for start in range(0, len(points_nm), POINTS)]
    values = [np.asarray(to_host(function(part[:, 0], part[:, 1])), dtype=np.float64) for part in parts]
    return np.concatenate(values) if values else np.empty(0)


def inside(points_nm: Floats, polygons: Sequence[Floats]) -> NDArray[np.bool_]:
    """Return which of the points (n, 2) lie in one of the polygons, (n,)."""
    if len(points_nm) == 0 or len(polygons) == 0:
        return np.zeros(len(points_nm), bool)
    shapes = [gdstk.Polygon(polygon.tolist()) for polygon in polygons]
    flags: NDArray[np.bool_] = np.array(gdstk.inside(points_nm.tolist(), shapes), dtype=bool)
    return flags


def _shares(length: float, interval: float, corner: float) -> Floats:
    """Return where sites stand on an edge, as shares of its length."""
    if length <= 2 * corner:
        return np.array([0.5])
    count = math.ceil((length - 2 * corner) / interval - 1e-9) + 1
    return np.linspace(corner, length - corner, count) / length
