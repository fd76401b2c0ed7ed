"""How often a print fails that fails too rarely to be waited for: importance sampling with exact weights.

Exposures are sampled with more photons, or fewer, where a failure is likely to begin, so that many of them fail; each
then counts by how much less likely it was in truth. For Poisson numbers that ratio is known exactly: a mean of
m exp(t) instead of m weighs a count n by exp(m exp(t) - m - t n) (exponential tilting). The tilt is a multiple of what
each pixel gives to the latent image at a *site*, and moves its mean there to the threshold, which is the likeliest way
to fail at that site. A site is drawn by chance for each exposure, and the weight counts all sites.

Nothing is extrapolated: an estimate to which too few exposures contribute is refused.

References
----------
J. A. Bucklew, "Introduction to Rare Event Simulation", Springer 2004.
A. B. Owen, Y. Zhou, "Safe and effective importance sampling", JASA 95, 135 (2000), for the mixture's weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from litho.backend import Array
from litho.failures import Topology, check_confidence
from litho.shot_noise import Exposures, Floats, Pixel, ShotNoise, intensity_on_pixels

if TYPE_CHECKING:
    from litho.image import AerialImage

Bits = NDArray[np.bool_]
Kind = Literal["missing", "bridged", "broken"]
KINDS = ("missing", "bridged", "broken")

LEAST_EFFECTIVE = 100
"""Exposures of equal weight that an estimate must be worth."""

NEWTON_STEPS = 60
UNLIKELY = 1e-6
"""Sites this much less likely than the likeliest are left out."""


@dataclass(frozen=True)
class RareFailure:
    """Probability that one exposure of a field fails in one way.

    Parameters
    ----------
    probability
        estimate without bias
    interval
        normal interval of the weighted mean
    trials
        exposures sampled
    failed
        exposures that failed among them, where failures were made likely
    effective
        number of equally weighted failures that would tell as much
    """

    probability: float
    interval: tuple[float, float]
    trials: int
    failed: int
    effective: float


def rare_failure(
    image: AerialImage | Array,
    noise: ShotNoise,
    threshold: float,
    kind: Kind,
    *,
    trials: int,
    seed: int,
    pixel_nm: Pixel | None = None,
    confidence: float = 0.95,
) -> RareFailure:
    """Probability that a feature of the field does not print, that two join, or that one is cut through.

    Parameters
    ----------
    image : AerialImage, or (ny, nx) real
        intensity relative to the clear field; bright features print
    noise
        dose and resist, without scatter of acids per photon and without quencher
    threshold
        of the latent image, in units of the clear field
    kind
        "missing", "bridged" or "broken", as in `litho.failures.Failures`
    trials
        exposures to sample
    seed
        of the random numbers
    pixel_nm
        size of a pixel, or (y, x); for arrays only
    confidence
        of the interval

    Raises
    ------
    ValueError
        where too few of the exposures fail or a few of them carry most of the weight: then failures do not begin as
        assumed (where a feature is brightest, or half-way between two), or `trials` are too few
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {KINDS}, but got {kind!r}.")
    intensity, size = intensity_on_pixels(image, pixel_nm)
    exposures = Exposures(intensity, size, noise, seed)
    topology = Topology(exposures.mean >= threshold)
    sites = _sites(topology, exposures, kind)
    if len(sites) == 0:
        raise ValueError(f"`kind` must be a failure that this pattern can have, but nothing in it can be {kind}.")

    def failing(latents: Floats) -> Bits:
        return topology.failed(latents >= threshold)[:, KINDS.index(kind)]

    return tilted_probability(exposures, sites, threshold, failing, trials, confidence)


def tilted_probability(
    exposures: Exposures,
    sites: NDArray[np.intp],
    level: float,
    event: Callable[[Floats], Bits],
    trials: int,
    confidence: float = 0.95,
) -> RareFailure:
    """Probability of an event that happens most easily where the latent image takes a level at one of the sites.

    Parameters
    ----------
    exposures
        image, dose and resist, and the seed
    sites : (sites, 2) int
        pixels (row, column)
    level
        mean of the latent image at the chosen site, positive
    event
        which of latent images (n, ny, nx) count, (n,) bool
    trials
        exposures to sample
    confidence
        of the interval
    """
    check_confidence(confidence)
    if exposures.noise.acids_per_photon is not None or exposures.noise.quencher_per_nm2 > 0:
        raise ValueError("`noise` must be that of photons alone, but got one of acids or quencher.")
    tilts = _Tilts(exposures, sites, level)
    batches = exposures.batches(trials, sample=tilts.latent)
    weights = [np.where(event(latents), tilts.weight(latents), 0.0) for _, latents in batches]
    return _estimate(np.concatenate(weights), confidence)


