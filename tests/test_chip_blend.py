"""One level of all tiles, and the passes in which neighbours come to agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from litho.check import gradient_test
from litho.chip.blend import BlendShape, blended, weights
from litho.chip.border import BorderStep, border_step, improved_level
from litho.chip.chip_settings import ChipSettings
from litho.chip.keys import TileGeometry, tile_geometry
from litho.chip.tile_setup import TileSetup, field_kernels, tile_setup
from litho.chip.tile_work import box_of_plan, corrected_level, kept_part, tile_problem
from litho.chip.tiles import Tile, TilePlan
from litho.config import Recipe, read_recipe
from litho.model import print_mask
from litho.parametrize import mask_of_level
from litho.pixel_ilt import stage_problem
from litho.polygons import merge

RECIPE = """
base = "default"
field = { pixel_nm = 8.0 }
optics = { max_error = 0.1 }
output = { shot_pixel_nm = 8.0 }
process = { corners = [{ dose = 1.0, defocus_nm = 0.0 }] }

[ilt]
smoothing_nm = 14.0
weights = { fidelity = 1.0, pv_band = 0.0, epe = 0.0 }
stages = [{ pixel_nm = 8.0, steps = 15, mask_steepness = 8.0, resist_steepness = 40.0, kernels = 12 }]

[level_set]
stages = [{ pixel_nm = 8.0, steps = 4, resist_steepness = 30.0, kernels = 12 }]
"""
LINES = [np.array([(x, 96.0), (x + 72.0, 96.0), (x + 72.0, 420.0), (x, 420.0)]) for x in (140.0, 304.0, 470.0, 660.0)]
BAR = np.array([(330.0, 424.0), (800.0, 424.0), (800.0, 480.0), (330.0, 480.0)])


@pytest.mark.parametrize("overlap", [1, 7, 24])
def test_weights_sum_to_one_to_the_last_bit_and_rise(overlap: int) -> None:
    rising = weights(overlap)
    assert np.array_equal(rising + rising[::-1], np.ones(2 * overlap, np.float32))
    assert np.all(np.diff(rising) >= 0) and 0 <= rising[0] < rising[-1] <= 1


SHAPE = BlendShape((20, 24), 6)


def cut_from(field: NDArray[np.float32], column: int, row: int) -> NDArray[np.float32]:
    """Return what a tile would keep of a field that begins an overlap before tile (0, 0)'s core."""
    (ny, nx), v = SHAPE.core, SHAPE.overlap
    return field[row * ny : (row + 1) * ny + 2 * v, column * nx : (column + 1) * nx + 2 * v]


