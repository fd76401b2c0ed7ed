"""Exact images of a job's masks at any focus: what metrology measures on.

Of recipes with their own optics the image is the sum over source points, of whatever accuracy the source's sampling
has; no kernel is left out. Of recipes that take kernels from a file it is that of these kernels, at their foci.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.abbe import abbe_image
from litho.band_image import BandImage, SampledImage
from litho.cells import Floats
from litho.fourier import band_transform
from litho.grid import Grid
from litho.hotspots import CornerPrint
from litho.job import Job, JobError
from litho.kernel_files import read_kernels
from litho.mask import Mask, transmission_band
from litho.polygon_spectrum import join_outlines, polygon_band
from litho.pupil import Optics
from litho.socs import Kernels, image_band
from litho.source_spacing import source_spacing, split_points

Drawn = NDArray[Any] | Sequence[Floats]
"""A mask: coverage (ny, nx) on the scoring grid, or polygons, whose spectrum is exact."""


def window_foci(job: Job) -> tuple[float, ...]:
    """Return the foci of a job's process window, rising."""
    if job.recipe.optics is not None:
        return job.recipe.window.foci_for(job.recipe.optics.build())
    return job.recipe.window.foci_nm or tuple(sorted({k.defocus_nm for k in job.kernels}))


def exact_images(
    job: Job, grid: Grid, mask: Drawn, foci_nm: Sequence[float], kernels: str | os.PathLike[str] | None = None
) -> tuple[BandImage, ...]:
    """Return the image of a mask at each focus, dose 1.

    Parameters
    ----------
    job
        its optics, or its kernels
    grid
        of the clip
    mask
        coverage on that grid, or polygons
    foci_nm
        of each image
    kernels
        file that the job's kernels came from, for foci that are not among those of its corners

    Raises
    ------
    JobError
        if a kernel file has no such focus
    """
    if job.recipe.optics is not None:
        optics = job.recipe.optics.build()
        band = _mask_band(job, grid, mask, optics.band_radius(grid.period_nm))
        halves = _abbe_halves(band, optics, grid.period_nm, foci_nm, job.mask)
    else:
        found = _of_file(job, grid, foci_nm, kernels)
        band = _mask_band(job, grid, mask, found[0].radius)
        halves = [image_band(band, k.like(band))[0] for k in found]
    return tuple(BandImage(np.asarray(half), grid) for half in halves)


def exact_corners(job: Job, grid: Grid, mask: Drawn) -> tuple[CornerPrint, ...]:
    """Return the image at each process corner, as `litho.hotspots` takes them; see `exact_images`."""
    process = job.process
    images = exact_images(job, grid, mask, process.foci_nm)
    samples = [image.samples() for image in images]
    rough = [SampledImage(values, grid) for values in samples]
    return tuple(
        CornerPrint(
            label,
            images[focus],
            rough[focus],
            process.resist.threshold / corner.dose,
            samples[focus],
            process.resist.tone,
        )
        for label, corner, focus in zip(
            job.recipe.process.labels(), process.corners, process.focus_of_corner, strict=True
        )
    )


def focus_reverses(optics: Optics, mask: Mask, spacing: float) -> bool:
    """Return whether images above and below focus are the same, I(-z) = I(z), for every pattern of a thin mask.

    It is so where the mask is real, the light as bright at -s as at s, and the lens, at best focus, real and the same
    at -f and f: then the field of the point s at focus z is the conjugate of that of -s at -z. Enough for it, and asked
    for here: no aberrations, no maps of pupil or polarisation, no films, a focus spread that is its own mirror image.

    Parameters
    ----------
    optics
        lens and source
    mask
        what is transmitted where
    spacing
        of the source points: they too have to come in pairs
    """
    if any(waves for *_, waves in optics.aberrations) or isinstance(optics.polarization, tuple):
        return False
    if any(part is not None for part in (optics.pupil_map, optics.jones, optics.wafer)):
        return False
    if mask.drawn.imag or mask.undrawn.imag:
        return False
    spread = optics.focus_spread
    if spread is not None and not _paired(np.array([spread.offsets_nm]).T, np.array(spread.shares)):
        return False
    points = optics.source.sample(spacing)
    return _paired(np.stack([points.x, points.y], axis=1), points.weight)


def _paired(places: Floats, weight: Floats) -> bool:
    """Return whether there is as much at -p as at p, for all of the places (n, d), but for rounding."""
    sides = [np.round(sign * places, 9) + 0.0 for sign in (1, -1)]
    orders = [np.lexsort(side.T) for side in sides]
    there, opposite = (side[order] for side, order in zip(sides, orders, strict=True))
    return np.array_equal(there, opposite) and np.allclose(weight[orders[0]], weight[orders[1]], rtol=1e-9, atol=0)


def _abbe_halves(
    band: NDArray[np.complex128], optics: Optics, period_nm: tuple[float, float], foci_nm: Sequence[float], mask: Mask
) -> list[NDArray[Any]]:
    """Return the image's half band at each focus; foci that are known to have the same image share one."""
    halves: dict[float, NDArray[Any]] = {}
    for focus in foci_nm:
        spacing = source_spacing(optics, defocus_nm=focus)
        if focus not in halves and -focus in halves and focus_reverses(optics, mask, spacing):
            halves[focus] = halves[-focus]
        elif focus not in halves:
            halves[focus] = abbe_image(band, optics, period_nm, focus, split_points(optics, spacing, band, period_nm))
    return [halves[focus] for focus in foci_nm]


def _mask_band(job: Job, grid: Grid, mask: Drawn, radius: tuple[int, int]) -> NDArray[np.complex128]:
    """Return the full band of the mask's transmission."""
    if isinstance(mask, np.ndarray):
        coverage = mask.astype(np.float64)
        half = band_transform(grid.shape, radius, coverage)(coverage)
    elif len(mask) == 0:
        half = np.zeros((2 * radius[0] + 1, radius[1] + 1), np.complex128)
    else:
        half, _ = polygon_band(*join_outlines([np.asarray(p, dtype=np.float64) for p in mask]), grid, radius)
    band: NDArray[np.complex128] = transmission_band(half, job.mask)
    return band


def _of_file(job: Job, grid: Grid, foci_nm: Sequence[float], file: str | os.PathLike[str] | None) -> list[Kernels]:
    there = {k.defocus_nm: k for k in job.kernels}
    if file is not None:
        read = {k.defocus_nm: k for k in read_kernels(file, grid.period_nm).values()}
        count = job.recipe.kernels.count if job.recipe.kernels is not None else None
        there = {f: k if count is None else k.truncated(count) for f, k in read.items()} | there
    missing = [focus for focus in foci_nm if focus not in there]
    if missing:
        raise JobError(
            f"`window.foci_nm` must be among the foci of the kernels, {sorted(there)} nm, but got {missing}."
        )
    return [there[focus] for focus in foci_nm]
