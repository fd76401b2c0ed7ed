"""Mask rules: planted violations are all found, none are invented, and each is measured as its closed form says."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from mask_shapes import box, disc, ellipse, ellipse_by_angle, hole, hourglass, moved, trapezoid, u_shape, wedge

from litho.cells import Floats
from litho.curves import Curve, fit_curve
from litho.mask_rules import check_mask
from litho.outlines import united
from litho.rule_set import MaskRules, RuleViolation

TURNS = (0.0, 17.3, 90.0, 233.1, 315.0)
LENGTHS = MaskRules(min_area_nm2=0, min_hole_nm2=0)


def found(shapes: list[Floats], rules: MaskRules = LENGTHS, **more: object) -> list[RuleViolation]:
    return list(check_mask(shapes, rules, **more))  # type: ignore[arg-type]


def turned(shapes: list[Floats], degrees: float) -> list[Floats]:
    place = np.random.default_rng(round(degrees * 10)).uniform(-1e5, 1e5, 2)
    return [moved(shape, degrees, (place[0], place[1])) for shape in shapes]


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("width", [0.5, 12.0, 19.999, 20.0, 31.0])
def test_a_bar_is_as_wide_as_its_sides_are_apart_at_any_angle(width: float, degrees: float) -> None:
    violations = found(turned([box(300.0, width)], degrees))
    assert [v.rule for v in violations] == ["width"] * (width < 20)
    assert all(v.value == pytest.approx(width, abs=1e-9) and v.limit == 20 for v in violations)
    for violation in violations:
        assert math.dist(*violation.marker_nm) == pytest.approx(width, abs=1e-9)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("gap", [3.0, 19.999, 20.0, 25.0])
def test_edges_that_face_each_other_are_as_far_apart_as_they_are(gap: float, degrees: float) -> None:
    other = moved(box(60.0, 40.0), to=(31.7, 40 + gap))
    violations = found(turned([box(90.0, 40.0), other], degrees))
    assert [v.rule for v in violations] == ["space"] * (gap < 20)
    assert all(v.value == pytest.approx(gap, abs=1e-9) for v in violations)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("x, y", [(9.0, 12.0), (0.5, 16.0), (1.0, 19.97), (14.0, 14.2), (14.2, 14.2)])
def test_corners_are_as_far_apart_as_the_line_between_them_is_long(x: float, y: float, degrees: float) -> None:
    violations = found(turned([box(60, 60), moved(box(60, 60), to=(60 + x, 60 + y))], degrees))
    assert [v.rule for v in violations] == ["corner"] * (math.hypot(x, y) < 20)
    assert all(v.value == pytest.approx(math.hypot(x, y), abs=1e-9) for v in violations)
    apart = MaskRules(min_area_nm2=0, min_hole_nm2=0, min_corner_nm=5.0)
    assert found([box(60, 60), moved(box(60, 60), to=(60 + x, 60 + y))], apart) == []


def test_corners_that_touch_are_no_distance_apart() -> None:
    violations = found([box(60, 60), moved(box(60, 60), to=(60, 60))])
    assert [(v.rule, v.value) for v in violations] == [("corner", 0.0)]
    assert (violations[0].x_nm, violations[0].y_nm) == (30, 30)
    violations = found([box(60, 60), moved(box(60, 60), 45.0, (30 + 30 * math.sqrt(2), 3.0))])
    assert [v.rule for v in violations] == ["space"] and violations[0].value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("slot", [7.0, 19.99, 20.0])
def test_the_slot_of_a_u_is_a_notch_and_has_a_rule_of_its_own(slot: float, degrees: float) -> None:
    shape = turned([u_shape(slot)], degrees)
    violations = found(shape)
    assert [v.rule for v in violations] == ["notch"] * (slot < 20)
    assert all(v.value == pytest.approx(slot, abs=1e-9) for v in violations)
    assert found(shape, MaskRules(min_area_nm2=0, min_hole_nm2=0, min_notch_nm=6.0)) == []


@pytest.mark.parametrize("degrees", TURNS)
def test_the_inner_corner_of_an_l_is_no_notch_and_its_arms_are_wide_where_they_meet(degrees: float) -> None:
    ell = np.array([[0, 0], [100, 0], [100, 30], [30, 30], [30, 100], [0, 100.0]])
    assert found(turned([ell], degrees)) == []
    thin = np.array([[0, 0], [100, 0], [100, 15], [30, 15], [30, 100], [0, 100.0]])
    violations = found(turned([thin], degrees))
    assert [v.rule for v in violations] == ["width"] and violations[0].value == pytest.approx(15, abs=1e-9)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("inner, outer", [(30.0, 44.0), (30.0, 49.9), (30.0, 51.0), (8.0, 40.0), (9.0, 20.0)])
def test_an_annulus_is_as_wide_as_its_radii_differ_and_its_hole_as_its_diameter(
    inner: float, outer: float, degrees: float
) -> None:
    violations = found(turned([disc(outer), hole(disc(inner))], degrees))
    expected = {"width": outer - inner, "space": 2 * inner}
    assert {v.rule for v in violations} == {rule for rule, value in expected.items() if value < 20}
    assert len(violations) == len({v.rule for v in violations})
    assert all(v.value == pytest.approx(expected[v.rule], abs=0.02) for v in violations)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("offset", [0.0, 3.0, 9.0])
def test_a_curved_gap_is_least_where_circles_come_nearest(offset: float, degrees: float) -> None:
    shapes = [disc(120.0), hole(disc(80.0)), moved(disc(58.0), to=(offset, 0.0))]
    violations = found(turned(shapes, degrees), MaskRules(min_space_nm=25.0, min_area_nm2=0))
    assert [v.rule for v in violations] == ["space"]
    assert violations[0].value == pytest.approx(22 - offset, abs=0.02)
    assert found(turned(shapes, degrees), MaskRules(min_space_nm=21.99 - offset, min_area_nm2=0)) == []


@pytest.mark.parametrize("degrees", TURNS)
def test_round_shapes_are_as_far_apart_as_their_centres_less_their_radii(degrees: float) -> None:
    shapes = [disc(40.0), moved(disc(30.0), to=(63.0, 48.0)), moved(disc(25.0), to=(-61.0, 60.0))]
    violations = found(turned(shapes, degrees))
    expected = math.hypot(63, 48) - 70, math.hypot(61, 60) - 65  # 9.2, and 20.6, which is enough
    assert [v.rule for v in violations] == ["space"] and expected[1] > 20
    assert violations[0].value == pytest.approx(expected[0], abs=0.02)


def test_an_edge_that_is_tilted_is_nearest_with_its_corner() -> None:
    tilted = moved(moved(box(80, 30), to=(40, 15)), 12.0, (5.0, 14.0))  # lower left corner, 14 above the other's edge
    violations = found([moved(box(200, 40), to=(0, -20)), tilted])
    assert [v.rule for v in violations] == ["space"] and violations[0].value == pytest.approx(14, abs=1e-9)
    np.testing.assert_allclose(np.sort(violations[0].marker_nm, axis=0), [[5, 0], [5, 14]], atol=1e-9)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("tip, angle", [(12.0, 10.0), (5.0, 40.0), (19.0, 20.0), (19.9, 30.0), (30.0, 40.0)])
def test_a_taper_is_as_wide_as_the_disc_that_touches_both_sides_at_its_end(
    tip: float, angle: float, degrees: float
) -> None:
    violations = found(turned([trapezoid(tip, angle, 150.0)], degrees))
    expected = tip / math.cos(math.radians(angle / 2))
    assert [v.rule for v in violations] == ["width"] * (expected < 20)
    assert all(v.value == pytest.approx(expected, abs=1e-9) for v in violations)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("angle", [5.0, 30.0, 59.0, 61.0, 90.0, 120.0])
def test_a_wedge_more_acute_than_the_rules_say_has_no_width_at_its_tip_and_a_blunter_one_is_a_corner(
    angle: float, degrees: float
) -> None:
    tip, low, high = wedge(angle, 120.0)
    far = high[1] + 60
    blunt = np.array([tip, low, [120, -far], [200, -far], [200, far], [120, far], high])  # no other acute corner
    violations = found(turned([blunt], degrees))
    assert [(v.rule, v.value) for v in violations] == [("width", pytest.approx(0, abs=1e-9))] * (angle < 60)
    right = MaskRules(min_area_nm2=0, taper_deg=90.0)
    assert found(turned([box(100, 100)], degrees), right) == []
    assert len(found(turned([blunt], degrees), right)) >= (angle < 90)


@pytest.mark.parametrize("degrees", TURNS)
def test_two_wedges_of_surroundings_that_meet_at_an_acute_angle_are_a_notch_of_no_width(degrees: float) -> None:
    bitten = np.array([[-100, -100], [100, -100], [100, 100], [20, 100], [0, 0], [-20, 100], [-100, 100.0]])
    violations = found(turned([bitten], degrees))
    assert [(v.rule, v.value) for v in violations] == [("notch", pytest.approx(0, abs=1e-9))]


@pytest.mark.parametrize("a, b", [(60.0, 8.0), (90.0, 15.0), (50.0, 24.0)])
def test_the_end_of_an_ellipse_is_as_wide_as_the_disc_between_sides_that_enclose_the_angle_of_a_taper(
    a: float, b: float
) -> None:
    tilt = math.radians(30)  # half the angle of a taper
    expected = 2 * b**2 / math.hypot(a * math.sin(tilt), b * math.cos(tilt))
    for degrees in TURNS[:3]:
        violations = found(turned([ellipse_by_angle(a, b)], degrees))
        assert [v.rule for v in violations] == ["width"] * (1 if b < 10 else 2 if expected < 20 else 0)
        # the angle between sides is known to that between two edges of the polygon, here half a degree
        assert all(v.value == pytest.approx(expected, rel=0.02) for v in violations)
    assert found([ellipse_by_angle(a, b)], MaskRules(min_width_nm=0.95 * expected, min_area_nm2=0)) == []


@pytest.mark.parametrize("neck", [11.0, 19.5, 20.5])
def test_a_neck_is_as_wide_as_at_its_narrowest(neck: float) -> None:
    for degrees in TURNS:
        violations = found(turned([hourglass(neck)], degrees))
        assert [v.rule for v in violations] == ["width"] * (neck < 20)
        assert all(v.value == pytest.approx(neck, abs=1e-6) for v in violations)


@pytest.mark.parametrize("radius", [7.0, 9.9, 10.1])
def test_a_disc_is_as_wide_as_its_diameter_however_its_vertices_are_spread(radius: float) -> None:
    angle = np.sort(np.random.default_rng(3).uniform(0, 2 * np.pi, 300))
    round_shape = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    gap = np.diff(angle, append=angle[0] + 2 * np.pi).max()
    violations = found([round_shape])
    assert [v.rule for v in violations] == ["width"] * (radius < 10)
    assert all(v.value == pytest.approx(2 * radius, abs=radius * gap**2 / 2) for v in violations)


@pytest.mark.parametrize("seed", range(20))
def test_a_vertex_that_a_seam_sets_hardly_changes_a_width(seed: int) -> None:
    """Discs cut along a line and joined again: the ends of the cut are rounded along it, wherever it runs."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(49) / 49
    shape = 9.9 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.uniform(-5, 5, 2)
    alone = min(v.value for v in found([shape]))
    for height in shape[0, 1] + rng.uniform(-9, 9, 10):
        joined_again: list[tuple[float, float]] = []
        for (ax, ay), (bx, by) in zip(shape.tolist(), np.roll(shape, -1, axis=0).tolist(), strict=True):
            joined_again.append((ax, ay))
            if (ay - height) * (by - height) < 0:
                crossing = ax + (bx - ax) * (height - ay) / (by - ay)
                joined_again.append((round(crossing / 0.05) * 0.05, height))
        seamed = np.array(joined_again)
        assert len(seamed) == 51
        # rounding moves a side by 0.025 nm and turns an edge of 1.3 nm by a degree; untended, widths change by 0.7 nm
        assert min(v.value for v in found([seamed])) == pytest.approx(alone, abs=0.2)


