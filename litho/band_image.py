"""The intensity of a periodic field, known everywhere: exactly from its half band, or nearly from close samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.cells import Floats
from litho.fourier import band_frequencies, band_transform, complete, fold
from litho.grid import Grid

Complexes = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class BandImage:
    """An aerial image on the host, in double precision.

    Parameters
    ----------
    half : (2 Ry + 1, Rx + 1) complex
        half band of the intensity
    grid
        the field
    """

    half: Complexes
    grid: Grid

    def at(self, x_nm: Floats, y_nm: Floats) -> Floats:
        """Return the intensity (n,) at points x, y, each (n,) in layout nm."""
        along_y, along_x = self._waves(x_nm, y_nm)
        return np.asarray(((along_x @ complete(self.half).T) * along_y).sum(axis=1).real)

    def at_adjoint(self, values_bar: Floats, x_nm: Floats, y_nm: Floats) -> Complexes:
        """Return the gradient with respect to `half`, from the one with respect to the intensity at points."""
        along_y, along_x = self._waves(x_nm, y_nm)
        full_bar: Complexes = fold((values_bar[:, None] * along_y).conj().T @ along_x.conj())
        return full_bar

    def samples(self) -> Floats:
        """Return the intensity at the pixels of the grid, (ny, nx)."""
        rows, columns = self.half.shape
        values: Floats = band_transform(self.grid.shape, (rows // 2, columns - 1), self.half).inverse(self.half)
        return values

    def _waves(self, x_nm: Floats, y_nm: Floats) -> tuple[Complexes, Complexes]:
        """Return exp(2 pi i k y / period) and the same in x, (points, frequencies) each, for the full band."""
        rows, columns = self.half.shape
        x = (np.atleast_1d(x_nm) - self.grid.origin_nm[0]) / self.grid.period_nm[1]
        y = (np.atleast_1d(y_nm) - self.grid.origin_nm[1]) / self.grid.period_nm[0]
        pairs = ((y, rows // 2), (x, columns - 1))
        along_y, along_x = (np.exp(2j * math.pi * np.outer(t, band_frequencies(r, t))) for t, r in pairs)
        return along_y, along_x


@dataclass(frozen=True, eq=False)
class SampledImage:
    """An aerial image by its samples, joined by cubic splines: fast at very many points, where nearly is enough.

    Parameters
    ----------
    values : (ny, nx) real
        intensity at the pixels of the grid
    grid
        the field
    """

    values: Floats
    grid: Grid

    def at(self, x_nm: Floats, y_nm: Floats) -> Floats:
        """Return the intensity (n,) at points x, y, each (n,) in layout nm."""
        (height, width), (x0, y0) = self.grid.pixel_nm, self.grid.origin_nm
        places = np.stack([(np.asarray(y_nm) - y0) / height - 0.5, (np.asarray(x_nm) - x0) / width - 0.5])
        values: Floats = scipy.ndimage.map_coordinates(self._weights, places, mode="grid-wrap", prefilter=False)
        return values

    @cached_property
    def _weights(self) -> Floats:
        weights: Floats = scipy.ndimage.spline_filter(np.asarray(self.values, dtype=np.float64), mode="grid-wrap")
        return weights
