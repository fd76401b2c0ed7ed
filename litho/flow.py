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
from litho.clip_memory import batches, clips_at_once, in_parts_that_fit
from litho.finish import Found, Printer, finished
from litho.job import Clip, Job
from litho.level_set_ilt import LevelSetSettings, level_set_ilt
from litho.metrics import epe_sites
from litho.pixel_ilt import IltResult, StageHistory, ilt
from litho.raster import coverage
from litho.result import ClipResult


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
    parts = batches(job, device)
    printer = Printer(job, device)
    workers = min(len(parts), threads(), clips_at_once(job, device)) if device == "cpu" else 1
    corrected = partial(_corrected, printer=printer, alone=workers == 1, report=report, refine=refine)
    if workers == 1:
        for results in (done for part in parts for done in in_parts_that_fit(corrected, part)):
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
