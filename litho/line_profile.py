"""A function along a line, known to rounding: where it crosses a level, where it turns, how steep it is.

A band-limited image along a line is smooth, so that a spline of degree 7 through close samples is that image. The
samples are taken closer and closer until the spline meets the function halfway between them. Between neighbouring
turning points a function crosses a level at most once: no crossing is missed, however near two of them lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_interp_spline

from litho.cells import Floats

RESOLUTION = 1e-10
"""Largest difference of spline and function halfway between samples, relative to the function's largest value."""

ROUGH = 1e-6
"""A function whose spline comes no nearer than this is not smooth: its samples are joined by straight lines."""

FIRST_STEP_NM, FEWEST, MOST = 4.0, 17, 2**13
"""Distance of the first samples, and how few and how many there may be."""

ITERATIONS = 60
"""More than enough steps from a bracket to rounding: bisection alone gains 18 digits."""

Curve = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Profile:
    """A function along a line of some length; made by `profile_of`.

    Parameters
    ----------
    length_nm
        positions are in 0 ... length_nm
    spline
        the function (a scipy `BSpline`)
    positions_nm, values : (n,) real
        samples; they tell where the function is monotone, together with its turning points
    """

    length_nm: float
    spline: Any
    positions_nm: Floats
    values: Floats

    def __call__(self, position_nm: ArrayLike) -> Floats:
        """Return the function at positions."""
        return np.asarray(self.spline(position_nm))

    def slope(self, position_nm: ArrayLike) -> Floats:
        """Return the derivative at positions, 1/nm."""
        return np.asarray(self._derivative(position_nm))

    @property
    def lowest(self) -> float:
        """Smallest value on the line, between samples too."""
        return float(self._nodes[1].min())

    @property
    def highest(self) -> float:
        """Largest value on the line, between samples too."""
        return float(self._nodes[1].max())

    @property
    def contrast(self) -> float:
        """(highest - lowest) / (highest + lowest)."""
        total = self.highest + self.lowest
        return (self.highest - self.lowest) / total if total else 0.0

    def crossings(self, level: float) -> Floats:
        """Return every position where the function passes the level, in rising order; touching it is no crossing."""
        places, values = self._nodes
        above = values >= level
        found = np.flatnonzero(above[:-1] != above[1:])
        return self._between(places[found], places[found + 1], np.full(len(found), level))

    def edges_around(self, position_nm: float, levels: ArrayLike) -> tuple[Floats, Floats]:
        """Return the next crossings to the left and to the right of a position.

        Parameters
        ----------
        position_nm
            on the line
        levels : (n,) real

        Returns
        -------
        left, right : (n,) real
            -inf and inf where the function stays on its side of the level up to the end of the line
        """
        level = np.atleast_1d(np.asarray(levels, dtype=np.float64))
        places, values = self._nodes
        place = int(np.searchsorted(places, position_nm))
        places = np.insert(places, place, position_nm)
        values = np.insert(values, place, self(position_nm))
        same = (values >= level[:, None]) == (values[place] >= level)[:, None]
        right = np.argmin(np.pad(same[:, place:], ((0, 0), (0, 1))), axis=1) + place  # the first on the other side
        left = place - np.argmin(np.pad(same[:, place::-1], ((0, 0), (0, 1))), axis=1)
        edges = np.full((2, len(level)), math.inf) * np.array([[-1.0], [1.0]])
        for found, outer, inner in ((edges[0], left, left + 1), (edges[1], right, right - 1)):
            there = np.flatnonzero((outer >= 0) & (outer < len(places)))
            found[there] = self._between(places[inner[there]], places[outer[there]], level[there])
        return edges[0], edges[1]

    def _between(self, low: Floats, high: Floats, level: Floats) -> Floats:
        return bracketed_roots(lambda place: self(place) - level, low, high)

    @cached_property
    def _derivative(self) -> Any:
        return self.spline.derivative()

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats]:
        """Samples and turning points with their values: the function is monotone between neighbours."""
        places = self.positions_nm
        if self.spline.k > 1:
            fine = np.sort(np.concatenate([places, (places[1:] + places[:-1]) / 2]))
            rising = self.slope(fine) >= 0
            found = np.flatnonzero(rising[:-1] != rising[1:])
            turns = bracketed_roots(self.slope, fine[found], fine[found + 1])
            places = np.unique(np.concatenate([places, turns]))
        return places, self(places)


