"""Laws of curves' exact spectra: closed forms, symmetries, polygons, and the derivative in control points."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from litho.check import dot_test, gradient_test, inner
from litho.curves import Curve
from litho.fourier import band_frequencies
from litho.grid import Grid
from litho.polygon_spectrum import join_outlines, polygon_band
from litho.spline_mask import (
    CurveSampling,
    curve_band,
    curve_band_adjoint,
    join_curves,
    points_needed,
    split_curves,
)

FIELD = Grid((240, 300), (5.0, 4.0), (-70.0, 130.0))
RADIUS = (17, 21)


def blob(rng: np.random.Generator, count: int, x: float, y: float, radius: float) -> Curve:
    """Return a random star-shaped curve, counter-clockwise."""
    angle = 2 * np.pi * (np.arange(count) + rng.uniform(-0.2, 0.2, count)) / count
    length = radius * rng.uniform(0.7, 1.3, count)
    return Curve(np.stack([x + length * np.cos(angle), y + length * np.sin(angle)], axis=1))


def blobs(rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return an island with a hole, and an island that reaches over the field's border."""
    hole = blob(rng, 8, 300.0, 500.0, 60.0).control_points[::-1].copy()
    return join_curves([blob(rng, 24, 300.0, 500.0, 180.0), Curve(hole), blob(rng, 11, 1130.0, 900.0, 60.0)])


def sampling_of(control: np.ndarray, counts: tuple[int, ...]) -> CurveSampling:
    return CurveSampling(counts, points_needed(control, counts, FIELD, RADIUS))


def band_of(control: np.ndarray, counts: tuple[int, ...]) -> np.ndarray:
    return curve_band(control, sampling_of(control, counts), FIELD, RADIUS)[0]


def frequencies() -> tuple[np.ndarray, np.ndarray]:
    """Return kx (1, Rx + 1) and ky (2 Ry + 1, 1) in 1/nm."""
    ky, kx = band_frequencies(RADIUS[0], np.zeros(1)), np.arange(RADIUS[1] + 1.0)
    return kx[None, :] / FIELD.period_nm[1], ky[:, None] / FIELD.period_nm[0]


def random_half(rng: np.random.Generator) -> np.ndarray:
    shape = (2 * RADIUS[0] + 1, RADIUS[1] + 1)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def circle(count: int, radius: float, x: float, y: float) -> np.ndarray:
    """Return control points of the curve that meets a circle at all its joints."""
    angle = 2 * np.pi * np.arange(count) / count
    reach = 6 * radius / (4 + 2 * np.cos(2 * np.pi / count))
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


def test_the_spectrum_of_a_circle_converges_to_its_bessel_function_with_the_fourth_power_of_the_spacing() -> None:
    radius, x, y = 150.0, 400.0, 600.0
    kx, ky = frequencies()
    f = np.hypot(kx, ky)
    disc = np.where(f > 0, radius * scipy.special.j1(2 * np.pi * radius * f) / np.where(f > 0, f, 1), np.pi * radius**2)
    exact = disc / np.prod(FIELD.period_nm)
    exact = exact * np.exp(-2j * np.pi * (kx * (x - FIELD.origin_nm[0]) + ky * (y - FIELD.origin_nm[1])))
    error = [np.abs(band_of(circle(m, radius, x, y), (m,)) - exact).max() / abs(exact[0, 0]) for m in (16, 32, 64)]
    assert error[0] / error[1] == pytest.approx(16, rel=0.1)
    assert error[1] / error[2] == pytest.approx(16, rel=0.03)
    assert error[2] < 1e-6


