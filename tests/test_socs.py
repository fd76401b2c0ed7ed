"""The band-limited image is the full-grid image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft

from litho import fourier, socs
from litho.backend import to_host
from litho.socs import Kernels


def random_kernels(rng: np.random.Generator, radius: tuple[int, int], count: int = 5) -> Kernels:
    shape = (count, 2 * radius[0] + 1, 2 * radius[1] + 1)
    spectra = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    spectra /= np.sqrt(np.sum(np.abs(spectra) ** 2, axis=(1, 2), keepdims=True))
    return Kernels(spectra, 2.0 ** -np.arange(count), (64.0, 48.0))


def full_grid_image(mask: np.ndarray, kernels: Kernels) -> np.ndarray:
    """The textbook's way: one transform of the whole grid per kernel."""
    spectrum = fourier.crop(scipy.fft.fft2(mask, norm="forward"), kernels.radius)
    fields = (fourier.embed(spectrum * h, mask.shape) for h in kernels.spectra)
    return sum(
        w * np.abs(scipy.fft.ifft2(e, norm="forward")) ** 2 for w, e in zip(kernels.weights, fields, strict=True)
    )


def band_limited_image(mask: Any, kernels: Kernels) -> Any:
    to_band = fourier.band_transform(mask.shape, kernels.radius, mask)
    half, _ = socs.image_band(fourier.complete(to_band(mask)), kernels)
    return fourier.band_transform(mask.shape, kernels.image_radius, mask).inverse(half)


def test_the_band_limited_image_equals_the_full_grid_image(rng: np.random.Generator, xp: Any) -> None:
    kernels = random_kernels(rng, (7, 5))
    mask = (rng.random((64, 48)) > 0.5).astype(float)
    image = to_host(band_limited_image(xp(mask), kernels.like(xp(mask))))
    expected = full_grid_image(mask, kernels)
    assert np.max(np.abs(image - expected)) < 1e-13 * expected.max()


@pytest.mark.data
def test_a_contest_clip_in_single_precision_equals_the_full_grid_image_to_2e_6(data_dir: Any) -> None:
    from litho.grid import Grid
    from litho.kernel_files import read_kernels
    from litho.layout import read_layout
    from litho.raster import coverage

    layout = read_layout(data_dir / "iccad13" / "glp" / "M1_test1.glp")
    mask = coverage(layout.polygons(), Grid.square(2048, 1, (-512, -512)), np.float32)
    for kernels in read_kernels(data_dir / "iccad13" / "optical_kernels.npz").values():
        image = band_limited_image(mask, kernels.like(mask))
        expected = full_grid_image(mask, kernels.like(mask))
        assert image.dtype == np.float32
        assert np.max(np.abs(image - expected)) < 2e-6 * expected.max()


def test_clips_of_a_batch_do_not_see_each_other(rng: np.random.Generator, xp: Any) -> None:
    kernels = random_kernels(rng, (3, 3))
    band = rng.standard_normal((2, 3, 7, 7)) + 1j * rng.standard_normal((2, 3, 7, 7))
    together = to_host(socs.image_band(xp(band), kernels.like(xp(band.real)))[0])
    alone = to_host(socs.image_band(xp(band[1, 2]), kernels.like(xp(band.real)))[0])
    assert np.array_equal(together[1, 2], alone)


def test_truncation_adds_the_dropped_share_to_the_stated_error(rng: np.random.Generator) -> None:
    base = random_kernels(rng, (3, 3), count=3)
    kernels = Kernels(base.spectra, np.array([6.0, 3.0, 1.0]), base.period_nm, truncation_error=0.2)
    assert kernels.truncated(3).truncation_error == pytest.approx(0.2)
    assert kernels.truncated(2).truncation_error == pytest.approx(1 - 0.8 * 0.9)
    assert base.truncated(2).truncation_error is None


def test_what_truncation_drops_is_given_back_on_the_mean(rng: np.random.Generator, xp: Any) -> None:
    base = random_kernels(rng, (3, 2))
    kernels = Kernels(base.spectra, base.weights, base.period_nm, background=rng.random((7, 5)))
    band = xp(rng.standard_normal((7, 5)) + 1j * rng.standard_normal((7, 5)))
    whole, part = (to_host(socs.image_band(band, k.like(xp(np.zeros(1))))[0]) for k in (kernels, kernels.truncated(2)))
    assert abs(whole[0, 0] - part[0, 0]) < 1e-12 * abs(whole[0, 0])


def test_kernels_of_the_wrong_shape_are_refused(rng: np.random.Generator) -> None:
    good = random_kernels(rng, (3, 3))
    with pytest.raises(ValueError, match="`spectra` must have shape"):
        Kernels(good.spectra[:, :6], good.weights, (1.0, 1.0))
    with pytest.raises(ValueError, match=r"one entry per kernel \(5\), but got \(3,\)"):
        Kernels(good.spectra, good.weights[:3], (1.0, 1.0))
    with pytest.raises(ValueError, match=r"`count` must be in 1..5"):
        good.truncated(6)
