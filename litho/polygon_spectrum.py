"""The exact spectrum of polygons in the lens band, and its derivative with respect to every vertex: no raster.

The divergence theorem makes the spectrum of a shape a sum over its edges. In units of the period (the field is 1 by 1,
r = (x, y), k whole numbers),

    F[k] = i / (2 pi kx) sum_edges dy L[k]          for kx > 0,      L[k] = integral_0^1 exp(-2 pi i k.r(t)) dt
    F[k] = -i / (2 pi ky) sum_edges dx L[k]         for kx = 0,      r(t) the point that runs along the edge
    F[0] = the area,

and when vertices move, the outline moves, which adds a strip along each edge: with n = (dy, -dx) outwards,

    dF[k] = sum_edges n . integral_0^1 ((1 - t) dr_start + t dr_stop) exp(-2 pi i k.r(t)) dt.

Nothing is divided by anything small. The integrals are Gauss sums with as many points as the edge's longest phase
needs for double precision. At a point, the wave is a product of one in x and one in y, so that all edges and
frequencies are one real matrix product, and the derivative is a real field sampled on the outline.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from itertools import count as counting

from litho.backend import Array, array_module, complex_dtype, like, positions, real_dtype, zeros
from litho.fourier import band_frequencies
from litho.grid import Grid

CHUNK = 2**17
"""Values of waves computed at a time: few enough to stay in a cache."""

POINTS = (4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Numbers of points along an edge to choose from; a longer edge has several parts of the last one."""

QUADRATURE_ERROR = 1e-17
"""Bound of what a Gauss sum may be wrong by, relative to the length of the edge: less than rounding."""

FINE = 8
"""Waves are products of one of this many and one whose frequency is a multiple of it: few cosines, no drift."""


def join_outlines(polygons: Sequence[Array]) -> tuple[Array, tuple[int, ...]]:
    """Return all vertices (n, 2) of polygons, each (m, 2), and how many each has: the arguments of `polygon_band`."""
    if not polygons:
        raise ValueError("`polygons` must hold at least one polygon, but got none.")
    return array_module(*polygons).concat(list(polygons), axis=0), tuple(int(p.shape[0]) for p in polygons)


def polygon_band(vertices: Array, counts: Sequence[int], grid: Grid, radius: tuple[int, int]) -> tuple[Array, Array]:
    """Exact spectrum of polygons, as the half band of their coverage.

    Parameters
    ----------
    vertices : (n, 2) real
        points (x, y) in nm of one polygon after the other, the first not repeated. Counter-clockwise outlines add area
        and clockwise ones take it away; where outlines overlap, the coverage adds up
    counts
        vertices of each polygon, at least 3
    grid
        the field: its period and its lower left corner; its pixels do not matter. What lies outside the field comes
        back on its other side (`litho.raster.coverage` cuts it off)
    radius
        largest frequency (Ry, Rx), in cycles per period

    Returns
    -------
    half : (2 Ry + 1, Rx + 1) complex
        in the precision of `vertices`; it is computed in double precision
    saved
        what `polygon_band_adjoint` needs
    """
    xp = array_module(vertices)
    starts, sides = _edges(vertices, counts, grid)
    ky, kx = band_frequencies(radius[0], vertices)[:, None], positions(radius[1] + 1, vertices)[None, :]
    by_rise = xp.concat([kx, kx], axis=1) > 0
    products = zeros((2 * (radius[0] + 1), 2 * (radius[1] + 1)), starts)
    for chosen, shares, weights in _pieces(starts, sides, radius):
        side = xp.take(sides, chosen, axis=0)
        along_x, along_y = _waves_on(xp.take(starts, chosen, axis=0), side, shares, radius)
        run, rise = (xp.reshape(side[:, axis, None] * weights[None, :], (-1, 1)) for axis in (0, 1))
        products = products + xp.matmul(xp.matrix_transpose(along_y), along_x * xp.where(by_rise, rise, run))
    half = _half_of(products) * (1j / (2 * math.pi) / xp.where(kx > 0, kx, xp.where(ky == 0, 1.0, -ky)))
    area = xp.sum((starts[:, 0] + sides[:, 0] / 2) * sides[:, 1])
    half = xp.where((kx == 0) & (ky == 0), xp.astype(area, half.dtype), half)
    return xp.astype(half, complex_dtype(vertices)), vertices


