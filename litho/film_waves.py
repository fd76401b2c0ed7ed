"""Plane waves in layers, by a transfer matrix in which no exponential grows and nothing is divided by zero.

Two numbers are continuous at every interface: U and V = dU/dz / (i k0 w). For s waves U is the electric field and
w = 1; for p waves U is the magnetic field, w = n^2, and V the electric field along the surface. A wave that only runs
down has V = q U with q = kz / w and kz = sqrt(n^2 - transverse^2), where the transverse component of the direction,
n sin(theta), is the same in every layer. From the bottom of a layer to a height h above it, with phase = k0 kz h,

    U -> (cos(phase) U - i sin(phase) V / q) exp(i phase),      V -> (cos(phase) V - i sin(phase) q U) exp(i phase),

which is the characteristic matrix (Born & Wolf, Principles of Optics, 7th ed. 1999, sec. 1.6) times the decay of the
wave that runs down. The decay is put back on the way down, and (1 - exp(2 i phase)) / q is computed without
cancellation, so that waves that graze, fade or die inside a layer are as exact as all others.

Time factor exp(-i w t): an absorbing index is n + i k with k >= 0. z counts downwards from the top of the layers.
"""

from __future__ import annotations

import cmath
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from numbers import Complex
from typing import Any

from litho.backend import Array, array_module

GRAZING = 1e-150
"""Stands for kz = 0, so that no quotient is 0 / 0; the limit is reached to double precision."""

NEAR_GRAZING = 1e-4
"""Smallest |kz| of a mean intensity, which divides by its square: the error there is some 1e-8."""

Pair = tuple[Array, Array]
"""U and V."""


@dataclass(frozen=True)
class Waves:
    """U and V everywhere in layers, for an arriving wave with U = 1 at their top: what `solve` returns.

    Parameters
    ----------
    tops_nm
        where each layer, and at last the substrate, begins
    wavenumber : (...) real
        in vacuum, 2 pi / wavelength, 1/nm
    transverse : (...) real
        n sin(theta)
    polarization
        "s" or "p"
    indices
        of the medium above, the layers, the substrate; the tuples below have the same order
    normals : (...) complex each
        kz
    admittances : (...) complex each
        q
    arriving : (...) complex each
        factor of `pairs` that contains the decay down to the top of a medium; not used above the layers
    pairs : (...) complex each
        U and V at the top of a medium but for the factor `arriving`; not used above the layers
    """

    tops_nm: tuple[float, ...]
    wavenumber: float | Array
    transverse: Array
    polarization: str
    indices: tuple[complex, ...]
    normals: tuple[Array, ...]
    admittances: tuple[Array, ...]
    arriving: tuple[Array, ...]
    pairs: tuple[Pair, ...]

    @property
    def reflected(self) -> Array:
        """U of the reflected wave at the top of the layers."""
        (u, v), q = self.pairs[1], self.admittances[0]
        return (q * u - v) / (q * u + v)

    @property
    def transmitted(self) -> Array:
        """U of the wave that enters the substrate, at its top."""
        return self.arriving[-1]

    def medium(self, depth_nm: float) -> int:
        """Return the position in `indices` of the medium at a depth; on an interface, of that below it."""
        return bisect_right(self.tops_nm, depth_nm)

    def at(self, depth_nm: float) -> Pair:
        """Return U and V at a depth."""
        xp, medium = array_module(self.transverse), self.medium(depth_nm)
        normal, q = self.normals[medium], self.admittances[medium]
        if medium == 0:
            down, up = (xp.exp(1j * self.wavenumber * depth_nm * sign * normal) for sign in (1, -1))
            return down + self.reflected * up, q * (down - self.reflected * up)
        below = self.wavenumber * (depth_nm - self.tops_nm[medium - 1])
        decay = self.arriving[medium] * xp.exp(1j * below * normal)
        if medium == len(self.indices) - 1:
            return decay, q * decay
        height = self.wavenumber * (self.tops_nm[medium] - depth_nm)
        u, v = _lifted(self.pairs[medium + 1], height * normal, q)
        return decay * u, decay * v

    def mean_squares(self, medium: int) -> Pair:
        """Return the means of |U|^2 and |V|^2 over the depth of a layer, in closed form; `medium` counts from 1."""
        xp, index = array_module(self.transverse), self.indices[medium]
        normal = _at_least(self.normals[medium], NEAR_GRAZING)
        q = normal / _weight(index, self.polarization)
        thickness = self.wavenumber * (self.tops_nm[medium] - self.tops_nm[medium - 1])
        phase = thickness * normal
        arriving = self.arriving[medium] * xp.exp(1j * thickness * (self.normals[medium] - normal))
        u, v = self.pairs[medium + 1]
        down = arriving * (u + v / q) / 2  # of the wave that runs down, at the top
        up = arriving * xp.exp(1j * phase) * (u - v / q) / 2  # of that which runs up, at the bottom
        alone = (abs(down) ** 2 + abs(up) ** 2) * _mean_of_decay(2 * xp.imag(phase))
        both = 2 * xp.real(down * xp.conj(up)) * xp.exp(-xp.imag(phase)) * _sinc(xp.real(phase))
        return alone + both, abs(q) ** 2 * (alone - both)


