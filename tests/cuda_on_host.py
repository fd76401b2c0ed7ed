"""CUDA kernels on the host: a source compiled as C++, its launches loops over blocks and threads.

The fixture `kernels_on_host` lets NumPy arrays take the path of a GPU, from the same Python functions to the same
sources: what differs is the compiler. Every array is handed over between two margins full of NaN: what is read over an
edge is NaN, what is written over one is told. A test module that needs it says `pytest_plugins = ["cuda_on_host"]`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from litho import cuda
from litho.resources import path

MARGIN_BYTES = 4096

HOST_THREADS = 32
"""Threads of a block: fewer than on a GPU, for here each costs time; sources take any power of two."""


def compiler() -> str | None:
    """Return a C++ compiler, None if this machine has none."""
    return shutil.which("g++") or shutil.which("clang++")


def kernel_names(text: str) -> dict[str, bool]:
    """Return the kernels of a source, with whether each waits at barriers, by itself or through what it calls."""
    waiting, found = ["__syncthreads", "block_sum", "block_max"], dict[str, bool]()
    for body in re.sub(r"//[^\n]*", "", text).split("\n}"):
        waits = any(re.search(rf"\b{word}\(", body) for word in waiting)
        for kernel in cuda.KERNEL.finditer(body):
            found[kernel["name"]] = waits
        if waits:
            waiting += re.findall(r"__device__[^;{(]*?(\w+)\([^;{]*\{", body)
    return found


def build(source: str, defines: tuple[tuple[str, Any], ...], folder: Path) -> ctypes.CDLL:
    """Compile a source of `kernels/` into a shared object in `folder`, once."""
    text = cuda.source_text(source, (("LITHO_HOST", 1), *defines))
    launches = "".join(f"LITHO_HOST_KERNEL({name}, {str(b).lower()})\n" for name, b in kernel_names(text).items())
    name = f"{source}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    cpp, so = folder / f"{name}.cpp", folder / f"{name}.so"
    cpp.write_text(text + "\n" + launches, encoding="utf-8")
    flags = [
        "-O1",
        "-std=c++17",
        "-fPIC",
        "-shared",
        "-Wall",
        "-Wno-unused-function",
        "-Wno-unknown-pragmas",
        "-Werror",
    ]
    command = [str(compiler()), *flags, f"-I{path('kernels')}", str(cpp), "-o", str(so)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{source}.cu is no C++17:\n{done.stderr}"
    return ctypes.CDLL(str(so))


class HostKernel:
    """A kernel that is called like one of CuPy: with grid, block and arguments.

    While `recorded` is a list, calls are only noted there, as a capturing stream does.
    """

    recorded: ClassVar[list[Callable[[], None]] | None] = None

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.name = name
        self.function = getattr(library, f"launch_{name}")

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...]) -> None:
        """Run every thread of every block; arrays are copied between margins, and back."""
        if HostKernel.recorded is not None:
            HostKernel.recorded.append(partial(self._run, grid, block, arguments))
        else:
            self._run(grid, block, arguments)

    def _run(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...]) -> None:
        sizes = (ctypes.c_uint * 6)(*grid, *block)
        padded = [_padded(a) if isinstance(a, np.ndarray) and a.ndim else None for a in arguments]
        values = [
            np.asarray(a if p is None else np.uintp(p.ctypes.data + MARGIN_BYTES))
            for a, p in zip(arguments, padded, strict=True)
        ]
        pointers = (ctypes.c_void_p * len(values))(*(v.ctypes.data for v in values))
        self.function(sizes, pointers)
        for number, (array, p) in enumerate(zip(arguments, padded, strict=True)):
            if p is not None:
                margins = np.concatenate([p[:MARGIN_BYTES], p[MARGIN_BYTES + array.nbytes :]])
                assert np.all(margins == 0xFF), f"{self.name} writes over the edge of argument {number}"
                if array.flags.writeable:
                    array.view(np.uint8).reshape(-1)[:] = p[MARGIN_BYTES : MARGIN_BYTES + array.nbytes]


def _padded(array: np.ndarray) -> np.ndarray:
    assert array.flags.c_contiguous
    raw = np.full(array.nbytes + 2 * MARGIN_BYTES, 0xFF, np.uint8)
    raw[MARGIN_BYTES : MARGIN_BYTES + array.nbytes] = array.reshape(-1).view(np.uint8)
    return raw


class FakeStream:
    """A stream that notes launches while it captures; its graph starts them again."""

    def __init__(self, non_blocking: bool = False) -> None:
        self.launches: list[Callable[[], None]] = []

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *exception: object) -> None:
        assert HostKernel.recorded is None

    def record(self) -> str:
        """Return an event."""
        return "event"

    def wait_event(self, event: str) -> None:
        """Wait for what `record` returned."""
        assert event == "event"

    def begin_capture(self) -> None:
        """Note launches from here on."""
        HostKernel.recorded = self.launches = []

    def end_capture(self) -> Any:
        """Return what has the method `launch`."""
        HostKernel.recorded, launches = None, self.launches
        return SimpleNamespace(launch=lambda stream: [launch() for launch in launches])


@pytest.fixture
def fake_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give NumPy what CuPy has for streams and graphs; with `kernels_on_host` alone it captures nothing but kernels."""
    fake = SimpleNamespace(
        Stream=FakeStream,
        MemoryPool=lambda: SimpleNamespace(malloc=None),
        using_allocator=lambda allocator: nullcontext(),
        get_current_stream=FakeStream,
    )
    config = SimpleNamespace(get_plan_cache=lambda: SimpleNamespace(set_size=lambda size: None))
    monkeypatch.setattr(np, "cuda", fake, raising=False)
    monkeypatch.setattr(np.fft, "config", config, raising=False)


@pytest.fixture(scope="session")
def host_programs(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., cuda.Program]:
    """Compile sources for the host, each variant once per session: a stand-in for `litho.cuda._compiled`."""
    if compiler() is None:
        if os.environ.get("CI"):
            pytest.fail("no C++ compiler (g++ or clang++), which is needed to run the CUDA kernels on the host")
        pytest.skip("no C++ compiler (g++ or clang++) to run the CUDA kernels on the host")
    folder = tmp_path_factory.mktemp("kernels")

    @cache
    def compiled(source: str, real: type, defines: tuple[tuple[str, Any], ...], device: int = 0) -> cuda.Program:
        library = build(source, defines, folder)
        parameters = cuda.declared_parameters(cuda.source_text(source, ()))
        return cuda.Program(real, parameters, cache(lambda name: HostKernel(library, name)), dict(defines)["BLOCK"])

    return compiled


@pytest.fixture
def kernels_on_host(monkeypatch: pytest.MonkeyPatch, host_programs: Callable[..., cuda.Program]) -> Iterator[Any]:
    """Return a context in which NumPy arrays take the path of a GPU, with kernels that run on the host."""

    def switch(on: bool = True) -> None:
        monkeypatch.setattr(cuda, "KERNEL_LIBRARIES", ("numpy",) if on else ("cupy",))

    monkeypatch.setattr(cuda, "_compiled", host_programs)
    monkeypatch.setattr(cuda, "_device", lambda: 0)
    monkeypatch.setattr(cuda, "THREADS", HOST_THREADS)
    yield switch
