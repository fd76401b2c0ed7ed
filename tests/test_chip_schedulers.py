"""Schedulers that run already, on this host and others: killed, of other code, without a common folder.

Schedulers and workers are real processes; where two hosts are needed, two network namespaces stand for them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chip_toys import (
    bits,
    computations,
    two_passes,
    undisturbed_bits,
)

from litho.chip.chip_security import (
    Certificates,
)
from litho.chip.executors import serial

pytest.importorskip("distributed")

from chip_hosts import process, scheduler, worker

from litho.chip.dask_cluster import ClusterLost, WrongVersion, dask_cluster

ROOT = Path(__file__).resolve().parents[1]
TOYS = Path(__file__).with_name("chip_toys.py")
COUNT = 30


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return undisturbed_bits(tmp_path_factory.mktemp("undisturbed"), COUNT)


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


def test_a_scheduler_that_runs_brings_its_own_workers() -> None:
    with pytest.raises(ValueError, match="`workers` and `gpus` must not be given for a scheduler that runs already"):
        dask_cluster("tcp://127.0.0.1:8786", workers=2)
    with pytest.raises(ValueError, match="`workers` must be at least 1, but got 0"):
        dask_cluster(workers=0)
    with pytest.raises(ValueError, match="`gpus` must name GPUs, one for each worker"):
        dask_cluster(gpus=[])


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
