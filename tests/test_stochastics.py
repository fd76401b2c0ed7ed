"""Laws of shot noise: Poisson statistics, roughness in closed form, exact failure probabilities, honest intervals."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from litho.failures import Topology, clopper_pearson
from litho.grid import Grid
from litho.rare_failures import KINDS, rare_failure, tilted_probability
from litho.roughness import correlation_length, crossing, power_spectrum, spans
from litho.shot_noise import Exposures, ShotNoise, photons_per_nm2
from litho.stochastics import contact_statistics, line_statistics

SURE = 0.999
"""Confidence of the intervals that closed forms must lie in: the seeds are fixed, and none is chosen."""


def duv(dose: float = 20.0, blur_nm: float = 5.0, **more: Any) -> ShotNoise:
    return ShotNoise(dose, 193.0, 2.0, 80.0, blur_nm, **more)


def ramps(ny: int, nx: int = 120) -> np.ndarray:
    """One line whose edges lie in the middle of linear slopes, 0.8 per half field, 1 nm a pixel."""
    tent = 1 - np.abs(2 * (np.arange(nx) + 0.5) / nx - 1)
    return np.tile(0.1 + 0.8 * tent, (ny, 1))


def latents(intensity: np.ndarray, noise: ShotNoise, trials: int, pixel: float = 1.0, seed: int = 7) -> np.ndarray:
    exposures = Exposures(intensity, (pixel, pixel), noise, seed)
    return np.concatenate([batch for _, batch in exposures.batches(trials)])


# --- photons ------------------------------------------------------------------------------------------------------


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


# --- edges --------------------------------------------------------------------------------------------------------


def test_edges_of_a_wave_are_found_to_the_fourth_order() -> None:
    errors = []
    for n in (16, 32):
        x = (np.arange(n) + 0.3) / n
        (line,) = spans(0.5 + 0.4 * np.cos(2 * np.pi * x), 0.6)
        half = math.acos(0.25) / (2 * math.pi)
        places = np.array([line.left, line.right]) / n + 0.3 / n
        errors.append(np.abs(places - [1 - half, 1 + half]).max())
    assert errors[1] < 2e-5 and errors[0] / errors[1] > 10


def test_the_crossing_nearest_to_the_expected_place_is_taken_and_none_is_not_a_number() -> None:
    row = np.array([0.0, 1, 0, 0, 1, 1, 0, 0])
    assert crossing(row, 0.5, (0, 5), 3.4, rising=True) == pytest.approx(3.5, abs=0.1)
    assert crossing(row, 0.5, (0, 5), 1.4, rising=True) == pytest.approx(0.5, abs=0.1)
    assert np.isnan(crossing(row, 0.5, (1, 3), 2.0, rising=True))
    assert crossing(row, 0.5, (5, 8), 6.0, rising=False) == pytest.approx(5.5, abs=0.1)
    assert crossing(row, 0.5, (-4, -2), -3.0, rising=False) == pytest.approx(-2.5, abs=0.1)


def test_the_power_spectrum_sums_to_the_variance() -> None:
    rng = np.random.default_rng(3)
    for n in (30, 31):
        deviation = rng.standard_normal((5, n))
        frequency, density = power_spectrum(deviation, 2.5)
        assert density.sum() * frequency[1] == pytest.approx((deviation**2).mean(), rel=1e-12)


def test_the_correlation_length_of_a_gaussian_spectrum_is_that_of_its_formula() -> None:
    frequency = np.arange(200) / 400.0
    density = np.exp(-4 * (np.pi * 6.0 * frequency) ** 2)
    density[0] /= 2  # 0 stands alone, the others for both sides
    assert correlation_length(frequency, density) == pytest.approx(12, rel=1e-3)
    with pytest.raises(ValueError, match="twice the correlation length"):
        correlation_length(np.arange(2) / 10.0, np.array([1.0, 0.1]))


# --- roughness ----------------------------------------------------------------------------------------------------


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


# --- failures -----------------------------------------------------------------------------------------------------


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


# --- rare failures ------------------------------------------------------------------------------------------------


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


def spot(nx: int = 40) -> np.ndarray:
    x = np.arange(nx) + 0.5 - nx / 2
    return 0.02 + np.exp(-(x[:, None] ** 2 + x**2) / (2 * 8.0**2))


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
    with pytest.raises(ValueError, match="nothing in it can be broken"):
        rare_failure(spot(32), duv(1.0), 0.5, "broken", trials=50, seed=1, pixel_nm=1.0)
    with pytest.raises(ValueError, match="`noise` must be that of photons alone"):
        rare_failure(spot(32), duv(1.0, acids_per_photon=2.0), 0.5, "missing", trials=50, seed=1, pixel_nm=1.0)


# --- promises -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"acids_per_photon": 2.0, "quencher_per_nm2": 3.0}])
def test_the_same_seed_gives_the_same_bits_whatever_the_batch(more: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    exposures = Exposures(ramps(30, 60), (1.0, 1.0), duv(5.0, **more), 12)
    whole = np.concatenate([z for _, z in exposures.batches(23)])
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    parts = np.concatenate([z for _, z in exposures.batches(23, 4)])
    assert np.array_equal(whole, parts) and np.array_equal(whole[17], exposures.latent(17))
    assert not np.array_equal(whole[0], whole[1])
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
    with pytest.raises(ValueError, match="`across` must be 'x' or 'y', but got 'z'"):
        line_statistics(ramps(8), duv(), 0.3, trials=3, seed=1, pixel_nm=1.0, across="z")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`image` must print every feature in two exposures"):
        line_statistics(ramps(90), duv(0.05), 0.8, trials=3, seed=1, pixel_nm=1.0)
