"""Minimum rectangle partitions."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from litho.rectangles import is_manhattan, minimum_count, minimum_rectangles, slivers


def fewest_by_trying_everything(cells: NDArray[np.bool_]) -> int:
    """The lowest free cell is the corner of some rectangle: try all."""
    ny, nx = cells.shape

    @functools.cache
    def fewest(bits: int) -> int:
        if not bits:
            return 0
        y, x = divmod((bits & -bits).bit_length() - 1, nx)
        best, width = ny * nx, nx - x
        taken_rows = 0
        for row in range(y, ny):
            run = 0
            while run < width and bits >> (row * nx + x + run) & 1:
                run += 1
            width, taken_rows = run, taken_rows + 1
            for wide in range(1, width + 1):
                taken = sum(((1 << wide) - 1) << (r * nx + x) for r in range(y, y + taken_rows))
                best = min(best, 1 + fewest(bits & ~taken))
        return best

    return fewest(sum(1 << int(k) for k in np.flatnonzero(cells)))


def squares(cells: NDArray[np.bool_], size: int = 1) -> list[NDArray[np.float64]]:
    return [
        np.array([(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)], float) * size for y, x in np.argwhere(cells).tolist()
    ]


def painted(rectangles: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    count = np.zeros(shape, np.int64)
    for x0, y0, x1, y1 in rectangles.tolist():
        count[y0:y1, x0:x1] += 1
    return count


def test_no_partition_has_fewer_rectangles(rng: np.random.Generator) -> None:
    for _ in range(250):
        cells = rng.random((rng.integers(2, 6), rng.integers(2, 6))) < rng.choice([0.6, 0.75, 0.9])
        assert minimum_count(cells) == fewest_by_trying_everything(cells)


def test_polygons_are_covered_once_and_nothing_else_is(rng: np.random.Generator) -> None:
    for min_side in (0.0, 3.0):
        cells = rng.random((25, 30)) < 0.75
        found = minimum_rectangles(squares(cells), min_side)
        assert np.array_equal(painted(found, cells.shape), cells)
        assert len(found) == minimum_count(cells)


def test_count_without_chords_is_concave_corners_less_holes_plus_parts() -> None:
    # no two concave corners share a line: n random steps up a stair, and a hole beside it
    cells = np.zeros((40, 40), bool)
    for step, height in enumerate((3, 7, 12, 18, 25, 33)):
        cells[:height, 6 * step : 6 * step + 6] = True
    assert minimum_count(cells) == 5 + 1
    cells[22:24, 26:29] = False  # a hole: 4 concave corners, of which no two are joined by a cut inside the shape
    assert minimum_count(cells) == 5 + 4 - 0 - 1 + 1


def test_a_frame_takes_four_and_a_plus_three() -> None:
    frame = np.ones((7, 9), bool)
    frame[2:5, 3:6] = False
    assert minimum_count(frame) == 4
    plus = np.zeros((9, 9), bool)
    plus[3:6] = plus[:, 3:6] = True
    assert minimum_count(plus) == 3


def test_shapes_that_touch_at_a_corner_are_two() -> None:
    assert minimum_count(np.eye(3, dtype=bool)) == 3


def test_cuts_avoid_slivers_where_they_may() -> None:
    # an L: its one cut leaves a side of 2 if it goes up, and none below 30 if it goes across
    corner = np.array([(0, 0), (100, 0), (100, 30), (98, 30), (98, 60), (0, 60)], float)
    for turned in (corner, corner[::-1, ::-1]):  # the same shape over its diagonal
        assert slivers(minimum_rectangles([turned], 10.0), 10.0) == 0
    # an L whose leg is 3 wide itself keeps it
    leg = np.array([(0, 0), (100, 0), (100, 3), (50, 3), (50, 60), (0, 60)], float)
    assert slivers(minimum_rectangles([leg], 10.0), 10.0) == 1


def test_large_coordinates_stay_exact() -> None:
    far = 2**35
    shape = np.array([(0, 0), (far, 0), (far, 1), (1, 1), (1, far), (0, far)], float)
    found = minimum_rectangles([shape])
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in found.tolist()]
    assert sum(areas) == 2 * far - 1 and len(areas) == 2


@pytest.mark.parametrize("polygon", [[(0, 0), (2, 0), (2, 2.5), (0, 2.5)], [(0, 0), (2, 0), (0, 2)], [(0, 0), (2, 0)]])
def test_what_is_not_manhattan_on_whole_units_is_refused(polygon: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="`polygons` must"):
        minimum_rectangles([np.array(polygon, float)])


def test_manhattan_is_told_from_slanted() -> None:
    assert is_manhattan(np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]))
    assert not is_manhattan(np.array([(0.0, 0.0), (2.0, 0.1), (2.0, 2.0), (0.0, 2.0)]))
