"""Clusters of this machine: the bits of one process, and nothing lost with workers and coordinators.

Workers are real processes; GPUs are names that they are told.
"""

from __future__ import annotations

import functools
import importlib.machinery
import os
import random
import signal
import subprocess
import sys
import time
import types
import urllib.request
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import pytest
from chip_toys import (
    STOPPED,
    bits,
    computations,
    drawing,
    no_one_is_left,
    toy_tasks,
    two_passes,
    undisturbed_bits,
    workers_killed,
)

from litho.chip.chip_security import (
    is_loopback,
)
from litho.chip.executors import Outcome, Task
from litho.chip.store import TileStore

pytest.importorskip("distributed")

from chip_hosts import process

from litho.chip.dask_cluster import DaskExecutor, dask_cluster
from litho.chip.dask_start import gpus_of_list, visible_gpus

ROOT = Path(__file__).resolve().parents[1]
TOYS = Path(__file__).with_name("chip_toys.py")
COUNT = 30


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskExecutor]:
    """Two workers on loopback, for all tests that leave them alive."""
    with dask_cluster(workers=2) as found:
        yield found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return undisturbed_bits(tmp_path_factory.mktemp("undisturbed"), COUNT)


def run(executor: DaskExecutor, tmp_path: Path, tasks: list[Task]) -> dict[str, Outcome]:
    """Run tasks; return their outcomes by key, of which there is exactly one for each."""
    outcomes = list(executor.run(drawing(tmp_path / "tiles", tmp_path / "log"), tasks))
    assert sorted(outcome.key for outcome in outcomes) == sorted(task.key for task in tasks)
    return {outcome.key: outcome for outcome in outcomes}


