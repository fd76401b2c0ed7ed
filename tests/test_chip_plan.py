"""The plan of a chip, what its tiles are cut to, and what is seen while it runs."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import gdstk
import pytest
from gdstk import Library
from rich.console import Console
from test_job import TINY, drawn

from litho.chip.array_pitch import array_plan
from litho.chip.chip_settings import ChipSettings
from litho.chip.chip_terminal import show_plan
from litho.chip.layout_part import LayoutPart
from litho.chip.plan import plan_chip, work_per_um2
from litho.chip.progress import LEAST_TILES, ChipProgress, PassSize, Tally, duration, figures_text
from litho.chip.tile_choice import (
    MEMORY_SHARE,
    array_seconds,
    array_tiles,
    choose_tiles,
    field_bytes,
    largest_field_nm,
    workers_that_fit,
)
from litho.chip.tile_setup import coarsest_pixel_nm
from litho.chip.windows import LayoutWindows
from litho.clip_memory import bytes_per_clip
from litho.config import Recipe, load_recipe, read_recipe
from litho.job import JobError, prepare
from litho.patterns_array import write_memory_array
from litho.raster import polygon_area_nm2
from litho.recipe_tables import FieldTable

SETTINGS = ChipSettings(field_nm=2048.0, halo_nm=256.0)
BLOCK_NM = 960.0
"""Pitch of the blocks of a memory array."""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(TINY)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with 40 lines on layer 1/0 and one box on 7/3."""
    library = Library(unit=1e-9, precision=1e-9)
    line = gdstk.rectangle((0, 0), (60, 2500), 1, 0)
    line.repetition = gdstk.Repetition(40, 1, spacing=(130, 1))
    library.new_cell("block").add(line, gdstk.rectangle((0, 0), (10, 10), 7, 3))
    path = tmp_path_factory.mktemp("plan") / "lines.oas"
    library.write_oas(path)
    return path


def test_cores_cover_the_layout_with_its_margin_and_fields_stay_within_the_largest(recipe: Recipe) -> None:
    for box in ((0, 0, 100, 100), (-37, 11, 5000, 900), (3, 3, 9001, 12345)):
        plan = choose_tiles(box, recipe, SETTINGS, 256.0)
        x0, y0, x1, y1 = plan.box_nm
        margin = SETTINGS.margin_nm
        assert x0 <= box[0] - margin and y0 <= box[1] - margin and x1 >= box[2] + margin and y1 >= box[3] + margin
        assert max(plan.field_nm) <= SETTINGS.field_nm
        assert all(length % coarsest_pixel_nm(recipe) == 0 for length in (*plan.core_nm, plan.halo_nm, *plan.origin_nm))
        needed = [math.ceil((box[n + 2] - box[n] + 2 * margin) / (2048 - 512)) for n in (0, 1)]
        assert all(count <= least + 1 for count, least in zip(plan.counts, needed, strict=True))


def with_field(recipe: Recipe, width: float, height: float) -> Recipe:
    return recipe.model_copy(update={"field": FieldTable(pixel_nm=4.0, size_nm=(width, height))})


def test_a_recipe_with_a_field_of_its_own_sets_it(recipe: Recipe) -> None:
    own = with_field(recipe, 1600.0, 1280.0)
    assert choose_tiles((0, 0, 5000, 5000), own, SETTINGS, 256.0).field_nm == (1600, 1280)


def test_a_halo_larger_than_the_core_is_refused_in_one_sentence(recipe: Recipe) -> None:
    with pytest.raises(JobError, match=r"`recipe` must give a halo smaller than the core of a tile, .* 704 nm") as told:
        choose_tiles((0, 0, 5000, 5000), recipe, SETTINGS, 704.0)
    assert "\n" not in str(told.value)


def test_the_largest_field_takes_its_share_of_the_memory(recipe: Recipe) -> None:
    side = largest_field_nm(recipe, 8 * 2**30)
    assert field_bytes(recipe, side, side) == pytest.approx(MEMORY_SHARE * 8 * 2**30, rel=0.1)
    assert workers_that_fit(16, 2**30, 5 * 2**30) == 5 and workers_that_fit(4, 2**40, 2**30) == 1