@pytest.mark.parametrize("share", [0.999, 1.001])
def test_islands_and_holes_are_counted_by_what_they_cover(share: float) -> None:
    side = math.sqrt(1700 * share)
    ring = [box(200, 200), hole(moved(box(side, side), 20.0))]
    rules = MaskRules(min_width_nm=1, min_space_nm=1)
    for degrees in TURNS:
        assert [v.rule for v in found(turned([box(side, side)], degrees), rules)] == ["area"] * (share < 1)
        violations = found(turned(ring, degrees), rules)
        assert [v.rule for v in violations] == ["hole"] * (share < 1)
        assert all(v.value == pytest.approx(1700 * share, rel=1e-9) for v in violations)
    thin = [box(60, 60), hole(box(44, math.sqrt(share) * 44))]  # what the hole leaves
    expected = 3600 - 44 * 44 * math.sqrt(share)
    assert [v.value for v in found(thin, rules) if v.rule == "area"] == [pytest.approx(expected)]
    inner = [box(300, 300), hole(box(60, 60)), box(50, 50)]
    assert [(v.rule, v.value) for v in found(inner, rules)] == [("hole", pytest.approx(1100))]


@pytest.mark.parametrize("a, b", [(40.0, 20.0), (30.0, 18.0), (12.0, 12.0), (6.0, 6.0), (3.0, 3.0)])
def test_an_ellipse_bends_most_at_its_ends_convex_and_concave(a: float, b: float) -> None:
    rules = MaskRules(min_width_nm=0, min_space_nm=0, min_area_nm2=0, min_hole_nm2=0, min_radius_nm=11.0)
    radius = b**2 / a
    for degrees in TURNS[:4]:
        for shapes in ([ellipse(a, b)], [box(200, 200), hole(ellipse(a, b))]):
            violations = [v for v in found(turned(shapes, degrees), rules) if v.value > 1]  # not those of the box
            assert {v.rule for v in violations} == ({"radius"} if radius < 11 else set())
            if a > b and radius < 11:
                assert len(violations) == 2
            # of a circle exactly; else the mean over a quarter of the radius either way
            assert all(v.value == pytest.approx(radius, rel=1e-6 if a == b else 0.02) for v in violations)


