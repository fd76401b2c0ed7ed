"""What this installation is and what it runs on: devices, libraries, memory."""

from __future__ import annotations

import functools
import importlib
import os
import platform
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from litho.backend import gpu_problem, resolve_device
from litho.resources import recipe_names, sample_layouts

LIBRARIES = ("numpy", "scipy", "scikit-image", "gdstk", "contourpy", "matplotlib", "pydantic", "typer", "rich")


def versions() -> dict[str, str]:
    """Return the versions of Python, of this program and of the libraries it computes with."""
    found = {"python": platform.python_version(), "litho": program_version()}
    for name in (*LIBRARIES, *_cupy()):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def program_version() -> str:
    """Return the version of this program; "0+unknown" if it runs without being installed."""
    try:
        return version("litho")
    except PackageNotFoundError:
        return "0+unknown"


__version__ = program_version()


def environment(device: str) -> dict[str, Any]:
    """Return what a result says about where it was computed; `device` is "cpu" or "gpu"."""
    return {
        "device": device,
        "device_name": _gpu_name() if device == "gpu" else cpu_name(),
        "cpus": usable_cpus(),
        "versions": versions(),
    }


def summary() -> dict[str, Any]:
    """Return everything that `litho info` shows."""
    problem = gpu_problem()
    return {
        **environment(resolve_device("auto")),
        "cpu": cpu_name(),
        "memory_bytes": free_bytes("cpu"),
        "gpu": _gpu_name() if problem is None else None,
        "gpu_problem": problem,
        "recipes": list(recipe_names()),
        "samples": [str(path) for path in sample_layouts()],
    }


def cpu_name() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def usable_cpus() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_bytes(device: str) -> int:
    """Return the memory that is free, on "cpu" or "gpu"."""
    if device == "gpu":
        return int(importlib.import_module("cupy").cuda.runtime.memGetInfo()[0])
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _gpu_name() -> str:
    cupy = importlib.import_module("cupy")
    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


@functools.cache  # looks through everything that is installed
def _cupy() -> tuple[str, ...]:
    """Return the distributions that provide CuPy, which has a name for each version of CUDA."""
    return tuple(packages_distributions().get("cupy", ()))
