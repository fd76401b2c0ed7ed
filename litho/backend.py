"""Which library holds the data: NumPy on the host, CuPy on a GPU, strict arrays in tests.

Numerical modules ask `array_module(x)` for the library and import none themselves, so the result of every function
lives where its arguments live. `import cupy` stands in this file (and later in `cuda.py`) only.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import scipy.fft

LIBRARIES = ("numpy", "cupy", "array_api_strict")

Array = Any
"""An array of one of the libraries in `LIBRARIES`."""


def array_module(*arrays: Array) -> Any:
    """Return the library that owns every one of `arrays`.

    Raises
    ------
    TypeError
        if they come from several libraries, or from one that is not supported
    """
    names = {type(a).__module__.partition(".")[0] for a in arrays}
    if len(names) != 1 or not names <= set(LIBRARIES):
        raise TypeError(f"`arrays` must come from one library of {LIBRARIES}, but got {sorted(names)}.")
    return sys.modules[names.pop()]


def fft_of(xp: Any) -> Any:
    """Return the Fourier transforms of a library, in the precision of their argument.

    `numpy.fft` computes single precision in double, at up to three times the time, so NumPy arrays go to `scipy.fft`.
    """
    if xp.__name__ == "numpy":
        return scipy.fft
    if xp.__name__ == "cupy":
        return importlib.import_module("cupyx.scipy.fft")
    return xp.fft


def threads() -> int:
    """Return how many threads a transform on the host may use: OMP_NUM_THREADS if it is set, else every core."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else os.cpu_count() or 1


def threaded_fft() -> AbstractContextManager[None]:
    """Let transforms of NumPy arrays use `threads()` threads inside this context; their results are the same bits."""
    context: AbstractContextManager[None] = scipy.fft.set_workers(threads())
    return context


def single_threaded_blas() -> AbstractContextManager[Any]:
    """Let BLAS and LAPACK on the host use one thread inside this context: for work that has threads of its own.

    Their threads also wait by spinning, which stalls when another program needs a core: tens of times slower.
    """
    context: AbstractContextManager[Any] = importlib.import_module("threadpoolctl").threadpool_limits(1, "blas")
    return context


def real_dtype(x: Array) -> Any:
    """Return the real type with the precision of `x`."""
    xp = array_module(x)
    return xp.float32 if x.dtype in (xp.float32, xp.complex64) else xp.float64


def complex_dtype(x: Array) -> Any:
    """Return the complex type with the precision of `x`."""
    xp = array_module(x)
    return xp.complex64 if x.dtype in (xp.float32, xp.complex64) else xp.complex128


def nbytes(x: Array) -> int:
    """Return the memory that the entries of a real or complex floating array take."""
    xp = array_module(x)
    parts = 2 if xp.isdtype(x.dtype, "complex floating") else 1
    return int(x.size) * parts * int(xp.finfo(real_dtype(x)).bits) // 8


def like(values: Any, x: Array, dtype: Any = None) -> Array:
    """Return host `values` as an array in the library and on the device of `x`."""
    xp = array_module(x)
    return xp.asarray(np.asarray(values), dtype=dtype, **_device_of(x))


def positions(n: int, x: Array) -> Array:
    """Return 0, 1, ... n-1 as float64 in the library and on the device of `x`."""
    xp = array_module(x)
    return xp.arange(n, dtype=xp.float64, **_device_of(x))


def zeros(shape: tuple[int, ...], x: Array) -> Array:
    """Return zeros with the library, device and type of `x`."""
    return array_module(x).zeros(shape, dtype=x.dtype, **_device_of(x))


def to_host(x: Array) -> np.ndarray[Any, Any]:
    """Return `x` as a NumPy array; a copy only if it was elsewhere than on the host."""
    xp = array_module(x)
    if xp.__name__ == "cupy":
        return np.asarray(x.get())
    if xp.__name__ == "array_api_strict":
        return np.asarray(x.to_device(xp.Device("CPU_DEVICE")))
    return np.asarray(x)


def to_device(x: np.ndarray[Any, Any], device: str) -> Array:
    """Put a host array on a device.

    Parameters
    ----------
    x
        NumPy array
    device
        "cpu", "gpu", or "auto": the GPU if there is one

    Raises
    ------
    ValueError
        for another word, or for "gpu" where none can be used
    """
    if resolve_device(device) == "cpu":
        return x
    return importlib.import_module("cupy").asarray(x)


def resolve_device(device: str) -> str:
    """Return "cpu" or "gpu" for "auto", "cpu" or "gpu"; see `to_device`."""
    if device not in ("auto", "cpu", "gpu"):
        raise ValueError(f"`device` must be 'auto', 'cpu' or 'gpu', but got {device!r}.")
    if device == "cpu":
        return "cpu"
    problem = gpu_problem()
    if problem is None:
        return "gpu"
    if device == "gpu":
        raise ValueError(f"`device` must name a device that is there, but got 'gpu': {problem}.")
    return "cpu"


def gpu_problem() -> str | None:
    """Return why no GPU can be used, or None if one can."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        return "CuPy is not installed (pip install 'litho[cuda12]' or 'litho[cuda13]')"
    return None if cupy.is_available() else "CuPy is installed but finds no CUDA device"


def synchronize(x: Array) -> None:
    """Wait until the device of `x` has finished its work (a host has)."""
    xp = array_module(x)
    if xp.__name__ == "cupy":
        xp.cuda.get_current_stream().synchronize()


def _device_of(x: Array) -> dict[str, Any]:
    """Return the keyword that makes a creation function use the device of `x` (CuPy has a current one instead)."""
    return {} if array_module(x).__name__ == "cupy" else {"device": x.device}
