"""The layout file of a result: what is on which layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from mask_shapes import box, disc, hole, moved
from test_pictures import a_result

from litho.layer_properties import write_layer_properties
from litho.layout import read_layout
from litho.mask_rules import check_mask
from litho.outputs import ASSIST_LAYER, assist_features, figures, layer_names, layer_styles, write_polygons
from litho.raster import polygon_area_nm2
from litho.result import ClipResult
from litho.rule_markers import FIRST_RULE_LAYER
from litho.rule_set import MaskRules

TARGET = box(100, 100)
RING = [box(400, 400), hole(box(300, 300))]
BAR = moved(box(40, 200), to=(400, 0))


def broken() -> ClipResult:
    """Return a result whose mask has an assist feature that is too narrow."""
    result = a_result()
    outlines = (*result.mask_polygons, moved(box(100, 12), to=(1200, 110)))
    found = check_mask(outlines, MaskRules(), targets=result.target_polygons)
    recipe = {**result.recipe, "output": {"dbu_nm": 0.1}}
    return replace(result, mask_polygons=outlines, curves=(None, None), violations=found, recipe=recipe)


def test_an_island_is_an_assist_feature_where_it_overlaps_no_target() -> None:
    near, touching = moved(disc(60), to=(30, 0)), moved(box(20, 20), to=(60, 0))
    assert assist_features([near], [TARGET]) == []
    assert len(assist_features([near, BAR], [TARGET])) == 1
    assert len(assist_features([touching], [TARGET])) == 1  # a common edge is no overlap
    assert len(assist_features([BAR], [])) == 1 and assist_features([], [TARGET]) == []


def test_a_ring_around_a_target_is_an_assist_feature_with_its_hole() -> None:
    (ring,) = assist_features([*RING, TARGET], [TARGET])
    assert polygon_area_nm2(ring) == pytest.approx(400**2 - 300**2)
    (island,) = assist_features([*RING, TARGET], [moved(TARGET, to=(150, 0))])
    assert island.tolist() == TARGET.tolist()


def test_the_mask_layer_keeps_every_shape_and_assist_features_are_there_once_more(tmp_path: Path) -> None:
    result = broken()
    write_polygons(result, tmp_path / "mask.oas")
    layout = read_layout(tmp_path / "mask.oas")
    areas = {layer: sum(map(polygon_area_nm2, layout.polygons(layer))) for layer in layout.layers}
    assert areas[2, 0] == pytest.approx(120**2 + 1200) and areas[ASSIST_LAYER] == pytest.approx(1200)
    assert areas[1, 0] == pytest.approx(120**2)


def test_broken_rules_are_marked_on_layers_of_their_own_which_are_named(tmp_path: Path) -> None:
    result = broken()
    write_polygons(result, tmp_path / "mask.oas")
    write_layer_properties(layer_styles(result), tmp_path / "mask.lyp")
    layout = read_layout(tmp_path / "mask.oas")
    (bar,) = layout.polygons((FIRST_RULE_LAYER, 0))
    assert np.ptp(bar[:, 1]) == pytest.approx(14.0) and bar[:, 1].mean() == pytest.approx(110, abs=0.1)
    sources = [e.findtext("source") for e in ElementTree.parse(tmp_path / "mask.lyp").getroot()]
    written = {f"{number}/{datatype}@1" for number, datatype in layout.layers}
    assert written <= set(sources) and len(sources) == len(set(sources))
    assert layer_names(result)["200/0"] == "mask rule: width" and layer_names(result)["3/0"].startswith("assist")
    assert not [name for name in layer_names(a_result()).values() if name.startswith("mask rule")]


def test_the_figures_tell_what_the_target_prints_uncorrected() -> None:
    before = replace(a_result(), metrics={"L2": 9000, "PVB": 10, "EPE": 7, "sites": 8})
    assert figures(replace(a_result(), uncorrected=before))["uncorrected"] == before.metrics
    assert "uncorrected" not in figures(a_result())
