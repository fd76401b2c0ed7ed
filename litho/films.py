"""Thin films on a wafer: the electric field at any depth of resist, coatings and substrate, and where the energy goes.

A plane wave arrives from above. Its s part has the electric field across the plane of incidence, its p part within it.
The direction is given by its transverse component n sin(theta), which every film shares; for a lens it is NA times the
pupil radius. Depth counts downwards from the top of the stack, and so does the z component of a field. `film_waves`
has the algebra and the signs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from numbers import Real

from litho.backend import Array, array_module, complex_dtype, real_dtype, zeros
from litho.film_waves import Waves, refractive_index, solve, wavenumber_of
from litho.quadrature import gauss_points, log_error

QUADRATURE_ERROR = 1e-13
"""What a depth average may be wrong by, as a share of its peak, when `depth_count` chooses the number of depths."""


@dataclass(frozen=True)
class Film:
    """A homogeneous film.

    Parameters
    ----------
    thickness_nm
        positive
    index
        refractive index n + i k, k >= 0
    """

    thickness_nm: float
    index: complex

    def __post_init__(self) -> None:
        if not (isinstance(self.thickness_nm, Real) and math.isfinite(self.thickness_nm) and self.thickness_nm > 0):
            raise ValueError(f"`thickness_nm` must be a positive number, but got {self.thickness_nm}.")
        object.__setattr__(self, "thickness_nm", float(self.thickness_nm))
        object.__setattr__(self, "index", refractive_index(self.index, "index"))


@dataclass(frozen=True)
class Stack:
    """Films on a substrate of infinite thickness.

    Parameters
    ----------
    films
        from the top down; none is a bare substrate
    substrate
        refractive index n + i k, k >= 0
    resist
        number of the film that is the resist, 0 the topmost
    """

    films: tuple[Film, ...]
    substrate: complex
    resist: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "films", tuple(self.films))
        for film in self.films:
            if not isinstance(film, Film):
                raise ValueError(f"`films` must hold films, but got {film!r}.")
        object.__setattr__(self, "substrate", refractive_index(self.substrate, "substrate"))
        if self.resist not in range(max(1, len(self.films))):
            raise ValueError(f"`resist` must be the number of one of {len(self.films)} films, but got {self.resist}.")
        object.__setattr__(self, "resist", int(self.resist))

    @property
    def resist_film(self) -> Film:
        """The film that is the resist."""
        if not self.films:
            raise ValueError("`films` must hold the resist, but got a bare substrate.")
        return self.films[self.resist]

    @property
    def thicknesses_nm(self) -> tuple[float, ...]:
        """Thickness of each film."""
        return tuple(film.thickness_nm for film in self.films)

    @property
    def tops_nm(self) -> tuple[float, ...]:
        """Depths where each film, and at last the substrate, begins."""
        return tuple(accumulate(self.thicknesses_nm, initial=0.0))

    @property
    def thickness_nm(self) -> float:
        """Thickness of all films together."""
        return self.tops_nm[-1]

    @property
    def resist_top_nm(self) -> float:
        """Depth of the top of the resist."""
        return self.tops_nm[self.resist]

    @property
    def under_resist(self) -> Stack:
        """What lies under the resist: the films below it on the same substrate."""
        return Stack(self.films[self.resist + 1 :], self.substrate)

    def indices_under(self, incident_index: complex) -> tuple[complex, ...]:
        """Return the refractive indices of the medium above, the films and the substrate."""
        above = refractive_index(incident_index, "incident_index")
        return (above, *(film.index for film in self.films), self.substrate)

    def with_thickness(self, film: int, thickness_nm: float) -> Stack:
        """Return the same stack with another thickness of one film."""
        if film not in range(len(self.films)):
            raise ValueError(f"`film` must be the number of one of {len(self.films)} films, but got {film}.")
        films = list(self.films)
        films[int(film)] = replace(films[int(film)], thickness_nm=thickness_nm)
        return replace(self, films=tuple(films))


def stack_fields(
    stack: Stack, wavelength_nm: float, incident_index: complex, transverse: Array, depth_nm: Sequence[float]
) -> tuple[Array, Array, Array]:
    """Electric field of s and p waves at depths of a stack.

    The wave arrives in the plane of z (down) and the transverse direction; at the top of the stack it has the electric
    field 1 across this plane for s, and (cos theta along the transverse direction, -sin theta down) for p.

    Parameters
    ----------
    stack
        the films
    wavelength_nm
        in vacuum
    incident_index
        refractive index above the stack
    transverse : (...) real
        incident_index sin(theta). Beyond the incident index the arriving wave is one that fades downwards
    depth_nm
        depths below the top. On an interface the field is that below it. A negative depth lies above the stack, where
        the field is that of the arriving and the reflected wave together

    Returns
    -------
    s : (..., depths) complex
        field across the plane of incidence, in the precision of `transverse`; it is computed in double precision
    p_along, p_normal : (..., depths) complex
        field of the p wave along the transverse direction, and downwards
    """
    xp = array_module(transverse)
    depths = [float(depth) for depth in depth_nm]
    if not depths or not all(math.isfinite(depth) for depth in depths):
        raise ValueError(f"`depth_nm` must be one or more finite depths, but got {depths[:9]}.")
    across, within = (_waves(stack, wavelength_nm, incident_index, transverse, name) for name in ("s", "p"))
    above, s, p_along, p_normal = within.indices[0], [], [], []
    for depth in depths:
        s.append(across.at(depth)[0])
        u, v = within.at(depth)
        p_along.append(above * v)
        p_normal.append(within.transverse * (-above / within.indices[within.medium(depth)] ** 2 * u))
    dtype = complex_dtype(transverse)
    s, p_along, p_normal = (xp.astype(xp.stack(parts, axis=-1), dtype) for parts in (s, p_along, p_normal))
    return s, p_along, p_normal


def resist_depths(stack: Stack, count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return `count` Gauss points through the resist, in nm below the top of the stack, and weights of sum 1.

    The weighted sum of values there is their mean over the resist; `depth_count` says how many are enough.
    """
    if count < 1:
        raise ValueError(f"`count` must be at least 1, but got {count}.")
    top, thickness = stack.resist_top_nm, stack.resist_film.thickness_nm
    points, weights = gauss_points(count)
    return tuple(top + thickness * point for point in points), weights


