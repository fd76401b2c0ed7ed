"""From a job to what is measured: exact images, process windows, verifications, and the files they leave."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
from gratings import ThreeBeams, TwoBeams
from matplotlib.figure import Figure
from test_job import drawn
from test_pictures import a_result
from test_report import Page

from litho.band_image import BandImage, SampledImage
from litho.config import read_recipe
from litho.edge_placement import target_sites
from litho.exact_images import exact_corners, exact_images
from litho.grid import Grid
from litho.hotspots import CornerPrint, HotSpot, Limits
from litho.job import Job, JobError, prepare
from litho.markers import write_bossung, write_edge_placement, write_hotspots, write_lyrdb
from litho.metrology import MeasuredWindow, Verification, check_cuts, measure_window, verify_clip
from litho.outputs import figures
from litho.recipe_verify import CutTable, VerifyTable, WindowTable
from litho.report import report_html
from litho.verify_pictures import draw_verification
from litho.window_pictures import draw_exposure_window, draw_window

GRATING = ThreeBeams()
FOCI = (-90.0, -60.0, -30.0, 0.0, 30.0, 60.0, 90.0)
CUT = CutTable(name="space <$x_{>", start_nm=(-125.0, 0.0), end_nm=(125.0, 0.0))
LINES = [np.array([[c - 25.0, 0], [c + 25, 0], [c + 25, 400], [c - 25, 400]]) for c in (-100.0, 0.0, 100.0)]
COHERENT = """
base = "iccad13"
[field]
pixel_nm = 5
size_nm = [500, 100]
offset_nm = [0, 0]
[optics]
wavelength_nm = 193
na = 0.85
source = { shape = "point" }
[[ilt.stages]]
pixel_nm = 5
steps = 1
mask_steepness = 6
resist_steepness = 40
[output]
shot_pixel_nm = 5
[process]
threshold = 0.2
dose_is_amplitude = false
corners = [{}, { dose = 1.05 }, { defocus_nm = 60 }]
"""


@cache
def a_window(settings: WindowTable = WindowTable()) -> MeasuredWindow:  # noqa: B008 - frozen
    """Return the window of the three-beam grating, its space and its line."""
    images = [replace(GRATING, defocus_nm=f) for f in FOCI]
    dark = CutTable(start_nm=(0.0, 0.0), end_nm=(250.0, 0.0), tone="dark", cd_nm=140.0)
    return measure_window(images, FOCI, 0.2, [CUT, dark], settings)


def a_verification(settings: VerifyTable | None = None, threshold: float = 0.4) -> Verification:
    """Return the verification of lines that print larger than drawn."""
    image, grid = TwoBeams(), Grid.over((400.0, 300.0), 5.0, (-150.0, 0.0))
    corners = [CornerPrint(f"dose {d:g}", image, image, threshold / d) for d in (1.0, 1.1, 0.9)]
    return verify_clip(corners, LINES, grid, settings or VerifyTable(epe_nm=3.0, space_share=0.5))


def table_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A coherent job whose clip is two spaces of the three-beam grating, from border to border."""
    file = drawn(tmp_path / "grating.gds", (80, 0, 170, 100), (330, 0, 420, 100))
    return prepare([file], read_recipe(COHERENT))


def test_the_exact_images_of_polygons_are_those_of_three_beams(job: Job) -> None:
    clip, x = job.clips[0], np.linspace(0, 500, 77)
    images = exact_images(job, clip.grid, clip.polygons, [0.0, 75.0])
    for focus, image in zip((0.0, 75.0), images, strict=True):
        expected = replace(GRATING, defocus_nm=focus)(x - 125, np.array(0.0))
        np.testing.assert_allclose(image.at(x, 0 * x + 33.0), expected, atol=1e-6)
    coverage = exact_images(job, clip.grid, clip.coverage(), [75.0])[0]
    np.testing.assert_allclose(coverage.at(x, 0 * x), images[1].at(x, 0 * x), atol=5e-3)


def test_an_exact_image_measures_the_closed_form_in_a_window(job: Job) -> None:
    clip = job.clips[0]
    images = exact_images(job, clip.grid, clip.polygons, FOCI)
    cut = CutTable(start_nm=(1.0, 50.0), end_nm=(249.0, 50.0))
    (found,) = measure_window(images, FOCI, 0.2, [cut], WindowTable()).cuts
    assert found.series.nominal.cd_nm == pytest.approx(GRATING.cd_nm(0.2), abs=1e-5)
    a0, _ = GRATING.orders
    assert found.isofocal is not None and found.isofocal[0] == pytest.approx(0.2 / a0**2, rel=1e-5)


