"""Laws of rough edges: crossings to the fourth order, and spectra that sum to the variance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from litho.roughness import correlation_length, crossing, power_spectrum, spans


def test_edges_of_a_wave_are_found_to_the_fourth_order() -> None:
    errors = []
    for n in (16, 32):
        x = (np.arange(n) + 0.3) / n
        (line,) = spans(0.5 + 0.4 * np.cos(2 * np.pi * x), 0.6)
        half = math.acos(0.25) / (2 * math.pi)
        places = np.array([line.left, line.right]) / n + 0.3 / n
        errors.append(np.abs(places - [1 - half, 1 + half]).max())
    assert errors[1] < 2e-5 and errors[0] / errors[1] > 10


def test_the_crossing_nearest_to_the_expected_place_is_taken_and_none_is_not_a_number() -> None:
    row = np.array([0.0, 1, 0, 0, 1, 1, 0, 0])
    assert crossing(row, 0.5, (0, 5), 3.4, rising=True) == pytest.approx(3.5, abs=0.1)
    assert crossing(row, 0.5, (0, 5), 1.4, rising=True) == pytest.approx(0.5, abs=0.1)
    assert np.isnan(crossing(row, 0.5, (1, 3), 2.0, rising=True))
    assert crossing(row, 0.5, (5, 8), 6.0, rising=False) == pytest.approx(5.5, abs=0.1)
    assert crossing(row, 0.5, (-4, -2), -3.0, rising=False) == pytest.approx(-2.5, abs=0.1)


def test_the_power_spectrum_sums_to_the_variance() -> None:
    rng = np.random.default_rng(3)
    for n in (30, 31):
        deviation = rng.standard_normal((5, n))
        frequency, density = power_spectrum(deviation, 2.5)
        assert density.sum() * frequency[1] == pytest.approx((deviation**2).mean(), rel=1e-12)


def test_the_correlation_length_of_a_gaussian_spectrum_is_that_of_its_formula() -> None:
    frequency = np.arange(200) / 400.0
    density = np.exp(-4 * (np.pi * 6.0 * frequency) ** 2)
    density[0] /= 2  # 0 stands alone, the others for both sides
    assert correlation_length(frequency, density) == pytest.approx(12, rel=1e-3)
    with pytest.raises(ValueError, match="twice the correlation length"):
        correlation_length(np.arange(2) / 10.0, np.array([1.0, 0.1]))
