"""How finely a source has to be sampled for a lens and a focus, so that an image has a stated error.

The error of `Source.sampling_error` grows with how steeply the wavefront changes over the pupil: points that stand for
cells of the source miss how the phase between two orders turns from one end of a cell to the other.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from litho.pupil import Optics, lens_factor, radiometric_factor
from litho.source import MAX_ERROR

Values = NDArray[np.float64]

STEP = 1e-4
"""Distance over which a phase is compared, in pupil radii: aberrations are smooth, and it turns by less than half."""

RADII, DIRECTIONS = 24, 48
"""Places in the pupil, the rim's included, along and around; and directions in which gradients are compared."""


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
