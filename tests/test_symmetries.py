"""What any image obeys: translation, scaling, turning, Babinet, Parseval, the band limit, dose, focus, Talbot."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lines import cut, harmonics, largest, order, over_the_pitch, random_band, spaces, wet

from litho.abbe import abbe_image
from litho.cells import Floats
from litho.films import Film, Stack
from litho.focus import Flare, FocusSpread
from litho.fourier import embed
from litho.grid import Grid
from litho.image import AerialImage, aerial_image
from litho.mask import Mask
from litho.pupil import Optics
from litho.socs import image_band
from litho.source import Source
from litho.tcc import socs_kernels

PERIOD = (330.0, 290.0)
RING = Source.annular(0.5, 0.9)
ABERRATED = {5: 0.03, 7: -0.04, 9: 0.02, 11: 0.05}
STACK = Stack((Film(60.0, 1.55), Film(100.0, 1.7 + 0.02j), Film(35.0, 1.8 + 0.35j)), 0.88 + 2.78j, resist=1)
SYSTEMS: dict[str, dict[str, Any]] = {
    "scalar": {},
    "te": {"polarization": "te"},
    "x, aberrated": {"polarization": "x", "zernikes": ABERRATED},
    "unpolarised, in films": {"polarization": "unpolarized", "wafer": STACK},
    "blurred": {
        "focus_spread": FocusSpread.gaussian(30.0),
        "vibration_nm": 4.0,
        "flare": (Flare(0.02), Flare(0.1, 80.0)),
    },
}
METHODS = ("abbe", "socs")
L_SHAPE = np.array([[40.2, 30.7], [170.4, 30.7], [170.4, 95.0], [110.6, 95.0], [110.6, 240.3], [40.2, 240.3]])
BLOCK = np.array([[200.0, 150.0], [265.0, 150.0], [240.0, 260.0], [200.0, 260.0]])


def of_shapes(optics: Optics, shapes: list[Floats], scale: float = 1.0, **settings: Any) -> AerialImage:
    """Image of polygons in the field `PERIOD`."""
    grid = Grid((33, 29), (10.0 * scale, 10.0 * scale))
    settings = {"method": "abbe", "spacing": 0.25, "defocus_nm": 35.0 * scale, "max_error": 0.0} | settings
    return aerial_image([scale * shape for shape in shapes], optics, grid, **settings)


# --- translation and scaling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("method", METHODS)
def test_a_mask_moved_by_part_of_a_pixel_moves_its_image(name: str, method: str, rng: np.random.Generator) -> None:
    lens, move = wet(RING, **SYSTEMS[name]), np.array([3.237, -141.91])  # it leaves the field, and comes back
    x, y = 500 * rng.random((2, 40))
    image = of_shapes(lens, [L_SHAPE, BLOCK], method=method).at(x, y)
    moved = of_shapes(lens, [L_SHAPE + move, BLOCK + move], method=method).at(x + move[0], y + move[1])
    assert np.abs(moved - image).max() < 1e-12 and np.ptp(image) > 0.1


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_world_twice_as_large_images_alike(name: str, rng: np.random.Generator) -> None:
    values, scale = dict(SYSTEMS[name]), 2.3
    x, y = 300 * rng.random((2, 40))
    image = of_shapes(wet(RING, **values), [L_SHAPE, BLOCK]).at(x, y)
    if "wafer" in values:
        values["wafer"] = Stack(
            tuple(Film(scale * film.thickness_nm, film.index) for film in STACK.films), STACK.substrate, STACK.resist
        )
    if "flare" in values:
        values |= {"focus_spread": FocusSpread.gaussian(30.0 * scale), "vibration_nm": 4.0 * scale}
        values["flare"] = (Flare(0.02), Flare(0.1, 80.0 * scale))
    larger = replace(wet(RING, **values), wavelength_nm=scale * 193)
    assert np.abs(of_shapes(larger, [L_SHAPE, BLOCK], scale).at(scale * x, scale * y) - image).max() < 1e-12


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_medium_shortens_the_wavelength_and_nothing_else(name: str, rng: np.random.Generator) -> None:
    lens, n = wet(RING, **SYSTEMS[name]), 1.44
    x, y = 300 * rng.random((2, 40))
    image = of_shapes(lens, [L_SHAPE, BLOCK]).at(x, y)
    in_air = replace(lens, wavelength_nm=193 / n, na=1.35 / n, immersion_index=1.0)
    if lens.wafer is not None:
        films = tuple(Film(film.thickness_nm, film.index / n) for film in STACK.films)
        in_air = replace(in_air, wafer=Stack(films, STACK.substrate / n, STACK.resist))
    assert np.abs(of_shapes(in_air, [L_SHAPE, BLOCK]).at(x, y) - image).max() < 1e-12


def test_in_focus_scalar_images_depend_on_wavelength_over_na_alone(rng: np.random.Generator) -> None:
    x, y = 300 * rng.random((2, 40))
    shapes, settings = [L_SHAPE, BLOCK], {"defocus_nm": 0.0}
    image = of_shapes(wet(RING, zernikes=ABERRATED), shapes, **settings).at(x, y)
    other = Optics(193 * 0.4, 1.35 * 0.4, RING, zernikes=ABERRATED)
    assert np.abs(of_shapes(other, shapes, **settings).at(x, y) - image).max() < 1e-12


# --- turning and mirrors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("polarization", [None, "te", "tm", "unpolarized"])
def test_horizontal_and_vertical_lines_image_alike_under_a_symmetric_source(
    polarization: str | None, method: str
) -> None:
    x = over_the_pitch(210.0)
    for source in (RING, Source.quadrupole(0.6, 0.2, 45)):
        lens = wet(source, polarization=polarization)
        images = [
            cut(spaces(lens, 210.0, 80.0, 11.0, method, axis, defocus_nm=30.0, spacing=0.2), x, axis) for axis in "xy"
        ]
        assert np.abs(images[0] - images[1]).max() < 1e-12 and np.ptp(images[0]) > 0.1


@pytest.mark.parametrize(("before", "after"), [("x", "y"), ("y", "x"), ("te", "te"), ("unpolarized", "unpolarized")])
def test_turning_mask_source_and_polarisation_turns_the_image(
    before: str, after: str, rng: np.random.Generator
) -> None:
    places = np.array([(0.31, 0.22), (-0.4, 0.13), (-0.15, -0.6)])
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])  # a row (x, y) becomes (-y, x)
    x, y = 250 * rng.random((2, 30))
    grid = Grid((30, 30), (10.0, 10.0))
    one, other = (
        aerial_image(
            [shape], wet(Source.points(xy), polarization=kind, wafer=STACK), grid, defocus_nm=20.0, method="abbe"
        )
        for shape, xy, kind in ((L_SHAPE, places, before), (L_SHAPE @ turn, places @ turn, after))
    )
    assert np.abs(other.at(-y, x) - one.at(x, y)).max() < 1e-12


@pytest.mark.parametrize("polarization", [None, "x", "te", "unpolarized"])
def test_a_mirrored_mask_makes_a_mirrored_image(polarization: str | None, rng: np.random.Generator) -> None:
    lens = wet(RING, polarization=polarization, zernikes={3: 0.1, 5: 0.03, 8: 0.04, 9: 0.02, 11: 0.05})  # even in x
    x, y = 300 * rng.random((2, 40))
    image = of_shapes(lens, [L_SHAPE, BLOCK]).at(x, y)
    flipped = [shape[::-1] * [-1, 1] for shape in (L_SHAPE, BLOCK)]
    for method in METHODS:
        assert np.abs(of_shapes(lens, flipped, method=method).at(-x, y) - image).max() < 1e-12
    comatic = of_shapes(replace(lens, zernikes={7: 0.05}), flipped).at(-x, y)
    assert np.abs(comatic - image).max() > 1e-2


# --- fields add, energy is kept -----------------------------------------------------------------------------------


def test_babinet_coherent_fields_of_complementary_masks_add_to_the_clear_field() -> None:
    lens, grid = wet(Source.point(0.2, 0.1), zernikes=ABERRATED), Grid((33, 29), (10.0, 10.0))
    kernels = socs_kernels(lens, PERIOD, 35.0, max_error=0)
    assert len(kernels.weights) == 1
    fields = []
    for tone in ("dark field", "bright field"):
        image = aerial_image([L_SHAPE, BLOCK], lens, grid, defocus_nm=35.0, mask_type=Mask.binary(tone))
        band = _mask_spectrum([L_SHAPE, BLOCK], grid, kernels.radius)
        band = band if tone == "dark field" else (np.arange(band.size).reshape(band.shape) == 0) - band
        field = math.sqrt(kernels.weights[0]) * np.fft.ifft2(embed(band * kernels.spectra[0], (66, 58)), norm="forward")
        fields.append(field)
        x, y = (np.arange(58) * 5.0, np.arange(66) * 5.0)
        there = image.at(np.tile(x, 66), np.repeat(y, 58)).reshape(66, 58)
        assert np.abs(there - np.abs(field) ** 2).max() < 1e-12
    clear = fields[0] + fields[1]
    assert np.abs(np.abs(clear) - 1).max() < 1e-12 and np.abs(clear - clear[0, 0]).max() < 1e-12


def _mask_spectrum(shapes: list[Floats], grid: Grid, radius: tuple[int, int]) -> np.ndarray:
    """Coefficients of polygons by the divergence theorem, edge by edge, each integral by Gauss's rule."""
    ky, kx = (np.fft.ifftshift(np.arange(-r, r + 1)) for r in radius)
    ky, kx = ky[:, None] / grid.period_nm[0], kx[None, :] / grid.period_nm[1]
    nodes, weights = np.polynomial.legendre.leggauss(40)
    band = np.zeros((ky.size, kx.size), dtype=complex)
    for shape in shapes:
        for (x0, y0), (x1, y1) in zip(shape, np.roll(shape, -1, axis=0), strict=True):
            for t, w in zip((nodes + 1) / 2, weights / 2, strict=True):
                x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
                wave = np.exp(-2j * np.pi * (kx * x + ky * y))
                with np.errstate(divide="ignore", invalid="ignore"):
                    primitive = np.where(kx == 0, x, (wave - np.exp(-2j * np.pi * ky * y)) / (-2j * np.pi * kx * wave))
                band += w * (y1 - y0) * primitive * wave
    return band / (grid.period_nm[0] * grid.period_nm[1])


