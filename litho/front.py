"""The development front: when the developer reaches each place of a resist, entering from its top.

The time of arrival T obeys the eikonal equation |grad T| = 1 / R with the development rate R, T = 0 at the top: of all
ways from the top to a place, the fastest counts (Fermat). It is solved with upwind differences (Rouy and Tourin 1992)
by correcting the neighbours of what has become earlier until nothing does, the earliest places first, with differences
of first order; then once more, from early to late, with those of second order (Sethian 1999).

Arrays are (nz, ny, nx), z downwards, samples at the middles of layers and pixels. Sideways the field repeats. Developer
neither enters nor reflects at the bottom.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

AT_ONCE = 2048
"""Places whose second-order time is computed together."""


class _Film:
    """Places of a film by number, and their neighbours; the last number stands for what lies outside."""

    def __init__(self, slowness: Floats, spacing_nm: tuple[float, float, float], open_top: NDArray[np.bool_]) -> None:
        number = np.arange(slowness.size, dtype=np.int64).reshape(slowness.shape)
        outside = np.full_like(number[:1], slowness.size)
        sides = {0: (np.concatenate([outside, number[:-1]]), np.concatenate([number[1:], outside]))}
        for axis in (1, 2):
            if slowness.shape[axis] > 1:
                sides[axis] = np.roll(number, 1, axis), np.roll(number, -1, axis)
        self.slowness, self.spacing_nm = slowness.ravel(), spacing_nm
        self.sides: dict[int, tuple[Indices, Indices]] = {
            axis: (np.append(before.ravel(), slowness.size), np.append(after.ravel(), slowness.size))
            for axis, (before, after) in sides.items()
        }
        """Numbers of the places before and after each, for every axis along which there are any."""
        self.entry = np.flatnonzero(open_top)
        opened = np.broadcast_to(open_top, number.shape).ravel()
        self.depth = np.where(opened, number.ravel() // number[0].size, 2)
        """Layers above each place, where the top is open; what matters is 0 and 1."""

    def neighbours(self, places: Indices) -> Indices:
        """Return the numbers of all places beside some."""
        near = np.zeros(self.slowness.size + 1, dtype=bool)
        for before, after in self.sides.values():
            near[before[places]] = near[after[places]] = True
        return np.flatnonzero(near[:-1])

    def arrival(self, time: Floats, places: Indices, order: Floats | None = None) -> Floats:
        """Return when the front reaches places from their neighbours.

        Without `order` the differences are of first order. With it they are of second order, and only neighbours count
        that come before a place in this order: none then depends on itself.
        """
        starts, steps = [], []
        for axis in self.sides:
            start, step = self._upwind(axis, time, places, order)
            if axis == 0:
                self._enter_from_top(start, step, time, places, order)
            starts.append(start)
            steps.append(step)
        return _meet(np.stack(starts), np.stack(steps), self.slowness[places])

    def _upwind(self, axis: int, time: Floats, places: Indices, order: Floats | None) -> tuple[Floats, Floats]:
        """Return the start and the distance of a front along one axis: (T - start) / distance is the upwind slope."""
        before, after = self.sides[axis]
        judge = time if order is None else order
        earlier = judge[before[places]] <= judge[after[places]]
        near = np.where(earlier, before[places], after[places])
        start, step = time[near], np.full(len(places), self.spacing_nm[axis])
        if order is not None:
            start[order[near] >= order[places]] = math.inf
            far = np.where(earlier, before[near], after[near])
            use = np.isfinite(start) & (order[far] <= order[near])
            start[use] = (4 * start[use] - time[far[use]]) / 3
            step[use] *= 2 / 3
        return start, step

    def _enter_from_top(self, start: Floats, step: Floats, time: Floats, places: Indices, order: Floats | None) -> None:
        """Correct `start` and `step` in the first layers: the top, where T = 0, is half a layer above their middles."""
        first = self.depth[places] == 0
        start[first], step[first] = 0.0, self.spacing_nm[0] / 2
        if order is not None:  # the slope of the parabola through samples 3/2 and 1/2 layers below the top, and 0 there
            above, below = (side[places] for side in self.sides[0])
            second = (self.depth[places] == 1) & (order[above] <= order[below]) & (order[above] < order[places])
            start[second], step[second] = 1.8 * time[above[second]], 0.6 * self.spacing_nm[0]


def arrival_time(
    rate: Floats, pixel_nm: tuple[float, float], layer_nm: float, open_top: NDArray[np.bool_] | None = None
) -> Floats:
    """Time at which the development front arrives.

    Errors fall with the square of pixel and layer where the rate is smooth, and in proportion to them at jumps of the
    rate, at edges of a closed top and where fronts meet.

    Parameters
    ----------
    rate : (nz, ny, nx) real
        development rate in nm/s, positive
    pixel_nm
        size of a pixel (y, x)
    layer_nm
        thickness of a layer
    open_top : (ny, nx) bool, optional
        where developer enters; everywhere if not given

    Returns
    -------
    (nz, ny, nx) float64
        seconds

    References
    ----------
    E. Rouy, A. Tourin, SIAM J. Numer. Anal. 29, 867 (1992).
    J. A. Sethian, Level Set Methods and Fast Marching Methods, Cambridge University Press 1999.
    """
    spacing = layer_nm, *pixel_nm
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(f"`pixel_nm` and `layer_nm` must be positive lengths, but got {pixel_nm} and {layer_nm}.")
    if rate.ndim != 3:
        raise ValueError(f"`rate` must have shape (nz, ny, nx), but got {rate.shape}.")
    if not (np.isfinite(rate) & (rate > 0)).all():
        raise ValueError("`rate` must be positive and finite everywhere, but somewhere it is not.")
    top = np.ones(rate.shape[1:], dtype=bool) if open_top is None else open_top
    if top.shape != rate.shape[1:] or not top.any():
        raise ValueError(f"`open_top` must have shape {rate.shape[1:]} and be open somewhere, but is not.")
    film = _Film(1 / rate.astype(np.float64), (spacing[0], spacing[1], spacing[2]), top)
    return _refined(_first_order(film), film)[:-1].reshape(rate.shape)


def _first_order(film: _Film) -> Floats:
    """Return the times that solve the first-order equations, with infinity at the end for what lies outside."""
    time = np.full(film.slowness.size + 1, math.inf)
    time[film.entry] = film.slowness[film.entry] * film.spacing_nm[0] / 2
    pending = film.entry
    while len(pending):
        waits = ~_earliest(time[pending])
        places = film.neighbours(pending[~waits])
        arrival = film.arrival(time, places)
        earlier = arrival < time[places] * (1 - 1e-13)
        time[places[earlier]] = arrival[earlier]
        pending = np.union1d(pending[waits], places[earlier])
    return time


def _earliest(time: Floats) -> NDArray[np.bool_]:
    """Return which places to go on from: the earliest, for from late ones most would be done again."""
    count = max(len(time) * 3 // 10, 256)
    if count >= len(time):
        return np.ones(len(time), dtype=bool)
    return np.asarray(time <= np.partition(time, count)[count])


def _refined(first_order: Floats, film: _Film) -> Floats:
    """Return the times of the second-order equations, from early places to late ones."""
    time, order = first_order.copy(), np.argsort(first_order[:-1], kind="stable")
    for begin in range(0, len(order), AT_ONCE):
        places = order[begin : begin + AT_ONCE]
        for _ in range(len(places)):  # that many places of one group may follow from each other
            arrival = film.arrival(time, places, first_order)
            settled = np.array_equal(arrival, time[places])
            time[places] = arrival
            if settled:
                break
    return time


def _meet(start: Floats, step: Floats, slowness: Floats) -> Floats:
    """Return T of sum over axes of max((T - start) / step, 0)^2 = slowness^2, arrays (axes, places)."""
    order = np.argsort(start, axis=0)
    start, step = np.take_along_axis(start, order, 0), np.take_along_axis(step, order, 0)
    later = start[1:] - start[0]  # counted from the earliest, so that nothing cancels
    time = slowness * step[0]
    weight, first, square = 1 / step[0] ** 2, np.zeros_like(time), -(slowness**2)
    for start_here, step_here in zip(later, step[1:], strict=True):
        joins = start_here < time
        offset = np.where(joins, start_here, 0.0)
        share = np.where(joins, 1 / step_here**2, 0.0)
        weight, first, square = weight + share, first + share * offset, square + share * offset**2
        root = np.sqrt(np.maximum(first**2 - weight * square, 0.0))
        time = np.where(joins, (first + root) / weight, time)
    return np.asarray(start[0] + time)
