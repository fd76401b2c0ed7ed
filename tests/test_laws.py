"""Laws of imaging: closed forms, symmetries and conservation, for the sum over source points and for kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.abbe import abbe_image
from litho.backend import Array, to_host
from litho.fourier import band_transform, complete
from litho.grid import Grid
from litho.mask import Mask, transmission_band
from litho.pupil import Optics
from litho.socs import image_band
from litho.source import Source
from litho.tcc import socs_kernels

MAP = np.array([[0, 0, 1, 0, 0], [0, 2, 3, 0, 0], [1, 0.5, 0, 4, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]])
SOURCES = {
    "point": Source.point(),
    "off-axis point": Source.point(0.5, -0.3),
    "points": Source.points([(0.1, 0.2), (-0.4, 0.3), (0, -1)], [1, 2, 0.5]),
    "conventional": Source.conventional(0.6),
    "full": Source.conventional(1),
    "annular": Source.annular(0.6, 0.9),
    "dipole": Source.sectors(0.6, 0.95, 40, rotation_deg=90),
    "quadrupole": Source.sectors(0.5, 0.8, 30, poles=4, rotation_deg=20),
    "map": Source.pixels(MAP),
}
ABERRATED = {4: 0.03, 7: 0.04, 11: -0.02, 16: 0.03}


def optics(source: Source, **more: Any) -> Optics:
    return Optics(193, 1.35, source, immersion_index=1.44, **more)


def on_pixels(half: Array, shape: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Intensity at the centres of `shape` pixels of an image's half band."""
    radius = half.shape[-2] // 2, half.shape[-1] - 1
    return to_host(band_transform(shape, radius, half).inverse(half))


def random_band(rng: np.random.Generator, radius: tuple[int, int], real: bool = True) -> np.ndarray:
    """Band of a mask of random transmission 0 or 1, of random phase if not `real`."""
    values = (rng.random((41, 43)) > 0.5).astype(float)
    transform = band_transform(values.shape, radius, values)
    band = complete(transform(values))
    return band if real else band + 1j * complete(transform((rng.random((41, 43)) > 0.5).astype(float)))


def grating(pitch_nm: float, width_nm: float, center_nm: float, radius: int) -> np.ndarray:
    """Analytic band, (1, 2 radius + 1), of open lines along y in a field one pitch wide."""
    k = np.fft.ifftshift(np.arange(-radius, radius + 1))
    duty = width_nm / pitch_nm
    return (duty * np.sinc(k * duty) * np.exp(-2j * np.pi * k * center_nm / pitch_nm))[None, :]


# --- normalisation and agreement ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("defocus_nm", "zernikes"), [(0, {}), (70, ABERRATED)])
def test_an_open_mask_images_to_1(name: str, defocus_nm: float, zernikes: dict[int, float], xp: Any) -> None:
    period, system = (230.0, 310.0), optics(SOURCES[name], zernikes=zernikes)
    ry, rx = system.band_radius(period)
    band = np.zeros((2 * ry + 1, 2 * rx + 1), dtype=complex)
    band[0, 0] = 1
    images = [abbe_image(xp(band), system, period, defocus_nm, spacing=0.1)]
    for settings in ({"max_error": 0.0}, {"count": 1}, {"max_error": 0.2}):
        kernels = socs_kernels(system, period, defocus_nm, spacing=0.1, **settings)
        assert kernels.clear_intensity == pytest.approx(1, abs=1e-12)
        images.append(image_band(xp(band), kernels.like(xp(band)))[0])
    for image in images:
        assert np.abs(on_pixels(image) - 1).max() < 1e-12


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("defocus_nm", "zernikes"), [(0, {}), (50, {9: 0.05}), (70, ABERRATED)])
@pytest.mark.parametrize("period", [(250.0, 190.0), (600.0, 800.0)])
def test_all_kernels_together_equal_the_sum_over_source_points(
    name: str, defocus_nm: float, zernikes: dict[int, float], period: tuple[float, float], rng: np.random.Generator
) -> None:
    system = optics(SOURCES[name], zernikes=zernikes)
    band = random_band(rng, system.band_radius(period), real=False)
    kernels = socs_kernels(system, period, defocus_nm, max_error=0, spacing=0.1)
    image, _ = image_band(band, kernels)
    assert kernels.truncation_error == pytest.approx(0, abs=1e-12)
    assert np.abs(on_pixels(image - abbe_image(band, system, period, defocus_nm, spacing=0.1))).max() < 1e-10


