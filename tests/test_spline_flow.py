"""From a layout to a mask of curves: whole shapes across borders, results that say what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gdstk
import numpy as np
import pytest

from litho.cells import Floats
from litho.config import read_recipe
from litho.contour import contours
from litho.curves import Curve
from litho.flow import Update, correct
from litho.grid import Grid
from litho.io import CURVE_PROPERTY, write_gds
from litho.job import Job, prepare
from litho.outlines import area_nm2
from litho.outputs import write_polygons
from litho.raster import coverage
from litho.spline_flow import correct_splines, periodic_outlines
from litho.spline_ilt import SplineSettings

RECIPE = """
base = "default"
[field]
pixel_nm = 2
halo_nm = 250
[optics]
max_error = 0.1
[[ilt.stages]]
pixel_nm = 8
steps = 12
mask_steepness = 6
resist_steepness = 40
[[ilt.stages]]
pixel_nm = 8
steps = 6
mask_steepness = 12
resist_steepness = 60
"""
SETTINGS = SplineSettings(steps=8, pixel_nm=4.0, resist_steepness=100.0)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("layout")
    line = np.array([[0, 0], [80, 0], [80, 300], [0, 300]], float)
    write_gds(folder / "line.gds", {(1, 0): [line]})
    return prepare([folder / "line.gds"], read_recipe(RECIPE))


def with_settings(job: Job, settings: SplineSettings) -> Job:
    return replace(job, recipe=job.recipe.model_copy(update={"spline": settings}))


def test_a_layout_becomes_curves_that_print_no_worse_and_are_written_as_they_are(job: Job, tmp_path: Path) -> None:
    (pixels,) = correct(job, "cpu")
    (curves,) = correct_splines(with_settings(job, SETTINGS), "cpu")
    error = [float(r.metrics["L2"]) + float(r.metrics["PVB"]) for r in (pixels, curves)]
    assert error[1] <= 1.01 * error[0]
    assert curves.curves and all(isinstance(curve, Curve) for curve in curves.curves)
    assert curves.metrics["curves"]["min_radius_nm"] >= SETTINGS.min_radius_nm
    assert curves.metrics["curves"]["control_points"] == sum(len(c) for c in curves.curves if c is not None)
    assert len(curves.history) == len(pixels.history) + 1
    covered = coverage(curves.mask_polygons, curves.grid)
    assert np.array_equal(curves.mask, (covered >= 0.5).astype(np.uint8))
    write_polygons(curves, tmp_path / "mask.oas")
    read = gdstk.read_oas(str(tmp_path / "mask.oas")).top_level()[0].polygons
    texts = [value.decode() for p in read for name, value in p.properties if name == CURVE_PROPERTY]
    again = [Curve.from_text(text) for joined in texts for text in joined.split(" | ")]
    numbers = [sorted(c.control_points.tolist() for c in some if c is not None) for some in (again, curves.curves)]
    assert numbers[0] == numbers[1]


def test_stopping_keeps_the_best_curves(job: Job) -> None:
    steps: list[tuple[int, int]] = []

    def report(update: Update) -> bool:
        steps.append((update.stage, update.step))
        return update.stage == 2 and update.step == 3

    (result,) = correct_splines(with_settings(job, SETTINGS), "cpu", report)
    assert result.info["stopped_early"] and result.curves
    assert steps[-1] == (2, 3)


def shapes_of(level: Floats, grid: Grid) -> list[Floats]:
    return periodic_outlines(contours(level, grid), grid)


def test_shapes_across_the_border_are_put_together_with_their_holes() -> None:
    grid = Grid((200, 160), (4.0, 4.0), (-100.0, 50.0))
    y, x = ((np.arange(n) + 0.5) * 4.0 for n in grid.shape)

    def ring(x0: float, y0: float) -> Floats:
        """Return a level that is positive in a ring of radii 20 and 60 nm around a point, periodic in the field."""
        dx = (x[None, :] - x0 + 320) % 640 - 320
        dy = (y[:, None] - y0 + 400) % 800 - 400
        return 20.0 - np.abs(np.hypot(dx, dy) - 40.0)

    inside = shapes_of(ring(320.0, 400.0), grid)
    for x0, y0 in ((3.0, 400.0), (320.0, 790.0), (2.0, 1.0), (639.0, 799.0)):
        moved = shapes_of(ring(x0, y0), grid)
        assert len(moved) == 2
        # where a contour meets the border, its corners are cut by half a pixel: at most 16 triangles of 2 nm^2
        assert area_nm2(moved) == pytest.approx(area_nm2(inside), abs=16 * 2 + 2)
        middle = (moved[0].min(axis=0) + moved[0].max(axis=0)) / 2 - grid.origin_nm
        assert np.all(middle >= 0) and np.all(middle < [640.0, 800.0])
        offset = (middle - [x0, y0] + [320, 400]) % [640, 800] - [320, 400]
        assert np.abs(offset).max() < 1.0


def test_shapes_that_never_end_and_those_inside_are_left_as_they_are() -> None:
    grid = Grid.square(640, 4)
    bar = np.array([[0, 100], [640, 100], [640, 200], [0, 200]], float)
    island = np.array([[300, 300], [400, 300], [400, 400]], float)
    assert [p.tolist() for p in periodic_outlines([bar, island], grid)] == [bar.tolist(), island.tolist()]
    assert [p.tolist() for p in periodic_outlines([island], grid)] == [island.tolist()]
    assert periodic_outlines([], grid) == []


def test_rounds_are_reported_as_stages_after_those_of_pixels(job: Job) -> None:
    stages: set[int] = set()
    settings = replace(SETTINGS, steps=2, penalties_nm2=(500.0, 2000.0))
    (result,) = correct_splines(with_settings(job, settings), "cpu", lambda update: bool(stages.add(update.stage)))
    assert stages == {0, 1, 2, 3}
    assert len(result.history) == 4 and result.history[-1].values.shape[1] == 1
