"""Prints, losses and optimiser: three corners, two foci, 24 kernels each."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.cases import Case, batch
from benchmarks.timing import finished
from litho.backend import Array
from litho.losses import LossWeights, loss_of_prints
from litho.model import PrintModel, aerial_images, print_mask, print_mask_adjoint, print_model
from litho.optimize import LbfgsSettings, minimize
from litho.pixel_ilt import IltSettings, Stage, StageProblem, stage_problem
from litho.process import expose
from litho.resist import develop

STEPS = 5
COARSE_NM = (8.0, 4.0)


@pytest.fixture(scope="module")
def model(immersion: Case) -> PrintModel:
    return print_model(immersion.grid, immersion.process, immersion.kernels, immersion.target)


@pytest.fixture(params=COARSE_NM, ids=lambda pixel: f"{pixel:g} nm")
def stage(request: pytest.FixtureRequest, immersion: Case) -> tuple[StageProblem, Array]:
    """Return a batch of two clips on the grid of a stage, and where it starts."""
    pixel_nm = max(request.param, immersion.grid.pixel_nm[0])
    settings, targets = IltSettings(), batch(immersion.target, 2)
    leg = Stage(pixel_nm, STEPS, mask_steepness=8, resist_steepness=50)
    problem = stage_problem(targets, immersion.grid, immersion.process, immersion.kernels, settings, leg)
    return problem, problem.start(settings)


def test_develop_and_losses(benchmark: Any, immersion: Case, model: PrintModel) -> None:
    exposed = expose(aerial_images(immersion.target, model)[0], immersion.process)
    cost = LossWeights().cost(immersion.process, immersion.target, 1.0)

    def losses() -> Array:
        printed, _ = develop(exposed, immersion.process.resist)
        return loss_of_prints(list(printed), cost)[1][0]

    benchmark(finished(losses))


def test_prints_at_three_corners(benchmark: Any, immersion: Case, model: PrintModel) -> None:
    benchmark(finished(lambda: print_mask(immersion.target, model)[0]))


def test_prints_at_three_corners_and_adjoint(benchmark: Any, immersion: Case, model: PrintModel) -> None:
    def forward_and_back() -> Array:
        printed, saved = print_mask(immersion.target, model)
        return print_mask_adjoint(printed, saved, model)

    benchmark(finished(forward_and_back))


def test_loss_and_gradient_of_two_clips(benchmark: Any, stage: tuple[StageProblem, Array]) -> None:
    problem, start = stage
    objective = problem.objective()
    benchmark(finished(lambda: objective(start)[1]))


def test_lbfgs_five_steps_of_two_clips(benchmark: Any, stage: tuple[StageProblem, Array]) -> None:
    problem, start = stage
    objective, settings = problem.objective(), LbfgsSettings(tolerance=0)
    benchmark.pedantic(finished(lambda: minimize(objective, start, STEPS, settings)[0]), rounds=5, warmup_rounds=1)
