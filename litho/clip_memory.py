"""Memory that clips need, how many are corrected at a time, and what is done where it runs out all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from litho.device_failures import failure_of
from litho.info import free_bytes
from litho.job import Job, JobError
from litho.level_set_ilt import LevelSetSettings

MEMORY_SHARE = 0.5
"""A batch may take this much of the memory that is free."""

ON_A_GPU = 1.7
"""A GPU needs this many times what is counted: its transforms have workspaces, which are kept. Of CuPy 14's pool the
largest peak was 1.67 times the count, with workspaces as large as what is transformed."""

Results = TypeVar("Results")


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
    free, one = free_bytes(device), bytes_per_clip(job, device)
    if device == "cpu":  # there each is finished beside the others, too
        one = max(one, bytes_to_finish(job))
    if one > free:
        ny, nx = job.clips[0].grid.shape
        raise JobError(
            f"`field` must fit into memory, but one of {nx} x {ny} pixels needs about {one / 1e9:.1f} GB to be "
            f"corrected, and {free / 1e9:.1f} GB of the {device}'s memory are free."
        )
    return max(1, int(MEMORY_SHARE * free / one))


def bytes_per_clip(job: Job, device: str = "cpu") -> int:
    """Return the memory that the optimisation of one clip is taken to need: that of its stages, or of its end.

    Throughout there are target, probes and free region on the scoring grid. In a stage there are 14 + 2 `history`
    arrays on the grid of its variables (14 more if those are levels of edges), three per focus and three more on the
    grid of its prints, and one set of fields per focus and one more. At the end there are 2.5 arrays on the scoring
    grid, and one more for the free region. Counted from measured peaks; they are at most a third less. On a GPU it is
    `ON_A_GPU` times as much.
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
    count = 4 * (given + most + sum(fields) + max(fields))
    return int(count * (1.0 if device == "cpu" else ON_A_GPU)) + 2 * 2**20


def bytes_to_finish(job: Job) -> int:
    """Return the memory that measuring and drawing one result is taken to need: 16 float32 arrays on its grid."""
    ny, nx = job.clips[0].grid.shape
    return 4 * 16 * ny * nx + 10 * 2**20


def in_parts_that_fit(corrected: Callable[[range], Results], batch: range) -> Iterator[Results]:
    """Yield the results of a batch of clips, or of its halves one after the other, where memory runs out.

    Raises
    ------
    MemoryError
        as it came, if a single clip does not fit
    """
    results = None
    try:
        results = corrected(batch)
    except Exception as error:
        if failure_of(error) != "memory" or len(batch) == 1:
            raise
    if results is not None:
        yield results
        return
    half = len(batch) // 2  # what the failed attempt held is let go of by now
    for part in (batch[:half], batch[half:]):
        yield from in_parts_that_fit(corrected, part)
