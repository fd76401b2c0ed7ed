"""Edge placement errors of moved fragments, and their derivatives, against differences and other ways to the same."""

from __future__ import annotations

import numpy as np
import pytest
from edge_cases import CROSS, GRID, LINE, PROCESS, TILTED, kernels, model

from litho.cells import Floats
from litho.cutline import CutLine
from litho.edge_image import corner_errors, edge_images, edge_images_adjoint, intensity_matrix
from litho.edge_moves import moved_outlines, moving_edges
from litho.edge_placement import edge_placement
from litho.fragments import FragmentSettings, fragmented
from litho.meef import exact_mask_error_factor
from litho.model import aerial_images, print_model
from litho.raster import coverage

COARSE = FragmentSettings(run_nm=120, corner_nm=60, single_nm=120)


@pytest.mark.parametrize("polygons", [CROSS, TILTED], ids=["cross", "tilted"])
@pytest.mark.parametrize("blurred", [False, True], ids=["sharp", "blurred"])
def test_the_matrix_of_intensities_is_their_derivative(
    polygons: list[Floats], blurred: bool, rng: np.random.Generator
) -> None:
    chain, fragments = model(blurred), fragmented(polygons, COARSE, GRID)
    edges, count = moving_edges(fragments), len(fragments)
    moves, way = rng.uniform(-3, 8, count), rng.normal(size=count)
    points = fragments.sites.points_nm[:5]
    matrix = intensity_matrix(points, 1, edge_images(moves, edges, chain), edges, chain, count)

    def at(step: float) -> Floats:
        return edge_images(moves + step * way, edges, chain).images[1].at(*points.T)

    h = 0.01
    differences = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert np.abs(matrix @ way - differences).max() < 1e-6 * np.abs(differences).max()


def test_the_matrix_of_errors_is_their_derivative(rng: np.random.Generator) -> None:
    chain, fragments = model(), fragmented(CROSS, COARSE, GRID)
    edges, count = moving_edges(fragments), len(fragments)
    moves, way = rng.uniform(0, 6, count), rng.normal(size=count)
    found = corner_errors(fragments.sites, 2, edge_images(moves, edges, chain), edges, chain, count)
    assert not found.lost.any()
    threshold = PROCESS.resist.threshold / PROCESS.corners[2].dose

    def at(step: float) -> Floats:
        image = edge_images(moves + step * way, edges, chain).images[1]
        return edge_placement(image, fragments.sites, threshold).error_nm

    h = 0.02
    differences = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert np.abs(found.matrix @ way - differences).max() < 1e-6 * np.abs(differences).max()
    assert found.error_nm == pytest.approx(at(0.0), abs=1e-6)


def test_moving_both_edges_of_a_line_is_its_mask_error_factor() -> None:
    chain = model()
    fragments = fragmented(LINE, FragmentSettings(single_nm=2000), GRID)
    edges, count = moving_edges(fragments), len(fragments)
    found = corner_errors(fragments.sites, 0, edge_images(np.zeros(count), edges, chain), edges, chain, count)
    sides = np.flatnonzero(~fragments.fixed)
    both = found.matrix[np.ix_(sides, sides)]
    expected = exact_mask_error_factor(
        LINE, CutLine((-120.0, 3.0), (120.0, 3.0)), PROCESS.resist.threshold, kernels()[0], GRID
    )
    assert both.sum() / 2 == pytest.approx(expected, rel=1e-7)
    assert both[0, 0] == pytest.approx(both[1, 1], rel=1e-7)
    assert both[0, 1] == pytest.approx(both[1, 0], rel=1e-7)


def test_the_adjoint_is_that_of_the_matrix(rng: np.random.Generator) -> None:
    chain, fragments = model(), fragmented(TILTED, COARSE, GRID)
    edges, count = moving_edges(fragments), len(fragments)
    images = edge_images(rng.uniform(-3, 8, count), edges, chain)
    x, y = (points := fragments.sites.points_nm).T
    weights = [rng.normal(size=len(points)) for _ in images.images]
    halves = [image.at_adjoint(w, x, y) for image, w in zip(images.images, weights, strict=True)]
    gradient = edge_images_adjoint(halves, images, edges, chain, count)
    expected = sum(w @ intensity_matrix(points, k, images, edges, chain, count) for k, w in enumerate(weights))
    assert gradient == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_image_of_moved_edges_is_that_of_their_raster(rng: np.random.Generator) -> None:
    chain, fragments = model(), fragmented(CROSS, COARSE, GRID)
    moves = np.round(rng.uniform(-3, 8, len(fragments)))
    image = edge_images(moves, moving_edges(fragments), chain).images[0]
    fine = GRID.resampled(1.0)
    covered = coverage(moved_outlines(fragments, moves), fine)
    others, _ = aerial_images(covered, print_model(fine, PROCESS, kernels(), covered, print_grid=GRID))
    assert image.samples() == pytest.approx(others[0], abs=1e-3)  # a raster of 1 nm pixels averages over them


def test_a_turned_mask_has_turned_errors() -> None:
    chain = model()
    turned = [polygon @ np.array([[0.0, 1.0], [-1.0, 0.0]]) for polygon in TILTED]
    results = []
    for polygons in (TILTED, turned):
        fragments = fragmented(polygons, COARSE, GRID)
        edges, count = moving_edges(fragments), len(fragments)
        found = corner_errors(fragments.sites, 0, edge_images(np.full(count, 4.0), edges, chain), edges, chain, count)
        results.append((fragments.sites.points_nm, found))
    (points, first), (others, second) = results
    gaps = np.abs((points @ np.array([[0.0, 1.0], [-1.0, 0.0]]))[:, None] - others[None]).sum(axis=2)
    order = gaps.argmin(axis=1)
    assert gaps.min(axis=1).max() < 1e-4
    assert second.error_nm[order] == pytest.approx(first.error_nm, abs=2e-6)  # vertices are rounded to 2^-20 nm
    assert second.matrix[np.ix_(order, order)] == pytest.approx(first.matrix, abs=1e-4)


def test_where_nothing_prints_the_error_still_tells_how_far_off() -> None:
    chain, fragments = model(), fragmented([np.array([(-15, -15), (15, -15), (15, 15), (-15, 15.0)])], COARSE, GRID)
    edges, count = moving_edges(fragments), len(fragments)
    errors = []
    for move in (0.0, 5.0):
        images = edge_images(np.full(count, move), edges, chain)
        found = corner_errors(fragments.sites, 0, images, edges, chain, count, reach_nm=40.0)
        assert found.lost.all() and np.all(found.error_nm < 0) and np.all(found.error_nm >= -40)
        errors.append(found.error_nm)
    assert np.all(errors[1] > errors[0])  # a larger opening is nearer to printing
