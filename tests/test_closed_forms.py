"""Images that are known in closed form: edges, spaces, lines, pinholes, and circles that overlap."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.special
from lines import at_points, cut, dry, harmonics, order, over_the_pitch, spaces

from litho.abbe import abbe_image
from litho.cells import Floats
from litho.image import AerialImage
from litho.mask import Mask
from litho.pupil import Optics
from litho.pupil_maps import PupilMap
from litho.shifted_pupils import pupil_coordinates, shifted_pupils
from litho.source import Source
from litho.source_spacing import split_points

CUTOFF = 0.9 / 193
"""NA over the wavelength, cycles per nm."""

NEAR = np.linspace(-310.0, 300.0, 53)
METHODS = ("abbe", "socs")

Edges = list[tuple[float, complex]]
EDGE: Edges = [(0.0, 1)]
SPACE: Edges = [(-65.0, 1), (65.0, -1)]


# --- edges, spaces and lines that stand alone ---------------------------------------------------------------------


def step_field(x: Floats, low: float, high: float) -> Any:
    """Field of an edge, open where x > 0, of which the frequencies from `low` < 0 to `high` > 0 pass.

    1/2 and the integral of exp(2 pi i f x) / (2 pi i f), which is a cosine and a sine integral.
    """
    (s_low, c_low), (s_high, c_high) = (scipy.special.sici(2 * np.pi * abs(f) * np.abs(x)) for f in (low, high))
    return 0.5 + (c_high - c_low + 1j * np.sign(x) * (s_high + s_low)) / (2j * np.pi)


def isolated(x: Floats, sigma: float, edges: Edges, background: complex = 0.0) -> Floats:
    """Intensity of edges (place, rise) under a disc of radius sigma, a sum over 576 points of its upper half.

    A point (sx, sy) is passed by the pupil along its chord at sy, so each field is one of `step_field`: smooth in
    sx and sy, and integrated to rounding by Gauss's rule along radii and the trapezoidal rule around
    (4000 points change it by 1e-12).
    """
    nodes, weights = np.polynomial.legendre.leggauss(24)
    radii, angles = sigma * (nodes + 1) / 2, (np.arange(24) + 0.5) * (np.pi / 24)
    intensity = np.zeros_like(x)
    for (r, w), angle in itertools.product(zip(radii, weights * radii, strict=True), angles):
        middle, half = -r * math.cos(angle), math.sqrt(1 - (r * math.sin(angle)) ** 2)
        low, high = (middle - half) * CUTOFF, (middle + half) * CUTOFF
        field = background + sum(rise * step_field(x - place, low, high) for place, rise in edges)
        intensity += w / (24 * (weights * radii).sum()) * np.abs(field) ** 2
    return intensity


def alone(optics: Optics, edges: Edges, period_nm: float, mask_type: Mask = Mask(), **settings: Any) -> AerialImage:
    """Image of an edge at 0, or of a shape between two edges, in a field that is long enough to be alone in."""
    low, high = (0.0, period_nm / 2) if edges is EDGE else (edges[0][0], edges[1][0])
    return spaces(optics, period_nm, high - low, (low + high) / 2, mask_type=mask_type, **settings)


@pytest.mark.parametrize("method", METHODS)
def test_a_coherent_edge_is_the_sine_integral(method: str) -> None:
    # the rim midway between two odd orders: then the orders are the midpoint rule of the integral
    optics, period = dry(Source.point()), 1000 / CUTOFF
    field = 0.5 + scipy.special.sici(2 * np.pi * CUTOFF * NEAR)[0] / np.pi
    got = cut(alone(optics, EDGE, period, method=method), NEAR)
    assert np.abs(got - field**2).max() < 1e-6
    assert cut(alone(optics, EDGE, period), np.zeros(1))[0] == pytest.approx(0.25, abs=1e-12)  # where the edge is


@pytest.mark.parametrize("edges", [SPACE, [(-20.0, 1), (20.0, -1)], [(-300.0, 1), (300.0, -1)]])
def test_a_coherent_space_and_its_line_are_differences_of_sine_integrals(edges: Edges) -> None:
    optics, period = dry(Source.point()), 1000.5 / CUTOFF
    integrals = [scipy.special.sici(2 * np.pi * CUTOFF * (NEAR - place))[0] for place, _ in edges]
    space = (integrals[0] - integrals[1]) / np.pi
    for mask_type, field in (
        (Mask(), space),
        (Mask.binary("bright field"), 1 - space),
        (Mask.attenuated(0.06), -math.sqrt(0.06) + (1 + math.sqrt(0.06)) * space),
        (Mask(dark=0.3j), 0.3j + (1 - 0.3j) * space),
    ):
        got = cut(alone(optics, edges, period, mask_type), NEAR)
        assert np.abs(got - np.abs(field) ** 2).max() < 1e-6


@pytest.mark.parametrize("edges", [EDGE, SPACE])
def test_a_partially_coherent_edge_and_space_are_integrals_of_sine_integrals(edges: Edges) -> None:
    got = cut(alone(dry(Source.conventional(0.2)), edges, 70e3, spacing=0.005), NEAR)
    assert np.abs(got - isolated(NEAR, 0.2, edges)).max() < 1e-6


@pytest.mark.parametrize("edges", [EDGE, SPACE])
@pytest.mark.parametrize("sigma", [0.3, 0.6, 0.9])
def test_they_are_right_to_1e_4_with_the_default_sampling(sigma: float, edges: Edges) -> None:
    source = Source.conventional(sigma)
    got = cut(alone(dry(source), edges, 15e3), NEAR)
    assert np.abs(got - isolated(NEAR, sigma, edges)).max() < 1e-4
    dark = cut(alone(dry(source), SPACE, 15e3, Mask.attenuated(0.06)), NEAR)
    amplitude = math.sqrt(0.06)
    rises: Edges = [(place, (1 + amplitude) * rise) for place, rise in SPACE]
    assert np.abs(dark - isolated(NEAR, sigma, rises, -amplitude)).max() < 1e-4


# --- circles that overlap -----------------------------------------------------------------------------------------


def overlap(*circles: tuple[float, float]) -> float:
    """Area that circles (centre on the x axis, radius) share, by the chords along y."""
    low, high = max(c - r for c, r in circles), min(c + r for c, r in circles)
    if high <= low:
        return 0.0
    crossings = []  # where the shortest chord may be another's
    for (a, r), (b, s) in itertools.combinations(circles, 2):
        if a != b:
            crossings.append((r * r - s * s - a * a + b * b) / (2 * (b - a)))
    ends = [low, *sorted(x for x in crossings if low < x < high), high]

    def chord(x: float) -> float:
        return 2 * math.sqrt(max(0.0, min(r * r - (x - c) ** 2 for c, r in circles)))

    def part(a: float, b: float) -> float:  # x = middle + half sin(t) takes out the roots at the ends
        middle, half = (a + b) / 2, (b - a) / 2
        return scipy.integrate.quad(
            lambda t: chord(middle + half * math.sin(t)) * half * math.cos(t),
            -math.pi / 2,
            math.pi / 2,
            epsabs=1e-13,
            epsrel=1e-12,
        )[0]

    return sum(part(a, b) for a, b in itertools.pairwise(ends))


def test_chords_give_the_area_that_two_circles_share() -> None:
    a, b = math.acos((0.8**2 + 0.5**2 - 1) / (2 * 0.8 * 0.5)), math.acos((0.8**2 + 1 - 0.5**2) / (2 * 0.8))
    lens = 0.25 * (a - math.sin(2 * a) / 2) + b - math.sin(2 * b) / 2
    assert overlap((0.0, 0.5), (0.8, 1.0)) == pytest.approx(lens, rel=1e-11)
    assert overlap((0.0, 0.5), (0.3, 1.0)) == pytest.approx(math.pi / 4, rel=1e-11)


@pytest.mark.parametrize(("spacing", "tolerance"), [(None, 2e-5), (0.004, 1e-6)])
@pytest.mark.parametrize("sigma", [0.4, 0.8])
def test_cross_coefficients_are_the_area_shared_by_the_source_and_two_pupils(
    sigma: float, spacing: float | None, tolerance: float
) -> None:
    optics, period = dry(Source.conventional(sigma)), (10.0, 2.6 / CUTOFF)
    x, y = pupil_coordinates(optics, period, np.zeros(1))
    points = split_points(optics, spacing, np.ones((1, x.size)), period)  # of a mask with all orders alike
    assert len(points) < 1.1 * len(optics.source.sample(spacing))
    amplitude, background = shifted_pupils(points, x, y, optics)
    rows = np.sqrt(points.weight)[:, None] * amplitude[:, 0, 0]
    got = (rows.conj().T @ rows).real + np.diag(background[0])
    expected = np.array([[overlap((0.0, sigma), (-f, 1.0), (-g, 1.0)) for g in x[0]] for f in x[0]])
    error = np.abs(got - expected / (math.pi * sigma**2))
    assert len(x[0]) >= 7
    assert error.max() < tolerance


def rim_pair(sigma: float, distance: float, turn_deg: float, spacing: float | None) -> tuple[float, float]:
    """Error of the image of two orders, 0.9 sin(k.r), at +-`distance` from the axis; and the points over those before.

    I = 0.405 (T(0) - T(2) cos(2 k.r)): T(0) is what the source shares with one pupil, T(2) that with both.
    """
    optics, turn = dry(Source.conventional(sigma)), math.radians(turn_deg)
    period = (1 / (distance * CUTOFF * math.sin(turn)), 1 / (distance * CUTOFF * math.cos(turn)))
    ry, rx = optics.band_radius(period)
    band = np.zeros((2 * ry + 1, 2 * rx + 1), dtype=complex)
    band[1, 1], band[-1, -1] = -0.45j, 0.45j
    points = split_points(optics, spacing, band, period)
    got = harmonics(abbe_image(band, optics, period, spacing=points))
    one, both = overlap((0.0, sigma), (distance, 1.0)), overlap((0.0, sigma), (distance, 1.0), (-distance, 1.0))
    light = 0.405 / (math.pi * sigma**2)
    error = abs(got[0, 0] - light * one) + 2 * abs(got[2, 2] + light * both / 2)
    return error, len(points) / len(optics.source.sample(spacing))


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.3, 0.6, 0.9])
def test_two_orders_at_the_rim_of_the_pupil_image_as_three_circles_overlap_however_they_are_turned(
    sigma: float,
) -> None:
    for distance, turn in itertools.product((1.0, 0.995, 0.97), (17.0, 30.0, 45.0)):
        error, more = rim_pair(sigma, distance, turn, None)
        assert error < 1e-4 and more < 2
    error, more = rim_pair(sigma, 1.0, 30.0, 0.006 * sigma**0.8)
    assert error < 1e-6 and more < 1.2


@pytest.mark.parametrize(("spacing", "error"), [(None, 2e-5), (0.004, 1e-6)])
@pytest.mark.parametrize("pitch", [260.0, 380.0])
def test_dense_spaces_in_partially_coherent_light_are_sums_of_overlaps(
    pitch: float, spacing: float | None, error: float
) -> None:
    sigma, width = 0.6, 0.4 * pitch
    orders = range(-4, 5)
    x, distance = over_the_pitch(pitch), 1 / (pitch * CUTOFF)
    expected = np.zeros_like(x)
    for k, m in itertools.product(orders, orders):
        area = overlap((0.0, sigma), (-k * distance, 1.0), (-m * distance, 1.0)) / (math.pi * sigma**2)
        product = order(k, pitch, width).real * order(m, pitch, width).real
        expected += area * product * np.cos(2 * np.pi * (k - m) * x / pitch)
    got = cut(spaces(dry(Source.conventional(sigma)), pitch, width, spacing=spacing), x)
    assert np.abs(got - expected).max() < error


# --- pinholes -----------------------------------------------------------------------------------------------------


def jinc(v: Floats) -> Floats:
    """2 J1(v) / v."""
    small = np.abs(v) < 1e-8
    return np.where(small, 1.0, 2 * scipy.special.j1(v) / np.where(small, 1.0, v))


def pinholes(count: int, cells: int, lit: tuple[int, int] = (0, 0), **lens: Any) -> tuple[Floats, Floats, float]:
    """Distances, intensities, and the period, of pinholes that do not see each other.

    Pinholes repeat with `count` / 2 wavelengths / NA. The source is the one of `count` by `count` pixels that stands
    `lit` pixels off the axis: it is as large as the orders are apart, so that light of neighbours does not interfere,
    and orders and source together fill the pupil without a gap.
    """
    pixels = np.zeros((count, count))
    pixels[count // 2 + lit[0], count // 2 + lit[1]] = 1
    optics, period = dry(Source.pixels(pixels), **lens), count / 2 / CUTOFF
    ry, rx = optics.band_radius((period, period))
    band = np.ones((2 * ry + 1, 2 * rx + 1), dtype=complex)  # all orders alike: a hole without size
    half = abbe_image(band, optics, (period, period), spacing=2 / count / cells)
    distance = np.linspace(0, 2.4, 25) / CUTOFF
    # over the square of the pupil's area in units of the orders' distance: the intensity is 1 at the pinhole
    return distance, at_points(half, (period, period), distance, 0 * distance) / (math.pi * count**2 / 4) ** 2, period


def airy(distance: Floats, period: float, obscuration: float = 0.0) -> Floats:
    """Airy's pattern of a ring-shaped pupil around each of 81 by 81 pinholes, added up."""
    place = np.arange(-40, 41) * period
    v = 2 * np.pi * CUTOFF * np.hypot(distance[:, None, None] - place[:, None], place)
    e = obscuration
    return np.asarray(((jinc(v) - e**2 * jinc(e * v)) ** 2).sum(axis=(1, 2)))


