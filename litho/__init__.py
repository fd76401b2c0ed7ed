"""Open computational lithography: aerial images and inverse lithography, exact in the lens band.

Data flow: io -> layout -> raster -> mask -> fourier -> socs -> resist -> losses, back through each `_adjoint` to
parametrize, then optimize, and at the end contour -> curves -> io. A newcomer reads `pixel_ilt`, `model`, `socs`, in
that order. A module imports from its own row and those above it only.

foundation
    `backend` which library holds the data; `grid` positions; `fourier` one convention, pixels <-> lens band;
    `check` dot and gradient tests; `resources` where data lies
geometry
    `layout` polygons of a file; `polygons` merging; `io` GDS, OASIS, GLP; `raster` exact coverage; `patterns` samples
optics
    `source` illuminators; `pupil` the lens; `mask` coverage to transmission; `abbe` slow and obvious reference;
    `tcc` coherent kernels; `socs` fast image; `image` an image known everywhere; `kernel_files` kernels in files;
    `polygon_spectrum` exact spectra of polygons, without a raster, and their derivative in every vertex
process
    `resist` threshold; `process` corners of dose and focus
inverse
    `losses` what is punished; `model` the chain and its reverse; `parametrize` variables to mask; `optimize` batched
    L-BFGS; `pixel_ilt` coarse to fine
verify
    `metrics` L2, PV band, EPE; `contour` sub-pixel outlines; `curves` closed splines; `shots` rectangle counts
edges
    `config` and `recipe_tables` recipes; `job` what is read; `flow` from a job to each `result`; `outputs` its files;
    `pictures` and `report`; `cli` and `bench` commands
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "AerialImage": "image",
    "Corner": "process",
    "Grid": "grid",
    "IltResult": "pixel_ilt",
    "IltSettings": "pixel_ilt",
    "Kernels": "socs",
    "Layout": "layout",
    "LossWeights": "pixel_ilt",
    "Mask": "mask",
    "Optics": "pupil",
    "Process": "process",
    "Resist": "resist",
    "Source": "source",
    "Stage": "pixel_ilt",
    "aerial_image": "image",
    "contours": "contour",
    "coverage": "raster",
    "evaluate": "metrics",
    "ilt": "pixel_ilt",
    "join_holes": "contour",
    "read_kernels": "kernel_files",
    "read_layout": "layout",
    "socs_kernels": "tcc",
    "write_oasis": "io",
    "__version__": "info",
}
"""Public names and the modules they come from."""

__all__ = [
    "AerialImage",
    "Corner",
    "Grid",
    "IltResult",
    "IltSettings",
    "Kernels",
    "Layout",
    "LossWeights",
    "Mask",
    "Optics",
    "Process",
    "Resist",
    "Source",
    "Stage",
    "__version__",
    "aerial_image",
    "contours",
    "coverage",
    "evaluate",
    "ilt",
    "join_holes",
    "read_kernels",
    "read_layout",
    "socs_kernels",
    "write_oasis",
]

if TYPE_CHECKING:
    from litho.contour import contours, join_holes
    from litho.grid import Grid
    from litho.image import AerialImage, aerial_image
    from litho.info import __version__
    from litho.io import write_oasis
    from litho.kernel_files import read_kernels
    from litho.layout import Layout, read_layout
    from litho.mask import Mask
    from litho.metrics import evaluate
    from litho.pixel_ilt import IltResult, IltSettings, LossWeights, Stage, ilt
    from litho.process import Corner, Process
    from litho.pupil import Optics
    from litho.raster import coverage
    from litho.resist import Resist
    from litho.socs import Kernels
    from litho.source import Source
    from litho.tcc import socs_kernels


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts at once."""
    if name not in _HOME:
        raise AttributeError(f"module 'litho' has no attribute {name!r}")
    value = getattr(import_module(f"litho.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
