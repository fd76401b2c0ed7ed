"""Trapezoids of polygons of any angle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from litho.grid import Grid
from litho.outlines import area_nm2, areas_nm2, length_nm, united
from litho.polygons import RESOLUTION
from litho.raster import coverage
from litho.trapezoids import trapezoids


def blob(x: float, y: float, radius: float, waves: int, points: int = 60, turn: float = 0.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False) + turn
    reach = radius * (1 + 0.3 * np.cos(waves * angle))
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


def test_area_is_conserved_and_nothing_is_covered_twice() -> None:
    shapes = [blob(60, 60, 40, 5, turn=0.1), blob(60, 60, 15, 3, turn=0.3)[::-1], blob(170, 70, 30, 4, turn=0.2)]
    found = trapezoids(shapes)
    rounding = RESOLUTION * length_nm(shapes)  # of vertices where polygons are merged
    assert areas_nm2(found).sum() == pytest.approx(area_nm2(shapes), abs=rounding)
    grid = Grid((140, 220), (1.0, 1.0))
    summed = sum(coverage([part], grid) for part in found)
    assert np.abs(summed - coverage(united(shapes), grid)).max() < 1e-5  # crossings are rounded to 1e-6


def test_every_part_has_two_horizontal_sides_and_runs_counter_clockwise() -> None:
    for part in trapezoids([blob(0, 0, 50, 7, turn=0.05)]):
        assert len(np.unique(part[:, 1])) == 2 and len(part) in (3, 4)
        assert areas_nm2([part])[0] > 0


def test_counts_of_a_triangle_a_rectangle_a_hexagon_and_a_diamond_with_a_hole() -> None:
    def polygon(corners: int, radius: float, turn: float) -> np.ndarray:
        angle = 2 * math.pi * np.arange(corners) / corners + turn
        return np.round(np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius, 3)

    assert len(trapezoids([np.array([(0.0, 0.0), (4.0, 0.0), (1.0, 3.0)])])) == 1
    assert len(trapezoids([np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)])])) == 1
    assert len(trapezoids([polygon(6, 10.0, 0.0)])) == 2
    diamond, hole = polygon(4, 10.0, 0.0), polygon(4, 4.0, 0.0)[::-1]
    # cuts through both corners of the hole that point up and down, and through the level of the middle
    assert len(trapezoids([diamond, hole])) == 6


def test_nothing_gives_nothing() -> None:
    assert trapezoids([]) == []
