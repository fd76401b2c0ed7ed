"""Images at a few points, as a sum over source points: what an image's error is estimated from.

A field at a point is one number for each source point and component of the light, so the fields at all points are one
matrix product, without a grid. It is computed on the host in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.fourier import band_transform, fast_length
from litho.pupil import Optics
from litho.shifted_pupils import lens_parts, passing_shares, pupil_coordinates
from litho.source_shapes import SourcePoints
from litho.source_weights import lit_points

Matrix = NDArray[Any]

CHUNK, MOST_POINTS = 2**15, 32
"""Pupil values of one component, and source points, computed at a time: so that all stays in a cache."""

REACH = 1.05
"""Orders this much farther from the axis than any that passes may have a part of their cell inside the rim."""


def probe_places(images: Matrix, probes: int) -> tuple[Matrix, float]:
    """Choose where to look at images: in each of equal tiles, the brightest sample and the steepest.

    Parameters
    ----------
    images : (B, 4 Ry + 1, 2 Rx + 1) complex
        half bands of intensities
    probes
        about how many to choose

    Returns
    -------
    places : (B, P, 2)
        x and y in periods of the field
    peak
        largest intensity of all
    """
    radius = images.shape[-2] // 2, images.shape[-1] - 1
    shape = fast_length(2 * radius[0] + 1), fast_length(2 * radius[1] + 1)
    values = band_transform(shape, radius, images).inverse(images)
    steepness = np.hypot(*(np.roll(values, 1, axis) - np.roll(values, -1, axis) for axis in (-2, -1)))
    along_y = min(shape[0], max(1, round(math.sqrt(probes / 2 * shape[0] / shape[1]))))
    along_x = min(shape[1], max(1, probes // 2 // along_y))
    tiles = [
        np.ix_(rows, columns)
        for rows in np.array_split(np.arange(shape[0]), along_y)
        for columns in np.array_split(np.arange(shape[1]), along_x)
    ]
    places = [
        [_place_of_largest(rank, tile) for tile in tiles for rank in pair]
        for pair in zip(values, steepness, strict=True)
    ]
    return np.array(places), float(np.abs(values).max())


def _place_of_largest(rank: Matrix, tile: tuple[Matrix, ...]) -> tuple[float, float]:
    """Return x and y, in periods, of the sample of a tile that ranks highest."""
    rows, columns = tile
    row, column = np.unravel_index(np.argmax(rank[tile]), (rows.size, columns.size))
    return (columns.flat[column] + 0.5) / rank.shape[1], (rows.flat[row] + 0.5) / rank.shape[0]


def probe_intensity(
    bands: Matrix,
    places: Matrix,
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float = 0.0,
    spacing: float | None = None,
    depth_nm: float | None = None,
) -> Matrix:
    """Intensity of masks at probes, without vibration and flare.

    Parameters
    ----------
    bands : (B, T, 2 Ry + 1, 2 Rx + 1) complex
        full bands of transmissions: one, or two of a thick mask, for light polarised along x and along y
    places : (B, P, 2)
        x and y in periods of the field
    optics, period_nm, defocus_nm, spacing, depth_nm
        as in `litho.abbe.abbe_image`

    Returns
    -------
    (B, P) real
    """
    x, y = np.broadcast_arrays(*pupil_coordinates(optics, period_nm, np.zeros(1)))
    near = np.hypot(x, y) <= REACH * (1 + optics.source.extent)
    x, y, masks = x[near][None, :], y[near][None, :], bands[..., near]
    waves = _waves(places, bands.shape[-2:], near)
    columns = [(masks[:, t, None, :] * waves).reshape(-1, x.shape[1]).T for t in range(masks.shape[1])]
    intensity, evenly = np.zeros(columns[0].shape[1]), np.zeros((1, 1, 1))
    for weight, share, lens in _lens(lit_points(optics, spacing), x, y, optics, defocus_nm, depth_nm, len(columns)):
        fields = sum(
            (share * part).reshape(-1, x.shape[1]) @ column for part, column in zip(lens, columns, strict=True)
        )
        intensity += np.repeat(weight, lens.shape[2]) @ (np.abs(np.asarray(fields)) ** 2)
        beside = (weight[:, None] * (share * (1 - share))[:, 0])[None, :, None, :] * lens
        evenly = evenly + np.stack([(beside * part.conj()).sum(axis=(1, 2)) for part in lens])
    even = np.einsum("btn,tun,bun->b", masks.conj(), evenly, masks, optimize=True).real
    return np.asarray(intensity.reshape(len(masks), -1) + even[:, None])


def _lens(
    points: SourcePoints,
    x: Matrix,
    y: Matrix,
    optics: Optics,
    defocus_nm: float,
    depth_nm: float | None,
    transmissions: int,
) -> Iterator[tuple[Matrix, Matrix, Matrix]]:
    """Yield weights (S,), shares (S, 1, n) and amplitudes (T, S, C, n), some points at a time."""
    step = max(1, min(MOST_POINTS, CHUNK // x.shape[1]))
    for start in range(0, len(points), step):
        chosen = points[start : start + step]
        px, py, share = passing_shares(chosen, x, y, optics)
        lens = [
            np.stack(lens_parts(chosen, px, py, optics, defocus_nm, depth_nm, only), axis=1)[:, :, 0, :]
            for only in ((None,) if transmissions == 1 else (0, 1))
        ]
        yield chosen.weight, share, np.stack(lens)


def _waves(places: Matrix, shape: tuple[int, ...], near: Matrix) -> Matrix:
    """Return exp(2 pi i k.r) at places (B, P, 2) for the n frequencies that are `near`, (B, P, n)."""
    along_y, along_x = (
        np.exp(2j * math.pi * places[..., axis, None] * np.fft.fftfreq(n, 1 / n))
        for axis, n in zip((1, 0), shape, strict=True)
    )
    row, column = np.nonzero(near)
    return np.asarray(along_y[..., row] * along_x[..., column])
