"""Inputs of the benchmarks, by name and size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from litho.backend import Array, like, to_device, to_host
from litho.benchmark.cases import KERNEL_COUNT, OPTICS
from litho.grid import Grid
from litho.kernel_files import read_kernels
from litho.layout import read_layout
from litho.process import Corner, Process
from litho.raster import coverage
from litho.resist import Resist
from litho.resources import path
from litho.socs import Kernels
from litho.tcc import socs_kernels

FIELD_NM = 2048.0


@dataclass(frozen=True)
class Case:
    """A clip of 2048 nm in single precision, with all that its prints need.

    Parameters
    ----------
    name
        see `NAMES`
    grid
        field and pixels
    target : (ny, nx) float32
        coverage of the wanted shapes, on the device that was asked for
    process
        corners and resist
    kernels
        24 for each focus of the process, beside `target`
    """

    name: str
    grid: Grid
    target: Array
    process: Process
    kernels: tuple[Kernels, ...]


NAMES = {
    "immersion": "193 nm, NA 1.35, annular 0.6-0.9, 24 kernels of litho.tcc",
    "contest": "the 24 kernels of the ICCAD-2013 contest, from LITHO_DATA",
}


def available() -> list[str]:
    """Return the names of the cases whose data are there."""
    return [name for name in NAMES if name != "contest" or _contest_file().is_file()]


def case(name: str, pixels: int, device: str = "cpu") -> Case:
    """Return the case of a name with `pixels` on a side, its arrays on a device ("cpu" or "gpu")."""
    grid = Grid.square(FIELD_NM, FIELD_NM / pixels)
    target = to_device(coverage(polygons(), grid, np.float32), device)
    process, kernels = _conditions(name)
    return Case(name, grid, target, process, tuple(k.like(target) for k in kernels))


@cache
def polygons() -> list[Any]:
    """Return the logic-like metal sample, in the middle of the field."""
    layout = read_layout(path("masks", "logic_metal.oas"))
    x0, y0, x1, y1 = layout.bounds_nm()
    shift = np.array([FIELD_NM - (x0 + x1), FIELD_NM - (y0 + y1)]) / 2
    return [polygon + shift for polygon in layout.polygons()]


def level_field(case: Case) -> Any:
    """Return a smooth field (ny, nx) on the host, positive inside the target: what contours are taken of."""
    x = np.sin(np.linspace(0, 60, case.grid.shape[1]))
    return np.asarray(x[:, None] * x[None, :] - 0.1, dtype=np.float32)


def batch(array: Array, clips: int) -> Array:
    """Return a clip `clips` times, (clips, ny, nx), each moved by some pixels."""
    host = to_host(array)
    return like(np.stack([np.roll(host, 16 * i, axis=-1) for i in range(clips)]), array)


@cache
def _conditions(name: str) -> tuple[Process, tuple[Kernels, ...]]:
    if name == "immersion":
        process = Process()
        period = (FIELD_NM, FIELD_NM)
        return process, tuple(socs_kernels(OPTICS, period, z, count=KERNEL_COUNT) for z in process.foci_nm)
    corners = Corner(1.0, 0.0), Corner(1.02**2, 0.0), Corner(0.98**2, 25.0)
    process = Process(corners, Resist(0.225))
    by_focus = {k.defocus_nm: k for k in read_kernels(_contest_file(), (FIELD_NM, FIELD_NM)).values()}
    return process, tuple(by_focus[z] for z in process.foci_nm)


def _contest_file() -> Path:
    default = Path(__file__).resolve().parents[2] / "shared"
    return Path(os.environ.get("LITHO_DATA", default)) / "iccad13" / "optical_kernels.npz"