def polygon_band_adjoint(half_bar: Array, saved: Array, counts: Sequence[int], grid: Grid) -> Array:
    """Gradient with respect to `vertices`, (n, 2) real, 1/nm, from the one with respect to `half`."""
    xp = array_module(half_bar, saved)
    if saved.shape[0] == 0:
        return zeros((0, 2), saved)
    radius = (int(half_bar.shape[0]) // 2, int(half_bar.shape[1]) - 1)
    starts, sides = _edges(saved, counts, grid)
    products_bar = _half_of_adjoint(xp.astype(half_bar, xp.complex128))
    order, at_start, at_stop = [], [], []
    for chosen, shares, weights in _pieces(starts, sides, radius):
        edges = xp.take(starts, chosen, axis=0), xp.take(sides, chosen, axis=0)
        along_x, along_y = _waves_on(*edges, shares, radius)
        strip_bar = xp.reshape(xp.sum(xp.matmul(along_y, products_bar) * along_x, axis=1), (-1, shares.shape[0]))
        order.append(chosen)
        at_start.append(xp.matmul(strip_bar, weights * (1 - shares)))
        at_stop.append(xp.matmul(strip_bar, weights * shares))
    back = xp.argsort(xp.concat(order))
    from_start, from_stop = (xp.take(xp.concat(parts), back)[:, None] for parts in (at_start, at_stop))
    normal = xp.stack([sides[:, 1], -sides[:, 0]], axis=1)
    previous = xp.argsort(_following(counts, saved))
    moved = normal * from_start + xp.take(normal * from_stop, previous, axis=0)
    return xp.astype(moved / like(grid.period_nm[::-1], saved, xp.float64), real_dtype(saved))


def _edges(vertices: Array, counts: Sequence[int], grid: Grid) -> tuple[Array, Array]:
    """Return where each edge starts and how far it runs, (n, 2) float64 x, y in periods of the field."""
    xp = array_module(vertices)
    if len(vertices.shape) != 2 or vertices.shape[1] != 2:
        raise ValueError(f"`vertices` must have shape (n, 2), but got {tuple(vertices.shape)}.")
    if sum(counts) != vertices.shape[0] or min(counts, default=3) < 3:
        raise ValueError(
            f"`counts` must be at least 3 each and sum to the vertices ({vertices.shape[0]}), "
            f"but got {list(counts)[:9]} with the sum {sum(counts)}."
        )
    if not bool(xp.all(xp.isfinite(vertices))):
        raise ValueError("`vertices` must be finite, but not all are.")
    origin, period = (like(pair, vertices, xp.float64) for pair in (grid.origin_nm, grid.period_nm[::-1]))
    starts = (xp.astype(vertices, xp.float64) - origin) / period
    return starts, xp.take(starts, _following(counts, vertices), axis=0) - starts


def _following(counts: Sequence[int], x: Array) -> Array:
    """Return the number of the next vertex of each vertex's polygon."""
    nested = ([*range(stop - n + 1, stop), stop - n] for n, stop in zip(counts, accumulate(counts), strict=True))
    return like([i for polygon in nested for i in polygon], x, array_module(x).int64)


def _pieces(starts: Array, sides: Array, radius: tuple[int, int]) -> Iterator[tuple[Array, Array, Array]]:
    """Yield numbers of edges with the Gauss points (0..1) and weights that integrate every wave along them."""
    xp = array_module(sides)
    turns = abs(sides[:, 0]) * radius[1] + abs(sides[:, 1]) * radius[0]
    longest, done = float(xp.max(turns)) if turns.shape[0] else 0.0, -1.0
    for count, parts in chain(((n, 1) for n in POINTS), ((POINTS[-1], m) for m in counting(2))):
        limit = parts * _most_turns(count)
        chosen = xp.nonzero((turns > done) & (turns <= limit))[0]
        points, weights = gauss_points(count)
        shares = like([(part + t) / parts for part in range(parts) for t in points], sides, xp.float64)
        weight = like([w / parts for w in weights] * parts, sides, xp.float64)
        step = max(1, CHUNK // (parts * count * 2 * (radius[0] + radius[1] + 2)))
        for start in range(0, chosen.shape[0], step):
            yield chosen[start : min(start + step, chosen.shape[0])], shares, weight
        if limit >= longest:
            return
        done = limit


def _waves_on(starts: Array, sides: Array, shares: Array, radius: tuple[int, int]) -> tuple[Array, Array]:
    """Return the waves in x and in y at points on edges, edge by edge, (points, 2 (R + 1)) each."""
    xp = array_module(starts)
    along = xp.reshape(starts[:, None, :] + shares[None, :, None] * sides[:, None, :], (-1, 2))
    return _waves(along[:, 0], radius[1]), _waves(along[:, 1], radius[0])


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


@lru_cache
def gauss_points(count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return `count` points in 0..1 and weights whose sum is exact for polynomials up to degree 2 count - 1."""
    points, weights = [], []
    for i in range(count):
        x, slope = math.cos(math.pi * (i + 0.75) / (count + 0.5)), 1.0
        for _ in range(6):  # Newton's method doubles the digits of this start, which has two or more
            before, value = 1.0, x
            for n in range(2, count + 1):
                before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
            slope = count * (x * value - before) / (x * x - 1)
            x -= value / slope
        points.append((1 + x) / 2)
        weights.append(1 / ((1 - x * x) * slope * slope))
    return tuple(points), tuple(weights)


@lru_cache
def _most_turns(count: int) -> float:
    """Return the phase, in turns along an edge, up to which so many Gauss points are exact to `QUADRATURE_ERROR`."""
    n = count  # the error is at most 2^(2n+1) n!^4 / ((2n+1) (2n)!^3) times the 2n-th derivative
    bound = (2 * n + 1) * math.log(2) + 4 * math.lgamma(n + 1) - math.log(2 * n + 1) - 3 * math.lgamma(2 * n + 1)
    return math.exp((math.log(QUADRATURE_ERROR) - bound) / (2 * n)) / math.pi
