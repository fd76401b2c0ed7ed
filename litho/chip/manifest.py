"""What a run is of and where it stands: one file in the output folder, so that a run can be continued.

The store says which tiles are whole; the manifest says which are planned, which failed and why, and that the folder
belongs to one layout, one recipe and one version. Losing it loses no tile: equal keys mean equal content.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from litho.chip.executors import Executor, Once, Outcome, Task, Work
from litho.chip.store import TileStore, told_if_full
from litho.chip.task_groups import run_in_groups
from litho.io.atomic import atomic_path

FILE = "manifest.json"
"""Name of the file in the output folder."""

LOCK = ".lock"
"""Name of the file that is locked while a run uses the folder; it stays, empty."""

FORMAT = "litho chip 1"

PLANNED, DONE, FAILED = "planned", "done", "failed"
"""States of a task."""

INTERVAL_S = 1.0
"""Least time between two files; where they take long to write, fifty times as long as that."""

_MISSING = object()


class ForeignRun(ValueError):
    """An output folder that holds something else than the run that is to be continued."""


@dataclass(frozen=True)
class Failure:
    """A task that was set aside.

    Parameters
    ----------
    doing
        the pass
    key, name
        of the task
    error
        a sentence
    tries
        how often it was tried
    """

    doing: str
    key: str
    name: str
    error: str
    tries: int


class Manifest:
    """The manifest of one output folder, which no other run can use at the same time; made by `Manifest.begin`."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], lock: int) -> None:
        self.folder = folder
        self._identity = dict(identity)
        self._passes: dict[str, dict[str, Any]] = {}
        self._lock: int | None = lock
        self._next_s = 0.0

    @classmethod
    def begin(cls, folder: Path, identity: Mapping[str, Any], resume: bool) -> Manifest:
        """Take possession of an output folder, and write its manifest.

        Parameters
        ----------
        folder
            made if it is not there
        identity
            what the run is of, as JSON has it: layout and its checksum, layer, recipe, version, plan of tiles
        resume
            whether a run that the folder holds is to be continued; with none to continue, a new one begins

        Raises
        ------
        ForeignRun
            in one sentence, where the folder holds a run and `resume` is false, a run of something else, or a manifest
            that is damaged
        OSError
            in one sentence, where the folder cannot be written in, or another run uses it
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OSError(f"`out` must be a folder that can be written in, but {folder}: {error.strerror}.") from error
        found = cls(folder, json.loads(json.dumps(identity)), lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for leftover in folder.glob(f".{Path(FILE).stem}-*{Path(FILE).suffix}"):  # of a run that was killed
                leftover.unlink(missing_ok=True)
            found._continue(resume)
            found.save()
        except BlockingIOError:
            found._release()
            raise OSError(f"`out` must be a folder of its own for each run, but another one uses {folder}.") from None
        except BaseException:
            found._release()
            raise
        return found

    def plan(self, doing: str, count: int) -> None:
        """Note how many tasks a pass has; those that an earlier run failed are planned again."""
        before = self._passes.get(doing, {"ended": {}})["ended"]
        done = {key: entry for key, entry in before.items() if entry["state"] == DONE}
        self._passes[doing] = {"tasks": count, "ended": done}
        self._save_sometimes()

    def note(self, doing: str, outcome: Outcome) -> None:
        """Note how a task ended; what is known of an earlier run's result stays."""
        ended = self._passes.setdefault(doing, {"tasks": 0, "ended": {}})["ended"]
        if outcome.error is not None:
            entry = {"name": outcome.name, "state": FAILED, "error": outcome.error, "tries": outcome.tries}
        elif outcome.tries == 0 and outcome.key in ended:
            return
        else:
            entry = {"name": outcome.name, "state": DONE, "seconds": round(outcome.seconds, 3)}
        ended[outcome.key] = entry
        self._save_sometimes()

    def finish(self, doing: str, keys: Set[str]) -> None:
        """Note that a pass has ended, and which tasks it had: an earlier run may have had others."""
        ended = self._passes[doing]["ended"]
        self._passes[doing] = {"tasks": len(keys), "ended": {key: ended[key] for key in ended if key in keys}}

    def counts(self) -> dict[str, dict[str, int]]:
        """Return by pass how many tasks are still planned, done and failed."""
        found = {}
        for doing, noted in self._passes.items():
            states = Counter(entry["state"] for entry in noted["ended"].values())
            left = max(0, noted["tasks"] - len(noted["ended"]))
            found[doing] = {PLANNED: left, DONE: states[DONE], FAILED: states[FAILED]}
        return found

    def failures(self) -> list[Failure]:
        """Return the tasks that were set aside."""
        return [
            Failure(doing, key, entry["name"], entry["error"], entry["tries"])
            for doing, noted in self._passes.items()
            for key, entry in noted["ended"].items()
            if entry["state"] == FAILED
        ]

    def seconds(self, doing: str) -> dict[str, float]:
        """Return how long the tasks of a pass took, by key, in this run and those before."""
        ended = self._passes.get(doing, {"ended": {}})["ended"]
        return {key: entry["seconds"] for key, entry in ended.items() if entry["state"] == DONE}

    def save(self) -> None:
        """Write the file, under a temporary name first."""
        start = time.monotonic()
        body = {"format": FORMAT, "identity": self._identity, "passes": self._passes}
        path = self.folder / FILE
        with told_if_full(path), atomic_path(path) as temporary:
            temporary.write_text(json.dumps(body | {"sha256": _checksum(body)}, indent=1) + "\n", encoding="utf-8")
        now = time.monotonic()
        self._next_s = now + max(INTERVAL_S, 50 * (now - start))

    def close(self) -> None:
        """Write the file, and let others use the folder."""
        if self._lock is not None:
            try:
                self.save()
            finally:
                self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def _save_sometimes(self) -> None:
        if time.monotonic() >= self._next_s:
            self.save()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _continue(self, resume: bool) -> None:
        """Take over what an earlier run noted, if this is the same run."""
        path = self.folder / FILE
        if not path.exists():
            return
        body = _read(path)
        if not resume:
            raise ForeignRun(f"`out` must be a new folder, or be continued with --resume, but {path} is there.")
        where, was, now = _difference(body["identity"], self._identity)
        if where:
            raise ForeignRun(
                f"`out` must hold a run of the same layout, recipe and version to be continued, but in {path} {where} "
                f"was {_short(was)} and now is {_short(now)}."
            )
        self._passes = body["passes"]


