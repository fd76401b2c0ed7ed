"""How large tiles are: what fits into the memory, what the halo leaves, and what transforms are fast for.

Neither the number of workers nor the memory that happens to be free has a part in it, for the mask's last bits depend
on where tiles lie.
"""

from __future__ import annotations

import math
import os

from litho.chip.array_pitch import array_pitch, array_plan, whole_step
from litho.chip.chip_settings import ChipSettings
from litho.chip.tile_setup import coarsest_pixel_nm
from litho.chip.tiles import TilePlan, fitted_core, tile_plan
from litho.chip.windows import LayoutWindows
from litho.clip_memory import MEMORY_SHARE as BATCH_SHARE
from litho.clip_memory import ON_A_GPU
from litho.config import Recipe
from litho.fourier import fast_length
from litho.job import JobError
from litho.polygons import Box

MEMORY_SHARE = 0.5
"""A field may take this much of a machine's memory."""

FIXED_BYTES = 200_000_000
"""Of a worker without a field: the program and its libraries."""

MOST_KERNELS = 70
"""Kernels of a stage that takes all of them, about."""

ARRAY_KINDS, FIELD_UM2_SECONDS, TILE_SECONDS = 140, 1.0, 0.005
"""For `array_seconds`: tiles of a large array that differ, the time of all passes for a field, and what is spent on any
tile, equal to another or not. Only their ratios count."""


def choose_tiles(
    box_nm: Box,
    recipe: Recipe,
    settings: ChipSettings,
    halo_nm: float,
    largest_nm: float = math.inf,
) -> TilePlan:
    """Return where tiles lie: as few and as equal as a largest field allows.

    Parameters
    ----------
    box_nm
        x0, y0, x1, y1 of the layout's shapes
    recipe
        of which `field.size_nm` sets the field, where it is given
    settings
        see `ChipSettings`
    halo_nm
        a multiple of the recipe's coarsest pixel
    largest_nm
        side of the largest field that fits into memory

    Raises
    ------
    JobError
        if no core is left between the halos, or the core would be smaller than the halo
    """
    unit, margin = coarsest_pixel_nm(recipe), margin_of(settings, halo_nm)
    longest = longest_core(recipe, settings, halo_nm, largest_nm)
    if recipe.field.size_nm is not None:
        core = longest
    else:
        sides = [box_nm[axis + 2] - box_nm[axis] + 2 * margin for axis in (0, 1)]
        core = (_core(sides[0], longest[0], halo_nm, unit), _core(sides[1], longest[1], halo_nm, unit))
    return tile_plan(box_nm, core, halo_nm, overlap_nm=settings.overlap_nm, margin_nm=margin, unit_nm=unit)


def longest_core(recipe: Recipe, settings: ChipSettings, halo_nm: float, largest_nm: float) -> tuple[float, float]:
    """Return the largest width and height of a core; see `choose_tiles`."""
    unit, fixed = coarsest_pixel_nm(recipe), recipe.field.size_nm
    field = min(settings.field_nm, largest_nm)
    cores = []
    for side in (field, field) if fixed is None else fixed:
        longest = math.floor((side - 2 * halo_nm) / unit + 1e-9) * unit
        if longest < halo_nm:
            raise JobError(
                f"`recipe` must give a halo smaller than the core of a tile, but its light and rules reach "
                f"{halo_nm:g} nm, which leaves a core of {max(0.0, longest):g} nm in a field of {side:g} nm."
            )
        cores.append(longest)
    return cores[0], cores[1]


def margin_of(settings: ChipSettings, halo_nm: float) -> float:
    """Return how far beyond the layout cores reach: no farther than light does."""
    return min(settings.margin_nm, halo_nm)


def _core(side: float, longest: float, halo: float, unit: float) -> float:
    """Return the side of a core: an equal share of the layout, on a field that transforms are fast for."""
    core = fitted_core(side, longest, unit)
    fast = fast_length(round((core + 2 * halo) / unit)) * unit - 2 * halo
    return fast if fast <= longest else core


