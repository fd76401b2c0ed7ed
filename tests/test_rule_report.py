"""What is told of broken mask rules."""

from __future__ import annotations

import json

import pytest
from mask_shapes import box, moved

from litho.mask_rules import check_mask
from litho.rule_report import BrokenRule, broken_rules, rule_figures, rule_limits
from litho.rule_set import MaskRules


def test_rules_that_are_not_checked_have_no_limit() -> None:
    assert rule_limits(MaskRules(0, 0, 0, 0)) == {}
    limits = rule_limits(MaskRules(min_width_nm=30, min_space_nm=0, min_notch_nm=15, max_residue_nm=0.5))
    assert limits == {"width": 30, "notch": 15, "opening": 0.5, "area": 1700, "hole": 1700}


def test_broken_rules_are_read_back_from_the_figures_of_a_file() -> None:
    rules = MaskRules(min_notch_nm=40)
    found = check_mask([box(300, 12), moved(box(30, 30), to=(500, 500)), moved(box(20, 20), to=(0, 500))], rules)
    figures = json.loads(json.dumps(rule_figures(found, rules)))
    assert broken_rules(figures) == [
        BrokenRule("width", 1, pytest.approx(12), 20.0),
        BrokenRule("area", 2, pytest.approx(400), 1700.0),
    ]
    assert broken_rules(rule_figures((), rules)) == [] and broken_rules({}) == []
