"""Wrong input: one sentence on stderr, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import gdstk
import numpy as np
import pytest
from gdstk import Library
from test_cli import _environment, litho_command
from test_job import TINY, drawn

import litho.clip_memory
from litho.backend import gpu_problem
from litho.config import read_recipe
from litho.io.write import write_gds
from litho.job import prepare


def refused(tmp_path: Path, *arguments: Any) -> str:
    """Run a command that has to be refused, and return its sentence."""
    out = tmp_path / "nothing"
    code, stdout, stderr = litho_command(*arguments, "--out", out)
    assert code == 2, (stdout, stderr)
    assert stdout == "" and not out.exists()
    lines = stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("litho: ") and lines[0].endswith("."), stderr
    return lines[0]


@pytest.fixture
def line(tmp_path: Path) -> Path:
    return drawn(tmp_path / "line.gds", (0, 0, 80, 400))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    return tmp_path / "tiny.toml"


def test_files_that_are_no_layout(tmp_path: Path, line: Path) -> None:
    content = line.read_bytes()
    cases = {
        "empty.gds": (b"", "is empty"),
        "half.gds": (content[: len(content) // 2], "must be an intact GDS file"),
        "picture.gds": (b"\x89PNG\r\n\x1a\n" + bytes(200), "must be a GDS, OASIS or GLP file"),
        "half.oas": (b"%SEMI-OASIS\r\n" + bytes(100), "truncated"),
        "words.glp": (b"BEGIN\nRECT N M1 0 0 ten 10\n", "line 2"),
        "nan.glp": (b"BEGIN\nRECT N M1 nan 0 10 10\n", "line 2"),
        "broken.gds.gz": (b"\x1f\x8b" + bytes(40), "intact gzip file"),
    }
    for name, (data, part) in cases.items():
        (tmp_path / name).write_bytes(data)
        assert part in refused(tmp_path, "ilt", tmp_path / name), name
    assert "missing.gds" in refused(tmp_path, "ilt", tmp_path / "missing.gds")
    assert str(tmp_path) in refused(tmp_path, "ilt", tmp_path)


def test_layers(tmp_path: Path, line: Path) -> None:
    assert "must be one of 1/0" in refused(tmp_path, "ilt", line, "--layer", "7/3")
    assert "must be written as" in refused(tmp_path, "ilt", line, "--layer", "metal")
    square = np.array([[0.0, 0], [80, 0], [80, 80], [0, 80]])
    write_gds(tmp_path / "two.gds", {(1, 0): [square], (2, 5): [square]})
    assert "1/0, 2/5" in refused(tmp_path, "ilt", tmp_path / "two.gds")
    Library().write_gds(tmp_path / "none.gds")
    assert "at least one shape" in refused(tmp_path, "ilt", tmp_path / "none.gds")


@pytest.mark.parametrize(
    ("points", "part"),
    [
        ([[0, 0], [100, 100], [100, 0], [0, 100]], "not cross themselves"),
        ([[0, 0], [50, 0], [100, 0]], "have an area"),
    ],
)
def test_polygons_that_cross_themselves_or_have_no_area(tmp_path: Path, points: list[list[float]], part: str) -> None:
    write_gds(tmp_path / "bad.gds", {(1, 0): [np.array(points, dtype=float)]})
    assert part in refused(tmp_path, "ilt", tmp_path / "bad.gds")


def test_coordinates_beyond_the_field(tmp_path: Path, data_dir: Path) -> None:
    file = drawn(tmp_path / "far.gds", (5000, 0, 5080, 400))
    kernels = data_dir / "iccad13" / "optical_kernels.npz"
    sentence = refused(tmp_path, "ilt", file, "--recipe", "iccad13", "--kernels", kernels)
    assert "must lie in the field" in sentence and "5000 to 5080" in sentence


def test_a_file_that_stands_for_billions_of_shapes(tmp_path: Path) -> None:
    library = Library(unit=1e-9, precision=1e-9)
    below = library.new_cell("C0").add(gdstk.rectangle((0, 0), (80, 80)))
    for depth in range(1, 4):
        step = 200.0 * 3000**depth
        below = library.new_cell(f"C{depth}").add(gdstk.Reference(below, columns=3000, rows=3000, spacing=(step, step)))
    library.write_oas(tmp_path / "huge.oas")
    assert "67108864 pixels" in refused(tmp_path, "ilt", tmp_path / "huge.oas")
    assert "10^18" in refused(tmp_path, "fracture", tmp_path / "huge.oas")


def test_a_field_that_does_not_fit_into_memory(
    tmp_path: Path, line: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litho.clip_memory, "free_bytes", lambda device: 10**6)
    told = refused(tmp_path, "ilt", line, "--recipe", tiny, "--device", "cpu")
    assert "`field` must fit into memory" in told and "0.0 GB of the cpu's memory are free" in told


def test_a_recipe_with_several_mistakes_names_them_all(tmp_path: Path, line: Path) -> None:
    text = 'base = "default"\n[field]\npixel_nm = -1\n[optics]\nna = 1.5\n'
    text += 'source = { shape = "annular", inner = 0.9, outer = 0.6 }\n[process]\nthreshold = nan\n'
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    code, _, err = litho_command("ilt", line, "--recipe", tmp_path / "bad.toml", "--out", out)
    assert code == 2 and not out.exists()
    for part in ("4 mistakes", "pixel_nm", "`na` must be below `immersion_index`", "inner < outer", "but got nan"):
        assert part in err
    assert len(err.strip().splitlines()) == 5


def test_recipes_that_are_not_there(tmp_path: Path, line: Path) -> None:
    assert "one of chip, default, iccad13" in refused(tmp_path, "ilt", line, "--recipe", "iccad12")
    assert "No such file" in refused(tmp_path, "ilt", line, "--recipe", tmp_path / "no.toml")


def test_kernels_that_do_not_fit(tmp_path: Path, line: Path, data_dir: Path) -> None:
    contest = data_dir / "iccad13" / "optical_kernels.npz"
    with np.load(contest) as content:
        arrays = dict(content)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"focus_kernels": arrays["focus_kernels"][:, :, :-1]}, "odd"),
        ({"focus_weights": arrays["focus_weights"][:20]}, "one entry per kernel (24)"),
        ({"focus_kernels": arrays["focus_kernels"] * np.nan}, "not finite"),
        ({"period_nm": np.array([1024.0, 1024.0])}, "(1024.0, 1024.0)"),
    ]
    for number, (change, part) in enumerate(cases):
        file = tmp_path / f"kernels{number}.npz"
        np.savez(file, **{**arrays, **change})
        assert part in refused(tmp_path, "ilt", line, "--recipe", "iccad13", "--kernels", file)
    assert "none was given" in refused(tmp_path, "ilt", line, "--recipe", "iccad13")
    assert "left out" in refused(tmp_path, "ilt", line, "--kernels", contest)
    assert "does not exist" in refused(tmp_path, "ilt", line, "--recipe", "iccad13", "--kernels", tmp_path / "no.npz")
    own_focus = tmp_path / "focus.toml"
    own_focus.write_text('base = "iccad13"\n[process]\ncorners = [{}, { defocus_nm = 60 }]', encoding="utf-8")
    assert "[60.0]" in refused(tmp_path, "ilt", line, "--recipe", own_focus, "--kernels", contest)


@pytest.mark.parametrize("window", ["1,2,3", "a,b,c,d", "0,0,nan,5", "10,0,0,10"])
def test_windows_that_are_none(tmp_path: Path, line: Path, window: str) -> None:
    assert "`window` must be" in refused(tmp_path, "ilt", line, "--window", window)


def test_a_window_beside_everything(tmp_path: Path, line: Path) -> None:
    assert "must hold part of a shape" in refused(tmp_path, "ilt", line, "--window", "500,500,900,900")


def test_masks_that_do_not_fit(tmp_path: Path, line: Path, tiny: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive", encoding="utf-8")
    np.savez(tmp_path / "other.npz", image=np.zeros(3))
    np.savez(tmp_path / "shape.npz", mask=np.zeros((7, 7), np.uint8))
    good = prepare([line], read_recipe(TINY)).clips[0].grid.shape
    np.savez(tmp_path / "nan.npz", mask=np.full(good, np.nan))
    np.savez(tmp_path / "bytes.npz", mask=np.full(good, 255, np.uint8))
    np.savez(tmp_path / "object.npz", mask=np.array([{}], dtype=object))
    for name, part in (
        ("text", "with an array `mask`"),
        ("other", "with an array `mask`"),
        ("shape", "(7, 7)"),
        ("nan", "0..1"),
        ("bytes", "0..1"),
        ("object", "must be numbers"),
    ):
        sentence = refused(tmp_path, "simulate", line, "--recipe", tiny, "--mask", tmp_path / f"{name}.npz")
        assert part in sentence, name
    assert "missing.npz" in refused(tmp_path, "simulate", line, "--recipe", tiny, "--mask", tmp_path / "missing.npz")
    assert "one layout" in refused(tmp_path, "simulate", line, line, "--recipe", tiny, "--mask", line)


@pytest.mark.parametrize("cut", ["1,2,3", "a,b,c,d", "0,0,nan,5", "7,7,7,7", "0,0,9,9,grey", "1,2,3,4,5,6"])
def test_cut_lines_that_are_none(tmp_path: Path, line: Path, tiny: Path, cut: str) -> None:
    assert "`cut` must" in refused(tmp_path, "simulate", line, "--recipe", tiny, f"--cut={cut}")


def test_cut_lines_that_measure_nothing(tmp_path: Path, line: Path, tiny: Path) -> None:
    tiny.write_text(f"{TINY}[window]\nfoci_nm = [0]\n", encoding="utf-8")
    for cut, part in (
        ("-9000,200,40,200", "must lie in the field"),
        ("-150,200,-120,200", "must cross the threshold"),
        ("40,200,200,200", "its start lies within it"),
        ("-100,200,200,200,dark", "must reach beyond both edges of the dark feature"),
    ):
        sentence = refused(tmp_path, "simulate", line, "--recipe", tiny, f"--cut={cut}")
        assert part in sentence and "'cut 1'" in sentence


def test_tables_of_metrology_with_mistakes(tmp_path: Path, line: Path) -> None:
    text = 'base = "default"\n[[cutline]]\nstart_nm = [0]\ntone = "grey"\n'
    text += "[window]\ndoses = [1, 0.9]\ntolerance = 2\n[verify]\nepe_nm = -1\nwidth = 3\n"
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    code, _, err = litho_command("verify", line, "--recipe", tmp_path / "bad.toml", "--out", tmp_path / "out")
    assert code == 2 and not (tmp_path / "out").exists()
    for part in (
        "start_nm` must have more entries",
        "end_nm` must be given",
        "'bright' or 'dark'",
        "`doses` must rise",
    ):
        assert part in err
    for part in ("`window.tolerance`", "`verify.epe_nm` must be greater than 0", "`verify.width` is not a key"):
        assert part in err


def test_verifications_that_cannot_be_done(tmp_path: Path, line: Path, tiny: Path) -> None:
    assert "2 for 1 layouts" in refused(tmp_path, "verify", line, "--recipe", tiny, "--mask", line, "--mask", line)
    assert "missing.oas" in refused(tmp_path, "verify", line, "--recipe", tiny, "--mask", tmp_path / "missing.oas")
    assert "missing.gds" in refused(tmp_path, "verify", tmp_path / "missing.gds")


def test_a_window_at_foci_that_the_kernel_file_lacks(tmp_path: Path, line: Path, data_dir: Path) -> None:
    recipe = tmp_path / "focus.toml"
    recipe.write_text('base = "iccad13"\n[window]\nfoci_nm = [0, 60]\n', encoding="utf-8")
    kernels = data_dir / "iccad13" / "optical_kernels.npz"
    options = ("--recipe", recipe, "--kernels", kernels, "--cut=-100,200,180,200")
    assert "`window.foci_nm` must be among" in refused(tmp_path, "simulate", line, *options)


def test_a_folder_that_cannot_be_written_in_is_refused_before_anything_is_computed(tmp_path: Path, line: Path) -> None:
    (tmp_path / "file").write_text("occupied", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/litho")):
        code, stdout, stderr = litho_command("ilt", tmp_path / "not looked at.gds", "--out", out)
        assert code == 2 and stdout == ""
        assert stderr.startswith("litho: `out` must be a folder") and len(stderr.splitlines()) == 1
    assert (tmp_path / "file").read_text(encoding="utf-8") == "occupied"


def test_a_failure_while_writing_leaves_nothing_half_written(
    tmp_path: Path, line: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("litho.pictures.draw_all", full)
    out = tmp_path / "out"
    code, _, stderr = litho_command("simulate", line, "--recipe", tiny, "--out", out)
    assert code == 2 and "No space left on device" in stderr
    assert list(out.iterdir()) == []


@pytest.mark.skipif(gpu_problem() is None, reason="there is a GPU")
def test_a_gpu_that_is_not_there(tmp_path: Path, line: Path) -> None:
    assert "`device` must name a device that is there" in refused(tmp_path, "ilt", line, "--device", "gpu")


def test_options_that_do_not_exist_are_told_with_exit_code_2(tmp_path: Path, line: Path) -> None:
    for arguments in (["ilt", line, "--device", "tpu"], ["ilt", line, "--no-such"], ["ilt"], ["etch", line]):
        code, _, stderr = litho_command(*arguments)
        assert code == 2 and "Usage" in stderr


@pytest.mark.parametrize("arguments", [["missing.gds"], ["line.gds", "--recipe", "nosuch"], ["empty.gds"]])
def test_the_program_itself_ends_with_code_2_and_one_line(tmp_path: Path, line: Path, arguments: list[str]) -> None:
    (tmp_path / "empty.gds").touch()
    command = [sys.executable, "-m", "litho", "ilt", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=_environment(), check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("litho: ") and len(done.stderr.splitlines()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"line.gds", "empty.gds"}
