"""What all tiles of a chip share: recipe, settings, kernels; written once into the output folder, read by each worker.

write_setup(folder, setup)
setup = read_setup(folder)
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from litho.chip.ambit import halo_nm
from litho.chip.chip_settings import ChipSettings
from litho.chip.symmetry import IDENTITY, Symmetry, is_group
from litho.config import Recipe, read_recipe
from litho.io.atomic import atomic_path
from litho.job import JobError
from litho.kernel_files import read_kernels, write_kernels
from litho.level_set_ilt import LevelSetSettings
from litho.mask import Mask
from litho.pixel_ilt import IltSettings, Stage
from litho.process import Process
from litho.recipe_tables import whole_multiple
from litho.socs import Kernels
from litho.tcc import socs_kernels

FOLDER = "setup"
"""Folder of these files inside the output folder."""

PROBE_FIELD_NM = 2048.0
"""Field whose kernels tell the ambit; twice as wide where that is too small."""


@dataclass(frozen=True, eq=False)
class TileSetup:
    """What all tiles of a chip share.

    Parameters
    ----------
    recipe
        resolved
    settings
        see `ChipSettings`
    process
        corners and resist
    mask
        transmission
    kernels
        one set per focus, for a tile's field
    symmetries
        maps after which tiles are imaged as before and may share results, a group; see `litho.chip.tile_symmetries`
    """

    recipe: Recipe
    settings: ChipSettings
    process: Process
    mask: Mask
    kernels: tuple[Kernels, ...]
    symmetries: tuple[Symmetry, ...] = (IDENTITY,)

    def __post_init__(self) -> None:
        if whole_multiple(self.pixel_nm, self.recipe.output.dbu_nm) == 0:
            raise JobError(
                f"`output.dbu_nm` must divide the finest pixel ({self.pixel_nm:g} nm), "
                f"but got {self.recipe.output.dbu_nm:g}."
            )
        if self.inverse.weights.epe > 0 and whole_multiple(self.pixel_nm, self.recipe.field.pixel_nm) == 0:
            raise JobError(f"`field.pixel_nm` must divide {self.pixel_nm:g}, but got {self.recipe.field.pixel_nm:g}.")
        width, height = self.field_nm
        if not is_group(self.symmetries) or (width != height and any(s.swap for s in self.symmetries)):
            words = ", ".join(repr(s.word) for s in self.symmetries)
            raise ValueError(f"`symmetries` must be a group that maps the field onto itself, but got {words}.")

    @property
    def inverse(self) -> IltSettings | LevelSetSettings:
        """Stages and weights of the recipe's method."""
        return self.recipe.inverse

    @property
    def pixel_nm(self) -> float:
        """Pixel of levels: that of the last stage."""
        return self.inverse.stages[-1].pixel_nm

    @property
    def unit_nm(self) -> float:
        """The coarsest pixel, which cores and halos are whole multiples of."""
        return coarsest_pixel_nm(self.recipe)

    @property
    def last_stage(self) -> Stage:
        """The stage that border passes go on with."""
        last = self.inverse.stages[-1]
        stage = last if isinstance(last, Stage) else last.as_stage()
        return replace(stage, steps=self.settings.border_steps, print_pixel_nm=None)

    @property
    def margin_nm(self) -> float:
        """How far from the target the mask may have shapes."""
        margin = self.recipe.mask.free_margin_nm
        return self.settings.margin_nm if margin is None else min(margin, self.settings.margin_nm)

    @property
    def background(self) -> float:
        """Level where nothing is."""
        inverse = self.inverse
        return -inverse.reach_nm if isinstance(inverse, LevelSetSettings) else inverse.start_outside

    @property
    def field_nm(self) -> tuple[float, float]:
        """Width and height of every field."""
        height, width = self.kernels[0].period_nm
        return width, height


def coarsest_pixel_nm(recipe: Recipe) -> float:
    """Return the least common multiple of the stages' pixels."""
    pixel = recipe.field.pixel_nm
    return math.lcm(*(round(stage.pixel_nm / pixel) for stage in recipe.inverse.stages)) * pixel


def halo_of(recipe: Recipe, settings: ChipSettings) -> float:
    """Return the halo: what the settings say, or the ambit of the recipe's light; a multiple of the coarsest pixel."""
    unit = coarsest_pixel_nm(recipe)
    if settings.halo_nm is not None:
        return math.ceil(settings.halo_nm / unit - 1e-9) * unit
    reach = recipe.inverse.smoothing_nm  # the resist is a threshold: edges move no farther than levels are smooth
    period = PROBE_FIELD_NM
    while True:
        try:
            kernels = field_kernels(recipe, (period, period))
            return halo_nm(kernels, unit, reach_nm=reach, share=settings.energy_share)
        except ValueError:
            if period >= 4 * PROBE_FIELD_NM:
                raise
        period *= 2


def field_kernels(recipe: Recipe, period_nm: tuple[float, float]) -> tuple[Kernels, ...]:
    """Return the kernels of a field (y, x) for every focus of a recipe with its own optics."""
    if recipe.optics is None:
        raise JobError("`recipe` must have its own optics for a chip, but it takes its kernels from a file.")
    optics, error = recipe.optics.build(), recipe.optics.max_error
    foci = recipe.process.build(recipe.mask.printed_tone).foci_nm
    return tuple(socs_kernels(optics, period_nm, focus, max_error=error) for focus in foci)


def tile_setup(recipe: Recipe, settings: ChipSettings, kernels: Sequence[Kernels]) -> TileSetup:
    """Return the setup of tiles whose field these kernels are for."""
    process = recipe.process.build(recipe.mask.printed_tone)
    return TileSetup(recipe, settings, process, recipe.mask.build(), tuple(kernels))


def write_setup(folder: Path, setup: TileSetup) -> None:
    """Write what every worker needs; `read_setup` reads it."""
    inner = folder / FOLDER
    inner.mkdir(parents=True, exist_ok=True)
    texts = {"recipe.toml": setup.recipe.to_toml(), "settings.json": json.dumps(asdict(setup.settings))}
    texts["symmetries.json"] = json.dumps([symmetry.word for symmetry in setup.symmetries])
    for name, text in texts.items():
        with atomic_path(inner / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    write_kernels(inner / "kernels.npz", {f"focus{n}": k for n, k in enumerate(setup.kernels)})


@lru_cache(maxsize=2)
def read_setup(folder: Path) -> TileSetup:
    """Return the setup of an output folder; each process reads it once."""
    inner = folder / FOLDER
    recipe = read_recipe((inner / "recipe.toml").read_text(encoding="utf-8"))
    settings = ChipSettings(**json.loads((inner / "settings.json").read_text(encoding="utf-8")))
    held = read_kernels(inner / "kernels.npz")
    words = json.loads((inner / "symmetries.json").read_text(encoding="utf-8"))
    setup = tile_setup(recipe, settings, [held[f"focus{n}"] for n in range(len(held))])
    return replace(setup, symmetries=tuple(Symmetry.named(word) for word in words))
