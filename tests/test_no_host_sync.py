"""Inside a loop of steps nothing asks the host, neither the objective nor the optimiser: a step can be captured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litho import backend, optimize
from litho.backend import to_host
from litho.grid import Grid
from litho.losses import LossWeights
from litho.optimize import LbfgsSettings, minimize
from litho.pixel_ilt import IltSettings, Stage, StageProblem, ilt, stage_problem
from litho.print_loss import PrintCost, print_loss
from litho.process import Corner, Process
from litho.pupil import Optics
from litho.resist import Resist
from litho.source import Source
from litho.tcc import socs_kernels

pytest_plugins = ["cuda_on_host"]

GRID = Grid.square(480, 8)
PROCESS = Process((Corner(1.0, 0.0), Corner(1.05, 0.0), Corner(0.95, 40.0)), Resist(0.25, 50.0))
SETTINGS = IltSettings(weights=LossWeights(1.0, 1.0, 1.0, 2.0), stages=(Stage(16, 4, 4, 30), Stage(8, 3, 8, 60)))


@pytest.fixture(scope="module")
def kernels() -> tuple[Any, ...]:
    optics = Optics(193.0, 1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
    return tuple(socs_kernels(optics, GRID.period_nm, z, max_error=0.02) for z in PROCESS.foci_nm)


def target(real: Any = np.float64) -> np.ndarray:
    """Two clips: a line and an elbow."""
    clips = np.zeros((2, *GRID.shape), real)
    clips[0, 15:45, 26:34] = 1
    clips[1, 18:27, 15:42] = 1
    clips[1, 18:45, 15:24] = 1
    return clips


def given(xp: Any, real: Any = np.float64) -> dict[str, Any]:
    """Return the optional arrays of a problem."""
    probes = np.zeros((2, *GRID.shape), real)
    probes[:, 15, 26] = 500.0
    free = np.ones((2, *GRID.shape), real)
    free[:, :4] = 0
    return {"probes": xp(probes), "free": xp(free)}


def problem_of(xp: Any, kernels: Any) -> StageProblem:
    return stage_problem(xp(target()), GRID, PROCESS, kernels, SETTINGS, Stage(8, 5, 8, 60), **given(xp))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note whenever a strict array is turned into something of the host."""
    strict = pytest.importorskip("array_api_strict")
    array, calls = type(strict.zeros(1)), list[str]()

    def noted(name: str) -> None:
        before = getattr(array, name)

        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            calls.append(name)
            return before(self, *arguments, **options)

        monkeypatch.setattr(array, name, call)

    for name in ("__bool__", "__float__", "__int__", "__index__", "__complex__", "to_device", "__array__"):
        if hasattr(array, name):
            noted(name)
    return calls


def strict_arrays() -> Any:
    strict = pytest.importorskip("array_api_strict")
    return lambda values: strict.asarray(np.asarray(values), device=strict.Device("device1"))


def test_what_asks_the_host_is_noted(asked: list[str]) -> None:
    x = strict_arrays()(np.ones(2))
    bool(x[0] > 0), float(x[0]), to_host(x)
    assert {"__bool__", "__float__", "to_device"} <= set(asked)


def test_loss_and_gradient_ask_nothing(kernels: Any, asked: list[str]) -> None:
    xp = strict_arrays()
    problem = problem_of(xp, kernels)
    objective, x = problem.objective(), problem.start(SETTINGS)
    asked.clear()
    value, gradient = objective(x)
    objective(x - 1e-4 * gradient)
    assert asked == [] and value.shape == (2,)


