"""Images of a half band are those of the raster it came from, and the adjoint is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.check import gradient_test, inner
from litho.grid import Grid
from litho.mask import Mask
from litho.model import (
    PrintModel,
    aerial_images,
    aerial_images_adjoint,
    band_images,
    band_images_adjoint,
    print_model,
)
from litho.process import Corner, Process
from litho.pupil import Optics
from litho.resist import Resist
from litho.socs import Kernels
from litho.source import Source
from litho.tcc import socs_kernels

GRID = Grid.square(480, 8)
PROCESS = Process((Corner(1.0, 0.0), Corner(1.05, 0.0), Corner(0.95, 40.0)), Resist(0.25, 40.0))


@pytest.fixture(scope="module")
def kernels() -> tuple[Kernels, ...]:
    optics = Optics(193.0, 1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
    return tuple(socs_kernels(optics, GRID.period_nm, z, max_error=0.05) for z in PROCESS.foci_nm)


def model_of(kernels: tuple[Kernels, ...], like: Any) -> PrintModel:
    return print_model(GRID, PROCESS, kernels, like, mask=Mask.attenuated(), print_grid=Grid.square(480, 5))


def test_images_of_a_half_band_are_those_of_its_raster(kernels: tuple[Kernels, ...], xp: Any) -> None:
    rng = np.random.default_rng(3)
    coverage = xp((rng.random((1, *GRID.shape)) > 0.6).astype(float))
    model = model_of(kernels, coverage)
    expected, saved = aerial_images(coverage, model)
    half = model.to_band(coverage)
    intensity, saved_band = band_images(half, model)
    assert np.abs(to_host(intensity) - to_host(expected)).max() < 1e-13
    bar = xp(rng.standard_normal(intensity.shape))
    coverage_bar = model.to_band.adjoint(band_images_adjoint(bar, saved_band, model))
    expected_bar = to_host(aerial_images_adjoint(bar, saved, model))
    assert np.abs(to_host(coverage_bar) - expected_bar).max() < 1e-12 * np.abs(expected_bar).max()


def test_the_gradient_agrees_with_differences(kernels: tuple[Kernels, ...]) -> None:
    rng = np.random.default_rng(4)
    coverage = (rng.random(GRID.shape) > 0.6).astype(float)
    model = model_of(kernels, coverage)
    half = model.to_band(coverage)
    intensity, saved = band_images(half, model)
    bar = rng.standard_normal(intensity.shape)
    direction = model.to_band(rng.standard_normal(GRID.shape))
    gradient = band_images_adjoint(bar, saved, model)
    assert gradient_test(lambda h: inner(bar, band_images(h, model)[0]), gradient, half, direction, 1e-3) < 1e-6
