"""What the machine allows: the measured bandwidth of its memory, and its rate in a product of matrices."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from litho.backend import Array, array_module, to_device
from litho.benchmark.timing import finished

HOST_BYTES = 2**28
"""Size of each array that is copied on the host: beyond the caches of most processors, not of all."""

DEVICE_BYTES = 2**30
SCALAR = 0.5


def ceilings(device: str, threads: int, size_bytes: int | None = None, order: int | None = None) -> dict[str, Any]:
    """Measure bandwidth and matrix rate, by the fastest of several calls: what the machine allows.

    Parameters
    ----------
    device
        "cpu" or "gpu"
    threads
        that copy on the host, each its part of the arrays
    size_bytes
        of each array
    order
        of the square matrices

    Returns
    -------
    dict
        `copy_bytes_per_s`, bytes read plus written; `triad_bytes_per_s` of a = b + s c, done by NumPy in two passes
        over five arrays; `matmul_flops_per_s` in single precision; `array_bytes` and `matrix_order`
    """
    size_bytes = size_bytes or (DEVICE_BYTES if device == "gpu" else HOST_BYTES)
    order = order or (8192 if device == "gpu" else 1024)
    a, b, c = (to_device(np.full(size_bytes // 4, value, np.float32), device) for value in (0, 1, 2))
    parts = 1 if device == "gpu" else threads
    copy = _in_parts(_copied, parts, a, b)
    triad = _in_parts(_triad, parts, a, b, c)
    left = to_device(np.ones((order, order), np.float32), device)
    return {
        "copy_bytes_per_s": 2 * a.nbytes / _best(copy),
        "triad_bytes_per_s": 5 * a.nbytes / _best(triad),
        "matmul_flops_per_s": 2.0 * order**3 / _best(lambda: left @ left),
        "array_bytes": int(a.nbytes),
        "matrix_order": order,
    }


def _best(function: Callable[[], Array]) -> float:
    """Return the shortest time of a call after the first, s, of at least five and about a second."""
    call, record = finished(function), list[float]()
    call()
    begin = time.perf_counter()
    while len(record) < 5 or (len(record) < 200 and time.perf_counter() - begin < 1):
        start = time.perf_counter()
        call()
        record.append(time.perf_counter() - start)
    return min(record)


def _in_parts(work: Callable[..., None], parts: int, *arrays: Array) -> Callable[[], Array]:
    """Return a function that works on arrays in so many threads, and returns the first of them."""
    pool = ThreadPoolExecutor(parts)
    pieces = [arrays] if parts == 1 else list(zip(*(np.array_split(array, parts) for array in arrays), strict=True))

    def run() -> Array:
        if parts == 1:
            work(*arrays)
            return arrays[0]
        for done in [pool.submit(partial(work, *piece)) for piece in pieces]:
            done.result()
        return arrays[0]

    return run


def _copied(to: Array, source: Array) -> None:
    array_module(to).copyto(to, source)


def _triad(to: Array, first: Array, second: Array) -> None:
    xp = array_module(to)
    xp.multiply(second, SCALAR, out=to)
    xp.add(to, first, out=to)
