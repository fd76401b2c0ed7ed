"""What a process engineer plots of a film stack: standing waves, swing curves, and the best antireflective coating.

The arguments are those of `litho.films`. An unpolarised wave is the mean of s and p; light through a pupil is the mean
over `transverse` with the pupil's weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from litho.backend import Array, array_module, like
from litho.film_waves import solve, wavenumber_of
from litho.films import Stack, energy_and_reflectance, reflectance, stack_fields

SAMPLES_PER_PERIOD = 16
"""Thicknesses tried in half a wavelength of a film before the best of them is refined."""

GOLDEN = (math.sqrt(5) - 1) / 2


def standing_wave(
    stack: Stack,
    wavelength_nm: float,
    incident_index: complex,
    transverse: Array,
    depth_nm: Sequence[float],
    polarization: str,
) -> Array:
    """Return |E|^2 (..., depths) at depths of a stack, for an arriving wave with |E| = 1."""
    if polarization not in ("s", "p"):
        raise ValueError(f"`polarization` must be 's' or 'p', but got {polarization!r}.")
    s, along, normal = stack_fields(stack, wavelength_nm, incident_index, transverse, depth_nm)
    return abs(s) ** 2 if polarization == "s" else abs(along) ** 2 + abs(normal) ** 2


def swing_curve(
    stack: Stack,
    wavelength_nm: float,
    incident_index: complex,
    transverse: Array,
    thicknesses_nm: Sequence[float],
    polarization: str,
) -> tuple[Array, Array]:
    """Energy in the resist, and reflectance, against the thickness of the resist.

    Parameters
    ----------
    stack, wavelength_nm, incident_index, transverse, polarization
        as for `litho.films.reflection`; the thickness of the stack's own resist does not matter
    thicknesses_nm
        of the resist

    Returns
    -------
    energy : (..., thicknesses) real
        mean of |E|^2 over the resist's depth, for an arriving wave with |E| = 1; the dose to clear swings with its
        inverse
    reflected : (..., thicknesses) real
        share of the arriving energy that is reflected
    """
    if len(thicknesses_nm) == 0 or not stack.films:
        raise ValueError("`thicknesses_nm` must hold a thickness, and `stack` a resist, but one is empty.")
    xp, energies, shares = array_module(transverse), [], []
    for thickness in thicknesses_nm:
        changed = stack.with_thickness(stack.resist, float(thickness))
        energy, share = energy_and_reflectance(changed, wavelength_nm, incident_index, transverse, polarization)
        energies.append(energy)
        shares.append(share)
    return xp.stack(energies, axis=-1), xp.stack(shares, axis=-1)


def reflectance_spectrum(
    stack: Stack,
    wavelengths_nm: Sequence[float],
    incident_index: complex,
    transverse: Array,
    polarization: str,
) -> Array:
    """Return the reflectance (..., wavelengths) with the indices of the stack held at every wavelength."""
    k0 = like([wavenumber_of(float(w)) for w in wavelengths_nm], transverse, array_module(transverse).float64)
    indices = stack.indices_under(incident_index)
    amplitude = solve(indices, stack.thicknesses_nm, k0, transverse[..., None], polarization).reflected
    return array_module(transverse).astype(abs(amplitude) ** 2, transverse.dtype)


def bottom_reflectance(stack: Stack, wavelength_nm: float, transverse: Array, polarization: str) -> Array:
    """Return |r|^2 (...) of what lies under the resist, for a wave that arrives in the resist.

    The resist is taken as endlessly thick, so that its standing wave has the contrast 2 |r| / (1 + |r|^2) at its
    bottom (for s waves); no thickness of the resist changes it.
    """
    return reflectance(stack.under_resist, wavelength_nm, stack.resist_film.index, transverse, polarization)


def best_thickness(
    stack: Stack,
    film: int,
    wavelength_nm: float,
    transverse: Array,
    limits_nm: tuple[float, float],
    weights: Array | None = None,
) -> tuple[float, float]:
    """Thickness of a coating under the resist that reflects least into the resist.

    What is least is the mean of `bottom_reflectance` over s, p and the entries of `transverse`. The limits are searched
    in steps of 1/32 wavelength in the film; the neighbourhood of the best is narrowed by golden sections.

    Parameters
    ----------
    stack
        the films
    film
        number of the coating, above that of the resist
    wavelength_nm
        in vacuum
    transverse : (...) real
        directions, for a lens NA times pupil radii
    limits_nm
        smallest and largest thickness
    weights : (...) real
        of the entries of `transverse`; None for equal ones

    Returns
    -------
    thickness_nm
        to some 1e-6 nm
    reflected
        the mean that it leaves
    """
    low, high = limits_nm
    if not 0 < low < high < math.inf:
        raise ValueError(f"`limits_nm` must be two growing positive lengths, but got {limits_nm}.")
    if not stack.resist < film < len(stack.films):
        raise ValueError(f"`film` must be the number of a film under the resist ({stack.resist}), but got {film}.")
    xp = array_module(transverse)
    share = xp.ones_like(transverse) if weights is None else weights
    if not bool(xp.all(share >= 0) & xp.any(share > 0)):
        raise ValueError("`weights` must be 0 or more and not all 0, but are not.")
    share = share / xp.sum(share)

    def mean(thickness_nm: float) -> float:
        changed = stack.with_thickness(film, thickness_nm)
        return sum(float(xp.sum(share * bottom_reflectance(changed, wavelength_nm, transverse, p))) / 2 for p in "sp")

    step = math.pi / (SAMPLES_PER_PERIOD * wavenumber_of(wavelength_nm) * stack.films[film].index.real)
    count = max(2, math.ceil((high - low) / step))
    tried = [low + (high - low) * i / count for i in range(count + 1)]
    best = min(range(count + 1), key=[mean(t) for t in tried].__getitem__)
    return _least(mean, tried[max(best - 1, 0)], tried[min(best + 1, count)])


def _least(value: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Return where a function with one minimum between two numbers is least, and its value there."""
    inner = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
    values = [value(x) for x in inner]
    while high - low > 1e-7 * high:
        if values[0] < values[1]:
            high = inner[1]
            inner, values = [high - GOLDEN * (high - low), inner[0]], [0.0, values[0]]
            values[0] = value(inner[0])
        else:
            low = inner[0]
            inner, values = [inner[1], low + GOLDEN * (high - low)], [values[1], 0.0]
            values[1] = value(inner[1])
    ends = [(value(x), x) for x in (low, (low + high) / 2, high)]
    reflected, thickness = min(ends)
    return thickness, reflected
