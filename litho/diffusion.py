"""Gaussian diffusion of acid, quencher or image blur: sideways over a periodic field, and through the depth of a film.

A concentration c with diffusivity D obeys dc/dt = D laplace(c). After a time t it is the start convolved with a
Gaussian of standard deviation sigma = sqrt(2 D t), the *diffusion length*, and a wave of frequency f has been damped by
exp(-2 pi^2 sigma^2 f^2).

Arrays are (..., nz, ny, nx): depth first, z downwards from the film's top, samples at the middles of its layers.
Sideways the field repeats; at top and bottom nothing passes (mirror images), so that the cosines
cos(pi m z / thickness) are damped by exp(-sigma^2 (pi m / thickness)^2 / 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, positions, real_dtype
from litho.fourier import filtered
from litho.grid import Grid


@dataclass(frozen=True)
class Diffusion:
    """Gaussian diffusion over a fixed length; made by `gaussian_diffusion`. It is its own adjoint.

    Parameters
    ----------
    lateral : (ny, nx // 2 + 1) real
        damping of each frequency of a real FFT, over ny nx: see `litho.fourier.filtered`
    vertical : (nz, nz) real, optional
        what each layer gives to each; None where layers do not mix
    """

    lateral: Array
    vertical: Array | None = None

    def __call__(self, x: Array) -> Array:
        """Return the field after diffusion, (..., ny, nx) real, or (..., nz, ny, nx) if there is a depth."""
        xp = array_module(x)
        y = filtered(x, self.lateral)
        if self.vertical is not None:
            layers = xp.reshape(y, (*y.shape[:-2], y.shape[-2] * y.shape[-1]))
            y = xp.reshape(xp.matmul(self.vertical, layers), x.shape)
        assert y.dtype == x.dtype
        return y

    adjoint = __call__


def gaussian_diffusion(
    grid: Grid, sigma_nm: float, like: Array, layers: int = 1, layer_nm: float | None = None
) -> Diffusion:
    """Precompute diffusion over a length, exactly for what the samples can carry.

    Parameters
    ----------
    grid
        lateral field and pixels
    sigma_nm
        diffusion length sqrt(2 D t); 0 leaves a field as it is. Below about 0.4 pixels a sharp step rings, for then its
        highest frequencies are damped by less than a factor of 20: the exact answer for the samples' own waves
    like
        any array of the wanted library, device and precision
    layers, layer_nm
        number and thickness of a film's layers; without `layer_nm` every layer diffuses sideways only

    Returns
    -------
    Diffusion
    """
    if not (math.isfinite(sigma_nm) and sigma_nm >= 0):
        raise ValueError(f"`sigma_nm` must be a length of at least 0, but got {sigma_nm}.")
    xp, (ny, nx) = array_module(like), grid.shape
    rows = positions(ny, like)
    ky = xp.where(rows < (ny + 1) // 2, rows, rows - ny) / grid.period_nm[0]
    kx = positions(nx // 2 + 1, like) / grid.period_nm[1]
    damping = xp.exp((-2 * math.pi**2 * sigma_nm**2) * (ky[:, None] ** 2 + kx[None, :] ** 2))
    vertical = None if layer_nm is None else _mixing(layers, layer_nm, sigma_nm, like)
    return Diffusion(xp.astype(damping / (ny * nx), real_dtype(like)), vertical)


def _mixing(layers: int, layer_nm: float, sigma_nm: float, like: Array) -> Array:
    """Return the symmetric matrix (nz, nz) of diffusion between reflecting faces: damped cosines, there and back."""
    if not (math.isfinite(layer_nm) and layer_nm > 0):
        raise ValueError(f"`layer_nm` must be a positive length, but got {layer_nm}.")
    if layers < 1:
        raise ValueError(f"`layers` must be at least 1, but got {layers}.")
    xp, order = array_module(like), positions(layers, like)
    cosines = xp.cos((math.pi / layers) * order[:, None] * (order[None, :] + 0.5))
    damping = xp.exp(-0.5 * (math.pi * sigma_nm / (layers * layer_nm)) ** 2 * order**2)
    weights = damping * (1 + xp.astype(order > 0, damping.dtype)) / layers
    return xp.astype(xp.matmul(xp.matrix_transpose(cosines) * weights, cosines), real_dtype(like))
