"""The command line: what it leaves, says and answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

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
FILES |= {"prints.png", "convergence.png"}


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
    assert found["recipes"] == ["default", "iccad13"]
    assert any(path.endswith("elbows.gds") for path in found["samples"])
    code, out, _ = litho_command("info")
    assert code == 0 and "iccad13" in out and np.__version__ in out


def test_help_names_the_commands_and_loads_no_numerical_library() -> None:
    program = "import sys, litho.cli\nsys.argv = ['litho', '--help']\ntry:\n    litho.cli.main()\nfinally:\n"
    program += "    heavy = {'numpy', 'scipy', 'pydantic', 'matplotlib', 'gdstk'} & set(sys.modules)\n    print(heavy)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=_environment()
    )
    for command in ("ilt", "simulate", "info"):
        assert re.search(rf"\b{command}\b", done.stdout)
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_module_runs_as_a_program_and_tells_its_version() -> None:
    command = [sys.executable, "-m", "litho", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment())
    assert re.fullmatch(r"litho \d+\S*\n", done.stdout)


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
