"""Standing waves, swing curves, antireflective coatings and EUV mirrors against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.euv_mirror import CAP, MOLYBDENUM, RUTHENIUM, SILICA, SILICON, multilayer
from litho.film_curves import best_thickness, bottom_reflectance, reflectance_spectrum, standing_wave, swing_curve
from litho.films import Film, Stack, absorptance, reflectance, reflection, transmittance

WAVELENGTH = 193.0
TRANSVERSE = np.array([0.0, 0.5, 0.93])


# --- standing waves -----------------------------------------------------------------------------------------------


def test_a_standing_wave_has_the_period_of_half_a_wavelength_in_the_resist(xp: Any) -> None:
    index, depths = 1.7, np.linspace(5, 300, 20)
    stack = Stack((Film(1000.0, index),), 0.9 + 2.8j)
    for t in (0.0, 0.5, 0.93):
        period = WAVELENGTH / (2 * math.sqrt(index**2 - t**2))  # wavelength / (2 n cos theta)
        every = [depths, depths + period / 2, depths + period]
        curves = [to_host(standing_wave(stack, WAVELENGTH, 1.0, xp(np.array([t])), z, "s"))[0] for z in every]
        assert np.abs(curves[2] - curves[0]).max() < 1e-12
        assert np.ptp(curves[0] + curves[1]) < 1e-12


def test_standing_waves_have_the_contrast_of_the_reflection_under_the_resist() -> None:
    stack = Stack((Film(500.0, 1.7), Film(30.0, 1.8 + 0.4j)), 0.9 + 2.8j)
    depths = np.linspace(200, 320, 2401)
    for t in TRANSVERSE:
        r = math.sqrt(bottom_reflectance(stack, WAVELENGTH, np.array([t]), "s")[0])
        intensity = standing_wave(stack, WAVELENGTH, 1.0, np.array([t]), depths, "s")[0]
        contrast = np.ptp(intensity) / (intensity.max() + intensity.min())
        assert contrast == pytest.approx(2 * r / (1 + r**2), abs=1e-5)  # samples every 0.05 nm


def test_a_perfect_mirror_has_a_node_every_half_wavelength_above_it() -> None:
    mirror = Stack((Film(300.0, 1.7),), 1e-9 + 1e9j)
    nodes = 300 - WAVELENGTH / (2 * 1.7) * np.arange(5)
    assert standing_wave(mirror, WAVELENGTH, 1.0, np.zeros(1), nodes - 1e-9, "s").max() < 1e-15


def test_a_matched_resist_falls_off_as_beer_says() -> None:
    index, depths = 1.7 + 0.03j, np.linspace(0, 400, 17)
    matched = Stack((Film(400.0, index),), index)
    expected = abs(2 / (1 + index)) ** 2 * np.exp(-4 * np.pi * 0.03 / WAVELENGTH * depths)
    for polarization in "sp":
        got = standing_wave(matched, WAVELENGTH, 1.0, np.zeros(1), depths, polarization)[0]
        assert np.abs(got - expected).max() < 1e-15


# --- swing curves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polarization", ["s", "p"])
def test_reflectance_swings_with_half_a_wavelength_in_the_resist(polarization: str, xp: Any) -> None:
    stack, thicknesses = Stack((Film(1.0, 1.7), Film(30.0, 1.8 + 0.4j)), 0.9 + 2.8j), np.linspace(50, 400, 8)
    for t in (0.0, 0.5, 0.93):
        period = WAVELENGTH / (2 * math.sqrt(1.7**2 - t**2))
        one = xp(np.array([t]))
        first, second, third = (
            to_host(swing_curve(stack, WAVELENGTH, 1.0, one, thicknesses + shift, polarization)[1])
            for shift in (0.0, period, 7 * period)
        )
        assert np.abs(second - first).max() < 1e-12
        assert np.abs(third - first).max() < 1e-12
        assert np.ptp(first) > 0.05


def test_the_energy_of_a_swing_curve_is_what_the_resist_absorbs() -> None:
    stack = Stack((Film(40.0, 1.55), Film(1.0, 1.7 + 0.02j), Film(30.0, 1.8 + 0.4j)), 0.9 + 2.8j, resist=1)
    thicknesses = np.linspace(80, 200, 9)
    for polarization in "sp":
        energy, reflected = swing_curve(stack, WAVELENGTH, 1.0, TRANSVERSE, thicknesses, polarization)
        for i, thickness in enumerate(thicknesses):
            arguments = stack.with_thickness(1, thickness), WAVELENGTH, 1.0, TRANSVERSE, polarization
            shares = absorptance(*arguments)
            rest = 1 - reflected[:, i] - transmittance(*arguments) - shares[:, 0] - shares[:, 2]
            absorption = 2 * np.pi / WAVELENGTH * 2 * 1.7 * 0.02 * thickness / np.sqrt(1 - TRANSVERSE**2)
            assert np.abs(absorption * energy[:, i] - rest).max() < 1e-13


def test_the_swing_ratio_is_brunners_where_reflections_are_weak() -> None:
    # Brunner, Proc. SPIE 1466 (1991): S = 4 sqrt(R_top R_bottom) exp(-alpha D), to first order in r_top r_bottom
    index, absorption = 1.1, 0.002
    for substrate in (1.15, 1.2):
        stack = Stack((Film(1.0, index + 1j * absorption),), substrate)
        thicknesses = 2000 + np.linspace(0, WAVELENGTH / (2 * index), 400)
        top, bottom = ((index - n) / (index + n) for n in (1.0, substrate))
        energies = swing_curve(stack, WAVELENGTH, 1.0, np.zeros(1), thicknesses, "s")[0][0]
        decay = np.exp(-4 * np.pi * absorption / WAVELENGTH * thicknesses.mean())
        trend = np.interp(thicknesses, thicknesses[[0, -1]], energies[[0, -1]])  # absorption tilts the curve
        swing = np.ptp(energies / trend)
        assert swing == pytest.approx(4 * abs(top * bottom) * decay, rel=0.02)  # measured: 0.013


# --- antireflective coatings --------------------------------------------------------------------------------------


def test_a_bottom_coating_of_the_mean_index_is_best_a_quarter_wave_thick() -> None:
    index = math.sqrt(1.7 * 2.3)
    stack = Stack((Film(100.0, 1.7), Film(10.0, index)), 2.3)
    thickness, reflected = best_thickness(stack, 1, WAVELENGTH, np.zeros(1), (5.0, 60.0))
    assert thickness == pytest.approx(WAVELENGTH / (4 * index), abs=1e-6)
    assert reflected < 1e-12


def test_the_best_bottom_coating_is_that_of_a_dense_search(xp: Any) -> None:
    stack = Stack((Film(100.0, 1.7 + 0.02j), Film(10.0, 1.85 + 0.3j), Film(20.0, 1.6)), 0.9 + 2.8j)
    transverse, weights = np.linspace(0, 1.3, 6), np.linspace(1, 2, 6)
    thickness, reflected = best_thickness(stack, 1, WAVELENGTH, xp(transverse), (10.0, 90.0), xp(weights))

    def mean(t: float) -> float:
        both = [bottom_reflectance(stack.with_thickness(1, t), WAVELENGTH, transverse, name) for name in "sp"]
        return float(np.average(np.mean(both, axis=0), weights=weights))

    values = [mean(t) for t in np.linspace(10, 90, 801)]
    assert reflected <= min(values) < reflected + 1e-5
    assert reflected == pytest.approx(mean(thickness), abs=1e-14)
    assert abs(thickness - np.linspace(10, 90, 801)[np.argmin(values)]) < 0.11


def test_the_limits_hold_where_thicker_is_better() -> None:
    stack = Stack((Film(100.0, 1.7), Film(10.0, 1.7 + 0.3j)), 0.9 + 2.8j)
    assert best_thickness(stack, 1, WAVELENGTH, np.zeros(1), (5.0, 9.0))[0] == pytest.approx(9.0, abs=1e-5)


def test_the_reflection_under_an_endless_resist_is_fresnels() -> None:
    resist, substrate = 1.7 + 0.02j, 0.9 + 2.8j
    got = bottom_reflectance(Stack((Film(50.0, resist),), substrate), WAVELENGTH, np.zeros(1), "p")[0]
    assert got == pytest.approx(abs((resist - substrate) / (resist + substrate)) ** 2, rel=1e-14)


# --- EUV mirrors --------------------------------------------------------------------------------------------------


def fresnel_step(n: tuple[complex, complex], transverse: float, polarization: str) -> np.ndarray:
    """Matrix of one interface for amplitudes (down, up) of |E|, in the textbook's angles."""
    cosines = [np.sqrt(1 - (transverse / m) ** 2 + 0j) for m in n]
    a, b = (n[0] * cosines[0], n[1] * cosines[1]) if polarization == "s" else (n[1] * cosines[0], n[0] * cosines[1])
    r, t = (a - b) / (a + b), 2 * n[0] * cosines[0] / (a + b)
    return np.array([[1, r], [r, 1]]) / t


