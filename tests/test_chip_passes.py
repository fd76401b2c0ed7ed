"""A chip from tasks to one mask: in any order the same bits, equal tiles once, no seam to be seen."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chip_shapes import QUICK, Shapes

from litho.cells import Floats
from litho.chip.ambit import ambit_nm
from litho.chip.chip_settings import ChipSettings
from litho.chip.executors import Task
from litho.chip.passes import ChipCorrection, run_task
from litho.chip.seam_steps import largest_step_nm, sides_of
from litho.chip.store import TileStore
from litho.chip.tile_setup import TileSetup, field_kernels, halo_of, read_setup, tile_setup, write_setup
from litho.chip.tiles import TilePlan, tile_plan
from litho.chip.whole_verify import STORE
from litho.config import Recipe, read_recipe
from litho.mask_rules import check_mask
from litho.outlines import area_nm2, outlines
from litho.polygons import merge

RECIPE = (
    QUICK
    + """
[ilt]
smoothing_nm = 16.0
weights = { fidelity = 1.0, pv_band = 0.0, epe = 0.5 }
stages = [{ pixel_nm = 8.0, steps = 10, mask_steepness = 8.0, resist_steepness = 40.0, kernels = 12 }]

[level_set]
weights = { fidelity = 1.0, pv_band = 0.0 }
stages = [{ pixel_nm = 8.0, steps = 6, resist_steepness = 30.0, kernels = 12 }]
"""
)
SETTINGS = ChipSettings(
    field_nm=1024.0, halo_nm=256.0, overlap_nm=64.0, margin_nm=96.0, border_passes=1, border_steps=3, context_nm=160.0
)
SHAPES = (
    [np.array([(x, 110.0), (x + 72, 110.0), (x + 72, 650.0), (x, 650.0)]) for x in (120.0, 300.0, 480.0, 660.0)]
    + [np.array([(120.0, y), (890.0, y), (890.0, y + 72), (120.0, y + 72)]) for y in (730.0, 860.0)]
)  # fmt: skip


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(RECIPE)


@pytest.fixture(scope="module")
def setup(recipe: Recipe) -> TileSetup:
    return tile_setup(recipe, SETTINGS, field_kernels(recipe, (1024.0, 1024.0)))


def plan_of(polygons: Sequence[Floats]) -> TilePlan:
    points = np.concatenate(polygons)
    box = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
    return tile_plan(box, (512.0, 512.0), 256.0, overlap_nm=64.0, margin_nm=96.0, unit_nm=8.0)


Order = Callable[[list[Task]], None]
Work = Callable[[Task, Path], None]


def run(
    chip: ChipCorrection, folder: Path, order: Order = list.reverse, fails: str = "", does: Work = run_task
) -> TileStore:
    """Do all tasks of all passes in an order; tasks of a name fail."""
    write_setup(folder, chip.setup)
    read_setup.cache_clear()
    for doing in chip.passes:
        tasks = list(chip.tasks(doing))
        order(tasks)
        for task in tasks:
            if task.name == fails:
                chip.set_aside(task.key)
            else:
                does(task, folder)
    return TileStore(folder / STORE)


@pytest.fixture(scope="module")
def finished(setup: TileSetup, tmp_path_factory: pytest.TempPathFactory) -> tuple[ChipCorrection, TileStore]:
    chip = ChipCorrection(plan_of(SHAPES), Shapes(SHAPES), setup)
    return chip, run(chip, tmp_path_factory.mktemp("chip"))


def whole_mask(chip: ChipCorrection, store: TileStore) -> list[Floats]:
    return [p + tile.core_nm[:2] for tile in chip.tiles.tiles() for p in chip.polygons_nm(store, tile)]


def test_every_order_of_tasks_gives_the_same_bits(
    finished: tuple[ChipCorrection, TileStore], setup: TileSetup, tmp_path: Path
) -> None:
    _, first = finished
    chip = ChipCorrection(plan_of(SHAPES), Shapes(SHAPES[::-1]), setup)
    second = run(chip, tmp_path, random.Random(3).shuffle)
    keys = list(first.keys())
    assert keys == list(second.keys()) and len(keys) == sum(len(chip.keys(doing)) for doing in chip.passes)
    assert all(first.path(key).read_bytes() == second.path(key).read_bytes() for key in keys)


def test_outlines_run_on_over_seams_and_areas_add_up(finished: tuple[ChipCorrection, TileStore]) -> None:
    chip, store = finished
    plan = chip.tiles
    sides = {(t.column, t.row): sides_of(chip.polygons_nm(store, t), plan.core_nm) for t in plan.tiles()}
    assert plan.counts == (2, 2) and sum(len(s.right) + len(s.upper) for s in sides.values()) >= 8
    assert largest_step_nm(sides, plan.counts) == 0
    pieces = [np.rint(p * 10) for p in whole_mask(chip, store)]
    assert area_nm2(merge(merge(pieces))) == pytest.approx(area_nm2(pieces), abs=1e-2)


def test_rules_are_kept_within_tiles_and_across_seams(finished: tuple[ChipCorrection, TileStore]) -> None:
    chip, store = finished
    mask = outlines(merge(merge([np.rint(p * 10) for p in whole_mask(chip, store)])))
    assert check_mask([loop / 10 for loop in mask], chip.setup.recipe.rules, targets=SHAPES) == ()


def test_the_mask_stays_within_its_margin_of_the_target(finished: tuple[ChipCorrection, TileStore]) -> None:
    chip, store = finished
    points, box = np.concatenate(whole_mask(chip, store)), chip.tiles.layout_box_nm
    assert np.all(points >= np.array(box[:2]) - 96 - 8) and np.all(points <= np.array(box[2:]) + 96 + 8)


def test_keys_do_not_depend_on_where_the_layout_lies_but_on_what_is_done(setup: TileSetup) -> None:
    here = ChipCorrection(plan_of(SHAPES), Shapes(SHAPES), setup)
    there = [p + (8000.0, -16000.0) for p in SHAPES]  # noqa: RUF005
    moved = ChipCorrection(plan_of(there), Shapes(there), setup)
    other = ChipCorrection(plan_of(SHAPES), Shapes(SHAPES), replace(setup, settings=replace(SETTINGS, border_steps=4)))
    for doing in here.passes:
        assert here.keys(doing) == moved.keys(doing)
        assert not set(here.keys(doing).values()) & set(other.keys(doing).values())


def test_equal_tiles_are_computed_once_and_empty_ones_never(setup: TileSetup) -> None:
    cross = [np.array([(200.0, 200.0), (300.0, 200.0), (300.0, 330.0), (200.0, 330.0)])]
    shapes = [p + (512.0 * n, 0.0) for p in cross for n in (*range(6), 9)]  # noqa: RUF005
    plan = TilePlan((0, 0, 5120, 512), (512.0, 512.0), 256.0, 64.0, (0.0, 0.0), (10, 1))
    chip = ChipCorrection(plan, Shapes(shapes), setup)
    correct = chip.keys("correct")
    assert len({correct[column, 0] for column in (1, 2, 3, 4)}) == 1
    assert correct[0, 0] != correct[1, 0]  # no mask lies beyond the plan
    assert (7, 0) not in correct and (8, 0) not in correct
    assert len(list(chip.tasks("correct"))) == len(set(correct.values())) < len(correct) < 10
    # after a border pass a tile depends on its neighbours' neighbours
    assert len({chip.keys("border 1")[column, 0] for column in (1, 2, 3)}) == 2


def test_a_tile_that_is_set_aside_is_drawn_as_its_target_and_all_others_are_finished(
    setup: TileSetup, tmp_path: Path
) -> None:
    chip = ChipCorrection(plan_of(SHAPES), Shapes(SHAPES), setup)
    store = run(chip, tmp_path, fails="c001_r000 correct")
    assert chip.lost_places() == {(1, 0)}
    lost, kept = chip.tiles.tile(1, 0), chip.tiles.tile(0, 0)
    drawn = merge(SHAPES, lost.core_nm)
    assert chip.final_key(lost) is None and chip.final_key(kept) is not None
    assert area_nm2(chip.polygons_nm(store, lost)) == pytest.approx(area_nm2(drawn), rel=1e-9)
    assert all((tile.column, tile.row) == (1, 0) or chip.final_key(tile) for tile in chip.tiles.tiles())


def test_a_tile_that_fails_later_keeps_what_it_had(setup: TileSetup, tmp_path: Path) -> None:
    chip = ChipCorrection(plan_of(SHAPES), Shapes(SHAPES), setup)
    run(chip, tmp_path, fails="c001_r000 border 1")
    mend = next(t for n in range(4) for t in chip.tasks(f"mend {n + 1}") if t.name.startswith("c000_r000"))
    assert mend.payload["inputs"]["level 1 0"] == chip.keys("correct")[1, 0]


def test_the_level_set_method_goes_through_the_same_passes(recipe: Recipe, setup: TileSetup, tmp_path: Path) -> None:
    shapes = [p for p in SHAPES if p[:, 0].max() < 600]
    other = replace(setup, recipe=recipe.model_copy(update={"method": "level-set"}))
    chip = ChipCorrection(plan_of(shapes), Shapes(shapes), other)
    mask = whole_mask(chip, run(chip, tmp_path))
    assert area_nm2(mask) > 0.5 * area_nm2(shapes)


def test_what_workers_read_is_what_was_written(setup: TileSetup, tmp_path: Path) -> None:
    write_setup(tmp_path, setup)
    read_setup.cache_clear()
    back = read_setup(tmp_path)
    assert back.recipe == setup.recipe and back.settings == setup.settings
    assert all(np.array_equal(a.spectra, b.spectra) for a, b in zip(back.kernels, setup.kernels, strict=True))


def test_the_halo_is_as_wide_as_light_reaches_on_whole_pixels(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = field_kernels(recipe, (2048.0, 2048.0))
    monkeypatch.setattr("litho.chip.tile_setup.field_kernels", lambda *_: kernels)
    found = halo_of(recipe, replace(SETTINGS, halo_nm=None, energy_share=0.02))
    ambit = ambit_nm(kernels, 0.02)
    assert found % 8 == 0 and ambit + 16 <= found < ambit + 24  # as far as levels are smooth, and on whole pixels
    assert halo_of(recipe, replace(SETTINGS, halo_nm=250.0)) == 256


def test_plans_that_do_not_fit_are_refused(setup: TileSetup) -> None:
    plan = plan_of(SHAPES)
    with pytest.raises(ValueError, match="`setup` must have kernels of the field"):
        ChipCorrection(replace(plan, halo_nm=264.0), Shapes(SHAPES), setup)
    far = replace(setup, settings=replace(SETTINGS, context_nm=500.0))
    with pytest.raises(ValueError, match="`tiles` must have cores so large that halo"):
        ChipCorrection(plan, Shapes(SHAPES), far)
    with pytest.raises(ValueError, match="`overlap_nm` must be a positive length"):
        ChipSettings(overlap_nm=0.0)
