"""What the lens passes of each mask frequency when a source point tilts the light: the pupil, shifted.

A point stands for a cell. Where the lens's rim cuts the cell of an order, only the share c of that cell passes: the
mean amplitude c interferes, and the rest of the passed light, c - c^2, is a background that does not. A rim decided by
yes or no instead is the largest error of an image: it falls only slowly with the number of points.
"""

from __future__ import annotations

import math

from litho.backend import Array, array_module, like
from litho.fourier import band_frequencies
from litho.pupil import RIM, Optics, clipped, lens_factor
from litho.source_shapes import SourcePoints
from litho.vector import states, wafer_fields

FLAT = 1e-6
"""A cell this narrow seen along the rim is taken to be this wide (the formula divides by the width)."""


def pupil_coordinates(optics: Optics, period_nm: tuple[float, float], like_array: Array) -> tuple[Array, Array]:
    """Return x (1, 2 Rx + 1) and y (2 Ry + 1, 1) of a band's frequencies, float64 in the library of `like_array`."""
    ry, rx = optics.band_radius(period_nm)
    scale = optics.wavelength_nm / optics.na
    x = band_frequencies(rx, like_array) * (scale / period_nm[1])
    return x[None, :], band_frequencies(ry, like_array)[:, None] * (scale / period_nm[0])


def shifted_pupils(
    points: SourcePoints,
    x: Array,
    y: Array,
    optics: Optics,
    defocus_nm: float = 0.0,
    depth_nm: float | None = None,
) -> tuple[Array, Array]:
    """What the lens passes of each mask frequency, for each source point.

    Parameters
    ----------
    points
        sampled source
    x, y : (1, nx), (ny, 1) float64
        pupil coordinates of the mask's frequencies
    optics
        the lens
    defocus_nm
        position of the wafer from best focus
    depth_nm
        below the top of the films of `optics.wafer`, see `abbe_image`

    Returns
    -------
    amplitude : (S, C, ny, nx) complex
        mean over the point's cell, of each of the components whose squares add up
    background : (ny, nx) real
        weighted share of the light that passes beside the mean amplitude; 0 for true points
    """
    xp = array_module(x, y)
    px, py, share = passing_shares(points, x, y, optics)
    parts = xp.stack(lens_parts(points, px, py, optics, defocus_nm, depth_nm), axis=1)
    weight = like(points.weight, x, xp.float64)[:, None, None]
    background = xp.sum(weight * share * (1 - share) * xp.sum(squared(parts), axis=1), axis=0)
    return share[:, None, ...] * parts, background


def passing_shares(points: SourcePoints, x: Array, y: Array, optics: Optics) -> tuple[Array, Array, Array]:
    """Return each order's pupil coordinates, and the share of its cell that passes, (S, ny, nx)."""
    xp = array_module(x, y)
    columns = [points.x, points.y, *points.radial.T, *points.tangential.T]
    px, py, *sides = (like(c, x, xp.float64)[:, None, None] for c in columns)
    px, py = px + x[None, ...] + 0 * y[None, ...], py + y[None, ...] + 0 * x[None, ...]
    share = _share_inside(px, py, sides)
    # a source lies inside the pupil, so the zeroth order passes whole
    share = xp.where(((x == 0) & (y == 0))[None, ...], 1.0, share)
    if optics.obscuration:
        r = optics.obscuration
        share = share - _share_inside(px / r, py / r, [side / r for side in sides])
    return px, py, share


def lens_parts(
    points: SourcePoints,
    x: Array,
    y: Array,
    optics: Optics,
    defocus_nm: float,
    depth_nm: float | None,
    only: int | None = None,
) -> list[Array]:
    """Return (S, ny, nx) complex amplitudes at (clipped) pupil coordinates, of all that does not interfere.

    `only` 0 or 1 leaves just the light that is polarised along x, or y, before the lens.
    """
    xp = array_module(x, y)
    spread = optics.focus_spread
    foci = zip(spread.offsets_nm, spread.shares, strict=True) if spread is not None else ((0.0, 1.0),)
    factors = [math.sqrt(share) * lens_factor(x, y, optics, defocus_nm + offset) for offset, share in foci]
    if optics.polarization is None:
        return factors
    x, y = clipped(x, y)
    light = states(points, optics, x)
    if only is not None:
        light = [(share, *(part if i == only else 0 * part for i, part in enumerate(e))) for share, *e in light]
    fields = wafer_fields(x, y, light, optics, depth_nm)
    return [xp.astype(field, xp.complex128) * factor for factor in factors for field in fields]


def components(points: SourcePoints, optics: Optics, depth_nm: float | None, x: Array) -> int:
    """Return how many fields of one of the source's points do not interfere, asked in the library of `x`."""
    axis = like([[[0.0]]], x)
    return len(lens_parts(points[:1], axis, axis, optics, 0.0, depth_nm))


def _share_inside(x: Array, y: Array, sides: list[Array]) -> Array:
    """Return how much of each cell, a parallelogram around (x, y), lies inside the unit circle."""
    xp = array_module(x)
    ux, uy, vx, vy = sides
    rho = xp.hypot(x, y)
    nx, ny = x / xp.clip(rho, FLAT, None), y / xp.clip(rho, FLAT, None)
    a, b = abs(nx * ux + ny * uy), abs(nx * vx + ny * vy)
    # the circle as its tangent, moved in by the mean height of its arc over the cell
    along = (nx * uy - ny * ux) ** 2 + (nx * vy - ny * vx) ** 2
    depth = 1 - rho - along / 24
    half = (a + b) / 2
    a, b = xp.clip(a, FLAT, None), xp.clip(b, FLAT, None)
    ramps = [xp.clip(depth + t, 0.0, None) ** 2 for t in ((a + b) / 2, (a - b) / 2, (b - a) / 2, -(a + b) / 2)]
    cut = xp.clip((ramps[0] - ramps[1] - ramps[2] + ramps[3]) / (2 * a * b), 0.0, 1.0)
    return xp.where(depth >= half - RIM, 1.0, xp.where(depth <= -half, 0.0, cut))


def squared(z: Array) -> Array:
    """Return |z|^2, real."""
    xp = array_module(z)
    return xp.real(z) ** 2 + xp.imag(z) ** 2
