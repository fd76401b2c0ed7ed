"""Where samples and frequencies lie: the one place that states the conventions.

Lengths are nanometres at wafer scale. Arrays are indexed (y, x), row 0 at the bottom of the layout; points are (x, y).
Pixel (j, i) covers [i p, (i+1) p] x [j p, (j+1) p] and its sample stands at its centre, ((i + 1/2) p, (j + 1/2) p),
counted from the lower left corner of the field. A field is periodic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """A rectangular periodic field cut into pixels.

    Parameters
    ----------
    shape
        number of pixels (ny, nx)
    pixel_nm
        size of a pixel (y, x) in nm; need be neither square nor whole
    origin_nm
        layout coordinates (x, y) of the field's lower left corner, nm
    """

    shape: tuple[int, int]
    pixel_nm: tuple[float, float]
    origin_nm: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise ValueError(f"`shape` must be two counts (ny, nx) of at least 1, but got {self.shape}.")
        if not all(math.isfinite(p) and p > 0 for p in self.pixel_nm):
            raise ValueError(f"`pixel_nm` must be two positive lengths (y, x), but got {self.pixel_nm}.")
        if not all(math.isfinite(c) for c in self.origin_nm):
            raise ValueError(f"`origin_nm` must be a finite point (x, y), but got {self.origin_nm}.")

    @classmethod
    def square(cls, size_nm: float, pixel_nm: float, origin_nm: tuple[float, float] = (0.0, 0.0)) -> Grid:
        """Return the grid of a square field; `size_nm` must be a multiple of `pixel_nm`."""
        return cls.over((size_nm, size_nm), pixel_nm, origin_nm)

    @classmethod
    def over(cls, period_nm: tuple[float, float], pixel_nm: float, origin_nm: tuple[float, float] = (0.0, 0.0)) -> Grid:
        """Return the grid of square pixels that covers a field of `period_nm` (y, x)."""
        if not (math.isfinite(pixel_nm) and pixel_nm > 0):
            raise ValueError(f"`pixel_nm` must be a positive length, but got {pixel_nm}.")
        counts = [round(p / pixel_nm) for p in period_nm]
        if any(n < 1 or abs(n * pixel_nm - p) > 1e-9 * p for n, p in zip(counts, period_nm, strict=True)):
            raise ValueError(f"`pixel_nm` must divide the field of {period_nm} nm, but got {pixel_nm}.")
        return cls((counts[0], counts[1]), (float(pixel_nm), float(pixel_nm)), origin_nm)

    @property
    def period_nm(self) -> tuple[float, float]:
        """Size of the field (y, x) in nm."""
        return self.shape[0] * self.pixel_nm[0], self.shape[1] * self.pixel_nm[1]

    @property
    def bounds_nm(self) -> tuple[float, float, float, float]:
        """Field in layout coordinates: x0, y0, x1, y1 in nm."""
        (x, y), (height, width) = self.origin_nm, self.period_nm
        return x, y, x + width, y + height

    @property
    def pixel_area_nm2(self) -> float:
        """Area of one pixel in nm^2."""
        return self.pixel_nm[0] * self.pixel_nm[1]

    def resampled(self, pixel_nm: float) -> Grid:
        """Return the grid of the same field with square pixels of another size."""
        return Grid.over(self.period_nm, pixel_nm, self.origin_nm)
