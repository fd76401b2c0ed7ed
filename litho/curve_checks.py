"""What is certain about closed cubic curves: a bound of their curvature, and that they do not cross.

On a piece, and on any part of it, the derivatives are polynomials. Written by their Bernstein coefficients they lie
between the smallest and the largest of these: so do the squared speed |C'|^2 and the product C' x C'', and

    radius of curvature = |C'|^3 / |C' x C''| >= min(|C'|^2)^(3/2) / max |C' x C''|.

The bound holds everywhere on a curve, between samples too; the more parts pieces are cut into, the closer it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.spatial

from litho.cells import Floats
from litho.curves import Curve
from litho.outlines import joined

HALVINGS = 5
"""How often a piece is halved for the bound of its curvature."""

CHECKED_DEVIATION_NM = 0.02
"""Curves are checked for crossings by polygons no farther than this from them."""

LONGEST_EDGE_NM = 4.0
"""Edges of those polygons are cut to this length."""

_TO_BEZIER = np.array([[1, 4, 1, 0], [0, 4, 2, 0], [0, 2, 4, 0], [0, 1, 4, 1]]) / 6


def radius_bounds_nm(curve: Curve, halvings: int = HALVINGS) -> Floats:
    """Return what the radius of curvature is nowhere below on each piece of a curve, (m,): proven, not sampled."""
    count = len(curve)
    members = curve.control_points[(np.arange(count)[:, None] + np.arange(-1, 3)) % count]
    bezier = _TO_BEZIER @ members
    for _ in range(halvings):
        bezier = _halved(bezier)
    first = np.diff(bezier, axis=1)  # a third of C', quadratic
    second = np.diff(first, axis=1)  # a sixth of C'', linear; the parameter of a part cancels
    cross = _product(first[..., 0], second[..., 1]) - _product(first[..., 1], second[..., 0])
    square = _product(first[..., 0], first[..., 0]) + _product(first[..., 1], first[..., 1])
    slowest = np.maximum(square.min(axis=1), 0.0) ** 1.5
    radius = 1.5 * slowest / np.maximum(np.abs(cross).max(axis=1), 1e-300)  # 3^3 / (3 * 6)
    smallest: Floats = radius.reshape(count, -1).min(axis=1)
    return smallest


def radius_bound_nm(curve: Curve, halvings: int = HALVINGS) -> float:
    """Return what the radius of curvature of a curve is nowhere below: proven, not sampled."""
    return float(radius_bounds_nm(curve, halvings).min())


def crossing_curves(curves: Sequence[Curve]) -> list[int]:
    """Return the numbers of curves that cross themselves or another one.

    Looked for on polygons that are no farther than `CHECKED_DEVIATION_NM` from the curves.
    """
    if not curves:
        return []
    polygons = [_cut_edges(curve.polygon(CHECKED_DEVIATION_NM), LONGEST_EDGE_NM) for curve in curves]
    starts, _, following = joined(polygons)
    owner = np.repeat(np.arange(len(polygons)), [len(p) for p in polygons])
    stops = starts[following]
    pairs = scipy.spatial.cKDTree((starts + stops) / 2).query_pairs(LONGEST_EDGE_NM, output_type="ndarray")
    first, second = pairs.T
    apart = (following[first] != second) & (following[second] != first)
    first, second = first[apart], second[apart]
    split_first = _side(starts[first], stops[first], starts[second]) * _side(starts[first], stops[first], stops[second])
    split_second = _side(starts[second], stops[second], starts[first]) * _side(
        starts[second], stops[second], stops[first]
    )
    cross = (split_first <= 0) & (split_second <= 0)
    return sorted({int(k) for k in owner[np.concatenate([first[cross], second[cross]])]})


def _halved(bezier: Floats) -> Floats:
    """Return both halves of cubic pieces (n, 4, 2) one after the other, (2 n, 4, 2): de Casteljau."""
    a = (bezier[:, 1:] + bezier[:, :-1]) / 2
    b = (a[:, 1:] + a[:, :-1]) / 2
    c = (b[:, 1:] + b[:, :-1]) / 2
    left = np.stack([bezier[:, 0], a[:, 0], b[:, 0], c[:, 0]], axis=1)
    right = np.stack([c[:, 0], b[:, 1], a[:, 2], bezier[:, 3]], axis=1)
    return np.stack([left, right], axis=1).reshape(-1, 4, 2)


def _product(a: Floats, b: Floats) -> Floats:
    """Return Bernstein coefficients of the products of polynomials with coefficients (n, p + 1) and (n, q + 1)."""
    p, q = a.shape[1] - 1, b.shape[1] - 1
    out = np.zeros((len(a), p + q + 1))
    for i in range(p + 1):
        for j in range(q + 1):
            out[:, i + j] += math.comb(p, i) * math.comb(q, j) / math.comb(p + q, i + j) * a[:, i] * b[:, j]
    return out


def _cut_edges(polygon: Floats, longest_nm: float) -> Floats:
    """Return a polygon with edges no longer than a length."""
    side = np.roll(polygon, -1, axis=0) - polygon
    cuts = np.maximum(1, np.ceil(np.hypot(*side.T) / longest_nm)).astype(np.intp)
    edge = np.repeat(np.arange(len(polygon)), cuts)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(cuts) - cuts, cuts)) / cuts[edge]
    return np.asarray(polygon[edge] + share[:, None] * side[edge])


def _side(start: Floats, stop: Floats, point: Floats) -> Floats:
    """Return on which side of lines points are: twice the signed area of the triangle."""
    a, b = stop - start, point - start
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
