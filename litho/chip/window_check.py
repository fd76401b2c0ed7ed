"""What a mask prints in one window of a chip, and which limits and rules are broken there; each place counted once.

A window is a tile of a plan of its own, moved by half a core against the tiles that were corrected, so that every seam
lies inside one. It is simulated on its field and answers for its core: of sites, hot spots and broken rules it keeps
those that lie there. Cores share no point, so that none is counted twice.

Edges are measured on the image by the recipe's kernels, sampled every `SAMPLES_NM` and joined by cubic splines, which
is within 0.001 nm of the image between its samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.band_image import BandImage, SampledImage
from litho.cells import Floats
from litho.chip.tiles import Tile, TilePlan
from litho.edge_placement import TargetSites
from litho.grid import Grid
from litho.hotspots import CornerPrint, HotSpot, find_hotspots, placed
from litho.job import Job
from litho.mask import transmission_band
from litho.mask_rules import check_mask
from litho.outlines import outlines
from litho.polygon_spectrum import join_outlines, polygon_band
from litho.polygons import Box
from litho.printability import band_width_nm
from litho.raster import polygon_area_nm2
from litho.rule_check import rules_that_apply
from litho.rule_set import RuleViolation
from litho.socs import image_band

SAMPLES_NM = 4.0
"""Largest distance of the image's samples."""

SEAM_NM = 100.0
"""Sites this near to a border of two tiles are sites at seams: within the distance that images blur over."""


@dataclass(frozen=True, eq=False)
class WindowCheck:
    """What one window found.

    Parameters
    ----------
    points_nm : (n, 2) real
        sites (x, y) in layout nm
    error_nm : (corners, n) real
        edge placement errors, the nominal corner first; NaN where an edge is lost
    band_nm : (n,) real
        width of the process-variation band, NaN where it is not known
    hotspots
        broken limits
    violations
        broken mask rules
    """

    points_nm: Floats
    error_nm: Floats
    band_nm: Floats
    hotspots: tuple[HotSpot, ...]
    violations: tuple[RuleViolation, ...]

    def moved(self, x_nm: float, y_nm: float) -> WindowCheck:
        """Return the same at another place; its sites stay."""
        by = np.array([x_nm, y_nm])
        spots = tuple(replace(s, x_nm=s.x_nm + x_nm, y_nm=s.y_nm + y_nm) for s in self.hotspots)
        places = tuple(
            replace(v, x_nm=v.x_nm + x_nm, y_nm=v.y_nm + y_nm, marker_nm=v.marker_nm + by) for v in self.violations
        )
        return replace(self, hotspots=spots, violations=places)

    def within(self, box_nm: Box) -> WindowCheck:
        """Return the same without hot spots and violations outside of a box."""
        spots = tuple(s for s in self.hotspots if _inside(s.x_nm, s.y_nm, box_nm))
        return replace(
            self, hotspots=spots, violations=tuple(v for v in self.violations if _inside(v.x_nm, v.y_nm, box_nm))
        )


def window_plan(tiles: TilePlan) -> TilePlan:
    """Return the windows: the same cores and fields, moved by half a core, one more on either axis."""
    (x, y), (width, height), (columns, rows) = tiles.origin_nm, tiles.core_nm, tiles.counts
    return replace(tiles, origin_nm=(x - width / 2, y - height / 2), counts=(columns + 1, rows + 1))


