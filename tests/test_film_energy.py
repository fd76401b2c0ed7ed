"""Thin films: reflected, transmitted and absorbed energy, the law of Stokes, and means over depth."""

from __future__ import annotations

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
    depth_average,
    depth_count,
    reflectance,
    resist_depths,
    stack_fields,
    transmittance,
)

# --- energy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polarization", ["s", "p"])
@pytest.mark.parametrize("name", STACKS)
def test_reflected_transmitted_and_absorbed_energy_add_up_to_1(name: str, polarization: str, xp: Any) -> None:
    arguments = STACKS[name], WAVELENGTH, WATER, xp(TRANSVERSE), polarization
    reflected, transmitted, absorbed = (to_host(f(*arguments)) for f in (reflectance, transmittance, absorptance))
    assert np.abs(reflected + transmitted + absorbed.sum(axis=-1) - 1).max() < 1e-12
    assert min(reflected.min(), transmitted.min(), absorbed.min(initial=0)) >= 0


def test_energy_is_kept_by_any_stack_from_angstroms_to_a_tenth_of_a_millimetre(rng: np.random.Generator) -> None:
    worst = 0.0
    for _ in range(60):
        films = tuple(
            Film(10 ** rng.uniform(-2, 5), rng.uniform(0.3, 4) + 1j * rng.choice([0, 10 ** rng.uniform(-8, 1)]))
            for _ in range(rng.integers(0, 8))
        )
        stack, above = Stack(films, complex(rng.uniform(0.3, 4), rng.choice([0, rng.uniform(0, 5)]))), rng.uniform(1, 2)
        critical = [f.index.real for f in films if f.index.real < above]
        transverse = np.array([*(above * np.sin(np.linspace(0, 1.5, 9))), *critical])
        for polarization in "sp":
            arguments = stack, WAVELENGTH, above, transverse, polarization
            total = reflectance(*arguments) + transmittance(*arguments) + absorptance(*arguments).sum(axis=-1)
            worst = np.maximum(worst, np.abs(total - 1).max())
    assert worst < 2e-12  # phases of up to 1e4 turns


@pytest.mark.parametrize("polarization", ["s", "p"])
def test_transmission_is_the_same_both_ways_and_so_is_the_reflection_of_a_transparent_stack(polarization: str) -> None:
    transverse = np.linspace(0, 1.29, 14)
    for name in ("lossless", "metal", "gap"):
        stack = STACKS[name]
        turned = Stack(stack.films[::-1], WATER)
        there, back = (
            (WAVELENGTH, WATER, transverse, polarization),
            (WAVELENGTH, stack.substrate.real, transverse, polarization),
        )
        assert np.abs(transmittance(stack, *there) - transmittance(turned, *back)).max() < 1e-14
        if name == "lossless":
            assert np.abs(reflectance(stack, *there) - reflectance(turned, *back)).max() < 1e-14


# --- means over depth ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polarization", ["s", "p"])
@pytest.mark.parametrize("thickness", [0.5, 100.0, 1500.0])
def test_gauss_depths_give_the_mean_over_the_resist(thickness: float, polarization: str, xp: Any) -> None:
    stack = IMMERSION.with_thickness(1, thickness)
    depths, weights = resist_depths(stack, depth_count(stack, WAVELENGTH))
    s, along, normal = (to_host(f) for f in stack_fields(stack, WAVELENGTH, WATER, xp(TRANSVERSE), depths))
    intensity = np.abs(s) ** 2 if polarization == "s" else np.abs(along) ** 2 + np.abs(normal) ** 2
    expected = to_host(depth_average(stack, WAVELENGTH, WATER, xp(TRANSVERSE), polarization))
    assert np.abs(intensity @ np.array(weights) - expected).max() < 1e-12
    assert sum(weights) == pytest.approx(1, abs=1e-14)
    assert 90 < min(depths) and max(depths) < 90 + thickness


def test_as_many_depths_as_an_error_needs_err_less_than_it() -> None:
    for error in (1e-2, 1e-4, 1e-8):
        depths, weights = resist_depths(IMMERSION, depth_count(IMMERSION, WAVELENGTH, error))
        intensity = np.abs(stack_fields(IMMERSION, WAVELENGTH, WATER, TRANSVERSE, depths)[0]) ** 2
        exact = depth_average(IMMERSION, WAVELENGTH, WATER, TRANSVERSE, "s")
        assert np.abs(intensity @ np.array(weights) - exact).max() < error * intensity.max()


def test_the_mean_in_a_film_where_the_wave_grazes_is_right_to_1e_7() -> None:
    stack, transverse = (
        Stack((Film(40.0, 1.2),), 1.6 + 0.3j),
        1.2 + np.array([-1e-4, -1e-7, -1e-9, 0, 1e-9, 1e-7, 1e-4]),
    )
    depths, weights = resist_depths(stack, 12)
    s, along, normal = stack_fields(stack, WAVELENGTH, WATER, transverse, depths)
    for polarization, intensity in (("s", np.abs(s) ** 2), ("p", np.abs(along) ** 2 + np.abs(normal) ** 2)):
        mean = depth_average(stack, WAVELENGTH, WATER, transverse, polarization)
        assert np.abs(intensity @ np.array(weights) / mean - 1).max() < 1e-7


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: resist_depths(IMMERSION, 0), r"`count` must be at least 1, but got 0"),
        (lambda: depth_count(IMMERSION, 193, 0.0), r"`error` must be positive and finite, but got 0.0"),
        (
            lambda: transmittance(IMMERSION, 193, 1.0, np.ones(1), "s"),
            r"`transverse` must be below `incident_index` \(1",
        ),
        (lambda: absorptance(IMMERSION, 193, 1 + 1j, np.ones(1), "s"), r"`incident_index` must be real for shares of"),
        (
            lambda: depth_average(Stack((), 1.5), 193, 1.0, np.zeros(1), "s"),
            r"`stack` must have a resist, but is a bare",
        ),
        (lambda: depth_count(IMMERSION, 193, math.inf), r"`error` must be positive and finite, but got inf"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