@pytest.mark.parametrize("name", SYSTEMS)
def test_images_obey_the_parallelogram_law_of_fields(name: str, rng: np.random.Generator) -> None:
    # |1 + m|^2 + |1 - m|^2 = 2 + 2 |m|^2, whatever the coherence: Babinet for intensities
    lens = wet(RING, **SYSTEMS[name])
    band = random_band(rng, lens, PERIOD)
    clear = np.zeros_like(band)
    clear[0, 0] = 1
    images = [abbe_image(b, lens, PERIOD, 30.0, 0.25) for b in (clear + band, clear - band, clear, band)]
    assert largest(images[0] + images[1] - 2 * images[2] - 2 * images[3]) < 1e-12


@pytest.mark.parametrize("polarization", [None, "te", "unpolarized"])
def test_parseval_the_mean_intensity_is_the_light_of_the_orders_that_pass(
    polarization: str | None, rng: np.random.Generator
) -> None:
    places, weights = [(0.2, 0.4), (-0.7, 0.0), (0.1, -0.5)], [1.0, 3.0, 2.0]
    lens = wet(Source.points(places, weights), polarization=polarization, zernikes=ABERRATED, obscuration=0.3)
    band = random_band(rng, lens, PERIOD)
    ky, kx = (np.fft.ifftshift(np.arange(-(n // 2), n // 2 + 1)) for n in band.shape)
    energy = 0.0
    for (sx, sy), weight in zip(places, weights, strict=True):
        radius = np.hypot(sy + ky[:, None] * 193 / 1.35 / PERIOD[0], sx + kx * 193 / 1.35 / PERIOD[1])
        energy += weight / 6 * float((np.abs(band[(radius <= 1) & (radius > 0.3)]) ** 2).sum())
    for half in (
        abbe_image(band, lens, PERIOD, 50.0),
        image_band(band, socs_kernels(lens, PERIOD, 50.0, max_error=0.1))[0],  # with few kernels too
    ):
        assert harmonics(half)[0, 0].real == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("factor", [0.5, 0.8j, -0.3 + 0.4j])
@pytest.mark.parametrize("method", METHODS)
def test_intensity_is_the_dose_times_the_square_of_the_transmission(factor: complex, method: str) -> None:
    lens = wet(RING, polarization="te")
    x, y = np.linspace(0, 300, 30), np.linspace(20, 250, 30)
    full, weaker = (
        of_shapes(lens, [L_SHAPE, BLOCK], method=method, mask_type=Mask(clear=clear)).at(x, y) for clear in (1, factor)
    )
    assert np.abs(weaker - abs(factor) ** 2 * full).max() < 1e-13


# --- the band limit -----------------------------------------------------------------------------------------------


def test_lines_finer_than_the_lens_resolves_make_even_light() -> None:
    for sigma in (0.3, 0.7, 1.0):
        finest = 193 / 1.35 / (1 + sigma)
        x = over_the_pitch(finest)
        for pitch, modulated in ((0.999 * finest, False), (1.02 * finest, True)):
            image = cut(spaces(wet(Source.conventional(sigma)), pitch, 0.4 * pitch), x)
            assert (np.ptp(image) > 1e-6) == modulated
            assert abs(image.mean() - 0.16) < 1e-12 or modulated


def test_an_image_has_no_frequency_above_twice_the_aperture_for_any_source(rng: np.random.Generator) -> None:
    lens = wet(Source.points([(0.9, 0.1), (-0.5, -0.6)]), polarization="tm", zernikes=ABERRATED)
    full = harmonics(abbe_image(random_band(rng, lens, PERIOD), lens, PERIOD, 40.0))
    ky, kx = (np.fft.ifftshift(np.arange(-(n // 2), n // 2 + 1)) for n in full.shape)
    frequency = np.hypot(ky[:, None] / PERIOD[0], kx / PERIOD[1])
    assert (frequency > 2 * 1.35 / 193).sum() > 100
    assert np.abs(full[frequency > 2 * 1.35 / 193]).max() < 1e-15
    assert np.abs(full[frequency < 1.9 * 1.35 / 193]).min() > 1e-8


# --- focus --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polarization", [None, "te", "tm", "unpolarized"])
@pytest.mark.parametrize("method", METHODS)
def test_an_aberration_and_its_negative_image_real_masks_alike_on_either_side_of_focus(
    polarization: str | None, method: str, rng: np.random.Generator
) -> None:
    x, y = 300 * rng.random((2, 40))
    values = {"polarization": polarization, "zernikes": {5: 0.03, 9: -0.05, 12: 0.02}}  # even wavefronts
    negative = {index: -waves for index, waves in values["zernikes"].items()}
    image = of_shapes(wet(RING, **values), [L_SHAPE, BLOCK], method=method).at(x, y)
    values["zernikes"] = negative
    reversed_ = of_shapes(wet(RING, **values), [L_SHAPE, BLOCK], method=method, defocus_nm=-35.0).at(x, y)
    other = of_shapes(wet(RING, **values), [L_SHAPE, BLOCK], method=method).at(x, y)
    assert np.abs(image - reversed_).max() < 1e-12 and np.abs(image - other).max() > 1e-2


@pytest.mark.parametrize("index", [1.0, 1.44])
def test_talbot_a_coherent_grating_images_itself_at_talbots_distance(index: float) -> None:
    pitch, width = 200.0, 70.0
    lens = Optics(193, 0.99 if index == 1 else 1.35, Source.point(), index)
    distance = 193 / (index - math.sqrt(index**2 - (193 / pitch) ** 2))
    x = over_the_pitch(pitch)
    for start in (0.0, 37.0):
        image = cut(spaces(lens, pitch, width, defocus_nm=start), x)
        for turns in (-1, 1, 3):
            again = cut(spaces(lens, pitch, width, defocus_nm=start + turns * distance), x)
            assert np.abs(again - image).max() < 1e-12
        halfway = cut(spaces(lens, pitch, width, defocus_nm=start + distance / 2), x)
        moved = cut(spaces(lens, pitch, width, pitch / 2, defocus_nm=start), x)
        assert np.abs(halfway - moved).max() < 1e-12


def test_talbots_paraxial_distance_holds_for_all_orders_of_a_paraxial_lens() -> None:
    pitch, width = 700.0, 250.0
    x, distance = over_the_pitch(pitch), 2 * 1.44 * pitch**2 / 193
    images = {
        (model, z): cut(spaces(wet(Source.point(), defocus_model=model), pitch, width, defocus_nm=z), x)
        for model in ("paraxial", "exact")
        for z in (0.0, distance)
    }
    assert np.abs(images["paraxial", distance] - images["paraxial", 0.0]).max() < 1e-11
    assert np.abs(images["exact", distance] - images["exact", 0.0]).max() > 0.1  # its orders do not agree on one
    assert np.abs(images["exact", 0.0] - images["paraxial", 0.0]).max() == 0


@pytest.mark.parametrize("polarization", [None, "te", "tm"])
@pytest.mark.parametrize("method", METHODS)
def test_at_the_isofocal_dose_three_beams_print_one_width_at_any_focus(polarization: str | None, method: str) -> None:
    pitch, width = 200.0, 90.0
    lens, quarter = wet(Source.point(), polarization=polarization), np.array([pitch / 4, -pitch / 4])
    sine = 193 / 1.44 / pitch  # tm: the outer beams' fields along the axis are brightest where the others vanish
    threshold = (width / pitch) ** 2 + (4 * (order(1, pitch, width).real * sine) ** 2 if polarization == "tm" else 0)
    through = np.array(
        [cut(spaces(lens, pitch, width, 0.0, method, defocus_nm=z), quarter) for z in (-150.0, -40.0, 0.0, 65.0, 210.0)]
    )
    assert np.abs(through - threshold).max() < 1e-12
    elsewhere = [cut(spaces(lens, pitch, width, defocus_nm=z), quarter + 10.0) for z in (0.0, 65.0)]
    assert np.abs(elsewhere[0] - elsewhere[1]).max() > 1e-2


def test_focus_is_stationary_for_any_real_mask_without_aberrations(rng: np.random.Generator) -> None:
    lens = wet(RING, polarization="unpolarized")
    x, y = 300 * rng.random((2, 40))
    images = [of_shapes(lens, [L_SHAPE, BLOCK], defocus_nm=z).at(x, y) for z in (-1.0, 0.0, 1.0, 2.0)]
    assert np.abs(images[2] - images[0]).max() < 1e-12
    curvature = images[2] - images[1]
    assert np.allclose(images[3] - images[1], 4 * curvature, rtol=0, atol=1e-2 * np.abs(curvature).max())
