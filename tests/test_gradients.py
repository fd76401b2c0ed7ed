"""Gradients of the image agree with differences in every variable: mask, light, defocus, Zernikes, vertices."""

from __future__ import annotations

import doctest
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gradient_cases import (
    ABERRATED,
    DEFOCUS,
    DIFFERENCES,
    EXACT,
    PERIOD,
    SPACING,
    SYSTEMS,
    ZERNIKES,
    check,
    complex_,
    optics,
    random_band,
)

import litho.abbe
from litho.abbe import Gradients, abbe_image, abbe_image_adjoint
from litho.backend import to_host
from litho.band_image import BandImage
from litho.check import dot_test, inner, linearity_test
from litho.grid import Grid
from litho.mask import Mask, transmission_band, transmission_band_adjoint
from litho.polygon_spectrum import join_outlines, polygon_band, polygon_band_adjoint
from litho.pupil import Optics
from litho.socs import image_band, image_band_adjoint
from litho.source import Source
from litho.source_weights import lit_points, lit_points_adjoint, pixel_weights, pixel_weights_adjoint
from litho.tcc import socs_kernels

# --- differences in every variable ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "depth_nm"), [*((name, None) for name in SYSTEMS), ("wafer", 25.0)])
def test_gradients_agree_with_differences(name: str, depth_nm: float | None, xp: Any, rng: np.random.Generator) -> None:
    system = optics(**SYSTEMS[name])
    band, points = xp(random_band(rng, system)), system.source.sample(SPACING)
    weight = xp(rng.random(len(points)))

    def image(band: Any = band, system: Optics = system, defocus_nm: float = DEFOCUS, weight: Any = weight) -> Any:
        return abbe_image(band, system, PERIOD, defocus_nm, SPACING, depth_nm, weight=weight)

    half_bar = xp(complex_(rng, *image().shape))
    bars = abbe_image_adjoint(
        half_bar, band, system, PERIOD, DEFOCUS, SPACING, depth_nm, weight=weight, zernikes=ZERNIKES
    )
    move = xp(complex_(rng, *band.shape))
    change = inner(half_bar, image(band + move) - image(band - move)) / 2  # exact: the image is quadratic in the mask
    assert abs(change / inner(bars.mask_band_bar, move) - 1) < EXACT
    change = xp(rng.standard_normal(len(points)))
    check(lambda w: image(weight=w), half_bar, bars.weight_bar, weight, change, 1e-2 / len(points))
    one = xp(np.ones(1))
    focus = lambda z: image(defocus_nm=float(z[0]))  # noqa: E731
    check(focus, half_bar, xp(np.array([bars.defocus_bar])), DEFOCUS * one, one, 0.3)
    assert isinstance(system.zernikes, tuple)
    before = dict(system.zernikes)

    def aberrated(waves: Any) -> Any:
        values = dict(zip(ZERNIKES, to_host(waves).tolist(), strict=True))
        return image(system=replace(system, zernikes={**before, **values}))

    start = xp(np.array([before.get(index, 0.0) for index in ZERNIKES]))
    change = xp(rng.standard_normal(len(ZERNIKES)))
    check(aberrated, half_bar, bars.zernike_bar, start, change, 3e-4)


@pytest.mark.parametrize("polarization", ["te", "unpolarized"])
def test_gradients_of_a_thick_mask_agree_with_differences(polarization: str, xp: Any, rng: np.random.Generator) -> None:
    system = optics(polarization=polarization)
    bands = np.stack([[random_band(rng, system) for _ in range(2)] for _ in range(3)])
    band = xp(bands)

    def image(band: Any = band, system: Optics = system, defocus_nm: float = DEFOCUS) -> Any:
        return abbe_image(band, system, PERIOD, defocus_nm, SPACING, thick=True)

    half_bar = xp(complex_(rng, *image().shape))
    bars = abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, SPACING, thick=True)
    assert tuple(bars.mask_band_bar.shape) == bands.shape and tuple(bars.zernike_bar.shape) == (len(ABERRATED),)
    move = xp(complex_(rng, *bands.shape))
    change = inner(half_bar, image(band + move) - image(band - move)) / 2
    assert abs(change / inner(bars.mask_band_bar, move) - 1) < EXACT
    one = xp(np.ones(1))
    focus = lambda z: image(defocus_nm=float(z[0]))  # noqa: E731
    check(focus, half_bar, xp(np.array([bars.defocus_bar])), DEFOCUS * one, one, 0.3)


