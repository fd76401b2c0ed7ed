"""Moving a mask's edges: the shape gradient is that of moved contours, and the masks print better."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.diffusion import gaussian_diffusion
from litho.grid import Grid
from litho.level_set import level_coverage, moved
from litho.level_set_ilt import LevelSetSettings, LevelSetStage, level_set_ilt
from litho.level_set_steps import LevelProblem, explicit, quasi_newton
from litho.losses import LossWeights
from litho.model import aerial_images, print_mask, print_model
from litho.nucleation import Seeding, seeded
from litho.optimize import LbfgsSettings
from litho.pixel_ilt import IltSettings, Stage, stage_problem
from litho.process import Corner, Process, expose
from litho.pupil import Optics
from litho.raster import coverage
from litho.resist import Resist, prints
from litho.signed_distance import signed_distance
from litho.source import Source
from litho.tcc import socs_kernels

GRID = Grid.square(640, 4)
PROCESS = Process((Corner(1.0, 0.0), Corner(1.05, 0.0), Corner(0.95, 40.0)), Resist(0.25, 50.0))
SETTINGS = LevelSetSettings(
    stages=(LevelSetStage(8, 20, 30, seedings=1), LevelSetStage(4, 4, 100)), leg_steps=10, reach_nm=32.0
)
SHORT = replace(SETTINGS, stages=(LevelSetStage(8, 4, 30, seedings=1), LevelSetStage(4, 1, 60)), leg_steps=2)


@pytest.fixture(scope="module")
def kernels() -> tuple[Any, ...]:
    optics = Optics(193.0, 1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
    return tuple(socs_kernels(optics, GRID.period_nm, z, max_error=0.02) for z in PROCESS.foci_nm)


@pytest.fixture(scope="module")
def target() -> np.ndarray:
    """A short line of 64 nm and an elbow of 72 nm, two clips."""
    clips = np.zeros((2, *GRID.shape), np.float32)
    clips[0, 50:110, 72:88] = 1
    clips[1, 60:78, 50:110] = 1
    clips[1, 60:110, 50:68] = 1
    return clips


def problem_of(target: np.ndarray, kernels: Any, pixel_nm: float = 4) -> LevelProblem:
    stage = Stage(pixel_nm, 1, 1, 30)
    return LevelProblem(stage_problem(target, GRID, PROCESS, kernels, IltSettings(), stage))


def wrong_area_nm2(mask: np.ndarray, target: np.ndarray, kernels: Any) -> np.ndarray:
    """L2 + PV band of each clip."""
    model = print_model(GRID, PROCESS, kernels, mask)
    printed = prints(expose(aerial_images(mask, model)[0], PROCESS), PROCESS.resist)
    wrong = (printed[0] != (target > 0.5)).sum((-2, -1)) + (printed[1] != printed[2]).sum((-2, -1))
    return wrong * GRID.pixel_area_nm2


def blob(growth: float) -> np.ndarray:
    """Outline r = 90 + 12 cos(3 a) + growth (1 + cos(2 a) / 2) around the field's middle, finely cut."""
    a = 2 * np.pi * np.arange(4000) / 4000
    radius = 90 + 12 * np.cos(3 * a) + growth * (1 + 0.5 * np.cos(2 * a))
    return np.stack([321.3 + radius * np.cos(a), 318.2 + radius * np.sin(a)], axis=-1)


def blob_level() -> tuple[np.ndarray, np.ndarray]:
    """Level of `blob(0)`, and the speed at which its contour moves outwards as `growth` rises, on every pixel."""
    x, y = np.meshgrid(*(((np.arange(n) + 0.5) * 4 - c) for n, c in ((160, 321.3), (160, 318.2))))
    a, r = np.arctan2(y, x), np.hypot(x, y)
    radius, turn = 90 + 12 * np.cos(3 * a), -36 * np.sin(3 * a)
    slant = np.hypot(1.0, turn / np.maximum(r, 1.0))  # |grad (radius - r)|
    return radius - r, (1 + 0.5 * np.cos(2 * a)) / slant


def test_the_shape_gradient_is_that_of_exactly_rastered_moved_outlines(target: np.ndarray, kernels: Any) -> None:
    double = target[:1].astype(np.float64)
    problem = problem_of(double, kernels)

    def loss(growth: float) -> float:
        printed, _ = print_mask(coverage([blob(growth)], GRID)[None], problem.stage.model)
        return float(problem.stage.loss(printed)[0][0])

    difference = (8 * (loss(0.5) - loss(-0.5)) - (loss(1.0) - loss(-1.0))) / (12 * 0.5)
    level, speed = blob_level()
    level = signed_distance(level[None], GRID, 32.0)
    _, _, level_bar = problem.loss(level)
    assert float(np.sum(level_bar * speed)) == pytest.approx(difference, rel=1e-3)


