"""What a lens and a stage do to an image: aberrations, apodisation, obliquity, a spread of focus, shaking and flare."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from lines import (
    cut,
    dry,
    harmonics,
    largest,
    order,
    over_the_pitch,
    random_band,
    spaces,
    wet,
)

from litho.abbe import abbe_image
from litho.backend import to_host
from litho.focus import Flare, FocusSpread
from litho.image import AerialImage
from litho.pupil import Optics, pupil, wavefront
from litho.pupil_maps import PupilMap
from litho.source import Source
from litho.zernike import FRINGE, noll, zernike

POINT = Source.point()
PITCH, WIDTH = 300.0, 130.0  # three beams at 0.9 and 193 nm, the outer ones at 0.71 of the aperture
SINE = 193 / 0.9 / PITCH
X = over_the_pitch(PITCH)
METHODS = ("abbe", "socs")
PERIOD = (330.0, 290.0)


def through(optics: Optics, defocus_nm: float = 0.0, **settings: Any) -> np.ndarray:
    """Three beams' image at `X`."""
    return cut(spaces(optics, PITCH, WIDTH, defocus_nm=defocus_nm, **settings), X)


def paraxial(zernikes: dict[int, float], **more: Any) -> Optics:
    return dry(POINT, zernikes=zernikes, defocus_model="paraxial", **more)


# --- Zernikes -----------------------------------------------------------------------------------------------------


def disc() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and weights whose sum is the mean over the unit disc, exact for all products of the Zernikes."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    angle = np.arange(64) * (2 * np.pi / 64)
    radius = np.sqrt((nodes + 1) / 2)
    return np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle)), np.outer(weights, np.ones(64)) / 128


def test_nolls_zernikes_are_orthonormal() -> None:
    x, y, weight = disc()
    values = np.stack([zernike(j, x, y, "noll").ravel() for j in range(1, 38)])
    assert np.abs((values * weight.ravel()) @ values.T - np.eye(37)).max() < 1e-12


def test_nolls_zernikes_are_those_of_his_table() -> None:
    # Noll 1976, J. Opt. Soc. Am. 66, 207, table I, and rows beyond it by its rule
    table = [
        (0, 0),
        (1, 1),
        (1, -1),
        (2, 0),
        (2, -2),
        (2, 2),
        (3, -1),
        (3, 1),
        (3, -3),
        (3, 3),
        (4, 0),
        (4, 2),
        (4, -2),
    ]
    table += [(4, 4), (4, -4), (5, 1), (5, -1), (5, 3), (5, -3), (5, 5), (5, -5), (6, 0)]
    assert [noll(j) for j in range(1, 23)] == table
    assert noll(37) == (8, 0) and noll(36) == (7, 7) and noll(29) == (7, -1)
    x, y, _ = disc()
    r, t = np.hypot(x, y), np.arctan2(y, x)
    expected = {
        1: 1 + 0 * r,
        2: 2 * r * np.cos(t),
        3: 2 * r * np.sin(t),
        4: math.sqrt(3) * (2 * r**2 - 1),
        5: math.sqrt(6) * r**2 * np.sin(2 * t),
        6: math.sqrt(6) * r**2 * np.cos(2 * t),
        7: math.sqrt(8) * (3 * r**3 - 2 * r) * np.sin(t),
        8: math.sqrt(8) * (3 * r**3 - 2 * r) * np.cos(t),
        9: math.sqrt(8) * r**3 * np.sin(3 * t),
        11: math.sqrt(5) * (6 * r**4 - 6 * r**2 + 1),
        12: math.sqrt(10) * (4 * r**4 - 3 * r**2) * np.cos(2 * t),
    }
    for index, values in expected.items():
        assert np.abs(zernike(index, x, y, "noll") - values).max() < 1e-13, index


