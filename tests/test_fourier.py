"""Laws of the Fourier convention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho import fourier
from litho.backend import to_host
from litho.grid import Grid


def plane_waves(grid: Grid, coefficients: dict[tuple[int, int], complex]) -> np.ndarray:
    """Real field with given coefficients (ky, kx), evaluated at the pixel centres by its definition."""
    y = (np.arange(grid.shape[0]) + 0.5) / grid.shape[0]
    x = (np.arange(grid.shape[1]) + 0.5) / grid.shape[1]
    field = np.zeros(grid.shape, complex)
    for (ky, kx), c in coefficients.items():
        field += c * np.exp(2j * np.pi * (ky * y[:, None] + kx * x[None, :]))
        if (ky, kx) != (0, 0):
            field += np.conj(c) * np.exp(-2j * np.pi * (ky * y[:, None] + kx * x[None, :]))
    return field.real


COEFFICIENTS = {(0, 0): 0.7, (1, 2): 0.3 - 0.2j, (-2, 1): 0.1j, (2, 0): -0.25 + 0.1j}


@pytest.mark.parametrize("method", ["matrix", "fft"])
@pytest.mark.parametrize("shape", [(7, 9), (16, 12), (33, 40)])
def test_the_spectrum_of_plane_waves_is_their_coefficients(method: str, shape: tuple[int, int], xp: Any) -> None:
    field = xp(plane_waves(Grid(shape, (1.0, 1.0)), COEFFICIENTS))
    full = to_host(fourier.complete(fourier.band_transform(shape, (3, 3), field, method)(field)))
    expected = np.zeros((7, 7), complex)
    for (ky, kx), c in COEFFICIENTS.items():
        expected[ky, kx], expected[-ky, -kx] = c, np.conj(c)
    expected[0, 0] = 0.7
    assert np.max(np.abs(full - expected)) < 1e-14


@pytest.mark.parametrize("method", ["matrix", "fft"])
def test_a_band_limited_field_is_exact_at_the_pixels_of_any_other_grid(method: str, xp: Any) -> None:
    coarse, fine = (9, 8), (50, 36)
    field = xp(plane_waves(Grid(coarse, (1.0, 1.0)), COEFFICIENTS))
    half = fourier.band_transform(coarse, (3, 3), field, method)(field)
    finer = to_host(fourier.band_transform(fine, (3, 3), field, method).inverse(half))
    assert np.max(np.abs(finer - plane_waves(Grid(fine, (1.0, 1.0)), COEFFICIENTS))) < 1e-14


@pytest.mark.parametrize("method", ["matrix", "fft"])
def test_precision_follows_the_input(method: str, xp: Any) -> None:
    for real, complex_ in (("float32", "complex64"), ("float64", "complex128")):
        x = xp(np.ones((8, 8), real))
        pair = fourier.band_transform((8, 8), (2, 2), x, method)
        assert str(pair(x).dtype).endswith(complex_) and str(pair.inverse(pair(x)).dtype).endswith(real)


def test_both_methods_agree_in_single_precision_to_its_rounding(rng: np.random.Generator) -> None:
    x = (rng.random((512, 480)) > 0.5).astype(np.float32)
    a, b = (fourier.band_transform(x.shape, (20, 18), x, method)(x) for method in ("matrix", "fft"))
    assert np.max(np.abs(a - b)) < 3e-7


def test_a_field_is_exact_on_a_grid_too_coarse_for_its_band(xp: Any) -> None:
    fine, coarse = (15, 9), (5, 3)  # the centre of a coarse pixel is that of its middle fine one
    field = xp(plane_waves(Grid(fine, (1.0, 1.0)), COEFFICIENTS))
    half = fourier.band_transform(fine, (3, 3), field)(field)
    values = to_host(fourier.band_transform(coarse, (3, 3), field).inverse(half))
    assert np.max(np.abs(values - to_host(field)[1::3, 1::3])) < 1e-14


def test_an_fft_of_a_band_wider_than_its_grid_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`shape` must hold 2 R \+ 1 samples"):
        fourier.band_transform((6, 9), (3, 3), np.zeros(1), "fft")


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (11, 12), (69, 70), (109, 112), (121, 125), (217, 224)])
def test_fast_length_is_the_next_product_of_small_primes(n: int, expected: int) -> None:
    assert fourier.fast_length(n) == expected
