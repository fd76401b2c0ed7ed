"""The steps of `litho.optimize.minimize` on a GPU, by the kernels of `kernels/step.cu`.

What a clip remembers, decides and counts stays on the device: a step is one and the same list of launches, so it can be
captured as a CUDA graph, and the host is asked only whether every clip has stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litho.backend import Array, array_module, zeros
from litho.cuda import Program, dense, empty, program

VARIABLES_OF_A_THREAD = 4
LARGEST_BLOCKS = 512
"""Each clip has as many blocks as give every thread a few variables, up to a limit."""


@dataclass(frozen=True)
class StepRules:
    """The numbers of `litho.optimize.LbfgsSettings`."""

    history: int
    first_step: float
    largest_step: float
    decrease: float
    shrink: float
    tolerance: float
    patience: int


@dataclass(frozen=True)
class Descent:
    """Where a batch of clips stands; its arrays are written by `propose` and `settle`. Made by `start`.

    Parameters
    ----------
    x, gradient, downhill, newton, trial : (clips, size) real
        variables, gradient, direction of the trials, quasi-Newton direction, next trial
    value, scale, slope : (clips,) real
        loss, factor on the direction, loss that a whole step promises to bring
    active, good, pick, count, ended : (clips,) int32
        whether it goes on, whether its last trial was taken, which direction it takes next, how many steps it has
        taken, after which it stopped
    steps, changes : (history, clips, size) real
        remembered changes of variables and of gradient
    inverse, scaling, share : (history, clips) real
        one number of each remembered pair, see the source
    factor : (clips,) real
        scale of the quasi-Newton direction
    values : (steps + 1, clips) real
        loss at the start and after each step
    partial : (2, 4, clips, blocks) real
        sums of blocks, two sets in turn
    rules
        see `StepRules`
    shape
        of the variables, (clips, ny, nx)
    """

    x: Array
    gradient: Array
    downhill: Array
    newton: Array
    trial: Array
    value: Array
    scale: Array
    slope: Array
    active: Array
    good: Array
    pick: Array
    count: Array
    ended: Array
    steps: Array
    changes: Array
    inverse: Array
    scaling: Array
    share: Array
    factor: Array
    values: Array
    partial: Array
    rules: StepRules
    shape: tuple[int, ...]

    @property
    def kernels(self) -> Program:
        """The kernels of `step.cu`."""
        return program("step", self.x)

    @property
    def blocks(self) -> int:
        """Blocks of each clip."""
        return int(self.partial.shape[-1])


def start(x: Array, value: Array, gradient: Array, steps: int, rules: StepRules) -> Descent:
    """Begin a descent.

    Parameters
    ----------
    x, gradient : (clips, ny, nx) real
        variables and gradient; both are copied
    value : (clips,) real
    steps
        the most that will be taken
    rules
        see `StepRules`
    """
    xp, clips, size = array_module(x), x.shape[0], x[0, ...].size
    blocks = min(LARGEST_BLOCKS, -(-size // (program("step", x).threads * VARIABLES_OF_A_THREAD)))
    whole, numbers, pairs = (clips, size), (clips,), (rules.history, clips)
    active = xp.astype(xp.isfinite(value), xp.int32)
    state = Descent(
        x=xp.reshape(x, whole).copy(),
        gradient=xp.reshape(gradient, whole).copy(),
        downhill=empty(whole, x),
        newton=empty(whole, x),
        trial=empty(whole, x),
        value=value.copy(),
        scale=empty(numbers, x),
        slope=empty(numbers, x),
        active=active,
        good=xp.zeros_like(active),
        pick=xp.zeros_like(active),
        count=xp.zeros_like(active),
        ended=active * steps,
        steps=zeros((*pairs, size), x),
        changes=zeros((*pairs, size), x),
        inverse=zeros(pairs, x),
        scaling=zeros(pairs, x),
        share=zeros(pairs, x),
        factor=empty(numbers, x),
        values=empty((steps + 1, clips), x),
        partial=empty((2, 4, clips, blocks), x),
        rules=rules,
        shape=tuple(x.shape),
    )
    _aim(state, begin=True)
    return state


def propose(state: Descent) -> Array:
    """Write the next trial of every clip, and return it: (clips, ny, nx)."""
    s, (clips, size) = state, state.x.shape
    arrays = s.x, s.gradient, s.newton, s.downhill, s.trial, s.scale, s.pick
    s.kernels.launch("propose", (size, clips), *arrays, size)
    return array_module(s.trial).reshape(s.trial, s.shape)


def settle(state: Descent, trial_value: Array, trial_gradient: Array) -> None:
    """Take what is good of the last trial, and find where to go from there.

    Parameters
    ----------
    state
        after `propose`
    trial_value : (clips,) real
    trial_gradient : (clips, ny, nx) real
    """
    s, r, (clips, size) = state, state.rules, state.x.shape
    trial_value, trial_gradient = dense(trial_value), dense(trial_gradient)
    verdict = s.value, trial_value, s.scale, s.slope
    wide, sums = (s.blocks * s.kernels.threads, clips), s.partial[0]
    taken = s.x, s.trial, s.gradient, trial_gradient, s.steps, s.changes, sums
    s.kernels.launch("remember", wide, *taken, s.active, s.count, *verdict, r.decrease, r.history, clips, size)
    pair = s.good, s.inverse, s.scaling, s.factor
    numbers = r.decrease, r.history, clips, s.blocks
    s.kernels.launch("judge", (s.kernels.threads, clips), sums, s.active, s.count, *verdict, *pair, *numbers)
    _recur(state)
    _aim(state, begin=False)


def _recur(state: Descent) -> None:
    """Write the quasi-Newton direction, by the two-loop recursion."""
    s, history, (clips, size) = state, state.rules.history, state.x.shape
    wide, sums, sizes = (s.blocks * s.kernels.threads, clips), (s.partial[0], s.partial[1]), (history, clips, size)
    for age in range(history):
        q, result = (s.gradient if age < 2 else s.newton), None if age == 0 else s.newton
        pairs = s.steps, s.changes, s.inverse, s.count, *sums, s.share
        s.kernels.launch("recur_back", wide, q, result, *pairs, age, *sizes)
        sums = sums[::-1]
    q = s.gradient if history == 1 else s.newton
    oldest = s.changes, s.inverse, s.factor, s.count, *sums, s.share
    s.kernels.launch("recur_turn", wide, q, s.newton, *oldest, *sizes)
    for age in reversed(range(history)):
        sums = sums[::-1]
        given = s.steps, s.changes, s.inverse, s.share, s.count, *sums
        s.kernels.launch("recur_forth", wide, s.newton, *given, age, *sizes)


def _aim(state: Descent, begin: bool) -> None:
    """Choose each clip's next direction and scale; at the beginning the gradient, as far as the first step may go."""
    s, r, (clips, size) = state, state.rules, state.x.shape
    newton = s.gradient if begin else s.newton
    s.kernels.launch("measure", (s.blocks * s.kernels.threads, clips), s.gradient, newton, s.partial[0], clips, size)
    arrays = s.partial[0], s.inverse, s.value, s.good, s.active, s.count, s.ended, s.pick, s.scale, s.slope, s.values
    numbers = r.first_step, r.largest_step, r.shrink, r.tolerance, r.patience, begin, r.history, clips, s.blocks
    s.kernels.launch("aim", (s.kernels.threads, clips), *arrays, *numbers)


def advance(state: Descent, objective: Callable[[Array], tuple[Array, Array]]) -> None:
    """Take one step: a trial, its loss and gradient, and what follows from them."""
    settle(state, *objective(propose(state)))
