"""Masks of closed cubic curves: the exact spectrum of the curves themselves, and its derivative in control points.

The control points of all curves stand in one array (m, 2), curve after curve (`litho.curves` says what curve they
make). Points on the curves are a linear map of them, `CurveSampling`, with Gauss points on every piece. In units of the
period, with r = (x, y) and k whole numbers, the divergence theorem makes the spectrum an integral along the curves,

    F[k] = i / (2 pi kx) integral exp(-2 pi i k.r(t)) y'(t) dt         for kx > 0,
    F[k] = -i / (2 pi ky) integral exp(-2 pi i k.r(t)) x'(t) dt        for kx = 0,
    F[0] = integral x(t) y'(t) dt, the area,

and when the curves move, a strip is added along them: with n = (y', -x') outwards,

    dF[k] = integral n(t).dr(t) exp(-2 pi i k.r(t)) dt.

There is no polygon and no raster between a curve and its image. A piece is short against the waves that a lens passes,
so that a few points on each make the sums exact to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.curves import Curve
from litho.fourier import band_frequencies
from litho.grid import Grid
from litho.quadrature import gauss_points, log_error
from litho.wave_sums import wave_field, wave_sums

Complexes = NDArray[np.complex128]

FEWEST_POINTS, MORE_POINTS = 4, 2
"""Points on a piece: at least so many, and so many more than a pure wave needs, for speed varies along a piece."""


@dataclass(frozen=True)
class CurveSampling:
    """Gauss points on every piece of closed curves, as a linear map of control points.

    Parameters
    ----------
    counts
        control points of each curve, at least 4
    points
        Gauss points on a piece
    """

    counts: tuple[int, ...]
    points: int = 6

    def __post_init__(self) -> None:
        if not self.counts or min(self.counts) < 4:
            raise ValueError(f"`counts` must be at least 4 each, but got {list(self.counts)[:9]}.")
        if self.points < 3:
            raise ValueError(f"`points` must be at least 3, so that areas are exact, but got {self.points}.")

    def __call__(self, control_points: Floats, derivative: int = 0) -> Floats:
        """Return points on the curves, (n, 2) with n = pieces times `points`, or derivatives by the parameter."""
        if control_points.shape != (sum(self.counts), 2):
            raise ValueError(f"`control_points` must be ({sum(self.counts)}, 2), but got {control_points.shape}.")
        return np.reshape(_basis(self.points, derivative) @ control_points[self._members], (-1, 2))

    def adjoint(self, points_bar: Floats, derivative: int = 0) -> Floats:
        """Return the gradient with respect to `control_points`, (m, 2), from the one with respect to the points."""
        members_bar = _basis(self.points, derivative).T @ points_bar.reshape(-1, self.points, 2)
        index, total = self._members.ravel(), sum(self.counts)
        return np.stack([np.bincount(index, members_bar[:, :, k].ravel(), total) for k in (0, 1)], axis=1)

    @cached_property
    def weights(self) -> Floats:
        """Gauss weight of each point, (n,)."""
        return np.tile(gauss_points(self.points)[1], sum(self.counts))

    @cached_property
    def curve(self) -> NDArray[np.intp]:
        """Number of the curve that each point lies on, (n,)."""
        return np.repeat(np.arange(len(self.counts)), np.array(self.counts) * self.points)

    def areas_nm2(self, control_points: Floats) -> Floats:
        """Return the area of each curve, exactly: positive where it runs counter-clockwise, (curves,)."""
        rise = self.weights * self(control_points, 1)[:, 1]
        centre = control_points.mean(axis=0)  # far from the origin digits would be lost
        return np.asarray(np.bincount(self.curve, rise * self(control_points - centre)[:, 0], len(self.counts)), float)

    def areas_adjoint(self, areas_bar: Floats, control_points: Floats) -> Floats:
        """Return the gradient with respect to `control_points`, (m, 2), from the one with respect to areas."""
        x_slope, y_slope = self(control_points, 1).T
        outwards = np.stack([y_slope, -x_slope], axis=1)
        return self.adjoint(outwards * (self.weights * areas_bar[self.curve])[:, None])

    @cached_property
    def _members(self) -> NDArray[np.intp]:
        """Numbers of the four control points of each piece, (m, 4)."""
        offsets = np.cumsum(self.counts) - np.array(self.counts)
        rows = [o + (np.arange(m)[:, None] + np.arange(-1, 3)) % m for o, m in zip(offsets, self.counts, strict=True)]
        return np.concatenate(rows)


def join_curves(curves: Sequence[Curve]) -> tuple[Floats, tuple[int, ...]]:
    """Return all control points (m, 2) of curves, and how many each has."""
    if not curves:
        raise ValueError("`curves` must hold at least one curve, but got none.")
    return np.concatenate([curve.control_points for curve in curves]), tuple(len(curve) for curve in curves)


def split_curves(control_points: Floats, counts: Sequence[int]) -> list[Curve]:
    """Return the curves whose control points stand in one array, (m, 2)."""
    return [Curve(part) for part in np.split(control_points, np.cumsum(counts)[:-1])]


def points_needed(
    control_points: Floats, counts: Sequence[int], grid: Grid, radius: tuple[float, float], error: float = 1e-13
) -> int:
    """Return how many Gauss points on a piece make a spectrum of `radius` (Ry, Rx) right to an error.

    The error is relative to the length of the piece; it is counted for the longest one.
    """
    legs = [
        np.hypot(*(np.roll(c.control_points, -1, axis=0) - c.control_points).T) for c in _each(control_points, counts)
    ]
    turns = max(leg.max() for leg in legs) * math.hypot(*(r / p for r, p in zip(radius, grid.period_nm, strict=True)))
    count = 1
    while 2 * count * math.log(2 * math.pi * max(turns, 1e-9)) + log_error(count) > math.log(error):
        count += 1
    return max(FEWEST_POINTS, count + MORE_POINTS)


def curve_band(
    control_points: Floats, sampling: CurveSampling, grid: Grid, radius: tuple[int, int], method: str = "auto"
) -> tuple[Complexes, Floats]:
    """Exact spectrum of closed curves, as the half band of their coverage.

    Parameters
    ----------
    control_points : (m, 2) float64
        points (x, y) in nm of one curve after the other. Counter-clockwise curves add area and clockwise ones take it
        away; where curves overlap, the coverage adds up
    sampling
        of the curves, see `points_needed`
    grid
        the field: its period and its lower left corner. What lies outside the field comes back on its other side
    radius
        largest frequency (Ry, Rx), in cycles per period
    method
        how waves are summed: "auto", "direct" or "nufft", see `litho.wave_sums`

    Returns
    -------
    half : (2 Ry + 1, Rx + 1) complex128
    saved
        what `curve_band_adjoint` needs
    """
    points, steps = _in_periods(control_points, sampling, grid)
    run, rise = steps.T
    sums = wave_sums(points, np.stack([rise, run, rise], axis=1), radius, method)
    ky, kx = band_frequencies(radius[0], points)[:, None], np.arange(radius[1] + 1.0)[None, :]
    half = sums * (1j / (2 * math.pi) / np.where(kx > 0, kx, np.where(ky == 0, 1.0, -ky)))
    half[0, 0] = sampling.areas_nm2(control_points).sum() / math.prod(grid.period_nm)
    return half, control_points


def curve_band_adjoint(
    half_bar: Complexes, saved: Floats, sampling: CurveSampling, grid: Grid, method: str = "auto"
) -> Floats:
    """Gradient with respect to `control_points`, (m, 2), from the one with respect to `half`."""
    points, steps = _in_periods(saved, sampling, grid)
    strip_bar = wave_field(np.asarray(half_bar, dtype=np.complex128), points, method)
    points_bar = strip_bar[:, None] * np.stack([steps[:, 1], -steps[:, 0]], axis=1)
    return sampling.adjoint(points_bar / np.array(grid.period_nm[::-1]))


def _in_periods(control_points: Floats, sampling: CurveSampling, grid: Grid) -> tuple[Floats, Floats]:
    """Return the points on the curves and the steps that each stands for, (n, 2), in periods of the field."""
    period = np.array(grid.period_nm[::-1])
    steps = sampling(control_points, 1) * (sampling.weights[:, None] / period)
    return (sampling(control_points) - grid.origin_nm) / period, steps


def _each(control_points: Floats, counts: Sequence[int]) -> list[Curve]:
    return split_curves(np.asarray(control_points, dtype=np.float64), counts)


@lru_cache
def _basis(count: int, derivative: int) -> Floats:
    """Return the weights (points, 4) of the control points of a piece at its Gauss points, or their derivatives."""
    parameter = 3 + np.array(gauss_points(count)[0])
    unit = [Curve(np.eye(7)[:, [k, k]]) for k in range(2, 6)]  # of piece 3, which begins at control point 3
    return np.stack([curve.at(parameter, derivative)[:, 0] for curve in unit], axis=1)
