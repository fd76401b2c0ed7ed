"""Sources: weights are areas, points keep the symmetry of their shape, and what makes no sense is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.source import Sector, Source

SHAPES = {
    "conventional": (Source.conventional(0.7), math.pi * 0.7**2),
    "full": (Source.conventional(1), math.pi),
    "annular": (Source.annular(0.55, 0.85), math.pi * (0.85**2 - 0.55**2)),
    "dipole": (Source.dipole(0.6, 0.9, 35), 2 * math.radians(35) / 2 * (0.9**2 - 0.6**2)),
    "quadrupole": (
        Source.quadrupole(0.5, 0.8, 30, rotation_deg=45),
        4 * math.radians(30) / 2 * (0.8**2 - 0.5**2),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("spacing", [0.31, 0.0423])
def test_weights_are_the_areas_of_the_shape(name: str, spacing: float) -> None:
    source, area = SHAPES[name]
    cells = [shape.cells(spacing) for shape in source.shapes]
    assert sum(float(c.weight.sum()) for c in cells) == pytest.approx(area, rel=1e-12)
    assert source.sample(spacing).weight.sum() == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(
    ("inner", "outer", "direction", "opening"), [(0.3, 0.9, 20, 70), (0, 0.8, 90, 180), (0.2, 1, 0, 360)]
)
def test_points_stand_at_the_centre_of_mass_of_their_cells(
    inner: float, outer: float, direction: float, opening: float
) -> None:
    sector = Sector(inner, outer, direction, opening)
    points = sector.cells(0.11)
    moment = (outer**3 - inner**3) / 3 * 2 * math.sin(math.radians(opening) / 2)
    angle = math.radians(direction)
    assert (points.weight * points.x).sum() == pytest.approx(moment * math.cos(angle), abs=1e-13)
    assert (points.weight * points.y).sum() == pytest.approx(moment * math.sin(angle), abs=1e-13)


def test_second_moments_converge_with_the_square_of_the_spacing() -> None:
    exact = (0.9**4 - 0.6**4) / (2 * (0.9**2 - 0.6**2))
    errors = []
    for spacing in (0.1, 0.05, 0.025):
        points = Source.annular(0.6, 0.9).sample(spacing)
        errors.append(abs(float((points.weight * (points.x**2 + points.y**2)).sum()) - exact))
    assert errors[0] < 2e-3 and errors[1] < errors[0] / 3.5 and errors[2] < errors[1] / 3.5


@pytest.mark.parametrize("name", SHAPES)
def test_points_have_the_mirror_symmetry_of_the_shape(name: str) -> None:
    points = SHAPES[name][0].sample(0.07)
    table = {(round(float(x), 9), round(float(y), 9)) for x, y in zip(points.x, points.y, strict=True)}
    assert len(table) == len(points) and all({(-x, y), (x, -y)} <= table for x, y in table)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("spacing", [0.3, 0.05])
def test_points_and_the_middle_of_their_cells_lie_inside_the_shape(name: str, spacing: float) -> None:
    source = SHAPES[name][0]
    points = source.sample(spacing)
    assert np.hypot(points.x, points.y).max() < source.extent
    assert np.abs(points.weight).min() > 0
    cells = np.abs(points.radial[:, 0] * points.tangential[:, 1] - points.radial[:, 1] * points.tangential[:, 0])
    assert np.hypot(*points.radial.T).max() <= spacing * (1 + 1e-9)
    assert cells.sum() == pytest.approx(SHAPES[name][1], rel=0.1)


def test_a_dipole_along_y_is_the_one_along_x_turned() -> None:
    along_x, along_y = (Source.dipole(0.6, 0.9, 40, axis=axis).sample(0.1) for axis in ("x", "y"))
    assert np.allclose(along_y.x, -along_x.y, atol=1e-14) and np.allclose(along_y.y, along_x.x, atol=1e-14)
    assert np.abs(along_x.x).min() > np.abs(along_x.y).max()


def test_points_are_taken_as_they_are_and_dark_ones_dropped() -> None:
    points = Source.points([(0.5, -0.25), (0, 0), (1, 0)], [3, 0, 1]).sample()
    assert points.x.tolist() == [0.5, 1] and points.y.tolist() == [-0.25, 0]
    assert points.weight.tolist() == [0.75, 0.25] and not points.radial.any() and not points.tangential.any()


def test_a_map_lights_the_pixels_it_says() -> None:
    values = np.zeros((4, 10))
    values[0, 6] = 2  # x 0.2..0.4, y -1..-0.5
    values[2, 4] = 1  # x -0.2..0, y 0..0.5
    points = Source.from_map(values).sample(0.07)
    low, high = points.y < 0, points.y > 0
    assert points.weight[low].sum() == pytest.approx(2 / 3) and points.weight[high].sum() == pytest.approx(1 / 3)
    assert (points.weight * points.x)[low].sum() == pytest.approx(2 / 3 * 0.3)
    assert (points.weight * points.y)[low].sum() == pytest.approx(2 / 3 * -0.75)
    assert points.x[high].min() > -0.2 and points.x[high].max() < 0 and points.y[high].max() < 0.5
    assert np.diff(np.unique(points.y[high])).max() <= 0.07
    assert Source.from_map(values).extent == pytest.approx(math.hypot(0.4, 1))


def test_sources_are_values() -> None:
    assert Source.from_map(np.eye(3)) == Source.from_map(np.eye(3)) != Source.from_map(np.eye(3)[::-1])
    assert hash(Source.annular(0.5, 0.7)) == hash(Source.annular(0.5, 0.7))


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Source.annular(0.9, 0.6), "`inner` and `outer` must obey .* got 0.9 and 0.6"),
        (lambda: Source.annular(0.6, 0.6), "inner < outer"),
        (lambda: Source.annular(-0.1, 0.6), "0 <= inner"),
        (lambda: Source.annular(0.5, 1.2), "outer <= 1"),
        (lambda: Source.annular(0.5, NAN), "outer <= 1"),
        (lambda: Source.conventional(0), r"`sigma` must be in \(0, 1\], but got 0"),
        (lambda: Source.conventional(1.01), "`sigma`"),
        (lambda: Source.dipole(0.5, 0.8, 0), r"`opening_deg` must be in \(0, 180\], but got 0"),
        (lambda: Source.dipole(0.5, 0.8, 181), "`opening_deg`"),
        (lambda: Source.quadrupole(0.5, 0.8, 91), r"\(0, 90\]"),
        (lambda: Source.dipole(0.5, 0.8, 30, axis="z"), "`axis` must be 'x' or 'y', but got 'z'"),
        (lambda: Source.dipole(0.5, 0.8, 30, axis="y", rotation_deg=3), "but got both"),
        (lambda: Source.dipole(0.5, 0.8, 30, rotation_deg=INF), "`direction_deg` must be finite"),
        (lambda: Source.point(0.8, 0.7), "`xy` must lie in the unit disc"),
        (lambda: Source.point(NAN), "`xy`"),
        (lambda: Source.points([]), r"`xy` must be points of shape \(n, 2\)"),
        (lambda: Source.points([(0, 0)], [1, 2]), r"one entry per point \(1\), but got shape \(2,\)"),
        (lambda: Source.points([(0, 0), (0, 0.1)], [1, -2]), "`weights` must be finite and not negative, but got -2"),
        (lambda: Source.points([(0, 0)], [0]), "`weights` must hold some light"),
        (lambda: Source.from_map([[0, NAN]]), "`array` must be finite and not negative, but got nan"),
        (lambda: Source.from_map([[0, INF]]), "but got inf"),
        (lambda: Source.from_map([[1, -1]]), "but got -1"),
        (lambda: Source.from_map(np.zeros((5, 5))), "`array` must hold some light"),
        (lambda: Source.from_map(np.zeros((0, 5))), "at least one pixel"),
        (lambda: Source.from_map(np.ones(5)), r"must be a map \(y, x\), but got shape \(5,\)"),
        (lambda: Source.from_map(np.ones((9, 9))), "dark where a pixel's centre is outside the unit disc"),
        (lambda: Source(()), "at least one shape"),
        (lambda: Source.point().sample(0), "`spacing` must be a positive number, but got 0"),
    ],
)
def test_bad_sources_are_refused_in_one_sentence(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_the_default_spacing_follows_the_area() -> None:
    for source in (Source.conventional(0.3), Source.dipole(0.6, 0.9, 30), Source.from_map(np.eye(5)[1:4])):
        assert 2300 < len(source.sample()) < 4000
    steps = np.linalg.norm(Source.conventional(1).sample().radial, axis=1)
    assert steps.max() <= 0.03 * (1 + 1e-9)
