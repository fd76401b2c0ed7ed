"""Fields in the resist as few functions of the angle, so that a mean over depth costs hardly more than one depth.

The mean over depth of |E|^2 is a sum over Gauss depths d of weight_d |E_d|^2. A unitary change of the depths leaves
such a sum as it is, for all angles and source points at once; chosen by a singular value decomposition of the fields
over angle, only a handful of the changed "depths" (modes) carry any light. Each is kept as a Chebyshev series in
cos(theta) of the incident medium, in which fields of a film stack are analytic: they are even in the normal component
of the wave vector in each film, and only that in the substrate has a branch point, where it vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from litho.backend import Array, array_module, like
from litho.films import Stack, depth_count, resist_depths, stack_fields

MODE_ERROR = 1e-9
"""Share of the light in the resist that the dropped modes may carry."""

SERIES_ERROR = 1e-12
"""The last coefficients of a series are below this share of the largest."""

MOST_TERMS = 1024

Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class DepthModes:
    """Fields of s and p waves in the resist.

    Parameters
    ----------
    coefficients : (terms, modes, 3) complex
        Chebyshev series of S, P and Z / sin(theta)
    lowest
        cos(theta) at the lens's rim: the series holds from there to 1
    """

    coefficients: Complex
    lowest: float

    @property
    def count(self) -> int:
        """Number of modes."""
        return int(self.coefficients.shape[1])

    def at(self, cosine: Array) -> Array:
        """Return the fields (3, modes, ...) complex at cos(theta) (...)."""
        xp = array_module(cosine)
        place = xp.reshape((2 * cosine - (1 + self.lowest)) / (1 - self.lowest), (-1,))
        terms = [0 * place + 1, place]
        while len(terms) < self.coefficients.shape[0]:
            terms.append(2 * place * terms[-1] - terms[-2])
        basis = xp.stack(terms[: self.coefficients.shape[0]])
        table = self.coefficients.transpose(2, 1, 0).reshape(3 * self.count, -1)
        real, imaginary = (xp.matmul(like(part, cosine, xp.float64), basis) for part in (table.real, table.imag))
        return xp.reshape(real + 1j * imaginary, (3, self.count, *cosine.shape))


@lru_cache(maxsize=64)
def depth_modes(
    stack: Stack, wavelength_nm: float, incident_index: float, na: float, depth_nm: float | None = None
) -> DepthModes:
    """Modes of the mean over the resist's depth, or the one field at a depth.

    Parameters
    ----------
    stack
        films on the wafer
    wavelength_nm
        in vacuum
    incident_index
        of the medium above
    na
        numerical aperture: the largest n sin(theta)
    depth_nm
        below the top of the stack; None for the mean

    Returns
    -------
    DepthModes
        the squares of whose fields add up to the mean of |E|^2
    """
    if depth_nm is None:
        depths, weights = resist_depths(stack, depth_count(stack, wavelength_nm))
    else:
        depths, weights = (float(depth_nm),), (1.0,)
    lowest = float(np.sqrt(1 - (na / incident_index) ** 2))
    terms = 32
    while True:
        series = _series(stack, wavelength_nm, incident_index, lowest, depths, terms) * np.sqrt(weights)[:, None]
        size = np.abs(series).max(axis=(1, 2))
        if size[-4:].max() <= SERIES_ERROR * size.max():
            break
        terms *= 2
        if terms > MOST_TERMS:
            raise ValueError(
                f"`wafer` must have a substrate that absorbs, or of an index above the aperture ({na}), so that its "
                f"fields are smooth in the angle, but got {stack.substrate}."
            )
    used = int(np.flatnonzero(size > SERIES_ERROR / 100 * size.max())[-1]) + 1
    return DepthModes(_compressed(series[:used]), lowest)


def _series(
    stack: Stack, wavelength_nm: float, incident_index: float, lowest: float, depths: tuple[float, ...], terms: int
) -> Complex:
    """Return Chebyshev coefficients (terms, depths, 3)."""
    nodes = np.cos(np.pi * (np.arange(terms) + 0.5) / terms)
    cosine = (1 + lowest) / 2 + (1 - lowest) / 2 * nodes
    sine = np.sqrt((1 - cosine) * (1 + cosine))
    s, along, normal = stack_fields(stack, wavelength_nm, incident_index, incident_index * sine, depths)
    values = np.stack([s, along, normal / sine[:, None]], axis=-1)
    basis = chebyshev.chebvander(nodes, terms - 1)
    scale = np.full(terms, 2 / terms)
    scale[0] = 1 / terms
    return np.asarray(np.tensordot((basis * scale).T, values, 1))


def _compressed(series: Complex) -> Complex:
    """Return (terms, modes, 3): the depths (terms, depths, 3) turned unitarily, and those without light left out."""
    if series.shape[1] == 1:
        return series
    count = max(257, len(series))
    places = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    fields: Any = np.tensordot(chebyshev.chebvander(places, len(series) - 1), series, 1)
    samples = fields.transpose(0, 2, 1).reshape(-1, series.shape[1])
    _, size, turn = np.linalg.svd(samples, full_matrices=False)
    dropped = np.cumsum((size**2)[::-1])[::-1] / (size**2).sum()
    modes = int(np.count_nonzero(dropped > MODE_ERROR))
    return np.asarray(np.einsum("tdk,md->tmk", series, turn[:modes].conj()))