class _Tilts:
    """The mixture of tilted exposures, one for each site."""

    def __init__(self, exposures: Exposures, sites: NDArray[np.intp], level: float) -> None:
        if not level > 0:
            raise ValueError(f"`threshold` must be positive, but got {level}.")
        self.exposures = exposures
        solved = [self._solve(site, level) for site in sites]
        strength, log_norm = np.array(solved).T
        likely = log_norm - strength * level  # log of the probability, by the theory of large deviations
        chosen = likely > likely.max() + math.log(UNLIKELY)
        self.sites, self.strength, self.log_norm = sites[chosen], strength[chosen], log_norm[chosen]
        share = np.exp(likely[chosen] - likely.max())
        self.share = share / share.sum()
        self.steps = np.cumsum(self.share)[:-1]

    @cached_property
    def kernel(self) -> Floats:
        """What a photon absorbed in pixel (0, 0) adds to the latent image."""
        one = np.zeros_like(self.exposures.intensity)
        one[0, 0] = 1 / (self.exposures.noise.absorbed_per_nm2 * self.exposures.area_nm2)
        return self.exposures.blurred(one)

    def latent(self, trial: int) -> Floats:
        """Return the latent image of one exposure that is tilted at one site."""
        rng, exposures = self.exposures.generator(trial), self.exposures
        chosen = int(np.searchsorted(self.steps, rng.random(), side="right"))
        tilt = np.exp(self.strength[chosen] * self._reach(self.sites[chosen]))
        counts = rng.poisson(exposures.photons * tilt).astype(np.float64)
        return exposures.blurred(counts / (exposures.noise.absorbed_per_nm2 * exposures.area_nm2))

    def weight(self, latents: Floats) -> Floats:
        """Return how likely latent images (n, ny, nx) are without tilts, relative to with them: (n,)."""
        at_sites = latents[:, self.sites[:, 0], self.sites[:, 1]]
        return np.asarray(1 / (np.exp(at_sites * self.strength - self.log_norm) @ self.share))

    def _reach(self, site: NDArray[np.intp]) -> Floats:
        return np.roll(self.kernel, tuple(site), axis=(0, 1))

    def _solve(self, site: NDArray[np.intp], level: float) -> tuple[float, float]:
        """Return the strength that moves the mean at a site to the level, and the log of the weights' norm."""
        reach, photons = self._reach(site), self.exposures.photons
        strength = 0.0
        for _ in range(NEWTON_STEPS):  # on the logarithm of the mean, convex in the strength
            tilted = photons * np.exp(strength * reach) * reach
            mean, slope = float(tilted.sum()), float((tilted * reach).sum())
            strength -= math.log(mean / level) * mean / slope
        return strength, float((photons * np.expm1(strength * reach)).sum())


def _sites(topology: Topology, exposures: Exposures, kind: Kind) -> NDArray[np.intp]:
    """Return where failures begin: each feature's brightest pixel, or points a blur apart between what may join."""
    if kind == "missing":
        labels = topology.features
        features = [np.where(labels == k, exposures.mean, -np.inf) for k in range(1, int(labels.max()) + 1)]
        return np.stack([np.unravel_index(f.argmax(), f.shape) for f in features])
    places = np.argwhere(topology.borders[kind == "bridged"])
    apart = np.maximum(1, np.floor(exposures.noise.blur_nm / np.array(exposures.pixel_nm)))
    _, first = np.unique(places // apart.astype(int), axis=0, return_index=True)
    return places[np.sort(first)]


def _estimate(weights: Floats, confidence: float) -> RareFailure:
    """Return the mean of weights (trials,), 0 where nothing failed, with its interval."""
    trials, failed = len(weights), int(np.count_nonzero(weights))
    effective = float(weights.sum() ** 2 / (weights**2).sum()) if failed else 0.0
    if effective < LEAST_EFFECTIVE:
        raise ValueError(
            f"`trials` must give failures worth {LEAST_EFFECTIVE} of equal weight, but {trials} gave {effective:.0f}."
        )
    mean = float(weights.mean())
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * float(weights.std(ddof=1)) / math.sqrt(trials)
    return RareFailure(mean, (max(mean - reach, 0.0), mean + reach), trials, failed, effective)
