"""Overlapping rectangles that keep to a curve."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from litho.curve_shots import cover, maximal_rectangles


def disc(radius: float, size: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.hypot(y, x) <= radius


def painted(shots: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    union = np.zeros(shape, bool)
    for x0, y0, x1, y1 in shots.tolist():
        union[y0:y1, x0:x1] = True
    return union


def test_maximal_rectangles_equal_their_definition(rng: np.random.Generator) -> None:
    for density in (0.5, 0.7, 0.9):
        free = rng.random((7, 8)) < density
        ny, nx = free.shape
        spans = [list(itertools.combinations(range(n + 1), 2)) for n in (nx, ny)]
        full = {(x0, y0, x1, y1) for (x0, x1), (y0, y1) in itertools.product(*spans) if free[y0:y1, x0:x1].all()}
        grown = ((-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
        wanted = {box for box in full if not any(tuple(np.add(box, step).tolist()) in full for step in grown)}
        found = [tuple(box) for box in maximal_rectangles(free).tolist()]
        assert len(found) == len(set(found)) and set(found) == wanted


@pytest.mark.parametrize("tolerance", [2.0, 4.0])
def test_a_cover_keeps_to_its_tolerance_on_both_sides(tolerance: float) -> None:
    shape = disc(28, 80)
    shape[34:46, 60:78] = True
    found = cover(shape, tolerance)
    for boxes, depth in ((found.shots, tolerance), (found.cores, tolerance)):
        union = painted(boxes, shape.shape)
        assert scipy.ndimage.distance_transform_edt(~shape)[union].max() <= tolerance + 0.5
        assert scipy.ndimage.distance_transform_edt(shape)[~union].max() <= depth + 0.5


def test_a_rectangle_takes_one_shot_and_a_plus_two() -> None:
    plus = np.zeros((60, 60), bool)
    plus[20:40, 5:55] = True
    assert len(cover(plus, 2.0).shots) == 1
    plus[5:55, 20:40] = True
    assert len(cover(plus, 2.0).shots) == 2


def test_a_wider_tolerance_never_takes_more_shots() -> None:
    counts = [len(cover(disc(30, 80), t).shots) for t in (1.0, 2.0, 3.0, 5.0, 8.0)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1]


def test_a_disc_takes_as_few_as_can_be_proven() -> None:
    # all choices of fewer maximal rectangles are tried
    from litho.curve_shots import _bands

    shape = disc(12, 36)
    found = cover(shape, 2.0)
    needed, allowed = _bands(shape, 2.0)
    boxes = maximal_rectangles(allowed)
    masks = [painted(box[None], shape.shape)[needed] for box in boxes]
    fewer = len(found.shots) - 1
    assert not any(np.any(several, axis=0).all() for several in itertools.combinations(masks, fewer))


def test_thin_lines_and_thin_gaps_stay() -> None:
    shape = np.zeros((60, 60), bool)
    shape[10:13, 5:55] = True  # 3 pixels, with a tolerance of 4
    shape[30:44, 5:55] = shape[47:58, 5:55] = True  # 3 pixels apart
    found = cover(shape, 4.0)
    _, count = scipy.ndimage.label(painted(found.shots, shape.shape))
    assert count == 3 and len(found.shots) == 3


def test_nothing_takes_no_shot() -> None:
    assert len(cover(np.zeros((20, 20), bool), 2.0).shots) == 0
