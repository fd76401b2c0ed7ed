"""A batch on all cores of a host: one process per core, each with clips of its own, as nothing is shared among clips.

Threads of one Python process get in each other's way; this is the strongest that a host can do with a batch.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from litho.benchmark.cases import Case, masks, read_scene
from litho.benchmark.opponents import Opponent, prepare

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What libraries read, when they are loaded, to know how many threads they may use."""


class Crew:
    """Processes of one thread each that share the clips of a case; use it as a context."""

    def __init__(self, case: Case, opponent: Opponent, scene: Path, steps: int | None) -> None:
        self.host, self._size = masks(case), min(opponent.threads, case.clips)
        self.parts = [range(member, case.clips, self._size) for member in range(self._size)]
        alone = replace(opponent, threads=1)
        self._given = [(case, alone, scene, steps, part) for part in self.parts]
        self._members: list[tuple[Any, Connection]] = []

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
        try:
            for given in self._given:
                ours, theirs = context.Pipe()
                process = context.Process(target=_member, args=(theirs, *given), daemon=True)
                process.start()
                theirs.close()
                self._members.append((process, ours))
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        return self

    def __exit__(self, *what: object) -> None:
        for process, pipe in self._members:
            pipe.close()
            process.join(5)
            if process.is_alive():
                process.terminate()

    def compute(self) -> NDArray[Any]:
        """Let every process compute its clips, and return how many they are, each."""
        return np.array([len(found) for found in self._all("compute")])

    def result(self) -> NDArray[Any]:
        """Return what all find, in the order of the clips."""
        found = self._all("result")
        whole = np.empty((sum(map(len, self.parts)), *found[0].shape[1:]), found[0].dtype)
        for part, arrays in zip(self.parts, found, strict=True):
            whole[list(part)] = arrays
        return whole

    def _all(self, what: str) -> list[Any]:
        for _, pipe in self._members:
            pipe.send(what)
        return [pipe.recv() for _, pipe in self._members]


def _member(
    pipe: Connection, case: Case, opponent: Opponent, scene: Path, steps: int | None, part: Sequence[int]
) -> None:
    with opponent.transforms():
        prepared = prepare(case, opponent, read_scene(case.size_nm, scene), steps, part)
        try:
            while True:
                what = pipe.recv()
                pipe.send(prepared.result() if what == "result" else range(len(prepared.compute())))
        except EOFError:
            return
