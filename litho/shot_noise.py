"""Photon shot noise: a resist counts photons, and counts scatter.

The dose sets how many photons a pixel of the film absorbs on average; how many it absorbs in one exposure is a Poisson
number. Each makes acids, the acids spread over a Gaussian while they diffuse, and what is left when a quencher has
taken its share is the latent image of that exposure. It is given in the unit of the intensity, so that the threshold
of the aerial image is its threshold too, and its mean is the blurred aerial image.

The film is one layer: absorption is summed over its depth, and what is depleted or reflected within it is left out.

References
----------
C. A. Mack, "Shot noise: a 100 year history, with applications to lithography" (2018).
P. J. Mohr, D. B. Newell, B. N. Taylor, E. Tiesinga, CODATA recommended values of the fundamental physical
constants: 2022.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array, threads, to_host
from litho.diffusion import Diffusion, gaussian_diffusion
from litho.grid import Grid

if TYPE_CHECKING:
    from litho.image import AerialImage

PLANCK_J_S = 6.62607015e-34  # exact, SI of 2019 and CODATA 2022
LIGHT_M_S = 299792458.0  # exact
BATCH_PIXELS = 2**21
"""Pixels that are sampled at a time, 16 MiB."""

Floats = NDArray[np.float64]
Pixel = float | tuple[float, float]


def photons_per_nm2(dose_mj_cm2: float, wavelength_nm: float) -> float:
    """Return how many photons fall on a square nanometre: dose times wavelength over h c."""
    return dose_mj_cm2 * 1e-17 * (wavelength_nm * 1e-9) / (PLANCK_J_S * LIGHT_M_S)  # 1 mJ/cm^2 = 1e-17 J/nm^2


@dataclass(frozen=True)
class ShotNoise:
    """What makes the latent image of a resist scatter.

    Parameters
    ----------
    dose_mj_cm2
        energy that falls on the resist where the intensity is 1 (the clear field), mJ/cm^2
    wavelength_nm
        in vacuum
    absorption_per_um
        coefficient of absorption 4 pi k / wavelength, the sum A + B of Dill's parameters, 1/um
    thickness_nm
        of the resist, through which light passes once
    blur_nm
        standard deviation of the Gaussian that acids (and, before them, electrons) spread over in each direction; it
        blurs the image, too. At least a pixel, or 0 for none
    acids_per_photon
        mean of the Poisson number of acids that an absorbed photon makes. Not given, every photon makes equally many
    quencher_per_nm2
        mean number of quencher molecules under a square nanometre, each of which takes one acid. They lie as chance
        put them (Poisson) and spread as the acids do. The threshold counts from the mean that they take
    """

    dose_mj_cm2: float
    wavelength_nm: float
    absorption_per_um: float
    thickness_nm: float
    blur_nm: float = 0.0
    acids_per_photon: float | None = None
    quencher_per_nm2: float = 0.0

    def __post_init__(self) -> None:
        for name in ("dose_mj_cm2", "wavelength_nm", "absorption_per_um", "thickness_nm", "acids_per_photon"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")
        for name in ("blur_nm", "quencher_per_nm2"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"`{name}` must be a number of at least 0, but got {value}.")

    @property
    def absorbed_share(self) -> float:
        """Share of the photons that the resist absorbs, 1 - exp(-absorption times thickness)."""
        return -math.expm1(-self.absorption_per_um * self.thickness_nm * 1e-3)

    @property
    def absorbed_per_nm2(self) -> float:
        """Mean number of photons absorbed under a square nanometre of the clear field."""
        return self.absorbed_share * photons_per_nm2(self.dose_mj_cm2, self.wavelength_nm)

    @property
    def acids_per_nm2(self) -> float:
        """Mean number of acids under a square nanometre of the clear field; one for each photon if not given."""
        return self.absorbed_per_nm2 * (self.acids_per_photon or 1.0)

    def sigma(self, intensity: float) -> float:
        """Standard deviation of the latent image in an evenly lit area.

        White noise of density I (1 + 1/y) / N + q / (N y)^2, for N photons and q quenchers per area and y acids per
        photon, behind a Gaussian: its density times the integral of the squared kernel, 1 / (4 pi blur^2). To the
        same accuracy it holds where the intensity is linear over a few blurs.
        """
        if not self.blur_nm > 0:
            raise ValueError("`blur_nm` must be positive for the latent image to have a variance, but got 0.")
        each = 0.0 if self.acids_per_photon is None else 1 / self.acids_per_photon
        density = intensity * (1 + each) / self.absorbed_per_nm2 + self.quencher_per_nm2 / self.acids_per_nm2**2
        return math.sqrt(density / (4 * math.pi)) / self.blur_nm


def intensity_on_pixels(
    image: AerialImage | Array, pixel_nm: Pixel | None = None
) -> tuple[Floats, tuple[float, float]]:
    """Return an image as a host array (ny, nx) with the size of its pixels (y, x); arrays need `pixel_nm`.

    Negative values are taken as 0 where they are as small as rounding in single precision leaves them, 1e-6.
    """
    if hasattr(image, "intensity"):
        if pixel_nm is not None:
            raise ValueError(f"`pixel_nm` must be left out where the image has a grid, but got {pixel_nm}.")
        values, size = to_host(image.intensity), image.grid.pixel_nm
    else:
        if pixel_nm is None:
            raise ValueError("`pixel_nm` must be given where the image is an array, but got None.")
        values = to_host(image)
        size = (pixel_nm, pixel_nm) if isinstance(pixel_nm, int | float) else pixel_nm
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"`image` must be one image (ny, nx), but got shape {values.shape}.")
    if len(size) != 2 or not all(math.isfinite(p) and p > 0 for p in size):
        raise ValueError(f"`pixel_nm` must be a positive length or two (y, x), but got {pixel_nm}.")
    values = values.astype(np.float64)
    if not (np.isfinite(values).all() and values.min() >= -1e-6):
        raise ValueError("`image` must be finite and not negative, but is not.")
    return np.maximum(values, 0.0), (float(size[0]), float(size[1]))


@dataclass(frozen=True, eq=False)
class Exposures:
    """All exposures of one image: trial `k` of a seed is the same whatever else is sampled.

    Parameters
    ----------
    intensity : (ny, nx) real
        relative to the clear field, at pixel centres; the field is periodic
    pixel_nm
        size of a pixel (y, x)
    noise
        dose and resist
    seed
        from which every trial derives its own stream of random numbers (of one version of NumPy)
    """

    intensity: Floats
    pixel_nm: tuple[float, float]
    noise: ShotNoise
    seed: int

    def __post_init__(self) -> None:
        if 0 < self.noise.blur_nm < max(self.pixel_nm):
            raise ValueError(
                f"`blur_nm` must be 0 or at least a pixel ({max(self.pixel_nm):g} nm), but got {self.noise.blur_nm}."
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer) or self.seed < 0:
            raise ValueError(f"`seed` must be a whole number of at least 0, but got {self.seed!r}.")

    @property
    def area_nm2(self) -> float:
        """Area of a pixel."""
        return self.pixel_nm[0] * self.pixel_nm[1]

    @cached_property
    def photons(self) -> Floats:
        """Mean number of photons that each pixel absorbs, (ny, nx)."""
        return self.intensity * (self.noise.absorbed_per_nm2 * self.area_nm2)

    @cached_property
    def mean(self) -> Floats:
        """The latent image without noise: the blurred aerial image, (ny, nx)."""
        return self.blurred(self.intensity)

    @cached_property
    def diffusion(self) -> Diffusion:
        """The Gaussian that acids spread over."""
        return gaussian_diffusion(Grid(self.intensity.shape, self.pixel_nm), self.noise.blur_nm, self.intensity)

    def blurred(self, values: Floats) -> Floats:
        """Return a field (ny, nx) after diffusion, which keeps its mean."""
        return values if self.noise.blur_nm == 0 else np.asarray(self.diffusion(values))

    def generator(self, trial: int) -> np.random.Generator:
        """Return the random numbers of a trial."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(trial,)))

    def latent(self, trial: int) -> Floats:
        """Return the latent image (ny, nx) of one exposure."""
        rng, noise = self.generator(trial), self.noise
        counts = rng.poisson(self.photons).astype(np.float64)
        if noise.acids_per_photon is not None:
            counts = rng.poisson(noise.acids_per_photon * counts).astype(np.float64)
        if noise.quencher_per_nm2 > 0:
            mean = noise.quencher_per_nm2 * self.area_nm2
            counts += mean - rng.poisson(mean, counts.shape)
        return self.blurred(counts / (noise.acids_per_nm2 * self.area_nm2))

    def batches(
        self, trials: int, batch: int | None = None, sample: Callable[[int], Floats] | None = None
    ) -> Iterator[tuple[int, Floats]]:
        """Yield the first trial and the latent images (n, ny, nx) of one batch after the other.

        Parameters
        ----------
        trials
            number of exposures
        batch
            exposures in memory at a time; not given, as many as 16 MiB hold
        sample
            makes a trial's latent image (ny, nx), `latent` if not given
        """
        if trials < 2:
            raise ValueError(f"`trials` must be at least 2, but got {trials}.")
        if batch is None:
            batch = max(1, BATCH_PIXELS // self.intensity.size)
        if batch < 1:
            raise ValueError(f"`batch` must be at least 1, but got {batch}.")
        workers, sample = threads(), sample or self.latent
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, trials, batch):
                numbers = range(start, min(start + batch, trials))
                latents = np.empty((len(numbers), *self.intensity.shape))

                def fill(offset: int, numbers: range = numbers, latents: Floats = latents) -> None:
                    for k in range(offset, len(numbers), workers):
                        latents[k] = sample(numbers[k])

                list(pool.map(fill, range(workers)))
                yield start, latents
