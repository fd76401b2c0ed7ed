"""Sums of plane waves over points, the work behind exact spectra, and real fields at points, their adjoint.

At a point a wave is a product of one in x and one in y, so that all points and frequencies are one real matrix
product. Its work is points times frequencies. A non-uniform FFT spreads each point over a few samples of a grid
instead, whatever the number of frequencies (Barnett, Magland & af Klinteberg, SIAM J. Sci. Comput. 41, C479, 2019;
the library finufft): it is used for NumPy arrays where it is installed and the sum is long, unless `method` says
otherwise, and agrees with the matrix product to 1e-13 of the largest sum.
"""

from __future__ import annotations

import importlib.util
import math
from functools import lru_cache
from typing import Any

from litho.backend import Array, array_module, positions, zeros

CHUNK = 2**17
"""Values of waves computed at a time: few enough to stay in a cache."""

FINE = 8
"""Waves are products of one of this many and one whose frequency is a multiple of it: few cosines, no drift."""

NUFFT_ERROR = 1e-14
"""Share of the largest sum that a non-uniform FFT is asked to be right to; it reaches 1e-13 and better."""

NUFFT_PAYS = 2000
"""Points from which a non-uniform FFT is the faster, measured on one core for radii of 15 to 100."""


def wave_sums(points: Array, weights: Array, radius: tuple[int, int], method: str = "auto") -> Array:
    """Sums over points of weights times exp(-2 pi i k.r), as a half band.

    Parameters
    ----------
    points : (n, 2) float64
        x, y in periods of the field
    weights : (n, 3) float64
        of each point for frequencies with kx > 0 and ky != 0, for those with kx = 0, and for those with kx > 0, ky = 0
    radius
        largest frequency (Ry, Rx)
    method
        "direct": matrix products; "nufft": finufft; "auto": the faster of those that are there

    Returns
    -------
    half : (2 Ry + 1, Rx + 1) complex128
    """
    if uses_nufft(points, method):
        return _sums_by_nufft(points, weights, radius)
    xp = array_module(points, weights)
    off_axis = xp.concat([positions(radius[1] + 1, points)] * 2)[None, :] > 0
    products = zeros((2 * (radius[0] + 1), 2 * (radius[1] + 1)), points)
    row = products[0, :]
    for chosen in _chunks(points, radius):
        along_x, along_y = _waves(points[chosen, 0], radius[1]), _waves(points[chosen, 1], radius[0])
        weight = weights[chosen, :]
        products = products + xp.matmul(
            xp.matrix_transpose(along_y), along_x * xp.where(off_axis, weight[:, :1], weight[:, 1:2])
        )
        row = row + xp.matmul(weight[:, 2], along_x)
    half, columns = _half_of(products), radius[1] + 1
    first = xp.concat([half[:1, :1], (row[:columns] - 1j * row[columns:])[None, 1:]], axis=1)
    return xp.concat([first, half[1:, :]], axis=0)


