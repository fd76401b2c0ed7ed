"""Level sets: distances, coverage, curvature and motion agree with closed forms, and contours stay where they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.check import dot_test, gradient_test, linearity_test
from litho.diffusion import gaussian_diffusion
from litho.grid import Grid
from litho.level_set import (
    curvature,
    level_coverage,
    level_coverage_adjoint,
    moved,
    step_limit,
    upwind_slope,
)
from litho.signed_distance import signed_distance

GRID = Grid.square(512, 4)
CENTRE = 257.3, 254.9
PIXEL = 4.0


def centres(grid: Grid = GRID) -> tuple[np.ndarray, np.ndarray]:
    """X and y of every pixel, (ny, nx) each."""
    y, x = ((np.arange(n) + 0.5) * p for n, p in zip(grid.shape, grid.pixel_nm, strict=True))
    return np.meshgrid(x, y)


def disc(radius: float, grid: Grid = GRID) -> np.ndarray:
    """Distance to the rim of a disc, positive inside."""
    x, y = centres(grid)
    return radius - np.hypot(x - CENTRE[0], y - CENTRE[1])


def area_nm2(level: np.ndarray, grid: Grid = GRID) -> float:
    return float(level_coverage(level)[0].sum() * grid.pixel_area_nm2)


@pytest.mark.parametrize("angle_deg", [0.0, 17.0, 45.0, 71.3, 90.0])
def test_the_distance_to_a_stripe_is_exact_at_any_angle(angle_deg: float, xp: Any) -> None:
    x, y = centres()
    angle = math.radians(angle_deg)
    true = 60 - np.abs((x - CENTRE[0]) * math.cos(angle) + (y - CENTRE[1]) * math.sin(angle))
    found = to_host(signed_distance(xp(3.7 * true), GRID, 24.0))
    middle = (np.hypot(x - CENTRE[0], y - CENTRE[1]) < 150) & (
        np.abs(true) < 24
    )  # the field repeats, a stripe does not
    assert np.max(np.abs(found - true)[middle]) < 1e-12 * PIXEL * 100


@pytest.mark.parametrize("width_pixels", [2.0, 2.5, 3.3])
def test_a_stripe_of_two_pixels_keeps_its_width(width_pixels: float) -> None:
    x, _ = centres()
    true = 0.5 * width_pixels * PIXEL - np.abs(x - CENTRE[0])
    found = true
    for _ in range(5):
        found = signed_distance(found, GRID, 24.0)
    near = np.abs(true) < PIXEL
    assert np.max(np.abs(found - true)[near]) < 1e-12 * PIXEL * 100


def test_the_distance_to_a_square_is_exact_beside_its_edges_and_its_corner_is_near() -> None:
    x, y = centres()
    over_x, over_y = np.abs(x - CENTRE[0]) - 80, np.abs(y - CENTRE[1]) - 80
    true = -np.minimum(np.maximum(over_x, over_y), 0) - np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0))
    found = signed_distance(true, GRID, 24.0)
    band = np.abs(true) < 24
    beside = band & (np.abs(np.abs(over_x) - np.abs(over_y)) > 40)
    assert np.max(np.abs(found - true)[beside]) < 1e-10
    assert np.max(np.abs(found - true)[band]) < PIXEL


def test_the_distance_to_a_circle_is_of_second_order_from_a_field_that_is_none() -> None:
    errors = []
    for pixel_nm in (8.0, 4.0, 2.0):
        grid = Grid.square(512, pixel_nm)
        true = disc(100.0, grid)
        x, _ = centres(grid)
        field = np.sinh(true / 30) * (1 + 0.3 * np.sin(x / 60))
        found = signed_distance(field, grid, 32.0)
        near = np.abs(true) < pixel_nm
        errors.append(np.sqrt(np.mean((found - true)[near] ** 2)))
        assert np.max(np.abs(found - true)[near]) < 0.01 * pixel_nm
    assert errors[0] / errors[1] > 3.0 and errors[1] / errors[2] > 3.0


def test_a_distance_stays_what_it_is_and_its_contour_where_it_is() -> None:
    true = disc(100.0)
    once = signed_distance(true, GRID, 24.0)
    many = once
    for _ in range(10):
        many = signed_distance(many, GRID, 24.0)
    near = np.abs(true) < PIXEL
    assert np.max(np.abs(once - true)[near]) < 0.001 * PIXEL
    assert np.max(np.abs(many - true)[near]) < 0.01 * PIXEL
    assert area_nm2(many) == pytest.approx(area_nm2(true), abs=2 * math.pi * 100 * 0.002 * PIXEL)


def test_a_random_contour_moves_by_less_than_a_hundredth_of_a_pixel_root_mean_square(rng: np.random.Generator) -> None:
    field = gaussian_diffusion(GRID, 40.0, np.zeros(1))(rng.standard_normal(GRID.shape))
    found = signed_distance(field, GRID, 24.0)
    shift = level_coverage(found)[0] - level_coverage(field)[0]
    rim = np.abs(found) < 0.5 * PIXEL
    assert np.array_equal(found > 0, field > 0)
    assert np.sqrt(np.mean(shift[rim] ** 2)) < 0.01


def test_the_slope_near_a_contour_is_one() -> None:
    x, y = centres()
    around = np.arctan2(y - CENTRE[1], x - CENTRE[0])
    star = 2.5 * (disc(120.0) + 12 * np.cos(4 * around))
    found = signed_distance(star, GRID, 32.0)
    for sign in (1.0, -1.0):
        slope = upwind_slope(found, np.full_like(found, sign), GRID)
        assert np.max(np.abs(slope - 1)[np.abs(found) < 2 * PIXEL]) < 0.02


def test_every_library_finds_the_same_distances_and_a_clip_the_same_in_any_batch(
    xp: Any, rng: np.random.Generator
) -> None:
    grid = Grid((40, 56), (4.0, 5.0))
    fields = gaussian_diffusion(grid, 20.0, np.zeros(1))(rng.standard_normal((3, *grid.shape)))
    together = to_host(signed_distance(xp(fields), grid, 20.0))
    assert np.array_equal(together[1], signed_distance(fields[1], grid, 20.0))
    single = signed_distance(fields.astype(np.float32), grid, 20.0)
    assert single.dtype == np.float32 and np.quantile(np.abs(single - together), 0.99) < 1e-3


def test_the_coverage_of_a_half_plane_is_exact(xp: Any) -> None:
    x, y = (np.arange(8) + 0.5 for _ in range(2))
    for nx, ny, offset in ((1.0, 0.0, 3.3), (0.6, 0.8, 5.21), (0.8, -0.6, 1.07), (-(0.5**0.5), 0.5**0.5, 0.4)):
        level = nx * x[None, :] + ny * y[:, None] - offset
        found = to_host(level_coverage(xp(9 * level))[0])[1:-1, 1:-1]  # differences reach across the border
        # the area of the square where the plane is positive, by its integral along one axis, exact in pieces
        expected = np.array([[covered(nx, ny, level[j, i]) for i in range(1, 7)] for j in range(1, 7)])
        assert np.max(np.abs(found - expected)) < 1e-13


def covered(nx: float, ny: float, height: float) -> float:
    """Area of the unit square where nx u + ny v + height > 0: the square cut by a half plane, as a polygon."""
    corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    kept = []
    for (u, v), (s, t) in zip(corners, corners[1:] + corners[:1], strict=True):
        here, there = nx * u + ny * v + height, nx * s + ny * t + height
        if here > 0:
            kept.append((u, v))
        if (here > 0) != (there > 0):
            share = here / (here - there)
            kept.append((u + share * (s - u), v + share * (t - v)))
    return 0.5 * sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(kept, kept[1:] + kept[:1], strict=True))


def test_the_coverage_of_a_disc_is_its_area_and_what_straight_edges_in_pixels_add() -> None:
    """The distance of a pixel's middle is less than its mean over the pixel by bend pixel^2 / 24: once round, 2 pi."""
    excess = area_nm2(disc(100.0)) - math.pi * 100.0**2
    assert excess == pytest.approx(2 * math.pi * PIXEL**2 / 24, abs=0.1)


