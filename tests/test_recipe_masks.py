"""Masks of recipes: absorber on an open ground, which prints where the resist is not exposed; and shapes as written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gratings import TwoBeams

from litho.backend import to_host
from litho.check import dot_test
from litho.config import read_recipe
from litho.edge_placement import edge_placement, target_sites
from litho.exact_images import exact_corners, exact_images
from litho.flow import correct, simulate
from litho.given_masks import given_masks
from litho.grid import Grid
from litho.hotspots import CornerPrint, Limits, find_hotspots
from litho.io.write import write_gds
from litho.job import Job, JobError, prepare
from litho.mask import Mask
from litho.metrology import measure_window, verify_clip
from litho.optimize import LbfgsSettings
from litho.pixel_ilt import IltSettings, Stage, ilt
from litho.process import Corner, Process
from litho.pupil import Optics
from litho.raster import polygon_area_nm2
from litho.recipe_verify import CutTable, WindowTable
from litho.resist import Resist, develop, develop_adjoint, prints
from litho.source import Source
from litho.tcc import socs_kernels

BRIGHT, DARK = Resist(0.4, 30.0), Resist(0.4, 30.0, tone="dark")

RECIPE = """
base = "iccad13"
[mask]
tone = "{tone}"
absorber_intensity = {absorber}
{more}
[field]
pixel_nm = 4
size_nm = [800, 800]
offset_nm = [110, 100]
[optics]
wavelength_nm = 193
na = 1.35
immersion_index = 1.44
source = {{ shape = "point" }}
max_error = 0.02
[process]
threshold = 0.3
dose_is_amplitude = false
corners = [{{}}, {{ dose = 1.05 }}, {{ dose = 0.95 }}]
[output]
shot_pixel_nm = 4
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


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)


LINES = (box(100, 100, 160, 500), box(260, 100, 320, 500), box(420, 100, 480, 500))
AROUND = (  # what these leave of the field, which they lie in the middle of
    box(-110, -100, 690, 100),
    box(-110, 500, 690, 700),
    *(box(x0, 100, x1, 500) for x0, x1 in ((-110, 100), (160, 260), (320, 420), (480, 690))),
)


def job(folder: Path, shapes: tuple[np.ndarray, ...], tone: str, absorber: float = 0.0, more: str = "") -> Job:
    file = folder / "shapes.gds"
    write_gds(file, {(1, 0): list(shapes)})
    return prepare([file], read_recipe(RECIPE.format(tone=tone, absorber=absorber, more=more)))


def test_the_dark_prints_where_the_bright_does_not(rng: np.random.Generator, xp: Any) -> None:
    intensity = xp(rng.random((7, 9)))
    bright, _ = develop(intensity, BRIGHT)
    dark, saved = develop(intensity, DARK)
    assert np.abs(to_host(bright + dark) - 1).max() < 1e-15
    assert (to_host(prints(intensity, DARK)) != to_host(prints(intensity, BRIGHT))).all()
    step = xp(rng.standard_normal((7, 9)))
    ahead, behind = (develop(intensity + s * 1e-5 * step, DARK)[0] for s in (1, -1))
    slope = to_host(develop_adjoint(step, saved, DARK)) / to_host(step)
    np.testing.assert_allclose(to_host(ahead - behind) / 2e-5, slope * to_host(step), atol=1e-7)
    assert (slope < 0).all()
    linear = lambda y: develop_adjoint(y, saved, DARK)  # noqa: E731 - diagonal: its own adjoint
    assert dot_test(linear, linear, step, intensity) < 1e-14
    with pytest.raises(ValueError, match="`tone` must be 'bright' or 'dark', but got 'grey'"):
        Resist(tone="grey")


