"""The projection lens: what it passes, and with which phase.

Pupil coordinates (x, y) are direction sines over NA, so the rim is the unit circle; a mask frequency of k cycles per
period lands at k wavelength / (NA period). The amplitude inside is exp(2 pi i W) with the wavefront W in waves.

Signs: fields are sums of exp(+2 pi i k.r / period). A tilt (Z2) of c waves moves the image by c wavelength / NA towards
-x; positive defocus puts the wafer nearer to the lens than best focus.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from litho.backend import Array, array_module
from litho.source import Source

RIM = 1e-9
"""A frequency this little outside the rim is on it: more than rounding, less than any design."""

# fmt: off
FRINGE = (
    (0, 0), (1, 1), (1, -1), (2, 0), (2, 2), (2, -2), (3, 1), (3, -1), (4, 0),
    (3, 3), (3, -3), (4, 2), (4, -2), (5, 1), (5, -1), (6, 0),
    (4, 4), (4, -4), (5, 3), (5, -3), (6, 2), (6, -2), (7, 1), (7, -1), (8, 0),
    (5, 5), (5, -5), (6, 4), (6, -4), (7, 3), (7, -3), (8, 2), (8, -2), (9, 1), (9, -1), (10, 0),
    (12, 0),
)
# fmt: on
"""Radial and azimuthal order (n, m) of the Fringe Zernikes Z1 ... Z37; m > 0 is a cosine, m < 0 a sine."""


@dataclass(frozen=True)
class Optics:
    """A scalar projection system.

    Parameters
    ----------
    wavelength_nm
        in vacuum
    na
        numerical aperture on the wafer's side
    source
        the illuminator
    immersion_index
        refractive index of what is between lens and wafer
    zernikes
        Fringe index (1..37) -> coefficient in waves; a polynomial is 1 at the rim at its maximum (not rms).
        Given as a mapping or as pairs, kept as sorted pairs
    """

    wavelength_nm: float
    na: float
    source: Source
    immersion_index: float = 1.0
    zernikes: Mapping[int, float] | tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("wavelength_nm", "na", "immersion_index"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")
        if self.immersion_index < 1:
            raise ValueError(f"`immersion_index` must be at least 1, but got {self.immersion_index}.")
        if self.na >= self.immersion_index:
            raise ValueError(f"`na` must be below `immersion_index` ({self.immersion_index}), but got {self.na}.")
        given = self.zernikes.items() if isinstance(self.zernikes, Mapping) else self.zernikes
        for index, waves in given:
            _check_zernike(index)
            if not math.isfinite(waves):
                raise ValueError(f"`zernikes` must be finite, but got {waves} waves of Z{index}.")
        object.__setattr__(self, "zernikes", tuple(sorted((int(j), float(c)) for j, c in given)))

    @property
    def aberrations(self) -> tuple[tuple[int, float], ...]:
        """Pairs of Fringe index and waves."""
        assert isinstance(self.zernikes, tuple)
        return self.zernikes

    @property
    def mirrored(self) -> tuple[bool, bool]:
        """Whether the pupil is its own mirror image when x, and when y, changes sign."""
        orders = [FRINGE[index - 1][1] for index, _ in self.aberrations]
        return all((m < 0) == m % 2 for m in orders), all(m >= 0 for m in orders)

    def band_radius(self, period_nm: tuple[float, float]) -> tuple[int, int]:
        """Return the largest mask frequency (y, x) that can pass, in cycles per period (y, x)."""
        if not all(math.isfinite(p) and p > 0 for p in period_nm):
            raise ValueError(f"`period_nm` must be two positive lengths (y, x), but got {period_nm}.")
        cutoff = (1 + self.source.extent + RIM) * self.na / self.wavelength_nm
        return math.floor(cutoff * period_nm[0]), math.floor(cutoff * period_nm[1])


def pupil(x: Array, y: Array, optics: Optics, defocus_nm: float = 0.0) -> Array:
    """Complex amplitude that the lens passes.

    Parameters
    ----------
    x, y : (...) real
        pupil coordinates
    optics
        the lens
    defocus_nm
        position of the wafer from best focus, positive towards the lens

    Returns
    -------
    (...) complex
        of modulus 1 inside the rim and on it, 0 outside
    """
    xp = array_module(x, y)
    inside = xp.hypot(x, y) <= 1 + RIM
    return xp.where(inside, phase_factor(x, y, optics, defocus_nm), 0.0)


def phase_factor(x: Array, y: Array, optics: Optics, defocus_nm: float = 0.0) -> Array:
    """Return exp(2 pi i W); a point outside the rim gets the value at the rim next to it."""
    xp = array_module(x, y)
    scale = 1 / xp.clip(xp.hypot(x, y), 1.0, None)
    phase = 2 * math.pi * wavefront(x * scale, y * scale, optics, defocus_nm)
    return xp.cos(phase) + 1j * xp.sin(phase)


def wavefront(x: Array, y: Array, optics: Optics, defocus_nm: float = 0.0) -> Array:
    """Return the wavefront W in waves at pupil coordinates inside the rim: exact defocus and aberrations."""
    xp = array_module(x, y)
    n, squared = optics.immersion_index, x**2 + y**2
    # (z / wavelength) (n - sqrt(n^2 - NA^2 rho^2)), without its cancellation
    sine_squared = optics.na**2 * squared
    waves = (defocus_nm / optics.wavelength_nm) * sine_squared / (n + xp.sqrt(n**2 - sine_squared))
    for index, coefficient in optics.aberrations:
        waves = waves + coefficient * zernike(index, x, y)
    return waves


def zernike(index: int, x: Array, y: Array) -> Array:
    """Return the Fringe Zernike polynomial Z1 ... Z37 at pupil coordinates; its maximum at the rim is 1."""
    _check_zernike(index)
    n, m = FRINGE[index - 1]
    squared, radial = x**2 + y**2, 0 * x
    for k in range((n - abs(m)) // 2 + 1):
        denominator = math.prod(map(math.factorial, (k, (n + abs(m)) // 2 - k, (n - abs(m)) // 2 - k)))
        coefficient = (-1) ** k * math.factorial(n - k) // denominator
        radial = radial + coefficient * squared ** ((n - abs(m)) // 2 - k)
    cosine, sine = x * 0 + 1, y * 0  # of m times the angle, times radius^m: powers of x + i y
    for _ in range(abs(m)):
        cosine, sine = cosine * x - sine * y, cosine * y + sine * x
    return radial * (sine if m < 0 else cosine)


def _check_zernike(index: int) -> None:
    if index not in range(1, len(FRINGE) + 1):
        raise ValueError(f"`zernikes` must have Fringe indices in 1..{len(FRINGE)}, but got {index}.")
