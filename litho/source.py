"""The illuminator: where light comes from, in direction sines over NA, and how it is cut into points.

A `Source` is shapes only. `Source.sample` cuts it into cells and stands a point at each cell's centre of mass; a
point's weight is the area of its cell, exactly, because the cells of a pole are rings and sectors that end where the
pole ends. The cells stay with their points: what a pupil's rim cuts off a cell is known to second order in the spacing.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPACING, SAMPLES = 0.03, 2500
"""Default: at most so far apart and about so many points, for intensities within 1e-4 of those of a finer source."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class SourcePoints:
    """A sampled source.

    Parameters
    ----------
    x, y : (S,) real
        direction sines over NA
    weight : (S,) real
        share of the light
    radial, tangential : (S, 2) real
        the two sides (x, y) of each point's cell, a parallelogram around it; zero for a true point
    """

    x: Values
    y: Values
    weight: Values
    radial: Values
    tangential: Values

    def __getitem__(self, chosen: Any) -> SourcePoints:
        parts = (self.x, self.y, self.weight, self.radial, self.tangential)
        return SourcePoints(*(p[chosen] for p in parts))

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Sector:
    """Evenly lit part of a ring around the axis.

    Parameters
    ----------
    inner, outer
        radii
    direction_deg
        where its middle lies, counted from +x towards +y
    opening_deg
        full angle
    """

    inner: float
    outer: float
    direction_deg: float = 0.0
    opening_deg: float = 360.0

    def __post_init__(self) -> None:
        if not 0 <= self.inner < self.outer <= 1:
            raise ValueError(
                f"`inner` and `outer` must obey 0 <= inner < outer <= 1, but got {self.inner} and {self.outer}."
            )
        if not 0 < self.opening_deg <= 360:
            raise ValueError(f"`opening_deg` must be in (0, 360], but got {self.opening_deg}.")
        if not math.isfinite(self.direction_deg):
            raise ValueError(f"`direction_deg` must be finite, but got {self.direction_deg}.")

    @property
    def area(self) -> float:
        """Area in units of NA^2."""
        return math.radians(self.opening_deg) / 2 * (self.outer**2 - self.inner**2)

    @property
    def extent(self) -> float:
        """Largest distance from the axis."""
        return self.outer

    def cells(self, spacing: float) -> SourcePoints:
        """Return points weighted by the area of their cells, about `spacing` wide."""
        rings = math.ceil((self.outer - self.inner) / spacing - 1e-9)
        edges = np.linspace(self.inner, self.outer, rings + 1)
        return _concatenated([self._ring(a, b, spacing) for a, b in itertools.pairwise(edges)])

    def _ring(self, inner: float, outer: float, spacing: float) -> SourcePoints:
        opening = math.radians(self.opening_deg)
        fold = 4 if self.opening_deg == 360 else 2  # keeps the mirror images of a shape in its points
        count = fold * max(1, round(opening * (inner + outer) / 2 / spacing / fold))
        step = opening / count
        angle = math.radians(self.direction_deg) + (np.arange(count) + (1 - count) / 2) * step
        area = (outer**2 - inner**2) * step / 2
        radius = (outer**3 - inner**3) / 3 * 2 * math.sin(step / 2) / area  # of the centre of mass
        out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        across = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
        return SourcePoints(
            radius * out[:, 0],
            radius * out[:, 1],
            np.full(count, area),
            (outer - inner) * out,
            radius * step * across,
        )


@dataclass(frozen=True)
class Dots:
    """True points, each (x, y, weight)."""

    dots: tuple[tuple[float, float, float], ...]

    def __post_init__(self) -> None:
        values = np.array(self.dots, dtype=float).reshape(-1, 3)
        _check_weights("weights", values[:, 2])
        if not np.isfinite(values).all() or self.extent > 1 + 1e-12:
            raise ValueError(
                f"`xy` must lie in the unit disc (direction sines over NA), but got a point at {self.extent:.6g}."
            )

    @property
    def area(self) -> float:
        """Area: none."""
        return 0.0

    @property
    def extent(self) -> float:
        """Largest distance from the axis of a point that shines."""
        return max(math.hypot(x, y) for x, y, weight in self.dots if not weight == 0)

    def cells(self, spacing: float) -> SourcePoints:
        """Return the points as they are, whatever the `spacing`."""
        x, y, weight = np.array(self.dots, dtype=float).T
        lit = weight > 0
        none = np.zeros((np.count_nonzero(lit), 2))
        return SourcePoints(x[lit], y[lit], weight[lit], none, none)