def test_both_orders_describe_the_same_wavefronts(rng: np.random.Generator) -> None:
    fringe = {j: float(c) for j, c in zip(range(1, 37), 0.02 * rng.standard_normal(36), strict=True)}
    as_noll = {}
    for index, waves in fringe.items():
        n, m = FRINGE[index - 1]
        match = [j for j in range(1, 38) if noll(j) == (n, m)]
        if match:  # both stop at 37: orders above 7 of one are not in the other
            as_noll[match[0]] = waves / math.sqrt((n + 1) * (2 if m else 1))
    fringe = {j: c for j, c in fringe.items() if FRINGE[j - 1] in [noll(i) for i in as_noll]}
    assert len(fringe) == len(as_noll) >= 30
    x, y, weight = disc()
    one, other = dry(POINT, zernikes=fringe), dry(POINT, zernikes=as_noll, zernike_order="noll")
    difference = wavefront(x, y, one, 50.0) - wavefront(x, y, other, 50.0)
    assert np.abs(difference).max() < 1e-13
    # waves rms: the mean square of the wavefront is the sum of squares of Noll's coefficients
    assert float((weight * wavefront(x, y, other) ** 2).sum()) == pytest.approx(
        sum(c * c for c in as_noll.values()), rel=1e-12
    )


def test_tilt_moves_an_image_by_its_slope() -> None:
    for waves in (0.05, 0.4):
        there = cut(spaces(dry(POINT), PITCH, WIDTH, -waves * 193 / 0.9), X)
        assert np.abs(through(dry(POINT, zernikes={2: waves})) - there).max() < 1e-12


def test_astigmatism_parts_the_foci_of_vertical_and_horizontal_lines() -> None:
    waves = 0.06
    focus = 2 * 193 * waves / 0.9**2  # where the paraxial z NA^2 / (2 wavelength) rho^2 undoes it
    sharp = through(dry(POINT))
    for axis, sign in (("x", -1), ("y", 1)):
        for index in (5, 6):
            lens = paraxial({index: waves})
            image = cut(spaces(lens, PITCH, WIDTH, axis=axis, defocus_nm=sign * focus), X, axis)
            if index == 5:
                assert np.abs(image - sharp).max() < 1e-12
            else:  # of 45 degrees: it does nothing to either
                blurred = cut(spaces(paraxial({}), PITCH, WIDTH, axis=axis, defocus_nm=sign * focus), X, axis)
                assert np.abs(image - blurred).max() < 1e-12
    assert np.abs(through(paraxial({5: waves})) - sharp).max() > 5e-3


def test_coma_moves_lines_by_its_slope_between_their_orders() -> None:
    waves = 0.03
    shift = -waves * (3 * SINE**3 - 2 * SINE) * PITCH
    moved = cut(spaces(dry(POINT), PITCH, WIDTH, shift), X)
    assert abs(shift) > 0.1 and np.abs(through(dry(POINT, zernikes={7: waves})) - moved).max() < 1e-12
    first = 0.8  # two beams: the difference of the wavefront at both
    second = first - 193 / 0.9 / 140.0
    comatic, plain = (dry(Source.point(first, 0), zernikes=z) for z in ({7: waves}, {}))
    shift = waves * (3 * second**3 - 2 * second - 3 * first**3 + 2 * first) * 140.0
    x = over_the_pitch(140.0)
    assert np.abs(cut(spaces(comatic, 140.0, 60.0), x) - cut(spaces(plain, 140.0, 60.0, shift), x)).max() < 1e-12


@pytest.mark.parametrize("index", [2, 4, 5, 7, 8, 9, 10, 14])
def test_small_aberrations_move_partially_coherent_edges_by_the_first_order_formula(index: int) -> None:
    places, pitch, width, edge, waves = [(0.3, 0.1), (-0.3, 0.15), (0.05, -0.4)], 320.0, 140.0, 71.0, 1e-4
    in_waves, in_nm = 0.0, 0.0  # derivatives of the intensity at the edge
    for sx, sy in places:
        numbers = np.arange(-3, 4)
        px, py = sx + numbers * 193 / 0.9 / pitch, np.full(7, sy)
        beams = np.array([order(k, pitch, width) for k in numbers]) * np.exp(2j * np.pi * numbers * edge / pitch)
        beams[np.hypot(px, py) > 1] = 0
        phase_slopes = zernike(index, px, py), numbers / pitch
        slopes = [2 * (np.conj(beams.sum()) * (2j * np.pi * g * beams).sum()).real for g in phase_slopes]
        in_waves, in_nm = in_waves + slopes[0] / 3, in_nm + slopes[1] / 3
    images = [spaces(dry(Source.points(places), zernikes={index: c}), pitch, width) for c in (-waves, 0.0, waves)]
    threshold = cut(images[1], np.array([edge]))[0]

    def edge_of(image: AerialImage) -> float:
        return float(
            scipy.optimize.brentq(lambda x: cut(image, np.array([x]))[0] - threshold, edge - 9, edge + 9, xtol=1e-12)
        )

    rate = (edge_of(images[2]) - edge_of(images[0])) / (2 * waves)  # nm per wave
    assert rate == pytest.approx(-in_waves / in_nm, rel=1e-5, abs=1e-4)