def turn(film: Film, transverse: float, wavelength: float) -> np.ndarray:
    phase = 2 * np.pi / wavelength * film.thickness_nm * np.sqrt(film.index**2 - transverse**2)
    return np.diag([np.exp(-1j * phase), np.exp(1j * phase)])


def mirror_reflection(transverse: float, wavelength: float, polarization: str, pairs: int | None) -> complex:
    """Amplitude of a capped mirror: the period's matrix to the power of pairs by its eigenvalues; None is endless."""
    silicon, molybdenum = Film(0.6 * 6.94, SILICON), Film(0.4 * 6.94, MOLYBDENUM)

    def step(*n: complex) -> np.ndarray:
        return fresnel_step((n[0], n[1]), transverse, polarization)

    period = turn(silicon, transverse, wavelength) @ step(SILICON, MOLYBDENUM)
    period = period @ turn(molybdenum, transverse, wavelength) @ step(MOLYBDENUM, SILICON)
    values, vectors = np.linalg.eig(period)
    order = np.argsort(-abs(values))  # the wave that dies downwards grows upwards
    values, vectors = values[order], vectors[:, order]
    below = vectors[:, 0]
    if pairs is not None:
        end = np.linalg.inv(vectors) @ (step(SILICON, SILICA) @ np.array([1, 0]))
        below = vectors @ (end * [1, (values[1] / values[0]) ** pairs])
    top = step(1.0, RUTHENIUM) @ turn(CAP, transverse, wavelength) @ step(RUTHENIUM, SILICON) @ below
    return complex(top[1] / top[0])


