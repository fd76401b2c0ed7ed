"""The processes of the opponents, as the benchmark sees them: started with their threads, asked, ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Self

import litho
from litho.benchmark.crew import THREAD_VARIABLES
from litho.benchmark.opponents import Opponent
from litho.device_failures import failure_in

COMMAND = (sys.executable, "-m", "litho.benchmark.worker")


class WorkerError(RuntimeError):
    """An opponent's process ended before it answered.

    Parameters
    ----------
    reason
        in one sentence
    kind
        "memory", "device" or "failed"
    """

    def __init__(self, reason: str, kind: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Worker:
    """A process of one opponent, started when it is first asked; use it as a context.

    Parameters
    ----------
    opponent
        whom it computes for
    command
        what to start
    """

    def __init__(self, opponent: Opponent, command: Sequence[str] = COMMAND) -> None:
        self.opponent, self._command = opponent, tuple(command)
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self.stop()

    def ask(self, do: str, **given: Any) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises
        ------
        WorkerError
            if the process ends before; the next request starts another
        """
        if self._process is None:
            self._start()
        return self._exchange({"do": do, **given})

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout, self._errors):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # it ended before it read everything
                    continue
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        # a file, for a pipe that nobody reads stalls who writes into it
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            self._command,
            env=environment_of(self.opponent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._exchange(asdict(self.opponent))

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            found: dict[str, Any] = json.loads(answer)
            return found
        raise self._ended(process)

    def _ended(self, process: subprocess.Popen[str]) -> WorkerError:
        """Return what ended the process, after it has been cleared away."""
        code = process.wait()
        assert self._errors is not None
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        self.stop()
        last = lines[-1] if lines else ""
        if code == -signal.SIGKILL:
            return WorkerError("its process was killed from outside, as happens where memory runs out", "memory")
        kind = failure_in(last)
        if kind is not None:
            return WorkerError(f"{'memory ran out' if kind == 'memory' else 'the device failed'}: {last}", kind)
        return WorkerError(f"its process ended with code {code}: {last or 'it said nothing'}", "failed")


def environment_of(opponent: Opponent) -> dict[str, str]:
    """Return the variables under which an opponent's process runs.

    Every library gets its number of threads. Threads of OpenMP that wait do not spin: they would stall others where
    cores are shared, for tens of times as long as the work takes. A process finds this very program first.
    """
    variables = dict.fromkeys(THREAD_VARIABLES, str(opponent.threads))
    root = str(Path(litho.__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **variables, "KMP_BLOCKTIME": "0", "PYTHONPATH": os.pathsep.join(paths)}
