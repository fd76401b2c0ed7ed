"""What `litho chip` does: a whole layout, tile by tile, on the cores of this machine, on GPUs, or on a cluster.

Exit codes: 0 done; 1 `--verify` found a broken limit; 2 wrong input, said in one sentence on stderr; 3 done, but tiles
were set aside; 130 stopped by Ctrl-C: what is finished is kept, `--resume` goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from litho.backend import resolve_device
from litho.cells import LayoutError
from litho.chip import dask_start
from litho.chip.chip_job import ChipJob, prepare_chip
from litho.chip.chip_settings import METHODS
from litho.chip.chip_terminal import show_chip, show_plan, show_prints
from litho.chip.executors import Executor, serial
from litho.chip.manifest import ForeignRun
from litho.chip.processes import WorkersDoNotStart, local_processes
from litho.chip.progress import ChipProgress, PassSize
from litho.chip.run import run_chip_job
from litho.chip.tile_choice import workers_that_fit
from litho.chip.whole_prints import run_simulation
from litho.chip.whole_run import mask_source, run_verification
from litho.chip.windows import LayoutWindows
from litho.commands import FAILED, STOPPED, Request, parse_window, told_in_one_sentence
from litho.config import load_recipe
from litho.info import free_bytes, usable_cpus
from litho.job import LARGEST_PIXELS, JobError
from litho.outputs import check_writable

if TYPE_CHECKING:
    from litho.chip.dask_cluster import DaskExecutor

LARGEST_FIELD_NM2 = 12000.0**2
"""Area of a field from which on a mask is verified and simulated by tiles, whatever its pixels: some 5 GB."""

SET_ASIDE = 3
"""Exit code where some tiles failed, and the rest is done."""


@dataclass(frozen=True)
class ChipRequest:
    """Options of `litho chip`, as they were typed.

    Parameters
    ----------
    layout, layer, cell, window, recipe, out, repair
        what is corrected, how, and where results go
    workers, scheduler, gpus
        who computes: one of the three at most, but for `scheduler` with `gpus = "all"`, whose workers use theirs
    batch
        fields that a worker computes at once
    tls_ca, tls_cert, tls_key, insecure
        how a scheduler is talked to
    resume, dry_run
        go on with a run; stop after the plan
    verify, mask_layer
        measure this mask in place of a correction
    simulate
        take the layout for a mask, and write what it prints
    method
        "ilt" or "opc", in place of the recipe's `chip.method`
    """

    layout: Path
    layer: str | None = None
    recipe: str = "chip"
    out: Path = Path("out")
    workers: int | None = None
    scheduler: str | None = None
    gpus: str | None = None
    batch: int | None = None
    resume: bool = False
    dry_run: bool = False
    cell: str | None = None
    window: str | None = None
    repair: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    verify: Path | None = None
    mask_layer: str | None = None
    simulate: bool = False
    method: str | None = None

    @property
    def device(self) -> str:
        """Where workers compute."""
        return "cpu" if self.gpus is None else "gpu"


def run_chip(request: ChipRequest) -> int:
    """Correct, verify or simulate a whole layout, write its folder, and return the exit code."""
    with told_in_one_sentence():
        check_options(request)
        check_writable(request.out)
        job = _prepared(request)
        mask = None if request.verify is None else mask_source(request.verify, request.mask_layer)
    show_plan(job.plan)
    if request.dry_run:
        return 0
    with ExitStack() as stack:
        with told_in_one_sentence():
            executor = stack.enter_context(_opened(request, job))
        progress = ChipProgress(_area_um2(job), [PassSize("reading", 1, 1)], getattr(executor, "dashboard", None))
        try:
            with progress, told_in_one_sentence((ForeignRun, JobError, LayoutError, OSError, WorkersDoNotStart)):
                code = _done(request, job, mask, executor, progress)
        except KeyboardInterrupt:
            typer.echo(f"litho: stopped. What is finished is kept in {request.out}; go on with --resume.", err=True)
            return STOPPED
    _show_files(request.out)
    return code


def _done(
    request: ChipRequest, job: ChipJob, mask: LayoutWindows | None, executor: Executor, progress: ChipProgress
) -> int:
    """Do what was asked for, show what it comes to, and return the exit code; `mask` is to be verified, if given."""
    if request.simulate:
        told = run_simulation(job, executor, resume=request.resume, progress=progress)
        show_prints(told)
        return SET_ASIDE if told["set_aside"] else 0
    if mask is None:
        result = run_chip_job(job, executor, resume=request.resume, progress=progress)
    else:
        result = run_verification(job, mask, executor, resume=request.resume, progress=progress)
    show_chip(result)
    if result.set_aside:
        return SET_ASIDE
    passed = result.verification is None or result.verification.passed
    return 0 if passed or mask is None else FAILED


def larger_than_a_field(request: Request) -> bool:
    """Return whether a layout, or the window of it that was asked for, needs tiles.

    It does where one field would be refused, or be so large that tiles are quicker and take a fraction of the memory.
    """
    if len(request.layouts) != 1 or request.kernels is not None:
        return False
    recipe = load_recipe(request.recipe)
    if recipe.field.size_nm is not None or recipe.field.halo_nm is None:
        return False
    x0, y0, x1, y1 = (
        LayoutWindows(request.layouts[0], request.layer, repair=request.repair).bounds_nm
        if request.window is None
        else parse_window(request.window)
    )
    sides = (x1 - x0 + 2 * recipe.field.halo_nm, y1 - y0 + 2 * recipe.field.halo_nm)
    return sides[0] * sides[1] > min(LARGEST_PIXELS * recipe.field.pixel_nm**2, LARGEST_FIELD_NM2)


def run_whole_verify(request: Request, masks: Sequence[Path], mask_layer: str | None) -> int:
    """Do what `litho verify` does by tiles, over a layout of any size; the layout is its own mask if none is given."""
    given: dict[str, Any] = {"verify": masks[0], "mask_layer": mask_layer} if masks else {"verify": request.layouts[0]}
    if not masks:
        given["mask_layer"] = request.layer
    return run_chip(_of_request(request, masks, request.layouts[0], request.layer, **given))


def run_whole_simulate(request: Request, masks: Sequence[Path], mask_layer: str | None) -> int:
    """Do what `litho simulate` does by tiles: write what a mask of any size prints at every corner."""
    mask, layer = (masks[0], mask_layer) if masks else (request.layouts[0], request.layer)
    return run_chip(_of_request(request, masks, mask, layer, simulate=True))


def _of_request(
    request: Request, masks: Sequence[Path], layout: Path, layer: str | None, **options: Any
) -> ChipRequest:
    """Return the request by tiles that has the options of one for clips: on cores, unless a GPU is named."""
    with told_in_one_sentence():
        if len(masks) > 1:
            raise JobError(f"`mask` must come with one layout each, its target, but got {len(masks)} for 1 layouts.")
        gpus = "all" if request.device == "gpu" and resolve_device("gpu") == "gpu" else None
    given = {"window": request.window, "repair": request.repair, "gpus": gpus, **options}
    return ChipRequest(layout, layer, request.recipe, request.out, **given)


def check_options(request: ChipRequest) -> None:
    """Refuse options that contradict each other.

    Raises
    ------
    JobError
    """
    named = {"--workers": request.workers, "--scheduler": request.scheduler, "--gpus": request.gpus}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1 and given != ["--scheduler", "--gpus"]:
        raise JobError(f"`workers` must come without `scheduler` and `gpus`, but got {' and '.join(given)}.")
    if request.scheduler is not None and request.gpus not in (None, "all"):
        raise JobError(f"`gpus` must be all with `scheduler`, whose workers have one each, but got {request.gpus!r}.")
    if request.workers is not None and request.workers < 1:
        raise JobError(f"`workers` must be at least 1, but got {request.workers}.")
    files = [request.tls_ca, request.tls_cert, request.tls_key]
    if any(files) and not all(files):
        raise JobError("`tls-ca`, `tls-cert` and `tls-key` must be given together, but one of them is missing.")
    if (any(files) or request.insecure) and request.scheduler is None:
        raise JobError("`tls-ca`, `tls-cert`, `tls-key` and `insecure` must come with `scheduler`, but there is none.")
    if request.batch is not None and (request.verify is not None or request.simulate):
        raise JobError(
            f"`batch` must come with a correction, but got {request.batch} to measure a mask, field by field."
        )
    if request.mask_layer is not None and request.verify is None:
        raise JobError(f"`mask-layer` must come with `verify`, but got {request.mask_layer!r} alone.")
    if request.method is not None:
        if request.method not in METHODS:
            raise JobError(f"`method` must be one of {', '.join(METHODS)}, but got {request.method!r}.")
        if request.verify is not None:
            raise JobError(f"`method` must come without `verify`, which makes no mask, but got {request.method!r}.")
        if request.method == "opc" and request.gpus is not None:
            raise JobError(f"`gpus` must be left out with `method` 'opc', for cores, but got {request.gpus!r}.")


def _show_files(folder: Path) -> None:
    """Print what was written."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    console = Console(highlight=False)
    console.print(f"[bold]{escape(str(folder))}[/]\n  " + "  ".join(map(escape, names)))


