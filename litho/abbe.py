"""The aerial image as a sum over source points: slow, obvious, and the reference for everything faster.

Each source point lights the mask with a tilted plane wave, so the lens sees the mask's spectrum shifted:

    I(r) = sum_s w_s |sum_k P(f_k + s) M_k exp(2 pi i k.r / period)|^2.

A point stands for a cell. Where the lens's rim cuts the cell of an order, only the share c of that cell passes: the
mean amplitude c interferes, and the rest of the passed light, c - c^2, is a background that does not. A rim decided by
yes or no instead is the largest error of an image: it falls only slowly with the number of points.
"""

from __future__ import annotations

import math

from litho.backend import Array, array_module, complex_dtype, fft_of, like, real_dtype
from litho.fourier import band_frequencies, embed, fast_length, half_band
from litho.pupil import RIM, Optics, phase_factor
from litho.source import SourcePoints

CHUNK = 2**21
"""Values computed at a time: the fields of so many source points as fit."""

FLAT = 1e-6
"""A cell this narrow seen along the rim is taken to be this wide (the formula divides by the width)."""


def abbe_image(
    mask_band: Array,
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float = 0.0,
    spacing: float | None = None,
) -> Array:
    """Aerial image of masks, as its half band.

    Parameters
    ----------
    mask_band : (..., 2 Ry + 1, 2 Rx + 1) complex
        full bands of mask transmissions, of radius `optics.band_radius(period_nm)`
    optics
        lens and source
    period_nm
        field (y, x)
    defocus_nm
        position of the wafer from best focus, positive towards the lens
    spacing
        of the source points, see `Source.sample`

    Returns
    -------
    intensity_half : (..., 4 Ry + 1, 2 Rx + 1) complex
        half band of the intensity relative to the clear field: exact wherever it is evaluated
    """
    xp = array_module(mask_band)
    radius = optics.band_radius(period_nm)
    shape = (2 * radius[0] + 1, 2 * radius[1] + 1)
    if tuple(mask_band.shape[-2:]) != shape:
        raise ValueError(f"`mask_band` must have the band's shape {shape}, but got {tuple(mask_band.shape[-2:])}.")
    x, y = pupil_coordinates(optics, period_nm, mask_band)
    fast = (fast_length(2 * shape[0] - 1), fast_length(2 * shape[1] - 1))
    points = optics.source.sample(spacing)
    masks = math.prod(mask_band.shape[:-2])
    step = max(1, CHUNK // (masks * fast[0] * fast[1]))
    intensity = 0.0
    for start in range(0, len(points), step):
        chosen = points[start : start + step]
        amplitude, background = shifted_pupils(chosen, x, y, optics, defocus_nm)
        passed = mask_band[..., None, :, :] * xp.astype(amplitude, mask_band.dtype)
        fields = fft_of(xp).ifftn(embed(passed, fast), axes=(-2, -1), norm="forward")
        weight = like(chosen.weight, mask_band, real_dtype(mask_band))[:, None, None]
        intensity = intensity + xp.sum(weight * _squared(fields), axis=-3)
        lost = xp.astype(background, real_dtype(mask_band)) * _squared(mask_band)
        intensity = intensity + xp.sum(lost, axis=(-2, -1), keepdims=True)
    half = half_band(intensity, (2 * radius[0], 2 * radius[1]))
    assert half.dtype == complex_dtype(mask_band)
    return half


def pupil_coordinates(optics: Optics, period_nm: tuple[float, float], like_array: Array) -> tuple[Array, Array]:
    """Return x (1, 2 Rx + 1) and y (2 Ry + 1, 1) of a band's frequencies, float64 in the library of `like_array`."""
    ry, rx = optics.band_radius(period_nm)
    scale = optics.wavelength_nm / optics.na
    x = band_frequencies(rx, like_array) * (scale / period_nm[1])
    return x[None, :], band_frequencies(ry, like_array)[:, None] * (scale / period_nm[0])


def shifted_pupils(
    points: SourcePoints, x: Array, y: Array, optics: Optics, defocus_nm: float = 0.0
) -> tuple[Array, Array]:
    """What the lens passes of each mask frequency, for each source point.

    Parameters
    ----------
    points
        sampled source
    x, y : (1, nx), (ny, 1) float64
        pupil coordinates of the mask's frequencies
    optics
        the lens
    defocus_nm
        position of the wafer from best focus

    Returns
    -------
    amplitude : (S, ny, nx) complex
        mean over the point's cell
    background : (ny, nx) real
        weighted share of the light that passes beside the mean amplitude; 0 for true points
    """
    xp = array_module(x, y)
    columns = [points.x, points.y, points.weight, *points.radial.T, *points.tangential.T]
    px, py, weight, *sides = (like(c, x, xp.float64)[:, None, None] for c in columns)
    px, py = px + x[None, ...] + 0 * y[None, ...], py + y[None, ...] + 0 * x[None, ...]
    share = _share_inside(px, py, sides)
    # a source lies inside the pupil, so the zeroth order passes whole
    share = xp.where(((x == 0) & (y == 0))[None, ...], 1.0, share)
    background = xp.sum(weight * share * (1 - share), axis=0)
    return share * phase_factor(px, py, optics, defocus_nm), background


def _share_inside(x: Array, y: Array, sides: list[Array]) -> Array:
    """Return how much of each cell, a parallelogram around (x, y), lies inside the unit circle."""
    xp = array_module(x)
    ux, uy, vx, vy = sides
    rho = xp.hypot(x, y)
    nx, ny = x / xp.clip(rho, FLAT, None), y / xp.clip(rho, FLAT, None)
    a, b = abs(nx * ux + ny * uy), abs(nx * vx + ny * vy)
    # the circle as its tangent, moved in by the mean height of its arc over the cell
    along = (nx * uy - ny * ux) ** 2 + (nx * vy - ny * vx) ** 2
    depth = 1 - rho - along / 24
    half = (a + b) / 2
    a, b = xp.clip(a, FLAT, None), xp.clip(b, FLAT, None)
    ramps = [xp.clip(depth + t, 0.0, None) ** 2 for t in ((a + b) / 2, (a - b) / 2, (b - a) / 2, -(a + b) / 2)]
    cut = xp.clip((ramps[0] - ramps[1] - ramps[2] + ramps[3]) / (2 * a * b), 0.0, 1.0)
    return xp.where(depth >= half - RIM, 1.0, xp.where(depth <= -half, 0.0, cut))


def _squared(z: Array) -> Array:
    xp = array_module(z)
    return xp.real(z) ** 2 + xp.imag(z) ** 2
