"""The report: one file that needs nothing, in which every name stays text and every outline lies where it should."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib import colormaps
from test_pictures import GRID, a_result

from litho.grid import Grid
from litho.mask_rules import check_mask
from litho.raster import polygon_area_nm2
from litho.report import report_html, write_report
from litho.report.chart import convergence_chart, log_ticks
from litho.report.drawing import aerial_of, closed_path, palette_png
from litho.report.tables import flat, number_text
from litho.result import ClipResult
from litho.rule_report import rule_figures
from litho.rule_set import MaskRules

VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """Elements of a page with their attributes; fails when tags are not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.stack: list[str] = []
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that has an end."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that ends at once."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Refuse an end without its start."""
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note the text of the innermost element."""
        self.text.setdefault(self.stack[-1] if self.stack else "", []).append(data)

    def by_id(self, name: str) -> dict[str, str | None]:
        """Return the attributes of the one element of this name."""
        (found,) = [attributes for _, attributes in self.elements if attributes.get("id") == name]
        return found


def rings(path: str) -> list[np.ndarray]:
    """Points of SVG path data made of M, l and z."""
    found = []
    for part in re.findall(r"M([^Mz]*)", path):
        points = np.array([int(n) for n in re.findall(r"-?\d+", part)]).reshape(-1, 2)
        found.append(np.cumsum(points, axis=0))
    return found


def test_the_file_is_written_whole_and_small(tmp_path: Path) -> None:
    write_report(a_result(), tmp_path / "report.html")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").stat().st_size < 200_000
    Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = report_html(a_result())
    page = Page(text)
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "img", "object", "embed")
        assert attributes.get("src") is None
        assert (attributes.get("href") or "data:").startswith("data:")
    assert "url(" not in text and "@import" not in text and "fetch(" not in text and "http://" not in text
    (policy,) = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and "default-src 'none'" in policy


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=a>', "{{recipe}}", "</script>&amp;"]
)
def test_what_comes_from_outside_stays_text(evil: str) -> None:
    plain = a_result()
    result = replace(
        plain,
        name=evil,
        corner_labels=(evil,) * 3,
        recipe={**plain.recipe, "description": evil},
        metrics={**plain.metrics, "shots": {"count": 3, "method": evil}, evil: evil},
        info={"device_name": evil, "seconds": 1, evil: {evil: evil}},
    )
    page, reference = Page(report_html(result)), Page(report_html(plain))
    tags, expected = ({tag for tag, _ in p.elements} for p in (page, reference))
    assert tags == expected and sum(tag == "script" for tag, _ in page.elements) == 1
    assert page.text["h1"] == [evil] and page.text["li"] == [evil] * 3
    assert any(evil in text for text in page.text["span"]) and evil in page.text["td"]
    assert evil in (page.by_id("view")["aria-label"] or "")


def test_outlines_lie_at_tenths_of_a_nm_from_the_corner_of_the_field() -> None:
    page = Page(report_html(a_result()))
    (square,) = rings(page.by_id("target")["d"] or "")
    assert square.min(axis=0).tolist() == [1400, 1400] and square.max(axis=0).tolist() == [2600, 2600]
    (circle,) = rings(page.by_id("nominal")["d"] or "")
    assert np.abs(np.hypot(*(circle - 2000).T) - 600).max() < 2
    band = rings(page.by_id("band")["d"] or "")
    area = sum(polygon_area_nm2(ring / 10) for ring in band)
    assert len(band) == 2 and area == pytest.approx(np.pi * (64**2 - 55**2), rel=5e-3)
    assert page.by_id("view")["data-origin"] == "1000.0 -200.0"


def test_violated_sites_and_the_others_are_apart() -> None:
    page = Page(report_html(a_result()))
    wrong, right = (rings(page.by_id(name)["d"] or "") for name in ("violations", "sites"))
    assert wrong and right
    for gauge in (*wrong, *right):
        assert np.hypot(*(gauge[1] - gauge[0])) == pytest.approx(80)


