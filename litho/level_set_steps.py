"""One leg of level-set steps, from a signed distance to the next: quasi-Newton, or explicit down the gradient.

No step moves an edge farther than a share of a pixel (CFL), and none is taken that does not lower the loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from litho.backend import Array, array_module
from litho.diffusion import Diffusion
from litho.grid import Grid
from litho.level_set import level_coverage, level_coverage_adjoint, step_limit, upwind_slope
from litho.optimize import LbfgsSettings, Progress, minimize
from litho.pixel_ilt import StageProblem

Leg = tuple[Array, list[Array], bool]
"""level after the leg, values (clips,) at its start and after each step, and whether somebody asked to stop"""


@dataclass(frozen=True)
class LevelProblem:
    """The loss of a mask that is given as a level set.

    Parameters
    ----------
    stage
        chain, target and weights on the grid of a stage
    """

    stage: StageProblem

    @property
    def grid(self) -> Grid:
        """Grid of the mask."""
        return self.stage.model.mask_grid

    @property
    def smoothing(self) -> Diffusion:
        """Gaussian that keeps velocities smooth."""
        return self.stage.smoothing

    def loss(self, level: Array) -> tuple[Array, Array, Array]:
        """Return the loss of each clip (clips,), its derivative by coverage, and by level, (clips, ny, nx)."""
        free = self.stage.free
        inside, cut = level_coverage(level)
        value, coverage_bar = self.stage.of_coverage(inside if free is None else inside * free)
        coverage_bar = coverage_bar if free is None else coverage_bar * free
        return value, coverage_bar, level_coverage_adjoint(coverage_bar, cut)


def quasi_newton(
    problem: LevelProblem,
    level: Array,
    steps: int,
    cfl: float,
    optimizer: LbfgsSettings,
    progress: Progress | None = None,
) -> Leg:
    """Move edges by L-BFGS steps.

    The variables are a field that is added to the level after smoothing, so that every step is a smooth velocity.
    Parameters are those of `minimize`, but for the length of steps: no level changes by more than `cfl` pixels in one.
    """
    longest = cfl * min(problem.grid.pixel_nm)
    settings = replace(optimizer, first_step=0.5 * longest, largest_step=longest)

    def objective(x: Array) -> tuple[Array, Array]:
        value, _, level_bar = problem.loss(level + problem.smoothing(x))
        return value, problem.smoothing.adjoint(level_bar)

    x, values, asked = minimize(objective, array_module(level).zeros_like(level), steps, settings, progress)
    return level + problem.smoothing(x), values, asked


def explicit(
    problem: LevelProblem,
    level: Array,
    steps: int,
    cfl: float,
    momentum: float,
    progress: Progress | None = None,
) -> Leg:
    """Move edges against the shape gradient, in explicit upwind steps.

    The outward speed of an edge is minus the smoothed derivative of the loss by coverage; with momentum, plus a share
    of the last step's. The time step of each clip is its CFL limit; a step that would not lower the loss is not taken,
    its clip forgets its momentum and halves its steps, which grow again by a tenth when they succeed.
    """
    xp = array_module(level)
    value, coverage_bar, _ = problem.loss(level)
    speed, last = -problem.smoothing(coverage_bar), xp.zeros_like(level)
    share, values, asked = xp.ones_like(value), [value], False
    for count in range(1, steps + 1):
        tried = _normalised(speed, problem.grid) + momentum * last
        time = share * xp.minimum(step_limit(tried, problem.grid, cfl), xp.full_like(share, 1e30))
        trial = level + time[:, None, None] * tried * upwind_slope(level, tried, problem.grid)
        trial_value, trial_bar, _ = problem.loss(trial)
        lower = trial_value < value
        good = lower[:, None, None]
        level = xp.where(good, trial, level)
        speed = xp.where(good, -problem.smoothing(trial_bar), speed)
        last = xp.where(good, tried, xp.zeros_like(tried))
        value = xp.where(lower, trial_value, value)
        share = xp.where(lower, xp.minimum(1.1 * share, xp.ones_like(share)), 0.5 * share)
        values.append(value)
        if progress is not None and progress(count, value):
            asked = True
            break
    return level, values, asked


def _normalised(speed: Array, grid: Grid) -> Array:
    """Scale the speeds of each field so that the fastest edge moves a pixel per unit of time."""
    xp = array_module(speed)
    limit = step_limit(speed, grid, 1.0)
    return speed * xp.where(limit < 1e30, limit, xp.zeros_like(limit))[:, None, None]
