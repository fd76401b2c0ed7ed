"""Prints over a whole layout: the same outlines as in one large field, and seams that meet."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gdstk
import numpy as np
import pytest
from test_job import TINY, box

from litho.chip import print_pictures
from litho.chip.chip_job import prepare_chip
from litho.chip.chip_result import SET_ASIDE
from litho.chip.chip_settings import ChipSettings
from litho.chip.print_pictures import draw_print_window, print_map, print_window, shown_box
from litho.chip.store import TileStore
from litho.chip.tile_setup import field_kernels, read_setup, tile_setup
from litho.chip.whole_prints import PrintNumbers, PrintPass, simulate_chip, write_prints
from litho.chip.whole_verify import STORE
from litho.chip.window_check import window_corners
from litho.config import read_recipe
from litho.contour import contours
from litho.grid import Grid
from litho.io.write import write_oasis
from litho.job import Job
from litho.layout import read_layout
from litho.outlines import length_nm
from litho.plot_style import new_figure
from litho.polygons import merge
from litho.printability import band_area_nm2
from litho.raster import polygon_area_nm2

RECIPE = (
    TINY.replace("[[ilt.stages]]", "[output]\ndbu_nm = 0.1\n[[ilt.stages]]", 1)
    + """
[process]
corners = [{ dose = 1.0 }, { dose = 1.04 }, { dose = 0.96 }]
"""
)
SETTINGS = ChipSettings(field_nm=1664.0, halo_nm=480.0, margin_nm=64.0, overlap_nm=64.0)
MASK = [box(x, 0, x + 70, 500) for x in range(0, 900, 140)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a mask of two tiles and its prints."""
    folder = tmp_path_factory.mktemp("prints")
    write_oasis(folder / "mask.oas", {(2, 0): MASK}, 0.1)
    simulate_chip(folder / "mask.oas", read_recipe(RECIPE), folder / "out", settings=SETTINGS)
    return folder


def test_prints_of_tiles_are_those_of_one_field_that_holds_the_whole_mask(folder: Path) -> None:
    recipe, grid = read_recipe(RECIPE), Grid.over((1472.0, 1904.0), 2.0, (-486.0, -486.0))
    setup = tile_setup(recipe, SETTINGS, field_kernels(recipe, grid.period_nm))
    job = Job(recipe, (), setup.process, setup.mask, setup.kernels)
    found = read_layout(folder / "out" / "prints.oas")
    for number, corner in enumerate(window_corners(MASK, grid, job)):
        assert corner.samples is not None
        whole = contours(corner.samples, grid, corner.threshold)
        ours = found.polygons(f"{10 + number}/0")
        assert len(ours) == len(whole) == len(MASK)  # the line that a seam cuts is one piece
        pair = [[gdstk.Polygon(p.tolist()) for p in polygons] for polygons in (ours, whole)]
        between = sum(polygon_area_nm2(p.points) for p in gdstk.boolean(*pair, "xor", 1e-3))
        assert between / length_nm(whole) < 0.15  # mean distance of the outlines, nm
        assert sum(map(polygon_area_nm2, whole)) > 0.5 * sum(map(polygon_area_nm2, MASK))


def test_the_figures_tell_the_area_that_every_corner_prints(folder: Path) -> None:
    told = json.loads((folder / "out" / "metrics.json").read_text())
    prints = read_layout(folder / "out" / "prints.oas")
    areas = [sum(map(polygon_area_nm2, prints.polygons(f"{10 + k}/0"))) / 1e6 for k in range(3)]
    assert np.allclose(list(told["printed_um2"].values()), areas, rtol=1e-4)
    assert areas[1] > areas[0] > areas[2] > 0 and told["set_aside"] == []


