"""Outlines over seams: the same on both sides, cut without slivers, and mended without leaving the rest untouched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import gdstk
import numpy as np
import pytest
from numpy.typing import NDArray

from litho.chip.chip_settings import ChipSettings
from litho.chip.mask_loops import (
    Segment,
    Whole,
    as_floats,
    cut_at,
    packed_loops,
    sides_of,
    thinned,
    unpacked_loops,
    whole_loops,
    with_crossings,
)
from litho.chip.mask_patches import Patch, all_patched, inside_region, patched
from litho.chip.seam_steps import largest_step_nm
from litho.chip.seam_steps import sides_of as ends_on_sides
from litho.chip.tile_finish import Mended, changed_regions, mended, tile_polygons, turn_of
from litho.chip.tile_outlines import fine_level, outlined
from litho.chip.tile_setup import TileSetup
from litho.chip.tiles import TilePlan
from litho.config import read_recipe
from litho.contour import contours
from litho.grid import Grid
from litho.mask_rules import check_mask
from litho.outlines import area_nm2, outlines, with_holes
from litho.polygons import merge
from litho.rule_set import MaskRules
from litho.socs import Kernels

RULES = MaskRules(20.0, 20.0, 900.0, 900.0)
CONTEXT_NM = 120.0
PLAN = TilePlan((0.0, 0.0, 480.0, 480.0), (240.0, 240.0), 160.0, 40.0, (0.0, 0.0), (2, 2))


@pytest.fixture(scope="module")
def setup() -> TileSetup:
    text = 'base = "default"\nfield = { pixel_nm = 4.0 }\noutput = { dbu_nm = 0.1, contour_tolerance_nm = 0.1 }'
    stages = "[ilt]\nstages = [{ pixel_nm = 4.0, steps = 1, mask_steepness = 8.0, resist_steepness = 40.0 }]"
    recipe = read_recipe(f"{text}\n{stages}").model_copy(update={"rules": RULES})
    kernels = Kernels(np.ones((1, 3, 3), complex), np.ones(1), (560.0, 560.0))
    process = recipe.process.build()
    settings = ChipSettings(context_nm=CONTEXT_NM, overlap_nm=40.0)
    return TileSetup(recipe, settings, process, recipe.mask.build(), (kernels, replace(kernels, defocus_nm=40.0)))


def smooth(seed: int, scale_nm: float = 70.0) -> NDArray[np.float32]:
    """A smooth random level at 4 nm over all four cores and 200 nm around them."""
    random, n = np.random.default_rng(seed), 220
    f = np.fft.fftfreq(n, 4.0)
    damping = np.exp(-((f[:, None] ** 2 + f[None, :] ** 2) * scale_nm**2))
    level = np.fft.ifft2(np.fft.fft2(random.standard_normal((n, n))) * damping).real
    return np.asarray(level / level.std() - 0.3, dtype=np.float32)


def window(level: NDArray[np.float32], column: int, row: int) -> NDArray[np.float32]:
    """What a tile sees of it: its core, the context, and two samples more."""
    size, reach = 60, 30 + 2
    y, x = 50 + row * size - reach, 50 + column * size - reach
    return level[y : y + size + 2 * reach, x : x + size + 2 * reach]


def test_cubic_convolution_gives_back_quadratics() -> None:
    y, x = np.mgrid[0:12, 0:15] + 0.5
    fine = fine_level(3 + x - 2 * y + 0.5 * x * y + 0.25 * x**2 - y**2, 4)
    b, a = (np.arange(n * 4) / 4 + 2.125 for n in (8, 11))
    b, a = np.meshgrid(b, a, indexing="ij")
    assert fine.shape == (32, 44)
    assert np.allclose(fine, 3 + a - 2 * b + 0.5 * a * b + 0.25 * a**2 - b**2, atol=1e-12)


def test_samples_that_two_windows_share_have_the_same_bits() -> None:
    level = smooth(1)
    left, right = (fine_level(window(level, column, 0), 2) for column in (0, 1))
    assert np.array_equal(left[:, 120:], right[:, : left.shape[1] - 120])


@pytest.mark.parametrize("seed", range(4))
def test_crossings_do_not_depend_on_the_way_that_an_edge_is_walked_nor_on_where_it_lies(seed: int) -> None:
    random = np.random.default_rng(seed)
    loop = random.integers(-50, 50, (9, 2))
    frame = [[Segment(0, 3, -60, 60), Segment(1, -7, -60, 60)]]
    once = with_crossings([loop], frame)[0]
    back = with_crossings([loop[::-1]], frame)[0][::-1]
    assert set(map(tuple, once.tolist())) == set(map(tuple, back.tolist()))
    by = random.integers(-(10**6), 10**6, 2)
    moved = [[Segment(0, 3 + by[0], -60 + by[1], 60 + by[1]), Segment(1, -7 + by[1], -60 + by[0], 60 + by[0])]]
    assert np.array_equal(with_crossings([loop + by], moved)[0], once + by)


def test_no_edge_is_left_that_crosses_a_line_and_none_moves_by_more_than_rounding() -> None:
    random = np.random.default_rng(8)
    loop = random.integers(-500, 500, (40, 2))
    found = with_crossings([loop], [[Segment(0, 3, -600, 600)]])[0]
    x = found[:, 0] - 3
    assert not np.any(x * np.roll(x, -1) < 0)
    for point in found[~np.isin(found[:, 0] * 10**4 + found[:, 1], loop[:, 0] * 10**4 + loop[:, 1])]:
        a, b = loop.astype(float), np.roll(loop, -1, axis=0).astype(float)
        side = b - a
        share = np.clip(((point - a) * side).sum(1) / (side**2).sum(1), 0, 1)
        assert np.hypot(*(a + share[:, None] * side - point).T).min() <= 0.5


def random_mask(seed: int) -> list[Whole]:
    """Outlines in whole units around the origin, with holes."""
    random = np.random.default_rng(seed)
    boxes = [np.array([(x, y), (x + w, y + 40), (x + w - 30, y + h), (x - 20, y + h - 9)], float)
             for x, y, w, h in random.integers((-300, -300, 60, 60), (300, 300, 260, 260), (25, 4))]  # fmt: skip
    return whole_loops(outlines(merge(merge(boxes))), 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_tiles_cut_from_one_mask_have_its_area_and_do_not_overlap(seed: int) -> None:
    mask = random_mask(seed)
    tiles = [((x, y, x + 250, y + 350)) for x in range(-500, 501, 250) for y in range(-700, 701, 350)]
    pieces = [p for box in tiles for p in as_floats(cut_at(mask, box))]
    whole = merge(merge(pieces))
    # where a hole's cut meets a slanted edge, merging rounds to 2^-20 units
    assert area_nm2(pieces) == pytest.approx(area_nm2(whole), abs=1e-2)
    lines = [[s for box in tiles for s in sides_of(box)]]
    unstitched = with_holes(as_floats(with_crossings(mask, lines)))
    left = gdstk.boolean([gdstk.Polygon(p) for p in whole], [gdstk.Polygon(p) for p in unstitched], "xor", 2.0**-20)
    # where a hole's cut meets an outline, and where two edges cross one line in the same unit, a vertex is rounded
    assert sum(p.area() for p in left) < 1e-3 * area_nm2(whole)
    assert not gdstk.offset(left, -0.51, "miter", 2, 2.0**-20)  # nowhere thicker than a unit
    for box in tiles:
        for polygon in cut_at(mask, box):
            assert np.all((polygon >= box[:2]) & (polygon <= box[2:]))


@pytest.mark.parametrize("seed", range(6))
def test_outlines_of_neighbours_meet_at_every_seam_in_the_same_points(seed: int, setup: TileSetup) -> None:
    level, sides, polygons = smooth(seed), {}, []
    for place in ((c, r) for r in (0, 1) for c in (0, 1)):
        loops = outlined(window(level, *place), setup, CONTEXT_NM)
        cut = as_floats(cut_at(loops, (0, 0, 2400, 2400)))
        sides[place] = ends_on_sides(cut, (2400.0, 2400.0))
        polygons += [p + 2400.0 * np.array(place) for p in cut]
    assert sum(len(s.right) + len(s.upper) for s in sides.values()) > 0
    assert largest_step_nm(sides, (2, 2)) == 0
    assert area_nm2(merge(merge(polygons))) == pytest.approx(area_nm2(polygons), abs=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_thinning_out_moves_no_outline_farther_than_asked(seed: int) -> None:
    dense = whole_loops(contours(fine_level(smooth(seed), 4), Grid((864, 864), (1.0, 1.0), (-192.0, -192.0))), 0.1)
    thin = thinned(dense, 1600, (2400, 2400), 1.0)
    assert sum(map(len, thin)) < 0.3 * sum(map(len, dense))
    a, b = ([gdstk.Polygon(p.tolist()) for p in with_holes(as_floats(loops))] for loops in (dense, thin))
    difference = gdstk.boolean(a, b, "xor", 1e-3)
    # vertices where outlines go from cell to cell are rounded by half a unit
    assert not gdstk.offset(difference, -0.76, "miter", 2, 1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_two_windows_choose_the_same_vertices_where_both_see_the_outline(seed: int) -> None:
    found = []
    for column in (0, 1):
        loops = outlined_of(window(smooth(seed), column, 0))
        points = np.concatenate(thinned(loops, 800, (2400, 2400), 1.0)) + (2400 * column, 0)  # noqa: RUF005
        inner = (points[:, 0] > 2400 - 790) & (points[:, 0] < 2400 + 790) & (np.abs(points[:, 1] - 1200) < 1990)
        found.append(set(map(tuple, points[inner].tolist())))
    assert found[0] == found[1] and len(found[0]) > 10


def outlined_of(level: NDArray[np.float32]) -> list[Whole]:
    """Outlines in tenths of a nm from a core's corner, as dense as samples are."""
    fine = fine_level(level, 2)
    return whole_loops(contours(fine, Grid((240, 240), (2.0, 2.0), (-CONTEXT_NM, -CONTEXT_NM))), 0.1)


