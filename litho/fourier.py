"""The one Fourier convention, and transforms between pixels and the few frequencies a lens passes.

A spectrum is that of the periodic field itself, with its phase referred to the field's lower left corner,

    x(r) = sum_k X[k] exp(2 pi i k.r / period),

so it does not depend on the grid it came from: the forward transform carries 1/N, and samples at pixel centres get
their half-pixel phase here and nowhere else. Frequencies are unshifted: 0, 1, ... R, -R, ... -1 on either axis.

A real field has X[-k] = conj(X[k]); its *half band* keeps kx = 0 ... R only, shape (2 Ry + 1, Rx + 1). `complete`
makes the *full band*, shape (2 Ry + 1, 2 Rx + 1), and `fold` is its adjoint.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, complex_dtype, fft_of, nbytes, positions, real_dtype, zeros

MATRIX_COST = 4.0
"""Columns of a matrix product that cost as much as one level of a real FFT, measured on a CPU (2048^2 pixels)."""


@dataclass(frozen=True)
class BandTransform:
    """Real samples at pixel centres <-> half band, exactly; made by `band_transform`.

    Parameters
    ----------
    shape
        pixels (ny, nx)
    radius
        largest frequency kept (Ry, Rx), in cycles per period
    x_waves
        (nx, 2 (Rx + 1)) real: cosines, then negative sines, the highest frequency first, because a sum in single
        precision is nearest when it begins with its smallest terms; None for the FFT
    y_waves
        (2 Ry + 1, ny) complex; None for the FFT
    ramp
        (2 Ry + 1, Rx + 1) complex: the half-pixel phase, used by the FFT
    """

    shape: tuple[int, int]
    radius: tuple[int, int]
    x_waves: Array | None
    y_waves: Array | None
    ramp: Array

    @property
    def nbytes(self) -> int:
        """Memory of the precomputed waves."""
        return sum(nbytes(a) for a in (self.x_waves, self.y_waves, self.ramp) if a is not None)

    def __call__(self, samples: Array) -> Array:
        """Return the half band of real samples.

        Parameters
        ----------
        samples : (..., ny, nx) real

        Returns
        -------
        half : (..., 2 Ry + 1, Rx + 1) complex
        """
        if self.x_waves is None or self.y_waves is None:
            return half_band(samples, self.radius) * self.ramp
        xp = array_module(samples)
        columns = xp.flip(_complex(xp.matmul(samples, self.x_waves)), axis=-1)
        half = xp.matmul(self.y_waves * (1.0 / self._count), columns)
        assert half.dtype == complex_dtype(samples)
        return half

    def adjoint(self, half_bar: Array) -> Array:
        """Return the gradient with respect to the samples, (..., ny, nx) real, from that of the half band."""
        if self.x_waves is None or self.y_waves is None:
            return half_band_adjoint(half_bar * array_module(half_bar).conj(self.ramp), self.shape)
        xp = array_module(half_bar)
        y_waves = xp.conj(xp.matrix_transpose(self.y_waves)) * (1.0 / self._count)
        columns = xp.flip(xp.matmul(y_waves, half_bar), axis=-1)
        samples_bar = xp.matmul(_real(columns), xp.matrix_transpose(self.x_waves))
        assert samples_bar.dtype == real_dtype(half_bar)
        return samples_bar

    def inverse(self, half: Array) -> Array:
        """Return the samples, (..., ny, nx) real, of the real field with this half band: exact at any pixel."""
        return self.adjoint(half * (_both_sides(half) * self._count))

    def inverse_adjoint(self, samples_bar: Array) -> Array:
        """Return the gradient with respect to the half band, from that of `inverse`'s samples."""
        half = self(samples_bar)
        return half * (_both_sides(half) * self._count)

    @property
    def _count(self) -> int:
        return self.shape[0] * self.shape[1]


def band_transform(shape: tuple[int, int], radius: tuple[int, int], x: Array, method: str = "auto") -> BandTransform:
    """Precompute a `BandTransform` in the library, precision and device of `x`.

    Parameters
    ----------
    shape
        pixels (ny, nx). Fewer than 2 R + 1 on either axis cannot tell the frequencies apart: `inverse` and its adjoint
        are still exact, the forward transform is aliased
    radius
        largest frequency (Ry, Rx)
    x
        any array of the wanted library, device and precision
    method
        "matrix": a pruned DFT as two matrix products; "fft": a whole real FFT, cropped; "auto": the cheaper by count

    Returns
    -------
    BandTransform
    """
    if method not in ("auto", "matrix", "fft"):
        raise ValueError(f"`method` must be 'auto', 'matrix' or 'fft', but got {method!r}.")
    coarse = any(n < 2 * r + 1 for n, r in zip(shape, radius, strict=True))
    if coarse and method == "fft":
        raise ValueError(f"`shape` must hold 2 R + 1 samples for R = {radius}, but got {shape}.")
    if method == "auto":
        method = "matrix" if coarse or radius[1] + 1 < MATRIX_COST * math.log2(shape[0] * shape[1]) else "fft"
    ky, kx = band_frequencies(radius[0], x), positions(radius[1] + 1, x)
    ramp = _wave(ky, 1, shape[0], x)[:, :1] * _wave(kx, 1, shape[1], x)[:, 0]
    if method == "fft":
        return BandTransform(shape, radius, None, None, ramp)
    xp = array_module(x)
    x_waves = _real(xp.matrix_transpose(_wave(xp.flip(kx), shape[1], shape[1], x)))
    return BandTransform(shape, radius, x_waves, _wave(ky, shape[0], shape[0], x), ramp)


