"""The error of an image from the sampling of its source stays below the stated one, and is not far below it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from litho.abbe import abbe_image
from litho.fourier import complete
from litho.pupil import Optics, wavefront
from litho.source import Source

SOURCES = {
    "small disc": Source.conventional(0.1),
    "disc": Source.conventional(0.7),
    "full": Source.conventional(1),
    "ring": Source.annular(0.6, 0.9),
    "soft ring": Source.annular(0.6, 0.9).softened(0.1),
    "dipole": Source.dipole(0.7, 0.2),
    "quasar": Source.quasar(0.6, 0.9, 30),
    "pixels": Source.pixels(Source.quadrupole(0.7, 0.2, 45).to_map(41)),
    "sum": Source.annular(0.7, 0.9) + 0.5 * Source.conventional(0.3),
}
CONDITIONS = ((0.0, {}), (150.0, {}), (300.0, {7: 0.05, 9: 0.05, 12: 0.04}))
"""Defocus in nm and aberrations."""


def optics(source: Source, zernikes: dict[int, float]) -> Optics:
    return Optics(193.0, 0.85, source, zernikes=zernikes)


def phase_slope(system: Optics, defocus_nm: float) -> float:
    """Largest difference of the wavefront's gradient between two places of the pupil."""
    t, step = np.linspace(-1, 1, 61), 1e-5
    x, y = np.meshgrid(t, t)
    inside = np.hypot(x, y) < 1 - step
    x, y = x[inside], y[inside]
    gradient = [
        (wavefront(x + dx, y + dy, system, defocus_nm) - wavefront(x - dx, y - dy, system, defocus_nm)) / (2 * step)
        for dx, dy in ((step, 0.0), (0.0, step))
    ]
    angle = np.linspace(0, math.pi, 60)[:, None]
    along = np.cos(angle) * gradient[0] + np.sin(angle) * gradient[1]
    return float((along.max(axis=1) - along.min(axis=1)).max())


def gratings(radius: int) -> np.ndarray:
    """Analytic bands of lines along y: open, in an absorber of 6 % and opposite phase, and of alternating phase."""
    k = np.fft.ifftshift(np.arange(-radius, radius + 1))
    lines = 0.5 * np.sinc(k * 0.5).astype(complex)
    attenuated = 1.245 * lines
    attenuated[0] -= 0.245
    alternating = 0.25 * np.sinc(k * 0.25) * 2j * np.sin(np.pi * k / 2)
    return np.stack([lines, attenuated, alternating])[:, None, :]


def images(system: Optics, pitch_nm: float, defocus_nm: float, spacing: float | None) -> np.ndarray:
    half = abbe_image(
        gratings(system.band_radius((1.0, pitch_nm))[1]), system, (1.0, pitch_nm), defocus_nm, spacing=spacing
    )
    band = complete(half)[:, 0]
    places = np.exp(2j * np.pi * np.outer(np.fft.fftfreq(band.shape[1], 1 / band.shape[1]), np.arange(48) / 48))
    return np.real(band @ places)


def errors(name: str, max_error: float) -> list[float]:
    """True errors over the stated one, of gratings of several pitches in one condition each."""
    found = []
    for (defocus_nm, zernikes), pitch in itertools.product(CONDITIONS, (1.0, 2.0, 3.3)):
        system = optics(SOURCES[name], zernikes)
        spacing = SOURCES[name].spacing_for(max_error, phase_slope(system, defocus_nm))
        coarse, fine = (images(system, pitch * 193 / 0.85, defocus_nm, s) for s in (spacing, spacing / 4))
        found.append(float(np.abs(coarse - fine).max()) / max_error)
    return found


RATIOS: dict[str, list[float]] = {}


@pytest.mark.parametrize("name", SOURCES)
def test_images_err_less_than_the_error_that_the_spacing_was_chosen_for(name: str) -> None:
    RATIOS[name] = errors(name, 1e-3)
    assert max(RATIOS[name]) < 1


def test_the_stated_error_is_no_idle_one() -> None:
    ratios = [r for name in SOURCES for r in RATIOS.get(name) or errors(name, 1e-3)]
    assert np.median(ratios) > 1 / 10


@pytest.mark.parametrize("name", ["disc", "dipole"])
def test_the_default_sampling_is_good_to_1e_4_in_focus(name: str) -> None:
    system = optics(SOURCES[name], {})
    assert SOURCES[name].sampling_error(SOURCES[name].spacing_for()) == pytest.approx(1e-4)
    for pitch in (1.0, 2.0, 3.3):
        coarse = images(system, pitch * 193 / 0.85, 0.0, None)
        fine = images(system, pitch * 193 / 0.85, 0.0, SOURCES[name].spacing_for() / 4)
        assert np.abs(coarse - fine).max() < 1e-4


def test_the_error_goes_with_the_square_of_the_spacing_and_rises_with_the_phase_slope() -> None:
    source = SOURCES["ring"]
    assert source.sampling_error(0.02, 3) == pytest.approx(4 * source.sampling_error(0.01, 3))
    assert source.spacing_for(1e-4, 5) < source.spacing_for(1e-4, 1) < source.spacing_for(1e-4)
    assert source.sampling_error(source.spacing_for(3e-4, 2), 2) == pytest.approx(3e-4)
    assert Source.point().sampling_error(1.0, 9) == 0 and Source.point().spacing_for(1e-9) == 1
    assert (3 * source).spacing_for() == source.spacing_for()
