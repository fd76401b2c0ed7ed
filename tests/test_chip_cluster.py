"""Clusters: nothing lost with workers, schedulers and coordinators, and no one listens who was not asked to.

Schedulers and workers are real processes; where two hosts are needed, two network namespaces stand for them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import urllib.request
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import pytest
from chip_toys import STOPPED, bits, computations, drawing, no_one_is_left, toy_tasks, two_passes

from litho.chip.chip_security import (
    Certificates,
    address_to_reach,
    dashboard_to_show,
    is_loopback,
    protocol_to_listen,
)
from litho.chip.executors import Outcome, Task, serial
from litho.chip.store import TileStore

pytest.importorskip("distributed")

from chip_hosts import make_certificates, process, scheduler, worker

from litho.chip.dask_cluster import ClusterLost, DaskExecutor, WrongVersion, dask_cluster
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
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates") / "own")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates") / "foreign")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the bits of two passes that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    list(two_passes(folder, folder / "log", COUNT, serial(), 0, 64))
    return bits(folder / "tiles")


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


def test_workers_killed_at_random_moments_lose_nothing(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    chance, stop, killed = random.Random(3), threading.Event(), list[int]()
    with dask_cluster(workers=2) as executor:

        def kill() -> None:
            while len(killed) < 3 and not stop.wait(chance.uniform(0.2, 0.6)):
                alive = list(executor._client.run(os.getpid, on_error="ignore").values())
                if alive:
                    killed.append(chance.choice(alive))
                    os.kill(killed[-1], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            outcomes = list(two_passes(tmp_path / "out", tmp_path / "log", COUNT, executor, 0.05, 64))
        finally:
            stop.set()
            killer.join()
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


def test_a_scheduler_that_is_killed_is_told_in_one_sentence_and_nothing_is_lost(
    tmp_path: Path, certificates: Certificates, foreign: Certificates, undisturbed: dict[str, str]
) -> None:
    """Of a scheduler and a worker with TLS, as they are started by hand; who has no right certificate is refused."""
    out, log = tmp_path / "out", tmp_path / "log"
    with contextlib.ExitStack() as stack:
        address, running = stack.enter_context(scheduler(tmp_path / "scheduler", certificates))
        stack.enter_context(worker(address, tmp_path / "worker", certificates))
        assert address.startswith("tls://127.0.0.1:")
        with pytest.raises(ClusterLost, match=r"`scheduler` must answer within 2 s, but .*certificate") as told:
            dask_cluster(address, certificates=foreign, patience_s=2)
        assert "\n" not in str(told.value)
        with pytest.raises(ClusterLost, match="`scheduler` must answer within 2 s"):
            dask_cluster(address.replace("tls", "tcp"), patience_s=2)
        executor = stack.enter_context(dask_cluster(address, certificates=certificates, patience_s=20))
        outcomes = two_passes(out, log, COUNT, executor, 0.05, 64)
        for _ in range(5):
            assert next(outcomes).error is None
        os.killpg(running.pid, signal.SIGKILL)
        with pytest.raises(ClusterLost, match=r"`scheduler` must stay, but tls://.* is gone; what is finished is kept"):
            list(outcomes)
        whole = set(bits(out / "tiles"))
        counted = computations(log)
    assert len(whole) >= 5
    list(two_passes(out, log, COUNT, serial(), 0, 64))
    assert all(computations(log)[key] == counted[key] for key in whole)
    assert bits(out / "tiles") == undisturbed


def test_a_scheduler_that_does_not_answer_is_told_in_one_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    start = time.monotonic()
    with pytest.raises(ClusterLost, match=f"`scheduler` must answer within 1 s, but {address} did not: ") as told:
        dask_cluster(address, patience_s=1)
    assert "\n" not in str(told.value) and time.monotonic() - start < 10


def test_workers_of_other_code_and_none_at_all_are_refused(tmp_path: Path) -> None:
    """The other code differs by a comment: its results might differ, and no one could tell why."""
    shutil.copytree(ROOT / "litho", tmp_path / "code" / "litho", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "kernels", tmp_path / "code" / "kernels")
    shutil.copytree(ROOT / "masks", tmp_path / "code" / "masks")
    with open(tmp_path / "code" / "litho" / "socs.py", "a") as file:
        file.write("# changed\n")
    with scheduler(tmp_path / "scheduler") as (address, _):
        with pytest.raises(ClusterLost, match=r"`scheduler` must have workers, but .* had none for 1 s"):
            dask_cluster(address, patience_s=1)
        with worker(address, tmp_path / "worker", PYTHONPATH=str(tmp_path / "code")):
            with pytest.raises(
                WrongVersion, match=r"Workers must run litho .*, code .*, but tcp://.* has litho .*code"
            ):
                dask_cluster(address, patience_s=20)


def may(command: list[str]) -> bool:
    """Return whether this machine permits something."""
    return shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("mount", "why"),
    [
        ("mount -t tmpfs none {}", "it does not see {}"),
        ("mount --bind {0} {0} && mount -o remount,bind,ro {0}", "it cannot write in {}: Read-only file system"),
    ],
)
def test_a_folder_that_workers_do_not_share_or_may_not_write_in_is_refused(
    tmp_path: Path, mount: str, why: str
) -> None:
    if not may(["unshare", "--mount", "true"]):
        pytest.skip("a worker's own view of files (unshare --mount) is not permitted here")
    out = tmp_path / "out"
    out.mkdir()
    inside = ["unshare", "--mount", "sh", "-c", f'{mount.format(out)} && exec "$@"', "sh"]
    with scheduler(tmp_path / "scheduler") as (address, _):
        with worker(address, tmp_path / "worker", inside=inside), dask_cluster(address, patience_s=20) as executor:
            expected = f"`out` must be a folder that all workers share and write in, but tcp://.*: {why.format(out)}"
            with pytest.raises(OSError, match=expected):
                executor.check_folder(out)
    assert list(out.iterdir()) == []


def test_a_folder_that_workers_share_is_taken(cluster: DaskExecutor, tmp_path: Path) -> None:
    cluster.check_folder(tmp_path / "new" / "out")
    assert list((tmp_path / "new" / "out").iterdir()) == []


HOSTS = {f"litho-{os.getpid()}-a": "192.0.2.1", f"litho-{os.getpid()}-b": "192.0.2.2"}


@pytest.fixture
def two_hosts() -> Iterator[dict[str, list[str]]]:
    """Make two network namespaces with a cable between them; yield the command that runs commands in each."""
    first, second = HOSTS
    if shutil.which("ip") is None:
        pytest.skip("two hosts need the command `ip` (iproute2), which is not here")
    if not may(["ip", "netns", "add", first]):
        pytest.skip("two hosts need network namespaces (ip netns), which are not permitted here")
    try:
        subprocess.run(["ip", "netns", "add", second], check=True)
        cable = f"link add cable-a netns {first} type veth peer name cable-b netns {second}"
        subprocess.run(["ip", *cable.split()], check=True)
        for (name, address), end in zip(HOSTS.items(), ("cable-a", "cable-b"), strict=True):
            for step in (f"addr add {address}/30 dev {end}", f"link set {end} up", "link set lo up"):
                subprocess.run(["ip", "-n", name, *step.split()], check=True)
        yield {name: ["ip", "netns", "exec", name] for name in HOSTS}
    finally:
        for name in HOSTS:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_two_hosts_compute_one_chip_with_certificates(
    tmp_path: Path, two_hosts: dict[str, list[str]], certificates: Certificates, undisturbed: dict[str, str]
) -> None:
    """Scheduler, coordinator and a worker on one host, a worker on the other, and the other's network unplugged."""
    first = next(iter(HOSTS))
    out, log = tmp_path / "out", tmp_path / "log"
    with contextlib.ExitStack() as stack:
        address, _ = stack.enter_context(
            scheduler(tmp_path / "scheduler", certificates, HOSTS[first], two_hosts[first])
        )
        assert address.startswith(f"tls://{HOSTS[first]}:")
        for name, host in HOSTS.items():
            stack.enter_context(worker(address, tmp_path / name, certificates, host, two_hosts[name]))
        for name in HOSTS:
            wait_for(tmp_path / name / "worker.log", "Registered to")
        command = [*two_hosts[first], sys.executable, str(TOYS), str(out), str(log), str(COUNT), address, "0.05"]
        told = tmp_path / "coordinator.log"
        folder = str(certificates.authority.parent)
        with process(command, told, CHIP_CERTIFICATES=folder) as running:
            assert running.wait(timeout=60) == 0, told.read_text()
    pids = {path.read_text() for path in log.glob("begun-*")}
    assert len(pids) == 2, "only one host computed"
    assert set(computations(log, "ended").values()) == {1}
    assert bits(out / "tiles") == undisturbed


