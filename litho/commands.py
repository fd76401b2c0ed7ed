"""What the commands of the command line do; `litho.cli` names their options.

Input is read and checked first, where a `ValueError` or `OSError` means that the user has to change something: it is
told in one sentence, with exit code 2. Later errors are faults of the program and keep their traceback.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from litho.backend import resolve_device
from litho.clip_memory import clips_at_once
from litho.config import load_recipe
from litho.cutline import TONES
from litho.exact_images import exact_corners, exact_images, window_foci
from litho.flow import correct, simulate
from litho.given_masks import GivenMask, given_masks
from litho.job import Clip, Job, JobError, prepare
from litho.metrology import MeasuredWindow, check_cuts, measure_window, verify_clip
from litho.outlines import outlines, united
from litho.outputs import check_writable, figures, write_result, write_summary
from litho.polygons import Box
from litho.progress import CorrectionProgress, Interrupt
from litho.raster import polygon_area_nm2
from litho.recipe_verify import CutTable
from litho.result import ClipResult
from litho.rule_check import check_targets, checked
from litho.spline_flow import correct_splines
from litho.terminal import show_files, show_results, show_verifications, show_windows
from litho.uncorrected import with_uncorrected

FAILED = 1
"""Exit code of `litho verify` where a limit is broken."""

STOPPED = 130
"""Exit code after Ctrl-C."""


@dataclass(frozen=True)
class Request:
    """Options that commands share, as they were typed."""

    layouts: Sequence[Path]
    layer: str | None
    recipe: str
    kernels: Path | None
    out: Path
    device: str
    window: str | None
    repair: bool

    def prepare(self, cuts: Sequence[str] = ()) -> tuple[Job, str]:
        """Return the job and the device, after everything was checked; `cuts` are cut lines beside the recipe's."""
        check_writable(self.out)
        device = resolve_device(self.device)
        window = None if self.window is None else parse_window(self.window)
        recipe = load_recipe(self.recipe)
        if cuts:
            recipe = recipe.model_copy(update={"cutline": (*recipe.cutline, *map(parse_cut, cuts))})
        job = prepare(
            self.layouts,
            recipe,
            kernels=self.kernels,
            layer=self.layer,
            window_nm=window,
            repair=self.repair,
        )
        return job, device


def run_ilt(request: Request) -> int:
    """Correct layouts, write their folders, and return the exit code."""
    with told_in_one_sentence():
        job, device = request.prepare()
        if request.window is None:  # a window may cut slivers off
            check_targets(job.clips, job.recipe.rules)
        clips_at_once(job, device)  # refuses what does not fit
    with Interrupt() as interrupt, CorrectionProgress(job, device) as progress:
        found = correct_splines if job.recipe.method == "spline" else correct
        results = with_uncorrected(
            found(job, device, lambda update: progress.show(update, interrupt.asked)), job, device
        )
        written = write_all(results, request.out, job, progress.say)
    show_results(written, len(job.clips))
    show_files([folder_of(figures["clip"], request.out, job) for figures in written])
    return STOPPED if interrupt.asked else 0


def run_simulate(request: Request, masks: Sequence[Path], mask_layer: str | None, cuts: Sequence[str] = ()) -> int:
    """Simulate masks as they are, measure them on cut lines, write their folders, and return the exit code."""
    from litho.chip_command import larger_than_a_field, run_whole_simulate

    with told_in_one_sentence():
        by_tiles = larger_than_a_field(request)
    if by_tiles and not cuts:
        return run_whole_simulate(request, masks, mask_layer)
    with told_in_one_sentence():
        job, device = request.prepare(cuts)
        given = given_masks(masks, job, mask_layer)
        for clip in job.clips:
            check_cuts(job.recipe.cutline, clip.grid)
    with told_in_one_sentence((JobError,)):
        windows = [_window(job, clip, mask, request.kernels) for clip, mask in zip(job.clips, given, strict=True)]
    coverages = [mask.coverage for mask in given] if masks else None
    simulated = zip(simulate(job, coverages, device), job.clips, given, windows, strict=True)
    results = (replace(as_given(result, clip, mask, job), window=window) for result, clip, mask, window in simulated)
    written = write_all(results, request.out, job, lambda text: None)
    show_results(written, len(job.clips))
    show_windows(written)
    show_files([folder_of(figures["clip"], request.out, job) for figures in written])
    return 0