@pytest.mark.parametrize("threshold", [0.35, 0.5, 0.6])
def test_lines_of_two_beams_are_placed_and_pinch_as_their_formula_says(threshold: float) -> None:
    image, grid = TwoBeams(), Grid.over((300.0, 400.0), 5.0)
    lines = [box(x, 50, x + 40, 250) for x in (30.0, 130.0, 230.0)]  # dark in the middle, at x = 50, 150, ...
    sites = target_sites(lines, grid=grid)
    upright = np.abs(sites.normals[:, 0]) > 0.5
    found = edge_placement(image, sites, threshold, tone="dark")
    dark = image.period_nm - image.cd_nm(threshold)
    np.testing.assert_allclose(found.error_nm[upright], (dark - 40) / 2, atol=1e-9)
    corner = CornerPrint("nominal", image, image, threshold, tone="dark")
    limits = Limits(epe_nm=None, extremum_margin=None, width_share=0.99, space_share=0.99, reach_nm=49.0, merge_nm=0.0)
    spots = find_hotspots([corner], sites, lines, grid, limits)
    widths = [s.value for s in spots if s.kind == "pinch" and 60 < s.y_nm < 240]
    spaces = [s.value for s in spots if s.kind == "bridge" and 60 < s.y_nm < 240 and s.value > 0]
    assert bool(widths) == (dark < 0.99 * 40) and bool(spaces) == (100 - dark < 0.99 * 60)
    np.testing.assert_allclose(widths, dark, atol=1e-6)
    np.testing.assert_allclose(spaces, 100 - dark, atol=1e-6)


def test_a_dark_spot_beside_dark_lines_is_a_side_lobe_and_a_bright_one_within_them_a_dimple() -> None:
    def image(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        line = 1 - 0.9 / (1 + np.exp((np.abs(x - 100) - 30) / 4))
        return (
            line
            - 0.75 * np.exp(-((x - 220) ** 2 + (y - 60) ** 2) / 200)
            + 0.2 * np.exp(-((x - 100) ** 2 + (y - 150) ** 2) / 200)
        )

    grid, line = Grid.over((300.0, 300.0), 5.0), [box(70, 0, 130, 300)]
    limits = Limits(epe_nm=None, width_share=None, space_share=None, extremum_margin=0.05)
    corner = CornerPrint("nominal", image, image, 0.3, tone="dark")
    spots = find_hotspots([corner], target_sites(line, grid=grid), line, grid, limits)
    found = {s.kind: s for s in spots if s.kind in ("side lobe", "dimple")}
    assert found["side lobe"].value == pytest.approx(0.25 / 0.3, abs=1e-3)
    assert found["side lobe"].severity == pytest.approx(1.05 / (0.25 / 0.3), rel=1e-3)
    assert (found["side lobe"].x_nm, found["side lobe"].y_nm) == pytest.approx((220, 60), abs=0.1)
    assert found["dimple"].value == pytest.approx((0.1 + 0.2) / 0.3, abs=2e-2)
    assert (found["dimple"].x_nm, found["dimple"].y_nm) == pytest.approx((100, 150), abs=0.1)


def test_lines_of_absorber_print_as_what_openings_around_them_leave(tmp_path: Path) -> None:
    bright, dark = job(tmp_path, LINES, "bright field"), job(tmp_path, AROUND, "dark field")
    (lines,), (rest,) = simulate(bright), simulate(dark)
    np.testing.assert_allclose(lines.intensity, rest.intensity, atol=1e-6)
    assert (lines.prints != rest.prints).all() and lines.prints.any()
    clip = bright.clips[0]
    x0, y0, x1, y1 = clip.grid.bounds_nm
    assert all(((p >= (x0, y0)) & (p <= (x1, y1))).all() for corner in lines.print_polygons for p in corner)
    (image,) = exact_images(bright, clip.grid, clip.polygons, [0.0])
    assert image.at(np.array([x0 + 5]), np.array([y0 + 5]))[0] > 0.7  # open far from the lines
    cut = CutTable(start_nm=(200, 300), end_nm=(380, 300), tone="dark")
    (cd,) = measure_window([image], [0.0], 0.3, [cut], WindowTable()).cuts
    placement = verify_clip(
        exact_corners(bright, clip.grid, clip.polygons), clip.polygons, clip.grid, bright.recipe.verify
    )
    sites = placement.sites
    middle = (np.abs(sites.points_nm[:, 1] - 300) < 9) & (np.abs(sites.points_nm[:, 0] - 290) < 31)
    error = placement.placements[0].error_nm[middle]
    assert error == pytest.approx((cd.series.nominal.cd_nm - 60) / 2, abs=1e-6)


@pytest.mark.parametrize("absorber", [0.0, 0.06])
def test_a_bright_field_is_corrected_as_its_negative_is(absorber: float) -> None:
    optics, grid = Optics(193, 1.35, Source.annular(0.6, 0.9), 1.44), Grid((40, 40), (10.0, 10.0))
    kernels = (socs_kernels(optics, grid.period_nm, count=12, spacing=0.1),)
    target = np.zeros((1, 40, 40))
    target[0, 8:30, 10:17] = target[0, 12:18, 17:30] = 1
    settings = IltSettings((Stage(10, 10, 4, 30),), start_inside=0.4, start_outside=-0.4, optimizer=LbfgsSettings())
    levels = [
        ilt(drawn, grid, Process((Corner(), Corner(1.05)), resist), kernels, settings, mask=mask).level
        for drawn, resist, mask in (
            (target, DARK, Mask.attenuated(absorber, tone="bright field")),
            (1 - target, BRIGHT, Mask.attenuated(absorber)),
        )
    ]
    assert np.abs(levels[0] + levels[1]).max() < 1e-9 * np.abs(levels[0]).max()


@pytest.mark.parametrize("absorber", [0.0, 0.06])
def test_correction_lowers_what_is_wrong_under_a_bright_field_too(tmp_path: Path, absorber: float) -> None:
    ready = job(tmp_path, LINES, "bright field", absorber)
    (before,), (after,) = simulate(ready), correct(ready, device="cpu")
    assert after.metrics["L2"] + after.metrics["PVB"] < 0.85 * (before.metrics["L2"] + before.metrics["PVB"])
    mask = after.mask.astype(bool)
    y, x = (np.array([300.0, 290.0]) - np.array(ready.clips[0].grid.origin_nm)[::-1]) // 4
    assert mask[int(y), int(x)] and not mask[0, 0]  # absorber where lines are, an open ground


@pytest.mark.parametrize("tone", ["dark field", "bright field"])
def test_a_biased_mask_prints_as_shapes_drawn_larger_by_the_bias(tmp_path: Path, tone: str) -> None:
    larger = tuple(shape + 7 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) for shape in LINES)
    written, drawn = job(tmp_path, LINES, tone, more="bias_nm = 7"), job(tmp_path, larger, tone)
    (one,), (other,) = simulate(written), simulate(drawn)
    np.testing.assert_allclose(one.intensity, other.intensity, atol=1e-6)
    assert one.target.sum() == pytest.approx(3 * 60 * 400 / 16)  # the target stays what was drawn
    (mask,), clip = given_masks([], written, None), written.clips[0]
    pair = (exact_images(written, clip.grid, mask.drawn, [0.0]), exact_images(drawn, clip.grid, larger, [0.0]))
    np.testing.assert_allclose(pair[0][0].half, pair[1][0].half, atol=1e-9)


