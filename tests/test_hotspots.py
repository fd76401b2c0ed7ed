"""Hot spots: each kind where it was made, ranked, and none where a print is good."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gratings import TwoBeams

from litho.cells import Floats
from litho.cutline import Intensity
from litho.edge_placement import target_sites
from litho.grid import Grid
from litho.hotspots import CornerPrint, HotSpot, Limits, find_hotspots, ranked

GRID = Grid.over((400.0, 300.0), 5.0, (-150.0, 0.0))
LINES = [np.array([[c - 25.0, 0], [c + 25, 0], [c + 25, 400], [c - 25, 400]]) for c in (-100.0, 0.0, 100.0)]
GRATING = TwoBeams()


def corner(image: Intensity, threshold: float = 0.5, label: str = "nominal") -> CornerPrint:
    """Return a corner whose rough image is the exact one."""
    return CornerPrint(label, image, image, threshold)


def spots_of(*corners: CornerPrint, limits: Limits | None = None) -> list[HotSpot]:
    """Return the hot spots of the lines' long edges."""
    return find_hotspots(corners, target_sites(LINES, shortest_nm=60.0), LINES, GRID, limits)


def necked(depth: float, centre: tuple[float, float]) -> Intensity:
    """Return the grating with light taken away around a point."""

    def image(x: Floats, y: Floats) -> Floats:
        return GRATING(x, y) - depth * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 30.0**2)

    return image


def test_a_print_on_target_has_none() -> None:
    assert spots_of(corner(GRATING), corner(GRATING, 0.49, "more"), corner(GRATING, 0.51, "less")) == []


def test_where_a_line_is_narrow_it_is_pinched_and_where_it_is_gone_it_is_open() -> None:
    found = spots_of(corner(necked(0.2, (0.0, 200.0))), limits=Limits(epe_nm=None))
    assert {spot.kind for spot in found} == {"pinch"}
    assert (found[0].x_nm, found[0].y_nm) == pytest.approx((0.0, 200.0), abs=21)
    assert found[0].value < found[0].limit == pytest.approx(0.75 * 50)
    assert found[0].severity == pytest.approx(found[0].limit / found[0].value)
    gone = spots_of(corner(necked(0.6, (0.0, 200.0))), limits=Limits(epe_nm=None, reach_nm=24.0))
    assert gone[0].kind == "open" and math.isinf(gone[0].severity) and gone[0].value == 0


def test_where_light_fills_a_space_lines_bridge() -> None:
    found = spots_of(corner(necked(-0.25, (50.0, 200.0))), limits=Limits(epe_nm=None))
    assert {spot.kind for spot in found} == {"bridge"}
    closed = spots_of(corner(necked(-0.6, (50.0, 200.0))), limits=Limits(epe_nm=None))
    assert closed[0].kind == "bridge" and math.isinf(closed[0].severity)
    assert 25 <= closed[0].x_nm <= 75


def test_edges_beyond_the_limit_are_told_with_their_signed_error() -> None:
    threshold = 0.35
    expected = (GRATING.cd_nm(threshold) - 50) / 2
    limits = Limits(epe_nm=expected / 2, space_share=None, extremum_margin=None)
    found = spots_of(corner(GRATING, threshold), limits=limits)
    assert {spot.kind for spot in found} == {"edge placement"}
    assert all(spot.value == pytest.approx(expected, abs=1e-6) for spot in found)
    assert found[0].severity == pytest.approx(2.0)
    assert not spots_of(corner(GRATING, threshold), limits=Limits(epe_nm=1.01 * expected, space_share=None))


def test_a_band_between_the_corners_is_told_without_the_nominal_one() -> None:
    corners = corner(GRATING, 0.5), corner(GRATING, 0.5 / 1.1, "more"), corner(GRATING, 0.5 / 0.9, "less")
    width = (GRATING.cd_nm(0.5 / 1.1) - GRATING.cd_nm(0.5 / 0.9)) / 2
    loose = Limits(epe_nm=None, width_share=None, space_share=None, extremum_margin=None, band_nm=0.9 * width)
    found = spots_of(*corners, limits=loose)
    assert {spot.kind for spot in found} == {"band"} and found[0].value == pytest.approx(width, abs=1e-6)
    assert spots_of(*corners[:2], limits=loose) == []


def test_a_side_lobe_names_its_corner() -> None:
    one = [np.array([[-25.0, 0], [25, 0], [25, 400], [-25, 400]])]

    def image(x: Floats, y: Floats) -> Floats:
        return np.exp(-((x / 30.0) ** 2)) + 0.28 * np.exp(-(((x - 120) / 30) ** 2 + ((y - 100) / 30) ** 2))

    corners = corner(image, 0.5), corner(image, 0.5 / 1.9, "overdose")
    limits = Limits(epe_nm=None, band_nm=None)
    sites = target_sites(one, shortest_nm=60.0)
    (found,) = find_hotspots(corners, sites, one, GRID, limits)
    assert (found.kind, found.corner) == ("side lobe", "overdose")
    assert (found.x_nm, found.y_nm) == pytest.approx((120, 100), abs=0.1)
    assert found.value == pytest.approx(0.28 * 1.9 / 0.5, rel=1e-3) and found.limit == pytest.approx(0.95)


def test_the_worst_comes_first_and_stands_for_its_neighbours() -> None:
    spots = [HotSpot("pinch", x, 0.0, 30.0, 40.0, s) for x, s in ((0.0, 1.1), (50.0, 1.5), (120.0, 1.2))]
    spots.append(HotSpot("open", 40.0, 0.0, 0.0, 1.0, math.inf))
    order = ranked(spots, 60.0)
    assert [(s.kind, s.x_nm) for s in order] == [("open", 40.0), ("pinch", 50.0), ("pinch", 120.0)]
    assert len(ranked(spots)) == 4


def test_limits_that_make_no_sense_are_refused() -> None:
    for name, value in (("epe_nm", 0.0), ("band_nm", -1.0), ("reach_nm", math.inf), ("clearance_nm", 0.0)):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive length"):
            Limits(**{name: value})
    for name in ("width_share", "space_share", "extremum_margin"):
        with pytest.raises(ValueError, match=f"`{name}` must be a share"):
            Limits(**{name: 1.0})
    with pytest.raises(ValueError, match="`merge_nm` must be at least 0"):
        Limits(merge_nm=-1.0)
    assert np.isfinite(Limits().reach_nm)
