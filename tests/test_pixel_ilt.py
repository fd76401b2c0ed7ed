"""Inverse lithography makes masks that print better, and keeps what it promises about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.ndimage

from litho.backend import to_host
from litho.diffusion import gaussian_diffusion
from litho.grid import Grid
from litho.losses import LossWeights
from litho.model import aerial_images, print_model
from litho.optimize import LbfgsSettings
from litho.parametrize import block_mean, resample
from litho.pixel_ilt import QUIET_NM, IltSettings, Stage, ilt, quiet_region, stage_problem
from litho.process import Corner, Process, expose
from litho.pupil import Optics
from litho.resist import Resist, prints
from litho.source import Source
from litho.tcc import socs_kernels

GRID = Grid.square(640, 4)
PROCESS = Process((Corner(1.0, 0.0), Corner(1.05, 0.0), Corner(0.95, 40.0)), Resist(0.25, 50.0))
SETTINGS = IltSettings(stages=(Stage(8, 20, 4, 30), Stage(4, 12, 12, 100)))


@pytest.fixture(scope="module")
def kernels() -> tuple[Any, ...]:
    optics = Optics(193.0, 1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
    return tuple(socs_kernels(optics, GRID.period_nm, z) for z in PROCESS.foci_nm)


@pytest.fixture(scope="module")
def target() -> np.ndarray:
    """A short line of 64 nm and an elbow of 72 nm, two clips."""
    clips = np.zeros((2, *GRID.shape), np.float32)
    clips[0, 50:110, 72:88] = 1
    clips[1, 60:78, 50:110] = 1
    clips[1, 60:110, 50:68] = 1
    return clips


def wrong_area_nm2(mask: np.ndarray, target: np.ndarray, kernels: Any) -> np.ndarray:
    """L2 + PV band of each clip."""
    model = print_model(GRID, PROCESS, kernels, mask)
    printed = prints(expose(aerial_images(mask, model)[0], PROCESS), PROCESS.resist)
    wrong = (printed[0] != (target > 0.5)).sum((-2, -1)) + (printed[1] != printed[2]).sum((-2, -1))
    return wrong * GRID.pixel_area_nm2


def test_the_corrected_mask_prints_much_closer_to_the_target(target: np.ndarray, kernels: Any) -> None:
    result = ilt(target, GRID, PROCESS, kernels, SETTINGS)
    before = wrong_area_nm2(target, target, kernels)
    after = wrong_area_nm2((result.level > 0).astype(np.float32), target, kernels)
    assert np.all(after < 0.6 * before)
    assert result.level.dtype == np.float32 and not result.stopped_early
    for leg in result.history:
        assert np.all(np.diff(leg.values, axis=0) <= 0)


def test_a_clip_gives_the_same_mask_alone_and_in_a_batch(target: np.ndarray, kernels: Any) -> None:
    settings = replace(SETTINGS, optimizer=LbfgsSettings(tolerance=0.0))
    together = ilt(target, GRID, PROCESS, kernels, settings)
    alone = ilt(target[1:], GRID, PROCESS, kernels, settings)
    assert np.array_equal(together.level[1], alone.level[0])


def test_every_library_finds_the_same_mask(target: np.ndarray, kernels: Any, xp: Any) -> None:
    settings = IltSettings(stages=(Stage(16, 4, 4, 30), Stage(8, 3, 8, 60)))
    double = target[:1].astype(np.float64)
    found = to_host(ilt(xp(double), GRID, PROCESS, kernels, settings).level)
    expected = ilt(double, GRID, PROCESS, kernels, settings).level
    assert np.max(np.abs(found - expected)) < 1e-6


def test_the_mask_stays_shut_outside_the_free_region(target: np.ndarray, kernels: Any) -> None:
    free = np.zeros_like(target)
    free[0, 40:120, 40:120] = 1
    free[1, 30:120, 40:130] = 1
    level = ilt(target, GRID, PROCESS, kernels, SETTINGS, free=free).level
    assert np.all(level[free == 0] <= 0) and np.all((level > 0).sum((-2, -1)) > 0)


def test_mirrored_targets_get_mirrored_masks(target: np.ndarray, kernels: Any) -> None:
    settings = IltSettings(stages=(Stage(16, 3, 4, 30),))
    double = target.astype(np.float64)
    straight = ilt(double, GRID, PROCESS, kernels, settings).level
    mirrored = ilt(np.flip(double, -1).copy(), GRID, PROCESS, kernels, settings).level
    assert np.max(np.abs(np.flip(mirrored, -1) - straight)) < 1e-3 * np.max(np.abs(straight))


def test_the_epe_weight_acts_at_the_probes(target: np.ndarray, kernels: Any) -> None:
    probes = np.zeros_like(target)
    probes[0, 109, 72] = 3000.0  # a corner, which is rounded off
    weights = LossWeights(1.0, 1.0, 1.0)
    model = print_model(GRID, PROCESS, kernels, target)

    def at_probe(settings: IltSettings) -> float:
        level = ilt(target[:1], GRID, PROCESS, kernels, settings, probes=probes[:1]).level
        return float(aerial_images((level > 0).astype(np.float32), model)[0][0, 0, 109, 72])

    assert at_probe(replace(SETTINGS, weights=weights)) > at_probe(SETTINGS) + 0.01


def test_side_lobes_stay_well_below_the_threshold_if_they_cost(target: np.ndarray, kernels: Any) -> None:
    process = replace(PROCESS, resist=Resist(0.2, 50.0))
    model = print_model(GRID, process, kernels, target)
    quiet = scipy.ndimage.distance_transform_edt(target[1] == 0) * 4 > QUIET_NM

    def brightest(settings: IltSettings) -> float:
        """Return the intensity of the brightest spot at the highest dose, over the threshold."""
        level = ilt(target[1:], GRID, process, kernels, settings).level
        exposed = expose(aerial_images((level > 0).astype(np.float32), model)[0], process)
        return float(exposed[1, 0][quiet].max()) / process.resist.threshold

    costly = replace(SETTINGS, weights=LossWeights(side_lobes=100.0))
    assert brightest(costly) < 0.9 * brightest(SETTINGS)


def test_nothing_is_quiet_nearer_to_a_straight_edge_than_stated() -> None:
    half = np.zeros((1, *GRID.shape), np.float32)
    half[:, :, 40:120] = 1  # x from 160 to 480 nm
    quiet = quiet_region(half, GRID)[0]
    x = (np.arange(160) + 0.5) * 4
    away = np.maximum(160 - x, x - 480)
    assert np.all(quiet[:, away > QUIET_NM + 1] == 1) and np.all(quiet[:, away < QUIET_NM - 1] == 0)


def test_a_stage_may_leave_weak_kernels_out(target: np.ndarray, kernels: Any) -> None:
    few = stage_problem(target, GRID, PROCESS, kernels, SETTINGS, Stage(8, 5, 4, 30, kernels=9))
    assert [len(k.weights) for k in few.model.kernels] == [9, 9]
    every = stage_problem(target, GRID, PROCESS, kernels, SETTINGS, Stage(8, 5, 4, 30, kernels=10**6))
    assert [len(k.weights) for k in every.model.kernels] == [len(k.weights) for k in kernels]
    with pytest.raises(ValueError, match="`kernels` must be at least 1"):
        Stage(8, 5, 4, 30, kernels=0)


def test_it_stops_when_asked_and_gives_the_best_so_far(target: np.ndarray, kernels: Any) -> None:
    seen = []

    def report(stage: int, step: int, values: Any) -> bool:
        seen.append((stage, step, values.shape))
        return len(seen) == 3

    result = ilt(target, GRID, PROCESS, kernels, SETTINGS, report=report)
    assert seen == [(0, 1, (2,)), (0, 2, (2,)), (0, 3, (2,))]
    assert result.stopped_early and result.level.shape == target.shape


def test_smoothing_a_plane_wave_gives_its_transfer(xp: Any) -> None:
    grid = Grid((30, 40), (4.0, 5.0))
    x = (np.arange(40) + 0.5) * 5.0
    wave = np.broadcast_to(np.cos(2 * np.pi * 3 * x / 200), grid.shape).copy()
    smooth = to_host(gaussian_diffusion(grid, 10.0, xp(wave))(xp(wave)))
    assert np.max(np.abs(smooth - wave * np.exp(-2 * np.pi**2 * 10.0**2 * (3 / 200) ** 2))) < 1e-13


def test_resampling_a_smooth_field_is_exact_and_block_means_keep_area(xp: Any, rng: np.random.Generator) -> None:
    x = (np.arange(24) + 0.5) / 24
    fine = (np.arange(96) + 0.5) / 96
    field, expected = (1 + np.cos(2 * np.pi * 3 * t)[:, None] * np.sin(2 * np.pi * 2 * t)[None, :] for t in (x, fine))
    assert np.max(np.abs(to_host(resample(xp(field), (96, 96))) - expected)) < 1e-13
    coverage = rng.random((2, 12, 18))
    means = to_host(block_mean(xp(coverage), (4, 9)))
    assert means.shape == (2, 4, 9) and means.mean() == pytest.approx(coverage.mean(), rel=1e-13)
    with pytest.raises(ValueError, match="`shape` must divide"):
        block_mean(coverage, (5, 9))


def test_bad_input_is_refused_in_a_sentence(target: np.ndarray, kernels: Any) -> None:
    with pytest.raises(ValueError, match=r"`target` must have shape \(clips, 160, 160\)"):
        ilt(target[0], GRID, PROCESS, kernels)
    with pytest.raises(ValueError, match="`target` must be finite"):
        ilt(target * np.nan, GRID, PROCESS, kernels)
    with pytest.raises(ValueError, match="`probes` must be given"):
        ilt(target, GRID, PROCESS, kernels, IltSettings(weights=LossWeights(1, 1, 1)))
    with pytest.raises(ValueError, match="`free` must have the target's shape"):
        ilt(target, GRID, PROCESS, kernels, free=np.ones((3, 3)))
    with pytest.raises(ValueError, match="`free` must hold the target"):
        ilt(target, GRID, PROCESS, kernels, free=np.zeros_like(target))
    with pytest.raises(ValueError, match="not all 0"):
        LossWeights(0, 0, 0)
    with pytest.raises(ValueError, match="`stages` must hold at least one"):
        IltSettings(stages=())
    with pytest.raises(ValueError, match="`steps` must be a positive number"):
        Stage(4, 0, 4, 30)
    with pytest.raises(ValueError, match="`start_outside` must be below"):
        IltSettings(start_inside=-1.0)
