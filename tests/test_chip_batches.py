"""Several tiles at once in one worker: the same bits, each tile's file and fate its own, and less where memory ends."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from chip_toys import bits, computations, draw, toy_tasks
from rich.console import Console

import litho.chip.chip_job
import litho.chip.run
import litho.chip.tile_tasks
from litho.cells import Floats
from litho.chip import dask_start
from litho.chip.chip_job import prepare_chip
from litho.chip.chip_settings import ChipSettings
from litho.chip.chip_terminal import show_plan
from litho.chip.executors import MEMBERS, Executor, Once, Outcome, Task, serial
from litho.chip.keys import TileGeometry, tile_geometry
from litho.chip.manifest import Manifest, compute
from litho.chip.passes import ChipCorrection, run_task
from litho.chip.processes import local_processes
from litho.chip.run import correct_chip
from litho.chip.store import TileStore
from litho.chip.task_groups import fair_size, run_in_groups
from litho.chip.tile_choice import fields_that_fit
from litho.chip.tile_setup import TileSetup, field_kernels, read_setup, tile_setup, write_setup
from litho.chip.tile_work import TileProblem, corrected_levels, tile_problem, together
from litho.chip.tiles import TilePlan
from litho.chip.whole_verify import STORE
from litho.chip_command import ChipRequest, run_chip
from litho.clip_memory import ON_A_GPU
from litho.config import read_recipe
from litho.polygons import Box, merge

RECIPE = """
base = "default"
field = { pixel_nm = 8.0 }
optics = { max_error = 0.1 }
output = { shot_pixel_nm = 8.0 }
process = { corners = [{ dose = 1.0 }, { dose = 1.05 }, { dose = 0.95 }] }

[ilt]
smoothing_nm = 16.0
weights = { fidelity = 1.0, pv_band = 0.5, epe = 0.5 }
stages = [
    { pixel_nm = 16.0, steps = 12, mask_steepness = 4.0, resist_steepness = 30.0, kernels = 8 },
    { pixel_nm = 8.0, steps = 8, mask_steepness = 8.0, resist_steepness = 40.0, kernels = 12 },
]

