"""`litho chip --method opc`: what it leaves, what it refuses, and that no run goes on by another method."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_chip_command import LIMITS, ONE_FOCUS, quick_pictures, refused, request_of
from test_job import TINY, drawn

from litho.chip.chip_job import prepare_chip
from litho.chip.chip_settings import ChipSettings
from litho.chip.edge_plan import EDGE_FIELD_NM, least_halo_nm
from litho.chip.run import correct_chip
from litho.chip_command import run_chip
from litho.config import load_recipe, read_recipe
from litho.job import JobError
from litho.layout import read_layout
from litho.opc_settings import OpcSettings

EDGES = """
[opc]
rules = { widths_nm = [70.0], spaces_nm = [70.0] }
edges = { steps = 3 }
area = { steps = 4 }
srafs = { method = "none" }

[chip]
field_nm = 1152.0
halo_nm = 288.0
margin_nm = 64.0
overlap_nm = 64.0
context_nm = 128.0
border_steps = 2
"""
RECIPE = TINY + LIMITS + "extremum_margin = 0.0\n" + ONE_FOCUS + EDGES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a layout of two tiles, a quick recipe, and the results of a run in `out`."""
    folder = tmp_path_factory.mktemp("edges")
    drawn(folder / "lines.gds", *((x, 0, x + 70, 400) for x in range(0, 800, 140)))
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    with quick_pictures():
        correct_chip(folder / "lines.gds", read_recipe(RECIPE), folder / "out", method="opc")
    return folder


@pytest.fixture(autouse=True)
def undrawn() -> Iterator[None]:
    """Commands draw no pictures."""
    with quick_pictures():
        yield


def test_edges_of_a_layout_are_moved_and_no_seam_is_seen(folder: Path) -> None:
    told = json.loads((folder / "out" / "metrics.json").read_text())
    assert told["tiles"]["columns"] >= 2 and told["tiles"]["set_aside"] == 0
    assert told["largest_contour_step_nm"] < 1e-4
    assert list(told["passes"]) == ["correct", "border 1", *(f"settle {n}" for n in range(1, 5)), "cut", "verify"]
    lines, mask = read_layout(folder / "lines.gds").polygons(), read_layout(folder / "out" / "mask.oas").polygons("2/0")
    assert len(mask) == len(lines)  # each line is one piece, longer than it was drawn
    assert all(p[:, 1].min() < -5 and p[:, 1].max() > 405 for p in mask)
    assert load_recipe(str(folder / "out" / "recipe.toml")).chip.method == "opc"


def test_moved_edges_print_nearer_to_the_target_than_drawn_ones(folder: Path) -> None:
    from litho.chip.whole_run import verify_chip

    told = json.loads((folder / "out" / "metrics.json").read_text())
    drawn_mask = verify_chip(folder / "lines.gds", folder / "lines.gds", read_recipe(RECIPE), folder / "drawn")
    assert drawn_mask.verification is not None
    found, before = told["verify"]["edge_placement"]["everywhere"], drawn_mask.verification.everywhere
    assert found["rms_nm"] < 0.5 * before.rms_nm


def test_a_run_goes_on_by_its_own_method_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(request_of(folder, "out", workers=1, resume=True, method="ilt"), capsys)
    assert 'was "opc" and now is "ilt"' in said
    before = (folder / "out" / "mask.oas").read_bytes()
    assert run_chip(request_of(folder, "out", workers=1, resume=True, method="opc")) == 0
    assert (folder / "out" / "mask.oas").read_bytes() == before
    told = json.loads((folder / "out" / "metrics.json").read_text())
    assert all(numbers["computed"] == 0 for numbers in told["passes"].values())


def test_options_that_moved_edges_cannot_have_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, words in (
        ({"method": "opc", "gpus": "all"}, "`gpus` must be left out with `method` 'opc'"),
        ({"method": "opc", "batch": 2}, "`batch` must be 1 where edges are moved"),
        ({"method": "edges"}, "`method` must be one of ilt, opc, but got 'edges'"),
        ({"method": "opc", "verify": folder / "lines.gds"}, "`method` must come without `verify`"),
    ):
        assert words in refused(request_of(folder, **options), capsys), options


def test_moved_edges_are_no_work_for_a_gpu(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="`device` must be 'cpu' where edges are moved"):
        prepare_chip(folder / "lines.gds", read_recipe(RECIPE), tmp_path, method="opc", device="gpu")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("context_nm = 128.0", "context_nm = 160.0"), "`chip.context_nm` must leave 150 nm of the halo"),
        (("margin_nm = 64.0", "margin_nm = 40.0"), "`chip.margin_nm` must be at least `opc.limits.outwards_nm`"),
        (('"none"', '"rules"'), "`opc.srafs.rules.longest_nm` must be at most the halo"),
        (("area = { steps = 4 }", "area = { pixel_nm = 6.0 }"), "`opc.area.pixel_nm` must be a multiple of"),
        (("area = { steps = 4 }", "area = { pixel_nm = 12.0 }"), "`opc.area.pixel_nm` must divide the unit of tiles"),
        (("[process]", '[mask]\ntone = "bright field"\n[process]'), "`mask.tone` must be 'dark field' where edges"),
    ],
)
def test_recipes_that_edges_cannot_be_moved_by_are_refused(
    folder: Path, change: tuple[str, str], words: str, tmp_path: Path
) -> None:
    recipe = read_recipe(RECIPE.replace(*change))
    with pytest.raises(JobError, match=words):
        prepare_chip(folder / "lines.gds", recipe, tmp_path, method="opc")
    prepare_chip(folder / "lines.gds", recipe, tmp_path, method="ilt")


def test_fields_are_no_larger_than_moved_edges_are_worth(folder: Path, tmp_path: Path) -> None:
    recipe = read_recipe(RECIPE.replace("field_nm = 1152.0", "field_nm = 4096.0"))
    edges, levels = (prepare_chip(folder / "lines.gds", recipe, tmp_path, method=m) for m in ("opc", "ilt"))
    assert edges.settings.field_nm == EDGE_FIELD_NM < levels.settings.field_nm == 4096
    assert edges.identity()["settings"]["method"] == "opc" != levels.identity()["settings"]["method"]
    assert least_halo_nm(OpcSettings(), 100.0) == 100 + 35 + 25 + 2 * 45
    with pytest.raises(ValueError, match="`method` must be one of ilt, opc, but got 'smo'"):
        ChipSettings(method="smo")