def test_spherical_aberration_moves_the_focus_with_the_pitch() -> None:
    waves, foci = 0.05, []
    for pitch in (240.0, 300.0, 400.0):
        sine = 193 / 0.9 / pitch
        focus = 12 * 193 * waves * (1 - sine**2) / 0.9**2  # 6 s^4 - 6 s^2 and z NA^2 s^2 / (2 wavelength) cancel
        x = over_the_pitch(pitch)
        sharp = cut(spaces(dry(POINT), pitch, WIDTH), x)
        image = cut(spaces(paraxial({9: waves}), pitch, WIDTH, defocus_nm=focus), x)
        assert np.abs(image - sharp).max() < 1e-12
        foci.append(focus)
    assert foci == sorted(foci) and foci[-1] - foci[0] > 40


def test_defocus_is_z4_of_a_paraxial_lens() -> None:
    z4 = 80.0 * 0.9**2 / (4 * 193)  # 2 rho^2 - 1, and a phase for all
    assert np.abs(through(paraxial({}), 80.0) - through(paraxial({4: z4}))).max() < 1e-12
    assert np.abs(through(paraxial({}), 80.0) - through(dry(POINT), 80.0)).max() > 1e-2
    low = {"na": 0.05, "zernikes": {}}
    x = over_the_pitch(PITCH * 18)
    images = [
        cut(spaces(dry(POINT, defocus_model=model, **low), PITCH * 18, WIDTH * 18, defocus_nm=20e3), x)
        for model in ("exact", "paraxial")
    ]
    assert np.abs(images[0] - images[1]).max() < 1e-3


# --- amplitude ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_apodisation_weights_each_order_with_the_map(method: str) -> None:
    def amplitude(x: float, y: float) -> complex:
        return complex(1 + 0.2 * x - 0.1 * abs(x), 0.3 * x)  # linear between samples at -1, 0 and 1

    lens = dry(POINT, pupil_map=PupilMap.of(amplitude, 3))
    field = sum(
        order(k, PITCH, WIDTH) * amplitude(k * SINE, 0.0) * np.exp(2j * np.pi * k * X / PITCH) for k in (-1, 0, 1)
    )
    assert np.abs(through(lens, method=method) - np.abs(field) ** 2).max() < 1e-12


def test_a_map_is_bilinear_between_samples_and_exact_at_them(rng: np.random.Generator, xp: Any) -> None:
    table = rng.standard_normal((3, 5)) + 1j * rng.standard_normal((3, 5))
    of_map = PupilMap.samples(table)
    x, y = (2 * rng.random((2, 40)) - 1) * 0.99
    column, row = (x + 1) * 2, y + 1
    i, j = column.astype(int), row.astype(int)
    a, b = column - i, row - j
    low = (1 - a) * table[j, i] + a * table[j, i + 1]
    high = (1 - a) * table[j + 1, i] + a * table[j + 1, i + 1]
    got = of_map.at(xp(x), xp(y))
    assert np.abs(to_host(got) - ((1 - b) * low + b * high)).max() < 1e-14
    corners = to_host(of_map.at(xp(np.array([-1.0, 1.0, 0.5])), xp(np.array([-1.0, 1.0, 0.0]))))
    assert np.abs(corners - [table[0, 0], table[2, 4], table[1, 3]]).max() < 1e-14


def test_an_obscuration_blocks_orders_near_the_axis() -> None:
    tilt, pitch = 0.9, 150.0  # orders at 0.9 and at -0.53 of the aperture, and in the middle of a blocked third none
    lens = dry(Source.point(tilt, 0))
    x = over_the_pitch(pitch)
    plain = cut(spaces(lens, pitch, 60.0), x)
    assert np.abs(cut(spaces(replace(lens, obscuration=0.5), pitch, 60.0), x) - plain).max() < 1e-13
    only_zeroth = cut(spaces(replace(lens, obscuration=0.6), pitch, 60.0), x)
    assert np.abs(only_zeroth - 0.4**2).max() < 1e-13


