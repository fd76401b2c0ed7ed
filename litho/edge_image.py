"""Images of masks with moving edges, their edge placement errors, and the derivative of each error in every move.

A piece of an edge that moves along its normal adds a strip to the mask, whose spectrum is the line integral of a wave.
The intensity at a point then changes by a product of two small matrices: the fields at that point through each kernel,
and those line integrals. Thousands of derivatives cost as much as a few images.

References
----------
N. B. Cobb, "Fast optical and process proximity correction algorithms for integrated circuit manufacturing", PhD thesis,
University of California at Berkeley, 1998.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litho.band_image import BandImage
from litho.cells import Floats
from litho.edge_moves import MovingEdges, moved_vertices, moved_vertices_adjoint
from litho.edge_placement import STEP_NM, TargetSites
from litho.fourier import band_frequencies
from litho.grid import Grid
from litho.mask import Mask, transmission_band, transmission_band_adjoint
from litho.model import check_kernels
from litho.polygon_spectrum import polygon_band, polygon_band_adjoint
from litho.process import Process
from litho.socs import Kernels, SavedFields, image_band, image_band_adjoint

Complexes = NDArray[np.complex128]

FLATTEST = 2e-3
"""Slope of the image, per nm and threshold, below which a change of the intensity says little of an edge's place."""


SECANTS, NEWTON = 4, 3
"""Steps from a bracket towards an edge: by secants, and then by the slope."""


@dataclass(frozen=True, eq=False)
class EdgeModel:
    """Lens, mask and process of one field; made by `edge_model`.

    Parameters
    ----------
    grid
        the field
    process
        corners and resist
    kernels
        one set per entry of `process.foci_nm`, in double precision
    mask
        what is transmitted where
    """

    grid: Grid
    process: Process
    kernels: tuple[Kernels, ...]
    mask: Mask


@dataclass(frozen=True, eq=False)
class EdgeImages:
    """What a mask images to at each focus, and what derivatives need.

    Parameters
    ----------
    vertices : (v, 2) real
        of the mask
    band : (2 Ry + 1, 2 Rx + 1) complex
        of its transmission
    images
        one per focus, at dose 1
    saved
        one per focus
    """

    vertices: Floats
    band: Complexes
    images: tuple[BandImage, ...]
    saved: tuple[SavedFields, ...]


def edge_model(grid: Grid, process: Process, kernels: Sequence[Kernels], mask: Mask = Mask()) -> EdgeModel:
    """Return the model of a field; `kernels` are one set per focus of `process`."""
    check_kernels(tuple(kernels), process, grid)
    return EdgeModel(grid, process, tuple(k.like(np.zeros(1)) for k in kernels), mask)


def edge_images(moves_nm: Floats, edges: MovingEdges, model: EdgeModel) -> EdgeImages:
    """Return the images of moved fragments, exact for any move.

    Parameters
    ----------
    moves_nm : (m,) real
        of each fragment, outwards
    edges
        see `litho.edge_moves`
    model
        lens and process
    """
    vertices = moved_vertices(moves_nm, edges)
    half, _ = polygon_band(vertices, edges.counts, model.grid, model.kernels[0].radius)
    band = transmission_band(half, model.mask)
    pairs = [image_band(band, kernels) for kernels in model.kernels]
    return EdgeImages(
        vertices, band, tuple(BandImage(half, model.grid) for half, _ in pairs), tuple(saved for _, saved in pairs)
    )


def edge_images_adjoint(
    halves_bar: Sequence[Complexes], images: EdgeImages, edges: MovingEdges, model: EdgeModel, count: int
) -> Floats:
    """Gradient with respect to `moves_nm`, (m,), from those with respect to the half band of each image."""
    bands = zip(halves_bar, images.saved, model.kernels, strict=True)
    band_bar = sum(image_band_adjoint(half_bar, saved, kernels) for half_bar, saved, kernels in bands)
    half_bar = transmission_band_adjoint(band_bar, model.mask)
    vertices_bar = polygon_band_adjoint(half_bar, images.vertices, edges.counts, model.grid)
    return moved_vertices_adjoint(vertices_bar, edges, count)


