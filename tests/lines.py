"""Spaces that repeat in x, imaged by the route of polygons, and the lenses of the laws' tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from litho.backend import to_host
from litho.cells import Floats
from litho.fourier import complete
from litho.grid import Grid
from litho.image import AerialImage, aerial_image
from litho.pupil import Optics
from litho.source import Source

SHORT_NM = 10.0
"""Height of a field of lines: no order passes along y."""


def wet(source: Source, **more: Any) -> Optics:
    """Return a lens for water at 193 nm."""
    return Optics(193, 1.35, source, 1.44, **more)


def dry(source: Source, **more: Any) -> Optics:
    """Return a lens for air at 193 nm."""
    return Optics(**({"wavelength_nm": 193, "na": 0.9, "source": source} | more))


def spaces(
    optics: Optics,
    pitch_nm: float,
    width_nm: float,
    center_nm: float = 0.0,
    method: str = "abbe",
    axis: str = "x",
    **settings: Any,
) -> AerialImage:
    """Image of open spaces that repeat along an axis; all kernels, if by kernels."""
    low, high = center_nm - width_nm / 2, center_nm + width_nm / 2
    shape = np.array([[low, 0.0], [high, 0.0], [high, SHORT_NM], [low, SHORT_NM]])
    grid = Grid((1, 16), (SHORT_NM, pitch_nm / 16))
    if axis == "y":
        shape, grid = shape[::-1, ::-1], Grid((16, 1), (pitch_nm / 16, SHORT_NM))
    return aerial_image([shape], optics, grid, method=method, max_error=0.0, **settings)


def cut(image: AerialImage, x_nm: Floats, axis: str = "x") -> Floats:
    """Intensity across the spaces."""
    place = (x_nm, 0 * x_nm) if axis == "x" else (0 * x_nm, x_nm)
    return np.asarray(to_host(image.at(*place)))


def order(k: int, pitch_nm: float, width_nm: float, center_nm: float = 0.0) -> complex:
    """Amplitude of a diffraction order of open spaces in an opaque mask."""
    sine = math.sin(math.pi * k * width_nm / pitch_nm) / (math.pi * k) if k else width_nm / pitch_nm
    return complex(sine * np.exp(-2j * math.pi * k * center_nm / pitch_nm))


def over_the_pitch(pitch_nm: float, count: int = 41) -> Floats:
    """Return points over more than one pitch, none of them a sample of anything."""
    return np.linspace(-0.31, 0.97, count) * pitch_nm


def random_band(rng: np.random.Generator, optics: Optics, period_nm: tuple[float, float]) -> np.ndarray:
    """Band of random complex transmissions, of mean modulus 1/2 or so."""
    ry, rx = optics.band_radius(period_nm)
    band = rng.standard_normal((2, 2 * ry + 1, 2 * rx + 1)) / math.sqrt(8 * (2 * ry + 1) * (2 * rx + 1))
    band[0, 0, 0] += 0.5
    return np.asarray(band[0] + 1j * band[1])


def harmonics(half: Any) -> np.ndarray:
    """Full band of an intensity's half band, on the host."""
    return np.asarray(to_host(complete(half)))


def at_points(half: Any, period_nm: tuple[float, float], x_nm: Floats, y_nm: Floats) -> Floats:
    """Intensity at points, by the Fourier sum."""
    full = harmonics(half)
    ky, kx = (np.fft.ifftshift(np.arange(-(n // 2), n // 2 + 1)) for n in full.shape)
    waves_y = np.exp(2j * np.pi * np.outer(y_nm / period_nm[0], ky))
    waves_x = np.exp(2j * np.pi * np.outer(x_nm / period_nm[1], kx))
    return np.asarray(((waves_y @ full) * waves_x).sum(axis=1).real)


def largest(half: Any) -> float:
    """Largest modulus of the real field with a half band, on a grid of its own."""
    full = harmonics(half)
    return float(np.abs(np.fft.ifft2(full, norm="forward")).max())


def mean_of(values: Sequence[Any]) -> Any:
    """Return the mean of images."""
    return sum(values[1:], values[0]) / len(values)
