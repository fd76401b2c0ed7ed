"""A chip before it is computed: what is taken of a layout, the plan, and what all tiles share.

job = prepare_chip("chip.oas", load_recipe("chip"), "out", layer="1/0")
setup = setup_of(job, resume=False, correct=True)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from litho.backend import single_threaded_blas
from litho.chip.chip_settings import ChipSettings
from litho.chip.dask_start import least_free_bytes, visible_gpus
from litho.chip.edge_plan import edge_choice
from litho.chip.layout_part import LayoutPart
from litho.chip.plan import ChipPlan, plan_chip
from litho.chip.tile_choice import fields_that_fit
from litho.chip.tile_setup import TileSetup, field_kernels, read_setup, tile_setup, write_setup
from litho.chip.tile_symmetries import with_symmetries
from litho.chip.whole_verify import PASS, STORE
from litho.chip.windows import LayoutWindows
from litho.config import Recipe
from litho.info import program_version
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
        `litho.clip_memory.MEMORY_SHARE` of its free memory. It changes no result
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
