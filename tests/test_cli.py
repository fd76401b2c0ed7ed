"""The command line: what it leaves, says and answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from test_job import TINY, drawn
from typer.testing import CliRunner

import litho.progress
from litho.cli import app
from litho.config import load_recipe
from litho.curves import Curve
from litho.io.write import CURVE_PROPERTY
from litho.layout import read_layout
from litho.progress import CorrectionProgress, Interrupt
from litho.raster import polygon_area_nm2

gdstk = pytest.importorskip("gdstk")

FILES = {"mask.npz", "mask.oas", "metrics.json", "recipe.toml", "report.html", "target.png", "mask.png", "aerial.png"}
FILES |= {"prints.png", "convergence.png", "mask.lyp"}


def litho_command(*arguments: object) -> tuple[int, str, str]:
    """Run the command line in this process; return exit code, stdout, stderr."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a layout, a quick recipe and the results of `litho ilt` in `out`."""
    folder = tmp_path_factory.mktemp("cli")
    drawn(folder / "line.gds", (0, 0, 80, 400), (200, 0, 300, 100))
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    code, out, err = litho_command(
        "ilt", folder / "line.gds", "--recipe", folder / "tiny.toml", "--out", folder / "out", "--device", "cpu"
    )
    assert (code, err) == (0, "")
    assert re.search(r"line +[\d,]+ +[\d,]+ +[\d,]+ +\d+ +\d+ +\d+ +[\d.]+", out)
    assert "report.html" in out
    return folder


def test_ilt_leaves_everything_and_nothing_else(folder: Path) -> None:
    names = {path.name for path in (folder / "out").iterdir()}
    assert names >= FILES
    assert not [name for name in names if name.startswith(".")]