def solve(
    indices: Sequence[complex],
    thicknesses_nm: Sequence[float],
    wavenumber: float | Array,
    transverse: Array,
    polarization: str,
) -> Waves:
    """Return U and V in layers, in double precision.

    Parameters
    ----------
    indices
        refractive indices of the medium above, the layers from the top down, and the substrate
    thicknesses_nm
        of the layers, two fewer than indices
    wavenumber : (...) real
        in vacuum, 2 pi / wavelength, 1/nm; one for all, or an array that broadcasts with `transverse`
    transverse : (...) real
        n sin(theta)
    polarization
        "s", U the electric field across the plane of incidence, or "p", U the magnetic field across it
    """
    xp = array_module(transverse)
    if polarization not in ("s", "p"):
        raise ValueError(f"`polarization` must be 's' or 'p', but got {polarization!r}.")
    if not xp.isdtype(transverse.dtype, "real floating"):
        raise ValueError(f"`transverse` must be an array of real floating-point numbers, but got {transverse.dtype}.")
    transverse = xp.astype(transverse, xp.float64)
    normals = tuple(_normal(index, transverse) for index in indices)
    q = tuple(normal / _weight(index, polarization) for index, normal in zip(indices, normals, strict=True))
    phases = [wavenumber * d * normal for d, normal in zip(thicknesses_nm, normals[1:-1], strict=True)]
    pairs = [(xp.ones_like(q[-1]), q[-1])]
    for phase, admittance in zip(reversed(phases), reversed(q[1:-1]), strict=True):
        pairs.insert(0, _lifted(pairs[0], phase, admittance))
    arriving = [2 * q[0] / (q[0] * pairs[0][0] + pairs[0][1])]
    for phase in phases:
        arriving.append(arriving[-1] * xp.exp(1j * phase))
    tops = tuple(accumulate(thicknesses_nm, initial=0.0))
    above = (arriving[0], *arriving), (pairs[0], *pairs)
    return Waves(tops, wavenumber, transverse, polarization, tuple(indices), normals, q, *above)


def wavenumber_of(wavelength_nm: float) -> float:
    """Return 2 pi / wavelength, 1/nm."""
    if not (math.isfinite(wavelength_nm) and wavelength_nm > 0):
        raise ValueError(f"`wavelength_nm` must be a positive number, but got {wavelength_nm}.")
    return 2 * math.pi / float(wavelength_nm)


def refractive_index(value: Any, name: str) -> complex:
    """Return n + i k as a complex number, or say that `name` is none."""
    if isinstance(value, Complex):
        index = complex(value)
        if cmath.isfinite(index) and index.real > 0 and index.imag >= 0:
            return index
    raise ValueError(f"`{name}` must be a refractive index n + i k with n > 0 and k >= 0, but got {value}.")


def _weight(index: complex, polarization: str) -> complex:
    """Return w."""
    return 1.0 if polarization == "s" else index**2


def _normal(index: complex, transverse: Array) -> Array:
    """Return kz, the root whose wave runs or fades downwards."""
    xp = array_module(transverse)
    root = xp.sqrt(xp.astype((index.real - transverse) * (index.real + transverse), xp.complex128) + _absorption(index))
    return _at_least(xp.where(xp.imag(root) < 0, -root, root), GRAZING)


def _absorption(index: complex) -> complex:
    """Return n^2 without the square of its real part."""
    return complex(-(index.imag**2), 2 * index.real * index.imag)


def _at_least(normal: Array, least: float) -> Array:
    """Return kz, or `least` where it is smaller."""
    return array_module(normal).where(abs(normal) < least, least, normal)


def _lifted(pair: Pair, phase: Array, q: Array) -> Pair:
    """Return U and V higher up in a layer, but for the factor exp(-i phase) by which they are larger."""
    xp = array_module(phase)
    turn, fall = xp.real(phase), -2 * xp.imag(phase)
    sine, decay = xp.sin(turn), xp.exp(fall)
    # (1 - exp(2 i phase)) / 2 without cancellation
    half = decay * sine * sine - xp.expm1(fall) / 2 - 1j * (decay * sine * xp.cos(turn))
    u, v = pair
    return (1 - half) * u + (half / q) * v, (1 - half) * v + (half * q) * u


def _mean_of_decay(x: Array) -> Array:
    """Return (1 - exp(-x)) / x for x >= 0."""
    xp = array_module(x)
    return xp.where(x > 0, -xp.expm1(-x) / xp.where(x > 0, x, 1.0), 1.0)


def _sinc(x: Array) -> Array:
    """Return sin(x) / x."""
    xp = array_module(x)
    return xp.where(x == 0, 1.0, xp.sin(x) / xp.where(x == 0, 1.0, x))