def intensity_matrix(
    points_nm: Floats, focus: int, images: EdgeImages, edges: MovingEdges, model: EdgeModel, count: int
) -> Floats:
    """Return the derivative (points, m), per nm, of the intensity at points in every move.

    Parameters
    ----------
    points_nm : (points, 2) real
        (x, y) in layout nm
    focus
        number of the focus in `process.foci_nm`
    images
        of the present moves
    edges, model
        as given to `edge_images`
    count
        number m of fragments
    """
    kernels = model.kernels[focus]
    strips = _strips(images.vertices, edges, model, count)
    if kernels.transfer is not None:
        return _matrix_by_adjoints(points_nm, focus, images, strips, model)
    spectra = kernels.spectra.reshape(len(kernels.weights), -1)
    waves = _waves(points_nm, kernels.radius, model.grid)
    fields = waves @ (spectra * images.band.ravel()).T
    receivers = ((fields.conj() * kernels.weights) @ spectra) * waves
    if kernels.background is not None:
        receivers = receivers + (kernels.background * images.band.conj()).ravel()
    return np.asarray(2 * (receivers.real @ strips.real.T - receivers.imag @ strips.imag.T))


@dataclass(frozen=True, eq=False)
class CornerErrors:
    """Edge placement errors at one process corner, (sites,) nm, and their derivative in every move.

    Parameters
    ----------
    error_nm : (sites,) real
        positive outwards. Where no edge is in reach, the distance that the intensity is off at the site, by the slope
        there, is taken for it, within the reach
    lost : (sites,) bool
        where that is so
    matrix : (sites, m) real
        nm per nm; the mask error enhancement of each error by each fragment
    """

    error_nm: Floats
    lost: NDArray[np.bool_]
    matrix: Floats


def corner_errors(
    sites: TargetSites,
    corner: int,
    images: EdgeImages,
    edges: MovingEdges,
    model: EdgeModel,
    count: int,
    reach_nm: float = 40.0,
) -> CornerErrors:
    """Return edge placement errors and their derivatives at one process corner; arguments as `intensity_matrix`."""
    focus, threshold = _condition(corner, model)
    image = images.images[focus]
    error = _edges_near(image, sites, threshold, reach_nm)
    lost = np.isnan(error)
    # outwards a print becomes darker: where it does not, the edge is not this feature's own; a dark site is off by
    # the whole reach at most, and by less the brighter it gets
    flattest = -threshold * np.where(lost, 1 / reach_nm, FLATTEST)
    error = np.where(lost, 0.0, error)
    for _ in range(NEWTON):
        points = sites.points_nm + error[:, None] * sites.normals
        value, slope = _value_and_slope(image, points, sites.normals)
        slope = np.minimum(slope, flattest)
        off = (value - threshold) / -slope
        error = np.where(lost, 0.0, error + np.clip(off, -STEP_NM / 4, STEP_NM / 4))
    matrix = intensity_matrix(points, focus, images, edges, model, count) / -slope[:, None]
    return CornerErrors(np.where(lost, np.clip(off, -reach_nm, reach_nm), error), lost, matrix)


def lost_sites(sites: TargetSites, corner: int, images: EdgeImages, model: EdgeModel, reach_nm: float = 40.0) -> int:
    """Return how many sites have no printed edge in reach at one process corner."""
    focus, threshold = _condition(corner, model)
    return int(np.isnan(_edges_near(images.images[focus], sites, threshold, reach_nm)).sum())


