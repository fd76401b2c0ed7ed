"""Laws of the exact spectrum of polygons: closed forms, symmetries, the raster, images, and the derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.abbe import abbe_image
from litho.backend import to_host
from litho.check import gradient_test, inner
from litho.fourier import band_frequencies, band_transform
from litho.grid import Grid
from litho.layout import read_layout
from litho.mask import Mask, transmission_band
from litho.polygon_spectrum import join_outlines, polygon_band, polygon_band_adjoint
from litho.polygons import merge
from litho.pupil import Optics
from litho.quadrature import gauss_points
from litho.raster import coverage, polygon_area_nm2
from litho.resources import path
from litho.socs import image_band
from litho.source import Source
from litho.tcc import socs_kernels

FIELD = Grid((240, 300), (5.0, 4.0), (-70.0, 130.0))
RADIUS = (21, 27)
LETTER = np.array([[0, 0], [300, 0], [300, 60], [70, 60], [70, 140], [220, 140], [220, 200], [0, 200]], float)


def band_of(polygons: list[np.ndarray], grid: Grid = FIELD, radius: tuple[int, int] = RADIUS) -> np.ndarray:
    return polygon_band(*join_outlines(polygons), grid, radius)[0]


def frequencies(grid: Grid = FIELD, radius: tuple[int, int] = RADIUS) -> tuple[np.ndarray, np.ndarray]:
    """Return kx (1, Rx + 1) and ky (2 Ry + 1, 1) in 1/nm."""
    ky, kx = band_frequencies(radius[0], np.zeros(1)), np.arange(radius[1] + 1.0)
    return kx[None, :] / grid.period_nm[1], ky[:, None] / grid.period_nm[0]


def phase(x_nm: float, y_nm: float) -> np.ndarray:
    kx, ky = frequencies()
    return np.exp(-2j * np.pi * (kx * x_nm + ky * y_nm))


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return points @ np.array([[c, s], [-s, c]])


def at(x: float, y: float, points: np.ndarray) -> np.ndarray:
    return points + np.array([x, y])


def blob(count: int, x: float, y: float, radius: float) -> np.ndarray:
    """Closed curve of `count` vertices with a waist."""
    angle = 2 * np.pi * np.arange(count) / count
    reach = radius * (1 + 0.3 * np.cos(2 * angle) + 0.1 * np.sin(3 * angle))
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


# --- closed forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(213.7, 333.1), (1e-3, 700.0), (1e-6, 1e-6), (1200.0, 410.0), (1200.0, 1200.0)])
def test_a_rectangle_is_a_product_of_sincs(size: tuple[float, float], xp: Any) -> None:
    (width, height), (x, y) = size, (-33.3, 150.5)
    kx, ky = frequencies()
    half, _ = polygon_band(xp(rectangle(x, y, width, height)), (4,), FIELD, RADIUS)
    expected = width * height / 1200**2 * np.sinc(kx * width) * np.sinc(ky * height)
    expected = expected * phase(x + width / 2 + 70, y + height / 2 - 130)
    assert half.shape == (43, 28) and np.abs(to_host(half) - expected).max() < 1e-15


def test_edges_far_longer_than_a_wave_are_as_exact() -> None:
    grid, radius = Grid.square(60000, 60, (0.0, 0.0)), (150, 310)
    half = band_of([rectangle(100, 300, 59000, 48000)], grid, radius)
    kx, ky = frequencies(grid, radius)
    expected = 59000 * 48000 / 60000**2 * np.sinc(kx * 59000) * np.sinc(ky * 48000)
    assert np.abs(half - expected * np.exp(-2j * np.pi * (kx * 29600 + ky * 24300))).max() < 1e-14


@pytest.mark.parametrize("degrees", [0.01, 30.0, 45.0, 61.7])
def test_a_turned_square_is_a_product_of_sincs_in_its_own_axes(degrees: float) -> None:
    side = 410.0
    kx, ky = frequencies()
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    square = at(500, 800, turned(rectangle(-side / 2, -side / 2, side, side), degrees))
    expected = side**2 / 1200**2 * np.sinc(side * (c * kx + s * ky)) * np.sinc(side * (c * ky - s * kx))
    assert np.abs(band_of([square]) - expected * phase(570, 670)).max() < 1e-15


def test_a_triangle_agrees_with_dense_quadrature_over_its_area() -> None:
    corners = np.array([[11.0, 180.0], [607.0, 333.0], [250.0, 911.0]])
    t, w = np.polynomial.legendre.leggauss(60)
    a, b = np.meshgrid((1 + t) / 2, (1 + t) / 2, indexing="ij")
    weight = np.outer(w, w) / 4 * a * abs(np.linalg.det(corners[1:] - corners[0])) / 1200**2
    x, y = (corners[0] + a[..., None] * ((corners[1] - corners[0]) + b[..., None] * (corners[2] - corners[1]))).T
    kx, ky = frequencies()
    x_waves = np.exp(-2j * np.pi * (x.ravel()[:, None] + 70) * kx)
    y_waves = np.exp(-2j * np.pi * ky * (y.ravel() - 130))
    expected = (y_waves * weight.T.ravel()) @ x_waves
    assert np.abs(band_of([corners]) - expected).max() < 1e-14


def test_the_zeroth_coefficient_is_the_area() -> None:
    polygons = [LETTER, blob(97, 600, 700, 150), at(500, 200, turned(LETTER, 33))]
    area = sum(polygon_area_nm2(p) for p in polygons)
    assert band_of(polygons)[0, 0] == pytest.approx(area / 1200**2, rel=1e-14)


def test_gauss_points_integrate_every_polynomial_they_should() -> None:
    for count in (4, 12, 64):
        points, weights = (np.array(column) for column in gauss_points(count))
        for power in range(2 * count):
            assert (weights * points**power).sum() == pytest.approx(1 / (power + 1), abs=1e-14)


# --- symmetries ---------------------------------------------------------------------------------------------------


def test_a_shifted_polygon_has_the_shifted_spectrum() -> None:
    moved = band_of([at(123.4, -77.7, blob(60, 300, 500, 140))])
    assert np.abs(moved - band_of([blob(60, 300, 500, 140)]) * phase(123.4, -77.7)).max() < 1e-15


@pytest.mark.parametrize("periods", [(1, 0), (0, -1), (-3, 2)])
def test_a_polygon_moved_by_whole_periods_has_the_same_spectrum(periods: tuple[int, int]) -> None:
    shape = blob(60, 1100, 1200, 240)  # hangs over the field's border
    assert np.abs(band_of([shape + np.array(periods) * 1200.0]) - band_of([shape])).max() < 1e-14


def test_the_parts_of_a_polygon_add_up_to_it() -> None:
    shape = blob(81, 400, 600, 200)
    parts = [np.concatenate([shape[:40], shape[-1:]]), shape[39:]]
    assert np.abs(band_of(parts) - band_of([shape])).max() < 1e-15


def test_the_start_of_an_outline_and_points_along_its_edges_do_not_matter() -> None:
    more = np.concatenate([LETTER[:1], (LETTER[:1] * 0.3 + LETTER[1:2] * 0.7), LETTER[1:]])
    for same in (np.roll(LETTER, 3, axis=0), more):
        assert np.abs(band_of([same]) - band_of([LETTER])).max() < 1e-16


def test_a_clockwise_outline_takes_away_and_equals_a_hole_with_a_cut() -> None:
    outer, hole = rectangle(100, 300, 500, 400), at(350, 500, turned(rectangle(-80, -60, 160, 120), 20))
    assert np.abs(band_of([hole[::-1]]) + band_of([hole])).max() < 1e-16
    cut = np.concatenate([outer, outer[:1], hole[::-1], hole[-1:]])
    assert np.abs(band_of([outer, hole[::-1]]) - band_of([cut])).max() < 1e-15


def test_covered_and_uncovered_make_a_clear_field() -> None:
    everything = rectangle(-70, 130, 1200, 1200)
    shape = blob(50, 500, 700, 200)
    total = band_of([everything, shape[::-1]]) + band_of([shape])
    total[0, 0] -= 1
    assert np.abs(total).max() < 1e-15


def test_no_polygons_have_no_spectrum_and_no_gradient(xp: Any) -> None:
    nothing = xp(np.zeros((0, 2)))
    half, saved = polygon_band(nothing, (), FIELD, (2, 3))
    assert half.shape == (5, 4) and not to_host(half).any()
    assert polygon_band_adjoint(half, saved, (), FIELD).shape == (0, 2)


# --- the raster and the image ---------------------------------------------------------------------------------------


def raster_band(polygons: list[np.ndarray], grid: Grid, radius: tuple[int, int]) -> np.ndarray:
    """Half band of the coverage, without the average over each pixel."""
    values = coverage(polygons, grid)
    kx, ky = frequencies(grid, radius)
    pixel = np.sinc(kx * grid.pixel_nm[1]) * np.sinc(ky * grid.pixel_nm[0])
    return band_transform(grid.shape, radius, values)(values) / pixel


@pytest.mark.parametrize(
    ("name", "errors"),
    # of the largest coefficient's 0.12 and 0.08; measured 6.6e-6, 1.1e-6, 1.1e-7 and 4.6e-5, 8.9e-6, 3.6e-6
    [("curve", (7e-6, 1.2e-6, 1.2e-7)), ("letters", (5e-5, 1e-5, 4e-6))],
)
def test_the_raster_over_the_sinc_of_a_pixel_differs_by_its_aliasing_only(
    name: str, errors: tuple[float, float, float]
) -> None:
    letters = [at(130.25, 230.6, LETTER), at(900.5, 500.3, turned(LETTER, 90)), at(200.7, 1000.4, LETTER)]
    polygons = {"curve": [blob(64, 500.3, 700.8, 240)], "letters": letters}[name]
    exact = band_of(polygons)
    for pixel, error in zip((4.0, 2.0, 1.0), errors, strict=True):
        raster = raster_band(polygons, Grid.over(FIELD.period_nm, pixel, FIELD.origin_nm), RADIUS)
        assert np.abs(raster - exact).max() < error


def test_the_raster_of_shapes_on_pixel_borders_has_their_spectrum_over_the_sinc_of_a_pixel() -> None:
    grid = Grid((300, 600), (4.0, 2.0), FIELD.origin_nm)
    polygons = [at(130, 230, LETTER), at(200, 1002, LETTER)]
    values = coverage(polygons, grid)
    kx, ky = frequencies()
    # the average over a pixel is a factor sinc; what is aliased makes 1 / sinc of it, because all steps fall on samples
    expected = band_of(polygons) / (np.sinc(2 * kx) * np.sinc(4 * ky))
    assert np.abs(band_transform(grid.shape, RADIUS, values)(values) - expected).max() < 1e-15


@pytest.mark.parametrize("defocus_nm", [0.0, 150.0])
def test_lines_image_as_the_formula_of_three_beams_says(defocus_nm: float, xp: Any) -> None:
    pitch, width, center = 300.0, 130.4, 71.3
    system, grid = Optics(193, 0.85, Source.point()), Grid((1, 64), (10.0, pitch / 64))
    line = rectangle(center - width / 2, 0, width, 10)
    half, _ = polygon_band(xp(line), (4,), grid, system.band_radius(grid.period_nm))
    band = transmission_band(half, Mask())
    kernels = socs_kernels(system, grid.period_nm, defocus_nm).like(band)
    x = (np.arange(64) + 0.5) * pitch / 64
    path_waves = defocus_nm / 193 * (1 - math.sqrt(1 - (193 / pitch) ** 2))
    first = math.sin(math.pi * width / pitch) / math.pi * np.exp(2j * np.pi * path_waves)
    expected = np.abs(width / pitch + 2 * first * np.cos(2 * np.pi * (x - center) / pitch)) ** 2
    for image in (abbe_image(band, system, grid.period_nm, defocus_nm), image_band(band, kernels)[0]):
        shown = band_transform(grid.shape, (image.shape[0] // 2, image.shape[1] - 1), image).inverse(image)
        assert np.abs(to_host(shown)[0] - expected).max() < 1e-10


@pytest.mark.parametrize(
    ("degrees", "offset", "error", "error_over_sinc"),
    # measured in units of the clear field: 3.9e-5 and 7.8e-5, 5.9e-5 and 2.0e-5, 3.9e-5 and 2.3e-7
    [(0.0, 0.0, 5e-5, 9e-5), (0.0, 0.3, 7e-5, 3e-5), (17.0, 0.3, 5e-5, 3e-7)],
)
def test_a_whole_sample_images_as_from_a_raster_of_1_nm(
    degrees: float, offset: float, error: float, error_over_sinc: float
) -> None:
    polygons = merge([turned(p, degrees) for p in read_layout(path("masks", "elbows.gds")).polygons()])
    x, y = np.concatenate(polygons).min(0) - 181 - offset
    grid = Grid.square(1600, 1, (float(x), float(y)))
    system = Optics(193, 1.35, Source.annular(0.6, 0.9), immersion_index=1.44)
    kernels = socs_kernels(system, grid.period_nm, count=24, spacing=0.1)

    def image(half: np.ndarray) -> np.ndarray:
        intensity, _ = image_band(transmission_band(half, Mask()), kernels)
        return band_transform((400, 400), kernels.image_radius, intensity).inverse(intensity)

    exact, values = image(band_of(polygons, grid, kernels.radius)), coverage(polygons, grid)
    raster = image(band_transform(grid.shape, kernels.radius, values)(values))
    over_sinc = image(raster_band(polygons, grid, kernels.radius))
    assert np.abs(raster - exact).max() < error
    assert np.abs(over_sinc - exact).max() < error_over_sinc


# --- the derivative -------------------------------------------------------------------------------------------------

SHAPES = {
    "rectangle": [rectangle(100, 200, 300, 410)],
    "several of any angle": [
        at(100, 250, LETTER),
        blob(23, 700, 900, 210),
        at(500, 300, turned(LETTER, 11)[::-1]),
    ],
    "edge of no length": [np.array([[0, 200], [300, 200], [300, 200], [120, 700]], float)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_adjoint_is_the_derivative_with_respect_to_every_vertex(
    name: str, rng: np.random.Generator, xp: Any
) -> None:
    vertices, counts = join_outlines([xp(p) for p in SHAPES[name]])
    before = to_host(vertices).copy()
    half, saved = polygon_band(vertices, counts, FIELD, RADIUS)
    half_bar = xp(rng.standard_normal(half.shape) + 1j * rng.standard_normal(half.shape))
    gradient = polygon_band_adjoint(half_bar, saved, counts, FIELD)
    assert gradient.shape == vertices.shape and gradient.dtype == vertices.dtype

    def value(moved: Any) -> float:
        return inner(half_bar, polygon_band(moved, counts, FIELD, RADIUS)[0])

    direction = xp(rng.standard_normal(before.shape))
    assert gradient_test(value, gradient, vertices, direction, step=0.1) < 1e-6
    assert np.array_equal(to_host(vertices), before)


def test_each_vertex_has_its_own_central_difference(rng: np.random.Generator) -> None:
    vertices, counts = join_outlines([at(100, 250, LETTER), blob(5, 700, 900, 210)])
    half, saved = polygon_band(vertices, counts, FIELD, RADIUS)
    half_bar = rng.standard_normal(half.shape) + 1j * rng.standard_normal(half.shape)
    gradient = polygon_band_adjoint(half_bar, saved, counts, FIELD)
    steps = 0.05 * np.eye(vertices.size).reshape(-1, *vertices.shape)
    bands = {s: [polygon_band(vertices + s * d, counts, FIELD, RADIUS)[0] for d in steps] for s in (1, -1, 2, -2)}
    near, far = (
        np.array([inner(half_bar, a) - inner(half_bar, b) for a, b in zip(bands[s], bands[-s], strict=True)])
        for s in (1, 2)
    )
    differences = ((8 * near - far) / 0.6).reshape(vertices.shape)
    assert np.abs(differences - gradient).max() < 1e-6 * np.abs(gradient).max()


def test_the_area_changes_as_the_shoelace_formula_says() -> None:
    area_bar = np.zeros((3, 2), complex)
    area_bar[0, 0] = 1200**2
    x, y = LETTER.T
    expected = np.stack([np.roll(y, -1) - np.roll(y, 1), np.roll(x, 1) - np.roll(x, -1)], axis=1) / 2
    assert np.abs(polygon_band_adjoint(area_bar, LETTER, (8,), FIELD) - expected).max() < 1e-11


def test_moving_a_polygon_as_a_whole_turns_the_phases_only(rng: np.random.Generator) -> None:
    shape = blob(40, 500, 700, 200)
    half, saved = polygon_band(shape, (40,), FIELD, RADIUS)
    half_bar = rng.standard_normal(half.shape) + 1j * rng.standard_normal(half.shape)
    gradient = polygon_band_adjoint(half_bar, saved, (40,), FIELD).sum(0)
    expected = [inner(half_bar, -2j * np.pi * k * half) for k in frequencies()]
    assert gradient == pytest.approx(expected, rel=1e-11)


# --- arrays and refusals --------------------------------------------------------------------------------------------


def test_the_precision_follows_the_vertices_and_the_library_stays(xp: Any) -> None:
    shape = blob(33, 500, 700, 200)
    expected = band_of([shape])
    for dtype, complex_dtype, error in ((np.float64, np.complex128, 1e-16), (np.float32, np.complex64, 1e-7)):
        half, saved = polygon_band(xp(shape.astype(dtype)), (33,), FIELD, RADIUS)
        gradient = polygon_band_adjoint(half, saved, (33,), FIELD)
        assert type(half) is type(gradient) is type(xp(shape))
        assert to_host(half).dtype == complex_dtype and to_host(gradient).dtype == dtype
        assert np.abs(to_host(half) - expected).max() < error


@pytest.mark.parametrize(
    ("vertices", "counts", "message"),
    [
        (np.zeros((4, 3)), (4,), r"`vertices` must have shape \(n, 2\), but got \(4, 3\)"),
        (LETTER, (4, 5), r"`counts` must be at least 3 each and sum to the vertices \(8\), but got \[4, 5\]"),
        (LETTER, (6, 2), r"`counts` must be at least 3 each"),
        (LETTER * math.nan, (8,), "`vertices` must be finite"),
    ],
)
def test_what_is_no_polygon_is_refused(vertices: np.ndarray, counts: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        polygon_band(vertices, counts, FIELD, RADIUS)
    with pytest.raises(ValueError, match="`polygons` must hold at least one"):
        join_outlines([])
