"""Radius of curvature of outlines: exact on curves, from vertices on polygons that stand for smooth outlines."""

from __future__ import annotations

import numpy as np

from litho.cells import Floats
from litho.curves import Curve

WINDOW = 0.25
"""The circle through three vertices reaches over this share of its radius, either way."""

SAMPLES = 64
"""Curvature of a curve is looked at so often on each piece."""


def vertex_radii_nm(polygon: Floats, limit_nm: float, deviation_nm: float) -> tuple[Floats, Floats]:
    """Return the radius of curvature at each vertex of an outline.

    It is the radius of the circle through the vertex and one on either side, far enough away (`WINDOW`) for the arc to
    stand out against `deviation_nm`; but no more than that of the largest arc that could round the vertex within this
    deviation. So the corner of a rectangle is sharp, whatever the lengths of its edges.

    Parameters
    ----------
    polygon : (n, 2)
        vertices on a smooth outline, or of one with sharp corners, nm
    limit_nm
        radii from here on need not be exact
    deviation_nm
        how far the outline may be from the polygon

    Returns
    -------
    radii : (n,)
        nm
    markers : (n, 3, 2)
        the three vertices that each was found from
    """
    first = _three_point(polygon, np.full(len(polygon), limit_nm), deviation_nm)
    radii, chosen = first
    sharper = np.flatnonzero(radii < limit_nm)
    if len(sharper):
        closer, nearer = _three_point(polygon, np.minimum(radii, limit_nm), deviation_nm)
        lower = closer < radii
        radii, chosen = np.where(lower, closer, radii), np.where(lower[:, None], nearer, chosen)
    return np.minimum(radii, _rounded_corner(polygon, deviation_nm)), polygon[chosen]


def curve_radii_nm(curve: Curve) -> tuple[Floats, Floats]:
    """Return the radius of curvature at samples along a curve, (n,), and three points around each, (n, 3, 2)."""
    count = len(curve) * SAMPLES
    parameter = np.arange(count) / SAMPLES
    (x1, y1), (x2, y2) = curve.at(parameter, 1).T, curve.at(parameter, 2).T
    radii = np.hypot(x1, y1) ** 3 / np.maximum(np.abs(x1 * y2 - y1 * x2), 1e-300)
    step = SAMPLES // 4
    points = curve.at(parameter)
    return radii, np.stack([np.roll(points, step, axis=0), points, np.roll(points, -step, axis=0)], axis=1)


def radii_nm(outline: Floats | Curve, limit_nm: float, deviation_nm: float) -> tuple[Floats, Floats]:
    """Return radii and markers of an outline, see `vertex_radii_nm` and `curve_radii_nm`."""
    if isinstance(outline, Curve):
        return curve_radii_nm(outline)
    return vertex_radii_nm(outline, limit_nm, deviation_nm)


def _three_point(polygon: Floats, scale_nm: Floats, deviation_nm: float) -> tuple[Floats, np.ndarray]:
    """Return radii of circles through three vertices, (n,), and the numbers of these, (n, 3)."""
    count = len(polygon)
    length = np.hypot(*(np.roll(polygon, -1, axis=0) - polygon).T)
    place = np.concatenate([[0.0], np.cumsum(np.tile(length, 3))])
    here = place[count : 2 * count]
    total = place[count]
    window = np.maximum(WINDOW * scale_nm, np.sqrt(8 * deviation_nm * scale_nm))
    window = np.minimum(window, total / 3) * (1 - 1e-9)
    own = np.arange(count, 2 * count)
    before = np.minimum(np.searchsorted(place, here - window, side="right") - 1, own - 1)
    after = np.maximum(np.searchsorted(place, here + window, side="left"), own + 1)
    chosen = np.stack([before, own, after], axis=1) % count
    a, b, c = (polygon[chosen[:, k]] for k in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - b).T
    sides = np.hypot(ux, uy) * np.hypot(vx, vy) * np.hypot(*(c - a).T)
    radii = sides / np.maximum(2 * np.abs(ux * vy - uy * vx), 1e-300)
    return radii, chosen


def _rounded_corner(polygon: Floats, deviation_nm: float) -> Floats:
    """Return the radius of the largest arc that rounds each vertex and stays within a deviation of it."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    before = np.roll(edge, 1, axis=0)
    turn = np.arctan2(before[:, 0] * edge[:, 1] - before[:, 1] * edge[:, 0], np.sum(before * edge, axis=1))
    half = np.cos(turn / 2)
    return np.asarray(deviation_nm * half / np.maximum(1 - half, 1e-300))