def compute(
    doing: str,
    work: Work,
    tasks: Sequence[Task],
    executor: Executor,
    store: TileStore,
    manifest: Manifest,
    batch: int = 1,
) -> Generator[Outcome, None, None]:
    """Do what is left of a pass; yield how each task ended, with `tries` 0 where its tile was whole already.

    Parameters
    ----------
    doing
        name of the pass
    work
        writes the tile of a task into the store
    tasks
        of the pass, gone through once; several with one key are computed once. They may be made as they are asked for:
        hardly more are held than are computed at once
    executor
        who computes
    store
        where tiles are; files that are damaged are computed again
    manifest
        is told of every outcome, and written when the iterator is closed
    batch
        the most tasks that a worker computes at once
    """
    store.sweep()
    manifest.plan(doing, len(tasks))
    whole, seen = deque[Outcome](), set[str]()
    try:
        missing = _missing(tasks, store, seen, whole)
        with closing(run_in_groups(executor, Once(work, store.folder), missing, batch)) as computed:
            for outcome in _merged(whole, computed):
                manifest.note(doing, outcome)
                yield outcome
        manifest.finish(doing, seen)
    finally:
        manifest.save()


def _merged(whole: deque[Outcome], computed: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield what is computed, and before each of it what was found meanwhile."""
    for outcome in computed:
        while whole:
            yield whole.popleft()
        yield outcome
    yield from whole


def _missing(tasks: Iterable[Task], store: TileStore, seen: set[str], whole: deque[Outcome]) -> Iterator[Task]:
    """Yield the tasks that have to be computed; note the others in `whole`, and all keys in `seen`."""
    for task in tasks:
        if task.key in seen:
            continue
        seen.add(task.key)
        if store.is_whole(task.key):
            whole.append(Outcome(task.key, task.name, 0.0, None, 0))
        else:
            yield task


def _read(path: Path) -> dict[str, Any]:
    """Return a manifest that is whole."""
    try:
        body = json.loads(path.read_bytes())
        whole = body.pop("sha256") == _checksum(body) and body["format"] == FORMAT
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise ForeignRun(
            f"`out` must hold a manifest that is whole, but {path} is damaged or not of this program; "
            "without it a new run begins, which uses the tiles that are there."
        )
    found: dict[str, Any] = body
    return found


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _difference(was: Any, now: Any, where: str = "") -> tuple[str, Any, Any]:
    """Return the first place where two trees differ, as "recipe.optics.na", and both values; "" if they are equal."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*was, *now]):
            found = _difference(was.get(name, _MISSING), now.get(name, _MISSING), f"{where}.{name}".lstrip("."))
            if found[0]:
                return found
        return "", was, now
    return ("" if was == now else where), was, now


def _short(value: Any) -> str:
    text = "not there" if value is _MISSING else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
