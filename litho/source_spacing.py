"""How finely a source has to be sampled for a lens, a focus and a mask, so that an image has a stated error.

The error of `Source.sampling_error` grows with how steeply the wavefront changes over the pupil: points that stand for
cells of the source miss how the phase between two orders turns from one end of a cell to the other.

A cell that the rims of two orders cut passes the product of two shares, for want of what is common to both. This hardly
matters where rims cross or where an order is one of many. Where the rims of two strong orders touch, they run through
the same cells for long: with both orders of alternating lines at the very cutoff, such cells are the largest error of
the image. `split_points` halves their sides, again and again, for a mask that is known.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array, to_host
from litho.pupil import Optics, lens_factor, radiometric_factor
from litho.shifted_pupils import passing_shares, pupil_coordinates
from litho.source import MAX_ERROR
from litho.source_shapes import SourcePoints, concatenated

Values = NDArray[np.float64]

STEP = 1e-4
"""Distance over which a phase is compared, in pupil radii: aberrations are smooth, and it turns by less than half."""

RADII, DIRECTIONS = 24, 48
"""Places in the pupil, the rim's included, along and around; and directions in which gradients are compared."""

STRONG = 0.1
"""An order with a smaller amplitude is not worth more source points: there are 100 others at most, by Parseval."""

SPLIT_SHARE, MOST_SPLIT = 0.25, 2.0
"""Share of the sampling's error that cells cut by two rims may keep; and how many times as many points there may be."""

CHUNK = 2**20
"""Shares of cells computed at a time."""


def source_spacing(
    optics: Optics, source_error: float = MAX_ERROR, defocus_nm: float = 0.0, depth_nm: float | None = None
) -> float:
    """Spacing of source points for images of a stated error.

    Parameters
    ----------
    optics
        lens and source
    source_error
        largest error of the intensity that the sampling may cause, relative to the clear field
    defocus_nm
        position of the wafer from best focus, positive towards the lens
    depth_nm
        below the top of the films of `optics.wafer`; None: the mean over the resist, or no wafer

    Returns
    -------
    spacing
        for `Source.sample`, `abbe_image` and `socs_kernels`
    """
    if not (math.isfinite(source_error) and source_error > 0):
        raise ValueError(f"`source_error` must be a positive number, but got {source_error}.")
    return optics.source.spacing_for(source_error, phase_slope(optics, float(defocus_nm), depth_nm))


@lru_cache(maxsize=64)
def phase_slope(optics: Optics, defocus_nm: float = 0.0, depth_nm: float | None = None) -> float:
    """Largest difference of the wavefront's gradient between two places of the pupil, in waves per pupil radius.

    Of the focus values that share the exposure the worst; a mean over the resist counts as its middle. Half the rise of
    the obliquity's energy at the rim counts with it. Phases of a Jones pupil and of waves that return from the
    substrate are left out.
    """
    angle = 2 * math.pi / DIRECTIONS * np.arange(DIRECTIONS)[:, None]
    radius = np.linspace(0, 1 - 2 * STEP, RADII)
    x, y = (radius * np.cos(angle)).ravel(), (radius * np.sin(angle)).ravel()
    offsets = optics.focus_spread.offsets_nm if optics.focus_spread is not None else (0.0,)
    path, steepest = _film_rate(x, y, optics, depth_nm), 0.0
    for focus_nm in {defocus_nm + min(offsets), defocus_nm + max(offsets)}:
        along_x, along_y = (_phase_rate(x, y, step, optics, focus_nm) for step in ((STEP, 0.0), (0.0, STEP)))
        rate = np.cos(angle) * (along_x - path * x) + np.sin(angle) * (along_y - path * y)
        steepest = max(steepest, float((rate.max(axis=1) - rate.min(axis=1)).max()))
    return steepest + _energy_rise(optics) / 2


def _energy_rise(optics: Optics) -> float:
    """Return how fast the energy that the lens passes rises at its rim, per pupil radius, by obliquity."""
    if not optics.radiometric:
        return 0.0
    rim = np.array([1 - STEP, 1.0])
    energy = np.asarray(radiometric_factor(rim, 0 * rim, optics)) ** 2
    return float(np.diff(energy)[0]) / STEP


def _phase_rate(x: Values, y: Values, step: tuple[float, float], optics: Optics, defocus_nm: float) -> Values:
    """Return how fast the lens's phase rises along a step, in waves per pupil radius."""
    after, before = (lens_factor(x + s * step[0], y + s * step[1], optics, defocus_nm) for s in (1, -1))
    return np.asarray(np.angle(after * np.conj(before)) / (4 * math.pi * STEP))