@pytest.mark.parametrize(("tone", "sign"), [("dark field", -1), ("bright field", 1)])
def test_shadows_of_an_absorber_move_the_edges_across_the_light(tmp_path: Path, tone: str, sign: int) -> None:
    height = 2 * 4 / np.tan(np.radians(6))  # a shadow of 2 nm on the wafer
    moved = tuple(shape + sign * 2 * np.array([[0, -1], [0, -1], [0, 1], [0, 1]]) for shape in LINES)
    seen, drawn = job(tmp_path, LINES, tone, more=f"euv = {{absorber_nm = {height}}}"), job(tmp_path, moved, tone)
    (one,), (other,) = simulate(seen), simulate(drawn)
    np.testing.assert_allclose(one.intensity, other.intensity, atol=1e-6)
    assert np.abs(one.intensity - next(simulate(job(tmp_path, LINES, tone))).intensity).max() > 1e-2


def test_written_corners_are_round(tmp_path: Path) -> None:
    ready = job(tmp_path, LINES, "dark field", more="corner_radius_nm = 20")
    (result,) = simulate(ready)
    area = sum(polygon_area_nm2(p) for p in result.mask_polygons)
    assert area == pytest.approx(3 * (60 * 400 - (4 - np.pi) * 20**2), abs=2 / 3 * 0.01 * 3 * 2 * np.pi * 20)
    np.savez(tmp_path / "mask.npz", mask=result.mask)
    with pytest.raises(JobError, match="`mask` must have no bias, round corners and shadows if it comes as pixels"):
        given_masks([tmp_path / "mask.npz"], ready, None)
