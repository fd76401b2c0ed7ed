"""The exact spectrum of any mask drawn by polygons: one entry for all kinds of mask, no raster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from litho.cells import Floats
from litho.euv import EuvMask, shadowed
from litho.grid import Grid
from litho.mask import Mask
from litho.mask_layers import MaskLayers, visible_parts
from litho.outlines import disjoint
from litho.polygon_spectrum import weighted_band
from litho.thick_mask import ThickMask, strip_bands

MaskType = Mask | ThickMask | EuvMask
"""What a mask drawn by one kind of shapes is made of."""

Band = npt.NDArray[np.complex128]


def mask_band(mask: Sequence[Floats] | MaskLayers, mask_type: MaskType, grid: Grid, radius: tuple[int, int]) -> Band:
    """Exact spectrum of a mask in the lens band.

    Parameters
    ----------
    mask
        drawn polygons, each (n, 2) vertices (x, y) in nm, counter-clockwise; a clockwise one is a hole in the polygon
        around it, and holes may be joined to outlines by cuts. They may overlap: the union counts. The field repeats:
        what lies beyond its border comes back on its other side. Or `litho.mask_layers.MaskLayers`
    mask_type
        what drawn shapes and their surroundings transmit: a thin `litho.Mask`, a `litho.thick_mask.ThickMask` or a
        `litho.euv.EuvMask`. `MaskLayers` say so themselves
    grid
        the field: its period and its lower left corner; its pixels do not matter
    radius
        largest frequency (Ry, Rx), in cycles per period

    Returns
    -------
    mask_band : (2 Ry + 1, 2 Rx + 1) complex128
        full band; (2, 2 Ry + 1, 2 Rx + 1) for light polarised along x and along y, if the mask is thick
    """
    if isinstance(mask, MaskLayers):
        if mask_type != Mask():
            raise ValueError(f"`mask_type` must be left out for layers, which have transmissions, but got {mask_type}.")
        return layers_band(mask, grid, radius)
    if isinstance(mask_type, EuvMask):
        return mask_band(shadowed(mask, mask_type, grid), mask_type.thin, grid, radius)
    thin = mask_type.thin if isinstance(mask_type, ThickMask) else mask_type
    shapes = disjoint(mask, grid)
    band = _band_of([(shapes, thin.drawn - thin.undrawn)], thin.undrawn, grid, radius)
    if not isinstance(mask_type, ThickMask):
        return band
    clear, outside = (thin.drawn, False) if thin.tone == "dark field" else (thin.undrawn, True)
    return band + strip_bands(shapes, mask_type.boundary, clear, grid, radius, outside)


def layers_band(mask: MaskLayers, grid: Grid, radius: tuple[int, int]) -> Band:
    """Exact spectrum of a mask of several transmissions; arguments and result are those of `mask_band`."""
    parts = visible_parts(mask, grid)
    weighted = [(part, layer.transmission - mask.background) for part, layer in parts]
    band = _band_of(weighted, mask.background, grid, radius)
    for part, layer in parts:
        if layer.boundary is not None:
            band = band + strip_bands(part, layer.boundary, layer.transmission, grid, radius)
    return band


def _band_of(
    parts: Sequence[tuple[Sequence[Floats], complex]], background: complex, grid: Grid, radius: tuple[int, int]
) -> Band:
    """Return the full band of a background and of disjoint polygons that transmit more than it by given amounts."""
    shapes = [(polygon, weight) for polygons, weight in parts for polygon in polygons]
    vertices = np.concatenate([np.zeros((0, 2)), *(np.asarray(polygon, np.float64) for polygon, _ in shapes)])
    band = weighted_band(vertices, [len(p) for p, _ in shapes], [weight for _, weight in shapes], grid, radius)
    band[0, 0] += background
    return np.asarray(band)
