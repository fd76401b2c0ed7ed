"""Even and odd functions of the frequency: a mirrored system's matrices fall apart into blocks of them.

Basis functions are (delta[k] + sign delta[-k]) / sqrt(2) along a mirrored axis, and delta[0] alone: an orthonormal
basis, so that sums of squares in it are those over all frequencies. The columns of a block count these.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.source_shapes import SourcePoints

Values = NDArray[Any]


@dataclass(frozen=True)
class Parity:
    """One block.

    Parameters
    ----------
    signs
        (y, x): 1 even, -1 odd, 0 along an axis that is not mirrored
    inside : (2 Ry + 1, 2 Rx + 1) bool
        frequencies that can pass, mirrored as the system is; all others have no column
    """

    signs: tuple[int, int]
    inside: Values

    def columns(self, values: Values, folded: bool = False) -> Values:
        """Return the block's columns of values (..., ny, nx) that are even, or of what `folded` gave."""
        values = values if folded else self._quarter(values)
        flat = values.reshape(*values.shape[:-2], -1)
        return np.take(flat, np.flatnonzero(self._quarter(self.inside)), axis=-1)

    def _quarter(self, values: Values) -> Values:
        for axis, sign in ((-2, self.signs[0]), (-1, self.signs[1])):
            if sign:
                values = np.take(values, self._orders(axis), axis)
        return values

    def expanded(self, vectors: Values) -> Values:
        """Return functions (..., ny, nx) from their coefficients (..., columns)."""
        return self._unfolded(vectors, self.signs, 1 / math.sqrt(2))

    def power(self, squares: Values) -> Values:
        """Return sums of squares (..., ny, nx) of functions from those of their coefficients (..., columns)."""
        return self._unfolded(squares, (abs(self.signs[0]), abs(self.signs[1])), 0.5)

    def _unfolded(self, values: Values, signs: tuple[int, int], scale: float) -> Values:
        kept = self._quarter(self.inside)
        dense = np.zeros((*values.shape[:-1], kept.size), dtype=values.dtype)
        dense[..., kept.ravel()] = values
        values = dense.reshape(*values.shape[:-1], *kept.shape)
        for axis, own, sign in ((-2, self.signs[0], signs[0]), (-1, self.signs[1], signs[1])):
            if own:
                values = np.moveaxis(values, axis, 0)
                full = np.zeros((self.inside.shape[axis], *values.shape[1:]), dtype=values.dtype)
                k = self._orders(axis)
                full[k], full[-k] = scale * values, sign * scale * values
                if own == 1:
                    full[0] = values[0]
                values = np.moveaxis(full, 0, axis)
        return values

    def _orders(self, axis: int) -> NDArray[np.int64]:
        sign = self.signs[axis]
        return np.arange(0 if sign == 1 else 1, self.inside.shape[axis] // 2 + 1)


def parities(inside: Values, mirrors: tuple[int, ...]) -> list[Parity]:
    """Return the blocks of a system that is mirrored along axes (-1 for x, -2 for y), the even one first.

    `inside` (ny, nx) says which frequencies can pass.
    """
    choices = [(1, -1) if axis in mirrors else (0,) for axis in (-2, -1)]
    blocks = [Parity((signs[0], signs[1]), inside) for signs in itertools.product(*choices)]
    return [block for block in blocks if block.columns(inside).size]


def folded(rows: Values, blocks: list[Parity]) -> list[Values]:
    """Coefficients (..., columns) in each block of functions (..., ny, nx) and their mirror images together.

    Each function and its image count half: the sum of squares in all blocks is that of both.
    """
    by_y = dict(zip((1, -1), _even_and_odd(rows, -2), strict=True)) if blocks[0].signs[0] else {0: rows}
    if blocks[0].signs[1]:
        parts = {(y, x): v for y, part in by_y.items() for x, v in zip((1, -1), _even_and_odd(part, -1), strict=True)}
    else:
        parts = {(y, 0): part for y, part in by_y.items()}
    return [block.columns(parts[block.signs], folded=True) for block in blocks]


def _even_and_odd(rows: Values, axis: int) -> tuple[Values, Values]:
    """Return A[k] + A[-k] for k = 0 ... R, the first over sqrt(2), and A[k] - A[-k] for k = 1 ... R."""
    rows = np.moveaxis(rows, axis, -1)
    r = rows.shape[-1] // 2
    up, down = rows[..., 1 : r + 1], rows[..., :r:-1]
    even = np.concatenate([math.sqrt(2) * rows[..., :1], up + down], axis=-1)
    return np.moveaxis(even, -1, axis), np.moveaxis(up - down, -1, axis)


def mirror_half(points: SourcePoints, mirrored: tuple[bool, bool]) -> tuple[SourcePoints, tuple[int, ...]]:
    """Leave out source points that are mirror images of others, where the lens is mirrored along (x, y).

    Returns
    -------
    points
        half of them, or a quarter, with the weights they had
    mirrors
        axes along which points were left out: -1 for x, -2 for y
    """
    mirrors = []
    for axis, lens in ((-1, mirrored[0]), (-2, mirrored[1])):
        half = _half(points, axis) if lens else None
        if half is not None:
            points = half
            mirrors.append(axis)
    return points, tuple(mirrors)


def _half(points: SourcePoints, axis: int) -> SourcePoints | None:
    """Return the points on the positive side of an axis, -1 for x, if the others are their mirror images, else None."""
    place, other = (points.x, points.y) if axis == -1 else (points.y, points.x)
    sides = []
    for sign in (1, -1):
        table = np.stack([sign * place, other, points.weight])[:, sign * place > 0]
        sides.append(table[:, np.lexsort(np.round(table, 9))])
    if 2 * sides[0].shape[1] != len(points) or sides[0].shape != sides[1].shape:
        return None
    return points[place > 0] if np.all(abs(sides[0] - sides[1]) < 1e-12) else None