@pytest.fixture(scope="module")
def drawn(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[PrintPass, TileStore, PrintNumbers]:
    """Tiles, where they were left, and their numbers."""
    out = folder / "out"
    job = prepare_chip(folder / "mask.oas", read_recipe(RECIPE), out, correct=False, settings=SETTINGS)
    passes, store = PrintPass(job.plan.tiles, job.source, read_setup(out)), TileStore(out / STORE)
    return passes, store, write_prints(passes, store, tmp_path_factory.mktemp("again") / "prints.oas")[1]


def test_bands_of_all_tiles_are_the_band_of_the_whole_print(
    folder: Path, drawn: tuple[PrintPass, TileStore, PrintNumbers]
) -> None:
    prints = read_layout(folder / "out" / "prints.oas")
    whole = band_area_nm2([prints.polygons(f"{layer}/0") for layer in (11, 12)]) / 1e6
    told = json.loads((folder / "out" / "metrics.json").read_text())
    assert drawn[2].band_um2.shape == (1, 2) and drawn[2].band_um2.sum() == pytest.approx(whole, rel=1e-6)
    assert told["pv_band_um2"] == pytest.approx(whole, abs=1e-6) and whole > 1e-3


def test_without_two_corners_beside_the_nominal_one_no_band_is_told(
    drawn: tuple[PrintPass, TileStore, PrintNumbers],
) -> None:
    numbers = PrintNumbers.of_nothing(drawn[0].tiles, 2)
    assert numbers.figures(["a", "b"]) == {"printed_um2": {"a": 0.0, "b": 0.0}, "pv_band_um2": None}


def test_a_window_over_a_seam_shows_mask_and_prints_of_the_whole_file(
    folder: Path, drawn: tuple[PrintPass, TileStore, PrintNumbers]
) -> None:
    passes, store, _ = drawn
    seam = passes.tiles.tile(1, 0).core_nm[0]
    box_nm = (seam - 90.0, 100.0, seam + 110.0, 520.0)
    shown, whole = print_window(passes, store, box_nm), read_layout(folder / "out" / "prints.oas")
    pairs = [(rings, whole.polygons(f"{10 + k}/0")) for k, rings in enumerate(shown.prints)]
    for ours, theirs in [(shown.mask, MASK), *pairs]:
        cut = [[gdstk.Polygon(p) for p in merge(polygons, box_nm)] for polygons in (ours, theirs)]
        assert sum(p.area() for p in cut[1]) > 5000
        assert sum(p.area() for p in gdstk.boolean(*cut, "xor", 1e-3)) < 1
    assert sum(polygon_area_nm2(ring) for ring in shown.band) > 0


def test_of_a_large_layout_the_place_with_the_largest_band_is_shown_and_nothing_else_read(
    drawn: tuple[PrintPass, TileStore, PrintNumbers], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, store, numbers = drawn
    monkeypatch.setattr(print_pictures, "WHOLE_NM", 0.0)
    monkeypatch.setattr(print_pictures, "DETAIL_NM", 200.0)
    read: list[str] = []
    monkeypatch.setattr(TileStore, "get", lambda self, key, get=TileStore.get: read.append(key) or get(self, key))
    for column in (0, 1):
        band = np.zeros((1, 2))
        band[0, column] = 1.0
        x0, y0, x1, y1 = shown_box(passes, store, PrintNumbers(numbers.printed_um2, band, numbers.origin))
        left, bottom, right, top = passes.tiles.tile(column, 0).core_nm
        assert left <= x0 < x1 <= right and bottom <= y0 < y1 <= top and x1 - x0 == y1 - y0 == 200
        assert print_window(passes, store, (x0, y0, x1, y1)).band
        assert set(read) == {passes.keys[column, 0]}
        read.clear()


def test_tiles_that_were_set_aside_are_told_as_such_and_the_rest_is_drawn(
    folder: Path, drawn: tuple[PrintPass, TileStore, PrintNumbers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(print_pictures, "WHOLE_NM", 0.0)
    passes, _, numbers = drawn
    store = TileStore(shutil.copytree(folder / "out" / STORE, tmp_path / STORE))
    for column, lost in ((0, 1), (1, 2)):
        store.path(passes.keys[column, 0]).unlink()
        _, found = write_prints(passes, store, tmp_path / "prints.oas")
        assert np.count_nonzero(found.origin == SET_ASIDE) == lost == np.count_nonzero(np.isnan(found.band_um2))
        told = found.figures(["a", "b", "c"])
        assert told["pv_band_um2"] == (pytest.approx(numbers.band_um2[0, 1], abs=1e-6) if lost == 1 else None)
        box_nm = print_pictures.write_print_pictures(passes, store, found, tmp_path)
        assert bool(print_window(passes, store, box_nm).band) == (lost == 1)


def test_the_pictures_show_maps_of_all_tiles_and_the_window(
    folder: Path, drawn: tuple[PrintPass, TileStore, PrintNumbers]
) -> None:
    passes, store, numbers = drawn
    told = json.loads((folder / "out" / "metrics.json").read_text())
    maps = [axes for axes in print_map(passes, numbers, told["detail_nm"]).axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in maps] == ["Nominal print", "PV band"]
    core = passes.tiles.core_nm[0] * passes.tiles.core_nm[1] / 1e6
    assert np.allclose(maps[1].images[0].get_array(), 100 * numbers.band_um2 / core)
    axes = new_figure(4, 4).add_subplot()
    draw_print_window(axes, print_window(passes, store, tuple(told["detail_nm"])), "Print")
    legend = axes.get_legend()
    assert legend is not None and [t.get_text() for t in legend.get_texts()] == ["mask", "nominal print", "PV band"]
    for name in ("chip_map.png", "prints.png"):
        assert (folder / "out" / name).read_bytes()[:4] == b"\x89PNG"
    styles = (folder / "out" / "prints.lyp").read_text()
    assert all(f"<source>{layer}/0@1</source>" in styles for layer in (2, 10, 11, 12))