def test_the_textbook_numbers_hold_through_the_engine(job: Job) -> None:
    clip, foci = job.clips[0], [20.0 * k for k in range(-6, 7)]
    images = exact_images(job, clip.grid, clip.coverage(), foci)  # on the raster, the worse of the two ways
    cut = CutTable(start_nm=(1.0, 50.0), end_nm=(249.0, 50.0))
    (found,) = measure_window(images, foci, 0.2, [cut], WindowTable()).cuts
    cd = GRATING.cd_nm(0.2)
    ends = [float(GRATING(np.array(0.5 * share * cd), np.array(0.0))) for share in (0.9, 1.0, 1.1)]
    latitude = (1 / ends[2] - 1 / ends[0]) * ends[1]
    depth = 2 * GRATING.focus_nm(0.9 * cd, 0.2)
    assert found.series.nominal.cd_nm == pytest.approx(cd, abs=0.05)
    assert found.latitude == pytest.approx(latitude, rel=0.002)
    assert found.depth_of_focus_nm == pytest.approx(depth, abs=2.0)


def test_the_corners_of_a_process_share_images_and_differ_in_dose(job: Job) -> None:
    clip = job.clips[0]
    nominal, dosed, blurred = exact_corners(job, clip.grid, clip.polygons)
    assert nominal.intensity is dosed.intensity and nominal.intensity is not blurred.intensity
    assert (nominal.threshold, dosed.threshold) == (0.2, 0.2 / 1.05)
    x = np.array([20.0, 131.0])
    np.testing.assert_allclose(nominal.rough.at(x, x), nominal.intensity.at(x, x), atol=2e-4)  # type: ignore[union-attr]


def test_foci_that_reverse_share_one_image_and_others_do_not(job: Job) -> None:
    clip = job.clips[0]
    below, focus, above, beyond = exact_images(job, clip.grid, clip.polygons, [-60.0, 0.0, 60.0, 61.0])
    assert above.half is below.half and beyond.half is not above.half and focus.half is not above.half
    assert np.abs(above.half - beyond.half).max() > 1e-4


def test_a_cut_line_that_leaves_the_field_is_refused_without_an_image() -> None:
    grid = Grid((10, 20), (5.0, 5.0))
    inside, outside = (CutTable(start_nm=(0.0, 0.0), end_nm=(x, 50.0)) for x in (100.0, 101.0))
    check_cuts([inside], grid)
    with pytest.raises(JobError, match=r"`cut` 'cut 2': `line` must lie in the field"):
        check_cuts([inside, outside], grid)


def test_an_empty_mask_is_dark(job: Job) -> None:
    (image,) = exact_images(job, job.clips[0].grid, [], [0.0])
    assert np.abs(image.at(np.array([10.0]), np.array([10.0]))).max() < 1e-12


def test_samples_joined_by_splines_are_the_image_within_a_few_parts_in_ten_thousand(rng: np.random.Generator) -> None:
    grid = Grid.over((400.0, 600.0), 4.0, (7.0, -3.0))
    half = np.zeros((9, 7), complex)
    half[:, 1:] = rng.normal(size=(9, 6)) + 1j * rng.normal(size=(9, 6))
    exact = BandImage(half, grid)
    sampled = SampledImage(exact.samples(), grid)
    x, y = rng.uniform(-500, 900, 40), rng.uniform(-500, 900, 40)
    np.testing.assert_allclose(sampled.at(x, y), exact.at(x, y), atol=3e-4 * np.abs(exact.samples()).max())


def test_foci_come_from_the_recipe_or_from_the_lens() -> None:
    lens = read_recipe('base = "default"').optics
    assert lens is not None
    chosen = WindowTable().foci_for(lens.build())
    assert len(chosen) == 11 and chosen[5] == 0 and chosen[0] == -chosen[-1] and chosen[-1] == pytest.approx(103, abs=3)
    assert WindowTable(foci_nm=(-20.0, 5.0)).foci_for(lens.build()) == (-20.0, 5.0)


def test_the_figures_of_a_window_are_those_of_the_formulas() -> None:
    found = json.loads(json.dumps(a_window().figures(), allow_nan=False))
    space, line = found["cuts"]
    cd = GRATING.cd_nm(0.2)
    assert (space["cd_nm"], space["goal_nm"], line["goal_nm"]) == pytest.approx((cd, cd, 140.0), abs=1e-6)
    assert space["name"] == "space <$x_{>" and line["name"] == "cut 2"
    assert space["isofocal_dose"] == pytest.approx(0.2 / GRATING.orders[0] ** 2, rel=1e-6)
    assert space["depth_of_focus_nm"] == pytest.approx(180.0)  # all that was simulated
    assert found["windows"]["rectangle"]["depth_of_focus_nm"] <= found["windows"]["ellipse"]["depth_of_focus_nm"]
    assert found["windows"]["ellipse"]["largest"]["shape"] == "ellipse"


