"""Edges of a chip, moved tile by tile: every edge has one owner and one move, and no seam is to be seen."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import gdstk
import numpy as np
import pytest
import scipy.spatial
from chip_shapes import QUICK
from test_chip_passes import Shapes, run, whole_mask

from litho.cells import Floats
from litho.chip.chip_settings import ChipSettings
from litho.chip.edge_passes import EdgeCorrection, run_edge_task
from litho.chip.edge_tasks import MOVES
from litho.chip.edge_tiles import TileEdges, conflicting, cut_lines, owned_edges, owners, target_fragments, tile_edges
from litho.chip.keys import tile_geometry
from litho.chip.mask_loops import unpacked_loops
from litho.chip.passes import ChipCorrection
from litho.chip.store import TileStore
from litho.chip.tile_finish import turn_of
from litho.chip.tile_setup import TileSetup, field_kernels, read_setup, tile_setup, write_setup
from litho.chip.tiles import Tile, TilePlan
from litho.chip.whole_verify import STORE, unpacked
from litho.config import read_recipe
from litho.edge_masks import WHOLE_EDGES
from litho.edge_moves import moved_outlines
from litho.fragments import CutLines, fragmented, joined_fragments
from litho.mask_rules import check_mask
from litho.outlines import area_nm2, areas_nm2, outlines, with_holes
from litho.polygons import Box, merge
from litho.rule_check import rules_that_apply

RECIPE = (
    QUICK
    + """
ilt = { weights = { fidelity = 1.0, pv_band = 0.0, epe = 0.0 }, stages = [
    { pixel_nm = 8.0, steps = 1, mask_steepness = 8.0, resist_steepness = 40.0 },
] }