def test_moving_all_control_points_turns_the_phase(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    kx, ky = frequencies()
    moved = band_of(control + np.array([37.3, -11.9]), counts)
    ramp = np.exp(-2j * np.pi * (kx * 37.3 - ky * 11.9))
    assert np.abs(moved - ramp * band_of(control, counts)).max() < 1e-13


def test_the_area_is_the_closed_form_integral_of_b_splines(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    areas = CurveSampling(counts).areas_nm2(control)
    for curve, area in zip(split_curves(control, counts), areas, strict=True):
        x, y = curve.control_points.T
        cross = [np.sum(x * np.roll(y, -k) - np.roll(x, -k) * y) for k in (1, 2, 3)]
        assert area == pytest.approx(np.dot((245, 56, 1), cross) / 720, rel=1e-12)
    assert band_of(control, counts)[0, 0] == pytest.approx(areas.sum() / np.prod(FIELD.period_nm), rel=1e-13)
    assert areas[1] < 0 < areas[0]


def test_the_spectrum_is_that_of_close_polygons_to_the_area_between(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    curves, exact = split_curves(control, counts), band_of(control, counts)
    for deviation in (0.1, 0.001):
        polygons = [curve.polygon(deviation) for curve in curves]
        length = sum(np.hypot(*(np.roll(p, -1, axis=0) - p).T).sum() for p in polygons)
        close, _ = polygon_band(*join_outlines(polygons), FIELD, RADIUS)
        assert np.abs(close - exact).max() < 1.01 * length * deviation / np.prod(FIELD.period_nm)


def test_more_points_than_needed_change_nothing(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    enough = points_needed(control, counts, FIELD, RADIUS)
    more, _ = curve_band(control, CurveSampling(counts, enough + 8), FIELD, RADIUS)
    assert np.abs(more - band_of(control, counts)).max() < 1e-14
    fewer = points_needed(control, counts, FIELD, RADIUS, 1e-6)
    assert fewer < enough
    coarse, _ = curve_band(control, CurveSampling(counts, fewer), FIELD, RADIUS)
    assert np.abs(coarse - more).max() < 1e-6 * np.abs(more).max()


def test_sampled_points_are_those_of_the_curve_and_straight_where_control_points_are(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    sampling = CurveSampling(counts, 5)
    points = np.split(sampling(control), np.cumsum(counts)[:-1] * 5)
    share = (np.polynomial.legendre.leggauss(5)[0] + 1) / 2
    for curve, part in zip(split_curves(control, counts), points, strict=True):
        parameter = (np.arange(len(curve))[:, None] + np.sort(share)).ravel()
        assert np.abs(np.sort(part, axis=0) - np.sort(curve.at(parameter), axis=0)).max() < 1e-10
    line = np.stack([10.0 * np.arange(8), 3.0 * np.arange(8)], axis=1)
    around = np.concatenate([line, [[80.0, 90.0], [-10.0, 90.0]]])
    straight = CurveSampling((10,), 5)(around).reshape(10, 5, 2)[1:6]  # pieces with four points on the line
    assert np.abs(straight[..., 1] - 0.3 * straight[..., 0]).max() < 1e-12
    assert np.abs(CurveSampling((10,), 5)(around, 1).reshape(10, 5, 2)[1:6] - [10.0, 3.0]).max() < 1e-12


@pytest.mark.parametrize("derivative", [0, 1, 2])
def test_sampling_and_its_adjoint_pass_the_dot_test(rng: np.random.Generator, derivative: int) -> None:
    control, counts = blobs(rng)
    sampling = CurveSampling(counts, 7)
    bar = rng.standard_normal((7 * sum(counts), 2))
    x = rng.standard_normal(control.shape)
    assert dot_test(lambda c: sampling(c, derivative), lambda b: sampling.adjoint(b, derivative), x, bar) < 1e-12


def test_the_gradient_in_control_points_agrees_with_differences(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    sampling, half_bar = sampling_of(control, counts), random_half(rng)
    gradient = curve_band_adjoint(half_bar, control, sampling, FIELD)
    assert gradient.shape == control.shape

    def value(c: np.ndarray) -> float:
        return inner(half_bar, curve_band(c, sampling, FIELD, RADIUS)[0])

    direction = rng.standard_normal(control.shape)
    assert gradient_test(value, gradient, control, direction, 0.02) < 1e-6


def test_the_gradient_is_the_adjoint_of_the_strip_that_moving_curves_add(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    sampling = sampling_of(control, counts)
    kx, ky = frequencies()
    x, y = (sampling(control) - FIELD.origin_nm).T
    wave = np.exp(-2j * np.pi * (kx[:, :, None] * x + ky[:, :, None] * y)) / np.prod(FIELD.period_nm)
    slope = sampling(control, 1) * sampling.weights[:, None]

    def strip(moved: np.ndarray) -> np.ndarray:
        step = sampling(moved)
        return wave @ (slope[:, 1] * step[:, 0] - slope[:, 0] * step[:, 1])

    def adjoint(half_bar: np.ndarray) -> np.ndarray:
        return curve_band_adjoint(half_bar, control, sampling, FIELD)

    assert dot_test(strip, adjoint, rng.standard_normal(control.shape), random_half(rng)) < 1e-12


def test_the_gradient_of_areas_agrees_with_differences(rng: np.random.Generator) -> None:
    control, counts = blobs(rng)
    sampling, areas_bar = CurveSampling(counts), rng.standard_normal(len(counts))
    gradient = sampling.areas_adjoint(areas_bar, control)
    direction = rng.standard_normal(control.shape)
    assert gradient_test(lambda c: inner(areas_bar, sampling.areas_nm2(c)), gradient, control, direction, 1.0) < 1e-9


def test_waves_are_summed_the_same_either_way(rng: np.random.Generator) -> None:
    pytest.importorskip("finufft")
    control, counts = blobs(rng)
    sampling, half_bar = sampling_of(control, counts), random_half(rng)
    direct, nufft = (curve_band(control, sampling, FIELD, RADIUS, m)[0] for m in ("direct", "nufft"))
    assert np.abs(direct - nufft).max() < 1e-13
    bars = [curve_band_adjoint(half_bar, control, sampling, FIELD, m) for m in ("direct", "nufft")]
    assert np.abs(bars[0] - bars[1]).max() < 1e-12 * np.abs(bars[0]).max()


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="`counts` must be at least 4 each"):
        CurveSampling((8, 3))
    with pytest.raises(ValueError, match="`points` must be at least 3"):
        CurveSampling((8,), 2)
    with pytest.raises(ValueError, match=r"`control_points` must be \(8, 2\)"):
        CurveSampling((8,))(np.zeros((9, 2)))
    with pytest.raises(ValueError, match="`curves` must hold at least one"):
        join_curves([])
