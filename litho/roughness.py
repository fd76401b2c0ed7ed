"""Rough edges: where the rows of an image cross a threshold, how far they scatter, and over which lengths.

Deviations are those of an edge from its own mean over many exposures, row by row, so that neither the shape of the
edge nor the finite length of the field makes the roughness look smaller: what is long compared with the field moves
the whole edge, and counts. Variances are divided by one less than the number of exposures.

References
----------
C. A. Mack, "Line-edge roughness and the ultimate limits of lithography", Proc. SPIE 7639 (2010).
V. Constantoudis et al., "Line edge roughness and critical dimension variation", J. Vac. Sci. Technol. B 22 (2004).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

HALVINGS = 30
"""Of the pixel that an edge lies in: as close as single samples can tell."""


@dataclass(frozen=True)
class Span:
    """A bright feature in a row of samples; all in pixels from the first sample, the period not taken off.

    Parameters
    ----------
    left, right
        edges in the image without noise
    before, after
        middles of the gaps on either side, where the neighbours' edges are looked for instead
    """

    left: float
    right: float
    before: float
    after: float

    @property
    def middle(self) -> float:
        """Middle of the feature."""
        return (self.left + self.right) / 2

    def edges(self, rows: Floats, level: float) -> Floats:
        """Return the left and the right edge in rows (..., nx) of a noisy image, (..., 2) pixels, NaN if lost."""
        return np.stack(
            [
                crossing(rows, level, (self.before, self.middle), self.left, rising=True),
                crossing(rows, level, (self.middle, self.after), self.right, rising=False),
            ],
            axis=-1,
        )


def spans(row: Floats, level: float) -> list[Span]:
    """Return the bright features of a periodic row (nx,) of the image without noise, in order."""
    n, above = len(row), row >= level
    rising = np.flatnonzero(~above & np.roll(above, -1))
    falling = np.flatnonzero(above & ~np.roll(above, -1))
    if len(rising) == 0:
        return []
    falling = np.roll(falling, -np.searchsorted(falling, rising[0]))
    falling = np.where(falling < rising, falling + n, falling)
    left = [float(crossing(row, level, (i, i + 1), i + 0.5, rising=True)) for i in rising.tolist()]
    right = [float(crossing(row, level, (i, i + 1), i + 0.5, rising=False)) for i in falling.tolist()]
    after = [(a + b) / 2 for a, b in zip(right, [*left[1:], left[0] + n], strict=True)]
    before = [after[-1] - n, *after[:-1]]
    return [Span(*values) for values in zip(left, right, before, after, strict=True)]


def crossing(rows: Floats, level: float, window: tuple[float, float], expected: float, *, rising: bool) -> Floats:
    """Place where rows cross a level, by the cubic through four samples.

    Parameters
    ----------
    rows : (..., nx) real
        periodic samples
    level
        to be crossed
    window
        first and last place looked at, in pixels from the first sample
    expected
        of several crossings the one nearest to this place is taken
    rising
        whether the row rises or falls there

    Returns
    -------
    place : (...) real
        in pixels from the first sample, in the window up to a pixel; NaN where no crossing is
    """
    first, last = math.floor(window[0]), math.ceil(window[1])
    part = rows.take(range(first - 1, last + 2), axis=-1, mode="wrap")
    above = part[..., 1:-1] >= level
    found = ~above[..., :-1] & above[..., 1:] if rising else above[..., :-1] & ~above[..., 1:]
    distance = np.abs(first + 0.5 + np.arange(last - first) - expected)
    nearest = np.argmin(np.where(found, distance, np.inf), axis=-1)
    samples = np.take_along_axis(part, nearest[..., None] + np.arange(4), axis=-1)
    place = first + nearest + _root((samples - level) if rising else (level - samples))
    return np.asarray(np.where(found.any(axis=-1), place, np.nan))


def _root(samples: Floats) -> Floats:
    """Return where in 0..1 the cubic through samples (..., 4) at -1, 0, 1, 2 rises through 0."""
    a, b, c, d = np.moveaxis(samples, -1, 0)
    linear, square, cube = c - a / 3 - b / 2 - d / 6, (a + c) / 2 - b, (d - a) / 6 + (b - c) / 2
    low, high = np.zeros_like(b), np.ones_like(b)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = b + middle * (linear + middle * (square + middle * cube)) >= 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2)


def deviations(values: Floats, valid: Bits) -> Floats:
    """Return values minus their mean over the trials, scaled so that their mean square is the unbiased variance.

    Parameters
    ----------
    values : (trials, features, ...) real
        anything where not valid
    valid : (trials, features) bool
        what counts; each feature at least twice

    Returns
    -------
    (trials, features, ...) real
        0 where not valid
    """
    counts, more = valid.sum(axis=0), (1,) * (values.ndim - 2)
    use = valid.reshape(*valid.shape, *more)
    mean = np.where(use, values, 0.0).sum(axis=0) / counts.reshape(-1, *more)
    scale = np.sqrt(counts / (counts - 1)).reshape(-1, *more)
    return np.asarray(np.where(use, values - mean, 0.0) * scale)


@dataclass(frozen=True)
class Estimate:
    """A figure from many exposures, with its confidence interval."""

    value: float
    interval: tuple[float, float]


def mean_over_trials(values: Floats, valid: Bits, confidence: float) -> Estimate:
    """Mean of values (trials, features), with Student's interval from the scatter of the trials' own means."""
    counted = valid.any(axis=1)
    each = np.where(valid, values, 0.0).sum(axis=1)[counted] / valid.sum(axis=1)[counted]
    reach = stats.t.ppf((1 + confidence) / 2, len(each) - 1) * each.std(ddof=1) / math.sqrt(len(each))
    mean = float(each.mean())
    return Estimate(mean, (mean - float(reach), mean + float(reach)))


def standard_deviation(deviation: Floats, valid: Bits, confidence: float) -> Estimate:
    """Root mean square of `deviations` (trials, features, ...), with the interval of the mean square's trials."""
    squares = (deviation**2).reshape(*valid.shape, -1).mean(axis=-1)
    variance = mean_over_trials(squares, valid, confidence)
    low, high = (math.sqrt(max(v, 0.0)) for v in variance.interval)
    return Estimate(math.sqrt(variance.value), (low, high))


