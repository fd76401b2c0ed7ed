"""From layouts and a recipe to results: placement, batches, specks, probes and figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import litho.clip_memory
import litho.flow
from litho.cells import Floats
from litho.clip_memory import MEMORY_SHARE, batches, bytes_per_clip
from litho.config import Recipe, load_recipe, read_recipe
from litho.contour import contours
from litho.finish import without_specks
from litho.flow import Update, correct, probe_costs, simulate
from litho.fourier import fast_length
from litho.grid import Grid
from litho.io.write import write_gds
from litho.job import JobError, field_grids, prepare
from litho.metrics import epe_sites
from litho.raster import polygon_area_nm2

TINY = """
base = "default"
[field]
pixel_nm = 4
halo_nm = 250
[optics]
max_error = 0.1
[[ilt.stages]]
pixel_nm = 8
steps = 12
mask_steepness = 6
resist_steepness = 40
[[ilt.stages]]
pixel_nm = 8
steps = 6
mask_steepness = 12
resist_steepness = 60
"""
"""Own optics on coarse pixels: a line is corrected in a fraction of a second."""


def box(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)


def drawn(path: Path, *boxes: tuple[float, float, float, float]) -> Path:
    """Write boxes on layer 1/0 and return the file."""
    write_gds(path, {(1, 0): [box(*b) for b in boxes]})
    return path


@pytest.fixture
def tiny() -> Recipe:
    return read_recipe(TINY)


@pytest.fixture
def line(tmp_path: Path) -> Path:
    return drawn(tmp_path / "line.gds", (0, 0, 80, 400))


def test_the_contest_clip_lies_512_nm_from_the_corner_of_its_field(data_dir: Path) -> None:
    folder = data_dir / "iccad13"
    kernels = folder / "optical_kernels.npz"
    job = prepare([folder / "glp" / "M1_test1.glp"], load_recipe("iccad13"), kernels=kernels)
    clip = job.clips[0]
    assert clip.grid == Grid((2048, 2048), (1.0, 1.0), (-512.0, -512.0))
    assert clip.coverage().sum() == 215344
    left, bottom = np.min([p.min(axis=0) for p in clip.polygons], axis=0).astype(int)
    rows, columns = np.nonzero(clip.coverage())
    assert (rows.min(), columns.min()) == (bottom + 512, left + 512)


@pytest.mark.data
@pytest.mark.parametrize("number", [1, 5, 10])
def test_the_uncorrected_contest_clip_scores_its_golden_numbers(data_dir: Path, number: int) -> None:
    folder = data_dir / "iccad13"
    golden = json.loads((folder / "golden_metrics.json").read_text(encoding="utf-8"))
    kernels = folder / "optical_kernels.npz"
    job = prepare([folder / "glp" / f"M1_test{number}.glp"], load_recipe("iccad13"), kernels=kernels)
    (result,) = simulate(job, device="cpu")
    wanted = golden["cases"][str(number)]["no_opc"]
    assert {name: result.metrics[name] for name in wanted} == wanted


def test_a_fitted_field_holds_clip_and_halo_on_a_fast_number_of_coarse_pixels(line: Path) -> None:
    recipe = read_recipe('base = "default"\n[field]\nhalo_nm = 301')
    grid = prepare([line], recipe).clips[0].grid
    x0, y0, x1, y1 = grid.bounds_nm
    assert min(0 - x0, 0 - y0, x1 - 80, y1 - 400) >= 301
    assert abs((x0 + x1) / 2 - 40) <= 1 and abs((y0 + y1) / 2 - 200) <= 1
    for period in grid.period_nm:
        assert period % 8 == 0 and fast_length(round(period / 8)) == period / 8


def test_clips_of_one_job_share_the_shape_of_the_field_not_its_place(tmp_path: Path, tiny: Recipe) -> None:
    files = [drawn(tmp_path / "a.gds", (0, 0, 80, 80)), drawn(tmp_path / "b.gds", (5000, 0, 5400, 80))]
    one, two = prepare(files, tiny).clips
    assert one.grid.shape == two.grid.shape
    assert one.coverage().sum() * 16 == 6400 and two.coverage().sum() * 16 == 32000


def test_a_window_stands_for_the_clip(tmp_path: Path) -> None:
    file = drawn(tmp_path / "lines.gds", (0, 0, 100, 3000), (8000, 0, 8100, 3000))
    recipe = read_recipe('base = "default"\n[field]\nhalo_nm = 200')
    clip = prepare([file], recipe, window_nm=(7900, 1000, 8300, 1200)).clips[0]
    assert clip.coverage().sum() == 100 * 200
    fixed = load_recipe("iccad13")
    (grid,) = field_grids([(7900.0, 1000.0, 8300.0, 1200.0)], fixed, anchored=True)
    assert grid.origin_nm == (7900 - 512, 1000 - 512)


def test_clips_of_one_name_are_told_apart(tmp_path: Path, tiny: Recipe) -> None:
    files = []
    for folder in ("p", "q", "r"):
        (tmp_path / folder).mkdir()
        files.append(drawn(tmp_path / folder / "cell.gds", (0, 0, 80, 80)))
    assert [clip.name for clip in prepare(files, tiny).clips] == ["cell", "cell_2", "cell_3"]


def test_input_that_does_not_go_together_is_refused(tmp_path: Path, line: Path, tiny: Recipe) -> None:
    with pytest.raises(JobError, match="at least one file"):
        prepare([], tiny)
    with pytest.raises(JobError, match="`kernels` must name a file"):
        prepare([line], load_recipe("iccad13"))
    with pytest.raises(JobError, match="`kernels` must be left out"):
        prepare([line], tiny, kernels="some.npz")
    with pytest.raises(JobError, match="at most 67108864 pixels"):
        prepare([drawn(tmp_path / "far.gds", (0, 0, 80, 80), (90000, 0, 90080, 80))], load_recipe("default"))
    with pytest.raises(JobError, match="at most 67108864 pixels"):
        prepare([line], read_recipe('base = "default"\n[field]\nhalo_nm = 1e200'))
    with pytest.raises(JobError, match="`window` must hold part of a shape"):
        prepare([line], tiny, window_nm=(500, 500, 600, 600))


def test_correction_lowers_what_is_wrong_and_keeps_the_order_of_clips(tmp_path: Path, tiny: Recipe) -> None:
    files = [drawn(tmp_path / "long.gds", (0, 0, 80, 400)), drawn(tmp_path / "bar.gds", (0, 0, 300, 100))]
    job = prepare(files, tiny)
    before, after = list(simulate(job, device="cpu")), list(correct(job, "cpu"))
    assert [r.name for r in after] == ["long", "bar"]
    for plain, found in zip(before, after, strict=True):
        assert found.metrics["L2"] + found.metrics["PVB"] < 0.75 * (plain.metrics["L2"] + plain.metrics["PVB"])
        assert len(found.history) == 2
        assert all(h.values.shape[1:] == (1,) and h.values[-1] < h.values[0] for h in found.history)
        assert found.info["clips_in_batch"] == 1 and found.info["seed"] == 0


def test_a_mask_its_outlines_and_its_prints_agree(line: Path, tiny: Recipe) -> None:
    (result,) = correct(prepare([line], tiny), "cpu")
    area = result.grid.pixel_area_nm2
    drawn_area = sum(polygon_area_nm2(p) for p in result.mask_polygons)
    assert drawn_area == pytest.approx(result.mask.sum() * area, rel=0.02)
    assert result.prints.shape == (3, *result.grid.shape)
    clear = np.abs(result.intensity - 0.3) > 1e-6  # beyond the rounding of the float32 image
    np.testing.assert_array_equal(result.prints[0][clear], result.intensity[clear] >= 0.3)
    assert result.metrics["PVB"] == result.pv_band.sum() * area
    for outlines, printed in zip(result.print_polygons, result.prints, strict=True):
        assert sum(map(polygon_area_nm2, outlines)) == pytest.approx(printed.sum() * area, rel=0.03)
    assert result.metrics["curves"]["largest_deviation_nm"] <= 0.5
    assert all(k["truncation_error"] <= 0.1 for k in result.metrics["kernels"])


def test_a_free_margin_keeps_each_mask_near_its_own_target(line: Path, tmp_path: Path) -> None:
    other = drawn(tmp_path / "other.gds", (0, 0, 300, 80))
    result, _ = correct(prepare([line, other], read_recipe(TINY + "[mask]\nfree_margin_nm = 40")), "cpu")
    rows, columns = np.nonzero(result.mask)
    x, y = (columns + 0.5) * 4 + result.grid.origin_nm[0], (rows + 0.5) * 4 + result.grid.origin_nm[1]
    assert x.min() > -44 and x.max() < 124 and y.min() > -44 and y.max() < 444
    assert result.mask.sum() * 16 > 0.5 * 80 * 400


def test_whoever_asks_to_stop_gets_the_best_mask_so_far(line: Path, tiny: Recipe) -> None:
    seen: list[Update] = []

    def report(update: Update) -> bool:
        seen.append(update)
        return update.step == 3

    (result,) = correct(prepare([line], tiny), "cpu", report)
    assert [(u.stage, u.step) for u in seen] == [(0, 1), (0, 2), (0, 3)]
    assert result.info["stopped_early"] is True
    assert len(result.history) == 1 and len(result.history[0].values) == 4
    assert result.mask.any()


def test_batches_fit_into_the_share_of_free_memory(
    tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [drawn(tmp_path / f"c{k}.gds", (0, 0, 80, 80)) for k in range(5)]
    job = prepare(files, tiny)
    one = bytes_per_clip(job, "gpu")
    for clips, expected in ((0.5, [1] * 5), (2.5, [2, 2, 1]), (7, [5])):
        monkeypatch.setattr(litho.clip_memory, "free_bytes", lambda device, n=clips: int(n * one / MEMORY_SHARE))
        assert [len(b) for b in batches(job, "gpu")] == expected
        assert [len(b) for b in batches(job, "cpu")] == [1] * 5


@pytest.mark.parametrize("cores", [1, 2])
def test_a_stopped_job_leaves_out_batches_that_have_not_begun(
    tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    job = prepare([drawn(tmp_path / f"c{k}.gds", (0, 0, 80, 200)) for k in range(5)], tiny)
    monkeypatch.setattr(litho.flow, "threads", lambda: cores)
    results = list(correct(job, "cpu", lambda update: update.clips.start == 1))
    assert [r.name for r in results[:2]] == ["c0", "c1"] and results[1].info["stopped_early"]
    assert len(results) <= 1 + cores and not results[0].info["stopped_early"]


def test_masks_are_the_same_bits_for_any_number_of_threads(
    tmp_path: Path, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = prepare([drawn(tmp_path / f"c{k}.gds", (0, 0, 80, 200 + 40 * k)) for k in range(4)], tiny)
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(litho.flow, "threads", lambda n=cores: n)
        found.append(list(correct(job, "cpu")))
    for alone, together in zip(*found, strict=True):
        assert alone.name == together.name and alone.metrics == together.metrics
        np.testing.assert_array_equal(alone.mask, together.mask)
        np.testing.assert_array_equal(alone.intensity, together.intensity)


def test_probes_cost_what_the_recipe_says_where_edges_are_checked(line: Path, tiny: Recipe) -> None:
    job = prepare([line], tiny)
    target = job.clips[0].coverage() >= 0.5
    costs = probe_costs(target, job)
    sites = epe_sites(target, (4.0, 4.0), tiny.epe)
    assert costs.sum() == 2 * 600 * len(sites)
    assert (costs[sites.inside[:, 0], sites.inside[:, 1]] >= 600).all() and target[costs > 0].sum() == len(sites)


def test_specks_go_and_the_rest_stays() -> None:
    grid = Grid((60, 80), (2.0, 2.0))
    level = np.full(grid.shape, -1.0, np.float32)
    level[10:30, 10:30] = 1.0  # 1600 nm^2
    level[15:18, 15:18] = -1.0  # a hole of 36
    level[20:28, 20:28] = -1.0  # a hole of 256
    level[40:43, 40:43] = 1.0  # an island of 36
    level[50:58, 50:58] = 1.0  # an island of 256
    level[0:3, 60:63] = 1.0  # on the border: it goes on at the other side
    level[16, 16] = 0.0
    clean = without_specks(level, grid, 100.0)
    expected = level > 0
    expected[15:18, 15:18], expected[40:43, 40:43] = True, False
    np.testing.assert_array_equal(clean > 0, expected)
    areas = [abs(polygon_area_nm2(outline)) for outline in contours(clean, grid)]
    assert len(areas) == 4
    np.testing.assert_array_equal(without_specks(level, grid, 0.0), level)
    assert clean.dtype == level.dtype
