"""What a target prints without correction is what a simulation of it prints."""

from __future__ import annotations

import numpy as np
import pytest
from test_job import TINY, drawn

from litho.config import read_recipe
from litho.flow import simulate
from litho.job import Job, prepare
from litho.raster import polygon_area_nm2
from litho.scene import scene_of
from litho.uncorrected import with_uncorrected


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two clips, off the origin, seen through round corners."""
    folder = tmp_path_factory.mktemp("uncorrected")
    files = [
        drawn(folder / "a.gds", (0, 0, 80, 400), (200, 0, 300, 100)),
        drawn(folder / "b.gds", (700, 300, 900, 380)),
    ]
    return prepare(files, read_recipe(f"{TINY}[mask]\ncorner_radius_nm = 20.0\n"))


def test_the_uncorrected_print_is_that_of_a_simulation_of_the_target(job: Job) -> None:
    for result in with_uncorrected(simulate(job), job):
        before = result.uncorrected
        assert before is not None and before.uncorrected is None and before.name == result.name
        for name in ("L2", "PVB", "EPE", "sites"):
            assert before.metrics[name] == result.metrics[name]
        np.testing.assert_array_equal(before.prints, result.prints)
        for mine, whole in zip(before.print_polygons, result.print_polygons, strict=True):
            assert sum(map(polygon_area_nm2, mine)) == pytest.approx(sum(map(polygon_area_nm2, whole)), rel=1e-9)
            assert np.concatenate(mine).mean(axis=0) == pytest.approx(np.concatenate(whole).mean(axis=0), abs=1e-6)
        assert scene_of(before).nominal


def test_a_comparison_ends_where_the_results_end(job: Job) -> None:
    first = next(simulate(job))
    assert [result.name for result in with_uncorrected([first], job)] == ["a"]
