"""CuPy itself on a machine without a GPU: its own code, on an emulated device.

    python tests/emulated_gpu/cupy_on_host.py -m pytest -q -m gpu
    python tests/emulated_gpu/cupy_on_host.py -m litho ilt masks/isolated_line.gds --device gpu --out out

What is run is CuPy as it is installed: its checks of types and shapes, pool of memory, cache of plans, streams,
capture of graphs. What stands in is below it: `device.cpp` for driver and runtime, `libraries.cpp` for cuFFT and
cuBLAS, and g++ for NVRTC, so that kernels, those of CuPy and those of `kernels/`, are loops on the host. Nothing here
says how fast a GPU is, nor what happens only when threads run at once; streams are never late, and no product is fused
with a sum.

Needs Linux on x86-64, g++, nm, and `pip install cupy-cuda12x pyfftw`. CuPy carries CUDA's runtime inside its modules:
there its functions are found by name and sent to the stand-ins, in memory only. Written for CuPy 14.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parents[1] / "kernels"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "litho-emulated-gpu"
COMPILER = ["g++", "-std=c++17", "-O1", "-fPIC", "-w", "-ffp-contract=off"]

EMPTY = ("libcublasLt.so.12", "libcudart.so.12", "libnvJitLink.so.12")
"""Libraries that others of CUDA ask for; nobody calls them here."""

CUPY_HEADERS = ("complex.cuh", "carray.cuh", "atomics.cuh", "math_constants.h")

KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+(?:void\s+|__launch_bounds__\([^)]*\)\s*)*(\w+)\s*\(')


class Counts(ctypes.Structure):
    """What the device was asked for so far; see `device.hpp`."""

    _fields_ = [
        (name, ctypes.c_long)
        for name in (
            *("launches", "waits", "to_host", "to_device", "graphs", "captured"),
            *("allocations", "waits_in_captures", "transforms", "products", "most_bytes"),
        )
    ]


def counts() -> dict[str, int]:
    """Return launches, waits, copies, allocations and more since the process began; `most_bytes` is a peak."""
    found = Counts.in_dll(_driver(), "emulated_counts")
    return {name: int(getattr(found, name)) for name, _ in Counts._fields_}


def folder_of(package: str) -> Path:
    """Return where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: pip install cupy-cuda12x pyfftw")
    return Path(next(iter(spec.submodule_search_locations)))


@functools.cache
def build() -> Path:
    """Compile the device and its libraries, once for each version of their sources, and return their folder.

    That is in the user's own cache, XDG_CACHE_HOME or ~/.cache, which nobody else writes to.
    """
    sources = [
        HERE / name for name in ("device.hpp", "device.cpp", "libraries.cpp", "built_ins.hpp", "cupy_on_host.py")
    ]
    text = b"".join(file.read_bytes() for file in [*sources, KERNELS / "host_launch.hpp"])
    folder = CACHE / hashlib.sha256(text + str(folder_of("cupy")).encode()).hexdigest()[:16]
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # one process builds, others wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            _build_in(folder, sources[1:3])
            (folder / "ready").touch()
    return folder


def _build_in(folder: Path, sources: Iterable[Path]) -> None:
    driver = folder / "lib" / "libcuda.so.1"
    _run(*COMPILER, "-shared", *sources, "-o", driver, "-ldl", "-Wl,-soname,libcuda.so.1")
    there = {name for name in _symbols(driver, "--defined-only") if name.startswith("on_")}
    for library, functions in _wanted().items():
        _stand_in(folder / "lib" / library, functions, there, driver)
    for library in EMPTY:
        _stand_in(folder / "lib" / library, (), there, driver)
    _precompile(folder)