def power_spectrum(deviation: Floats, step_nm: float) -> tuple[Floats, Floats]:
    """One-sided power spectral density of periodic deviations.

    Parameters
    ----------
    deviation : (..., n) real
        nm, at rows `step_nm` apart
    step_nm
        distance of rows

    Returns
    -------
    frequency_per_nm : (n // 2 + 1,) real
        0, 1 / length, ...
    density_nm3 : (n // 2 + 1,) real
        mean over all but the last axis; its sum over 1 / length is the mean square of the deviations (Parseval)
    """
    n = deviation.shape[-1]
    density = np.abs(np.fft.rfft(deviation, axis=-1)) ** 2 * (step_nm / n)
    sides = np.where(np.arange(n // 2 + 1) % (n / 2) == 0, 1.0, 2.0)  # 0 and Nyquist stand alone
    return np.asarray(np.fft.rfftfreq(n, step_nm)), np.asarray(density.reshape(-1, n // 2 + 1).mean(axis=0) * sides)


def correlation_length(frequency_per_nm: Floats, density_nm3: Floats) -> float:
    """Return the distance in nm at which the autocorrelation falls to 1/e; it must do so within half the field."""
    length = 1 / frequency_per_nm[1]
    lags = np.linspace(0.0, length / 2, 8 * len(frequency_per_nm))
    correlation = np.cos(2 * np.pi * np.outer(lags, frequency_per_nm)) @ density_nm3
    below = np.flatnonzero(correlation < correlation[0] / math.e)
    if len(below) == 0:
        raise ValueError("`density_nm3` must belong to a field longer than twice the correlation length, but does not.")
    high, low = correlation[below[0] - 1], correlation[below[0]]
    return float(lags[below[0] - 1] + (high - correlation[0] / math.e) / (high - low) * lags[1])
