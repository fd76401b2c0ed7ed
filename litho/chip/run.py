"""A whole chip: layout -> plan -> passes over tiles -> mask -> verification -> folder.

    result = correct_chip("chip.oas", load_recipe("default"), "out", local_processes(2), layer="1/0")

The coordinator reads the layout, says what is to be done, and puts together what the workers leave in the store. It
computes nothing that another process could: what is lost with it is its place in the list, which the store tells.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

from litho.backend import single_threaded_blas
from litho.chip.chip_outputs import MASK_FILE, write_chip
from litho.chip.chip_result import ChipResult
from litho.chip.chip_settings import ChipSettings
from litho.chip.dask_start import least_free_bytes, visible_gpus
from litho.chip.edge_passes import EdgeCorrection, run_edge_task
from litho.chip.edge_plan import edge_choice
from litho.chip.executors import Executor, Task, Work, serial
from litho.chip.layout_part import LayoutPart
from litho.chip.manifest import Manifest, compute
from litho.chip.passes import ChipCorrection, run_task
from litho.chip.plan import ChipPlan, plan_chip
from litho.chip.progress import ChipProgress, PassSize
from litho.chip.run_figures import RunLog, chip_result
from litho.chip.store import TileStore
from litho.chip.task_groups import fair_size
from litho.chip.tile_choice import fields_that_fit
from litho.chip.tile_setup import TileSetup, field_kernels, read_setup, tile_setup, write_setup
from litho.chip.tile_symmetries import with_symmetries
from litho.chip.tile_tasks import BATCHED, BORDER, CORRECT
from litho.chip.tiled_mask import TiledMask
from litho.chip.whole_mask import write_mask
from litho.chip.whole_verify import PASS, STORE, VerifyPass, verify_task
from litho.chip.windows import LayoutWindows
from litho.config import Recipe
from litho.info import program_version
from litho.outputs import LAST
from litho.polygons import Box

PASS_WEIGHTS = {"correct": 1.0, "border": 0.4, "mend": 1.5, "settle": 0.5, "cut": 0.15, PASS: 0.5}
"""Time of a task of each kind of pass beside that of the first, until it is measured."""

EDGE_PASS_WEIGHTS = {"correct": 1.0, "border": 0.1, "settle": 0.015, "cut": 0.005, PASS: 0.02}
"""Likewise where edges are moved."""


@dataclass(frozen=True)
class ChipJob:
    """A chip that was read and planned; made by `prepare_chip`.

    Parameters
    ----------
    source
        target layer
    plan
        what will be done
    recipe
        resolved
    settings
        see `ChipSettings`
    out
        folder of the results
    device
        "cpu" or "gpu"
    """

    source: LayoutWindows
    plan: ChipPlan
    recipe: Recipe
    settings: ChipSettings
    out: Path
    device: str = "cpu"

    @property
    def weights(self) -> Mapping[str, float]:
        """Time of a task of each kind of pass beside that of the first."""
        return EDGE_PASS_WEIGHTS if self.settings.method == "opc" else PASS_WEIGHTS

    def identity(self) -> dict[str, Any]:
        """Return what a run is of, as the manifest has it."""
        return {
            "layout": self.source.path.name,
            "layout_sha256": self.source.digest,
            "cell": self.plan.cell,
            "layer": list(self.plan.layer),
            "window_nm": list(self.source.box_nm) if isinstance(self.source, LayoutPart) else None,
            "recipe": self.recipe.as_dict(),
            "settings": asdict(self.settings),
            "tiles": asdict(self.plan.tiles),
            "device": self.device,
            "version": program_version(),
        }


class ChipChoice(TypedDict, total=False):
    """What is taken of a layout, and in which tiles: keywords of all that is done with a whole one.

    Parameters
    ----------
    layer, cell
        may be left out where there is only one
    window_nm
        x0, y0, x1, y1 that the layout is cut at
    settings
        the recipe's table `chip` if not given
    repair
        fill polygons that cross themselves, see `litho.layout`
    """

    layer: str | None
    cell: str | None
    window_nm: Box | None
    settings: ChipSettings | None
    repair: bool


def prepare_chip(
    layout: str | os.PathLike[str],
    recipe: Recipe,
    out: str | os.PathLike[str],
    *,
    device: str = "cpu",
    workers: int = 1,
    correct: bool = True,
    batch: int | None = None,
    gpus: Sequence[str] | None = None,
    method: str | None = None,
    **choice: Unpack[ChipChoice],
) -> ChipJob:
    """Read a layout and plan what will be done; nothing is written.

    Parameters
    ----------
    layout
        GDS or OASIS file, compressed or not
    recipe
        see `litho.config`
    out
        folder of the results
    device
        "cpu" or "gpu"
    workers
        for the estimate of time
    correct
        whether a mask is to be found, not only measured or simulated
    batch
        fields that a worker optimises at once, at most; if not given, one on a CPU, and on a GPU as many as fit into
        `litho.flow.MEMORY_SHARE` of its free memory. It changes no result
    gpus
        whose memory that is; those of this machine if not given
    method
        "ilt" or "opc" in place of the one in the settings
    choice
        see `ChipChoice`

    Raises
    ------
    ValueError
        in one sentence that names what to change
    """
    if batch is not None and batch < 1:
        raise ValueError(f"`batch` must be at least 1, but got {batch}.")
    settings, window_nm = choice.get("settings") or recipe.chip, choice.get("window_nm")
    if method is not None:
        settings = replace(settings, method=method)
    if correct and settings.method == "opc":
        recipe, settings = edge_choice(recipe, settings, device, batch)
    whole = LayoutWindows(layout, choice.get("layer"), choice.get("cell"), choice.get("repair", False))
    source: LayoutWindows = whole if window_nm is None else LayoutPart(whole, window_nm)
    with single_threaded_blas():
        plan = plan_chip(source, recipe, settings, workers, correct=correct)
    if batch is None and device == "gpu" and correct:
        batch = fields_that_fit(plan.estimate.bytes_per_field, _free_on(gpus))
    plan = plan.with_batch(batch or 1)
    return ChipJob(source, plan, recipe, settings, Path(out).resolve(), device)  # workers may stand elsewhere


def _free_on(gpus: Sequence[str] | None) -> int:
    """Return the memory that is free on every GPU that is named, or on every one of this machine."""
    found = visible_gpus() if gpus is None else gpus
    if not found:
        raise ValueError(
            "`batch` must be given for `device` 'gpu' where this machine has no GPU to ask for its memory."
        )
    return least_free_bytes(found)


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
    """Yield the passes with the sizes that they have if no two tiles are equal."""
    tiles, levels = job.plan.tiles.count, (CORRECT, BORDER)
    for doing in (*correction.passes, PASS):
        kind = doing.split()[0]
        distinct = job.plan.distinct if kind in levels else job.plan.drawn_apart
        count, share = tiles if distinct is None else distinct, 4 if kind in ("mend", "settle") else 1
        yield PassSize(doing, max(1, count // share), tiles, job.weights[kind])


def _pass_size(doing: str, keys: dict[tuple[int, int], str], weight: float) -> PassSize:
    return PassSize(doing, len(set(keys.values())), len(keys), weight)


def setup_of(job: ChipJob, resume: bool, correct: bool = False) -> TileSetup:
    """Return what all tiles share, and write it for the workers; of a run that goes on, as it was written.

    Parameters
    ----------
    job
        with recipe and plan
    resume
        whether the run goes on
    correct
        whether tiles are corrected, and may share results with their mirror images
    """
    if resume and (job.out / STORE).is_dir():
        try:
            return read_setup(job.out)
        except (OSError, ValueError):
            pass  # it was not written yet, or is damaged: the same is made again
    width, height = job.plan.tiles.field_nm
    with single_threaded_blas():  # the same bits on any number of cores
        setup = tile_setup(job.recipe, job.settings, field_kernels(job.recipe, (height, width)))
        setup = with_symmetries(setup) if correct else setup
    write_setup(job.out, setup)
    read_setup.cache_clear()  # this process may have had another run in a folder of this name
    return setup