def test_the_sum_over_source_points_keeps_precision_library_and_batch(rng: np.random.Generator, xp: Any) -> None:
    period, system = (300.0, 260.0), optics(SOURCES["annular"], zernikes=ABERRATED)
    bands = np.stack([random_band(rng, system.band_radius(period)) for _ in range(6)])
    bands = bands.reshape(2, 3, *bands.shape[1:])
    expected = abbe_image(bands[1, 2], system, period, 40.0)
    for dtype, error in ((np.complex128, 1e-14), (np.complex64, 3e-6)):
        image = to_host(abbe_image(xp(bands.astype(dtype)), system, period, 40.0))
        assert image.dtype == dtype and np.abs(image[1, 2] - expected).max() < error


# --- closed forms -------------------------------------------------------------------------------------------------


def three_beams(x: np.ndarray, pitch: float, width: float, center: float, defocus: float) -> np.ndarray:
    """Lines under coherent light on the axis, orders -1, 0, 1 (193 nm, dry)."""
    duty = width / pitch
    path = defocus / 193 * (1 - math.sqrt(1 - (193 / pitch) ** 2))
    first = math.sin(math.pi * duty) / math.pi * np.exp(2j * np.pi * path)
    return np.abs(duty + 2 * first * np.cos(2 * np.pi * (x - center) / pitch)) ** 2


@pytest.mark.parametrize("defocus_nm", [0.0, 150.0])
def test_three_beams_interfere_as_their_formula_says(defocus_nm: float, xp: Any) -> None:
    pitch, width, center = 300.0, 130.0, 71.3
    system, period = Optics(193, 0.85, Source.point()), (10.0, pitch)
    band = grating(pitch, width, center, system.band_radius(period)[1])
    assert band.shape == (1, 3)
    x = (np.arange(64) + 0.5) * pitch / 64
    expected = three_beams(x, pitch, width, center, defocus_nm)
    for image in (
        abbe_image(xp(band), system, period, defocus_nm),
        image_band(xp(band), socs_kernels(system, period, defocus_nm).like(xp(band)))[0],
    ):
        assert np.abs(on_pixels(image, (1, 64))[0] - expected).max() < 1e-10


def test_three_beams_from_a_raster_of_1_nm_are_within_3e_4() -> None:
    pitch, width, center = 300.0, 130.4, 71.3
    system, grid = Optics(193, 0.85, Source.point()), Grid((10, 300), (1.0, 1.0))
    edges = np.arange(301.0)
    inside = np.clip(edges, center - width / 2, center + width / 2)
    coverage = np.tile(np.diff(inside), (10, 1))
    transform = band_transform(grid.shape, system.band_radius(grid.period_nm), coverage)
    image = abbe_image(transmission_band(transform(coverage), Mask()), system, grid.period_nm, 60.0)
    expected = three_beams(edges[:-1] + 0.5, pitch, width, center, 60.0)
    assert np.abs(on_pixels(image, grid.shape) - expected).max() < 3e-4


@pytest.mark.parametrize("defocus_nm", [0.0, 150.0])
def test_two_beams_interfere_as_their_formula_says_and_hold_through_focus(defocus_nm: float, xp: Any) -> None:
    pitch, width, center = 110.0, 50.0, 20.0
    tilt = 193 / 1.35 / pitch / 2  # the zeroth and the first order pass the pupil on opposite sides of the axis
    system, period = optics(Source.point(-tilt, 0)), (10.0, pitch)
    band = grating(pitch, width, center, system.band_radius(period)[1])
    x = (np.arange(64) + 0.5) * pitch / 64
    zeroth, first = width / pitch, math.sin(math.pi * width / pitch) / math.pi
    expected = zeroth**2 + first**2 + 2 * zeroth * first * np.cos(2 * np.pi * (x - center) / pitch)
    for image in (
        abbe_image(xp(band), system, period, defocus_nm),
        image_band(xp(band), socs_kernels(system, period, defocus_nm).like(xp(band)))[0],
    ):
        assert np.abs(on_pixels(image, (1, 64))[0] - expected).max() < 1e-10