def wave_field(half_bar: Array, points: Array, method: str = "auto") -> Array:
    """Real field at points, Re sum of half_bar times exp(+2 pi i k.r): the adjoint of `wave_sums` with equal weights.

    Parameters
    ----------
    half_bar : (2 Ry + 1, Rx + 1) complex128
    points : (n, 2) float64
        x, y in periods of the field
    method
        as for `wave_sums`

    Returns
    -------
    field : (n,) float64
    """
    radius = (int(half_bar.shape[0]) // 2, int(half_bar.shape[1]) - 1)
    if uses_nufft(points, method):
        return _field_by_nufft(half_bar, points)
    xp, products_bar = array_module(half_bar, points), _half_of_adjoint(half_bar)
    fields = [zeros((0,), points)]
    for chosen in _chunks(points, radius):
        along_x, along_y = _waves(points[chosen, 0], radius[1]), _waves(points[chosen, 1], radius[0])
        fields.append(xp.sum(xp.matmul(along_y, products_bar) * along_x, axis=1))
    return xp.concat(fields)


def uses_nufft(points: Array, method: str) -> bool:
    """Return whether a sum goes by a non-uniform FFT."""
    if method not in ("auto", "direct", "nufft"):
        raise ValueError(f"`method` must be 'auto', 'direct' or 'nufft', but got {method!r}.")
    able = array_module(points).__name__ == "numpy" and has_finufft()
    if method == "nufft" and not able:
        raise ValueError("`method` 'nufft' must have NumPy arrays and finufft (pip install finufft); see 'direct'.")
    return able and points.shape[0] >= {"auto": NUFFT_PAYS, "nufft": 1, "direct": math.inf}[method]


@lru_cache
def has_finufft() -> bool:
    """Return whether the library of non-uniform FFTs is installed."""
    return importlib.util.find_spec("finufft") is not None


def _sums_by_nufft(points: Array, weights: Array, radius: tuple[int, int]) -> Array:
    finufft, settings = _finufft()
    x, y = _turned(points)
    rows, columns = 2 * radius[0] + 1, 2 * radius[1] + 1
    inner, first_column, first_row = (weights[:, i] + 0j for i in range(3))
    half = finufft.nufft2d1(y, x, inner, (rows, columns), isign=-1, **settings)[:, : radius[1] + 1]
    half[0, :] = finufft.nufft1d1(x, first_row, columns, isign=-1, **settings)[: radius[1] + 1]
    half[:, 0] = finufft.nufft1d1(y, first_column, rows, isign=-1, **settings)
    return half


def _field_by_nufft(half_bar: Array, points: Array) -> Array:
    finufft, settings = _finufft()
    xp, (x, y) = array_module(points), _turned(points)
    full = xp.concat([half_bar, 0 * half_bar[:, 1:]], axis=1)
    return xp.real(finufft.nufft2d2(y, x, full, isign=1, **settings))


def _finufft() -> tuple[Any, dict[str, Any]]:
    return importlib.import_module("finufft"), {
        "eps": NUFFT_ERROR,
        "modeord": 1,
        "nthreads": 1,
    }  # several threads add in any order


def _turned(points: Array) -> tuple[Array, Array]:
    """Return x and y as angles within -pi ... pi, which lie in memory one by one."""
    xp = array_module(points)
    x, y = (2 * math.pi * (points[:, i] - xp.round(points[:, i])) for i in (0, 1))
    return x, y


def _chunks(points: Array, radius: tuple[int, int]) -> list[slice]:
    step, count = max(1, CHUNK // (2 * (radius[0] + radius[1] + 2))), int(points.shape[0])
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def _waves(place: Array, radius: int) -> Array:
    """Return cosines, then sines, of 2 pi k x for k = 0 ... R, (points, 2 (R + 1))."""
    xp = array_module(place)
    place = (place - xp.round(place))[:, None]
    few, many = positions(FINE, place)[None, :], FINE * positions(radius // FINE + 1, place)[None, :]
    (c, s), (cc, ss) = ((xp.cos(a), xp.sin(a)) for a in (2 * math.pi * place * few, 2 * math.pi * place * many))
    c, s, cc, ss = c[:, None, :], s[:, None, :], cc[:, :, None], ss[:, :, None]
    shape = (place.shape[0], few.shape[1] * many.shape[1])
    parts = (xp.reshape(part, shape)[:, : radius + 1] for part in (cc * c - ss * s, ss * c + cc * s))
    return xp.concat(list(parts), axis=1)


def _half_of(products: Array) -> Array:
    """Return sum exp(-2 pi i k.r) as a half band, from the sums of products of cosines and sines in y and x."""
    xp = array_module(products)
    rows, columns = products.shape[0] // 2, products.shape[1] // 2
    cc, cs = products[:rows, :columns], products[:rows, columns:]
    sc, ss = products[rows:, :columns], products[rows:, columns:]
    positive, negative = (cc - ss) - 1j * (cs + sc), (cc + ss) - 1j * (cs - sc)
    return xp.concat([positive, xp.flip(negative[1:, :], axis=0)], axis=0)


def _half_of_adjoint(half_bar: Array) -> Array:
    """Gradient with respect to `products`, from that of the half band."""
    xp = array_module(half_bar)
    rows = (half_bar.shape[0] + 1) // 2
    positive = half_bar[:rows, :]
    negative = xp.concat([0 * half_bar[:1, :], xp.flip(half_bar[rows:, :], axis=0)], axis=0)
    total, difference = positive + negative, negative - positive
    cosines = xp.concat([xp.real(total), -xp.imag(total)], axis=1)
    sines = xp.concat([xp.imag(difference), xp.real(difference)], axis=1)
    return xp.concat([cosines, sines], axis=0)
