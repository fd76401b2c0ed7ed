"""CD through dose and focus: Bossung curves, dose to size, exposure latitude, isofocal dose, exposure windows.

    series = through_focus(images, foci_nm, line, threshold=0.3)
    series.cd_nm(doses)                                # Bossung curves, (foci, doses)
    window = exposure_window(series, cd_nm=60)         # doses that keep the CD within 10 %, at every focus

Dose costs nothing: it multiplies intensity, so that a dose D is a threshold of T / D, and one image per focus is all.
`litho.window_fit` finds the largest rectangles and ellipses in windows.

References
----------
C. A. Mack, "Fundamental Principles of Optical Lithography", Wiley 2007, chapter 8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_interp_spline
from scipy.optimize import brentq

from litho.cells import Floats
from litho.cutline import CutLine, Feature, Intensity, cut, measure
from litho.line_profile import Profile, bracketed_roots

FINE = 241
"""Foci that windows are compared at, between those that were simulated."""

SCAN = 161
"""Doses at which an isofocal one is looked for, before it is found exactly."""

NARROW = 1e-9
"""A range of doses narrower than this share is none: the CD jumps over the tolerance."""


@dataclass(frozen=True, eq=False)
class ThroughFocus:
    """One feature on one cut line through focus; made by `through_focus`.

    Parameters
    ----------
    line
        the cut line
    foci_nm : (F,) real
        rising
    profiles
        intensity along the line at each focus, dose 1
    threshold
        of the resist, at dose 1
    nominal
        the feature at dose 1 and the focus nearest to 0
    """

    line: CutLine
    foci_nm: Floats
    profiles: tuple[Profile, ...]
    threshold: float
    nominal: Feature

    def cd_nm(self, doses: ArrayLike) -> Floats:
        """Return Bossung curves, (F, D): NaN where the feature does not print or has no edge on the line any more."""
        levels = self.threshold / np.atleast_1d(np.asarray(doses, dtype=np.float64))
        widths = np.stack([self._widths(profile, levels) for profile in self.profiles])
        return np.where((widths > 0) & np.isfinite(widths), widths, np.nan)

    def dose_to_size(self, cd_nm: float) -> Floats:
        """Return the dose at which the CD is `cd_nm`, (F,): NaN where there is none."""
        doses = np.array([self._doses(profile, [cd_nm])[0] for profile in self.profiles])
        pairs = zip(self.profiles, self.threshold / doses, strict=True)
        reached = np.array([self._widths(profile, [level])[0] for profile, level in pairs])
        return np.where(np.abs(reached - cd_nm) <= 1e-6 * cd_nm, doses, np.nan)

    def best_focus(self) -> ThroughFocus:
        """Return the series at the focus nearest to 0 alone."""
        k = int(np.argmin(np.abs(self.foci_nm)))
        return replace(self, foci_nm=self.foci_nm[k : k + 1], profiles=self.profiles[k : k + 1])

    def _widths(self, profile: Profile, levels: ArrayLike) -> Floats:
        """Return the CD at levels: 0 where there is no feature, infinite where it reaches beyond the line."""
        levels = np.asarray(levels, dtype=np.float64)
        place, bright = self.nominal.centre_nm, self.nominal.tone == "bright"
        left, right = profile.edges_around(place, levels)
        return np.where((profile(place) >= levels) == bright, right - left, 0.0)

    def _doses(self, profile: Profile, widths_nm: Sequence[float]) -> Floats:
        """Return the doses at which the CD reaches widths; it never falls with the dose (rises, if dark)."""
        goal = np.asarray(widths_nm, dtype=np.float64)
        top = profile.highest * (1 + 1e-9)
        low = np.full(goal.shape, math.log(max(profile.lowest, 1e-12 * top) * (1 - 1e-9)))
        high = np.full(goal.shape, math.log(top))
        levels = bracketed_roots(lambda level: self._widths(profile, np.exp(level)) - goal, low, high)
        return np.asarray(self.threshold / np.exp(levels))


@dataclass(frozen=True, eq=False)
class ExposureWindow:
    """Doses that keep a CD within its tolerance, focus by focus: the exposure-defocus tree.

    Parameters
    ----------
    name
        of the cut line, or of several
    foci_nm : (F,) real
        rising
    low, high : (F,) real
        smallest and largest dose; NaN where none will do
    """

    name: str
    foci_nm: Floats
    low: Floats
    high: Floats

    def refined(self, count: int = FINE) -> ExposureWindow:
        """Return the window at `count` foci of the same range, by cubic splines between foci that have doses."""
        fine = np.linspace(self.foci_nm[0], self.foci_nm[-1], count)
        low, high = np.full(count, np.nan), np.full(count, np.nan)
        for run in runs(np.isfinite(self.low) & np.isfinite(self.high)):
            foci = self.foci_nm[run]
            inside = (fine >= foci[0]) & (fine <= foci[-1])
            for curve, values in ((low, self.low), (high, self.high)):
                curve[inside] = spline(foci, values[run])(fine[inside])
        good = low < high
        return ExposureWindow(self.name, fine, np.where(good, low, np.nan), np.where(good, high, np.nan))

    def focus_range_nm(self, dose: float) -> tuple[float, float] | None:
        """Return the longest range of focus that this dose keeps the CD within its tolerance; None if there is none."""
        window = self.refined()
        room = np.fmin(dose - window.low, window.high - dose)
        room = np.where(np.isfinite(room), room, -np.inf)
        ranges = [self._ends(window.foci_nm, run, dose) for run in runs(room >= 0)]
        if not ranges:
            return None
        return max(ranges, key=lambda ends: ends[1] - ends[0])

    def _ends(self, fine: Floats, run: slice, dose: float) -> tuple[float, float]:
        """Return where the room of a dose ends, between the last focus that has some and the next."""
        finite = np.isfinite(self.low) & np.isfinite(self.high)
        part = next(r for r in runs(finite) if self.foci_nm[r][0] <= fine[run][0] <= self.foci_nm[r][-1])
        low, high = (spline(self.foci_nm[part], values[part]) for values in (self.low, self.high))
        ends = []
        for inner, step in ((run.start, -1), (run.stop - 1, 1)):
            outer = inner + step
            if not (0 <= outer < len(fine) and self.foci_nm[part][0] <= fine[outer] <= self.foci_nm[part][-1]):
                ends.append(float(fine[inner]))
                continue
            bracket = (fine[[inner]], fine[[outer]])
            ends.append(float(bracketed_roots(lambda f: np.minimum(dose - low(f), high(f) - dose), *bracket)[0]))
        return ends[0], ends[1]


def through_focus(
    images: Sequence[Intensity],
    foci_nm: Sequence[float],
    line: CutLine,
    threshold: float,
    *,
    near_nm: tuple[float, float] | None = None,
    tone: str = "bright",
) -> ThroughFocus:
    """Follow one feature through focus.

    Parameters
    ----------
    images
        one per focus, at dose 1
    foci_nm
        rising, at least one
    line
        the cut line; a feature whose edges leave it counts as merged with its neighbour
    threshold
        of the resist
    near_nm, tone
        which feature, see `litho.cutline.measure`. It is chosen at dose 1 and the focus nearest to 0, and followed as
        the one that holds its middle

    Raises
    ------
    ValueError
        if the feature cannot be measured there
    """
    foci = np.asarray(foci_nm, dtype=np.float64)
    if len(images) != len(foci) or len(foci) < 1:
        raise ValueError(f"`images` must be one per focus ({len(foci)}) and at least one, but got {len(images)}.")
    if not (np.isfinite(foci).all() and (np.diff(foci) > 0).all()):
        raise ValueError(f"`foci_nm` must rise, but got {[float(f) for f in foci]}.")
    profiles = tuple(cut(image, line) for image in images)
    best = profiles[int(np.argmin(np.abs(foci)))]
    nominal = measure(best, line, threshold, near_nm=near_nm, tone=tone)
    return ThroughFocus(line, foci, profiles, threshold, nominal)


def exposure_window(series: ThroughFocus, cd_nm: float | None = None, tolerance: float = 0.1) -> ExposureWindow:
    """Return the doses that keep the CD within a share of its goal.

    Parameters
    ----------
    series
        a feature through focus
    cd_nm
        the goal; the nominal CD if not given
    tolerance
        share of the goal, such as 0.1 for +-10 %
    """
    goal = series.nominal.cd_nm if cd_nm is None else cd_nm
    if not (math.isfinite(goal) and goal > 0):
        raise ValueError(f"`cd_nm` must be a positive length, but got {cd_nm}.")
    if not 0 < tolerance < 1:
        raise ValueError(f"`tolerance` must be a share in (0, 1), but got {tolerance}.")
    widths = [goal * (1 - tolerance), goal * (1 + tolerance)]
    doses = np.sort([series._doses(profile, widths) for profile in series.profiles], axis=1)
    good = doses[:, 1] > doses[:, 0] * (1 + NARROW)
    low, high = np.where(good, doses.T, np.nan)
    return ExposureWindow(series.line.name, series.foci_nm, low, high)


def overlap(windows: Sequence[ExposureWindow]) -> ExposureWindow:
    """Return the doses that several features have in common, at finer foci."""
    if not windows:
        raise ValueError("`windows` must hold at least one, but got none.")
    ends = {(float(w.foci_nm[0]), float(w.foci_nm[-1])) for w in windows}
    if len(ends) > 1:
        raise ValueError(f"`windows` must share one range of focus, but got {sorted(ends)} nm.")
    fine = [window.refined() for window in windows]
    low, high = np.max([w.low for w in fine], axis=0), np.min([w.high for w in fine], axis=0)
    good = low < high
    name = " and ".join(w.name for w in windows if w.name)
    return ExposureWindow(name, fine[0].foci_nm, np.where(good, low, np.nan), np.where(good, high, np.nan))


def exposure_latitude(series: ThroughFocus, cd_nm: float | None = None, tolerance: float = 0.1) -> Floats:
    """Return the exposure latitude at every focus, (F,): range of doses within the tolerance over the dose to size.

    Parameters
    ----------
    series, cd_nm, tolerance
        see `exposure_window`

    Returns
    -------
    latitude : (F,) real
        a share: 0.08 is 8 %; NaN where the CD cannot be had
    """
    window = exposure_window(series, cd_nm, tolerance)
    return (window.high - window.low) / series.dose_to_size(series.nominal.cd_nm if cd_nm is None else cd_nm)


def isofocal_dose(series: ThroughFocus) -> tuple[float, float] | None:
    """Return the dose at which the CD does not bend through focus, and the mean CD there.

    At this dose the parabola through CD over focus (least squares) has no curvature. Of several such doses the one
    nearest to 1 is returned; None if there is none at which the feature prints at every focus.
    """
    if len(series.foci_nm) < 3:
        raise ValueError(f"`series` must have at least 3 foci, but got {len(series.foci_nm)}.")
    reach = max(1.0, float(np.abs(series.foci_nm).max()))

    def curvature(dose: float) -> float:
        return float(np.polyfit(series.foci_nm / reach, series.cd_nm(dose)[:, 0], 2)[0])

    levels = [max(p.lowest for p in series.profiles), min(p.highest for p in series.profiles)]
    if not 0 < levels[0] < levels[1]:
        levels[0] = 1e-3 * levels[1]
    doses = np.geomspace(series.threshold / levels[1], series.threshold / levels[0], SCAN)
    widths = series.cd_nm(doses)
    printed = np.isfinite(widths).all(axis=0)
    bends = np.full(SCAN, np.nan)
    bends[printed] = np.polyfit(series.foci_nm / reach, widths[:, printed], 2)[0]
    found = np.flatnonzero(bends[:-1] * bends[1:] <= 0)
    if len(found) == 0:
        return None
    roots = [float(brentq(curvature, doses[k], doses[k + 1], xtol=1e-12)) for k in found]
    dose = min(roots, key=lambda d: abs(math.log(d)))
    return dose, float(series.cd_nm(dose).mean())


def runs(good: NDArray[np.bool_]) -> list[slice]:
    """Return the stretches where a condition holds."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in zip(changes[0::2], changes[1::2], strict=True)]


def spline(foci_nm: Floats, values: Floats) -> Any:
    """Return the cubic spline through values, of lower degree through fewer than four."""
    return make_interp_spline(foci_nm, values, k=min(3, len(foci_nm) - 1))
