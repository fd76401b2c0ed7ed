"""What a benchmark has to say of its machine; the timer itself is `litho.benchmark.timing`."""

from __future__ import annotations

import importlib
import os
from typing import Any

import litho.info
from litho.backend import Array, array_module
from litho.benchmark.machine import commit
from litho.benchmark.timing import Timing, finished, measure, ratio

__all__ = ["Timing", "environment", "finished", "measure", "ratio"]


def environment(like: Array) -> dict[str, Any]:
    """Return what a result depends on: machine, threads, device of `like`, versions and commit."""
    on_gpu = array_module(like).__name__ == "cupy"
    return {
        **litho.info.environment("gpu" if on_gpu else "cpu"),
        "driver": importlib.import_module("cupy").cuda.runtime.driverGetVersion() if on_gpu else None,
        "cpu": litho.info.cpu_name(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "dtype": str(like.dtype),
        "commit": commit(),
    }
