"""Masks as level sets: the mask is where a field, in nm from its edge, is positive.

The field moves by d field / dt = speed |grad field|: outwards, where the speed is positive. All fields are periodic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, to_host
from litho.grid import Grid

CFL = 0.5
"""Share of a pixel that a contour may move in one explicit step."""


@dataclass(frozen=True)
class SavedCoverage:
    """Derivatives of the coverage by the level and its two differences: what `level_coverage_adjoint` needs."""

    by_level: Array
    by_rise_y: Array
    by_rise_x: Array


def level_coverage(level: Array) -> tuple[Array, SavedCoverage]:
    """Share of each pixel where a level field is positive: exact where the field is linear, so for straight edges.

    It is the step function of level-set methods, one pixel wide and of the exact area. The scale of the field does not
    matter, only its zero contour.

    Parameters
    ----------
    level : (..., ny, nx) real

    Returns
    -------
    coverage : (..., ny, nx) real, in 0..1
    saved
        what `level_coverage_adjoint` needs
    """
    xp = array_module(level)
    rise_y, rise_x = (0.5 * (xp.roll(level, -1, axis=a) - xp.roll(level, 1, axis=a)) for a in (-2, -1))
    size_y, size_x = xp.abs(rise_y), xp.abs(rise_x)
    swap = size_y > size_x
    large, small = xp.maximum(size_y, size_x), xp.minimum(size_y, size_x)
    height = xp.abs(level)
    missing, by_height, by_large, by_small = _cut_off(height, large, small)
    inside = level > 0
    sign = 2 * xp.astype(inside, level.dtype) - 1
    coverage = xp.where(inside, 1 - missing, missing)
    by_y, by_x = xp.where(swap, by_large, by_small), xp.where(swap, by_small, by_large)
    saved = SavedCoverage(-by_height, -sign * by_y * xp.sign(rise_y), -sign * by_x * xp.sign(rise_x))
    assert coverage.dtype == level.dtype
    return coverage, saved


def level_coverage_adjoint(coverage_bar: Array, saved: SavedCoverage) -> Array:
    """Gradient with respect to `level`, from the one with respect to `coverage`."""
    xp = array_module(coverage_bar)
    level_bar = coverage_bar * saved.by_level
    for axis, by_rise in ((-2, saved.by_rise_y), (-1, saved.by_rise_x)):
        rise_bar = 0.5 * coverage_bar * by_rise
        level_bar = level_bar + xp.roll(rise_bar, 1, axis=axis) - xp.roll(rise_bar, -1, axis=axis)
    return level_bar


def _cut_off(height: Array, large: Array, small: Array) -> tuple[Array, Array, Array, Array]:
    """Return the smaller part of a unit square that a line cuts, and its derivatives.

    The line is height = large u + small v with large >= small >= 0 and u, v from the square's middle. It cuts off a
    trapezoid where it crosses two opposite sides, and a triangle at a corner.
    """
    xp = array_module(height)
    zero, tiny = xp.zeros_like(height), float(xp.finfo(height.dtype).smallest_normal) ** 0.5
    steep = xp.maximum(large, xp.full_like(large, tiny))
    flat = xp.maximum(small, xp.full_like(small, tiny))
    gap = 0.5 * (large + small) - height  # from the line to the farthest corner
    corner = (gap > 0) & (gap < small)
    across = gap >= small
    share = xp.where(corner, gap / flat, zero)
    triangle, slope = 0.5 * share * gap / steep, share / steep
    trapezoid = 0.5 - xp.where(across, height, zero) / steep
    area = xp.where(across, trapezoid, triangle)
    by_height = xp.where(across, -1 / steep, -slope)
    by_large = xp.where(across, (0.5 - trapezoid) / steep, 0.5 * slope - triangle / steep)
    by_small = xp.where(corner, 0.5 * slope - triangle / flat, zero)
    outside = gap <= 0
    area, by_height, by_large = (xp.where(outside, zero, a) for a in (area, by_height, by_large))
    return area, by_height, by_large, by_small


def curvature(level: Array, grid: Grid) -> Array:
    """Curvature of the contour through each pixel, 1/nm, by central differences.

    It is 1 / R for a disc of radius R inside of which the field is positive, and means nothing on a ridge.
    """
    xp = array_module(level)
    (dy, dyy), (dx, dxx) = (_derivatives(level, axis, grid.pixel_nm[axis]) for axis in (-2, -1))
    dxy = _derivatives(dx, -2, grid.pixel_nm[0])[0]
    square = dy * dy + dx * dx
    tiny = float(xp.finfo(level.dtype).smallest_normal) ** 0.5
    square = xp.maximum(square, xp.full_like(square, tiny))
    return (2 * dy * dx * dxy - dy * dy * dxx - dx * dx * dyy) / (square * xp.sqrt(square))


def _derivatives(field: Array, axis: int, pixel_nm: float) -> tuple[Array, Array]:
    """Return first and second derivative along an axis, by central differences."""
    xp = array_module(field)
    before, after = xp.roll(field, 1, axis=axis), xp.roll(field, -1, axis=axis)
    return (after - before) / (2 * pixel_nm), (after - 2 * field + before) / pixel_nm**2


def upwind_slope(level: Array, speed: Array, grid: Grid) -> Array:
    """Size of a field's gradient, from the side that its contours come from.

    Parameters
    ----------
    level : (..., ny, nx) real
    speed : (..., ny, nx) real, or a number of the same library
        of the contours, outwards (towards lower levels) where it is positive
    grid
        pixels

    Returns
    -------
    slope : (..., ny, nx) real
        of second order where the field is smooth

    References
    ----------
    S. Osher, J. Sethian, J. Comput. Phys. 79 (1988); S. Osher, R. Fedkiw, Level Set Methods and Dynamic Implicit
    Surfaces (2003), chapters 3 and 6: essentially non-oscillating differences, Godunov's choice between them.
    """
    xp = array_module(level)
    outwards = speed > 0
    square = xp.zeros_like(level)
    zero = square
    for axis in (-2, -1):
        before, after = xp.roll(level, 1, axis=axis), xp.roll(level, -1, axis=axis)
        second = before - 2 * level + after
        from_before = level - before + 0.5 * limited(second, xp.roll(second, 1, axis=axis))
        to_after = after - level - 0.5 * limited(second, xp.roll(second, -1, axis=axis))
        # a contour that moves to lower levels comes from higher ones
        higher = xp.maximum(xp.maximum(-from_before, to_after), zero)
        lower = xp.maximum(xp.maximum(from_before, -to_after), zero)
        rise = xp.where(outwards, higher, lower) / grid.pixel_nm[axis]
        square = square + rise * rise
    return xp.sqrt(square)


def limited(a: Array, b: Array) -> Array:
    """Return the one of smaller size where two numbers have the same sign, else 0: a bend that sees no ridge."""
    xp = array_module(a)
    return xp.where(a * b > 0, xp.where(xp.abs(a) < xp.abs(b), a, b), xp.zeros_like(a))


def step_limit(speed: Array, grid: Grid, cfl: float = CFL) -> Array:
    """Return the longest explicit step of each field: no contour moves more than `cfl` pixels.

    Parameters
    ----------
    speed : (..., ny, nx) real
    grid
        pixels
    cfl
        share of a pixel

    Returns
    -------
    time : (...) real
        infinite where nothing moves
    """
    xp = array_module(speed)
    fastest = xp.max(xp.abs(speed), axis=(-2, -1))
    moving = fastest > 0
    limit = cfl * min(grid.pixel_nm) / xp.where(moving, fastest, xp.ones_like(fastest))
    return xp.where(moving, limit, xp.full_like(limit, math.inf))


def moved(level: Array, speed: Array, time: float, grid: Grid, cfl: float = CFL) -> Array:
    """Move contours at a given speed for a time, in steps of Heun's method that keep the CFL limit.

    Parameters
    ----------
    level : (..., ny, nx) real
    speed : (..., ny, nx) real
        outwards, nm per unit of time
    time
        how long
    grid
        pixels
    cfl
        see `step_limit`
    """
    if not (math.isfinite(time) and time >= 0):
        raise ValueError(f"`time` must be a number of at least 0, but got {time}.")
    if not 0 < cfl <= 1:
        raise ValueError(f"`cfl` must be in 0..1 and not 0, but got {cfl}.")
    xp = array_module(level)
    limit = float(to_host(xp.min(step_limit(speed, grid, cfl))))
    steps = max(1, math.ceil(time / limit - 1e-9))
    for _ in range(steps):
        first = level + (time / steps) * speed * upwind_slope(level, speed, grid)
        second = first + (time / steps) * speed * upwind_slope(first, speed, grid)
        level = 0.5 * (level + second)
    return level
