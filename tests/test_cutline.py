"""Metrology along a cut line against images in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gratings import ThreeBeams, TwoBeams

import litho
from litho.cells import Floats
from litho.cutline import CutLine, cut, measure
from litho.line_profile import bracketed_roots, profile_of

LINE = CutLine((-80.0, 7.0), (80.0, 7.0), "middle")
GRATING = TwoBeams()


@pytest.mark.parametrize("threshold", [0.21, 0.3, 0.5, 0.79])
def test_cd_nils_and_contrast_of_two_beams_are_those_of_their_formulas(threshold: float) -> None:
    feature = measure(GRATING, LINE, threshold)
    cd, slope = GRATING.cd_nm(threshold), GRATING.slope(threshold)
    assert feature.cd_nm == pytest.approx(cd, abs=1e-6)
    assert feature.image_slope == pytest.approx(slope, rel=1e-6)
    assert feature.log_slope == pytest.approx(slope / threshold, rel=1e-6)
    assert feature.nils == pytest.approx(cd * slope / threshold, rel=1e-6)
    assert feature.contrast == pytest.approx(0.3 / 0.5, rel=1e-9)
    assert feature.centre_nm == pytest.approx(80, abs=1e-6)


def test_bright_and_dark_features_share_the_period() -> None:
    bright = measure(GRATING, LINE, 0.4)
    dark = measure(GRATING, LINE, 0.4, tone="dark", near_nm=(40.0, 0.0))
    assert bright.cd_nm + dark.cd_nm == pytest.approx(100, abs=1e-6)
    assert dark.left_nm == pytest.approx(bright.right_nm, abs=1e-9) and dark.left_slope < 0 < bright.left_slope


def test_the_feature_nearest_a_point_is_measured() -> None:
    line = CutLine((-180.0, 0.0), (180.0, 0.0))
    for near, centre in ((-95.0, -100.0), (-51.0, -100.0), (-49.0, 0.0), (51.0, 100.0)):
        assert measure(GRATING, line, 0.7, near_nm=(near, 50.0)).centre_nm - 180 == pytest.approx(centre, abs=1e-6)


def test_a_slanted_cut_is_longer_by_the_cosine() -> None:
    feature = measure(GRATING, CutLine((-60.0, -80.0), (60.0, 80.0)), 0.4)
    assert feature.cd_nm == pytest.approx(GRATING.cd_nm(0.4) / 0.6, abs=1e-6)
    assert feature.nils == pytest.approx(GRATING.cd_nm(0.4) * GRATING.slope(0.4) / 0.4, rel=1e-6)


def test_a_reversed_cut_measures_the_same() -> None:
    there, back = measure(GRATING, LINE, 0.3), measure(GRATING, CutLine(LINE.end_nm, LINE.start_nm), 0.3)
    assert (back.cd_nm, back.nils) == pytest.approx((there.cd_nm, there.nils), rel=1e-9)


def test_dose_is_a_threshold() -> None:
    def dosed(x: Floats, y: Floats) -> Floats:
        return 1.25 * GRATING(x, y)

    assert measure(dosed, LINE, 0.3).cd_nm == pytest.approx(measure(GRATING, LINE, 0.3 / 1.25).cd_nm, abs=1e-9)
    assert measure(dosed, LINE, 0.3).nils == pytest.approx(measure(GRATING, LINE, 0.3 / 1.25).nils, rel=1e-9)


def test_two_crossings_between_samples_are_both_found() -> None:
    top = GRATING.mean + GRATING.swing
    threshold = top - 1e-7  # a feature of 0.026 nm
    feature = measure(GRATING, LINE, threshold)
    assert feature.cd_nm == pytest.approx(GRATING.cd_nm(threshold), rel=1e-4) and feature.cd_nm < 0.03


def test_the_textbook_case_through_the_engine_has_the_cd_and_nils_of_three_beams() -> None:
    ideal = ThreeBeams(defocus_nm=120.0)
    grid = litho.Grid.over((250.0, 1000.0), 1.0)
    openings = [
        np.array([[x - 45, 0.0], [x + 45, 0.0], [x + 45, 250.0], [x - 45, 250.0]]) for x in (125.0, 375, 625, 875)
    ]
    optics = litho.Optics(wavelength_nm=193.0, na=0.85, source=litho.Source.point(0.0, 0.0))
    image = litho.aerial_image(litho.coverage(openings, grid), optics, grid, defocus_nm=120.0)
    for tone, near in (("bright", 375.0), ("dark", 500.0)):
        found = measure(image, CutLine((200.0, 99.0), (800.0, 99.0)), 0.2, near_nm=(near, 99.0), tone=tone)
        line = CutLine((-175.0, 0.0), (425.0, 0.0))
        expected = measure(ideal, line, 0.2, near_nm=(near - 375, 0.0), tone=tone)
        assert found.cd_nm == pytest.approx(expected.cd_nm, abs=0.05)
        assert found.nils == pytest.approx(expected.nils, rel=0.005)
    assert measure(ideal, LINE, 0.2).cd_nm == pytest.approx(ideal.cd_nm(0.2), abs=1e-6)


def test_single_precision_costs_no_more_than_its_rounding() -> None:
    def single(x: Floats, y: Floats) -> Floats:
        return GRATING(x, y).astype(np.float32)  # type: ignore[return-value]

    assert measure(single, LINE, 0.3).cd_nm == pytest.approx(GRATING.cd_nm(0.3), abs=2e-5)
    assert measure(single, LINE, 0.3).nils == pytest.approx(measure(GRATING, LINE, 0.3).nils, rel=1e-4)


def test_an_image_with_kinks_is_joined_by_straight_lines() -> None:
    def tent(x: Floats, y: Floats) -> Floats:
        return 1 - np.abs(x - 0.3) / 100

    profile = cut(tent, LINE)
    assert profile.crossings(0.8) == pytest.approx([60.3, 100.3], abs=1e-9)
    assert np.abs(profile.slope([10.0, 120.0])) == pytest.approx([0.01, 0.01], rel=1e-6)
    assert profile.highest == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("line", "threshold", "part"),
    [
        (CutLine((0.0, 10.0), (401.0, 10.0)), 0.3, "must lie in the field, x 0 to 400, y 0 to 100 nm"),
        (CutLine((0.0, 50.0), (400.0, 50.0)), 5.0, "must cross the threshold 5, but the intensity on it is"),
        (CutLine((200.0, 5.0), (200.0, 95.0)), 0.3, "must cross the threshold 0.3"),
        (CutLine((200.0, 50.0), (360.0, 50.0)), 0.3, "its start lies within it"),
        (CutLine((100.0, 50.0), (200.0, 50.0)), 0.3, "its end lies within it"),
    ],
)
def test_lines_that_give_no_cd_are_refused(line: CutLine, threshold: float, part: str) -> None:
    grid = litho.Grid.over((100.0, 400.0), 2.0)
    mask = np.zeros(grid.shape)
    mask[:, 70:130] = 1
    optics = litho.Optics(wavelength_nm=193.0, na=0.9, source=litho.Source.point(0.0, 0.0))
    with pytest.raises(ValueError, match="`line` must") as caught:
        measure(litho.aerial_image(mask, optics, grid), line, threshold, near_nm=(200.0, 50.0))
    assert part in str(caught.value)


def test_arguments_that_make_no_sense_are_refused() -> None:
    for arguments, part in (
        ({"threshold": math.nan}, "`threshold` must be a positive number"),
        ({"threshold": 0.3, "tone": "grey"}, "`tone` must be 'bright' or 'dark', but got 'grey'"),
    ):
        with pytest.raises(ValueError, match=part):
            measure(GRATING, LINE, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two different ends"):
        CutLine((1.0, 2.0), (1.0, 2.0))
    with pytest.raises(ValueError, match="finite ends"):
        CutLine((1.0, math.inf), (1.0, 2.0))
    with pytest.raises(ValueError, match="must be finite along the line"):
        cut(lambda x, y: x * np.nan, LINE)


def test_a_profile_is_its_function_and_its_derivative(rng: np.random.Generator) -> None:
    phases = rng.uniform(0, 6.3, 9)

    def waves(t: Floats) -> Floats:
        return sum(np.cos(0.02 * k * t + p) for k, p in enumerate(phases))  # type: ignore[return-value]

    profile = profile_of(waves, 300.0)
    t = rng.uniform(0, 300, 500)
    slope = sum(-0.02 * k * np.sin(0.02 * k * t + p) for k, p in enumerate(phases))
    np.testing.assert_allclose(profile(t), waves(t), atol=2e-9)
    np.testing.assert_allclose(profile.slope(t), slope, atol=3e-8)
    fine = np.linspace(0, 300, 300001)
    assert profile.highest == pytest.approx(waves(fine).max(), abs=1e-8)
    assert len(profile.crossings(0.1)) == np.count_nonzero(np.diff(waves(fine) >= 0.1))


def test_roots_of_many_brackets_are_exact_to_rounding() -> None:
    goals = np.array([0.0, 1e-9, 0.3, 0.999, 27.0])
    found = bracketed_roots(lambda x: x**3 - goals, np.full(5, -1.0), np.full(5, 4.0))
    np.testing.assert_allclose(found, np.cbrt(goals), rtol=1e-12, atol=1e-15)
    steps = bracketed_roots(lambda x: np.where(x > 0.7, 1.0, -1.0), np.zeros(1), np.ones(1))
    assert steps == pytest.approx(0.7, abs=1e-12)
    assert len(bracketed_roots(np.cos, np.empty(0), np.empty(0))) == 0
