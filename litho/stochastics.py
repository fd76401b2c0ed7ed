"""Lines and contacts printed many times over: roughness, uniformity and failures, each with its confidence interval.

An exposure is sampled with the scatter of `litho.shot_noise`, printed by the threshold, and measured: edges to a
fraction of a pixel (`litho.roughness`), and whether the print hangs together as it should (`litho.failures`). Features
that failed have no edges; they are counted, and left out of the other figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array
from litho.failures import Failures, Labels, Topology, check_confidence
from litho.roughness import (
    Estimate,
    Span,
    correlation_length,
    deviations,
    mean_over_trials,
    power_spectrum,
    spans,
    standard_deviation,
)
from litho.shot_noise import Exposures, Pixel, ShotNoise, intensity_on_pixels

if TYPE_CHECKING:
    from litho.image import AerialImage

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
Tone: TypeAlias = Literal["bright", "dark"]


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Features of one field over many exposures: what lines and contacts have in common.

    Parameters
    ----------
    trials, features
        exposures, and features in the field
    cd_mean, cd_sigma
        mean, and standard deviation from exposure to exposure, of a feature's width, nm
    lost_share
        share of the features without their edges; they count for no figure but the failures
    failures
        missing, bridged (merged) and broken features
    """

    trials: int
    features: int
    cd_mean: Estimate
    cd_sigma: Estimate
    lost_share: float
    failures: Failures

    @property
    def cd_mean_nm(self) -> float:
        """Mean width."""
        return self.cd_mean.value

    @property
    def cd_sigma_nm(self) -> float:
        """Standard deviation of the width."""
        return self.cd_sigma.value


@dataclass(frozen=True, eq=False)
class ContactStatistics(FeatureStatistics):
    """Contacts of one field over many exposures, each measured along x through its centre.

    `cd_sigma` is the local uniformity of their width.
    """


@dataclass(frozen=True, eq=False)
class LineStatistics(FeatureStatistics):
    """Lines of one field over many exposures.

    Widths are averaged over a line's length in the field, so that `cd_sigma` is the part of the roughness that is
    longer than the field. A line is lost if an edge is not found in some row.

    Parameters
    ----------
    length_nm
        of a line in the field
    ler, lwr
        three standard deviations of an edge's place and of a line's width, in nm, at any one row
    frequency_per_nm, ler_density_nm3, lwr_density_nm3 : (n,) real
        one-sided power spectral densities of edges and widths; the sum over 1 / length is the variance
    """

    length_nm: float
    ler: Estimate
    lwr: Estimate
    frequency_per_nm: Floats
    ler_density_nm3: Floats
    lwr_density_nm3: Floats

    @property
    def ler_nm(self) -> float:
        """Line-edge roughness, three standard deviations."""
        return self.ler.value

    @property
    def lwr_nm(self) -> float:
        """Line-width roughness, three standard deviations."""
        return self.lwr.value

    @property
    def correlation_length_nm(self) -> float:
        """Distance along an edge at which its autocorrelation falls to 1/e."""
        return correlation_length(self.frequency_per_nm, self.ler_density_nm3)


def line_statistics(
    image: AerialImage | Array,
    noise: ShotNoise,
    threshold: float,
    *,
    trials: int,
    seed: int,
    pixel_nm: Pixel | None = None,
    across: Literal["x", "y"] = "x",
    tone: Tone = "bright",
    confidence: float = 0.95,
    batch: int | None = None,
) -> LineStatistics:
    """Roughness, width and failures of straight lines.

    Parameters
    ----------
    image : AerialImage, or (ny, nx) real
        intensity relative to the clear field, sampled finely enough for its pixels to resolve `noise.blur_nm`
    noise
        dose and resist
    threshold
        of the latent image, in units of the clear field
    trials
        exposures, at least 2; the edges of all of them are kept, 16 bytes per line and row
    seed
        the same seed gives the same bits, whatever the batch
    pixel_nm
        size of a pixel, or (y, x); for arrays only
    across
        axis that runs across the lines
    tone
        whether lines are bright (at the threshold and above) or dark
    confidence
        of all intervals
    batch
        exposures in memory at a time

    References
    ----------
    For little noise LER = 3 sigma / slope, with the latent image's sigma (`ShotNoise.sigma`) and slope at the edge:
    C. A. Mack, "Line-edge roughness and the ultimate limits of lithography", Proc. SPIE 7639 (2010).
    """
    intensity, (py, px) = intensity_on_pixels(image, pixel_nm)
    if across not in ("x", "y"):
        raise ValueError(f"`across` must be 'x' or 'y', but got {across!r}.")
    if across == "y":
        intensity, py, px = np.ascontiguousarray(intensity.T), px, py
    prints = _Prints(Exposures(intensity, (py, px), noise, seed), threshold, tone)
    lines = _lines(prints.mean, prints.level)

    def measured(latents: Floats) -> Floats:
        return np.stack([line.edges(latents, prints.level) for line in lines], axis=1)

    edges, failures = prints.run(trials, confidence, batch, measured)
    edges = np.moveaxis(edges * px, -1, 2)  # (trials, lines, 2 edges, rows)
    valid = _valid(edges)
    edge, width = deviations(edges, valid), edges[:, :, 1] - edges[:, :, 0]
    wide = deviations(width, valid)
    mean_width = width.mean(axis=-1)
    frequency, ler_density = power_spectrum(edge[valid], py)
    return LineStatistics(
        trials=trials,
        features=len(lines),
        length_nm=py * len(intensity),
        ler=_times3(standard_deviation(edge, valid, confidence)),
        lwr=_times3(standard_deviation(wide, valid, confidence)),
        cd_mean=mean_over_trials(mean_width, valid, confidence),
        cd_sigma=standard_deviation(deviations(mean_width, valid), valid, confidence),
        frequency_per_nm=frequency,
        ler_density_nm3=ler_density,
        lwr_density_nm3=power_spectrum(wide[valid], py)[1],
        lost_share=float((~valid).mean()),
        failures=failures,
    )