def test_one_focus_is_no_window_but_measures() -> None:
    found = measure_window([GRATING], [0.0], 0.2, [CUT], WindowTable())
    assert found.curves == {} and found.cuts[0].isofocal is None and found.cuts[0].depth_of_focus_nm == 0
    assert found.cuts[0].latitude > 0 and json.dumps(found.figures(), allow_nan=False)


def test_a_cut_that_cannot_be_measured_is_named() -> None:
    for cut, part in (
        (CUT, "'space <$x_{>': `line` must cross the threshold 9"),
        (replace_name(""), "'cut 1': `line`"),
    ):
        with pytest.raises(JobError) as caught:
            measure_window([GRATING], [0.0], 9.0, [cut], WindowTable())
        assert part in str(caught.value)


def replace_name(name: str) -> CutTable:
    """Return the cut with another name."""
    return CUT.model_copy(update={"name": name})


def test_a_verification_fails_by_its_hot_spots_or_by_the_mean_and_else_passes() -> None:
    failed, passed = a_verification(), a_verification(VerifyTable(epe_nm=9.0, space_share=0.5))
    assert not failed.passed and {s.kind for s in failed.hotspots} == {"edge placement"}
    assert passed.passed and not a_verification(VerifyTable(epe_nm=9.0, space_share=0.5, rms_nm=0.5)).passed
    image = TwoBeams()
    errors = [(image.cd_nm(0.4 / d) - 50) / 2 for d in (1.0, 1.1, 0.9)]
    found = json.loads(json.dumps(failed.figures(), allow_nan=False))
    for placement, error in zip(failed.placements, errors, strict=True):
        np.testing.assert_allclose(placement.error_nm, error, atol=1e-6)
    np.testing.assert_allclose(failed.band_nm, errors[1] - errors[2], atol=1e-6)
    assert found["passed"] is False and list(found["edge_placement_nm"]) == ["dose 1", "dose 1.1", "dose 0.9"]
    assert found["hotspots"] == {"edge placement": len(failed.hotspots)}


def test_a_mask_that_breaks_its_rules_fails_a_verification_and_one_that_was_not_checked_does_not() -> None:
    passed = a_verification(VerifyTable(epe_nm=9.0, space_share=0.5))
    for clean, expected in ((None, True), (True, True), (False, False)):
        found = replace(passed, rules_clean=clean)
        assert found.passed is expected and found.figures()["rules_clean"] is clean


def test_the_limits_of_a_recipe_are_those_of_the_core() -> None:
    table = VerifyTable(epe_nm=7.0, width_share=0.5)
    assert table.build() == Limits(epe_nm=7.0, width_share=0.5)
    assert VerifyTable().build() == Limits()
    grid = Grid.over((400.0, 300.0), 5.0, (-150.0, 0.0))
    every = target_sites(LINES, table.interval_nm, table.corner_nm)
    assert len(every) - len(table.sites(LINES, grid)) == 6  # the ends on the border of the field


def test_tables_hold_every_number_that_there_is(tmp_path: Path) -> None:
    window, found = a_window(WindowTable(doses=(0.2, 1.0))), a_verification()
    write_bossung(window, tmp_path / "bossung.csv")
    rows = table_of(tmp_path / "bossung.csv")
    assert len(rows) == 2 * len(FOCI) * 2
    chosen = {r["defocus_nm"]: r["cd_nm"] for r in rows if r["cut"] == "space <$x_{>" and r["dose"] == "1"}
    assert float(chosen["60"]) == pytest.approx(replace(GRATING, defocus_nm=60.0).cd_nm(0.2), abs=1e-5)
    assert {r["cd_nm"] for r in rows if r["dose"] == "0.2" and r["cut"] != "cut 2"} == {""}
    write_hotspots(found.hotspots, tmp_path / "hotspots.csv")
    rows = table_of(tmp_path / "hotspots.csv")
    assert [r["rank"] for r in rows] == [str(k + 1) for k in range(len(found.hotspots))]
    assert float(rows[0]["value"]) == pytest.approx(found.hotspots[0].value, abs=1e-6)
    write_edge_placement(found, tmp_path / "epe.csv")
    rows = table_of(tmp_path / "epe.csv")
    assert len(rows) == len(found.sites) and {"x_nm", "normal_x", "epe_nm at dose 1.1", "band_nm"} <= rows[0].keys()


