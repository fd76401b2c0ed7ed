"""`litho chip`: what it leaves, its exit codes, what it refuses, and that it goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import chip_hosts
import pytest
import typer
from gdstk import Library
from test_job import TINY, drawn

import litho.chip.chip_map
import litho.chip.chip_report
import litho.chip.dask_start
import litho.chip.run
import litho.chip_command
from litho.chip.chip_job import prepare_chip
from litho.chip.executors import Task
from litho.chip.passes import run_task
from litho.chip.run import correct_chip, run_chip_job
from litho.chip.whole_run import mask_source
from litho.chip_command import (
    SET_ASIDE,
    ChipRequest,
    larger_than_a_field,
    run_chip,
    run_whole_simulate,
    run_whole_verify,
)
from litho.commands import FAILED, STOPPED, Request
from litho.config import load_recipe, read_recipe
from litho.job import JobError, prepare
from litho.layout import read_layout
from litho.raster import polygon_area_nm2

LIMITS = "[verify]\ninterval_nm = 60.0\nepe_nm = 40.0\nband_nm = 60.0\nwidth_share = 0.1\nspace_share = 0.1\n"
ONE_FOCUS = "[process]\ncorners = [{ dose = 1.0 }, { dose = 1.04 }, { dose = 0.96 }]\n"
TILES = "[chip]\nfield_nm = 1152.0\nhalo_nm = 256.0\nmargin_nm = 64.0\noverlap_nm = 64.0\ncontext_nm = 128.0\n"
RECIPE = TINY + LIMITS + "extremum_margin = 0.0\n" + ONE_FOCUS + TILES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a layout of two tiles, a quick recipe, and the results of a run in `out`."""
    folder = tmp_path_factory.mktemp("chip")
    drawn(folder / "lines.gds", *((x, 0, x + 70, 400) for x in range(0, 1000, 140)))
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    with quick_pictures():
        correct_chip(folder / "lines.gds", read_recipe(RECIPE), folder / "out")
    return folder


def quick_pictures() -> Any:
    """Leave pictures and report out: they have tests of their own."""
    patch = pytest.MonkeyPatch()
    patch.setattr(litho.chip.chip_map, "write_map", lambda result, path: path.write_bytes(b""))
    patch.setattr(litho.chip.chip_report, "write_chip_report", lambda result, path: path.write_bytes(b""))

    class Undone:
        def __enter__(self) -> pytest.MonkeyPatch:
            return patch

        def __exit__(self, *what: object) -> None:
            patch.undo()

    return Undone()


@pytest.fixture(autouse=True)
def undrawn() -> Iterator[None]:
    """Commands draw no pictures."""
    with quick_pictures():
        yield


def request_of(folder: Path, out: str = "new", **options: Any) -> ChipRequest:
    return ChipRequest(folder / "lines.gds", recipe=str(folder / "tiny.toml"), out=folder / out, **options)


