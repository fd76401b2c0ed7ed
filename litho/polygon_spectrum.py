"""The exact spectrum of polygons in the lens band, and its derivative with respect to every vertex: no raster.

The divergence theorem makes the spectrum of a shape a sum over its edges. In units of the period (the field is 1 by 1,
r = (x, y), k whole numbers),

    F[k] = i / (2 pi kx) sum_edges dy L[k]          for kx > 0,      L[k] = integral_0^1 exp(-2 pi i k.r(t)) dt
    F[k] = -i / (2 pi ky) sum_edges dx L[k]         for kx = 0,      r(t) the point that runs along the edge
    F[0] = the area,

and when vertices move, the outline moves, which adds a strip along each edge: with n = (dy, -dx) outwards,

    dF[k] = sum_edges n . integral_0^1 ((1 - t) dr_start + t dr_stop) exp(-2 pi i k.r(t)) dt.

Nothing is divided by anything small. The integrals are Gauss sums with as many points as the edge's longest phase
needs for double precision, except that of an edge along y, for which its two ends are enough,

    dy L[k] = i / (2 pi ky) (exp(-2 pi i k.r(1)) - exp(-2 pi i k.r(0))),

and that of an edge along x, which counts for kx = 0 only, where L[k] is one wave: outlines along the axes are sums over
their vertices. `litho.wave_sums` adds the waves up; the derivative is a real field sampled on the outline.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from itertools import count as counting

from litho.backend import Array, array_module, complex_dtype, like, positions, real_dtype, zeros
from litho.fourier import band_frequencies, complete
from litho.grid import Grid
from litho.quadrature import gauss_points, log_error
from litho.wave_sums import wave_field, wave_sums

MOST_POINTS = 2**18
"""Points on edges whose waves are summed at a time."""

POINTS = (4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Numbers of points along an edge to choose from; a longer edge has several parts of the last one."""

QUADRATURE_ERROR = 1e-17
"""Bound of what a Gauss sum may be wrong by, relative to the length of the edge: less than rounding."""


def join_outlines(polygons: Sequence[Array]) -> tuple[Array, tuple[int, ...]]:
    """Return all vertices (n, 2) of polygons, each (m, 2), and how many each has: the arguments of `polygon_band`."""
    if not polygons:
        raise ValueError("`polygons` must hold at least one polygon, but got none.")
    return array_module(*polygons).concat(list(polygons), axis=0), tuple(int(p.shape[0]) for p in polygons)