def test_the_first_view_shows_the_target_with_y_down() -> None:
    high = a_result()
    square = high.target_polygons[0] + (0, 100)
    page = Page(report_html(replace(high, target_polygons=(square,), mask_polygons=(square,))))
    x, y, width, height = (float(n) for n in (page.by_id("view")["viewbox"] or "").split())
    assert x + width / 2 == pytest.approx(200) and y + height / 2 == pytest.approx(100) and width == height


def test_rounding_of_steps_does_not_add_up(rng: np.random.Generator) -> None:
    ring = np.cumsum(rng.normal(size=(3000, 2)), axis=0)
    (points,) = rings(closed_path([ring], (3.0, -5.0)))
    whole = np.rint((ring - (3, -5)) * 10)
    kept = np.r_[True, np.any(np.diff(whole, axis=0) != 0, axis=1)]
    np.testing.assert_array_equal(points, whole[kept])


def test_the_png_is_what_it_was_made_from(rng: np.random.Generator) -> None:
    levels = rng.integers(0, 256, (13, 29), dtype=np.uint8)
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    read = matplotlib.image.imread(io.BytesIO(palette_png(levels, palette)))
    np.testing.assert_array_equal(np.rint(read[..., :3] * 255).astype(int), palette[levels])


def test_the_aerial_image_is_upright_and_averaged() -> None:
    grid = Grid((1500, 1201), (1.0, 2.0))
    y, x = np.mgrid[0:1500, 0:1201]
    intensity = (0.2 + 0.6 * np.exp(-((y - 1200) ** 2 + (x - 300) ** 2) / 200**2)).astype(np.float32)
    aerial = aerial_of(intensity, grid)
    data = base64.b64decode(re.search(r"base64,([^\"]+)", aerial.svg)[1])  # type: ignore[index]
    colors = np.rint(matplotlib.image.imread(io.BytesIO(data))[..., :3] * 255).astype(int)
    assert colors.shape[:2] == (750, 601)
    row, column = np.unravel_index(colors.sum(axis=2).argmax(), colors.shape[:2])
    assert abs(row - 150) < 12 and abs(column - 150) < 12
    assert 'y="0" width="2404" height="1500"' in aerial.svg
    assert aerial.brightest == pytest.approx(0.8, rel=1e-3)


def test_every_colour_of_the_palette_stands_for_one_intensity() -> None:
    aerial = aerial_of(np.ones((4, 4), np.float32), Grid.square(4.0, 1.0))
    assert len(set(re.findall(r".{6}", aerial.palette_hex))) == 256
    assert len(aerial.palette_hex) == 6 * 256 and colormaps["magma"].N == 256


def test_a_dark_image_is_no_division_by_zero() -> None:
    assert aerial_of(np.zeros((4, 4), np.float32), GRID).brightest > 0


def test_the_chart_has_a_curve_per_stage_inside_its_frame() -> None:
    chart = convergence_chart(a_result().history)
    curves = [
        np.array([p.split(",") for p in points.split()], float) for points in re.findall(r'points="(.*?)"', chart)
    ]
    assert [len(c) for c in curves] == [4, 4]
    assert curves[0][-1, 0] == curves[1][0, 0] and np.all(np.diff(curves[0][:, 1]) > 0)
    assert all(c.min() > 0 and c[:, 0].max() <= 640 and c[:, 1].max() <= 300 for c in curves)
    assert "900 to 125" in chart
    assert "not optimised" in convergence_chart(())


