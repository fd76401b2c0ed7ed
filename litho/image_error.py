"""How wrong an image may be: from the source's sampling, dropped kernels, the mask's pixels and rounding.

Each term estimates the largest error of the intensity anywhere in the field, relative to the clear field.

* Source: points that stand for cells err with the square of the spacing. The intensity at some probes is summed over
  coarser samplings of the source; its differences, scaled to the spacing that was used, estimate the error.
* Truncation: what is dropped of T (see `litho.tcc`) is T' >= 0, and with the mask's band m the image lacks m^H T' m and
  has its mean in return. So the image is too bright by that mean at most, and too dark by the rest of a bound of
  m^H T' m: no eigenvalue of T' is above the last one kept, and no entry above what its diagonal allows.
* Raster: a pixel's coverage says what it averages, not where in it an edge lies. An edge's spectrum, as the band has
  it, is that of the drawn edge times 1 + a (pi k / n)^2 for n pixels and a frequency of k cycles per period, where
  a = 1/6 - 2 u (1 - u) with the edge at u = 0..1 in its pixel: from 1/6 on a border to -1/3 in the middle. The
  image's change by the pixel's sinc, whose a is -1/6, gives the term.
* Precision: rounding.

Vibration and flare are means over places with positive weights, so they do not raise the largest error.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array, array_module, real_dtype, to_host
from litho.depth_modes import MODE_ERROR
from litho.probes import probe_intensity, probe_places
from litho.pupil import Optics
from litho.shifted_pupils import components
from litho.socs import Kernels
from litho.source_shapes import SourcePoints
from litho.source_spacing import phase_slope

Matrix = NDArray[Any]

MULTIPLES = (2.0, 2.5, 3.0, 4.0)
"""Spacings at which probes are imaged, in units of the image's own."""

FEWEST_POINTS, MOST_POINTS, MOST_FIELDS = 160, 800, 5000
"""Source points of the finest of them: fewer are a bad guide, more are slow. And points times components of light."""

SOURCE_SAFETY = 6.0
"""The scaled difference is below the true error now and then: down to a third of it where measured."""

SOURCE_FLOOR = 0.25
"""Least share of `Source.sampling_error`: what only a sliver of the source sends is seen by no coarse sampling."""

RASTER_SAFETY = 6.0
"""An edge in the middle of a pixel errs twice as much as the sinc says; where edges differ, narrow shapes also move."""

PROBES = 64
"""Points of each mask at which the error is looked at."""

FIELDS = 2048
"""Probes that are imaged together."""

ROUNDING = {"float32": 8e-6, "float64": 2e-13}
"""Rounding of an image in units of its peak: measured up to 3e-6 and 5e-14."""


