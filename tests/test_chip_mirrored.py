"""Mirror images among tiles: computed once where light allows it, and each gets its own orientation of the result."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chip_shapes import QUICK, Shapes
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.chip_settings import ChipSettings
from litho.chip.executors import Task
from litho.chip.orientation import Orientation, TurnedResult, alike_all_ways, evened, oriented, read_name
from litho.chip.passes import ChipCorrection, run_task
from litho.chip.processes import local_processes
from litho.chip.store import TileStore
from litho.chip.symmetry import ALL, IDENTITY, Symmetry
from litho.chip.task_groups import group as grouped
from litho.chip.tile_kinds import distinct_tiles
from litho.chip.tile_setup import TileSetup, field_kernels, read_setup, tile_setup, write_setup
from litho.chip.tile_symmetries import allowed_symmetries, planned_symmetries, with_symmetries
from litho.chip.tiles import TilePlan
from litho.chip.whole_verify import STORE
from litho.config import Recipe, read_recipe
from litho.outlines import area_nm2
from litho.polygons import subtract

RECIPE = (
    QUICK
    + """
[ilt]
smoothing_nm = 16.0
weights = { fidelity = 1.0, pv_band = 0.0, epe = 0.5 }
stages = [{ pixel_nm = 8.0, steps = 8, mask_steepness = 8.0, resist_steepness = 40.0, kernels = 12 }]
"""
)
SETTINGS = ChipSettings(
    field_nm=1024.0, halo_nm=256.0, overlap_nm=64.0, margin_nm=96.0, border_passes=1, border_steps=3, context_nm=160.0
)
FLIP_X, FLIP_Y, HALF_TURN = Symmetry(flip_x=True), Symmetry(flip_y=True), Symmetry(flip_x=True, flip_y=True)
QUARTER = Symmetry(swap=True, flip_x=True)
MIRRORS, TURNS = (IDENTITY, FLIP_Y, FLIP_X, HALF_TURN), (IDENTITY, QUARTER, HALF_TURN, QUARTER.inverse)
SIZE = (1024.0, 1024.0)
PLAN = TilePlan((100.0, 100.0, 924.0, 924.0), (512.0, 512.0), 256.0, 64.0, (0.0, 0.0), (2, 2))
MOTIF = [
    np.array([(120.0, 120.0), (400.0, 120.0), (400.0, 192.0), (192.0, 192.0), (192.0, 300.0), (120.0, 300.0)]),
    np.array([(264.0, 264.0), (336.0, 264.0), (336.0, 440.0), (264.0, 440.0)]),
]
ODD = [*MOTIF, np.array([(560.0, 130.0), (860.0, 130.0), (860.0, 202.0), (560.0, 202.0)]),
       np.array([(120.0, 640.0), (192.0, 640.0), (192.0, 900.0), (120.0, 900.0)]),
       np.array([(600.0, 600.0), (880.0, 600.0), (880.0, 672.0), (600.0, 672.0)])]  # fmt: skip
"""Shapes of a layout without symmetry."""

Levels = dict[tuple[int, int], NDArray[np.float32]]
LEVEL_PASSES = ("correct", "border 1")


@pytest.fixture(scope="module")
def setup() -> TileSetup:
    recipe = read_recipe(RECIPE)
    return with_symmetries(tile_setup(recipe, SETTINGS, field_kernels(recipe, (1024.0, 1024.0))))


def turned(shapes: Sequence[Floats], symmetry: Symmetry) -> list[Floats]:
    return [symmetry.of_polygon(p, SIZE) for p in shapes]


def in_all(group: Sequence[Symmetry]) -> list[Floats]:
    """The motif in the lower left tile, and what a group makes of it in the others."""
    return [p for symmetry in group for p in turned(MOTIF, symmetry)]


def chip_of(shapes: Sequence[Floats], setup: TileSetup) -> ChipCorrection:
    return ChipCorrection(PLAN, Shapes(shapes), setup)


def run(
    chip: ChipCorrection,
    folder: Path,
    passes: Sequence[str] = LEVEL_PASSES,
    order: Callable[[list[Task]], Any] = list.reverse,
    fails: str = "",
) -> TileStore:
    """Do all tasks of some passes in an order; tasks of a name fail."""
    write_setup(folder, chip.setup)
    read_setup.cache_clear()
    for doing in passes:
        tasks = list(chip.tasks(doing))
        order(tasks)
        for task in tasks:
            if task.name == fails:
                chip.set_aside(task.key)
            else:
                run_task(task, folder)
    return TileStore(folder / STORE)


def levels_of(chip: ChipCorrection, store: TileStore, doing: str) -> Levels:
    """The level of each tile that is there, as it lies."""
    return {place: chip.level(store, doing, place) for place, key in chip.keys(doing).items() if store.is_whole(key)}


def moved(levels: Levels, symmetry: Symmetry) -> Levels:
    """Levels of two by two tiles as they lie after a map of the whole."""
    to = {place: symmetry.of_offset((2 * place[0] - 1, 2 * place[1] - 1)) for place in levels}
    return {((to[p][0] + 1) // 2, (to[p][1] + 1) // 2): symmetry.of_array(level) for p, level in levels.items()}


def same(first: Levels, second: Levels) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[p], second[p]) for p in first)


def count(chip: ChipCorrection, doing: str) -> int:
    return len(set(chip.keys(doing).values()))


# what light allows


ALLOWED = {
    "a ring": ("", set(ALL)),
    "coma": ("zernikes_waves = { 7 = 0.05 }", {IDENTITY, FLIP_Y}),
    "two poles": ('source = { shape = "dipole", center = 0.7, radius = 0.2 }', set(MIRRORS)),
}


def with_optics(text: str) -> Recipe:
    return read_recipe(RECIPE.replace("max_error = 0.1", f"max_error = 0.1, {text}" if text else "max_error = 0.1"))


@pytest.mark.parametrize("name", ALLOWED)
def test_recipes_allow_what_source_and_lens_allow_and_no_more_tiles_are_shared(name: str) -> None:
    text, expected = ALLOWED[name]
    recipe = with_optics(text)
    own = with_symmetries(tile_setup(recipe, SETTINGS, field_kernels(recipe, (1024.0, 1024.0))))
    assert set(own.symmetries) == set(planned_symmetries(recipe, SETTINGS, square=True)) == expected
    for group in (MIRRORS, TURNS):
        chip = chip_of(in_all(group), own)
        assert count(chip, "correct") == 4 // len(expected & set(group))
        assert count(chip, "border 1") == 4 // len(expected & set(group))
        assert len(list(chip.tasks("correct"))) == count(chip, "correct")


@pytest.mark.parametrize(("azimuth_deg", "expected"), [(90, {*MIRRORS}), (30, {IDENTITY, HALF_TURN})])
def test_shadows_of_a_thick_mask_forbid_what_kernels_allow(
    setup: TileSetup, azimuth_deg: int, expected: set[Symmetry]
) -> None:
    """Edges across the chief ray have shadows of one width, those along it none."""
    text = RECIPE.replace("[ilt]", f"[mask.euv]\nabsorber_nm = 60.0\nazimuth_deg = {azimuth_deg}.0\n\n[ilt]")
    assert set(allowed_symmetries(replace(setup, recipe=read_recipe(text)))) == expected


def test_a_stage_whose_kernels_end_between_two_of_a_pair_forbids_quarter_turns(setup: TileSetup) -> None:
    weights = np.asarray(setup.kernels[0].weights)
    assert weights[1] == pytest.approx(weights[2], rel=1e-9)  # one along x, one along y
    cut = replace(setup, recipe=read_recipe(RECIPE.replace("kernels = 12", "kernels = 2")))
    assert set(allowed_symmetries(cut)) < set(ALL)


def test_fields_that_are_no_squares_and_who_does_not_want_it(setup: TileSetup) -> None:
    assert set(planned_symmetries(setup.recipe, SETTINGS, square=False)) == set(MIRRORS)
    off = replace(setup, settings=replace(SETTINGS, reuse_mirrored=False))
    assert allowed_symmetries(off) == (IDENTITY,)
    plain = replace(off, symmetries=(IDENTITY,))
    assert count(chip_of(in_all(MIRRORS), plain), "correct") == 4


def test_maps_that_are_no_group_of_the_field_are_refused(setup: TileSetup) -> None:
    for symmetries in ((), (IDENTITY, QUARTER), (FLIP_X,), (IDENTITY, FLIP_X, FLIP_Y)):
        with pytest.raises(ValueError, match="`symmetries` must be a group that maps the field onto itself, but got"):
            replace(setup, symmetries=symmetries)
    wide = tuple(replace(k, period_nm=(1024.0, 2048.0)) for k in setup.kernels)
    with pytest.raises(ValueError, match="`symmetries` must be a group"):
        replace(setup, kernels=wide)


def test_workers_read_which_maps_are_allowed(setup: TileSetup, tmp_path: Path) -> None:
    write_setup(tmp_path, replace(setup, symmetries=(IDENTITY, QUARTER, HALF_TURN, QUARTER.inverse)))
    read_setup.cache_clear()
    assert read_setup(tmp_path).symmetries == (IDENTITY, QUARTER, HALF_TURN, QUARTER.inverse)


# orientations


def test_every_orientation_of_a_task_leads_to_the_same_one() -> None:
    """Described by an array: the least of its eight images stands for all, and each finds its own way there."""
    values = np.random.default_rng(2).integers(0, 2, (4, 4))
    for drawn in (values, values + values[:, ::-1], values + values.T, np.ones((4, 4), int)):

        def describe(shown: NDArray[Any], turn: Symmetry) -> list[Any]:
            return list(turn.of_array(shown).tolist())

        first = oriented(partial(describe, drawn), ALL)
        stored = first.turn.of_array(drawn)
        assert {s for s in ALL if np.array_equal(s.of_array(stored), stored)} == set(first.group)
        for turn in ALL:
            image = turn.of_array(drawn)
            way = oriented(partial(describe, image), ALL)
            assert np.array_equal(way.turn.of_array(image), stored) and way.group == first.group
            assert np.array_equal(way.result("abc").turn.of_array(stored), image)
            assert first.result("abc").turned(turn) == way.result("abc")


def test_names_of_results_tell_key_and_turn() -> None:
    assert read_name(TurnedResult("ab12", QUARTER).name) == ("ab12", QUARTER)
    assert TurnedResult("ab12").name == "ab12" and read_name("ab12") == ("ab12", IDENTITY)
    assert all(alike_all_ways("empty").turned(turn).name == "empty" for turn in ALL)
    assert Orientation(QUARTER).result("ab12").turn == QUARTER.inverse
    assert [Symmetry.named(s.word) for s in ALL] == list(ALL)


@pytest.mark.parametrize("group", [MIRRORS, TURNS, ALL, (IDENTITY, Symmetry(swap=True))])
def test_what_is_evened_keeps_no_trace_of_the_order_of_sums(group: tuple[Symmetry, ...]) -> None:
    values = np.random.default_rng(1).standard_normal((48, 48)).astype(np.float32)
    even = evened(values, group)
    assert even.dtype == np.float32 and all(np.array_equal(s.of_array(even), even) for s in group)
    np.testing.assert_allclose(even, np.mean([s.of_array(values) for s in group], axis=0), atol=1e-6)
    assert all(np.array_equal(evened(s.of_array(values), group), even) for s in group)
    assert evened(values, (IDENTITY,)) is values


# levels


@pytest.mark.parametrize("fails", ["", "c001_r000 correct"])
def test_the_levels_of_a_mirrored_layout_are_the_mirrored_levels_bit_for_bit(
    setup: TileSetup, tmp_path: Path, fails: str
) -> None:
    """Also around a tile that is set aside. Computed anew for a mirror and for a quarter turn, by keys for all."""
    chip = chip_of(ODD, setup)
    store = run(chip, tmp_path / "odd", fails=fails)
    lost = chip.places(next(iter(chip._lost))) if fails else []
    assert len(lost) == bool(fails)
    for turn in ALL:
        other = chip_of(turned(ODD, turn), setup)
        failing = {moved({p: np.zeros((1, 1), np.float32)}, turn).popitem()[0] for p in lost}
        if turn in (FLIP_X, QUARTER):
            name = "".join(f"c{column:03d}_r{row:03d} correct" for column, row in failing)
            there = run(other, tmp_path / turn.word, fails=name)
        else:
            there = store
            for place in failing:
                other.set_aside(other.keys("correct")[place])
        for doing in LEVEL_PASSES:
            here = levels_of(chip, store, doing)
            assert len(here) == 4 - len(lost)
            assert same(levels_of(other, there, doing), moved(here, turn))


@pytest.mark.parametrize("group", [MIRRORS, TURNS])
def test_one_computed_tile_stands_for_four_and_each_lies_over_its_own_target(
    setup: TileSetup, tmp_path: Path, group: tuple[Symmetry, ...]
) -> None:
    """Compared with levels that were found for each tile by itself: probes stand on other pixels, nothing else."""
    shapes = in_all(group)
    chip, alone = chip_of(shapes, setup), chip_of(shapes, replace(setup, symmetries=(IDENTITY,)))
    stores = run(chip, tmp_path / "shared"), run(alone, tmp_path / "alone")
    for doing in LEVEL_PASSES:
        shared, own = levels_of(chip, stores[0], doing), levels_of(alone, stores[1], doing)
        assert count(chip, doing) == 1 and count(alone, doing) == 4
        assert max(np.abs(shared[p] - own[p]).max() for p in own) < 0.05
        assert min(np.abs(shared[0, 0] - own[p]).max() for p in own if p != (0, 0)) > 0.5
        assert all(same(moved(shared, turn), shared) for turn in group)


def test_a_tile_that_is_its_own_mirror_image_has_a_symmetric_level(setup: TileSetup, tmp_path: Path) -> None:
    plan = replace(PLAN, counts=(1, 1), layout_box_nm=(100.0, 100.0, 412.0, 412.0))
    bars = [np.array([(x, 120.0), (x + 72, 120.0), (x + 72, 392.0), (x, 392.0)]) for x in (120.0, 320.0)]
    foot = np.array([(220.0, 120.0), (292.0, 120.0), (292.0, 300.0), (220.0, 300.0)])
    chip = ChipCorrection(plan, Shapes([*bars, foot]), setup)
    store = run(chip, tmp_path)
    beside = ChipCorrection(replace(plan, counts=(2, 1)), chip.target, setup)
    assert beside.result("correct", (0, 0)).group == (IDENTITY,)  # masks may go on to the right, not to the left
    for doing in LEVEL_PASSES:
        assert len(chip.result(doing, (0, 0)).group) == 2
        level = levels_of(chip, store, doing)[0, 0]
        assert np.array_equal(level, level[:, ::-1]) and not np.array_equal(level, level[::-1])


def test_tiles_computed_at_once_are_made_symmetric_each_by_its_own_group(setup: TileSetup, tmp_path: Path) -> None:
    bent = np.array([(120.0, 120.0), (400.0, 120.0), (400.0, 192.0), (192.0, 192.0), (192.0, 400.0), (120.0, 400.0)])
    chip = chip_of([bent, np.array([(790.0, 800.0), (900.0, 800.0), (900.0, 880.0), (790.0, 880.0)])], setup)
    alone = run(chip, tmp_path / "alone")
    write_setup(tmp_path / "at once", setup)
    for doing in LEVEL_PASSES:
        tasks = list(chip.tasks(doing))
        known = sorted(len(task.payload["symmetries"]) for task in tasks)
        assert known == ([1, 2] if doing == "correct" else [1, 1])  # the other tile's level is not symmetric
        run_task(grouped(tasks), tmp_path / "at once")
    at_once = TileStore(tmp_path / "at once" / STORE)
    assert all(at_once.path(key).read_bytes() == alone.path(key).read_bytes() for key in alone.keys())


def test_masks_of_mirrored_tiles_are_mirror_images_to_what_outlines_round(setup: TileSetup, tmp_path: Path) -> None:
    chip = chip_of(in_all(MIRRORS), setup)
    store = run(chip, tmp_path, chip.passes)
    masks = [p + tile.core_nm[:2] for tile in chip.tiles.tiles() for p in chip.polygons_nm(store, tile)]
    for turn in (FLIP_X, FLIP_Y):
        other = turned(masks, turn)
        apart = area_nm2(subtract(masks, other)) + area_nm2(subtract(other, masks))
        assert apart < 1e-3 * area_nm2(masks)


def test_neither_the_order_of_tasks_nor_the_number_of_workers_changes_a_bit(setup: TileSetup, tmp_path: Path) -> None:
    shapes = [*in_all(MIRRORS), np.array([(810.0, 430.0), (890.0, 430.0), (890.0, 500.0), (810.0, 500.0)])]
    first = run(chip_of(shapes, setup), tmp_path / "one", order=random.Random(4).shuffle)
    chip, folder = chip_of(shapes[::-1], setup), tmp_path / "two"
    write_setup(folder, setup)
    with local_processes(2) as workers:
        for doing in LEVEL_PASSES:
            assert all(o.error is None for o in workers.run(partial(run_task, folder=folder), list(chip.tasks(doing))))
    second, keys = TileStore(folder / STORE), list(first.keys())
    assert keys == list(second.keys()) and len(keys) == sum(count(chip, doing) for doing in LEVEL_PASSES) < 8
    assert all(first.path(key).read_bytes() == second.path(key).read_bytes() for key in keys)


# the plan


def test_a_plan_counts_what_will_be_computed(setup: TileSetup) -> None:
    plan = TilePlan((0.0, 0.0, 2048.0, 1536.0), (512.0, 512.0), 256.0, 64.0, (0.0, 0.0), (4, 3))
    lines = [np.array([(x, 40.0), (x + 64, 40.0), (x + 64, 1496.0), (x, 1496.0)]) for x in np.arange(32.0, 2048, 128)]
    for symmetries, first in ((setup.symmetries, 4), ((IDENTITY,), 9)):
        chip = ChipCorrection(plan, Shapes(lines), replace(setup, symmetries=symmetries))
        counted = distinct_tiles(plan, Shapes(lines), 2, symmetries)
        assert counted == (count(chip, "correct"), count(chip, "border 1")) and counted[0] == first
