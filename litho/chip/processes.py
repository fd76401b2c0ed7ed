"""Workers on this machine: processes that may die, of which each computes one task at a time.

Each worker has a connection of its own, so that a worker that is killed takes nothing with it: the coordinator sees
its end, starts another one, and hands its task out again. A worker that loses its coordinator ends at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Self

from litho.chip.executors import Attempts, Ending, Outcome, Task, Try, Work, attempt, check_here, sentence

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"""Environment of a worker: as many workers as cores, each with one thread that computes."""

STARTS = 10
"""Workers that may end one after the other before they ever said that they are there."""

PATIENCE_S = 5.0
"""Time that an idle worker has to end before it is killed."""

_SPAWN = multiprocessing.get_context("spawn")


class WorkersDoNotStart(RuntimeError):
    """Processes end before they take a task."""


def local_processes(workers: int, environment: Mapping[str, str] = ONE_THREAD) -> LocalProcesses:
    """Return an executor with processes of this machine, which start with their first task.

    A program that calls this at its top level needs `if __name__ == "__main__":`, as each worker imports it.

    Parameters
    ----------
    workers
        number of processes
    environment
        of the workers, beside that of this process
    """
    return LocalProcesses(workers, environment)


class _Worker:
    """A process with its connection, and what it does."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        self.doing: Try | None = None
        self.since_s = 0.0
        self.is_there = self.has_it = False
        with inherited(environment):
            self.process.start()
        theirs.close()

    def give(self, work: Work, task: Task) -> None:
        """Send a task; a worker that is dead does not get it."""
        self.since_s = time.monotonic()
        with suppress(ConnectionError):
            self.connection.send((work, task))
            self.has_it = True

    def epitaph(self) -> Ending:
        """Return what is to be said of the task that a process took along."""
        self.process.join(PATIENCE_S)
        code = self.process.exitcode
        killed = code is not None and code < 0
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and killed else f"ended with {code}"
        return Ending(time.monotonic() - self.since_s, f"Its worker process {how}.")

    def end(self) -> None:
        """Let an idle process end by itself; kill a busy one."""
        self.connection.close()
        if self.doing is not None:
            self.process.kill()
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()


class LocalProcesses:
    """Processes of this machine; made by `local_processes`."""

    def __init__(self, workers: int, environment: Mapping[str, str]) -> None:
        if workers < 1:
            raise ValueError(f"`workers` must be at least 1, but got {workers}.")
        self.workers = workers
        self._environment = dict(environment)
        self._pool: list[_Worker] = []
        self._stillborn = 0

    def run(self, work: Work, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """Yield how each task ended, in the order in which they end; closing the iterator kills what runs."""
        attempts = Attempts(tasks)
        try:
            while busy := self._hand_out(work, attempts):
                attempts.prepare()
                ready = set(wait([w.connection for w in busy] + [w.process.sentinel for w in busy]))
                heard = [w for w in busy if w.connection in ready or w.process.sentinel in ready]
                outcomes = [outcome for w in heard if (outcome := self._hear(w, attempts)) is not None]
                self._hand_out(work, attempts)  # before whoever reads the outcomes takes time for them
                yield from outcomes
        finally:
            self._dismiss([worker for worker in self._pool if worker.doing is not None])

    def check_folder(self, folder: Path) -> None:
        """Raise `OSError`, in one sentence, unless the folder can be written in."""
        check_here(folder)

    def close(self) -> None:
        """End all workers; those that run a task are killed."""
        self._dismiss(self._pool)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def _hand_out(self, work: Work, attempts: Attempts) -> list[_Worker]:
        """Give every idle worker a task, start workers where there are more; return who is busy."""
        idle = [worker for worker in self._pool if worker.doing is None]
        given = []
        while (idle or len(self._pool) < self.workers) and (taken := attempts.take()) is not None:
            if not idle:
                idle.append(_Worker(self._environment))
                self._pool += idle
            idle[0].doing, idle[0].has_it = taken, False
            given.append((idle.pop(0), taken))
        for worker, taken in given:  # after all have started, as the first task waits for its process to read it
            worker.give(work, taken.task)
        return [worker for worker in self._pool if worker.doing is not None]

    def _hear(self, worker: _Worker, attempts: Attempts) -> Outcome | None:
        """Return how a worker's task ended, or None if it will be tried again or is still computed."""
        doing = worker.doing
        assert doing is not None
        try:
            ending = worker.connection.recv()
        except (EOFError, ConnectionError):
            return self._lost(worker, doing, attempts)
        if ending is None:  # the worker says that it is there
            worker.is_there, self._stillborn = True, 0
            return None
        worker.doing = None
        if ending.exhausted:
            self._dismiss([worker])
        return attempts.settle(doing, ending)

    def _lost(self, worker: _Worker, doing: Try, attempts: Attempts) -> Outcome | None:
        """Bury a worker; its task is tried again, and only a task that it had begun counts that as a try."""
        ending = worker.epitaph()
        self._dismiss([worker])
        if worker.is_there and worker.has_it:
            return attempts.settle(doing, ending)
        self._stillborn += not worker.is_there
        if self._stillborn >= STARTS:
            raise WorkersDoNotStart(f"Worker processes must start, but {STARTS} in a row did not: {ending.error}")
        attempts.give_back(doing)
        return None

    def _dismiss(self, workers: list[_Worker]) -> None:
        gone = list(workers)
        self._pool = [worker for worker in self._pool if worker not in gone]
        for worker in gone:
            worker.end()


def _serve(connection: Connection) -> None:
    """Compute one task after the other, until the connection is closed or memory ran out: what a worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the coordinator too, which decides
    threading.Thread(target=_follow_coordinator, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        connection.send(None)
        while True:
            ending = _next(connection)
            connection.send(ending)
            if ending.exhausted:
                return


def _next(connection: Connection) -> Ending:
    try:
        work, task = connection.recv()
    except (EOFError, ConnectionError):
        raise
    except Exception as error:  # the task needs a module that is not to be had here
        return Ending(0, sentence(error))
    return attempt(work, task)


def _follow_coordinator() -> None:
    """End this process as soon as the one that started it is gone, in the middle of a task too."""
    coordinator = multiprocessing.parent_process()
    assert coordinator is not None
    coordinator.join()
    os._exit(1)


@contextmanager
def inherited(environment: Mapping[str, str]) -> Iterator[None]:
    """Let processes that start inside have more environment, and no Ctrl-C while they are not ready for it."""
    resource_tracker.ensure_running()  # else the first process starts it, which lets signals through
    before = {name: os.environ.get(name) for name in environment}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