def test_the_metrics_say_what_was_computed_where(folder: Path) -> None:
    metrics = json.loads((folder / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert {"L2", "PVB", "EPE", "sites", "seconds", "device", "versions", "seed", "shots", "loss"} <= set(metrics)
    assert metrics["device"] == "cpu" and metrics["stopped_early"] is False
    assert metrics["shots"]["count"] > 0 and metrics["shots"]["method"] == "greedy-rectangles-4nm"
    assert metrics["versions"]["numpy"] == np.__version__
    assert metrics["kernels"][0]["truncation_error"] < 0.1
    assert [stage["pixel_nm"] for stage in metrics["loss"]] == [8, 8]


def test_the_resolved_recipe_is_the_one_that_was_used(folder: Path) -> None:
    assert load_recipe(str(folder / "out" / "recipe.toml")) == load_recipe(str(folder / "tiny.toml"))


def test_mask_raster_and_mask_polygons_are_one_mask(folder: Path) -> None:
    with np.load(folder / "out" / "mask.npz") as content:
        mask, pixel = content["mask"], content["pixel_nm"]
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
    layout = read_layout(folder / "out" / "mask.oas")
    assert {(1, 0), (2, 0), (10, 0), (11, 0), (12, 0)} <= set(layout.layers)
    area = sum(map(polygon_area_nm2, layout.polygons("2/0")))
    assert area == pytest.approx(mask.sum() * pixel.prod(), rel=0.02)
    assert sum(map(polygon_area_nm2, layout.polygons("1/0"))) == pytest.approx(80 * 400 + 100 * 100)


def test_the_polygons_of_the_mask_carry_the_control_points_of_their_curves(folder: Path) -> None:
    (cell,) = gdstk.read_oas(folder / "out" / "mask.oas").top_level()
    polygons = [p for p in cell.polygons if p.layer == 2]
    assert polygons
    for polygon in polygons:
        texts = polygon.get_property(CURVE_PROPERTY)[0].decode("ascii").split(" | ")
        area = sum(polygon_area_nm2(Curve.from_text(text).polygon(0.1)) for text in texts)
        assert area == pytest.approx(polygon.area() * 1e6, rel=0.03)  # gdstk reads in um


@pytest.mark.parametrize("name", ["mask.npz", "mask.oas"])
def test_a_written_mask_simulates_to_the_figures_it_was_written_with(folder: Path, name: str, tmp_path: Path) -> None:
    options = ("--recipe", folder / "tiny.toml", "--mask", folder / "out" / name, "--out", tmp_path)
    code, _, _ = litho_command("simulate", folder / "line.gds", *options)
    assert code == 0
    before, after = (json.loads((f / "metrics.json").read_text(encoding="utf-8")) for f in (folder / "out", tmp_path))
    if name == "mask.npz":
        assert [after[n] for n in ("L2", "PVB", "EPE")] == [before[n] for n in ("L2", "PVB", "EPE")]
    else:  # its edges are finer than the raster's
        assert after["L2"] + after["PVB"] == pytest.approx(before["L2"] + before["PVB"], rel=0.15)


def test_several_layouts_get_a_folder_each_and_a_summary(tmp_path: Path) -> None:
    files = [drawn(tmp_path / "a.gds", (0, 0, 80, 300)), drawn(tmp_path / "b.gds", (0, 0, 300, 80))]
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    code, out, _ = litho_command("simulate", *files, "--recipe", tmp_path / "tiny.toml", "--out", tmp_path / "out")
    assert code == 0 and "average" in out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert [clip["clip"] for clip in summary["clips"]] == ["a", "b"]
    assert summary["average"]["L2"] == pytest.approx(np.mean([clip["L2"] for clip in summary["clips"]]))
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a", "b", "summary.json"}


@pytest.mark.usefixtures("unpictured")
def test_simulate_measures_the_cut_lines_of_the_recipe_and_of_the_command(folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "cut.toml"
    lines = (
        '[window]\nfoci_nm = [-30, 0, 30]\n[[cutline]]\nname = "middle"\nstart_nm = [-60, 200]\nend_nm = [140, 200]\n'
    )
    recipe.write_text(TINY + lines, encoding="utf-8")
    cut = "--cut=40,-100,40,500"
    code, out, _ = litho_command("simulate", folder / "line.gds", "--recipe", recipe, "--out", tmp_path / "o", cut)
    assert code == 0 and "middle" in out and "cut 2" in out and "depth of focus" in out
    names = {path.name for path in (tmp_path / "o").iterdir()}
    assert names >= {"cuts.png", "window.png", "bossung.csv", "report.html", "mask.oas"}
    window = json.loads((tmp_path / "o" / "metrics.json").read_text(encoding="utf-8"))["window"]
    across, along = window["cuts"]
    assert 40 < across["cd_nm"] < 120 and 300 < along["cd_nm"] < 420 and across["nils"] > 0.5
    resolved = load_recipe(str(tmp_path / "o" / "recipe.toml"))
    assert [c.name for c in resolved.cutline] == ["middle", ""] and resolved.cutline[1].end_nm == (40.0, 500.0)
    assert 'id="window"' in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def unpictured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures that other tests look at."""
    monkeypatch.setattr("litho.pictures.draw_all", lambda *arguments: [])


VERIFIED = {
    "rules.csv",
    "rules.lyrdb",
    "hotspots.csv",
    "hotspots.lyrdb",
    "edge_placement.csv",
    "hotspots.png",
    "edge_placement.png",
}


@pytest.mark.usefixtures("unpictured")
def test_verify_fails_where_a_limit_is_broken(folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "strict.toml"
    recipe.write_text(f"{TINY}[verify]\nepe_nm = 0.5\n", encoding="utf-8")
    code, out, err = litho_command("verify", folder / "line.gds", "--recipe", recipe, "--out", tmp_path / "o")
    assert (code, err) == (1, "") and "failed" in out and "edge placement" in out
    assert {path.name for path in (tmp_path / "o").iterdir()} >= VERIFIED
    found = json.loads((tmp_path / "o" / "metrics.json").read_text(encoding="utf-8"))["verify"]
    assert found["passed"] is False and found["band_area_nm2"] > 0
    items = ElementTree.parse(tmp_path / "o" / "hotspots.lyrdb").getroot().findall("items/item")
    rows = (tmp_path / "o" / "hotspots.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(items) == len(rows) == sum(found["hotspots"].values()) > 0
    assert 'id="verification"' in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("unpictured")
def test_verify_passes_where_all_are_kept_and_takes_a_mask_for_each_layout(folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "loose.toml"
    limits = "epe_nm = 60\nband_nm = 60\nwidth_share = 0.0\nspace_share = 0.0\nreach_nm = 150"
    recipe.write_text(f"{TINY}[verify]\n{limits}\n", encoding="utf-8")
    masks = [f"--mask={folder / 'out' / name}" for name in ("mask.npz", "mask.oas")]
    layouts = [folder / "line.gds"] * 2
    code, out, err = litho_command("verify", *layouts, *masks, "--recipe", recipe, "--out", tmp_path / "o")
    assert (code, err) == (0, "") and out.count("passed") == 2
    pixels, outlines = (
        json.loads((tmp_path / "o" / name / "metrics.json").read_text(encoding="utf-8"))["verify"]
        for name in ("line", "line_2")
    )
    corner = "dose 1, defocus 0 nm"  # one mask, by its pixels and by its outlines
    rms = [found["edge_placement_nm"][corner]["rms_nm"] for found in (pixels, outlines)]
    assert "mask rules not checked" in out and pixels["rules_clean"] is None and outlines["rules_clean"] is not None
    assert rms[0] == pytest.approx(rms[1], abs=1.0) and pixels["passed"] and not pixels["hotspots"]


@pytest.mark.usefixtures("unpictured")
def test_verify_fails_by_a_mask_rule_alone_and_says_where(tmp_path: Path) -> None:
    layout = drawn(tmp_path / "near.gds", (0, 0, 80, 300), (96, 0, 176, 300))
    limits = "epe_nm = 99\nband_nm = 99\nwidth_share = 0.0\nspace_share = 0.0\nreach_nm = 150"
    recipe = tmp_path / "loose.toml"
    recipe.write_text(f"{TINY}[verify]\n{limits}\n[rules]\nmin_space_nm = 20\n", encoding="utf-8")
    options = ("--recipe", recipe, "--out", tmp_path / "o")
    code, out, err = litho_command("verify", layout, *options)
    assert (code, err) == (1, "") and re.search(r"space +1 +16 nm +20 nm", out) and "mask rules broken: space 1" in out
    found = json.loads((tmp_path / "o" / "metrics.json").read_text(encoding="utf-8"))
    assert found["rules"]["violations"] == {"space": 1} and found["verify"]["rules_clean"] is False
    assert found["verify"]["hotspots"] == {} and found["verify"]["passed"] is False
    rows = (tmp_path / "o" / "rules.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2 and rows[1].startswith("space,88,") and rows[1].endswith(",16,20")
    assert len(ElementTree.parse(tmp_path / "o" / "rules.lyrdb").getroot().findall("items/item")) == 1
    assert 'id="rules"' in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert (201, 0) in read_layout(tmp_path / "o" / "mask.oas").layers


def test_ilt_compares_with_what_the_target_prints_by_itself(folder: Path, tmp_path: Path) -> None:
    found = json.loads((folder / "out" / "metrics.json").read_text(encoding="utf-8"))
    before = found["uncorrected"]
    assert before["L2"] > found["L2"] and before["sites"] == found["sites"]
    report = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert 'id="before"' in report and 'id="rules"' in report
    code, _, _ = litho_command(
        "simulate", folder / "line.gds", "--recipe", folder / "tiny.toml", "--out", tmp_path / "o", "--device", "cpu"
    )
    simulated = json.loads((tmp_path / "o" / "metrics.json").read_text(encoding="utf-8"))
    assert code == 0 and [simulated[n] for n in ("L2", "PVB", "EPE")] == [before[n] for n in ("L2", "PVB", "EPE")]
    assert "uncorrected" not in simulated and simulated["rules"]["clean"] is True  # its corners are no curves


def test_ctrl_c_keeps_the_best_mask_so_far(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show = CorrectionProgress.show

    def interrupted(self: CorrectionProgress, update: litho.progress.Update, stopping: bool) -> bool:
        if update.step == 2:
            signal.raise_signal(signal.SIGINT)
        return show(self, update, stopping)

    monkeypatch.setattr(CorrectionProgress, "show", interrupted)
    code, out, _ = litho_command("ilt", folder / "line.gds", "--recipe", folder / "tiny.toml", "--out", tmp_path / "o")
    assert code == 130 and "best masks so far" in out
    metrics = json.loads((tmp_path / "o" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["stopped_early"] is True
    assert len(metrics["loss"][0]["values"]) == 4  # start and three steps: the third saw that it was asked
    assert {p.name for p in (tmp_path / "o").iterdir()} >= FILES


def test_a_second_ctrl_c_stops_at_once_and_the_handler_is_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.asked
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_info_tells_devices_recipes_and_samples() -> None:
    code, out, _ = litho_command("info", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["device"] in ("cpu", "gpu") and (found["gpu"] is None) == (found["gpu_problem"] is not None)
    assert found["recipes"] == ["chip", "default", "iccad13", "smo"]
    assert any(path.endswith("elbows.gds") for path in found["samples"])
    code, out, _ = litho_command("info")
    assert code == 0 and "iccad13" in out and np.__version__ in out


def test_help_names_the_commands_and_loads_no_numerical_library() -> None:
    program = "import sys, litho.cli\nsys.argv = ['litho', '--help']\ntry:\n    litho.cli.main()\nfinally:\n"
    program += "    heavy = {'numpy', 'scipy', 'pydantic', 'matplotlib', 'gdstk'} & set(sys.modules)\n    print(heavy)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=_environment()
    )
    for command in ("ilt", "simulate", "verify", "info"):
        assert re.search(rf"\b{command}\b", done.stdout)
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_module_runs_as_a_program_and_tells_its_version() -> None:
    command = [sys.executable, "-m", "litho", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment())
    assert re.fullmatch(r"litho \d+\S*\n", done.stdout)


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