[level_set]
weights = { fidelity = 1.0, pv_band = 0.5 }
reach_nm = 48.0
leg_steps = 5
stages = [
    { pixel_nm = 16.0, steps = 12, resist_steepness = 30.0, seedings = 1, kernels = 8 },
    { pixel_nm = 8.0, steps = 7, resist_steepness = 30.0, kernels = 12 },
]
"""
SETTINGS = ChipSettings(
    field_nm=1024.0, halo_nm=256.0, overlap_nm=64.0, margin_nm=96.0, border_passes=2, border_steps=3, context_nm=160.0
)
PLAN = TilePlan((0.0, 0.0, 1536.0, 1024.0), (512.0, 512.0), 256.0, 64.0, (0.0, 0.0), (3, 2))
LINES = [(x, 60.0 + x / 8, x + width, 900.0 - x / 4) for x, width in ((40, 72), (190, 88), (350, 64), (560, 120))]
BARS = [(800.0, y, 1500.0, y + height) for y, height in ((80, 72), (230, 96), (520, 64))] + [
    (1300.0, 760.0, 1420.0, 950.0)
]


@dataclass(frozen=True, eq=False)
class Shapes:
    """Rectangles that stand for a layout."""

    def geometry(self, field_nm: Box) -> TileGeometry:
        """Return what is drawn in a box."""
        return tile_geometry(merge([corners(box) for box in (*LINES, *BARS)]), field_nm, 1.0)


def corners(box: Sequence[float]) -> Floats:
    x0, y0, x1, y1 = box
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


@functools.cache
def setup_of(method: str) -> TileSetup:
    """Return what tiles share; both methods have the same kernels."""
    recipe = read_recipe(f'method = "{method}"\n{RECIPE}')
    if method == "pixel":
        return tile_setup(recipe, SETTINGS, field_kernels(recipe, (1024.0, 1024.0)))
    return tile_setup(recipe, SETTINGS, setup_of("pixel").kernels)


@pytest.fixture(scope="module", params=["pixel", "level-set"])
def setup(request: pytest.FixtureRequest) -> TileSetup:
    return setup_of(request.param)


@pytest.fixture(scope="module")
def pixels() -> TileSetup:
    return setup_of("pixel")


Alone = Callable[[TileSetup], dict[str, bytes]]


@dataclass
class Run:
    """What a run over the first passes came to."""

    chip: ChipCorrection
    outcomes: list[Outcome]
    manifest: dict[str, dict[str, int]]
    folder: Path

    @property
    def levels(self) -> dict[str, bytes]:
        """The bytes of every tile file."""
        store = TileStore(self.folder / STORE)
        return {key: store.path(key).read_bytes() for key in store.keys()}


def run(setup: TileSetup, folder: Path, batch: int, executor: Executor | None = None, passes: int = 3) -> Run:
    """Do the passes of optimisation over six tiles, as `run_chip_job` does."""
    folder.mkdir(exist_ok=True)
    write_setup(folder, setup)
    read_setup.cache_clear()
    chip, store, outcomes = ChipCorrection(PLAN, Shapes(), setup), TileStore(folder / STORE), list[Outcome]()
    work = functools.partial(run_task, folder=folder)
    with Manifest.begin(folder, {}, resume=True) as manifest:
        for doing in chip.passes[:passes]:
            tasks = list(chip.tasks(doing))
            for outcome in compute(doing, work, tasks, executor or serial(), store, manifest, batch):
                outcomes.append(outcome)
                if outcome.error is not None:
                    chip.set_aside(outcome.key)
        return Run(chip, outcomes, manifest.counts(), folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """All files of the three passes, one tile after the other."""
    return functools.cache(lambda setup: run(setup, tmp_path_factory.mktemp("alone"), 1).levels)


@pytest.mark.parametrize("batch", [2, 3])
def test_every_file_has_the_same_bits_for_any_batch(
    batch: int, setup: TileSetup, alone: Alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, sizes = alone(setup), seen_sizes(monkeypatch)
    found = run(setup, tmp_path, batch)
    assert found.levels == expected and len(expected) == 3 * 6
    whole, rest = divmod(6, batch)
    assert sizes == [batch] * whole + [rest] * (rest > 1)
    assert sorted(outcome.key for outcome in found.outcomes) == sorted(expected)
    assert all(counts == {"planned": 0, "done": 6, "failed": 0} for counts in found.manifest.values())


def seen_sizes(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int], Exception | None] = lambda n: None) -> list[int]:
    """Note how many fields are corrected at once, and fail where `fails` says with what."""
    real, sizes = litho.chip.tile_tasks.corrected_levels, list[int]()

    def noted(problem: TileProblem, setup: TileSetup) -> Any:
        sizes.append(len(problem.target))
        if (error := fails(sizes[-1])) is not None:
            raise error
        return real(problem, setup)

    monkeypatch.setattr(litho.chip.tile_tasks, "corrected_levels", noted)
    return sizes


def test_fields_that_are_free_everywhere_and_others_go_together(setup: TileSetup) -> None:
    geometries = [Shapes().geometry((x, 0.0, x + 1024.0, 1024.0)) for x in (0.0, 300.0, 500.0)]
    problems = [tile_problem(g, (0.0, 0.0, 1024.0, 1024.0), setup) for g in geometries]
    problems[1] = TileProblem(problems[1].grid, problems[1].target, problems[1].probes, None)
    assert [p.free is None for p in problems] == [False, True, False]
    found = corrected_levels(together(problems), setup)
    for level, problem in zip(found, problems, strict=True):
        assert np.array_equal(level, corrected_levels(problem, setup)[0])


@pytest.mark.parametrize(
    "error",
    [MemoryError("Out of memory allocating 4,096 bytes"), RuntimeError("cudaErrorMemoryAllocation: out of memory")],
)
def test_where_memory_ends_the_batch_is_halved_and_the_files_are_the_same(
    error: Exception, pixels: TileSetup, alone: Alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(pixels)
    sizes = seen_sizes(monkeypatch, lambda n: error if n > 2 else None)
    found = run(pixels, tmp_path, 5, passes=1)
    assert sizes == [5, 2, 2]  # what is left of five by twos, and of six by fives, is one field
    assert len(found.levels) == 6 and found.levels.items() <= expected.items()
    assert all(outcome.error is None and outcome.tries == 1 for outcome in found.outcomes)


def test_members_that_are_whole_are_left_out_of_a_group(
    pixels: TileSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that fails in its second batch goes on there, and a run that goes on computes only what is damaged."""
    calls = [0]

    def second_fails(_: int) -> Exception | None:
        calls[0] += 1
        return MemoryError("no room") if calls[0] in (1, 3) else None

    sizes = seen_sizes(monkeypatch, second_fails)
    found = run(pixels, tmp_path, 6, passes=1)
    assert sizes == [6, 3, 3, 3]  # out of memory, three are done, out of memory again, the other three
    assert sorted(outcome.tries for outcome in found.outcomes) == [2] * 6
    expected = found.levels
    store = TileStore(tmp_path / STORE)
    for key in list(expected)[1:4:2]:
        store.path(key).write_bytes(b"damaged")
    sizes.clear()
    again = run(pixels, tmp_path, 6, passes=1)
    assert sizes == [2] and again.levels == expected
    assert sorted(outcome.tries for outcome in again.outcomes) == [0] * 4 + [1] * 2


