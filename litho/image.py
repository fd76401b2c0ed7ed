"""An aerial image as a function of position: known exactly everywhere, because it is band-limited."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from litho.backend import Array, array_module, complex_dtype, like, real_dtype
from litho.fourier import band_frequencies, band_transform, complete
from litho.grid import Grid
from litho.mask import Mask, transmission_band
from litho.pupil import Optics
from litho.socs import Kernels, image_band
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
        what it was computed with; `kernels.truncation_error` says what these left out
    """

    half: Array
    grid: Grid
    kernels: Kernels

    @cached_property
    def intensity(self) -> Array:
        """Intensity at the pixel centres of `grid`, (..., ny, nx) real."""
        return self.on(self.grid)

    def on(self, grid: Grid) -> Array:
        """Return the intensity at the pixel centres of another grid of the same field, (..., ny, nx) real."""
        if grid.bounds_nm != self.grid.bounds_nm:
            raise ValueError(f"`grid` must cover the field {self.grid.bounds_nm} nm, but got {grid.bounds_nm}.")
        return band_transform(grid.shape, self.kernels.image_radius, self.half).inverse(self.half)

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
        radius = self.kernels.image_radius
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
    coverage: Array,
    optics: Optics,
    grid: Grid,
    defocus_nm: float = 0.0,
    mask: Mask = Mask(),
    max_error: float = MAX_ERROR,
) -> AerialImage:
    """Aerial image of a mask.

    Parameters
    ----------
    coverage : (..., ny, nx) real, in 0..1
        share of each pixel of `grid` that drawn shapes cover
    optics
        wavelength, aperture, source and aberrations
    grid
        field and pixels
    defocus_nm
        position of the wafer from best focus
    mask
        what is transmitted where; binary, drawn shapes open, if not given
    max_error
        share of the kernels' energy that may be left out, see `litho.tcc.socs_kernels`

    Returns
    -------
    AerialImage
        `.intensity` on the grid's pixels, `.at(x_nm, y_nm)` anywhere
    """
    if tuple(coverage.shape[-2:]) != grid.shape:
        raise ValueError(f"`coverage` must end in the grid's shape {grid.shape}, but got {tuple(coverage.shape)}.")
    kernels = socs_kernels(optics, grid.period_nm, defocus_nm, max_error=max_error).like(coverage)
    if any(n < 2 * r + 1 for n, r in zip(grid.shape, kernels.radius, strict=True)):
        raise ValueError(f"`grid` must resolve the lens band {kernels.radius}, but got {grid}.")
    half = band_transform(grid.shape, kernels.radius, coverage)(coverage)
    intensity_half, _ = image_band(transmission_band(half, mask), kernels)
    return AerialImage(intensity_half, grid, kernels)


def _waves(turns: Array, frequencies: Array) -> Array:
    """Return exp(2 pi i k t), (len(t), len(k)) complex128."""
    xp = array_module(turns)
    angle = (2 * math.pi) * xp.remainder(turns[:, None] * frequencies[None, :], 1.0)
    return xp.astype(xp.cos(angle), xp.complex128) + 1j * xp.astype(xp.sin(angle), xp.complex128)