def around(
    levels: dict[tuple[int, int], NDArray[np.float32]], column: int, row: int
) -> dict[tuple[int, int], NDArray[np.float32] | None]:
    return {(dx, dy): levels.get((column + dx, row + dy)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}


def places(columns: int, rows: int) -> Iterator[tuple[int, int]]:
    return ((column, row) for row in range(rows) for column in range(columns))


def test_the_blend_of_tiles_of_one_field_is_that_field_bit_by_bit() -> None:
    (ny, nx), v = SHAPE.core, SHAPE.overlap
    field = np.random.default_rng(1).standard_normal((4 * ny + 2 * v, 5 * nx + 2 * v)).astype(np.float32)
    levels = {place: cut_from(field, *place) for place in places(5, 4)}
    for column, row in ((1, 1), (2, 2), (3, 1)):
        found = blended(around(levels, column, row), SHAPE, 12, 0.0)
        y, x = v + row * ny - 12, v + column * nx - 12
        assert np.array_equal(found, field[y : y + ny + 24, x : x + nx + 24])


def test_windows_of_neighbours_have_the_same_bits_where_they_share_samples() -> None:
    random, (ny, nx) = np.random.default_rng(2), SHAPE.core
    levels = {place: random.standard_normal(SHAPE.kept).astype(np.float32) for place in places(5, 5)}
    here = blended(around(levels, 2, 2), SHAPE, 14, 0.0)
    right = blended(around(levels, 3, 2), SHAPE, 14, 0.0)
    above = blended(around(levels, 2, 3), SHAPE, 14, 0.0)
    assert np.array_equal(here[:, nx:], right[:, : 2 * 14])
    assert np.array_equal(here[ny:, :], above[: 2 * 14, :])


def test_the_blend_stays_between_its_tiles_and_is_smooth_over_the_seam() -> None:
    low, high = (np.full(SHAPE.kept, value, np.float32) for value in (-1.0, 1.0))
    found = blended({(0, 0): low, (1, 0): high}, SHAPE, 8, -5.0)
    row = found[18, 8:]
    assert np.all(np.diff(row) >= 0)
    assert np.abs(np.diff(row)).max() < 2 * 1.875 / (2 * SHAPE.overlap) * 1.01  # steepest slope of the weight
    assert row[0] == -1 and row[-1] == 1


def test_beyond_the_plan_a_tile_goes_on_alone_and_then_there_is_nothing() -> None:
    level = np.random.default_rng(3).standard_normal(SHAPE.kept).astype(np.float32)
    found = blended({(0, 0): level}, SHAPE, 10, -0.5)
    assert np.array_equal(found[4:-4, 4:-4], level)
    assert np.all(found[:4] == -0.5) and np.all(found[:, -4:] == -0.5)


def test_levels_of_another_shape_and_too_wide_margins_are_refused() -> None:
    with pytest.raises(ValueError, match="`levels` must have the shape"):
        blended({(0, 0): np.zeros((3, 3), np.float32)}, SHAPE, 4, 0.0)
    with pytest.raises(ValueError, match="`margin` must be at most 14 samples, but got 15"):
        blended({(0, 0): np.zeros(SHAPE.kept, np.float32)}, SHAPE, 15, 0.0)
    with pytest.raises(ValueError, match="`overlap` must be at least 1"):
        BlendShape((8, 8), 5)


SETTINGS = ChipSettings(
    field_nm=1024.0, halo_nm=256.0, overlap_nm=64.0, margin_nm=96.0, border_steps=6, context_nm=160.0
)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(RECIPE)


PLAN = TilePlan((0.0, 0.0, 1024.0, 512.0), (512.0, 512.0), 256.0, 64.0, (0.0, 0.0), (2, 1))


@pytest.fixture(scope="module")
def setup(recipe: Recipe) -> TileSetup:
    return tile_setup(recipe, SETTINGS, field_kernels(recipe, (1024.0, 1024.0)))


def geometry(tile: Tile) -> TileGeometry:
    return tile_geometry(merge([*LINES, BAR]), tile.field_nm, 1.0)


def test_the_gradient_of_a_border_step_is_that_of_its_loss(setup: TileSetup) -> None:
    tile = PLAN.tile(0, 0)
    problem = tile_problem(geometry(tile), box_of_plan(tile, PLAN), setup)
    level = np.random.default_rng(4).standard_normal(problem.grid.shape).astype(np.float32) * 0.2
    step = in_double(border_step(level, problem, setup, PLAN), setup, problem.free)
    y, direction = np.random.default_rng(6).standard_normal((2, 1, *problem.grid.shape)) * 0.1
    _, gradient = step.objective()(y)
    assert gradient_test(lambda v: float(step.objective()(v)[0][0]), gradient, y, direction, 1e-2) < 1e-6


def in_double(step: BorderStep, setup: TileSetup, free: NDArray[np.float32] | None) -> BorderStep:
    """Return the same step in double precision."""
    stage = setup.last_stage
    problem = stage_problem(
        step.problem.target.astype(float),
        PLAN.tile(0, 0).grid(8.0),
        setup.process,
        setup.kernels,
        setup.recipe.ilt,
        stage,
        mask=setup.mask,
        free=None if free is None else free.astype(float),
    )
    return replace(
        step,
        problem=problem,
        level=step.level.astype(float),
        inner=step.inner.astype(float),
        known=step.known.astype(float),
    )


def test_a_tile_changes_nothing_in_its_halo_beyond_what_smoothing_spreads(setup: TileSetup) -> None:
    tile = PLAN.tile(0, 0)
    problem = tile_problem(geometry(tile), box_of_plan(tile, PLAN), setup)
    level = corrected_level(geometry(tile), box_of_plan(tile, PLAN), setup)
    change = improved_level(level, problem, setup, PLAN) - level
    assert np.abs(change).max() > 1e-3
    far = np.ones(change.shape, bool)
    far[24 - 8 : -24 + 8, 24 - 8 : -24 + 8] = False  # 8 pixels are 4.6 standard deviations
    assert np.abs(change[far]).max() < 1e-5


def test_a_border_pass_on_an_optimal_field_changes_nothing_beyond_the_optimisers_tolerance(setup: TileSetup) -> None:
    tile = PLAN.tile(0, 0)
    problem = tile_problem(geometry(tile), box_of_plan(tile, PLAN), setup)
    level = corrected_level(geometry(tile), box_of_plan(tile, PLAN), setup)
    losses: list[list[float]] = [[], []]
    patient = replace(setup, settings=replace(SETTINGS, border_steps=150))
    for number, used in enumerate((patient, setup)):

        def note(_: int, value: NDArray[np.float32], kept: list[float] = losses[number]) -> bool:
            kept.append(float(value[0]))
            return False

        level = improved_level(level, problem, used, PLAN, report=note)
    first, last = losses[1][0], losses[1][-1]
    assert losses[0][-1] < 0.98 * losses[0][0]  # it was not optimal before
    assert first - last <= setup.inverse.optimizer.tolerance * last


ONE = TilePlan((0.0, 0.0, 1024.0, 512.0), (1024.0, 512.0), 256.0, 64.0, (0.0, 0.0), (1, 1))


def whole_loss(level: NDArray[np.float32], big: TileSetup) -> float:
    """Return the loss of a level on both cores, (64, 128), in the field around them."""
    tile = ONE.tile(0, 0)
    problem = tile_problem(geometry(tile), box_of_plan(tile, ONE), big)
    stage = big.last_stage
    chain = stage_problem(
        problem.target, problem.grid, big.process, big.kernels, big.recipe.ilt, stage, free=problem.free
    )
    field = np.full((1, *problem.grid.shape), -9.0, np.float32)
    field[0, 32:-32, 32:-32] = level
    coverage, _ = mask_of_level(field, stage.mask_steepness, problem.free)
    return float(chain.loss(print_mask(coverage, chain.model)[0])[0][0])


def after_passes(plan: TilePlan, setup: TileSetup, passes: int) -> list[NDArray[np.float32]]:
    """Return the level on all cores before and after each border pass."""
    shape = BlendShape((round(plan.core_nm[1] / 8), round(plan.core_nm[0] / 8)), round(plan.overlap_nm / 8))
    tiles = {(t.column, t.row): t for t in plan.tiles()}
    boxes = {place: box_of_plan(tile, plan) for place, tile in tiles.items()}
    levels = {p: kept_part(corrected_level(geometry(t), boxes[p], setup), plan, 8.0) for p, t in tiles.items()}
    found = []
    for number in range(passes + 1):
        found.append(np.concatenate([blended(around(levels, *p), shape, 0, -9.0) for p in tiles], axis=1))
        if number < passes:
            starts = {p: blended(around(levels, *p), shape, 32, -9.0) for p in tiles}
            for p, t in tiles.items():
                problem = tile_problem(geometry(t), boxes[p], setup)
                levels[p] = kept_part(improved_level(starts[p], problem, setup, plan), plan, 8.0)
    return found


def test_two_tiles_come_within_two_percent_of_one_field_in_three_border_passes(
    setup: TileSetup, recipe: Recipe
) -> None:
    big = tile_setup(recipe, SETTINGS, field_kernels(recipe, (1024.0, 1536.0)))
    tiled = [whole_loss(level, big) for level in after_passes(PLAN, setup, 3)]
    whole = [whole_loss(level, big) for level in after_passes(ONE, big, 3)]
    assert tiled[-1] < tiled[0]
    assert tiled[-1] <= 1.02 * whole[-1]
