"""Limited-memory BFGS for many clips at once.

Each clip of a batch has its own history, its own step and its own line search, so that its path is the same in any
batch. One evaluation serves all clips: those whose trial failed stay where they are and try a shorter step at the next.
A clip that gains no more stops for itself. No decision needs the host, except the question whether all have stopped: it
costs nothing where the arrays are the host's own, and is put every `patience` steps where a device would have to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from litho.backend import Array, array_module, to_host
from litho.cuda import fused
from litho.cuda_graph import Recorder, Step
from litho.step_kernels import StepRules, advance, start

Objective = Callable[[Array], tuple[Array, Array]]
"""variables (clips, ny, nx) -> value per clip (clips,), gradient (clips, ny, nx)"""

Progress = Callable[[int, Array], bool]
"""called after each step with its number, from 1, and the values (clips,); True stops"""


@dataclass(frozen=True)
class LbfgsSettings:
    """How `minimize` steps.

    Parameters
    ----------
    history
        pairs of step and gradient change that are kept
    first_step
        largest change of a variable in the first step
    largest_step
        largest change of a variable in any step
    decrease
        share of the predicted decrease that a step must bring (Armijo)
    shrink
        factor on the step after a failed trial
    tolerance
        a clip stops when it gained no more than this share over `patience` steps; 0 never stops
    patience
        steps over which the gain is taken
    graph
        whether a GPU captures a step as a CUDA graph, see `litho.cuda_graph`; the objective has to allow it
    """

    history: int = 8
    first_step: float = 0.3
    largest_step: float = 1.5
    decrease: float = 1e-4
    shrink: float = 0.4
    tolerance: float = 1e-3
    patience: int = 4
    graph: bool = False

    def __post_init__(self) -> None:
        if self.history < 1 or self.patience < 1:
            raise ValueError(f"`history` and `patience` must be at least 1, but got {self.history}, {self.patience}.")
        if not (0 < self.shrink < 1 and 0 <= self.decrease < 1 and self.tolerance >= 0):
            raise ValueError("`shrink` must be in (0, 1), `decrease` in [0, 1) and `tolerance` at least 0.")
        if not (0 < self.first_step and 0 < self.largest_step):
            raise ValueError("`first_step` and `largest_step` must be positive.")


@dataclass(frozen=True)
class Pair:
    """One remembered step: change of variables, change of gradient, 1 / <step, change> (0: not valid for that clip)."""

    step: Array
    change: Array
    inverse_curvature: Array


def minimize(
    objective: Objective, x: Array, steps: int, settings: LbfgsSettings, progress: Progress | None = None
) -> tuple[Array, list[Array], bool]:
    """Minimise every clip of a batch.

    Parameters
    ----------
    objective
        see `Objective`; evaluated once per step, and once more at the start
    x : (clips, ny, nx) real
        start
    steps
        the most steps to take
    settings
        see `LbfgsSettings`
    progress
        called after each step

    Returns
    -------
    x : (clips, ny, nx) real
        best variables found
    values
        value of each clip (clips,) at the start and after each step; never increases
    asked
        whether `progress` asked to stop

    References
    ----------
    J. Nocedal, S. Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 3.1.
    """
    if fused(x):
        return _minimize_fused(objective, x, steps, settings, progress)
    xp = array_module(x)
    value, gradient = objective(x)
    values, pairs, active, lively = [value], list[Pair](), xp.isfinite(value), list[Array]()
    downhill, scale = gradient, _reach(gradient, settings.first_step)
    for count in range(1, steps + 1):
        slope = _dot(gradient, downhill)
        trial = x - _wide(scale) * downhill
        trial_value, trial_gradient = objective(trial)
        good = active & (trial_value <= value - settings.decrease * scale * slope)  # false for a NaN
        pairs = [*pairs, _pair(trial - x, trial_gradient - gradient, good)][-settings.history :]
        x = xp.where(_wide(good), trial, x)
        gradient = xp.where(_wide(good), trial_gradient, gradient)
        value = xp.where(good, trial_value, value)
        newest = _downhill(gradient, pairs)
        usable = _dot(gradient, newest) > 0
        newest = xp.where(_wide(usable), newest, gradient)
        limit = _reach(newest, settings.largest_step)
        full = xp.where(usable, xp.minimum(limit, xp.ones_like(limit)), _reach(newest, settings.first_step))
        downhill = xp.where(_wide(good), newest, downhill)
        scale = xp.where(good, full, scale * settings.shrink)
        values.append(value)
        if progress is not None and progress(count, value):
            return x, values, True
        active = active & ~_stalled(values, settings)
        lively.append(xp.any(active))
        if settings.tolerance > 0 and (len(lively) == _asked_every(x, settings) or count == steps):
            idle = to_host(xp.stack(lively)).tolist().count(False)
            if idle:
                return x, values[: len(values) - idle + 1], False  # in the steps after the first idle one nothing moved
            lively = []
    return x, values, False


def _asked_every(x: Array, settings: LbfgsSettings) -> int:
    """Return after how many steps the host is asked whether all clips have stopped."""
    return 1 if array_module(x).__name__ == "numpy" else settings.patience


def _minimize_fused(
    objective: Objective, x: Array, steps: int, settings: LbfgsSettings, progress: Progress | None
) -> tuple[Array, list[Array], bool]:
    """Return what `minimize` does, with the kernels of `litho.step_kernels`."""
    rules = StepRules(**{name: getattr(settings, name) for name in StepRules.__dataclass_fields__})
    with ExitStack() as stack:
        recorder = stack.enter_context(Recorder(x)) if settings.graph else None
        state, taken, asked = start(x, *objective(x), steps, rules), 0, False
        step: Step = partial(advance, state, objective)
        while taken < steps and not asked:
            if taken == 1 and recorder is not None:
                step = recorder.captured(step)
            step()
            taken += 1
            asked = progress is not None and progress(taken, state.values[taken])
            if settings.tolerance > 0 and (taken % settings.patience == 0 or taken == steps) and not asked:
                ended = to_host(state.ended)
                if not to_host(state.active).any():
                    taken = max(int(ended.max()), 1)
                    break
    values = state.values.copy()
    return array_module(x).reshape(state.x, x.shape).copy(), [values[i] for i in range(taken + 1)], asked


def _downhill(gradient: Array, pairs: list[Pair]) -> Array:
    """Return the quasi-Newton direction (to be subtracted), by the two-loop recursion."""
    xp = array_module(gradient)
    q, shares = gradient, []
    for pair in reversed(pairs):
        share = pair.inverse_curvature * _dot(pair.step, q)
        q = q - _wide(share) * pair.change
        shares.append(share)
    q = q * _wide(_scaling(pairs))
    for pair, share in zip(pairs, reversed(shares), strict=True):
        back = pair.inverse_curvature * _dot(pair.change, q)
        q = q + _wide(share - back) * pair.step
    assert q.dtype == gradient.dtype
    return xp.where(_wide(_remembered(pairs)), q, gradient)


def _pair(step: Array, change: Array, good: Array) -> Pair:
    """Return a remembered step; clips whose trial failed, or whose curvature is not positive, take no part in it."""
    xp = array_module(step)
    curvature = _dot(step, change)
    good = good & (curvature > 1e-10 * xp.sqrt(_dot(step, step) * _dot(change, change)))
    inverse = xp.where(good, 1 / xp.where(good, curvature, xp.ones_like(curvature)), xp.zeros_like(curvature))
    zero = xp.zeros_like(step)
    return Pair(xp.where(_wide(good), step, zero), xp.where(_wide(good), change, zero), inverse)


def _scaling(pairs: list[Pair]) -> Array:
    """Return <s, y> / <y, y> of the newest valid pair of each clip, 1 where there is none."""
    xp = array_module(pairs[0].step)
    result = xp.ones_like(pairs[0].inverse_curvature)
    for pair in pairs:
        valid = pair.inverse_curvature > 0
        change = xp.where(valid, _dot(pair.change, pair.change), xp.ones_like(result))
        result = xp.where(valid, 1 / (xp.where(valid, pair.inverse_curvature, xp.ones_like(result)) * change), result)
    return result


def _remembered(pairs: list[Pair]) -> Array:
    """Return which clips have a valid pair."""
    valid = pairs[0].inverse_curvature > 0
    for pair in pairs[1:]:
        valid = valid | (pair.inverse_curvature > 0)
    return valid


def _reach(direction: Array, largest: float) -> Array:
    """Return the factor per clip that makes the largest change of a variable equal `largest`."""
    xp = array_module(direction)
    peak = xp.max(xp.abs(direction), axis=(-2, -1))
    return largest / xp.where(peak > 0, peak, xp.ones_like(peak))


def _stalled(values: list[Array], settings: LbfgsSettings) -> Array:
    """Which clips gained no more than the tolerance over the last steps."""
    newest, before = values[-1], values[-1 - min(settings.patience, len(values) - 1)]
    if len(values) <= settings.patience or settings.tolerance == 0:
        return newest != newest
    return before - newest <= settings.tolerance * newest


def _dot(a: Array, b: Array) -> Array:
    """Inner product of each clip, (clips,)."""
    xp, clips = array_module(a), a.shape[0]
    return xp.matmul(xp.reshape(a, (clips, 1, -1)), xp.reshape(b, (clips, -1, 1)))[:, 0, 0]


def _wide(per_clip: Array) -> Array:
    return per_clip[:, None, None]
