"""Laws of moved edges and rounded corners: areas in closed form, holes, borders of a periodic field."""

from __future__ import annotations

import math

import numpy as np
import pytest

from litho.fourier import band_frequencies
from litho.grid import Grid
from litho.mask import Mask
from litho.mask_bias import biased, rounded
from litho.mask_spectrum import mask_band
from litho.outlines import length_nm, outlines, united
from litho.raster import polygon_area_nm2

FIELD = Grid.square(600, 4, (-70.0, 130.0))


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


LETTER = np.array([[0, 0], [300, 0], [300, 60], [70, 60], [70, 140], [220, 140], [220, 200], [0, 200]], float)
FRAME = [rectangle(0, 0, 300, 200), rectangle(50, 40, 120, 90)[::-1], rectangle(200, 60, 70, 70)[::-1]]
TURN = np.array([[math.cos(0.3), math.sin(0.3)], [-math.sin(0.3), math.cos(0.3)]])


def area(polygons: list[np.ndarray]) -> float:
    return sum(polygon_area_nm2(p) for p in polygons)


# --- bias -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [8.0, -8.0, 0.125])
@pytest.mark.parametrize(
    ("shapes", "corners"),
    # outlines of right angles have 4 more corners that point out than corners that point in; holes the reverse
    [([LETTER], 4), (FRAME, 4 - 8), ([LETTER, rectangle(400, 0, 60, 60)], 8), ([rectangle(0, 0, 90, 60)], 4)],
)
def test_the_area_grows_by_perimeter_times_bias_and_a_square_at_each_corner(
    shapes: list[np.ndarray], corners: int, bias: float
) -> None:
    length = length_nm(shapes)
    expected = area(shapes) + length * bias + corners * bias**2
    assert area(biased(shapes, bias)) == pytest.approx(expected, abs=1e-9)


def test_a_turned_shape_is_biased_as_the_upright_one() -> None:
    expected = area([LETTER]) + length_nm([LETTER]) * 7.3 + 4 * 7.3**2
    assert area(biased([LETTER @ TURN], 7.3)) == pytest.approx(expected, abs=1e-6 * length_nm([LETTER]))


def test_shapes_that_abut_or_overlap_are_biased_as_one() -> None:
    halves = [rectangle(0, 0, 50, 60), rectangle(50, 0, 40, 60), rectangle(20, 10, 50, 20)]
    assert area(biased(halves, 5)) == pytest.approx(100 * 70, abs=1e-9)


def test_a_hole_joined_by_a_cut_is_biased_as_a_hole() -> None:
    cut = united(FRAME)
    assert len(cut) == 1 and area(biased(cut, -6)) == pytest.approx(area(biased(FRAME, -6)), abs=1e-9)


def test_shapes_join_when_the_bias_closes_the_gap_and_vanish_when_it_eats_them() -> None:
    pair = [rectangle(0, 0, 50, 60), rectangle(58, 0, 50, 60)]
    assert len(biased(pair, 3)) == 2 and len(biased(pair, 5)) == 1
    assert biased(pair, -25.5) == [] and biased([], 3) == []


def test_growing_then_shrinking_gives_the_shape_back() -> None:
    back = biased(biased([LETTER], 12), -12)
    assert len(back) == 1 and area(back) == pytest.approx(area([LETTER]), abs=1e-9)
    assert {tuple(v) for v in back[0]} == {tuple(v) for v in LETTER}


def test_a_biased_line_of_a_periodic_mask_has_the_spectrum_of_the_wider_line() -> None:
    width, bias = 100.0, 6.5
    line = rectangle(-120, 130, width, 600)  # half of it lies beyond the border, and its ends meet
    full = mask_band(biased([line], bias, FIELD), Mask(), FIELD, (5, 20))
    kx, share = band_frequencies(20, np.zeros(1)), (width + 2 * bias) / 600
    expected = share * np.sinc(kx * share)  # centred on the field's border
    assert np.abs(full[0] - expected).max() < 1e-15 and np.abs(full[1:]).max() < 1e-15


# --- rounding -------------------------------------------------------------------------------------------------------


def chords(radius: float, tolerance: float) -> int:
    return math.ceil(math.pi / 2 / (2 * math.acos(1 - tolerance / radius)))


def lost(radius: float, tolerance: float) -> float:
    """Area between a right-angled corner and the chords of its arc: (1 - pi / 4) radius^2 for many chords."""
    count = chords(radius, tolerance)
    return radius**2 * (1 - count / 2 * math.sin(math.pi / 2 / count))