@pytest.mark.parametrize("seed", range(4))
def test_a_patch_changes_its_region_and_nothing_else(seed: int) -> None:
    mask, other = ([20 * p for p in random_mask(n)] for n in (seed, seed + 100))
    region = (20 * np.array([(-90, -80), (130, -80), (130, 40), (60, 40), (60, 110), (-90, 110)]),)
    patch = Patch(region, tuple(inside_region(other, region)))
    found = patched(mask, patch)
    # crossings are rounded, and edges of two units left out: edges of thousands of units may move by as much
    area = solid_area(mask) - solid_area(inside_region(mask, region)) + solid_area(patch.content)
    assert solid_area(found) == pytest.approx(area, rel=3e-4)
    assert difference_area(inside_region(found, region), patch.content) < 3e-4 * area
    by = (700, -300)
    moved = patched([p + by for p in mask], patch.shifted(by))
    assert difference_area([p - by for p in moved], found) == 0


def solid_area(loops: list[Whole] | tuple[Whole, ...]) -> float:
    return area_nm2(as_floats(loops))


def difference_area(first: list[Whole] | tuple[Whole, ...], second: list[Whole] | tuple[Whole, ...]) -> float:
    a, b = ([gdstk.Polygon(p) for p in merge(as_floats(loops))] for loops in (first, second))
    return float(sum(p.area() for p in gdstk.boolean(a, b, "xor", 2.0**-10)))