def test_markers_are_well_formed_and_stand_where_the_hot_spots_are(tmp_path: Path) -> None:
    spots = [
        HotSpot("pinch", 123.25, -40.0, 31.0, 37.5, 1.2, "dose <1>, 'defocus' & more\x07"),
        HotSpot("side lobe", -5.0, 6.0, math.inf, 0.95, 1.1, ""),
    ]
    write_lyrdb(spots, tmp_path / "spots.lyrdb", "TOP<&>", "a\x00b.gds")
    root = ElementTree.parse(tmp_path / "spots.lyrdb").getroot()
    assert root.tag == "report-database" and root.findtext("cells/cell/name") == "TOP<&>"
    names = [c.findtext("name") for c in root.findall("categories/category")]
    assert names == list(dict.fromkeys(names)) and len(names) == 8
    first, second = root.findall("items/item")
    assert (first.findtext("category"), second.findtext("category")) == ("'pinch'", "'side lobe'")
    polygon, text = (v.text or "" for v in first.findall("values/value"))
    corners = np.array([[float(n) for n in pair.split(",")] for pair in polygon[10:-1].split(";")])
    np.testing.assert_allclose(corners.mean(axis=0), (0.12325, -0.04), atol=1e-9)  # micrometres
    assert text.startswith("text: '1: 31, limit 37.5") and text.count("'") == 2


def test_plots_of_windows_are_pictures_whatever_the_names_are(tmp_path: Path) -> None:
    paths = draw_window(a_window(), tmp_path)
    assert [p.name for p in paths] == ["cuts.png", "window.png"]
    for path in paths:
        assert matplotlib.image.imread(path)[..., :3].std() > 0.05
    single = measure_window([GRATING], [0.0], 0.2, [CUT], WindowTable())
    assert [p.name for p in draw_window(single, tmp_path)] == ["cuts.png"]


def test_the_plotted_window_touches_its_limits() -> None:
    window, axes = a_window(), Figure().add_subplot()
    draw_exposure_window(axes, window)
    ellipse, rectangle = axes.patches[-2:]
    low, high = window.common.low, window.common.high
    left, bottom = rectangle.get_xy()  # type: ignore[attr-defined]
    inside = (window.common.foci_nm >= left) & (window.common.foci_nm <= left + rectangle.get_width())  # type: ignore[attr-defined]
    assert bottom == pytest.approx(low[inside].max(), rel=1e-6)
    assert bottom + rectangle.get_height() == pytest.approx(high[inside].min(), rel=1e-6)  # type: ignore[attr-defined]
    assert ellipse.get_height() > 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "settings", [VerifyTable(epe_nm=3.0, space_share=0.5), VerifyTable(epe_nm=9.0, space_share=0.5)]
)
def test_plots_of_verifications_are_pictures(settings: VerifyTable, tmp_path: Path) -> None:
    paths = draw_verification(a_verification(settings), a_result(), tmp_path)
    assert [p.name for p in paths] == ["hotspots.png", "edge_placement.png"]
    for path in paths:
        assert matplotlib.image.imread(path)[..., :3].std() > 0.02


def test_the_report_has_a_section_for_what_was_measured_and_names_stay_text() -> None:
    plain = Page(report_html(a_result()))
    assert not [a for _, a in plain.elements if a.get("class") == "measured"]
    result = replace(a_result(), window=a_window(), verification=a_verification())
    text = report_html(result)
    page = Page(text)
    assert [a.get("id") for _, a in page.elements if a.get("class") == "measured"] == ["window", "verification"]
    assert "space <$x_{>" in page.text["td"] and "failed" in page.text["span"]
    for tag, attributes in page.elements:
        assert tag not in ("img", "link") and (attributes.get("href") or "data:").startswith("data:")
    assert "http://" not in text and len(text) < 700_000
    found = figures(result)
    assert found["window"]["cuts"][0]["tone"] == "bright" and found["verify"]["passed"] is False


def test_the_adjoint_of_an_image_at_points_passes_the_dot_test(rng: np.random.Generator) -> None:
    grid = Grid.over((400.0, 600.0), 4.0, (7.0, -3.0))
    half = rng.normal(size=(9, 7)) + 1j * rng.normal(size=(9, 7))
    x, y, values_bar = rng.uniform(0, 500, 20), rng.uniform(0, 500, 20), rng.normal(size=20)
    image = BandImage(half, grid)
    there = float((values_bar * image.at(x, y)).sum())
    back = float((image.at_adjoint(values_bar, x, y).conj() * half).sum().real)
    assert there == pytest.approx(back, rel=1e-12)
