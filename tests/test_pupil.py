"""The lens: Zernikes, wavefront, rim, and what makes no sense."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from litho.backend import to_host
from litho.pupil import Optics, pupil, wavefront
from litho.shifted_pupils import pupil_coordinates, shifted_pupils
from litho.source import Source
from litho.zernike import FRINGE, zernike

POINT = Source.point()


def polar_grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and weights that integrate polynomials up to order 28 over the unit disc exactly, mean 1."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    angle = np.arange(64) * (2 * np.pi / 64)
    radius = np.sqrt((nodes + 1) / 2)  # uniform in the square of the radius
    return np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle)), np.outer(weights / 2, np.ones(64) / 64)


def test_zernikes_are_orthogonal_with_the_fringe_norm() -> None:
    x, y, weight = polar_grid()
    values = np.stack([zernike(j, x, y).ravel() for j in range(1, 38)])
    products = (values * weight.ravel()) @ values.T
    norms = [(1 if m == 0 else 0.5) / (n + 1) for n, m in FRINGE]
    assert np.abs(products - np.diag(norms)).max() < 1e-13


def test_zernikes_reach_1_at_the_rim() -> None:
    angle = np.arange(720) * (2 * np.pi / 720)
    for j in range(1, 38):
        values = zernike(j, np.cos(angle), np.sin(angle))
        assert values.max() == pytest.approx(1, abs=3e-4), j


def test_the_first_zernikes_are_those_of_the_textbook(xp: Any) -> None:
    x, y = np.array([0.3, -0.2, 0.9]), np.array([0.4, 0.7, -0.1])
    r, t = np.hypot(x, y), np.arctan2(y, x)
    expected = {
        1: 1 + 0 * r,
        2: r * np.cos(t),
        3: r * np.sin(t),
        4: 2 * r**2 - 1,
        5: r**2 * np.cos(2 * t),
        6: r**2 * np.sin(2 * t),
        7: (3 * r**3 - 2 * r) * np.cos(t),
        8: (3 * r**3 - 2 * r) * np.sin(t),
        9: 6 * r**4 - 6 * r**2 + 1,
        10: r**3 * np.cos(3 * t),
        11: r**3 * np.sin(3 * t),
        16: 20 * r**6 - 30 * r**4 + 12 * r**2 - 1,
        25: 70 * r**8 - 140 * r**6 + 90 * r**4 - 20 * r**2 + 1,
        36: 252 * r**10 - 630 * r**8 + 560 * r**6 - 210 * r**4 + 30 * r**2 - 1,
        37: 924 * r**12 - 2772 * r**10 + 3150 * r**8 - 1680 * r**6 + 420 * r**4 - 42 * r**2 + 1,
    }
    for index, values in expected.items():
        assert np.allclose(to_host(zernike(index, xp(x), xp(y))), values, rtol=0, atol=1e-12), (
            index
        )  # coefficients to 3150


def test_the_fringe_order_is_that_of_growing_half_sums() -> None:
    for index, (n, m) in enumerate(FRINGE[:36], 1):
        q = (n + abs(m)) // 2
        assert index == (q + 1) ** 2 - 2 * abs(m) + (m < 0)


def test_defocus_is_exact_and_not_paraxial(xp: Any) -> None:
    optics = Optics(193, 1.35, POINT, immersion_index=1.44)
    radius = np.linspace(0, 1, 11)
    waves = to_host(wavefront(xp(radius), xp(0 * radius), optics, 80.0))
    sine = 1.35 * radius / 1.44
    assert np.allclose(waves, 80 / 193 * 1.44 * (1 - np.cos(np.arcsin(sine))), rtol=0, atol=1e-14)


def test_the_pupil_passes_the_rim_and_nothing_beyond(xp: Any) -> None:
    x = np.array([0, 0.6, 1, 1 + 1e-12, 1 + 1e-8, 3.0])
    amplitude = to_host(pupil(xp(x), xp(0 * x), Optics(193, 0.9, POINT, zernikes={2: 0.25}), 30.0))
    assert np.allclose(abs(amplitude), [1, 1, 1, 1, 0, 0], atol=1e-15)
    paths = 0.25 * x + 30 / 193 * (1 - np.sqrt(1 - np.minimum(0.9 * x, 0.9) ** 2))
    assert np.allclose(amplitude[:3], np.exp(2j * np.pi * paths[:3]), rtol=0, atol=1e-14)


@pytest.mark.parametrize("source", [Source.conventional(0.5), Source.annular(0.5, 0.8)])
def test_the_share_of_a_source_that_an_order_passes_is_the_overlap_of_circles(source: Source, xp: Any) -> None:
    period = (600.0, 700.0)
    optics = Optics(193, 1.35, source, immersion_index=1.44)
    x, y = pupil_coordinates(optics, period, xp(np.zeros(1)))
    points = source.sample(0.02)
    amplitude, background = (to_host(a) for a in shifted_pupils(points, x, y, optics))
    share = (points.weight[:, None, None] * abs(amplitude[:, 0]) ** 2).sum(axis=0) + background
    distance = np.hypot(to_host(x), to_host(y))
    inner, outer = source.shapes[0].inner, source.shapes[0].outer  # type: ignore[union-attr]
    exact = np.array([[_overlap(d, outer) - _overlap(d, inner) for d in row] for row in distance])
    assert np.abs(share - exact / (np.pi * (outer**2 - inner**2))).max() < 3e-5


def _overlap(distance: float, radius: float) -> float:
    """Area that a circle of this radius shares with the unit circle."""
    if radius == 0 or distance >= 1 + radius:
        return 0.0
    if distance <= 1 - radius:
        return math.pi * radius**2
    a = math.acos((distance**2 + radius**2 - 1) / (2 * distance * radius))
    b = math.acos((distance**2 + 1 - radius**2) / (2 * distance))
    return radius**2 * (a - math.sin(2 * a) / 2) + b - math.sin(2 * b) / 2


def test_true_points_have_a_sharp_rim_and_no_background() -> None:
    source = Source.points([(0.3, 0.1), (-0.4, 0.2)])
    optics = Optics(193, 1.35, source, 1.44, {9: 0.03})
    x, y = pupil_coordinates(optics, (500.0, 500.0), np.zeros(1))
    amplitude, background = shifted_pupils(source.sample(), x, y, optics, 40.0)
    for row, (sx, sy) in zip(amplitude[:, 0], [(0.3, 0.1), (-0.4, 0.2)], strict=True):
        assert np.allclose(row, pupil(x + sx + 0 * y, y + sy + 0 * x, optics, 40.0), rtol=0, atol=1e-14)
    assert not background.any()


def test_the_band_holds_every_frequency_that_can_pass_and_no_more() -> None:
    optics = Optics(200, 0.8, Source.conventional(0.5))
    assert optics.band_radius((1000, 500)) == (6, 3)  # 1.5 x 0.8 / 200 = 6 per um, exactly on the rim
    assert optics.band_radius((999, 501)) == (5, 3)
    assert Optics(200, 0.8, POINT).band_radius((249, 10)) == (0, 0)


def test_aberrations_are_kept_as_sorted_pairs() -> None:
    optics = Optics(193, 0.9, POINT, zernikes={9: 0.02, 5: -0.01})
    assert optics.zernikes == ((5, -0.01), (9, 0.02))
    assert optics.aberrations == ((2, 2, -0.01), (4, 0, 0.02))
    assert hash(optics) == hash(Optics(193, 0.9, POINT, zernikes=((9, 0.02), (5, -0.01))))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"wavelength_nm": 0}, "`wavelength_nm` must be a positive number, but got 0"),
        ({"wavelength_nm": math.nan}, "`wavelength_nm`"),
        ({"na": -0.5}, "`na` must be a positive number, but got -0.5"),
        ({"na": 1.0}, r"`na` must be below `immersion_index` \(1.0\), but got 1.0"),
        ({"na": 1.5, "immersion_index": 1.44}, r"below `immersion_index` \(1.44\), but got 1.5"),
        ({"immersion_index": 0.9, "na": 0.5}, "`immersion_index` must be at least 1"),
        ({"zernikes": {0: 0.1}}, r"`zernikes` must have Fringe indices in 1..37, but got 0"),
        ({"zernikes": {38: 0.1}}, "but got 38"),
        ({"zernikes": {5: math.inf}}, "`zernikes` must be finite, but got inf waves of Z5"),
    ],
)
def test_bad_optics_are_refused_in_one_sentence(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Optics(**({"wavelength_nm": 193, "na": 0.9, "source": POINT} | values))


def test_a_field_without_size_is_refused() -> None:
    with pytest.raises(ValueError, match="`period_nm` must be two positive lengths"):
        Optics(193, 0.9, POINT).band_radius((100, 0))
