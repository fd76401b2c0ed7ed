"""Illuminators as maps: light is conserved, pixels hold the exact light of a shape, and maps come back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.source import Source
from litho.source_shapes import Profile

SOURCES = {
    "disc": Source.conventional(0.7),
    "full": Source.conventional(1),
    "ring": Source.annular(0.55, 0.85),
    "dipole": Source.dipole(0.7, 0.3, rotation_deg=13),
    "hexapole": Source.hexapole(0.8, 0.2),
    "quasar": Source.quasar(0.5, 0.8, 30, 31),
    "half": Source.sectors(0, 0.9, 180, 1, 77),
    "most of a ring": Source.sectors(0.4, 0.9, 300, 1, 200),
    "soft disc": Source.conventional(0.7).softened(0.3),
    "soft dipole": Source.dipole(0.6, 0.2, rotation_deg=70).softened(0.15),
    "soft quasar": Source.quasar(0.6, 0.9, 40, 10).softened(0.12),
    "sum": Source.annular(0.7, 0.9) + 0.5 * Source.dipole(0.4, 0.2, "y"),
}


def brightness(source: Source, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brightness at places, by the definition of each shape."""
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for shape in source.shapes:
        u, v = x - shape.center[0], y - shape.center[1]
        inner = -math.inf if shape.inner == 0 else shape.inner
        light = Profile(inner, shape.outer, shape.edge)(np.hypot(u, v))
        if shape.opening_deg < 360:
            angle = np.degrees(np.arctan2(v, u)) - shape.direction_deg
            half, ramp = shape.opening_deg / 2, math.degrees(2 * shape.edge / (shape.inner + shape.outer))
            light = light * Profile(-half, half, ramp)(np.remainder(angle + 180, 360) - 180)
        total = total + shape.brightness * light
    return total


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("n", [1, 4, 31])
def test_a_map_has_the_light_of_its_source(name: str, n: int) -> None:
    source = SOURCES[name]
    values = source.to_map(n)
    assert values.shape == (n, n) and values.min() >= 0
    assert values.mean() * 4 == pytest.approx(source.light, rel=1e-11)
    assert Source.pixels(values).light == pytest.approx(source.light, rel=1e-11)


@pytest.mark.parametrize("name", SOURCES)
def test_a_pixel_holds_the_light_of_the_shape_within_it(name: str) -> None:
    n, fine = 9, 120  # many points a pixel: an independent sum, good to some 1e-3
    x = (2 * np.arange(n * fine) + 1) / (n * fine) - 1
    expected = brightness(SOURCES[name], x[None, :], x[:, None]).reshape(n, fine, n, fine).mean(axis=(1, 3))
    assert np.abs(SOURCES[name].to_map(n) - expected).max() < 2e-3


def test_a_pixel_that_a_circle_cuts_holds_the_area_of_calculus() -> None:
    radius, values = 0.9, Source.conventional(0.9).to_map(4)
    # above y = 1/2, x from 0 to 1/2: the circle is above 1/2 all the way
    under = (0.5 * math.sqrt(radius**2 - 0.25) + radius**2 * math.asin(0.5 / radius)) / 2
    assert values[3, 2] == pytest.approx((under - 0.25) / 0.25, rel=1e-12)
    # the corner pixel: from x = 1/2 to where the circle comes down to 1/2
    end = math.sqrt(radius**2 - 0.25)
    under = (end * 0.5 + radius**2 * math.asin(end / radius)) / 2 - under
    assert values[3, 3] == pytest.approx((under - (end - 0.5) * 0.5) / 0.25, rel=1e-11)


@pytest.mark.parametrize("name", SOURCES)
def test_a_coarse_map_is_the_mean_of_a_fine_one(name: str) -> None:
    fine = SOURCES[name].to_map(24)
    assert np.abs(SOURCES[name].to_map(6) - fine.reshape(6, 4, 6, 4).mean(axis=(1, 3))).max() < 1e-11
    pixels = Source.pixels(SOURCES[name].to_map(12))
    assert np.abs(pixels.to_map(4) - SOURCES[name].to_map(4)).max() < 1e-11


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("n", [10, 25])
def test_a_map_comes_back_from_a_map(name: str, n: int) -> None:
    values = SOURCES[name].to_map(n)
    back = Source.pixels(values)
    assert np.abs(back.to_map(n) - values).max() < 1e-10
    assert back.extent <= 1
    for other in (7, 2 * n):
        assert back.to_map(other).mean() * 4 == pytest.approx(back.light, rel=1e-11)