def wait_for(log: Path, text: str) -> None:
    for _ in range(400):
        if log.exists() and text in log.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"{log} does not say {text!r}: {log.read_text()}")


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.7", False),
        ("localhost.example.org", False),
        ("example.org", False),
        ("", False),
        ("::ffff:10.0.0.7", False),
    ],
)
def test_loopback_is_this_machine_only(host: str, alone: bool) -> None:
    assert is_loopback(host) == alone


def test_other_interfaces_need_certificates_or_the_word_insecure(certificates: Certificates) -> None:
    assert protocol_to_listen("127.0.0.1", None) == "tcp://"
    assert protocol_to_listen("127.0.0.1", certificates) == "tls://"
    assert protocol_to_listen("10.0.0.7", certificates) == "tls://"
    assert protocol_to_listen("10.0.0.7", None, insecure=True) == "tcp://"
    for host in ("0.0.0.0", "10.0.0.7", "node1", "::", ""):
        with pytest.raises(ValueError, match=r"`host` must be 127\.0\.0\.1 without certificates"):
            protocol_to_listen(host, None)
        with pytest.raises(ValueError, match=r"`host` must be 127\.0\.0\.1 without certificates"):
            dask_cluster(workers=1, host=host)


def test_addresses_of_schedulers_go_with_certificates(certificates: Certificates) -> None:
    assert address_to_reach("127.0.0.1:8786", None) == "tcp://127.0.0.1:8786"
    assert address_to_reach("tcp://[::1]:8786", None) == "tcp://[::1]:8786"
    assert address_to_reach("node1:8786", certificates) == "tls://node1:8786"
    assert address_to_reach("tls://10.0.0.7:8786", certificates) == "tls://10.0.0.7:8786"
    assert address_to_reach("tcp://10.0.0.7:8786", None, insecure=True) == "tcp://10.0.0.7:8786"
    for address in ("tcp://10.0.0.7:8786", "10.0.0.7:8786", "node1:8786"):
        with pytest.raises(ValueError, match=r"`scheduler` must be on 127\.0\.0\.1 without certificates"):
            dask_cluster(address)
    with pytest.raises(ValueError, match="`scheduler` must be tcp:// without certificates"):
        dask_cluster("tls://10.0.0.7:8786", insecure=True)
    with pytest.raises(ValueError, match="`scheduler` must be tls:// where certificates are given"):
        dask_cluster("tcp://127.0.0.1:8786", certificates=certificates)
    for address in (
        "",
        "node1",
        "node1:x",
        "node1:0",
        "node1:70000",
        "ftp://node1:21",
        "tcp://:8786",
        "a b:1",
        "::1:9",
    ):
        with pytest.raises(ValueError, match="`scheduler` must be like tls://"):
            address_to_reach(address, None, insecure=True)