def polygon_band(
    vertices: Array,
    counts: Sequence[int],
    grid: Grid,
    radius: tuple[int, int],
    weights: Sequence[float] | None = None,
    method: str = "auto",
) -> tuple[Array, Array]:
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
    weights
        what each polygon's coverage counts, 1 if not given
    method
        how waves are summed: "auto", "direct" or "nufft", see `litho.wave_sums`

    Returns
    -------
    half : (2 Ry + 1, Rx + 1) complex
        in the precision of `vertices`; it is computed in double precision
    saved
        what `polygon_band_adjoint` needs
    """
    xp = array_module(vertices)
    starts, sides = _edges(vertices, counts, grid)
    weight = _per_vertex(weights, counts, vertices)
    ky, kx = band_frequencies(radius[0], vertices)[:, None], positions(radius[1] + 1, vertices)[None, :]
    slanted = (sides[:, 0] != 0) & (sides[:, 1] != 0)
    inside = (kx > 0) & (ky != 0)
    sums = xp.where(inside, 1j / (2 * math.pi) / xp.where(inside, ky, 1.0), 1.0) * wave_sums(
        *_corners(starts, sides, weight, counts), radius, method
    )
    if bool(xp.any(slanted)):
        chosen = xp.nonzero(slanted)[0]
        starts_of, sides_of, weight_of = (xp.take(a, chosen, axis=0) for a in (starts, sides, weight))
        for edges, shares, gauss in _pieces(sides_of, radius):
            points = _points_on(starts_of, sides_of, edges, shares)
            run, rise = (
                xp.reshape(xp.take(weight_of * sides_of[:, axis], edges)[:, None] * gauss[None, :], (-1,))
                for axis in (0, 1)
            )
            sums = sums + wave_sums(points, xp.stack([rise, run, rise], axis=1), radius, method)
    half = sums * (1j / (2 * math.pi) / xp.where(kx > 0, kx, xp.where(ky == 0, 1.0, -ky)))
    area = xp.sum(weight * (starts[:, 0] + sides[:, 0] / 2) * sides[:, 1])
    half = xp.where((kx == 0) & (ky == 0), xp.astype(area, half.dtype), half)
    return xp.astype(half, complex_dtype(vertices)), vertices


def polygon_band_adjoint(
    half_bar: Array,
    saved: Array,
    counts: Sequence[int],
    grid: Grid,
    weights: Sequence[float] | None = None,
    method: str = "auto",
) -> Array:
    """Gradient with respect to `vertices`, (n, 2) real, 1/nm, from the one with respect to `half`."""
    xp = array_module(half_bar, saved)
    if saved.shape[0] == 0:
        return zeros((0, 2), saved)
    radius = (int(half_bar.shape[0]) // 2, int(half_bar.shape[1]) - 1)
    starts, sides = _edges(saved, counts, grid)
    band_bar = xp.astype(half_bar, xp.complex128)
    order, at_start, at_stop = [], [], []
    for edges, shares, gauss in _pieces(sides, radius):
        field = wave_field(band_bar, _points_on(starts, sides, edges, shares), method)
        strip_bar = xp.reshape(field, (-1, shares.shape[0]))
        order.append(edges)
        at_start.append(xp.matmul(strip_bar, gauss * (1 - shares)))
        at_stop.append(xp.matmul(strip_bar, gauss * shares))
    back = xp.argsort(xp.concat(order))
    from_start, from_stop = (xp.take(xp.concat(parts), back)[:, None] for parts in (at_start, at_stop))
    normal = xp.stack([sides[:, 1], -sides[:, 0]], axis=1)
    moved = normal * from_start + xp.take(normal * from_stop, _previous(counts, saved), axis=0)
    moved = moved * _per_vertex(weights, counts, saved)[:, None]
    return xp.astype(moved / like(grid.period_nm[::-1], saved, xp.float64), real_dtype(saved))


def weighted_band(
    vertices: Array, counts: Sequence[int], weights: Sequence[complex], grid: Grid, radius: tuple[int, int]
) -> Array:
    """Return the full band, (2 Ry + 1, 2 Rx + 1) complex, of the sum of polygons' coverages times complex weights.

    It is not that of a real field, unless every weight is real; the arguments are those of `polygon_band`.
    """
    parts = [complex(weight) for weight in weights]
    half, _ = polygon_band(vertices, counts, grid, radius, [weight.real for weight in parts])
    if not any(weight.imag for weight in parts):
        return complete(half)
    imaginary, _ = polygon_band(vertices, counts, grid, radius, [weight.imag for weight in parts])
    return complete(half) + 1j * complete(imaginary)


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
    numbers = list(range(1, sum(counts) + 1))
    for count, stop in zip(counts, accumulate(counts), strict=True):
        numbers[stop - 1] = stop - count
    return like(numbers, x, array_module(x).int64)


def _previous(counts: Sequence[int], x: Array) -> Array:
    """Return the number of the vertex before each."""
    numbers = list(range(-1, sum(counts) - 1))
    for count, stop in zip(counts, accumulate(counts), strict=True):
        numbers[stop - count] = stop - 1
    return like(numbers, x, array_module(x).int64)


def _per_vertex(weights: Sequence[float] | None, counts: Sequence[int], x: Array) -> Array:
    """Return the weight of each vertex's polygon, (n,) float64."""
    if weights is not None and len(weights) != len(counts):
        raise ValueError(f"`weights` must have one number per polygon ({len(counts)}), but got {len(weights)}.")
    pairs = zip(weights if weights is not None else [1.0] * len(counts), counts, strict=True)
    return like([w for weight, count in pairs for w in [float(weight)] * count], x, array_module(x).float64)


def _corners(starts: Array, sides: Array, weight: Array, counts: Sequence[int]) -> tuple[Array, Array]:
    """Return points and weights of `wave_sums` for the edges along the axes: their ends are all that counts."""
    xp = array_module(starts)
    run = xp.where(sides[:, 1] == 0, sides[:, 0], 0.0)
    rise = xp.where(sides[:, 0] == 0, sides[:, 1], 0.0)
    leaving = xp.astype(rise != 0, xp.float64)
    arriving = xp.take(leaving, _previous(counts, starts))
    values = weight[:, None] * xp.stack([arriving - leaving, run, rise], axis=1)
    used = xp.nonzero(xp.any(values != 0, axis=1))[0]
    return xp.take(starts, used, axis=0), xp.take(values, used, axis=0)


def _pieces(sides: Array, radius: tuple[int, int]) -> Iterator[tuple[Array, Array, Array]]:
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
        step = max(1, MOST_POINTS // (parts * count))
        for start in range(0, chosen.shape[0], step):
            yield chosen[start : min(start + step, chosen.shape[0])], shares, weight
        if limit >= longest:
            return
        done = limit


def _points_on(starts: Array, sides: Array, edges: Array, shares: Array) -> Array:
    """Return points on edges, edge by edge, (points, 2)."""
    xp = array_module(starts)
    start, side = (xp.take(a, edges, axis=0)[:, None, :] for a in (starts, sides))
    return xp.reshape(start + shares[None, :, None] * side, (-1, 2))


@lru_cache
def _most_turns(count: int) -> float:
    """Return the phase, in turns along an edge, up to which so many Gauss points are exact to `QUADRATURE_ERROR`."""
    return math.exp((math.log(QUADRATURE_ERROR) - log_error(count)) / (2 * count)) / (2 * math.pi)
