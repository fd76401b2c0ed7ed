"""Points and weights of Gauss sums, without an array library."""

from __future__ import annotations

import math
from functools import lru_cache


def log_error(count: int) -> float:
    """Return log c, where the Gauss sum of f over 0..1 is wrong by c times the largest 2 count-th derivative at most.

    c = n!^4 / ((2n + 1) (2n)!^3) for n points (Abramowitz & Stegun, Handbook of Mathematical Functions, 1964, the
    chapter on numerical integration).
    """
    return 4 * math.lgamma(count + 1) - math.log(2 * count + 1) - 3 * math.lgamma(2 * count + 1)


@lru_cache
def gauss_points(count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return `count` points in 0..1 and weights whose sum is exact for polynomials up to degree 2 count - 1."""
    points, weights = [], []
    for i in range(count):
        x, slope = math.cos(math.pi * (i + 0.75) / (count + 0.5)), 1.0
        for _ in range(6):  # Newton's method doubles the digits of this start, which has two or more
            before, value = 1.0, x
            for n in range(2, count + 1):
                before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
            slope = count * (x * value - before) / (x * x - 1)
            x -= value / slope
        points.append((1 + x) / 2)
        weights.append(1 / ((1 - x * x) * slope * slope))
    return tuple(points), tuple(weights)
