"""Metrology along a cut line: sub-pixel edges, critical dimension, contrast, image slope and NILS.

    line = CutLine((0, 500), (400, 500))
    feature = measure(image, line, threshold=0.3)         # the bright feature nearest the line's middle
    feature.cd_nm, feature.nils, feature.contrast

An image is anything with `.at(x_nm, y_nm)`, such as `litho.AerialImage`, or a function of both. It is taken at the
nominal dose; at another dose the threshold is `threshold / dose`, for dose multiplies intensity.

A *bright* feature is where the intensity is at least the threshold: it prints, in the words of `litho.Resist`; it is a
space of a positive resist. A *dark* one is between two of them: a line of a positive resist.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from litho.backend import Array, to_host
from litho.cells import Floats
from litho.grid import Grid
from litho.line_profile import Profile, profile_of

TONES = ("bright", "dark")
OUTSIDE_NM = 1e-6
"""A line this little beyond the border of the field is inside."""


class Image(Protocol):
    """Anything that knows its intensity everywhere."""

    def at(self, x_nm: Array, y_nm: Array) -> Array:
        """Return the intensity (n,) at points x, y, each (n,) in nm."""


Intensity: TypeAlias = Image | Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class CutLine:
    """A straight line that is measured along, from its start.

    Parameters
    ----------
    start_nm, end_nm
        points (x, y) in layout nm
    name
        for tables and plots
    """

    start_nm: tuple[float, float]
    end_nm: tuple[float, float]
    name: str = ""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.start_nm, *self.end_nm))):
            raise ValueError(f"`line` must have finite ends, but got {self.start_nm} and {self.end_nm}.")
        if not self.length_nm > 0:
            raise ValueError(f"`line` must have two different ends, but got {self.start_nm} twice.")

    @property
    def length_nm(self) -> float:
        """Distance of the ends."""
        return math.dist(self.start_nm, self.end_nm)

    @property
    def direction(self) -> tuple[float, float]:
        """Unit vector (x, y) from start to end."""
        (x0, y0), (x1, y1) = self.start_nm, self.end_nm
        return (x1 - x0) / self.length_nm, (y1 - y0) / self.length_nm

    def point(self, position_nm: float) -> tuple[float, float]:
        """Return the point (x, y) at a distance from the start."""
        (x, y), (dx, dy) = self.start_nm, self.direction
        return x + position_nm * dx, y + position_nm * dy

    def nearest(self, x_nm: float, y_nm: float) -> float:
        """Return the position on the line, as its distance from the start, that is nearest to a point."""
        (x, y), (dx, dy) = self.start_nm, self.direction
        return min(max((x_nm - x) * dx + (y_nm - y) * dy, 0.0), self.length_nm)


@dataclass(frozen=True)
class Feature:
    """One feature on a cut line.

    Parameters
    ----------
    left_nm, right_nm
        its edges, as distances from the start of the line
    left_slope, right_slope
        derivative of the intensity along the line at each of them, 1/nm
    threshold
        intensity at the edges
    contrast
        (highest - lowest) / (highest + lowest) intensity on the whole line
    tone
        "bright" or "dark"
    """

    left_nm: float
    right_nm: float
    left_slope: float
    right_slope: float
    threshold: float
    contrast: float
    tone: str = "bright"

    @property
    def cd_nm(self) -> float:
        """Critical dimension: distance of the edges along the line."""
        return self.right_nm - self.left_nm

    @property
    def centre_nm(self) -> float:
        """Middle between the edges, as the distance from the start of the line."""
        return (self.left_nm + self.right_nm) / 2

    @property
    def image_slope(self) -> float:
        """|dI/dx| at the less steep edge, 1/nm."""
        return min(abs(self.left_slope), abs(self.right_slope))

    @property
    def log_slope(self) -> float:
        """|d ln I / dx| at the less steep edge, 1/nm."""
        return self.image_slope / self.threshold

    @property
    def nils(self) -> float:
        """Normalised image log-slope, CD |dI/dx| / I, at the less steep edge."""
        return self.cd_nm * self.log_slope


def cut(intensity: Intensity, line: CutLine) -> Profile:
    """Return the intensity along a line, exact between its samples.

    Raises
    ------
    ValueError
        if the image has a field and the line leaves it
    """
    grid = getattr(intensity, "grid", None)
    if grid is not None:
        check_in_field(line, grid)
    function = intensity.at if hasattr(intensity, "at") else intensity
    (x0, y0), (dx, dy) = line.start_nm, line.direction
    return profile_of(lambda t: to_host(function(x0 + t * dx, y0 + t * dy)), line.length_nm)


def measure(
    intensity: Intensity | Profile,
    line: CutLine,
    threshold: float,
    *,
    near_nm: tuple[float, float] | None = None,
    tone: str = "bright",
) -> Feature:
    """Measure the feature on a cut line that is nearest to a point.

    Parameters
    ----------
    intensity
        image, function of x_nm and y_nm (each (n,)), or what `cut` made of one
    line
        the cut line: it has to reach beyond both edges of the feature
    threshold
        intensity at which edges stand: the resist's threshold over the dose
    near_nm
        point (x, y); the middle of the line if not given. A feature that holds it is the nearest
    tone
        "bright" (at least the threshold) or "dark"

    Raises
    ------
    ValueError
        if the line leaves the field, never crosses the threshold, or ends within the feature
    """
    check_tone(tone)
    if not (math.isfinite(threshold) and threshold > 0):
        raise ValueError(f"`threshold` must be a positive number, but got {threshold}.")
    profile = intensity if isinstance(intensity, Profile) else cut(intensity, line)
    place = profile.length_nm / 2 if near_nm is None else line.nearest(*near_nm)
    left, right = _nearest_interval(profile, threshold, tone, place)
    slopes = profile.slope([left, right])
    return Feature(left, right, float(slopes[0]), float(slopes[1]), threshold, profile.contrast, tone)


def check_tone(tone: str) -> None:
    """Refuse what is neither "bright" nor "dark"."""
    if tone not in TONES:
        raise ValueError(f"`tone` must be 'bright' or 'dark', but got {tone!r}.")


def _nearest_interval(profile: Profile, threshold: float, tone: str, place: float) -> tuple[float, float]:
    """Return the ends of the interval of a tone that is nearest to a position."""
    crossings = profile.crossings(threshold)
    if len(crossings) == 0:
        raise ValueError(
            f"`line` must cross the threshold {threshold:.6g}, but the intensity on it is "
            f"{profile.lowest:.6g} to {profile.highest:.6g} all along."
        )
    ends = np.concatenate([[-math.inf], crossings, [math.inf]])
    starts_bright = float(profile(0.0)) >= threshold
    first = 0 if starts_bright == (tone == "bright") else 1
    intervals = np.stack([ends[:-1], ends[1:]], axis=1)[first::2]
    gaps = np.maximum(np.maximum(intervals[:, 0] - place, place - intervals[:, 1]), 0.0)
    left, right = (float(end) for end in intervals[np.argmin(gaps)])
    if not (math.isfinite(left) and math.isfinite(right)):
        raise ValueError(
            f"`line` must reach beyond both edges of the {tone} feature, "
            f"but its {'start' if math.isinf(left) else 'end'} lies within it."
        )
    return left, right


def check_in_field(line: CutLine, grid: Grid) -> None:
    """Refuse a line that leaves the field."""
    x0, y0, x1, y1 = grid.bounds_nm
    for x, y in (line.start_nm, line.end_nm):
        if not (x0 - OUTSIDE_NM <= x <= x1 + OUTSIDE_NM and y0 - OUTSIDE_NM <= y <= y1 + OUTSIDE_NM):
            raise ValueError(
                f"`line` must lie in the field, x {x0:g} to {x1:g}, y {y0:g} to {y1:g} nm, but reaches ({x:g}, {y:g})."
            )
