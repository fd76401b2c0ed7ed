"""Laws of the image's gradients: closed forms, and what symmetry and conservation demand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradient_cases import (
    ANNULAR,
    DEFOCUS,
    PERIOD,
    SPACING,
    SYSTEMS,
    WAFER,
    complex_,
    optics,
    random_band,
    real_band,
)

from litho.abbe import abbe_image, abbe_image_adjoint
from litho.backend import to_host
from litho.band_image import BandImage
from litho.check import inner
from litho.fourier import complete
from litho.grid import Grid
from litho.pupil import Optics
from litho.source import Source


def symmetric_band(rng: np.random.Generator, system: Optics) -> np.ndarray:
    """Band of a real mask that looks the same when turned by half a turn about the field's corner."""
    return real_band(rng, system).real.astype(complex)


def every_image(half: np.ndarray, gradients: Callable[[np.ndarray], Any], count: int = 12) -> np.ndarray:
    """Derivative of the intensity at `count` random points, each by an adjoint of its own: (points, ...)."""
    image = BandImage(half, Grid((5, 5), (PERIOD[0] / 5, PERIOD[1] / 5)))
    x, y = np.random.default_rng(8).random((2, count)) * 200
    return np.array([gradients(image.at_adjoint(row, x, y)) for row in np.eye(count)])


# --- closed forms ---------------------------------------------------------------------------------------------------


def test_three_beams_answer_to_defocus_and_aberrations_as_their_formula_says(xp: Any) -> None:
    pitch, duty = 300.0, 0.42
    system, period = Optics(193, 0.85, Source.point()), (10.0, pitch)
    amplitude = np.array([[duty, math.sin(math.pi * duty) / math.pi, math.sin(math.pi * duty) / math.pi]])
    x, defocus = np.array([0.0, 31.0, 80.0, 150.0]), 90.0
    image = BandImage(abbe_image(amplitude + 0j, system, period, defocus), Grid((1, 4), (10.0, 75.0)))
    slope = (1 - math.sqrt(1 - (193 / pitch) ** 2)) / 193  # waves per nm of defocus
    rho = 193 / 0.85 / pitch
    beat = 4 * duty * amplitude[0, 1] * np.cos(2 * np.pi * x / pitch)
    by_wave = -2 * np.pi * beat * math.sin(2 * math.pi * slope * defocus)
    got = [
        abbe_image_adjoint(
            xp(image.at_adjoint(row, x, 0 * x)), xp(amplitude + 0j), system, period, defocus, zernikes=(4, 9)
        )
        for row in np.eye(4)
    ]
    assert np.abs([g.defocus_bar for g in got] - by_wave * slope).max() < 1e-13
    expected = np.outer(by_wave, [2 * rho**2, 6 * rho**4 - 6 * rho**2])  # the piston of either counts nothing
    assert np.abs(np.array([to_host(g.zernike_bar) for g in got]) - expected).max() < 1e-11


def test_the_light_of_two_points_weighs_their_images_against_each_other(rng: np.random.Generator) -> None:
    places, light = np.array([(0.3, 0.1), (-0.5, 0.4)]), np.array([2.0, 3.0])
    system = optics(Source.points(places))
    band = random_band(rng, system)
    halves = [abbe_image(band, system, PERIOD, DEFOCUS, weight=np.array(alone)) for alone in ([1.0, 0.0], [0.0, 1.0])]
    half_bar = complex_(rng, *halves[0].shape)
    bars = abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, weight=light)
    first, second = (inner(half_bar, half) for half in halves)  # the image is (2 I_1 + 3 I_2) / (2 + 3)
    assert bars.weight_bar == pytest.approx([3 * (first - second) / 25, 2 * (second - first) / 25], rel=1e-12)


# --- focus ----------------------------------------------------------------------------------------------------------

