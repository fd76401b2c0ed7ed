"""Markers of broken mask rules stand where they are broken, in files that layout viewers open."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from mask_shapes import box, moved

from litho.io.write import write_oasis
from litho.layout import read_layout
from litho.mask_rules import check_mask
from litho.raster import polygon_area_nm2
from litho.rule_markers import FIRST_RULE_LAYER, marker_layers, rule_layer_names, write_rule_lyrdb, write_violations
from litho.rule_set import RULES, MaskRules, RuleViolation

SHAPES = [box(300, 12), moved(box(300, 100), to=(1000, 0)), moved(box(300, 100), to=(1000, 115))]
SMALL = moved(box(30, 30), to=(500, 500))


def violations() -> tuple[RuleViolation, ...]:
    return check_mask([*SHAPES, SMALL], MaskRules())


def test_the_marker_database_lists_every_violation_under_its_rule(tmp_path: Path) -> None:
    path = tmp_path / "rules.lyrdb"
    write_rule_lyrdb(violations(), path, "TOP<&>", "a\x00b.oas")
    root = ElementTree.parse(path).getroot()
    assert root.tag == "report-database" and root.findtext("cells/cell/name") == "TOP<&>"
    assert [c.findtext("name") for c in root.findall("categories/category")] == list(RULES)
    items = root.findall("items/item")
    assert [i.findtext("category") for i in items] == ["'width'", "'space'", "'area'"]
    marks = [[v.text or "" for v in item.findall("values/value")] for item in items]
    assert [m[0].partition(":")[0] for m in marks] == ["edge", "edge", "polygon"]
    ends = [
        np.array([[float(n) for n in p.split(",")] for p in m[0].partition(": ")[2][1:-1].split(";")]) for m in marks
    ]
    assert np.hypot(*(ends[0][1] - ends[0][0])) == pytest.approx(0.012, abs=1e-6)  # micrometres
    assert np.sort(ends[1][:, 1]).tolist() == pytest.approx([0.050, 0.065])
    np.testing.assert_allclose(ends[2].mean(axis=0), (0.5, 0.5), atol=1e-6)
    assert marks[0][1] == "text: '12, limit 20'"


def test_markers_are_polygons_on_a_layer_for_each_rule(tmp_path: Path) -> None:
    found = violations()
    layers = marker_layers(found)
    numbers = {rule: (FIRST_RULE_LAYER + RULES.index(rule), 0) for rule in ("width", "space", "area")}
    assert set(layers) == set(numbers.values())
    (bar,) = layers[numbers["width"]]
    assert polygon_area_nm2(bar) == pytest.approx(2 * 14)  # around the two points, counter-clockwise
    np.testing.assert_allclose(bar.mean(axis=0), (found[0].x_nm, found[0].y_nm), atol=1e-9)
    assert rule_layer_names()["200/0"] == "mask rule: width" and len(rule_layer_names()) == len(RULES)
    write_oasis(tmp_path / "marks.oas", layers, 0.001)
    (square,) = read_layout(tmp_path / "marks.oas").polygons(numbers["area"])
    assert polygon_area_nm2(square) == pytest.approx(900, abs=0.1)


def test_a_point_is_marked_too() -> None:
    touching = check_mask([box(60, 60), moved(box(60, 60), to=(60, 60))], MaskRules())
    (polygons,) = marker_layers(touching).values()
    assert polygon_area_nm2(polygons[0]) == pytest.approx(4) and polygons[0].mean(axis=0).tolist() == [30, 30]


def test_a_hole_is_marked_the_right_way_round() -> None:
    found = check_mask([box(200, 200), box(30, 30)[::-1]], MaskRules())
    assert [v.rule for v in found] == ["hole"]
    ((polygon,),) = marker_layers(found).values()
    assert polygon_area_nm2(polygon) == pytest.approx(900)


def test_the_table_has_a_row_for_each(tmp_path: Path) -> None:
    write_violations(violations(), tmp_path / "rules.csv")
    with (tmp_path / "rules.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["rule"] for row in rows] == ["width", "space", "area"]
    assert [float(row["value"]) for row in rows] == pytest.approx([12, 15, 900], abs=1e-6)
    assert (float(rows[2]["x_nm"]), float(rows[2]["limit"])) == (500, 1700)
