"""Realisable sources: each constraint holds whatever the variables are, and the adjoint counts the fill."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litho.check import dot_test, gradient_test
from litho.source import Source
from litho.source_space import SourceLimits, SourceSpace, lifted, lifted_adjoint, pupil_fill, sources_within
from litho.source_weights import pixel_weights

LIMITS = {
    "ring": SourceLimits(15, 0.3, 0.9, "xy", 0.2, 0.05),
    "rim": SourceLimits(12, 0.5, 1.0, "fourfold", 0.3, 0.0),
    "left and right": SourceLimits(15, 0.0, 0.8, "x", 0.05, 0.1),
    "up and down": SourceLimits(14, 0.0, 0.8, "y", 0.05, 0.1),
    "free": SourceLimits(9, 0.0, 1.0, "none", 0.6, 0.02),
}


def some_variables(space: SourceSpace, rng: np.random.Generator, shift: float) -> np.ndarray:
    return 6 * rng.standard_normal(len(space)) + shift


@pytest.mark.parametrize("shift", [-40.0, -3.0, 0.0, 20.0])
@pytest.mark.parametrize("name", LIMITS)
def test_every_constraint_holds_whatever_the_variables_are(name: str, shift: float, rng: np.random.Generator) -> None:
    limits = LIMITS[name]
    space = sources_within(limits)
    bright = space.brightness(lifted(some_variables(space, rng, shift), space)[0])
    assert bright.min() >= 0 and bright.max() <= 1 + 1e-12
    # the corners of what shines lie between the radii, or the rim of the unit disc cuts the pixel
    ends = np.linspace(-1, 1, limits.pixels + 1)
    for row, column in np.argwhere(bright > 0):
        y, x = ends[row : row + 2], ends[column : column + 2]
        corners = np.hypot(*np.meshgrid(x, y))
        nearest = np.hypot(*(0.0 if e[0] < 0 < e[1] else np.abs(e).min() for e in (x, y)))
        assert nearest >= limits.sigma_inner - 1e-9
        assert corners.max() <= limits.sigma_outer + 1e-9 or limits.sigma_outer == 1
    mirrored = {"x": (bright[:, ::-1],), "y": (bright[::-1],), "none": ()}.get(
        limits.symmetry, (bright[:, ::-1], bright[::-1])
    )
    for other in (*mirrored, *((bright.T,) if limits.symmetry == "fourfold" else ())):
        assert np.abs(other - bright).max() < 1e-14
    assert pupil_fill(space.source(lifted(some_variables(space, rng, shift), space)[0]), limits.pixels) >= (
        limits.min_fill * (1 - 1e-12)
    )


def test_the_fill_of_a_disc_is_its_share_of_the_pupil() -> None:
    assert pupil_fill(Source.conventional(0.5), 400) == pytest.approx(0.25, rel=1e-9)
    assert pupil_fill(0.3 * Source.annular(0.6, 0.8), 400) == pytest.approx(0.28, rel=1e-9)


def test_the_fill_is_reached_exactly_where_too_little_shines() -> None:
    space = sources_within(SourceLimits(15, 0.2, 0.9, "xy", 0.25, 0.04))
    values = lifted(np.linspace(-30, -10, len(space)), space)[0]
    bright = space.brightness(values)
    assert (bright * space.share).sum() * 4 / 15**2 / np.pi == pytest.approx(0.25, abs=1e-12)


def test_blur_spreads_a_pixel_by_its_standard_deviation() -> None:
    """Far from the ring's borders each axis has the variance of the Gaussian."""
    blur = 0.08
    space = sources_within(SourceLimits(31, 0.0, 1.0, "none", 0.01, blur))
    middle = np.zeros(space.ring.shape)
    middle[15, 15] = 1
    spread = space.brightness(middle[space.ring])
    place = (np.arange(31) + 0.5) * 2 / 31 - 1
    for axis in (0, 1):
        profile = spread.sum(axis=axis) / spread.sum()
        assert profile @ place**2 == pytest.approx(blur**2, rel=1e-6)


