"""Etch bias against closed forms: areas, widths, densities of lines and discs, holes, borders."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import erf, i0e

from litho.contour import contours
from litho.etch import EtchBias, etched, local_density
from litho.grid import Grid
from litho.raster import polygon_area_nm2

FIELD = Grid((100, 100), (10.0, 10.0))


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def disc(radius: float, x: float = 500.0, y: float = 500.0, count: int = 720) -> np.ndarray:
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def area(polygons: list[np.ndarray]) -> float:
    return sum(polygon_area_nm2(p) for p in polygons)


def width(polygons: list[np.ndarray]) -> tuple[float, float]:
    x = np.concatenate(polygons)[:, 0]
    return x.min(), x.max()


@pytest.mark.parametrize("bias", [12.0, 40.0])
def test_an_outward_bias_adds_perimeter_times_bias_and_a_disc(bias: float) -> None:
    got = area(etched([box(400, 300, 600, 700)], EtchBias(bias), FIELD))
    assert got == pytest.approx(200 * 400 + 1200 * bias + math.pi * bias**2, abs=1e-4 * bias**2)


def test_an_inward_bias_keeps_corners_sharp_and_lets_thin_shapes_vanish() -> None:
    shapes = [box(400, 300, 600, 700), box(100, 100, 130, 300)]
    assert area(etched(shapes, EtchBias(-20.0), FIELD)) == pytest.approx(160 * 360, abs=1e-3)


def test_a_hole_shrinks_by_what_its_ring_grows() -> None:
    ring = [disc(200.0), disc(100.0)[::-1]]
    for bias in (-15.0, 15.0):
        got = area(etched(ring, EtchBias(bias), FIELD))
        assert got == pytest.approx(math.pi * ((200 + bias) ** 2 - (100 - bias) ** 2), rel=1e-4)


def test_shapes_across_the_border_of_the_field_are_one() -> None:
    halves = [box(0, 400, 60, 600), box(940, 400, 1000, 600)]
    whole = [box(440, 400, 560, 600)]
    for bias in (EtchBias(-10.0), EtchBias(10.0), EtchBias(3.0, 9.0, 150.0)):
        assert area(etched(halves, bias, FIELD)) == pytest.approx(area(etched(whole, bias, FIELD)), abs=0.02)


def test_without_bias_nothing_moves() -> None:
    shapes = [box(400, 300, 600, 700)]
    assert area(etched(shapes, EtchBias(), FIELD)) == pytest.approx(80_000, abs=1e-6)
    assert etched([], EtchBias(5.0), FIELD) == []


def test_the_density_of_a_line_is_a_difference_of_error_functions() -> None:
    sigma, x = 80.0, np.linspace(300, 700, 41)
    got = local_density([box(440, 0, 560, 1000)], np.stack([x, 0 * x + 123], axis=1), sigma, FIELD)
    expected = (erf((x - 440) / sigma / math.sqrt(2)) - erf((x - 560) / sigma / math.sqrt(2))) / 2
    assert np.abs(got - expected).max() < 1e-12  # the field's next copy is 9 ranges away


def test_the_density_at_the_rim_of_a_disc_follows_its_bessel_function() -> None:
    sigma, radius = 70.0, 150.0
    got = local_density([disc(radius, count=5000)], disc(radius, count=12), sigma, FIELD)
    assert np.abs(got - (1 - i0e((radius / sigma) ** 2)) / 2).max() < 1e-6


def test_density_counts_overlaps_once_and_holes_not() -> None:
    points = np.array([[500.0, 500.0], [10.0, 990.0]])
    everywhere = [box(0, 0, 700, 1000), box(300, 0, 1000, 1000)]
    assert np.abs(local_density(everywhere, points, 90.0, FIELD) - 1).max() < 1e-12
    framed = [box(0, 0, 1000, 1000), box(200, 200, 800, 800)[::-1]]
    inner = local_density([box(200, 200, 800, 800)], points, 90.0, FIELD)
    assert np.abs(local_density(framed, points, 90.0, FIELD) + inner - 1).max() < 1e-12
    assert np.array_equal(local_density([], points, 90.0, FIELD), np.zeros(2))


@pytest.mark.parametrize("wide", [80.0, 160.0])
def test_a_line_moves_by_its_density_at_the_edge(wide: float) -> None:
    sigma, bias = 100.0, EtchBias(-4.0, 12.0, 100.0)
    line = [box(500 - wide / 2, 0, 500 + wide / 2, 1000)]
    density = erf(wide / sigma / math.sqrt(2)) / 2
    left, right = width(etched(line, bias, FIELD))
    assert right - left == pytest.approx(wide + 2 * (-4 + 12 * density), abs=1e-5)


def test_a_disc_grows_by_its_density_at_the_rim() -> None:
    sigma, radius = 70.0, 150.0
    grown = radius + 2 + 8 * (1 - i0e((radius / sigma) ** 2)) / 2
    got = area(etched([disc(radius)], EtchBias(2.0, 8.0, sigma), FIELD))
    assert got == pytest.approx(math.pi * grown**2, rel=1e-4)


def test_dense_lines_and_isolated_ones_differ_by_the_density() -> None:
    bias = EtchBias(0.0, -10.0, 60.0)
    lines = [box(x, 0, x + 50, 1000) for x in np.arange(25, 1000, 100.0)]
    # a pitch of less than two ranges: the density is one half but for a wave that is damped by exp(-2 pi^2 0.36) = 8e-4
    dense = area(etched(lines, bias, FIELD)) / 10 / 1000
    assert dense == pytest.approx(50 - 2 * 10 * 0.5, abs=0.02)


def test_a_variable_bias_of_no_variation_is_the_constant_one() -> None:
    shapes = [box(400, 300, 600, 700), box(600, 600, 700, 700)]
    for constant in (-10.0, 10.0):
        a, b = (area(etched(shapes, e, FIELD)) for e in (EtchBias(constant), EtchBias(constant, 1e-9, 100.0)))
        assert a == pytest.approx(b, abs=0.05)


def test_contours_of_an_image_go_through_the_etch() -> None:
    grid = Grid((64, 64), (10.0, 10.0))
    y, x = np.meshgrid(*((np.arange(64) + 0.5) * 10.0,) * 2, indexing="ij")
    field = 150.0 - np.hypot(x - 320, y - 320)
    got = area(etched(contours(field, grid), EtchBias(-9.0), grid))
    assert got == pytest.approx(math.pi * 141**2, rel=2e-3)


def test_etch_biases_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="`constant_nm` must be finite, but got nan"):
        EtchBias(math.nan)
    with pytest.raises(ValueError, match=r"`density_range_nm` must be a positive length, but got 0\.0"):
        EtchBias(density_range_nm=0.0)
    with pytest.raises(ValueError, match=r"`range_nm` must be a positive length, but got -1\.0"):
        local_density([], np.zeros((1, 2)), -1.0, FIELD)
