"""The kernels of `kernels/band.cu` and `kernels/field_sum.cu` as functions: what `fourier` and `socs` do on a GPU.

Each takes any leading axes, gives what its twin of the same name gives, and is one launch.
"""

from __future__ import annotations

import math

from litho.backend import Array, real_dtype
from litho.cuda import dense, empty, program

BLOCK = (32, 8)
"""Threads (x, y) of a block that walks over a grid of frequencies."""


def grid_to_half(spectrum: Array, radius: tuple[int, int], scale: float) -> Array:
    """Return the half band (..., 2 Ry + 1, Rx + 1) of a whole real transform (..., ny, nx // 2 + 1), times `scale`."""
    (ry, rx), (ny, columns) = radius, spectrum.shape[-2:]
    half = empty((*spectrum.shape[:-2], 2 * ry + 1, rx + 1), spectrum)
    size = rx + 1, 2 * ry + 1, _count(spectrum, 2)
    program("band", half).launch("grid_to_half", size, dense(spectrum), half, scale, ry, rx, ny, columns, block=BLOCK)
    return half


def half_to_grid(half: Array, shape: tuple[int, int], scale: float) -> Array:
    """Return the whole real transform (..., ny, nx // 2 + 1) that the adjoint of `grid_to_half` inverts."""
    (ny, columns), radius = (shape[0], shape[1] // 2 + 1), (half.shape[-2] // 2, half.shape[-1] - 1)
    spectrum = empty((*half.shape[:-2], ny, columns), half)
    size = columns, ny, _count(half, 2)
    program("band", half).launch("half_to_grid", size, dense(half), spectrum, scale, *radius, ny, columns, block=BLOCK)
    return spectrum


def half_to_full(half: Array) -> Array:
    """Return the full band (..., 2 Ry + 1, 2 Rx + 1) of a real field from its half band."""
    rows, rx = half.shape[-2], half.shape[-1] - 1
    full = empty((*half.shape[:-1], 2 * rx + 1), half)
    size = 2 * rx + 1, rows, _count(half, 2)
    program("band", half).launch("half_to_full", size, dense(half), full, rows, rx, block=BLOCK)
    return full


def full_to_half(full: Array) -> Array:
    """Return the adjoint of `half_to_full`, (..., 2 Ry + 1, Rx + 1)."""
    rows, rx = full.shape[-2], full.shape[-1] // 2
    half = empty((*full.shape[:-1], rx + 1), full)
    size = rx + 1, rows, _count(full, 2)
    program("band", full).launch("full_to_half", size, dense(full), half, rows, rx, block=BLOCK)
    return half


def band_to_fields(band: Array, spectra: Array, shape: tuple[int, int]) -> Array:
    """Return a mask's band times every kernel, (..., K, ny, nx) on a grid of frequencies with `shape` (ny, nx).

    Parameters
    ----------
    band : (..., 2 Ry + 1, 2 Rx + 1) complex
    spectra : (K, 2 Ry + 1, 2 Rx + 1) complex
    shape
        of the grid
    """
    count, radius = spectra.shape[0], (spectra.shape[-2] // 2, spectra.shape[-1] // 2)
    grid = empty((*band.shape[:-2], count, *shape), band)
    size = shape[1], shape[0], _count(band, 2) * count
    arrays = dense(band), dense(spectra), grid
    program("band", band).launch("band_to_fields", size, *arrays, count, *radius, *shape, block=BLOCK)
    return grid


def fields_to_band(grid: Array, spectra: Array) -> Array:
    """Return the adjoint of `band_to_fields` with respect to the band, (..., 2 Ry + 1, 2 Rx + 1)."""
    count, rows, columns = spectra.shape
    band = empty((*grid.shape[:-3], rows, columns), grid)
    size, arrays = (columns, rows, _count(grid, 3)), (dense(grid), dense(spectra), band)
    radius, shape = (rows // 2, columns // 2), grid.shape[-2:]
    program("band", grid).launch("fields_to_band", size, *arrays, count, *radius, *shape, block=BLOCK)
    return band


def field_sum(fields: Array, weights: Array) -> Array:
    """Return sum_k w_k |E_k|^2, (..., ny, nx), of fields (..., K, ny, nx)."""
    intensity = empty((*fields.shape[:-3], *fields.shape[-2:]), fields, real_dtype(fields))
    pixels, kernels = fields.shape[-2] * fields.shape[-1], fields.shape[-3]
    size = pixels, _count(fields, 3)
    arrays = dense(fields), dense(weights), intensity
    program("field_sum", fields).launch("field_sum", size, *arrays, kernels, pixels)
    return intensity


def field_sum_adjoint(intensity_bar: Array, fields: Array, weights: Array) -> Array:
    """Return 2 w_k I_bar E_k, (..., K, ny, nx): the gradient with respect to the fields of `field_sum`."""
    fields_bar = empty(fields.shape, fields)
    pixels, kernels = fields.shape[-2] * fields.shape[-1], fields.shape[-3]
    size = pixels, _count(fields, 3)
    arrays = dense(intensity_bar), dense(fields), dense(weights), fields_bar
    program("field_sum", fields).launch("field_sum_adjoint", size, *arrays, kernels, pixels)
    return fields_bar


def _count(x: Array, axes: int) -> int:
    """Return how many arrays of the last `axes` axes stand in `x`."""
    return math.prod(x.shape[: x.ndim - axes])
