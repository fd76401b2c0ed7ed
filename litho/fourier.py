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
import time
from collections.abc import Hashable
from dataclasses import dataclass

from litho.backend import Array, array_module, complex_dtype, fft_of, nbytes, positions, real_dtype, synchronize, zeros
from litho.band_kernels import full_to_half, grid_to_half, half_to_full, half_to_grid
from litho.cuda import fused
from litho.dft_cost import costs_of
from litho.matrix_dft import MatrixDft, both_sides, wave, wave_products

METHODS = ("auto", "measured", "matrix", "fft")


@dataclass(frozen=True)
class BandTransform:
    """Real samples at pixel centres <-> half band, exactly; made by `band_transform`.

    Parameters
    ----------
    shape
        pixels (ny, nx)
    radius
        largest frequency kept (Ry, Rx), in cycles per period
    products
        the two matrix products; None for the FFT
    ramp
        (2 Ry + 1, Rx + 1) complex: the half-pixel phase, used by the FFT
    """

    shape: tuple[int, int]
    radius: tuple[int, int]
    products: MatrixDft | None
    ramp: Array

    @property
    def nbytes(self) -> int:
        """Memory of the precomputed waves."""
        return nbytes(self.ramp) + (0 if self.products is None else self.products.nbytes)

    def __call__(self, samples: Array) -> Array:
        """Return the half band of real samples.

        Parameters
        ----------
        samples : (..., ny, nx) real

        Returns
        -------
        half : (..., 2 Ry + 1, Rx + 1) complex
        """
        if self.products is not None:
            return self.products(samples)
        return half_band(samples, self.radius) * self.ramp

    def adjoint(self, half_bar: Array) -> Array:
        """Return the gradient with respect to the samples, (..., ny, nx) real, from that of the half band."""
        if self.products is not None:
            return self.products.adjoint(half_bar)
        return half_band_adjoint(half_bar * array_module(half_bar).conj(self.ramp), self.shape)

    def inverse(self, half: Array) -> Array:
        """Return the samples, (..., ny, nx) real, of the real field with this half band: exact at any pixel."""
        if self.products is not None:
            return self.products.inverse(half)
        return self.adjoint(half * (both_sides(half) * self._count))

    def inverse_adjoint(self, samples_bar: Array) -> Array:
        """Return the gradient with respect to the half band, from that of `inverse`'s samples."""
        if self.products is not None:
            return self.products.inverse_adjoint(samples_bar)
        half = self(samples_bar)
        return half * (both_sides(half) * self._count)

    @property
    def _count(self) -> int:
        return self.shape[0] * self.shape[1]


def band_transform(
    shape: tuple[int, int], radius: tuple[int, int], x: Array, method: str = "auto", arithmetic: str = "full"
) -> BandTransform:
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
        "matrix": a pruned DFT as two matrix products; "fft": a whole real FFT, cropped; "auto": the cheaper by count,
        always the same for the same arguments; "measured": the faster of the two on this device, timed once
    arithmetic
        of the matrix products, one of `litho.matrix_products.ARITHMETIC`; an FFT is computed as its type is

    Returns
    -------
    BandTransform
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}, but got {method!r}.")
    coarse = any(n < 2 * r + 1 for n, r in zip(shape, radius, strict=True))
    if coarse and method == "fft":
        raise ValueError(f"`shape` must hold 2 R + 1 samples for R = {radius}, but got {shape}.")
    if coarse:
        method = "matrix"
    elif method == "auto":
        method = cheaper(shape, radius, x)
    elif method == "measured":
        method = faster(shape, radius, x, arithmetic)
    products = wave_products(shape, radius, x, arithmetic) if method == "matrix" else None
    return BandTransform(shape, radius, products, _ramp(shape, radius, x))


def cheaper(shape: tuple[int, int], radius: tuple[int, int], x: Array) -> str:
    """Return "matrix" or "fft", whichever `litho.dft_cost` counts as the cheaper; arguments of `band_transform`."""
    xp = array_module(x)
    costs, item_bytes = costs_of(xp.__name__), int(xp.finfo(real_dtype(x)).bits) // 8
    return "matrix" if costs.products_s(shape, radius, item_bytes) < costs.fft_s(shape, item_bytes) else "fft"


def faster(shape: tuple[int, int], radius: tuple[int, int], x: Array, arithmetic: str = "full") -> str:
    """Return "matrix" or "fft", whichever takes less time there and back; timed once for a device, type and shape."""
    xp = array_module(x)
    key = (xp.__name__, str(getattr(x, "device", "")), str(real_dtype(x)), shape, radius, arithmetic)
    if key not in _FASTER:
        samples = xp.astype(xp.reshape(positions(shape[0] * shape[1], x), shape), real_dtype(x))
        ways = {method: band_transform(shape, radius, samples, method, arithmetic) for method in ("matrix", "fft")}
        _FASTER[key] = min(ways, key=lambda method: _seconds(ways[method], samples))
    return _FASTER[key]


