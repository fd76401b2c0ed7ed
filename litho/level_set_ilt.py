"""Level-set inverse lithography: the mask's edges themselves are moved, at full contrast from the first step on.

The mask is where a field is positive, and the field is kept a signed distance in nm. Edges move against the exact shape
gradient, in legs of steps; after each leg distances are made anew. Islands are born where the topological derivative
says so (`litho.nucleation`), and a leg is kept for a clip only if it lowered that clip's loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from litho.backend import Array, array_module, to_host
from litho.diffusion import gaussian_diffusion
from litho.grid import Grid
from litho.level_set_steps import Leg, LevelProblem, explicit, quasi_newton
from litho.losses import LossWeights
from litho.mask import Mask
from litho.nucleation import Seeding, seeded
from litho.optimize import LbfgsSettings, Progress
from litho.parametrize import resample
from litho.pixel_ilt import (
    IltResult,
    IltSettings,
    Report,
    Stage,
    StageHistory,
    check_arrays,
    stage_problem,
)
from litho.process import Process
from litho.signed_distance import signed_distance
from litho.socs import Kernels

METHODS = ("quasi-newton", "explicit")


@dataclass(frozen=True)
class LevelSetStage:
    """One leg of the way from coarse to fine.

    Parameters
    ----------
    pixel_nm
        grid of level, mask and print
    steps
        the most steps
    resist_steepness
        slope of the sigmoid that makes the intensity a print
    seedings
        how often islands may be born: before the second leg and so on, see `LevelSetSettings.leg_steps`
    kernels
        number of kernels, the first of each focus; all if not given
    """

    pixel_nm: float
    steps: int
    resist_steepness: float
    seedings: int = 0
    kernels: int | None = None

    def __post_init__(self) -> None:
        if self.seedings < 0:
            raise ValueError(f"`seedings` must be at least 0, but got {self.seedings}.")
        self.as_stage()

    def as_stage(self) -> Stage:
        """Return the stage for `litho.pixel_ilt.stage_problem`; its mask is as steep as an edge across one pixel."""
        return Stage(self.pixel_nm, self.steps, 4 / self.pixel_nm, self.resist_steepness, self.kernels)


@dataclass(frozen=True)
class LevelSetSettings:
    """How edges are moved.

    Parameters
    ----------
    stages
        from coarse to fine
    weights
        see `litho.losses.LossWeights`
    smoothing_nm
        standard deviation of the Gaussian that smooths velocities
    rounding_nm
        standard deviation of the Gaussian that the level is smoothed by at each stage's start and after each seeding:
        edges move by their curvature for a time of half its square
    reach_nm
        distances are clipped at plus and minus this; at least 3 pixels of the coarsest stage
    leg_steps
        steps between re-initialisations
    reinitialise
        whether distances are made anew after each leg; else only at the start of a stage and where islands are born
    cfl
        share of a pixel that an edge may move in one step
    method
        "quasi-newton" or "explicit"
    momentum
        share of the last velocity that an explicit step adds
    optimizer
        of quasi-Newton steps; the CFL limit takes the place of its `first_step` and `largest_step`
    seeding
        see `litho.nucleation.Seeding`
    """

    stages: tuple[LevelSetStage, ...] = (
        LevelSetStage(8, 60, 30, seedings=2),
        LevelSetStage(8, 20, 50),
        LevelSetStage(4, 20, 100),
        LevelSetStage(4, 20, 200),
    )
    weights: LossWeights = LossWeights()
    smoothing_nm: float = 10.0
    rounding_nm: float = 8.0
    reach_nm: float = 32.0
    leg_steps: int = 20
    reinitialise: bool = True
    cfl: float = 0.75
    method: str = "quasi-newton"
    momentum: float = 0.8
    optimizer: LbfgsSettings = LbfgsSettings()
    seeding: Seeding = field(default_factory=Seeding)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("`stages` must hold at least one stage, but got none.")
        if self.method not in METHODS:
            raise ValueError(f"`method` must be one of {', '.join(METHODS)}, but got {self.method!r}.")
        if self.leg_steps < 1:
            raise ValueError(f"`leg_steps` must be at least 1, but got {self.leg_steps}.")
        if not 0 < self.cfl <= 1:
            raise ValueError(f"`cfl` must be in 0..1 and not 0, but got {self.cfl}.")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"`momentum` must be in 0..1 and below 1, but got {self.momentum}.")
        coarsest = max(stage.pixel_nm for stage in self.stages)
        if not 3 * coarsest <= self.reach_nm < math.inf:
            raise ValueError(f"`reach_nm` must be at least 3 pixels of {coarsest:g} nm, but got {self.reach_nm}.")


def level_set_ilt(
    target: Array,
    grid: Grid,
    process: Process,
    kernels: tuple[Kernels, ...],
    settings: LevelSetSettings = LevelSetSettings(),
    *,
    mask: Mask = Mask(),
    probes: Array | None = None,
    free: Array | None = None,
    report: Report | None = None,
) -> IltResult:
    """Optimise masks for one batch of clips by moving their edges; arguments as those of `litho.pixel_ilt.ilt`.

    Returns
    -------
    IltResult
        its level is in nm, near edges the distance to them. Losses in its history are those of the best mask so far
    """
    check_arrays(target, grid, settings.weights, probes, free)
    xp = array_module(target)
    history = []
    level: Array = None
    stages = tuple(stage.as_stage() for stage in settings.stages)
    common = IltSettings(stages, settings.weights, settings.smoothing_nm)
    for number, stage in enumerate(settings.stages):
        problem = LevelProblem(
            stage_problem(target, grid, process, kernels, common, stages[number], mask=mask, probes=probes, free=free)
        )
        walk = _Walk(problem, settings, number, report)
        level = walk.start() if level is None else walk.rounded(resample(level, problem.grid.shape))
        level, values, asked = walk.through(level, stage)
        history.append(StageHistory(stages[number], xp.stack(values)))
        if asked:
            break
    level = resample(level, grid.shape)
    if free is not None:
        level = xp.where(free > 0, level, -xp.abs(level))
    return IltResult(level, tuple(history), asked)


@dataclass(frozen=True)
class _Walk:
    """The way through one stage."""

    problem: LevelProblem
    settings: LevelSetSettings
    number: int
    report: Report | None

    def start(self) -> Array:
        """Return the level of the target, its corners rounded."""
        target = self.problem.stage.target
        sigma = max(self.settings.smoothing_nm, *self.problem.grid.pixel_nm)
        return self.distance(gaussian_diffusion(self.problem.grid, sigma, target)(target) - 0.5)

    def distance(self, level: Array) -> Array:
        return signed_distance(level, self.problem.grid, self.settings.reach_nm)

    def rounded(self, level: Array) -> Array:
        """Return the level after a short curvature flow, as a distance."""
        return self.distance(gaussian_diffusion(self.problem.grid, self.settings.rounding_nm, level)(level))

    def through(self, level: Array, stage: LevelSetStage) -> Leg:
        """Take the legs of a stage, each kept for the clips that gained; one that did not has ended.

        Others may go on: what is left for them may be a shorter leg, and that may lower a loss that a long one did not.
        """
        xp = array_module(level)
        best, coverage_bar, _ = self.problem.loss(level)
        values, asked, done, leg, active = [best], False, 0, 0, best == best
        while done < stage.steps and not asked:
            steps = min(self.settings.leg_steps, stage.steps - done)
            seeding = 1 <= leg <= stage.seedings
            trial = self.seeded(level, coverage_bar) if seeding else level
            trial, seen, asked = self.leg(trial, steps, self.progress(done, best))
            again = self.distance(trial) if self.settings.reinitialise else trial
            value, trial_bar, _ = self.problem.loss(again)
            good = active & (value < best)
            kept = xp.where(good, value, best)
            # what is told of a leg is not below what it leaves behind
            values += [xp.maximum(xp.minimum(best, v), kept) for v in seen[1:-1]] + [kept]
            level, coverage_bar = (
                xp.where(good[:, None, None], a, b) for a, b in ((again, level), (trial_bar, coverage_bar))
            )
            best, done, leg = kept, done + steps, leg + 1
            active = good if leg > stage.seedings else active
            if not bool(to_host(xp.any(active))):
                break
        return level, values, asked

    def leg(self, level: Array, steps: int, progress: Progress | None) -> Leg:
        if self.settings.method == "explicit":
            return explicit(self.problem, level, steps, self.settings.cfl, self.settings.momentum, progress)
        return quasi_newton(self.problem, level, steps, self.settings.cfl, self.settings.optimizer, progress)

    def seeded(self, level: Array, coverage_bar: Array) -> Array:
        settings = self.settings
        return self.rounded(seeded(level, coverage_bar, self.problem.grid, settings.seeding, settings.reach_nm))

    def progress(self, done: int, best: Array) -> Progress | None:
        """Return what a leg reports to: steps counted through the stage, losses of the best mask so far."""
        report = self.report
        if report is None:
            return None
        return lambda step, value: report(self.number, done + step, array_module(best).minimum(best, value))
