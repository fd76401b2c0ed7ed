"""The resist profile that a development leaves: what the front has not reached when the development ends.

A cut through the film is an array (nz, nx) of times of arrival, z downwards from the top, samples at the middles of
layers and pixels; along x it repeats. Edges lie where the time, linear between neighbouring samples of a layer, equals
the development time; between layers the edges are linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ResistProfile:
    """A line of resist, or the space between two; made by `resist_profile`.

    Parameters
    ----------
    left_nm, right_nm : (nz,) real
        edges at the middle of each layer along the cut; NaN in layers that have none
    layer_nm
        thickness of a layer
    loss_nm
        what is gone from the top of the line at its centre; 0 for a space
    feature
        "line" or "space"
    """

    left_nm: Floats
    right_nm: Floats
    layer_nm: float
    loss_nm: float
    feature: str

    @property
    def height_nm(self) -> float:
        """Remaining height of the line at its centre; the film's thickness for a space."""
        return len(self.left_nm) * self.layer_nm - self.loss_nm

    def edges_nm(self, height: float) -> tuple[float, float]:
        """Return the left and right edge at a height, from 0 at the bottom to 1 at the top of what remains."""
        if not 0 <= height <= 1:
            raise ValueError(f"`height` must be in 0..1, but got {height}.")
        place = (self.loss_nm + (1 - height) * self.height_nm) / self.layer_nm - 0.5  # in layers
        above = min(max(math.floor(place), 0), max(len(self.left_nm) - 2, 0))
        below = min(above + 1, len(self.left_nm) - 1)
        left, right = (float(e[above] + (place - above) * (e[below] - e[above])) for e in (self.left_nm, self.right_nm))
        if not (math.isfinite(left) and math.isfinite(right)):
            raise ValueError(f"`height` must be where the {self.feature} has two edges, but at {height} it has not.")
        return left, right

    def cd_nm(self, height: float = 0.5) -> float:
        """Return the width at a height, from 0 at the bottom to 1 at the top of what remains."""
        left, right = self.edges_nm(height)
        return right - left

    def sidewall_deg(self, low: float = 0.1, high: float = 0.9) -> tuple[float, float]:
        """Return the angle between the bottom and the left, right wall of the resist, between two heights.

        90 is upright; below 90 the resist is wider at the bottom, above 90 it is undercut.
        """
        if not low < high:
            raise ValueError(f"`low` must be below `high`, but got {low} and {high}.")
        bottom, top = self.edges_nm(low), self.edges_nm(high)
        rise = (high - low) * self.height_nm
        inwards = 1 if self.feature == "line" else -1
        left, right = inwards * (top[0] - bottom[0]), inwards * (bottom[1] - top[1])
        return math.degrees(math.atan2(rise, left)), math.degrees(math.atan2(rise, right))


def resist_profile(
    arrival: Floats,
    development_s: float,
    pixel_nm: float,
    layer_nm: float,
    center_nm: float,
    feature: str = "line",
) -> ResistProfile:
    """Edges of one feature of a cut through the film.

    Parameters
    ----------
    arrival : (nz, nx) real
        time of arrival of the front in seconds, see `litho.front.arrival_time`
    development_s
        when the development ends
    pixel_nm, layer_nm
        distance of samples along x and z
    center_nm
        a place inside the feature, along x from the cut's left end
    feature
        "line" for resist that remains there, "space" for resist that is gone

    Returns
    -------
    ResistProfile
    """
    if feature not in ("line", "space"):
        raise ValueError(f"`feature` must be 'line' or 'space', but got {feature!r}.")
    if arrival.ndim != 2:
        raise ValueError(f"`arrival` must have shape (nz, nx), but got {arrival.shape}.")
    _check(development_s, layer_nm)
    if not (math.isfinite(pixel_nm) and pixel_nm > 0):
        raise ValueError(f"`pixel_nm` must be a positive length, but got {pixel_nm}.")
    if not math.isfinite(center_nm):
        raise ValueError(f"`center_nm` must be a place along the cut, but got {center_nm}.")
    sample = math.floor(center_nm / pixel_nm)
    column = sample % arrival.shape[1]
    sign = 1.0 if feature == "line" else -1.0
    level = sign * (np.roll(arrival, -column, axis=1) - development_s)
    right = _first_crossing(level)
    left = _first_crossing(np.roll(level[:, ::-1], 1, axis=1))
    if np.isnan(right).all():
        raise ValueError(
            f"`center_nm` must be inside a {feature} that ends in the cut, but at {center_nm} there is none."
        )
    middle = (sample + 0.5) * pixel_nm
    loss = 0.0
    if feature == "line":
        height = remaining_height(arrival[:, None, column : column + 1], development_s, layer_nm)
        loss = len(arrival) * layer_nm - float(height[0, 0])
    return ResistProfile(middle - left * pixel_nm, middle + right * pixel_nm, layer_nm, loss, feature)


def remaining_height(arrival: Floats, development_s: float, layer_nm: float) -> Floats:
    """Height of the resist that is left, seen from above.

    Parameters
    ----------
    arrival : (nz, ny, nx) real
        time of arrival of the front in seconds
    development_s
        when the development ends
    layer_nm
        thickness of a layer

    Returns
    -------
    (ny, nx) float64
        nm from the bottom up to where the front, coming from the top, stands; 0 where all is gone
    """
    _check(development_s, layer_nm)
    there = arrival > development_s
    first = np.argmax(there, axis=0)
    at_top = np.zeros_like(arrival[:1])
    later = np.take_along_axis(arrival, first[None], 0)[0]
    earlier = np.take_along_axis(np.concatenate([at_top, arrival]), first[None], 0)[0]
    step = np.where(first == 0, 0.5, 1.0)  # from the top itself to the first middle
    share = np.divide(
        development_s - earlier, later - earlier, out=np.ones_like(later), where=np.isfinite(later) & (later > earlier)
    )
    depth = first + 0.5 - step * (1 - np.clip(share, 0, 1))
    return np.where(there.any(axis=0), (len(arrival) - depth) * layer_nm, 0.0)


def _check(development_s: float, layer_nm: float) -> None:
    for name, value in (("development_s", development_s), ("layer_nm", layer_nm)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a positive number, but got {value}.")


def _first_crossing(level: Floats) -> Floats:
    """Return how many samples after the first each row stops being positive; NaN if it never is, or never stops."""
    positive = level > 0
    after = np.argmin(positive, axis=1)
    rows = np.arange(len(level))
    here, there = level[rows, after - 1], level[rows, after]
    share = np.divide(here, here - there, out=np.zeros_like(here), where=np.isfinite(here) & (here > there))
    return np.where(positive[:, 0] & ~positive[rows, after], after - 1 + share, np.nan)
