"""Masks of several transmissions: layers of shapes, each painted over those before it.

    mask = MaskLayers.alternating(openings, shifted_openings)            # chrome, 0 and 180 degrees
    mask = MaskLayers((MaskLayer(rims, -0.24), MaskLayer(openings, 1)))  # chrome, attenuator, openings in both

Where layers overlap, the later one counts. What is left visible of each layer has an exact spectrum of its own, and
the mask's is their sum, weighted with what each transmits beyond the background: complex weights, so that the full
band is not that of a real field. Layers may carry a boundary layer along their edges (`litho.thick_mask`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from litho.cells import Floats
from litho.grid import Grid
from litho.mask import check_transmission, phase_shift
from litho.outlines import area_nm2, copies, disjoint, tiled, with_holes
from litho.polygons import subtract
from litho.raster import coverage
from litho.thick_mask import BoundaryLayer


@dataclass(frozen=True, eq=False)
class MaskLayer:
    """Shapes of one transmission.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise; a clockwise one is a hole in the polygon around it. They
        may overlap, and come back on the field's other side where they reach beyond it
    transmission
        amplitude, of modulus 1 at most
    boundary
        strips inside the edges of what is visible of the shapes, in which the light passes differently; None: a thin
        mask
    """

    polygons: Sequence[Floats]
    transmission: complex = 1.0
    boundary: BoundaryLayer | None = None

    def __post_init__(self) -> None:
        check_transmission("transmission", self.transmission)
        object.__setattr__(self, "polygons", tuple(self.polygons))


@dataclass(frozen=True, eq=False)
class MaskLayers:
    """A mask of several transmissions.

    Parameters
    ----------
    layers
        in the order they are painted: the last one is on top
    background
        amplitude transmission where no layer is
    """

    layers: Sequence[MaskLayer]
    background: complex = 0.0

    def __post_init__(self) -> None:
        check_transmission("background", self.background)
        object.__setattr__(self, "layers", tuple(self.layers))

    @classmethod
    def alternating(
        cls, zero: Sequence[Floats], shifted: Sequence[Floats], dark: complex = 0.0, phase_deg: float = 180.0
    ) -> MaskLayers:
        """Return an alternating phase-shifting mask: openings of phase 0 and `phase_deg` in an absorber."""
        return cls((MaskLayer(zero), MaskLayer(shifted, phase_shift(phase_deg))), dark)


def layers_transmission(mask: MaskLayers, grid: Grid) -> npt.NDArray[np.complex128]:
    """Return the amplitude transmission, (ny, nx) complex, averaged over each pixel of `grid`, of a thin mask."""
    if any(layer.boundary is not None for layer in mask.layers):
        raise ValueError(
            "`mask` must be thin for a raster, but a layer has a boundary layer; see `litho.mask_spectrum`."
        )
    total = np.full(grid.shape, mask.background, dtype=np.complex128)
    for part, layer in visible_parts(mask, grid):
        covered = coverage(copies(with_holes(part), grid, grid.bounds_nm), grid)
        total += (layer.transmission - mask.background) * covered
    return total


def visible_parts(mask: MaskLayers, grid: Grid) -> list[tuple[list[Floats], MaskLayer]]:
    """Return, for each layer, the polygons of what no later one hides, and the layer.

    Polygons that neither overlap nor are hidden stay as they are; others are cut at the field's border.
    """
    parts: list[tuple[list[Floats], MaskLayer]] = []
    above: list[Floats] = []
    for layer in reversed(mask.layers):
        part = disjoint(layer.polygons, grid)
        whole = tiled(part, grid, 0.0)
        left = subtract(whole, above) if above else whole
        hidden = area_nm2(whole) - area_nm2(left)
        parts.append((part if hidden <= 1e-9 * grid.period_nm[0] * grid.period_nm[1] else left, layer))
        above = above + whole
    return parts[::-1]