def test_the_coverage_has_its_adjoint(xp: Any, rng: np.random.Generator) -> None:
    grid = Grid.square(128, 4)
    smooth = gaussian_diffusion(grid, 10.0, np.zeros(1))
    level = 20 * smooth(rng.standard_normal((2, *grid.shape)))
    weights = rng.standard_normal(level.shape)
    direction = smooth(rng.standard_normal(level.shape))
    _, saved = level_coverage(xp(level))

    def tangent(change: Any) -> Any:
        """Derivative of the coverage along a change, from the differences that `level_coverage` takes."""
        host = to_host(change)
        rises = [0.5 * (np.roll(host, -1, axis) - np.roll(host, 1, axis)) for axis in (-2, -1)]
        return xp(
            to_host(saved.by_level) * host + to_host(saved.by_rise_y) * rises[0] + to_host(saved.by_rise_x) * rises[1]
        )

    def adjoint(bar: Any) -> Any:
        return level_coverage_adjoint(bar, saved)

    assert dot_test(tangent, adjoint, xp(direction), xp(weights)) < 1e-12
    assert linearity_test(adjoint, xp(weights), xp(direction)) < 1e-12
    difference = gradient_test(
        lambda x: float(np.sum(to_host(level_coverage(x)[0]) * weights)),
        adjoint(xp(weights)),
        xp(level),
        xp(direction),
        1e-4,
    )
    assert difference < 1e-6


