"""What a mask's image measures: cut lines and their process window, edge placement and hot spots of a clip.

    window = measure_window(images, foci_nm, threshold, cuts, settings)
    verification = verify_clip(clip, mask, corners, job.recipe.verify)

Both come with a result of `litho.flow` into its folder, pictures and report.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from litho.cells import Floats
from litho.cutline import CutLine, Intensity, check_in_field
from litho.edge_placement import EdgePlacement, PlacementStatistics, TargetSites
from litho.grid import Grid
from litho.hotspots import KINDS, CornerPrint, HotSpot, find_hotspots, placed
from litho.job import JobError
from litho.printability import band_area_nm2, band_width_nm
from litho.process_window import (
    ExposureWindow,
    ThroughFocus,
    exposure_latitude,
    exposure_window,
    isofocal_dose,
    overlap,
    through_focus,
)
from litho.recipe_verify import CutTable, VerifyTable, WindowTable
from litho.window_fit import SHAPES, LatitudeCurve, latitude_curve


@dataclass(frozen=True, eq=False)
class MeasuredCut:
    """A feature on a cut line, through dose and focus.

    Parameters
    ----------
    series
        the feature
    goal_nm
        CD that the window is for
    window
        doses within the tolerance, focus by focus
    latitude
        exposure latitude at the focus nearest to 0, a share of the dose to size; NaN if there is none
    depth_of_focus_nm
        range of focus within the tolerance at dose 1; 0 if there is none
    isofocal
        dose and CD at which focus does not bend the CD; None if there is none, or fewer than three foci
    """

    series: ThroughFocus
    goal_nm: float
    window: ExposureWindow
    latitude: float
    depth_of_focus_nm: float
    isofocal: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class MeasuredWindow:
    """Cut lines of one clip and their common process window.

    Parameters
    ----------
    cuts
        each feature
    common
        doses that keep all of them within the tolerance
    curves
        exposure latitude over depth of focus in the common window, "ellipse" and "rectangle"
    settings
        the recipe's table
    """

    cuts: tuple[MeasuredCut, ...]
    common: ExposureWindow
    curves: Mapping[str, LatitudeCurve]
    settings: WindowTable

    def figures(self) -> dict[str, Any]:
        """Return the numbers, as `metrics.json` has them."""
        windows = {shape: _window(curve, self.settings.latitude) for shape, curve in self.curves.items()}
        return {"tolerance": self.settings.tolerance, "cuts": [_cut(c) for c in self.cuts], "windows": windows}


@dataclass(frozen=True, eq=False)
class Verification:
    """Whether a print keeps its limits.

    Parameters
    ----------
    sites
        where edges were checked
    placements
        edge placement at every corner, the nominal one first
    labels
        of the corners
    band_nm : (n,) real
        width of the process-variation band at each site; NaN where an edge is lost; empty with fewer than two corners
        beside the nominal one
    hotspots
        broken limits, the worst first
    settings
        the recipe's table
    band_area_nm2
        area of the process-variation band, if its outlines are known
    rules_clean
        whether the mask keeps its rules; None if that was not checked
    """

    sites: TargetSites
    placements: tuple[EdgePlacement, ...]
    labels: tuple[str, ...]
    band_nm: Floats
    hotspots: tuple[HotSpot, ...]
    settings: VerifyTable
    band_area_nm2: float | None = None
    rules_clean: bool | None = None

    @property
    def statistics(self) -> tuple[PlacementStatistics, ...]:
        """Edge placement statistics at every corner."""
        return tuple(p.statistics(self.settings.epe_nm) for p in self.placements)

    @property
    def passed(self) -> bool:
        """Whether there is no hot spot, the edges are as near as asked in the mean, and no mask rule is broken."""
        rms, limit = self.statistics[0].rms_nm, self.settings.rms_nm
        near = limit is None or rms is None or rms <= limit
        return not self.hotspots and near and self.rules_clean is not False

    def figures(self) -> dict[str, Any]:
        """Return the numbers, as `metrics.json` has them."""
        width = self.band_nm[np.isfinite(self.band_nm)]
        return {
            "passed": self.passed,
            "edge_placement_nm": {label: asdict(s) for label, s in zip(self.labels, self.statistics, strict=True)},
            "band_area_nm2": self.band_area_nm2,
            "band_width_nm": {
                "mean": float(width.mean()) if len(width) else None,
                "largest": float(width.max()) if len(width) else None,
            },
            "rules_clean": self.rules_clean,
            "hotspots": {kind: n for kind in KINDS if (n := sum(s.kind == kind for s in self.hotspots))},
        }


def check_cuts(cuts: Sequence[CutTable], grid: Grid) -> None:
    """Refuse cut lines that leave the field, before any image is computed.

    Raises
    ------
    JobError
        naming the cut line
    """
    for number, cut in enumerate(cuts, 1):
        line = cut.build(number)
        with _named(line):
            check_in_field(line, grid)


def measure_window(
    images: Sequence[Intensity],
    foci_nm: Sequence[float],
    threshold: float,
    cuts: Sequence[CutTable],
    settings: WindowTable,
) -> MeasuredWindow:
    """Measure features through dose and focus.

    Parameters
    ----------
    images
        one per focus, dose 1
    foci_nm
        rising
    threshold
        of the resist
    cuts
        at least one
    settings
        tolerance of the CD

    Raises
    ------
    JobError
        naming the cut line that cannot be measured, and why
    """
    measured = []
    for number, cut in enumerate(cuts, 1):
        line = cut.build(number)
        with _named(line):
            series = through_focus(images, foci_nm, line, threshold, near_nm=cut.near_nm, tone=cut.tone)
        measured.append(_measured(series, cut.cd_nm, settings.tolerance))
    common = overlap([cut.window for cut in measured])
    curves = {shape: latitude_curve(common, shape) for shape in SHAPES} if len(foci_nm) > 1 else {}
    return MeasuredWindow(tuple(measured), common, curves, settings)


def verify_clip(
    corners: Sequence[CornerPrint],
    target: Sequence[Floats],
    grid: Grid,
    settings: VerifyTable,
    mask: Sequence[Floats] = (),
    prints: Sequence[Sequence[Floats]] = (),
    rules_clean: bool | None = None,
) -> Verification:
    """Check a print against the limits of a recipe.

    Parameters
    ----------
    corners
        images at the process corners, the nominal one first
    target
        what should print: polygons, each (n, 2) vertices (x, y) in nm
    grid
        of the clip
    settings
        sites and limits
    mask
        drawn shapes of the mask, to tell assist features; may be left out
    prints
        outlines of what each corner prints, for the area of the band; may be left out
    rules_clean
        whether the mask keeps its rules, see `litho.mask_rules`; it fails if not
    """
    sites, limits = settings.sites(target, grid), settings.build()
    placements = [placed(c, sites, limits) for c in corners]
    spots = find_hotspots(corners, sites, target, grid, limits, mask=mask, placements=placements)
    width = band_width_nm(placements[1:]) if len(corners) > 2 else np.empty(0)
    labels = tuple(c.label for c in corners)
    area = band_area_nm2(prints[1:]) if len(prints) > 2 else None
    return Verification(sites, tuple(placements), labels, width, tuple(spots), settings, area, rules_clean)


@contextmanager
def _named(line: CutLine) -> Iterator[None]:
    """Tell of which cut line something is wrong."""
    try:
        yield
    except ValueError as error:
        raise JobError(f"`cut` {line.name!r}: {error}") from error


def _measured(series: ThroughFocus, goal: float | None, tolerance: float) -> MeasuredCut:
    goal = series.nominal.cd_nm if goal is None else goal
    window = exposure_window(series, goal, tolerance)
    reach = window.focus_range_nm(1.0)
    return MeasuredCut(
        series,
        goal,
        window,
        float(exposure_latitude(series.best_focus(), goal, tolerance)[0]),
        0.0 if reach is None else reach[1] - reach[0],
        isofocal_dose(series) if len(series.foci_nm) > 2 else None,
    )


def _cut(cut: MeasuredCut) -> dict[str, Any]:
    feature = cut.series.nominal
    return {
        "name": cut.series.line.name,
        "tone": feature.tone,
        "cd_nm": feature.cd_nm,
        "goal_nm": cut.goal_nm,
        "nils": feature.nils,
        "contrast": feature.contrast,
        "image_slope_per_nm": feature.image_slope,
        "log_slope_per_nm": feature.log_slope,
        "exposure_latitude": _number(cut.latitude),
        "depth_of_focus_nm": cut.depth_of_focus_nm,
        "isofocal_dose": None if cut.isofocal is None else cut.isofocal[0],
        "isofocal_cd_nm": None if cut.isofocal is None else cut.isofocal[1],
    }


def _window(curve: LatitudeCurve, latitude: float) -> dict[str, Any]:
    largest = curve.largest()
    return {
        "depth_of_focus_nm": curve.depth_of_focus_nm(latitude),
        "at_exposure_latitude": latitude,
        "largest": None if largest is None else asdict(largest),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