_FASTER: dict[Hashable, str] = {}


def _seconds(transform: BandTransform, samples: Array) -> float:
    """Return the least time of a transform and its adjoint in five runs, after one that does not count."""
    least = math.inf
    for run in range(6):
        begin = time.perf_counter()
        synchronize(transform.adjoint(transform(samples)))
        least = min(least, time.perf_counter() - begin) if run else math.inf
    return least


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
    if fused(samples):
        scale = 1 / (samples.shape[-2] * samples.shape[-1])
        return grid_to_half(fft_of(xp).rfftn(samples, axes=(-2, -1)), radius, scale)
    spectrum = fft_of(xp).rfftn(samples, axes=(-2, -1), norm="forward")[..., : rx + 1]
    return xp.concat([spectrum[..., : ry + 1, :], spectrum[..., spectrum.shape[-2] - ry :, :]], axis=-2)


def half_band_adjoint(half_bar: Array, shape: tuple[int, int]) -> Array:
    """Gradient with respect to the `samples` of `half_band`, (..., ny, nx) with `shape` (ny, nx)."""
    if fused(half_bar):
        return _inverse_real(half_to_grid(half_bar, shape, 1 / (shape[0] * shape[1])), shape)
    rows, columns = (half_bar.shape[-2] + 1) // 2, half_bar.shape[-1]
    one_side = half_bar / both_sides(half_bar)  # the inverse transform adds the mirror image by itself
    spectrum = zeros((*half_bar.shape[:-2], shape[0], shape[1] // 2 + 1), half_bar)
    spectrum[..., :rows, :columns] = one_side[..., :rows, :]
    spectrum[..., shape[0] - rows + 1 :, :columns] = one_side[..., rows:, :]
    return fft_of(array_module(half_bar)).irfftn(spectrum, s=shape, axes=(-2, -1))


def filtered(samples: Array, transfer: Array) -> Array:
    """Return samples with each of their waves multiplied by a number, (..., ny, nx) real.

    Parameters
    ----------
    samples : (..., ny, nx) real
    transfer : (ny, nx // 2 + 1) real
        the number of each frequency of a real FFT, over ny nx: so that factor costs no pass over the samples
    """
    fft, shape = fft_of(array_module(samples)), (samples.shape[-2], samples.shape[-1])
    spectrum = fft.rfftn(samples, axes=(-2, -1))
    spectrum *= transfer
    if fused(samples):
        return _inverse_real(spectrum, shape)
    return fft.irfftn(spectrum, s=shape, axes=(-2, -1), norm="forward")


def _inverse_real(spectrum: Array, shape: tuple[int, int]) -> Array:
    """Return the inverse real transform without its factor; `spectrum` is used up."""
    fft = fft_of(array_module(spectrum))
    return fft.irfftn(spectrum, s=shape, axes=(-2, -1), norm="forward", overwrite_x=True)


def complete(half: Array) -> Array:
    """Return the full band (..., 2 Ry + 1, 2 Rx + 1) of a real field from its half band; adjoint: `fold`."""
    if fused(half):
        return half_to_full(half)
    xp = array_module(half)
    mirrored = xp.flip(xp.conj(_negate_rows(half[..., 1:])), axis=-1)
    return xp.concat([half, mirrored], axis=-1)


def fold(full_bar: Array) -> Array:
    """Return the gradient with respect to the half band from that of the full band: the adjoint of `complete`."""
    if fused(full_bar):
        return full_to_half(full_bar)
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


def _ramp(shape: tuple[int, int], radius: tuple[int, int], x: Array) -> Array:
    """Return exp(-pi i (ky / ny + kx / nx)), (2 Ry + 1, Rx + 1), in the precision of x: half a pixel both ways."""
    xp = array_module(x)
    frequencies = band_frequencies(radius[0], x), positions(radius[1] + 1, x)
    phases = []
    for k, n in zip(frequencies, shape, strict=True):
        cosine, sine = (xp.astype(part[:, 0], xp.complex128) for part in wave(k, 1, n, x))
        phases.append(cosine - 1j * sine)
    return xp.astype(phases[0][:, None] * phases[1][None, :], complex_dtype(x))


def _negate_rows(band: Array) -> Array:
    """Exchange ky and -ky."""
    xp = array_module(band)
    return xp.concat([band[..., :1, :], xp.flip(band[..., 1:, :], axis=-2)], axis=-2)
