"""The last steps of a clip: from a level field to mask, outlines, prints and figures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.backend import to_device, to_host
from litho.cells import Floats
from litho.contour import contours, simplify
from litho.curves import Curve, fit_curve
from litho.grid import Grid
from litho.info import environment
from litho.job import Clip, Job
from litho.mask_rules import check_mask
from litho.metrics import evaluate
from litho.model import aerial_images, print_model
from litho.pixel_ilt import StageHistory
from litho.raster import coverage
from litho.resist import prints
from litho.result import ClipResult
from litho.rule_check import rules_that_apply
from litho.rule_repair import repair_mask
from litho.rule_report import rule_figures
from litho.rule_set import MaskRules, RuleViolation
from litho.shots import greedy_rectangles


@dataclass(frozen=True, eq=False)
class Found:
    """A mask and how it was come by.

    Parameters
    ----------
    level : (ny, nx) real
        positive inside the mask
    history
        loss of this clip, one entry per stage
    seconds
        this clip's share of the optimisation
    batch
        number of clips that were optimised together
    stopped_early
        whether somebody asked to stop
    coverage : (ny, nx) real, in 0..1
        the mask, where it is more than the sign of the level
    outlines
        of the mask, where they are known
    """

    level: NDArray[Any]
    history: tuple[StageHistory, ...] = ()
    seconds: float = 0.0
    batch: int = 1
    stopped_early: bool = False
    coverage: NDArray[np.float32] | None = None
    outlines: Sequence[Floats] | None = None


class Printer:
    """What a mask on the scoring grid prints: the chain of a job, put on a device once.

    In double precision, whatever masks were optimised in: figures that count pixels then do not depend on rounding.
    """

    def __init__(self, job: Job, device: str) -> None:
        self.job, self.device = job, device
        like = to_device(np.zeros(1), device)
        self._model = print_model(job.clips[0].grid, job.process, job.kernels, like, mask=job.mask)

    def exposed(self, coverage: NDArray[np.float32]) -> Iterator[Floats]:
        """Yield the intensity of a mask (ny, nx) at one corner after the other, (ny, nx), dose included."""
        images, _ = aerial_images(to_device(coverage.astype(np.float64), self.device), self._model)
        images = to_host(images)
        for corner, focus in zip(self.job.process.corners, self.job.process.focus_of_corner, strict=True):
            yield images[focus] * corner.dose


@dataclass(frozen=True, eq=False)
class Printed:
    """What a mask prints: nominal intensity (ny, nx), prints (corners, ny, nx), and their outlines."""

    intensity: NDArray[np.float32]
    prints: NDArray[np.bool_]
    outlines: tuple[tuple[Floats, ...], ...]


@dataclass(frozen=True, eq=False)
class _Written:
    """A mask as it is handed over: coverage (ny, nx), outlines, the curve of each, rules, and where they are broken."""

    coverage: NDArray[np.float32]
    outlines: tuple[Floats, ...]
    curves: tuple[Curve | None, ...]
    rules: MaskRules
    violations: tuple[RuleViolation, ...]


def finished(clip: Clip, found: Found, printer: Printer) -> ClipResult:
    """Return everything there is to say about a mask."""
    begin, job, grid = time.perf_counter(), printer.job, clip.grid
    written = _written(clip, found, job)
    mask, target = written.coverage >= 0.5, clip.coverage()
    printed = _printed(written.coverage, grid, printer)
    metrics = {
        **_scores(printed.prints, mask, target, grid, job),
        "rules": rule_figures(written.violations, written.rules),
        **_descriptions(written.curves, found, job),
    }
    seconds = found.seconds + time.perf_counter() - begin
    return ClipResult(
        name=clip.name,
        grid=grid,
        target_polygons=clip.polygons,
        mask_polygons=written.outlines,
        curves=written.curves,
        target=target,
        mask=mask.astype(np.uint8),
        intensity=printed.intensity,
        prints=printed.prints,
        corner_labels=job.recipe.process.labels(),
        threshold=job.process.resist.threshold,
        print_polygons=printed.outlines,
        metrics=metrics,
        history=found.history,
        violations=written.violations,
        recipe=job.recipe.as_dict(),
        info={
            "seconds": round(seconds, 3),
            "clips_in_batch": found.batch,
            "stopped_early": found.stopped_early,
            "seed": job.recipe.seed,
            **environment(printer.device),
        },
    )


def _written(clip: Clip, found: Found, job: Job) -> _Written:
    """Return the mask that is written: a given one as it is; of a level what complies with the rules."""
    grid, rules = clip.grid, job.recipe.rules
    if found.coverage is not None:
        outlines = tuple(_outlines(found.level, grid, job) if found.outlines is None else found.outlines)
        rules = rules_that_apply(rules, outlines)
        violations = check_mask(outlines, rules, bounds_nm=grid.bounds_nm, targets=clip.polygons)
        return _Written(found.coverage, outlines, (None,) * len(outlines), rules, violations)
    level = without_specks(found.level, grid, min(rules.min_area_nm2, rules.min_hole_nm2))
    repair = repair_mask(_outlines(level, grid, job), rules, bounds_nm=grid.bounds_nm, targets=clip.polygons)
    covered = (coverage(repair.outlines, grid, np.float32) >= 0.5).astype(np.float32)
    return _Written(covered, repair.outlines, _curves(repair.outlines, job), rules, repair.violations)


def _printed(coverage: NDArray[np.float32], grid: Grid, printer: Printer) -> Printed:
    resist = printer.job.process.resist
    bits, outlines, nominal = [], [], None
    for intensity in printer.exposed(coverage):
        nominal = intensity.astype(np.float32) if nominal is None else nominal
        bits.append(prints(intensity, resist))
        outlines.append(tuple(contours(resist.sign * intensity, grid, resist.sign * resist.threshold)))
    assert nominal is not None
    return Printed(nominal, np.stack(bits), tuple(outlines))


def _scores(
    printed: NDArray[np.bool_], mask: NDArray[np.bool_], target: NDArray[np.float32], grid: Grid, job: Job
) -> dict[str, Any]:
    """Return the figures that masks are compared by."""
    corners = printed[1:] if len(printed) > 1 else printed
    metrics = evaluate(printed[0], corners, target >= 0.5, grid, job.recipe.epe)
    shots = greedy_rectangles(mask, grid, job.recipe.output.shot_pixel_nm)
    return {**metrics.as_dict(), "shots": {"count": shots.count, "method": shots.method}}


def _descriptions(curves: Sequence[Curve | None], found: Found, job: Job) -> dict[str, Any]:
    """Return what else is worth knowing of a mask: its curves, its loss on the way, the kernels it was made with."""
    fitted = [curve for curve in curves if curve is not None]
    return {
        "curves": {
            "outlines": len(curves),
            "fitted": len(fitted),
            "control_points": sum(len(curve) for curve in fitted),
            "largest_deviation_nm": max((curve.deviation_nm or 0.0 for curve in fitted), default=None),
        },
        "loss": [
            {"pixel_nm": h.stage.pixel_nm, "values": [round(float(v), 1) for v in np.asarray(h.values)[:, 0]]}
            for h in found.history
        ],
        "kernels": [
            {"defocus_nm": k.defocus_nm, "count": len(k.weights), "truncation_error": k.truncation_error}
            for k in job.kernels
        ],
    }


def without_specks(level: NDArray[Any], grid: Grid, min_area_nm2: float) -> NDArray[Any]:
    """Return a level field without islands and holes smaller than an area: their sign is changed.

    Parts that touch the border of the field are kept: it is periodic, and they go on at the other side.
    """
    result = level
    for sign, neighbours in ((1, 1), (-1, 2)):  # islands by their sides, holes by their corners too
        inside = result > 0 if sign > 0 else result <= 0
        labels, count = scipy.ndimage.label(inside, scipy.ndimage.generate_binary_structure(2, neighbours))
        small = np.bincount(labels.ravel(), minlength=count + 1) * grid.pixel_area_nm2 < min_area_nm2
        for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
            small[edge] = False
        small[0] = False
        if small.any():
            # a level of exactly 0 would stay a hole
            flipped = -sign * np.maximum(np.abs(result), np.finfo(result.dtype).tiny)
            result = np.where(small[labels], flipped, result)
    return result


def _outlines(level: NDArray[Any], grid: Grid, job: Job) -> tuple[Floats, ...]:
    """Return the outlines of where a level is positive, without vertices that say nothing new."""
    tolerance = job.recipe.output.contour_tolerance_nm
    return tuple(simplify(outline, tolerance) for outline in contours(level, grid))


def _curves(outlines: Sequence[Floats], job: Job) -> tuple[Curve | None, ...]:
    """Return the curve fitted to each outline, None where too many control points would be needed."""
    curves: list[Curve | None] = []
    for outline in outlines:
        try:
            curves.append(fit_curve(outline, job.recipe.output.curve_tolerance_nm))
        except ValueError:  # an outline with sharp corners, where a free region ends
            curves.append(None)
    return tuple(curves)
