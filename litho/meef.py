"""Mask error enhancement factor: how much a wafer CD changes per change of the mask CD, both at wafer scale.

    meef = mask_error_factor(cd_of_mask, polygons, grid)         # by polygons a little larger and smaller
    meef = exact_mask_error_factor(polygons, line, 0.3, kernels, grid)     # by the derivative in every vertex

Every edge of the mask moves, by half the change of the CD: a global bias, as a mask process that is off target makes.
`cd_gradient` gives the derivative with respect to each vertex apart, from which any other mask error follows.

References
----------
C. A. Mack, "Fundamental Principles of Optical Lithography", Wiley 2007, chapter 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from litho.backend import to_host
from litho.band_image import BandImage
from litho.cells import Floats
from litho.cutline import CutLine, Feature, measure
from litho.edge_placement import on_border
from litho.grid import Grid
from litho.mask import Mask, transmission_band, transmission_band_adjoint
from litho.polygon_spectrum import join_outlines, polygon_band, polygon_band_adjoint
from litho.socs import Kernels, image_band, image_band_adjoint

BIAS_NM = 0.5
"""Change of the mask CD in central differences; their error is of the fourth order in it."""

PARALLEL = 1e-9
"""Neighbouring edges whose directions differ by less than this angle (rad) move as one."""


def mask_error_factor(
    cd_of: Callable[[list[Floats]], float],
    polygons: Sequence[Floats],
    grid: Grid | None = None,
    *,
    bias_nm: float = BIAS_NM,
    drawn: bool = True,
) -> float:
    """Return the mask error enhancement factor by central differences.

    Parameters
    ----------
    cd_of
        wafer CD in nm that a mask prints
    polygons
        the mask, see `biased`
    grid
        the field, if shapes end at its border
    bias_nm
        change of the mask CD; polygons are biased by this and by twice this, either way
    drawn
        whether the measured feature is one of the polygons; else it is between them, and shrinks where they grow
    """
    if not (math.isfinite(bias_nm) and bias_nm > 0):
        raise ValueError(f"`bias_nm` must be a positive length, but got {bias_nm}.")
    far, near = (
        cd_of(biased(polygons, step * bias_nm, grid)) - cd_of(biased(polygons, -step * bias_nm, grid))
        for step in (2, 1)
    )
    return (8 * near - far) / (12 * bias_nm) * (1 if drawn else -1)


def exact_mask_error_factor(
    polygons: Sequence[Floats],
    line: CutLine,
    threshold: float,
    kernels: Kernels,
    grid: Grid,
    *,
    mask: Mask = Mask(),
    near_nm: tuple[float, float] | None = None,
    tone: str = "bright",
) -> float:
    """Return the mask error enhancement factor by the exact derivative; see `cd_gradient` for the arguments.

    The measured feature is taken for one of the polygons if it is of their tone: bright where drawn shapes are open.
    """
    _, gradient = cd_gradient(polygons, line, threshold, kernels, grid, mask=mask, near_nm=near_nm, tone=tone)
    moves = np.concatenate([edge_moves(polygon, grid) for polygon in polygons])
    drawn = (tone == "bright") == (abs(mask.drawn) > abs(mask.undrawn))
    return float((gradient * moves).sum()) / 2 * (1 if drawn else -1)


def cd_gradient(
    polygons: Sequence[Floats],
    line: CutLine,
    threshold: float,
    kernels: Kernels,
    grid: Grid,
    *,
    mask: Mask = Mask(),
    near_nm: tuple[float, float] | None = None,
    tone: str = "bright",
) -> tuple[Feature, Floats]:
    """Measure a feature, and differentiate its CD with respect to every vertex of the mask.

    Parameters
    ----------
    polygons
        the mask: each (n, 2) vertices (x, y) in nm, counter-clockwise, holes clockwise, without overlap
    line, threshold, near_nm, tone
        what is measured, see `litho.cutline.measure`
    kernels
        of lens and source, in the field of `grid`
    grid
        the field
    mask
        what is transmitted where

    Returns
    -------
    feature
        as it is
    gradient : (vertices, 2) real
        change of the CD per nm that a vertex moves in x and in y, polygon by polygon

    Notes
    -----
    An edge at x stays where the intensity is the threshold: dx = -dI / (dI/dx).
    """
    vertices, counts = join_outlines([np.asarray(p, dtype=np.float64) for p in polygons])
    kernels = kernels.like(vertices)
    half, outline = polygon_band(vertices, counts, grid, kernels.radius)
    intensity_half, fields = image_band(transmission_band(half, mask), kernels)

    image = BandImage(intensity_half, grid)
    feature = measure(image, line, threshold, near_nm=near_nm, tone=tone)
    edges = np.array([line.point(feature.left_nm), line.point(feature.right_nm)])
    weights = np.array([1 / feature.left_slope, -1 / feature.right_slope])
    band_bar = image_band_adjoint(image.at_adjoint(weights, edges[:, 0], edges[:, 1]), fields, kernels)
    gradient = polygon_band_adjoint(transmission_band_adjoint(band_bar, mask), outline, counts, grid)
    return feature, np.asarray(to_host(gradient))


def biased(polygons: Sequence[Floats], bias_nm: float, grid: Grid | None = None) -> list[Floats]:
    """Return polygons whose widths are larger by `bias_nm`, vertex by vertex: nothing is clipped, joined or rounded.

    Every edge moves outwards by half the bias, smoothly in it, as derivatives want; a bias of any size is the work of
    `litho.mask_bias`.

    Parameters
    ----------
    polygons
        each (n, 2) vertices (x, y) in nm, counter-clockwise, holes clockwise. Vertices stay what they are: the bias
        has to be small against every edge
    bias_nm
        of either sign
    grid
        a field: edges on its border do not move, for the shape goes on behind it
    """
    return [polygon + bias_nm / 2 * edge_moves(polygon, grid) for polygon in polygons]


def edge_moves(polygon: Floats, grid: Grid | None = None) -> Floats:
    """Return how far each vertex moves, (n, 2), when every edge moves outwards by 1; see `biased`."""
    sides = np.roll(polygon, -1, axis=0) - polygon
    normals = np.stack([sides[:, 1], -sides[:, 0]], axis=1) / np.hypot(*sides.T)[:, None]
    rates = np.ones(len(polygon)) if grid is None else 1.0 - on_border(polygon, np.roll(polygon, -1, axis=0), grid)
    before, rate_before = np.roll(normals, 1, axis=0), np.roll(rates, 1)
    cross = before[:, 0] * normals[:, 1] - before[:, 1] * normals[:, 0]
    corner = np.abs(cross) > PARALLEL
    safe = np.where(corner, cross, 1.0)[:, None]
    # v . before = rate_before and v . normals = rates, solved by Cramer's rule
    x = rate_before * normals[:, 1] - rates * before[:, 1]
    y = rates * before[:, 0] - rate_before * normals[:, 0]
    return np.where(corner[:, None], np.stack([x, y], axis=1) / safe, normals * rates[:, None])
