"""The only timer: warm-up, device synchronised, median and spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from litho.backend import Array, synchronize


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
            record.extend(_timed(function) for _ in range(count))
    return [summary(record) for record in calls]


def measure_for(function: Callable[[], Array], seconds: float, least: int, most: int) -> Timing:
    """Time a function that is warm for about `seconds`, at least `least` (two or more) and at most `most` calls."""
    if not 2 <= least <= most:
        raise ValueError(f"`least` must be at least 2 and at most `most`, but got {least} and {most}.")
    record: list[tuple[float, float]] = []
    call, begin = finished(function), time.perf_counter()
    while len(record) < least or (len(record) < most and time.perf_counter() - begin < seconds):
        record.append(_timed(call))
    return summary(record)


def summary(record: Sequence[tuple[float, float]]) -> Timing:
    """Return median and quartiles of two or more calls, each its wall time and its CPU time in s."""
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


def _timed(function: Callable[[], Array]) -> tuple[float, float]:
    start, start_cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - start_cpu
