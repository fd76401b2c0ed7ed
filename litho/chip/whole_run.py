"""Verification of a mask over a whole layout, on its own: `litho chip --verify MASK`, or from Python.

    result = verify_chip("chip.oas", "mask.oas", load_recipe("default"), "verified", local_processes(2))

The layout is the target. Nobody says where this mask's seams are, if it has any: all sites count as interior.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from typing import Unpack

import numpy as np

from litho.chip.chip_job import ChipChoice, ChipJob, prepare_chip, setup_of
from litho.chip.chip_outputs import write_chip
from litho.chip.chip_result import COMPUTED, EMPTY, ChipResult
from litho.chip.executors import Executor, serial
from litho.chip.layout_part import LayoutPart
from litho.chip.manifest import Manifest
from litho.chip.progress import ChipProgress, PassSize
from litho.chip.run import begun_run, verify_windows
from litho.chip.run_figures import RunLog, layout_name, unmeasured
from litho.chip.store import TileStore
from litho.chip.whole_verify import PASS, STORE, DrawnMask, VerifyPass
from litho.chip.windows import LayoutWindows
from litho.config import Recipe
from litho.layout import read_layout
from litho.outputs import MASK_LAYER


def verify_chip(
    layout: str | os.PathLike[str],
    mask: str | os.PathLike[str],
    recipe: Recipe,
    out: str | os.PathLike[str],
    executor: Executor | None = None,
    *,
    mask_layer: str | None = None,
    resume: bool = False,
    progress: ChipProgress | None = None,
    **choice: Unpack[ChipChoice],
) -> ChipResult:
    """Measure what a mask prints over a whole layout, and write what was found into a folder.

    Parameters
    ----------
    layout
        the target
    mask
        GDS or OASIS file of the mask
    recipe
        with the limits, in its tables `verify` and `rules`
    out
        folder of the results
    executor
        who computes; one window after the other in this process if not given
    mask_layer
        2/0 if the file has it, else its only layer
    resume, progress
        see `litho.chip.run.correct_chip`
    choice
        of the target, see `litho.chip.chip_job.ChipChoice`
    """
    executor = serial() if executor is None else executor
    job = prepare_chip(layout, recipe, out, workers=executor.workers, correct=False, **choice)
    return run_verification(job, mask_source(mask, mask_layer), executor, resume=resume, progress=progress)


def run_verification(
    job: ChipJob,
    mask: LayoutWindows,
    executor: Executor,
    *,
    resume: bool = False,
    progress: ChipProgress | None = None,
) -> ChipResult:
    """Verify what was planned, and write the folder; see `verify_chip`."""
    begin, log = time.monotonic(), RunLog(progress)
    told = {"mask_sha256": mask.digest, "mask_layer": list(mask.layer)}
    with begun_run(job, executor, resume, **told) as manifest:
        within = job.source.box_nm if isinstance(job.source, LayoutPart) else None
        checks = VerifyPass(
            job.plan.tiles, job.source, DrawnMask(mask), setup_of(job, resume), seams=False, within_nm=within
        )
        log.plan([PassSize(PASS, len(set(checks.keys.values())), len(checks.keys))])
        verify_windows(checks, job.out, executor, manifest, log)
        result = _result(job, checks, manifest)
        result = log.timed(result, time.monotonic() - begin, executor.workers, job.device)
        write_chip(result, job.out, job.plan.layer)
    return result


def mask_source(mask: str | os.PathLike[str], layer: str | None) -> LayoutWindows:
    """Return the mask as windows see it: the layer that is named, else 2/0 if there is one, else the only one."""
    chosen = MASK_LAYER if layer is None and MASK_LAYER in read_layout(mask).layers else layer
    return LayoutWindows(mask, chosen)


def _result(job: ChipJob, checks: VerifyPass, manifest: Manifest) -> ChipResult:
    sums = checks.gathered(TileStore(job.out / STORE))
    columns, rows = job.plan.tiles.counts
    numbers = sums.numbers(np.full((rows, columns), math.nan), np.full((rows, columns), EMPTY, np.uint8))
    measured = np.isfinite(numbers.epe_rms_nm)
    return ChipResult(
        name=layout_name(job.plan.layout),
        tiles=job.plan.tiles,
        numbers=replace(numbers, origin=np.where(measured, np.uint8(COMPUTED), np.uint8(EMPTY))),
        verification=sums.verification(),
        set_aside=tuple(unmeasured(manifest.failures(), checks)),
        figures={"plan": job.plan.figures()},
        recipe=job.recipe.as_dict(),
    )