PLAIN = {
    "scalar": {},
    "te": {"polarization": "te"},
    "unpolarized, in resist": {"polarization": "unpolarized", "wafer": WAFER},
    "obscuration": {"obscuration": 0.3},
    "flare": {"flare": 0.1, "vibration_nm": 5.0},
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_real_mask_in_focus_does_not_answer_to_defocus_and_even_aberrations(
    name: str, rng: np.random.Generator
) -> None:
    even, odd = (4, 5, 6, 9, 12, 16, 37), (7, 8, 10, 14)
    system = optics(zernikes={}, **PLAIN[name])
    band = real_band(rng, system)
    half = abbe_image(band, system, PERIOD, spacing=SPACING)

    def derivatives(half_bar: np.ndarray) -> np.ndarray:
        bars = abbe_image_adjoint(half_bar, band, system, PERIOD, spacing=SPACING, zernikes=(*even, *odd))
        return np.array([bars.defocus_bar, *bars.zernike_bar])

    got = np.abs(every_image(half, derivatives)).max(axis=0)
    if "wafer" in PLAIN[name]:  # the resist's own phase defocuses: best focus is elsewhere
        assert got[: 1 + len(even)].max() > 1e-4
    else:
        assert got[: 1 + len(even)].max() < 1e-13
    assert got[1 + len(even) :].min() > 1e-3  # odd ones move and distort it


@pytest.mark.parametrize("name", PLAIN)
def test_odd_aberrations_leave_the_centre_of_a_symmetric_mask_alone(name: str, rng: np.random.Generator) -> None:
    system = optics(zernikes={}, **PLAIN[name])
    band = symmetric_band(rng, system)
    image = BandImage(abbe_image(band, system, PERIOD, spacing=SPACING), Grid((1, 1), PERIOD))
    centre, zero = image.at_adjoint(np.ones(1), np.zeros(1), np.zeros(1)), np.array([37.0])
    pair = [image.at_adjoint(np.ones(1), side * zero, side * zero) for side in (1, -1)]
    got, right, left = (
        abbe_image_adjoint(bar, band, system, PERIOD, spacing=SPACING, zernikes=(2, 3, 7, 8, 10, 14, 5)).zernike_bar
        for bar in (centre, *pair)
    )
    assert np.abs(got[:6]).max() < 1e-12
    assert np.abs(right + left)[:6].max() < 1e-12 and np.abs(right[:6]).max() > 1e-2


@pytest.mark.parametrize("name", ["te", "scalar"])
def test_the_answer_to_defocus_turns_its_sign_on_the_other_side_of_focus(name: str, rng: np.random.Generator) -> None:
    system = optics(zernikes={}, **PLAIN[name])
    band = real_band(rng, system)
    half_bar = complex_(rng, *abbe_image(band, system, PERIOD, spacing=SPACING).shape)
    before, after = (abbe_image_adjoint(half_bar, band, system, PERIOD, z, SPACING).defocus_bar for z in (-60.0, 60.0))
    assert before == pytest.approx(-after, rel=1e-11)


@pytest.mark.parametrize("order", ["fringe", "noll"])
def test_a_wave_of_z4_is_so_much_paraxial_defocus(order: str, rng: np.random.Generator) -> None:
    # 2 rho^2 - 1 against NA^2 rho^2 / (2 n wavelength): 4 n wavelength / NA^2, and a piston that nobody sees
    system = optics(defocus_model="paraxial", zernike_order=order)
    band = random_band(rng, system)
    half_bar = complex_(rng, *abbe_image(band, system, PERIOD, DEFOCUS, SPACING).shape)
    bars = abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, SPACING, zernikes=[4])
    norm = 1 if order == "fringe" else math.sqrt(3)
    assert bars.zernike_bar[0] / bars.defocus_bar == pytest.approx(norm * 4 * 1.44 * 193 / 1.35**2, rel=1e-11)