def depth_count(stack: Stack, wavelength_nm: float, error: float = QUADRATURE_ERROR) -> int:
    """Return how many depths give the mean of an intensity over the resist, wrong by `error` of its peak at most.

    An intensity in the resist is a sum of exponentials that turn or fall by 4 pi |n| thickness / wavelength at most,
    for which the error of Gauss sums is bounded.
    """
    if not 0 < error < math.inf:
        raise ValueError(f"`error` must be positive and finite, but got {error}.")
    turn = 2 * wavenumber_of(wavelength_nm) * abs(stack.resist_film.index) * stack.resist_film.thickness_nm
    count = 1
    while log_error(count) + 2 * count * math.log(turn) > math.log(error):
        count += 1
    return count


def reflection(
    stack: Stack, wavelength_nm: float, incident_index: complex, transverse: Array, polarization: str
) -> Array:
    """Amplitude (...) of the reflected wave at the top of the stack, of its electric field along the surface.

    For p waves other books count the magnetic field, or the electric one along rays, and have the opposite sign; with
    this one both polarisations agree at normal incidence. The arguments are those of `stack_fields`, the polarisation
    is "s" or "p".
    """
    xp = array_module(transverse)
    u = _waves(stack, wavelength_nm, incident_index, transverse, polarization).reflected
    return xp.astype(u if polarization == "s" else -u, complex_dtype(transverse))


