"""Illuminators as maps over [-1, 1]^2: pixels as a shape, and the light of any shape on pixels, exactly.

A pixel's value is its light over its area. What the rim cuts off a pixel is dark: its light lies evenly in the part
that is left. So the map of a source is a source with the same light, and the map of that one is the same map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from litho.source_shapes import NODE_WEIGHTS, NODES, Dots, Sector, SourcePoints, Values, check_weights

MAX_PIXELS = 2**22
"""A map of more is refused."""

CHUNK = 2**15
"""Sides of pixels integrated along at a time."""

NOISE = 1e-14
"""A pixel with less than this share of the light has none: its sides cancel to rounding."""

SLIVER = 1e-6
"""A pixel that reaches less deep than this into the unit disc lies outside."""


@dataclass(frozen=True)
class PixelMap:
    """Pixels over [-1, 1]^2, row by row from y = -1, each evenly lit where it lies in the unit disc.

    Parameters
    ----------
    shape
        pixels (y, x)
    data
        float64 values in that order
    """

    shape: tuple[int, int]
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or math.prod(self.shape) > MAX_PIXELS:
            raise ValueError(f"`map` must be of 1 to {MAX_PIXELS} pixels (y, x), but got shape {self.shape}.")
        check_weights("map", self.values)
        radius = _nearest(self.shape)[self.values > 0].max()
        if radius > 1 - SLIVER:
            raise ValueError(f"`map` must be dark outside the unit disc, but a pixel at {radius:.6g} or more is lit.")

    @classmethod
    def of(cls, values: ArrayLike) -> PixelMap:
        """Return the map of an array (y, x)."""
        array = np.asarray(values, dtype=float)
        if array.ndim != 2:
            raise ValueError(f"`map` must be an array (y, x), but got shape {array.shape}.")
        return cls((array.shape[0], array.shape[1]), (array + 0.0).tobytes())

    @property
    def values(self) -> Values:
        """Brightness, (y, x)."""
        return np.frombuffer(self.data).reshape(self.shape)

    @property
    def light(self) -> float:
        """Brightness times area, in units of NA^2."""
        return float(self.values.mean() * 4)

    @property
    def area(self) -> float:
        """Area that would give this light at full brightness."""
        return self.light / float(self.values.max())

    @property
    def extent(self) -> float:
        """Largest distance from the axis of lit places."""
        y, x = (np.linspace(-1, 1, n + 1) for n in self.shape)
        return min(1.0, float(_distance(_furthest, x, y)[self.values > 0].max()))

    def scaled(self, factor: float) -> PixelMap:
        """Return the map `factor` times as bright."""
        return PixelMap.of(self.values * factor)

    def cells(self, spacing: float) -> SourcePoints:
        """Return points weighted by light, each for a part of a pixel or for several pixels, about `spacing` wide."""
        lit = self.values > 0
        ends = [
            _lit_ends(_cell_ends(n, spacing), np.atleast_1d(lit.any(axis=1 - axis)))
            for axis, n in enumerate(self.shape)
        ]
        light, along_x, along_y = self.moments(ends[1], ends[0])
        row, column = np.nonzero(light > NOISE * light.sum())
        weight = light[row, column]
        height, width, none = np.diff(ends[0])[row], np.diff(ends[1])[column], np.zeros(len(row))
        return SourcePoints(
            along_x[row, column] / weight,
            along_y[row, column] / weight,
            weight,
            np.stack([width, none], axis=1),
            np.stack([none, height], axis=1),
        )

    def moments(self, x: Values, y: Values) -> Values:
        """Return light, and light times x and y, between lines at `x` and at `y`, (3, len(y) - 1, len(x) - 1)."""
        ends = [np.linspace(-1, 1, n + 1) for n in self.shape]
        fine_y, fine_x = (np.unique(np.round([*a, *b], 12)) for a, b in zip(ends, (y, x), strict=True))
        disc = sector_moments(Sector(0.0, 1.0), fine_x, fine_y)
        mine = [_places(ends[0], fine_y), _places(ends[1], fine_x)]
        area = _binned(disc[0], mine, self.shape)
        density = self.values * (4 / self.values.size) / np.where(area > 0, area, 1.0)
        theirs = [_places(y, fine_y), _places(x, fine_x)]
        return np.stack([_binned(density[np.ix_(*mine)] * d, theirs, (len(y) - 1, len(x) - 1)) for d in disc])


def brightness_map(shape: Sector | Dots | PixelMap, n: int) -> Values:
    """Return the light of a shape over the area of each pixel, (n, n), row 0 at y = -1.

    A point between pixels belongs to the one on its right, and to the one above.
    """
    ends = np.linspace(-1, 1, n + 1)
    if isinstance(shape, Dots):
        points = shape.cells(0.0)
        row, column = (np.clip(np.searchsorted(ends, c, "right") - 1, 0, n - 1) for c in (points.y, points.x))
        light = np.zeros((n, n))
        np.add.at(light, (row, column), points.weight)
        return light * (n * n / 4)
    light = shape.moments(ends, ends)[0] if isinstance(shape, PixelMap) else sector_moments(shape, ends, ends)[0]
    lit = (light > NOISE * light.sum()) & (_nearest((n, n)) <= 1 - SLIVER)
    return np.where(lit, light, 0.0) * (n * n / 4)


def sector_moments(sector: Sector, x: Values, y: Values) -> Values:
    """Light of a sector, and light times x and y, between lines at `x` and at `y`.

    Where a border or an edge crosses a pixel: Green's theorem about the sector's centre. What a pixel holds is the
    integral over the angle, along its sides, of the light between the centre and the side.

    Returns
    -------
    (3, len(y) - 1, len(x) - 1) real
    """
    (cx, cy), reach = sector.center, sector.outer + sector.edge / 2
    u, v = _lines(x - cx, reach), _lines(y - cy, reach)
    width, height = np.broadcast_arrays(np.diff(u), np.diff(v)[:, None])
    bright = _bright(sector, u, v)
    area = np.where(bright > 0, width * height, 0.0)
    fine = np.stack([area, area * ((u[:-1] + u[1:]) / 2), area * ((v[:-1] + v[1:]) / 2)[:, None]])
    row, column = np.nonzero(np.isnan(bright))
    wide, high = width[row, column], height[row, column]
    below, above = (_along_sides(sector, u[column], v[row + k], wide, 0) for k in (0, 1))
    left, right = (_along_sides(sector, u[column + k], v[row], high, 1) for k in (0, 1))
    fine[:, row, column] = below - above + right - left
    places = [_places(y, v + cy), _places(x, u + cx)]
    light, *first = (_binned(moment, places, (len(y) - 1, len(x) - 1)) for moment in fine)
    return np.stack([light, first[0] + cx * light, first[1] + cy * light]) * sector.brightness


def _bright(sector: Sector, x: Values, y: Values) -> Values:
    """Return 1 for pixels between lines that are evenly lit, 0 for dark ones, NaN for others."""
    profile, low, high = sector.radii, _distance(_closest, x, y), _distance(_furthest, x, y)
    whole = (high <= profile.knots[-1] - sector.edge) & (low >= max(profile.low + sector.edge / 2, 0))
    dark = (low >= profile.knots[-1]) | (high <= profile.low - sector.edge / 2)
    if sector.angles is not None:
        corners = np.arctan2(y[:, None], x) - math.radians(sector.direction_deg)
        corners = np.remainder(corners + math.pi, 2 * math.pi) - math.pi
        four = np.stack([corners[:-1, :-1], corners[1:, :-1], corners[:-1, 1:], corners[1:, 1:]])
        first, last = four.min(axis=0), four.max(axis=0)
        narrow = (last - first < math.pi / 2) & (low > 0)  # it neither holds the centre nor lies opposite the middle
        end, ramp = sector.angles.high, sector.angles.edge / 2
        whole &= narrow & (last <= end - ramp) & (first >= ramp - end)
        dark |= narrow & ((first >= end + ramp) | (last <= -end - ramp))
    return np.where(whole, 1.0, np.where(dark, 0.0, np.nan))


def _along_sides(sector: Sector, x: Values, y: Values, length: Values, axis: int) -> Values:
    """Return the integral over each side that begins at (x, y), as seen from the centre, and runs along an axis."""
    columns = np.stack([x.ravel(), y.ravel(), length.ravel()])
    parts = [_along_some(sector, columns[:, k : k + CHUNK], axis) for k in range(0, x.size, CHUNK)]
    return np.concatenate(parts, axis=1).reshape(3, *x.shape)


def _along_some(sector: Sector, sides: Values, axis: int) -> Values:
    along, across, length = sides[axis], sides[1 - axis], sides[2]
    breaks = np.clip((_breaks(sector, across, axis) - along[:, None]) / length[:, None], 0, 1)
    ends = np.sort(np.concatenate([breaks, np.zeros((len(along), 1)), np.ones((len(along), 1))], axis=1), axis=1)
    side, piece = np.nonzero(np.diff(ends, axis=1) > 0)
    low, high = ends[side, piece], ends[side, piece + 1]
    t = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * NODES
    step = (length[side] * (high - low) / 2)[:, None] * NODE_WEIGHTS
    place = along[side, None] + t * length[side, None]
    px, py = (place, across[side, None]) if axis == 0 else (across[side, None], place)
    turned = step * (-py if axis == 0 else px)  # radius^2 times the angle
    values = _inner(sector, np.hypot(px, py), np.arctan2(py, px))
    sums = [(turned * value).sum(axis=1) for value in (values[0], values[1] * px, values[1] * py)]
    return np.stack([np.bincount(side, s, len(along)) for s in sums])


def _inner(sector: Sector, radius: Values, angle: Values) -> list[Values]:
    """Return the integrals of b r dr / radius^2 and b r^2 dr / radius^3 from the centre to `radius`."""
    radius = np.maximum(radius, 1e-100)
    if sector.angles is None:
        over = np.ones_like(angle)
    else:
        turn = angle - math.radians(sector.direction_deg)
        over = sector.angles(np.remainder(turn + math.pi, 2 * math.pi) - math.pi)
    return [over * sector.radii.integral(radius, power) / radius ** (power + 1) for power in (1, 2)]


def _breaks(sector: Sector, across: Values, axis: int) -> Values:
    """Return where lines at `across` from the centre meet the borders of the sector's edges, (lines, places)."""
    # round a small hole the integrand changes with every doubling of the radius
    doublings = range(1, math.ceil(math.log2(sector.outer / sector.inner))) if sector.inner > 0 else ()
    radii = np.array([*sector.radii.knots, *(sector.inner * 2.0**k for k in doublings)])
    squared = radii**2 - across[:, None] ** 2
    chord = np.sqrt(np.maximum(squared, 0))
    places = [chord, -chord, np.zeros((len(across), 1))]
    for knot in sector.angles.knots if sector.angles else ():
        sine, cosine = (f(math.radians(sector.direction_deg) + knot) for f in (math.sin, math.cos))
        rise, run = (sine, cosine) if axis == 0 else (cosine, sine)
        if abs(rise) > 1e-12:
            places.append(across[:, None] * (run / rise))
    return np.concatenate(places, axis=1)


