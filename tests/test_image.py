"""An aerial image is a function of position, known everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.pupil import Optics
from litho.source import Source

OPTICS = Optics(193.0, 1.35, Source.point(), immersion_index=1.44)


def grating(grid: Grid) -> np.ndarray:
    """Vertical lines of equal width and space at a pitch of 240 nm, an edge at x = 0 of the layout."""
    x = (np.arange(grid.shape[1]) + 0.5) * grid.pixel_nm[1] + grid.origin_nm[0]
    return np.broadcast_to((x % 240 < 120).astype(float), grid.shape).copy()


def test_three_beams_interfere_at_any_point_of_the_layout(xp: Any) -> None:
    grid = Grid((8, 480), (30.0, 0.5), (-35.0, 10.0))
    image = aerial_image(xp(grating(grid)), OPTICS, grid)
    x, y = np.array([0.0, 17.3, 60.0, 180.0, -100.25]), np.array([12.0, 200.0, 33.3, 71.0, 15.0])
    amplitude = 0.5 + 2 / np.pi * np.sin(2 * np.pi * x / 240)
    assert np.max(np.abs(to_host(image.at(x, y)) - amplitude**2)) < 1e-4


def test_the_image_on_a_grid_is_its_value_at_the_pixel_centres(xp: Any, rng: np.random.Generator) -> None:
    grid = Grid((30, 36), (20.0, 15.0), (100.0, -50.0))
    image = aerial_image(xp(rng.random(grid.shape)), OPTICS, grid, defocus_nm=30.0, mask_type=Mask.attenuated())
    x = (np.arange(36) + 0.5) * 15.0 + 100.0
    y = (np.arange(30) + 0.5) * 20.0 - 50.0
    at_centres = to_host(image.at(np.tile(x, 30), np.repeat(y, 36))).reshape(grid.shape)
    assert np.max(np.abs(at_centres - to_host(image.intensity))) < 1e-12
    other = image.on(Grid((7, 9), (600 / 7, 60.0), (100.0, -50.0)))
    assert tuple(other.shape) == (7, 9)


def test_shapes_and_fields_are_checked() -> None:
    grid = Grid((30, 36), (20.0, 15.0))
    with pytest.raises(ValueError, match="`mask` must end in the grid's shape"):
        aerial_image(np.zeros((30, 30)), OPTICS, grid)
    with pytest.raises(ValueError, match="`grid` must cover the field"):
        aerial_image(np.zeros((30, 36)), OPTICS, grid).on(Grid((7, 9), (10.0, 60.0)))