def _prepared(request: ChipRequest) -> ChipJob:
    """Read the layout and plan, after the recipe was checked."""
    recipe = load_recipe(request.recipe)
    window = None if request.window is None else parse_window(request.window)
    gpus = None if request.gpus is None or request.scheduler is not None else _chosen_gpus(request.gpus)
    return prepare_chip(
        request.layout,
        recipe,
        request.out,
        layer=request.layer,
        cell=request.cell,
        window_nm=window,
        repair=request.repair,
        device=request.device,
        workers=request.workers or (usable_cpus() if gpus is None else len(gpus)),
        batch=request.batch,
        gpus=gpus,
        correct=request.verify is None and not request.simulate,
        method=request.method,
    )


@contextmanager
def _opened(request: ChipRequest, job: ChipJob) -> Iterator[Executor]:
    """Yield who computes, and let it go at the end."""
    executor = _executor(request, job)
    try:
        yield executor
    finally:
        executor.close()


def _executor(request: ChipRequest, job: ChipJob) -> Executor:
    if request.scheduler is not None or request.gpus is not None:
        return _cluster(request)
    asked = request.workers or usable_cpus()
    fitting = workers_that_fit(asked, job.plan.estimate.bytes_per_worker, free_bytes("cpu"))
    if fitting < asked:
        typer.echo(f"litho: {asked} workers do not fit into the free memory; {fitting} are used.", err=True)
    return serial() if fitting == 1 else local_processes(fitting)