def refused(request: ChipRequest, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(typer.Exit) as left:
        run_chip(request)
    assert left.value.exit_code == 2
    said = capsys.readouterr().err
    assert said.startswith("litho: ") and said.strip().count("\n") == 0
    return said


def test_the_folder_has_mask_figures_lists_and_the_recipe(folder: Path) -> None:
    names = {path.name for path in (folder / "out").iterdir() if path.is_file()}
    lists = {"hotspots.csv", "hotspots.lyrdb", "rules.csv", "rules.lyrdb"}
    assert names >= {"mask.oas", "mask.lyp", "metrics.json", "recipe.toml", "chip_map.png", "report.html", *lists}
    assert load_recipe(str(folder / "out" / "recipe.toml")) == read_recipe(RECIPE)
    told = json.loads((folder / "out" / "metrics.json").read_text())
    assert told["layout"] == "lines" and told["tiles"]["columns"] == 2 and told["tiles"]["set_aside"] == 0
    assert told["passes"]["correct"]["computed"] == 2 and told["passes"]["verify"]["computed"] > 2


def test_the_mask_is_one_geometry_that_shows_no_seam(folder: Path) -> None:
    """Every line is one piece, though a seam crosses the layout, and no outline has a step there."""
    mask = read_layout(folder / "out" / "mask.oas").polygons("2/0")
    told = json.loads((folder / "out" / "metrics.json").read_text())
    assert told["largest_contour_step_nm"] == 0
    lines = read_layout(folder / "lines.gds").polygons()
    for line in lines:
        (x0, _), (x1, _) = line.min(axis=0), line.max(axis=0)
        over = [p for p in mask if p[:, 0].min() < (x0 + x1) / 2 < p[:, 0].max() and polygon_area_nm2(p) > 5000]
        assert len(over) == 1


def test_the_same_run_again_is_refused_without_resume_and_computes_nothing_with_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "`out` must be a new folder, or be continued with --resume" in refused(
        request_of(folder, "out", workers=1), capsys
    )
    before = (folder / "out" / "mask.oas").read_bytes()
    assert run_chip(request_of(folder, "out", workers=1, resume=True)) == 0
    assert (folder / "out" / "mask.oas").read_bytes() == before
    told = json.loads((folder / "out" / "metrics.json").read_text())
    assert all(numbers["computed"] == 0 for numbers in told["passes"].values())
    assert told["tiles"]["reused"] == 2 and told["tiles"]["computed"] == 0


def test_a_dry_run_shows_the_plan_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_chip(request_of(folder, "never", dry_run=True)) == 0
    text = capsys.readouterr().out
    assert "2 x 1 = 2" in text and "an estimate" in text and not (folder / "never").exists()


class Broken:
    """Work that fails for the tiles in some column."""

    def __init__(self, column: str, folder: Path) -> None:
        self.column, self.folder = column, folder

    def __call__(self, task: Task) -> None:
        """Fail, or do the work."""
        if task.name.startswith(self.column) and " correct" in task.name:
            raise ValueError("this tile is broken")
        run_task(task, self.folder)


def test_tiles_that_fail_three_times_are_told_with_their_place_and_the_rest_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(litho.chip.run, "run_task", lambda task, folder: Broken("c001", folder)(task))
    assert run_chip(request_of(folder, "aside", workers=1)) == SET_ASIDE == 3
    text = capsys.readouterr().out
    assert "c001_r000 at (" in text and "this tile is broken" in text
    told = json.loads((folder / "aside" / "metrics.json").read_text())
    assert told["tiles"]["set_aside"] == 1 and told["set_aside"][0]["doing"] == "correct"
    assert read_layout(folder / "aside" / "mask.oas").shape_count("2/0") > 0


def test_ctrl_c_keeps_what_is_finished_and_resume_ends_with_the_same_bits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(task: Task, folder: Path) -> None:
        if "c001_r000 border" in task.name:
            raise KeyboardInterrupt
        run_task(task, folder)

    with monkeypatch.context() as patch:
        patch.setattr(litho.chip.run, "run_task", interrupted)
        assert run_chip(request_of(folder, "stopped", workers=1)) == STOPPED == 130
    assert "go on with --resume" in capsys.readouterr().err
    assert not (folder / "stopped" / "metrics.json").exists()
    assert run_chip(request_of(folder, "stopped", workers=1, resume=True)) == 0
    told = json.loads((folder / "stopped" / "metrics.json").read_text())
    assert told["passes"]["correct"]["computed"] == 0 and told["passes"]["border 1"]["computed"] == 1
    assert (folder / "stopped" / "mask.oas").read_bytes() == (folder / "out" / "mask.oas").read_bytes()


def test_bad_options_are_refused_in_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, words in (
        ({"workers": 0}, "`workers` must be at least 1, but got 0"),
        ({"workers": 2, "gpus": "all"}, "must come without `scheduler` and `gpus`, but got --workers and --gpus"),
        (
            {"scheduler": "tcp://127.0.0.1:8786", "gpus": "0"},
            "whose workers have one each, but got '0'",
        ),
        ({"scheduler": "tcp://127.0.0.1:1", "workers": 2}, "but got --workers and --scheduler"),
        ({"tls_ca": folder / "x", "scheduler": "a:1"}, "must be given together"),
        ({"insecure": True}, "must come with `scheduler`"),
        ({"mask_layer": "2/0"}, "`mask-layer` must come with `verify`"),
        ({"layer": "9/9"}, "`layer` must be one of 1/0"),
        ({"cell": "NONE"}, "`cell` must be a cell of"),
        ({"window": "5000,5000,6000,6000"}, "`window` must meet the layer's shapes"),
        ({"window": "1,2,3"}, "`window` must be four numbers"),
        ({"scheduler": "tcp://10.0.0.7:8786"}, "`scheduler` must be on 127.0.0.1 without certificates"),
    ):
        assert words in refused(request_of(folder, **options), capsys), options


def test_gpus_that_are_not_there_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(litho.chip.dask_start, "visible_gpus", lambda: [])
    said = refused(request_of(folder, gpus="all"), capsys)
    assert "`gpus` must name GPUs of this machine, but got 'all', and it has 0." in said


def test_workers_of_a_scheduler_that_see_no_gpu_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed (pip install 'litho[cluster]')")
    with (
        chip_hosts.scheduler(folder / "hosts") as (address, _),
        chip_hosts.worker(address, folder / "hosts", inside=["env", "CUDA_VISIBLE_DEVICES="]),
    ):
        said = refused(request_of(folder, "new", scheduler=address, gpus="all", batch=2), capsys)
    assert "`gpus` must be there on every worker, but on tcp://127.0.0.1:" in said and "CuPy is" in said


def test_recipes_that_no_tile_can_use_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finer = RECIPE.replace("steps = 6", "steps = 6\nprint_pixel_nm = 4")
    for text, words in (
        ('base = "iccad13"', "`recipe` must have its own optics for a chip"),
        ('method = "spline"\n' + RECIPE, "`method` must be 'pixel' or 'level-set' for a chip"),
        (finer, "`ilt.stages[1].print_pixel_nm` must be at least the last stage's pixel"),
    ):
        (folder / "bad.toml").write_text(text, encoding="utf-8")
        request = ChipRequest(folder / "lines.gds", recipe=str(folder / "bad.toml"), out=folder / "new", dry_run=True)
        assert words in refused(request, capsys)


def test_a_mask_may_be_measured_by_a_recipe_that_no_tile_is_corrected_by(folder: Path) -> None:
    finer = read_recipe(RECIPE.replace("steps = 6", "steps = 6\nprint_pixel_nm = 4"))
    job = prepare_chip(folder / "lines.gds", finer, folder / "new", correct=False)
    assert job.plan.tiles.count == 2


def test_an_empty_layer_and_a_foreign_folder_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = Library(unit=1e-9, precision=1e-9)
    library.new_cell("TOP")
    library.write_gds(folder / "empty.gds")
    request = ChipRequest(folder / "empty.gds", recipe=str(folder / "tiny.toml"), out=folder / "new")
    assert "must hold at least one shape" in refused(request, capsys)
    other = ChipRequest(
        drawn(folder / "other.gds", (0, 0, 70, 400)),
        recipe=str(folder / "tiny.toml"),
        out=folder / "out",
        workers=1,
        resume=True,
    )
    assert "`out` must hold a run of the same layout" in refused(other, capsys)


def test_a_mask_is_read_from_2_0_where_the_file_has_it(folder: Path) -> None:
    assert mask_source(folder / "out" / "mask.oas", None).layer == (2, 0)
    assert mask_source(folder / "lines.gds", None).layer == (1, 0)


def test_a_window_is_corrected_as_if_the_layout_ended_there(folder: Path) -> None:
    job = prepare_chip(folder / "lines.gds", read_recipe(RECIPE), folder / "part", window_nm=(0, 0, 230, 400))
    assert job.plan.tiles.layout_box_nm == (0, 0, 230, 400) and job.plan.tiles.count == 1
    assert job.identity()["window_nm"] == [0, 0, 230, 400]
    assert partial(run_chip_job, job) is not None


def whole(folder: Path, **options: Any) -> Request:
    given = {"layouts": [folder / "lines.gds"], "layer": None, "recipe": str(folder / "tiny.toml"), "kernels": None}
    rest = {"out": folder / "new", "device": "cpu", "window": None, "repair": False}
    return Request(**{**given, **rest, **options})  # type: ignore[arg-type]


def test_a_layout_is_taken_by_tiles_where_one_field_would_be_refused(folder: Path) -> None:
    """Against the refusal of a clip's job itself."""
    far = drawn(folder / "far.gds", (0, 0, 70, 400), (33_000, 33_000, 33_070, 33_400))
    assert not larger_than_a_field(whole(folder)) and larger_than_a_field(whole(folder, layouts=[far]))
    with pytest.raises(JobError, match="`window` must leave a field of at most"):
        prepare([far], read_recipe(RECIPE))
    assert not larger_than_a_field(whole(folder, layouts=[far], window="0,0,500,500"))
    assert not larger_than_a_field(whole(folder, layouts=[far, far]))
    wide, narrow = (f"0,0,{side},{side}" for side in (12_000, 9_000))  # few pixels, but large kernels
    assert larger_than_a_field(whole(folder, layouts=[far], window=wide))
    assert not larger_than_a_field(whole(folder, layouts=[far], window=narrow))


def test_verify_and_simulate_go_by_tiles_and_a_broken_limit_is_exit_code_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the written file, the verification finds what the run found, number by number."""
    monkeypatch.setattr(litho.chip_command, "usable_cpus", lambda: 1)
    mask = [folder / "out" / "mask.oas"]
    assert run_whole_simulate(whole(folder, out=folder / "printed"), mask, None) == 0
    said = capsys.readouterr().out
    assert "µm² printed" in said and "PV band: " in said
    assert all((folder / "printed" / name).is_file() for name in ("prints.oas", "prints.png", "chip_map.png"))
    strict = RECIPE.replace("epe_nm = 40.0", "epe_nm = 0.01")
    (folder / "strict.toml").write_text(strict, encoding="utf-8")
    checked = whole(folder, out=folder / "checked", recipe=str(folder / "strict.toml"))
    assert run_whole_verify(checked, mask, None) == FAILED == 1
    told, first = (
        json.loads((folder / name / "metrics.json").read_text())["verify"]["edge_placement"]
        for name in ("checked", "out")
    )
    for name in ("sites", "lost", "mean_nm", "rms_nm", "p50_abs_nm", "p90_abs_nm", "p99_abs_nm", "largest_abs_nm"):
        assert told["everywhere"][name] == first["everywhere"][name], name
    assert first["seams"]["sites"] > 0 == told["seams"]["sites"]  # nobody knows where the seams of a file are