[opc]
rules = { widths_nm = [70.0], spaces_nm = [110.0] }
edges = { steps = 3 }
area = { steps = 4, weights = { fidelity = 1.0, pv_band = 0.0, epe = 0.0 } }
srafs = { method = "rules", distances_nm = [90.0], rules = { longest_nm = 200.0 } }
"""
)
SETTINGS = ChipSettings(halo_nm=320.0, overlap_nm=64.0, margin_nm=160.0, border_steps=2, context_nm=160.0, method="opc")
CORE_NM, FIELD_NM, HALO_NM = 384.0, 1024.0, 320.0
LINES = [np.array([(x, 60.0), (x + 70, 60.0), (x + 70, 700.0), (x, 700.0)]) for x in (110.0, 290.0, 620.0)]
SLANTED = np.array([(430.0, 250.0), (540.0, 305.0), (540.0, 520.0), (430.0, 465.0)])
SHAPES = [*LINES, SLANTED]


@pytest.fixture(scope="module")
def setup() -> TileSetup:
    recipe = read_recipe(RECIPE).model_copy(update={"chip": SETTINGS})
    return tile_setup(recipe, SETTINGS, field_kernels(recipe, (FIELD_NM, FIELD_NM)))


def plan_of(columns: int, rows: int) -> TilePlan:
    box = (0.0, 0.0, columns * CORE_NM, rows * CORE_NM)
    return TilePlan(box, (CORE_NM, CORE_NM), HALO_NM, 64.0, (0.0, 0.0), (columns, rows))


@pytest.fixture(scope="module")
def finished(setup: TileSetup, tmp_path_factory: pytest.TempPathFactory) -> tuple[EdgeCorrection, TileStore]:
    chip = EdgeCorrection(plan_of(2, 2), Shapes(SHAPES), setup)
    return chip, run(chip, tmp_path_factory.mktemp("edges"), does=run_edge_task)


def ring(x_nm: float, y_nm: float, radius: float, count: int) -> Floats:
    angle = 2 * np.pi * (np.arange(count) + 0.3) / count
    return np.array([x_nm, y_nm]) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


EDGES = {
    "long lines": [np.array([(-2000.0, y), (3000.0, y), (3000.0, y + 70), (-2000.0, y + 70)]) for y in (55, 335, 620)],
    "ends and corners": [*SHAPES, np.array([(740.0, 90.0), (1100.0, 90.0), (1100.0, 900.0), (990.0, 900.0),
                                            (990.0, 180.0), (740.0, 180.0)])],
    "slanted": [np.array([(-900.0, -813.0), (1900.0, 1487.3), (1900.0, 1590.1), (-900.0, -700.0)])],
    "curves": [ring(520.0, 480.0, 430.0, 200), ring(1100.0, 60.0, 33.0, 16), ring(390.0, 1130.0, 80.0, 24)],
}  # fmt: skip


@pytest.mark.parametrize("polygons", EDGES.values(), ids=EDGES.keys())
def test_fragments_of_the_same_edge_are_the_same_in_every_tile_that_sees_them(
    polygons: list[Floats], setup: TileSetup
) -> None:
    plan, seen = plan_of(3, 3), 0
    found = {(t.column, t.row): in_layout(polygons, t, setup, plan) for t in plan.tiles()}
    for tile in plan.tiles():
        for other in plan.neighbours(tile):
            a, b = agreed(tile), agreed(other)
            both = (*np.maximum(a[:2], b[:2]).tolist(), *np.minimum(a[2:], b[2:]).tolist())
            here, there = (pieces_in(found[t.column, t.row], both) for t in (tile, other))
            # where a field cuts a slanted edge the crossing is rounded to 1e-4 nm, a 1024th of the unit
            assert here.shape == there.shape and np.allclose(here, there, rtol=0, atol=1e-4)
            seen += len(here) * (tile is not other)
    assert seen > 100


@pytest.mark.parametrize("rise_nm", [1700.3, 1903.1, 2117.7, 2290.9])
def test_a_site_on_a_seam_has_one_owner_whatever_fields_round(rise_nm: float, setup: TileSetup) -> None:
    """Runs of 32 nm have their middles on seams."""
    runs = replace(setup.recipe.opc, fragments=replace(setup.recipe.opc.fragments, run_nm=32.0))
    low, plan, told = 300.0 - 1284 / 2800 * rise_nm, plan_of(2, 2), []
    bar = np.array([(-900.0, low), (1900.0, low + rise_nm), (1900.0, low + rise_nm + 80), (-900.0, low + 80)])
    for tile in plan.tiles():
        target = target_fragments(tile_geometry([bar], tile.field_nm, 0.1), setup, plan, runs)
        own = (owners(target.sites.points_nm, plan) == 0).all(axis=1)
        told.append(target.sites.points_nm[own] + tile.field_nm[:2])
    points = np.concatenate(told)
    assert np.count_nonzero(np.abs(points[:, 0] - CORE_NM) < 1e-3) == 2  # one of each edge


def agreed(tile: Tile) -> Box:
    x0, y0, x1, y1 = tile.core_nm
    return x0 - 160, y0 - 160, x1 + 160, y1 + 160


def in_layout(polygons: list[Floats], tile: Tile, setup: TileSetup, plan: TilePlan) -> Floats:
    """Sites, normals, starts and ends of the pieces of every fragment that a tile sees, in layout nm, one a row."""
    geometry = tile_geometry(polygons, tile.field_nm, 0.1)
    fragments = target_fragments(geometry, setup, plan, setup.recipe.opc)
    corner, mover = np.array(tile.field_nm[:2]), fragments.mover
    sites, normals = fragments.sites.points_nm[mover] + corner, fragments.sites.normals[mover]
    return np.concatenate([sites, normals, fragments.starts + corner, fragments.ends + corner], axis=1)


def pieces_in(rows: Floats, box: Box) -> Floats:
    """The rows whose site lies in a box, in one order."""
    x0, y0, x1, y1 = box
    inner = rows[(rows[:, 0] > x0) & (rows[:, 0] < x1) & (rows[:, 1] > y0) & (rows[:, 1] < y1)]
    return inner[np.lexsort(np.round(inner, 2).T)]


def test_long_edges_are_cut_in_pieces_of_a_run_and_no_cut_lies_on_a_seam(setup: TileSetup) -> None:
    plan = plan_of(3, 3)
    rows = in_layout(EDGES["long lines"], plan.tile(1, 1), setup, plan)
    inner = pieces_in(rows, agreed(plan.tile(1, 1)))
    lengths, cuts = np.abs(inner[:, 6] - inner[:, 4]), np.unique(np.round(inner[:, 4], 6))
    assert lengths.max() <= setup.recipe.opc.fragments.run_nm + 1 and lengths.min() >= 25
    assert not np.any(cuts % CORE_NM == 0) and np.all(cuts == np.round(cuts))


def test_every_fragment_has_one_owner_and_the_mask_is_what_their_moves_draw(
    finished: tuple[EdgeCorrection, TileStore],
) -> None:
    chip, store = finished
    settings, plan = chip.setup.recipe.opc, chip.tiles
    told = [owned_edges(store.get(newest(chip, t)).arrays).shifted(*t.core_nm[:2]) for t in plan.tiles()]
    far = 4 * CORE_NM
    lines = cut_lines(replace(plan, halo_nm=far), settings, 160.0, 0.1)
    x, y = ((np.array(at) - far).tolist() for at in (lines.x_nm, lines.y_nm))
    longest = cut_lines(plan, settings, 160.0, 0.1).longest_nm
    bars = [bar for edges in told for bar in edges.bars]
    target = fragmented(SHAPES, settings.fragments, lines=CutLines(tuple(x), tuple(y), longest))
    whole = joined_fragments([target, *(fragmented([bar], WHOLE_EDGES) for bar in bars)])
    points, moves = (np.concatenate([getattr(e, name) for e in told]) for name in ("points_nm", "moves_nm"))
    near = scipy.spatial.cKDTree(points).query_ball_point(whole.sites.points_nm, 1e-6)
    assert len(bars) > 0 and len(points) == len(whole) and {len(found) for found in near} == {1}
    expected = moved_outlines(whole, moves[[found[0] for found in near]])
    assert np.count_nonzero(moves) > 50
    assert thinner_nm(difference(whole_mask(chip, store), expected), 0.12)  # vertices are rounded to 0.1 nm
    assert not thinner_nm(difference(whole_mask(chip, store), SHAPES), 5.0)


def test_tiles_find_the_moves_that_one_field_of_the_whole_layout_finds(
    finished: tuple[EdgeCorrection, TileStore], setup: TileSetup, tmp_path: Path
) -> None:
    """Cores twice as large have the same lines, so that their fragments are the same."""
    core, field = 2 * CORE_NM, 2 * CORE_NM + 2 * HALO_NM
    one = tile_setup(setup.recipe, SETTINGS, field_kernels(setup.recipe, (field, field)))
    plan = TilePlan((0.0, 0.0, core, core), (core, core), HALO_NM, 64.0, (0.0, 0.0), (1, 1))
    alone = EdgeCorrection(plan, Shapes(SHAPES), one)
    store = run(alone, tmp_path, does=run_edge_task)
    whole = owned_edges(store.get(alone.keys("settle 1")[0, 0]).arrays)
    main = whole.points_nm[: len(whole.points_nm) - 4 * len(whole.bars)]
    chip, tiles = finished
    told = [owned_edges(tiles.get(newest(chip, t)).arrays).shifted(*t.core_nm[:2]) for t in chip.tiles.tiles()]
    points, moves = (np.concatenate([getattr(e, name) for e in told]) for name in ("points_nm", "moves_nm"))
    distance, nearest = scipy.spatial.cKDTree(points).query(main)
    assert distance.max() < 1e-6
    off = moves[nearest] - whole.moves_nm[: len(main)]
    assert np.ptp(whole.moves_nm) > 10 and np.abs(off).max() <= 3 and np.sqrt((off**2).mean()) < 1


def newest(chip: EdgeCorrection, tile: Tile) -> str:
    return chip.keys(f"settle {turn_of(tile) + 1}")[tile.column, tile.row]


def difference(first: Sequence[Floats], second: Sequence[Floats]) -> list[gdstk.Polygon]:
    a, b = ([gdstk.Polygon(p.tolist()) for p in merge(with_holes(polygons))] for polygons in (first, second))
    return gdstk.boolean(a, b, "xor", 2.0**-20)


def thinner_nm(polygons: list[gdstk.Polygon], thickness_nm: float) -> bool:
    return not (polygons and gdstk.offset(polygons, -thickness_nm / 2, "miter", 2, 2.0**-20))


def test_every_order_of_tasks_gives_the_same_bits(finished: tuple[EdgeCorrection, TileStore], tmp_path: Path) -> None:
    chip, first = finished
    write_setup(tmp_path, chip.setup)
    read_setup.cache_clear()
    second = TileStore(tmp_path / STORE)
    for key in chip.keys("correct").values():  # these read nothing
        second.path(key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(first.path(key), second.path(key))
    for doing in chip.passes[1:]:
        tasks = list(chip.tasks(doing))
        random.Random(3).shuffle(tasks)
        for task in tasks:
            run_edge_task(task, tmp_path)
    assert all(first.path(key).read_bytes() == second.path(key).read_bytes() for key in chip.keys("cut").values())


def test_no_step_at_seams_and_areas_add_up(finished: tuple[EdgeCorrection, TileStore]) -> None:
    chip, store = finished
    assert chip.largest_step_nm(store, {}) == pytest.approx(0, abs=1e-5)  # of a boolean
    pieces = [np.rint(p * 10) for p in whole_mask(chip, store)]
    assert area_nm2(merge(merge(pieces))) == pytest.approx(area_nm2(pieces), abs=1e-2)


def test_a_step_at_a_seam_would_be_seen(finished: tuple[EdgeCorrection, TileStore], tmp_path: Path) -> None:
    chip, store = finished
    other = TileStore(tmp_path)
    for (column, row), key in chip.keys("cut").items():
        file = store.get(key)
        arrays = dict(file.arrays)
        if (column, row) == (1, 0):
            arrays["mask_points"] = arrays["mask_points"] + np.array([0, 23], np.int32)  # 2.3 nm upwards
        other.put(key, arrays, {})
    assert 2.2 < chip.largest_step_nm(other, {}) < 12  # where there is a jog, that much more


def test_rules_are_kept_within_tiles_and_across_seams(finished: tuple[EdgeCorrection, TileStore]) -> None:
    chip, store = finished
    mask = outlines(merge(merge([np.rint(p * 10) for p in whole_mask(chip, store)])))
    drawn = [loop / 10 for loop in mask]
    assert check_mask(drawn, rules_that_apply(chip.setup.recipe.rules, drawn), targets=SHAPES) == ()


def test_moves_that_tiles_found_apart_keep_the_rules_after_the_turns(setup: TileSetup, tmp_path: Path) -> None:
    """Two corners meet where four cores do, and belong to two tiles, each of which has moved its own."""
    boxes = [np.array([(x, x), (x + 190, x), (x + 190, x + 190), (x, x + 190.0)]) for x in (182.0, 398.0)]
    chip, rules = EdgeCorrection(plan_of(2, 2), Shapes(boxes), setup), setup.recipe.rules
    write_setup(tmp_path, setup)
    read_setup.cache_clear()
    store = TileStore(tmp_path / STORE)
    chip.keys("settle 1")
    for task in chip.tasks("border 1"):
        target = target_fragments(unpacked(task.payload["geometry"]), setup, chip.tiles, setup.recipe.opc)
        far = np.full(len(target), 11.0)
        owner = owners(target.sites.points_nm, chip.tiles)
        store.put(task.key, TileEdges(target, (), far, owner).owned(chip.tiles).arrays(), {})
    apart = [p + 11.0 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) for p in boxes]
    assert check_mask(apart, rules_that_apply(rules, apart))
    for doing in chip.passes[2:]:
        for task in chip.tasks(doing):
            run_edge_task(task, tmp_path)
    mask = outlines(merge(merge([np.rint(p * 10) for p in whole_mask(chip, store)])))
    drawn = [loop / 10 for loop in mask]
    assert len(drawn) == 2 and check_mask(drawn, rules_that_apply(rules, drawn)) == ()
    assert area_nm2(drawn) > 0.99 * area_nm2(apart)


def test_a_tile_that_is_set_aside_is_drawn_as_its_target_and_no_other_moves_its_edges(
    setup: TileSetup, tmp_path: Path
) -> None:
    chip = EdgeCorrection(plan_of(1, 2), Shapes(LINES[:2]), setup)
    store = run(chip, tmp_path, fails="c000_r000 correct", does=run_edge_task)
    lost, other = chip.tiles.tiles()
    assert chip.lost_places() == {(0, 0)} and chip.final_key(lost) is None and chip.final_key(other) is not None
    drawn = merge(LINES[:2], lost.core_nm)
    assert area_nm2(chip.polygons_nm(store, lost)) == pytest.approx(area_nm2(drawn), rel=1e-9)
    rim = [p / 10 for p in unpacked_loops(store.get(chip.keys("cut")[0, 1]).arrays, "rim")]
    below = merge(rim, (284.0, -40.0, 366.0, -30.0))  # the second line, beyond the fragment that crosses the seam
    assert area_nm2(below) == pytest.approx(70 * 10)
    above = merge(chip.polygons_nm(store, other), (284.0, 60.0, 366.0, 350.0))
    assert area_nm2(above) != pytest.approx(70 * 240, rel=1e-3)


def test_a_tile_that_fails_later_keeps_what_it_had(setup: TileSetup) -> None:
    chip = EdgeCorrection(plan_of(2, 2), Shapes(LINES), setup)
    chip.keys("correct")
    chip.set_aside(chip.keys("border 1")[1, 0])
    task = next(iter(chip.tasks("settle 1")))
    assert task.payload["inputs"][f"{MOVES} 1 0"] == chip.keys("correct")[1, 0]
    assert task.payload["inputs"][f"{MOVES} -1 0"] == "outside"
    assert task.payload["inputs"][f"{MOVES} 0 1"] == chip.keys("border 1")[0, 1]


def test_a_fragment_that_its_owner_does_not_know_is_an_error(setup: TileSetup) -> None:
    plan = plan_of(1, 1)
    geometry = tile_geometry(LINES, plan.tile(0, 0).field_nm, 0.1)
    target = target_fragments(geometry, setup, plan, setup.recipe.opc)
    alone = TileEdges(target, (), np.zeros(len(target)), owners(target.sites.points_nm, plan))
    own = alone.owned(plan)
    assert np.array_equal(tile_edges(target, {(0, 0): own}, plan, 160.0, 45.0, 90.0).moves_nm, np.zeros(len(target)))
    fewer = replace(own, points_nm=own.points_nm[1:], normals=own.normals[1:], moves_nm=own.moves_nm[1:])
    with pytest.raises(ValueError, match="`target` must be cut alike by all tiles, but they differ at"):
        tile_edges(target, {(0, 0): fewer}, plan, 160.0, 45.0, 90.0)


def test_what_a_field_cuts_narrow_is_not_turned_inside_out(setup: TileSetup) -> None:
    """The field shows 4 nm of a line, whose owner has moved its edges inwards by more."""
    plan = plan_of(2, 1)
    line = np.array([(CORE_NM + HALO_NM - 4, 40.0), (CORE_NM + HALO_NM + 66, 40.0)])
    line = np.concatenate([line, line[::-1] + np.array([0.0, 300.0])])
    seen = [tile_geometry([line, LINES[0]], tile.field_nm, 0.1) for tile in plan.tiles()]
    here, there = (target_fragments(geometry, setup, plan, setup.recipe.opc) for geometry in seen)
    inwards = TileEdges(there, (), np.full(len(there), -10.0), owners(there.sites.points_nm, plan)).owned(plan)
    own = TileEdges(here, (), np.zeros(len(here)), owners(here.sites.points_nm, plan)).owned(plan)
    least = []
    for still_nm in (90.0, 0.0):
        edges = tile_edges(here, {(0, 0): own, (1, 0): inwards}, plan, 160.0, 45.0, still_nm)
        least.append(areas_nm2(moved_outlines(edges.fragments, edges.moves_nm)).min())
    assert least[0] == pytest.approx(4 * 300) and least[1] < 0


@pytest.mark.parametrize("steps", [2, 0])
def test_a_tile_whose_core_holds_no_edge_has_nothing_to_say(steps: int, setup: TileSetup, tmp_path: Path) -> None:
    opc = replace(setup.recipe.opc, area=replace(setup.recipe.opc.area, steps=steps))
    other = replace(setup, recipe=setup.recipe.model_copy(update={"opc": opc}))
    beside = [np.array([(CORE_NM + 20, 60.0), (CORE_NM + 90, 60.0), (CORE_NM + 90, 300.0), (CORE_NM + 20, 300.0)])]
    chip = EdgeCorrection(plan_of(2, 1), Shapes(beside), other)
    store = run(chip, tmp_path, does=run_edge_task)
    found = owned_edges(store.get(newest(chip, chip.tiles.tile(0, 0))).arrays)
    assert len(found.moves_nm) == 4 * len(found.bars)
    assert area_nm2(whole_mask(chip, store)) > area_nm2(beside)


def test_bars_of_different_owners_keep_their_distance_and_the_earlier_owner_stays() -> None:
    rng = np.random.default_rng(4)
    corners, sizes = rng.uniform(0, 900, (60, 2)), rng.uniform(30, 120, (60, 2))
    bars = [c + s * np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) for c, s in zip(corners, sizes, strict=True)]
    order = rng.integers(0, 4, 60).tolist()
    gone = conflicting(bars, order, 40.0)

    def gap(a: Floats, b: Floats) -> float:
        return float(np.max(np.maximum(a.min(0) - b.max(0), b.min(0) - a.max(0))))

    pairs = [(i, j) for i in range(60) for j in range(60) if order[i] < order[j] and gap(bars[i], bars[j]) < 40 - 1e-3]
    assert not any(not gone[i] and not gone[j] for i, j in pairs)
    assert gone.any() and all(any(late == j and not gone[i] for i, j in pairs) for late in np.flatnonzero(gone))


def test_of_two_bars_across_a_seam_all_tiles_leave_out_the_same_one_whatever_their_turn(
    setup: TileSetup, tmp_path: Path
) -> None:
    chip, store = EdgeCorrection(plan_of(2, 1), Shapes([LINES[0], LINES[2]]), setup), TileStore(tmp_path / STORE)
    write_setup(tmp_path, setup)
    read_setup.cache_clear()
    bar = np.array([(0.0, 160.0), (30.0, 160.0), (30.0, 240.0), (0.0, 240.0)])
    for task, x in zip(chip.tasks("correct"), (CORE_NM - 32.0, 28.0), strict=True):
        geometry = unpacked(task.payload["geometry"])
        target = target_fragments(geometry, setup, chip.tiles, setup.recipe.opc)
        owner = np.concatenate([owners(target.sites.points_nm, chip.tiles), np.zeros((4, 2), np.int64)])
        edges = TileEdges(target, (bar + np.array([x + HALO_NM, HALO_NM]),), np.zeros(len(owner)), owner)
        store.put(task.key, edges.owned(chip.tiles).arrays(), {})
    assert setup.recipe.opc.srafs.rules.space_nm == 40  # the bars are 30 nm apart
    for task, kept in zip(chip.tasks("border 1"), (1, 0), strict=True):
        results = []
        for turn in (0, 3):
            folder = tmp_path / f"{task.name} {turn}"
            shutil.copytree(tmp_path / STORE, folder / STORE)
            write_setup(folder, setup)
            run_edge_task(replace(task, payload={**task.payload, "turn": turn}), folder)
            results.append(TileStore(folder / STORE).get(task.key).arrays)
        assert all(len(found["bars"]) == kept for found in results)
        assert all(np.array_equal(found["moves"], results[0]["moves"]) for found in results)


def test_keys_name_the_method_and_not_the_place(setup: TileSetup) -> None:
    here = EdgeCorrection(plan_of(2, 2), Shapes(LINES), setup)
    there = [p + (8000.0, -16000.0) for p in LINES]  # noqa: RUF005
    moved = EdgeCorrection(replace(plan_of(2, 2), origin_nm=(8000.0, -16000.0)), Shapes(there), setup)
    assert all(here.keys(doing) == moved.keys(doing) for doing in here.passes)
    wide = replace(setup, settings=replace(SETTINGS, context_nm=150.0, overlap_nm=32.0))
    by_levels = replace(wide, settings=replace(wide.settings, method="ilt"))
    plan = replace(plan_of(2, 2), overlap_nm=32.0)
    edges, levels = EdgeCorrection(plan, Shapes(LINES), wide), ChipCorrection(plan, Shapes(LINES), by_levels)
    assert not set(edges.keys("correct").values()) & set(levels.keys("correct").values())
