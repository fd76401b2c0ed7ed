"""Inverse lithography on curves: the control points of closed cubic curves are the variables.

Curves are fitted to the outlines of any mask, coarsely, and their control points are then moved by quasi-Newton steps
on the exact gradient, through the analytic spectrum of the curves. No pixel stands between the curve that is written
and the image it was made for. What bends too tightly, comes too close or gets too small pays a penalty; a last step
makes the limit of curvature certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array, complex_dtype, like, to_host
from litho.cells import Floats
from litho.contour import simplify
from litho.curve_checks import crossing_curves, radius_bound_nm, radius_bounds_nm
from litho.curve_penalties import CurveLimits, curve_penalty, lengths_nm
from litho.curves import Curve, fit_curve
from litho.model import band_images, band_images_adjoint
from litho.optimize import LbfgsSettings, Objective, minimize
from litho.pixel_ilt import StageProblem
from litho.print_loss import print_loss
from litho.raster import polygon_area_nm2
from litho.spline_mask import (
    CurveSampling,
    curve_band,
    curve_band_adjoint,
    join_curves,
    points_needed,
    split_curves,
)

BEND_MARGIN = 1.15
"""Bends are penalised from this times the smallest radius on, so that few are left for the last step."""

GAP_MARGIN = 1.1
"""Gaps are penalised from this times the smallest width or space on."""

LONGER = 1.5
"""Gauss points are enough for pieces that have become so much longer."""

SPECTRUM_ERROR = 1e-9
"""Of the spectrum while curves move, relative to the length of a piece: far below single precision's in the image."""

CHECKED_POINTS = 6
"""Points on a piece where curves pay for bends and gaps."""

SIMPLER = 0.1
"""Outlines are made simpler, before they are fitted, by this share of the tolerance."""

KINK = 0.4
"""Bends tighter than this share of the smallest radius are smoothed before they are priced."""

SMOOTHINGS = 20
"""How often at most control points are averaged at a kink."""

PRICES, PRICE_STEPS, FIRST_PRICE = 10, 25, 20.0
"""How often the price is raised until curves keep to their radius, steps at each, and the first one, nm^2."""


@dataclass(frozen=True)
class SplineSettings:
    """How curves are made and refined.

    Parameters
    ----------
    fit_tolerance_nm
        largest distance of the first curves from the outlines: the larger, the fewer control points
    steps
        the most optimiser steps of each round
    penalties_nm2
        weight of what curves pay, one round each
    min_radius_nm
        smallest radius of curvature of any curve, kept for certain
    min_width_nm, min_space_nm
        distances that are penalised below; 0 for none
    min_area_nm2
        outlines with less area are left out, and curves are kept above it
    pixel_nm
        print grid
    resist_steepness
        slope of the sigmoid that makes the intensity a print
    optimizer
        see `LbfgsSettings`; its steps are in nm
    """

    fit_tolerance_nm: float = 2.5
    steps: int = 25
    penalties_nm2: tuple[float, ...] = (20_000.0,)
    min_radius_nm: float = 10.0
    min_width_nm: float = 20.0
    min_space_nm: float = 20.0
    min_area_nm2: float = 1700.0
    pixel_nm: float = 2.0
    resist_steepness: float = 400.0
    optimizer: LbfgsSettings = LbfgsSettings(first_step=0.5, largest_step=4.0, history=12, tolerance=5e-4)

    def __post_init__(self) -> None:
        for name in ("fit_tolerance_nm", "pixel_nm", "resist_steepness", "min_radius_nm"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"`{name}` must be a positive number, but got {getattr(self, name)}.")
        for name in ("min_width_nm", "min_space_nm", "min_area_nm2"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"`{name}` must be at least 0, but got {getattr(self, name)}.")
        if self.steps < 1 or not self.penalties_nm2 or min(self.penalties_nm2) < 0:
            raise ValueError(
                "`steps` must be at least 1 and `penalties_nm2` hold at least one number, none below 0, "
                f"but got {self.steps} and {list(self.penalties_nm2)}."
            )

    @property
    def limits(self) -> CurveLimits:
        """What is penalised, margins included."""
        gaps = (GAP_MARGIN * self.min_width_nm, GAP_MARGIN * self.min_space_nm)
        return CurveLimits(BEND_MARGIN * self.min_radius_nm, *gaps, GAP_MARGIN * self.min_area_nm2)


