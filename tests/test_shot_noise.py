"""Laws of shot noise: photons by the dose, Poisson counts, and the variance and correlation of what is blurred."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from chance import duv, ramps

from litho.shot_noise import Exposures, ShotNoise, photons_per_nm2


def latents(intensity: np.ndarray, noise: ShotNoise, trials: int, pixel: float = 1.0, seed: int = 7) -> np.ndarray:
    exposures = Exposures(intensity, (pixel, pixel), noise, seed)
    return np.concatenate([batch for _, batch in exposures.batches(trials)])


@pytest.mark.parametrize(("wavelength_nm", "energy_ev"), [(193.0, 6.42405), (13.5, 91.8402), (248.0, 4.99936)])
def test_a_millijoule_is_so_many_photons(wavelength_nm: float, energy_ev: float) -> None:
    ev_per_nm2 = 1e-3 / 1.602176634e-19 / 1e14  # of 1 mJ/cm^2
    assert photons_per_nm2(1.0, wavelength_nm) == pytest.approx(ev_per_nm2 / energy_ev, rel=1e-6)
    assert photons_per_nm2(30.0, 13.5) == pytest.approx(20.39, abs=0.005)
    assert photons_per_nm2(20.0, 193.0) == pytest.approx(194.3, abs=0.05)


def test_the_film_absorbs_what_beer_and_lambert_say() -> None:
    noise = ShotNoise(30.0, 13.5, 5.0, 40.0)
    assert noise.absorbed_share == pytest.approx(1 - math.exp(-0.2), rel=1e-14)
    assert noise.absorbed_per_nm2 == pytest.approx(20.388 * 0.181269, rel=1e-4)


def test_counts_of_a_pixel_have_mean_and_variance_alike_and_pixels_are_independent() -> None:
    noise, intensity = duv(2.0, 0.0), np.linspace(0.05, 1.0, 64).reshape(8, 8)
    trials, mean = 4000, intensity * noise.absorbed_per_nm2
    counts = latents(intensity, noise, trials) * noise.absorbed_per_nm2
    assert np.abs(counts - np.round(counts)).max() < 1e-9
    dispersion = (counts.var(axis=0, ddof=1) / mean * (trials - 1)).sum()
    free = 64 * (trials - 1)
    assert abs(dispersion - free) < 4 * math.sqrt(2 * free)
    assert abs((counts.mean(axis=0) - mean) / np.sqrt(mean / trials)).max() < 4
    assert abs(np.corrcoef(counts.reshape(trials, -1).T)[np.triu_indices(64, 1)]).max() < 4.5 / math.sqrt(trials)


@pytest.mark.parametrize("acids", [0.5, 3.0])
def test_acids_of_a_photon_add_their_own_scatter(acids: float) -> None:
    noise = duv(1.0, 0.0, acids_per_photon=acids)
    counts = latents(np.full((60, 60), 0.6), noise, 30) * noise.acids_per_nm2
    photons = 0.6 * noise.absorbed_per_nm2
    mean, variance = photons * acids, photons * acids * (1 + acids)  # of Neyman's type A
    assert counts.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / counts.size))
    fourth = ((counts - counts.mean()) ** 4).mean() - variance**2
    assert counts.var() == pytest.approx(variance, abs=4 * math.sqrt(fourth / counts.size))


@pytest.mark.parametrize(
    "more",
    [{}, {"acids_per_photon": 2.0}, {"quencher_per_nm2": 20.0}, {"acids_per_photon": 0.7, "quencher_per_nm2": 9}],
)
def test_blurred_noise_has_the_variance_and_the_correlation_of_a_filtered_poisson_process(more: Any) -> None:
    noise, trials = duv(20.0, 4.0, **more), 120
    fields = latents(np.full((96, 96), 0.4), noise, trials)
    assert fields.mean() == pytest.approx(0.4, abs=4 * noise.sigma(0.4) * 4 * math.sqrt(4 * math.pi / fields.size))
    power = np.abs(np.fft.fft2(fields - 0.4)) ** 2
    correlation = np.fft.ifft2(power).real / 96**2
    tolerance = 4 * noise.sigma(0.4) ** 2 * math.sqrt(2 * 2 * math.pi * 4.0**2 / fields.size)
    assert tolerance < 0.06 * noise.sigma(0.4) ** 2
    for lag in (0, 2, 4, 8, 12):
        expected = noise.sigma(0.4) ** 2 * math.exp(-(lag**2) / (4 * 4.0**2))  # a Gaussian of sqrt(2) blur
        for measured in (correlation[:, 0, lag], correlation[:, lag, 0]):
            assert measured.mean() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("more", [{}, {"acids_per_photon": 2.0, "quencher_per_nm2": 3.0}])
def test_the_same_seed_gives_the_same_bits_whatever_the_batch(more: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    exposures = Exposures(ramps(30, 60), (1.0, 1.0), duv(5.0, **more), 12)
    whole = np.concatenate([z for _, z in exposures.batches(23)])
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    parts = np.concatenate([z for _, z in exposures.batches(23, 4)])
    assert np.array_equal(whole, parts) and np.array_equal(whole[17], exposures.latent(17))
    assert not np.array_equal(whole[0], whole[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dose_mj_cm2": 0.0}, "`dose_mj_cm2` must be a positive number, but got 0.0."),
        ({"thickness_nm": -1.0}, "`thickness_nm` must be a positive number, but got -1.0."),
        ({"blur_nm": math.nan}, "`blur_nm` must be a number of at least 0, but got nan."),
        ({"acids_per_photon": 0.0}, "`acids_per_photon` must be a positive number, but got 0.0."),
        ({"quencher_per_nm2": -2.0}, "`quencher_per_nm2` must be a number of at least 0, but got -2.0."),
    ],
)
def test_noise_that_cannot_be_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShotNoise(**({"dose_mj_cm2": 1.0, "wavelength_nm": 193, "absorption_per_um": 1, "thickness_nm": 9} | change))
