"""The same aerial image in the lens band and the full-grid way; `python -m benchmarks.full_grid` gives the ratio."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.cases import Case
from benchmarks.full_grid import LARGEST_DIFFERENCE, WAYS, difference
from benchmarks.timing import finished


@pytest.fixture(scope="module", params=["forward", "gradient"])
def task(request: pytest.FixtureRequest, immersion: Case) -> str:
    """Return what to compute, after both ways were seen to agree."""
    assert difference(request.param, immersion) <= LARGEST_DIFFERENCE
    return str(request.param)


@pytest.mark.parametrize("way", WAYS)
def test_image(benchmark: Any, immersion: Case, task: str, way: str) -> None:
    benchmark.group = f"full grid against lens band: {task}"
    chain = getattr(WAYS[way](immersion), task)
    benchmark.pedantic(finished(chain), (immersion.target,), rounds=3, warmup_rounds=1)
