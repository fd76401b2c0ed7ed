"""Groups of tasks that one worker computes side by side: fewer, larger steps for a device that one field leaves idle.

    for outcome in run_in_groups(executor, Once(work, folder), tasks, 8): ...

To an executor a group is one task, whose `members` are those that it stands for. Each of them has its own file and its
own outcome: what is finished is not computed again when the rest of a group is tried again, and a group that failed
three times is taken apart, so that a tile that cannot be computed takes no other with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice

from litho.chip.executors import MEMBERS, TRIES, Executor, Outcome, Task, Work


def fair_size(batch: int, left: int, workers: int) -> int:
    """Return how many tasks a group should have: `batch` at most, and so few that every worker has something to do."""
    return max(1, min(batch, -(-left // max(1, workers))))


def run_in_groups(executor: Executor, work: Work, tasks: Iterable[Task], size: int) -> Generator[Outcome, None, None]:
    """Yield how each task ended, as `Executor.run` does; workers are given groups of them.

    Parameters
    ----------
    executor
        who computes
    work
        writes the tiles of a task, or of all members of a group; it has to leave out what is there, see `Once`
    tasks
        of one pass, each with a key of its own; made as they are asked for
    size
        the most tasks of a group, and the fields that are computed at once; 1 for no groups
    """
    if size == 1:
        yield from executor.run(work, tasks)
        return
    made: dict[str, Sequence[Task]] = {}
    apart: list[Task] = []
    with closing(executor.run(work, _groups(tasks, size, made))) as outcomes:
        for outcome in outcomes:
            members = made.pop(outcome.key)
            if outcome.error is not None and len(members) > 1:
                apart += members
            else:
                share = outcome.seconds / len(members)
                yield from (replace(outcome, key=task.key, name=task.name, seconds=share) for task in members)
    with closing(executor.run(work, apart)) as outcomes:
        yield from (replace(outcome, tries=TRIES + outcome.tries) for outcome in outcomes)


def _groups(tasks: Iterable[Task], size: int, made: dict[str, Sequence[Task]]) -> Iterator[Task]:
    """Yield tasks that stand for several each; note in `made` for which."""
    waiting = iter(tasks)
    while members := tuple(islice(waiting, size)):
        task = members[0] if len(members) == 1 else group(members)
        made[task.key] = members
        yield task


def group(members: Sequence[Task]) -> Task:
    """Return the task that stands for several, all of which are computed at once."""
    key = hashlib.sha256(" ".join(task.key for task in members).encode()).hexdigest()
    name = f"{members[0].name} and {len(members) - 1} more"
    return Task(key, name, {MEMBERS: tuple(members), "batch": len(members)})


def batches_of(task: Task) -> Iterator[Sequence[Task]]:
    """Yield the tasks that a worker computes at once, one batch after the other."""
    members, size = task.payload.get(MEMBERS, (task,)), task.payload.get("batch", 1)
    for start in range(0, len(members), size):
        yield members[start : start + size]