def seam_distance_nm(points_nm: Floats, tiles: TilePlan, moved: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Return how far points (n, 2) are from the nearest border of two tiles, infinite if there is none.

    Parameters
    ----------
    points_nm
        (x, y)
    tiles
        where tiles lie
    moved
        lines that run so far beside the borders instead, as shares of a core from 0 up to 1 along x and y
    """
    distance = np.full(len(points_nm), math.inf)
    for axis, share in enumerate(moved):
        origin, step, count = tiles.origin_nm[axis], tiles.core_nm[axis], tiles.counts[axis]
        first = 0 if share > 0 else 1
        if first < count:
            nearest = np.clip(np.rint((points_nm[:, axis] - origin) / step - share), first, count - 1)
            distance = np.minimum(distance, np.abs(points_nm[:, axis] - (origin + (nearest + share) * step)))
    return distance


def check_window(window: Tile, target: Sequence[Floats], mask: Sequence[Floats], job: Job) -> WindowCheck:
    """Return what a mask prints in the core of one window.

    Parameters
    ----------
    window
        of `window_plan`
    target, mask
        polygons in its field, each (n, 2) vertices (x, y) in layout nm, without overlap, holes joined by cuts
    job
        recipe, process and kernels of a field of this size; its clips are not looked at
    """
    grid, settings = window.grid(pixel_of(_sides(window.field_nm))), job.recipe.verify
    limits, labels = settings.build(), job.recipe.process.labels()
    drawn = outlines(mask)
    corners = window_corners(mask, grid, job)
    everywhere = settings.sites(target, grid)
    kept = in_box(everywhere.points_nm, window.core_nm)
    sites = TargetSites(everywhere.points_nm[kept], everywhere.normals[kept])
    placements = [placed(corner, sites, limits) for corner in corners]
    islands = [ring for ring in drawn if polygon_area_nm2(ring) > 0]
    spots = find_hotspots(corners, sites, target, grid, limits, mask=islands, placements=placements)
    band = band_width_nm(placements[1:]) if len(labels) > 2 else np.full(len(sites), np.nan)
    return WindowCheck(
        sites.points_nm,
        np.stack([placement.error_nm for placement in placements]),
        band,
        tuple(spot for spot in spots if _inside(spot.x_nm, spot.y_nm, window.core_nm)),
        window_violations(window, drawn, target, job),
    )


def window_corners(mask: Sequence[Floats], grid: Grid, job: Job) -> tuple[CornerPrint, ...]:
    """Return the image of polygons at each process corner by the job's kernels, sampled on a grid."""
    process = job.process
    seen = outlines(job.shapes_seen(mask, grid))
    images = []
    for kernels in job.kernels:
        radius = kernels.radius
        if seen:
            half, _ = polygon_band(*join_outlines([np.asarray(p, dtype=np.float64) for p in seen]), grid, radius)
        else:
            half = np.zeros((2 * radius[0] + 1, radius[1] + 1), np.complex128)
        band = transmission_band(half, job.mask)
        samples = BandImage(np.asarray(image_band(band, kernels.like(band))[0]), grid).samples()
        images.append((SampledImage(samples, grid), samples))
    return tuple(
        CornerPrint(
            label,
            images[focus][0],
            images[focus][0],
            process.resist.threshold / corner.dose,
            images[focus][1],
            process.resist.tone,
        )
        for label, corner, focus in zip(
            job.recipe.process.labels(), process.corners, process.focus_of_corner, strict=True
        )
    )


def window_violations(
    window: Tile, drawn: Sequence[Floats], target: Sequence[Floats], job: Job
) -> tuple[RuleViolation, ...]:
    """Return where the mask breaks a rule in the core of a window; outlines are cut off at the field's border."""
    rules = rules_that_apply(job.recipe.rules, drawn)
    found = check_mask(drawn, rules, bounds_nm=window.field_nm, targets=target)
    return tuple(v for v in found if _inside(v.x_nm, v.y_nm, window.core_nm))


def in_box(points_nm: Floats, box: Box) -> NDArray[np.bool_]:
    """Return which points (n, 2) lie in a box; of its border the left and the lower side belong to it."""
    low, high = np.array(box[:2]), np.array(box[2:])
    inside: NDArray[np.bool_] = np.all((points_nm >= low) & (points_nm < high), axis=1)
    return inside


def arrays_of(check: WindowCheck, corner_nm: tuple[float, float]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a check as a tile file holds them, places relative to a corner."""
    return {
        "points_nm": check.points_nm - corner_nm,
        "error_nm": check.error_nm,
        "band_nm": check.band_nm,
    }


def lists_of(check: WindowCheck, corner_nm: tuple[float, float]) -> dict[str, Any]:
    """Return hot spots and violations as plain tables, places relative to a corner; what is infinite becomes text."""
    x, y = corner_nm
    spots = [asdict(replace(spot, x_nm=spot.x_nm - x, y_nm=spot.y_nm - y)) for spot in check.hotspots]
    places = [
        {
            "rule": v.rule,
            "value": v.value,
            "limit": v.limit,
            "x_nm": v.x_nm - x,
            "y_nm": v.y_nm - y,
            "marker_nm": (v.marker_nm - corner_nm).tolist(),
        }
        for v in check.violations
    ]
    return {"hotspots": [{k: _plain(v) for k, v in spot.items()} for spot in spots], "violations": places}


def check_of(
    arrays: Mapping[str, NDArray[Any]], lists: Mapping[str, Any], corner_nm: tuple[float, float]
) -> WindowCheck:
    """Return a check from its file, at a place; the reverse of `arrays_of` and `lists_of`."""
    found = WindowCheck(
        arrays["points_nm"] + corner_nm,
        arrays["error_nm"],
        arrays["band_nm"],
        tuple(_spot(spot) for spot in lists["hotspots"]),
        tuple(
            RuleViolation(v["rule"], v["value"], v["limit"], v["x_nm"], v["y_nm"], np.array(v["marker_nm"]))
            for v in lists["violations"]
        ),
    )
    return found.moved(*corner_nm)


def _spot(table: Mapping[str, Any]) -> HotSpot:
    x, y, value, limit, severity = (float(table[name]) for name in ("x_nm", "y_nm", "value", "limit", "severity"))
    return HotSpot(table["kind"], x, y, value, limit, severity, table["corner"])


def _plain(value: object) -> object:
    """Return a number that JSON has no word for as text, which `float` reads."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _inside(x_nm: float, y_nm: float, box: Box) -> bool:
    return box[0] <= x_nm < box[2] and box[1] <= y_nm < box[3]


def pixel_of(sides_nm: tuple[float, float], largest_nm: float = SAMPLES_NM) -> float:
    """Return the largest pixel up to some size that both sides of a field are whole multiples of."""
    for parts in range(1, 65):
        pixel = largest_nm / parts
        if all(abs(side / pixel - round(side / pixel)) < 1e-9 for side in sides_nm):
            return pixel
    raise ValueError(f"`sides_nm` must be whole multiples of a pixel of up to {largest_nm:g} nm, but got {sides_nm}.")


def _sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]
