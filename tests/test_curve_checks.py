"""What is said of curves holds: bounds of curvature everywhere, crossings, and the vertices a polygon needs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from litho.curve_checks import crossing_curves, radius_bound_nm, radius_bounds_nm
from litho.curves import Curve


def ring(count: int, radius: float, x: float = 0.0, y: float = 0.0) -> Curve:
    angle = 2 * np.pi * np.arange(count) / count
    reach = 6 * radius / (4 + 2 * np.cos(2 * np.pi / count))
    return Curve(np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1))


def wild(rng: np.random.Generator, count: int) -> Curve:
    """Return a random star-shaped curve with tight bends."""
    angle = 2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
    length = 100 * rng.uniform(0.5, 1.5, count)
    return Curve(np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1))


def radii(curve: Curve, samples: int = 400) -> np.ndarray:
    """Return the radius of curvature, (pieces, samples), by the textbook formula."""
    parameter = (np.arange(len(curve))[:, None] + np.arange(samples) / samples).ravel()
    (x1, y1), (x2, y2) = curve.at(parameter, 1).T, curve.at(parameter, 2).T
    return (np.hypot(x1, y1) ** 3 / np.maximum(np.abs(x1 * y2 - y1 * x2), 1e-300)).reshape(len(curve), samples)


def test_no_radius_of_random_curves_is_below_its_bound_and_the_bound_comes_close(rng: np.random.Generator) -> None:
    for count in (5, 8, 13, 30):
        for _ in range(3):
            curve = wild(rng, count)
            sampled = radii(curve).min(axis=1)
            bounds = [radius_bounds_nm(curve, halvings) for halvings in (0, 3, 6)]
            for bound in bounds:
                assert np.all(bound <= sampled * (1 + 1e-9))
            for coarse, fine in itertools.pairwise(bounds):
                assert np.all(fine >= coarse * (1 - 1e-9))  # a finer cut never says less
            assert radius_bound_nm(curve, 9) > 0.95 * sampled.min() - 1e-2


def test_the_bound_of_a_nearly_round_curve_is_its_radius() -> None:
    assert radius_bound_nm(ring(48, 37.0)) == pytest.approx(37.0, rel=0.01)
    assert radius_bound_nm(ring(48, 37.0), 8) == pytest.approx(radii(ring(48, 37.0)).min(), rel=1e-3)


def test_a_cusp_has_the_bound_zero() -> None:
    points = np.array([[0, 0], [40, 0], [40, 40], [40, 40], [40, 40], [0, 40]], float)
    assert radius_bound_nm(Curve(points)) < 1e-6


def test_curves_that_cross_are_found_and_no_others(rng: np.random.Generator) -> None:
    apart = [ring(12, 50.0), ring(12, 40.0), ring(9, 30.0, 80.5, 0.0), wild(rng, 12)]
    apart[3] = Curve(apart[3].control_points + 400.0)
    assert crossing_curves(apart) == []
    eight = Curve(np.array([[0, 0], [60, 60], [120, 0], [120, 60], [60, 0], [0, 60]], float) - 900.0)
    over = ring(9, 30.0, 77.0, 0.0)
    assert crossing_curves([*apart[:2], over, apart[3], eight]) == [0, 2, 4]
    assert crossing_curves([]) == []
