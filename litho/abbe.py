"""The aerial image as a sum over source points: slow, obvious, and the reference for everything faster.

Each source point lights the mask with a tilted plane wave, so the lens sees the mask's spectrum shifted:

    I(r) = sum_s w_s sum_c |sum_k G_sc(f_k + s) M_k exp(2 pi i k.r / period)|^2 / sum_s w_s clear_s,

where c counts what does not interfere: the components of a polarised field, the states of partly polarised light, the
focus values of one exposure, depths in the resist. Scalar light has one, the pupil. `clear` is the same sum for an open
mask, so that an open mask images to 1. Light that passes beside the mean amplitude of a cell, see
`litho.shifted_pupils`, is added as an even background.

The adjoint gives the derivative of any figure of the image in all that the image is made from: in the mask, the light
of each source point and the defocus at the cost of about two images, and in each Zernike for its polynomial more. The
last two turn the phase of orders and nothing else; an open mask's image depends on the light alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from litho.backend import Array, array_module, complex_dtype, fft_of, like, real_dtype, to_host
from litho.focus import image_transfer
from litho.fourier import crop, embed, fast_length, half_band, half_band_adjoint
from litho.pupil import Optics, clipped, defocus_slope
from litho.shifted_pupils import components, lens_parts, passing_shares, pupil_coordinates, squared
from litho.source_shapes import SourcePoints
from litho.source_weights import Spacing, lit_points, lit_points_adjoint
from litho.zernike import zernike

CHUNK = 2**21
"""Values computed at a time: the fields of so many source points as fit."""


def abbe_image(
    mask_band: Array,
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float = 0.0,
    spacing: Spacing = None,
    depth_nm: float | None = None,
    thick: bool = False,
    weight: Array | None = None,
) -> Array:
    """Aerial image of masks, as its half band.

    Parameters
    ----------
    mask_band : (..., 2 Ry + 1, 2 Rx + 1) complex
        full bands of mask transmissions, of radius `optics.band_radius(period_nm)`; (..., 2, 2 Ry + 1, 2 Rx + 1) for
        light polarised along x, and along y, if the mask is thick
    optics
        lens and source
    period_nm
        field (y, x)
    defocus_nm
        position of the wafer from best focus, positive towards the lens
    spacing
        of the source points, see `Source.sample`; or the points themselves, see `litho.source_spacing.split_points`
    depth_nm
        below the top of the films of `optics.wafer`; None: the mean over the resist, or no wafer
    thick
        whether the mask transmits light differently by its polarisation
    weight : (S,) real, 0 or more
        light of each point of `optics.source.sample(spacing)`, in any unit, instead of its own

    Returns
    -------
    intensity_half : (..., 4 Ry + 1, 2 Rx + 1) complex
        half band of the intensity relative to the clear field: exact wherever it is evaluated
    """
    xp = array_module(mask_band)
    radius = optics.band_radius(period_nm)
    _check_band(mask_band, radius, optics, thick)
    points = lit_points(optics, spacing, weight)
    intensity = 0.0
    for part in _parts(mask_band, points, optics, period_nm, defocus_nm, depth_nm, thick):
        intensity = intensity + xp.sum(part.weight * squared(part.fields(radius)), axis=(-4, -3))
        intensity = intensity + xp.sum(part.weight * part.beside, axis=(-4, -3, -2, -1))[..., None, None]
    half = half_band(intensity, (2 * radius[0], 2 * radius[1]))
    transfer = transfer_of(optics, period_nm, mask_band)
    half = half if transfer is None else half * xp.astype(transfer, real_dtype(mask_band))
    assert half.dtype == complex_dtype(mask_band)
    return half


@dataclass(frozen=True)
class Gradients:
    """Derivatives of a figure in all that an image is made from.

    Parameters
    ----------
    mask_band_bar : (..., 2 Ry + 1, 2 Rx + 1) complex
        as `mask_band`
    weight_bar : (S,) real
        in the light of each point of `optics.source.sample(spacing)`, dark ones too, or in `weight`, whose unit counts.
        The clear field stays 1, so more of all light changes nothing: the sum of weight times this is 0. See
        `litho.source_weights` for the pixels of a map
    defocus_bar
        per nm
    zernike_bar : (zernikes,) real
        per wave of each coefficient
    """

    mask_band_bar: Array
    weight_bar: Array
    defocus_bar: float
    zernike_bar: Array


def abbe_image_adjoint(
    intensity_half_bar: Array,
    mask_band: Array,
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float = 0.0,
    spacing: Spacing = None,
    depth_nm: float | None = None,
    thick: bool = False,
    weight: Array | None = None,
    zernikes: Sequence[int] | None = None,
) -> Gradients:
    """Gradients with respect to mask, source, defocus and aberrations, from the one with respect to `intensity_half`.

    Fields are computed again, a few source points at a time.

    Parameters
    ----------
    intensity_half_bar : (..., 4 Ry + 1, 2 Rx + 1) complex
        gradient with respect to what `abbe_image` returned
    mask_band, optics, period_nm, defocus_nm, spacing, depth_nm, thick, weight
        what `abbe_image` was given
    zernikes
        indices in the order and norm of `optics.zernike_order`, also of coefficients that are 0; those of
        `optics.zernikes` if not given

    Returns
    -------
    Gradients

    Examples
    --------
    How the light in the middle of a space, 40 nm out of focus, answers to defocus and to spherical aberration:

    >>> import numpy as np
    >>> from litho import Grid, Mask, Optics, Source
    >>> from litho.fourier import band_transform
    >>> from litho.image import raster_band
    >>> optics, grid = Optics(193, 0.85, Source.conventional(0.5)), Grid((1, 65), (10.0, 10.0))
    >>> space = (abs(np.arange(65) - 32) <= 8)[None, :] * 1.0
    >>> band = raster_band(space, Mask(), grid, optics.band_radius(grid.period_nm))
    >>> half = abbe_image(band, optics, grid.period_nm, 40.0)
    >>> to_pixels = band_transform(grid.shape, (half.shape[0] // 2, half.shape[1] - 1), half)
    >>> middle_bar = (np.arange(65) == 32)[None, :] * 1.0
    >>> bars = abbe_image_adjoint(
    ...     to_pixels.inverse_adjoint(middle_bar), band, optics, grid.period_nm, 40.0, zernikes=[9]
    ... )
    >>> print(f"{bars.defocus_bar:.2e} per nm, {bars.zernike_bar[0]:.2f} per wave")
    -1.06e-03 per nm, 0.37 per wave
    """
    radius = optics.band_radius(period_nm)
    _check_band(mask_band, radius, optics, thick)
    shape = (*mask_band.shape[: -3 if thick else -2], 4 * radius[0] + 1, 2 * radius[1] + 1)
    if tuple(intensity_half_bar.shape) != shape:
        raise ValueError(f"`intensity_half_bar` must have shape {shape}, but got {tuple(intensity_half_bar.shape)}.")
    indices, ours = _indices(optics, zernikes), real_dtype(mask_band)
    transfer = transfer_of(optics, period_nm, mask_band)
    if transfer is not None:
        intensity_half_bar = intensity_half_bar * array_module(mask_band).astype(transfer, ours)
    intensity_bar = half_band_adjoint(intensity_half_bar, _fast_shape(radius))[..., None, None, :, :]
    points = lit_points(optics, spacing, weight)
    mask_band_bar, weight_bars, phase_bars = 0.0, [], [0.0] * (1 + len(indices))
    for part in _parts(mask_band, points, optics, period_nm, defocus_nm, depth_nm, thick):
        whole_bar, weight_bar = part.bars(intensity_bar, radius)
        mask_band_bar = mask_band_bar + part.transmitted_bar(whole_bar)
        weight_bars.append(to_host(weight_bar))
        more = part.phase_bars(whole_bar, optics, indices)
        phase_bars = [a + b for a, b in zip(phase_bars, more, strict=True)]
    weight_bar = lit_points_adjoint(array_module(*weight_bars).concat(weight_bars), optics, spacing, weight)
    return Gradients(
        mask_band_bar, like(weight_bar, mask_band, ours), phase_bars[0], like(phase_bars[1:], mask_band, ours)
    )


@dataclass(frozen=True)
class _Part:
    """What some source points send through the lens, before the rim cuts it.

    Parameters
    ----------
    weight : (S, 1, 1, 1) real
        light of each point
    x, y : (S, ny, nx) float64
        pupil coordinates of each order, moved to the rim where they lie outside
    share : (S, 1, ny, nx) real
        of each order's cell that passes
    lens : list of (S, C, ny, nx) complex
        amplitude per transmission, for each transmission of the mask: one, or those for light along x and along y
    whole : (..., S, C, ny, nx) complex
        amplitude of each order, the mask included
    """

    weight: Array
    x: Array
    y: Array
    share: Array
    lens: list[Array]
    whole: Array

    @property
    def beside(self) -> Array:
        """Light of each order that passes and is even, (..., S, C, ny, nx), for a point of light 1."""
        return self.share * (1 - self.share) * squared(self.whole)

    def fields(self, radius: tuple[int, int]) -> Array:
        """Return the fields (..., S, C, n, n) on the band grid."""
        passed = embed(self.share * self.whole, _fast_shape(radius))
        return fft_of(array_module(passed)).ifftn(passed, axes=(-2, -1), norm="forward")

    def bars(self, intensity_bar: Array, radius: tuple[int, int]) -> tuple[Array, Array]:
        """Return the gradients with respect to `whole` and, (S,), to `weight`, from that of the intensity."""
        xp = array_module(intensity_bar)
        fields = self.fields(radius)
        even_bar = xp.sum(intensity_bar, axis=(-2, -1), keepdims=True)
        light = xp.sum(intensity_bar * squared(fields), axis=(-3, -2, -1))
        light = light + xp.sum(even_bar * self.beside, axis=(-3, -2, -1))
        passed_bar = crop(fft_of(xp).fftn(intensity_bar * fields, axes=(-2, -1)), radius)
        inner_bar = passed_bar + even_bar * ((1 - self.share) * self.whole)
        return 2 * self.weight * self.share * inner_bar, _over_masks(light, 1)

    def transmitted_bar(self, whole_bar: Array) -> Array:
        """Return the gradient with respect to the mask's band, from that of `whole`."""
        xp = array_module(whole_bar)
        bars = [xp.sum(xp.conj(lens) * whole_bar, axis=(-4, -3)) for lens in self.lens]
        return xp.stack(bars, axis=-3) if len(bars) > 1 else bars[0]

    def phase_bars(self, whole_bar: Array, optics: Optics, indices: Sequence[int]) -> list[float]:
        """Return the gradients with respect to the defocus and Zernikes, from that of `whole`."""
        xp = array_module(whole_bar)
        turned = xp.sum(_over_masks(xp.imag(whole_bar * xp.conj(self.whole)), 4), axis=1)
        waves_bar = 2 * math.pi * xp.astype(turned, xp.float64)  # of the wavefront, (S, ny, nx)
        slopes = [defocus_slope(self.x, self.y, optics) / optics.wavelength_nm]
        slopes += [zernike(index, self.x, self.y, optics.zernike_order) for index in indices]
        return [float(xp.sum(waves_bar * slope)) for slope in slopes]


def _parts(
    mask_band: Array,
    points: SourcePoints,
    optics: Optics,
    period_nm: tuple[float, float],
    defocus_nm: float,
    depth_nm: float | None,
    thick: bool,
) -> Iterator[_Part]:
    """Yield what passes the lens, some source points at a time."""
    xp = array_module(mask_band)
    dtype, real = mask_band.dtype, real_dtype(mask_band)
    masks = [mask_band[..., i, None, None, :, :] for i in (0, 1)] if thick else [mask_band[..., None, None, :, :]]
    x, y = pupil_coordinates(optics, period_nm, mask_band)
    parallel = components(points, optics, depth_nm, x) * math.prod(int(n) for n in mask_band.shape[:-2])
    step = max(1, CHUNK // (parallel * math.prod(_fast_shape(optics.band_radius(period_nm)))))
    for start in range(0, len(points), step):
        chosen = points[start : start + step]
        px, py, share = passing_shares(chosen, x, y, optics)
        lens = [
            xp.astype(xp.stack(lens_parts(chosen, px, py, optics, defocus_nm, depth_nm, only), axis=1), dtype)
            for only in ((0, 1) if thick else (None,))
        ]
        whole = sum(amplitude * mask for amplitude, mask in zip(lens, masks, strict=True))
        weight = like(chosen.weight, mask_band, real)[:, None, None, None]
        yield _Part(weight, *clipped(px, py), xp.astype(share, real)[:, None, :, :], lens, whole)


def _over_masks(values: Array, axes: int) -> Array:
    """Return the sum over all but the last axes."""
    xp = array_module(values)
    return xp.sum(xp.reshape(values, (-1, *values.shape[-axes:])), axis=0)


def _fast_shape(radius: tuple[int, int]) -> tuple[int, int]:
    return fast_length(4 * radius[0] + 1), fast_length(4 * radius[1] + 1)


def _indices(optics: Optics, zernikes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the Zernikes whose gradients are wanted."""
    if zernikes is not None:
        return tuple(int(index) for index in zernikes)
    assert isinstance(optics.zernikes, tuple)
    return tuple(index for index, _ in optics.zernikes)


def _check_band(mask_band: Array, radius: tuple[int, int], optics: Optics, thick: bool) -> None:
    shape = (2 * radius[0] + 1, 2 * radius[1] + 1)
    if tuple(mask_band.shape[-2:]) != shape:
        raise ValueError(f"`mask_band` must have the band's shape {shape}, but got {tuple(mask_band.shape[-2:])}.")
    if thick and (len(mask_band.shape) < 3 or mask_band.shape[-3] != 2):
        raise ValueError(f"`mask_band` must be two bands of a thick mask, but got shape {tuple(mask_band.shape)}.")
    if thick and optics.polarization is None:
        raise ValueError("`polarization` must be given for a thick mask: scalar light has no direction.")


def transfer_of(optics: Optics, period_nm: tuple[float, float], x: Array) -> Array | None:
    """Return what vibration and flare multiply an image's half band with, see `litho.focus`; None if there is none."""
    assert isinstance(optics.vibration_nm, tuple) and isinstance(optics.flare, tuple)
    if not any(optics.vibration_nm) and not optics.flare:
        return None
    ry, rx = optics.band_radius(period_nm)
    return image_transfer(optics.vibration_nm, optics.flare, period_nm, (2 * ry, 2 * rx), x)
