"""Prints over a whole layout: the same outlines as in one large field, and seams that meet."""

from __future__ import annotations

import json
from pathlib import Path

import gdstk
import numpy as np
import pytest
from test_job import TINY, box

from litho.chip.chip_settings import ChipSettings
from litho.chip.tile_setup import field_kernels, tile_setup
from litho.chip.whole_prints import simulate_chip
from litho.chip.window_check import window_corners
from litho.config import read_recipe
from litho.contour import contours
from litho.grid import Grid
from litho.io.write import write_oasis
from litho.job import Job
from litho.layout import read_layout
from litho.outlines import length_nm
from litho.raster import polygon_area_nm2

RECIPE = (
    TINY.replace("[[ilt.stages]]", "[output]\ndbu_nm = 0.1\n[[ilt.stages]]", 1)
    + """
[process]
corners = [{ dose = 1.0 }, { dose = 1.04 }]
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
    areas = [sum(map(polygon_area_nm2, prints.polygons(f"{10 + k}/0"))) / 1e6 for k in range(2)]
    assert np.allclose(list(told["printed_um2"].values()), areas, rtol=1e-4)
    assert areas[1] > areas[0] > 0 and told["set_aside"] == []
