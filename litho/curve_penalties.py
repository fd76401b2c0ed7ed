"""What curves pay for being too bent, too close or too small: differentiable, so that an optimiser avoids it.

All are numbers without unit. They look at the Gauss points of a `CurveSampling`, each of which stands for a length of
its curve, held fixed: with lengths l, curvature k, distances d between facing points and area A of a curve,

    bends   sum l / r (r |k| - 1)^2                 where the radius of curvature is below r
    gaps    sum l l' / d0^2 (1 - d / d0)^2 f^2      where facing points are nearer than d0, in the mask or outside
    areas   sum (1 - |A| / A0)^2                    where a curve holds less than A0

f = (c - 0.8) / 0.2 for c > 0.8, with c the cosine of the angle between one normal and the opposite of the other: it is
1 between parallel edges, and 0 for neighbours on a curve and around its ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.spatial
from numpy.typing import NDArray

from litho.cells import Floats
from litho.spline_mask import CurveSampling

FACING = 0.8
"""Cosine of the angle between a normal and the opposite of another from which on two points face each other."""


@dataclass(frozen=True)
class CurveLimits:
    """What curves should keep to; 0 asks for nothing.

    Parameters
    ----------
    radius_nm
        smallest radius of curvature
    width_nm
        smallest distance across the mask
    space_nm
        smallest distance between parts of the mask
    area_nm2
        smallest area of a curve, island or hole
    """

    radius_nm: float = 0.0
    width_nm: float = 0.0
    space_nm: float = 0.0
    area_nm2: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < np.inf:
                raise ValueError(f"`{name}` must be at least 0, but got {value}.")


def lengths_nm(control_points: Floats, sampling: CurveSampling) -> Floats:
    """Return the length of curve that each point stands for, (n,)."""
    return np.asarray(sampling.weights * np.hypot(*sampling(control_points, 1).T))


def curve_penalty(
    control_points: Floats, sampling: CurveSampling, lengths: Floats, limits: CurveLimits
) -> tuple[float, Floats]:
    """What curves pay for all limits.

    Parameters
    ----------
    control_points : (m, 2)
    sampling
        of the curves
    lengths : (n,)
        nm that each point stands for: `lengths_nm` of some state of the curves
    limits
        see `CurveLimits`

    Returns
    -------
    value
    control_points_bar : (m, 2)
    """
    slopes, areas = sampling(control_points, 1), sampling.areas_nm2(control_points)
    value, bar = 0.0, np.zeros_like(control_points)
    if limits.radius_nm > 0:
        value, slopes_bar, bends_bar = _bends(slopes, sampling(control_points, 2), lengths, limits.radius_nm)
        bar = sampling.adjoint(slopes_bar, 1) + sampling.adjoint(bends_bar, 2)
    if max(limits.width_nm, limits.space_nm) > 0:
        more, points_bar, slopes_bar = _gaps(
            sampling(control_points), slopes, lengths, limits, np.sign(areas)[sampling.curve] * (1 + sampling.curve)
        )
        value, bar = value + more, bar + sampling.adjoint(points_bar) + sampling.adjoint(slopes_bar, 1)
    if limits.area_nm2 > 0:
        lacking = np.maximum(1 - np.abs(areas) / limits.area_nm2, 0)
        value += float(np.sum(lacking**2))
        bar = bar + sampling.areas_adjoint(-2 * lacking * np.sign(areas) / limits.area_nm2, control_points)
    return value, bar


def _bends(slopes: Floats, bends: Floats, lengths: Floats, radius_nm: float) -> tuple[float, Floats, Floats]:
    """Return what tight bends cost, and its gradient with respect to first and second derivatives."""
    (x1, y1), (x2, y2) = slopes.T, bends.T
    square = np.maximum(x1 * x1 + y1 * y1, 1e-12)
    cubed = square**1.5
    curvature = (x1 * y2 - y1 * x2) / cubed
    excess = np.maximum(radius_nm * np.abs(curvature) - 1, 0)
    share = lengths / radius_nm
    pull = 2 * share * excess * radius_nm * np.sign(curvature)
    by_slope = np.stack([y2, -x2], axis=1) / cubed[:, None] - 3 * (curvature / square)[:, None] * slopes
    by_bend = np.stack([-y1, x1], axis=1) / cubed[:, None]
    return float(np.sum(share * excess**2)), pull[:, None] * by_slope, pull[:, None] * by_bend


def _gaps(
    points: Floats, slopes: Floats, lengths: Floats, limits: CurveLimits, curve: Floats
) -> tuple[float, Floats, Floats]:
    """Return what narrow gaps cost, and its gradient with respect to points and their first derivatives.

    `curve` numbers the curve of each point, from 1; it is negative for holes. Two islands have only space between them,
    two holes only mask.
    """
    speed = np.maximum(np.hypot(*slopes.T), 1e-6)[:, None]
    normals = np.stack([slopes[:, 1], -slopes[:, 0]], axis=1) / speed  # outwards
    value, points_bar, normals_bar = 0.0, np.zeros_like(points), np.zeros_like(points)
    for sign, least in ((-1.0, limits.width_nm), (1.0, limits.space_nm)):
        if least == 0:
            continue
        first, second = _pairs(points, normals * sign, least).T
        real = (curve[first] == curve[second]) | (sign * curve[first] > 0) | (sign * curve[second] > 0)
        first, second = first[real], second[real]
        line = points[second] - points[first]
        distance = np.hypot(*line.T)
        share = lengths[first] * lengths[second] / least**2
        close = 1 - distance / least
        facing = (-np.sum(normals[first] * normals[second], axis=1) - FACING) / (1 - FACING)
        value += float(np.sum(share * (close * facing) ** 2))
        line_bar = line * (-2 * share * close * facing**2 / (least * distance))[:, None]
        points_bar += _gathered(second, line_bar, len(points)) - _gathered(first, line_bar, len(points))
        facing_bar = (-2 * share * close**2 * facing / (1 - FACING))[:, None]
        normals_bar += _gathered(first, facing_bar * normals[second], len(points))
        normals_bar += _gathered(second, facing_bar * normals[first], len(points))
    normals_bar = (normals_bar - normals * np.sum(normals * normals_bar, axis=1)[:, None]) / speed
    return value, points_bar, np.stack([-normals_bar[:, 1], normals_bar[:, 0]], axis=1)


def _pairs(points: Floats, normals: Floats, least_nm: float) -> NDArray[np.intp]:
    """Return numbers (pairs, 2) of points nearer than a distance, each in front of the other, with normals opposed."""
    tree = scipy.spatial.cKDTree(points, balanced_tree=False, compact_nodes=False)
    pairs: NDArray[np.intp] = tree.query_pairs(least_nm, output_type="ndarray")
    opposed = np.sum(normals[pairs[:, 0]] * normals[pairs[:, 1]], axis=1) < -FACING
    pairs = pairs[opposed]
    line = points[pairs[:, 1]] - points[pairs[:, 0]]
    ahead = np.sum(line * normals[pairs[:, 0]], axis=1) > 0
    in_front: NDArray[np.intp] = pairs[ahead & (np.sum(line * normals[pairs[:, 1]], axis=1) < 0)]
    return in_front


def _gathered(index: NDArray[np.intp], values: Floats, count: int) -> Floats:
    return np.stack([np.bincount(index, column, count) for column in values.T], axis=1)