@pytest.mark.parametrize("pitch", [112.0, 119.0, 127.0, 141.0])
@pytest.mark.parametrize("sigma", [0.4, 0.7])
def test_lines_in_partially_coherent_light_follow_the_overlap_of_circles(pitch: float, sigma: float) -> None:
    system, period = optics(Source.conventional(sigma)), (10.0, pitch)
    band = grating(pitch, 0.45 * pitch, 0.0, system.band_radius(period)[1])
    x = (np.arange(64) + 0.5) * pitch / 64
    distance = 193 / 1.35 / pitch  # above 1: orders +1 and -1 never pass together, and 2 never passes
    a = math.acos((distance**2 + sigma**2 - 1) / (2 * distance * sigma))
    b = math.acos((distance**2 + 1 - sigma**2) / (2 * distance))
    overlap = (sigma**2 * (a - math.sin(2 * a) / 2) + b - math.sin(2 * b) / 2) / (math.pi * sigma**2)
    first = math.sin(0.45 * math.pi) / math.pi
    expected = 0.45**2 + 2 * first**2 * overlap + 4 * 0.45 * first * overlap * np.cos(2 * np.pi * x / pitch)
    image = on_pixels(abbe_image(band, system, period), (1, 64))[0]
    assert np.abs(image - expected).max() < 1e-4


# --- sampling and truncation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["conventional", "annular", "dipole", "quadrupole"])
@pytest.mark.parametrize("defocus_nm", [0.0, 60.0])
def test_default_source_sampling_is_within_1e_4_of_a_dense_one(
    name: str, defocus_nm: float, rng: np.random.Generator
) -> None:
    system, period = optics(SOURCES[name]), (480.0, 520.0)
    blocks = np.kron(rng.random((8, 8)) < 0.4, np.ones((8, 8))).astype(float)
    lines = np.tile(np.arange(64) % 16 < 8, (64, 1)).astype(float)
    contacts = np.outer(np.arange(64) % 16 < 8, np.arange(64) % 32 < 10).astype(float)
    clips = np.stack([blocks, lines, contacts])
    bands = complete(band_transform((64, 64), system.band_radius(period), clips)(clips))
    images = [on_pixels(abbe_image(bands, system, period, defocus_nm, s)) for s in (0.06, None, 0.0075)]
    assert np.abs(images[1] - images[2]).max() < 1e-4
    assert np.abs(images[0] - images[2]).max() < 12e-4


@pytest.mark.parametrize("name", ["conventional", "annular", "dipole", "map"])
@pytest.mark.parametrize("settings", [{"count": 8}, {"max_error": 0.1}, {"max_error": 0.03}])
def test_truncation_keeps_the_mean_intensity_and_errs_less_than_its_bound(
    name: str, settings: dict[str, Any], rng: np.random.Generator
) -> None:
    system, period, defocus_nm = optics(SOURCES[name], zernikes={9: 0.04}), (900.0, 700.0), 30.0
    band = random_band(rng, system.band_radius(period))
    kernels = socs_kernels(system, period, defocus_nm, spacing=0.06, **settings)
    every = socs_kernels(system, period, defocus_nm, spacing=0.06, max_error=0)
    dropped = on_pixels(image_band(band, every)[0]) - on_pixels(image_band(band, kernels)[0])
    variance = float((np.abs(band) ** 2).sum() - abs(band[0, 0]) ** 2)
    assert abs(dropped.mean()) < 1e-12
    assert np.abs(dropped).max() <= every.weights[len(kernels.weights)] * variance + 1e-12
    assert np.abs(dropped).max() < float(kernels.truncation_error or 0) / 3


# --- symmetries ---------------------------------------------------------------------------------------------------


def test_a_shifted_mask_gives_a_shifted_image(rng: np.random.Generator) -> None:
    period, (dy, dx) = (400.0, 500.0), (13.7, -41.9)
    system = optics(SOURCES["quadrupole"], zernikes=ABERRATED)
    ry, rx = system.band_radius(period)
    band = random_band(rng, (ry, rx), real=False)

    def shift(values: np.ndarray, rows: int, columns: np.ndarray) -> np.ndarray:
        ky = np.fft.ifftshift(np.arange(-rows, rows + 1))[:, None]
        return values * np.exp(-2j * np.pi * (ky * dy / period[0] + columns * dx / period[1]))

    kernels = socs_kernels(system, period, 40.0, max_error=0.05)
    moved = shift(band, ry, np.fft.ifftshift(np.arange(-rx, rx + 1)))
    for image in (lambda m: abbe_image(m, system, period, 40.0, 0.1), lambda m: image_band(m, kernels)[0]):
        assert np.abs(image(moved) - shift(image(band), 2 * ry, np.arange(2 * rx + 1))).max() < 1e-13


