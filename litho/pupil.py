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
from litho.films import Stack
from litho.focus import Flare, FocusSpread
from litho.pupil_maps import JonesPupil, PupilMap
from litho.source import Source
from litho.zernike import polynomial, zernike_term

RIM = 1e-9
"""A frequency this little outside the rim is on it: more than rounding, less than any design."""

POLARIZATIONS = ("x", "y", "te", "tm", "unpolarized")

Polarization = str | tuple[PupilMap, PupilMap] | None


@dataclass(frozen=True)
class Optics:
    """A projection system: illuminator, lens, and what the light meets at the wafer.

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
        index (1..37) -> coefficient in waves, in the norm of `zernike_order`. Given as a mapping or as pairs, kept as
        sorted pairs
    polarization
        None: scalar imaging, light without direction. "x", "y", "te" (across the source point's radius), "tm" (along
        it), "unpolarized", or a Jones field: two `PupilMap` of Ex and Ey over the source
    obscuration
        radius of a stop in the middle of the pupil, 0..1
    zernike_order
        "fringe" (a polynomial is 1 at the rim at its maximum) or "noll" (its mean square over the pupil is 1)
    defocus_model
        "exact": W = (z / wavelength) (n - sqrt(n^2 - NA^2 rho^2)); "paraxial": z NA^2 rho^2 / (2 n wavelength)
    polarization_degree
        0..1: the share of the light that is polarised so; the rest is unpolarised
    pupil_map
        amplitude that the lens passes (apodisation), complex where it also shifts the phase
    jones
        what the lens does to polarisation
    radiometric
        whether rays that leave the lens steeper than they entered get brighter, by sqrt(cos mask / cos wafer)
        (Cole, Barouch, Hollerbach and Orszag 1992, Jpn. J. Appl. Phys. 31, 4110)
    reduction
        mask size over wafer size, or (y, x) of an anamorphic lens; counts with `radiometric` only
    focus_spread
        focus values that share the exposure: laser bandwidth, stage tilt
    vibration_nm
        standard deviation of the stage's position during the exposure, or (y, x)
    flare
        scattered light: a share of the intensity, even over the field, or terms
    wafer
        films in which the image is looked at; None: in the medium itself. It needs polarised light. Intensity is then
        relative to the mean of an open mask over the resist's depth, so that swings of that mean do not show: they are
        `litho.films.depth_average`
    """

    wavelength_nm: float
    na: float
    source: Source
    immersion_index: float = 1.0
    zernikes: Mapping[int, float] | tuple[tuple[int, float], ...] = ()
    polarization: Polarization = None
    obscuration: float = 0.0
    zernike_order: str = "fringe"
    defocus_model: str = "exact"
    polarization_degree: float = 1.0
    pupil_map: PupilMap | None = None
    jones: JonesPupil | None = None
    radiometric: bool = False
    reduction: float | tuple[float, float] = 4.0
    focus_spread: FocusSpread | None = None
    vibration_nm: float | tuple[float, float] = 0.0
    flare: float | tuple[Flare, ...] = ()
    wafer: Stack | None = None

    def __post_init__(self) -> None:
        for name in ("wavelength_nm", "na", "immersion_index"):
            _check(name, getattr(self, name), 0, strict=True)
        if self.immersion_index < 1:
            raise ValueError(f"`immersion_index` must be at least 1, but got {self.immersion_index}.")
        if self.na >= self.immersion_index:
            raise ValueError(f"`na` must be below `immersion_index` ({self.immersion_index}), but got {self.na}.")
        if not 0 <= self.obscuration < 1:
            raise ValueError(f"`obscuration` must be in [0, 1), but got {self.obscuration}.")
        if self.defocus_model not in ("exact", "paraxial"):
            raise ValueError(f"`defocus_model` must be 'exact' or 'paraxial', but got {self.defocus_model!r}.")
        zernike_term(1, self.zernike_order)
        given = self.zernikes.items() if isinstance(self.zernikes, Mapping) else self.zernikes
        for index, waves in given:
            zernike_term(index, self.zernike_order)
            if not math.isfinite(waves):
                raise ValueError(f"`zernikes` must be finite, but got {waves} waves of Z{index}.")
        self._keep(zernikes=tuple(sorted((int(j), float(c)) for j, c in given)))
        self._check_polarization()
        self._keep(vibration_nm=_pair("vibration_nm", self.vibration_nm), reduction=_pair("reduction", self.reduction))
        if not all(part > 0 for part in _pair("reduction", self.reduction)):
            raise ValueError(f"`reduction` must be positive, but got {self.reduction}.")
        if self.radiometric and not all(part > self.na for part in _pair("reduction", self.reduction)):
            raise ValueError(f"`reduction` must be above the aperture {self.na}, but got {self.reduction}.")
        flare = self.flare if isinstance(self.flare, tuple) else (Flare(self.flare),) if self.flare else ()
        if sum(term.share for term in flare) > 1:
            raise ValueError(f"`flare` must be at most the whole light, but sums to {sum(t.share for t in flare)}.")
        self._keep(flare=flare)

    def _check_polarization(self) -> None:
        kind = self.polarization
        if isinstance(kind, str):
            if kind not in POLARIZATIONS:
                raise ValueError(f"`polarization` must be None or one of {POLARIZATIONS}, but got {kind!r}.")
        elif kind is not None and not (
            isinstance(kind, tuple) and len(kind) == 2 and all(isinstance(part, PupilMap) for part in kind)
        ):
            raise ValueError(f"`polarization` must be a word or two pupil maps (Ex, Ey), but got {kind!r}.")
        if not 0 <= self.polarization_degree <= 1:
            raise ValueError(f"`polarization_degree` must be in 0..1, but got {self.polarization_degree}.")
        if kind is None and self.polarization_degree != 1:
            raise ValueError("`polarization_degree` must come with a `polarization`: scalar light has no direction.")
        for name in ("jones", "wafer"):
            if kind is None and getattr(self, name) is not None:
                raise ValueError(f"`{name}` must come with a `polarization`: scalar light has no direction.")
        if self.wafer is not None:
            self.wafer.resist_film  # noqa: B018 - it refuses a stack without resist

    def _keep(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def aberrations(self) -> tuple[tuple[int, int, float], ...]:
        """Radial order n, azimuthal order m and waves at the rim of each Zernike."""
        assert isinstance(self.zernikes, tuple)
        terms = ((*zernike_term(index, self.zernike_order), waves) for index, waves in self.zernikes)
        return tuple((n, m, scale * waves) for n, m, scale, waves in terms)

    @property
    def mirrored(self) -> tuple[bool, bool]:
        """Whether the lens, and its light, is its own mirror image when x, and when y, changes sign."""
        orders = [m for _, m, _ in self.aberrations]
        wavefront = all((m < 0) == m % 2 for m in orders), all(m >= 0 for m in orders)
        plain = isinstance(self.polarization, str) or self.polarization is None
        maps = [part for part in (self.pupil_map, self.jones) if part is not None]
        return (
            wavefront[0] and plain and all(part.mirrored(-1) for part in maps),
            wavefront[1] and plain and all(part.mirrored(-2) for part in maps),
        )

    def band_radius(self, period_nm: tuple[float, float]) -> tuple[int, int]:
        """Return the largest mask frequency (y, x) that can pass, in cycles per period (y, x)."""
        if not all(math.isfinite(p) and p > 0 for p in period_nm):
            raise ValueError(f"`period_nm` must be two positive lengths (y, x), but got {period_nm}.")
        cutoff = (1 + self.source.extent + RIM) * self.na / self.wavelength_nm
        return math.floor(cutoff * period_nm[0]), math.floor(cutoff * period_nm[1])


def pupil(x: Array, y: Array, optics: Optics, defocus_nm: float = 0.0) -> Array:
    """Complex amplitude that the lens passes, polarisation apart.

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
        of modulus 1 for a plain lens inside the rim and on it; 0 outside the rim, and inside an obscuration
    """
    xp = array_module(x, y)
    radius = xp.hypot(x, y)
    inside = (radius <= 1 + RIM) & (radius >= optics.obscuration)
    return xp.where(inside, lens_factor(x, y, optics, defocus_nm), 0.0)


def lens_factor(x: Array, y: Array, optics: Optics, defocus_nm: float = 0.0) -> Array:
    """Return amplitude and phase exp(2 pi i W); a point outside the rim gets the value at the rim next to it."""
    xp = array_module(x, y)
    x, y = clipped(x, y)
    phase = 2 * math.pi * wavefront(x, y, optics, defocus_nm)
    factor = xp.cos(phase) + 1j * xp.sin(phase)
    if optics.radiometric:
        factor = factor * radiometric_factor(x, y, optics)
    return factor if optics.pupil_map is None else factor * optics.pupil_map.at(x, y)


def clipped(x: Array, y: Array) -> tuple[Array, Array]:
    """Return pupil coordinates moved to the rim where they lie outside."""
    xp = array_module(x, y)
    scale = 1 / xp.clip(xp.hypot(x, y), 1.0, None)
    return x * scale, y * scale


def wavefront(x: Array, y: Array, optics: Optics, defocus_nm: float = 0.0) -> Array:
    """Return the wavefront W in waves at pupil coordinates inside the rim: defocus and aberrations."""
    waves = (defocus_nm / optics.wavelength_nm) * defocus_slope(x, y, optics)
    for n, m, coefficient in optics.aberrations:
        waves = waves + coefficient * polynomial(n, m, x, y)
    return waves


def defocus_slope(x: Array, y: Array, optics: Optics) -> Array:
    """Return n - sqrt(n^2 - NA^2 rho^2), or NA^2 rho^2 / (2 n) for a paraxial lens: waves per wavelength of defocus."""
    xp = array_module(x, y)
    n, sine_squared = optics.immersion_index, optics.na**2 * (x**2 + y**2)
    if optics.defocus_model == "paraxial":
        return sine_squared / (2 * n)
    return sine_squared / (n + xp.sqrt(n**2 - sine_squared))  # without the difference's cancellation


def radiometric_factor(x: Array, y: Array, optics: Optics) -> Array:
    """Return sqrt(cos mask / cos wafer) at pupil coordinates inside the rim: energy is kept, not amplitude."""
    xp = array_module(x, y)
    assert isinstance(optics.reduction, tuple)
    at_mask = 1 - (optics.na * x / optics.reduction[1]) ** 2 - (optics.na * y / optics.reduction[0]) ** 2
    at_wafer = 1 - (optics.na / optics.immersion_index) ** 2 * (x**2 + y**2)
    return xp.sqrt(xp.sqrt(at_mask / at_wafer))


def _pair(name: str, value: float | tuple[float, float]) -> tuple[float, float]:
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"`{name}` must be a number or a pair, but got {value!r}.")
    for part in pair:
        _check(name, part, 0)
    return float(pair[0]), float(pair[1])


def _check(name: str, value: float, least: float, strict: bool = False) -> None:
    if not (math.isfinite(value) and (value > least if strict else value >= least)):
        rule = "a positive number" if strict else "a number of 0 or more"
        raise ValueError(f"`{name}` must be {rule}, but got {value}.")
