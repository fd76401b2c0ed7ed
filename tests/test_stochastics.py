"""Laws of lines and contacts printed many times: roughness and uniformity in closed form, the same bits for a seed."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from chance import SURE, duv, ramps, spot

from litho.grid import Grid
from litho.shot_noise import ShotNoise
from litho.stochastics import contact_statistics, line_statistics


@pytest.fixture(scope="module")
def ramp_lines() -> Any:
    return line_statistics(ramps(128), duv(80.0), 0.5, trials=500, seed=1, pixel_nm=1.0, confidence=SURE)


def sigma_edge(noise: ShotNoise) -> float:
    return noise.sigma(0.5) / (0.8 / 60)


def test_line_edge_roughness_is_the_noise_over_the_slope(ramp_lines: Any) -> None:
    expected = 3 * sigma_edge(duv(80.0))
    low, high = ramp_lines.ler.interval
    assert low < expected < high and (high - low) / expected < 0.06
    low, high = ramp_lines.lwr.interval
    assert low < expected * math.sqrt(2) < high  # the edges are 60 nm apart: independent
    assert ramp_lines.cd_mean.interval[0] < 60 < ramp_lines.cd_mean.interval[1]
    assert ramp_lines.failures.failed == 0 and ramp_lines.lost_share == 0


def test_the_spectrum_of_an_edge_is_that_of_a_gaussian_of_sqrt_2_blur(ramp_lines: Any) -> None:
    variance, f = sigma_edge(duv(80.0)) ** 2, ramp_lines.frequency_per_nm
    expected = variance * 4 * math.sqrt(math.pi) * 5.0 * np.exp(-4 * (math.pi * 5.0 * f) ** 2)
    expected[0] /= 2
    chosen = f < 0.06
    # a density is the mean of 1000 squared moduli of complex Gaussians (real ones at 0)
    ratio = (ramp_lines.ler_density_nm3 / expected)[chosen]
    assert np.abs(ratio[1:] - 1).max() < 4 / math.sqrt(1000) and abs(ratio[0] - 1) < 4 * math.sqrt(2 / 1000)
    assert ramp_lines.correlation_length_nm == pytest.approx(10.0, rel=0.05)
    total = ramp_lines.ler_density_nm3.sum() / ramp_lines.length_nm
    assert 3 * math.sqrt(total) == pytest.approx(ramp_lines.ler_nm, rel=1e-12)


def test_what_is_longer_than_the_line_is_its_cd_scatter(ramp_lines: Any) -> None:
    expected = math.sqrt(2 * sigma_edge(duv(80.0)) ** 2 * 2 * math.sqrt(math.pi) * 5.0 / 128)
    low, high = ramp_lines.cd_sigma.interval
    assert low < expected < high
    at_zero = ramp_lines.lwr_density_nm3[0] / ramp_lines.length_nm
    assert math.sqrt(at_zero) == pytest.approx(ramp_lines.cd_sigma_nm, rel=1e-12)


def test_roughness_falls_as_one_over_the_root_of_the_dose() -> None:
    doses = np.array([20.0, 80.0, 320.0])
    found = [line_statistics(ramps(64), duv(d), 0.5, trials=200, seed=2, pixel_nm=1.0, confidence=SURE) for d in doses]
    for dose, lines in zip(doses, found, strict=True):
        low, high = (v * math.sqrt(dose) for v in lines.ler.interval)
        assert low < 3 * sigma_edge(duv(1.0)) < high
    slope = np.polyfit(np.log(doses), np.log([lines.ler_nm for lines in found]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.02)


def test_lines_along_x_and_dark_lines_are_the_same_lines() -> None:
    tall, noise = ramps(40), duv(20.0)
    options: dict[str, Any] = {"trials": 20, "seed": 5, "pixel_nm": 1.0}
    bright = line_statistics(tall, noise, 0.45, **options)
    turned = line_statistics(tall.T, noise, 0.45, across="y", **options)
    dark = line_statistics(tall, noise, 0.45, tone="dark", **options)
    assert turned.ler == bright.ler and turned.cd_mean == bright.cd_mean
    assert dark.cd_mean_nm + bright.cd_mean_nm == pytest.approx(120.0, abs=1e-6)
    assert dark.ler_nm == pytest.approx(bright.ler_nm, rel=1e-6)


def test_the_scatter_of_a_contact_is_that_of_its_closed_form() -> None:
    noise, width, blur = duv(400.0, 4.0), 10.0, 4.0
    x = np.arange(72) + 0.5 - 36
    square = x[:, None] ** 2 + x**2
    contacts = contact_statistics(
        np.exp(-square / (2 * width**2)), noise, 0.4, trials=1500, seed=3, pixel_nm=1.0, confidence=SURE
    )
    wide, narrow = width**2 + blur**2, width**2 + blur**2 / 2

    def at(y: float) -> tuple[float, float, float]:
        """Radius, slope and noise variance of the blurred spot on the cut at height y."""
        edge = 2 * wide * math.log(width**2 / wide / 0.4) - y**2
        density = 1 / (4 * math.pi * blur**2 * noise.absorbed_per_nm2)
        common = density * width**2 / narrow
        alone = common * math.exp(-(edge + y**2) / (2 * narrow))
        shared = common * math.exp(-edge / blur**2) * math.exp(-(y**2) / (2 * narrow))
        return math.sqrt(edge), 0.4 * math.sqrt(edge) / wide, 2 * (alone + shared)

    radius, slope, variance = at(0.5)  # the row nearest to the centre
    low, high = contacts.cd_sigma.interval
    assert low < math.sqrt(variance) / slope < high and (high - low) / low < 0.15
    assert contacts.cd_mean_nm == pytest.approx(2 * radius, abs=0.02)


def test_the_statistics_are_the_same_bits_whatever_the_batch() -> None:
    a, b = (line_statistics(ramps(30, 60), duv(5.0), 0.5, trials=11, seed=12, pixel_nm=1.0, batch=n) for n in (None, 2))
    assert a.ler == b.ler and a.cd_sigma == b.cd_sigma and np.array_equal(a.lwr_density_nm3, b.lwr_density_nm3)


def test_an_image_brings_its_pixels() -> None:
    image: Any = SimpleNamespace(intensity=spot(), grid=Grid((40, 40), (1.0, 1.0)))
    options: dict[str, Any] = {"trials": 5, "seed": 1}
    found = contact_statistics(image, duv(), 0.5, **options)
    assert found.cd_mean == contact_statistics(spot(), duv(), 0.5, pixel_nm=1.0, **options).cd_mean
    with pytest.raises(ValueError, match="`pixel_nm` must be left out"):
        contact_statistics(image, duv(), 0.5, pixel_nm=1.0, **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 5.0}, "`threshold` must lie within the range of the blurred image"),
        ({"image": spot()[None]}, r"`image` must be one image \(ny, nx\), but got shape \(1, 40, 40\)"),
        ({"image": spot() * np.nan}, "`image` must be finite and not negative"),
        ({"image": -spot()}, "`image` must be finite and not negative"),
        ({"pixel_nm": None}, "`pixel_nm` must be given"),
        ({"pixel_nm": 0.0}, "`pixel_nm` must be a positive length"),
        ({"pixel_nm": 9.0}, r"`blur_nm` must be 0 or at least a pixel \(9 nm\), but got 5.0"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0, but got -1"),
        ({"trials": 1}, "`trials` must be at least 2, but got 1"),
        ({"batch": 0}, "`batch` must be at least 1, but got 0"),
        ({"tone": "grey"}, "`tone` must be 'bright' or 'dark', but got 'grey'"),
        ({"confidence": 1.0}, "`confidence` must be between 0 and 1, but got 1.0"),
    ],
)
def test_what_cannot_be_sampled_is_refused(change: dict[str, Any], message: str) -> None:
    good = {"image": spot(), "noise": duv(), "threshold": 0.5, "trials": 3, "seed": 1, "pixel_nm": 1.0}
    with pytest.raises(ValueError, match=message):
        contact_statistics(**(good | change))


def test_what_are_no_lines_or_hardly_print_is_refused() -> None:
    with pytest.raises(ValueError, match="`image` must show the same straight lines on each row"):
        line_statistics(spot(), duv(), 0.3, trials=3, seed=1, pixel_nm=1.0)
    with pytest.raises(ValueError, match="`threshold` must lie within the range of the blurred image"):
        line_statistics(ramps(8), duv(), 5.0, trials=3, seed=1, pixel_nm=1.0)
    with pytest.raises(ValueError, match="`across` must be 'x' or 'y', but got 'z'"):
        line_statistics(ramps(8), duv(), 0.3, trials=3, seed=1, pixel_nm=1.0, across="z")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`image` must print every feature in two exposures"):
        line_statistics(ramps(90), duv(0.05), 0.8, trials=3, seed=1, pixel_nm=1.0)
