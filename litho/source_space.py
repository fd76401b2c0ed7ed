"""Sources that an illuminator can make, as free variables: every constraint holds whatever the variables are.

    variables -> sigmoid -> lifted to the fill -> symmetric pixels -> blurred -> map of brightness, 0 to 1

There is one variable for each set of pixels that symmetry makes alike. Where too little would shine, all variables are
raised by the one number that makes it enough; the derivative of that number counts in the adjoint. Blur is a mean over
neighbours, so it keeps the brightness below 1 and even light even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from litho.backend import Array, like, real_dtype, to_host
from litho.source import Source
from litho.source_maps import SLIVER
from litho.source_shapes import SourcePoints, Values
from litho.source_weights import pixel_weights

SYMMETRIES = ("none", "x", "y", "xy", "fourfold")

DIMMEST, BRIGHTEST = 0.05, 0.95
"""Brightness at the start of what is dark, and of what is bright: a sigmoid of 0 or 1 would not move."""

ROUNDING = 1e-9
"""A pixel this far beyond a radius is within it."""


@dataclass(frozen=True)
class SourceLimits:
    """What an illuminator can make.

    Parameters
    ----------
    pixels
        of the map of the source, on either side of [-1, 1]^2
    sigma_inner, sigma_outer
        radii between which light may come, direction sines over NA: pixels that lie between them whole may shine
    symmetry
        "x": the same at -x and x; "y": at -y and y; "xy": both; "fourfold": x and y also exchanged; "none"
    min_fill
        smallest pupil fill, the mean brightness of the unit disc over the largest: no pixel is brighter than
        1 / `min_fill` times the mean
    blur
        standard deviation of the Gaussian that each programmed pixel is spread by, in direction sines over NA
    """

    pixels: int = 31
    sigma_inner: float = 0.0
    sigma_outer: float = 0.95
    symmetry: Literal["none", "x", "y", "xy", "fourfold"] = "xy"
    min_fill: float = 0.1
    blur: float = 0.03

    def __post_init__(self) -> None:
        if not 3 <= self.pixels <= 255:
            raise ValueError(f"`pixels` must be in 3..255, but got {self.pixels}.")
        if not 0 <= self.sigma_inner < self.sigma_outer <= 1:
            raise ValueError(
                "`sigma_inner` and `sigma_outer` must obey 0 <= sigma_inner < sigma_outer <= 1, "
                f"but got {self.sigma_inner} and {self.sigma_outer}."
            )
        if self.symmetry not in SYMMETRIES:
            raise ValueError(f"`symmetry` must be one of {SYMMETRIES}, but got {self.symmetry!r}.")
        if not (math.isfinite(self.blur) and self.blur >= 0):
            raise ValueError(f"`blur` must be a number of at least 0, but got {self.blur}.")
        fill = _fill_of(*_ring(self))
        if fill == 0:
            raise ValueError(
                f"`pixels` must be enough for one between the radii {self.sigma_inner} and {self.sigma_outer}, "
                f"but got {self.pixels}."
            )
        if not 0 < self.min_fill < fill:
            raise ValueError(
                f"`min_fill` must be above 0 and below {fill:.4g}, the fill with all pixels between `sigma_inner` and "
                f"`sigma_outer` lit, but got {self.min_fill}."
            )


@dataclass(frozen=True, eq=False)
class SourceSpace:
    """All realisable sources; made by `sources_within`.

    Parameters
    ----------
    limits
        what the illuminator can make
    ring : (n, n) bool
        pixels that may shine
    share : (n, n) real
        of each pixel that lies in the unit disc
    mixing : (P, K) real
        brightness of the pixels of the ring, row by row, for each of K variables at 1; its rows sum to 1
    fill : (K,) real
        what each variable at 1 adds to the pupil fill
    """

    limits: SourceLimits
    ring: NDArray[np.bool_]
    share: Values
    mixing: Values
    fill: Values

    def __len__(self) -> int:
        return len(self.fill)

    @property
    def all_lit(self) -> Source:
        """The source with every pixel of the ring lit: its points and its extent serve any other."""
        return Source.pixels(self.ring * self.share)

    @property
    def spacing(self) -> float:
        """Spacing of points that gives each pixel one, or two where an axis cuts it."""
        return 2 / self.limits.pixels

    def brightness(self, values: Array) -> Values:
        """Return the map (n, n), row 0 at y = -1, of what `lifted` returned, (..., K): 0..1 and dark off the ring."""
        result = np.zeros(self.ring.shape)
        result[self.ring] = self.mixing @ np.ravel(to_host(values))
        return result

    def source(self, values: Array) -> Source:
        """Return the source of what `lifted` returned, (..., K)."""
        return Source.pixels(self.brightness(values) * self.share)

    def point_light(self, points: SourcePoints) -> Values:
        """Return the light of each of the points of `all_lit` for each variable at 1, (S, K)."""
        columns = []
        for column in self.mixing.T:
            brightness = np.zeros(self.ring.shape)
            brightness[self.ring] = column
            columns.append(np.asarray(pixel_weights(brightness, points)))
        return np.stack(columns, axis=1)

    def variables(self, source: Source | None = None) -> Values:
        """Return variables to start from, (K,): those nearest to a source, before blur.

        All are alike if none is given, or if it is dark where light may come from.
        """
        bright = np.zeros(self.ring.shape)
        if source is not None:
            bright[self.ring] = source.to_map(self.limits.pixels)[self.ring] / self.share[self.ring]
        if not bright.any():
            return np.zeros(len(self))
        labels = _orbits(self.ring, self.limits.symmetry)[self.ring]
        means = np.bincount(labels, bright[self.ring]) / np.bincount(labels)
        values: Values = logit(DIMMEST + (BRIGHTEST - DIMMEST) * means / means.max())
        return values


@dataclass(frozen=True, eq=False)
class SavedLift:
    """What `lifted_adjoint` needs: slope of the sigmoids, (K,), and whether the fill had to be raised."""

    slope: Values
    raised: bool


def sources_within(limits: SourceLimits) -> SourceSpace:
    """Return the realisable sources of an illuminator."""
    ring, share = _ring(limits)
    labels = _orbits(ring, limits.symmetry)[ring]
    orbits = (labels[:, None] == np.arange(labels.max() + 1)).astype(float)
    mixing = orbits
    if limits.blur > 0:
        place = (np.argwhere(ring) + 0.5) * (2 / limits.pixels)
        squared = ((place[:, None, :] - place[None, :, :]) ** 2).sum(axis=-1)
        spread = np.exp(-squared / (2 * limits.blur**2)) * share[ring]
        mixing = (spread / spread.sum(axis=1, keepdims=True)) @ orbits
    area = 4 / limits.pixels**2 / math.pi
    return SourceSpace(limits, ring, share, mixing, area * (share[ring] @ mixing))


def lifted(variables: Array, space: SourceSpace) -> tuple[Array, SavedLift]:
    """Programmed brightness of each set of pixels, filling enough of the pupil.

    Parameters
    ----------
    variables : (..., K) real
        any numbers, of one source
    space
        the illuminator

    Returns
    -------
    values : (..., K) real, in 0..1
        sigmoids of the variables, or of all of them raised by the number that makes the fill `min_fill`
    saved
        what `lifted_adjoint` needs
    """
    free = np.ravel(to_host(variables)).astype(np.float64)
    goal = space.limits.min_fill
    raised = bool(space.fill @ expit(free) < goal)
    if raised:
        free = free + _lift(free, space.fill, goal)
    values = expit(free)
    shaped = np.reshape(values, tuple(variables.shape))
    return like(shaped, variables, real_dtype(variables)), SavedLift(values * (1 - values), raised)


def lifted_adjoint(values_bar: Array, saved: SavedLift, space: SourceSpace) -> Array:
    """Gradient with respect to `variables`, from the one with respect to `values`."""
    bar, slope = np.ravel(to_host(values_bar)).astype(np.float64), saved.slope
    if saved.raised:  # the number that all are raised by keeps fill @ values: its derivative is that of a constraint
        bar = bar - space.fill * ((slope @ bar) / (slope @ space.fill))
    shaped = np.reshape(slope * bar, tuple(values_bar.shape))
    return like(shaped, values_bar, real_dtype(values_bar))


def pupil_fill(source: Source, pixels: int) -> float:
    """Return the mean brightness of the unit disc over the largest, on a map of so many pixels on either side."""
    light = source.to_map(pixels)
    share = Source.conventional(1.0).to_map(pixels)
    peak = (light[share > 0] / share[share > 0]).max()
    return float(light.sum() * 4 / pixels**2 / math.pi / peak)


def _lift(free: Values, fill: Values, goal: float) -> float:
    """Return the number that raises all variables so far that the fill is `goal`, or a rounding more."""
    low, high = 0.0, 1.0 + abs(float(free.min()))
    while fill @ expit(free + high) < goal:
        high *= 2
    lift = float(brentq(lambda t: fill @ expit(free + t) - goal, low, high, xtol=1e-13, rtol=1e-14))
    while fill @ expit(free + lift) < goal:
        lift += 1e-13 * max(1.0, abs(lift))
    return lift


def _ring(limits: SourceLimits) -> tuple[NDArray[np.bool_], Values]:
    """Return which pixels lie whole between the radii, the unit disc's rim apart, and their share in the disc."""
    ends = np.abs(np.linspace(-1, 1, limits.pixels + 1))
    low, high = np.minimum(ends[:-1], ends[1:]), np.maximum(ends[:-1], ends[1:])
    if limits.pixels % 2:
        low[limits.pixels // 2] = 0.0
    nearest, furthest = np.hypot(low, low[:, None]), np.hypot(high, high[:, None])
    share = Source.conventional(1.0).to_map(limits.pixels)
    within = furthest <= limits.sigma_outer + ROUNDING if limits.sigma_outer < 1 else nearest <= 1 - SLIVER
    return within & (nearest >= limits.sigma_inner - ROUNDING) & (share > 0), share


def _fill_of(ring: NDArray[np.bool_], share: Values) -> float:
    return float(share[ring].sum() * 4 / share.size / math.pi)


def _orbits(ring: NDArray[np.bool_], symmetry: str) -> NDArray[np.intp]:
    """Return the number of the variable of each pixel, (n, n); -1 off the ring."""
    index = np.arange(ring.size).reshape(ring.shape)
    first = index
    if symmetry in ("x", "xy", "fourfold"):
        first = np.minimum(first, first[:, ::-1])
    if symmetry in ("y", "xy", "fourfold"):
        first = np.minimum(first, first[::-1])
    if symmetry == "fourfold":
        first = np.minimum(first, first.T)
    result = np.full(ring.shape, -1)
    result[ring] = np.unique(first[ring], return_inverse=True)[1]
    return result