@dataclass(frozen=True)
class PixelMap:
    """Square pixels over [-1, 1]^2, row by row from y = -1, each evenly lit."""

    rows: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        shape = (len(self.rows), len(self.rows[0]) if self.rows else 0)
        if min(shape) < 1 or any(len(row) != shape[1] for row in self.rows):
            raise ValueError(f"`array` must be a map (y, x) of at least one pixel, but got shape {shape}.")
        values = np.array(self.rows)
        _check_weights("array", values)
        x, y = _pixel_centers(shape)
        radius = np.hypot(x[None, :], y[:, None])[values > 0].max()
        if radius > 1:
            raise ValueError(
                f"`array` must be dark where a pixel's centre is outside the unit disc, but is lit at {radius:.6g}."
            )

    @property
    def area(self) -> float:
        """Area of the lit pixels in units of NA^2."""
        return float(np.count_nonzero(self.rows) * 4 / np.size(self.rows))

    @property
    def extent(self) -> float:
        """Largest distance from the axis of a lit pixel's corner."""
        points = self.cells(2.0)
        size = np.abs(points.radial).sum(axis=1), np.abs(points.tangential).sum(axis=1)
        return float(np.hypot(np.abs(points.x) + size[0] / 2, np.abs(points.y) + size[1] / 2).max())

    def cells(self, spacing: float) -> SourcePoints:
        """Return points weighted by light, a whole number of them on either side of each lit pixel."""
        values = np.array(self.rows)
        fine = [n * max(1, math.ceil(2 / n / spacing - 1e-9)) for n in values.shape]
        values = np.kron(values, np.ones((fine[0] // values.shape[0], fine[1] // values.shape[1])))
        x, y = _pixel_centers((fine[0], fine[1]))
        row, column = np.nonzero(values)
        side = np.ones((len(row), 1))
        weight = values[row, column] * (4 / fine[0] / fine[1])
        return SourcePoints(x[column], y[row], weight, side * [2 / fine[1], 0.0], side * [0.0, 2 / fine[0]])


@dataclass(frozen=True)
class Source:
    """An illuminator; coordinates are direction sines over NA ("sigma").

    Made by the constructors `point`, `points`, `conventional`, `annular`, `dipole`, `quadrupole` and `from_map`.

    Parameters
    ----------
    shapes
        what shines; a shape's share of the light is its area, or its weight
    """

    shapes: tuple[Sector | Dots | PixelMap, ...]

    def __post_init__(self) -> None:
        if not self.shapes:
            raise ValueError("`shapes` must hold at least one shape, but got none.")

    @classmethod
    def point(cls, x: float = 0.0, y: float = 0.0) -> Source:
        """Return one point: coherent illumination."""
        return cls.points([(x, y)])

    @classmethod
    def points(cls, xy: ArrayLike, weights: ArrayLike | None = None) -> Source:
        """Return points at `xy` (n, 2), of equal light or of `weights` (n,) in any unit."""
        places = np.asarray(xy, dtype=float)
        if places.ndim != 2 or places.shape[1] != 2 or len(places) == 0:
            raise ValueError(f"`xy` must be points of shape (n, 2), but got shape {places.shape}.")
        light = np.ones(len(places)) if weights is None else np.asarray(weights, dtype=float)
        if light.shape != (len(places),):
            raise ValueError(f"`weights` must have one entry per point ({len(places)}), but got shape {light.shape}.")
        table = np.column_stack([places, light]).tolist()
        return cls((Dots(tuple((x, y, w) for x, y, w in table)),))

    @classmethod
    def conventional(cls, sigma: float) -> Source:
        """Return a disc of radius `sigma`."""
        if not 0 < sigma <= 1:
            raise ValueError(f"`sigma` must be in (0, 1], but got {sigma}.")
        return cls((Sector(0.0, float(sigma)),))

    @classmethod
    def annular(cls, inner: float, outer: float) -> Source:
        """Return a ring between the radii `inner` and `outer`."""
        return cls((Sector(float(inner), float(outer)),))

    @classmethod
    def dipole(
        cls,
        inner: float,
        outer: float,
        opening_deg: float,
        *,
        axis: str | None = None,
        rotation_deg: float = 0.0,
    ) -> Source:
        """Return two opposite sectors of a ring, on the `axis` "x" (the default) or "y", or turned by an angle."""
        if axis not in (None, "x", "y"):
            raise ValueError(f"`axis` must be 'x' or 'y', but got {axis!r}.")
        if axis is not None and rotation_deg:
            raise ValueError("`axis` must be left out where `rotation_deg` is given, but got both.")
        turn = 90.0 if axis == "y" else rotation_deg
        return cls._poles(2, 180.0, inner, outer, opening_deg, turn)

    @classmethod
    def quadrupole(cls, inner: float, outer: float, opening_deg: float, *, rotation_deg: float = 0.0) -> Source:
        """Return four sectors of a ring, on the axes, or turned by `rotation_deg` (45: on the diagonals)."""
        return cls._poles(4, 90.0, inner, outer, opening_deg, rotation_deg)

    @classmethod
    def from_map(cls, array: ArrayLike) -> Source:
        """Return square pixels of brightness `array` (y, x) over [-1, 1]^2, row 0 at y = -1."""
        values = np.asarray(array, dtype=float)
        if values.ndim != 2:
            raise ValueError(f"`array` must be a map (y, x), but got shape {values.shape}.")
        return cls((PixelMap(tuple(tuple(row) for row in values.tolist())),))

    @property
    def extent(self) -> float:
        """Largest distance from the axis: the band of an image has radius 1 + extent."""
        return max(shape.extent for shape in self.shapes)

    def sample(self, spacing: float | None = None) -> SourcePoints:
        """Cut the source into points.

        Parameters
        ----------
        spacing
            largest distance of neighbours, 0.03 or less if not given; true points are taken as they are

        Returns
        -------
        SourcePoints
            with weights that sum to 1
        """
        if spacing is None:
            area = sum(shape.area for shape in self.shapes)
            spacing = min(SPACING, math.sqrt(area / SAMPLES)) if area else SPACING
        if not (math.isfinite(spacing) and spacing > 0):
            raise ValueError(f"`spacing` must be a positive number, but got {spacing}.")
        points = _concatenated([shape.cells(spacing) for shape in self.shapes])
        weight = points.weight / points.weight.sum()
        return SourcePoints(points.x, points.y, weight, points.radial, points.tangential)

    @classmethod
    def _poles(
        cls, count: int, widest_deg: float, inner: float, outer: float, opening_deg: float, turn_deg: float
    ) -> Source:
        if not 0 < opening_deg <= widest_deg:
            raise ValueError(f"`opening_deg` must be in (0, {widest_deg:g}], but got {opening_deg}.")
        turns = [turn_deg + 360.0 / count * k for k in range(count)]
        return cls(tuple(Sector(float(inner), float(outer), float(t), float(opening_deg)) for t in turns))


def _pixel_centers(shape: tuple[int, int]) -> tuple[Values, Values]:
    """Return x (nx,) and y (ny,) of pixels that cut [-1, 1]^2."""
    ny, nx = shape
    return (2 * np.arange(nx) + 1 - nx) / nx, (2 * np.arange(ny) + 1 - ny) / ny


def _check_weights(name: str, weights: Values) -> None:
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"`{name}` must be finite and not negative, but got {_first_bad(weights)}.")
    if not (weights > 0).any():
        raise ValueError(f"`{name}` must hold some light, but all is zero.")


def _first_bad(weights: Values) -> float:
    return float(weights[~(weights >= 0) | np.isinf(weights)].flat[0])


def _concatenated(parts: list[SourcePoints]) -> SourcePoints:
    return SourcePoints(
        np.concatenate([p.x for p in parts]),
        np.concatenate([p.y for p in parts]),
        np.concatenate([p.weight for p in parts]),
        np.concatenate([p.radial for p in parts]),
        np.concatenate([p.tangential for p in parts]),
    )
