"""What openings and closings by discs would move: closed forms, and the same operations done with pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.spatial
from mask_shapes import box, disc, ellipse, hole, hourglass, moved, u_shape

from litho.cells import Floats
from litho.contour import contours, simplify
from litho.disc_residue import residue
from litho.grid import Grid
from litho.mask_rules import check_mask
from litho.outline_pieces import pieces_of
from litho.rule_set import MaskRules, RuleViolation

BY_DISC = MaskRules(min_area_nm2=0, min_hole_nm2=0, max_residue_nm=1.0)
DEVIATION = 1e-3
PIXEL, COUNT = 0.25, 1000
SLACK = 2 * PIXEL


def found(shapes: list[Floats], rules: MaskRules = BY_DISC) -> list[RuleViolation]:
    return list(check_mask(shapes, rules, deviation_nm=DEVIATION))


@pytest.mark.parametrize("degrees", [0.0, 31.0, 222.2])
def test_a_disc_leaves_a_corner_by_as_much_as_it_is_away_from_it(degrees: float) -> None:
    violations = found([moved(box(100, 100), degrees)])
    assert [v.rule for v in violations] == ["opening"] * 4
    expected = 10 * (math.sqrt(2) - 1)
    assert all(v.value == pytest.approx(expected, abs=2 * DEVIATION) for v in violations)
    filled = [v for v in found([moved(u_shape(60.0), degrees)]) if v.rule == "closing"]
    assert len(filled) == 2 and all(v.value == pytest.approx(expected, abs=2 * DEVIATION) for v in filled)


@pytest.mark.parametrize("width", [10.0, 19.9, 20.1])
def test_a_line_thinner_than_the_disc_goes_as_a_whole(width: float) -> None:
    mask = [disc(30), moved(disc(30), to=(200, 0)), moved(box(60, width), to=(100, 150))]
    violations = [v for v in found(mask) if v.rule != "width"]
    assert [v.rule for v in violations if v.value > 5] == ["opening"] * (width < 20)
    assert all(v.value == 20 for v in violations if v.value > 5)


@pytest.mark.parametrize("neck", [17.0, 19.0, 19.6])
def test_the_waist_of_a_neck_is_left_by_the_discs_on_both_sides_of_it(neck: float) -> None:
    radius = 60.0
    apart = math.sqrt((radius + 10) ** 2 - (radius + neck / 2) ** 2)  # of the centres of the last discs that fit
    expected = math.hypot(apart, neck / 2) - 10
    pieces = pieces_of([hourglass(neck, radius, 1e-3)], 5.0)
    moves = residue(pieces, 20.0, DEVIATION, outside=False)
    waist = np.hypot(moves.points[:, 0], np.abs(moves.points[:, 1]) - neck / 2) < 0.2
    assert moves.depth[waist] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("a, b", [(60.0, 18.0), (40.0, 19.0), (60.0, 30.0)])
def test_the_end_of_an_ellipse_is_left_where_it_bends_more_than_the_disc(a: float, b: float) -> None:
    centre = math.sqrt((a**2 - b**2) * (1 - 100 / b**2)) if b**2 / a < 10 else a - 10
    moves = residue(pieces_of([ellipse(a, b, 1e-4)], 5.0), 20.0, DEVIATION, outside=False)
    expected = a - centre - 10
    assert moves.depth.max(initial=0.0) == pytest.approx(expected, abs=5 * DEVIATION)


def test_what_is_smooth_enough_is_not_moved() -> None:
    assert found([disc(10.5), moved(disc(200), to=(300, 0)), hole(moved(disc(40), to=(300, 0)))]) == []


def blobs(seed: int) -> tuple[Floats, list[Floats]]:
    """Return a random smooth field, positive in the mask, dark at its border, and the outlines of the mask."""
    random = np.random.default_rng(seed)
    field = scipy.ndimage.gaussian_filter(random.normal(size=(COUNT, COUNT)), 14 / PIXEL, mode="wrap")
    y, x = np.ogrid[-1 : 1 : COUNT * 1j, -1 : 1 : COUNT * 1j]
    level = field / field.std() - 40 * np.clip(np.maximum(abs(x), abs(y)) - 0.8, 0, None)
    grid = Grid.over((COUNT * PIXEL, COUNT * PIXEL), PIXEL)
    return level, [simplify(outline, 0.01) for outline in contours(level, grid)]


def opened_by_pixels(inside: np.ndarray, radius: float) -> Floats:
    """Return how far each pixel of a region is from the discs that fit into it, nm."""
    to_border = scipy.ndimage.distance_transform_edt(inside) * PIXEL - PIXEL / 2
    centres = to_border >= radius
    if not centres.any():
        return np.where(inside, 2 * radius, 0.0)
    distance = scipy.ndimage.distance_transform_edt(~centres) * PIXEL
    return np.where(inside, np.clip(distance - radius, 0.0, 2 * radius), 0.0)


@pytest.mark.parametrize("seed", range(2))
def test_pixels_agree_where_discs_leave_a_random_mask(seed: int) -> None:
    level, outlines = blobs(seed)
    pieces = pieces_of(outlines, 5.0)
    inner = np.zeros(level.shape, np.bool_)
    inner[80:-80, 80:-80] = True
    for outside in (False, True):
        moves = residue(pieces, 20.0, 0.02, outside=outside)
        tree = scipy.spatial.cKDTree(moves.points)
        # larger discs leave more: those of pixels are known to about one
        least, most = (opened_by_pixels((level > 0) != outside, 10.0 + sign * 1.5 * PIXEL) for sign in (-1, 1))
        nearby = scipy.ndimage.maximum_filter(most, size=9)
        x, y = np.clip((moves.points / PIXEL).astype(int).T, 0, COUNT - 1)
        within = inner[y, x]
        assert within.sum() > 20
        assert np.all(nearby[y, x][within] >= moves.depth[within] - SLACK)
        deep = np.argwhere((least > 1) & inner)
        for place in (deep[:: max(1, len(deep) // 300), ::-1] + 0.5) * PIXEL:
            near = tree.query_ball_point(place, 20.0)
            assert moves.depth[near].max(initial=0.0) >= least[tuple((place[::-1] / PIXEL).astype(int))] - SLACK


@pytest.mark.parametrize("seed", range(2))
def test_pixels_leave_every_width_and_space_that_is_too_small(seed: int) -> None:
    level, outlines = blobs(seed)
    violations = check_mask(outlines, MaskRules(min_area_nm2=0, min_hole_nm2=0, tolerance_nm=1.0))
    assert len(violations) > 3
    depths = [opened_by_pixels((level > 0) != outside, 10.0) for outside in (False, True)]
    for violation in violations:
        x, y = round(violation.x_nm / PIXEL), round(violation.y_nm / PIXEL)
        around = depths[violation.rule != "width"][max(0, y - 60) : y + 60, max(0, x - 60) : x + 60]
        assert around.max() > 1 - SLACK
    # what is left at a corner that is no taper is at most as deep as at one of 60 degrees, which is 10 nm
    widths = scipy.spatial.cKDTree([(v.x_nm, v.y_nm) for v in violations if v.rule == "width"])
    parts, count = scipy.ndimage.label(depths[0] > 10 + SLACK)
    assert count > 0
    for part in range(1, count + 1):
        places = (np.argwhere(parts == part)[:, ::-1] + 0.5) * PIXEL
        assert widths.query(places)[0].min() < 20
