"""Moves that keep the rules of width and space."""

from __future__ import annotations

import numpy as np
import pytest
from edge_cases import box

from litho.edge_moves import moved_outlines
from litho.fragments import FragmentSettings, fragmented
from litho.move_limits import MoveRules, broken_rules, kept, move_limits, snapped

RULES = MoveRules()


def test_facing_edges_share_the_room_between_them() -> None:
    pair = [box(0, 0, 60, 400), box(110, 0, 170, 400)]
    fragments = fragmented(pair)
    low, high = move_limits(fragments, RULES)
    facing = np.isin(fragments.sites.points_nm[:, 0], (60.0, 110.0))
    assert np.all(high[facing] == (50 - 20) / 2)
    sides = np.isin(fragments.sites.points_nm[:, 0], (0.0, 60.0, 110.0, 170.0))
    assert np.all(low[sides] == -20)  # (60 - 20) / 2
    assert np.all(high[~facing] == RULES.outwards_nm)
    mask = moved_outlines(fragments, high)
    assert not broken_rules(mask, RULES) and not broken_rules(moved_outlines(fragments, low), RULES)


def test_an_edge_looks_beyond_its_outward_corners() -> None:
    pair = [box(0, 0, 100, 100), box(140, 110, 240, 210)]  # side by side but for 10 nm
    fragments = fragmented(pair)
    _, high = move_limits(fragments, RULES)
    right = fragments.sites.points_nm[:, 0] == 100
    assert high[right].min() == (40 - 20) / 2 and high[right].max() == RULES.outwards_nm  # only its upper part


@pytest.mark.parametrize(
    ("polygons", "what", "place"),
    [
        ([box(0, 0, 12, 300)], "width of 20 nm, but it is 12 nm", "(0, "),
        ([box(0, 0, 80, 300), box(95, 0, 200, 300)], "space of 20 nm, but it is 15 nm at (", ""),
    ],
    ids=["width", "space"],
)
def test_a_target_that_breaks_the_rules_is_refused_with_the_place(polygons: list, what: str, place: str) -> None:
    with pytest.raises(ValueError, match="`polygons` must keep a ") as refusal:
        move_limits(fragmented(polygons), RULES)
    assert what in str(refusal.value) and place in str(refusal.value)


def test_a_target_that_breaks_the_rules_may_be_moved_where_that_breaks_none_further() -> None:
    fragments = fragmented([box(0, 0, 12, 300), box(27, 0, 200, 300)])
    low, high = move_limits(fragments, RULES, refuse=False)
    x, y = fragments.sites.points_nm.T
    facing, narrow = ((x == 12) | (x == 27)) & (y > 30) & (y < 270), x <= 12
    assert np.all(high[facing] == 0) and np.all(low[narrow & (y > 30) & (y < 270)] == 0)
    assert np.all(high[x == 0] == RULES.outwards_nm) and low[x == 200].min() == -RULES.inwards_nm


def test_corners_that_come_near_each_other_are_moved_back() -> None:
    pair = [box(0, 0, 200, 200), box(230, 230, 430, 430)]
    fragments = fragmented(pair)
    limits = move_limits(fragments, RULES)
    moves = np.full(len(fragments), 20.0)
    assert broken_rules(moved_outlines(fragments, moves), RULES)
    found = kept(moves, fragments, limits, RULES)
    assert len(found.broken_nm) == 0 and not broken_rules(moved_outlines(fragments, found.moves_nm), RULES)
    assert np.count_nonzero(found.moves_nm == 20) >= len(fragments) - 4  # only the fragments at these corners


def test_a_notch_that_is_too_narrow_is_opened() -> None:
    line = [box(0, 0, 600, 100)]
    fragments = fragmented(line, FragmentSettings(run_nm=15, corner_nm=15, shortest_nm=10))
    limits = move_limits(fragments, RULES)
    moves = np.zeros(len(fragments))
    moves[(np.abs(fragments.sites.points_nm - [307.5, 100]) < 8).all(axis=1)] = -12
    assert np.count_nonzero(moves) == 1
    found = kept(moves, fragments, limits, RULES)
    assert len(broken_rules(moved_outlines(fragments, moves), RULES)) == 1 and len(found.broken_nm) == 0


@pytest.mark.parametrize("gap", [20.0, 19.9])
def test_a_space_in_the_rule_is_told_from_one_below_it(gap: float) -> None:
    found = broken_rules([box(0, 0, 100, 100), box(100 + gap, 0, 300, 100)], RULES)
    assert len(found) == (gap < 20)
    found = broken_rules([box(0, 0, gap, 100)], RULES)
    assert len(found) == (gap < 20)


def test_moves_become_multiples_and_small_jogs_go() -> None:
    line = [box(0, 0, 600, 100)]
    fragments = fragmented(line)
    limits = move_limits(fragments, MoveRules(dbu_nm=0.5, least_jog_nm=2.0))
    moves = np.linspace(0, 0.9, len(fragments))
    moves[3] += 9.3
    found = snapped(moves, fragments, limits, MoveRules(dbu_nm=0.5, least_jog_nm=2.0))
    assert np.all(found / 0.5 == np.round(found / 0.5))
    jogs = found[fragments.jogs]
    assert np.count_nonzero(jogs[:, 0] != jogs[:, 1]) == 2
    assert np.abs(found - moves).max() <= 1.0


def test_rules_must_be_lengths() -> None:
    with pytest.raises(ValueError, match="`dbu_nm` must be a positive length, but got 0"):
        MoveRules(dbu_nm=0)


def test_edges_that_meet_in_a_corner_do_not_face_each_other() -> None:
    wedge = [np.array([(0, 0), (600, 0), (0, 300.0)])]  # corners of 27 and 63 degrees
    low, high = move_limits(fragmented(wedge), RULES)
    assert np.all(low <= -5) and np.all(high == RULES.outwards_nm)


@pytest.mark.parametrize("gap", [(13.0, 13.0), (19.0, 1.0), (15.0, 15.0), (20.0, 1.0)])
def test_corners_across_a_diagonal_keep_the_space_between_them(gap: tuple[float, float]) -> None:
    pair = [box(0, 0, 200, 200), box(200 + gap[0], 200 + gap[1], 430, 430)]
    assert len(broken_rules(pair, RULES)) == (np.hypot(*gap) < 20)
    frame = [box(0, 0, 600, 600), *(polygon[::-1] + 80 for polygon in pair)]  # the same of two holes: a width
    assert [sign for sign, _ in broken_rules(frame, RULES)] == ([1] if np.hypot(*gap) < 20 else [])