def test_a_right_angle_is_sharp_whatever_the_lengths_of_its_edges() -> None:
    rules = MaskRules(min_width_nm=0, min_space_nm=0, min_area_nm2=0, min_hole_nm2=0, min_radius_nm=5.0)
    for size in (8.0, 90.0, 4000.0):
        violations = found([box(size, size)], rules)
        assert Counter(v.rule for v in violations) == {"radius": 4}
        assert all(v.value == pytest.approx(0.05 / (math.sqrt(2) - 1), rel=1e-6) for v in violations)
    assert found([disc(300.0, 0.04)], rules) == []


def test_curves_bend_as_their_derivatives_say() -> None:
    count, size = 8, 14.0
    angle = 2 * np.pi / count
    curve = Curve(size * np.stack([np.cos(angle * np.arange(count)), np.sin(angle * np.arange(count))], axis=1))
    at_knots = size * (1 + math.cos(angle)) / 2
    first = 2 * size * (0.625 * math.sin(angle / 2) + 0.125 * math.sin(1.5 * angle))
    between = first**2 / (size * (math.cos(angle / 2) - math.cos(1.5 * angle)))
    rules = MaskRules(min_width_nm=0, min_area_nm2=0, min_radius_nm=14.0)
    violations = check_mask([curve], rules)
    assert {v.rule for v in violations} == {"radius"}
    assert violations[0].value == pytest.approx(min(at_knots, between), rel=1e-12)
    assert check_mask([curve], MaskRules(min_width_nm=0, min_area_nm2=0, min_radius_nm=min(at_knots, between))) == ()