@pytest.mark.parametrize("max_error", [None, 0.1, 0.03])
@pytest.mark.parametrize(
    ("source", "turned"),
    [
        (Source.sectors(0.5, 0.9, 50), Source.sectors(0.5, 0.9, 50, rotation_deg=90)),
        (Source.point(0.4, 0.2), Source.point(-0.2, 0.4)),
        (SOURCES["annular"], SOURCES["annular"]),
        (SOURCES["map"], Source.pixels(np.rot90(MAP, -1))),  # rows run towards +y
    ],
)
def test_a_turned_source_and_mask_give_a_turned_image(
    source: Source, turned: Source, max_error: float | None, rng: np.random.Generator
) -> None:
    period = (600.0, 600.0)
    band = random_band(rng, optics(source).band_radius(period), real=False)

    def turn(values: np.ndarray) -> np.ndarray:  # by 90 degrees, x to y: what was at (ky, kx) goes to (kx, -ky)
        return np.fft.ifftshift(np.rot90(np.fft.fftshift(values), -1))

    def image(values: np.ndarray, lit: Source) -> np.ndarray:
        if max_error is None:
            return complete(abbe_image(values, optics(lit), period, 50.0, 0.08))
        return complete(image_band(values, socs_kernels(optics(lit), period, 50.0, max_error))[0])

    assert np.abs(image(turn(band), turned) - turn(image(band, source))).max() < 1e-11


@pytest.mark.parametrize("index", [2, 3])
@pytest.mark.parametrize(
    ("source", "error"),
    [
        (Source.points([(0.6, 0.2), (-0.3, 0.5)]), 1e-13),
        # in cells that the rim cuts, the phase is held at the rim: exact up to the sampling of the source
        (SOURCES["annular"], 1e-4),
    ],
)
def test_a_tilted_wavefront_moves_the_image_by_wavelength_over_na(
    index: int, source: Source, error: float, rng: np.random.Generator
) -> None:
    period, waves = (400.0, 400.0), 0.3
    plain, tilted = optics(source), optics(source, zernikes={index: waves})
    band = random_band(rng, plain.band_radius(period))
    image, moved = (complete(abbe_image(band, o, period)) for o in (plain, tilted))
    k = np.fft.ifftshift(np.arange(-(len(image) // 2), len(image) // 2 + 1)) / 400
    phase = np.exp(2j * np.pi * k * waves * 193 / 1.35)
    expected = image * (phase[None, :] if index == 2 else phase[:, None])
    assert np.abs(np.fft.ifft2(moved - expected, norm="forward")).max() < error


@pytest.mark.parametrize("name", ["point", "conventional", "annular", "dipole"])
def test_a_real_mask_images_alike_on_both_sides_of_focus(name: str, rng: np.random.Generator) -> None:
    period, system = (500.0, 400.0), optics(SOURCES[name])
    band = random_band(rng, system.band_radius(period))
    before, focus, after = (abbe_image(band, system, period, z, 0.1) for z in (-60.0, 0.0, 60.0))
    assert np.abs(before - after).max() < 1e-13
    assert np.abs(before - focus).max() > 1e-3


def test_a_conjugate_mask_images_alike_on_the_other_side_of_focus(rng: np.random.Generator) -> None:
    period, system = (500.0, 400.0), optics(SOURCES["annular"])
    band = random_band(rng, system.band_radius(period), real=False)
    conjugate = np.conj(np.roll(np.flip(band, (0, 1)), (1, 1), (0, 1)))
    image, same_side, other_side = (
        abbe_image(m, system, period, z, 0.1) for m, z in ((band, 60.0), (conjugate, 60.0), (conjugate, -60.0))
    )
    assert np.abs(other_side - image).max() < 1e-13
    assert np.abs(same_side - image).max() > 1e-3


def test_the_mean_intensity_is_the_energy_that_passes_the_pupil(rng: np.random.Generator) -> None:
    period, system = (500.0, 400.0), optics(Source.points([(0.2, 0.4), (-0.7, 0)], [1, 3]), zernikes=ABERRATED)
    ry, rx = system.band_radius(period)
    band = random_band(rng, (ry, rx), real=False)
    fy = np.fft.ifftshift(np.arange(-ry, ry + 1))[:, None] * 193 / 1.35 / period[0]
    fx = np.fft.ifftshift(np.arange(-rx, rx + 1))[None, :] * 193 / 1.35 / period[1]
    share = 0.25 * (np.hypot(fy + 0.4, fx + 0.2) <= 1) + 0.75 * (np.hypot(fy, fx - 0.7) <= 1)
    energy = float((share * np.abs(band) ** 2).sum())
    assert abbe_image(band, system, period, 80.0)[0, 0] == pytest.approx(energy, rel=1e-13)


def test_a_band_of_another_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`mask_band` must have the band's shape \(1, 3\), but got \(3, 3\)"):
        abbe_image(np.zeros((3, 3), complex), Optics(193, 0.85, Source.point()), (10.0, 300.0))
