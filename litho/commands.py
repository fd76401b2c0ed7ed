"""What the commands of the command line do; `litho.cli` names their options.

Input is read and checked first, where a `ValueError` or `OSError` means that the user has to change something: it is
told in one sentence, with exit code 2. Later errors are faults of the program and keep their traceback.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from litho.backend import resolve_device
from litho.config import load_recipe
from litho.flow import correct, simulate
from litho.job import Clip, Job, JobError, prepare
from litho.layout import read_layout
from litho.outputs import MASK_LAYER, check_writable, figures, write_result, write_summary
from litho.polygons import Box, check_inside
from litho.progress import CorrectionProgress, Interrupt
from litho.raster import coverage as raster
from litho.result import ClipResult
from litho.terminal import show_files, show_results

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

    def prepare(self) -> tuple[Job, str]:
        """Return the job and the device, after everything was checked."""
        check_writable(self.out)
        device = resolve_device(self.device)
        window = None if self.window is None else parse_window(self.window)
        job = prepare(
            self.layouts,
            load_recipe(self.recipe),
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
    with Interrupt() as interrupt, CorrectionProgress(job, device) as progress:
        results = correct(job, device, lambda update: progress.show(update, interrupt.asked))
        written = _write_all(results, request.out, job, progress.say)
    show_results(written, len(job.clips))
    show_files([folder_of(figures["clip"], request.out, job) for figures in written])
    return STOPPED if interrupt.asked else 0


def run_simulate(request: Request, mask: Path | None, mask_layer: str | None) -> int:
    """Simulate masks as they are, write their folders, and return the exit code."""
    with told_in_one_sentence():
        job, device = request.prepare()
        masks = None if mask is None else [read_mask(mask, job, mask_layer)]
    written = _write_all(simulate(job, masks, device), request.out, job, lambda text: None)
    show_results(written, len(job.clips))
    show_files([folder_of(figures["clip"], request.out, job) for figures in written])
    return 0


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """Turn what is wrong with the input into a line on stderr and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
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


def read_mask(path: Path, job: Job, layer: str | None) -> NDArray[Any]:
    """Return the mask of a job's only clip, (ny, nx) coverage, from `mask.npz` or from a layout."""
    if len(job.clips) != 1:
        raise JobError(f"`mask` must come with one layout, its target, but got {len(job.clips)}.")
    clip = job.clips[0]
    if path.suffix == ".npz":
        return _mask_of_npz(path, clip)
    layout = read_layout(path)
    if layer is None and MASK_LAYER in layout.layers:
        layer = f"{MASK_LAYER[0]}/{MASK_LAYER[1]}"
    polygons = layout.polygons(layer)
    check_inside(polygons, clip.grid)
    return raster(polygons, clip.grid, np.float32)


def _mask_of_npz(path: Path, clip: Clip) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as content:
            mask = content["mask"]
    except OSError as error:
        raise JobError(f"`mask` must be a readable file, but {path}: {error.strerror or error}.") from error
    except (KeyError, EOFError, zipfile.BadZipFile, ValueError, AttributeError) as error:
        raise JobError(f"`mask` must be an .npz file with an array `mask`, but {path} is not.") from error
    if mask.shape != clip.grid.shape:
        raise JobError(f"`mask` must have the field's shape {clip.grid.shape}, but {path} has {mask.shape}.")
    if mask.dtype.kind not in "buif" or not (np.isfinite(mask).all() and mask.min() >= 0 and mask.max() <= 1):
        raise JobError(f"`mask` must hold coverages in 0..1, but {path} holds others.")
    coverage: NDArray[np.float32] = mask.astype(np.float32)
    return coverage


def folder_of(clip: str, out: Path, job: Job) -> Path:
    """Return where the results of a clip go: a folder of its own if there are several."""
    return out / clip if len(job.clips) > 1 else out


def _write_all(results: Iterable[ClipResult], out: Path, job: Job, say: Callable[[str], None]) -> list[dict[str, Any]]:
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