def _nearest(shape: tuple[int, int]) -> Values:
    """Return the smallest distance of each pixel from the axis."""
    return _distance(_closest, *(np.linspace(-1, 1, n + 1) for n in reversed(shape)))


def _distance(extreme: Callable[[Values], Values], x: Values, y: Values) -> Values:
    """Return the distance from the origin of the `_closest` or `_furthest` place of each pixel between lines."""
    return np.hypot(extreme(x), extreme(y)[:, None])


def _closest(ends: Values) -> Values:
    return np.maximum(np.maximum(ends[:-1], -ends[1:]), 0)


def _furthest(ends: Values) -> Values:
    return np.maximum(np.abs(ends[:-1]), np.abs(ends[1:]))


def _lines(ends: Values, reach: float) -> Values:
    """Return `ends` within a shape's `reach` and more lines, close enough together for Gauss's rule between them."""
    return np.union1d(ends[np.abs(ends) < reach], np.linspace(-reach, reach, 9))


def _places(coarse: Values, fine: Values) -> NDArray[np.intp]:
    """Return in which coarse interval each fine one lies."""
    middle = (fine[:-1] + fine[1:]) / 2
    return np.clip(np.searchsorted(coarse, middle) - 1, 0, len(coarse) - 2)


def _binned(values: Values, places: list[NDArray[np.intp]], shape: tuple[int, int]) -> Values:
    """Return sums of a fine map over coarse pixels."""
    rows = np.zeros((shape[0], values.shape[1]))
    np.add.at(rows, places[0], values)
    columns = np.zeros((shape[1], shape[0]))
    np.add.at(columns, places[1], rows.T)
    return columns.T


def _lit_ends(ends: Values, lit: NDArray[np.bool_]) -> Values:
    """Return those of `ends` between which any pixel of a row is lit."""
    first, last = np.flatnonzero(lit)[[0, -1]]
    low, high = 2 * first / len(lit) - 1, 2 * (last + 1) / len(lit) - 1
    return ends[max(np.searchsorted(ends, low + 1e-9) - 1, 0) : np.searchsorted(ends, high - 1e-9) + 1]


def _cell_ends(n: int, spacing: float) -> Values:
    """Return where cells end: each of `n` pixels in equal parts, or several in one, mirrored about the middle.

    No cell lies across the axis: there the rims of opposite orders may touch, and must not cut the same cells.
    """
    together = max(1, math.floor(spacing * n / 2 + 1e-9))
    if together > 1:
        count = math.ceil(n / together)
        lower = np.round(np.arange(count // 2 + 1) * (n / count)) * (2 / n) - 1
        ends = np.concatenate([lower, -lower])
    else:
        ends = np.linspace(-1, 1, n * math.ceil(2 / n / spacing - 1e-9) + 1)
    return np.unique(np.round([*ends, 0.0], 12))
