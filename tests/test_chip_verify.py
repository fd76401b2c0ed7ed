"""Windows over a chip: each place counted once, the same errors as in one large field, every broken rule found."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from test_job import TINY, box

from litho.band_image import BandImage
from litho.cells import Floats
from litho.chip.chip_gather import ELSEWHERE, Gathered
from litho.chip.chip_settings import ChipSettings
from litho.chip.executors import serial
from litho.chip.keys import TileGeometry, tile_geometry
from litho.chip.placement_tally import PlacementTally
from litho.chip.store import TileStore
from litho.chip.tile_setup import TileSetup, field_kernels, tile_setup, write_setup
from litho.chip.tiles import Tile, TilePlan
from litho.chip.whole_verify import STORE, DrawnMask, VerifyPass, packed, unpacked, verify_task
from litho.chip.window_check import (
    SEAM_NM,
    WindowCheck,
    arrays_of,
    check_of,
    check_window,
    in_box,
    lists_of,
    seam_distance_nm,
    window_corners,
    window_plan,
)
from litho.config import read_recipe
from litho.grid import Grid
from litho.job import Job
from litho.mask import transmission_band
from litho.polygon_spectrum import join_outlines, polygon_band
from litho.polygons import Box, merge
from litho.socs import image_band

RECIPE = (
    TINY
    + """
[verify]
epe_nm = 3.0
[process]
corners = [{ dose = 1.0 }, { dose = 1.04 }, { dose = 0.96 }]
"""
)
CORE, HALO = 768.0, 512.0
TILES = TilePlan((0, 0, 1400, 700), (CORE, CORE), HALO, 96.0, (-64.0, -32.0), (2, 1))


def setup_of(field_nm: tuple[float, float]) -> TileSetup:
    recipe = read_recipe(RECIPE)
    width, height = field_nm
    return tile_setup(recipe, ChipSettings(), field_kernels(recipe, (height, width)))


@pytest.fixture(scope="module")
def setup() -> TileSetup:
    """Recipe and kernels of the windows' field."""
    return setup_of(TILES.field_nm)


class Shapes:
    """A layout of few polygons."""

    dbu_nm = 1.0

    def __init__(self, polygons: list[Floats]) -> None:
        self._all = polygons

    def polygons(self, box_nm: Box) -> list[Floats]:
        """Return what lies in a box."""
        return merge(self._all, box_nm)

    def geometry(self, field_nm: Box) -> TileGeometry:
        """Return the same for a window's task."""
        return tile_geometry(self._all, field_nm, 1.0)


LINES = [box(x, 0, x + 60, 700) for x in range(0, 1400, 140)]
MASK = [box(x - 4, -10, x + 62, 712) for x in range(0, 1400, 140)]


def whole(points: int, rng: np.random.Generator) -> Floats:
    x0, y0, x1, y1 = TILES.box_nm
    places: Floats = rng.uniform((x0, y0), (x1, y1), (points, 2))
    places[:50] = np.rint((places[:50] - (x0, y0)) / (CORE / 2)) * (CORE / 2) + (x0, y0)  # on borders
    return places


def test_every_point_lies_in_the_core_of_exactly_one_window(rng: np.random.Generator) -> None:
    places = whole(500, rng)
    counts = sum(in_box(places, window.core_nm).astype(int) for window in window_plan(TILES).tiles())
    assert np.all(counts == 1)


def test_every_seam_lies_inside_a_window_and_not_at_its_border() -> None:
    tiles = TilePlan((0, 0, 3000, 2000), (CORE, CORE), HALO, 96.0, (0.0, 0.0), (4, 3))
    borders = {edge for window in window_plan(tiles).tiles() for edge in (window.core_nm[0], window.core_nm[2])}
    seams = {tile.core_nm[2] for tile in tiles.tiles()}
    assert min(abs(seam - border) for seam in seams for border in borders) == CORE / 2


def test_the_distance_to_seams_is_that_to_the_nearest_shared_side() -> None:
    tiles = TilePlan((0, 0, 300, 200), (100.0, 100.0), 50.0, 10.0, (0.0, 0.0), (3, 2))
    points = np.array([[100.0, 40.0], [10.0, 95.0], [0.0, 0.0], [250.0, 180.0], [160.0, 130.0]])
    assert seam_distance_nm(points, tiles).tolist() == [0, 5, 100, 50, 30]
    alone = TilePlan((0, 0, 100, 100), (100.0, 100.0), 50.0, 10.0, (0.0, 0.0), (1, 1))
    assert np.all(np.isinf(seam_distance_nm(points, alone)))


