"""What a check of mask rules is asked, and what it tells: figures, and inputs that are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mask_shapes import box, hole, moved

from litho.mask_rules import check_mask
from litho.rule_report import rule_figures
from litho.rule_set import MaskRules

LENGTHS = MaskRules(min_area_nm2=0, min_hole_nm2=0)


def test_the_figures_of_a_check_count_and_name_the_worst() -> None:
    rules = MaskRules()
    shapes = [box(300, 12), moved(box(300, 10), to=(0, 100)), moved(box(20.5, 20.5), to=(0, 200))]
    figures = rule_figures(check_mask(shapes, rules), rules)
    assert figures["clean"] is False and figures["violations"] == {"width": 2, "area": 1}
    assert figures["worst"] == {"width": pytest.approx(10), "area": pytest.approx(420.25)}
    assert figures["limits"]["min_space_nm"] == 20
    assert rule_figures((), rules)["clean"] is True


def test_rules_that_make_no_sense_are_refused() -> None:
    for name in ("min_width_nm", "min_notch_nm", "tolerance_nm", "max_residue_nm"):
        for value in (-1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"`{name}` must be a length of at least 0, but got"):
                MaskRules(**{name: value})
    with pytest.raises(ValueError, match="`min_area_nm2` must be an area"):
        MaskRules(min_area_nm2=-1)
    with pytest.raises(ValueError, match=r"`taper_deg` must be over 0 and at most 90 degrees, but got 120"):
        MaskRules(taper_deg=120)
    with pytest.raises(ValueError, match=r"`tolerance_nm` must be less than every length .* 8.0, but got 8.0"):
        MaskRules(min_notch_nm=8.0, tolerance_nm=8.0)
    with pytest.raises(ValueError, match=r"`assist_distance_nm` must be at least `min_space_nm` \(20.0\)"):
        MaskRules(assist_distance_nm=10.0)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(ValueError, match="`min_width_nm` must leave room in the field"):
        check_mask([box(5, 5)], LENGTHS, bounds_nm=(0, 0, 10, 10))
    with pytest.raises(ValueError, match="`min_area_nm2` must leave room in the field"):
        check_mask([box(5, 5)], MaskRules(min_width_nm=5), bounds_nm=(0, 0, 30, 30))
    with pytest.raises(ValueError, match="`bounds_nm` must be x0, y0, x1, y1"):
        check_mask([box(5, 5)], LENGTHS, bounds_nm=(0, 0, 0, 10))
    with pytest.raises(ValueError, match="`outlines` must run counter-clockwise around islands"):
        check_mask([hole(box(50, 50))], LENGTHS)
    with pytest.raises(ValueError, match="`outlines` must be curves or arrays"):
        check_mask([np.zeros((2, 2))], LENGTHS)
    with pytest.raises(ValueError, match="`deviation_nm` must be a positive length"):
        check_mask([box(50, 50)], LENGTHS, deviation_nm=0.0)
    with pytest.raises(ValueError, match="at least 3 different vertices"):
        check_mask([np.array([[0, 0], [1, 0], [1, 0], [1, 0.0]])], LENGTHS)


def test_what_has_no_area_has_no_rules_to_break() -> None:
    there_and_back = np.array([[0.0, 0.0], [50, 0], [100, 0], [50, 0]])
    assert check_mask([there_and_back], LENGTHS) == ()