def test_a_tile_that_cannot_be_computed_takes_no_other_of_its_group_with_it(
    pixels: TileSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = litho.chip.tile_tasks.tile_problem

    def broken(geometry: TileGeometry, *rest: Any) -> TileProblem:
        if geometry.digest == bad.digest:
            raise ValueError("`target` must be printable, but this one is not.")
        return real(geometry, *rest)

    bad = Shapes().geometry(PLAN.tile(1, 0).field_nm)
    for module in (litho.chip.tile_tasks, litho.chip.tile_work):
        monkeypatch.setattr(module, "tile_problem", broken)
    found = run(pixels, tmp_path, 3, passes=1)
    failed = [outcome for outcome in found.outcomes if outcome.error is not None]
    assert [outcome.name for outcome in failed] == ["c001_r000 correct"] and len(found.outcomes) == 6
    assert failed[0].error == "`target` must be printable, but this one is not." and failed[0].tries == 6
    assert found.manifest["correct"] == {"planned": 0, "done": 5, "failed": 1}
    assert found.chip.lost_places() == {(1, 0)} and len(found.levels) == 5


def draw_each(task: Task, folder: Path, log: Path) -> None:
    """Do what `chip_toys.draw` does for every member of a group."""
    for member in task.payload.get(MEMBERS, [task]):
        draw(member, folder, log)


def test_a_group_whose_worker_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    tasks = toy_tasks(8, 0)
    tasks[5] = toy_tasks(8, 0, kill=True, once=True)[5]
    work = Once(functools.partial(draw_each, folder=tmp_path / "tiles", log=tmp_path / "log"), tmp_path / "tiles")
    with local_processes(1) as executor:
        outcomes = {outcome.key: outcome for outcome in run_in_groups(executor, work, tasks, 4)}
    assert outcomes.keys() == {task.key for task in tasks} == bits(tmp_path / "tiles").keys()
    assert [outcomes[task.key].tries for task in tasks] == [1] * 4 + [2] * 4
    assert not any(outcome.error for outcome in outcomes.values())
    assert set(computations(tmp_path / "log", "ended").values()) == {1}
    assert [computations(tmp_path / "log")[task.key] for task in tasks] == [1] * 5 + [2] + [1] * 2


def test_tasks_are_made_as_they_are_asked_for_and_groups_share_their_time(tmp_path: Path) -> None:
    made: list[int] = []

    def tasks() -> Any:
        for number, task in enumerate(toy_tasks(9, 0.01)):
            made.append(number)
            yield task

    work = functools.partial(draw_each, folder=tmp_path / "tiles", log=tmp_path / "log")
    outcomes = run_in_groups(serial(), work, tasks(), 4)
    first = next(outcomes)
    assert len(made) == 4 and first.name == "c000_r000 correct" and 0.01 <= first.seconds < 0.04
    assert len(list(outcomes)) == 8 and len(made) == 9


def test_groups_are_so_small_that_every_worker_has_one() -> None:
    assert [fair_size(8, left, 4) for left in (0, 1, 4, 5, 29, 1000)] == [1, 1, 1, 2, 8, 8]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from test_job import drawn

    path = tmp_path_factory.mktemp("layout") / "lines.gds"
    drawn(path, *((round(x0), round(y0), round(x1), round(y1)) for x0, y0, x1, y1 in (*LINES, *BARS)))
    return path


def test_the_plan_counts_the_memory_of_the_batch_and_no_key_or_identity_knows_it(layout: Path, tmp_path: Path) -> None:
    recipe = read_recipe(RECIPE)
    jobs = {n: prepare_chip(layout, recipe, tmp_path / "out", batch=n, settings=SETTINGS) for n in (None, 1, 3, 1000)}
    one, three = jobs[1].plan.estimate, jobs[3].plan.estimate
    assert jobs[None].plan.estimate == one and three.batch == 3
    assert three.bytes_per_worker - one.bytes_per_worker == 2 * one.bytes_per_field > 0
    assert jobs[1000].plan.estimate.batch == jobs[1].plan.distinct == 12  # no more than there are tiles
    assert json.dumps(jobs[1].identity()) == json.dumps(jobs[3].identity())
    assert jobs[3].plan.figures()["batch"] == 3
    stream = io.StringIO()
    show_plan(jobs[3].plan, Console(file=stream, width=120))
    assert "GiB each, for up to 3 fields at once" in stream.getvalue()
    with pytest.raises(ValueError, match="`batch` must be at least 1, but got 0"):
        prepare_chip(layout, recipe, tmp_path / "out", batch=0)


def test_a_run_gives_groups_to_the_optimisations_only_and_every_worker_has_some(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, int]] = []

    def noted(doing: str, *rest: Any) -> Iterator[Outcome]:
        given.append((doing, rest[-1]))
        if doing == "mend 1":
            raise InterruptedError
        return iter(())

    monkeypatch.setattr(litho.chip.run, "compute", noted)
    for workers, batch in ((1, 3), (5, 3), (7, 2)):
        with pytest.raises(InterruptedError), local_processes(workers) as executor:
            correct_chip(layout, read_recipe(RECIPE), tmp_path / str(workers), executor, batch=3, settings=SETTINGS)
        assert given == [("correct", batch), ("border 1", batch), ("border 2", batch), ("mend 1", 1)]  # of 12 tiles
        given.clear()


