"""Mask rules on masks that come as they are: those that apply, on the outlines that came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mask_shapes import box, disc, ellipse, hole, moved
from test_job import TINY, drawn

from litho.config import read_recipe
from litho.contour import join_holes
from litho.given_masks import GivenMask, given_masks
from litho.grid import Grid
from litho.job import Clip, JobError, prepare
from litho.rule_check import check_targets, checked, rules_that_apply, straight
from litho.rule_set import MaskRules

GRID = Grid.square(1000.0, 4.0, (-500.0, -500.0))
CLIP = Clip("clip", (box(200, 100),), GRID)
BY_DISC = MaskRules(max_residue_nm=1.0)


def given(*polygons: np.ndarray) -> GivenMask:
    """Return a mask of polygons."""
    return GivenMask(polygons, GRID, polygons)


@pytest.mark.parametrize("degrees", [0.0, 31.0, 45.0])
def test_polygons_with_corners_are_straight_and_round_ones_are_not(degrees: float) -> None:
    frame = join_holes([box(300, 300), hole(box(100, 100))])
    assert straight([moved(box(200, 90), degrees)]) and straight([moved(p, degrees) for p in frame])
    rounded = np.rint(moved(disc(40.0), degrees) / 0.1) * 0.1  # as a file has it
    assert not straight([moved(ellipse(200, 30), degrees)]) and not straight([rounded]) and not straight([])


def test_a_vertex_on_an_edge_or_twice_is_no_bend() -> None:
    square = box(200, 200)
    assert straight([np.repeat(square, 2, axis=0)])
    assert straight([np.insert(square, 1, square[:2].mean(axis=0), axis=0)])


def test_the_rule_by_a_disc_is_for_curved_masks_only() -> None:
    assert rules_that_apply(BY_DISC, [box(200, 100)]) == MaskRules()
    assert rules_that_apply(BY_DISC, [disc(60.0)]) == BY_DISC
    violations, figures = checked(given(box(200, 100)), CLIP, BY_DISC)
    assert violations == () and figures["clean"] is True and figures["limits"]["max_residue_nm"] is None
    violations, figures = checked(given(disc(100.0), moved(ellipse(60, 12), to=(0, 300))), CLIP, BY_DISC)
    assert violations and {v.rule for v in violations} == {"width", "opening"} and figures["clean"] is False


def test_a_sharp_corner_of_a_curved_mask_is_found_out() -> None:
    round_part = disc(80.0)
    drop = np.vstack([round_part[np.hypot(*(round_part - (80, 0)).T) > 60], [[90.0, 0.0]]])
    drop = drop[np.argsort(np.arctan2(drop[:, 1], drop[:, 0]))]
    assert not straight([drop])
    violations, _ = checked(given(drop, moved(disc(100.0), to=(0, 300))), CLIP, BY_DISC)
    assert violations is not None and "opening" in {v.rule for v in violations}
    assert min(np.hypot(v.x_nm - 90, v.y_nm) for v in violations if v.rule == "opening") < 5


def test_a_planted_violation_is_found_in_a_straight_mask() -> None:
    near = moved(box(200, 100), to=(0, 113))
    violations, figures = checked(given(box(200, 100), near), CLIP, BY_DISC)
    assert violations is not None and [(v.rule, v.value) for v in violations] == [("space", pytest.approx(13))]
    assert figures["violations"] == {"space": 1} and figures["worst"]["space"] == pytest.approx(13)


def test_pixels_have_no_outlines_to_check() -> None:
    violations, figures = checked(GivenMask(np.zeros((250, 250), np.float32), GRID), CLIP, BY_DISC)
    assert violations is None and figures["clean"] is None and not figures["violations"]


def test_rules_hold_for_a_mask_as_it_was_handed_over_not_as_light_meets_it(tmp_path: Path) -> None:
    layout = drawn(tmp_path / "a.gds", (0, 0, 100, 400), (116, 0, 216, 400))
    job = prepare([layout], read_recipe(f"{TINY}[mask]\nbias_nm = -5.0\n"))
    (mask,) = given_masks([layout], job, "1/0")
    assert isinstance(mask.drawn, tuple) and mask.handed_over is not None
    assert sum(float(np.ptp(p[:, 0])) for p in mask.drawn) < sum(float(np.ptp(p[:, 0])) for p in mask.handed_over)
    violations, _ = checked(mask, job.clips[0], job.recipe.rules)
    assert violations is not None and [(v.rule, v.value) for v in violations] == [("space", pytest.approx(16))]


def test_a_target_that_breaks_the_rules_by_itself_is_refused_with_the_place(tmp_path: Path) -> None:
    layout = drawn(tmp_path / "thin.gds", (0, 0, 400, 12), (0, 100, 400, 160))
    job = prepare([layout], read_recipe(TINY))
    with pytest.raises(JobError, match=r"thin breaks them at one place, .* nm: width 12 where 20 is asked for"):
        check_targets(job.clips, job.recipe.rules)
    check_targets(job.clips, MaskRules(min_width_nm=12.0))
