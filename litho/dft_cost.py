"""Which way from pixels to the lens band is cheaper, counted from shapes, so that the choice is always the same.

    products   2 ny (2 Rx + 1) (nx + 2 Ry + 1) operations, while the samples are read once
    FFT        2.5 ny nx log2(ny nx) operations, and four passes over the samples unless they stay in the cache

A length with a large prime factor is transformed by way of transforms of more than twice its length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LARGEST_FACTOR = 11
"""FFT libraries have direct ways for prime factors up to this one."""

ROUGH = 4.0
"""How many times as long an FFT takes with a larger prime factor; measured: 4.3 to 4.7 at 1021 beside 1024."""

PASSES = 4
"""Times that a two-dimensional FFT of real samples reads or writes them."""


@dataclass(frozen=True)
class DftCosts:
    """How fast a device is at the steps of a transform in single precision; in double precision it is half as fast.

    Parameters
    ----------
    product_flops_per_s
        operations of a matrix product, as many columns wide as a lens band
    fft_flops_per_s
        operations of an FFT of samples in the cache
    bytes_per_s
        read or written by a transform of samples that are not
    cache_bytes
        samples that stay in the cache between the passes of an FFT
    """

    product_flops_per_s: float
    fft_flops_per_s: float
    bytes_per_s: float
    cache_bytes: float

    def __post_init__(self) -> None:
        for name in ("product_flops_per_s", "fft_flops_per_s", "bytes_per_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be positive, but got {getattr(self, name)}.")

    def products_s(self, shape: tuple[int, int], radius: tuple[int, int], item_bytes: int = 4) -> float:
        """Return the seconds that the two matrix products of `litho.matrix_dft` take.

        Parameters
        ----------
        shape
            pixels (ny, nx)
        radius
            largest frequency kept (Ry, Rx)
        item_bytes
            of a real sample, 4 or 8
        """
        (ny, nx), (ry, rx) = shape, radius
        flops = 2 * ny * (2 * rx + 1) * (nx + 2 * ry + 1)
        reading = ny * nx * item_bytes / self.bytes_per_s
        return max(flops * item_bytes / 4 / self.product_flops_per_s, reading)

    def fft_s(self, shape: tuple[int, int], item_bytes: int = 4) -> float:
        """Return the seconds that a whole FFT of real samples takes; arguments of `products_s`."""
        count = shape[0] * shape[1]
        seconds = 2.5 * count * math.log2(max(count, 2)) * item_bytes / 4 / self.fft_flops_per_s
        if count * item_bytes > self.cache_bytes:
            seconds += PASSES * count * item_bytes / self.bytes_per_s
        return seconds * (ROUGH if max(map(_largest_factor, shape)) > LARGEST_FACTOR else 1.0)


CPU_COSTS = DftCosts(1.1e11, 1.9e10, 8e9, 4 * 2**20)
"""Fitted to NumPy with OpenBLAS and SciPy on one core of an Intel Xeon with AVX-512, 128 to 4096 pixels a side."""

GPU_COSTS = DftCosts(2e13, 1e13, 2.7e12, 0)
"""Modelled, not measured: 30 % of the operations and 80 % of the bandwidth in the data sheet of an NVIDIA H100 SXM."""


def costs_of(library: str) -> DftCosts:
    """Return the costs for the arrays of a library: "cupy" has a GPU, any other one a CPU."""
    return GPU_COSTS if library == "cupy" else CPU_COSTS


def _largest_factor(n: int) -> int:
    """Return the largest prime factor of a number; 1 for 1."""
    factor, largest = 2, 1
    while factor * factor <= n:
        if n % factor:
            factor += 1
        else:
            n, largest = n // factor, factor
    return max(n, largest)
