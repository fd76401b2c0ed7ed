"""Bossung curves, latitudes, isofocal dose and exposure windows against closed forms and windows of known shape."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from gratings import ThreeBeams, TwoBeams

from litho.cells import Floats
from litho.cutline import CutLine
from litho.process_window import (
    ExposureWindow,
    ThroughFocus,
    exposure_latitude,
    exposure_window,
    isofocal_dose,
    overlap,
    through_focus,
)
from litho.window_fit import latitude_curve

LINE = CutLine((-125.0, 0.0), (125.0, 0.0), "space")
FOCI = np.linspace(-110.0, 110.0, 12)
THRESHOLD = 0.2
GRATING = ThreeBeams()


def grating_series(foci: Floats = FOCI, tone: str = "bright") -> ThroughFocus:
    """Return the three-beam grating through focus."""
    line = LINE if tone == "bright" else CutLine((0.0, 0.0), (250.0, 0.0), "line")
    images = [replace(GRATING, defocus_nm=f) for f in foci]
    return through_focus(images, list(foci), line, THRESHOLD, tone=tone)


def disc(dose: float = 1.0, height: float = 0.12, reach: float = 200.0, centre: float = 30.0) -> ExposureWindow:
    """Return a window whose border is an ellipse, of this half height and half width."""
    foci = np.linspace(-200.0, 260.0, 231)
    square = 1 - ((foci - centre) / reach) ** 2
    room = np.sqrt(np.where(square > 0, square, np.nan))
    return ExposureWindow("disc", foci, dose - height * room, dose + height * room)


def band(low: float = 0.95, high: float = 1.05, first: float = -100.0, last: float = 100.0) -> ExposureWindow:
    """Return a rectangular window."""
    foci = np.linspace(first, last, 21)
    return ExposureWindow("band", foci, np.full(21, low), np.full(21, high))


def test_bossung_curves_of_three_beams_are_those_of_the_formula() -> None:
    doses = np.array([0.8, 1.0, 1.3])
    expected = [[replace(GRATING, defocus_nm=f).cd_nm(THRESHOLD / d) for d in doses] for f in FOCI]
    np.testing.assert_allclose(grating_series().cd_nm(doses), expected, atol=1e-6)


def test_where_nothing_prints_or_all_has_merged_there_is_no_cd() -> None:
    series = through_focus([TwoBeams(), TwoBeams()], [0.0, 50.0], CutLine((-70.0, 0.0), (70.0, 0.0)), 0.3)
    curves = series.cd_nm([0.3, 0.37, 0.38, 1.0, 1.49, 1.51])
    assert np.isnan(curves[:, [0, 1, 5]]).all() and np.isfinite(curves[:, 2:5]).all()
    assert curves[0, 4] == pytest.approx(TwoBeams().cd_nm(0.3 / 1.49), abs=1e-6)


@pytest.mark.parametrize("tone", ["bright", "dark"])
def test_exposure_latitude_of_two_beams_is_that_of_the_formula(tone: str) -> None:
    image, threshold = TwoBeams(swing=0.3 if tone == "bright" else -0.3), 0.45
    series = through_focus([image], [0.0], CutLine((-70.0, 0.0), (70.0, 0.0)), threshold, tone=tone)
    for cd, tolerance in ((50.0, 0.1), (40.0, 0.1), (60.0, 0.05)):
        ends = [image.dose(cd * (1 + s * tolerance), threshold) for s in (1, -1)]
        expected = abs(ends[1] - ends[0]) / image.dose(cd, threshold)
        assert series.dose_to_size(cd)[0] == pytest.approx(image.dose(cd, threshold), rel=1e-9)
        assert exposure_latitude(series, cd, tolerance)[0] == pytest.approx(expected, rel=0.002)
        assert exposure_latitude(series, cd, tolerance)[0] == pytest.approx(expected, rel=1e-7)


def test_depth_of_focus_of_three_beams_is_that_of_the_formula() -> None:
    series = grating_series()
    cd = GRATING.cd_nm(THRESHOLD)
    found = exposure_window(series, cd).focus_range_nm(1.0)
    expected = GRATING.focus_nm(0.9 * cd, THRESHOLD)
    assert found is not None and 100 < expected < 105
    assert found == pytest.approx((-expected, expected), abs=0.2)
    for dose, size in ((0.93, 0.9), (1.05, 0.9)):
        expected = GRATING.focus_nm(size * cd, THRESHOLD / dose)
        found = exposure_window(series, cd).focus_range_nm(dose)
        assert found is not None and found[1] - found[0] == pytest.approx(2 * expected, abs=0.5)


def test_at_the_isofocal_dose_focus_does_not_move_the_edges() -> None:
    a0, _ = GRATING.orders  # where the waves of the first orders cancel, I = a0^2 at every focus
    for tone, foci in (("bright", FOCI), ("dark", FOCI[3:9])):
        found = isofocal_dose(grating_series(foci, tone))
        assert found is not None
        assert found[0] == pytest.approx(THRESHOLD / a0**2, rel=1e-6)
        assert found[1] == pytest.approx(125.0, abs=1e-5)


def test_an_image_without_focus_has_no_isofocal_dose_or_any() -> None:
    foci = [-50.0, 0.0, 50.0]
    images = [TwoBeams(swing=0.3 - (f / 500) ** 2, mean=0.4 - (f / 300) ** 2) for f in foci]
    assert isofocal_dose(through_focus(images, foci, CutLine((-50.0, 0.0), (50.0, 0.0)), 0.5)) is None
    with pytest.raises(ValueError, match="at least 3 foci"):
        isofocal_dose(through_focus(images[:1], foci[:1], CutLine((-50.0, 0.0), (50.0, 0.0)), 0.5))


def test_the_window_of_three_beams_holds_the_doses_of_the_formula_and_closes() -> None:
    foci = np.linspace(-220.0, 220.0, 23)
    series, cd = grating_series(foci), 85.0
    window = exposure_window(series, cd)
    ends = [[THRESHOLD / dosed for dosed in _levels(f, (0.9 * cd, 1.1 * cd))] for f in foci[6:17]]
    np.testing.assert_allclose(window.low[6:17], [e[0] for e in ends], rtol=1e-7)
    np.testing.assert_allclose(window.high[6:17], [e[1] for e in ends], rtol=1e-7)
    assert window.focus_range_nm(50.0) is None


def _levels(focus: float, widths: tuple[float, float]) -> list[float]:
    return [float(replace(GRATING, defocus_nm=focus)(np.array(w / 2), np.array(0.0))) for w in widths]


def test_the_largest_rectangle_in_an_ellipse_has_its_side_over_the_root_of_two() -> None:
    best = latitude_curve(disc(), "rectangle").largest()
    assert best is not None
    assert best.dof_nm == pytest.approx(400 / math.sqrt(2), abs=4.0)
    assert best.latitude == pytest.approx(0.24 / math.sqrt(2), rel=0.01)
    assert (best.focus_nm, best.dose) == pytest.approx((30.0, 1.0), abs=2.0)
    assert best.dof_nm * best.latitude == pytest.approx(400 * 0.24 / 2, rel=2e-3)


def test_the_latitude_of_rectangles_in_an_ellipse_is_its_height_there() -> None:
    curve = latitude_curve(disc(), "rectangle")
    assert curve.latitude[0] == pytest.approx(0.24, rel=1e-4)
    for latitude in (0.05, 0.1, 0.2):
        expected = 400 * math.sqrt(1 - (latitude / 0.24) ** 2)
        assert curve.depth_of_focus_nm(latitude) == pytest.approx(expected, abs=2.0)
    assert curve.depth_of_focus_nm(0.25) == 0.0


def test_the_largest_ellipse_in_an_ellipse_is_the_whole_of_it() -> None:
    curve = latitude_curve(disc(dose=1.5), "ellipse")
    best = curve.largest()
    assert best is not None
    assert best.dof_nm == pytest.approx(400.0, abs=6.0)
    assert best.latitude == pytest.approx(0.24 / 1.5, rel=0.01)
    assert (best.focus_nm, best.dose) == pytest.approx((30.0, 1.5), abs=2.0)


def test_the_largest_ellipse_in_a_parabola_touches_it_where_the_formula_says() -> None:
    foci = np.linspace(-100.0, 100.0, 41)  # doses between 1 and 1.2 - 0.2 (f / 100)^2
    window = ExposureWindow("parabola", foci, np.full(41, 1.0), 1.2 - 0.2 * (foci / 100) ** 2 + 1e-12)
    curve = latitude_curve(window, "ellipse")
    for dof in (60.0, 100.0, 140.0):
        found = curve.at(dof)
        assert found is not None and found.focus_nm == pytest.approx(0.0, abs=1.0)
        # half height b around 1 + b: the top at x stays below the parabola if 2 b <= 0.2, and
        # b (1 + sqrt(1 - (x / a)^2)) = 0.2 (1 - (x / 100)^2) touches: least b over x
        x = np.linspace(0, found.dof_nm / 2, 20001)
        ratios = 0.2 * (1 - (x / 100) ** 2) / (1 + np.sqrt(np.maximum(1 - (2 * x / found.dof_nm) ** 2, 0)))
        b = ratios.min()
        assert found.latitude == pytest.approx(2 * b / (1 + b), rel=2e-3)
        assert found.dose == pytest.approx(1 + b, rel=1e-3)


def test_windows_of_a_rectangle_are_the_rectangle() -> None:
    for shape in ("ellipse", "rectangle"):
        best = latitude_curve(band(), shape).largest()
        assert best is not None
        assert (best.dof_nm, best.latitude, best.focus_nm, best.dose) == pytest.approx((200, 0.1, 0, 1), rel=1e-6)


def test_windows_of_several_features_overlap_in_what_they_have_in_common() -> None:
    both = overlap([band(0.95, 1.05), band(1.01, 1.2)])
    best = latitude_curve(both, "rectangle").largest()
    assert best is not None and both.name == "band and band"
    assert (best.dof_nm, best.latitude, best.dose) == pytest.approx((200, 0.04 / 1.03, 1.03), rel=1e-6)
    assert latitude_curve(overlap([band(0.9, 0.95), band(1.0, 1.1)])).largest() is None
    assert latitude_curve(overlap([band(0.9, 0.95), band(1.0, 1.1)])).depth_of_focus_nm() == 0.0
    with pytest.raises(ValueError, match="share one range of focus"):
        overlap([band(), band(last=150.0)])


def test_foci_that_do_not_print_cut_the_window_and_break_nothing() -> None:
    window = band()
    low = window.low.copy()
    low[:4] = np.nan
    low[15] = np.nan
    best = latitude_curve(ExposureWindow("cut", window.foci_nm, low, window.high), "rectangle").largest()
    assert best is not None
    assert (best.dof_nm, best.focus_nm) == pytest.approx((100.0, -10.0), abs=2.0)
    nothing = ExposureWindow("none", window.foci_nm, np.full(21, np.nan), window.high)
    assert len(latitude_curve(nothing)) == 0 and nothing.focus_range_nm(1.0) is None


def test_an_image_that_fades_in_defocus_leaves_a_window_where_it_prints() -> None:
    foci = [-100.0, -50.0, 0.0, 50.0, 100.0]
    images = [TwoBeams(swing=0.3 * (abs(f) < 70)) for f in foci]
    window = exposure_window(through_focus(images, foci, CutLine((-70.0, 0.0), (70.0, 0.0)), 0.45), 50.0)
    assert np.isfinite(window.low).tolist() == [False, True, True, True, False]
    assert latitude_curve(window).depth_of_focus_nm(0.05) == pytest.approx(100.0, abs=1e-6)


def test_arguments_that_make_no_sense_are_refused() -> None:
    image, line = TwoBeams(), CutLine((-70.0, 0.0), (70.0, 0.0))
    for images, foci, part in (([image], [0.0, 1.0], "one per focus"), ([image, image], [1.0, 0.0], "must rise")):
        with pytest.raises(ValueError, match=part):
            through_focus(images, foci, line, 0.3)
    series = through_focus([image], [0.0], line, 0.3)
    for cd, tolerance, part in ((-1.0, 0.1, "`cd_nm`"), (50.0, 0.0, "`tolerance`"), (50.0, 1.0, "`tolerance`")):
        with pytest.raises(ValueError, match=part):
            exposure_window(series, cd, tolerance)
    with pytest.raises(ValueError, match="`shape` must be"):
        latitude_curve(band(), "triangle")
    with pytest.raises(ValueError, match="at least one"):
        overlap([])
