"""From a job to masks of curves: pixels find which shapes there are, curves are refined.

for result in correct_splines(job): ...
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from litho.backend import to_device
from litho.cells import Floats
from litho.contour import nested
from litho.finish import Found, Printer, finished
from litho.flow import Report, Update, correct, probe_costs
from litho.grid import Grid
from litho.job import Clip, Job
from litho.outlines import area_nm2, copies, length_nm, outlines, tiled
from litho.pixel_ilt import Stage, StageHistory, StageProblem, stage_problem
from litho.polygons import RESOLUTION
from litho.raster import coverage
from litho.result import ClipResult
from litho.rule_set import MaskRules
from litho.spline_ilt import SplineResult, SplineSettings, spline_ilt

MARGINS = (1 / 8, 1 / 2)
"""Shapes are put together across the field's border if they reach over it by less than such a share of the period."""


def correct_splines(job: Job, device: str = "auto", report: Report | None = None) -> Iterator[ClipResult]:
    """Find the mask of every clip on pixels, then refine it as curves; arguments as those of `litho.flow.correct`.

    Steps are reported with the rounds of curves as stages after those of pixels.

    Yields
    ------
    ClipResult
        of one clip after the other, in order. Its `curves` are the mask, its `mask_polygons` follow them
    """
    refine = partial(refined_as_curves, settings=with_rules(job.recipe.spline, job.recipe.rules), report=report)
    yield from correct(job, device, report, refine)


def with_rules(settings: SplineSettings, rules: MaskRules) -> SplineSettings:
    """Return settings whose curves keep the lengths and areas that a mask shop asks for."""
    radius = min((x for x in (rules.min_width_nm / 2, rules.min_space_nm / 2) if x > 0), default=0.0)
    return replace(
        settings,
        min_radius_nm=max(settings.min_radius_nm, rules.min_radius_nm, radius),
        min_width_nm=max(settings.min_width_nm, rules.min_width_nm),
        min_space_nm=max(settings.min_space_nm, rules.min_space_nm),
        min_area_nm2=max(settings.min_area_nm2, rules.min_area_nm2, rules.min_hole_nm2),
    )


def refined_as_curves(
    number: int,
    result: ClipResult,
    printer: Printer,
    settings: SplineSettings = SplineSettings(),
    report: Report | None = None,
) -> ClipResult:
    """Return the mask of a clip, by whatever method it was found, refined as curves.

    Parameters
    ----------
    number
        of the clip in the printer's job
    result
        of that clip: its outlines are where curves begin
    printer
        of the job
    settings, report
        as for `correct_splines`
    """
    begin, job = time.perf_counter(), printer.job
    clip, first_stage = job.clips[number], len(job.recipe.ilt.stages)

    def progress(round_: int, step: int, loss: float) -> bool:
        update = Update(range(number, number + 1), first_stage + round_, step, np.array([loss]))
        return report is not None and report(update)

    whole = periodic_outlines(result.mask_polygons, clip.grid)
    found = spline_ilt(whole, clip_problem(clip, job, printer.device, settings), settings, progress)
    seconds = float(result.info.get("seconds", 0.0)) + time.perf_counter() - begin
    return _finished(clip, found, result, printer, settings, seconds)


def clip_problem(clip: Clip, job: Job, device: str, settings: SplineSettings) -> StageProblem:
    """Return loss and chain of one clip on the print grid of the curves."""
    target = clip.coverage()
    probes = None
    if job.recipe.ilt.weights.epe > 0:
        probes = to_device(probe_costs(target >= 0.5, job)[None], device)
    return stage_problem(
        to_device(target[None], device),
        clip.grid,
        job.process,
        job.kernels,
        job.recipe.ilt,
        _stage(settings),
        mask=job.mask,
        probes=probes,
    )


def periodic_outlines(polygons: Sequence[Floats], grid: Grid) -> list[Floats]:
    """Return outlines that were cut at the border of a periodic field as whole ones.

    Each shape occurs once, with the middle of its box in the field, and with its holes. If that fails, since one
    goes on for more than the last of `MARGINS` of the period, all are left as they are.

    Parameters
    ----------
    polygons
        outlines without crossings, each (n, 2) points (x, y) in nm: counter-clockwise around islands and clockwise
        around holes
    grid
        the field
    """
    low, high = np.array(grid.bounds_nm[:2]), np.array(grid.bounds_nm[2:])
    if not any(np.any(p.min(axis=0) <= low) or np.any(p.max(axis=0) >= high) for p in polygons):
        return list(polygons)
    for margin in MARGINS:
        found = outlines(tiled(polygons, grid, margin * min(grid.period_nm)))
        kept: list[Floats] = []
        for island, holes in nested(found):
            middle = (found[island].min(axis=0) + found[island].max(axis=0)) / 2
            if np.all(middle >= low) and np.all(middle < high):
                kept += [found[island], *(found[k] for k in holes)]
        rounding = RESOLUTION * (length_nm(polygons) + length_nm(kept))
        if abs(area_nm2(kept) - area_nm2(polygons)) <= rounding:
            return kept
    return list(polygons)


def _stage(settings: SplineSettings) -> Stage:
    return Stage(settings.pixel_nm, settings.steps, 1.0, settings.resist_steepness)


def _finished(
    clip: Clip, found: SplineResult, result: ClipResult, printer: Printer, settings: SplineSettings, seconds: float
) -> ClipResult:
    """Return everything there is to say about a mask of curves."""
    job = printer.job
    tolerance = max(job.recipe.output.contour_tolerance_nm, 1e-3)
    polygons = tuple(curve.polygon(tolerance) for curve in found.curves)
    inside = coverage(copies(polygons, clip.grid, clip.grid.bounds_nm), clip.grid, np.float32)
    history = tuple(StageHistory(_stage(settings), values[:, None]) for values in found.history)
    batch = int(result.info.get("clips_in_batch", 1))
    stopped = found.stopped_early or bool(result.info.get("stopped_early", False))
    mask = (inside >= 0.5).astype(np.float32)
    whole = Found(mask - 0.5, result.history + history, seconds, batch, stopped, mask, polygons)
    done = finished(clip, whole, printer)
    return replace(done, curves=found.curves, metrics={**done.metrics, "curves": _description(found, settings)})


def _description(found: SplineResult, settings: SplineSettings) -> dict[str, object]:
    """Return what `metrics.json` says of the curves."""
    return {
        "outlines": len(found.curves),
        "fitted": len(found.curves),
        "control_points": found.control_points,
        "largest_deviation_nm": 0.0,
        "min_radius_nm": found.min_radius_nm if found.curves else None,
        "min_radius_asked_nm": settings.min_radius_nm,
        "too_tight": list(found.too_tight),
        "fallen_back": list(found.fallen_back),
    }
