"""The benchmarks run, at small size; the table of the contest has the published values and is right about ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from litho import bench

ROOT = Path(__file__).resolve().parents[1]
FAST_RECIPE = """
base = "iccad13"
[ilt]
stages = [{ pixel_nm = 16.0, steps = 3, mask_steepness = 4.0, resist_steepness = 30.0 }]
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_every_benchmark_runs_at_small_size() -> None:
    done = python(
        "-m", "pytest", "benchmarks", "--benchmark-disable", "--pixels", "256", "-q", "-p", "no:cacheprovider"
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "failed" not in done.stdout


def test_the_comparison_with_the_full_grid_leaves_a_record(tmp_path: Path) -> None:
    options = "--case", "immersion", "--pixels", "256", "--rounds", "2", "--out", str(tmp_path)
    done = python("-m", "benchmarks.full_grid", *options, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "full_grid_cpu_256.json").read_text())
    assert record["threads"] == 1 and record["dtype"] == "float32"
    assert {"device", "cpu", "versions", "commit"} <= set(record)
    (case,) = record["records"]
    assert case["pixels"] == [256, 256] and case["kernels"] == 24
    for task in ("forward", "gradient"):
        assert case[task]["largest_difference"] <= 2e-6
        assert case[task]["ratio"]["low"] <= case[task]["ratio"]["median"] <= case[task]["ratio"]["high"]
    assert case["peak_memory_bytes"]["lens_band"] > 0


def test_results_in_the_repository_say_where_they_are_from_and_reach_what_is_promised() -> None:
    records = [json.loads(path.read_text()) for path in (ROOT / "benchmarks" / "results").glob("full_grid_*.json")]
    assert records
    for record in records:
        assert {"device", "cpu", "threads", "versions", "dtype", "commit"} <= set(record)
        for case in record["records"]:
            for task in ("forward", "gradient"):
                assert case[task]["largest_difference"] <= 2e-6
                assert case[task]["ratio"]["low"] >= 25


AVERAGES = {
    "MultiILT": (27173.5, 39873.0, 2.5),
    "CurvyILT": (25990.9, 38612.2, 1.8),
    "CurvyILT, contest kernels": (26306.6, 40579.9, 1.9),
    "OpenILT MultiLevel": (28562.0, 41371.6, 2.6),
    "OpenILT CurvMulti": (26758.6, 43416.8, 2.0),
}


def test_published_clips_average_to_the_published_averages() -> None:
    found = {entry.name: entry.average for entry in bench.published()}
    assert found == {name: pytest.approx(values, abs=0.051) for name, values in AVERAGES.items()}
    for entry in bench.published():
        assert len(entry.clips) == 10 and entry.source
        assert entry.comparable == (entry.why == "")


@pytest.mark.data
@pytest.mark.parametrize("family", ["MultiLevel", "CurvILT"])
def test_scores_of_published_masks_are_the_golden_ones(data_dir: Path, family: str) -> None:
    cases = json.loads((data_dir / "iccad13" / "golden_metrics.json").read_text())["cases"]
    name = {"MultiLevel": "OpenILT MultiLevel", "CurvILT": "OpenILT CurvMulti"}[family]
    (entry,) = (e for e in bench.published() if e.name == name)
    golden = [cases[str(n)][f"openilt_{family}_mask"]["exact_target"] for n in range(1, 11)]
    assert list(entry.clips) == [(g["L2"], g["PVB"], g["EPE"]) for g in golden]


@pytest.mark.data
def test_the_contest_table_shows_our_scores_beside_the_others(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "CLIPS", bench.CLIPS[:2])
    recipe, record = tmp_path / "fast.toml", tmp_path / "record.json"
    recipe.write_text(FAST_RECIPE)
    arguments = ["iccad13", "--data", str(data_dir), "--recipe", str(recipe), "--json", str(record), "--device", "cpu"]
    done = CliRunner().invoke(bench.bench_app, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(record.read_text())
    assert [clip["clip"] for clip in found["clips"]] == ["M1_test1", "M1_test2"]
    assert [clip["sites"] for clip in found["clips"]] == [140, 116]
    assert [clip["clips_in_batch"] for clip in found["clips"]] == [1, 1]
    assert found["average"]["L2"] == sum(clip["L2"] for clip in found["clips"]) / 2
    assert f"{found['clips'][0]['L2']:,}" in done.output
    assert "85,510 / 3" in done.output and "arXiv 2411.07311" in done.output
    assert "* not comparable: " in done.output


@pytest.mark.parametrize("arguments", [[], ["--data", "/nowhere"]])
def test_without_the_contest_files_one_sentence_says_what_to_do(arguments: list[str]) -> None:
    done = CliRunner().invoke(bench.bench_app, ["iccad13", *arguments], env={"LITHO_DATA": ""})
    assert done.exit_code == 2
    assert done.stderr.startswith("litho: `data` must") and done.stderr.count("\n") == 1
    assert "set LITHO_DATA or --data" in done.stderr