def test_the_curvature_of_a_disc_is_one_over_its_radius(xp: Any) -> None:
    level = disc(100.0)
    found = to_host(curvature(xp(level), GRID))
    near = np.abs(level) < PIXEL
    assert np.max(np.abs(found * (100.0 - level) - 1)[near]) < 1e-3
    assert np.max(np.abs(to_host(curvature(xp(-level), GRID)) + found)) < 1e-12


@pytest.mark.parametrize("speed", [1.5, -0.5])
def test_a_constant_speed_moves_a_circle_by_speed_times_time(speed: float) -> None:
    level = np.clip(disc(100.0), -80, 80)
    true = disc(100.0 + speed * 20.0)
    found = moved(level, np.full_like(level, speed), 20.0, GRID)
    assert np.max(np.abs(found - true)[np.abs(true) < PIXEL]) < 0.02 * PIXEL


def test_a_disc_under_curvature_flow_loses_area_at_a_constant_rate() -> None:
    """r^2 = r0^2 - 2 t."""
    grid = Grid((64, 64), (PIXEL, PIXEL))
    x, y = centres(grid)
    level, time, step = 80 - np.hypot(x - 128.3, y - 127.1), 0.0, 0.2 * PIXEL**2
    for count in range(300):
        dy, dx = ((np.roll(level, -1, a) - np.roll(level, 1, a)) / (2 * PIXEL) for a in (0, 1))
        speed = np.where(np.abs(level) < 24, -curvature(level, grid), 0)
        level, time = level + step * speed * np.hypot(dy, dx), time + step
        level = signed_distance(level, grid, 40.0) if count % 10 == 9 else level
    assert time == pytest.approx(960)
    assert math.sqrt(area_nm2(level, grid) / math.pi) == pytest.approx(math.sqrt(80.0**2 - 2 * time), abs=0.05 * PIXEL)


def test_no_step_moves_a_contour_beyond_the_limit(rng: np.random.Generator) -> None:
    speed = rng.standard_normal((3, *GRID.shape))
    speed[2] = 0
    limit = step_limit(speed, GRID, 0.5)
    assert np.max(np.abs(speed[:2]) * limit[:2, None, None]) == pytest.approx(0.5 * PIXEL, rel=1e-12)
    assert limit[2] == math.inf


def test_bad_input_is_refused_in_a_sentence() -> None:
    level = disc(100.0)
    with pytest.raises(ValueError, match="`reach_nm` must be at least 3 pixels of 4 nm, but got 10"):
        signed_distance(level, GRID, 10.0)
    with pytest.raises(ValueError, match="`time` must be a number of at least 0, but got -1"):
        moved(level, level, -1.0, GRID)
    with pytest.raises(ValueError, match="`cfl` must be in"):
        moved(level, level, 1.0, GRID, cfl=0.0)
