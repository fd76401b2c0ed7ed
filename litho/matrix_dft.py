"""A pruned Fourier transform as two matrix products: real samples at pixel centres <-> half band.

Samples s (ny, nx) are multiplied from both sides with cosines and sines of the few frequencies that are kept,

    Z = Wy^T s Wx,

and Z, real and as small as the band, is sorted into the half band. So all of the work is two real products, for which
processors are fastest, and a frequency and its negative share theirs. Conventions are those of `litho.fourier`.

`litho.matrix_products` has the kinds of products that there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, complex_dtype, nbytes, positions, real_dtype, zeros
from litho.cuda import dense, empty, fused, program
from litho.matrix_products import ARITHMETIC, product

PARTS = 8
"""The sum over all rows is taken in so many parts, if their number allows: rounding errors are a fraction then."""


@dataclass(frozen=True)
class MatrixDft:
    """Real samples at pixel centres <-> half band, exactly but for rounding; made by `wave_products`.

    Parameters
    ----------
    x_waves : (nx, 2 Rx + 1) real
        sines, then cosines, the highest frequency first, the constant last: a sum in single precision is nearest when
        it begins with its smallest terms
    y_waves : (ny, 2 Ry + 1) real
        likewise
    to_x, to_y : (2 Rx + 1, nx) and (2 Ry + 1, ny) real
        the same, transposed
    arithmetic
        one of `ARITHMETIC`
    """

    x_waves: Array
    y_waves: Array
    to_x: Array
    to_y: Array
    arithmetic: str = "full"

    def __post_init__(self) -> None:
        if self.arithmetic not in ARITHMETIC:
            raise ValueError(f"`arithmetic` must be one of {tuple(ARITHMETIC)}, but got {self.arithmetic!r}.")

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (ny, nx)."""
        return self.y_waves.shape[0], self.x_waves.shape[0]

    @property
    def radius(self) -> tuple[int, int]:
        """Largest frequency kept (Ry, Rx), in cycles per period."""
        return self.y_waves.shape[1] // 2, self.x_waves.shape[1] // 2

    @property
    def nbytes(self) -> int:
        """Memory of the precomputed waves."""
        return 2 * (nbytes(self.x_waves) + nbytes(self.y_waves))

    def __call__(self, samples: Array) -> Array:
        """Return the half band (..., 2 Ry + 1, Rx + 1), complex, of real samples (..., ny, nx)."""
        rows = product(samples, self.x_waves, self.arithmetic)
        half = _half_of_sums(self._added_rows(rows), 1.0 / self._count)
        assert half.dtype == complex_dtype(samples)
        return half

    def adjoint(self, half_bar: Array) -> Array:
        """Return the gradient with respect to the samples, (..., ny, nx) real, from that of the half band."""
        return self._samples(_half_of_sums_adjoint(half_bar, 1.0 / self._count))

    def inverse(self, half: Array) -> Array:
        """Return the samples, (..., ny, nx) real, of the real field with this half band: exact at any pixel."""
        return self._samples(_half_of_sums_adjoint(half, doubled=True))

    def inverse_adjoint(self, samples_bar: Array) -> Array:
        """Return the gradient with respect to the half band, from that of `inverse`'s samples."""
        rows = product(samples_bar, self.x_waves, self.arithmetic)
        return _half_of_sums(self._added_rows(rows), doubled=True)

    def _added_rows(self, rows: Array) -> Array:
        """Return the second product, over all rows, in `PARTS` if their number allows."""
        xp, parts = array_module(rows), PARTS if self.shape[0] % PARTS == 0 else 1
        if fused(rows) or parts == 1:  # a kernel keeps its sums short by itself
            return product(self.to_y, rows, self.arithmetic)
        rows = xp.reshape(rows, (*rows.shape[:-2], parts, -1, rows.shape[-1]))
        y_waves = xp.matrix_transpose(xp.reshape(self.y_waves, (parts, -1, self.y_waves.shape[-1])))
        return xp.sum(product(y_waves, rows, self.arithmetic), axis=-3)

    def _samples(self, sums: Array) -> Array:
        samples = product(product(self.y_waves, sums, self.arithmetic), self.to_x, self.arithmetic)
        assert samples.dtype == sums.dtype
        return samples

    @property
    def _count(self) -> int:
        return self.shape[0] * self.shape[1]


def wave_products(shape: tuple[int, int], radius: tuple[int, int], x: Array, arithmetic: str = "full") -> MatrixDft:
    """Precompute a `MatrixDft` in the library, precision and device of `x`.

    Parameters
    ----------
    shape, radius, x
        as in `litho.fourier.band_transform`
    arithmetic
        one of `ARITHMETIC`; all but "full" are for single precision
    """
    if arithmetic in ARITHMETIC and arithmetic != "full" and real_dtype(x) != array_module(x).float32:
        raise ValueError(f"`x` must be in single precision for products in {arithmetic}, but got {x.dtype}.")
    (x_waves, to_x), (y_waves, to_y) = (_waves(radius[axis], shape[axis], x) for axis in (1, 0))
    return MatrixDft(x_waves, y_waves, to_x, to_y, arithmetic)


