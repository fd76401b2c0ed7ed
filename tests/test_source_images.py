"""The image as a linear function of the light: the sum over source points, part by part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gradient_cases import DEFOCUS, PERIOD, SPACING, SYSTEMS, complex_, optics, random_band

from litho.abbe import abbe_image
from litho.check import gradient_test
from litho.source_images import images_per_part, lit_image, lit_image_adjoint


def parts_of(system: Any, rng: np.random.Generator, count: int = 5) -> np.ndarray:
    return rng.random((len(system.source.sample(SPACING)), count))


@pytest.mark.parametrize("name", SYSTEMS)
def test_parts_add_up_to_the_sum_over_source_points(name: str, rng: np.random.Generator) -> None:
    system = optics(**SYSTEMS[name])
    band, light_of_points, light = random_band(rng, system), parts_of(system, rng), rng.random(5)
    images = images_per_part(band, system, PERIOD, light_of_points, DEFOCUS, SPACING)
    half, _ = lit_image(light, images)
    expected = abbe_image(band, system, PERIOD, DEFOCUS, SPACING, weight=light_of_points @ light)
    assert np.abs(half - expected).max() < 1e-12 * np.abs(expected).max()


def test_an_open_mask_images_to_one_under_any_light(rng: np.random.Generator) -> None:
    system = optics(polarization="te", radiometric=True)
    ry, rx = system.band_radius(PERIOD)
    band = np.zeros((2 * ry + 1, 2 * rx + 1), complex)
    band[0, 0] = 1
    images = images_per_part(band, system, PERIOD, parts_of(system, rng), DEFOCUS, SPACING)
    half, _ = lit_image(rng.random(5), images)
    assert abs(half[0, 0] - 1) < 1e-13 and np.abs(half.ravel()[1:]).max() < 1e-13


def test_more_of_all_light_changes_nothing(rng: np.random.Generator) -> None:
    system = optics()
    images = images_per_part(random_band(rng, system), system, PERIOD, parts_of(system, rng), 0.0, SPACING)
    light = rng.random(5)
    half, saved = lit_image(light, images)
    assert np.abs(lit_image(3 * light, images)[0] - half).max() < 1e-14
    bar = complex_(rng, *half.shape)
    assert abs(light @ lit_image_adjoint(bar, saved, images)) < 1e-12 * np.abs(bar).sum()


def test_the_adjoint_agrees_with_differences_for_several_masks(xp: Any, rng: np.random.Generator) -> None:
    system = optics()
    bands = np.stack([random_band(rng, system) for _ in range(2)])
    light_of_points, light = parts_of(system, rng), rng.random(5) + 0.1
    images = images_per_part(xp(bands), system, PERIOD, light_of_points, DEFOCUS, SPACING)
    half, saved = lit_image(xp(light), images)
    bar = complex_(rng, *half.shape)
    gradient = lit_image_adjoint(xp(bar), saved, images)

    def value(at: Any) -> float:
        found = lit_image(at, images)[0]
        return float(xp.module.sum(xp.module.real(xp.module.conj(xp(bar)) * found)))

    assert gradient_test(value, gradient, xp(light), xp(rng.standard_normal(5)), 1e-3) < 1e-8


def test_light_of_other_points_is_refused(rng: np.random.Generator) -> None:
    system = optics()
    with pytest.raises(ValueError, match="`light_of_points` must have shape"):
        images_per_part(random_band(rng, system), system, PERIOD, np.ones((3, 2)), 0.0, SPACING)
    images = images_per_part(random_band(rng, system), system, PERIOD, parts_of(system, rng), 0.0, SPACING)
    with pytest.raises(ValueError, match="`light` must be positive somewhere"):
        lit_image(np.zeros(5), images)