@pytest.mark.parametrize("polarization", ["s", "p"])
def test_a_mirror_reflects_as_the_eigenvalues_of_its_period_say(polarization: str, xp: Any) -> None:
    sign = 1 if polarization == "s" else -1
    for wavelength in (13.2, 13.5, 13.9):
        for pairs in (1, 40, 60):
            transverse = np.sin(np.radians([0.0, 6, 11, 40, 80]))
            got = to_host(reflection(multilayer(pairs), wavelength, 1.0, xp(transverse), polarization))
            expected = [mirror_reflection(t, wavelength, polarization, pairs) for t in transverse]
            assert np.abs(got - sign * np.array(expected)).max() < 1e-12


def test_many_pairs_reflect_as_an_endless_mirror() -> None:
    for angle in (0.0, 6.0, 14.0):
        got = reflection(multilayer(1300), 13.5, 1.0, np.array([math.sin(math.radians(angle))]), "s")[0]
        assert abs(got - mirror_reflection(math.sin(math.radians(angle)), 13.5, "s", None)) < 1e-12


def test_a_mirror_keeps_energy() -> None:
    transverse = np.sin(np.radians([0.0, 6, 17, 60, 89]))
    for polarization in "sp":
        arguments = multilayer(), 13.5, 1.0, transverse, polarization
        total = reflectance(*arguments) + transmittance(*arguments) + absorptance(*arguments).sum(axis=-1)
        assert np.abs(total - 1).max() < 1e-12


