"""Laws of sums of waves over points, by matrix products and by a non-uniform FFT, and of weighted polygons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.check import gradient_test, inner
from litho.fourier import band_frequencies, complete
from litho.grid import Grid
from litho.polygon_spectrum import join_outlines, polygon_band, polygon_band_adjoint, weighted_band
from litho.wave_sums import NUFFT_PAYS, has_finufft, uses_nufft, wave_field, wave_sums

FIELD = Grid((240, 300), (5.0, 4.0), (-70.0, 130.0))
RADIUS = (11, 17)
LETTER = np.array([[0, 0], [300, 0], [300, 60], [70, 60], [70, 140], [220, 140], [220, 200], [0, 200]], float)
METHODS = ["direct", pytest.param("nufft", marks=pytest.mark.skipif(not has_finufft(), reason="no finufft"))]


def waves(points: np.ndarray) -> np.ndarray:
    """Return exp(-2 pi i k.r), (points, 2 Ry + 1, Rx + 1)."""
    ky, kx = band_frequencies(RADIUS[0], np.zeros(1)), np.arange(RADIUS[1] + 1)
    return np.exp(-2j * np.pi * (points[:, 1, None, None] * ky[:, None] + points[:, 0, None, None] * kx))


def blocks(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return rectangles, (count, 4, 2) in nm."""
    start, size = rng.uniform(-70, 1000, (count, 1, 2)), rng.uniform(1, 100, (count, 1, 2))
    return start + size * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


@pytest.mark.parametrize("method", METHODS)
def test_a_sum_of_waves_is_what_its_terms_add_up_to(method: str, rng: np.random.Generator) -> None:
    points, weights = rng.uniform(-3, 3, (400, 2)), rng.standard_normal((400, 3))
    each = waves(points)
    expected = np.tensordot(weights[:, 0], each, 1)
    expected[0] = np.tensordot(weights[:, 2], each[:, 0], 1)
    expected[:, 0] = np.tensordot(weights[:, 1], each[:, :, 0], 1)
    half = wave_sums(points, weights, RADIUS, method)
    error = np.abs(half - expected)
    error[0, 0] = 0  # belongs to neither
    assert error.max() < 2e-12  # of values up to 60, for phases up to 400 radians


@pytest.mark.parametrize("method", METHODS)
def test_the_field_at_points_is_the_adjoint_of_the_sum(method: str, rng: np.random.Generator) -> None:
    points, weight = rng.uniform(0, 1, (300, 2)), rng.standard_normal(300)
    half_bar = rng.standard_normal((23, 18)) + 1j * rng.standard_normal((23, 18))
    half = wave_sums(points, np.stack([weight] * 3, axis=1), RADIUS, method)
    assert inner(half, half_bar) == pytest.approx(inner(weight, wave_field(half_bar, points, method)), rel=1e-11)


def test_sums_work_on_any_library_and_over_no_points(xp: Any, rng: np.random.Generator) -> None:
    points, weights = rng.uniform(0, 1, (50, 2)), rng.standard_normal((50, 3))
    half = wave_sums(xp(points), xp(weights), RADIUS)
    assert np.abs(to_host(half) - wave_sums(points, weights, RADIUS, "direct")).max() < 1e-13
    assert not to_host(wave_sums(xp(points[:0]), xp(weights[:0]), RADIUS)).any()
    assert wave_field(half, xp(points[:0])).shape == (0,)


def test_the_faster_way_is_chosen_by_the_number_of_points() -> None:
    assert uses_nufft(np.zeros((NUFFT_PAYS, 2)), "auto") == has_finufft()
    assert not uses_nufft(np.zeros((NUFFT_PAYS - 1, 2)), "auto") and not uses_nufft(np.zeros((10**5, 2)), "direct")
    with pytest.raises(ValueError, match="`method` must be 'auto', 'direct' or 'nufft', but got 'fast'"):
        wave_sums(np.zeros((1, 2)), np.zeros((1, 3)), RADIUS, "fast")


def test_a_non_uniform_fft_is_for_numpy_arrays() -> None:
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(ValueError, match="`method` 'nufft' must have NumPy arrays and finufft"):
        uses_nufft(strict.zeros((3, 2)), "nufft")


