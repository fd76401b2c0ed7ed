"""What a run over a chip will do: the layout's extent, layers and shapes, its tiles, and the time and memory they take.

    plan = plan_chip(source, job, settings, workers=2)
    show_plan(plan)

Nothing is corrected to make a plan. The time is an estimate, from the rate at which the default recipe was seen to run
on one core, scaled by the steps and pixels of the recipe at hand; a run tells its own rate after its first tiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from litho.cells import Layer
from litho.chip.array_pitch import array_pitch
from litho.chip.chip_settings import ChipSettings
from litho.chip.edge_plan import SECONDS_PER_AREA_STEP, SECONDS_PER_CHECK, check_edge_lengths, edge_bytes, edge_work
from litho.chip.symmetry import IDENTITY
from litho.chip.tile_choice import (
    FIXED_BYTES,
    array_tiles,
    choose_tiles,
    field_bytes,
    kinds_of_tiles,
    largest_field_nm,
    machine_bytes,
)
from litho.chip.tile_kinds import distinct_fields, fields_seen
from litho.chip.tile_setup import coarsest_pixel_nm, halo_of
from litho.chip.tile_symmetries import planned_symmetries
from litho.chip.tiles import TilePlan
from litho.chip.windows import LayoutWindows
from litho.config import Recipe
from litho.job import JobError

SECONDS_PER_WORK = 0.12
"""Time of one core for a unit of `work_per_um2`: 11.4 s for the 9.8 um^2 of a field with the default recipe, whose work
is 10 a um^2, on an Intel Xeon with AVX-512 in single precision; other processors differ by a factor."""

SECONDS_PER_CORE_UM2 = 1.0
"""Likewise of what follows, for an um^2 of layout: outlines, and mask rules."""

SECONDS_TO_IMAGE_UM2 = 0.1
"""Likewise of a verification, for an um^2 of field."""

Counted = tuple[Sequence[int], int]
"""tiles that differ: in each pass that finds levels, and in those that follow"""

MOST_COUNTED = 4096
"""Layouts of more tiles are not looked through for equal ones before the run."""


@dataclass(frozen=True)
class Estimate:
    """What a run is taken to need.

    Parameters
    ----------
    core_seconds
        of all passes together, on one core
    workers
        that share them
    bytes_per_field
        of memory, beside what a worker takes without one
    basis
        what the time follows from, for people
    batch
        the most fields that a worker computes at once
    """

    core_seconds: float
    workers: int
    bytes_per_field: int
    basis: str
    batch: int = 1

    @property
    def seconds(self) -> float:
        """Time of the run, all workers busy to the end."""
        return self.core_seconds / self.workers

    @property
    def bytes_per_worker(self) -> int:
        """Memory of a worker."""
        return FIXED_BYTES + self.batch * self.bytes_per_field


@dataclass(frozen=True)
class ChipPlan:
    """What a run will do.

    Parameters
    ----------
    layout
        name of the file
    cell
        that is looked at
    layer
        that is corrected
    dbu_nm
        database unit of the layout
    counts
        shapes on each layer, copies included
    tiles
        where tiles lie
    ambit_nm
        how far light reaches
    repeats
        whether cores are whole pitches of an array that the layout is made of
    distinct
        tiles that differ, also from the mirror images of all others where light allows that; None if not counted
    drawn_apart
        tiles whose outlines differ after the border passes: mirror images do
    estimate
        time and memory
    """

    layout: str
    cell: str
    layer: Layer
    dbu_nm: float
    counts: Mapping[Layer, int]
    tiles: TilePlan
    ambit_nm: float
    repeats: bool
    distinct: int | None
    drawn_apart: int | None
    estimate: Estimate

    def with_batch(self, batch: int) -> ChipPlan:
        """Return the same plan with so many fields at once in each worker, but no more than there are tiles."""
        tasks = self.tiles.count if self.distinct is None else self.distinct
        return replace(self, estimate=replace(self.estimate, batch=max(1, min(batch, tasks))))

    def figures(self) -> dict[str, Any]:
        """Return the plan as `metrics.json` has it."""
        plan = self.tiles
        return {
            "layer": f"{self.layer[0]}/{self.layer[1]}",
            "shapes": self.counts[self.layer],
            "box_nm": list(plan.layout_box_nm),
            "columns": plan.counts[0],
            "rows": plan.counts[1],
            "distinct": self.distinct,
            "core_nm": list(plan.core_nm),
            "halo_nm": plan.halo_nm,
            "ambit_nm": round(self.ambit_nm, 1),
            "repeats": self.repeats,
            "estimated_seconds": round(self.estimate.seconds, 1),
            "bytes_per_worker": self.estimate.bytes_per_worker,
            "batch": self.estimate.batch,
        }


def work_per_um2(recipe: Recipe) -> float:
    """Return the optimiser's work on an um^2 of field: steps times the pixels of mask and print in a nm^2."""
    pixels = [
        (stage.steps, stage.pixel_nm, getattr(stage, "print_pixel_nm", None) or stage.pixel_nm)
        for stage in recipe.inverse.stages
    ]
    return sum(steps * (mask**-2 + printed**-2) for steps, mask, printed in pixels)


