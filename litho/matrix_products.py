"""Products of matrices with as many bits as are wanted: those of their type, or those of a GPU's tensor cores.

Tensor cores round factors to fewer bits and add in single precision. A factor that is split into a large and a small
number keeps more: three products of such parts are off by the square of what one is. On a GPU a kernel multiplies;
elsewhere array code does, from factors that are rounded the same way, so that errors can be studied anywhere.
"""

from __future__ import annotations

import math

from litho import cuda
from litho.backend import Array, array_module

ARITHMETIC = {"full": (0, 1), "tf32": (11, 1), "tf32x3": (11, 2), "bfloat16": (8, 1), "bfloat16x3": (8, 2)}
"""Kinds of products: significant bits of a factor's parts (0: all that it has), and number of parts.

Two parts give three products: large times large, and large times small both ways.
"""

TILE = 64
"""Rows and columns of a product that a block of the kernel makes."""

BLOCKS = 128
SLICE_TERMS = 256
"""A product of fewer blocks than `BLOCKS` deals its sums out to more of them, if each has so many terms."""


def product(a: Array, b: Array, arithmetic: str = "full") -> Array:
    """Return the matrix product a b.

    Parameters
    ----------
    a, b : (..., m, k), (..., k, n) real
        factors, in single precision unless `arithmetic` is "full"; on a GPU one of them is a single matrix
    arithmetic
        one of `ARITHMETIC`
    """
    xp = array_module(a, b)
    bits, parts = ARITHMETIC[arithmetic]
    if cuda.fused(a) and bits in (0, 11):
        return _by_kernel(a, b, bits, parts)
    if bits == 0:
        return xp.matmul(a, b)
    large_a, large_b = rounded(a, bits), rounded(b, bits)
    result = xp.matmul(large_a, large_b)
    if parts == 2:
        small_a, small_b = rounded(a - large_a, bits), rounded(b - large_b, bits)
        result = result + (xp.matmul(large_a, small_b) + xp.matmul(small_a, large_b))
    return result


def rounded(x: Array, bits: int) -> Array:
    """Return single precision numbers rounded to the nearest with fewer significant bits: 8 bfloat16's, 11 TF32's.

    References
    ----------
    T. J. Dekker, A floating-point technique for extending the available precision, Numer. Math. 18 (1971): splitting
    """
    xp = array_module(x)
    assert x.dtype == xp.float32
    shifted = x * float(2 ** (24 - bits) + 1)
    return shifted - (shifted - x)


def _by_kernel(a: Array, b: Array, bits: int, parts: int) -> Array:
    """Return a b by `kernels/products.cu`; how a sum is dealt out depends on one matrix, not on how many there are."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    batch = (*a.shape[:-2], *b.shape[:-2])
    assert len(a.shape) == 2 or len(b.shape) == 2
    slices = max(1, min(-(-k // SLICE_TERMS), BLOCKS // (-(-m // TILE) * -(-n // TILE))))
    count = math.prod(batch)
    rows, batches = (count * m, 1) if len(b.shape) == 2 else (m, count)  # rows of several a are rows of one
    out = cuda.empty((slices, *batch, m, n), a)
    kernels, steps = cuda.program("products", a), (0, 0 if batches == 1 else k * n)
    threads = -(-n // TILE) * 128, -(-rows // TILE), batches * slices
    arguments = cuda.dense(a), cuda.dense(b), out, *steps
    if bits:
        kernels.launch("product_tensor", threads, *arguments, parts, slices, rows, n, k, block=(128,))
    else:
        kernels.launch("product_plain", threads, *arguments, slices, rows, n, k, block=(128,))
    if slices == 1:
        return out[0, ...]
    total = cuda.empty((*batch, m, n), a)
    kernels.launch("add_slices", (int(total.size),), out, total, slices, int(total.size))
    return total
