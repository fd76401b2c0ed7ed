"""What is computed: aerial images, losses with gradients, and whole corrections, of fields from 256 nm to 8 um.

The pattern is routed metal, the sample `logic_metal.oas` repeated over the field and cut off at its border. Light is
193 nm at NA 1.35, annular 0.6 to 0.9, with 24 kernels of each focus; resist, doses and foci are those of
`litho.process.Process()`. Single precision.

image
    aerial image in focus, mask and image on pixels of 1 nm
gradient
    loss of three corners at two foci, and its gradient by the level field, mask and print on pixels of 4 nm
ilt
    correction by `litho.pixel_ilt` with its own settings, but for steps: result on pixels of 1 nm
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.grid import Grid
from litho.kernel_files import read_kernels, write_kernels
from litho.layout import read_layout
from litho.pixel_ilt import IltSettings, Stage
from litho.process import Process
from litho.pupil import Optics
from litho.raster import coverage
from litho.resources import path
from litho.socs import Kernels
from litho.source import Source
from litho.tcc import socs_kernels

KERNEL_COUNT = 24
OPTICS = Optics(wavelength_nm=193.0, na=1.35, source=Source.annular(0.6, 0.9), immersion_index=1.44)
PROCESS = Process()
GRADIENT_STAGE = Stage(pixel_nm=4, steps=1, mask_steepness=8, resist_steepness=50)

PITCH_NM = (2040.0, 2035.0)
"""Distance (x, y) of the pattern's copies: the sample is 1920 nm wide and 1925 nm high."""

SHIFT_NM = (328.0, 216.0)
"""What the window of each further clip of a correction is moved by (x, y): other content, the same density."""

LEAST_SIZE_NM = 256.0
"""A smaller field has fewer than 24 kernels."""

PIXELS_NM = {"image": 1.0, "gradient": 4.0, "ilt": 1.0}
"""Kind of case, and the pixels of its mask."""


@dataclass(frozen=True)
class Case:
    """One thing that all opponents compute.

    Parameters
    ----------
    kind
        "image", "gradient" or "ilt": see the module
    size_nm
        side of the square field of a clip
    clips
        how many are computed together
    """

    kind: str
    size_nm: float
    clips: int = 1

    def __post_init__(self) -> None:
        if self.kind not in PIXELS_NM:
            raise ValueError(f"`kind` must be one of {', '.join(PIXELS_NM)}, but got {self.kind!r}.")
        if not (self.size_nm >= LEAST_SIZE_NM and self.size_nm % 16 == 0):
            rule = f"must be a multiple of 16 nm and at least {LEAST_SIZE_NM:g} nm"
            raise ValueError(f"`size_nm` {rule}, but got {self.size_nm}.")
        if self.clips < 1:
            raise ValueError(f"`clips` must be at least 1, but got {self.clips}.")

    @property
    def name(self) -> str:
        """Such as "gradient 2048 nm x 64"."""
        return f"{self.kind} {self.size_nm:g} nm" + (f" x {self.clips}" if self.clips > 1 else "")

    @property
    def area_um2(self) -> float:
        """Area of all clips, um^2."""
        return self.clips * self.size_nm**2 * 1e-6

    @property
    def grid(self) -> Grid:
        """Pixels of the mask."""
        return Grid.square(self.size_nm, PIXELS_NM[self.kind])

    def as_dict(self) -> dict[str, Any]:
        """Return what a record says of the case."""
        return {"name": self.name, **asdict(self), "pixel_nm": PIXELS_NM[self.kind], "area_um2": self.area_um2}


def quick_cases() -> tuple[Case, ...]:
    """Return the cases of a few minutes: fields up to 2 um, batches of four and eight."""
    singles = [Case(kind, size) for kind in ("image", "gradient") for size in (256, 512, 1024, 2048)]
    batches = [Case("image", 2048, 4), Case("gradient", 2048, 8)]
    return (*singles, *batches, Case("ilt", 1024), Case("ilt", 1024, 4), Case("ilt", 2048))