@dataclass(frozen=True)
class SplineResult:
    """Refined curves.

    Parameters
    ----------
    curves
        counter-clockwise around islands, clockwise around holes; they do not cross
    history
        one entry per round: weighted loss with penalty, (steps + 1,), nm^2
    min_radius_nm
        what the radius of curvature of no curve is below, proven; at least what was asked for, but for `too_tight`
    too_tight
        numbers of curves for which no shape with the radius asked for was found
    fallen_back
        numbers of curves that kept their first shape, because the refined one crossed another or itself
    stopped_early
        whether `report` asked to stop
    """

    curves: tuple[Curve, ...]
    history: tuple[NDArray[np.float64], ...]
    min_radius_nm: float
    too_tight: tuple[int, ...]
    fallen_back: tuple[int, ...]
    stopped_early: bool

    @property
    def control_points(self) -> int:
        """Number of control points of all curves."""
        return sum(len(curve) for curve in self.curves)


Report = Callable[[int, int, float], bool]
"""called after each step with round (from 0), step (from 1) and loss; True stops, the best so far is kept"""


def spline_ilt(
    outlines: Sequence[Floats],
    problem: StageProblem,
    settings: SplineSettings = SplineSettings(),
    report: Report | None = None,
) -> SplineResult:
    """Make a mask of closed cubic curves out of outlines, and refine it.

    Parameters
    ----------
    outlines
        of any mask, each (n, 2) points (x, y) in nm, counter-clockwise around islands and clockwise around holes
    problem
        loss and chain of one clip, see `litho.pixel_ilt.stage_problem`; its target is (1, my, mx) on the print grid
    settings
        see `SplineSettings`
    report
        see `Report`

    Returns
    -------
    SplineResult
    """
    first = _all_kept(first_curves(outlines, settings), settings.min_radius_nm)
    history: list[NDArray[np.float64]] = []
    asked = False
    refined = first
    for number, weight in enumerate(settings.penalties_nm2 if first else ()):
        refined, values, asked = _refined(refined, problem, settings, weight, _progress(report, number))
        history.append(values)
        if asked:
            break
    found, back = kept_apart(first, _all_kept(refined, settings.min_radius_nm))
    bounds = [radius_bound_nm(curve) for curve in found]
    tight = tuple(k for k, bound in enumerate(bounds) if bound < settings.min_radius_nm)
    return SplineResult(tuple(found), tuple(history), min(bounds, default=np.inf), tight, tuple(back), asked)


def first_curves(outlines: Sequence[Floats], settings: SplineSettings) -> list[Curve]:
    """Return curves fitted to outlines, which do not cross; outlines below the smallest area are left out.

    Where coarse curves cross, they are fitted again, each time to half the tolerance.
    """
    kept = [o for o in outlines if abs(polygon_area_nm2(o)) >= max(settings.min_area_nm2, 1e-9)]
    kept = [simplify(outline, SIMPLER * settings.fit_tolerance_nm) for outline in kept]
    tolerances = np.full(len(kept), (1 - SIMPLER) * settings.fit_tolerance_nm)
    curves = [fit_curve(outline, tolerance) for outline, tolerance in zip(kept, tolerances, strict=True)]
    for _ in range(5):
        crossing = crossing_curves(curves)
        if not crossing:
            return curves
        for k in crossing:
            tolerances[k] /= 2
            curves[k] = fit_curve(kept[k], tolerances[k])
    raise ValueError("`outlines` must be apart from each other, but curves fitted to them cross.")


def curve_objective(
    counts: tuple[int, ...], start: Floats, problem: StageProblem, settings: SplineSettings, weight: float
) -> Objective:
    """Return the function of control points (1, m, 2) that is minimised: loss of the prints and penalty.

    Parameters
    ----------
    counts
        control points of each curve
    start : (m, 2)
        where the control points begin: the Gauss points, and the lengths they stand for, are chosen there
    problem
        loss and chain of one clip
    settings
        see `SplineSettings`
    weight
        of the penalty, nm^2
    """
    model = problem.model
    grid, radius = model.mask_grid, model.kernels[0].radius
    stretched = (radius[0] * LONGER, radius[1] * LONGER)
    sampling = CurveSampling(counts, points_needed(start, counts, grid, stretched, SPECTRUM_ERROR))
    checked = CurveSampling(counts, CHECKED_POINTS)
    lengths, limits, target = lengths_nm(start, checked), settings.limits, problem.target

    def value_and_gradient(x: Array) -> tuple[Array, Array]:
        half, saved = curve_band(x[0], sampling, grid, radius)
        intensity, saved_fields = band_images(like(half, target, complex_dtype(target))[None, ...], model)
        value, intensity_bar = print_loss(intensity, problem.cost)
        half_bar = to_host(band_images_adjoint(intensity_bar, saved_fields, model))[0]
        gradient = curve_band_adjoint(half_bar, saved, sampling, grid)
        penalty, penalty_bar = curve_penalty(x[0], checked, lengths, limits)
        return to_host(value).astype(np.float64) + weight * penalty, (gradient + weight * penalty_bar)[None, ...]

    return value_and_gradient


