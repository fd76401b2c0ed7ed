"""From a job to results: correct masks, or simulate them as they are.

    for result in correct(job): ...
    for result in simulate(job): ...

On a GPU clips are optimised together, as one batch, unless memory forbids. On a CPU each is a batch of its own, small
enough for the caches, and there are as many threads as cores. Results come one by one, in order.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.backend import (
    Array,
    resolve_device,
    single_threaded_blas,
    synchronize,
    threaded_fft,
    threads,
    to_device,
    to_host,
)
from litho.finish import Found, Printer, finished
from litho.info import free_bytes
from litho.job import Clip, Job, JobError
from litho.level_set_ilt import LevelSetSettings, level_set_ilt
from litho.metrics import epe_sites
from litho.pixel_ilt import IltResult, StageHistory, ilt
from litho.raster import coverage
from litho.result import ClipResult

MEMORY_SHARE = 0.5
"""A batch may take this much of the memory that is free."""


@dataclass(frozen=True, eq=False)
class Update:
    """Where a correction stands.

    Parameters
    ----------
    clips
        numbers of the clips in the batch that stepped
    stage
        from 0
    step
        of the stage, from 1
    losses : (clips,)
        weighted loss of each clip, nm^2
    """

    clips: range
    stage: int
    step: int
    losses: NDArray[Any]


NEAR_NM = 100.0
"""A target that is near the border of its field may have its mask there too."""

Report = Callable[[Update], bool]
"""called after each step, from any thread; True stops, the best masks so far are kept"""


Refine = Callable[[int, ClipResult, Printer], ClipResult]
"""what else is done with the number of a clip and its result"""


def correct(
    job: Job, device: str = "auto", report: Report | None = None, refine: Refine | None = None
) -> Iterator[ClipResult]:
    """Find the mask of every clip.

    Parameters
    ----------
    job
        see `litho.job.prepare`
    device
        "cpu", "gpu" or "auto"
    report
        see `Report`. If it stops, clips of batches that have not begun are left out
    refine
        see `Refine`

    Yields
    ------
    ClipResult
        of one clip after the other, in order
    """
    device = resolve_device(device)
    printer = Printer(job, device)
    parts = batches(job, device)
    workers = min(len(parts), threads(), clips_at_once(job, device)) if device == "cpu" else 1
    corrected = partial(_corrected, printer=printer, alone=workers == 1, report=report, refine=refine)
    if workers == 1:
        for results in map(corrected, parts):
            yield from results
            if results[-1].info["stopped_early"]:
                return
    else:
        with single_threaded_blas():
            yield from _in_threads(corrected, parts, workers)


def _in_threads(
    corrected: Callable[[range], list[ClipResult]], parts: Sequence[range], workers: int
) -> Iterator[ClipResult]:
    """Yield the results of all parts in order; no more are begun than are waited for, and none once one has stopped."""
    with ThreadPoolExecutor(workers) as pool:
        waiting, running = iter(parts), deque[Future[list[ClipResult]]]()
        running.extend(pool.submit(corrected, part) for part in islice(waiting, workers))
        try:
            while running:
                results = running.popleft().result()
                stopped = results[-1].info["stopped_early"]
                running.extend(pool.submit(corrected, part) for part in ([] if stopped else islice(waiting, 1)))
                waiting = iter(()) if stopped else waiting
                yield from results
        finally:
            for future in running:
                future.cancel()


def _corrected(
    batch: range, printer: Printer, alone: bool, report: Report | None, refine: Refine | None
) -> list[ClipResult]:
    """Return the finished clips of a batch; only if it runs alone do its transforms use threads."""
    begin, job = time.perf_counter(), printer.job
    clips = job.clips[batch.start : batch.stop]
    with ExitStack() as stack:
        if alone:
            stack.enter_context(threaded_fft())
        result = _optimised(job, clips, batch, printer.device, report)
    seconds = (time.perf_counter() - begin) / len(clips)
    results = []
    for number, clip in enumerate(clips):
        history = tuple(StageHistory(h.stage, to_host(h.values[:, number : number + 1])) for h in result.history)
        level = to_host(result.level[number, ...])
        found = Found(level, history, seconds, len(clips), result.stopped_early)
        done = finished(clip, found, printer)
        results.append(done if refine is None else refine(batch[number], done, printer))
    return results


def simulate(
    job: Job, masks: Sequence[NDArray[np.floating[Any]]] | None = None, device: str = "auto"
) -> Iterator[ClipResult]:
    """Find what masks print as they are.

    Parameters
    ----------
    job
        see `litho.job.prepare`; its clips are the targets
    masks
        one (ny, nx) coverage for each clip, on its grid; the targets as the recipe's mask has them if not given
    device
        "cpu", "gpu" or "auto"

    Yields
    ------
    ClipResult
        of one clip after the other, in order; its `history` is empty
    """
    printer = Printer(job, resolve_device(device))
    for number, clip in enumerate(job.clips):
        outlines, mask = None, None if masks is None else np.asarray(masks[number], dtype=np.float32)
        if mask is None:
            outlines = job.shapes_seen(clip.polygons, clip.grid)
            mask = coverage(outlines, clip.grid, np.float32)
        yield finished(clip, Found(mask - 0.5, coverage=mask, outlines=outlines), printer)


def batches(job: Job, device: str) -> list[range]:
    """Cut a job's clips into batches: single clips on a CPU, as many as fit into memory on a GPU."""
    count, size = len(job.clips), 1 if device == "cpu" else clips_at_once(job, device)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def clips_at_once(job: Job, device: str) -> int:
    """Return how many clips may be corrected at a time, in `MEMORY_SHARE` of the memory that is free; at least one.

    Raises
    ------
    JobError
        if one clip needs more than all that is free
    """
    free, one = free_bytes(device), bytes_per_clip(job)
    if device == "cpu":  # there each is finished beside the others, too
        one = max(one, bytes_to_finish(job))
    if one > free:
        ny, nx = job.clips[0].grid.shape
        raise JobError(
            f"`field` must fit into memory, but one of {nx} x {ny} pixels needs about {one / 1e9:.1f} GB to be "
            f"corrected, and {free / 1e9:.1f} GB of the {device}'s memory are free."
        )
    return max(1, int(MEMORY_SHARE * free / one))


