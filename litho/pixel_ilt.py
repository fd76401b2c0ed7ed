"""Inverse lithography on pixels: the mask whose prints come closest to the target at every corner.

A level field is optimised from coarse to fine grids while its steps sharpen, each stage by quasi-Newton steps on the
exact gradient. The mask is where the level is positive: a smooth curve, not a staircase.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

from litho.backend import Array, array_module, to_host
from litho.diffusion import Diffusion, gaussian_diffusion
from litho.grid import Grid
from litho.losses import LossWeights, PrintCost, loss_of_prints
from litho.mask import Mask
from litho.model import PrintModel, aerial_images, aerial_images_adjoint, print_model
from litho.optimize import LbfgsSettings, Objective, minimize
from litho.parametrize import (
    block_mean,
    mask_of_level,
    mask_of_level_adjoint,
    resample,
)
from litho.print_loss import print_loss
from litho.process import Process
from litho.socs import Kernels

QUIET_NM = 40.0
"""Farther than this from the target's edge a print is a side lobe, not an edge that came out wrong."""

BESIDE_AN_EDGE = 0.5 * math.erfc(math.sqrt(2))
"""What a Gaussian leaves of a half plane at two standard deviations from its edge."""


@dataclass(frozen=True)
class Stage:
    """One leg of the way from coarse to fine.

    Parameters
    ----------
    pixel_nm
        grid of variables and mask, and of the print
    steps
        the most optimiser steps
    mask_steepness
        slope of the sigmoid that makes the level a mask
    resist_steepness
        slope of the sigmoid that makes the intensity a print
    kernels
        number of kernels, the first of each focus; all if not given: weak ones can wait for the last stages
    print_pixel_nm
        finer grid of the print; `pixel_nm` if not given: a steep resist needs a fine one, a smooth mask does not
    """

    pixel_nm: float
    steps: int
    mask_steepness: float
    resist_steepness: float
    kernels: int | None = None
    print_pixel_nm: float | None = None

    def __post_init__(self) -> None:
        if self.print_pixel_nm is not None and not 0 < self.print_pixel_nm <= self.pixel_nm:
            rule = f"must be over 0 and at most `pixel_nm` ({self.pixel_nm})"
            raise ValueError(f"`print_pixel_nm` {rule}, but got {self.print_pixel_nm}.")
        if self.kernels is not None and self.kernels < 1:
            raise ValueError(f"`kernels` must be at least 1, but got {self.kernels}.")
        for name in ("pixel_nm", "steps", "mask_steepness", "resist_steepness"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")


@dataclass(frozen=True)
class IltSettings:
    """How a mask is optimised.

    Parameters
    ----------
    stages
        from coarse to fine
    weights
        see `LossWeights`
    smoothing_nm
        standard deviation of the Gaussian that turns variables into the level: small features of the mask are at least
        about twice as wide
    start_inside, start_outside
        level at the start, inside and outside the target; small negative values outside let assist features grow
    optimizer
        see `LbfgsSettings`
    """

    stages: tuple[Stage, ...] = (
        Stage(8, 25, 4, 30),
        Stage(8, 15, 8, 50),
        Stage(4, 20, 16, 100),
        Stage(4, 20, 16, 200),
    )
    weights: LossWeights = LossWeights()
    smoothing_nm: float = 10.0
    start_inside: float = 0.4
    start_outside: float = -0.35
    optimizer: LbfgsSettings = LbfgsSettings()

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("`stages` must hold at least one stage, but got none.")
        if not self.start_outside < self.start_inside:
            raise ValueError(
                f"`start_outside` must be below `start_inside`, but got {self.start_outside} and {self.start_inside}."
            )


@dataclass(frozen=True)
class StageHistory:
    """Loss of each clip in one stage: values (steps + 1, clips) in weighted nm^2, row 0 at the stage's start."""

    stage: Stage
    values: Array


@dataclass(frozen=True)
class IltResult:
    """Optimised masks.

    Parameters
    ----------
    level : (clips, ny, nx) real
        on the target's grid; the mask is where it is positive
    history
        one entry per stage that ran
    stopped_early
        whether `report` asked to stop
    """

    level: Array
    history: tuple[StageHistory, ...]
    stopped_early: bool


Report = Callable[[int, int, Array], bool]
"""called after each step with stage (from 0), step (from 1) and values (clips,); True stops, the best so far is kept"""


def ilt(
    target: Array,
    grid: Grid,
    process: Process,
    kernels: tuple[Kernels, ...],
    settings: IltSettings = IltSettings(),
    *,
    mask: Mask = Mask(),
    probes: Array | None = None,
    free: Array | None = None,
    report: Report | None = None,
) -> IltResult:
    """Optimise masks for one batch of clips.

    Parameters
    ----------
    target : (clips, ny, nx) real, in 0..1
        coverage of the wanted shapes on `grid`
    grid
        scoring grid; its pixels must divide those of every stage
    process
        corners and resist threshold
    kernels
        one set per focus of `process`, for this field
    settings
        see `IltSettings`
    mask
        what is transmitted where; binary, drawn shapes open, if not given
    probes : (clips, ny, nx) real, optional
        nm^2 that a wrong print at each pixel costs; needed if the weight of `epe` is not 0
    free : (clips, ny, nx) real in 0..1, optional
        where the mask may be open; everywhere if not given
    report
        see `Report`

    Returns
    -------
    IltResult
    """
    check_arrays(target, grid, settings.weights, probes, free)
    xp = array_module(target)
    history = []
    x: Array = None
    for number, stage in enumerate(settings.stages):
        problem = stage_problem(target, grid, process, kernels, settings, stage, mask=mask, probes=probes, free=free)
        x = problem.start(settings) if x is None else resample(x, problem.model.mask_grid.shape)
        progress = None if report is None else partial(report, number)
        x, values, asked = minimize(problem.objective(), x, stage.steps, settings.optimizer, progress)
        history.append(StageHistory(stage, xp.stack(values)))
        if asked:
            break
    level = resample(problem.smoothing(x), grid.shape)
    if free is not None:
        level = xp.where(free > 0, level, -xp.abs(level))
    return IltResult(level, tuple(history), asked)


@dataclass(frozen=True)
class StageProblem:
    """What a stage minimises: the chain, the target and probes on its grid; made by `stage_problem`."""

    model: PrintModel
    smoothing: Diffusion
    target: Array
    probes: Array | None
    free: Array | None
    weights: LossWeights
    mask_steepness: float
    quiet: Array | None = None  # (clips, my, mx), 1 where nothing may print

    def start(self, settings: IltSettings) -> Array:
        """Return the first variables, (clips, ny, nx)."""
        inside = block_mean(self.target, self.model.mask_grid.shape)
        return settings.start_outside + (settings.start_inside - settings.start_outside) * inside

    @cached_property
    def cost(self) -> PrintCost:
        """What is punished."""
        area = self.model.print_grid.pixel_area_nm2
        return self.weights.cost(self.model.process, self.target, area, self.probes, self.quiet)

    def loss(self, printed: Array) -> tuple[Array, Array]:
        """Return the weighted loss of each clip, (clips,), and the gradient of their sum, (corners, clips, ny, nx)."""
        value, bars = loss_of_prints([printed[corner, ...] for corner in range(printed.shape[0])], self.cost)
        return value, array_module(printed).stack(bars)

    def of_coverage(self, coverage: Array) -> tuple[Array, Array]:
        """Return the weighted loss of each mask, (clips,), and its gradient by coverage, (clips, ny, nx)."""
        intensity, saved = aerial_images(coverage, self.model)
        value, intensity_bar = print_loss(intensity, self.cost)
        return value, aerial_images_adjoint(intensity_bar, saved, self.model)

    def objective(self) -> Objective:
        """Return the function that `minimize` calls."""

        def value_and_gradient(x: Array) -> tuple[Array, Array]:
            coverage, inside = mask_of_level(self.smoothing(x), self.mask_steepness, self.free)
            value, coverage_bar = self.of_coverage(coverage)
            level_bar = mask_of_level_adjoint(coverage_bar, inside, self.mask_steepness, self.free)
            return value, self.smoothing.adjoint(level_bar)

        return value_and_gradient


def stage_problem(
    target: Array,
    grid: Grid,
    process: Process,
    kernels: tuple[Kernels, ...],
    settings: IltSettings,
    stage: Stage,
    *,
    mask: Mask = Mask(),
    probes: Array | None = None,
    free: Array | None = None,
) -> StageProblem:
    """Put a problem on the grid of one stage; arguments as in `ilt`."""
    coarse = grid.resampled(stage.pixel_nm)
    resist = replace(process.resist, steepness=stage.resist_steepness)
    if stage.kernels is not None:
        kernels = tuple(k.truncated(min(stage.kernels, len(k.weights))) for k in kernels)
    printed = coarse if stage.print_pixel_nm is None else grid.resampled(stage.print_pixel_nm)
    model = print_model(coarse, Process(process.corners, resist), kernels, target, mask=mask, print_grid=printed)
    count = (printed.shape[0] * printed.shape[1]) / (grid.shape[0] * grid.shape[1])
    sharp = stage.resist_steepness >= settings.stages[-1].resist_steepness
    return StageProblem(
        model,
        gaussian_diffusion(coarse, settings.smoothing_nm, target),
        block_mean(target, printed.shape),
        None if probes is None else block_mean(probes, printed.shape) * (1 / count),
        None if free is None else block_mean(free, coarse.shape),
        settings.weights,
        stage.mask_steepness,
        quiet_region(target, printed) if sharp and settings.weights.side_lobes > 0 else None,
    )


def quiet_region(target: Array, printed: Grid) -> Array:
    """Return the share of each pixel where nothing may print, (..., my, mx) on the grid of prints.

    That is where a Gaussian of half `QUIET_NM` leaves no more of the target than beside a straight edge at `QUIET_NM`.
    """
    blurred = gaussian_diffusion(printed, QUIET_NM / 2, target)(block_mean(target, printed.shape))
    return array_module(target).astype(blurred < BESIDE_AN_EDGE, blurred.dtype)


def check_arrays(target: Array, grid: Grid, weights: LossWeights, probes: Array | None, free: Array | None) -> None:
    """Refuse arrays that do not belong together; arguments as in `ilt`."""
    xp = array_module(target)
    if len(target.shape) != 3 or tuple(target.shape[1:]) != grid.shape:
        raise ValueError(f"`target` must have shape (clips, {grid.shape[0]}, {grid.shape[1]}), but got {target.shape}.")
    if not bool(to_host(xp.all(xp.isfinite(target)))):
        raise ValueError("`target` must be finite, but it holds NaN or infinity.")
    if weights.epe > 0 and probes is None:
        raise ValueError("`probes` must be given if the weight of `epe` is not 0.")
    for name, array in (("probes", probes), ("free", free)):
        if array is not None and tuple(array.shape) != tuple(target.shape):
            shape = tuple(target.shape)
            raise ValueError(f"`{name}` must have the target's shape {shape}, but got {tuple(array.shape)}.")
    if free is not None and bool(to_host(xp.any((target > 0) & (free <= 0)))):
        raise ValueError("`free` must hold the target, but some of it lies where the mask may have no shapes.")
