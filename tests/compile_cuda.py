"""Compile CUDA sources for every architecture, without a GPU: `python tests/compile_cuda.py [FILE.cu ...]`.

It needs `pip install "cuda-bindings>=13,<14" "nvidia-cuda-nvrtc>=13,<14"`. Errors, warnings and register spills are
failures. It shows that a kernel is valid CUDA, not that it is right.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
FOLDER = Path(__file__).resolve().parents[1] / "kernels"


def compile_log(source: Path, architecture: int, real: str) -> tuple[bool, str]:
    """Return whether a source compiles, and what the compiler says: registers and spills of each kernel among it."""
    from cuda.bindings import nvrtc

    text = f"#define REAL {real}\n#line 1\n".encode() + source.read_bytes()
    _, handle = nvrtc.nvrtcCreateProgram(text, source.name.encode(), 0, [], [])
    options = [f"--gpu-architecture=sm_{architecture}", "--std=c++17", f"-I{source.parent}", "--ptxas-options=-v"]
    (error,) = nvrtc.nvrtcCompileProgram(handle, len(options), [o.encode() for o in options])
    _, size = nvrtc.nvrtcGetProgramLogSize(handle)
    log = b" " * size
    nvrtc.nvrtcGetProgramLog(handle, log)
    nvrtc.nvrtcDestroyProgram(handle)
    return error == nvrtc.nvrtcResult.NVRTC_SUCCESS, log.decode().strip("\0 \n")


def problems(source: Path, architecture: int, real: str) -> list[str]:
    """Return what is wrong with a source: errors, warnings, spilled registers."""
    compiles, log = compile_log(source, architecture, real)
    where = f"{source.name}, sm_{architecture}, {real}"
    if not compiles:
        return [f"{where}: does not compile\n{log}"]
    spills = [line for line in log.splitlines() if re.search(r"[1-9]\d* bytes spill", line)]
    warnings = [line for line in log.splitlines() if "warning" in line]
    return [f"{where}: {line.strip()}" for line in (*spills, *warnings)]


def main(names: list[str]) -> int:
    """Compile the named files, or all; returns 1 if any has a problem."""
    sources = [Path(name).resolve() for name in names] or sorted(FOLDER.glob("*.cu"))
    found = []
    for source in sources:
        here = [p for real in ("float", "double") for arch in ARCHITECTURES for p in problems(source, arch, real)]
        print(f"{source.name}: {len(here) or 'no'} problems in {len(ARCHITECTURES)} architectures, float and double")
        found += here
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
