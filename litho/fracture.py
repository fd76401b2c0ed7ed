"""From a mask to the shots that write it: rectangles, trapezoids, overlapping rectangles.

    fractured = fracture(polygons, "overlapping", FractureSettings(tolerance_nm=9.0))
    fractured.count, fractured.shots

What a count means depends on the method, so a result names it. `litho.shots` counts as the literature on inverse
lithography does, `litho.multibeam` needs no shots, `litho.write_time` says how long they take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.cells import Floats
from litho.curve_shots import cover
from litho.grid import Grid
from litho.outlines import areas_nm2, united
from litho.raster import coverage
from litho.rectangles import is_manhattan, minimum_rectangles, slivers
from litho.shot_fit import Objective, blurred_difference, fit_shots, shot_polygons
from litho.trapezoids import trapezoids

Method = Literal["rectangles", "trapezoids", "overlapping"]
METHODS: tuple[Method, ...] = ("rectangles", "trapezoids", "overlapping")

MOST_PIXELS = 8192**2
"""A curved mask that needs more pixels than this is refused."""

_COVER_SHARE = 2 / 3
"""Part of the tolerance that covering takes; the rest is room for the edges to move in."""


@dataclass(frozen=True)
class FractureSettings:
    """How shots may differ from the mask.

    Parameters
    ----------
    tolerance_nm
        of the union's outline: nothing of it is farther than this outside the mask, and what it leaves out is nowhere
        deeper than this in the mask
    grid_nm
        shots' corners are multiples of this
    min_side_nm
        cuts avoid shorter sides, and those left are counted as slivers
    blur_nm
        of the lens, by which edges are moved, see `litho.shot_fit.blurred_difference`
    steps
        of that descent
    """

    tolerance_nm: float = 6.0
    grid_nm: float = 1.0
    min_side_nm: float = 10.0
    blur_nm: float = 30.0
    steps: int = 60

    def __post_init__(self) -> None:
        for name in ("tolerance_nm", "grid_nm", "blur_nm"):
            length = getattr(self, name)
            if not (math.isfinite(length) and length > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {length}.")
        if not (math.isfinite(self.min_side_nm) and self.min_side_nm >= 0):
            raise ValueError(f"`min_side_nm` must be a length of at least 0, but got {self.min_side_nm}.")
        if self.tolerance_nm < 2 * self.grid_nm:
            raise ValueError(
                f"`tolerance_nm` must be at least two steps of the grid of {self.grid_nm} nm, but got "
                f"{self.tolerance_nm}."
            )
        if self.steps < 1:
            raise ValueError(f"`steps` must be at least 1, but got {self.steps}.")


@dataclass(frozen=True, eq=False)
class Fractured:
    """A mask as shots.

    Parameters
    ----------
    method
        that they were found by
    shots
        each a convex polygon (n, 2), x, y in nm
    slivers
        how many have a side, or a height, below the limit
    exact
        whether their union is the mask itself
    """

    method: Method
    shots: tuple[Floats, ...]
    slivers: int
    exact: bool

    @property
    def count(self) -> int:
        """Number of shots."""
        return len(self.shots)

    @property
    def area_nm2(self) -> float:
        """Area exposed, nm^2; where shots overlap, as often as it is."""
        return float(areas_nm2(self.shots).sum())


@dataclass(frozen=True)
class Deviation:
    """How far a union of shots is from the mask, measured on pixels of `pixel_nm`.

    Parameters
    ----------
    outside_nm
        largest distance of a covered point from the mask
    inside_nm
        largest depth in the mask of a point that is not covered
    area_nm2
        area where the two differ
    pixel_nm
        of the raster; lengths are right to about this
    """

    outside_nm: float
    inside_nm: float
    area_nm2: float
    pixel_nm: float


def fracture(
    polygons: Sequence[Floats],
    method: Method,
    settings: FractureSettings | None = None,
    objective: tuple[Objective, Grid] | None = None,
) -> Fractured:
    """Return the shots of a mask.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise, holes clockwise or joined by a cut
    method
        "rectangles": the fewest disjoint rectangles. A mask with edges of other directions is first replaced by the
        union of overlapping shots, within the tolerance; "trapezoids": disjoint, with horizontal parallel sides, exact
        at any angle; "overlapping": the fewest rectangles found within the tolerance that may overlap
    settings
        tolerance, grid, least side
    objective
        of a coverage on a grid that covers the mask, which edges of overlapping shots are moved by last, within the
        tolerance; such as the loss of an inverse problem
    """
    settings = FractureSettings() if settings is None else settings
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(METHODS)}, but got {method!r}.")
    mask = united(polygons)
    if not mask:
        raise ValueError("`polygons` must cover some area, but cover none.")
    if method == "trapezoids":
        parts = trapezoids(mask)
        low = sum(bool(np.ptp(part[:, 1]) < settings.min_side_nm) for part in parts)
        return Fractured(method, tuple(parts), low, True)
    unit = settings.grid_nm
    exact = all(is_manhattan(p) and _on_grid(p, unit) for p in mask)
    found: Floats
    if method == "overlapping":
        found = _overlapping(mask, settings, objective)
    else:
        cut = mask if exact else shot_polygons(_overlapping(mask, settings, objective))
        whole = minimum_rectangles([np.rint(p / unit) for p in cut], settings.min_side_nm / unit)
        found = whole.astype(np.float64) * unit
    shots = tuple(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) for x0, y0, x1, y1 in found.tolist())
    return Fractured(method, shots, slivers(found, settings.min_side_nm), exact and method == "rectangles")


def deviation(shots: Sequence[Floats], polygons: Sequence[Floats], pixel_nm: float = 1.0) -> Deviation:
    """Return how far the union of shots is from a mask, as drawn."""
    grid = _field([*shots, *polygons], pixel_nm, 4 * pixel_nm)
    covered, inside = (coverage(united(p), grid) >= 0.5 for p in (shots, polygons))
    return bits_deviation(covered, inside, pixel_nm)


def bits_deviation(covered: NDArray[np.bool_], inside: NDArray[np.bool_], pixel_nm: float) -> Deviation:
    """Return how far covered pixels (ny, nx) are from those of a mask."""
    reach = scipy.ndimage.distance_transform_edt(~inside)[covered].max(initial=0.5) - 0.5  # to edges, not centres
    depth = scipy.ndimage.distance_transform_edt(inside)[~covered].max(initial=0.5) - 0.5
    differing = int(np.count_nonzero(covered != inside))
    reach, depth = max(float(reach), 0.0), max(float(depth), 0.0)
    return Deviation(reach * pixel_nm, depth * pixel_nm, differing * pixel_nm**2, pixel_nm)


def _overlapping(
    mask: Sequence[Floats], settings: FractureSettings, objective: tuple[Objective, Grid] | None
) -> Floats:
    """Return overlapping shots (n, 4) x0, y0, x1, y1 in nm."""
    unit = settings.grid_nm
    pixel = unit * (2 if settings.tolerance_nm >= 4 * unit else 1)
    grid = _field(mask, pixel, 2 * settings.blur_nm + 2 * settings.tolerance_nm)
    start, room = _covered(mask, grid, settings.tolerance_nm - (pixel + unit) / 2)  # raster and rounding take the rest
    coarse = Grid((grid.shape[0] // 2, grid.shape[1] // 2), (2 * pixel, 2 * pixel), grid.origin_nm)
    wanted = blurred_difference(np.asarray(coverage(mask, coarse), np.float64), coarse, settings.blur_nm)
    found = fit_shots(start, room, wanted, coarse, settings.steps)
    if objective is not None:
        found = fit_shots(found, room, *objective, settings.steps)
    rounded = np.rint(found / unit) * unit
    return np.asarray(rounded[(rounded[:, 2] > rounded[:, 0]) & (rounded[:, 3] > rounded[:, 1])])


def _covered(mask: Sequence[Floats], grid: Grid, tolerance_nm: float) -> tuple[Floats, tuple[Floats, Floats]]:
    """Return shots (n, 4) in nm that cover a mask, and the least and largest value that the tolerance leaves each."""
    pixel = grid.pixel_nm[0]
    reach, slack = _COVER_SHARE * tolerance_nm, (1 - _COVER_SHARE) * tolerance_nm
    found = cover(coverage(mask, grid) >= 0.5, reach / pixel, slack / pixel)
    origin = np.tile(grid.origin_nm, 2)
    shots, cores = found.shots * pixel + origin, found.cores * pixel + origin
    lowest, highest = np.minimum(shots, cores), np.maximum(shots, cores)
    lowest[:, :2] -= slack / math.sqrt(2)  # of a corner, whose two edges move
    highest[:, 2:] += slack / math.sqrt(2)
    inwards = np.array([reach, reach, -reach, -reach]) / 2
    return np.clip(shots + inwards, lowest, highest), (lowest, highest)


def _on_grid(polygon: Floats, unit_nm: float) -> bool:
    return bool(np.allclose(polygon / unit_nm, np.rint(polygon / unit_nm), rtol=0, atol=1e-6))


def _field(polygons: Sequence[Floats], pixel_nm: float, margin_nm: float) -> Grid:
    """Return the grid of whole pixels, even in number, around polygons."""
    low = np.floor((np.min([p.min(axis=0) for p in polygons], axis=0) - margin_nm) / pixel_nm)
    high = np.ceil((np.max([p.max(axis=0) for p in polygons], axis=0) + margin_nm) / pixel_nm)
    nx, ny = (int(n) for n in 2 * np.ceil((high - low) / 2))
    if nx * ny > MOST_PIXELS:
        raise ValueError(
            f"`polygons` must fit into {MOST_PIXELS} pixels of {pixel_nm:g} nm, but need {nx} x {ny}; cut them, or "
            "choose a coarser grid."
        )
    return Grid((ny, nx), (pixel_nm, pixel_nm), (float(low[0] * pixel_nm), float(low[1] * pixel_nm)))
