"""Compile and launch the CUDA kernels of `kernels/`: the only module beside `backend` that imports CuPy.

    program("level", x).launch("level_to_mask", (x.size,), x, None, None, inside, 0.5 * steepness, x.size)

A kernel replaces array code behind the same function, where `fused(x)` says that `x` lies on a GPU. It writes into
arrays that the caller made, on the current stream, and asks nothing of the host.

Kernels are compiled for GPUs and executed on the host by the tests, by CuPy itself, too, on an emulated GPU
(`tests/emulated_gpu`); no real one has run them yet.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from litho.backend import Array, array_module, gpu_problem, real_dtype
from litho.resources import path

KERNEL_LIBRARIES = ("cupy",)
"""Libraries whose arrays the kernels take."""

THREADS = 256
"""Threads of a block where nothing else is said, and of every block that sums; a power of two."""

LARGEST_GRID = 65535
"""Blocks that a launch may have along y and z."""

SCALARS: dict[str, type[Any]] = {
    "int": np.int32,
    "unsigned": np.uint32,
    "long long": np.int64,
    "float": np.float32,
    "double": np.float64,
    "unsigned char": np.uint8,
    "bool": np.bool_,
}
"""Types that kernels may declare beside `real` and `complex_number`."""


KERNEL = re.compile(
    r'extern "C" __global__ ([^;(]|__launch_bounds__\([^)]*\))*?\b(?P<name>(?!__)\w+)\((?P<list>[^)]*)\)'
)

Launch = Callable[[tuple[int, ...], tuple[int, ...], tuple[Any, ...]], None]
"""grid, block, arguments"""


@dataclass(frozen=True)
class Program:
    """The kernels of one source, compiled for one device and precision; made by `program`.

    Parameters
    ----------
    real
        type of its real numbers
    parameters
        types that each kernel declares, such as ("real*", "int")
    kernel_of
        name of a kernel to a function that starts it
    threads
        of a block, where nothing else is said: BLOCK in the source
    """

    real: type[np.floating[Any]]
    parameters: dict[str, tuple[str, ...]]
    kernel_of: Callable[[str], Launch]
    threads: int

    def launch(self, kernel: str, size: tuple[int, ...], *arguments: Any, block: tuple[int, ...] | None = None) -> None:
        """Start a kernel with at least one thread per element.

        Parameters
        ----------
        kernel
            its name
        size
            threads (x,), (x, y) or (x, y, z); none means that nothing is done
        arguments
            in the kernel's order: arrays without gaps, None for a null pointer, numbers
        block
            threads of a block, 1 along axes that are not given; `threads` along x if none is
        """
        widths = (*(block or (self.threads,)), 1, 1)[:3]
        counts = tuple(-(-n // width) for n, width in zip((*size, 1, 1)[:3], widths, strict=True))
        if max(counts[1:]) > LARGEST_GRID:
            raise ValueError(f"`size` must need at most {LARGEST_GRID} blocks along y and z, but got {size}.")
        declared = self.parameters[kernel]
        if len(arguments) != len(declared):
            raise TypeError(f"`arguments` must be the {len(declared)} that {kernel} takes, but got {len(arguments)}.")
        values = tuple(self._argument(a, type_, kernel) for a, type_ in zip(arguments, declared, strict=True))
        if min(counts) > 0:
            self.kernel_of(kernel)(counts, widths, values)

    def _argument(self, value: Any, type_: str, kernel: str) -> Any:
        """Return what a launch takes for `value`; a kernel would misread what is not of the type that it declares."""
        scalar = {"real": self.real, **SCALARS}.get(type_.removesuffix("*"))
        if not type_.endswith("*"):
            if scalar is None or not isinstance(value, int | float if issubclass(scalar, np.floating) else int):
                raise TypeError(f"`arguments` of {kernel} must hold a number for {type_}, but got {value!r}.")
            return scalar(value)
        if value is None:
            return np.uintp(0)
        if type_ == "complex_number*":
            scalar = np.complex64 if self.real is np.float32 else np.complex128
        if scalar is None or value.dtype != scalar:
            raise TypeError(f"`arguments` of {kernel} must hold an array for {type_}, but got one of {value.dtype}.")
        if not value.flags.c_contiguous:
            raise ValueError(f"`arguments` of {kernel} must be arrays without gaps, but got strides {value.strides}.")
        return value


def fused(x: Array) -> bool:
    """Return whether CUDA kernels take the place of array code for `x`."""
    return array_module(x).__name__ in KERNEL_LIBRARIES


def program(source: str, x: Array, **defines: int | str) -> Program:
    """Return the kernels of a source for the device and precision of `x`, compiled when they are first asked for.

    Parameters
    ----------
    source
        name of a file in `kernels/` without its ending
    x
        any real or complex floating array of the wanted precision
    defines
        further names that the source asks for under #ifndef, with their values

    Raises
    ------
    RuntimeError
        if there is no GPU
    """
    real = np.float64 if real_dtype(x) == array_module(x).float64 else np.float32
    preamble = {"REAL": "double" if real is np.float64 else "float", "BLOCK": THREADS, **defines}
    return _compiled(source, real, tuple(preamble.items()), _device())


def empty(shape: tuple[int, ...], x: Array, dtype: Any = None) -> Array:
    """Return an array without content for a kernel to write, with the library of `x`, and its type if none is given."""
    return array_module(x).empty(shape, dtype=x.dtype if dtype is None else dtype)


def dense(x: Array) -> Array:
    """Return `x` without gaps between its entries, as kernels need it: itself if it has none."""
    return array_module(x).ascontiguousarray(x)


def _device() -> int:
    """Return the number of the current device."""
    return int(_cupy().cuda.runtime.getDevice())


@cache
def _cupy() -> Any:
    """Return CuPy, where there is a GPU."""
    problem = gpu_problem()
    if problem is not None:
        raise RuntimeError(f"CUDA kernels need a GPU: {problem}.")
    return importlib.import_module("cupy")


def declared_parameters(text: str) -> dict[str, tuple[str, ...]]:
    """Return the kernels of a source with the types of their parameters, in order: {"fill": ("real*", "int")}."""
    plain = re.sub(r"//[^\n]*", "", text)
    return {
        match["name"]: tuple(_type_of(parameter) for parameter in match["list"].split(","))
        for match in KERNEL.finditer(plain)
    }


def _type_of(parameter: str) -> str:
    """Return `real*` for `const real* __restrict__ level`."""
    words = re.sub(r"\bconst\b|\b__restrict__\b", " ", parameter.replace("*", "* ")).split()
    return " ".join(words[:-1]).replace(" *", "*")


def source_text(source: str, defines: tuple[tuple[str, int | str], ...]) -> str:
    """Return the text of a source with its preamble.

    It names the content of the headers too: CuPy keeps what it compiled by the text alone.
    """
    folder = path("kernels")
    headers = b"".join(file.read_bytes() for file in sorted(folder.glob("*.cuh")))
    preamble = "".join(f"#define {name} {value}\n" for name, value in defines)
    text = (folder / f"{source}.cu").read_text(encoding="utf-8")
    return f'// headers {hashlib.sha256(headers).hexdigest()}\n{preamble}#line 1 "{source}.cu"\n{text}'


@cache
def _compiled(
    source: str, real: type[np.floating[Any]], defines: tuple[tuple[str, int | str], ...], device: int
) -> Program:
    """Return a compiled source; `device` tells the entries of the memory apart."""
    options = ("-std=c++17", f"-I{path('kernels')}")
    text = source_text(source, defines)
    module = _cupy().RawModule(code=text, options=options)
    return Program(real, declared_parameters(text), cache(module.get_function), int(dict(defines)["BLOCK"]))