def run_verify(request: Request, masks: Sequence[Path], mask_layer: str | None) -> int:
    """Check masks and what they print against the limits of the recipe, write folders, and return the exit code."""
    from litho.chip_command import larger_than_a_field, run_whole_verify

    with told_in_one_sentence():
        by_tiles = larger_than_a_field(request)
    if by_tiles:
        return run_whole_verify(request, masks, mask_layer)
    with told_in_one_sentence():
        job, device = request.prepare()
        given = given_masks(masks, job, mask_layer)
    coverages = [mask.coverage for mask in given] if masks else None
    simulated = zip(simulate(job, coverages, device), job.clips, given, strict=True)
    results = (_verified(result, clip, mask, job) for result, clip, mask in simulated)
    written = write_all(results, request.out, job, lambda text: None)
    show_verifications(written)
    show_files([folder_of(figures["clip"], request.out, job) for figures in written])
    return 0 if all(figures["verify"]["passed"] for figures in written) else FAILED


def _window(job: Job, clip: Clip, mask: GivenMask, kernels: Path | None) -> MeasuredWindow | None:
    """Return what the recipe's cut lines measure on one clip, if it has any."""
    cuts = job.recipe.cutline
    if not cuts:
        return None
    foci = window_foci(job)
    images = exact_images(job, clip.grid, mask.drawn, foci, kernels)
    return measure_window(images, foci, job.process.resist.threshold, cuts, job.recipe.window)


def _verified(result: ClipResult, clip: Clip, mask: GivenMask, job: Job) -> ClipResult:
    """Return a result with its edge placement, its hot spots, and the rules that its mask breaks."""
    result = as_given(result, clip, mask, job)
    corners = exact_corners(job, clip.grid, mask.drawn)
    islands = [outline for outline in result.mask_polygons if polygon_area_nm2(outline) > 0]
    found = verify_clip(
        corners,
        clip.polygons,
        clip.grid,
        job.recipe.verify,
        mask=islands,
        prints=result.print_polygons,
        rules_clean=result.metrics["rules"]["clean"],
    )
    return replace(result, verification=found)


def as_given(result: ClipResult, clip: Clip, mask: GivenMask, job: Job) -> ClipResult:
    """Return a result with the outlines of a mask as they came, not those of its raster, and the rules they break."""
    violations, figures = checked(mask, clip, job.recipe.rules)
    result = replace(result, violations=violations, metrics={**result.metrics, "rules": figures})
    if not isinstance(mask.drawn, tuple):
        return result
    loops = tuple(outlines(united(mask.drawn)))
    return replace(result, mask_polygons=loops, curves=(None,) * len(loops))


@contextmanager
def told_in_one_sentence(kinds: tuple[type[Exception], ...] = (ValueError, OSError)) -> Iterator[None]:
    """Turn what is wrong with the input into a line on stderr and exit code 2."""
    try:
        yield
    except kinds as error:
        typer.echo(f"litho: {error}", err=True)
        raise typer.Exit(2) from None


def parse_window(text: str) -> Box:
    """Return x0, y0, x1, y1 from text such as "0,0,1000,1000"."""
    try:
        x0, y0, x1, y1 = (float(word) for word in text.split(","))
    except ValueError:
        raise JobError(f"`window` must be four numbers X0,Y0,X1,Y1, but got {text!r}.") from None
    if not (all(map(math.isfinite, (x0, y0, x1, y1))) and x0 < x1 and y0 < y1):
        raise JobError(f"`window` must be X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1, but got {text!r}.")
    return x0, y0, x1, y1


def parse_cut(text: str) -> CutTable:
    """Return a cut line from text such as "0,500,200,500", or "0,500,200,500,dark"."""
    *numbers, tone = text.split(",") if text.count(",") == 4 else [*text.split(","), "bright"]
    try:
        x0, y0, x1, y1 = (float(word) for word in numbers)
    except ValueError:
        raise JobError(f"`cut` must be X1,Y1,X2,Y2 or X1,Y1,X2,Y2,dark, but got {text!r}.") from None
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or (x0, y0) == (x1, y1):
        raise JobError(f"`cut` must have two different, finite ends, but got {text!r}.")
    if tone.strip() not in TONES:
        raise JobError(f"`cut` must end in 'bright' or 'dark' after its four numbers, but got {text!r}.")
    return CutTable.model_validate({"start_nm": (x0, y0), "end_nm": (x1, y1), "tone": tone.strip()})


def folder_of(clip: str, out: Path, job: Job) -> Path:
    """Return where the results of a clip go: a folder of its own if there are several."""
    return out / clip if len(job.clips) > 1 else out


def write_all(results: Iterable[ClipResult], out: Path, job: Job, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Write each result as it comes, and return what `metrics.json` says of it."""
    written = []
    for result in results:
        say(f"drawing {result.name}")
        try:
            write_result(result, folder_of(result.name, out, job))
        except OSError as error:
            typer.echo(f"litho: `out` must be a folder that can be written in, but {_reason(error, out)}.", err=True)
            raise typer.Exit(2) from None
        written.append(figures(result))
    if len(job.clips) > 1 and written:
        write_summary(written, out / "summary.json")
    return written


def _reason(error: OSError, out: Path) -> str:
    return f"{error.filename or os.fspath(out)}: {error.strerror or error}"
