"""The process window of edges without cut lines, against the closed forms of gratings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from gratings import ThreeBeams, TwoBeams

from litho.cutline import CutLine
from litho.edge_placement import TargetSites, edge_placement, target_sites
from litho.placement_window import placement_window
from litho.process_window import exposure_window, through_focus

THRESHOLD = 0.4


def space(width: float) -> list[np.ndarray]:
    a = width / 2
    return [np.array([[-a, -200.0], [a, -200], [a, 200], [-a, 200]])]


def side_sites(width: float) -> TargetSites:
    found = target_sites(space(width), 100.0, 50.0)
    sides = np.abs(found.normals[:, 0]) > 0.5
    return TargetSites(found.points_nm[sides], found.normals[sides])


def test_two_beams_have_the_doses_of_their_formula() -> None:
    image, width, tolerance = TwoBeams(), 52.0, 4.0
    window = placement_window([image], [0.0], side_sites(width), THRESHOLD, tolerance)
    assert window.low[0] == pytest.approx(image.dose(width - 2 * tolerance, THRESHOLD), rel=1e-12)
    assert window.high[0] == pytest.approx(image.dose(width + 2 * tolerance, THRESHOLD), rel=1e-12)


def test_where_the_dark_prints_a_larger_dose_makes_it_smaller() -> None:
    image, width, tolerance = TwoBeams(), 52.0, 4.0
    sites = side_sites(width)
    moved = TargetSites(
        sites.points_nm + np.array([50.0, 0.0]), sites.normals
    )  # the dark line lies half a period beside
    window = placement_window([image], [0.0], moved, THRESHOLD, tolerance, tone="dark")
    assert window.low[0] == pytest.approx(image.dose(100 - (width + 2 * tolerance), THRESHOLD), rel=1e-12)
    assert window.high[0] == pytest.approx(image.dose(100 - (width - 2 * tolerance), THRESHOLD), rel=1e-12)


def test_it_is_the_width_s_window_for_a_symmetric_space_through_focus() -> None:
    """Edges within t of their place are widths within 2 t of the goal, where both sides are alike."""
    width, tolerance, foci = 120.0, 6.0, (-60.0, -30.0, 0.0, 30.0, 60.0)
    images = [replace(ThreeBeams(), defocus_nm=f) for f in foci]
    window = placement_window(images, foci, side_sites(width), 0.2, tolerance)
    series = through_focus(images, foci, CutLine((-125.0, 0.0), (125.0, 0.0)), 0.2)
    expected = exposure_window(series, width, 2 * tolerance / width)
    assert np.allclose(window.low, expected.low, rtol=1e-9) and np.allclose(window.high, expected.high, rtol=1e-9)


def test_at_its_ends_an_edge_stands_just_within_the_tolerance() -> None:
    image, sites, tolerance = TwoBeams(), side_sites(60.0), 5.0
    window = placement_window([image], [0.0], sites, THRESHOLD, tolerance)
    for dose, error in ((window.low[0], -tolerance), (window.high[0], tolerance)):
        found = edge_placement(image, sites, THRESHOLD / dose, reach_nm=20).error_nm
        assert np.allclose(found, error, atol=1e-6)


def test_a_shifted_print_narrows_the_window_though_its_width_does_not_change() -> None:
    image, sites = TwoBeams(), side_sites(52.0)

    def moved(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return image(x - 2.0, y)

    straight, shifted = (placement_window([i], [0.0], sites, THRESHOLD, 4.0) for i in (image, moved))
    assert shifted.high[0] == pytest.approx(image.dose(52.0 + 2 * (4.0 - 2.0), THRESHOLD), rel=1e-12)
    assert shifted.high[0] < straight.high[0] and shifted.low[0] > straight.low[0]


def test_the_window_ends_between_foci_where_its_doses_meet() -> None:
    """An image that fades linearly with focus: two sites at their limits meet at one dose, at a focus by formula."""
    sites = side_sites(52.0)

    def faded(focus: float) -> TwoBeams:
        return TwoBeams(swing=0.3 - 0.002 * focus)

    def uneven(focus: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        return lambda x, y: faded(focus)(x, y) + np.where(x > 0, 0.05, -0.05)  # one side is brighter

    foci = np.arange(0.0, 121.0, 20.0)
    window = placement_window([uneven(f) for f in foci], foci, sites, THRESHOLD, 4.0)
    inside, outside = (math.cos(2 * math.pi * w / 100) for w in (22.0, 30.0))
    meets = (0.3 - 0.1 / (inside - outside)) / 0.002  # 0.5 + s inside - 0.05 = 0.5 + s outside + 0.05
    fine = window.refined()
    good = fine.foci_nm[np.isfinite(fine.low)]
    assert good[0] == 0 and abs(good[-1] - meets) < 0.6  # the step of the finer foci is 0.5
    assert window.low[-1] > window.high[-1]


def test_where_nothing_prints_no_dose_will_do() -> None:
    window = placement_window([lambda x, y: 0.3 + 0 * x], [0.0], side_sites(52.0), THRESHOLD, 4.0)
    assert not window.low[0] < window.high[0]


@pytest.mark.parametrize(
    ("images", "foci", "tolerance", "words"),
    [
        (1, (0.0, 1.0), 4.0, "`images` must be one per focus"),
        (2, (1.0, 0.0), 4.0, "`foci_nm` must rise"),
        (1, (0.0,), 0.0, "`tolerance_nm` must be a positive number"),
    ],
)
def test_bad_input_is_refused(images: int, foci: tuple[float, ...], tolerance: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        placement_window([TwoBeams()] * images, foci, side_sites(52.0), THRESHOLD, tolerance)
    with pytest.raises(ValueError, match="`sites` must hold at least one"):
        placement_window([TwoBeams()], [0.0], TargetSites(np.empty((0, 2)), np.empty((0, 2))), THRESHOLD, 4.0)