def band_frequencies(radius: int, x: Array) -> Array:
    """Return 0, 1, ... R, -R, ... -1 as float64 in the library of `x`."""
    xp = array_module(x)
    k = positions(2 * radius + 1, x)
    return xp.where(k <= radius, k, k - (2 * radius + 1))


def half_band(samples: Array, radius: tuple[int, int]) -> Array:
    """Return the half band of real samples that stand at the pixels' lower left corners.

    Parameters
    ----------
    samples : (..., ny, nx) real
    radius
        largest frequency (Ry, Rx)

    Returns
    -------
    half : (..., 2 Ry + 1, Rx + 1) complex
    """
    xp, (ry, rx) = array_module(samples), radius
    spectrum = fft_of(xp).rfftn(samples, axes=(-2, -1), norm="forward")[..., : rx + 1]
    return xp.concat([spectrum[..., : ry + 1, :], spectrum[..., spectrum.shape[-2] - ry :, :]], axis=-2)


def half_band_adjoint(half_bar: Array, shape: tuple[int, int]) -> Array:
    """Gradient with respect to the `samples` of `half_band`, (..., ny, nx) with `shape` (ny, nx)."""
    rows, columns = (half_bar.shape[-2] + 1) // 2, half_bar.shape[-1]
    one_side = half_bar / _both_sides(half_bar)  # the inverse transform adds the mirror image by itself
    spectrum = zeros((*half_bar.shape[:-2], shape[0], shape[1] // 2 + 1), half_bar)
    spectrum[..., :rows, :columns] = one_side[..., :rows, :]
    spectrum[..., shape[0] - rows + 1 :, :columns] = one_side[..., rows:, :]
    return fft_of(array_module(half_bar)).irfftn(spectrum, s=shape, axes=(-2, -1))


def complete(half: Array) -> Array:
    """Return the full band (..., 2 Ry + 1, 2 Rx + 1) of a real field from its half band; adjoint: `fold`."""
    xp = array_module(half)
    mirrored = xp.flip(xp.conj(_negate_rows(half[..., 1:])), axis=-1)
    return xp.concat([half, mirrored], axis=-1)


def fold(full_bar: Array) -> Array:
    """Return the gradient with respect to the half band from that of the full band: the adjoint of `complete`."""
    xp = array_module(full_bar)
    columns = (full_bar.shape[-1] + 1) // 2
    mirrored = xp.conj(_negate_rows(xp.flip(full_bar[..., columns:], axis=-1)))
    return xp.concat([full_bar[..., :1], full_bar[..., 1:columns] + mirrored], axis=-1)


def embed(band: Array, shape: tuple[int, int]) -> Array:
    """Put a full band into a larger grid of frequencies (ny, nx), zero elsewhere; adjoint: `crop`."""
    rows, columns = ((n + 1) // 2 for n in band.shape[-2:])
    out = zeros((*band.shape[:-2], *shape), band)
    for to_y, from_y in (
        (slice(0, rows), slice(0, rows)),
        (slice(shape[0] - rows + 1, None), slice(rows, None)),
    ):
        out[..., to_y, :columns] = band[..., from_y, :columns]
        if columns > 1:
            out[..., to_y, shape[1] - columns + 1 :] = band[..., from_y, columns:]
    return out


def crop(spectrum: Array, radius: tuple[int, int]) -> Array:
    """Return the full band of `radius` (Ry, Rx) of a grid of unshifted frequencies; adjoint: `embed`."""
    xp = array_module(spectrum)
    ry, rx = radius
    rows = xp.concat([spectrum[..., : ry + 1, :], spectrum[..., spectrum.shape[-2] - ry :, :]], axis=-2)
    return xp.concat([rows[..., : rx + 1], rows[..., rows.shape[-1] - rx :]], axis=-1)


def fast_length(n: int) -> int:
    """Return the smallest length >= n with no prime factor above 7, which every FFT library does fast."""
    while True:
        m = n
        for p in (2, 3, 5, 7):
            while m % p == 0:
                m //= p
        if m == 1:
            return n
        n += 1


def _wave(k: Array, samples: int, n: int, x: Array) -> Array:
    """Return exp(-2 pi i k (j + 1/2) / n) for the first `samples` pixels, (len(k), samples), in the precision of x."""
    xp = array_module(x)
    # the phase is reduced in whole numbers first, so that it is exact for any n
    turns = xp.remainder(k[:, None] * (2 * positions(samples, x)[None, :] + 1), 2 * n) / (2 * n)
    phase = -2 * math.pi * turns
    return xp.astype(_complex(xp.concat([xp.cos(phase), xp.sin(phase)], axis=-1)), complex_dtype(x))


def _real(z: Array) -> Array:
    """Return real parts, then imaginary parts, along the last axis."""
    xp = array_module(z)
    return xp.concat([xp.real(z), xp.imag(z)], axis=-1)


def _complex(parts: Array) -> Array:
    """Undo `_real`."""
    xp = array_module(parts)
    columns, dtype = parts.shape[-1] // 2, complex_dtype(parts)
    return xp.astype(parts[..., :columns], dtype) + 1j * xp.astype(parts[..., columns:], dtype)


def _both_sides(half: Array) -> Array:
    """Return how often each column of a half band stands in the full band: 1, 2, 2, ..."""
    xp = array_module(half)
    return 1 + xp.astype(positions(half.shape[-1], half) > 0, real_dtype(half))


def _negate_rows(band: Array) -> Array:
    """Exchange ky and -ky."""
    xp = array_module(band)
    return xp.concat([band[..., :1, :], xp.flip(band[..., 1:, :], axis=-2)], axis=-2)
