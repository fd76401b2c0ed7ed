"""What a chip leaves: counts of edge placement errors, cells of the mask, lists, map and report."""

from __future__ import annotations

import itertools
from pathlib import Path

import gdstk
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litho.chip import chip_report
from litho.chip.chip_map import map_figure, write_map
from litho.chip.chip_report import chip_report_html, write_chip_report
from litho.chip.chip_result import COMPUTED, REUSED, SET_ASIDE, ChipResult, ChipVerification, SetAside, TileNumbers
from litho.chip.placement_tally import BIN_NM, PlacementTally
from litho.chip.seam_steps import largest_step_nm, sides_of
from litho.chip.tile_cells import TileCell, lattices, progressions, write_cells
from litho.chip.tiles import tile_plan
from litho.chip.whole_mask import joined_over_seams
from litho.hotspots import HotSpot
from litho.io.write import write_oasis
from litho.layout import read_layout
from litho.raster import polygon_area_nm2
from litho.rule_set import MaskRules, RuleViolation

LAYER = (2, 0)


@pytest.fixture
def errors(rng: np.random.Generator) -> np.ndarray:
    found = rng.normal(0.4, 2.0, 5000)
    found[::100] = np.nan
    return found


def test_quantiles_of_a_tally_are_those_of_the_sorted_list_to_half_a_bin(errors: np.ndarray) -> None:
    sizes = np.sort(np.abs(errors[np.isfinite(errors)]))
    tally = PlacementTally.of(errors)
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        exact = sizes[int(np.ceil(share * len(sizes))) - 1]
        assert abs((tally.quantile_nm(share) or 0) - exact) <= BIN_NM / 2 + 1e-12
    assert tally.largest_nm == sizes[-1]


def test_moments_and_counts_of_a_tally_are_exact(errors: np.ndarray) -> None:
    found, tally = errors[np.isfinite(errors)], PlacementTally.of(errors)
    assert (tally.sites, tally.lost) == (5000, 50)
    assert tally.mean_nm == pytest.approx(found.mean(), rel=1e-12)
    assert tally.rms_nm == pytest.approx(np.sqrt((found**2).mean()), rel=1e-12)
    limit = 3.0 + BIN_NM / 4  # between two sizes that bins can tell
    certain = np.abs(np.abs(found) - limit) > BIN_NM
    assert abs(tally.beyond(limit) - 50 - (np.abs(found) > limit).sum()) <= (~certain).sum()


def test_a_tally_of_parts_is_the_tally_of_the_whole_and_copies_count_as_often(errors: np.ndarray) -> None:
    parts = PlacementTally.of(errors[:1234]) + PlacementTally.of(errors[1234:])
    whole = PlacementTally.of(errors)
    assert np.array_equal(parts.counts, whole.counts) and parts.figures(3) == whole.figures(3)
    thrice, repeated = whole.times(3), PlacementTally.of(np.tile(errors, 3))
    assert np.array_equal(thrice.counts, repeated.counts) and thrice.sites == 15000
    assert thrice.rms_nm == pytest.approx(repeated.rms_nm, rel=1e-12)
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        whole.times(0)


def test_a_tally_of_nothing_has_no_numbers() -> None:
    nothing = PlacementTally.empty()
    assert (nothing.sites, nothing.mean_nm, nothing.rms_nm, nothing.quantile_nm(0.9)) == (0, None, None, None)
    assert nothing.figures(1)["beyond_share"] is None


@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1))
def test_lattices_hold_each_place_exactly_once(places: set[tuple[int, int]]) -> None:
    held = [
        (lattice.first[0] + i * lattice.step[0], lattice.first[1] + j * lattice.step[1])
        for lattice in lattices(np.array(sorted(places)))
        for i, j in itertools.product(range(lattice.counts[0]), range(lattice.counts[1]))
    ]
    assert sorted(held) == sorted(places)


