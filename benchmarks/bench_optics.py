"""Mask to aerial image, step by step, forward and back: one focus, 24 kernels."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.cases import Case
from benchmarks.timing import finished
from litho.backend import Array
from litho.benchmark.cases import KERNEL_COUNT, OPTICS
from litho.fourier import BandTransform, band_transform
from litho.mask import Mask, transmission_band
from litho.socs import image_band, image_band_adjoint
from litho.tcc import socs_kernels


@pytest.fixture(scope="module")
def to_band(immersion: Case) -> BandTransform:
    return band_transform(immersion.grid.shape, immersion.kernels[0].radius, immersion.target)


@pytest.fixture(scope="module")
def to_print(immersion: Case) -> BandTransform:
    return band_transform(immersion.grid.shape, immersion.kernels[0].image_radius, immersion.target)


@pytest.fixture(scope="module")
def mask_band(immersion: Case, to_band: BandTransform) -> Array:
    return transmission_band(to_band(immersion.target), Mask())


def test_decomposition_into_kernels(benchmark: Any, immersion: Case) -> None:
    period = immersion.grid.period_nm
    kernels = benchmark.pedantic(socs_kernels, (OPTICS, period), {"count": KERNEL_COUNT}, rounds=3)
    assert len(kernels.weights) == KERNEL_COUNT


def test_band_transform(benchmark: Any, immersion: Case, to_band: BandTransform) -> None:
    benchmark(finished(to_band), immersion.target)


def test_band_transform_adjoint(benchmark: Any, immersion: Case, to_band: BandTransform) -> None:
    benchmark(finished(to_band.adjoint), to_band(immersion.target))


def test_fields_and_intensity(benchmark: Any, immersion: Case, mask_band: Array) -> None:
    benchmark(finished(lambda: image_band(mask_band, immersion.kernels[0])[0]))


def test_fields_and_intensity_adjoint(benchmark: Any, immersion: Case, mask_band: Array) -> None:
    half, saved = image_band(mask_band, immersion.kernels[0])
    benchmark(finished(image_band_adjoint), half, saved, immersion.kernels[0])


def test_print_grid(benchmark: Any, immersion: Case, mask_band: Array, to_print: BandTransform) -> None:
    half, _ = image_band(mask_band, immersion.kernels[0])
    benchmark(finished(to_print.inverse), half)


def test_print_grid_adjoint(benchmark: Any, immersion: Case, to_print: BandTransform) -> None:
    benchmark(finished(to_print.inverse_adjoint), immersion.target)
