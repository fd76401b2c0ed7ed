"""Small tasks in place of tiles, which can fail, kill their worker or run out of memory; and a run over them.

    python tests/chip_toys.py OUT LOG TASKS EXECUTOR SECONDS [SIZE]

runs two passes over toy tiles as a coordinator does: the second reads what three neighbours wrote in the first. It
continues what OUT holds. EXECUTOR is "serial", a number of processes, "dask=N" or a scheduler's address.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from litho.chip.executors import Executor, Outcome, Task, Work, serial
from litho.chip.manifest import Manifest, compute
from litho.chip.processes import local_processes
from litho.chip.store import TileStore

PASSES = ("correct", "border")
STOPPED, SET_ASIDE, UNUSABLE = 130, 3, 2


class OutOfMemoryError(MemoryError):
    """What CuPy raises has this name and this parent."""


def key_of(*parts: object) -> str:
    """Return a key as content keys are: 64 hexadecimal digits."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def toy_tasks(count: int, seconds: float = 0.05, doing: str = "correct", size: int = 64, **more: Any) -> list[Task]:
    """Return tasks of a pass; `more` is added to every payload."""
    before = {"correct": (), "border": (-1, 0, 1)}[doing]
    return [
        Task(
            key_of(doing, count, size, i),
            f"c{i:03d}_r000 {doing}",
            {
                "number": i,
                "seconds": seconds,
                "size": size,
                "reads": [key_of("correct", count, size, (i + step) % count) for step in before],
                **more,
            },
        )
        for i in range(count)
    ]


def draw(task: Task, folder: Path, log: Path) -> None:
    """Write a tile that depends on its key and on the tiles it reads; tell in files of `log` that it was computed."""
    payload = task.payload
    _tell(log, "begun", task.key)
    store = TileStore(folder)
    level = np.random.default_rng(int(task.key[:12], 16)).standard_normal((payload["size"], payload["size"]))
    for key in payload["reads"]:
        level = level + 0.25 * store.get(key).arrays["level"]
    time.sleep(payload["seconds"])
    _misbehave(task, log)
    store.put(task.key, {"level": level.astype(np.float32)}, {"number": payload["number"]})
    _tell(log, "ended", task.key)


def busy(task: Task, folder: Path) -> None:
    """Keep one core busy for a while, always with the same work, and write a small tile."""
    total = 0
    for i in range(task.payload["turns"]):
        total = (total * 1103515245 + i) % 2147483648
    TileStore(folder).put(task.key, {"total": np.array(total)}, {})


def _misbehave(task: Task, log: Path) -> None:
    """Do what a payload asks for: "fail", "kill" and "once" the first time only, "fits" fields in memory."""
    payload, key = task.payload, task.key
    if payload.get("once") and not _tell(log, "misbehaved", key):
        return
    if payload.get("fail"):
        raise ValueError(f"`target` must be printable, but tile {payload['number']} is not.")
    if payload.get("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if payload.get("batch", 0) > payload.get("fits", 1 << 30):
        _tell(log, f"full-{os.getpid()}", key)
        raise OutOfMemoryError(f"no memory for {payload['batch']} fields")


def _tell(log: Path, what: str, key: str) -> bool:
    """Add an event to the log; return whether it is the first of its kind."""
    log.mkdir(parents=True, exist_ok=True)
    path = log / f"{what}-{key}"
    first = not path.exists()
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    return first


def computations(log: Path, what: str = "begun") -> dict[str, int]:
    """Return how often each key was computed, or what else is told."""
    return {path.name.rpartition("-")[2]: len(path.read_text().split()) for path in log.glob(f"{what}-*")}


def no_one_is_left(group: int, patience_s: float = 4) -> bool:
    """Return whether no process of a group runs any more, or soon; those that no one has buried yet do not count."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if not _running(group):
            return True
        time.sleep(0.02)
    return False


def _running(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def bits(folder: Path) -> dict[str, str]:
    """Return the checksum of every tile file."""
    store = TileStore(folder)
    return {key: hashlib.sha256(store.path(key).read_bytes()).hexdigest() for key in store.keys()}


def drawing(folder: Path, log: Path) -> Work:
    """Return `draw` into a store."""
    return functools.partial(draw, folder=folder, log=log)


def two_passes(out: Path, log: Path, count: int, executor: Executor, seconds: float, size: int) -> Iterator[Outcome]:
    """Run both passes, continuing what is there."""
    store = TileStore(out / "tiles")
    with Manifest.begin(out, {"toys": count, "size": size}, resume=True) as manifest:
        for doing in PASSES:
            tasks = toy_tasks(count, seconds, doing, size)
            yield from compute(doing, drawing(store.folder, log), tasks, executor, store, manifest)


def undisturbed_bits(folder: Path, count: int) -> dict[str, str]:
    """Return the bits of two passes that nobody disturbs, in a new folder."""
    list(two_passes(folder, folder / "log", count, serial(), 0, 64))
    found = bits(folder / "tiles")
    assert len(found) == 2 * count
    return found


@contextlib.contextmanager
def workers_killed(
    alive: Callable[[], Sequence[int]], kills: int, chance: random.Random, pause_s: tuple[float, float]
) -> Iterator[list[int]]:
    """Kill one worker after another by SIGKILL at random moments while the block runs; yield who was killed so far.

    Parameters
    ----------
    alive
        tells the processes of workers
    kills
        how many at most
    chance
        of whom, and when
    pause_s
        shortest and longest time between two kills
    """
    stop, killed = threading.Event(), list[int]()

    def kill() -> None:
        while len(killed) < kills and not stop.wait(chance.uniform(*pause_s)):
            there = alive()
            if there:
                victim = chance.choice(there)
                with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        stop.set()
        killer.join()


def executor_of(text: str) -> Executor:
    """Return the executor that a word names."""
    if text == "serial":
        return serial()
    if text.isdecimal():
        return local_processes(int(text))
    from litho.chip.dask_cluster import dask_cluster

    if text.startswith("dask="):
        return dask_cluster(workers=int(text.removeprefix("dask=")))
    return dask_cluster(text, certificates=_certificates(), patience_s=10)


def _certificates() -> Any:
    from litho.chip.chip_security import Certificates

    folder = os.environ.get("CHIP_CERTIFICATES")
    return folder and Certificates(*(Path(folder, name) for name in ("ca.pem", "cert.pem", "key.pem")))


def main(out: str, log: str, count: str, executor: str, seconds: str, size: str = "64") -> int:
    """Run, print "begun" and each outcome, and return an exit code as the command line does."""
    try:
        workers = executor_of(executor)
        try:
            if not executor.isdecimal() and executor != "serial":  # where it takes more than a local disk
                workers.check_folder(Path(out))
            outcomes = two_passes(Path(out), Path(log), int(count), workers, float(seconds), int(size))
            print("begun", flush=True)
            failed = [print(outcome, flush=True) or outcome.error for outcome in outcomes]
        finally:
            workers.close()
    except KeyboardInterrupt:
        return STOPPED
    except (ValueError, OSError) as error:
        print(f"litho: {error}", file=sys.stderr)
        return UNUSABLE
    return SET_ASIDE if any(failed) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
    sys.exit(main(*sys.argv[1:]))