def test_the_memory_of_a_field_is_that_of_a_clip_of_its_size(tmp_path: Path) -> None:
    drawn(tmp_path / "a.gds", (0, 0, 60, 200))
    few = TINY.replace("steps = 12", "steps = 12\nkernels = 10").replace("steps = 6", "steps = 6\nkernels = 10")
    small = with_field(read_recipe(few), 1024.0, 1024.0)
    exact = bytes_per_clip(prepare([tmp_path / "a.gds"], small))
    assert field_bytes(small, 1024, 1024) == pytest.approx(exact, rel=0.35)  # the kernels are not counted exactly


def test_twice_the_steps_are_twice_the_work_and_half_the_pixel_four_times(recipe: Recipe) -> None:
    text = TINY.replace("steps = 12", "steps = 24").replace("steps = 6", "steps = 12")
    assert work_per_um2(read_recipe(text)) == pytest.approx(2 * work_per_um2(recipe))
    finer = read_recipe(TINY.replace("pixel_nm = 8", "pixel_nm = 4"))
    assert work_per_um2(finer) == pytest.approx(4 * work_per_um2(recipe))
    assert work_per_um2(load_recipe("default")) == pytest.approx(10)  # what the rate per unit of work was measured at


def test_the_plan_tells_layers_shapes_tiles_and_says_that_its_time_is_an_estimate(layout: Path, recipe: Recipe) -> None:
    plan = plan_chip(LayoutWindows(layout, "1/0"), recipe, SETTINGS, workers=2)
    assert plan.counts == {(1, 0): 40, (7, 3): 1} and plan.tiles.layout_box_nm == (0, 0, 5130, 2500)
    assert plan.distinct is not None and 0 < plan.distinct <= plan.tiles.count
    assert plan.estimate.seconds == plan.estimate.core_seconds / 2
    stream = io.StringIO()
    show_plan(plan, Console(file=stream, width=100))
    text = " ".join(stream.getvalue().split())
    for words in ("lines.oas", "1/0: 40, 7/3: 1", "5.13 x 2.5 µm", "halo 256 nm", "an estimate", "2, "):
        assert words in text, words
    assert plan.figures()["shapes"] == 40


def test_mirror_images_count_once_where_light_allows_it(recipe: Recipe, tmp_path: Path) -> None:
    """Six by four tiles of blocks that are their own mirror images; the source is a ring, the cores are no squares."""
    write_memory_array(tmp_path / "memory.oas", (12, 8))
    source = LayoutWindows(tmp_path / "memory.oas")
    settings = ChipSettings(field_nm=1568.0, halo_nm=256.0, margin_nm=96.0)
    plans = [plan_chip(source, recipe, replace(settings, reuse_mirrored=reuse)) for reuse in (True, False)]
    assert plans[0].tiles == plans[1].tiles and plans[0].tiles.counts == (6, 4)
    assert [plan.distinct for plan in plans] == [3 * 2, 6 * 4]
    assert [plan.drawn_apart for plan in plans] == [6 * 4, 6 * 4]
    assert plans[0].estimate.core_seconds < plans[1].estimate.core_seconds


def test_an_array_gets_cores_of_whole_pitches_and_its_equal_tiles_are_counted_once(
    layout: Path, recipe: Recipe
) -> None:
    settings = ChipSettings(field_nm=1568.0, halo_nm=256.0, margin_nm=0.0)
    plan = plan_chip(LayoutWindows(layout, "1/0"), recipe, settings)
    assert plan.repeats and plan.tiles.core_nm[0] % 130 == 0
    assert plan.distinct is not None and plan.distinct < plan.tiles.count
    assert (
        plan.estimate.core_seconds
        < plan_chip(LayoutWindows(layout, "1/0"), recipe, settings, count_equal=False).estimate.core_seconds
    )


def test_small_cores_pay_in_large_arrays_and_nowhere_else(recipe: Recipe, tmp_path: Path) -> None:
    """What repeats is computed once whatever its size; what does not costs a halo for every core."""
    settings = ChipSettings(field_nm=4096.0, halo_nm=480.0)
    sides = {}
    for bits in ((16, 16), (400, 300)):
        write_memory_array(tmp_path / "memory.oas", bits)
        source = LayoutWindows(tmp_path / "memory.oas")
        plan = array_tiles(source, recipe, settings, 480.0)
        assert plan is not None and plan.field_nm[0] <= 4096
        every = [
            array_plan(source, n * BLOCK_NM, 480.0, overlap_nm=96.0, margin_nm=256.0, unit_nm=8.0) for n in (1, 2, 3)
        ]
        costs = {p.core_nm: array_seconds(p, 1.0) for p in every if p is not None}
        assert len(costs) == 3 and costs[plan.core_nm] == min(costs.values())
        assert min(plan.core_nm) >= 480 + settings.overlap_nm + 16
        sides[bits] = plan.core_nm
    assert sides[16, 16] > (BLOCK_NM, BLOCK_NM) == sides[400, 300]
    alone = [array_seconds(p, 0.0) for p in every if p is not None]  # if nothing repeated
    assert alone == sorted(alone, reverse=True)