def _film_rate(x: Values, y: Values, optics: Optics, depth_nm: float | None) -> Values:
    """Return 1 / rho dW / drho of the path down to a depth of the films, with the sign of a defocus."""
    total = 0.0 * x
    if optics.wafer is None:
        return total
    middle = optics.wafer.resist_top_nm + optics.wafer.resist_film.thickness_nm / 2
    sine_squared = optics.na**2 * (x**2 + y**2)
    for film, top in zip(optics.wafer.films, optics.wafer.tops_nm, strict=False):
        length = min(max((middle if depth_nm is None else depth_nm) - top, 0.0), film.thickness_nm)
        total = total + length / optics.wavelength_nm * optics.na**2 * (1 / np.sqrt(film.index**2 - sine_squared)).real
    return total


def split_points(
    optics: Optics, spacing: float | None, mask_band: Array, period_nm: tuple[float, float]
) -> SourcePoints:
    """Source points for a mask: cells that the rims of two of its strong orders cut are split.

    Parameters
    ----------
    optics
        lens and source
    spacing
        see `Source.sample`
    mask_band : (..., 2 Ry + 1, 2 Rx + 1) complex
        full bands of transmissions
    period_nm
        field (y, x)

    Returns
    -------
    points
        in place of a spacing, for `abbe_image` and `socs_kernels`: up to `MOST_SPLIT` times as many as
        `optics.source.sample(spacing)`, for most masks a few percent more
    """
    points = optics.source.sample(spacing)
    most = int(MOST_SPLIT * len(points))
    allowed = SPLIT_SHARE * optics.source.sampling_error(spacing or optics.source.spacing_for())
    x, y, amplitude = _strong_orders(optics, mask_band, period_nm)
    if len(amplitude) < 2 or allowed == 0:
        return points
    risk = _shared_light(points, x, y, amplitude, optics)
    while True:
        rising = np.sort(risk)
        count = len(risk) - int(np.searchsorted(np.cumsum(rising), allowed, side="right"))
        count = min(count, (most - len(points)) // 3)
        if count <= 0:
            return points
        chosen = risk >= rising[-count] * (1 - 1e-6)  # mirror images together, or the source's symmetry is lost
        parts = _quartered(points[chosen])
        points = concatenated([points[~chosen], parts])
        risk = np.concatenate([risk[~chosen], _shared_light(parts, x, y, amplitude, optics)])


def _strong_orders(optics: Optics, mask_band: Array, period_nm: tuple[float, float]) -> tuple[Values, Values, Values]:
    """Return pupil coordinates and moduli of orders that are strong in any mask, with their mirror images."""
    modulus = np.abs(to_host(mask_band))
    modulus = modulus.reshape(-1, *modulus.shape[-2:]).max(axis=0)
    for axis in (-2, -1):
        modulus = np.maximum(modulus, np.roll(np.flip(modulus, axis), 1, axis))
    modulus[0, 0] = 0  # no rim cuts the zeroth order
    x, y = np.broadcast_arrays(*pupil_coordinates(optics, period_nm, np.zeros(1)))
    strong = modulus > STRONG
    return x[strong], y[strong], modulus[strong]


def _shared_light(points: SourcePoints, x: Values, y: Values, amplitude: Values, optics: Optics) -> Values:
    """Return how wrong the intensity may be by each cell, (S,): a bound, in which all that interferes adds up.

    The area common to two rims differs from the product of their shares c and d by sqrt(c (1 - c) d (1 - d)) at most
    (Cauchy and Schwarz).
    """
    risks, step = [], max(1, CHUNK // len(x))
    for start in range(0, len(points), step):
        some = points[start : start + step]
        _, _, share = passing_shares(some, x[None, :], y[None, :], optics)
        cut = np.sqrt(np.clip(share[:, 0] * (1 - share[:, 0]), 0, None)) * amplitude
        risks.append(some.weight * (cut.sum(axis=1) ** 2 - (cut**2).sum(axis=1)))
    return np.concatenate(risks)


def _quartered(points: SourcePoints) -> SourcePoints:
    """Return each cell as four, with half its sides."""
    moved = [
        (points.radial * a + points.tangential * b).T
        for a, b in ((-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25))
    ]
    return concatenated(
        [
            SourcePoints(points.x + dx, points.y + dy, points.weight / 4, points.radial / 2, points.tangential / 2)
            for dx, dy in moved
        ]
    )
