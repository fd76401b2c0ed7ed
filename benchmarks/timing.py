"""The only timer: warm-up, device synchronised, median and spread; and what a result has to say of its machine."""

from __future__ import annotations

import importlib
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import litho.info
from litho.backend import Array, array_module, synchronize


@dataclass(frozen=True)
class Timing:
    """How long one call took.

    Parameters
    ----------
    median_s, low_s, high_s
        median and quartiles of the wall time, s
    cpu_s
        median of the process's CPU time, s: below the wall time where others used the machine, above it with threads
    repeats
        number of calls after the warm-up
    """

    median_s: float
    low_s: float
    high_s: float
    cpu_s: float
    repeats: int

    def __str__(self) -> str:
        """Return the median and the quartiles in ms."""
        return f"{1e3 * self.median_s:.1f} ms ({1e3 * self.low_s:.1f}-{1e3 * self.high_s:.1f})"


def measure(functions: Sequence[Callable[[], Array]], repeats: Sequence[int], rounds: int) -> list[Timing]:
    """Time functions that return an array, in turn, so that what else the machine does slows all of them alike.

    Parameters
    ----------
    functions
        each is called once to warm up, and timed until its array is computed
    repeats
        timed calls of each function per round
    rounds
        at least two
    """
    calls: list[list[tuple[float, float]]] = [[] for _ in functions]
    done = [finished(function) for function in functions]
    for function in done:
        function()
    for _ in range(rounds):
        for function, count, record in zip(done, repeats, calls, strict=True):
            for _ in range(count):
                start, start_cpu = time.perf_counter(), time.process_time()
                function()
                record.append((time.perf_counter() - start, time.process_time() - start_cpu))
    return [_summary(record) for record in calls]


def _summary(record: list[tuple[float, float]]) -> Timing:
    wall, cpu = zip(*record, strict=True)
    low, median, high = statistics.quantiles(wall, n=4, method="inclusive")
    return Timing(median, low, high, statistics.median(cpu), len(record))


def finished(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return a function that comes back only when the device has finished its work."""

    def call(*arguments: Any) -> Array:
        result = function(*arguments)
        synchronize(result)
        return result

    return call


def ratio(slow: Timing, fast: Timing) -> dict[str, float]:
    """Return how much faster one is: ratio of the medians, and the least and the most that the quartiles allow."""
    return {
        "median": slow.median_s / fast.median_s,
        "low": slow.low_s / fast.high_s,
        "high": slow.high_s / fast.low_s,
    }


def environment(like: Array) -> dict[str, Any]:
    """Return what a result depends on: machine, threads, device of `like`, versions and commit."""
    on_gpu = array_module(like).__name__ == "cupy"
    return {
        **litho.info.environment("gpu" if on_gpu else "cpu"),
        "driver": importlib.import_module("cupy").cuda.runtime.driverGetVersion() if on_gpu else None,
        "cpu": litho.info.cpu_name(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "dtype": str(like.dtype),
        "commit": _commit(),
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
