"""From a job to results: correct masks, or simulate them as they are.

    for result in correct(job): ...
    for result in simulate(job): ...

On a GPU clips are optimised together, as one batch, unless memory forbids. On a CPU each is a batch of its own, small
enough for the caches, and there are as many threads as cores. Results come one by one, in order.
"""

from __future__ import annotations

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
from litho.job import Clip, Job
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


Report = Callable[[Update], bool]
"""called after each step, from any thread; True stops, the best masks so far are kept"""


def correct(job: Job, device: str = "auto", report: Report | None = None) -> Iterator[ClipResult]:
    """Find the mask of every clip.

    Parameters
    ----------
    job
        see `litho.job.prepare`
    device
        "cpu", "gpu" or "auto"
    report
        see `Report`. If it stops, clips of batches that have not begun are left out

    Yields
    ------
    ClipResult
        of one clip after the other, in order
    """
    device = resolve_device(device)
    printer = Printer(job, device)
    parts = batches(job, device)
    workers = min(len(parts), threads(), clips_at_once(job, device)) if device == "cpu" else 1
    corrected = partial(_corrected, printer=printer, alone=workers == 1, report=report)
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


def _corrected(batch: range, printer: Printer, alone: bool, report: Report | None) -> list[ClipResult]:
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
        results.append(finished(clip, found, printer))
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
    """Return how many clips may be corrected at a time, in `MEMORY_SHARE` of the memory that is free; at least one."""
    return max(1, int(MEMORY_SHARE * free_bytes(device) / bytes_per_clip(job)))


def bytes_per_clip(job: Job) -> int:
    """Return the memory that the correction of one clip is taken to need.

    It is 8 float32 arrays on the scoring grid, 30 + 2 `history` on the finest grid of a stage, and three complex64
    fields per kernel and focus on the band grid.
    """
    ny, nx = job.clips[0].grid.shape
    settings = job.recipe.ilt
    finest = min(stage.pixel_nm for stage in settings.stages) / job.recipe.field.pixel_nm
    coarse = ny * nx / finest**2 * (30 + 2 * settings.optimizer.history)
    fields = sum(3 * 2 * len(k.weights) * k.band_shape[0] * k.band_shape[1] for k in job.kernels)
    return int(4 * (8 * ny * nx + coarse + fields))


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
    if job.recipe.ilt.weights.epe > 0:
        probes = to_device(np.stack([probe_costs(t >= 0.5, job) for t in target]), device)

    def progress(stage: int, step: int, values: Array) -> bool:
        return report is not None and report(Update(batch, stage, step, to_host(values)))

    result = ilt(
        to_device(target, device),
        clips[0].grid,
        job.process,
        job.kernels,
        job.recipe.ilt,
        mask=job.mask,
        probes=probes,
        free=_free_region(target, job, device),
        report=progress,
    )
    synchronize(result.level)
    return result


def _free_region(target: NDArray[np.float32], job: Job, device: str) -> Array | None:
    """Return where each mask may be open, (clips, ny, nx): within the recipe's margin of its target."""
    margin = job.recipe.mask.free_margin_nm
    if margin is None:
        return None
    pixel = job.clips[0].grid.pixel_nm
    distances = [scipy.ndimage.distance_transform_edt(clip <= 0, sampling=pixel) for clip in target]
    return to_device((np.stack(distances) <= margin).astype(np.float32), device)
