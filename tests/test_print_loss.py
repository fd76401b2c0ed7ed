"""The loss of prints from images is the chain of its parts, and its gradient is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho import print_loss as module
from litho.backend import to_host
from litho.check import gradient_test
from litho.losses import LossWeights, PrintCost, loss_of_prints
from litho.print_loss import print_loss
from litho.process import Corner, Process, expose, expose_adjoint
from litho.resist import Resist, develop, develop_adjoint

pytest_plugins = ["cuda_on_host"]

AREA_NM2 = 16.0
WEIGHTS = LossWeights(fidelity=1.5, pv_band=0.7, epe=2.0, side_lobes=3.0)
CORNERS = {
    "one": (Corner(1.0, 0.0),),
    "two": (Corner(1.0, 0.0), Corner(0.95, 30.0)),
    "contest": (Corner(1.0, 0.0), Corner(1.04, 0.0), Corner(0.96, 25.0)),
    "window": tuple(Corner(dose, z) for z in (0.0, 20.0, -20.0) for dose in (1.0, 1.05, 0.95)),
}
SHAPE = (2, 13, 21)


def chain(intensity: Any, process: Process, cost: PrintCost) -> tuple[Any, Any]:
    """Return value and gradient by the steps of the chain, one after the other."""
    printed, saved = develop(expose(intensity, process), process.resist)
    value, bars = loss_of_prints(list(printed), cost)
    return value, expose_adjoint(develop_adjoint(np.stack(bars), saved, process.resist), process)


def written_out(printed: np.ndarray, target: np.ndarray, probes: np.ndarray, quiet: np.ndarray) -> np.ndarray:
    """Return the loss of each clip as it is defined, pixel by pixel."""
    found = np.zeros(len(target))
    for clip, y, x in np.ndindex(*target.shape):
        here, at = printed[:, clip, y, x], (clip, y, x)
        found[clip] += (WEIGHTS.fidelity * AREA_NM2 + WEIGHTS.epe * probes[at]) * (here[0] - target[at]) ** 2
        if len(here) > 1:
            found[clip] += WEIGHTS.pv_band * AREA_NM2 * (max(here[1:]) - min(here[1:])) ** 2
        found[clip] += WEIGHTS.side_lobes * AREA_NM2 * quiet[at] * sum(here**2)
    return found


def case(corners: str, tone: str = "bright", real: Any = np.float64) -> tuple[Process, dict[str, np.ndarray]]:
    process = Process(CORNERS[corners], Resist(0.3, 18.0, tone))
    rng = np.random.default_rng(11)
    arrays = {
        "intensity": 0.6 * rng.random((len(process.foci_nm), *SHAPE)),
        "target": rng.random(SHAPE),
        "probes": 50 * (rng.random(SHAPE) > 0.8),
        "quiet": (rng.random(SHAPE) > 0.6).astype(float),
    }
    return process, {name: array.astype(real) for name, array in arrays.items()}


def cost_of(process: Process, xp: Any, target: Any, probes: Any, quiet: Any) -> PrintCost:
    return WEIGHTS.cost(process, xp(target), AREA_NM2, xp(probes), xp(quiet))


@pytest.mark.parametrize("corners", CORNERS)
def test_the_loss_of_prints_is_what_every_pixel_costs(corners: str, rng: np.random.Generator, xp: Any) -> None:
    process, arrays = case(corners)
    arrays.pop("intensity")
    printed = rng.random((len(process.corners), *SHAPE))
    value, bars = loss_of_prints([xp(p) for p in printed], cost_of(process, xp, **arrays))
    expected = written_out(printed, **arrays)
    assert np.max(np.abs(to_host(value) - expected)) < 1e-13 * expected.max()
    assert [tuple(bar.shape) for bar in bars] == [SHAPE] * len(printed)


@pytest.mark.parametrize("corners", CORNERS)
def test_the_gradient_in_prints_agrees_with_differences(corners: str, rng: np.random.Generator, xp: Any) -> None:
    process, arrays = case(corners)
    arrays.pop("intensity")
    cost = cost_of(process, xp, **arrays)
    printed, direction = rng.random((2, len(process.corners), *SHAPE))
    gradient = np.stack([to_host(bar) for bar in loss_of_prints([xp(p) for p in printed], cost)[1]])

    def total(p: np.ndarray) -> float:
        return float(to_host(loss_of_prints([xp(each) for each in p], cost)[0]).sum())

    assert gradient_test(total, gradient, printed, direction, 1e-6) < 1e-6


def test_no_price_costs_nothing() -> None:
    process, arrays = case("contest")
    cost = LossWeights(0.0, 0.0, 1.0).cost(process, arrays["target"], AREA_NM2)
    value, bars = loss_of_prints([arrays["target"] / 2] * 3, cost)
    assert not value.any() and not np.any(bars)


@pytest.mark.parametrize("tone", ["bright", "dark"])
@pytest.mark.parametrize("corners", CORNERS)
@pytest.mark.parametrize("strip", [1, 64, 2**15])
def test_it_is_the_chain_of_its_parts(
    corners: str, tone: str, strip: int, xp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STRIP_PIXELS", strip)
    process, arrays = case(corners, tone)
    intensity = arrays.pop("intensity")
    expected_value, expected_bar = chain(intensity, process, cost_of(process, np.asarray, **arrays))
    before = intensity.copy()
    given = xp(intensity)
    value, bar = (to_host(a) for a in print_loss(given, cost_of(process, xp, **arrays)))
    assert np.max(np.abs(value - expected_value)) < 1e-13 * expected_value.max()
    assert np.max(np.abs(bar - expected_bar)) < 1e-13 * np.abs(expected_bar).max()
    assert np.array_equal(to_host(given), before)


@pytest.mark.parametrize("corners", CORNERS)
def test_the_gradient_agrees_with_differences(corners: str, rng: np.random.Generator) -> None:
    process, arrays = case(corners)
    intensity = arrays.pop("intensity")
    cost = cost_of(process, np.asarray, **arrays)
    direction = rng.standard_normal(intensity.shape)

    def total(i: np.ndarray) -> float:
        return float(print_loss(i, cost)[0].sum())

    assert gradient_test(total, print_loss(intensity, cost)[1], intensity, direction, 1e-5) < 1e-6


def test_an_even_cost_may_be_a_number(xp: Any) -> None:
    process, arrays = case("contest")
    target = arrays["target"]
    number = PrintCost(process, xp(target), 8.0, 4.0)
    array = PrintCost(process, xp(target), xp(np.full(SHAPE, 8.0)), 4.0)
    for a, b in zip(*(print_loss(xp(arrays["intensity"]), cost) for cost in (number, array)), strict=True):
        assert np.array_equal(to_host(a), to_host(b))


def test_costs_of_another_shape_are_refused() -> None:
    process, arrays = case("contest")
    with pytest.raises(ValueError, match=r"`lobes` must have the target's shape \(2, 13, 21\), but got \(13, 21\)"):
        PrintCost(process, arrays["target"], 1.0, 1.0, arrays["quiet"][0])


def test_a_clip_costs_the_same_bits_alone_and_in_a_batch() -> None:
    process, arrays = case("contest", real=np.float32)
    intensity = arrays.pop("intensity")
    together = print_loss(intensity, cost_of(process, np.asarray, **arrays))
    alone = print_loss(intensity[:, 1:], cost_of(process, np.asarray, **{k: a[1:] for k, a in arrays.items()}))
    assert np.array_equal(together[0][1:], alone[0]) and np.array_equal(together[1][:, 1:], alone[1])


@pytest.mark.parametrize("real, tolerance", [(np.float32, 3e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("tone", ["bright", "dark"])
@pytest.mark.parametrize("corners", CORNERS)
@pytest.mark.parametrize("even", [False, True])
def test_the_kernel_equals_its_twin(
    corners: str, tone: str, real: Any, tolerance: float, even: bool, kernels_on_host: Any
) -> None:
    process, arrays = case(corners, tone, real)
    intensity = arrays.pop("intensity")
    cost = cost_of(process, np.asarray, **arrays)
    if even:
        cost = PrintCost(process, cost.target, 12.0, 0.0)
    expected = print_loss(intensity, cost)
    kernels_on_host()
    found = print_loss(intensity, cost)
    again = print_loss(intensity, cost)
    for f, a, e in zip(found, again, expected, strict=True):
        assert f.dtype == e.dtype == real and np.array_equal(f, a)
        assert np.max(np.abs(f - e)) < tolerance * np.abs(e).max()


@pytest.mark.parametrize("pixels", [1, 255, 256, 257, 4096])
def test_the_kernel_sums_every_pixel_once(pixels: int, kernels_on_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A print that is wrong by 1 everywhere costs 1 for each pixel."""
    monkeypatch.setattr(module, "LARGEST_BLOCKS", 3)
    process = Process((Corner(),), Resist(0.3, 1e4))
    dark, target = np.zeros((1, 2, 1, pixels)), np.ones((2, 1, pixels))
    kernels_on_host()
    value, _ = print_loss(dark, PrintCost(process, target, 1.0, 0.0))
    assert np.array_equal(value, [pixels, pixels])
