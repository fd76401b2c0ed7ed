"""The stated error of an image: the true one stays below it, and is not far below."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from litho.abbe import abbe_image
from litho.backend import to_host
from litho.films import Film, Stack
from litho.focus import Flare
from litho.fourier import band_transform
from litho.grid import Grid
from litho.image import AerialImage, aerial_image
from litho.image_error import Conditions, truncation_bound
from litho.mask import Mask
from litho.mask_spectrum import mask_band
from litho.probes import probe_intensity, probe_places
from litho.pupil import Optics
from litho.raster import coverage
from litho.socs import Kernels, image_band
from litho.source import Source
from litho.source_spacing import source_spacing
from litho.tcc import socs_kernels
from litho.thick_mask import BoundaryLayer, EdgeStrip, ThickMask

FIELD = (360.0, 400.0)
GRID = Grid((180, 200), (2.0, 2.0))
PIXELS = (90, 100)
"""Where images are compared: five samples in the shortest wave."""

FINER = 3.0
"""Spacing of an image over that of its reference, whose own error is then a ninth."""


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)


PATTERNS = {
    "lines": [box(0.3 + 200 * k, 0, 90.3 + 200 * k, 360) for k in range(2)],
    "contacts": [box(61.3, 57.6, 131.3, 127.6), box(241.3, 207.6, 311.3, 277.6)],
    "elbow": [np.array([[60.4, 60.2], [330, 60.2], [330, 120], [130, 120], [130, 320.7], [60.4, 320.7]])],
    "line": [box(170.2, 0, 230.9, 360)],
    "slanted": [np.array([[50.0, 60], [250, 90], [320, 270], [100, 310]])],
}
WATER = {"wavelength_nm": 193.0, "na": 1.35, "immersion_index": 1.44}
DRY = {"wavelength_nm": 193.0, "na": 0.85}
ABERRATED = {4: 0.03, 7: 0.04, 11: -0.02, 16: 0.03}
FILMS = Stack((Film(100.0, 1.70 + 0.02j), Film(35.0, 1.80 + 0.35j)), 0.9 + 2.8j)
MAP = Source.pixels(np.array([[0, 0, 1, 0, 0], [0, 2, 3, 0, 0], [1, 0.5, 0, 4, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]))


@dataclass(frozen=True)
class Case:
    """One imaging condition, and the patterns whose images are compared."""

    optics: Optics
    defocus_nm: float = 0.0
    mask_type: Any = Mask()
    max_error: float = 0.01
    spacing: float | None = None
    patterns: tuple[str, ...] = tuple(PATTERNS)


FEW = ("lines", "contacts", "elbow")

CASES = {
    "disc": Case(Optics(**DRY, source=Source.conventional(0.7))),
    "disc, coarse": Case(Optics(**WATER, source=Source.conventional(0.3)), spacing=0.08, max_error=1e-3),
    "ring": Case(Optics(**WATER, source=Source.annular(0.6, 0.9)), mask_type=Mask.attenuated(), max_error=0.03),
    "ring, aberrated": Case(Optics(**WATER, source=Source.annular(0.6, 0.9), zernikes=ABERRATED), 30.0),
    "soft ring, defocused": Case(Optics(**DRY, source=Source.annular(0.5, 0.8).softened(0.1)), 200.0, max_error=1e-3),
    "dipole, te": Case(Optics(**WATER, source=Source.dipole(0.75, 0.2), polarization="te")),
    "quasar, unpolarised": Case(
        Optics(**WATER, source=Source.quasar(0.65, 0.9, 35), polarization="unpolarized"),
        40.0,
        max_error=1e-3,
        patterns=FEW,
    ),
    "quasar, films": Case(
        Optics(**WATER, source=Source.quasar(0.65, 0.9, 35), polarization="unpolarized", wafer=FILMS),
        spacing=0.09,
        patterns=FEW,
    ),
    "map, obscured": Case(Optics(**DRY, source=MAP, obscuration=0.3), mask_type=Mask(tone="bright field")),
    "blurred": Case(Optics(**DRY, source=Source.conventional(0.5), vibration_nm=4.0, flare=(Flare(0.03, 500.0),))),
}


def samples(half: Any) -> np.ndarray:
    half = to_host(half)
    radius = half.shape[-2] // 2, half.shape[-1] - 1
    return np.asarray(band_transform(PIXELS, radius, half).inverse(half))


def estimates_and_errors(case: Case) -> list[tuple[float, float]]:
    """Estimate and true error of images by kernels, some from pixels, and by source points."""
    spacing = case.spacing or source_spacing(case.optics, 1e-3, case.defocus_nm)
    settings = {"defocus_nm": case.defocus_nm, "mask_type": case.mask_type, "spacing": spacing}
    patterns, radius = [PATTERNS[name] for name in case.patterns], case.optics.band_radius(FIELD)
    bands = np.stack([mask_band(polygons, case.mask_type, GRID, radius) for polygons in patterns])
    references = samples(abbe_image(bands, case.optics, FIELD, case.defocus_nm, spacing / FINER))
    found = []
    for number, (polygons, reference) in enumerate(zip(patterns, references, strict=True)):
        mask = coverage(polygons, GRID) if number % 2 else polygons
        images = [aerial_image(mask, case.optics, GRID, **settings, max_error=case.max_error)]
        if number % 2 == 0:
            images.append(aerial_image(mask, case.optics, GRID, **settings, method="abbe"))
        for image in images:
            found.append((image.error_estimate, float(np.abs(samples(image.half) - reference).max())))
    return found


FOUND: dict[str, list[tuple[float, float]]] = {}


@pytest.mark.parametrize("name", CASES)
def test_the_true_error_stays_below_the_estimate(name: str) -> None:
    FOUND[name] = estimates_and_errors(CASES[name])
    assert all(true < estimate for estimate, true in FOUND[name])


def test_the_estimate_is_not_thirty_times_the_true_error_in_the_median() -> None:
    found = [pair for name in CASES for pair in FOUND.get(name) or estimates_and_errors(CASES[name])]
    assert np.median([estimate / true for estimate, true in found]) < 30


# --- each cause alone ---------------------------------------------------------------------------------------------


def test_an_exact_image_has_the_error_of_rounding(xp: Any) -> None:
    optics = Optics(193, 0.85, Source.point())
    grid = Grid((3, 300), (1.0, 1.0))
    image = aerial_image([box(65, 0, 235, 3)], optics, grid, defocus_nm=80.0, max_error=0)
    x = (np.arange(300) + 0.5) / 300
    first = np.exp(2j * np.pi * 80 / 193 * (1 - np.sqrt(1 - (193 / 300) ** 2))) * np.sin(np.pi * 170 / 300) / np.pi
    closed_form = np.abs(170 / 300 + 2 * first * np.cos(2 * np.pi * (x - 0.5))) ** 2
    assert np.abs(to_host(image.intensity)[1] - closed_form).max() < image.error_estimate < 1e-12
    pixels = aerial_image(xp(np.tile((abs(x - 0.5) < 85 / 300).astype(float), (3, 1))), optics, grid, defocus_nm=80.0)
    error = np.abs(to_host(pixels.intensity)[1] - closed_form).max()
    assert pixels.error_terms.source == 0 and error < pixels.error_terms.raster < 10 * error


@pytest.mark.parametrize("u", [(0.0, 0.0), (0.5, 0.5), (0.0, 0.5), (0.25, 0.75)])
@pytest.mark.parametrize("width_nm", [20.0, 80.0])
def test_pixels_err_by_where_edges_lie_in_them(u: tuple[float, float], width_nm: float) -> None:
    optics, grid = Optics(**DRY, source=Source.points([(0.3, 0), (-0.5, 0.1)])), Grid((3, 200), (4.0, 4.0))
    line = [box(400 + 4 * u[0], 0, 400 + width_nm + 4 * u[1], 12)]
    image = aerial_image(coverage(line, grid), optics, grid, method="abbe")
    error = np.abs(image.intensity - aerial_image(line, optics, grid, method="abbe").intensity).max()
    assert error < image.error_terms.raster < 20 * error


@pytest.mark.parametrize("settings", [{"count": 1}, {"count": 6}, {"max_error": 0.05}, {"max_error": 1e-3}])
def test_dropped_kernels_err_less_than_their_bound(settings: dict[str, Any], rng: np.random.Generator) -> None:
    for case in (CASES["ring, aberrated"], CASES["map, obscured"], CASES["dipole, te"]):
        ry, rx = case.optics.band_radius(FIELD)
        bands = rng.normal(size=(5, 2 * ry + 1, 2 * rx + 1, 2)) @ (1, 1j) / (1 + np.arange(2 * rx + 1))
        every, some = (
            socs_kernels(case.optics, FIELD, case.defocus_nm, spacing=0.1, **more)
            for more in ({"max_error": 0}, settings)
        )
        for kernels in (some, every.truncated(8), replace(every.truncated(8), background=None)):
            error = np.abs(samples(image_band(bands, kernels)[0] - image_band(bands, every)[0])).max(axis=(1, 2))
            assert np.all(error <= truncation_bound(bands, kernels) * (1 + 1e-9) + 1e-12)


@pytest.mark.parametrize("method", ["socs", "abbe"])
def test_single_precision_is_told_from_double(method: str, xp: Any) -> None:
    optics, values = CASES["dipole, te"].optics, coverage(PATTERNS["elbow"], GRID)
    single, double = (
        aerial_image(xp(values.astype(dtype)), optics, GRID, method=method, spacing=0.08) for dtype in ("f4", "f8")
    )
    error = np.abs(samples(single.half) - samples(double.half)).max()
    assert error < single.error_terms.precision < 100 * error
    assert double.error_terms.precision < 1e-12
    assert single.error_estimate == pytest.approx(double.error_estimate, rel=0.02)


# --- what it is computed from -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ring, aberrated", "quasar, films", "map, obscured"])
def test_probes_see_the_image_of_the_whole_field(name: str) -> None:
    case, radius = CASES[name], CASES[name].optics.band_radius(FIELD)
    bands = np.stack([mask_band(PATTERNS[p], Mask(), GRID, radius) for p in ("elbow", "slanted")])
    halves = abbe_image(bands, case.optics, FIELD, 30.0, 0.15)
    places, peak = probe_places(halves, 64)
    assert places.shape[1] <= 64 and peak == pytest.approx(samples(halves).max(), rel=0.02)
    seen = probe_intensity(bands[:, None], places, case.optics, FIELD, 30.0, 0.15)
    for half, place, values in zip(halves, places, seen, strict=True):
        expected = AerialImage(half, GRID).at(place[:, 0] * FIELD[1], place[:, 1] * FIELD[0])
        assert np.abs(values - expected).max() < 1e-12


def test_a_batch_has_the_error_of_its_worst_mask() -> None:
    optics = CASES["ring"].optics
    masks = np.stack([coverage(PATTERNS[name], GRID) for name in ("lines", "elbow", "contacts")])
    one, *others = (
        aerial_image(m, optics, GRID, spacing=0.1).error_terms for m in (masks.reshape(3, 1, *GRID.shape), *masks)
    )
    for term in ("source", "truncation", "raster", "precision"):
        assert getattr(one, term) == pytest.approx(max(getattr(other, term) for other in others), rel=1e-9)


def test_a_thick_mask_has_an_estimate_too() -> None:
    strip = BoundaryLayer(EdgeStrip(10.0, 0.2j), EdgeStrip(4.0, 0.1))
    thick, optics = ThickMask(strip), CASES["dipole, te"].optics
    image = aerial_image(PATTERNS["elbow"], optics, GRID, mask_type=thick, method="abbe", spacing=0.06)
    band = mask_band(PATTERNS["elbow"], thick, GRID, optics.band_radius(FIELD))
    reference = samples(abbe_image(band, optics, FIELD, spacing=0.02, thick=True))
    error = np.abs(samples(image.half) - reference).max()
    assert error < image.error_estimate < 60 * error


def test_of_kernels_alone_the_truncation_is_estimated() -> None:
    every = socs_kernels(CASES["ring"].optics, FIELD, spacing=0.1, max_error=0)
    kernels = Kernels(every.spectra[1:9], every.weights[1:9], FIELD, truncation_error=None)
    band = mask_band(PATTERNS["elbow"], Mask(), GRID, kernels.radius)
    image = AerialImage(image_band(band, kernels)[0], GRID, kernels, Conditions(band, FIELD))
    assert image.error_terms.source == image.error_terms.raster == 0
    assert image.error_estimate == pytest.approx(float(every.weights[8]) * (np.abs(band) ** 2).sum())
    with pytest.raises(ValueError, match="`conditions` must be given for an error estimate"):
        _ = AerialImage(image.half, GRID, kernels).error_estimate
