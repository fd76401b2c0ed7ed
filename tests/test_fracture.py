"""Masks as shots, and the command that makes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer

from litho.fracture import METHODS, FractureSettings, deviation, fracture
from litho.fracture_command import SHOT_LAYER, WRITTEN_LAYER, DoseSettings, run_fracture
from litho.grid import Grid
from litho.io.write import write_oasis
from litho.layout import read_layout
from litho.outlines import area_nm2, areas_nm2
from litho.raster import coverage
from litho.shots import greedy_rectangles

SETTINGS = FractureSettings(tolerance_nm=6.0, steps=30)


def blob(x: float = 0.0, y: float = 0.0, radius: float = 50.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    reach = radius * (1 + 0.25 * np.cos(3 * angle))
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


STEPS = np.array([(0, 0), (90, 0), (90, 30), (50, 30), (50, 70), (0, 70)], float)
MOVED = STEPS + np.array([200.0, 0.0])


def test_manhattan_masks_are_cut_exactly() -> None:
    found = fracture([STEPS, MOVED], "rectangles")
    assert found.exact and found.count == 4 and found.area_nm2 == 2 * area_nm2([STEPS])
    off = deviation(found.shots, [STEPS, MOVED])
    assert (off.outside_nm, off.inside_nm, off.area_nm2) == (0, 0, 0)


def test_trapezoids_conserve_area() -> None:
    found = fracture([blob()], "trapezoids")
    assert found.exact and found.area_nm2 == pytest.approx(area_nm2([blob()]), rel=1e-9)


@pytest.mark.parametrize("method", ["overlapping", "rectangles"])
def test_curves_are_kept_to_the_tolerance(method: str) -> None:
    mask = [blob(), blob(150.0, 20.0, 30.0)]
    found = fracture(mask, method, SETTINGS)  # type: ignore[arg-type]
    off = deviation(found.shots, mask)
    assert not found.exact and max(off.outside_nm, off.inside_nm) <= SETTINGS.tolerance_nm
    corners = np.concatenate(found.shots)
    assert np.array_equal(corners, np.rint(corners))


def test_overlapping_takes_fewest_and_disjoint_rectangles_do_not_overlap() -> None:
    mask = [blob()]
    overlapping, disjoint = (fracture(mask, method, SETTINGS) for method in ("overlapping", "rectangles"))
    grid = Grid((160, 160), (1.0, 1.0), (-80.0, -80.0))
    greedy = greedy_rectangles(coverage(mask, grid) >= 0.5, grid).count
    assert overlapping.count < disjoint.count < greedy
    assert sum(coverage([shot], grid) for shot in disjoint.shots).max() == 1
    assert abs(areas_nm2(disjoint.shots).sum() / area_nm2(mask) - 1) < 0.02


def test_an_objective_of_the_user_moves_edges_last() -> None:
    grid = Grid((80, 80), (2.0, 2.0), (-80.0, -80.0))
    smaller = fracture([blob()], "overlapping", SETTINGS, (lambda c: (float(c.sum()), np.ones_like(c)), grid))
    plain = fracture([blob()], "overlapping", SETTINGS)

    def area(shots: tuple[np.ndarray, ...]) -> float:
        from litho.outlines import united

        return area_nm2(united(shots))

    assert area(smaller.shots) < 0.97 * area(plain.shots)
    assert max(deviation(smaller.shots, [blob()]).inside_nm, 0) <= SETTINGS.tolerance_nm


def test_the_same_mask_gives_the_same_shots() -> None:
    first, second = (fracture([blob()], "overlapping", SETTINGS).shots for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "wrong", [{"tolerance_nm": 0.0}, {"grid_nm": -1.0}, {"tolerance_nm": 1.0}, {"min_side_nm": -1.0}, {"steps": 0}]
)
def test_settings_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        FractureSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"pixel_nm": 0.0}, {"blur_nm": float("inf")}, {"levels": 1}])
def test_doses_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
        DoseSettings(**wrong)  # type: ignore[arg-type]


def test_unknown_methods_and_empty_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="`method` must be one of rectangles, trapezoids, overlapping"):
        fracture([STEPS], "triangles")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cover none"):
        fracture([], "rectangles")


@pytest.fixture
def mask_file(tmp_path: Path) -> Path:
    path = tmp_path / "mask.oas"
    write_oasis(path, {(1, 0): [STEPS], (2, 0): [blob(), blob(150.0, 20.0, 30.0)]})
    return path


@pytest.mark.parametrize("method", METHODS)
def test_the_command_writes_shots_figures_and_a_picture(method: str, mask_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_fracture(mask_file, method, out, settings=SETTINGS) == 0
    figures = json.loads((out / "metrics.json").read_text())
    shots = read_layout(out / "shots.oas")
    assert shots.shape_count(SHOT_LAYER) == figures["count"] and figures["method"] == method
    assert figures["deviation"]["outside_nm"] <= SETTINGS.tolerance_nm and figures["write_time_s"] > 0
    assert (out / "shots.png").stat().st_size > 1000


def test_the_command_writes_doses(mask_file: Path, tmp_path: Path) -> None:
    assert run_fracture(mask_file, "multibeam", tmp_path / "out") == 0
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    with np.load(tmp_path / "out" / "doses.npz") as doses:
        assert np.count_nonzero(doses["steps"]) == figures["count"]
        area = doses["steps"].sum() / (doses["levels"] - 1) * np.prod(doses["pixel_nm"])
    assert area == pytest.approx(figures["mask_nm2"], rel=2e-3)
    assert figures["deviation"]["outside_nm"] < 2 and figures["deviation"]["inside_nm"] < 2
    assert WRITTEN_LAYER in read_layout(tmp_path / "out" / "shots.oas").layers


@pytest.mark.parametrize(
    ("method", "layer", "told"),
    [("triangles", None, "`method` must be one of"), ("rectangles", "7/0", "`layer` must be one of")],
)
def test_wrong_input_is_told_in_one_sentence(
    method: str, layer: str | None, told: str, mask_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as left:
        run_fracture(mask_file, method, tmp_path / "out", layer=layer)
    said = capsys.readouterr().err
    assert left.value.exit_code == 2 and told in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        run_fracture(tmp_path / "none.oas", "rectangles", tmp_path / "out")
    assert "none.oas" in capsys.readouterr().err