@dataclass(frozen=True)
class ErrorTerms:
    """Estimates of an image's largest error, in units of the clear field; those of the worst mask of a batch.

    Parameters
    ----------
    source
        because points stand for the source's cells; 0 for true points
    truncation
        because kernels were dropped: a bound
    raster
        because the mask was given by its pixels: how far the image of shapes that cover them so much may be from this
        one. 0 for polygons. Where it is square pixels that are meant, all edges lie on borders, and it is too large
    precision
        rounding
    """

    source: float = 0.0
    truncation: float = 0.0
    raster: float = 0.0
    precision: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the terms: errors may add up."""
        return self.source + self.truncation + self.raster + self.precision


@dataclass(frozen=True)
class Conditions:
    """What an image was made from, as far as its error depends on it.

    Parameters
    ----------
    mask_band : (..., 2 Ry + 1, 2 Rx + 1) complex
        full bands of masks; (..., 2, 2 Ry + 1, 2 Rx + 1) if `thick`
    period_nm
        field (y, x)
    optics
        lens and source; None if only kernels are known
    defocus_nm, spacing, depth_nm, thick
        as in `litho.abbe.abbe_image`
    pixels
        of the raster (ny, nx) that the masks were given by; None for polygons
    """

    mask_band: Array
    period_nm: tuple[float, float]
    optics: Optics | None = None
    defocus_nm: float = 0.0
    spacing: float | None = None
    depth_nm: float | None = None
    thick: bool = False
    pixels: tuple[int, int] | None = None


def error_terms(half: Array, conditions: Conditions, kernels: Kernels | None = None) -> ErrorTerms:
    """Estimate how wrong an image may be, on the host.

    Parameters
    ----------
    half : (..., 4 Ry + 1, 2 Rx + 1) complex
        half band of its intensity
    conditions
        what it was made from. Without optics, the source and the raster are taken to be right
    kernels
        what it was computed with; None if source points were added up

    Returns
    -------
    ErrorTerms
    """
    images = to_host(half).reshape(-1, *half.shape[-2:]).astype(np.complex128)
    places, peak = probe_places(images, PROBES)
    source, raster = _seen_at_probes(conditions, places) if conditions.optics is not None else (0.0, 0.0)
    truncation = 0.0 if kernels is None else float(np.max(truncation_bound(conditions.mask_band, kernels)))
    precision = ROUNDING["float32" if real_dtype(half) == array_module(half).float32 else "float64"]
    if conditions.optics is not None and conditions.optics.wafer is not None:
        precision += 10 * MODE_ERROR
    return ErrorTerms(source, truncation, raster, precision * peak)


def truncation_bound(mask_band: Array, kernels: Kernels) -> Matrix:
    """Bound of an image's error by the kernels that were dropped, (...), for mask bands (..., ny, nx).

    Kernels from `litho.tcc.socs_kernels` know what each order lost. Of kernels from elsewhere it is taken that they
    are orthogonal, strongest first, and the image is too dark only.
    """
    band, weights = to_host(mask_band).astype(np.complex128), to_host(kernels.weights).astype(np.float64)
    power = np.abs(band) ** 2
    total = power.sum(axis=(-2, -1))
    if kernels.background is None:
        share = kernels.truncation_error
        dropped = math.inf if share is None else float(weights.sum()) * share / max(1 - share, 1e-300)
        return np.asarray(min(float(weights[-1]), dropped) * total)
    lost = to_host(kernels.background).astype(np.float64)
    even = (lost * power).sum(axis=(-2, -1))
    # the first kernel is the zeroth order's, which has no rank among the others
    largest = min(float(weights[-1]) if len(weights) > 1 else math.inf, float(lost.sum()))
    most = np.minimum(largest * (total - power[..., 0, 0]), (np.sqrt(lost) * np.abs(band)).sum(axis=(-2, -1)) ** 2)
    return np.asarray(np.maximum(even, most - even))


def _seen_at_probes(conditions: Conditions, places: Matrix) -> tuple[float, float]:
    """Return the source's term and the raster's."""
    own, samplings = _samplings(conditions)
    bands = to_host(conditions.mask_band)
    bands = bands.reshape(len(places), 2 if conditions.thick else 1, *bands.shape[-2:]).astype(np.complex128)
    source = raster = 0.0
    step = max(1, FIELDS // places.shape[1])
    for start in range(0, len(bands), step):
        some, there = bands[start : start + step], places[start : start + step]
        images = [(size, _imaged(conditions, spacing, some, there)) for spacing, size in samplings[:-1]]
        spacing, size = samplings[-1]
        if conditions.pixels is not None:
            blurred = [_blurred(some, axis, conditions.pixels) for axis in (-2, -1)]
            plain, *changed = _imaged(conditions, spacing, np.stack([some, *blurred]), there)
            raster = max(raster, float(sum(np.abs(image - plain) for image in changed).max()))
        else:
            plain = _imaged(conditions, spacing, some, there)
        images.append((size, plain))
        for (fine, image), (coarse, other) in itertools.combinations(images, 2):
            if coarse > 1.2 * fine:  # cells of a map may be the same for several spacings
                source = max(source, float(np.abs(other - image).max()) * own / (coarse - fine))
    return max(SOURCE_SAFETY * source, SOURCE_FLOOR * _expected(conditions)), RASTER_SAFETY * raster


def _expected(conditions: Conditions) -> float:
    """Return the source's error as it may be for any mask."""
    assert conditions.optics is not None
    source = conditions.optics.source
    slope = phase_slope(conditions.optics, float(conditions.defocus_nm), conditions.depth_nm)
    return source.sampling_error(conditions.spacing or source.spacing_for(), slope)


def _imaged(conditions: Conditions, spacing: float | None, bands: Matrix, places: Matrix) -> Matrix:
    """Return the intensity (..., B, P) of masks (..., B, T, ny, nx) at places (B, P, 2)."""
    assert conditions.optics is not None
    all_places = np.broadcast_to(places, (*bands.shape[:-3], *places.shape[-2:]))
    values = probe_intensity(
        bands.reshape(-1, *bands.shape[-3:]),
        all_places.reshape(-1, *places.shape[-2:]),
        conditions.optics,
        conditions.period_nm,
        conditions.defocus_nm,
        spacing,
        conditions.depth_nm,
    )
    return values.reshape(all_places.shape[:-1])


def _blurred(bands: Matrix, axis: int, pixels: tuple[int, int]) -> Matrix:
    """Return masks averaged over a pixel along one axis."""
    frequencies = np.fft.fftfreq(bands.shape[axis], 1 / bands.shape[axis])
    factor = np.sinc(frequencies / pixels[axis])
    return np.asarray(bands * (factor[:, None] if axis == -2 else factor))


def _samplings(conditions: Conditions) -> tuple[float, list[tuple[float | None, float]]]:
    """Return the mean square of the sides of the image's own source cells, and spacings to compare with theirs."""
    assert conditions.optics is not None
    source = conditions.optics.source
    points = source.sample(conditions.spacing)
    own = _cell_size(points)
    if own == 0:
        return 0.0, [(None, 0.0)]
    affordable = MOST_FIELDS / components(points, conditions.optics, conditions.depth_nm, points.x)
    most = max(FEWEST_POINTS, min(MOST_POINTS, affordable))
    few, many = (math.sqrt(len(points) / count) / MULTIPLES[0] for count in (FEWEST_POINTS, most))
    scale = max(min(1.0, few), many) * (conditions.spacing or source.spacing_for())
    spacings = [multiple * scale for multiple in MULTIPLES]
    sizes = [_cell_size(source.sample(spacing)) for spacing in spacings]
    while max(sizes) < 1.5 * min(sizes) and spacings[-1] < 2:
        spacings.append(2 * spacings[-1])
        sizes.append(_cell_size(source.sample(spacings[-1])))
    return own, list(zip(spacings, sizes, strict=True))


def _cell_size(points: SourcePoints) -> float:
    """Return the mean square of the sides of cells, weighted by their light."""
    squares = (points.radial**2).sum(axis=1) + (points.tangential**2).sum(axis=1)
    return float((points.weight * squares).sum()) / 2