def test_two_equal_bands_of_a_thick_mask_are_a_thin_one(rng: np.random.Generator) -> None:
    system = optics(polarization="unpolarized")
    band = random_band(rng, system)
    half = abbe_image(band, system, PERIOD, DEFOCUS, SPACING)
    half_bar = complex_(rng, *half.shape)
    thin, thick = (
        abbe_image_adjoint(half_bar, mask, system, PERIOD, DEFOCUS, SPACING, thick=mask.ndim == 3)
        for mask in (band, np.stack([band, band]))
    )
    assert_close(thin, replace(thick, mask_band_bar=thick.mask_band_bar.sum(axis=0)), EXACT)


def assert_close(a: Gradients, b: Gradients, error: float) -> None:
    for name in ("mask_band_bar", "weight_bar", "defocus_bar", "zernike_bar"):
        one, other = (np.asarray(getattr(g, name)) for g in (a, b))
        assert np.abs(one - other).max() < error * np.abs(one).max(), name


# --- chunks, batches, precision, bad input --------------------------------------------------------------------------


def test_gradients_do_not_depend_on_how_many_points_are_computed_together(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = optics(polarization="te")
    band = random_band(rng, system)
    half_bar = complex_(rng, *abbe_image(band, system, PERIOD, DEFOCUS, SPACING).shape)
    whole = abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, SPACING)
    monkeypatch.setattr(litho.abbe, "CHUNK", 20_000)
    monkeypatch.setattr("litho.source_weights.CHUNK", 7)
    assert_close(whole, abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, SPACING), EXACT)


def test_gradients_of_a_batch_are_those_of_its_masks_and_keep_library_and_precision(
    xp: Any, rng: np.random.Generator
) -> None:
    system = optics()
    bands = np.stack([[random_band(rng, system) for _ in range(2)] for _ in range(3)])
    half_bar = complex_(rng, *abbe_image(bands, system, PERIOD, DEFOCUS, SPACING).shape)
    alone = [
        [abbe_image_adjoint(bar, band, system, PERIOD, DEFOCUS, SPACING) for bar, band in zip(*row, strict=True)]
        for row in zip(half_bar, bands, strict=True)
    ]
    everyone = [gradients for row in alone for gradients in row]
    together = Gradients(
        np.array([[gradients.mask_band_bar for gradients in row] for row in alone]),
        np.sum([gradients.weight_bar for gradients in everyone], axis=0),
        sum(gradients.defocus_bar for gradients in everyone),
        np.sum([gradients.zernike_bar for gradients in everyone], axis=0),
    )
    for dtype, error in ((np.complex128, EXACT), (np.complex64, 1e-5)):
        bars = abbe_image_adjoint(xp(half_bar.astype(dtype)), xp(bands.astype(dtype)), system, PERIOD, DEFOCUS, SPACING)
        arrays = {n: to_host(getattr(bars, n)) for n in ("mask_band_bar", "weight_bar", "zernike_bar")}
        assert arrays["mask_band_bar"].dtype == dtype
        assert arrays["weight_bar"].dtype == arrays["zernike_bar"].dtype == np.zeros(1, dtype).real.dtype
        assert_close(together, Gradients(**arrays, defocus_bar=bars.defocus_bar), error)


def test_the_example_of_the_docstring_prints_what_it_says() -> None:
    (example,) = doctest.DocTestFinder().find(abbe_image_adjoint, globs=dict(vars(litho.abbe)))
    result = doctest.DocTestRunner().run(example)
    assert result.attempted > 5 and result.failed == 0