def test_the_peak_is_where_bragg_says() -> None:
    mirror = multilayer(cap=None)
    for angle in (0.0, 6.0, 12.0, 18.0):
        sine = math.sin(math.radians(angle))
        path = 6.94 * (0.6 * math.sqrt(SILICON.real**2 - sine**2) + 0.4 * math.sqrt(MOLYBDENUM.real**2 - sine**2))
        wavelengths = 2 * path * np.linspace(0.95, 1.05, 401)
        share = reflectance_spectrum(mirror, wavelengths, 1.0, np.array([sine]), "s")[0]
        half = wavelengths[share > share.max() / 2]
        assert (half[0] + half[-1]) / 2 == pytest.approx(2 * path, rel=0.004)  # dispersion of the mirror itself


def test_a_weak_mirror_peaks_exactly_where_bragg_says() -> None:
    wavelengths = np.linspace(13.99, 14.01, 401)
    mirror = multilayer(200, 7.0, 0.4, None, 1.0 + 1e-6, 1.0 - 1.5e-6, 1.0)  # mean index 1
    share = reflectance_spectrum(mirror, wavelengths, 1.0, np.zeros(1), "s")[0]
    assert wavelengths[share.argmax()] == pytest.approx(14.0, abs=1e-5)
    kinematic = (200 * 2 * 2.5e-6 / 2 * math.sin(math.pi * 0.4)) ** 2  # each interface reflects half the step of index
    assert share.max() == pytest.approx(kinematic, rel=1e-4)


def test_the_default_mirror_is_made_for_13_5_nm_at_6_degrees() -> None:
    wavelengths = np.linspace(13.3, 13.7, 401)
    sine = math.sin(math.radians(6))
    share = reflectance_spectrum(multilayer(), wavelengths, 1.0, np.array([sine]), "s")[0]
    assert wavelengths[share.argmax()] == pytest.approx(13.5, abs=0.005)
    expected = max(abs(mirror_reflection(sine, w, "s", 40)) ** 2 for w in wavelengths)
    assert share.max() == pytest.approx(expected, rel=1e-12)


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: multilayer(0), r"`pairs` must be at least 1, but got 0"),
        (lambda s: multilayer(molybdenum_share=1.0), r"`molybdenum_share` must be between 0 and 1, but got 1.0"),
        (lambda s: multilayer(period_nm=-7.0), r"`thickness_nm` must be a positive number, but got -"),
        (lambda s: swing_curve(s, 193, 1.0, np.zeros(1), [], "s"), r"`thicknesses_nm` must hold a thickness"),
        (lambda s: standing_wave(s, 193, 1.0, np.zeros(1), [1.0], "te"), r"`polarization` must be 's' or 'p', but got"),
        (
            lambda s: best_thickness(s, 0, 193, np.zeros(1), (1, 2)),
            r"`film` must be the number of a film under the resi",
        ),
        (lambda s: best_thickness(s, 1, 193, np.zeros(1), (2, 1)), r"`limits_nm` must be two growing positive lengths"),
        (lambda s: best_thickness(s, 1, 0.0, np.zeros(1), (1, 2)), r"`wavelength_nm` must be a positive number, but"),
        (lambda s: best_thickness(s, 1, 193, np.zeros(1), (1, 2), np.zeros(1)), r"`weights` must be 0 or more and not"),
        (
            lambda s: bottom_reflectance(Stack((), 1.5), 193, np.zeros(1), "s"),
            r"`films` must hold the resist, but got a",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(Stack((Film(100.0, 1.7), Film(30.0, 1.8 + 0.4j)), 0.9 + 2.8j))
