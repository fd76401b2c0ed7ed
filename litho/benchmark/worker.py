"""The process of one opponent: `python -m litho.benchmark.worker`, driven by `litho.benchmark.workers`.

It reads one request a line from stdin and answers with one line, both JSON. Only here is an opponent's code run, with
the threads and libraries that its environment gives it; what goes wrong ends this process and no other.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from litho.backend import synchronize, to_device, to_host
from litho.benchmark.bandwidth import ceilings
from litho.benchmark.cases import Case, read_scene
from litho.benchmark.crew import Crew
from litho.benchmark.machine import memory_bytes
from litho.benchmark.opponents import Opponent, Prepared, in_double, needed_bytes, prepare
from litho.benchmark.steps import timed_steps
from litho.benchmark.timing import finished, measure_for
from litho.info import free_bytes

MEMORY_SHARE = 0.8
"""A case may take this much of the memory that is free."""


class Server:
    """What one opponent has ready; its methods are named by the word `do` of a request."""

    def __init__(self, opponent: Opponent) -> None:
        self.opponent = opponent
        self._stack = ExitStack()
        self._of_case = ExitStack()
        self._prepared: Prepared | Crew | None = None
        self._stack.enter_context(opponent.transforms())

    def memory(self, case: dict[str, Any], scene: str) -> dict[str, Any]:
        """Say what a case needs, what is free, and whether it fits."""
        what = Case(**case)
        found = read_scene(what.size_nm, Path(scene))
        needed = needed_bytes(what, self.opponent, len(found), found[0])
        free = free_bytes(self.opponent.device)
        total = memory_bytes() if self.opponent.device == "gpu" else None
        return {
            "needed_bytes": needed,
            "free_bytes": free,
            "total_bytes": total,
            "fits": needed <= MEMORY_SHARE * free,
        }

    def open(self, case: dict[str, Any], scene: str, steps: int | None) -> dict[str, Any]:
        """Prepare a case, in place of the one before."""
        self._of_case.close()
        what, alone = Case(**case), self.opponent.threads == 1 or self.opponent.device == "gpu"
        if alone or what.clips == 1 or self.opponent.way == "full grid":
            self._prepared = prepare(what, self.opponent, read_scene(what.size_nm, Path(scene)), steps)
        else:
            self._prepared = self._of_case.enter_context(Crew(what, self.opponent, Path(scene), steps))
        return {"processes": 1 if isinstance(self._prepared, Prepared) else len(self._prepared.parts)}

    def result(self, file: str) -> dict[str, Any]:
        """Write what the case's computation finds, and say how long this first call took."""
        begin = time.perf_counter()
        found = self._ready.result()
        seconds = time.perf_counter() - begin
        np.save(file, found)
        self._trim()
        return {"first_s": seconds}

    def close(self) -> dict[str, Any]:
        """Let go of the case and its memory, which others may need."""
        self._of_case.close()
        self._prepared = None
        self._trim()
        return {}

    def time(self, seconds: float, least: int, most: int) -> dict[str, Any]:
        """Time the case, which is warm; of several processes the CPU time is not known."""
        timing = asdict(measure_for(finished(self._ready.compute), seconds, least, most))
        return timing if isinstance(self._ready, Prepared) else timing | {"cpu_s": None}

    def transfers(self) -> dict[str, Any]:
        """Time masks to the device and the result back."""
        host, found = self._ready.host, self._ready.compute()
        there = to_device(host, self.opponent.device)
        up = measure_for(finished(lambda: to_device(host, self.opponent.device)), 0.5, 3, 20)
        down = measure_for(lambda: (to_host(found), there)[1], 0.5, 3, 20)
        return {
            "upload": asdict(up) | {"moved_bytes": int(host.nbytes)},
            "download": asdict(down) | {"moved_bytes": int(found.nbytes)},
        }

    def repeat(self, seconds: float) -> dict[str, Any]:
        """Compute the case again and again for at least so long, and say how often and how long it was."""
        calls, begin = 0, time.perf_counter()
        while calls == 0 or time.perf_counter() - begin < seconds:
            synchronize(self._ready.compute()) if self.opponent.device == "gpu" else self._ready.compute()
            calls += 1
        return {"calls": calls, "seconds": time.perf_counter() - begin}

    def double(self, case: dict[str, Any], scene: str, file: str) -> dict[str, Any]:
        """Write what the textbook's way finds for the first clip in double precision."""
        what = Case(**case)
        np.save(file, in_double(what, read_scene(what.size_nm, Path(scene))))
        return {}

    def steps(self, case: dict[str, Any], scene: str) -> dict[str, Any]:
        """Time the steps of an image."""
        what = Case(**case)
        return {"steps": timed_steps(what, self.opponent.device, read_scene(what.size_nm, Path(scene)))}

    def ceilings(self) -> dict[str, Any]:
        """Measure what the machine allows."""
        return ceilings(self.opponent.device, self.opponent.threads)

    def _trim(self) -> None:
        """Give back what the GPU's memory pool only keeps for later: other processes see it as taken."""
        if self.opponent.device == "gpu":
            importlib.import_module("cupy").get_default_memory_pool().free_all_blocks()

    @property
    def _ready(self) -> Prepared | Crew:
        assert self._prepared is not None
        return self._prepared


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answer requests until there are no more; the first one says who the opponent is."""
    server = Server(Opponent(**json.loads(requests.readline())))
    print(json.dumps({}), file=replies, flush=True)
    for line in requests:
        request = json.loads(line)
        reply = getattr(server, request.pop("do"))(**request)
        print(json.dumps(reply), file=replies, flush=True)


def main() -> None:
    """Serve on stdin and stdout; what libraries print goes to stderr."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