def test_the_pupil_has_a_hole_where_it_is_obscured(xp: Any) -> None:
    radius = np.array([0.0, 0.29, 0.31, 0.999, 1.001])
    amplitude = to_host(pupil(xp(radius * 0.6), xp(radius * 0.8), dry(POINT, obscuration=0.3)))
    assert np.allclose(abs(amplitude), [0, 0, 1, 1, 0])


@pytest.mark.parametrize("polarization", [None, "te", "unpolarized"])
@pytest.mark.parametrize(("reduction", "axis", "ratio"), [(4.0, "x", 4), ((8.0, 4.0), "x", 4), ((8.0, 4.0), "y", 8)])
@pytest.mark.parametrize(("zeroth", "numbers"), [(0.0, (0, 1, -1)), (0.5, (0, -1))])
def test_obliquity_keeps_the_energy_that_flows_through_mask_and_wafer(
    zeroth: float, numbers: tuple[int, ...], polarization: str | None, reduction: Any, axis: str, ratio: float
) -> None:
    pitch = 300.0 if zeroth == 0 else 180.0
    source = Source.point(zeroth, 0) if axis == "x" else Source.point(0, zeroth)
    lens = dry(source, radiometric=True, reduction=reduction, polarization=polarization)
    image = harmonics(spaces(lens, pitch, WIDTH, axis=axis).half).ravel().real
    sines = [0.9 * zeroth + k * 193 / pitch for k in numbers]
    at_mask, at_wafer = (np.sqrt(1 - (np.array(sines) / m) ** 2) for m in (ratio, 1))
    arriving = np.abs([order(k, pitch, WIDTH) for k in numbers]) ** 2 * at_mask
    # |E|^2 cos(theta) at the wafer is |a|^2 cos(theta) at the mask, for each order; an open mask's is 1
    assert image[0] == pytest.approx((arriving / at_wafer).sum() * at_wafer[0] / at_mask[0], rel=1e-12)
    if polarization is None and zeroth == 0:
        assert image[2] * at_wafer[1] == pytest.approx(arriving[1], rel=1e-12)  # the beat of +1 and -1 alone


# --- a spread of focus --------------------------------------------------------------------------------------------

SLOPE = (1 - math.sqrt(1 - (193 / PITCH) ** 2)) / 193  # turns of the outer beams' phase per nm of defocus


def three_beams(damping: float) -> np.ndarray:
    """Three beams, whose interference with the middle one is damped."""
    zeroth, first = WIDTH / PITCH, order(1, PITCH, WIDTH).real
    wave = np.cos(2 * np.pi * X / PITCH)
    return np.asarray(zeroth**2 + 4 * zeroth * first * damping * wave + 4 * first**2 * wave**2)


@pytest.mark.parametrize("method", METHODS)
def test_a_normal_spread_of_focus_damps_interference_like_a_gaussian(method: str) -> None:
    for sigma, error in ((20.0, 1e-11), (60.0, 1e-7), (120.0, 1e-4)):  # five points are exact for nine moments
        turn = 2 * math.pi * SLOPE
        expected = three_beams(math.exp(-((turn * sigma) ** 2) / 2) * math.cos(turn * 50.0))
        got = through(dry(POINT, focus_spread=FocusSpread.gaussian(sigma)), 50.0, method=method)
        assert np.abs(got - expected).max() < error


def test_a_scan_through_focus_damps_interference_like_a_sinc() -> None:
    for span, count, error in ((60.0, 5, 1e-11), (300.0, 5, 1e-7), (1500.0, 20, 1e-11)):
        expected = three_beams(np.sinc(SLOPE * span) * math.cos(2 * math.pi * SLOPE * 50.0))
        got = through(dry(POINT, focus_spread=FocusSpread.uniform(span, count)), 50.0)
        assert np.abs(got - expected).max() < error


def test_a_laser_line_spreads_the_focus_by_its_standard_deviation() -> None:
    sigma = 0.3 / math.sqrt(8 * math.log(2)) * 250.0
    assert FocusSpread.bandwidth(0.3, -250.0) == FocusSpread.gaussian(sigma)
    line = scipy.integrate.quad(lambda z: z * z * math.exp(-math.log(2) * (2 * z / 75.0) ** 2), -500, 500)[0]
    area = scipy.integrate.quad(lambda z: math.exp(-math.log(2) * (2 * z / 75.0) ** 2), -500, 500)[0]
    assert math.sqrt(line / area) == pytest.approx(sigma, rel=1e-9)


