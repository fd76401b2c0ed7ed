"""What fewer bits do to an image, a critical dimension and a gradient, against double precision on a contest clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage

from litho.fourier import band_transform, complete, embed, half_band
from litho.grid import Grid
from litho.kernel_files import read_kernels
from litho.layout import read_layout
from litho.matrix_dft import wave_products
from litho.matrix_products import ARITHMETIC, rounded
from litho.raster import coverage
from litho.socs import Kernels, image_band, image_band_adjoint

pytestmark = pytest.mark.data

THRESHOLD = 0.225
SHAPE = (2048, 2048)
MIN_NILS = 1.0
"""Features whose edges are less steep are left out: next to where a feature vanishes any error moves its edges far."""

Round = Callable[[Any], Any]


def same(z: Any) -> Any:
    return z


def half(z: Any) -> Any:
    """Complex numbers as a pair of half-precision ones would keep them."""
    return z.real.astype(np.float16).astype(np.float32) + 1j * z.imag.astype(np.float16).astype(np.float32)


def bfloat16(z: Any) -> Any:
    return rounded(z.real, 8) + 1j * rounded(z.imag, 8)


@dataclass(frozen=True)
class Clip:
    """A clip of grey edges, its kernels, and its image in double precision."""

    mask: Any
    kernels: Kernels
    image: Any

    def off_by(self, to_band: Any, to_print: Any, products: Round = same, fields: Round = same) -> tuple[float, float]:
        """Largest error of the intensity, of the peak, and of a critical dimension, nm."""
        mask = self.mask.astype(np.float32)
        image = aerial_image(mask, self.kernels.like(mask), to_band, to_print, products, fields)
        assert image.dtype == np.float32
        found, expected = dimensions(image), dimensions(self.image)
        steep = {place: cd for place, (cd, slope) in expected.items() if cd * slope / THRESHOLD >= MIN_NILS}
        assert len(steep) > 60
        cd_error = max(abs(nearest(found, place) - cd) for place, cd in steep.items())
        return float(np.abs(image - self.image).max() / self.image.max()), cd_error


def aerial_image(
    mask: Any, kernels: Kernels, to_band: Any, to_print: Any, products: Round = same, fields: Round = same
) -> Any:
    """The chain of `litho.socs`, with what is stored between its steps rounded."""
    waves = products(embed(complete(to_band(mask)) * kernels.spectra, kernels.band_shape))
    field = fields(scipy.fft.ifftn(waves, axes=(-2, -1), norm="forward"))
    intensity = np.sum(kernels.weights[:, None, None] * (field.real**2 + field.imag**2), axis=0)
    return to_print.inverse(half_band(intensity, kernels.image_radius))


def dimensions(image: Any) -> dict[tuple[bool, int, int], tuple[float, float]]:
    """Width in nm and least slope per nm of the bright features on every 8th row and column of the clip."""
    found = {}
    for upright, lines in ((False, image), (True, image.T)):
        for number in range(512, 1536, 8):
            level = lines[number].astype(np.float64) - THRESHOLD
            before = np.flatnonzero((level[:-1] < 0) != (level[1:] < 0))
            slope = np.abs(level[before + 1] - level[before])
            edge = before + level[before] / (level[before] - level[before + 1])
            for k in np.flatnonzero(level[before[:-1]] < 0):
                place = (upright, number, round((edge[k] + edge[k + 1]) / 2))
                found[place] = edge[k + 1] - edge[k], min(slope[k], slope[k + 1])
    return found


def nearest(found: dict[Any, tuple[float, float]], place: tuple[bool, int, int]) -> float:
    upright, number, middle = place
    return next(found[key][0] for d in (0, 1, -1) if (key := (upright, number, middle + d)) in found)


@pytest.fixture(scope="module")
def clip(data_dir: Path) -> Clip:
    data = data_dir / "iccad13"
    kernels = read_kernels(data / "optical_kernels.npz")["focus"]
    sharp = coverage(read_layout(data / "glp" / "M1_test1.glp").polygons(), Grid.square(2048, 1, (-512, -512)))
    mask = scipy.ndimage.gaussian_filter(sharp, 4.0, mode="wrap")  # a sharp one has no numbers but 0 and 1 to round
    transforms = (band_transform(SHAPE, r, mask, "fft") for r in (kernels.radius, kernels.image_radius))
    return Clip(mask, kernels, aerial_image(mask, kernels.like(mask), *transforms))


# of the image's peak, and nm
TRANSFORMS = {
    "full": (2e-6, 1e-3),
    "tf32": (1.5e-3, 0.25),
    "tf32x3": (2e-6, 1e-3),
    "bfloat16": (1.2e-2, 2.0),
    "bfloat16x3": (2e-5, 4e-3),
}


@pytest.mark.parametrize("arithmetic", list(ARITHMETIC))
def test_an_image_by_products_of_fewer_bits_is_within_the_stated_error(arithmetic: str, clip: Clip) -> None:
    like = np.zeros(1, np.float32)
    radii = clip.kernels.radius, clip.kernels.image_radius
    intensity, cd_nm = clip.off_by(*(wave_products(SHAPE, r, like, arithmetic) for r in radii))
    most = TRANSFORMS[arithmetic]
    assert intensity < most[0] and cd_nm < most[1], (intensity, cd_nm)
    if arithmetic in ("tf32", "bfloat16"):
        assert intensity > most[0] / 5  # it is rounded indeed


STORED = {
    "half, products": (half, same, 5e-4, 0.15),
    "half, fields": (same, half, 2.5e-3, 0.4),
    "bfloat16, products": (bfloat16, same, 2.5e-3, 0.6),
    "bfloat16, fields": (same, bfloat16, 1.6e-2, 3.0),
}


@pytest.mark.parametrize("name", list(STORED))
def test_an_image_by_what_is_stored_in_fewer_bits_is_within_the_stated_error(name: str, clip: Clip) -> None:
    products, fields, most, most_nm = STORED[name]
    like = np.zeros(1, np.float32)
    radii = clip.kernels.radius, clip.kernels.image_radius
    intensity, cd_nm = clip.off_by(*(wave_products(SHAPE, r, like) for r in radii), products, fields)
    assert most / 10 < intensity < most and cd_nm < most_nm, (intensity, cd_nm)


@pytest.mark.parametrize(("stored", "most"), [(same, 2e-6), (half, 3e-4), (bfloat16, 2e-3)])
def test_a_gradient_from_fields_in_fewer_bits_is_within_the_stated_error(
    stored: Round, most: float, clip: Clip
) -> None:
    def gradient(mask: Any, keep: Round) -> Any:
        kernels = clip.kernels.like(mask)
        band = complete(band_transform(SHAPE, kernels.radius, mask)(mask))
        intensity, saved = image_band(band, kernels)
        to_print = band_transform((512, 512), kernels.image_radius, mask)
        printed = 1 / (1 + np.exp(-50 * (to_print.inverse(intensity) - mask.dtype.type(THRESHOLD))))
        target = clip.mask.reshape(512, 4, 512, 4).mean(axis=(1, 3)).astype(mask.dtype)
        bar = to_print.inverse_adjoint(100 * (printed - target) * printed * (1 - printed))
        return image_band_adjoint(bar, replace(saved, fields=keep(saved.fields)), kernels)

    exact, found = gradient(clip.mask, same), gradient(clip.mask.astype(np.float32), stored)
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    assert error < most and (stored is same or error > most / 10), error
