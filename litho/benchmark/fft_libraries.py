"""The fast Fourier transforms that a host may have, each behind the calls of `scipy.fft`.

SciPy's own are always there. MKL (through `mkl_fft`) and FFTW (through `pyfftw`, planned by measuring) come with
`pip install 'litho[bench]'`; a CPU baseline is only as strong as its transforms, so all that are installed are tried.

One process takes one of them: MKL brings functions with the names of FFTW's, which then are what `pyfftw` calls.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version

import scipy.fft

from litho.backend import threaded_fft, threads

MODULES: Mapping[str, str] = {
    "scipy": "scipy.fft",
    "mkl": "mkl_fft.interfaces.scipy_fft",
    "fftw": "pyfftw.interfaces.scipy_fft",
}
"""Name of a library, and the module that `scipy.fft` hands its calls to."""

PACKAGES: Mapping[str, tuple[str, ...]] = {"scipy": ("scipy",), "mkl": ("mkl_fft", "mkl"), "fftw": ("pyfftw",)}
"""Packages that each needs; a record names the version of the first."""

KEEP_PLANS_S = 3600.0
"""How long FFTW keeps a plan that is not used, s: longer than a case takes."""


def installed() -> tuple[str, ...]:
    """Return the libraries that are here, SciPy's first; none is imported."""
    return tuple(name for name, packages in PACKAGES.items() if all(map(importlib.util.find_spec, packages)))


def fft_versions() -> dict[str, str]:
    """Return the versions of the libraries that are here."""
    found = {}
    for package, *_ in map(PACKAGES.__getitem__, installed()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@contextmanager
def fft_library(name: str) -> Iterator[None]:
    """Let transforms of NumPy arrays be those of a library in this context, in as many threads as `threads()` says.

    Raises
    ------
    ValueError
        if it is not installed, or the other one was loaded before
    """
    if name not in installed():
        raise ValueError(f"`fft` must be one of the installed {', '.join(installed())}, but got {name!r}.")
    if name == "fftw" and "mkl_fft" in sys.modules:
        raise ValueError("`fft` must be one library in a process, but got 'fftw' after MKL was loaded.")
    with ExitStack() as stack:
        stack.enter_context(threaded_fft())
        if name == "fftw":
            _plan_by_measuring()
        if name != "scipy":
            library = importlib.import_module(MODULES[name])
            if name == "mkl":
                stack.enter_context(library.set_workers(threads()))
            stack.enter_context(scipy.fft.set_backend(library, only=True))
        yield


def _plan_by_measuring() -> None:
    """Let FFTW try algorithms when it first sees a shape, and keep what it found."""
    pyfftw = importlib.import_module("pyfftw")
    interfaces = importlib.import_module("pyfftw.interfaces")
    interfaces.cache.enable()
    interfaces.cache.set_keepalive_time(KEEP_PLANS_S)
    pyfftw.config.PLANNER_EFFORT = "FFTW_MEASURE"