def _edges_near(image: BandImage, sites: TargetSites, threshold: float, reach_nm: float) -> Floats:
    """Return edge placement errors to a fraction of a step, NaN where there is no edge in reach; one step from exact.

    As `litho.edge_placement`, with a few secant steps in place of roots to rounding.
    """
    count = math.ceil(reach_nm / STEP_NM)

    def above(distance: Floats) -> Floats:
        points = (sites.points_nm[:, None, :] + distance[..., None] * ways[:, None, :]).reshape(-1, 2)
        return (image.at(points[:, 0], points[:, 1]) - threshold).reshape(len(sites), -1)

    ways = sites.normals
    start = above(np.zeros((len(sites), 1)))
    sign = np.where(start[:, 0] >= 0, 1.0, -1.0)
    ways = sign[:, None] * sites.normals
    levels = np.concatenate([start, above(np.tile(STEP_NM * np.arange(1, count + 1), (len(sites), 1)))], axis=1)
    other = (levels >= 0) != (levels[:, :1] >= 0)
    first = np.maximum(np.argmax(other, axis=1), 1)
    row = np.arange(len(sites))
    low, high = STEP_NM * (first - 1.0), STEP_NM * first
    at_low, at_high = levels[row, first - 1], levels[row, first]
    for _ in range(SECANTS):
        gap = at_low - at_high
        place = low + np.clip(at_low / np.where(gap == 0, 1.0, gap), 0.0, 1.0) * (high - low)
        value = above(place[:, None])[:, 0]
        same = (value >= 0) == (at_low >= 0)
        low, at_low = np.where(same, place, low), np.where(same, value, at_low / 2)
        high, at_high = np.where(same, high, place), np.where(same, at_high / 2, value)
    return np.where(other.any(axis=1), sign * place, np.nan)


def _condition(corner: int, model: EdgeModel) -> tuple[int, float]:
    """Return the number of a corner's focus, and the threshold over its dose."""
    process = model.process
    return process.focus_of_corner[corner], process.resist.threshold / process.corners[corner].dose


def _value_and_slope(image: BandImage, points: Floats, normals: Floats) -> tuple[Floats, Floats]:
    """Return the intensity at points and its derivative along normals, per nm."""
    (rows, columns), (height, width) = image.half.shape, image.grid.period_nm
    ky, kx = (band_frequencies(n, image.half.real) for n in (rows // 2, columns - 1))
    x, y = points.T
    along_x, along_y = (
        BandImage(2j * math.pi * rate * image.half, image.grid).at(x, y)
        for rate in (kx[None, :columns] / width, ky[:, None] / height)
    )
    return image.at(x, y), normals[:, 0] * along_x + normals[:, 1] * along_y


def _waves(points_nm: Floats, radius: tuple[int, int], grid: Grid) -> Complexes:
    """Return exp(2 pi i k r) at points, (points, frequencies of the full band)."""
    along = []
    for axis, r in ((1, radius[0]), (0, radius[1])):
        t = (points_nm[:, axis] - grid.origin_nm[axis]) / grid.period_nm[1 - axis]
        along.append(np.exp(2j * math.pi * np.outer(t, band_frequencies(r, t))))
    return np.asarray((along[0][:, :, None] * along[1][:, None, :]).reshape(len(points_nm), -1))


def _strips(vertices: Floats, edges: MovingEdges, model: EdgeModel, count: int) -> Complexes:
    """Return the change of the mask's band per nm that each fragment moves, (m, frequencies)."""
    start, end = vertices[edges.first], vertices[edges.last]
    period = np.array(model.grid.period_nm[::-1])
    radius = model.kernels[0].radius
    turns = (end - start) / period
    ky, kx = (band_frequencies(r, turns[:, 0]) for r in radius)
    phase = turns[:, 1, None, None] * ky[:, None] + turns[:, 0, None, None] * kx
    middles = _waves((start + end) / 2, radius, model.grid).conj()
    length = np.hypot(*(end - start).T)
    # a piece that others have pushed to less than nothing runs backwards, and counts as negative
    drawn = edges.base[edges.last] - edges.base[edges.first]
    length = length * np.where(((end - start) * drawn).sum(axis=1) < 0, -1.0, 1.0)
    scale = length * (model.mask.drawn - model.mask.undrawn) / period.prod()
    pieces = scale[:, None] * np.sinc(phase).reshape(len(start), -1) * middles
    result = np.zeros((count, pieces.shape[1]), complex)
    np.add.at(result, edges.mover, pieces)
    return result


def _matrix_by_adjoints(
    points_nm: Floats, focus: int, images: EdgeImages, strips: Complexes, model: EdgeModel
) -> Floats:
    """Return `intensity_matrix` where the image is blurred after the lens, point by point."""
    rows = []
    for x, y in points_nm:
        half_bar = images.images[focus].at_adjoint(np.ones(1), np.array([x]), np.array([y]))
        band_bar = image_band_adjoint(half_bar, images.saved[focus], model.kernels[focus])
        rows.append((strips @ band_bar.conj().ravel()).real)
    return np.array(rows)