def test_a_part_of_a_layout_ends_where_its_box_ends(layout: Path) -> None:
    whole = LayoutWindows(layout, "1/0")
    part = LayoutPart(whole, (100.0, 200.0, 700.0, 900.0))
    assert part.bounds_nm == (100, 200, 700, 900)
    cut = whole.polygons((100.0, 200.0, 700.0, 900.0))
    found = part.polygons((0.0, 0.0, 5000.0, 2500.0))
    assert sum(map(polygon_area_nm2, found)) == sum(map(polygon_area_nm2, cut)) == (4 * 60 + 50) * 700
    assert part.polygons((2000.0, 0.0, 3000.0, 100.0)) == []
    assert part.geometry((0.0, 0.0, 50.0, 50.0)).rings == ()


def test_a_window_beside_the_layout_is_refused(layout: Path) -> None:
    with pytest.raises(JobError, match=r"`window` must meet the layer's shapes, which lie in 0,0,5130,2500 nm"):
        LayoutPart(LayoutWindows(layout, "1/0"), (6000.0, 0.0, 7000.0, 100.0))


def sizes() -> list[PassSize]:
    return [PassSize("correct", 10, 20, 1.0), PassSize("cut", 10, 20, 0.5)]


def test_rate_reuse_and_remaining_time_follow_from_what_is_counted() -> None:
    tally = Tally(100.0, sizes())
    tally.begin(sizes()[0], 0.0)
    assert tally.rate_um2_per_s(1.0) is None and tally.remaining_s(1.0) is None
    for _ in range(LEAST_TILES + 2):
        tally.count(failed=False, whole=False)
    assert tally.rate_um2_per_s(10.0) == 5.0  # half of 100 um^2 in 10 s
    assert tally.remaining_s(10.0) == pytest.approx(10 + 10)  # 5 tasks of 2 s, 10 of 1 s
    assert tally.reused == 0.5 and tally.tiles_done == 10


def test_what_an_earlier_run_left_counts_as_reused_and_not_as_speed() -> None:
    tally = Tally(100.0, sizes()[:1])
    tally.begin(sizes()[0], 0.0)
    for _ in range(5):
        tally.count(failed=False, whole=True)
    for _ in range(3):
        tally.count(failed=False, whole=False)
    assert tally.reused == 0.75 and tally.rate_um2_per_s(3.0) == pytest.approx(10.0)
    assert tally.remaining_s(3.0) == pytest.approx(2.0)


def test_without_a_terminal_a_line_comes_every_few_seconds_and_failures_stay() -> None:
    stream, now = io.StringIO(), [0.0]
    progress = ChipProgress(
        100.0,
        sizes(),
        "http://127.0.0.1:8787/status",
        console=Console(file=stream, width=200),
        interval_s=10.0,
        clock=lambda: now[0],
    )
    with progress:
        progress.begin(sizes()[0])
        for _ in range(9):
            now[0] += 4.0
            progress.count()
        progress.warn("c000_r001 correct is set aside: [bold]no[/]")
        progress.count(failed=True)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Dask's dashboard: http://127.0.0.1:8787/status"
    told = [line for line in lines if line.startswith("correct (1 of 2)")]
    assert len(told) == 4  # at 0, 12, 24 and 36 s
    assert "18 of 20 tiles, 2.5 µm²/s" in told[-1] and "50 % reused, 0 failed" in told[-1]
    assert "[bold]no[/]" in stream.getvalue()
    assert "1 failed" in figures_text(progress.tally, 40.0)


def test_times_are_told_in_units_of_their_size() -> None:
    found = [duration(s) for s in (4.4, 59.6, 192, 3599, 7810, 270_000)]
    assert found == ["4 s", "1 min 00 s", "3 min 12 s", "59 min 59 s", "2 h 10 min", "3 d 03 h"]


def test_a_pass_of_more_tasks_than_tiles_is_refused() -> None:
    with pytest.raises(ValueError, match="`tasks` must be at least 0 and at most `tiles`"):
        PassSize("correct", 3, 2)
