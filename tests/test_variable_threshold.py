"""Variable threshold: its parameters against direct search and closed forms, limits, symmetries, adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.check import dot_test, gradient_test, inner
from litho.grid import Grid
from litho.resist import Resist, develop
from litho.variable_threshold import (
    VariableThreshold,
    develop_variable,
    develop_variable_adjoint,
    image_gradient,
    image_gradient_adjoint,
    local_maximum,
    local_maximum_adjoint,
)

GRID = Grid((36, 40), (5.0, 5.0))
FULL = VariableThreshold(0.1, 0.2, -0.15, 4.0, 22.0, 30.0)


def image(rng: np.random.Generator, grid: Grid = GRID, waves: int = 3) -> np.ndarray:
    """A smooth periodic intensity between 0 and 1 or so."""
    y, x = ((np.arange(n) + 0.5) / n for n in grid.shape)
    out = np.full(grid.shape, 0.5)
    for ky, kx in np.ndindex(waves + 1, waves + 1):
        phase = 2 * np.pi * (ky * y[:, None] + kx * x[None, :] + rng.random())
        out += 0.1 * rng.random() * np.cos(phase)
    return out


def octagon(radius_nm: float, pixel_nm: float) -> list[tuple[int, int]]:
    """Pixels of an octagon, by its four pairs of sides."""
    r = round(radius_nm / pixel_nm)
    cut = 2 * r - 2 * max(0, min(round(math.tan(math.pi / 8) * math.sqrt(0.5) * r), (r - 1) // 2))
    reach = range(-r, r + 1)
    return [(dy, dx) for dy in reach for dx in reach if abs(dy) + abs(dx) <= cut]


@pytest.mark.parametrize("radius_nm", [2.0, 5.0, 10.0, 15.0, 22.0, 50.0, 77.0])
def test_the_local_maximum_is_the_largest_value_in_an_octagon(
    radius_nm: float, xp: Any, rng: np.random.Generator
) -> None:
    field = rng.random((2, *GRID.shape))
    expected = np.max([np.roll(field, shift, (1, 2)) for shift in octagon(radius_nm, 5.0)], axis=0)
    assert np.array_equal(to_host(local_maximum(xp(field), GRID, radius_nm)[0]), expected)


def test_a_large_octagon_is_round_to_8_percent(xp: Any) -> None:
    grid = Grid((201, 201), (1.0, 1.0))
    dot = np.zeros(grid.shape)
    dot[100, 100] = 1
    spread = to_host(local_maximum(xp(dot), grid, 80.0)[0]) > 0
    y, x = np.nonzero(spread)
    assert np.hypot(y - 100, x - 100).max() == pytest.approx(80 / math.cos(math.pi / 8), abs=1)
    outside_y, outside_x = np.nonzero(~spread)
    assert np.hypot(outside_y - 100, outside_x - 100).min() == pytest.approx(80, abs=1.5)


def test_the_gradient_of_a_wave_is_exact(xp: Any) -> None:
    y, x = ((np.arange(n) + 0.5) * p for n, p in zip(GRID.shape, GRID.pixel_nm, strict=True))
    a, b = 2 * np.pi * 3 / GRID.period_nm[0], -2 * np.pi * 5 / GRID.period_nm[1]
    phase = a * y[:, None] + b * x[None, :]
    got = to_host(image_gradient(xp(np.cos(phase)), GRID))
    assert np.abs(got - np.stack([-a * np.sin(phase), -b * np.sin(phase)])).max() < 1e-14


def test_the_threshold_is_the_sum_of_its_terms(xp: Any, rng: np.random.Generator) -> None:
    intensity = image(rng)
    _, saved = develop_variable(xp(intensity), FULL, GRID)
    maximum, minimum = (
        f([np.roll(intensity, s, (0, 1)) for s in octagon(22.0, 5.0)], axis=0) for f in (np.max, np.min)
    )
    slope = np.hypot(*to_host(image_gradient(xp(intensity), GRID)))
    for name, expected in (("maximum", maximum), ("minimum", minimum), ("slope_per_nm", slope)):
        assert np.abs(to_host(getattr(saved, name)) - expected).max() < 1e-7
    assert np.abs(to_host(saved.threshold) - (0.1 + 0.2 * maximum - 0.15 * minimum + 4 * slope)).max() < 1e-6


def test_without_weights_it_is_the_constant_threshold(xp: Any, rng: np.random.Generator) -> None:
    intensity = xp(image(rng))
    printed, _ = develop_variable(intensity, VariableThreshold(0.45, steepness=25.0), GRID)
    assert np.array_equal(to_host(printed), to_host(develop(intensity, Resist(0.45, 25.0))[0]))


def test_lines_print_where_the_closed_form_of_their_threshold_says(xp: Any) -> None:
    grid, pitch = Grid((1, 200), (1.0, 1.0)), 200.0
    x = np.arange(200) + 0.5
    intensity = (0.4 + 0.3 * np.cos(2 * np.pi * x / pitch))[None]
    resist = VariableThreshold(0.05, 0.5, 0.2, 10.0, 120.0)
    _, saved = develop_variable(xp(intensity), resist, grid)
    # the whole pitch is within the radius: the threshold varies by its slope term only
    slope = 0.3 * 2 * np.pi / pitch * np.abs(np.sin(2 * np.pi * x / pitch))
    extremes = 0.4 + 0.3 * math.cos(math.pi / pitch), 0.4 - 0.3 * math.cos(math.pi / pitch)
    expected = 0.05 + 0.5 * extremes[0] + 0.2 * extremes[1] + 10 * slope
    assert np.abs(to_host(saved.threshold)[0] - expected).max() < 1e-6


def test_shift_turn_and_mirror_go_through_the_model(xp: Any, rng: np.random.Generator) -> None:
    square = Grid((40, 40), (5.0, 5.0))
    intensity = image(rng, square)
    for change in (np.rot90, np.flipud, np.transpose, lambda a: np.roll(a, (3, -7), (0, 1))):
        a, _ = develop_variable(xp(np.ascontiguousarray(change(intensity))), FULL, square)
        b, _ = develop_variable(xp(intensity), FULL, square)
        assert np.abs(to_host(a) - change(to_host(b))).max() < 1e-12


def test_a_linear_threshold_scales_with_the_dose(xp: Any, rng: np.random.Generator) -> None:
    intensity, resist = image(rng), VariableThreshold(0.0, 0.4, 0.1, 3.0, 22.0)
    a, b = (develop_variable(xp(d * intensity), resist, GRID)[1] for d in (1.0, 1.7))
    # without a constant the contour does not move with the dose: all terms are proportional to it
    assert np.abs(1.7 * to_host(a.threshold) - to_host(b.threshold)).max() < 1e-6


def test_the_adjoint_of_the_variable_threshold_is_its_derivative(xp: Any, rng: np.random.Generator) -> None:
    intensity = xp(np.stack([image(rng), image(rng)]))
    direction = xp(rng.standard_normal((2, *GRID.shape)))
    before = to_host(intensity).copy()
    printed, saved = develop_variable(intensity, FULL, GRID)
    weight = xp(rng.standard_normal(tuple(printed.shape)))
    gradient = develop_variable_adjoint(weight, saved, FULL, GRID)

    def value(x: Any) -> float:
        return inner(weight, develop_variable(x, FULL, GRID)[0])

    # so small a step that no maximum moves to another pixel
    assert gradient_test(value, gradient, intensity, direction, 1e-6) < 1e-6
    assert np.array_equal(to_host(intensity), before)


def test_the_steps_of_the_variable_threshold_satisfy_the_dot_test(xp: Any, rng: np.random.Generator) -> None:
    x, y = xp(rng.standard_normal(GRID.shape)), xp(rng.standard_normal((2, *GRID.shape)))
    assert dot_test(lambda i: image_gradient(i, GRID), lambda g: image_gradient_adjoint(g, GRID), x, y) < 1e-12
    field = xp(rng.random(GRID.shape))
    maximum, taken = local_maximum(field, GRID, 22.0)
    # a maximum is linear along its own field, and its adjoint keeps sums
    weight = y[0, ...]
    assert inner(weight, maximum) == pytest.approx(inner(local_maximum_adjoint(weight, taken), field), rel=1e-12)
    assert float(to_host(local_maximum_adjoint(weight, taken)).sum()) == pytest.approx(float(to_host(weight).sum()))


def test_the_variable_threshold_keeps_single_precision(xp: Any, rng: np.random.Generator) -> None:
    intensity = image(rng)
    printed, saved = develop_variable(xp(intensity.astype(np.float32)), FULL, GRID)
    bar = develop_variable_adjoint(printed, saved, FULL, GRID)
    assert to_host(printed).dtype == to_host(bar).dtype == np.float32
    assert np.abs(to_host(printed) - develop_variable(intensity, FULL, GRID)[0]).max() < 1e-4


def test_thresholds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="`constant` must be finite, but got nan"):
        VariableThreshold(math.nan)
    with pytest.raises(ValueError, match=r"`radius_nm` must be a positive number, but got 0\.0"):
        VariableThreshold(radius_nm=0.0)
    with pytest.raises(ValueError, match="`intensity` must end in the grid's shape"):
        develop_variable(np.ones((3, 3)), FULL, GRID)
