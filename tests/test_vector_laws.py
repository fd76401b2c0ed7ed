"""Polarised light: beams in closed form, a sum over turned rays, and what the states of light have to do with it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lines import at_points, cut, dry, harmonics, largest, mean_of, order, over_the_pitch, random_band, spaces, wet

from litho.abbe import abbe_image
from litho.backend import to_host
from litho.focus import Flare, FocusSpread
from litho.pupil import Optics
from litho.pupil_maps import JonesPupil, PupilMap
from litho.socs import image_band
from litho.source import Source
from litho.tcc import socs_kernels

ABERRATED = {5: 0.03, 7: -0.04, 9: 0.02, 11: 0.05}
POINTS = Source.points([(0.31, 0.22), (-0.4, 0.13), (0.0, 0.0), (-0.15, -0.6)], [1, 2, 0.5, 1.5])
PERIOD = (330.0, 290.0)
METHODS = ("abbe", "socs")


def image(band: np.ndarray, optics: Optics, defocus_nm: float = 0.0, spacing: float = 0.25, **more: Any) -> np.ndarray:
    return abbe_image(band, optics, PERIOD, defocus_nm, spacing, **more)


# --- beams in closed form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("defocus_nm", [0.0, 65.0])
@pytest.mark.parametrize(
    ("polarization", "contrast"),
    [
        (None, lambda turn: 1.0),
        ("te", lambda turn: 1.0),
        ("y", lambda turn: 1.0),
        ("tm", math.cos),
        ("x", math.cos),
        ("unpolarized", lambda turn: (1 + math.cos(turn)) / 2),
    ],
)
def test_two_beams_interfere_by_the_cosine_of_the_angle_between_their_fields(
    polarization: str | None, contrast: Any, defocus_nm: float, method: str
) -> None:
    pitch, width, center, first = 110.0, 47.0, 20.0, 0.83  # direction sines over NA of the zeroth order
    second = first - 193 / 1.35 / pitch
    optics = wet(Source.point(first, 0), polarization=polarization)
    angles = [math.asin(1.35 * s / 1.44) for s in (first, second)]
    paths = [defocus_nm / 193 * 1.44 * (1 - math.cos(angle)) for angle in angles]
    x = over_the_pitch(pitch)
    a, b = width / pitch, math.sin(math.pi * width / pitch) / math.pi
    swing = 2 * a * b * contrast(angles[0] - angles[1])
    expected = a**2 + b**2 + swing * np.cos(2 * np.pi * ((x - center) / pitch - paths[1] + paths[0]))
    got = cut(spaces(optics, pitch, width, center, method, defocus_nm=defocus_nm), x)
    assert np.abs(got - expected).max() < 1e-10


def test_tm_beams_at_90_degrees_do_not_interfere() -> None:
    sine = 1.44 * math.sin(math.pi / 4) / 1.35
    pitch = 193 / 1.35 / (2 * sine)
    for polarization, swing in (("tm", 0.0), ("te", 1.0), ("unpolarized", 0.5)):
        optics = wet(Source.point(sine, 0), polarization=polarization)
        got = cut(spaces(optics, pitch, pitch / 3), over_the_pitch(pitch))
        a, b = 1 / 3, math.sqrt(3) / (2 * math.pi)
        assert np.abs(got - (a**2 + b**2 + 2 * a * b * swing * np.cos(2 * np.pi * over_the_pitch(1.0)))).max() < 1e-12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("polarization", [None, "te", "tm", "unpolarized"])
def test_three_beams_have_a_field_along_the_axis_where_they_are_tm(polarization: str | None, method: str) -> None:
    pitch, width, defocus_nm = 160.0, 70.0, 40.0
    sine = 193 / 1.44 / pitch
    cosine = math.sqrt(1 - sine**2)
    x = over_the_pitch(pitch)
    first = order(1, pitch, width).real * np.exp(2j * np.pi * defocus_nm * 1.44 * (1 - cosine) / 193)
    wave, slope = np.cos(2 * np.pi * x / pitch), np.sin(2 * np.pi * x / pitch)
    te = np.abs(width / pitch + 2 * first * wave) ** 2
    tm = np.abs(width / pitch + 2 * first * cosine * wave) ** 2 + np.abs(2 * first * sine * slope) ** 2
    expected = {None: te, "te": te, "tm": tm, "unpolarized": (te + tm) / 2}[polarization]
    # te on the axis is y by convention, tm is x
    optics = wet(Source.point(), polarization=polarization)
    got = cut(spaces(optics, pitch, width, 0.0, method, defocus_nm=defocus_nm), x)
    assert np.abs(got - expected).max() < 1e-10


@pytest.mark.parametrize(("across", "along"), [("x", "y"), ("y", "x")])
def test_light_polarised_along_lines_is_te_and_across_them_tm(across: str, along: str) -> None:
    pitch, source = (
        120.0,
        {"x": Source.points([(0.5, 0), (-0.5, 0)]), "y": Source.points([(0, 0.5), (0, -0.5)])}[across],
    )
    images = {
        kind: cut(spaces(wet(source, polarization=kind), pitch, 55.0, axis=across), over_the_pitch(pitch), across)
        for kind in ("x", "y", "te", "tm")
    }
    scalar = cut(spaces(wet(source), pitch, 55.0, axis=across), over_the_pitch(pitch), across)
    assert np.abs(images["te"] - images[along]).max() < 1e-13
    assert np.abs(images["tm"] - images[across]).max() < 1e-13
    assert np.abs(images["te"] - scalar).max() < 1e-13
    assert np.ptp(images["tm"]) < 0.4 * np.ptp(images["te"])


@pytest.mark.parametrize(
    ("place", "te", "tm"), [((0.0, 0.0), "y", "x"), ((0.4, 0.0), "y", "x"), ((0.0, -0.4), "x", "y")]
)
def test_te_at_a_pole_is_across_its_radius(
    place: tuple[float, float], te: str, tm: str, rng: np.random.Generator
) -> None:
    pole = wet(Source.point(*place), zernikes=ABERRATED)
    band = random_band(rng, pole, PERIOD)
    images = {kind: image(band, replace(pole, polarization=kind), 30.0) for kind in ("x", "y", "te", "tm")}
    assert largest(images["te"] - images[te]) < 1e-13
    assert largest(images["tm"] - images[tm]) < 1e-13
    assert largest(images["te"] - images["tm"]) > 1e-2


# --- a sum over turned rays ---------------------------------------------------------------------------------------


def turned(field: np.ndarray, px: np.ndarray, py: np.ndarray, optics: Optics) -> np.ndarray:
    """Fields (ex, ey, 0), each turned as the axis is turned into its ray: Rodrigues' formula, (3, rays)."""
    k = np.stack([px, py, np.zeros_like(px)]) * optics.na / optics.immersion_index
    sine = np.hypot(k[0], k[1])
    axis = np.stack([-k[1], k[0], 0 * sine]) / np.where(sine > 0, sine, 1)
    whole, cosine = np.stack([*field, 0 * field[0]]), np.sqrt(1 - sine**2)
    crossed = np.cross(axis, whole, axis=0)
    return np.asarray(whole * cosine + crossed * sine + axis * (axis * whole).sum(axis=0) * (1 - cosine))


