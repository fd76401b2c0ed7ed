"""Whatever is killed, no finished tile is lost or computed again, and the bits are those of a run that nobody killed.

Tiles are toys of some 50 ms. What was computed is counted in files, by those who compute.
"""

from __future__ import annotations

import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chip_toys import (
    bits,
    computations,
    drawing,
    no_one_is_left,
    toy_tasks,
    two_passes,
    undisturbed_bits,
    workers_killed,
)

from litho.chip.processes import local_processes
from litho.chip.store import TileStore

TOYS = Path(__file__).with_name("chip_toys.py")
COUNT = 60


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return undisturbed_bits(tmp_path_factory.mktemp("undisturbed"), COUNT)


@contextmanager
def coordinator(out: Path, log: Path, executor: str, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Run a coordinator in a process group of its own."""
    command = [sys.executable, str(TOYS), str(out), str(log), str(COUNT), executor, str(seconds)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_at_a_random_moment(out: Path, log: Path, executor: str, chance: random.Random) -> None:
    """Start a coordinator and kill it with SIGKILL: while workers start, or after the first of its tiles."""
    with coordinator(out, log, executor, 0.05) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        if chance.random() < 0.7:
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.3))
        assert process.poll() is None, "the run ended before it could be killed"
        process.kill()
    assert no_one_is_left(process.pid), "processes outlived their coordinator"


@pytest.mark.parametrize("executor", ["serial", "2"])
def test_a_coordinator_killed_ten_times_and_continued_recomputes_nothing_that_is_whole(
    tmp_path: Path, undisturbed: dict[str, str], executor: str
) -> None:
    """Ten times each with and without worker processes: twenty in all."""
    out, log, chance = tmp_path / "out", tmp_path / "log", random.Random(20 + len(executor))
    store, before = TileStore(out / "tiles"), set[str]()
    for _ in range(10):
        counted = computations(log)
        kill_at_a_random_moment(out, log, executor, chance)
        again = {key for key in before if computations(log)[key] > counted[key]}
        assert not again, "computed again although it was whole"
        before = {key for key in store.keys() if store.is_whole(key)}
        assert before == set(store.keys()), "a file with a tile's name is not whole"
    assert len(before) > 10
    counted_last = computations(log)
    with coordinator(out, log, executor, 0) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert not {key for key in before if computations(log)[key] > counted_last[key]}
    assert bits(store.folder) == undisturbed
    assert [path.name for path in out.rglob(".*")] == [".lock"], "leftovers of killed writers"


def test_workers_killed_at_random_moments_lose_nothing(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    """Six kills by SIGKILL during two passes; both workers are hit."""

    def alive() -> list[int]:
        return [child.pid for child in multiprocessing.active_children() if child.pid is not None]

    with local_processes(2) as executor, workers_killed(alive, 6, random.Random(6), (0.1, 0.4)) as killed:
        outcomes = list(two_passes(tmp_path / "out", tmp_path / "log", COUNT, executor, 0.05, 64))
    assert len(killed) >= 4
    assert [outcome.error for outcome in outcomes] == [None] * 2 * COUNT
    assert bits(tmp_path / "out" / "tiles") == undisturbed
    ended = computations(tmp_path / "log", "ended")
    assert set(ended.values()) == {1}, "a finished tile was computed again"
    begun = sum(computations(tmp_path / "log").values())
    assert begun <= 2 * COUNT + len(killed), "more was lost than what the killed workers computed"


def test_a_tile_that_kills_its_worker_is_set_aside_after_three_workers(tmp_path: Path) -> None:
    tasks = toy_tasks(COUNT, 0)
    tasks[7] = toy_tasks(COUNT, 0, kill=True)[7]
    with local_processes(2) as executor:
        outcomes = {o.key: o for o in executor.run(drawing(tmp_path / "tiles", tmp_path / "log"), tasks)}
    found = outcomes.pop(tasks[7].key)
    assert (found.tries, found.error) == (3, "Its worker process was killed by SIGKILL.")
    assert len(outcomes) == COUNT - 1
    assert all(outcome.error is None and outcome.tries == 1 for outcome in outcomes.values())
    assert computations(tmp_path / "log")[tasks[7].key] == 3


def test_a_worker_killed_while_it_has_nothing_to_do_costs_no_try(tmp_path: Path) -> None:
    with local_processes(2) as executor:
        work = drawing(tmp_path / "tiles", tmp_path / "log")
        assert all(outcome.error is None for outcome in executor.run(work, toy_tasks(4, 0)))
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        outcomes = list(executor.run(work, toy_tasks(4, 0, "border")))
    assert [(outcome.error, outcome.tries) for outcome in outcomes] == [(None, 1)] * 4


def test_workers_end_with_their_coordinator_in_the_middle_of_a_tile(tmp_path: Path) -> None:
    """Else they would go on for as long as a tile takes, beside those of the run that continues."""
    with coordinator(tmp_path / "out", tmp_path / "log", "2", 60) as process:
        while len(computations(tmp_path / "log")) < 2:
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert no_one_is_left(process.pid)
