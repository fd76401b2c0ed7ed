"""The illuminator: where light comes from, in direction sines over NA, and how it is cut into points.

A `Source` is shapes only. `Source.sample` cuts it into cells and stands a point at each cell's centre of mass; a
point's weight is the light of its cell, exactly, because cells end where a shape ends. The cells stay with their
points: what a pupil's rim cuts off a cell is known to second order in the spacing.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from litho.source_maps import PixelMap, brightness_map
from litho.source_shapes import RIM, Dots, Sector, SourcePoints, Values, concatenated

MAX_ERROR = 1e-4
"""Default error of an image from the sampling of the source."""

RIM_ERROR, SLOPE_ERROR = 0.2, 0.11
"""Constants of `Source.sampling_error`."""


@dataclass(frozen=True)
class Source:
    """An illuminator; coordinates are direction sines over NA ("sigma").

    Shapes add, `a + b`, and `0.5 * a` is half as bright: `Source.annular(0.6, 0.9) + 0.5 * Source.conventional(0.2)`.
    An image depends on relative light only.

    Parameters
    ----------
    shapes
        what shines; a shape's share of the light is its brightness times its area, or its weight
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
    def dipole(cls, center: float, radius: float, axis: str = "x", rotation_deg: float = 0.0) -> Source:
        """Return two discs of `radius` at the distance `center`, on the `axis` "x" or "y" or turned away from it."""
        if axis not in ("x", "y"):
            raise ValueError(f"`axis` must be 'x' or 'y', but got {axis!r}.")
        return cls._discs(2, center, radius, rotation_deg + (90.0 if axis == "y" else 0.0))

    @classmethod
    def quadrupole(cls, center: float, radius: float, rotation_deg: float = 0.0) -> Source:
        """Return four discs of `radius` at the distance `center`, on the axes or turned (45: on the diagonals)."""
        return cls._discs(4, center, radius, rotation_deg)

    @classmethod
    def hexapole(cls, center: float, radius: float, rotation_deg: float = 0.0) -> Source:
        """Return six discs of `radius` at the distance `center`, the first on +x or turned."""
        return cls._discs(6, center, radius, rotation_deg)

    @classmethod
    def sectors(
        cls, inner: float, outer: float, opening_deg: float, poles: int = 2, rotation_deg: float = 0.0
    ) -> Source:
        """Return `poles` equal sectors of a ring, each `opening_deg` wide, the first on +x or turned."""
        if poles != int(poles) or poles < 1:
            raise ValueError(f"`poles` must be a whole number of at least 1, but got {poles}.")
        if not 0 < opening_deg <= 360 / poles:
            raise ValueError(f"`opening_deg` must be in (0, {360 / poles:g}], but got {opening_deg}.")
        turns = [rotation_deg + 360.0 / poles * k for k in range(int(poles))]
        return cls(tuple(Sector(float(inner), float(outer), float(t), float(opening_deg)) for t in turns))

    @classmethod
    def quasar(cls, inner: float, outer: float, opening_deg: float, rotation_deg: float = 45.0) -> Source:
        """Return four sectors of a ring, on the diagonals unless turned otherwise."""
        return cls.sectors(inner, outer, opening_deg, 4, rotation_deg)

    @classmethod
    def cquad(cls, inner: float, outer: float, opening_deg: float) -> Source:
        """Return four sectors of a ring, on the axes."""
        return cls.sectors(inner, outer, opening_deg, 4)

    @classmethod
    def pixels(cls, map: ArrayLike) -> Source:
        """Return pixels of brightness `map` (y, x) over [-1, 1]^2, row 0 at y = -1; the unit disc's rim cuts them."""
        return cls((PixelMap.of(map),))

    def __add__(self, other: Source) -> Source:
        if not isinstance(other, Source):
            return NotImplemented
        return Source(self.shapes + other.shapes)

    def __rmul__(self, factor: float) -> Source:
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"`factor` must be a positive number, but got {factor}.")
        return Source(tuple(shape.scaled(float(factor)) for shape in self.shapes))

    def softened(self, edge: float) -> Source:
        """Return the source with edges `edge` wide, half of it beyond the nominal border.

        The brightness falls as 3 t^2 - 2 t^3, so 10 % to 90 % of it lie within 0.61 `edge`. A disc gains the light
        pi edge^2 / 20, a ring neither gains nor loses.
        """
        if any(not isinstance(shape, Sector) for shape in self.shapes):
            raise ValueError("`edge` must be given to shapes with borders, but points and pixels have none.")
        return Source(tuple(dataclasses.replace(shape, edge=float(edge)) for shape in self.shapes))  # type: ignore

    @property
    def extent(self) -> float:
        """Largest distance from the axis: the band of an image has radius 1 + extent."""
        return max(shape.extent for shape in self.shapes)

    @property
    def light(self) -> float:
        """Brightness times area, in units of NA^2, and the weights of points."""
        return math.fsum(shape.light for shape in self.shapes)

    def to_map(self, n: int) -> Values:
        """Return the brightness of `n` x `n` pixels over [-1, 1]^2, row 0 at y = -1; `pixels` takes it back.

        Each value is the light within the pixel over the pixel's area, exactly, so the light of the map is that of
        the source.
        """
        if not 1 <= n <= 1024:
            raise ValueError(f"`n` must be in 1..1024, but got {n}.")
        return np.asarray(sum(brightness_map(shape, int(n)) for shape in self.shapes))

    def sample(self, spacing: float | None = None) -> SourcePoints:
        """Cut the source into points.

        Parameters
        ----------
        spacing
            about the distance of neighbours, `spacing_for()` if not given; true points are taken as they are

        Returns
        -------
        SourcePoints
            with weights that sum to 1
        """
        spacing = self.spacing_for() if spacing is None else spacing
        if not (math.isfinite(spacing) and spacing > 0):
            raise ValueError(f"`spacing` must be a positive number, but got {spacing}.")
        points = concatenated([shape.cells(spacing) for shape in self.shapes])
        weight = points.weight / points.weight.sum()
        return SourcePoints(points.x, points.y, weight, points.radial, points.tangential)

    def spacing_for(self, max_error: float = MAX_ERROR, phase_slope: float = 0.0) -> float:
        """Spacing of source points for images of a stated error: the inverse of `sampling_error`.

        Parameters
        ----------
        max_error
            largest error of the intensity, relative to the clear field
        phase_slope
            largest difference of the wavefront's gradient between two places of the pupil, in waves per pupil radius:
            0 for a perfect lens in focus

        Returns
        -------
        spacing
            for `sample`; at most 1
        """
        if not (math.isfinite(max_error) and max_error > 0):
            raise ValueError(f"`max_error` must be a positive number, but got {max_error}.")
        error = self.sampling_error(1.0, phase_slope)
        return min(1.0, math.sqrt(max_error / error)) if error else 1.0

    def sampling_error(self, spacing: float, phase_slope: float = 0.0) -> float:
        """Estimate of how wrong the intensity may be, relative to the clear field, because points stand for cells.

        A point at the centre of its cell's light misses the second derivative of what the lens passes, so the error
        goes with the square of `spacing`: from the lens's rim, which cuts cells, over the source's area, and from the
        wavefront, whose gradient turns the phase between two orders over a cell. The latter mostly cancels inside a
        shape and stays at its border, so it grows with the slope, not with its square. The constants are measured, so
        that the errors of gratings and clips stay below the estimate, scalar and polarised, by a factor of 5 in the
        median. Two cases may err more: a lens whose transmission rises steeply to its rim; and alternating lines at the
        very cutoff of their two orders, oblique to the axes (up to 7 times: the rims touch), unless their points are
        `litho.source_spacing.split_points`, as they are in `aerial_image`.

        Parameters
        ----------
        spacing
            as in `sample`
        phase_slope
            as in `spacing_for`
        """
        if not (math.isfinite(phase_slope) and phase_slope >= 0):
            raise ValueError(f"`phase_slope` must be a number of at least 0, but got {phase_slope}.")
        area = self._area
        return spacing**2 * (RIM_ERROR / area + SLOPE_ERROR * (1 + phase_slope) / area**0.75) if area else 0.0

    @property
    def _area(self) -> float:
        """Area that would give the light at the brightness of the brightest shape; 0 for points."""
        wide = [shape for shape in self.shapes if shape.area > 0]
        peak = max((shape.light / shape.area for shape in wide), default=1.0)
        return math.fsum(shape.light for shape in wide) / peak

    @classmethod
    def _discs(cls, count: int, center: float, radius: float, turn_deg: float) -> Source:
        if not math.isfinite(turn_deg):
            raise ValueError(f"`rotation_deg` must be finite, but got {turn_deg}.")
        if not (radius > 0 and center + radius <= 1 + RIM):
            raise ValueError(
                "`center` and `radius` must obey 0 < radius <= 1 - center, so that poles lie in the unit disc, "
                f"but got {center} and {radius}."
            )
        widest = center * math.sin(math.pi / count)
        if not radius <= widest + RIM:
            raise ValueError(f"`radius` must be at most {widest:.6g}, where poles meet, but got {radius}.")
        turns = [float(turn_deg) + 360.0 / count * k for k in range(count)]
        return cls(tuple(Sector(0.0, float(radius), t, center=_polar(float(center), t)) for t in turns))


def _polar(radius: float, direction_deg: float) -> tuple[float, float]:
    """Return (x, y), without rounding on the axes."""
    angle = math.radians(direction_deg)
    return radius * round(math.cos(angle), 15), radius * round(math.sin(angle), 15)
