"""What curves pay: closed forms on circles, nothing where limits are kept, and exact gradients."""

from __future__ import annotations

import numpy as np
import pytest

from litho.check import gradient_test
from litho.curve_penalties import CurveLimits, curve_penalty, lengths_nm
from litho.spline_mask import CurveSampling


def ring(count: int, radius: float, x: float = 0.0) -> np.ndarray:
    angle = 2 * np.pi * np.arange(count) / count
    reach = 6 * radius / (4 + 2 * np.cos(2 * np.pi / count))
    return np.stack([x + reach * np.cos(angle), reach * np.sin(angle)], axis=1)


def cost(control: np.ndarray, counts: tuple[int, ...], limits: CurveLimits) -> float:
    sampling = CurveSampling(counts, 6)
    return curve_penalty(control, sampling, lengths_nm(control, sampling), limits)[0]


def test_a_circle_pays_for_its_curvature_in_closed_form() -> None:
    radius, least = 12.0, 15.0
    expected = 2 * np.pi * radius / least * (least / radius - 1) ** 2
    assert cost(ring(40, radius), (40,), CurveLimits(radius_nm=least)) == pytest.approx(expected, rel=1e-3)
    assert cost(ring(40, 15.1), (40,), CurveLimits(radius_nm=15.0)) == 0


def test_a_small_curve_pays_for_its_area_in_closed_form() -> None:
    area = np.pi * 20.0**2
    for control in (ring(40, 20.0), ring(40, 20.0)[::-1].copy()):  # an island and a hole
        expected = (1 - area / 1700) ** 2
        assert cost(control, (40,), CurveLimits(area_nm2=1700)) == pytest.approx(expected, rel=1e-4)
        assert cost(control, (40,), CurveLimits(area_nm2=1250)) == 0


def test_only_the_gap_that_is_too_small_costs() -> None:
    pair = np.concatenate([ring(60, 50.0), ring(60, 50.0, 115.0)])  # 15 nm apart, 100 nm wide
    assert cost(pair, (60, 60), CurveLimits(space_nm=20)) > 0
    assert cost(pair, (60, 60), CurveLimits(space_nm=14.9, width_nm=90)) == 0
    annulus = np.concatenate([ring(60, 50.0), ring(48, 35.0)[::-1]])  # 15 nm wide, 70 nm across its hole
    assert cost(annulus, (60, 48), CurveLimits(width_nm=20)) > 0
    assert cost(annulus, (60, 48), CurveLimits(width_nm=14.8, space_nm=65)) == 0


def test_a_narrow_gap_costs_what_the_sum_over_a_straight_gap_gives() -> None:
    """Of two long parallel lines each nm pays the integral of (1 - d / d0)^2 over what faces it, over d0^2."""
    gap, least, long = 15.0, 20.0, 600.0
    bar = np.array([[x, 0.0] for x in np.arange(0, long, 5)] + [[x, -200.0] for x in np.arange(long, 0, -5)])
    low = bar[::-1].copy()
    high = np.stack([bar[:, 0], gap - bar[:, 1]], axis=1)
    count = (len(bar), len(bar))
    aside = np.linspace(-20, 20, 200001)
    distance = np.hypot(gap, aside)
    per_nm = np.sum(np.maximum(1 - distance / least, 0) ** 2) * (aside[1] - aside[0]) / least**2
    found = cost(np.concatenate([low, high]), count, CurveLimits(space_nm=least))
    assert found == pytest.approx(long * per_nm, rel=0.03)  # ends are round


@pytest.mark.parametrize(
    "limits",
    [
        CurveLimits(radius_nm=60),
        CurveLimits(width_nm=40),
        CurveLimits(space_nm=30),
        CurveLimits(area_nm2=6000),
        CurveLimits(60, 40, 30, 6000),
    ],
    ids=["bends", "width", "space", "area", "all"],
)
def test_the_gradient_agrees_with_differences(rng: np.random.Generator, limits: CurveLimits) -> None:
    control = np.concatenate([ring(24, 50.0), ring(16, 25.0)[::-1], ring(20, 40.0, 110.0)])
    control = control + rng.uniform(-2, 2, control.shape)
    sampling = CurveSampling((24, 16, 20), 6)
    lengths = lengths_nm(control, sampling)
    value, gradient = curve_penalty(control, sampling, lengths, limits)
    assert value > 0
    direction = rng.standard_normal(control.shape)
    step = 1e-4  # short, for the second derivative jumps where a limit begins
    found = gradient_test(lambda c: curve_penalty(c, sampling, lengths, limits)[0], gradient, control, direction, step)
    assert found < 1e-6


def test_bad_limits_are_named() -> None:
    with pytest.raises(ValueError, match="`width_nm` must be at least 0, but got -1"):
        CurveLimits(width_nm=-1)
    with pytest.raises(ValueError, match="`radius_nm` must be at least 0, but got nan"):
        CurveLimits(radius_nm=float("nan"))