def profile_of(function: Curve, length_nm: float) -> Profile:
    """Return a function on 0 ... `length_nm` as a `Profile`.

    Parameters
    ----------
    function
        takes positions (n,) in nm and gives values (n,); any number of them at once
    length_nm
        positive
    """
    places = np.linspace(0.0, length_nm, max(FEWEST, math.ceil(length_nm / FIRST_STEP_NM) + 1))
    values, before = _finite(function(places)), math.inf
    while True:
        spline = make_interp_spline(places, values, k=7)
        between = (places[1:] + places[:-1]) / 2
        found = _finite(function(between))
        error = float(np.abs(spline(between) - found).max() / max(np.abs(values).max(), 1e-300))
        if error <= RESOLUTION or (error <= ROUGH and error > before / 8):  # as near as it gets in single precision
            return Profile(length_nm, spline, places, values)
        places, values = _interleaved(places, between), _interleaved(values, found)
        if len(places) > MOST:
            return Profile(length_nm, make_interp_spline(places, values, k=1), places, values)
        before = error


def bracketed_roots(function: Curve, low: Floats, high: Floats) -> Floats:
    """Return the roots of a function between pairs of positions where its signs differ, all to rounding.

    Parameters
    ----------
    function
        takes one position per bracket, (n,), and gives its values there, (n,)
    low, high : (n,) real
        ends of each bracket, in any order; a value of 0 counts as positive

    Notes
    -----
    Inverse quadratic interpolation where it is safe, else bisection (T. R. Chandrupatla, Adv. Eng. Software 28,
    145 (1997)), for many brackets at a time.
    """
    if len(low) == 0:
        return np.empty(0)
    newest, other = np.array(high, dtype=np.float64), np.array(low, dtype=np.float64)
    f_newest, f_other = function(newest), function(other)
    share = np.full(len(newest), 0.5)
    for _ in range(ITERATIONS):
        place = newest + share * (other - newest)
        value = function(place)
        same = (value >= 0) == (f_newest >= 0)
        third, f_third = np.where(same, newest, other), np.where(same, f_newest, f_other)
        other, f_other = np.where(same, other, newest), np.where(same, f_other, f_newest)
        newest, f_newest = place, value
        width = np.abs(other - newest)
        smallest = 4 * np.finfo(float).eps * np.maximum(np.abs(newest), 1.0)
        done = (width <= 2 * smallest) | (f_newest == 0)
        if done.all():
            break
        share = _next_share((newest, other, third), (f_newest, f_other, f_third))
        least = np.minimum(smallest / np.where(width > 0, width, 1.0), 0.5)
        share = np.where(done, 0.0, np.clip(share, least, 1 - least))
    return np.where(np.abs(f_newest) <= np.abs(f_other), newest, other)


def _next_share(places: tuple[Floats, Floats, Floats], values: tuple[Floats, Floats, Floats]) -> Floats:
    """Return where between the first two points the root is thought to be, as a share of their distance."""
    (x1, x2, x3), (f1, f2, f3) = places, values
    with np.errstate(divide="ignore", invalid="ignore"):
        xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        quadratic = f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
    return np.where(safe & np.isfinite(quadratic), quadratic, 0.5)


def _interleaved(outer: Floats, inner: Floats) -> Floats:
    both = np.empty(len(outer) + len(inner))
    both[0::2], both[1::2] = outer, inner
    return both


def _finite(values: NDArray[Any]) -> Floats:
    result = np.asarray(values, dtype=np.float64)
    if not np.isfinite(result).all():
        raise ValueError("`intensity` must be finite along the line, but got NaN or infinity.")
    return result