def test_a_full_grid_and_every_other_tile_are_one_lattice_each() -> None:
    grid = np.array(list(itertools.product(range(30), range(40))))
    assert len(lattices(grid)) == 1
    assert len(lattices(grid * (2, 3) + (5, 1))) == 1
    assert list(progressions([1, 2, 3, 7])) == [(1, 1, 3), (7, 1, 1)]


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def test_cells_placed_on_lattices_draw_what_the_flat_mask_draws(tmp_path: Path) -> None:
    """Against the same polygons written one by one, read by the reader of layouts."""
    places = np.array([(i, j) for i in range(5) for j in range(4) if (i, j) != (2, 1)])
    shapes = [box(0, 0, 30.3, 80), box(60, 10.1, 100, 40)]
    alone = box(205, 85, 260, 120)
    cell = TileCell("tile_0", shapes, (-12.5, 40.0), (100.0, 80.0), places)
    assert write_cells(tmp_path / "chip.oas", [cell], {LAYER: [alone]}, 0.1) == 3
    flat = [s + (-12.5, 40.0) + (100.0, 80.0) * place for s in shapes for place in places]
    write_oasis(tmp_path / "flat.oas", {LAYER: [*flat, alone]}, 0.1)
    ours, theirs = (read_layout(tmp_path / name).polygons() for name in ("chip.oas", "flat.oas"))
    drawn = [[gdstk.Polygon(p.tolist()) for p in polygons] for polygons in (ours, theirs)]
    assert not gdstk.boolean(*drawn, "xor", 1e-6)
    assert sum(map(polygon_area_nm2, ours)) > 0


def test_the_file_of_a_repeated_tile_does_not_grow_with_its_places(tmp_path: Path) -> None:
    sizes = []
    for count in (10, 1000):
        places = np.array(list(itertools.product(range(count), range(count))))
        cell = TileCell("tile_0", [box(0, 0, 50, 50)], (0, 0), (100, 100), places)
        write_cells(tmp_path / "chip.oas", [cell], {}, 0.1)
        sizes.append((tmp_path / "chip.oas").stat().st_size)
    assert sizes[1] <= sizes[0] + 16


def test_a_cell_that_no_reader_can_name_is_refused() -> None:
    with pytest.raises(ValueError, match="`name` must be ASCII"):
        TileCell("../x", [], (0, 0), (1, 1), np.zeros((1, 2), np.int64))


def test_a_step_at_a_seam_is_the_distance_of_two_ends_that_should_be_one() -> None:
    left = sides_of([box(40, 10, 100, 30), box(60, 50, 100, 80)], (100.0, 100.0))
    for shift in (0.0, 0.25, 3.0):
        right = sides_of([box(0, 10, 60, 30 + shift), box(0, 50, 60, 80)], (100.0, 100.0))
        assert largest_step_nm({(0, 0): left, (1, 0): right}, (2, 1)) == pytest.approx(shift)
    assert largest_step_nm({(1, 0): left}, (2, 1)) == 0 and largest_step_nm({(0, 0): left}, (1, 1)) is None


@pytest.mark.parametrize("angle_deg", [90.0, 45.0, 5.0])
def test_a_step_of_a_slanted_outline_is_its_offset_across(angle_deg: float) -> None:
    angle, offset = np.radians(angle_deg), 0.4
    along = 20 / np.tan(angle)  # how far the outline climbs on its way over a core
    left = [np.array([(80, 0), (100, 0), (100, 50), (80, 50 - along)])]
    end = 50 + offset / np.sin(angle)
    right = [np.array([(0, 0), (20, 0), (20, end + along), (0, end)])]
    sides = {(n, 0): sides_of(found, (100.0, 100.0)) for n, found in enumerate((left, right))}
    assert largest_step_nm(sides, (2, 1)) == pytest.approx(offset, abs=1e-6)


def test_a_shape_that_ends_at_a_seam_is_a_step_as_wide_as_it_is() -> None:
    left = sides_of([box(40, 10, 100, 30), box(60, 50, 100, 80)], (100.0, 100.0))
    assert largest_step_nm({(0, 0): left, (1, 0): sides_of([], (100.0, 100.0))}, (2, 1)) == 30
    assert largest_step_nm({(0, 0): left}, (2, 1)) == 30


def test_an_outline_that_a_seam_grazes_is_off_by_what_was_cut_from_it() -> None:
    """A circle of radius 50 without its lowest 0.02 nm: a bare stretch a hundred times as long; and its mould."""
    angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    circle = np.column_stack([50 + 50 * np.cos(angle), 50 - 0.02 + 50 * np.sin(angle)])
    cut = np.asarray(gdstk.boolean(gdstk.Polygon(circle), gdstk.rectangle((0, 0), (100, 100)), "and", 1e-6)[0].points)
    upper = sides_of([cut], (100.0, 100.0))
    assert np.diff(upper.lower)[0] == pytest.approx(2 * np.sqrt(2 * 50 * 0.02), rel=0.05)
    found = largest_step_nm({(0, 1): upper, (0, 0): sides_of([], (100.0, 100.0))}, (1, 2))
    assert found == pytest.approx(0.02, rel=0.05)
    frame = gdstk.Polygon([(0, 0), (100, 0), (100, 60), (0, 60)])
    mould = sides_of([np.asarray(p.points) for p in gdstk.boolean(frame, gdstk.Polygon(cut), "not", 1e-6)], (100, 100))
    below = sides_of([box(0, 0, 100, 100)], (100.0, 100.0))
    assert largest_step_nm({(0, 1): mould, (0, 0): below}, (1, 2)) == pytest.approx(found, rel=1e-3)


