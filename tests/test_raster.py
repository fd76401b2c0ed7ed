"""Coverage is exact: closed forms, an independent clipper, conservation of area."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litho.grid import Grid
from litho.layout import merge, read_layout
from litho.raster import coverage, polygon_area_nm2

# of clips 1 to 10, from the README of the contest data
CLIP_AREAS_NM2 = [215344, 169280, 213504, 82560, 282044, 286234, 229149, 128544, 317581, 102400]
SQUARE = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])


def circle(x, y, radius, vertices=64):
    angles = 2 * np.pi * np.arange(vertices) / vertices
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)


def half_plane(polygon, a, b, c):
    """Sutherland-Hodgman: the part of a polygon where a x + b y <= c."""
    kept = []
    for p, q in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        inside_p, inside_q = a * p[0] + b * p[1] - c, a * q[0] + b * q[1] - c
        if inside_p <= 0:
            kept.append(p)
        if inside_p * inside_q < 0:
            kept.append(p + (q - p) * inside_p / (inside_p - inside_q))
    return np.array(kept).reshape(-1, 2)


def clipped_coverage(polygons, grid):
    """The same by clipping every polygon at the four sides of every pixel."""
    result = np.zeros(grid.shape)
    height, width = grid.pixel_nm
    for j, i in np.ndindex(grid.shape):
        x, y = grid.origin_nm[0] + i * width, grid.origin_nm[1] + j * height
        for part in polygons:
            for a, b, c in ((-1, 0, -x), (1, 0, x + width), (0, -1, -y), (0, 1, y + height)):
                part = half_plane(part, a, b, c)
            if len(part):
                result[j, i] += polygon_area_nm2(part) / grid.pixel_area_nm2
    return result


@pytest.mark.data
@pytest.mark.parametrize("clip", range(10))
def test_the_contest_clips_have_their_exact_area_in_whole_pixels(data_dir, clip):
    layout = read_layout(data_dir / "iccad13" / "glp" / f"M1_test{clip + 1}.glp")
    covered = coverage(layout.polygons("1/0"), Grid.square(2048, 1.0, (-512.0, -512.0)), np.float32)
    assert set(np.unique(covered)) == {0.0, 1.0}
    assert np.count_nonzero(covered) == CLIP_AREAS_NM2[clip]


def test_a_half_plane_cuts_a_pixel_in_its_closed_form():
    slope = np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 3.0)])  # below y = 3 x / 4
    covered = coverage([slope], Grid((3, 4), (1.0, 1.0)))
    np.testing.assert_allclose(covered[0], [3 / 8, 23 / 24, 1, 1], atol=1e-15)
    np.testing.assert_allclose(covered.sum(), 6.0, rtol=1e-15)


def test_a_square_turned_by_45_degrees_covers_half_of_its_box():
    diamond = np.array([(1.0, 0.0), (2.0, 1.0), (1.0, 2.0), (0.0, 1.0)])
    np.testing.assert_array_equal(coverage([diamond], Grid((2, 2), (1.0, 1.0))), np.full((2, 2), 0.5))
    np.testing.assert_array_equal(coverage([diamond], Grid((1, 1), (2.0, 2.0))), [[0.5]])


def test_pixels_need_be_neither_square_nor_whole(rng):
    polygons = [circle(31.7, 22.3, 17.9), circle(66.6, 40.2, 14.4, 7)]
    grid = Grid((17, 23), (61 / 17, 97 / 23), (-3.21, 1.234))
    np.testing.assert_allclose(coverage(polygons, grid), clipped_coverage(polygons, grid), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_coverage_equals_clipping_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    triangles = [t if polygon_area_nm2(t) > 0 else t[::-1] for t in rng.uniform(-4, 20, (6, 3, 2))]
    polygons = merge(triangles)
    grid = Grid((14, 16), (1.1, 0.9), (0.3, -0.4))
    np.testing.assert_allclose(coverage(polygons, grid), clipped_coverage(polygons, grid), atol=1e-12)


def test_what_lies_outside_is_cut_off_on_each_side():
    grid = Grid((8, 8), (1.0, 1.0))
    for shift in ((-5, 0), (5, 0), (0, -5), (0, 5), (-5, 5), (-300, 0), (300, 3), (0, 300)):
        polygon = circle(4.0, 4.0, 3.7) + shift
        np.testing.assert_allclose(
            coverage([polygon], grid), clipped_coverage([polygon], grid), atol=1e-12, err_msg=str(shift)
        )
    np.testing.assert_array_equal(coverage([1e6 * (SQUARE - 0.5)], grid), np.ones((8, 8)))


def test_a_hole_is_a_reversed_polygon_or_a_cut():
    outer, inner = circle(32, 32, 25.3), circle(31, 33, 11.1)
    grid = Grid.square(64, 1.0)
    reversed_hole = coverage([outer, inner[::-1]], grid)
    cut = np.concatenate([outer, outer[:1], inner[:1], inner[:0:-1], inner[:1]])
    np.testing.assert_allclose(coverage([cut], grid), reversed_hole, atol=1e-12)
    area = polygon_area_nm2(outer) - polygon_area_nm2(inner)
    np.testing.assert_allclose(reversed_hole.sum(), area, rtol=1e-13)
    assert reversed_hole[33, 31] == 0.0


def test_abutting_polygons_sum_to_one():
    rng = np.random.default_rng(7)
    centre, corners = rng.uniform(10, 20, 2), 32 * SQUARE
    fan = [np.array([centre, corners[k], corners[(k + 1) % 4]]) for k in range(4)]
    np.testing.assert_allclose(coverage(fan, Grid((32, 32), (1.0, 1.0))), 1.0, atol=1e-12)


def test_moving_field_and_polygon_together_changes_nothing():
    polygon = circle(20.25, 17.5, 12.125)
    here = coverage([polygon], Grid((32, 40), (1.0, 1.0)))
    there = coverage([polygon + np.array([1024.0, -512.0])], Grid((32, 40), (1.0, 1.0), (1024.0, -512.0)))
    np.testing.assert_allclose(there, here, atol=1e-12)
    np.testing.assert_allclose(
        coverage([polygon + np.array([1, 2])], Grid((32, 40), (1.0, 1.0)))[2:, 1:], here[:-2, :-1], atol=1e-12
    )


def test_background_and_interior_are_free_of_rounding():
    rng = np.random.default_rng(3)
    discs = [circle(*(100 * np.array([i, j]) + rng.uniform(45, 55, 2)), 37.3) for i in range(5) for j in range(5)]
    covered = coverage(discs, Grid.square(500, 1.0))
    assert covered.min() == 0.0 and covered.max() == 1.0
    assert np.count_nonzero(covered % 1) <= 25 * 8 * (37.3 + 1)  # an outline crosses no more grid lines
    assert not np.signbit(covered).any()


def test_the_result_has_the_wanted_precision():
    grid = Grid((4, 4), (1.0, 1.0))
    assert coverage([SQUARE], grid).dtype == np.float64
    assert coverage([SQUARE], grid, np.float32).dtype == np.float32
    assert coverage([], grid).sum() == 0.0 and coverage([], grid).shape == (4, 4)


def test_coordinates_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite coordinates"):
        coverage([np.array([(0, 0), (math.nan, 0), (1, 1)])], Grid((4, 4), (1.0, 1.0)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    radii=st.lists(st.floats(0.5, 60.0), min_size=3, max_size=40),
    x=st.floats(61.0, 139.0),
    y=st.floats(61.0, 139.0),
    pixel=st.sampled_from([0.5, 1.0, 2.5, 200 / 7]),
)
def test_the_sum_over_pixels_is_the_area(radii, x, y, pixel):
    angles = 2 * np.pi * np.arange(len(radii)) / len(radii)
    star = np.array([x, y]) + np.array(radii)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    grid = Grid.square(200, pixel)
    assert coverage([star], grid).sum() * grid.pixel_area_nm2 == pytest.approx(polygon_area_nm2(star), rel=1e-12)


def test_area_is_signed():
    assert polygon_area_nm2(SQUARE) == 1.0
    assert polygon_area_nm2(SQUARE[::-1] + 1e9) == -1.0
