"""By which mirrors and quarter turns tiles of a recipe may share results: those that all they are computed with allows.

setup = with_symmetries(tile_setup(recipe, settings, kernels))
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.chip_settings import ChipSettings
from litho.chip.symmetry import IDENTITY, Symmetry, kernel_symmetries, model_symmetries
from litho.chip.tile_setup import TileSetup, field_kernels, tile_setup
from litho.chip.window_check import pixel_of, window_corners
from litho.config import Recipe
from litho.grid import Grid
from litho.job import Job
from litho.socs import Kernels

PLANNED_NM = 512.0
"""Field whose kernels tell a plan what light allows: those of the tiles' field take as long as many tiles."""


def allowed_symmetries(setup: TileSetup) -> tuple[Symmetry, ...]:
    """Return the maps after which tiles are imaged as before, a group: by kernels, and from polygons to images.

    Parameters
    ----------
    setup
        recipe, kernels and mask
    """
    if not setup.settings.reuse_mirrored or setup.settings.method == "opc":  # fragments have no mirror images
        return (IDENTITY,)
    by_kernels = kernel_symmetries(_used_kernels(setup))
    if by_kernels == (IDENTITY,):
        return by_kernels
    (width, height), job = setup.field_nm, Job(setup.recipe, (), setup.process, setup.mask, setup.kernels)
    grid = Grid.over((height, width), pixel_of((width, height)))

    def images(polygons: list[Floats]) -> NDArray[Any]:
        return np.stack([np.asarray(corner.samples) for corner in window_corners(polygons, grid, job)])

    by_images = model_symmetries(images, grid)
    return tuple(symmetry for symmetry in by_kernels if symmetry in by_images)


def with_symmetries(setup: TileSetup) -> TileSetup:
    """Return a setup that knows which maps tiles may share results by."""
    return replace(setup, symmetries=allowed_symmetries(setup))


def planned_symmetries(recipe: Recipe, settings: ChipSettings, square: bool) -> tuple[Symmetry, ...]:
    """Return what `allowed_symmetries` will find, by the kernels of a small field.

    Parameters
    ----------
    recipe
        with its own optics
    settings
        whether mirrored results may be reused at all
    square
        whether the tiles' field is
    """
    small = tile_setup(recipe, settings, field_kernels(recipe, (PLANNED_NM, PLANNED_NM)))
    return tuple(symmetry for symmetry in allowed_symmetries(small) if square or not symmetry.swap)


def _used_kernels(setup: TileSetup) -> list[Kernels]:
    """Return all sets of kernels that a tile is corrected with: stages may leave out weak ones."""
    counts = {stage.kernels for stage in setup.inverse.stages if stage.kernels is not None}
    fewer = [k.truncated(count) for k in setup.kernels for count in sorted(counts) if count < len(k.weights)]
    return [*setup.kernels, *fewer]