@pytest.mark.parametrize(
    ("low", "high"), [(53000, 54000), (1.0, 9e7), (0.013, 0.5), (7.0, 7.0), (0.0, 100.0), (0.0, 0.0)]
)
def test_ticks_enclose_the_values_and_are_few(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert ticks == sorted(ticks) and 2 <= len(ticks) <= 14
    assert ticks[0] <= max(low, high * 1e-6, 1e-30) * (1 + 1e-6) and ticks[-1] >= high * (1 - 1e-6)


def test_nested_figures_become_rows() -> None:
    rows = dict(
        flat({"a_b": {"c": 1234567}, "kernels": [{"count": 24}, {"count": None}], "early": False, "x": 0.12345})
    )
    assert rows == {
        "a b c": "1,234,567",
        "kernels 1 count": "24",
        "kernels 2 count": "not known",
        "early": "no",
        "x": "0.1235",
    }
    assert number_text(30260.4) == "30,260" and number_text("text") == "text"


def test_all_switches_and_keys_belong_to_elements_that_are_there() -> None:
    page = Page(report_html(a_result()))
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    layers = [a["data-layer"] for _, a in page.elements if "data-layer" in a]
    assert len(layers) == 8 and {name for layer in layers for name in (layer or "").split()} <= set(ids)
    (script,) = page.text["script"]
    assert set(re.findall(r'\$\("(\w+)"\)', script)) <= set(ids)
    assert all(attributes.get("type") == "button" for tag, attributes in page.elements if tag == "button")


def sections(page: Page) -> list[str | None]:
    """Names of the sections that only some reports have."""
    return [a.get("id") for _, a in page.elements if a.get("class") == "measured"]


def with_rules(result: ClipResult, width_nm: float) -> ClipResult:
    """Return a result with a bar of some width beside its mask, checked."""
    bar = np.array([[1100.0, 100], [1300, 100], [1300, 100 + width_nm], [1100, 100 + width_nm]])
    outlines, rules = (*result.mask_polygons, bar), MaskRules()
    found = check_mask(outlines, rules)
    metrics = {**result.metrics, "rules": rule_figures(found, rules)}
    return replace(result, mask_polygons=outlines, curves=(None, None), metrics=metrics, violations=found)


def test_broken_mask_rules_are_listed_and_marked_where_they_are() -> None:
    page = Page(report_html(with_rules(a_result(), 12.0)))
    assert sections(page) == ["rules"] and "broken" in page.text["span"]
    assert {"width", "at least 20 nm", "12 nm"} <= set(page.text["td"])
    (mark,) = rings(page.by_id("rule_marks")["d"] or "")
    assert mark.mean(axis=0)[1] == pytest.approx(10 * (106 + 200), abs=1)  # the field begins at -200
    assert len([a for _, a in page.elements if a.get("class") == "broken"]) == 1


def test_a_clean_mask_and_one_of_pixels_say_so() -> None:
    clean = with_rules(a_result(), 40.0)
    page = Page(report_html(clean))
    assert sections(page) == ["rules"] and "clean" in page.text["span"] and not page.by_id("rule_marks")["d"]
    assert not [a for _, a in page.elements if a.get("class") == "broken"]
    unknown = {**clean.metrics["rules"], "clean": None}
    pixels = replace(clean, violations=None, metrics={**clean.metrics, "rules": unknown})
    page = Page(report_html(pixels))
    assert "not checked" in page.text["span"] and any("pixels" in text for text in page.text["p"])


def test_a_mask_whose_broken_rules_have_no_places_still_tells_their_number() -> None:
    page = Page(report_html(replace(with_rules(a_result(), 12.0), violations=None)))
    assert "broken" in page.text["span"] and "12 nm" in page.text["td"]


def test_before_and_after_stand_beside_each_other() -> None:
    scores = {"L2": 6200, "PVB": 0, "EPE": 0, "sites": 8}
    before = replace(a_result((40.0, 44.0, 36.0)), metrics=scores)
    page = Page(report_html(replace(a_result(), uncorrected=before)))
    assert sections(page) == ["before"]
    cells = page.text["td"]
    first = cells.index("6,200")
    assert cells[first : first + 3] == ["6,200", "3,100", "\N{MINUS SIGN}50 %"]
    assert "+3,360" in cells and "+4" in cells  # of nothing there is no share
    (shown,) = [a for _, a in page.elements if a.get("class") == "picture"]
    assert shown["aria-label"] == "Prints before and after correction"