@pytest.mark.parametrize("name", SOURCES)
def test_centre_of_mass_and_second_moments_survive_the_map(name: str) -> None:
    source = SOURCES[name]
    points, pixels = source.sample(0.01), Source.pixels(source.to_map(100)).sample(0.01)
    for moment in (lambda p: p.x, lambda p: p.y, lambda p: p.x**2, lambda p: p.y**2, lambda p: p.x * p.y):
        assert points.weight @ moment(points) == pytest.approx(pixels.weight @ moment(pixels), abs=2e-4)


def test_points_lie_in_the_pixel_of_a_map_that_holds_them() -> None:
    values = Source.points([(-1, 0), (0.3, 0.9), (0, 0), (0.301, 0.9)], [1, 2, 3, 4]).to_map(10)
    assert values[5, 0] == 25 and values[9, 6] == 6 * 25 and values[5, 5] == 3 * 25
    assert np.count_nonzero(values) == 3


def test_a_map_lights_the_pixels_it_says() -> None:
    values = np.zeros((4, 10))
    values[0, 6] = 2  # x 0.2..0.4, y -1..-0.5
    values[2, 4] = 1  # x -0.2..0, y 0..0.5
    source = Source.pixels(values)
    points = source.sample(0.07)
    low, high = points.y < 0, points.y > 0
    assert points.weight[low].sum() == pytest.approx(2 / 3) and points.weight[high].sum() == pytest.approx(1 / 3)
    assert (points.weight * points.x)[high].sum() == pytest.approx(1 / 3 * -0.1)
    assert (points.weight * points.y)[high].sum() == pytest.approx(1 / 3 * 0.25)
    assert points.x[high].min() > -0.2 and points.x[high].max() < 0 and points.y[high].max() < 0.5
    assert points.x[low].min() > 0.2 and points.x[low].max() < 0.4
    assert np.hypot(points.x, points.y).max() < 1  # the rim cuts the lower pixel
    assert np.diff(np.unique(points.y[high])).max() <= 0.07
    assert source.extent == 1 and Source.pixels(np.where(values == 1, 1, 0)).extent == pytest.approx(
        math.hypot(0.2, 0.5)
    )


def test_many_small_pixels_share_a_point() -> None:
    source = Source.pixels(Source.annular(0.6, 0.9).to_map(300))
    points = source.sample(0.05)
    assert len(points) < 1.5 * source.light / 0.05**2
    sides = np.abs(points.radial + points.tangential)
    assert sides.max() < 0.05 + 2 / 300
    table = {(round(float(x), 9), round(float(y), 9)) for x, y in zip(points.x, points.y, strict=True)}
    assert all({(-x, y), (x, -y), (y, x)} <= table for x, y in table)
    exact = (0.9**4 - 0.6**4) / (2 * (0.9**2 - 0.6**2))
    assert points.weight @ (points.x**2 + points.y**2) == pytest.approx(exact, abs=5e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Source.pixels([[0, math.nan]]), "`map` must be finite and not negative, but got nan"),
        (lambda: Source.pixels([[0, math.inf]]), "but got inf"),
        (lambda: Source.pixels([[1, -1]]), "but got -1"),
        (lambda: Source.pixels(np.zeros((5, 5))), "`map` must hold some light"),
        (lambda: Source.pixels(np.zeros((0, 5))), "`map` must be of 1 to .* pixels"),
        (lambda: Source.pixels(np.zeros((2049, 2048), np.float16)), "`map` must be of 1 to 4194304 pixels"),
        (lambda: Source.pixels(np.ones(5)), r"must be an array \(y, x\), but got shape \(5,\)"),
        (lambda: Source.pixels(np.ones((9, 9))), "dark outside the unit disc, but a pixel at 1.09994 or more is lit"),
        (lambda: Source.pixels(np.ones((10, 10))), "dark outside the unit disc"),
    ],
)
def test_bad_maps_are_refused_in_one_sentence(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
