"""Executors: the same bits whoever computes, three tries, and what a run leaves when it is stopped or has no room."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chip_toys import (
    STOPPED,
    UNUSABLE,
    bits,
    computations,
    drawing,
    executor_of,
    no_one_is_left,
    toy_tasks,
    two_passes,
)

from litho.chip.executors import Executor, Outcome, Task, attempt, sentence, serial
from litho.chip.manifest import Manifest, compute
from litho.chip.processes import LocalProcesses, WorkersDoNotStart, local_processes
from litho.chip.store import TileStore

TOYS = Path(__file__).with_name("chip_toys.py")
COUNT = 12


@pytest.fixture(scope="module")
def processes() -> Iterator[LocalProcesses]:
    """Two workers, for all tests of this file that leave them alive."""
    with local_processes(2) as executor:
        yield executor


@pytest.fixture(params=["serial", "processes"])
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = serial() if request.param == "serial" else request.getfixturevalue("processes")
    return found


def run(executor: Executor, tmp_path: Path, tasks: list[Task]) -> dict[str, Outcome]:
    """Run tasks; return their outcomes by key, of which there is exactly one for each."""
    outcomes = list(executor.run(drawing(tmp_path / "tiles", tmp_path / "log"), tasks))
    assert sorted(outcome.key for outcome in outcomes) == sorted(task.key for task in tasks)
    return {outcome.key: outcome for outcome in outcomes}


def test_results_are_the_same_bits_for_any_number_of_workers_and_any_order(
    tmp_path: Path, processes: LocalProcesses
) -> None:
    run(serial(), tmp_path / "serial", toy_tasks(COUNT, 0))
    run(processes, tmp_path / "two", toy_tasks(COUNT, 0)[::-1])
    with local_processes(3) as three:
        run(three, tmp_path / "three", toy_tasks(COUNT, 0))
    expected = bits(tmp_path / "serial" / "tiles")
    assert len(expected) == COUNT
    assert bits(tmp_path / "two" / "tiles") == bits(tmp_path / "three" / "tiles") == expected


def test_a_task_that_fails_three_times_is_set_aside_and_the_others_are_finished(
    executor: Executor, tmp_path: Path
) -> None:
    tasks = toy_tasks(COUNT, 0)
    (bad,) = toy_tasks(COUNT, 0, fail=True)[4:5]
    outcomes = run(executor, tmp_path, [*tasks[:4], bad, *tasks[5:]])
    found = outcomes.pop(bad.key)
    assert (found.tries, found.error) == (3, "`target` must be printable, but tile 4 is not.")
    assert found.name == "c004_r000 correct"
    assert all(outcome.error is None and outcome.tries == 1 for outcome in outcomes.values())
    assert computations(tmp_path / "log")[bad.key] == 3
    assert set(TileStore(tmp_path / "tiles").keys()) == outcomes.keys()


def test_a_task_that_fails_once_is_tried_again(executor: Executor, tmp_path: Path) -> None:
    outcomes = run(executor, tmp_path, toy_tasks(3, 0, fail=True, once=True))
    assert all(outcome.error is None and outcome.tries == 2 for outcome in outcomes.values())


def test_a_fault_of_the_program_is_told_with_its_line() -> None:
    def work(task: Task) -> None:
        raise KeyError(task.name)

    ending = attempt(work, toy_tasks(1)[0])
    assert ending.error is not None
    assert ending.error.startswith("KeyError: 'c000_r000 correct' (test_chip_executors.py, line ")
    assert sentence(ValueError("`a` must be\n  b.")) == "`a` must be b."


def test_where_memory_runs_out_the_batch_is_halved_once_and_stays_so(tmp_path: Path) -> None:
    tasks = toy_tasks(6, 0, batch=8, fits=4)
    outcomes = run(serial(), tmp_path, tasks)
    assert all(outcome.error is None and outcome.tries == 1 for outcome in outcomes.values())
    assert sum(computations(tmp_path / "log", f"full-{os.getpid()}").values()) == 1  # the others began with four


def test_a_worker_whose_memory_ran_out_is_replaced(tmp_path: Path) -> None:
    with local_processes(1) as executor:
        outcomes = run(executor, tmp_path, toy_tasks(4, 0, batch=8, fits=4))
    assert all(outcome.error is None and outcome.tries == 1 for outcome in outcomes.values())
    begun = [path.read_text().split() for path in (tmp_path / "log").glob("begun-*")]
    assert sorted(map(len, begun)) == [1, 1, 1, 2]  # one was computed again, with half the batch
    assert len({pid for pids in begun for pid in pids}) == 2
    (twice,) = [pids for pids in begun if len(pids) == 2]
    assert twice[0] == twice[1]  # at once, by the same process, which ended then


def test_a_batch_that_never_fits_is_set_aside(tmp_path: Path) -> None:
    outcomes = run(serial(), tmp_path, toy_tasks(1, 0, batch=8, fits=0))
    ((_, found),) = outcomes.items()
    assert found.tries == 3 and found.error is not None and "OutOfMemoryError: no memory for 1 fields" in found.error
    assert bits(tmp_path / "tiles") == {}


def test_closing_the_outcomes_stops_what_runs(processes: LocalProcesses, tmp_path: Path) -> None:
    outcomes = processes.run(drawing(tmp_path / "tiles", tmp_path / "log"), toy_tasks(50, 0.05))
    next(outcomes)
    start = time.monotonic()
    outcomes.close()
    assert time.monotonic() - start < 2
    begun = sum(computations(tmp_path / "log").values())
    time.sleep(0.2)
    assert sum(computations(tmp_path / "log").values()) == begun < 10


def test_one_thread_computes_in_each_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with local_processes(1) as executor:
        (outcome,) = executor.run(functools.partial(tell_threads, folder=tmp_path), toy_tasks(1))
    assert outcome.error is None and (tmp_path / "threads").read_text() == "1"
    assert "OMP_NUM_THREADS" not in os.environ


def tell_threads(task: Task, folder: Path) -> None:
    """Write how many threads this worker computes with."""
    (folder / "threads").write_text(os.environ["OMP_NUM_THREADS"])


def test_work_that_workers_cannot_import_is_told(processes: LocalProcesses, tmp_path: Path) -> None:
    module = tmp_path / "only_here.py"
    module.write_text("def work(task):\n    pass\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import only_here
    finally:
        sys.path.remove(str(tmp_path))
    module.unlink()
    (outcome,) = processes.run(only_here.work, toy_tasks(1))
    assert outcome.error is not None and "No module named 'only_here'" in outcome.error


def test_workers_that_do_not_start_are_told(tmp_path: Path) -> None:
    code = "raise SystemExit(7)"
    (tmp_path / "sitecustomize.py").write_text(code)
    with (
        local_processes(2, {"PYTHONPATH": str(tmp_path)}) as executor,
        pytest.raises(WorkersDoNotStart, match="Worker processes must start, but 10 in a row did not"),
    ):
        list(executor.run(drawing(tmp_path / "tiles", tmp_path / "log"), toy_tasks(3)))


def test_there_is_at_least_one_worker() -> None:
    with pytest.raises(ValueError, match="`workers` must be at least 1, but got 0"):
        local_processes(0)


def test_a_pass_computes_only_what_is_not_whole(executor: Executor, tmp_path: Path) -> None:
    store, log = TileStore(tmp_path / "out" / "tiles"), tmp_path / "log"
    outcomes = list(two_passes(tmp_path / "out", log, 6, executor, 0, 64))
    assert [outcome.tries for outcome in outcomes] == [1] * 12
    expected = bits(store.folder)
    correct = [task.key for task in toy_tasks(6)]
    damages = {correct[0]: b"", correct[1]: expected[correct[1]].encode(), correct[2]: b"\x80\x04N."}
    for key, data in damages.items():
        store.path(key).write_bytes(data)
    store.path(correct[3]).unlink()
    outcomes = list(two_passes(tmp_path / "out", log, 6, executor, 0, 64))
    assert sorted(outcome.key for outcome in outcomes if outcome.tries) == sorted(correct[:4])
    assert sum(outcome.tries == 0 for outcome in outcomes) == 8
    assert bits(store.folder) == expected
    assert computations(log) == {key: 2 if key in correct[:4] else 1 for key in expected}


def test_tasks_are_made_when_they_are_needed(executor: Executor, tmp_path: Path) -> None:
    """So a coordinator holds the geometry of a few tiles, not of the chip."""
    made = []

    def tasks() -> Iterator[Task]:
        for task in toy_tasks(COUNT, 0):
            made.append(task.key)
            yield task

    work = drawing(tmp_path / "tiles", tmp_path / "log")
    for number, _ in enumerate(executor.run(work, tasks()), start=1):
        assert len(made) <= number + 2 * executor.workers + 1


def test_equal_tasks_are_computed_once(executor: Executor, tmp_path: Path) -> None:
    store, tasks = TileStore(tmp_path / "tiles"), toy_tasks(3, 0)
    with Manifest.begin(tmp_path, {}, resume=False) as manifest:
        work = drawing(store.folder, tmp_path / "log")
        outcomes = list(compute("correct", work, tasks * 3, executor, store, manifest))
        assert manifest.counts() == {"correct": {"planned": 0, "done": 3, "failed": 0}}
    assert len(outcomes) == 3
    assert set(computations(tmp_path / "log").values()) == {1}


def coordinate(tmp_path: Path, *arguments: object, **more: object) -> subprocess.Popen[str]:
    """Start a coordinator in a process group of its own, and wait until it computes."""
    command = [sys.executable, str(TOYS), str(tmp_path / "out"), str(tmp_path / "log"), *map(str, arguments)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True, **more)  # type: ignore[call-overload]
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process  # type: ignore[no-any-return]


@pytest.mark.parametrize("workers", ["serial", "2"])
def test_ctrl_c_stops_at_once_and_keeps_what_is_finished(tmp_path: Path, workers: str) -> None:
    """As a terminal sends it: to the coordinator and to all workers."""
    process = coordinate(tmp_path, 100, workers, 0.05)
    with process:
        for _ in range(5):
            assert process.stdout is not None and process.stdout.readline().startswith("Outcome")
        start = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert time.monotonic() - start < 3
    assert (process.returncode, errors) == (STOPPED, "")
    assert no_one_is_left(process.pid)
    store = TileStore(tmp_path / "out" / "tiles")
    whole = [key for key in store.keys() if store.is_whole(key)]
    assert 5 <= len(whole) < 30 and list(store.keys()) == whole
    with Manifest.begin(tmp_path / "out", {"toys": 100, "size": 64}, resume=True) as manifest:
        assert abs(manifest.counts()["correct"]["done"] - len(whole)) <= 2  # finished, and not yet reported
    with executor_of("serial") as executor:
        again = list(two_passes(tmp_path / "out", tmp_path / "log", 100, executor, 0, 64))
    assert sum(outcome.tries == 0 for outcome in again) == len(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 256 KiB, where that is permitted."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "litho-test", str(path)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("workers", ["serial", "2"])
def test_a_full_disk_stops_the_run_in_one_sentence_and_loses_nothing(
    tmp_path: Path, small_disk: Path, workers: str
) -> None:
    out, log = small_disk / "out", tmp_path / "log"
    command = [sys.executable, str(TOYS), str(out), str(log), "12", workers, "0", "100"]  # twice 12 files of 40 kB
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == UNUSABLE
    assert done.stderr.startswith("litho: `out` must have room, but ") and done.stderr.count("\n") == 1
    store = TileStore(out / "tiles")
    whole = [key for key in store.keys() if store.is_whole(key)]
    assert 2 <= len(whole) <= 6
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    ended = computations(log, "ended")
    assert len(ended) == 24 and set(ended.values()) == {1}  # none that was finished was computed again
    list(two_passes(tmp_path / "elsewhere", tmp_path / "log2", 12, serial(), 0, 100))
    assert bits(store.folder) == bits(tmp_path / "elsewhere" / "tiles")


def test_files_that_may_not_grow_are_as_good_as_a_full_disk(tmp_path: Path) -> None:
    """Where no disk can be mounted: a limit of 20 kB on files stands for it."""
    command = [sys.executable, str(TOYS), str(tmp_path / "out"), str(tmp_path / "log"), "4", "2", "0", "100"]
    limited = ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", *command]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == UNUSABLE
    assert done.stderr.startswith("litho: `out` must have room, but ") and done.stderr.count("\n") == 1
    assert list(TileStore(tmp_path / "out" / "tiles").keys()) == []
    assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def test_the_manifest_keeps_which_tile_was_set_aside_and_why(tmp_path: Path) -> None:
    store, log = TileStore(tmp_path / "tiles"), tmp_path / "log"
    tasks = toy_tasks(5, 0)
    tasks[2] = toy_tasks(5, 0, fail=True)[2]
    with Manifest.begin(tmp_path, {}, resume=False) as manifest:
        list(compute("correct", drawing(store.folder, log), tasks, serial(), store, manifest))
    with Manifest.begin(tmp_path, {}, resume=True) as manifest:
        assert manifest.counts() == {"correct": {"planned": 0, "done": 4, "failed": 1}}
        (failure,) = manifest.failures()
        assert (failure.name, failure.tries) == ("c002_r000 correct", 3)
        assert failure.error == "`target` must be printable, but tile 2 is not."


def test_a_folder_that_cannot_be_written_in_is_refused_before_anything_is_computed(
    executor: Executor, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="`out` must be a folder"):
        executor.check_folder(tmp_path / "file")
    executor.check_folder(tmp_path / "new")