def test_even_light_stays_even_under_blur() -> None:
    for limits in LIMITS.values():
        space = sources_within(limits)
        bright = space.brightness(np.full(len(space), 0.7))
        assert np.abs(bright[space.ring] - 0.7).max() < 1e-13 and not bright[~space.ring].any()


@pytest.mark.parametrize(("shift", "raised"), [(-4.0, True), (3.0, False)])
def test_the_adjoint_agrees_with_differences_and_counts_the_fill(
    shift: float, raised: bool, xp: Any, rng: np.random.Generator
) -> None:
    space = sources_within(LIMITS["ring"])
    x, direction = 0.7 * rng.standard_normal(len(space)) + shift, rng.standard_normal(len(space))
    bar = rng.standard_normal(len(space))
    values, saved = lifted(xp(x), space)
    assert saved.raised == raised
    gradient = lifted_adjoint(xp(bar), saved, space)
    assert type(gradient) is type(values)
    back = np.asarray(lifted_adjoint(bar, lifted(x, space)[1], space))
    found = gradient_test(lambda v: float(bar @ lifted(v, space)[0]), back, x, direction, 1e-3)
    assert found < 1e-8


def test_the_derivative_is_its_own_adjoint_in_the_dot_test(rng: np.random.Generator) -> None:
    """Forward differential by the constraint's own equation: fill @ change = 0 where the fill is raised."""
    space = sources_within(LIMITS["rim"])
    _, saved = lifted(some_variables(space, rng, -5.0), space)
    assert saved.raised

    def forward(change: np.ndarray) -> np.ndarray:
        lift = -(space.fill * saved.slope) @ change / (space.fill @ saved.slope)
        return np.asarray(saved.slope * (change + lift))

    x, y = rng.standard_normal((2, len(space)))
    assert dot_test(forward, lambda bar: lifted_adjoint(bar, saved, space), x, y) < 1e-12


def test_the_light_of_points_is_that_of_pixels(rng: np.random.Generator) -> None:
    space = sources_within(LIMITS["ring"])
    values = lifted(some_variables(space, rng, 0.0), space)[0]
    points = space.all_lit.sample(space.spacing)
    expected = pixel_weights(space.brightness(values), points)
    assert np.abs(space.point_light(points) @ values - expected).max() < 1e-15
    light = space.source(values).sample(space.spacing)
    kept = expected > 0
    assert np.allclose(light.weight, expected[kept] / expected.sum(), rtol=1e-9, atol=1e-15)


def test_a_source_of_the_space_is_a_start_that_comes_back() -> None:
    space = sources_within(SourceLimits(21, 0.0, 1.0, "xy", 0.05, 0.0))
    dipole = Source.pixels(Source.dipole(0.6, 0.25).to_map(21))
    bright = space.brightness(lifted(space.variables(dipole), space)[0])
    wanted = dipole.to_map(21) / dipole.to_map(21).max()
    assert np.abs(bright[space.ring] - (0.05 + 0.9 * wanted[space.ring])).max() < 1e-12


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pixels": 2}, "`pixels` must be in 3..255, but got 2"),
        ({"sigma_inner": 0.9, "sigma_outer": 0.5}, "`sigma_inner` and `sigma_outer` must obey"),
        ({"symmetry": "threefold"}, "`symmetry` must be one of"),
        ({"blur": -0.1}, "`blur` must be a number of at least 0"),
        ({"sigma_inner": 0.6, "min_fill": 0.5}, "`min_fill` must be above 0 and below 0.4"),
        ({"min_fill": 0.0}, "`min_fill` must be above 0"),
        ({"pixels": 5, "sigma_inner": 0.8, "sigma_outer": 0.85}, "`pixels` must be enough"),
    ],
)
def test_limits_that_cannot_be_met_are_refused_in_a_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        SourceLimits(**changes)
    assert "\n" not in str(caught.value)


def test_a_start_that_is_dark_in_the_ring_is_even_light() -> None:
    space = sources_within(SourceLimits(21, 0.7, 0.95, "xy", 0.05))
    assert not space.variables(Source.conventional(0.3)).any()
