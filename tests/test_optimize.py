"""The optimiser finds minima, clip by clip, whatever else is in the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho.backend import array_module, to_host
from litho.optimize import LbfgsSettings, minimize

SETTINGS = LbfgsSettings(tolerance=0.0, first_step=0.1)


def quadratic(scale: Any, centre: Any) -> Any:
    """Return sum scale (x - centre)^2 of each clip, with its gradient."""

    def objective(x: Any) -> tuple[Any, Any]:
        difference = x - centre
        return array_module(x).sum(scale * difference**2, axis=(-2, -1)), 2 * scale * difference

    return objective


def rosenbrock(x: Any) -> tuple[Any, Any]:
    """Return the curved valley of two variables, x = (1, 1) its lowest point."""
    xp = array_module(x)
    a, b = x[..., 0, 0], x[..., 0, 1]
    value = (1 - a) ** 2 + 100 * (b - a * a) ** 2
    gradient = xp.stack([2 * (a - 1) - 400 * a * (b - a * a), 200 * (b - a * a)], axis=-1)
    return value, gradient[:, None, :]


def test_an_ill_conditioned_quadratic_is_minimised_to_rounding(rng: np.random.Generator, xp: Any) -> None:
    scale, centre = 10 ** rng.uniform(-1, 1, (2, 4, 5)), rng.standard_normal((2, 4, 5))
    x, values, _ = minimize(quadratic(xp(scale), xp(centre)), xp(np.zeros((2, 4, 5))), 80, SETTINGS)
    assert np.max(np.abs(to_host(x) - centre)) < 1e-6
    assert np.all(to_host(values[-1]) < 1e-10 * to_host(values[0]))


def test_a_curved_valley_is_followed_to_its_lowest_point(xp: Any) -> None:
    start = np.array([[[-1.2, 1.0]], [[2.0, -1.0]]])
    x, _, _ = minimize(rosenbrock, xp(start), 150, SETTINGS)
    assert np.max(np.abs(to_host(x) - 1)) < 1e-6


def test_the_value_never_increases(rng: np.random.Generator) -> None:
    _, values, _ = minimize(rosenbrock, rng.standard_normal((5, 1, 2)) * 2, 40, SETTINGS)
    assert np.all(np.diff(np.stack(values), axis=0) <= 0)


@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_the_path_of_a_clip_is_the_same_in_any_batch(tolerance: float) -> None:
    settings = LbfgsSettings(tolerance=tolerance, first_step=0.1)
    start = np.array([[[-1.2, 1.0]], [[2.0, -1.0]], [[1.01, 1.0]]])
    together, _, _ = minimize(rosenbrock, start, 25, settings)
    for clip in range(3):
        alone, _, _ = minimize(rosenbrock, start[clip : clip + 1], 25, settings)
        assert np.array_equal(alone[0], together[clip])


def test_a_step_into_nan_is_not_taken() -> None:
    def objective(x: Any) -> tuple[Any, Any]:
        value = np.where(x > 1.5, np.nan, (x - 1.4) ** 2)
        return value.sum(axis=(-2, -1)), 2 * (x - 1.4)

    x, values, _ = minimize(objective, np.zeros((1, 1, 1)), 40, LbfgsSettings(first_step=1.4999, largest_step=10.0))
    assert x[0, 0, 0] == pytest.approx(1.4, abs=1e-6) and np.all(np.isfinite(values))


def test_it_stops_when_no_clip_gains_any_more() -> None:
    _, values, _ = minimize(quadratic(1.0, 0.5), np.zeros((1, 2, 2)), 500, LbfgsSettings(tolerance=1e-3))
    assert len(values) < 20


def test_it_stops_when_asked_and_keeps_the_best() -> None:
    start = np.array([[[-1.2, 1.0]]])
    x, values, asked = minimize(rosenbrock, start, 50, SETTINGS, lambda step, value: step == 3)
    assert asked and len(values) == 4 and rosenbrock(x)[0][0] == values[-1][0]


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="`history` and `patience`"):
        LbfgsSettings(history=0)
    with pytest.raises(ValueError, match="`shrink` must be"):
        LbfgsSettings(shrink=1.0)