def reflectance(
    stack: Stack, wavelength_nm: float, incident_index: complex, transverse: Array, polarization: str
) -> Array:
    """Return the share (...) of the arriving energy that is reflected; the arguments are those of `reflection`."""
    return abs(reflection(stack, wavelength_nm, incident_index, transverse, polarization)) ** 2


def transmittance(
    stack: Stack, wavelength_nm: float, incident_index: float, transverse: Array, polarization: str
) -> Array:
    """Return the share (...) of the arriving energy that enters the substrate, from the flux at its top."""
    xp = array_module(transverse)
    waves = _energy_waves(stack, wavelength_nm, incident_index, transverse, polarization)
    share = abs(waves.transmitted) ** 2 * xp.real(waves.admittances[-1]) / xp.real(waves.admittances[0])
    return xp.astype(share, real_dtype(transverse))


def absorptance(
    stack: Stack, wavelength_nm: float, incident_index: float, transverse: Array, polarization: str
) -> Array:
    """Return the shares (..., films) of the arriving energy that each film absorbs.

    They are integrals of k0 Im(n^2) |E|^2 over the depth of a film, and owe nothing to what is reflected or
    transmitted.
    """
    xp = array_module(transverse)
    waves = _energy_waves(stack, wavelength_nm, incident_index, transverse, polarization)
    arriving = xp.real(waves.normals[0])
    shares = zeros((*transverse.shape, len(stack.films)), arriving)
    for number, film in enumerate(stack.films):
        strength = waves.wavenumber * (film.index**2).imag * film.thickness_nm
        shares[..., number] = strength * _mean_intensity(waves, number) / arriving
    return xp.astype(shares, real_dtype(transverse))


def depth_average(
    stack: Stack, wavelength_nm: float, incident_index: complex, transverse: Array, polarization: str
) -> Array:
    """Return the mean (...) of |E|^2 over the depth of the resist, in closed form.

    The arriving wave has |E| = 1 at the top of the stack. What the resist absorbs in a volume is proportional to it.
    """
    return energy_and_reflectance(stack, wavelength_nm, incident_index, transverse, polarization)[0]


def energy_and_reflectance(
    stack: Stack, wavelength_nm: float, incident_index: complex, transverse: Array, polarization: str
) -> tuple[Array, Array]:
    """Return `depth_average` and `reflectance`, (...) each, from one solution of the stack."""
    if not stack.films:
        raise ValueError("`stack` must have a resist, but is a bare substrate.")
    xp, dtype = array_module(transverse), real_dtype(transverse)
    waves = _waves(stack, wavelength_nm, incident_index, transverse, polarization)
    return xp.astype(_mean_intensity(waves, stack.resist), dtype), xp.astype(abs(waves.reflected) ** 2, dtype)


def _waves(stack: Stack, wavelength_nm: float, incident_index: complex, transverse: Array, polarization: str) -> Waves:
    k0 = wavenumber_of(wavelength_nm)
    return solve(stack.indices_under(incident_index), stack.thicknesses_nm, k0, transverse, polarization)


def _energy_waves(
    stack: Stack, wavelength_nm: float, incident_index: float, transverse: Array, polarization: str
) -> Waves:
    """Return the waves, if what arrives carries energy of its own."""
    xp = array_module(transverse)
    index = refractive_index(incident_index, "incident_index")
    if index.imag > 0:
        raise ValueError(f"`incident_index` must be real for shares of the arriving energy, but got {incident_index}.")
    if not bool(xp.all(abs(transverse) < index.real)):
        raise ValueError(
            f"`transverse` must be below `incident_index` ({index.real}) for shares of energy, but is not."
        )
    return _waves(stack, wavelength_nm, incident_index, transverse, polarization)


def _mean_intensity(waves: Waves, film: int) -> Array:
    """Return the mean of |E|^2 over a film, for an arriving wave with |E| = 1."""
    u, v = waves.mean_squares(film + 1)
    if waves.polarization == "s":
        return u
    return abs(waves.indices[0]) ** 2 * (v + waves.transverse**2 / abs(waves.indices[film + 1]) ** 4 * u)