def test_a_pinhole_images_to_airys_pattern() -> None:
    distance, intensity, period = pinholes(21, 30)
    assert np.abs(intensity - airy(distance, period)).max() < 1e-6
    alone_there = jinc(2 * np.pi * CUTOFF * distance) ** 2
    assert np.abs(intensity - alone_there).max() < 1e-4  # neighbours ten wavelengths / NA away give this much


def test_a_pinhole_under_an_obscuration_images_to_the_difference_of_two_airy_fields() -> None:
    distance, intensity, period = pinholes(31, 20, (3, 10), obscuration=0.4)
    expected = airy(distance, period, 0.4)
    assert np.abs(intensity - expected).max() < 1e-6
    assert expected[0] == pytest.approx((1 - 0.4**2) ** 2, abs=2e-5)
    assert np.abs(expected - airy(distance, period)).max() > 0.1


@pytest.mark.parametrize("polarization", ["x", "tm"])
def test_a_pinhole_in_polarised_light_of_low_aperture_images_to_airys_pattern_too(polarization: str) -> None:
    distance, intensity, period = pinholes(21, 30, polarization=polarization, na=0.9e-4, wavelength_nm=0.0193)
    assert np.abs(intensity - airy(distance, period)).max() < 1e-6


def defocused_spot(v: Floats, waves: float) -> Floats:
    """Intensity |2 int exp(2 pi i W rho^2) J0(v rho) rho drho|^2 of a pinhole out of focus, by Gauss's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    parts = int(v.max() / 15) + 1
    rho = ((nodes + 1) / 2 + np.arange(parts)[:, None]).ravel() / parts
    light = np.tile(weights, parts) / parts * rho * np.exp(2j * math.pi * waves * rho**2)
    return np.abs(scipy.special.j0(v[:, None] * rho) @ light) ** 2


@pytest.mark.parametrize(("waves", "cells"), [(0.0, 20), (0.1, 20), (0.4, 40), (0.9, 20)])
def test_strehls_ratio_of_defocus_is_the_square_of_a_sinc(waves: float, cells: int) -> None:
    # of the wavefront at the rim, a W rho^2, which is Z4 of half of it
    _, intensity, period = pinholes(31, cells, zernikes={4: waves / 2})
    place = np.arange(-40, 41) * period
    v, count = np.unique(np.round(2 * np.pi * CUTOFF * np.hypot(place[:, None], place), 9), return_counts=True)
    each = count * defocused_spot(v, waves)
    assert each[0] == pytest.approx(np.sinc(waves) ** 2, abs=1e-12)
    neighbours = each[1:].sum()  # what other pinholes send here
    assert neighbours < 2e-5
    assert abs(intensity[0] - neighbours - np.sinc(waves) ** 2) < 1e-6


@pytest.mark.parametrize("zernikes", [{5: 0.012}, {7: 0.01, 8: -0.012}, {9: 0.015}, {10: 0.02}, {16: 0.01, 20: 0.01}])
def test_strehls_ratio_of_small_aberrations_is_1_less_their_mean_square_phase(zernikes: dict[int, float]) -> None:
    norms = {
        5: 6,
        7: 8,
        8: 8,
        9: 5,
        10: 8,
        16: 7,
        20: 12,
    }  # 1 over the mean square of a Fringe Zernike: 2 (n + 1), n + 1
    variance = sum(waves**2 / norms[index] for index, waves in zernikes.items())
    phase = (2 * math.pi) ** 2 * variance
    loss = 1 - pinholes(31, 10, zernikes=zernikes)[1][0] / pinholes(31, 10)[1][0]
    assert abs(loss - phase) < 2e-5 + phase**2
    assert loss == pytest.approx(phase, rel=0.02)


def test_a_gaussian_pupil_makes_a_gaussian_spot() -> None:
    count, waist = 40, 0.22  # orders across the radius of the pupil; amplitude exp(-(rho / waist)^2), 1e-9 at the rim
    gauss = PupilMap.of(lambda x, y: math.exp(-(x * x + y * y) / waist**2), 2 * count + 1)  # samples where orders pass
    optics, period = dry(Source.point(), pupil_map=gauss), count / CUTOFF
    ry, rx = optics.band_radius((period, period))
    half = abbe_image(np.ones((2 * ry + 1, 2 * rx + 1), dtype=complex), optics, (period, period))
    distance = np.linspace(0, 3, 31) / CUTOFF
    got = at_points(half, (period, period), distance, 0.3 * distance)
    expected = (math.pi * (waist * count) ** 2 * np.exp(-(1.09 * (math.pi * waist * CUTOFF * distance) ** 2))) ** 2
    assert np.abs(got / expected[0] - expected / expected[0]).max() < 1e-8
