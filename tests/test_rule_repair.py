"""Repair of masks: what breaks a rule is mended, the rest stays as it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage

from litho.cells import Floats
from litho.contour import contours, simplify
from litho.grid import Grid
from litho.mask_rules import check_mask
from litho.outlines import area_nm2, areas_nm2
from litho.polygons import merge
from litho.rule_repair import CORNERS, closed, opened, repair_mask
from litho.rule_set import MaskRules

RULES = MaskRules(max_residue_nm=1.0)
LENGTHS = MaskRules()
DISC_NM2 = CORNERS / 2 * 10**2 * math.sin(2 * math.pi / CORNERS)
"""Area of the polygon that stands for a disc of radius 10 nm."""

DISC = 40 * np.stack([f(np.linspace(0, 2 * np.pi, 200, endpoint=False)) for f in (np.cos, np.sin)], axis=1)

GRID = Grid((400, 400), (2.0, 2.0))


def box(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)


def blobs(seed: int) -> list[Floats]:
    """Outlines of smooth random shapes, with narrow places of every kind."""
    noise = np.random.default_rng(seed).standard_normal(GRID.shape)
    field = scipy.ndimage.gaussian_filter(noise, 7.0, mode="wrap")
    field = field / field.std() - 0.3
    field[:8] = field[-8:] = field[:, :8] = field[:, -8:] = -1.0
    return [simplify(outline, 0.05) for outline in contours(field, GRID)]


def test_an_opening_rounds_a_corner_by_its_disc() -> None:
    (found,) = opened([box(0, 0, 100, 60)], 20.0)
    assert area_nm2([found]) == pytest.approx(6000 - 400 + DISC_NM2, abs=0.05)


def test_an_opening_takes_what_is_narrower_than_its_disc_and_leaves_the_rest() -> None:
    assert opened([box(0, 0, 100, 19.9)], 20.0) == []
    found = opened([box(0, 0, 100, 20.1), box(200, 0, 300, 19.9)], 20.0)
    assert len(found) == 1 and found[0][:, 0].max() < 101


def test_a_closing_is_the_opening_of_the_surroundings() -> None:
    hole = box(20, 20, 120, 80)[::-1]
    region = [box(-100, -100, 240, 200), hole]
    (hole_closed,) = [loop for loop in closed(region, 20.0) if areas_nm2([loop])[0] < 0]
    (hole_opened,) = opened([hole[::-1]], 20.0)
    assert -area_nm2([hole_closed]) == pytest.approx(area_nm2([hole_opened]), abs=0.05)


def test_the_hole_of_a_ring_is_no_cut_in_it() -> None:
    ring = [box(0, 0, 200, 200), box(60, 60, 140, 140)[::-1]]
    found = opened(ring, 20.0)
    assert area_nm2(found) == pytest.approx(200**2 - 80**2 - 400 + DISC_NM2, abs=0.05)  # concave corners stay


def test_a_mask_that_complies_stays_as_it_is() -> None:
    repair = repair_mask([DISC, DISC + np.array([150.0, 0.0])], RULES)
    assert repair.rounds == 0 and repair.violations == ()
    np.testing.assert_array_equal(repair.outlines[0], DISC)


@pytest.mark.parametrize(("neck", "islands"), [(14.0, 1), (6.0, 2)])
def test_a_neck_is_widened_if_it_is_over_half_the_rule_and_cut_else(neck: float, islands: int) -> None:
    pads = merge([box(0, 0, 100, 100), box(200, 0, 300, 100), box(90, 50 - neck / 2, 210, 50 + neck / 2)])
    repair = repair_mask(pads, LENGTHS)
    assert repair.violations == () and len(repair.outlines) == islands
    assert check_mask(repair.outlines, LENGTHS) == ()


@pytest.mark.parametrize(("gap", "islands"), [(14.0, 2), (6.0, 1)])
def test_a_space_is_widened_if_it_is_over_half_the_rule_and_bridged_else(gap: float, islands: int) -> None:
    repair = repair_mask([box(0, 0, 100, 100), box(100 + gap, 0, 200 + gap, 100)], LENGTHS)
    assert repair.violations == () and len(repair.outlines) == islands


def test_islands_and_holes_that_are_too_small_go() -> None:
    mask = [box(0, 0, 200, 200), box(80, 80, 110, 110)[::-1], box(300, 0, 340, 40)]
    repair = repair_mask(mask, LENGTHS)
    assert repair.violations == () and len(repair.outlines) == 1
    assert area_nm2(repair.outlines) == pytest.approx(200**2, abs=100)  # its corners became round


@pytest.mark.parametrize("seed", range(4))
def test_masks_of_random_shapes_comply_after_repair(seed: int) -> None:
    mask = blobs(seed)
    assert len(check_mask(mask, RULES, bounds_nm=GRID.bounds_nm)) > 10
    repair = repair_mask(mask, RULES, bounds_nm=GRID.bounds_nm, targets=[box(380, 380, 420, 420)])
    assert repair.violations == () and 1 <= repair.rounds <= 6
    assert check_mask(repair.outlines, RULES, bounds_nm=GRID.bounds_nm) == ()


def test_islands_that_break_no_rule_keep_every_vertex() -> None:
    bell = merge([box(0, 0, 100, 100), box(200, 0, 300, 100), box(90, 43, 210, 57)])
    others = [DISC + np.array([400.0, 50.0]), DISC + np.array([150.0, 250.0])]
    repair = repair_mask([*bell, *others], LENGTHS)
    assert repair.rounds > 0 and repair.violations == ()
    kept = [outline.tobytes() for outline in repair.outlines]
    assert all(outline.tobytes() in kept for outline in others) and len(kept) == 3


def test_what_is_left_after_the_last_round_is_told() -> None:
    repairs = [repair_mask(blobs(seed), LENGTHS, bounds_nm=GRID.bounds_nm, most_rounds=1) for seed in range(4)]
    assert any(repair.violations for repair in repairs)
    for repair in repairs:
        found = check_mask(repair.outlines, LENGTHS, bounds_nm=GRID.bounds_nm)
        assert [v.rule for v in repair.violations] == [v.rule for v in found]


def test_rounds_have_to_be_at_least_one() -> None:
    with pytest.raises(ValueError, match="`most_rounds` must be at least 1"):
        repair_mask([box(0, 0, 100, 100)], RULES, most_rounds=0)
