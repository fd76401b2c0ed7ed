"""Closed smooth curves through outlines: far fewer numbers than dense polygons, with a stated deviation.

A curve is a closed uniform cubic B-spline. With control points c[0] ... c[m-1], piece i of it is, for t in 0..1,

    C(i + t) = ((1-t)^3 c[i-1] + (3t^3 - 6t^2 + 4) c[i] + (-3t^3 + 3t^2 + 3t + 1) c[i+1] + t^3 c[i+2]) / 6,

indices modulo m: the control points are all there is to store. Position, direction and curvature are continuous.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_CONTROL_POINTS = 4096
"""A fit that needs more is given up: the outline has corners that no smooth curve follows so closely."""

_FEWEST = 6
_PROJECTIONS = 2
_TEXT_HEAD = "litho-bspline3-closed nm"

# coefficients of 1, t, t^2, t^3 in the weights of the four control points of a piece
_BASIS = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6
_BASES = [np.polynomial.polynomial.polyder(_BASIS, order) for order in range(3)]


@dataclass(frozen=True, eq=False)
class Curve:
    """A closed uniform cubic B-spline.

    Parameters
    ----------
    control_points : (m, 2)
        points (x, y) in nm, at least four
    deviation_nm
        no more than this from the outline it was fitted to, anywhere; None if it was not fitted
    """

    control_points: Floats
    deviation_nm: float | None = None

    def __post_init__(self) -> None:
        shape = self.control_points.shape
        if len(shape) != 2 or shape[0] < 4 or shape[1] != 2 or not np.isfinite(self.control_points).all():
            raise ValueError(f"`control_points` must be (m, 2) finite numbers with m >= 4, but got shape {shape}.")

    def __len__(self) -> int:
        return len(self.control_points)

    def at(self, parameter: Floats, derivative: int = 0) -> Floats:
        """Return points (n, 2) in nm, or first or second derivatives, at parameters (n,) in 0..m modulo m."""
        piece, t = np.divmod(parameter, 1.0)
        index = (piece.astype(np.intp)[:, None] + np.arange(-1, 3)) % len(self)
        weights = _weights(t, derivative)
        return np.stack([np.sum(weights * c[index], axis=1) for c in self.control_points.T], axis=1)

    def polygon(self, max_deviation_nm: float) -> Floats:
        """Return a polygon (n, 2), nm, with its vertices on the curve and nowhere farther than this from it.

        A chord over a step h of the parameter is off by at most h^2 / 8 times the largest second derivative there,
        which on a cubic is at one end of the piece; each piece is cut as finely as that asks for.
        """
        if not max_deviation_nm > 0:
            raise ValueError(f"`max_deviation_nm` must be a positive length, but got {max_deviation_nm}.")
        bend = np.hypot(*self.at(np.arange(len(self), dtype=np.float64), 2).T)
        bend = np.maximum(bend, np.roll(bend, -1))
        cuts = np.maximum(1, np.ceil(np.sqrt(bend / (8 * max_deviation_nm)))).astype(np.intp)
        piece, start = _cut(cuts)
        return self.at(piece + start)

    def min_radius_nm(self, samples: int = 16) -> float:
        """Return the smallest radius of curvature, looked for at `samples` parameters of each piece."""
        parameter = np.arange(len(self) * samples) / samples
        first, second = self.at(parameter, 1), self.at(parameter, 2)
        cross = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
        curvature = cross / np.maximum(np.hypot(*first.T) ** 3, 1e-300)
        return float(1 / max(curvature.max(), 1e-300))

    def to_text(self) -> str:
        """Return the control points as ASCII decimals, which `from_text` reads back to the last bit."""
        points = ";".join(f"{x!r},{y!r}" for x, y in self.control_points.tolist())
        return f"{_TEXT_HEAD} {points}"

    @classmethod
    def from_text(cls, text: str) -> Curve:
        """Return the curve that `to_text` wrote."""
        head, _, points = text.rpartition(" ")
        if head != _TEXT_HEAD:
            raise ValueError(f"`text` must begin with '{_TEXT_HEAD} ', but got {text[:40]!r}.")
        try:
            return cls(np.array([[float(v) for v in p.split(",")] for p in points.split(";")]))
        except ValueError as error:
            raise ValueError(f"`text` must hold points x,y;x,y;..., but got {points[:40]!r}.") from error


def fit_curve(polygon: Floats, tolerance_nm: float) -> Curve:
    """Return a curve with few control points that nowhere leaves a polygon by more than a tolerance.

    The control points are the least-squares ones; their number is raised until the measured deviation is within the
    tolerance, then lowered while it stays so. More of them lie where the outline bends.

    Parameters
    ----------
    polygon : (n, 2)
        outline, points (x, y) in nm, the first not repeated
    tolerance_nm
        largest distance between curve and outline, either way

    Raises
    ------
    ValueError
        if `MAX_CONTROL_POINTS` are too few
    """
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3 or not np.isfinite(polygon).all():
        raise ValueError(f"`polygon` must be (n, 2) finite numbers with n >= 3, but got shape {polygon.shape}.")
    if not tolerance_nm > 0:
        raise ValueError(f"`tolerance_nm` must be a positive length, but got {tolerance_nm}.")
    too_few, count = _FEWEST - 1, _FEWEST
    best, deviation = _fit(polygon, count)
    while deviation > tolerance_nm:
        if count == MAX_CONTROL_POINTS:
            raise ValueError(
                f"`tolerance_nm` must be one that {count} control points reach, "
                f"but got {tolerance_nm}: the deviation is {deviation:.3g}."
            )
        too_few, count = count, _next_count(count, deviation / tolerance_nm)
        best, deviation = _fit(polygon, count)
    while len(best) - too_few > max(1, len(best) // 12):
        curve, deviation = _fit(polygon, (len(best) + too_few) // 2)
        if deviation <= tolerance_nm:
            best = curve
        else:
            too_few = len(curve)
    return best


def _next_count(count: int, excess: float) -> int:
    """Return how many control points to try: the deviation falls with their fourth power once it falls at all."""
    growth = min(max(math.sqrt(math.sqrt(excess)), 1.06), 1.7)
    return min(math.ceil(count * growth), MAX_CONTROL_POINTS)


def _fit(polygon: Floats, count: int) -> tuple[Curve, float]:
    """Return the least-squares curve with so many control points, and its deviation from the polygon.

    Each projection of the vertices onto the curve slides them along it, which lets the next fit come closer.
    """
    points, length, parameter = _parametrized(polygon, count)
    weight = (length + np.roll(length, 1)) / 2
    for _ in range(_PROJECTIONS):
        curve = _least_squares(points, parameter, weight, count)
        parameter = _projected(curve, points, parameter)
    deviation = _deviation(curve, points, parameter)
    return Curve(curve.control_points, deviation), deviation


def _parametrized(polygon: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Return vertices on the polygon, at least four to a piece, the lengths that follow them, and their parameters.

    Pieces are shorter where the outline bends: the parameter runs as 1 plus the root of the curvature, relative to
    its mean, both smoothed over half the mean length of a piece.
    """
    edges = np.roll(polygon, -1, axis=0) - polygon
    length = np.hypot(*edges.T)
    total = length.sum()
    n = max(256, 1 << (4 * count).bit_length())
    grid = np.arange(n + 1) * (total / n)
    start = np.append(np.cumsum(length) - length, total)
    outline = np.interp(grid[:-1], start, np.append(polygon @ [1, 1j], polygon[0] @ [1, 1j]))
    wave = 2 * np.pi * np.fft.fftfreq(n, total / n)
    smooth = np.exp(-((wave * total / count) ** 2) / 8)
    root = np.sqrt(np.abs(np.fft.ifft(np.fft.fft(outline) * smooth * wave**2)))
    speed = np.fft.ifft(np.fft.fft(1 + root / root.mean()) * smooth).real
    progress = np.append(0.0, np.cumsum(speed + np.roll(speed, -1)))
    cuts = np.maximum(1, np.ceil(length * (4 * count / total * speed.max() / speed.mean()))).astype(np.intp)
    edge, share = _cut(cuts)
    parameter = np.interp(start[edge] + share * length[edge], grid, progress * (count / progress[-1]))
    return polygon[edge] + share[:, None] * edges[edge], (length / cuts)[edge], parameter


