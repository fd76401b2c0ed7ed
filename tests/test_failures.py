"""Laws of failures: told apart by how a print hangs together, Poisson probabilities, intervals that cover the truth."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from chance import duv
from scipy import stats

from litho.failures import Topology, clopper_pearson
from litho.shot_noise import Exposures
from litho.stochastics import contact_statistics


def drawn(text: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in text.split()])


def test_failures_are_told_apart() -> None:
    topology = Topology(drawn("..##..##.. " * 6))
    fine, wiggle, bridge = np.tile(topology.nominal, (3, 1, 1))
    wiggle = np.roll(wiggle, 1, axis=1)
    bridge = bridge.copy()
    bridge[3, 4:6] = True
    around, cut, gone, island = np.tile(topology.nominal, (4, 1, 1))
    around[2, [8, 9, 0, 1]] = True  # across the border of the field
    cut[4, 2:4] = False
    gone[:, 2:4] = False
    island[1, 5] = True  # touches the right line, nothing else: no failure
    found = topology.failed(np.stack([fine, wiggle, bridge, around, cut, gone, island]))
    assert found.tolist() == [
        [False, False, False],
        [False, False, False],
        [False, True, False],
        [False, True, False],
        [False, False, True],
        [True, False, True],
        [False, False, False],
    ]


def test_corners_join_what_does_not_print_only() -> None:
    lines = Topology(drawn("...##...##... " * 6))
    slant, gap = np.tile(lines.nominal, (2, 1, 1))
    slant[2, 5], slant[3, 6], slant[2, 7] = True, True, True  # corner to corner: does not join
    gap[2, 3], gap[3, 4] = False, False  # corner to corner: cuts
    assert lines.failed(np.stack([slant, gap])).tolist() == [[False, False, False], [False, False, True]]


def test_a_contact_over_the_corner_of_the_field_is_one_and_may_join_its_own_copy() -> None:
    nominal = np.zeros((12, 12), dtype=bool)
    nominal[4:8, 4:8] = True
    bridge = nominal.copy()
    bridge[5] = True
    for shift in ((0, 0), (6, 6), (6, 0), (3, 5)):
        topology = Topology(np.roll(nominal, shift, axis=(0, 1)))
        assert topology.features.max() == 1
        prints = np.stack([np.roll(p, shift, axis=(0, 1)) for p in (nominal, bridge, nominal & False)])
        assert topology.failed(prints)[:, :2].tolist() == [[False, False], [False, True], [True, False]]


def test_a_contact_of_one_pixel_is_missing_as_often_as_poisson_says() -> None:
    intensity = np.zeros((3, 3))
    intensity[1, 1] = 1.0
    noise = duv(1.0, 0.0)
    mean = noise.absorbed_per_nm2 * 4
    found = contact_statistics(intensity, noise, 3.5 / mean, trials=8000, seed=11, pixel_nm=2.0)
    exact = stats.poisson.cdf(3, mean)
    low, high = found.failures.interval
    assert low < exact < high and found.failures.probability == pytest.approx(exact, rel=0.1)
    assert found.failures.missing == found.failures.failed and found.lost_share == found.failures.probability


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_interval_covers_the_truth_as_often_as_it_says(limit: int) -> None:
    noise = duv(1.0, 0.0)
    pixel = math.sqrt(4 / noise.absorbed_per_nm2)
    mean = noise.absorbed_per_nm2 * pixel**2
    intensity = np.ones((10, 10))  # 100 pixels: as many independent trials of one contact each
    truth, covered = stats.poisson.cdf(limit, mean), 0
    exposures, interval = Exposures(intensity, (pixel, pixel), noise, 17), cache(clopper_pearson)
    for run in range(1000):
        failed = int((exposures.latent(run) * mean < limit + 0.5).sum())
        low, high = interval(failed, 100)
        covered += low <= truth <= high
    assert covered / 1000 >= 0.93  # 0.95 or more, less three standard deviations of 1000 runs


def test_the_interval_is_that_of_the_beta_quantiles() -> None:
    low, high = clopper_pearson(3, 50, 0.9)
    assert low == pytest.approx(stats.beta.ppf(0.05, 3, 48), rel=1e-9)
    assert high == pytest.approx(stats.beta.ppf(0.95, 4, 47), rel=1e-9)
    assert clopper_pearson(0, 100)[0] == 0 and clopper_pearson(0, 100)[1] == pytest.approx(1 - 0.025**0.01, rel=1e-9)