def kept_to_radius(curve: Curve, min_radius_nm: float) -> Curve | None:
    """Return the curve near a given one whose radius of curvature is nowhere below the smallest, proven.

    Its control points are moved as little as possible, in the sense of least squares, under a price for bends that is
    raised until the bound holds. None if it never does.
    """
    shape = _unkinked(curve, KINK * min_radius_nm)
    for number in range(PRICES):
        if radius_bound_nm(shape) >= min_radius_nm:
            return shape
        shape = _bent_less(shape, min_radius_nm * (1.06 + 0.02 * number), FIRST_PRICE * 4.0**number)
    return None


def _unkinked(curve: Curve, radius_nm: float) -> Curve:
    """Return a curve whose control points are averaged with their neighbours at bends tighter than a radius.

    They are averaged as often as that makes the tightest of all bends wider.
    """
    best, bound = curve, radius_bound_nm(curve)
    points = curve.control_points
    for _ in range(SMOOTHINGS):
        if bound >= radius_nm:
            break
        bent = radius_bounds_nm(Curve(points)) < radius_nm
        near = np.any([np.roll(bent, k) for k in range(-1, 3)], axis=0)[:, None]  # control points of these pieces
        points = np.where(near, (np.roll(points, 1, axis=0) + 2 * points + np.roll(points, -1, axis=0)) / 4, points)
        if (smoother := radius_bound_nm(Curve(points))) > bound:
            best, bound = Curve(points), smoother
    return best


def _bent_less(curve: Curve, radius_nm: float, price: float) -> Curve:
    """Return a curve moved as little as possible, in the sense of least squares, under a price for bends."""
    start = curve.control_points
    sampling = CurveSampling((len(curve),), CHECKED_POINTS)
    lengths, limits = lengths_nm(start, sampling), CurveLimits(radius_nm)

    def objective(moved: Array) -> tuple[Array, Array]:
        cost, cost_bar = curve_penalty(moved[0], sampling, lengths, limits)
        off = moved[0] - start
        return np.array([price * cost + np.sum(off * off) / 2]), (price * cost_bar + off)[None, ...]

    moved, _, _ = minimize(objective, start[None, ...], PRICE_STEPS, LbfgsSettings(first_step=0.2, largest_step=2.0))
    return Curve(moved[0])


def _progress(report: Report | None, number: int) -> Callable[[int, Array], bool] | None:
    if report is None:
        return None
    return lambda step, values: report(number, step, float(values[0]))


def _refined(
    curves: Sequence[Curve],
    problem: StageProblem,
    settings: SplineSettings,
    weight: float,
    progress: Callable[[int, Array], bool] | None,
) -> tuple[list[Curve], NDArray[np.float64], bool]:
    """Return the curves after one round, the loss at each of its steps, and whether `progress` asked to stop."""
    start, counts = join_curves(curves)
    objective = curve_objective(counts, start, problem, settings, weight)
    x, values, asked = minimize(objective, start[None, ...], settings.steps, settings.optimizer, progress)
    return split_curves(x[0], counts), np.array([float(v[0]) for v in values]), asked


def kept_apart(first: Sequence[Curve], refined: Sequence[Curve]) -> tuple[list[Curve], list[int]]:
    """Return refined curves, those that cross another one or themselves at their first shape, and their numbers."""
    found, back = list(refined), set[int]()
    while crossing := set(crossing_curves(found)) - back:
        back |= crossing
        for k in crossing:
            found[k] = first[k]
    return found, sorted(back)


def _all_kept(curves: Sequence[Curve], min_radius_nm: float) -> list[Curve]:
    """Return curves with the smallest radius; those for which no such shape is found stay as they are."""
    return [kept_to_radius(curve, min_radius_nm) or curve for curve in curves]
