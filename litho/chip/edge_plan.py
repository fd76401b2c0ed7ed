"""What moved edges ask of a recipe and of tiles, and the time that they take."""

from __future__ import annotations

from dataclasses import replace

from litho.chip.chip_settings import ChipSettings
from litho.config import Recipe
from litho.job import JobError
from litho.opc_settings import OpcSettings
from litho.recipe_tables import whole_multiple

EDGE_FIELD_NM = 2048.0
"""Largest field: time and memory of a step rise with more than the square of its area."""

SECONDS_PER_SITE_STEP = 0.5
"""Time of one core for an um^2 of a field of `EDGE_FIELD_NM`, for each step on sites: metal of a 45 nm library, on an
Intel Xeon with AVX-512. Other layouts and processors differ by a factor."""

SECONDS_PER_AREA_STEP = 0.03
"""Likewise for each step on the whole print."""

SECONDS_PER_CHECK = 1.5
"""Likewise for assist features, and for what keeps the mask's rules."""


FRAGMENTS_PER_UM2 = 240.0
"""Of the same metal."""

ARRAYS = 8
"""Complex numbers that are held for each fragment and wave."""


def edge_choice(
    recipe: Recipe, settings: ChipSettings, device: str, batch: int | None = None
) -> tuple[Recipe, ChipSettings]:
    """Return recipe and settings by which edges are moved, in fields no larger than that is worth.

    Raises
    ------
    JobError
        where edges cannot be moved by them
    """
    if device != "cpu":
        raise JobError(f"`device` must be 'cpu' where edges are moved, which runs on cores, but got {device!r}.")
    if batch is not None and batch != 1:
        raise JobError(f"`batch` must be 1 where edges are moved, which is done one tile at a time, but got {batch}.")
    if recipe.mask.printed_tone != "bright":
        raise JobError(f"`mask.tone` must be 'dark field' where edges are moved, but got {recipe.mask.tone!r}.")
    pixel, coarse = recipe.field.pixel_nm, recipe.opc.area.pixel_nm
    if whole_multiple(coarse, pixel) == 0:
        raise JobError(f"`opc.area.pixel_nm` must be a multiple of `field.pixel_nm` ({pixel:g}), but got {coarse:g}.")
    settings = replace(settings, field_nm=min(settings.field_nm, EDGE_FIELD_NM))
    return recipe.model_copy(update={"chip": settings}), settings


def edge_bytes(recipe: Recipe, width_nm: float, height_nm: float) -> int:
    """Return the memory that moving the edges of one field is taken to need: waves at sites, and what becomes of them.

    580 MB were seen at 2048 nm, 360 MB at 1536 nm, 200 MB of them without any field.
    """
    if recipe.optics is None:
        return 0
    radius = recipe.optics.build().band_radius((height_nm, width_nm))
    waves = (2 * radius[0] + 1) * (2 * radius[1] + 1)
    return int(ARRAYS * 16 * FRAGMENTS_PER_UM2 * width_nm * height_nm / 1e6 * waves)


def check_edge_lengths(recipe: Recipe, settings: ChipSettings, halo_nm: float, unit_nm: float) -> None:
    """Refuse lengths by which neighbouring tiles would not know the same edges.

    Raises
    ------
    JobError
    """
    opc = recipe.opc.bound_by(recipe.rules)
    if whole_multiple(unit_nm, opc.area.pixel_nm) == 0:
        raise JobError(
            f"`opc.area.pixel_nm` must divide the unit of tiles ({unit_nm:g} nm), but got {opc.area.pixel_nm:g}."
        )
    least = least_halo_nm(opc, settings.context_nm)
    if halo_nm < least:
        raise JobError(
            f"`chip.context_nm` must leave {least - settings.context_nm:g} nm of the halo ({halo_nm:g} nm) where edges "
            f"are moved, but got {settings.context_nm:g}."
        )
    if settings.margin_nm < opc.limits.outwards_nm:
        raise JobError(
            f"`chip.margin_nm` must be at least `opc.limits.outwards_nm` ({opc.limits.outwards_nm:g}), "
            f"but got {settings.margin_nm:g}."
        )
    longest = opc.srafs.rules.longest_nm
    if opc.srafs.method != "none" and longest > halo_nm:
        raise JobError(f"`opc.srafs.rules.longest_nm` must be at most the halo ({halo_nm:g}), but got {longest:g}.")


def least_halo_nm(opc: OpcSettings, context_nm: float) -> float:
    """Return the halo beyond which a part of an edge that is not seen changes nothing near the core."""
    fragments = opc.fragments
    return context_nm + fragments.corner_nm + fragments.shortest_nm + 2 * fragments.run_nm


def edge_work(opc: OpcSettings) -> float:
    """Return the seconds of one core that moving the edges of an um^2 of field is taken to need."""
    rounds = opc.srafs.rounds if opc.srafs.method == "image" else 1
    return opc.edges.steps * SECONDS_PER_SITE_STEP + rounds * opc.area.steps * SECONDS_PER_AREA_STEP + SECONDS_PER_CHECK
