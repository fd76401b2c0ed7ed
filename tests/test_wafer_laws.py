"""Images inside films: refraction and standing waves in closed form, and the mean over the depth of the resist."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.integrate
from lines import cut, largest, order, over_the_pitch, random_band, spaces, wet

from litho.abbe import abbe_image
from litho.backend import to_host
from litho.films import Film, Stack
from litho.focus import FocusSpread
from litho.pupil import Optics
from litho.pupil_maps import JonesPupil
from litho.socs import image_band
from litho.source import Source
from litho.tcc import socs_kernels

WATER = 1.44
RESIST, SILICON = 1.70 + 0.02j, 0.88 + 2.78j
ON_SILICON = Stack((Film(95.0, RESIST),), SILICON)
COATED = Stack((Film(60.0, 1.55), Film(100.0, RESIST), Film(35.0, 1.80 + 0.35j)), SILICON, resist=1)
MATCHED = Stack((Film(80.0, WATER),), WATER)
PERIOD = (330.0, 290.0)
METHODS = ("abbe", "socs")
MODES = 2e-9
"""What the mean over depth leaves out, `litho.depth_modes.MODE_ERROR`, and with it the norm of the clear field."""


def image(
    band: np.ndarray, optics: Optics, defocus_nm: float = 0.0, depth_nm: float | None = None, method: str = "abbe"
) -> np.ndarray:
    if method == "abbe":
        return abbe_image(band, optics, PERIOD, defocus_nm, 0.25, depth_nm)
    kernels = socs_kernels(optics, PERIOD, defocus_nm, max_error=0, spacing=0.25, depth_nm=depth_nm)
    return image_band(band, kernels)[0]


def film_field(transverse: float, depth_nm: float, stack: Stack) -> tuple[complex, complex, complex]:
    """S field, p field along the surface and downwards in a film on a substrate under water, by Fresnel and Airy."""
    ((thickness, index),) = ((film.thickness_nm, film.index) for film in stack.films)
    n = (WATER, index, stack.substrate)
    kz = [np.sqrt(m**2 - transverse**2 + 0j) for m in n]
    k0 = 2 * math.pi / 193
    fields = []
    for weight in ((1, 1, 1), tuple(m**2 for m in n)):
        q = [k / w for k, w in zip(kz, weight, strict=True)]
        top, bottom = ((q[i] - q[i + 1]) / (q[i] + q[i + 1]) for i in (0, 1))
        entering = 2 * q[0] / (q[0] + q[1]) / (1 + top * bottom * np.exp(2j * k0 * kz[1] * thickness))
        down = entering * np.exp(1j * k0 * kz[1] * depth_nm)
        up = entering * bottom * np.exp(1j * k0 * kz[1] * (2 * thickness - depth_nm))
        fields.append((down, up))
    (s_down, s_up), (h_down, h_up) = fields
    along = WATER * kz[1] / index**2 * (h_down - h_up)
    return s_down + s_up, along, -WATER * transverse / index**2 * (h_down + h_up)


def mean_over_film(transverse: float, stack: Stack, polarization: str) -> float:
    """Mean of |E|^2 over the film, of an arriving wave of 1."""

    def squared(depth: float) -> float:
        s, along, normal = film_field(transverse, depth, stack)
        return abs(s) ** 2 if polarization == "s" else abs(along) ** 2 + abs(normal) ** 2

    thickness = stack.films[0].thickness_nm
    return scipy.integrate.quad(squared, 0, thickness, epsabs=1e-13, epsrel=1e-13)[0] / thickness


# --- one film in closed form --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("depth_nm", [0.0, 31.0, 94.9])
def test_light_from_the_axis_makes_standing_waves_by_airys_formula(depth_nm: float, method: str) -> None:
    optics = wet(Source.point(), polarization="unpolarized", wafer=ON_SILICON)
    got = spaces(optics, 100.0, 100.0, method=method, depth_nm=depth_nm)  # an open mask
    expected = abs(film_field(0.0, depth_nm, ON_SILICON)[0]) ** 2 / mean_over_film(0.0, ON_SILICON, "s")
    assert np.abs(cut(got, over_the_pitch(100.0)) - expected).max() < MODES * expected
    nodes = [abs(film_field(0.0, z, ON_SILICON)[0]) ** 2 for z in np.linspace(0, 95, 200)]
    assert max(nodes) > 5 * min(nodes)


@pytest.mark.parametrize("depth_nm", [0.0, 20.0, 95.0])
def test_light_falls_by_lamberts_law_where_nothing_reflects(depth_nm: float) -> None:
    optics = wet(Source.point(), polarization="x", wafer=Stack((Film(95.0, RESIST),), RESIST))
    got = spaces(optics, 100.0, 100.0, depth_nm=depth_nm)
    fall = 4 * math.pi * RESIST.imag / 193
    expected = math.exp(-fall * depth_nm) * fall * 95 / (1 - math.exp(-fall * 95))
    assert cut(got, np.zeros(1))[0] == pytest.approx(expected, rel=MODES)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("depth_nm", [0.0, 33.0, 94.0])
@pytest.mark.parametrize("polarization", ["te", "tm"])
def test_two_beams_interfere_in_a_film_as_fresnels_formulas_say(
    polarization: str, depth_nm: float, method: str
) -> None:
    pitch, width, center, first = 110.0, 47.0, 20.0, 0.83
    second = first - 193 / 1.35 / pitch
    optics = wet(Source.point(first, 0), polarization=polarization, wafer=ON_SILICON)
    kind, clear = ("s", slice(0, 1)) if polarization == "te" else ("p", slice(1, 3))
    beams = [np.array(film_field(1.35 * sine, depth_nm, ON_SILICON))[clear] for sine in (first, second)]
    x, field = over_the_pitch(pitch), np.zeros(1)
    for k, beam in zip((0, -1), beams, strict=True):
        field = field + beam[:, None] * order(k, pitch, width, center) * np.exp(2j * np.pi * k * x / pitch)
    expected = (np.abs(field) ** 2).sum(axis=0) / mean_over_film(1.35 * first, ON_SILICON, kind)
    got = cut(spaces(optics, pitch, width, center, method, depth_nm=depth_nm), x)
    assert np.abs(got - expected).max() < MODES * expected.max()


def test_tm_beams_that_do_not_interfere_in_water_do_so_in_a_resist_by_snells_law() -> None:
    sine = WATER * math.sin(math.pi / 4) / 1.35
    pitch = 193 / 1.35 / (2 * sine)
    turn = 2 * math.asin(WATER * math.sin(math.pi / 4) / 1.7)  # between the beams in the resist
    optics = wet(Source.point(sine, 0), polarization="tm", wafer=Stack((Film(95.0, 1.7),), 1.7))
    a, b = 1 / 3, math.sqrt(3) / (2 * math.pi)
    x = over_the_pitch(pitch)
    for depth_nm in (None, 0.0, 50.0):
        got = cut(spaces(optics, pitch, pitch / 3, depth_nm=depth_nm), x)
        assert np.abs(got - (a**2 + b**2 + 2 * a * b * math.cos(turn) * np.cos(2 * np.pi * x / pitch))).max() < 1e-9


# --- films that are not there -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("polarization", ["x", "te", "tm", "unpolarized"])
def test_a_film_with_the_index_of_the_medium_is_a_change_of_focus(
    polarization: str, method: str, rng: np.random.Generator
) -> None:
    plain = wet(Source.annular(0.4, 0.9), polarization=polarization, zernikes={7: 0.03})
    band = random_band(rng, plain, PERIOD)
    for depth_nm in (0.0, 55.0):  # deeper is farther from the lens
        in_film = image(band, replace(plain, wafer=MATCHED), 20.0, depth_nm, method)
        assert largest(in_film - image(band, plain, 20.0 - depth_nm)) < 1e-11


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_over_such_a_film_is_a_scan_through_focus(method: str, rng: np.random.Generator) -> None:
    plain = wet(Source.annular(0.4, 0.9), polarization="unpolarized")
    band = random_band(rng, plain, PERIOD)
    mean = image(band, replace(plain, wafer=MATCHED), 20.0, None, method)
    scan = image(band, replace(plain, focus_spread=FocusSpread.uniform(80.0, 12)), 20.0 - 40.0)
    assert largest(mean - scan) < 1e-8


# --- the mean over depth ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stack", [ON_SILICON, COATED])
@pytest.mark.parametrize("polarization", ["te", "x", "unpolarized"])
def test_the_image_without_a_depth_is_the_mean_of_images_at_depths(
    polarization: str, stack: Stack, method: str, rng: np.random.Generator
) -> None:
    optics = wet(Source.annular(0.4, 0.9), polarization=polarization, zernikes={7: 0.03}, wafer=stack)
    band = random_band(rng, optics, PERIOD)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    top, thickness = stack.resist_top_nm, stack.resist_film.thickness_nm
    depths = top + thickness * (nodes + 1) / 2
    mean = sum(w / 2 * image(band, optics, 20.0, float(z)) for z, w in zip(depths, weights, strict=True))
    assert largest(image(band, optics, 20.0, None, method) - mean) < 1e-8


def test_an_open_mask_images_to_1_in_the_mean_over_the_resist() -> None:
    for polarization in ("te", "tm", "unpolarized"):
        optics = wet(Source.annular(0.4, 0.9), polarization=polarization, wafer=COATED)
        for method in METHODS:
            got = cut(spaces(optics, 300.0, 300.0, method=method, spacing=0.2), over_the_pitch(300.0))
            assert np.abs(got - 1).max() < 1e-10


SYSTEMS: dict[str, dict[str, Any]] = {
    "te": {"polarization": "te"},
    "tm, coma": {"polarization": "tm", "zernikes": {7: 0.03, 11: 0.02}},
    "partly x": {"polarization": "x", "polarization_degree": 0.6, "obscuration": 0.2},
    "unpolarised": {"polarization": "unpolarized", "zernikes": {5: 0.03, 9: 0.04}},
    "focus spread": {"polarization": "te", "focus_spread": FocusSpread.uniform(60.0, 3)},
    "jones pupil": {"polarization": "te", "jones": JonesPupil.constant([[1, 0.1j], [-0.1, 0.9]]), "vibration_nm": 5.0},
}


@pytest.mark.parametrize("depth_nm", [None, 100.0])
@pytest.mark.parametrize("name", SYSTEMS)
def test_all_kernels_equal_the_sum_over_source_points_in_a_film(
    name: str, depth_nm: float | None, rng: np.random.Generator
) -> None:
    for source in (Source.annular(0.5, 0.9), Source.points([(0.31, 0.22), (-0.4, 0.13)], [1, 2])):
        optics = wet(source, wafer=COATED, **SYSTEMS[name])
        band = random_band(rng, optics, PERIOD)
        by_kernels = image(band, optics, 35.0, depth_nm, "socs")
        assert largest(by_kernels - image(band, optics, 35.0, depth_nm)) < 1e-12


def test_images_in_films_keep_precision_and_library(rng: np.random.Generator, xp: Any) -> None:
    optics = wet(Source.annular(0.5, 0.9), wafer=COATED, polarization="unpolarized")
    band = random_band(rng, optics, PERIOD)
    for depth_nm in (None, 70.0):
        expected = image(band, optics, 35.0, depth_nm)
        for dtype, error in ((np.complex128, 1e-13), (np.complex64, 3e-6)):
            got = to_host(image(xp(band.astype(dtype)), optics, 35.0, depth_nm))
            assert got.dtype == dtype and largest(got - expected) < error


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: wet(Source.point(), wafer=COATED), "`wafer` must come with a `polarization`"),
        (lambda: wet(Source.point(), polarization="x", wafer=Stack((), SILICON)), "`films` must hold the resist"),
        (
            lambda: spaces(wet(Source.point(), polarization="x"), 200.0, 90.0, depth_nm=10.0),
            "`depth_nm` must come with films",
        ),
        (
            lambda: spaces(wet(Source.point(), polarization="x", wafer=COATED), 200.0, 90.0, depth_nm=math.nan),
            "`depth_nm` must be",
        ),
        (
            lambda: spaces(wet(Source.point(), polarization="x", wafer=Stack((Film(50.0, RESIST),), 1.0)), 200.0, 90.0),
            "`wafer` must have a substrate that absorbs, or of an index above",
        ),
    ],
)
def test_wafers_that_make_no_sense_are_refused_in_one_sentence(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
