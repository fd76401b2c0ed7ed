"""Shapes with known widths, spaces and curvature, for the laws of mask rules."""

from __future__ import annotations

import math

import numpy as np

from litho.cells import Floats


def box(width: float, height: float) -> Floats:
    """Return a rectangle around the origin."""
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([width, height]) / 2


def ellipse(a: float, b: float, deviation: float = 0.01) -> Floats:
    """Return a polygon with vertices on an ellipse, nowhere farther than about `deviation` from it."""
    count = math.ceil(math.pi * math.sqrt(max(a, b) / (2 * deviation)))
    angle = 2 * math.pi * np.arange(count) / count
    return np.stack([a * np.cos(angle), b * np.sin(angle)], axis=1)


def ellipse_by_angle(a: float, b: float, count: int = 720) -> Floats:
    """Return a polygon with vertices on an ellipse, whose edges turn by the same angle everywhere."""
    cos, sin = (f(2 * math.pi * np.arange(count) / count) for f in (np.cos, np.sin))
    support = np.hypot(a * cos, b * sin)
    return np.asarray(np.stack([a**2 * cos, b**2 * sin], axis=1) / support[:, None])


def disc(radius: float, deviation: float = 0.01) -> Floats:
    return ellipse(radius, radius, deviation)


def hole(polygon: Floats) -> Floats:
    return polygon[::-1].copy()


def moved(polygon: Floats, degrees: float = 0.0, to: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Return a polygon that was turned around the origin, and then moved."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.asarray(polygon @ np.array([[cos, sin], [-sin, cos]]) + to)


def trapezoid(tip: float, angle_deg: float, length: float) -> Floats:
    """Return a taper whose sides enclose an angle, cut off where they are `tip` apart."""
    rise = length * math.tan(math.radians(angle_deg) / 2)
    return np.array([[0, -tip / 2], [length, -tip / 2 - rise], [length, tip / 2 + rise], [0, tip / 2]])


def wedge(angle_deg: float, length: float) -> Floats:
    """Return a triangle with a tip at the origin."""
    rise = length * math.tan(math.radians(angle_deg) / 2)
    return np.array([[0, 0], [length, -rise], [length, rise]])


def u_shape(slot: float, wall: float = 50.0, depth: float = 80.0) -> Floats:
    """Return a U whose arms are `slot` apart."""
    half, outer = slot / 2, slot / 2 + wall
    right = np.array([[0, -wall], [outer, -wall], [outer, depth], [half, depth], [half, 0]])
    return np.concatenate([right, right[:0:-1] * (-1, 1)])


def hourglass(neck: float, radius: float = 60.0, deviation: float = 0.01) -> Floats:
    """Return a bar that two round bites leave `neck` wide: the width beside the neck grows with their radius."""
    reach = 0.45 * radius
    count = 2 * math.ceil(reach / math.sqrt(8 * radius * deviation)) + 1
    x = np.linspace(-reach, reach, count)
    y = neck / 2 + radius - np.sqrt(radius**2 - x**2)
    top = np.stack([x, y], axis=1)[::-1]
    return np.concatenate([-top, top])
