"""Process-variation bands, and side lobes of known place and height."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gratings import TwoBeams

from litho.cells import Floats
from litho.contour import contours
from litho.cutline import Intensity
from litho.edge_placement import edge_placement, intensity_at, target_sites
from litho.grid import Grid
from litho.printability import _pixel_centres, band_area_nm2, band_polygons, band_width_nm, unwanted_extrema

GRID = Grid.square(800.0, 10.0, (-400.0, -400.0))
SQUARE = np.array([[-60.0, -60.0], [60.0, -60.0], [60.0, 60.0], [-60.0, 60.0]])
LOBE = (213.7, -101.3)


def spots(*peaks: tuple[float, float, float, float]) -> Intensity:
    """Return bell-shaped peaks: x, y, height and 1/e radius each."""

    def intensity(x_nm: Floats, y_nm: Floats) -> Floats:
        return sum(h * np.exp(-((x_nm - x) ** 2 + (y_nm - y) ** 2) / r**2) for x, y, h, r in peaks)  # type: ignore[return-value]

    return intensity


def test_the_band_of_two_doses_has_the_area_between_their_circles() -> None:
    grid, peak = Grid.square(800.0, 4.0, (-400.0, -400.0)), spots((10.0, 20.0, 1.0, 120.0))
    image = intensity_at(peak, _pixel_centres(grid)).reshape(grid.shape)
    thresholds = (0.3, 0.4)
    prints = [contours(image, grid, t) for t in thresholds]
    radii = [120 * math.sqrt(-math.log(t)) for t in thresholds]
    assert band_area_nm2(prints) == pytest.approx(math.pi * (radii[0] ** 2 - radii[1] ** 2), rel=2e-3)
    assert band_area_nm2([*prints, contours(image, grid, 0.35)]) == pytest.approx(band_area_nm2(prints), rel=1e-3)
    assert band_polygons(prints[:1]) == [] and band_area_nm2([prints[0], []]) > 0


def test_the_width_of_the_band_is_the_spread_of_the_edge() -> None:
    grating, doses = TwoBeams(), (1.0, 1.05, 0.95)
    space = np.array([[-25.0, 0.0], [25.0, 0.0], [25.0, 400.0], [-25.0, 400.0]])
    sites = target_sites([space], shortest_nm=60.0)
    placements = [edge_placement(grating, sites, 0.5 / dose) for dose in doses]
    expected = (grating.cd_nm(0.5 / 1.05) - grating.cd_nm(0.5 / 0.95)) / 2
    np.testing.assert_allclose(band_width_nm(placements), expected, atol=1e-6)
    lost = edge_placement(grating, sites, 0.9)
    assert np.isnan(band_width_nm([*placements, lost])).all()
    with pytest.raises(ValueError, match="at least one corner"):
        band_width_nm([])


@pytest.mark.parametrize(("height", "told", "printed"), [(0.31, True, True), (0.29, True, False), (0.28, False, False)])
def test_a_side_lobe_is_told_with_its_place_and_height_if_it_comes_near(
    height: float, told: bool, printed: bool
) -> None:
    found = unwanted_extrema(spots((0, 0, 1, 80), (*LOBE, height, 50)), GRID, 0.3, [SQUARE], margin=0.05)
    assert len(found) == told
    for lobe in found:
        assert (lobe.kind, lobe.printed) == ("side lobe", printed)
        assert (lobe.x_nm, lobe.y_nm) == pytest.approx(LOBE, abs=0.05)  # the large peak's foot moves it a little
        assert lobe.intensity == pytest.approx(height, abs=2e-3)
        assert lobe.excess == pytest.approx(lobe.intensity / 0.3 - 1, rel=1e-9)


def test_the_place_of_a_lobe_is_exact_between_pixels() -> None:
    found = unwanted_extrema(spots((*LOBE, 0.5, 50)), GRID, 0.3, [SQUARE])
    assert (found[0].x_nm, found[0].y_nm, found[0].intensity) == pytest.approx((*LOBE, 0.5), abs=1e-6)


def test_over_an_assist_feature_a_lobe_has_its_name() -> None:
    assist = np.array([[200.0, -115.0], [230.0, -115.0], [230.0, -85.0], [200.0, -85.0]])
    image = spots((0, 0, 1, 80), (*LOBE, 0.31, 50))
    for mask, kind in (([SQUARE, assist], "assist feature"), ([SQUARE], "side lobe"), ([SQUARE * 4], "side lobe")):
        (found,) = unwanted_extrema(image, GRID, 0.3, [SQUARE], mask=mask)
        assert found.kind == kind


def test_a_dimple_inside_the_target_is_told_and_the_peak_there_is_not() -> None:
    wide = SQUARE * 4
    image = spots((0, 0, 1, 300), (30.0, 10.0, -0.68, 60))
    (found,) = unwanted_extrema(image, GRID, 0.3, [wide], margin=0.1)
    assert found.kind == "dimple" and not found.printed
    assert (found.x_nm, found.y_nm) == pytest.approx((30.0, 10.0), abs=2.0)
    (gone,) = unwanted_extrema(image, GRID, 0.35, [wide])
    assert gone.printed and gone.excess > 0
    assert unwanted_extrema(image, GRID, 0.28, [wide]) == []


def test_where_the_dark_prints_the_roles_are_exchanged() -> None:
    lit = spots((0, 0, -0.9, 80), (*LOBE, -0.69, 50))

    def image(x: Floats, y: Floats) -> Floats:
        return 1 + lit(x, y)  # type: ignore[operator, no-any-return]

    (found,) = unwanted_extrema(image, GRID, 0.3, [SQUARE], tone="dark")
    assert (found.kind, found.printed) == ("side lobe", False) and found.excess == pytest.approx(-0.01 / 0.3, abs=5e-3)


def test_a_peak_beside_the_edge_belongs_to_the_edge() -> None:
    image = spots((68.0, 0.0, 1.0, 60))
    assert unwanted_extrema(image, GRID, 0.3, [SQUARE]) == []
    assert len(unwanted_extrema(image, GRID, 0.3, [SQUARE], clearance_nm=5.0)) == 1


def test_without_a_target_every_peak_is_a_side_lobe_and_a_dark_image_has_none() -> None:
    assert len(unwanted_extrema(spots((0, 0, 1, 80), (*LOBE, 0.5, 50)), GRID, 0.3, [])) == 2
    assert unwanted_extrema(spots((0, 0, 0.1, 80)), GRID, 0.3, []) == []
    with pytest.raises(ValueError, match="`margin` must be a share"):
        unwanted_extrema(spots((0, 0, 0.1, 80)), GRID, 0.3, [], margin=1.0)
