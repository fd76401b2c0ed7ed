"""The memory that a correction is taken to need is what it needs, and a field that is too large is refused."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import litho.clip_memory
import litho.flow
from litho.clip_memory import ON_A_GPU, bytes_per_clip, bytes_to_finish, clips_at_once, in_parts_that_fit
from litho.config import Recipe, read_recipe
from litho.finish import Found, Printer, finished
from litho.io.write import write_gds
from litho.job import Job, JobError, prepare

BASE = """
base = "default"
method = "{method}"
[field]
pixel_nm = 2
halo_nm = 320
[optics]
max_error = 0.1
"""
STAGE = """
[[ilt.stages]]
pixel_nm = {pixel_nm}
steps = {steps}
mask_steepness = 12
resist_steepness = 60
"""
LEVEL_SET = """
[level_set]
leg_steps = 12
[[level_set.stages]]
pixel_nm = {pixel_nm}
steps = {steps}
resist_steepness = 60
"""
CASES = {
    "fine variables": STAGE.format(pixel_nm=2, steps=12),
    "coarse variables": STAGE.format(pixel_nm=8, steps=12),
    "fine prints": STAGE.format(pixel_nm=8, steps=3) + "print_pixel_nm = 2",
    "long history": STAGE.format(pixel_nm=2, steps=16) + "[ilt.optimizer]\nhistory = 13\ntolerance = 0",
    "levels of edges": LEVEL_SET.format(pixel_nm=2, steps=12),
}


def recipe_of(text: str) -> Recipe:
    return read_recipe(BASE.format(method="level-set" if "level_set" in text else "pixel") + text)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two lines, on coarse variables."""
    line = np.array([(0.0, 0.0), (90.0, 0.0), (90.0, 400.0), (0.0, 400.0)])
    file = tmp_path_factory.mktemp("layout") / "lines.gds"
    write_gds(file, {(1, 0): [line, line + np.array([200.0, 0.0])]})
    return prepare([file], recipe_of(CASES["coarse variables"]))


def peak_of(job: Job) -> tuple[int, Any]:
    """Most memory that the optimisation of a clip took at a time, and its result."""
    tracemalloc.start()
    try:
        result = litho.flow._optimised(job, job.clips, range(1), "cpu", None)
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", CASES)
def test_a_clip_needs_the_memory_that_it_is_taken_to_need(name: str, job: Job) -> None:
    job = replace(job, recipe=recipe_of(CASES[name]))
    peak, _ = peak_of(job)
    assert 0.6 * bytes_per_clip(job) < peak < bytes_per_clip(job)


def test_finishing_a_clip_needs_the_memory_that_it_is_taken_to_need(job: Job) -> None:
    _, result = peak_of(job)
    printer = Printer(job, "cpu")
    tracemalloc.start()
    try:
        finished(job.clips[0], Found(np.asarray(result.level[0])), printer)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.5 * bytes_to_finish(job) < peak < bytes_to_finish(job)


def test_a_field_larger_than_the_memory_is_refused_with_both_sizes(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = replace(job.clips[0].grid, shape=(65536, 131072))
    huge = replace(job, clips=(replace(job.clips[0], grid=wide),))
    monkeypatch.setattr(litho.clip_memory, "free_bytes", lambda device: 16 * 10**9)
    told = r"131072 x 65536 pixels needs about 5\d\d\.\d GB to be corrected, and 16\.0 GB of the cpu's memory are free"
    with pytest.raises(JobError, match=told):
        clips_at_once(huge, "cpu")
    with pytest.raises(JobError, match=r"16\.0 GB of the gpu's memory are free"):
        clips_at_once(huge, "gpu")
    assert clips_at_once(job, "gpu") > 1


def test_a_gpu_needs_more_for_the_workspaces_of_its_transforms(job: Job) -> None:
    fixed = 2 * 2**20
    assert bytes_per_clip(job, "gpu") - fixed == pytest.approx(ON_A_GPU * (bytes_per_clip(job) - fixed), rel=1e-6)


def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_no_clip_is_lost() -> None:
    tried = []

    def corrected(batch: range) -> list[int]:
        tried.append(batch)
        if len(batch) > 2:
            raise MemoryError("Out of memory allocating 512 bytes")
        return list(batch)

    assert [clip for part in in_parts_that_fit(corrected, range(3, 8)) for clip in part] == [3, 4, 5, 6, 7]
    assert tried == [range(3, 8), range(3, 5), range(5, 8), range(5, 6), range(6, 8)]


@pytest.mark.parametrize("error, batch", [(MemoryError("1 byte"), range(1)), (KeyError("cudaless"), range(4))])
def test_a_clip_that_does_not_fit_and_other_faults_are_raised_as_they_came(error: Exception, batch: range) -> None:
    def corrected(batch: range) -> None:
        raise error

    with pytest.raises(type(error)) as told:
        list(in_parts_that_fit(corrected, batch))
    assert told.value is error
