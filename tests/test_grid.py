"""Positions of pixels, stated once and tested once."""

from __future__ import annotations

import pytest

from litho.grid import Grid


def test_a_grid_covers_its_field_in_layout_coordinates() -> None:
    grid = Grid((3, 4), (2.0, 2.5), (-1.0, 10.0))
    assert grid.period_nm == (6.0, 10.0)
    assert grid.bounds_nm == (-1.0, 10.0, 9.0, 16.0)
    assert grid.pixel_area_nm2 == 5.0


def test_resampling_keeps_the_field() -> None:
    grid = Grid.square(2048, 1, (-512, -512))
    assert grid.resampled(8).shape == (256, 256) and grid.resampled(8).bounds_nm == grid.bounds_nm


@pytest.mark.parametrize("pixel", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pixel_without_size_is_refused(pixel: float) -> None:
    with pytest.raises(ValueError, match="`pixel_nm` must be"):
        Grid.square(100, pixel)
    with pytest.raises(ValueError, match="`pixel_nm` must be"):
        Grid((10, 10), (pixel, 1.0))


def test_a_pixel_that_does_not_divide_the_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`pixel_nm` must divide the field of \(100, 100\) nm, but got 3"):
        Grid.square(100, 3)


def test_shapes_and_origins_are_checked() -> None:
    with pytest.raises(ValueError, match="`shape` must be two counts"):
        Grid((0, 4), (1.0, 1.0))
    with pytest.raises(ValueError, match="`origin_nm` must be a finite point"):
        Grid((4, 4), (1.0, 1.0), (float("nan"), 0.0))