def full_cases() -> tuple[Case, ...]:
    """Return all cases: fields up to 8 um, batches of 16 images, 64 gradients and ten corrections."""
    sizes = (256, 512, 1024, 2048, 4096, 8192)
    singles = [Case(kind, size) for kind in ("image", "gradient") for size in sizes]
    batches = [Case("image", 2048, 16), Case("gradient", 2048, 64)]
    return (*singles, *batches, *(Case("ilt", size) for size in (1024, 2048)), Case("ilt", 2048, 10), Case("ilt", 8192))


def masks(case: Case) -> NDArray[np.float32]:
    """Return the masks of a case, (clips, ny, nx) float32; of an ilt the targets.

    Clips of an image or gradient are the first one moved by 16 pixels each, around the field, so that their results
    must be moved alike; those of a correction are windows of the pattern in different places.
    """
    grid = case.grid
    if case.kind != "ilt":
        first = coverage(pattern(grid), grid, np.float32)
        return np.stack([moved(first, clip) for clip in range(case.clips)])
    windows = [(clip * SHIFT_NM[0], clip * SHIFT_NM[1]) for clip in range(case.clips)]
    return np.stack([coverage(pattern(grid, window), grid, np.float32) for window in windows])


def moved(first: NDArray[Any], clip: int) -> NDArray[Any]:
    """Return what the first clip of a batch, or its result, is in a later clip."""
    return np.roll(first, 16 * clip, axis=-1)


def pattern(grid: Grid, window_nm: tuple[float, float] = (0.0, 0.0)) -> list[Floats]:
    """Return the polygons of the pattern that touch a field whose centre looks at a point near the sample's centre."""
    sample = read_layout(path("masks", "logic_metal.oas"))
    x0, y0, x1, y1 = sample.bounds_nm()
    (height, width), drawn = grid.period_nm, sample.polygons()
    across = np.array([width - (x0 + x1), height - (y0 + y1)]) / 2 - np.array(window_nm)
    copies = [range(*_copies(across[i], (x0, y0)[i], (x1, y1)[i], PITCH_NM[i], (width, height)[i])) for i in (0, 1)]
    shifts = [across + np.array([i * PITCH_NM[0], j * PITCH_NM[1]]) for j in copies[1] for i in copies[0]]
    return [polygon + shift for shift in shifts for polygon in drawn]


def _copies(shift: float, low: float, high: float, pitch: float, size: float) -> tuple[int, int]:
    """Return the first copy along an axis that reaches into 0..size, and the one after the last."""
    return int(np.floor((-shift - high) / pitch)) + 1, int(np.ceil((size - shift - low) / pitch))


def ilt_settings(steps: int | None, graph: bool = False) -> IltSettings:
    """Return the settings of a correction: the program's own, with at most `steps` steps a stage, captured or not."""
    settings = IltSettings()
    settings = replace(settings, optimizer=replace(settings.optimizer, graph=graph))
    if steps is None:
        return settings
    return replace(settings, stages=tuple(replace(stage, steps=min(steps, stage.steps)) for stage in settings.stages))


@cache
def kernels(size_nm: float) -> tuple[Kernels, ...]:
    """Return the kernels of a field, one set for each focus of `PROCESS`, on the host in double precision."""
    return tuple(socs_kernels(OPTICS, (size_nm, size_nm), z, count=KERNEL_COUNT) for z in PROCESS.foci_nm)


def write_scene(size_nm: float, file: Path) -> None:
    """Write the kernels of a field for the processes that need them."""
    write_kernels(file, {f"focus{number}": k for number, k in enumerate(kernels(size_nm))})


def read_scene(size_nm: float, file: Path) -> tuple[Kernels, ...]:
    """Return what `write_scene` wrote."""
    found = read_kernels(file, (size_nm, size_nm))
    return tuple(found[f"focus{number}"] for number in range(len(PROCESS.foci_nm)))
