"""Edge-based optical proximity correction: fragments move until the print's edges stand on the target's.

    corrected = correct_fragments(fragments, model, EdgeOpcSettings())
    mask = moved_outlines(fragments, corrected.moves_nm)

Each step solves the least-squares problem of all edge placement errors, at every corner of the process that counts,
with the exact matrix of their derivatives: neighbours know of each other, which moves in proportion to their own error
do not. Damping rises where a step brings nothing (Levenberg and Marquardt), limits are kept, and the best is returned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.edge_image import CornerErrors, EdgeModel, corner_errors, edge_images
from litho.edge_moves import MovingEdges, moving_edges
from litho.edge_placement import TargetSites
from litho.fragments import Bits, Fragments


@dataclass(frozen=True)
class StepSettings:
    """How fragments are moved.

    Parameters
    ----------
    steps
        the most steps to take
    largest_step_nm
        largest move of a fragment in one step
    damping
        of the first step: weight of a move against the error that it removes
    jog_weight
        what the square of a jog between neighbours costs, against that of an error: few jogs make few shots
    window_weight
        weight of the errors at the corners after the nominal one; 0 looks at the nominal one only
    tolerance_nm
        enough: root mean square of the nominal errors
    gain
        a correction ends where three steps together gained less than this share
    reach_nm
        a printed edge farther away than this is lost
    """

    steps: int = 15
    largest_step_nm: float = 15.0
    damping: float = 0.1
    jog_weight: float = 0.01
    window_weight: float = 0.3
    tolerance_nm: float = 0.005
    gain: float = 0.01
    reach_nm: float = 40.0

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError(f"`steps` must be at least 0, but got {self.steps}.")
        for name in ("largest_step_nm", "damping", "tolerance_nm", "reach_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")
        for name in ("jog_weight", "window_weight", "gain"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"`{name}` must be at least 0, but got {value}.")


@dataclass(frozen=True, eq=False)
class Corrected:
    """Moves that were found.

    Parameters
    ----------
    moves_nm : (m,) real
        of each fragment, outwards; the best that were seen
    costs : (steps + 1,) real
        what was minimised, nm^2: at the start and after each step, the best so far
    rms_nm : (steps + 1,) real
        root mean square of the nominal errors of these
    lost
        sites without a printed edge in reach
    ended
        why: "tolerance", "no gain", "steps", "asked" or "diverged"
    """

    moves_nm: Floats
    costs: Floats
    rms_nm: Floats
    lost: int
    ended: str


Report = Callable[[int, float], bool]
"""called after each step with its number, from 1, and the cost; True stops, the best so far is kept"""


@dataclass(frozen=True, eq=False)
class _State:
    moves: Floats
    errors: tuple[CornerErrors, ...]
    cost: float

    @property
    def rms(self) -> float:
        return math.sqrt(float(np.mean(self.errors[0].error_nm ** 2)))


def correct_fragments(
    fragments: Fragments,
    model: EdgeModel,
    settings: StepSettings = StepSettings(),
    *,
    start_nm: Floats | None = None,
    limits_nm: tuple[Floats, Floats] | None = None,
    counted: Bits | None = None,
    report: Report | None = None,
) -> Corrected:
    """Move fragments until the print's edges stand on the target's.

    Parameters
    ----------
    fragments
        of the target, see `litho.fragments`
    model
        lens and process
    settings
        see `StepSettings`
    start_nm : (m,) real, optional
        first moves, such as those of rules; 0 if not given
    limits_nm
        smallest and largest move of each fragment, (m,) each; none if not given
    counted : (m,) bool, optional
        fragments whose sites count; all that can move if not given
    report
        see `Report`
    """
    count = len(fragments)
    low, high = limits_nm if limits_nm is not None else (np.full(count, -np.inf), np.full(count, np.inf))
    low, high = np.where(fragments.fixed, 0.0, low), np.where(fragments.fixed, 0.0, high)
    problem = _Problem(
        fragments, moving_edges(fragments), model, settings, ~fragments.fixed if counted is None else counted
    )
    state = problem.state(np.clip(np.zeros(count) if start_nm is None else start_nm, low, high))
    if not math.isfinite(state.cost):
        raise ValueError("`start_nm` must be finite moves that a mask can be made with, but its image is not finite.")
    costs, rms, damping, ended = [state.cost], [state.rms], settings.damping, "steps"
    for number in range(1, settings.steps + 1):
        if state.rms <= settings.tolerance_nm:
            ended = "tolerance"
            break
        trial = problem.state(_stepped(state, problem, damping, (low, high)))
        better = trial.cost < state.cost  # false for a cost that is not a number
        state, damping = (trial, damping / 3) if better else (state, damping * 6)
        costs.append(state.cost)
        rms.append(state.rms)
        if report is not None and report(number, state.cost):
            ended = "asked"
            break
        if not math.isfinite(trial.cost):
            ended = "diverged"
        elif len(costs) > 3 and costs[-4] - costs[-1] <= settings.gain * costs[-1]:
            ended = "no gain"
            break
    return Corrected(state.moves, np.array(costs), np.array(rms), int(state.errors[0].lost.sum()), ended)


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is minimised: errors at corners, and jogs."""

    fragments: Fragments
    edges: MovingEdges
    model: EdgeModel
    settings: StepSettings
    counted: Bits

    @cached_property
    def sites(self) -> TargetSites:
        """Sites that count."""
        sites = self.fragments.sites
        return TargetSites(sites.points_nm[self.counted], sites.normals[self.counted])

    @property
    def corners(self) -> dict[int, float]:
        """Corners that count, and their weights: 1 together."""
        others = range(1, len(self.model.process.corners)) if self.settings.window_weight > 0 else range(0)
        weights = {0: 1.0, **{corner: self.settings.window_weight for corner in others}}
        return {corner: weight / sum(weights.values()) for corner, weight in weights.items()}

    def state(self, moves: Floats) -> _State:
        """Return errors and cost of moves; the cost is infinite where the image is not finite."""
        if not np.isfinite(moves).all():
            return _State(moves, (), math.inf)
        images = edge_images(moves, self.edges, self.model)
        count, reach = len(self.fragments), self.settings.reach_nm
        errors = tuple(
            corner_errors(self.sites, corner, images, self.edges, self.model, count, reach) for corner in self.corners
        )
        cost = self.settings.jog_weight * float((self._jogs(moves) ** 2).sum())
        for weight, found in zip(self.corners.values(), errors, strict=True):
            cost += weight * float((found.error_nm**2).sum())
        return _State(moves, errors, cost if math.isfinite(cost) else math.inf)

    def normal_equations(self, state: _State) -> tuple[NDArray[np.float64], Floats]:
        """Return matrix and right-hand side of the least-squares step, without damping."""
        jogs = self.fragments.jogs
        matrix = np.zeros((len(self.fragments), len(self.fragments)))
        for sign, (a, b) in ((1, (0, 0)), (1, (1, 1)), (-1, (0, 1)), (-1, (1, 0))):
            np.add.at(matrix, (jogs[:, a], jogs[:, b]), sign * self.settings.jog_weight)
        right = -matrix @ state.moves
        for weight, found in zip(self.corners.values(), state.errors, strict=True):
            matrix += weight * found.matrix.T @ found.matrix
            right -= weight * found.matrix.T @ found.error_nm
        return matrix, right

    def _jogs(self, moves: Floats) -> Floats:
        jogs = self.fragments.jogs
        return np.asarray(moves[jogs[:, 0]] - moves[jogs[:, 1]])


def _stepped(state: _State, problem: _Problem, damping: float, limits: tuple[Floats, Floats]) -> Floats:
    """Return the moves after one damped least-squares step; what stands at a limit and would pass it stays there."""
    matrix, right = problem.normal_equations(state)
    free = limits[1] > limits[0]
    scale = damping * max(float(np.trace(matrix)) / len(matrix), 1e-12)
    for _ in range(3):
        moves = state.moves.copy()
        part = matrix[np.ix_(free, free)] + scale * np.eye(int(free.sum()))
        step = np.linalg.solve(part, right[free])
        moves[free] += np.clip(step, -problem.settings.largest_step_nm, problem.settings.largest_step_nm)
        above = (moves > limits[1]) & (state.moves >= limits[1])
        below = (moves < limits[0]) & (state.moves <= limits[0])
        stuck = free & (above | below)
        if not stuck.any():
            break
        free &= ~stuck
    return np.clip(moves, *limits)
