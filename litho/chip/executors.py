"""Who computes tasks: the protocol, what all executors share, and the one that needs nothing.

A task writes its result into a store and returns nothing; an executor hands tasks out, tries each up to three times,
and tells how they ended. Local processes are in `processes`, clusters in `dask_cluster`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

from litho.chip.store import StoreFull, TileStore
from litho.device_failures import failure_of

TRIES = 3
"""A task that has failed so often is set aside."""

MEMBERS = "members"
"""Where a payload has this, the task stands for several, see `litho.chip.task_groups`."""


@dataclass(frozen=True)
class Task:
    """Something to compute, small enough to be sent around.

    Parameters
    ----------
    key
        hexadecimal; of the tile file that the task writes
    name
        tile and pass, for people
    payload
        plain numbers, strings, bytes and arrays of geometry; where it has a whole number `batch`, that many fields are
        computed at once, and after memory ran out half as many; where it has `members`, these are tasks too, each with
        a file of its own, and the key is of no file
    """

    key: str
    name: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Parameters
    ----------
    key, name
        of the task
    seconds
        that its last try took
    error
        a sentence where the task was set aside, else None
    tries
        how often it was tried; 0 where the tile was there already
    """

    key: str
    name: str
    seconds: float
    error: str | None
    tries: int


Work = Callable[[Task], None]
"""A function at the top of a module, or a `functools.partial` of one: it has to reach other processes."""


class Executor(Protocol):
    """Something that runs tasks, in any order and any number at once."""

    @property
    def workers(self) -> int:
        """Number of tasks that run at once."""
        ...

    def run(self, work: Work, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """Yield how each task ended, in the order in which they end; closing the iterator stops what runs.

        Raises
        ------
        StoreFull
            where there is no room for results; what is finished is kept
        """
        ...

    def check_folder(self, folder: Path) -> None:
        """Raise `OSError`, in one sentence, unless every worker can write in a folder that all of them share."""
        ...

    def close(self) -> None:
        """Let the workers go; safe to call twice."""
        ...


@dataclass(frozen=True)
class Once:
    """Work that is left out where its tile is whole already: tried again, or finished by a worker that was lost.

    Parameters
    ----------
    work
        writes the tile of a task
    folder
        of the store
    """

    work: Work
    folder: Path

    def __call__(self, task: Task) -> None:
        """Do the work unless it is done; of a group, what is left of it."""
        store = TileStore(self.folder)
        left = tuple(member for member in task.payload.get(MEMBERS, (task,)) if not store.is_whole(member.key))
        if left:
            self.work(replace(task, payload={**task.payload, MEMBERS: left}) if MEMBERS in task.payload else task)


@dataclass(frozen=True)
class Ending:
    """How one try of a task ended, as a worker reports it.

    Parameters
    ----------
    seconds
        that it took
    error
        what went wrong, in one sentence
    full
        whether there is no room for results, so that no other try would help
    exhausted
        whether memory ran out: the process should be replaced, as it may be in a bad state
    batch
        half the task's batch, where memory ran out: no task should have a larger one from now on
    final
        whether the task was tried so often that it is set aside at once
    """

    seconds: float
    error: str | None = None
    full: bool = False
    exhausted: bool = False
    batch: int | None = None
    final: bool = False


@dataclass(frozen=True)
class Try:
    """A task that is handed out for the `number`-th time, from 1."""

    task: Task
    number: int = 1


class Attempts:
    """Tasks that are still to be handed out, and what becomes of those that come back."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._fresh = iter(tasks)
        self._made: Task | None = None
        self._again: deque[Try] = deque()
        self._batch: int | None = None

    def take(self) -> Try | None:
        """Return what to do next, or None; a task that failed comes again after all others."""
        task, self._made = self._made or next(self._fresh, None), None
        found = Try(task) if task is not None else self._again.popleft() if self._again else None
        if found is None or self._batch is None or found.task.payload.get("batch", 0) <= self._batch:
            return found
        return replace(found, task=with_batch(found.task, self._batch))

    def prepare(self) -> None:
        """Make the next task ready, while workers compute: making it takes time too."""
        if self._made is None:
            self._made = next(self._fresh, None)

    def give_back(self, attempt: Try) -> None:
        """Take back what never started."""
        self._again.appendleft(attempt)

    def settle(self, attempt: Try, ending: Ending) -> Outcome | None:
        """Return how a task ended, or None if it will be tried again."""
        task = attempt.task
        if ending.full:
            raise StoreFull(ending.error)
        if ending.batch is not None:
            self._batch = min(ending.batch, self._batch or ending.batch)
        if ending.error is not None and attempt.number < TRIES and not ending.final:
            self._again.append(replace(attempt, number=attempt.number + 1))
            return None
        tries = TRIES if ending.final else attempt.number
        return Outcome(task.key, task.name, ending.seconds, ending.error, tries)


def attempt(work: Work, task: Task) -> Ending:
    """Do the work of a task, and tell how it ended; where memory ran out, once more with half the batch."""
    start = time.monotonic()
    ending = _attempt(work, task)
    batch = task.payload.get("batch", 1)
    if ending.exhausted and batch > 1:
        ending = replace(_attempt(work, with_batch(task, batch // 2)), exhausted=True, batch=batch // 2)
    return replace(ending, seconds=time.monotonic() - start)


def _attempt(work: Work, task: Task) -> Ending:
    try:
        work(task)
    except StoreFull as error:
        return Ending(0, sentence(error), full=True)
    except Exception as error:  # whatever a task raises is told, and does not end the run
        return Ending(0, sentence(error), exhausted=failure_of(error) == "memory")
    return Ending(0)


def with_batch(task: Task, batch: int) -> Task:
    """Return the task with another number of fields computed at once."""
    return replace(task, payload={**task.payload, "batch": batch})


def sentence(error: BaseException) -> str:
    """Return what went wrong and, for faults of the program, in which line."""
    text = " ".join(str(error).split()) or "no reason given"
    if isinstance(error, ValueError | OSError):
        return text
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" ({Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno})"
    return f"{type(error).__name__}: {text}{where}"


def check_here(folder: Path) -> None:
    """Raise `OSError`, in one sentence, unless this process can write in a folder, or make it."""
    from litho.outputs import check_writable  # slow to import, and workers do not need it

    check_writable(folder)


def serial() -> SerialExecutor:
    """Return the executor that computes one task after the other, in this process."""
    return SerialExecutor()


class SerialExecutor:
    """One task after the other, in this process."""

    workers = 1

    def run(self, work: Work, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """Yield how each task ended; one that failed is tried again after the others."""
        attempts = Attempts(tasks)
        while (taken := attempts.take()) is not None:
            outcome = attempts.settle(taken, attempt(work, taken.task))
            if outcome is not None:
                yield outcome

    def check_folder(self, folder: Path) -> None:
        """Raise `OSError`, in one sentence, unless the folder can be written in."""
        check_here(folder)

    def close(self) -> None:
        """Do nothing: there are no workers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()
