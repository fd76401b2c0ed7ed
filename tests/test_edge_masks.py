"""Edge-based correction as a whole: bars help and do not print, rules are kept, results are complete."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import gdstk
import numpy as np
import pytest
from edge_cases import GRID, PROCESS, TILTED, box, kernels, model

import litho
from litho.cells import Floats
from litho.commands import Request
from litho.config import read_recipe
from litho.contour import contours
from litho.edge_masks import EdgeMask, corrected_mask
from litho.flow import simulate
from litho.job import prepare
from litho.model import aerial_images, print_model
from litho.move_limits import broken_rules
from litho.opc_command import run_opc
from litho.opc_flow import check_targets, correct_edges
from litho.opc_settings import OpcSettings, SrafSettings
from litho.outlines import area_nm2
from litho.printability import band_area_nm2
from litho.raster import coverage
from litho.rule_opc import BiasTable
from litho.rule_set import MaskRules
from litho.srafs import SrafRules

TARGET = [box(-40, -150, 40, 150)]
TABLE = BiasTable((70.0,), (100.0,), ((5.0,),))
QUICK = OpcSettings(
    edges=replace(OpcSettings().edges, steps=3), area=replace(OpcSettings().area, steps=10, pixel_nm=10.0)
)

JOB = """
base = "default"
[field]
pixel_nm = 2.0
halo_nm = 300.0
[output]
dbu_nm = 0.5
[optics]
max_error = 0.05
[opc]
rules = { widths_nm = [70.0], spaces_nm = [100.0] }
edges = { steps = 3 }
area = { steps = 10, pixel_nm = 8.0 }
"""


@lru_cache
def corrected(method: str, width_nm: float = 30.0) -> EdgeMask:
    rules = SrafRules(width_nm=width_nm)
    settings = replace(QUICK, srafs=SrafSettings(method=method, rounds=1, rules=rules))
    return corrected_mask(TARGET, model(), coverage(TARGET, GRID), settings, table=TABLE)


def prints(mask: Sequence[Floats]) -> list[list[Floats]]:
    """Return what a mask prints at each corner, by its raster."""
    fine = GRID.resampled(2.5)
    covered = coverage(mask, fine)
    images, _ = aerial_images(covered, print_model(fine, PROCESS, kernels(), covered))
    pairs = zip(PROCESS.corners, PROCESS.focus_of_corner, strict=True)
    return [contours(corner.dose * images[focus], fine, PROCESS.resist.threshold) for corner, focus in pairs]


@pytest.mark.parametrize(("method", "width_nm"), [("rules", 30.0), ("rules", 80.0), ("image", 30.0), ("image", 60.0)])
def test_assist_features_print_at_no_corner(method: str, width_nm: float) -> None:
    found = corrected(method, width_nm)
    wanted = [gdstk.Polygon(p.tolist()) for p in TARGET]
    for printed in prints(found.outlines()):
        assert printed
        for outline in printed:
            assert gdstk.boolean(gdstk.Polygon(outline.tolist()), wanted, "and", 2.0**-20)


def test_bars_as_wide_as_lines_would_have_printed() -> None:
    wide = [box(-40, -150, 40, 150), box(160, -200, 240, 200)]
    assert len(prints(wide)[0]) == 2  # what the test before tells from


@pytest.mark.parametrize("method", ["rules", "image"])
def test_assist_features_narrow_the_band(method: str) -> None:
    bands = [band_area_nm2(prints(corrected(m).outlines())[1:]) for m in ("none", method)]
    assert corrected(method).bars and bands[1] < 0.9 * bands[0]


@pytest.mark.parametrize("method", ["none", "rules", "image"])
def test_masks_keep_their_rules_and_print_the_target(method: str) -> None:
    found = corrected(method)
    mask = found.outlines()
    assert len(found.broken_nm) == 0 and not broken_rules(mask, QUICK.limits)
    assert min(area_nm2([outline]) for outline in mask) >= SrafRules().min_area_nm2
    nominal = prints(mask)[0]
    wrong = gdstk.boolean(*([gdstk.Polygon(p.tolist()) for p in x] for x in (nominal, TARGET)), "xor", 1e-4)
    before = prints(TARGET)[0]
    was = gdstk.boolean(*([gdstk.Polygon(p.tolist()) for p in x] for x in (before, TARGET)), "xor", 1e-4)
    assert sum(p.area() for p in wrong) < 0.5 * sum(p.area() for p in was)


def test_right_angles_and_whole_numbers_stay_what_they_are() -> None:
    for outline in corrected("image").outlines():
        side = np.roll(outline, -1, axis=0) - outline
        assert np.all((side == 0).any(axis=1))
        assert np.array_equal(outline, np.round(outline))


def test_steps_and_bars_can_be_left_out() -> None:
    settings = OpcSettings(
        edges=replace(QUICK.edges, steps=0), area=replace(QUICK.area, steps=0), srafs=SrafSettings(method="none")
    )
    found = corrected_mask(TARGET, model(), coverage(TARGET, GRID), settings, table=TABLE)
    assert found.ended == "rules" and not found.losses
    ends = np.abs(found.fragments.sites.points_nm[:, 1]) == 150
    assert np.all(found.moves_nm[ends] == settings.rules.line_end_nm)


def test_asking_stops_with_a_mask() -> None:
    settings = replace(QUICK, srafs=SrafSettings(method="none"))
    target = coverage(TILTED, GRID)
    found = corrected_mask(TILTED, model(), target, settings, table=TABLE, report=lambda what, number, loss: True)
    assert found.asked and area_nm2(found.outlines()) > 0


def small_job(folder: Path, polygons: Sequence[Floats] = TARGET) -> tuple[Path, Path]:
    """Write a layout and a recipe."""
    layout, recipe = folder / "line.oas", folder / "small.toml"
    litho.write_oasis(layout, {(1, 0): polygons})
    recipe.write_text(JOB)
    return layout, recipe


def test_the_command_writes_complete_results(tmp_path: Path) -> None:
    layout, recipe = small_job(tmp_path)
    out = tmp_path / "out"
    assert run_opc(Request([layout], None, str(recipe), None, out, "cpu", None, False)) == 0
    names = {file.name for file in out.iterdir()}
    assert {"mask.oas", "mask.npz", "metrics.json", "report.html", "recipe.toml"} <= names
    metrics = json.loads((out / "metrics.json").read_text())
    (plain,) = simulate(prepare([layout], read_recipe(recipe.read_text())), device="cpu")
    assert metrics["EPE"] == 0 and metrics["L2"] + metrics["PVB"] < 0.7 * (plain.metrics["L2"] + plain.metrics["PVB"])
    described = metrics["opc"]
    assert described["assist_features"] > 0 and described["rule_violations_nm"] == []
    assert described["lost_sites"] == 0 and all(h["values"][-1] <= h["values"][0] for h in metrics["loss"])
    mask = litho.read_layout(out / "mask.oas").polygons("2/0")
    assert len(mask) == 1 + described["assist_features"]


def test_asking_ends_the_job_with_the_clip_at_hand(tmp_path: Path) -> None:
    layout, recipe = small_job(tmp_path)
    job = prepare([layout, layout], read_recipe(recipe.read_text()))
    results = list(correct_edges(job, "cpu", lambda update: update.step == 2))
    assert len(results) == 1 and results[0].info["stopped_early"]


def test_a_target_that_breaks_the_rules_is_refused(tmp_path: Path) -> None:
    layout, recipe = small_job(tmp_path, [box(0, 0, 10, 300)])
    with pytest.raises(ValueError, match="must keep a width of 20 nm, but it is 10 nm"):
        check_targets(prepare([layout], read_recipe(recipe.read_text())))


def test_methods_are_named_in_the_refusal() -> None:
    with pytest.raises(ValueError, match="`method` must be one of none, rules, image, but got 'model'"):
        SrafSettings(method="model")
    with pytest.raises(ValueError, match=r"`distances_nm` must be at least `rules.main_nm`, 60, but got \[30.0\]"):
        SrafSettings(distances_nm=(30.0,))


def test_limits_of_moves_and_bars_are_at_least_the_masks_rules() -> None:
    bound = OpcSettings().bound_by(MaskRules(min_width_nm=44.0, min_space_nm=30.0, min_notch_nm=36.0, min_area_nm2=9e3))
    assert (bound.limits.min_width_nm, bound.limits.min_space_nm) == (44.0, 36.0)
    assert bound.srafs.rules.width_nm >= 44.0 and bound.srafs.rules.min_area_nm2 == 9e3
    assert OpcSettings().bound_by(MaskRules(min_width_nm=1.0, min_space_nm=1.0, min_area_nm2=0.0)) == OpcSettings()
