"""Shot counts: known on simple shapes, and close to those of the contest's random counter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread

from litho.grid import Grid
from litho.shots import greedy_rectangles, row_runs

GRID = Grid((64, 64), (1.0, 1.0))


def blank() -> Any:
    return np.zeros((64, 64), bool)


def elbow() -> Any:
    mask = blank()
    mask[8:40, 8:16] = mask[8:16, 8:40] = True
    return mask


def test_a_rectangle_is_one_shot_and_an_elbow_two() -> None:
    mask = blank()
    assert greedy_rectangles(mask, GRID).count == row_runs(mask, GRID).count == 0
    mask[4:20, 8:36] = True
    assert greedy_rectangles(mask, GRID).count == row_runs(mask, GRID).count == 1
    assert greedy_rectangles(elbow(), GRID).count == row_runs(elbow(), GRID).count == 2


def test_a_plus_costs_three_and_a_ring_four() -> None:
    plus, ring = blank(), blank()
    plus[24:32, 8:48] = plus[8:48, 24:32] = True
    ring[8:56, 8:56] = True
    ring[24:40, 24:40] = False
    assert greedy_rectangles(plus, GRID).count == row_runs(plus, GRID).count == 3
    assert greedy_rectangles(ring, GRID).count == row_runs(ring, GRID).count == 4


def test_shapes_that_touch_at_a_corner_are_counted_apart() -> None:
    mask = blank()
    mask[0:16, 0:16] = mask[16:32, 16:32] = True
    assert greedy_rectangles(mask, GRID).count == 2


def test_the_result_names_method_and_raster() -> None:
    assert greedy_rectangles(elbow(), GRID).method == "greedy-rectangles-4nm"
    assert row_runs(elbow(), GRID, 8.0).method == "row-runs-8nm"


def test_the_count_depends_on_the_raster_only_not_on_the_pixel_of_the_mask() -> None:
    coarse = elbow()[::2, ::2]
    assert greedy_rectangles(coarse, Grid((32, 32), (2.0, 2.0))) == greedy_rectangles(elbow(), GRID)


def greedy_by_trying_everything(free: Any) -> int:
    """Count by the definition: take the largest free rectangle; of equals the lowest, the leftmost, the narrowest."""
    free, count = free.copy(), 0
    while free.any():
        best = (0, 0, 0, 0, 0)
        for y0, x0 in np.argwhere(free):
            for y1 in range(y0 + 1, len(free) + 1):
                for x1 in range(x0 + 1, free.shape[1] + 1):
                    if not free[y0:y1, x0:x1].all():
                        break
                    best = max(best, ((y1 - y0) * (x1 - x0), -y1, -x1, x0, y0))
        _, y1, x1, x0, y0 = best
        y1, x1 = -y1, -x1
        free[y0:y1, x0:x1] = False
        count += 1
    return count


def test_greedy_takes_the_largest_rectangle_each_time(rng: np.random.Generator) -> None:
    grid = Grid((10, 12), (4.0, 4.0))
    for density in (0.3, 0.6, 0.8, 0.95):
        mask = rng.random(grid.shape) < density
        assert greedy_rectangles(mask, grid).count == greedy_by_trying_everything(mask)


def test_row_runs_equal_their_definition(rng: np.random.Generator) -> None:
    grid = Grid((40, 30), (4.0, 4.0))
    mask = np.repeat(rng.random((20, 30)) < 0.7, 2, axis=0)
    count, before = 0, set()
    for row in mask:
        edges = np.flatnonzero(np.diff(row, prepend=False, append=False)).reshape(-1, 2)
        runs = {(int(a), int(b)) for a, b in edges}
        count, before = count + len(runs - before), runs
    assert row_runs(mask, grid).count == count


@pytest.mark.parametrize(("pixel_nm", "shape"), [(2.5, (64, 64)), (0.5, (64, 64)), (4.0, (64, 32))])
def test_a_raster_that_does_not_fit_is_refused(pixel_nm: float, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be a"):
        greedy_rectangles(np.zeros(shape, bool), GRID, pixel_nm)


@pytest.mark.data
@pytest.mark.parametrize(("kind", "published"), [("MultiLevel", 1251), ("CurvILT", 1142)])
def test_published_masks_count_as_with_the_contest_counter(data_dir: Path, kind: str, published: float) -> None:
    grid = Grid((2048, 2048), (1.0, 1.0))
    folder = data_dir / "iccad13" / "openilt_masks"
    counts = [greedy_rectangles(imread(folder / f"{kind}_mask{clip}.png") > 127, grid).count for clip in range(1, 11)]
    # the contest's counter is random; these averages are of one seed each
    assert np.mean(counts) == pytest.approx(published, rel=0.02)
