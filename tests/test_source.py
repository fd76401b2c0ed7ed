"""Sources: weights are areas, points keep the symmetry of their shape, and what makes no sense is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.source import Source
from litho.source_shapes import Profile, Sector, SourcePoints

SHAPES = {
    "conventional": (Source.conventional(0.7), math.pi * 0.7**2),
    "full": (Source.conventional(1), math.pi),
    "annular": (Source.annular(0.55, 0.85), math.pi * (0.85**2 - 0.55**2)),
    "dipole": (Source.dipole(0.7, 0.2), 2 * math.pi * 0.2**2),
    "dipole along y": (Source.dipole(0.6, 0.4, axis="y"), 2 * math.pi * 0.4**2),
    "quadrupole": (Source.quadrupole(0.7, 0.3, 45), 4 * math.pi * 0.3**2),
    "hexapole": (Source.hexapole(0.8, 0.15), 6 * math.pi * 0.15**2),
    "dipole of sectors": (Source.sectors(0.6, 0.9, 35), 2 * math.radians(35) / 2 * (0.9**2 - 0.6**2)),
    "quasar": (Source.quasar(0.5, 0.8, 30), 4 * math.radians(30) / 2 * (0.8**2 - 0.5**2)),
    "C-quad": (Source.cquad(0.6, 0.95, 40), 4 * math.radians(40) / 2 * (0.95**2 - 0.6**2)),
    "soft disc": (Source.conventional(0.7).softened(0.1), math.pi * (0.7**2 + 0.1**2 / 20)),
    "soft ring": (Source.annular(0.5, 0.8).softened(0.2), math.pi * (0.8**2 - 0.5**2)),
    "soft dipole": (Source.dipole(0.7, 0.2).softened(0.08), 2 * math.pi * (0.2**2 + 0.08**2 / 20)),
    "soft quasar": (Source.quasar(0.6, 0.9, 30).softened(0.1), 4 * math.radians(30) / 2 * (0.9**2 - 0.6**2)),
    "sum": (Source.annular(0.7, 0.9) + 0.5 * Source.conventional(0.3), math.pi * (0.81 - 0.49 + 0.09 / 2)),
}


def cells(source: Source, spacing: float) -> SourcePoints:
    """Points whose weights are light, not shares."""
    points, light = source.sample(spacing), source.light
    return SourcePoints(points.x, points.y, points.weight * light, points.radial, points.tangential)


# --- laws ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("spacing", [0.31, 0.0423])
def test_weights_are_the_areas_of_the_shape(name: str, spacing: float) -> None:
    source, area = SHAPES[name]
    assert source.light == pytest.approx(area, rel=1e-12)
    for shape in source.shapes:
        assert float(shape.cells(spacing).weight.sum()) == pytest.approx(shape.light, rel=1e-12)
    assert source.sample(spacing).weight.sum() == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(
    ("inner", "outer", "direction", "opening"), [(0.3, 0.9, 20, 70), (0, 0.8, 90, 180), (0.2, 1, 0, 360)]
)
@pytest.mark.parametrize("spacing", [0.5, 0.11])
def test_points_stand_at_the_centre_of_mass_of_their_cells(
    inner: float, outer: float, direction: float, opening: float, spacing: float
) -> None:
    points = Sector(inner, outer, direction, opening).cells(spacing)
    moment = (outer**3 - inner**3) / 3 * 2 * math.sin(math.radians(opening) / 2)
    angle = math.radians(direction)
    assert (points.weight * points.x).sum() == pytest.approx(moment * math.cos(angle), abs=1e-13)
    assert (points.weight * points.y).sum() == pytest.approx(moment * math.sin(angle), abs=1e-13)


@pytest.mark.parametrize("name", ["dipole", "soft dipole"])
def test_a_disc_pole_has_its_centre_of_mass_in_its_middle(name: str) -> None:
    for shape, sign in zip(SHAPES[name][0].shapes, (1, -1), strict=True):
        points = shape.cells(0.07)
        share = points.weight / points.weight.sum()
        assert share @ points.x == pytest.approx(0.7 * sign, abs=1e-14)
        assert share @ points.y == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(
    ("source", "exact"),
    [
        (Source.annular(0.6, 0.9), (0.9**4 - 0.6**4) / (2 * (0.9**2 - 0.6**2))),
        (Source.dipole(0.7, 0.2), 0.7**2 + 0.2**2 / 2),
        (Source.quasar(0.6, 0.9, 30), (0.9**4 - 0.6**4) / (2 * (0.9**2 - 0.6**2))),
        # moments of 3 t^2 - 2 t^3: each radius r counts as r^4 + 6 r^2 (w^2 / 20) + 3 w^4 / 560
        (
            Source.conventional(0.7).softened(0.2),
            (0.7**4 + 6 * 0.7**2 * 0.04 / 20 + 3 * 0.2**4 / 560) / (2 * (0.7**2 + 0.04 / 20)),
        ),
    ],
)
def test_second_moments_converge_with_the_square_of_the_spacing(source: Source, exact: float) -> None:
    errors = []
    for spacing in (0.1, 0.05, 0.025):
        points = source.sample(spacing)
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
    assert np.hypot(points.x, points.y).max() < source.extent <= 1 + 1e-12
    assert np.abs(points.weight).min() > 0
    assert np.hypot(*points.radial.T).max() <= spacing * (1 + 1e-9)
    sizes = np.abs(points.radial[:, 0] * points.tangential[:, 1] - points.radial[:, 1] * points.tangential[:, 0])
    bright = cells(source, spacing).weight / sizes
    assert bright.max() < 1.12  # no cell is brighter than the light there
    if "soft" not in name and name != "sum":
        assert bright.min() > 0.8  # the parallelogram of a wedge is larger than the wedge


@pytest.mark.parametrize("angle", [10.0, 90.0])
@pytest.mark.parametrize(
    "make",
    [
        lambda turn: Source.dipole(0.6, 0.2, rotation_deg=turn),
        lambda turn: Source.quadrupole(0.6, 0.2, turn),
        lambda turn: Source.hexapole(0.6, 0.2, turn),
        lambda turn: Source.quasar(0.6, 0.9, 25, turn),
        lambda turn: Source.sectors(0.6, 0.9, 25, 5, turn).softened(0.1),
    ],
)
def test_a_turned_source_has_turned_points(make: Any, angle: float) -> None:
    plain, turned = make(0.0).sample(0.1), make(angle).sample(0.1)
    turn = np.exp(1j * math.radians(angle))
    assert np.allclose((plain.x + 1j * plain.y) * turn, turned.x + 1j * turned.y, atol=1e-14)
    for side, other in ((plain.radial, turned.radial), (plain.tangential, turned.tangential)):
        assert np.allclose((side @ [1, 1j]) * turn, other @ [1, 1j], atol=1e-14)


def test_a_dipole_along_y_is_the_one_along_x_turned() -> None:
    assert Source.dipole(0.7, 0.2, "y") == Source.dipole(0.7, 0.2, rotation_deg=90)
    along_x = Source.dipole(0.7, 0.2).sample(0.1)
    assert np.abs(along_x.x).min() > np.abs(along_x.y).max()


def test_poles_stand_where_they_are_said_to() -> None:
    def middles(source: Source) -> list[tuple[float, float]]:
        parts = [shape.cells(0.2) for shape in source.shapes]
        return [(float(np.average(p.x, weights=p.weight)), float(np.average(p.y, weights=p.weight))) for p in parts]

    half, high = 0.5 * 0.8, math.sqrt(0.75) * 0.8
    six = [(0.8, 0), (half, high), (-half, high), (-0.8, 0), (-half, -high), (half, -high)]
    assert np.allclose(middles(Source.hexapole(0.8, 0.1)), six, atol=1e-14)
    assert np.allclose(middles(Source.quadrupole(0.5, 0.1)), [(0.5, 0), (0, 0.5), (-0.5, 0), (0, -0.5)], atol=1e-14)
    x, y = np.array(middles(Source.quasar(0.6, 0.9, 30))).T
    assert np.allclose(np.degrees(np.arctan2(y, x)), [45, 135, -135, -45])
    x, y = np.array(middles(Source.cquad(0.6, 0.9, 30))).T
    assert np.allclose(np.degrees(np.arctan2(y, x)) % 360, [0, 90, 180, 270])


def test_sectors_that_meet_make_a_ring_with_soft_edges_too() -> None:
    n = 40
    for edge in (0.0, 0.1):
        ring, quarters = Source.annular(0.6, 0.9), Source.quasar(0.6, 0.9, 90)
        if edge:
            ring, quarters = ring.softened(edge), quarters.softened(edge)
        assert np.abs(ring.to_map(n) - quarters.to_map(n)).max() < 1e-9


def test_a_soft_edge_is_half_as_bright_at_the_border_and_dark_half_a_width_beyond() -> None:
    n, edge, t = 201, 0.2, 0.3
    row = Source.annular(0.4, 0.7).softened(edge).to_map(n)[n // 2]
    x = (2 * np.arange(n) + 1 - n) / n
    places = np.array([0.4, 0.7, 0.7 + edge * (0.5 - t), 0.4 - edge * (0.5 - t)])
    assert np.allclose(np.interp(places, x, row), [0.5, 0.5, *[3 * t**2 - 2 * t**3] * 2], atol=2e-3)
    assert row[x > 0.8 + 1 / n].max() == 0 and np.interp(0.55, x, row) == pytest.approx(1, abs=1e-9)
    profile = Profile(0.4, 0.7, edge)(places)
    assert np.allclose(profile, [0.5, 0.5, *[3 * t**2 - 2 * t**3] * 2], atol=1e-14)


def test_light_adds_and_scales() -> None:
    ring, disc = Source.annular(0.6, 0.9), Source.conventional(0.3)
    both = ring + 0.25 * disc
    assert both.light == pytest.approx(ring.light + 0.25 * disc.light, rel=1e-14)
    points = both.sample(0.05)
    inside = np.hypot(points.x, points.y) < 0.4
    assert points.weight[inside].sum() == pytest.approx(0.25 * disc.light / both.light, rel=1e-12)
    mixed = 2 * Source.points([(0, 0)], [0.5]) + Source.pixels(np.eye(3))
    assert mixed.light == pytest.approx(1 + 3 * 4 / 9)
    assert np.abs(both.to_map(20) - ring.to_map(20) - 0.25 * disc.to_map(20)).max() < 1e-15


def test_points_are_taken_as_they_are_and_dark_ones_dropped() -> None:
    points = Source.points([(0.5, -0.25), (0, 0), (1, 0)], [3, 0, 1]).sample()
    assert points.x.tolist() == [0.5, 1] and points.y.tolist() == [-0.25, 0]
    assert points.weight.tolist() == [0.75, 0.25] and not points.radial.any() and not points.tangential.any()


def test_sources_are_values() -> None:
    assert Source.pixels(np.eye(3)) == Source.pixels(np.eye(3)) != Source.pixels(np.eye(3)[::-1])
    assert hash(Source.annular(0.5, 0.7)) == hash(Source.annular(0.5, 0.7))
    assert hash(Source.pixels(np.eye(3))) == hash(Source.pixels(np.eye(3)))


# --- refusals -----------------------------------------------------------------------------------------------------

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
        (lambda: Source.dipole(0.9, 0.2), "`center` and `radius` must obey .* in the unit disc, but got 0.9 and 0.2"),
        (lambda: Source.dipole(0.5, 0), "0 < radius"),
        (lambda: Source.dipole(NAN, 0.1), "`center` and `radius`"),
        (lambda: Source.dipole(0.2, 0.3), "`radius` must be at most 0.2, where poles meet, but got 0.3"),
        (lambda: Source.quadrupole(0.4, 0.3), "`radius` must be at most 0.282843"),
        (lambda: Source.hexapole(0.4, 0.21), "`radius` must be at most 0.2,"),
        (lambda: Source.dipole(0.5, 0.3, axis="z"), "`axis` must be 'x' or 'y', but got 'z'"),
        (lambda: Source.dipole(0.5, 0.3, rotation_deg=INF), "`rotation_deg` must be finite"),
        (lambda: Source.sectors(0.5, 0.8, 0), r"`opening_deg` must be in \(0, 180\], but got 0"),
        (lambda: Source.sectors(0.5, 0.8, 181), "`opening_deg`"),
        (lambda: Source.sectors(0.5, 0.8, 10, poles=0), "`poles` must be a whole number of at least 1, but got 0"),
        (lambda: Source.sectors(0.5, 0.8, 10, poles=2.5), "`poles`"),
        (lambda: Source.quasar(0.5, 0.8, 91), r"\(0, 90\]"),
        (lambda: Source.cquad(0.8, 0.5, 30), "inner < outer"),
        (lambda: Source.conventional(1).softened(0.1), "in the unit disc, but it reaches 1.05"),
        (lambda: Source.annular(0.6, 0.7).softened(0.2), r"`edge` must be in \[0, 0.1\].*, but got 0.2"),
        (lambda: Source.annular(0.05, 0.7).softened(0.2), r"`edge` must be in \[0, 0.1\]"),
        (lambda: Source.conventional(0.5).softened(-0.1), "`edge`"),
        (lambda: Source.conventional(0.5).softened(NAN), "`edge`"),
        (lambda: Source.quasar(0.6, 0.9, 5).softened(0.1), "`edge` must be in"),
        (lambda: Source.point().softened(0.1), "points and pixels have none"),
        (lambda: -1 * Source.point(), "`factor` must be a positive number, but got -1"),
        (lambda: Source.point(0.8, 0.7), "`xy` must lie in the unit disc"),
        (lambda: Source.point(NAN), "`xy`"),
        (lambda: Source.points([]), r"`xy` must be points of shape \(n, 2\)"),
        (lambda: Source.points([(0, 0)], [1, 2]), r"one entry per point \(1\), but got shape \(2,\)"),
        (lambda: Source.points([(0, 0), (0, 0.1)], [1, -2]), "`weights` must be finite and not negative, but got -2"),
        (lambda: Source.points([(0, 0)], [0]), "`weights` must hold some light"),
        (lambda: Source(()), "at least one shape"),
        (lambda: Source.point().sample(0), "`spacing` must be a positive number, but got 0"),
        (lambda: Source.point().to_map(0), "`n` must be in 1..1024, but got 0"),
        (lambda: Source.point().spacing_for(0), "`max_error` must be a positive number, but got 0"),
        (lambda: Source.point().spacing_for(1e-4, -1), "`phase_slope` must be a number of at least 0, but got -1"),
    ],
)
def test_bad_sources_are_refused_in_one_sentence(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