def test_on_gpus_the_batch_is_what_fits_into_half_of_the_least_free_memory(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, asked = read_recipe(RECIPE), list[Any]()
    one = prepare_chip(layout, recipe, tmp_path / "out", settings=SETTINGS).plan.estimate.bytes_per_field

    def least(gpus: Sequence[str]) -> int:
        asked.append(list(gpus))
        return int(6 * ON_A_GPU * one) + 1

    monkeypatch.setattr(litho.chip.chip_job, "least_free_bytes", least)
    job = prepare_chip(layout, recipe, tmp_path / "out", device="gpu", gpus=["0", "3"], settings=SETTINGS)
    assert job.plan.estimate.batch == 3 and asked == [["0", "3"]]
    assert fields_that_fit(one, one // 2) == 1  # it is tried, and told if it does not fit
    prepare_chip(layout, recipe, tmp_path / "out", device="gpu", batch=2, settings=SETTINGS)
    assert len(asked) == 1
    monkeypatch.setattr(litho.chip.chip_job, "visible_gpus", lambda: [])
    with pytest.raises(ValueError, match="`batch` must be given for `device` 'gpu' where this machine has no GPU"):
        prepare_chip(layout, recipe, tmp_path / "out", device="gpu", settings=SETTINGS)


def test_the_command_plans_for_the_gpus_that_it_names_and_refuses_batches_of_what_has_none(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"{RECIPE}\n[chip]\nfield_nm = 1024.0\nhalo_nm = 256.0\n"
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    of_layout = functools.partial(ChipRequest, layout, recipe=str(tmp_path / "tiny.toml"), out=tmp_path / "out")
    asked = list[Sequence[str]]()
    monkeypatch.setattr(dask_start, "visible_gpus", lambda: ["GPU-a", "GPU-b", "GPU-c"])
    monkeypatch.setattr(litho.chip.chip_job, "least_free_bytes", lambda gpus: asked.append(gpus) or 2**26)
    assert run_chip(of_layout(gpus="all", dry_run=True)) == 0
    assert run_chip(of_layout(gpus="GPU-b", dry_run=True)) == 0
    assert asked == [["GPU-a", "GPU-b", "GPU-c"], ["GPU-b"]]
    told = " ".join(capsys.readouterr().out.split())
    assert "workers 3, 0." in told and "workers 1, 0." in told and "fields at once" in told
    for options, words in (
        ({"batch": 0}, "litho: `batch` must be at least 1, but got 0."),
        ({"batch": 4, "verify": layout}, "litho: `batch` must come with a correction, but got 4 to measure a mask"),
        ({"batch": 4, "simulate": True}, "litho: `batch` must come with a correction, but got 4 to measure a mask"),
    ):
        with pytest.raises(typer.Exit) as left:
            run_chip(of_layout(**options))
        assert left.value.exit_code == 2 and capsys.readouterr().err.startswith(words)


def test_a_gpu_that_cannot_be_asked_is_told_by_its_name() -> None:
    """Without CuPy, and with it where there is no GPU of this name."""
    with pytest.raises(ValueError, match="`gpus` must name GPUs that can be used, but 'GPU-none' cannot: "):
        dask_start.least_free_bytes(["GPU-none"])
