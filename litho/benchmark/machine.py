"""What a record says of the machine, and what keeps its GPU from being used."""

from __future__ import annotations

import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

import litho
from litho.backend import gpu_problem
from litho.benchmark.fft_libraries import fft_versions
from litho.info import cpu_name, free_bytes, usable_cpus, versions


def machine_record(gpu: bool, device_figures: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what results depend on.

    Parameters
    ----------
    gpu
        whether a GPU takes part
    device_figures
        what its counters say of it, see `litho.benchmark.nvml`
    """
    return {
        "cpu": cpu_name(),
        "cores": usable_cpus(),
        "load_average": list(os.getloadavg()),
        "clock_khz": clock_khz(),
        "memory_bytes": free_bytes("cpu"),
        "gpu": {**cuda_figures(), **(device_figures or {})} if gpu else None,
        "gpu_problem": None if gpu else gpu_state(),
        "versions": {**versions(), **fft_versions()},
        "commit": commit(),
        "dtype": "float32",
    }


def clock_khz(root: Path = Path("/sys/devices/system/cpu")) -> int | None:
    """Return the clock of the first core as the system states it; None where it does not."""
    try:
        return int((root / "cpu0/cpufreq/scaling_cur_freq").read_text())
    except (OSError, ValueError):
        return None


def gpu_state() -> str | None:
    """Return why no GPU can be used, in words that say what to do; None if one can.

    No driver and an old one look alike to a program until it asks for the driver's version.
    """
    problem = gpu_problem()
    if problem is None:
        return None
    try:
        runtime = importlib.import_module("cupy").cuda.runtime
        driver, needed = int(runtime.driverGetVersion()), int(runtime.runtimeGetVersion())
    except (ImportError, RuntimeError):  # no CuPy; or no CUDA library that could be asked
        return problem
    if driver == 0:
        return "no NVIDIA driver is loaded (nvidia-smi should list the GPU)"
    if driver // 1000 < needed // 1000:
        have, want = _cuda_version(driver), _cuda_version(needed)
        return f"the driver is too old: it serves CUDA {have}, but CuPy was built for {want}"
    return problem


def cuda_figures() -> dict[str, Any]:
    """Return what CUDA says of the present GPU: name, compute capability, memory, versions."""
    cupy = importlib.import_module("cupy")
    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(cupy.cuda.Device().id)
    name = properties["name"]
    free, total = runtime.memGetInfo()
    return {
        "name": name.decode() if isinstance(name, bytes) else str(name),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "driver_cuda": _cuda_version(int(runtime.driverGetVersion())),
        "runtime_cuda": _cuda_version(int(runtime.runtimeGetVersion())),
        "memory_free_bytes": int(free),
        "memory_bytes": int(total),
    }


def memory_bytes() -> int:
    """Return the whole memory of the present GPU."""
    return int(importlib.import_module("cupy").cuda.runtime.memGetInfo()[1])


def too_large(name: str, device: str, needed_bytes: int, free: int, total: int | None = None) -> str:
    """Return why a case is refused, with the sizes; of a GPU also how much others hold of it."""
    text = f"{name} needs about {_gib(needed_bytes)} GiB, but {_gib(free)} GiB are free"
    if device == "gpu" and total is not None:
        text += f" of the GPU's {_gib(total)} GiB: {_gib(total - free)} GiB are in use"
    return text


def commit() -> str:
    """Return the commit of a checkout, with `-dirty` if files differ from it; "unknown" elsewhere."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    folder = Path(litho.__file__).resolve().parent
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}" if size < 2**33 else f"{size / 2**30:.1f}"
