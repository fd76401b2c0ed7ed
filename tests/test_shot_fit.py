"""Edges of shots moved to match a shape."""

from __future__ import annotations

import numpy as np
import pytest

from litho.grid import Grid
from litho.outlines import area_nm2
from litho.raster import coverage
from litho.shot_fit import blurred_difference, fit_shots, shot_polygons, union_coverage, union_coverage_adjoint

GRID = Grid((40, 50), (4.0, 4.0), (-16.0, 8.0))


def some_shots(rng: np.random.Generator, count: int = 8) -> np.ndarray:
    """Overlapping shots on multiples of 1/128 nm, which merging keeps exactly; no edge lies on a pixel border."""
    middle, half = rng.uniform(30, 130, (count, 2)), rng.uniform(8, 30, (count, 2))
    return (
        np.floor(np.concatenate([middle - half, middle + half], axis=1))
        + (2 * np.arange(4 * count).reshape(-1, 4) + 1) / 128
    )


def test_derivative_in_every_edge_equals_differences(rng: np.random.Generator) -> None:
    shots, step = some_shots(rng), 2.0**-10
    objective = blurred_difference(rng.random(GRID.shape), GRID, 8.0)
    covered, polygons = union_coverage(shots, GRID)
    shots_bar = union_coverage_adjoint(objective(covered)[1], shots, polygons, GRID)
    numeric = np.zeros_like(shots)
    for place in np.ndindex(*shots.shape):
        moved = np.zeros_like(shots)
        moved[place] = step
        up, down = (objective(union_coverage(shots + sign * moved, GRID)[0])[0] for sign in (1, -1))
        numeric[place] = (up - down) / (2 * step)
    assert np.abs(shots_bar - numeric).max() < 1e-6 * np.abs(numeric).max()


def test_hidden_edges_do_not_count() -> None:
    shots = np.array([[20.0, 30.0, 100.0, 90.0], [40.0, 50.0, 60.0, 70.0]])
    covered, polygons = union_coverage(shots, GRID)
    shots_bar = union_coverage_adjoint(np.ones(GRID.shape), shots, polygons, GRID)
    pixels = 16.0
    assert shots_bar[0] == pytest.approx(np.array([-60, -80, 60, 80]) / pixels) and not shots_bar[1].any()
    assert covered.sum() * pixels == pytest.approx(80 * 60)


def test_union_counts_overlaps_once() -> None:
    union = shot_polygons(np.array([[0, 0, 10, 4], [3, -5, 7, 9], [4, 4, 4, 9]]))
    assert area_nm2(union) == 10 * 4 + 4 * 14 - 4 * 4


def test_a_fit_finds_the_rectangle_it_started_from() -> None:
    wanted = np.array([[33.0, 41.0, 118.0, 87.0]])
    objective = blurred_difference(union_coverage(wanted, GRID)[0], GRID, 10.0)
    start = wanted + np.array([[4.0, -3.0, 2.0, -5.0]])
    assert fit_shots(start, (wanted - 6, wanted + 6), objective, GRID) == pytest.approx(wanted, abs=1e-3)
    held = fit_shots(start, (start - 1, start + 1), objective, GRID)
    assert held == pytest.approx(start + np.array([[-1.0, 1.0, -1.0, 1.0]]), abs=1e-9)


def test_blurred_difference_of_plane_waves_is_its_formula() -> None:
    _, x = np.mgrid[:40, :50] * 4.0
    wave = np.cos(2 * np.pi * 3 * x / 200.0)
    value, _ = blurred_difference(np.zeros(GRID.shape), GRID, 9.0)(wave)
    assert value == pytest.approx(0.25 * np.exp(-((2 * np.pi * 9.0 * 3 / 200.0) ** 2)) * 160 * 200, rel=1e-12)


def test_a_fitted_stair_has_the_area_of_its_slope() -> None:
    slope = np.array([(20.0, 20.0), (150.0, 20.0), (150.0, 120.0)])
    x = np.arange(20.0, 150.0, 13.0)
    top = 20 + (x + 13 - 20) / 1.3
    start = np.stack([x, np.full_like(x, 20.0), np.minimum(x + 13, 150.0), top], axis=1)
    room = np.copy(start), np.copy(start)
    room[0][:, 3] -= 12.0
    room[1][:, 3] += 2.0
    found = fit_shots(start, room, blurred_difference(coverage([slope], GRID), GRID, 20.0), GRID)
    assert area_nm2(shot_polygons(found)) == pytest.approx(area_nm2([slope]), rel=5e-3)
    assert area_nm2(shot_polygons(start)) > 1.05 * area_nm2([slope])
