"""Exposure: from intensity in a film to the acid (or the spent photoactive compound) it leaves there.

Dill's equations for the intensity I at depth z and the share M of the compound that is left,

    dI/dz = -(A M + B) I,    dM/dt = -C I M,

become one ordinary equation for the dose E = integral of I dt (Babu and Barouch 1986): M = exp(-C E) and
dE/dz = -(A (1 - exp(-C E)) / C + B E). It is exact for any history of the lamp, and it is what `bleach` integrates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module

LARGEST_STEP = 0.02
"""Absorption, (A + B) dz, of one step of the integration through depth: the whole errs by less than 1e-9."""


@dataclass(frozen=True)
class Exposure:
    """Dose and Dill's parameters of a resist.

    Parameters
    ----------
    dose_mj_per_cm2
        where the intensity is 1
    c_cm2_per_mj
        rate constant C of the exposure
    a_per_um, b_per_um
        absorption that bleaches and that does not (naperian); used by `bleach` only

    References
    ----------
    F. H. Dill, W. P. Hornberger, P. S. Hauge, J. M. Shaw, IEEE Trans. Electron Devices 22, 445 (1975).
    S. V. Babu, E. Barouch, IEEE Electron Device Letters 7, 252 (1986).
    """

    dose_mj_per_cm2: float
    c_cm2_per_mj: float
    a_per_um: float = 0.0
    b_per_um: float = 0.0

    def __post_init__(self) -> None:
        for name in ("dose_mj_per_cm2", "c_cm2_per_mj"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")
        for name in ("a_per_um", "b_per_um"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"`{name}` must be at least 0, but got {value}.")

    @property
    def strength(self) -> float:
        """Exponent C E of the exposure where the intensity is 1."""
        return self.c_cm2_per_mj * self.dose_mj_per_cm2


def generate_acid(intensity: Array, exposure: Exposure) -> tuple[Array, Array]:
    """Share of the acid generator that has become acid, 1 - exp(-C dose intensity).

    Parameters
    ----------
    intensity : (...) real
        relative to the clear field, at each place in the film: a time average if it changes
    exposure
        dose and C

    Returns
    -------
    acid : (...) real, in 0..1
        in a diazonaphthoquinone resist, 1 less the inhibitor that is left
    saved
        what `generate_acid_adjoint` needs
    """
    acid = -array_module(intensity).expm1(-exposure.strength * intensity)
    return acid, acid


def generate_acid_adjoint(acid_bar: Array, saved: Array, exposure: Exposure) -> Array:
    """Gradient with respect to `intensity`, from the one with respect to `acid`."""
    return acid_bar * (exposure.strength * (1.0 - saved))


def bleach(surface: Array, exposure: Exposure, layers: int, layer_nm: float) -> tuple[Array, Array]:
    """Intensity in the depth of a film that bleaches while it is exposed, without standing waves.

    Light goes straight down and nothing comes back from below: a film on a matched substrate. Standing waves belong to
    the optics of the stack; their intensity goes to `generate_acid` directly, as long as the film bleaches little.

    Parameters
    ----------
    surface : (..., ny, nx) real
        intensity just below the film's top, relative to the clear field, at least 0
    exposure
        dose, A, B, C
    layers, layer_nm
        number and thickness of the layers

    Returns
    -------
    intensity : (..., layers, ny, nx) real
        mean over the exposure, at the middles of the layers
    saved
        what `bleach_adjoint` needs
    """
    if layers < 1:
        raise ValueError(f"`layers` must be at least 1, but got {layers}.")
    if not (math.isfinite(layer_nm) and layer_nm > 0):
        raise ValueError(f"`layer_nm` must be a positive length, but got {layer_nm}.")
    xp, start = array_module(surface), exposure.strength * surface
    depth, absorbance = [], 0 * surface
    for layer in range(layers):
        absorbance = _deeper(absorbance, start, exposure, layer_nm if layer else layer_nm / 2)
        depth.append(absorbance)
    transmitted = xp.exp(-xp.stack(depth, axis=-3))
    slope = transmitted
    if exposure.a_per_um + exposure.b_per_um > 0:
        top = start[..., None, :, :]
        slope = transmitted * _absorption(top * transmitted, exposure) / _absorption(top, exposure)
    return transmitted * surface[..., None, :, :], slope


def bleach_adjoint(intensity_bar: Array, saved: Array) -> Array:
    """Gradient with respect to `surface`, from that of the intensity in depth.

    The equation in depth does not contain z, so a small change of the dose follows dE/dz itself: exact, not a
    derivative of the steps.
    """
    return array_module(intensity_bar).sum(intensity_bar * saved, axis=-3)


def mean_decay(x: Array) -> Array:
    """Return the mean of exp(-x s) over s in 0..1, that is (1 - exp(-x)) / x, accurate and finite for any x >= 0."""
    xp = array_module(x)
    there = x != 0
    return xp.where(there, -xp.expm1(-x) / xp.where(there, x, 1.0), 1.0)


def mean_decay_slope(x: Array) -> Array:
    """Return the derivative of `mean_decay`."""
    xp = array_module(x)
    small = abs(x) < 0.02
    series = -1 / 2 + x * (1 / 3 - x * (1 / 8 - x * (1 / 30 - x * (1 / 144 - x * (1 / 840)))))
    safe = xp.where(small, 1.0, x)
    return xp.where(small, series, (xp.exp(-safe) - mean_decay(safe)) / safe)


def _absorption(strength: Array, exposure: Exposure) -> Array:
    """Return the mean of A M + B over the exposure, per nm, where the exponent C E is `strength`."""
    return 1e-3 * (exposure.a_per_um * mean_decay(strength) + exposure.b_per_um)


def _deeper(absorbance: Array, start: Array, exposure: Exposure, distance_nm: float) -> Array:
    """Return -log(transmitted dose) a distance further down: Runge and Kutta's method of fourth order."""
    xp = array_module(start)

    def slope(absorbed: Array) -> Array:
        return _absorption(start * xp.exp(-absorbed), exposure)

    total = 1e-3 * (exposure.a_per_um + exposure.b_per_um) * distance_nm
    steps = max(1, math.ceil(total / LARGEST_STEP))
    dz = distance_nm / steps
    for _ in range(steps):
        k1 = slope(absorbance)
        k2 = slope(absorbance + k1 * (dz / 2))
        k3 = slope(absorbance + k2 * (dz / 2))
        k4 = slope(absorbance + k3 * dz)
        absorbance = absorbance + (k1 + 2 * k2 + 2 * k3 + k4) * (dz / 6)
    return absorbance