def test_curves_are_as_wide_as_the_outline_they_were_fitted_to() -> None:
    curve = fit_curve(disc(9.5, 1e-4), 1e-3)
    violations = check_mask([curve], LENGTHS)
    assert [v.rule for v in violations] == ["width"] and violations[0].value == pytest.approx(19, abs=0.05)
    assert check_mask([fit_curve(disc(10.01, 1e-4), 1e-3)], LENGTHS) == ()  # its polygon is a little smaller


def test_a_length_within_the_tolerance_passes() -> None:
    bar = [box(300, 19.0)]
    assert found(bar, MaskRules(tolerance_nm=1.0)) == []
    assert len(found(bar, MaskRules(tolerance_nm=0.999))) == 1


def test_nothing_is_measured_across_another_outline() -> None:
    walls = [moved(box(8, height), to=(x, 0)) for x, height in ((0, 100), (40, 140), (80, 100))]
    assert [v.rule for v in found(walls)] == ["width"] * 3
    violations = found(walls, MaskRules(min_width_nm=8, min_area_nm2=0, min_space_nm=79))  # over a wall it is 72
    assert [(v.rule, v.value) for v in violations] == [("space", pytest.approx(32))] * 2
    assert sorted(v.x_nm for v in violations) == [20, 60]


def test_overlapping_and_abutting_shapes_are_measured_joined() -> None:
    strips = [moved(box(100, 12), to=(0, y)) for y in (0, 12, 24)]
    assert found(strips) == []
    assert found([box(100, 30), moved(box(30, 100), to=(5, 5))]) == []
    ring = united([moved(box(120, 30), 90.0 * k, to) for k, to in enumerate([(0, 45), (-45, 0), (0, -45), (45, 0)])])
    assert found(ring) == []  # with a cut from its hole to the outside
    assert [v.rule for v in found(ring, MaskRules(min_hole_nm2=3601))] == ["hole"]


