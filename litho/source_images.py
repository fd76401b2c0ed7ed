"""The image as a linear function of the light: what each free part of a source would image by itself.

    images = images_per_part(mask_band, optics, period_nm, light_of_points)     # once per mask and focus
    half, saved = lit_image(light, images)                                    # as often as the source changes

An image is the sum of those of the source's points, so for one mask it is enough to add up source points once; every
other source of these parts then costs one sum over parts, and so does the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.abbe import CHUNK, transfer_of
from litho.backend import Array, array_module, fft_of, like, real_dtype, zeros
from litho.fourier import embed, fast_length, half_band
from litho.pupil import Optics
from litho.shifted_pupils import lens_parts, passing_shares, pupil_coordinates, squared
from litho.source_shapes import SourcePoints, Values


@dataclass(frozen=True)
class SourceImages:
    """What each part of a source images; made by `images_per_part`.

    Parameters
    ----------
    halves : (..., K, 4 Ry + 1, 2 Rx + 1) complex
        half bands of the intensity under each part at brightness 1
    clear : (K,) real
        intensity of an open mask under each
    """

    halves: Array
    clear: Array


@dataclass(frozen=True)
class SavedImage:
    """What `lit_image_adjoint` needs: the image, and the clear field that it was divided by."""

    half: Array
    clear: float


def images_per_part(
    mask_band: Array,
    optics: Optics,
    period_nm: tuple[float, float],
    light_of_points: Values,
    defocus_nm: float = 0.0,
    spacing: float | None = None,
    depth_nm: float | None = None,
) -> SourceImages:
    """Image masks under each part of a source.

    Parameters
    ----------
    mask_band : (..., 2 Ry + 1, 2 Rx + 1) complex
        full bands of thin masks, of radius `optics.band_radius(period_nm)`
    optics
        lens and source
    period_nm
        field (y, x)
    light_of_points : (S, K) real
        light of each point of `optics.source.sample(spacing)` in each part, on the host
    defocus_nm, spacing, depth_nm
        see `litho.abbe.abbe_image`
    """
    xp = array_module(mask_band)
    radius, points = optics.band_radius(period_nm), optics.source.sample(spacing)
    if len(light_of_points.shape) != 2 or light_of_points.shape[0] != len(points):
        raise ValueError(
            f"`light_of_points` must have shape ({len(points)}, parts), but got {tuple(light_of_points.shape)}."
        )
    rows, columns = 4 * radius[0] + 1, 2 * radius[1] + 1
    real, parts, leading = real_dtype(mask_band), light_of_points.shape[1], mask_band.shape[:-2]
    halves = zeros((*leading, parts, rows * columns), mask_band)
    clear = zeros((parts,), xp.real(mask_band))
    side = fast_length(4 * radius[0] + 1) * fast_length(4 * radius[1] + 1)
    step = max(1, CHUNK // (side * math.prod(int(n) for n in leading)))
    for start in range(0, len(points), step):
        images, open_mask = _under_points(
            points[start : start + step], mask_band, optics, period_nm, defocus_nm, depth_nm
        )
        shares = like(light_of_points[start : start + step].T, mask_band, real)
        flat = xp.reshape(images, (*leading, open_mask.shape[0], rows * columns))
        halves = halves + (xp.matmul(shares, xp.real(flat)) + 1j * xp.matmul(shares, xp.imag(flat)))
        clear = clear + xp.matmul(shares, open_mask)
    halves = xp.reshape(halves, (*leading, parts, rows, columns))
    transfer = transfer_of(optics, period_nm, mask_band)
    return SourceImages(halves if transfer is None else halves * xp.astype(transfer, real), clear)


def lit_image(light: Array, images: SourceImages) -> tuple[Array, SavedImage]:
    """Aerial image under a source, relative to its clear field.

    Parameters
    ----------
    light : (K,) real, 0 or more
        brightness of each part
    images
        see `images_per_part`

    Returns
    -------
    half : (..., 4 Ry + 1, 2 Rx + 1) complex
        half band of the intensity
    saved
        what `lit_image_adjoint` needs
    """
    xp = array_module(light)
    parts, rows, columns = images.halves.shape[-3:]
    clear = float(xp.sum(light * images.clear))
    if not clear > 0:
        raise ValueError("`light` must be positive somewhere, but an open mask images to 0.")
    flat = xp.reshape(images.halves, (*images.halves.shape[:-3], parts, rows * columns))
    weights = xp.astype(light * (1 / clear), flat.dtype)[None, :]
    half = xp.reshape(xp.matmul(weights, flat), (*images.halves.shape[:-3], rows, columns))
    return half, SavedImage(half, clear)


def lit_image_adjoint(half_bar: Array, saved: SavedImage, images: SourceImages) -> Array:
    """Gradient with respect to `light`, from the one with respect to `half`."""
    xp = array_module(half_bar)
    along = xp.real(xp.sum(xp.conj(half_bar)[..., None, :, :] * images.halves, axis=(-2, -1)))
    light_bar = xp.sum(xp.reshape(along, (-1, along.shape[-1])), axis=0)
    whole = xp.sum(xp.real(xp.conj(half_bar) * saved.half))
    return (light_bar - whole * images.clear) * (1 / saved.clear)


def _under_points(
    points: SourcePoints,
    mask_band: Array,
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float,
    depth_nm: float | None,
) -> tuple[Array, Array]:
    """Return half bands (..., S, 4 Ry + 1, 2 Rx + 1) and open masks' intensity (S,) under points of light 1."""
    xp, real = array_module(mask_band), real_dtype(mask_band)
    ry, rx = optics.band_radius(period_nm)
    x, y = pupil_coordinates(optics, period_nm, mask_band)
    px, py, share = passing_shares(points, x, y, optics)
    parts = xp.stack(lens_parts(points, px, py, optics, defocus_nm, depth_nm), axis=1)
    middle = xp.stack(lens_parts(points, px[:, :1, :1], py[:, :1, :1], optics, 0.0, None), axis=1)
    clear = xp.astype(share[:, 0, 0] * xp.sum(squared(middle), axis=1)[:, 0, 0], real)
    share = xp.astype(share, real)[:, None, :, :]
    whole = xp.astype(parts, mask_band.dtype) * mask_band[..., None, None, :, :]
    fields = embed(share * whole, (fast_length(4 * ry + 1), fast_length(4 * rx + 1)))
    fields = fft_of(xp).ifftn(fields, axes=(-2, -1), norm="forward")
    beside = xp.sum(share * (1 - share) * squared(whole), axis=(-3, -2, -1))
    intensity = xp.sum(squared(fields), axis=-3) + beside[..., None, None]
    return half_band(intensity, (2 * ry, 2 * rx)), clear