def _cut(cuts: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    """Return for each part of pieces cut into `cuts` equal parts its piece, and where in the piece it starts, 0..1."""
    piece = np.repeat(np.arange(len(cuts)), cuts)
    return piece, (np.arange(len(piece)) - np.repeat(np.cumsum(cuts) - cuts, cuts)) / cuts[piece]


def _least_squares(points: Floats, parameter: Floats, weight: Floats, count: int) -> Curve:
    """Return the curve with the least weighted sum of squared distances from points to their parameters' places.

    The normal equations have a cyclic band of three on either side. Taken in the order 0, m-1, 1, m-2, ... they have
    a plain band of seven.
    """
    piece, t = np.divmod(parameter, 1.0)
    index = np.arange(count)
    place = np.minimum(2 * index, 2 * (count - 1 - index) + 1)
    column = place[(piece.astype(np.intp)[:, None] + np.arange(-1, 3)) % count]
    values, centre, depth = _weights(t, 0), points.mean(axis=0), min(8, count)
    weighted = values * weight[:, None]
    below = column[:, :, None] - column[:, None, :]
    lower = below >= 0
    address = (below * count + column[:, None, :])[lower]
    band = np.bincount(address, (weighted[:, :, None] * values[:, None, :])[lower], depth * count)
    band = band.reshape(depth, count)
    band[0] += 1e-12 * band[0].sum()  # a piece that no vertex projects on would leave the equations singular
    right = [np.bincount(column.ravel(), (weighted * offset[:, None]).ravel(), count) for offset in (points - centre).T]
    return Curve(scipy.linalg.solveh_banded(band, np.stack(right, axis=1), lower=True)[place] + centre)


def _projected(curve: Curve, points: Floats, parameter: Floats) -> Floats:
    """Return parameters nearer to the points' feet on the curve, in the same order around it."""
    offset, tangent = points - curve.at(parameter), curve.at(parameter, 1)
    step = np.sum(offset * tangent, axis=1) / np.maximum(np.sum(tangent**2, axis=1), 1e-300)
    gap = 0.45 * np.diff(parameter, append=parameter[0] + len(curve))
    nearer: Floats = parameter + np.clip(step, -np.roll(gap, 1), gap)
    return nearer


def _deviation(curve: Curve, points: Floats, parameter: Floats) -> float:
    """Return what neither a vertex is farther from the curve, nor the curve from the polygon midway between two."""
    following = np.append(parameter[1:], parameter[0] + len(curve))
    along = np.roll(points, -1, axis=0) - points
    middle = curve.at((parameter + following) / 2) - points
    share = np.sum(middle * along, axis=1) / np.maximum(np.sum(along**2, axis=1), 1e-300)
    off = middle - np.clip(share, 0.0, 1.0)[:, None] * along
    return float(max(np.hypot(*(curve.at(parameter) - points).T).max(), np.hypot(*off.T).max()))


def _weights(t: Floats, derivative: int) -> Floats:
    """Return the weights (n, 4) of a piece's control points at t in 0..1, or their derivatives."""
    basis = _BASES[derivative]
    return np.vander(t, len(basis), increasing=True) @ basis
