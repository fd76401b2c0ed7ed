"""From layouts to a source, masks and windows: what `litho smo` leaves and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from test_job import TINY, drawn

import litho.pictures
import litho.report
from litho.commands import Request
from litho.config import load_recipe, read_recipe
from litho.job import JobError, prepare
from litho.smo import SmoSettings
from litho.smo_command import run_smo
from litho.smo_flow import check_has_source, clip_window, optimised_source, with_source
from litho.source import Source
from litho.source_files import read_source
from litho.source_space import SourceLimits

SETTINGS = SmoSettings(SourceLimits(13, 0.3, 0.95, min_fill=0.2), rounds=1, source_steps=5)
RECIPE = TINY.replace("halo_nm = 250", "halo_nm = 150")


def request_of(folder: Path, *layouts: str, recipe: str = "tiny.toml") -> Request:
    files = [folder / name for name in layouts]
    return Request(files, None, str(folder / recipe), None, folder / "out", "cpu", None, False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with layouts, a quick recipe and the results of the command in `out`."""
    folder = tmp_path_factory.mktemp("smo")
    drawn(folder / "lines.gds", *((x, 0, x + 60, 300) for x in (0, 120, 240)))
    (folder / "tiny.toml").write_text(RECIPE + "[window]\nfoci_nm = [-60, 0, 60]\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:  # pictures and report of a mask have tests of their own
        patch.setattr(litho.pictures, "draw_all", lambda result, stage: [])
        patch.setattr(litho.report, "write_report", lambda result, path: None)
        assert run_smo(request_of(folder, "lines.gds"), SETTINGS) == 0
    return folder


def test_it_leaves_the_source_in_two_forms_the_mask_and_the_picture(folder: Path) -> None:
    names = {path.name for path in (folder / "out").iterdir()}
    assert names >= {"source.png", "source.txt", "smo.png", "mask.oas", "mask.npz", "metrics.json", "recipe.toml"}
    assert not [name for name in names if name.startswith(".")]
    picture, points = (read_source(folder / "out" / name) for name in ("source.png", "source.txt"))
    ours = load_recipe(str(folder / "out" / "recipe.toml")).optics
    assert ours is not None
    pixels = SETTINGS.limits.pixels
    maps = [source.to_map(pixels) for source in (ours.build().source, picture, points)]
    first, *others = (values / values.max() for values in maps)
    assert np.abs(others[0] - first).max() < 2e-5  # 16 bits of grey
    assert np.abs(others[1] - first).max() < 1e-12


def test_metrics_tell_the_search_and_both_windows(folder: Path) -> None:
    told = json.loads((folder / "out" / "metrics.json").read_text())["smo"]
    assert told["pupil_fill"] >= SETTINGS.limits.min_fill * (1 - 1e-9)
    assert set(told["window"]) == {"before", "after"} and told["placement_nm"] == 5.0
    assert told["loss"][-1]["values"][-1] < told["loss"][0]["values"][-1]


def test_the_written_recipe_makes_the_same_window_again(folder: Path) -> None:
    """Source and mask from their files: nothing that the window depends on is missing in them."""
    job = prepare([folder / "lines.gds"], load_recipe(str(folder / "out" / "recipe.toml")))
    mask = np.load(folder / "out" / "mask.npz")["mask"]
    window = clip_window(job, job.clips[0], mask, SETTINGS)
    told = json.loads((folder / "out" / "metrics.json").read_text())["smo"]["window"]["after"]
    largest = told["largest"]
    if largest is None:
        assert not (window.low < window.high).any()
    else:
        middle = int(np.argmin(np.abs(window.foci_nm - largest["focus_nm"])))
        assert window.low[middle] < largest["dose"] < window.high[middle]


def test_one_source_for_several_layouts(tmp_path: Path) -> None:
    drawn(tmp_path / "a.gds", (0, 0, 60, 200))
    drawn(tmp_path / "b.gds", (0, 0, 200, 60))
    recipe = read_recipe(RECIPE)
    job = prepare([tmp_path / "a.gds", tmp_path / "b.gds"], recipe)
    found = optimised_source(job, SETTINGS, "cpu")
    assert found.level.shape[0] == 2
    better = with_source(job, found.source, 13)
    assert [clip.name for clip in better.clips] == ["a", "b"] and better.recipe.optics is not None
    assert len(better.kernels) == len(job.kernels) and better.kernels[0].period_nm == job.kernels[0].period_nm


def test_the_same_source_given_anew_makes_the_same_kernels(tmp_path: Path) -> None:
    drawn(tmp_path / "a.gds", (0, 0, 60, 200))
    pixels = Source.pixels(Source.annular(0.6, 0.9).to_map(9))
    rows = [[float(v) for v in row] for row in pixels.to_map(9)]
    recipe = read_recipe(RECIPE.replace("[optics]", f"[optics]\nsource = {{ shape = 'pixels', rows = {rows} }}"))
    job = prepare([tmp_path / "a.gds"], recipe)
    again = with_source(job, pixels, 9)
    for a, b in zip(job.kernels, again.kernels, strict=True):
        assert np.allclose(np.asarray(a.weights), np.asarray(b.weights), rtol=1e-6, atol=1e-9)


def test_a_recipe_whose_kernels_come_from_a_file_is_refused(
    tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(tmp_path / "a.gds", (0, 0, 100, 400))
    kernels = data_dir / "iccad13" / "optical_kernels.npz"
    request = Request([tmp_path / "a.gds"], None, "iccad13", kernels, tmp_path / "out", "cpu", None, False)
    with pytest.raises(typer.Exit) as left:
        run_smo(request)
    assert left.value.exit_code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "`recipe` must have a table `optics`" in said
    with pytest.raises(JobError):
        check_has_source(prepare([tmp_path / "a.gds"], load_recipe("iccad13"), kernels=kernels))


def test_the_recipe_for_it_has_a_window_of_doses_and_foci() -> None:
    process: Any = load_recipe("smo").process.build()
    assert {(c.dose, c.defocus_nm) for c in process.corners[1:]} == {(d, f) for d in (0.95, 1.05) for f in (0.0, 60.0)}
    assert process.corners[0].dose == 1 and process.corners[0].defocus_nm == 0
