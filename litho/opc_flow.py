"""From a job to results by edge-based correction: the twin of `litho.flow.correct`.

    for result in correct_edges(job): ...

Clips are corrected one after the other, on the host: an image of moving edges has no raster, and takes milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from litho.backend import resolve_device
from litho.edge_image import edge_model
from litho.edge_masks import EdgeMask, corrected_mask
from litho.finish import Found, Printer, finished
from litho.flow import probe_costs
from litho.fragments import fragmented
from litho.job import Clip, Job, JobError
from litho.move_limits import move_limits
from litho.opc_settings import OpcSettings
from litho.pixel_ilt import Stage, StageHistory
from litho.raster import coverage
from litho.result import ClipResult
from litho.rule_opc import bias_table


@dataclass(frozen=True)
class OpcUpdate:
    """Where a correction stands.

    Parameters
    ----------
    clip
        number of the clip, from 0
    doing
        what the steps are on
    step
        from 1
    loss
        nm^2
    """

    clip: int
    doing: str
    step: int
    loss: float


Report = Callable[[OpcUpdate], bool]
"""called after each step; True stops, the best mask so far is kept"""


def correct_edges(job: Job, device: str = "auto", report: Report | None = None) -> Iterator[ClipResult]:
    """Correct the edges of every clip, as the recipe's tables `opc` and `rules` want it.

    Parameters
    ----------
    job
        see `litho.job.prepare`
    device
        "cpu", "gpu" or "auto": where prints are scored
    report
        see `Report`. If it stops, clips that have not begun are left out

    Yields
    ------
    ClipResult
        of one clip after the other, in order; its metrics have a table `opc`
    """
    printer = Printer(job, resolve_device(device))
    settings = settings_of(job)
    begin = time.perf_counter()
    like = edge_model(job.clips[0].grid, job.process, job.kernels, job.mask)
    table = bias_table(like, settings.rules.widths_nm, settings.rules.spaces_nm)
    shared = (time.perf_counter() - begin) / len(job.clips)
    for number, clip in enumerate(job.clips):
        begin = time.perf_counter()
        target = clip.coverage().astype(np.float64)
        mask = corrected_mask(
            clip.polygons,
            replace(like, grid=clip.grid),
            target,
            settings,
            probes=probe_costs(target >= 0.5, job).astype(np.float64) if settings.area.weights.epe > 0 else None,
            table=table,
            report=_told(report, number),
        )
        yield _result(clip, mask, printer, settings, shared + time.perf_counter() - begin)
        if mask.asked:
            return


def settings_of(job: Job) -> OpcSettings:
    """Return how a job's recipe wants edges to be corrected, within its rules of a mask."""
    return job.recipe.opc.bound_by(job.recipe.rules)


def check_targets(job: Job) -> None:
    """Refuse targets that break the mask's rules by themselves, with the place, and what edges cannot correct."""
    settings = settings_of(job)
    if job.process.resist.tone != "bright":
        raise JobError(f"`mask.tone` must be 'dark field' for `litho opc`, but got {job.recipe.mask.tone!r}.")
    job.clips[0].grid.resampled(settings.area.pixel_nm)
    for clip in job.clips:
        move_limits(fragmented(clip.polygons, settings.fragments, clip.grid), settings.limits)


def _told(report: Report | None, number: int) -> Callable[[str, int, float], bool] | None:
    if report is None:
        return None
    return lambda doing, step, loss: report(OpcUpdate(number, doing, step, loss))


def _result(clip: Clip, mask: EdgeMask, printer: Printer, settings: OpcSettings, seconds: float) -> ClipResult:
    """Return everything there is to say about a corrected mask."""
    outlines = mask.outlines()
    covered = np.clip(coverage(outlines, clip.grid, np.float32), 0.0, 1.0)
    found = Found(
        covered - 0.5, _history(mask, settings), seconds, 1, mask.asked, coverage=covered, outlines=tuple(outlines)
    )
    result = finished(clip, found, printer)
    return replace(result, metrics={**result.metrics, "opc": _description(mask)})


def _history(mask: EdgeMask, settings: OpcSettings) -> tuple[StageHistory, ...]:
    """Return the losses of the whole print, as those of inverse lithography are told."""
    area = settings.area
    return tuple(
        StageHistory(Stage(area.pixel_nm, max(1, len(values) - 1), 1.0, area.resist_steepness), values[:, None])
        for values in mask.losses
        if len(values)
    )


def _description(mask: EdgeMask) -> dict[str, Any]:
    moves = mask.moves_nm
    return {
        "fragments": len(moves) - 4 * len(mask.bars),
        "assist_features": len(mask.bars),
        "largest_move_nm": float(np.abs(moves).max()),
        "jogs": int(np.count_nonzero(np.diff(moves[mask.fragments.jogs], axis=1))),
        "lost_sites": mask.lost,
        "edge_steps_ended": mask.ended,
        "rule_violations_nm": mask.broken_nm.tolist(),
    }