def test_what_lies_on_the_border_of_the_field_is_no_edge() -> None:
    cut = [np.array([[0, 0], [12, 0], [12, 400], [0, 400.0]]), np.array([[30, 390], [80, 390], [80, 400], [30, 400.0]])]
    assert {v.rule for v in found(cut, MaskRules())} == {"width", "space", "area"}
    violations = found(cut, MaskRules(), bounds_nm=(0, 0, 400, 400))
    assert [(v.rule, v.value) for v in violations] == [("space", pytest.approx(18))]


def test_assist_features_keep_their_distance_from_what_prints() -> None:
    target = moved(box(50, 180))
    shapes = [box(60, 200), moved(box(26, 200), to=(80, 0)), moved(box(26, 200), to=(135, 0))]  # 37 and 29 apart
    rules = MaskRules(assist_distance_nm=40.0)
    violations = found(shapes, rules, targets=[target])
    assert [(v.rule, v.value, v.limit) for v in violations] == [("assist distance", pytest.approx(37), 40)]
    assert found(shapes, rules) == []
    assert found(shapes, MaskRules(min_space_nm=30.0, assist_distance_nm=36.0), targets=[target])[0].rule == "space"


def planted(random: np.random.Generator) -> tuple[list[Floats], str, float]:
    """Return shapes within 75 of the origin, the rule that they break or an empty text, and what it measures."""
    kind = int(random.integers(10))
    size = float(random.uniform(2, 38))
    few = "" if size > 20 else "x"
    if kind == 0:
        return [box(random.uniform(50, 100), size)], few and "width", size
    if kind == 1:
        return (
            [moved(box(110, 40), to=(0, 20 + size / 2)), moved(box(80, 40), to=(9, -20 - size / 2))],
            few and "space",
            size,
        )
    if kind == 2:
        inner = random.uniform(15, 30)
        return [disc(inner + size), hole(disc(inner))], few and "width", size
    if kind == 3:
        return [disc(85), hole(disc(62)), moved(disc(60 - size), to=(2, 0))], few and "space", size
    if kind == 4:
        return [u_shape(size, 25.0, 60.0)], few and "notch", size
    if kind == 5:
        way = size * np.array([math.cos(0.7), math.sin(0.7)])
        one, other = moved(box(42, 42), to=(-21, -21)), moved(box(42, 42), to=tuple(21 + way))
        return [moved(p, to=tuple(-way / 2)) for p in (one, other)], few and "corner", size
    if kind == 6:
        angle = random.uniform(5, 40)
        width = size / math.cos(math.radians(angle / 2))
        return [moved(trapezoid(size, angle, 70.0), to=(-35, 0))], "width" if width < 20 else "", width
    if kind == 7:
        return [hourglass(size, 40.0)], few and "width", size
    if kind == 8:
        return [disc(30), moved(disc(22), to=(52 + size, 0))], few and "space", size
    size = min(size, 24.0)  # an eccentric ring
    return [disc(45), hole(moved(disc(20), to=(25 - size, 0)))], "width" if size < 20 else "", size


@pytest.mark.parametrize("seed, degrees", [(1, 0.0), (2, 33.3), (3, 199.0)])
def test_of_two_hundred_random_shapes_those_that_break_a_rule_are_found_and_no_others(
    seed: int, degrees: float
) -> None:
    random = np.random.default_rng(seed)
    shapes: list[Floats] = []
    expected = []
    for number in range(200):
        place = np.array(divmod(number, 15)) * 240.0 + random.uniform(-10, 10, 2)
        parts, rule, value = planted(random)
        turn = random.uniform(0, 360)
        shapes += [moved(moved(part, turn, tuple(place)), degrees) for part in parts]
        if rule:
            expected.append((rule, value, *moved(place[None], degrees)[0].tolist()))
    violations = found(shapes)
    assert Counter(v.rule for v in violations) == Counter(rule for rule, *_ in expected)
    for rule, value, x, y in expected:
        (match,) = (v for v in violations if math.dist((v.x_nm, v.y_nm), (x, y)) < 100)
        assert match.rule == rule and match.value == pytest.approx(value, abs=0.02)


def test_nothing_breaks_no_rule() -> None:
    assert check_mask([], MaskRules()) == ()
    assert found([box(300, 5)], MaskRules(min_width_nm=0, min_space_nm=0, min_area_nm2=0, min_hole_nm2=0)) == []