def wave(k: Array, samples: int, n: int, x: Array) -> tuple[Array, Array]:
    """Return cosine and sine of 2 pi k (j + 1/2) / n for the first pixels j, each (len(k), samples), as float64."""
    xp = array_module(x)
    # the phase is reduced in whole numbers first, so that it is exact for any n
    turns = xp.remainder(k[:, None] * (2 * positions(samples, x)[None, :] + 1), 2 * n) / (2 * n)
    return xp.cos(2 * math.pi * turns), xp.sin(2 * math.pi * turns)


def both_sides(half: Array) -> Array:
    """Return how often each column of a half band stands in the full band: 1, 2, 2, ..."""
    xp = array_module(half)
    return 1 + xp.astype(positions(half.shape[-1], half) > 0, real_dtype(half))


def _waves(radius: int, n: int, x: Array) -> tuple[Array, Array]:
    """Return sines, then cosines, of the frequencies R ... 1 and R ... 0 at pixels, (n, 2 R + 1), and transposed."""
    xp = array_module(x)
    cosines, sines = wave(xp.flip(positions(radius + 1, x)), n, n, x)
    waves = xp.astype(xp.concat([sines[:-1, :], cosines], axis=0), real_dtype(x))
    dense = xp.reshape(xp.matrix_transpose(waves), (-1,))  # without gaps, as kernels need it
    return xp.reshape(dense, (n, 2 * radius + 1)), waves


def _half_of_sums(sums: Array, scale: float = 1.0, *, doubled: bool = False) -> Array:
    """Sort sums over products of cosines and sines into a half band: exp(-i (a + b)) for either sign of a, y's phase.

    Parameters
    ----------
    sums : (..., 2 Ry + 1, 2 Rx + 1) real
        in the order of the waves
    scale
        factor on all
    doubled
        whether the columns of kx > 0, which stand for those of -kx too, are taken twice
    """
    xp, (ry, rx) = array_module(sums), (n // 2 for n in sums.shape[-2:])
    if fused(sums):
        half = empty((*sums.shape[:-1], rx + 1), sums, complex_dtype(sums))
        return _sorted_by_kernel("sums_to_half", sums, half, (rx + 1, ry, rx), scale, doubled)
    flipped = xp.flip(sums, axis=(-2, -1)) * scale  # cosines 0 ... R, sines 1 ... R
    even = flipped[..., : ry + 1, :]
    odd = xp.concat([zeros((*sums.shape[:-2], 1, 2 * rx + 1), sums), flipped[..., ry + 1 :, :]], axis=-2)
    (cos_cos, cos_sin), (sin_cos, sin_sin) = (_at_constant(part, rx) for part in (even, odd))
    positive = _complex(cos_cos - sin_sin, -(sin_cos + cos_sin))
    negative = _complex(cos_cos + sin_sin, sin_cos - cos_sin)
    half = xp.concat([positive, xp.flip(negative[..., 1:, :], axis=-2)], axis=-2)
    return half * both_sides(half) if doubled else half


def _half_of_sums_adjoint(half_bar: Array, scale: float = 1.0, *, doubled: bool = False) -> Array:
    """Gradient with respect to the `sums` of `_half_of_sums`, (..., 2 Ry + 1, 2 Rx + 1) real."""
    xp, ry, rx = array_module(half_bar), half_bar.shape[-2] // 2, half_bar.shape[-1] - 1
    if fused(half_bar):
        sums_bar = empty((*half_bar.shape[:-1], 2 * rx + 1), half_bar, real_dtype(half_bar))
        return _sorted_by_kernel("sums_to_half_adjoint", half_bar, sums_bar, (2 * rx + 1, ry, rx), scale, doubled)
    half_bar = half_bar * (both_sides(half_bar) * scale if doubled else scale)
    positive = half_bar[..., : ry + 1, :]
    none = zeros((*half_bar.shape[:-2], 1, half_bar.shape[-1]), half_bar)
    negative = xp.concat([none, xp.flip(half_bar[..., ry + 1 :, :], axis=-2)], axis=-2)
    total, difference = positive + negative, negative - positive
    even = xp.concat([xp.real(total), -xp.imag(total[..., 1:])], axis=-1)
    odd = xp.concat([xp.imag(difference), xp.real(difference[..., 1:])], axis=-1)
    return xp.flip(xp.concat([even, odd[..., 1:, :]], axis=-2), axis=(-2, -1))


def _sorted_by_kernel(
    kernel: str, given: Array, out: Array, sizes: tuple[int, int, int], scale: float, doubled: bool
) -> Array:
    """Run one of the kernels that sort, on `sizes`: columns of the result, Ry, Rx."""
    columns, ry, rx = sizes
    count = math.prod(given.shape[:-2])
    threads = columns, count * (2 * ry + 1)
    program("products", given).launch(
        kernel, threads, dense(given), out, scale, int(doubled), count, ry, rx, block=(32, 8)
    )
    return out


def _at_constant(part: Array, rx: int) -> tuple[Array, Array]:
    """Return the columns of cosines, and those of sines behind a zero for that of the constant."""
    xp = array_module(part)
    return part[..., : rx + 1], xp.concat([zeros((*part.shape[:-1], 1), part), part[..., rx + 1 :]], axis=-1)


def _complex(real: Array, imaginary: Array) -> Array:
    xp, dtype = array_module(real), complex_dtype(real)
    return xp.astype(real, dtype) + 1j * xp.astype(imaginary, dtype)