def _wanted() -> dict[str, set[str]]:
    """Return what CuPy's modules ask of each library of CUDA that they are linked with."""
    wanted = defaultdict[str, set[str]](set)
    for package in ("cupy", "cupy_backends", "cupyx"):
        for module in folder_of(package).rglob("*.so"):
            for symbol in _symbols(module, "--undefined-only"):
                name, at, library = symbol.partition("@")
                if at and re.match(r"libcu(fft|blas|solver|sparse|rand)\.so", library):
                    wanted[library].add(name)
    return wanted


def _symbols(file: Path, which: str) -> list[str]:
    listed = subprocess.run(["nm", "-D", which, str(file)], capture_output=True, text=True, check=True).stdout
    return [line.split()[-1] for line in listed.splitlines()]


def _stand_in(file: Path, functions: Iterable[str], there: set[str], driver: Path) -> None:
    """Write a library whose functions jump to those of the driver, or say that they are not there."""
    lines = ["#include <stdio.h>"]
    for name in sorted(functions):
        if f"on_{name}" in there:
            jump = f'__asm__("jmp *on_{name}@GOTPCREL(%rip)");'
            lines.append(f"extern int on_{name}(void); __attribute__((naked)) int {name}(void) {{ {jump} }}")
        else:
            lines.append(f'int {name}(void) {{ fputs("emulated GPU: no {name}\\n", stderr); return 15; }}')
    source, versions = file.with_suffix(".c"), file.with_suffix(".map")
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    versions.write_text(f"{file.name} {{ global: *; }};\n", encoding="utf-8")
    options = [f"-Wl,-soname,{file.name}", f"-Wl,--version-script={versions}", f"-Wl,-rpath,{file.parent}"]
    _run("gcc", "-fPIC", "-shared", "-w", source, driver, "-o", file, *options)


def _precompile(folder: Path) -> None:
    """Write the headers that kernels begin with, and compile them."""
    empty = folder / "include" / "thrust" / "detail" / "config" / "namespace.h"  # CuPy's numbers need no more of it
    empty.parent.mkdir(parents=True, exist_ok=True)
    names = {"BEGIN": "namespace thrust {", "END": "}"}
    empty.write_text("".join(f"#define THRUST_NAMESPACE_{k} {v}\n" for k, v in names.items()), encoding="utf-8")
    cupy = "".join(f"#include <cupy/{name}>\n" for name in CUPY_HEADERS)
    for name, text in (("for_litho", ""), ("for_cupy", cupy)):
        header = folder / f"{name}.hpp"
        header.write_text(f'#include "{HERE / "built_ins.hpp"}"\n{text}', encoding="utf-8")
        _run(*COMPILER, *_includes(folder), "-x", "c++-header", header, "-o", folder / f"{name}.hpp.gch")


def _includes(folder: Path) -> list[str]:
    return [f"-I{path}" for path in (KERNELS, folder / "include", folder_of("cupy") / "_core" / "include")]


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:1]))} failed:\n{done.stderr[:4000]}")


class HostProgram:
    """In place of CuPy's use of NVRTC: compiles a source for the host. Its image is the path of a shared object."""

    def __init__(self, source: str, name: str = "", headers: Any = (), includes: Any = (), **options: Any) -> None:
        self.source = source

    def compile(self, options: tuple[str, ...] = (), log_stream: Any = None) -> tuple[bytes, None]:
        """Return the image."""
        if not self.source:
            return b"// emulated\n", None
        folder, ours = build(), self.source.startswith("// headers")
        waits = any(word in self.source for word in ("__sync", "block_sum", "block_max"))
        kernels = KERNEL.findall(re.sub(r"//[^\n]*", "", self.source))
        makers = "".join(f"LITHO_EMULATED_KERNEL({name}, {str(waits).lower()})\n" for name in kernels)
        flags = [*(o for o in options if o.startswith(("-D", "-I"))), *(["-DLITHO_HOST"] if ours else [])]
        header = folder / ("for_litho.hpp" if ours else "for_cupy.hpp")
        key = hashlib.sha256(f"{self.source}{makers}{flags}".encode()).hexdigest()[:24]
        image, text = folder / f"{key}.so", folder / f"{key}.{os.getpid()}.cpp"
        if not image.exists():
            text.write_text(f"{self.source}\n{makers}", encoding="utf-8")
            made = text.with_suffix(".tmp")
            _run(*COMPILER, "-fpermissive", *flags, *_includes(folder), "-shared", "-include", header, text, "-o", made)
            os.replace(made, image)
            text.unlink()
        return str(image).encode() + b"\0", None


