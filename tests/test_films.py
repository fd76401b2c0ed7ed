"""Thin films: the laws of Fresnel, Brewster, Airy, and Maxwell's equations at interfaces."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from film_stacks import IMMERSION, STACKS, TRANSVERSE, WATER, WAVELENGTH

from litho.backend import to_host
from litho.films import (
    Film,
    Stack,
    absorptance,
    reflectance,
    reflection,
    stack_fields,
    transmittance,
)


def boundary_values(
    stack: Stack, incident: complex, transverse: float, polarization: str
) -> tuple[list[complex], np.ndarray, list[float]]:
    """Amplitudes of |E| in every medium, from one system of equations: both tangential fields match at interfaces.

    Returns kz, amplitudes (media, 2) of the wave down at the top of each medium and of that up at its bottom, tops.
    """
    n = [complex(incident), *(f.index for f in stack.films), stack.substrate]
    kz = [np.sqrt(m**2 - transverse**2 + 0j) for m in n]
    phase = [
        1.0,
        *(np.exp(2j * np.pi / WAVELENGTH * f.thickness_nm * k) for f, k in zip(stack.films, kz[1:], strict=False)),
    ]

    def tangential(medium: int) -> np.ndarray:  # (electric, magnetic) x (down, up)
        k, m = kz[medium], n[medium]
        return np.array([[1, 1], [k, -k]] if polarization == "s" else [[k / m, k / m], [m, -m]])

    media = len(n)
    system, right = np.zeros((2 * media, 2 * media), complex), np.zeros(2 * media, complex)
    for i in range(media - 1):
        above = tangential(i) * [phase[i], 1] if i else tangential(i)
        below = tangential(i + 1) * [1, phase[i + 1] if i + 2 < media else 1]
        system[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = above
        system[2 * i : 2 * i + 2, 2 * i + 2 : 2 * i + 4] = -below
    system[-2, 0], right[-2] = 1, 1  # the arriving wave
    system[-1, -1] = 1  # nothing comes from below
    tops = [0.0, *np.cumsum([f.thickness_nm for f in stack.films])]
    return kz, np.linalg.solve(system, right).reshape(media, 2), tops


def boundary_fields(
    stack: Stack, incident: complex, transverse: float, depth: float
) -> tuple[complex, complex, complex]:
    """What `stack_fields` computes, from `boundary_values`."""
    n = [complex(incident), *(f.index for f in stack.films), stack.substrate]
    k0, parts = 2 * np.pi / WAVELENGTH, []
    for polarization in "sp":
        kz, amplitudes, tops = boundary_values(stack, incident, transverse, polarization)
        medium = sum(depth >= top for top in tops)
        top = tops[max(medium - 1, 0)]
        bottom = tops[medium] if medium < len(tops) else top
        down = amplitudes[medium, 0] * np.exp(1j * k0 * kz[medium] * (depth - top))
        up = amplitudes[medium, 1] * np.exp(1j * k0 * kz[medium] * (bottom - depth))
        parts.append((down, up, kz[medium], n[medium]))
    (s_down, s_up, _, _), (down, up, k, m) = parts
    return s_down + s_up, k / m * (down + up), -transverse / m * (down - up)


# --- one interface ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [1.5, 0.8, 0.9 + 2.8j])
def test_one_interface_reflects_as_fresnel_says(index: complex, xp: Any) -> None:
    angle = np.radians(np.linspace(0, 89, 40))
    cosine = np.sqrt(1 - (WATER * np.sin(angle) / index + 0j) ** 2)
    s = (WATER * np.cos(angle) - index * cosine) / (WATER * np.cos(angle) + index * cosine)
    p = (index * np.cos(angle) - WATER * cosine) / (index * np.cos(angle) + WATER * cosine)  # Born & Wolf's sign
    transverse = xp(WATER * np.sin(angle))
    for polarization, expected in (("s", s), ("p", -p)):
        got = to_host(reflection(Stack((), index), WAVELENGTH, WATER, transverse, polarization))
        assert np.abs(got - expected).max() < 2e-14


def test_at_brewsters_angle_no_p_wave_is_reflected() -> None:
    angle = math.atan(1.5 / 1.0)
    assert reflectance(Stack((), 1.5), WAVELENGTH, 1.0, np.array([math.sin(angle)]), "p")[0] < 1e-30


def test_total_reflection_has_the_phases_of_the_textbook() -> None:
    angle = np.radians(np.linspace(45, 89, 23))
    ratio, transverse = 1 / 1.5, 1.5 * np.sin(angle)
    s, p = (reflection(Stack((), 1.0), WAVELENGTH, 1.5, transverse, name) for name in "sp")
    root = np.sqrt(np.sin(angle) ** 2 - ratio**2)  # Born & Wolf, 7th ed., sec. 1.5.4
    assert np.abs(s - np.exp(-2j * np.arctan(root / np.cos(angle)))).max() < 1e-13
    assert np.abs(-p - np.exp(-2j * np.arctan(root / (ratio**2 * np.cos(angle))))).max() < 1e-13
    assert np.abs(transmittance(Stack((), 1.0), WAVELENGTH, 1.5, transverse, "p")).max() < 1e-15


def test_a_grazing_wave_is_reflected_entirely() -> None:
    for polarization in "sp":
        assert reflectance(IMMERSION, WAVELENGTH, WATER, np.array([WATER]), polarization)[0] == pytest.approx(
            1, abs=1e-15
        )
    assert all(
        np.isfinite(f).all() for f in stack_fields(IMMERSION, WAVELENGTH, WATER, np.array([WATER, 1.5]), [-9, 9])
    )


# --- films --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polarization", ["s", "p"])
def test_one_film_reflects_as_airy_says(polarization: str) -> None:
    index, substrate, angle = 1.7, 2.3, np.radians(np.linspace(0, 85, 30))
    transverse = np.sin(angle)
    films = [(n, np.sqrt(n**2 - transverse**2)) for n in (1.0, index, substrate)]
    q = [k if polarization == "s" else k / n**2 for n, k in films]
    r1, r2 = ((a - b) / (a + b) for a, b in itertools.pairwise(q))
    for thickness in (3.0, 60.0, 911.0):
        turn = 2 * 2 * np.pi / WAVELENGTH * thickness * films[1][1]
        expected = (r1**2 + r2**2 + 2 * r1 * r2 * np.cos(turn)) / (1 + (r1 * r2) ** 2 + 2 * r1 * r2 * np.cos(turn))
        stack = Stack((Film(thickness, index),), substrate)
        assert np.abs(reflectance(stack, WAVELENGTH, 1.0, transverse, polarization) - expected).max() < 1e-13


@pytest.mark.parametrize("polarization", ["s", "p"])
def test_a_half_wave_film_is_absent(polarization: str) -> None:
    transverse = np.array([0.0, 0.4, 0.93])
    for t in transverse:
        half_wave = WAVELENGTH / (2 * math.sqrt(1.7**2 - t**2))
        stack, one = Stack((Film(3 * half_wave, 1.7),), 0.9 + 2.8j), np.array([t])
        without, got = (reflection(x, WAVELENGTH, 1.0, one, polarization)[0] for x in (Stack((), 0.9 + 2.8j), stack))
        assert abs(got - without) < 1e-14


def test_a_quarter_wave_film_of_the_mean_index_reflects_nothing() -> None:
    index = math.sqrt(1.44 * 2.25)
    stack = Stack((Film(WAVELENGTH / (4 * index), index),), 2.25)
    assert reflectance(stack, WAVELENGTH, 1.44, np.zeros(1), "s")[0] < 1e-30


@pytest.mark.parametrize("pairs", [1, 4, 30])
def test_a_quarter_wave_mirror_reflects_as_its_closed_form_says(pairs: int) -> None:
    high, low, substrate = 2.3, 1.46, 1.52
    films = (Film(WAVELENGTH / 4 / high, high), Film(WAVELENGTH / 4 / low, low)) * pairs
    admittance = (high / low) ** (2 * pairs) * substrate
    expected, loss = ((1 - admittance) / (1 + admittance)) ** 2, 4 * admittance / (1 + admittance) ** 2
    for polarization in "sp":
        arguments = Stack(films, substrate), WAVELENGTH, 1.0, np.zeros(1), polarization
        assert reflectance(*arguments)[0] == pytest.approx(expected, abs=1e-14)
        assert transmittance(*arguments)[0] == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("transverse", [1.0, 1.0 + 1e-9, 1.0 - 1e-9, 1.0001, 1.2, 1.49])
def test_a_gap_lets_a_wave_tunnel_as_its_closed_form_says(transverse: float) -> None:
    gap, k0 = 80.0, 2 * math.pi / WAVELENGTH
    inside, fade = math.sqrt(2.25 - transverse**2), k0 * gap * np.sqrt(transverse**2 - 1 + 0j)
    ratio = (k0 * gap * np.sinh(fade) / fade if fade else k0 * gap).real
    for polarization, weight in (("s", 1.0), ("p", 2.25)):
        q, square = inside / weight, 1 - transverse**2  # q^2 of the gap
        expected = 1 / (1 + ((q**2 - square) / (2 * q) * ratio) ** 2)
        got = transmittance(Stack((Film(gap, 1.0),), 1.5), WAVELENGTH, 1.5, np.array([transverse]), polarization)[0]
        assert got == pytest.approx(expected, rel=1e-11)


def test_films_of_the_surrounding_index_leave_a_plane_wave() -> None:
    stack = Stack((Film(30.0, WATER), Film(80.0, WATER)), WATER)
    transverse, depths = np.linspace(0, 1.4, 8), np.array([-50.0, 0, 10, 30, 70, 200])
    cosine = np.sqrt(1 - (transverse / WATER) ** 2)[:, None]
    wave = np.exp(2j * np.pi / WAVELENGTH * WATER * cosine * depths)
    s, along, normal = stack_fields(stack, WAVELENGTH, WATER, transverse, depths)
    assert np.abs(s - wave).max() < 1e-14
    assert np.abs(along - cosine * wave).max() < 1e-14
    assert np.abs(normal + transverse[:, None] / WATER * wave).max() < 1e-14


def test_two_films_of_one_index_are_one_film_and_a_thick_absorber_is_a_substrate() -> None:
    depths = [-3.0, 0.0, 20.0, 95.0, 180.0, 260.0]
    split = Stack((Film(90.0, 1.55), Film(1.0, 1.7 + 0.02j), Film(99.0, 1.7 + 0.02j), IMMERSION.films[2]), 0.9 + 2.8j)
    buried = Stack((*IMMERSION.films, Film(1e6, 0.9 + 2.8j), Film(10.0, 3.0)), 1.0)
    expected = stack_fields(IMMERSION, WAVELENGTH, WATER, TRANSVERSE, depths)
    for stack in (split, buried):
        for a, b in zip(stack_fields(stack, WAVELENGTH, WATER, TRANSVERSE, depths), expected, strict=True):
            assert np.abs(a - b).max() < 1e-13


def test_wavelength_and_thicknesses_scale_together() -> None:
    scaled = Stack(tuple(Film(2.5 * f.thickness_nm, f.index) for f in IMMERSION.films), IMMERSION.substrate)
    for polarization in "sp":
        a = reflection(IMMERSION, WAVELENGTH, WATER, TRANSVERSE, polarization)
        b = reflection(scaled, 2.5 * WAVELENGTH, WATER, TRANSVERSE, polarization)
        assert np.abs(a - b).max() < 1e-14


# --- fields -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STACKS)
def test_fields_solve_the_boundary_value_problem(name: str, xp: Any) -> None:
    stack = STACKS[name]
    depths = [-170.0, -1.0, *np.linspace(0, stack.thickness_nm + 60, 21)]
    transverse = TRANSVERSE[np.abs(TRANSVERSE - 1.0) > 0]  # the amplitudes of the reference are infinite there
    got = [to_host(f) for f in stack_fields(stack, WAVELENGTH, WATER, xp(transverse), depths)]
    expected = [[boundary_fields(stack, WATER, float(t), z) for z in depths] for t in transverse]
    assert np.abs(np.moveaxis(np.array(got), 0, -1) - np.array(expected)).max() < 1e-12


@pytest.mark.parametrize("name", STACKS)
def test_tangential_fields_are_continuous_and_the_normal_one_jumps_with_the_permittivity(name: str) -> None:
    stack = STACKS[name]
    indices = [WATER, *(f.index for f in stack.films), stack.substrate]
    k0, h = 2 * np.pi / WAVELENGTH, 7.0
    for number, top in enumerate(stack.tops_nm):
        over = np.nextafter(top, -np.inf) if top else -1e-300
        depths = [over, top, over - h, top + h]
        s, along, normal = stack_fields(stack, WAVELENGTH, WATER, TRANSVERSE, depths)
        for field in (s, along):
            assert np.abs(field[:, 0] - field[:, 1]).max() < 1e-13
        above, below = indices[number], indices[number + 1]
        assert np.abs(above**2 * normal[:, 0] - below**2 * normal[:, 1]).max() < 1e-12
        slopes = []  # of s, the tangential magnetic field, from two points of a sum of exp(+-i k0 kz z)
        for n, here, there, step in ((above, s[:, 0], s[:, 2], -h), (below, s[:, 1], s[:, 3], h)):
            k = k0 * np.sqrt(n**2 - TRANSVERSE**2 + 0j)
            turn = np.where(k == 0, 1, k)
            slopes.append((there - here * np.cos(k * step)) / np.where(k == 0, step, np.sin(turn * step) / turn) / k0)
        assert np.abs(slopes[0] - slopes[1]).max() < 1e-12


@pytest.mark.parametrize("name", STACKS)
def test_p_waves_have_no_divergence_and_obey_the_wave_equation(name: str) -> None:
    stack, h = STACKS[name], 0.05
    indices = [WATER, *(f.index for f in stack.films), stack.substrate]
    for number in range(len(indices)):
        z = [-20.0, *(top + 8 for top in stack.tops_nm)][number]
        s, along, normal = stack_fields(stack, WAVELENGTH, WATER, TRANSVERSE, [z - h, z, z + h])
        k = 2 * np.pi / WAVELENGTH * np.sqrt(indices[number] ** 2 - TRANSVERSE**2 + 0j)
        for field in (s, along, normal):
            assert np.abs(field[:, 0] + field[:, 2] - 2 * np.cos(k * h) * field[:, 1]).max() < 1e-13
        slope = (normal[:, 2] - normal[:, 0]) / (2 * h) / np.sinc(k * h / np.pi)
        assert np.abs(slope + 2j * np.pi / WAVELENGTH * TRANSVERSE * along[:, 1]).max() < 1e-13


def test_above_the_stack_the_arriving_and_the_reflected_wave_add_up() -> None:
    depths = np.array([-400.0, -33.0, -0.5])
    k = 2 * np.pi / WAVELENGTH * np.sqrt(WATER**2 - TRANSVERSE**2)[:, None]
    down, up = np.exp(1j * k * depths), np.exp(-1j * k * depths)
    r = {name: reflection(IMMERSION, WAVELENGTH, WATER, TRANSVERSE, name)[:, None] for name in "sp"}
    s, along, normal = stack_fields(IMMERSION, WAVELENGTH, WATER, TRANSVERSE, depths)
    cosine, sine = np.sqrt(1 - (TRANSVERSE / WATER) ** 2)[:, None], TRANSVERSE[:, None] / WATER
    assert np.abs(s - down - r["s"] * up).max() < 1e-13
    assert np.abs(along - cosine * (down + r["p"] * up)).max() < 1e-13
    assert np.abs(normal + sine * (down - r["p"] * up)).max() < 1e-13


def test_at_normal_incidence_s_and_p_are_one() -> None:
    s, along, normal = stack_fields(IMMERSION, WAVELENGTH, WATER, np.zeros(1), np.linspace(-50, 300, 36))
    assert np.abs(s - along).max() < 1e-15 * 10
    assert np.abs(normal).max() == 0


def test_fields_keep_shape_and_precision(xp: Any) -> None:
    transverse = np.linspace(0, 1.3, 6).reshape(2, 3)
    wide = stack_fields(IMMERSION, WAVELENGTH, WATER, xp(transverse), [10.0, 120.0])
    narrow = stack_fields(IMMERSION, WAVELENGTH, WATER, xp(transverse.astype(np.float32)), [10.0, 120.0])
    for a, b in zip(wide, narrow, strict=True):
        assert a.shape == (2, 3, 2)
        assert str(b.dtype).endswith("complex64")
        assert np.abs(to_host(a) - to_host(b)).max() < 1e-6
    shares = absorptance(IMMERSION, WAVELENGTH, WATER, xp(transverse), "p")
    assert shares.shape == (2, 3, 3)
    stack = Stack((Film(np.float64(90), np.complex128(1.7)),), np.float32(1.5))  # NumPy's numbers are numbers
    assert reflectance(stack, np.float64(193), np.float64(WATER), xp(transverse), "p").shape == (2, 3)
    assert stack_fields(stack, np.float64(193), np.float64(WATER), xp(transverse), np.ones(1))[2].shape == (2, 3, 1)
    assert absorptance(Stack((), 1.5), WAVELENGTH, WATER, xp(transverse), "p").shape == (2, 3, 0)


def test_a_resist_may_be_numbered_by_any_whole_number() -> None:
    stack = Stack(IMMERSION.films, IMMERSION.substrate, resist=np.int64(1))  # type: ignore[arg-type]
    assert stack == IMMERSION and Stack(IMMERSION.films, IMMERSION.substrate, 1.0).resist_film is IMMERSION.films[1]  # type: ignore[arg-type]


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Film(0.0, 1.7), r"`thickness_nm` must be a positive number, but got 0.0"),
        (lambda: Film(math.inf, 1.7), r"`thickness_nm` must be a positive number, but got inf"),
        (lambda: Film("a", 1.5), r"`thickness_nm` must be a positive number, but got a"),  # type: ignore[arg-type]
        (lambda: Film(10.0, 1.7 - 0.1j), r"`index` must be a refractive index n \+ i k with n > 0 and k >= 0, but got"),
        (lambda: Stack((Film(10.0, 1.7),), None), r"`substrate` must be a refractive index .* but got None"),
        (lambda: Stack((Film(10.0, 1.7),), 1.5, resist=1), r"`resist` must be the number of one of 1 films, but got 1"),
        (
            lambda: Stack((Film(10.0, 1.7),), 1.5, resist=-1),
            r"`resist` must be the number of one of 1 films, but got -1",
        ),
        (lambda: Stack((1.7,), 1.5), r"`films` must hold films, but got 1.7"),
        (lambda: Stack((), 1.5).resist_film, r"`films` must hold the resist, but got a bare substrate"),
        (lambda: IMMERSION.with_thickness(3, 10.0), r"`film` must be the number of one of 3 films, but got 3"),
        (
            lambda: stack_fields(IMMERSION, 0.0, 1.0, np.zeros(1), [0]),
            r"`wavelength_nm` must be a positive number, but",
        ),
        (lambda: stack_fields(IMMERSION, 193, -1.0, np.zeros(1), [0]), r"`incident_index` must be a refractive index"),
        (lambda: stack_fields(IMMERSION, 193, 1.0, np.zeros(1), []), r"`depth_nm` must be one or more finite depths"),
        (lambda: stack_fields(IMMERSION, 193, 1.0, np.zeros(1, int), [0]), r"`transverse` must be an array of real"),
        (lambda: reflectance(IMMERSION, 193, 1.0, np.zeros(1), "x"), r"`polarization` must be 's' or 'p', but got 'x'"),
        (lambda: IMMERSION.with_thickness(-1, 10.0), r"`film` must be the number of one of 3 films, but got -1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