@pytest.mark.parametrize("tolerance", [1.0, 0.01, 1e-4])
def test_a_corner_loses_the_area_outside_its_arc(tolerance: float) -> None:
    square, radius = rectangle(3, 5, 100, 80), 23.0
    change = area(rounded([square], radius, tolerance_nm=tolerance)) - 8000
    assert change == pytest.approx(-4 * lost(radius, tolerance), abs=1e-10)
    of_arcs = -4 * (1 - math.pi / 4) * radius**2
    assert of_arcs - 2 / 3 * tolerance * 2 * math.pi * radius <= change <= of_arcs


def test_corners_that_point_in_gain_what_corners_that_point_out_lose() -> None:
    for convex, concave in ((20.0, 10.0), (20.0, 0.0), (0.0, 15.0)):
        change = area(rounded([LETTER], convex, concave, 1e-5)) - area([LETTER])  # 6 point out, 2 in
        assert change == pytest.approx((1 - math.pi / 4) * (2 * concave**2 - 6 * convex**2), abs=2e-3)


def test_the_corners_of_a_hole_point_into_the_material() -> None:
    change = area(rounded(FRAME, 0.0, 20.0, 1e-6)) - area(FRAME)
    assert change == pytest.approx(8 * (1 - math.pi / 4) * 400, abs=1e-2)
    assert area(rounded(united(FRAME), 9, 20)) == pytest.approx(area(rounded(FRAME, 9, 20)), abs=1e-6)


def test_chords_stay_within_the_tolerance_of_the_arc() -> None:
    (shape,) = rounded([rectangle(0, 0, 100, 100)], 30, tolerance_nm=0.05)
    corner = shape[(shape[:, 0] > 70) & (shape[:, 1] > 70)] - 70
    middles = (corner[1:] + corner[:-1]) / 2
    assert len(corner) == chords(30, 0.05) - 1  # the first and the last point lie on the border of this quarter
    assert np.abs(np.hypot(*corner.T) - 30).max() < 1e-12
    assert 29.95 <= np.hypot(*middles.T).min() < 29.96


def test_a_square_with_rounding_of_half_its_side_or_more_is_a_circle() -> None:
    for radius in (50.0, 80.0):
        (circle,) = rounded([rectangle(-50, -50, 100, 100)], radius, tolerance_nm=1e-4)
        assert np.abs(np.hypot(*circle.T) - 50).max() < 1e-12
        assert area([circle]) == pytest.approx(math.pi * 2500, abs=0.05)


def test_rounding_commutes_with_turning() -> None:
    (upright,), (turned,) = rounded([LETTER], 25, 15), rounded([LETTER @ TURN], 25, 15)
    distances = np.hypot(*(turned[:, None, :] - (upright @ TURN)[None, :, :]).transpose(2, 0, 1))
    assert distances.min(0).max() < 1e-5 and distances.min(1).max() < 1e-5


def test_no_corner_is_rounded_where_a_shape_goes_on_beyond_the_border() -> None:
    line, square = rectangle(-120, 130, 100, 600), rectangle(-100, 100, 60, 60)
    assert area(rounded([line], 30, grid=FIELD)) == pytest.approx(60000, abs=1e-6)
    alone, across = rounded([square], 20), rounded([square], 20, grid=FIELD)
    assert len(across) == 4 and area(across) == pytest.approx(area(alone), abs=1e-4)


# --- outlines -------------------------------------------------------------------------------------------------------


def test_random_blocks_have_the_outline_that_their_cells_have(rng: np.random.Generator) -> None:
    for _ in range(200):
        size = int(rng.integers(3, 12))
        cells, blocks = np.zeros((size, size), bool), []
        for _ in range(int(rng.integers(2, 20))):
            (x, y), (width, height) = rng.integers(0, size, 2), rng.integers(1, 5, 2)
            blocks.append(rectangle(x, y, min(width, size - x), min(height, size - y)))
            cells[y : y + height, x : x + width] = True
        padded = np.pad(cells, 1)
        length = np.sum(padded[1:] != padded[:-1]) + np.sum(padded[:, 1:] != padded[:, :-1])
        loops = outlines(united(blocks))
        assert length_nm(loops) == length and area(loops) == cells.sum()


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: biased([LETTER], math.nan), "`bias_nm` must be finite, but got nan"),
        (lambda: rounded([LETTER], -1.0), "`convex_nm` must be a length of 0 or more, but got -1.0"),
        (lambda: rounded([LETTER], 1.0, math.inf), "`concave_nm` must be a length of 0 or more, but got inf"),
        (lambda: rounded([LETTER], 1.0, tolerance_nm=0), "`tolerance_nm` must be a positive length, but got 0"),
        (lambda: biased([LETTER[::-1]], 1.0), "`polygons` must have clockwise outlines as holes only"),
    ],
)
def test_what_is_no_bias_or_radius_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
