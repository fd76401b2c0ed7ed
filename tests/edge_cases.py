"""A small field with its lens, and shapes in it, for the tests of edge-based correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

import litho
from litho.cells import Floats
from litho.edge_image import EdgeModel, edge_model
from litho.process import Corner, Process
from litho.resist import Resist
from litho.socs import Kernels

GRID = litho.Grid.over((960.0, 960.0), 5.0, (-480.0, -480.0))
PROCESS = Process((Corner(), Corner(1.04), Corner(0.96, 40.0)), Resist(0.3))
OPTICS = litho.Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=litho.Source.annular(0.6, 0.9))
"""Symmetric in both axes, and under turns by 90 degrees."""


@lru_cache
def kernels() -> tuple[Kernels, ...]:
    return tuple(litho.socs_kernels(OPTICS, GRID.period_nm, f, max_error=0.05) for f in PROCESS.foci_nm)


def model(blurred: bool = False) -> EdgeModel:
    """Return the chain of the field; `blurred` by a transfer function after the lens."""
    chosen: Sequence[Kernels] = kernels()
    if blurred:
        ky, kx = (np.fft.ifftshift(np.arange(-r, r + 1.0)) for r in chosen[0].image_radius)
        transfer = np.exp(-1e-3 * (ky[:, None] ** 2 + kx[None, : chosen[0].image_radius[1] + 1] ** 2))
        chosen = [replace(k, transfer=transfer) for k in chosen]
    return edge_model(GRID, PROCESS, chosen)


def box(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


LINE = [box(-35, -480, 35, 480)]
"""A line of 70 nm that crosses the field."""

CROSS = [box(-200, -50, 200, 50), box(-50, -200, 50, 200)]

TILTED = [np.array([(-180, -120), (150, -60), (120, 90), (-60, 170.0)])]