def largest_field_nm(recipe: Recipe, memory_bytes: int) -> float:
    """Return the side of the largest field that one worker may have in `MEMORY_SHARE` of a machine's memory.

    It is the machine's whole memory, not what is free of it, and one worker, however many there are: tiles, and with
    them the mask's last bits, must not depend on either. Many workers are made fewer instead, see `workers_that_fit`.
    """
    per_nm2 = field_bytes(recipe, 2048.0, 2048.0) / 2048.0**2
    return math.sqrt(max(0.0, MEMORY_SHARE * memory_bytes - FIXED_BYTES) / per_nm2)


def workers_that_fit(asked: int, bytes_per_worker: int, free: int) -> int:
    """Return how many workers of those asked for fit into the memory that is free, at least one."""
    return max(1, min(asked, free // bytes_per_worker))


def fields_that_fit(bytes_per_field: int, free: int) -> int:
    """Return how many fields a GPU may compute at once, in that share of its free memory which a batch of clips gets.

    It is not counted what does not grow with the batch: a worker that runs out of memory goes on with half as many.
    """
    return max(1, int(BATCH_SHARE * free / (ON_A_GPU * bytes_per_field)))


def machine_bytes() -> int:
    """Return the memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def field_bytes(recipe: Recipe, width_nm: float, height_nm: float) -> int:
    """Return the memory that the correction of one field is taken to need.

    It is that of `litho.clip_memory.bytes_per_clip`: 8 float32 arrays on the scoring grid, 30 and the optimiser's
    history on the finest grid of a stage, and three complex64 fields per kernel and focus on the band grid.
    """
    inverse, area = recipe.inverse, width_nm * height_nm
    finest = min(getattr(stage, "print_pixel_nm", None) or stage.pixel_nm for stage in inverse.stages)
    arrays = 8 * area / recipe.field.pixel_nm**2 + (30 + 2 * inverse.optimizer.history) * area / finest**2
    fields = 0.0
    if recipe.optics is not None:
        radius = recipe.optics.build().band_radius((height_nm, width_nm))
        most = max(stage.kernels or MOST_KERNELS for stage in inverse.stages)
        foci = len({corner.defocus_nm for corner in recipe.process.corners})
        fields = 3 * 2 * most * foci * (4 * radius[0] + 2) * (4 * radius[1] + 2)
    return int(4 * (arrays + fields))


def array_tiles(
    source: LayoutWindows, recipe: Recipe, settings: ChipSettings, halo_nm: float, largest_nm: float = math.inf
) -> TilePlan | None:
    """Return tiles of whole pitches of the array that a layout is made of, None if it is none; see `choose_tiles`."""
    if recipe.field.size_nm is not None:
        return None
    longest, unit = min(longest_core(recipe, settings, halo_nm, largest_nm)), coarsest_pixel_nm(recipe)
    least = max(halo_nm, settings.context_nm) + settings.overlap_nm + 2 * unit  # what tiles need of each other
    lengths = {"overlap_nm": settings.overlap_nm, "margin_nm": margin_of(settings, halo_nm), "unit_nm": unit}
    found = array_pitch(source, longest)
    plans = [array_plan(source, longest, halo_nm, **lengths)]
    step = max((whole_step(pitch, unit) for pitch in found.pitch_nm if pitch is not None), default=math.inf)
    for count in range(math.ceil(least / step), math.ceil(longest / step - 1e-9)):
        plans.append(array_plan(source, round(count * step, 4), halo_nm, **lengths))
    fitting = [plan for plan in plans if plan is not None]
    return min(fitting, key=lambda plan: array_seconds(plan, found.share), default=None)


def array_seconds(plan: TilePlan, share: float) -> float:
    """Return roughly how long tiles take of which a share lies in an array: small cores repeat more often.

    Tiles in the array differ near its ends only, the more so the more passes went before; all passes weighed by their
    time, some `ARRAY_KINDS` of them differ, whatever their size.
    """
    (width, height), kinds = plan.field_nm, kinds_of_tiles(plan, share)
    return kinds * FIELD_UM2_SECONDS * width * height / 1e6 + plan.count * TILE_SECONDS


def kinds_of_tiles(plan: TilePlan, share: float) -> float:
    """Return roughly how many tiles differ, all passes weighed by their time; see `array_seconds`."""
    return (1 - share) * plan.count + min(share * plan.count, ARRAY_KINDS)
