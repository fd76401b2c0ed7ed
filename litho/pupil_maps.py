"""Measured pupils: maps of amplitude, wavefront and polarisation over the pupil, given as samples.

Samples stand on a regular lattice over [-1, 1]^2 of pupil coordinates, first row at y = -1, first column at x = -1, the
corners included; between them a map is bilinear. One sample alone, or one row or column, is constant along that axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from litho.backend import Array, array_module, like


@dataclass(frozen=True)
class PupilMap:
    """A real or complex number at every point of the pupil.

    Parameters
    ----------
    rows
        samples, row by row from y = -1
    """

    rows: tuple[tuple[complex, ...], ...]

    def __post_init__(self) -> None:
        if not self.rows or not self.rows[0] or any(len(row) != len(self.rows[0]) for row in self.rows):
            raise ValueError(f"`rows` must be a map (y, x) of at least one sample, but got {len(self.rows)} rows.")
        if any(v != v or abs(v) == float("inf") for row in self.rows for v in row):
            raise ValueError("`rows` must be finite, but not all are.")

    @classmethod
    def samples(cls, array: Any) -> PupilMap:
        """Return a map of samples `array` (y, x), real or complex; a list of rows or an array of any library."""
        rows = array.tolist() if hasattr(array, "tolist") else array
        return cls(tuple(tuple(complex(v) for v in row) for row in rows))

    @classmethod
    def of(cls, function: Callable[[float, float], complex], count: int = 201) -> PupilMap:
        """Return `count` by `count` samples of a function of x and y."""
        if count < 1:
            raise ValueError(f"`count` must be at least 1, but got {count}.")
        places = [-1 + 2 * i / (count - 1) for i in range(count)] if count > 1 else [0.0]
        return cls(tuple(tuple(complex(function(x, y)) for x in places) for y in places))

    @classmethod
    def constant(cls, value: complex) -> PupilMap:
        """Return the same value everywhere."""
        return cls(((complex(value),),))

    def mirrored(self, axis: int, sign: int = 1) -> bool:
        """Whether the map is `sign` times its own mirror image when x (axis -1), or y (axis -2), changes sign."""
        flipped = [row[::-1] for row in self.rows] if axis == -1 else list(self.rows[::-1])
        pairs = ((a, b) for row, other in zip(self.rows, flipped, strict=True) for a, b in zip(row, other, strict=True))
        return all(abs(a - sign * b) <= 1e-12 * (1 + abs(a)) for a, b in pairs)

    def at(self, x: Array, y: Array) -> Array:
        """Return the values at pupil coordinates inside [-1, 1], (...) real if all samples are, else complex."""
        xp = array_module(x, y)
        values = self._table(x)
        ny, nx = values.shape
        across, i = _cell(x, nx)
        along, j = _cell(y, ny)
        right, up = xp.clip(i + 1, 0, nx - 1), xp.clip(j + 1, 0, ny - 1)
        flat = xp.reshape(values, (-1,))

        def value(row: Array, column: Array) -> Array:
            return xp.reshape(xp.take(flat, xp.reshape(row * nx + column, (-1,))), x.shape)

        low = (1 - across) * value(j, i) + across * value(j, right)
        high = (1 - across) * value(up, i) + across * value(up, right)
        return (1 - along) * low + along * high

    def _table(self, x: Array) -> Array:
        xp = array_module(x)
        if all(v.imag == 0 for row in self.rows for v in row):
            return like([[v.real for v in row] for row in self.rows], x, xp.float64)
        return like([list(row) for row in self.rows], x, xp.complex128)


@dataclass(frozen=True)
class JonesPupil:
    """What the lens does to polarisation: at each point (Ex, Ey) becomes [[xx, xy], [yx, yy]] (Ex, Ey).

    Parameters
    ----------
    xx, xy, yx, yy
        maps of the four elements
    """

    xx: PupilMap
    xy: PupilMap
    yx: PupilMap
    yy: PupilMap

    @classmethod
    def constant(cls, matrix: Sequence[Sequence[complex]]) -> JonesPupil:
        """Return one Jones matrix for the whole pupil: a polariser, a retarder or a rotator."""
        if [len(row) for row in matrix] != [2, 2]:
            raise ValueError(f"`matrix` must be two rows of two numbers, but got {matrix!r}.")
        (xx, xy), (yx, yy) = matrix
        return cls(*(PupilMap.constant(v) for v in (xx, xy, yx, yy)))

    def mirrored(self, axis: int) -> bool:
        """Whether the lens is its own mirror image: the elements that mix x and y then change sign."""
        return all(m.mirrored(axis) for m in (self.xx, self.yy)) and all(
            m.mirrored(axis, -1) for m in (self.xy, self.yx)
        )

    def applied(self, ex: Array, ey: Array, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the field behind the lens at pupil coordinates (...) from the one before it."""
        return (
            self.xx.at(x, y) * ex + self.xy.at(x, y) * ey,
            self.yx.at(x, y) * ex + self.yy.at(x, y) * ey,
        )


def _cell(place: Array, count: int) -> tuple[Array, Array]:
    """Return how far (0..1) a coordinate in [-1, 1] lies behind the sample before it, and that sample's number."""
    xp = array_module(place)
    steps = xp.clip((place + 1) / 2 * (count - 1), 0.0, float(count - 1))
    number = xp.clip(xp.floor(steps), 0.0, float(max(count - 2, 0)))
    return steps - number, xp.astype(number, xp.int64)
