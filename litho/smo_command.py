"""What `litho smo` does: a source for the layouts, their masks under it, and the process window before and after."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from litho.clip_memory import clips_at_once
from litho.commands import STOPPED, Request, folder_of, told_in_one_sentence
from litho.flow import correct
from litho.job import Job
from litho.outputs import figures, write_result, write_summary
from litho.process_window import ExposureWindow
from litho.progress import CorrectionProgress, Interrupt
from litho.result import ClipResult
from litho.smo import SmoResult, SmoSettings
from litho.smo_flow import check_has_source, clip_window, optimised_source, smo_figures, with_source
from litho.source import Source
from litho.source_files import write_source
from litho.terminal import show_files, show_results


def run_smo(request: Request, settings: SmoSettings | None = None) -> int:
    """Optimise one source for layouts and a mask for each, write their folders, and return the exit code.

    The recipe's table `smo` is used unless other settings are given.
    """
    with told_in_one_sentence():
        job, device = request.prepare()
        check_has_source(job)
        clips_at_once(job, device)  # refuses what does not fit
    settings = settings or job.recipe.smo
    with Interrupt() as interrupt:
        before = _corrected(job, device, interrupt)
        found = _searched(job, settings, device, interrupt)
        better = with_source(job, found.source, settings.limits.pixels)
        after = _corrected(better, device, interrupt)
        pairs = list(zip(before, after, strict=False))
        with told_in_one_sentence((OSError,)):
            _write_source(request.out, found.source, settings)
            written = [
                _written(pair, (job, better), found, settings, folder_of(pair[1].name, request.out, job))
                for pair in pairs
            ]
            if len(job.clips) > 1 and written:
                write_summary(written, request.out / "summary.json")
    show_results(written, len(job.clips))
    _show_windows(written)
    show_files([folder_of(each["clip"], request.out, job) for each in written])
    return STOPPED if interrupt.asked else 0


def _corrected(job: Job, device: str, interrupt: Interrupt) -> list[ClipResult]:
    """Return the masks of a job, made as `litho ilt` makes them."""
    with CorrectionProgress(job, device) as progress:
        return list(correct(job, device, lambda update: progress.show(update, interrupt.asked)))


def _searched(job: Job, settings: SmoSettings, device: str, interrupt: Interrupt) -> SmoResult:
    """Find the source, and say how it goes."""
    with CorrectionProgress(job, device) as progress:

        def report(number: int, part: str, step: int, loss: float) -> bool:
            progress.say(f"{part}, turn {number + 1} of at most {settings.rounds}, step {step}, loss {loss:,.0f} nm²")
            return interrupt.asked

        return optimised_source(job, settings, device, report)


def _write_source(folder: Path, source: Source, settings: SmoSettings) -> None:
    """Write the source as a picture and as a list of points, one or two for each pixel."""
    os.makedirs(folder, exist_ok=True)
    pixels = settings.limits.pixels
    write_source(folder / "source.png", source, n=pixels)
    write_source(folder / "source.txt", source, spacing=2 / pixels)


def _written(
    pair: tuple[ClipResult, ClipResult],
    jobs: tuple[Job, Job],
    found: SmoResult,
    settings: SmoSettings,
    folder: Path,
) -> dict[str, Any]:
    """Write one clip's folder, and return what `metrics.json` says of it."""
    from litho.smo_pictures import draw_smo  # matplotlib is slow to import

    clip = next(clip for clip in jobs[0].clips if clip.name == pair[1].name)
    windows: dict[str, ExposureWindow] = {
        name: clip_window(job, clip, result.mask, settings)
        for name, job, result in zip(("before", "after"), jobs, pair, strict=True)
    }
    latitude = jobs[0].recipe.window.latitude
    told = smo_figures(found, windows, settings, latitude)
    told["before"] = {name: pair[0].metrics[name] for name in ("L2", "PVB", "EPE")}
    result = replace(pair[1], metrics={**pair[1].metrics, "smo": told})
    os.makedirs(folder, exist_ok=True)
    sources = [job.recipe.optics.source.build() for job in jobs if job.recipe.optics is not None]
    draw_smo((sources[0], sources[1]), windows, settings.placement_nm, latitude, folder / "smo.png")
    write_result(result, folder)
    return figures(result)


def _show_windows(written: Sequence[dict[str, Any]]) -> None:
    """Print what the process window was and is."""
    for each in written:
        for name, window in each["smo"]["window"].items():
            area = "none" if window["area_percent_nm"] is None else f"{window['area_percent_nm']:.0f} % nm"
            typer.echo(
                f"{each['clip']}, {name}: depth of focus {window['depth_of_focus_nm']:.0f} nm at "
                f"{100 * window['at_exposure_latitude']:g} % exposure latitude, largest ellipse {area}"
            )