@pytest.mark.parametrize("moved", ELSEWHERE)
def test_lines_laid_elsewhere_run_through_every_row_and_column_of_tiles(moved: tuple[float, float]) -> None:
    tiles = TilePlan((0, 0, 3600, 1800), (900.0, 900.0), 50.0, 10.0, (20.0, -30.0), (4, 2))
    points = np.random.default_rng(3).uniform((20, -30), (3620, 1770), (200, 2))
    x = [20 + 900 * (n + moved[0]) for n in range(4)]
    y = [-30 + 900 * (n + moved[1]) for n in range(2)]
    nearest = np.minimum(np.abs(points[:, :1] - x).min(axis=1), np.abs(points[:, 1:] - y).min(axis=1))
    assert np.allclose(seam_distance_nm(points, tiles, moved), nearest, atol=1e-9)


def test_what_is_wrong_at_seams_alone_is_told_of_seams_alone(setup: TileSetup, rng: np.random.Generator) -> None:
    tiles = TilePlan((0, 0, 8000, 8000), (2000.0, 2000.0), 50.0, 10.0, (0.0, 0.0), (4, 4))
    points = rng.uniform(0, 8000, (60_000, 2))
    error = rng.normal(0, 1, len(points))
    for factor in (1.0, 1.5):
        error[seam_distance_nm(points, tiles) <= SEAM_NM] *= factor
        gathered = Gathered(tiles, setup.recipe)
        gathered.add(WindowCheck(points, error[None], np.full(len(points), np.nan), (), ()))
        found = gathered.verification()
        at_seams = found.seams.quantile_nm(0.99) or 0.0
        elsewhere = [tally.quantile_nm(0.99) or 0.0 for tally in found.elsewhere]
        assert len(elsewhere) == 8 and np.mean(elsewhere) == pytest.approx(2.576, abs=0.05)
        assert at_seams == pytest.approx(2.576 * factor, abs=0.15 * factor)
        assert (min(elsewhere) - 0.1 < at_seams < max(elsewhere) + 0.1) == (factor == 1)


def test_samples_joined_by_splines_are_the_band_limited_image(setup: TileSetup, rng: np.random.Generator) -> None:
    grid = Grid.over(TILES.field_nm[::-1], 4.0, (-576.0, -544.0))
    job = Job(setup.recipe, (), setup.process, setup.mask, setup.kernels)
    corner, kernels = window_corners(MASK, grid, job)[0], setup.kernels[0]
    half, _ = polygon_band(*join_outlines([np.asarray(p) for p in MASK]), grid, kernels.radius)
    exact = BandImage(image_band(transmission_band(half, setup.mask), kernels.like(half + 0j))[0], grid)
    x, y = rng.uniform(0, 700, (2, 400))
    assert np.abs(corner.intensity.at(x, y) - exact.at(x, y)).max() < 2e-5  # of edges of 0.01 a nm: 0.002 nm


def test_windows_find_the_errors_of_one_field_that_holds_the_whole_layout(setup: TileSetup) -> None:
    """The same sites, imaged with the surroundings that a halo holds: within what lies beyond the halo."""
    large = (2304.0, 1536.0)
    one = Tile(0, 0, (-64.0, -32.0, 1472.0, 736.0), (-448.0, -416.0, -448.0 + large[0], -416.0 + large[1]))
    big = setup_of(large)
    alone = check_window(one, LINES, MASK, Job(big.recipe, (), big.process, big.mask, big.kernels))
    job, shapes, drawn = Job(setup.recipe, (), setup.process, setup.mask, setup.kernels), Shapes(LINES), Shapes(MASK)
    found = {}
    for window in window_plan(TILES).tiles():
        check = check_window(window, shapes.polygons(window.field_nm), drawn.polygons(window.field_nm), job)
        for point, error, band in zip(check.points_nm, check.error_nm.T, check.band_nm, strict=True):
            assert tuple(point) not in found
            found[tuple(point)] = (*error, band)
    assert len(found) == len(alone.points_nm) > 300
    ours = np.array([found[tuple(point)] for point in alone.points_nm])
    theirs = np.column_stack([alone.error_nm.T, alone.band_nm])
    assert np.nanmax(np.abs(ours - theirs)) < 0.25  # twice as much with a halo of 384 nm
    assert np.nanstd(theirs[:, 0]) > 1  # there was something to find


def test_a_broken_rule_is_found_once_wherever_it_lies(setup: TileSetup) -> None:
    job = Job(setup.recipe, (), setup.process, setup.mask, setup.kernels)
    for x in (300.0, 704.0, 1000.0):  # inside a tile, on a seam of tiles, on a border of windows
        drawn = Shapes([box(x - 5, 100, x + 5, 400)])
        found = [
            violation
            for window in window_plan(TILES).tiles()
            for violation in check_window(window, [], drawn.polygons(window.field_nm), job).violations
            if violation.rule == "width"
        ]
        assert len(found) == 1 and found[0].value == pytest.approx(10) and abs(found[0].x_nm - x) <= 5