def _cluster(request: ChipRequest) -> Executor:
    """Return the workers of a scheduler, or one worker for each GPU; GPUs that are asked for are there."""
    executor = _cluster_of(request)
    if request.device == "gpu":
        try:
            executor.check_gpus()
        except BaseException:
            executor.close()
            raise
    return executor


def _cluster_of(request: ChipRequest) -> DaskExecutor:
    from litho.chip.chip_security import Certificates
    from litho.chip.dask_cluster import dask_cluster

    if request.scheduler is not None:
        certificates = None
        if request.tls_ca is not None and request.tls_cert is not None and request.tls_key is not None:
            certificates = Certificates(request.tls_ca, request.tls_cert, request.tls_key)
        return dask_cluster(request.scheduler, certificates=certificates, insecure=request.insecure)
    assert request.gpus is not None
    return dask_cluster(gpus=_chosen_gpus(request.gpus))


def _chosen_gpus(text: str) -> list[str]:
    """Return the GPUs that `--gpus` names."""
    there = dask_start.visible_gpus()
    chosen = there if text == "all" else [name.strip() for name in text.split(",") if name.strip()]
    if not chosen:
        raise JobError(f"`gpus` must name GPUs of this machine, but got {text!r}, and it has {len(there)}.")
    return chosen


def _area_um2(job: ChipJob) -> float:
    x0, y0, x1, y1 = job.plan.tiles.layout_box_nm
    return (x1 - x0) * (y1 - y0) / 1e6
