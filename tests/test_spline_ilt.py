"""Curves are refined into masks that print better, and keep to their limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gdstk
import numpy as np
import pytest

from litho.backend import to_host
from litho.check import gradient_test
from litho.curve_checks import crossing_curves, radius_bound_nm
from litho.curves import Curve, fit_curve
from litho.grid import Grid
from litho.io import write_oasis
from litho.losses import LossWeights
from litho.outputs import joined
from litho.pixel_ilt import IltSettings, Stage, StageProblem, stage_problem
from litho.process import Corner, Process
from litho.pupil import Optics
from litho.raster import coverage
from litho.resist import Resist
from litho.source import Source
from litho.spline_ilt import (
    SplineResult,
    SplineSettings,
    curve_objective,
    first_curves,
    kept_apart,
    kept_to_radius,
    spline_ilt,
)
from litho.spline_mask import join_curves
from litho.tcc import socs_kernels

GRID = Grid.square(640, 2)
PROCESS = Process((Corner(1.0, 0.0), Corner(1.05, 0.0), Corner(0.95, 40.0)), Resist(0.25, 50.0))
BAR = np.array([[220, 280], [420, 280], [420, 350], [220, 350]], float)
ASSIST = np.array([[230, 180], [410, 180], [410, 210], [230, 210]], float)
SETTINGS = SplineSettings(steps=12, pixel_nm=4.0, resist_steepness=150.0)


@pytest.fixture(scope="module")
def problem() -> StageProblem:
    optics = Optics(193.0, 1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
    kernels = tuple(socs_kernels(optics, GRID.period_nm, z, max_error=0.03) for z in PROCESS.foci_nm)
    stage = Stage(SETTINGS.pixel_nm, 1, 1.0, SETTINGS.resist_steepness)
    target = coverage([BAR], GRID)[None]
    return stage_problem(target, GRID, PROCESS, kernels, IltSettings(weights=LossWeights()), stage)


def bar_at(x: float) -> Curve:
    return fit_curve(BAR + np.array([x, 0.0]), 3.0)


def pure_loss(curves: Any, problem: StageProblem) -> float:
    control, counts = join_curves(curves)
    value, _ = curve_objective(counts, control, problem, SETTINGS, 0.0)(control[None])
    return float(value[0])


@pytest.fixture(scope="module")
def found(problem: StageProblem) -> SplineResult:
    return spline_ilt([BAR, ASSIST], problem, SETTINGS)


def test_refined_curves_print_much_closer_to_the_target(found: SplineResult, problem: StageProblem) -> None:
    first = first_curves([BAR, ASSIST], SETTINGS)
    assert pure_loss(found.curves, problem) < 0.6 * pure_loss(first, problem)
    assert len(found.curves) == 2 and found.control_points == sum(map(len, found.curves))
    assert all(np.all(np.diff(values) <= 0) for values in found.history)
    assert not found.stopped_early and not found.too_tight and not found.fallen_back


def test_no_curve_bends_more_tightly_than_asked_wherever_one_looks(problem: StageProblem) -> None:
    found = spline_ilt([BAR, ASSIST], problem, replace(SETTINGS, min_radius_nm=14.0, min_width_nm=29.0))
    for curve in found.curves:
        parameter = np.arange(len(curve) * 500) / 500
        (x1, y1), (x2, y2) = curve.at(parameter, 1).T, curve.at(parameter, 2).T
        assert (np.hypot(x1, y1) ** 3 / np.abs(x1 * y2 - y1 * x2)).min() >= found.min_radius_nm * (1 - 1e-9)
    assert found.min_radius_nm >= 14.0


def test_the_whole_gradient_agrees_with_differences(problem: StageProblem) -> None:
    control, counts = join_curves(first_curves([BAR, ASSIST], SETTINGS))
    objective = curve_objective(counts, control, problem, SETTINGS, 500.0)
    direction = np.random.default_rng(1).standard_normal(control.shape)
    gradient = objective(control[None])[1][0]
    found = gradient_test(lambda c: float(objective(c[None])[0][0]), gradient, control, direction, 1e-3)
    assert found < 1e-6


@pytest.mark.parametrize("width", [6.0, 14.0, 30.0])
def test_any_bar_is_given_its_radius_with_ends_of_that_radius_at_least(width: float) -> None:
    bar = np.array([[0, 0], [120, 0], [120, width], [0, width]])
    curve = kept_to_radius(fit_curve(bar, 2.0), 10.0)
    assert curve is not None and radius_bound_nm(curve) >= 10.0
    assert crossing_curves([curve]) == []


def test_curves_that_keep_to_the_radius_stay_as_they_are() -> None:
    curve = fit_curve(BAR, 3.0)
    assert kept_to_radius(curve, 0.9 * radius_bound_nm(curve)) is curve


def test_curves_through_outlines_that_almost_touch_do_not_cross() -> None:
    wave = np.array([[x, 6 * np.sin(x / 12)] for x in np.arange(0, 300, 2.0)])
    low = np.concatenate([wave - [0, 1], [[300, -90], [0, -90]]])
    high = np.concatenate([wave[::-1] + np.array([0, 1]), [[0, 90], [300, 90]]])[::-1]
    coarse = [fit_curve(o, 10.0) for o in (low[::-1], high)]
    assert crossing_curves(coarse)  # fitted so coarsely they do
    assert crossing_curves(first_curves([low, high], SplineSettings(fit_tolerance_nm=10.0))) == []


def test_curves_that_cross_fall_back_to_their_first_shape_and_so_do_those_that_then_cross() -> None:
    """The middle one of three steps aside for the left one, which comes back when it crosses the right one."""
    first = [bar_at(shift) for shift in (0.0, 250.0, 500.0)]
    moved = [bar_at(shift) for shift in (240.0, 470.0, 500.0)]
    found, back = kept_apart(first, moved)
    assert back == [0, 1, 2]
    assert all(a is b for a, b in zip(found, first, strict=True))
    aside = [bar_at(-5.0), *moved[1:]]
    found, back = kept_apart(first, aside)
    assert back == [1, 2] and found[0] is aside[0] and found[1] is first[1]


def test_a_report_that_stops_keeps_the_best_so_far(problem: StageProblem) -> None:
    calls = []

    def report(number: int, step: int, loss: float) -> bool:
        calls.append((number, step, loss))
        return step == 2

    found = spline_ilt([BAR, ASSIST], problem, SETTINGS, report)
    assert found.stopped_early and [c[:2] for c in calls] == [(0, 1), (0, 2)]
    assert calls[-1][2] == found.history[0][-1]


def test_a_mask_without_outlines_has_no_curves(problem: StageProblem) -> None:
    found = spline_ilt([np.array([[0, 0], [20, 0], [20, 20.0]])], problem, SETTINGS)  # below the smallest area
    assert found.curves == () and found.history == ()


def test_a_file_gives_the_same_curves_back(found: SplineResult, tmp_path: Path) -> None:
    polygons, texts = joined([curve.polygon(0.05) for curve in found.curves], found.curves)
    file = tmp_path / "mask.oas"
    write_oasis(file, {(2, 0): polygons}, 0.1, curves={(2, 0): texts})
    cell = gdstk.read_oas(str(file)).top_level()[0]
    read = [Curve.from_text(value.decode()) for p in cell.polygons for _, value in p.properties if value]
    assert len(read) == len(found.curves)
    for again, curve in zip(read, found.curves, strict=True):
        assert np.array_equal(again.control_points, curve.control_points)


def test_every_library_computes_the_same_loss(problem: StageProblem, xp: Any) -> None:
    control, counts = join_curves(first_curves([BAR, ASSIST], SETTINGS))
    value, gradient = curve_objective(counts, control, problem, SETTINGS, 100.0)(control[None])
    kernels = problem.model.kernels
    stage = Stage(SETTINGS.pixel_nm, 1, 1.0, SETTINGS.resist_steepness)
    target = xp(to_host(coverage([BAR], GRID)[None]))
    other = stage_problem(target, GRID, PROCESS, kernels, IltSettings(weights=LossWeights()), stage)
    again = curve_objective(counts, control, other, SETTINGS, 100.0)(control[None])
    assert again[0][0] == pytest.approx(value[0], rel=1e-12)
    assert np.abs(again[1] - gradient).max() < 1e-9 * np.abs(gradient).max()


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="`min_radius_nm` must be a positive number, but got 0"):
        SplineSettings(min_radius_nm=0.0)
    with pytest.raises(ValueError, match="`min_space_nm` must be at least 0, but got -1"):
        SplineSettings(min_space_nm=-1.0)
    with pytest.raises(ValueError, match="`steps` must be at least 1"):
        SplineSettings(steps=0)
