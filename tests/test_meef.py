"""Mask error enhancement factors against the derivative of a grating's orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from gratings import ThreeBeams

import litho
from litho.cells import Floats
from litho.cutline import CutLine, measure
from litho.meef import biased, cd_gradient, edge_moves, exact_mask_error_factor, mask_error_factor
from litho.raster import polygon_area_nm2

GRATING = ThreeBeams()
GRID = litho.Grid.over((100.0, 500.0), 5.0)
OPTICS = litho.Optics(wavelength_nm=193.0, na=0.85, source=litho.Source.point(0.0, 0.0))
KERNELS = litho.socs_kernels(OPTICS, GRID.period_nm, max_error=0.0)
LINE = CutLine((0.0, 31.0), (400.0, 31.0))


def openings(width: float = 90.0) -> list[Floats]:
    """Return the two clear spaces of the grating in the field, which they cross from border to border."""
    centres = (125.0, 375.0)
    return [
        np.array([[c - width / 2, 0], [c + width / 2, 0], [c + width / 2, 100], [c - width / 2, 100.0]])
        for c in centres
    ]


@pytest.mark.parametrize("threshold", [0.12, 0.2, 0.3, 0.5])
@pytest.mark.parametrize("tone", ["bright", "dark"])
def test_the_factor_of_a_grating_is_the_derivative_of_its_orders(threshold: float, tone: str) -> None:
    expected = GRATING.meef(threshold)  # a line grows where the space shrinks: the same factor
    near = (125.0, 31.0) if tone == "bright" else (250.0, 31.0)
    exact = exact_mask_error_factor(openings(), LINE, threshold, KERNELS, GRID, near_nm=near, tone=tone)
    assert exact == pytest.approx(expected, rel=1e-6)


def test_differences_of_closed_forms_give_the_factor() -> None:
    def cd_of(polygons: Sequence[Floats]) -> float:
        return replace(GRATING, width_nm=float(np.ptp(polygons[0][:, 0]))).cd_nm(0.2)

    assert mask_error_factor(cd_of, openings()) == pytest.approx(GRATING.meef(0.2), rel=1e-6)
    assert mask_error_factor(cd_of, openings(), drawn=False) == pytest.approx(-GRATING.meef(0.2), rel=1e-6)


def test_differences_through_the_raster_stay_within_half_a_percent() -> None:
    grid = litho.Grid.over((100.0, 500.0), 2.5)

    def cd_of(polygons: Sequence[Floats]) -> float:
        image = litho.aerial_image(litho.coverage(polygons, grid), OPTICS, grid)
        return measure(image, LINE, 0.2, near_nm=(125.0, 31.0)).cd_nm

    assert mask_error_factor(cd_of, openings(), grid, bias_nm=2.5) == pytest.approx(GRATING.meef(0.2), rel=5e-3)


def test_the_gradient_in_every_vertex_is_that_of_differences(rng: np.random.Generator) -> None:
    grid = litho.Grid.square(600.0, 10.0)
    optics = litho.Optics(wavelength_nm=193.0, na=0.9, source=litho.Source.conventional(0.4))
    kernels = litho.socs_kernels(optics, grid.period_nm, 60.0, max_error=0.05)
    mask = litho.Mask.attenuated(0.06)
    polygons = [
        np.array([[200.0, 150], [330, 170], [320, 420], [210, 400]]),
        np.array([[400.0, 150], [480, 200], [420, 420]]),
    ]
    line = CutLine((120.0, 280.0), (395.0, 300.0))

    def cd_of(shift: Floats) -> float:
        parts = np.split(shift, [4])
        moved = [p + s for p, s in zip(polygons, parts, strict=True)]
        return cd_gradient(moved, line, 0.3, kernels, grid, mask=mask)[0].cd_nm

    _, gradient = cd_gradient(polygons, line, 0.3, kernels, grid, mask=mask)
    direction, step = rng.normal(size=(7, 2)), 1e-3
    slope = (cd_of(step * direction) - cd_of(-step * direction)) / (2 * step)
    assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-6)


def test_the_measured_feature_is_that_of_the_aerial_image() -> None:
    feature, _ = cd_gradient(openings(), LINE, 0.2, KERNELS, GRID, near_nm=(125.0, 0.0))
    assert feature.cd_nm == pytest.approx(GRATING.cd_nm(0.2), abs=1e-6)


def test_a_biased_polygon_has_the_area_of_its_perimeter() -> None:
    polygon = np.array([[0.0, 0], [200, 0], [200, 80], [150, 80], [150, 200], [20, 180]])
    sides = np.roll(polygon, -1, axis=0) - polygon
    perimeter, area = np.hypot(*sides.T).sum(), polygon_area_nm2(polygon)
    (small,), (large,) = biased([polygon], -0.02), biased([polygon], 0.02)
    assert (polygon_area_nm2(large) - polygon_area_nm2(small)) / 0.02 == pytest.approx(perimeter, rel=1e-9)
    assert polygon_area_nm2(biased([polygon[::-1]], 2.0)[0]) > -area  # a hole becomes smaller
    rectangle = np.array([[0.0, 0], [200, 0], [200, 9], [0, 9]])
    assert np.ptp(biased([rectangle], 3.0)[0], axis=0) == pytest.approx([203.0, 12.0])


def test_edges_on_the_border_and_points_on_an_edge_move_with_their_shape() -> None:
    space = np.array([[20.0, 0], [60, 0], [60, 50], [60, 100], [20, 100]])
    moved = edge_moves(space, GRID)
    np.testing.assert_allclose(moved, [[-1, 0], [1, 0], [1, 0], [1, 0], [-1, 0]], atol=1e-12)
    np.testing.assert_allclose(edge_moves(space)[[0, 3]], [[-1, -1], [1, 1]], atol=1e-12)


def test_a_bias_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="`bias_nm` must be a positive length"):
        mask_error_factor(lambda polygons: 1.0, openings(), bias_nm=0.0)
