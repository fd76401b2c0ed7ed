"""Edge-based correction: what it converges to, what it keeps, and the gradient of its last steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edge_cases import CROSS, GRID, LINE, PROCESS, TILTED, box, model

from litho.check import gradient_test
from litho.edge_area import AreaSettings, area_loss, improve
from litho.edge_image import edge_images
from litho.edge_moves import moving_edges
from litho.edge_opc import StepSettings, correct_fragments
from litho.edge_placement import edge_placement
from litho.fragments import FragmentSettings, fragmented
from litho.losses import LossWeights
from litho.raster import coverage

NOMINAL = StepSettings(window_weight=0.0, tolerance_nm=1e-3, gain=0.0)


@pytest.mark.parametrize("single_nm", [90.0, 2000.0], ids=["fragments", "whole edges"])
def test_a_straight_edge_comes_to_stand_on_its_target(single_nm: float) -> None:
    chain, fragments = model(), fragmented(LINE, FragmentSettings(single_nm=single_nm), GRID)
    found = correct_fragments(fragments, chain, NOMINAL)
    assert found.ended == "tolerance" and found.lost == 0
    image = edge_images(found.moves_nm, moving_edges(fragments), chain).images[0]
    moving = ~fragments.fixed
    errors = edge_placement(image, fragments.sites, PROCESS.resist.threshold).error_nm[moving]
    assert np.abs(errors).max() < 0.01
    assert np.abs(found.moves_nm[moving]).min() > 0.5  # it had to move


def test_a_line_across_a_turned_field_gets_the_same_moves() -> None:
    chain, settings = model(), FragmentSettings(single_nm=2000)
    flat = [polygon[:, ::-1][::-1] for polygon in LINE]
    moves = [correct_fragments(fragmented(p, settings, GRID), chain, NOMINAL).moves_nm for p in (LINE, flat)]
    assert sorted(moves[0]) == pytest.approx(sorted(moves[1]), abs=1e-6)


@pytest.mark.parametrize("polygons", [CROSS, TILTED], ids=["right angles", "all angles"])
def test_errors_fall_at_any_angle(polygons: list[np.ndarray]) -> None:
    fragments = fragmented(polygons, grid=GRID)
    found = correct_fragments(fragments, model(), replace(NOMINAL, steps=8))
    assert found.rms_nm[-1] < 0.15 * found.rms_nm[0]
    assert np.all(np.diff(found.costs) <= 0)


def test_a_symmetric_target_gets_a_symmetric_mask() -> None:
    fragments = fragmented(CROSS, grid=GRID)
    found = correct_fragments(fragments, model(), StepSettings(steps=5))
    points, moves = fragments.sites.points_nm, found.moves_nm
    for image in (points * [-1, 1], points * [1, -1], points[:, ::-1]):
        gaps = np.abs(points[:, None] - image[None]).sum(axis=2)
        assert gaps.min(axis=0).max() < 1e-6
        assert moves[gaps.argmin(axis=0)] == pytest.approx(moves, abs=1e-4)


def test_limits_are_kept_and_what_stands_at_one_leaves_the_rest_free() -> None:
    fragments = fragmented(CROSS, grid=GRID)
    low, high = np.full(len(fragments), -10.0), np.full(len(fragments), 3.0)
    found = correct_fragments(fragments, model(), replace(NOMINAL, steps=6), limits_nm=(low, high))
    assert found.moves_nm.min() >= -10 and found.moves_nm.max() <= 3
    assert np.any(found.moves_nm == 3) and np.any((found.moves_nm > -10) & (found.moves_nm < 3))


def test_the_window_narrows_when_its_corners_count() -> None:
    fragments = fragmented([box(-35, -300, 35, 300)], grid=GRID)
    rms = []
    for weight in (0.0, 1.0):
        found = correct_fragments(fragments, model(), StepSettings(steps=6, window_weight=weight, jog_weight=0.0))
        image = edge_images(found.moves_nm, moving_edges(fragments), model()).images[1]
        errors = edge_placement(image, fragments.sites, PROCESS.resist.threshold / 0.96).error_nm
        rms.append(float(np.sqrt(np.mean(errors**2))))
    assert rms[1] < rms[0]


def test_a_start_that_has_no_image_is_refused_and_asking_stops() -> None:
    fragments = fragmented(CROSS, grid=GRID)
    with pytest.raises(ValueError, match="`start_nm` must be finite moves that a mask can be made with"):
        correct_fragments(fragments, model(), start_nm=np.full(len(fragments), np.nan))
    found = correct_fragments(fragments, model(), report=lambda number, cost: number == 2)
    assert found.ended == "asked" and len(found.costs) == 3


def test_divergence_keeps_the_best_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fragments = fragmented(CROSS, grid=GRID)
    monkeypatch.setattr("litho.edge_opc._stepped", lambda state, *rest: np.full(len(fragments), np.nan))
    found = correct_fragments(fragments, model(), StepSettings(steps=3))
    assert found.ended == "diverged" and np.all(found.moves_nm == 0) and np.isfinite(found.costs).all()


def test_the_gradient_of_the_whole_print_is_its_derivative(rng: np.random.Generator) -> None:
    fragments = fragmented(TILTED, grid=GRID)
    target = coverage(TILTED, GRID)
    settings = AreaSettings(pixel_nm=10.0, weights=LossWeights(1.0, 1.0, 1.0))
    loss = area_loss(fragments, model(), target, settings, 100 * rng.uniform(size=GRID.shape))
    moves, way = rng.uniform(0, 9, len(fragments)), rng.normal(size=len(fragments))
    assert gradient_test(lambda m: loss(m)[0], loss(moves)[1], moves, way, 1e-3) < 1e-6


def test_opening_a_pixel_changes_the_loss_by_its_help() -> None:
    fragments = fragmented(CROSS, grid=GRID)
    loss = area_loss(fragments, model(), coverage(CROSS, GRID), AreaSettings(pixel_nm=10.0, jog_weight=0.0))
    moves = np.full(len(fragments), 4.0)
    rows, columns = 84, 50
    x, y = (GRID.origin_nm[k] + 10.0 * n for k, n in ((0, columns), (1, rows)))
    opened = fragmented([*CROSS, box(x, y, x + 10, y + 10)], grid=GRID)
    more = area_loss(opened, model(), coverage(CROSS, GRID), AreaSettings(pixel_nm=10.0, jog_weight=0.0))
    beside = np.array([np.all(np.abs(p - [x + 5, y + 5]) < 6) for p in opened.sites.points_nm])
    assert np.count_nonzero(beside) == 4

    def value(inset: float) -> float:
        return more(np.where(beside, -inset, 4.0))[0]

    # the derivative in the area of a small square: its sides are 10 - 2 inset
    areas = [(10 - 2 * inset) ** 2 for inset in (4.5, 4.0)]
    slope = (value(4.5) - loss(moves)[0]) / areas[0], (value(4.0) - loss(moves)[0]) / areas[1]
    extrapolated = (4 * slope[0] - slope[1]) / 3
    assert -extrapolated == pytest.approx(loss.help(moves)[rows, columns], rel=0.02)


def test_last_steps_keep_limits_and_the_best() -> None:
    fragments = fragmented(CROSS, grid=GRID)
    loss = area_loss(fragments, model(), coverage(CROSS, GRID), AreaSettings(steps=6, pixel_nm=10.0))
    start = np.zeros(len(fragments))
    found = improve(loss, start, (start - 3, start + 3))
    assert np.abs(found.moves_nm).max() <= 3
    assert loss(found.moves_nm)[0] == pytest.approx(found.losses.min()) and found.losses[-1] < loss(start)[0]
    stopped = improve(loss, start, (start - 3, start + 3), lambda number, value: True)
    assert stopped.asked and len(stopped.losses) == 1


@pytest.mark.parametrize("name", ["largest_step_nm", "damping", "tolerance_nm", "reach_nm"])
def test_settings_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be a positive number, but got -1"):
        StepSettings(**{name: -1})
