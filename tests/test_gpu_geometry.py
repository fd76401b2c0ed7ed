"""Geometry by CUDA kernels, run on the host, is that of the libraries: coverage, outlines, distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import skimage.morphology

from litho.backend import gpu_problem, to_host
from litho.contour import contours
from litho.gpu_geometry import area_coverage, chained, distance_from_outside, field_outlines, opened
from litho.grid import Grid
from litho.raster import coverage, polygon_area_nm2

pytest_plugins = ["cuda_on_host"]

TICK = 2.0**-40
SQUARE = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])


def ngon(x: float, y: float, radius: float, vertices: int = 64) -> Any:
    angles = 2 * np.pi * np.arange(vertices) / vertices + 0.1
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)


def star(rng: np.random.Generator, x: float, y: float, vertices: int) -> Any:
    return (ngon(0, 0, 1.0, vertices) * rng.uniform(2, 30, (vertices, 1))) + (x, y)


def layouts() -> dict[str, tuple[list[Any], Grid]]:
    rng = np.random.default_rng(11)
    centre, corners = rng.uniform(10, 20, 2), 40 * SQUARE - 4
    return {
        "none": ([], Grid((5, 7), (1.0, 1.0))),
        "one pixel": ([0.5 * SQUARE], Grid((1, 1), (1.0, 1.0))),
        "on the lines": ([8 * SQUARE, 8 * SQUARE + (8, 0), 3 * SQUARE + (2, 20)], Grid((25, 17), (1.0, 1.0))),
        "ragged": ([star(rng, 31.7, 22.3, n) for n in (3,)], Grid((17, 23), (61 / 17, 97 / 23), (-3.21, 1.234))),
        "hole": ([ngon(32, 30, 25.3), ngon(31, 33, 11.1)[::-1]], Grid((67, 61), (1.0, 1.0))),
        "touching": (
            [np.array([centre, corners[k], corners[(k + 1) % 4]]) for k in range(4)],
            Grid((33, 31), (1.0, 1.0)),
        ),
        "over every border": ([star(rng, 20, 20, 40), 1e4 * SQUARE + (35.5, -50)], Grid((40, 37), (0.7, 1.1))),
        "outside": ([ngon(-40, 5, 9), ngon(5, 80, 9), ngon(60, 5, 9), ngon(5, -60, 9)], Grid((20, 30), (1.0, 1.0))),
        "wider than a block": ([star(rng, 300, 6, 30)], Grid((12, 601), (1.0, 1.0))),
        "a field of nothing else": ([1e6 * (SQUARE - 0.5)], Grid((6, 8), (1.0, 1.0))),
        "slivers": ([np.array([(0.1, 0.1), (50, 0.1 + 1e-9), (0.1, 0.1 + 2e-9)])], Grid((2, 51), (1.0, 1.0))),
    }


@pytest.mark.parametrize("name", layouts())
def test_the_kernels_coverage_is_the_exact_one(name: str, kernels_on_host: Callable[..., None]) -> None:
    polygons, grid = layouts()[name]
    expected = coverage(polygons, grid)
    kernels_on_host()
    covered = area_coverage(polygons, grid, np.zeros(1))
    assert covered.dtype == np.float64 and covered.shape == grid.shape
    assert np.abs(covered - expected).max() < 1e-11
    single = area_coverage(polygons, grid, np.zeros(1, np.float32))
    assert single.dtype == np.float32 and np.array_equal(single, covered.astype(np.float32))


def test_the_kernels_leave_no_rounding_inside_and_outside(kernels_on_host: Callable[..., None]) -> None:
    rng = np.random.default_rng(3)
    discs = [ngon(*(90 * np.array([i, j]) + rng.uniform(40, 50, 2)), 37.3) for i in range(2) for j in range(2)]
    kernels_on_host()
    covered = area_coverage(discs, Grid.square(190, 1.0), np.zeros(1))
    assert covered.min() == 0.0 and covered.max() == 1.0
    assert np.count_nonzero(covered % 1) <= 4 * 8 * (37.3 + 1)
    assert covered.sum() == pytest.approx(sum(map(polygon_area_nm2, discs)), rel=1e-13)


def test_the_kernels_coverage_does_not_depend_on_the_order_of_polygons(kernels_on_host: Callable[..., None]) -> None:
    polygons, grid = layouts()["over every border"]
    kernels_on_host()
    one, other = (area_coverage(p, grid, np.zeros(1)) for p in (polygons, polygons[::-1]))
    assert np.array_equal(one, other)
    assert np.array_equal(one, np.rint(one / TICK) * TICK)


def waves(seed: int, shape: tuple[int, int], smooth: float) -> Any:
    noise = np.random.default_rng(seed).standard_normal(shape)
    return scipy.ndimage.gaussian_filter(noise, smooth, mode="wrap") if smooth else noise


def fields() -> dict[str, tuple[Any, float]]:
    checkers = np.indices((6, 9)).sum(axis=0) % 2 - 0.5
    return {
        "smooth": (waves(1, (61, 83), 3.0), 0.0),
        "noise, full of saddles": (waves(2, (40, 31), 0.0), 0.1),
        "checkers, all saddles": (checkers + 0.1 * waves(3, checkers.shape, 0.0), 0.0),
        "even checkers": (checkers, 0.0),
        "one row": (waves(4, (1, 37), 0.0), 0.0),
        "one sample": (np.ones((1, 1)), 0.3),
        "all above": (np.ones((5, 4)), 0.0),
        "all below": (-np.ones((5, 4)), 0.0),
        "whole numbers at the level": (np.round(2 * waves(5, (40, 45), 1.0)), 0.0),
        "single precision": (waves(6, (50, 47), 2.0).astype(np.float32), 0.05),
    }


def by_corner(outlines: list[Any]) -> list[Any]:
    """Outlines in an order, and from a vertex on, that do not depend on where they were begun."""
    turned = []
    for outline in outlines:
        key = np.round(outline, 6)
        first = int(np.lexsort((key[:, 1], key[:, 0]))[0])
        turned.append(np.roll(outline, -first, axis=0))
    return sorted(turned, key=lambda o: (len(o), *np.round(o[0], 6), *np.round(o[1], 6), *np.round(o[-1], 6)))


@pytest.mark.parametrize("name", fields())
def test_the_kernels_outlines_have_the_vertices_of_contourpys(name: str, kernels_on_host: Callable[..., None]) -> None:
    field, level = fields()[name]
    grid = Grid(field.shape, (1.25, 0.75), (-7.0, 100.0))
    expected = by_corner(contours(field, grid, level))
    kernels_on_host()
    found = by_corner(field_outlines(field, grid, level))
    assert [len(o) for o in found] == [len(o) for o in expected]
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() < 1e-10


def test_an_outline_runs_around_its_region_and_back_around_a_hole(kernels_on_host: Callable[..., None]) -> None:
    grid = Grid((80, 90), (1.0, 1.0))
    y, x = np.indices(grid.shape) + 0.5
    away = np.hypot(x - 40.2, y - 41.1)
    kernels_on_host()
    areas = sorted(polygon_area_nm2(o) for o in field_outlines(8.0 - np.abs(away - 20.0), grid))
    assert areas == pytest.approx([-np.pi * 12**2, np.pi * 28**2], rel=2e-3)


def test_segments_are_chained_by_where_they_meet() -> None:
    lines = np.array([[7, 3], [5, 5], [1, 7], [3, 1]])
    assert chained(lines) == [[0, 3, 2], [1]]


def test_outlines_of_a_field_that_is_none_are_refused(kernels_on_host: Callable[..., None]) -> None:
    kernels_on_host()
    with pytest.raises(ValueError, match="`field` must have the shape"):
        field_outlines(np.zeros((3, 3)), Grid((3, 4), (1.0, 1.0)))
    with pytest.raises(ValueError, match="`field` must be finite"):
        field_outlines(np.full((3, 4), np.nan), Grid((3, 4), (1.0, 1.0)))


def regions() -> dict[str, Any]:
    rng = np.random.default_rng(8)
    discs = np.hypot(*(np.indices((70, 41)) - np.array([33.0, 19.0])[:, None, None])) < 17
    lone = np.ones((9, 40), bool)
    lone[7, 33] = False
    return {
        "discs": discs,
        "noise": rng.random((33, 65)) < 0.97,
        "one outside": lone,
        "none inside": np.zeros((4, 5), bool),
        "columns without any outside": np.broadcast_to(np.arange(50) % 7 > 0, (6, 50)).copy(),
        "one row": rng.random((1, 70)) < 0.9,
        "one column": rng.random((70, 1)) < 0.9,
        "a batch": rng.random((3, 20, 17)) < 0.95,
    }


@pytest.mark.parametrize("pixel_nm", [(1.0, 1.0), (2.5, 0.7)])
@pytest.mark.parametrize("name", regions())
def test_the_kernels_distances_are_exact(
    name: str, pixel_nm: tuple[float, float], kernels_on_host: Callable[..., None]
) -> None:
    inside = regions()[name]
    images = inside.reshape(-1, *inside.shape[-2:])
    expected = np.stack([scipy.ndimage.distance_transform_edt(i, sampling=pixel_nm) for i in images])
    assert np.array_equal(distance_from_outside(inside, pixel_nm, np.zeros(1)), expected.reshape(inside.shape))
    kernels_on_host()
    found = distance_from_outside(inside, pixel_nm, np.zeros(1))
    assert np.abs(found - expected.reshape(inside.shape)).max() < 1e-11
    single = distance_from_outside(inside, pixel_nm, np.zeros(1, np.float32))
    assert single.dtype == np.float32 and np.array_equal(single, found.astype(np.float32))


def test_distances_in_an_image_that_is_all_inside_are_infinite(kernels_on_host: Callable[..., None]) -> None:
    inside = np.ones((2, 3, 4), bool)
    inside[1, 2, 3] = False
    for on in (False, True):
        kernels_on_host(on)
        distance = distance_from_outside(inside, (1.0, 1.0), np.zeros(1))
        assert np.isinf(distance[0]).all() and distance[1].max() == pytest.approx(np.hypot(2, 3))


@pytest.mark.parametrize("radius", [1, 3, 6])
def test_an_opening_by_distances_is_that_by_discs_of_pixels(radius: int, kernels_on_host: Callable[..., None]) -> None:
    inside = np.pad(waves(9, (70, 60), 3.0) > 0, 12)
    expected = skimage.morphology.opening(inside, skimage.morphology.disk(radius))
    for on in (False, True):
        kernels_on_host(on)
        assert np.array_equal(opened(inside, 2.0 * radius, (1.0, 1.0), np.zeros(1)), expected)


def test_lengths_that_are_none_are_refused() -> None:
    inside = np.ones((2, 2), bool)
    with pytest.raises(ValueError, match="`pixel_nm` must be two positive lengths"):
        distance_from_outside(inside, (1.0, 0.0), np.zeros(1))
    with pytest.raises(ValueError, match="`diameter_nm` must be a positive length"):
        opened(inside, np.nan, (1.0, 1.0), np.zeros(1))


@pytest.fixture
def gpu() -> Any:
    """Put host arrays on a GPU."""
    problem = gpu_problem()
    if problem is not None:
        pytest.skip(f"no GPU: {problem}")
    import cupy

    return cupy.asarray


@pytest.mark.gpu
@pytest.mark.parametrize("name", layouts())
def test_a_gpu_has_the_coverage_of_the_host_and_the_same_bits_again(name: str, gpu: Any) -> None:
    polygons, grid = layouts()[name]
    covered, again = (to_host(area_coverage(polygons, grid, gpu(np.zeros(1)))) for _ in range(2))
    assert np.abs(covered - coverage(polygons, grid)).max() < 1e-11
    assert np.array_equal(covered, again)


@pytest.mark.gpu
@pytest.mark.parametrize("name", fields())
def test_a_gpu_has_the_outlines_of_the_host(name: str, gpu: Any) -> None:
    field, level = fields()[name]
    grid = Grid(field.shape, (1.25, 0.75), (-7.0, 100.0))
    found, expected = (by_corner(o) for o in (field_outlines(gpu(field), grid, level), contours(field, grid, level)))
    assert [len(o) for o in found] == [len(o) for o in expected]
    assert all(np.abs(a - b).max() < 1e-10 for a, b in zip(found, expected, strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("name", regions())
def test_a_gpu_has_the_distances_of_the_host(name: str, gpu: Any) -> None:
    inside = regions()[name]
    found = to_host(distance_from_outside(gpu(inside), (2.5, 0.7), gpu(np.zeros(1))))
    assert np.abs(found - distance_from_outside(inside, (2.5, 0.7), np.zeros(1))).max() < 1e-11