# --- polygons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_rectangles_are_products_of_sincs(method: str, rng: np.random.Generator) -> None:
    shapes, weights = blocks(500, rng), rng.uniform(-1, 1, 500)
    half, _ = polygon_band(shapes.reshape(-1, 2), (4,) * 500, FIELD, RADIUS, weights.tolist(), method)
    size, center = (shapes[:, 2] - shapes[:, 0]) / 1200, ((shapes[:, 2] + shapes[:, 0]) / 2 - FIELD.origin_nm) / 1200
    ky, kx = band_frequencies(RADIUS[0], np.zeros(1))[:, None], np.arange(RADIUS[1] + 1)
    each = np.sinc(size[:, 0, None, None] * kx) * np.sinc(size[:, 1, None, None] * ky) * waves(center)
    expected = np.tensordot(weights * size[:, 0] * size[:, 1], each, 1)
    assert np.abs(half - expected).max() < 1e-15


@pytest.mark.parametrize("method", METHODS)
def test_outlines_along_the_axes_by_their_corners_are_those_by_points_on_their_edges(method: str) -> None:
    shape = LETTER + np.array([130.3, 300.7])
    moved = 1e-7 * np.cos(np.arange(16)).reshape(8, 2)  # no edge is along an axis any more
    corners, ahead, back = (polygon_band(shape + m, (8,), FIELD, RADIUS, None, method)[0] for m in (0, moved, -moved))
    assert np.abs(corners - (ahead + back) / 2).max() < 1e-15


def test_a_shape_with_some_slanted_edges_is_the_sum_of_its_parts() -> None:
    house = np.array([[0, 200], [300, 200], [300, 400], [150, 520], [0, 400]], float)
    walls, roof = house[[0, 1, 2, 4]], house[2:]
    whole, *parts = (polygon_band(p, (len(p),), FIELD, RADIUS)[0] for p in (house, walls, roof))
    assert np.abs(whole - sum(parts)).max() < 1e-16


@pytest.mark.parametrize("method", METHODS)
def test_large_layouts_agree_with_matrix_products_and_so_does_their_derivative(
    method: str, rng: np.random.Generator
) -> None:
    angle = 2 * np.pi * np.arange(32) / 32
    discs = rng.uniform(0, 1000, (60, 1, 2)) + 40 * np.stack([np.cos(angle), np.sin(angle)], -1)
    vertices, counts = np.concatenate([discs.reshape(-1, 2), blocks(300, rng).reshape(-1, 2)]), (32,) * 60 + (4,) * 300
    expected, saved = polygon_band(vertices, counts, FIELD, RADIUS, None, "direct")
    half, _ = polygon_band(vertices, counts, FIELD, RADIUS, None, method)
    assert np.abs(half - expected).max() < 1e-13 * np.abs(expected).max()
    gradients = [polygon_band_adjoint(expected, saved, counts, FIELD, None, m) for m in ("direct", method)]
    assert np.abs(gradients[0] - gradients[1]).max() < 1e-12 * np.abs(gradients[0]).max()


def test_weights_count_polygons_and_complex_ones_make_the_full_band(xp: Any) -> None:
    shapes = [LETTER, LETTER + 400.0, LETTER[::-1] + np.array([300.0, 700.0])]
    vertices, counts = join_outlines([xp(s) for s in shapes])
    weights = (0.5, -1.0 + 0.3j, 2j)
    bands = [complete(polygon_band(s, (8,), FIELD, RADIUS)[0]) for s in shapes]
    full = to_host(weighted_band(vertices, counts, weights, FIELD, RADIUS))
    assert np.abs(full - sum(w * b for w, b in zip(weights, bands, strict=True))).max() < 1e-15
    real = to_host(weighted_band(vertices, counts, (1.0, 2.0, 3.0), FIELD, RADIUS))
    assert np.abs(real - sum(w * b for w, b in zip((1, 2, 3), bands, strict=True))).max() < 1e-15
    with pytest.raises(ValueError, match=r"`weights` must have one number per polygon \(3\), but got 2"):
        polygon_band(vertices, counts, FIELD, RADIUS, (1.0, 2.0))


def test_the_derivative_of_weighted_polygons_agrees_with_differences(rng: np.random.Generator) -> None:
    vertices, counts = join_outlines([LETTER, LETTER @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + 500])
    weights = (0.7, -2.0)
    half, saved = polygon_band(vertices, counts, FIELD, RADIUS, weights)
    half_bar = rng.standard_normal(half.shape) + 1j * rng.standard_normal(half.shape)
    gradient = polygon_band_adjoint(half_bar, saved, counts, FIELD, weights)
    direction = rng.standard_normal(vertices.shape)

    def value(moved: Any) -> float:
        return inner(half_bar, polygon_band(moved, counts, FIELD, RADIUS, weights)[0])

    assert gradient_test(value, gradient, vertices, direction, step=0.1) < 1e-6