def test_what_makes_no_sense_is_refused_in_a_sentence(rng: np.random.Generator) -> None:
    system = optics(Source.points([(0.1, 0.2), (-0.4, 0.3)]))
    band = random_band(rng, system)
    half = abbe_image(band, system, PERIOD)
    with pytest.raises(ValueError, match="`weight` must have one number per source point"):
        abbe_image(band, system, PERIOD, weight=np.ones(3))
    for bad in ([1.0, -0.1], [1.0, math.nan], [1.0, math.inf]):
        with pytest.raises(ValueError, match="`weight` must be finite and 0 or more"):
            abbe_image(band, system, PERIOD, weight=np.array(bad))
    with pytest.raises(ValueError, match="`source` must send some light"):
        abbe_image(band, system, PERIOD, weight=np.zeros(2))
    with pytest.raises(ValueError, match="`intensity_half_bar` must have shape"):
        abbe_image_adjoint(half[1:], band, system, PERIOD)
    with pytest.raises(ValueError, match="`zernikes` must have Fringe indices"):
        abbe_image_adjoint(half, band, system, PERIOD, zernikes=[38])
    with pytest.raises(ValueError, match="`spacing` must be small enough"):
        pixel_weights(np.ones((31, 31)), Source.pixels(np.ones((2, 2))).sample(0.3))


# --- sources --------------------------------------------------------------------------------------------------------


def test_lit_points_and_their_adjoint_agree_with_differences(rng: np.random.Generator) -> None:
    system = optics(polarization="te", radiometric=True)
    weight = 0.5 + rng.random(len(system.source.sample(SPACING)))
    bar, change = rng.standard_normal((2, len(weight)))
    gradient = lit_points_adjoint(bar, system, SPACING, weight)
    check(lambda w: lit_points(system, SPACING, w).weight, bar, gradient, weight, change, 1e-2)


def test_pixel_weights_and_their_adjoint_are_a_linear_pair(xp: Any, rng: np.random.Generator) -> None:
    shape = (9, 8)
    points = Source.pixels(np.pad(np.ones((7, 6)), 1)).sample(0.15)
    forward, adjoint = (lambda b: pixel_weights(b, points)), (lambda w: pixel_weights_adjoint(w, points, shape))
    x, other, y = xp(rng.random(shape)), xp(rng.random(shape)), xp(rng.random(len(points)))
    assert linearity_test(forward, x, other) < 1e-15
    assert dot_test(forward, adjoint, x, y) < EXACT


def test_gradients_in_the_pixels_of_a_map_agree_with_differences_of_the_map(rng: np.random.Generator) -> None:
    n, spacing = 7, 0.2
    bright = (Source.conventional(1).to_map(n) > 0).astype(float)
    system = optics(Source.pixels(bright))
    assert system.source.extent == 1
    band, points = random_band(rng, system), system.source.sample(spacing)
    values = bright * rng.random((n, n))
    values[2, 3] = 0

    def image(brightness: np.ndarray) -> np.ndarray:
        return abbe_image(band, system, PERIOD, DEFOCUS, spacing, weight=pixel_weights(brightness, points))

    def image_of_map(brightness: np.ndarray) -> np.ndarray:  # by another way: a source of its own for each map
        return abbe_image(band, optics(Source.pixels(brightness)), PERIOD, DEFOCUS, spacing)

    half = image(values)
    assert np.abs(half - image_of_map(values)).max() < 1e-14
    half_bar = complex_(rng, *half.shape)
    bars = abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, spacing, weight=pixel_weights(values, points))
    gradient = pixel_weights_adjoint(bars.weight_bar, points, (n, n))
    assert (gradient[bright == 0] == 0).all()
    change = values * rng.standard_normal((n, n))
    check(image_of_map, half_bar, gradient, values, change, 1e-2)
    dark = np.zeros((n, n))
    dark[2, 3] = 0.01  # a dark pixel can only get brighter: differences to one side
    steps = [inner(half_bar, image_of_map(values + k * dark)) for k in range(5)]
    assert np.dot([-25, 48, -36, 16, -3], steps) / 12 == pytest.approx(0.01 * gradient[2, 3], rel=DIFFERENCES)