def _driver() -> ctypes.CDLL:
    return ctypes.CDLL(str(build() / "lib" / "libcuda.so.1"), ctypes.RTLD_GLOBAL)


def _redirect(module: str, driver: ctypes.CDLL) -> None:
    """Let a module's own functions of CUDA's runtime begin with a jump to ours."""
    lines = Path("/proc/self/maps").read_text(encoding="ascii").splitlines()
    base = next(int(line.split("-")[0], 16) for line in lines if line.endswith(module))
    listed = subprocess.run(["nm", module], capture_output=True, text=True, check=True).stdout
    mprotect, page = ctypes.CDLL(None).mprotect, 4096
    for address, kind, name in (line.split() for line in listed.splitlines() if line.count(" ") == 2):
        ours = getattr(driver, f"on_{name}", None) if kind == "t" and re.match("cuda[A-Z]", name) else None
        if ours is not None:
            place, target = base + int(address, 16), ctypes.cast(ours, ctypes.c_void_p).value or 0
            assert mprotect(ctypes.c_void_p(place // page * page), ctypes.c_size_t(2 * page), 7) == 0
            ctypes.memmove(place, b"\x48\xb8" + target.to_bytes(8, "little") + b"\xff\xe0", 12)  # mov rax; jmp rax


def install() -> None:
    """Make this process's CuPy use the emulated device; to be called before anything computes."""
    driver = _driver()
    import cupy_backends.cuda.api.runtime as runtime

    _redirect(str(runtime.__file__), driver)
    import cupy
    import cupy.cuda.compiler as compiler
    from cupy.cuda import thrust

    compiler._NVRTCProgram, compiler._nvrtc_version = HostProgram, (12, 9)
    thrust.argsort = _argsort
    if "EMULATED_GUARDS" in os.environ:
        cupy.cuda.set_allocator(None)


def _argsort(dtype: Any, order: int, data: int, keys: int, shape: tuple[int, ...]) -> None:
    """Sort rows in place and write their order, as CuPy asks Thrust to; arguments are addresses."""
    import numpy as np

    count = int(np.prod(shape))

    def at(address: int, kind: Any) -> Any:
        raw = (ctypes.c_char * (count * np.dtype(kind).itemsize)).from_address(address)
        return np.frombuffer(raw, kind).reshape(-1, shape[-1])

    rows, places = at(data, dtype), at(order, np.intp)
    places[:] = np.argsort(rows, axis=-1, kind="stable")
    rows[:] = np.take_along_axis(rows, places, axis=-1)


def environment() -> dict[str, str]:
    """Return the variables under which a process finds the emulated device."""
    fftw = folder_of("pyfftw").parent / "pyfftw.libs"
    found = {"FFTW": next(fftw.glob("libfftw3-*")), "FFTWF": next(fftw.glob("libfftw3f-*"))}
    paths = {"LD_LIBRARY_PATH": build() / "lib", "PYTHONPATH": HERE / "site"}
    joined = {k: os.pathsep.join([str(v), *filter(None, [os.environ.get(k)])]) for k, v in paths.items()}
    libraries = {f"EMULATED_{name}": str(file) for name, file in found.items()}
    mine = {"CUPY_ACCELERATORS": "", "CUPY_CACHE_DIR": str(build() / "cupy")}
    return {**os.environ, **joined, **libraries, **mine}


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: cupy_on_host.py ARGUMENTS OF PYTHON, such as -m pytest -m gpu")
    os.execve(sys.executable, [sys.executable, *sys.argv[1:]], environment())
