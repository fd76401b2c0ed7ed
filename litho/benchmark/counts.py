"""What the steps of our way must move and compute, counted from shapes: the model under a roofline.

Bytes are those that a step reads and writes once each, single precision, every array from memory and back:

- a product of matrices reads both and writes one; (m, k) by (k, n) takes 2 m k n operations of real numbers, 8 of
  complex ones;
- a transform of N numbers in two dimensions takes two passes, each reads and writes all; 5 N log2 N operations if
  they are complex, half of both if they are real;
- fields are written once by the product with the kernels, transformed, and read once by the sum of squares.

What stays in a cache between two steps is counted as if it did not: a step may then be faster than its bytes over the
bandwidth of the memory, and a roofline shows it above the slope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

REAL, COMPLEX = 4, 8
"""Bytes of a number in single precision."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Count:
    """What one step moves and computes.

    Parameters
    ----------
    moved_bytes
        read and written
    flops
        operations of real numbers
    """

    moved_bytes: float
    flops: float

    def __add__(self, other: Count) -> Count:
        return Count(self.moved_bytes + other.moved_bytes, self.flops + other.flops)

    def __mul__(self, times: float) -> Count:
        return Count(self.moved_bytes * times, self.flops * times)

    @property
    def intensity(self) -> float:
        """Operations per byte."""
        return self.flops / self.moved_bytes

    def floor_s(self, bytes_per_s: float, flops_per_s: float) -> float:
        """Return the time that no machine of such a bandwidth and peak can beat."""
        return max(self.moved_bytes / bytes_per_s, self.flops / flops_per_s)


def real_product(m: int, k: int, n: int) -> Count:
    """Return the count of a product of real matrices (m, k) by (k, n)."""
    return Count(REAL * (m * k + k * n + m * n), 2.0 * m * k * n)


def complex_product(m: int, k: int, n: int) -> Count:
    """Return the count of a product of complex matrices (m, k) by (k, n)."""
    return Count(COMPLEX * (m * k + k * n + m * n), 8.0 * m * k * n)


def complex_fft(shape: Pair) -> Count:
    """Return the count of a complex transform in two dimensions."""
    size = shape[0] * shape[1]
    return Count(2 * 2 * COMPLEX * size, 5.0 * size * math.log2(size))


def real_fft(shape: Pair) -> Count:
    """Return the count of a real transform in two dimensions, to half of its frequencies or back."""
    return complex_fft(shape) * 0.5


def band_count(shape: Pair, radius: Pair, by_matrix: bool) -> Count:
    """Return the count of real samples (ny, nx) to their half band of a radius (Ry, Rx), or of the way back."""
    rows, columns = 2 * radius[0] + 1, radius[1] + 1
    if not by_matrix:
        return real_fft(shape) + Count(2 * COMPLEX * rows * columns, 6.0 * rows * columns)
    along_x = real_product(shape[0], shape[1], 2 * columns)
    return along_x + complex_product(rows, shape[0], columns)


def image_count(radius: Pair, band_shape: Pair, kernels: int) -> Count:
    """Return the count from the mask's band of a radius to the half band of the image."""
    size, order = band_shape[0] * band_shape[1], (2 * radius[0] + 1) * (2 * radius[1] + 1)
    product = Count(COMPLEX * (order + kernels * order + kernels * size), 6.0 * kernels * order)
    squares = Count(COMPLEX * kernels * size + REAL * size, 4.0 * kernels * size)
    return product + complex_fft(band_shape) * kernels + squares + real_fft(band_shape)


def image_adjoint_count(radius: Pair, band_shape: Pair, kernels: int) -> Count:
    """Return the count of the way back, from the half band of the image to the mask's band, fields kept."""
    size, order = band_shape[0] * band_shape[1], (2 * radius[0] + 1) * (2 * radius[1] + 1)
    product = Count(REAL * size + 2 * COMPLEX * kernels * size, 4.0 * kernels * size)
    gathered = Count(COMPLEX * (2 * kernels * order + order), 8.0 * kernels * order)
    return real_fft(band_shape) + product + complex_fft(band_shape) * kernels + gathered


def least_count(pixels: int) -> Count:
    """Return what an image must move however it is computed: the mask read, the image written, once."""
    return Count(2.0 * REAL * pixels, 0.0)


def gradient_count(shape: Pair, radius: Pair, band_shape: Pair, kernels: int, foci: int) -> Count:
    """Return the count of a loss and its gradient by the level field, mask and print on one grid of a shape (ny, nx).

    The level is smoothed by a transform there and back, and its gradient likewise; the mask is a function of each pixel
    of it, read and written, and back; dose, resist, loss and derivative are one pass, which reads the images and the
    target and writes the images' gradients.
    """
    pixels, twice = shape[0] * shape[1], (2 * radius[0], 2 * radius[1])
    smoothing = real_fft(shape) * 4.0
    sigmoid = Count(REAL * (2 + 3) * pixels, 10.0 * pixels)
    loss = Count(REAL * (2 * foci + 1) * pixels, 20.0 * foci * pixels)
    fields = image_count(radius, band_shape, kernels) + image_adjoint_count(radius, band_shape, kernels)
    to_print = band_count(shape, twice, by_matrix=True) * 2.0
    to_band = band_count(shape, radius, by_matrix=True) * 2.0
    return smoothing + sigmoid + loss + (fields + to_print) * foci + to_band