def test_patches_that_lie_apart_may_come_in_any_order_and_at_once() -> None:
    mask, other = random_mask(2), random_mask(9)
    regions = [(np.array([(x, -40), (x + 50, -40), (x + 50, 90), (x, 90)]),) for x in (-200, 0, 150)]
    patches = [Patch(region, tuple(inside_region(other, region))) for region in regions]
    one_by_one = mask
    for patch in patches[::-1]:
        one_by_one = patched(one_by_one, patch)
    assert difference_area(all_patched(mask, patches), one_by_one) == 0


def neck(x_nm: float) -> NDArray[np.float64]:
    """A smooth line, 50 nm wide, with a neck of 14 nm."""
    x = np.arange(-119.0, 360.0, 2.0)
    half = 25 - 18 * np.exp(-(((x - x_nm) / 40) ** 2))
    return np.concatenate([np.stack([x, 85 - half], axis=1), np.stack([x, 85 + half], axis=1)[::-1]])


def test_mending_changes_what_breaks_a_rule_and_cuts_back_the_rest(setup: TileSetup) -> None:
    seen = [neck(110.0)]
    loops = whole_loops(seen, 0.1)
    found = mended(loops, [], [], [], setup, PLAN)
    changed = np.concatenate(found.patch.region) / 10
    assert 40 < changed[:, 0].min() < 110 < changed[:, 0].max() < 180  # the island reaches beyond the core
    mask = as_floats(patched(loops, found.patch), 0.1)
    assert check_mask(seen, RULES, bounds_nm=(-116, -116, 356, 356))
    assert not check_mask(mask, RULES, bounds_nm=(-116, -116, 356, 356))


def test_a_tile_leaves_cores_alone_whose_turn_has_passed(setup: TileSetup) -> None:
    loops = whole_loops([neck(0.0)], 0.1)
    left = (-240.0, 0.0, 0.0, 240.0)
    assert mended(loops, [], [], [], setup, PLAN).patch.region
    assert not mended(loops, [], [], [left], setup, PLAN).patch.region


