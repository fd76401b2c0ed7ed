"""Signed distance to the zero contour of a field: level sets are kept in this form while they move.

A pixel beside the contour finds its foot on it from one-sided quadratic fits, which are limited so that no fit reaches
across a ridge: this keeps the contour where it is, in features of few pixels as well. Farther pixels take the nearest
foot of their neighbours, and their distance to the circle that fits the contour there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, positions
from litho.grid import Grid
from litho.level_set import limited

FAR = 1e9
"""Distance, in nm, of pixels that have no foot yet."""


@dataclass(frozen=True)
class Feet:
    """Nearest point of the contour for pixels beside it; the values elsewhere mean nothing.

    Parameters
    ----------
    near : (..., ny, nx) bool
        whether a pixel has a neighbour, above, below, left or right, on the other side
    y_nm, x_nm : (..., ny, nx) real
        from the foot to the pixel
    normal_y, normal_x : (..., ny, nx) real
        unit vector, towards where the field is positive
    bend_per_nm : (..., ny, nx) real
        divergence of the normal at the foot: -1 / R on the rim of a disc of radius R
    """

    near: Array
    y_nm: Array
    x_nm: Array
    normal_y: Array
    normal_x: Array
    bend_per_nm: Array


def signed_distance(field: Array, grid: Grid, reach_nm: float) -> Array:
    """Signed distance to the contour field = 0, which stays where it is.

    Straight contours are exact. On curved ones the error is of second order in the pixel, and of first order within a
    pixel of a corner, which is rounded off by a fraction of a pixel.

    Parameters
    ----------
    field : (..., ny, nx) real
        smooth across the contour over two pixels; need be no distance, for example a blurred mask minus 1/2
    grid
        periodic field and pixels
    reach_nm
        distances are clipped at plus and minus this; at least 3 pixels

    Returns
    -------
    distance : (..., ny, nx) real
        nm, positive where `field` is

    References
    ----------
    G. Russo, P. Smereka, A remark on computing distance functions, J. Comput. Phys. 163 (2000): fits do not reach
    across the contour. P.-E. Danielsson, Euclidean distance mapping (1980): nearest points are handed on.
    """
    if not 3 * max(grid.pixel_nm) <= reach_nm < FAR:
        raise ValueError(f"`reach_nm` must be at least 3 pixels of {max(grid.pixel_nm):g} nm, but got {reach_nm}.")
    xp = array_module(field)
    feet = contour_feet(field, grid)
    y, x, owner = _nearest_feet(feet, grid, math.ceil(reach_nm / min(grid.pixel_nm)))
    bend, normal_y, normal_x = (
        xp.reshape(xp.take(xp.reshape(a, (-1,)), xp.reshape(owner, (-1,))), field.shape)
        for a in (feet.bend_per_nm, feet.normal_y, feet.normal_x)
    )
    reached = xp.abs(y) < FAR / 2
    size = xp.where(reached, _to_arc(y, x, normal_y, normal_x, bend, grid), xp.full_like(y, reach_nm))
    size = xp.clip(size, float(xp.finfo(field.dtype).smallest_normal), reach_nm)
    distance = xp.where(field > 0, size, -size)
    assert distance.dtype == field.dtype
    return distance


def _to_arc(y: Array, x: Array, normal_y: Array, normal_x: Array, bend: Array, grid: Grid) -> Array:
    """Return the distance to an arc from its middle, the foot: a pixel to either side, as far as it is trusted."""
    xp = array_module(y)
    # |centre - pixel| = R sqrt(1 + bend twice): the difference to R in a form that also holds for a straight contour
    twice = 2 * (y * normal_y + x * normal_x) + bend * (y * y + x * x)
    root = xp.sqrt(xp.maximum(1 + bend * twice, xp.zeros_like(twice)))
    beside = xp.abs(y * normal_x - x * normal_y) / xp.maximum(root, xp.ones_like(root))
    beyond = xp.maximum(beside - max(grid.pixel_nm), xp.zeros_like(beside))
    return xp.sqrt((twice / (1 + root)) ** 2 + beyond**2)


def contour_feet(field: Array, grid: Grid) -> Feet:
    """Find the nearest point of the contour field = 0 for every pixel beside it; arguments of `signed_distance`."""
    xp = array_module(field)
    inside = field > 0
    sign = 2 * xp.astype(inside, field.dtype) - 1
    near = (inside != xp.roll(inside, 1, axis=-1)) | (inside != xp.roll(inside, -1, axis=-1))
    near = near | (inside != xp.roll(inside, 1, axis=-2)) | (inside != xp.roll(inside, -1, axis=-2))
    (fall_y, bend_y), (fall_x, bend_x) = (_fall(field, sign, axis, grid.pixel_nm[axis]) for axis in (-2, -1))
    twist = sign * _twist(field) / grid.pixel_area_nm2
    height = xp.abs(field)
    slope = xp.sqrt(fall_y**2 + fall_x**2)
    slope = xp.maximum(slope, 0.5 * height / max(grid.pixel_nm))  # the contour is no farther than a pixel
    slope = xp.where(slope > 0, slope, xp.ones_like(slope))
    towards_y, towards_x = fall_y / slope, fall_x / slope
    along = towards_y**2 * bend_y + 2 * towards_y * towards_x * twist + towards_x**2 * bend_x
    across = towards_x**2 * bend_y - 2 * towards_y * towards_x * twist + towards_y**2 * bend_x
    root = xp.sqrt(xp.maximum(slope**2 - 2 * height * along, xp.zeros_like(slope)))
    step = xp.clip(2 * height / (slope + root), 0.0, max(grid.pixel_nm))
    bend = sign * xp.clip(across / slope, -0.5 / max(grid.pixel_nm), 0.5 / max(grid.pixel_nm))
    bend = bend / (1 - bend * sign * step)
    return Feet(near, -towards_y * step, -towards_x * step, -sign * towards_y, -sign * towards_x, bend)


def _fall(field: Array, sign: Array, axis: int, pixel_nm: float) -> tuple[Array, Array]:
    """Return how |field| falls along an axis, on its steeper side: the slope (signed by the side), and the bend."""
    xp = array_module(field)
    before, after = xp.roll(field, 1, axis=axis), xp.roll(field, -1, axis=axis)
    second = before - 2 * field + after
    bend_before, bend_after = (limited(second, xp.roll(second, shift, axis=axis)) for shift in (1, -1))
    fall_before = sign * (field - before + 0.5 * bend_before)
    fall_after = sign * (field - after + 0.5 * bend_after)
    to_after = fall_after >= fall_before
    fall = xp.where(to_after, fall_after, -fall_before)
    falls = xp.where(to_after, fall_after, fall_before) > 0
    bend = sign * xp.where(to_after, bend_after, bend_before)
    return xp.where(falls, fall, xp.zeros_like(fall)) / pixel_nm, bend / pixel_nm**2


def _twist(field: Array) -> Array:
    """Return the mixed difference of a field: the least of those in the four quadrants around each pixel."""
    xp = array_module(field)
    right, up = xp.roll(field, -1, axis=-1) - field, xp.roll(field, -1, axis=-2)
    upper_right = xp.roll(up, -1, axis=-1) - up - right
    rows = limited(upper_right, xp.roll(upper_right, 1, axis=-2))
    return limited(rows, xp.roll(rows, 1, axis=-1))


def _nearest_feet(feet: Feet, grid: Grid, passes: int) -> tuple[Array, Array, Array]:
    """Hand feet on from pixel to pixel: the vector from the nearest one, and whose it is, as a flat index."""
    xp = array_module(feet.y_nm)
    far = xp.full_like(feet.y_nm, FAR)
    y, x = xp.where(feet.near, feet.y_nm, far), xp.where(feet.near, feet.x_nm, far)
    owner = xp.astype(xp.reshape(positions(int(feet.y_nm.size), feet.y_nm), feet.y_nm.shape), xp.int64)
    size = y * y + x * x
    for _ in range(passes):
        for axis, shift in ((-2, 1), (-2, -1), (-1, 1), (-1, -1)):
            other_y, other_x = (xp.roll(a, shift, axis=axis) for a in (y, x))
            if axis == -2:
                other_y = other_y + shift * grid.pixel_nm[0]
            else:
                other_x = other_x + shift * grid.pixel_nm[1]
            other_size = other_y * other_y + other_x * other_x
            closer = other_size < size
            y, x, size = (xp.where(closer, a, b) for a, b in ((other_y, y), (other_x, x), (other_size, size)))
            owner = xp.where(closer, xp.roll(owner, shift, axis=axis), owner)
    return y, x, owner
