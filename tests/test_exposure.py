"""Exposure against closed forms: Beer and Lambert, Babu and Barouch, Dill's own equations, small doses, adjoints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from litho.backend import to_host
from litho.check import dot_test, gradient_test, inner
from litho.exposure import (
    Exposure,
    bleach,
    bleach_adjoint,
    generate_acid,
    generate_acid_adjoint,
    mean_decay,
    mean_decay_slope,
)

LAYERS, LAYER_NM = 50, 20.0
G_LINE = {"c_cm2_per_mj": 0.018, "a_per_um": 0.58, "b_per_um": 0.08}
"""A novolac resist."""


def exponent_in_depth(exposure: Exposure, xp: Any, layers: int = LAYERS, layer_nm: float = LAYER_NM) -> np.ndarray:
    """C E at the middles of the layers under unit intensity."""
    intensity, _ = bleach(xp(np.ones((1, 1))), exposure, layers, layer_nm)
    return exposure.strength * to_host(intensity)[:, 0, 0]


def depths(layers: int = LAYERS, layer_nm: float = LAYER_NM) -> np.ndarray:
    return (np.arange(layers) + 0.5) * layer_nm


def test_without_bleaching_intensity_falls_as_beer_and_lambert_say(xp: Any) -> None:
    exposure = Exposure(150.0, 0.02, a_per_um=0.0, b_per_um=1.7)
    surface = np.array([[0.0, 0.3, 1.2]])
    intensity, _ = bleach(xp(surface), exposure, LAYERS, LAYER_NM)
    expected = surface * np.exp(-1.7e-3 * depths())[:, None, None]
    assert np.abs(to_host(intensity) - expected).max() < 1e-13


def test_without_any_absorption_every_depth_sees_the_surface(xp: Any) -> None:
    surface = np.array([[0.0, 0.3, 1.2]])
    intensity, slope = bleach(xp(surface), Exposure(150.0, 0.02), 4, LAYER_NM)
    assert np.array_equal(to_host(intensity), np.broadcast_to(surface, (4, 1, 3)))
    assert np.array_equal(to_host(slope), np.ones((4, 1, 3)))


@pytest.mark.parametrize("dose", [1.0, 60.0, 400.0])
def test_a_fully_bleaching_film_follows_its_closed_form(dose: float, xp: Any) -> None:
    exposure = Exposure(dose, 0.02, a_per_um=0.9)
    # Babu and Barouch 1986 with B = 0: M / (1 - M) falls exponentially
    inhibitor = 1 / (1 + np.expm1(0.02 * dose) * np.exp(-0.9e-3 * depths()))
    assert np.abs(np.exp(-exponent_in_depth(exposure, xp)) - inhibitor).max() < 1e-11  # the steps through depth


@pytest.mark.parametrize("dose", [20.0, 150.0, 600.0])
def test_bleaching_follows_the_exact_solution_of_babu_and_barouch(dose: float, xp: Any) -> None:
    exposure = Exposure(dose, **G_LINE)
    a, b = G_LINE["a_per_um"], G_LINE["b_per_um"]
    top = math.exp(-exposure.strength)
    inhibitor = np.exp(-exponent_in_depth(exposure, xp))
    for z, m in zip(depths()[::7], inhibitor[::7], strict=True):
        depth_um, _ = quad(lambda y: 1 / (y * (a * (1 - y) - b * math.log(y))), top, m, epsabs=1e-13, epsrel=1e-12)
        assert depth_um * 1000 == pytest.approx(z, abs=1e-7)


def test_bleaching_follows_dills_equations_step_by_step(xp: Any) -> None:
    exposure = Exposure(200.0, **G_LINE)
    fine = 2000
    dz = LAYERS * LAYER_NM / fine * 1e-3
    a, b, c = G_LINE["a_per_um"], G_LINE["b_per_um"], G_LINE["c_cm2_per_mj"]

    def rate(_: float, inhibitor: np.ndarray) -> np.ndarray:
        absorbed = (a * inhibitor + b) * dz
        return -c * np.exp(-(np.cumsum(absorbed) - absorbed / 2)) * inhibitor

    history = solve_ivp(rate, (0, 200.0), np.ones(fine), rtol=1e-10, atol=1e-12)
    expected = np.interp(depths(), (np.arange(fine) + 0.5) * dz * 1e3, history.y[:, -1])
    assert np.abs(np.exp(-exponent_in_depth(exposure, xp)) - expected).max() < 1e-7


def test_half_the_layers_leave_the_depth_profile_as_it_is(xp: Any) -> None:
    exposure = Exposure(200.0, 0.02, a_per_um=20.0, b_per_um=5.0)
    coarse, fine = exponent_in_depth(exposure, xp, 10, 30.0), exponent_in_depth(exposure, xp, 30, 10.0)
    assert np.abs(fine[1::3] - coarse).max() < 1e-9


def test_more_dose_bleaches_deeper() -> None:
    shares = [bleach(np.ones((1, 1)), Exposure(d, **G_LINE), 10, 100.0)[0][:, 0, 0] for d in (1.0, 100.0, 1000.0)]
    assert (np.diff(shares, axis=0) > 0).all() and (np.diff(shares, axis=1) < 0).all()


def test_acid_is_1_less_exp_minus_c_dose_and_proportional_to_a_small_dose(xp: Any) -> None:
    intensity = np.linspace(0, 2, 11)
    acid, _ = generate_acid(xp(intensity), Exposure(30.0, 0.05))
    assert np.abs(to_host(acid) - (1 - np.exp(-1.5 * intensity))).max() < 1e-15
    small, twice = (to_host(generate_acid(xp(intensity), Exposure(d, 0.05))[0]) for d in (1e-6, 2e-6))
    assert np.abs(small - 5e-8 * intensity).max() < 1e-14
    assert np.abs(twice - 2 * small).max() < 1e-14


def test_dose_and_intensity_enter_as_their_product(xp: Any) -> None:
    intensity = np.linspace(0, 2, 11).reshape(1, 11)
    for make in (
        lambda i, e: generate_acid(i, e)[0],
        lambda i, e: generate_acid(bleach(i, e, 5, 50.0)[0], e)[0],
    ):
        a = make(xp(1.3 * intensity), Exposure(40.0, **G_LINE))
        assert np.abs(to_host(a - make(xp(intensity), Exposure(52.0, **G_LINE)))).max() < 1e-14


def test_the_adjoints_of_exposure_are_its_derivatives(xp: Any, rng: np.random.Generator) -> None:
    exposure = Exposure(120.0, **G_LINE)
    surface, direction = xp(rng.random((2, 3, 4)) + 0.1), xp(rng.standard_normal((2, 3, 4)))
    for name, forward, adjoint in (
        ("acid", lambda x: generate_acid(x, exposure), lambda b, s: generate_acid_adjoint(b, s, exposure)),
        ("bleach", lambda x: bleach(x, exposure, 6, 100.0), bleach_adjoint),
    ):
        before = to_host(surface).copy()
        out, saved = forward(surface)
        weight = xp(rng.standard_normal(tuple(out.shape)))
        gradient = adjoint(weight, saved)
        error = gradient_test(lambda x, f=forward, w=weight: inner(w, f(x)[0]), gradient, surface, direction, 1e-3)
        assert error < 1e-6, name
        assert np.array_equal(to_host(surface), before)


def test_the_linearised_bleaching_and_its_adjoint_satisfy_the_dot_test(xp: Any, rng: np.random.Generator) -> None:
    _, saved = bleach(xp(rng.random((3, 4))), Exposure(120.0, **G_LINE), 6, 100.0)
    x, y = xp(rng.standard_normal((3, 4))), xp(rng.standard_normal((6, 3, 4)))
    assert dot_test(lambda d: saved * d[None, ...], lambda b: bleach_adjoint(b, saved), x, y) < 1e-12


def test_the_mean_of_a_decay_and_its_slope_are_accurate_for_any_exponent(xp: Any) -> None:
    x = np.concatenate([[0.0], np.logspace(-12, 3, 200), [0.0199999, 0.0200001]])
    series = 1 - x / 2 + x**2 / 6 - x**3 / 24
    exact = np.where(x < 1e-4, series, -np.expm1(-x) / np.where(x == 0, 1, x))
    assert np.abs(to_host(mean_decay(xp(x))) / exact - 1).max() < 2e-15
    longer = x.astype(np.longdouble)
    safe = np.where(x == 0, 1, longer)
    slope = np.where(
        x < 1e-3, -0.5 + longer / 3 - longer**2 / 8 + longer**3 / 30, (np.exp(-safe) * (1 + safe) - 1) / safe**2
    )
    assert np.abs(to_host(mean_decay_slope(xp(x))) / slope.astype(float) - 1).max() < 3e-13


def test_parameters_of_exposure_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="`dose_mj_per_cm2` must be a positive number, but got 0"):
        Exposure(0.0, 0.02)
    with pytest.raises(ValueError, match="`c_cm2_per_mj` must be a positive number, but got nan"):
        Exposure(10.0, math.nan)
    with pytest.raises(ValueError, match="`b_per_um` must be at least 0, but got -1"):
        Exposure(10.0, 0.02, b_per_um=-1.0)
    with pytest.raises(ValueError, match="`layers` must be at least 1, but got 0"):
        bleach(np.ones((1, 1)), Exposure(10.0, 0.02), 0, 10.0)
    with pytest.raises(ValueError, match="`layer_nm` must be a positive length, but got 0"):
        bleach(np.ones((1, 1)), Exposure(10.0, 0.02), 3, 0.0)