def check_recipe(recipe: Recipe, correct: bool = True, method: str = "ilt") -> None:
    """Refuse a recipe by which tiles cannot be imaged, or corrected.

    Raises
    ------
    JobError
    """
    if recipe.optics is None:
        raise JobError(
            "`recipe` must have its own optics for a chip, but it takes kernels from a file: these are for one field, "
            "and a tile's is another."
        )
    if not correct or method == "opc":
        return
    if recipe.method == "spline":
        raise JobError(f"`method` must be 'pixel' or 'level-set' for a chip, but got {recipe.method!r}.")
    last = recipe.inverse.stages[-1].pixel_nm
    for number, stage in enumerate(recipe.inverse.stages):
        printed = getattr(stage, "print_pixel_nm", None)
        if printed is not None and printed < last:
            raise JobError(
                f"`ilt.stages[{number}].print_pixel_nm` must be at least the last stage's pixel ({last:g} nm) for a "
                f"chip, but got {printed:g}: the recipe chip is made for chips."
            )


def estimated(
    plan: TilePlan,
    recipe: Recipe,
    settings: ChipSettings,
    distinct: Counted | None,
    workers: int,
    correct: bool = True,
) -> Estimate:
    """Return the time and memory that a run is taken to need."""
    width, height = plan.field_nm
    field_um2, core_um2 = width * height / 1e6, plan.core_nm[0] * plan.core_nm[1] / 1e6
    counts, apart = ([plan.count] * (1 + settings.border_passes), plan.count) if distinct is None else distinct
    total = apart * SECONDS_TO_IMAGE_UM2 * field_um2
    if correct and settings.method == "opc":
        work = edge_work(recipe.opc)
        per_border = settings.border_steps * SECONDS_PER_AREA_STEP + SECONDS_PER_CHECK
        each = [work, *[per_border] * settings.border_passes]
        total += sum(n * seconds * field_um2 for n, seconds in zip(counts, each, strict=True))
    elif correct:
        each = [work_per_um2(recipe), *[settings.border_steps * last_step_work(recipe)] * settings.border_passes]
        total += sum(n * SECONDS_PER_WORK * work * field_um2 for n, work in zip(counts, each, strict=True))
        total += apart * SECONDS_PER_CORE_UM2 * core_um2
    rate = total / (plan.count * core_um2)
    basis = f"an estimate, from {rate:.2g} s a µm² on one core of a Xeon, not measured here"
    held = edge_bytes if correct and settings.method == "opc" else field_bytes
    return Estimate(total, workers, held(recipe, width, height), basis)


def last_step_work(recipe: Recipe) -> float:
    """Return the work on an um^2 of field of one step of the last stage."""
    stage = recipe.inverse.stages[-1]
    return float(stage.pixel_nm**-2 + (getattr(stage, "print_pixel_nm", None) or stage.pixel_nm) ** -2)


def plan_chip(
    source: LayoutWindows,
    recipe: Recipe,
    settings: ChipSettings | None = None,
    workers: int = 1,
    *,
    count_equal: bool = True,
    correct: bool = True,
) -> ChipPlan:
    """Return what a run over a layout will do.

    Parameters
    ----------
    source
        one layer of a layout, or a part of it
    recipe
        see `litho.config`
    settings
        the defaults if not given
    workers
        that run at once
    count_equal
        look through layouts of up to `MOST_COUNTED` tiles for equal ones
    correct
        whether a mask is to be found; if not, only what imaging needs is asked of the recipe

    Raises
    ------
    JobError
        where the recipe does not fit, in one sentence
    """
    settings = ChipSettings() if settings is None else settings
    check_recipe(recipe, correct, settings.method)
    halo = halo_of(recipe, settings)
    if correct and settings.method == "opc":
        check_edge_lengths(recipe, settings, halo, coarsest_pixel_nm(recipe))
    largest = largest_field_nm(recipe, machine_bytes())
    fitting = array_tiles(source, recipe, settings, halo, largest)
    tiles = choose_tiles(source.bounds_nm, recipe, settings, halo, largest) if fitting is None else fitting
    counted = count_equal and tiles.count <= MOST_COUNTED
    distinct = _counted(tiles, source, recipe, settings) if counted else None
    guessed = distinct
    if distinct is None and fitting is not None:
        kinds = round(kinds_of_tiles(tiles, array_pitch(source, max(tiles.core_nm)).share))
        guessed = (kinds,) * (1 + settings.border_passes), kinds
    layout = source.layout
    counts = {layer: layout.shape_count(layer) for layer in layout.layers}
    cell = layout.hierarchy.cells[layout.top].name
    return ChipPlan(
        layout.name,
        cell,
        source.layer,
        source.dbu_nm,
        counts,
        tiles,
        halo - recipe.inverse.smoothing_nm,
        fitting is not None,
        None if distinct is None else distinct[0][0],
        None if distinct is None else distinct[1],
        estimated(tiles, recipe, settings, guessed, workers, correct),
    )


def _counted(tiles: TilePlan, source: LayoutWindows, recipe: Recipe, settings: ChipSettings) -> Counted:
    """Return how many tiles differ in each pass that finds levels, and in those that draw them."""
    alike = planned_symmetries(recipe, settings, tiles.core_nm[0] == tiles.core_nm[1])
    fields, passes = fields_seen(tiles, source, alike), 1 + settings.border_passes
    return distinct_fields(fields, passes, alike), distinct_fields(fields, passes, (IDENTITY,))[-1]