def test_ends_that_two_polygons_of_a_tile_share_are_no_ends() -> None:
    """Two boxes on one another cover a side without a break."""
    one = sides_of([box(40, 10, 100, 30), box(60, 30, 100, 80)], (100.0, 100.0))
    assert one.right.tolist() == [10, 80]


def test_polygons_that_a_seam_cut_are_joined_and_the_others_stay() -> None:
    inner, cut = box(10, 10, 30, 30), [box(60, 40, 100, 60.1), box(100, 40, 150, 60.1)]
    found = joined_over_seams([inner, *cut], (0.0, 0.0), (100.0, 100.0), 0.1)
    assert len(found) == 2
    assert sorted(map(polygon_area_nm2, found)) == pytest.approx([400, 90 * 20.1])


def result_of(rng: np.random.Generator, *, failed: bool = True, name: str = "block") -> ChipResult:
    plan = tile_plan((0, 0, 3000, 2000), (1024, 1024), 256, overlap_nm=64, unit_nm=8)
    shape = plan.counts[::-1]
    origin = np.full(shape, COMPUTED, np.uint8)
    origin[0, 0] = REUSED
    origin[-1, -1] = SET_ASIDE if failed else COMPUTED
    numbers = TileNumbers(*(np.where(origin == SET_ASIDE, np.nan, rng.uniform(1, 2, shape)) for _ in range(4)), origin)
    spots = (HotSpot("pinch", 10.0, 20.0, 30.0, 40.0, 1.33, "dose 1, defocus 0 nm"),)
    broken = (RuleViolation("width", 18.0, 20.0, 5.0, 6.0, np.array([[0.0, 6.0], [18.0, 6.0]])),)
    found = ChipVerification(
        PlacementTally.of(rng.normal(0, 1, 900)),
        PlacementTally.of(rng.normal(0, 1, 300)),
        5.0,
        spots,
        broken,
        MaskRules(),
    )
    aside = (SetAside("c002_r001", 2500.0, 1500.0, "correct", "<script>alert(1)</script>"),) if failed else ()
    return ChipResult(name, plan, numbers, found, aside, 0.12, {"tiles": {"all": 6}}, {"seed": 0}, {"seconds": 75.0})


def test_the_map_has_a_panel_for_each_thing_that_is_known(rng: np.random.Generator, tmp_path: Path) -> None:
    result = result_of(rng)
    maps = [axes for axes in map_figure(result).axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in maps] == ["Edge placement error", "PV band", "Run time"]
    shown = maps[0].images[0].get_array()
    assert shown is not None and shown.mask.sum() == 1  # the tile that was set aside
    x0, y0, x1, y1 = result.tiles.box_nm
    assert tuple(maps[0].images[0].get_extent()) == (x0 / 1000, x1 / 1000, y0 / 1000, y1 / 1000)
    assert write_map(result, tmp_path / "map.png").read_bytes()[:4] == b"\x89PNG"


def test_the_report_tells_seams_beside_the_interior_and_what_failed(rng: np.random.Generator, tmp_path: Path) -> None:
    result = result_of(rng)
    write_chip_report(result, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert result.verification is not None
    for tally in (result.verification.interior, result.verification.seams):
        assert f"{tally.quantile_nm(0.99):.2f}" in text
    assert "c002_r001" in text and "2500" in text and "1500" in text
    assert "&lt;script&gt;" in text and "<script" not in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_clean_chip_lists_no_failures_and_its_name_is_text(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chip_report, "picture", lambda figure, text: "")
    monkeypatch.setattr(chip_report, "map_figure", lambda result: None)
    monkeypatch.setattr(chip_report, "seam_figure", lambda *found: None)
    text = chip_report_html(result_of(rng, failed=False, name="{{style}}<b>"))
    assert 'id="failures"' not in text and "{{style}}&lt;b&gt;" in text