def test_a_cluster_gives_the_same_bits_as_one_process(
    cluster: DaskExecutor, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    outcomes = list(two_passes(tmp_path / "out", tmp_path / "log", COUNT, cluster, 0, 64))
    assert [(outcome.error, outcome.tries) for outcome in outcomes] == [(None, 1)] * 2 * COUNT
    assert bits(tmp_path / "out" / "tiles") == undisturbed
    assert cluster.workers == 2
    pids = {path.read_text() for path in (tmp_path / "log").glob("begun-*")}
    assert len(pids) == 2 and f"{os.getpid()}\n" not in pids


def test_a_task_that_fails_three_times_is_set_aside_by_a_cluster_too(cluster: DaskExecutor, tmp_path: Path) -> None:
    tasks = toy_tasks(8, 0)
    tasks[3] = toy_tasks(8, 0, fail=True)[3]
    outcomes = run(cluster, tmp_path, tasks)
    found = outcomes.pop(tasks[3].key)
    assert (found.tries, found.error) == (3, "`target` must be printable, but tile 3 is not.")
    assert all(outcome.error is None for outcome in outcomes.values())
    assert computations(tmp_path / "log")[tasks[3].key] == 3


def test_only_loopback_listens_and_the_dashboard_answers(cluster: DaskExecutor) -> None:
    """Pages of workers too, which dask opens to everyone unless it is told not to."""
    import psutil

    own = psutil.Process()
    listening = [
        connection.laddr.ip
        for one in (own, *own.children(recursive=True))
        for connection in one.net_connections("inet")
        if connection.status == "LISTEN"
    ]
    assert len(listening) >= 6  # scheduler and its page, two nannies, two workers, and their pages
    assert all(is_loopback(ip) for ip in listening), listening
    assert cluster.address.startswith("tcp://127.0.0.1:")
    assert cluster.dashboard.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(cluster.dashboard, timeout=10) as page:
        assert page.status == 200


def test_workers_killed_at_random_moments_lose_nothing(
    cluster: DaskExecutor, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    def alive() -> list[int]:
        return [pid for pid in cluster._client.run(os.getpid, on_error="ignore").values() if isinstance(pid, int)]

    with workers_killed(alive, 3, random.Random(3), (0.2, 0.6)) as killed:
        outcomes = list(two_passes(tmp_path / "out", tmp_path / "log", COUNT, cluster, 0.05, 64))
    assert len(killed) >= 2
    assert [outcome.error for outcome in outcomes] == [None] * 2 * COUNT
    assert bits(tmp_path / "out" / "tiles") == undisturbed
    assert set(computations(tmp_path / "log", "ended").values()) == {1}, "a finished tile was computed again"


def test_a_tile_that_kills_its_worker_is_set_aside_after_three_workers(cluster: DaskExecutor, tmp_path: Path) -> None:
    tasks = toy_tasks(8, 0)
    tasks[3] = toy_tasks(8, 0, kill=True)[3]
    outcomes = run(cluster, tmp_path, tasks)
    found = outcomes.pop(tasks[3].key)
    assert (found.tries, found.error) == (3, "Its workers died, 3 of them.")
    assert all(outcome.error is None for outcome in outcomes.values()), "innocent tiles were blamed"
    assert computations(tmp_path / "log")[tasks[3].key] == 3


def test_a_worker_whose_memory_ran_out_halves_its_batch_once_and_is_restarted(
    cluster: DaskExecutor, tmp_path: Path
) -> None:
    before = pids_of_two_workers(cluster)
    outcomes = run(cluster, tmp_path, toy_tasks(8, 0.05, batch=8, fits=4))
    assert all(outcome.error is None and outcome.tries == 1 for outcome in outcomes.values())
    full = {int(path.name.split("-")[1]) for path in (tmp_path / "log").glob("full-*")}
    assert 1 <= len(full) <= 2  # the first task of one worker, or of both; then all begin with half
    assert full <= before
    assert not full & pids_of_two_workers(cluster, full)


def pids_of_two_workers(cluster: DaskExecutor, without: Set[int] = frozenset()) -> set[int]:
    """Wait until two workers are there, none of them of those `without`; return their processes."""
    for _ in range(400):
        found = {pid for pid in cluster._client.run(os.getpid, on_error="ignore").values() if isinstance(pid, int)}
        if len(found) == 2 and not found & without:
            return found
        time.sleep(0.05)
    raise AssertionError(f"workers did not come back: {found}")


def test_a_full_folder_ends_a_run_on_a_cluster(cluster: DaskExecutor, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="`out` must have room, but"):
        list(cluster.run(fill_up, toy_tasks(4, 0)))


def fill_up(task: Task) -> None:
    """Find the disk full."""
    import errno

    from litho.chip.store import told_if_full

    with told_if_full(Path("tile.npz")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("how", ["killed", "by Ctrl-C"])
def test_a_coordinator_that_is_stopped_takes_its_workers_with_it_and_is_continued(
    tmp_path: Path, undisturbed: dict[str, str], how: str
) -> None:
    out, log, told = tmp_path / "out", tmp_path / "log", tmp_path / "coordinator.log"
    command = [sys.executable, str(TOYS), str(out), str(log), str(COUNT)]
    with process([*command, "dask=2", "0.1"], told) as running:
        while len(computations(log, "ended")) < 5:
            assert running.poll() is None, told.read_text()
            time.sleep(0.02)
        if how == "killed":
            running.kill()
            running.wait()
        else:  # as a terminal sends it: to workers too, which leave it to the coordinator
            os.killpg(running.pid, signal.SIGINT)
            assert running.wait(timeout=20) == STOPPED
            assert "Traceback" not in told.read_text()
        assert no_one_is_left(running.pid)
    whole = {key for key in bits(out / "tiles") if TileStore(out / "tiles").is_whole(key)}
    counted = computations(log)
    subprocess.run([*command, "serial", "0"], check=True, stdout=subprocess.DEVNULL, timeout=60)
    assert len(whole) >= 5 and all(computations(log)[key] == counted[key] for key in whole)
    assert bits(out / "tiles") == undisturbed


def test_a_folder_that_workers_share_is_taken(cluster: DaskExecutor, tmp_path: Path) -> None:
    cluster.check_folder(tmp_path / "new" / "out")
    assert list((tmp_path / "new" / "out").iterdir()) == []


def tell_gpu(task: Task, folder: Path) -> None:
    """Write which GPUs this worker sees."""
    (folder / f"{task.payload['number']}-{os.environ['CUDA_VISIBLE_DEVICES']}").touch()
    time.sleep(0.1)


def test_each_gpu_has_one_worker_which_sees_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "dask_cuda", None)  # as where it is not installed
    monkeypatch.setattr("litho.chip.dask_start.find_spec", lambda name: None)
    with dask_cluster(gpus=["GPU-aaaa", "3"]) as executor:
        assert executor.workers == 2
        outcomes = list(executor.run(functools.partial(tell_gpu, folder=tmp_path), toy_tasks(8)))
        seen = executor._client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
    assert all(outcome.error is None for outcome in outcomes)
    assert sorted(seen.values()) == ["3", "GPU-aaaa"]
    assert {path.name.partition("-")[2] for path in tmp_path.iterdir()} == {"3", "GPU-aaaa"}


def test_dask_cuda_starts_the_workers_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen here: what it is asked for. It needs a GPU to do it."""
    asked: dict[str, Any] = {}

    class Stopped(Exception):
        pass

    def local_cuda_cluster(**options: Any) -> None:
        asked.update(options)
        raise Stopped

    module = types.ModuleType("dask_cuda")
    module.__spec__ = importlib.machinery.ModuleSpec("dask_cuda", None)
    module.LocalCUDACluster = local_cuda_cluster  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dask_cuda", module)
    with pytest.raises(Stopped):
        dask_cluster(gpus=["0", "1"])
    assert asked["CUDA_VISIBLE_DEVICES"] == ["0", "1"] and asked["threads_per_worker"] == 1
    assert (asked["host"], asked["protocol"], asked["dashboard_address"]) == ("127.0.0.1", "tcp://", "127.0.0.1:0")


LIST = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-2222-3333-4444-555555555555)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-66666666-2222-3333-4444-555555555555)
  MIG 3g.20gb     Device  0: (UUID: MIG-aaaaaaaa-2222-3333-4444-555555555555)
  MIG 3g.20gb     Device  1: (UUID: MIG-bbbbbbbb-2222-3333-4444-555555555555)
"""


def test_gpus_are_found_and_divided_ones_count_by_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = gpus_of_list(LIST)
    assert (first[:8], second[:8], third[:8]) == ("GPU-1111", "MIG-aaaa", "MIG-bbbb")
    assert gpus_of_list("") == []
    for text, found in (("2,0", ["2", "0"]), ("", []), ("-1", []), ("GPU-ab, 1", ["GPU-ab", "1"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
        assert visible_gpus() == found