@pytest.mark.parametrize("polarization", [None, "tm"])
def test_a_spread_of_focus_is_the_weighted_mean_of_images(polarization: str | None, rng: np.random.Generator) -> None:
    spread = FocusSpread((-40.0, 10.0, 70.0), (1.0, 2.0, 0.5))
    lens = wet(Source.annular(0.5, 0.9), polarization=polarization, zernikes={7: 0.03})
    band = random_band(rng, lens, PERIOD)
    images = [abbe_image(band, lens, PERIOD, 15.0 + z, 0.25) for z in (-40.0, 10.0, 10.0, 70.0)]
    expected = (images[0] + 2 * images[1] + 0.5 * images[3]) / 3.5
    assert largest(abbe_image(band, replace(lens, focus_spread=spread), PERIOD, 15.0, 0.25) - expected) < 1e-13


# --- shaking and flare --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_vibration_is_a_convolution_with_a_gaussian(method: str) -> None:
    sigma = 25.0
    plain = spaces(dry(POINT), PITCH, WIDTH)
    got = through(dry(POINT, vibration_nm=sigma), method=method)
    for place, value in zip(X[::8], got[::8], strict=True):

        def weighted(u: float, at: float = place) -> float:
            return float(cut(plain, np.array([at - u]))[0]) * math.exp(-(u**2) / (2 * sigma**2))

        whole = scipy.integrate.quad(weighted, -8 * sigma, 8 * sigma, epsabs=1e-10)[0]
        assert value == pytest.approx(whole / (sigma * math.sqrt(2 * math.pi)), abs=1e-10)


def test_vibration_along_each_axis_damps_its_own_frequencies(rng: np.random.Generator) -> None:
    lens = wet(Source.annular(0.5, 0.9))
    band = random_band(rng, lens, PERIOD)
    plain, shaken = (
        harmonics(abbe_image(band, o, PERIOD, spacing=0.25)) for o in (lens, replace(lens, vibration_nm=(9.0, 4.0)))
    )
    fy, fx = (np.fft.ifftshift(np.arange(-(n // 2), n // 2 + 1)) / p for n, p in zip(plain.shape, PERIOD, strict=True))
    damping = np.exp(-2 * np.pi**2 * ((9.0 * fy[:, None]) ** 2 + (4.0 * fx) ** 2))
    assert np.abs(shaken - plain * damping).max() < 1e-15


@pytest.mark.parametrize("method", METHODS)
def test_constant_flare_adds_its_share_of_the_mean(method: str) -> None:
    plain = spaces(dry(POINT), PITCH, WIDTH)
    mean = float(harmonics(plain.half)[0, 0].real)
    got = through(dry(POINT, flare=0.08), method=method)
    assert np.abs(got - (0.92 * cut(plain, X) + 0.08 * mean)).max() < 1e-12


def test_flare_of_a_gaussian_point_spread_damps_and_keeps_the_light(rng: np.random.Generator) -> None:
    lens = wet(Source.annular(0.5, 0.9))
    band = random_band(rng, lens, PERIOD)
    terms = (Flare(0.05), Flare(0.1, 30.0), Flare(0.03, 400.0))
    plain, hazy = (harmonics(abbe_image(band, o, PERIOD, spacing=0.25)) for o in (lens, replace(lens, flare=terms)))
    fy, fx = (np.fft.ifftshift(np.arange(-(n // 2), n // 2 + 1)) / p for n, p in zip(plain.shape, PERIOD, strict=True))
    squared = fy[:, None] ** 2 + fx**2
    kept = 0.82 + 0.1 * np.exp(-2 * np.pi**2 * 900 * squared) + 0.03 * np.exp(-2 * np.pi**2 * 160e3 * squared)
    kept[0, 0] = 1.0
    assert np.abs(hazy - plain * kept).max() < 1e-14
    assert hazy[0, 0] == plain[0, 0]
    open_band = np.zeros_like(band)
    open_band[0, 0] = 1
    assert largest(abbe_image(open_band, replace(lens, flare=terms), PERIOD, spacing=0.25)) == pytest.approx(1)
