"""How far light reaches: the optical ambit, from the kernels themselves, and the halo that a tile needs.

What stands at a distance from a point of the mask acts on the image there through the kernels' values at that distance.
The ambit is the distance beyond which only a small share of the kernels' weighted energy lies,

    sum_k w_k int_{|r| > ambit} |h_k|^2  <=  share * sum_k w_k int |h_k|^2 .

By Cauchy and Schwarz a change of the transmission beyond it, d(r), changes the sum of the squared fields by at most
share * E * int |d|^2, E the energy of all kernels: see `largest_change`. For a clear lens and all kernels the energy is
that of Airy's disc for any source, whose tail 2 / (pi v), v = 2 pi NA r / wavelength, falls slowly; but weak kernels
hold most of the tail, and what is left out of a sum of kernels is left out here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from litho.backend import to_host
from litho.fourier import embed
from litho.socs import Kernels

SHARE = 1e-3
"""Default share of the kernels' energy beyond the ambit."""


def ambit_nm(kernels: Sequence[Kernels], share: float = SHARE) -> float:
    """Return the distance beyond which no set of kernels has more than a share of its energy.

    Parameters
    ----------
    kernels
        one set per focus, all of one field, which must be at least twice as wide as the ambit
    share
        of the energy, over 0 and under 1

    Raises
    ------
    ValueError
        if the field is too small to tell
    """
    if not 0 < share < 1:
        raise ValueError(f"`share` must be over 0 and under 1, but got {share}.")
    if len(kernels) == 0:
        raise ValueError("`kernels` must hold at least one set, but got none.")
    return max(_ambit(k, share) for k in kernels)


def energy_beyond(kernels: Kernels, radius_nm: float) -> float:
    """Return the share of the kernels' weighted energy that lies farther than a distance from their centre."""
    distance, energy = _energy(kernels)
    return float(energy[distance > radius_nm].sum() / energy.sum())


def largest_change(kernels: Kernels, radius_nm: float, area_nm2: float, intensity: float = 1.0) -> float:
    """Return a bound on the change of the intensity at a point by a change of the mask at least so far away.

    Parameters
    ----------
    kernels
        their even `background` is left out: it has no place
    radius_nm
        distance of the change
    area_nm2
        integral of |d|^2 over the change d of the transmission: the area of shapes that come or go on a binary mask
    intensity
        at the point, before
    """
    spectra, weights = to_host(kernels.spectra), to_host(kernels.weights)
    whole = float((weights * (np.abs(spectra) ** 2).sum(axis=(1, 2))).sum()) / math.prod(kernels.period_nm)
    squares = area_nm2 * whole * energy_beyond(kernels, radius_nm)
    return 2 * math.sqrt(intensity * squares) + squares


def halo_nm(
    kernels: Sequence[Kernels], unit_nm: float, *, reach_nm: float = 0.0, share: float = SHARE, at_least_nm: float = 0.0
) -> float:
    """Return by how much a field must be larger than its core on each side.

    Parameters
    ----------
    kernels
        see `ambit_nm`
    unit_nm
        coarsest pixel: the halo is a whole multiple of it
    reach_nm
        of the resist and of mask rules, added to the ambit
    share
        see `ambit_nm`
    at_least_nm
        a halo that is never fallen short of
    """
    return math.ceil(max(ambit_nm(kernels, share) + reach_nm, at_least_nm) / unit_nm - 1e-9) * unit_nm


def _ambit(kernels: Kernels, share: float) -> float:
    distance, energy = _energy(kernels)
    order = np.argsort(distance, axis=None, kind="stable")
    beyond = 1 - np.cumsum(energy.ravel()[order]) / energy.sum()
    radius = float(distance.ravel()[order][np.argmax(beyond <= share)])
    if radius > min(kernels.period_nm) / 2 * (1 - 2 / max(kernels.band_shape)):
        raise ValueError(
            f"`kernels` must be of a field twice as wide as the ambit, but {kernels.period_nm} nm is too small to tell "
            f"where no more than {share:g} of their energy is left."
        )
    return radius


def _energy(kernels: Kernels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance of each sample of the band grid from the kernels' centre, and their weighted energy there."""
    spectra, weights = to_host(kernels.spectra), to_host(kernels.weights)
    ny, nx = kernels.band_shape
    energy = np.zeros((ny, nx))
    for weight, spectrum in zip(weights, spectra, strict=True):
        energy += weight * np.abs(np.fft.ifft2(embed(spectrum, (ny, nx)))) ** 2
    y, x = (
        np.minimum(np.arange(n), n - np.arange(n)) * (period / n)
        for n, period in zip((ny, nx), kernels.period_nm, strict=True)
    )
    return np.hypot(y[:, None], x[None, :]), energy
