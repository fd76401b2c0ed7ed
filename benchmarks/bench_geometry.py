"""Layout to pixels, and pixels to outlines; on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Case, case, level_field, polygons
from litho.contour import contours
from litho.raster import coverage


@pytest.fixture(scope="module")
def clip(request: pytest.FixtureRequest) -> Case:
    return case("immersion", request.config.getoption("--pixels"))


def test_area_coverage_of_a_metal_clip(benchmark: Any, clip: Case) -> None:
    assert benchmark(coverage, polygons(), clip.grid, np.float32).dtype == np.float32


def test_contours_of_a_smooth_field(benchmark: Any, clip: Case) -> None:
    assert len(benchmark(contours, level_field(clip), clip.grid)) > 100
