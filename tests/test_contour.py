"""Outlines and the curves through them, against circles, ellipses, rings and waves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from skimage.measure import points_in_poly

from litho.contour import contours, drop_specks, join_holes, nested, simplify
from litho.curves import MAX_CONTROL_POINTS, Curve, fit_curve
from litho.grid import Grid
from litho.raster import coverage, polygon_area_nm2

GRID = Grid((256, 300), (1.0, 1.0), (1000.0, -500.0))
CENTRE = np.array([1150.2, -372.3])


def distance_from_centre(grid: Grid = GRID, centre: Any = CENTRE) -> Any:
    """Return the distance of each pixel's centre from a point."""
    (ny, nx), (py, px), (x0, y0) = grid.shape, grid.pixel_nm, grid.origin_nm
    x, y = x0 + (np.arange(nx) + 0.5) * px, y0 + (np.arange(ny) + 0.5) * py
    return np.hypot(x - centre[0], y[:, None] - centre[1])


def circle(n: int = 400, radius: float = 60.0) -> Any:
    angle = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def wave(n: int = 800) -> Any:
    """Return a five-lobed outline."""
    angle = 2 * np.pi * np.arange(n) / n
    return circle(n) * (1 + 0.2 * np.cos(5 * angle))[:, None]


def distances(points: Any, polygon: Any) -> Any:
    """Return the distance of each point from the outline of a polygon."""
    start, along = polygon, np.roll(polygon, -1, axis=0) - polygon
    offset = points[:, None] - start
    share = np.clip(np.sum(offset * along, axis=-1) / np.sum(along**2, axis=-1), 0, 1)
    return np.linalg.norm(offset - share[..., None] * along, axis=-1).min(axis=1)


def densely(polygon: Any, cuts: int) -> Any:
    """Return points along the edges of a polygon."""
    share = (np.arange(cuts) / cuts)[:, None]
    return (polygon[:, None] + share * (np.roll(polygon, -1, axis=0) - polygon)[:, None]).reshape(-1, 2)


def test_the_outline_of_a_disc_is_a_circle_to_a_thousandth_of_a_pixel() -> None:
    (outline,) = contours(60.3 - distance_from_centre(), GRID)
    error = np.hypot(*(outline - CENTRE).T) - 60.3
    assert abs(error.mean()) < 1e-3
    assert np.abs(error).max() < 1 / (8 * 59) + 1e-6  # sag of a chord over a pixel
    assert polygon_area_nm2(outline) == pytest.approx(np.pi * 60.3**2, rel=1e-4)


def test_pixels_may_be_neither_square_nor_whole() -> None:
    grid = Grid((200, 460), (1.5, 0.7), (10.0, 20.0))
    centre = (171.1, 168.9)
    (outline,) = contours(60.3 - distance_from_centre(grid, centre), grid)
    assert np.abs(np.hypot(*(outline - centre).T) - 60.3).max() < 1.5**2 / (8 * 58)


def test_islands_run_counter_clockwise_and_holes_clockwise() -> None:
    ring = 20 - np.abs(distance_from_centre() - 80)
    outer, inner = sorted(contours(ring, GRID), key=polygon_area_nm2, reverse=True)
    assert polygon_area_nm2(outer) == pytest.approx(np.pi * 100**2, rel=1e-4)
    assert polygon_area_nm2(inner) == pytest.approx(-np.pi * 60**2, rel=1e-4)


def test_a_level_moves_the_outline() -> None:
    (outline,) = contours(60.3 - distance_from_centre(), GRID, level=10.0)
    assert np.hypot(*(outline - CENTRE).T).mean() == pytest.approx(50.3, abs=1e-3)


def test_outlines_close_on_the_border_of_the_field() -> None:
    (border,) = contours(np.ones(GRID.shape), GRID)
    x0, y0, x1, y1 = GRID.bounds_nm
    assert border.min(axis=0).tolist() == [x0, y0]
    assert border.max(axis=0).tolist() == [x1, y1]
    assert polygon_area_nm2(border) == 256 * 300 - 4 * 0.125  # the corners are cut by half a pixel
    (half,) = contours(60.3 - distance_from_centre(centre=(1000.0, -372.0)), GRID)
    assert polygon_area_nm2(half) == pytest.approx(np.pi * 60.3**2 / 2, rel=1e-3)


def test_samples_at_the_level_leave_no_repeated_points() -> None:
    field = np.round(60 - distance_from_centre())
    for outline in contours(field, GRID):
        assert np.hypot(*(np.roll(outline, -1, axis=0) - outline).T).min() > 0


def test_an_empty_field_has_no_outline() -> None:
    assert contours(np.zeros(GRID.shape), GRID) == []


def test_a_field_of_another_shape_or_with_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="`field` must have the shape"):
        contours(np.zeros((3, 3)), GRID)
    with pytest.raises(ValueError, match="`field` must be finite"):
        contours(np.full(GRID.shape, np.nan), GRID)


def test_specks_and_pinholes_are_dropped_by_their_area() -> None:
    island, hole = circle(radius=50.0), circle(radius=5.0)[::-1]
    speck = circle(radius=4.0) + 100
    assert [len(p) for p in drop_specks([island, hole, speck], 60.0)] == [400, 400]
    assert drop_specks([island, hole, speck], 100.0)[0] is island
    assert len(drop_specks([island, hole, speck], 100.0)) == 1