def test_gradients_in_the_weights_of_a_list_of_points_agree_with_differences_of_the_list(
    rng: np.random.Generator,
) -> None:
    places = [(0.3, 0.1), (-0.5, 0.4), (0.0, -0.8), (0.6, -0.2)]
    weights = np.array([2.0, 0.7, 1.5, 3.0])
    system = optics(Source.points(places), polarization="tm")
    band = random_band(rng, system)

    def image(light: np.ndarray) -> np.ndarray:
        return abbe_image(band, replace(system, source=Source.points(places, light)), PERIOD, DEFOCUS)

    half_bar = complex_(rng, *image(weights).shape)
    bars = abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, weight=weights)
    check(image, half_bar, bars.weight_bar, weights, rng.standard_normal(4), 1e-2)


# --- vertices -------------------------------------------------------------------------------------------------------

POLYGONS = [
    np.array([[20.0, 30.0], [95.0, 30.0], [95.0, 90.0], [60.0, 90.0], [60.0, 200.0], [20.0, 200.0]]),
    np.array([[120.0, 60.0], [190.0, 95.0], [130.0, 180.0]]),
]
PHASE_MASK = Mask.attenuated(0.06)
FIELD = Grid((25, 21), (10.0, 10.0))


@pytest.mark.parametrize("method", ["abbe", "socs"])
@pytest.mark.parametrize("polarization", [None, "te"])
def test_the_light_at_a_point_answers_to_every_vertex_as_differences_say(
    method: str, polarization: str | None, xp: Any
) -> None:
    system = optics(polarization=polarization)
    radius = system.band_radius(FIELD.period_nm)
    vertices, counts = join_outlines(POLYGONS)
    here = np.array([61.3]), np.array([92.1])
    kernels = socs_kernels(system, FIELD.period_nm, DEFOCUS, spacing=SPACING).like(xp(np.zeros(1)))

    def light(corners: np.ndarray) -> float:
        half, _ = polygon_band(xp(corners), counts, FIELD, radius)
        band = transmission_band(half, PHASE_MASK)
        if method == "abbe":
            image = abbe_image(band, system, FIELD.period_nm, DEFOCUS, SPACING)
        else:
            image, _ = image_band(band, kernels)
        return float(BandImage(to_host(image), FIELD).at(*here)[0])

    half, saved_vertices = polygon_band(xp(vertices), counts, FIELD, radius)
    band = transmission_band(half, PHASE_MASK)
    image, saved_fields = image_band(band, kernels)
    image_bar = xp(BandImage(to_host(image), FIELD).at_adjoint(np.ones(1), *here))
    if method == "abbe":
        band_bar = abbe_image_adjoint(image_bar, band, system, FIELD.period_nm, DEFOCUS, SPACING).mask_band_bar
    else:
        band_bar = image_band_adjoint(image_bar, saved_fields, kernels)
    half_bar = transmission_band_adjoint(band_bar, PHASE_MASK)
    vertices_bar = to_host(polygon_band_adjoint(half_bar, saved_vertices, counts, FIELD))
    chosen = range(len(vertices)) if xp.name == "numpy" else (7,)
    for vertex in chosen:
        for axis in (0, 1):
            step = np.zeros_like(vertices)
            step[vertex, axis] = 0.5
            near, far = (light(vertices + k * step) - light(vertices - k * step) for k in (1, 2))
            difference = (8 * near - far) / 6
            assert abs(difference - vertices_bar[vertex, axis]) < DIFFERENCES * np.abs(vertices_bar).max()


@pytest.mark.parametrize("polarization", [None, "te"])
def test_the_mask_gradient_of_all_kernels_is_that_of_the_source_points(
    polarization: str | None, rng: np.random.Generator
) -> None:
    system = optics(polarization=polarization)
    band = random_band(rng, system)
    kernels = socs_kernels(system, PERIOD, DEFOCUS, max_error=0, spacing=SPACING)
    half, saved = image_band(band, kernels)
    half_bar = complex_(rng, *half.shape)
    expected = abbe_image_adjoint(half_bar, band, system, PERIOD, DEFOCUS, SPACING).mask_band_bar
    assert np.abs(image_band_adjoint(half_bar, saved, kernels) - expected).max() < 1e-12 * np.abs(expected).max()