def test_what_a_window_found_survives_its_file_and_moves_with_it(setup: TileSetup) -> None:
    window = window_plan(TILES).tile(1, 0)
    job = Job(setup.recipe, (), setup.process, setup.mask, setup.kernels)
    check = check_window(window, LINES, [*MASK, box(795, 100, 805, 300)], job)
    assert check.hotspots and check.violations
    corner = window.field_nm[:2]
    again = check_of(arrays_of(check, corner), lists_of(check, corner), (corner[0] + 1000, corner[1]))
    east = np.array([1000.0, 0.0])
    assert np.allclose(again.points_nm, check.points_nm + east)
    assert np.array_equal(again.error_nm, check.error_nm, equal_nan=True)
    for ours, theirs in zip(again.hotspots, check.hotspots, strict=True):
        assert (ours.kind, ours.severity, ours.y_nm) == (theirs.kind, theirs.severity, pytest.approx(theirs.y_nm))
        assert ours.x_nm == pytest.approx(theirs.x_nm + 1000)
    for mine, other in zip(again.violations, check.violations, strict=True):
        assert mine.rule == other.rule and np.allclose(mine.marker_nm, other.marker_nm + east)


def test_the_whole_pass_counts_each_site_once_and_measures_equal_windows_once(setup: TileSetup, tmp_path: Path) -> None:
    write_setup(tmp_path, setup)
    tasks = VerifyPass(TILES, Shapes(LINES), DrawnMask(Shapes(MASK)), setup)
    distinct = list(tasks.distinct())
    assert len({task.key for task in distinct}) == len(distinct) == len(set(tasks.keys.values()))
    ended = list(serial().run(partial(verify_task, folder=tmp_path), distinct))
    assert all(outcome.error is None for outcome in ended)
    found = tasks.gathered(TileStore(tmp_path / STORE)).verification()
    assert found.everywhere.sites == len(setup.recipe.verify.sites(LINES, Grid.over((1536, 2304), 4.0, (-448, -416))))
    assert 0 < found.seams.sites < found.interior.sites


def test_a_geometry_survives_its_packing(setup: TileSetup) -> None:
    task = next(VerifyPass(TILES, Shapes(LINES), DrawnMask(Shapes(MASK)), setup).distinct())
    geometry = unpacked(task.payload["target"])
    assert geometry.digest == unpacked(packed(geometry)).digest and len(geometry.rings) > 0


def test_a_window_that_occurs_many_times_counts_as_often(setup: TileSetup) -> None:
    """Three equal windows added together, against one after the other."""
    tiles = TilePlan((0, 0, 4000, 700), (CORE, CORE), HALO, 96.0, (-64.0, -32.0), (5, 1))
    window = window_plan(tiles).tile(1, 0)
    job = Job(setup.recipe, (), setup.process, setup.mask, setup.kernels)
    check = check_window(window, LINES, [*MASK, box(795, 100, 805, 300)], job)
    assert check.hotspots and check.violations
    together, apart = Gathered(tiles, setup.recipe), Gathered(tiles, setup.recipe)
    together.add(check, np.array([[0, 0], [1, 0], [3, 0]]))
    east = np.array([CORE, 0.0])
    for count in (0, 1, 3):
        lists, arrays = lists_of(check, (0.0, 0.0)), arrays_of(check, (0.0, 0.0))
        apart.add(check_of(arrays, lists, tuple(count * east)))  # type: ignore[arg-type]
    ours, theirs = together.verification(), apart.verification()
    assert ours.seams.figures(3) == theirs.seams.figures(3) and ours.interior.figures(3) == theirs.interior.figures(3)
    assert ours.seams.sites > 0
    assert ours.hotspots == theirs.hotspots and len(ours.violations) == len(theirs.violations) > 2
    nothing = np.zeros((1, 5)), np.zeros((1, 5), np.uint8)
    for name in ("epe_rms_nm", "epe_largest_nm", "band_nm"):
        pair = (getattr(sums.numbers(*nothing), name) for sums in (together, apart))
        assert np.allclose(*pair, equal_nan=True)


def test_sums_of_windows_stand_in_the_tiles_that_hold_their_sites(setup: TileSetup) -> None:
    points = np.array([[0.0, 0.0], [700.0, 0.0], [710.0, 0.0], [1300.0, 600.0]])
    sums = Gathered(TILES, setup.recipe)
    errors, band = np.array([[3.0, 4.0, math.nan, -2.0]]), np.array([1.0, 3.0, 5.0, 7.0])
    sums.add(check_of({"points_nm": points, "error_nm": errors, "band_nm": band}, NOTHING, (0.0, 0.0)))
    numbers = sums.numbers(np.zeros((1, 2)), np.zeros((1, 2), np.uint8))
    assert np.allclose(numbers.epe_rms_nm, [[math.sqrt(12.5), 2.0]])
    assert np.allclose(numbers.epe_largest_nm, [[4, 2]]) and np.allclose(numbers.band_nm, [[2, 6]])
    found = sums.verification()
    assert SEAM_NM < 704 - 0 and (found.interior.sites, found.seams.sites, found.seams.lost) == (2, 2, 1)
    assert isinstance(found.everywhere, PlacementTally)


NOTHING: dict[str, list[object]] = {"hotspots": [], "violations": []}
