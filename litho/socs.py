"""Aerial images as a sum of coherent systems, computed on the few frequencies that the lens passes.

The mask's band times each kernel is a field of radius R; on a grid of n >= 4 R + 1 points its square does not alias,
so the weighted sum of squares is the exact aerial image, which lives in the band of radius 2 R.

    mask band -> fields on the band grid -> intensity on the band grid -> intensity half band (radius 2 R)

Each step's adjoint stands under it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from litho import band_kernels
from litho.backend import Array, array_module, complex_dtype, fft_of, like, nbytes, real_dtype, to_host
from litho.cuda import fused
from litho.fourier import crop, embed, fast_length, half_band, half_band_adjoint

KEEP_FIELDS_BYTES = 512 * 2**20
"""Fields of one image up to this size are kept for the adjoint; larger ones are computed again."""


@dataclass(frozen=True)
class Kernels:
    """Coherent kernels of one imaging condition, in the frequency domain.

    Parameters
    ----------
    spectra : (K, 2 Ry + 1, 2 Rx + 1) complex
        kernels of unit energy, unshifted frequencies in cycles per period
    weights : (K,) real
        share of each in the whole energy
    period_nm
        field (y, x) whose frequencies these are: they are right for no other
    defocus_nm
        position of the wafer from best focus
    truncation_error
        share of the kernels' whole energy that was dropped; None if the maker of the kernels does not say
    background : (2 Ry + 1, 2 Rx + 1) real, or None
        what the dropped kernels pass of each order: it is given back to the image as an even light, so that the mean
        intensity stays exact
    transfer : (4 Ry + 1, 2 Rx + 1) real, or None
        what vibration and flare multiply the intensity's half band with
    """

    spectra: Array
    weights: Array
    period_nm: tuple[float, float]
    defocus_nm: float = 0.0
    truncation_error: float | None = None
    background: Array | None = None
    transfer: Array | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.spectra.shape)
        if len(shape) != 3 or shape[0] < 1 or any(n % 2 == 0 for n in shape[1:]):
            raise ValueError(f"`spectra` must have shape (kernels, 2 Ry + 1, 2 Rx + 1), but got {shape}.")
        if tuple(self.weights.shape) != shape[:1]:
            raise ValueError(
                f"`weights` must have one entry per kernel ({shape[0]}), but got {tuple(self.weights.shape)}."
            )

    @property
    def radius(self) -> tuple[int, int]:
        """Largest frequency (Ry, Rx) of the fields, in cycles per period."""
        return self.spectra.shape[1] // 2, self.spectra.shape[2] // 2

    @property
    def image_radius(self) -> tuple[int, int]:
        """Largest frequency (y, x) of the intensity: twice that of the fields."""
        return 2 * self.radius[0], 2 * self.radius[1]

    @property
    def band_shape(self) -> tuple[int, int]:
        """Smallest fast grid (ny, nx) on which the intensity does not alias."""
        return fast_length(4 * self.radius[0] + 1), fast_length(4 * self.radius[1] + 1)

    @property
    def clear_intensity(self) -> float:
        """Intensity of an open mask: 1 for kernels relative to the clear field."""
        amplitudes = to_host(self.spectra)[:, 0, 0]
        return float((to_host(self.weights) * abs(amplitudes) ** 2).sum())

    def truncated(self, count: int) -> Kernels:
        """Return the `count` strongest kernels; what the weaker of these carried is added to the stated error."""
        if not 1 <= count <= len(self.weights):
            raise ValueError(f"`count` must be in 1..{len(self.weights)}, but got {count}.")
        weights = to_host(self.weights)
        error = self.truncation_error
        if error is not None:
            error = 1.0 - (1.0 - error) * float(weights[:count].sum() / weights.sum())
        spectra, background = to_host(self.spectra), self.background
        if background is not None:
            dropped = (weights[count:, None, None] * abs(spectra[count:]) ** 2).sum(axis=0)
            background = like(to_host(background) + dropped, background, background.dtype)
        return replace(
            self,
            spectra=self.spectra[:count, ...],
            weights=self.weights[:count],
            truncation_error=error,
            background=background,
        )

    def like(self, x: Array) -> Kernels:
        """Return the same kernels in the library, precision and device of `x`."""
        return replace(
            self,
            spectra=like(to_host(self.spectra), x, complex_dtype(x)),
            weights=like(to_host(self.weights), x, real_dtype(x)),
            background=None if self.background is None else like(to_host(self.background), x, real_dtype(x)),
            transfer=None if self.transfer is None else like(to_host(self.transfer), x, real_dtype(x)),
        )


@dataclass(frozen=True)
class SavedFields:
    """What `image_band_adjoint` needs of the forward pass: the fields, or the mask's band to compute them again."""

    mask_band: Array
    fields: Array | None


