"""Grey doses of a multi-beam writer."""

from __future__ import annotations

import numpy as np
import pytest

from litho.grid import Grid
from litho.multibeam import dose_map, written

GRID = Grid((40, 40), (5.0, 5.0), (-100.0, -100.0))


def disc(radius: float, points: int = 400) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_doses_are_coverage_to_half_a_step(levels: int) -> None:
    square = np.array([(-48.0, -51.0), (31.0, -51.0), (31.0, 42.0), (-48.0, 42.0)])
    edges = -100 + 5.0 * np.arange(41)
    x = np.clip(edges[1:], -48, 31) - np.clip(edges[:-1], -48, 31)
    y = np.clip(edges[1:], -51, 42) - np.clip(edges[:-1], -51, 42)
    doses = dose_map([square], GRID, levels)
    assert np.abs(doses.doses - np.outer(y, x) / 25).max() <= 0.5 / (levels - 1) + 1e-12
    assert doses.steps.max() == levels - 1 and doses.exposed <= 17 * 20


def test_a_straight_edge_is_written_where_it_was_drawn() -> None:
    # an edge at any place in a pixel of 5 nm: sixteen doses place it to 5/30 nm, and blur brings a little more
    for place in np.linspace(20.0, 25.0, 11):
        bar = np.array([(-60.0, -90.0), (place, -90.0), (place, 90.0), (-60.0, 90.0)])
        (outline,) = written(dose_map([bar], GRID, 16), blur_nm=6.0, finer=5)
        right = outline[(np.abs(outline[:, 1]) < 40) & (outline[:, 0] > 0), 0]
        assert np.abs(right - place).max() < 5 / 30 + 0.12


def test_more_levels_write_a_disc_more_truly() -> None:
    # blur moves a curved edge inwards by blur^2 / 2 radii
    radius, blur = 70.0, 6.0
    errors = []
    for levels in (2, 16, 256):
        (outline,) = written(dose_map([disc(radius)], GRID, levels), blur)
        errors.append(np.abs(np.hypot(*outline.T) - (radius - blur**2 / (2 * radius))).max())
    assert errors[0] > 3 * errors[1] and errors[1] < 0.3 and errors[2] < 0.2


@pytest.mark.parametrize("levels", [0, 1, 2**17])
def test_levels_that_make_no_sense_are_refused(levels: int) -> None:
    with pytest.raises(ValueError, match="`levels` must"):
        dose_map([disc(40.0)], GRID, levels)


def test_blur_and_raster_that_make_no_sense_are_refused() -> None:
    doses = dose_map([disc(40.0)], GRID)
    with pytest.raises(ValueError, match="`blur_nm` must"):
        written(doses, 0.0)
    with pytest.raises(ValueError, match="`finer` must"):
        written(doses, 5.0, 0)