@pytest.mark.parametrize("tolerance, patience", [(0.0, 4), (1e-9, 4), (1e-9, 5)])
def test_the_optimiser_asks_once_in_its_patience(
    tolerance: float, patience: int, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    transfers = []
    monkeypatch.setattr(optimize, "to_host", lambda x: transfers.append(len(asked)) or to_host(x))
    xp = strict_arrays()
    scale, start = xp(np.linspace(1, 900, 20).reshape(1, 4, 5)), xp(np.ones((1, 4, 5)))

    def objective(x: Any) -> tuple[Any, Any]:
        return backend.array_module(x).sum(scale * x * x, axis=(-2, -1)), 2 * scale * x

    asked.clear()
    settings = LbfgsSettings(tolerance=tolerance, patience=patience, history=2)
    _, values, _ = minimize(objective, start, 10, settings)
    assert len(values) == 11
    assert len(transfers) == (0 if tolerance == 0 else -(-10 // patience))
    assert "__bool__" not in asked and "__float__" not in asked and asked.count("to_device") == len(transfers)


def test_asking_late_changes_neither_the_mask_nor_the_history(kernels: Any) -> None:
    """NumPy asks after each step, strict arrays every `patience` steps."""
    settings = replace(SETTINGS, stages=(Stage(16, 40, 4, 30),), optimizer=LbfgsSettings(tolerance=0.04, patience=3))
    arrays = target()[:1]
    found = ilt(arrays, GRID, PROCESS, kernels, settings, probes=given(np.asarray)["probes"][:1])
    xp = strict_arrays()
    other = ilt(xp(arrays), GRID, PROCESS, kernels, settings, probes=xp(given(np.asarray)["probes"][:1]))
    steps = found.history[0].values.shape[0]
    assert steps < 40 and steps % 3 != 1 and other.history[0].values.shape[0] == steps
    assert np.max(np.abs(to_host(other.level) - found.level)) < 1e-6


def test_masks_by_kernels_are_those_of_arrays(kernels: Any, kernels_on_host: Any) -> None:
    """The whole chain with every kernel, run on the host."""
    settings = replace(SETTINGS, optimizer=LbfgsSettings(tolerance=0.0, history=3))
    expected = ilt(target(), GRID, PROCESS, kernels, settings, **given(np.asarray))
    kernels_on_host()
    found = ilt(target(), GRID, PROCESS, kernels, settings, **given(np.asarray))
    for f, e in zip(found.history, expected.history, strict=True):
        assert np.allclose(f.values, e.values, rtol=1e-9)
    assert np.max(np.abs(found.level - expected.level)) < 1e-6


def test_the_same_run_by_kernels_gives_the_same_bits(kernels: Any, kernels_on_host: Any) -> None:
    kernels_on_host()
    single = {name: array.astype(np.float32) for name, array in given(np.asarray).items()}
    settings = replace(SETTINGS, stages=SETTINGS.stages[:1], optimizer=LbfgsSettings(history=2))
    first, second = (ilt(target(np.float32), GRID, PROCESS, kernels, settings, **single) for _ in range(2))
    assert first.level.dtype == np.float32 and np.array_equal(first.level, second.level)


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_one_list_of_launches_is_every_step(
    tolerance: float, rng: np.random.Generator, kernels_on_host: Any, fake_graphs: None
) -> None:
    """A step that is captured once and started again goes the way of steps that are launched one by one."""
    cost = PrintCost(Process((Corner(),), Resist(0.3, 4.0)), rng.random((2, 9, 7)), 1.0, 0.0)

    def objective(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, bar = print_loss(x[None, ...], cost)
        return value, bar[0]

    kernels_on_host()
    settings = LbfgsSettings(tolerance=tolerance, history=3, first_step=1.0)
    start = rng.random((2, 9, 7))
    x, values, _ = minimize(objective, start, 14, settings)
    captured, captured_values, _ = minimize(objective, start, 14, replace(settings, graph=True))
    assert np.array_equal(captured, x) and np.array_equal(np.stack(captured_values), np.stack(values))
    assert values[-1].sum() < 0.5 * values[0].sum()


def test_a_step_that_cannot_be_captured_is_refused_in_a_sentence(kernels_on_host: Any, fake_graphs: None) -> None:
    evaluations = []

    def objective(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        evaluations.append(x)
        if len(evaluations) == 3:
            raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
        return (x * x).sum(axis=(-2, -1)), 2 * x

    kernels_on_host()
    with pytest.raises(RuntimeError, match="must not call libraries that cannot be captured, but got: calling cuBLAS"):
        minimize(objective, np.ones((1, 2, 2)), 5, LbfgsSettings(graph=True))


@pytest.mark.gpu
@pytest.mark.parametrize("graph", [False, True])
def test_a_gpu_finds_the_mask_of_the_cpu(kernels: Any, graph: bool) -> None:
    """With a graph it also shows that a step asks the host for nothing, for a capture does not allow it."""
    problem = backend.gpu_problem()
    if problem is not None:
        pytest.skip(f"no GPU: {problem}")
    import cupy

    settings = replace(SETTINGS, optimizer=LbfgsSettings(tolerance=0.0))
    expected = ilt(target(), GRID, PROCESS, kernels, settings, **given(np.asarray))
    settings = replace(settings, optimizer=LbfgsSettings(tolerance=0.0, graph=graph))
    found = ilt(cupy.asarray(target()), GRID, PROCESS, kernels, settings, **given(cupy.asarray))
    assert np.max(np.abs(found.level.get() - expected.level)) < 1e-6
    again = ilt(cupy.asarray(target()), GRID, PROCESS, kernels, settings, **given(cupy.asarray))
    assert np.array_equal(found.level.get(), again.level.get())