@pytest.mark.parametrize("na", [0.1, 0.05])
def test_a_wave_of_z4_is_as_much_exact_defocus_for_a_small_aperture(na: float, rng: np.random.Generator) -> None:
    system = Optics(193, na, ANNULAR)
    period = (250.0 / na, 210.0 / na)
    band = random_band(rng, system, period)
    half_bar = complex_(rng, *abbe_image(band, system, period, 0.2 * 193 / na**2, SPACING).shape)
    bars = abbe_image_adjoint(half_bar, band, system, period, 0.2 * 193 / na**2, SPACING, zernikes=[4])
    assert abs(bars.zernike_bar[0] / bars.defocus_bar / (4 * 193 / na**2) - 1) < na**2 / 4


# --- tilt, Parseval, light ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "polarization", "error"),
    [
        (Source.points([(0.6, 0.2), (-0.3, 0.5), (0.0, -0.7)]), None, 1e-12),
        (Source.points([(0.6, 0.2), (-0.3, 0.5), (0.0, -0.7)]), "unpolarized", 1e-12),
        (ANNULAR, None, 2e-5),  # in cells that the rim cuts, the phase is held at the rim: the error of the sampling
    ],
)
def test_the_answer_to_a_tilt_is_the_slope_of_the_image(
    source: Source, polarization: str | None, error: float, rng: np.random.Generator
) -> None:
    system = optics(source, polarization=polarization)
    band = real_band(rng, system)
    spacing = None if error > 1e-6 else SPACING
    half = abbe_image(band, system, PERIOD, DEFOCUS, spacing)
    got = every_image(
        half,
        lambda bar: abbe_image_adjoint(bar, band, system, PERIOD, DEFOCUS, spacing, zernikes=(2, 3)).zernike_bar,
        3,
    )
    ky, kx = (2j * np.pi * np.fft.ifftshift(np.arange(-(n // 2), n // 2 + 1)) for n in complete(half).shape)
    slopes = [half * kx[: half.shape[1]] / PERIOD[1], half * ky[:, None] / PERIOD[0]]
    expected = np.transpose([every_image(half, lambda bar, s=slope: inner(bar, s), 3) for slope in slopes])
    scale = np.abs(expected).max() * 193 / 1.35
    assert np.abs(got - expected * 193 / 1.35).max() < error * scale


@pytest.mark.parametrize("name", SYSTEMS)
def test_defocus_and_aberrations_move_light_and_lose_none(name: str, rng: np.random.Generator) -> None:
    system = optics(**{**SYSTEMS[name]})
    band = random_band(rng, system)
    half = abbe_image(band, system, PERIOD, DEFOCUS, SPACING)
    mean_bar = np.zeros_like(half)
    mean_bar[0, 0] = 1
    bars = abbe_image_adjoint(mean_bar, band, system, PERIOD, DEFOCUS, SPACING, zernikes=range(1, 38))
    assert abs(bars.defocus_bar) < 1e-16 and np.abs(bars.zernike_bar).max() < 1e-13
    # the mean is quadratic in the mask: its gradient points along the mask with twice the mean (Euler)
    assert inner(bars.mask_band_bar, band) == pytest.approx(2 * float(half[0, 0].real), rel=1e-12)


@pytest.mark.parametrize("name", SYSTEMS)
def test_more_of_all_light_changes_nothing(name: str, rng: np.random.Generator) -> None:
    system = optics(**SYSTEMS[name])
    band, points = random_band(rng, system), system.source.sample(SPACING)
    half = abbe_image(band, system, PERIOD, DEFOCUS, SPACING)
    bars = abbe_image_adjoint(complex_(rng, *half.shape), band, system, PERIOD, DEFOCUS, SPACING)
    assert abs(inner(bars.weight_bar, points.weight)) < 1e-13 * np.abs(bars.weight_bar * points.weight).sum()
    # an open mask images to 1 under any source
    band = np.zeros_like(band)
    band[0, 0] = 1
    bars = abbe_image_adjoint(complex_(rng, *half.shape), band, system, PERIOD, DEFOCUS, SPACING)
    assert np.abs(bars.weight_bar).max() < 1e-12