def test_what_one_tile_mends_over_a_seam_its_neighbour_has_too(setup: TileSetup) -> None:
    windows = [neck(240.0), neck(0.0)]  # in the middle of the seam
    first = mended(whole_loops([windows[0]], 0.1), [], [], [], setup, PLAN)
    taken = first.patch.shifted((-2400, 0))
    core = (-240.0, 0.0, 0.0, 240.0)
    second = mended(whole_loops([windows[1]], 0.1), [taken], [], [core], setup, PLAN)
    assert not second.patch.region  # nothing was left to do
    cut = [
        as_floats(tile_polygons(first, [first.patch, second.patch.shifted((2400, 0))], setup, PLAN), 0.1),
        as_floats(tile_polygons(second, [taken, second.patch], setup, PLAN), 0.1),
    ]
    sides = {(c, 0): ends_on_sides(cut[c], (240.0, 240.0)) for c in (0, 1)}
    assert len(sides[0, 0].right) == 2 and largest_step_nm(sides, (2, 1)) == 0
    assert np.diff(sides[0, 0].right)[0] >= 20  # the neck was 14 nm wide there


def bar(start_nm: float, stop_nm: float) -> NDArray[np.float64]:
    """A thin bar with round ends, 13 nm wide."""
    x = np.arange(start_nm, stop_nm + 1.0, 2.0)
    from_end = np.minimum(np.minimum(x - start_nm, stop_nm - x), 6.5)
    half = np.sqrt(6.5**2 - (6.5 - from_end) ** 2)
    return np.concatenate([np.stack([x, 85 - half], axis=1), np.stack([x, 85 + half], axis=1)[::-1]])


def row_of_tiles(mask: Sequence[NDArray[np.float64]], columns: int, setup: TileSetup) -> list[list[Whole]]:
    """The mended cores of tiles beside each other: even columns first, and the other way round to settle."""
    width = 2400
    reach = CONTEXT_NM - 4
    loops = [
        whole_loops(merge([p - np.array((240 * n, 0)) for p in mask], (-reach, -reach, 240 + reach, 240 + reach)), 0.1)
        for n in range(columns)
    ]
    patches: dict[int, list[tuple[int, Patch]]] = {n: [] for n in range(columns)}  # by column: whose, counted from it
    for order in ((0, 1), (1, 0)):
        passed: set[int] = set()
        for turn in order:
            for n in range(turn, columns, 2):
                taken = [patch.shifted((width * (m - n), 0)) for m, patch in patches[n]]
                cores = [(240.0 * (m - n), 0.0, 240.0 * (m - n) + 240.0, 240.0) for m in (n - 1, n + 1) if m in passed]
                found = mended(loops[n], taken, [], cores, setup, PLAN)
                for m in {n - 1, n, n + 1} & set(range(columns)):
                    patches[m].append((n, found.patch))
            passed |= set(range(turn, columns, 2))
    return [
        tile_polygons(
            Mended(tuple(loops[n]), Patch((), ())),
            [patch.shifted((width * (m - n), 0)) for m, patch in patches[n]],
            setup,
            PLAN,
        )
        for n in range(columns)
    ]


@pytest.mark.parametrize(("start_nm", "stop_nm"), [(150.0, 1050.0), (236.0, 484.0), (250.0, 720.0)])
def test_a_bar_over_many_tiles_is_mended_though_no_tile_may_change_all_of_it(
    start_nm: float, stop_nm: float, setup: TileSetup
) -> None:
    drawn = [bar(start_nm, stop_nm), np.array((0, 70)) + bar(start_nm, stop_nm)]
    assert check_mask(drawn, RULES)
    cores = row_of_tiles(drawn, 5, setup)
    mask = merge(merge([np.array((240 * n, 0)) + p for n, core in enumerate(cores) for p in as_floats(core, 0.1)]))
    assert not check_mask(mask, RULES)
    assert area_nm2(mask) > 0.9 * 2 * 20 * (stop_nm - start_nm - 20)  # widened, not left out


def test_changes_thinner_than_rounding_are_no_changes() -> None:
    before = [np.array([(0, 0), (300, 0), (300, 50), (0, 50)], float)]
    after = [np.array([(0, 0), (300, 0.03), (300, 50), (150, 50), (150, 60), (130, 60), (130, 50), (0, 50)])]
    (region,) = changed_regions(before, after, 0.1)
    low, high = region[0].min(axis=0) / 10, region[0].max(axis=0) / 10
    assert 100 < low[0] < 130 and 150 < high[0] < 180 and low[1] > 20


def test_neighbours_have_different_turns() -> None:
    for tile in PLAN.tiles():
        turns = [turn_of(other) for other in PLAN.neighbours(tile)]
        assert len(set(turns)) == len(turns)


def test_outlines_are_the_same_after_a_file() -> None:
    mask = random_mask(5)
    back = unpacked_loops(packed_loops(mask, "mask"), "mask")
    assert all(np.array_equal(a, b) for a, b in zip(mask, back, strict=True))
    assert unpacked_loops(packed_loops([], "mask"), "mask") == []