def image_band(mask_band: Array, kernels: Kernels) -> tuple[Array, SavedFields]:
    """Aerial image of masks, as its half band.

    Parameters
    ----------
    mask_band : (..., 2 Ry + 1, 2 Rx + 1) complex
        full bands of mask transmissions, of the kernels' radius
    kernels
        in the library and precision of `mask_band`

    Returns
    -------
    intensity_half : (..., 4 Ry + 1, 2 Rx + 1) complex
        half band of the intensity: exact wherever it is evaluated
    saved
        what `image_band_adjoint` needs
    """
    fields, xp = _fields(mask_band, kernels), array_module(mask_band)
    intensity = _field_sum(fields, kernels.weights)
    saved = SavedFields(mask_band, fields if nbytes(fields) <= KEEP_FIELDS_BYTES else None)
    if kernels.background is not None:
        lost = kernels.background * (xp.real(mask_band) ** 2 + xp.imag(mask_band) ** 2)
        intensity = intensity + xp.sum(lost, axis=(-2, -1), keepdims=True)
    half = half_band(intensity, kernels.image_radius)
    return half if kernels.transfer is None else half * kernels.transfer, saved


def image_band_adjoint(intensity_half_bar: Array, saved: SavedFields, kernels: Kernels) -> Array:
    """Gradient with respect to `mask_band`, from the one with respect to `intensity_half`."""
    fields = _fields(saved.mask_band, kernels) if saved.fields is None else saved.fields
    if kernels.transfer is not None:
        intensity_half_bar = intensity_half_bar * kernels.transfer
    intensity_bar = half_band_adjoint(intensity_half_bar, kernels.band_shape)
    band_bar = _fields_adjoint(_field_sum_adjoint(intensity_bar, fields, kernels.weights), kernels)
    if kernels.background is None:
        return band_bar
    even_bar = array_module(band_bar).sum(intensity_bar, axis=(-2, -1), keepdims=True)
    return band_bar + (2 * kernels.background * even_bar) * saved.mask_band


def _fields(band: Array, kernels: Kernels) -> Array:
    """Return the coherent fields (..., K, n, n) on the band grid; sample (0, 0) stands at the field's corner."""
    fft = fft_of(array_module(band))
    if fused(band):
        product = band_kernels.band_to_fields(band, kernels.spectra, kernels.band_shape)
        fields = fft.ifftn(product, axes=(-2, -1), norm="forward", overwrite_x=True)
    else:
        product = embed(band[..., None, :, :] * kernels.spectra, kernels.band_shape)
        fields = fft.ifftn(product, axes=(-2, -1), norm="forward")
    assert fields.dtype == band.dtype
    return fields


def _fields_adjoint(fields_bar: Array, kernels: Kernels) -> Array:
    """Gradient with respect to the mask's full band; `fields_bar` is used up."""
    xp = array_module(fields_bar)
    if fused(fields_bar):
        spectrum = fft_of(xp).fftn(fields_bar, axes=(-2, -1), overwrite_x=True)
        return band_kernels.fields_to_band(spectrum, kernels.spectra)
    spectrum = fft_of(xp).fftn(fields_bar, axes=(-2, -1))
    return xp.sum(crop(spectrum, kernels.radius) * xp.conj(kernels.spectra), axis=-3)


def _field_sum(fields: Array, weights: Array) -> Array:
    """Return the intensity (..., n, n) of fields (..., K, n, n)."""
    if fused(fields):
        return band_kernels.field_sum(fields, weights)
    xp = array_module(fields)
    return xp.sum(weights[:, None, None] * (xp.real(fields) ** 2 + xp.imag(fields) ** 2), axis=-3)


def _field_sum_adjoint(intensity_bar: Array, fields: Array, weights: Array) -> Array:
    """Gradient with respect to the fields of `_field_sum`."""
    if fused(fields):
        return band_kernels.field_sum_adjoint(intensity_bar, fields, weights)
    return (2 * weights[:, None, None]) * (intensity_bar[..., None, :, :] * fields)
