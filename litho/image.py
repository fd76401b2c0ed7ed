"""An aerial image as a function of position: known exactly everywhere, because it is band-limited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from litho.abbe import abbe_image
from litho.backend import Array, array_module, complex_dtype, like, real_dtype
from litho.euv import EuvMask
from litho.fourier import band_frequencies, band_transform, complete
from litho.grid import Grid
from litho.image_error import Conditions, ErrorTerms, error_terms
from litho.mask import Mask, transmission_band
from litho.mask_layers import MaskLayers
from litho.mask_spectrum import MaskType, mask_band
from litho.pupil import Optics
from litho.socs import Kernels, image_band
from litho.source import MAX_ERROR as SOURCE_ERROR
from litho.source_spacing import source_spacing, split_points
from litho.tcc import MAX_ERROR, socs_kernels


@dataclass(frozen=True)
class AerialImage:
    """Intensity relative to the clear field.

    Parameters
    ----------
    half : (..., 2 Ry + 1, Rx + 1) complex
        half band of the intensity
    grid
        field and pixels of the mask it belongs to
    kernels
        what it was computed with; None if source points were added up
    conditions
        what it was made from, for `error_estimate`
    """

    half: Array
    grid: Grid
    kernels: Kernels | None = None
    conditions: Conditions | None = field(default=None, repr=False)

    @property
    def radius(self) -> tuple[int, int]:
        """Largest frequency (Ry, Rx) of the intensity, in cycles per period."""
        return int(self.half.shape[-2]) // 2, int(self.half.shape[-1]) - 1

    @cached_property
    def intensity(self) -> Array:
        """Intensity at the pixel centres of `grid`, (..., ny, nx) real."""
        return self.on(self.grid)

    @cached_property
    def error_terms(self) -> ErrorTerms:
        """Estimates of the largest error of the intensity by its causes; it is computed when it is first asked for."""
        if self.conditions is None:
            raise ValueError("`conditions` must be given for an error estimate, as `aerial_image` does, but got None.")
        return error_terms(self.half, self.conditions, self.kernels)

    @property
    def error_estimate(self) -> float:
        """Estimate of the largest error of the intensity anywhere, of any mask of a batch: the sum of `error_terms`."""
        return self.error_terms.total

    def on(self, grid: Grid) -> Array:
        """Return the intensity at the pixel centres of another grid of the same field, (..., ny, nx) real."""
        if grid.bounds_nm != self.grid.bounds_nm:
            raise ValueError(f"`grid` must cover the field {self.grid.bounds_nm} nm, but got {grid.bounds_nm}.")
        return band_transform(grid.shape, self.radius, self.half).inverse(self.half)

    def at(self, x_nm: Array, y_nm: Array) -> Array:
        """Return the intensity at any points.

        Parameters
        ----------
        x_nm, y_nm : (points,) real, or numbers
            layout coordinates in nm; the field repeats beyond its borders

        Returns
        -------
        intensity : (..., points) real
        """
        xp, dtype = array_module(self.half), complex_dtype(self.half)
        full = complete(self.half)
        radius = self.radius
        waves = []
        for position, origin, period, r in (
            (x_nm, self.grid.origin_nm[0], self.grid.period_nm[1], radius[1]),
            (y_nm, self.grid.origin_nm[1], self.grid.period_nm[0], radius[0]),
        ):
            place = xp.reshape(like(position, self.half, xp.float64), (-1,))
            waves.append(xp.astype(_waves((place - origin) / period, band_frequencies(r, self.half)), dtype))
        along_x = xp.matmul(full, xp.matrix_transpose(waves[0]))  # (..., ky, points)
        return xp.astype(xp.real(xp.sum(xp.matrix_transpose(waves[1]) * along_x, axis=-2)), real_dtype(self.half))


def aerial_image(
    mask: Array | Sequence[Array] | MaskLayers,
    optics: Optics,
    grid: Grid,
    *,
    defocus_nm: float = 0.0,
    defocus_model: str | None = None,
    mask_type: MaskType = Mask(),
    method: str = "socs",
    max_error: float = MAX_ERROR,
    source_error: float = SOURCE_ERROR,
    spacing: float | None = None,
    depth_nm: float | None = None,
) -> AerialImage:
    """Aerial image of a mask.

    Parameters
    ----------
    mask
        an array (..., ny, nx): the real or complex transmission of each pixel of `grid`, or with a `mask_type` the
        share (0..1) of the pixel that drawn shapes cover. Or polygons, a list of (n, 2) vertices (x, y) in nm, or
        `MaskLayers`: then the spectrum is exact, and no pixel matters
    optics
        wavelength, aperture, source, polarisation, aberrations, and films on the wafer
    grid
        field and pixels
    defocus_nm
        position of the wafer from best focus, positive towards the lens
    defocus_model
        "exact" or "paraxial", in place of `optics.defocus_model`
    mask_type
        what drawn shapes and their surroundings transmit; opaque with open shapes if not given. A thick mask or one
        for EUV needs polygons
    method
        "socs": as a sum of coherent kernels; "abbe": source point by source point, slow and without truncation
    max_error
        share of the kernels' energy that may be left out, see `litho.tcc.socs_kernels`
    source_error
        largest error of the intensity that the sampling of the source may cause, see `litho.source_spacing`
    spacing
        of the source points, instead of one chosen for `source_error`; they stand closer where the rims of two strong
        orders cut the same cell of the source
    depth_nm
        below the top of the films of `optics.wafer`; None: the mean over the resist, or no wafer

    Returns
    -------
    AerialImage
        `.intensity` on the grid's pixels, `.at(x_nm, y_nm)` anywhere, `.error_estimate`
    """
    if method not in ("socs", "abbe"):
        raise ValueError(f"`method` must be 'socs' or 'abbe', but got {method!r}.")
    if depth_nm is not None and optics.wafer is None:
        raise ValueError("`depth_nm` must come with films: `optics.wafer` is None.")
    if not math.isfinite(defocus_nm):
        raise ValueError(f"`defocus_nm` must be finite, but got {defocus_nm}.")
    if isinstance(mask_type, EuvMask) and mask_type.reduction != optics.reduction:
        raise ValueError(
            f"`mask_type` must have the reduction of the lens, {optics.reduction}, but got {mask_type.reduction}."
        )
    optics = optics if defocus_model is None else replace(optics, defocus_model=defocus_model)
    radius = optics.band_radius(grid.period_nm)
    drawn = isinstance(mask, MaskLayers | list | tuple)
    band = mask_band(mask, mask_type, grid, radius) if drawn else raster_band(mask, mask_type, grid, radius)
    thick = drawn and len(band.shape) == 3
    if thick and method != "abbe":
        raise ValueError("`method` must be 'abbe' for a thick mask: kernels take one transmission for all light.")
    spacing = source_spacing(optics, source_error, defocus_nm, depth_nm) if spacing is None else spacing
    conditions = Conditions(
        band, grid.period_nm, optics, defocus_nm, spacing, depth_nm, thick, pixels=None if drawn else grid.shape
    )
    points = split_points(optics, spacing, band, grid.period_nm)
    if method == "abbe":
        half = abbe_image(band, optics, grid.period_nm, defocus_nm, points, depth_nm, thick)
        return AerialImage(half, grid, conditions=conditions)
    kernels = socs_kernels(
        optics, grid.period_nm, defocus_nm, max_error=max_error, spacing=points, depth_nm=depth_nm
    ).like(band)
    return AerialImage(image_band(band, kernels)[0], grid, kernels, conditions)


def raster_band(mask: Array, mask_type: MaskType, grid: Grid, radius: tuple[int, int]) -> Array:
    """Full band (..., 2 Ry + 1, 2 Rx + 1) of a mask given by its pixels; the arguments are those of `aerial_image`."""
    if not isinstance(mask_type, Mask):
        raise ValueError(f"`mask` must be polygons for a {type(mask_type).__name__}, but got an array.")
    if tuple(mask.shape[-2:]) != grid.shape:
        raise ValueError(f"`mask` must end in the grid's shape {grid.shape}, but got {tuple(mask.shape)}.")
    if any(n < 2 * r + 1 for n, r in zip(grid.shape, radius, strict=True)):
        raise ValueError(f"`grid` must resolve the lens band {radius}, but got {grid}.")
    xp = array_module(mask)
    transform = band_transform(grid.shape, radius, mask)
    if not xp.isdtype(mask.dtype, "complex floating"):
        return transmission_band(transform(mask), mask_type)
    if mask_type != Mask():
        raise ValueError("`mask` must be the coverage, real in 0..1, where a `mask_type` is given, but got complex.")
    real, imaginary = (complete(transform(part)) for part in (xp.real(mask), xp.imag(mask)))
    return real + 1j * imaginary


def _waves(turns: Array, frequencies: Array) -> Array:
    """Return exp(2 pi i k t), (len(t), len(k)) complex128."""
    xp = array_module(turns)
    angle = (2 * math.pi) * xp.remainder(turns[:, None] * frequencies[None, :], 1.0)
    return xp.astype(xp.cos(angle), xp.complex128) + 1j * xp.astype(xp.sin(angle), xp.complex128)
