"""What a correction asks of a GPU: in the loop nothing is waited for, copied or allocated; and memory, all of it.

Waits and allocations are counted by the emulated GPU of `tests/emulated_gpu`; a real one is not asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_memory import CASES, recipe_of

import litho.flow
from litho.backend import gpu_problem
from litho.benchmark.cases import GRADIENT_STAGE, PROCESS, Case, kernels, masks
from litho.clip_memory import MEMORY_SHARE, bytes_per_clip
from litho.io.write import write_gds
from litho.job import prepare
from litho.optimize import LbfgsSettings, Objective, minimize
from litho.pixel_ilt import IltSettings, stage_problem

pytestmark = pytest.mark.gpu

LINE = np.array([(0.0, 0.0), (90.0, 0.0), (90.0, 400.0), (0.0, 400.0)])


@pytest.fixture
def cupy() -> Any:
    problem = gpu_problem()
    if problem is not None:
        pytest.skip(f"no GPU: {problem}")
    return pytest.importorskip("cupy")


@pytest.fixture
def asked() -> Callable[[Callable[[], Any]], dict[str, int]]:
    """Return what counts what a function asks of the emulated GPU."""
    emulated = sys.modules.get("cupy_on_host")
    if emulated is None:
        pytest.skip("waits are counted by `python tests/emulated_gpu/cupy_on_host.py -m pytest -m gpu` only")

    def difference(function: Callable[[], Any]) -> dict[str, int]:
        before = emulated.counts()
        function()
        return {name: count - before[name] for name, count in emulated.counts().items()}

    return difference


@pytest.fixture
def problem(cupy: Any) -> tuple[Objective, Any]:
    """Loss of two clips at three corners, and where a search begins."""
    case, settings = Case("gradient", 256, 2), IltSettings()
    clips = cupy.asarray(masks(case))
    given = tuple(k.like(clips) for k in kernels(case.size_nm))
    stage = stage_problem(clips, case.grid, PROCESS, given, settings, GRADIENT_STAGE)
    return stage.objective(), stage.start(settings)


@pytest.mark.parametrize("graph", [False, True])
def test_steps_wait_for_nothing_copy_nothing_and_allocate_nothing(
    graph: bool, problem: tuple[Objective, Any], asked: Callable[[Callable[[], Any]], dict[str, int]]
) -> None:
    settings = LbfgsSettings(tolerance=0.0, history=3, graph=graph)
    minimize(*problem, 6, settings)
    few, many = (asked(lambda steps=steps: minimize(*problem, steps, settings)) for steps in (6, 26))
    for found in (few, many):
        assert found["waits"] == found["to_host"] == found["to_device"] == found["waits_in_captures"] == 0
    assert many["allocations"] == few["allocations"] == 0 or graph  # a recorder has a pool of its own
    if graph:
        assert many["launches"] == few["launches"] and many["captured"] == few["captured"] > 0
        assert many["graphs"] - few["graphs"] == 20 and many["allocations"] == few["allocations"]
    else:
        assert many["launches"] - few["launches"] > 20 and many["graphs"] == 0


def test_captured_steps_find_the_same_bits(problem: tuple[Objective, Any]) -> None:
    plain, captured = (minimize(*problem, 12, LbfgsSettings(tolerance=0.0, graph=g))[0].get() for g in (False, True))
    assert np.isfinite(plain).all() and np.array_equal(plain, captured)


@pytest.mark.parametrize("name", ["coarse variables", "levels of edges"])
def test_a_clip_needs_the_memory_that_it_is_taken_to_need(name: str, cupy: Any, tmp_path: Path) -> None:
    """From a pool that begins empty; plans of transforms are made anew, with their workspaces in it."""
    pool, plans = cupy.cuda.MemoryPool(), cupy.fft.config.get_plan_cache()

    class Peak(cupy.cuda.MemoryHook):  # type: ignore[misc, name-defined]
        name = "peak"
        found = 0

        def malloc_postprocess(self, **given: Any) -> None:
            self.found = max(self.found, pool.used_bytes())

    write_gds(tmp_path / "lines.gds", {(1, 0): [LINE, LINE + np.array([200.0, 0.0])]})
    job = prepare([tmp_path / "lines.gds"], recipe_of(CASES[name].replace("12", "3")))
    expected = bytes_per_clip(job, "gpu")
    plans.clear()
    with cupy.cuda.using_allocator(pool.malloc), Peak() as peak:
        litho.flow._optimised(job, job.clips, range(1), "gpu", None)
        plans.clear()
    assert 0.3 * expected < peak.found < expected
    assert pool.total_bytes() < expected / MEMORY_SHARE