def test_the_shape_gradient_is_that_of_contours_moved_by_the_level_set(target: np.ndarray, kernels: Any) -> None:
    double = target[:1].astype(np.float64)
    problem = problem_of(double, kernels)
    level = signed_distance(blob_level()[0][None], GRID, 32.0)
    noise = gaussian_diffusion(GRID, 20.0, double)(np.random.default_rng(5).standard_normal(level.shape))
    speed = 1 + 0.4 * noise / np.max(np.abs(noise))
    losses = [problem.loss(moved(level, sign * speed, 0.2, GRID))[0] for sign in (1, -1)]
    _, _, level_bar = problem.loss(level)
    expected = np.sum(level_bar * speed, axis=(-2, -1))  # the slope of a distance is 1
    assert (losses[0] - losses[1]) / 0.4 == pytest.approx(expected, rel=1e-3)


def test_the_corrected_mask_prints_much_closer_to_the_target(target: np.ndarray, kernels: Any) -> None:
    result = level_set_ilt(target, GRID, PROCESS, kernels, SETTINGS)
    before = wrong_area_nm2(target, target, kernels)
    after = wrong_area_nm2((result.level > 0).astype(np.float32), target, kernels)
    assert np.all(after < 0.6 * before)
    assert result.level.dtype == np.float32 and not result.stopped_early
    for leg in result.history:
        assert np.all(np.diff(leg.values, axis=0) <= 0)


def test_explicit_steps_lower_the_loss_too_and_none_is_longer_than_the_limit(target: np.ndarray, kernels: Any) -> None:
    problem = problem_of(target, kernels, 8)
    smooth = gaussian_diffusion(problem.grid, 10.0, target)
    level = signed_distance(smooth(problem.stage.target) - 0.5, problem.grid, 32.0)
    for leg in (
        explicit(problem, level, 1, 0.5, 0.8),
        quasi_newton(problem, level, 1, 0.5, LbfgsSettings()),
    ):
        assert np.max(np.abs(leg[0] - level)) < 0.5 * 8 * 1.2  # the slope is 1 at edges and may be larger at ridges
    found, values, asked = explicit(problem, level, 12, 0.5, 0.8)
    assert np.all(values[-1] < 0.7 * values[0]) and np.all(np.diff(values, axis=0) <= 0) and not asked
    assert np.allclose(problem.loss(found)[0], values[-1], rtol=1e-6)


def test_islands_are_born_where_opening_the_mask_lowers_the_loss_and_only_there(
    target: np.ndarray, kernels: Any
) -> None:
    double = target.astype(np.float64)
    problem = problem_of(double, kernels)
    level = signed_distance(gaussian_diffusion(GRID, 10.0, double)(double) - 0.5, GRID, 32.0)
    _, coverage_bar, _ = problem.loss(level)
    seeding = Seeding()
    born = (seeded(level, coverage_bar, GRID, seeding, 32.0) > 0) & (level <= 0)
    smooth = gaussian_diffusion(GRID, seeding.blur_nm, double)(coverage_bar)
    assert np.all(born.any(axis=(-2, -1)))
    assert np.all(smooth[born] < 0) and np.all(level[born] < -0.4 * seeding.clearance_nm)
    nothing = seeded(level, np.abs(coverage_bar), GRID, seeding, 32.0)
    assert np.array_equal(nothing > 0, level > 0)


def test_the_topological_derivative_is_that_of_a_small_opening(target: np.ndarray, kernels: Any) -> None:
    double = target[:1].astype(np.float64)
    problem = problem_of(double, kernels)
    level = signed_distance(gaussian_diffusion(GRID, 10.0, double)(double) - 0.5, GRID, 32.0)
    value, coverage_bar, _ = problem.loss(level)
    place = np.unravel_index(np.argmin(np.where(level < -24, coverage_bar, 0)), level.shape)
    opened, share = level_coverage(level)[0].copy(), 1e-4
    assert opened[place] == 0
    opened[place] = share
    printed, _ = print_mask(opened, problem.stage.model)
    change = float(problem.stage.loss(printed)[0][0] - value[0])
    assert change == pytest.approx(share * coverage_bar[place], rel=1e-3) and change < 0


def test_a_clip_gives_the_same_mask_alone_and_in_a_batch(target: np.ndarray, kernels: Any) -> None:
    settings = replace(SHORT, optimizer=LbfgsSettings(tolerance=0.0))
    for stages, method in ((settings.stages, "quasi-newton"), (settings.stages[:1], "explicit")):
        this = replace(settings, stages=stages, method=method)
        together = level_set_ilt(target, GRID, PROCESS, kernels, this)
        alone = level_set_ilt(target[1:], GRID, PROCESS, kernels, this)
        assert np.array_equal(together.level[1], alone.level[0])