def contact_statistics(
    image: AerialImage | Array,
    noise: ShotNoise,
    threshold: float,
    *,
    trials: int,
    seed: int,
    pixel_nm: Pixel | None = None,
    tone: Tone = "bright",
    confidence: float = 0.95,
    batch: int | None = None,
) -> ContactStatistics:
    """Width, its uniformity, and failures of contacts; see `line_statistics` for the arguments."""
    intensity, size = intensity_on_pixels(image, pixel_nm)
    prints = _Prints(Exposures(intensity, size, noise, seed), threshold, tone)
    contacts = _contacts(prints.topology.features, prints.mean, prints.level)

    def measured(latents: Floats) -> Floats:
        return np.stack([span.edges(latents[:, row], prints.level) for row, span in contacts], axis=1)

    edges, failures = prints.run(trials, confidence, batch, measured)
    valid = _valid(edges)
    width = (edges[..., 1] - edges[..., 0]) * size[1]
    return ContactStatistics(
        trials=trials,
        features=len(contacts),
        cd_mean=mean_over_trials(width, valid, confidence),
        cd_sigma=standard_deviation(deviations(width, valid), valid, confidence),
        lost_share=float((~valid).mean()),
        failures=failures,
    )


class _Prints:
    """Exposures of one image and their threshold, both with the sign that makes features bright."""

    def __init__(self, exposures: Exposures, threshold: float, tone: Tone) -> None:
        if tone not in ("bright", "dark"):
            raise ValueError(f"`tone` must be 'bright' or 'dark', but got {tone!r}.")
        self.exposures, self.sign = exposures, 1 if tone == "bright" else -1
        self.level, self.mean = threshold * self.sign, exposures.mean * self.sign
        self.topology = Topology(self.mean >= self.level)

    def run(
        self, trials: int, confidence: float, batch: int | None, measured: Callable[[Floats], Floats]
    ) -> tuple[Floats, Failures]:
        """Return what is measured on every exposure, (trials, ...), and the failures."""
        check_confidence(confidence)
        places, failed = [], []
        for _, latents in self.exposures.batches(trials, batch):
            places.append(measured(latents * self.sign))
            failed.append(self.topology.failed(latents * self.sign >= self.level))
        each = np.concatenate(failed)
        missing, bridged, broken = (int(n) for n in each.sum(axis=0))
        return np.concatenate(places), Failures(
            trials, int(each.any(axis=1).sum()), missing, bridged, broken, confidence
        )


def _lines(mean: Floats, level: float) -> list[Span]:
    """Return the straight lines of the image without noise, on every row alike."""
    lines = spans(mean.mean(axis=0), level)
    edges = np.array([line.edges(mean, level) for line in lines])
    crossings = np.count_nonzero((mean >= level) != np.roll(mean >= level, 1, axis=1), axis=1)
    if not lines or np.isnan(edges).any() or (crossings != 2 * len(lines)).any():
        raise ValueError(
            f"`image` must show the same straight lines on each row at the threshold, but shows {len(lines)} in the "
            f"mean and {crossings.min() // 2} to {crossings.max() // 2} on single rows."
        )
    return lines


def _contacts(features: Labels, mean: Floats, level: float) -> list[tuple[int, Span]]:
    """Return the row through the centre of each contact of the image without noise, and its edges there."""
    found = []
    for label in range(1, int(features.max()) + 1):
        row, column = (_center(np.nonzero(features == label)[k], n) for k, n in enumerate(mean.shape))
        around = [
            span
            for span in spans(mean[int(row)], level)
            if 0 <= (column - span.left) % mean.shape[1] <= span.right - span.left
        ]
        if not around:
            raise ValueError(f"`image` must show contacts that hold their own centre, but the {label}th does not.")
        found.append((int(row), around[0]))
    return found


def _center(places: NDArray[np.intp], period: int) -> int:
    """Return the sample nearest to the mean of places on a circle."""
    turn = np.exp(2j * np.pi * places / period).sum()
    return round(float(np.angle(turn)) / (2 * np.pi) * period) % period


def _valid(edges: Floats) -> Bits:
    """Return which features (trials, features) have all their edges (trials, features, ...)."""
    valid = np.isfinite(edges).reshape(*edges.shape[:2], -1).all(axis=-1)
    if (valid.sum(axis=0) < 2).any():
        raise ValueError("`image` must print every feature in two exposures at least, but some failed in nearly all.")
    return np.asarray(valid)


def _times3(estimate: Estimate) -> Estimate:
    low, high = estimate.interval
    return Estimate(3 * estimate.value, (3 * low, 3 * high))
