"""Gaussian diffusion against closed forms: damping, mirrors at top and bottom, conservation, and its adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from litho.backend import to_host
from litho.check import dot_test, linearity_test
from litho.diffusion import gaussian_diffusion
from litho.grid import Grid

GRID = Grid((30, 36), (4.0, 3.0))
LAYERS, LAYER_NM = 12, 5.0


def depths(layers: int = LAYERS, layer_nm: float = LAYER_NM) -> np.ndarray:
    return (np.arange(layers) + 0.5) * layer_nm


def middles() -> tuple[np.ndarray, np.ndarray]:
    y, x = ((np.arange(n) + 0.5) * p for n, p in zip(GRID.shape, GRID.pixel_nm, strict=True))
    return y[:, None], x[None, :]


@pytest.mark.parametrize(("ky", "kx", "m"), [(0, 1, 0), (3, -2, 0), (5, 4, 3), (0, 0, 7), (-14, 17, 11)])
def test_a_wave_is_damped_by_exp_minus_2_pi2_sigma2_f2(ky: int, kx: int, m: int, xp: Any) -> None:
    sigma, (y, x) = 6.3, middles()
    fy, fx, fz = ky / GRID.period_nm[0], kx / GRID.period_nm[1], m / (2 * LAYERS * LAYER_NM)
    wave = np.cos(2 * np.pi * fz * depths())[:, None, None] * np.cos(2 * np.pi * (fy * y + fx * x) + 0.4)
    out = to_host(gaussian_diffusion(GRID, sigma, xp(wave), LAYERS, LAYER_NM)(xp(wave)))
    expected = wave * math.exp(-2 * np.pi**2 * sigma**2 * (fy**2 + fx**2 + fz**2))
    assert np.abs(out - expected).max() < 1e-14
    if m == 0:  # sideways only
        flat = to_host(gaussian_diffusion(GRID, sigma, xp(wave))(xp(wave[0])))
        assert np.abs(flat - expected[0]).max() < 1e-14


def test_a_sheet_of_acid_spreads_into_gaussians_mirrored_at_top_and_bottom(xp: Any) -> None:
    layers, layer, sigma, at = 400, 0.5, 30.0, 20.25
    start = np.zeros((layers, 2, 2))
    z = depths(layers, layer)
    start[np.abs(z - at) < 1e-9] = 1 / layer
    out = to_host(gaussian_diffusion(Grid((2, 2), (1.0, 1.0)), sigma, xp(start), layers, layer)(xp(start)))
    images = [s * at + 2 * k * layers * layer for s in (1, -1) for k in (-2, -1, 0, 1, 2)]
    expected = sum(np.exp(-((z - c) ** 2) / (2 * sigma**2)) for c in images) / math.sqrt(2 * np.pi) / sigma
    assert np.abs(out[:, 0, 0] - expected).max() < 1e-13


def test_a_step_of_acid_becomes_an_error_function(xp: Any) -> None:
    grid, sigma = Grid((1, 512), (1.0, 1.0)), 9.0
    x = np.arange(512) + 0.5
    start = ((x > 128) & (x < 384)).astype(float)[None]
    out = to_host(gaussian_diffusion(grid, sigma, xp(start))(xp(start)))[0]
    # samples of a step are a row of points, spread each: their sum is the error function up to the square of the pixel
    expected = (erf((x - 128) / math.sqrt(2) / sigma) - erf((x - 384) / math.sqrt(2) / sigma)) / 2
    assert np.abs(out - expected).max() < 3e-4


def test_diffusion_over_two_lengths_is_diffusion_over_the_root_of_their_squares(
    xp: Any, rng: np.random.Generator
) -> None:
    x = xp(rng.random((2, LAYERS, *GRID.shape)))
    by = [gaussian_diffusion(GRID, s, x, LAYERS, LAYER_NM) for s in (6.0, 8.0, 10.0)]
    assert np.abs(to_host(by[1](by[0](x)) - by[2](x))).max() < 1e-14


def test_diffusion_keeps_the_amount_and_a_uniform_field_and_ends_uniform(xp: Any, rng: np.random.Generator) -> None:
    x = rng.random((LAYERS, *GRID.shape))
    out = to_host(gaussian_diffusion(GRID, 12.0, xp(x), LAYERS, LAYER_NM)(xp(x)))
    assert out.sum() == pytest.approx(x.sum(), rel=1e-14)
    assert out.min() > x.min() and out.max() < x.max()
    ones = xp(np.ones(x.shape))
    assert np.abs(to_host(gaussian_diffusion(GRID, 12.0, ones, LAYERS, LAYER_NM)(ones)) - 1).max() < 1e-14
    assert np.abs(to_host(gaussian_diffusion(GRID, 1e4, ones, LAYERS, LAYER_NM)(xp(x))) - x.mean()).max() < 1e-14
    assert np.abs(to_host(gaussian_diffusion(GRID, 0.0, ones, LAYERS, LAYER_NM)(xp(x))) - x).max() < 1e-14


@pytest.mark.parametrize("layer_nm", [None, LAYER_NM])
def test_diffusion_is_its_own_adjoint(layer_nm: float | None, xp: Any, rng: np.random.Generator) -> None:
    shape = (2, LAYERS, *GRID.shape)
    x, y, z = (xp(rng.standard_normal(shape)) for _ in range(3))
    diffusion = gaussian_diffusion(GRID, 7.0, x, LAYERS, layer_nm)
    assert dot_test(diffusion, diffusion.adjoint, x, y) < 1e-12
    assert linearity_test(diffusion, x, z) < 1e-12


def test_diffusion_keeps_single_precision(xp: Any, rng: np.random.Generator) -> None:
    x = rng.random((LAYERS, *GRID.shape))
    single = xp(x.astype(np.float32))
    out = gaussian_diffusion(GRID, 7.0, single, LAYERS, LAYER_NM)(single)
    assert to_host(out).dtype == np.float32
    assert np.abs(to_host(out) - gaussian_diffusion(GRID, 7.0, x, LAYERS, LAYER_NM)(x)).max() < 1e-6


def test_lengths_of_diffusion_that_cannot_be_are_refused() -> None:
    x = np.ones((3, *GRID.shape))
    with pytest.raises(ValueError, match="`sigma_nm` must be a length of at least 0, but got -1"):
        gaussian_diffusion(GRID, -1.0, x)
    with pytest.raises(ValueError, match="`layer_nm` must be a positive length, but got 0"):
        gaussian_diffusion(GRID, 1.0, x, 3, 0.0)
    with pytest.raises(ValueError, match="`layers` must be at least 1, but got 0"):
        gaussian_diffusion(GRID, 1.0, x, 0, 1.0)