def test_a_clip_that_has_ended_stays_as_it_is_while_others_take_a_last_shorter_leg() -> None:
    """The first clip gains nothing in its third leg of 13 steps, but would in two steps, which it never takes alone."""
    optics = Optics(193.0, 1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
    few = tuple(socs_kernels(optics, GRID.period_nm, z, max_error=0.2) for z in PROCESS.foci_nm)
    clips = np.zeros((2, *GRID.shape), np.float32)
    clips[0, 50:65, 85:108] = clips[0, 61:80, 97:133] = clips[0, 86:105, 96:108] = 1
    clips[1, 69:77, 60:97] = 1
    settings = LevelSetSettings(stages=(LevelSetStage(8, 54, 30),), leg_steps=13, cfl=0.3, reach_nm=32.0)
    together = level_set_ilt(clips, GRID, PROCESS, few, settings)
    alone = level_set_ilt(clips[:1], GRID, PROCESS, few, settings)
    assert len(alone.history[0].values) < len(together.history[0].values)
    assert np.array_equal(together.level[0], alone.level[0])


def test_every_library_finds_the_same_mask(target: np.ndarray, kernels: Any, xp: Any) -> None:
    settings = LevelSetSettings(stages=(LevelSetStage(8, 4, 30, seedings=1),), leg_steps=2)
    double = target[:1].astype(np.float64)
    found = to_host(level_set_ilt(xp(double), GRID, PROCESS, kernels, settings).level)
    expected = level_set_ilt(double, GRID, PROCESS, kernels, settings).level
    assert np.max(np.abs(found - expected)) < 1e-6


def test_the_mask_stays_shut_outside_the_free_region(target: np.ndarray, kernels: Any) -> None:
    free = np.zeros_like(target)
    free[0, 40:120, 40:120] = 1
    free[1, 30:120, 40:130] = 1
    level = level_set_ilt(target, GRID, PROCESS, kernels, SHORT, free=free).level
    assert np.all(level[free == 0] <= 0) and np.all((level > 0).sum((-2, -1)) > 0)


def test_it_stops_when_asked_and_gives_the_best_so_far(target: np.ndarray, kernels: Any) -> None:
    seen = []

    def report(stage: int, step: int, values: Any) -> bool:
        seen.append((stage, step, values.shape))
        return len(seen) == 2

    result = level_set_ilt(target, GRID, PROCESS, kernels, SHORT, report=report)
    assert seen == [(0, 1, (2,)), (0, 2, (2,))]
    assert result.stopped_early and result.level.shape == target.shape


def test_bad_input_is_refused_in_a_sentence(target: np.ndarray, kernels: Any) -> None:
    with pytest.raises(ValueError, match=r"`target` must have shape \(clips, 160, 160\)"):
        level_set_ilt(target[0], GRID, PROCESS, kernels)
    with pytest.raises(ValueError, match="`target` must be finite"):
        level_set_ilt(target * np.nan, GRID, PROCESS, kernels)
    with pytest.raises(ValueError, match="`probes` must be given"):
        level_set_ilt(target, GRID, PROCESS, kernels, LevelSetSettings(weights=LossWeights(1, 1, 1)))
    with pytest.raises(ValueError, match="`free` must have the target's shape"):
        level_set_ilt(target, GRID, PROCESS, kernels, free=np.ones((3, 3)))
    with pytest.raises(ValueError, match="`free` must hold the target"):
        level_set_ilt(target, GRID, PROCESS, kernels, free=np.zeros_like(target))
    with pytest.raises(ValueError, match="`stages` must hold at least one"):
        LevelSetSettings(stages=())
    with pytest.raises(ValueError, match="`steps` must be a positive number"):
        LevelSetStage(4, 0, 30)
    with pytest.raises(ValueError, match="`seedings` must be at least 0"):
        LevelSetStage(4, 5, 30, seedings=-1)
    with pytest.raises(ValueError, match="`method` must be one of quasi-newton, explicit, but got 'magic'"):
        LevelSetSettings(method="magic")
    with pytest.raises(ValueError, match="`reach_nm` must be at least 3 pixels of 8 nm, but got 10"):
        LevelSetSettings(reach_nm=10.0)
    with pytest.raises(ValueError, match="`cfl` must be in"):
        LevelSetSettings(cfl=0.0)
    with pytest.raises(ValueError, match="`strength` must be a number of at least 0"):
        Seeding(strength=-1.0)