def test_dashboards_are_for_this_machine_unless_told_otherwise(certificates: Certificates) -> None:
    assert dashboard_to_show("127.0.0.1:0") == "127.0.0.1:0"
    assert dashboard_to_show("0.0.0.0:8787", insecure=True) == "0.0.0.0:8787"
    with pytest.raises(ValueError, match=r"`dashboard` must be on 127\.0\.0\.1, as its pages are open to everyone"):
        dask_cluster(workers=1, host="10.0.0.7", certificates=certificates, dashboard="0.0.0.0:8787")
    for address in ("", ":8787", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999"):
        with pytest.raises(ValueError, match=r"`dashboard` must be like 127\.0\.0\.1:8787"):
            dashboard_to_show(address)


def test_wrong_certificate_files_are_refused_in_one_sentence(
    certificates: Certificates, foreign: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    ca, cert, key = certificates.authority, certificates.certificate, certificates.key
    wrongs = [
        ((tmp_path / "none.pem", cert, key), "`authority` must be a PEM file, but there is no"),
        ((tmp_path / "text.pem", cert, key), "`authority` must be a certificate in a PEM file"),
        ((ca, tmp_path / "text.pem", key), "`certificate` and `key` must be PEM files that belong together"),
        ((ca, cert, foreign.key), "`certificate` and `key` must be PEM files that belong together"),
        ((ca, cert, cert), "`certificate` and `key` must be PEM files that belong together"),
    ]
    for files, sentence in wrongs:
        with pytest.raises(ValueError, match=sentence) as told:
            Certificates(*files)
        assert "\n" not in str(told.value)


def test_a_cluster_with_certificates_encrypts(certificates: Certificates, tmp_path: Path) -> None:
    with dask_cluster(workers=1, certificates=certificates) as executor:
        assert executor.address.startswith("tls://127.0.0.1:")
        assert all(name.startswith("tls://127.0.0.1:") for name in executor._client.nthreads())
        assert all(outcome.error is None for outcome in run(executor, tmp_path, toy_tasks(3, 0)).values())


def test_a_scheduler_that_runs_brings_its_own_workers() -> None:
    with pytest.raises(ValueError, match="`workers` and `gpus` must not be given for a scheduler that runs already"):
        dask_cluster("tcp://127.0.0.1:8786", workers=2)
    with pytest.raises(ValueError, match="`workers` must be at least 1, but got 0"):
        dask_cluster(workers=0)
    with pytest.raises(ValueError, match="`gpus` must name GPUs, one for each worker"):
        dask_cluster(gpus=[])


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