def sum_over_rays(
    band: np.ndarray, optics: Optics, light: Any, x: np.ndarray, y: np.ndarray, defocus_nm: float, lens: Any
) -> np.ndarray:
    """Intensity at points: each source point of `light` (weight, sx, sy, (ex, ey)) images with turned rays.

    `lens` takes pupil coordinates and gives the 2 by 2 matrices, (2, 2, rays), of its Jones pupil.
    """
    ky, kx = (np.fft.ifftshift(np.arange(-(n // 2), n // 2 + 1)) for n in band.shape)
    ky, kx, amplitude = (a.ravel() for a in (ky[:, None] + 0 * kx, kx + 0 * ky[:, None], band))
    waves = np.exp(2j * np.pi * (np.outer(x, kx) / PERIOD[1] + np.outer(y, ky) / PERIOD[0]))
    scale, total, clear = 193 / optics.na, 0.0, 0.0
    for weight, sx, sy, state in light:
        px, py = sx + kx * scale / PERIOD[1], sy + ky * scale / PERIOD[0]
        inside = np.hypot(px, py) <= 1
        px, py, r, t = (a[inside] for a in (px, py, np.hypot(px, py), np.arctan2(py, px)))
        waves_inside = waves[:, inside]
        path = defocus_nm / 193 * (1.44 - np.sqrt(1.44**2 - (optics.na * r) ** 2))
        path = path + 0.03 * r**2 * np.cos(2 * t) - 0.04 * (3 * r**3 - 2 * r) * np.cos(t)
        path = path + 0.02 * (6 * r**4 - 6 * r**2 + 1) + 0.05 * r**3 * np.sin(3 * t)
        matrix = lens(px, py)
        before = np.array([(matrix[i, 0] * state[0] + matrix[i, 1] * state[1]) for i in (0, 1)])
        field = turned(before, px, py, optics) * np.exp(2j * np.pi * path) * amplitude[inside]
        total = total + weight * (np.abs(field @ waves_inside.T) ** 2).sum(axis=0)
        zeroth = lens(np.array([sx]), np.array([sy]))[..., 0] @ np.array(state)
        clear += weight * float((np.abs(zeroth) ** 2).sum())
    return np.asarray(total / clear)


def rotator(px: np.ndarray, py: np.ndarray) -> np.ndarray:
    """Jones pupil, linear in the coordinates so that a map of few samples holds it exactly, neither even nor odd."""
    return np.array([[1 + 0.1 * px, 0.2 * py + 0.05j], [0.1j * px - 0.1, 0.9 - 0.2j * py + 0 * px]])


def states_of(kind: Any, sx: float, sy: float) -> list[tuple[float, tuple[complex, complex]]]:
    """Pure states of a source point with their shares of the light."""
    r = math.hypot(sx, sy)
    cosine, sine = (sx / r, sy / r) if r else (1.0, 0.0)
    e = {"x": (1, 0), "y": (0, 1), "te": (-sine, cosine), "tm": (cosine, sine), "unpolarized": (1, 0)}
    if kind == "unpolarized":
        return [(0.5, (0.6, 0.8j)), (0.5, (0.8j, 0.6))]  # any two that are orthogonal
    if kind == "partly te":
        return [(0.85, e["te"]), (0.15, e["tm"])]
    if kind.endswith("field"):  # elliptic, and different at every point
        size = math.sqrt((1 + sx) ** 2 + 0.25 + sy**2)
        ex, ey = (1 + sx) / size, complex(0.5, sy) / size
        return [(0.7, (ex, ey)), (0.3, (-ey.conjugate(), ex))] if kind == "part of a field" else [(1.0, (ex, ey))]
    return [(1.0, e[kind])]


@pytest.mark.parametrize("kind", ["x", "y", "te", "tm", "unpolarized", "partly te", "field", "part of a field"])
@pytest.mark.parametrize("jones", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_lens_turns_each_ray_with_its_field(kind: str, jones: bool, method: str, rng: np.random.Generator) -> None:
    more: dict[str, Any] = {"polarization": kind}
    if kind == "partly te":
        more = {"polarization": "te", "polarization_degree": 0.7}
    if kind.endswith("field"):
        maps = PupilMap.of(lambda x, y: 1 + x, 2), PupilMap.of(lambda x, y: complex(0.5, y), 2)
        more = {"polarization": maps, "polarization_degree": 0.4 if kind == "part of a field" else 1.0}
    if jones:
        corners = [[rotator(np.array(x), np.array(y)) for x in (-1.0, 1.0)] for y in (-1.0, 1.0)]
        elements = np.moveaxis(np.array(corners), (2, 3), (0, 1))
        more["jones"] = JonesPupil(*(PupilMap.samples(elements[i, j]) for i in (0, 1) for j in (0, 1)))
    optics = wet(POINTS, zernikes=ABERRATED, **more)
    band = random_band(rng, optics, PERIOD)
    dots = zip([(0.31, 0.22), (-0.4, 0.13), (0.0, 0.0), (-0.15, -0.6)], [0.2, 0.4, 0.1, 0.3], strict=True)
    light = [(w * share, *xy, state) for xy, w in dots for share, state in states_of(kind, *xy)]
    x, y = rng.random((2, 25)) * 500
    lens = rotator if jones else lambda px, py: np.eye(2)[:, :, None] + 0 * px
    expected = sum_over_rays(band, optics, light, x, y, 45.0, lens)
    if method == "abbe":
        half = abbe_image(band, optics, PERIOD, 45.0)
    else:
        half, _ = image_band(band, socs_kernels(optics, PERIOD, 45.0, max_error=0))
    assert np.abs(at_points(half, PERIOD, x, y) - expected).max() < 1e-12


@pytest.mark.parametrize(("spacing", "error"), [(None, 1e-4), (0.002, 1e-6)])
@pytest.mark.parametrize("kind", ["x", "te", "tm", "unpolarized"])
def test_a_disc_of_polarised_light_is_the_integral_over_its_points(
    kind: str, spacing: float | None, error: float
) -> None:
    # all of the source passes in three orders and nothing of it in others: smooth along radii and around
    sigma, pitch, width, defocus_nm = 0.3, 215.0, 80.0, 40.0
    lens, x = wet(Source.conventional(sigma), polarization=kind), over_the_pitch(pitch)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    radii, numbers, expected = sigma * (nodes + 1) / 2, np.arange(-1, 2), 0.0
    for r, w in zip(radii, weights * radii / (weights * radii).sum(), strict=True):
        for angle in (np.arange(32) + 0.5) * (2 * np.pi / 32):
            sx, sy = r * math.cos(angle), r * math.sin(angle)
            px, py = sx + numbers * 193 / 1.35 / pitch, np.full(3, sy)
            path = defocus_nm / 193 * (1.44 - np.sqrt(1.44**2 - 1.35**2 * (px**2 + py**2)))
            beams = np.array([order(k, pitch, width) for k in numbers]) * np.exp(2j * np.pi * path)
            waves = np.exp(2j * np.pi * np.outer(numbers, x) / pitch)
            for share, (ex, ey) in states_of(kind, sx, sy):
                field = turned(np.array([ex + 0 * px, ey + 0 * px]), px, py, lens) * beams
                expected = expected + w / 32 * share * (np.abs(field @ waves) ** 2).sum(axis=0)
    got = cut(spaces(lens, pitch, width, defocus_nm=defocus_nm, spacing=spacing), x)
    assert np.abs(got - expected).max() < error


# --- states of light ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [POINTS, Source.annular(0.5, 0.9)])
def test_unpolarised_light_is_the_mean_of_any_two_orthogonal_states(source: Source, rng: np.random.Generator) -> None:
    optics = wet(source, zernikes=ABERRATED)
    band = random_band(rng, optics, PERIOD)
    images = {kind: image(band, replace(optics, polarization=kind), 50.0) for kind in ("x", "y", "te", "tm")}
    unpolarised = image(band, replace(optics, polarization="unpolarized"), 50.0)
    assert largest(mean_of([images["x"], images["y"]]) - unpolarised) < 1e-13
    assert largest(mean_of([images["te"], images["tm"]]) - unpolarised) < 1e-13
    assert largest(images["te"] - images["tm"]) > 1e-2


def test_an_image_is_linear_in_the_degree_of_polarisation(rng: np.random.Generator) -> None:
    source = Source.annular(0.5, 0.9)
    band = random_band(rng, wet(source), PERIOD)
    none, some, all_of_it = (image(band, wet(source, polarization="te", polarization_degree=d)) for d in (0, 0.3, 1))
    assert largest(0.7 * none + 0.3 * all_of_it - some) < 1e-13
    assert largest(none - image(band, wet(source, polarization="unpolarized"))) < 1e-13


def test_at_low_aperture_polarised_light_images_like_scalar_light(rng: np.random.Generator) -> None:
    source, differences = Source.annular(0.5, 0.9), []
    band = random_band(rng, dry(source, na=0.01), (28e3, 25e3))
    for na in (0.01, 0.005):  # the same number of orders: all lengths are in units of wavelength / NA
        period = (28e3 * 0.01 / na, 25e3 * 0.01 / na)
        images = [
            abbe_image(band, dry(source, na=na, polarization=kind), period, spacing=0.2) for kind in (None, "x", "tm")
        ]
        differences.append([largest(each - images[0]) for each in images[1:]])
    assert max(differences[0]) < 0.01**2
    assert np.allclose(np.array(differences[0]) / differences[1], 4, rtol=1e-3)  # it falls with the square of NA


@pytest.mark.parametrize("polarization", ["x", "te", "unpolarized"])
def test_turning_a_field_keeps_its_energy(polarization: str, rng: np.random.Generator) -> None:
    optics = wet(POINTS, zernikes=ABERRATED, polarization=polarization)
    band = random_band(rng, optics, PERIOD)
    scalar, vector = (image(band, replace(optics, polarization=kind), 30.0)[0, 0] for kind in (None, polarization))
    assert abs(scalar - vector) < 1e-14 and abs(vector) > 0.1


def test_a_real_mask_images_alike_on_both_sides_of_focus_in_polarised_light() -> None:
    for kind in ("te", "tm", "x", "unpolarized"):
        optics = wet(Source.annular(0.4, 0.8), polarization=kind)
        before, focus, after = (
            cut(spaces(optics, 260.0, 90.0, defocus_nm=z, spacing=0.2), over_the_pitch(260.0)) for z in (-60, 0, 60)
        )
        assert np.abs(before - after).max() < 1e-13 and np.abs(before - focus).max() > 1e-2


# --- lenses that change polarisation ------------------------------------------------------------------------------


def test_a_lens_that_rotates_by_90_degrees_makes_y_of_x(rng: np.random.Generator) -> None:
    source = Source.annular(0.5, 0.9)
    band = random_band(rng, wet(source), PERIOD)
    rotated = JonesPupil.constant([[0, -1], [1, 0]])
    for before, after in (("x", "y"), ("y", "x"), ("te", "tm"), ("tm", "te"), ("unpolarized", "unpolarized")):
        with_it = image(band, wet(source, polarization=before, jones=rotated))
        assert largest(with_it - image(band, wet(source, polarization=after))) < 1e-13


def test_a_half_wave_plate_makes_te_of_tm_on_the_diagonals(rng: np.random.Generator) -> None:
    source = Source.points([(0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5)])
    band = random_band(rng, wet(source), PERIOD)
    plate = JonesPupil.constant([[1j, 0], [0, -1j]])
    turned_field = image(band, wet(source, polarization="tm", jones=plate))
    assert largest(turned_field - image(band, wet(source, polarization="te"))) < 1e-13


def test_a_polariser_leaves_one_state_of_unpolarised_light(rng: np.random.Generator) -> None:
    source = Source.annular(0.5, 0.9)
    band = random_band(rng, wet(source), PERIOD)
    polariser = JonesPupil.constant([[0, 0], [0, 0.6]])  # what it absorbs is absorbed of the clear field too
    through = image(band, wet(source, polarization="unpolarized", jones=polariser))
    assert largest(through - image(band, wet(source, polarization="y"))) < 1e-13


def test_a_lens_that_treats_all_fields_alike_is_a_pupil_map(rng: np.random.Generator) -> None:
    source, amplitude = Source.annular(0.5, 0.9), PupilMap.of(lambda x, y: 0.8 + 0.1 * x + 0.1j * y, 2)
    band = random_band(rng, wet(source), PERIOD)
    jones = JonesPupil(amplitude, PupilMap.constant(0), PupilMap.constant(0), amplitude)
    for kind in ("te", "unpolarized"):
        as_map, as_jones = ({"pupil_map": amplitude}, {"jones": jones})
        images = [image(band, wet(source, polarization=kind, **more), 40.0) for more in (as_map, as_jones)]
        assert largest(images[0] - images[1]) < 1e-13


# --- kernels ------------------------------------------------------------------------------------------------------

EVEN, ODD = {5: 0.03, 9: 0.04}, {7: 0.03, 11: 0.02}
JONES = JonesPupil.constant([[1, 0.1j], [-0.1, 0.9]])
SYSTEMS: dict[str, dict[str, Any]] = {
    "scalar": {},
    "te": {"polarization": "te"},
    "tm, coma": {"polarization": "tm", "zernikes": ODD},
    "partly x": {"polarization": "x", "polarization_degree": 0.6, "zernikes": EVEN},
    "unpolarised": {"polarization": "unpolarized", "zernikes": EVEN | ODD},
    "focus spread": {"polarization": "y", "focus_spread": FocusSpread.gaussian(30.0)},
    "obscuration": {"obscuration": 0.25, "zernikes": EVEN},
    "obscuration, te": {"polarization": "te", "obscuration": 0.3, "zernikes": ODD},
    "flare and vibration": {"flare": (Flare(0.03), Flare(0.05, 200.0)), "vibration_nm": (4.0, 7.0)},
    "jones pupil": {"polarization": "te", "jones": JONES, "zernikes": EVEN},
    "jones field": {"polarization": (PupilMap.of(lambda x, y: 1 + x, 2), PupilMap.of(lambda x, y: 0.3 + 1j * y, 2))},
    "pupil map": {"pupil_map": PupilMap.of(lambda x, y: 0.9 + 0.1 * x**2 + 0.05j * y, 3), "radiometric": True},
    "paraxial": {"polarization": "tm", "defocus_model": "paraxial", "radiometric": True},
}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("source", [Source.annular(0.5, 0.9), Source.dipole(0.6, 0.2, "y"), POINTS])
def test_all_kernels_equal_the_sum_over_source_points(name: str, source: Source, rng: np.random.Generator) -> None:
    optics = wet(source, **SYSTEMS[name])
    band = random_band(rng, optics, PERIOD)
    kernels = socs_kernels(optics, PERIOD, 35.0, max_error=0, spacing=0.25)
    by_kernels, _ = image_band(band, kernels)
    assert largest(by_kernels - image(band, optics, 35.0)) < 1e-12
    assert abs(harmonics(by_kernels)[0, 0]) > 0.1


@pytest.mark.parametrize("name", ["unpolarised", "jones pupil", "jones field", "focus spread", "pupil map"])
def test_polarised_images_keep_precision_and_library(name: str, rng: np.random.Generator, xp: Any) -> None:
    optics = wet(Source.annular(0.5, 0.9), **SYSTEMS[name])
    band = random_band(rng, optics, PERIOD)
    expected = image(band, optics, 35.0)
    for dtype, error in ((np.complex128, 1e-13), (np.complex64, 3e-6)):
        got = image(xp(band.astype(dtype)), optics, 35.0)
        assert to_host(got).dtype == dtype and largest(to_host(got) - expected) < error