def bytes_per_clip(job: Job) -> int:
    """Return the memory that the optimisation of one clip is taken to need: that of its stages, or of its end.

    Throughout there are target, probes and free region on the scoring grid. In a stage there are 14 + 2 `history`
    arrays on the grid of its variables (14 more if those are levels of edges), three per focus and three more on the
    grid of its prints, and one set of fields per focus and one more. At the end there are 2.5 arrays on the scoring
    grid, and one more for the free region. Counted from measured peaks; they are at most a third less.
    """
    settings, pixel_nm = job.recipe.inverse, job.recipe.field.pixel_nm
    ny, nx = job.clips[0].grid.shape
    is_free = job.recipe.mask.free_margin_nm is not None or job.recipe.mask.border_nm > 0
    variables = 14 + 2 * settings.optimizer.history + (14 if isinstance(settings, LevelSetSettings) else 0)
    most = 2.5 * ny * nx + ny * nx * is_free
    for stage in settings.stages:
        print_pixel_nm = getattr(stage, "print_pixel_nm", None) or stage.pixel_nm
        counts = [ny * nx * (pixel_nm / p) ** 2 for p in (stage.pixel_nm, print_pixel_nm)]
        most = max(most, variables * counts[0] + 3 * (len(job.kernels) + 1) * counts[1])
    fields = [2 * len(k.weights) * k.band_shape[0] * k.band_shape[1] for k in job.kernels]
    given = ny * nx * (1 + (settings.weights.epe > 0) + is_free)
    return int(4 * (given + most + sum(fields) + max(fields))) + 2 * 2**20


def bytes_to_finish(job: Job) -> int:
    """Return the memory that measuring and drawing one result is taken to need: 16 float32 arrays on its grid."""
    ny, nx = job.clips[0].grid.shape
    return 4 * 16 * ny * nx + 10 * 2**20


def probe_costs(target: NDArray[np.bool_], job: Job) -> NDArray[np.float32]:
    """Return what a wrong print at each pixel costs, (ny, nx) in nm^2: the edge placement rule's points, in and out."""
    grid = job.clips[0].grid
    sites = epe_sites(target, grid.pixel_nm, job.recipe.epe)
    costs = np.zeros(grid.shape, np.float32)
    for points in (sites.inside, sites.outside):
        np.add.at(costs, (points[:, 0], points[:, 1]), job.recipe.probes.cost_nm2)
    return costs


def _optimised(job: Job, clips: Sequence[Clip], batch: range, device: str, report: Report | None) -> IltResult:
    target = np.stack([clip.coverage() for clip in clips])
    probes = None
    settings = job.recipe.inverse
    if settings.weights.epe > 0:
        probes = to_device(np.stack([probe_costs(t >= 0.5, job) for t in target]), device)

    def progress(stage: int, step: int, values: Array) -> bool:
        return report is not None and report(Update(batch, stage, step, to_host(values)))

    free = _free_region(clips, target, job, device)
    given = to_device(target, device), clips[0].grid, job.process, job.kernels
    if isinstance(settings, LevelSetSettings):
        result = level_set_ilt(*given, settings, mask=job.mask, probes=probes, free=free, report=progress)
    else:
        result = ilt(*given, settings, mask=job.mask, probes=probes, free=free, report=progress)
    synchronize(result.level)
    return result


def _free_region(clips: Sequence[Clip], target: NDArray[np.float32], job: Job, device: str) -> Array | None:
    """Return where each mask may have shapes, (clips, ny, nx), None if everywhere.

    That is within the recipe's margin of the target, and away from the field's border except within `NEAR_NM` of it.
    """
    margin, border = job.recipe.mask.free_margin_nm, job.recipe.mask.border_nm
    if margin is None and border == 0:
        return None
    free = []
    for clip, wanted in zip(clips, target, strict=True):
        inner = np.zeros(clip.grid.shape, np.bool_)
        inner[tuple(slice(n, -n or None) for n in (math.ceil(border / p) for p in clip.grid.pixel_nm))] = True
        if margin is not None or not _clear_of_border(clip, border + NEAR_NM):
            distance = scipy.ndimage.distance_transform_edt(wanted <= 0, sampling=clip.grid.pixel_nm)
            inner |= distance <= NEAR_NM
            inner &= distance <= (math.inf if margin is None else margin)
        free.append(inner)
    return to_device(np.stack(free).astype(np.float32), device)


def _clear_of_border(clip: Clip, distance_nm: float) -> bool:
    """Return whether no shape of the target is so near to the border of the field."""
    x0, y0, x1, y1 = clip.grid.bounds_nm
    low = np.min([p.min(axis=0) for p in clip.polygons], axis=0) - (x0, y0)
    high = (x1, y1) - np.max([p.max(axis=0) for p in clip.polygons], axis=0)
    return bool(min(low.min(), high.min()) >= distance_nm)
