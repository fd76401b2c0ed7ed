"""Polarised light: its states in the illuminator, and the field that it makes behind the lens.

A ray that leaves the entrance side at pupil point p, with field (ex, ey), is turned by the lens towards the wafer. Its
part across the plane of incidence (s) stays as it is; its part in that plane (p) turns with the ray:

    E = S a (-sin phi, cos phi, 0) + P r (cos phi, sin phi, 0) + Z r (0, 0, 1),
    a = -ex sin phi + ey cos phi,   r = ex cos phi + ey sin phi,

with S = 1, P = cos theta, Z = -sin theta in a medium (Mansuripur 1989, J. Opt. Soc. Am. A 6, 786; Flagello, Milster and
Rosenbluth 1996, J. Opt. Soc. Am. A 13, 53), and in a film those of the transfer matrix. Rays before the lens are taken
as parallel to the axis: at a reduction of 4 the mask sees 20 degrees at most. The three components do not interfere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from litho.backend import Array, array_module, like
from litho.depth_modes import depth_modes
from litho.source_shapes import SourcePoints

if TYPE_CHECKING:
    from litho.pupil import Optics

ON_AXIS = 1e-12
"""A pupil point this near to the axis has the direction +x: s and p are not told apart there."""


def states(points: SourcePoints, optics: Optics, x: Array) -> list[tuple[float, Array, Array]]:
    """Polarisation of each source point, as pure states that do not interfere.

    Parameters
    ----------
    points
        sampled source
    optics
        its `polarization` and `polarization_degree`; "unpolarized" is any polarisation of degree 0
    x
        an array of the library that is asked for

    Returns
    -------
    list of (share, ex (S,), ey (S,))
        share of the light, and the unit field; real where the polarisation is linear
    """
    ex, ey = _main_state(points, optics, x)
    degree = 0.0 if optics.polarization == "unpolarized" else optics.polarization_degree
    other = -_conjugate(ey), _conjugate(ex)
    both = [((1 + degree) / 2, ex, ey), ((1 - degree) / 2, *other)]
    return [state for state in both if state[0] > 0]


def _main_state(points: SourcePoints, optics: Optics, x: Array) -> tuple[Array, Array]:
    xp = array_module(x)
    px, py = like(points.x, x, xp.float64), like(points.y, x, xp.float64)
    if not isinstance(optics.polarization, str):
        assert optics.polarization is not None
        ex, ey = (part.at(px, py) for part in optics.polarization)
        size = xp.sqrt(abs(ex) ** 2 + abs(ey) ** 2)
        if not bool(xp.all(size > 0)):
            raise ValueError("`polarization` must have a field at every lit point of the source, but is 0 at some.")
        return ex / size, ey / size
    one = 0 * px + 1
    cosine, sine = _direction(px, py)
    return {
        "x": (one, 0 * one),
        "y": (0 * one, one),
        "unpolarized": (one, 0 * one),
        "te": (-sine, cosine),
        "tm": (cosine, sine),
    }[optics.polarization]


def _conjugate(field: Array) -> Array:
    xp = array_module(field)
    return xp.conj(field) if xp.isdtype(field.dtype, "complex floating") else field


def wafer_fields(
    x: Array, y: Array, light: list[tuple[float, Array, Array]], optics: Optics, depth_nm: float | None = None
) -> list[Array]:
    """Field components on the wafer's side, whose squares add up.

    Parameters
    ----------
    x, y : (S, ...) real
        pupil coordinates of rays inside the rim, for each source point
    light
        states of each source point before the lens, see `states`
    optics
        its Jones pupil and its wafer
    depth_nm
        below the top of the wafer's films; None for the mean over the resist's depth: then there are several
        components of each direction, see `litho.depth_modes`

    Returns
    -------
    list of (S, ...) arrays
        x, y and z components of each state and mode of depth
    """
    cosine, sine = _direction(x, y)
    waves = _waves(x, y, optics, depth_nm)
    fields = []
    for share, *state in light:
        ex, ey = (math.sqrt(share) * part[(...,) + (None,) * (len(x.shape) - 1)] for part in state)
        if optics.jones is not None:
            ex, ey = optics.jones.applied(ex, ey, x, y)
        radial, azimuthal = cosine * ex + sine * ey, cosine * ey - sine * ex
        for s, p_along, p_normal in waves:
            across, along = s * azimuthal, p_along * radial
            fields += [cosine * along - sine * across, sine * along + cosine * across, p_normal * radial]
    return fields


def _waves(x: Array, y: Array, optics: Optics, depth_nm: float | None) -> list[tuple[Array, Array, Array]]:
    """Return S, P and Z for each mode of the depth."""
    xp = array_module(x, y)
    sine = xp.hypot(x, y) * (optics.na / optics.immersion_index)
    cosine = xp.sqrt(1 - sine**2)
    if optics.wafer is None:
        return [(1.0, cosine, -sine)]
    modes = depth_modes(optics.wafer, optics.wavelength_nm, optics.immersion_index, optics.na, depth_nm)
    values = modes.at(cosine)
    return [(values[0, m, ...], values[1, m, ...], sine * values[2, m, ...]) for m in range(modes.count)]


def _direction(x: Array, y: Array) -> tuple[Array, Array]:
    """Return cosine and sine of the azimuth."""
    xp = array_module(x, y)
    radius = xp.hypot(x, y)
    off = radius > ON_AXIS
    scale = 1 / xp.where(off, radius, 1.0)
    return xp.where(off, x * scale, 1.0), xp.where(off, y * scale, 0.0)
