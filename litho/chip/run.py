"""A whole chip: layout -> plan -> passes over tiles -> mask -> verification -> folder.

    result = correct_chip("chip.oas", load_recipe("default"), "out", local_processes(2), layer="1/0")

The coordinator reads the layout, says what is to be done, and puts together what the workers leave in the store. It
computes nothing that another process could: what is lost with it is its place in the list, which the store tells.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Unpack, overload

from litho.chip.chip_job import PASS_WEIGHTS, ChipChoice, ChipJob, prepare_chip, setup_of
from litho.chip.chip_outputs import MASK_FILE, write_chip
from litho.chip.chip_result import ChipResult
from litho.chip.edge_passes import EdgeCorrection, run_edge_task
from litho.chip.executors import Executor, Task, Work, serial
from litho.chip.manifest import Manifest, compute
from litho.chip.passes import ChipCorrection, run_task
from litho.chip.progress import ChipProgress, PassSize
from litho.chip.run_figures import RunLog, chip_result
from litho.chip.store import TileStore
from litho.chip.task_groups import fair_size
from litho.chip.tile_choice import ARRAY_KINDS
from litho.chip.tile_tasks import BATCHED, BORDER, CORRECT
from litho.chip.tiled_mask import TiledMask
from litho.chip.whole_mask import write_mask
from litho.chip.whole_verify import PASS, STORE, VerifyPass, verify_task
from litho.config import Recipe
from litho.outputs import LAST


def correct_chip(
    layout: str | os.PathLike[str],
    recipe: Recipe,
    out: str | os.PathLike[str],
    executor: Executor | None = None,
    *,
    device: str = "cpu",
    batch: int | None = None,
    resume: bool = False,
    progress: ChipProgress | None = None,
    method: str | None = None,
    **choice: Unpack[ChipChoice],
) -> ChipResult:
    """Correct a layer of a layout, tile by tile, and write everything about it into a folder.

    Parameters
    ----------
    layout, recipe, out, device, batch, method
        see `prepare_chip`
    executor
        who computes; one tile after the other in this process if not given
    resume
        go on with the run that the folder holds
    progress
        is told what is going on
    choice
        see `ChipChoice`

    Raises
    ------
    ValueError
        where the input cannot be used, before anything is computed
    OSError
        where the folder cannot be written in
    """
    executor = serial() if executor is None else executor
    job = prepare_chip(
        layout, recipe, out, device=device, workers=executor.workers, batch=batch, method=method, **choice
    )
    return run_chip_job(job, executor, resume=resume, progress=progress)


def run_chip_job(
    job: ChipJob, executor: Executor, *, resume: bool = False, progress: ChipProgress | None = None
) -> ChipResult:
    """Do what was planned, and write the folder; see `correct_chip`."""
    begin = time.monotonic()
    log = RunLog(progress)
    with begun_run(job, executor, resume) as manifest:
        setup = setup_of(job, resume, correct=True)
        store = TileStore(job.out / STORE)
        moves_edges = job.settings.method == "opc"
        kind, does = (EdgeCorrection, run_edge_task) if moves_edges else (ChipCorrection, run_task)
        correction = kind(job.plan.tiles, job.source, setup, job.device)
        log.plan(planned_passes(job, correction))
        for doing in correction.passes:
            keys = correction.keys(doing)
            log.begin(_pass_size(doing, keys, job.weights[doing.split()[0]]))
            work: Work = partial(does, folder=job.out)
            tasks = MadeWhenAsked(len(set(keys.values())), partial(correction.tasks, doing))
            batch = batch_of(job, doing, keys.values(), executor, store)
            for outcome in compute(doing, work, tasks, executor, store, manifest, batch):
                log.count(doing, outcome)
                if outcome.error is not None:
                    correction.set_aside(outcome.key)
        log.say("writing the mask")
        figures = write_mask(correction, store, job.out / MASK_FILE)
        checks = VerifyPass(job.plan.tiles, job.source, TiledMask(correction), setup)
        verify_windows(checks, job.out, executor, manifest, log, job.weights[PASS])
        log.say("drawing")
        result = chip_result(job.plan, correction, checks, store, manifest, log, figures)
        result = log.timed(result, time.monotonic() - begin, executor.workers, job.device)
        write_chip(result, job.out, job.plan.layer)
    return result


def batch_of(job: ChipJob, doing: str, keys: Iterable[str], executor: Executor, store: TileStore) -> int:
    """Return how many tiles of a pass a worker is given at once: so few that every worker has some to do."""
    planned = job.plan.estimate.batch
    if planned == 1 or doing.split()[0] not in BATCHED:
        return 1
    left = sum(not store.path(key).exists() for key in set(keys))  # what is damaged is found later
    return fair_size(planned, left, executor.workers)


@contextmanager
def begun_run(job: ChipJob, executor: Executor, resume: bool, **more: Any) -> Iterator[Manifest]:
    """Take possession of the folder of a job; `more` tells a run of other things from one that corrects."""
    with Manifest.begin(job.out, {**job.identity(), **more}, resume) as manifest:
        executor.check_folder(job.out)
        (job.out / LAST).unlink(missing_ok=True)  # the folder is complete when it is there
        yield manifest


class MadeWhenAsked(Sequence[Task]):
    """Tasks that are made anew each time they are gone through: all at once would hold the whole layout.

    Parameters
    ----------
    count
        how many there are
    make
        yields them
    """

    def __init__(self, count: int, make: Callable[[], Iterator[Task]]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Task]:
        return self._make()

    @overload
    def __getitem__(self, index: int) -> Task: ...

    @overload
    def __getitem__(self, index: slice) -> list[Task]: ...

    def __getitem__(self, index: int | slice) -> Task | list[Task]:
        return list(self._make())[index]


def verify_windows(
    checks: VerifyPass,
    out: Path,
    executor: Executor,
    manifest: Manifest,
    log: RunLog,
    weight: float = PASS_WEIGHTS[PASS],
) -> None:
    """Measure every window of a mask that is not measured yet."""
    log.begin(_pass_size(PASS, checks.keys, weight))
    work: Work = partial(verify_task, folder=out)
    tasks = MadeWhenAsked(len(set(checks.keys.values())), checks.distinct)
    for outcome in compute(PASS, work, tasks, executor, TileStore(out / STORE), manifest):
        log.count(PASS, outcome)


def planned_passes(job: ChipJob, correction: ChipCorrection) -> Iterator[PassSize]:
    """Yield the passes with the sizes that the plan counted, or else those of an array, or of tiles that all differ."""
    tiles, levels = job.plan.tiles.count, (CORRECT, BORDER)
    for doing in (*correction.passes, PASS):
        kind = doing.split()[0]
        distinct = job.plan.distinct if kind in levels else job.plan.drawn_apart
        if distinct is None:
            distinct = min(tiles, ARRAY_KINDS) if job.plan.repeats else tiles
        share = 4 if kind in ("mend", "settle") else 1
        yield PassSize(doing, max(1, distinct // share), tiles, job.weights[kind])


def _pass_size(doing: str, keys: dict[tuple[int, int], str], weight: float) -> PassSize:
    return PassSize(doing, len(set(keys.values())), len(keys), weight)