@pytest.mark.parametrize("tolerance_nm", [0.01, 0.1, 1.0, 10.0])
def test_simplified_outlines_stay_within_the_tolerance(tolerance_nm: float) -> None:
    simple = simplify(wave(), tolerance_nm)
    assert 3 <= len(simple) < len(wave())
    assert distances(wave(), simple).max() <= tolerance_nm
    assert {tuple(p) for p in simple} <= {tuple(p) for p in wave()}


def test_simplifying_keeps_corners_and_at_least_a_triangle() -> None:
    square = densely(np.array([[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]]), 16)
    assert simplify(square, 0.0).tolist() == [[0, 0], [8, 0], [8, 8], [0, 8]]
    assert len(simplify(circle(), 1000.0)) == 3


@pytest.mark.parametrize("tolerance_nm", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("outline", [circle, wave, lambda: circle() * (3.0, 0.5)])
def test_a_fitted_curve_stays_within_the_tolerance(outline: Callable[[], Any], tolerance_nm: float) -> None:
    polygon = outline()
    curve = fit_curve(polygon, tolerance_nm)
    dense = curve.polygon(1e-4)
    off = max(distances(dense, polygon).max(), distances(densely(polygon, 3), dense).max())
    assert off <= tolerance_nm
    assert curve.deviation_nm is not None
    assert off <= 1.01 * curve.deviation_nm + 1e-3 <= 1.01 * tolerance_nm + 1e-3
    assert len(curve) < len(polygon) / 5


def test_a_contour_of_a_smooth_field_becomes_few_control_points() -> None:
    (outline,) = contours(60.3 - distance_from_centre(), GRID)
    curve = fit_curve(outline, 0.05)
    assert len(curve) <= 10
    assert np.abs(np.hypot(*(curve.polygon(0.01) - CENTRE).T) - 60.3).max() < 0.06


def test_a_polygon_of_few_vertices_is_followed_round_its_corners() -> None:
    square = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    curve = fit_curve(square, 2.0)
    dense = curve.polygon(0.01)
    assert max(distances(dense, square).max(), distances(densely(square, 400), dense).max()) <= 2.0
    assert points_in_poly([[50, 50], [-3, 50]], dense).tolist() == [True, False]


def test_a_curve_keeps_the_sense_of_its_outline() -> None:
    assert polygon_area_nm2(fit_curve(circle(), 0.1).polygon(0.1)) > 0
    assert polygon_area_nm2(fit_curve(circle()[::-1], 0.1).polygon(0.1)) < 0


def test_the_polygon_of_a_curve_is_as_close_as_asked() -> None:
    curve = fit_curve(wave(), 0.1)
    dense = curve.at(np.arange(len(curve) * 200) / 200)
    counts = []
    for deviation in (1.0, 0.1, 0.01):
        polygon = curve.polygon(deviation)
        assert distances(dense, polygon).max() <= deviation
        counts.append(len(polygon))
    assert counts[0] < counts[1] < counts[2] < len(dense)


def test_derivatives_equal_differences() -> None:
    curve, t, h = fit_curve(wave(), 0.1), np.linspace(0, 10, 33) + 0.011, 1e-5
    for order in (1, 2):
        difference = (curve.at(t + h, order - 1) - curve.at(t - h, order - 1)) / (2 * h)
        assert np.allclose(curve.at(t, order), difference, atol=1e-6)


def test_the_smallest_radius_of_an_ellipse_is_at_its_ends() -> None:
    assert fit_curve(circle(), 0.001).min_radius_nm() == pytest.approx(60.0, rel=0.01)
    ellipse = fit_curve(circle(2000) * (2.0, 1.0), 1e-4)
    assert ellipse.min_radius_nm() == pytest.approx(60.0**2 / 120.0, rel=0.01)


def test_text_brings_back_every_bit() -> None:
    curve = fit_curve(wave() / 3, 0.1)
    text = curve.to_text()
    assert text.isascii()
    assert np.array_equal(Curve.from_text(text).control_points, curve.control_points)


@pytest.mark.parametrize(
    "text", ["", "bezier 1,2;3,4", "litho-bspline3-closed nm 1,2;3", "litho-bspline3-closed nm 1,2;3,4;5,6"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="`text` must"):
        Curve.from_text(text)


def test_a_tolerance_that_cannot_be_reached_is_refused() -> None:
    zigzag = np.stack([np.arange(6000) % 2 * 1e3, np.arange(6000) * 1e-3], axis=1)
    with pytest.raises(ValueError, match=f"{MAX_CONTROL_POINTS} control points"):
        fit_curve(zigzag, 1e-3)
    for tolerance_nm in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`tolerance_nm` must be a positive length"):
            fit_curve(circle(), tolerance_nm)


def test_files_get_polygons_with_their_holes_joined_to_the_outline_around_them() -> None:
    def square(x: float, y: float, side: float, turn: int = 1) -> np.ndarray:
        return np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)])[::turn]

    # an island in a hole of a larger one, beside a lone one
    outlines = [square(0, 0, 100), square(20, 20, 60, -1), square(40, 40, 20), square(200, 0, 10)]
    assert nested(outlines) == [(0, [1]), (2, []), (3, [])]
    polygons = join_holes(outlines)
    assert sorted(abs(polygon_area_nm2(p)) for p in polygons) == [100.0, 400.0, 6400.0]
    grid = Grid((55, 110), (2.0, 2.0))
    assert np.array_equal(coverage(polygons, grid), coverage(outlines, grid))
