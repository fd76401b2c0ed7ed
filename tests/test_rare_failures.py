"""Laws of rare failures: exact probabilities far below one exposure in a million, and honest intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from chance import SURE, duv, spot
from scipy import stats

from litho.failures import Topology, clopper_pearson
from litho.rare_failures import KINDS, rare_failure, tilted_probability
from litho.shot_noise import Exposures, ShotNoise


def test_a_contact_of_one_pixel_is_missing_once_in_a_billion() -> None:
    intensity = np.zeros((3, 3))
    intensity[1, 1] = 1.0
    noise = duv(5.0, 0.0)
    mean = noise.absorbed_per_nm2 * 16
    limit = int(stats.poisson.ppf(1e-9, mean))
    found = rare_failure(
        intensity, noise, (limit + 0.5) / mean, "missing", trials=4000, seed=2, pixel_nm=4.0, confidence=SURE
    )
    exact = stats.poisson.cdf(limit, mean)
    assert 1e-10 < exact < 1e-8
    assert found.interval[0] < exact < found.interval[1]
    assert (found.interval[1] - found.interval[0]) / exact < 0.25 and found.failed > 1000


@pytest.mark.parametrize("level", [0.45, 0.35])
def test_tilted_exposures_agree_with_the_inverted_characteristic_function(level: float) -> None:
    exposures = Exposures(spot(), (1.0, 1.0), ShotNoise(6.0, 13.5, 5.0, 40.0, 4.0), 9)
    site = np.array([[20, 20]])
    found = tilted_probability(exposures, site, level, lambda z: z[:, 20, 20] < level, 2000, SURE)
    one = np.zeros((40, 40))
    one[20, 20] = 1 / exposures.noise.absorbed_per_nm2
    reach, photons = exposures.blurred(one).ravel(), exposures.photons.ravel()
    grid = np.linspace(-400, 0, 4001)[:-1]
    saddle = grid[np.argmin([(photons * np.expm1(s * reach)).sum() - s * level for s in grid])]
    s = saddle + 1j * (np.arange(4000) + 0.5) * 0.1
    log = (photons * (np.exp(s[:, None] * reach) - 1)).sum(axis=1) - s * level
    exact = float((-np.exp(log) / s).real.sum() * 0.1 / math.pi)
    assert found.interval[0] < exact < found.interval[1] and (found.interval[1] - found.interval[0]) / exact < 0.4
    assert exact < (1e-6, 1e-11)[level < 0.4]


@pytest.mark.parametrize("kind", ["missing", "bridged", "broken"])
def test_tilted_exposures_agree_with_waiting(kind: Any) -> None:
    x = (np.arange(32) + 0.5) / 32
    lines = np.tile(0.5 + 0.4 * np.cos(4 * np.pi * x), (24, 1))
    image, threshold, dose, blur_nm = {
        "missing": (spot(28), 0.6, 2.0, 4.0),
        "bridged": (lines, 0.52, 4.0, 3.0),
        "broken": (lines, 0.42, 6.0, 3.0),
    }[kind]
    noise = ShotNoise(dose, 13.5, 5.0, 40.0, blur_nm)
    rare = rare_failure(image, noise, threshold, kind, trials=2500, seed=4, pixel_nm=1.0, confidence=SURE)
    exposures = Exposures(image, (1.0, 1.0), noise, 5)
    topology, trials, failed = Topology(exposures.mean >= threshold), 4000, 0
    for _, batch in exposures.batches(trials):
        failed += int(topology.failed(batch >= threshold)[:, KINDS.index(kind)].sum())
    waited = clopper_pearson(failed, trials, SURE)
    assert failed > 20 and waited[0] < rare.probability < waited[1]
    assert rare.interval[0] < failed / trials + 3 * math.sqrt(failed) / trials
    assert rare.interval[1] > failed / trials - 3 * math.sqrt(failed) / trials


def test_the_interval_of_tilted_exposures_covers_the_truth_as_often_as_it_says() -> None:
    intensity = np.zeros((3, 3))
    intensity[1, 1] = 1.0
    noise = duv(2.0, 0.0)
    mean, covered, runs = noise.absorbed_per_nm2 * 4, 0, 100
    limit = int(stats.poisson.ppf(1e-4, mean))
    exact = stats.poisson.cdf(limit, mean)
    for seed in range(runs):
        exposures = Exposures(intensity, (2.0, 2.0), noise, seed)
        level = (limit + 0.5) / mean
        found = tilted_probability(exposures, np.array([[1, 1]]), level, lambda z, at=level: z[:, 1, 1] < at, 400)
        covered += found.interval[0] <= exact <= found.interval[1]
    assert covered / runs >= 0.88  # 0.95, less three standard deviations of 100 runs


def test_an_estimate_that_a_few_exposures_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="`trials` must give failures worth 100 of equal weight, but 50 gave"):
        rare_failure(spot(32), duv(1.0), 0.5, "missing", trials=50, seed=1, pixel_nm=1.0)
    with pytest.raises(ValueError, match="`trials` must be at least 2, but got -3"):
        rare_failure(spot(32), duv(1.0), 0.5, "missing", trials=-3, seed=1, pixel_nm=1.0)
    with pytest.raises(ValueError, match="nothing in it can be broken"):
        rare_failure(spot(32), duv(1.0), 0.5, "broken", trials=50, seed=1, pixel_nm=1.0)
    with pytest.raises(ValueError, match="`noise` must be that of photons alone"):
        rare_failure(spot(32), duv(1.0, acids_per_photon=2.0), 0.5, "missing", trials=50, seed=1, pixel_nm=1.0)
